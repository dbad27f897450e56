"""The command line: `python -m bertlab data`, `pretrain`, `fill`, `finetune`, `predict`, `attention`, `bench`, `lab`.

Each command is a function that adds its options and one that runs it; the work is in the other modules. Options that
belong to a plan come from the plan's own fields (options.py), so that defaults and help stand in one place.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import __version__, sources
from .failures import doing, escape_unprintable, report_failure
from .files import check_output_path
from .options import (
    CommandParser,
    add_plan_options,
    check_option,
    parse_path,
    read_plan_options,
    split_pairs,
    start_again_with_utf8,
)
from .stopping import Terminated, raise_at_sigterm

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
DEBUG_HELP = "show where an error happened, as a traceback"
SAVING_MEMORY = ("batch_size", "length", "vocab_size", "beams", "top")  # options that take less memory when smaller


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0; 2 after one line on what the user can mend, 1 on what bertlab got
    wrong; 130 after Ctrl-C, 143 after SIGTERM. `--debug` shows the traceback too."""
    if arguments is None:
        start_again_with_utf8()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = argparse.Namespace(debug="--debug" in arguments)
    escape_unprintable()
    try:
        with raise_at_sigterm():
            command = next((word for word in arguments if not word.startswith("-")), "")
            options = make_parser(command).parse_args(arguments)
            options.run(options)
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, say `head`, has had enough
        sys.stderr.close()
    except (Exception, KeyboardInterrupt, Terminated) as error:
        smaller = [f"--{name.replace('_', '-')}" for name in SAVING_MEMORY if hasattr(options, name)]
        return report_failure(error, getattr(options, "command", ""), smaller, options.debug)
    return 0


def make_parser(command: str = "") -> CommandParser:
    """The parser of all commands. Only the options of `command` are filled in, as they import what they describe; ""
    fills in those of all."""
    root = CommandParser(prog="python -m bertlab", description="A course and a workbench for BERT.")
    root.add_argument("--version", action="version", version=f"bertlab {__version__}")
    root.add_argument("--debug", action="store_true", help=DEBUG_HELP)
    commands = root.add_subparsers(
        title="commands", required=True, metavar="command", dest="command", parser_class=CommandParser
    )
    for name, (summary, add_options, run, examples) in COMMANDS.items():
        parser = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog="examples:\n" + "\n".join(f"  python -m bertlab {name} {example}".rstrip() for example in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.set_defaults(run=run, parser=parser)
        # Without a default of its own, it leaves what was given before the command's name.
        parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=DEBUG_HELP)
        if command in ("", name):
            add_options(parser)
    return root


# ---- data ------------------------------------------------------------------------------------------------------------


def add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="name", help="what to fetch; without a name, all are listed")
    parser.add_argument("--small", action="store_true", help="fetch all small ones")


def run_data(options: argparse.Namespace) -> None:
    small = [source.name for source in sources.available() if source.small] if options.small else []
    names = list(dict.fromkeys(options.names + small))
    for name in names:
        with doing("fetching", name):
            sources.fetch(name)
    if not names:
        print(sources.format_sources())
        print("To fetch some: python -m bertlab data NAME ...")


# ---- pretrain and fill -----------------------------------------------------------------------------------------------


def add_pretrain_options(parser: argparse.ArgumentParser) -> None:
    from .pretrain import PretrainPlan

    parser.add_argument(
        "--out", required=True, type=parse_path, metavar="FOLDER", help="where the run and the model go"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in FOLDER, if it holds one")
    parser.add_argument("--minutes", type=float, metavar="N",
                        help="of training, instead of --steps: the steps follow from the measured speed")  # fmt: skip
    add_plan_options(parser, PretrainPlan)


def run_pretrain(options: argparse.Namespace) -> None:
    from .pretrain import PretrainPlan, format_pretraining_results, pretrain
    from .run_folder import make_run_plan

    if options.steps is not None and options.minutes is not None:
        raise ValueError("--minutes and --steps both say how long to train: give one of them")
    if options.steps is not None and options.steps < 1:
        raise ValueError(f"--steps {options.steps}: a run has at least one step")
    given = read_plan_options(options, PretrainPlan)
    plan = make_run_plan(PretrainPlan, given, options.out, options.resume)
    if "neighbours" in given and plan.sinusoids == 0:
        raise ValueError(
            "--no-neighbours changes nothing with --sinusoids 0: heads start at neighbours by the sinusoids"
        )
    if "same_source" in given and len(plan.text) == 1:
        raise ValueError("--same-source changes nothing with one text: name several")
    results = pretrain(plan, options.out, minutes=options.minutes, resume=options.resume)
    print(format_pretraining_results(results))
    print(
        f'\nsaved in {options.out}; try: python -m bertlab fill "The [MASK] of the United States" --model {options.out}'
    )


def add_fill_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", help="a text with [MASK] where a word is missing")
    model = "a folder that pretrain made (default: bertlab-mini, which comes with bertlab)"
    parser.add_argument("--model", default="bertlab-mini", metavar="MODEL", help=model)
    parser.add_argument("--top", type=int, default=5, metavar="N", help="predictions for each (default: 5)")


def run_fill(options: argparse.Namespace) -> None:
    from .arguments import check_number
    from .heads import Pretraining
    from .pretrain import fill_masks
    from .weights import check_vocabulary, find_model_folder, load
    from .wordpiece import WordPiece

    check_number(options.top, "--top", least=1)
    with doing("loading", options.model):
        folder = find_model_folder(options.model)
        model, tokenizer = load(folder, Pretraining), WordPiece.load(folder)
        check_vocabulary(tokenizer, model, folder)
    with doing("filling in", options.text):
        filled = fill_masks(model, tokenizer, options.text, options.top)
    for number, predictions in enumerate(filled, 1):
        print(f"[MASK] {number}: " + ", ".join(f"{word} {100 * p:.1f}%" for word, p in predictions))


# ---- attention -------------------------------------------------------------------------------------------------------


def add_attention_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text")
    parser.add_argument("--pair", metavar="TEXT", help="the second sentence")
    parser.add_argument("--model", default="minilm", metavar="MODEL",
                        help="minilm, bertlab-mini, a folder, or a name on the hub (default: minilm)")  # fmt: skip
    parser.add_argument(
        "--out", required=True, type=parse_path, metavar="FILE.html", help="the page, one file for any browser"
    )
    parser.add_argument("--layer", type=int, default=0, metavar="N", help="opens on this one, from 0 (default: 0)")
    parser.add_argument("--head", type=int, default=0, metavar="N", help="and this one (default: 0)")


def run_attention(options: argparse.Namespace) -> None:
    from . import views, weights
    from .arguments import check_number
    from .wordpiece import WordPiece

    for name in ("layer", "head"):
        check_number(getattr(options, name), f"--{name}", least=0)
    check_output_path(options.out, "--out")
    with doing("loading", options.model):
        folder = weights.find_model_folder(options.model)
        model, tokenizer = weights.load(folder), WordPiece.load(folder)
        weights.check_vocabulary(tokenizer, model, folder)
    with doing("drawing the attention on", options.text):
        view = views.show_attention(
            model, tokenizer, options.text, options.pair, layer=options.layer, head=options.head
        )
    with doing("saving", options.out):
        view.save(options.out)
    (L, H), T, size = view.shape, len(view.tokens), len(view.page.encode("utf-8"))
    print(f"{options.out}: {size / 1e6:.2f} MB, {L} layers, {H} heads, {T} tokens. Open it in a browser, offline too.")


# ---- finetune and predict --------------------------------------------------------------------------------------------


def add_finetune_options(parser: argparse.ArgumentParser) -> None:
    from .tasks import FinetunePlan

    parser.add_argument(
        "--out", required=True, type=parse_path, metavar="FOLDER", help="where the run and the model go"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in FOLDER, if it holds one")
    drawn = "draw which label was predicted for which, and how far the probabilities can be trusted"
    parser.add_argument("--picture", type=parse_path, metavar="FILE.png", help=drawn)
    add_plan_options(parser, FinetunePlan)


def run_finetune(options: argparse.Namespace) -> None:
    from .run_folder import make_run_plan
    from .tasks import FinetunePlan, draw_report, find_task, finetune, format_scores

    plan = make_run_plan(FinetunePlan, read_plan_options(options, FinetunePlan), options.out, options.resume)
    if options.picture:
        from .plots import check_picture_path, save_figure

        find_task(plan.task).check_report()
        check_picture_path(options.picture, "--picture")
    results = finetune(plan, options.out, resume=options.resume)
    print(f"\n{format_scores(results)}\n\n{results['steps']:,} steps in {results['seconds']:.0f} seconds")
    if options.picture:
        with doing("drawing", options.picture):
            save_figure(draw_report(options.out), options.picture)
    print(f"saved in {options.out}; to use it: python -m bertlab predict --model {options.out} TEXT")


def add_predict_options(parser: argparse.ArgumentParser) -> None:
    from .tasks.inputs import PREDICT_INPUTS

    parser.description = f"{parser.description}\n\n{PREDICT_INPUTS.partition('.')[2].strip()}"
    parser.add_argument("given", nargs="*", metavar="text", help=PREDICT_INPUTS.partition(".")[0])
    parser.add_argument("--model", required=True, metavar="FOLDER", help="a folder that finetune made")
    parser.add_argument("--text", action="store_true", help="take what is given as a text, whatever file it may name")
    parser.add_argument("--columns", nargs="+", metavar="NAME=YOURS",
                        help="what your file calls its columns (default: as in training)")  # fmt: skip
    parser.add_argument("--skip-bad-rows", action="store_true", help="leave out what cannot be read, and say which")
    parser.add_argument("--beams", type=int, metavar="N", help="write: texts that are carried on at a time")
    parser.add_argument("--out", type=parse_path, metavar="FILE",
                        help="write a .csv or .jsonl: the columns of the input and the predictions, with all "
                        'probabilities; "predicted_" stands before a name that your file has too')  # fmt: skip


def run_predict(options: argparse.Namespace) -> None:
    from . import tasks

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    file = tasks.find_input_file(options.given, options.text)
    if options.text and not options.given:
        raise ValueError("--text is for a text after it: there is none")
    if options.skip_bad_rows and options.given and file is None:
        raise ValueError("--skip-bad-rows is for the rows of a file or of standard input")
    if options.beams is not None:
        check_option(tasks.FinetunePlan, "beams", options.beams)
    if options.out:
        tasks.check_output_file(options.out, file)
    columns = dict(split_pairs("columns", options.columns or ()))
    with doing("loading", options.model):
        model, task, more = tasks.load_predictor(options.model)
    more |= {} if options.beams is None else {"beams": options.beams}
    tasks.check_predict_options(task, more)
    with doing("reading", file or "the texts"):
        inputs, shown = tasks.read_inputs(
            task, options.given, file, columns=columns, skip_bad_rows=options.skip_bad_rows, say=say
        )
    with doing("predicting", f"{len(inputs):,} inputs of {file}" if file else f"{len(inputs):,} inputs"):
        predictions = tasks.predict_inputs(model, task, inputs, **more)
    for loss in task.describe_losses(len(inputs)):
        say(loss.removesuffix(" (--length)"))
    if options.out is None:
        tasks.print_predictions(task, predictions)
        return
    with doing("saving", options.out):
        tasks.write_predictions(shown, predictions, options.out)


# ---- bench and lab ---------------------------------------------------------------------------------------------------


def add_bench_options(parser: argparse.ArgumentParser) -> None:
    from .bench import BenchConfig

    add_plan_options(parser, BenchConfig)
    parser.add_argument("--curves", type=float, metavar="MINUTES",
                        help="instead: how far each gets in so many minutes, by its own recipe (takes about 4 times as "
                        "long; preset tiny, rows of 64 tokens, 64 a step, unless told otherwise)")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write all numbers there; -: on the terminal, without the table")
    parser.add_argument("--picture", type=parse_path, metavar="FILE.png", help="draw the speeds, or the curves")


def run_bench(options: argparse.Namespace) -> None:
    from . import bench
    from .arguments import check_number
    from .files import write_json
    from .options import MOST_MINUTES
    from .pretrain import PretrainPlan

    given = read_plan_options(options, bench.BenchConfig)
    config = bench.BenchConfig(**given)
    file = Path(options.json) if options.json not in (None, "-") else None
    check_output_path(file, "--json")
    if options.picture:
        from .plots import check_picture_path, save_figure

        check_picture_path(options.picture, "--picture")

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    if options.curves is None:
        format_results, draw = bench.format_speeds, bench.draw_speeds
        results = bench.measure_speeds(config, say)
    else:
        for name in ("only", "rounds", "seconds", "dropout"):
            if name in given:
                raise ValueError(f"--{name} does not go with --curves")
        check_number(options.curves, "--curves", above=0, most=MOST_MINUTES)
        format_results, draw = bench.format_curves, bench.draw_curves_figure
        threads = given.pop("threads", 0)
        results = bench.measure_curves(PretrainPlan(**given), options.curves, threads, say)
    print(json.dumps(results, indent=1) if options.json == "-" else format_results(results))
    if file is not None:
        write_json(file, results)
    if options.picture:
        with doing("drawing", options.picture):
            save_figure(draw(results), options.picture)


def add_lab_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rest", nargs="*", metavar="option", help="options for jupyter lab")


def run_lab(options: argparse.Namespace) -> None:
    import subprocess

    if not NOTEBOOKS.is_dir():
        raise FileNotFoundError(f"no notebooks in {NOTEBOOKS}: run this in a clone of the project")
    run_data(argparse.Namespace(names=[], small=True))
    rest = ["--debug"] if options.debug else []
    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", str(NOTEBOOKS), *options.rest, *rest]))


# ---- All commands ----------------------------------------------------------------------------------------------------

AddOptions, Run = Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], None]

# name -> summary, what adds the options, what runs it, two examples
COMMANDS: dict[str, tuple[str, AddOptions, Run, tuple[str, ...]]] = {
    "data": ("list the named data and models, or fetch some", add_data_options, run_data, ("", "sotu wiki minilm")),
    "pretrain": (
        "train a BERT from random weights on text, with MLM and NSP, and judge it on held-out documents",
        add_pretrain_options,
        run_pretrain,
        (
            "--text sotu wiki --minutes 4 --out runs/first",
            "--text my-texts/ --preset mini --steps 5000 --out runs/mine",
        ),
    ),
    "fill": (
        "predict the words that are [MASK] in a text",
        add_fill_options,
        run_fill,
        ('"And God said, Let there be [MASK]."', '"The [MASK] of the United States" --model runs/first --top 3'),
    ),
    "attention": (
        "write a page that shows where each token of a text looks",
        add_attention_options,
        run_attention,
        ('"The cat sat on the mat." --out page.html', '"The cat sat." --pair "It slept." --layer 3 --out page.html'),
    ),
    "finetune": (
        "train a trained BERT for a task, on data of ours or of your own, and compare it with simple baselines",
        add_finetune_options,
        run_finetune,
        (
            "sentiment --out runs/sentiment",
            "classify --train reviews.csv --columns text=review label=stars --out runs/mine",
        ),
    ),
    "predict": (
        "use a model that finetune made on a text, a file, or standard input",
        add_predict_options,
        run_predict,
        (
            '--model runs/sentiment "a dull and lifeless film"',
            "--model runs/sentiment reviews.csv --out predictions.csv",
        ),
    ),
    "bench": (
        "measure our training beside transformers.Trainer's on this machine: the same weights and rows, in turn",
        add_bench_options,
        run_bench,
        ("--only packed-8k", "--curves 4 --picture curves.png"),
    ),
    "lab": ("open the notebooks in JupyterLab", add_lab_options, run_lab, ("", "--no-browser")),
}


if __name__ == "__main__":
    sys.exit(main())
