"""sources.models: TODO."""

from pathlib import Path

from .fetching import fetch
from .registry import SourceError, data_folder


def glove():
    """(words, vectors): 400,000 lower-case words by frequency, and float32 of shape (400_000, 50)."""
    import numpy as np
    import pyarrow.parquet as parquet

    folder = fetch("glove")
    words = parquet.read_table(folder / "glove_6B_index.parquet").column("index").to_pylist()
    return words, np.load(folder / "glove_6B_50d_emb.npy", allow_pickle=False)


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2: config.json, model.safetensors, vocab.txt and the tokenizer's files."""
    return fetch("minilm")


def bertlab_mini() -> Path:
    """The folder of the model that this project trained and carries: `load_predictor("bertlab-mini")`. Its README.md is the card.

    Raises SourceError when the files are not where this copy of bertlab keeps its data.
    """
    folder = data_folder() / "bertlab-mini"
    if not (folder / "model.safetensors").is_file():
        raise SourceError(f"bertlab-mini is not in {folder}: this copy of bertlab came without it; take a whole one")
    return folder
