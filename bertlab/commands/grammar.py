"""The command `grammar`: how many minimal pairs of English sentences a model gets right."""

import argparse

from ..failures import doing
from ..files import check_output_path
from ..options import parse_path


def add_grammar_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="bertlab-mini", metavar="MODEL",
                        help="with an MLM head: a folder, or a name on the hub (default: bertlab-mini)")  # fmt: skip
    parser.add_argument("--pairs", metavar="FILE",
                        help="pairs of your own, with the columns sentence_good and sentence_bad: .jsonl, .csv, or "
                        "hub:NAME[:CONFIG][@SPLIT], such as hub:nyu-mll/blimp:anaphor_gender_agreement (default: ours, "
                        "14 phenomena)")  # fmt: skip
    parser.add_argument("--skip-bad-rows", action="store_true", help="leave rows of --pairs out that cannot be read")
    parser.add_argument("--each", type=int, metavar="N", help="of our pairs, so many a phenomenon (default: 200)")
    parser.add_argument("--seed", type=int, metavar="N", help="of our pairs (default: 0)")
    parser.add_argument("--text", nargs="+", default=(), metavar="TEXT",
                        help="show beside it what single words and pairs of neighbouring words of these texts can do: "
                        "named sources, .txt files, folders")  # fmt: skip
    parser.add_argument("--json", type=parse_path, metavar="FILE", help="write the counts there")
    parser.add_argument("--picture", type=parse_path, metavar="FILE.png", help="draw the shares")


def run_grammar(options: argparse.Namespace) -> None:
    from .. import grammar
    from ..files import write_json
    from ..heads import Pretraining
    from ..pictures import check_picture_path, save_figure
    from ..weights import check_vocabulary, find_model_folder, load
    from ..wordpiece import WordPiece

    ours = {name: value for name in ("each", "seed") if (value := getattr(options, name)) is not None}
    if options.pairs and ours:
        raise ValueError(f"--{next(iter(ours))} is for our pairs, not for those of --pairs")
    if options.skip_bad_rows and not options.pairs:
        raise ValueError("--skip-bad-rows is for the rows of --pairs")
    check_output_path(options.json, "--json")
    if options.picture:
        check_picture_path(options.picture, "--picture")
    with doing("reading", options.pairs or "the pairs"):
        pairs = (grammar.read_pairs(options.pairs, skip_bad_rows=options.skip_bad_rows) if options.pairs
                 else grammar.make_pairs(**ours))  # fmt: skip
    with doing("loading", options.model):
        folder = find_model_folder(options.model)
        model, tokenizer = load(folder, Pretraining), WordPiece.load(folder)
        check_vocabulary(tokenizer, model, folder)
    with doing("judging", f"{len(pairs):,} pairs"):
        results = grammar.judge_grammar(model, tokenizer, pairs, options.text)
    print(grammar.format_grammar(results))
    if options.json:
        write_json(options.json, results)
    if options.picture:
        with doing("drawing", options.picture):
            save_figure(grammar.draw_grammar(results), options.picture)
