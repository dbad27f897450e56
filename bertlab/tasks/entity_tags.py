"""Tags of entities as files have them: which ones are misspelt, what those mean, and all of them in IOB2.

One odd tag does not make plain tags of names. What it surely means (B_PER is B-PER, a known type alone is in a name) is
taken for it; what means nothing is O. Either is said, with the line.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from .metrics import ENTITY_TAG, detect_scheme, to_iob2

# b-loc, B_LOC, B:LOC, B/LOC, and the dashes that text programs put in place of a hyphen
LOOSE = re.compile(r"([BIESLUMbieslum])[-_:.|/\u2010-\u2015\u2212]+(\w.*)", re.DOTALL)
REVERSED = re.compile(r"(\w.*?)\s*[-_]([BIESLUM])", re.DOTALL)  # LOC-B
OTHER_PREFIX = re.compile(r"\w+[-_:.|/\u2010-\u2015\u2212]+(\w.*)", re.DOTALL)  # Q-LOC, BI-LOC
NO_TYPE = re.compile(r"[BIESLUMbieslum][-_:.|/\u2010-\u2015\u2212]*")
OUTSIDE = ("O", "o", "0", "_")


def find_type(name: str, types: set[str]) -> str:
    """The type of this name, or the only one that differs from it in upper and lower case; "" if there is none."""
    same = [entity_type for entity_type in types if entity_type.lower() == name.lower()]
    return name if name in types else same[0] if len(same) == 1 else ""


def find_meaning(tag: str, types: set[str]) -> str:
    """The tag that an odd tag surely is, among tags with the entity `types`: B_PER and b-per are B-PER; PER and Q-PER
    are part of a name, I-PER. "" for one that could be anything, such as "I-"."""
    if tag in OUTSIDE:
        return "O"
    if match := LOOSE.fullmatch(tag):
        return f"{match[1].upper()}-{find_type(match[2], types) or match[2]}"
    if match := REVERSED.fullmatch(tag):
        return f"{match[2]}-{find_type(match[1], types) or match[1]}"
    other = OTHER_PREFIX.fullmatch(tag)
    entity_type = find_type(tag, types) or (find_type(other[1], types) if other else "")
    return f"I-{entity_type}" if entity_type else ""


def understand_tags(counts: Counter[str]) -> dict[str, str] | None:
    """What each odd one of these tags means ("" for nothing that is known) if they are tags of entities, else None.

    They are that if each is O or begins with B-, I- and so on, or surely means such a tag, or lacks its type (I-).
    Where there are right ones, a few may mean nothing: one; up to three different ones, a fifth as frequent as the
    words in names; or more different ones, a twentieth as frequent.
    """
    types = {match[1] for tag in counts if (match := ENTITY_TAG.fullmatch(tag))}
    odd = {tag: find_meaning(tag, types) for tag in counts if tag != "O" and not ENTITY_TAG.fullmatch(tag)}
    if types:
        in_names = sum(count for tag, count in counts.items() if ENTITY_TAG.fullmatch(odd.get(tag, tag)))
        unknown = [counts[tag] for tag, meaning in odd.items() if not meaning and not NO_TYPE.fullmatch(tag)]
        most = max("O" in counts, in_names // (5 if len(unknown) <= 3 else 20))
        return odd if len(counts) > 1 and sum(unknown) <= most else None
    meanings = {odd.get(tag, tag) for tag in counts}  # another way to write them in the whole file, such as B_PER
    begins = any(meaning[:2] in ("B-", "I-") for meaning in meanings)
    return odd if begins and "O" in meanings and all(meanings) else None


def find_misspelt_types(counts: Counter[str]) -> dict[str, str]:
    """The kinds of names that may be misspelt, with the kind that may be meant: one that differs in capitals and signs
    alone and is less frequent, or one that is rare (a fiftieth as frequent) and written much like it."""
    types = Counter()
    for tag, count in counts.items():
        if match := ENTITY_TAG.fullmatch(tag):
            types[match[1]] += count
    plain = {entity_type: re.sub(r"[\W_]", "", entity_type).lower() for entity_type in types}
    frequent = [entity_type for entity_type, _ in types.most_common(30)]
    found, first = {}, {}  # first: the most frequent type that differs in capitals and signs alone
    for rare, count in types.most_common():
        similar = (other for other in frequent if 50 * count <= types[other] and len(types) < 200)
        if plain[rare] and first.setdefault(plain[rare], rare) != rare:
            found[rare] = first[plain[rare]]
        elif other := next((other for other in similar if SequenceMatcher(None, rare, other).ratio() > 0.6), ""):
            found[rare] = other
    return found


def describe_position(
    tag: str, sentences: Sequence[Sequence[str]], lines: Sequence[Sequence[int | str]], unit: str
) -> str:
    """Where a tag is: "line 3", or "line 3 and 4 more"; `unit` is the word for a line that is only a number."""
    found = [line for tags, numbers in zip(sentences, lines, strict=True)
             for other, line in zip(tags, numbers, strict=True) if other == tag]  # fmt: skip
    first = found[0] if isinstance(found[0], str) else f"{unit} {found[0]}"
    return first + (f" and {len(found) - 1} more" if len(found) > 1 else "")


def convert_tags(
    sentences: Sequence[list[str]],
    lines: Sequence[Sequence[int | str]],
    origin: str,
    say: Callable[[str], None],
    unit: str = "line",
) -> tuple[list[list[str]], str]:
    """(tags of the sentences in IOB2, what they were: "IOB1 turned into IOB2"). Tags that are not those of entities
    stay as they are. `say` names each odd tag, with its line and with what it is read as."""
    counts = Counter(tag for tags in sentences for tag in tags)
    meanings = understand_tags(counts)
    if meanings is None:
        strange = [tag for tag in counts if tag != "O" and not ENTITY_TAG.fullmatch(tag)]
        if "O" in counts and len(strange) < len(counts) - 1:  # names, and too many tags that are none
            listed = ", ".join(f"{tag!r} ({describe_position(tag, sentences, lines, unit)})" for tag in strange[:10])
            say(f"{origin}: all tags are taken as plain ones, not as names, because of {listed}")
        return [list(tags) for tags in sentences], f"plain tags, {len(counts)} different"
    for tag, meaning in list(meanings.items())[:10]:
        at = describe_position(tag, sentences, lines, unit)
        say(f"{origin}: the tag {tag!r} ({at}) " + (f"is read as {meaning}" if meaning else "means nothing; read as O"))
    if len(meanings) > 10:
        say(f"{origin}: ... and {len(meanings) - 10} more such tags")
    regular = [[meanings.get(tag, tag) or "O" for tag in tags] for tags in sentences]
    for rare, likely in find_misspelt_types(Counter(tag for tags in regular for tag in tags)).items():
        tag = next(tag for tags in regular for tag in tags if tag[2:] == rare)
        at = describe_position(tag, regular, lines, unit)
        say(f"{origin}: the kind of name {rare!r} ({tag} in {at}) is kept apart; is it {likely!r}?")
    return [to_iob2(tags) for tags in regular], describe_scheme(regular)


def describe_scheme(sentences: Sequence[Sequence[str]]) -> str:
    """The scheme of tags of entities, and that they became IOB2 if they were in another one."""
    scheme = detect_scheme(sentences)
    prefixes = {tag[0] for tags in sentences for tag in tags}
    if scheme == "BIOES":
        scheme = "BMES" if "M" in prefixes else "BILOU" if prefixes & set("LU") else "BIOES"
    if scheme == "mixed":
        scheme = "IOB1 and IOB2 mixed,"
    return "IOB2" if scheme in ("IOB2", "plain") else f"{scheme} turned into IOB2"
