"""The exercises of notebook 06, the encoder: LayerNorm, attention, feed-forward, the layer, counting parameters."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..heads import Pooler
from ..model import Attention, Bert, BertConfig, FeedForward
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import is_close, random_numbers
from .encoder_references import (
    compute_attention,
    compute_feed_forward,
    compute_layer,
    compute_layer_norm,
    make_layer,
    make_part,
    make_torch_layer,
    run_torch_attention,
)

# ---- layer_norm ------------------------------------------------------------------------------------------


def norm_of_one_vector(layer_norm):
    x, one, zero = torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.ones(4), torch.zeros(4)
    y = layer_norm(x, one, zero, 1e-12)
    expect(isinstance(y, Tensor), "Return a tensor.")
    expect(y.shape == (4,), f"The result has the shape of x, here (4,). Yours has shape {tuple(y.shape)}.")
    expect(
        not is_close(y, x - 3),
        "You subtracted the mean, but the numbers still vary as much as before. Divide by the standard deviation.",
    )
    expect(not is_close(y, (x - 3) / 3.5), "You divided by the variance. Divide by its square root.")
    expect(
        not is_close(y, (x - 3) / 14**0.5 * 3**0.5),
        "You divided the sum of squares by n - 1. LayerNorm divides by n: see the argument `correction` or "
        "`unbiased` of torch's var and std.",
    )
    expect(is_close(y, (x - 3) / 3.5**0.5), "(1, 2, 3, 6) has mean 3 and variance 3.5.")


def norm_of_each_token(layer_norm):
    x = random_numbers(1, 2, 3, 4).float() * 3 + 1
    one, zero = torch.ones(4), torch.zeros(4)
    try:
        y = layer_norm(x, one, zero, 1e-12)
    except RuntimeError as error:
        shapes = (
            "x may be (B, T, D). Its mean over the last axis is (B, T): keepdim=True makes it (B, T, 1), which fits."
        )
        raise Hint(f"{shapes} torch's error: {error}") from None
    whole = (x - x.mean()) / x.var(correction=0).sqrt()
    expect(
        not is_close(y, whole),
        "You took one mean over all tokens. Every token has its own: take the mean over the last axis only.",
    )
    for axis in (0, 1):
        other = (x - x.mean(axis, keepdim=True)) / x.var(axis, correction=0, keepdim=True).sqrt()
        expect(
            not is_close(y, other),
            f"You normalised along axis {axis}. The numbers of one token lie along the last axis.",
        )
    expect(isinstance(y, Tensor) and y.shape == x.shape, "The result has the shape of x, here (2, 3, 4).")
    expect(
        is_close(y, F.layer_norm(x, (4,), one, zero, 1e-12)),
        "For two rows of three tokens the result is not that of F.layer_norm.",
    )


def norm_scales_and_shifts(layer_norm):
    x = random_numbers(2, 3, 4).float()
    gamma, beta = torch.tensor([1.0, 2.0, 0.5, -1.0]), torch.tensor([0.0, 1.0, -1.0, 3.0])
    plain = F.layer_norm(x, (4,), eps=1e-12)
    y = layer_norm(x, gamma, beta, 1e-12)
    expect(not is_close(y, plain), "gamma and beta are not used.")
    expect(not is_close(y, (plain + beta) * gamma), "Multiply by gamma first, then add beta.")
    expect(
        is_close(y, plain * gamma + beta), "After normalising, gamma scales each of the D numbers, and beta shifts it."
    )


def norm_of_equal_numbers(layer_norm):
    one, zero = torch.ones(4), torch.zeros(4)
    y = layer_norm(torch.full((2, 4), 7.0), one, zero, 1e-12)
    expect(bool(torch.isfinite(y).all()), "A token with four equal numbers becomes nan. eps prevents this.")
    x = torch.tensor([[1.0, 2.0, 3.0, 6.0]])
    y = layer_norm(x, one, zero, 0.5)  # a large eps shows where it is added: sqrt(3.5 + 0.5) = 2
    outside = (x - 3) / (3.5**0.5 + 0.5)
    expect(not is_close(y, outside), "Add eps to the variance, inside the square root, not to the standard deviation.")
    expect(not is_close(y, (x - 3) / 3.5**0.5), "eps is not used.")
    expect(is_close(y, (x - 3) / 2), "With eps 0.5 and variance 3.5 the divisor is sqrt(4) = 2.")


# ---- attend ----------------------------------------------------------------------------------------------


def split_wrongly(x: Tensor, heads: int) -> Tensor:
    """(B, T, D) cut into heads without moving an axis: tokens get mixed."""
    return x.reshape(x.size(0), heads, x.size(1), -1)


def attention_of_a_batch(attend):
    part, x = make_part(Attention), random_numbers(3, 2, 5, 8).float()
    y = attend(x, part, None)
    expect(isinstance(y, Tensor), "Return a tensor, (B, T, D).")
    expect(y.shape == x.shape, f"The result has the shape of x, here (2, 5, 8). Yours has shape {tuple(y.shape)}.")
    q, k, v = (linear(x) for linear in (part.query, part.key, part.value))
    one_head = (q @ k.mT / math.sqrt(8)).softmax(-1) @ v
    expect(not is_close(y, part.output(one_head)), "You used one head. Split queries, keys and values into part.heads.")
    q, k, v = (y.unflatten(-1, (2, 4)).transpose(1, 2) for y in (q, k, v))
    for divisor, hint in (
        (1, "You did not divide the scores by the square root of d_k, where d_k is the size of a head."),
        (math.sqrt(8), "You divided by the square root of D. The size of a head is d_k = D / H."),
        (4, "You divided by d_k. Divide by its square root."),
    ):
        z = (q @ k.mT / divisor).softmax(-1) @ v
        expect(not is_close(y, part.output(z.transpose(1, 2).flatten(2))), hint)
    z = (q @ k.mT / 2).softmax(-1) @ v
    expect(
        not is_close(y, z.transpose(1, 2).flatten(2)),
        "The last linear layer is missing: part.output mixes what the heads have gathered.",
    )
    expect(
        not is_close(y, part.output(z.reshape(2, 5, 8))),
        "You merged the heads without moving the axis of the heads back next to d_k: transpose(1, 2) first.",
    )
    q, k, v = (split_wrongly(linear(x), 2) for linear in (part.query, part.key, part.value))
    mixed = (q @ k.mT / 2).softmax(-1) @ v
    expect(
        not any(is_close(y, part.output(m)) for m in (mixed.reshape(2, 5, 8), mixed.transpose(1, 2).flatten(2))),
        "You cut (B, T, D) into (B, H, T, d_k) directly, which mixes tokens. First make it (B, T, H, d_k), then "
        "transpose.",
    )
    expect(is_close(y, run_torch_attention(x, part, None)), "The result is not that of nn.MultiheadAttention.")


def attention_with_padding(attend):
    part, x = make_part(Attention), random_numbers(4, 2, 5, 8).float()
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    y, right = attend(x, part, mask), run_torch_attention(x, part, mask)
    expect(
        isinstance(y, Tensor) and not y.isnan().any(),
        "There is nan in the result: some row of the scores is -inf everywhere. The mask belongs to the keys, which "
        "are the last axis of the scores.",
    )
    expect(not is_close(y, run_torch_attention(x, part, None)), "The mask has no effect.")
    expect(
        not is_close(y[1, :3], run_torch_attention(x, part, ~mask | mask[:, :1])[1, :3]) and is_close(y[0], right[0]),
        "The mask is True for a token that may be attended to. Fill the scores of the others, ~mask, with -inf.",
    )
    alone = attend(x[1:, :3], part, None)
    expect(
        is_close(y[1:, :3], alone),
        "A text that is padded gets other vectors than the same text alone. Padding must receive a weight of exactly "
        "0: fill its scores with -math.inf before the softmax.",
    )


# ---- feed_forward ----------------------------------------------------------------------------------------


def feed_forward_of_a_batch(feed_forward):
    part, x = make_part(FeedForward), random_numbers(5, 2, 3, 8).float()
    y, wide = feed_forward(x, part), part.expand(x)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, (B, T, D).")
    expect(
        not is_close(y, part.contract(wide)),
        "The nonlinearity is missing. Without it the two linear layers collapse into one.",
    )
    expect(not is_close(y, part.contract(F.relu(wide))), "This is ReLU. BERT uses GELU: F.gelu.")
    expect(not is_close(y, F.gelu(part.contract(F.gelu(wide)))), "There is no nonlinearity after the second layer.")
    expect(
        not is_close(y, F.gelu(part.contract(wide))), "GELU belongs between the two layers, where the vector is wide."
    )
    expect(
        not is_close(y, part.contract(F.gelu(wide, approximate="tanh"))),
        "This is the approximation of GELU by tanh. BERT's first code, and Hugging Face's `gelu`, use erf.",
    )
    expect(
        not is_close(y, x + compute_feed_forward(x, part)),
        "Do not add x here. The layer does that in the next exercise.",
    )
    expect(is_close(y, compute_feed_forward(x, part)), "The result is not contract(GELU(expand(x))).")


# ---- encoder_layer ---------------------------------------------------------------------------------------


def layer_of_a_batch(encoder_layer):
    layer, x = make_layer(), random_numbers(6, 2, 5, 8).float()
    attend, norm, feed, second = layer.attention, layer.attention_norm, layer.feed_forward, layer.feed_forward_norm
    y = encoder_layer(x, layer, None)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, (B, T, D).")
    z, bare = norm(x + attend(x)), norm(attend(x))
    inner = x + norm(attend(x))
    pre = x + attend(norm(x))
    for wrong, hint in (
        (second(feed(bare)), "Nothing is added. Add the output of each part to its input, then normalise."),
        (second(bare + feed(bare)), "The first residual connection is missing: x plus the attention's output."),
        (second(feed(z)), "The second residual connection is missing: add the feed-forward network's output, too."),
        (x + attend(x) + feed(x + attend(x)), "Nothing is normalised. A LayerNorm follows each sum."),
        (
            inner + second(feed(inner)),
            "You normalised the output of each part and then added it. BERT adds first, and normalises the sum.",
        ),
        (
            pre + feed(second(pre)),
            "This is pre-norm: you normalise what goes into each part. BERT is post-norm: it normalises the sum.",
        ),
        (norm(z + feed(z)), "You used attention_norm twice. feed_forward_norm follows the second sum."),
        (second(z + feed(x)), "The feed-forward network got the old x. It reads the result of the first LayerNorm."),
        (second(x + feed(z)), "The second sum uses the old x. Add to the result of the first LayerNorm."),
    ):
        expect(not is_close(y, wrong), hint)
    expect(is_close(y, make_torch_layer(layer)(x)), "The result is not that of PyTorch's nn.TransformerEncoderLayer.")


def layer_passes_the_mask(encoder_layer):
    layer, x = make_layer(), random_numbers(7, 1, 5, 8).float()
    mask = torch.tensor([[[[True, True, True, False, False]]]])
    right = make_torch_layer(layer)(x, src_key_padding_mask=~mask[:, 0, 0])[:, :3]
    y = encoder_layer(x, layer, mask)[:, :3]
    expect(
        not is_close(y, encoder_layer(x, layer, None)[:, :3]), "The mask has no effect: pass it on to the attention."
    )
    expect(is_close(y, right), "With a mask the result is not PyTorch's.")


# ---- merge_heads, mean_vectors: find the bug ----------------------------------------------------------------


def merged_heads(merge_heads):
    x = random_numbers(8, 2, 3, 5, 4)
    y = merge_heads(x)
    expect(isinstance(y, Tensor) and y.shape == (2, 5, 12), "Return (B, T, D), where D = H * d_k.")
    expect(
        not is_close(y, x.reshape(2, 5, 12)),
        "The shape is right, but the vector of one token now contains numbers of other tokens. The axes are (B, H, T, "
        "d_k): which two must be next to each other before they are joined?",
    )
    expect(
        is_close(y, torch.cat([x[:, head] for head in range(3)], -1)), "Token t gets head 0, head 1, ... of token t."
    )


def sentence_means(mean_vectors):
    hidden = random_numbers(9, 2, 4, 3)
    mask = torch.tensor([[True] * 4, [True] * 2 + [False] * 2])
    y = mean_vectors(hidden, mask)
    expect(isinstance(y, Tensor) and y.shape == (2, 3), "Return one vector for each text, (B, D).")
    expect(is_close(y[0], hidden[0].mean(0)), "The mean of a text without padding is wrong.")
    expect(
        not is_close(y[1], hidden[1].mean(0)),
        "The second text has 2 tokens and 2 [PAD], and your mean counts all 4. A text must have the same vector in any "
        "batch.",
    )
    expect(
        not is_close(y[1], hidden[1, :2].sum(0) / 4),
        "You left the padding out of the sum, but you still divide by the padded length.",
    )
    expect(is_close(y[1], hidden[1, :2].mean(0)), "The mean of the padded text is not the mean of its two tokens.")


# ---- count_parameters ------------------------------------------------------------------------------------


def count_by_part(config: BertConfig) -> dict[str, int]:
    """The parameters of a real model and of its parts (on the meta device, which holds no numbers)."""
    with torch.device("meta"):
        bert, pooler = Bert(config), Pooler(config)

    def count_matching(part: str) -> int:
        return sum(p.numel() for name, p in bert.named_parameters() if part in name)

    pooler_size = sum(p.numel() for p in pooler.parameters())
    linear_biases = [p for name, p in bert.named_parameters() if name.endswith("bias") and "norm" not in name]
    return {
        "all": count_matching("") + pooler_size,
        "pooler": pooler_size,
        "positions": count_matching("positions"),
        "segments": count_matching("segments"),
        "norms": count_matching("norm."),
        "first norm": count_matching("embeddings.norm"),
        "biases": sum(p.numel() for p in linear_biases) + config.hidden_size,
        "outputs": count_matching("attention.output"),
    }


def check_count(count_parameters, config: BertConfig) -> None:
    answer, sizes = count_parameters(config), count_by_part(config)
    expect(isinstance(answer, int), f"Return a whole number. Yours is {answer!r}; // divides without a remainder.")
    missing = sizes["all"] - answer
    hints = {
        "pooler": "The pooler is missing: one square linear layer with a bias, after the last layer.",
        "positions": "The table of positions is missing.",
        "segments": "The table of segments is missing: it is small, but it is learned.",
        "norms": "The LayerNorms are missing. Each has D scales and D shifts; there is one after the embeddings, and "
        "every layer has two.",
        "first norm": "The LayerNorm after the embeddings is missing.",
        "biases": "The biases are missing: every nn.Linear adds a number to each of its outputs.",
        "outputs": "Attention has four square linear layers: query, key, value, and the output that mixes the heads.",
    }
    for part, hint in hints.items():
        expect(missing != sizes[part], hint)
    expect(missing != sizes["pooler"] + sizes["first norm"], "The pooler and the first LayerNorm are missing.")
    expect(
        answer == sizes["all"],
        f"For {describe_sizes(config)} there are {sizes['all']:,} parameters. Your function returns {answer:,}.",
    )


def describe_sizes(config: BertConfig) -> str:
    return (
        f"L={config.num_hidden_layers}, D={config.hidden_size}, V={config.vocab_size}, "
        f"intermediate_size={config.intermediate_size}"
    )


def count_of_bert_base(count_parameters):
    answer = count_parameters(BertConfig())
    check_count(count_parameters, BertConfig())
    expect(answer == 109_482_240, "bert-base has 109,482,240 parameters.")


def count_of_another_vocabulary(count_parameters):
    config = BertConfig(vocab_size=8000, max_position_embeddings=128, type_vocab_size=3)
    expect(
        count_parameters(config) != 109_482_240,
        "The vocabulary, the positions and the segments changed, but your number did not. Read them from config.",
    )
    check_count(count_parameters, config)


def count_of_other_heads(count_parameters):
    few, many = (count_parameters(BertConfig(num_attention_heads=heads)) for heads in (4, 16))
    expect(few == many, "Your number changes with the number of heads. The heads share the width D and add no weights.")


def count_of_another_width(count_parameters):
    config = BertConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=3, intermediate_size=100)
    wrong = count_by_part(BertConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=3, intermediate_size=384))
    expect(
        count_parameters(config) != wrong["all"],
        "You took 4 * D. The inner width of feed-forward is config.intermediate_size.",
    )
    check_count(count_parameters, config)


EXERCISES = {
    "layer_norm": Exercise(
        "Normalise the last axis of x, then scale by gamma and shift by beta.",
        1,
        5,
        (norm_of_one_vector, norm_of_each_token, norm_scales_and_shifts, norm_of_equal_numbers),
    ),
    "attend": Exercise(
        "The attention sub-layer: split into heads, attend, merge, and mix.",
        3,
        15,
        (attention_of_a_batch, attention_with_padding),
    ),
    "feed_forward": Exercise("The feed-forward network: expand, GELU, contract.", 1, 4, (feed_forward_of_a_batch,)),
    "encoder_layer": Exercise(
        "A post-norm layer: add each part's output to its input, then normalise.",
        2,
        8,
        (layer_of_a_batch, layer_passes_the_mask),
    ),
    "count_parameters": Exercise(
        "Count the parameters of the encoder and its pooler from the config alone.",
        2,
        10,
        (count_of_bert_base, count_of_another_vocabulary, count_of_other_heads, count_of_another_width),
    ),
}
BUGS = {
    "merge_heads": Exercise("Find the bug: heads put next to each other again.", 1, 5, (merged_heads,)),
    "mean_vectors": Exercise("Find the bug: one vector for each text.", 1, 5, (sentence_means,)),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "layer_norm": compute_layer_norm,
        "attend": compute_attention,
        "feed_forward": compute_feed_forward,
        "encoder_layer": compute_layer,
    },
)
