"""Silver names: each rule on a small made-up encyclopedia, the split by article, and the rules' score on our test."""

import functools
from collections import Counter

import pytest

from bertlab import sources, tasks
from bertlab.tasks import detect_scheme, find_entities, score_entities
from bertlab.tasks.annotations import split_words_for_tagging
from bertlab.tasks.silver import make_silver_names
from bertlab.tasks.silver.names import collect_known_names, find_own_names, list_open_articles, tag_names

ARTICLES = [
    {"title": title, "topic": topic, "summary": summary}
    for title, topic, summary in [
        ("Ada Lovelace", "People", "Augusta Ada King was an English writer. Later Lovelace met the other author."),
        ("John Keats", "People", "John Keats was an English poet of Rome and of the early school."),
        ("Henry IV of France", "People", "Henry IV was a French king. Once Henry saw France and many towns."),
        ("France", "Geography", "France, officially the Republic of France, is a country. They say France is large."),
        ("Rome", "Geography", "Rome is the capital and a city of art. All know Rome, and go to Rome."),
        ("Baltic Sea", "Geography", "The Baltic Sea is a sea. In the Baltic are islands."),
        ("National park", "Geography", "A national park is a park."),
        ("Oak", "Biology and health sciences", "An oak is a tree, and is large; at the school the tree is old."),
        ("Quercus", "Biology and health sciences", "Quercus is a genus. We call it Quercus."),
        ("Great Fire", "History", "The Great Fire was a war of the other kind. See the Great Fire."),
        ("Acme", "Society and social sciences", "Acme is a company that sells. We know Acme as a firm."),
        ("Qing dynasty", "History", "The Qing dynasty was a dynasty."),
        ("History of Rome", "History", "The history of Rome was an age of war."),
        ("Odd thing", "Philosophy and religion", "An odd thing is odd. In the end it is. Over the hill."),
    ]
]


@pytest.fixture(scope="module")
def known():
    known = collect_known_names(ARTICLES)
    known.lowercase.update(["they", "in", "over"] * 3)
    return known


def find_names(text, known, own_names=None):
    """Names of a text as (words, type), or None if some capital is not explained."""
    words = split_words_for_tagging(text)
    tags, explained = tag_names(words, known, own_names)
    if not explained:
        return None
    return [(" ".join(words[start:end]), entity_type) for start, end, entity_type in find_entities(tags)]


def test_titles_topics_and_first_sentences_give_types(known):
    types = {" ".join(words): entity_type for words, entity_type in known.types.items()}
    assert types.items() >= {
        "Ada Lovelace": "PER", "France": "LOC", "Republic of France": "LOC", "Rome": "LOC", "Baltic Sea": "LOC",
        "Baltic": "LOC", "Great Fire": "MISC", "Acme": "ORG", "Quercus": "O", "English": "MISC", "Qing": "MISC",
    }.items()  # fmt: skip
    assert not types.keys() & {"National park", "Oak", "Odd thing", "Qing dynasty", "History of Rome"}
    assert known.first_names == {"Ada", "John", "Henry"}
    assert (known.lowercase["school"], known.capitalized["Rome"]) == (2, 4)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("They saw France and Rome.", [("France", "LOC"), ("Rome", "LOC")]),
        ("In the end they saw Acme.", [("Acme", "ORG")]),
        ("Over the Republic of France.", [("Republic of France", "LOC")]),
        ("They saw John Q. Smith once.", [("John Q . Smith", "PER")]),
        ("They saw John of France.", [("John", "PER"), ("France", "LOC")]),
        ("They saw King Charles of Rome.", [("Charles", "PER"), ("Rome", "LOC")]),
        ("They like the University of Rome.", [("University of Rome", "ORG")]),
        ("They like King Edward School.", [("Edward School", "ORG")]),
        ("They like Lake Como.", [("Lake Como", "LOC")]),
        ("They like the Battle of Waterloo.", [("Battle of Waterloo", "MISC")]),
        ("They like the English school.", [("English", "MISC")]),
        ("They like English Rome.", [("English", "MISC"), ("Rome", "LOC")]),
        ("They like Eastern France.", [("Eastern France", "LOC")]),
        ("They like English-born ones.", [("English-born", "MISC")]),
        ("They like trans-Baltic ones.", [("trans-Baltic", "MISC")]),
        ("They like Acme (ACM) in May.", [("Acme", "ORG"), ("ACM", "ORG")]),
        ("They like the Rome Company.", [("Rome Company", "ORG")]),
        ("They like Quercus in May.", []),
        ("They saw the President.", []),
        ("They saw Zyx.", None),
        ("In Zyx they saw France.", None),
        ("They saw Lovelace.", None),
    ],
)
def test_each_rule(known, text, names):
    assert find_names(text, known) == names


def test_surnames_hold_in_their_own_article(known):
    own_names = find_own_names(ARTICLES[0], known)
    assert own_names[("Lovelace",)] == own_names["Augusta", "Ada", "King"] == "PER"
    assert ("King",) not in own_names
    assert find_names("Later Lovelace met France.", known, own_names) is None  # Later is not known in lower case
    assert find_names("They met Lovelace.", known, own_names) == [("Lovelace", "PER")]
    assert ("France",) not in find_own_names(ARTICLES[2], known)
    assert find_own_names(ARTICLES[3], known) == {}


@functools.cache
def load_real_data():
    try:
        return make_silver_names()
    except sources.SourceError as error:
        return pytest.skip(str(error).splitlines()[0])


@pytest.mark.network
def test_the_real_silver():
    data = load_real_data()
    sentences = [*data.train, *data.dev, *data.test]
    assert [len(data.train) > 12_000, len(data.dev) > 1_000, len(data.test) > 1_000] == [True] * 3
    assert detect_scheme([s.tags for s in sentences]) == "IOB2"
    assert tasks.Tagging.list_labels(data.train) == [
        "O",
        *(f"{m}-{k}" for m in "BI" for k in ("LOC", "MISC", "ORG", "PER")),
    ]
    held_out = [s["text"] for s in tasks.read_names_test()]
    for article in tasks.read_reading_test()["data"]:
        held_out += sources.split_sentences(article["paragraphs"][0]["context"])
    held_out = {" ".join(split_words_for_tagging(sentence)) for sentence in held_out}
    assert not held_out & {" ".join(s.words) for s in sentences}
    assert data.train[:50] == make_silver_names().train[:50]
    assert not {article["title"] for article in list_open_articles()} & tasks.list_held_out_titles()
    counts = Counter(entity_type for s in sentences for _, _, entity_type in find_entities(s.tags))
    assert min(counts.values()) > 500


@pytest.mark.network
def test_how_good_the_rules_are():
    test = tasks.load_names().test
    known = collect_known_names(list_open_articles())
    tagged = [tag_names(s.words, known) for s in test]
    scores = score_entities([s.tags for s in test], [tags for tags, _ in tagged])
    assert scores["precision"] > 0.8
    assert 0.5 < scores["recall"] < 0.7
    kept = [(s.tags, tags) for s, (tags, explained) in zip(test, tagged, strict=True) if explained]
    assert score_entities(*zip(*kept, strict=True))["f1"] > 0.88
    assert len(kept) > 100
