"""tasks.hub: TODO."""

from collections.abc import Callable

from .classification import LabelledText
from .metrics import are_entity_tags, to_iob2
from .reading import Question
from .tables import parse_label
from .tagging import TaggedSentence
from .writing import TextPair


def read_hub(kind: str, name: str, split: str, config: str | None = None, **columns: str) -> list:
    """Examples of a kind ("classify", "tag", "read", "write") from a data set of the Hugging Face hub, or a folder that
    `datasets` can load. The columns are those that such sets usually have, or those that you name.

    Raises OSError when it cannot be had, ValueError when it has other columns, or no row with a label.
    """
    import datasets

    try:
        data = datasets.load_dataset(name, config, split=split)
    except Exception as error:  # offline, no such name, gated, a script: its own words say which
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise OSError(f"the data set {name!r} (split {split!r}) could not be loaded: {reason}") from error

    def column(usual: str, needed: bool = True) -> str:
        asked = [columns[k] for k in columns if k == usual.split()[0]] or usual.split()
        there = [one for one in asked if one in data.column_names]
        if not there and needed:
            raise ValueError(f"{name} has no column {' or '.join(asked)}, only {', '.join(data.column_names)}")
        return there[0] if there else ""

    def names_of(feature) -> Callable[[object], str]:
        feature = getattr(feature, "feature", feature)
        return (lambda value: feature.names[value]) if hasattr(feature, "names") else parse_label

    if kind == "classify":
        text, pair = column("text sentence sentence1 premise content"), column("text_pair sentence2 hypothesis", False)
        label = column("label labels")
        word = names_of(data.features[label])
        found = [
            LabelledText(row[text], row[pair] if pair else None, word(row[label])) for row in data if row[label] != -1
        ]
        if not found:
            raise ValueError(f"no row of {name!r} (split {split!r}) has a label: take another split, {name}@validation")
        return found
    if kind == "tag":
        words, tags = column("words tokens"), column("tags ner_tags upos xpos pos_tags labels")
        word = names_of(data.features[tags])
        found = [TaggedSentence(list(row[words]), [word(tag) for tag in row[tags]]) for row in data if row[words]]
        return (
            [TaggedSentence(w, to_iob2(t)) for w, t in found]
            if are_entity_tags({t for s in found for t in s.tags})
            else found
        )
    if kind == "read":
        for needed in ("id", "question", "context", "answers"):
            column(needed)
        return [Question(row["id"], row["question"], row["context"], list(zip(row["answers"]["answer_start"],
                         row["answers"]["text"], strict=True))) for row in data]  # fmt: skip
    if "translation" in data.column_names:
        two = columns.get("source"), columns.get("target")
        languages = two if all(two) else list(data[0]["translation"])[:2]
        return [TextPair(*(row["translation"][language] for language in languages)) for row in data]
    source, target = column("source article document text dialogue"), column("target highlights summary title")
    return [TextPair(row[source], row[target]) for row in data]
