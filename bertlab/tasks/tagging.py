"""tasks.tagging: TODO."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from torch import nn

from .. import files
from ..batches import IGNORE
from ..heads import Tagger
from ..wordpiece import WordPiece
from .base import PaddingCollate, run_model, sort_labels
from .classification import Classification
from .metrics import are_entity_tags, score_entities, to_iob2
from .tables import BadRows, read_table


class TaggedSentence(NamedTuple):
    """Words and the tag of each."""

    words: list[str]
    tags: list[str]


def read_tagged_sentences(
    where: str | Path, column: str = "", skip_bad_rows: bool = False, say: Callable[[str], None] = print
) -> list[TaggedSentence]:
    """Tagged sentences from CoNLL columns, CoNLL-U (.conllu) or JSON lines.

    Columns are parted by tabs or spaces: the word first, the tag last, a blank line after each sentence; -DOCSTART- is
    left out. Of CoNLL-U the `column` is "upos" (the default) or "xpos"; lines of several words and empty nodes are left
    out. A line of JSON holds lists `words` (or `tokens`) and `tags` (or `labels`). Tags of names may be IOB1, IOB2
    or BIOES; they become IOB2 (`to_iob2`). Errors as for `read_labelled_texts`; a bad row is a sentence.
    """
    where = Path(where)
    problems, found = BadRows(where), []
    if where.suffix in (".jsonl", ".json"):
        for line, row in read_table(where, problems):
            words, tags = row.get("words", row.get("tokens")), row.get("tags", row.get("labels"))
            if not isinstance(words, list) or not isinstance(tags, list):
                problems.add(line, f"needs lists 'words' and 'tags'; there are {', '.join(row)}")
            elif not words or len(words) != len(tags) or not all(isinstance(w, str) and w.strip() for w in words):
                problems.add(line, f"{len(words)} words and {len(tags)} tags; each word needs one, and none is empty")
            else:
                found.append(TaggedSentence([w.strip() for w in words], [str(tag) for tag in tags]))
    else:
        at = {"": 3, "upos": 3, "xpos": 4}.get(column.lower())
        if at is None:
            raise ValueError(f"column is {column!r}; of CoNLL-U it is upos or xpos")
        lines = enumerate(files.read_text(where).split("\n"), 1)
        for blank, block in groupby(lines, lambda numbered: not numbered[1].strip()):
            if not blank:
                read_column_block(list(block), where.suffix == ".conllu", at, problems, found)
    problems.settle(len(found), skip_bad_rows, say)
    tags = {tag for sentence in found for tag in sentence.tags}
    return [TaggedSentence(words, to_iob2(tags)) for words, tags in found] if are_entity_tags(tags) else found


def read_column_block(
    lines: list[tuple[int, str]], conllu: bool, at: int, problems: BadRows, found: list[TaggedSentence]
) -> None:
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
    return found.append(TaggedSentence(words, tags)) if words else None


class Tagging:
    """A tag for each word. `label_on` says which of its pieces speaks for a word: "first", "last" or "all"."""

    kind, head = "tag", Tagger

    def __init__(self, pieces: WordPiece, labels: Sequence[str], length: int = 128, label_on: str = "first"):
        if label_on not in ("first", "last", "all"):
            raise ValueError(f"label_on is {label_on!r}; it is first, last or all")
        self.pieces, self.labels, self.length, self.label_on = pieces, list(labels), length, label_on
        self.collate = PaddingCollate(pieces.pad_id)
        self.names = are_entity_tags(set(labels))
        self.metric = "f1" if self.names else "accuracy"
        self.cut = 0  # sentences of the last `rows` that are read in parts

    @staticmethod
    def labels_of(examples: Sequence[TaggedSentence]) -> list[str]:
        """The tags of the training data. Raises ValueError when there are not two."""
        found = sort_labels({tag for example in examples for tag in example.tags})
        if len(found) < 2:
            raise ValueError(f"all words have the tag {found[0]!r}: there is nothing to tell apart")
        return found

    def rows(self, examples: Sequence[TaggedSentence]) -> list[dict]:
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

    def predict(self, model: nn.Module, examples: Sequence[TaggedSentence]) -> list[dict]:
        """For each sentence its `words`, their `tags`, and the `probability` of each tag."""
        rows = self.rows(examples)
        said = [{"words": e.words, "tags": ["O"] * len(e.words), "probability": [0.0] * len(e.words)} for e in examples]
        for chosen, output in run_model(model, rows, self.collate):
            shares, best = output.logits.float().softmax(-1).max(-1)  # (B, T), (B, T)
            for i, p, tags in zip(chosen, shares.tolist(), best.tolist(), strict=True):
                of, first, places = rows[i]["words"]
                for word, at in enumerate(places, first):
                    said[of]["tags"][word], said[of]["probability"][word] = self.labels[tags[at]], p[at]
        return said

    def score(self, examples: Sequence[TaggedSentence], said: Sequence[dict]) -> dict[str, float]:
        """Accuracy over words; for names also F1, precision and recall of whole names."""
        return self.tag_scores(examples, [s["tags"] for s in said])

    def tag_scores(self, examples: Sequence[TaggedSentence], said: Sequence[Sequence[str]]) -> dict[str, float]:
        right = [example.tags for example in examples]
        same = [a == b for true, guess in zip(right, said, strict=True) for a, b in zip(true, guess, strict=True)]
        accuracy = {"accuracy": sum(same) / len(same)}
        return (score_entities(right, said) | accuracy) if self.names else accuracy

    judge = Classification.judge

    def baselines(self, train: Sequence[TaggedSentence], test: Sequence[TaggedSentence]) -> dict[str, dict[str, float]]:
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
