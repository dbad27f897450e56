"""Questions and data sets of the hub through the public readers, and examples that Python callers build wrongly.

Files in every layout, and the rows of data sets: test_inputs.py.
"""

import re

import pytest

from bertlab.__main__ import main
from bertlab.tasks import (
    TASKS,
    BadRows,
    FinetunePlan,
    LabelledText,
    MultiLabelText,
    Question,
    ScoredText,
    Split,
    TaggedSentence,
    TextPair,
    check_data,
    finetune,
    parse_articles,
    read_hub_examples,
)

from ..conftest import ROOT

FOLDER = ROOT / "tests" / "inputs" / "squad"
CONTEXT = "Otters 🦦 float on their backs. They crack shells with stones."
ANSWERED = Question("o1", "What do otters crack?", CONTEXT, [(42, "shells")])
OPEN = ANSWERED._replace(answers=[])
NULL = "1 of 1 questions have answers null and no is_impossible: taken as without an answer"
BOTH = "1 of 1 questions have answers although is_impossible is true: taken as without an answer"


def test_a_bad_paragraph_costs_no_other_one(tmp_path):
    paragraphs = [{"context": CONTEXT}, {"context": CONTEXT, "qas": [{"id": 7, "question": "Who?", "answers": None}]}]
    problems = BadRows("a.json")
    assert [question.id for question in parse_articles([{"paragraphs": paragraphs}], problems)] == ["7"]
    assert problems.messages == ["a.json, article 1, paragraph 1: there is no 'qas'"]


# ---- Data sets of the hub --------------------------------------------------------------------------------------------

DATASETS = {
    "read": ({"id": "o1", "question": "What?", "context": CONTEXT,
              "answers": {"text": ["shells"], "answer_start": [42]}},
             Question("o1", "What?", CONTEXT, [(42, "shells")])),
    "classify": ({"text": "good", "label": 1}, LabelledText("good", None, "1")),
    "multilabel": ({"text": "good", "labels": ["a", "b"]}, MultiLabelText("good", None, ("a", "b"))),
    "regress": ({"text": "good", "score": 1.5}, ScoredText("good", None, 1.5)),
    "tag": ({"tokens": ["EU", "rejects", "it"], "ner_tags": ["B-ORG", "O", "O"]},
            TaggedSentence(["EU", "rejects", "it"], ["B-ORG", "O", "O"])),
    "write": ({"source": "a", "target": "b"}, TextPair("a", "b")),
    "reply": ({"source": "a", "target": "b"}, TextPair("a", "b")),
}  # fmt: skip


def keep_dataset(tmp_path, rows: list[dict], features=None) -> str:
    """A folder that `datasets` reads as it reads a repository of the hub."""
    datasets = pytest.importorskip("datasets")
    (tmp_path / "set").mkdir()
    datasets.Dataset.from_list(rows, features).to_parquet(tmp_path / "set" / "train-00000-of-00001.parquet")
    return str(tmp_path / "set")


def test_the_command_line_skips_bad_rows_of_a_data_set(tmp_path, capsys):
    folder = keep_dataset(tmp_path, [{"text": "good", "label": "a"}, {"text": None, "label": "b"}])
    arguments = ["finetune", "classify", "--train", f"hub:{folder}", "--out", str(tmp_path / "run")]
    assert main(arguments)
    assert "row 2: text is None, not a text" in capsys.readouterr().err
    assert main([*arguments, "--skip-bad-rows"])  # one label is left
    assert "1 of 2 rows left out" in "".join(capsys.readouterr())


def test_classes_of_a_data_set_have_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"tokens": datasets.Sequence(datasets.Value("string")),
         "ner_tags": datasets.Sequence(datasets.ClassLabel(names=["O", "B-PER"]))}
    )  # fmt: skip
    rows = [{"tokens": ["Ada", "sat"], "ner_tags": [1, 0]}, {"tokens": [], "ner_tags": []},
            {"tokens": ["Ada", "sat"], "ner_tags": [-1, 0]}]  # fmt: skip
    folder, said = keep_dataset(tmp_path, rows, features), []
    expected = [TaggedSentence(["Ada", "sat"], ["B-PER", "O"])]
    assert read_hub_examples(TASKS["tag"], folder, "train", skip_bad_rows=True, say=said.append) == expected
    assert "1 of 3 rows" in said[0]
    assert "row 3: -1 is the number of no class: there are 2, from 0" in said[1]


def test_an_odd_tag_of_a_data_set_is_told_by_its_row(tmp_path):
    rows = [{"tokens": ["Ada", "sat"], "tags": tags} for tags in (["B-PER", "O"], ["B-PER", None], ["B_PER", "O"])]
    folder, said = keep_dataset(tmp_path, rows), []
    found = read_hub_examples(TASKS["tag"], folder, "train", skip_bad_rows=True, say=said.append)
    assert [sentence.tags for sentence in found] == [["B-PER", "O"]] * 2
    assert "the tag 'B_PER' (row 3) is read as B-PER" in said[1]


def test_columns_that_a_data_set_does_not_have(tmp_path):
    rows = [{"translation": {"de": "die Katze", "en": "the cat"}}] * 2
    folder, said = keep_dataset(tmp_path, rows), []
    pairs = read_hub_examples(TASKS["write"], folder, "train", source="en", say=said.append)
    assert pairs[0] == TextPair("the cat", "die Katze")
    assert "from en into de" in said[0]
    with pytest.raises(ValueError, match="has no language 'fr', only de, en"):
        read_hub_examples(TASKS["write"], folder, "train", source="fr", target="en")
    with pytest.raises(ValueError, match="a classify has no columns txt to name; there are text, pair, label"):
        read_hub_examples(TASKS["classify"], folder, "train", txt="translation")


def test_the_second_text_of_a_pair_is_named_as_for_a_file(tmp_path):
    folder = keep_dataset(tmp_path, [{"text": "a", "other": "b", "label": 1}])
    for name in ("pair", "text_pair"):
        found = read_hub_examples(TASKS["classify"], folder, "train", **{name: "other"})
        assert found == [LabelledText("a", "b", "1")]


# ---- Examples that Python callers build ------------------------------------------------------------------------------

TEXTS = [LabelledText("a", None, "x"), LabelledText("b", None, "y")]


@pytest.mark.parametrize(
    ("task", "example", "message"),
    [
        ("classify", ("a", "x"), "data.train[1] is ('a', 'x'), not a LabelledText(text, pair, label)"),
        ("classify", TEXTS[0]._replace(label=1), "data.train[1].label is 1, not a text"),
        ("classify", TEXTS[0]._replace(text=None), "data.train[1].text is None, not a text"),
        ("classify", TEXTS[0]._replace(pair=3), "data.train[1].pair is 3, not a text"),
        ("multilabel", MultiLabelText("a", None, "xy"), "data.train[1].labels is 'xy', not a list"),
        ("multilabel", MultiLabelText("a", None, ("x", 2)), "data.train[1].labels[1] is 2, not a text"),
        ("regress", ScoredText("a", None, "3"), "data.train[1].score is '3', not a number"),
        ("regress", ScoredText("a", None, float("nan")), "data.train[1].score is nan; it must be a number"),
        ("tag", TaggedSentence(["a", "b"], ["X"]), "data.train[1] has 2 words and 1 tags; each word needs one"),
        ("tag", TaggedSentence("ab", ["X", "Y"]), "data.train[1].words is 'ab', not a list"),
        ("read", Question("1", "q", "a b", ["b"]), "data.train[1].answers[0] is 'b', not a list"),
        ("read", Question("1", "q", "a b", [("b", 2)]), "data.train[1].answers[0][0] is 'b', not a whole number"),
        ("read", Question("1", "q", "a b", [(0, "b")]), "data.train[1]: the answer 'b' is not at character 0"),
        ("read", Question("1", "q", None, []), "data.train[1].context is None, not a text"),
        ("write", TextPair("a", None), "data.train[1].target is None, not a text"),
        ("reply", "a", "data.train[1] is 'a', not a TextPair(source, target)"),
    ],
)  # fmt: skip
def test_a_wrong_example_of_a_python_caller_is_told(task, example, message, tmp_path):
    good = DATASETS[task][1]
    plan = FinetunePlan(task=task, train="given", model="minilm")
    with pytest.raises(ValueError, match=re.escape(message)):
        finetune(plan, tmp_path / "run", data=Split([good, example], [good], [good]), say=lambda text: None)
    assert not (tmp_path / "run").exists()


def test_data_that_is_no_split_is_told(tmp_path):
    plan = FinetunePlan(task="classify", train="given", model="minilm")
    for data, message in ((TEXTS, "data is a list, not a Split"), (Split("ab", TEXTS, TEXTS), "data.train is a str")):
        with pytest.raises(ValueError, match=message):
            finetune(plan, tmp_path / "run", data=data)


def test_good_examples_of_every_task_pass():
    for task, (_, example) in DATASETS.items():
        TASKS[task].check_example(example, "example")
    check_data(FinetunePlan(task="classify", train="given"), Split(TEXTS, TEXTS, TEXTS), lambda text: None)
