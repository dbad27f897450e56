"""The bench: FLOPs by hand and by torch's counter, fair batches, and whole measurements by real processes. All tiny."""

import json
import multiprocessing
import os
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bertlab import bench, weights
from bertlab.__main__ import main, parser
from bertlab.batches import IGNORE, Batches
from bertlab.bench import DYNAMIC, GROUPED, OURS, SETTINGS, SIDES, BenchConfig, Setting, Side
from bertlab.heads import Classifier, Pretraining
from bertlab.masking import PretrainingCollate
from bertlab.model import Bert, BertConfig
from bertlab.tasks import PaddingCollate
from bertlab.train import TrainConfig
from bertlab.wordpiece import WordPiece

from .conftest import ROOT

TINY = BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                  max_position_embeddings=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # fmt: skip
PIECES = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(45))])


def a_row(number: int) -> tuple[list[int], list[int], int]:
    rng = np.random.default_rng(number)
    return rng.integers(5, 50, 2 + number % 17).tolist(), rng.integers(5, 50, 2 + number % 11).tolist(), number % 2


PAIRS = [a_row(number) for number in range(100)]
REVIEWS = [{"input_ids": [2, *a, 3], "labels": label} for a, _, label in PAIRS]


def pretraining(folder) -> Setting:
    weights.save(Pretraining(TINY), folder)
    lengths = np.array([len(a) + len(b) + 3 for a, b, _ in PAIRS])
    return Setting("pairs", "pairs of words", Pretraining, folder, PAIRS, lengths, PretrainingCollate(PIECES), 4)


def finetuning(folder) -> Setting:
    weights.save(Classifier(TINY, 2), folder)
    lengths = np.array([len(row["input_ids"]) for row in REVIEWS])
    return Setting("reviews", "reviews", Classifier, folder, REVIEWS, lengths, PaddingCollate(0), 4)


# What a step needs


def counted(model, batch) -> int:
    """What torch counts in the matrix products of a step."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(**batch).loss.backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("layers", [1, 3])
def test_useful_flops_are_what_torch_counts_where_nothing_is_padded(layers):
    config = replace(TINY, num_hidden_layers=layers)
    labels = torch.full((3, 12), IGNORE)
    labels[:, [2, 7]] = 9
    batch = {"input_ids": torch.randint(5, 50, (3, 12)), "labels": labels,
             "next_sentence_label": torch.tensor([0, 1, 1])}  # fmt: skip
    assert bench.count_useful_flops(config, batch) == counted(Pretraining(config), batch)
    batch = {"input_ids": batch["input_ids"], "labels": torch.tensor([0, 4, 2])}
    assert bench.count_useful_flops(config, batch, 5) == counted(Classifier(config, 5), batch)


def test_useful_flops_count_nothing_for_padding():
    collate = PretrainingCollate(PIECES)
    long, short = ([5] * 20, [6] * 9, 0), ([7] * 3, [8] * 3, 1)
    apart = sum(bench.count_useful_flops(TINY, collate([row], np.random.default_rng(0))) for row in (long, short))
    assert bench.count_useful_flops(TINY, collate([long, short], np.random.default_rng(0))) == apart
    rows = {"input_ids": [2, 5, 6, 3], "labels": 0}, {"input_ids": [2, 5, 3], "labels": 1}
    apart = sum(bench.count_useful_flops(TINY, PaddingCollate(0)([row])) for row in rows)
    assert bench.count_useful_flops(TINY, PaddingCollate(0)(rows)) == apart


def test_gemm_peak_is_a_speed():
    assert 1e8 < bench.measure_gemm_peak(0.001) < 1e15


def remember(pipe, megabytes):
    before = bench.get_peak_memory()
    block = np.ones(megabytes << 17)
    pipe.send((before, bench.get_peak_memory(), block[0]))


def test_peak_memory_is_the_process_own():
    mine = np.ones(400 << 17)  # 400 MB that are not the child's
    processes = multiprocessing.get_context("spawn")
    pipe, theirs = processes.Pipe()
    child = processes.Process(target=remember, args=(theirs, 100))
    child.start()
    assert pipe.poll(120)
    before, after, _ = pipe.recv()
    child.join()
    assert bench.get_peak_memory() > mine.nbytes
    assert before < mine.nbytes + 50e6
    assert 95e6 < after - before < 130e6


# Fair batches


@pytest.mark.parametrize("side", SIDES)
def test_a_side_takes_each_row_once_and_other_orders_in_other_rounds(side, tmp_path):
    setting = finetuning(tmp_path)
    order = bench.order_batches(setting, side, 0)
    assert order.shape == (25, 4)
    assert sorted(order.ravel()) == list(range(100))
    assert (order == bench.order_batches(setting, side, 0)).all()
    assert (order != bench.order_batches(setting, side, 1)).any()


def test_grouped_sides_hold_rows_of_like_length_and_the_first_batches_are_of_all_lengths(tmp_path):
    setting = finetuning(tmp_path)
    ranges = {side: np.ptp(setting.lengths[bench.order_batches(setting, side, 0)], axis=1).mean() for side in SIDES}
    assert ranges[OURS] <= ranges[GROUPED] < ranges[DYNAMIC] / 2
    for side in (OURS, GROUPED):
        for number in range(4):
            first = setting.lengths[bench.order_batches(setting, side, number)[:6]].mean()
            assert first == pytest.approx(setting.lengths.mean(), rel=0.15)


def test_spread_is_a_permutation_that_starts_everywhere():
    for count in (1, 2, 7, 50):
        assert sorted(bench.spread_evenly(count, 3)) == list(range(count))
    assert sorted(bench.spread_evenly(100, 0)[:5] // 20) == [0, 1, 2, 3, 4]


def test_the_clock_runs_from_the_first_batch_to_the_last_lap(monkeypatch):
    clock = bench.StepClock(lambda rows, rng: sum(rows))
    now = iter([10.0, 11.0, 12.5])
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(now))
    assert clock([1, 2], None) == 3
    clock.lap()
    assert clock([5], None) == 5
    clock.lap()
    assert clock.seconds() == 2.5


# Both sides


@pytest.mark.parametrize("make", [pretraining, finetuning])
def test_all_sides_start_from_the_same_loss_and_learn(make, tmp_path):
    setting = make(tmp_path)
    losses = {name: Side(setting, name).first_loss() for name in SIDES}
    bench.check_same_start(setting, losses)
    assert losses[OURS] == pytest.approx(losses[DYNAMIC], abs=1e-5)
    with pytest.raises(RuntimeError, match="pairs of words|reviews"):
        bench.check_same_start(setting, losses | {OURS: losses[OURS] + 0.01})
    with pytest.raises(RuntimeError, match="nan"):
        bench.check_same_start(setting, losses | {OURS: float("nan")})


def test_ours_and_the_trainer_take_the_same_steps(tmp_path):
    """Same weights, rows, rate, decay, clipping and epsilon: after some steps, each a run of its own, still the same.

    (In a longer run both rates fall in a line, but the Trainer's begins to fall a step earlier.)
    """
    setting = finetuning(tmp_path)
    ours, theirs = Side(setting, OURS).model.train(), Side(setting, DYNAMIC).model
    before = ours.output.weight.clone()
    for start in (0, 4, 8):
        losses = []
        for fit, model in ((bench.fit_ours, ours), (bench.fit_trainer, theirs)):
            clock = bench.StepClock(setting.collate)
            config = TrainConfig(steps=1, log_every=1, warmup=0.0, learning_rate=1e-3, weight_decay=0.5, clip=0.7)
            rows = Batches(REVIEWS[start : start + 4], clock, 4, shuffle=False)
            losses.append(fit(model, rows, config, clock.lap))
            assert 0 < clock.seconds() < 20
        assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert (ours.output.weight - before).abs().max() > 2e-3
    found = weights.from_hf_names(theirs.state_dict())
    for name, tensor in ours.state_dict().items():
        assert torch.allclose(tensor, found[name], atol=5e-6), name


def test_a_fit_counts_what_it_trained_on(tmp_path):
    setting = pretraining(tmp_path)
    found = {name: Side(setting, name).fit(number=1, steps=30) for name in SIDES}  # more than an epoch's 25
    for name in SIDES:
        assert found[name]["steps"] == 30
        rows = bench.order_batches(setting, name, 1)
        assert found[name]["tokens"] == setting.lengths[rows].sum() + setting.lengths[rows[:5]].sum()
        assert found[name]["loss"] == pytest.approx(np.log(50) + np.log(2), abs=0.3)
        assert found[name]["useful_flops"] / found[name]["tokens"] == pytest.approx(
            found[OURS]["useful_flops"] / found[OURS]["tokens"], rel=0.02
        )


def test_measure_end_to_end_by_processes_of_their_own(tmp_path):
    before = dict(os.environ)
    with bench.start_server() as processes:
        found = bench.measure_setting(pretraining(tmp_path), rounds=2, seconds=0.02, threads=1, processes=processes)
        with pytest.raises(ChildProcessError, match=f"{OURS}: FileNotFoundError.*nowhere"):
            bench.measure_setting(elsewhere(pretraining(tmp_path)), 1, 0.01, 1, processes)
    assert dict(os.environ) == before
    assert not multiprocessing.active_children()
    assert [side["side"] for side in found["sides"]] == list(SIDES)
    for side in found["sides"]:
        speed = side["tokens_per_second"]
        assert 0 < speed["least"] <= speed["median"] <= speed["most"]
        assert len(side["measurements"]) == 2
        assert min(one["steps"] for one in side["measurements"]) >= (1 if side["side"] == DYNAMIC else 2)
        assert 0 < side["training_bytes"] < side["peak_bytes"]
    assert found["sides"][0]["times"] == {"median": 1, "least": 1, "most": 1}


def elsewhere(setting: Setting) -> Setting:
    return replace(setting, folder=setting.folder / "nowhere")


def test_a_process_that_dies_is_an_error_that_says_so(tmp_path):
    with bench.start_server() as processes:
        side = bench.Worker(bench.serve_side, pretraining(tmp_path), OURS, 1, processes)
        side.ask("memory")
        side.process.kill()
        with pytest.raises(ChildProcessError, match="'bertlab' ended with code -9"):
            side.ask("memory")
        side.close()


# The settings


def test_save_puts_the_dropout_everywhere_on_both_sides(tmp_path):
    for model in (Pretraining(TINY), Classifier(TINY, 2)):
        setting = replace(finetuning(tmp_path / "other"), kind=type(model), folder=tmp_path / type(model).__name__)
        bench.save_with_dropout(model, 0.3, setting.folder)
        for name in (OURS, DYNAMIC):
            side = Side(setting, name).model
            found = [part.p for part in side.modules() if isinstance(part, torch.nn.Dropout)]
            assert len(found) >= 3
            assert set(found) == {0.3}
            inside = side.bert.layers if name == OURS else side.bert.encoder.layer
            attention = inside[0].attention if name == OURS else inside[0].attention.self.dropout
            assert getattr(attention, "dropout" if name == OURS else "p") == 0.3


@pytest.mark.parametrize("cached", [True, False])
def test_finetuning_takes_minilm_where_it_is_here_and_other_classes_than_zero_scores(cached, tmp_path, monkeypatch):
    minilm = weights.save(Bert(replace(TINY, vocab_size=len(PIECES))), tmp_path / "minilm", PIECES)
    reviews = [("w1 w2 " * 40, 2.5), ("w3", -0.5), ("w4 w5", 0.0), ("w6", 0.1)]
    monkeypatch.setattr(bench.sources, "sentiment", lambda part: reviews)
    monkeypatch.setattr(bench.sources, "minilm", lambda: minilm)
    monkeypatch.setattr(bench.sources, "listing", lambda: [{"name": "minilm", "cached": cached}])
    setting = bench.make_finetuning_setting(
        BenchConfig(preset="tiny", length=20, batch_size=2, dropout=0.2), tmp_path / "model"
    )
    model = weights.load(setting.folder, Classifier)
    assert (model.config.hidden_size, model.dropout.p) == ((32 if cached else 128), 0.2)
    assert ("MiniLM" if cached else "tiny") in setting.title
    assert [row["labels"] for row in setting.rows] == [1, 0, 0, 1]
    assert setting.lengths.tolist() == [len(row["input_ids"]) for row in setting.rows]
    assert setting.lengths.max() == 20
    if cached:
        assert setting.rows[1]["input_ids"] == [2, PIECES.vocab.index("w3"), 3]
        old = weights.load(minilm, Bert).state_dict()
        assert all(torch.equal(model.bert.state_dict()[name], old[name]) for name in old)


# What comes out


def fake() -> dict:
    """Ours three times as fast; a peak of ten useful operations a second."""
    ours = [{"seconds": 1.0, "tokens": 900 + i, "useful_flops": 7.0} for i in (0, 30, 60)]
    theirs = [{"seconds": 3.0, "tokens": 900, "useful_flops": 6.0} for _ in range(3)]
    memory = {"peak_bytes": 500_000_000, "training_bytes": 200_000_000}
    sides = [bench.summarise_rounds(OURS, ours, ours) | memory, bench.summarise_rounds(DYNAMIC, theirs, ours) | memory]
    for side in sides:
        side["utilisation"] = side["useful_flops_per_second"] / 10
    setting = {"name": "a", "title": "pairs, vocabulary $8", "mean_length": 59.4, "longest": 128, "sides": sides}
    machine = {"processor": "a chip", "threads": 2, "load": 0.25, "torch": "2", "transformers": "5"}
    config = {"preset": "mini", "batch_size": 32, "dropout": 0.1, "rounds": 3}
    return {"config": config, "machine": machine, "gemm_flops_per_second": 10.0, "settings": [setting, setting]}


def test_summary_by_hand():
    times = fake()["settings"][0]["sides"][1]["times"]
    assert times == {"median": 3.1, "least": 3.0, "most": 3.2}


def test_table_shows_speeds_and_what_they_hang_on():
    lines = bench.format_speeds(fake()).splitlines()
    assert "a chip, 2 thread(s), load 0.2 before" in lines[0]
    assert "dropout 0.1" in lines[1]
    assert lines[3].endswith("59 tokens a row, 128 at most")
    assert lines[5].split() == ["bertlab", "930", "(900", "-", "960)", "70%", "200"]
    assert "300 (300 - 300)" in lines[6]
    assert lines[6].split()[-6:] == ["3.10x", "(3.00", "-", "3.20)", "20%", "200"]
    assert max(map(len, lines)) <= 120


def test_picture_has_a_panel_for_each_setting():
    figure = bench.draw_speeds(fake())
    assert len(figure.axes) == 2
    assert [text.get_text() for text in figure.axes[0].texts] == ["930", "300"]
    figure.draw_without_rendering()


# Learning curves


class Wire:
    """The end of a pipe: what was sent, and answers of so many seconds each."""

    def __init__(self, *answers):
        self.sent, self.answers = [], list(answers)

    def send(self, message):
        self.sent.append(message[1])

    def recv(self):
        return "go on", (self.answers.pop(0),)


def test_turns_count_training_and_not_judging(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(bench.time, "perf_counter", lambda: now[0])

    def judge():
        now[0] += 100
        return {"mlm_loss": 1.0}

    wire = Wire(2.5, 1.0, 9.0)
    turns = bench.TurnTaker(wire, 7, judge)
    now[0] = 50.0  # what came before the first step
    for step in range(8):
        turns(step)
        now[0] += 1
    points = [(one["step"], one["seconds"], one["ended"]) for one in wire.sent]
    assert points == [(0, 0, False), (3, 3, False), (4, 4, False), (7, 7, True)]
    assert wire.sent[0]["mlm_loss"] == 1.0
    assert not wire.answers


def test_in_turn_goes_on_until_all_have_ended():
    class Learner:
        def __init__(self, name):
            self.name, self.step = name, 0

        def ask(self, what, *arguments):
            if what == "start":
                self.steps, self.rate = arguments
            else:
                self.step += 1
            said.append((self.name, what))
            return {"step": self.step, "ended": self.step == self.steps}

    said = []
    found = bench.train_in_turns([Learner("a"), Learner("b")], [1, 3], [0.1, 0.2], 5)
    assert [[point["step"] for point in points] for points in found] == [[0, 1], [0, 1, 2, 3]]
    assert [name for name, _ in said] == ["a", "b", "a", "b", "b", "b"]


def test_laid_out_goes_through_the_rows_epoch_after_epoch(tmp_path):
    setting = pretraining(tmp_path)
    for sampler in SIDES:
        batches = bench.make_ordered_batches(setting, sampler, 60)  # an epoch has 25
        assert len(batches) == 60
        chosen = batches.rows.indices
        assert sorted(chosen[:100]) == sorted(chosen[100:200]) == list(range(100))
        assert chosen[:100] != chosen[100:200]
        assert batches[59]["input_ids"].size(0) == 4


def test_the_tuned_trainer_starts_where_we_do_and_the_published_one_as_published(tmp_path):
    plan = bench.Plan(text=(text(tmp_path, 30),), length=24, batch_size=8)
    courses, baselines = bench.make_courses(plan, tmp_path)
    ours, tuned, published = (courses[name] for name in bench.LEARNERS)
    assert [one.setting.collate.masking.rate for one in courses.values()] == [0.4, 0.4, 0.15]
    assert [one.recipe.optimizer for one in courses.values()] == ["muon", "adamw", "adamw"]
    assert (published.recipe.learning_rate, published.recipe.warmup, published.recipe.beta2) == (1e-4, 0.01, 0.999)
    models = [bench.load_side_model(ours.setting, OURS), bench.load_side_model(tuned.setting, bench.TUNED)]
    found = weights.from_hf_names(models[1].state_dict())
    assert all(torch.equal(tensor, found[name]) for name, tensor in models[0].state_dict().items())
    assert models[1].config.hidden_dropout_prob == 0
    other = bench.load_side_model(published.setting, bench.PUBLISHED)
    assert other.config.attention_probs_dropout_prob == other.config.hidden_dropout_prob == 0.1
    assert not other.cls.predictions.bias.any()
    losses = [bench.evaluate_learner(ours, model) for model in (*models, other)]
    assert losses[0]["mlm_loss"] == pytest.approx(losses[1]["mlm_loss"], abs=1e-5)
    assert losses[0]["mlm_loss"] == pytest.approx(baselines["unigram"], abs=0.1)
    assert losses[2]["mlm_loss"] > baselines["unigram"] + 0.1
    assert baselines["bigram"] != baselines["unigram"]


def some_curves() -> dict:
    """Ours goes from 4 to 2 in 60 seconds, the tuned one from 4 to 3, the other nowhere."""
    ends = zip(bench.LEARNERS, (2.0, 3.0, 5.0), strict=True)
    learners = [
        {"name": name, "learning_rate": 0.001, "steps": 1200,
         "points": [{"step": i * 600, "seconds": i * 30.0, "mlm_loss": 4 - i * (4 - last) / 2, "mlm_accuracy": 0.25,
                     "ended": i == 2} for i in range(3)]}
        for name, last in ends
    ]  # fmt: skip
    plan = {"preset": "tiny", "vocab_size": 4000, "length": 64, "batch_size": 64}
    tried = [{"learning_rate": 0.001, "mlm_loss": 3.25}]
    return {"plan": plan, "machine": fake()["machine"], "minutes": 1.0, "baselines": {"unigram": 4.5, "bigram": 3.5},
            "tried": tried, "tried_minutes": 0.25, "learners": learners}  # fmt: skip


def test_curves_table_by_hand():
    lines = bench.format_curves(some_curves()).splitlines()
    assert "0.001 3.250 (loss after 0.25 minutes each)" in lines[2]
    assert lines[5].split() == ["bertlab", "1,200", "0.001", "3.500", "3.000", "2.500", "2.000", "25.0%"]
    assert lines[6].split() == ["Trainer,", "tuned", "1,200", "0.001", "3.750", "3.500", "3.250", "3.000", "25.0%",
                                "30", "s"]  # fmt: skip
    assert lines[7].endswith("25.0%            0 s")
    assert lines[8].split() == ["unigram", "4.500"]
    assert len(lines[8]) == lines[5].index("2.000") + 5  # below the last losses
    assert max(map(len, lines)) <= 120
    assert bench.find_time_to_loss(some_curves()["learners"][0]["points"], 1.9) == "never"
    rises = [{"seconds": 10.0 * i, "mlm_loss": loss} for i, loss in enumerate((4.0, 4.5, 3.5))]
    assert [bench.find_time_to_loss(rises, loss) for loss in (5.0, 3.75)] == ["0 s", "18 s"]


def test_curves_picture_shows_both_against_seconds_and_steps():
    figure = bench.draw_curves_figure(some_curves())
    assert [ax.get_xlabel() for ax in figure.axes] == ["seconds", "step"]
    assert [len(ax.lines) for ax in figure.axes] == [5, 5]
    assert figure.axes[1].lines[0].get_xdata()[-1] == 1200
    figure.draw_without_rendering()


def test_a_learner_that_fails_says_why(tmp_path):
    setting = pretraining(tmp_path)
    course = bench.Course(elsewhere(setting), TrainConfig(), None)
    with bench.start_server() as processes:
        learner = bench.Worker(bench.serve_learner, course, OURS, 1, processes)
        with pytest.raises(ChildProcessError, match=f"{OURS}: FileNotFoundError.*nowhere"):
            learner.ask("seconds a step")
        learner.close()


# The command


def test_only_takes_names_and_parts_of_names():
    assert BenchConfig().chosen() == list(SETTINGS)
    assert BenchConfig(only=("packed-8k", "finetune")).chosen() == ["pretrain-packed-8k", "finetune"]
    assert BenchConfig(only=("30k",)).chosen() == ["pretrain-sentences-30k", "pretrain-packed-30k"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--only", "everything"], "no setting 'everything'; there are pretrain-sentences-8k"),
     (["--preset", "huge"], "no preset 'huge'"), (["--dropout", "1"], "dropout lies in"),
     (["--rounds", "0"], "rounds is 0"), (["--seconds", "nan"], "seconds is nan"),
     (["--threads", "-1"], "threads is -1"), (["--batch-size", "0"], "batch_size is 0"),
     (["--json", "/no/such/folder/x"], "/no/such/folder/x"),
     (["--only", "8k", "--text", "nowhere.txt"], "nowhere.txt"),
     (["--curves", "0"], "minutes is 0"), (["--curves", "1", "--rounds", "2"], "--rounds does not go with --curves")],
)  # fmt: skip
def test_bad_options_are_one_line(capsys, arguments, message):
    assert main(["bench", *arguments]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("bertlab: ")
    assert message in error


def text(tmp_path, documents: int) -> str:
    rng = np.random.default_rng(0)
    words = [*"abcdefghij", "the", "cat", "dog", "sat", "ran"]
    some = ["\n".join(" ".join(rng.choice(words, 7)).capitalize() + "." for _ in range(5)) for _ in range(documents)]
    place = tmp_path / "text.txt"
    place.write_text("\n\n".join(some))
    return str(place)


def test_the_command_measures_and_writes_all_three(tmp_path, capsys):
    where = [tmp_path / "numbers.json", tmp_path / "speeds.png"]
    place = text(tmp_path, 30)
    options = ["bench", "--only", "sentences-8k", "--text", place, "--preset", "tiny", "--length", "24", "--batch-size",
               "8", "--rounds", "1", "--seconds", "0.01", "--dropout", "0", "--threads", "1"]  # fmt: skip
    assert main([*options, "--json", str(where[0]), "--picture", str(where[1])]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in SIDES)
    results = json.loads(where[0].read_text())
    assert results["config"]["preset"] == "tiny"
    assert results["machine"]["threads"] == 1
    (setting,) = results["settings"]
    assert setting["longest"] <= 24
    assert 0 < setting["sides"][0]["utilisation"] < 1.5
    assert where[1].read_bytes().startswith(b"\x89PNG")

    assert main([*options, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"][0]["name"] == "pretrain-sentences-8k"


def test_the_command_draws_learning_curves(tmp_path, capsys):
    where = [tmp_path / "numbers.json", tmp_path / "curves.png"]
    options = ["bench", "--curves", "0.02", "--text", text(tmp_path, 30), "--length", "24", "--batch-size", "8",
               "--threads", "1", "--json", str(where[0]), "--picture", str(where[1])]  # fmt: skip
    assert main(options) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in (*bench.LEARNERS, "unigram", "bigram"))
    results = json.loads(where[0].read_text())
    assert results["plan"]["preset"] == "tiny"
    assert [one["learning_rate"] for one in results["tried"]] == [1e-3, 2e-3, 4e-3]
    ours, tuned, published = results["learners"]
    assert ours["points"][0]["mlm_loss"] == pytest.approx(tuned["points"][0]["mlm_loss"], abs=1e-5)
    assert tuned["learning_rate"] == min(results["tried"], key=lambda one: one["mlm_loss"])["learning_rate"]
    assert published["learning_rate"] == 1e-4
    for learner in results["learners"]:
        points = learner["points"]
        assert len(points) >= 2
        assert [point["ended"] for point in points] == [False] * (len(points) - 1) + [True]
        assert points[-1]["step"] == learner["steps"]
        assert abs(points[-1]["mlm_loss"] - points[0]["mlm_loss"]) > 1e-3
        assert all(a["step"] < b["step"] and a["seconds"] < b["seconds"] for a, b in pairwise(points))
    assert where[1].read_bytes().startswith(b"\x89PNG")


def test_too_little_text_is_one_line(tmp_path, capsys):
    assert main(["bench", "--only", "8k", "--text", text(tmp_path, 3), "--preset", "tiny", "--batch-size", "500"]) == 1
    assert "do not fill one batch of 500" in capsys.readouterr().err


def test_the_curves_that_notebook_09_shows_come_from_a_command_that_there_is():
    found = json.loads((ROOT / "data" / "curves.json").read_text(encoding="utf-8"))
    options = parser().parse_args(found["command"].split()[3:])
    assert options.curves == found["minutes"]
    assert found["machine"]["load"] < 1, "a machine with something else to do"
    table = bench.format_curves(found)
    for learner, line in zip(found["learners"], table.splitlines()[5:], strict=False):
        last = learner["points"][-1]
        assert last["step"] == learner["steps"]
        assert last["seconds"] <= 60 * found["minutes"]
        assert f"{last['mlm_loss']:.3f}" in line
