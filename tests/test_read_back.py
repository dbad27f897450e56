"""What is written in a format is read back equal, whatever characters it holds: a test for each reader.

CSV and TSV, JSON, JSON lines, columns and CoNLL-U, SQuAD nested and flat, pairs of texts, lines and tables for
`predict`, plain text, config.json. vocab.txt and the other files of a tokenizer: test_tokenizer_files.py.
"""

import csv
import io
import json
import re
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertlab import BertConfig, files, sources
from bertlab.model_files import read_config
from bertlab.tasks import (
    BadRows,
    Question,
    TaggedSentence,
    TextPair,
    read_inputs,
    read_labelled_texts,
    read_questions,
    read_tagged_sentences,
    read_text_pairs,
    to_iob2,
    write_predictions,
)
from bertlab.tasks.tables import read_table

from .tiny_runs import make_task

# Letters of some scripts, and spaces, line ends and signs that a reader may take for its own. A surrogate is no text.
SPACES = "\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e\x1f\xa0\u3000\u2009\u200b\r"
CHARACTERS = "abé中İ\u0301👩\u200d🚀\ufeff\0\x7f\U0010ffff#-_\"',\\;|[]{}:01\n\t " + SPACES
WORD_CHARACTERS = "".join(char for char in CHARACTERS if char not in "\n\t ")


def write(factory, name: str, text: str):
    path = factory.getbasetemp() / name
    path.write_bytes(text.encode())
    return path


# ---- Tables ----------------------------------------------------------------------------------------------------------

FIELDS = st.text('"",;\t\n\r ab\u2028é', max_size=12) | st.text(CHARACTERS, max_size=8)
LABELS = st.sampled_from(["yes", "no"])
DIALECTS = [(".csv", {}), (".csv", {"delimiter": ";"}), (".csv", {"delimiter": "\t"}), (".tsv", {"delimiter": "\t"})]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(LABELS, FIELDS), min_size=1, max_size=5),
    dialect=st.sampled_from(DIALECTS),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_csv_and_tsv(rows, dialect, quoting, line_end, mark, tmp_path_factory):
    """Or refused by name, where the separators and line ends within a text make rows with the labels of others."""
    ending, options = dialect
    if (line_end, quoting) == ("\n", csv.QUOTE_MINIMAL):  # Python before 3.13 does not put marks around "\r" then
        rows = [(label, text.replace("\r", "\n")) for label, text in rows]
    written = io.StringIO()
    writer = csv.writer(written, quoting=quoting, lineterminator=line_end, **options)
    writer.writerows([("label", "text"), *rows])
    file = write(tmp_path_factory, f"back{ending}", mark + written.getvalue())
    problems = BadRows(file)
    found = [(row["label"], row["text"]) for _, row in read_table(file, problems)]
    if problems.messages:
        separator = options.get("delimiter", ",")
        assert any(separator in text and ("\n" in text or "\r" in text) for _, text in rows)
        assert "it would swallow line" in problems.messages[0]
    else:
        assert found == rows


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.fixed_dictionaries({"label": LABELS, "text": FIELDS}), min_size=1, max_size=5))
def test_json_and_json_lines(rows, tmp_path_factory):
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    for file in (
        write(tmp_path_factory, "back.jsonl", lines),
        write(tmp_path_factory, "back.json", json.dumps(rows, indent=1)),
        write(tmp_path_factory, "data.json", json.dumps({"data": rows})),
    ):
        problems = BadRows(file)
        assert [row for _, row in read_table(file, problems)] == rows
        assert problems.messages == []


def test_what_pandas_writes(tmp_path):
    pandas = pytest.importorskip("pandas")
    texts, labels = ['say "no", now', "two\nlines", "a;b\tc", "plain"], ["1", "0", "1", "0"]
    frame = pandas.DataFrame({"text": texts, "label": [int(label) for label in labels]})
    frame.to_csv(tmp_path / "a.csv")
    frame.to_csv(tmp_path / "b.tsv", sep="\t", index=False, encoding="utf-8-sig")
    frame.astype({"label": float}).to_csv(tmp_path / "c.csv", sep=";", index=False)
    frame.to_json(tmp_path / "d.json")
    frame.to_json(tmp_path / "e.json", orient="records", indent=2)
    frame.to_json(tmp_path / "f.jsonl", orient="records", lines=True)
    for file in tmp_path.iterdir():
        examples = read_labelled_texts(file, say=lambda text: None)
        assert ([e.text for e in examples], [e.label for e in examples]) == (texts, labels), file.name


PHRASES = st.text(CHARACTERS, min_size=1, max_size=12).map(str.strip).filter(bool)


@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(PHRASES, PHRASES), min_size=1, max_size=4))
def test_pairs_and_replies(pairs, tmp_path_factory):
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows([("source", "target"), *pairs])
    lines = "".join(json.dumps({"source": a, "target": b}, ensure_ascii=False) + "\n" for a, b in pairs)
    for name, text in (("pairs.csv", written.getvalue()), ("pairs.jsonl", lines)):
        found = read_text_pairs(write(tmp_path_factory, name, text), say=lambda text: None)
        assert found == [TextPair(*pair) for pair in pairs]


# ---- Tags ------------------------------------------------------------------------------------------------------------

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
WORDS = st.text(WORD_CHARACTERS, min_size=1, max_size=6).filter(
    lambda word: word != "-DOCSTART-" and not word.startswith("\ufeff")
)
SENTENCES = st.lists(st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=5), min_size=1, max_size=5)
LAYOUTS = {
    "two": lambda i, word, tag: f"{word}\t{tag}",
    "spaces": lambda i, word, tag: f"{word}  {tag}",
    "conll2003": lambda i, word, tag: f"{word} NNP B-NP {tag}",
    "multiconer": lambda i, word, tag: f"{word} _ _ {tag}",
    "germeval": lambda i, word, tag: f"{i}\t{word}\t{tag}\tO",
    "numbered": lambda i, word, tag: f"{i} {word} {tag}",
    "conllu": lambda i, word, tag: f"{i}\t{word}\t_\t{tag}\tX\t_\t_\t_\t_\t_",
}
COMMON = [list(zip(["the", "tall", "Nora", "Holm", "saw", "Oslo"],
                   ["O", "O", "B-PER", "I-PER", "O", "B-LOC"], strict=True))] * 5  # fmt: skip


def make_sentences(drawn) -> list[TaggedSentence]:
    return [TaggedSentence([word for word, _ in pairs], to_iob2([tag for _, tag in pairs])) for pairs in drawn]


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=40, deadline=None)
@given(SENTENCES)
def test_columns(layout, tmp_path_factory, drawn):
    examples = make_sentences([*COMMON, *drawn])
    blocks = ["\n".join(LAYOUTS[layout](i, word, tag) for i, (word, tag) in enumerate(zip(*example, strict=True), 1))
              for example in examples]  # fmt: skip
    path = write(tmp_path_factory, f"{layout}.txt", "\n\n".join(blocks) + "\n")
    assert read_tagged_sentences(path, say=lambda text: None) == examples


@settings(max_examples=40, deadline=None)
@given(SENTENCES, st.booleans())
def test_conllu_with_comments_ranges_and_empty_nodes(tmp_path_factory, drawn, short):
    examples, lines = make_sentences(drawn), []
    for words, tags in examples:
        lines += ["# text = " + " ".join(words).replace("\r", ""), "1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_"]
        for i, (word, tag) in enumerate(zip(words, tags, strict=True), 1):
            lines.append(f"{i}\t{word}\t_\t{tag}\t_\t_\t{i - 1}\tdep\t_\t_")
        lines += [f"{len(words)}.1\te\t_\tX\t_\t_\t_\t_\t_\t_", ""]
    path = write(tmp_path_factory, "back.conllu", "\n".join(lines) + "\n" * (not short))
    assert read_tagged_sentences(path, say=lambda text: None) == examples


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.tuples(PHRASES, TAGS), min_size=1, max_size=5), min_size=1, max_size=5), st.booleans())
def test_tagged_json(tmp_path_factory, drawn, ascii_only):
    examples = make_sentences(drawn)
    rows = [{"words": words, "tags": tags} for words, tags in examples]
    lines = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    for name, text in (("tags.jsonl", lines), ("tags.json", json.dumps(rows, indent=1))):
        assert read_tagged_sentences(write(tmp_path_factory, name, text), say=lambda text: None) == examples


# ---- Questions -------------------------------------------------------------------------------------------------------

PARTS = st.text(CHARACTERS, min_size=1, max_size=12).filter(str.strip)


@st.composite
def draw_question(draw) -> Question:
    before, answer, after = draw(PARTS), draw(PARTS), draw(PARTS)
    answers = draw(st.sampled_from([[], [(len(before), answer)], [(len(before), answer)] * 2]))
    return Question("", draw(PARTS).strip(), before + answer + after, answers)


def lay_out(question: Question, layout: str) -> dict:
    """A row of the question: flat with answers as a dict, or nested with a list."""
    texts, starts = [text for _, text in question.answers], [start for start, _ in question.answers]
    pairs = [{"text": text, "answer_start": start} for start, text in question.answers]
    row = {"id": question.id, "question": question.question, "is_impossible": not question.answers}
    if layout == "nested":
        return {"context": question.context, "qas": [row | {"answers": pairs}]}
    return row | {"context": question.context, "answers": {"text": texts, "answer_start": starts}}


@given(st.lists(draw_question(), min_size=1, max_size=4), st.sampled_from(["nested", "list", "lines", "data"]))
@settings(max_examples=100, deadline=None)
def test_questions(tmp_path_factory, questions, layout):
    questions = [question._replace(id=str(i)) for i, question in enumerate(questions)]
    rows = [lay_out(question, layout) for question in questions]
    if layout == "lines":
        text = "".join(json.dumps(row, ensure_ascii=len(rows) % 2 == 0) + "\n" for row in rows)
    else:
        text = json.dumps({"nested": {"data": [{"paragraphs": rows}]}, "list": rows, "data": {"data": rows}}[layout])
    path = write(tmp_path_factory, "squad.jsonl" if layout == "lines" else "squad.json", text)
    assert read_questions(path, say=lambda text: None) == questions


# ---- predict ---------------------------------------------------------------------------------------------------------

LINES = st.text(WORD_CHARACTERS + " ", max_size=10).filter(
    lambda line: not line.startswith("\ufeff") and not line.endswith("\r")
)


@given(st.lists(st.tuples(LINES, LINES) | LINES, min_size=1, max_size=5), st.booleans())
@settings(max_examples=100, deadline=None)
def test_lines_of_predict(tmp_path_factory, inputs, ended):
    """Also as standard input. A last empty line without a line end is none."""
    inputs = [*inputs, "end"]
    lines = ["\t".join(given) if isinstance(given, tuple) else given for given in inputs]
    text = "\n".join(lines) + "\n" * ended
    task, path = make_task("classify"), write(tmp_path_factory, "lines.txt", text)
    assert read_inputs(task, file=path, say=lambda text: None)[0] == inputs
    stream = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    assert read_inputs(task, stdin=stream, say=lambda text: None)[0] == inputs


@given(st.lists(st.fixed_dictionaries({"text": PHRASES, "id": FIELDS}), min_size=1, max_size=4), st.sampled_from("cj"))
@settings(max_examples=100, deadline=None)
def test_predictions_keep_their_inputs(tmp_path_factory, rows, kind):
    """What `predict --out` writes can be given to it again, with the same columns."""
    path = tmp_path_factory.getbasetemp() / ("out.csv" if kind == "c" else "out.jsonl")
    write_predictions(rows, [{"label": "x", "words": ["a", "b"]}] * len(rows), path)
    problems = BadRows(path)
    found = [{name: row[name] for name in ("text", "id")} for _, row in read_table(path, problems)]
    if problems.messages:
        assert "it would swallow line" in problems.messages[0]
    else:
        assert found == rows
        assert read_inputs(make_task("classify"), file=path, say=lambda text: None)[0] == [row["text"] for row in rows]


# ---- Text and settings -----------------------------------------------------------------------------------------------


@given(st.lists(PHRASES, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_documents_of_a_text(tmp_path_factory, documents):
    documents = [
        re.sub(r"^[\ufeff\s]+|[\ufeff\s]+$", "", re.sub(r"\n\s*\n", "\n", document.replace("\r", ""))) or "a"
        for document in documents
    ]
    assert sources.texts(write(tmp_path_factory, "documents.txt", "\n\n".join(documents) + "\n")) == documents


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 3), st.sampled_from([1e-12, 1e-5]), st.floats(0, 0.9))
@settings(max_examples=50, deadline=None)
def test_config_json(tmp_path_factory, heads, size, layers, epsilon, dropout):
    config = BertConfig(vocab_size=size + 5, hidden_size=heads * size, num_hidden_layers=layers,
                        num_attention_heads=heads, layer_norm_eps=epsilon, hidden_dropout_prob=dropout)  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "config.json"
    files.write_json(path, asdict(config))
    assert read_config(path)[0] == config
