"""How many minimal pairs a masked language model gets right, by pseudo-log-likelihood, beside a unigram and a bigram
model of text.

A masked model gives no probability of a sentence. Its pseudo-log-likelihood (Salazar et al. 2020) masks one token
after the other and adds up the log probabilities of the tokens that stood there. Of a word of several pieces, the
pieces after the masked one are masked as well: if they stayed, they would give the hidden piece away, and long rare
words would seem likely (Kauf and Ivanova 2023, "within-word left-to-right").
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .. import sources
from ..arguments import check_list
from ..baselines import Bigram, fit_unigram
from ..batches import IGNORE
from ..corpus import encode_documents
from ..heads import Pretraining
from ..model import check_embeddings, check_finite, eval_mode
from ..wordpiece import WordPiece
from .pairs import MinimalPair

MODEL = "this BERT"
Scorer = Callable[[Sequence[str]], list[float]]  # sentences -> a score for each; the more likely one has the higher


# ---- Scores of sentences ---------------------------------------------------------------------------------------------


def score_sentences(
    model: Pretraining, tokenizer: WordPiece, sentences: Sequence[str], batch_size: int = 128
) -> list[float]:
    """The pseudo-log-likelihood of each sentence, in nats. Raises ValueError for one that is empty, or longer than what
    the model reads, and for a model that gives nan."""
    check_embeddings(model, tokenizer)
    rows = []
    for number, sentence in enumerate(check_list(sentences, "sentences", "texts")):
        rows += mask_each_token(model, tokenizer, sentence, number)
    rows.sort(key=lambda row: len(row[1]))  # rows of one length need no padding
    scores = np.zeros(len(sentences))
    device = next(model.parameters()).device
    with eval_mode(model):
        for batch in split_by_length(rows, batch_size):
            numbers = [number for number, _, _, _ in batch]
            ids = torch.tensor([ids for _, ids, _, _ in batch], device=device)  # (B, T)
            places = torch.tensor([place for _, _, place, _ in batch], device=device)
            targets = torch.tensor([target for _, _, _, target in batch], device=device)
            labels = torch.full_like(ids, IGNORE).scatter_(1, places[:, None], targets[:, None])
            logits: Tensor = model(ids, labels=labels).mlm_logits.float()  # (B, V): one label a row
            check_finite(logits)
            likelihoods = logits.log_softmax(-1).gather(1, targets[:, None])[:, 0]
            np.add.at(scores, numbers, likelihoods.double().cpu().numpy())
    return scores.tolist()


def mask_each_token(
    model: Pretraining, tokenizer: WordPiece, sentence: str, number: int
) -> list[tuple[int, list[int], int, int]]:
    """(number, ids, place, the id that stood there) for every token of a sentence but [CLS] and [SEP]."""
    ids = tokenizer.encode(sentence).input_ids
    if len(ids) < 3:
        raise ValueError(f"{sentence!r:.60} holds no word")
    if len(ids) > model.config.max_position_embeddings:
        raise ValueError(
            f"{sentence!r:.60} has {len(ids)} tokens; the model reads {model.config.max_position_embeddings}"
        )
    rows = []
    for place in range(1, len(ids) - 1):
        end = place + 1
        while tokenizer.vocab[ids[end]].startswith("##"):  # the pieces of the same word, to the right
            end += 1
        masked = [*ids[:place], *[tokenizer.mask_id] * (end - place), *ids[end:]]
        rows.append((number, masked, place, ids[place]))
    return rows


def split_by_length(rows: Sequence[tuple], most: int) -> list[list[tuple]]:
    """Rows that are sorted by length, in batches of one length and of `most` rows at most."""
    batches: list[list[tuple]] = []
    for row in rows:
        if not batches or len(batches[-1]) == most or len(batches[-1][0][1]) != len(row[1]):
            batches.append([])
        batches[-1].append(row)
    return batches


def make_baseline_scorers(names: Sequence[str], tokenizer: WordPiece) -> dict[str, Scorer]:
    """A unigram and a bigram model of the named texts: the log-likelihood of a sentence under each."""
    documents = [document for name in names for document in sources.documents(name)]
    text = encode_documents(documents, tokenizer)
    unigram, bigram = fit_unigram(text, len(tokenizer)), Bigram(text, len(tokenizer))

    def score(sentence: str, guess: Callable) -> float:
        ids = np.array(tokenizer.encode(sentence).input_ids[1:-1])
        first = math.log(unigram(ids[:1], ids[:1])[0][0])
        return first + float(np.log(guess(ids[:-1], ids[1:])[0]).sum())

    return {"unigram": lambda sentences: [score(sentence, unigram) for sentence in sentences],
            "bigram": lambda sentences: [score(sentence, bigram) for sentence in sentences]}  # fmt: skip


# ---- The table -------------------------------------------------------------------------------------------------------


def count_right(pairs: Sequence[MinimalPair], score: Scorer) -> dict[str, list[int]]:
    """For each phenomenon [pairs whose good sentence has the higher score, pairs]. Equal scores are wrong."""
    scores = score([sentence for pair in pairs for sentence in (pair.good, pair.bad)])
    counts: dict[str, list[int]] = {}
    for pair, good, bad in zip(pairs, scores[::2], scores[1::2], strict=True):
        count = counts.setdefault(pair.phenomenon, [0, 0])
        count[0] += good > bad
        count[1] += 1
    return counts


def judge_grammar(
    model: Pretraining, tokenizer: WordPiece, pairs: Sequence[MinimalPair], texts: Sequence[str] = ()
) -> dict[str, dict[str, list[int]]]:
    """What `count_right` gives for the model, and, with `texts`, for the unigram and the bigram model of those texts
    (named sources or paths)."""
    scorers: dict[str, Scorer] = make_baseline_scorers(texts, tokenizer) if texts else {}
    scorers[MODEL] = lambda sentences: score_sentences(model, tokenizer, sentences)
    return {name: count_right(pairs, score) for name, score in scorers.items()}


def estimate_interval(right: int, count: int) -> tuple[float, float]:
    """The 95% interval of a share by Wilson (1927), which is sound for small counts and near 0 and 1."""
    z, share = 1.959964, right / count
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (centre - spread) / (1 + z * z / count), (centre + spread) / (1 + z * z / count)


def average_counts(counts: dict[str, list[int]]) -> tuple[float, float]:
    """The mean of the phenomena's shares, each of the same weight, and half its 95% interval."""
    shares = np.array([right / count for right, count in counts.values()])
    variances = [share * (1 - share) / count for share, (_, count) in zip(shares, counts.values(), strict=True)]
    return float(shares.mean()), 1.959964 * math.sqrt(sum(variances)) / len(shares)


def format_grammar(results: dict[str, dict[str, list[int]]]) -> str:
    """The results as lines of text: the share right of each phenomenon, the model's with its 95% interval."""
    names = list(results)
    wide = max(map(len, [*results[MODEL], "average of the phenomena"])) + 2
    lines = [f"{'right, where chance is 50%':<{wide}}{'pairs':>7}"
             + "".join(f"{name:>11}" for name in names) + f"{'95% interval':>15}"]  # fmt: skip
    for phenomenon, (right, count) in results[MODEL].items():
        shares = "".join(f"{100 * results[name][phenomenon][0] / count:>10.1f}%" for name in names)
        low, high = estimate_interval(right, count)
        lines.append(f"{phenomenon:<{wide}}{count:>7,}{shares}{f'{100 * low:.1f} - {100 * high:.1f}':>15}")
    averages = {name: average_counts(results[name]) for name in names}
    mean, half = averages[MODEL]
    lines.append(f"{'average of the phenomena':<{wide}}{sum(count for _, count in results[MODEL].values()):>7,}"
                 + "".join(f"{100 * average:>10.1f}%" for average, _ in averages.values())
                 + f"{f'{100 * (mean - half):.1f} - {100 * (mean + half):.1f}':>15}")  # fmt: skip
    return "\n".join(lines)


def draw_grammar(results: dict[str, dict[str, list[int]]]):
    """The share right of each phenomenon with its interval, those of the baselines, and chance as a line: a matplotlib
    figure."""
    from matplotlib.figure import Figure

    counts = results[MODEL]
    names = list(counts)[::-1]  # the first one on top
    shares = np.array([100 * counts[name][0] / counts[name][1] for name in names])
    intervals = 100 * np.array([estimate_interval(*counts[name]) for name in names]).T
    figure = Figure((7.0, 1.4 + 0.28 * len(names)), layout="constrained")
    ax = figure.subplots()
    ax.axvline(50, color="gray", linestyle="--", label="chance")
    for name, mark in zip([name for name in results if name != MODEL], "xD", strict=False):
        marks = [100 * results[name][one][0] / results[name][one][1] for one in names]
        ax.plot(marks, names, mark, color="tab:orange", fillstyle="none", label=name)
    ax.errorbar(shares, names, xerr=np.abs(intervals - shares), fmt="o", color="tab:blue", capsize=2, label=MODEL)
    ax.set(xlim=(0, 101), xlabel="pairs right (%), with 95% intervals")
    ax.grid(axis="y", alpha=0.3)
    ax.margins(y=0.08)
    figure.legend(loc="outside lower center", ncols=4, fontsize="small", frameon=False)
    return figure
