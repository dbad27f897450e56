"""Pseudo-log-likelihoods equal those computed one token at a time; the table counts ties as wrong."""

import math

import pytest
import torch

from bertlab import BertConfig, Pretraining, WordPiece
from bertlab.grammar import MinimalPair, count_right, draw_grammar, format_grammar, judge_grammar, score_sentences
from bertlab.grammar.judging import average_counts, estimate_interval

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "un", "##real", "##istic", "sat", "."]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = BertConfig(len(VOCABULARY), 16, 2, 2, 32, max_position_embeddings=16)
    return Pretraining(config).double()


TOKENIZER = WordPiece(VOCABULARY)


def log_probability(model, ids: list[int], place: int, target: int) -> float:
    with torch.no_grad():
        logits = model.eval()(torch.tensor([ids])).mlm_logits
    return float(logits[0, place].log_softmax(-1)[target])


def test_each_token_is_masked_in_turn_and_the_rest_of_its_word_with_it(model):
    cls, sep, mask = 2, 3, 4
    the, un, real, istic, sat = 5, 7, 8, 9, 10
    expected = (
        log_probability(model, [cls, mask, un, real, istic, sat, sep], 1, the)
        + log_probability(model, [cls, the, mask, mask, mask, sat, sep], 2, un)
        + log_probability(model, [cls, the, un, mask, mask, sat, sep], 3, real)
        + log_probability(model, [cls, the, un, real, mask, sat, sep], 4, istic)
        + log_probability(model, [cls, the, un, real, istic, mask, sep], 5, sat)
    )
    [score] = score_sentences(model, TOKENIZER, ["The unrealistic sat"])
    assert score == pytest.approx(expected, abs=1e-6)  # logits are float32 on their way to a likelihood


def test_scores_do_not_depend_on_what_is_scored_beside(model):
    sentences = ["the cat sat.", "unreal", "cat cat cat cat", "the unrealistic cat sat."]
    together = score_sentences(model, TOKENIZER, sentences, batch_size=3)
    assert together == pytest.approx([score_sentences(model, TOKENIZER, [one])[0] for one in sentences], abs=1e-6)


@pytest.mark.parametrize(("sentence", "message"), [("", "holds no word"), ("cat " * 20, "has 22 tokens")])
def test_sentences_that_cannot_be_scored(model, sentence, message):
    with pytest.raises(ValueError, match=message):
        score_sentences(model, TOKENIZER, [sentence])


def test_ruined_weights_and_foreign_vocabularies_are_refused(model):
    with pytest.raises(ValueError, match="one of them is another model's"):
        score_sentences(model, WordPiece([*VOCABULARY, "more"]), ["the cat"])
    ruined = Pretraining(model.config)
    with torch.no_grad():
        ruined.mlm.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="gives nan"):
        score_sentences(ruined, TOKENIZER, ["the cat"])
    with pytest.raises(TypeError, match="must be a list of texts"):
        score_sentences(model, TOKENIZER, "the cat")


def test_ties_are_wrong():
    pairs = [MinimalPair("a", "b", "one"), MinimalPair("b", "a", "one"), MinimalPair("a", "c", "two")]
    assert count_right(pairs, lambda sentences: [{"a": 1.0, "b": 0.0, "c": 1.0}[s] for s in sentences]) == {
        "one": [1, 2],
        "two": [0, 1],
    }


def test_wilsons_interval():
    assert estimate_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe (1998), table I
    assert estimate_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert estimate_interval(20, 20)[1] == pytest.approx(1.0)


def test_the_average_weighs_phenomena_alike():
    mean, half = average_counts({"one": [200, 200], "two": [1, 2]})
    assert mean == 0.75
    assert half == pytest.approx(1.959964 * math.sqrt(0.25 / 2) / 2)


def test_table_and_figure_hold_every_phenomenon(model, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("The cat sat.\n\nThe cat. The unreal cat sat.", "utf-8")
    pairs = [MinimalPair("the cat sat.", "the sat cat.", "order"), MinimalPair("the cat.", "the the.", "articles")]
    results = judge_grammar(model, TOKENIZER, pairs, [str(text)])
    assert results["bigram"] == {"order": [1, 1], "articles": [1, 1]}
    assert results["unigram"] == {"order": [0, 1], "articles": [0, 1]}  # the same words; "the" is more frequent
    lines = format_grammar(results).splitlines()
    assert [line.split()[0] for line in lines] == ["right,", "order", "articles", "average"]
    assert lines[1].split()[1:4] == ["1", "0.0%", "100.0%"]
    figure = draw_grammar(results)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["articles", "order"]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"this BERT", "unigram", "bigram", "chance"}
