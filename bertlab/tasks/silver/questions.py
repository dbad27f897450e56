"""Silver questions: questions and answers made by rules from the Wikipedia summaries.

A rule of `question_rules.py` finds a fact, which is the answer, in a sentence about the article's subject; one of the
phrasings of the rule becomes the question.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from ... import sources
from .. import annotations
from ..base import Split, split_examples
from ..reading import Question
from .question_rules import (
    BASE_FORMS,
    DATE,
    FOREIGN_PEOPLE_KINDS,
    PHRASE_CHAR,
    RULES,
    SENTENCE_RULES,
    UNANSWERED_RULES,
    WHEN_DID_RULE,
    YEAR,
    Rule,
)


class Subject(NamedTuple):
    """What an article is about: its name in a question, whether that is plural, and how its sentences may begin with
    it, in lower case."""

    name: str
    plural: bool
    mentions: tuple[str, ...]


class Fact(NamedTuple):
    """What a rule found: the answer, its position in the text, and the words that fill the slots of the question."""

    rule: Rule
    start: int
    answer: str
    slots: dict[str, str]


# Kinds of facts that only the first sentence of an article states.
FIRST_SENTENCE_KINDS = ("what", "occupation", "nation", "work year", "other name", "official name")

OPENING_DATE = re.compile(rf"(?:In|On) (?P<a>{DATE}),? ")

LEADING_ADVERB = re.compile("(?:(?:also|then|later|first|subsequently) )?(?=[a-z])")

VERB_PHRASE = re.compile(rf"(?P<verb>[a-z]+)(?P<more> {PHRASE_CHAR}{{3,60}})(?=[,.;])")

# Where a sentence goes on about its subject: ", and he wrote ...", "and wrote ...", "who wrote ...".
PRONOUN_CLAUSE = re.compile("(?:, and |; |, but )(?:he|she|it) ")

VERB_CLAUSE = re.compile(
    "(?:, |,? and |,? but )(?:also |then |later )?(?=(?:was|were|is|are|" + "|".join(BASE_FORMS) + ") )"
)

RELATIVE_CLAUSE = re.compile(" (?:who|that) ")

compile_pattern = cache(re.compile)


# ---- Finding facts ---------------------------------------------------------------------------------------------------


def find_subject(article: dict, first_sentence: str) -> tuple[Subject, int] | None:
    """The subject of an article and the position of the verb behind it; None if the sentence has no such verb."""
    title = re.sub(r" \(.*\)$", "", article["title"])
    up_to_verb = re.match(r"(?:(?!\b(?:that|which|who|when|where) ).){1,110}? (?=(?:is|are|was|were) )", first_sentence)
    if not up_to_verb:
        return None
    stem = re.escape(title[:-1] if title.endswith("y") else title)
    title_pattern = rf"(?:\b(?P<article>the|an?) )?\b(?P<name>{stem}(?:ies|y|e?s)?)(?=[ ,;(])"
    named = re.search(title_pattern, up_to_verb[0], re.IGNORECASE)
    name, determiner = (named["name"], (named["article"] or "").lower()) if named else (title, "")
    lower = name[0].lower() + name[1:]
    if not determiner and article["topic"] != "Arts" and re.search(rf"\b{re.escape(lower)}\b", article["summary"]):
        name = lower  # it is not a proper name
    full_name, predicate = f"{determiner} {name}".strip(), first_sentence[up_to_verb.end() :]
    noun = re.match(
        r"(?:is|was) an? [^.,;]*?\b([a-z]+)(?= (?:in|of|by|that|which|on|for|from|with)\b|[.,;])", predicate
    )
    mentions = ["it", "he", "she", "they", name, title, title.split()[-1], f"the {title}", full_name]
    mentions += [f"the {noun[1]}"] if noun else []
    plural = predicate.startswith(("are ", "were "))
    return Subject(full_name, plural, tuple(mention.lower() for mention in mentions)), up_to_verb.end()


def match_opening(sentence: str, subject: Subject) -> tuple[re.Match | None, int]:
    """(date, position): the date that opens a sentence, if any, and the position behind the subject. The position is -1
    if the sentence has another subject."""
    date = OPENING_DATE.match(sentence)
    begin = date.end() if date else 0
    rest = sentence[begin:].lower()
    for mention in subject.mentions:
        if rest.startswith(f"{mention} ") and (adverb := LEADING_ADVERB.match(sentence, begin + len(mention) + 1)):
            return date, adverb.end()
    return date, -1


def find_fact(rule: Rule, text: str, begin: int) -> Fact | None:
    """The fact that a rule finds in `text` from position `begin` on, if its answer has at most 15 words."""
    match = compile_pattern(rule.pattern).search(text[begin:])
    if not match:
        return None
    slots = {name: value for name, value in match.groupdict().items() if value is not None}
    if "verb" in slots:
        if slots["verb"] not in BASE_FORMS:
            return None
        slots["base"] = BASE_FORMS[slots["verb"]]
    answer = slots.pop("a").rstrip(" ,")
    return Fact(rule, begin + match.start("a"), answer, slots) if len(answer.split()) <= 15 else None


def list_attempts(sentence: str, start: int, topic: str, is_first: bool) -> Iterator[tuple[int, Rule]]:
    """(position, rule) for each rule to try on a sentence, in this order: on all of it, behind the subject (at `start`,
    -1 if the sentence has another one), and behind each later clause about the subject."""

    def is_usable(rule: Rule) -> bool:
        return rule.topic in ("", topic) and (is_first or rule.kind not in FIRST_SENTENCE_KINDS)

    rules = [rule for rule in RULES if is_usable(rule) and (rule.kind, topic) != ("what", "People")]
    yield from ((0, rule) for rule in SENTENCE_RULES if is_usable(rule))
    if start >= 0:
        yield from ((start, rule) for rule in rules)
    clauses = [PRONOUN_CLAUSE]
    clauses += [VERB_CLAUSE] if start >= 0 else []
    clauses += [RELATIVE_CLAUSE] if is_first else []
    at_clause = [rule for rule in rules if rule.pattern.startswith("^") and rule.kind not in FIRST_SENTENCE_KINDS]
    for clause in clauses:
        for match in clause.finditer(sentence, max(0, start)):
            yield from ((match.end(), rule) for rule in at_clause)


def find_dated_fact(sentence: str, date: re.Match, start: int) -> Fact | None:
    """The fact of a sentence that opens with a date: what the subject, which ends at `start`, did on that date."""
    phrase = VERB_PHRASE.match(sentence, start)
    if not phrase or phrase["verb"] not in BASE_FORMS:
        return None
    slots = {"base": BASE_FORMS[phrase["verb"]], "more": phrase["more"]}
    return Fact(WHEN_DID_RULE, date.start("a"), date["a"], slots)


def collect_facts(article: dict) -> tuple[Subject, dict[str, Fact]] | None:
    """The subject of an article and the first fact of each kind; None if the article does not open with a subject."""
    text = article["summary"]
    sentences = [sentence for line in text.split("\n") for sentence in sources.split_sentences(line)]
    opening = find_subject(article, sentences[0])
    if opening is None:
        return None
    subject, verb_start = opening
    facts: dict[str, Fact] = {}
    end = 0
    for number, sentence in enumerate(sentences):
        offset = text.find(sentence, end)
        if offset < 0:
            continue
        end = offset + len(sentence)
        date, start = match_opening(sentence, subject) if number else (None, verb_start)
        for position, rule in list_attempts(sentence, start, article["topic"], is_first=number == 0):
            fact = None if rule.kind in facts else find_fact(rule, sentence, position)
            if fact and fact.answer.lower() not in subject.mentions:
                facts[rule.kind] = fact._replace(start=offset + fact.start)
        if date and start >= 0 and WHEN_DID_RULE.kind not in facts and (fact := find_dated_fact(sentence, date, start)):
            facts[WHEN_DID_RULE.kind] = fact._replace(start=offset + fact.start)
    return subject, facts


# ---- Asking for them -------------------------------------------------------------------------------------------------


def fill_question(phrasing: str, subject: Subject, slots: dict[str, str]) -> str:
    """A phrasing with its slots filled and a capital at the start."""
    verbs = {"is": "are", "was": "were", "do": "do"} if subject.plural else {"is": "is", "was": "was", "do": "does"}
    question = phrasing.format(x=subject.name, **verbs, **slots)
    return question[0].upper() + question[1:]


# A question before it gets its id and context: (kind, question, answers as (start, text)).
Draft = tuple[str, str, list[tuple[int, str]]]


def draft_answerable(subject: Subject | None, facts: dict[str, Fact], most: int, rng: random.Random) -> list[Draft]:
    """Questions for at most `most` facts of an article, drawn at random. The kind "what" is kept less often, because
    almost every article has it."""
    kinds = rng.sample(sorted(facts), min(most, len(facts)))
    if len(kinds) > 1 or rng.random() < 0.6:
        kinds = [kind for kind in kinds if kind != "what" or rng.random() < 0.4]
    drafts = []
    for kind in kinds:
        rule, start, answer, slots = facts[kind]
        phrasing = rng.choice(rule.phrasings)
        if phrasing.startswith(("In which year ", "From which year")) and (year := re.search(YEAR, answer)):
            start, answer = start + year.start(), year[0]
        drafts.append((kind, fill_question(phrasing, subject, slots), [(start, answer)]))
    return drafts


def choose_foreign_fact(
    text: str, facts: dict[str, Fact], foreign_facts: dict[str, list[Fact]], rng: random.Random
) -> Fact | None:
    """A fact of another article that `text` cannot answer: `facts` has none of its kind, and at least one content word
    of its question does not occur in the text."""
    kinds = [kind for kind in foreign_facts if kind not in facts]
    rng.shuffle(kinds)
    for kind in kinds:
        fact = rng.choice(foreign_facts[kind])
        content_words = re.findall(r"\w{5,}|\d+", " ".join(fact.slots.values()))
        if any(word not in text for word in content_words):
            return fact
    return None


def draft_unanswerable(
    article: dict, subject: Subject, facts: dict[str, Fact], foreign_facts: dict[str, list[Fact]], rng: random.Random
) -> list[Draft]:
    """At most one question that the article does not answer: about a fact of another article, or of a kind of which the
    article has no word."""
    text, topic = article["summary"], article["topic"]
    rules = [rule for rule in UNANSWERED_RULES if rule.topic in ("", topic) and rule.kind not in facts
             and not re.search(rule.pattern, text, re.IGNORECASE)]  # fmt: skip
    rules = [rule for rule in rules if rule.kind != "named after"] or rules  # fits almost any article: the last resort
    foreign = choose_foreign_fact(text, facts, foreign_facts, rng)
    if foreign and rng.random() < (0.3 if rules else 0.5):
        rule, slots = foreign.rule, foreign.slots
    elif rules:
        rule, slots = rng.choice(rules), {}
    else:
        return []
    return [(f"no {rule.kind}", fill_question(rng.choice(rule.phrasings), subject, slots), [])]


def is_transferable(fact: Fact, topic: str) -> bool:
    """Whether the question of a fact makes sense for another article of this topic."""
    if fact.rule.kind == "passive year" and not fact.slots["more"]:
        return True
    return bool(fact.slots) and topic == "People" and fact.rule.kind in FOREIGN_PEOPLE_KINDS


def make_silver_questions(most_per_article: int = 4) -> Split:
    """Questions made by rules from the Wikipedia summaries.

    An article gets at most `most_per_article` questions with an answer. About a quarter of all questions have none:
    they ask for a fact of another article, or for one of a kind of which the text has no word. Each article is on one
    side of the split as a whole; those of our own tests are left out. The id names the number of the article and the
    kind: "wiki-12-office", or "wiki-12-no prize" for a question without an answer.
    """
    held_out = annotations.list_held_out_titles()
    articles = [(number, article, collect_facts(article)) for number, article in enumerate(sources.wiki())
                if article["title"] not in held_out]  # fmt: skip
    foreign_facts: dict[str, dict[str, list[Fact]]] = defaultdict(lambda: defaultdict(list))  # topic -> kind -> facts
    for _, article, found in articles:
        for kind, fact in found[1].items() if found else ():
            if is_transferable(fact, article["topic"]):
                foreign_facts[article["topic"]][kind].append(fact)
    questions_by_title = []
    for number, article, found in articles:
        subject, facts = found or (None, {})
        rng = random.Random(f"questions {article['title']}")
        drafts = draft_answerable(subject, facts, most_per_article, rng)
        if drafts and rng.random() < 0.45 * len(drafts):
            drafts += draft_unanswerable(article, subject, facts, foreign_facts[article["topic"]], rng)
        questions = [Question(f"wiki-{number}-{kind}", question, article["summary"], answers)
                     for kind, question, answers in drafts]  # fmt: skip
        questions_by_title.append((article["title"], questions))
    sides = split_examples(questions_by_title, lambda pair: pair[0])
    return Split(*([question for _, questions in side for question in questions] for side in sides))
