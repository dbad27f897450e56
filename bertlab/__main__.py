"""The command line: `python -m bertlab data`, `pretrain`, `fill`, `bench`, `lab`. The work is in the other modules."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from textwrap import shorten

from . import __version__, sources

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 with one line on what was wrong, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except KeyboardInterrupt as stop:
        print(f"\n{stop}" if str(stop) else "\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, say `head`, has had enough
        sys.stderr.close()
        return 0
    except (OSError, ValueError, FloatingPointError) as error:
        print(f"bertlab: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    root = argparse.ArgumentParser(prog="python -m bertlab", description="A course and a workbench for BERT.")
    root.add_argument("--version", action="version", version=f"bertlab {__version__}")
    commands = root.add_subparsers(title="commands", required=True, metavar="command")

    data = commands.add_parser("data", help="list the named data and models, or fetch some")
    data.add_argument("names", nargs="*", metavar="name", help="what to fetch; without a name, all are listed")
    data.add_argument("--small", action="store_true", help="fetch all small ones")
    data.set_defaults(run=run_data)

    pre = commands.add_parser(
        "pretrain",
        help="train a BERT from random weights on text",
        description="Learn a vocabulary, train MLM and NSP, judge on held-out documents, save what transformers opens.",
    )
    pre.add_argument(
        "--text", nargs="+", metavar="TEXT", help="named sources, .txt files, folders (default: sotu wiki)"
    )
    pre.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where the run and the model go")
    how_long = pre.add_mutually_exclusive_group()
    how_long.add_argument(
        "--minutes", type=float, help="of training; fixes the number of steps from the measured speed"
    )
    how_long.add_argument("--steps", type=int, help="of training")
    pre.add_argument("--preset", choices=("tiny", "mini", "small", "medium", "base"), help="size (default: tiny)")
    pre.add_argument("--resume", action="store_true", help="go on with the run in FOLDER, if it holds one")
    pre.add_argument("--seed", type=int, help="of weights, pairs, masks and order (default: 0)")
    for name, kind, text in (
        ("vocab_size", int, "wordpieces to learn"),
        ("length", int, "tokens a row"),
        ("times", int, "go through the text so often, with other pairs each time, before rows come again"),
        ("batch_size", int, "rows a step"),
        ("learning_rate", float, "at the peak (default: by the preset)"),
        ("masked", float, "share of the words to guess while training"),
        ("dropout", float, "while training"),
        ("held_out", float, "share of the documents to be judged by"),
    ):
        pre.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=text)
    pre.add_argument("--whole-words", action="store_true", default=None, help="mask all pieces of a word or none")
    pre.add_argument("--no-unigrams", dest="unigrams", action="store_false", default=None,
                     help="start the MLM bias at zero, not at the log frequencies of the words")  # fmt: skip
    pre.add_argument("--sinusoids", type=float, metavar="N",
                     help="start positions from the sinusoids times N; 0: from random numbers")  # fmt: skip
    pre.add_argument("--no-neighbours", dest="neighbours", action="store_false", default=None,
                     help="start the heads from random numbers, not at the words beside")  # fmt: skip
    pre.add_argument("--optimizer", choices=("muon", "adamw"), help="for the matrices of the layers (default: muon)")
    pre.set_defaults(run=run_pretrain)

    fill = commands.add_parser("fill", help="guess the words that are [MASK] in a text")
    fill.add_argument("text")
    fill.add_argument("--model", required=True, metavar="FOLDER", help="a folder that pretrain made")
    fill.add_argument("--top", type=int, default=5, metavar="N", help="guesses for each (default: 5)")
    fill.set_defaults(run=run_fill)

    bench = commands.add_parser(
        "bench",
        help="measure our training beside transformers.Trainer's on this machine",
        description="Both train the same weights on the same rows, each in a process of its own, in turn.",
    )
    bench.add_argument("--only", nargs="+", metavar="NAME",
                       help="pretrain, finetune, sentences, packed, 8k, 30k, or packed-8k (default: all)")  # fmt: skip
    bench.add_argument("--text", nargs="+", metavar="TEXT", help="to pre-train on (default: sotu wiki)")
    bench.add_argument("--preset", help="size of what is pre-trained (default: mini)")
    for name, kind, text in (
        ("length", int, "tokens a row at most (default: 128)"),
        ("batch_size", int, "rows a step (default: 32)"),
        ("dropout", float, "on both sides (default: 0.1)"),
        ("rounds", int, "measurements of each side (default: 3)"),
        ("seconds", float, "of training a measurement, about (default: 1.5)"),
        ("threads", int, "of each side (default: as many as torch takes)"),
    ):
        bench.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=text)
    bench.add_argument("--json", metavar="FILE", help="write all numbers there; -: on the terminal, without the table")
    bench.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the speeds")
    bench.set_defaults(run=run_bench)

    lab = commands.add_parser("lab", help="open the notebooks in JupyterLab")
    lab.add_argument("rest", nargs=argparse.REMAINDER, help="options for jupyter lab")
    lab.set_defaults(run=run_lab)
    return root


def run_data(options: argparse.Namespace) -> None:
    names = options.names or [s.name for s in sources.available() if s.small and options.small]
    for name in names:
        sources.fetch(name)
    if not names:
        rows = [("name", "what it is", "licence", "MB", "here")]
        for row in sources.listing():
            what, licence = (
                shorten(row["what"], 64, placeholder=" ..."),
                shorten(row["licence"], 24, placeholder=" ..."),
            )
            rows.append((row["name"], what, licence, f"{row['bytes'] / 1e6:.1f}", "yes" if row["cached"] else "no"))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for name, what, licence, size, here in rows:
            print(f"{name:<{widths[0]}}  {what:<{widths[1]}}  {licence:<{widths[2]}}  {size:>{widths[3]}}  {here}")
        print(f"\nKept in {sources.cache_folder()}. To fetch some: python -m bertlab data NAME ...")
        print("Licences and citations in full: data/README.md")


def run_pretrain(options: argparse.Namespace) -> None:
    from .pretrain import Plan, pretrain, table

    given = {f.name: getattr(options, f.name) for f in fields(Plan) if getattr(options, f.name, None) is not None}
    if "text" in given:
        given["text"] = tuple(given["text"])
    if options.steps is not None and options.steps < 1:
        raise ValueError(f"--steps {options.steps}: a run has at least one step")
    results = pretrain(Plan(**given), options.out, minutes=options.minutes, resume=options.resume)
    print(table(results))
    print(
        f'\nsaved in {options.out}; try: python -m bertlab fill "The [MASK] of the United States" --model {options.out}'
    )


def run_fill(options: argparse.Namespace) -> None:
    from .heads import Pretraining
    from .pretrain import fill
    from .weights import load
    from .wordpiece import WordPiece

    model, pieces = load(options.model, Pretraining), WordPiece.load(options.model)
    for number, guesses in enumerate(fill(model, pieces, options.text, options.top), 1):
        print(f"[MASK] {number}: " + ", ".join(f"{word} {100 * p:.1f}%" for word, p in guesses))


def run_bench(options: argparse.Namespace) -> None:
    import json

    from .bench import BenchConfig, bench, picture, table

    given = {f.name: getattr(options, f.name) for f in fields(BenchConfig) if getattr(options, f.name) is not None}
    config = BenchConfig(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
    for file in (options.json, options.picture):  # better now than after two minutes
        if file not in (None, "-") and not Path(file).absolute().parent.is_dir():
            raise FileNotFoundError(f"there is no folder for {file}")
    results = bench(config, say=lambda text: print(text, file=sys.stderr))
    numbers = json.dumps(results, indent=1)
    print(numbers if options.json == "-" else table(results))
    if options.json not in (None, "-"):
        Path(options.json).write_text(numbers + "\n", encoding="utf-8")
    if options.picture:
        picture(results).savefig(options.picture, dpi=150)


def run_lab(options: argparse.Namespace) -> None:
    import subprocess

    if not NOTEBOOKS.is_dir():
        raise FileNotFoundError(f"no notebooks in {NOTEBOOKS}: run this in a clone of the project")
    run_data(argparse.Namespace(names=[], small=True))
    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", str(NOTEBOOKS), *options.rest]))


if __name__ == "__main__":
    sys.exit(main())
