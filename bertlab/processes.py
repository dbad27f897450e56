"""Several processes of one run, as torchrun and accelerate start them: the first one decides and writes for all."""

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import NoReturn, TypeVar

Value = TypeVar("Value")
PATIENCE = timedelta(hours=12)  # that others have while the first learns a vocabulary, say


def count_processes() -> int:
    """How many processes this run has: 1 unless torchrun or accelerate started it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    return os.environ.get("RANK", "0") == "0"


def join_processes() -> None:
    """Connect this process to the others of its run, without a GPU too, where accelerate alone would do it only if
    ACCELERATE_USE_CPU is set."""
    if count_processes() > 1:
        import torch
        from accelerate import PartialState
        from accelerate.utils import parse_flag_from_env

        on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
        PartialState(cpu=on_cpu, timeout=PATIENCE)


def decide(function: Callable[[], Value]) -> Value:
    """Call `function` in the first process alone, and return there and in all others what it gave.

    Every process has to come here. Where the function raises, the others raise SystemExit.
    """
    if count_processes() == 1:
        return function()
    from accelerate.utils import broadcast_object_list

    join_processes()
    if not is_first_process():
        value, failed = broadcast_object_list([None, None])
        if failed:
            raise SystemExit(2)
        return value
    try:
        value = function()
    except BaseException:
        broadcast_object_list([None, True])
        raise
    broadcast_object_list([value, False])
    return value


def check_agreement(value: object, what: str) -> None:
    """Raise ValueError where `value` is another one than in the first process."""
    if decide(lambda: value) != value:
        raise ValueError(f"process {os.environ['RANK']} has another {what} than the first one: all need the same disk")


def divide_batches(accumulate: int, batch_size: int) -> int:
    """How many of the `accumulate` batches of a step each process computes.

    Raises ValueError where they cannot be shared out equally: the step would be another one.
    """
    processes = count_processes()
    if accumulate % processes:
        batches = f"{accumulate} batch{'es' * (accumulate != 1)} of {batch_size} rows"
        more = -(-accumulate // processes) * processes
        raise ValueError(
            f"a step has {batches}, which {processes} processes cannot share equally: take a number of processes that "
            f"divides {accumulate}, or begin a run with --accumulate {more} and a --batch-size of your choice"
        )
    return accumulate // processes


def leave_processes() -> None:
    """End the connections to the other processes of a run that has ended."""
    torch = sys.modules.get("torch")
    if count_processes() > 1 and torch is not None and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def exit_process(status: int) -> NoReturn:
    """End this process with an exit status, as `sys.exit` does.

    One of several processes ends without the destructors of C++. In 2 of 25 runs of two processes (torch 2.13,
    gloo) these came upon a thread that had not been joined, and ended with SIGABRT a run whose work was done and saved,
    so that torchrun called it failed. What Python has to do at the end is done.
    """
    if count_processes() == 1:
        sys.exit(status)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the reader has gone, or the stream was closed
            stream.flush()
    os._exit(status)
