"""sources.sentences: TODO."""

import re


def _split_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Short forms that a sentence does not end with.
TITLES = _split_words(
    "mr mrs ms messrs mme dr prof st gen col lt capt cmdr maj sgt adm sen rep gov pres rev hon ft mt fr br "
    "vs cf e.g i.e viz"
)

# Short forms that go before a number. They end a sentence if none follows.
COUNTED = _split_words(
    "no nos op p pp vol vols fig figs ch sec art lbs ca c approx jan feb mar apr jun jul aug sep sept oct nov dec"
)

# Short forms that end a sentence if one of STARTERS follows. So do initials: "Vitamin C. It", but "C. S. Lewis".
SHORT = _split_words("u.s u.k u.n u.s.a d.c n.y b.c a.d b.c.e c.e a.m p.m ph.d etc al inc co corp ltd sr jr bros")

STARTERS = _split_words(
    "the a an this that these those it its he his she her they their we our i my you your there here in on at for "
    "from by with to of as if when while after before since during although though but and or so yet not no all "
    "many most some such each every both one two what who why how where which let under thus however"
)

# A possible end: the mark, any closing quotes or brackets, space, and a beginning: a capital, a digit, or an
# opening quote or bracket before one of them. (The look-behind keeps a long row of dots from costing its square.)
END = re.compile(r"""(?<![.!?…])([.!?…]+)["'”’)\]]*(\s+)(?=["'“‘(\[]*[^\W_a-z])""")

LAST = re.compile(r"[^\s\"'“‘(\[—–-]*$")  # the word before the mark

NEXT = re.compile(r"""["'“‘(\[]*(\w+)(\.?)""")  # the word after the space, and whether a full stop follows it


def is_sentence_end(text: str, start: int, match: re.Match) -> bool:
    """Whether the sentence that began at `start` ends at this candidate."""
    if match[1] != ".":
        return True
    word = LAST.search(text, max(start, match.start() - 40), match.start())[0]
    short = word.lower()
    if short in TITLES:
        return False
    opening = text[start : match.start()].strip(" \t\n([") if match.start() - start < 20 else ""
    if opening == word and re.fullmatch(r"\d+|[IVXLC]+|[A-Za-z]", word):
        return False  # the number of a list's item opens its sentence
    following = NEXT.match(text, match.end())
    if short in COUNTED:
        return not following[1][0].isdigit()
    initials = re.fullmatch(r"[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]", word)
    if initials or short in SHORT:
        return following[1].lower() in STARTERS and not following[2]
    return True


def split_sentences(text: str) -> list[str]:
    """English text -> its sentences, with runs of white space made one space each.

    A sentence ends at `.`, `!`, `?` or an ellipsis (with its closing quotes) before a capital, a digit or a
    quote, and at a blank line. A single line break is a space. Not an end: titles and short forms (Mr., No. 5,
    e.g.), initials (J. S. Bach), decimals, and the number that opens a list's item. After a short form that may
    end a sentence (U.S., p.m., Inc.) it ends if a common first word follows. It is a rule and not a model: a
    sentence that begins in lower case, or a name after "U.S.", is not cut off from the one before.
    """
    sentences = []
    for paragraph in re.split(r"\n\s*\n", text):
        start = 0
        for match in END.finditer(paragraph):
            if is_sentence_end(paragraph, start, match):
                sentences.append(paragraph[start : match.start(2)])
                start = match.end()
        sentences.append(paragraph[start:])
    return [" ".join(sentence.split()) for sentence in sentences if sentence.strip()]
