"""BERT's encoder, in the order in which a sentence passes through it: embeddings, attention, feed-forward, layer.

Dimension letters: B batch, T tokens, Q requested tokens, D hidden size, H heads of size d_k, D = H * d_k, L layers.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .arguments import check_kind, check_number, check_text, describe_value
from .dropout import Dropout, drop
from .memory import check_model_memory
from .precision import cast_once, is_formula_faster, round_up
from .suggestions import suggest_name

# The functions of the feed-forward layers and of the masked-word head, under Hugging Face's names: exact GELU (erf), as
# in BERT, GELU by tanh, and the two others that BERTs were trained with.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_python": F.gelu,
    "gelu_new": partial(F.gelu, approximate="tanh"),
    "gelu_pytorch_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
    "swish": F.silu,
}


@dataclass(frozen=True)
class BertConfig:
    """The size of a BERT. The names are those of Hugging Face's `config.json`; the defaults are bert-base's.

    Raises ValueError for a size that is not positive, a number that is out of its range, an unknown activation, or a
    hidden size that the number of heads does not divide.
    """

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    pad_token_id: int = 0
    hidden_act: str = "gelu"

    def __post_init__(self):
        for name in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                     "max_position_embeddings", "type_vocab_size"):  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            check_number(getattr(self, name), name, least=0, below=1)
        check_number(self.layer_norm_eps, "layer_norm_eps", above=0, most=1)
        check_number(self.initializer_range, "initializer_range", least=0, most=100)
        if not isinstance(self.hidden_act, str) or self.hidden_act not in ACTIVATIONS:
            raise ValueError(f"hidden_act is {self.hidden_act!r}; bertlab's BERT has only {', '.join(ACTIVATIONS)}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not divisible by num_attention_heads {self.num_attention_heads}: "
                f"every head has the same size"
            )
        if not isinstance(self.pad_token_id, int) or not 0 <= self.pad_token_id < self.vocab_size:
            raise ValueError(f"pad_token_id {self.pad_token_id} is not in a vocabulary of {self.vocab_size}")

    @classmethod
    def preset(cls, name: str, **changes) -> "BertConfig":
        """One of Google's compact sizes (Turc et al. 2019, table 1), with `changes` to any field.

        `BertConfig.preset("mini", vocab_size=8000)`. Raises ValueError for an unknown name.
        """
        check_text(name, "name")
        if name not in PRESETS:
            raise ValueError(f"no preset {name!r}; there are {', '.join(PRESETS)}{suggest_name(name, PRESETS)}")
        layers, width = PRESETS[name]
        size = cls(num_hidden_layers=layers, hidden_size=width, num_attention_heads=width // 64,
                   intermediate_size=4 * width)  # fmt: skip
        return replace(size, **changes)


PRESETS = {"tiny": (2, 128), "mini": (4, 256), "small": (4, 512), "medium": (8, 512), "base": (12, 768)}  # (L, D)


class Embeddings(nn.Module):
    """Word + position + segment, then LayerNorm (Devlin et al. 2018, figure 2)."""

    def __init__(self, config: BertConfig):
        super().__init__()
        # padding_idx: the embedding of [PAD] gets no gradient as an input, as in Hugging Face's BERT.
        self.words = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.segments = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        T = input_ids.size(1)
        x = self.words(input_ids) + self.positions.weight[:T]  # (B, T, D): BERT learns one vector per position
        # Without segment ids every token is in segment 0.
        x = x + (self.segments.weight[0] if token_type_ids is None else self.segments(token_type_ids))
        return self.dropout(self.norm(x))


class Attention(nn.Module):
    """Multi-head attention, softmax(Q K^T / sqrt(d_k)) V in each head (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, config: BertConfig):
        super().__init__()
        D = config.hidden_size
        self.heads = config.num_attention_heads
        self.query, self.key, self.value, self.output = (nn.Linear(D, D) for _ in range(4))
        self.dropout = config.attention_probs_dropout_prob
        self.maps: list[Tensor] | None = None  # a list while `attention_maps` is open

    def split_heads(self, x: Tensor) -> Tensor:
        """Split the hidden size into heads."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, T, D) -> (B, H, T, d_k)

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        """Attend from each token to all tokens: (B, T, D) -> (B, T, D), or (B, Q, D) for the positions `at` (B, Q).

        `mask` (B, 1, 1 or T, T) is True where a query (third axis) may attend to a key (last axis).
        """
        x = cast_once(x)
        q = self.split_heads(self.query(gather_tokens(x, at)))  # (B, H, Q, d_k)
        k, v = self.split_heads(self.key(x)), self.split_heads(self.value(x))  # (B, H, T, d_k)
        dropout = self.dropout if self.training else 0.0
        if self.maps is None and not is_formula_faster(q, dropout):
            values = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        else:
            scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (B, H, Q, T)
            if mask is not None:
                scores = scores.masked_fill(~mask, -math.inf)
            weights = scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32))
            if self.maps is not None:
                self.maps.append(weights)
            values = drop(weights, dropout).to(v.dtype) @ v
        return self.output(values.transpose(1, 2).flatten(-2))  # (B, H, Q, d_k) -> (B, Q, D)


class FeedForward(nn.Module):
    """Four times wider, GELU, and back, for each token separately. GELU is exact (erf), as first in Google's code,
    unless the config names another function."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.expand = nn.Linear(config.hidden_size, config.intermediate_size)
        self.contract = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(self.activation(self.expand(x)))


class Layer(nn.Module):
    """Attention, then feed-forward; each is added to its input and then normalised (BERT is "post-norm")."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        x = self.attention_norm(gather_tokens(x, at) + self.dropout(self.attention(x, mask, at)))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))


class Bert(nn.Module):
    """The encoder: token ids in, one vector per token out. The pooler is in `heads.py`, with the heads that use it."""

    def __init__(self, config: BertConfig):
        super().__init__()
        check_kind(config, BertConfig, "config")
        if torch.get_default_device().type == "cpu":
            check_model_memory(config)
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.apply(self.init_weights)

    def init_weights(self, part: nn.Module) -> None:
        """Start a part of the encoder or of a head with normal weights of deviation 0.02 and zero biases (Google's
        `modeling.py`)."""
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=self.config.initializer_range)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
        if isinstance(part, nn.Embedding) and part.padding_idx is not None:
            nn.init.zeros_(part.weight[part.padding_idx])

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        at: Tensor | None = None,
    ) -> Tensor:
        """Compute the hidden states of the last layer: (B, T) -> (B, T, D), or (B, Q, D) for the positions `at` (B, Q).

        `attention_mask` is 1 for tokens that may be attended to and 0 for padding, (B, T), or one such row for every
        query, (B, T, T). Leave it out when nothing is padded: attention is faster without a mask. `at` changes no
        value: the last layer then computes only the requested positions, from all tokens. Raises ValueError for input
        that the model cannot read.
        """
        self.check_inputs(input_ids, token_type_ids, attention_mask)
        if at is not None:
            check_positions(at, input_ids)
        tokens = input_ids.size(1)
        input_ids, token_type_ids, attention_mask = self.pad_length(input_ids, token_type_ids, attention_mask)
        mask = None if attention_mask is None else attention_mask.bool()
        if mask is not None:
            mask = mask[:, None, None] if mask.dim() == 2 else mask[:, None]  # (B, 1, 1 or T, T)
        x = self.embeddings(input_ids, token_type_ids)
        for layer in self.layers[:-1]:
            x = layer(x, mask)
        if at is None or self.layers[-1].attention.maps is not None:  # `attention_maps` is open: it gets the whole map
            x = self.layers[-1](x, mask)
            return x[:, :tokens] if at is None else gather_tokens(x, at)
        if mask is not None and mask.size(2) > 1:
            mask = gather_tokens(mask[:, 0], at)[:, None]  # (B, 1, Q, T)
        return self.layers[-1](x, mask, at)

    def pad_length(self, input_ids: Tensor, token_type_ids: Tensor | None, attention_mask: Tensor | None) -> tuple:
        """The inputs with more padding where a length of fewer kinds is faster: see `round_up`."""
        T = input_ids.size(1)
        more = min(round_up(T, 8, input_ids), self.config.max_position_embeddings) - T
        each = attention_mask is not None and attention_mask.dim() == 3  # a row for each query
        if more <= 0 or each or self.layers[-1].attention.maps is not None:  # maps are of the given tokens
            return input_ids, token_type_ids, attention_mask
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        types = None if token_type_ids is None else F.pad(token_type_ids, (0, more))
        return F.pad(input_ids, (0, more), value=self.config.pad_token_id), types, F.pad(mask, (0, more))

    def check_inputs(self, input_ids: Tensor, token_type_ids: Tensor | None, attention_mask: Tensor | None) -> None:
        """Raise ValueError or TypeError for input that the model cannot read. Values are checked only on a CPU, where
        that takes no time, and those of a mask of floats, which may be one that is to be added to the scores."""
        positions, vocabulary = self.config.max_position_embeddings, self.config.vocab_size
        here = self.embeddings.positions.weight.device
        for name, tensor in (("input_ids", input_ids), ("token_type_ids", token_type_ids),
                             ("attention_mask", attention_mask)):  # fmt: skip
            if not isinstance(tensor, Tensor) and (tensor is not None or name == "input_ids"):
                raise TypeError(f"{name} is {describe_value(tensor)}; it must be a tensor (batch, tokens)")
            if tensor is not None and tensor.device != here:
                raise ValueError(f"{name} is on {tensor.device}, the model on {here}: move it with .to({str(here)!r})")
        if input_ids.dim() != 2:
            raise ValueError(f"input_ids has shape {tuple(input_ids.shape)}; it must be (batch, tokens)")
        B, T = input_ids.shape
        if B == 0 or T == 0:
            raise ValueError(f"input_ids has shape {(B, T)}: there is nothing to read, not even [CLS]")
        if positions < T:
            raise ValueError(
                f"{T} tokens, but the model has {positions} positions: cut the text, or read it in windows"
            )
        for name, ids in (("input_ids", input_ids), ("token_type_ids", token_type_ids)):
            if ids is not None and ids.dtype not in (torch.int64, torch.int32):
                raise ValueError(f"{name} are {ids.dtype}; they must be whole numbers (torch.int64)")
        if token_type_ids is not None and token_type_ids.shape != (B, T):
            raise ValueError(f"token_type_ids has shape {tuple(token_type_ids.shape)}, input_ids {(B, T)}")
        if attention_mask is not None and attention_mask.shape not in ((B, T), (B, T, T)):
            raise ValueError(
                f"attention_mask has shape {tuple(attention_mask.shape)}; for input_ids {(B, T)} it must be {(B, T)} "
                f"or {(B, T, T)}"
            )
        if attention_mask is not None and attention_mask.dtype != torch.bool and not torch.compiler.is_compiling():
            is_cheap = attention_mask.is_floating_point() or can_check_values(attention_mask)
            if is_cheap and not ((attention_mask == 0) | (attention_mask == 1)).all():
                raise ValueError(
                    "attention_mask holds other numbers than 1, where a token may be attended to, and 0 for padding. A "
                    "mask that is added to the scores (0 and -1e9) is another one: give mask == 0"
                )
        if not can_check_values(input_ids):
            return
        for name, ids, size in (("input_ids", input_ids, vocabulary),
                                ("token_type_ids", token_type_ids, self.config.type_vocab_size)):  # fmt: skip
            if ids is not None and not (ids.min() >= 0 and ids.max() < size):
                raise ValueError(f"{name} run from {ids.min()} to {ids.max()}; the model has 0 to {size - 1}")
        if attention_mask is not None and not attention_mask.bool().any(-1).all():
            raise ValueError("attention_mask has a row of zeros: each query must be able to attend to some token")


def check_embeddings(model: nn.Module, tokenizer) -> None:
    """Raise ValueError if the vocabulary has more words than the model: then it is another model's."""
    words, rows = len(tokenizer), model.config.vocab_size
    if words > rows:
        raise ValueError(f"the vocabulary has {words:,} words, the model {rows:,}: one of them is another model's")


def check_positions(at: Tensor, input_ids: Tensor) -> None:
    """Raise ValueError or TypeError for positions `at` (B, Q) that the rows of `input_ids` (B, T) do not have."""
    check_kind(at, Tensor, "at")
    B, T = input_ids.shape
    if at.dim() != 2 or len(at) != B or at.dtype != torch.int64 or at.device != input_ids.device:
        raise ValueError(
            f"at is {at.dtype} of shape {tuple(at.shape)} on {at.device}; it must be torch.int64 (B, Q) with B = {B}, "
            f"on {input_ids.device}"
        )
    if can_check_values(at) and at.numel() and not (at.min() >= 0 and at.max() < T):
        raise ValueError(f"at runs from {at.min()} to {at.max()}; there are {T} positions, from 0")


def can_check_values(tensor: Tensor) -> bool:
    """Whether values can be read at no cost: a GPU would have to finish its work first, and torch.compile cannot."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def check_finite(numbers: Tensor) -> Tensor:
    """What a model computed. Raises ValueError for nan or infinity: then the weights are ruined."""
    if not numbers.isfinite().all():
        raise ValueError(
            "the model gives nan or infinity: its weights are not numbers, or far too large. The training that made "
            "them failed: train again with a lower learning rate, or take another model"
        )
    return numbers


def gather_tokens(x: Tensor, at: Tensor | None) -> Tensor:
    """Select the positions `at` (B, Q) from each row of x (B, T, D) -> (B, Q, D); all of them when `at` is None."""
    return x if at is None else x.gather(1, at[:, :, None].expand(-1, -1, x.size(-1)))


@contextmanager
def attention_maps(model: nn.Module) -> Iterator[list[Tensor]]:
    """Inside `with attention_maps(model) as maps:` each forward pass fills `maps` with L tensors (B, H, T, T).

    `maps[l][b, h, i, j]` is the attention of token i of row b to token j in head h of layer l, before dropout; each row
    sums to 1. Meanwhile `Attention.forward` always uses the readable formula. Raises ValueError for a model without
    bertlab's attention.
    """
    check_kind(model, nn.Module, "model")
    attentions = [part for part in model.modules() if isinstance(part, Attention)]
    if not attentions:
        raise ValueError(
            f"{type(model).__name__} has no bertlab attention. A transformers model returns its own maps: load it with "
            'attn_implementation="eager" and call it with output_attentions=True'
        )
    maps: list[Tensor] = []
    previous_maps = [part.maps for part in attentions]
    hooks = [
        part.register_forward_pre_hook(lambda *_: maps.clear()) for part in model.modules() if isinstance(part, Bert)
    ]
    for part in attentions:
        part.maps = maps
    try:
        yield maps
    finally:
        for part, previous in zip(attentions, previous_maps, strict=True):
            part.maps = previous
        for hook in hooks:
            hook.remove()


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Inside `with eval_mode(model):` there is no dropout and no gradient. Afterwards, even after an error, every part
    of the model has its own training flag back."""
    check_kind(model, nn.Module, "model")
    flags = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in flags:
            part.training = training


def set_dropout(model: nn.Module, dropout: float) -> None:
    """The same dropout everywhere in a model, attention's included."""
    model.config = replace(model.config, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = dropout
        elif hasattr(part, "dropout") and isinstance(part.dropout, float):  # attention's
            part.dropout = dropout


def make_sinusoid_table(length: int, width: int) -> Tensor:
    """The position table of Vaswani et al. 2017, section 3.5: sin in even columns, cos in odd ones, (length, width).

    BERT learns its table. If it starts from this one, as in `pretrain`, it learns sooner to attend to neighbours.
    """
    length, width = (check_number(n, name, least=1, whole=True) for n, name in ((length, "length"), (width, "width")))
    position = torch.arange(length, dtype=torch.float64)[:, None]
    column = torch.arange(width, dtype=torch.float64)
    angle = position / 10_000 ** (2 * (column // 2) / width)  # (length, width)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).float()
