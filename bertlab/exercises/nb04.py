"""The exercises of notebook 04, heads and masks: merging heads, masked softmax, a padding test, a head score."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..model import Bert, BertConfig
from . import Exercise, Hint, expect, make_check
from .comparing import as_number, is_close, random_numbers

SMALL = BertConfig(vocab_size=40, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
                   max_position_embeddings=32, initializer_range=0.4)  # fmt: skip


# ---- merge_heads -----------------------------------------------------------------------------------------


def merge_of_two_heads(merge_heads):
    z = torch.tensor([[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]]])
    answer = merge_heads(z)
    expect(isinstance(answer, Tensor), "Return a tensor.")
    expect(
        answer.shape not in ((1, 3, 2), (1, 2, 3)),
        "You added or averaged the heads. Put them side by side: D = H * K.",
    )
    expect(
        answer.shape == (1, 3, 4),
        f"(1, 2, 3, 2) becomes (B, T, H * K) = (1, 3, 4). Yours has shape {tuple(answer.shape)}.",
    )
    expect(
        not is_close(answer, z.reshape(1, 3, 4)),
        "The shape is right, but each token has numbers of other tokens. Swap the axes H and T before you flatten.",
    )
    expect(
        not is_close(answer, z.permute(0, 2, 3, 1).flatten(2)),
        "The numbers of the heads alternate. All K numbers of head 0 come first, then all K of head 1.",
    )
    merged = torch.tensor([[[1.0, 2.0, 10.0, 20.0], [3.0, 4.0, 30.0, 40.0], [5.0, 6.0, 50.0, 60.0]]])
    expect(is_close(answer, merged), "Token 0 must have (1, 2) from head 0 and then (10, 20) from head 1.")


def merge_undoes_split(merge_heads):
    for heads in (1, 3, 6):
        x = random_numbers(heads, 2, 5, 6)
        split = x.unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, H, T, K)
        expect(
            is_close(merge_heads(split), x), f"x was split into {heads} heads and merged again, and is not the same."
        )


# ---- masked_softmax --------------------------------------------------------------------------------------


def masked_rows(masked_softmax):
    scores = torch.tensor([[2.0, 1.0, 0.0, 5.0]])
    mask = torch.tensor([[True, True, True, False]])
    answer = masked_softmax(scores, mask)
    expect(isinstance(answer, Tensor) and answer.shape == (1, 4), "Return a tensor with the shape of the scores.")
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
    scores = torch.tensor([[-20_000.0, -20_001.0, 0.0]])
    answer = masked_softmax(scores, torch.tensor([[True, True, False]]))
    expect(
        is_close(answer, torch.tensor([[0.7311, 0.2689, 0.0]]), 1e-4),
        f"With the scores -20000, -20001 and a masked 0 the weights are 0.73, 0.27 and 0; yours are "
        f"{[round(value, 2) for value in answer[0].tolist()]}. A number such as -10000 is not below every score, but "
        "-math.inf is.",
    )
    expect(float(answer[0, 2]) == 0, "A masked key has a weight of exactly 0, not of nearly 0.")


def all_masked_rows_are_zero(masked_softmax):
    scores, mask = random_numbers(3, 2, 1, 3, 4), torch.ones(2, 1, 3, 4, dtype=torch.bool)
    mask[1, :, 2] = False
    answer = masked_softmax(scores, mask)
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
    expect(is_close(answer[0], scores[0].softmax(-1)), "A row without masked keys is the ordinary softmax.")


def half_precision_and_broadcasting(masked_softmax):
    scores = random_numbers(4, 2, 3, 5, 5).half()
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])[:, None, None, :]  # (B, 1, 1, T)
    try:
        answer = masked_softmax(scores, mask)
    except RuntimeError as error:
        overflow = "The scores may be float16, whose largest number is 65504: -1e9 does not fit, but -math.inf does."
        shape = "The mask may be (B, 1, 1, T), for scores (B, H, T, T): masked_fill and torch.where broadcast."
        raise Hint(f"{overflow if 'overflow' in str(error) else shape} torch's error: {error}") from None
    expected = scores.float().masked_fill(~mask, -math.inf).softmax(-1)
    expect(is_close(answer, expected, 2e-3), "With scores in float16 and a mask (B, 1, 1, T) the weights are wrong.")


# ---- padding_leaks ---------------------------------------------------------------------------------------


def make_encoder(change: Callable[[Tensor, Tensor], Tensor | None], seed: int = 0):
    """encode(ids, mask) -> states of a small BERT whose attention mask is `change(ids, mask)`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        bert = Bert(SMALL).eval().requires_grad_(False)

    def encode(ids: Tensor, mask: Tensor) -> Tensor:
        return bert(ids, attention_mask=change(ids, mask))

    return encode


def keep_mask(ids: Tensor, mask: Tensor) -> Tensor:
    return mask


def drop_mask(ids: Tensor, mask: Tensor) -> None:
    return None


def run_padding_leaks(padding_leaks, encode, name: str) -> bool:
    """The answer for an encoder. Raises Hint unless it is True or False."""
    try:
        answer = padding_leaks(encode)
    except ValueError as error:
        raise Hint(f"{name}: the encoder raised an error for your arguments: {error}") from None
    expect(
        isinstance(answer, bool) or (isinstance(answer, Tensor) and answer.dtype == torch.bool and answer.numel() == 1),
        f"Return True or False. Yours is {answer!r}.",
    )
    return bool(answer)


def sees_a_missing_mask(padding_leaks):
    expect(
        run_padding_leaks(padding_leaks, make_encoder(drop_mask), "an encoder without a mask"),
        "Your test did not notice an encoder that ignores the mask. Encode a text alone and the same text with padding "
        "after it, and compare the tokens that both have.",
    )


def passes_a_right_encoder(padding_leaks):
    expect(
        not run_padding_leaks(padding_leaks, make_encoder(keep_mask), "a correct encoder"),
        "Your test reported a leak in a correct encoder. Compare the real tokens only (nothing reads the vectors at "
        "[PAD]), and allow for rounding: differences of about 1e-6 are not a leak.",
    )
    encode = make_encoder(keep_mask)

    def encode_with_rounding(ids: Tensor, mask: Tensor) -> Tensor:
        states = encode(ids, mask)
        return states + 2e-6 * torch.sin(torch.arange(states.numel()) + ids.size(1)).view(states.shape)

    expect(
        not run_padding_leaks(padding_leaks, encode_with_rounding, "an encoder that rounds"),
        "Your test reported a leak in a correct encoder whose sixth digit is rounded differently, as on another "
        "machine. Allow for differences of about 1e-5.",
    )


def sees_a_small_leak(padding_leaks):
    correct, leaking = make_encoder(keep_mask), make_encoder(drop_mask)

    def leak_a_little(ids: Tensor, mask: Tensor) -> Tensor:
        return correct(ids, mask) + 0.01 * (leaking(ids, mask) - correct(ids, mask))

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


# ---- previous_share --------------------------------------------------------------------------------------


def previous_share_of_planted_maps(previous_share):
    T = 5
    previous = torch.eye(T)[[0, 0, 1, 2, 3]]  # token i attends to token i - 1; the first has only itself
    answer = as_number(previous_share(previous), "one number for the map")
    expect(
        not is_close(answer, 4 / 5),
        "You divided by T, or you counted row 0 (in Python its index -1 is the last column). The first token has no "
        "previous token, so T - 1 rows count, from row 1 on.",
    )
    expect(not is_close(answer, 4), "That is the sum. Take the mean over the rows that count.")
    expect(
        not is_close(answer, 0),
        "You took the next token. Row i holds the attention of token i, and the previous token is in column i - 1.",
    )
    expect(
        is_close(answer, 1),
        f"A head that always attends to the previous token has a share of 1. Your function returns {answer:.3f}.",
    )
    after = torch.eye(T)[[1, 2, 3, 4, 4]]
    expect(is_close(previous_share(after), 0), "A head that always attends to the next token has a share of 0.")


def previous_share_of_equal_attention(previous_share):
    for T in (2, 10):
        answer = float(previous_share(torch.full((T, T), 1 / T)))
        expect(is_close(answer, 1 / T), f"A head that attends to all {T} tokens equally has 1 / T, not {answer:.3f}.")


def previous_share_of_any_map(previous_share):
    a = random_numbers(7, 6, 6).softmax(-1)
    answer = float(previous_share(a))
    largest = (a.argmax(-1)[1:] == torch.arange(5)).float().mean().item()
    expect(
        not is_close(answer, largest),
        "You counted the rows whose largest weight is on the previous token. Take the mean of the weights themselves.",
    )
    below_diagonal = sum(a[i, i - 1].item() for i in range(1, 6)) / 5
    expect(is_close(answer, below_diagonal), "The share is the mean of the weights just below the diagonal.")


EXERCISES = {
    "merge_heads": Exercise(
        "Lay the heads side by side again: (B, H, T, K) to (B, T, H * K).", 1, 5,
        (merge_of_two_heads, merge_undoes_split),
    ),
    "masked_softmax": Exercise(
        "Softmax over the keys that may be seen; a row that may see none has zeros.", 2, 10,
        (masked_rows, masked_keys_are_exactly_zero, all_masked_rows_are_zero, half_precision_and_broadcasting),
    ),
    "padding_leaks": Exercise(
        "A test: does padding change what an encoder says of the real tokens?", 3, 15,
        (sees_a_missing_mask, passes_a_right_encoder, sees_a_small_leak, sees_an_inverted_mask),
    ),
    "previous_share": Exercise(
        "How much of a head's attention goes to the token before?", 1, 5,
        (previous_share_of_planted_maps, previous_share_of_any_map, previous_share_of_equal_attention),
    ),
}  # fmt: skip
check = make_check(EXERCISES)
