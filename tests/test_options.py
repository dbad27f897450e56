"""Options come from the fields of plans: one default, one help text; what is misspelt gets a hint."""

import argparse
import math
import re
import shlex
from dataclasses import dataclass, fields
from typing import get_type_hints

import numpy as np
import pytest

from bertlab.__main__ import COMMANDS, main, make_parser
from bertlab.bench import BenchConfig
from bertlab.failures import is_our_message
from bertlab.options import CommandParser, add_plan_options, option, read_plan_options
from bertlab.pretrain import PretrainPlan
from bertlab.tasks import TASKS, FinetunePlan
from bertlab.train import TrainConfig

PLANS = {"pretrain": PretrainPlan, "finetune": FinetunePlan, "bench": BenchConfig}


@dataclass(frozen=True)
class ToyPlan:
    steps: int = option(10, "to take", "training")
    rate: float = option(0.0, "at the peak", "training", shown="by the size")
    fast: bool = option(False, "skip the checks", "training")
    shuffle: bool = option(True, "keep the order", "data")
    text: tuple[str, ...] = option(("a", "b"), "what to read", "data")
    columns: tuple[tuple[str, str], ...] = option((), "their names", "data")
    hidden: int = 3  # no option


def parse(*arguments: str) -> dict:
    parser = CommandParser()
    add_plan_options(parser, ToyPlan)
    return read_plan_options(parser.parse_args(arguments), ToyPlan)


def test_only_what_is_given_is_taken():
    assert parse() == {}
    assert parse("--steps", "3", "--rate", "0.5", "--fast", "--no-shuffle", "--text", "x", "y") == {
        "steps": 3, "rate": 0.5, "fast": True, "shuffle": False, "text": ("x", "y")}  # fmt: skip
    assert parse("--columns", "text=review", "label=stars=") == {"columns": (("text", "review"), ("label", "stars="))}
    with pytest.raises(ValueError, match="--columns text: write NAME=YOURS"):
        parse("--columns", "text")


def test_help_shows_the_default_of_the_field():
    parser = CommandParser(prog="toy")
    add_plan_options(parser, ToyPlan)
    text = " ".join(parser.format_help().split())
    assert "to take (default: 10)" in text
    assert "at the peak (default: by the size)" in text
    assert "what to read (default: a b)" in text
    assert "--no-shuffle keep the order" in text
    assert "hidden" not in text
    assert text.index("training: --steps") < text.index("data: --no-shuffle")


@pytest.mark.parametrize(("command", "plan"), PLANS.items())
def test_every_field_of_a_plan_is_an_option_and_its_default_holds(command, plan):
    """No field can be forgotten on the command line, and no default can drift: what is not given is not set."""
    parser = make_parser(command)._subparsers._group_actions[0].choices[command]
    known = {action.dest for action in parser._actions}
    assert {field.name for field in fields(plan)} <= known
    needed = {"pretrain": ["--out", "x"], "finetune": ["sentiment", "--out", "x"], "bench": []}[command]
    given = read_plan_options(make_parser().parse_args([command, *needed]), plan)
    assert plan(**given) == plan()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_two_examples_that_parse(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    lines = [line.strip() for line in printed[printed.index("examples:") :].splitlines()[1:] if line.strip()]
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(f"python -m bertlab {command}")
        assert make_parser().parse_args(shlex.split(line)[3:]).run is COMMANDS[command][2]


def test_the_help_of_finetune_names_every_task_and_data_set(capsys):
    from bertlab.tasks import NAMED

    with pytest.raises(SystemExit):
        main(["finetune", "--help"])
    words = set(capsys.readouterr().out.replace(",", " ").replace(";", " ").split())
    assert {*TASKS, *NAMED} <= words


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["pretain"], 'did you mean "pretrain"?'), (["finetune", "sentiment", "--out", "x", "--lenght", "3"], "--length"),
     (["pretrain", "--out", "x", "--steps", "1", "--preset", "tny"], 'did you mean "tiny"?'),
     (["finetune", "sentimnt", "--out", "x"], 'did you mean "sentiment"?'),
     (["pretrain", "--out", "x", "--steps", "1", "--text", "stou"], 'did you mean "sotu"?'),
     (["data", "wikki"], 'did you mean "wiki"?')],
)  # fmt: skip
def test_what_is_misspelt_gets_a_hint(arguments, hint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code
    assert code in (1, 2)  # 2 is argparse's own
    assert hint in capsys.readouterr().err


def test_minutes_and_steps_exclude_each_other(capsys):
    assert main(["pretrain", "--out", "x", "--steps", "1", "--minutes", "1"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_a_parser_of_one_command_leaves_the_others_without_options():
    parser = make_parser("fill")
    assert parser.parse_args(["fill", "[MASK]"]).top == 5
    assert isinstance(parser, argparse.ArgumentParser)


# ---- Every number of every plan --------------------------------------------------------------------------------------

HARMLESS = {  # numbers out of the ordinary that a field takes, because they mean something
    "pretrain": {"times": (), "sinusoids": (0,), "steps": (0,), "learning_rate": (0,), "weight_decay": (0,),
                 "beta2": (0,), "warmup": (0,), "dropout": (0,), "seed": (0,), "add_words": (0,), "mix": (0,)},
    "finetune": {"limit": (0, 10**30), "epochs": (0,), "length": (0,), "head_learning_rate": (0,), "freeze": (-1, 0),
                 "dropout": (0,), "weight_decay": (0,), "warmup": (0,), "evaluations": (0,), "patience": (0,),
                 "seed": (0,), "stride": (0,), "length_penalty": (0,)},
    "bench": {"dropout": (0,), "threads": (0,)},
    "train": {"warmup": (0,), "weight_decay": (0,), "beta1": (0,), "beta2": (0,), "clip": (0, 1e30, 10**30),
              "seed": (0,), "evaluate_every": (0,), "patience": (0,), "workers": (0,),
              "checkpoint_seconds": (0, 1e30, 10**30)},
}  # fmt: skip
ODD_NUMBERS = (-1, 0, math.nan, math.inf, -math.inf, 1e30, 10**30)
TASK_OF = {"stride": "read", "beams": "write", "length_penalty": "write"}


def list_number_cases() -> list[tuple[str, str, float]]:
    return [(name, one.name, number) for name, plan in (PLANS | {"train": TrainConfig}).items()
            for one in fields(plan) if get_type_hints(plan)[one.name] in (int, float)
            for number in ODD_NUMBERS]  # fmt: skip


@pytest.mark.parametrize(("name", "field", "number"), list_number_cases())
def test_every_number_is_refused_by_name_or_means_something(name, field, number):
    plan, others = (PLANS | {"train": TrainConfig})[name], {}
    if name == "finetune" and field in TASK_OF:
        others = {"task": TASK_OF[field], "train": "a.json"}
    if number in HARMLESS[name].get(field, ()):
        assert getattr(plan(**{field: number}, **others), field) == number
        return
    with pytest.raises(ValueError, match=rf"^{field} is {re.escape(repr(number))}; it must be ") as caught:
        plan(**{field: number}, **others)
    assert is_our_message(caught.value)


@pytest.mark.parametrize(("name", "plan"), [*PLANS.items(), ("train", TrainConfig)])
@pytest.mark.parametrize("wrong", [None, "3", [], {}, object(), True, ("a", 3)], ids=lambda value: type(value).__name__)
def test_every_field_refuses_another_type(name, plan, wrong):
    for one in fields(plan):
        kind = get_type_hints(plan)[one.name]
        if kind in (str, bool) and isinstance(wrong, kind):
            continue
        with pytest.raises((TypeError, ValueError), match=rf"^{one.name} is ") as caught:
            plan(**{one.name: wrong})
        assert is_our_message(caught.value)


def test_numbers_of_numpy_become_plain_ones():
    plan = FinetunePlan(epochs=np.float32(0.5), batch_size=np.int64(4), limit=8.0)
    assert (plan.epochs, plan.batch_size, plan.limit) == (0.5, 4, 8)
    assert [type(value) for value in (plan.epochs, plan.batch_size, plan.limit)] == [float, int, int]
    assert type(TrainConfig(steps=np.int64(3)).steps) is int


# ---- Options that do not belong, and what is checked before the work -------------------------------------------------

REFUSED = {
    "fill [MASK] --top -1": "--top is -1",
    "fill [MASK] --top 0": "--top is 0",
    "attention hi --out page.html --head -1": "--head is -1",
    "attention hi --out page.html --layer -1": "--layer is -1",
    "pretrain --out x --steps 1000000000000000000000": "steps is 1000000000000000000000; it must be at least 0 and at",
    "pretrain --out x --steps 0": "a run has at least one step",
    "pretrain --out x --minutes inf": "minutes is inf",
    "pretrain --out x --minutes nan": "minutes is nan",
    "pretrain --out x --minutes 0": "minutes is 0.0",
    "pretrain --out x --minutes 1000000000": "minutes is 1000000000.0; it must be above 0 and at most 525,600",
    "pretrain --out x --steps 9 --vocab-size 1000000000000": "vocab_size is 1000000000000",
    "pretrain --out x --steps 9 --length 1000000000": "length is 1000000000",
    "pretrain --out x --steps 9 --times 1000000": "times is 1000000",
    "pretrain --out x --steps 9 --batch-size 900000": "of memory; this machine has",
    "pretrain --out x --steps 9 --no-neighbours --sinusoids 0": "--no-neighbours changes nothing",
    "pretrain --out x --steps 9 --no-same-source --text sotu": "--no-same-source changes nothing with one text",
    "finetune write --out x --train none.csv --beams 0": "beams is 0",
    "finetune write --out x --train none.csv --beams 1000000": "beams is 1000000",
    "finetune write --out x --train none.csv --length-penalty 1000": "length_penalty is 1000.0",
    "finetune sentiment --out x --picture x.badext": "--picture x.badext: a picture's name ends in .",
    "finetune sentiment --out x --epochs inf": "epochs is inf",
    "finetune sentiment --out x --eval mine.csv": "eval is for data of your own: sentiment brings its own",
    "finetune sentiment --out x --dev mine.csv": "dev is for data of your own",
    "finetune sentiment --out x --columns text=a": "columns is for data of your own",
    "finetune sentiment --out x --skip-bad-rows": "skip_bad_rows is for data of your own",
    "finetune sentiment --out x --beams 2": "beams is for write, not for classify",
    "finetune sentiment --out x --stride 9": "stride is for read, not for classify",
    "finetune sentiment --out x --label-on last": "label_on is for tag, not for classify",
    "finetune pos --out x --label-on middle": "label_on is 'middle'",
    "finetune sentiment --out x --whole": "whole is for write",
    "finetune pos --out x --length-penalty 2": "length_penalty is for write",
    "finetune titles --out x --class-weights": "class_weights is for",
    "finetune sentiment --out x --length 2": "length is 2; a row needs at least 8 tokens",
    "finetune sentiment --out x --patience 2 --evaluations 0": "patience counts evaluations",
    "finetune sentiment --out x --freeze -1 --layer-decay 0.9": "layer_decay is for the layers that learn",
    "finetune sentiment --out x --head-learning-rate nan": "head_learning_rate is nan",
    "finetune sentiment --out x --length 1000": "1000, but minilm has 512 positions",
    "finetune sentiment --out x --freeze 99": "freeze is 99, but minilm has 6 layers",
    "finetune questions --out x --stride 300": "stride is 300; a window has 256 tokens",
    "finetune classify --out x --train none.csv --dev d.csv --evaluations 0": "dev is what evaluations are made on",
    "finetune classify --out x --train none.csv --columns text=a text=b": "columns names text twice",
    "predict --model none --text": "--text is for a text after it",
    "predict --model none hello --skip-bad-rows": "--skip-bad-rows is for the rows of a file",
    "predict --model none hello --beams 0": "beams is 0",
    "predict --model none hello --beams 1000000": "beams is 1000000",
    "predict --model none hello --out x.xyz": "written to a .csv or a .jsonl file",
    "bench --curves inf": "--curves is inf",
    "bench --curves 0": "--curves is 0.0",
    "bench --curves 1 --only finetune": "--only does not go with --curves",
    "bench --curves 1 --rounds 2": "--rounds does not go with --curves",
    "bench --curves 1 --seconds 2": "--seconds does not go with --curves",
    "bench --curves 1 --dropout 0": "--dropout does not go with --curves",
    "bench --only finetune --text sotu": "text is for pre-training",
    "bench --picture x.badext": "a picture's name ends in",
    "bench --seconds inf": "seconds is inf",
}  # fmt: skip


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_read(line, capsys, tmp_path, monkeypatch):
    """Nothing is read, loaded or written: the readers of texts, tables and models are out of order meanwhile."""

    def refuse(*arguments, **options):
        raise AssertionError(f"something was read: {arguments}")

    monkeypatch.chdir(tmp_path)
    for where in ("bertlab.plan_texts.read_named_documents", "bertlab.tasks.finetuning.read_data",
                  "bertlab.weights.read_weights", "bertlab.sources.documents"):  # fmt: skip
        monkeypatch.setattr(where, refuse)
    assert main(line.split()) == 2
    printed = capsys.readouterr()
    assert REFUSED[line] in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out
    assert not list(tmp_path.iterdir())
