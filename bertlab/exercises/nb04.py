"""The exercises of notebook 04, heads and masks: multi-head attention, the padding mask, a softmax for any mask, a test
for padding, and two bugs to find."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..model import Attention, Bert, BertConfig
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import is_close, random_numbers

SMALL = BertConfig(vocab_size=40, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
                   max_position_embeddings=32, initializer_range=0.4)  # fmt: skip


# ---- merge_heads -----------------------------------------------------------------------------------------


def merge_of_two_heads(merge_heads):
    z = torch.tensor([[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]]])
    try:
        answer = merge_heads(z)
    except RuntimeError as error:
        expect(
            "view size" not in str(error),
            "After transpose the numbers no longer lie in order in memory, and view cannot copy them. reshape can.",
        )
        raise
    expect(isinstance(answer, Tensor), "Return a tensor.")
    is_added = answer.shape in ((1, 3, 2), (1, 2, 3))
    expect(not is_added, "You added or averaged the heads. Put them side by side: D = H * d_k.")
    expect(
        answer.shape == (1, 3, 4),
        f"(1, 2, 3, 2) becomes (B, T, D) = (1, 3, 4). Yours has shape {tuple(answer.shape)}.",
    )
    expect(
        not is_close(answer, z.reshape(1, 3, 4)),
        "The shape is right, but each token has numbers of other tokens. Swap the axes H and T before you flatten.",
    )
    expect(
        not is_close(answer, z.permute(0, 2, 3, 1).flatten(2)),
        "The numbers of the heads alternate. All d_k numbers of head 0 come first, then all of head 1.",
    )
    merged = torch.tensor([[[1.0, 2.0, 10.0, 20.0], [3.0, 4.0, 30.0, 40.0], [5.0, 6.0, 50.0, 60.0]]])
    expect(is_close(answer, merged), "Token 0 must have (1, 2) from head 0 and then (10, 20) from head 1.")


def merge_undoes_split(merge_heads):
    for heads in (3, 1, 6):
        x = random_numbers(heads, 2, 5, 6)
        split = x.unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, H, T, d_k)
        expect(
            is_close(merge_heads(split), x),
            f"2 texts of 5 tokens were split into {heads} heads and merged again, and they are not the same.",
        )


# ---- multi_head_attention --------------------------------------------------------------------------------


def make_attention(D: int = 6, heads: int = 2) -> Attention:
    """bertlab's attention in float64, with random weights and biases."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Attention(BertConfig(hidden_size=D, num_attention_heads=heads)).double().eval().requires_grad_(False)


def attend_in_heads(layer: Attention, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Multi-head attention of the four linear layers and the `heads` of `layer` (Vaswani et al. 2017, section 3.2.2): x
    (B, T, D) to the output (B, T, D) and the weights (B, H, T, T). `mask` is True for the keys that may be read, in any
    shape that broadcasts to (B, H, T, T)."""
    q, k, v = (
        part(x).unflatten(-1, (layer.heads, -1)).transpose(1, 2) for part in (layer.query, layer.key, layer.value)
    )  # (B, H, T, d_k)
    scores = q @ k.mT / math.sqrt(q.size(-1))  # (B, H, T, T)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights


def split_answer(answer: object, x: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """The output and the weights. Raises Hint unless they are two tensors of the right shapes."""
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2 and all(isinstance(part, Tensor) for part in answer),
        "Return two tensors, the output (B, T, D) and the weights (B, H, T, T).",
    )
    (B, T, _), (output, weights) = x.shape, answer
    expect(
        weights.shape != (B, T, T),
        "There is one map for each text, but there must be one for each head: split before you compute scores.",
    )
    expect(
        weights.shape != (B, T, heads, heads),
        "Your heads attend to each other: the axes are (B, T, H, d_k). Transpose to (B, H, T, d_k) after the split.",
    )
    for part, right in ((weights, (B, heads, T, T)), (output, x.shape)):
        expect(part.shape == right, f"A tensor has shape {tuple(part.shape)}, which must be {tuple(right)}.")
    return output, weights


def heads_without_a_mask(multi_head_attention):
    layer, x = make_attention(), random_numbers(31, 2, 5, 6)
    try:
        answer = multi_head_attention(layer, x)
    except (TypeError, AttributeError) as error:
        no_mask = "Without a mask every key may be read: if mask is None, leave the scores as they are."
        raise Hint(f"{no_mask} Python's error: {error}") if "NoneType" in str(error) else error from None
    output, weights = split_answer(answer, x, 2)
    right, right_weights = attend_in_heads(layer, x)
    q, k = layer.query(x), layer.key(x)
    straight = [y.view(2, 2, 5, 3) for y in (q, k)]
    expect(
        not is_close(weights, (straight[0] @ straight[1].mT / math.sqrt(3)).softmax(-1)),
        "The shape is right, but head 0 has whole tokens: view(B, H, T, d_k) cuts in the order of memory. Split D into "
        "(H, d_k) first, and then transpose.",
    )
    q, k = (y.unflatten(-1, (2, -1)).transpose(1, 2) for y in (q, k))
    raw = q @ k.mT
    expect(
        not is_close(weights, (raw / math.sqrt(6)).softmax(-1)),
        "You divided by the square root of D. A head's queries have d_k = D / H numbers.",
    )
    expect(not is_close(weights, raw.softmax(-1)), "You did not divide the scores by the square root of d_k.")
    expect(
        not any(is_close(weights, (raw / math.sqrt(size)).softmax(-1)) for size in (2, 5)),
        "You took the square root of another size. d_k is D / H: neither the number of heads nor that of tokens.",
    )
    expect(
        not is_close(weights, (raw / math.sqrt(3)).softmax(-2)),
        "The columns of your weights sum to 1, but the rows must: the softmax runs over the keys, the last axis.",
    )
    expect(not is_close(weights, (k @ q.mT / math.sqrt(3)).softmax(-1)), "You swapped queries and keys in the scores.")
    expect(
        not is_close(weights, (q @ q.mT / math.sqrt(3)).softmax(-1)),
        "You compared queries with queries. The keys come from layer.key.",
    )
    q, k = (part(x).unflatten(-1, (-1, 2)).permute(0, 3, 1, 2) for part in (layer.query, layer.key))
    expect(
        not is_close(weights, (q @ k.mT / math.sqrt(3)).softmax(-1)),
        "Your heads take every second number. Head 0 has the first d_k of the D numbers: split D into (H, d_k).",
    )
    expect(is_close(weights, right_weights), "The weights are wrong, on 2 texts of 5 tokens with 2 heads of 3 numbers.")
    v = layer.value(x).unflatten(-1, (2, -1)).transpose(1, 2)
    merged = (weights @ v).transpose(1, 2).flatten(2)
    expect(
        not is_close(output, merged),
        "The weights are right, and the heads are merged. The last step is missing: layer.output mixes them.",
    )
    expect(
        not is_close(output, layer.output((weights @ v).reshape(2, 5, 6))),
        "The weights are right, but the merge mixes tokens: transpose to (B, T, H, d_k) before you flatten.",
    )
    expect(not is_close(output, x + right), "You added x. The layer around the attention does this, so leave it out.")
    expect(
        is_close(output, right),
        "The weights are right, but the output is wrong: weights @ v with the values of layer.value, merge, "
        "layer.output.",
    )


def heads_with_a_mask(multi_head_attention):
    layer, x = make_attention(), random_numbers(32, 2, 5, 6)
    mask = (torch.arange(5) < torch.tensor([[5], [3]]))[:, None, None, :]
    try:
        answer = multi_head_attention(layer, x, mask)
    except RuntimeError as error:
        expect(
            "ambiguous" not in str(error),
            "A tensor of many values is neither true nor false. Ask for what you want to know: if mask is not None.",
        )
        raise
    output, weights = split_answer(answer, x, 2)
    right, right_weights = attend_in_heads(layer, x, mask)
    plain = attend_in_heads(layer, x)[1]
    expect(not is_close(weights, plain), "The mask has no effect.")
    expect(
        not is_close(weights[1], attend_in_heads(layer, x[1:], ~mask[1:])[1][0]),
        "The mask is inverted: True marks a key that may be read.",
    )
    expect(
        not is_close(weights, plain * mask),
        "You set weights to 0 after the softmax, so rows sum to less than 1. Mask the scores before it.",
    )
    expect(
        not weights[~mask.expand_as(weights)].any(),
        "A key that may not be read still has some weight. Its score must become minus infinity before the softmax, "
        "because a score of 0 is like any other.",
    )
    expect(is_close(weights, right_weights), "With a mask (B, 1, 1, T) the weights are wrong.")
    expect(is_close(output, right), "With a mask (B, 1, 1, T) the output is wrong.")


def heads_with_a_mask_for_each_reader(multi_head_attention):
    layer, x = make_attention(), random_numbers(34, 2, 5, 6)
    mask = torch.ones(5, 5).tril().bool() & (torch.arange(5) < torch.tensor([[5], [3]]))[:, None, None, :]
    output, weights = split_answer(multi_head_attention(layer, x, mask), x, 2)
    right, right_weights = attend_in_heads(layer, x, mask)
    expect(
        is_close(weights, right_weights) and is_close(output, right),
        "A mask (B, 1, T, T) may be different for each token that reads, and with such a mask the result is wrong. Row "
        "i of the mask belongs to the token i that reads.",
    )


def heads_of_another_number(multi_head_attention):
    for heads in (1, 3, 6):
        layer, x = make_attention(6, heads), random_numbers(33, 1, 4, 6)
        right, (output, weights) = attend_in_heads(layer, x), multi_head_attention(layer, x)
        expect(
            is_close(output, right[0]) and is_close(weights, right[1]),
            f"With {heads} heads the result is wrong. Take the number of heads from layer.heads.",
        )


# ---- padding_mask ----------------------------------------------------------------------------------------


def mask_ids(ids: Tensor, pad_id: int = 0) -> Tensor:
    """True for the keys that may be read, (B, 1, 1, T), from ids (B, T) that are filled up with `pad_id`."""
    return (ids != pad_id)[:, None, None, :]


def mask_of_two_texts(padding_mask):
    ids = torch.tensor([[2, 7, 8, 9, 3], [2, 7, 3, 0, 0]])
    mask = padding_mask(ids)
    expect(isinstance(mask, Tensor), "Return a tensor.")
    expect(mask.dtype == torch.bool, f"The mask must be of booleans (torch.bool). Yours is {mask.dtype}.")
    expect(
        mask.shape != (2, 5),
        "(B, T) does not broadcast to the scores (B, H, T, T): insert an axis for the heads and one for the queries.",
    )
    expect(
        mask.shape != (2, 1, 5, 1),
        "(B, 1, T, 1) masks the queries that read. Padding must not be read, so T must be the last axis.",
    )
    expect(
        mask.shape in ((2, 1, 1, 5), (2, 1, 5, 5)),
        f"The shape must be (B, 1, 1, T) = (2, 1, 1, 5). Yours is {tuple(mask.shape)}.",
    )
    right = mask_ids(ids)
    expect(not bool((mask == ~right).all()), "The mask is inverted: True marks a real token, which may be read.")
    expect(
        bool((mask == right).all()),
        "For the second text, [2, 7, 3, 0, 0], the mask must be T T T F F. It is the same for every token that reads.",
    )


def mask_of_another_pad_id(padding_mask):
    ids = torch.tensor([[5, 0, 6, 1, 1]])
    mask = padding_mask(ids, 1)
    expect(
        bool((mask == mask_ids(ids, 1)).all()),
        "Another vocabulary has another id for [PAD]: here pad_id is 1, and the id 0 is a real token.",
    )


# ---- the bugs: split_heads, mean_vector ------------------------------------------------------------------


def split_of_readable_numbers(split_heads):
    x = torch.stack([10.0 * t + torch.arange(6) for t in range(4)])[None]  # (1, T, D): token t has 10 t, 10 t + 1, ...
    answer = split_heads(x, 2)
    is_split = isinstance(answer, Tensor) and answer.shape == (1, 2, 4, 3)
    expect(is_split, "Return a tensor (B, H, T, d_k), here (1, 2, 4, 3).")
    expect(
        is_close(answer[0, 0, 1], torch.tensor([10.0, 11.0, 12.0])),
        f"Token 1 is (10, 11, ..., 15), so head 0 must get 10, 11 and 12 of it. It gets "
        f"{', '.join(f'{number:.0f}' for number in answer[0, 0, 1].tolist())}.",
    )
    expect(is_close(answer, x.unflatten(-1, (2, -1)).transpose(1, 2)), "Token 1 is right, but others are not.")
    for heads in (3, 1):
        x = random_numbers(43, 2, 4, 6)
        expect(
            is_close(split_heads(x.clone(), heads), x.unflatten(-1, (heads, -1)).transpose(1, 2)),
            f"For one text with 2 heads the result is right, but for 2 texts with {heads} it is wrong.",
        )


def average_real_tokens(states: Tensor, real: Tensor) -> Tensor:
    """The mean of the vectors of real tokens: states (B, T, D) and real (B, T), True for real tokens, to (B, D)."""
    return (states * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)


def mean_of_real_tokens(mean_vector):
    states = random_numbers(41, 2, 4, 3)
    real = torch.tensor([[True, True, True, True], [True, True, False, False]])
    try:
        answer = mean_vector(states.clone(), real.clone())
    except RuntimeError as error:
        raise Hint(
            "The shapes do not fit. A sum over the tokens is (B, D), here (2, 3), and one count for each text must be "
            f"(B, 1) to be divided by: keepdim=True keeps the axis. torch's error: {error}"
        ) from None
    expect(isinstance(answer, Tensor) and answer.shape == (2, 3), "Return one vector for each text, (B, D).")
    expect(is_close(answer[0], states[0].mean(0)), "The first text has no padding: its vector is the plain mean.")
    expect(
        not is_close(answer[1], (states * real[:, :, None])[1].mean(0)),
        "The second text has 4 tokens, of which 2 are real. Its vector has the right direction, but half the length.",
    )
    expect(
        is_close(answer[1], states[1, :2].mean(0)),
        "The second text has two real tokens, and its vector is not their mean: the vectors at [PAD] take part.",
    )


def mean_ignores_what_padding_holds(mean_vector):
    states = random_numbers(42, 1, 5, 3)
    real = torch.tensor([[True, True, True, False, False]])
    other = states.clone()
    other[:, 3:] = 100.0
    expect(
        is_close(mean_vector(states.clone(), real.clone()), states[:, :3].mean(1)),
        "For a text with 3 real tokens of 5 the mean is wrong. Divide by the number of real tokens of each text.",
    )
    expect(
        is_close(mean_vector(states.clone(), real.clone()), mean_vector(other, real.clone())),
        "The vectors at [PAD] were changed, and the result changed with them.",
    )


# ---- masked_softmax --------------------------------------------------------------------------------------


def masked_rows(masked_softmax):
    scores = torch.tensor([[2.0, 1.0, 0.0, 5.0]])
    mask = torch.tensor([[True, True, True, False]])
    answer = masked_softmax(scores.clone(), mask.clone())
    expect(isinstance(answer, Tensor) and answer.shape == (1, 4), "Return a tensor with the shape of the scores.")
    expect(
        not answer.isnan().any(),
        "There is a nan, although three keys may be read. Minus infinity times 0 is nan: do not multiply and add, but "
        "replace the masked scores, by masked_fill or torch.where.",
    )
    inverted = scores.masked_fill(mask, -math.inf).softmax(-1)
    expect(not is_close(answer, inverted), "The mask is inverted: True marks a key that may be attended to.")
    expect(not is_close(answer, scores.softmax(-1)), "The mask has no effect.")
    expect(
        not is_close(answer, scores.softmax(-1) * mask),
        "The row sums to less than 1, because you took the softmax over all keys and set weights to 0 afterwards. Mask "
        "the scores before the softmax.",
    )
    expect(
        not is_close(answer, (scores * mask).softmax(-1)),
        "A masked score became 0, and exp(0) is 1. The score of a masked key must be minus infinity.",
    )
    expect(
        is_close(answer[:, :3], scores[:, :3].softmax(-1)) and float(answer[0, 3]) == 0,
        "The first three weights are the softmax of the first three scores, and the last weight is 0.",
    )


def masked_keys_are_exactly_zero(masked_softmax):
    """The scores are so low that a "large negative number" is not below them."""
    answer = masked_softmax(torch.tensor([[1000.0, 1000.0, 0.0]]), torch.tensor([[True, True, False]]))
    expect(
        is_close(answer, torch.tensor([[0.5, 0.5, 0.0]])),
        "With the scores 1000, 1000 and a masked 0 the weights are 0.5, 0.5 and 0. If e to the power of a score "
        "overflows, the largest score was not subtracted first; softmax does this.",
    )
    scores = torch.tensor([[-20_000.0, -20_001.0, 0.0]])
    answer = masked_softmax(scores.clone(), torch.tensor([[True, True, False]]))
    found = [round(value, 2) for value in answer[0].tolist()]
    expect(
        is_close(answer, torch.tensor([[0.7311, 0.2689, 0.0]]), 1e-4),
        f"With the scores -20000, -20001 and a masked 0 the weights are 0.73, 0.27 and 0; yours are {found}. The "
        "masked score is the largest and must not take part in a maximum. A number such as -10000 is not below every "
        "score, but -math.inf is.",
    )
    expect(float(answer[0, 2]) == 0, "A masked key has a weight of exactly 0, not of nearly 0.")


def all_masked_rows_are_zero(masked_softmax):
    scores, mask = random_numbers(3, 2, 1, 3, 4), torch.ones(2, 1, 3, 4, dtype=torch.bool)
    mask[1, :, 2] = False
    answer = masked_softmax(scores.clone(), mask.clone())
    expect(
        not bool(answer.isnan().any()),
        "A row with every key masked became nan, because it divides 0 by 0. Set such a row to zeros, for example with "
        "torch.where or nan_to_num.",
    )
    empty = answer[1, :, 2]
    expect(
        not is_close(empty, torch.full_like(empty, 0.25)),
        "A row with every key masked attends equally to all the masked keys. Set it to zeros.",
    )
    expect(bool((empty == 0).all()), "A row with every key masked attends to nothing: all its weights are 0.")
    expect(
        is_close(answer[0], scores[0].softmax(-1)),
        "A row without masked keys is the ordinary softmax. It runs over the last axis, in each row by itself.",
    )


def half_precision_and_broadcasting(masked_softmax):
    scores = random_numbers(4, 2, 3, 5, 5).half()
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])[:, None, None, :]  # (B, 1, 1, T)
    try:
        answer = masked_softmax(scores.clone(), mask.clone())
    except (RuntimeError, IndexError) as error:
        overflow = "The scores may be float16, whose largest number is 65504: -1e9 does not fit, but -math.inf does."
        shape = "The mask may be (B, 1, 1, T), for scores (B, H, T, T): masked_fill and torch.where broadcast."
        raise Hint(f"{overflow if 'overflow' in str(error) else shape} torch's error: {error}") from None
    expected = scores.float().masked_fill(~mask, -math.inf).softmax(-1)
    expect(is_close(answer, expected, 2e-3), "With scores in float16 and a mask (B, 1, 1, T) the weights are wrong.")
    answer = masked_softmax(torch.tensor([[-2e9, -2e9, 0.0]]), torch.tensor([[True, True, False]]))
    expect(
        is_close(answer, torch.tensor([[0.5, 0.5, 0.0]])),
        "With the scores -2e9, -2e9 and a masked 0 the weights are 0.5, 0.5 and 0. No number that you choose is below "
        "every score, but -math.inf is.",
    )


# ---- padding_leaks ---------------------------------------------------------------------------------------


def make_encoder(change: Callable[[Tensor, Tensor], Tensor | None]):
    """encode(ids, mask) -> states of a small BERT whose attention mask is `change(ids, mask)`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        bert = Bert(SMALL).eval().requires_grad_(False)
    return lambda ids, mask: bert(ids, attention_mask=change(ids, mask))


CORRECT = make_encoder(lambda ids, mask: mask)
WITHOUT_MASK = make_encoder(lambda ids, mask: None)


def run_padding_leaks(padding_leaks, encode, name: str) -> bool:
    """The answer for an encoder. Raises Hint unless it is True or False."""
    try:
        answer = padding_leaks(encode)
    except ValueError as error:
        raise Hint(f"{name}: the encoder raised an error for your arguments: {error}") from None
    except RuntimeError as error:
        expect(
            "must match the size" not in str(error),
            "You compare results of different lengths. With padding there are more vectors, and the real tokens are "
            "the first ones: cut the longer result.",
        )
        raise
    is_flag = isinstance(answer, Tensor) and answer.dtype == torch.bool and answer.numel() == 1
    expect(is_flag or isinstance(answer, bool | np.bool_), f"Return True or False. Yours is {answer!r}.")
    return bool(answer)


def sees_a_missing_mask(padding_leaks):
    expect(
        run_padding_leaks(padding_leaks, WITHOUT_MASK, "an encoder without a mask"),
        "Your test did not notice an encoder that ignores the mask. Encode a text alone and the same text with padding "
        "after it, and compare the tokens that both have.",
    )


def passes_a_right_encoder(padding_leaks):
    expect(
        not run_padding_leaks(padding_leaks, CORRECT, "a correct encoder"),
        "Your test reported a leak in a correct encoder. Compare the real tokens only (nothing reads the vectors at "
        "[PAD]), and allow for rounding: differences of about 1e-6 are not a leak.",
    )

    def encode_with_rounding(ids: Tensor, mask: Tensor) -> Tensor:
        states = CORRECT(ids, mask)
        return states + 2e-6 * torch.sin(torch.arange(states.numel()) + ids.size(1)).view(states.shape)

    expect(
        not run_padding_leaks(padding_leaks, encode_with_rounding, "an encoder that rounds"),
        "Your test reported a leak in a correct encoder whose sixth digit is rounded differently, as on another "
        "machine. Allow for differences of about 1e-5.",
    )


def sees_a_small_leak(padding_leaks):
    def leak_a_little(ids: Tensor, mask: Tensor) -> Tensor:
        return CORRECT(ids, mask) + 0.01 * (WITHOUT_MASK(ids, mask) - CORRECT(ids, mask))

    expect(
        run_padding_leaks(padding_leaks, leak_a_little, "a small leak"),
        "Your test did not notice a leak of about one part in a hundred. Rounding errors are far smaller than that: "
        "lower your limit to about 1e-4.",
    )


def sees_an_inverted_mask(padding_leaks):
    def invert_mask(ids: Tensor, mask: Tensor) -> Tensor:
        inverted = 1 - mask.long()
        return torch.where(inverted.any(1, keepdim=True), inverted, mask.long())

    expect(
        run_padding_leaks(padding_leaks, make_encoder(invert_mask), "an inverted mask"),
        "Your test did not notice an encoder that attends to nothing but padding. Does your text differ from its "
        "padding, and do you compare with the text alone?",
    )


def sees_leaks_of_other_kinds(padding_leaks):
    def read_the_first(ids: Tensor, mask: Tensor) -> Tensor:
        longer = mask.long()
        return CORRECT(ids, torch.cat([longer[:, :1], longer[:, 1:] | longer[:, :-1]], 1))

    def leak_at_the_end(ids: Tensor, mask: Tensor) -> Tensor:
        states, rows, last = CORRECT(ids, mask).clone(), torch.arange(len(ids)), mask.long().sum(1) - 1
        states[rows, last] = WITHOUT_MASK(ids, mask)[rows, last]
        return states

    def shift(ids: Tensor, mask: Tensor, size: float) -> Tensor:
        return CORRECT(ids, mask) + size * (mask == 0).sum(1)[:, None, None]

    leaks = {
        "an encoder that reads the first [PAD] and no other one. Compare with the text alone, without any padding": (
            read_the_first
        ),
        "an encoder that has no mask, but sets padding to id 0. Change how much padding there is, not what it holds": (
            lambda ids, mask: WITHOUT_MASK(ids * mask.long(), mask)
        ),
        "a leak that only reaches the last real token, next to the padding. Compare all real tokens": leak_at_the_end,
        "padding that makes every number larger. Compare the differences without their signs": partial(
            shift, size=0.01
        ),
        "padding that makes every number smaller. Compare the differences without their signs": partial(
            shift, size=-0.01
        ),
    }
    for what, encode in leaks.items():
        found = run_padding_leaks(padding_leaks, encode, "an encoder with a leak")
        expect(found, f"Your test did not notice {what}.")


EXERCISES = {
    "merge_heads": Exercise("Lay the heads side by side again: (B, H, T, d_k) to (B, T, D).", 1, 5,
                            (merge_of_two_heads, merge_undoes_split)),
    "multi_head_attention": Exercise("Project, split, attend in each head, merge, and mix.", 3, 20,
                                     (heads_without_a_mask, heads_with_a_mask, heads_with_a_mask_for_each_reader,
                                      heads_of_another_number)),
    "padding_mask": Exercise("From token ids make a mask (B, 1, 1, T), True for the keys that may be read.", 1, 5,
                             (mask_of_two_texts, mask_of_another_pad_id)),
    "padding_leaks": Exercise("Write a test: does padding change what an encoder computes for the real tokens?", 3, 15,
                              (sees_a_missing_mask, passes_a_right_encoder, sees_a_small_leak, sees_an_inverted_mask,
                               sees_leaks_of_other_kinds)),
    "masked_softmax": Exercise("Softmax over the keys that may be read; a row that may read nothing has zeros.", 2, 10,
                               (masked_rows, masked_keys_are_exactly_zero, all_masked_rows_are_zero,
                                half_precision_and_broadcasting)),
}  # fmt: skip
BUGS = {
    "split_heads": Exercise("Find the bug: each head must get its share of every token.", 1, 4,
                            (split_of_readable_numbers,)),
    "mean_vector": Exercise("Find the bug: padding must not take part in the mean.", 1, 5,
                            (mean_of_real_tokens, mean_ignores_what_padding_holds)),
}  # fmt: skip
check = make_check(EXERCISES | BUGS)
READY = {"multi_head_attention": attend_in_heads, "padding_mask": mask_ids, "mean_vector": average_real_tokens}
use = make_use(check, READY)
