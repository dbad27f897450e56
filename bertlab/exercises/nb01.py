"""The exercises of notebook 01, WordPiece: fold a text, join two segments, the gain of a merge, the fewest pieces."""

import math
from itertools import combinations, pairwise

from . import Exercise, expect, make_check
from .comparing import as_number, is_close

# ---- fold: lower case without accents --------------------------------------------------------------------


def folds_plain_text(answer):
    got = answer("Four SCORE")
    expect(got is not None, "Your function returns nothing: end it with return and the new text.")
    expect(isinstance(got, str), "Return a string. If you have a list of characters, join them.")
    expect(got == "four score", f"'Four SCORE' should become 'four score', and your function returns {got!r}.")


def folds_accents(answer):
    got = answer("Élan")
    expect(got != "élan", "The accent of É is still there. Split it off first: NFD does this, NFC does not.")
    expect(got != "e\u0301lan", "You split the accent off, but it is still in the text. Leave out category Mn.")
    expect(got == "elan", f"'Élan' should become 'elan', and your function returns {got!r}.")
    expect(
        answer("A\u030angstro\u0308m") == "angstrom",
        "An accent that is a separate character in the given text must be removed, too.",
    )


def keeps_other_letters(answer):
    got = answer("smørgås 中")
    expect("ø" in got and "中" in got, "You lost ø or 中. They have no accent to split off, so they stay as they are.")
    expect(got == "smørgas 中", f"'smørgås 中' should become 'smørgas 中', and your function returns {got!r}.")
    expect(answer("ß") != "ss", "casefold goes further than lower: it writes ß as ss. BERT keeps ß.")
    expect(answer("½ ﬁ") == "½ ﬁ", "½ and the ligature ﬁ should stay. The forms with a K (NFKD, NFKC) rewrite them.")
    expect(
        answer("की") == "की",
        "A vowel sign of Hindi got lost. Its category is Mc: leave out Mn only, not every category that begins with M.",
    )


# ---- two_segments: [CLS] first [SEP] second [SEP] --------------------------------------------------------


def joins_tokens(answer):
    first, second = ["who", "spoke"], ["lincoln"]
    got = answer(first, second)
    expect(
        isinstance(got, tuple) and len(got) == 2,
        "Return two lists: the tokens and their segments, as in `return tokens, segments`.",
    )
    expect((first, second) == (["who", "spoke"], ["lincoln"]), "You changed the list that was passed. Build a new one.")
    tokens = got[0]
    expect(tokens[:1] == ["[CLS]"], "The first token must be [CLS].")
    expect(tokens.count("[CLS]") == 1, "There is one [CLS] for the pair, not one for each text.")
    expect(tokens[-1:] == ["[SEP]"], "The second text needs a [SEP] after it as well.")
    expect(tokens.count("[SEP]") == 2, f"There should be two [SEP], and you have {tokens.count('[SEP]')}.")
    expect(tokens == ["[CLS]", "who", "spoke", "[SEP]", "lincoln", "[SEP]"], f"Your tokens are {tokens}.")


def marks_segments(answer):
    tokens, segments = answer(["who", "spoke"], ["lincoln"])
    expect(
        len(segments) == len(tokens),
        f"Your {len(tokens)} tokens have {len(segments)} segment ids. [CLS] and each [SEP] need one, too.",
    )
    expect(
        segments != [0, 0, 0, 1, 1, 1],
        "The [SEP] between the texts ends the first one: its segment is 0.",
    )
    expect(segments != [1, 1, 1, 1, 2, 2], "Segments count from 0: 0 for the first text, 1 for the second.")
    expect(segments != [0, 0, 0, 0, 1, 0], "The last [SEP] ends the second text: its segment is 1.")
    expect(segments == [0, 0, 0, 0, 1, 1], f"Your segments are {segments}.")


def takes_any_length(answer):
    tokens, segments = answer(["a"], ["b", "c", "d"])
    expect(
        tokens == ["[CLS]", "a", "[SEP]", "b", "c", "d", "[SEP]"], "The tokens are wrong for texts of 1 and 3 tokens."
    )
    expect(segments == [0, 0, 0, 1, 1, 1, 1], "The segments are wrong for 1 and 3 tokens: use the length of each text.")


# ---- gain: what a merge adds to the log-likelihood -------------------------------------------------------


def compute_log_likelihood(counts):
    """Sum of log p over all tokens of a corpus, where p is the token's share. Slow and simple."""
    total = sum(counts)
    return sum(math.log(count / total) for count in counts for _ in range(count))


def compute_gain(n_ab, n_a, n_b, n):
    """Log-likelihood after the merge minus before: n_ab of the a's and of the b's become as many of ab."""
    rest = [n - n_a - n_b]
    return compute_log_likelihood([n_ab, n_a - n_ab, n_b - n_ab, *rest]) - compute_log_likelihood([n_a, n_b, *rest])


def gains_on_first_counts(answer):
    counts = (15, 36, 20, 113)
    n_ab, n_a, n_b, n = counts
    got, expected = as_number(answer(*counts)), compute_gain(*counts)
    expect(not is_close(got, -expected), "The size is right but the sign is wrong: subtract before from after.")
    expect(not is_close(got, expected / math.log(2)), "Use the natural logarithm, math.log, not the one to base 2.")
    expect(not is_close(got, n_ab / (n_a * n_b)), "That is the ratio. The gain is a difference of two sums of n log n.")
    expect(
        not is_close(got, n_ab * math.log(n_ab * n / (n_a * n_b))),
        "That is the approximation for rare pairs. After the merge there are fewer of a, fewer of b, and fewer tokens "
        "in all.",
    )
    without_total = expected + x_log_x(n - n_ab) - x_log_x(n)
    expect(
        not is_close(got, without_total),
        "You left out the number of all tokens: it falls from n to n - n_ab, and so does the term n log n.",
    )
    expect(
        is_close(got, expected),
        f"For n_ab=15, n_a=36, n_b=20, n=113 the gain is {expected:.4f}, and your function returns {got:.4f}.",
    )


def gains_when_a_piece_dies_out(answer):
    try:
        got = answer(5, 20, 5, 113)
    except ValueError:
        got = None
    expect(
        got is not None,
        "If every b comes after an a, no b is left after the merge, and log 0 fails. Count 0 log 0 as 0.",
    )
    expect(
        is_close(got, compute_gain(5, 20, 5, 113)),
        "The gain is wrong when one of the two tokens disappears: n_ab=5, n_a=20, n_b=5, n=113.",
    )


def gains_on_other_counts(answer):
    for counts in [(2, 9, 4, 30), (7, 7, 7, 50), (1, 12, 12, 60)]:
        expect(is_close(answer(*counts), compute_gain(*counts)), f"The gain is wrong for the counts {counts}.")


def x_log_x(n):
    return n * math.log(n) if n else 0.0


# ---- fewest_pieces: the shortest cut of a word -----------------------------------------------------------


def find_fewest_pieces(word, vocab):
    """Cut `word` into as few pieces as possible, or return ["[UNK]"]: for each end, find the best cut up to there."""
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


def list_cuts(word):
    """Yield all 2^(n-1) ways to cut a word of n characters."""
    for count in range(len(word)):
        for inner_ends in combinations(range(1, len(word)), count):
            ends = [0, *inner_ends, len(word)]
            yield [("##" if start else "") + word[start:end] for start, end in pairwise(ends)]


TOY_VOCAB = {"a", "b", "abc", "ab", "##b", "##c", "##d", "##cd", "##cde", "##e"}


def cuts_a_word(answer):
    got = answer("ab", TOY_VOCAB)
    expect(got is not None, "Your function returns nothing: end it with return and the list of pieces.")
    expect(isinstance(got, list), f"Return a list of pieces. Your function returns a {type(got).__name__}.")
    expect(got == ["ab"], f"The whole word 'ab' is in the vocabulary, and your function returns {got}.")
    got = answer("bd", TOY_VOCAB)
    expect(got != ["b", "d"], "A piece that does not begin the word is written with ## in front: '##d'.")
    expect(got != ["[UNK]"], "'bd' can be cut: look up '##d' with its ##, not 'd'.")
    expect(got == ["b", "##d"], f"'bd' should become ['b', '##d'], and your function returns {got}.")


def cuts_better_than_greedy(answer):
    got = answer("abcde", TOY_VOCAB)
    expect(
        got != ["abc", "##d", "##e"],
        "That is the longest match from the left, with 3 pieces. A shorter first piece allows a longer second one.",
    )
    expect(
        got == ["ab", "##cde"], f"The fewest pieces of 'abcde' are ['ab', '##cde'], and your function returns {got}."
    )


def cuts_what_greedy_cannot(answer):
    vocab = {"h", "hu", "hug", "##gs"}
    got = answer("hugs", vocab)
    expect(got != ["[UNK]"], "'hugs' can be cut into hu and ##gs. If a first piece leads nowhere, try a shorter one.")
    expect(got == ["hu", "##gs"], f"'hugs' should become ['hu', '##gs'], and your function returns {got}.")
    got = answer("hugz", vocab)
    expect(got not in ([], None), "A word that cannot be cut at all becomes ['[UNK]'], not nothing.")
    expect(got == ["[UNK]"], f"A word that cannot be cut to its end becomes ['[UNK]']. Your function returns {got}.")


def cuts_like_trying_all(answer):
    vocab = {"a", "b", "ab", "aba", "##a", "##b", "##ba", "##aab", "##abb", "##bab"}
    for word in ["abaab", "ababab", "baabab", "abaabbab", "aabb"]:
        possible = [cut for cut in list_cuts(word) if all(piece in vocab for piece in cut)]
        got = answer(word, vocab)
        expect(got in possible, f"Your pieces {got} do not make up {word!r}, or are not in the vocabulary.")
        fewest = min(map(len, possible))
        expect(len(got) == fewest, f"{word!r} can be cut into {fewest} pieces, and yours are {len(got)}.")


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
check = make_check(EXERCISES)
