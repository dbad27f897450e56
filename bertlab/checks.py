"""Checks before you trust a training: functions for a model, a collator or an optimizer of your own.

A loss curve falls in spite of most bugs. Each check here looks at one thing that a curve cannot show. It takes any
model that is called as `model(**batch)` with Hugging Face's names, ours or transformers', returns what it measured, and
raises `CheckError`, which says what was found and where such a fault usually comes from. No check changes the model: it
works in eval mode or on a copy, and restores the random state.
"""

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from .batches import IGNORE
from .data_checks import Batch, CheckError
from .data_checks import check_ignored as check_ignored
from .data_checks import check_masking as check_masking
from .data_checks import check_reload as check_reload
from .data_checks import check_word_labels as check_word_labels
from .model import eval_mode
from .suggestions import suggest_name

LABELS = ("labels", "next_sentence_label", "start_positions", "end_positions")
FILLED = {"attention_mask": 0, "token_type_ids": 0, "labels": IGNORE}  # of added padding


# ---- Outputs ---------------------------------------------------------------------------------------------------------


def check_padding(model: nn.Module, batch: Batch, more: int = 7, pad_id: int = 0, tolerance: float = 1e-4) -> float:
    """More padding must change nothing: neither an output of a token that was there, nor one of a row.

    `batch` has `input_ids` (B, T), and `attention_mask` if some of it is padding already. Returns the largest
    difference. Found by it: a mask that is missing, inverted, or not handed on, and a mean over padding.
    """
    if more < 1:
        raise ValueError(f"more is {more}: without added padding there is nothing to compare")
    ids = get_ids(batch)
    inputs = {"attention_mask": torch.ones_like(ids), **drop_labels(batch)}
    wider = {name: widen(tensor, more, pad_id if name == "input_ids" else FILLED.get(name, 0))
             if tensor.shape[:2] == ids.shape else tensor for name, tensor in inputs.items()}  # fmt: skip
    before, after = run(model, inputs), run(model, wider)
    pairs, real = [], inputs["attention_mask"].bool()
    for name, tensor in before.items():
        of_tokens = tensor.shape[:2] == ids.shape
        pairs.append((tensor[real], after[name][:, : ids.size(1)][real]) if of_tokens else (tensor, after[name]))
    worst = measure_difference(pairs)
    if not worst <= tolerance:
        raise CheckError(f"{more} tokens of padding change the outputs by {worst:.2g}: is the attention mask missing, "
                         "inverted, or not handed on? Does something average over padding?")  # fmt: skip
    return worst


def check_batch(model: nn.Module, batch: Batch, tolerance: float = 1e-4) -> float:
    """A row must get the same outputs alone as with others in its batch. Returns the largest difference.

    Found by it: batch normalisation, a reshape or a softmax over the wrong axis, state that is carried from row to row.
    """
    inputs, rows = drop_labels(batch), len(get_ids(batch))
    if rows < 2:
        raise ValueError("a batch of one row has no rows beside it: give several")
    together, pairs = run(model, inputs), []
    for i in range(rows):
        alone = run(model, {name: tensor[i : i + 1] for name, tensor in inputs.items()})
        pairs += [(tensor[i], alone[name][0]) for name, tensor in together.items()]
    worst = measure_difference(pairs)
    if not worst <= tolerance:
        raise CheckError(f"a row's outputs change by {worst:.2g} with the rows beside it: is a reshape, a softmax or a "
                         "normalisation over the wrong axis?")  # fmt: skip
    return worst


def check_start(model: nn.Module, batch: Batch, classes: int | Sequence[int], tolerance: float = 0.15) -> float:
    """Before training, the loss must be that of guessing: ln of the number of `classes`, summed over the heads.

    For MLM with NSP, `classes` is (vocabulary size, 2). Returns the loss. Far above: weights that start too large, or
    a sum where a mean was meant. Far below: labels that can be seen in the input, or that are nearly all the same. A
    model that starts from frequencies of words lies below on purpose.
    """
    numbers = [classes] if isinstance(classes, int) else list(classes)
    if not numbers or min(numbers) < 2:
        raise ValueError(f"classes is {classes}: there are at least two to guess among")
    expected = sum(map(math.log, numbers))
    with eval_mode(model):
        loss = float(compute_loss(model, batch))
    if not abs(loss - expected) <= tolerance * expected:
        raise CheckError(f"the first loss is {loss:.3f}; guessing among the classes gives {expected:.3f}: above it, do "
                         "weights start too large, or is a sum taken for a mean? Below it, is the answer in the input?"
                         )  # fmt: skip
    return loss


# ---- Learning --------------------------------------------------------------------------------------------------------


def check_overfit(model: nn.Module, batch: Batch, steps: int = 100, rate: float = 1e-3, share: float = 0.2) -> float:
    """A copy of the model must learn one small batch by heart: after `steps` of Adam, a loss below `share` of the
    first. Returns that share. Found by it: labels that do not belong to the rows, a part that is cut off from the loss,
    a rate or a sign that is wrong. It takes some seconds."""
    if steps < 2:
        raise ValueError(f"steps is {steps}: nothing can be learned in them")
    learner = copy.deepcopy(model).eval()  # without dropout
    optimizer = torch.optim.Adam([part for part in learner.parameters() if part.requires_grad], lr=rate)
    losses = []
    with torch.random.fork_rng([]):
        for _ in range(steps):
            loss = compute_loss(learner, batch)
            losses.append(float(loss.detach()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    if not 0 <= losses[-1] < share * losses[0]:
        raise CheckError(f"after {steps} steps on one batch the loss is {losses[-1]:.3f}, at first it was "
                         f"{losses[0]:.3f}: do the labels belong to the rows? Does the gradient reach the weights? Is "
                         "a sign wrong?")  # fmt: skip
    return losses[-1] / losses[0]


def check_gradients(model: nn.Module, batch: Batch, unused: Iterable[str] = ()) -> list[str]:
    """The gradient must reach every parameter, except those whose names begin with one of `unused`. Returns the names
    that it reaches. Found by it: `detach`, `no_grad`, or numpy in the middle of a model; a head that is not used."""
    learner, unused = copy.deepcopy(model).eval(), tuple(unused)
    with torch.random.fork_rng([]):
        compute_loss(learner, batch).backward()
    wanted = {name: part for name, part in learner.named_parameters() if part.requires_grad}
    reached = [name for name, part in wanted.items() if part.grad is not None and bool(part.grad.abs().max() > 0)]
    lost = [name for name in wanted if name not in reached and not name.startswith(unused or ("\0",))]
    if lost:
        raise CheckError(f"no gradient reaches {shorten(lost)}: is something detached, or a head not used by the loss?")
    return reached


def check_tied(model: nn.Module, first: str, second: str) -> None:
    """Two parameters must be one: the embeddings of the words and the output layer of BERT's masked words.

    `first` and `second` are names as `model.named_parameters(remove_duplicate=False)` gives them. Found by it: a copy
    instead of a reference, and a tie that loading or resizing has cut.
    """
    parts = dict(model.named_parameters(remove_duplicate=False))
    for name in (first, second):
        if name not in parts:
            raise ValueError(f"the model has no parameter {name!r}{suggest_name(name, parts)}")
    if parts[first] is not parts[second]:
        same = parts[first].shape == parts[second].shape and torch.equal(parts[first], parts[second])
        now = "equal now, but training will part them" if same else "different"
        raise CheckError(f"{first} and {second} are two parameters, {now}: tie them again after loading and resizing")


def check_decay(optimizer: torch.optim.Optimizer, model: nn.Module) -> int:
    """Weight decay must fall on matrices alone, not on biases and LayerNorms, and every parameter that is trained must
    be in one group. Returns how many are decayed. (Devlin et al. decay so, and almost all who followed.)"""
    groups = [(id(part), group.get("weight_decay", 0)) for group in optimizer.param_groups for part in group["params"]]
    decay = dict(groups)
    named = {name: part for name, part in model.named_parameters() if part.requires_grad}
    if missing := [name for name, part in named.items() if id(part) not in decay]:
        raise CheckError(f"the optimizer lacks {shorten(missing)}: were they made, or the model moved, after it?")
    if len(decay) < len(groups):
        raise CheckError("a parameter is in two groups of the optimizer")
    if wrong := [name for name, part in named.items() if part.dim() < 2 and decay[id(part)]]:
        raise CheckError(f"weight decay on {shorten(wrong)}: vectors (biases, LayerNorm) go into a group without it")
    if wrong := [name for name, part in named.items() if part.dim() > 1 and not decay[id(part)]]:
        raise CheckError(f"no weight decay on {shorten(wrong)}: matrices go into the group with it")
    return sum(value > 0 for value in decay.values())


def check_classes(model: nn.Module, batch: Batch, name: str = "labels") -> list[int]:
    """Every class must teach: where all labels `batch[name]` that are given are one class, the loss must be finite
    and have a gradient. Returns the classes. Found by it: an `ignore_index` that is a class."""
    classes = batch[name][batch[name] != IGNORE].unique().tolist()
    if not classes:
        raise ValueError(f"no {name} are given in the batch: there is no class to look at")
    for number in classes:
        learner = copy.deepcopy(model).eval()
        with torch.random.fork_rng([]):
            loss = compute_loss(learner, {**batch, name: batch[name].masked_fill(batch[name] != IGNORE, number)})
            loss.backward()
        gradients = [part.grad for part in learner.parameters() if part.grad is not None]
        if not loss.isfinite() or not any(bool(gradient.abs().max() > 0) for gradient in gradients):
            raise CheckError(f"a batch in which each label is {number} teaches nothing, its loss is "
                             f"{float(loss.detach()):.3f}: does the loss ignore this class?")  # fmt: skip
    return classes


def check_accumulation(
    model: nn.Module, batch: Batch, backward: Callable[[nn.Module, list[Batch]], object], parts: int = 2,
    tolerance: float = 1e-4,
) -> float:  # fmt: skip
    """`backward(model, list of batches)` must leave the gradients that one large batch leaves.

    `batch` is cut into `parts`, which must differ in how many labels they have. Returns the largest difference, as a
    share of the largest gradient. Found by it: a mean of means, a division forgotten, or gradients that are not zero.
    """
    pieces = [dict(zip(batch, values, strict=True)) for values in
              zip(*(tensor.chunk(parts) for tensor in batch.values()), strict=True)]  # fmt: skip
    if len({int((piece["labels"] != IGNORE).sum()) for piece in pieces}) == 1:
        raise ValueError("all parts have the same number of labels: every average would pass")
    whole, accumulated = copy.deepcopy(model).eval(), copy.deepcopy(model).eval()
    with torch.random.fork_rng([]):
        compute_loss(whole, batch).backward()
        backward(accumulated, pieces)
    pairs = [(a.grad, torch.zeros_like(a) if b.grad is None else b.grad) for a, b in
             zip(whole.parameters(), accumulated.parameters(), strict=True) if a.grad is not None]  # fmt: skip
    worst = measure_difference(pairs) / max(float(a.abs().max()) for a, _ in pairs)
    if not worst <= tolerance:
        raise CheckError(f"the gradients of {parts} parts differ from those of the whole batch by {worst:.2g} of the "
                         "largest: divide by the labels of all parts, not part by part")  # fmt: skip
    return worst


def check_first_step(make_optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer], rate: float) -> float:
    """The first step of Adam must move each number by about `rate`, whatever its gradient. `make_optimizer(parameters)`
    makes the optimizer. Returns the largest step as a multiple of the rate. Found by it: moments without their
    correction, which step 3.2 times too far; a factor in the rate."""
    part = nn.Parameter(torch.zeros(3))
    optimizer = make_optimizer([part])
    part.grad = torch.tensor([0.5, -1.0, 50.0])
    optimizer.step()
    moved = float(part.detach().abs().max()) / rate
    if not 0.9 < moved < 1.1:
        raise CheckError(
            f"the first step is {moved:.2f} times the rate: are the moments corrected for their start at 0?"
        )
    return moved


def check_norms(model: nn.Module) -> int:
    """Before training, each LayerNorm must scale by 1 and shift by 0. Returns how many there are. Found by it: an
    initialisation that draws all parameters alike."""
    norms = {name: part for name, part in model.named_modules() if isinstance(part, nn.LayerNorm)}
    if not norms:
        raise ValueError("the model has no nn.LayerNorm: there is nothing to look at")
    wrong = [name for name, part in norms.items() if bool((part.weight != 1).any()) or bool((part.bias != 0).any())]
    if wrong:
        raise CheckError(f"{shorten(wrong)}: a fresh LayerNorm has weights 1 and biases 0")
    return len(norms)


def check_resume(
    make: Callable[[], tuple[nn.Module, torch.optim.Optimizer]],
    step: Callable[[nn.Module, torch.optim.Optimizer, int], object],
    save: Callable[[nn.Module, torch.optim.Optimizer], object],
    load: Callable[[object, nn.Module, torch.optim.Optimizer], object],
    steps: int = 3,
) -> None:
    """A run that is saved after some steps, loaded into fresh parts and continued must equal one that was not stopped.

    `make()` gives a model and its optimizer, the same each time; `step(model, optimizer, number)` takes a step. Found
    by it: moments, a rate, random numbers or a position in the data that a checkpoint lacks.
    """
    straight, resumed = make(), make()
    for number in range(2 * steps):
        step(*straight, number)
    for number in range(steps):
        step(*resumed, number)
    state, resumed = save(*resumed), make()
    load(state, *resumed)
    for number in range(steps, 2 * steps):
        step(*resumed, number)
    for (name, a), b in zip(straight[0].named_parameters(), resumed[0].parameters(), strict=True):
        if not torch.equal(a, b):
            raise CheckError(f"{steps} steps after the run was resumed, {name} differs by "
                             f"{float((a - b).detach().abs().max()):.2g}: what does the checkpoint lack?")  # fmt: skip


# ---- Collate ---------------------------------------------------------------------------------------------------------


def check_collate(
    model: nn.Module, collate: Callable[[list], Batch], rows: Sequence[object], tolerance: float = 1e-4
) -> float:
    """The first of the `rows` must get the same outputs collated alone as with the longer ones. Returns the largest
    difference. `check_padding` makes a mask where there is none, so it cannot see what this finds: a collate function
    that returns no mask."""
    alone, together = (run(model, drop_labels(collate(list(chosen)))) for chosen in (rows[:1], rows))
    length = collate(list(rows[:1]))["input_ids"].size(1)
    if collate(list(rows))["input_ids"].size(1) == length:
        raise ValueError("no row is longer than the first one: nothing is padded")
    pairs = [(tensor, together[name][:1, :length] if tensor.shape[1:2] == (length,) else together[name][:1])
             for name, tensor in alone.items()]  # fmt: skip
    worst = measure_difference(pairs)
    if not worst <= tolerance:
        raise CheckError(f"collated with longer rows, the first row's outputs change by {worst:.2g}: does the collate "
                         "function return an attention_mask, with 0 at padding?")  # fmt: skip
    return worst


# ---- Parts -----------------------------------------------------------------------------------------------------------


def run(model: nn.Module, inputs: Batch) -> dict[str, Tensor]:
    """All outputs of a model in eval mode that are tensors with a row for each row of the input, by name."""
    with eval_mode(model):
        output = model(**inputs)
    fields = output if isinstance(output, Mapping) else getattr(output, "__dict__", {"output": output})
    rows = len(get_ids(inputs))
    found = {name: value for name, value in fields.items() if isinstance(value, Tensor) and value.dim() and
             len(value) == rows}  # fmt: skip
    if not found:
        raise CheckError(f"the model gives no tensor of {rows} rows without labels: a {type(output).__name__}")
    return found


def compute_loss(model: nn.Module, batch: Batch) -> Tensor:
    """The loss of a batch. Raises ValueError for a model that gives none."""
    loss = getattr(model(**batch), "loss", None)
    if loss is None:
        raise ValueError(f"the model gives no `loss` for a batch of {', '.join(batch)}: are its labels missing?")
    return loss


def measure_difference(pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The largest difference between two tensors of a pair; nan if there is a nan, which `max` would lose."""
    found = [float((a - b).detach().abs().max()) for a, b in pairs]
    return math.nan if any(map(math.isnan, found)) else max(found)


def get_ids(batch: Batch) -> Tensor:
    """The token ids of a batch (B, T). Raises ValueError if it has none."""
    if "input_ids" not in batch:
        raise ValueError(f"the batch has no input_ids, but {', '.join(batch) or 'nothing'}")
    return batch["input_ids"]


def drop_labels(batch: Batch) -> dict[str, Tensor]:
    """The batch without what only a loss needs."""
    return {name: tensor for name, tensor in batch.items() if name not in LABELS}


def widen(tensor: Tensor, more: int, value: int) -> Tensor:
    """(B, T) -> (B, T + more), filled with the value."""
    return nn.functional.pad(tensor, (0, more), value=value)


def shorten(names: Sequence[str], most: int = 4) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
