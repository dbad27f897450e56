"""The small world of notebook 18: sentences made by a few rules, a tiny BERT that learns them in seconds, and a loop.

Dimension letters: B rows of a batch, T tokens of its longest row, N labels, C classes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import IGNORE
from ..checks import CheckError, drop_labels
from ..heads import Classifier, Output, Tagger
from ..model import BertConfig, eval_mode
from ..wordpiece import WordPiece

TOPICS = [  # who, does (one verb for each thing), what
    ("sailor captain fisher pirate", "steers repairs leaves lifts", "ship net harbour anchor"),
    ("cook baker waiter guest", "stirs bakes cuts salts", "soup bread cake fish"),
    ("teacher pupil writer reader", "writes opens solves learns", "letter book riddle poem"),
    ("farmer shepherd miller dog", "ploughs guards turns feeds", "field sheep mill calf"),
]
TOPICS = [tuple(words.split() for words in topic) for topic in TOPICS]
TAILS = ["", "", "again", "every day", "in the morning", "in the morning and in the evening",
         "in the morning and in the evening and at night before the rain comes"]  # fmt: skip
FLOWERS = ["rose", "lily", "violet", "daisy", "iris", "jasmine"]  # in capitals they are names
SYLLABLES = ["mar", "lo", "ve", "ta", "ri", "sol"]
HELPS = ["needs", "likes", "helps", "finds"]
TAGS = ["O", "B-PER", "I-PER"]
WORDS = sorted({w for topic in TOPICS for part in topic for w in part} | {w for t in TAILS for w in t.split()} |
               {"the", "then", "."} | set(FLOWERS) | {w.title() for w in FLOWERS} | set(HELPS) | set(SYLLABLES) |
               {s.title() for s in SYLLABLES} | {"##" + s for s in SYLLABLES})  # fmt: skip
TOKENIZER = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS], lower=False)
SPECIAL = [TOKENIZER.pad_id, TOKENIZER.unk_id, TOKENIZER.cls_id, TOKENIZER.sep_id, TOKENIZER.mask_id]
CONFIG = BertConfig(vocab_size=len(TOKENIZER), hidden_size=48, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=96, max_position_embeddings=64, hidden_dropout_prob=0.0,
                    attention_probs_dropout_prob=0.0, initializer_range=0.05)  # fmt: skip


# ---- Texts -----------------------------------------------------------------------------------------------------------


def write_sentence(rng: np.random.Generator, topic: int, tail: str | None = None) -> str:
    """A sentence such as "the cook stirs the soup every day ." The verb and its thing belong together."""
    who, does, what = TOPICS[topic]
    n = rng.integers(len(does))
    tail = TAILS[rng.integers(len(TAILS))] if tail is None else tail
    return " ".join(f"the {who[rng.integers(len(who))]} {does[n]} the {what[n]} {tail} .".split())


def write_sentences(count: int, seed: int) -> list[str]:
    """Sentences of all topics, between 6 and 19 words long."""
    rng = np.random.default_rng(seed)
    return [write_sentence(rng, rng.integers(len(TOPICS))) for _ in range(count)]


def write_pairs(count: int, seed: int) -> list[tuple[str, str, int]]:
    """Pairs of short sentences: 1 where B follows A, 0 where it does not. 95% of those that follow begin with "then",
    and 5% of the others do."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        a, b = (write_sentence(rng, rng.integers(len(TOPICS)), "") for _ in range(2))
        is_next = int(rng.random() < 0.5)
        then = rng.random() < (0.95 if is_next else 0.05)
        pairs.append((a, f"then {b}" if then else b, is_next))
    return pairs


def write_names(count: int, seed: int) -> list[tuple[list[str], list[str]]]:
    """Sentences with the tag of each word: flowers, people called like flowers, people with longer names."""
    rng = np.random.default_rng(seed)

    def write_one() -> list[tuple[str, str]]:
        kind, flower = rng.integers(3), FLOWERS[rng.integers(len(FLOWERS))]
        long = "".join(SYLLABLES[i] for i in rng.integers(len(SYLLABLES), size=rng.integers(2, 5))).title()
        if kind == 0:
            return [(flower, "O")]
        if kind == 1:
            return [(flower.title(), "B-PER")]
        return [(long, "B-PER")]

    rows = []
    for _ in range(count):
        pairs = [*write_one(), (HELPS[rng.integers(len(HELPS))], "O"), *write_one(), (".", "O")]
        rows.append(([word for word, _ in pairs], [tag for _, tag in pairs]))
    return rows


# ---- Batches ---------------------------------------------------------------------------------------------------------


@cache
def cut_word(word: str, tokenizer: WordPiece = TOKENIZER) -> list[int]:
    """The ids of a word's pieces."""
    return tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word))


def encode(text: str, tokenizer: WordPiece = TOKENIZER) -> list[int]:
    """The ids of a sentence, with [CLS] and [SEP]."""
    return [tokenizer.cls_id, *(i for word in text.split() for i in cut_word(word, tokenizer)), tokenizer.sep_id]


def pad(rows: Sequence[Sequence[int]], value: int = 0, width: int = 0) -> Tensor:
    """(B, T), filled up to the longest row, or to `width`."""
    width = max(width, *(len(row) for row in rows))
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])


def make_pair_batch(pairs: Sequence[tuple[str, str, int]]) -> dict[str, Tensor]:
    """[CLS] A [SEP] B [SEP], with a label for each pair."""
    rows = [(encode(a), encode(b)[1:], label) for a, b, label in pairs]
    return {
        "input_ids": pad([a + b for a, b, _ in rows]),
        "token_type_ids": pad([[0] * len(a) + [1] * len(b) for a, b, _ in rows]),
        "attention_mask": pad([[1] * len(a + b) for a, b, _ in rows]),
        "labels": torch.tensor([label for _, _, label in rows]),
    }


def make_tag_batch(
    sentences: Sequence[tuple[list[str], list[str]]], tokenizer: WordPiece = TOKENIZER, every_piece: bool = False
) -> tuple[dict[str, Tensor], list[list[int | None]]]:
    """Rows with the tag of a word on its first piece, or on `every_piece`; and of each token the number of its word."""
    rows, labels, numbers = [], [], []
    for words, tags in sentences:
        pieces = [cut_word(word, tokenizer) for word in words]
        own = [None, *(n for n, word in enumerate(pieces) for _ in word), None]
        rows.append(encode(" ".join(words), tokenizer))
        first = [word is not None and (every_piece or own.index(word) == i) for i, word in enumerate(own)]
        labels.append([TAGS.index(tags[word]) if given else IGNORE for word, given in zip(own, first, strict=True)])
        numbers.append(own)
    ids = pad(rows, tokenizer.pad_id)
    batch = {"input_ids": ids, "attention_mask": pad([[1] * len(row) for row in rows]), "labels": pad(labels, IGNORE)}
    return batch, numbers


def make_word_batch(
    rows: Sequence[Sequence[int]], generator: torch.Generator, choose: Callable[[Tensor, torch.Generator], Tensor]
) -> dict[str, Tensor]:
    """Rows in which the tokens that `choose(ids, generator)` gives as (B, T) are masked, and are the labels."""
    ids = pad(rows)
    chosen = choose(ids, generator)
    return {
        "input_ids": ids.masked_fill(chosen, TOKENIZER.mask_id),
        "attention_mask": (ids != TOKENIZER.pad_id).long(),
        "labels": ids.masked_fill(~chosen, IGNORE),
    }


def make_thing_batch(texts: Sequence[str]) -> dict[str, Tensor]:
    """Sentences in which the thing alone, which follows from the verb, is masked."""
    return make_word_batch([encode(text) for text in texts], torch.Generator(), mark_thing)


def mark_thing(ids: Tensor, generator: torch.Generator) -> Tensor:
    """The fifth word of each sentence: (B, T)."""
    return (torch.arange(ids.size(1)) == 5).expand_as(ids)


# ---- Models and training ---------------------------------------------------------------------------------------------


class WithLoss(nn.Module):
    """A model whose loss is the function `compute_loss(logits, labels)`, where the model's own would be right."""

    def __init__(self, inner: nn.Module, compute_loss: Callable[[Tensor, Tensor], Tensor]):
        super().__init__()
        self.inner, self.compute_loss = inner, compute_loss

    def forward(self, labels: Tensor | None = None, **inputs) -> Output:
        """The output of the inner model, with the other loss if there are labels."""
        logits = self.inner(**inputs).logits
        return Output(loss=None if labels is None else self.compute_loss(logits, labels), logits=logits)


def make_classifier(seed: int = 0, classes: int = 2) -> Classifier:
    """An untrained classifier of the tiny size."""
    torch.manual_seed(seed)
    return Classifier(CONFIG, classes)


def make_word_model(seed: int = 0) -> Tagger:
    """An untrained model that says for each token which word it is: a `Tagger` with as many labels as words."""
    torch.manual_seed(seed)
    return Tagger(CONFIG, len(TOKENIZER))


def fit(
    model: nn.Module,
    make_batch: Callable[[int], Mapping[str, Tensor]],
    steps: int,
    rate: float = 2e-3,
    measure: Callable[[nn.Module], float] | None = None,
    every: int = 10,
) -> tuple[list[float], list[float]]:
    """Train with AdamW on `make_batch(0)`, `make_batch(1)` ... Returns the losses, and what `measure` says every few
    steps."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, fused=True)
    losses, measured = [], []
    for step in range(steps):
        if measure is not None and step % every == 0:
            measured.append(measure(model))
        loss = model(**make_batch(step)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, measured


def score(model: nn.Module, batch: Mapping[str, Tensor]) -> float:
    """The share of the labels that are given which the model gets right, in percent."""
    with eval_mode(model):
        guessed = model(**drop_labels(batch)).logits.argmax(-1)
    given = batch["labels"] != IGNORE
    return 100 * float((guessed == batch["labels"])[given].float().mean())


def tag(
    tagger: nn.Module, sentences: Sequence[tuple[list[str], list[str]]], tokenizer: WordPiece = TOKENIZER
) -> list[tuple[list[str], list[str], list[int | None]]]:
    """Of each sentence the tags that are predicted and those that are right, a tag a token, and the word of each."""
    batch, numbers = make_tag_batch(sentences, tokenizer, every_piece=True)
    with eval_mode(tagger):
        guessed = tagger(**drop_labels(batch)).logits.argmax(-1).tolist()
    right = batch["labels"].clamp(min=0).tolist()  # O at [CLS] and [SEP]
    return [([TAGS[n] for n in a[: len(words)]], [TAGS[n] for n in b[: len(words)]], words)
            for a, b, words in zip(guessed, right, numbers, strict=True)]  # fmt: skip


def smooth(values: Sequence[float], width: int = 10) -> list[float]:
    """The mean of each value and up to `width` - 1 values before it."""
    return [float(np.mean(values[max(0, i - width + 1) : i + 1])) for i in range(len(values))]


def report(what: str, check: Callable, *arguments, **options) -> None:
    """Run a check of `bertlab.checks`, and print whether `what` passes it, or what was found."""
    try:
        check(*arguments, **options)
        print(f"{what}: passes {check.__name__}")
    except CheckError as error:
        print(f"{what}: fails {check.__name__}\n    {error}")
