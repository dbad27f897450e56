"""tasks.named: TODO."""

from collections.abc import Callable
from itertools import pairwise

from .. import sources
from . import annotations
from .base import Split, split_examples
from .classification import LabelledText
from .silver import names, questions
from .tagging import TaggedSentence
from .writing import TextPair


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


# name -> (the task, its data, what the hub has in full size for a GPU)
NAMED: dict[str, tuple[str, Callable[[], Split], str]] = {
    "sentiment": ("classify", load_sentiment, "stanfordnlp/sst2, stanfordnlp/imdb"),
    "amazon": ("classify", lambda: load_sentiment("amazon"), "fancyzhx/amazon_polarity"),
    "topic": ("classify", load_topics, "fancyzhx/ag_news"),
    "pos": ("tag", load_parts_of_speech, "universal-dependencies/universal_dependencies"),
    "names": ("tag", load_names, "lukasgarbas/conll-03"),
    "questions": ("read", questions.make_silver_questions, "rajpurkar/squad, rajpurkar/squad_v2"),
    "replies": ("reply", load_replies, ""),
    "bible": ("write", load_bibles, "Helsinki-NLP/opus-100, wmt/wmt14"),
    "titles": ("write", load_titles, "EdinburghNLP/xsum, abisee/cnn_dailymail"),
}
