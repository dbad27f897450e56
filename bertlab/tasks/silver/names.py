"""Silver names: sentences of the Wikipedia summaries in which rules found the names (PER, LOC, ORG, MISC).

The tables come first, then what the articles say about names, then the tagging of a sentence.
"""

import re
from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from ... import sources
from ...corpus import hash_to_fraction
from .. import annotations
from ..base import Split, split_examples
from ..metrics import find_entities
from ..tagging import TaggedSentence

# ---- Tables ----------------------------------------------------------------------------------------------------------

# Nouns that say of which type a thing is: in "is a city in ...", as the last word of a name ("Yellow River") or before
# its "of" ("Battle of Hastings"). Type "O": such things are written with a capital, but are not names by the guideline
# in data/README.md.
NOUNS_BY_TYPE = {
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

TYPE_OF_NOUN = {noun: entity_type for entity_type, nouns in NOUNS_BY_TYPE.items() for noun in nouns.split()}

# First words that say of which type a name is: "Lake Victoria".
TYPE_OF_FIRST_WORD = {"lake": "LOC", "mount": "LOC", "cape": "LOC", "gulf": "LOC", "university": "ORG", "bank": "ORG",
                      "ministry": "ORG", "house": "ORG", "act": "MISC", "peace": "MISC"}  # fmt: skip


def make_word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Offices and titles, which stand before the name of a person and are not part of it.
OFFICES = make_word_set(
    "king queen emperor empress president pope sir lord lady prince princess duke earl count general admiral captain "
    "sultan tsar caliph saint st bishop archbishop cardinal chancellor minister prime secretary governor senator judge "
    "chief pharaoh dr mr mrs professor marshal colonel chairman elector grand crown lieutenant major"
)

# Words with a capital that are not names.
NEVER_NAMES = make_word_set(
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday i ii iii iv v vi vii viii ix x xi xii bc ad bce ce am pm dna rna uv the"
)

# Words that belong to the name behind them: "Eastern Europe".
QUALIFIERS = make_word_set(
    "north south east west northern southern eastern western central northeastern northwestern southeastern "
    "southwestern upper lower inner outer ancient classical medieval modern early late imperial colonial greater old "
    "new"
)

# Nouns in lower case behind the name of a people or a dynasty: "Qing dynasty".
GROUP_NOUNS = make_word_set("language languages people peoples dynasty civilization religion mythology literature")

# Names that every text takes as known, and second names of things; _ stands for a space.
COMMON_NAMES = {
    "LOC": "U.S. US UK USSR America Britain Burma Persia Sun Moon Near_East Middle_East Old_World New_World Rus Oxford "
    "Cambridge Hollywood Washington Chicago Solar_System Mediterranean Atlantic Pacific Caribbean",
    "ORG": "UN EU NATO WHO NASA BBC",
    "MISC": "World_War_I World_War_II Middle_Ages Big_Bang Cold_War Bible Torah Quran Olympic_Games",
    "PER": "God Buddha Jesus Christ Muhammad Zeus Allah Shakespeare Einstein Newton Aristotle Plato",
    "O": "SI GDP Internet X-ray Latinized No Northern_Hemisphere Southern_Hemisphere",
}

# Words in lower case inside a name: "Leonardo da Vinci".
LINK_WORDS = ("of", "the", "de", "van", "von", "der", "da", "di", "du", "la", "le", "ibn", "bin", "al")

DEMONYM = re.compile(r"\w+(?:ian|ean|ese|ish|ism|ist|ic|ite)s?")  # Christian, Chinese, Turkish, Buddhism, Islamic

# ---- What the articles say about names -------------------------------------------------------------------------------


class KnownNames(NamedTuple):
    """What the articles say about names."""

    types: dict[tuple[str, ...], str]  # of each name, which is a tuple of words ("O": with a capital, but not a name)
    first_names: frozenset[str]  # of persons
    lowercase: Counter  # how often each word occurs in lower case
    capitalized: Counter  # and with a capital inside a sentence


def split_title(title: str) -> list[str]:
    """The words of a title, without an addition in brackets at its end."""
    return annotations.split_words_for_tagging(title.split(" (")[0])


def list_open_articles() -> list[dict]:
    """The Wikipedia summaries without those of our own tests."""
    held_out = annotations.list_held_out_titles()
    return [article for article in sources.wiki() if article["title"] not in held_out]


def count_capitals(articles: Sequence[dict]) -> tuple[Counter, Counter]:
    """(lowercase, capitalized) of `KnownNames`."""
    lowercase, capitalized = Counter(), Counter()
    for article in articles:
        for sentence in sources.split_sentences(article["summary"]):
            words = annotations.split_words_for_tagging(sentence)
            lowercase.update(word for word in words if word.islower())
            capitalized.update(word for word in words[1:] if word[0].isupper())
    return lowercase, capitalized


def infer_title_type(topic: str, predicate: Sequence[str]) -> str:
    """The type that a noun in the words after "is" tells, else the one that the topic tells, else ""."""
    if topic == "People":
        return "PER"
    clause = takewhile(lambda word: word not in ("that", "which", "who", ".", "where"), predicate)
    by_topic = {"Geography": "LOC", "Biology and health sciences": "O"}.get(topic, "")
    return next((TYPE_OF_NOUN[word] for word in clause if word in TYPE_OF_NOUN), by_topic)


def is_name(title: Sequence[str], summary: str, lowercase: Counter, capitalized: Counter) -> bool:
    """Whether a title is a name: all its words have a capital, in the middle of a sentence too."""
    if not all(word[0].isupper() or word in LINK_WORDS or not word[0].isalpha() for word in title):
        return False
    if len(title) == 1:
        return capitalized[title[0]] > 10 * lowercase[title[0].lower()]
    name = " ".join(title)
    return name[0].lower() + name[1:] not in summary


def find_aliases(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The other names in a first sentence: "officially the Republic of Indonesia"."""
    for i, word in enumerate(words):
        if word in ("officially", "formally", "simply"):
            start = i + 1 + (words[i + 1 : i + 2] == ["the"])
            end = find_capitals_end(words, start)
            if end < len(words) and words[end] == "of":
                end = find_linked_end(words, end)
            if end > start:
                yield tuple(words[start:end])


def find_nationality(predicate: Sequence[str]) -> str:
    """The nationality in the words after "is" about a person: "an English writer"; "" if there is none."""
    determiner, word, after = (*predicate[:3], "", "", "")[:3]
    is_nationality = determiner in ("a", "an", "the") and word[:1].isupper() and after not in ("", "of")
    return word if is_nationality and word.lower() not in QUALIFIERS | OFFICES else ""


def is_demonym(word: str, places: set[str]) -> bool:
    """Whether a word looks like that of a people or a religion: by its ending, or by the place in it (Tibetan)."""
    contains_place = word.endswith("an") and {word[:-1], word[:-2], word[:-2] + "o"} & places  # Asian, Tibetan, Mexican
    return bool(contains_place or DEMONYM.fullmatch(word))


def collect_known_names(articles: Sequence[dict]) -> KnownNames:
    """What these articles say about names, by their titles, topics and first sentences."""
    lowercase, capitalized = count_capitals(articles)
    types = {tuple(name.split("_")): entity_type
             for entity_type, names in COMMON_NAMES.items() for name in names.split()}  # fmt: skip
    first_names, peoples = set(), Counter()
    for article in articles:
        title, topic = split_title(article["title"]), article["topic"]
        words = annotations.split_words_for_tagging((sources.split_sentences(article["summary"]) or [""])[0])
        verb = next((i for i, word in enumerate(words) if word in ("is", "was", "are", "were")), len(words))
        predicate = words[verb + 1 :]
        if topic == "People" and (nationality := find_nationality(predicate)):
            peoples[nationality] += 1
        if len(title) == 2 and title[1] in GROUP_NOUNS:
            peoples[title[0]] += 2
        entity_type = infer_title_type(topic, predicate[:13])
        if not entity_type or not is_name(title, article["summary"], lowercase, capitalized):
            continue
        types[tuple(title)] = entity_type
        if topic == "People" and len(title) > 1:
            first_names.add(title[0])
        if entity_type in ("LOC", "ORG"):
            types |= {alias: entity_type for alias in find_aliases(words) if alias not in types}
        if title[-1] in ("Sea", "Ocean", "River", "Mountains") and not lowercase[title[0].lower()]:
            types.setdefault(tuple(title[:-1]), "LOC")
    first_names = frozenset(name for name in first_names if not lowercase[name.lower()] and peoples[name] < 2)
    places = {name[0] for name, entity_type in types.items() if entity_type == "LOC" and len(name) == 1}
    for word in capitalized | peoples:
        is_frequent = capitalized[word] >= 3 and lowercase[word.lower()] < capitalized[word] / 20
        if (peoples[word] > 1 or (is_frequent and is_demonym(word, places))) and word not in first_names:
            types.setdefault((word,), "MISC")
            types.setdefault((word + "s",), "MISC")
    return KnownNames(types, first_names, lowercase, capitalized)


def find_own_names(article: dict, known: KnownNames) -> dict[tuple[str, ...], str]:
    """Names that hold only in their own article: each part of a person's name."""
    title = split_title(article["title"])
    if known.types.get(tuple(title)) != "PER":
        return {}
    words = annotations.split_words_for_tagging(article["summary"][:200])
    full_name = tuple(words[: find_capitals_end(words, 0)])
    title = title[: title.index("of")] if "of" in title else title  # without "of France"
    parts = {word for word in (*title, *full_name) if word[0].isupper() and word.lower() not in OFFICES | NEVER_NAMES}
    own_names = {(word,): "PER" for word in parts if not known.lowercase[word.lower()]}
    return own_names | ({full_name: "PER"} if len(full_name) > 1 else {})


# ---- Tagging a sentence ----------------------------------------------------------------------------------------------


def is_initial(words: Sequence[str], stop: int) -> bool:
    """Whether the full stop at position `stop` belongs to an initial: "James L. Brooks"."""
    return words[stop] == "." and len(words[stop - 1]) == 1 and any(word[0].isupper() for word in words[stop + 1 :][:1])


def find_capitals_end(words: Sequence[str], start: int) -> int:
    """The end of the run of words with a capital that begins at `start`."""
    end = start
    while end < len(words) and (words[end][0].isupper() or (end > start and is_initial(words, end))):
        end += 1
    return end


def find_linked_end(words: Sequence[str], end: int) -> int:
    """The end of a name that continues at `end` with link words ("of the") and more capitals; else `end`."""
    after = end
    while after < len(words) and after - end < 2 and words[after] in LINK_WORDS:
        after += 1
    return find_capitals_end(words, after) if after < len(words) and after > end and words[after][0].isupper() else end


def find_name_at(words: list[str], start: int, types: Mapping, known: KnownNames, tags: list[str]) -> tuple[str, int]:
    """(type, end) of the name that begins at word `start`; "O" for none, "?" for a capital that no rule explains.

    `tags` are those of the words before. The rules are tried in order, the surest first.
    """
    word = words[start]
    if not word[0].isupper():
        return ("MISC" if any(part[:1].isupper() for part in word.split("-")) else "O"), start + 1  # trans-Saharan
    end = find_capitals_end(words, start)
    linked = find_linked_end(words, end)  # Leonardo da Vinci
    goes_on = words[end : end + 1] == ["of"]  # University of Oxford
    known_end = next((j for j in range(min(len(words), start + 8), start, -1) if tuple(words[start:j]) in types), start)
    lower, last, before = word.lower(), words[end - 1].lower(), words[start - 1] if start else ""
    if known_end >= end:  # a known name, and not a part of a longer one
        return types[tuple(words[start:known_end])], known_end
    if start == 0 and known.lowercase[lower] > known.capitalized[word]:
        return "O", 1  # a capital only because it opens the sentence
    if before.lower() in OFFICES and before[0].isupper() and lower not in OFFICES and last not in TYPE_OF_NOUN:
        return "PER", end if goes_on else linked  # King Charles
    if lower in OFFICES or (end == start + 1 and (lower in NEVER_NAMES or len(word) == 1)):
        return "O", start + 1
    if (end > start + 1 or goes_on) and TYPE_OF_NOUN.get(last) in ("LOC", "ORG", "MISC"):
        return TYPE_OF_NOUN[last], linked if goes_on else end  # Malay Peninsula, Kingdom of Greater Armenia
    if lower in TYPE_OF_FIRST_WORD and linked > start + 1:
        return TYPE_OF_FIRST_WORD[lower], linked  # Lake Victoria
    if word in known.first_names and linked > start + 1:
        return "PER", end if goes_on else linked
    if known_end > start:  # Spanish, before Catholic
        return types[tuple(words[start:known_end])], known_end
    if lower in QUALIFIERS and end > start + 1:
        entity_type, name_end = find_name_at(words, start + 1, types, known, tags)
        if entity_type in ("LOC", "MISC"):
            return entity_type, name_end  # Eastern Europe, South American
    if "-" in word and any((part,) in types for part in word.split("-")):
        return "MISC", start + 1  # Swiss-born
    is_bracketed = before == "(" and words[start + 1 : start + 2] == [")"]
    if is_bracketed and start > 1 and tags[start - 2] != "O" and word.isupper():
        return tags[start - 2][2:], start + 1  # an abbreviation of the name before it
    return "?", start + 1


def tag_names(
    words: Sequence[str], known: KnownNames, own_names: Mapping[tuple[str, ...], str] | None = None
) -> tuple[list[str], bool]:
    """(tags, explained): the tags that the rules give W words (IOB2), and whether a rule explains each capital.

    `own_names` are names that hold only in this text, with their types.
    """
    types = ChainMap(own_names or {}, known.types)
    tags, explained, start = ["O"] * len(words), True, 0
    while start < len(words):
        entity_type, end = find_name_at(words, start, types, known, tags)
        if entity_type == "?":
            explained = False
        elif entity_type != "O":
            tags[start:end] = [f"B-{entity_type}"] + [f"I-{entity_type}"] * (end - start - 1)
        start = end
    return tags, explained


def make_silver_names() -> Split:
    """Sentences of the Wikipedia summaries with names that rules found (PER, LOC, ORG, MISC, in IOB2).

    This is distant supervision (Mintz et al. 2009): the titles say what is a name, topics and first sentences of which
    type. A sentence is kept only if the rules explain each of its capitals; of the sentences without a name, every
    second one is kept. The articles of our own tests are left out, as sentences and as titles. A hash of its title
    decides on which side of the split an article is.
    """
    articles = list_open_articles()
    known = collect_known_names(articles)
    examples = []  # (title, sentence)
    for article in articles:
        own_names = find_own_names(article, known)
        for sentence in sources.split_sentences(article["summary"]):
            words = annotations.split_words_for_tagging(sentence)
            tags, explained = tag_names(words, known, own_names)
            persons = [(start, end) for start, end, entity_type in find_entities(tags) if entity_type == "PER"]
            surnames = [
                words[end - 1] for start, end in persons if end - start > 1
            ]  # the next sentences use them alone
            own_names |= {(name,): "PER" for name in surnames if name.lower() not in NEVER_NAMES}
            if explained and 5 <= len(words) <= 60 and (set(tags) > {"O"} or hash_to_fraction(sentence) < 0.5):
                examples.append((article["title"], TaggedSentence(words, tags)))
    sides = split_examples(examples, lambda example: example[0])
    return Split(*([sentence for _, sentence in side] for side in sides))
