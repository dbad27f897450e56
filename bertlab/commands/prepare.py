"""The command `prepare`: text of any size to shards that `pretrain --data` trains from."""

import argparse
import re

from ..options import add_plan_options, parse_path, read_plan_options


def add_prepare_options(parser: argparse.ArgumentParser) -> None:
    from ..prepare import PreparePlan

    parser.add_argument("--out", required=True, type=parse_path, metavar="FOLDER", help="where the shards go")
    parser.add_argument("--resume", action="store_true", help="go on with the shards in FOLDER, if there are some")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes (default: one for each core)")
    parser.add_argument("--part", default="1/1", metavar="I/N", help="encode only this part, one of N machines")
    parser.add_argument(
        "--join", nargs="+", type=parse_path, metavar="PART", help="bring the folders of all parts together"
    )
    add_plan_options(parser, PreparePlan)


def run_prepare(options: argparse.Namespace) -> None:
    from ..arguments import check_number
    from ..files import expand_home
    from ..prepare import PreparePlan, prepare, read_state
    from ..shards import join_parts

    given = read_plan_options(options, PreparePlan)
    out = expand_home(options.out)
    if options.join:
        if given or options.part != "1/1" or options.resume:
            raise ValueError("--join takes --out, and no other option: the parts say the rest")
        join_parts([expand_home(part) for part in options.join], out)
    else:
        part = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", options.part)
        if not part or not 1 <= int(part[1]) <= int(part[2]):
            raise ValueError(f"--part {options.part}: write I/N, such as 1/4, 2/4, 3/4 and 4/4 on four machines")
        if options.resume:
            recorded = read_state(out, resume=True).get("plan", {})
            given = recorded | given
            given["text"] = tuple(given.get("text", ()))
        check_number(options.workers, "--workers", least=0, whole=True)
        state = prepare(PreparePlan(**given), out, part=(int(part[1]), int(part[2])), workers=options.workers,
                        resume=options.resume)  # fmt: skip
        if "files" not in state:
            return
    print(f"\nshards in {out}; try: python -m bertlab pretrain --data {out} --minutes 4 --out runs/mine")
