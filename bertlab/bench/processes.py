"""bench.processes: TODO."""

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch

from .settings import Setting
from .sides import Side


@contextmanager
def start_server() -> Iterator[multiprocessing.context.BaseContext]:
    """Where the sides' processes come from. Each starts with the same libraries imported, and with nothing else.

    Where the system can fork, one clean process imports what both sides need, and each side is a copy of it; Windows
    starts every process anew, and that takes longer. A GPU would take another bench: there is none here to try it on.
    """
    wanted = {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true", "TOKENIZERS_PARALLELISM": "false"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        if "forkserver" in multiprocessing.get_all_start_methods():
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["bertlab.bench", "transformers.trainer"])
            from multiprocessing import forkserver  # not on Windows

            forkserver.ensure_running()  # it imports while we read the text
        else:
            context = multiprocessing.get_context("spawn")
        yield context
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


class Worker:
    """The parent's end of a side: `ask` sends a question to its process and waits for the answer.

    The process runs `target(pipe, what, name, threads)`, which is `serve_side` for a Setting, `learn` for a Course.
    """

    def __init__(self, target: Callable, what, name: str, threads: int, processes: multiprocessing.context.BaseContext):
        self.name = name
        self.pipe, theirs = processes.Pipe()
        self.process = processes.Process(target=target, args=(theirs, what, name, threads), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, what: str, *arguments):
        """Raises ChildProcessError when the process is gone or failed, with what it said."""
        try:
            self.pipe.send((what, arguments))
            fine, answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(10)
            raise ChildProcessError(
                f"the process of {self.name!r} ended with code {self.process.exitcode}; was there enough memory?"
            ) from None
        if not fine:
            raise ChildProcessError(f"{self.name}: {answer}")
        return answer

    def close(self) -> None:
        self.pipe.close()
        self.process.join(2)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()
        self.process.close()


def prepare_process(threads: int) -> None:
    """What every side's process does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it ends us
    torch.set_num_threads(threads)
    gc.freeze()  # the Trainer collects garbage before each run, and would look through all that is imported


def serve_side(pipe, setting: Setting, name: str, threads: int) -> None:
    """The process of a side: build it, then answer until the parent closes the pipe."""
    prepare_process(threads)
    side = None
    with suppress(EOFError, OSError):  # the parent is gone, or has heard enough
        while True:
            what, arguments = pipe.recv()
            try:
                side = side or Side(setting, name)
                answer = (True, getattr(side, what)(*arguments))
            except Exception as error:  # whatever it is, the parent tells it
                answer = (False, f"{type(error).__name__}: {error}")
            pipe.send(answer)
