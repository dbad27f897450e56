"""Silver questions: questions and answers made by rules from the Wikipedia summaries.

A rule finds a fact, which is the answer, in a sentence about the article's subject; it also phrases the question.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ... import sources
from .. import annotations
from ..base import Split, split_examples
from ..reading import Question
from .question_rules import BASE_FORMS, DATE, PHRASE_CHAR, RULES, SENTENCE_RULES, UNANSWERED_RULES, YEAR, Rule


class Subject(NamedTuple):
    """What an article is about."""

    name: str  # in a question
    plural: bool
    mentions: tuple[str, ...]  # how a sentence may begin with it, in lower case


class Fact(NamedTuple):
    """What a rule found in a text."""

    rule: Rule
    start: int  # the position of the answer
    answer: str
    slots: dict[str, str]  # the words that fill the slots of the question


# The rule whose question also fits a sentence that opens with a date: "In 1843, she published her notes".
WHEN_DID_RULE = next(rule for rule in RULES if rule.kind == "when did")

# Kinds of facts that only the first sentence of an article states.
FIRST_SENTENCE_KINDS = ("what", "occupation", "nation", "work year", "other name", "official name")

NOUN_AFTER_VERB = re.compile(r"(?:is|was) an? [^.,;]*?\b([a-z]+)(?= (?:in|of|by|that|which|on|for|from|with)\b|[.,;])")
OPENING_DATE = re.compile(rf"(?:In|On) (?P<a>{DATE}),? ")
LEADING_ADVERB = re.compile("(?:(?:also|then|later|first|subsequently) )?(?=[a-z])")
VERB_PHRASE = re.compile(rf"(?P<verb>[a-z]+)(?P<more> {PHRASE_CHAR}{{3,60}})(?=[,.;])")

# Where a sentence goes on about its subject: ", and he wrote ...", "and wrote ...", "who wrote ...".
PRONOUN_CLAUSE = re.compile("(?:, and |; |, but )(?:he|she|it) ")
VERB_CLAUSE = re.compile(
    "(?:, |,? and |,? but )(?:also |then |later )?(?=(?:was|were|is|are|" + "|".join(BASE_FORMS) + ") )"
)
RELATIVE_CLAUSE = re.compile(" (?:who|that) ")

# A question before it gets its id and context: (kind, question, answers as (start, text)).
Draft = tuple[str, str, list[tuple[int, str]]]
Facts = dict[str, Fact]  # by kind


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
    noun = NOUN_AFTER_VERB.match(predicate)
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
    match = re.search(rule.pattern, text[begin:])
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
    whole, behind = ([rule for rule in rules if rule.topic in ("", topic) and (rule.kind, topic) != ("what", "People")
                      and (is_first or rule.kind not in FIRST_SENTENCE_KINDS)]
                     for rules in (SENTENCE_RULES, RULES))  # fmt: skip
    yield from ((0, rule) for rule in whole)
    yield from ((start, rule) for rule in behind if start >= 0)
    at_clause = [rule for rule in behind if rule.pattern.startswith("^") and rule.kind not in FIRST_SENTENCE_KINDS]
    for clause, is_tried in ((PRONOUN_CLAUSE, True), (VERB_CLAUSE, start >= 0), (RELATIVE_CLAUSE, is_first)):
        for match in clause.finditer(sentence, max(0, start)) if is_tried else ():
            yield from ((match.end(), rule) for rule in at_clause)


def collect_facts(article: dict) -> tuple[Subject, Facts] | None:
    """The subject of an article and the first fact of each kind; None if the article does not open with a subject."""
    text, topic = article["summary"], article["topic"]
    sentences = [sentence for line in text.split("\n") for sentence in sources.split_sentences(line)]
    if (opening := find_subject(article, sentences[0])) is None:
        return None
    subject, verb_start = opening
    facts, end = {}, 0
    for number, sentence in enumerate(sentences):
        if (offset := text.find(sentence, end)) < 0:
            continue
        end = offset + len(sentence)
        date, start = match_opening(sentence, subject) if number else (None, verb_start)
        for position, rule in list_attempts(sentence, start, topic, is_first=number == 0):
            fact = None if rule.kind in facts else find_fact(rule, sentence, position)
            if fact and fact.answer.lower() not in subject.mentions:
                facts[rule.kind] = fact._replace(start=offset + fact.start)
        phrase = VERB_PHRASE.match(sentence, start) if date and start >= 0 else None
        if phrase and phrase["verb"] in BASE_FORMS and "when did" not in facts:
            slots = {"base": BASE_FORMS[phrase["verb"]], "more": phrase["more"]}
            facts["when did"] = Fact(WHEN_DID_RULE, offset + date.start("a"), date["a"], slots)
    return subject, facts


def fill_question(phrasing: str, subject: Subject, slots: dict[str, str]) -> str:
    """A phrasing with its slots filled and a capital at the start."""
    verbs = {"is": "are", "was": "were", "do": "do"} if subject.plural else {"is": "is", "was": "was", "do": "does"}
    question = phrasing.format(x=subject.name, **verbs, **slots)
    return question[0].upper() + question[1:]


def draft_answerable(subject: Subject | None, facts: Facts, rng: random.Random) -> list[Draft]:
    """Questions for at most four facts of an article, drawn at random; fewer for the kind "what", which almost every
    article has."""
    kinds = rng.sample(sorted(facts), min(4, len(facts)))
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


def choose_foreign_fact(text: str, facts: Facts, foreign: dict[str, list[Fact]], rng: random.Random) -> Fact | None:
    """A fact of another article that `text` cannot answer: `facts` has none of its kind, and at least one content word
    of its question does not occur in the text."""
    kinds = [kind for kind in foreign if kind not in facts]
    rng.shuffle(kinds)
    for kind in kinds:
        fact = rng.choice(foreign[kind])
        if any(word not in text for word in re.findall(r"\w{5,}|\d+", " ".join(fact.slots.values()))):
            return fact
    return None


def draft_unanswerable(
    article: dict, subject: Subject, facts: Facts, foreign_facts: dict[str, list[Fact]], rng: random.Random
) -> list[Draft]:
    """At most one question that the article does not answer: about a fact of another article, or of a kind of which the
    article has no word."""
    text, topic = article["summary"], article["topic"]
    rules = [rule for rule in UNANSWERED_RULES if rule.topic in ("", topic) and rule.kind not in facts
             and not re.search(rule.pattern, text, re.IGNORECASE)]  # fmt: skip
    rules = [rule for rule in rules if rule.kind != "named after"] or rules  # fits almost any article: the last resort
    fact = choose_foreign_fact(text, facts, foreign_facts, rng)
    if fact and rng.random() < (0.3 if rules else 0.5):
        rule, slots = fact.rule, fact.slots
    elif rules:
        rule, slots = rng.choice(rules), {}
    else:
        return []
    return [(f"no {rule.kind}", fill_question(rng.choice(rule.phrasings), subject, slots), [])]


def is_transferable(fact: Fact, topic: str) -> bool:
    """Whether the question of a fact makes sense for another article of this topic."""
    if fact.rule.kind == "passive year":
        return not fact.slots["more"]
    kinds = ("when did", "term", "begin", "end", "prize year", "prize reason")
    return bool(fact.slots) and topic == "People" and fact.rule.kind in kinds


def make_silver_questions() -> Split:
    """Questions made by rules from the Wikipedia summaries, at most four with an answer for each article.

    About a quarter of all questions have no answer: they ask for a fact of another article, or for one of a kind of
    which the text has no word. Each article is on one side of the split as a whole; those of our own tests are left
    out. An id is the article's number and the kind: "wiki-12-office", or "wiki-12-no prize" without an answer.
    """
    held_out = annotations.list_held_out_titles()
    articles = [(number, article, *(collect_facts(article) or (None, {})))
                for number, article in enumerate(sources.wiki()) if article["title"] not in held_out]  # fmt: skip
    foreign_facts: dict[str, dict[str, list[Fact]]] = defaultdict(lambda: defaultdict(list))  # topic -> kind -> facts
    for _, article, _, facts in articles:
        for kind, fact in facts.items():
            if is_transferable(fact, article["topic"]):
                foreign_facts[article["topic"]][kind].append(fact)
    examples = []  # (title, question)
    for number, article, subject, facts in articles:
        rng = random.Random(f"questions {article['title']}")
        drafts = draft_answerable(subject, facts, rng)
        if drafts and rng.random() < 0.45 * len(drafts):
            drafts += draft_unanswerable(article, subject, facts, foreign_facts[article["topic"]], rng)
        examples += [(article["title"], Question(f"wiki-{number}-{kind}", question, article["summary"], answers))
                     for kind, question, answers in drafts]  # fmt: skip
    sides = split_examples(examples, lambda example: example[0])
    return Split(*([question for _, question in side] for side in sides))


# ---- Choosing among them ---------------------------------------------------------------------------------------------


def get_rule(question: Question) -> str:
    """The kind of the rule that made a silver question: "prize" for "wiki-12-prize" and for "wiki-12-no prize"."""
    return question.id.split("-", 2)[2].removeprefix("no ")


def split_rules(questions: Sequence[Question]) -> tuple[set[str], set[str]]:
    """The rules of these questions in two halves: every second one of the rules in order of frequency."""
    rules = [rule for rule, _ in sorted(Counter(map(get_rule, questions)).items(), key=lambda one: (-one[1], one[0]))]
    return set(rules[::2]), set(rules[1::2])


def draw_questions(
    questions: Sequence[Question], rules: Collection[str], words: tuple[int, int], count: int
) -> list[Question]:
    """At most `count` questions of these rules, always the same ones: one on each of some random contexts that have
    between `words[0]` and `words[1]` words."""
    of_context: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        if get_rule(question) in rules and words[0] <= len(question.context.split()) <= words[1]:
            of_context[question.context].append(question)
    rng = random.Random(0)
    drawn = [rng.choice(some) for some in of_context.values()]
    return rng.sample(drawn, min(count, len(drawn)))
