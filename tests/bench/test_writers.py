"""The comparison of writers: every way trains and writes at a tiny size, and the notes hold what the runs found."""

import json

import numpy as np
import pytest
import torch

from bertlab import weights
from bertlab.batches import IGNORE
from bertlab.bench.writers import (
    RUNS,
    MaskedCollate,
    PrefixCollate,
    Setting,
    collect_results,
    fit_length,
    name_run,
    rounded,
    run_way,
)
from bertlab.files import write_json
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.tasks import Split, TextPair, Writing
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

# transformers warns at each call since 2021 about how it computes the loss.
pytestmark = pytest.mark.filterwarnings("ignore:Version v4.12.0 introduces:FutureWarning")

TOKENIZER = WordPiece([*SPECIAL_TOKENS, "the", "cat", "dog", "sat", "ran", "mat", "thou"])
PAIRS = [TextPair(f"thou {noun} {verb}", f"the {noun} {verb}") for noun in ("cat", "dog", "mat")
         for verb in ("sat", "ran")]  # fmt: skip
TASK = Writing(TOKENIZER, length=16)
DATA = Split([*PAIRS, TextPair("cat", "dog")], PAIRS[:2], PAIRS[:3])


@pytest.fixture(scope="module")
def setting(tmp_path_factory) -> Setting:
    folder = tmp_path_factory.mktemp("start")
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(TOKENIZER), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                        intermediate_size=32, max_position_embeddings=24)  # fmt: skip
    weights.save(Pretraining(config), folder, TOKENIZER)
    return Setting(folder, length=16, steps=2, batch_size=2)


@pytest.mark.parametrize("way", sorted({way for way, _, _ in RUNS}))
def test_each_way_trains_and_writes(setting, way):
    run = run_way(way, 0, setting, TASK, DATA)
    assert np.isfinite(run["loss"])
    assert len(run["ways"]) == (3 if way == "mask-predict" else 1)
    for result in run["ways"].values():
        assert set(result["scores"]) == {"chrf", "bleu", "rouge_l"}
        assert len(result["texts"]) == 3
        low, high = result["above_copy"]["chrf"]
        assert low <= high


def test_a_leak_opens_the_target_to_the_source_alone():
    rows = TASK.make_rows([*PAIRS[:2], TextPair("cat", "dog")])
    right, leak = PrefixCollate(TASK.collate)(rows), PrefixCollate(TASK.collate, leak=True)(rows)
    more = leak["attention_mask"] & ~right["attention_mask"]
    source, real = right["token_type_ids"] == 0, right["input_ids"] != TOKENIZER.pad_id
    assert torch.equal(more, source[:, :, None] & (~source & real)[:, None, :])
    asked = right["labels"] != IGNORE
    assert torch.equal(right["labels"][:, :-1][asked[:, :-1]], right["input_ids"][:, 1:][asked[:, :-1]])


def test_unilm_hides_under_its_mask_and_mask_predict_keeps_the_end():
    rows, rng = TASK.make_rows(PAIRS), np.random.default_rng(0)
    unilm, other = MaskedCollate(TASK, unilm=True)(rows, rng), MaskedCollate(TASK, unilm=False)(rows, rng)
    assert torch.equal(unilm["attention_mask"], PrefixCollate(TASK.collate)(rows)["attention_mask"])
    assert "attention_mask" not in other  # nothing is padded: every token sees every token
    assert (other["input_ids"][:, -1] == TOKENIZER.sep_id).all()
    for batch in (unilm, other):
        assert ((batch["input_ids"] == TOKENIZER.mask_id) == (batch["labels"] != IGNORE)).all()


def test_the_length_is_a_line():
    pairs = [TextPair("the " * n, "cat " * (n + 1)) for n in (2, 3, 5)]
    assert fit_length(pairs, TOKENIZER) == pytest.approx([1, 1])


def test_the_numbers_are_those_of_the_runs(tmp_path, setting):
    for number, (way, rate, seeds) in enumerate(RUNS):
        for seed in seeds:
            scores = {"chrf": 10 * number + seed, "bleu": 1.234, "rouge_l": 3}
            result = {"scores": scores, "above_copy": {"chrf": [0.123, 2]}, "texts": []}
            write_json(tmp_path / f"{name_run(way, rate, seed)}.json",
                       {"seconds": 1.0, "loss": 2.0, "ways": {way: result}})  # fmt: skip
    found = collect_results(tmp_path, setting, TASK, DATA)
    assert found["ways"]["prefix"]["chrf"] == [0, 1, 2]
    assert found["ways"]["bert2bert, rate 0.0003"]["seeds"] == [0]
    assert found["ways"]["bert2bert"]["chrf"] == [50, 51, 52]
    assert found["ways"]["append"]["above_copy"] == [{"chrf": [0.12, 2]}] * 3
    assert found["rows"] == {"train": 7, "dev": 2, "test": 3}
    (tmp_path / "append-1.json").unlink()
    assert collect_results(tmp_path, setting, TASK, DATA)["ways"]["append"]["seeds"] == [0, 2]
    assert json.loads(json.dumps(found)) == found


def test_rounded():
    assert rounded({"a": [1.234, 2], "b": "c"}) == {"a": [1.23, 2], "b": "c"}
