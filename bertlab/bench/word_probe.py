"""What frozen vectors know of parts of speech: a linear probe on the vector of each word, and what takes no model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..model import Bert
from ..tasks.named import load_parts_of_speech
from ..tasks.tagging import TaggedSentence
from ..wordpiece import WordPiece

PENALTIES = (1e-5, 1e-4, 1e-3)  # of the squared weights, from which the probe chooses by its middle lines
STRENGTHS = (0.3, 1.0, 3.0, 10.0)  # the same for the regression on words, as scikit-learn's C


@dataclass(frozen=True, eq=False)
class Lines:
    """Tagged lines as a model reads them: `ids` (B, T) and `mask` (B, T); of each word its line and the position of its
    first piece (W, 2), its tag (W,), and its text with its neighbours' (W, 3)."""

    ids: Tensor
    mask: Tensor
    places: Tensor
    tags: Tensor
    words: list[tuple[str, str, str]]


@dataclass(frozen=True, eq=False)
class ProbeData:
    """Lines to fit the probe, to choose its penalty, and to test it; the names of the tags; and which words of the test
    are ambiguous: those that have more than one tag in the lines to fit (W,)."""

    fit: Lines
    choose: Lines
    test: Lines
    tags: list[str]
    ambiguous: Tensor


def make_probe_data(tokenizer: WordPiece, length: int, counts: Sequence[int]) -> ProbeData:
    """So many lines of each kind from the course's part-of-speech data, cut to `length` tokens."""
    parts = load_parts_of_speech()
    chosen = [part[:count] for part, count in zip((parts.train, parts.dev, parts.test), counts, strict=True)]
    tags = sorted({tag for sentences in chosen for sentence in sentences for tag in sentence.tags})
    fit, choose, test = (encode_lines(sentences, tokenizer, length, tags) for sentences in chosen)
    seen: dict[str, set[int]] = {}
    for (_, word, _), tag in zip(fit.words, fit.tags.tolist(), strict=True):
        seen.setdefault(word, set()).add(tag)
    ambiguous = torch.tensor([len(seen.get(word, ())) > 1 for _, word, _ in test.words])
    return ProbeData(fit, choose, test, tags, ambiguous)


def encode_lines(sentences: Sequence[TaggedSentence], tokenizer: WordPiece, length: int, tags: Sequence[str]) -> Lines:
    """Encode word by word. The words that do not fit into `length` tokens are left out."""
    rows, places, labels, words = [], [], [], []
    for sentence in sentences:
        row, lower = [tokenizer.cls_id], ["", *(word.lower() for word in sentence.words), ""]
        for number, (pieces, tag) in enumerate(zip(tokenizer.encode_bulk(sentence.words), sentence.tags, strict=True)):
            if len(row) + len(pieces) >= length:
                break
            if len(pieces):
                places.append((len(rows), len(row)))
                labels.append(tags.index(tag))
                words.append((lower[number], lower[number + 1], lower[number + 2]))
                row += list(pieces)
        rows.append([*row, tokenizer.sep_id])
    sizes = torch.tensor([len(row) for row in rows])
    ids = torch.full((len(rows), int(sizes.max())), tokenizer.pad_id)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
    mask = torch.arange(ids.size(1)) < sizes[:, None]
    return Lines(ids, mask, torch.tensor(places), torch.tensor(labels), words)


@torch.no_grad()
def read_vectors(bert: Bert, lines: Lines) -> list[Tensor]:
    """The vectors of the words after the embeddings and after each layer: L + 1 tensors (W, D)."""
    bert.eval()
    states = [[] for _ in range(1 + len(bert.layers))]
    for ids, mask in zip(lines.ids.split(256), lines.mask.split(256), strict=True):
        x = bert.embeddings(ids)
        states[0].append(x)
        for number, layer in enumerate(bert.layers, 1):
            x = layer(x, mask[:, None, None])
            states[number].append(x)
    rows, columns = lines.places.T
    return [torch.cat(parts)[rows, columns] for parts in states]


def fit_probe(x: Tensor, tags: Tensor, classes: int, penalty: float) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression of tags (W,) on vectors x (W, D): weights (D, C) and biases (C,)."""
    weight = torch.zeros(x.size(1), classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def compute_loss() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight + bias, tags) + penalty * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(compute_loss)
    return weight.detach(), bias.detach()


def probe_vectors(vectors: Sequence[Tensor], data: ProbeData) -> dict[str, float]:
    """Accuracy on all test words and on the ambiguous ones, for vectors (W, D) of the three kinds of lines."""
    mean, spread = vectors[0].mean(0), vectors[0].std(0).clamp(min=1e-6)
    fit, choose, test = ((x - mean) / spread for x in vectors)
    best, best_share = None, -1.0
    for penalty in PENALTIES:
        weight, bias = fit_probe(fit, data.fit.tags, len(data.tags), penalty)
        share = ((choose @ weight + bias).argmax(1) == data.choose.tags).float().mean().item()
        if share > best_share:
            best, best_share = (weight, bias), share
    weight, bias = best
    return summarise_right((test @ weight + bias).argmax(1) == data.test.tags, data)


def summarise_right(right: Tensor, data: ProbeData) -> dict[str, float]:
    """The share that is right of all test words, and of the ambiguous ones."""
    right = right.float()
    return {"all": round(right.mean().item(), 4), "ambiguous": round(right[data.ambiguous].mean().item(), 4)}


def probe_model(bert: Bert, data: ProbeData) -> dict[str, dict[str, float]]:
    """The accuracies of a probe on the embeddings and on each layer. The model is not trained."""
    states = [read_vectors(bert, lines) for lines in (data.fit, data.choose, data.test)]
    names = ["embeddings", *(f"layer {number}" for number in range(1, len(bert.layers) + 1))]
    return {name: probe_vectors(vectors, data) for name, vectors in zip(names, zip(*states, strict=True), strict=True)}


def score_probe_baselines(data: ProbeData) -> dict[str, dict[str, float]]:
    """The commonest tag; each word's commonest tag; and logistic regression on the word and its two neighbours."""
    counts: dict[str, Counter] = {}
    for (_, word, _), tag in zip(data.fit.words, data.fit.tags.tolist(), strict=True):
        counts.setdefault(word, Counter())[tag] += 1
    commonest = int(data.fit.tags.bincount().argmax())
    by_word = [counts[word].most_common(1)[0][0] if word in counts else commonest for _, word, _ in data.test.words]
    return {
        "words to test": {"all": len(data.test.words), "ambiguous": int(data.ambiguous.sum())},
        "commonest tag": summarise_right(data.test.tags == commonest, data),
        "commonest tag of each word": summarise_right(torch.tensor(by_word) == data.test.tags, data),
        "regression on the word and its neighbours": regress_on_words(data),
    }


def regress_on_words(data: ProbeData) -> dict[str, float]:
    """Logistic regression on three indicators: the word, the one before and the one after."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    def describe(lines: Lines) -> list[dict[str, str]]:
        return [dict(zip(("before", "word", "after"), words, strict=True)) for words in lines.words]

    vectorizer = DictVectorizer(dtype=np.float32)
    fit = vectorizer.fit_transform(describe(data.fit))
    choose, test = (vectorizer.transform(describe(lines)) for lines in (data.choose, data.test))
    models = [LogisticRegression(C=strength, max_iter=300).fit(fit, data.fit.tags.numpy()) for strength in STRENGTHS]
    best = max(models, key=lambda model: model.score(choose, data.choose.tags.numpy()))
    return summarise_right(torch.from_numpy(best.predict(test)) == data.test.tags, data)
