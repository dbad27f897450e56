"""The commands `finetune` and `predict`: a trained BERT learns a task, and is used."""

import argparse
import sys

from ..failures import doing
from ..options import add_plan_options, check_option, parse_path, read_plan_options, split_pairs


def add_finetune_options(parser: argparse.ArgumentParser) -> None:
    from ..tasks import FinetunePlan

    parser.add_argument(
        "--out", required=True, type=parse_path, metavar="FOLDER", help="where the run and the model go"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in FOLDER, if it holds one")
    drawn = "draw which label was predicted for which, and how far the probabilities can be trusted"
    parser.add_argument("--picture", type=parse_path, metavar="FILE.png", help=drawn)
    add_plan_options(parser, FinetunePlan)


def run_finetune(options: argparse.Namespace) -> None:
    from ..processes import is_first_process
    from ..run_folder import make_run_plan
    from ..tasks import FinetunePlan, draw_report, find_task, finetune, format_scores

    plan = make_run_plan(FinetunePlan, read_plan_options(options, FinetunePlan), options.out, options.resume)
    if options.picture:
        from ..pictures import check_picture_path, save_figure

        find_task(plan.task).check_report()
        check_picture_path(options.picture, "--picture")
    results = finetune(plan, options.out, resume=options.resume)
    if not is_first_process():
        return
    print(f"\n{format_scores(results)}\n\n{results['steps']:,} steps in {results['seconds']:.0f} seconds")
    if options.picture:
        with doing("drawing", options.picture):
            save_figure(draw_report(options.out), options.picture)
    print(f"saved in {options.out}; to use it: python -m bertlab predict --model {options.out} TEXT")


def add_predict_options(parser: argparse.ArgumentParser) -> None:
    from ..tasks.inputs import PREDICT_INPUTS

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
    from .. import tasks

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    options.given = tasks.list_given(options.given, options.text)
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
