"""tasks.silver.questions: TODO."""

import random
import re
from collections import defaultdict
from functools import cache
from typing import NamedTuple

from ... import sources
from .. import annotations
from ..base import Split, split_examples
from ..reading import Question
from .question_rules import ABOUT_PEOPLE, DATE, RULES, SILENT, VERBS, WHEN, WHOLE, WORDS, YEAR, Rule


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

compile_pattern = cache(re.compile)


def find_subject(article: dict, first: str) -> tuple[Subject, int] | None:
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


def match_opening(sentence: str, subject: Subject) -> tuple[re.Match | None, int]:
    """The date that opens a sentence, and where it goes on behind the subject; -1 if it has another one."""
    dated = DATED.match(sentence)
    begin = dated.end() if dated else 0
    rest = sentence[begin:].lower()
    for call in subject.calls:
        if rest.startswith(f"{call} ") and (behind := ADVERB.match(sentence, begin + len(call) + 1)):
            return dated, behind.end()
    return dated, -1


def find_fact(rule: Rule, text: str, begin: int) -> Fact | None:
    """What a rule finds from `begin` on."""
    match = compile_pattern(rule.pattern).search(text[begin:])
    if not match:
        return None
    words = {name: value for name, value in match.groupdict().items() if value is not None}
    if "verb" in words:
        if words["verb"] not in VERBS:
            return None
        words["base"] = VERBS[words["verb"]]
    answer = words.pop("a").rstrip(" ,")
    return Fact(rule, begin + match.start("a"), answer, words) if len(answer.split()) <= 15 else None


def collect_facts(article: dict) -> tuple[Subject, dict[str, Fact]] | None:
    """What an article is about, and the first fact of each kind; None if it does not begin with what it is about."""
    text, topic = article["summary"], article["topic"]
    sentences = [sentence for line in text.split("\n") for sentence in sources.split_sentences(line)]
    subject, behind = find_subject(article, sentences[0]) or (None, 0)
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
        dated, start = match_opening(sentence, subject) if number else (None, behind)
        tries = [(0, rule) for rule in WHOLE if rule.topic in ("", topic) and not (number and rule.kind in AT_FIRST)]
        if start >= 0:
            tries += [(start, rule) for rule in (later if number else rules)]
        for clause in [CLAUSE, *([MORE] if start >= 0 else []), *([WHO] if number == 0 else [])]:
            tries += [(one.end(), rule) for one in clause.finditer(sentence, max(0, start)) for rule in at_once]
        for begin, rule in tries:
            one = None if rule.kind in found else find_fact(rule, sentence, begin)
            if one and one.answer.lower() not in subject.calls:
                found[rule.kind] = one._replace(start=at + one.start)
        if dated and start >= 0 and WHEN.kind not in found:
            did = DID.match(sentence, start)
            if did and did["verb"] in VERBS:
                words = {"base": VERBS[did["verb"]], "more": did["more"]}
                found[WHEN.kind] = Fact(WHEN, at + dated.start("a"), dated["a"], words)
    return subject, found


def fill_question(way: str, subject: Subject, words: dict[str, str]) -> str:
    """A way to ask, filled in."""
    verbs = {"is": "are", "was": "were", "do": "do"} if subject.plural else {"is": "is", "was": "was", "do": "does"}
    question = way.format(x=subject.name, **verbs, **words)
    return question[0].upper() + question[1:]


def choose_foreign_fact(
    subject_text: str, found: dict[str, Fact], bank: dict[str, list[Fact]], rng: random.Random
) -> Fact | None:
    """A fact of another article, of a kind that this one does not tell, some word of which does not stand in it."""
    kinds = [kind for kind in bank if kind not in found]
    rng.shuffle(kinds)
    for kind in kinds:
        other = rng.choice(bank[kind])
        asked = re.findall(r"\w{5,}|\d+", " ".join(other.words.values()))
        if any(word not in subject_text for word in asked):
            return other
    return None


def make_silver_questions(most: int = 4) -> Split:
    """Questions by rule on the Wikipedia summaries, at most so many with an answer an article, and about a quarter
    without one: a fact of a kind of which the text has no word, or one of another article. An article is on one side
    as a whole. The id says article and kind: "wiki-12-office", "wiki-12-no prize"."""
    held = annotations.list_held_out_titles()
    read = [(number, article, collect_facts(article)) for number, article in enumerate(sources.wiki())
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
            asked.append((kind, fill_question(way, subject, words), [(start, answer)]))
        if asked and rng.random() < 0.45 * len(asked):
            silent = [rule for rule in SILENT if rule.topic in ("", article["topic"]) and rule.kind not in found
                      and not re.search(rule.pattern, article["summary"], re.IGNORECASE)]  # fmt: skip
            other = choose_foreign_fact(article["summary"], found, banks[article["topic"]], rng)
            silent = [rule for rule in silent if rule.kind != "named after"] or silent
            if other and rng.random() < (0.3 if silent else 0.5):
                asked.append(
                    (f"no {other.rule.kind}", fill_question(rng.choice(other.rule.ways), subject, other.words), [])
                )
            elif silent:
                rule = rng.choice(silent)
                asked.append((f"no {rule.kind}", fill_question(rng.choice(rule.ways), subject, {}), []))
        made.append([article, *(Question(f"wiki-{number}-{kind}", question, article["summary"], answers)
                                for kind, question, answers in asked)])  # fmt: skip
    return Split(*([question for _, *some in side for question in some]
                   for side in split_examples(made, lambda one: one[0]["title"])))  # fmt: skip
