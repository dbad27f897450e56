"""Readers of real formats and of spoiled files, schemes of tags, metrics by hand, and what each task feeds a model."""

import json
import math
from itertools import product

import numpy as np
import pytest
import torch

from bertlab import tasks
from bertlab.heads import IGNORE, Classifier, Output, SpanFinder, Tagger, Writer
from bertlab.model import BertConfig
from bertlab.tasks import (
    BadRowsError,
    Classify,
    Collate,
    Pair,
    Question,
    Read,
    Reply,
    Sentence,
    Tag,
    Text,
    Write,
    answer_f1,
    best_spans,
    best_threshold,
    bleu,
    calibration,
    chrf,
    class_weights,
    entities,
    entity_scores,
    exact_match,
    lengths,
    outputs,
    parted,
    plain_answer,
    read_hub,
    read_pairs,
    read_questions,
    read_tagged,
    read_texts,
    recall_at,
    rouge_l,
    scheme,
    to_iob1,
    to_iob2,
    tokens_at,
)
from bertlab.train import Batches
from bertlab.wordpiece import SPECIAL, WordPiece

WORDS = "the cat sat on a mat dog ran good bad film ##s ##ing . ? who 1 9 ##9 play"
PIECES = WordPiece([*SPECIAL, *WORDS.split()])
CLS, SEP = PIECES.cls_id, PIECES.sep_id
SMALL = BertConfig(vocab_size=len(PIECES), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                   intermediate_size=64, max_position_embeddings=64)  # fmt: skip


def written(tmp_path, name: str, text: str):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def ids(text: str) -> list[int]:
    return PIECES.ids(text.split())


# ---- Classification files --------------------------------------------------------------------------------------------


def test_csv_with_quotes_line_breaks_and_a_mark_of_order(tmp_path):
    file = written(tmp_path, "a.csv", '\ufefftext,label\n"good, really\n""good""",1\r\nbad,0\n\n')
    assert read_texts(file) == [Text('good, really\n"good"', None, "1"), Text("bad", None, "0")]


def test_tsv_has_no_quotes(tmp_path):
    file = written(tmp_path, "a.tsv", 'label\ttext\npos\t"good" film\nneg\t"bad film\n')
    assert read_texts(file) == [Text('"good" film', None, "pos"), Text('"bad film', None, "neg")]


def test_json_lines_with_pairs_and_labels_as_numbers(tmp_path):
    rows = [{"text": "a", "text_pair": "b", "label": 1}, {"text": "c", "text_pair": "d", "label": 0.0, "more": [1]}]
    file = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    assert read_texts(file) == [Text("a", "b", "1"), Text("c", "d", "0")]


def test_a_folder_for_each_class(tmp_path):
    for name, text in (("bad/2.txt", "dull"), ("good/1.txt", "fine\nreally"), ("good/9.md", "not read")):
        written(tmp_path, name, text)
    assert read_texts(tmp_path) == [Text("dull", None, "bad"), Text("fine\nreally", None, "good")]


def test_columns_of_another_name(tmp_path):
    file = written(tmp_path, "a.csv", "review,stars\ngood,5\n")
    assert read_texts(file, text="review", label="stars") == [Text("good", None, "5")]


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
         ["line 2: text is 3, no text", "line 3: label is empty", "line 4: not JSON", "line 5: .* is no JSON object",
          "line 6: label is 0.5, neither a word nor a number"]),
    ],
)  # fmt: skip
def test_bad_rows_are_told_all_at_once(name, text, messages, tmp_path):
    file = written(tmp_path, name, text)
    with pytest.raises(BadRowsError) as caught:
        read_texts(file)
    for message in messages:
        caught.match(message)
    caught.match("--skip-bad-rows")


def test_bad_rows_are_left_out_and_named(tmp_path):
    said = []
    file = written(tmp_path, "a.csv", "text,label\ngood,1\n,0\n" + ",1\n" * 20)
    assert read_texts(file, skip_bad_rows=True, say=said.append) == [Text("good", None, "1")]
    assert said[0].startswith("21 of 22 rows left out:\n")
    assert "line 3: text is empty" in said[0]
    assert said[0].endswith("... and 11 more")
    file = written(tmp_path, "b.csv", "text,label\n,0\n")
    with pytest.raises(BadRowsError, match="b.csv holds no row that can be used"):
        read_texts(file, skip_bad_rows=True, say=said.append)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_texts(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="must end in .csv, .tsv or .jsonl"):
        read_texts(written(tmp_path, "a.xls", "x"))
    (tmp_path / "b.csv").write_bytes(b"text,label\ncaf\xe9,1\n")
    with pytest.raises(ValueError, match="byte 14 .0xe9, line 2. is not UTF-8"):
        read_texts(tmp_path / "b.csv")
    with pytest.raises(BadRowsError, match="holds no row"):
        read_texts(written(tmp_path, "c.csv", "text,label\n"))


def test_pairs_with_and_without_a_header(tmp_path):
    pairs = [Pair("a b", "c"), Pair("d", "e")]
    assert read_pairs(written(tmp_path, "a.tsv", "a b\tc\nd\te\n")) == pairs
    assert read_pairs(written(tmp_path, "b.tsv", "target\tsource\nc\ta b\ne\td\n")) == pairs
    assert read_pairs(written(tmp_path, "c.jsonl", '{"q": "a b", "r": "c"}\n{"q": "d", "r": "e"}'), "q", "r") == pairs
    with pytest.raises(BadRowsError, match="line 2: 3 columns instead of 2"):
        read_pairs(written(tmp_path, "d.tsv", "a\tb\nc\td\te\n"))


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
    expected = [Sentence(["EU", "rejects", "German"], ["B-ORG", "O", "B-MISC"]), Sentence(["Peter"], ["B-PER"])]
    assert read_tagged(written(tmp_path, "a.txt", CONLL)) == expected
    assert read_tagged(written(tmp_path, "a.conll", CONLL.replace(" ", "\t"))) == expected
    hashes = written(tmp_path, "b.txt", "# O\nEU B-ORG\n")  # a hash is a word here
    assert read_tagged(hashes) == [Sentence(["#", "EU"], ["O", "B-ORG"])]


def test_conllu(tmp_path):
    file = written(tmp_path, "a.conllu", CONLLU)
    words = ["They", "do", "n't", "know"]
    assert read_tagged(file) == [Sentence(words, ["PRON", "AUX", "PART", "VERB"]), Sentence(["New York"], ["PROPN"])]
    assert read_tagged(file, "xpos")[0] == Sentence(words, ["PRP", "VBP", "RB", "VB"])
    with pytest.raises(ValueError, match="column is 'lemma'; of CoNLL-U it is upos or xpos"):
        read_tagged(file, "lemma")


def test_tagged_json_lines(tmp_path):
    file = written(tmp_path, "a.jsonl", '{"tokens": ["a", "b"], "labels": ["X", "Y"]}\n{"words": ["c"], "tags": [1]}\n')
    assert read_tagged(file) == [Sentence(["a", "b"], ["X", "Y"]), Sentence(["c"], ["1"])]


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
        read_tagged(file)
    if name == "a.txt":
        said = []
        assert read_tagged(file, skip_bad_rows=True, say=said.append) == [Sentence(["x"], ["O"])]
        assert "1 of 2 rows left out" in said[0]


# ---- Schemes and names -----------------------------------------------------------------------------------------------

SAME = {  # three names, two of a type beside each other
    "IOB1": "I-P I-P B-P O I-L",
    "IOB2": "B-P I-P B-P O B-L",
    "BIOES": "B-P E-P S-P O S-L",
    "BILOU": "B-P L-P U-P O U-L",
}


@pytest.mark.parametrize("name", SAME)
def test_schemes_hold_the_same_names(name):
    tags = SAME[name].split()
    assert entities(tags) == [(0, 2, "P"), (2, 3, "P"), (4, 5, "L")]
    assert to_iob2(tags) == SAME["IOB2"].split()
    assert to_iob1(tags) == SAME["IOB1"].split()
    assert scheme([tags]) == ("BIOES" if name == "BILOU" else name)


def test_odd_tags_have_a_meaning():
    """As conlleval reads them."""
    assert entities(["I-P", "I-L", "O", "I-L"]) == [(0, 1, "P"), (1, 2, "L"), (3, 4, "L")]
    assert entities(["O", "E-P", "I-P"]) == [(1, 2, "P"), (2, 3, "P")]
    assert entities(["B-P", "I-P", "E-P", "E-P"]) == [(0, 3, "P"), (3, 4, "P")]
    assert entities([]) == entities(["O", "O"]) == []
    assert entities(["B-date-of-birth", "I-date-of-birth"]) == [(0, 2, "date-of-birth")]
    assert scheme([["NN", "IN", "O"]]) == "plain"
    assert scheme([["O"]]) == "plain"
    assert scheme([["I-P", "O", "B-P"]]) == "mixed"


def test_iob2_of_every_short_row_is_stable():
    for tags in product(["O", "B-P", "I-P", "B-L", "I-L"], repeat=4):
        again = to_iob2(tags)
        assert entities(again) == entities(tags)
        assert entities(to_iob1(tags)) == entities(tags)
        assert to_iob2(again) == again


def test_entity_scores_by_hand():
    right = [["B-P", "I-P", "O", "B-L"], ["O", "B-P"], ["O"]]
    said = [["B-P", "I-P", "O", "B-P"], ["B-P", "I-P"], ["B-L"]]  # one whole name; a wrong type; too long; made up
    assert entity_scores(right, said) == {"f1": pytest.approx(2 / 7), "precision": 1 / 4, "recall": 1 / 3}
    assert entity_scores(right, right)["f1"] == 1
    assert entity_scores([["O"]], [["O"]]) == {"f1": 0, "precision": 0, "recall": 0}


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
        (qa(start=5), "question 1: the answer 'cat' does not stand at character 5: it stands at 4, 26"),
        (qa(text="cow"), "the answer 'cow' does not stand at character 4: it is not in the context at all"),
        (qa(start=-3), "does not stand at character -3"),
        (qa(start="4"), "does not stand at character 4"),
        (qa(text=""), "the answer '' does not stand"),
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
    assert read_hub("classify", str(tmp_path / "texts"), "train") == [
        Text("good", None, "pos"),
        Text("bad", None, "neg"),
    ]
    names = datasets.Sequence(datasets.ClassLabel(names=["O", "B-P", "I-P"]))
    data = datasets.Dataset.from_dict(
        {"tokens": [["a", "b"], []], "ner_tags": [[0, 2], []]},
        datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": names}),
    )
    (tmp_path / "tags").mkdir()
    data.to_parquet(tmp_path / "tags/train-00000-of-00001.parquet")
    assert read_hub("tag", str(tmp_path / "tags"), "train") == [Sentence(["a", "b"], ["O", "B-P"])]
    rows = [{"id": "1", "question": "q", "context": "a b", "answers": {"text": ["b"], "answer_start": [2]}},
            {"id": "2", "question": "q", "context": "a b", "answers": {"text": [], "answer_start": []}}]  # fmt: skip
    (tmp_path / "read").mkdir()
    datasets.Dataset.from_list(rows).to_parquet(tmp_path / "read/train-00000-of-00001.parquet")
    found = read_hub("read", str(tmp_path / "read"), "train")
    assert [question.answers for question in found] == [[(2, "b")], []]
    written(tmp_path, "write/train.jsonl", '{"translation": {"en": "a", "de": "b"}}\n')
    assert read_hub("write", str(tmp_path / "write"), "train") == [Pair("a", "b")]
    assert read_hub("write", str(tmp_path / "write"), "train", source="de", target="en") == [Pair("b", "a")]
    with pytest.raises(ValueError, match="has no column text or sentence.*only id, question, context, answers"):
        read_hub("classify", str(tmp_path / "read"), "train")
    with pytest.raises(OSError, match="could not be loaded"):
        read_hub("classify", str(tmp_path / "none"), "train")


# ---- Metrics ---------------------------------------------------------------------------------------------------------


def test_squads_metrics_on_tricky_cases():
    assert plain_answer("The  Cat's, an (old) A-Team.") == "cats old ateam"
    assert exact_match("the cat!", ["A dog", "Cat"]) == 1
    assert exact_match("", []) == 1
    assert exact_match("cat", []) == exact_match("", ["cat"]) == 0
    assert answer_f1("cat cat dog", ["the cat"]) == pytest.approx(2 * 1 / (3 + 1))
    assert answer_f1("big cat", ["dog", "the big black cat"]) == pytest.approx(4 / 5)
    assert answer_f1("", []) == answer_f1("the", ["a"]) == 1
    assert answer_f1("cat", []) == answer_f1("the", ["cat"]) == 0


def test_recall_at():
    assert recall_at(1, [0, 1, 5, 0]) == 0.5
    assert recall_at(5, [0, 1, 5, 0]) == 0.75


SAID = ["the cat sat on the mat .", "a dog ran home and slept", "who is it ?"]
RIGHT = ["the cat sat on a mat .", "the dog ran home", "who is that ?"]


def test_chrf_and_bleu_by_hand():
    assert chrf(["ab"], ["ab"]) == pytest.approx(100)
    assert chrf(["ab"], ["abc"], order=1) == pytest.approx(100 * 5 * 1 * (2 / 3) / (4 * 1 + 2 / 3))
    assert chrf([""], ["abc"]) == chrf(["xyz"], ["abc"]) == 0
    assert bleu(RIGHT, RIGHT) == pytest.approx(100)
    # "a b c d e" for "a b c d x": 4/5, 3/4, 2/3, 1/2
    assert bleu(["a b c d e"], ["a b c d x"]) == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert bleu(["a b c d"], ["a b c d e f"]) == pytest.approx(100 * math.exp(1 - 6 / 4))
    assert bleu(["a b c"], ["a b c"]) == 0  # no 4-gram at all
    assert bleu(["the the the the the"], ["the cat is on mat"]) == 0


def test_chrf_and_bleu_are_sacrebleus():
    """Numbers of sacrebleu 2.6.0: CHRF(), and BLEU(tokenize="none", smooth_method="none")."""
    assert chrf(SAID, RIGHT) == pytest.approx(62.086501314572686)
    assert bleu(SAID, RIGHT) == pytest.approx(33.119611051319666)
    said, right = ["Ωμέγα naïve", "a", "so it goes"], ["Ωμέγα naive", "ab", "so it goes on"]
    assert chrf(said, right) == pytest.approx(68.22673283477727)


def test_rouge_l_by_hand():
    assert rouge_l(["a b c d"], ["A c e d"]) == pytest.approx(100 * 2 * 3 / 8)
    assert rouge_l(["a", ""], ["a", "b"]) == 50


def test_calibration_by_hand():
    found = calibration([0.95, 0.85, 0.82, 1.0], [True, False, True, True])
    assert found["count"] == [2, 2]
    assert found["right"] == [0.5, 1.0]
    assert found["confidence"] == pytest.approx([0.835, 0.975])
    assert found["ece"] == pytest.approx((2 * 0.335 + 2 * 0.025) / 4)


# ---- Batches ---------------------------------------------------------------------------------------------------------


def test_collate_literally():
    collate = Collate(0)
    rows = [
        {"input_ids": [2, 5, 3], "labels": [IGNORE, 1, IGNORE], "words": 1},
        {"input_ids": [2, 3], "labels": [0, 1]},
    ]
    batch = collate(rows)
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[2, 5, 3], [2, 3, 0]], "labels": [[-100, 1, -100], [0, 1, -100]],
        "attention_mask": [[1, 1, 1], [1, 1, 0]]}  # fmt: skip
    batch = collate([{"input_ids": [2, 3], "labels": 1, "token_type_ids": [0, 1], "start_positions": 1}])
    assert set(batch) == {"input_ids", "labels", "token_type_ids", "start_positions"}
    assert batch["labels"].tolist() == [1]


def test_outputs_reads_every_row_once_and_like_lengths_together():
    rows = [{"input_ids": [2] * n, "labels": 0} for n in (9, 3, 5, 3, 9, 1, 7)]
    seen, shapes = [], []

    class Model(torch.nn.Linear):
        def forward(self, input_ids, attention_mask=None):
            assert not self.training
            shapes.append(tuple(input_ids.shape))
            return Output(logits=input_ids)

    model = Model(1, 1).train()
    for chosen, output in outputs(model, rows, Collate(0), tokens=18):
        assert len(chosen) == len(output.logits)
        seen += chosen
    assert sorted(seen) == list(range(7))
    assert [len(rows[i]["input_ids"]) for i in seen] == [1, 3, 3, 5, 7, 9, 9]
    assert all(b * t <= 18 for b, t in shapes)
    assert model.training


def test_the_same_text_is_always_on_the_same_side():
    examples = [Text(f"text {i}", None, "x") for i in range(1000)]
    split = parted(examples, lambda e: e.text)
    assert [len(side) for side in split] == [795, 99, 106]
    again = parted([Text(e.text.upper() + "  ", None, "y") for e in split.test], lambda e: e.text)
    assert len(again.test) == 106


# ---- Classify --------------------------------------------------------------------------------------------------------

FILMS = [Text("good film", None, "pos"), Text("bad film", None, "neg"), Text("a dog", None, "neg")]


def test_classify_rows_literally():
    task = Classify(PIECES, ["neg", "pos"], length=6)
    assert task.rows(FILMS[:1]) == [{"input_ids": [CLS, *ids("good film"), SEP], "labels": 1}]
    rows = task.rows([Text("the cat sat on", "a dog ran", "?"), Text("", None, "neg")])
    assert rows[0] == {
        "input_ids": [CLS, *ids("the cat"), SEP, *ids("a"), SEP], "token_type_ids": [0, 0, 0, 0, 1, 1],
        "labels": IGNORE}  # fmt: skip
    assert rows[1] == {"input_ids": [CLS, SEP], "token_type_ids": [0, 0], "labels": 0}
    assert task.cut == 1
    assert lengths(rows) == [6, 2]


def test_classes_of_the_data():
    assert Classify.labels_of([Text("", None, label) for label in ("10", "9", "2")]) == ["2", "9", "10"]
    assert Classify.labels_of([Text("", None, label) for label in ("b", "a", "b")]) == ["a", "b"]
    with pytest.raises(ValueError, match="all 2 texts have the label 'a': there is nothing to tell apart"):
        Classify.labels_of([Text("x", None, "a"), Text("y", None, "a")])
    weights = class_weights(["neg", "pos"], FILMS)
    assert weights.tolist() == pytest.approx([3 / (2 * 2), 3 / (2 * 1)])


def test_classify_predicts_in_order_and_scores():
    model = Classifier(SMALL, 2).eval()
    task = Classify(PIECES, ["neg", "pos"])
    said = task.predict(model, FILMS)
    for example, one in zip(FILMS, said, strict=True):
        shares = model(torch.tensor([[CLS, *ids(example.text), SEP]])).logits.softmax(-1)[0].tolist()
        assert one["probabilities"] == pytest.approx({"neg": shares[0], "pos": shares[1]}, abs=1e-5)
        assert one["label"] == max(one["probabilities"], key=one["probabilities"].get)
    said = [{"label": label} for label in ("pos", "pos", "neg", "neg")]
    scores = task.score([*FILMS, Text("x", None, "new")], said)
    assert scores["accuracy"] == 0.5
    assert task.score(FILMS, [{"label": e.label} for e in FILMS]) == {"accuracy": 1.0, "macro_f1": 1.0}


def test_baselines_of_classification():
    train = [Text("good film", None, "pos"), Text("bad film", None, "neg"), Text("bad cat", None, "neg")] * 5
    found = Classify(PIECES, ["neg", "pos"]).baselines(train, FILMS)
    assert found["most frequent label"]["accuracy"] == pytest.approx(2 / 3)
    assert found["TF-IDF + logistic regression"]["accuracy"] == 1


# ---- Tag -------------------------------------------------------------------------------------------------------------

PLAYS = Sentence(["cats", "playing", "\u200b", "."], ["N", "V", "X", "P"])


@pytest.mark.parametrize(
    ("label_on", "labels"),
    [("first", [0, IGNORE, 2, IGNORE, 3, 1]), ("last", [IGNORE, 0, IGNORE, 2, 3, 1]), ("all", [0, 0, 2, 2, 3, 1])],
)
def test_tag_rows_literally(label_on, labels):
    """Pieces of one word; a word that is invisible is [UNK]; labels sorted N, P, V, X."""
    task = Tag(PIECES, Tag.labels_of([PLAYS]), label_on=label_on)
    [row] = task.rows([PLAYS])
    assert row["input_ids"] == [CLS, *ids("cat ##s play ##ing [UNK] ."), SEP]
    assert row["labels"] == [IGNORE, *labels, IGNORE]
    at = [2, 4, 5, 6] if label_on == "last" else [1, 3, 5, 6]
    assert row["words"] == (0, 0, at)


def test_a_long_sentence_is_read_in_parts():
    task = Tag(PIECES, ["N", "V"], length=5)
    long = Sentence(["cat", "cats", "playing", "dog"], ["N", "V", "N", "V"])
    rows = task.rows([Sentence(["dog"], ["N"]), long])
    assert [row["input_ids"] for row in rows] == [[CLS, *ids(text), SEP] for text in
                                                  ("dog", "cat cat ##s", "play ##ing dog")]  # fmt: skip
    assert [row["words"] for row in rows] == [(0, 0, [1]), (1, 0, [1, 2]), (1, 2, [1, 3])]
    assert task.cut == 1
    said = task.predict(Tagger(SMALL, 2), [Sentence(["dog"], ["N"]), long])
    assert [len(one["tags"]) for one in said] == [1, 4]
    assert all(0.5 <= p <= 1 for one in said for p in one["probability"])


def test_tag_predicts_what_the_labelled_piece_says():
    model = Tagger(SMALL, 4).eval()
    task = Tag(PIECES, Tag.labels_of([PLAYS]), label_on="last")
    [row] = task.rows([PLAYS])
    logits = model(torch.tensor([row["input_ids"]])).logits[0]
    expected = [task.labels[i] for i in logits[row["words"][2]].argmax(-1).tolist()]
    assert task.predict(model, [PLAYS])[0]["tags"] == expected
    with pytest.raises(ValueError, match="label_on is 'middle'"):
        Tag(PIECES, ["a", "b"], label_on="middle")


def test_baselines_of_tagging():
    train = [Sentence(["Cat", "ran"], ["N", "V"]), Sentence(["cat", "sat", "dog"], ["N", "V", "N"])]
    test = [Sentence(["CAT", "dog", "mat"], ["N", "N", "N"]), Sentence(["ran", "sat"], ["V", "V"])]
    found = Tag(PIECES, ["N", "V"]).baselines(train, test)
    assert found["most frequent tag"] == {"accuracy": 3 / 5}
    assert found["dictionary of words"] == {"accuracy": 1.0}  # CAT as cat; mat as most words that were seen once
    train = [Sentence(["Ada", "Byron", "ran"], ["B-P", "I-P", "O"])]
    test = [Sentence(["Byron", "Ada", "sat"], ["B-P", "O", "O"])]
    found = Tag(PIECES, Tag.labels_of(train)).baselines(train, test)["dictionary of words"]
    assert found == {"f1": pytest.approx(2 / 3), "precision": 0.5, "recall": 1.0, "accuracy": 2 / 3}


# ---- Read ------------------------------------------------------------------------------------------------------------

CONTEXT = "The cat sat on a mat. The  DOG ran 1999."
#          0   4   8   12  15 17  20 22   27  31  35


def test_read_rows_map_to_characters_exactly():
    task = Read(PIECES, length=64)
    [row] = task.rows([Question("1", "who?", CONTEXT, [(27, "DOG ran")])])
    first = row["first"]
    assert row["input_ids"][:first] == [CLS, *ids("who ?"), SEP]
    span = row["offsets"][row["start_positions"] - first : row["end_positions"] - first + 1]
    assert CONTEXT[span[0][0] : span[-1][1]] == "DOG ran"
    assert sum(row["token_type_ids"]) == len(row["input_ids"]) - first
    assert tokens_at([(0, 3), (4, 7), (7, 9)], 5, "at") == (1, 1)  # half of a token is that token
    assert tokens_at([(0, 3), (4, 7), (7, 9)], 6, "ts") == (1, 2)
    assert tokens_at([(0, 3)], 3, " ") is None


def test_windows_overlap_and_hold_the_answer_or_say_that_there_is_none():
    task = Read(PIECES, length=10, stride=3)  # [CLS] who ? [SEP], 5 of the context, [SEP]
    context = "a cat sat on the mat . a dog ran"
    example = Question("1", "who?", context, [(context.index("the mat"), "the mat")])
    rows = task.rows([example])
    texts = [PIECES.decode(row["input_ids"][4:-1]) for row in rows]
    assert texts == ["a cat sat on the", "on the mat. a", ". a dog ran"]
    assert [(row["start_positions"], row["end_positions"]) for row in rows] == [(0, 0), (5, 6), (0, 0)]
    assert all(len(row["input_ids"]) <= 10 for row in rows)
    assert task.lost == 0
    task.rows([example._replace(answers=[(0, "a cat sat on the mat")])])
    assert task.lost == 1  # longer than any window
    task.rows([example._replace(question="who who who who who who ?")])
    assert task.cut == 1


def test_a_question_of_any_length_and_an_empty_context():
    task = Read(PIECES, length=16, no_answer=True)
    rows = task.rows([Question("1", "who " * 50, "a cat", []), Question("2", "who?", "", [])])
    assert [len(row["input_ids"]) for row in rows] == [11, 5]
    said = task.predict(SpanFinder(SMALL), [Question("2", "who?", "", [])])
    assert said[0]["answer"] == ""


@pytest.mark.parametrize("longest", [1, 2, 9])
def test_best_spans_equal_all_pairs(longest):
    start, end = torch.randn(7), torch.randn(7)
    found = best_spans(start, end, longest, most=5)
    every = sorted(((start[a] + end[b]).item(), a, b) for a in range(7) for b in range(a, min(7, a + longest)))[::-1]
    assert [(a, b) for _, a, b in found] == [(a, b) for _, a, b in every[:5]]
    assert best_spans(start[:0], end[:0], 3) == []


class Oracle(torch.nn.Linear):
    """Scores 5 at the first and last token of a word, and `null` at [CLS]."""

    def __init__(self, word: str, null: float):
        super().__init__(1, 1)
        self.word, self.null = PIECES.index[word], null

    def forward(self, input_ids, token_type_ids=None, attention_mask=None):
        scores = 5.0 * ((input_ids == self.word) & (token_type_ids == 1))
        scores[:, 0] = self.null
        return Output(start_logits=scores, end_logits=scores)


def test_read_predicts_over_windows_with_characters():
    example = Question("1", "who?", "a cat sat on the mat. A  Dog ran", [])
    task = Read(PIECES, length=10, stride=3, no_answer=True)
    [said] = task.predict(Oracle("dog", null=1.0), [example])
    assert (said["answer"], said["start"]) == ("Dog", 25)
    assert said["gap"] == pytest.approx(2 - 10)
    [said] = task.predict(Oracle("dog", null=6.0), [example])
    assert (said["answer"], said["start"], said["gap"]) == ("", -1, pytest.approx(2))
    assert task.predict(Oracle("dog", null=6.0), [example], threshold=3)[0]["answer"] == "Dog"
    always = Read(PIECES, length=10, stride=3)
    assert always.predict(Oracle("dog", null=6.0), [example])[0]["answer"] == "Dog"


def test_best_threshold_by_hand():
    asked = [Question(str(i), "", "", answers) for i, answers in enumerate([[(0, "cat")], [], [(0, "dog")], []])]
    said = [{"gap": gap} for gap in (-3.0, 4.0, 1.0, 2.0)]
    assert best_threshold(asked, said, ["cat", "x", "dog", "y"]) == 1.0
    assert best_threshold(asked, said, ["x", "x", "x", "x"]) == -math.inf


def test_scores_and_baselines_of_reading():
    asked = [Question("1", "who sat on a mat?", CONTEXT, [(4, "cat")]), Question("2", "who?", CONTEXT, [])]
    task = Read(PIECES, no_answer=True)
    found = task.score(asked, [{"answer": "the cat"}, {"answer": "dog"}])
    assert found == {"exact": 0.5, "f1": 0.5, "f1_answer": 1.0, "f1_no_answer": 0.0}
    found = task.baselines(asked, asked)
    assert found["always no answer"]["exact"] == 0.5
    assert found["word overlap"]["f1_answer"] == 1.0  # "The cat"


# ---- Reply -----------------------------------------------------------------------------------------------------------

TALK = [Pair("who sat?", "the cat."), Pair("who sat?", "a dog."), Pair("who ran?", "a film."), Pair("good?", "bad.")]


def test_reply_draws_wrong_ones_that_are_wrong():
    task = Reply(PIECES, wrong=5)
    rows = task.rows(TALK)
    batch = task.collate(rows, np.random.default_rng(0))
    assert batch["labels"].tolist() == [1, 0, 0, 0, 0, 0] * 4
    texts = [PIECES.decode(row) for row in batch["input_ids"].tolist()]
    assert texts[0] == "who sat? the cat."
    assert all("cat" not in text and "dog" not in text for text in [*texts[1:6], *texts[7:12]])
    again = task.collate(rows, np.random.default_rng(0))
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    batches = Batches(rows, task.collate, 2, lengths=lengths(rows))
    assert len(batches[0]["input_ids"]) == 12


def test_choices_are_fixed_and_hold_the_right_one():
    task = Reply(PIECES, candidates=3)
    some = task.choices(TALK)
    assert some == task.choices(TALK)
    assert all(len(one) == len(set(one)) == 3 and pair.target in one for one, pair in zip(some, TALK, strict=True))
    assert "a dog." not in some[0]  # it fits as well
    with pytest.raises(ValueError, match="2 other replies are too few to judge among 10"):
        Reply(PIECES).choices(TALK)


def test_ranks():
    assert tasks.rank_of(np.array([0.5, 0.9, 0.1]), 0) == 1
    assert tasks.rank_of(np.array([0.5, 0.5, 0.5]), 0) == 2  # who says the same of all has found nothing
    task = Reply(PIECES, candidates=3)
    said = task.predict(Classifier(SMALL, 2), TALK)
    assert all(0 <= one["rank"] < 3 for one in said)
    for pair, one, some in zip(TALK, said, task.choices(TALK), strict=True):
        torch.manual_seed(0)
        ranked = task.rank(Classifier(SMALL, 2), pair.source, some)
        assert len(ranked) == 3 and ranked[0][0] >= ranked[1][0], one  # noqa: PT018
    assert task.score(TALK, [{"rank": 0}, {"rank": 4}, {"rank": 5}, {"rank": 0}]) == {"recall@1": 0.5, "recall@5": 0.75}
    assert task.baselines(TALK, TALK)["chance"] == {"recall@1": 1 / 3, "recall@5": 1.0}


# ---- Write -----------------------------------------------------------------------------------------------------------


def test_write_rows_literally():
    task = Write(PIECES, length=10)
    [row] = task.rows([Pair("the cat", "a dog")])
    target = [*ids("a dog"), SEP]
    assert row["input_ids"] == [CLS, *ids("the cat"), SEP, *target]
    assert row["token_type_ids"] == [0, 0, 0, 0, 1, 1, 1]
    assert row["labels"] == [IGNORE] * 4 + target
    assert task.cut == 0
    [row] = task.rows([Pair("the cat sat on", "a dog ran on a mat")])
    assert row["input_ids"] == [CLS, *ids("the cat sat"), SEP, *ids("a dog ran on"), SEP]
    assert task.cut == 1


def test_a_writer_learns_to_copy():
    """Two hundred steps on single words: the loss falls, and what is written is what stood there, in any order."""
    torch.manual_seed(0)
    task, model = Write(PIECES, length=12), Writer(SMALL)
    pairs = [Pair(word, word) for word in ("cat", "dog", "mat", "film")]
    rows = task.rows(pairs)
    before = task.judge(model, pairs)["dev_loss"]
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(60):
        model(**task.collate(rows)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert task.judge(model, pairs)["dev_loss"] < before / 4
    said = task.predict(model, [Pair("dog", ""), Pair("cat", ""), Pair("film", "")], beams=2)
    assert [one["text"] for one in said] == ["dog", "cat", "film"]
    assert model.training
    assert task.score(pairs, task.predict(model, pairs))["chrf"] == pytest.approx(100)


def test_scores_of_writing_do_not_count_case_that_is_not_there():
    task = Write(PIECES)
    assert task.text_scores([Pair("", "The CAT sat on a mat.")], ["the cat sat on a mat ."])["bleu"] == pytest.approx(
        100
    )
    found = task.baselines([Pair("x", "a b")], [Pair("the cat sat", "the cat")])
    assert found["its first 2 words"]["chrf"] == pytest.approx(100)
    assert found["copy of the source"]["chrf"] < 100
