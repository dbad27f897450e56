"""Pre-training from text to a folder: baselines by hand, resuming by command, guessing. Tiny text, seconds in all."""

import json
import math
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from bertlab import weights
from bertlab.__main__ import main, make_parser
from bertlab.baselines import Bigram, fit_unigram, score_baseline, score_pretraining
from bertlab.batches import Batches
from bertlab.checkpoint import list_checkpoints
from bertlab.corpus import EncodedCorpus
from bertlab.heads import Output, Pretraining
from bertlab.masking import PretrainingCollate
from bertlab.model import Bert, BertConfig, attention_maps, sinusoid_table
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
    thin_batches,
)
from bertlab.progress import quiet
from bertlab.wordpiece import WordPiece

from .conftest import ROOT

WORDS = [*"abcdefghij", "the", "cat", "dog", "sat", "ran"]
TINY = PretrainPlan(preset="tiny", vocab_size=80, length=24, batch_size=8, steps=6, held_out=0.3)


@pytest.fixture
def text(tmp_path):
    """Thirty documents of a few sentences each, in one file."""
    rng = np.random.default_rng(0)
    documents = ["\n".join(" ".join(rng.choice(WORDS, 7)).capitalize() + "." for _ in range(5)) for _ in range(30)]
    place = tmp_path / "text.txt"
    place.write_text("\n\n".join(documents))
    return place


def plan(text, **changes):
    return PretrainPlan(**{**vars(TINY), "text": (str(text),)} | changes)


# Baselines


def encoded(*documents):
    ids = np.concatenate([np.array(d) for d in documents])
    ends = np.cumsum([0, *map(len, documents)])
    return EncodedCorpus(ids, ends, np.arange(len(documents) + 1))


def test_unigram_by_hand():
    guess = fit_unigram(encoded([5, 5, 6], [5]), 8)
    probability, right = guess(np.array([0, 0, 0]), np.array([5, 6, 7]))
    assert probability == pytest.approx([3.5 / 8, 1.5 / 8, 0.5 / 8])  # 4 words + 8 halves = 8
    assert right.tolist() == [True, False, False]


def test_bigram_by_hand():
    guess = Bigram(encoded([5, 6, 5, 7, 5, 6], [7, 7]), 8)
    # After 5: 6 twice, 7 once; two kinds. Unigram of 6: (2 + .5) / 12. The end of a document is followed by nothing.
    probability, right = guess(np.array([5, 5, 5]), np.array([6, 7, 0]))
    p6, p7, p0 = 2.5 / 12, 3.5 / 12, 0.5 / 12
    assert probability == pytest.approx([(2 + 2 * p6) / 5, (1 + 2 * p7) / 5, 2 * p0 / 5])
    assert right.tolist() == [True, False, False]


def test_bigram_is_a_distribution_after_every_word():
    rng = np.random.default_rng(0)
    guess = Bigram(encoded(rng.integers(0, 6, 40), rng.integers(0, 9, 30)), 12)
    for before in range(12):
        assert guess(np.full(12, before), np.arange(12))[0].sum() == pytest.approx(1)


def test_bigram_knows_nothing_after_a_mask():
    text = encoded([5, 6, 5, 7])
    labels = np.arange(8)
    assert Bigram(text, 8)(np.full(8, 4), labels)[0] == pytest.approx(fit_unigram(text, 8)(labels, labels)[0])


def test_judge_reads_the_word_before():
    ids = torch.tensor([[2, 5, 4, 3]])
    labels = torch.tensor([[-100, -100, 6, -100]])
    batch = {"input_ids": ids, "labels": labels}
    batches = Batches([0], lambda rows, rng: batch, 1, shuffle=False)
    seen = []

    def guess(before, wanted):
        seen.append((before.tolist(), wanted.tolist()))
        return np.array([0.25]), np.array([True])

    assert score_baseline(guess, batches) == pytest.approx({"mlm_loss": math.log(4), "mlm_accuracy": 1.0})
    batch["next_sentence_label"] = torch.tensor([1, 1, 0, -100])
    assert score_baseline(guess, batches)["nsp_accuracy"] == pytest.approx(2 / 3)
    assert seen[:1] == [([5], [6])]


def test_scores_count_what_was_asked():
    output = Output(
        mlm_logits=torch.tensor([[0.0, 1, 0], [2, 0, 0]]),
        mlm_loss=torch.tensor(0.5),
        nsp_logits=torch.tensor([[1.0, 0], [0, 1], [0, 1]]),
    )
    batch = {"labels": torch.tensor([[1, -100], [1, -100]]), "next_sentence_label": torch.tensor([0, 0, -100])}
    assert score_pretraining(output, batch) == {"mlm_loss": (1.0, 2), "mlm_accuracy": (1, 2), "nsp_accuracy": (1, 2)}


# Starting points


def test_an_untrained_model_with_the_unigram_bias_guesses_as_the_unigrams_do():
    pieces = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"])
    text = encoded(np.random.default_rng(0).choice(np.arange(5, 13), 2000, p=np.arange(1, 9) / 36))
    loss = {}
    for on in (True, False):
        model = make_pretraining_model(PretrainPlan(preset="tiny", unigrams=on), pieces, text).eval()
        row = (text.ids[:10], text.ids[10:20], 0)
        batch = PretrainingCollate(pieces)([row] * 50, np.random.default_rng(0))
        loss[on] = model(**batch).mlm_loss.item()
        if on:
            labels = batch["labels"][batch["labels"] != -100].numpy()
            expected = -np.log(fit_unigram(text, 13)(labels, labels)[0]).mean()
    assert loss[True] == pytest.approx(expected, abs=0.1)
    assert loss[False] > loss[True] + 0.3


def test_positions_start_from_the_formula_or_from_random_numbers():
    pieces = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    text = encoded([5, 5, 5])
    table = make_pretraining_model(
        PretrainPlan(preset="tiny", sinusoids=0.1), pieces, text
    ).bert.embeddings.positions.weight
    assert table[0, :4].tolist() == pytest.approx([0, 0.1, 0, 0.1])
    assert table[3, 0].item() == pytest.approx(0.1 * math.sin(3))
    assert (
        make_pretraining_model(
            PretrainPlan(preset="tiny", sinusoids=0), pieces, text
        ).bert.embeddings.positions.weight.std()
        < 0.03
    )


def test_heads_start_at_the_words_beside():
    torch.manual_seed(0)
    bert = Bert(BertConfig(vocab_size=50, hidden_size=128, num_hidden_layers=2, num_attention_heads=4,
                           intermediate_size=64, max_position_embeddings=40)).eval()  # fmt: skip
    with torch.no_grad():
        bert.embeddings.positions.weight.copy_(0.1 * sinusoid_table(40, 128))
    start_heads_at_neighbours(bert)
    with attention_maps(bert) as maps:
        bert(torch.randint(0, 50, (8, 30)))
    inside = torch.arange(4, 26)
    for head, offset in enumerate((-1, 1, -2, 2)):
        found = maps[0][:, head, inside].argmax(-1) - inside
        assert (found == offset).float().mean() > 0.6, f"head {head}"
    assert maps[1].max() < 0.2  # the later layers look at all 30 alike
    for layer in bert.layers:  # what a head sees it passes on: output undoes value
        product = layer.attention.output.weight @ layer.attention.value.weight
        assert torch.allclose(product, torch.eye(128), atol=1e-5)


def test_a_plan_starts_heads_at_neighbours_or_at_random():
    pieces = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    text = encoded([5, 5, 5])
    largest = {}
    for on in (True, False):
        model = make_pretraining_model(PretrainPlan(preset="tiny", neighbours=on), pieces, text)
        largest[on] = model.bert.layers[0].attention.query.weight.abs().max().item()
    assert largest[True] > 0.9
    assert largest[False] < 0.5


def test_the_trials_that_notebook_09_shows_name_commands_that_there_are():
    runs = json.loads((ROOT / "data" / "recipe.json").read_text(encoding="utf-8"))["runs"]
    assert len(runs) >= 8
    for run in runs:
        options = make_parser().parse_args([*run["command"].split()[3:], "--out", "anywhere"])
        assert options.steps == run["curve"][-1][0] == 1000
        assert (options.neighbours is False) == ("--no-neighbours" in run["command"])
        assert run["mlm_loss"] == pytest.approx(run["curve"][-1][1], abs=0.1)  # all rows, and 512 of them


@pytest.mark.parametrize(
    ("change", "message"), [({"optimizer": "sgd"}, "optimizer is 'sgd'"), ({"times": 0}, "times is 0")]
)
def test_a_plan_that_cannot_be_is_refused_before_anything_is_read(change, message):
    with pytest.raises(ValueError, match=message):
        PretrainPlan(**change)


def test_both_translations_of_a_chapter_are_one_group(monkeypatch):
    from bertlab.sources import prose

    monkeypatch.setattr(prose, "documents", lambda name: [[f"{name} one"], [f"{name} two"]])
    documents, groups = read_documents_and_groups(("kjv", "web", "sotu"))
    assert len(documents) == 6
    assert groups == ["bible 0", "bible 1", "bible 0", "bible 1", "sotu one", "sotu two"]


def test_kinds_follow_the_documents(tmp_path):
    """Two texts: each document's kind is its text, on both sides of the split, and an empty one shifts nothing."""
    for name, word in (("a", "cat"), ("b", "dog")):
        documents = ["..."] + ["\n".join(f"{word} {i} {j}" for j in range(4)) for i in range(12)]
        (tmp_path / f"{name}.txt").write_text("\n\n".join(documents))
    names = tuple(str(tmp_path / f"{name}.txt") for name in "ab")
    training, judged, kinds = split_plan_documents(replace(TINY, text=names))
    for documents, of_documents in zip((training, judged), kinds, strict=True):
        assert len(documents) == len(of_documents) >= 4
        for document, kind in zip(documents, of_documents, strict=True):
            assert ("cat" in document[0]) == (kind == names[0]) or document == ["..."]
    text = EncodedCorpus(np.arange(4), np.arange(5), np.arange(5), np.array([0, 2, 3, 5]))
    assert select_kinds("abcdef", text, PretrainPlan(same_source=True)) == ["a", "c", "d", "f"]
    assert select_kinds("abcdef", text, PretrainPlan()) is None


def test_same_source_trains_on_other_pairs(text, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text(text.read_text().replace("cat", "bat"))
    for name, same in (("mixed", False), ("same", True)):
        pretrain(replace(TINY, text=(str(text), str(other)), same_source=same), tmp_path / name, say=lambda _: None)
    mixed, same = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("mixed", "same"))
    assert mixed["tokens"] != same["tokens"] or mixed["model"] != same["model"]


def test_quick_is_a_spread():
    batches = Batches(list(range(100)), lambda rows, rng: {"input_ids": torch.tensor([rows])}, 5, shuffle=False)
    assert thin_batches(batches, 5)[0]["input_ids"].tolist() == [[0, 24, 49, 74, 99]]


# From text to a folder


def test_the_folder_opens_in_transformers_and_guesses(text, tmp_path, capsys):
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
    ours, pieces = weights.load(tmp_path / "run", Pretraining).eval(), WordPiece.load(tmp_path / "run")
    batch = tokenizer("the cat sat on the [MASK].", return_tensors="pt")
    with torch.no_grad():
        theirs = model.eval()(**batch).prediction_logits[batch["input_ids"] == tokenizer.mask_token_id].softmax(-1)
    (guesses,) = fill_masks(ours, pieces, "the cat sat on the [MASK].", top=3)
    for word, p in guesses:
        assert theirs[0, tokenizer.convert_tokens_to_ids(word)].item() == pytest.approx(p, abs=1e-5)

    capsys.readouterr()
    assert main(["fill", "the [MASK] sat on the [MASK]", "--model", str(tmp_path / "run"), "--top", "2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["[MASK] 1", "[MASK] 2"]
    assert said[0].count("%") == 2


def test_fill_says_what_is_wrong(text, tmp_path, capsys):
    pretrain(plan(text, steps=1), tmp_path / "run", watch=quiet)
    assert main(["fill", "no hole", "--model", str(tmp_path / "run")]) == 1
    assert "no [MASK]" in capsys.readouterr().err
    assert main(["fill", "[MASK] " * 300, "--model", str(tmp_path / "run")]) == 1
    assert "302" in capsys.readouterr().err
    assert main(["fill", "[MASK]", "--model", str(tmp_path / "none")]) == 1
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
    again = pretrain(plan(text, steps=0), tmp_path / "run", minutes=5, resume=True, watch=quiet)
    assert again == results


def test_a_run_is_not_overwritten_and_its_text_may_not_change(text, tmp_path):
    pretrain(plan(text, steps=1), tmp_path / "run", watch=quiet)
    with pytest.raises(FileExistsError, match="--resume"):
        pretrain(plan(text, steps=1), tmp_path / "run", watch=quiet)
    text.write_text(text.read_text() + "\n\nThe old house. The red bird. The tree.")
    with pytest.raises(ValueError, match="the text is not the one"):
        pretrain(plan(text), tmp_path / "run", resume=True, watch=quiet)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--steps", "0"], "at least one step"), (["--steps", "1", "--masked", "2"], "rate is 2.0"),
     ([], "steps or minutes"), (["--minutes", "-1"], "minutes is -1"),
     (["--steps", "1", "--text", "nowhere.txt"], "nowhere.txt"),
     (["--steps", "1", "--batch-size", "100000"], "do not fill one batch of 100000")],
)  # fmt: skip
def test_bad_options_are_one_line(text, tmp_path, capsys, arguments, message):
    given = ["pretrain", "--out", str(tmp_path / "run"), "--preset", "tiny", "--vocab-size", "80", "--length", "24"]
    text_too = [] if "--text" in arguments else ["--text", str(text)]
    assert main([*given, *text_too, *arguments]) == 1
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
