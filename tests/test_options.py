"""Options come from the fields of plans: one default, one help text; what is misspelt gets a hint."""

import argparse
import shlex
from dataclasses import dataclass, fields

import pytest

from bertlab.__main__ import COMMANDS, main, make_parser
from bertlab.bench import BenchConfig
from bertlab.options import CommandParser, add_plan_options, option, read_plan_options
from bertlab.pretrain import PretrainPlan
from bertlab.tasks import TASKS, FinetunePlan

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
