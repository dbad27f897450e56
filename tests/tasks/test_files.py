"""Files of the field's formats, real and spoiled, and data sets of the hub."""

import json

import pytest

from bertlab.tasks import (
    TASKS,
    BadRowsError,
    LabelledText,
    Question,
    TaggedSentence,
    TextPair,
    read_hub_examples,
    read_labelled_texts,
    read_questions,
    read_tagged_sentences,
    read_text_pairs,
)


def written(tmp_path, name: str, text: str):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


# ---- Classification files --------------------------------------------------------------------------------------------


def test_csv_with_quotes_line_breaks_and_a_mark_of_order(tmp_path):
    file = written(tmp_path, "a.csv", '\ufefftext,label\n"good, really\n""good""",1\r\nbad,0\n\n')
    assert read_labelled_texts(file) == [
        LabelledText('good, really\n"good"', None, "1"),
        LabelledText("bad", None, "0"),
    ]


def test_tsv_has_no_quotes(tmp_path):
    file = written(tmp_path, "a.tsv", 'label\ttext\npos\t"good" film\nneg\t"bad film\n')
    assert read_labelled_texts(file) == [
        LabelledText('"good" film', None, "pos"),
        LabelledText('"bad film', None, "neg"),
    ]


def test_json_lines_with_pairs_and_labels_as_numbers(tmp_path):
    rows = [{"text": "a", "text_pair": "b", "label": 1}, {"text": "c", "text_pair": "d", "label": 0.0, "more": [1]}]
    file = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    assert read_labelled_texts(file) == [LabelledText("a", "b", "1"), LabelledText("c", "d", "0")]


def test_a_folder_for_each_class(tmp_path):
    for name, text in (("bad/2.txt", "dull"), ("good/1.txt", "fine\nreally"), ("good/9.md", "not read")):
        written(tmp_path, name, text)
    assert read_labelled_texts(tmp_path) == [
        LabelledText("dull", None, "bad"),
        LabelledText("fine\nreally", None, "good"),
    ]


def test_columns_of_another_name(tmp_path):
    file = written(tmp_path, "a.csv", "review,stars\ngood,5\n")
    assert read_labelled_texts(file, text="review", label="stars") == [LabelledText("good", None, "5")]


@pytest.mark.parametrize(
    ("name", "text", "messages"),
    [
        ("a.csv", "text,label\ngood,1\nbad\n,0\nx,\n",
         [r"a.csv, line 3: 1 columns instead of 2 \(text, label\)", "line 4: text is empty", "line 5: label is empty"]),
        ("a.csv", 'text,label\n"a\nb",1\nbad,0,0\n', ["line 4: 3 columns instead of 2"]),
        ("a.tsv", "words\tlabel\ngood\t1\n", ["line 2: there is no 'text', only words, label"]),
        ("a.csv", "text,stars\ngood,1\n", ["line 2: there is no 'label', only text, stars"]),
        ("a.jsonl", '{"text": "a", "label": "x"}\n{"text": 3, "label": "x"}\n{"text": "b", "label": null}\n{oh\n[1]\n'
                    '{"text": "b", "label": 0.5}\n',
         ["line 2: text is 3, not a text", "line 3: label is empty", "line 4: not JSON",
          "line 5: .* is not a JSON object", "line 6: label must be a word or a whole number, not 0.5"]),
    ],
)  # fmt: skip
def test_bad_rows_are_told_all_at_once(name, text, messages, tmp_path):
    file = written(tmp_path, name, text)
    with pytest.raises(BadRowsError) as caught:
        read_labelled_texts(file)
    for message in messages:
        caught.match(message)
    caught.match("--skip-bad-rows")


def test_bad_rows_are_left_out_and_named(tmp_path):
    said = []
    file = written(tmp_path, "a.csv", "text,label\ngood,1\n,0\n" + ",1\n" * 20)
    assert read_labelled_texts(file, skip_bad_rows=True, say=said.append) == [LabelledText("good", None, "1")]
    assert said[0].startswith("21 of 22 rows left out:\n")
    assert "line 3: text is empty" in said[0]
    assert said[0].endswith("... and 11 more")
    file = written(tmp_path, "b.csv", "text,label\n,0\n")
    with pytest.raises(BadRowsError, match="b.csv holds no row that can be used"):
        read_labelled_texts(file, skip_bad_rows=True, say=said.append)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_labelled_texts(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="must end in .csv, .tsv or .jsonl"):
        read_labelled_texts(written(tmp_path, "a.xls", "x"))
    (tmp_path / "b.csv").write_bytes(b"text,label\ncaf\xe9,1\n")
    with pytest.raises(ValueError, match="byte 14 .0xe9, line 2. is not UTF-8"):
        read_labelled_texts(tmp_path / "b.csv")
    with pytest.raises(BadRowsError, match="holds no row"):
        read_labelled_texts(written(tmp_path, "c.csv", "text,label\n"))


def test_pairs_with_and_without_a_header(tmp_path):
    pairs = [TextPair("a b", "c"), TextPair("d", "e")]
    assert read_text_pairs(written(tmp_path, "a.tsv", "a b\tc\nd\te\n")) == pairs
    assert read_text_pairs(written(tmp_path, "b.tsv", "target\tsource\nc\ta b\ne\td\n")) == pairs
    assert (
        read_text_pairs(written(tmp_path, "c.jsonl", '{"q": "a b", "r": "c"}\n{"q": "d", "r": "e"}'), "q", "r") == pairs
    )
    with pytest.raises(BadRowsError, match="line 2: 3 columns instead of 2"):
        read_text_pairs(written(tmp_path, "d.tsv", "a\tb\nc\td\te\n"))


# ---- Tagged files ----------------------------------------------------------------------------------------------------

CONLL = "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\nGerman JJ I-NP I-MISC\n\nPeter NNP I-NP I-PER\n"
CONLLU = """# sent_id = 1
# text = They don't know
1\tThey\tthey\tPRON\tPRP\t_\t4\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
4\tknow\tknow\tVERB\tVB\t_\t0\troot\t_\t_
4.1\tknown\tknow\tVERB\tVB\t_\t_\t_\t_\t_

1\tNew York\tNew York\tPROPN\tNNP\t_\t0\troot\t_\t_
"""


def test_conll_columns(tmp_path):
    expected = [
        TaggedSentence(["EU", "rejects", "German"], ["B-ORG", "O", "B-MISC"]),
        TaggedSentence(["Peter"], ["B-PER"]),
    ]
    assert read_tagged_sentences(written(tmp_path, "a.txt", CONLL)) == expected
    assert read_tagged_sentences(written(tmp_path, "a.conll", CONLL.replace(" ", "\t"))) == expected
    hashes = written(tmp_path, "b.txt", "# O\nEU B-ORG\n")  # a hash is a word here
    assert read_tagged_sentences(hashes) == [TaggedSentence(["#", "EU"], ["O", "B-ORG"])]


def test_conllu(tmp_path):
    file = written(tmp_path, "a.conllu", CONLLU)
    words = ["They", "do", "n't", "know"]
    assert read_tagged_sentences(file) == [
        TaggedSentence(words, ["PRON", "AUX", "PART", "VERB"]),
        TaggedSentence(["New York"], ["PROPN"]),
    ]
    assert read_tagged_sentences(file, "xpos")[0] == TaggedSentence(words, ["PRP", "VBP", "RB", "VB"])
    with pytest.raises(ValueError, match="column is 'lemma'; of CoNLL-U it is upos or xpos"):
        read_tagged_sentences(file, "lemma")


def test_tagged_json_lines(tmp_path):
    file = written(tmp_path, "a.jsonl", '{"tokens": ["a", "b"], "labels": ["X", "Y"]}\n{"words": ["c"], "tags": [1]}\n')
    assert read_tagged_sentences(file) == [TaggedSentence(["a", "b"], ["X", "Y"]), TaggedSentence(["c"], ["1"])]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "EU B-ORG\nalone\n\nx O\n", "a.txt, line 2: 1 columns; at least 2 are needed"),
        ("a.conllu", CONLLU + "\n1\ttoo\tfew\n", "line 12: 3 columns; CoNLL-U has 10"),
        ("a.conllu", CONLLU.replace("\tVERB\tVB\t_\t0", "\t_\tVB\t_\t0"), "line 7: 'know' has no tag"),
        ("a.conllu", CONLLU.replace("1\tThey", "x\tThey"), "line 3: 'x' is no number of a word"),
        ("a.jsonl", '{"words": ["a", "b"], "tags": ["X"]}', "line 1: 2 words and 1 tags; each word needs one"),
        ("a.jsonl", '{"words": ["a", " "], "tags": ["X", "Y"]}', "line 1: 2 words and 2 tags; each word needs one"),
        ("a.jsonl", '{"words": "a b", "tags": ["X", "Y"]}', "line 1: needs lists 'words' and 'tags'"),
    ],
)
def test_bad_sentences(name, text, message, tmp_path):
    file = written(tmp_path, name, text)
    with pytest.raises(BadRowsError, match=message):
        read_tagged_sentences(file)
    if name == "a.txt":
        said = []
        assert read_tagged_sentences(file, skip_bad_rows=True, say=said.append) == [TaggedSentence(["x"], ["O"])]
        assert "1 of 2 rows left out" in said[0]


# ---- Reading files ---------------------------------------------------------------------------------------------------


def squad(*qas, context="The cat sat on a mat. The cat ran."):
    return {"version": "2.0", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def qa(name="1", start=4, text="cat", **more):
    return {"id": name, "question": "who?", "answers": [{"text": text, "answer_start": start}]} | more


def test_squad_1_and_2(tmp_path):
    layout = squad(qa(), qa("2", answers=[], is_impossible=True), qa("3", is_impossible=False))
    found = read_questions(written(tmp_path, "a.json", json.dumps(layout)))
    assert found[0] == Question("1", "who?", "The cat sat on a mat. The cat ran.", [(4, "cat")])
    assert [question.answers for question in found] == [[(4, "cat")], [], [(4, "cat")]]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (qa(start=5), "question 1: the answer 'cat' is not at character 5: it is at 4, 26"),
        (qa(text="cow"), "the answer 'cow' is not at character 4: it is not in the context at all"),
        (qa(start=-3), "is not at character -3"),
        (qa(start="x"), "answers\\[0\\].answer_start is .x., not the number of a character"),
        (qa(text=""), "the answer '' is not at"),
        (qa(question=" "), "question is empty"),
        (qa("2"), "question 2: its id is that of another one"),
        (qa(answers=[]), "there is no answer, and no is_impossible"),
        (qa(answers=[], is_impossible=False), "there is no answer, and is_impossible is false"),
        (qa(""), "it has no id"),
    ],
)
def test_bad_questions(bad, message, tmp_path):
    file = written(tmp_path, "a.json", json.dumps(squad(qa("2"), bad)))
    with pytest.raises(BadRowsError, match=message):
        read_questions(file)
    assert len(read_questions(file, skip_bad_rows=True, say=lambda text: None)) == 1


def test_what_is_not_squad(tmp_path):
    for text in ("[]", "{", '{"data": 3}'):
        with pytest.raises(ValueError, match="a.json is not laid out as SQuAD"):
            read_questions(written(tmp_path, "a.json", text))
    with pytest.raises(BadRowsError, match="article 1: there is no 'paragraphs'"):
        read_questions(written(tmp_path, "b.json", '{"data": [{}]}'))


# ---- The hub's reader, on folders ------------------------------------------------------------------------------------


def test_data_sets_of_the_hub(tmp_path):
    """`datasets` reads a folder as it reads a repository of the hub."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    data = datasets.Dataset.from_dict({"sentence": ["good", "bad", "?"], "label": [1, 0, -1]}, features)
    (tmp_path / "texts").mkdir()
    data.to_parquet(tmp_path / "texts/train-00000-of-00001.parquet")
    assert read_hub_examples(TASKS["classify"], str(tmp_path / "texts"), "train") == [
        LabelledText("good", None, "pos"),
        LabelledText("bad", None, "neg"),
    ]
    names = datasets.Sequence(datasets.ClassLabel(names=["O", "B-P", "I-P"]))
    data = datasets.Dataset.from_dict(
        {"tokens": [["a", "b"], []], "ner_tags": [[0, 2], []]},
        datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": names}),
    )
    (tmp_path / "tags").mkdir()
    data.to_parquet(tmp_path / "tags/train-00000-of-00001.parquet")
    assert read_hub_examples(TASKS["tag"], str(tmp_path / "tags"), "train") == [
        TaggedSentence(["a", "b"], ["O", "B-P"])
    ]
    rows = [{"id": "1", "question": "q", "context": "a b", "answers": {"text": ["b"], "answer_start": [2]}},
            {"id": "2", "question": "q", "context": "a b", "answers": {"text": [], "answer_start": []}}]  # fmt: skip
    (tmp_path / "read").mkdir()
    datasets.Dataset.from_list(rows).to_parquet(tmp_path / "read/train-00000-of-00001.parquet")
    found = read_hub_examples(TASKS["read"], str(tmp_path / "read"), "train")
    assert [question.answers for question in found] == [[(2, "b")], []]
    written(tmp_path, "write/train.jsonl", '{"translation": {"en": "a", "de": "b"}}\n')
    assert read_hub_examples(TASKS["write"], str(tmp_path / "write"), "train") == [TextPair("a", "b")]
    assert read_hub_examples(TASKS["write"], str(tmp_path / "write"), "train", source="de", target="en") == [
        TextPair("b", "a")
    ]
    with pytest.raises(ValueError, match="has no column text or sentence.*only id, question, context, answers"):
        read_hub_examples(TASKS["classify"], str(tmp_path / "read"), "train")
    with pytest.raises(OSError, match="could not be loaded"):
        read_hub_examples(TASKS["classify"], str(tmp_path / "none"), "train")
