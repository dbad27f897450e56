"""Baselines for pre-training: the most frequent word, the bigram, and both neighbours, on the batches of the model."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .arguments import check_kind, check_number
from .batches import IGNORE, Batches
from .corpus import EncodedCorpus
from .heads import Output


def score_pretraining(output: Output, batch: dict[str, Tensor]) -> dict[str, tuple[float, float]]:
    """For `evaluate`: (sum, count) of the MLM loss in nats, and of the correct predictions of both tasks."""
    labels = batch["labels"][batch["labels"] != IGNORE]
    scores = {
        "mlm_loss": (float(output.mlm_loss) * len(labels), len(labels)),
        "mlm_accuracy": (int((output.mlm_logits.argmax(-1) == labels).sum()), len(labels)),
    }
    if "next_sentence_label" in batch:
        labelled = batch["next_sentence_label"] != IGNORE
        correct = (output.nsp_logits.argmax(-1) == batch["next_sentence_label"]) & labelled
        scores["nsp_accuracy"] = (int(correct.sum()), int(labelled.sum()))
    return scores


# `guess(before, labels)`, both (M,): the probability of each label after the word before it, and whether the most
# probable word is the label.
Guess = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def fit_unigram(text: EncodedCorpus, vocab_size: int) -> Guess:
    """The baseline without context: the frequency of each word in the training text, after adding 0.5 to each count."""
    check_kind(text, EncodedCorpus, "text")
    counts = text.count_ids(vocab_size) + 0.5
    probability = counts / counts.sum()
    best = int(probability.argmax())

    def guess(before: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return probability[labels], labels == best

    return guess


def number_bigrams(text: EncodedCorpus, vocab_size: int) -> np.ndarray:
    """before * vocab_size + after for each two neighbouring words of a document: (N,) int64."""
    inside = np.ones(len(text.ids), bool)
    inside[text.sentences[text.documents[:-1]]] = False  # the first word of a document has no previous word
    pairs = text.ids[:-1].astype(np.int64)
    pairs *= vocab_size  # in place: these are the largest arrays of a training from shards
    pairs += text.ids[1:]
    return pairs[inside[1:]]


class Bigram:
    """The baseline that knows the previous word, smoothed after Witten and Bell (1991):

    P(w | b) = (count(b w) + kinds(b) * P(w)) / (count(b) + kinds(b)), where kinds(b) is the number of different words
    that follow b, and P the unigram probability. If the previous word is masked too, only P is left.
    """

    def __init__(self, text: EncodedCorpus, vocab_size: int):
        check_kind(text, EncodedCorpus, "text")
        self.size = vocab_size
        counts = text.count_ids(vocab_size) + 0.5
        self.unigram = counts / counts.sum()
        pairs = number_bigrams(text, vocab_size)
        pairs.sort()  # as np.unique does, which takes twice the memory
        starts = np.flatnonzero(np.r_[True, pairs[1:] != pairs[:-1]][: len(pairs)])
        self.pairs, self.times = pairs[starts], np.diff(starts, append=len(pairs))
        before, after = self.pairs // vocab_size, self.pairs % vocab_size
        self.kinds = np.bincount(before, minlength=vocab_size)
        self.followed = np.bincount(before, self.times, minlength=vocab_size)
        # After each word, its most probable follower.
        p = (self.times + self.kinds[before] * self.unigram[after]) / (self.followed + self.kinds)[before]
        order = np.lexsort((p, before))
        last = np.r_[np.flatnonzero(np.diff(before[order])), len(order) - 1] if len(order) else np.empty(0, int)
        self.best = np.full(vocab_size, int(self.unigram.argmax()))
        self.best[before[order][last]] = after[order][last]

    def __call__(self, before: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A `Guess`."""
        pairs = before.astype(np.int64) * self.size + labels
        index = np.minimum(np.searchsorted(self.pairs, pairs), max(0, len(self.pairs) - 1))
        times = np.where(self.pairs[index] == pairs, self.times[index], 0) if len(self.pairs) else 0
        kinds = np.maximum(self.kinds[before], 1)  # for a word without followers: the unigram probability
        return (times + kinds * self.unigram[labels]) / (self.followed[before] + kinds), self.best[before] == labels


class TwoSidedBigram:
    """The baseline that knows the words on both sides of a masked one, by tables of bigrams:

    P(w | b, a) is proportional to P(w | b) P(w | a) / P(w) for the word b before and the word a after. This is exact
    where the two neighbours are independent of each other given w, and otherwise counts some evidence twice. The tables
    are smoothed as in `Bigram`. Of a neighbour that is masked or special nothing is known, and P(w) takes its place.

    unigram     (V,) P(w)
    after_word  (V, V) P(w | b) in row b
    before_word (V, V) P(w | a) in row a

    Raises ValueError for a vocabulary of more than 10,000, whose tables would take gigabytes.
    """

    def __init__(self, text: EncodedCorpus, vocab_size: int):
        check_kind(text, EncodedCorpus, "text")
        vocab_size = check_number(vocab_size, "vocab_size", least=1, most=10_000, whole=True)
        counts = text.count_ids(vocab_size) + 0.5
        self.unigram = counts / counts.sum()
        times = np.bincount(number_bigrams(text, vocab_size), minlength=vocab_size**2)
        times = times.reshape(vocab_size, vocab_size)
        self.after_word, self.before_word = self.smooth(times), self.smooth(times.T)

    def smooth(self, times: np.ndarray) -> np.ndarray:
        """Rows of counts as probabilities (Witten and Bell 1991); a row without counts is the unigram's."""
        kinds = np.maximum((times > 0).sum(1, keepdims=True), 1)
        return (times + kinds * self.unigram) / (times.sum(1, keepdims=True) + kinds)

    def predict(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """The probabilities of all words between the words `before` and `after`, both (M,): (M, V)."""
        p = self.after_word[before] * self.before_word[after] / self.unigram
        return p / p.sum(1, keepdims=True)

    def score(self, batches: Batches) -> dict[str, float]:
        """MLM loss (nats) and accuracy on the batches that the model is evaluated on."""
        loss = correct = count = 0.0
        for number in range(len(batches)):
            batch = batches[number]
            ids, labels = batch["input_ids"].numpy(), batch["labels"].numpy()
            rows, columns = np.nonzero(labels != IGNORE)  # never the first or the last token of a row
            p = self.predict(ids[rows, columns - 1], ids[rows, columns + 1])
            words = labels[rows, columns]
            loss -= np.log(p[np.arange(len(words)), words]).sum()
            correct, count = correct + (p.argmax(1) == words).sum(), count + len(words)
        return {"mlm_loss": float(loss / count), "mlm_accuracy": float(correct / count)}


def score_baseline(guess: Guess, batches: Batches) -> dict[str, float]:
    """MLM loss (nats) and accuracy of a baseline on the batches that the model is evaluated on.

    For NSP it always predicts the more frequent label. Where sentences are long, many rows consist of one sentence and
    a random B, so that this accuracy is above one half.
    """
    loss = correct = count = 0.0
    label_counts = np.zeros(2)
    for number in range(len(batches)):
        batch = batches[number]
        ids, labels = batch["input_ids"].numpy(), batch["labels"].numpy()
        rows, columns = np.nonzero(labels != IGNORE)
        before = ids[rows, columns - 1]  # [CLS] is never masked, so there is a previous token
        probability, is_correct = guess(before, labels[rows, columns])
        loss -= np.log(probability).sum()
        correct, count = correct + is_correct.sum(), count + len(rows)
        nsp_labels = batch.get("next_sentence_label", torch.tensor([])).numpy()
        label_counts += np.bincount(nsp_labels[nsp_labels != IGNORE].astype(int), minlength=2)
    scores = {"mlm_loss": float(loss / count), "mlm_accuracy": float(correct / count)}
    return scores | ({"nsp_accuracy": float(label_counts.max() / label_counts.sum())} if label_counts.any() else {})
