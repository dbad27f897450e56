"""The command `bench`: our training beside transformers' on this machine."""

import argparse
import json
import sys
from pathlib import Path

from ..failures import doing
from ..files import check_output_path
from ..options import add_plan_options, parse_path, read_plan_options


def add_bench_options(parser: argparse.ArgumentParser) -> None:
    from ..bench import BenchConfig

    add_plan_options(parser, BenchConfig)
    parser.add_argument("--curves", type=float, metavar="MINUTES",
                        help="instead: how far each gets in so many minutes, by its own recipe (takes about 4 times as "
                        "long; preset tiny, rows of 64 tokens, 64 a step, unless told otherwise)")  # fmt: skip
    parser.add_argument(
        "--scale",
        action="store_true",
        help="instead: how our speed and memory change with batch, length, width, depth, threads and processes",
    )
    parser.add_argument("--json", metavar="FILE", help="write all numbers there; -: on the terminal, without the table")
    parser.add_argument("--picture", type=parse_path, metavar="FILE.png", help="draw the speeds, or the curves")


def run_bench(options: argparse.Namespace) -> None:
    from .. import bench
    from ..arguments import check_number
    from ..files import write_json
    from ..options import MOST_MINUTES
    from ..pretrain import PretrainPlan

    given = read_plan_options(options, bench.BenchConfig)
    config = bench.BenchConfig(**given)
    file = Path(options.json) if options.json not in (None, "-") else None
    check_output_path(file, "--json")
    if options.picture:
        from ..pictures import check_picture_path, save_figure

        check_picture_path(options.picture, "--picture")

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    if options.scale:
        free = ("rounds", "seconds", "threads")
        others = [f"--{name.replace('_', '-')}" for name in given if name not in free]
        others += ["--curves"] * (options.curves is not None)
        if others:
            raise ValueError(f"{others[0]} does not go with --scale, which varies one thing after the other itself")
        format_results, draw = bench.format_scale, bench.draw_scale
        results = bench.measure_scale(config.threads, config.rounds, config.seconds, say)
    elif options.curves is None:
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
