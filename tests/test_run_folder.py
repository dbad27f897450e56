"""The folder of a run: nothing of another's is lost, one process holds it, and what was begun can be ended."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from bertlab import pretrain as pretrain_module
from bertlab import run_folder, sources
from bertlab import train as train_module
from bertlab.__main__ import main
from bertlab.checkpoint import list_checkpoints, read_checkpoint
from bertlab.files import write_json
from bertlab.pretrain import PretrainPlan, pretrain
from bertlab.progress import quiet
from bertlab.wordpiece import WordPiece

from .conftest import ROOT
from .test_weights import kill_at_step

TINY = {"preset": "tiny", "vocab_size": 80, "length": 24, "batch_size": 8, "steps": 4, "held_out": 0.3}
LINES = ["--preset", "tiny", "--vocab-size", "80", "--length", "24", "--batch-size", "8", "--held-out", "0.3"]
posix = pytest.mark.skipif(os.name == "nt", reason="signals and devices of POSIX")


def write_documents(path):
    rng = np.random.default_rng(0)
    words = [*"abcdefghij", "the", "cat", "dog", "sat", "ran"]
    documents = ["\n".join(" ".join(rng.choice(words, 7)).capitalize() + "." for _ in range(5)) for _ in range(20)]
    path.write_text("\n\n".join(documents), encoding="utf-8")
    return path


@pytest.fixture
def text(tmp_path):
    """Twenty documents of a few sentences each, in one file."""
    return write_documents(tmp_path / "text.txt")


def run(text, folder, resume=False, watch=quiet, checkpoint_minutes=0.5, **changes):
    plan = PretrainPlan(**TINY | {"text": (str(text),)} | changes)
    more = {"watch": watch, "say": lambda _: None, "checkpoint_minutes": checkpoint_minutes}
    return pretrain(plan, folder, resume=resume, **more)


def list_contents(folder):
    """Every file below a folder, with what it holds."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def say_error(capsys, *arguments):
    """The one line with which a command ends that was refused."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


# ---- A folder that is not this run's ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["config.json", "vocab.txt", "tokenizer.json", "model.safetensors", "pytorch_model.bin", "model-00001.safetensors",
     "model.safetensors.index.json", "checkpoints/step-00000004-0123456789abcdef.safetensors", ".bertlab-ready"],
)  # fmt: skip
@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_a_model_of_somebody_else_stays(text, tmp_path, capsys, name, resume):
    theirs = tmp_path / "theirs"
    (theirs / name).parent.mkdir(parents=True)
    (theirs / name).write_text("theirs")
    before = list_contents(theirs)
    commands = (["pretrain", "--text", text, "--steps", "4", *LINES],
                ["finetune", "classify", "--train", text, "--model", tmp_path])  # fmt: skip
    for command in commands:
        error = say_error(capsys, *command, "--out", theirs, *resume)
        assert f"{theirs} holds a model, or a part of one ({name})" in error
        assert "give another folder (--out)" in error
        assert list_contents(theirs) == before


def test_out_and_what_is_read_do_not_mix(tmp_path, capsys):
    texts = tmp_path / "texts"
    (texts / "more").mkdir(parents=True)
    write_documents(texts / "a.txt")
    before = list_contents(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(texts)
    cases = [(texts, texts), (texts / "run", texts), (texts / "more", texts), (tmp_path, texts),
             (texts, texts / "a.txt"), (link, texts), (link / "run", texts), (texts, link)]  # fmt: skip
    for out, given in cases:
        error = say_error(capsys, "pretrain", "--text", given, "--out", out, "--steps", "4", *LINES)
        assert f"--out {out} and --text {given}: one lies in the other" in error
        error = say_error(capsys, "finetune", "classify", "--train", given, "--out", out)
        assert f"--out {out} and --train {given}: one lies in the other" in error
    model = tmp_path / "model"
    model.mkdir()
    error = say_error(capsys, "finetune", "sentiment", "--model", model, "--out", model)
    assert f"--out {model} and --model {model}: one lies in the other" in error
    assert list_contents(tmp_path) == before


def test_a_failed_training_leaves_no_part_of_a_model(text, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain_module, "train", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(text, tmp_path / "run")
    assert sorted(os.listdir(tmp_path / "run")) == ["checkpoints", "run.json"]
    monkeypatch.undo()
    run(text, tmp_path / "run", resume=True)
    assert WordPiece.load(tmp_path / "run").vocab == WordPiece.load(tmp_path / "run/checkpoints/tokenizer").vocab


def test_a_refused_run_leaves_no_folder(tmp_path):
    with pytest.raises(sources.SourceError):
        run(tmp_path / "none.txt", tmp_path / "a" / "b" / "run")
    assert os.listdir(tmp_path) == []
    (tmp_path / "there").mkdir()
    with pytest.raises(sources.SourceError):
        run(tmp_path / "none.txt", tmp_path / "there")
    assert os.listdir(tmp_path / "there") == []
    with pytest.raises(ValueError, match="do not fill one batch"):  # its vocabulary has been learned
        run(write_documents(tmp_path / "text.txt"), tmp_path / "a" / "run", batch_size=10_000)
    assert not (tmp_path / "a").exists()


def test_a_run_of_an_older_version_is_resumed(text, tmp_path):
    """Its vocabulary lies beside the model, its minutes are not recorded, and its plan has fewer fields."""
    whole = run(text, tmp_path / "run")
    os.rename(tmp_path / "run/checkpoints/tokenizer", tmp_path / "elsewhere")
    recorded = json.loads((tmp_path / "run/run.json").read_text())
    del recorded["minutes"], recorded["plan"]["same_source"]
    (tmp_path / "run/run.json").write_text(json.dumps(recorded))
    left = tmp_path / "run/.run.json.123.being-written"  # by a process that was killed
    left.write_text("{")
    assert run(text, tmp_path / "run", resume=True) == whole
    assert not left.exists()


# ---- run.json --------------------------------------------------------------------------------------------------------

SHAPES = {
    "not JSON": ("{", "run.json is not complete JSON"),
    "empty": ("", "run.json is not complete JSON"),
    "null": ("null", "run.json: it holds None, not an object"),
    "a list": ("[1]", "run.json: it holds [1], not an object"),
    "deep": ("[" * 100_000, "run.json is not complete JSON (it is nested too deeply)"),
    "deep inside": ('{"plan": ' + '{"a": ' * 100_000, "nested too deeply"),
    "no plan": ("{}", "run.json: plan is missing"),
    "plan null": ('{"plan": null}', "run.json: plan is None, not an object"),
    "plan a list": ('{"plan": []}', "run.json: plan is [], not an object"),
    "plan empty": ('{"plan": {}}', "its plan names no text and no task"),
    "another file": ('{"model": {"mlm_loss": 1}}', "plan is missing"),
}
FIELDS = [("batch_size", "8", "'8', not a whole number"), ("batch_size", None, "None, not a whole number"),
          ("batch_size", 8.5, "8.5, not a whole number"), ("batch_size", True, "True, not a whole number"),
          ("batch_size", [8], "[8], not a whole number"), ("text", "a.txt", "'a.txt', not a list"),
          ("text", [1], "text[0] is 1, not a text"), ("preset", 7, "7, not a text"),
          ("unigrams", 1, "1, not true or false"), ("unigrams", "yes", "'yes', not true or false"),
          ("learning_rate", "fast", "'fast', not a number"), ("preset", "giant", "giant"),
          ("zeta", 1, "was written by a newer bertlab, so bring yours up to date")]  # fmt: skip


def resume_by_command(capsys, text, folder):
    return say_error(capsys, "pretrain", "--text", text, "--out", folder, "--steps", "4", *LINES, "--resume")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_json_of_another_shape_is_named(text, tmp_path, capsys, shape):
    content, message = SHAPES[shape]
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text(content)
    error = resume_by_command(capsys, text, tmp_path / "run")
    assert message in error
    assert str(tmp_path / "run/run.json") in error
    assert list_contents(tmp_path / "run") == {"run.json": content.encode()}


@pytest.mark.parametrize(("field", "value", "message"), FIELDS)
def test_a_plan_of_another_shape_is_named(text, tmp_path, capsys, field, value, message):
    plan = asdict(PretrainPlan(**TINY | {"text": (str(text),)})) | {field: value}
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text(json.dumps({"plan": plan, "text_sha256": "0"}))
    error = resume_by_command(capsys, text, tmp_path / "run")
    assert message in error
    assert field in error
    assert "run.json" in error


def test_other_facts_of_a_run_json(text, tmp_path, capsys):
    plan = asdict(PretrainPlan(**TINY | {"text": (str(text),)}))
    (tmp_path / "run").mkdir()
    file = tmp_path / "run/run.json"
    for facts, message in (({}, "text_sha256 is missing"), ({"text_sha256": 7}, "text_sha256 is 7, not a text")):
        file.write_text(json.dumps({"plan": plan, **facts}))
        assert message in resume_by_command(capsys, text, tmp_path / "run")
    file.write_text(json.dumps({"plan": plan, "text_sha256": "0"}))
    error = say_error(capsys, "finetune", "sentiment", "--out", tmp_path / "run", "--resume")
    assert "holds a pretrain run, not one of finetune: use pretrain --resume" in error
    file.write_text(json.dumps({"plan": {"task": "sentiment"}, "data_sha256": "0", "labels": []}))
    error = resume_by_command(capsys, text, tmp_path / "run")
    assert "holds a finetune run, not one of pretrain: use finetune --resume" in error


def test_a_checkpoint_of_another_shape_is_named(tmp_path):
    import torch

    from bertlab.files import hash_file, save_tensors

    good = {"step": 1, "tokens": 1, "window": 0, "loss": 0.0, "log": [], "scaler": None, "settings": {}}
    cases = {json.dumps(good | {"step": "one"}): "step is 'one', not a whole number", "[]": "not an object",
             json.dumps(good | {"log": [7]}): r"log\[0\] is 7, not an object", "{": "is no checkpoint of bertlab's",
             "[" * 100_000: "is no checkpoint of bertlab's"}  # fmt: skip
    for facts, message in cases.items():
        save_tensors({"model.a": torch.zeros(2)}, tmp_path / "a", {"facts": facts})
        path = tmp_path / f"step-00000001-{hash_file(tmp_path / 'a')[:16]}.safetensors"
        os.rename(tmp_path / "a", path)
        with pytest.raises(ValueError, match=message):
            read_checkpoint(path)


# ---- What a resumed run may change -----------------------------------------------------------------------------------


def test_a_resumed_run_is_the_same_run(text, tmp_path, capsys):
    begun = ["pretrain", "--text", text, "--out", tmp_path / "run", "--steps", "4", *LINES]
    assert main(list(map(str, begun))) == 0
    results = (tmp_path / "run/results.json").read_bytes()
    for option, value, before in (("--steps", "5", "4"), ("--batch-size", "64", "8"), ("--seed", "1", "0"),
                                  ("--optimizer", "adamw", "muon"), ("--held-out", "0.2", "0.3")):  # fmt: skip
        error = say_error(capsys, "pretrain", "--out", tmp_path / "run", "--resume", option, value)
        assert f"{option} is {value}, but the run in {tmp_path / 'run'} began with {before}" in error
        assert "a resumed run may change only --text" in error
    error = say_error(capsys, "pretrain", "--out", tmp_path / "run", "--resume", "--minutes", "1")
    assert "--minutes is 1, but the run in" in error
    other = write_documents(tmp_path / "other.txt")
    other.write_text(other.read_text().replace("cat", "bat"))
    error = say_error(capsys, "pretrain", "--out", tmp_path / "run", "--resume", "--text", other)
    assert f"the text is not the one that the run in {tmp_path / 'run'} began with ({text})" in error
    moved = tmp_path / "moved.txt"
    os.rename(text, moved)
    for more in (["--text", moved], ["--text", moved, "--steps", "4", *LINES]):
        assert main([str(word) for word in ("pretrain", "--out", tmp_path / "run", "--resume", *more)]) == 0
        assert (tmp_path / "run/results.json").read_bytes() == results


def test_a_run_that_has_ended_without_its_checkpoints(text, tmp_path):
    run(text, tmp_path / "run")
    for path in list_checkpoints(tmp_path / "run"):
        path.unlink()
    before = list_contents(tmp_path / "run")
    with pytest.raises(ValueError, match="has ended, and its checkpoints are gone"):
        run(text, tmp_path / "run", resume=True)
    assert list_contents(tmp_path / "run") == before


def test_an_evaluation_that_fails_is_repeated_without_training(text, tmp_path, monkeypatch):
    whole = run(text, tmp_path / "whole")
    monkeypatch.setattr(pretrain_module, "compare_with_baselines", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(text, tmp_path / "run")
    monkeypatch.undo()
    steps = []
    again = run(text, tmp_path / "run", resume=True, watch=lambda row, status: steps.append(row.get("step")))
    assert again == whole
    assert not any(steps)
    for name in ("model.safetensors", "results.json", "vocab.txt"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


# ---- The place, tried before the start -------------------------------------------------------------------------------


def test_the_folder_one_stands_in_takes_a_run(text, tmp_path, monkeypatch):
    for number, out in enumerate((".", Path())):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        run(text, out)
        assert WordPiece.load(tmp_path / str(number))


@posix
def test_a_place_that_cannot_be_is_refused_before_anything_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pretrain_module, "split_plan_documents", lambda plan: pytest.fail("read"))
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases = {"/dev/null": "/dev/null is not a folder", tmp_path / "file": "is not a folder",
             tmp_path / "file" / "run": "a part of this path is a file", "/proc/run": "--out /proc/run cannot be used",
             tmp_path / "loop": "is not a folder", tmp_path / ("x" * 300): "the name is too long",
             "~nobody-here/run": "there is no home folder"}  # fmt: skip
    for out, message in cases.items():
        for command in (["pretrain", "--steps", "4"], ["finetune", "sentiment"]):
            error = say_error(capsys, *command, "--out", out)
            assert message in error
            assert "Errno" not in error
    with pytest.raises(SystemExit):
        main(["pretrain", "--out", "", "--steps", "4"])
    assert "the name is empty" in capsys.readouterr().err


def test_a_disk_without_room_is_refused_before_training(text, tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    monkeypatch.setattr(pretrain_module, "train", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(OSError, match=r"has 1 MB free, and this run needs \d+ MB for the model and its checkpoints"):
        run(text, tmp_path / "run")


@pytest.fixture
def small_disk(tmp_path):
    """make(megabytes) mounts a disk of this size, where root may do that."""
    place = tmp_path / "disk"
    place.mkdir()

    def make(megabytes):
        if sys.platform != "linux" or os.geteuid() != 0:
            pytest.skip("only root mounts a disk")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], capture_output=True)
        if done.returncode:
            pytest.skip(f"no disk could be mounted: {done.stderr}")
        return place

    yield make
    if place.is_mount():
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_loses_nothing(text, tmp_path, small_disk):
    """The folder is a mount point too. The disk fills at the second checkpoint, at the model, and at the results."""
    whole = run(text, tmp_path / "whole", steps=8)
    disk = small_disk(30)
    filler = disk / "filler"

    def fill(keep):
        if not filler.exists():
            with open(filler, "wb") as file:
                file.truncate(0)
                free = shutil.disk_usage(disk).free - keep
                file.write(bytes(max(0, free)))

    def fill_while_training(row, status):
        if row.get("step") == 4:
            fill(keep=100_000)

    with pytest.MonkeyPatch.context() as patch:
        with pytest.raises(
            OSError, match=r"after step 4: .*no space is left on the disk.*; the last checkpoint is .*step-00000003"
        ):
            run(text, disk, steps=8, watch=fill_while_training, checkpoint_minutes=0)
        assert [path.name[:13] for path in list_checkpoints(disk)] == ["step-00000002", "step-00000003"]
        assert sorted(os.listdir(disk)) == ["checkpoints", "filler", "log.jsonl", "run.json"]
        filler.unlink()

        def fill_at_end(row, status):
            if status.get("ended"):
                fill(keep=100_000)

        with pytest.raises(OSError, match="No space left on device: .*model.safetensors"):
            run(text, disk, steps=8, resume=True, watch=fill_at_end)
        assert sorted(os.listdir(disk)) == ["checkpoints", "filler", "log.jsonl", "run.json"]
        filler.unlink()
        patch.setattr(pretrain_module, "write_json", lambda path, value: fill(0) or write_json(path, value))
        with pytest.raises(OSError, match="No space left") as caught:
            run(text, disk, steps=8, resume=True)
        assert caught.value.filename == str(disk / "results.json")
    filler.unlink()
    assert run(text, disk, steps=8, resume=True) == whole
    for name in ("model.safetensors", "results.json", "vocab.txt", "log.jsonl"):
        assert (disk / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


# ---- Signals, two at once, and kills ---------------------------------------------------------------------------------


def start_command(text, folder, steps, *more):
    command = [sys.executable, "-m", "bertlab", "pretrain", "--text", str(text), "--out", str(folder), *LINES,
               "--steps", str(steps), *more]  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            encoding="utf-8")  # fmt: skip


def wait_until(is_so, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not is_so() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


@posix
def test_two_at_once_and_sigterm(text, tmp_path, capsys):
    first = start_command(text, tmp_path / "run", 100_000)
    wait_until((tmp_path / "run/run.json").exists, first)
    time.sleep(1)
    error = say_error(
        capsys, "pretrain", "--text", text, "--out", tmp_path / "run", "--steps", 100_000, *LINES, "--resume"
    )
    assert f"the run in {tmp_path / 'run'} is in use by process {first.pid}: wait" in error
    first.send_signal(signal.SIGTERM)
    said = first.communicate(timeout=60)[1]
    assert first.returncode == 143
    assert said.splitlines()[-1].startswith("stopped")
    assert "Traceback" not in said
    assert not (tmp_path / "run/checkpoints/lock-holder").exists()


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_sigterm_writes_a_checkpoint_as_ctrl_c_does(text, tmp_path, monkeypatch, capsys, number, status):
    whole = run(text, tmp_path / "whole")
    compute, killed = train_module.learning_rate_at, []

    def kill_at_step_three(step, config):
        if step == 2 and not killed:
            killed.append(True)
            os.kill(os.getpid(), number)
        return compute(step, config)

    monkeypatch.setattr(train_module, "learning_rate_at", kill_at_step_three)
    command = ["pretrain", "--text", text, "--out", tmp_path / "run", "--steps", "4", *LINES]
    assert main(list(map(str, command))) == status
    [checkpoint] = list_checkpoints(tmp_path / "run")
    assert f"stopped after step 3 of 4; the last checkpoint is {checkpoint}" in capsys.readouterr().err
    monkeypatch.undo()
    assert run(text, tmp_path / "run", resume=True) == whole


def test_a_run_that_is_killed_at_each_write_ends_the_same(text, tmp_path):
    """SIGKILL before each request to the system; BERTLAB_KILLS=1000 does all of them, else an even choice of 12."""
    whole = run(text, tmp_path / "whole", steps=2)
    files = ("model.safetensors", "config.json", "vocab.txt", "tokenizer.json", "results.json", "log.jsonl", "run.json")
    wanted = {name: (tmp_path / "whole" / name).read_bytes() for name in files}
    place, most = tmp_path / "killed", int(os.environ.get("BERTLAB_KILLS", 12))

    def start():
        run(text, place, steps=2)

    last = count_requests(start)
    shutil.rmtree(place)
    kills = 0
    for step in sorted(set(np.linspace(0, last - 1, min(most, last)).astype(int).tolist())):
        shutil.rmtree(place, ignore_errors=True)
        kills += kill_at_step(step, start)
        for name in ("run.json", "results.json", "log.jsonl"):
            if (place / name).exists():  # then it is whole
                content = (place / name).read_text()
                assert all(map(json.loads, content.splitlines() if name == "log.jsonl" else [content]))
        assert run(text, place, steps=2, resume=True) == whole
        assert {name: (place / name).read_bytes() for name in files} == wanted, f"kill {step}"
        assert not list(place.glob("**/.*being-written"))
    print(f"{kills} kills of {last} requests")
    assert kills


def count_requests(function):
    """How many requests to the system `kill_at_step` would count in this function."""
    read, write = os.pipe()
    if os.fork() == 0:
        found = 0

        def count(event, _):
            nonlocal found
            found += event.startswith(("open", "os.", "shutil.", "tempfile."))

        os.fsync = lambda _: None
        sys.addaudithook(count)
        function()
        os.write(write, str(found).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        return int(file.read())


# ---- Other locales ---------------------------------------------------------------------------------------------------


def run_in_locale(environment, *arguments):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    words = [os.fsencode(str(word)) for word in (sys.executable, "-m", "bertlab", *arguments)]
    return subprocess.run(words, cwd=ROOT, env=kept | environment, capture_output=True)


@posix
def test_a_locale_of_ascii_reads_and_writes_utf8(tmp_path):
    folder = tmp_path / "Größe 猫"
    folder.mkdir()
    text = write_documents(folder / "tëxt.txt")
    text.write_text(text.read_text().replace("cat", "猫"), encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    begun = ["pretrain", "--text", text, "--out", folder / "run", "--steps", "2", *LINES]
    for arguments in (begun, ["pretrain", "--out", folder / "run", "--resume"]):
        done = run_in_locale(ascii_only, *arguments)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    recorded = json.loads((folder / "run/run.json").read_text(encoding="utf-8"))
    assert recorded["plan"]["text"] == [str(text)]
    assert "猫" in WordPiece.load(folder / "run").vocab


@posix
def test_what_the_terminal_cannot_show_is_escaped(text, tmp_path):
    text.write_text(text.read_text().replace("cat", "猫"), encoding="utf-8")
    run(text, tmp_path / "Größe 猫", steps=1)
    done = run_in_locale(
        {"PYTHONIOENCODING": "cp1252"}, "fill", "[MASK] ü", "--model", tmp_path / "Größe 猫", "--top", 80
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u732b" in done.stdout


@posix
def test_a_name_that_is_no_utf8_is_recorded_and_resumed(text, tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")
    os.rename(text, odd)
    whole = run(odd, tmp_path / "run")
    assert run(odd, tmp_path / "run", resume=True) == whole
    assert json.loads((tmp_path / "run/run.json").read_text(encoding="ascii"))["plan"]["text"] == [odd]
