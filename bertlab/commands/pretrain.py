"""The commands `pretrain` and `fill`: a BERT from text, and what it says of a missing word."""

import argparse

from ..failures import doing
from ..options import add_plan_options, parse_path, read_plan_options


def add_pretrain_options(parser: argparse.ArgumentParser) -> None:
    from ..pretrain import PretrainPlan

    parser.add_argument(
        "--out", required=True, type=parse_path, metavar="FOLDER", help="where the run and the model go"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in FOLDER, if it holds one")
    parser.add_argument("--minutes", type=float, metavar="N",
                        help="of training, instead of --steps: the steps follow from the measured speed")  # fmt: skip
    limit = "minutes in all, after which it writes a checkpoint and stops, for a queue with a time limit"
    parser.add_argument("--stop-after", type=float, metavar="N", help=limit)
    parser.add_argument("--checkpoint-minutes", type=float, default=0.5, metavar="N",
                        help="between checkpoints (default: 0.5)")  # fmt: skip
    add_plan_options(parser, PretrainPlan)


def run_pretrain(options: argparse.Namespace) -> None:
    from ..continued import check_checkpoint_settings
    from ..pretrain import PretrainPlan, format_pretraining_results, pretrain
    from ..processes import is_first_process
    from ..run_folder import make_run_plan

    if options.steps is not None and options.minutes is not None:
        raise ValueError("--minutes and --steps both say how long to train: give one of them")
    if options.steps is not None and options.steps < 1:
        raise ValueError(f"--steps {options.steps}: a run has at least one step")
    given = read_plan_options(options, PretrainPlan)
    plan = make_run_plan(PretrainPlan, given, options.out, options.resume)
    check_checkpoint_settings(plan, given)
    if "neighbours" in given and plan.sinusoids == 0:
        raise ValueError(
            "--no-neighbours changes nothing with --sinusoids 0: heads start at neighbours by the sinusoids"
        )
    if "same_source" in given and len(plan.text) == 1:
        raise ValueError("--no-same-source changes nothing with one text: name several")
    results = pretrain(plan, options.out, minutes=options.minutes, resume=options.resume, stop_after=options.stop_after,
                       checkpoint_minutes=options.checkpoint_minutes)  # fmt: skip
    if not is_first_process():
        return
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
    from ..arguments import check_number
    from ..heads import Pretraining
    from ..pretrain import fill_masks
    from ..weights import check_vocabulary, find_model_folder, load
    from ..wordpiece import WordPiece

    check_number(options.top, "--top", least=1)
    with doing("loading", options.model):
        folder = find_model_folder(options.model)
        model, tokenizer = load(folder, Pretraining), WordPiece.load(folder)
        check_vocabulary(tokenizer, model, folder)
    with doing("filling in", options.text):
        filled = fill_masks(model, tokenizer, options.text, options.top)
    for number, predictions in enumerate(filled, 1):
        print(f"[MASK] {number}: " + ", ".join(f"{word} {100 * p:.1f}%" for word, p in predictions))
