"""Processes for the bench: each model that is measured lives in one of its own, and answers requests over a pipe."""

import gc
import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from multiprocessing.context import BaseContext

import torch

from ..failures import USER, describe_failure


@contextmanager
def start_server() -> Iterator[BaseContext]:
    """The context that all workers are started from. Each worker has the same libraries imported, and nothing else.
    Where the system can fork, one clean process imports the libraries and each worker is a copy of it; Windows starts
    every process anew, which takes longer. CPU only: the bench was not tried on a GPU, so GPUs are hidden."""
    from accelerate.utils import patch_environment

    with patch_environment(CUDA_VISIBLE_DEVICES="", ACCELERATE_USE_CPU="true", TOKENIZERS_PARALLELISM="false"):
        if "forkserver" not in multiprocessing.get_all_start_methods():
            yield multiprocessing.get_context("spawn")
            return
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["bertlab.bench", "transformers.trainer"])
        from multiprocessing import forkserver  # not on Windows

        forkserver.ensure_running()  # it imports while the parent reads the text
        yield context


@contextmanager
def start_workers(makers: dict[str, Callable], threads: int, processes: BaseContext) -> Iterator[list["Worker"]]:
    """Start one worker for each name and its `make_subject`; close all of them at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Worker(name, make_subject, threads, processes)))
               for name, make_subject in makers.items()]  # fmt: skip


class Worker:
    """The parent's end of a process: `ask` sends the name of a method and its arguments, and waits for the answer. The
    methods are those of `make_subject(pipe)`, which is called in the process with its end of the pipe."""

    def __init__(self, name: str, make_subject: Callable, threads: int, processes: BaseContext):
        self.name = name
        self.pipe, child_pipe = processes.Pipe()
        self.process = processes.Process(target=answer_requests, args=(child_pipe, make_subject, threads), daemon=True)
        self.process.start()
        child_pipe.close()

    def ask(self, method: str, *arguments):
        """Return the method's answer. Raises ChildProcessError when the process ended or the method failed for a reason
        that the user can mend, RuntimeError when it failed otherwise; the process's own traceback is a note of both."""
        try:
            self.pipe.send((method, arguments))
            succeeded, answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(10)
            raise ChildProcessError(f"the process of {self.name!r} ended with code {self.process.exitcode}; was there "
                                    "enough memory?") from None  # fmt: skip
        if not succeeded:
            message, code, trace = answer
            error = (ChildProcessError if code == USER else RuntimeError)(f"{self.name}: {message}")
            error.add_note(trace)
            raise error
        return answer

    def close(self) -> None:
        self.pipe.close()
        self.process.join(2)
        self.process.terminate()  # does nothing if it has ended
        self.process.join()
        self.process.close()


def answer_requests(pipe, make_subject: Callable, threads: int) -> None:
    """The loop of a worker's process: call the requested methods until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this process
    torch.set_num_threads(threads)
    gc.freeze()  # the Trainer collects garbage before each run, and would search everything that was imported
    subject = None
    with suppress(EOFError, OSError):  # the parent closed the pipe, or ended
        while True:
            method, arguments = pipe.recv()
            try:
                subject = subject or make_subject(pipe)
                answer = (True, getattr(subject, method)(*arguments))
            except Exception as error:  # any error is raised again in the parent
                answer = (False, (*describe_failure(error, method), traceback.format_exc()))
            pipe.send(answer)
