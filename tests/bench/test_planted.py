"""The study of planted words: what is planted, what is replaced, and what is counted."""

import random

import matplotlib.pyplot as plt
import pytest
import torch

from bertlab import saliency
from bertlab.bench import planted
from bertlab.bench.planted import PLANTED, Study
from bertlab.heads import Classifier
from bertlab.model import BertConfig, attention_maps
from bertlab.wordpiece import WordPiece

WORDS = ["a", "dull", "fine", "film", "plot", "cast", "was", "the", "story", "slow", "good", "bad"]
TOKENIZER = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *PLANTED])
TINY = BertConfig(vocab_size=len(TOKENIZER), hidden_size=32, num_hidden_layers=6, num_attention_heads=2,
                  intermediate_size=64, max_position_embeddings=20, initializer_range=0.3)  # fmt: skip


def make_rows(count, seed):
    rng = random.Random(seed)
    return [(" ".join(rng.choices(WORDS, k=6 + n % 3)), n % 2) for n in range(count)]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Classifier(TINY, 2).eval().requires_grad_(False)


def test_the_planted_word_decides_the_label_and_nothing_else_changes():
    rows = make_rows(40, 1)
    found = planted.plant_words(rows)
    assert found[1::2] == rows[1::2]
    for (text, label), (before, _) in zip(found[::2], rows[::2], strict=True):
        words = text.split()
        words.remove(PLANTED[label])
        assert words == before.split()
    assert {label for _, label in found[::2]} == {0, 1}


def test_the_versions_of_a_pair_differ_in_the_planted_word_alone():
    rows = make_rows(10, 2)
    pairs = planted.make_pairs(rows)
    for i, (text, _) in enumerate(rows):
        (zinc, no), (walnut, yes) = pairs[2 * i : 2 * i + 2]
        assert (no, yes) == (0, 1)
        assert zinc.replace(*PLANTED) == walnut
        assert zinc.replace("zinc", " ").split() == text.split()


def test_another_word_is_deleted():
    for seed in range(20):
        text = planted.delete_another_word("a zinc film", random.Random(seed))
        assert text in ("zinc film", "a zinc")


def test_flat_layers_attend_to_all_tokens_alike():
    trained = planted.fine_tune(Classifier(TINY, 2), make_rows(16, 3), TOKENIZER, 0, (1, 5), steps=2)
    batch, _, _ = planted.read_rows([("a dull film", 0)], TOKENIZER)
    with attention_maps(trained) as maps:
        trained(**batch)
    for layer, map_ in enumerate(maps):
        assert torch.allclose(map_, torch.tensor(1 / 5)) == (layer in (1, 5))
    assert not any(parameter.requires_grad for parameter in trained.parameters())


def test_own_weights_give_the_own_logits_and_blocked_tokens_get_none(model):
    batch, _, words = planted.read_rows(planted.make_pairs(make_rows(4, 4)), TOKENIZER)
    hidden, real, logits = planted.run_to_last_layer(model, batch)
    torch.testing.assert_close(planted.finish_with(model, hidden, real), logits)
    blocked = saliency.select_top_tokens(torch.rand(words.shape), words, 1)
    left = planted.block_tokens(real, blocked)
    assert (left.transpose(1, 2)[blocked] == 0).all()
    torch.testing.assert_close(left.sum(-1), torch.ones(left.shape[:2]))
    assert (planted.finish_with(model, hidden, left) - logits).abs().max() > 1e-4


def test_the_search_moves_the_weights_and_keeps_the_log_odds(model):
    batch, _, _ = planted.read_rows(make_rows(6, 5), TOKENIZER)
    hidden, _, logits = planted.run_to_last_layer(model, batch)
    answer = logits.argmax(1)
    moved, before, after = planted.search_other_weights(model, batch, steps=40)
    torch.testing.assert_close((after - before).abs().sum(-1).mean(1) / 2, moved)
    assert moved.max() > 0.2
    found = planted.finish_with(model, hidden, after)
    change = (saliency.log_odds(found, answer) - saliency.log_odds(logits, answer)).abs()
    assert change.max() < 0.1 + 1e-4


def test_the_mean_of_two_versions():
    assert planted.average_versions(torch.tensor([True, True, True, False])) == [1, 0.5]
    scores = torch.tensor([[0.0, 3, 1, 0], [0, 1, 3, 0]])
    words = torch.tensor([[0, 1, 1, 0]] * 2).bool()
    assert planted.find_planted(scores, words, torch.tensor([[0, 1, 0, 0]] * 2).bool()) == [0.5]


def test_bootstrap_counts_both_seeds_and_sentences():
    assert planted.bootstrap([[0.5] * 20] * 3) == [0.5, 0.5, 0.5]
    sentences = planted.bootstrap([[0.0, 1.0] * 10] * 3)
    assert sentences[0] == 0.5
    assert 0.2 < sentences[1] < 0.4 < 0.6 < sentences[2] < 0.8
    seeds = planted.bootstrap([[0.0] * 20, [1.0] * 20])
    assert seeds == [0.5, 0.0, 1.0]


def test_a_tiny_study_measures_every_sentence_and_is_summarised():
    study = Study(lambda: Classifier(TINY, 2), TOKENIZER, make_rows(24, 6), make_rows(8, 7), training_steps=2)
    runs = [study.measure_seed(seed) for seed in (0, 1)]
    assert runs[0].keys() == {*planted.KINDS, "real", "real by size"}
    assert runs[0]["planted"] != runs[1]["planted"]
    assert runs[0]["planted"] != runs[0]["plain"]
    for kind in planted.CONTESTS:
        for shares in runs[0][kind]["recall"].values():
            assert len(shares) == 8
            assert set(shares) <= {0, 0.5, 1}
    found = planted.summarise(runs)
    mean, low, high = found["planted"]["recall"]["integrated gradients"]
    assert 0 <= low <= mean <= high <= 1
    counting = found["minus counting"]["[MASK] written over"]["baseline: counting"]
    assert counting == [0, 0, 0]
    assert found["real"].keys() == found["minus counting"].keys() == found["by size, minus attention"].keys()
    gap = found["by size, minus attention"]["[MASK] written over"]["occlusion"][0]
    by_size, attention = (found[part]["[MASK] written over"][name][0]
                          for part, name in (("real by size", "occlusion"), ("real", "attention")))  # fmt: skip
    assert gap == pytest.approx(by_size - attention, abs=2e-4)
    change = found["change by size"]["[MASK] written over"]
    ahead = found["change by size, minus attention"]["[MASK] written over"]
    assert change.keys() == ahead.keys() == found["real"]["[MASK] written over"].keys()
    assert ahead["occlusion"][0] == pytest.approx(change["occlusion"][0] - change["attention"][0], abs=2e-4)
    assert ahead["attention"] == [0, 0, 0]
    moved = torch.tensor([run["real"]["[MASK] written over"]["attention"] for run in runs]).abs()
    assert change["attention"][0] == pytest.approx(moved.mean().item(), abs=1e-4)
    assert found["plain"]["recall"].keys() == found["layer 5 flat"]["recall"].keys()


def test_results_are_drawn_with_a_row_for_each_method():
    table = {"occlusion": (0.5, 0.25, 0.75), "baseline: counting": (0.25, 0.125, 0.5)}
    ax = planted.draw_results({"planted": table, "plain": table}, x="% found", chance=0.1)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(table)
    assert ax.lines[0].get_xdata().tolist() == [50, 25]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["planted", "plain"]
    plt.close(ax.figure)
