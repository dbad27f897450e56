"""Silver data: examples that rules made from the Wikipedia summaries, for want of human ones. No rule is always right.

Nothing here touches the articles of our own two tests (`annotations.held_out_titles`), so these can judge what was
learned from it.
"""

import random
import re
from collections import ChainMap, Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from . import annotations, sources
from .corpus import place
from .metrics import entities
from .readers import Question, Sentence, Split, parted

# ---- Names -----------------------------------------------------------------------------------------------------------

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


def listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


OFFICES = listed(
    "king queen emperor empress president pope sir lord lady prince princess duke earl count general admiral captain "
    "sultan tsar caliph saint st bishop archbishop cardinal chancellor minister prime secretary governor senator judge "
    "chief pharaoh dr mr mrs professor marshal colonel chairman elector grand crown lieutenant major"
)
NO_NAMES = listed(
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday i ii iii iv v vi vii viii ix x xi xii bc ad bce ce am pm dna rna uv the"
)
PARTS = listed(  # they belong to the name behind them: Eastern Europe
    "north south east west northern southern eastern western central northeastern northwestern southeastern "
    "southwestern upper lower inner outer ancient classical medieval modern early late imperial colonial greater old "
    "new"
)
GROUPS = listed("language languages people peoples dynasty civilization religion mythology literature")  # Qing dynasty
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


class Known(NamedTuple):
    """What the articles tell of names: the type of each (as a tuple of words; "O": a capital, and no name), the first
    names of persons, and how often each word is written small, or with a capital inside a sentence."""

    types: dict[tuple[str, ...], str]
    first_names: frozenset[str]
    small: Counter
    capital: Counter


def names() -> Split:
    """Sentences of the Wikipedia summaries with names that rules found (PER, LOC, ORG, MISC, in IOB2).

    Distant supervision (Mintz et al. 2009): the titles say what is a name, topics and first sentences of which type. A
    sentence is kept only if the rules can explain each of its capitals; of those without any name, every second one.
    The articles of our own tests are left out, as sentences and as titles. The side of an article is a hash of its
    title.
    """
    articles = open_articles()
    known = known_names(articles)
    rows = []
    for article in articles:
        own = own_names(article, known)
        for sentence in sources.split_sentences(article["summary"]):
            words = annotations.words_and_tags(sentence, [])[0]
            tags, explained = name_tags(words, known, own)
            own |= {(words[end - 1],): "PER" for start, end, kind in entities(tags) if kind == "PER" and end - start > 1
                    and words[end - 1].lower() not in NO_NAMES}  # fmt: skip  # later, the surname will do
            if explained and 5 <= len(words) <= 60 and (set(tags) > {"O"} or place(sentence) < 0.5):
                rows.append((article["title"], Sentence(words, tags)))
    return Split(*([row for _, row in side] for side in parted(rows, lambda row: row[0])))


def open_articles() -> list[dict]:
    """The Wikipedia summaries without those of our own tests."""
    closed = annotations.held_out_titles()
    return [article for article in sources.wiki() if article["title"] not in closed]


def known_names(articles: Sequence[dict]) -> Known:
    """What these articles tell of names."""
    small, capital, told = Counter(), Counter(), []
    for article in articles:
        for number, sentence in enumerate(sources.split_sentences(article["summary"])):
            words = annotations.words_and_tags(sentence, [])[0]
            small.update(word for word in words if word.islower())
            capital.update(word for word in words[1:] if word[0].isupper())
            if not number:
                told.append((article, bare(article["title"]), words))
    types = {tuple(name.split("_")): kind for kind, several in COMMON.items() for name in several.split()}
    first_names, peoples = Counter(), Counter()
    for article, title, words in told:
        at = next((i for i, word in enumerate(words) if word in ("is", "was", "are", "were")), len(words))
        if article["topic"] == "People" and words[at + 1 : at + 2] in (["a"], ["an"], ["the"]) and at + 3 < len(words):
            word = words[at + 2]
            peoples[word] += word[0].isupper() and word.lower() not in PARTS | OFFICES and words[at + 3] != "of"
        kind = kind_of(article["topic"], words[at + 1 : at + 14])
        if kind and is_name(title, article["summary"], small, capital):
            types[tuple(title)] = kind
            if kind == "PER" and len(title) > 1 and article["topic"] == "People":
                first_names[title[0]] += title[0].lower() not in OFFICES
            if kind in ("LOC", "ORG"):
                types |= {alias: kind for alias in aliases(words) if alias not in types}
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
    return Known(types, first_names, small, capital)


def bare(title: str) -> list[str]:
    """The words of a title without what stands in brackets behind it."""
    return annotations.words_and_tags(title.split(" (")[0], [])[0]


def kind_of(topic: str, words: Sequence[str]) -> str:
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


def aliases(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The other names that a first sentence gives: "officially the Republic of Indonesia"."""
    for i, word in enumerate(words):
        if word in ("officially", "formally", "simply"):
            start = i + 1 + (words[i + 1 : i + 2] == ["the"])
            end = run_end(words, start)
            if end < len(words) and words[end] == "of":
                end = linked_end(words, end)
            if end > start:
                yield tuple(words[start:end])


def own_names(article: dict, known: Known) -> dict[tuple[str, ...], str]:
    """Names that hold in their own article alone: each part of a person's name."""
    title = bare(article["title"])
    if known.types.get(tuple(title)) != "PER":
        return {}
    words = annotations.words_and_tags(article["summary"][:200], [])[0]
    full = tuple(words[: run_end(words, 0)])
    title = title[: title.index("of")] if "of" in title else title  # of France
    parts = {word for word in (*title, *full) if word[0].isupper() and word.lower() not in OFFICES | NO_NAMES}
    own = {(word,): "PER" for word in parts if not known.small[word.lower()]}
    return own | ({full: "PER"} if len(full) > 1 else {})


def run_end(words: Sequence[str], start: int) -> int:
    """Where the words with a capital end that begin at `start`."""
    end = start
    while end < len(words) and (words[end][0].isupper() or (end > start and is_initial(words, end))):
        end += 1
    return end


def is_initial(words: Sequence[str], stop: int) -> bool:
    """Whether the stop at this place is that of an initial: James L. Brooks."""
    return words[stop] == "." and len(words[stop - 1]) == 1 and any(word[0].isupper() for word in words[stop + 1 :][:1])


def linked_end(words: Sequence[str], end: int) -> int:
    """The end of a name that ends at `end`, or goes on with "of the" and more capitals."""
    after = end
    while after < len(words) and after - end < 2 and words[after] in LINKS:
        after += 1
    return run_end(words, after) if after < len(words) and after > end and words[after][0].isupper() else end


def name_tags(
    words: Sequence[str], known: Known, own: Mapping[tuple[str, ...], str] | None = None
) -> tuple[list[str], bool]:
    """The tags that the rules give W words, and whether they could explain each capital. `own` are names that hold in
    this text alone."""
    types = ChainMap(own or {}, known.types)
    tags, explained, i = ["O"] * len(words), True, 0
    while i < len(words):
        kind, end = name_at(words, i, types, known, tags)
        if kind == "?":
            explained, kind = False, "O"
        if kind != "O":
            tags[i:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - i - 1)
        i = end
    return tags, explained


def name_at(words: Sequence[str], i: int, types: Mapping, known: Known, tags: Sequence[str]) -> tuple[str, int]:
    """(type, end) of the name that begins at word `i`; "O" for none, "?" for a capital that no rule explains."""
    word = words[i]
    if not word[0].isupper():
        inner = [part for part in word.split("-") if part[:1].isupper()]
        return ("MISC" if inner and "-" in word else "O"), i + 1  # trans-Saharan
    end = run_end(words, i)
    linked, goes_on = linked_end(words, end), words[end : end + 1] == ["of"]  # Leonardo da Vinci, University of Oxford
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
        kind, stop = name_at(words, i + 1, types, known, tags)
        if kind in ("LOC", "MISC"):
            return kind, stop  # Eastern Europe, South American
    if "-" in word and any((part,) in types for part in word.split("-")):
        return "MISC", i + 1  # Swiss-born
    if before == "(" and i > 1 and tags[i - 2] != "O" and word.isupper() and words[i + 1 : i + 2] == [")"]:
        return tags[i - 2][2:], i + 1  # an abbreviation of the name before it
    return "?", i + 1


# ---- Questions -------------------------------------------------------------------------------------------------------
#
# A rule is a pattern over what a sentence says behind its subject, and a few ways to ask for the group `a` of it. In
# these {x} is the subject, {is}, {was} and {do} agree with it, and other braces are groups of the pattern.

MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
YEAR = r"(?:AD )?\d{3,4}\b(?!,\d| ?(?:km|m|ft|mi|kilo|square|met|mile|people|species|years))(?: (?:BCE?|AD|CE)\b)?"
DATE = rf"(?:(?:\d{{1,2}} )?{MONTH} (?:\d{{1,2}}, )?)?{YEAR}"
BIG = "A-ZÀ-ÖØ-ÞĀĐĒĪŁŌŚŠŞȘŪŽİĆČ"
WORD = rf"[{BIG}](?:\.|[\w.'’&-]*\w)?"
NAME = rf"{WORD}(?: (?:(?:de|van|von|der|den|of|the|la|le|di|da|del|al|ibn|bin) ){{0,2}}{WORD})*"
NAMES = rf"{NAME}(?:(?:, {NAME})*,? and {NAME})?"
NATION = rf"[{BIG}]\w+(?:ish|ian|an|ese|ch|eek|ai|iss|urk|qi|eli|ani|dic|mer)\b"
WORDS = r"[^,.;:()–—]"  # what a phrase is made of
PHRASE = (
    rf"{WORDS}+?(?=[.;:]| and (?:is|are|was|were|has|have)\b| \(|"
    r", (?:and|which|who|where|as|including|especially|particularly|but|while)\b)"
)
LIST = (
    r"[^.;:()]+?(?=[.;:(]|, (?:which|where|with|each|and (?:is|are|has|was)|but|though|while|fought)\b|"
    r" (?:that|which)\b| (?:between|from|in) \d)"
)
AFTER = (  # here a name ends, and does not go on as "the Chinese province"
    r"(?=$|[,.;:)]| \(| (?:and|by|to|in|on|at|as|from|during|with|for|into|between|where|which|that|who|through|until|"
    r"around|near|under|after|before|off|along|about|bordering|south|north|east|west)\b)"
)
NUMBER = r"(?:(?:about|around|approximately|over|nearly|almost|some|more than) )?\d[\d,.]*\d(?: (?:million|billion))?"
OFFICE = (
    rf"(?:the )?(?P<what>{WORDS}{{0,25}}\b(?i:president|minister|king|queen|emperor|empress|pope|sultan|duke|"
    rf"chancellor|governor|pharaoh|caliph|tsar|shah|leader|secretary|chairman|ruler|monarch)\b(?: {WORDS}{{0,40}}?)?)"
)
PRIZE = (
    r"(?:won|received|was awarded|shared) (?:the|a) "
    rf"(?P<what>(?:{NAME} )?(?:Prize|Award|Medal)(?: (?:in|for) {NAME})?)"
)
DONE = r"(?P<did>[a-z]+ed|built|written|made|won|held|sold|born|found|set up|put|begun|known)"
FIRST = r"(?:(?:first|originally|formally|officially|finally|initially|publicly|later|also) )?"
A_THING = rf"(?:is|are|was|were) an? {WORDS}{{0,60}}? "  # "is a board game (developed in 1903)"
MAKER = (
    rf"(?:the )?(?:(?:Early |Ancient |ancient )?{NATION}(?: and {NATION})* )?"
    r"(?:(?:[a-z]+ )?(?:author|writer|novelist|poet|playwright|painter|composer|artist|band|musician|rapper|director|"
    r"philosopher|master|sculptor|architect|engineer|scientist|physicist|chemist|mathematician|company|studio|singer|"
    r"inventor|king|emperor|dramatist|astronomer|filmmaker|king|queen|president|group) )?"
)


class Rule(NamedTuple):
    """One way in which a fact is told, and the ways to ask for it. `topic`: of which articles; "" is any."""

    kind: str
    topic: str
    pattern: str
    ways: tuple[str, ...]


RULES = [
    Rule("occupation", "People",
         rf"^(?:is|was) an? (?:former )?(?:[{BIG}][\w-]+(?:,? and |, |[- ]))*(?P<a>(?!member|king\b|emperor"
         r"|queen\b|series|son\b|daughter)[a-z][a-z-]+(?: [a-z-]+)??(?:(?:, (?!who|which|best|known|born|and)"
         r"[a-z-]+(?: [a-z-]+)??)*,? and (?!one|was|is)[a-z-]+(?: (?!who|one|whose)[a-z-]+)?)?)(?= who\b|, "
         r"(?:who|best|and one|and was|known|whose|widely)\b|\.|,? (?:known|active|best|noted|famous|from|"
         r"regarded|of the)\b)",
         ("What was {x}'s occupation?", "What did {x} do for a living?", "What was {x} by profession?",
          "What was the profession of {x}?", "As what did {x} work?")),
    Rule("nation", "People", rf"^(?:is|was) an? (?:ancient |former )?(?P<a>{NATION}) (?:[{BIG}][\w-]+ )?[a-z]",
         ("What was {x}'s nationality?", "Of which nationality was {x}?",
          "From which country or people did {x} come?")),
    Rule("office", "People",
         rf"\bserved as (?:the )?(?P<a>{WORDS}+?) (?:from|between|since|in|until) (?:{MONTH}|{DATE})",
         ("Which office did {x} hold?", "As what did {x} serve?", "What post did {x} have?")),
    Rule("term", "People",
         rf"\b(?:was|served as|is|reigned as) {OFFICE} (?P<a>from {DATE} (?:to|until) (?:h\w+ death in )?{DATE})",
         ("When was {x} {what}?", "From when to when was {x} {what}?", "In which years was {x} {what}?")),
    Rule("begin", "People", rf"\b(?:was|served as|is|reigned as) {OFFICE} from (?P<a>{DATE})",
         ("When did {x} become {what}?", "Since when was {x} {what}?", "In which year did {x} become {what}?")),
    Rule("end", "People",
         rf"\b(?:was|served as|is|reigned as) {OFFICE} (?:from {DATE} )?(?:to|until) (?:h\w+ death in "
         rf")?(?P<a>{DATE})",
         ("Until when was {x} {what}?", "When did {x} stop being {what}?",
          "In which year did {x}'s time as {what} end?")),
    Rule("prize", "People", PRIZE.replace("what", "a"),
         ("Which prize did {x} receive?", "What award was given to {x}?", "Which prize did {x} win?",
          "With which prize was {x} honoured?")),
    Rule("prize year", "People", rf"{PRIZE} in (?P<a>{DATE})",
         ("When did {x} receive the {what}?", "In which year did {x} win the {what}?",
          "When was {x} awarded the {what}?")),
    Rule("prize reason", "People", rf"{PRIZE}(?: in {DATE})? for (?P<a>(?:his|her|their|the)\b{PHRASE})",
         ("Why did {x} receive the {what}?", "For what was {x} given the {what}?",
          "What did {x} get the {what} for?")),
    Rule("known for", "",
         rf"(?:^|[.,] )(?:(?:is|are|was|were) )?(?:best |widely |primarily |chiefly |perhaps |mostly )*(?:known|"
         rf"famous|remembered|noted|renowned) for (?:being )?(?P<a>{PHRASE})",
         ("What {is} {x} known for?", "What {is} {x} famous for?", "For what {is} {x} remembered?",
          "What made {x} well known?")),
    Rule("work year", "Arts", r"^is an? (?P<a>\d{4}) ",
         ("In which year did {x} come out?", "When was {x} released?", "From which year is {x}?",
          "When did {x} first appear?")),
    Rule("director", "Arts", rf"\bdirected by (?P<a>{NAMES})",
         ("Who directed {x}?", "Who was the director of {x}?", "Who made the film {x}?",
          "Under whose direction was {x} made?")),
    Rule("author", "Arts",
         rf"^(?:is|are|was|were) (?:an?|the) {WORDS}{{0,60}}?(?:written by|painted by|composed by|painting by|"
         rf"novel by|play by|poem by|book by|opera by|album by|song by|ballet by|work by|sculpture by|fresco by|"
         rf"story by|symphony by|tragedy by|comedy by) {MAKER}(?P<a>{NAME}){AFTER}",
         ("Who is the author of {x}?", "Who created {x}?", "By whom is {x}?", "Whose work is {x}?",
          "Which artist made {x}?")),
    Rule("actor", "Arts", rf"\bstars (?P<a>{NAMES})(?= (?:as|in)\b|[,.])",
         ("Who stars in {x}?", "Which actors play in {x}?", "Who acts in {x}?")),
    Rule("based on", "", rf"^(?:is|are|was|were) (?:loosely )?based on (?P<a>{PHRASE})",
         ("What {is} {x} based on?", "On what {is} {x} based?")),
    Rule("country of", "Geography",
         rf"\b(?:U\.S\. |[a-z]+ )?(?:state|province|region|county|republic|federal subject) of (?P<a>{NAME})",
         ("In which state or province does {x} lie?", "To which state or province does {x} belong?",
          "Of which state or province is {x} a part?")),
    Rule("capital of", "Geography",
         rf"\bis the (?:[a-z]+ )*capital(?: city)?(?: and [a-z -]+)? of (?:the )?(?P<a>{NAME})(?! [a-z]+ of\b)",
         ("Of which country or state is {x} the capital?", "What is {x} the capital of?", "Whose capital is {x}?")),
    Rule("place", "Geography",
         rf"^(?:(?:is|are|was|lies|sits)\b{WORDS}{{0,60}}?) (?:in|on|off) (?P<a>(?:the )?(?:[a-z-]*(?:south|"
         rf"north|east|west|central)[\w-]* )?(?:(?:part|coast|corner|portion|side|shore|region|end|bank)s? of "
         rf"(?:the )?)?{NAME}){AFTER}",
         ("Where is {x}?", "Where does {x} lie?", "In which part of the world is {x}?", "Where can {x} be found?",
          "Where is {x} located?")),
    Rule("capital", "Geography",
         rf"\b(?:capital|largest city)\b(?: and [a-z]+ city)?(?: city)?(?: of {NAME})? is (?P<a>{NAME})",
         ("What is the capital of {x}?", "Which city is the capital of {x}?", "Which is the chief city of {x}?")),
    Rule("population", "Geography",
         rf"\bpopulation (?:of|was|is)(?: about| approximately| around| estimated at| over)? (?P<a>{NUMBER})",
         ("How many people live in {x}?", "What is the population of {x}?", "How many inhabitants does {x} have?",
          "How big is the population of {x}?")),
    Rule("area", "Geography",
         rf"\b(?:area of|area is|covers?|covering)(?: an area of| a total area of)?(?: about| approximately| "
         rf"around| over| roughly)? (?P<a>{NUMBER} (?:square (?:kilomet\w+|miles)|km2|sq mi))",
         ("How large is {x}?", "What is the area of {x}?", "What area does {x} cover?",
          "How much ground does {x} cover?")),
    Rule("length", "Geography",
         rf"\b(?:length of|stretches|is|runs|flows|travels)(?: about| approximately| around| over| for)* "
         rf"(?P<a>{NUMBER} (?:kilomet\w+|km|miles))(?: \([^)]*\))?(?: long|[,.]| from)",
         ("How long is {x}?", "What is the length of {x}?", "How far does {x} go?")),
    Rule("height", "Geography",
         rf"\b(?:height of|elevation of|altitude of|rises to|summit at)(?: about| approximately| around| over)* "
         rf"(?P<a>{NUMBER} (?:met\w+|m|feet|ft))\b",
         ("How high is {x}?", "What is the height of {x}?", "At what height above the sea is {x}?")),
    Rule("tributary", "Geography", rf"\btributary (?:river )?of the (?P<a>{NAME})",
         ("Into which river does {x} flow?", "Of which river is {x} a tributary?")),
    Rule("flows into", "Geography", rf"\b(?:flows|empties|drains|discharges) into (?P<a>(?:the )?{NAME})",
         ("Into what does {x} flow?", "Where does {x} end?", "What does {x} drain into?")),
    Rule("border", "Geography", rf"\bbordered (?:by|to the \w+ by) (?P<a>(?:the )?{NAME})",
         ("Which is a neighbour of {x}?", "What borders on {x}?", "Which country or region lies beside {x}?")),
    Rule("family", "Biology and health sciences", rf"\bfamily (?P<a>{WORD}(?:ae|ini)\b)",
         ("To which family {do} {x} belong?", "In which family {is} {x}?", "What family {is} {x} part of?")),
    Rule("order", "Biology and health sciences", rf"\border (?P<a>{WORD})",
         ("To which order {do} {x} belong?", "In which order {is} {x}?", "Which order {is} {x} part of?")),
    Rule("genus", "Biology and health sciences", rf"\bgenus (?P<a>{WORD})",
         ("To which genus {do} {x} belong?", "In which genus {is} {x}?", "Which genus {is} {x} part of?")),
    Rule("native", "Biology and health sciences", rf"\b(?:native|indigenous|endemic) to (?P<a>{LIST})",
         ("Where {is} {x} native?", "Where {do} {x} come from?", "In which parts of the world {do} {x} live?",
          "What is the home of {x}?")),
    Rule("symbol", "Physical sciences", r"\b(?:symbol|sign) (?P<a>[A-Z][a-z]?)\b",
         ("What is the symbol of {x}?", "Which letters stand for {x}?", "How is {x} abbreviated?")),
    Rule("number", "Physical sciences", r"\batomic number (?P<a>\d+)",
         ("What is the atomic number of {x}?", "Which atomic number does {x} have?",
          "How many protons does {x} have?")),
    Rule("formula", "Physical sciences", r"\bformula (?P<a>[A-Z][A-Za-z0-9()]*\d[A-Za-z0-9()]*)",
         ("What is the formula of {x}?", "Which chemical formula does {x} have?")),
    Rule("named after", "",
         rf"^(?:is|are|was|were) (?:\w+ )?named (?:after|for|in honou?r of) (?P<a>(?:the )?(?!her|him|it\b|"
         rf"them){PHRASE})",
         ("After whom or what {is} {x} named?", "Where does the name of {x} come from?", "What gave {x} the name?")),
    Rule("cause", "", rf"^(?:is|are|was|were) (?:\w+ )?caused by (?P<a>{PHRASE})",
         ("What causes {x}?", "What {is} {x} caused by?", "What leads to {x}?", "Why {do} {x} happen?")),
    Rule("use", "", rf"^(?:is|are) (?:(?!not\b)\w+ )?used (?P<a>(?:for|to|as) {PHRASE})",
         ("What {is} {x} used for?", "For what do people use {x}?", "What can {x} be used for?")),
    Rule("made of", "", rf"^(?:is|are) (?:\w+ )?(?:made|composed|formed|made up) (?:of|from) (?P<a>{LIST})",
         ("What {is} {x} made of?", "Of what {do} {x} consist?", "What {is} {x} composed of?")),
    Rule("parts", "", rf"^(?:\w+ )?consists? of (?P<a>{LIST})",
         ("What {do} {x} consist of?", "What are the parts of {x}?", "What makes up {x}?")),
    Rule("contains", "", rf"^(?:includes?|contains?|comprises|encompass(?:es)?) (?P<a>{LIST})",
         ("What {do} {x} include?", "What {do} {x} contain?", "What belongs to {x}?")),
    Rule("derived", "",
         rf"^(?:(?:is|are|was|were|can be|has) )?(?:\w+ )?(?:derived|originated|evolved|descended|developed|"
         rf"obtained|extracted) from (?P<a>{PHRASE})",
         ("What {is} {x} derived from?", "From what did {x} develop?", "What {do} {x} come from?")),
    Rule("defined by", "", rf"^(?:is|are|was|were){WORDS}{{0,60}}? characteri[sz]ed by (?P<a>{LIST})",
         ("What {is} {x} characterized by?", "What is typical of {x}?", "By what can {x} be recognized?")),
    Rule("study", "",
         rf"^is (?:the (?:scientific )?study of|(?:the|a) (?:branch|field) of {WORDS}{{0,40}}? (?:that|which|"
         rf"concerned) (?:studies|concerns|deals with|with)) (?P<a>{PHRASE})",
         ("What does {x} study?", "What is {x} about?", "With what does {x} deal?")),
    Rule("fought", "History", rf"\b(?:fought|conflicts?|war|battle)\b{WORDS}{{0,30}}? between (?P<a>(?!\d){LIST})",
         ("Who fought in {x}?", "Between whom was {x}?", "Who were the two sides in {x}?")),
    Rule("lasted", "History",
         rf"^{WORDS}{{0,60}}?\b(?:lasted|fought|existed|ruled|reigned|took place|lasting|flourished|raged|ran) "
         rf"(?P<a>from (?:about )?{DATE} (?:to|until) (?:about )?{DATE}|between {DATE} and {DATE})",
         ("From when to when did {x} last?", "How long did {x} go on?", "In which years was {x}?")),
    Rule("happened", "History", rf"\b(?:took place|occurred|fought|happened)\b{WORDS}{{0,40}}? (?:on|in) (?P<a>{DATE})",
         ("When did {x} take place?", "When was {x}?", "In which year was {x}?")),
    Rule("by whom", "",
         rf"^(?:(?:is|are|was|were) |{A_THING}){FIRST}(?P<did>founded|established|created|invented|discovered|"
         rf"introduced|designed|developed|built|proposed|coined|commissioned|described|published|painted|"
         rf"composed|formulated|produced|named|led|conquered|ruled|popularized|pioneered|formed|patented)(?: "
         rf"(?:in|on) (?:the )?(?:{DATE}|{NAME})| at {NAME}){{0,2}} by {MAKER}(?P<a>{NAMES}){AFTER}",
         ("Who {did} {x}?", "By whom was {x} {did}?", "Which person or people {did} {x}?")),
    Rule("passive year", "",
         rf"^(?:(?:was|were) |{A_THING}){FIRST}{DONE}(?P<more>(?: (?!in\b|on\b|by\b|and\b)[\w'-]+){{0,5}})(?: "
         rf"by {MAKER}{NAMES})? (?:in|on) (?P<a>{DATE})",
         ("When {was} {x} {did}{more}?", "In which year {was} {x} {did}{more}?",
          "At what time {was} {x} {did}{more}?")),
    Rule("passive place", "",
         rf"^(?:was|were) {FIRST}{DONE}(?: (?:in|on) {DATE})? (?:in|at) (?P<a>(?!{MONTH})(?:the )?{NAME}){AFTER}",
         ("Where {was} {x} {did}?", "In which place {was} {x} {did}?", "At which place {was} {x} {did}?")),
    Rule("when did", "",
         rf"^(?P<verb>[a-z]+)(?P<more>(?: {WORDS}{{1,60}}?)?) (?:in|on) (?P<a>{DATE})(?=[,.;]| and| for|$)",
         ("When did {x} {base}{more}?", "In which year did {x} {base}{more}?", "At what time did {x} {base}{more}?")),
    Rule("what did", "",
         rf"^(?P<verb>[a-z]+) (?P<a>(?:the|an?|his|her|its|their|several|many|two|three) {WORDS}+?)(?= (?:in|on)"
         rf" {DATE}|[.;]|, (?:which|where|who)\b| and \w+ed\b| and (?:became|made|won|wrote|led)\b)(?P<more>(?: "
         rf"(?:in|on) {DATE})?)",
         ("What did {x} {base}{more}?", "What was it that {x} {verb}{more}?")),
    Rule("where did", "", rf"^(?P<verb>moved|emigrated|fled|went|returned) to (?P<a>(?:the )?{NAME}){AFTER}",
         ("Where did {x} {base} to?", "To which place did {x} {base}?")),
    Rule("studied", "People",
         rf"^(?:\w+ )?(?:studied|educated|graduated|taught)(?: {WORDS}{{1,30}}?)? (?:at|from) (?P<a>(?:the "
         rf")?{NAME})",
         ("Where did {x} study or teach?", "At which school or university was {x}?")),
    Rule("died", "People",
         rf"^(?:\w+ )?(?:died|killed|assassinated|executed|beheaded)\b[^.;]{{0,30}}? (?:in|on) (?P<a>{DATE})",
         ("When did {x} die?", "In which year did {x} die?", "When did the life of {x} end?")),
    Rule("what", "",
         r"^(?:is|are|was|were) (?P<a>(?:an?|the|any) (?!(?:area|practice|term|name|process|place|state|way|"
         r"form|group|type|use|period|person|act|part)\b(?! of\b))[^;,:()]+?)(?=[;:(]|\.(?:\s|$)|, (?:which|"
         r"who|where|with|usually|often|especially|such|known|whose|in|and (?:the|is|was|are|has))\b|, \w+ed\b|"
         r" (?:(?:\w+ly |best )?(?:that|which|who|whose|where|when|used|written|made|found|known)|consisting|"
         r"with|by)\b| in which\b| (?:\w+ly |best |first )?\w+ed (?:and \w+ed )?(?:by|with|within|in|into|to|"
         r"from|for|as|on|at|under|between)\b)",
         ("What {is} {x}?", "What kind of thing is {x}?", "How can {x} be defined?", "What is meant by {x}?")),
]  # fmt: skip
# Rules over the whole of a sentence.
WHOLE = [
    Rule("born place", "People",
         rf"^Born (?:(?:in|on) {DATE} )?(?:to [^,]+ )?(?:and raised )?(?:in|at) "
         rf"(?P<a>(?!{MONTH}){NAME}(?:, {NAME})?)",
         ("Where was {x} born?", "What is the birthplace of {x}?", "In which place was {x} born?",
          "Where did {x} come into the world?")),
    Rule("born year", "People", rf"^Born (?:in|on) (?P<a>{DATE})",
         ("When was {x} born?", "In which year was {x} born?")),
    Rule("other name", "",
         r"^[^.;()]{1,60}?,? (?:also|sometimes|often|commonly|better|popularly|formerly|previously|originally) "
         r"(?:known as|called|named|spelled|spelled as|spelt|referred to as) (?:the )?(?P<a>[^,.;()]{2,50}?)"
         r"(?=[,(]| (?:or|is|are|was|were|and)\b)",
         ("What else {is} {x} called?", "What is another name of {x}?", "Which other name {do} {x} have?",
          "By which name {is} {x} also known?")),
    Rule("official name", "",
         r"^[^.;()]{1,60}?, officially (?:known as |called )?(?P<a>(?:the )?[^,.;()]{2,50}?)(?=[,(]| (?:is|are|"
         r"was|were)\b)",
         ("What is the official name of {x}?", "What {is} {x} called officially?")),
]  # fmt: skip
VERBS = dict(re.findall(r"(\w+):(\w+)",
    "became:become received:receive won:win wrote:write made:make began:begin led:lead held:hold founded:found "
    "joined:join moved:move published:publish developed:develop succeeded:succeed established:establish "
    "gained:gain created:create produced:produce reached:reach introduced:introduce conquered:conquer "
    "completed:complete invented:invent coined:coin composed:compose married:marry entered:enter designed:design "
    "defeated:defeat built:build took:take gave:give discovered:discover declared:declare signed:sign "
    "invaded:invade lost:lose died:die retired:retire resigned:resign left:leave fled:flee went:go "
    "returned:return emigrated:emigrate settled:settle ascended:ascend assumed:assume achieved:achieve "
    "earned:earn released:release premiered:premiere opened:open launched:launch adopted:adopt proposed:propose "
    "formulated:formulate described:describe demonstrated:demonstrate started:start ended:end ceased:cease "
    "captured:capture annexed:annex united:unite abolished:abolish set:set sold:sell merged:merge split:split "
    "broke:break played:play appeared:appear starred:star directed:direct recorded:record painted:paint "
    "taught:teach studied:study graduated:graduate converted:convert commanded:command fought:fight ruled:rule "
    "reigned:reign emerged:emerge originated:originate occurred:occur hosted:host passed:pass "
    "celebrated:celebrate acquired:acquire obtained:obtain replaced:replace expanded:expand arose:arise "
    "rose:rise fell:fall served:serve helped:help came:come found:find crossed:cross sailed:sail "
    "explored:explore isolated:isolate observed:observe performed:perform presented:present "
    "experienced:experience suffered:suffer overthrew:overthrow seized:seize restored:restore granted:grant "
    "hit:hit"
))  # fmt: skip
# Questions that a text does not answer if none of these words stands in it.
SILENT = [
    Rule("born year", "People", r"born|birth|\d{3,4}\s*[–-]\s*\d",
         ("When was {x} born?", "In which year was {x} born?")),
    Rule("born place", "People", "born|birth|native|raised|grew|from",
         ("Where was {x} born?", "What is the birthplace of {x}?", "In which place was {x} born?")),
    Rule("died", "People", r"\bdie|death|kill|assassin|execut|murder|until|\d{3,4}\s*[–-]\s*\d",
         ("When did {x} die?", "In which year did {x} die?", "How did {x} die?")),
    Rule("married", "People", "marri|wife|husband|wed|consort|queen|spouse",
         ("Whom did {x} marry?", "Who was married to {x}?")),
    Rule("prize", "People", "prize|award|medal|honou?r|won|laureate",
         ("Which prize did {x} receive?", "With which prize was {x} honoured?")),
    Rule("studied", "People", "stud|educat|universit|school|college|taught|professor|academ",
         ("Where did {x} study or teach?", "At which school or university was {x}?")),
    Rule("known for", "People", "known|famous|remember|noted|renown|best|celebrat|important|influen|regarded|consider",
         ("What {is} {x} known for?", "What {is} {x} famous for?")),
    Rule("population", "Geography", "populat|inhabit|people|resident|million|home to",
         ("How many people live in {x}?", "What is the population of {x}?")),
    Rule("area", "Geography", "km|kilomet|square|mile|acre|hectare|area",
         ("How large is {x}?", "What is the area of {x}?", "What area does {x} cover?")),
    Rule("height", "Geography", r"metre|meter|feet|\bft|high|elevation|altitude|\bm\b",
         ("How high is {x}?", "What is the height of {x}?", "At what height above the sea is {x}?")),
    Rule("by whom", "Geography", "found|establish|settle|coloni|built|creat|independ",
         ("Who founded {x}?", "By whom was {x} founded?", "When was {x} founded?")),
    Rule("author", "Arts", r"\bby\b|writ|wrote|paint|compos|creat|author|film|'s ",
         ("Who is the author of {x}?", "By whom is {x}?", "Who created {x}?")),
    Rule("family", "Biology and health sciences", "famil|idae|aceae|inae",
         ("To which family {do} {x} belong?", "In which family {is} {x}?")),
    Rule("native", "Biology and health sciences",
         "nativ|endemic|indigen|found|origin|distribut|Africa|America|Asia|Europe|Australia|world|live|inhabit",
         ("Where {is} {x} native?", "Where {do} {x} come from?")),
    Rule("cause", "Biology and health sciences", "caus|due to|result|lead|because|infect|produc",
         ("What causes {x}?", "What {is} {x} caused by?")),
    Rule("weight", "Biology and health sciences", r"\bkg\b|kilogram|weigh|pound|year|lifespan|gram",
         ("How old can {x} become?", "What is the weight of {x}?")),
    Rule("by whom", "Physical sciences",
         "discover|found|observ|describ|named|isolat|propos|by [A-Z]|invent|formulat|develop|introduc",
         ("Who discovered {x}?", "By whom was {x} discovered?", "When was {x} discovered?")),
    Rule("by whom", "Technology", r"invent|develop|creat|first|design|patent|by [A-Z]|built|introduc|century|\d{4}",
         ("Who invented {x}?", "By whom was {x} invented?", "When was {x} invented?")),
    Rule("use", "Technology", r"\bus(?:e|ed|es|ing|eful|age|er|ers)\b|employ|appl|serve|purpose|utili|for",
         ("What {is} {x} used for?", "For what do people use {x}?")),
    Rule("made of", "Everyday life", "made|compos|consist|compris|contain|includ|form|material|consti|part|ingredient",
         ("What {is} {x} made of?", "Of what {do} {x} consist?")),
    Rule("named after", "", "name|called|deriv|term|eponym|etymol|word|Latin|Greek|refer",
         ("After whom or what {is} {x} named?", "Where does the name of {x} come from?")),
    Rule("happened", "History", r"\d{3}|centur|beg[aiu]n|start|BC|era|period|age",
         ("When did {x} begin?", "In which year did {x} begin?")),
]  # fmt: skip
ABOUT_PEOPLE = ("when did", "term", "begin", "end", "prize year", "prize reason")
WHEN = next(rule for rule in RULES if rule.kind == "when did")


class Subject(NamedTuple):
    """How questions name what an article is about, whether that is plural, and what its sentences may open with."""

    name: str
    plural: bool
    calls: tuple[str, ...]


class Fact(NamedTuple):
    """What a rule found: where the answer stands in the article, and words for the question."""

    rule: Rule
    start: int
    answer: str
    words: dict[str, str]


# Looked for in the first sentence alone.
AT_FIRST = ("what", "occupation", "nation", "work year", "other name", "official name")
DATED = re.compile(rf"(?:In|On) (?P<a>{DATE}),? ")
ADVERB = re.compile("(?:(?:also|then|later|first|subsequently) )?(?=[a-z])")
DID = re.compile(rf"(?P<verb>[a-z]+)(?P<more> {WORDS}{{3,60}})(?=[,.;])")
# Where a sentence goes on about its subject: ", and he wrote", "and wrote", "who wrote".
CLAUSE = re.compile("(?:, and |; |, but )(?:he|she|it) ")
MORE = re.compile("(?:, |,? and |,? but )(?:also |then |later )?(?=(?:was|were|is|are|" + "|".join(VERBS) + ") )")
WHO = re.compile(" (?:who|that) ")
compiled = cache(re.compile)


def subject_of(article: dict, first: str) -> tuple[Subject, int] | None:
    """What an article is about, and where the verb of its `first` sentence stands; None if it has no such verb."""
    plain = re.sub(r" \(.*\)$", "", article["title"])
    verb = re.match(r"(?:(?!\b(?:that|which|who|when|where) ).){1,110}? (?=(?:is|are|was|were) )", first)
    if not verb:
        return None
    stem = re.escape(plain[:-1] if plain.endswith("y") else plain)
    named = rf"(?:\b(?P<article>the|an?) )?\b(?P<name>{stem}(?:ies|y|e?s)?)(?=[ ,;(])"
    called = re.search(named, verb[0], re.IGNORECASE)
    name, before = (called["name"], (called["article"] or "").lower()) if called else (plain, "")
    lower = name[0].lower() + name[1:]
    if not before and article["topic"] != "Arts" and re.search(rf"\b{re.escape(lower)}\b", article["summary"]):
        name = lower  # it is no proper name
    whole, behind = f"{before} {name}".strip(), first[verb.end() :]
    noun = re.match(r"(?:is|was) an? [^.,;]*?\b([a-z]+)(?= (?:in|of|by|that|which|on|for|from|with)\b|[.,;])", behind)
    calls = ["it", "he", "she", "they", name, plain, plain.split()[-1], f"the {plain}", whole]
    calls += [f"the {noun[1]}"] if noun else []
    plural = behind.startswith(("are ", "were "))
    return Subject(whole, plural, tuple(call.lower() for call in calls)), verb.end()


def opening(sentence: str, subject: Subject) -> tuple[re.Match | None, int]:
    """The date that opens a sentence, and where it goes on behind the subject; -1 if it has another one."""
    dated = DATED.match(sentence)
    begin = dated.end() if dated else 0
    rest = sentence[begin:].lower()
    for call in subject.calls:
        if rest.startswith(f"{call} ") and (behind := ADVERB.match(sentence, begin + len(call) + 1)):
            return dated, behind.end()
    return dated, -1


def fact(rule: Rule, text: str, begin: int) -> Fact | None:
    """What a rule finds from `begin` on."""
    match = compiled(rule.pattern).search(text[begin:])
    if not match:
        return None
    words = {name: value for name, value in match.groupdict().items() if value is not None}
    if "verb" in words:
        if words["verb"] not in VERBS:
            return None
        words["base"] = VERBS[words["verb"]]
    answer = words.pop("a").rstrip(" ,")
    return Fact(rule, begin + match.start("a"), answer, words) if len(answer.split()) <= 15 else None


def facts(article: dict) -> tuple[Subject, dict[str, Fact]] | None:
    """What an article is about, and the first fact of each kind; None if it does not begin with what it is about."""
    text, topic = article["summary"], article["topic"]
    sentences = [sentence for line in text.split("\n") for sentence in sources.split_sentences(line)]
    subject, behind = subject_of(article, sentences[0]) or (None, 0)
    if subject is None:
        return None
    rules = [rule for rule in RULES if rule.topic in ("", topic) and (rule.kind, topic) != ("what", "People")]
    later = [rule for rule in rules if rule.kind not in AT_FIRST]
    at_once = [rule for rule in later if rule.pattern.startswith("^")]
    found: dict[str, Fact] = {}
    end = 0
    for number, sentence in enumerate(sentences):
        at = text.find(sentence, end)
        if at < 0:
            continue
        end = at + len(sentence)
        dated, start = opening(sentence, subject) if number else (None, behind)
        tries = [(0, rule) for rule in WHOLE if rule.topic in ("", topic) and not (number and rule.kind in AT_FIRST)]
        if start >= 0:
            tries += [(start, rule) for rule in (later if number else rules)]
        for clause in [CLAUSE, *([MORE] if start >= 0 else []), *([WHO] if number == 0 else [])]:
            tries += [(one.end(), rule) for one in clause.finditer(sentence, max(0, start)) for rule in at_once]
        for begin, rule in tries:
            one = None if rule.kind in found else fact(rule, sentence, begin)
            if one and one.answer.lower() not in subject.calls:
                found[rule.kind] = one._replace(start=at + one.start)
        if dated and start >= 0 and WHEN.kind not in found:
            did = DID.match(sentence, start)
            if did and did["verb"] in VERBS:
                words = {"base": VERBS[did["verb"]], "more": did["more"]}
                found[WHEN.kind] = Fact(WHEN, at + dated.start("a"), dated["a"], words)
    return subject, found


def ask(way: str, subject: Subject, words: dict[str, str]) -> str:
    """A way to ask, filled in."""
    verbs = {"is": "are", "was": "were", "do": "do"} if subject.plural else {"is": "is", "was": "was", "do": "does"}
    question = way.format(x=subject.name, **verbs, **words)
    return question[0].upper() + question[1:]


def foreign(subject_text: str, found: dict[str, Fact], bank: dict[str, list[Fact]], rng: random.Random) -> Fact | None:
    """A fact of another article, of a kind that this one does not tell, some word of which does not stand in it."""
    kinds = [kind for kind in bank if kind not in found]
    rng.shuffle(kinds)
    for kind in kinds:
        other = rng.choice(bank[kind])
        asked = re.findall(r"\w{5,}|\d+", " ".join(other.words.values()))
        if any(word not in subject_text for word in asked):
            return other
    return None


def questions(most: int = 4) -> Split:
    """Questions by rule on the Wikipedia summaries, at most so many with an answer an article, and about a quarter
    without one: a fact of a kind of which the text has no word, or one of another article. An article is on one side
    as a whole. The id says article and kind: "wiki-12-office", "wiki-12-no prize"."""
    held = annotations.held_out_titles()
    read = [(number, article, facts(article)) for number, article in enumerate(sources.wiki())
            if article["title"] not in held]  # fmt: skip
    banks: dict[str, dict[str, list[Fact]]] = defaultdict(lambda: defaultdict(list))  # topic -> kind -> facts
    for _, article, known in read:
        for kind, one in known[1].items() if known else ():
            simple = kind == "passive year" and not one.words["more"]
            if simple or (one.words and article["topic"] == "People" and kind in ABOUT_PEOPLE):
                banks[article["topic"]][kind].append(one)
    made: list[list] = []
    for number, article, known in read:
        subject, found = known or (None, {})
        rng = random.Random(f"questions {article['title']}")
        kinds = rng.sample(sorted(found), min(most, len(found)))
        if len(kinds) > 1 or rng.random() < 0.6:
            kinds = [kind for kind in kinds if kind != "what" or rng.random() < 0.4]
        asked = []
        for kind in kinds:
            rule, start, answer, words = found[kind]
            way = rng.choice(rule.ways)
            if way.startswith(("In which year ", "From which year")) and (year := re.search(YEAR, answer)):
                start, answer = start + year.start(), year[0]
            asked.append((kind, ask(way, subject, words), [(start, answer)]))
        if asked and rng.random() < 0.45 * len(asked):
            silent = [rule for rule in SILENT if rule.topic in ("", article["topic"]) and rule.kind not in found
                      and not re.search(rule.pattern, article["summary"], re.IGNORECASE)]  # fmt: skip
            other = foreign(article["summary"], found, banks[article["topic"]], rng)
            silent = [rule for rule in silent if rule.kind != "named after"] or silent
            if other and rng.random() < (0.3 if silent else 0.5):
                asked.append((f"no {other.rule.kind}", ask(rng.choice(other.rule.ways), subject, other.words), []))
            elif silent:
                rule = rng.choice(silent)
                asked.append((f"no {rule.kind}", ask(rng.choice(rule.ways), subject, {}), []))
        made.append([article, *(Question(f"wiki-{number}-{kind}", question, article["summary"], answers)
                                for kind, question, answers in asked)])  # fmt: skip
    return Split(*([question for _, *some in side for question in some]
                   for side in parted(made, lambda one: one[0]["title"])))  # fmt: skip
