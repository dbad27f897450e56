"""Pre-training from text to a folder, resuming by command, and predictions. Tiny text and models."""

import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from bertlab import sources, weights
from bertlab.__main__ import main, make_parser
from bertlab.baselines import fit_unigram
from bertlab.batches import Batches
from bertlab.checkpoint import list_checkpoints
from bertlab.corpus import EncodedCorpus
from bertlab.heads import Pretraining
from bertlab.masking import PretrainingCollate
from bertlab.model import Bert, BertConfig, attention_maps, make_sinusoid_table
from bertlab.pretrain import (
    PretrainPlan,
    fill_masks,
    format_pretraining_results,
    make_pretraining_model,
    pretrain,
    read_documents_and_groups,
    select_kinds,
    split_plan_documents,
    start_heads_at_neighbours,
    start_heads_copying,
    thin_batches,
)
from bertlab.progress import quiet
from bertlab.wordpiece import WordPiece

from .conftest import ROOT
from .test_baselines import encode_as_sentences

WORDS = [*"abcdefghij", "the", "cat", "dog", "sat", "ran"]
TINY = PretrainPlan(preset="tiny", vocab_size=80, length=24, batch_size=8, steps=6, held_out=0.3)


@pytest.fixture
def text(tmp_path):
    """Thirty documents of a few sentences each, in one file."""
    rng = np.random.default_rng(0)
    documents = ["\n".join(" ".join(rng.choice(WORDS, 7)).capitalize() + "." for _ in range(5)) for _ in range(30)]
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join(documents))
    return path


def plan(text, **changes):
    return PretrainPlan(**{**vars(TINY), "text": (str(text),)} | changes)


# ---- Starting points -------------------------------------------------------------------------------------------------


def test_an_untrained_model_with_the_unigram_bias_predicts_the_unigrams():
    tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"])
    text = encode_as_sentences(np.random.default_rng(0).choice(np.arange(5, 13), 2000, p=np.arange(1, 9) / 36))
    loss = {}
    for on in (True, False):
        model = make_pretraining_model(PretrainPlan(preset="tiny", unigrams=on), tokenizer, text).eval()
        row = (text.ids[:10], text.ids[10:20], 0)
        batch = PretrainingCollate(tokenizer)([row] * 50, np.random.default_rng(0))
        loss[on] = model(**batch).mlm_loss.item()
        if on:
            labels = batch["labels"][batch["labels"] != -100].numpy()
            expected = -np.log(fit_unigram(text, 13)(labels, labels)[0]).mean()
    assert loss[True] == pytest.approx(expected, abs=0.1)
    assert loss[False] > loss[True] + 0.3


def test_positions_start_from_the_formula_or_from_random_numbers():
    tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    text = encode_as_sentences([5, 5, 5])

    def make_table(sinusoids):
        model = make_pretraining_model(PretrainPlan(preset="tiny", sinusoids=sinusoids), tokenizer, text)
        return model.bert.embeddings.positions.weight

    assert make_table(0.1)[0, :4].tolist() == pytest.approx([0, 0.1, 0, 0.1])
    assert make_table(0.1)[3, 0].item() == pytest.approx(0.1 * math.sin(3))
    assert make_table(0).std() < 0.03


def test_heads_start_at_neighbours():
    torch.manual_seed(0)
    bert = Bert(BertConfig(vocab_size=50, hidden_size=128, num_hidden_layers=2, num_attention_heads=4,
                           intermediate_size=64, max_position_embeddings=40)).eval()  # fmt: skip
    with torch.no_grad():
        bert.embeddings.positions.weight.copy_(0.1 * make_sinusoid_table(40, 128))
    start_heads_at_neighbours(bert)
    with attention_maps(bert) as maps:
        bert(torch.randint(0, 50, (8, 30)))
    inside = torch.arange(4, 26)
    for head, offset in enumerate((-1, 1, -2, 2)):
        found = maps[0][:, head, inside].argmax(-1) - inside
        assert (found == offset).float().mean() > 0.6, f"head {head}"
    assert maps[1].max() < 0.2  # the later layers attend to all 30 tokens about equally


def test_heads_start_copying():
    """Output undoes value, in every layer."""
    bert = Bert(BertConfig(vocab_size=9, hidden_size=128, num_hidden_layers=2, num_attention_heads=4,
                           intermediate_size=64)).eval()  # fmt: skip
    start_heads_copying(bert)
    for layer in bert.layers:
        product = layer.attention.output.weight @ layer.attention.value.weight
        assert torch.allclose(product, torch.eye(128), atol=1e-5)


def test_a_plan_starts_heads_at_neighbours_or_at_random():
    tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    text = encode_as_sentences([5, 5, 5])
    for neighbours, orthogonal, sinusoids in product((True, False), (True, False), (0.1, 0.0)):
        plan = PretrainPlan(preset="tiny", neighbours=neighbours, orthogonal=orthogonal, sinusoids=sinusoids)
        attention = make_pretraining_model(plan, tokenizer, text).bert.layers[0].attention
        assert (attention.query.weight.abs().max() > 0.9) == (neighbours and sinusoids > 0)
        undone = torch.allclose(attention.output.weight @ attention.value.weight, torch.eye(128), atol=1e-5)
        assert undone == orthogonal


def test_the_recorded_runs_name_commands_that_exist():
    found = json.loads((ROOT / "data" / "recipe.json").read_text(encoding="utf-8"))
    assert {"recipe", "bert"} <= {run["change"] for run in found["runs"].values()}
    for run in found["runs"].values():
        options = make_parser().parse_args(run["command"].split()[3:])
        assert options.steps == found["steps"] == 1000
        assert (options.neighbours is False) == ("--no-neighbours" in run["command"])
        assert (options.seed, options.learning_rate) == (run["seed"], run["learning_rate"])
        assert run["mlm_loss"] == pytest.approx(run["curve"][-1][1], abs=0.15)  # all rows, and 512 of them


@pytest.mark.parametrize(
    ("change", "message"), [({"optimizer": "sgd"}, "optimizer is 'sgd'"), ({"times": 0}, "times is 0")]
)
def test_an_impossible_plan_is_an_error_before_anything_is_read(change, message):
    with pytest.raises(ValueError, match=message):
        PretrainPlan(**change)


def test_both_translations_of_a_chapter_are_one_group(monkeypatch):
    monkeypatch.setattr(sources, "documents", lambda name, **_: [[f"{name} one"], [f"{name} two"]])
    documents, groups = read_documents_and_groups(("kjv", "web", "sotu"))
    assert len(documents) == 6
    assert groups == ["bible 0", "bible 1", "bible 0", "bible 1", "sotu one", "sotu two"]


def test_kinds_follow_the_documents(tmp_path):
    """Two texts: each document's kind is its text, in both parts of the split, even if one is empty."""
    for name, word in (("a", "cat"), ("b", "dog")):
        documents = ["..."] + ["\n".join(f"{word} {i} {j}" for j in range(4)) for i in range(12)]
        (tmp_path / f"{name}.txt").write_text("\n\n".join(documents))
    names = tuple(str(tmp_path / f"{name}.txt") for name in "ab")
    training, held_out, kinds = split_plan_documents(replace(TINY, text=names))
    for documents, of_documents in zip((training, held_out), kinds, strict=True):
        assert len(documents) == len(of_documents) >= 4
        for document, kind in zip(documents, of_documents, strict=True):
            assert ("cat" in document[0]) == (kind == names[0]) or document == ["..."]
    text = EncodedCorpus(np.arange(4), np.arange(5), np.arange(5), np.array([0, 2, 3, 5]))
    assert select_kinds("aaaaff", text, PretrainPlan()) == ["a"] * 4
    assert select_kinds("aadddd", text, PretrainPlan()) == ["d"] * 4
    assert select_kinds("aaaddd", text, PretrainPlan()) == ["a", "a", "d", "d"]
    assert select_kinds("abcdef", text, PretrainPlan(same_source=False)) is None


def test_same_source_trains_on_other_pairs(text, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text(text.read_text().replace("cat", "bat"))
    for name, same in (("mixed", False), ("same", True)):
        pretrain(replace(TINY, text=(str(text), str(other)), same_source=same), tmp_path / name, say=lambda _: None)
    mixed, same = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("mixed", "same"))
    assert mixed["tokens"] != same["tokens"] or mixed["model"] != same["model"]


def test_thin_batches_are_evenly_spaced():
    batches = Batches(list(range(100)), lambda rows, rng: {"input_ids": torch.tensor([rows])}, 5, shuffle=False)
    assert thin_batches(batches, 5)[0]["input_ids"].tolist() == [[0, 24, 49, 74, 99]]


# ---- From text to a folder -------------------------------------------------------------------------------------------


def test_the_folder_opens_in_transformers_and_predicts(text, tmp_path, capsys):
    results = pretrain(plan(text), tmp_path / "run", watch=quiet)
    assert {"model", "unigram", "bigram", "steps", "tokens"} <= set(results)
    assert json.loads((tmp_path / "run/results.json").read_text()) == results
    assert (tmp_path / "run/log.jsonl").read_text().count("\n") >= 6
    lines = format_pretraining_results(results).splitlines()
    assert len(lines) == 4
    assert f"{results['model']['mlm_loss']:.3f}" in lines[3]

    from transformers import AutoTokenizer, BertForPreTraining

    model, info = BertForPreTraining.from_pretrained(tmp_path / "run", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run")
    ours, our_tokenizer = weights.load(tmp_path / "run", Pretraining).eval(), WordPiece.load(tmp_path / "run")
    batch = tokenizer("the cat sat on the [MASK].", return_tensors="pt")
    with torch.no_grad():
        theirs = model.eval()(**batch).prediction_logits[batch["input_ids"] == tokenizer.mask_token_id].softmax(-1)
    (guesses,) = fill_masks(ours, our_tokenizer, "the cat sat on the [MASK].", top=3)
    for word, p in guesses:
        assert theirs[0, tokenizer.convert_tokens_to_ids(word)].item() == pytest.approx(p, abs=1e-5)

    capsys.readouterr()
    assert main(["fill", "the [MASK] sat on the [MASK]", "--model", str(tmp_path / "run"), "--top", "2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["[MASK] 1", "[MASK] 2"]
    assert said[0].count("%") == 2


def test_fill_explains_errors(text, tmp_path, capsys):
    pretrain(plan(text, steps=1), tmp_path / "run", watch=quiet)
    assert main(["fill", "no mask", "--model", str(tmp_path / "run")]) == 2
    assert "no [MASK]" in capsys.readouterr().err
    assert main(["fill", "[MASK] " * 300, "--model", str(tmp_path / "run")]) == 2
    assert "302" in capsys.readouterr().err
    assert main(["fill", "[MASK]", "--model", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err


def test_same_seed_same_model_other_seed_another(text, tmp_path):
    models = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        pretrain(plan(text, seed=seed, steps=2), tmp_path / name, watch=quiet)
        models[name] = (tmp_path / name / "model.safetensors").read_bytes()
    assert models["a"] == models["b"] != models["c"]


def test_minutes_become_steps_that_are_recorded(text, tmp_path):
    said = []
    results = pretrain(plan(text, steps=0), tmp_path / "run", minutes=0.02, watch=quiet, say=said.append)
    steps = json.loads((tmp_path / "run/run.json").read_text())["plan"]["steps"]
    assert steps == results["steps"] >= 1
    assert any(f"0.02 minutes are {steps:,} steps" in line for line in said)
    with pytest.raises(ValueError, match=r"--minutes is 5, but the run in .* began with 0.02 minutes"):
        pretrain(plan(text, steps=0), tmp_path / "run", minutes=5, resume=True, watch=quiet)
    for minutes in (0.02, None):
        again = pretrain(plan(text, steps=0), tmp_path / "run", minutes=minutes, resume=True, watch=quiet)
        assert again == results


def test_a_run_is_not_overwritten_and_its_text_must_not_change(text, tmp_path):
    pretrain(plan(text, steps=1), tmp_path / "run", watch=quiet)
    with pytest.raises(FileExistsError, match="--resume"):
        pretrain(plan(text, steps=1), tmp_path / "run", watch=quiet)
    text.write_text(text.read_text() + "\n\nThe old house. The red bird. The tree.")
    with pytest.raises(ValueError, match="the text is not the one"):
        pretrain(plan(text, steps=1), tmp_path / "run", resume=True, watch=quiet)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--steps", "0"], "at least one step"), (["--steps", "1", "--masked", "2"], "masked is 2.0"),
     ([], "steps or minutes"), (["--minutes", "-1"], "minutes is -1"),
     (["--steps", "1", "--text", "nowhere.txt"], "nowhere.txt"),
     (["--steps", "1", "--batch-size", "100000"], "do not fill one batch of 100000")],
)  # fmt: skip
def test_bad_options_are_one_line(text, tmp_path, capsys, arguments, message):
    given = ["pretrain", "--out", str(tmp_path / "run"), "--preset", "tiny", "--vocab-size", "80", "--length", "24"]
    text_too = [] if "--text" in arguments else ["--text", str(text)]
    assert main([*given, *text_too, *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("bertlab: ")
    assert message in error


def command(text, folder, *more):
    return [sys.executable, "-m", "bertlab", "pretrain", "--text", str(text), "--out", str(folder), "--preset", "tiny",
            "--vocab-size", "80", "--length", "24", "--batch-size", "8", "--resume", *more]  # fmt: skip


def test_the_command_killed_and_resumed_ends_the_same(text, tmp_path):
    done = subprocess.run(command(text, tmp_path / "a", "--steps", "60"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "this BERT" in done.stdout
    killed = subprocess.Popen(command(text, tmp_path / "b", "--steps", "60"), cwd=ROOT, stderr=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL)  # fmt: skip
    deadline = time.monotonic() + 300
    while not (tmp_path / "b/run.json").exists() and time.monotonic() < deadline and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    again = subprocess.run(command(text, tmp_path / "b"), cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    for name in ("model.safetensors", "log.jsonl", "results.json", "vocab.txt", "config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert list_checkpoints(tmp_path / "b")
