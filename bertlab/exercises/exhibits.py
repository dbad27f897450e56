"""The exhibits of notebook 18: each function twice, with a published bug and without. The notebook shows the first."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..batches import IGNORE
from ..wordpiece import WordPiece
from .museum import SPECIAL, pad

CLS, SEP = SPECIAL[2:4]

# ---- With the bug ----------------------------------------------------------------------------------------------------


def ignore_class_0(logits: Tensor, labels: Tensor) -> Tensor:
    """codertimo/BERT-pytorch#32: the loss of NSP shares `ignore_index=0` with that of MLM."""
    return F.nll_loss(logits.log_softmax(-1), labels, ignore_index=0)


def keep_all_pieces(tags: Sequence[str], word_ids: Sequence[int | None]) -> list[str]:
    """transformers#14043: F1 of names from the tags of all pieces."""
    return [tag for tag, word in zip(tags, word_ids, strict=True) if word is not None]


def read_vocabulary_only(folder: str | Path) -> WordPiece:
    """transformers#1015 and #8001: the vocabulary is read, and whether the text is lower-cased is not."""
    return WordPiece((Path(folder) / "vocab.txt").read_text(encoding="utf-8").splitlines())


def drop_the_mask(rows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """transformers#12998: padding without an attention mask."""
    return {"input_ids": pad(rows)}


def choose_padding_too(ids: Tensor, generator: torch.Generator) -> Tensor:
    """transformers#11155: only [CLS] and [SEP] are left out of the masking."""
    ordinary = (ids != CLS) & (ids != SEP)
    return (torch.rand(ids.shape, generator=generator) < 0.25) & ordinary


def weigh_the_mean(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """d2l-en#2582: the mean is taken first, and then multiplied by the weights."""
    losses = F.cross_entropy(logits, labels) * weights
    return losses.sum() / weights.sum()


def average_means(model: nn.Module, batches: Sequence[dict]) -> None:
    """transformers#24725: each part counts the same, however many labels it has."""
    for batch in batches:
        (model(**batch).loss / len(batches)).backward()


def load_model_only(state: dict, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """pytorch-lightning#2613: the optimizer starts anew."""
    model.load_state_dict(state["model"])


def decay_everything(model: nn.Module, decay: float) -> list[dict]:
    """transformers#33: a full name is never in a list of endings."""
    no_decay = ["bias", "norm.weight"]
    named = list(model.named_parameters())
    return [
        {"params": [part for name, part in named if name not in no_decay], "weight_decay": decay},
        {"params": [part for name, part in named if name in no_decay], "weight_decay": 0.0},
    ]


def draw_norms_too(part: nn.Module) -> None:
    """transformers#143: the weights of LayerNorm are drawn around 0."""
    if isinstance(part, nn.Linear | nn.Embedding | nn.LayerNorm):
        nn.init.normal_(part.weight, std=0.02)
    if isinstance(part, nn.LayerNorm):
        nn.init.normal_(part.bias, std=0.02)
    elif isinstance(part, nn.Linear):
        nn.init.zeros_(part.bias)


def step_uncorrected(gradient: Tensor, m: Tensor, v: Tensor, t: int) -> tuple[Tensor, Tensor, Tensor]:
    """bert#153: the moments are used as they are."""
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    return m / (v.sqrt() + 1e-6), m, v


# ---- Without it ------------------------------------------------------------------------------------------------------


def pair_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of both classes."""
    return F.nll_loss(logits.log_softmax(-1), labels)


def join_pieces(tags: Sequence[str], word_ids: Sequence[int | None]) -> list[str]:
    """The tag of the first piece of each word."""
    word_ids = list(word_ids)
    return [tags[word_ids.index(word)] for word in dict.fromkeys(word_ids) if word is not None]


def load_tokenizer(folder: str | Path) -> WordPiece:
    """The vocabulary and the settings beside it."""
    return WordPiece.load(folder)


def collate(rows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """Padded rows and their mask."""
    return {"input_ids": pad(rows), "attention_mask": pad([[1] * len(row) for row in rows])}


def choose_tokens(ids: Tensor, generator: torch.Generator) -> Tensor:
    """A quarter of the tokens that are not special."""
    return (torch.rand(ids.shape, generator=generator) < 0.25) & ~torch.isin(ids, torch.tensor(SPECIAL))


def mlm_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The mean loss over the labels of weight 1."""
    losses = F.cross_entropy(logits, labels, reduction="none") * weights
    return losses.sum() / weights.sum()


def backward_in_parts(model: nn.Module, batches: Sequence[dict]) -> None:
    """Each label counts the same, in whatever part it is."""
    counts = [(batch["labels"] != IGNORE).sum() for batch in batches]
    for batch, count in zip(batches, counts, strict=True):
        (model(**batch).loss * count / sum(counts)).backward()


def load_run(state: dict, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """The weights and the optimizer's moments."""
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])


def group_parameters(model: nn.Module, decay: float) -> list[dict]:
    """Matrices are decayed, vectors are not."""
    parts = list(model.parameters())
    return [
        {"params": [part for part in parts if part.dim() > 1], "weight_decay": decay},
        {"params": [part for part in parts if part.dim() <= 1], "weight_decay": 0.0},
    ]


def init_weights(part: nn.Module) -> None:
    """Matrices are drawn, biases start at 0, and LayerNorm scales by 1."""
    if isinstance(part, nn.Linear | nn.Embedding):
        nn.init.normal_(part.weight, std=0.02)
    if isinstance(part, nn.LayerNorm):
        nn.init.ones_(part.weight)
    if isinstance(part, nn.Linear | nn.LayerNorm):
        nn.init.zeros_(part.bias)


def adam_step(gradient: Tensor, m: Tensor, v: Tensor, t: int) -> tuple[Tensor, Tensor, Tensor]:
    """The moments are divided by the weight that they have gathered."""
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    return m / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-6), m, v


class Adam(torch.optim.Optimizer):
    """Adam with a function of choice for its step: (gradient, m, v, t) -> (change for a rate of 1, m, v). Groups may
    have a `weight_decay`, which is decoupled, as in AdamW."""

    def __init__(self, parts: Sequence[nn.Parameter], rate: float, take_step=adam_step):
        super().__init__(parts, {"lr": rate})
        self.take_step = take_step

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Take one step; parameters without a gradient stay."""
        for group in self.param_groups:
            for part in group["params"]:
                if part.grad is None:
                    continue
                state = self.state[part] or {"m": torch.zeros_like(part), "v": torch.zeros_like(part), "t": 0}
                state["t"] += 1
                change, state["m"], state["v"] = self.take_step(part.grad, state["m"], state["v"], state["t"])
                self.state[part] = state
                part -= group["lr"] * (change + group.get("weight_decay", 0) * part)


FAULTY = SimpleNamespace(
    pair_loss=ignore_class_0, join_pieces=keep_all_pieces, load_tokenizer=read_vocabulary_only, collate=drop_the_mask,
    choose_tokens=choose_padding_too, mlm_loss=weigh_the_mean, backward_in_parts=average_means,
    load_run=load_model_only, group_parameters=decay_everything, init_weights=draw_norms_too,
    adam_step=step_uncorrected,
)  # fmt: skip
READY = {f.__name__: f for f in (pair_loss, join_pieces, load_tokenizer, collate, choose_tokens, mlm_loss,
                                 backward_in_parts, load_run, group_parameters, init_weights, adam_step)}  # fmt: skip
RIGHT = SimpleNamespace(**READY)
