"""Formulas of cost, held against what is counted: parameters, operations, and the memory that a forward pass keeps."""

import contextlib

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bertlab.__main__ import main
from bertlab.budget import (
    DEVICES,
    count_activations,
    count_forward_flops,
    count_parameters,
    count_training_flops,
    count_training_memory,
    estimate_cost,
    find_device,
    format_seconds,
)
from bertlab.heads import Pretraining
from bertlab.model import Bert, BertConfig

SIZES = [  # vocabulary, width, layers, heads, intermediate size; rows, tokens, words to predict
    ((100, 32, 3, 4, 80), (3, 24, 4)),
    ((500, 64, 2, 4, 256), (8, 32, 3)),
    ((2000, 128, 4, 2, 512), (16, 16, 4)),
]


def make_config(sizes, kind=BertConfig, **changes):
    names = "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"
    return kind(**dict(zip(names, sizes, strict=True)), max_position_embeddings=32, **changes)


def make_batch(config, rows, tokens, predicted):
    ids = torch.randint(5, config.vocab_size, (rows, tokens))
    labels = torch.full_like(ids, -100)
    labels[:, 1 : 1 + predicted] = 7
    return {"input_ids": ids, "labels": labels, "next_sentence_label": torch.zeros(rows, dtype=torch.long)}


@pytest.mark.parametrize(("sizes", "shape"), SIZES)
def test_parameters_and_operations_of_our_model_are_exact(sizes, shape):
    config = make_config(sizes)
    model, (rows, tokens, predicted) = Pretraining(config), shape
    assert count_parameters(config) == sum(part.numel() for part in model.parameters())
    assert count_parameters(config, heads=False) == sum(part.numel() for part in Bert(config).parameters())
    with FlopCounterMode(display=False) as forward:
        output = model(**make_batch(config, *shape))
    with FlopCounterMode(display=False) as backward:
        output.loss.backward()
    assert forward.get_total_flops() == rows * count_forward_flops(config, tokens, predicted).total
    both = forward.get_total_flops() + backward.get_total_flops()
    assert both == rows * count_training_flops(config, tokens, predicted).total


@pytest.mark.parametrize(("sizes", "shape"), SIZES)
def test_parameters_and_operations_of_transformers_are_exact(sizes, shape):
    import transformers

    config = make_config(sizes, transformers.BertConfig, attn_implementation="eager")
    model, (rows, tokens, predicted) = transformers.BertForPreTraining(config), shape
    assert count_parameters(config) == sum(part.numel() for part in model.parameters())
    with FlopCounterMode(display=False) as counter:
        model(**make_batch(config, *shape)).loss.backward()
    assert counter.get_total_flops() == rows * count_training_flops(config, tokens, predicted, every=True).total


def measure_kept_bytes(model, batch, half):
    """The bytes of the tensors that autograd saves, each storage once, without the weights themselves."""
    weights = {part.untyped_storage().data_ptr() for part in model.parameters()}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)  # the tensor stays, so that no address comes again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        with torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext():
            model(**batch)
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize(("half", "shape"), [(False, (3, 24, 4)), (False, (16, 32, 5)), (True, (16, 32, 4))])
def test_the_memory_of_a_forward_pass_is_within_five_percent(half, shape, dropout):
    """In bfloat16 with a number of masked words (64) that is not rounded up."""
    config = make_config(SIZES[2][0], hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    batch = make_batch(config, *shape) | {"attention_mask": torch.ones(shape[:2], dtype=torch.long)}
    measured = measure_kept_bytes(Pretraining(config).train(), batch, half)
    assert count_activations(config, *shape, half) == pytest.approx(measured, rel=0.05)
    memory = count_training_memory(config, *shape, half)
    assert memory.total == 16 * count_parameters(config) + memory.activations


def test_time_energy_and_price():
    cost = estimate_cost(3600 * 65e12 * 0.5, DEVICES["t4"], chips=2, utilisation=0.5, dollars_per_hour=0.4)
    assert cost.seconds == pytest.approx(1800)
    assert cost.kilowatt_hours == pytest.approx(0.07)  # an hour of one chip in all
    assert cost.dollars == pytest.approx(0.4)
    assert estimate_cost(1e9, DEVICES["t4"]).dollars is None
    assert find_device("T4") is DEVICES["t4"]
    shown = [format_seconds(seconds) for seconds in (5, 300, 10_000, 1e6)]
    assert shown == ["5.0 seconds", "5.0 minutes", "2.8 hours", "11.6 days"]
    for changes in ({"utilisation": 0}, {"utilisation": 1.1}, {"chips": 0}, {"dollars_per_hour": -1}):
        with pytest.raises(ValueError, match=next(iter(changes))):
            estimate_cost(1e9, DEVICES["t4"], **changes)


def test_the_command_says_time_and_memory(capsys):
    assert main(["cost", "--preset", "base", "--tokens", "3.3e9", "--device", "t4", "--price", "0.35"]) == 0
    printed = capsys.readouterr().out
    assert "110,106,428 parameters" in printed
    flops = count_training_flops(BertConfig.preset("base"), 128, 19).total / 128 * 3.3e9
    assert f"3,300,000,000 tokens: {flops:.3g} operations" in printed
    days = flops / (0.3 * 65e12) / 86_400
    assert f"1 x t4, 30% of 65 Tflop/s (fp16), {24 * days:.1f} hours" in printed
    assert f"${24 * days * 0.35:.2f}" in printed
    assert "memory for 32 rows in float32: 4.8" in printed


def test_the_command_measures_this_machine(capsys, monkeypatch):
    monkeypatch.setattr("bertlab.bench.machine.measure_gemm_peak", lambda threads, half: 2e11 if half else 1e11)
    line = ["cost", "--model", "bertlab-mini", "--tokens", "1e6", "--length", "64", "--device", "here", "t4"]
    assert main(line) == 0
    printed = capsys.readouterr().out
    assert "1 x here, 30% of 0.2 Tflop/s (bf16)" in printed
    assert "kWh" not in printed.splitlines()[6]  # what this machine takes is not known


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--tokens 0", "--tokens"),
        ("--tokens 1e9 --device t5", "no device 't5'"),
        ("--tokens 1e9 --masked 2", "--masked"),
        ("--tokens 1e9 --length 1", "--length"),
        ("--tokens 1e9 --preset huge", "no preset 'huge'"),
        ("--tokens 1e9 --utilisation 30", "utilisation"),
        ("--tokens 1e9 --model nowhere/at/all", "nowhere/at/all"),
    ],
)
def test_what_the_command_refuses(line, message, capsys):
    assert main(["cost", *line.split()]) == 2
    assert message in capsys.readouterr().err
