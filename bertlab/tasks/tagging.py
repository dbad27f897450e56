"""A tag for each word: parts of speech, names. Examples from files in columns and of JSON lines."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from torch import nn

from .. import files, weights
from ..batches import IGNORE
from ..heads import Tagger
from ..wordpiece import WordPiece
from .base import Task, compute_class_weights, list_sorted_labels
from .column_layouts import BLANKS, find_width, split_columns
from .columns import read_column_file
from .entity_tags import convert_tags
from .hub import choose_column, make_class_reader, number_rows
from .metrics import ENTITY_TAG, are_entity_tags, score_entities, to_iob2
from .perceptron import fit_perceptron
from .report import draw_label_report
from .rows import run_model
from .tables import BadRows, get_text_field, parse_json, parse_label, parse_rows, parse_text, read_table, split_input
from .tagged_tables import is_tagged_table, read_tagged_table
from .words import split_words_and_punctuation

MOST_BASELINE_TAGS, MOST_BASELINE_SENTENCES = 100, 20_000  # for the perceptron, which takes about a minute then
WORDS, TAGS = "words tokens", "tags ner_tags upos xpos pos_tags labels"  # what JSON and data sets call the lists


class TaggedSentence(NamedTuple):
    """Words and the tag of each."""

    words: list[str]
    tags: list[str]


def read_tagged_sentences(
    path: str | Path,
    column: str = "",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
    *,
    word: str = "",
    tag: str = "",
    describe: bool = False,
    may_lack_tags: bool = False,
) -> list[TaggedSentence]:
    """Tagged sentences from columns (CoNLL, CoNLL-U, GermEval, MultiCoNER, WNUT), JSON lines, or a CSV whose first line
    names words and tags (`tagged_tables.py`).

    Columns are separated by tabs or spaces: the word first, the tag last, a blank line after each sentence; -DOCSTART-
    is left out. Other layouts are recognised by what the file holds (`column_layouts.py`). `word` and `tag` are numbers
    of columns, from 1, for those that are not; in a CSV they may be names. Of CoNLL-U the `column` is "upos" (the
    default) or "xpos"; lines of several words and empty nodes are left out. A line of JSON holds lists `words` (or
    `tokens`) and `tags` (or `ner_tags`, `labels` ...).

    Tags of names may be IOB1, IOB2, BIOES, BILOU or BMES; they become IOB2. A tag among them that is none is read as
    what it surely means, or as O (`entity_tags.py`); `say` names it. `say` also tells of a layout that is not the usual
    one, and with `describe` of any. Errors as for `read_labelled_texts`; a bad row is a sentence.
    """
    path = Path(path)
    problems = BadRows(path)
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        if column or word or tag:
            raise ValueError(f"{path}: a file of JSON has no columns to name; its lists are called words and tags")
        rows = list(parse_rows(read_table(path, problems), parse_tagged_row, problems))
        sentences, lines, summary = [row for _, row in rows], [[line] * len(row.words) for line, row in rows], ""
    elif is_tagged_table(path, named=bool(word or tag)) and not column:
        found, summary = read_tagged_table(path, problems, word, tag)
        describe = True
        sentences, lines = [TaggedSentence(words, tags) for words, tags, _ in found], [line for _, _, line in found]
    else:
        tokens, layout, left_out = read_column_file(path, problems, say, column, word, tag, may_lack_tags)
        sentences = [TaggedSentence([token.word for token in row], [token.tag for token in row]) for row in tokens]
        lines = [[token.line for token in row] for row in tokens]
        summary = layout.describe() + left_out
        describe |= not layout.usual or bool(left_out and layout.name != "CoNLL-U")
    problems.raise_or_report(len(sentences), skip_bad_rows, say)
    if may_lack_tags and not any(tag for sentence in sentences for tag in sentence.tags):
        say(f"{path}: {summary}")
        return sentences
    tags, scheme = convert_tags([sentence.tags for sentence in sentences], lines, str(path), say)
    if describe:
        say(f"{path}: {summary}{'; ' if summary else ''}{scheme}")
    return [TaggedSentence(sentence.words, own) for sentence, own in zip(sentences, tags, strict=True)]


def parse_tagged_row(row: dict) -> TaggedSentence:
    """The sentence in a row of JSON or of a data set. Raises ValueError for a word that is no text, and a tag that is
    no label."""
    words, tags = (next((row[name] for name in names.split() if name in row), None) for names in (WORDS, TAGS))
    if not isinstance(words, list) or not isinstance(tags, list):
        raise ValueError(f"needs lists 'words' and 'tags'; there are {', '.join(row)}")
    if not words or len(words) != len(tags) or not all(word.strip() for word in words if isinstance(word, str)):
        raise ValueError(f"{len(words)} words and {len(tags)} tags; each word needs one, and none is empty")
    words = [parse_text(word, f"word {number}") for number, word in enumerate(words, 1)]
    parsed = []
    for number, tag in enumerate(tags, 1):
        try:
            parsed.append(parse_label(tag))
        except ValueError as error:
            raise ValueError(f"tag {number}: {error}") from None
    return TaggedSentence(words, parsed)


def cut_word_windows(sizes: Sequence[int], room: int, overlap: int) -> list[tuple[int, int]]:
    """(first word, end) of windows of at most `room` pieces, from the `sizes` of the words in pieces. Each begins with
    words of the window before, of `overlap` pieces at most."""
    windows, start, end = [], 0, 0
    while end < len(sizes):
        count = sum(sizes[start:end])
        while end < len(sizes) and (end == start or count + sizes[end] <= room):
            count, end = count + sizes[end], end + 1
        windows.append((start, end))
        back, shared = end, 0
        while back > start + 1 and shared + sizes[back - 1] <= overlap:
            back, shared = back - 1, shared + sizes[back - 1]
        start = back
    return windows


def tag_by_dictionary(
    train: Sequence[TaggedSentence], test: Sequence[TaggedSentence], entities: bool = False
) -> list[list[str]]:
    """The tags of a baseline that ignores the sentence: each word gets the tag that it has most often in `train`, else
    that of the word in lower case, else the most frequent one of words that were seen once. With `entities` an unknown
    word is O, and the tags are made IOB2."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for example in train:
        for word, tag in zip(example.words, example.tags, strict=True):
            counts[word][tag] += 1
    best = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
    once = Counter(tag for tags in counts.values() if tags.total() == 1 for tag in tags.elements())
    every = Counter(tag for tags in counts.values() for tag in tags.elements())
    other = "O" if entities else (once or every).most_common(1)[0][0]
    by_word = [[best.get(word, best.get(word.lower(), other)) for word in example.words] for example in test]
    return [to_iob2(tags) for tags in by_word] if entities else by_word


class Tagging(Task):
    """A tag for each word. `label_on` says which piece carries the label of a word: "first", "last" or "all"."""

    name, head, example = "tag", Tagger, TaggedSentence
    options = ("class_weights", "label_on")
    columns, hub_columns = ("column", "word", "tag"), ("words", "tags")
    input_columns: ClassVar[dict[str, str]] = {"words": "words", "text": "text"}
    setting_types: ClassVar[dict] = {"labels": list[str]}
    report_types: ClassVar[dict] = {"expected": list[str], "tags": list[str], "probability": list[float]}

    def __init__(self, tokenizer: WordPiece, labels: Sequence[str], length: int = 128, label_on: str = "first"):
        if label_on not in ("first", "last", "all"):
            raise ValueError(f"label_on is {label_on!r}; it is first, last or all")
        super().__init__(tokenizer, length)
        self.labels, self.label_on = list(labels), label_on
        self.tags_entities = are_entity_tags(set(labels))
        self.metric = "f1" if self.tags_entities else "accuracy"

    @classmethod
    def list_labels(cls, examples: Sequence[TaggedSentence]) -> list[str]:
        """The tags of the training data, in a fixed order. Raises ValueError when there are not two."""
        return list_sorted_labels([tag for example in examples for tag in example.tags], "all words have the tag")

    @classmethod
    def derive_settings(cls, examples: Sequence[TaggedSentence]) -> dict:
        return {"labels": cls.list_labels(examples)}

    @classmethod
    def from_plan(cls, plan, tokenizer: WordPiece, settings: dict) -> "Tagging":
        return cls(tokenizer, settings["labels"], plan.length or cls.default_length, plan.label_on)

    @classmethod
    def from_model(cls, model: nn.Module, tokenizer: WordPiece) -> "Tagging | None":
        if type(model) is not Tagger:
            return None
        return cls(tokenizer, model.labels, min(512, model.config.max_position_embeddings))

    def load_model(self, folder: Path) -> nn.Module:
        return weights.load(folder, Tagger, num_labels=len(self.labels), new_heads=True)

    def prepare_model(self, model: nn.Module, examples: Sequence[TaggedSentence], plan) -> None:
        if plan.class_weights:
            model.class_weights = compute_class_weights(self.labels, [tag for e in examples for tag in e.tags])

    @classmethod
    def read_file(cls, path: str | Path, **options) -> list[TaggedSentence]:
        return read_tagged_sentences(path, describe=True, **options)

    @classmethod
    def read_dataset(
        cls, dataset, name: str, columns: dict[str, str], skip_bad_rows: bool = False, say: Callable = print
    ) -> list[TaggedSentence]:
        words = choose_column(dataset, name, columns, "words", WORDS)
        tags = choose_column(dataset, name, columns, "tags", TAGS)
        read_classes, problems = make_class_reader(dataset.features[tags]), BadRows(name)
        rows = list(number_rows(dataset, (words, tags)))
        filled = [(location, row) for location, row in rows if row[words] != [] or row[tags]]
        if len(filled) < len(rows):
            problems.note(f"{len(rows) - len(filled):,} of {len(rows):,} rows of {name} have no words: left out")

        def parse_row(row: dict) -> TaggedSentence:
            return parse_tagged_row({"words": row[words], "tags": read_classes(row[tags])})

        sentences = list(parse_rows(filled, parse_row, problems))
        problems.raise_or_report(len(sentences), skip_bad_rows, say)
        locations = [[location] * len(sentence.tags) for location, sentence in sentences]
        tags, _ = convert_tags([sentence.tags for _, sentence in sentences], locations, name, say)
        return [TaggedSentence(sentence.words, own) for (_, sentence), own in zip(sentences, tags, strict=True)]

    @classmethod
    def check_example(cls, example: TaggedSentence, name: str) -> None:
        super().check_example(example, name)
        if len(example.words) != len(example.tags):
            raise ValueError(f"{name} has {len(example.words)} words and {len(example.tags)} tags; each word needs one")

    @classmethod
    def parse_input(cls, given) -> TaggedSentence:
        fields = split_input(given, 0, 1_000_000, "a tagger needs a text, or its words in a list or separated by tabs")
        words = split_words_and_punctuation(given) if isinstance(given, str) else fields
        if not words:
            raise ValueError("there is no word to tag")
        words = [parse_text(word, f"word {number}") for number, word in enumerate(words, 1)]
        return TaggedSentence(words, [""] * len(words))

    @classmethod
    def parse_row(cls, row: dict, names: dict[str, str]) -> str | list[str]:
        """A list of words (`words` or `tokens`), which is written as JSON in a CSV; or a text."""
        words = row.get(names["words"], row.get("tokens"))
        if isinstance(words, str) and words.lstrip().startswith("["):
            words = parse_json(words)
        if isinstance(words, list):
            return [parse_text(word, f"word {number}") for number, word in enumerate(words, 1)]
        return get_text_field(row, names["text"])

    def read_annotated_file(self, path, columns, problems, skip_bad_rows, say) -> list[tuple] | None:
        """Words in columns (CoNLL, CoNLL-U). A .txt or .tsv file is one if its lines end with tags of the model."""
        kind = path.suffix.lower()
        is_table = is_tagged_table(path, of_words=True)
        if kind in (".jsonl", ".ndjson", ".json") or (
            kind in (".txt", ".tsv", ".csv") and not is_table and (kind == ".csv" or not self._has_tags(path))
        ):
            return None
        if not is_table and kind in (".txt", ".tsv"):
            problems.note(f"{path}: its lines end with tags, so each is read as a word in columns")
        columns = {name: value for name, value in columns.items() if name in self.columns}
        sentences = read_tagged_sentences(path, skip_bad_rows=skip_bad_rows, say=say, may_lack_tags=True, **columns)
        return [(e.words, e._asdict() if any(e.tags) else {"words": e.words}) for e in sentences]

    def _has_tags(self, path: Path) -> bool:
        """Whether nine of ten lines of a file that are not blank or comments have the same number of columns, of which
        the last is a tag: one of the model, also in another scheme (S-LOC for B-LOC), or "_" everywhere."""
        lines = files.read_text(path).split("\n")
        rows = [split_columns(line, BLANKS) for line in lines if line.strip() and line[0] != "#"]
        width, most = find_width(rows)
        last = Counter(row[-1] for row in rows if len(row) == width)
        types = {match[1] for label in self.labels if (match := ENTITY_TAG.fullmatch(label))}
        known = sum(
            count
            for tag, count in last.items()
            if tag in self.labels or tag == "O" or ((match := ENTITY_TAG.fullmatch(tag)) and match[1] in types)
        )
        has_words = any(re.search(r"\w", tag) for tag in last)  # "." may be a tag, and ends the lines of texts too
        return 10 * most >= 9 * len(rows) > 0 and (last.keys() == {"_"} or (has_words and 10 * known >= 9 * most))

    @classmethod
    def get_text(cls, example: TaggedSentence) -> str:
        return " ".join(example.words)

    @classmethod
    def get_answer(cls, example: TaggedSentence) -> list[str]:
        return example.tags

    @classmethod
    def get_labels(cls, example: TaggedSentence) -> Sequence[str]:
        return example.tags

    def make_rows(self, examples: Sequence[TaggedSentence], overlap: bool = False) -> list[dict]:
        """Rows with a label on one piece (or all) of each word, -100 elsewhere. A sentence that is too long is read in
        several rows; with `overlap` each begins with the last words of the one before, a quarter of its pieces.
        `words` of a row are (number of the sentence, its first word, the position that speaks for each word)."""
        distinct = list({word for example in examples for word in example.words})
        ids_of = dict(zip(distinct, self.tokenizer.encode_bulk(distinct), strict=True))
        number = {label: i for i, label in enumerate(self.labels)}
        room = self.length - 2
        rows, self.windowed = [], 0
        for sentence, example in enumerate(examples):
            # What is invisible is a word all the same.
            pieces = [ids_of[word][:room] or [self.tokenizer.unk_id] for word in example.words]
            windows = cut_word_windows(list(map(len, pieces)), room, room // 4 if overlap else 0)
            self.windowed += len(windows) > 1
            for start, end in windows:
                row = {"input_ids": [self.tokenizer.cls_id], "labels": [IGNORE], "words": (sentence, start, [])}
                for word in range(start, end):
                    self._add_word(row, pieces[word], number.get(example.tags[word], IGNORE))
                row["input_ids"].append(self.tokenizer.sep_id)
                row["labels"].append(IGNORE)
                rows.append(row)
        return rows

    def _add_word(self, row: dict, ids: Sequence[int], label: int) -> None:
        """Append the pieces of a word to a row, with its label on the first, the last or all of them."""
        speaks = len(ids) - 1 if self.label_on == "last" else 0
        row["words"][2].append(len(row["input_ids"]) + speaks)
        row["input_ids"] += ids
        row["labels"] += [label if self.label_on == "all" or j == speaks else IGNORE for j in range(len(ids))]

    def predict(self, model: nn.Module, examples: Sequence[TaggedSentence]) -> list[dict]:
        """For each sentence its `words`, their `tags`, and the `probability` of each tag. A word that is in two rows
        has its tag from the one where it is farther from the edge."""
        rows = self.make_rows(examples, overlap=True)
        margins = [[-1] * len(example.words) for example in examples]
        predictions = [
            {"words": e.words, "tags": ["O"] * len(e.words), "probability": [0.0] * len(e.words)} for e in examples
        ]
        for chosen, output in run_model(model, rows, self.collate):
            shares, best = output.logits.float().softmax(-1).max(-1)  # (B, T), (B, T)
            for i, p, tags in zip(chosen, shares.tolist(), best.tolist(), strict=True):
                sentence, first, positions = rows[i]["words"]
                for word, at in enumerate(positions, first):
                    margin = min(at, len(rows[i]["input_ids"]) - 1 - at)
                    if margin > margins[sentence][word]:
                        margins[sentence][word] = margin
                        predictions[sentence]["tags"][word] = self.labels[tags[at]]
                        predictions[sentence]["probability"][word] = p[at]
        return predictions

    def score(self, examples: Sequence[TaggedSentence], predictions: Sequence[dict]) -> dict[str, float]:
        """Accuracy over words; for names also F1, precision and recall of whole names."""
        return self.score_tags(examples, [prediction["tags"] for prediction in predictions])

    def score_tags(self, examples: Sequence[TaggedSentence], predicted: Sequence[Sequence[str]]) -> dict[str, float]:
        """The same for tags alone, a list for each sentence."""
        expected = [example.tags for example in examples]
        same = [a == b for true, guess in zip(expected, predicted, strict=True)
                for a, b in zip(true, guess, strict=True)]  # fmt: skip
        accuracy = {"accuracy": sum(same) / len(same)}
        return (score_entities(expected, predicted) | accuracy) if self.tags_entities else accuracy

    def score_baselines(
        self, train: Sequence[TaggedSentence], test: Sequence[TaggedSentence]
    ) -> dict[str, dict[str, float]]:
        """The most frequent tag, `tag_by_dictionary`, and for up to 100 tags the structured perceptron, whose name says
        so where it has read the first 20,000 sentences alone."""
        frequent = Counter(tag for example in train for tag in example.tags).most_common(1)[0][0]
        scores = {
            "most frequent tag": self.score_tags(test, [[frequent] * len(example.words) for example in test]),
            "dictionary of words": self.score_tags(test, tag_by_dictionary(train, test, self.tags_entities)),
        }
        if len({tag for example in train for tag in example.tags}) <= MOST_BASELINE_TAGS:
            known = train[:MOST_BASELINE_SENTENCES]
            name = "structured perceptron" + (f", {len(known):,} sentences" if len(known) < len(train) else "")
            tagger = fit_perceptron([example.words for example in known], [example.tags for example in known])
            scores[name] = self.score_tags(test, [tagger.tag(example.words) for example in test])
        return scores

    @classmethod
    def draw_report(cls, rows: Sequence[dict], most: int = 12):
        lists = ([row[name] for row in rows] for name in ("expected", "tags", "probability"))
        expected, predicted, confidence = ([value for values in column for value in values] for column in lists)
        return draw_label_report(expected, predicted, confidence, most)

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        return " ".join(f"{word}/{tag}" for word, tag in zip(prediction["words"], prediction["tags"], strict=True))
