"""Other objectives: the labels belong to the right tokens, and each loss is its formula."""

import numpy as np
import torch
import torch.nn.functional as F

from bertlab.batches import IGNORE
from bertlab.heads import Pretraining
from bertlab.masking import Masking, PretrainingCollate
from bertlab.model import BertConfig
from bertlab.variants import (
    Distilled,
    Electra,
    HybridCollate,
    NextTokenPretraining,
    StaticCollate,
    replace_tokens,
    score_by_discriminator,
)

from ..bench.examples import TOKENIZER

CONFIG = BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                    max_position_embeddings=24, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                    initializer_range=0.2)  # fmt: skip
ROWS = [(np.random.default_rng(number).integers(5, 50, 14), [], -1) for number in range(8)]


def make_model(kind=Pretraining, seed: int = 0, **changes) -> Pretraining:
    torch.manual_seed(seed)
    model = kind(BertConfig(**(vars(CONFIG) | changes)))
    model.drop_next_sentence(keep_pooler=False)
    return model


def make_batch(rate: float = 0.4) -> dict[str, torch.Tensor]:
    return PretrainingCollate(TOKENIZER, Masking(rate))(ROWS, np.random.default_rng(0))


# ---- ELECTRA ---------------------------------------------------------------------------------------------------------


def test_drawn_words_stand_where_the_masks_were():
    words = torch.tensor([[2, 10, 11, 12, 3], [2, 13, 14, 15, 3]])
    labels = torch.full_like(words, IGNORE)
    labels[0, 2], labels[1, 1], labels[1, 3] = 11, 13, 15
    hidden = words.masked_fill(labels != IGNORE, 4)
    hidden[1, 3] = 15  # chosen, but left as it was
    logits = torch.full((3, 50), -1e9)
    logits[0, 20] = logits[1, 13] = logits[2, 21] = 0.0  # sure of 20, of the original 13, and of 21
    drawn, replaced = replace_tokens(hidden, labels, logits)
    assert drawn.tolist() == [[2, 10, 20, 12, 3], [2, 13, 14, 21, 3]]
    assert replaced.tolist() == [[False, False, True, False, False], [False, False, False, True, False]]


def test_a_random_word_is_undone_before_a_word_is_drawn():
    words, labels = torch.tensor([[2, 44, 3]]), torch.tensor([[IGNORE, 10, IGNORE]])  # 10 became the random word 44
    logits = torch.full((1, 50), -1e9)
    logits[0, 10] = 0.0
    drawn, replaced = replace_tokens(words, labels, logits)
    assert drawn.tolist() == [[2, 10, 3]]
    assert not replaced.any()


def test_loss_of_electra_is_its_formula():
    torch.manual_seed(0)
    model = Electra(make_model(num_hidden_layers=1), make_model(), weight=7.0)
    batch = make_batch()
    torch.manual_seed(1)
    output = model(**batch)
    guess = model.generator(batch["input_ids"], labels=batch["labels"])
    torch.manual_seed(1)
    drawn, replaced = replace_tokens(batch["input_ids"], batch["labels"], guess.mlm_logits)
    losses = F.binary_cross_entropy_with_logits(model.judge_tokens(drawn), replaced.float(), reduction="none")
    assert losses.shape == batch["input_ids"].shape
    torch.testing.assert_close(output.loss, guess.mlm_loss + 7 * losses.mean())
    assert model.generator.bert.embeddings.words.weight is model.bert.embeddings.words.weight


def test_padding_is_not_judged():
    torch.manual_seed(0)
    model = Electra(make_model(num_hidden_layers=1), make_model(initializer_range=0.02))
    batch = make_batch()
    longer = {name: F.pad(tensor, (0, 3), value={"labels": IGNORE}.get(name, 0)) for name, tensor in batch.items()}
    longer["attention_mask"] = F.pad(torch.ones_like(batch["input_ids"]), (0, 3))
    losses = []
    for one in (batch, longer):
        torch.manual_seed(1)
        losses.append(model(**one).loss)
    torch.testing.assert_close(*losses)


def test_no_gradient_goes_from_the_discriminator_to_the_generator():
    torch.manual_seed(0)
    model = Electra(make_model(num_hidden_layers=1), make_model())
    batch = make_batch()
    guess = model.generator(batch["input_ids"], labels=batch["labels"])
    drawn, replaced = replace_tokens(batch["input_ids"], batch["labels"], guess.mlm_logits)
    F.binary_cross_entropy_with_logits(model.judge_tokens(drawn), replaced.float()).backward()
    assert all(p.grad is None for p in model.generator.bert.layers.parameters())
    assert model.bert.layers[0].attention.query.weight.grad.abs().sum() > 0


def test_a_discriminator_prefers_what_it_takes_for_original():
    model = Electra(make_model(num_hidden_layers=1), make_model())
    model.judge_tokens = lambda ids: (ids == TOKENIZER.convert_tokens_to_ids(["w7"])[0]).float() * 3
    scores = score_by_discriminator(model, TOKENIZER, ["w1 w2 w3", "w1 w7 w3"])
    assert scores[0] > scores[1]
    torch.testing.assert_close(torch.tensor(scores[0]), 3 * F.logsigmoid(torch.tensor(0.0)))


# ---- Hybrid ----------------------------------------------------------------------------------------------------------


def test_words_are_predicted_from_the_token_before():
    model, plain = make_model(NextTokenPretraining), make_model()
    plain.load_state_dict(model.state_dict())
    batch = make_batch()
    shifted = F.pad(batch["labels"][:, 1:], (0, 1), value=IGNORE)
    ours, theirs = model(**batch), plain(batch["input_ids"], labels=shifted)
    assert ours.loss == theirs.loss
    # In reading order the logits are those of batch["labels"].
    hidden = model.bert(batch["input_ids"])
    row, column = (batch["labels"] != IGNORE).nonzero().T
    torch.testing.assert_close(ours.mlm_logits, model.mlm(hidden[row, column - 1], model.bert.embeddings.words.weight))


def test_causal_rows_see_nothing_of_what_they_predict():
    collate = HybridCollate(PretrainingCollate(TOKENIZER, Masking(0.4)), 3)
    batch = collate(ROWS, np.random.default_rng(0))
    words = torch.tensor([[2, *a.tolist(), 3] for a, _, _ in ROWS])
    assert batch["input_ids"][:3].equal(words[:3])
    assert (batch["input_ids"][3:] == 4).any()
    assert batch["labels"][:3, 1:-1].equal(words[:3, 1:-1])
    assert (batch["labels"][:, [0, -1]] == IGNORE).all()
    assert batch["attention_mask"][0].equal(torch.ones(16, 16).tril().bool())
    assert batch["attention_mask"][3:].all()
    model = make_model(NextTokenPretraining).eval()
    other = {name: tensor.clone() for name, tensor in batch.items()}
    other["input_ids"][:3, 9:] = 6  # the last words of the causal rows
    first = batch["labels"][:3, 1:10]  # predicted from the tokens 0 to 8
    few = {name: tensor[:3] for name, tensor in batch.items()}
    few["labels"] = F.pad(first, (1, 6), value=IGNORE)
    changed = few | {"input_ids": other["input_ids"][:3]}
    assert model(**few).loss == model(**changed).loss


# ---- Distillation, static masks --------------------------------------------------------------------------------------


def test_loss_of_a_student_is_its_formula():
    student, teacher = make_model(seed=1), make_model(seed=2)
    model, batch = Distilled(student, teacher, share=0.25, temperature=2.0), make_batch()
    own = student(**batch)
    p, q = ((m(**batch).mlm_logits / 2).softmax(-1) for m in (teacher, student))
    divergence = (p * (p / q).log()).sum(-1).mean()
    torch.testing.assert_close(model.train()(**batch).loss, 0.75 * own.loss + 0.25 * 4 * divergence)
    assert model.eval()(**batch).loss == own.loss
    model.train()(**batch).loss.backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert not teacher.training


def test_static_masks_stay_and_others_change():
    collate = PretrainingCollate(TOKENIZER, Masking(0.4))
    static = StaticCollate(collate)
    first, again = (static(ROWS, np.random.default_rng(seed)) for seed in (0, 1))
    assert first["input_ids"].equal(again["input_ids"])
    assert static(ROWS[::-1], np.random.default_rng(2))["labels"].equal(first["labels"].flip(0))
    moving = [collate(ROWS, np.random.default_rng(seed)) for seed in (0, 1)]
    assert not moving[0]["labels"].equal(moving[1]["labels"])
    assert (first["labels"] != IGNORE).sum() == (moving[0]["labels"] != IGNORE).sum()
