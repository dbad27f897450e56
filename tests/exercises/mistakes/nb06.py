"""Common mistakes in the exercises of notebook 06: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + eps).sqrt() * gamma + beta
""",
        "n - 1",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean()) / (x.var(correction=0) + eps).sqrt() * gamma + beta
""",
        "over the last axis only",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(0, keepdim=True)) / (x.var(0, correction=0, keepdim=True) + eps).sqrt() * gamma + beta
""",
        "along axis 0",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, correction=0, keepdim=True) + eps) * gamma + beta
""",
        "inside the square root",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + eps) * gamma + beta
""",
        "Divide by its square root",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + eps).sqrt()
""",
        "not used",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1)) / (x.var(-1, correction=0) + eps).sqrt() * gamma + beta
""",
        "keepdim=True",
    ),
    (
        "pre_norm",
        """
def pre_norm(x, layer, mask=None):
    return layer(x, mask)
""",
        "post-norm",
    ),
    (
        "pre_norm",
        """
def pre_norm(x, layer, mask=None):
    x = layer.attention_norm(x)
    x = x + layer.attention(x, mask)
    x = layer.feed_forward_norm(x)
    return x + layer.feed_forward(x)
""",
        "never normalised",
    ),
    (
        "pre_norm",
        """
def pre_norm(x, layer, mask=None):
    x = layer.attention(layer.attention_norm(x), mask)
    return layer.feed_forward(layer.feed_forward_norm(x))
""",
        "Nothing is added",
    ),
    (
        "pre_norm",
        """
def pre_norm(x, layer, mask=None):
    x = x + layer.attention(layer.attention_norm(x))
    return x + layer.feed_forward(layer.feed_forward_norm(x))
""",
        "The mask has no effect",
    ),
    (
        "pre_norm",
        """
def pre_norm(x, layer, mask=None):
    x = x + layer.attention(layer.attention_norm(x), mask)
    return x + layer.feed_forward(layer.attention_norm(x))
""",
        "attention_norm twice",
    ),
    (
        "count_parameters",
        """
def count_parameters(config):
    from bertlab import Bert
    import torch
    with torch.device("meta"):
        return sum(p.numel() for p in Bert(config).parameters())
""",
        "pooler is missing",
    ),
    (
        "count_parameters",
        """
def count_parameters(config):
    c, D, F = config, config.hidden_size, config.intermediate_size
    tables = (c.vocab_size + c.max_position_embeddings + c.type_vocab_size) * D + 2 * D
    layer = 4 * D * D + 2 * D + 2 * D * F + 2 * D
    return tables + c.num_hidden_layers * layer + D * D
""",
        "biases are missing",
    ),
    (
        "count_parameters",
        """
def count_parameters(config):
    c, D, F = config, config.hidden_size, config.intermediate_size
    tables = (c.vocab_size + c.max_position_embeddings + c.type_vocab_size) * D
    layer = 4 * (D * D + D) + 2 * D * F + D + F
    return tables + c.num_hidden_layers * layer + D * D + D
""",
        "LayerNorms are missing",
    ),
    (
        "count_parameters",
        """
def count_parameters(config):
    return 109_482_240
""",
        "Read them from config",
    ),
    (
        "count_parameters",
        """
def count_parameters(config):
    c, D, F = config, config.hidden_size, 4 * config.hidden_size
    tables = (c.vocab_size + c.max_position_embeddings + c.type_vocab_size) * D + 2 * D
    layer = 4 * (D * D + D) + 2 * D + 2 * D * F + D + F + 2 * D
    return tables + c.num_hidden_layers * layer + D * D + D
""",
        "config.intermediate_size",
    ),
    (
        "from_google",
        """
def from_google(name, tensor):
    return name.replace("/", "."), tensor
""",
        "should not begin with bert",
    ),
    (
        "from_google",
        """
def from_google(name, tensor):
    name = name.removeprefix("bert/").replace("/", ".").replace("_", ".")
    for old, new in (("kernel", "weight"), ("gamma", "weight"), ("beta", "bias")):
        name = name.replace(old, new)
    return name, tensor
""",
        "Keep the underscores of a name",
    ),
    (
        "from_google",
        """
import re
def from_google(name, tensor):
    name = re.sub(r"layer_(\\d)\\d*", r"layer.\\1", name.removeprefix("bert/").replace("/", "."))
    return name, tensor
""",
        "two digits",
    ),
    (
        "from_google",
        """
def from_google(name, tensor):
    name = name.removeprefix("bert/").replace("/", ".").replace("layer_", "layer.")
    for old, new in (("kernel", "weight"), ("gamma", "weight"), ("beta", "bias")):
        name = name.replace(old, new)
    if name.endswith("embeddings"):
        name += ".weight"
    return name, tensor
""",
        "Transpose this one",
    ),
    (
        "from_google",
        """
def from_google(name, tensor):
    if name.endswith("kernel") and tensor.shape[0] != tensor.shape[1]:
        tensor = tensor.T
    name = name.removeprefix("bert/").replace("/", ".").replace("layer_", "layer.")
    for old, new in (("kernel", "weight"), ("gamma", "weight"), ("beta", "bias")):
        name = name.replace(old, new)
    if name.endswith("embeddings"):
        name += ".weight"
    return name, tensor
""",
        "square kernel",
    ),
    (
        "from_google",
        """
def from_google(name, tensor):
    tensor = tensor.T if tensor.dim() == 2 else tensor
    name = name.removeprefix("bert/").replace("/", ".").replace("layer_", "layer.")
    for old, new in (("kernel", "weight"), ("gamma", "weight"), ("beta", "bias")):
        name = name.replace(old, new)
    if name.endswith("embeddings"):
        name += ".weight"
    return name, tensor
""",
        "Leave it as it is",
    ),
]
