"""Texts that are longer than a row: read in windows, which are merged, when a model predicts and is judged."""

import numpy as np
import pytest
import torch

from bertlab.heads import Classifier, Tagger
from bertlab.tasks import Classification, LabelledText, TaggedSentence, Tagging
from bertlab.tasks.rows import cut_windows, encode_texts
from bertlab.tasks.tagging import cut_word_windows

from ..tiny_runs import SMALL, TOKENIZER

LONG = "the cat sat in rome . the dog was good , the film was bad ."  # 16 tokens


@pytest.mark.parametrize(
    ("sizes", "room", "overlap", "expected"),
    [
        ([1] * 10, 4, 0, [(0, 4), (4, 8), (8, 10)]),
        ([1] * 10, 4, 1, [(0, 4), (3, 7), (6, 10)]),
        ([1, 1, 8], 8, 2, [(0, 2), (1, 2), (2, 3)]),  # it goes on, though the next word fills a window
        ([5, 5, 5], 4, 1, [(0, 1), (1, 2), (2, 3)]),
        ([], 4, 1, []),
    ],
)
def test_windows_of_words(sizes, room, overlap, expected):
    assert cut_word_windows(sizes, room, overlap) == expected


def test_windows_of_texts_hold_every_token_once():
    assert cut_windows([[*range(10)]], 4) == [[[0, 1, 2]], [[3, 4, 5]], [[6, 7, 8, 9]]]
    assert cut_windows([[1, 2], [*range(5)]], 5) == [[[1, 2], [0, 1]], [[1, 2], [2, 3, 4]]]
    assert cut_windows([[*range(5)], [1, 2]], 5) == [[[0, 1], [1, 2]], [[2, 3, 4], [1, 2]]]
    assert [b for _, b in cut_windows([[*range(6)], [*range(9)]], 4)] == [[0], [1, 2], [3, 4], [5, 6], [7, 8]]
    assert {tuple(a) for a, _ in cut_windows([[*range(6)], [*range(9)]], 4)} == {(0, 1)}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        a, b, room = [*range(rng.integers(1, 40))], [*range(100, 100 + rng.integers(1, 40))], int(rng.integers(4, 30))
        windows = cut_windows([a, b], room)
        assert all(len(one) + len(other) <= room for one, other in windows)
        side = int(len(b) > len(a))
        assert [token for window in windows for token in window[side]] == (a, b)[side]


def test_a_text_of_several_windows_gets_the_mean_of_their_logits():
    torch.manual_seed(0)
    model = Classifier(SMALL, 2).eval()
    task = Classification(TOKENIZER, ["neg", "pos"], length=10)
    examples = [LabelledText(text, None, "pos") for text in ("the cat", LONG, "bad film")]
    said = task.predict(model, examples)
    assert (task.windowed, task.truncated) == (1, 0)
    assert task.describe_losses(3) == ["1 of 3 examples are read in parts: more than 10 tokens (--length)"]
    with torch.no_grad():
        parts = [" ".join(LONG.split()[:8]), " ".join(LONG.split()[8:])]
        logits = [model(torch.tensor([TOKENIZER.encode(part).input_ids])).logits[0] for part in parts]
        short = model(torch.tensor([TOKENIZER.encode("the cat").input_ids])).logits[0].softmax(-1)
    assert said[1]["probabilities"]["pos"] == pytest.approx(float((sum(logits) / 2).softmax(-1)[1]), abs=1e-6)
    assert said[0]["probabilities"]["pos"] == pytest.approx(float(short[1]), abs=1e-6)
    assert len(task.make_rows(examples)) == 3  # when it learns, texts are cut, and it is said
    assert task.describe_losses(3) == ["1 of 3 examples are truncated: more than 10 tokens (--length)"]


def test_of_a_pair_the_longer_text_is_read_in_windows():
    rows, truncated = encode_texts(TOKENIZER, [LONG, "the cat"], ["bad film", LONG], 10, windows=True)
    assert truncated == 0
    words = [TOKENIZER.decode(row["input_ids"], keep_special=True) for row in rows]
    assert [row["number"] for row in rows] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert all(text.endswith("[SEP] bad film [SEP]") for text in words[:4])
    assert all(text.startswith("[CLS] the cat [SEP]") for text in words[4:])
    assert encode_texts(TOKENIZER, [LONG], [LONG], 10, windows=True)[1] == 1  # half of the second is never read


def test_each_word_gets_its_tag_from_the_window_where_it_is_farther_from_the_edge():
    torch.manual_seed(0)
    model = Tagger(SMALL, 3).eval()
    task = Tagging(TOKENIZER, ["O", "B-PER", "B-LOC"], length=10)
    words = LONG.split()
    said = task.predict(model, [TaggedSentence(words, ["O"] * 16), TaggedSentence(["cat"], ["O"])])
    assert task.windowed == 1
    assert [len(one["tags"]) for one in said] == [16, 1]
    spans = [(0, 8), (6, 14), (12, 16)]
    found = {}
    with torch.no_grad():
        for start, end in spans:
            logits = model(torch.tensor([TOKENIZER.encode(" ".join(words[start:end])).input_ids])).logits[0]
            for place, share in enumerate(logits.softmax(-1).max(-1).values[1:-1].tolist()):
                found.setdefault(start + place, []).append((min(place, end - start - 1 - place), share))
    assert [len(found[word]) for word in range(16)] == [1] * 6 + [2] * 2 + [1] * 4 + [2] * 2 + [1] * 2
    for word, share in enumerate(said[0]["probability"]):
        assert share == pytest.approx(max(found[word])[1], abs=1e-6)
