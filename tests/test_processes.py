"""Several processes of one run under torchrun, on a CPU: equal to one that accumulates, killed, resumed, refused."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from bertlab.__main__ import main
from bertlab.checkpoint import list_checkpoints, read_checkpoint
from bertlab.pretrain import PretrainPlan, pretrain
from bertlab.processes import divide_batches
from bertlab.progress import quiet
from bertlab.stopping import StopSignal, Terminated

from .conftest import ROOT

TEXT = ["--vocab-size", "60", "--held-out", "0.3"]
SIZES = ["--length", "24", "--batch-size", "8", "--steps", "12", "--accumulate", "4"]
PATIENCE = 300  # seconds; a busy machine is slow to start processes

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and gloo as on Linux and macOS")


def start(count, *arguments):
    """Start a command of bertlab in so many processes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    return subprocess.Popen([sys.executable, *launcher, "-m", "bertlab", *map(str, arguments)], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)  # fmt: skip


def run(count, *arguments, succeeds=True):
    """The same, until it has ended. Return what was printed."""
    process = start(count, *arguments)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode == 0) == succeeds, printed
    return printed


def list_workers(process):
    """The processes that torchrun started, by rank."""
    import psutil

    workers = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        if "RANK" in (variables := child.environ()):
            workers[int(variables["RANK"])] = child
    return workers


def read_log(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def check_same(folder, other, exactly=False):
    """The weights and logs of two runs are equal, or equal but for the order in which floats were added up."""
    tolerance = {"rtol": 0, "atol": 0} if exactly else {"rtol": 1e-4, "atol": 1e-5}
    ours, theirs = load_file(folder / "model.safetensors"), load_file(other / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert_close(ours[name], theirs[name], **tolerance, msg=lambda text, name=name: f"{name}: {text}")
    for a, b in zip(read_log(folder), read_log(other), strict=True):
        assert a["tokens"] == b["tokens"]
        assert a == (b if exactly else pytest.approx(b, rel=1e-4))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a text, and the same run by one process and by two."""
    home = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    words = [*"abcdefgh", "the", "cat", "dog", "sat"]
    texts = ["\n".join(" ".join(rng.choice(words, 7)) + "." for _ in range(5)) for _ in range(60)]
    (home / "text.txt").write_text("\n\n".join(texts))
    begin = ["pretrain", "--text", str(home / "text.txt"), *TEXT, *SIZES]
    assert main([*begin, "--out", str(home / "one")]) == 0
    run(2, *begin, "--out", home / "two")
    return home, begin


def test_processes_equal_one_that_accumulates(runs):
    home, begin = runs
    check_same(home / "two", home / "one")
    run(4, *begin, "--out", home / "four")
    check_same(home / "four", home / "one")


def test_processes_share_shards(runs, tmp_path):
    home, _ = runs
    shards = str(tmp_path / "shards")
    assert main(["prepare", "--text", str(home / "text.txt"), *TEXT, "--workers", "1", "--out", shards]) == 0
    begin = ["pretrain", "--data", shards, *SIZES]
    assert main([*begin, "--out", str(tmp_path / "one")]) == 0
    run(2, *begin, "--out", tmp_path / "two")
    check_same(tmp_path / "two", tmp_path / "one")
    check_same(tmp_path / "one", home / "one", exactly=True)  # which has read the text


def test_what_the_first_process_refuses_ends_all_and_is_said_once(runs):
    home, begin = runs
    before = (home / "two" / "model.safetensors").stat().st_mtime_ns
    printed = run(2, *begin, "--out", home / "two", succeeds=False)
    assert printed.count("bertlab: ") == printed.count("holds a run already") == 1
    assert (home / "two" / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize("how", ["one is killed", "SIGTERM"])
def test_a_run_that_was_stopped_goes_on_exactly(runs, how, tmp_path, monkeypatch, capsys):
    home, begin = runs
    out = tmp_path / "run"
    process = start(2, *begin, "--out", out, "--checkpoint-minutes", 0)
    end = time.monotonic() + PATIENCE
    while len(list_checkpoints(out)) < 2:  # of the latest two steps
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.01)
    workers = list_workers(process)
    assert set(workers) == {0, 1}
    if how == "SIGTERM":
        process.send_signal(signal.SIGTERM)
    else:
        workers[1].kill()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert not any(worker.is_running() for worker in workers.values())
    assert not (out / "results.json").exists()
    assert ("stopped after step" if how == "SIGTERM" else "another process of this run has ended") in printed
    paths = list_checkpoints(out)
    step = int(paths[-1].name.split("-")[1])
    assert 2 <= step < 12
    assert all(read_checkpoint(path) is not None for path in paths)  # whole

    monkeypatch.setenv("WORLD_SIZE", "3")
    assert main(["pretrain", "--resume", "--out", str(out)]) == 2
    assert "a step has 4 batches of 8 rows, which 3 processes cannot share equally" in capsys.readouterr().err
    monkeypatch.delenv("WORLD_SIZE")
    if how == "SIGTERM":  # by another number of processes, which share the same batches
        assert main(["pretrain", "--resume", "--out", str(out)]) == 0
        check_same(out, home / "one")
    else:
        run(2, "pretrain", "--resume", "--out", out)
        check_same(out, home / "two", exactly=True)


def test_another_number_of_batches_a_step_is_refused(runs, tmp_path, capsys):
    _, begin = runs
    assert main([*begin, "--out", str(tmp_path / "run"), "--stop-after", "0.0001"]) == 143
    assert main(["pretrain", "--resume", "--out", str(tmp_path / "run"), "--accumulate", "2"]) == 2
    assert "--accumulate is 2, but the run in" in capsys.readouterr().err


def test_fine_tuning_by_two_processes_equals_one(runs, tmp_path):
    home, _ = runs
    rows = [f"the cat {a} {b},{'x' if a < b else 'y'}" for a in "abcdefgh" for b in "abcdefgh"]
    (tmp_path / "a.csv").write_text("text,label\n" + "\n".join(rows))
    begin = ["finetune", "classify", "--train", tmp_path / "a.csv", "--model", home / "one", "--length", "16",
             "--batch-size", "4", "--accumulate", "2", "--epochs", "1"]  # fmt: skip
    assert main([*map(str, begin), "--out", str(tmp_path / "one")]) == 0
    printed = run(2, *begin, "--out", tmp_path / "two")
    assert printed.count("saved in") == 1
    check_same(tmp_path / "two", tmp_path / "one")
    results = [json.loads((tmp_path / name / "results.json").read_text())["model"] for name in ("one", "two")]
    assert results[0] == pytest.approx(results[1])


# ---- One process -----------------------------------------------------------------------------------------------------


def test_batches_are_shared_equally(monkeypatch):
    assert divide_batches(6, 8) == 6
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert divide_batches(6, 8) == 2
    with pytest.raises(ValueError, match="1 batch of 8 rows, which 3 processes .* with --accumulate 3 and"):
        divide_batches(1, 8)


def test_a_time_limit_ends_with_a_checkpoint(runs, tmp_path):
    home, _ = runs
    plan = PretrainPlan(text=(str(home / "text.txt"),), vocab_size=60, length=24, batch_size=8, steps=12, accumulate=4,
                        held_out=0.3)  # fmt: skip
    more = {"watch": quiet, "say": lambda text: None}
    with pytest.raises(Terminated, match="stopped after step 1 of 12; the last checkpoint is .*go on from it"):
        pretrain(plan, tmp_path, stop_after=0.0001, **more)
    assert [path.name.split("-")[1] for path in list_checkpoints(tmp_path)] == ["00000001"]
    pretrain(plan, tmp_path, resume=True, checkpoint_minutes=1000, **more)
    assert [path.name.split("-")[1] for path in list_checkpoints(tmp_path)] == ["00000001", "00000012"]
    check_same(tmp_path, home / "one", exactly=True)
    with pytest.raises(ValueError, match="stop_after is 0"):
        pretrain(plan, tmp_path / "x", stop_after=0, **more)


def test_a_second_sigterm_does_not_break_off_a_step():
    with StopSignal() as stop:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
        assert stop.exception is Terminated
        with pytest.raises(KeyboardInterrupt, match="in the middle of a step"):
            os.kill(os.getpid(), signal.SIGINT)


ABORTED = """
import atexit, ctypes, sys
from bertlab.processes import exit_process
libc = ctypes.CDLL(None)
libc.__cxa_atexit(libc.abort, None, None)  # as a destructor of C++ that fails
atexit.register(print, "cleared up")
print("done", end=" ")
exit_process(int(sys.argv[1]))
"""


@pytest.mark.parametrize("status", [0, 2])
def test_a_destructor_that_fails_does_not_fail_one_of_several_processes(status):
    command = [sys.executable, "-c", ABORTED, str(status)]
    ended = [subprocess.run(command, capture_output=True, text=True, cwd=ROOT,
                            env={**os.environ, "WORLD_SIZE": size}) for size in "12"]  # fmt: skip
    assert [one.stdout for one in ended] == ["done cleared up\n"] * 2
    assert [one.returncode for one in ended] == [-signal.SIGABRT, status]
