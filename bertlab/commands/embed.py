"""The command `embed`: one vector for each text, as a .npy file."""

import argparse
import sys

from ..failures import doing
from ..files import check_output_path
from ..options import parse_path, split_pairs


def add_embed_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("given", nargs="*", metavar="text",
                        help="texts; or one file: a .txt, a text a line, or a .csv, .tsv, .json or .jsonl with a "
                        "column text; without any: standard input, one text a line")  # fmt: skip
    parser.add_argument("--model", default="minilm", metavar="MODEL",
                        help="minilm, bertlab-mini, a folder, or a name on the hub (default: minilm)")  # fmt: skip
    parser.add_argument("--out", required=True, type=parse_path, metavar="FILE.npy",
                        help="the vectors, a row each, float32: numpy.load reads them")  # fmt: skip
    parser.add_argument(
        "--pooling",
        default="mean",
        metavar="HOW",
        help="mean, over all tokens, or cls, the vector of [CLS] (default: mean)",
    )
    parser.add_argument("--no-normalise", action="store_true", help="leave the vectors as long as they are, not 1")
    parser.add_argument("--text", action="store_true", help="take what is given as a text, whatever file it may name")
    parser.add_argument("--columns", nargs="+", metavar="NAME=YOURS",
                        help="what your file calls the column: text=review")  # fmt: skip
    parser.add_argument("--skip-bad-rows", action="store_true", help="leave out what cannot be read, and say which")


def run_embed(options: argparse.Namespace) -> None:
    from .. import tasks, weights
    from ..embedding import POOLINGS, embed_texts, format_npy
    from ..files import write_bytes
    from ..wordpiece import WordPiece

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    if options.pooling not in POOLINGS:
        raise ValueError(f"--pooling is {options.pooling!r}; it is one of {', '.join(POOLINGS)}")
    if options.out.suffix.lower() != ".npy":
        raise ValueError(f"--out {options.out}: vectors are written to a .npy file")
    check_output_path(options.out, "--out")
    options.given = tasks.list_given(options.given, options.text)
    file = tasks.find_input_file(options.given, options.text)
    if options.skip_bad_rows and options.given and file is None:
        raise ValueError("--skip-bad-rows is for the rows of a file or of standard input")
    columns = dict(split_pairs("columns", options.columns or ()))
    with doing("loading", options.model):
        folder = weights.find_model_folder(options.model)
        model, tokenizer = weights.load(folder), WordPiece.load(folder)
        weights.check_vocabulary(tokenizer, model, folder)
    with doing("reading", file or "the texts"):
        task = tasks.PlainTexts(tokenizer, model.config.max_position_embeddings)
        texts, _ = tasks.read_inputs(
            task, options.given, file, columns=columns, skip_bad_rows=options.skip_bad_rows, say=say
        )
    with doing("embedding", f"{len(texts):,} texts"):
        vectors = embed_texts(model, tokenizer, texts, options.pooling, not options.no_normalise, say=say)
    with doing("saving", options.out):
        write_bytes(options.out, format_npy(vectors))
    print(f"{options.out}: {vectors.shape[0]:,} vectors of {vectors.shape[1]:,} numbers")
