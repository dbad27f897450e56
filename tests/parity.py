"""Our BERT beside Hugging Face's with the same random weights, part by part: `python -m tests.parity` prints the table.

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


def tiny(D: int, H: int, L: int, V: int, wide: int, segments: int = 2, **more) -> BertConfig:
    return BertConfig(
        hidden_size=D, num_attention_heads=H, num_hidden_layers=L, vocab_size=V, intermediate_size=wide,
        type_vocab_size=segments, max_position_embeddings=more.pop("positions", 16),
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **more,
    )  # fmt: skip


CONFIGS = [
    tiny(32, 4, 2, 100, 128),
    tiny(21, 7, 1, 53, 30, positions=T),  # odd width, the most text that fits
    tiny(33, 1, 3, 71, 132, segments=3),
    tiny(7, 7, 1, 29, 9, segments=1),  # one number a head
    tiny(40, 5, 3, 64, 17, pad_token_id=3),  # a feed-forward that is narrower
    tiny(42, 6, 3, 257, 70, segments=4, layer_norm_eps=1e-5),
    tiny(16, 1, 1, 40, 64, positions=64),
]
BOUND = {torch.float64: 1e-12, torch.float32: 1e-5}
PARTS = ["embeddings", "layers", "maps", "pooler", "MLM logits", "NSP logits", "MLM loss", "NSP loss", "gradients"]


def name(config: BertConfig) -> str:
    return f"{config.hidden_size} wide, {config.num_attention_heads} head(s), {config.num_hidden_layers} layer(s)"


def make_loud(model: nn.Module, seed: int = 0) -> None:
    """Weights of deviation 0.2, in biases and LayerNorms too: at BERT's own 0.02 and 0 many an error stays unheard."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, weight in model.named_parameters():
            weight.copy_(0.2 * torch.randn(weight.shape, generator=random, dtype=torch.float64))
            if "norm" in key.lower() and key.endswith("weight"):
                weight.add_(1)


def a_batch(config: BertConfig, padded: bool, seed: int = 0) -> dict[str, Tensor]:
    """Random ids, segments and labels; the rows differ in their number of labels, and in length when `padded`."""
    random = torch.Generator().manual_seed(seed)

    def draw(most: int, *shape: int) -> Tensor:
        return torch.randint(most, shape, generator=random)

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


def outputs_of(parts: dict[str, nn.Module], run: Callable) -> tuple[object, dict[str, Tensor]]:
    """What `run()` returns, and what each part returned meanwhile."""
    seen: dict[str, Tensor] = {}

    def keep(key: str) -> Callable:
        return lambda _part, _args, output: seen.update({key: output[0] if isinstance(output, tuple) else output})

    hooks = [part.register_forward_hook(keep(key)) for key, part in parts.items()]
    try:
        return run(), seen
    finally:
        for hook in hooks:
            hook.remove()


def pair(config: BertConfig, dtype: torch.dtype, attention: str = "eager") -> tuple[Pretraining, nn.Module]:
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
    ours, theirs = pair(config, dtype, attention)
    batch = a_batch(config, padded)
    inputs = {key: value for key, value in batch.items() if "label" not in key}
    look = attention == "eager"

    bert = ours.bert
    parts = {"embeddings": bert.embeddings, "pooler": ours.pooler} | {
        f"layer {i}": x for i, x in enumerate(bert.layers)
    }
    if look:
        with attention_maps(ours) as maps:
            our, our_parts = outputs_of(parts, lambda: ours(**inputs))
    else:
        our, our_parts = outputs_of(parts, lambda: ours(**inputs))
    bert = theirs.bert
    parts = {"embeddings": bert.embeddings, "pooler": bert.pooler}
    parts |= {f"layer {i}": x for i, x in enumerate(bert.encoder.layer)}
    their, their_parts = outputs_of(parts, lambda: theirs(**inputs, output_attentions=look))

    def far(x: Tensor, y: Tensor) -> float:
        assert x.shape == y.shape, (x.shape, y.shape)
        return (x - y).abs().max().item()

    found = {"embeddings": far(our_parts["embeddings"], their_parts["embeddings"])}
    found["layers"] = max(far(our_parts[key], their_parts[key]) for key in parts if key.startswith("layer"))
    if look:
        found["maps"] = max(far(x, y) for x, y in zip(maps, their.attentions, strict=True))
    found["pooler"] = far(our_parts["pooler"], their_parts["pooler"])
    found["MLM logits"] = far(our.mlm_logits, their.prediction_logits)
    found["NSP logits"] = far(our.nsp_logits, their.seq_relationship_logits)

    # Again with labels: ours now computes only what is read. Hugging Face's model gives the sum of the losses alone.
    our, their = ours(**batch), theirs(**batch)
    found["MLM loss"] = far(
        our.mlm_loss, F.cross_entropy(their.prediction_logits.flatten(0, 1), batch["labels"].flatten())
    )
    nsp_loss = F.cross_entropy(their.seq_relationship_logits, batch["next_sentence_label"])
    found["NSP loss"] = max(far(our.nsp_loss, nsp_loss), far(our.loss, their.loss))
    our.loss.backward()
    their.loss.backward()
    gradients = {key: weight.grad for key, weight in theirs.named_parameters()}
    assert {translate_name(key, OUR_TO_HF) for key, _ in ours.named_parameters()} == set(gradients)
    found["gradients"] = max(
        far(weight.grad, gradients[translate_name(key, OUR_TO_HF)]) for key, weight in ours.named_parameters()
    )
    return found


def main() -> None:
    """Print the largest differences as a Markdown table: over padded and not, over Hugging Face's eager and SDPA."""
    torch.set_num_threads(1)  # these are too small to share
    print(f"| largest difference | {' | '.join(PARTS)} |\n|---|{'---:|' * len(PARTS)}")
    for dtype in BOUND:
        for config in CONFIGS:
            runs = [compare(config, dtype, padded, how) for padded in (False, True) for how in ("eager", "sdpa")]
            most = [max(run.get(part, 0.0) for run in runs) for part in PARTS]
            label = f"{name(config)}, {str(dtype).removeprefix('torch.')}"
            print(f"| {label} | {' | '.join(f'{value:.0e}' for value in most)} |")


if __name__ == "__main__":
    main()
