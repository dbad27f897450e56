"""The command line: `python -m bertlab data`, `pretrain`, `fill_masks`, `finetune`, `predict`, `show_attention`, `measure_speeds`, `lab`.

The work is in the other modules.
"""

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
    except FileNotFoundError as error:
        missing = f"there is no file or folder {error.filename!r}" if error.filename else error
        print(f"bertlab: {missing}", file=sys.stderr)
        return 1
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
    pre.add_argument("--same-source", action="store_true", default=None,
                     help="take a random B from the same text as A: its kind does not give it away")  # fmt: skip
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
    fill.add_argument("--model", default="bertlab-mini", metavar="MODEL",
                      help="a folder that pretrain made (default: bertlab-mini, which comes with bertlab)")  # fmt: skip
    fill.add_argument("--top", type=int, default=5, metavar="N", help="guesses for each (default: 5)")
    fill.set_defaults(run=run_fill)

    look = commands.add_parser("attention", help="write a page that shows where each token of a text looks")
    look.add_argument("text")
    look.add_argument("--pair", metavar="TEXT", help="the second sentence")
    look.add_argument("--model", default="minilm", metavar="MODEL",
                      help="minilm, bertlab-mini, a folder, or a name on the hub (default: minilm)")  # fmt: skip
    look.add_argument("--out", required=True, type=Path, metavar="FILE.html", help="the page, one file for any browser")
    look.add_argument("--layer", type=int, default=0, metavar="N", help="opens on this one, from 0 (default: 0)")
    look.add_argument("--head", type=int, default=0, metavar="N", help="and this one (default: 0)")
    look.set_defaults(run=run_attention)

    tune = commands.add_parser(
        "finetune",
        help="train a trained BERT for a task, on data of ours or of your own",
        description="Read and check all data, train a head on the model, and compare it with simple baselines.",
    )
    tune.add_argument("task", help="sentiment, amazon, topic, pos, replies, bible or titles; or, with --train, "
                      "classify, tag, read, reply or write")  # fmt: skip
    tune.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where the run and the model go")
    tune.add_argument("--model", help='a folder, "minilm", "bertlab-mini", or a name on the hub (default: minilm)')
    tune.add_argument("--train", metavar="FILE", help="to learn from: .csv, .tsv, .jsonl, CoNLL columns, .conllu, "
                      "SQuAD JSON, a folder of a folder for each class, or hub:NAME[:CONFIG][@SPLIT]")  # fmt: skip
    tune.add_argument("--eval", metavar="FILE", help="to be judged by at the end (default: a tenth of --train)")
    tune.add_argument("--dev", metavar="FILE", help="to choose the best weights by (default: a tenth of --train)")
    tune.add_argument("--columns", nargs="+", metavar="NAME=YOURS",
                      help="what your file calls its columns, such as text=review label=stars")  # fmt: skip
    tune.add_argument("--skip-bad-rows", action="store_true", default=None, help="leave them out, and say which")
    tune.add_argument("--class-weights", action="store_true", default=None, help="rare classes count like others")
    tune.add_argument("--label-on", choices=("first", "last", "all"), help="the piece that speaks for a word")
    tune.add_argument("--whole", action="store_true", default=None,
                      help="writing: leave out pairs of which something would be cut")  # fmt: skip
    tune.add_argument("--resume", action="store_true", help="go on with the run in FOLDER, if it holds one")
    for name, kind, text in (
        ("epochs", float, "how often the training data is gone through (default: by the task)"),
        ("length", int, "tokens a row at most; what is longer is cut, and counted (default: by the task)"),
        ("batch_size", int, "rows a batch (default: 32)"),
        ("accumulate", int, "batches a step (default: 1)"),
        ("limit", int, "examples to learn from at most"),
        ("learning_rate", float, "of the encoder, at the peak (default: 1e-4)"),
        ("head_learning_rate", float, "of what is new (default: the same)"),
        ("layer_decay", float, "each layer learns slower than the one above by this factor (default: 1)"),
        ("freeze", int, "leave the embeddings and so many layers as they are; -1: the whole encoder"),
        ("evaluations", int, "while training; the weights of the best one are kept (default: 4)"),
        ("patience", int, "end after so many evaluations that were not the best"),
        ("dropout", float, "while training (default: 0.1)"),
        ("weight_decay", float, "of matrices (default: 0.01)"),
        ("warmup", float, "share of the steps over which the rate rises (default: 0.1)"),
        ("stride", int, "reading: how many tokens later the next window begins (default: half a window)"),
        ("beams", int, "writing: texts that are carried on at a time (default: 1)"),
        ("length_penalty", float, "writing: 0 prefers short texts, 1 takes the mean (default: 1)"),
        ("seed", int, "of new weights, order and dropout (default: 0)"),
    ):
        tune.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=text)
    tune.add_argument("--picture", type=Path, metavar="FILE.png", help="draw which label was taken for which, and how "
                      "far the probabilities can be trusted")  # fmt: skip
    tune.set_defaults(run=run_finetune)

    say = commands.add_parser(
        "predict",
        help="use a model that finetune made",
        description="A text, a file, or standard input, one text a line. Where a model reads two things, a tab parts "
        "them: two texts, a question and its context, or what was said and the replies to choose from.",
    )
    say.add_argument("text", nargs="*", help="texts; or the name of one .txt or .tsv file; without any: standard input")
    say.add_argument("--model", required=True, metavar="FOLDER", help="a folder that finetune made")
    say.add_argument("--beams", type=int, metavar="N", help="writing: texts that are carried on at a time")
    say.add_argument("--out", type=Path, metavar="FILE", help="write .csv or .jsonl, with all probabilities")
    say.set_defaults(run=run_predict)

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
        ("seconds", float, "of training a measurement, about (default: 1)"),
        ("threads", int, "of each side (default: as many as torch takes)"),
    ):
        bench.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=text)
    bench.add_argument("--curves", type=float, metavar="MINUTES",
                       help="instead: how far each gets in so many minutes, by its own recipe (takes about 4 times as "
                       "long; preset tiny, rows of 64 tokens, 64 a step, unless told otherwise)")  # fmt: skip
    bench.add_argument("--json", metavar="FILE", help="write all numbers there; -: on the terminal, without the table")
    bench.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the speeds, or the curves")
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
        for source in sources.available():
            what = shorten(source.what, 64, placeholder=" ...")
            licence = shorten(source.licence, 24, placeholder=" ...")
            cached = "yes" if sources.is_cached(source.name) else "no"
            rows.append((source.name, what, licence, f"{source.bytes / 1e6:.1f}", cached))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for name, what, licence, size, cached in rows:
            print(f"{name:<{widths[0]}}  {what:<{widths[1]}}  {licence:<{widths[2]}}  {size:>{widths[3]}}  {cached}")
        print(f"\nKept in {sources.cache_folder()}. To fetch some: python -m bertlab data NAME ...")
        print("Licences and citations in full: data/README.md")


def run_pretrain(options: argparse.Namespace) -> None:
    from .pretrain import PretrainPlan, format_pretraining_results, pretrain

    given = {
        f.name: getattr(options, f.name) for f in fields(PretrainPlan) if getattr(options, f.name, None) is not None
    }
    if "text" in given:
        given["text"] = tuple(given["text"])
    if options.steps is not None and options.steps < 1:
        raise ValueError(f"--steps {options.steps}: a run has at least one step")
    results = pretrain(PretrainPlan(**given), options.out, minutes=options.minutes, resume=options.resume)
    print(format_pretraining_results(results))
    print(
        f'\nsaved in {options.out}; try: python -m bertlab fill "The [MASK] of the United States" --model {options.out}'
    )


def run_fill(options: argparse.Namespace) -> None:
    from .heads import Pretraining
    from .pretrain import fill_masks
    from .weights import find_model_folder, load
    from .wordpiece import WordPiece

    model, pieces = load(options.model, Pretraining), WordPiece.load(find_model_folder(options.model))
    for number, guesses in enumerate(fill_masks(model, pieces, options.text, options.top), 1):
        print(f"[MASK] {number}: " + ", ".join(f"{word} {100 * p:.1f}%" for word, p in guesses))


def run_attention(options: argparse.Namespace) -> None:
    from . import views, weights
    from .wordpiece import WordPiece

    if not options.out.absolute().parent.is_dir():  # better now than after a download
        raise FileNotFoundError(f"there is no folder for {options.out}")
    if options.out.is_dir():
        raise IsADirectoryError(f"{options.out} is a folder: give the name of a file, {options.out / 'page.html'}")
    folder = weights.find_model_folder(options.model)
    model, pieces = weights.load(folder), WordPiece.load(folder)
    view = views.show_attention(model, pieces, options.text, options.pair, layer=options.layer, head=options.head)
    size = view.save(options.out).stat().st_size
    (L, H), T = view.shape, len(view.tokens)
    print(f"{options.out}: {size / 1e6:.2f} MB, {L} layers, {H} heads, {T} tokens. Open it in a browser, offline too.")


def run_finetune(options: argparse.Namespace) -> None:
    from .tasks import FinetunePlan, draw_report, finetune, format_scores

    given = {f.name: getattr(options, f.name) for f in fields(FinetunePlan) if getattr(options, f.name) is not None}
    if "columns" in given:
        pairs = tuple(tuple(pair.split("=", 1)) for pair in given["columns"])
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"--columns {' '.join(given['columns'])}: write NAME=YOURS, such as text=review")
        given["columns"] = pairs
    plan = FinetunePlan(**given)
    if options.picture and plan.kind == "write":
        raise ValueError("--picture draws labels and probabilities, and a writer has none")
    if options.picture and not options.picture.absolute().parent.is_dir():  # better now than after the training
        raise FileNotFoundError(f"there is no folder for {options.picture}")
    results = finetune(plan, options.out, resume=options.resume)
    print(f"\n{format_scores(results)}\n\n{results['steps']:,} steps in {results['seconds']:.0f} seconds")
    if options.picture:
        draw_report(options.out).savefig(options.picture, dpi=150)
    print(f"saved in {options.out}; to use it: python -m bertlab predict --model {options.out} TEXT")


def run_predict(options: argparse.Namespace) -> None:
    from .tasks import predict, read_inputs, write_predictions

    lines = read_inputs(options.text)
    said = predict(options.model, lines, **({"beams": options.beams} if options.beams is not None else {}))
    write_predictions(lines, said, options.out)


def run_bench(options: argparse.Namespace) -> None:
    import json

    from .bench import (
        BenchConfig,
        draw_curves_figure,
        draw_speeds,
        format_curves,
        format_speeds,
        measure_curves,
        measure_speeds,
    )
    from .pretrain import PretrainPlan

    given = {f.name: getattr(options, f.name) for f in fields(BenchConfig) if getattr(options, f.name) is not None}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    threads = given.get("threads", 0)
    config = BenchConfig(**given)
    if options.curves is not None:
        for name in ("only", "rounds", "seconds", "dropout"):
            if name in given:
                raise ValueError(f"--{name} does not go with --curves")
        plan = PretrainPlan(**{name: value for name, value in given.items() if name != "threads"})
        format_speeds, draw_speeds = format_curves, draw_curves_figure
    for file in (options.json, options.picture):  # better now than after two minutes
        if file not in (None, "-") and not Path(file).absolute().parent.is_dir():
            raise FileNotFoundError(f"there is no folder for {file}")
    say = lambda text: print(text, file=sys.stderr)  # noqa: E731
    results = (
        measure_speeds(config, say) if options.curves is None else measure_curves(plan, options.curves, threads, say)
    )
    numbers = json.dumps(results, indent=1)
    print(numbers if options.json == "-" else format_speeds(results))
    if options.json not in (None, "-"):
        Path(options.json).write_text(numbers + "\n", encoding="utf-8")
    if options.picture:
        draw_speeds(results).savefig(options.picture, dpi=150)


def run_lab(options: argparse.Namespace) -> None:
    import subprocess

    if not NOTEBOOKS.is_dir():
        raise FileNotFoundError(f"no notebooks in {NOTEBOOKS}: run this in a clone of the project")
    run_data(argparse.Namespace(names=[], small=True))
    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", str(NOTEBOOKS), *options.rest]))


if __name__ == "__main__":
    sys.exit(main())
