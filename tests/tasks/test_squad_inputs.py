"""Questions in every layout that files and data sets have, right and wrong, through the public readers.

Each file of tests/inputs/squad holds the same question on otters. Data sets of the hub are read from folders.
"""

import json
import os
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertlab.__main__ import main
from bertlab.tasks import (
    TASKS,
    BadRows,
    BadRowsError,
    FinetunePlan,
    LabelledText,
    MultiLabelText,
    Question,
    ScoredText,
    Split,
    TaggedSentence,
    TextPair,
    check_data,
    finetune,
    parse_articles,
    read_hub_examples,
    read_questions,
)

from ..conftest import ROOT

FOLDER = ROOT / "tests" / "inputs" / "squad"
CONTEXT = "Otters 🦦 float on their backs. They crack shells with stones."
ANSWERED = Question("o1", "What do otters crack?", CONTEXT, [(42, "shells")])
OPEN = ANSWERED._replace(answers=[])
NULL = "1 of 1 questions have answers null and no is_impossible: taken as without an answer"
BOTH = "1 of 1 questions have answers although is_impossible is true: taken as without an answer"

# ---- Files -----------------------------------------------------------------------------------------------------------

ERRORS = {
    "bad_offset.json": "question o1: the answer 'shells' is not at character 43: it is at 42",
    "bad_offset_flat.json": "question o1: the answer 'shells' is not at character 43: it is at 42",
    "bad_offset_missing.json": "question o1: answers[0] has no answer_start; it is at 42",
    "bad_offset_null.json": "question o1: answers[0] has no answer_start; it is at 42",
    "bad_offset_half.json": "answers[0].answer_start is 42.5, not the number of a character",
    "bad_offset_true.json": "answers[0].answer_start is True, not the number of a character",
    "bad_offset_word.json": "answers[0].answer_start is 'forty', not the number of a character",
    "bad_text_number.json": "question o1: answers[0].text is 7, not a text",
    "bad_text_null.json": "answers[0].text is None, not a text",
    "bad_text_missing.json": "answers[0] has no text",
    "bad_text_second.json": "answers[1].text is ['x'], not a text",
    "bad_answer_word.json": "answers[0] is 'shells', not an object with text and answer_start",
    "bad_answers_number.json": "answers is 7, not a list",
    "bad_answers_text.json": "answers is 'shells', not a list",
    "bad_answers_lengths.json": "answers has 1 texts and 0 answer_start; each text needs one",
    "bad_answers_mixed.json": "answers.text and answers.answer_start must both be lists, or neither",
    "bad_answers_keys.json": "answers has no answer_start, only text, start",
    "bad_answers_empty.json": "there is no answer, and no is_impossible as in SQuAD 2.0",
    "bad_answers_missing.json": "there is no answer, and no is_impossible as in SQuAD 2.0",
    "bad_answers_null_possible.json": "there is no answer, and is_impossible is false",
    "bad_context_null.json": "question o1: context is None, not a text",
    "bad_context_number.json": "question o1: context is 3, not a text",
    "bad_context_list.json": "question o1: context is ['Otters'], not a text",
    "bad_context_missing.json": "question o1: there is no 'context', only id, question, answers",
    "bad_question_number.json": "question is 3, not a text",
    "bad_impossible.json": "is_impossible is 'perhaps', not true or false",
    "bad_id_list.json": "article 1, paragraph 1, question 1: id is ['o1'], not a text or a number",
    "bad_id_missing.json": "article 1, paragraph 1, question 1: it has no id",
    "bad_qas_null.json": "article 1, paragraph 1: qas is None, not a list",
    "bad_qas_missing.json": "article 1, paragraph 1: there is no 'qas'",
    "bad_paragraph_text.json": "article 1, paragraph 1: 'Otters' is not an object",
    "bad_article_number.json": "article 1: 7 is not an object",
    "bad_question_text.json": "article 1, paragraph 1, question 1: 'What?' is not an object",
    "bad_line.jsonl": "line 1: not JSON",
    "bad_json.json": "is not laid out as SQuAD: it is not JSON",
    "bad_deep.json": "is not laid out as SQuAD: it is not JSON (it is nested too deep)",
}
MORE_ROWS = {
    "flat_lines.json": [ANSWERED, ANSWERED._replace(id="o2")],
    "no_ids.jsonl": [ANSWERED._replace(id="line 1"), ANSWERED._replace(id="line 2")],
}
SAID = {"no_answer_null.json": [NULL], "no_answer_contradiction.json": [BOTH]}


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_every_layout_of_a_file(name):
    said = []
    if name in ERRORS:
        with pytest.raises(ValueError, match=re.escape(ERRORS[name])) as caught:
            read_questions(FOLDER / name, say=said.append)
        assert str(FOLDER / name) in str(caught.value)
        assert name in ("bad_json.json", "bad_deep.json") or isinstance(caught.value, BadRowsError)
    else:
        expected = MORE_ROWS.get(name, [OPEN if name.startswith("no_answer") else ANSWERED])
        assert read_questions(FOLDER / name, say=said.append) == expected
    assert said == [f"{FOLDER / name}: {note}" for note in SAID.get(name, [])]


def test_all_bad_lines_are_told_by_their_number():
    with pytest.raises(BadRowsError, match="bad_line.jsonl, line 2: context is None, not a text"):
        read_questions(FOLDER / "bad_line.jsonl")


@pytest.mark.parametrize("name", ["bad_text_number.json", "bad_context_list.json", "bad_deep.json", "bad_line.jsonl"])
def test_the_command_line_tells_what_is_wrong(name, tmp_path, capsys):
    assert main(["finetune", "read", "--train", str(FOLDER / name), "--out", str(tmp_path / "run")])
    printed = capsys.readouterr().err
    assert ERRORS[name] in printed
    assert "Traceback" not in printed


def test_a_bad_paragraph_costs_no_other_one(tmp_path):
    paragraphs = [{"context": CONTEXT}, {"context": CONTEXT, "qas": [{"id": 7, "question": "Who?", "answers": None}]}]
    problems = BadRows("a.json")
    assert [question.id for question in parse_articles([{"paragraphs": paragraphs}], problems)] == ["7"]
    assert problems.messages == ["a.json, article 1, paragraph 1: there is no 'qas'"]


# ---- Written and read back -------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)


@st.composite
def draw_question(draw) -> Question:
    before, answer, after = draw(WORDS), draw(WORDS), draw(WORDS)
    answers = draw(st.sampled_from([[], [(len(before), answer)], [(len(before), answer)] * 2]))
    return Question("", draw(WORDS).strip(), before + answer + after, answers)


def lay_out(question: Question, layout: str) -> dict:
    """A row of the question: flat with answers as a dict, or nested with a list."""
    texts, starts = [text for _, text in question.answers], [start for start, _ in question.answers]
    pairs = [{"text": text, "answer_start": start} for start, text in question.answers]
    row = {"id": question.id, "question": question.question, "is_impossible": not question.answers}
    if layout == "nested":
        return {"context": question.context, "qas": [row | {"answers": pairs}]}
    return row | {"context": question.context, "answers": {"text": texts, "answer_start": starts}}


@given(st.lists(draw_question(), min_size=1, max_size=4), st.sampled_from(["nested", "list", "lines", "data"]))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back(tmp_path_factory, questions, layout):
    questions = [question._replace(id=str(i)) for i, question in enumerate(questions)]
    rows = [lay_out(question, layout) for question in questions]
    if layout == "lines":
        text = "".join(json.dumps(row, ensure_ascii=len(rows) % 2 == 0) + "\n" for row in rows)
    else:
        text = json.dumps({"nested": {"data": [{"paragraphs": rows}]}, "list": rows, "data": {"data": rows}}[layout])
    path = tmp_path_factory.mktemp("squad") / ("a.jsonl" if layout == "lines" else "a.json")
    path.write_text(text, encoding="utf-8")
    assert read_questions(path, say=lambda text: None) == questions


# ---- Mutated files ---------------------------------------------------------------------------------------------------

VALUES = [
    None,
    True,
    False,
    7,
    -1,
    42.0,
    42.5,
    1e400,
    "42",
    "false",
    "",
    " ",
    [],
    {},
    ["x"],
    {"text": ["shells"]},
    "\ud800",
]


def change_value(value, rng: random.Random):
    """A JSON value with one part replaced, removed or doubled."""
    if isinstance(value, list | dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        changed = value.copy()
        if rng.random() < 0.1:
            del changed[key]
        else:
            changed[key] = change_value(value[key], rng)
        return changed
    return rng.choice(VALUES)


def mutate_file(text: str, rng: random.Random) -> str:
    """The text of a file with a changed value, or with changed characters."""
    if rng.random() < 0.7:
        return "\n".join(json.dumps(change_value(json.loads(line), rng)) for line in text.splitlines())
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        text = (
            text[:at]
            + rng.choice(["", "\n", '"', "{", "]", "0", ",", "\x00", "\u2028"])
            + text[at + rng.randint(0, 2) :]
        )
    return text


def count_mutations(tmp_path, count: int) -> tuple[int, int]:
    """How many of so many mutated files are read, and refused; what is read must be right."""
    rng, read, errors = random.Random(11), 0, []
    sources = [path for path in sorted(FOLDER.iterdir()) if not path.name.startswith("bad_")]
    for _ in range(count):
        source = rng.choice(sources)
        path = tmp_path / f"a{source.suffix}"
        path.write_text(mutate_file(source.read_text("utf-8"), rng), encoding="utf-8", errors="surrogatepass")
        try:
            questions = read_questions(path, skip_bad_rows=rng.random() < 0.5, say=lambda text: None)
        except (ValueError, OSError) as error:
            errors.append(str(error))
            continue
        read += 1
        for question in questions:
            TASKS["read"].check_example(question, "question")
    assert all("a.json" in error for error in errors)
    return read, len(errors)


def test_a_mutated_file_is_read_or_refused(tmp_path):
    read, refused = count_mutations(tmp_path, 400)
    assert min(read, refused) > 50


@pytest.mark.skipif(not os.environ.get("BERTLAB_LONG"), reason="BERTLAB_LONG=1 tries 10,000 mutated files")
def test_ten_thousand_mutated_files_are_read_or_refused(tmp_path):
    print(count_mutations(tmp_path, 10_000))


# ---- Data sets of the hub --------------------------------------------------------------------------------------------

DATASETS = {
    "read": ({"id": "o1", "question": "What?", "context": CONTEXT,
              "answers": {"text": ["shells"], "answer_start": [42]}},
             Question("o1", "What?", CONTEXT, [(42, "shells")])),
    "classify": ({"text": "good", "label": 1}, LabelledText("good", None, "1")),
    "multilabel": ({"text": "good", "labels": ["a", "b"]}, MultiLabelText("good", None, ("a", "b"))),
    "regress": ({"text": "good", "score": 1.5}, ScoredText("good", None, 1.5)),
    "tag": ({"tokens": ["EU", "rejects", "it"], "ner_tags": ["B-ORG", "O", "O"]},
            TaggedSentence(["EU", "rejects", "it"], ["B-ORG", "O", "O"])),
    "write": ({"source": "a", "target": "b"}, TextPair("a", "b")),
    "reply": ({"source": "a", "target": "b"}, TextPair("a", "b")),
}  # fmt: skip
BAD_ROWS = [
    ("read", {"answers": {"text": ["shells"], "answer_start": [0]}}, "is not at character 0: it is at 42"),
    ("read", {"answers": {"text": [None], "answer_start": [42]}}, "answers[0].text is None, not a text"),
    ("read", {"answers": {"text": ["shells", "x"], "answer_start": [42]}}, "answers has 2 texts and 1 answer_start"),
    ("read", {"context": None}, "context is None, not a text"),
    ("read", {"question": ""}, "question is empty"),
    ("read", {"id": "o1"}, "its id is that of another one"),
    ("classify", {"text": None}, "text is None, not a text"),
    ("classify", {"text": " "}, "text is empty"),
    ("classify", {"label": None}, "label is empty"),
    ("multilabel", {"text": None}, "text is None, not a text"),
    ("multilabel", {"labels": ["a", None]}, "label is empty"),
    ("regress", {"score": None}, "score is None; it must be a number"),
    ("regress", {"score": float("nan")}, "score is nan; it must be a number"),
    ("tag", {"ner_tags": ["O", "O"]}, "3 words and 2 tags"),
    ("tag", {"tokens": None}, "needs lists"),
    ("tag", {"tokens": ["EU", None, "it"]}, "word 2 is None, not a text"),
    ("tag", {"tokens": ["EU", " ", "it"]}, "none is empty"),
    ("tag", {"ner_tags": ["O", None, "O"]}, "tag 2: label is empty"),
    ("write", {"target": None}, "target is None, not a text"),
    ("reply", {"source": ""}, "source is empty"),
]


def keep_dataset(tmp_path, rows: list[dict], features=None) -> str:
    """A folder that `datasets` reads as it reads a repository of the hub."""
    datasets = pytest.importorskip("datasets")
    (tmp_path / "set").mkdir()
    datasets.Dataset.from_list(rows, features).to_parquet(tmp_path / "set" / "train-00000-of-00001.parquet")
    return str(tmp_path / "set")


@pytest.mark.parametrize(("task", "change", "message"), BAD_ROWS)
def test_a_bad_row_of_a_data_set_is_told_by_its_number(task, change, message, tmp_path):
    row, expected = DATASETS[task]
    other = row | ({"id": "o2"} if "id" in row else {}) | change
    folder, said = keep_dataset(tmp_path, [row, other]), []
    with pytest.raises(BadRowsError, match="1 of 2 rows cannot be used:\n.*, row 2: .*" + re.escape(message)):
        read_hub_examples(TASKS[task], folder, "train", say=said.append)
    assert said == []
    assert read_hub_examples(TASKS[task], folder, "train", skip_bad_rows=True, say=said.append) == [expected]
    assert message in said[0]


def test_the_command_line_skips_bad_rows_of_a_data_set(tmp_path, capsys):
    folder = keep_dataset(tmp_path, [{"text": "good", "label": "a"}, {"text": None, "label": "b"}])
    arguments = ["finetune", "classify", "--train", f"hub:{folder}", "--out", str(tmp_path / "run")]
    assert main(arguments)
    assert "row 2: text is None, not a text" in capsys.readouterr().err
    assert main([*arguments, "--skip-bad-rows"])  # one label is left
    assert "1 of 2 rows left out" in "".join(capsys.readouterr())


def test_classes_of_a_data_set_have_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"tokens": datasets.Sequence(datasets.Value("string")),
         "ner_tags": datasets.Sequence(datasets.ClassLabel(names=["O", "B-PER"]))}
    )  # fmt: skip
    rows = [{"tokens": ["Ada", "sat"], "ner_tags": [1, 0]}, {"tokens": [], "ner_tags": []},
            {"tokens": ["Ada", "sat"], "ner_tags": [-1, 0]}]  # fmt: skip
    folder, said = keep_dataset(tmp_path, rows, features), []
    expected = [TaggedSentence(["Ada", "sat"], ["B-PER", "O"])]
    assert read_hub_examples(TASKS["tag"], folder, "train", skip_bad_rows=True, say=said.append) == expected
    assert "1 of 3 rows" in said[0]
    assert "row 3: -1 is the number of no class: there are 2, from 0" in said[1]


def test_an_odd_tag_of_a_data_set_is_told_by_its_row(tmp_path):
    rows = [{"tokens": ["Ada", "sat"], "tags": tags} for tags in (["B-PER", "O"], ["B-PER", None], ["B_PER", "O"])]
    folder, said = keep_dataset(tmp_path, rows), []
    found = read_hub_examples(TASKS["tag"], folder, "train", skip_bad_rows=True, say=said.append)
    assert [sentence.tags for sentence in found] == [["B-PER", "O"]] * 2
    assert "the tag 'B_PER' (row 3) is read as B-PER" in said[1]


def test_columns_that_a_data_set_does_not_have(tmp_path):
    rows = [{"translation": {"de": "die Katze", "en": "the cat"}}] * 2
    folder, said = keep_dataset(tmp_path, rows), []
    pairs = read_hub_examples(TASKS["write"], folder, "train", source="en", say=said.append)
    assert pairs[0] == TextPair("the cat", "die Katze")
    assert "from en into de" in said[0]
    with pytest.raises(ValueError, match="has no language 'fr', only de, en"):
        read_hub_examples(TASKS["write"], folder, "train", source="fr", target="en")
    with pytest.raises(ValueError, match="a classify has no columns txt to name; there are text, pair, label"):
        read_hub_examples(TASKS["classify"], folder, "train", txt="translation")


def test_the_second_text_of_a_pair_is_named_as_for_a_file(tmp_path):
    folder = keep_dataset(tmp_path, [{"text": "a", "other": "b", "label": 1}])
    for name in ("pair", "text_pair"):
        found = read_hub_examples(TASKS["classify"], folder, "train", **{name: "other"})
        assert found == [LabelledText("a", "b", "1")]


# ---- Examples that Python callers build ------------------------------------------------------------------------------

TEXTS = [LabelledText("a", None, "x"), LabelledText("b", None, "y")]


@pytest.mark.parametrize(
    ("task", "example", "message"),
    [
        ("classify", ("a", "x"), "data.train[1] is ('a', 'x'), not a LabelledText(text, pair, label)"),
        ("classify", TEXTS[0]._replace(label=1), "data.train[1].label is 1, not a text"),
        ("classify", TEXTS[0]._replace(text=None), "data.train[1].text is None, not a text"),
        ("classify", TEXTS[0]._replace(pair=3), "data.train[1].pair is 3, not a text"),
        ("multilabel", MultiLabelText("a", None, "xy"), "data.train[1].labels is 'xy', not a list"),
        ("multilabel", MultiLabelText("a", None, ("x", 2)), "data.train[1].labels[1] is 2, not a text"),
        ("regress", ScoredText("a", None, "3"), "data.train[1].score is '3', not a number"),
        ("regress", ScoredText("a", None, float("nan")), "data.train[1].score is nan; it must be a number"),
        ("tag", TaggedSentence(["a", "b"], ["X"]), "data.train[1] has 2 words and 1 tags; each word needs one"),
        ("tag", TaggedSentence("ab", ["X", "Y"]), "data.train[1].words is 'ab', not a list"),
        ("read", Question("1", "q", "a b", ["b"]), "data.train[1].answers[0] is 'b', not a list"),
        ("read", Question("1", "q", "a b", [("b", 2)]), "data.train[1].answers[0][0] is 'b', not a whole number"),
        ("read", Question("1", "q", "a b", [(0, "b")]), "data.train[1]: the answer 'b' is not at character 0"),
        ("read", Question("1", "q", None, []), "data.train[1].context is None, not a text"),
        ("write", TextPair("a", None), "data.train[1].target is None, not a text"),
        ("reply", "a", "data.train[1] is 'a', not a TextPair(source, target)"),
    ],
)  # fmt: skip
def test_a_wrong_example_of_a_python_caller_is_told(task, example, message, tmp_path):
    good = DATASETS[task][1]
    plan = FinetunePlan(task=task, train="given", model=str(tmp_path))
    with pytest.raises(ValueError, match=re.escape(message)):
        finetune(plan, tmp_path / "run", data=Split([good, example], [good], [good]), say=lambda text: None)
    assert not (tmp_path / "run").exists()


def test_data_that_is_no_split_is_told(tmp_path):
    plan = FinetunePlan(task="classify", train="given", model=str(tmp_path))
    for data, message in ((TEXTS, "data is a list, not a Split"), (Split("ab", TEXTS, TEXTS), "data.train is a str")):
        with pytest.raises(ValueError, match=message):
            finetune(plan, tmp_path / "run", data=data)


def test_good_examples_of_every_task_pass():
    for task, (_, example) in DATASETS.items():
        TASKS[task].check_example(example, "example")
    check_data(FinetunePlan(task="classify", train="given"), Split(TEXTS, TEXTS, TEXTS), lambda text: None)
