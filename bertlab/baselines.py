"""What pre-training must beat: the most frequent word and the bigram, judged on the same batches as the model."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .batches import IGNORE, Batches
from .corpus import EncodedCorpus
from .heads import Output


def score_pretraining(output: Output, batch: dict[str, Tensor]) -> dict[str, tuple[float, float]]:
    """(sum, count) of the MLM loss in nats, and of right answers to both questions, for `evaluate`."""
    labels = batch["labels"][batch["labels"] != IGNORE]
    found = {
        "mlm_loss": (float(output.mlm_loss) * len(labels), len(labels)),
        "mlm_accuracy": (int((output.mlm_logits.argmax(-1) == labels).sum()), len(labels)),
    }
    if "next_sentence_label" in batch:
        asked = batch["next_sentence_label"] != IGNORE
        right = (output.nsp_logits.argmax(-1) == batch["next_sentence_label"]) & asked
        found["nsp_accuracy"] = (int(right.sum()), int(asked.sum()))
    return found


Guess = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def fit_unigram(text: EncodedCorpus, vocab_size: int) -> Guess:
    """The baseline that looks at nothing: every word as often as in the training text, plus half a time."""
    counts = text.count_ids(vocab_size) + 0.5
    probability = counts / counts.sum()
    best = int(probability.argmax())

    def guess(before: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return probability[labels], labels == best

    return guess


class Bigram:
    """The baseline that looks at the word before, smoothed as Witten and Bell (1991) do:

    P(w | b) = (count(b w) + kinds(b) * P(w)) / (count(b) + kinds(b)), with kinds(b) the number of different words seen
    after b and P the unigram probability. Before a masked word may stand another masked one: then it knows nothing.
    """

    def __init__(self, text: EncodedCorpus, vocab_size: int):
        self.size = vocab_size
        counts = text.count_ids(vocab_size) + 0.5
        self.unigram = counts / counts.sum()
        inside = np.ones(len(text.ids), bool)
        inside[text.sentences[text.documents[:-1]]] = False  # the first word of a document follows nothing
        pairs = text.ids[:-1].astype(np.int64) * vocab_size + text.ids[1:]
        self.pairs, self.times = np.unique(pairs[inside[1:]], return_counts=True)
        before, after = self.pairs // vocab_size, self.pairs % vocab_size
        self.kinds = np.bincount(before, minlength=vocab_size)
        self.followed = np.bincount(before, self.times, minlength=vocab_size)
        # The best guess after each word: the most probable of its followers.
        p = (self.times + self.kinds[before] * self.unigram[after]) / (self.followed + self.kinds)[before]
        order = np.lexsort((p, before))
        last = np.r_[np.flatnonzero(np.diff(before[order])), len(order) - 1] if len(order) else np.empty(0, int)
        self.best = np.full(vocab_size, int(self.unigram.argmax()))
        self.best[before[order][last]] = after[order][last]

    def __call__(self, before: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probability of each label after the word before it, and whether the best guess is right: (M,), (M,)."""
        wanted = before.astype(np.int64) * self.size + labels
        place = np.minimum(np.searchsorted(self.pairs, wanted), max(0, len(self.pairs) - 1))
        seen = np.where(self.pairs[place] == wanted, self.times[place], 0) if len(self.pairs) else 0
        kinds = np.maximum(self.kinds[before], 1)  # nothing known: the unigrams
        return (seen + kinds * self.unigram[labels]) / (self.followed[before] + kinds), self.best[before] == labels


def score_baseline(guess: Guess, batches: Batches) -> dict[str, float]:
    """MLM loss (nats) and accuracy of a baseline on the very batches that the model was judged by.

    Of NSP a baseline knows which answer is the commoner: where sentences are long, many a row holds one sentence and
    random others, so that this is above one half.
    """
    loss = right = count = 0.0
    answers = np.zeros(2)
    for number in range(len(batches)):
        batch = batches[number]
        ids, labels = batch["input_ids"].numpy(), batch["labels"].numpy()
        rows, places = np.nonzero(labels != IGNORE)
        before = ids[rows, places - 1]  # [CLS] is never masked, so there is one
        probability, hit = guess(before, labels[rows, places])
        loss -= np.log(probability).sum()
        right, count = right + hit.sum(), count + len(rows)
        asked = batch.get("next_sentence_label", torch.tensor([])).numpy()
        answers += np.bincount(asked[asked != IGNORE].astype(int), minlength=2)
    found = {"mlm_loss": float(loss / count), "mlm_accuracy": float(right / count)}
    return found | ({"nsp_accuracy": float(answers.max() / answers.sum())} if answers.any() else {})
