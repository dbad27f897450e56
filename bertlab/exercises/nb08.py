"""The exercises of notebook 08, NSP: joining a pair, the two losses, pairs within one document."""

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from . import Exercise, Hint, expect, make_check
from .comparing import is_close

CLS, SEP = 2, 3


# ---- join ------------------------------------------------------------------------------------------------


def as_two_lists(answer: object) -> tuple[list[int], list[int]]:
    """The answer as ids and segments. Raises Hint when it is something else."""
    try:
        ids, segments = (list(part) for part in answer)
    except (TypeError, ValueError):
        raise Hint("Return two lists: the ids, and the segment of each id.") from None
    return ids, segments


def ids_of_a_pair(join):
    ids, segments = as_two_lists(join([10, 11], [20, 21, 22], CLS, SEP))
    expected = [CLS, 10, 11, SEP, 20, 21, 22, SEP]
    expect(ids != expected[:-1], "The last [SEP] is missing: BERT ends both segments with one.")
    expect(ids != [CLS, 10, 11, 20, 21, 22, SEP], "The [SEP] between A and B is missing.")
    expect(ids != [10, 11, SEP, 20, 21, 22, SEP], "[CLS] is missing: the answer is predicted from its vector.")
    expect(ids.count(CLS) == 1, "A row has one [CLS], at its start. B does not get its own.")
    expect(ids == expected, f"For A = [10, 11] and B = [20, 21, 22] the ids are {expected}. Yours are {ids}.")
    expect(len(segments) == len(ids), f"You return {len(ids)} ids, but {len(segments)} segments. Each id has one.")


def segments_of_a_pair(join):
    _, segments = as_two_lists(join([10, 11], [20, 21, 22], CLS, SEP))
    expect(
        segments != [0, 0, 0, 1, 1, 1, 1, 1],
        "The first [SEP] ends A and belongs to it: its segment is 0. Only the tokens after it are in segment 1.",
    )
    expect(segments != [0, 0, 0, 0, 1, 1, 1, 0], "The last [SEP] ends B and belongs to it: its segment is 1.")
    expect(segments != [1, 1, 1, 1, 2, 2, 2, 2], "Segments count from 0, as the rows of the segment table do.")
    expect(segments == [0, 0, 0, 0, 1, 1, 1, 1], "[CLS] A [SEP] is segment 0, and B [SEP] is segment 1.")


def lists_are_left_alone(join):
    a, b = [10, 11], [20]
    join(a, b, CLS, SEP)
    expect((a, b) == ([10, 11], [20]), "Your function changed the lists that were passed. Make new ones.")


# ---- pretraining_loss ------------------------------------------------------------------------------------


def make_logits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores and labels of a batch of four rows with six tokens and nine words."""
    draw = torch.Generator().manual_seed(0)
    mlm = torch.randn(4, 6, 9, generator=draw)
    labels = torch.full((4, 6), -100)
    labels[0, 2], labels[1, 4], labels[3, 1] = 7, 0, 5  # 0 is a word like any other here
    return mlm, labels, 2 * torch.randn(4, 2, generator=draw), torch.tensor([0, 1, 1, 0])


def compute_mean_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the labels that are not -100, one row at a time."""
    found = [-row.log_softmax(-1)[label] for row, label in zip(logits, labels, strict=True) if label != -100]
    return torch.stack(found).mean() if found else torch.tensor(0.0)


def both_losses_count(pretraining_loss):
    mlm, labels, nsp, following = make_logits()
    loss = pretraining_loss(mlm, labels, nsp, following)
    expect(isinstance(loss, Tensor) and loss.dim() == 0, "Return one number, as a tensor without dimensions.")
    words, pairs = compute_mean_loss(mlm.flatten(0, 1), labels.flatten()), compute_mean_loss(nsp, following)
    dropped = compute_mean_loss(nsp, torch.where(following == 0, -100, following))
    expect(not is_close(loss, words), "This is the loss of the words alone. Add the loss of the pairs.")
    expect(not is_close(loss, pairs), "This is the loss of the pairs alone. Add the loss of the words.")
    no_zero = compute_mean_loss(mlm.flatten(0, 1), torch.where(labels == 0, -100, labels).flatten())
    expect(
        not is_close(loss, words + dropped) and not is_close(loss, no_zero + dropped),
        "Your loss ignores the pairs with label 0. This is the bug of section 4: look at ignore_index.",
    )
    expect(not is_close(loss, no_zero + pairs), "Word 0 is a word like any other. Only the label -100 is ignored.")
    expect(not is_close(loss, (words + pairs) / 2), "BERT adds the two losses. You took their mean.")
    summed = F.cross_entropy(mlm.flatten(0, 1), labels.flatten(), reduction="sum")
    expect(not is_close(loss, summed + 4 * pairs), "You summed over the labels. Each loss is a mean over its labels.")
    expect(is_close(loss, words + pairs), "The loss is the mean over the masked words plus the mean over the pairs.")


def nothing_asked_is_no_loss(pretraining_loss):
    mlm, labels, nsp, following = make_logits()
    words, pairs = compute_mean_loss(mlm.flatten(0, 1), labels.flatten()), compute_mean_loss(nsp, following)
    partly = torch.tensor([0, -100, 1, -100])
    expect(
        is_close(pretraining_loss(mlm, labels, nsp, partly), words + compute_mean_loss(nsp, partly)),
        "A pair with label -100 is ignored: it counts neither in the sum nor in the number of pairs.",
    )
    loss = pretraining_loss(mlm, labels, nsp, torch.full((4,), -100))
    expect(
        not torch.isnan(loss),
        "A batch in which all pairs are ignored gives nan, because a mean over no labels is 0 / 0. Count 0 for the "
        "pairs.",
    )
    expect(is_close(loss, words), "A batch in which all pairs are ignored has the loss of its words alone.")
    loss = pretraining_loss(mlm, torch.full((4, 6), -100), nsp, following)
    expect(is_close(loss, pairs), "A batch in which no word is masked has the loss of its pairs alone, and not nan.")


# ---- hard_pairs ------------------------------------------------------------------------------------------

DOCUMENTS = [[f"{name}{number}" for number in range(size)] for name, size in (("a", 6), ("b", 2), ("c", 3), ("d", 1))]


def run_hard_pairs(hard_pairs, documents: list[list[str]], seed: int) -> list[tuple[str, str, int]]:
    """The rows of the answer. Raises Hint when it is something else."""
    rows = hard_pairs(documents, random.Random(seed))
    expect(isinstance(rows, list) and rows, "Return a list of rows (a, b, label).")
    expect(all(isinstance(row, tuple | list) and len(row) == 3 for row in rows), "Each row is a triple (a, b, label).")
    return rows


def one_row_a_neighbour(hard_pairs):
    rows = run_hard_pairs(hard_pairs, DOCUMENTS, 0)
    firsts = sorted(a for a, _, _ in rows)
    expected = sorted([f"a{i}" for i in range(5)] + ["c0", "c1"])
    expect(
        not any(a.startswith("b") for a in firsts),
        "A document of two sentences has no sentence for a random B: there are only A and the sentence that follows "
        "it.",
    )
    expect("a5" not in firsts and "c2" not in firsts, "Nothing follows the last sentence, so it cannot be an A.")
    expect(
        firsts == expected,
        f"Each sentence that another one follows is A once. Expected {expected}, got {firsts}.",
    )


def labels_mean_what_they_should(hard_pairs):
    wrong = 0
    for seed in range(40):
        for a, b, label in run_hard_pairs(hard_pairs, DOCUMENTS, seed):
            expect(label in (0, 1), f"The label is 0 or 1, and yours is {label!r}.")
            expect(a != b, "A random B was A itself. This is too easy to recognise, so the model would learn nothing.")
            expect(a[0] == b[0], f"{b} is not from the document of {a}, so its topic gives the answer away.")
            follows = int(b[1:]) == int(a[1:]) + 1
            expect(not (label == 1 and follows), f"{b} follows {a}, but the label says that it is random.")
            wrong += label == 0 and not follows
    expect(wrong == 0, "Label 0 means that B follows A. Some of your rows with label 0 do not.")


def half_are_random(hard_pairs):
    long = [[f"e{i}" for i in range(2001)]]
    rows = run_hard_pairs(hard_pairs, long, 1)
    share = sum(label for _, _, label in rows) / len(rows)
    expect(0.45 < share < 0.55, f"{100 * share:.0f}% of your rows are random. It should be about half.")
    before = sum(int(b[1:]) < int(a[1:]) for a, b, label in rows if label == 1)
    expect(before > 0, "A random B never comes before its A. It may be any other sentence of the document.")
    first, again = (hard_pairs(long, random.Random(5)) for _ in range(2))
    expect(first == again, "The same seed gives other rows the second time. Draw only from the rng that is passed.")


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
check = make_check(EXERCISES)
