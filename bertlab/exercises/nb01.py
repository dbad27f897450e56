"""Checks of notebook 01: fold a text, join two segments, weigh a merge, cut a word into the fewest pieces."""

import math
from itertools import combinations, pairwise

from . import Exercise, checker, expect

# ---- fold: lower case without accents --------------------------------------------------------------------


def folds_plain_text(answer):
    got = answer("Four SCORE")
    expect(got is not None, "Your function returns nothing: end it with return and the new text.")
    expect(isinstance(got, str), "Return a string. If you have a list of characters, join it.")
    expect(got == "four score", f"'Four SCORE' should become 'four score', and you return {got!r}.")


def folds_accents(answer):
    got = answer("Élan")
    expect(got != "élan", "The accent of É is still there. Split it off first: NFD, not NFC, parts letter and accent.")
    expect(got != "e\u0301lan", "You split the accent off, and it is still in the text. Leave out category Mn.")
    expect(got == "elan", f"'Élan' should become 'elan', and you return {got!r}.")
    expect(answer("A\u030angstro\u0308m") == "angstrom", "An accent that already stands apart must go, too.")


def keeps_other_letters(answer):
    got = answer("smørgås 中")
    expect("ø" in got and "中" in got, "You lost ø or 中. They have no accent to split off, so they stay as they are.")
    expect(got == "smørgas 中", f"'smørgås 中' should become 'smørgas 中', and you return {got!r}.")
    expect(answer("ß") != "ss", "casefold goes further than lower: it writes ß as ss. BERT keeps ß.")
    expect(answer("½ ﬁ") == "½ ﬁ", "½ and the ligature ﬁ should stay. The form with a K (NFKD) rewrites them.")
    expect(
        answer("की") == "की",
        "A vowel sign of Hindi got lost. It is category Mc: leave out Mn alone, not all that begins with M.",
    )


# ---- two_segments: [CLS] first [SEP] second [SEP] --------------------------------------------------------


def joins_tokens(answer):
    first, second = ["who", "spoke"], ["lincoln"]
    got = answer(first, second)
    expect(
        isinstance(got, tuple) and len(got) == 2,
        "Return two lists: the tokens and their segments, as in `return tokens, segments`.",
    )
    expect((first, second) == (["who", "spoke"], ["lincoln"]), "You changed the caller's list. Build a new one.")
    tokens = got[0]
    expect(tokens[:1] == ["[CLS]"], "The first token must be [CLS].")
    expect(tokens.count("[CLS]") == 1, "There is one [CLS] for the pair, not one for each text.")
    expect(tokens[-1:] == ["[SEP]"], "The second text needs a [SEP] behind it as well.")
    expect(tokens.count("[SEP]") == 2, f"There should be two [SEP], and you have {tokens.count('[SEP]')}.")
    expect(tokens == ["[CLS]", "who", "spoke", "[SEP]", "lincoln", "[SEP]"], f"Your tokens are {tokens}.")


def marks_segments(answer):
    tokens, segments = answer(["who", "spoke"], ["lincoln"])
    expect(
        len(segments) == len(tokens),
        f"{len(tokens)} tokens have {len(segments)} segment ids. [CLS] and each [SEP] need one, too.",
    )
    expect(
        segments != [0, 0, 0, 1, 1, 1],
        "The [SEP] between the texts closes the first one: its segment is 0.",
    )
    expect(segments != [1, 1, 1, 1, 2, 2], "Segments count from 0: 0 for the first text, 1 for the second.")
    expect(segments != [0, 0, 0, 0, 1, 0], "The last [SEP] closes the second text: its segment is 1.")
    expect(segments == [0, 0, 0, 0, 1, 1], f"Your segments are {segments}.")


def takes_any_length(answer):
    tokens, segments = answer(["a"], ["b", "c", "d"])
    expect(tokens == ["[CLS]", "a", "[SEP]", "b", "c", "d", "[SEP]"], "With other lengths the tokens are wrong.")
    expect(segments == [0, 0, 0, 1, 1, 1, 1], "With other lengths the segments are wrong: count both texts.")


# ---- gain: what a merge adds to the log-likelihood -------------------------------------------------------


def log_likelihood(counts):
    """Sum of log p over all pieces of a corpus, p being the piece's share. The slow, plain way."""
    total = sum(counts)
    return sum(math.log(count / total) for count in counts for _ in range(count))


def true_gain(n_ab, n_a, n_b, n):
    """By counting the corpus before and after: n_ab of a and of b turn into as many of ab."""
    rest = [n - n_a - n_b]
    return log_likelihood([n_ab, n_a - n_ab, n_b - n_ab, *rest]) - log_likelihood([n_a, n_b, *rest])


def close(got, wanted):
    return math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-9)


def gains_on_first_counts(answer):
    counts = (15, 36, 20, 113)
    n_ab, n_a, n_b, n = counts
    got, wanted = answer(*counts), true_gain(*counts)
    expect(isinstance(got, int | float), f"Return one number. You return {type(got).__name__}.")
    expect(not close(got, -wanted), "The size is right and the sign is not: it is after minus before.")
    expect(not close(got, wanted / math.log(2)), "Use the natural logarithm, math.log, not the one to base 2.")
    expect(not close(got, n_ab / (n_a * n_b)), "That is the ratio. The gain is a difference of two sums of n log n.")
    expect(
        not close(got, n_ab * math.log(n_ab * n / (n_a * n_b))),
        "That is the approximation for rare pairs. After the merge there are fewer of a, of b, and of all pieces.",
    )
    without_total = true_gain(*counts) + xlogx(n - n_ab) - xlogx(n)
    expect(
        not close(got, without_total),
        "You left out the number of all pieces: it falls from n to n - n_ab, and with it the term n log n.",
    )
    expect(
        close(got, wanted), f"For n_ab=15, n_a=36, n_b=20, n=113 the gain is {wanted:.4f}, and you return {got:.4f}."
    )


def gains_when_a_piece_dies_out(answer):
    try:
        got = answer(5, 20, 5, 113)
    except ValueError:
        got = None
    expect(
        got is not None,
        "When a always stands before b, none of it is left, and log 0 fails. Count 0 log 0 as 0.",
    )
    expect(close(got, true_gain(5, 20, 5, 113)), "Wrong when one of the pieces dies out: n_ab=5, n_a=20, n_b=5, n=113.")


def gains_on_other_counts(answer):
    for counts in [(2, 9, 4, 30), (7, 7, 7, 50), (1, 12, 12, 60)]:
        expect(close(answer(*counts), true_gain(*counts)), f"Wrong for the counts {counts}.")


def xlogx(n):
    return n * math.log(n) if n else 0.0


# ---- fewest_pieces: the shortest cut of a word -----------------------------------------------------------


def fewest(word, vocab):
    """A cut of `word` into as few pieces as can be, or ["[UNK]"]: for each end, the best cut up to there."""
    best = [[]] + [None] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(end):
            piece = ("##" if start else "") + word[start:end]
            if (
                best[start] is not None
                and piece in vocab
                and (best[end] is None or len(best[start]) + 1 < len(best[end]))
            ):
                best[end] = [*best[start], piece]
    return best[-1] if best[-1] is not None else ["[UNK]"]


def every_cut(word):
    """All 2^(n-1) ways to cut a word of n characters."""
    for count in range(len(word)):
        for places in combinations(range(1, len(word)), count):
            ends = [0, *places, len(word)]
            yield [("##" if start else "") + word[start:end] for start, end in pairwise(ends)]


TOY = {"a", "b", "abc", "ab", "##b", "##c", "##d", "##cd", "##cde", "##e"}


def cuts_a_word(answer):
    got = answer("ab", TOY)
    expect(got is not None, "Your function returns nothing: end it with return and the list of pieces.")
    expect(isinstance(got, list), f"Return a list of pieces. You return {type(got).__name__}.")
    expect(got == ["ab"], f"The word 'ab' is in the vocabulary as a whole, and you return {got}.")
    got = answer("bd", TOY)
    expect(got != ["b", "d"], "A piece that does not begin the word is written with ## in front: '##d'.")
    expect(got != ["[UNK]"], "'bd' can be cut: look '##d' up with its ##, not 'd'.")
    expect(got == ["b", "##d"], f"'bd' should be ['b', '##d'], and you return {got}.")


def cuts_better_than_greedy(answer):
    got = answer("abcde", TOY)
    expect(
        got != ["abc", "##d", "##e"],
        "That is the longest match from the left, 3 pieces. A shorter first piece leaves a longer second one.",
    )
    expect(got == ["ab", "##cde"], f"The fewest pieces of 'abcde' are ['ab', '##cde'], and you return {got}.")


def cuts_what_greedy_cannot(answer):
    vocab = {"h", "hu", "hug", "##gs"}
    got = answer("hugs", vocab)
    expect(got != ["[UNK]"], "'hugs' can be cut: hu and ##gs. A first piece that leads nowhere must be given up.")
    expect(got == ["hu", "##gs"], f"'hugs' should be ['hu', '##gs'], and you return {got}.")
    got = answer("hugz", vocab)
    expect(got not in ([], None), "A word that cannot be cut at all is ['[UNK]'], not nothing.")
    expect(got == ["[UNK]"], f"A word that cannot be cut to its end is ['[UNK]'] as a whole, and you return {got}.")


def cuts_like_trying_all(answer):
    vocab = {"a", "b", "ab", "aba", "##a", "##b", "##ba", "##aab", "##abb", "##bab"}
    for word in ["abaab", "ababab", "baabab", "abaabbab", "aabb"]:
        possible = [cut for cut in every_cut(word) if all(piece in vocab for piece in cut)]
        got = answer(word, vocab)
        expect(got in possible, f"Your pieces {got} of {word!r} are not a cut of it into pieces of the vocabulary.")
        least = min(map(len, possible))
        expect(len(got) == least, f"{word!r} can be cut into {least} pieces, and you need {len(got)}.")


EXERCISES = {
    "fold": Exercise(
        "Return the text in lower case, without its accents.",
        1,
        5,
        (folds_plain_text, folds_accents, keeps_other_letters),
    ),
    "two_segments": Exercise(
        "Join two lists of tokens as BERT reads a pair, and give each token its segment.",
        1,
        5,
        (joins_tokens, marks_segments, takes_any_length),
    ),
    "gain": Exercise(
        "Return by how much a merge raises the log-likelihood, from four counts.",
        2,
        10,
        (gains_on_first_counts, gains_when_a_piece_dies_out, gains_on_other_counts),
    ),
    "fewest_pieces": Exercise(
        "Cut a word into as few pieces of the vocabulary as can be.",
        3,
        20,
        (cuts_a_word, cuts_better_than_greedy, cuts_what_greedy_cannot, cuts_like_trying_all),
    ),
}
check = checker(EXERCISES)
