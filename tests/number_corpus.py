"""A tokenizer whose texts are ids, and small corpora of such texts."""

import numpy as np
import torch

from bertlab.batches import IGNORE
from bertlab.corpus import EncodedCorpus, encode_documents

PAD, UNK, CLS, SEP, MASK = range(5)


class NumberTokenizer:
    """A tokenizer whose text is ids: "10 11" -> [10, 11]. Ids that end in 5 continue a word."""

    pad_id, unk_id, cls_id, sep_id, mask_id = range(5)

    def __init__(self, size: int = 200):
        ordinary = [f"##{i}" if i % 10 == 5 else f"{i}" for i in range(5, size)]
        self.vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ordinary]

    def encode_bulk(self, texts):
        return [[int(token) for token in text.split()] for text in texts]


THREE = [["10 11 12", "13 14", "15", "16"], ["20 21", "22 23 24 25"], ["30"]]


def encode(documents=THREE, size: int = 200) -> EncodedCorpus:
    return encode_documents(documents, NumberTokenizer(size))


def encode_random(documents: int, sentences: int, tokens: int, size: int = 1000) -> EncodedCorpus:
    """A corpus of equal documents, with random ids."""
    rng = np.random.default_rng(0)
    ids = rng.integers(5, size, (documents, sentences, tokens))
    return encode_documents([[" ".join(map(str, s)) for s in document] for document in ids], NumberTokenizer(size))


def restore(batch: dict) -> torch.Tensor:
    """The ids before masking."""
    return torch.where(batch["labels"] == IGNORE, batch["input_ids"], batch["labels"])


def make_rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed or 0)
