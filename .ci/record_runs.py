"""Gather runs of `finetune` into data/finetune.json:  python .ci/record_runs.py runs/sentiment0 runs/sentiment1 ...

Runs of one task and plan, but for the seed, become one entry. What is there already of other tasks stays.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from bertlab.__main__ import make_parser
from bertlab.files import write_json
from bertlab.tasks import FinetunePlan, gather_seeds

TARGET = Path(__file__).parent.parent / "data" / "finetune.json"


def command(plan: dict) -> str:
    """The command line of a plan: what differs from the defaults."""
    words = ["python -m bertlab finetune", plan["task"]]
    for name, default in asdict(FinetunePlan(task=plan["task"])).items():
        if name not in ("task", "seed", "columns") and plan.get(name, default) != default:
            option = f"--{name.replace('_', '-')}"
            value = f"{plan[name]:g}" if isinstance(plan[name], float) else plan[name]
            words.append(option if value is True else f"{option} {value}")
    line = " ".join(words)
    make_parser().parse_args([*line.split()[3:], "--out", "anywhere"])  # it must be one that there is
    return line


def rounded(what):
    """The same with numbers of five digits, which are enough to print."""
    if isinstance(what, dict):
        return {name: rounded(value) for name, value in what.items()}
    if isinstance(what, list):
        return [rounded(value) for value in what]
    return round(what, 5) if isinstance(what, float) else what


def main() -> None:
    runs: dict[str, list[tuple[int, dict, dict]]] = {}
    for folder in map(Path, sys.argv[1:]):
        plan = json.loads((folder / "run.json").read_text("utf-8"))["plan"]
        results = json.loads((folder / "results.json").read_text("utf-8"))
        runs.setdefault(plan["task"], []).append((plan["seed"], plan, results))
    found = json.loads(TARGET.read_text("utf-8")) if TARGET.exists() else {}
    for task, some in runs.items():
        some.sort(key=lambda run: run[0])
        commands = {command(plan) for _, plan, _ in some}
        if len(commands) > 1:
            raise SystemExit(f"{task}: these runs differ in more than the seed: {commands}")
        found[task] = {"command": commands.pop(), "seeds": [seed for seed, *_ in some]}
        found[task] |= rounded(gather_seeds([results for *_, results in some]))
    write_json(TARGET, found)
    print(f"{TARGET.name}: {', '.join(found)}")


if __name__ == "__main__":
    main()
