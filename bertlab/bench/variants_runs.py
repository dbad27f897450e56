"""How a variant of the study is trained, what a step costs, and how it is judged."""

import copy
import math
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from .. import grammar, variants
from ..baselines import score_pretraining
from ..batches import Batches, derive_seed
from ..grammar.judging import average_counts
from ..heads import Tagger
from ..model import eval_mode
from ..optim import learning_rate_at, make_optimizer
from ..precision import prefer_precision
from ..tasks.rows import count_row_tokens
from ..train import TrainConfig, evaluate
from .variants_inputs import Inputs, Study

CURVE = 20  # points of the training loss, each a mean


def count_step_flops(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches) -> int:
    """The floating-point operations of a training step: products of matrices, forward, backward and in the optimizer
    (Muon's are many). The model is trained by it, so give a copy. For "bert" they are those of `bertlab.budget`."""
    model.train()
    batch = batches[0]
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # it counts no fused attention
        model(**batch).loss.backward()
        optimizer.step()
    return counter.get_total_flops()


def count_forward_flops(model: nn.Module, batches: Batches) -> int:
    """The operations of a forward pass of a model over a batch."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        model(**batches[0])
    return counter.get_total_flops()


def run_steps(
    model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, config: TrainConfig
) -> list[float | None]:
    """Train a model, and return its loss as means of parts of the run. One that becomes nan ends there: None.

    The steps are those of `train`. That function makes its own optimizer, and LAMB is not one of those.
    """
    half = config.precision == "bf16"
    losses: list[float] = []
    model.train()
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, config)
        torch.manual_seed(derive_seed(config.seed, step))  # of ELECTRA's draws
        with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
            loss = model(**batches[step]).loss
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            return [None]
    return [round(float(part.mean()), 3) for part in np.array_split(np.array(losses), min(CURVE, len(losses)))]


def judge_model(model: nn.Module, inputs: Inputs, study: Study, seed: int, whole: bool = True) -> dict[str, Any]:
    """The scores on held-out text: of the masked words (ELECTRA's are its generator's) and of the model's own
    objective; with `whole` also the average of the minimal pairs, and of tagging after fine-tuning. None for nan."""
    scores: dict[str, Any] = {}
    with prefer_precision(study.precision):
        torch.manual_seed(0)  # of ELECTRA's draws

        def score(output, batch):
            count = len(batch["labels"])
            return score_pretraining(output, batch) | {"own_loss": (float(output.loss) * count, count)}

        scores |= evaluate(model, inputs.exam, score)
    if whole:
        scores["grammar"] = judge_pairs(model, inputs)
        scores["tagging"] = fine_tune_tagger(model, inputs, study, seed)
    return {name: round(value, 4) if math.isfinite(value) else None for name, value in scores.items()}


def judge_pairs(model: nn.Module, inputs: Inputs) -> float:
    """The share of minimal pairs that the model gets right, averaged over the phenomena."""
    with eval_mode(model):
        if isinstance(model, variants.Electra):
            counts = grammar.count_right(
                inputs.minimal_pairs, lambda texts: variants.score_by_discriminator(model, inputs.tokenizer, texts)
            )
        else:
            counts = grammar.count_right(
                inputs.minimal_pairs, lambda texts: grammar.score_sentences(model, inputs.tokenizer, texts)
            )
    return average_counts(counts)[0]


def fine_tune_tagger(model: nn.Module, inputs: Inputs, study: Study, seed: int) -> float:
    """The accuracy on parts of speech of a tagger that goes on from a copy of the model's encoder: the same few steps
    at the same rate for all."""
    torch.manual_seed(seed)
    tagger = Tagger(model.config, len(inputs.task.labels))
    tagger.bert = copy.deepcopy(model.bert)
    rows = inputs.task.make_rows(inputs.tagged)
    batches = Batches(rows, inputs.task.collate, min(32, len(rows)), seed=seed, lengths=count_row_tokens(rows))
    config = TrainConfig(steps=study.tagging_steps, learning_rate=study.tagging_rate, seed=seed,
                         precision=study.precision)  # fmt: skip
    run_steps(tagger, make_optimizer(tagger, config), batches, config)
    with prefer_precision(study.precision):
        predictions = inputs.task.predict(tagger, inputs.tagged_test)
    return inputs.task.score(inputs.tagged_test, predictions)["accuracy"]
