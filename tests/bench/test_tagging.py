"""The comparisons of taggers: a tiny one of each runs, goes on where it ended, and scores what it should."""

import json

import pytest

from bertlab import tasks, weights
from bertlab.bench import tagging
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.tasks import TaggedSentence
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = ["the", "old", "man", "saw", "paris", "and", "rome", "##s", "run", ".", "in", "he", "danish"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
         "max_position_embeddings": 64}  # fmt: skip


def tag(line: str) -> TaggedSentence:
    words, tags = zip(*(pair.split("/") for pair in line.split()), strict=True)
    return TaggedSentence(list(words), list(tags))


SPEECH = [tag("the/DT old/JJ mans/NN run/VB ./."), tag("he/PRP saw/VB the/DT man/NN ./.")] * 4
NAMES = [
    tag("he/O saw/O the/O Danish/B-MISC man/O in/O Paris/B-LOC ./O"),
    tag("the/O lady/O saw/O Oxford/B-LOC ./O"),
] * 4


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Tiny data and a tiny model in place of the real ones."""
    tokenizer = WordPiece(SPECIAL_TOKENS + WORDS)
    weights.save(Pretraining(BertConfig(vocab_size=len(tokenizer), **SIZES)), tmp_path / "model", tokenizer)
    for name, value in (("MODEL", str(tmp_path / "model")), ("SEEDS", (0, 1)), ("BATCH_SIZE", 2), ("FREEZE", 1),
                        ("SETTINGS", dict.fromkeys(("pos", "names", "few", "all"), (4, 1e-3)))):  # fmt: skip
        monkeypatch.setattr(tagging, name, value)
    for name, examples in (("pos", SPEECH), ("names", NAMES)):
        split = tasks.Split(examples, examples, examples[:2])
        monkeypatch.setitem(tagging.NAMED, name, tagging.NAMED[name]._replace(load=lambda split=split: split))
    monkeypatch.setattr(tagging, "list_open_articles", list)
    return tmp_path


def test_every_comparison_runs_and_goes_on_where_it_ended(tiny, monkeypatch, capsys):
    file = tiny / "tagging.json"
    tagging.main([str(file)])
    found = json.loads(file.read_text())
    assert found["seeds"] == [0, 1]
    assert {"first", "last", "all", "slipped", "perceptron"} < set(found["pos"]["scores"])
    assert found["pos"]["scores"]["perceptron"]["all words"] == [1.0, 1.0]
    names = found["names"]["scores"]["model"]
    assert len(names["silver"]) == len(names["in place of a noun"]) == len(names["not explained"]) == 2
    assert all(len(found["few"]["scores"][name]["annotated"]) == 2 for name in ("model", "Trainer"))
    assert found["all"]["scores"]["perceptron, lower case"]["all words"] == [1.0, 1.0]
    assert capsys.readouterr().out.count("seed") == 8
    monkeypatch.setattr(tagging, "train_tagger", lambda *_: pytest.fail("trained again"))
    tagging.main([str(file)])
    assert json.loads(file.read_text()) == found


def test_the_sentences_of_a_seed(tiny):
    assert tagging.draw_sentences("pos", SPEECH, 0) == tagging.draw_sentences("pos", SPEECH, 0)
    assert tagging.draw_sentences("pos", SPEECH, 0) != tagging.draw_sentences("pos", SPEECH, 1)
    long = TaggedSentence(["Rome"] * 30, ["B-LOC"] * 30)
    without = TaggedSentence(["he"], ["O"])
    assert all(len(one.words) < 24 for one in tagging.draw_sentences("few", [*NAMES[:4], long, without], 0))
    assert without not in tagging.draw_sentences("names", [*NAMES[:4], without], 0)


def test_labels_slip_past_the_pieces():
    row = {"input_ids": [2, 5, 6, 7, 8, 3], "labels": [-100, 4, -100, 5, 6, -100]}
    assert tagging.slip_labels(row)["labels"] == [-100, 4, 5, 6, -100, -100]


def test_accuracy_of_cut_words():
    tokenizer = WordPiece(SPECIAL_TOKENS + WORDS)
    found = tagging.count_right(tokenizer, [tag("the/DT mans/NN runs/VB")], [["DT", "NN", "NN"]])
    assert found == {"all words": pytest.approx(2 / 3), "cut words": 0.5}


def test_the_sides_of_silver_names():
    by_rule = [(["O", "O", "B-LOC"], True), (["O", "O"], False)]
    annotated = [
        TaggedSentence(["a", "b", "Paris"], ["O", "B-PER", "B-LOC"]),
        TaggedSentence(["c", "d"], ["O", "B-PER"]),
    ]

    def predict(examples):
        return [{"tags": ["O", "O", "B-LOC"][: len(example.words)]} for example in examples]

    assert tagging.score_sides(predict, annotated[:1], annotated, by_rule) == {
        "silver": pytest.approx(2 / 3),
        "annotated": 0.5,
        "explained, by annotation": pytest.approx(2 / 3),
        "explained, by rules": 1.0,
        "not explained": 0.0,
    }


def test_the_trainer_gives_a_tagger_that_has_learned(tiny):
    task = tasks.Tagging(WordPiece.load(tiny / "model"), tasks.Tagging.list_labels(NAMES), 32)
    rows = task.make_rows(NAMES * 10)
    trained = tagging.train_by_trainer(task, rows, 1e-2, seed=0)
    assert task.score(NAMES, task.predict(trained, NAMES))["f1"] > 0.9
