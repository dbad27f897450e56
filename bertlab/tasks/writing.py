"""tasks.writing: TODO."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import IGNORE
from ..wordpiece import WordPiece
from ..writing import Writer
from .base import PaddingCollate
from .metrics import compute_bleu, compute_chrf, compute_rouge_l, split_words_and_punctuation
from .tables import BadRows, get_text, read_table


class TextPair(NamedTuple):
    """What is read, and what is to be written or said then."""

    source: str
    target: str


def read_text_pairs(
    where: str | Path,
    source: str = "source",
    target: str = "target",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[TextPair]:
    """Sources and targets from a .tsv, .csv or .jsonl file. A TSV or CSV may have two columns and no header. Errors as
    for `read_labelled_texts`."""
    problems, found = BadRows(where), []
    for line, row in read_table(Path(where), problems, (source, target)):
        try:
            found.append(TextPair(get_text(row, source), get_text(row, target)))
        except ValueError as error:
            problems.add(line, str(error))
    problems.settle(len(found), skip_bad_rows, say)
    return found


class Writing:
    """A text from a text. Source and target may each take half of the `length`; the rest is cut."""

    kind, head, metric = "write", Writer, "chrf"
    labels = ()

    def __init__(self, pieces: WordPiece, length: int = 128, beams: int = 1, length_penalty: float = 1.0):
        self.pieces, self.length, self.beams, self.length_penalty = pieces, length, beams, length_penalty
        self.collate = PaddingCollate(pieces.pad_id)
        self.never = [pieces.pad_id, pieces.unk_id, pieces.cls_id, pieces.mask_id]  # these are not written
        self.cut = 0  # pairs of the last `rows` of which something was cut

    def sources(self, examples: Sequence[TextPair]) -> list[list[int]]:
        """[CLS] source [SEP] of each."""
        room = self.length // 2 - 2
        cls, sep = self.pieces.cls_id, self.pieces.sep_id
        return [[cls, *ids[:room], sep] for ids in self.pieces.encode_bulk([example.source for example in examples])]

    def rows(self, examples: Sequence[TextPair]) -> list[dict]:
        """[CLS] source [SEP] target [SEP]; the labels are the target and the [SEP] that ends it."""
        room = self.length // 2 - 1
        rows, self.cut = [], 0
        targets = self.pieces.encode_bulk([example.target for example in examples])
        longest = self.pieces.encode_bulk([example.source for example in examples])
        for source, target, all_ in zip(self.sources(examples), targets, longest, strict=True):
            self.cut += len(target) > room or len(all_) > len(source) - 2
            target = [*target[:room], self.pieces.sep_id]
            rows.append({
                "input_ids": source + target,
                "token_type_ids": [0] * len(source) + [1] * len(target),
                "labels": [IGNORE] * len(source) + target,
            })  # fmt: skip
        return rows

    def whole(self, examples: Sequence[TextPair]) -> list[TextPair]:
        """Those of which nothing would be cut."""
        sides = ([example.source for example in examples], self.length // 2 - 2), (
            [example.target for example in examples], self.length // 2 - 1)  # fmt: skip
        fits = [[len(ids) <= room for ids in self.pieces.encode_bulk(texts)] for texts, room in sides]
        return [example for example, *fit in zip(examples, *fits, strict=True) if all(fit)]

    def predict(self, model: Writer, examples: Sequence[TextPair], batch: int = 32, **search) -> list[dict]:
        """For each source the `text`, and its `score`: log p by length. `search` are options of `beam_search`."""
        options = {"beams": self.beams, "length_penalty": self.length_penalty} | search
        ids = self.sources(examples)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        device, training = next(model.parameters()).device, model.training
        said: list[dict] = [{}] * len(ids)
        model.eval()
        try:
            for at in range(0, len(order), batch):
                chosen = order[at : at + batch]
                tensors = self.collate([{"input_ids": ids[i]} for i in chosen])
                tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
                found = model.generate(
                    **tensors, end=self.pieces.sep_id, most=self.length // 2, never=self.never, **options
                )
                for i, texts in zip(chosen, found, strict=True):
                    score, words = texts[0]
                    said[i] = {"text": self.pieces.decode(words), "score": score}
        finally:
            model.train(training)
        return said

    def score(self, examples: Sequence[TextPair], said: Sequence[dict]) -> dict[str, float]:
        """chrF, BLEU and ROUGE-L against the targets."""
        return self.text_scores(examples, [s["text"] for s in said])

    def text_scores(self, examples: Sequence[TextPair], said: Sequence[str]) -> dict[str, float]:
        """The scores; case is not counted when the model's vocabulary has none."""
        case = str.lower if self.pieces.lower else str
        said, right = [case(text) for text in said], [case(example.target) for example in examples]
        return {
            "chrf": compute_chrf(said, right),
            "bleu": compute_bleu(said, right),
            "rouge_l": compute_rouge_l(said, right),
        }

    def judge(self, model: Writer, examples: Sequence[TextPair]) -> dict[str, float]:
        """While training: the loss, mean nats a token of the targets. It takes one pass where writing takes many."""
        total = count = 0.0
        rows, training = self.rows(examples), model.training
        device = next(model.parameters()).device
        model.eval()
        try:
            for start in range(0, len(rows), 32):
                batch = {name: tensor.to(device) for name, tensor in self.collate(rows[start : start + 32]).items()}
                labels = int((batch["labels"] != IGNORE).sum())
                with torch.no_grad():
                    total, count = total + float(model(**batch).loss) * labels, count + labels
        finally:
            model.train(training)
        return {"dev_loss": total / count}

    def baselines(self, train: Sequence[TextPair], test: Sequence[TextPair]) -> dict[str, dict[str, float]]:
        """The source as it stands, and as many of its first words as a target has on average."""
        words = round(np.mean([len(split_words_and_punctuation(example.target)) for example in train]))
        first = [" ".join(split_words_and_punctuation(example.source)[:words]) for example in test]
        return {
            "copy of the source": self.text_scores(test, [example.source for example in test]),
            f"its first {words} words": self.text_scores(test, first),
        }


class EncoderDecoderCollate:
    """Rows of `Writing` to batches for an encoder with a decoder, such as transformers' `EncoderDecoderModel`.

    The source (B, S) is in `input_ids`, with its `attention_mask` (B, S) where something is padded; `labels` (B, T) are
    the target and its [SEP], then -100. The model moves them by one itself, with its `decoder_start_token_id` in front.
    """

    def __init__(self, pad: int):
        self.collate = PaddingCollate(pad)

    def __call__(self, rows: Sequence[dict], rng: np.random.Generator | None = None) -> dict[str, Tensor]:
        begins = [row["token_type_ids"].index(1) for row in rows]  # of the targets
        sources = [{"input_ids": row["input_ids"][:at]} for row, at in zip(rows, begins, strict=True)]
        targets = [torch.tensor(row["labels"][at:]) for row, at in zip(rows, begins, strict=True)]
        labels = nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=IGNORE)  # (B, T)
        return self.collate(sources) | {"labels": labels}
