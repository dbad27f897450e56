"""One vector for each text: the mean of the vectors of its tokens, or the vector of [CLS]; and how such vectors learn.

Dimension letters: B batch, T tokens, N texts, P pairs of texts, D hidden size.
"""

import io
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from .arguments import check_kind, check_list
from .batches import IGNORE
from .heads import Output, mean_cross_entropy
from .model import Bert, BertConfig, check_embeddings, check_finite, eval_mode
from .progress import watch_items
from .wordpiece import WordPiece

POOLINGS = ("mean", "cls")


class BiEncoder(nn.Module):
    """Two texts, read apart, get vectors that are near each other if they belong together. It has no weights but those
    of `bert`: the vector is the mean of the tokens' vectors, and texts are compared by cosine (Reimers and Gurevych
    2019). Each text of a batch learns to prefer its own partner to those of all others (Henderson et al. 2017)."""

    SCALE = 20.0  # the cosines, from -1 to 1, times this are the logits

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = Bert(config)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Output:
        """The first half of the rows are texts, the second half their partners in the same order. `logits` is (P, P),
        for each text and each partner. `labels` (P, P) is -100 where the partner of another text may fit too, so that
        it does not count as wrong. `loss` is the mean cross-entropy of the right partners.

        Raises ValueError for an odd number of rows, and for labels of another shape.
        """
        if len(input_ids) % 2:
            raise ValueError(f"{len(input_ids)} rows are no texts and as many partners")
        hidden = self.bert(input_ids, token_type_ids, attention_mask)  # (2P, T, D)
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        vectors = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)  # (2P, D)
        texts, partners = nn.functional.normalize(vectors.float()).chunk(2)
        logits = self.SCALE * texts @ partners.T  # (P, P)
        if labels is None:
            return Output(logits=logits)
        if labels.shape != logits.shape:
            raise ValueError(f"labels has shape {tuple(labels.shape)}; for {len(logits)} pairs it must be "
                             f"{tuple(logits.shape)}")  # fmt: skip
        others = labels.masked_fill(torch.eye(len(labels), dtype=torch.bool, device=labels.device), 1)
        right = torch.arange(len(logits), device=logits.device)
        return Output(mean_cross_entropy(logits.masked_fill(others == IGNORE, -torch.inf), right), logits)


def embed_texts(
    model: nn.Module,
    tokenizer: WordPiece,
    texts: Sequence[str],
    pooling: str = "mean",
    normalise: bool = True,
    batch_size: int = 32,
    say: Callable[[str], None] | None = None,
) -> np.ndarray:
    """The vector of each text: (N, D) in float32.

    `pooling` is "mean", over all tokens with [CLS] and [SEP], or "cls"; with `normalise` each vector has length 1, so
    that a dot product is a cosine. `model` is a `Bert`, or a head with one (`model.bert`). A text that is longer than
    the model reads is cut into windows, and nothing is lost: "mean" is over the tokens of all its windows, "cls" is the
    mean of their [CLS]; `say` is told how many such texts there are. For texts that fit, the vectors are those of
    sentence-transformers (Reimers and Gurevych 2019).

    Raises ValueError for an unknown pooling, another model's vocabulary, or a model that gives nan; TypeError for a
    single text instead of a list.
    """
    check_kind(model, nn.Module, "model")
    texts = check_list(texts, "texts", "texts")
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is {pooling!r}; it must be one of {', '.join(POOLINGS)}")
    bert = model if isinstance(model, Bert) else model.bert
    check_embeddings(bert, tokenizer)
    windows = split_into_windows(tokenizer, texts, bert.config.max_position_embeddings)
    if say is not None and len(windows) > len(texts):
        long = len({number for (number, _), (other, _) in pairwise(windows) if number == other})
        say(f"{long:,} of {len(texts):,} texts are longer than {bert.config.max_position_embeddings} tokens: they are "
            f"read in {len(windows) - len(texts) + long:,} parts")  # fmt: skip
    windows.sort(key=lambda window: len(window[1]))  # rows of like length need little padding
    sums, counts = torch.zeros(len(texts), bert.config.hidden_size), torch.zeros(len(texts))
    with eval_mode(model):
        batches = (windows[start : start + batch_size] for start in range(0, len(windows), batch_size))
        for batch in watch_items(batches, "embedding", len(windows), len):
            numbers, rows = zip(*batch, strict=True)
            window_sums, window_counts = sum_vectors(bert, rows, tokenizer.pad_id, pooling)
            sums.index_add_(0, torch.tensor(numbers), window_sums)
            counts.index_add_(0, torch.tensor(numbers), window_counts)
    vectors = check_finite(sums / counts[:, None])
    return (nn.functional.normalize(vectors) if normalise else vectors).numpy()


def split_into_windows(tokenizer: WordPiece, texts: Sequence[str], length: int) -> list[tuple[int, list[int]]]:
    """(number of the text, ids with [CLS] and [SEP]) of each window of at most `length` tokens; an empty text has one.

    Windows do not overlap, so every token counts once, and those of one text are as equal as they can be.
    """
    windows = []
    for number, ids in enumerate(tokenizer.encode_bulk(texts)):
        parts = max(1, -(-len(ids) // (length - 2)))
        ends = [len(ids) * part // parts for part in range(parts + 1)]
        for start, end in pairwise(ends):
            windows.append((number, [tokenizer.cls_id, *ids[start:end], tokenizer.sep_id]))
    return windows


def sum_vectors(bert: Bert, rows: Sequence[list[int]], pad_id: int, pooling: str) -> tuple[Tensor, Tensor]:
    """For each row, the sum of the vectors that count for `pooling` (B, D), and their number (B,)."""
    device = next(bert.parameters()).device
    lengths = torch.tensor([len(row) for row in rows])
    T = int(lengths.max())
    ids = torch.tensor([row + [pad_id] * (T - len(row)) for row in rows], device=device)  # (B, T)
    mask = (torch.arange(T) < lengths[:, None]).to(device)
    hidden = bert(ids, attention_mask=None if mask.all() else mask)  # (B, T, D)
    if pooling == "cls":
        return hidden[:, 0].float().cpu(), torch.ones(len(rows))
    return (hidden * mask[:, :, None]).sum(1).float().cpu(), lengths.float()


def format_npy(vectors: np.ndarray) -> bytes:
    """The bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, vectors, allow_pickle=False)
    return file.getvalue()
