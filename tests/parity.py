"""Compare our BERT with Hugging Face's part by part, with equal random weights: `python -m tests.parity`.

Dimension letters: B batch, T tokens, V vocabulary, L layers.
"""

from collections.abc import Callable
from dataclasses import asdict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bertlab.batches import IGNORE
from bertlab.heads import Pretraining
from bertlab.model import BertConfig, attention_maps
from bertlab.weight_names import OUR_TO_HF, from_hf_names, translate_name

B, T = 3, 11


def make_config(D: int, H: int, L: int, V: int, feed_forward: int, segments: int = 2, **more) -> BertConfig:
    return BertConfig(
        hidden_size=D, num_attention_heads=H, num_hidden_layers=L, vocab_size=V, intermediate_size=feed_forward,
        type_vocab_size=segments, max_position_embeddings=more.pop("positions", 16),
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **more,
    )  # fmt: skip


CONFIGS = [
    make_config(32, 4, 2, 100, 128),
    make_config(21, 7, 1, 53, 30, positions=T),  # odd size, the longest text that fits
    make_config(33, 1, 3, 71, 132, segments=3),
    make_config(7, 7, 1, 29, 9, segments=1),  # heads of size 1
    make_config(40, 5, 3, 64, 17, pad_token_id=3),  # a narrower feed-forward layer
    make_config(42, 6, 3, 257, 70, segments=4, layer_norm_eps=1e-5),
    make_config(16, 1, 1, 40, 64, positions=64),
]
BOUND = {torch.float64: 1e-12, torch.float32: 1e-5}
PARTS = ["embeddings", "layers", "maps", "pooler", "MLM logits", "NSP logits", "MLM loss", "NSP loss", "gradients"]


def describe_size(config: BertConfig) -> str:
    return f"{config.hidden_size} wide, {config.num_attention_heads} head(s), {config.num_hidden_layers} layer(s)"


def make_loud(model: nn.Module, seed: int = 0) -> None:
    """Weights of deviation 0.2, in biases and LayerNorms too: at BERT's own 0.02 and 0 many errors stay hidden."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, weight in model.named_parameters():
            weight.copy_(0.2 * torch.randn(weight.shape, generator=random, dtype=torch.float64))
            if "norm" in key.lower() and key.endswith("weight"):
                weight.add_(1)


def make_batch(config: BertConfig, padded: bool, seed: int = 0) -> dict[str, Tensor]:
    """Random ids, segments and labels; the rows differ in their number of labels, and in length when `padded`."""
    random = torch.Generator().manual_seed(seed)

    def draw(limit: int, *shape: int) -> Tensor:
        return torch.randint(limit, shape, generator=random)

    labelled = torch.rand(B, T, generator=random) < 0.3
    labelled[0, 2], labelled[2] = True, False  # at least one label; none in the last row
    batch = {
        "input_ids": draw(config.vocab_size, B, T),
        "token_type_ids": draw(config.type_vocab_size, B, T),
        "labels": draw(config.vocab_size, B, T).masked_fill(~labelled, IGNORE),
        "next_sentence_label": torch.tensor([0, 1, 1]),
    }
    if padded:
        mask = torch.arange(T) < torch.tensor([[T], [7], [4]])
        batch["attention_mask"] = mask.long()
        batch["input_ids"].masked_fill_(~mask, config.pad_token_id)
        batch["labels"].masked_fill_(~mask, IGNORE)
    return batch


def record_outputs(parts: dict[str, nn.Module], run: Callable) -> tuple[object, dict[str, Tensor]]:
    """The result of `run()`, and the output of each part during the call."""
    outputs: dict[str, Tensor] = {}

    def keep(key: str) -> Callable:
        return lambda _part, _args, output: outputs.update({key: output[0] if isinstance(output, tuple) else output})

    hooks = [part.register_forward_hook(keep(key)) for key, part in parts.items()]
    try:
        return run(), outputs
    finally:
        for hook in hooks:
            hook.remove()


def make_pair(config: BertConfig, dtype: torch.dtype, attention: str = "eager") -> tuple[Pretraining, nn.Module]:
    """Ours and Hugging Face's pre-training model with the same loud weights, in train mode."""
    import transformers

    theirs = transformers.BertForPreTraining(transformers.BertConfig(**asdict(config))).to(dtype).train()
    theirs.set_attn_implementation(attention)
    make_loud(theirs)
    ours = Pretraining(config).to(dtype).train()
    ours.load_state_dict(from_hf_names(theirs.state_dict()))
    return ours, theirs


def compare(config: BertConfig, dtype: torch.dtype, padded: bool, attention: str = "eager") -> dict[str, float]:
    """The largest difference between ours and Hugging Face's in each of PARTS (maps only with its eager attention)."""
    ours, theirs = make_pair(config, dtype, attention)
    batch = make_batch(config, padded)
    inputs = {key: value for key, value in batch.items() if "label" not in key}
    with_maps = attention == "eager"

    bert = ours.bert
    parts = {"embeddings": bert.embeddings, "pooler": ours.pooler} | {
        f"layer {i}": x for i, x in enumerate(bert.layers)
    }
    if with_maps:
        with attention_maps(ours) as maps:
            our, our_parts = record_outputs(parts, lambda: ours(**inputs))
    else:
        our, our_parts = record_outputs(parts, lambda: ours(**inputs))
    bert = theirs.bert
    parts = {"embeddings": bert.embeddings, "pooler": bert.pooler}
    parts |= {f"layer {i}": x for i, x in enumerate(bert.encoder.layer)}
    their, their_parts = record_outputs(parts, lambda: theirs(**inputs, output_attentions=with_maps))

    def largest_difference(x: Tensor, y: Tensor) -> float:
        assert x.shape == y.shape, (x.shape, y.shape)
        return (x - y).abs().max().item()

    differences = {"embeddings": largest_difference(our_parts["embeddings"], their_parts["embeddings"])}
    differences["layers"] = max(
        largest_difference(our_parts[key], their_parts[key]) for key in parts if key.startswith("layer")
    )
    if with_maps:
        differences["maps"] = max(largest_difference(x, y) for x, y in zip(maps, their.attentions, strict=True))
    differences["pooler"] = largest_difference(our_parts["pooler"], their_parts["pooler"])
    differences["MLM logits"] = largest_difference(our.mlm_logits, their.prediction_logits)
    differences["NSP logits"] = largest_difference(our.nsp_logits, their.seq_relationship_logits)

    # Again with labels: ours now computes only the labelled positions. Hugging Face's returns the sum of the losses.
    our, their = ours(**batch), theirs(**batch)
    differences["MLM loss"] = largest_difference(
        our.mlm_loss, F.cross_entropy(their.prediction_logits.flatten(0, 1), batch["labels"].flatten())
    )
    nsp_loss = F.cross_entropy(their.seq_relationship_logits, batch["next_sentence_label"])
    differences["NSP loss"] = max(largest_difference(our.nsp_loss, nsp_loss), largest_difference(our.loss, their.loss))
    our.loss.backward()
    their.loss.backward()
    gradients = {key: weight.grad for key, weight in theirs.named_parameters()}
    assert {translate_name(key, OUR_TO_HF) for key, _ in ours.named_parameters()} == set(gradients)
    differences["gradients"] = max(
        largest_difference(weight.grad, gradients[translate_name(key, OUR_TO_HF)])
        for key, weight in ours.named_parameters()
    )
    return differences


def main() -> None:
    """Print the largest differences as a Markdown table: with and without padding, for eager and SDPA."""
    torch.set_num_threads(1)  # the models are too small for more
    print(f"| largest difference | {' | '.join(PARTS)} |\n|---|{'---:|' * len(PARTS)}")
    for dtype in BOUND:
        for config in CONFIGS:
            runs = [compare(config, dtype, padded, how) for padded in (False, True) for how in ("eager", "sdpa")]
            largest = [max(run.get(part, 0.0) for run in runs) for part in PARTS]
            label = f"{describe_size(config)}, {str(dtype).removeprefix('torch.')}"
            print(f"| {label} | {' | '.join(f'{value:.0e}' for value in largest)} |")


if __name__ == "__main__":
    main()
