"""Ctrl-C, SIGTERM and a time limit: a training first finishes its step and writes a checkpoint, and a command
ends with one line."""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from typing import NoReturn

from .arguments import check_number
from .options import MOST_MINUTES


class Terminated(SystemExit):
    """SIGTERM came, say from a queue whose time is over. The exit status is the one that shells give it."""

    def __init__(self, message: str):
        super().__init__(128 + signal.SIGTERM)
        self.message = message

    def __str__(self) -> str:
        return self.message


@contextlib.contextmanager
def raise_at_sigterm() -> Iterator[None]:
    """Raise Terminated when SIGTERM comes, as Python raises KeyboardInterrupt: what was opened is closed, and locks and
    temporary files go."""

    def stop(*_) -> None:
        raise Terminated("stopped")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if previous is None else previous)


def make_deadline(stop_after: float | None) -> float | None:
    """The moment, of `time.monotonic`, that is so many minutes from now. Raises ValueError for an impossible number."""
    if stop_after is None:
        return None
    return time.monotonic() + 60 * check_number(stop_after, "stop_after", above=0, most=MOST_MINUTES)


class StopSignal:
    """Delay Ctrl-C and SIGTERM until the end of a step. `exception` is what to raise then, and after the `deadline`.

    A second Ctrl-C stops at once. A second SIGTERM does not: torchrun sends its own after that of a queue.
    """

    def __init__(self, deadline: float | None = None):
        self.requested = False
        self.deadline = math.inf if deadline is None else deadline
        self.exception: type[BaseException] = Terminated

    def __enter__(self) -> "StopSignal":
        self.main = threading.current_thread() is threading.main_thread()
        if self.main:
            self.previous_handlers = {n: signal.signal(n, self.request_stop) for n in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_) -> None:
        if self.main:
            for number, handler in self.previous_handlers.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def request_stop(self, number: int, _) -> None:
        self.exception = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt("stopped in the middle of a step; the last checkpoint is complete")
        self.requested = True

    def leave(self, accelerator, progress: str) -> NoReturn:
        """Raise the exception when all processes are here: torchrun kills the others soon after one has left, perhaps
        before the first has written its checkpoint."""
        accelerator.wait_for_everyone()
        raise self.exception(f"stopped after step {progress}")

    def is_agreed(self, accelerator) -> bool:
        """Whether any process has to stop. Then all of them do: one must not leave while another waits for it."""
        requested = self.requested or time.monotonic() > self.deadline
        if accelerator.num_processes == 1:
            return requested
        import torch

        return bool(accelerator.reduce(torch.tensor(float(requested), device=accelerator.device), "sum").item())
