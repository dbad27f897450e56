"""Silver questions: what single rules find in literal sentences, where they find nothing, then all of the real data."""

import random
from collections import Counter

import pytest

from bertlab import annotations, silver, tasks
from bertlab.tasks import Question, annotations
from bertlab.tasks.silver import question_rules


def article(title: str, summary: str, topic: str = "Geography") -> dict:
    return {"title": title, "summary": summary, "topic": topic}


def found(*args) -> dict[str, str]:
    """kind -> answer, for what the rules find in an article."""
    known = tasks.collect_facts(article(*args))
    return {kind: fact.answer for kind, fact in known[1].items()} if known else {}


PLANCK = article(
    "Max Planck",
    "Max Karl Ernst Ludwig Planck was a German theoretical physicist who won the Nobel Prize in Physics in 1918 for "
    "his discovery of energy quanta. He was born in Kiel. He moved to Berlin. He is best known for the quantum theory.",
    "People",
)


def test_a_person():
    known = found(*PLANCK.values())
    assert known["nation"] == "German"
    assert known["occupation"] == "theoretical physicist"
    assert known["prize"] == "Nobel Prize in Physics"
    assert known["prize year"] == "1918"
    assert known["prize reason"] == "his discovery of energy quanta"
    assert known["passive place"] == "Kiel"
    assert known["when did"] == "1918"
    assert known["where did"] == "Berlin"
    assert known["known for"] == "the quantum theory"
    assert "what" not in known  # not asked of people


def test_date_that_opens_a_sentence():
    text = "Ada was an English writer. In May 1843, she published her notes, which were long."
    fact = tasks.collect_facts(article("Ada", text, "People"))[1]["when did"]
    assert (fact.start, fact.answer) == (text.index("May"), "May 1843")
    subject = tasks.Subject("Ada", False, ())
    assert tasks.fill_question(fact.rule.ways[0], subject, fact.words) == "When did Ada publish her notes?"


def test_an_office():
    text = "Louis X was King of France from 1314 to 1316. He was crowned at Reims."
    known = found("Louis X", text, "People")
    assert (known["term"], known["begin"], known["end"]) == ("from 1314 to 1316", "1314", "1316")
    assert known["passive place"] == "Reims"


def test_a_place():
    text = (
        "Quito, officially San Francisco de Quito, is the capital of Ecuador, with an estimated population of 2.8 "
        "million. It covers an area of 372 square kilometres and was founded in 1534 by Sebastián de Belalcázar."
    )
    known = found("Quito", text)
    assert known["official name"] == "San Francisco de Quito"
    assert known["capital of"] == "Ecuador"
    assert known["population"] == "2.8 million"
    assert known["area"] == "372 square kilometres"
    assert known["passive year"] == "1534"
    assert known["by whom"] == "Sebastián de Belalcázar"


def test_a_film_a_plant_and_an_element():
    film = found(
        "Nosferatu", "Nosferatu is a 1922 silent film directed by F. W. Murnau and starring Max Schreck.", "Arts"
    )
    assert (film["work year"], film["director"]) == ("1922", "F. W. Murnau")
    plant = "The pomegranate is a shrub in the family Lythraceae. It is native to Iran, and is widely grown."
    known = found("Pomegranate", plant, "Biology and health sciences")
    assert (known["family"], known["native"], known["what"]) == (
        "Lythraceae",
        "Iran",
        "a shrub in the family Lythraceae",
    )
    tin = found("Tin", "Tin is a chemical element; it has symbol Sn and atomic number 50.", "Physical sciences")
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
def test_what_is_not_told_is_not_found(text):
    assert not {"passive place", "passive year", "born place", "when did"} & set(found("Tabriz", text))


def test_subject_is_named_as_in_the_text():
    def name(title, first, topic="Technology"):
        return tasks.find_subject(article(title, first, topic), first)[0]

    assert name("Drake Passage", "The Drake Passage is a strait.").name == "the Drake Passage"
    assert name("Inductor", "An inductor, also called a coil, is a component.").name == "an inductor"
    assert name("Psycho (1960 film)", "Psycho is a 1960 film.", "Arts").name == "Psycho"
    assert name("Silk", "Silk is a fiber. Moths make silk.").name == "silk"
    frogs = name("Frog", "Frogs are animals.")
    assert (frogs.name, frogs.plural) == ("Frogs", True)
    assert tasks.fill_question("Where {do} {x} live?", frogs, {}) == "Where do Frogs live?"


def test_year_is_asked_and_answered_as_a_year(monkeypatch):
    text = "Quezon City is a city. It was founded on October 12, 1939, and was named after a president."
    monkeypatch.setattr(silver.sources, "wiki", lambda: [article("Quezon City", text)])
    monkeypatch.setattr(annotations, "list_held_out_titles", lambda: frozenset())
    for way, answer in (
        ("In which year {was} {x} {did}{more}?", "1939"),
        ("When {was} {x} {did}{more}?", "October 12, 1939"),
    ):
        rules = [rule._replace(ways=(way,)) if rule.kind == "passive year" else rule for rule in tasks.RULES]
        monkeypatch.setattr(question_rules, "RULES", rules)
        asked = [q for side in tasks.make_silver_questions() for q in side if q.id.endswith("passive year")]
        assert [q.answers for q in asked] == [[(text.index(answer), answer)]]


def test_foreign_fact_needs_a_word_that_is_missing():
    rule = next(rule for rule in tasks.RULES if rule.kind == "prize year")
    bank = {rule.kind: [tasks.Fact(rule, 0, "1918", {"what": "Nobel Prize in Physics"})]}
    rng = random.Random(0)
    assert tasks.choose_foreign_fact("She wrote novels.", {}, bank, rng) == bank[rule.kind][0]
    assert tasks.choose_foreign_fact("She got the Nobel Prize in Physics.", {}, bank, rng) is None
    assert tasks.choose_foreign_fact("She wrote novels.", {rule.kind: None}, bank, rng) is None


@pytest.fixture(scope="module")
def data():
    return tasks.make_silver_questions()


def kind(question: Question) -> str:
    return question.id.split("-", 2)[2]


def test_answers_stand_where_they_say(data):
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
    held = tasks.list_held_out_titles()
    texts = {one["summary"] for one in silver.sources.wiki() if one["title"] in held}
    assert not any(texts & side for side in contexts)
    ids = [q.id for side in data for q in side]
    assert len(ids) == len(set(ids))


def test_thousands_of_many_kinds_with_and_without_an_answer(data):
    assert [len(side) > least for side, least in zip(data, (9000, 900, 900), strict=True)] == [True] * 3
    questions = data.train + data.dev + data.test
    without = sum(not q.answers for q in questions) / len(questions)
    assert 0.22 < without < 0.33
    kinds = Counter(kind(q) for q in questions if q.answers)
    assert len(kinds) > 50
    assert kinds.most_common(1)[0][1] < 0.3 * len(questions)
    firsts = Counter(q.question.split()[0] for q in questions)
    assert firsts.most_common(1)[0][1] < 0.5 * len(questions)  # no single way of asking gives it away
    assert all(kind(q).startswith("no ") != bool(q.answers) for q in questions)


def test_silent_text_holds_no_word_of_the_matter(data):
    silent = [q for q in data.train if kind(q) == "no prize"]
    assert silent
    assert not any("prize" in q.context.lower() or "award" in q.context.lower() for q in silent)


def test_same_questions_each_time(data):
    assert tasks.make_silver_questions() == data


def test_it_is_a_task_with_a_name():
    assert tasks.NAMED["questions"][:2] == ("read", tasks.make_silver_questions)
