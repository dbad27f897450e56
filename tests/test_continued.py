"""Continued pre-training: from which model, with which words, and what it forgets. Tiny models and texts."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bertlab import weights
from bertlab.__main__ import main
from bertlab.batches import Batches
from bertlab.continued import FIXED_BY_CHECKPOINT, add_split_words, grow_vocabulary, mix_rows
from bertlab.corpus import Rows
from bertlab.files import hash_file
from bertlab.heads import Classifier, Pretraining
from bertlab.masking import PretrainingCollate
from bertlab.model import Bert, BertConfig
from bertlab.pretrain import PretrainPlan, pretrain
from bertlab.progress import quiet
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

LETTERS = "abcdefghijklmnopqrstuvwxyz"
KNOWN = ["the", "cat", "dog", "sat", "."]
TOKENIZER = WordPiece([*SPECIAL_TOKENS, *KNOWN, *LETTERS, *(f"##{letter}" for letter in LETTERS)])
SIZES = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64,
         "max_position_embeddings": 32, "hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.2}  # fmt: skip
CONFIG = BertConfig(vocab_size=len(TOKENIZER), **SIZES)


def write_text(path, words, seed=0):
    rng = np.random.default_rng(seed)
    documents = ["\n".join(" ".join(rng.choice(words, 6)).capitalize() + "." for _ in range(5)) for _ in range(30)]
    path.write_text("\n\n".join(documents))
    return path


@pytest.fixture
def text(tmp_path):
    """Thirty documents of a domain whose word "movie" the checkpoints cut into letters."""
    return write_text(tmp_path / "text.txt", ["the", "movie", "sat", "zebra", "1999"])


@pytest.fixture
def general(tmp_path):
    return write_text(tmp_path / "general.txt", ["the", "cat", "dog", "ran"], seed=1)


def save_checkpoint(folder, kind=Pretraining):
    """A checkpoint of random weights: `Pretraining` with both heads, "mlm" with one, `Bert` with none."""
    torch.manual_seed(0)
    model = Pretraining(CONFIG) if kind == "mlm" else kind(CONFIG)
    if kind == "mlm":
        model.drop_next_sentence()
    if hasattr(model, "mlm"):
        torch.nn.init.normal_(model.mlm.bias)
    return weights.save(model, folder, TOKENIZER)


def plan(text, origin, **changes):
    given = {"length": 24, "batch_size": 8, "steps": 3, "held_out": 0.3} | changes
    return PretrainPlan(text=(str(text),), from_=str(origin), **given)


def run(plan, folder, **more):
    said = []
    results = pretrain(plan, folder, watch=quiet, say=said.append, **more)
    return results, "\n".join(said)


# ---- From a model to a folder ----------------------------------------------------------------------------------------


def test_a_run_goes_on_from_the_weights_of_the_checkpoint(text, tmp_path):
    origin = save_checkpoint(tmp_path / "origin")
    results, said = run(plan(text, origin, learning_rate=1e-9, steps=1), tmp_path / "run")
    before, after = weights.load(origin), weights.load(tmp_path / "run")
    for name, tensor in before.state_dict().items():
        torch.testing.assert_close(after.state_dict()[name], tensor, atol=1e-7, rtol=0)
    assert after.config == CONFIG  # with the checkpoint's own dropout, though the run had none
    assert (tmp_path / "run/tokenizer.json").read_bytes() == (origin / "tokenizer.json").read_bytes()
    assert results["from"]["before"]["mlm_loss"] == pytest.approx(results["model"]["mlm_loss"], abs=1e-5)
    assert results["from"]["sha256"]["model.safetensors"] == hash_file(origin / "model.safetensors")
    assert results["from"]["new_heads"] == []
    assert "nsp_accuracy" in results["model"]
    assert "no MLM head" not in said


def test_training_goes_on(text, tmp_path):
    results, _ = run(plan(text, save_checkpoint(tmp_path / "origin"), steps=30, learning_rate=2e-3), tmp_path / "run")
    assert results["model"]["mlm_loss"] < results["from"]["before"]["mlm_loss"] - 0.5


@pytest.mark.parametrize(("kind", "pooler"), [("mlm", True), (Bert, False)], ids=["MaskedLM", "Model"])
def test_without_an_nsp_head_it_learns_masked_words_alone(text, tmp_path, kind, pooler):
    origin = save_checkpoint(tmp_path / "origin", kind)
    results, said = run(plan(text, origin), tmp_path / "run")
    assert "no NSP head: it learns masked words alone" in said
    assert "nsp_accuracy" not in results["model"]
    assert ("has no MLM head: a new one" in said) == (kind is Bert) == (results["from"]["new_heads"] == ["mlm"])
    recorded = json.loads((tmp_path / "run/run.json").read_text())["plan"]
    assert (recorded["pairs"], recorded["learning_rate"]) == (False, 0.008)  # 0.256 / 32
    model = weights.load(tmp_path / "run")
    assert isinstance(model, Pretraining)
    assert model.nsp is None
    assert (model.pooler is not None) == pooler
    if pooler:
        assert torch.equal(model.pooler.dense.weight, weights.load(origin).pooler.dense.weight)

    from transformers import BertForMaskedLM

    theirs, info = BertForMaskedLM.from_pretrained(tmp_path / "run", output_loading_info=True)
    assert not info["missing_keys"]
    assert {key for key in info["unexpected_keys"] if "pooler" not in key} == set()
    ids = torch.tensor([TOKENIZER.encode("the cat sat.").input_ids])
    with torch.no_grad():
        torch.testing.assert_close(theirs.eval()(ids).logits, model.eval()(ids).mlm_logits, atol=1e-5, rtol=1e-4)
    assert weights.load(tmp_path / "run", Classifier, num_labels=2, new_heads=True).num_labels == 2
    assert main(["fill", "the [MASK] sat", "--model", str(tmp_path / "run")]) == 0


def test_a_new_mlm_head_starts_at_the_frequencies_of_the_words(text, tmp_path):
    origin = save_checkpoint(tmp_path / "origin", Bert)
    run(plan(text, origin, learning_rate=1e-9, steps=1), tmp_path / "run")
    bias = weights.load(tmp_path / "run").mlm.bias.detach()
    assert bias[TOKENIZER.index["the"]] > bias[TOKENIZER.index["cat"]] + 3
    assert bias.exp().sum() == pytest.approx(1, abs=1e-3)


def test_pairs_can_be_left_out(text, tmp_path):
    text.write_text(text.read_text().replace("\n", "\n\n"))  # each sentence is a document
    results, said = run(plan(text, save_checkpoint(tmp_path / "origin"), pairs=False), tmp_path / "run")
    assert "masked words alone: the NSP head of" in said
    assert "nsp_accuracy" not in results["model"]
    fresh = PretrainPlan(text=(str(text),), vocab_size=80, length=24, batch_size=8, steps=1, pairs=False)
    run(fresh, tmp_path / "fresh")
    assert weights.load(tmp_path / "fresh").nsp is None


def test_a_stopped_run_that_goes_on_is_bit_exact(text, general, tmp_path):
    origin = save_checkpoint(tmp_path / "origin")
    own = plan(text, origin, steps=6, dropout=0.1, add_words=1, general=str(general), mix=0.3)
    whole, _ = run(own, tmp_path / "a")

    def stop(row, status):
        if row.get("step") == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="after step 3 of 6"):
        pretrain(own, tmp_path / "b", watch=stop, say=lambda _: None)
    moved = origin.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        run(own, tmp_path / "b", resume=True)
    again, _ = run(replace(own, from_=str(moved)), tmp_path / "b", resume=True)
    assert again["from"].pop("model") != whole["from"].pop("model")
    assert again == whole
    for name in ("model.safetensors", "log.jsonl", "vocab.txt", "config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_run_does_not_go_on_with_another_general_text(text, general, tmp_path):
    own = plan(text, save_checkpoint(tmp_path / "origin"), general=str(general))
    run(own, tmp_path / "run")
    write_text(general, ["dog", "cat"], seed=2)
    with pytest.raises(ValueError, match=r"the text is not the one .* began with \(.*text.txt .*general.txt\)"):
        run(own, tmp_path / "run", resume=True)


def test_a_run_does_not_go_on_with_another_checkpoint(text, tmp_path):
    origin = save_checkpoint(tmp_path / "origin")
    own = plan(text, origin)
    run(own, tmp_path / "run")
    model = weights.load(origin)
    torch.nn.init.zeros_(model.mlm.bias)
    weights.save(model, origin, TOKENIZER)
    with pytest.raises(ValueError, match="is not the model that the run began with: give it back"):
        run(own, tmp_path / "run", resume=True)
    fresh = PretrainPlan(text=(str(text),), length=24, batch_size=8, steps=1)
    run(fresh, tmp_path / "fresh")
    with pytest.raises(ValueError, match="is not the model that the run began with"):
        run(replace(fresh, from_=str(origin)), tmp_path / "fresh", resume=True)


def test_a_resumed_run_remembers_its_checkpoint_and_general_text(text, general, tmp_path):
    own = plan(text, save_checkpoint(tmp_path / "origin"), general=str(general))
    results, _ = run(own, tmp_path / "run")
    again, _ = run(replace(own, from_="", general=""), tmp_path / "run", resume=True)
    assert again == results


# ---- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in FIXED_BY_CHECKPOINT if hasattr(PretrainPlan, name)])
def test_what_the_checkpoint_decides_is_refused_by_name(text, name):
    default = getattr(PretrainPlan, name)
    other = "mini" if name == "preset" else not default if isinstance(default, bool) else default + 1
    with pytest.raises(ValueError, match=f"{name} is for random weights; a has its own"):
        plan(text, "a", **{name: other})


def test_the_command_refuses_even_a_default(text, tmp_path, capsys):
    origin = save_checkpoint(tmp_path / "origin")
    given = ["pretrain", "--text", str(text), "--from", str(origin), "--steps", "1", "--out", str(tmp_path / "run")]
    assert main([*given, "--length", "24", "--vocab-size", "4000"]) == 2
    assert "vocab_size is for random weights" in capsys.readouterr().err
    assert main([*given, "--length", "33"]) == 2
    assert "length is 33, but" in (error := capsys.readouterr().err)
    assert "has 32 positions: --length 32 or less" in error
    assert main([*given, "--length", "24", "--out", str(origin)]) == 2
    assert "one lies in the other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"add_words": 5}, "add_words is for a model to go on from"), ({"general": "x"}, "general is for a model to go"),
     ({"mix": 0.1, "from_": "a"}, "mix is the share of a general text: name one"),
     ({"general": "sotu", "from_": "a"}, "general is sotu, which the model is to learn")],
)  # fmt: skip
def test_settings_that_need_another_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PretrainPlan(**settings)


# ---- Words -----------------------------------------------------------------------------------------------------------


def test_the_commonest_split_words_are_added():
    said = []
    documents = [["The movie, the movie 1999 zebra qq qq"]] * 5 + [["zebra the cat"]] * 2 + [["rare"]] * 4
    found = add_split_words(documents, TOKENIZER, 2, said.append)
    assert found.vocab == [*TOKENIZER.vocab, "movie", "qq"]  # ten times each, in order of the alphabet; zebra seven
    assert said == ["2 words are added to the vocabulary, from 'movie' to 'qq': 36.4% of the words of the text"]
    assert add_split_words(documents, TOKENIZER, 9, said.append).vocab[-4:] == ["movie", "qq", "zebra", ","]
    assert "(no more occur 5 times)" in said[-1]  # not "rare" and not "1999"; "," was [UNK]


@pytest.mark.parametrize("spare", [0, 1, 5])
def test_a_new_word_starts_from_the_mean_of_its_pieces(spare):
    """Also in models with more rows than words: the spare rows are used first."""
    torch.manual_seed(0)
    V = len(TOKENIZER)
    model = Pretraining(BertConfig(vocab_size=V + spare, **SIZES)).eval()
    torch.nn.init.normal_(model.mlm.bias)
    larger = WordPiece([*TOKENIZER.vocab, "movie", "é"])
    ids = torch.tensor([TOKENIZER.encode("the cat sat").input_ids])
    before, table, bias = model(ids).mlm_logits, model.bert.embeddings.words.weight.clone(), model.mlm.bias.clone()
    grow_vocabulary(model, TOKENIZER, larger)
    assert model.config.vocab_size == model.bert.config.vocab_size == len(model.mlm.bias) == max(V + spare, V + 2)
    pieces = TOKENIZER.convert_tokens_to_ids(["m", "##o", "##v", "##i", "##e"])
    new = model.bert.embeddings.words.weight
    assert torch.equal(new[V], table[pieces].mean(0))
    assert torch.equal(new[V + 1], table[TOKENIZER.unk_id])  # an unknown word
    assert model.mlm.bias[V].item() == pytest.approx(bias[pieces].mean().item())
    assert torch.equal(model(ids).mlm_logits[..., :V], before[..., :V])
    if spare == 5:
        assert torch.equal(new[V + 2 :], table[V + 2 :])
    assert new.requires_grad
    assert new[0].eq(table[0]).all()
    assert F.embedding(torch.tensor([V]), new).shape == (1, 32)


def test_transformers_gives_the_same_ids_with_added_words(text, tmp_path):
    results, said = run(plan(text, save_checkpoint(tmp_path / "origin"), add_words=5), tmp_path / "run")
    assert "2 words are added to the vocabulary (no more occur 5 times), from " in said
    assert results["from"]["added_words"] == 2

    from transformers import AutoTokenizer, BertForPreTraining

    theirs, ours = AutoTokenizer.from_pretrained(tmp_path / "run"), WordPiece.load(tmp_path / "run")
    for words in ("The movie sat.", "zebra movies zebramovie", "the cat"):
        assert theirs(words)["input_ids"] == ours.encode(words).input_ids
    assert ours.tokenize("The movie zebra") == ["the", "movie", "zebra"]
    model = BertForPreTraining.from_pretrained(tmp_path / "run")
    assert model.config.vocab_size == len(theirs) == len(TOKENIZER) + 2


# ---- A general text --------------------------------------------------------------------------------------------------


def make_rows(ids):
    spans = np.array([[i, i + 1] for i in range(len(ids))])
    return Rows(np.array(ids), spans, np.repeat(spans[:, 1:], 2, 1), np.full(len(ids), -1, np.int8))


@pytest.mark.parametrize(("share", "count"), [(0.2, 2), (0.5, 8), (0.9, 72), (0.001, 1)])
def test_rows_of_the_general_text_are_a_share_of_all(share, count):
    domain, general = make_rows([5, 6, 5, 6, 5, 6, 5, 6]), make_rows([7, 8, 9])
    batches = Batches(domain, PretrainingCollate(TOKENIZER), 2, seed=3, lengths=domain.lengths)
    mixed = mix_rows(batches, general, share)
    found = [int(mixed.rows[i][0][0]) for i in range(len(mixed.rows))]
    assert found[:8] == [5, 6] * 4
    assert len(found) == 8 + count
    times = np.bincount(found[8:], minlength=10)[7:]
    assert times.sum() == count
    assert times.max() - times.min() <= 1
    again = mix_rows(batches, general, share)
    assert [int(again.rows[i][0][0]) for i in range(len(found))] == found
    assert mixed.seed == 3
    assert all(len(mixed.rows[i][1]) == 0 for i in range(len(found)))


def test_too_little_general_text_is_not_mixed_in(text, tmp_path, capsys):
    few = tmp_path / "few.txt"
    few.write_text("\n\n".join(f"a cat {i} sat. a dog ran." for i in range(6)))
    origin = save_checkpoint(tmp_path / "origin")
    arguments = ["pretrain", "--text", str(text), "--from", str(origin), "--general", str(few), "--mix", "0.1"]
    arguments += ["--steps", "1", "--length", "16", "--batch-size", "32", "--no-pairs", "--out", str(tmp_path / "run")]
    assert main(arguments) == 2
    assert "the general text gives 4 rows to mix in, not even a batch of 32" in capsys.readouterr().err


def test_forgetting_is_measured_and_mixing_lessens_it(text, general, tmp_path):
    _, _ = run(plan(general, save_checkpoint(tmp_path / "first"), steps=60, learning_rate=2e-3), tmp_path / "origin")
    lost = {}
    for mix in (0.0, 0.5):
        own = plan(text, tmp_path / "origin", general=str(general), mix=mix, steps=60, learning_rate=2e-3)
        results, _ = run(own, tmp_path / f"run {mix}")
        assert results["general"]["text"] == str(general)
        lost[mix] = results["general"]["after"]["mlm_loss"] - results["general"]["before"]["mlm_loss"]
        assert results["model"]["mlm_loss"] < results["from"]["before"]["mlm_loss"] - 0.5
    assert lost[0.0] > 0.5
    assert lost[0.5] < lost[0.0] / 2


def test_the_command_prints_before_and_after(text, general, tmp_path, capsys):
    origin = save_checkpoint(tmp_path / "origin")
    arguments = ["pretrain", "--text", str(text), "--from", str(origin), "--general", str(general), "--steps", "1",
                 "--length", "24", "--batch-size", "8", "--out", str(tmp_path / "run")]  # fmt: skip
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("held-out documents")) :]
    titles = [line[:22].strip() for line in table[1:7]]
    assert [title.endswith((", before", ", after")) for title in titles] == [False, False, True, False, True, True]
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert f"{results['general']['after']['mlm_loss']:.3f}" in table[6]
    assert main([*arguments, "--resume"]) == 0


# ---- From shards -----------------------------------------------------------------------------------------------------


def prepare_shards(text, folder, vocabulary=""):
    from bertlab.prepare import PreparePlan, prepare

    prepare(PreparePlan(text=(str(text),), vocabulary=str(vocabulary), vocab_size=90, held_out=0.3), folder, workers=1,
            say=lambda _: None)  # fmt: skip
    return str(folder)


def test_shards_with_the_checkpoints_vocabulary_train_as_their_text_does(text, tmp_path):
    origin = save_checkpoint(tmp_path / "origin")
    data = prepare_shards(text, tmp_path / "shards", origin)
    given = {"length": 24, "batch_size": 8, "steps": 3, "held_out": 0.3}
    run(PretrainPlan(data=data, from_=str(origin), **given), tmp_path / "a")
    run(plan(text, origin, overflow="keep"), tmp_path / "b")
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()


def test_shards_with_another_vocabulary_are_refused(text, tmp_path):
    origin = save_checkpoint(tmp_path / "origin")
    data = prepare_shards(text, tmp_path / "shards")
    given = {"data": data, "from_": str(origin), "length": 24, "batch_size": 8, "steps": 3}
    with pytest.raises(ValueError, match="another vocabulary than .*origin: make them with its own .*--vocabulary"):
        run(PretrainPlan(**given), tmp_path / "run")
    with pytest.raises(ValueError, match="add_words changes the ids or rows of a text, and shards hold them ready"):
        PretrainPlan(**given, add_words=3)
