"""Multi-label classification, regression, and a task that is only known here: none touches a line of the others."""

import json
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from bertlab import weights
from bertlab.heads import Classifier, Pretraining
from bertlab.model import BertConfig
from bertlab.progress import quiet
from bertlab.tasks import (
    TASKS,
    BadRowsError,
    FinetunePlan,
    MultiLabel,
    MultiLabelText,
    Regression,
    ScoredText,
    Split,
    Task,
    draw_report,
    finetune,
    format_scores,
    load_predictor,
    predict,
    read_multilabel_texts,
    read_scored_texts,
    write_predictions,
)
from bertlab.tasks.rows import encode_texts, run_model
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = "the cat dog mat film sat ran good bad fine poor was a . ? ##s"
TOKENIZER = WordPiece([*SPECIAL_TOKENS, *WORDS.split()])
SMALL = BertConfig(vocab_size=len(TOKENIZER), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                   intermediate_size=64, max_position_embeddings=64)  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    torch.manual_seed(0)
    return weights.save(Pretraining(SMALL), tmp_path_factory.mktemp("small") / "bert", TOKENIZER)


def make_plan(task: str, small, **changes) -> FinetunePlan:
    settings = {"task": task, "train": "given", "model": str(small), "length": 32, "epochs": 12.0, "batch_size": 8,
                "learning_rate": 3e-3, "evaluations": 2, "dropout": 0.0}  # fmt: skip
    return FinetunePlan(**settings | changes)


def draw_text(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS.split()[:7]) for _ in range(5))


def draw_multilabel(rng: random.Random) -> MultiLabelText:
    labels = tuple(label for label in ("cat", "dog", "film") if rng.random() < 0.4)
    words = [*labels, *rng.choices(["the", "mat", "sat", "ran"], k=3)]
    rng.shuffle(words)
    return MultiLabelText(" ".join(words), None, labels)


def draw_scored(rng: random.Random) -> ScoredText:
    good, bad = rng.randrange(4), rng.randrange(4)
    words = ["good"] * good + ["bad"] * bad + ["the", "film"]
    rng.shuffle(words)
    return ScoredText(" ".join(words), None, 10.0 + good - bad)


def draw_split(draw, train: int = 640) -> Split:
    rng = random.Random(0)
    return Split(*([draw(rng) for _ in range(count)] for count in (train, 32, 32)))


@pytest.mark.parametrize(
    ("task", "draw", "metric", "least"), [("multilabel", draw_multilabel, "micro_f1", 0.9),
                                          ("regress", draw_scored, "pearson", 0.9)]
)  # fmt: skip
def test_they_learn_and_are_saved(task, draw, metric, least, small, tmp_path):
    data = draw_split(draw)
    results = finetune(make_plan(task, small), tmp_path / "run", data=data, watch=quiet, say=lambda text: None)
    assert results["metric"] == metric
    assert results["model"][metric] >= least
    model, own, options = load_predictor(tmp_path / "run")
    assert type(own) is TASKS[task]
    again = own.score(data.test, own.predict(model, data.test, **options))
    assert again == pytest.approx(results["model"], abs=1e-6)
    lines = format_scores(results).splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("this BERT")
    assert ("%" in lines[-1]) == (task == "multilabel")
    assert draw_report(tmp_path / "run").axes
    [prediction] = predict(tmp_path / "run", ["the good cat"])
    assert own.format_prediction(prediction)
    assert predict(tmp_path / "run", [("the good", "cat")])
    write_predictions(["the good cat"], [prediction], tmp_path / "said.csv")
    assert (tmp_path / "said.csv").read_text().startswith("input,")
    assert "file" not in json.dumps(results)


def test_transformers_opens_them_with_the_same_predictions(small, tmp_path):
    import transformers

    transformers.logging.set_verbosity_error()
    for task, draw, problem in (("multilabel", draw_multilabel, "multi_label_classification"),
                                ("regress", draw_scored, "regression")):  # fmt: skip
        folder = tmp_path / task
        finetune(make_plan(task, small, epochs=0.5), folder, data=draw_split(draw, 64), watch=quiet, say=lambda _: None)
        theirs, info = transformers.AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
        assert not any(info.values())
        assert theirs.config.problem_type == problem
        ids = torch.tensor([TOKENIZER.encode("the good cat").input_ids])
        ours = weights.load(folder)
        torch.testing.assert_close(ours(ids).logits, theirs.eval()(ids).logits, rtol=0, atol=1e-5)
        theirs.save_pretrained(tmp_path / f"{task}-theirs")
        TOKENIZER.save(tmp_path / f"{task}-theirs")
        assert type(load_predictor(tmp_path / f"{task}-theirs")[1]) is TASKS[task]


# ---- Multi-label -----------------------------------------------------------------------------------------------------


def write_file(tmp_path, name: str, text: str):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_multilabel_files(tmp_path):
    expected = [MultiLabelText("one", None, ("a", "b")), MultiLabelText("two", None, ())]
    csv = write_file(tmp_path, "a.csv", "text,labels\none,a|b|a\ntwo,\n")
    assert read_multilabel_texts(csv) == expected
    lines = [{"text": "one", "labels": ["a", "b"]}, {"text": "two", "labels": []}]
    assert read_multilabel_texts(write_file(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)))) == expected
    columns = write_file(tmp_path, "b.csv", "id,text,a,b\n1,one,1,1\n2,two,0,0\n")
    assert read_multilabel_texts(columns) == expected
    assert (
        read_multilabel_texts(write_file(tmp_path, "c.csv", "t,tags\none,a|b\ntwo,\n"), text="t", labels="tags")
        == expected
    )
    with pytest.raises(
        BadRowsError, match="line 3: there is no column 'labels', and no columns of 0 and 1 .*'b' is '2'"
    ):
        read_multilabel_texts(write_file(tmp_path, "d.csv", "text,a,b\none,1,0\ntwo,0,2\n"))
    with pytest.raises(BadRowsError, match="line 2: label is empty"):
        read_multilabel_texts(write_file(tmp_path, "e.csv", "text,labels\none,a||b\n"))


def test_multilabel_rows_and_batches_literally():
    task = MultiLabel(TOKENIZER, ["a", "b", "c"], length=8)
    rows = task.make_rows([MultiLabelText("the cat", None, ("c", "a")), MultiLabelText("dog", None, ("new",))])
    assert [row["labels"] for row in rows] == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    batch = task.collate(rows)
    assert batch["labels"].tolist() == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert batch["labels"].dtype == torch.float32
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert "labels" not in task.collate([{"input_ids": [2, 3]}])


def test_multilabel_predicts_by_its_threshold_and_chooses_it():
    class Fixed(torch.nn.Linear):
        def forward(self, input_ids, attention_mask=None):
            from bertlab.heads import Output

            cat = (input_ids == TOKENIZER.index["cat"]).any(1).float()
            return Output(logits=torch.stack([2 * cat - 1.5, -1 - cat * 0], dim=1))  # sigmoid .62 or .18; .27

    task, model = MultiLabel(TOKENIZER, ["cat", "never"], length=8), Fixed(1, 1)
    examples = [MultiLabelText("the cat", None, ("cat",)), MultiLabelText("dog", None, ())]
    said = task.predict(model, examples)
    assert [one["labels"] for one in said] == [["cat"], []]
    assert said[0]["probabilities"] == pytest.approx({"cat": 0.6225, "never": 0.2689}, abs=1e-3)
    assert [one["labels"] for one in task.predict(model, examples, threshold=0.1)] == [["cat", "never"]] * 2
    assert task.choose_options(model, examples) == {"threshold": 0.5}
    assert task.score(examples, said) == {"micro_f1": 1.0, "macro_f1": pytest.approx(0.5), "exact": 1.0}


def test_multilabel_baselines_and_what_cannot_be_learned():
    train = [MultiLabelText("good film", None, ("p",)), MultiLabelText("bad film", None, ("n", "p"))] * 5
    task = MultiLabel(TOKENIZER, MultiLabel.list_labels(train))
    scores = task.score_baselines(train, train[:2])
    assert scores["TF-IDF + logistic regression"]["exact"] == 1.0
    assert scores["most frequent labels"]["exact"] == 0.5
    with pytest.raises(ValueError, match="none of 1 texts has a label"):
        MultiLabel.list_labels([MultiLabelText("a", None, ())])
    with pytest.raises(ValueError, match="the same labels: there is nothing to tell apart"):
        MultiLabel.list_labels([MultiLabelText("a", None, ("x",))] * 2)


# ---- Regression ------------------------------------------------------------------------------------------------------


def test_regression_files(tmp_path):
    file = write_file(tmp_path, "a.csv", "text,score\ngood,3.5\nbad,-1\n")
    assert read_scored_texts(file) == [ScoredText("good", None, 3.5), ScoredText("bad", None, -1.0)]
    pairs = write_file(tmp_path, "a.jsonl", '{"a": "x", "text_pair": "y", "stars": 4}\n')
    assert read_scored_texts(pairs, text="a", score="stars") == [ScoredText("x", "y", 4.0)]
    for bad in ("", "good", "nan", "inf"):
        with pytest.raises(BadRowsError, match="line 3: score is .*; it must be a number such as 3.5"):
            read_scored_texts(write_file(tmp_path, "b.csv", f"text,score\ngood,1\nbad,{bad}\n"))


def test_regression_starts_from_the_mean_and_its_rows(small):
    task = Regression(TOKENIZER, [], 16)
    rows = task.make_rows([ScoredText("the cat", None, 2.0), ScoredText("dog", None, 4.0)])
    assert task.collate(rows)["labels"].tolist() == [2.0, 4.0]
    model = task.load_model(small)
    assert model.problem_type == "regression"
    task.prepare_model(model, [ScoredText("", None, 2.0), ScoredText("", None, 4.0)], None)
    assert model.output.bias.tolist() == [3.0]
    assert abs(task.predict(model, [ScoredText("the cat", None, 0.0)])[0]["score"] - 3) < 0.5
    with pytest.raises(ValueError, match="all 2 texts have the score 1: there is nothing to learn"):
        Regression.derive_settings([ScoredText("a", None, 1.0), ScoredText("b", None, 1.0)])


def test_regression_baselines():
    train = [ScoredText(f"{'good ' * n}film", None, float(n)) for n in range(1, 6)] * 4
    scores = Regression(TOKENIZER, [], 16).score_baselines(train, train[:5])
    assert scores["mean of the training data"]["pearson"] == 0.0
    assert scores["mean of the training data"]["mae"] == pytest.approx(1.2)
    assert scores["TF-IDF + ridge regression"]["pearson"] > 0.5


# ---- A task that is only known here ----------------------------------------------------------------------------------


class CountedText(NamedTuple):
    text: str
    odd: bool


class OddLength(Task):
    """Is the number of words odd? The smallest task that finetune, predict and the report can use."""

    name, head, metric = "odd", Classifier, "accuracy"
    labels = ("even", "odd")

    def load_model(self, folder):
        return weights.load(folder, Classifier, num_labels=2, new_heads=True)

    @classmethod
    def read_file(cls, path, skip_bad_rows=False, say=print):
        lines = Path(path).read_text("utf-8").splitlines()
        return [CountedText(line, len(line.split()) % 2 == 1) for line in lines]

    parse_input = classmethod(lambda cls, given: CountedText(given, False))
    get_text = classmethod(lambda cls, example: example.text)
    get_answer = classmethod(lambda cls, example: example.odd)

    def make_rows(self, examples):
        rows, self.truncated = encode_texts(
            self.tokenizer, [e.text for e in examples], [None] * len(examples), self.length
        )
        return [row | {"labels": int(e.odd)} for row, e in zip(rows, examples, strict=True)]

    def predict(self, model, examples):
        rows, predictions = self.make_rows(examples), [{}] * len(examples)
        for chosen, output in run_model(model, rows, self.collate):
            for i, best in zip(chosen, output.logits.argmax(-1).tolist(), strict=True):
                predictions[i] = {"odd": bool(best)}
        return predictions

    def score(self, examples, predictions):
        return {"accuracy": float(np.mean([e.odd == p["odd"] for e, p in zip(examples, predictions, strict=True)]))}

    def score_baselines(self, train, test):
        return {"always odd": self.score(test, [{"odd": True}] * len(test))}

    @classmethod
    def draw_report(cls, rows, most=12):
        return [row["expected"] == row["odd"] for row in rows]

    format_prediction = classmethod(lambda cls, prediction: "odd" if prediction["odd"] else "even")


def test_a_new_task_is_one_class_and_one_line(small, tmp_path, monkeypatch, capsys):
    """Plan, command line, training, results, report and prediction take a task that no other file has heard of."""
    from bertlab.__main__ import main

    monkeypatch.setitem(TASKS, "odd", OddLength)  # the line
    rng = random.Random(0)
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(" ".join(rng.choices(WORDS.split()[:7], k=rng.randrange(1, 9))) for _ in range(300)))
    arguments = ["finetune", "odd", "--train", str(file), "--model", str(small), "--length", "16", "--epochs", "1",
                 "--batch-size", "16", "--out", str(tmp_path / "run")]  # fmt: skip
    assert main(arguments) == 0
    assert "always odd" in capsys.readouterr().out
    assert main(["predict", "--model", str(tmp_path / "run"), "the cat"]) == 0
    assert capsys.readouterr().out.strip() in ("odd", "even")
    assert isinstance(draw_report(tmp_path / "run"), list)
