"""Every fine-tuning task: what a batch is made of, a metric, baselines, and the named data.

A task is a class with the same few methods: `rows` makes what a batch is made of, `predict` runs a model, `score`
compares with what is right, `baselines` does it without a model. Letters: B rows of a batch, T tokens, C classes.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise

import numpy as np
import torch
from torch import Tensor, nn

from . import annotations, silver, sources
from .heads import IGNORE, Classifier, Output, SpanFinder, Tagger, Writer
from .metrics import answer_f1, bleu, chrf, entity_scores, exact_match, of_names, recall_at, rouge_l, to_iob2, words_of
from .readers import Pair, Question, Sentence, Split, Text, parted
from .wordpiece import WordPiece, _truncate

# ---- Batches ---------------------------------------------------------------------------------------------------------


class Collate:
    """Rows to a batch: `collate(rows, rng)` gives a dict of tensors of int64. It draws nothing.

    A row is a dict; of it are taken `input_ids` (T,), `token_type_ids` (T,), `labels` (a number or (T,)),
    `start_positions` and `end_positions`. Lists are padded to the longest row: ids with `pad`, segments with 0, labels
    with -100. `attention_mask` is there only when something is padded.
    """

    def __init__(self, pad: int):
        self.fill = {"input_ids": pad, "token_type_ids": 0, "labels": IGNORE, "start_positions": IGNORE,
                     "end_positions": IGNORE}  # fmt: skip

    def __call__(self, rows: Sequence[dict], rng: np.random.Generator | None = None) -> dict[str, Tensor]:
        sizes = [len(row["input_ids"]) for row in rows]
        T = max(sizes)
        batch = {}
        for name, filler in self.fill.items():
            if name in rows[0]:
                values = [row[name] for row in rows]
                if not isinstance(values[0], int):
                    values = [[*value, *[filler] * (T - len(value))] for value in values]  # (B, T)
                batch[name] = torch.tensor(values)
        if min(sizes) < T:
            batch["attention_mask"] = (torch.arange(T) < torch.tensor(sizes)[:, None]).long()  # (B, T)
        return batch


def lengths(rows: Sequence[dict]) -> list[int]:
    """Tokens of each row, for `Batches(lengths=...)`."""
    return [len(row["input_ids"]) for row in rows]


@torch.no_grad()
def outputs(
    model: nn.Module, rows: Sequence[dict], collate: Collate, tokens: int = 4096
) -> Iterator[tuple[list[int], Output]]:
    """(numbers of the rows, what the model says of them) until all rows were read: those of like length together, about
    `tokens` at a time. Labels are not shown. The model is in eval mode meanwhile."""
    sizes = lengths(rows)
    order = sorted(range(len(rows)), key=sizes.__getitem__)
    device, training = next(model.parameters()).device, model.training
    model.eval()
    try:
        while order:
            count = max(1, tokens // sizes[order[min(len(order), max(1, tokens // sizes[order[0]])) - 1]])
            chosen, order = order[:count], order[count:]
            batch = collate(
                [{k: v for k, v in rows[i].items() if k in ("input_ids", "token_type_ids")} for i in chosen]
            )
            yield chosen, model(**{name: tensor.to(device) for name, tensor in batch.items()})
    finally:
        model.train(training)


def by_rank(values: set[str]) -> list[str]:
    """Labels in a fixed order: numbers by size, words by letter, "O" first."""
    if all(re.fullmatch(r"-?\d+", value) for value in values):
        return sorted(values, key=int)
    return sorted(values, key=lambda value: (value != "O", value))


# ---- Classification --------------------------------------------------------------------------------------------------


class Classify:
    """A label for a text or a pair of texts."""

    kind, head, metric = "classify", Classifier, "accuracy"

    def __init__(self, pieces: WordPiece, labels: Sequence[str], length: int = 128):
        self.pieces, self.labels, self.length = pieces, list(labels), length
        self.collate = Collate(pieces.pad_id)
        self.cut = 0  # texts of the last `rows` that were too long

    @staticmethod
    def labels_of(examples: Sequence[Text]) -> list[str]:
        """The classes of the training data. Raises ValueError when there are not two."""
        found = by_rank({example.label for example in examples})
        if len(found) < 2:
            raise ValueError(f"all {len(examples)} texts have the label {found[0]!r}: there is nothing to tell apart")
        return found

    def rows(self, examples: Sequence[Text]) -> list[dict]:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP], and the number of the label; -100 for one that is not
        known. The longer text of a pair is cut first."""
        first = self.pieces.encode_bulk([example.text for example in examples])
        second = self.pieces.encode_bulk([example.pair or "" for example in examples])
        number = {label: i for i, label in enumerate(self.labels)}
        cls, sep = self.pieces.cls_id, self.pieces.sep_id
        rows, self.cut = [], 0
        for example, a, b in zip(examples, first, second, strict=True):
            parts = [a] if example.pair is None else [a, b]
            room = self.length - 1 - len(parts)
            if sum(map(len, parts)) > room:
                parts, self.cut = _truncate(parts, room), self.cut + 1
            row = {"input_ids": [cls, *parts[0], sep], "labels": number.get(example.label, IGNORE)}
            if example.pair is not None:
                row["token_type_ids"] = [0] * len(row["input_ids"]) + [1] * (len(parts[1]) + 1)
                row["input_ids"] += [*parts[1], sep]
            rows.append(row)
        if any("token_type_ids" in row for row in rows):
            rows = [{"token_type_ids": [0] * len(row["input_ids"])} | row for row in rows]
        return rows

    def predict(self, model: nn.Module, examples: Sequence[Text]) -> list[dict]:
        """For each text the `label`, its `probability`, and those of all labels."""
        rows = self.rows(examples)
        said: list[dict] = [{}] * len(rows)
        for chosen, output in outputs(model, rows, self.collate):
            for i, shares in zip(chosen, output.logits.float().softmax(-1).tolist(), strict=True):
                best = int(np.argmax(shares))
                said[i] = {"label": self.labels[best], "probability": shares[best],
                           "probabilities": dict(zip(self.labels, shares, strict=True))}  # fmt: skip
        return said

    def score(self, examples: Sequence[Text], said: Sequence[dict]) -> dict[str, float]:
        """Accuracy, and F1 as the mean over the classes. A label that training did not have is never guessed right."""
        return class_scores([e.label for e in examples], [s["label"] for s in said])

    def judge(self, model: nn.Module, examples: Sequence[Text]) -> dict[str, float]:
        """The score while training."""
        return self.score(examples, self.predict(model, examples))

    def baselines(self, train: Sequence[Text], test: Sequence[Text]) -> dict[str, dict[str, float]]:
        """The commonest label, and logistic regression over TF-IDF of words and pairs of words."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        right = [example.label for example in test]
        common = Counter(example.label for example in train).most_common(1)[0][0]
        joined = [[f"{e.text} {e.pair or ''}" for e in side] for side in (train, test)]
        words = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\b\w+\b"),
            LogisticRegression(C=10, max_iter=1000),
        )
        said = words.fit(joined[0], [example.label for example in train]).predict(joined[1])
        return {
            "most frequent label": class_scores(right, [common] * len(right)),
            "TF-IDF + logistic regression": class_scores(right, said.tolist()),
        }


def class_scores(right: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    """Accuracy, and macro F1 over the classes that occur in either."""
    from sklearn.metrics import accuracy_score, f1_score

    f1 = f1_score(right, said, average="macro", zero_division=0.0)
    return {"accuracy": float(accuracy_score(right, said)), "macro_f1": float(f1)}


def class_weights(labels: Sequence[str], examples: Sequence) -> Tensor:
    """(C,) a weight for each class, such that all classes count alike: N / (C * count)."""
    counts = Counter(tag for e in examples for tag in ([e.label] if isinstance(e, Text) else e.tags))
    return torch.tensor([counts.total() / (len(labels) * max(1, counts[label])) for label in labels])


# ---- Tagging ---------------------------------------------------------------------------------------------------------


class Tag:
    """A tag for each word. `label_on` says which of its pieces speaks for a word: "first", "last" or "all"."""

    kind, head = "tag", Tagger

    def __init__(self, pieces: WordPiece, labels: Sequence[str], length: int = 128, label_on: str = "first"):
        if label_on not in ("first", "last", "all"):
            raise ValueError(f"label_on is {label_on!r}; it is first, last or all")
        self.pieces, self.labels, self.length, self.label_on = pieces, list(labels), length, label_on
        self.collate = Collate(pieces.pad_id)
        self.names = of_names(set(labels))
        self.metric = "f1" if self.names else "accuracy"
        self.cut = 0  # sentences of the last `rows` that are read in parts

    @staticmethod
    def labels_of(examples: Sequence[Sentence]) -> list[str]:
        """The tags of the training data. Raises ValueError when there are not two."""
        found = by_rank({tag for example in examples for tag in example.tags})
        if len(found) < 2:
            raise ValueError(f"all words have the tag {found[0]!r}: there is nothing to tell apart")
        return found

    def rows(self, examples: Sequence[Sentence]) -> list[dict]:
        """Rows with a label on one piece (or all) of each word, -100 elsewhere. A sentence that is too long is read in
        several rows. `words` of a row are (number of the sentence, its first word, where each word speaks)."""
        kinds = list({word for example in examples for word in example.words})
        cut_up = dict(zip(kinds, self.pieces.encode_bulk(kinds), strict=True))
        number = {label: i for i, label in enumerate(self.labels)}
        room = self.length - 2
        rows, self.cut = [], 0
        for of, example in enumerate(examples):
            begun = len(rows)
            for i, (word, tag) in enumerate(zip(example.words, example.tags, strict=True)):
                ids = cut_up[word][:room] or [self.pieces.unk_id]  # what is invisible is a word all the same
                if len(rows) == begun or len(rows[-1]["input_ids"]) - 1 + len(ids) > room:
                    rows.append({"input_ids": [self.pieces.cls_id], "labels": [IGNORE], "words": (of, i, [])})
                row, label = rows[-1], number.get(tag, IGNORE)
                speaks = len(ids) - 1 if self.label_on == "last" else 0
                row["words"][2].append(len(row["input_ids"]) + speaks)
                row["input_ids"] += ids
                row["labels"] += [label if self.label_on == "all" or j == speaks else IGNORE for j in range(len(ids))]
            self.cut += len(rows) - begun > 1
        for row in rows:
            row["input_ids"].append(self.pieces.sep_id)
            row["labels"].append(IGNORE)
        return rows

    def predict(self, model: nn.Module, examples: Sequence[Sentence]) -> list[dict]:
        """For each sentence its `words`, their `tags`, and the `probability` of each tag."""
        rows = self.rows(examples)
        said = [{"words": e.words, "tags": ["O"] * len(e.words), "probability": [0.0] * len(e.words)} for e in examples]
        for chosen, output in outputs(model, rows, self.collate):
            shares, best = output.logits.float().softmax(-1).max(-1)  # (B, T), (B, T)
            for i, p, tags in zip(chosen, shares.tolist(), best.tolist(), strict=True):
                of, first, places = rows[i]["words"]
                for word, at in enumerate(places, first):
                    said[of]["tags"][word], said[of]["probability"][word] = self.labels[tags[at]], p[at]
        return said

    def score(self, examples: Sequence[Sentence], said: Sequence[dict]) -> dict[str, float]:
        """Accuracy over words; for names also F1, precision and recall of whole names."""
        return self.tag_scores(examples, [s["tags"] for s in said])

    def tag_scores(self, examples: Sequence[Sentence], said: Sequence[Sequence[str]]) -> dict[str, float]:
        right = [example.tags for example in examples]
        same = [a == b for true, guess in zip(right, said, strict=True) for a, b in zip(true, guess, strict=True)]
        accuracy = {"accuracy": sum(same) / len(same)}
        return (entity_scores(right, said) | accuracy) if self.names else accuracy

    judge = Classify.judge

    def baselines(self, train: Sequence[Sentence], test: Sequence[Sentence]) -> dict[str, dict[str, float]]:
        """The commonest tag, and a dictionary: each word's commonest tag (else that of it in lower case, else the
        commonest of words that were seen once; for names: O)."""
        counts: dict[str, Counter] = defaultdict(Counter)
        for example in train:
            for word, tag in zip(example.words, example.tags, strict=True):
                counts[word][tag] += 1
        best = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
        common = Counter(tag for example in train for tag in example.tags).most_common(1)[0][0]
        once = Counter(tag for tags in counts.values() if tags.total() == 1 for tag in tags.elements())
        other = "O" if self.names else (once or Counter([common])).most_common(1)[0][0]
        by_word = [[best.get(word, best.get(word.lower(), other)) for word in example.words] for example in test]
        by_word = [to_iob2(tags) for tags in by_word] if self.names else by_word
        return {
            "most frequent tag": self.tag_scores(test, [[common] * len(example.words) for example in test]),
            "dictionary of words": self.tag_scores(test, by_word),
        }


# ---- Reading ---------------------------------------------------------------------------------------------------------


class Read:
    """An answer as a span of the context. A context that is too long is read in windows that overlap."""

    kind, head, metric = "read", SpanFinder, "f1"
    labels = ()

    def __init__(
        self, pieces: WordPiece, length: int = 256, stride: int = 0, longest: int = 30, no_answer: bool = False
    ):
        """`stride` is how many tokens later the next window begins (0: half a window), `longest` the most tokens of an
        answer. With `no_answer` it may say that there is none: "" (Devlin et al. 2018, section 4.3)."""
        self.pieces, self.length, self.longest, self.no_answer = pieces, length, longest, no_answer
        self.stride = stride or length // 2
        self.collate = Collate(pieces.pad_id)
        self.cut = 0  # questions of the last `rows` that were too long themselves
        self.lost = 0  # answers of the last `rows` that are whole in no window

    def rows(self, examples: Sequence[Question]) -> list[dict]:
        """A row for each window: [CLS] question [SEP] part of the context [SEP], and the tokens of the first answer.
        Both positions are 0 in a window that does not hold all of it. `offsets` are the characters of each context
        token. A question may take half of the row; the rest of it is cut."""
        rust = self.pieces.bulk()
        questions = self.pieces.encode_bulk([example.question for example in examples])
        contexts = {c: rust.encode(c, add_special_tokens=False) for c in {example.context for example in examples}}
        rows, self.cut, self.lost = [], 0, 0
        for of, (example, asked) in enumerate(zip(examples, questions, strict=True)):
            half = self.length // 2 - 2
            self.cut += len(asked) > half
            head = [self.pieces.cls_id, *asked[:half], self.pieces.sep_id]
            room = self.length - len(head) - 1
            context = contexts[example.context]
            span = tokens_at(context.offsets, *example.answers[0]) if example.answers else None
            held = False
            for start in range(0, max(1, len(context.ids)), min(self.stride, room)):
                ids = context.ids[start : start + room]
                row = {
                    "input_ids": [*head, *ids, self.pieces.sep_id],
                    "token_type_ids": [0] * len(head) + [1] * (len(ids) + 1),
                    "start_positions": 0,
                    "end_positions": 0,
                    "question": of,
                    "first": len(head),
                    "offsets": context.offsets[start : start + room],
                }
                if span and start <= span[0] and span[1] < start + len(ids):
                    row["start_positions"], row["end_positions"] = (at - start + len(head) for at in span)
                    held = True
                rows.append(row)
                if start + room >= len(context.ids):
                    break
            self.lost += bool(example.answers) and not held
        return rows

    def predict(self, model: nn.Module, examples: Sequence[Question], threshold: float = 0.0) -> list[dict]:
        """For each question the `answer`, its `start` in the context, its `probability` among the 20 best spans, and
        `gap`: how much higher than the best span "no answer" scores. With `no_answer` the answer is "" if that is above
        `threshold`. The score of a span is the sum of its two ends', that of no answer the lowest of all windows'."""
        rows = self.rows(examples)
        spans: list[list[tuple[float, int, int]]] = [[] for _ in examples]  # (score, first character, after the last)
        null = [math.inf] * len(examples)
        for chosen, output in outputs(model, rows, self.collate):
            starts, ends = output.start_logits.float().cpu(), output.end_logits.float().cpu()  # (B, T), (B, T)
            for i, start, end in zip(chosen, starts, ends, strict=True):
                row = rows[i]
                of, offsets, first = row["question"], row["offsets"], row["first"]
                null[of] = min(null[of], float(start[0] + end[0]))
                inside = slice(first, first + len(offsets))
                spans[of] += [(score, offsets[a][0], offsets[b][1])
                              for score, a, b in best_spans(start[inside], end[inside], self.longest)]  # fmt: skip
        said = []
        for example, found, nothing in zip(examples, spans, null, strict=True):
            best = sorted(set(found), reverse=True)[:20]
            scores = [score for score, *_ in best] + ([nothing] if self.no_answer or not best else [])
            shares = torch.tensor(scores, dtype=torch.float64).softmax(0).tolist()
            gap = nothing - best[0][0] if best else 1e9  # JSON knows no infinity
            if not best or (self.no_answer and gap > threshold):
                said.append({"answer": "", "start": -1, "probability": shares[-1], "gap": gap})
            else:
                _, start, end = best[0]
                answer = example.context[start:end]
                said.append({"answer": answer, "start": start, "probability": shares[0], "gap": gap})
        return said

    def score(self, examples: Sequence[Question], said: Sequence[dict]) -> dict[str, float]:
        """Exact match and F1 as SQuAD has them; where some questions have no answer, also the F1 of each kind."""
        return answer_scores(examples, [s["answer"] for s in said])

    judge = Classify.judge

    def baselines(self, train: Sequence[Question], test: Sequence[Question]) -> dict[str, dict[str, float]]:
        """No answer at all, and words by rule: of the sentence that shares most words with the question, the
        longest run of words that it does not share."""
        guesses = [overlap_answer(example.question, example.context) for example in test]
        found = {"word overlap": answer_scores(test, guesses)}
        return ({"always no answer": answer_scores(test, [""] * len(test))} if self.no_answer else {}) | found


def tokens_at(offsets: Sequence[tuple[int, int]], start: int, text: str) -> tuple[int, int] | None:
    """The first and last token that touch the characters of an answer; None if none does."""
    touched = [i for i, (a, b) in enumerate(offsets) if a < start + len(text) and b > start and b > a]
    return (touched[0], touched[-1]) if touched else None


def best_spans(start: Tensor, end: Tensor, longest: int, most: int = 20) -> list[tuple[float, int, int]]:
    """The spans (T,), (T,) with the highest sum of scores: (score, first token, last token), best first."""
    T = len(start)
    if not T:
        return []
    every = start[:, None] + end  # (T, T)
    allowed = torch.ones(T, T, dtype=torch.bool).triu() & torch.ones(T, T, dtype=torch.bool).tril(longest - 1)
    best = every.masked_fill(~allowed, -math.inf).flatten().topk(min(most, int(allowed.sum())))
    return [(score, at // T, at % T) for score, at in zip(best.values.tolist(), best.indices.tolist(), strict=True)]


def answer_scores(examples: Sequence[Question], said: Sequence[str]) -> dict[str, float]:
    right = [[text for _, text in example.answers] for example in examples]
    exact = [exact_match(guess, true) for guess, true in zip(said, right, strict=True)]
    f1 = [answer_f1(guess, true) for guess, true in zip(said, right, strict=True)]
    found = {"exact": float(np.mean(exact)), "f1": float(np.mean(f1))}
    if not all(right):
        for name, wanted in (("f1_answer", True), ("f1_no_answer", False)):
            some = [value for value, true in zip(f1, right, strict=True) if bool(true) == wanted]
            found |= {name: float(np.mean(some))} if some else {}
    return found


def best_threshold(examples: Sequence[Question], said: Sequence[dict], model_answers: Sequence[str]) -> float:
    """The `threshold` of `Read.predict` with the highest F1 on these: `model_answers` are what it says without one."""
    gaps = [s["gap"] for s in said]
    right = [[text for _, text in example.answers] for example in examples]
    with_, without = ([answer_f1(guess, true) for guess, true in zip(guesses, right, strict=True)]
                      for guesses in (model_answers, [""] * len(examples)))  # fmt: skip
    cuts = [-math.inf, *sorted(set(gaps))]
    sums = [sum(w if gap <= cut else n for gap, w, n in zip(gaps, with_, without, strict=True)) for cut in cuts]
    return cuts[int(np.argmax(sums))]


def overlap_answer(question: str, context: str) -> str:
    asked = set(words_of(question.lower()))
    sentences = sources.split_sentences(context) or [""]
    best = max(sentences, key=lambda sentence: len(asked & set(words_of(sentence.lower()))))
    runs = groupby(words_of(best), lambda word: word.lower() in asked or not word[0].isalnum())
    rest = [list(run) for shared, run in runs if not shared]
    return " ".join(max(rest, key=len)) if rest else ""


# ---- Replies ---------------------------------------------------------------------------------------------------------


class Reply:
    """Which of some replies goes with what was said before: each pair is read by a `Classifier` of two classes."""

    kind, head, metric = "reply", Classifier, "recall@1"
    labels = ("other", "reply")

    def __init__(self, pieces: WordPiece, length: int = 128, wrong: int = 3, candidates: int = 10):
        """In training each right reply is seen beside `wrong` random ones; it is judged among `candidates`."""
        self.pieces, self.length, self.wrong, self.candidates = pieces, length, wrong, candidates
        self.texts = Classify(pieces, self.labels, length)
        self.pool: list[dict] = []
        self.cut = 0

    def rows(self, examples: Sequence[Pair]) -> list[dict]:
        """The right pairs. The wrong ones are drawn by `collate`, from the replies of these rows, in each batch
        anew."""
        rows = self.texts.rows([Text(example.source, example.target, "reply") for example in examples])
        self.cut = self.texts.cut
        replies: dict[str, set[str]] = defaultdict(set)
        for example in examples:
            replies[example.source.lower()].add(example.target.lower())
        self.pool = [row | {"reply": e.target.lower(), "known": replies[e.source.lower()]}
                     for row, e in zip(rows, examples, strict=True)]  # fmt: skip
        return self.pool

    def collate(self, rows: Sequence[dict], rng: np.random.Generator) -> dict[str, Tensor]:
        """B rows -> B * (1 + wrong) pairs, each right one and then its wrong ones."""
        batch = []
        for row in rows:
            batch.append(row)
            after = row["token_type_ids"].index(1)
            for _ in range(self.wrong):
                other = self.pool[int(rng.integers(len(self.pool)))]
                for _ in range(20):  # a reply that is known to fit is not a wrong one
                    if other["reply"] not in row["known"]:
                        break
                    other = self.pool[int(rng.integers(len(self.pool)))]
                second = other["input_ids"][other["token_type_ids"].index(1) :]
                room = max(1, self.length - after)
                ids = row["input_ids"][:after] + (second if len(second) <= room else [*second[: room - 1], second[-1]])
                types = [0] * after + [1] * (len(ids) - after)
                batch.append({"input_ids": ids, "token_type_ids": types, "labels": 0})
        return self.texts.collate(batch)

    def choices(self, examples: Sequence[Pair]) -> list[list[str]]:
        """For each example its right reply and others of the same list, `candidates` in all, in an order that is always
        the same. What is known to fit as well is not among the others. Raises ValueError when there are too few."""
        known: dict[str, set[str]] = defaultdict(set)
        for example in examples:
            known[example.source.lower()].add(example.target.lower())
        everything = sorted({example.target for example in examples})
        found = []
        for number, example in enumerate(examples):
            rng = np.random.default_rng((0, number))
            others = [one for one in everything if one.lower() not in known[example.source.lower()]]
            if len(others) < self.candidates - 1:
                raise ValueError(f"{len(others)} other replies are too few to judge among {self.candidates}")
            drawn = [others[int(i)] for i in rng.choice(len(others), self.candidates - 1, replace=False)]
            drawn.insert(int(rng.integers(self.candidates)), example.target)
            found.append(drawn)
        return found

    def rank(self, model: nn.Module, source: str, replies: Sequence[str]) -> list[tuple[float, str]]:
        """The replies with the probability that each fits, best first."""
        said = self.texts.predict(model, [Text(source, reply, "reply") for reply in replies])
        found = [(s["probabilities"]["reply"], reply) for s, reply in zip(said, replies, strict=True)]
        return sorted(found, key=lambda one: -one[0])

    def predict(self, model: nn.Module, examples: Sequence[Pair]) -> list[dict]:
        """For each example the best `reply` of its `choices`, its `probability`, and the `rank` of the right one, from
        0."""
        choices = self.choices(examples)
        pairs = [Text(e.source, one, "reply") for e, some in zip(examples, choices, strict=True) for one in some]
        fits = [s["probabilities"]["reply"] for s in self.texts.predict(model, pairs)]
        said = []
        for n, (example, some) in enumerate(zip(examples, choices, strict=True)):
            mine = np.array(fits[n * len(some) : (n + 1) * len(some)])
            right, best = some.index(example.target), int(mine.argmax())
            said.append({"reply": some[best], "probability": float(mine[best]), "rank": rank_of(mine, right)})
        return said

    def score(self, examples: Sequence[Pair], said: Sequence[dict]) -> dict[str, float]:
        """The share of examples whose right reply comes first, and among the first five, of the candidates."""
        ranks = [s["rank"] for s in said]
        return {"recall@1": recall_at(1, ranks), "recall@5": recall_at(5, ranks)}

    judge = Classify.judge

    def baselines(self, train: Sequence[Pair], test: Sequence[Pair]) -> dict[str, dict[str, float]]:
        """Chance, the reply that shares most words with what was said, and the nearest by TF-IDF."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        choices = self.choices(test)
        vectors = TfidfVectorizer(token_pattern=r"\b\w+\b").fit([e.source for e in train] + [e.target for e in train])
        shared, near = [], []
        for example, some in zip(test, choices, strict=True):
            said, right = set(words_of(example.source.lower())), some.index(example.target)
            overlap = [len(said & set(words_of(one.lower()))) / len(said | set(words_of(one.lower()))) for one in some]
            shared.append({"rank": rank_of(np.array(overlap), right)})
            products = (vectors.transform([example.source]) @ vectors.transform(some).T).toarray()[0]
            near.append({"rank": rank_of(products, right)})
        k = self.candidates
        return {
            "chance": {"recall@1": 1 / k, "recall@5": min(1.0, 5 / k)},
            "shared words": self.score(test, shared),
            "TF-IDF": self.score(test, near),
        }


def rank_of(scores: np.ndarray, right: int) -> int:
    """The place of the right one, from 0. Of equals it is the last: nobody is first for saying the same of all."""
    return int((scores >= scores[right]).sum()) - 1


# ---- Writing ---------------------------------------------------------------------------------------------------------


class Write:
    """A text from a text. Source and target may each take half of the `length`; the rest is cut."""

    kind, head, metric = "write", Writer, "chrf"
    labels = ()

    def __init__(self, pieces: WordPiece, length: int = 128, beams: int = 1, length_penalty: float = 1.0):
        self.pieces, self.length, self.beams, self.length_penalty = pieces, length, beams, length_penalty
        self.collate = Collate(pieces.pad_id)
        self.never = [pieces.pad_id, pieces.unk_id, pieces.cls_id, pieces.mask_id]  # these are not written
        self.cut = 0  # pairs of the last `rows` of which something was cut

    def sources(self, examples: Sequence[Pair]) -> list[list[int]]:
        """[CLS] source [SEP] of each."""
        room = self.length // 2 - 2
        cls, sep = self.pieces.cls_id, self.pieces.sep_id
        return [[cls, *ids[:room], sep] for ids in self.pieces.encode_bulk([example.source for example in examples])]

    def rows(self, examples: Sequence[Pair]) -> list[dict]:
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

    def whole(self, examples: Sequence[Pair]) -> list[Pair]:
        """Those of which nothing would be cut."""
        sides = ([example.source for example in examples], self.length // 2 - 2), (
            [example.target for example in examples], self.length // 2 - 1)  # fmt: skip
        fits = [[len(ids) <= room for ids in self.pieces.encode_bulk(texts)] for texts, room in sides]
        return [example for example, *fit in zip(examples, *fits, strict=True) if all(fit)]

    def predict(self, model: Writer, examples: Sequence[Pair], batch: int = 32, **search) -> list[dict]:
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

    def score(self, examples: Sequence[Pair], said: Sequence[dict]) -> dict[str, float]:
        """chrF, BLEU and ROUGE-L against the targets."""
        return self.text_scores(examples, [s["text"] for s in said])

    def text_scores(self, examples: Sequence[Pair], said: Sequence[str]) -> dict[str, float]:
        """The scores; case is not counted when the model's vocabulary has none."""
        case = str.lower if self.pieces.lower else str
        said, right = [case(text) for text in said], [case(example.target) for example in examples]
        return {"chrf": chrf(said, right), "bleu": bleu(said, right), "rouge_l": rouge_l(said, right)}

    def judge(self, model: Writer, examples: Sequence[Pair]) -> dict[str, float]:
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

    def baselines(self, train: Sequence[Pair], test: Sequence[Pair]) -> dict[str, dict[str, float]]:
        """The source as it stands, and as many of its first words as a target has on average."""
        words = round(np.mean([len(words_of(example.target)) for example in train]))
        first = [" ".join(words_of(example.source)[:words]) for example in test]
        return {
            "copy of the source": self.text_scores(test, [example.source for example in test]),
            f"its first {words} words": self.text_scores(test, first),
        }


class CollateApart:
    """Rows of `Write` to batches for an encoder with a decoder, such as transformers' `EncoderDecoderModel`.

    The source (B, S) is in `input_ids`, with its `attention_mask` (B, S) where something is padded; `labels` (B, T) are
    the target and its [SEP], then -100. The model moves them by one itself, with its `decoder_start_token_id` in front.
    """

    def __init__(self, pad: int):
        self.collate = Collate(pad)

    def __call__(self, rows: Sequence[dict], rng: np.random.Generator | None = None) -> dict[str, Tensor]:
        begins = [row["token_type_ids"].index(1) for row in rows]  # of the targets
        sources = [{"input_ids": row["input_ids"][:at]} for row, at in zip(rows, begins, strict=True)]
        targets = [torch.tensor(row["labels"][at:]) for row, at in zip(rows, begins, strict=True)]
        labels = nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=IGNORE)  # (B, T)
        return self.collate(sources) | {"labels": labels}


# ---- Named data ------------------------------------------------------------------------------------------------------


def sentiment(part: str = "movies", clear: float = 1.0) -> Split:
    """Clearly positive or negative snippets of film reviews (or of "amazon", "tweets", "nyt"): those that people gave a
    mean of `clear` or more, or of -`clear` or less, from -4 to 4."""
    rows = [Text(text, None, "positive" if score > 0 else "negative") for text, score in sources.sentiment(part)
            if abs(score) >= clear]  # fmt: skip
    return parted(rows, lambda example: example.text)


def topic() -> Split:
    """Wikipedia summaries and their topic, one of 11. Those that are "Uncategorized" are left out."""
    rows = [Text(article["summary"], None, article["topic"]) for article in sources.wiki()]
    return parted([row for row in rows if row.label != "Uncategorized"], lambda example: example.text)


def pos() -> Split:
    """Lines of American English with Penn tags, each once, of four words or more. Silver: a program gave the tags."""
    lines = {tuple(word for word, _ in line): line for line in sources.tagged() if len(line) >= 4}
    rows = [Sentence([word for word, _ in line], [tag.split("|")[0] for _, tag in line]) for line in lines.values()]
    return parted(rows, lambda example: " ".join(example.words))


def names() -> Split:
    """Wikipedia sentences and the names in them. To learn from: silver, by rules (`silver.names`); to be judged by: our
    own test, annotated by a language model (data/README.md)."""
    by_hand = [Sentence(*annotations.words_and_tags(s["text"], s["entities"])) for s in annotations.names_test()]
    return silver.names()._replace(test=by_hand)


def replies() -> Split:
    """What was said, and the reply to it, from the ChatterBot corpus; all replies to the same words on one side."""
    turns = ((turn.strip(), reply.strip()) for exchange in sources.dialogues()
             for turn, reply in pairwise(exchange))  # fmt: skip
    rows = dict.fromkeys(Pair(turn, reply) for turn, reply in turns if turn and reply)
    return parted(list(rows), lambda example: example.source)


def bible() -> Split:
    """Verses of the King James Bible, and the same in the World English Bible; a chapter is on one side as a whole."""
    rows = [(reference, Pair(old, new)) for reference, old, new in sources.verses() if old and new]
    return Split(*([pair for _, pair in side] for side in parted(rows, lambda row: row[0].rpartition(":")[0])))


def titles() -> Split:
    """Wikipedia summaries, and the titles of the articles."""
    rows = [Pair(article["summary"], article["title"]) for article in sources.wiki()]
    return parted(rows, lambda example: example.source)


# name -> (the task, its data, what the hub has in full size for a GPU)
NAMED: dict[str, tuple[str, Callable[[], Split], str]] = {
    "sentiment": ("classify", sentiment, "stanfordnlp/sst2, stanfordnlp/imdb"),
    "amazon": ("classify", lambda: sentiment("amazon"), "fancyzhx/amazon_polarity"),
    "topic": ("classify", topic, "fancyzhx/ag_news"),
    "pos": ("tag", pos, "universal-dependencies/universal_dependencies"),
    "names": ("tag", names, "lukasgarbas/conll-03"),
    "questions": ("read", silver.questions, "rajpurkar/squad, rajpurkar/squad_v2"),
    "replies": ("reply", replies, ""),
    "bible": ("write", bible, "Helsinki-NLP/opus-100, wmt/wmt14"),
    "titles": ("write", titles, "EdinburghNLP/xsum, abisee/cnn_dailymail"),
}
