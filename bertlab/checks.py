"""Checks before you trust a training: functions for a model, a collator or an optimizer of your own.

A loss curve falls in spite of most bugs. Each check here looks at one thing that a curve cannot show. It takes any
model that is called as `model(**batch)` with Hugging Face's names, ours or transformers', returns what it measured, and
raises `CheckError`, which says what was found and where such a fault usually comes from. No check changes the model: it
works in eval mode or on a copy, and restores the random state.
"""

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest

import torch
from torch import Tensor, nn

from .batches import IGNORE
from .model import eval_mode

Batch = Mapping[str, Tensor]
LABELS = ("labels", "next_sentence_label", "start_positions", "end_positions")
FILLED = {"attention_mask": 0, "token_type_ids": 0, "labels": IGNORE}  # of added padding


class CheckError(AssertionError):
    """A check found something that should not be so."""


# ---- Outputs ---------------------------------------------------------------------------------------------------------


def check_padding(model: nn.Module, batch: Batch, more: int = 7, pad_id: int = 0, tolerance: float = 1e-4) -> float:
    """More padding must change nothing: neither an output of a token that was there, nor one of a row.

    `batch` has `input_ids` (B, T), and `attention_mask` if some of it is padding already. Returns the largest
    difference. Found by it: a mask that is missing, inverted, or not handed on, and a mean over padding.
    """
    ids = batch["input_ids"]
    inputs = {"attention_mask": torch.ones_like(ids), **drop_labels(batch)}
    wider = {name: widen(tensor, more, pad_id if name == "input_ids" else FILLED.get(name, 0))
             if tensor.shape[:2] == ids.shape else tensor for name, tensor in inputs.items()}  # fmt: skip
    before, after = run(model, inputs), run(model, wider)
    worst, real = 0.0, inputs["attention_mask"].bool()
    for name, tensor in before.items():
        other = after[name]
        if tensor.shape[:2] == ids.shape:
            tensor, other = tensor[real], other[:, : ids.size(1)][real]
        worst = max(worst, float((tensor - other).abs().max()))
    if worst > tolerance:
        raise CheckError(f"{more} tokens of padding change the outputs by {worst:.2g}: is the attention mask missing, "
                         "inverted, or not handed on? Does something average over padding?")  # fmt: skip
    return worst


def check_batch(model: nn.Module, batch: Batch, tolerance: float = 1e-4) -> float:
    """A row must get the same outputs alone as with others in its batch. Returns the largest difference.

    Found by it: batch normalisation, a reshape or a softmax over the wrong axis, state that is carried from row to row.
    """
    inputs = drop_labels(batch)
    together, worst = run(model, inputs), 0.0
    for i in range(len(inputs["input_ids"])):
        alone = run(model, {name: tensor[i : i + 1] for name, tensor in inputs.items()})
        for name, tensor in together.items():
            worst = max(worst, float((tensor[i] - alone[name][0]).abs().max()))
    if worst > tolerance:
        raise CheckError(f"a row's outputs change by {worst:.2g} with the rows beside it: is a reshape, a softmax or a "
                         "normalisation over the wrong axis?")  # fmt: skip
    return worst


def check_start(model: nn.Module, batch: Batch, classes: int | Sequence[int], tolerance: float = 0.15) -> float:
    """Before training, the loss must be that of guessing: ln of the number of `classes`, summed over the heads.

    For MLM with NSP, `classes` is (vocabulary size, 2). Returns the loss. Far above: weights that start too large, or
    a sum where a mean was meant. Far below: labels that can be seen in the input, or that are nearly all the same. A
    model that starts from frequencies of words lies below on purpose.
    """
    expected = sum(math.log(number) for number in ([classes] if isinstance(classes, int) else classes))
    with eval_mode(model):
        loss = float(model(**batch).loss)
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
    learner = copy.deepcopy(model).eval()  # without dropout
    optimizer = torch.optim.Adam([part for part in learner.parameters() if part.requires_grad], lr=rate)
    losses = []
    with torch.random.fork_rng([]):
        for _ in range(steps):
            loss = learner(**batch).loss
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
        learner(**batch).loss.backward()
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
            raise KeyError(f"the model has no parameter {name!r}")
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
    for number in classes:
        learner = copy.deepcopy(model).eval()
        with torch.random.fork_rng([]):
            loss = learner(**{**batch, name: batch[name].masked_fill(batch[name] != IGNORE, number)}).loss
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
        whole(**batch).loss.backward()
        backward(accumulated, pieces)
    pairs = [(a.grad, torch.zeros_like(a) if b.grad is None else b.grad) for a, b in
             zip(whole.parameters(), accumulated.parameters(), strict=True) if a.grad is not None]  # fmt: skip
    worst = max(float((a - b).abs().max()) for a, b in pairs) / max(float(a.abs().max()) for a, _ in pairs)
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


# ---- Data ------------------------------------------------------------------------------------------------------------


def check_masking(
    batches: Iterable[Batch],
    mask_id: int,
    special_ids: Sequence[int],
    vocab_size: int,
    share: float = 0.15,
    replaced: tuple[float, float] = (0.8, 0.1),
) -> dict[str, float]:
    """Masked batches must have the rates of the recipe, within four standard deviations.

    Of the tokens that are not among `special_ids`, `share` must have a label; of these, `replaced[0]` must be the mask,
    `replaced[1]` a word drawn from the whole vocabulary, and the others as they were. No special token may have a
    label, and no token without a label may be a mask. Returns the measured rates. Give it some 10,000 tokens. Found by
    it: the second 10% taken of all instead of what is left, and padding that is predicted.
    """
    counts = dict.fromkeys(("tokens", "labelled", "mask", "other", "kept"), 0)
    for batch in batches:
        ids, labels = batch["input_ids"], batch["labels"]
        given = labels != IGNORE
        before = torch.where(given, labels, ids)  # as the text was
        special = torch.isin(before, torch.tensor(special_ids))
        if bool((given & special).any()):
            raise CheckError("a special token or padding has a label: it would be learned")
        if bool(((ids == mask_id) & ~given).any()):
            raise CheckError("there is a mask without a label: the word under it is lost")
        if bool((before[given] >= vocab_size).any()):
            raise CheckError(f"a label is not in the vocabulary of {vocab_size:,}")
        masked, kept = ids[given] == mask_id, ids[given] == before[given]
        counts["tokens"] += int((~special).sum())
        for name, found in (("labelled", given), ("mask", masked), ("kept", kept), ("other", ~masked & ~kept)):
            counts[name] += int(found.sum())
    chance = replaced[1] / vocab_size  # a random word may be the right one
    expected = {
        "labelled": (share, "tokens"),
        "mask": (replaced[0], "labelled"),
        "other": (replaced[1] - chance, "labelled"),
        "kept": (1 - sum(replaced) + chance, "labelled"),
    }
    rates = {}
    for name, (rate, of) in expected.items():
        if not counts[of]:
            raise CheckError("no token has a label" if counts["tokens"] else "there are no tokens")
        rates[name] = counts[name] / counts[of]
        allowed = 4 * math.sqrt(rate * (1 - rate) / counts[of]) + 1 / counts[of]
        if abs(rates[name] - rate) > allowed:
            raise CheckError(f"{name}: {rates[name]:.4f} of {counts[of]:,} {of}, expected {rate:.4f} +- {allowed:.4f}")
    return rates


def check_word_labels(labels: Sequence[int], word_ids: Sequence[int | None], word_labels: Sequence[int]) -> int:
    """The first piece of each word must have the word's label, and everything else -100.

    `word_ids[i]` is the number of the word that token i is a piece of, None for [CLS], [SEP] and padding: as the fast
    tokenizers of transformers give them. Returns how many words have a label, which is fewer than there are where the
    row was cut. Found by it: labels shifted by [CLS], and labels that were copied to every piece.
    """
    if len(labels) != len(word_ids):
        raise CheckError(f"{len(labels)} labels for {len(word_ids)} tokens")
    seen: set[int] = set()
    for i, (label, word) in enumerate(zip(labels, word_ids, strict=True)):
        wanted = IGNORE if word is None or word in seen else word_labels[word]
        if label != wanted:
            piece = "a further" if word in seen else "the first"
            what = "a special token" if word is None else f"{piece} piece of word {word}"
            raise CheckError(f"token {i}, {what}, has the label {label}; it must be {wanted}")
        seen.update(() if word is None else (word,))
    return len(seen)


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
    worst = 0.0
    for name, tensor in alone.items():
        other = together[name][:1, :length] if tensor.shape[1:2] == (length,) else together[name][:1]
        worst = max(worst, float((tensor - other).abs().max()))
    if worst > tolerance:
        raise CheckError(f"collated with longer rows, the first row's outputs change by {worst:.2g}: does the collate "
                         "function return an attention_mask, with 0 at padding?")  # fmt: skip
    return worst


def check_ignored(compute_loss: Callable[[Tensor, Tensor, Tensor], Tensor], classes: int = 9) -> None:
    """`compute_loss(logits (N, C), labels (N,), weights (N,))` must be the mean over the labels of weight 1, however
    many of weight 0 there are. Found by it: a mean that is taken before the weights."""
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(8, classes, generator=generator), torch.arange(8) % classes
    weights = torch.tensor([1.0] * 5 + [0.0] * 3)
    expected = float(nn.functional.cross_entropy(logits[:5], labels[:5]))
    for count in (5, 6, 8):
        loss = compute_loss(logits[:count], labels[:count], weights[:count])
        if not abs(float(loss.mean()) - expected) < 1e-4:
            raise CheckError(f"with {count - 5} labels of weight 0 beside 5 of weight 1 the loss is "
                             f"{float(loss.mean()):.3f}; without them it is {expected:.3f}")  # fmt: skip


def check_reload(before: Callable[[str], list], after: Callable[[str], list], texts: Iterable[str]) -> int:
    """A tokenizer that was saved and loaded must cut every text as before. Returns how many texts were compared; give
    some with capitals, accents and Chinese. Found by it: settings that are not in the vocabulary's file."""
    count = 0
    for count, text in enumerate(texts, 1):  # noqa: B007
        for a, b in zip_longest(before(text), after(text)):
            if a != b:
                raise CheckError(f"{a!r} became {b!r} after loading, in {text!r:.60}: which setting is not saved?")
    return count


# ---- Parts -----------------------------------------------------------------------------------------------------------


def run(model: nn.Module, inputs: Batch) -> dict[str, Tensor]:
    """All outputs of a model in eval mode that are tensors with a row for each row of the input, by name."""
    with eval_mode(model):
        output = model(**inputs)
    fields = output if isinstance(output, Mapping) else getattr(output, "__dict__", {"output": output})
    rows = len(inputs["input_ids"])
    found = {name: value for name, value in fields.items() if isinstance(value, Tensor) and value.dim() and
             len(value) == rows}  # fmt: skip
    if not found:
        raise CheckError(f"the model gives no tensor of {rows} rows without labels: a {type(output).__name__}")
    return found


def drop_labels(batch: Batch) -> dict[str, Tensor]:
    """The batch without what only a loss needs."""
    return {name: tensor for name, tensor in batch.items() if name not in LABELS}


def widen(tensor: Tensor, more: int, value: int) -> Tensor:
    """(B, T) -> (B, T + more), filled with the value."""
    return nn.functional.pad(tensor, (0, more), value=value)


def shorten(names: Sequence[str], most: int = 4) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
