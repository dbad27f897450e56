"""The tasks and the data of ours by the names that the command line knows.

Named data is small, real, and cached on this machine (`bertlab.sources`); each set is split by a hash of its texts.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from .. import sources
from ..suggestions import suggest_name
from . import annotations
from .base import Split, Task, split_examples
from .classification import Classification, LabelledText
from .multilabel import MultiLabel
from .reading import Reading
from .regression import Regression, ScoredText
from .replies import ReplyChoice
from .silver import names, questions
from .tagging import TaggedSentence, Tagging
from .writing import TextPair, Writing

# ---- The data --------------------------------------------------------------------------------------------------------


def load_sentiment(part: str = "movies", clear: float = 1.0) -> Split:
    """Clearly positive or negative snippets of film reviews (or of "amazon", "tweets", "nyt"): those that people gave a
    mean of `clear` or more, or of -`clear` or less, from -4 to 4."""
    rows = [LabelledText(text, None, "positive" if score > 0 else "negative") for text, score in sources.sentiment(part)
            if abs(score) >= clear]  # fmt: skip
    return split_examples(rows, lambda example: example.text)


def load_topics() -> Split:
    """Wikipedia summaries and their topic, one of 11. Those that are "Uncategorized" are left out."""
    rows = [LabelledText(article["summary"], None, article["topic"]) for article in sources.wiki()]
    return split_examples([row for row in rows if row.label != "Uncategorized"], lambda example: example.text)


def load_parts_of_speech() -> Split:
    """Lines of American English with Penn tags, each once, of four words or more. Silver: a program gave the tags."""
    lines = {tuple(word for word, _ in line): line for line in sources.tagged() if len(line) >= 4}
    rows = [
        TaggedSentence([word for word, _ in line], [tag.split("|")[0] for _, tag in line]) for line in lines.values()
    ]
    return split_examples(rows, lambda example: " ".join(example.words))


def load_names() -> Split:
    """Wikipedia sentences and the names in them. To learn from: silver, by rules (`silver.names`); to be judged by: our
    own test, annotated by a language model (data/README.md)."""
    by_hand = [
        TaggedSentence(*annotations.split_words_and_tags(s["text"], s["entities"]))
        for s in annotations.read_names_test()
    ]
    return names.make_silver_names()._replace(test=by_hand)


def load_replies() -> Split:
    """What was said, and the reply to it, from the ChatterBot corpus; all replies to the same words on one side."""
    turns = ((turn.strip(), reply.strip()) for exchange in sources.dialogues()
             for turn, reply in pairwise(exchange))  # fmt: skip
    rows = dict.fromkeys(TextPair(turn, reply) for turn, reply in turns if turn and reply)
    return split_examples(list(rows), lambda example: example.source)


def load_bibles() -> Split:
    """Verses of the King James Bible, and the same in the World English Bible; a chapter is on one side as a whole."""
    rows = [(reference, TextPair(old, new)) for reference, old, new in sources.verses() if old and new]
    return Split(*([pair for _, pair in side] for side in split_examples(rows, lambda row: row[0].rpartition(":")[0])))


def load_titles() -> Split:
    """Wikipedia summaries, and the titles of the articles."""
    rows = [TextPair(article["summary"], article["title"]) for article in sources.wiki()]
    return split_examples(rows, lambda example: example.source)


def load_scores(part: str = "movies") -> Split:
    """Snippets of film reviews and the mean score that people gave them, from -4 (very negative) to 4."""
    rows = [ScoredText(text, None, score) for text, score in sources.sentiment(part)]
    return split_examples(rows, lambda example: example.text)


# ---- The lists -------------------------------------------------------------------------------------------------------


class NamedData(NamedTuple):
    """Data of ours for a task: the task, what loads the examples, and what the hub has in full size for a GPU."""

    task: type[Task]
    load: Callable[[], Split]
    hub: str


NAMED = {
    "sentiment": NamedData(Classification, load_sentiment, "stanfordnlp/sst2, stanfordnlp/imdb"),
    "amazon": NamedData(Classification, partial(load_sentiment, "amazon"), "fancyzhx/amazon_polarity"),
    "topic": NamedData(Classification, load_topics, "fancyzhx/ag_news"),
    "scores": NamedData(Regression, load_scores, "sentence-transformers/stsb"),
    "pos": NamedData(Tagging, load_parts_of_speech, "universal-dependencies/universal_dependencies"),
    "names": NamedData(Tagging, load_names, "lukasgarbas/conll-03"),
    "questions": NamedData(Reading, questions.make_silver_questions, "rajpurkar/squad, rajpurkar/squad_v2"),
    "replies": NamedData(ReplyChoice, load_replies, ""),
    "bible": NamedData(Writing, load_bibles, "Helsinki-NLP/opus-100, wmt/wmt14"),
    "titles": NamedData(Writing, load_titles, "EdinburghNLP/xsum, abisee/cnn_dailymail"),
}

# Every task, by its name on the command line. A new task is a file, and a line here.
TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        Classification,
        MultiLabel,
        Regression,
        Tagging,
        Reading,
        ReplyChoice,
        Writing,
    )
}


def find_task(name: str) -> type[Task]:
    """The task of data of ours, or the task of this name. Raises ValueError with the nearest name."""
    if name in NAMED:
        return NAMED[name].task
    if name not in TASKS:
        raise ValueError(
            f"task is {name!r}; it must be {', '.join(NAMED)}, or {', '.join(TASKS)} with a file"
            + suggest_name(name, [*NAMED, *TASKS])
        )
    return TASKS[name]
