"""The machine: useful FLOPs against torch's own counter, the fastest product, the memory of a process."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bertlab.batches import IGNORE
from bertlab.bench.machine import count_useful_flops, get_peak_memory, measure_gemm_peak
from bertlab.heads import Classifier, Pretraining
from bertlab.masking import PretrainingCollate
from bertlab.tasks import PaddingCollate

from .examples import TINY, TOKENIZER


def count_with_torch(model, batch) -> int:
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
    assert count_useful_flops(config, batch) == count_with_torch(Pretraining(config), batch)
    batch = {"input_ids": batch["input_ids"], "labels": torch.tensor([0, 4, 2])}
    assert count_useful_flops(config, batch, 5) == count_with_torch(Classifier(config, 5), batch)


def test_useful_flops_count_nothing_for_padding():
    collate = PretrainingCollate(TOKENIZER)
    long, short = ([5] * 20, [6] * 9, 0), ([7] * 3, [8] * 3, 1)
    apart = sum(count_useful_flops(TINY, collate([row], np.random.default_rng(0))) for row in (long, short))
    assert count_useful_flops(TINY, collate([long, short], np.random.default_rng(0))) == apart
    rows = {"input_ids": [2, 5, 6, 3], "labels": 0}, {"input_ids": [2, 5, 3], "labels": 1}
    apart = sum(count_useful_flops(TINY, PaddingCollate(0)([row])) for row in rows)
    assert count_useful_flops(TINY, PaddingCollate(0)(rows)) == apart


def test_gemm_peak_is_a_speed():
    assert 1e8 < measure_gemm_peak(1, 0.001) < 1e15


def allocate(pipe, megabytes):
    before = get_peak_memory()
    block = np.ones(megabytes << 17)
    pipe.send((before, get_peak_memory(), block[0]))


def test_peak_memory_is_the_process_own():
    mine = np.ones(400 << 17)  # 400 MB that are not the child's
    processes = multiprocessing.get_context("spawn")
    pipe, child_pipe = processes.Pipe()
    child = processes.Process(target=allocate, args=(child_pipe, 100))
    child.start()
    child_pipe.close()
    before, after, _ = pipe.recv()
    child.join()
    assert get_peak_memory() > mine.nbytes
    assert before < mine.nbytes + 50e6
    assert 95e6 < after - before < 130e6
