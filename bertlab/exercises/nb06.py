"""The exercises of notebook 06, the encoder: LayerNorm, attention, feed-forward, the layer, counting parameters."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..heads import Pooler
from ..model import Attention, Bert, BertConfig, FeedForward
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, explain_shapes, is_close, random_numbers
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


def run_unchanged(answer, x: Tensor, *others: object) -> object:
    """The answer for x. Raises Hint if the function changed x itself."""
    before = x.clone()
    y = answer(x, *others)
    expect(
        torch.equal(x, before),
        "Your function changes the tensor x that it is given, for example by += or -=. Others still need the old x: "
        "make a new tensor.",
    )
    return y


# ---- layer_norm ------------------------------------------------------------------------------------------


def norm_of_one_vector(layer_norm):
    x, one, zero = torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.ones(4), torch.zeros(4)
    try:
        y = run_unchanged(layer_norm, x, one, zero, 1e-12)
    except (IndexError, ValueError):
        raise Hint("x may be a single token (D,). Count the axis from the end: -1 is the last axis of any x.") from None
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
    expect(
        not is_close(y, (x - 3) / 14**0.5), "You divided by the root of the sum of squares. Divide that sum by n first."
    )
    expect(
        not is_close(y, x / 3.5**0.5) and not is_close(y, x / 12.5**0.5),
        "The mean is not subtracted. After normalising, the numbers of a token have mean 0.",
    )
    expect(not is_close(y, one), "Here gamma is 1 and beta is 0. gamma multiplies, and beta is added.")
    expect(is_close(y, (x - 3) / 3.5**0.5), "(1, 2, 3, 6) has mean 3 and variance 3.5.")


def norm_of_each_token(layer_norm):
    x = random_numbers(1, 2, 3, 5).float() * 3 + 1
    one, zero = torch.ones(5), torch.zeros(5)
    try:
        y = layer_norm(x, one, zero, 1e-12)
    except (RuntimeError, ValueError) as error:
        expect("calar" not in str(error), "There is one variance for each token. Take all their roots: torch.sqrt.")
        explain_shapes(
            error,
            "x may be (B, T, D). Its mean over the last axis is (B, T): keepdim=True makes it (B, T, 1), which fits.",
        )
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
    for whole in ((x - x.mean()) / variance.sqrt(), (x - x.mean()) / x.var(correction=0).sqrt()):
        expect(
            not is_close(y, whole),
            "You took one mean over all tokens. Every token has its own: take the mean over the last axis only.",
        )
    expect(
        not is_close(y, (x - mean) / x.var(correction=0).sqrt()),
        "You took one variance over all tokens. Every token has its own: take it over the last axis only.",
    )
    for axis in (0, 1):
        other = (x - x.mean(axis, keepdim=True)) / x.var(axis, correction=0, keepdim=True).sqrt()
        expect(
            not is_close(y, other),
            f"You normalised along axis {axis}. The numbers of one token lie along the last axis.",
        )
    expect(isinstance(y, Tensor) and y.shape == x.shape, "The result has the shape of x, here (2, 3, 5).")
    expect(
        is_close(y, F.layer_norm(x, (5,), one, zero, 1e-12)),
        "For two rows of three tokens of 5 numbers the result is not that of F.layer_norm. Use no fixed number for D.",
    )


def norm_scales_and_shifts(layer_norm):
    x = random_numbers(2, 3, 4).float()
    gamma, beta = torch.tensor([1.0, 2.0, 0.5, -1.0]), torch.tensor([0.0, 1.0, -1.0, 3.0])
    plain = F.layer_norm(x, (4,), eps=1e-12)
    y = layer_norm(x, gamma, beta, 1e-12)
    expect(not is_close(y, plain), "gamma and beta are not used.")
    expect(not is_close(y, plain + beta), "gamma is not used.")
    expect(not is_close(y, plain * gamma), "beta is not used.")
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


def run_attend(attend, x: Tensor, part: Attention, mask: Tensor | None) -> Tensor:
    """The answer, if it is a tensor with the shape of x. Errors that beginners often meet become hints."""
    try:
        y = run_unchanged(attend, x, part, mask)
    except (RuntimeError, TypeError, AttributeError) as error:
        expect(
            mask is not None or "NoneType" not in str(error),
            "Your function fails where mask is None. Then nothing is padded, and no score is filled.",
        )
        expect("view size" not in str(error), "After a transpose, view fails. Use reshape or flatten there.")
        expect("Boolean" not in str(error), "A mask is many truth values. Ask `mask is not None`, and invert it by ~.")
        explain_shapes(
            error,
            "Two shapes do not fit. q, k and v should be (B, H, T, d_k), and the scores (B, H, T, T). The mask (B, "
            "T) needs an axis of size 1 for the heads, and one for the queries.",
        )
    expect(isinstance(y, Tensor), "Return a tensor, (B, T, D).")
    expect(y.shape == x.shape, f"The result has the shape of x, {tuple(x.shape)}. Yours has shape {tuple(y.shape)}.")
    return y


def run_heads(part: Attention, q: Tensor, k: Tensor, v: Tensor, d_k: int) -> Tensor:
    """Attention in any number of heads (B, H, T, d_k), merged and mixed."""
    return part.output(((q @ k.mT / math.sqrt(d_k)).softmax(-1) @ v).transpose(1, 2).flatten(2))


def attention_of_a_batch(attend):
    part, x = make_part(Attention), random_numbers(3, 3, 5, 8).float()
    y = run_attend(attend, x, part, None)
    q, k, v = wide = [linear(x) for linear in (part.query, part.key, part.value)]
    one_head = (q @ k.mT / math.sqrt(8)).softmax(-1) @ v
    unscaled = (q @ k.mT / math.sqrt(4)).softmax(-1) @ v
    expect(
        not any(is_close(y, part.output(z)) for z in (one_head, unscaled)),
        "You used one head. Split queries, keys and values into part.heads.",
    )
    q, k, v = (y.unflatten(-1, (2, 4)).transpose(1, 2) for y in wide)
    scores = q @ k.mT / 2
    for weights, values, hint in (
        (
            (2 * scores).softmax(-1),
            v,
            "You did not divide the scores by the square root of d_k, where d_k is the size of a head.",
        ),
        (
            (2 * scores / math.sqrt(8)).softmax(-1),
            v,
            "You divided by the square root of D. The size of a head is d_k = D / H.",
        ),
        ((scores / 2).softmax(-1), v, "You divided by d_k. Divide by its square root."),
        ((4 * scores).softmax(-1), v, "You multiplied by the square root of d_k. Divide by it."),
        ((2 * scores / math.sqrt(2)).softmax(-1), v, "You divided by the root of the number of heads, not of d_k."),
        (scores, v, "The softmax is missing. The weights of each query are positive and sum to 1."),
        (scores.softmax(-2), v, "The softmax runs over the queries. It belongs to the keys, the last axis."),
        (scores.mT.softmax(-1), v, "The scores are keys times queries. Row t belongs to query t: q @ k.mT."),
        ((k @ k.mT / 2).softmax(-1), v, "Your queries and keys are the same. Queries come from part.query."),
        ((q @ q.mT / 2).softmax(-1), v, "Your queries and keys are the same. Keys come from part.key."),
        (scores.softmax(-1), k, "You averaged the keys. The weights average the values, part.value(x)."),
    ):
        expect(not is_close(y, part.output((weights @ values).transpose(1, 2).flatten(2))), hint)
    z = scores.softmax(-1) @ v
    expect(
        not is_close(y, z.transpose(1, 2).flatten(2)),
        "The last linear layer is missing: part.output mixes what the heads have gathered.",
    )
    expect(
        not is_close(y, part.output(z.reshape(3, 5, 8))),
        "You merged the heads without moving the axis of the heads back next to d_k: transpose(1, 2) first.",
    )
    expect(
        not is_close(y, x + part.output(z.transpose(1, 2).flatten(2))),
        "Do not add x here. The layer does that in exercise 4.",
    )
    by_number = [y.unflatten(-1, (4, 2)) for y in wide]  # (B, T, d_k, H)
    for q, k, v in ([y.transpose(1, 2) for y in by_number], [y.permute(0, 3, 1, 2) for y in by_number]):
        expect(
            not any(is_close(y, run_heads(part, q, k, v, d)) for d in (2, 4)),
            "You split D into (d_k, H). The numbers of a head are next to each other: split D into (H, d_k).",
        )
    q, k, v = (y.unflatten(-1, (2, 4)) for y in wide)
    expect(
        not is_close(y, part.output(((q @ k.mT / 2).softmax(-1) @ v).flatten(2))),
        "Your scores compare the heads of one token with each other. Move the axis of the heads before that of the "
        "tokens: (B, H, T, d_k).",
    )
    q, k, v = (split_wrongly(linear(x), 2) for linear in (part.query, part.key, part.value))
    mixed = (q @ k.mT / 2).softmax(-1) @ v
    expect(
        not any(is_close(y, part.output(m)) for m in (mixed.reshape(3, 5, 8), mixed.transpose(1, 2).flatten(2))),
        "You cut (B, T, D) into (B, H, T, d_k) directly, which mixes tokens. First make it (B, T, H, d_k), then "
        "transpose.",
    )
    expect(is_close(y, run_torch_attention(x, part, None)), "The result is not that of nn.MultiheadAttention.")


def attention_with_padding(attend):
    part, x = make_part(Attention), random_numbers(4, 3, 5, 8).float()
    part.heads = 4
    expect(
        is_close(run_attend(attend, x, part, None), run_torch_attention(x, part, None)),
        "With 4 heads, where d_k is 2, the result is wrong. Read the number of heads from part.heads.",
    )
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] * 4 + [False]])
    y, right, bare = run_attend(attend, x, part, mask), *(run_torch_attention(x, part, m) for m in (mask, None))
    expect(
        not is_close(y[1], run_torch_attention(x, part, ~mask)[1]),
        "Your real tokens attend to the padding only. The mask is True for a token that may be attended to: fill the "
        "scores of the others, ~mask, with -inf.",
    )
    expect(
        not y.isnan().any(),
        "There is nan in the result: some row of the scores is -inf everywhere, or weights were filled after the "
        "softmax. The mask belongs to the keys, which are the last axis of the scores.",
    )
    expect(not is_close(y, bare), "The mask has no effect.")
    expect(
        not is_close(y[1, :3], bare[1, :3]),
        "Your real tokens still attend to [PAD]. The mask belongs to the keys, which are the last axis of the scores.",
    )
    expect(
        is_close(y[0], right[0]), "The first text has no padding, and yet the mask changes it. Each text has a mask."
    )
    expect(
        is_close(y[1:2, :3], run_attend(attend, x[1:2, :3], part, None)) and is_close(y[2, :4], right[2, :4]),
        "A text that is padded gets other vectors than the same text alone. Padding must receive a weight of exactly "
        "0, and the others must still sum to 1: fill its scores with -math.inf before the softmax.",
    )


# ---- feed_forward ----------------------------------------------------------------------------------------


def feed_forward_of_a_batch(feed_forward):
    part, x = make_part(FeedForward), random_numbers(5, 2, 3, 8).float()
    try:
        y, wide = run_unchanged(feed_forward, x, part), part.expand(x)
    except RuntimeError as error:
        explain_shapes(error, "Two shapes do not fit. expand comes first and takes D numbers, contract takes 4 D.")
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
        not is_close(y, part.contract(part.expand(F.gelu(x)))),
        "GELU comes too early. It belongs between the two layers, where the vector is wide.",
    )
    for gate in (1, 1.702):
        expect(
            not is_close(y, part.contract(wide * torch.sigmoid(gate * wide))),
            "x times a sigmoid is SiLU, or with 1.702 an approximation of GELU. BERT's GELU uses erf.",
        )
    normal = (1 + torch.erf(wide / math.sqrt(2))) / 2
    expect(not is_close(y, part.contract(normal)), "This is only the probability. GELU(x) is x times it.")
    expect(not is_close(y, part.contract(2 * wide * normal)), "The factor 1/2 in the formula of GELU is missing.")
    expect(
        not is_close(y, part.contract(wide / 2 * (1 + torch.erf(wide)))),
        "In the formula of GELU, erf gets x divided by the square root of 2.",
    )
    expect(
        not is_close(y, x + compute_feed_forward(x, part)),
        "Do not add x here. The layer does that in the next exercise.",
    )
    expect(
        is_close(y, compute_feed_forward(x, part)),
        "The result is not that of two linear layers, biases and all, with GELU between.",
    )


# ---- encoder_layer ---------------------------------------------------------------------------------------


def layer_of_a_batch(encoder_layer):
    layer, x = make_layer(), random_numbers(6, 2, 5, 8).float()
    attend, norm, feed, second = layer.attention, layer.attention_norm, layer.feed_forward, layer.feed_forward_norm
    y = run_unchanged(encoder_layer, x, layer, None)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, (B, T, D).")
    z, bare = norm(x + attend(x)), norm(attend(x))
    inner = x + norm(attend(x))
    pre = x + attend(norm(x))
    late, early = second(x + attend(x)), second(x + feed(x))
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
        (z, "The second half is missing: the feed-forward network, the sum and its LayerNorm."),
        (z + feed(z), "The second LayerNorm is missing. A LayerNorm follows each sum."),
        (second(x + attend(x) + feed(x + attend(x))), "The first LayerNorm is missing. A LayerNorm follows each sum."),
        (feed(attend(x)), "Nothing is added and nothing is normalised."),
        (norm(late + feed(late)), "You swapped the two norms: attention_norm follows the first sum."),
        (second(late + feed(late)), "You used feed_forward_norm twice. attention_norm follows the first sum."),
        (norm(early + attend(early)), "The order is attention first, then the feed-forward network."),
        (second(inner + feed(inner)), "You normalised the attention's output, then added x. Normalise the sum."),
        (z + second(feed(z)), "You normalised the output of the second part, then added. Normalise the sum."),
        (early, "The attention is missing, or its result is not used by the second half."),
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
    try:
        y = encoder_layer(x, layer, mask)[:, :3]
    except (RuntimeError, IndexError) as error:
        raise Hint(f"It fails with a mask. Pass the mask on to layer.attention as it is. The error: {error}") from None
    expect(
        not is_close(y, encoder_layer(x, layer, None)[:, :3]), "The mask has no effect: pass it on to the attention."
    )
    expect(is_close(y, right), "With a mask the result is not PyTorch's. Pass the mask on as it is.")


# ---- stack_layers: find the bug ----------------------------------------------------------------------------


def stacked_layers(stack_layers):
    with torch.random.fork_rng(devices=[]):
        layers = stack_layers(lambda: nn.Linear(3, 2), 4)
    expect(
        isinstance(layers, nn.ModuleList),
        "Return an nn.ModuleList: a model does not find the parameters of layers in a plain list.",
    )
    expect(len(layers) == 4, f"For a count of 4 there should be 4 layers. Yours has {len(layers)}.")
    found = sum(parameter.numel() for parameter in layers.parameters())
    expect(
        found != 8,
        "A stack of 4 layers with 8 parameters each should have 32 parameters. Yours has 8, although it has 4 places. "
        "How many different layers are in them?",
    )
    expect(found == 32, f"A stack of 4 layers with 8 parameters each should have 32 parameters. Yours has {found}.")


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
        "layer": count_matching("layers.0"),
        "second norms": count_matching("feed_forward_norm"),
        "norms of layers": count_matching("_norm."),  # as many as the biases of attention
        "norms halved": count_matching("norm.bias"),
        "feed-forward biases": sum(p.numel() for p in linear_biases)
        - config.num_hidden_layers * 4 * config.hidden_size,
        "contract": count_matching("contract"),
        "contract weights": count_matching("contract.weight"),
    }


def check_count(count_parameters, config: BertConfig) -> None:
    answer, sizes = as_number(count_parameters(config), "one number of parameters"), count_by_part(config)
    missing = sizes["all"] - answer
    hints = {
        "pooler": "The pooler is missing: one square linear layer with a bias, after the last layer.",
        "positions": "The table of positions is missing.",
        "segments": "The table of segments is missing: it is small, but it is learned.",
        "norms": "The LayerNorms are missing. Each has D scales and D shifts; there is one after the embeddings, and "
        "every layer has two.",
        "first norm": "The LayerNorm after the embeddings is missing.",
        "biases": "The biases are missing: every nn.Linear adds a number to each of its outputs.",
        "second norms": "A layer has two LayerNorms, and you counted one.",
        "norms of layers": "In each layer 4 D are missing. These are the two LayerNorms or the biases of attention.",
        "norms halved": "You counted D for each LayerNorm. It has D scales and D shifts.",
        "feed-forward biases": "The biases of the feed-forward network are missing: one for each output of a layer.",
        "contract": "The feed-forward network has two linear layers, from D to the inner width and back.",
        "contract weights": "The feed-forward network has two matrices, from D to the inner width and back.",
        "outputs": "Attention has four square linear layers: query, key, value, and the output that mixes the heads.",
    }
    for part, hint in hints.items():
        expect(missing != sizes[part], hint)
    expect(missing != sizes["pooler"] + sizes["first norm"], "The pooler and the first LayerNorm are missing.")
    for name, size in (("vocab_size", 30_522), ("max_position_embeddings", 512), ("type_vocab_size", 2)):
        wrong = (getattr(config, name) - size) * config.hidden_size
        expect(not wrong or missing != wrong, f"You took bert-base's {name}. Read it from config.")
    expect(missing != sizes["positions"] + sizes["segments"], "The tables of positions and segments are missing.")
    layers, D, inner = config.num_hidden_layers, config.hidden_size, config.intermediate_size
    expect(
        not missing or missing != layers * (inner - 4 * D) * (2 * D + 1),
        "You took 4 * D. The inner width of feed-forward is config.intermediate_size.",
    )
    expect(missing != D, "The bias of one linear layer is missing. The pooler has one, too.")
    expect(missing != sizes["layer"], "One layer too few is counted.")
    expect(missing != (layers - 1) * sizes["layer"], f"You counted one layer. There are {layers}.")
    expect(layers == 12 or missing != (layers - 12) * sizes["layer"], f"You counted 12 layers. There are {layers}.")
    expect(
        abs(missing) != layers * (inner - D),
        "The two biases of the feed-forward network differ in size: each has one number for each output of its layer.",
    )
    expect(
        answer == sizes["all"],
        f"For {describe_sizes(config)} there are {sizes['all']:,} parameters. Your function returns {answer:,.0f}.",
    )


def describe_sizes(config: BertConfig) -> str:
    return (
        f"L={config.num_hidden_layers}, D={config.hidden_size}, V={config.vocab_size}, "
        f"intermediate_size={config.intermediate_size}, max_position_embeddings={config.max_position_embeddings}, "
        f"type_vocab_size={config.type_vocab_size}"
    )


def count_of_another_vocabulary(count_parameters):
    config = BertConfig(vocab_size=8000, max_position_embeddings=128, type_vocab_size=5, intermediate_size=2000)
    expect(
        count_parameters(config) != 109_482_240,
        "The vocabulary, the positions and other sizes changed, but your number did not. Read them from config.",
    )
    check_count(count_parameters, config)


def count_of_bert_base(count_parameters):
    check_count(count_parameters, BertConfig())
    expect(count_parameters(BertConfig()) == 109_482_240, "bert-base has 109,482,240 parameters.")


def count_of_other_heads(count_parameters):
    few, many = (count_parameters(BertConfig(num_attention_heads=heads)) for heads in (4, 16))
    expect(few == many, "Your number changes with the number of heads. The heads share the width D and add no weights.")


def count_of_another_width(count_parameters):
    config = BertConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=3, intermediate_size=100)
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
        (count_of_another_vocabulary, count_of_bert_base, count_of_other_heads, count_of_another_width),
    ),
}
BUGS = {
    "stack_layers": Exercise("Find the bug: a strict load that goes wrong.", 1, 5, (stacked_layers,)),
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
