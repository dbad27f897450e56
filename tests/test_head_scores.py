"""Head scores: planted maps score 1, equal attention scores its chance chance, and short or wrong rows are defined."""

import math

import numpy as np
import pytest
import torch

from bertlab import head_scores
from bertlab.model import Bert, BertConfig, attention_maps

TOKENS = ["[CLS]", "the", "cat", ",", "the", "dog", ".", "[SEP]"]
T = len(TOKENS)


def attend_to(keys) -> np.ndarray:
    """The map of a head whose token i attends to token keys[i] only."""
    return np.eye(T)[list(keys)]


PLANTED = {
    "previous": [0, 0, 1, 2, 3, 4, 5, 6],
    "next": [1, 2, 3, 4, 5, 6, 7, 7],
    "self": range(T),
    "same word": [0, 4, 0, 0, 1, 0, 0, 0],
    "[CLS]": [0] * T,
    "[SEP]": [7] * T,
    "punctuation": [3, 6, 3, 6, 3, 6, 3, 6],
    "delimiter": [7, 6, 7, 6, 7, 3, 7, 3],
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_map_scores_one(name):
    scores = head_scores.score_heads(attend_to(PLANTED[name]), TOKENS)
    assert scores[name] == pytest.approx(1)
    assert scores["entropy"] == 0
    if name in ("[SEP]", "punctuation"):
        assert scores["delimiter"] == 1
    assert [other for other in head_scores.HEAD_KINDS if scores[other] == 1] == [name] * (
        name in head_scores.HEAD_KINDS
    )


def test_equal_attention_scores_the_levels_of_the_docstring():
    scores = head_scores.score_heads(head_scores.make_uniform_map(T), TOKENS)
    expected = {"previous": 1 / 8, "next": 1 / 8, "self": 1 / 8, "same word": 1 / 8, "[CLS]": 1 / 8, "[SEP]": 1 / 8,
                "punctuation": 2 / 8, "delimiter": 3 / 8, "entropy": math.log(8),
                "distance": (8**2 - 1) / (3 * 8)}  # fmt: skip
    assert scores == pytest.approx(expected, abs=1e-12)
    assert head_scores.compute_chance_levels([TOKENS]) == pytest.approx(expected, abs=1e-12)


def test_distance_and_entropy_by_hand():
    a = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    scores = head_scores.score_heads(a, ["[CLS]", "a", "[SEP]"])
    assert scores["distance"] == pytest.approx((0.25 + 0.5 + 0 + 1.0) / 3)
    assert scores["entropy"] == pytest.approx((1.5 + 0 + 1) / 3 * math.log(2))  # 1.5, 0 and 1 bits, in nats
    assert scores["previous"] == pytest.approx((0.0 + 0.0) / 2)
    assert scores["next"] == pytest.approx((0.25 + 0.0) / 2)


def test_queries_without_a_target_do_not_count():
    tokens = ["[CLS]", "a", "b", "a", "[SEP]", "c", "[SEP]"]
    wanted = head_scores.find_scored_keys(tokens)
    assert wanted["same word"].nonzero()[0].tolist() == [1, 3]  # [SEP] occurs twice, but is no word
    assert wanted["same word"].nonzero()[1].tolist() == [3, 1]
    assert wanted["previous"].any(-1).tolist() == [False] + [True] * 6
    assert wanted["next"].any(-1).tolist() == [True] * 6 + [False]


def test_short_rows():
    one = head_scores.score_heads([[1.0]], ["[CLS]"])
    assert np.isnan([one["previous"], one["next"], one["same word"], one["[SEP]"], one["delimiter"]]).all()
    assert (one["self"], one["[CLS]"], one["entropy"], one["distance"]) == (1, 1, 0, 0)
    two = head_scores.score_heads(head_scores.make_uniform_map(2), ["[CLS]", "[SEP]"])
    assert two["previous"] == two["next"] == 0.5
    names, values = head_scores.find_strongest_kind(one, head_scores.compute_chance_levels([["[CLS]"]]))
    assert (names, values) == ("none", 0)  # where all is one token, looking at it says nothing


def test_several_texts_are_pooled_by_query():
    long, short = ["[CLS]", "a", "b", "c", "[SEP]"], ["[CLS]", "a", "[SEP]"]
    previous = np.eye(5)[[0, 0, 1, 2, 3]]
    scores = head_scores.average_head_scores([(previous, long), (head_scores.make_uniform_map(3), short)])
    assert scores["previous"] == pytest.approx((4 * 1 + 2 / 3) / (4 + 2))
    assert scores["[SEP]"] == pytest.approx((0 + 3 / 3) / (5 + 3))
    assert head_scores.compute_chance_levels([long, short])["entropy"] == pytest.approx(
        (5 * math.log(5) + 3 * math.log(3)) / 8
    )
    assert np.isnan(scores["same word"])
    with_repeat = head_scores.average_head_scores([(previous, long), (np.eye(T)[PLANTED["same word"]], TOKENS)])
    assert with_repeat["same word"] == 1


def test_each_head_of_each_layer_is_scored_alone():
    maps = np.stack([[attend_to(PLANTED["previous"]), head_scores.make_uniform_map(T)],
                     [attend_to(PLANTED["[SEP]"]), attend_to(PLANTED["same word"])],
                     [attend_to(PLANTED["punctuation"]), attend_to(PLANTED["self"])]])  # fmt: skip
    scores, chance = head_scores.score_heads(maps, TOKENS), head_scores.compute_chance_levels([TOKENS])
    names, values = head_scores.find_strongest_kind(scores, chance)
    assert names.tolist() == [["previous", "none"], ["[SEP]", "same word"], ["punctuation", "self"]]
    assert values == pytest.approx(np.array([[1, 0], [1, 1], [1, 1]]), abs=1e-12)
    above = head_scores.rescale_above_chance(scores, chance)
    assert set(above) == set(head_scores.SHARES)
    assert above["delimiter"][0, 1] == pytest.approx(0, abs=1e-12)
    half = (attend_to(PLANTED["[SEP]"]) + head_scores.make_uniform_map(T)) / 2
    assert head_scores.rescale_above_chance(head_scores.score_heads(half, TOKENS), chance)["[SEP]"] == pytest.approx(
        0.5
    )
    assert head_scores.find_strongest_kind(head_scores.score_heads(half, TOKENS), chance, least=0.6)[0] == "none"
    mixed = 0.7 * attend_to(PLANTED["[CLS]"]) + 0.3 * attend_to(PLANTED["next"])
    scores = head_scores.score_heads(mixed, TOKENS)
    assert head_scores.find_strongest_kind(scores, chance)[0] == "[CLS]"
    assert head_scores.find_strongest_kind(scores, chance, least=0.1, among=("next", "self"))[0] == "next"
    with pytest.raises(ValueError, match="no share entropy"):
        head_scores.find_strongest_kind(scores, chance, among=("entropy",))


@pytest.mark.parametrize(
    ("token", "is_sign"),
    [(".", True), ("(", True), ("$", True), ("…", True), ("[SEP]", False), ("[UNK]", False), ("##s", False),
     ("a", False), ("7", False), ("", False)],
)  # fmt: skip
def test_punctuation(token, is_sign):
    assert head_scores.is_punctuation_token(token) is is_sign


def test_maps_of_a_model_and_of_a_row_of_a_batch():
    bert = Bert(BertConfig(vocab_size=20, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                           intermediate_size=64, max_position_embeddings=16)).eval()  # fmt: skip
    ids = torch.tensor([[2, 7, 8, 9, 8, 6, 10, 3], [2, 7, 8, 9, 3, 0, 0, 0]])
    tokens = ["[CLS]", "the", "cat", ",", "[SEP]"]
    with attention_maps(bert) as maps:
        bert(ids[1:, :5])
        alone = head_scores.score_heads(maps, tokens)
        bert(ids, attention_mask=(ids != 0).long())
        padded = head_scores.score_heads(head_scores.select_text_maps(maps, 1, 5), tokens)
        bert(ids)  # the mask is forgotten
        with pytest.raises(ValueError, match="without the padding mask"):
            head_scores.score_heads(head_scores.select_text_maps(maps, 1, 5), tokens)
    assert alone["previous"].shape == (2, 1, 4)
    assert padded["previous"].shape == (2, 4)
    for name, values in padded.items():
        if name != "same word":
            assert values == pytest.approx(alone[name][:, 0], abs=1e-5), name


def test_wrong_maps_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 3\) for 8 tokens"):
        head_scores.score_heads(np.eye(3), TOKENS)
    with pytest.raises(ValueError, match="0 tokens"):
        head_scores.score_heads(np.zeros((0, 0)), [])
    with pytest.raises(ValueError, match=r"\[PAD\]"):
        head_scores.score_heads(np.eye(2), ["[CLS]", "[PAD]"])
    with pytest.raises(ValueError, match="negative numbers or nan"):
        head_scores.score_heads(np.full((2, 2), np.nan), ["a", "b"])
    with pytest.raises(ValueError, match="negative numbers"):
        head_scores.score_heads(np.array([[2.0, -1.0], [0.5, 0.5]]), ["a", "b"])
    with pytest.raises(ValueError, match="off by 0.500 from 1"):
        head_scores.score_heads(np.full((2, 2), 0.25), ["a", "b"])
    with pytest.raises(ValueError, match="no texts"):
        head_scores.average_head_scores([])
