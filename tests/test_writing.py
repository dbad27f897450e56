"""The writer: no token attends to later ones, and the search finds what an exhaustive search finds."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from bertlab.batches import IGNORE
from bertlab.writing import Writer, beam_search, writing_mask
from tests.parity import CONFIGS, make_loud

from .test_heads import close, gradients, loud

SMALL = CONFIGS[0]
X = IGNORE

# ---- Writer ----------------------------------------------------------------------------------------------------------


def test_writing_mask_literally():
    types = torch.tensor([[0, 0, 1, 1, 0], [0, 0, 0, 1, 1]])
    mask = writing_mask(types, torch.tensor([[1, 1, 1, 1, 0], [1] * 5])).int()
    assert mask[0].tolist() == [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]
    assert mask[1].tolist() == [[1, 1, 1, 0, 0]] * 3 + [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert torch.equal(writing_mask(types[1:]).int(), mask[1:])


def a_text(padded: bool = True, seed: int = 0) -> dict[str, torch.Tensor]:
    """Sources of 5, 3 and 4 tokens, targets of 4, 6 and 2; the last row is padded."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, SMALL.vocab_size, (3, 9), generator=draw)
    types = (torch.arange(9) >= torch.tensor([[5], [3], [4]])).long()
    mask = torch.arange(9) < torch.tensor([[9], [9], [6 if padded else 9]])
    labels = torch.where((types == 1) & mask, ids, X)
    ids, types = ids * mask, types * mask
    batch = {"input_ids": ids, "token_type_ids": types, "labels": labels}
    return batch | ({"attention_mask": mask.long()} if padded else {})


@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
def test_writer_reads_ahead_of_labels(padded):
    """Loss and logits where labels are, against all logits moved by one; every gradient too."""
    model, batch = loud(Writer), a_text(padded)
    labels = batch["labels"]
    some = model(**batch)
    full = model(**{key: value for key, value in batch.items() if key != "labels"}).logits
    assert full.shape == (3, 9, SMALL.vocab_size)
    close(some.logits, full[:, :-1][labels[:, 1:] != X])
    loss = F.cross_entropy(full[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    close(some.loss, loss)
    few, all_ = gradients(model, some.loss), gradients(model, loss)
    assert set(few) == set(all_) == {key for key, _ in model.named_parameters()}
    for key in few:
        close(few[key], all_[key])


def test_writer_does_not_see_what_comes():
    """Change a target word: scores before it stay, and scores from there on do not. The source never looks ahead."""
    model, batch = loud(Writer).eval(), a_text(padded=False)
    del batch["labels"]
    before = model(**batch).logits
    batch["input_ids"] = batch["input_ids"].clone()
    batch["input_ids"][0, 6] += 1
    after = model(**batch).logits
    close(after[0, :6], before[0, :6])
    assert (after[0, 6:] - before[0, 6:]).abs().amax(-1).min() > 1e-3
    close(after[1:], before[1:])


def log_p(model: Writer, source: list[int], words: list[int]) -> float:
    """log p of the words after a source, in one pass."""
    ids = torch.tensor([source + words])
    types = torch.tensor([[0] * len(source) + [1] * len(words)])
    scores = model(ids, types).logits[0].log_softmax(-1)
    return sum(scores[len(source) + i - 1, word].item() for i, word in enumerate(words))


V, END = 4, 3


@pytest.fixture(scope="module")
def writer() -> Writer:
    """Of four words, the last one the end; loud, so that texts differ much in log p."""
    model = Writer(replace(SMALL, vocab_size=V, pad_token_id=0)).double().eval()
    make_loud(model, 3)
    with torch.no_grad():
        model.mlm.bias.mul_(5)
    return model


def every_text(max_tokens: int) -> list[list[int]]:
    """All texts that end with END, or have `max_tokens` words without."""
    texts = []
    for length in range(1, max_tokens + 1):
        texts += [[*ids, END] for ids in itertools.product(range(END), repeat=length - 1)]
    return texts + [list(ids) for ids in itertools.product(range(END), repeat=max_tokens)]


SOURCES = [[1, 2, 0, 1], [2, 2], [0, 1, 1, 2, 1]]


def as_batch() -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.tensor([[int(i < len(source)) for i in range(5)] for source in SOURCES])
    return torch.tensor([source + [0] * (5 - len(source)) for source in SOURCES]), mask


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0, 2.0, -0.5])
@pytest.mark.parametrize("early_stop", [True, False])
def test_full_beam_is_exhaustive_search(writer, penalty, early_stop):
    """Sources of three lengths at once, padded: the best of all 121 texts, with its score; the n-best list too."""
    max_tokens, everything = 4, 3**4
    ids, mask = as_batch()
    found = writer.generate(
        ids, mask, end=END, max_tokens=max_tokens, beams=everything, length_penalty=penalty, early_stop=early_stop
    )
    for source, best in zip(SOURCES, found, strict=True):
        scored = [(log_p(writer, source, text) / len(text) ** penalty, text) for text in every_text(max_tokens)]
        score, text = max(scored)
        assert best[0][0] == pytest.approx(score, abs=1e-10)
        assert best[0][1] == [word for word in text if word != END]
        by_text = {tuple(text): score for score, text in scored}
        for score, text in best:  # all that is returned is scored right
            assert score == pytest.approx(by_text.get((*text, END), by_text.get(tuple(text))), abs=1e-10)


@pytest.mark.parametrize("max_tokens", [1, 2, 6])
def test_one_beam_is_greedy(writer, max_tokens):
    ids, mask = as_batch()
    found = writer.generate(ids, mask, end=END, max_tokens=max_tokens)
    for source, best in zip(SOURCES, found, strict=True):
        words: list[int] = []
        while len(words) < max_tokens and END not in words:
            next_ = [log_p(writer, source, [*words, word]) for word in range(V)]
            words.append(max(range(V), key=next_.__getitem__))
        assert best[0][1] == [word for word in words if word != END]
        assert best[0][0] == pytest.approx(log_p(writer, source, words) / len(words), abs=1e-10)
        assert len(best) == 1


def by_hand(table, beams: int, max_tokens: int, penalty: float, early_stop: bool):
    """Beam search over `table(words) -> V log p` for one source, in the plainest way."""
    alive, finished = [(0.0, [])], []
    for length in range(1, max_tokens + 1):
        every = sorted(((p + table(ids)[w], ids, w) for p, ids in alive for w in range(V)), key=lambda c: -c[0])
        finished += [(p / length**penalty, ids) for p, ids, w in every[:beams] if w == END]
        alive = [(p, [*ids, w]) for p, ids, w in every[: 2 * beams] if w != END][:beams]
        if early_stop and len(finished) >= beams:
            break
        if length == max_tokens:
            finished += [(p / length**penalty, ids) for p, ids in alive]
    return max(finished)


@pytest.mark.parametrize("early_stop", [True, False])
@pytest.mark.parametrize("penalty", [0.0, 1.0, 1.5])
@pytest.mark.parametrize("beams", [1, 2, 3])
def test_beam_search_by_hand(beams, penalty, early_stop):
    """On thirty random tables; stopping early without a loss is what the bound is for."""
    for seed in range(30):
        numbers = torch.Generator().manual_seed(seed)
        known: dict[tuple, list[float]] = {}

        def table(ids, known=known, numbers=numbers):
            if tuple(ids) not in known:
                drawn = 2 * torch.randn(V, generator=numbers, dtype=torch.float64)
                known[tuple(ids)] = drawn.log_softmax(0).tolist()
            return known[tuple(ids)]

        last: list[list[int]] = [[]]

        def extend(parents, words, last=last, table=table):
            last[:] = [[*last[parent], word] for parent, word in zip(parents, words, strict=True)]
            return torch.tensor([table(ids) for ids in last], dtype=torch.float64)

        first = torch.tensor([table([])], dtype=torch.float64)
        [found] = beam_search(
            first, extend, end=END, max_tokens=5, beams=beams, length_penalty=penalty, early_stop=early_stop
        )
        score, ids = by_hand(table, beams, 5, penalty, early_stop)
        assert found[0] == (pytest.approx(score), ids)
        assert [score for score, _ in found] == sorted((score for score, _ in found), reverse=True)
        assert len(found) <= beams


def test_a_longer_text_wins_by_the_penalty():
    """An end at once has p = 0.4, one after two words 0.33: the likelier is first, unless the mean counts."""
    table = {(): [0.6, 0, 0, 0.4], (0,): [0.0, 0.55, 0, 0.45], (0, 1): [0, 0, 0, 1.0]}
    last: list[tuple] = [()]

    def log(ids):
        return torch.tensor(table[ids], dtype=torch.float64).log()

    def extend(parents, words):
        last[:] = [(*last[parent], word) for parent, word in zip(parents, words, strict=True)]
        return torch.stack([log(ids) for ids in last])

    def best(penalty):
        last[:] = [()]
        [found] = beam_search(
            log(())[None], extend, end=END, max_tokens=4, beams=2, length_penalty=penalty, early_stop=False
        )
        return found[0]

    assert best(0.0) == (pytest.approx(math.log(0.4)), [])
    assert best(1.0) == (pytest.approx(math.log(0.33) / 3), [0, 1])


def test_generate_can_be_watched_and_told_what_not_to_write(writer):
    seen = []
    ids, mask = as_batch()
    found = writer.generate(ids, mask, end=END, max_tokens=3, beams=2, early_stop=False, never=[2], watch=seen.append)
    assert all(2 not in words for texts in found for _, words in texts)
    assert 1 <= len(seen) <= 3
    assert all(len(words) == step for step, rows in enumerate(seen, 1) for texts in rows for _, words in texts)
    allowed = [text for text in every_text(3) if 2 not in text]
    whole = writer.generate(ids, mask, end=END, max_tokens=3, beams=27, never=[2], length_penalty=0.0)
    for row, texts in enumerate(whole):
        assert tuple(texts[0][1]) in {tuple(w for w in text if w != END) for text in allowed}
        assert len(seen[0]) == len(SOURCES), row


def test_generate_refuses_what_does_not_fit(writer):
    ids, mask = as_batch()
    with pytest.raises(ValueError, match="5 tokens to read and 13 to write, but the model has 16 positions"):
        writer.generate(ids, mask, end=END, max_tokens=13)
    writer.generate(ids, mask, end=END, max_tokens=12)
    with pytest.raises(ValueError, match="beams is 0"):
        writer.generate(ids, mask, end=END, beams=0, max_tokens=3)
