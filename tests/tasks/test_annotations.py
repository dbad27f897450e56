"""Our two annotated files: joined to small articles, each kind of damage, then the real files and texts."""

import functools
import json
from collections import Counter

import pytest

from bertlab import sources
from bertlab.tasks import (
    AnnotationError,
    hash_summary,
    list_held_out_titles,
    read_determiners_test,
    read_names_test,
    read_reading_test,
    split_words_and_tags,
)
from bertlab.tasks.annotations import WORD_PATTERN

TEXT = "Ada Lovelace lived in London. She worked with Charles Babbage, an English engineer, until 1852."
ARTICLES = [
    {"title": "Ada", "summary": TEXT, "topic": "People"},
    {"title": "Nothing", "summary": "Water is wet.", "topic": "Physical sciences"},
]


def span(piece):
    """[start, end] of a piece of TEXT."""
    start = TEXT.index(piece)
    return [start, start + len(piece)]


def sentence(**changes):
    """A good line of the names file, changed."""
    start, end = span("She worked with Charles Babbage, an English engineer, until 1852.")
    entities = [[*span("Charles Babbage"), "PER"], [*span("English"), "MISC"]]
    return {"title": "Ada", "sha256": hash_summary(TEXT), "start": start, "end": end, "entities": entities} | changes


def question(**changes):
    """A good question, changed."""
    return {
        "id": "a",
        "question": "Where?",
        "answers": [span("London"), span("in London")],
        "is_impossible": False,
    } | changes


def unanswerable(**changes):
    return question(id="b", answers=[], is_impossible=True, plausible_answers=[span("1852")]) | changes


@pytest.fixture
def names(tmp_path):
    """Read the names file that holds these lines (dicts, or text as it is)."""

    def read(*lines):
        path = tmp_path / "names.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        return read_names_test(ARTICLES, path)

    return read


@pytest.fixture
def reading(tmp_path):
    """Read the reading file with these questions about Ada, its entry changed."""

    def read(*qas, **changes):
        entry = {"title": "Ada", "sha256": hash_summary(TEXT), "paragraphs": [{"qas": list(qas)}]} | changes
        path = tmp_path / "reading.json"
        path.write_text(json.dumps({"version": "v", "data": [entry]}), encoding="utf-8")
        return read_reading_test(ARTICLES, path)

    return read


# ---------------------------------------------------------------------------------------------------------
# Small articles


def test_names_are_joined_to_the_sentence(names):
    water = {"title": "Nothing", "sha256": hash_summary("Water is wet."), "start": 0, "end": 13, "entities": []}
    first, second = names(sentence(), water)
    assert first == {
        "title": "Ada",
        "topic": "People",
        "text": "She worked with Charles Babbage, an English engineer, until 1852.",
        "entities": [(16, 31, "PER"), (36, 43, "MISC")],
    }
    assert (second["text"], second["topic"], second["entities"]) == ("Water is wet.", "Physical sciences", [])


def test_words_and_tags():
    text = "U.S. poet Jean-Luc O's Swiss-born Old York."
    entities = [(0, 4, "LOC"), (10, 20, "PER"), (23, 33, "MISC"), (34, 42, "LOC")]
    words, tags = split_words_and_tags(text, entities)
    assert words == ["U.S.", "poet", "Jean-Luc", "O", "'s", "Swiss-born", "Old", "York", "."]
    assert tags == ["B-LOC", "O", "B-PER", "I-PER", "O", "B-MISC", "B-LOC", "I-LOC", "O"]
    assert split_words_and_tags("Arab Islamic", [(0, 4, "MISC"), (5, 12, "MISC")])[1] == ["B-MISC", "B-MISC"]
    assert split_words_and_tags("", []) == ([], [])


def test_reading_has_the_layout_of_squad(reading):
    assert reading(question(), unanswerable()) == {
        "version": "v",
        "data": [
            {
                "title": "Ada",
                "paragraphs": [
                    {
                        "context": TEXT,
                        "qas": [
                            {
                                "id": "a",
                                "question": "Where?",
                                "answers": [
                                    {"text": "London", "answer_start": 22},
                                    {"text": "in London", "answer_start": 19},
                                ],
                                "is_impossible": False,
                            },
                            {
                                "id": "b",
                                "question": "Where?",
                                "answers": [],
                                "is_impossible": True,
                                "plausible_answers": [{"text": "1852", "answer_start": 90}],
                            },
                        ],
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{"], r"names.jsonl, line 1: not JSON"),
        (["[]"], r"line 1: expected a JSON object, not '\[\]'"),
        ([sentence(title="Eve")], r"line 1: the source has no article 'Eve'"),
        (
            [sentence(sha256="0" * 16)],
            r"the text of 'Ada' is not the one that was annotated .* or annotate the article again",
        ),
        ([sentence(), sentence()], r"line 2: this sentence of 'Ada' is already in the file"),
        ([{key: value for key, value in sentence().items() if key != "entities"}], r'needs "start", "end", and "ent'),
        ([sentence(entities=[[46, 61]])], r'line 1: needs "start"'),
        ([sentence(entities=[["46", 61, "PER"]])], r'line 1: needs "start"'),
        ([sentence(end=9_999)], r"30 to 9999 is not a span of a text of 95 characters"),
        ([sentence(start="30", entities=[])], r"line 1: \('30', 95\) is not a start and an end"),
        ([sentence(entities=[[46, 46, "PER"]])], r"16 to 16 is not a span"),
        ([sentence(entities=[[*span("London"), "LOC"]])], r"-8 to -2 is not a span"),
        ([sentence(entities=[[*span("Charles "), "PER"]])], r"'Charles ' starts or ends with white space"),
        ([sentence(entities=[[*span("Charl"), "PER"]])], r"'Charl' starts or ends inside a word"),
        ([sentence(entities=[[*span("arles"), "PER"]])], r"'arles' starts or ends inside a word"),
        (
            [sentence(entities=[[*span("English"), "GPE"]])],
            r"'English' has the type 'GPE'; the types are PER, LOC",
        ),
        (
            [sentence(entities=[[*span("Charles Babbage"), "PER"], [*span("Babbage"), "PER"]])],
            r"'Babbage' overlaps the name listed before it",
        ),
    ],
)
def test_a_damaged_names_file_is_refused(names, lines, message):
    with pytest.raises(AnnotationError, match=message):
        names(*lines)


@pytest.mark.parametrize(
    ("qas", "changes", "message"),
    [
        ([question()], {"sha256": "0" * 16}, r"reading.json: the text of 'Ada' is not the one that was annotated"),
        ([question()], {"title": "Eve"}, r"no article 'Eve'"),
        ([question()], {"paragraphs": []}, r"not in the layout of SQuAD 2.0: IndexError"),
        ([{"id": "a"}], {}, r"not in the layout of SQuAD 2.0: KeyError\('answers'\)"),
        ([question(), question()], {}, r"two questions have the id a"),
        ([question(answers=[])], {}, r"question a: is_impossible is False, but it has 0 answers"),
        ([question(is_impossible=True)], {}, r"question a: is_impossible is True, but it has 2 answers"),
        ([question(answers=[[0, 1]])], {}, r"question a: 'A' starts or ends inside a word"),
        ([question(answers=["London"])], {}, r"question a: 'London' is not a start and an end"),
        ([question(answers=[[90, 999]])], {}, r"question a: 90 to 999 is not a span"),
        ([unanswerable(plausible_answers=[[88, 94]])], {}, r"question b: .* starts or ends inside a word"),
    ],
)
def test_a_damaged_reading_file_is_refused(reading, qas, changes, message):
    with pytest.raises(AnnotationError, match=message):
        reading(*qas, **changes)


def test_a_missing_or_unreadable_file_is_named(tmp_path):
    with pytest.raises(AnnotationError, match=r"nowhere.jsonl.*reinstall bertlab"):
        read_names_test(ARTICLES, tmp_path / "nowhere.jsonl")
    (tmp_path / "latin.json").write_bytes(b"\xff")
    with pytest.raises(AnnotationError, match="cannot be read .*UTF-8"):
        read_reading_test(ARTICLES, tmp_path / "latin.json")


# ---------------------------------------------------------------------------------------------------------
# The files that we ship


def test_the_files_hold_no_text_and_share_no_article():
    folder = sources.data_folder()
    lines = [json.loads(line) for line in (folder / "names_test.jsonl").read_text(encoding="utf-8").splitlines()]
    entries = json.loads((folder / "reading_test.json").read_text(encoding="utf-8"))["data"]
    assert all(line.keys() == {"title", "sha256", "start", "end", "entities"} for line in lines)
    assert all("context" not in entry["paragraphs"][0] for entry in entries)
    names, reading = {line["title"] for line in lines}, {entry["title"] for entry in entries}
    assert (len(names), len(reading), len(names & reading)) == (240, 96, 0)
    assert list_held_out_titles() == names | reading


@functools.cache
def wiki():
    try:
        return sources.wiki()
    except sources.SourceError as error:
        return pytest.skip(str(error).splitlines()[0])


@pytest.mark.network
def test_the_real_names():
    sentences = read_names_test(wiki())
    entities = [(s["text"][start:end], kind) for s in sentences for start, end, kind in s["entities"]]
    assert len(sentences) == 240
    assert Counter(kind for _, kind in entities) == {"LOC": 197, "MISC": 180, "PER": 68, "ORG": 25}
    assert sum(not s["entities"] for s in sentences) == 97
    assert Counter(s["topic"] for s in sentences)["People"] == 40
    assert [name for name, kind in entities if kind == "ORG"].count("Church of England") == 2
    assert {("Leo Tolstoy", "PER"), ("Nobel Peace Prize", "MISC"), ("Lake Michigan", "LOC")} <= set(entities)
    for s in sentences:  # no name begins or ends inside a word, as tagging splits words
        words, tags = split_words_and_tags(s["text"], s["entities"])
        assert "".join(words) == "".join(s["text"].split())
        assert [tag[2:] for tag in tags if tag.startswith("B")] == [kind for _, _, kind in s["entities"]]
        starts = {match.start() for match in WORD_PATTERN.finditer(s["text"])}
        ends = {match.end() for match in WORD_PATTERN.finditer(s["text"])}
        assert all(start in starts and end in ends for start, end, _ in s["entities"])


@pytest.mark.network
def test_the_real_questions():
    articles = read_reading_test(wiki())["data"]
    qas = [qa for article in articles for qa in article["paragraphs"][0]["qas"]]
    assert (len(articles), len(qas), sum(qa["is_impossible"] for qa in qas)) == (96, 268, 68)
    assert len({qa["question"].casefold() for qa in qas}) == len(qas)
    assert all(qa["question"].endswith("?") for qa in qas)
    assert all(len(qa["plausible_answers"]) == 1 for qa in qas if qa["is_impossible"])
    for article in articles:
        paragraph = article["paragraphs"][0]
        for qa in paragraph["qas"]:
            for answer in qa["answers"] + qa.get("plausible_answers", []):
                assert paragraph["context"][answer["answer_start"] :].startswith(answer["text"])
            assert len({str(answer) for answer in qa["answers"]}) == len(qa["answers"])
    answers = {qa["question"]: [answer["text"] for answer in qa["answers"]] for qa in qas}
    assert answers["Which Roman commander did Arminius beat?"][0] == "Publius Quinctilius Varus"
    assert answers["In which metre is the poem written?"] == ["dactylic hexameter"]
    assert answers["Where was Arminius born?"] == []


def test_determiners_of_the_shipped_file_are_determiners():
    sentences = read_determiners_test()
    assert (len(sentences), sum(len(row["arcs"]) for row in sentences)) == (46, 122)
    known = {"the", "a", "an", "his", "her", "its", "this"}
    assert {row["words"][d].lower() for row in sentences for d, _ in row["arcs"]} <= known
    assert (sentences[0]["words"][2], sentences[0]["arcs"]) == ("period", [(0, 2), (4, 5)])


@pytest.mark.parametrize("arcs", [[[0, 99]], [[3, 2]], [], None, [[1]]])
def test_damaged_arcs_are_refused(tmp_path, arcs):
    path = tmp_path / "arcs.jsonl"
    row = sentence(arcs=arcs)
    path.write_text(
        json.dumps({key: row[key] for key in ("title", "sha256", "start", "end", "arcs")}), encoding="utf-8"
    )
    with pytest.raises(AnnotationError, match=r"arcs.jsonl, line 1: .*arc"):
        read_determiners_test(ARTICLES, path)
