"""Every fine-tuning task: rows from the field's file formats and from named data, a collate, a metric, and baselines.

A task is a class with the same few methods: `rows` makes what a batch is made of, `predict` runs a model, `score`
compares with what is right, `baselines` does it without a model. Letters: B rows of a batch, T tokens, C classes.
"""

import csv
import io
import json
import math
import re
import string
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from . import sources
from .corpus import place
from .heads import IGNORE, Classifier, Output, SpanFinder, Tagger, Writer
from .wordpiece import WordPiece, _truncate

# ---- Examples: what a file holds, as plain words ---------------------------------------------------------------------


class Text(NamedTuple):
    """A text, or a pair of texts, and its label."""

    text: str
    pair: str | None
    label: str


class Sentence(NamedTuple):
    """Words and the tag of each."""

    words: list[str]
    tags: list[str]


class Question(NamedTuple):
    """A question on a context. `answers` are (first character, text); none: the context does not hold one."""

    id: str
    question: str
    context: str
    answers: list[tuple[int, str]]


class Pair(NamedTuple):
    """What is read, and what is to be written or said then."""

    source: str
    target: str


class Split(NamedTuple):
    """Examples to learn from, to choose by, and to be judged by at the end."""

    train: list
    dev: list
    test: list


def parted(examples: Sequence, key: Callable[[object], str]) -> Split:
    """Eight tenths, one and one. The side of an example is a hash of its key in lower case: fixed for ever, and two
    with the same key are never on two sides."""
    sides: dict[str, list] = {"train": [], "dev": [], "test": []}
    for example in examples:
        where = place(" ".join(key(example).lower().split()))
        sides["test" if where < 0.1 else "dev" if where < 0.2 else "train"].append(example)
    return Split(**sides)


# ---- Reading files ---------------------------------------------------------------------------------------------------


class BadRowsError(ValueError):
    """Rows of a file cannot be used. The message names the file, the line, and what is wrong with each."""


class Problems:
    """Gathers what is wrong with the rows of a file, so that all of it is told at once."""

    def __init__(self, file: str | Path):
        self.file, self.found = file, []

    def add(self, line: int | str, what: str) -> None:
        self.found.append(f"{self.file}, {f'line {line}' if isinstance(line, int) else line}: {what}")

    def settle(self, good: int, skip: bool, say: Callable[[str], None], most: int = 10) -> None:
        """Raise BadRowsError, or with `skip` name what was left out. A file without one good row is always an error."""
        more = f"\n... and {len(self.found) - most} more" if len(self.found) > most else ""
        listed = "\n".join(self.found[:most]) + more
        if self.found and not skip:
            raise BadRowsError(
                f"{len(self.found)} of {len(self.found) + good} rows cannot be used:\n{listed}\n"
                "Mend them, or leave them out with --skip-bad-rows"
            )
        if self.found:
            say(f"{len(self.found)} of {len(self.found) + good} rows left out:\n{listed}")
        if not good:
            raise BadRowsError(f"{self.file} holds no row that can be used" + (f":\n{listed}" if listed else ""))


def table(file: Path, problems: Problems, columns: Sequence[str] | None = None) -> Iterator[tuple[int, dict]]:
    """(line, row) of a .csv, .tsv or .jsonl file; lines that are no row are told to `problems`.

    The first line of a CSV or TSV names the columns. With `columns` it need not: then, if it names none of them, each
    line holds these. A TSV has no quoting: a quotation mark in it is a character.
    """
    text = sources._read_text(file)
    if file.suffix in (".jsonl", ".json"):
        for line, written in enumerate(text.split("\n"), 1):
            if written.strip():
                try:
                    row = json.loads(written)
                except ValueError as error:
                    problems.add(line, f"not JSON ({error})")
                    continue
                if isinstance(row, dict):
                    yield line, row
                else:
                    problems.add(line, f"{written[:40]!r} is no JSON object")
        return
    if file.suffix not in (".csv", ".tsv"):
        raise ValueError(
            f"{file}: the name must end in .csv, .tsv or .jsonl, or be a folder with a folder for each class"
        )
    tabs = file.suffix == ".tsv"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",",
                        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL)  # fmt: skip
    header: list[str] | None = None
    line = 1  # where the record begins: in a CSV it may go over several
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            problems.add(line, str(error))
            line = reader.line_num + 1
            continue
        if record is None:
            return
        first, line = line, reader.line_num + 1
        if not any(field.strip() for field in record):
            continue
        if header is None:
            named = [field.strip() for field in record]
            if columns is None or set(named) & set(columns):
                header = named
                continue
            header = list(columns)
        if len(record) != len(header):
            problems.add(first, f"{len(record)} columns instead of {len(header)} ({', '.join(header)})")
            continue
        yield first, dict(zip(header, record, strict=True))


def field(row: dict, name: str) -> str:
    """A text of a row. Raises ValueError with what is wrong."""
    if name not in row:
        raise ValueError(f"there is no {name!r}, only {', '.join(map(str, row)) or 'nothing'}")
    if not isinstance(row[name], str):
        raise ValueError(f"{name} is {row[name]!r}, no text")
    if not row[name].strip():
        raise ValueError(f"{name} is empty")
    return row[name].strip()


def a_label(value) -> str:
    """A label as a word: 1 is "1". Raises ValueError."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(
            "label is empty" if value in ("", None) else f"label is {value!r}, neither a word nor a number"
        )
    return str(value).strip()


def read_texts(
    where: str | Path,
    text: str = "text",
    pair: str = "text_pair",
    label: str = "label",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[Text]:
    """Labelled texts from a .csv, .tsv or .jsonl file with the columns `text`, `label` and perhaps `pair`, or from a
    folder that holds a folder of .txt files for each label.

    All of the file is read before anything is said. Raises BadRowsError for rows without a text or label (unless they
    are to be skipped), OSError for a file that is not there, ValueError for one that is not UTF-8.
    """
    where = Path(where)
    problems, found = Problems(where), []
    if where.is_dir():
        for file in sorted(where.glob("*/*.txt")):
            try:
                found.append(Text(field({"text": sources._read_text(file)}, "text"), None, file.parent.name))
            except ValueError as error:
                problems.add(str(file.relative_to(where)), str(error))
    else:
        for line, row in table(where, problems):
            try:
                if label not in row:
                    raise ValueError(f"there is no {label!r}, only {', '.join(row)}")
                second = field(row, pair) if pair in row else None
                found.append(Text(field(row, text), second, a_label(row[label])))
            except ValueError as error:
                problems.add(line, str(error))
    problems.settle(len(found), skip_bad_rows, say)
    return found


def read_pairs(
    where: str | Path,
    source: str = "source",
    target: str = "target",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[Pair]:
    """Sources and targets from a .tsv, .csv or .jsonl file. A TSV or CSV may have two columns and no header. Errors as
    for `read_texts`."""
    problems, found = Problems(where), []
    for line, row in table(Path(where), problems, (source, target)):
        try:
            found.append(Pair(field(row, source), field(row, target)))
        except ValueError as error:
            problems.add(line, str(error))
    problems.settle(len(found), skip_bad_rows, say)
    return found


def read_tagged(
    where: str | Path, column: str = "", skip_bad_rows: bool = False, say: Callable[[str], None] = print
) -> list[Sentence]:
    """Tagged sentences from CoNLL columns, CoNLL-U (.conllu) or JSON lines.

    Columns are parted by tabs or spaces: the word first, the tag last, a blank line after each sentence; -DOCSTART- is
    left out. Of CoNLL-U the `column` is "upos" (the default) or "xpos"; lines of several words and empty nodes are left
    out. A line of JSON holds lists `words` (or `tokens`) and `tags` (or `labels`). Tags of names may be IOB1, IOB2
    or BIOES; they become IOB2 (`to_iob2`). Errors as for `read_texts`; a bad row is a sentence.
    """
    where = Path(where)
    problems, found = Problems(where), []
    if where.suffix in (".jsonl", ".json"):
        for line, row in table(where, problems):
            words, tags = row.get("words", row.get("tokens")), row.get("tags", row.get("labels"))
            if not isinstance(words, list) or not isinstance(tags, list):
                problems.add(line, f"needs lists 'words' and 'tags'; there are {', '.join(row)}")
            elif not words or len(words) != len(tags) or not all(isinstance(w, str) and w.strip() for w in words):
                problems.add(line, f"{len(words)} words and {len(tags)} tags; each word needs one, and none is empty")
            else:
                found.append(Sentence([w.strip() for w in words], [str(tag) for tag in tags]))
    else:
        at = {"": 3, "upos": 3, "xpos": 4}.get(column.lower())
        if at is None:
            raise ValueError(f"column is {column!r}; of CoNLL-U it is upos or xpos")
        lines = enumerate(sources._read_text(where).split("\n"), 1)
        for blank, block in groupby(lines, lambda numbered: not numbered[1].strip()):
            if not blank:
                read_block(list(block), where.suffix == ".conllu", at, problems, found)
    problems.settle(len(found), skip_bad_rows, say)
    tags = {tag for sentence in found for tag in sentence.tags}
    return [Sentence(words, to_iob2(tags)) for words, tags in found] if of_names(tags) else found


def read_block(lines: list[tuple[int, str]], conllu: bool, at: int, problems: Problems, found: list[Sentence]) -> None:
    """One sentence of a file of columns: its (number, line)s are put to `found`, or to `problems`."""
    words, tags = [], []
    for number, line in lines:
        if conllu and line.startswith("#"):
            continue
        columns = line.strip().split("\t") if conllu or "\t" in line.strip() else line.split()
        if columns[0] == "-DOCSTART-":
            continue
        if len(columns) != 10 if conllu else len(columns) < 2:
            return problems.add(
                number, f"{len(columns)} columns; {'CoNLL-U has 10' if conllu else 'at least 2'} are needed"
            )
        if conllu and not columns[0].isdigit():  # 3-4 joins two words that follow, 5.1 is a word left out
            if not re.fullmatch(r"\d+[-.]\d+", columns[0]):
                return problems.add(number, f"{columns[0]!r} is no number of a word")
            continue
        word, tag = (columns[1], columns[at]) if conllu else (columns[0], columns[-1])
        if not word.strip() or not tag.strip() or (conllu and tag == "_"):
            return problems.add(number, "there is no word" if not word.strip() else f"{word!r} has no tag")
        words.append(word.strip())
        tags.append(tag.strip())
    return found.append(Sentence(words, tags)) if words else None


def read_questions(
    where: str | Path, skip_bad_rows: bool = False, say: Callable[[str], None] = print
) -> list[Question]:
    """Questions from a file in the format of SQuAD 1.1 or 2.0 (Rajpurkar et al. 2016, 2018).

    Raises BadRowsError for a question without a text, or whose answer does not stand in its context where it says.
    """
    problems = Problems(where)
    try:
        articles = json.loads(sources._read_text(Path(where)))["data"]
        if not isinstance(articles, list):
            raise TypeError
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{where} is not laid out as SQuAD: an object with a list 'data' is needed ({error!r})"
        ) from None
    found = questions_of(articles, problems)
    problems.settle(len(found), skip_bad_rows, say)
    return found


def questions_of(articles: list, problems: Problems) -> list[Question]:
    """The questions of SQuAD's `data`; what is wrong is told to `problems` by the question's id."""
    found, seen = [], set()
    for number, article in enumerate(articles, 1):
        try:
            asked = [(paragraph["context"], qa) for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
        except (KeyError, TypeError) as error:
            problems.add(f"article {number}", f"there is no {error}")
            continue
        for context, qa in asked:
            name = str(qa.get("id", "")) if isinstance(qa, dict) else ""
            try:
                if not name or name in seen:
                    raise ValueError("its id is that of another one" if name else "it has no id")
                answers = [] if qa.get("is_impossible") else [answer_of(a, context) for a in qa.get("answers", [])]
                if not answers and not qa.get("is_impossible") and "is_impossible" in qa:
                    raise ValueError("there is no answer, and is_impossible is false")
                if not answers and "is_impossible" not in qa:
                    raise ValueError("there is no answer, and no is_impossible as in SQuAD 2.0")
                found.append(Question(name, field(qa, "question"), context, answers))
                seen.add(name)
            except (ValueError, TypeError, KeyError) as error:
                problems.add(f"question {name or number}", str(error))
    return found


def answer_of(answer: dict, context: str) -> tuple[int, str]:
    """(first character, text) of an answer. Raises ValueError when it is not there."""
    start, text = answer["answer_start"], answer["text"]
    if not isinstance(start, int) or not text or context[max(0, start) : start + len(text)] != text:
        there = [match.start() for match in re.finditer(re.escape(text), context)] if text else []
        hint = f"it stands at {', '.join(map(str, there[:3]))}" if there else "it is not in the context at all"
        raise ValueError(f"the answer {text!r} does not stand at character {start}: {hint}")
    return start, text


def read_hub(kind: str, name: str, split: str, config: str | None = None, **columns: str) -> list:
    """Examples of a kind ("classify", "tag", "read", "write") from a data set of the Hugging Face hub, or a folder that
    `datasets` can load. The columns are those that such sets usually have, or those that you name.

    Raises OSError when it cannot be had, ValueError when it has other columns.
    """
    import datasets

    try:
        data = datasets.load_dataset(name, config, split=split)
    except Exception as error:  # offline, no such name, gated, a script: its own words say which
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise OSError(f"the data set {name!r} (split {split!r}) could not be loaded: {reason}") from error

    def column(usual: str, needed: bool = True) -> str:
        asked = [columns[k] for k in columns if k == usual.split()[0]] or usual.split()
        there = [one for one in asked if one in data.column_names]
        if not there and needed:
            raise ValueError(f"{name} has no column {' or '.join(asked)}, only {', '.join(data.column_names)}")
        return there[0] if there else ""

    def names_of(feature) -> Callable[[object], str]:
        feature = getattr(feature, "feature", feature)
        return (lambda value: feature.names[value]) if hasattr(feature, "names") else a_label

    if kind == "classify":
        text, pair = column("text sentence sentence1 premise content"), column("text_pair sentence2 hypothesis", False)
        label = column("label labels")
        word = names_of(data.features[label])
        return [Text(row[text], row[pair] if pair else None, word(row[label])) for row in data if row[label] != -1]
    if kind == "tag":
        words, tags = column("words tokens"), column("tags ner_tags upos xpos pos_tags labels")
        word = names_of(data.features[tags])
        found = [Sentence(list(row[words]), [word(tag) for tag in row[tags]]) for row in data if row[words]]
        return [Sentence(w, to_iob2(t)) for w, t in found] if of_names({t for s in found for t in s.tags}) else found
    if kind == "read":
        for needed in ("id", "question", "context", "answers"):
            column(needed)
        return [Question(row["id"], row["question"], row["context"], list(zip(row["answers"]["answer_start"],
                         row["answers"]["text"], strict=True))) for row in data]  # fmt: skip
    if "translation" in data.column_names:
        two = columns.get("source"), columns.get("target")
        languages = two if all(two) else list(data[0]["translation"])[:2]
        return [Pair(*(row["translation"][language] for language in languages)) for row in data]
    source, target = column("source article document text dialogue"), column("target highlights summary title")
    return [Pair(row[source], row[target]) for row in data]


# ---- Tags of names ---------------------------------------------------------------------------------------------------


def of_names(tags: set[str]) -> bool:
    """Whether these are tags of names: O, and others that begin with B-, I-, E-, S- (or the L- and U- of BILOU)."""
    return len(tags) > 1 and all(tag == "O" or re.match("[BIESLU]-.", tag) for tag in tags)


def entities(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first word, word after the last, type) of each name, as conlleval finds them (Tjong Kim Sang, De Meulder 2003).

    A name begins at B- (S-, U-), and also at an I- (E-, L-) that goes on nothing, or something of another type. So
    IOB1, IOB2 and BIOES are all read rightly, and what a model writes always has a meaning.
    """
    found: list[tuple[int, int, str]] = []
    open_: tuple[int, str] | None = None  # (first word, type)
    for i, tag in enumerate([*tags, "O"]):
        mark, _, kind = tag.partition("-")
        if open_ and (mark in "OBSU" or kind != open_[1]):
            found.append((open_[0], i, open_[1]))
            open_ = None
        if mark != "O" and open_ is None:
            open_ = (i, kind)
        if mark in "ESLU":
            found.append((open_[0], i + 1, open_[1]))
            open_ = None
    return found


def to_iob2(tags: Sequence[str]) -> list[str]:
    """The same names in IOB2: B- on the first word of each, I- on the others, O outside."""
    new = ["O"] * len(tags)
    for start, end, kind in entities(tags):
        new[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return new


def scheme(sentences: Sequence[Sequence[str]]) -> str:
    """What the tags of a file are: "plain" (parts of speech, say), "BIOES", "IOB2", "IOB1", or "mixed"."""
    marks = {tag[0] for tags in sentences for tag in tags}
    if not of_names({tag for tags in sentences for tag in tags}):
        return "plain"
    if marks & set("ESLU"):
        return "BIOES"
    if all(to_iob2(tags) == list(tags) for tags in sentences):
        return "IOB2"
    return "IOB1" if all(to_iob1(tags) == list(tags) for tags in sentences) else "mixed"


def to_iob1(tags: Sequence[str]) -> list[str]:
    """The same names in IOB1: B- only where a name follows one of its own type without a word between."""
    new, before = ["O"] * len(tags), (0, -1, "")
    for start, end, kind in entities(tags):
        new[start:end] = [f"I-{kind}"] * (end - start)
        if before[1:] == (start, kind):
            new[start] = f"B-{kind}"
        before = (start, end, kind)
    return new


# ---- Metrics ---------------------------------------------------------------------------------------------------------


def entity_scores(right: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> dict[str, float]:
    """Precision, recall and F1 of whole names, over all sentences: one counts if its first word, last word and type are
    right. Each is 0 where nothing can be counted."""
    hits = said_ = there = 0
    for true, guess in zip(right, said, strict=True):
        true, guess = set(entities(true)), set(entities(guess))
        hits, said_, there = hits + len(true & guess), said_ + len(guess), there + len(true)
    precision, recall = hits / said_ if said_ else 0.0, hits / there if there else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"f1": f1, "precision": precision, "recall": recall}


def plain_answer(text: str) -> str:
    """An answer as SQuAD compares it: lower case, without punctuation, without a, an, the, one space at a time."""
    text = "".join(char for char in text.lower() if char not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact_match(said: str, right: Sequence[str]) -> float:
    """1 if what was said is one of the right answers, 0 if not. No answer is "", and right if there is none."""
    return float(any(plain_answer(said) == plain_answer(one) for one in right or [""]))


def answer_f1(said: str, right: Sequence[str]) -> float:
    """F1 of the words of what was said, against the right answer that fits best (Rajpurkar et al. 2016, 6.1)."""

    def one(true: str) -> float:
        a, b = plain_answer(said).split(), plain_answer(true).split()
        if not a or not b:
            return float(a == b)
        common = (Counter(a) & Counter(b)).total()
        return 2 * common / (len(a) + len(b))

    return max(one(true) for true in right or [""])


def recall_at(k: int, ranks: Sequence[int]) -> float:
    """The share of cases in which the right one is among the first k; `ranks` are its places, from 0."""
    return sum(rank < k for rank in ranks) / len(ranks)


def grams(items: Sequence, n: int) -> Counter:
    return Counter(tuple(items[i : i + n]) for i in range(len(items) - n + 1))


def chrf(said: Sequence[str], right: Sequence[str], order: int = 6, beta: float = 2.0) -> float:
    """chrF2 of a corpus, 0 to 100 (Popović 2015): F2 of the mean precision and recall of 1- to 6-grams of characters,
    spaces left out. As sacrebleu computes it."""
    precisions, recalls = [], []
    for n in range(1, order + 1):
        hits = guessed = there = 0
        for guess, true in zip(said, right, strict=True):
            a, b = grams("".join(guess.split()), n), grams("".join(true.split()), n)
            hits, guessed, there = hits + (a & b).total(), guessed + a.total(), there + b.total()
        if guessed and there:
            precisions.append(hits / guessed)
            recalls.append(hits / there)
    if not precisions or not sum(precisions) + sum(recalls):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall) if precision + recall else 0.0


def words_of(text: str) -> list[str]:
    """Words and marks, each by itself."""
    return re.findall(r"\w+|[^\w\s]", text)


def bleu(said: Sequence[str], right: Sequence[str], order: int = 4) -> float:
    """BLEU of a corpus, 0 to 100 (Papineni et al. 2002): the geometric mean of the precisions of 1- to 4-grams of
    words, times a penalty for what is too short. Without smoothing; 0 when there is no hit of some n."""
    hits, guessed = [0] * order, [0] * order
    pairs = [(words_of(guess), words_of(true)) for guess, true in zip(said, right, strict=True)]
    for a, b in pairs:
        for n in range(order):
            one = grams(a, n + 1)
            hits[n] += (one & grams(b, n + 1)).total()
            guessed[n] += one.total()
    if not all(hits):
        return 0.0
    length, wanted = sum(len(a) for a, _ in pairs), sum(len(b) for _, b in pairs)
    log_precision = sum(math.log(hit / all_) for hit, all_ in zip(hits, guessed, strict=True)) / order
    return 100 * math.exp(min(0.0, 1 - wanted / length) + log_precision)


def rouge_l(said: Sequence[str], right: Sequence[str]) -> float:
    """ROUGE-L, 0 to 100 (Lin 2004): F1 of the longest common subsequence of lower-case words, the mean over texts."""
    total = 0.0
    for guess, true in zip(said, right, strict=True):
        a, b = words_of(guess.lower()), words_of(true.lower())
        row = [0] * (len(b) + 1)
        for word in a:
            former = row[:]
            for j, other in enumerate(b):
                row[j + 1] = former[j] + 1 if word == other else max(former[j + 1], row[j])
        total += 2 * row[-1] / (len(a) + len(b)) if a and b else 0.0
    return 100 * total / len(said)


def calibration(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> dict:
    """How far a model's probabilities can be trusted: for each bin of confidence with something in it the mean
    confidence, the share that was right and the count, and `ece`, the mean gap weighted by count (Guo et al. 2017)."""
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = [(confidence[which == b].mean(), right[which == b].mean(), int((which == b).sum())) for b in range(bins)
            if (which == b).any()]  # fmt: skip
    ece = sum(abs(sure - share) * count for sure, share, count in rows) / len(right)
    return {
        "confidence": [r[0] for r in rows],
        "right": [r[1] for r in rows],
        "count": [r[2] for r in rows],
        "ece": ece,
    }


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
            gap = nothing - best[0][0] if best else math.inf
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

    def predict(self, model: Writer, examples: Sequence[Pair], batch: int = 32, **search) -> list[dict]:
        """For each source the `text`, and its `score`: log p by length. `search` are options of `beam_search`."""
        options = {"beams": self.beams, "length_penalty": self.length_penalty} | search
        ids = self.sources(examples)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        never = [self.pieces.pad_id, self.pieces.unk_id, self.pieces.cls_id, self.pieces.mask_id]
        device, training = next(model.parameters()).device, model.training
        said: list[dict] = [{}] * len(ids)
        model.eval()
        try:
            for at in range(0, len(order), batch):
                chosen = order[at : at + batch]
                tensors = self.collate([{"input_ids": ids[i]} for i in chosen])
                tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
                found = model.generate(**tensors, end=self.pieces.sep_id, most=self.length // 2, never=never, **options)
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
    "replies": ("reply", replies, ""),
    "bible": ("write", bible, "Helsinki-NLP/opus-100, wmt/wmt14"),
    "titles": ("write", titles, "EdinburghNLP/xsum, abisee/cnn_dailymail"),
}
