"""The exercises of notebook 11, tagging: labels for pieces, names from tags, F1 of names, and IOB1 to IOB2."""

from collections.abc import Sequence

from ..tasks import find_entities, to_iob2
from . import Exercise, expect, make_check
from .comparing import is_close

# ---- align -----------------------------------------------------------------------------------------------

CUT = [["the"], ["play", "##ing", "##s"], ["ended"], ["bad", "##ly"]]  # pieces of four words
NUMBERS = [3, 5, 7, 9]


def as_list(answer: object, what: str) -> list:
    """The answer as a list. Raises Hint when it is not a sequence."""
    expect(isinstance(answer, Sequence) and not isinstance(answer, str), f"Return a list of {what}.")
    return list(answer)


def align_whole_words(align):
    labels = as_list(align([["the"], ["film"], ["ended"]], [3, 5, 7]), "labels")
    expect(len(labels) != 3, "There is no label for [CLS] and [SEP]. They are in the row too, and need -100.")
    expect(labels[0] == -100 and labels[-1] == -100, "[CLS] and [SEP] are not words: their label is -100.")
    expect(
        labels == [-100, 3, 5, 7, -100],
        f"The labels of three whole words are -100, 3, 5, 7, -100. Your function returns {labels}.",
    )


def align_pieces(align):
    labels = as_list(align(CUT, NUMBERS), "labels")
    mistakes = {
        "You put the label on every piece. A word counts once: its first piece gets the label, the others get -100.": [
            -100, 3, 5, 5, 5, 7, 9, 9, -100],
        "Your label is on the last piece of each word. Put it on the first.": [
            -100, 3, -100, -100, 5, 7, -100, 9, -100],
        "You wrote the labels one after the other, without regard to the pieces, so they are at wrong positions after "
        "the "
        "first word of several pieces.": [
            -100, 3, 5, 7, 9, -100, -100, -100, -100],
        "Pieces without a label have 0 in your list. 0 is a tag, so the model would learn it. -100 is left out of the "
        "loss.": [
            -100, 3, 5, 0, 0, 7, 9, 0, -100],
    }  # fmt: skip
    for hint, wrong in mistakes.items():
        expect(labels != wrong, hint)
    expected = [-100, 3, 5, -100, -100, 7, 9, -100, -100]
    expect(len(labels) == 9, f"There are 7 pieces, [CLS] and [SEP], so 9 labels. You return {len(labels)}.")
    expect(labels == expected, f"Expected {expected}, not {labels}.")


# ---- spans -----------------------------------------------------------------------------------------------


def check_spans(spans, tags: str, hint: str):
    answer = [tuple(span) for span in as_list(spans(tags.split()), "(start, end, type)")]
    expected = find_entities(tags.split())
    ends = [(start, end - 1, kind) for start, end, kind in expected]
    expect(
        answer != ends or answer == expected, "The end is the word after the last one, as in Python: words[start:end]."
    )
    expect(answer == expected, f"{hint} For {tags} expected {expected}, not {answer}.")


def spans_of_one_name(spans):
    answer = as_list(spans(["O", "B-PER", "I-PER", "O"]), "(start, end, type)")
    expect(not any(str(span[-1]).startswith(("B-", "I-")) for span in answer), "The type is PER, without the B-.")
    check_spans(spans, "O B-PER I-PER O", "There is one name, of two words.")
    check_spans(spans, "O O", "There is no name here.")


def spans_at_the_edges(spans):
    check_spans(spans, "B-LOC O B-ORG I-ORG", "A name may reach to the end of the sentence.")


def spans_side_by_side(spans):
    check_spans(spans, "B-MISC B-MISC O", "Each B- begins a new name, even directly after another one.")
    check_spans(spans, "B-PER I-PER B-LOC", "A B- of another type ends the name before it.")


def spans_of_what_a_model_may_predict(spans):
    check_spans(spans, "B-PER I-LOC O", "An I- of another type cannot continue a name, so it begins one.")
    check_spans(spans, "O I-ORG I-ORG", "An I- without a B- before it begins a name, too.")


# ---- f1 --------------------------------------------------------------------------------------------------

TRUE = [{(0, 2, "PER"), (4, 5, "LOC")}, {(1, 2, "LOC")}, set()]
PREDICTED = [{(0, 2, "PER"), (4, 6, "LOC")}, {(1, 2, "LOC"), (3, 4, "ORG"), (5, 6, "ORG"), (7, 8, "ORG")}, set()]


SHARE = (
    "This is the share of all names that are in both sets. F1 counts the hits twice: 2 hits / (predicted names + true "
    "names)."
)


def f1_of_one_sentence(f1):
    answer = f1([{(0, 1, "LOC"), (3, 5, "PER")}], [{(0, 1, "LOC"), (3, 4, "PER")}])
    expect(not is_close(answer, 1.0), "A name with a wrong end is a wrong name: (3, 5) and (3, 4) are not the same.")
    expect(not is_close(answer, 1 / 3), SHARE)
    expect(
        is_close(answer, 0.5),
        f"One of two predicted names is correct, and one of two true names is found: F1 is 0.5, not {answer}.",
    )
    expect(not is_close(f1([{(0, 1, "LOC")}], [{(0, 1, "PER")}]), 1.0), "A name of the wrong type counts as wrong.")


def f1_of_several_sentences(f1):
    answer = f1(TRUE, PREDICTED)
    mean = "Do not take the mean over the sentences. Count over all of them, then divide once."
    mistakes = {
        2 / 6: "This is the precision: the share of the predicted names that are correct. F1 needs the recall as well.",
        2 / 3: "This is the recall: the share of the true names that were found. F1 needs the precision as well.",
        1 / 2: "This is the arithmetic mean of precision and recall. F1 is the harmonic mean: 2 P R / (P + R).",
        2 / 7: SHARE,
        0.9 / 3: mean,
        0.9 / 2: mean,
    }
    for wrong, hint in mistakes.items():
        expect(not is_close(answer, wrong), hint)
    expect(
        is_close(answer, 4 / 9),
        f"With 2 hits, 6 predicted names and 3 true names F1 is 2 * 2 / 9 = 0.444, not {answer}.",
    )


def f1_of_nothing(f1):
    expect(is_close(f1([set()], [set()]), 0.0), "Where there are no names at all, F1 is 0 by convention (conlleval).")
    expect(is_close(f1([{(0, 1, "PER")}], [set()]), 0.0), "When no name is predicted, F1 is 0.")


# ---- mend ------------------------------------------------------------------------------------------------


def check_mend(mend, tags: str, hint: str):
    answer = as_list(mend(tags.split()), "tags")
    expected = to_iob2(tags.split())
    expect(answer == expected, f"{hint} {tags} becomes {' '.join(expected)}, not {' '.join(map(str, answer))}.")


def mend_single_names(mend):
    answer = as_list(mend(["O", "I-PER", "I-PER", "O"]), "tags")
    expect(answer != ["O", "I-PER", "I-PER", "O"], "Nothing was changed: the first word of a name needs a B-.")
    expect(
        answer != ["O", "B-PER", "B-PER", "O"],
        "Every I- became a B-, which splits one name into two. Only the first word of a name gets a B-.",
    )
    check_mend(mend, "O I-PER I-PER O", "There is one name of two words.")
    check_mend(mend, "I-LOC O I-ORG", "A name may be at the start or at the end of the sentence.")


def mend_neighbours(mend):
    check_mend(mend, "I-PER B-PER I-PER O", "In IOB1 a B- separates two names of the same type. Leave it as it is.")
    check_mend(mend, "I-LOC I-ORG I-ORG", "Another type begins another name, even without an O between them.")


def mend_leaves_the_callers_list(mend):
    tags = ["I-PER", "O"]
    mend(tags)
    expect(tags == ["I-PER", "O"], "You changed the list that was passed. Make a new one.")


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
        (spans_of_one_name, spans_at_the_edges, spans_side_by_side, spans_of_what_a_model_may_predict),
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
check = make_check(EXERCISES)
