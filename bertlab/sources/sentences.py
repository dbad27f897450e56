"""Splits English text into sentences by rules: punctuation, capitals, and lists of abbreviations."""

import re


def list_words(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Abbreviations that never end a sentence.
NEVER_FINAL = list_words(
    "mr mrs ms messrs mme dr prof st gen col lt capt cmdr maj sgt adm sen rep gov pres rev hon ft mt fr br "
    "vs cf e.g i.e viz"
)

# Abbreviations before a number ("No. 5"). They end a sentence if no number follows.
BEFORE_NUMBER = list_words(
    "no nos op p pp vol vols fig figs ch sec art lbs ca c approx jan feb mar apr jun jul aug sep sept oct nov dec"
)

# Abbreviations that end a sentence if one of FIRST_WORDS follows. The same holds for initials: "Vitamin C. It" is an
# end, "C. S. Lewis" is not.
SOMETIMES_FINAL = list_words(
    "u.s u.k u.n u.s.a d.c n.y b.c a.d b.c.e c.e a.m p.m ph.d etc al inc co corp ltd sr jr bros"
)

# Common first words of a sentence.
FIRST_WORDS = list_words(
    "the a an this that these those it its he his she her they their we our i my you your there here in on at for "
    "from by with to of as if when while after before since during although though but and or so yet not no all "
    "many most some such each every both one two what who why how where which let under thus however"
)

# A possible end: the mark, any closing quotes or brackets, space, and a beginning: a capital, a digit, or an
# opening quote or bracket before one of them. (The look-behind keeps the time linear in a long row of dots.)
POSSIBLE_END = re.compile(r"""(?<![.!?…])([.!?…]+)["'”’)\]]*(\s+)(?=["'“‘(\[]*[^\W_a-z])""")
WORD_BEFORE_MARK = re.compile(r"[^\s\"'“‘(\[—–-]*$")
WORD_AFTER_SPACE = re.compile(r"""["'“‘(\[]*(\w+)(\.?)""")  # and whether a full stop follows the word
ITEM_NUMBER = re.compile(r"\d+|[IVXLC]+|[A-Za-z]")  # of a list: 1. or II. or a.
INITIALS = re.compile(r"[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]")


def is_sentence_end(text: str, start: int, mark: re.Match) -> bool:
    """Whether the sentence that begins at `start` ends at this match of POSSIBLE_END."""
    if mark[1] != ".":
        return True
    word = WORD_BEFORE_MARK.search(text, max(start, mark.start() - 40), mark.start())[0]
    if word.lower() in NEVER_FINAL:
        return False
    is_short = mark.start() - start < 20
    if is_short and text[start : mark.start()].strip(" \t\n([") == word and ITEM_NUMBER.fullmatch(word):
        return False  # the number of a list's item belongs to the sentence after it
    following = WORD_AFTER_SPACE.match(text, mark.end())
    if word.lower() in BEFORE_NUMBER:
        return not following[1][0].isdigit()
    if INITIALS.fullmatch(word) or word.lower() in SOMETIMES_FINAL:
        return following[1].lower() in FIRST_WORDS and not following[2]
    return True


def split_sentences(text: str) -> list[str]:
    """Split English text into sentences; white space inside a sentence becomes single spaces.

    A sentence ends at `.`, `!`, `?` or an ellipsis (with its closing quotes) before a capital, a digit or a
    quote, and at a blank line. A single line break is a space. These do not end a sentence: titles and abbreviations
    (Mr., No. 5, e.g.), initials (J. S. Bach), decimals, and the number of a list's item. After an abbreviation that
    may end a sentence (U.S., p.m., Inc.), it ends if a common first word follows. These are rules and not a model:
    a sentence that begins in lower case, or with a name after "U.S.", is not separated from the one before.
    """
    sentences = []
    for paragraph in re.split(r"\n\s*\n", text):
        start = 0
        for mark in POSSIBLE_END.finditer(paragraph):
            if is_sentence_end(paragraph, start, mark):
                sentences.append(paragraph[start : mark.start(2)])
                start = mark.end()
        sentences.append(paragraph[start:])
    return [" ".join(sentence.split()) for sentence in sentences if sentence.strip()]
