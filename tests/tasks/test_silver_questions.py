"""Silver questions: what single rules find in short texts, where they find nothing, and properties of the real data."""

import random
from collections import Counter

import pytest

from bertlab import sources, tasks
from bertlab.tasks import Question, annotations
from bertlab.tasks.silver import make_silver_questions, questions
from bertlab.tasks.silver.question_rules import RULES
from bertlab.tasks.silver.questions import (
    Fact,
    Subject,
    choose_foreign_fact,
    collect_facts,
    fill_question,
    find_subject,
)


def article(title: str, summary: str, topic: str = "Geography") -> dict:
    return {"title": title, "summary": summary, "topic": topic}


def find_answers(*args) -> dict[str, str]:
    """The answer of each kind of fact that the rules find in an article."""
    subject_and_facts = collect_facts(article(*args))
    return {kind: fact.answer for kind, fact in subject_and_facts[1].items()} if subject_and_facts else {}


PLANCK = article(
    "Max Planck",
    "Max Karl Ernst Ludwig Planck was a German theoretical physicist who won the Nobel Prize in Physics in 1918 for "
    "his discovery of energy quanta. He was born in Kiel. He moved to Berlin. He is best known for the quantum theory.",
    "People",
)


def test_a_person():
    answers = find_answers(*PLANCK.values())
    assert answers["nation"] == "German"
    assert answers["occupation"] == "theoretical physicist"
    assert answers["prize"] == "Nobel Prize in Physics"
    assert answers["prize year"] == "1918"
    assert answers["prize reason"] == "his discovery of energy quanta"
    assert answers["passive place"] == "Kiel"
    assert answers["when did"] == "1918"
    assert answers["where did"] == "Berlin"
    assert answers["known for"] == "the quantum theory"
    assert "what" not in answers  # not asked of people


def test_a_date_that_opens_a_sentence():
    text = "Ada was an English writer. In May 1843, she published her notes, which were long."
    fact = collect_facts(article("Ada", text, "People"))[1]["when did"]
    assert (fact.start, fact.answer) == (text.index("May"), "May 1843")
    subject = Subject("Ada", False, ())
    assert fill_question(fact.rule.phrasings[0], subject, fact.slots) == "When did Ada publish her notes?"


def test_an_office():
    text = "Louis X was King of France from 1314 to 1316. He was crowned at Reims."
    answers = find_answers("Louis X", text, "People")
    assert (answers["term"], answers["begin"], answers["end"]) == ("from 1314 to 1316", "1314", "1316")
    assert answers["passive place"] == "Reims"


def test_a_place():
    text = (
        "Quito, officially San Francisco de Quito, is the capital of Ecuador, with an estimated population of 2.8 "
        "million. It covers an area of 372 square kilometres and was founded in 1534 by Sebastián de Belalcázar."
    )
    answers = find_answers("Quito", text)
    assert answers["official name"] == "San Francisco de Quito"
    assert answers["capital of"] == "Ecuador"
    assert answers["population"] == "2.8 million"
    assert answers["area"] == "372 square kilometres"
    assert answers["passive year"] == "1534"
    assert answers["by whom"] == "Sebastián de Belalcázar"


def test_a_film_a_plant_and_an_element():
    film = find_answers(
        "Nosferatu", "Nosferatu is a 1922 silent film directed by F. W. Murnau and starring Max Schreck.", "Arts"
    )
    assert (film["work year"], film["director"]) == ("1922", "F. W. Murnau")
    plant = "The pomegranate is a shrub in the family Lythraceae. It is native to Iran, and is widely grown."
    answers = find_answers("Pomegranate", plant, "Biology and health sciences")
    assert (answers["family"], answers["native"], answers["what"]) == (
        "Lythraceae",
        "Iran",
        "a shrub in the family Lythraceae",
    )
    tin = find_answers("Tin", "Tin is a chemical element; it has symbol Sn and atomic number 50.", "Physical sciences")
    assert (tin["symbol"], tin["number"]) == ("Sn", "50")


@pytest.mark.parametrize(
    "text",
    [
        "Tabriz is a city. Ibn Sina was born in Bukhara.",  # another subject
        "Tabriz is a city. It was 1204 metres high.",  # a number that is no year
        "Tabriz is a city. It was founded in summer.",
        "When visitors come, they are shown Tabriz.",  # does not begin with what it is about
    ],
)
def test_what_is_not_stated_is_not_found(text):
    assert not {"passive place", "passive year", "born place", "when did"} & set(find_answers("Tabriz", text))


def test_the_subject_is_named_as_in_the_text():
    def find_name(title, first_sentence, topic="Technology"):
        return find_subject(article(title, first_sentence, topic), first_sentence)[0]

    assert find_name("Drake Passage", "The Drake Passage is a strait.").name == "the Drake Passage"
    assert find_name("Inductor", "An inductor, also called a coil, is a component.").name == "an inductor"
    assert find_name("Psycho (1960 film)", "Psycho is a 1960 film.", "Arts").name == "Psycho"
    assert find_name("Silk", "Silk is a fiber. Moths make silk.").name == "silk"
    frogs = find_name("Frog", "Frogs are animals.")
    assert (frogs.name, frogs.plural) == ("Frogs", True)
    assert fill_question("Where {do} {x} live?", frogs, {}) == "Where do Frogs live?"


def test_year_is_asked_and_answered_as_a_year(monkeypatch):
    text = "Quezon City is a city. It was founded on October 12, 1939, and was named after a president."
    monkeypatch.setattr(sources, "wiki", lambda: [article("Quezon City", text)])
    monkeypatch.setattr(annotations, "list_held_out_titles", lambda: frozenset())
    for phrasing, answer in (
        ("In which year {was} {x} {did}{more}?", "1939"),
        ("When {was} {x} {did}{more}?", "October 12, 1939"),
    ):
        rules = [rule._replace(questions=phrasing) if rule.kind == "passive year" else rule for rule in RULES]
        monkeypatch.setattr(questions, "RULES", rules)
        asked = [q for side in make_silver_questions() for q in side if q.id.endswith("passive year")]
        assert [q.answers for q in asked] == [[(text.index(answer), answer)]]


def test_foreign_fact_needs_a_word_that_is_missing():
    rule = next(rule for rule in RULES if rule.kind == "prize year")
    foreign_facts = {rule.kind: [Fact(rule, 0, "1918", {"what": "Nobel Prize in Physics"})]}
    rng = random.Random(0)
    assert choose_foreign_fact("She wrote novels.", {}, foreign_facts, rng) == foreign_facts[rule.kind][0]
    assert choose_foreign_fact("She got the Nobel Prize in Physics.", {}, foreign_facts, rng) is None
    assert choose_foreign_fact("She wrote novels.", {rule.kind: None}, foreign_facts, rng) is None


@pytest.fixture(scope="module")
def data():
    return make_silver_questions()


def get_kind(question: Question) -> str:
    return question.id.split("-", 2)[2]


def test_answers_occur_at_their_positions(data):
    for question in (q for side in data for q in side):
        for start, text in question.answers:
            assert question.context[start : start + len(text)] == text
            assert text == text.strip(" ,")
            assert text
        assert question.question.endswith("?")
        assert "{" not in question.question


def test_split_is_by_article_and_leaves_the_tests_out(data):
    contexts = [{q.context for q in side} for side in data]
    assert not contexts[0] & contexts[1]
    assert not contexts[0] & contexts[2]
    assert not contexts[1] & contexts[2]
    held_out = tasks.list_held_out_titles()
    texts = {entry["summary"] for entry in sources.wiki() if entry["title"] in held_out}
    assert not any(texts & side for side in contexts)
    ids = [q.id for side in data for q in side]
    assert len(ids) == len(set(ids))


def test_there_are_thousands_of_many_kinds_with_and_without_an_answer(data):
    assert [len(side) > least for side, least in zip(data, (9000, 900, 900), strict=True)] == [True] * 3
    everything = data.train + data.dev + data.test
    unanswered = sum(not q.answers for q in everything) / len(everything)
    assert 0.22 < unanswered < 0.33
    kinds = Counter(get_kind(q) for q in everything if q.answers)
    assert len(kinds) > 50
    assert kinds.most_common(1)[0][1] < 0.3 * len(everything)
    first_words = Counter(q.question.split()[0] for q in everything)
    assert first_words.most_common(1)[0][1] < 0.5 * len(everything)  # no single phrasing dominates
    assert all(get_kind(q).startswith("no ") != bool(q.answers) for q in everything)


def test_unanswered_kinds_have_no_word_in_the_text(data):
    unanswered = [q for q in data.train if get_kind(q) == "no prize"]
    assert unanswered
    assert not any("prize" in q.context.lower() or "award" in q.context.lower() for q in unanswered)


def test_same_questions_each_time(data):
    assert make_silver_questions() == data


def test_it_is_a_named_task():
    assert tasks.NAMED["questions"][:2] == (tasks.Reading, tasks.make_silver_questions)
