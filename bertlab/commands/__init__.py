"""The commands of `python -m bertlab`: for each, a function that adds its options and one that runs it.

The work is in the other modules, which these functions import when they run.
"""

import argparse
from collections.abc import Callable

from .attention import add_attention_options, run_attention
from .bench import add_bench_options, run_bench
from .convert import add_convert_options, run_convert
from .cost import add_cost_options, run_cost
from .data import add_data_options, add_lab_options, run_data, run_lab
from .embed import add_embed_options, run_embed
from .finetune import add_finetune_options, add_predict_options, run_finetune, run_predict
from .grammar import add_grammar_options, run_grammar
from .prepare import add_prepare_options, run_prepare
from .pretrain import add_fill_options, add_pretrain_options, run_fill, run_pretrain

AddOptions, Run = Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], None]

# name -> summary, what adds the options, what runs it, two examples
COMMANDS: dict[str, tuple[str, AddOptions, Run, tuple[str, ...]]] = {
    "data": ("list the named data and models, or fetch some", add_data_options, run_data, ("", "sotu wiki minilm")),
    "prepare": (
        "encode text of any size into shards on the disk, in parallel, for pretrain --data",
        add_prepare_options,
        run_prepare,
        (
            "--text articles/ hub:wikimedia/wikipedia:20231101.cy --vocab-size 30000 --out shards/",
            "--text articles/ --part 1/4 --out part-1/",
        ),
    ),
    "pretrain": (
        "train a BERT on text, from random weights or from a model, with MLM and NSP; judge it on held-out documents",
        add_pretrain_options,
        run_pretrain,
        (
            "--text sotu wiki --minutes 4 --out runs/first",
            "--from minilm --text my-texts/ --steps 2000 --out runs/mine",
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
    "grammar": (
        "judge a masked language model by minimal pairs of English sentences, of which one is grammatical",
        add_grammar_options,
        run_grammar,
        ("--text sotu wiki", "--model runs/first --pairs pairs.jsonl --picture grammar.png"),
    ),
    "embed": (
        "write one vector for each text, of which the dot products are cosines",
        add_embed_options,
        run_embed,
        ("reviews.csv --columns text=review --out vectors.npy", '"a dull film" "a fine one" --out two.npy'),
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
    "convert": (
        "convert a checkpoint of Google's BERT, made by TensorFlow, to a folder that bertlab and transformers open",
        add_convert_options,
        run_convert,
        ("uncased_L-4_H-256_A-4/ --out runs/google-mini", "tuned/model.ckpt-1200 --out runs/tuned --uncased"),
    ),
    "bench": (
        "measure our training beside transformers.Trainer's on this machine: the same weights and rows, in turn",
        add_bench_options,
        run_bench,
        ("--only packed-8k", "--curves 4 --picture curves.png"),
    ),
    "cost": (
        "say what a pre-training takes in operations, time, memory, energy and money, by formula",
        add_cost_options,
        run_cost,
        ("--preset base --tokens 3.3e9 --device t4", "--preset tiny --tokens 20e6 --length 64 --device here"),
    ),
    "lab": ("open the notebooks in JupyterLab", add_lab_options, run_lab, ("", "--no-browser")),
}
