"""From rows to a folder and back: each task on tiny data, resuming by command, transformers' pipelines, predictions."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import pytest
import torch

from bertlab import tasks, weights
from bertlab.__main__ import main, make_parser
from bertlab.heads import Classifier, Pretraining, SpanFinder, Tagger
from bertlab.model import BertConfig
from bertlab.progress import quiet
from bertlab.tasks import (
    FinetunePlan,
    LabelledText,
    Question,
    Split,
    TaggedSentence,
    TextPair,
    finetune,
    format_scores,
    freeze_layers,
    load_predictor,
    load_task_model,
    make_task,
    predict,
    scale_learning_rates,
)
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece
from bertlab.writing import Writer

from ..conftest import ROOT

WORDS = "the cat dog mat sat ran film good bad fine poor was a who where in on rome oslo ada bob . ? ##s"
PIECES = WordPiece([*SPECIAL_TOKENS, *WORDS.split()])
NOUNS, VERBS = ["cat", "dog", "film", "mat"], ["sat", "ran"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A tiny BERT with random weights, in a folder."""
    config = BertConfig(vocab_size=len(PIECES), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=64, max_position_embeddings=64)  # fmt: skip
    torch.manual_seed(0)
    return weights.save(Pretraining(config), tmp_path_factory.mktemp("small") / "bert", PIECES)


def example(kind: str, rng: random.Random):
    noun, verb, good = rng.choice(NOUNS), rng.choice(VERBS), rng.random() < 0.5
    tail = " ".join(rng.choice(NOUNS) for _ in range(rng.randrange(1, 6)))
    if kind == "classify":
        word = rng.choice(["good", "fine"] if good else ["bad", "poor"])
        return LabelledText(f"the {noun} was {word} . {tail}", None, "pos" if good else "neg")
    if kind == "tag":
        name, town = rng.choice(["ada", "bob"]), rng.choice(["rome", "oslo"])
        words = ["the", noun, verb, "in", town, ".", name, *tail.split()]
        return TaggedSentence(words, ["O", "O", "O", "O", "B-LOC", "O", "B-PER"] + ["O"] * len(tail.split()))
    if kind == "read":
        town = rng.choice(["rome", "oslo"]) if good else ""
        context = f"{tail} . the {noun} {verb} in {town} ." if good else f"{tail} . the {noun} {verb} ."
        answers = [(context.index(town), town)] if good else []
        return Question(str(rng.random()), "where ?", context, answers)
    if kind == "reply":
        return TextPair(f"{tail} {noun} ?", f"a {noun} {verb} {tail}")
    return TextPair(noun, f"{noun} {verb}")


def data(kind: str, train: int = 64, few: int = 24) -> Split:
    rng = random.Random(0)
    return Split(*([example(kind, rng) for _ in range(count)] for count in (train, few, few)))


def plan(kind: str, small, **changes) -> FinetunePlan:
    settings = {"task": kind, "train": "given", "model": str(small), "length": 32, "epochs": 2.0, "batch_size": 8,
                "learning_rate": 3e-3, "evaluations": 2, "dropout": 0.0}  # fmt: skip
    return FinetunePlan(**settings | changes)


def run(kind: str, small, folder, **changes) -> dict:
    return finetune(plan(kind, small, **changes), folder, data=data(kind), watch=quiet, say=lambda text: None)


# ---- Every task, to the end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "head", "metric", "epochs", "least"),
    [("classify", Classifier, "accuracy", 4.0, 0.95), ("tag", Tagger, "f1", 2.0, 0.95),
     ("read", SpanFinder, "exact", 4.0, 0.9), ("reply", Classifier, "recall@1", 1.0, 0.0),
     ("write", Writer, "chrf", 2.0, 50.0)],
)  # fmt: skip
def test_every_task_learns_and_is_saved(kind, head, metric, epochs, least, small, tmp_path):
    """What was learned is in the folder: loaded again, it gives the very scores that were written down."""
    rows = data(kind, train=320)
    results = finetune(
        plan(kind, small, epochs=epochs), tmp_path / "run", data=rows, watch=quiet, say=lambda text: None
    )
    assert results["model"][metric] >= least
    assert results["rows"] == {"train": 320, "dev": 24, "test": 24}
    assert json.loads((tmp_path / "run/results.json").read_text()) == results
    model, task, options = load_predictor(tmp_path / "run")
    assert type(model) is head
    again = task.score(rows.test, task.predict(model, rows.test, **options))
    assert again == pytest.approx(results["model"], abs=1e-6)
    lines = format_scores(results).splitlines()
    assert len(lines) == 2 + len(results["baselines"])
    assert lines[-1].startswith("this BERT")
    assert metric in lines[0] or kind == "read"
    if kind == "write":
        with pytest.raises(ValueError, match="nothing to draw"):
            tasks.draw_report(tmp_path / "run")
    else:
        assert tasks.draw_report(tmp_path / "run").axes[-1].get_title() or kind in ("classify", "tag")


def test_a_run_is_a_function_of_its_plan(small, tmp_path):
    one, two, other = (run("classify", small, tmp_path / str(i), seed=i // 2, dropout=0.1) for i in range(3))
    del one["seconds"], two["seconds"], other["seconds"]
    assert one == two
    files = [(tmp_path / str(i) / "model.safetensors").read_bytes() for i in range(3)]
    assert files[0] == files[1] != files[2]


def test_transformers_pipelines_open_the_folders(small, tmp_path):
    import transformers

    transformers.logging.set_verbosity_error()
    run("classify", small, tmp_path / "c")
    pipe = transformers.pipeline("text-classification", str(tmp_path / "c"), device="cpu")
    ours = predict(tmp_path / "c", ["the cat was good ."])[0]
    [theirs] = pipe(["the cat was good ."])
    assert theirs["label"] == ours["label"]
    assert theirs["score"] == pytest.approx(ours["probability"], abs=1e-4)
    run("tag", small, tmp_path / "t")
    pipe = transformers.pipeline("token-classification", str(tmp_path / "t"), device="cpu", ignore_labels=[])
    ours = predict(tmp_path / "t", [["ada", "sat", "in", "rome"]])[0]
    assert [one["entity"] for one in pipe("ada sat in rome")] == ours["tags"]
    run("read", small, tmp_path / "r")
    model, info = transformers.BertForQuestionAnswering.from_pretrained(tmp_path / "r", output_loading_info=True)
    assert not any(info.values())
    ids = torch.tensor([PIECES.encode("who ?", "ada sat .").input_ids])
    own = weights.load(tmp_path / "r")
    torch.testing.assert_close(own(ids).start_logits, model.eval()(ids).start_logits, rtol=0, atol=1e-5)


# ---- Options ---------------------------------------------------------------------------------------------------------


def test_freezing_leaves_weights_as_they_are(small, tmp_path):
    run("classify", small, tmp_path / "run", freeze=1, evaluations=0)
    before, after = weights.load(small).bert, weights.load(tmp_path / "run").bert
    same = {
        name for (name, a), b in zip(before.named_parameters(), after.parameters(), strict=True) if torch.equal(a, b)
    }
    assert same == {name for name, _ in before.named_parameters() if name.startswith(("embeddings", "layers.0"))}
    model = weights.load(small)
    freeze_layers(model, -1)
    assert not any(p.requires_grad for p in model.bert.parameters())
    assert model.nsp.weight.requires_grad
    with pytest.raises(ValueError, match="freeze is 3, but the model has 2 layers"):
        freeze_layers(model, 3)


def test_rates_by_layer():
    factor = scale_learning_rates(FinetunePlan(learning_rate=1e-4, head_learning_rate=1e-3, layer_decay=0.5), 3)
    names = ["output.weight", "bert.layers.2.a", "bert.layers.1.a", "bert.layers.0.a", "bert.embeddings.words.weight"]
    assert [factor(name) for name in names] == pytest.approx([10, 1, 0.5, 0.25, 0.125])
    assert scale_learning_rates(FinetunePlan(), 3) is None


def test_dropout_and_class_weights_reach_the_model(small):
    examples = data("classify").train
    settings = plan("classify", small, dropout=0.3, class_weights=True)
    task = make_task(settings, PIECES, tasks.Classification.derive_settings(examples))
    model = load_task_model(settings, task, small, examples)
    dropouts = [part.p for part in model.modules() if isinstance(part, torch.nn.Dropout)]
    assert set(dropouts) == {0.3}
    assert {layer.attention.dropout for layer in model.bert.layers} == {0.3}
    counts = [sum(e.label == label for e in examples) for label in ("neg", "pos")]
    assert model.class_weights.tolist() == pytest.approx([64 / (2 * count) for count in counts])
    with pytest.raises(ValueError, match="class_weights is for classify and tag, not for write"):
        run("write", small, "never", class_weights=True)
    with pytest.raises(ValueError, match="length is 65, but .* has 64 positions: --length 64 or less"):
        run("classify", small, "never", length=65)


def test_what_was_said_of_the_test_is_kept_and_drawn(tmp_path):
    def told(task: str, rows: list[dict]):
        (tmp_path / "run.json").write_text(json.dumps({"plan": asdict(FinetunePlan(task=task, train="x"))}))
        (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tasks.draw_report(tmp_path, most=2)

    rows = [{"expected": a, "label": b, "probability": 0.9} for a, b in ("xx", "xy", "yy", "yx", "zx", "xx")]
    confused, trusted = told("classify", rows).axes[:2]
    assert [text.get_text() for text in confused.texts] == ["2", "1", "0", "1", "1", "0", "1", "0", "0"]
    assert [label.get_text() for label in confused.get_yticklabels()] == ["x", "y", "others"]
    assert "40.0 points" in trusted.get_title()  # three of six are right
    rows = [{"expected": ["A", "B"], "tags": ["A", "A"], "probability": [1.0, 0.5]}]
    confused, trusted = told("tag", rows).axes[:2]
    assert [text.get_text() for text in confused.texts] == ["1", "0", "1", "0"]
    assert "25.0 points" in trusted.get_title()
    rows = [
        {"expected": ["the cat"], "answer": "cat", "probability": 1.0},
        {"expected": [], "answer": "", "probability": 0.5},
    ]
    assert "25.0 points" in told("read", rows).axes[0].get_title()
    assert "0.0 points" in told("reply", [{"expected": "a", "rank": 0, "probability": 1.0}]).axes[0].get_title()
    with pytest.raises(ValueError, match="nothing to draw"):
        told("write", [])


def test_patience_and_the_best_weights(small, tmp_path):
    log = []
    settings = plan("classify", small, evaluations=16, patience=2, learning_rate=1e-9)
    results = finetune(settings, tmp_path / "run", data=data("classify"), say=lambda text: None,
                       watch=lambda row, status: log.append(row))  # fmt: skip
    assert max(row["step"] for row in log if row) == 2  # nothing moves: the first evaluation was the best
    assert results["steps"] == 16


@pytest.mark.parametrize(
    ("change", "message"),
    [({"task": "sentimental"}, "task is 'sentimental'; it must be sentiment, "), ({"task": "tag"}, "tag needs a file"),
     ({"train": "a.csv"}, "sentiment brings its own data: leave train out, or take classify"),
     ({"layer_decay": 0.0}, "layer_decay is 0"), ({"freeze": -2}, "freeze is -2"), ({"epochs": -1.0}, "epochs is -1"),
     ({"patience": 1, "evaluations": 0}, "there must be some"), ({"learning_rate": 0.0}, "learning_rate is 0")],
)  # fmt: skip
def test_plans_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        FinetunePlan(**change)


# ---- Data ------------------------------------------------------------------------------------------------------------


def csv_file(tmp_path, name: str, rows) -> str:
    with open(tmp_path / name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *((row.text, row.label) for row in rows)])
    return str(tmp_path / name)


def test_all_data_is_checked_before_training(small, tmp_path):
    """A spoiled evaluation file stops the run before a model is loaded, and nothing is left behind."""
    good = csv_file(tmp_path, "a.csv", data("classify").train)
    bad = csv_file(tmp_path, "b.csv", [LabelledText("", None, "pos"), LabelledText("the cat", None, "neg")])
    settings = FinetunePlan(task="classify", train=good, eval=bad, model="no/such-model")
    with pytest.raises(ValueError, match="b.csv, line 2: text is empty"):
        finetune(settings, tmp_path / "run", watch=quiet)
    assert not (tmp_path / "run").exists()


def test_what_is_held_out_is_fixed_and_never_trained_on(tmp_path):
    rows = [LabelledText(f"text {i}", None, "ab"[i % 2]) for i in range(200)]
    settings = FinetunePlan(task="classify", train=csv_file(tmp_path, "a.csv", rows))
    split = tasks.read_data(settings)
    assert sorted(row.text for side in split for row in side) == sorted(row.text for row in rows)
    assert tasks.read_data(settings) == split
    apart = FinetunePlan(**vars(settings) | {"eval": csv_file(tmp_path, "b.csv", rows[:7]), "limit": 50})
    again = tasks.read_data(apart)
    assert again.test == rows[:7]
    assert again.dev == split.dev
    assert len(again.train) == 50
    assert {row.label for row in again.train} == {"a", "b"}
    fewer = tasks.read_data(FinetunePlan(**vars(apart) | {"limit": 20}))
    assert set(fewer.train) < set(again.train)
    assert not set(again.train) & set(again.dev)


def test_what_is_doubtful_is_said():
    said = []
    train = [LabelledText("a", None, "x"), LabelledText("b", None, "y")]
    split = Split(
        train,
        [LabelledText("c", None, "x")],
        [LabelledText("a", None, "x"), LabelledText("d", None, "new"), LabelledText("e", None, "new")],
    )
    tasks.check_data(FinetunePlan(task="classify", train="f"), split, said.append)
    assert said == [
        "1 of 3 test examples are in the training data as well: the score flatters",
        "test has labels that the training data does not have, and counts them as wrong: 'new' (2)",
    ]
    with pytest.raises(ValueError, match="no example is left for dev"):
        tasks.check_data(FinetunePlan(task="classify", train="f"), split._replace(dev=[]))


def test_one_class_is_refused(small, tmp_path):
    rows = [LabelledText("a cat", None, "x"), LabelledText("a dog", None, "x")]
    with pytest.raises(ValueError, match="have the label 'x': there is nothing to tell apart"):
        finetune(plan("classify", small), tmp_path / "run", data=Split(rows, rows, rows), watch=quiet)
    assert not (tmp_path / "run").exists()


# ---- Going on --------------------------------------------------------------------------------------------------------


def test_a_killed_run_goes_on_to_the_same_end(small, tmp_path):
    whole = run("classify", small, tmp_path / "whole", dropout=0.1)

    def stop(row, status):
        if status["step"] == 9:
            os.kill(os.getpid(), signal.SIGINT)

    settings, rows = plan("classify", small, dropout=0.1), data("classify")
    with pytest.raises(KeyboardInterrupt):
        finetune(settings, tmp_path / "cut", data=rows, watch=stop, say=lambda text: None)
    with pytest.raises(ValueError, match="has not ended: go on with it"):
        predict(weights.save(weights.load(small), tmp_path / "cut", PIECES), ["the cat"])
    with pytest.raises(FileExistsError, match="holds a run already: go on with it"):
        finetune(settings, tmp_path / "cut", data=rows)
    with pytest.raises(ValueError, match="the data is not what the run in .* began with"):
        finetune(settings, tmp_path / "cut", data=rows._replace(train=rows.train[1:]), resume=True, say=lambda text: 0)
    again = finetune(settings, tmp_path / "cut", data=rows, resume=True, watch=quiet, say=lambda text: None)
    assert again | {"seconds": 0} == whole | {"seconds": 0}
    assert (tmp_path / "cut/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()


# ---- The command line, and predictions -------------------------------------------------------------------------------


def command(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "bertlab", *arguments], input=stdin, capture_output=True, text=True,
                          cwd=ROOT, timeout=300)  # fmt: skip


def test_finetune_and_predict_by_command(small, tmp_path, capsys):
    sides = data("classify", 320)
    train, judge = csv_file(tmp_path, "a.csv", sides.train), csv_file(tmp_path, "b.csv", sides.test)
    out = str(tmp_path / "run")
    options = ["--model", str(small), "--epochs", "4", "--batch-size", "8", "--length", "32", "--learning-rate", "3e-3",
               "--picture", str(tmp_path / "said.png")]  # fmt: skip
    assert main(["finetune", "classify", "--train", train, "--eval", judge, "--out", out, *options]) == 0
    printed = capsys.readouterr().out
    assert "TF-IDF + logistic regression" in printed
    assert (tmp_path / "said.png").read_bytes().startswith(b"\x89PNG")
    assert f"python -m bertlab predict --model {out} TEXT" in printed
    assert main(["finetune", "classify", "--train", train, "--out", out]) == 2
    assert "holds a run already" in capsys.readouterr().err

    assert main(["predict", "--model", out, "the film was bad ."]) == 0
    assert capsys.readouterr().out.split()[1] == "neg"
    lines = tmp_path / "lines.txt"
    lines.write_text("the film was bad .\n\nthe dog was good .\n")
    assert main(["predict", "--model", out, str(lines), "--out", str(tmp_path / "said.csv")]) == 0
    with open(tmp_path / "said.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["input"] for row in rows] == ["the film was bad .", "", "the dog was good ."]
    assert [rows[0]["label"], rows[2]["label"]] == ["neg", "pos"]
    assert all(float(row["p(neg)"]) + float(row["p(pos)"]) == pytest.approx(1) for row in rows)
    assert main(["predict", "--model", out, str(lines), "--out", str(tmp_path / "said.jsonl")]) == 0
    said = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    assert [one["probabilities"]["neg"] for one in said] == pytest.approx([float(row["p(neg)"]) for row in rows])
    assert main(["predict", "--model", out, str(lines), "--out", str(tmp_path / "said.xls")]) == 2
    assert "written to a .csv or a .jsonl file" in capsys.readouterr().err

    piped = command("predict", "--model", out, stdin="the film was bad .\nthe film was good .\n")
    assert [line.split()[1] for line in piped.stdout.splitlines()] == ["neg", "pos"]
    assert command("predict", "--model", out).returncode == 2


def test_seeds_of_one_task_are_gathered_and_shown_with_their_spread():
    same = {"task": "t", "metric": "f1", "rows": {"test": 1234}, "baselines": {"rule": {"f1": 0.5}}, "seconds": 1.0}
    runs = [same | {"model": {"f1": f1}} for f1 in (0.8, 0.9, 0.85)]
    lines = [line.split() for line in tasks.format_scores(tasks.gather_seeds(runs)).splitlines()]
    assert lines[0] == ["t,", "1,234", "examples", "f1"]
    assert lines[1] == ["rule", "50.0%"]
    assert lines[2] == ["this", "BERT,", "3", "seeds", "85.0%", "±5.0"]
    with pytest.raises(ValueError, match="no seeds of one result"):
        tasks.gather_seeds([runs[0], runs[1] | {"rows": {"test": 9}}])


def test_the_runs_that_the_notebooks_show_come_from_commands_that_there_are():
    for task, found in tasks.read_recorded_runs().items():
        options = make_parser().parse_args([*found["command"].split()[3:], "--out", "anywhere"])
        assert options.task == task == found["task"]
        assert all(len(scores) == len(found["seeds"]) for scores in found["model"].values())
        assert found["metric"] in tasks.format_scores(found)


def test_a_file_that_is_not_there_by_command(tmp_path, capsys):
    assert main(["finetune", "classify", "--train", str(tmp_path / "a.csv"), "--out", str(tmp_path / "run")]) == 2
    assert f"there is no file or folder '{tmp_path / 'a.csv'}'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_picture_that_cannot_be_is_refused_before_training(tmp_path, capsys):
    arguments = ["finetune", "bible", "--out", str(tmp_path / "run"), "--picture"]
    assert main([*arguments, str(tmp_path / "a.png")]) == 2
    assert "there is nothing to draw" in capsys.readouterr().err
    arguments[1] = "sentiment"
    assert main([*arguments, str(tmp_path / "none" / "a.png")]) == 2
    assert "there is no folder for" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_spoiled_rows_by_command(small, tmp_path, capsys):
    file = tmp_path / "a.csv"
    csv_file(tmp_path, "a.csv", data("classify").train)
    file.write_text(file.read_text() + "only text\n")
    arguments = ["finetune", "classify", "--train", str(file), "--model", str(small), "--out", str(tmp_path / "run"),
                 "--length", "32", "--epochs", "0.5", "--evaluations", "0"]  # fmt: skip
    assert main(arguments) == 2
    assert "a.csv, line 66: 1 columns instead of 2 (text, label)" in capsys.readouterr().err
    assert main([*arguments, "--skip-bad-rows"]) == 0
    assert "1 of 65 rows left out" in capsys.readouterr().out
    assert main(["finetune", "classify", "--train", str(file), "--columns", "text", "--out", "x"]) == 2
    assert "write NAME=YOURS, such as text=review" in capsys.readouterr().err
    arguments = ["finetune", "read", "--train", str(file), "--columns", "text=a", "--out", "x"]
    assert main(arguments) == 2
    assert "a read has no columns text to name; there are none" in capsys.readouterr().err


def test_pairs_that_would_be_cut_are_left_out(small, tmp_path, capsys):
    """By the command line on all sides, counted; what is left is what the task calls whole."""
    short = [example("write", random.Random(i)) for i in range(40)]
    long = [TextPair("the cat " * (9 + i), "the cat") for i in range(9)]
    file = tmp_path / "pairs.tsv"
    lines = [f"{pair.source}\t{pair.target}\n" for pair in short + long]
    file.write_text("source\ttarget\n" + "".join(lines))
    arguments = ["finetune", "write", "--train", str(file), "--eval", str(file), "--model", str(small),
                 "--length", "32", "--epochs", "1", "--batch-size", "4", "--evaluations", "0"]  # fmt: skip
    assert main([*arguments, "--out", str(tmp_path / "all")]) == 0
    assert "examples are truncated" in capsys.readouterr().out
    assert main([*arguments, "--whole", "--out", str(tmp_path / "whole")]) == 0
    said = capsys.readouterr().out
    assert "pairs are left out: more than 32 tokens (--length)" in said
    assert "examples are truncated" not in said
    rows = [json.loads((tmp_path / name / "results.json").read_text())["rows"]["test"] for name in ("all", "whole")]
    assert rows == [49, 40]
    with pytest.raises(ValueError, match="whole is for write, not for classify"):
        plan("classify", small, whole=True)
    with pytest.raises(ValueError, match="no example is left for train"):
        finetune(plan("write", small, whole=True, length=8), tmp_path / "none", data=Split(long, long, long))


def test_predictions_of_the_other_tasks(small, tmp_path):
    for kind in ("tag", "read", "reply", "write"):
        run(kind, small, tmp_path / kind, epochs=0.5)
    [said] = predict(tmp_path / "tag", ["ada sat in rome."])
    assert said["words"] == ["ada", "sat", "in", "rome", "."]
    assert tasks.Tagging.format_prediction(said).count("/") == 5
    [said] = predict(tmp_path / "read", [("where ?", "the Cat sat in Rome .")])
    assert said["answer"] in "the Cat sat in Rome ."
    [said] = predict(tmp_path / "reply", [("a cat ?", "a cat sat", "a dog ran", "the mat")])
    assert said["ranking"][0] == [said["reply"], said["probability"]]
    assert predict(tmp_path / "reply", [("a cat ?", ["a cat sat", "a dog ran", "the mat"])]) == [said]
    [said] = predict(tmp_path / "write", ["cat"], beams=3)
    assert tasks.Writing.format_prediction(said) == said["text"]
    for kind, wrong, message in (("read", "who ?", "a reader needs a question and a context"),
                                 ("reply", "a cat ?", "give what was said, and replies"),
                                 ("tag", " ", "there is no word to tag")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            predict(tmp_path / kind, [wrong])


def test_a_folder_of_transformers_predicts(tmp_path):
    import transformers

    transformers.logging.set_verbosity_error()
    config = transformers.BertConfig(
        vocab_size=len(PIECES), hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=32, id2label={0: "no", 1: "yes"},
    )  # fmt: skip
    for architecture, given, key in (("BertForSequenceClassification", "the cat", "label"),
                                     ("BertForTokenClassification", "the cat", "tags"),
                                     ("BertForQuestionAnswering", ("who ?", "the cat"), "answer")):  # fmt: skip
        place = tmp_path / architecture
        getattr(transformers, architecture)(config).save_pretrained(place)
        PIECES.save(place)
        assert key in predict(place, [given])[0]
    weights.save(weights.load(tmp_path / "BertForSequenceClassification").bert, tmp_path / "bare", PIECES)
    with pytest.raises(ValueError, match="holds a Bert, which has nothing to predict: fine-tune it first"):
        predict(tmp_path / "bare", ["x"])


def test_checking_a_large_file_is_quick(tmp_path):
    """Ten thousand rows in a second or two."""
    rows = [LabelledText(f"text number {i}", None, "ab"[i % 2]) for i in range(10_000)]
    settings = FinetunePlan(task="classify", train=csv_file(tmp_path, "a.csv", rows))
    begun = time.process_time()
    tasks.read_data(settings)
    assert time.process_time() - begun < 5
