"""The exercises of notebook 01, WordPiece: fold a text, cut a word, merge a pair, learn merges; two bugs to find."""

import tempfile
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path

from ..wordpiece import SPECIAL_TOKENS
from . import Exercise, expect, make_check, make_use

# ---- fold: lower case without accents --------------------------------------------------------------------


def folds_plain_text(answer):
    got = answer("Four SCORE")
    expect(got is not None, "Your function returns nothing: end it with return and the new text.")
    expect(isinstance(got, str), "Return a string. If you have a list of characters, join them.")
    expect(got == "four score", f"'Four SCORE' should become 'four score', and your function returns {got!r}.")
    got = answer("In 1848, $3.50!")
    expect(got == "in 1848, $3.50!", f"'In 1848, $3.50!' has no accents, but your function makes {got!r} of it.")


def folds_accents(answer):
    got = answer("Élan")
    expect(got != "élan", "The accent of É is still there. Split it off first: NFD does this, NFC does not.")
    expect(got != "e\u0301lan", "You split the accent off, but it is still in the text. Leave out category Mn.")
    expect(got == "elan", f"'Élan' should become 'elan', and your function returns {got!r}.")
    expect(
        answer("A\u030angstro\u0308m") == "angstrom",
        "An accent that is a separate character in the given text must be removed, too.",
    )
    got = answer("Việt, čeština, Ñandú")
    expect(
        got == "viet, cestina, nandu",
        f"'Việt, čeština, Ñandú' should become 'viet, cestina, nandu', and your function returns {got!r}. A list of "
        "letters is never complete, but NFD splits every accent off, and from ệ it splits two.",
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
    expect(
        answer("के") == "क",
        "A mark is left in a word of Hindi. combining() is 0 for it, but its category is Mn, so ask for the category.",
    )
    expect(
        unicodedata.normalize("NFD", answer("한")) == unicodedata.normalize("NFD", "한"),
        "NFD splits 한 into three letters, and some of them got lost. Leave out nothing but the category Mn.",
    )


# ---- longest_match: a word to pieces ---------------------------------------------------------------------

TOY_VOCAB = {"h", "hu", "hug", "p", "##u", "##g", "##gs", "##s"}


class Watched(set):
    """A vocabulary that gives a hint when a learner's loop looks pieces up without end."""

    lookups = 0

    def __contains__(self, piece: object) -> bool:
        self.lookups += 1
        expect(
            self.lookups < 1000,
            "Your loop does not end. Go on behind each piece that was found, and return where no piece fits.",
        )
        return super().__contains__(piece)


def as_pieces(got: object) -> list[str]:
    """The pieces that a learner's function returned. Raises Hint unless they are a list."""
    expect(got is not None, "Your function returns nothing: end it with return and the list of pieces.")
    expect(isinstance(got, list), f"Return a list of pieces. Your function returns a {type(got).__name__}.")
    return got


def cuts_a_known_word(answer):
    got = as_pieces(answer("hug", Watched(TOY_VOCAB)))
    expect(got != ["h", "##u", "##g"], "That is the shortest match. Try the longest candidate first: the whole rest.")
    expect(got == ["hug"], f"'hug' is a token of the vocabulary, so it is one piece. Your function returns {got}.")


def cuts_into_pieces(answer):
    got = as_pieces(answer("hugs", Watched(TOY_VOCAB)))
    expect(got != ["hug", "s"], "Every piece after the first is written with ## in front: '##s', not 's'.")
    expect(
        got != ["[UNK]"],
        "'hugs' can be cut. Look up '##s' after the first piece, because 's' is no token. A piece may be one letter.",
    )
    expect(got != ["hu", "##gs"], "You chose the last piece first. Begin at the first letter of the word.")
    expect(got == ["hug", "##s"], f"'hugs' should become ['hug', '##s'], and your function returns {got}.")
    got = as_pieces(answer("pugs", Watched(TOY_VOCAB)))
    expect(got == ["p", "##u", "##gs"], f"'pugs' should become ['p', '##u', '##gs'], and your function returns {got}.")


def gives_up_as_bert_does(answer):
    got = as_pieces(answer("hugs", Watched(TOY_VOCAB - {"##s"})))
    expect(
        got != ["hu", "##gs"],
        "You went back to a shorter first piece. BERT never does: after hug nothing fits, so the word is unknown.",
    )
    expect(
        got != ["hug", "[UNK]"],
        "One place where nothing fits makes the whole word unknown: drop the pieces that were found before it.",
    )
    expect(got != ["hug"], "Your function ends in silence where nothing fits, and the s is lost. Return ['[UNK]'].")
    expect(got == ["[UNK]"], f"Without '##s', 'hugs' should become ['[UNK]'], and your function returns {got}.")


def cuts_like_bert(answer):
    vocab = TOY_VOCAB | {"##hu", "pughugpug", "##hughugs"}
    for word in ["pughug", "huhu", "hhugsu", "s", "pz", "pughugpugs", "phughugs"]:
        expected = cut_longest_first(word, vocab)
        got = as_pieces(answer(word, Watched(vocab)))
        expect(got == expected, f"{word!r} should become {expected}, and your function returns {got}.")


def cut_longest_first(word, vocab):
    """The pieces of a word by BERT's rule, or ["[UNK]"]. What the notebook uses until the learner has written it."""
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if prefix + word[start:end] in vocab), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


# ---- merge_pair: join two neighbours ---------------------------------------------------------------------


def merges_inside_a_word(answer):
    split = ["h", "##u", "##g", "##s"]
    got = as_pieces(answer(split, "##g", "##s"))
    expect(split == ["h", "##u", "##g", "##s"], "You changed the list that was passed. Build a new one.")
    expect(got != ["h", "##u", "##g##s"], "The second half loses its ## when it is joined: '##gs', not '##g##s'.")
    expect(got != ["h", "##u", "gs"], "The new piece still continues a word, so it keeps the ## of its first half.")
    expect(got == ["h", "##u", "##gs"], f"The split should become ['h', '##u', '##gs']. Yours is {got}.")


def merges_at_the_start(answer):
    got = as_pieces(answer(["h", "##u", "##g"], "h", "##u"))
    expect(got != ["##hu", "##g"], "A piece that begins a word has no ##, so the merge of h and ##u is hu.")
    expect(got == ["hu", "##g"], f"h and ##u should become 'hu'. Your function returns {got}.")
    got = as_pieces(answer(["p", "##u", "##n"], "h", "##u"))
    expect(got == ["p", "##u", "##n"], f"Without the pair, the split stays as it is. Your function returns {got}.")
    got = as_pieces(answer(["b", "##u", "##g", "##a"], "##u", "##a"))
    expect(got == ["b", "##u", "##g", "##a"], "Merge two pieces only when they are neighbours, in this order.")
    for split in (["a", "##h", "##u"], ["h", "##ug"]):
        got = as_pieces(answer(list(split), "h", "##u"))
        expect(got == split, f"{split} does not contain 'h' and then '##u', so it stays. Compare whole pieces.")


def merges_every_place(answer):
    got = as_pieces(answer(["b", "##a", "##n", "##a", "##n"], "##a", "##n"))
    expect(got != ["b", "##an", "##a", "##n"], "The pair occurs twice in this word. Merge it in both places.")
    expect(got == ["b", "##an", "##an"], f"The split should become ['b', '##an', '##an']. Yours is {got}.")
    got = as_pieces(answer(["a", "##a", "##a", "##a"], "##a", "##a"))
    expect(
        got != ["a", "##aaa"],
        "You merged a new piece again. Only pieces of the old split take part: ##a ##a ##a gives ##aa ##a.",
    )
    expect(got == ["a", "##aa", "##a"], f"The split should become ['a', '##aa', '##a']. Yours is {got}.")


def merge_neighbours(split, left, right):
    """The split with each `left` that is followed by `right` joined into one piece."""
    merged, i = [], 0
    while i < len(split):
        if split[i : i + 2] == [left, right]:
            merged.append(left + right.removeprefix("##"))
            i += 2
        else:
            merged.append(split[i])
            i += 1
    return merged


# ---- learn_merges: the training of a vocabulary ----------------------------------------------------------

TOY_WORDS = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}


def split_letters(word):
    """A word as single characters: "hug" -> ["h", "##u", "##g"]."""
    return [word[0]] + ["##" + char for char in word[1:]]


def count_pieces(splits, words):
    """How often each piece and each pair of neighbours occurs, when each word occurs `words[word]` times."""
    pieces, pairs = Counter(), Counter()
    for word, split in splits.items():
        for piece in split:
            pieces[piece] += words[word]
        for pair in pairwise(split):
            pairs[pair] += words[word]
    return pieces, pairs


def score_by_count(n_ab, n_a, n_b):
    return n_ab


def score_by_ratio(n_ab, n_a, n_b):
    return n_ab / (n_a * n_b)


def as_merges(got: object) -> list[tuple[str, str]]:
    """The merges that a learner's function returned. Raises Hint unless they are a list of pairs."""
    expect(got is not None, "Your function returns nothing: end it with return and the list of merged pairs.")
    expect(isinstance(got, list), f"Return a list of pairs. Your function returns a {type(got).__name__}.")
    expect(
        all(isinstance(pair, tuple) and len(pair) == 2 for pair in got),
        "Return the merged pairs, each as a tuple such as ('##u', '##g'), in the order of the merges.",
    )
    return got


def score_by_loss(n_ab, n_a, n_b):
    return n_ab - n_a  # minus how often another piece than b follows a: never above 0


def learns_one_merge(answer):
    got = as_merges(answer({"at": 7, "on": 1, "one": 2, "only": 1}, 1, score_by_count))
    expect(
        got != [("o", "##n")],
        "Weigh each pair by how often its word occurs. (o, ##n) is in three words, but these occur 4 times in all; "
        "'at' alone occurs 7 times.",
    )
    expect(len(got) == 1, f"One merge was asked for, and you return {len(got)}.")
    expect(got != [("##l", "##y")], "That is the pair with the highest ratio. Here `score` is the count: call score.")
    expect(got != [("##n", "##l")], "You took the lowest score. The best pair has the highest.")
    expect(got == [("a", "##t")], f"The most frequent pair is ('a', '##t'), 7 times. Yours is {got}.")
    got = as_merges(answer({"barbarian": 4, "at": 7}, 1, score_by_count))
    expect(
        got == [("##a", "##r")],
        "'barbarian' has ##a ##r twice. It occurs 4 times, so this pair counts 8, one more than the 7 of 'at'.",
    )


def learns_by_the_score(answer):
    got = as_merges(answer(dict(TOY_WORDS), 1, score_by_ratio))
    expect(
        got != [("##u", "##g")],
        "That is the most frequent pair. Call score(n_ab, n_a, n_b) with the counts of the pair and of its two pieces.",
    )
    expect(got == [("##g", "##s")], f"By the ratio ('##g', '##s') is first. Yours is {got}.")
    try:
        got = as_merges(answer({"on": 4, "oh": 1, "at": 3}, 1, score_by_loss))
    except TypeError:
        got = []
    expect(got != [], "You found no best pair. Scores may be negative, as logarithms are, so do not compare with 0.")
    expect(
        got == [("a", "##t")],
        "score takes three counts in this order: that of the pair, of its first piece and of its second piece.",
    )


def learns_several_merges(answer):
    got = as_merges(answer(dict(TOY_WORDS), 3, score_by_ratio))
    expect(len(got) == 3, f"Three merges were asked for, and you return {len(got)}.")
    expect(len(set(got)) == 3, "You chose the same pair again. After a merge, replace the splits and count again.")
    expect(
        got[2] != ("##u", "##g"),
        "You counted only once, at the start. After a merge the words consist of other pieces: count again each time.",
    )
    expect(
        got[1] != ("##u", "##gs"),
        "Of several pairs with the highest score you took the last. Take the one that was counted first, as max does.",
    )
    again = as_merges(answer({"sat": 9, "cat": 8, "hat": 2, "hats": 5}, 2, score_by_ratio))
    expect(
        again[1:] != [("sa", "##t")],
        "Count the single pieces again after each merge, too. Each merge uses up some of the pieces that it joins.",
    )
    expected = train_merges(TOY_WORDS, 3, score_by_ratio)
    expect(got == expected, f"The first three merges by the ratio are {expected}. Yours are {got}.")


def stops_when_nothing_is_left(answer):
    try:
        got = answer({"hi": 3}, 5, score_by_count)
    except (ValueError, IndexError, TypeError, UnboundLocalError):
        got = None
    expect(got is not None, "When every word is one piece, there is no pair left: stop instead of failing.")
    expect(got == [("h", "##i")], f"'hi' allows one merge, ('h', '##i'). Yours are {got}.")
    before = dict(TOY_WORDS)
    answer(before, 2, score_by_count)
    expect(before == TOY_WORDS, "Your function changed `words`. Keep the splits in a dictionary of their own.")


def train_merges(words, merges, score):
    """The first `merges` merges: the pair with the highest score, again and again; of equals the one seen first."""
    splits = {word: split_letters(word) for word in words}
    learned = []
    for _ in range(merges):
        pieces, pairs = count_pieces(splits, words)
        if not pairs:
            break
        best = max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))
        splits = {word: merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best)
    return learned


# ---- two bugs to find ------------------------------------------------------------------------------------


def as_frame(got: object) -> tuple[list, list]:
    """The tokens and the segments of a pair. Raises Hint for anything else than two lists."""
    expect(
        isinstance(got, tuple | list) and len(got) == 2 and all(isinstance(part, tuple | list) for part in got),
        "Return two lists, the tokens and the segments.",
    )
    return list(got[0]), list(got[1])


def frames_a_pair(frame_pair):
    tokens, segments = as_frame(frame_pair(["who", "spoke"], ["lincoln"]))
    expect(
        tokens == ["[CLS]", "who", "spoke", "[SEP]", "lincoln", "[SEP]"],
        f"The tokens should be [CLS] who spoke [SEP] lincoln [SEP]. They are {' '.join(tokens)}.",
    )
    expect(len(segments) == len(tokens), f"{len(tokens)} tokens have {len(segments)} segment ids.")
    expect(
        segments == [0, 0, 0, 0, 1, 1],
        f"The six tokens of the test pair should have the segments 0 0 0 0 1 1. They have "
        f"{' '.join(map(str, segments))}.",
    )


def frames_any_pair(frame_pair):
    tokens, segments = as_frame(frame_pair(["a"], ["b", "c", "d"]))
    expect(
        (tokens, segments) == (["[CLS]", "a", "[SEP]", "b", "c", "d", "[SEP]"], [0, 0, 0, 1, 1, 1, 1]),
        "For texts of 1 and 3 tokens the result is still wrong: the segments must follow the lengths.",
    )


def opens_the_whole_vocabulary(open_vocabulary):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("\n".join([*SPECIAL_TOKENS, "we", "hold", "these"]) + "\n", encoding="utf-8")
        tokenizer = open_vocabulary(str(path))
        expect(tokenizer is not None, "Your function returns nothing: end it with return and the tokenizer.")
        expect(
            len(tokenizer) == 8,
            f"The file of the test has 8 lines, and the tokenizer has {len(tokenizer)} tokens.",
        )
        tokens = tokenizer.tokenize("We hold these")
        expect(tokens == ["we", "hold", "these"], f"'We hold these' became {tokens}.")


def fold_text(text):
    """The text in lower case, without accents."""
    apart = unicodedata.normalize("NFD", text)
    return "".join(char for char in apart if unicodedata.category(char) != "Mn").lower()


EXERCISES = {
    "fold": Exercise(
        "Return the text in lower case, without its accents.",
        1,
        5,
        (folds_plain_text, folds_accents, keeps_other_letters),
    ),
    "longest_match": Exercise(
        "Cut a word into the pieces that BERT would read.",
        2,
        15,
        (cuts_a_known_word, cuts_into_pieces, gives_up_as_bert_does, cuts_like_bert),
    ),
    "merge_pair": Exercise(
        "Join two neighbouring pieces of a split, wherever they occur.",
        1,
        8,
        (merges_inside_a_word, merges_at_the_start, merges_every_place),
    ),
    "learn_merges": Exercise(
        "Learn the first merges of a vocabulary from counted words.",
        3,
        20,
        (learns_one_merge, learns_by_the_score, learns_several_merges, stops_when_nothing_is_left),
    ),
}
BUGS = {
    "frame_pair": Exercise("Find the bug: the segments of a pair.", 1, 5, (frames_a_pair, frames_any_pair)),
    "open_vocabulary": Exercise("Find the bug: a vocabulary of five tokens.", 1, 5, (opens_the_whole_vocabulary,)),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "fold": fold_text,
        "longest_match": cut_longest_first,
        "merge_pair": merge_neighbours,
        "learn_merges": train_merges,
    },
)
