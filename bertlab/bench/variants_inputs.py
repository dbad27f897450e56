"""What all runs of the study of variants read: rows of text, exams, minimal pairs, tagged sentences."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import grammar
from ..baselines import Bigram, fit_unigram, score_baseline
from ..batches import Batches
from ..corpus import EncodedCorpus, Row, encode_documents, pair_rows
from ..grammar.judging import average_counts, make_baseline_scorers
from ..masking import PretrainingCollate
from ..plan_texts import split_plan_documents
from ..pretrain import PretrainPlan
from ..pretraining_scores import thin_batches
from ..tasks import NAMED, TaggedSentence, Tagging
from ..vocabulary import learn_vocabulary
from ..wordpiece import WordPiece


@dataclass(frozen=True)
class Study:
    """What all runs share. The defaults are those of data/variants.json; the tests take less."""

    text: tuple[str, ...] = ("kjv",)  # one book, which is learned in a minute
    vocab_size: int = 1000
    length: int = 32  # tokens of every row
    batch_size: int = 16  # rows of a step
    layers: int = 2
    width: int = 64
    flops: float = 1e12  # of a run, forward, backward and optimizer
    trial: float = 0.5  # the share of it that a trial of a rate gets
    precision: str = "no"  # float32, which every machine has, so that one may go on where another stopped
    exam_rows: int = 1500
    pairs_each: int = 160  # minimal pairs of a phenomenon, before those with rare words are left out
    tagged: int = 1500  # sentences to learn parts of speech from
    tagged_test: int = 500
    tagging_steps: int = 150  # of 32 sentences
    tagging_rate: float = 1e-3


class Inputs(NamedTuple):
    """What all runs of a study read."""

    tokenizer: WordPiece
    counts: Tensor  # (V,) of each piece in the training text
    rows: list[Row]
    pairs: list[Row]
    exam: Batches
    minimal_pairs: list[grammar.MinimalPair]
    task: Tagging
    tagged: list[TaggedSentence]
    tagged_test: list[TaggedSentence]
    baselines: dict[str, Any]


def make_inputs(study: Study) -> Inputs:
    """The text with its vocabulary, full rows of it, an exam on held-out documents, minimal pairs whose words are
    pieces of the vocabulary, and tagged sentences that fit into a row."""
    plan = PretrainPlan(text=study.text, vocab_size=study.vocab_size, length=study.length)
    training, held_out, kinds = split_plan_documents(plan, lambda text: None)
    tokenizer = learn_vocabulary((sentence for document in training for sentence in document), study.vocab_size)
    text, test = encode_documents(training, tokenizer), encode_documents(held_out, tokenizer)
    exam_rows = keep_full_rows(test, study.length, "none", seed=1)
    exam = Batches(exam_rows, PretrainingCollate(tokenizer), 128, seed=1, shuffle=False)
    exam = thin_batches(exam, study.exam_rows)
    pairs = [pair for pair in grammar.make_pairs(study.pairs_each) if is_whole(pair, tokenizer)]
    data = NAMED["pos"].load()
    task = Tagging(tokenizer, Tagging.list_labels(data.train), study.length)
    tagged, tagged_test = (keep_short(sentences, tokenizer, study.length, count) for sentences, count in
                           ((data.train, study.tagged), (data.test, study.tagged_test)))  # fmt: skip
    guesses = {"unigram": fit_unigram(text, len(tokenizer)), "bigram": Bigram(text, len(tokenizer))}
    scorers = make_baseline_scorers(study.text, tokenizer)
    baselines = {
        "mlm": {name: score_baseline(guess, exam) for name, guess in guesses.items()},
        "grammar": {name: average_counts(grammar.count_right(pairs, scorer))[0] for name, scorer in scorers.items()},
        "tagging": {name: scores["accuracy"] for name, scores in task.score_baselines(tagged, tagged_test).items()},
        "minimal_pairs": len(pairs),
        "tokens": len(text.ids),
    }
    return Inputs(
        tokenizer, torch.from_numpy(text.count_ids(len(tokenizer))), keep_full_rows(text, study.length, "none", seed=0),
        keep_full_rows(text, study.length, "next", seed=0, kinds=kinds[0]), exam, pairs, task, tagged, tagged_test,
        baselines,
    )  # fmt: skip


def keep_full_rows(
    text: EncodedCorpus, length: int, pairs: str, seed: int, kinds: list[str] | None = None
) -> list[Row]:
    """The rows that are filled to the last token, so that no batch is padded, and every step costs the same."""
    rows = pair_rows(text, length, seed=seed, pairs=pairs, short=0.0, kinds=kinds)
    return [rows[int(number)] for number in np.flatnonzero(rows.lengths == length)]


def is_whole(pair: grammar.MinimalPair, tokenizer: WordPiece) -> bool:
    """Whether every word of both sentences is one piece: a word that the text lacks says nothing of grammar."""
    pieces = {piece for text in (pair.good, pair.bad) for piece in tokenizer.tokenize(text)}
    return "[UNK]" not in pieces and not any(piece.startswith("##") for piece in pieces)


def keep_short(sentences: list[TaggedSentence], tokenizer: WordPiece, length: int, count: int) -> list[TaggedSentence]:
    """The first `count` sentences of at most length - 2 pieces."""
    kept: list[TaggedSentence] = []
    for sentence in sentences:
        if len(kept) == count:
            break
        if sum(len(tokenizer.tokenize(word)) for word in sentence.words) <= length - 2:
            kept.append(sentence)
    return kept
