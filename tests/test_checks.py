"""Each check passes on models that are right, ours and transformers', and fails on the bug that it is for."""

import numpy as np
import pytest
import torch
from torch import nn

from bertlab.batches import IGNORE
from bertlab.checks import (
    CheckError,
    check_accumulation,
    check_batch,
    check_classes,
    check_collate,
    check_decay,
    check_first_step,
    check_gradients,
    check_ignored,
    check_masking,
    check_norms,
    check_overfit,
    check_padding,
    check_reload,
    check_resume,
    check_start,
    check_tied,
    check_word_labels,
)
from bertlab.heads import Classifier, Output, Pretraining, Tagger
from bertlab.masking import Masking, PretrainingCollate
from bertlab.model import BertConfig
from bertlab.optim import make_optimizer
from bertlab.train import TrainConfig
from bertlab.wordpiece import WordPiece

CONFIG = BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                    max_position_embeddings=40)  # fmt: skip


def make_models():
    import transformers

    torch.manual_seed(0)
    theirs = transformers.BertConfig(**vars(CONFIG))
    yield "our pretraining", Pretraining(CONFIG), (60, 2)
    yield "our classifier", Classifier(CONFIG, num_labels=3), 3
    yield "our tagger", Tagger(CONFIG, num_labels=4), 4
    yield "their pretraining", transformers.BertForPreTraining(theirs), (60, 2)
    yield (
        "their classifier",
        transformers.BertForSequenceClassification(transformers.BertConfig(**vars(CONFIG), num_labels=3)),
        3,
    )


MODELS = {name: (model, classes) for name, model, classes in make_models()}


def make_batch(classes, rows=4, tokens=9):
    torch.manual_seed(1)
    ids = torch.randint(5, 60, (rows, tokens))
    mask = torch.ones_like(ids)
    mask[0, 6:] = 0
    batch = {
        "input_ids": ids.masked_fill(mask == 0, 0),
        "attention_mask": mask,
        "token_type_ids": torch.zeros_like(ids),
    }
    if classes == 3:  # a label a row
        return batch | {"labels": torch.arange(rows) % 3}
    labels = torch.full_like(ids, IGNORE)
    labels[:, 1:5] = torch.randint(0, 4 if classes == 4 else 60, (rows, 4))
    pairs = {"next_sentence_label": torch.arange(rows) % 2} if classes == (60, 2) else {}
    return batch | {"labels": labels} | pairs


@pytest.mark.parametrize("name", MODELS)
def test_right_models_pass_and_are_not_changed(name):
    model, classes = MODELS[name]
    batch, before = make_batch(classes), {key: value.clone() for key, value in model.state_dict().items()}
    model.train()
    state = torch.random.get_rng_state()
    assert check_padding(model, batch) < 1e-5
    assert check_batch(model, batch) < 1e-5
    assert check_start(model, batch, classes) > 1
    assert check_overfit(model, batch, steps=60, rate=3e-3) < 0.2
    assert len(check_gradients(model, batch)) == len(list(model.parameters()))
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())


class Broken(nn.Module):
    """A classifier of our encoder, with a bug of choice."""

    def __init__(self, bug=""):
        super().__init__()
        self.bug, self.inner = bug, Classifier(CONFIG, num_labels=3)
        self.head = nn.Linear(32, 3)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, labels=None):
        mask = None if self.bug == "no mask" else attention_mask
        hidden = self.inner.bert(input_ids, token_type_ids, mask)
        if self.bug == "detached":
            hidden = hidden.detach()
        if self.bug == "batch":
            hidden = hidden - hidden.mean(0)
        pooled = hidden.mean(1) if self.bug == "mean over padding" else hidden[:, 0]
        logits = self.head(pooled) * (100 if self.bug == "large" else 1)
        loss = None if labels is None else nn.functional.cross_entropy(
            logits, torch.randint_like(labels, 3) if self.bug == "labels drawn anew" else labels)  # fmt: skip
        return Output(loss=-loss if self.bug == "sign" and loss is not None else loss, logits=logits)


@pytest.mark.parametrize("bug", ["no mask", "mean over padding"])
def test_padding_that_is_read_is_found(bug):
    with pytest.raises(CheckError, match="padding change the outputs"):
        check_padding(Broken(bug), make_batch(3))
    check_padding(Broken(), make_batch(3))


def test_rows_that_see_each_other_are_found():
    with pytest.raises(CheckError, match="with the rows beside it"):
        check_batch(Broken("batch"), make_batch(3))


def test_a_first_loss_that_is_not_that_of_guessing_is_found():
    with pytest.raises(CheckError, match=r"guessing among the classes gives 1\.099"):
        check_start(Broken("large"), make_batch(3), 3)
    with pytest.raises(CheckError, match="first loss"):
        check_start(Broken(), make_batch(3), 300)


@pytest.mark.parametrize("bug", ["sign", "labels drawn anew"])
def test_a_batch_that_is_not_learned_is_found(bug):
    with pytest.raises(CheckError, match="after 30 steps"):
        check_overfit(Broken(bug), make_batch(3), steps=30)


def test_a_detached_part_is_found():
    with pytest.raises(CheckError, match="no gradient reaches inner"):
        check_gradients(Broken("detached"), make_batch(3))
    reached = check_gradients(Broken(), make_batch(3), unused=["inner.pooler", "inner.output"])
    assert "head.weight" in reached
    assert "inner.pooler.dense.weight" not in reached


def test_an_untied_output_layer_is_found():
    import transformers

    model = transformers.BertForMaskedLM(transformers.BertConfig(**vars(CONFIG)))
    names = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
    check_tied(model, *names)
    model.cls.predictions.decoder.weight = nn.Parameter(model.cls.predictions.decoder.weight.detach().clone())
    with pytest.raises(CheckError, match="equal now, but training will part them"):
        check_tied(model, *names)
    with torch.no_grad():
        model.cls.predictions.decoder.weight += 1
    with pytest.raises(CheckError, match="two parameters, different"):
        check_tied(model, *names)
    with pytest.raises(ValueError, match="no parameter 'nothing'"):
        check_tied(model, names[0], "nothing")


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_our_optimizers_decay_matrices_alone(name):
    model = Pretraining(CONFIG)
    optimizer = make_optimizer(model, TrainConfig(steps=1, optimizer=name), torch.device("cpu"))
    matrices = [part for part in model.parameters() if part.dim() > 1]
    assert check_decay(optimizer, model) == len(matrices)


def test_wrong_groups_of_decay_are_found():
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    matrices, vectors = [model[0].weight], [model[0].bias, *model[1].parameters()]

    def group(*groups):
        return torch.optim.AdamW([{"params": parts, "weight_decay": decay} for parts, decay in groups], lr=1e-3)

    assert check_decay(group((matrices, 0.1), (vectors, 0.0)), model) == 1
    for groups, message in (
        (((matrices + vectors, 0.1),), r"decay on 0\.bias, 1\.weight, 1\.bias"),
        (((matrices, 0.0), (vectors, 0.0)), r"no weight decay on 0\.weight"),
        (((matrices, 0.1), (vectors[:1], 0.0)), r"lacks 1\.weight, 1\.bias"),
    ):
        with pytest.raises(CheckError, match=message):
            check_decay(group(*groups), model)


# ---- Data ------------------------------------------------------------------------------------------------------------

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(95))]
SPECIAL = [0, 1, 2, 3, 4]


def make_masked(mask_words, count=60):
    rng = np.random.default_rng(0)
    for _ in range(count):
        ids = torch.from_numpy(rng.integers(5, 100, (8, 30)))
        ids[:, 0], ids[:, -1] = 2, 3
        yield mask_words(ids, rng)


def mask_rightly(ids, rng, share=0.15, mask=0.8, other=0.1, words=slice(1, -1)):
    labels, ids = torch.full_like(ids, IGNORE), ids.clone()
    chosen = torch.zeros_like(ids, dtype=torch.bool)
    chosen[:, words] = torch.from_numpy(rng.random(ids[:, words].shape) < share)
    labels[chosen] = ids[chosen]
    what = torch.from_numpy(rng.random(ids.shape))
    ids[chosen & (what < mask)] = 4
    random = chosen & (what >= mask) & (what < mask + other)
    ids[random] = torch.from_numpy(rng.integers(0, 100, int(random.sum())))
    return {"input_ids": ids, "labels": labels}


def test_right_masks_pass_ours_too():
    rates = check_masking(make_masked(mask_rightly), 4, SPECIAL, 100)
    assert rates["labelled"] == pytest.approx(0.15, abs=0.02)
    tokenizer = WordPiece(WORDS)
    collate = PretrainingCollate(tokenizer, Masking(0.4))
    rng = np.random.default_rng(1)
    rows = [([int(i) for i in rng.integers(5, 100, 28)],) for _ in range(8)]
    from bertlab.corpus import Rows

    ids = np.concatenate([row[0] for row in rows]).astype(np.int32)
    edges = np.arange(9) * 28
    spans = np.stack([edges[:-1], edges[1:]], 1)
    made = Rows(ids, spans, np.zeros((8, 2), np.int64), np.full(8, -100, np.int8))
    batches = [collate([made[i] for i in range(8)], np.random.default_rng(n)) for n in range(40)]
    assert check_masking(batches, tokenizer.mask_id, SPECIAL, 100, share=0.4)["mask"] == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": 0.2}, "labelled"),
        ({"mask": 0.9}, "mask"),
        ({"other": 0.0}, "other"),
        ({"words": slice(0, None)}, "special token"),
    ],
)
def test_wrong_masks_are_found(change, message):
    with pytest.raises(CheckError, match=message):
        check_masking(make_masked(lambda ids, rng: mask_rightly(ids, rng, **change)), 4, SPECIAL, 100)


def test_masks_without_a_label_and_batches_without_labels_are_found():
    def forget(ids, rng):
        batch = mask_rightly(ids, rng)
        batch["labels"][0] = IGNORE
        return batch

    with pytest.raises(CheckError, match="a mask without a label"):
        check_masking(make_masked(forget), 4, SPECIAL, 100)
    nothing = {"input_ids": torch.full((2, 5), 9), "labels": torch.full((2, 5), IGNORE)}
    with pytest.raises(CheckError, match="labelled: 0.0000"):
        check_masking([nothing] * 30, 4, SPECIAL, 100)
    with pytest.raises(CheckError, match="there are no tokens"):
        check_masking([], 4, SPECIAL, 100)


WORD_IDS = [None, 0, 0, 1, 2, 2, None, None]


def test_labels_of_words():
    assert check_word_labels([IGNORE, 5, IGNORE, 6, 7, IGNORE, IGNORE, IGNORE], WORD_IDS, [5, 6, 7]) == 3
    for labels, message in (
        ([5, IGNORE, 6, 7, IGNORE, IGNORE, IGNORE, IGNORE], "token 0, a special token, has the label 5"),
        ([IGNORE, 5, 5, 6, 7, 7, IGNORE, IGNORE], "token 2, a further piece of word 0, has the label 5"),
        ([IGNORE, 5, IGNORE, 7, 7, IGNORE, IGNORE, IGNORE], "token 3, the first piece of word 1, has the label 7"),
        ([IGNORE], "1 labels for 8 tokens"),
    ):
        with pytest.raises(CheckError, match=message):
            check_word_labels(labels, WORD_IDS, [5, 6, 7])


# ---- What the bug museum needs ---------------------------------------------------------------------------------------


def test_a_class_that_teaches_nothing_is_found():
    batch = make_batch(3)
    assert check_classes(Broken(), batch) == [0, 1, 2]

    class Ignoring(Broken):
        def forward(self, labels=None, **inputs):
            logits = super().forward(**inputs).logits
            return Output(loss=nn.functional.cross_entropy(logits, labels, ignore_index=0), logits=logits)

    with pytest.raises(CheckError, match="each label is 0 teaches nothing, its loss is nan"):
        check_classes(Ignoring(), batch)


def accumulate(model, batches):
    counts = [(batch["labels"] != IGNORE).sum() for batch in batches]
    for batch, count in zip(batches, counts, strict=True):
        (model(**batch).loss * count / sum(counts)).backward()


def average_means(model, batches):
    for batch in batches:
        (model(**batch).loss / len(batches)).backward()


def forget(model, batches):
    return None


def test_means_of_means_are_found():
    model, batch = MODELS["our tagger"][0], make_batch(4)
    with pytest.raises(ValueError, match="every average would pass"):
        check_accumulation(model, batch, accumulate)
    batch["labels"][:2, 2:] = IGNORE
    assert check_accumulation(model, batch, accumulate) < 1e-5
    assert all(part.grad is None for part in model.parameters())
    for wrong in (average_means, forget):
        with pytest.raises(CheckError, match="gradients of 2 parts"):
            check_accumulation(model, batch, wrong)


def test_a_first_step_that_is_too_long_is_found():
    assert check_first_step(lambda parts: torch.optim.AdamW(parts, lr=0.01), 0.01) == pytest.approx(1, abs=1e-3)
    with pytest.raises(CheckError, match="10.00 times the rate"):
        check_first_step(lambda parts: torch.optim.Adam(parts, lr=0.1), 0.01)


def test_norms_that_were_drawn_are_found():
    model = Classifier(CONFIG, num_labels=3)
    assert check_norms(model) == 5
    nn.init.normal_(model.bert.layers[1].attention_norm.weight)
    with pytest.raises(CheckError, match=r"bert\.layers\.1\.attention_norm: a fresh LayerNorm"):
        check_norms(model)


def make_run():
    torch.manual_seed(0)
    model = Classifier(CONFIG, num_labels=3).eval()  # without dropout
    return model, torch.optim.AdamW(model.parameters(), lr=1e-3)


def take_step(model, optimizer, number):
    optimizer.zero_grad()
    model(**{name: tensor.roll(number, 0) for name, tensor in make_batch(3).items()}).loss.backward()
    optimizer.step()


def save_run(model, optimizer):
    return model.state_dict(), optimizer.state_dict()


def load_run(state, model, optimizer):
    model.load_state_dict(state[0])
    optimizer.load_state_dict(state[1])


def test_a_run_that_forgets_its_optimizer_is_found():
    check_resume(make_run, take_step, save_run, load_run)
    with pytest.raises(CheckError, match="after the run was resumed"):
        check_resume(make_run, take_step, save_run, lambda state, model, _: model.load_state_dict(state[0]))


def test_batches_without_a_mask_are_found():
    rows = [[2, 7, 8, 3], [2, 9, 10, 11, 12, 13, 3]]

    def collate(rows, with_mask=True):
        ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
        return {"input_ids": ids} | ({"attention_mask": (ids > 0).long()} if with_mask else {})

    for name in ("our tagger", "their classifier"):
        model = MODELS[name][0]
        assert check_collate(model, collate, rows, tolerance=1e-5) < 1e-5
        with pytest.raises(CheckError, match="collated with longer rows"):
            check_collate(model, lambda rows: collate(rows, False), rows, tolerance=1e-5)
        with pytest.raises(ValueError, match="nothing is padded"):
            check_collate(model, collate, rows[::-1])


def test_weights_after_the_mean_are_found():
    def right(logits, labels, weights):
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")
        return (losses * weights).sum() / weights.sum()

    check_ignored(right)
    with pytest.raises(CheckError, match="with 1 labels of weight 0"):
        check_ignored(lambda a, b, weights: (nn.functional.cross_entropy(a, b) * weights).sum() / weights.sum())


def test_a_tokenizer_that_was_loaded_otherwise_is_found(tmp_path):
    tokenizer = WordPiece([*WORDS[:5], "Rose", "rose"], lower=False)
    tokenizer.save(tmp_path)
    assert check_reload(tokenizer.tokenize, WordPiece.load(tmp_path).tokenize, ["Rose rose", "rose"]) == 2
    with pytest.raises(CheckError, match="'Rose' became 'rose' after loading"):
        check_reload(tokenizer.tokenize, WordPiece(tokenizer.vocab).tokenize, ["rose", "a Rose"])
    with pytest.raises(CheckError, match="became None"):
        check_reload(str.split, lambda text: text.split()[:-1], ["one two"])


# ---- Checks that could not fail --------------------------------------------------------------------------------------


class Ruined(Broken):
    """Gives nan: a difference of nan is no small one."""

    def forward(self, *arguments, **batch):
        output = super().forward(*arguments, **batch)
        return Output(loss=output.loss, logits=output.logits * float("nan"))


def test_nan_is_a_difference():
    batch = make_batch(3)
    for check in (check_padding, check_batch):
        with pytest.raises(CheckError, match="nan"):
            check(Ruined(), batch)
    rows = [[2, 7, 3], [2, 7, 8, 9, 3]]

    def collate(some):
        size = max(map(len, some))
        mask = [[1] * len(row) + [0] * (size - len(row)) for row in some]
        ids = [row + [0] * (size - len(row)) for row in some]
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}

    assert check_collate(Broken(), collate, rows) < 1e-4
    with pytest.raises(CheckError, match="nan"):
        check_collate(Ruined(), collate, rows)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model, batch: check_padding(model, batch, more=0), "more is 0"),
        (lambda model, batch: check_padding(model, {}), "no input_ids, but nothing"),
        (lambda model, batch: check_batch(model, {k: v[:1] for k, v in batch.items()}), "one row"),
        (lambda model, batch: check_start(model, batch, 1), "at least two"),
        (lambda model, batch: check_start(model, {"input_ids": batch["input_ids"]}, 3), "gives no `loss`"),
        (lambda model, batch: check_overfit(model, batch, steps=0), "steps is 0"),
        (lambda model, batch: check_gradients(model, {"input_ids": batch["input_ids"]}), "gives no `loss`"),
        (lambda model, batch: check_norms(nn.Linear(2, 2)), "no nn.LayerNorm"),
        (lambda model, batch: check_classes(model, batch | {"labels": torch.full((4,), IGNORE)}), "no class"),
        (lambda model, batch: check_reload(str.split, str.split, []), "no text"),
    ],
)
def test_what_cannot_be_checked_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call(Broken(), make_batch(3))


def test_a_piece_of_a_word_without_a_label_is_found():
    with pytest.raises(CheckError, match="a piece of word 2, and labels for 2 words"):
        check_word_labels([IGNORE, 5], [None, 2], [5, 6])
