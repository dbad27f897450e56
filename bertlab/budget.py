"""What pre-training a BERT costs, by formula: parameters, operations, memory, and from them hours, money and energy.

Letters as in model.py: T tokens a row, D hidden size, I intermediate size, H heads, L layers, V vocabulary size. A
`config` is a `BertConfig`, ours or that of transformers.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from .arguments import check_number
from .suggestions import suggest_name

BACKWARD = 2  # passes: the gradients of the inputs and those of the weights each cost as much as the forward pass


@dataclass(frozen=True)
class Device:
    """One chip that trains: its fastest dense product in `precision`, in operations a second, its memory in bytes, the
    power in watts that its maker names, and where these numbers stand."""

    peak: float
    precision: str
    memory: float
    watts: float
    source: str


TPU = "a chip of two cores; peak: Google Cloud's documentation, power: Jouppi et al. 2020"
DEVICES = {
    "t4": Device(65e12, "fp16", 16e9, 70, "NVIDIA T4 datasheet"),
    "v100": Device(125e12, "fp16", 32e9, 300, "NVIDIA V100 datasheet, SXM2"),
    "a100": Device(312e12, "bf16", 80e9, 400, "NVIDIA A100 datasheet, SXM"),
    "h100": Device(989e12, "bf16", 80e9, 700, "NVIDIA H100 datasheet, SXM, without sparsity"),
    "tpu-v2": Device(45e12, "bf16", 16e9, 280, TPU),
    "tpu-v3": Device(123e12, "bf16", 32e9, 450, TPU),
}


class Flops(NamedTuple):
    """Floating-point operations by part; a multiplication and its addition are two."""

    layers: float  # products with the weights of the layers
    attention: float  # Q K^T, and the weights times V
    mlm: float  # the head of the masked words, with the product by the whole vocabulary
    nsp: float  # the pooler and the NSP head

    @property
    def total(self) -> float:
        return sum(self)


def count_parameters(config: Any, heads: bool = True) -> int:
    """The parameters of the encoder and, with `heads`, of the MLM head (tied to the words), the pooler and NSP."""
    D, I = config.hidden_size, config.intermediate_size  # noqa: E741
    rows = config.vocab_size + config.max_position_embeddings + config.type_vocab_size
    encoder = rows * D + 2 * D + config.num_hidden_layers * (4 * D * D + 4 * D + 2 * D * I + I + D + 4 * D)
    mlm, nsp = D * D + D + 2 * D + config.vocab_size, D * D + D + 2 * D + 2
    return encoder + (mlm + nsp if heads else 0)


def count_forward_flops(config: Any, tokens: Any, predicted: Any = 0, outputs: int = 2, every: bool = False) -> Flops:
    """The operations of a forward pass over one row of `tokens`, of which `predicted` are words to predict.

    Counted are the products of matrices: 2 (4 D^2 + 2 D I) a token and layer, 4 T D a token and layer for attention,
    2 (D^2 + D V) a predicted word, 2 (D^2 + D C) a row for the pooler and its head of C `outputs`. As in our model, the
    last layer reads only [CLS] and the words to predict; with `every` it reads, and the MLM head predicts, all tokens,
    as transformers does. `tokens` and `predicted` may be arrays of several rows: then so is the answer.
    """
    D, I, L, V = config.hidden_size, config.intermediate_size, config.num_hidden_layers, config.vocab_size  # noqa: E741
    read = tokens if every else predicted + 1
    scored = tokens if every else predicted
    layers = (L - 1) * tokens * (4 * D * D + 2 * D * I) + tokens * 2 * D * D + read * (2 * D * D + 2 * D * I)
    attention = (L - 1) * 2 * tokens * tokens * D + 2 * read * tokens * D
    return Flops(2 * layers, 2 * attention, 2 * scored * (D * D + D * V), 2 * (D * D + D * outputs) + 0 * tokens)


def count_training_flops(config: Any, tokens: int, predicted: int, every: bool = False) -> Flops:
    """The operations of a training step for one row: forward once, backward twice as much (Kaplan et al. 2020)."""
    return Flops(*((1 + BACKWARD) * part for part in count_forward_flops(config, tokens, predicted, every=every)))


# ---- Memory ----------------------------------------------------------------------------------------------------------


class Memory(NamedTuple):
    """Bytes that a training holds at its peak, by part."""

    weights: float
    gradients: float
    optimizer: float  # two moments of AdamW
    activations: float  # what the forward pass keeps for the backward pass

    @property
    def total(self) -> float:
        return sum(self)


def count_training_memory(config: Any, rows: int, tokens: int, predicted: int, half: bool = False) -> Memory:
    """The bytes of a training step of our model on a CPU, of so many `rows`, with AdamW; the weights are float32.

    With `half`, products are computed in bfloat16. Temporary memory of a single operation is not counted, nor what
    Python and PyTorch take by themselves.
    """
    N = count_parameters(config)
    return Memory(4 * N, 4 * N, 8 * N, count_activations(config, rows, tokens, predicted, half))


def count_activations(config: Any, rows: int, tokens: int, predicted: int, half: bool = False) -> float:
    """The bytes that our forward pass keeps for the backward pass, within 5% (the difference is in the small tensors).

    A layer keeps for each token 8 D + 2 I numbers: the input of the three projections, queries, keys and values, the
    values of all heads together, the input and the middle of the feed-forward network (before and after GELU), and the
    inputs of the two LayerNorms; and for each head the attention to T tokens, after softmax and after dropout. With
    `half` these are 2 bytes each, but 4 for the inputs of LayerNorm and for softmax, and there is a copy of each matrix
    of weights in 2 bytes. Dropout adds a byte for each number that it may drop.
    """
    D, I, H = config.hidden_size, config.intermediate_size, config.num_attention_heads  # noqa: E741
    V, L, size = config.vocab_size, config.num_hidden_layers, 2 if half else 4
    dropped = int(config.hidden_dropout_prob > 0)
    maps = 4 + size + dropped if dropped or (half and tokens <= 128) else 0  # bytes; the fused function keeps none

    def keep_layer(read: int) -> int:
        """Of a layer whose queries, and all that follows, are those of `read` tokens."""
        projected = 3 * tokens * D * size if read == tokens else (3 * tokens + read) * D * size
        return projected + read * (3 * D * size + 2 * D * 4 + 2 * I * size + dropped * 2 * D + H * tokens * maps)

    embeddings = tokens * D * (4 + dropped)
    mlm = predicted * (3 * D * size + (4 * D if half else 0) + 4 * V)
    matrices = L * (4 * D * D + 2 * D * I) + 2 * D * D + D * V
    return rows * (embeddings + (L - 1) * keep_layer(tokens) + keep_layer(predicted + 1) + mlm) + half * 2 * matrices


# ---- Time, energy and money ------------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """What a training takes on `chips` chips of one kind."""

    flops: float
    seconds: float
    kilowatt_hours: float
    dollars: float | None  # None without a price


def estimate_cost(flops: float, device: Device, chips: int = 1, utilisation: float = 0.3,
                  dollars_per_hour: float | None = None) -> Cost:  # fmt: skip
    """The time of so many operations on `chips` chips that reach `utilisation`, a share of their peak, all the time.

    The energy is that of the chips at the power that their maker names, without the machine around them or cooling. The
    price is of one chip and hour. Raises ValueError for numbers out of range.
    """
    flops = check_number(flops, "flops", above=0)
    chips = check_number(chips, "chips", whole=True, least=1)
    utilisation = check_number(utilisation, "utilisation", above=0, most=1)
    seconds = flops / (device.peak * chips * utilisation)
    hours = chips * seconds / 3600
    price = None if dollars_per_hour is None else hours * check_number(dollars_per_hour, "dollars_per_hour", least=0)
    return Cost(flops, seconds, hours * device.watts / 1000, price)


def count_exchanged_bytes(size: float, processes: int) -> float:
    """The bytes that each of `processes` sends, and receives, while they add up gradients of `size` bytes.

    They are 2 (P - 1) / P times the size where the processes form a ring (Patarasuk and Yuan 2009).
    """
    size = check_number(size, "size", least=0)
    processes = check_number(processes, "processes", whole=True, least=1)
    return 2 * (processes - 1) / processes * size


def find_device(name: str) -> Device:
    """The device of this name. Raises ValueError for an unknown one."""
    if name.lower() not in DEVICES:
        raise ValueError(f"no device {name!r}; there are {', '.join(DEVICES)}{suggest_name(name, DEVICES)}")
    return DEVICES[name.lower()]


def format_seconds(seconds: float) -> str:
    """A duration in the unit that people would use: seconds, minutes, hours, or days."""
    for unit, size, least in (("days", 86_400, 2), ("hours", 3600, 2), ("minutes", 60, 2)):
        if seconds >= least * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.1f} seconds"
