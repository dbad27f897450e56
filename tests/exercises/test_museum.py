"""The small world of notebook 18, and its exhibits: each faulty function is refused, each right one passes."""

import numpy as np
import pytest
import torch

from bertlab.batches import IGNORE
from bertlab.exercises import museum
from bertlab.exercises.exhibits import FAULTY, READY, Adam
from bertlab.exercises.nb18 import BUGS, EXERCISES, check


@pytest.mark.parametrize("name", READY)
def test_exhibits(name):
    assert name in EXERCISES | BUGS
    assert check(READY[name], name).state == "right"
    assert check(getattr(FAULTY, name), name).state == "wrong"


def test_texts_are_in_the_vocabulary_and_are_always_the_same():
    texts = museum.write_sentences(50, 0)
    assert texts == museum.write_sentences(50, 0) != museum.write_sentences(50, 1)
    assert museum.TOKENIZER.unk_id not in {i for text in texts for i in museum.encode(text)}
    pairs = museum.write_pairs(2000, 0)
    said = np.array([(is_next, b.startswith("then")) for _, b, is_next in pairs])
    assert said[said[:, 0] == 1, 1].mean() == pytest.approx(0.95, abs=0.02)
    assert said[said[:, 0] == 0, 1].mean() == pytest.approx(0.05, abs=0.02)
    for words, tags in museum.write_names(50, 0):
        assert [tag == "B-PER" for tag in tags] == [word.istitle() for word in words]


def test_batches():
    batch, numbers = museum.make_tag_batch([(["Marlove", "needs", "rose"], ["B-PER", "O", "O"])])
    assert batch["labels"].tolist() == [[IGNORE, 1, IGNORE, IGNORE, 0, 0, IGNORE]]
    assert numbers == [[None, 0, 0, 0, 1, 2, None]]
    every = museum.make_tag_batch([(["Marlove"], ["B-PER"])], every_piece=True)[0]
    assert every["labels"].tolist() == [[IGNORE, 1, 1, 1, IGNORE]]
    things = museum.make_thing_batch(["the cook stirs the soup .", "the dog feeds the calf every day ."])
    found = things["labels"][things["labels"] != IGNORE].tolist()
    assert [museum.TOKENIZER.vocab[i] for i in found] == ["soup", "calf"]
    assert things["attention_mask"].sum(1).tolist() == [8, 10]


def test_training_and_adam():
    batch = museum.make_thing_batch(["the cook stirs the soup ."] * 2)
    losses, measured = museum.fit(museum.make_word_model(), lambda _: batch, 12, measure=lambda _: 1.0, every=5)
    assert losses[-1] < losses[0]
    assert measured == [1.0] * 3
    assert museum.smooth([0.0, 2.0, 4.0], 2) == [0.0, 1.0, 3.0]
    idle = torch.nn.Parameter(torch.ones(2))
    Adam([idle], 0.1).step()
    assert idle.tolist() == [1, 1]


def test_a_report_says_what_was_found(capsys):
    from bertlab import checks

    museum.report("this", checks.check_word_labels, [IGNORE, 1], [None, 0], [1])
    museum.report("that", checks.check_word_labels, [1, 1], [None, 0], [1])
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "this: passes check_word_labels"
    assert second == "that: fails check_word_labels"
    assert "token 0, a special token" in third
