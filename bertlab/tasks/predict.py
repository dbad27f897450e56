"""tasks.predict: TODO."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from .. import files, weights
from ..files import write_text
from ..heads import Classifier, SpanFinder, Tagger
from ..wordpiece import WordPiece
from . import classification, reading, replies, tagging, writing
from .classification import LabelledText
from .finetune import KINDS, LENGTHS, parse_plan
from .metrics import split_words
from .reading import Question
from .tagging import TaggedSentence
from .writing import TextPair


def load_predictor(folder: str | Path) -> tuple[nn.Module, object, dict]:
    """(model, task, options of its `predict`) from a folder that `finetune` made, or one of transformers' that labels
    texts or tokens or answers questions. Raises OSError and ValueError as `weights.load` does."""
    place = weights.find_model_folder(folder)
    run = place / "run.json"
    pieces = WordPiece.load(place)
    if not run.exists():
        model = weights.load(place)
        kinds = {Classifier: classification.Classification, Tagger: tagging.Tagging}
        most = model.config.max_position_embeddings
        if type(model) in kinds:
            return model, kinds[type(model)](pieces, model.labels, min(512, most)), {}
        if type(model) is SpanFinder:
            return model, reading.Reading(pieces, min(384, most), no_answer=True), {}
        raise ValueError(f"{folder} holds a {type(model).__name__}, which has nothing to predict: fine-tune it first")
    if not (place / "results.json").exists():
        raise ValueError(f"the run in {folder} has not ended: go on with it (finetune --resume)")
    facts, results = json.loads(run.read_text("utf-8")), json.loads((place / "results.json").read_text("utf-8"))
    plan = parse_plan(facts)
    length = plan.length or LENGTHS[plan.kind]
    model = weights.load(place, KINDS[plan.kind].head)
    if plan.kind in ("classify", "tag"):
        more = (plan.label_on,) if plan.kind == "tag" else ()
        return model, KINDS[plan.kind](pieces, facts["labels"], length, *more), {}
    if plan.kind == "read":
        options = {"threshold": results["threshold"]}
        return model, reading.Reading(pieces, length, plan.stride, no_answer=facts["no_answer"]), options
    if plan.kind == "reply":
        return model, replies.ReplyChoice(pieces, length), {}
    return model, writing.Writing(pieces, length, plan.beams, plan.length_penalty), {}


def predict(folder: str | Path, texts: Sequence, **options) -> list[dict]:
    """What the model in `folder` says of each text, as plain values.

    A classifier takes texts, or pairs (text, text); a tagger takes texts (parted into words and marks) or lists of
    words; a reader takes (question, context); a replier takes (what was said, [replies]); a writer takes texts.
    `options` go to the task's `predict`, such as beams=4. Raises ValueError for a text of another kind.
    """
    model, task, known = load_predictor(folder)
    if task.kind == "reply":
        ranked = []
        for one in texts:
            if isinstance(one, str) or len(one) < 2:
                raise ValueError(f"{one!r:.60}: give what was said, and replies to choose from, parted by tabs")
            ranked.append(task.rank(model, one[0], one[1:] if isinstance(one[1], str) else one[1]))
        return [
            {"reply": best[0][1], "probability": best[0][0], "ranking": [[r, p] for p, r in best]} for best in ranked
        ]
    return task.predict(model, [example_of(task.kind, one) for one in texts], **known | options)


def example_of(kind: str, given) -> LabelledText | TaggedSentence | Question | TextPair:
    """An example without an answer, from what `predict` is given. Raises ValueError."""
    if kind == "read":
        if isinstance(given, str) or len(given) != 2:
            raise ValueError(f"{given!r:.60}: a reader needs a question and a context, parted by a tab")
        return Question("", *given, [])
    if kind == "tag":
        words = split_words(given) if isinstance(given, str) else list(given)
        if not words:
            raise ValueError("there is no word to tag")
        return TaggedSentence(words, [""] * len(words))
    if kind == "write":
        return TextPair(given, "")
    return LabelledText(given, None, "") if isinstance(given, str) else LabelledText(*given, "")


def read_inputs(texts: Sequence[str], stdin=None) -> list:
    """What the command line was given to predict: the texts, the lines of one file, or those of standard input. A tab
    parts the two things of a pair, and the replies to choose from. Raises ValueError when there is nothing."""
    if len(texts) == 1 and Path(texts[0]).suffix in (".txt", ".tsv"):
        lines = files.read_text(Path(texts[0])).removesuffix("\n").split("\n")
    else:
        lines = list(texts) or [line.rstrip("\n") for line in stdin or sys.stdin]
    if not lines or lines == [""]:
        raise ValueError("there is nothing to predict: give a text, a file, or lines on standard input")
    parts = [line.split("\t") for line in lines]
    return [one[0] if len(one) == 1 else tuple(one) for one in parts]


def write_predictions(given: Sequence, said: Sequence[dict], file: Path | None = None) -> None:
    """Print one line a prediction, or write all of it to a .jsonl or .csv file (there a list is written as JSON, and
    each label's probability gets a column). Raises ValueError for a file of another kind."""
    if file is None:
        for one in said:
            print(format_prediction(one))
        return
    rows = [
        {"input": text if isinstance(text, str) else list(text)} | one for text, one in zip(given, said, strict=True)
    ]
    if file.suffix == ".jsonl":
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    elif file.suffix == ".csv":
        flat = []
        for row in rows:
            shares = {f"p({label})": p for label, p in row.pop("probabilities", {}).items()}
            flat.append(
                {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v for k, v in row.items()} | shares
            )
        written = io.StringIO()
        lines = csv.DictWriter(written, list(flat[0]), lineterminator="\n")
        lines.writeheader()
        lines.writerows(flat)
        content = written.getvalue()
    else:
        raise ValueError(f"{file}: predictions are written to a .csv or a .jsonl file")
    write_text(file, content)


def format_prediction(one: dict) -> str:
    """A prediction on a line of the terminal."""
    if "tags" in one:
        return " ".join(f"{word}/{tag}" for word, tag in zip(one["words"], one["tags"], strict=True))
    if "text" in one:
        return one["text"]
    best = one.get("label", one.get("reply", one.get("answer")))
    return f"{100 * one['probability']:5.1f}%  {best or '(no answer)'}"
