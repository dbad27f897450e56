"""The exercises of notebook 08, NSP: rows of two sentences, joining a pair, the joint loss, leak-free rows, order."""

import random
from collections.abc import Callable
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor

from . import Exercise, Hint, expect, make_check, make_use
from .comparing import explain_shapes, is_close
from .pair_references import compute_joint_loss, join_two, pair_with_alike, pair_with_any, swap_half

CLS, SEP = 2, 3


# ---- join_pair ------------------------------------------------------------------------------------------------


def as_two_lists(answer: object) -> tuple[list[int], list[int]]:
    """The answer as ids and segments. Raises Hint when it is something else."""
    try:
        ids, segments = (list(part) for part in answer)
    except (TypeError, ValueError):
        raise Hint("Return two lists: the ids, and the segment of each id.") from None
    return ids, segments


def ids_of_a_pair(join_pair):
    ids, segments = as_two_lists(join_pair([10, 11], [20, 21, 22], CLS, SEP))
    expected = [CLS, 10, 11, SEP, 20, 21, 22, SEP]
    expect(segments != expected, "Your two lists are swapped. The ids come first, then the segments.")
    expect(ids != [SEP, 10, 11, CLS, 20, 21, 22, CLS], "[CLS] and [SEP] are swapped: the row begins with cls.")
    expect(ids != expected[:-1], "The last [SEP] is missing: BERT ends both segments with one.")
    expect(ids != [CLS, 10, 11, 20, 21, 22, SEP], "The [SEP] between A and B is missing.")
    expect(ids != [10, 11, SEP, 20, 21, 22, SEP], "[CLS] is missing: the answer is predicted from its vector.")
    expect(ids.count(CLS) < 2, "A row has one [CLS], at its start. B does not get its own.")
    expect(ids == expected, f"For A = [10, 11] and B = [20, 21, 22] the ids are {expected}. Yours are {ids}.")
    expect(len(segments) == len(ids), f"You return {len(ids)} ids, but {len(segments)} segments. Each id has one.")


def segments_of_a_pair(join_pair):
    _, segments = as_two_lists(join_pair([10, 11], [20, 21, 22], CLS, SEP))
    expect(
        segments != [0, 0, 0, 1, 1, 1, 1, 1],
        "The first [SEP] ends A and belongs to it: its segment is 0. Only the tokens after it are in segment 1.",
    )
    expect(segments != [0, 0, 0, 0, 1, 1, 1, 0], "The last [SEP] ends B and belongs to it: its segment is 1.")
    expect(segments != [1, 1, 1, 1, 2, 2, 2, 2], "Segments count from 0, as the rows of the segment table do.")
    expect(segments != [1, 1, 1, 1, 0, 0, 0, 0], "Your segments are swapped: the first sentence is segment 0.")
    expect(segments != [0] * 8, "All your segments are 0, so nothing tells B from A. B and its [SEP] are segment 1.")
    expect(segments == [0, 0, 0, 0, 1, 1, 1, 1], "[CLS] A [SEP] is segment 0, and B [SEP] is segment 1.")


def another_pair(join_pair):
    ids, segments = as_two_lists(join_pair([7, 8, 9], [8], 101, 102))
    expect(
        ids == [101, 7, 8, 9, 102, 8, 102],
        "With cls = 101 and sep = 102 the ids of A = [7, 8, 9] and B = [8] are [101, 7, 8, 9, 102, 8, 102]. Use the "
        "arguments, since other vocabularies have other numbers.",
    )
    expect(
        segments == [0, 0, 0, 0, 0, 1, 1],
        f"For A = [7, 8, 9] and B = [8] the segments are [0, 0, 0, 0, 0, 1, 1]. Yours are {segments}. Count the tokens "
        "of A and of B separately: their lengths differ, and a word may occur in both.",
    )


def lists_are_left_alone(join_pair):
    a, b = [10, 11], [20]
    join_pair(a, b, CLS, SEP)
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
    try:
        loss = pretraining_loss(mlm, labels, nsp, following)
    except RuntimeError as error:
        explain_shapes(
            error,
            "Two shapes do not fit. cross_entropy takes scores (N, classes) and labels (N,): flatten the texts and "
            "their tokens into one axis first.",
        )
    expect(isinstance(loss, Tensor) and loss.dim() == 0, "Return one number, as a tensor without dimensions.")
    words, pairs = compute_mean_loss(mlm.flatten(0, 1), labels.flatten()), compute_mean_loss(nsp, following)
    dropped = compute_mean_loss(nsp, torch.where(following == 0, -100, following))
    expect(not is_close(loss, words), "This is the loss of the words alone. Add the loss of the pairs.")
    expect(not is_close(loss, pairs), "This is the loss of the pairs alone. Add the loss of the words.")
    no_zero = compute_mean_loss(mlm.flatten(0, 1), torch.where(labels == 0, -100, labels).flatten())
    expect(
        not is_close(loss, words + dropped) and not is_close(loss, no_zero + dropped),
        "Your loss ignores the pairs with label 0. Look at ignore_index: which labels may be ignored?",
    )
    expect(not is_close(loss, no_zero + pairs), "Word 0 is a word like any other. Only the label -100 is ignored.")
    expect(not is_close(loss, (words + pairs) / 2), "BERT adds the two losses. You took their mean.")
    summed = F.cross_entropy(mlm.flatten(0, 1), labels.flatten(), reduction="sum")
    expect(not is_close(loss, summed + 4 * pairs), "You summed over the labels. Each loss is a mean over its labels.")
    every = F.cross_entropy(mlm.flatten(0, 1), labels.flatten().clamp(min=0))
    for wrong, hint in (
        (every + pairs, "Your loss counts words with the label -100. They are not asked for."),
        (summed / 24 + pairs, "You divided by the number of tokens. Divide by the number of labels, here 3."),
        (words + 4 * pairs, "You summed over the pairs. Take their mean."),
        ((summed + 4 * pairs) / 7, "You took one mean over words and pairs. Each kind has a mean of its own."),
        (words + compute_mean_loss(nsp, 1 - following), "The labels of the pairs are flipped. Use them as they are."),
        (words - pairs, "You subtracted the loss of the pairs. Add it."),
    ):
        expect(not is_close(loss, wrong), hint)
    expect(is_close(loss, words + pairs), "The loss is the mean over the masked words plus the mean over the pairs.")


def nothing_asked_is_no_loss(pretraining_loss):
    mlm, labels, nsp, following = make_logits()
    words, pairs = compute_mean_loss(mlm.flatten(0, 1), labels.flatten()), compute_mean_loss(nsp, following)
    expect(
        pretraining_loss(mlm.requires_grad_(), labels, nsp.requires_grad_(), following).requires_grad,
        "No gradient can flow back from your loss. Keep it a tensor, without .item(), .detach() or numpy.",
    )
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


# ---- make_pairs, fair_pairs, order_pairs: rows from documents ------------------------------------------------

DOCUMENTS = [[f"{name}{number}" for number in range(size)] for name, size in (("a", 6), ("b", 2), ("c", 3), ("d", 1))]
KINDS = ["letter", "poem", "letter", "poem", "poem"]
ALIKE = [[f"{name}{number}" for number in range(size)] for name, size in zip("abcde", (6, 2, 3, 4, 3), strict=True)]


def make_rows(make: Callable, documents: list[list[str]], *rest: object) -> list[tuple[str, str, int]]:
    """The rows that an answer makes of a copy of the documents. Raises Hint for an index out of range."""
    try:
        return check_rows(make(deepcopy(documents), *rest), documents)
    except IndexError as error:
        expect(
            "empty" not in str(error), "Your function draws from an empty list. A document may have one sentence only."
        )
        raise Hint(
            "Your function reads beyond the end of a list. A document of n sentences has only n - 1 that another one "
            "follows."
        ) from None


def check_rows(rows: object, documents: list[list[str]]) -> list[tuple[str, str, int]]:
    """The rows of the answer. Raises Hint unless they are triples of two sentences of the documents and 0 or 1."""
    expect(isinstance(rows, list) and rows, "Return a list of rows (a, b, label).")
    expect(all(isinstance(row, tuple | list) and len(row) == 3 for row in rows), "Each row is a triple (a, b, label).")
    expect(all(label in (0, 1) for _, _, label in rows), "The label is 0, B follows A, or 1, it does not.")
    known = {sentence for document in documents for sentence in document}
    strange = [part for row in rows for part in row[:2] if not isinstance(part, str) or part not in known]
    expect(not strange, f"{strange[:1]} is not one of the sentences.")
    return rows


def follows(a: str, b: str) -> bool:
    """Is B the sentence after A? The sentences here are called a0, a1, ..."""
    return a[0] == b[0] and int(b[1:]) == int(a[1:]) + 1


def check_firsts(firsts: list[str], documents: list[list[str]]) -> None:
    """Each sentence that another one follows is once the A of a row."""
    last = {document[-1] for document in documents}
    expect(not last & set(firsts), f"Nothing follows {min(last)}, the last sentence of its document: it cannot be A.")
    expected = sorted(sentence for document in documents for sentence in document[:-1])
    expect(
        sorted(firsts) == expected,
        f"Each sentence that another one follows is A exactly once. Expected {expected}, got {sorted(firsts)}.",
    )


def check_repeated(make: Callable, *rest: object) -> None:
    """A sentence that occurs twice in its document is followed by another one each time."""
    documents = [["s0", "s1", "s0", "s2"], ["t0", "t1", "t2"]]
    rows = [row for seed in range(20) for row in make_rows(make, documents, *rest, random.Random(seed))]
    expect(
        any({a, b} == {"s0", "s2"} for a, b, _ in rows),
        "A sentence may occur twice in a document. Take the next one by its number: index(sentence) always finds the "
        "first of the two.",
    )


def check_random_bs(rows: list[tuple[str, str, int]]) -> None:
    """A row with label 0 is a sentence and the next one; with label 1, B is from another document."""
    expect(
        not all(label == follows(a, b) for a, b, label in rows),
        "Your labels are the wrong way round. Label 0 means that B follows A, label 1 that B is random.",
    )
    for a, b, label in rows:
        expect(
            label == 0 or a[0] != b[0],
            f"The random B of {a} is {b}. It must come from another document, or it may even be the true B.",
        )
        expect(label == 1 or follows(a, b), f"{b} does not follow {a}, but its label is 0.")


def check_half(make: Callable[[random.Random], list]) -> None:
    rows, others = make(random.Random(1)), make(random.Random(2))
    share = sum(label for _, _, label in rows) / len(rows)
    expect(
        0.45 < share < 0.55,
        f"{100 * share:.0f}% of your rows have label 1. Decide it anew for each row, half and half.",
    )
    expect(
        [label for *_, label in rows] != [label for *_, label in others],
        "Another rng gives the same labels. Draw the label of each row from the rng that is passed.",
    )
    expect(
        make(random.Random(5)) == make(random.Random(5)),
        "The same seed gives other rows the second time. Draw only from the rng that is passed, not from `random`.",
    )


def one_row_a_neighbour(make_pairs):
    rows = make_rows(make_pairs, DOCUMENTS, random.Random(0))
    check_firsts([a for a, _, _ in rows], DOCUMENTS)
    check_repeated(make_pairs)


def random_from_another_document(make_pairs):
    drawn = []
    for seed in range(300):
        rows = make_rows(make_pairs, DOCUMENTS, random.Random(seed))
        check_random_bs(rows)
        drawn += [b for a, b, label in rows if label == 1 and a[0] == "c"]
    every = {sentence for document in DOCUMENTS for sentence in document if sentence[0] != "c"}
    expect(
        set(drawn) == every,
        f"In 300 tries, {sorted(every - set(drawn))[:1]} was never the random B of a sentence of document c. Every "
        "sentence of every other document is possible.",
    )
    share = drawn.count("d0") / len(drawn)
    expect(
        share > 0.22,
        f"Only {100 * share:.0f}% of the random Bs of document c are d0, the one sentence of document d. Draw one of "
        "the three other documents first, each with the same probability, and then one of its sentences.",
    )


def half_are_random(make_pairs):
    long = [[f"{name}{i}" for i in range(1001)] for name in "ef"]
    check_half(lambda rng: make_pairs(deepcopy(long), rng))


def fair_rows(fair_pairs):
    rows = make_rows(fair_pairs, ALIKE, KINDS[:], random.Random(0))
    check_firsts([a for a, _, _ in rows], ALIKE)
    check_repeated(fair_pairs, ["x", "x"])


def fair_random_bs(fair_pairs):
    kind_of = {document[0][0]: kind for document, kind in zip(ALIKE, KINDS, strict=True)}
    drawn = set()
    for seed in range(300):
        rows = make_rows(fair_pairs, ALIKE, KINDS[:], random.Random(seed))
        check_random_bs(rows)
        for a, b, label in rows:
            expect(
                kind_of[a[0]] == kind_of[b[0]],
                f"{a} is of the kind {kind_of[a[0]]}, its random B {b} of the kind {kind_of[b[0]]}. So the kind alone "
                "gives the answer away.",
            )
            expect(
                b[1:] != "0",
                f"The random B {b} is the first sentence of its document. A true B never is, so first sentences would "
                "give the answer away.",
            )
            drawn |= {b} if label else set()
    every = {sentence for document in ALIKE for sentence in document[1:]}
    expect(drawn == every, f"In 300 tries {sorted(every - drawn)[:1]} was never a random B, although it is possible.")


def fair_distribution(fair_pairs):
    sizes = (("e", 2), ("f", 202), ("g", 402))
    documents = [[f"{name}{i}" for i in range(size)] for name, size in sizes]
    rows = fair_pairs(deepcopy(documents), ["x"] * 3, random.Random(3))
    check_rows(rows, documents)
    short = sum(b[0] == "e" for a, b, label in rows if label and a[0] == "g")
    share = short / max(1, sum(label for a, _, label in rows if a[0] == "g"))
    expect(
        share < 0.1,
        f"Document e has 1 possible B and document f has 201, but {100 * share:.0f}% of the random Bs are that of e. "
        "True Bs are spread evenly over sentences, not over documents: put all possible Bs of a kind into one list and "
        "draw from it.",
    )
    check_half(lambda rng: fair_pairs(deepcopy(documents), ["x"] * 3, rng))


def order_rows(order_pairs):
    for seed in range(20):
        rows = make_rows(order_pairs, DOCUMENTS, random.Random(seed))
        for a, b, label in rows:
            expect(a[0] == b[0], f"{a} and {b} are of two documents. Both sentences are neighbours in one document.")
            expect(
                follows(a, b) or follows(b, a), f"{a} and {b} are no neighbours. Take each sentence with the next one."
            )
            expect(
                label == int(follows(b, a)),
                f"The row ({a}, {b}) has the label {label}. Label 0 is the order of the text, label 1 is swapped.",
            )
        check_firsts([a if label == 0 else b for a, b, label in rows], DOCUMENTS)
    check_repeated(order_pairs)


def half_are_swapped(order_pairs):
    long = [[f"e{i}" for i in range(2001)]]
    check_half(lambda rng: order_pairs(long, rng))


# ---- says_next, nsp_loss, random_sentence: find the bug ------------------------------------------------------


def verdict_of_logits(says_next):
    answer = says_next(torch.tensor([[3.0, -3.0], [-1.0, 2.0], [0.9, 0.2], [0.5, 2.0], [-3.0, -5.0]]))
    expect(isinstance(answer, Tensor) and answer.shape == (5,), "Return one verdict for each pair: (B,).")
    expect(
        answer.tolist() != [False, True, False, True, False],
        "Every verdict is the wrong way round. Which of the two classes means that B follows A?",
    )
    expect(
        answer.tolist() == [True, False, True, False, True],
        "B follows A where class 0 has the higher score. Compare the two scores of a pair with each other, since both "
        "may be positive, or both negative.",
    )


def loss_of_both_classes(nsp_loss):
    logits = torch.tensor([[-3.0, 3.0]] * 4)
    loss = nsp_loss(logits, torch.tensor([0, 1, 0, 1]))
    expect(isinstance(loss, Tensor) and loss.dim() == 0, "Return one number, as a tensor without dimensions.")
    expect(
        not is_close(loss, F.cross_entropy(logits, torch.tensor([1, 1, 1, 1]))),
        "A model that always says class 1 has nearly no loss, though it is wrong for half of these pairs. The pairs of "
        "class 0 do not count.",
    )
    expect(
        is_close(loss, F.cross_entropy(logits, torch.tensor([0, 1, 0, 1]))), "The mean over all four pairs is wrong."
    )
    try:
        padded = nsp_loss(logits, torch.tensor([0, 1, -100, -100]))
    except IndexError as error:
        raise Hint(
            f"A pair with the label -100 has no class, so its label must be ignored. The error: {error}"
        ) from None
    expect(is_close(padded, F.cross_entropy(logits[:2], torch.tensor([0, 1]))), "A label of -100 must not count.")
    logits = 2 * torch.randn(5, 2, generator=torch.Generator().manual_seed(2))
    labels = torch.tensor([-100, 0, 0, 1, -100])
    loss = nsp_loss(logits, labels)
    expect(
        not is_close(loss, F.cross_entropy(logits[1:4], 1 - labels[1:4])),
        "You flipped the labels or the scores. Class 0 means that B follows, in both of them.",
    )
    expect(
        is_close(loss, F.cross_entropy(logits, labels)),
        "With labels -100, 0, 0, 1, -100 the loss is wrong. Does each label still belong to the scores of its pair?",
    )


def sentence_of_another_document(random_sentence):
    few = [["a0", "a1", "a2"], ["b0", "b1"]]
    for seed in range(40):
        documents = deepcopy(few)
        b = random_sentence(documents, 0, random.Random(seed))
        expect(documents == few, "Your function changes the list of documents. Make a new list without document n.")
        expect(
            b not in few[0],
            f"With two documents, the random sentence for document 0 was {b}, a sentence of document 0 itself. It may "
            "even be the true next sentence, which then gets the label 1.",
        )
        expect(b in few[1], f"{b} is not a sentence of the other document.")
    rng = random.Random(0)
    expect(
        not any(random_sentence(few, 0, rng) in few[0] for _ in range(10_000)),
        "In 10,000 tries document 0 itself was drawn. It must not happen at all, however often other tries failed.",
    )
    many = [[f"{name}{number}" for number in range(3)] for name in "abcdef"]
    try:
        drawn = {random_sentence(many, 2, random.Random(seed)) for seed in range(400)}
        random_sentence(many, 0, random.Random(0))
        random_sentence(many, 5, random.Random(0))
    except IndexError as error:
        raise Hint(f"Document n may be the first or the last one. Then your function fails: {error}") from None
    documents = {b[0] for b in drawn}
    expect(documents == set("abdef"), "Every other document must be possible, before and after this one.")
    expect(len(drawn) == 15, "Every sentence of the other documents must be possible, the first and the last as well.")
    expect(
        all(random_sentence(many, 2, random.Random(s)) == random_sentence(many, 2, random.Random(s)) for s in range(9)),
        "The same seed gives another sentence the second time. Draw only from the rng that is passed.",
    )


EXERCISES = {
    "make_pairs": Exercise(
        "Rows for next-sentence prediction: B follows A, or is any sentence of another document.",
        2,
        10,
        (one_row_a_neighbour, half_are_random, random_from_another_document),
    ),
    "join_pair": Exercise(
        "Make a row from two sentences: the ids with [CLS] and [SEP], and the segment of each id.",
        1,
        5,
        (ids_of_a_pair, segments_of_a_pair, another_pair, lists_are_left_alone),
    ),
    "pretraining_loss": Exercise(
        "The loss of BERT: hidden words plus pairs, where -100 asks nothing and 0 is a label like any other.",
        2,
        10,
        (both_losses_count, nothing_asked_is_no_loss),
    ),
    "fair_pairs": Exercise(
        "Rows in which neither the kind of text nor a first sentence gives the answer away.",
        3,
        15,
        (fair_rows, fair_random_bs, fair_distribution),
    ),
    "order_pairs": Exercise(
        "Rows for sentence order: two neighbours, in their order or swapped.", 1, 5, (order_rows, half_are_swapped)
    ),
}
BUGS = {
    "says_next": Exercise("Find the bug: does B follow A?", 1, 3, (verdict_of_logits,)),
    "nsp_loss": Exercise("Find the bug: a loss for the pairs.", 1, 5, (loss_of_both_classes,)),
    "random_sentence": Exercise("Find the bug: a sentence of another document.", 1, 5, (sentence_of_another_document,)),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "make_pairs": pair_with_any,
        "join_pair": join_two,
        "pretraining_loss": compute_joint_loss,
        "fair_pairs": pair_with_alike,
        "order_pairs": swap_half,
    },
)
