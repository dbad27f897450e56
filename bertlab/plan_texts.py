"""The texts of a pre-training plan: how they are read, which documents are held out, and which text each is from."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from . import sources
from .corpus import OVERFLOWS, EncodedCorpus, split_documents
from .failures import doing
from .sources.layouts import LAYOUTS
from .sources.prose import PROSE

if TYPE_CHECKING:
    from .pretrain import PretrainPlan


def check_text_settings(plan: "PretrainPlan") -> None:
    """Raise ValueError for `sentences` or `overflow` that there is not, or that change nothing."""
    for name, choices in (("sentences", LAYOUTS), ("overflow", ("auto", *OVERFLOWS))):
        if getattr(plan, name) not in choices:
            raise ValueError(f"{name} is {getattr(plan, name)!r}; it is one of {', '.join(choices)}")
    if plan.sentences != "auto" and all(name in PROSE for name in plan.text):
        raise ValueError("sentences is for texts of yours: the named sources have their own sentences")
    if plan.cased and plan.keep_accents:
        raise ValueError("--keep-accents changes nothing with --cased, which keeps them")


def add_former_settings(plan: dict) -> dict:
    """The fields of a recorded plan, with those that older runs did not record as they were then."""
    own = any(name not in PROSE for name in plan["text"])
    former = {"sentences": "marks" if own else "auto", "overflow": "drop"}
    former["same_source"] = len(plan["text"]) == 1  # where it changes nothing
    former["orthogonal"] = plan.get("neighbours", True) and plan.get("sinusoids", 0.1) > 0  # once one switch
    return {**former, **plan, "text": tuple(plan["text"])}


def read_documents_and_groups(names: Sequence[str], sentences: str = "auto") -> tuple[list[list[str]], list[str]]:
    """Read the documents of all named texts, and the group of each: a split never separates documents of one group.

    A chapter of the Bible is one group in both translations; any other document is a group of its own.
    """
    documents = read_named_documents(names, sentences)
    return [document for _, document, _ in documents], [group for _, _, group in documents]


def read_named_documents(
    names: Sequence[str], sentences: str = "auto", say: Callable[[str], None] | None = None
) -> list[tuple[str, list[str], str]]:
    """The same as one list of (name of the text, document, group). `say` is told how texts of the user were read."""
    return [
        (str(name), document, name_group(str(name), number, document))
        for name in names
        for number, document in enumerate(sources.documents(name, sentences=sentences, say=say))
    ]


def name_group(name: str, number: int, document: Sequence[str]) -> str:
    """The group of the document of this number in the text `name`: see `read_documents_and_groups`."""
    return f"bible {number}" if name in ("kjv", "web") else "\n".join(document)


@doing("reading the text")
def split_plan_documents(
    plan: "PretrainPlan", say: Callable[[str], None] | None = None
) -> tuple[list[list[str]], list[list[str]], tuple[list[str], list[str]]]:
    """The documents for training, those held out, and for both the name of the text that each document is from."""
    documents = read_named_documents(plan.text, plan.sentences, say)
    groups = [group for _, _, group in documents]
    training, held_out = split_documents(documents, plan.held_out, seed=0, groups=groups, at_least=2)
    if plan.same_source and len(plan.text) > 1 and say:
        for part, documents in (("training", training), ("held-out", held_out)):
            counts = Counter(name for name, _, _ in documents)
            if alone := [name for name, count in counts.items() if count == 1]:
                say(f"{', '.join(alone)}: one {part} document, so that its random Bs come from the text beside it")
    return (
        [document for _, document, _ in training],
        [document for _, document, _ in held_out],
        ([name for name, _, _ in training], [name for name, _, _ in held_out]),
    )


def choose_overflow(plan: "PretrainPlan") -> str:
    """What `pair_rows` does under this plan with tokens that do not fit into a row."""
    if plan.overflow != "auto":
        return plan.overflow
    return "drop" if all(name in PROSE for name in plan.text) else "keep"


def select_kinds(kinds: Sequence[str] | None, text: EncodedCorpus, plan: "PretrainPlan") -> list[str] | None:
    """The `kinds` for `pair_rows` under this plan, of the documents that hold a wordpiece."""
    if not kinds or not plan.same_source:
        return None
    return merge_lonely_kinds([kinds[number] for number in text.numbers])


def merge_lonely_kinds(kinds: Sequence[str]) -> list[str]:
    """The kinds of the documents; a document that is the only one of its kind joins its neighbours."""
    counts, merged = Counter(kinds), []
    for kind in kinds:
        merged.append(merged[-1] if merged and counts[kind] == 1 else kind)
    return merged[1:2] + merged[1:] if kinds and counts[kinds[0]] == 1 else merged
