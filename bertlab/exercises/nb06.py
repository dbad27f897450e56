"""The exercises of notebook 06, the encoder: LayerNorm, pre-norm, counting parameters, Google's names."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..heads import Pooler
from ..model import Bert, BertConfig, Layer
from ..weights import from_hf_names
from . import Exercise, Hint, checker, expect

SMALL = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                   max_position_embeddings=16)  # fmt: skip


def close(answer: object, right: Tensor, limit: float = 1e-4) -> bool:
    """Is the answer a tensor of the right shape with nearly the right numbers?"""
    return (
        isinstance(answer, Tensor)
        and answer.shape == right.shape
        and bool((answer.double() - right.double()).abs().max() < limit)
    )


def numbers(size: int, *shape: int) -> Tensor:
    """The same random numbers each time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(size))


# ---- layer_norm ------------------------------------------------------------------------------------------


def norm_of_one_vector(layer_norm):
    x, one, zero = torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.ones(4), torch.zeros(4)
    y = layer_norm(x, one, zero, 1e-12)
    expect(isinstance(y, Tensor), "Return a tensor.")
    expect(y.shape == (4,), f"The result has the shape of x, here (4,). Yours is {tuple(y.shape)}.")
    expect(
        not close(y, x - 3), "The mean is gone, but the numbers are still as wide as before. Divide by the deviation."
    )
    expect(not close(y, (x - 3) / 3.5), "You divided by the variance. Divide by its square root.")
    expect(
        not close(y, (x - 3) / 14**0.5 * 3**0.5),
        "You divided the sum of squares by n - 1. LayerNorm divides by n: look at the argument `correction` or "
        "`unbiased` of torch's var and std.",
    )
    expect(close(y, torch.tensor([-1.0690, -0.5345, 0.0, 1.6036])), "(1, 2, 3, 6) has mean 3 and variance 3.5.")


def norm_of_each_token(layer_norm):
    x = numbers(1, 2, 3, 4) * 3 + 1
    one, zero = torch.ones(4), torch.zeros(4)
    try:
        y = layer_norm(x, one, zero, 1e-12)
    except RuntimeError as error:
        lost = "x may be (B, T, D). Its mean over the last axis is (B, T): keepdim=True keeps it (B, T, 1), which fits."
        raise Hint(f"{lost} torch said: {error}") from None
    whole = (x - x.mean()) / x.var(correction=0).sqrt()
    expect(
        not close(y, whole),
        "With several tokens you took one mean over all of them. Every token has its own: only the last axis counts.",
    )
    for axis in (0, 1):
        other = (x - x.mean(axis, keepdim=True)) / x.var(axis, correction=0, keepdim=True).sqrt()
        expect(
            not close(y, other), f"You normalised along axis {axis}. The numbers of one token lie along the last axis."
        )
    expect(isinstance(y, Tensor) and y.shape == x.shape, "The result has the shape of x, here (2, 3, 4).")
    expect(
        close(y, F.layer_norm(x, (4,), one, zero, 1e-12)), "Two rows of three tokens do not agree with F.layer_norm."
    )


def norm_scales_and_shifts(layer_norm):
    x, gamma, beta = numbers(2, 3, 4), torch.tensor([1.0, 2.0, 0.5, -1.0]), torch.tensor([0.0, 1.0, -1.0, 3.0])
    plain = F.layer_norm(x, (4,), eps=1e-12)
    y = layer_norm(x, gamma, beta, 1e-12)
    expect(not close(y, plain), "gamma and beta are not used.")
    expect(not close(y, (plain + beta) * gamma), "First times gamma, then plus beta.")
    expect(close(y, plain * gamma + beta), "gamma stretches each of the D numbers, beta shifts it, after normalising.")


def norm_of_equal_numbers(layer_norm):
    one, zero = torch.ones(4), torch.zeros(4)
    y = layer_norm(torch.full((2, 4), 7.0), one, zero, 1e-12)
    expect(bool(torch.isfinite(y).all()), "A token with four equal numbers gives nan. eps is there for this case.")
    x = torch.tensor([[1.0, 2.0, 3.0, 6.0]])
    y = layer_norm(x, one, zero, 0.5)  # eps so large that its place is seen: sqrt(3.5 + 0.5) = 2
    outside = (x - 3) / (3.5**0.5 + 0.5)
    expect(not close(y, outside), "eps is added to the variance, inside the square root, not to the deviation.")
    expect(not close(y, (x - 3) / 3.5**0.5), "eps is not used.")
    expect(close(y, (x - 3) / 2), "With eps 0.5 and variance 3.5 the divisor is sqrt(4) = 2.")


# ---- pre_norm --------------------------------------------------------------------------------------------


def a_layer() -> Layer:
    """A small layer whose two norms differ, so that one cannot stand for the other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = Layer(SMALL).eval()
        for number, norm in enumerate((layer.attention_norm, layer.feed_forward_norm)):
            nn.init.uniform_(norm.weight, 0.5 + number, 1.5 + number)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    return layer.requires_grad_(False)


def torch_pre_norm(layer: Layer) -> nn.TransformerEncoderLayer:
    """PyTorch's own pre-norm layer with the same weights: an independent truth."""
    theirs = nn.TransformerEncoderLayer(8, 2, 24, 0.0, F.gelu, 1e-12, batch_first=True, norm_first=True).eval()
    ours = layer.attention
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
    theirs.self_attn.out_proj.load_state_dict(ours.output.state_dict())
    theirs.norm1.load_state_dict(layer.attention_norm.state_dict())
    theirs.norm2.load_state_dict(layer.feed_forward_norm.state_dict())
    theirs.linear1.load_state_dict(layer.feed_forward.expand.state_dict())
    theirs.linear2.load_state_dict(layer.feed_forward.contract.state_dict())
    return theirs.requires_grad_(False)


def norm_comes_first(pre_norm):
    layer, x = a_layer(), numbers(3, 2, 5, 8)
    y = pre_norm(x, layer, None)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, (B, T, D).")
    expect(not close(y, layer(x)), "This is post-norm: you normalise the sum. Normalise what goes into each part.")
    attend, norm = layer.attention, layer.attention_norm
    feed, second = layer.feed_forward, layer.feed_forward_norm

    def then_feed(z: Tensor) -> Tensor:
        return z + feed(second(z))

    def plus_feed(m: Tensor) -> Tensor:
        return m + feed(m)

    n = norm(x)
    both = n + attend(n)
    z = x + attend(n)
    expect(
        not any(close(y, wrong) for wrong in (plus_feed(second(both)), then_feed(both), plus_feed(second(z)))),
        "You added to the normalised x. The residual stream itself is never normalised here: add to x as it came.",
    )
    expect(not close(y, feed(second(attend(n)))), "Nothing is added: each part's output is added to its input.")
    expect(not close(y, then_feed(attend(n))), "The first sum is missing: x plus what attention gathered.")
    expect(not close(y, feed(second(z))), "The second sum is missing: what feed-forward makes is added, too.")
    expect(
        not close(y, z + feed(norm(z))), "You used attention_norm twice. Before feed-forward stands feed_forward_norm."
    )
    expect(not close(y, z + feed(second(x))), "Feed-forward read the old x. It reads the stream after the attention.")
    expect(close(y, torch_pre_norm(layer)(x)), "This is not PyTorch's layer with norm_first=True.")


def mask_is_passed_on(pre_norm):
    layer, x = a_layer(), numbers(4, 1, 5, 8)
    mask = torch.tensor([[[[True, True, True, False, False]]]])
    right = torch_pre_norm(layer)(x, src_key_padding_mask=~mask[:, 0, 0])[:, :3]
    y = pre_norm(x, layer, mask)[:, :3]
    expect(not close(y, pre_norm(x, layer, None)[:, :3]), "The mask makes no difference: hand it to the attention.")
    expect(close(y, right), "With a mask the result is not PyTorch's.")


# ---- count_parameters ------------------------------------------------------------------------------------


def parameters(config: BertConfig) -> dict[str, int]:
    """The truth, counted on a real model (on the meta device, which holds no numbers)."""
    with torch.device("meta"):
        bert, pooler = Bert(config), Pooler(config)

    def count(*wanted: str) -> int:
        return sum(p.numel() for name, p in bert.named_parameters() if any(word in name for word in wanted))

    return {
        "all": count("") + sum(p.numel() for p in pooler.parameters()),
        "pooler": sum(p.numel() for p in pooler.parameters()),
        "positions": count("positions"),
        "segments": count("segments"),
        "norms": count("norm."),
        "first norm": count("embeddings.norm"),
        "biases": sum(p.numel() for name, p in bert.named_parameters() if name.endswith("bias") and "norm" not in name)
        + config.hidden_size,
        "outputs": count("attention.output"),
    }


def judge_count(count_parameters, config: BertConfig) -> None:
    answer, truth = count_parameters(config), parameters(config)
    expect(isinstance(answer, int), f"Return a whole number. Yours is {answer!r}; // keeps a division whole.")
    missing = truth["all"] - answer
    hints = {
        "pooler": "The pooler is missing: a square layer with bias, once, after the last layer.",
        "positions": "The table of positions is missing.",
        "segments": "The table of segments is missing: it is small, but it is learned.",
        "norms": "The LayerNorms are missing. Each has D scales and D shifts; one stands after the embeddings, two in "
        "every layer.",
        "first norm": "The LayerNorm after the embeddings is missing.",
        "biases": "The biases are missing: every nn.Linear adds a number to each of its outputs.",
        "outputs": "Attention has four square layers: query, key, value, and the output that mixes the heads.",
    }
    for part, hint in hints.items():
        expect(missing != truth[part], hint)
    expect(missing != truth["pooler"] + truth["first norm"], "The pooler and the first LayerNorm are missing.")
    expect(answer == truth["all"], f"For {words(config)} it is {truth['all']:,}, and yours is {answer:,}.")


def words(config: BertConfig) -> str:
    return (
        f"L={config.num_hidden_layers}, D={config.hidden_size}, V={config.vocab_size}, "
        f"intermediate_size={config.intermediate_size}"
    )


def count_of_bert_base(count_parameters):
    answer = count_parameters(BertConfig())
    judge_count(count_parameters, BertConfig())
    expect(answer == 109_482_240, "bert-base has 109,482,240.")


def count_of_another_vocabulary(count_parameters):
    one = BertConfig(vocab_size=8000, max_position_embeddings=128, type_vocab_size=3)
    expect(
        count_parameters(one) != 109_482_240,
        "The vocabulary, the positions and the segments changed, and your number did not. Read them from config.",
    )
    judge_count(count_parameters, one)


def count_of_other_heads(count_parameters):
    few, many = (count_parameters(BertConfig(num_attention_heads=heads)) for heads in (4, 16))
    expect(few == many, "With more heads your number changes. The heads share the width D: they add no weights.")


def count_of_another_width(count_parameters):
    config = BertConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=3, intermediate_size=100)
    wrong = parameters(BertConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=3, intermediate_size=384))
    expect(
        count_parameters(config) != wrong["all"], "You took 4 * D. The width in between is config.intermediate_size."
    )
    judge_count(count_parameters, config)


# ---- from_google -----------------------------------------------------------------------------------------


def renamed(from_google, name: str, tensor: Tensor) -> tuple[str, Tensor]:
    answer = from_google(name, tensor)
    expect(
        isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], str) and isinstance(answer[1], Tensor),
        "Return two things: the new name, and the tensor.",
    )
    return answer


def names_of_a_layer(from_google):
    three = {
        "bert/encoder/layer_0/attention/self/query/bias": "encoder.layer.0.attention.self.query.bias",
        "bert/encoder/layer_3/attention/output/dense/bias": "encoder.layer.3.attention.output.dense.bias",
        "bert/encoder/layer_11/intermediate/dense/bias": "encoder.layer.11.intermediate.dense.bias",
    }
    for theirs, right in three.items():
        name, _ = renamed(from_google, theirs, torch.zeros(4))
        expect("/" not in name, f"{name} still has a slash. Hugging Face separates with dots.")
        expect(not name.startswith("bert."), f"{name} should begin without bert: a plain BertModel's names do.")
        expect("layer_" not in name, f"{name} still has layer_ in it: Hugging Face writes layer, a dot, the number.")
        if "layer_11" in theirs:
            expect(name == right, f"Layer 11 became {name}. A layer's number may have two digits.")
        expect(name == right, f"{theirs} became {name}.")


def names_of_weights(from_google):
    pairs = {
        "bert/encoder/layer_1/output/LayerNorm/gamma": "encoder.layer.1.output.LayerNorm.weight",
        "bert/encoder/layer_1/output/LayerNorm/beta": "encoder.layer.1.output.LayerNorm.bias",
        "bert/embeddings/LayerNorm/gamma": "embeddings.LayerNorm.weight",
        "bert/pooler/dense/kernel": "pooler.dense.weight",
    }
    for theirs, right in pairs.items():
        name, _ = renamed(from_google, theirs, torch.zeros(4, 4))
        expect(
            not name.endswith(("gamma", "beta")), "A LayerNorm's gamma is called weight, and its beta is called bias."
        )
        expect(not name.endswith("kernel"), "A layer's kernel is called weight.")
        expect(name == right, f"{theirs} became {name}.")


def names_of_tables(from_google):
    for table in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        name, _ = renamed(from_google, f"bert/embeddings/{table}", torch.zeros(6, 4))
        expect(
            table in name,
            f"{table} became {name}. An underscore belongs to a name, except in front of a layer's number.",
        )
        expect(name != f"embeddings.{table}", f"The table {table} ends without a word for its weight: add .weight.")
        expect(name == f"embeddings.{table}.weight", f"{table} became {name}.")


def kernels_are_turned(from_google):
    wide = numbers(5, 4, 6)
    _, tensor = renamed(from_google, "bert/encoder/layer_0/intermediate/dense/kernel", wide)
    expect(
        tensor.shape == (6, 4),
        "A kernel of Google's is (in, out), the weight of nn.Linear is (out, in). This one must be turned.",
    )
    expect(close(tensor, wide.T), "The shape is right, but not the numbers: transpose, do not reshape.")
    _, tensor = renamed(from_google, "bert/encoder/layer_0/attention/self/key/kernel", wide[:, :4])
    expect(
        close(tensor, wide[:, :4].T),
        "A square kernel must be turned, too. Nothing else would notice: its shape is right either way.",
    )
    _, tensor = renamed(from_google, "bert/embeddings/word_embeddings", wide)
    expect(close(tensor, wide), "A table of embeddings is (words, D) on both sides. Leave it as it is.")


def google_of(bert: Bert) -> dict[str, Tensor]:
    """The weights of a small Bert as a checkpoint of Google's would name them, written out by hand."""
    made, e = {}, bert.embeddings
    for table, name in ((e.words, "word"), (e.positions, "position"), (e.segments, "token_type")):
        made[f"bert/embeddings/{name}_embeddings"] = table.weight
    linear, norms = {}, {"bert/embeddings/LayerNorm": e.norm}
    for number, layer in enumerate(bert.layers):
        start, attention, feed = f"bert/encoder/layer_{number}", layer.attention, layer.feed_forward
        linear |= {f"{start}/attention/self/{name}": getattr(attention, name) for name in ("query", "key", "value")}
        linear |= {f"{start}/attention/output/dense": attention.output, f"{start}/intermediate/dense": feed.expand}
        linear |= {f"{start}/output/dense": feed.contract}
        norms |= {f"{start}/attention/output/LayerNorm": layer.attention_norm}
        norms |= {f"{start}/output/LayerNorm": layer.feed_forward_norm}
    for name, part in linear.items():
        made |= {f"{name}/kernel": part.weight.T, f"{name}/bias": part.bias}
    for name, part in norms.items():
        made |= {f"{name}/gamma": part.weight, f"{name}/beta": part.bias}
    return {name: tensor.detach().clone() for name, tensor in made.items()}


def a_whole_checkpoint(from_google):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        original, copy = Bert(SMALL).eval(), Bert(SMALL).eval()
    found = dict(renamed(from_google, name, tensor) for name, tensor in google_of(original).items())
    copy.load_state_dict({name.removeprefix("bert."): tensor for name, tensor in from_hf_names(found).items()})
    ids = torch.arange(1, 11)[None]
    with torch.no_grad():
        expect(
            close(copy(ids), original(ids), 1e-5), "The model that you loaded does not compute what the original did."
        )


EXERCISES = {
    "layer_norm": Exercise(
        "Normalise the last axis of x, then scale by gamma and shift by beta.",
        1,
        5,
        (norm_of_one_vector, norm_of_each_token, norm_scales_and_shifts, norm_of_equal_numbers),
    ),
    "pre_norm": Exercise(
        "Run a layer's parts in the pre-norm order: normalise what goes in, not what comes out.",
        2,
        8,
        (norm_comes_first, mask_is_passed_on),
    ),
    "count_parameters": Exercise(
        "Count the parameters of the encoder and its pooler from the config alone.",
        2,
        10,
        (count_of_bert_base, count_of_another_vocabulary, count_of_other_heads, count_of_another_width),
    ),
    "from_google": Exercise(
        "Turn a name and a tensor of Google's first checkpoints into Hugging Face's.",
        3,
        15,
        (names_of_a_layer, names_of_weights, names_of_tables, kernels_are_turned, a_whole_checkpoint),
    ),
}
check = checker(EXERCISES)
