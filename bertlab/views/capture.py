"""views.capture: TODO."""

import inspect
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..model import Bert, attention_maps
from ..wordpiece import WordPiece


@dataclass(frozen=True, eq=False)
class CapturedAttention:
    """One set of maps (L, H, T, S): `maps[l, h, i, j]` is what token i of `left` takes from token j of `right`."""

    name: str
    maps: Tensor
    left: list[str]
    right: list[str]
    second: int | None = None  # where the second sentence begins
    queries: Tensor | None = None  # (L, H, T, K)
    keys: Tensor | None = None  # (L, H, S, K)

    def only(self, layers: list[int], heads: list[int]) -> "Attention":
        """These layers and heads."""
        return CapturedAttention(self.name, self.maps[layers][:, heads], self.left, self.right, self.second)


def capture_attention(
    model: nn.Module, tokenizer, text: str, pair: str | None = None, *, vectors: bool = False
) -> list[CapturedAttention]:
    """Run the model on the text once and keep its attention: one set of maps, or for an encoder-decoder three.

    The model is left as it was: training flags and attention implementation are put back. With `vectors` the queries
    and keys are there too. Raises ValueError as `head_view` does, TypeError for what is no text, tokenizer or model.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}; give a model of bertlab or of transformers, loaded")
    for name, value in (("text", text), ("pair", pair)):
        if not isinstance(value, str) and not (name == "pair" and value is None):
            raise TypeError(f"{name} is a {type(value).__name__}; it must be a string")
        if value is not None and not value.strip():
            raise ValueError(f"{name} is empty: there is nothing to look at" + ". Leave it out" * (name == "pair"))
    ours = [part for part in model.modules() if isinstance(part, Bert)]
    if len(ours) > 1:
        raise ValueError(f"{type(model).__name__} holds {len(ours)} encoders: give the one to look at")
    if not ours and not hasattr(model, "set_attn_implementation"):
        raise ValueError(
            f"{type(model).__name__} has no attention to look at: give a model of bertlab or of transformers"
        )
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        if vectors:
            raise ValueError("bertviz has no neuron view of an encoder-decoder: use head_view or model_view")
        return capture_encoder_decoder(model, tokenizer, text, pair)
    inputs, tokens, second = encode_inputs(tokenizer, text, pair)
    with at_rest(model), record_queries_and_keys(model if vectors else None) as (queries, keys):
        if ours:
            with attention_maps(ours[0]) as maps:
                ours[0](
                    *(inputs[name].to(find_device(model)) for name in ("input_ids", "token_type_ids") if name in inputs)
                )
        else:
            maps = getattr(run_with_attentions(model, inputs), "attentions", None)
    maps = stack_maps(model, maps)
    found = CapturedAttention("All", maps, tokens, tokens, second)
    return [add_queries_and_keys(found, queries, keys, type(model).__name__)] if vectors else [found]


def capture_encoder_decoder(model: nn.Module, tokenizer, text: str, target: str | None) -> list[CapturedAttention]:
    """The three kinds of attention of an encoder-decoder that reads `text` and has written `target`.

    As in training, the decoder reads the target one place later, after the token that starts it.
    """
    if target is None:
        raise ValueError("this model has a decoder, which must read something too: give its text as `pair`")
    inputs, source, _ = encode_inputs(tokenizer, text, None)
    if isinstance(tokenizer, WordPiece):
        labels, starts, name_of = tokenizer.encode(target).input_ids, [tokenizer.cls_id], tokenizer.vocab.__getitem__
    else:
        labels, name_of = tokenizer(text_target=target)["input_ids"], tokenizer.convert_ids_to_tokens
        starts = [tokenizer.bos_token_id, tokenizer.cls_token_id]
    configs = [model.config, getattr(model, "generation_config", None), getattr(model.config, "decoder", None)]
    starts = [getattr(config, "decoder_start_token_id", None) for config in configs] + starts
    start = next((number for number in starts if number is not None), None)
    if start is None:
        raise ValueError("neither model nor tokenizer says what the decoder starts with: set decoder_start_token_id")
    if labels[:1] == [start]:  # [CLS] starts the text already
        labels = labels[1:]
    ids = [start, *labels[:-1]]
    written = [clean_token(name_of(number)) for number in ids]
    with at_rest(model):
        output = run_with_attentions(model, inputs | {"decoder_input_ids": torch.tensor([ids])})
    return [
        CapturedAttention("Encoder", stack_maps(model, output.encoder_attentions), source, source),
        CapturedAttention("Decoder", stack_maps(model, output.decoder_attentions), written, written),
        CapturedAttention("Cross", stack_maps(model, output.cross_attentions), written, source),
    ]


def encode_inputs(tokenizer, text: str, pair: str | None) -> tuple[dict[str, Tensor], list[str], int | None]:
    """The text as the model's inputs (1, T), as T tokens to show, and where the second sentence begins.

    Raises TypeError for what is no tokenizer, ValueError for a text in which it finds nothing.
    """
    if isinstance(tokenizer, WordPiece):
        encoding = tokenizer.encode(text, pair)
        tokens, sides = encoding.tokens, encoding.token_type_ids
        inputs = {"input_ids": encoding.input_ids, "token_type_ids": sides, "attention_mask": [1] * len(tokens)}
    elif callable(tokenizer) and hasattr(tokenizer, "convert_ids_to_tokens"):
        encoding = tokenizer(text, pair)
        inputs = dict(encoding)
        tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"])
        sides = encoding.sequence_ids() if encoding.encodings else inputs.get("token_type_ids", [])
    else:
        raise TypeError(f"tokenizer is a {type(tokenizer).__name__}; give a WordPiece, or a tokenizer of transformers")
    if not tokens:
        raise ValueError("the tokenizer finds nothing in this text")
    second = sides.index(1) if pair is not None and 1 in sides else None
    return {name: torch.tensor([ids]) for name, ids in inputs.items()}, [clean_token(token) for token in tokens], second


def clean_token(token: str) -> str:
    """The token without the marks that byte pair encodings and SentencePiece put for a space, as bertviz shows it."""
    return token.replace("Ġ", " ").replace("▁", " ").replace("</w>", "")


def run_with_attentions(model: nn.Module, inputs: dict[str, Tensor]):
    """The output of a transformers model with all its attentions, by the implementation that computes them.

    Raises ValueError for more tokens than the model has positions, and for ids that it does not know.
    """
    known = inspect.signature(model.forward).parameters
    takes_more = any(parameter.kind == parameter.VAR_KEYWORD for parameter in known.values())
    if "input_ids" not in known or not ("output_attentions" in known or takes_more):
        raise ValueError(f"{type(model).__name__} is no model of text with attention: bertviz can only draw such a one")
    inputs = {name: ids.to(find_device(model)) for name, ids in inputs.items() if name in known}
    for name, half in (("input_ids", "encoder"), ("decoder_input_ids", "decoder")):
        config = getattr(model.config, half, None) or model.config
        count, most = len(inputs.get(name, [[]])[0]), getattr(config, "max_position_embeddings", None)
        if most and count > most:
            raise ValueError(
                f"{count} tokens, but the model has {most} positions: cut the text, or look at it in windows"
            )
    with use_eager_attention(model):
        try:
            return model(**inputs, output_attentions=True, return_dict=True)
        except IndexError as error:  # an embedding was asked for a row that it does not have
            raise ValueError(
                f"{type(model).__name__} has no embedding for a token, a segment or a position of this text: is it the "
                f"model's own tokenizer, and are {inputs['input_ids'].size(1)} tokens not too many? ({error})"
            ) from error


def find_device(model: nn.Module) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device


@contextmanager
def at_rest(model: nn.Module) -> Iterator[None]:
    """No dropout and no gradients; every part gets its training flag back."""
    flags = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, flag in flags:
            part.training = flag


@contextmanager
def use_eager_attention(model: nn.Module) -> Iterator[None]:
    """transformers' readable attention, the only one that returns maps; afterwards what was set before."""
    parts = [part for part in model.modules() if hasattr(part, "set_attn_implementation")]
    configs = list({id(part.config): part.config for part in parts}.values())  # the outermost first
    before = [config._attn_implementation for config in configs]
    try:
        model.set_attn_implementation("eager")
        yield
    finally:
        for config, name in zip(configs, before, strict=True):
            config._attn_implementation = name


def stack_maps(model: nn.Module, maps: Sequence[Tensor] | None) -> Tensor:
    """L maps (1, H, T, S) of one text as (L, H, T, S), on the CPU, in at least float32."""
    if not maps or any(layer is None or layer.dim() != 4 for layer in maps):
        raise ValueError(f"{type(model).__name__} gave no attention maps: bertviz can only draw a model that does")
    found = torch.stack([layer[0].detach().cpu() for layer in maps])
    return found if found.dtype == torch.float64 else found.float()


@contextmanager
def record_queries_and_keys(model: nn.Module | None) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Two lists that each forward fills with what the query and key layers gave, (1, T, H * K) a layer, in order.

    The layers are those named so in BERT and its kin; GPT-2 has one for query, key and value together. None: no model.
    """
    queries, keys, hooks = [], [], []

    def keep(into: list[Tensor]):
        return lambda part, inputs, output: into.append(output)

    def keep_both(part, inputs, output):
        query, key, _ = output.chunk(3, dim=-1)
        queries.append(query)
        keys.append(key)

    for part in model.modules() if model is not None else ():
        for query, key in (("query", "key"), ("q_lin", "k_lin")):
            if isinstance(getattr(part, query, None), nn.Linear) and isinstance(getattr(part, key, None), nn.Linear):
                hooks.append(getattr(part, query).register_forward_hook(keep(queries)))
                hooks.append(getattr(part, key).register_forward_hook(keep(keys)))
        if isinstance(getattr(part, "c_attn", None), nn.Module):
            hooks.append(part.c_attn.register_forward_hook(keep_both))
    try:
        yield queries, keys
    finally:
        for hook in hooks:
            hook.remove()


def add_queries_and_keys(
    found: CapturedAttention, queries: list[Tensor], keys: list[Tensor], name: str
) -> CapturedAttention:
    """The attention with its queries and keys. Raises ValueError if it is not the softmax of their products."""
    L, H, T, _ = found.maps.shape
    if not len(queries) == len(keys) == L or any(x.shape[:2] != (1, T) or x.size(2) % H for x in queries + keys):
        raise ValueError(f"{name} has no query and key layers that the neuron view knows: use head_view or model_view")
    split = [torch.stack([x[0].unflatten(-1, (H, -1)).transpose(0, 1) for x in many]) for many in (queries, keys)]
    queries, keys = (x.detach().cpu().to(found.maps.dtype) for x in split)  # each (L, H, T, K)
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.size(-1))  # (L, H, T, T)
    again = scores.masked_fill(found.maps == 0, -math.inf).softmax(-1)  # a weight of exactly 0: it may not look there
    error, allowed = (again - found.maps).abs().max().item(), math.sqrt(torch.finfo(split[0].dtype).eps)
    if not error <= allowed:
        raise ValueError(
            f"the attention of {name} is not the softmax of q k / sqrt({queries.size(-1)}), from which it differs by "
            f"{error:.2g}. The neuron view shows nothing else: use head_view or model_view"
        )
    return CapturedAttention(found.name, found.maps, found.left, found.right, found.second, queries, keys)
