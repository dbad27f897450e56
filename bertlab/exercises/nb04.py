"""The exercises of notebook 04, heads and masks: merging heads, masked softmax, a test for padding, a head score."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..model import Bert, BertConfig
from . import Exercise, Hint, checker, expect

SMALL = BertConfig(vocab_size=40, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
                   max_position_embeddings=32, initializer_range=0.4)  # fmt: skip


def numbers(seed: int, *shape: int) -> Tensor:
    """The same random numbers each time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def close(answer: object, right: Tensor, limit: float = 1e-4) -> bool:
    """Is the answer a tensor of the right shape with nearly the right numbers?"""
    return (
        isinstance(answer, Tensor)
        and answer.shape == right.shape
        and bool((answer.double() - right.double()).abs().max() < limit)
    )


# ---- merge_heads -----------------------------------------------------------------------------------------


def merge_of_two_heads(merge_heads):
    z = torch.tensor([[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]]])
    answer = merge_heads(z)
    expect(isinstance(answer, Tensor), "Return a tensor.")
    expect(
        answer.shape not in ((1, 3, 2), (1, 2, 3)),
        "The heads are added or averaged. They are laid side by side: D = H * K.",
    )
    expect(
        answer.shape == (1, 3, 4), f"(1, 2, 3, 2) becomes (B, T, H * K) = (1, 3, 4). Yours is {tuple(answer.shape)}."
    )
    expect(
        not close(answer, z.reshape(1, 3, 4)),
        "The shape is right, but each token has numbers of other tokens. Swap the axes H and T before you flatten.",
    )
    expect(
        not close(answer, z.permute(0, 2, 3, 1).flatten(2)),
        "The heads are shuffled into one another, number by number. First all K of head 0, then all K of head 1.",
    )
    right = torch.tensor([[[1.0, 2.0, 10.0, 20.0], [3.0, 4.0, 30.0, 40.0], [5.0, 6.0, 50.0, 60.0]]])
    expect(close(answer, right), "Token 0 must have (1, 2) of head 0 and then (10, 20) of head 1.")


def merge_undoes_split(merge_heads):
    for heads in (1, 3, 6):
        x = numbers(heads, 2, 5, 6)
        split = x.unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, H, T, K)
        expect(close(merge_heads(split), x), f"Split {heads} heads and merged again: x did not come back.")


# ---- masked_softmax --------------------------------------------------------------------------------------


def masked_rows(masked_softmax):
    scores = torch.tensor([[2.0, 1.0, 0.0, 5.0]])
    mask = torch.tensor([[True, True, True, False]])
    answer = masked_softmax(scores, mask)
    expect(isinstance(answer, Tensor) and answer.shape == (1, 4), "Return a tensor with the shape of the scores.")
    turned = scores.masked_fill(mask, -math.inf).softmax(-1)
    expect(not close(answer, turned), "The mask is turned round: True is a key that may be looked at.")
    expect(not close(answer, scores.softmax(-1)), "The mask changes nothing.")
    expect(
        not close(answer, scores.softmax(-1) * mask),
        "The row sums to less than 1: the softmax was taken over all keys, and then cut. Mask the scores before it.",
    )
    expect(
        not close(answer, (scores * mask).softmax(-1)),
        "A masked score became 0, and exp(0) is 1. The score of a key that may not be seen is minus infinity.",
    )
    right = scores[:, :3].softmax(-1)
    expect(
        close(answer[:, :3], right) and float(answer[0, 3]) == 0, "The first three share what there is, the last has 0."
    )


def masked_keys_are_exactly_zero(masked_softmax):
    """Scores so low that a "large negative number" is not large."""
    scores = torch.tensor([[-20_000.0, -20_001.0, 0.0]])
    answer = masked_softmax(scores, torch.tensor([[True, True, False]]))
    expect(
        close(answer, torch.tensor([[0.7311, 0.2689, 0.0]])),
        f"With the scores -20000, -20001 and a masked 0 the weights are 0.73, 0.27 and 0; yours are "
        f"{[round(value, 2) for value in answer[0].tolist()]}. A number such as -10000 is not below every score: "
        "-math.inf is.",
    )
    expect(float(answer[0, 2]) == 0, "A masked key has a weight of exactly 0, not of nearly 0.")


def all_masked_rows_are_zero(masked_softmax):
    scores, mask = numbers(3, 2, 1, 3, 4), torch.ones(2, 1, 3, 4, dtype=torch.bool)
    mask[1, :, 2] = False
    answer = masked_softmax(scores, mask)
    expect(
        not bool(answer.isnan().any()),
        "A row with every key masked became nan: it divides 0 by 0. Give such a row zeros, for example with "
        "torch.where or nan_to_num.",
    )
    empty = answer[1, :, 2]
    expect(
        not close(empty, torch.full_like(empty, 0.25)),
        "A row with every key masked shares its attention among all the keys it must not see. Give it zeros.",
    )
    expect(bool((empty == 0).all()), "A row with every key masked looks at nothing: all its weights are 0.")
    expect(close(answer[0], scores[0].softmax(-1)), "A row without masked keys is the plain softmax.")


def half_precision_and_broadcasting(masked_softmax):
    scores = numbers(4, 2, 3, 5, 5).half()
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])[:, None, None, :]  # (B, 1, 1, T)
    try:
        answer = masked_softmax(scores, mask)
    except RuntimeError as error:
        overflow = "The scores may be float16, which ends at 65504: -1e9 does not fit. -math.inf does."
        fits = "The mask may be (B, 1, 1, T), for scores (B, H, T, T): masked_fill and torch.where broadcast."
        raise Hint(f"{overflow if 'overflow' in str(error) else fits} torch said: {error}") from None
    right = scores.float().masked_fill(~mask, -math.inf).softmax(-1)
    expect(close(answer, right, 2e-3), "With scores in float16 and a mask (B, 1, 1, T) the weights are not right.")


# ---- padding_leaks ---------------------------------------------------------------------------------------


def an_encoder(change: Callable[[Tensor, Tensor], Tensor | None], seed: int = 0):
    """encode(ids, mask) -> states of a small BERT to which `change(ids, mask)` hands its mask."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        bert = Bert(SMALL).eval().requires_grad_(False)

    def encode(ids: Tensor, mask: Tensor) -> Tensor:
        return bert(ids, attention_mask=change(ids, mask))

    return encode


def right_mask(ids: Tensor, mask: Tensor) -> Tensor:
    return mask


def no_mask(ids: Tensor, mask: Tensor) -> None:
    return None


def verdict(padding_leaks, encode, name: str) -> bool:
    try:
        answer = padding_leaks(encode)
    except ValueError as error:
        raise Hint(f"{name}: the encoder refused what you gave it. It said: {error}") from None
    expect(
        isinstance(answer, bool) or (isinstance(answer, Tensor) and answer.dtype == torch.bool and answer.numel() == 1),
        f"Return True or False. Yours is {answer!r}.",
    )
    return bool(answer)


def sees_a_missing_mask(padding_leaks):
    expect(
        verdict(padding_leaks, an_encoder(no_mask), "an encoder without a mask"),
        "An encoder that drops the mask was passed. Encode a text alone and the same text with padding after it, and "
        "compare the tokens that both have.",
    )


def passes_a_right_encoder(padding_leaks):
    expect(
        not verdict(padding_leaks, an_encoder(right_mask), "a right encoder"),
        "A right encoder was accused. Compare the real tokens only (what stands at [PAD] is read by nobody), and allow "
        "for rounding: differences of about 1e-6 are not a leak.",
    )
    encode = an_encoder(right_mask)

    def rounds(ids: Tensor, mask: Tensor) -> Tensor:
        states = encode(ids, mask)
        return states + 2e-6 * torch.sin(torch.arange(states.numel()) + ids.size(1)).view(states.shape)

    expect(
        not verdict(padding_leaks, rounds, "an encoder that rounds"),
        "A right encoder on another machine was accused: it rounds in the sixth digit. Allow for about 1e-5.",
    )


def sees_a_small_leak(padding_leaks):
    right, wrong = an_encoder(right_mask), an_encoder(no_mask)

    def leaks_a_little(ids: Tensor, mask: Tensor) -> Tensor:
        return right(ids, mask) + 0.01 * (wrong(ids, mask) - right(ids, mask))

    expect(
        verdict(padding_leaks, leaks_a_little, "a small leak"),
        "A leak of about one part in a hundred was passed. Rounding is far smaller than that: lower your limit to "
        "about 1e-4.",
    )


def sees_a_mask_turned_round(padding_leaks):
    def turned(ids: Tensor, mask: Tensor) -> Tensor:
        other = 1 - mask.long()
        return torch.where(other.any(1, keepdim=True), other, mask.long())

    expect(
        verdict(padding_leaks, an_encoder(turned), "a mask turned round"),
        "An encoder that looks at padding alone was passed. Does your text differ from its padding, and do you compare "
        "with the text alone?",
    )


# ---- previous_share --------------------------------------------------------------------------------------


def share_of_planted_maps(previous_share):
    T = 5
    previous = torch.eye(T)[[0, 0, 1, 2, 3]]  # token i looks at token i - 1; the first has only itself
    answer = previous_share(previous)
    expect(not isinstance(answer, Tensor) or answer.dim() == 0, "Return one number for the map.")
    answer = float(answer)
    expect(
        abs(answer - 4 / 5) > 1e-6,
        "You divided by T, or row 0 took part (in Python its index -1 is the last column). The first token has no "
        "token before it: T - 1 rows count, from row 1 on.",
    )
    expect(abs(answer - 4) > 1e-6, "That is the sum. Take the mean over the rows that count.")
    expect(
        abs(answer) > 1e-6, "You took the token after. Row i is the token that looks, column i - 1 the one before it."
    )
    expect(abs(answer - 1) < 1e-6, f"A head that always looks at the token before has 1. Yours is {answer:.3f}.")
    after = torch.eye(T)[[1, 2, 3, 4, 4]]
    expect(float(previous_share(after)) < 1e-6, "A head that always looks at the token after has 0.")


def share_of_equal_attention(previous_share):
    for T in (2, 10):
        answer = float(previous_share(torch.full((T, T), 1 / T)))
        expect(abs(answer - 1 / T) < 1e-6, f"A head that looks at all {T} tokens equally has 1 / T, not {answer:.3f}.")


def share_of_any_map(previous_share):
    a = numbers(7, 6, 6).softmax(-1)
    right = sum(a[i, i - 1].item() for i in range(1, 6)) / 5
    answer = float(previous_share(a))
    largest = (a.argmax(-1)[1:] == torch.arange(5)).float().mean().item()
    expect(
        abs(answer - largest) > 1e-6,
        "You counted the rows whose largest weight is there. Take the mean of the weights themselves.",
    )
    expect(abs(answer - right) < 1e-6, "It is the mean of the weights just below the diagonal.")


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
        (sees_a_missing_mask, passes_a_right_encoder, sees_a_small_leak, sees_a_mask_turned_round),
    ),
    "previous_share": Exercise(
        "How much of a head's attention goes to the token before?", 1, 5,
        (share_of_planted_maps, share_of_any_map, share_of_equal_attention),
    ),
}  # fmt: skip
check = checker(EXERCISES)
