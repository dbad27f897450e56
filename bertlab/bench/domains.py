"""Does it pay to go on from a checkpoint? Two domains, each with a task, beside the model that both came from.

    python -m bertlab.bench.domains FOLDER FILE.json

trains what is not in FOLDER yet, by the commands of `list_commands`, and writes what came out. FOLDER gets a text for
each domain, of what the task is not judged by, and one of Wikipedia that the model has not read.
"""

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from .. import sources
from ..corpus import split_documents
from ..files import read_json, write_json, write_text
from ..tasks.named import NAMED
from .runs import describe_command, read_results, run_commands

ORIGIN, SEEDS, DOMAINS = "bertlab-mini", (0, 1, 2), ("sentiment", "pos")
PRETRAIN = f"pretrain --from {ORIGIN} --no-pairs --steps 300 --batch-size 32"
FINETUNE = "--limit 500 --length 64 --evaluations 0 --learning-rate 3e-4"
EPOCHS = {"sentiment": 4, "pos": 10}
SHARE = 0.1  # of the general text, where it is mixed in


def write_texts(folder: Path) -> None:
    """Write FOLDER/DOMAIN.txt and FOLDER/general.txt: a blank line between documents. Of the films also the snippets
    without a clear sentiment; of Wikipedia what was held out when the model was trained."""
    for domain in DOMAINS:
        data, get_text = NAMED[domain].load(), NAMED[domain].task.get_text
        judging = {get_text(example) for side in (data.dev, data.test) for example in side}
        films = (text for text, _ in sources.sentiment("movies"))
        texts = films if domain == "sentiment" else map(get_text, data.train)
        kept = dict.fromkeys(text for text in texts if text not in judging)
        write_text(folder / f"{domain}.txt", "\n\n".join(kept))
    _, unread = split_documents(sources.documents("wiki"))
    write_text(folder / "general.txt", "\n\n".join("\n".join(document) for document in unread))


def list_commands(folder: Path) -> Iterator[tuple[str, str]]:
    """(name of the run, its command without --out), in an order in which each finds what it needs."""
    general = f"--general {folder}/general.txt"
    for domain, seed in product(DOMAINS, SEEDS):
        yield f"{domain}-{seed}", f"{PRETRAIN} --text {folder}/{domain}.txt {general} --seed {seed}"
        for when, model in (("before", ORIGIN), ("after", folder / f"{domain}-{seed}")):
            task = f"finetune {domain} --model {model} {FINETUNE} --epochs {EPOCHS[domain]}"
            yield f"fine-{domain}-{when}-{seed}", f"{task} --seed {seed}"
    for seed in SEEDS:
        mixed = f"--text {folder}/{DOMAINS[0]}.txt --general wiki --mix {SHARE}"  # general.txt has no training text
        yield f"mixed-{SHARE}-{seed}", f"{PRETRAIN} {mixed} --seed {seed}"


def collect_results(folder: Path) -> dict[str, Any]:
    """The numbers of the runs in the folder, one for each seed that has ended, and the commands of the first seed."""
    runs = read_results(folder, (name for name, _ in list_commands(folder)))

    def get_losses(name: str, *path: str) -> list[float]:
        found = []
        for value in [runs[f"{name}-{seed}"] for seed in SEEDS if f"{name}-{seed}" in runs]:
            for key in path:
                value = value[key]
            found.append(round(value, 4))
        return found

    results = {}
    for domain in DOMAINS:
        results[domain] = {
            "mlm_loss": {"bigram": get_losses(domain, "bigram", "mlm_loss"),
                         "before": get_losses(domain, "from", "before", "mlm_loss"),
                         "after": get_losses(domain, "model", "mlm_loss")},
            "general_mlm_loss": {when: get_losses(domain, "general", when, "mlm_loss") for when in ("before", "after")},
            "accuracy": {when: get_losses(f"fine-{domain}-{when}", "model", "accuracy")
                         for when in ("before", "after")},
            "baselines": runs.get(f"fine-{domain}-before-{SEEDS[0]}", {}).get("baselines"),
        }  # fmt: skip
    results[f"{DOMAINS[0]}, {SHARE:.0%} general"] = {
        "mlm_loss": {"before": get_losses(f"mixed-{SHARE}", "from", "before", "mlm_loss"),
                     "after": get_losses(f"mixed-{SHARE}", "model", "mlm_loss")},
        "general_mlm_loss": {when: get_losses(f"mixed-{SHARE}", "general", when, "mlm_loss")
                             for when in ("before", "after")},
    }  # fmt: skip
    commands = [describe_command(folder, name, line) for name, line in list_commands(folder) if name.endswith("-0")]
    return {"origin": ORIGIN, "seeds": SEEDS, "commands": commands, **results}


def main(arguments: list[str]) -> None:
    folder, file = Path(arguments[0]), Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "general.txt").exists():
        write_texts(folder)
    run_commands(folder, list_commands(folder))
    kept = read_json(file) if file.exists() else {}  # the trials of rates
    write_json(file, kept | collect_results(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
