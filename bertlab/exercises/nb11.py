"""The exercises of notebook 11, tagging: labels for pieces, names from tags, F1 of names, and IOB1 made IOB2."""

from collections.abc import Sequence

from ..tasks import find_entities, to_iob2
from . import Exercise, checker, expect

# ---- align -----------------------------------------------------------------------------------------------

CUT = [["the"], ["play", "##ing", "##s"], ["ended"], ["bad", "##ly"]]  # pieces of four words
NUMBERS = [3, 5, 7, 9]


def as_list(answer: object, what: str) -> list:
    """The answer as a list. Raises Hint when it is none."""
    expect(isinstance(answer, Sequence) and not isinstance(answer, str), f"Return a list of {what}.")
    return list(answer)


def align_whole_words(align):
    labels = as_list(align([["the"], ["film"], ["ended"]], [3, 5, 7]), "labels")
    expect(len(labels) != 3, "There is no label for [CLS] and [SEP]. They are in the row too, and need -100.")
    expect(labels[0] == -100 and labels[-1] == -100, "[CLS] and [SEP] are no words: their label is -100.")
    expect(labels == [-100, 3, 5, 7, -100], f"Three whole words have -100, 3, 5, 7, -100; you gave {labels}.")


def align_pieces(align):
    labels = as_list(align(CUT, NUMBERS), "labels")
    mistakes = {
        "You put the label on every piece. A word is to count once: its first piece gets the label, the others -100.": [
            -100, 3, 5, 5, 5, 7, 9, 9, -100],
        "Your label is on the last piece of each word. Put it on the first.": [
            -100, 3, -100, -100, 5, 7, -100, 9, -100],
        "You wrote the labels in a row, past the pieces: from the first cut word on, each stands at a wrong place.": [
            -100, 3, 5, 7, 9, -100, -100, -100, -100],
        "Pieces without a label have 0 in your list. 0 is a tag, and would be learned. -100 is left out of the loss.": [
            -100, 3, 5, 0, 0, 7, 9, 0, -100],
    }  # fmt: skip
    for hint, wrong in mistakes.items():
        expect(labels != wrong, hint)
    right = [-100, 3, 5, -100, -100, 7, 9, -100, -100]
    expect(len(labels) == 9, f"There are 7 pieces, [CLS] and [SEP], so 9 labels; you gave {len(labels)}.")
    expect(labels == right, f"Expected {right}, not {labels}.")


# ---- spans -----------------------------------------------------------------------------------------------


def judge_spans(spans, tags: str, hint: str):
    answer = [tuple(one) for one in as_list(spans(tags.split()), "(start, end, type)")]
    right = find_entities(tags.split())
    ends = [(start, end - 1, kind) for start, end, kind in right]
    expect(answer != ends or answer == right, "The end is the word after the last, as in Python: words[start:end].")
    expect(answer == right, f"{hint} For {tags} expected {right}, not {answer}.")


def spans_of_one_name(spans):
    answer = as_list(spans(["O", "B-PER", "I-PER", "O"]), "(start, end, type)")
    expect(not any(str(one[-1]).startswith(("B-", "I-")) for one in answer), "The type is PER, without the B-.")
    judge_spans(spans, "O B-PER I-PER O", "One name, of two words.")
    judge_spans(spans, "O O", "No name here.")


def spans_at_the_edges(spans):
    judge_spans(spans, "B-LOC O B-ORG I-ORG", "A name may be open when the sentence ends.")


def spans_side_by_side(spans):
    judge_spans(spans, "B-MISC B-MISC O", "Each B- begins a new name, also right behind another one.")
    judge_spans(spans, "B-PER I-PER B-LOC", "A B- of another type ends the name before it.")


def spans_of_what_a_model_may_write(spans):
    judge_spans(spans, "B-PER I-LOC O", "An I- of another type cannot go on with a name: it begins one.")
    judge_spans(spans, "O I-ORG I-ORG", "An I- without a B- begins a name all the same.")


# ---- f1 --------------------------------------------------------------------------------------------------

TRUE = [{(0, 2, "PER"), (4, 5, "LOC")}, {(1, 2, "LOC")}, set()]
SAID = [{(0, 2, "PER"), (4, 6, "LOC")}, {(1, 2, "LOC"), (3, 4, "ORG"), (5, 6, "ORG"), (7, 8, "ORG")}, set()]


def near(answer: object, right: float) -> bool:
    return isinstance(answer, float | int) and abs(answer - right) < 1e-9


SHARE = (
    "That is the share of names in either that are in both. F1 counts the right ones twice: 2 hits / (said + there)."
)


def f1_of_one_sentence(f1):
    answer = f1([{(0, 1, "LOC"), (3, 5, "PER")}], [{(0, 1, "LOC"), (3, 4, "PER")}])
    expect(not near(answer, 1.0), "A name with a wrong end is a wrong name: (3, 5) and (3, 4) are not the same.")
    expect(not near(answer, 1 / 3), SHARE)
    expect(near(answer, 0.5), f"One of two is right, and one of two is found: F1 is 0.5, not {answer}.")
    expect(not near(f1([{(0, 1, "LOC")}], [{(0, 1, "PER")}]), 1.0), "A name of the wrong type counts as wrong.")


def f1_of_several_sentences(f1):
    answer = f1(TRUE, SAID)
    mean = "Do not take the mean of the sentences. Count over all of them, then divide once."
    mistakes = {
        2 / 6: "That is the precision: what was said and is right. F1 asks for the recall as well.",
        2 / 3: "That is the recall: what is there and was found. F1 asks for the precision as well.",
        1 / 2: "That is the plain mean of precision and recall. F1 is the harmonic one: 2 P R / (P + R).",
        2 / 7: SHARE,
        0.9 / 3: mean,
        0.9 / 2: mean,
    }
    for wrong, hint in mistakes.items():
        expect(not near(answer, wrong), hint)
    expect(near(answer, 4 / 9), f"2 hits, 6 said, 3 there: F1 is 2 * 2 / 9 = 0.444, not {answer}.")


def f1_of_nothing(f1):
    expect(near(f1([set()], [set()]), 0.0), "Where nothing can be counted, F1 is 0 by custom (conlleval).")
    expect(near(f1([{(0, 1, "PER")}], [set()]), 0.0), "Nothing was said: F1 is 0.")


# ---- mend ------------------------------------------------------------------------------------------------


def judge_mend(mend, tags: str, hint: str):
    answer = as_list(mend(tags.split()), "tags")
    right = to_iob2(tags.split())
    expect(answer == right, f"{hint} {tags} becomes {' '.join(right)}, not {' '.join(map(str, answer))}.")


def mend_single_names(mend):
    answer = as_list(mend(["O", "I-PER", "I-PER", "O"]), "tags")
    expect(answer != ["O", "I-PER", "I-PER", "O"], "Nothing was changed: the first word of a name needs a B-.")
    expect(answer != ["O", "B-PER", "B-PER", "O"], "Every I- became a B-: that makes two names of one. Only "
           "the first word of a name gets B-.")  # fmt: skip
    judge_mend(mend, "O I-PER I-PER O", "One name of two words.")
    judge_mend(mend, "I-LOC O I-ORG", "A name may open the sentence, and close it.")


def mend_neighbours(mend):
    judge_mend(mend, "I-PER B-PER I-PER O", "In IOB1 a B- parts two names of one type. Leave it as it is.")
    judge_mend(mend, "I-LOC I-ORG I-ORG", "Another type begins another name, though no O lies between.")


def mend_leaves_the_callers_list(mend):
    tags = ["I-PER", "O"]
    mend(tags)
    expect(tags == ["I-PER", "O"], "You changed the caller's list. Make a new one.")


EXERCISES = {
    "align": Exercise(
        "Labels for [CLS], the pieces of each word, and [SEP]: a word's first piece gets its number, the rest -100.",
        1,
        6,
        (align_whole_words, align_pieces),
    ),
    "spans": Exercise(
        "The names in a list of IOB2 tags, each as (first word, word after the last, type).",
        2,
        10,
        (spans_of_one_name, spans_at_the_edges, spans_side_by_side, spans_of_what_a_model_may_write),
    ),
    "f1": Exercise(
        "F1 of names over all sentences, from the set of true names and the set of said names of each.",
        2,
        8,
        (f1_of_one_sentence, f1_of_several_sentences, f1_of_nothing),
    ),
    "mend": Exercise(
        "Turn the IOB1 tags of a sentence into IOB2.",
        2,
        8,
        (mend_single_names, mend_neighbours, mend_leaves_the_callers_list),
    ),
}
check = checker(EXERCISES)
