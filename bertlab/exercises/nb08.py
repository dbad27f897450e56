"""The exercises of notebook 08, next sentence: joining a pair, the two losses, pairs that topic cannot answer."""

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from . import Exercise, Hint, checker, expect

CLS, SEP = 2, 3


# ---- join ------------------------------------------------------------------------------------------------


def two_lists(answer: object) -> tuple[list[int], list[int]]:
    """The answer as ids and segments, or a hint."""
    try:
        ids, segments = (list(part) for part in answer)
    except (TypeError, ValueError):
        raise Hint("Return two lists: the ids, and the segment of each.") from None
    return ids, segments


def ids_of_a_pair(join):
    ids, segments = two_lists(join([10, 11], [20, 21, 22], CLS, SEP))
    right = [CLS, 10, 11, SEP, 20, 21, 22, SEP]
    expect(ids != right[:-1], "The last [SEP] is missing: BERT ends both segments with one.")
    expect(ids != [CLS, 10, 11, 20, 21, 22, SEP], "The [SEP] between A and B is missing.")
    expect(ids != [10, 11, SEP, 20, 21, 22, SEP], "[CLS] is missing: the answer is read from its vector.")
    expect(ids.count(CLS) == 1, "There is one [CLS] a row, at its front. B gets none of its own.")
    expect(ids == right, f"For A = [10, 11] and B = [20, 21, 22] the ids are {right}. Yours are {ids}.")
    expect(len(segments) == len(ids), f"{len(ids)} ids, but {len(segments)} segments. Each id has one.")


def segments_of_a_pair(join):
    _, segments = two_lists(join([10, 11], [20, 21, 22], CLS, SEP))
    expect(
        segments != [0, 0, 0, 1, 1, 1, 1, 1],
        "The first [SEP] closes A and belongs to it: its segment is 0. Only what comes after it is in segment 1.",
    )
    expect(segments != [0, 0, 0, 0, 1, 1, 1, 0], "The last [SEP] closes B and belongs to it: its segment is 1.")
    expect(segments != [1, 1, 1, 1, 2, 2, 2, 2], "Segments count from 0, as the rows of the segment table do.")
    expect(segments == [0, 0, 0, 0, 1, 1, 1, 1], "[CLS] A [SEP] is segment 0, B [SEP] is segment 1.")


def lists_are_left_alone(join):
    a, b = [10, 11], [20]
    join(a, b, CLS, SEP)
    expect((a, b) == ([10, 11], [20]), "Your function changed the lists that it was given. Make new ones.")


# ---- pretraining_loss ------------------------------------------------------------------------------------


def some_logits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores and labels of a batch of four rows with six tokens and nine words."""
    draw = torch.Generator().manual_seed(0)
    mlm = torch.randn(4, 6, 9, generator=draw)
    labels = torch.full((4, 6), -100)
    labels[0, 2], labels[1, 4], labels[3, 1] = 7, 0, 5  # 0 is a word like any other here
    return mlm, labels, 2 * torch.randn(4, 2, generator=draw), torch.tensor([0, 1, 1, 0])


def by_hand(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the labels that are not -100, one row at a time."""
    found = [-row.log_softmax(-1)[label] for row, label in zip(logits, labels, strict=True) if label != -100]
    return torch.stack(found).mean() if found else torch.tensor(0.0)


def near(answer: object, right: Tensor) -> bool:
    return isinstance(answer, Tensor | float) and abs(float(answer) - float(right)) < 1e-4


def both_losses_count(pretraining_loss):
    mlm, labels, nsp, following = some_logits()
    loss = pretraining_loss(mlm, labels, nsp, following)
    expect(isinstance(loss, Tensor) and loss.dim() == 0, "Return one number, as a tensor without dimensions.")
    words, pairs = by_hand(mlm.flatten(0, 1), labels.flatten()), by_hand(nsp, following)
    dropped = by_hand(nsp, torch.where(following == 0, -100, following))
    expect(not near(loss, words), "Only the words count so far. The pairs have a loss, too.")
    expect(not near(loss, pairs), "Only the pairs count so far. The words have a loss, too.")
    no_zero = by_hand(mlm.flatten(0, 1), torch.where(labels == 0, -100, labels).flatten())
    expect(
        not near(loss, words + dropped) and not near(loss, no_zero + dropped),
        "Rows with label 0 do not count for the pairs. That is the bug of section 4: look at ignore_index.",
    )
    expect(not near(loss, no_zero + pairs), "Word 0 is a word. Only the label -100 means that nothing is asked.")
    expect(not near(loss, (words + pairs) / 2), "BERT adds the two losses. You took their mean.")
    summed = F.cross_entropy(mlm.flatten(0, 1), labels.flatten(), reduction="sum")
    expect(not near(loss, summed + 4 * pairs), "You summed over the labels. Each loss is a mean over its labels.")
    expect(near(loss, words + pairs), "The loss is the mean over the hidden words plus the mean over the pairs.")


def nothing_asked_is_no_loss(pretraining_loss):
    mlm, labels, nsp, following = some_logits()
    words, pairs = by_hand(mlm.flatten(0, 1), labels.flatten()), by_hand(nsp, following)
    partly = torch.tensor([0, -100, 1, -100])
    expect(
        near(pretraining_loss(mlm, labels, nsp, partly), words + by_hand(nsp, partly)),
        "A pair with label -100 asks nothing: it counts neither in the sum nor in the number of pairs.",
    )
    loss = pretraining_loss(mlm, labels, nsp, torch.full((4,), -100))
    expect(
        not torch.isnan(loss),
        "A batch whose pairs ask nothing gives nan: a mean over no labels is 0 / 0. Its loss must be 0.",
    )
    expect(near(loss, words), "A batch whose pairs ask nothing has the loss of its words alone.")
    loss = pretraining_loss(mlm, torch.full((4, 6), -100), nsp, following)
    expect(near(loss, pairs), "A batch in which no word is hidden has the loss of its pairs alone, and not nan.")


# ---- hard_pairs ------------------------------------------------------------------------------------------

DOCUMENTS = [[f"{name}{number}" for number in range(size)] for name, size in (("a", 6), ("b", 2), ("c", 3), ("d", 1))]


def rows_of(hard_pairs, documents: list[list[str]], seed: int) -> list[tuple[str, str, int]]:
    """The answer's rows, or a hint."""
    rows = hard_pairs(documents, random.Random(seed))
    expect(isinstance(rows, list) and rows, "Return a list of rows (a, b, label).")
    expect(
        all(isinstance(row, tuple | list) and len(row) == 3 for row in rows), "Each row is (a, b, label), three things."
    )
    return rows


def one_row_a_neighbour(hard_pairs):
    rows = rows_of(hard_pairs, DOCUMENTS, 0)
    firsts = sorted(a for a, _, _ in rows)
    right = sorted([f"a{i}" for i in range(5)] + ["c0", "c1"])
    expect(
        not any(a.startswith("b") for a in firsts),
        "A document of two sentences has nothing for a random B: its only others are A itself and what follows.",
    )
    expect("a5" not in firsts and "c2" not in firsts, "Nothing follows the last sentence, so it cannot be an A.")
    expect(firsts == right, f"Each sentence with a follower is A once. Expected {right}, got {firsts}.")


def labels_mean_what_they_should(hard_pairs):
    wrong = 0
    for seed in range(40):
        for a, b, label in rows_of(hard_pairs, DOCUMENTS, seed):
            expect(label in (0, 1), f"The label is 0 or 1, and yours is {label!r}.")
            expect(a != b, "A random B was A itself. That is easy to see, so it would teach nothing.")
            expect(a[0] == b[0], f"{b} is not from the document of {a}. Then its topic gives the answer away.")
            follows = int(b[1:]) == int(a[1:]) + 1
            expect(not (label == 1 and follows), f"{b} follows {a}, and the row says that it is random.")
            wrong += label == 0 and not follows
    expect(wrong == 0, "Label 0 means that B follows A. Some of your rows with label 0 do not.")


def half_are_random(hard_pairs):
    long = [[f"e{i}" for i in range(2001)]]
    rows = rows_of(hard_pairs, long, 1)
    share = sum(label for _, _, label in rows) / len(rows)
    expect(0.45 < share < 0.55, f"{100 * share:.0f}% of your rows are random. A fair coin gives about half.")
    before = sum(int(b[1:]) < int(a[1:]) for a, b, label in rows if label == 1)
    expect(before > 0, "A random B never stands before its A. Any other sentence of the document will do.")
    first, again = (hard_pairs(long, random.Random(5)) for _ in range(2))
    expect(first == again, "The same rng gives other rows the second time. Draw from the rng that you were given.")


EXERCISES = {
    "join": Exercise(
        "Make a row from two sentences: the ids with [CLS] and [SEP], and the segment of each id.",
        1,
        5,
        (ids_of_a_pair, segments_of_a_pair, lists_are_left_alone),
    ),
    "pretraining_loss": Exercise(
        "The loss of BERT: hidden words plus pairs, where -100 asks nothing and 0 is a label like any other.",
        2,
        10,
        (both_losses_count, nothing_asked_is_no_loss),
    ),
    "hard_pairs": Exercise(
        "Pairs for a harder question: B follows A, or is another sentence of the same document.",
        3,
        15,
        (one_row_a_neighbour, labels_mean_what_they_should, half_are_random),
    ),
}
check = checker(EXERCISES)
