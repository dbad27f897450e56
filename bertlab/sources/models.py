"""Pre-trained weights among the sources: GloVe word vectors, MiniLM, and the model that this project trained."""

from pathlib import Path

from . import fetching, registry


def glove():
    """(words, vectors): 400,000 lower-case words by frequency, and float32 of shape (400_000, 50)."""
    import numpy as np
    import pyarrow.parquet as parquet

    folder = fetching.fetch("glove")
    words = parquet.read_table(folder / "glove_6B_index.parquet").column("index").to_pylist()
    return words, np.load(folder / "glove_6B_50d_emb.npy", allow_pickle=False)


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2: config.json, model.safetensors, vocab.txt and the tokenizer's files."""
    return fetching.fetch("minilm")


def bertlab_mini() -> Path:
    """The folder of the model that this project trained and ships: `load("bertlab-mini")`. Its README.md is the card.

    Raises SourceError if this copy of bertlab does not contain the model.
    """
    folder = registry.data_folder() / "bertlab-mini"
    if not (folder / "model.safetensors").is_file():
        problem = f"{folder} has no model.safetensors: this copy of bertlab came without bertlab-mini"
        raise registry.SourceError(f"{problem}; install it again from a complete clone")
    return folder
