"""tasks.silver.names: TODO."""

import re
from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ... import sources
from ...corpus import hash_to_fraction
from .. import annotations
from ..base import Split, split_examples
from ..metrics import find_entities
from ..tagging import TaggedSentence

# Nouns that tell what a thing is: in "is a city in ...", or as the word that a name ends with or is built on ("Yellow
# River", "Battle of Hastings"). "O": such things have a capital, and are no names by the guideline in data/README.md.
NOUNS = {
    "PER": "god goddess deity prophet hero king queen emperor pharaoh philosopher writer poet composer scientist",
    "LOC": "city cities town village country state states island islands river lake sea ocean mountain mountains "
    "peak continent region province capital desert peninsula gulf bay strait channel empire kingdom republic county "
    "district municipality building castle palace tower bridge cathedral temple mosque planet moon asteroid star "
    "galaxy constellation valley canal airport caliphate sultanate khanate territory archipelago plateau volcano hills "
    "range coast cape park street square stadium wall monument settlement metropolis duchy principality confederation "
    "federation colony falls fortress subcontinent plain pole nation waterway spacecraft",
    "ORG": "company corporation organization organisation party agency university college school institute bank "
    "newspaper magazine journal church league association orchestra manufacturer conglomerate ministry museum "
    "parliament congress senate court council committee commission army navy society academy club team foundation band "
    "brotherhood library theatre group",
    "MISC": "war wars battle revolution rebellion revolt uprising crusade crusades treaty novel film play opera "
    "painting album song language languages people peoples tribe religion religions era period age festival prize "
    "award awards medal games olympics holocaust genocide massacre dynasty symphony poem epic series convention laws "
    "constitution declaration movement reformation renaissance enlightenment bible testament alphabet calendar cup "
    "championship conference crisis famine pact agreement conquest campaign expedition invasion siege branch "
    "denomination text",
    "O": "genus species family order class phylum plant plants tree trees shrub fish bird breed element unit disease "
    "disorder drug vitamin gas",
}

KINDS = {noun: kind for kind, nouns in NOUNS.items() for noun in nouns.split()}

OPENS = {"lake": "LOC", "mount": "LOC", "cape": "LOC", "gulf": "LOC", "university": "ORG", "bank": "ORG",
         "ministry": "ORG", "house": "ORG", "act": "MISC", "peace": "MISC"}  # fmt: skip


def split_words_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


OFFICES = split_words_set(
    "king queen emperor empress president pope sir lord lady prince princess duke earl count general admiral captain "
    "sultan tsar caliph saint st bishop archbishop cardinal chancellor minister prime secretary governor senator judge "
    "chief pharaoh dr mr mrs professor marshal colonel chairman elector grand crown lieutenant major"
)

NO_NAMES = split_words_set(
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday i ii iii iv v vi vii viii ix x xi xii bc ad bce ce am pm dna rna uv the"
)

PARTS = split_words_set(  # they belong to the name behind them: Eastern Europe
    "north south east west northern southern eastern western central northeastern northwestern southeastern "
    "southwestern upper lower inner outer ancient classical medieval modern early late imperial colonial greater old "
    "new"
)

GROUPS = split_words_set(
    "language languages people peoples dynasty civilization religion mythology literature"
)  # Qing dynasty

COMMON = {
    "LOC": "U.S. US UK USSR America Britain Burma Persia Sun Moon Near_East Middle_East Old_World New_World Rus Oxford "
    "Cambridge Hollywood Washington Chicago Solar_System Mediterranean Atlantic Pacific Caribbean",
    "ORG": "UN EU NATO WHO NASA BBC",
    "MISC": "World_War_I World_War_II Middle_Ages Big_Bang Cold_War Bible Torah Quran Olympic_Games",
    "PER": "God Buddha Jesus Christ Muhammad Zeus Allah Shakespeare Einstein Newton Aristotle Plato",
    "O": "SI GDP Internet X-ray Latinized No Northern_Hemisphere Southern_Hemisphere",
}  # second names, and what every text takes as known

LINKS = ("of", "the", "de", "van", "von", "der", "da", "di", "du", "la", "le", "ibn", "bin", "al")

PEOPLE = re.compile(r"\w+(?:ian|ean|ese|ish|ism|ist|ic|ite)s?")  # Christian, Chinese, Turkish, Buddhism, Islamic


class KnownNames(NamedTuple):
    """What the articles tell of names: the type of each (as a tuple of words; "O": a capital, and no name), the first
    names of persons, and how often each word is written small, or with a capital inside a sentence."""

    types: dict[tuple[str, ...], str]
    first_names: frozenset[str]
    small: Counter
    capital: Counter


def make_silver_names() -> Split:
    """Sentences of the Wikipedia summaries with names that rules found (PER, LOC, ORG, MISC, in IOB2).

    Distant supervision (Mintz et al. 2009): the titles say what is a name, topics and first sentences of which type. A
    sentence is kept only if the rules can explain each of its capitals; of those without any name, every second one.
    The articles of our own tests are left out, as sentences and as titles. The side of an article is a hash of its
    title.
    """
    articles = list_open_articles()
    known = collect_known_names(articles)
    rows = []
    for article in articles:
        own = find_own_names(article, known)
        for sentence in sources.split_sentences(article["summary"]):
            words = annotations.split_words_and_tags(sentence, [])[0]
            tags, explained = tag_names(words, known, own)
            own |= {(words[end - 1],): "PER" for start, end, kind in find_entities(tags) if kind == "PER" and end - start > 1
                    and words[end - 1].lower() not in NO_NAMES}  # fmt: skip  # later, the surname will do
            if explained and 5 <= len(words) <= 60 and (set(tags) > {"O"} or hash_to_fraction(sentence) < 0.5):
                rows.append((article["title"], TaggedSentence(words, tags)))
    return Split(*([row for _, row in side] for side in split_examples(rows, lambda row: row[0])))


def list_open_articles() -> list[dict]:
    """The Wikipedia summaries without those of our own tests."""
    closed = annotations.list_held_out_titles()
    return [article for article in sources.wiki() if article["title"] not in closed]


def collect_known_names(articles: Sequence[dict]) -> KnownNames:
    """What these articles tell of names."""
    small, capital, told = Counter(), Counter(), []
    for article in articles:
        for number, sentence in enumerate(sources.split_sentences(article["summary"])):
            words = annotations.split_words_and_tags(sentence, [])[0]
            small.update(word for word in words if word.islower())
            capital.update(word for word in words[1:] if word[0].isupper())
            if not number:
                told.append((article, split_title(article["title"]), words))
    types = {tuple(name.split("_")): kind for kind, several in COMMON.items() for name in several.split()}
    first_names, peoples = Counter(), Counter()
    for article, title, words in told:
        at = next((i for i, word in enumerate(words) if word in ("is", "was", "are", "were")), len(words))
        if article["topic"] == "People" and words[at + 1 : at + 2] in (["a"], ["an"], ["the"]) and at + 3 < len(words):
            word = words[at + 2]
            peoples[word] += word[0].isupper() and word.lower() not in PARTS | OFFICES and words[at + 3] != "of"
        kind = infer_title_type(article["topic"], words[at + 1 : at + 14])
        if kind and is_name(title, article["summary"], small, capital):
            types[tuple(title)] = kind
            if kind == "PER" and len(title) > 1 and article["topic"] == "People":
                first_names[title[0]] += title[0].lower() not in OFFICES
            if kind in ("LOC", "ORG"):
                types |= {alias: kind for alias in find_aliases(words) if alias not in types}
            if title[-1] in ("Sea", "Ocean", "River", "Mountains") and not small[title[0].lower()]:
                types.setdefault(tuple(title[:-1]), "LOC")
        if len(title) == 2 and title[1] in GROUPS:
            peoples[title[0]] += 2
    first_names = frozenset(name for name in first_names if not small[name.lower()] and peoples[name] < 2)
    places = {name[0] for name, kind in types.items() if kind == "LOC" and len(name) == 1}
    for word in capital | peoples:
        of_place = word.endswith("an") and {word[:-1], word[:-2], word[:-2] + "o"} & places  # Asian, Tibetan, Mexican
        often = capital[word] >= 3 and small[word.lower()] < capital[word] / 20
        looks = often and (of_place or PEOPLE.fullmatch(word))
        if (peoples[word] > 1 or looks) and word not in first_names:
            types.setdefault((word,), "MISC")
            types.setdefault((word + "s",), "MISC")
    return KnownNames(types, first_names, small, capital)


def split_title(title: str) -> list[str]:
    """The words of a title without what stands in brackets behind it."""
    return annotations.split_words_and_tags(title.split(" (")[0], [])[0]


def infer_title_type(topic: str, words: Sequence[str]) -> str:
    """The type that the words after "is" tell, else the one that the topic tells; "" when neither does."""
    if topic == "People":
        return "PER"
    for word in words:
        if word in ("that", "which", "who", ".", "where"):
            break
        if word in KINDS:
            return KINDS[word]
    return {"Geography": "LOC", "Biology and health sciences": "O"}.get(topic, "")


def is_name(title: Sequence[str], summary: str, small: Counter, capital: Counter) -> bool:
    """Whether a title is a name: all its words have a capital, in the middle of a sentence too."""
    if not all(word[0].isupper() or word in LINKS or not word[0].isalpha() for word in title):
        return False
    if len(title) == 1:
        return capital[title[0]] > 10 * small[title[0].lower()]
    written = " ".join(title)
    return written[0].lower() + written[1:] not in summary


def find_aliases(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The other names that a first sentence gives: "officially the Republic of Indonesia"."""
    for i, word in enumerate(words):
        if word in ("officially", "formally", "simply"):
            start = i + 1 + (words[i + 1 : i + 2] == ["the"])
            end = find_capitals_end(words, start)
            if end < len(words) and words[end] == "of":
                end = find_linked_end(words, end)
            if end > start:
                yield tuple(words[start:end])


def find_own_names(article: dict, known: KnownNames) -> dict[tuple[str, ...], str]:
    """Names that hold in their own article alone: each part of a person's name."""
    title = split_title(article["title"])
    if known.types.get(tuple(title)) != "PER":
        return {}
    words = annotations.split_words_and_tags(article["summary"][:200], [])[0]
    full = tuple(words[: find_capitals_end(words, 0)])
    title = title[: title.index("of")] if "of" in title else title  # of France
    parts = {word for word in (*title, *full) if word[0].isupper() and word.lower() not in OFFICES | NO_NAMES}
    own = {(word,): "PER" for word in parts if not known.small[word.lower()]}
    return own | ({full: "PER"} if len(full) > 1 else {})


def find_capitals_end(words: Sequence[str], start: int) -> int:
    """Where the words with a capital end that begin at `start`."""
    end = start
    while end < len(words) and (words[end][0].isupper() or (end > start and is_initial(words, end))):
        end += 1
    return end


def is_initial(words: Sequence[str], stop: int) -> bool:
    """Whether the stop at this place is that of an initial: James L. Brooks."""
    return words[stop] == "." and len(words[stop - 1]) == 1 and any(word[0].isupper() for word in words[stop + 1 :][:1])


def find_linked_end(words: Sequence[str], end: int) -> int:
    """The end of a name that ends at `end`, or goes on with "of the" and more capitals."""
    after = end
    while after < len(words) and after - end < 2 and words[after] in LINKS:
        after += 1
    return find_capitals_end(words, after) if after < len(words) and after > end and words[after][0].isupper() else end


def tag_names(
    words: Sequence[str], known: KnownNames, own: Mapping[tuple[str, ...], str] | None = None
) -> tuple[list[str], bool]:
    """The tags that the rules give W words, and whether they could explain each capital. `own` are names that hold in
    this text alone."""
    types = ChainMap(own or {}, known.types)
    tags, explained, i = ["O"] * len(words), True, 0
    while i < len(words):
        kind, end = find_name_at(words, i, types, known, tags)
        if kind == "?":
            explained, kind = False, "O"
        if kind != "O":
            tags[i:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - i - 1)
        i = end
    return tags, explained


def find_name_at(
    words: Sequence[str], i: int, types: Mapping, known: KnownNames, tags: Sequence[str]
) -> tuple[str, int]:
    """(type, end) of the name that begins at word `i`; "O" for none, "?" for a capital that no rule explains."""
    word = words[i]
    if not word[0].isupper():
        inner = [part for part in word.split("-") if part[:1].isupper()]
        return ("MISC" if inner and "-" in word else "O"), i + 1  # trans-Saharan
    end = find_capitals_end(words, i)
    linked, goes_on = (
        find_linked_end(words, end),
        words[end : end + 1] == ["of"],
    )  # Leonardo da Vinci, University of Oxford
    found = next((j for j in range(min(len(words), i + 8), i, -1) if tuple(words[i:j]) in types), i)
    small, last, before = word.lower(), words[end - 1].lower(), words[i - 1] if i else ""
    if found >= end:  # a known name, not a part of a longer one
        return types[tuple(words[i:found])], found
    if i == 0 and known.small[small] > known.capital[word]:
        return "O", 1  # a capital only because it opens the sentence
    if before.lower() in OFFICES and before[0].isupper() and small not in OFFICES and last not in KINDS:
        return "PER", end if goes_on else linked  # King Charles
    if small in OFFICES or (end == i + 1 and (small in NO_NAMES or len(word) == 1)):
        return "O", i + 1
    if (end > i + 1 or goes_on) and KINDS.get(last) in ("LOC", "ORG", "MISC"):
        return KINDS[last], linked if goes_on else end  # Malay Peninsula, Kingdom of Greater Armenia
    if small in OPENS and linked > i + 1:
        return OPENS[small], linked  # Lake Victoria
    if word in known.first_names and linked > i + 1:
        return "PER", end if goes_on else linked
    if found > i:  # Spanish, before Catholic
        return types[tuple(words[i:found])], found
    if small in PARTS and end > i + 1:
        kind, stop = find_name_at(words, i + 1, types, known, tags)
        if kind in ("LOC", "MISC"):
            return kind, stop  # Eastern Europe, South American
    if "-" in word and any((part,) in types for part in word.split("-")):
        return "MISC", i + 1  # Swiss-born
    if before == "(" and i > 1 and tags[i - 2] != "O" and word.isupper() and words[i + 1 : i + 2] == [")"]:
        return tags[i - 2][2:], i + 1  # an abbreviation of the name before it
    return "?", i + 1
