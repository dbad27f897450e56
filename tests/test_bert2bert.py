"""bert2bert: an encoder with a decoder from transformers learns in our loop, from the rows of `Writing`."""

import pytest
import torch
from torch.nn import functional as F
from transformers import BertConfig, EncoderDecoderConfig, EncoderDecoderModel

from bertlab.batches import IGNORE, Batches
from bertlab.progress import quiet
from bertlab.tasks import EncoderDecoderCollate, TextPair, Writing, count_row_tokens
from bertlab.train import TrainConfig, train
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

TOKENIZER = WordPiece([*SPECIAL_TOKENS, "the", "cat", "dog", "sat", "ran", "mat"])
PAIRS = [TextPair(f"the {noun} {verb}", f"{noun} {verb} {tail}".strip())
         for noun in ("cat", "dog", "mat") for verb, tail in (("sat", ""), ("ran", "the mat"))]  # fmt: skip

# transformers warns at each call since 2021 about how it computes the loss.
pytestmark = pytest.mark.filterwarnings("ignore:Version v4.12.0 introduces:FutureWarning")


@pytest.fixture
def model():
    sizes = {"vocab_size": len(TOKENIZER), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
             "intermediate_size": 64, "max_position_embeddings": 16, "hidden_dropout_prob": 0.0,
             "attention_probs_dropout_prob": 0.0}  # fmt: skip
    config = EncoderDecoderConfig.from_encoder_decoder_configs(
        BertConfig(**sizes), BertConfig(**sizes), pad_token_id=TOKENIZER.pad_id, decoder_start_token_id=TOKENIZER.cls_id
    )
    assert (config.decoder.is_decoder, config.decoder.add_cross_attention) == (True, True)
    torch.manual_seed(0)
    return EncoderDecoderModel(config=config)


@pytest.fixture
def task():
    return Writing(TOKENIZER, length=16)


def test_source_and_target_are_separate_literally(task):
    batch = EncoderDecoderCollate(TOKENIZER.pad_id)(
        task.make_rows([TextPair("the cat sat", "cat"), TextPair("dog", "dog ran the mat")])
    )
    ids = TOKENIZER.index
    cls, sep = TOKENIZER.cls_id, TOKENIZER.sep_id
    assert batch["input_ids"].tolist() == [[cls, ids["the"], ids["cat"], ids["sat"], sep], [cls, ids["dog"], sep, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert batch["labels"].tolist() == [
        [ids["cat"], sep, *[IGNORE] * 3],
        [ids["dog"], ids["ran"], ids["the"], ids["mat"], sep],
    ]


def test_the_loss_is_that_of_each_word_given_those_before_it(model, task):
    """Computed by hand from the decoder's input, one pair at a time; so padding has no effect."""
    model = model.double().eval()
    rows = task.make_rows(PAIRS)
    batch = EncoderDecoderCollate(TOKENIZER.pad_id)(rows)
    with torch.no_grad():
        loss = model(**batch).loss
        sums = count = 0.0
        for row in rows:
            source, target = row["input_ids"][: row["token_type_ids"].index(1)], [i for i in row["labels"] if i >= 0]
            read = torch.tensor([[TOKENIZER.cls_id, *target[:-1]]])
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=read).logits[0]
            sums, count = sums + F.cross_entropy(logits, torch.tensor(target), reduction="sum"), count + len(target)
    assert loss.item() == pytest.approx(float(sums / count), abs=1e-12)


def test_bert2bert_learns_in_our_loop_and_writes(model, task):
    rows = task.make_rows(PAIRS)
    batches = Batches(rows, EncoderDecoderCollate(TOKENIZER.pad_id), 6, seed=0, lengths=count_row_tokens(rows))
    log = train(model, batches, TrainConfig(steps=150, learning_rate=3e-3, log_every=1), watch=quiet)
    assert log[0]["loss"] > 2
    assert log[-1]["loss"] < 0.2
    model.eval()
    batch = EncoderDecoderCollate(TOKENIZER.pad_id)(rows)
    del batch["labels"]
    written = model.generate(
        **batch, max_new_tokens=8, eos_token_id=TOKENIZER.sep_id, pad_token_id=TOKENIZER.pad_id, do_sample=False
    )
    words = [
        [i for i in ids if i not in (TOKENIZER.cls_id, TOKENIZER.sep_id, TOKENIZER.pad_id)] for ids in written.tolist()
    ]
    assert [TOKENIZER.decode(ids) for ids in words] == [pair.target for pair in PAIRS]
