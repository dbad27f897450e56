"""How many labels does a classifier need, at which learning rate, and with how many layers frozen? Runs over seeds.

    python -m bertlab.bench.few_labels FILE.json [SECONDS]

makes the trials of `list_trials` that are not in FILE.json yet, and adds each to it, until all are there or the seconds
are over. Each draws `size` film snippets from the training data by its seed; all methods learn from the same ones.
"""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import weights
from ..batches import Batches
from ..files import read_json, write_json
from ..heads import Classifier, Output
from ..model import Bert
from ..progress import quiet
from ..tasks import Classification, LabelledText, Split, load_sentiment, measure_calibration
from ..tasks.finetuning import freeze_layers
from ..tasks.rows import count_row_tokens, run_model
from ..tasks.words import WORD
from ..train import TrainConfig, train
from ..wordpiece import WordPiece

SIZES, SEEDS = (50, 200, 800, 3200), (0, 1, 2)
STEPS = {50: 50, 200: 50, 800: 50, 3200: 200}  # of 16 texts
RATE, FROZEN = 3e-4, 3  # of the learning curve: chosen by the first trials, on the development side
RATES, FREEZES, TRIED_SIZE, TRIED_STEPS = (2e-5, 1e-4, 3e-4, 1e-3), (0, 3, 6), 800, 50
BATCH_SIZE, LENGTH = 16, 64
SIMPLE = ("TF-IDF", "frozen, word vectors", "frozen, mean", "frozen, [CLS]")


@dataclass(frozen=True)
class Trial:
    """One model that is trained and judged. The last three fields are those of a fine-tuning."""

    experiment: str  # "settings", judged on half of the development side, or "curve", judged on the test side
    method: str
    size: int
    seed: int
    learning_rate: float = 0.0
    frozen_layers: int = 0
    steps: int = 0


def list_trials() -> Iterator[Trial]:
    """All trials, a seed after the other."""
    for seed in SEEDS:
        for rate, frozen in product(RATES, FREEZES):
            if rate > RATES[0] or not frozen:
                yield Trial("settings", "fine-tuned, [CLS]", TRIED_SIZE, seed, rate, frozen, TRIED_STEPS)
        for method, size in product(SIMPLE, SIZES):
            yield Trial("curve", method, size, seed)
        for method, sizes in (("fine-tuned, [CLS]", SIZES), ("fine-tuned, mean", (200, 800))):
            for size in sizes:
                yield Trial("curve", method, size, seed, RATE, FROZEN, STEPS[size])


class MeanClassifier(Classifier):
    """A `Classifier` that reads the mean of the real tokens' vectors instead of [CLS]."""

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Output:
        hidden = self.bert(input_ids, token_type_ids, attention_mask)  # (B, T, D)
        logits = self.output(self.dropout(self.pooler(average_tokens(hidden, attention_mask))))
        return Output(loss=None if labels is None else self.compute_loss(logits, labels), logits=logits)


class VectorReader(nn.Module):
    """For each text the mean of its word embeddings, the mean of the vectors of its tokens, and that of [CLS]."""

    def __init__(self, bert: Bert):
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Output:
        """`logits` is (B, 3, D)."""
        hidden = self.bert(input_ids, attention_mask=attention_mask)  # (B, T, D)
        words = average_tokens(self.bert.embeddings.words(input_ids), attention_mask)
        return Output(logits=torch.stack([words, average_tokens(hidden, attention_mask), hidden[:, 0]], 1))


def average_tokens(hidden: Tensor, attention_mask: Tensor | None) -> Tensor:
    """The mean of the vectors (B, T, D) of the tokens whose mask (B, T) is 1; of all without a mask: (B, D)."""
    if attention_mask is None:
        return hidden.mean(1)
    mask = attention_mask[..., None].to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1)


class Laboratory:
    """The data, the model and the vectors that the trials share."""

    def __init__(self, data: Split, model: str | Path = "minilm"):
        self.data, self.folder = data, weights.find_model_folder(model)
        self.task = Classification(WordPiece.load(self.folder), Classification.list_labels(data.train), LENGTH)

    def draw_examples(self, trial: Trial) -> list[int]:
        """The numbers of the training texts of a trial: the same for all methods."""
        return random.Random(100 + trial.seed).sample(range(len(self.data.train)), trial.size)

    def run(self, trial: Trial) -> dict[str, float]:
        """The scores of a trial: accuracy, mean confidence, and calibration error."""
        judging = self.data.dev[::2] if trial.experiment == "settings" else self.data.test
        chosen = self.draw_examples(trial)
        if trial.steps:
            model = self.finetune(trial, [self.data.train[i] for i in chosen])
            said = self.task.predict(model, judging)
            confidence, labels = [one["probability"] for one in said], [one["label"] for one in said]
        else:
            shares, classes = self.fit(trial.method, chosen)
            confidence, labels = shares.max(1), [classes[i] for i in shares.argmax(1)]
        right = [label == example.label for label, example in zip(labels, judging, strict=True)]
        scores = {"accuracy": sum(right) / len(right), "confidence": sum(confidence) / len(right),
                  "ece": measure_calibration(confidence, right)["ece"]}  # fmt: skip
        return {name: round(float(score), 4) for name, score in scores.items()}

    def finetune(self, trial: Trial, examples: Sequence[LabelledText]) -> Classifier:
        torch.manual_seed(trial.seed)  # of the new layer
        model = weights.load(self.folder, Classifier, num_labels=len(self.task.labels), new_heads=True)
        if trial.method == "fine-tuned, mean":
            classifier, model = model, MeanClassifier(model.config, len(self.task.labels))
            model.load_state_dict(classifier.state_dict())
        freeze_layers(model, trial.frozen_layers if trial.frozen_layers < len(model.bert.layers) else -1)
        rows = self.task.make_rows(examples)
        batches = Batches(rows, self.task.collate, BATCH_SIZE, seed=trial.seed, lengths=count_row_tokens(rows))
        train(model, batches, TrainConfig(trial.steps, learning_rate=trial.learning_rate, seed=trial.seed), watch=quiet)
        return model

    def fit(self, method: str, chosen: Sequence[int]):
        """(probabilities (N, C) of the test texts as an array, the classes) of a logistic regression whose C is chosen
        by cross-validation within the `chosen` training texts."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV

        labels = [self.data.train[i].label for i in chosen]
        if method == "TF-IDF":
            training, test = count_words([self.data.train[i].text for i in chosen], [e.text for e in self.data.test])
            strengths = (1, 3, 10, 30, 100)
        else:
            training, test = self.vectors[method][0][chosen], self.vectors[method][1]
            middle, spread = training.mean(0), training.std(0) + 1e-8
            training, test, strengths = (
                (training - middle) / spread,
                (test - middle) / spread,
                (3e-4, 1e-3, 3e-3, 1e-2, 0.1),
            )
        search = GridSearchCV(LogisticRegression(max_iter=3000), {"C": strengths}, cv=3).fit(training, labels)
        return search.predict_proba(test), list(search.classes_)

    @cached_property
    def vectors(self) -> dict:
        """method -> the vectors of all training texts (N, D) and of all test texts, as arrays."""
        sides = [self.read_vectors(side) for side in (self.data.train, self.data.test)]  # (N, 3, D) each
        return {method: [side[:, i].numpy() for side in sides] for i, method in enumerate(SIMPLE[1:])}

    def read_vectors(self, examples: Sequence[LabelledText]) -> Tensor:
        """The three vectors of a `VectorReader` for each text: (N, 3, D)."""
        reader, rows = VectorReader(weights.load(self.folder, Bert)), self.task.make_rows(examples)
        found = torch.empty(len(rows), 3, reader.bert.config.hidden_size)
        for numbers, output in run_model(reader, rows, self.task.collate):
            found[numbers] = output.logits
        return found


def count_words(training: Sequence[str], test: Sequence[str]) -> tuple:
    """TF-IDF of words, pairs of words, and pieces of words of 2 to 5 letters: sparse matrices (N, features)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    counter = make_union(words, pieces).fit(training)
    return counter.transform(training), counter.transform(test)


def main(arguments: list[str]) -> None:
    file, end = Path(arguments[0]), time.monotonic() + float(arguments[1] if len(arguments) > 1 else "inf")
    kept = read_json(file) if file.exists() else {"command": "python -m bertlab.bench.few_labels FILE.json", "runs": []}
    done = {tuple(run[name] for name in asdict(Trial("", "", 0, 0))) for run in kept["runs"]}
    laboratory = Laboratory(load_sentiment())
    for trial in list_trials():
        if tuple(asdict(trial).values()) in done:
            continue
        if time.monotonic() > end:
            break
        scores = laboratory.run(trial)
        kept["runs"].append(asdict(trial) | scores)
        write_json(file, kept)
        print(trial, scores, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
