"""The command `convert`: a checkpoint of Google's BERT, made by TensorFlow, to a folder that everything here opens."""

import argparse

from ..options import parse_path


def add_convert_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=parse_path, metavar="FOLDER",
                        help="a folder with bert_config.json, vocab.txt and bert_model.ckpt.*, or one checkpoint in "
                        "it; tensorflow must be installed (pip install tensorflow-cpu)")  # fmt: skip
    parser.add_argument("--out", required=True, type=parse_path, metavar="FOLDER",
                        help="config.json, model.safetensors and the tokenizer are written here")  # fmt: skip
    case = parser.add_mutually_exclusive_group()
    case.add_argument("--cased", action="store_true", default=None, dest="cased",
                      help="the tokenizer keeps capitals and accents (default: if the vocabulary "
                      "has capitals)")  # fmt: skip
    case.add_argument("--uncased", action="store_false", default=None, dest="cased",
                      help="the tokenizer drops them")  # fmt: skip


def run_convert(options: argparse.Namespace) -> None:
    from ..tensorflow_files import convert_checkpoint, describe_conversion

    print(describe_conversion(convert_checkpoint(options.checkpoint, options.out, options.cased)))
