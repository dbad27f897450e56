"""A text from a text: translation into modern English, titles. An encoder writes by its attention mask (UniLM).

Dimension letters: B rows of a batch, S tokens of a source, T tokens of a target.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import IGNORE
from ..model import eval_mode
from ..progress import watch_items
from ..wordpiece import WordPiece
from ..writing import Writer
from .base import Task
from .hub import choose_column, number_rows
from .metrics import compute_bleu, compute_chrf, compute_rouge_l
from .rows import PaddingCollate
from .tables import BadRows, get_text_field, parse_rows, read_table, split_input
from .words import split_words_and_punctuation

# ---- Examples --------------------------------------------------------------------------------------------------------


class TextPair(NamedTuple):
    """What is read, and what is to be written or said then."""

    source: str
    target: str


def read_text_pairs(
    path: str | Path,
    source: str = "source",
    target: str = "target",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[TextPair]:
    """Sources and targets from a TSV, CSV or JSON file. A TSV or CSV may have two columns and no header. Errors as
    for `read_labelled_texts`."""
    problems = BadRows(path)
    rows = read_table(Path(path), problems, (source, target))
    return parse_text_pairs(rows, source, target, problems, skip_bad_rows, say)


def parse_text_pairs(
    rows: Iterable, source: str, target: str, problems: BadRows, skip_bad_rows: bool, say: Callable[[str], None]
) -> list[TextPair]:
    """The same from (line, row) pairs of a file or a data set, whose faults go to `problems`."""

    def parse_row(row: dict) -> TextPair:
        return TextPair(get_text_field(row, source), get_text_field(row, target))

    pairs = [pair for _, pair in parse_rows(rows, parse_row, problems)]
    problems.raise_or_report(len(pairs), skip_bad_rows, say)
    return pairs


def choose_languages(rows: Sequence, name: str, columns: dict[str, str], problems: BadRows) -> tuple[str, str]:
    """The languages to translate from and into, of rows with a text in each: those that `columns` names, else the first
    two. Raises ValueError for one that is not there."""
    languages = list(next((texts for _, texts in rows if texts), {}))
    for language in columns.values():
        if language not in languages:
            raise ValueError(f"{name} has no language {language!r}, only {', '.join(languages) or 'none'}")
    left = [language for language in languages if language not in columns.values()]
    source = columns.get("source") or (left or [""]).pop(0)
    target = columns.get("target") or next((language for language in left if language != source), "")
    if not source or not target:
        raise ValueError(f"{name} needs two languages; there are {', '.join(languages) or 'none'}")
    if len(columns) < 2:
        problems.note(f"{name}: from {source} into {target} (others: --columns source=... target=...)")
    return source, target


# ---- The task --------------------------------------------------------------------------------------------------------


class Writing(Task):
    """A text from a text. Source and target may each take half of the `length`; the rest is cut."""

    name, head, metric, example = "write", Writer, "chrf", TextPair
    units = dict.fromkeys(("chrf", "bleu", "rouge_l"), "points")
    selection = "dev_loss"
    default_epochs = 5.0
    options = ("beams", "length_penalty", "whole")
    predict_options = ("beams", "length_penalty", "early_stop", "watch", "batch_size")
    columns, input_columns = ("source", "target"), {"source": "source"}

    def __init__(self, tokenizer: WordPiece, length: int = 128, beams: int = 1, length_penalty: float = 1.0):
        super().__init__(tokenizer, length)
        self.beams, self.length_penalty = beams, length_penalty
        self.never = [tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.mask_id]  # are not written

    @classmethod
    def from_plan(cls, plan, tokenizer: WordPiece, settings: dict) -> "Writing":
        return cls(tokenizer, plan.length or cls.default_length, plan.beams, plan.length_penalty)

    read_file = staticmethod(read_text_pairs)

    @classmethod
    def read_dataset(
        cls, dataset, name: str, columns: dict[str, str], skip_bad_rows: bool = False, say: Callable = print
    ) -> list[TextPair]:
        problems = BadRows(name)
        if "translation" in dataset.column_names:
            numbered = ((location, row["translation"]) for location, row in number_rows(dataset, ["translation"]))
            rows = [(location, texts if isinstance(texts, dict) else {}) for location, texts in numbered]
            source, target = choose_languages(rows, name, columns, problems)
        else:
            source = choose_column(dataset, name, columns, "source", "source article document text dialogue")
            target = choose_column(dataset, name, columns, "target", "target highlights summary title")
            rows = number_rows(dataset, (source, target))
        return parse_text_pairs(rows, source, target, problems, skip_bad_rows, say)

    @classmethod
    def parse_input(cls, given) -> TextPair:
        return TextPair(split_input(given, 1, 1, "a writer reads one text, without a tab")[0], "")

    @classmethod
    def parse_row(cls, row: dict, names: dict[str, str]) -> str:
        return get_text_field(row, names["source"])

    @classmethod
    def get_text(cls, example: TextPair) -> str:
        return example.source

    @classmethod
    def get_answer(cls, example: TextPair) -> str:
        return example.target

    def encode_sources(self, examples: Sequence[TextPair]) -> list[list[int]]:
        """[CLS] source [SEP] of each, cut to its half of the row; `truncated` counts those that were cut."""
        sources = self.tokenizer.encode_bulk([example.source for example in examples])
        self.truncated = sum(len(ids) > self.length // 2 - 2 for ids in sources)
        return [self._wrap_source(ids) for ids in sources]

    def _wrap_source(self, ids: Sequence[int]) -> list[int]:
        return [self.tokenizer.cls_id, *ids[: self.length // 2 - 2], self.tokenizer.sep_id]

    def make_rows(self, examples: Sequence[TextPair]) -> list[dict]:
        """[CLS] source [SEP] target [SEP]; the labels are the target and the [SEP] that ends it."""
        room = self.length // 2 - 1
        rows, self.truncated = [], 0
        sources = self.tokenizer.encode_bulk([example.source for example in examples])
        targets = self.tokenizer.encode_bulk([example.target for example in examples])
        for ids, target in zip(sources, targets, strict=True):
            self.truncated += len(target) > room or len(ids) > room - 1
            source, target = self._wrap_source(ids), [*target[:room], self.tokenizer.sep_id]
            rows.append({
                "input_ids": source + target,
                "token_type_ids": [0] * len(source) + [1] * len(target),
                "labels": [IGNORE] * len(source) + target,
            })  # fmt: skip
        return rows

    def keep_whole(self, examples: Sequence[TextPair]) -> list[TextPair]:
        """The pairs of which nothing would be cut."""
        room = self.length // 2 - 1
        sources = self.tokenizer.encode_bulk([example.source for example in examples])
        targets = self.tokenizer.encode_bulk([example.target for example in examples])
        fits = [len(a) <= room - 1 and len(b) <= room for a, b in zip(sources, targets, strict=True)]
        return [example for example, fit in zip(examples, fits, strict=True) if fit]

    def predict(self, model: Writer, examples: Sequence[TextPair], batch_size: int = 32, **search) -> list[dict]:
        """For each source the `text`, and its `score`: log p by length. `search` are options of `beam_search`."""
        options = {"beams": self.beams, "length_penalty": self.length_penalty} | search
        unused = range(len(self.tokenizer), model.config.vocab_size)  # some models have more rows than words
        never = [*self.never, *unused]
        ids = self.encode_sources(examples)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        device = next(model.parameters()).device
        predictions: list[dict] = [{}] * len(ids)
        with eval_mode(model):
            batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
            for chosen in watch_items(batches, "writing", len(order), len):
                batch = self.collate([{"input_ids": ids[i]} for i in chosen])
                batch = {name: tensor.to(device) for name, tensor in batch.items()}
                texts = model.generate(
                    **batch, end=self.tokenizer.sep_id, max_tokens=self.length // 2, never=never, **options
                )
                for i, ranked in zip(chosen, texts, strict=True):
                    score, written = ranked[0]
                    predictions[i] = {"text": self.tokenizer.decode(written), "score": score}
        return predictions

    def score(self, examples: Sequence[TextPair], predictions: Sequence[dict]) -> dict[str, float]:
        """chrF, BLEU and ROUGE-L against the targets."""
        return self.score_texts(examples, [prediction["text"] for prediction in predictions])

    def score_texts(self, examples: Sequence[TextPair], texts: Sequence[str]) -> dict[str, float]:
        """The same for texts alone; case is not counted when the model's vocabulary has none."""
        case = str.lower if self.tokenizer.lower else str
        predicted, expected = [case(text) for text in texts], [case(example.target) for example in examples]
        return {
            "chrf": compute_chrf(predicted, expected),
            "bleu": compute_bleu(predicted, expected),
            "rouge_l": compute_rouge_l(predicted, expected),
        }

    def validate(self, model: Writer, examples: Sequence[TextPair]) -> dict[str, float]:
        """While training: the loss, mean nats a token of the targets. It takes one pass where writing takes many."""
        total = count = 0.0
        rows, device = self.make_rows(examples), next(model.parameters()).device
        with eval_mode(model):
            for start in range(0, len(rows), 32):
                batch = {name: tensor.to(device) for name, tensor in self.collate(rows[start : start + 32]).items()}
                labels = int((batch["labels"] != IGNORE).sum())
                total, count = total + float(model(**batch).loss) * labels, count + labels
        return {"dev_loss": total / count}

    def score_baselines(self, train: Sequence[TextPair], test: Sequence[TextPair]) -> dict[str, dict[str, float]]:
        """The unchanged source, and as many of its first words as a target has on average."""
        words = round(np.mean([len(split_words_and_punctuation(example.target)) for example in train]))
        first = [" ".join(split_words_and_punctuation(example.source)[:words]) for example in test]
        return {
            "copy of the source": self.score_texts(test, [example.source for example in test]),
            f"its first {words} words": self.score_texts(test, first),
        }

    @classmethod
    def check_report(cls) -> None:
        raise ValueError("a writer gives texts, without a label or a probability: there is nothing to draw")

    @classmethod
    def draw_report(cls, rows: Sequence[dict], most: int = 12):
        cls.check_report()

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        return prediction["text"]


class EncoderDecoderCollate:
    """Rows of `Writing` to batches for an encoder with a decoder, such as transformers' `EncoderDecoderModel`.

    The source (B, S) is in `input_ids`, with its `attention_mask` (B, S) where something is padded; `labels` (B, T) are
    the target and its [SEP], then -100. The model shifts them by one itself, with its `decoder_start_token_id` in
    front.
    """

    def __init__(self, pad: int):
        self.collate = PaddingCollate(pad)

    def __call__(self, rows: Sequence[dict], rng: np.random.Generator | None = None) -> dict[str, Tensor]:
        starts = [row["token_type_ids"].index(1) for row in rows]  # of the targets
        sources = [{"input_ids": row["input_ids"][:start]} for row, start in zip(rows, starts, strict=True)]
        targets = [torch.tensor(row["labels"][start:]) for row, start in zip(rows, starts, strict=True)]
        labels = nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=IGNORE)  # (B, T)
        return self.collate(sources) | {"labels": labels}
