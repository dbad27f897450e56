"""Splits text into sentences by rules: the sentence marks of all scripts, capitals, and English abbreviations."""

import re
from collections.abc import Iterator


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

# Unicode's Sentence_Terminal characters (PropList.txt of Unicode 17) but for . ! ? and the one dot leader: the danda of
# India, the Arabic question mark, the Chinese full stop ... A test holds them against the `regex` package. The last
# line is our own addition: the Tibetan shad.
OTHER_MARKS = (
    "589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D5 1803 1809 "
    "1944-1945 1AA8-1AAB 1B4E-1B4F 1B5A-1B5B 1B5E-1B5F 1B7D-1B7F 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2CF9-2CFB "
    "2E2E 2E3C 2E53-2E54 2E60-2E61 3002 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F "
    "AAF0-AAF1 ABEB FE12 FE15-FE16 FE52 FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59 10F86-10F89 11047-11048 "
    "110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 113D4-113D5 1144B-1144C "
    "115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944 11946 11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 "
    "11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38 16B44 16D6E-16D6F 16E98 1BC9F 1DA88 "
    "F0D-F0E"
)
OTHER = "".join(rf"\U{int(first, 16):08x}-\U{int(last or first, 16):08x}"
                for first, _, last in (part.partition("-") for part in OTHER_MARKS.split()))  # fmt: skip
# Pictures, with what joins and colours them; after a sentence mark they belong to the sentence that it ends.
PICTURES = r"[\U0001f000-\U0001faff\u2600-\u27bf\u200d\ufe0f]"
CLOSING = rf"""["'“”’»›)\]}}」』】〉》〕）］｝]*+(?:[ ]?{PICTURES}++)*+"""
OPENING = r"""["'“‘«‹„‚(\[{¿¡「『【〈《〔（［｛]*"""
EAST_ASIAN = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # kana and Chinese characters, which need no spaces

# A possible end is one of these, with any closing quotes or brackets:
# - a Latin mark, then space, and a beginning: a letter or a digit after any opening quotes (`is_sentence_end` refuses a
#   small letter; the look-behind keeps the time linear in a long row of dots);
# - Greek's question mark, which looks like a semicolon;
# - ! and ? between letters of scripts that need no spaces;
# - a mark of another script, with or without space after it; the full-width full stop not between digits.
POSSIBLE_END = re.compile(
    rf"(?<![.!?…])([.!?…]+){CLOSING}(?:[ \u00a0\u202f]»)?\s+(?={OPENING}[^\W_])"
    rf"|(?<=[\u0370-\u03ff\u1f00-\u1fff]{{2}})[;\u037e]{CLOSING}\s+(?={OPENING}[^\W_])"
    rf"|(?<=[{EAST_ASIAN}])[!?]++{CLOSING}(?={OPENING}[{EAST_ASIAN}])"
    rf"|(?<![.!?…{OTHER}])[.!?…]*+(?!(?<=\d)．\d)[{OTHER}][{OTHER}!?…]*+{CLOSING}\s*+(?=\S)"
)
# What every POSSIBLE_END begins with, or any character beyond the first 65,536: a set that is found fast.
FIRST_MARKS = re.sub(r"\\U0001\w{4}-\\U0001\w{4}", "", OTHER)
MARK = re.compile(rf"[.!?…;\u037e{FIRST_MARKS}\U00010000-\U0010ffff]")
WORD_BEFORE_MARK = re.compile(r"[^\s\"'“‘(\[—–-]*$")
WORD_AFTER_SPACE = re.compile(rf"{OPENING}(\w+)(\.?)")  # and whether a full stop follows the word
ITEM_NUMBER = re.compile(r"\d+|[IVXLC]+|[A-Za-z]")  # of a list: 1. or II. or a.
INITIALS = re.compile(r"[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]")
SMALL_INITIALS = re.compile(r"[a-z]|(?:[a-z]\.)+[a-z]")  # in a text without capitals


def is_sentence_end(text: str, start: int, mark: re.Match, cased: bool = True) -> bool:
    """Whether the sentence that begins at `start` ends at this match of POSSIBLE_END. `cased`: it has capitals."""
    if mark[1] is None:
        return True
    following = WORD_AFTER_SPACE.match(text, mark.end())
    first = following[1][0]
    if cased and first.islower() and first.title() != first:  # Georgian begins its sentences with small letters
        return False
    if mark[1] != ".":
        return True
    word = WORD_BEFORE_MARK.search(text, max(start, mark.start() - 40), mark.start())[0]
    if word.lower() in NEVER_FINAL:
        return False
    is_short = mark.start() - start < 20
    if is_short and text[start : mark.start()].strip(" \t\n([") == word and ITEM_NUMBER.fullmatch(word):
        return False  # the number of a list's item belongs to the sentence after it
    if word.lower() in BEFORE_NUMBER:
        return not first.isdigit()
    initials = INITIALS if cased else SMALL_INITIALS
    if initials.fullmatch(word) or (len(word) == 1 and word.isupper()) or word.lower() in SOMETIMES_FINAL:
        return following[1].lower() in FIRST_WORDS and not following[2]
    return True


def find_possible_ends(text: str) -> Iterator[re.Match]:
    """The same as `POSSIBLE_END.finditer(text)`, several times as fast."""
    end = 0
    for mark in MARK.finditer(text):
        if mark.start() >= end and (possible := POSSIBLE_END.match(text, mark.start())):
            end = possible.end()
            yield possible


def has_capitals(text: str) -> bool:
    return any(map(str.isupper, text))


def split_sentences(text: str, cased: bool | None = None) -> list[str]:
    """Split text into sentences; white space inside a sentence becomes single spaces.

    A sentence ends at `.`, `!`, `?` or an ellipsis (with its closing quotes) before a capital, a digit or a quote, and
    at a blank line. A single line break is a space. In a text without any capital, a small letter begins a sentence
    too. The marks of other scripts (OTHER_MARKS) end a sentence whatever follows, and need no space.

    These do not end an English sentence: titles and abbreviations (Mr., No. 5, e.g.), initials (J. S. Bach), decimals,
    and the number of a list's item. After an abbreviation that may end a sentence (U.S., p.m., Inc.), it ends if a
    common first word follows. These are rules and not a model: in a text with capitals, a sentence that begins in lower
    case, or with a name after "U.S.", is not separated from the one before. Thai marks no ends of sentences.
    """
    cased = has_capitals(text) if cased is None else cased
    sentences = []
    for paragraph in re.split(r"\n\s*\n", text):
        start = 0
        for mark in find_possible_ends(paragraph):
            if is_sentence_end(paragraph, start, mark, cased):
                sentences.append(paragraph[start : mark.end()])
                start = mark.end()
        sentences.append(paragraph[start:])
    return [" ".join(sentence.split()) for sentence in sentences if sentence.strip()]
