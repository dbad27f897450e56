"""The exercises of notebook 11, tagging: labels for pieces, the loss, names from tags, and F1 of names."""

import math
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..batches import IGNORE
from ..tasks import find_entities
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import is_close, is_number, random_numbers


def as_list(answer: object, what: str) -> list:
    """The answer as a list. Raises Hint when it is not a sequence."""
    expect(isinstance(answer, Sequence) and not isinstance(answer, str), f"Return a list of {what}.")
    return list(answer)


# ---- align_labels ----------------------------------------------------------------------------------------


def align_to_first_pieces(word_ids: Sequence[int | None], numbers: Sequence[int]) -> list[int]:
    """The label of each token: the number of its word at the first piece, -100 elsewhere."""
    before = [None, *word_ids[:-1]]
    return [IGNORE if word is None or word == last else numbers[word]
            for word, last in zip(word_ids, before, strict=True)]  # fmt: skip


def align_whole_words(align_labels):
    labels = as_list(align_labels([None, 0, 1, 2, None], [3, 5, 7]), "labels")
    expect(len(labels) != 3, "There is no label for [CLS] and [SEP]. They are tokens too, and need -100.")
    expect(
        labels != [-100, -100, 5, 7, -100],
        "The first word has lost its label. Its number in word_ids is 0, which counts as false: test `is None`.",
    )
    expect(len(labels) == 5, f"There are 5 tokens, so 5 labels. You return {len(labels)}.")
    expect(labels[0] == -100 and labels[-1] == -100, "[CLS] and [SEP] are not words: their label is -100.")
    expect(
        labels == [-100, 3, 5, 7, -100],
        f"The labels of three whole words are -100, 3, 5, 7, -100. Your function returns {labels}.",
    )


def align_pieces(align_labels):
    labels = as_list(align_labels([None, 0, 1, 1, 1, 2, 3, 3, None], [3, 5, 7, 9]), "labels")
    mistakes = {
        "You put the label on every piece. A word counts once: its first piece gets the label, the others get -100.": [
            -100, 3, 5, 5, 5, 7, 9, 9, -100],
        "Your label is on the last piece of each word. Put it on the first.": [
            -100, 3, -100, -100, 5, 7, -100, 9, -100],
        "You wrote the labels one after the other, without regard to the pieces, so they are at wrong positions after "
        "the first word of several pieces.": [
            -100, 3, 5, 7, 9, -100, -100, -100, -100],
        "Pieces without a label have 0 in your list. 0 is a tag, so the model would learn it. -100 is left out of the "
        "loss.": [
            -100, 3, 5, 0, 0, 7, 9, 0, -100],
    }  # fmt: skip
    for hint, wrong in mistakes.items():
        expect(labels != wrong, hint)
    expect(len(labels) == 9, f"There are 9 tokens, so 9 labels. You return {len(labels)}.")
    expected = [-100, 3, 5, -100, -100, 7, 9, -100, -100]
    expect(labels == expected, f"Expected {expected}, not {labels}.")


def align_equal_neighbours(align_labels):
    labels = as_list(align_labels([None, 0, 1, 1, 2, None], [4, 4, 4]), "labels")
    expect(
        labels == [-100, 4, 4, -100, 4, -100],
        "Three words in a row have the same label here, and each needs its own. To see where a word begins, compare "
        f"the numbers of the words, not their labels. Expected [-100, 4, 4, -100, 4, -100], not {labels}.",
    )


def align_a_later_window(align_labels):
    wrong = (
        "A long sentence is read in several windows, and this one begins with word 2. Take the label of word w from "
    )
    try:
        labels = as_list(align_labels([None, 2, 2, 3, None], [5, 6, 7, 8]), "labels")
    except (IndexError, KeyError) as error:
        raise Hint(f"{wrong}numbers[w]. ({type(error).__name__}: {error})") from None
    expect(labels == [-100, 7, -100, 8, -100], f"{wrong}numbers[w]. Expected [-100, 7, -100, 8, -100], not {labels}.")


def align_padding(align_labels):
    padding = "A batch pads short rows, so several tokens at the end have no word. All of them get -100."
    try:
        labels = as_list(align_labels([None, 0, 1, 1, None, None, None], [6, 8]), "labels")
    except (IndexError, KeyError, TypeError) as error:
        raise Hint(f"{padding} ({type(error).__name__}: {error})") from None
    expect(
        labels == [-100, 6, 8, -100, -100, -100, -100],
        f"{padding} Expected [-100, 6, 8, -100, -100, -100, -100], not {labels}.",
    )


# ---- tag_loss --------------------------------------------------------------------------------------------


def compute_tag_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy over the tokens whose label is not -100."""
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=IGNORE)


TAGS_ARE_LAST = "The probabilities of the tags of one token have the sum 1. The tags are on the last axis."
LABELS = torch.tensor([[-100, 2, 0, -100, -100], [-100, 1, 1, 0, -100]])


def run_tag_loss(tag_loss, logits: Tensor, labels: Tensor) -> Tensor:
    """The answer's loss. Raises Hint where PyTorch's error does not say what is wrong."""
    try:
        return tag_loss(logits.clone(), labels.clone())
    except (IndexError, RuntimeError) as error:
        if str(IGNORE) in str(error):
            raise Hint("-100 is used as the number of a tag. Leave out the tokens with this label first.") from None
        if "target size" in str(error):
            raise Hint(
                "F.cross_entropy takes axis 1 for the tags, but here axis 1 is the tokens. Put the tokens of all "
                "sentences into one list first, (N, C)."
            ) from None
        raise


def loss_of_labelled_tokens(tag_loss):
    logits = random_numbers(0, 2, 5, 3).float()
    answer = run_tag_loss(tag_loss, logits, LABELS)
    expect(is_number(answer), "Return one number, a tensor without axes.")
    chosen = LABELS != IGNORE
    logs = logits.log_softmax(-1)
    picked = -logs[chosen, LABELS[chosen]]  # (5,)
    filled = -logs.gather(-1, LABELS.clamp(min=0)[..., None])[..., 0]  # (2, 5): -100 as 0
    rows = torch.stack([own[mask].mean() for own, mask in zip(filled, chosen, strict=True)])
    positive = LABELS > 0
    for wrong, hint in (
        (picked.sum(), "This is the sum. Divide it by the number of tokens that have a label."),
        (
            picked.sum() / LABELS.numel(),
            "You divided by the number of all tokens, B * T. Only the tokens with a label count, here 5 of 10.",
        ),
        (
            filled.mean(),
            "Tokens with the label -100 take part in your loss, as if their tag were 0. Leave them out.",
        ),
        (
            rows.mean(),
            "You took the mean of each sentence first, and then the mean of those. Then a word of a short sentence "
            "weighs more than one of a long sentence: take one mean over all tokens with a label.",
        ),
        (
            -logs[positive, LABELS[positive]].mean(),
            "You left out the tokens with the tag 0. 0 is a tag like the others, and only -100 is left out.",
        ),
        (-logits.softmax(-1)[chosen, LABELS[chosen]].mean(), "The logarithm of the probability is missing."),
        (
            picked.sum() / 2,
            "You divided by the number of sentences. Divide by the number of tokens that have a label.",
        ),
        (
            F.cross_entropy(logits[chosen].softmax(-1), LABELS[chosen]),
            "Softmax is applied twice. F.cross_entropy wants the scores as they are.",
        ),
        (picked.mean() / math.log(2), "Your logarithm has the base 2. A loss uses the natural logarithm."),
        *(
            (-wrong.gather(1, LABELS[chosen][:, None]).mean(), TAGS_ARE_LAST)
            for wrong in (logits[chosen].log_softmax(0), logits.log_softmax(0)[chosen], logits.log_softmax(1)[chosen])
        ),
        (-picked.mean(), "The sign is wrong: the loss is minus the logarithm of the probability."),
        (-logits[chosen, LABELS[chosen]].mean(), "These are the scores themselves. Apply log_softmax to them first."),
    ):
        expect(not is_close(answer, wrong), hint)
    expect(is_close(answer, picked.mean()), f"The loss is {picked.mean():.4f} here, and yours is {answer:.4f}.")


def loss_has_a_gradient_where_a_label_is(tag_loss):
    logits, labels = (
        random_numbers(1, 3, 4, 6).float().requires_grad_(),
        torch.tensor([[3, 5, -100, 0]] * 2 + [[-100, 1, 4, 2]]),
    )
    sizes = (
        "For two sentences of five tokens and three tags you are right, but not for three of four tokens and six tags."
    )
    try:
        loss, expected = tag_loss(logits.clone(), labels.clone()), compute_tag_loss(logits, labels)
    except (IndexError, RuntimeError, ValueError) as error:
        raise Hint(f"{sizes} Take the sizes from the tensors. PyTorch says: {error}") from None
    expect(
        is_close(loss, expected),
        f"{sizes} The loss is {expected:.4f} then, and yours is {loss:.4f}. Take the sizes from the tensors.",
    )
    expect(
        isinstance(loss, Tensor) and loss.requires_grad,
        "The result has no gradient, so nothing could be learned from it. Stay with tensors: no .item(), no float().",
    )
    (gradient,) = torch.autograd.grad(loss, logits)
    expect(not gradient[labels == IGNORE].any(), "A token without a label must have no gradient.")


# ---- find_names ------------------------------------------------------------------------------------------


def check_names(find_names, tags: str, hint: str):
    answer = [tuple(span) for span in as_list(find_names(tags.split()), "(start, end, type)")]
    expected = find_entities(tags.split())
    ends = [(start, end - 1, kind) for start, end, kind in expected]
    expect(
        answer != ends or answer == expected, "The end is the word after the last one, as in Python: words[start:end]."
    )
    expect(answer == expected, f"{hint} For {tags} expected {expected}, not {answer}.")


def names_of_one_name(find_names):
    answer = as_list(find_names(["O", "B-PER", "I-PER", "O"]), "(start, end, type)")
    expect(not any(str(span[-1]).startswith(("B-", "I-")) for span in answer), "The type is PER, without the B-.")
    check_names(find_names, "O B-PER I-PER O", "There is one name, of two words.")
    check_names(find_names, "O O", "There is no name here.")


def names_at_the_edges(find_names):
    check_names(find_names, "B-LOC O B-ORG I-ORG", "A name may reach to the end of the sentence.")
    check_names(find_names, "B-BIRD I-BIRD", "The type is what comes after the first two characters, whatever it is.")


def names_side_by_side(find_names):
    check_names(find_names, "B-MISC B-MISC O", "Each B- begins a new name, even directly after another one.")
    check_names(find_names, "B-PER I-PER B-LOC", "A B- of another type ends the name before it.")


def names_of_what_a_model_may_predict(find_names):
    check_names(find_names, "B-PER I-LOC O", "An I- of another type cannot continue a name, so it begins one.")
    check_names(find_names, "O I-ORG I-ORG", "An I- without a B- before it begins a name, too.")
    check_names(find_names, "I-LOC I-LOC O", "An I- at the beginning of the sentence begins a name, too.")
    check_names(find_names, "B-PER O I-PER", "O ends a name, so an I- after it begins another one.")


# ---- score_names -----------------------------------------------------------------------------------------


def compute_name_scores(true: Sequence[set], predicted: Sequence[set]) -> tuple[float, float, float]:
    """(precision, recall, F1) of names, over all sentences together."""
    hits = sum(len(a & b) for a, b in zip(true, predicted, strict=True))
    said, there = sum(map(len, predicted)), sum(map(len, true))
    return hits / max(1, said), hits / max(1, there), 2 * hits / max(1, said + there)


TRUE = [{(0, 2, "PER"), (4, 5, "LOC")}, {(1, 2, "LOC")}, set()]
PREDICTED = [{(0, 2, "PER"), (4, 6, "LOC")}, {(1, 2, "LOC"), (3, 4, "ORG"), (5, 6, "ORG"), (7, 8, "ORG")}, set()]
SHARE = (
    "Your F1 is the share of all names that are in both sets. F1 counts the hits twice: 2 hits / (predicted names + "
    "true names)."
)


def get_scores(score_names, true: list[set], predicted: list[set]) -> tuple[float, float, float]:
    """The three numbers of the answer. Raises Hint when there are others."""
    try:
        answer = score_names(deepcopy(true), deepcopy(predicted))
    except ZeroDivisionError:
        raise Hint(
            f"Your function divides by zero for true = {true}, predicted = {predicted}. Where there is nothing to "
            "count, the score is 0 by convention."
        ) from None
    expect(
        isinstance(answer, tuple | list | np.ndarray) and len(answer) == 3 and all(map(is_number, answer)),
        "Return three numbers: precision, recall, F1.",
    )
    return tuple(float(number) for number in answer)


def scores_of_one_sentence(score_names):
    *_, f1 = get_scores(score_names, [{(0, 1, "LOC"), (3, 5, "PER")}], [{(0, 1, "LOC"), (3, 4, "PER")}])
    expect(not is_close(f1, 1.0), "A name with a wrong end is a wrong name: (3, 5) and (3, 4) are not the same.")
    expect(not is_close(f1, 1 / 3), SHARE)
    expect(
        is_close(f1, 0.5),
        f"One of two predicted names is correct, and one of two true names is found: F1 is 0.5, not {f1:.3f}.",
    )
    *_, f1 = get_scores(score_names, [{(0, 1, "LOC")}], [{(0, 1, "PER")}])
    expect(not is_close(f1, 1.0), "A name of the wrong type counts as wrong.")
    *_, f1 = get_scores(score_names, [{(3, 5, "LOC")}], [{(4, 5, "LOC")}])
    expect(is_close(f1, 0.0), "A name with a wrong beginning is a wrong name: (3, 5) and (4, 5) are not the same.")


def scores_of_several_sentences(score_names):
    precision, recall, f1 = get_scores(score_names, TRUE, PREDICTED)
    mean = "You took the mean over the sentences. Count over all of them, then divide once."
    expect(
        not (is_close(precision, 2 / 3) and is_close(recall, 2 / 6)),
        "Precision and recall are exchanged: precision divides by the number of predicted names, recall by that of "
        "true ones.",
    )
    for wrong, hint in (
        (1 / 2, "Your F1 is the arithmetic mean of precision and recall. It is the harmonic mean: 2 P R / (P + R)."),
        (2 / 7, SHARE),
        (0.9 / 3, mean),
        (0.9 / 2, mean),
    ):
        expect(not is_close(f1, wrong), hint)
    expect(not is_close(precision, 0.75 / 3) and not is_close(precision, 0.75 / 2), mean)
    expect(
        is_close(precision, 2 / 6), f"2 of 6 predicted names are correct, so precision is 0.333, not {precision:.3f}."
    )
    expect(is_close(recall, 2 / 3), f"2 of 3 true names are found, so recall is 0.667, not {recall:.3f}.")
    expect(
        is_close(f1, 4 / 9), f"With 2 hits, 6 predicted names and 3 true names F1 is 2 * 2 / 9 = 0.444, not {f1:.3f}."
    )


def scores_of_equal_places(score_names):
    precision, recall, f1 = get_scores(score_names, [{(0, 1, "LOC")}] * 2, [{(0, 1, "LOC")}, set()])
    expect(
        is_close(precision, 1.0) and is_close(recall, 0.5) and is_close(f1, 2 / 3),
        "Two sentences begin with a place, which is (0, 1, 'LOC') in both, and one of them was found. These are two "
        f"names: count them sentence by sentence. Expected (1, 0.5, 0.667), not ({precision:.3g}, {recall:.3g}, "
        f"{f1:.3g}).",
    )
    scores = get_scores(score_names, [{(0, 1, "LOC")}, set()], [set(), {(0, 1, "LOC")}])
    expect(
        scores == (0, 0, 0),
        "The place was found, but in the other sentence. Compare the names of one sentence with those of the same.",
    )


def scores_of_nothing(score_names):
    for true, predicted in (([{(0, 1, "PER")}], [set()]), ([set()], [{(0, 1, "PER")}]), ([set()], [set()])):
        scores = get_scores(score_names, true, predicted)
        expect(scores == (0, 0, 0), "Where there is nothing to count, precision, recall and F1 are 0 by convention.")


# ---- label_all_pieces, keep_words: find the bug ----------------------------------------------------------


def tags_of_all_pieces(label_all_pieces):
    tags = as_list(label_all_pieces([None, 0, 1, 1, 1, None], ["O", "B-LOC"]), "tags, one for each token")
    expect(len(tags) == 6 and tags[0] is None and tags[-1] is None, "[CLS] and [SEP] keep None.")
    expect(
        tags[2:5] != ["B-LOC"] * 3,
        "The three pieces of the place are B-LOC B-LOC B-LOC. How many names does find_names see in them?",
    )
    expect(tags == [None, "O", "B-LOC", "I-LOC", "I-LOC", None], f"One place has three pieces here. You return {tags}.")


def tags_of_pieces_inside_a_name(label_all_pieces):
    tags = as_list(label_all_pieces([None, 0, 0, 1, 1, 2, 2, None], ["B-PER", "I-PER", "O"]), "tags")
    expect(tags[3:5] == ["I-PER", "I-PER"], "The second word of a name is I-PER, on all of its pieces.")
    expect(tags[5:7] == ["O", "O"], "A piece of a word outside of names has O, without a prefix.")
    expect(tags[1:3] == ["B-PER", "I-PER"], f"The first word has two pieces, B-PER and I-PER. You return {tags}.")
    tags = as_list(label_all_pieces([None, 0, 1, 1, None], ["B-MISC", "B-MISC"]), "tags")
    expect(
        tags[1:4] == ["B-MISC", "B-MISC", "I-MISC"],
        "Arab and Islamic are two names side by side, so the first piece of each keeps its B-. Look at the numbers of "
        f"the words, not at their tags. You return {tags}.",
    )


def predictions_of_words(keep_words):
    predicted, labels = [[7, 3, 5, 5, 2, 7, 7], [7, 4, 7, 0, 0, 0, 0]], [[-100, 3, 5, -100, 0, -100, -100]]
    labels.append([-100, 4, -100, -100, -100, -100, -100])
    answer = as_list(keep_words(predicted, labels), "lists, one for each row")
    expect(all(np.ndim(row) for row in answer), "Return a list for each row, not one list of all predictions.")
    answer = [list(row) for row in answer]
    expect(len(answer) == 2, "There are two rows, so two lists.")
    expect(
        [len(row) for row in answer] != [7, 7],
        "Nothing was left out: a row has 7 predictions, but the first one has 3 words. What marks a token that is the "
        "first piece of a word? The model does not know it.",
    )
    expect(answer != [[3, 5, 0], [4]], "These are the labels. Return the predictions at the same positions.")
    expect(answer != [[3, 5], [4]], "A word is missing, whose label is 0. 0 is a tag, and only -100 is left out.")
    expect(answer == [[3, 5, 2], [4]], f"The words' predictions are [[3, 5, 2], [4]]. You return {answer}.")


EXERCISES = {
    "align_labels": Exercise(
        "The label of each token: its word's number at the first piece, -100 at other pieces, [CLS] and [SEP].",
        1,
        8,
        (align_whole_words, align_pieces, align_equal_neighbours, align_a_later_window, align_padding),
    ),
    "tag_loss": Exercise(
        "The mean cross-entropy over the tokens that have a label.",
        2,
        8,
        (loss_of_labelled_tokens, loss_has_a_gradient_where_a_label_is),
    ),
    "find_names": Exercise(
        "The names in a list of tags, each as (first word, word after the last, type).",
        2,
        12,
        (names_of_one_name, names_at_the_edges, names_side_by_side, names_of_what_a_model_may_predict),
    ),
    "score_names": Exercise(
        "Precision, recall and F1 of names over all sentences, from the true and the predicted names of each.",
        2,
        8,
        (scores_of_one_sentence, scores_of_several_sentences, scores_of_equal_places, scores_of_nothing),
    ),
}
BUGS = {
    "label_all_pieces": Exercise(
        "Find the bug: tags for all pieces.", 1, 5, (tags_of_all_pieces, tags_of_pieces_inside_a_name)
    ),
    "keep_words": Exercise("Find the bug: one prediction for each word.", 1, 5, (predictions_of_words,)),
}


def keep_labelled(predicted: Sequence[Sequence[int]], labels: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each row the predictions at the tokens whose label is not -100."""
    return [[guess for guess, label in zip(*pair, strict=True) if label != IGNORE]
            for pair in zip(predicted, labels, strict=True)]  # fmt: skip


check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "align_labels": align_to_first_pieces,
        "tag_loss": compute_tag_loss,
        "find_names": find_entities,
        "score_names": compute_name_scores,
        "keep_words": keep_labelled,
    },
)
