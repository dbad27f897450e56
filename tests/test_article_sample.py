"""The code sample that the course grew from: it cannot learn as it was, and it does once it is mended.

The mended sample stands here twice, as in notebook 00: with transformers alone, and with bertlab.
"""

import pytest
import torch
import transformers
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

import bertlab
from bertlab.batches import Batches
from bertlab.progress import quiet
from bertlab.train import TrainConfig, train
from bertlab.vocabulary import learn_slowly
from bertlab.wordpiece import WordPiece

SNIPPETS = [
    ("a warm and funny film", 1), ("a dull and empty film", 0),
    ("warm , clever and moving", 1), ("empty , slow and dull", 0),
    ("clever from start to end", 1), ("slow from start to end", 0),
    ("a moving film , funny too", 1), ("a slow , dull mess", 0),
]  # fmt: skip
STEPS, SIZE, RATE = 24, 4, 1e-2


@pytest.fixture
def folder(tmp_path):
    """A tiny BERT without dropout, and its vocabulary, as transformers finds them on a disk."""
    transformers.logging.disable_progress_bar()
    torch.manual_seed(0)
    wordpiece = learn_slowly([text for text, _ in SNIPPETS], size=80)
    config = BertConfig(
        vocab_size=len(wordpiece), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    wordpiece.save(tmp_path)
    return tmp_path


def with_transformers(folder, dtype=torch.float32) -> list[float]:
    """The mended sample: sentences with labels, and an optimizer that steps."""
    tokenizer = BertTokenizer.from_pretrained(folder)
    model = BertForSequenceClassification.from_pretrained(folder, dtype=dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, eps=1e-6)
    model.train()
    losses = []
    for step in range(STEPS):
        first = step * SIZE % len(SNIPPETS)
        texts, labels = zip(*SNIPPETS[first : first + SIZE], strict=True)
        batch = tokenizer(list(texts), padding=True, return_tensors="pt")
        loss = model(**batch, labels=torch.tensor(labels)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((step + 1) / 6, (STEPS - step) / (STEPS - 6))
        optimizer.step()
        losses.append(loss.item())
    return losses


def with_bertlab(folder, dtype=torch.float32) -> list[float]:
    """The same: rows, a collate, `Batches`, a `Classifier`, `train`. The log keeps its losses in float32; the loss
    before the first step is put in front of them as the model gives it."""
    wordpiece = WordPiece.load(folder)
    model = bertlab.load(folder, bertlab.Classifier, dtype=dtype)

    def collate(rows, rng):
        ids = [torch.tensor(wordpiece.encode(text).input_ids) for text, _ in rows]
        input_ids = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=wordpiece.pad_id)
        labels = torch.tensor([label for _, label in rows])
        return {"input_ids": input_ids, "attention_mask": (input_ids != wordpiece.pad_id).long(), "labels": labels}

    rows = SNIPPETS * (STEPS * SIZE // len(SNIPPETS))
    batches = Batches(rows, collate, SIZE, shuffle=False)
    config = TrainConfig(steps=STEPS, learning_rate=RATE, warmup=0.25, weight_decay=0.0, log_every=1, precision="no")
    first = model(**batches[0]).loss.item()
    return [first] + [row["loss"] for row in train(model, batches, config, watch=quiet)]


def test_the_sample_as_it_was_has_no_loss(folder):
    tokenizer = BertTokenizer.from_pretrained(folder)
    model = BertForSequenceClassification.from_pretrained(folder)
    loss = model(**tokenizer("a warm and funny film", return_tensors="pt")).loss
    assert loss is None
    with pytest.raises(AttributeError, match="backward"):
        loss.backward()


@pytest.mark.parametrize("sample", [with_transformers, with_bertlab])
def test_the_mended_sample_learns(folder, sample):
    losses = sample(folder)
    assert losses[0] == pytest.approx(0.6931, abs=0.05)  # two classes, nothing known: ln 2
    assert sum(losses[-2:]) / 2 < losses[0] / 2


def test_both_samples_take_the_same_steps(folder):
    """The same model, the same batches, the same recipe: one loss at the start, and one after every step."""
    theirs = with_transformers(folder, torch.float64)
    first, *ours = with_bertlab(folder, torch.float64)
    assert first == pytest.approx(theirs[0], abs=1e-12)
    assert ours == pytest.approx(theirs, abs=1e-6)
