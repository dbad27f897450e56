"""The command `attention`: a page that shows where each token of a text looks."""

import argparse

from ..failures import doing
from ..files import check_output_path
from ..options import parse_path


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
    from .. import views, weights
    from ..arguments import check_number
    from ..tasks.inputs import refuse_file
    from ..wordpiece import WordPiece

    for name in ("layer", "head"):
        check_number(getattr(options, name), f"--{name}", least=0)
    check_output_path(options.out, "--out")
    refuse_file(options.text)
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
