"""What a model says of a missing word: the most probable tokens in place of each [MASK]."""

import torch

from .arguments import check_kind, check_number, check_text
from .heads import Pretraining
from .model import check_embeddings, check_finite, eval_mode
from .wordpiece import WordPiece


def fill_masks(model: Pretraining, tokenizer: WordPiece, text: str, top: int = 5) -> list[list[tuple[str, float]]]:
    """For each [MASK] in `text`, the `top` most probable tokens with their probabilities.

    Raises ValueError for a text without [MASK] or with more tokens than the model has positions, for a `top` below 1,
    and for a model whose weights are not numbers; TypeError for a model without a head for masked words.
    """
    check_kind(model, Pretraining, "model")
    check_kind(tokenizer, WordPiece, "tokenizer")
    check_embeddings(model, tokenizer)
    top = check_number(top, "top", least=1, whole=True)
    if "[MASK]" not in check_text(text, "text"):
        raise ValueError("the text has no [MASK]: write [MASK] where a word is missing")
    ids = torch.tensor([tokenizer.encode(text).input_ids], device=next(model.parameters()).device)
    with eval_mode(model):
        logits = model(ids).mlm_logits[0]  # (T, V)
    masked = check_finite(logits[ids[0] == tokenizer.mask_id].float())
    # Some models have more rows than words.
    probabilities, words = masked.softmax(-1)[:, : len(tokenizer)].topk(min(top, len(tokenizer)))
    return [
        [(tokenizer.vocab[word], probability) for probability, word in zip(*row, strict=True)]
        for row in zip(probabilities.tolist(), words.tolist(), strict=True)
    ]
