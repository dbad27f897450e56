"""Run any BERT-like model on a text once and keep its attention: our models, and those of transformers."""

import inspect
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..model import Bert, attention_maps, eval_mode
from ..wordpiece import WordPiece


@dataclass(frozen=True, eq=False)
class CapturedAttention:
    """One set of maps (L, H, T, S): `maps[l, h, i, j]` is how much token i of `left` attends to token j of `right`."""

    name: str
    maps: Tensor
    left: list[str]
    right: list[str]
    second_start: int | None = None  # position at which the second sentence begins
    queries: Tensor | None = None  # (L, H, T, d_k)
    keys: Tensor | None = None  # (L, H, S, d_k)


def capture_attention(
    model: nn.Module, tokenizer, text: str, pair: str | None = None, *, vectors: bool = False
) -> list[CapturedAttention]:
    """The model's attention on the text: one set of maps, or three for an encoder-decoder.

    The training flags and the attention implementation of the model are restored afterwards. `vectors` adds the
    queries and keys. Raises ValueError as `head_view` does, and TypeError for a wrong type of model, tokenizer or text.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}; give a loaded model of bertlab or of transformers")
    for name, value in [("text", text), *([("pair", pair)] if pair is not None else [])]:
        if not isinstance(value, str):
            raise TypeError(f"{name} is a {type(value).__name__}; it must be a string")
        if not value.strip():
            raise ValueError(f"{name} is empty: there is nothing to show" + ". Leave it out" * (name == "pair"))
    encoder = find_our_encoder(model)
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        if vectors:
            raise ValueError("bertviz has no neuron view of an encoder-decoder: use head_view or model_view")
        return capture_encoder_decoder(model, tokenizer, text, pair)
    inputs, tokens, second_start = encode_inputs(tokenizer, text, pair)
    recording = record_queries_and_keys(model) if vectors else nullcontext((None, None))
    with eval_mode(model), recording as (queries, keys):
        if encoder is not None:
            device = next(model.parameters()).device
            with attention_maps(encoder) as maps:
                encoder(*(inputs[name].to(device) for name in ("input_ids", "token_type_ids") if name in inputs))
        else:
            maps = getattr(run_with_attentions(model, inputs), "attentions", None)
    captured = CapturedAttention("All", stack_maps(model, maps), tokens, tokens, second_start)
    return [add_queries_and_keys(captured, queries, keys, type(model).__name__) if vectors else captured]


def capture_encoder_decoder(model: nn.Module, tokenizer, text: str, target: str | None) -> list[CapturedAttention]:
    """The three kinds of attention of an encoder-decoder that reads `text` and has written `target`.

    As in training, the decoder reads the target shifted by one position, after its start token.
    """
    if target is None:
        raise ValueError("this model has a decoder, which must read something too: give its text as `pair`")
    inputs, source, _ = encode_inputs(tokenizer, text, None)
    if isinstance(tokenizer, WordPiece):
        labels, get_token = tokenizer.encode(target).input_ids, tokenizer.vocab.__getitem__
    else:
        labels, get_token = tokenizer(text_target=target)["input_ids"], tokenizer.convert_ids_to_tokens
    start = find_decoder_start(model, tokenizer)
    if labels[:1] == [start]:  # the tokenizer has written [CLS] already
        labels = labels[1:]
    ids = [start, *labels[:-1]]
    written = [clean_token(get_token(number)) for number in ids]
    with eval_mode(model):
        output = run_with_attentions(model, inputs | {"decoder_input_ids": torch.tensor([ids])})
    return [
        CapturedAttention("Encoder", stack_maps(model, output.encoder_attentions), source, source),
        CapturedAttention("Decoder", stack_maps(model, output.decoder_attentions), written, written),
        CapturedAttention("Cross", stack_maps(model, output.cross_attentions), written, source),
    ]


def find_our_encoder(model: nn.Module) -> Bert | None:
    """The bertlab encoder inside `model`, or None for a model of transformers.

    Raises ValueError for a model that holds several encoders, or that has no attention to show.
    """
    encoders = [part for part in model.modules() if isinstance(part, Bert)]
    if len(encoders) > 1:
        raise ValueError(f"{type(model).__name__} holds {len(encoders)} encoders: give the one to show")
    if not encoders and not hasattr(model, "set_attn_implementation"):
        raise ValueError(f"{type(model).__name__} has no attention to show: give a model of bertlab or of transformers")
    return encoders[0] if encoders else None


def find_decoder_start(model: nn.Module, tokenizer) -> int:
    """The id of the token that starts the decoder. Raises ValueError if neither model nor tokenizer names one."""
    configs = [model.config, getattr(model, "generation_config", None), getattr(model.config, "decoder", None)]
    candidates = [getattr(config, "decoder_start_token_id", None) for config in configs]
    candidates += [getattr(tokenizer, name, None) for name in ("cls_id", "bos_token_id", "cls_token_id")]
    for number in candidates:
        if number is not None:
            return number
    raise ValueError("neither model nor tokenizer names the decoder's first token: set config.decoder_start_token_id")


def encode_inputs(tokenizer, text: str, pair: str | None) -> tuple[dict[str, Tensor], list[str], int | None]:
    """The text as the model's inputs (1, T), as T tokens to show, and where the second sentence begins.

    Raises TypeError for what is no tokenizer, ValueError for a text without any token.
    """
    check_tokenizer_kind(tokenizer)
    if isinstance(tokenizer, WordPiece):
        encoding = tokenizer.encode(text, pair)
        tokens, segments = encoding.tokens, encoding.token_type_ids
        inputs = {"input_ids": encoding.input_ids, "token_type_ids": segments, "attention_mask": [1] * len(tokens)}
    else:
        encoding = tokenizer(text, pair)
        inputs = dict(encoding)
        tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"])
        segments = encoding.sequence_ids() if encoding.encodings else inputs.get("token_type_ids", [])
    if not tokens:
        raise ValueError("the tokenizer finds no token in this text")
    second_start = segments.index(1) if pair is not None and 1 in segments else None
    tensors = {name: torch.tensor([ids]) for name, ids in inputs.items()}
    return tensors, [clean_token(token) for token in tokens], second_start


def check_tokenizer_kind(tokenizer) -> None:
    """Raise TypeError for what is no tokenizer."""
    if not isinstance(tokenizer, WordPiece) and not (
        callable(tokenizer) and hasattr(tokenizer, "convert_ids_to_tokens")
    ):
        raise TypeError(f"tokenizer is a {type(tokenizer).__name__}; give a WordPiece, or a tokenizer of transformers")


def clean_token(token: str) -> str:
    """The token with a space for the signs of byte pair encoding and SentencePiece, as bertviz shows it."""
    return token.replace("Ġ", " ").replace("▁", " ").replace("</w>", "")


def run_with_attentions(model: nn.Module, inputs: dict[str, Tensor]):
    """The output of a transformers model with all its attentions.

    Raises ValueError for more tokens than the model has positions, and for ids that it has no embedding for.
    """
    parameters = inspect.signature(model.forward).parameters
    takes_any = any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters.values())
    if "input_ids" not in parameters or not ("output_attentions" in parameters or takes_any):
        raise ValueError(f"{type(model).__name__} is no model of text with attention: bertviz has nothing to draw")
    device = next(model.parameters()).device
    inputs = {name: ids.to(device) for name, ids in inputs.items() if name in parameters}
    for name, half in (("input_ids", "encoder"), ("decoder_input_ids", "decoder")):
        config = getattr(model.config, half, None) or model.config
        length, positions = len(inputs.get(name, [[]])[0]), getattr(config, "max_position_embeddings", None)
        if positions and length > positions:
            raise ValueError(f"{length} tokens, but the model has {positions} positions: shorten the text, or split it")
    with use_eager_attention(model):
        try:
            return model(**inputs, output_attentions=True, return_dict=True)
        except IndexError as error:  # an embedding has no row of this number
            raise ValueError(
                f"{type(model).__name__} has no embedding for a token, a segment or a position of this text: is it the "
                f"model's own tokenizer, and are {inputs['input_ids'].size(1)} tokens not too many? ({error})"
            ) from error


@contextmanager
def use_eager_attention(model: nn.Module) -> Iterator[None]:
    """The only attention of transformers that returns maps; afterwards, the implementation that was set before."""
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
    """L maps (1, H, T, S) of one text as (L, H, T, S), on the CPU, in float32 or float64."""
    if not maps or any(layer is None or layer.dim() != 4 for layer in maps):
        raise ValueError(f"{type(model).__name__} gave no attention maps: bertviz has nothing to draw")
    stacked = torch.stack([layer[0].detach().cpu() for layer in maps])
    return stacked if stacked.dtype == torch.float64 else stacked.float()


@contextmanager
def record_queries_and_keys(model: nn.Module) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Two lists to which a forward adds what each layer's query and key give, (1, T, H * d_k), in the order of layers.

    The layers are found by their names in BERT and its relatives; GPT-2 computes query, key and value in one layer.
    """
    queries, keys = [], []

    def split_and_append(part, inputs, output):
        query, key, _ = output.chunk(3, dim=-1)
        queries.append(query)
        keys.append(key)

    with ExitStack() as hooks:
        for part in model.modules():
            for names in (("query", "key"), ("q_lin", "k_lin")):
                layers = [getattr(part, name, None) for name in names]
                if all(isinstance(layer, nn.Linear) for layer in layers):
                    for layer, outputs in zip(layers, (queries, keys), strict=True):
                        hook = layer.register_forward_hook(lambda _, inputs, output, kept=outputs: kept.append(output))
                        hooks.enter_context(hook)
            if isinstance(getattr(part, "c_attn", None), nn.Module):
                hooks.enter_context(part.c_attn.register_forward_hook(split_and_append))
        yield queries, keys


def add_queries_and_keys(captured: CapturedAttention, queries: list[Tensor], keys: list[Tensor],
                         name: str) -> CapturedAttention:  # fmt: skip
    """The attention with its queries and keys. Raises ValueError if it is not the softmax of their products."""
    L, H, T, _ = captured.maps.shape
    if not len(queries) == len(keys) == L or any(x.shape[:2] != (1, T) or x.size(2) % H for x in queries + keys):
        raise ValueError(f"{name} has no query and key layers that the neuron view knows: use head_view or model_view")
    stacks = (torch.cat([x.detach().cpu() for x in outputs]) for outputs in (queries, keys))  # each (L, T, H * d_k)
    q, k = (stack.to(captured.maps.dtype).unflatten(-1, (H, -1)).transpose(1, 2) for stack in stacks)  # (L, H, T, d_k)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (L, H, T, T)
    computed = scores.masked_fill(captured.maps == 0, -math.inf).softmax(-1)  # a weight of exactly 0 is masked
    error, tolerance = (computed - captured.maps).abs().max().item(), math.sqrt(torch.finfo(queries[0].dtype).eps)
    if not error <= tolerance:
        raise ValueError(
            f"the attention of {name} is not the softmax of q k / sqrt({q.size(-1)}), from which it differs by "
            f"{error:.2g}. The neuron view shows nothing else: use head_view or model_view"
        )
    return replace(captured, queries=q, keys=k)
