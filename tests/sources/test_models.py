"""models.py: where the weights are."""

import pytest

from bertlab import sources, weights
from bertlab.sources import registry


def test_glove_is_words_and_vectors(fetched):
    np = pytest.importorskip("numpy")
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"index": ["the", "of"]}), fetched / "glove_6B_index.parquet")
    np.save(fetched / "glove_6B_50d_emb.npy", np.ones((2, 50), np.float32))
    words, vectors = sources.glove()
    assert words == ["the", "of"]
    assert vectors.shape == (2, 50)
    assert vectors.dtype == np.float32


def test_a_copy_of_bertlab_without_the_model_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "data_folder", lambda: tmp_path)
    with pytest.raises(sources.SourceError, match="came without bertlab-mini; install it again"):
        weights.load("bertlab-mini")
