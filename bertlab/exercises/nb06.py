"""The exercises of notebook 06, the encoder: LayerNorm, pre-norm, counting parameters, Google's names."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..heads import Pooler
from ..model import Bert, BertConfig, Layer
from ..weight_names import from_hf_names
from . import Exercise, Hint, expect, make_check
from .comparing import is_close, random_numbers

SMALL = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                   max_position_embeddings=16)  # fmt: skip


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


# ---- pre_norm --------------------------------------------------------------------------------------------


def make_layer() -> Layer:
    """A small layer whose two norms differ, so that swapping them shows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = Layer(SMALL).eval()
        for number, norm in enumerate((layer.attention_norm, layer.feed_forward_norm)):
            nn.init.uniform_(norm.weight, 0.5 + number, 1.5 + number)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    return layer.requires_grad_(False)


def make_torch_layer(layer: Layer) -> nn.TransformerEncoderLayer:
    """PyTorch's own pre-norm layer with the same weights, as an independent reference."""
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
    layer, x = make_layer(), random_numbers(3, 2, 5, 8).float()
    y = pre_norm(x, layer, None)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, (B, T, D).")
    expect(not is_close(y, layer(x)), "This is post-norm: you normalise the sum. Normalise the input of each part.")
    attend, norm = layer.attention, layer.attention_norm
    feed, second = layer.feed_forward, layer.feed_forward_norm

    def add_feed_forward(z: Tensor) -> Tensor:
        return z + feed(second(z))

    n = norm(x)
    normalised_sum = n + attend(n)
    z = x + attend(n)
    wrong = [add_feed_forward(normalised_sum), *(m + feed(m) for m in (second(normalised_sum), second(z)))]
    expect(
        not any(is_close(y, answer) for answer in wrong),
        "You added to the normalised x. The residual stream itself is never normalised here: add to x as it is.",
    )
    expect(not is_close(y, feed(second(attend(n)))), "Nothing is added. Add the output of each part to its input.")
    expect(not is_close(y, add_feed_forward(attend(n))), "The first sum is missing: x plus the attention's output.")
    expect(not is_close(y, feed(second(z))), "The second sum is missing: add the output of feed-forward, too.")
    expect(
        not is_close(y, z + feed(norm(z))),
        "You used attention_norm twice. feed_forward_norm comes before feed-forward.",
    )
    expect(
        not is_close(y, z + feed(second(x))),
        "Feed-forward got the old x. It gets the sum of x and the attention's output.",
    )
    expect(is_close(y, make_torch_layer(layer)(x)), "The result is not that of PyTorch's layer with norm_first=True.")


def mask_is_passed_on(pre_norm):
    layer, x = make_layer(), random_numbers(4, 1, 5, 8).float()
    mask = torch.tensor([[[[True, True, True, False, False]]]])
    right = make_torch_layer(layer)(x, src_key_padding_mask=~mask[:, 0, 0])[:, :3]
    y = pre_norm(x, layer, mask)[:, :3]
    expect(not is_close(y, pre_norm(x, layer, None)[:, :3]), "The mask has no effect: pass it to the attention.")
    expect(is_close(y, right), "With a mask the result is not PyTorch's.")


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


# ---- from_google -----------------------------------------------------------------------------------------


def run_from_google(from_google, name: str, tensor: Tensor) -> tuple[str, Tensor]:
    """The new name and the tensor. Raises Hint when the answer is something else."""
    answer = from_google(name, tensor)
    expect(
        isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], str) and isinstance(answer[1], Tensor),
        "Return two things: the new name, and the tensor.",
    )
    return answer


def names_of_a_layer(from_google):
    names = {
        "bert/encoder/layer_0/attention/self/query/bias": "encoder.layer.0.attention.self.query.bias",
        "bert/encoder/layer_3/attention/output/dense/bias": "encoder.layer.3.attention.output.dense.bias",
        "bert/encoder/layer_11/intermediate/dense/bias": "encoder.layer.11.intermediate.dense.bias",
    }
    for theirs, expected in names.items():
        name, _ = run_from_google(from_google, theirs, torch.zeros(4))
        expect("/" not in name, f"{name} still has a slash. Hugging Face separates with dots.")
        expect(
            not name.startswith("bert."), f"{name} should not begin with bert: the names of a plain BertModel do not."
        )
        expect("layer_" not in name, f"{name} still contains layer_: Hugging Face writes layer, a dot, the number.")
        if "layer_11" in theirs:
            expect(name == expected, f"Layer 11 became {name}. A layer's number may have two digits.")
        expect(name == expected, f"{theirs} became {name}; expected {expected}.")


def names_of_weights(from_google):
    names = {
        "bert/encoder/layer_1/output/LayerNorm/gamma": "encoder.layer.1.output.LayerNorm.weight",
        "bert/encoder/layer_1/output/LayerNorm/beta": "encoder.layer.1.output.LayerNorm.bias",
        "bert/embeddings/LayerNorm/gamma": "embeddings.LayerNorm.weight",
        "bert/pooler/dense/kernel": "pooler.dense.weight",
    }
    for theirs, expected in names.items():
        name, _ = run_from_google(from_google, theirs, torch.zeros(4, 4))
        expect(
            not name.endswith(("gamma", "beta")), "A LayerNorm's gamma is called weight, and its beta is called bias."
        )
        expect(not name.endswith("kernel"), "A layer's kernel is called weight.")
        expect(name == expected, f"{theirs} became {name}; expected {expected}.")


def names_of_tables(from_google):
    for table in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        name, _ = run_from_google(from_google, f"bert/embeddings/{table}", torch.zeros(6, 4))
        expect(
            table in name,
            f"{table} became {name}. Keep the underscores of a name; change only the one before a layer's number.",
        )
        expect(name != f"embeddings.{table}", f"The name of the table {table} must end in .weight.")
        expect(name == f"embeddings.{table}.weight", f"{table} became {name}.")


def kernels_are_transposed(from_google):
    wide = random_numbers(5, 4, 6)
    _, tensor = run_from_google(from_google, "bert/encoder/layer_0/intermediate/dense/kernel", wide)
    expect(
        tensor.shape == (6, 4),
        "Google's kernels are (in, out), and the weight of nn.Linear is (out, in). Transpose this one.",
    )
    expect(is_close(tensor, wide.T), "The shape is right, but the numbers are not: transpose instead of reshaping.")
    _, tensor = run_from_google(from_google, "bert/encoder/layer_0/attention/self/key/kernel", wide[:, :4])
    expect(
        is_close(tensor, wide[:, :4].T),
        "A square kernel must be transposed, too. No error would show it, because its shape is right either way.",
    )
    _, tensor = run_from_google(from_google, "bert/embeddings/word_embeddings", wide)
    expect(is_close(tensor, wide), "An embedding table is (words, D) in both. Leave it as it is.")


def make_google_checkpoint(bert: Bert) -> dict[str, Tensor]:
    """The weights of a small Bert under the names of Google's checkpoints, written out by hand."""
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
    found = dict(
        run_from_google(from_google, name, tensor) for name, tensor in make_google_checkpoint(original).items()
    )
    copy.load_state_dict({name.removeprefix("bert."): tensor for name, tensor in from_hf_names(found).items()})
    ids = torch.arange(1, 11)[None]
    with torch.no_grad():
        expect(
            is_close(copy(ids), original(ids)),
            "The model with the loaded weights does not compute what the original does.",
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
        (names_of_a_layer, names_of_weights, names_of_tables, kernels_are_transposed, a_whole_checkpoint),
    ),
}
check = make_check(EXERCISES)
