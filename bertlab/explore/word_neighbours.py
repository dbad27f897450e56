"""A word of your sentence and its neighbours: words by static vectors, usages elsewhere by the layers of a BERT."""

import html
from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np

from ..arguments import check_arguments, check_number
from ..model import Bert, eval_mode
from ..word_vectors.senses import WORD, Usage
from ..word_vectors.usage_vectors import compute_bert_states, read_usages
from ..wordpiece import WordPiece
from . import markup
from .shared import FULL_WIDTH, LiveHTML, check_vocabulary, make_text_box

STATIC = "one vector for each word"


class UsageIndex:
    """The vectors of many usages after each layer of a model, against which those of a new usage are compared."""

    def __init__(self, model: Bert, tokenizer: WordPiece, usages: Sequence[Usage]):
        check_vocabulary(model, tokenizer)
        self.model, self.tokenizer, self.usages = model, tokenizer, list(usages)
        self.vectors = scale_to_unit(self.read(self.usages))  # (L + 1, N, D)

    def read(self, usages: Sequence[Usage]) -> np.ndarray:
        """The vectors of usages: (L + 1, N, D). Raises ValueError for a sentence that is too long for the model."""
        room = self.model.config.max_position_embeddings
        if max(len(self.tokenizer.encode(usage.text).input_ids) for usage in usages) > room:
            raise ValueError(f"the sentence has more than the {room} tokens that this model can read")
        with eval_mode(self.model):
            return read_usages(lambda ids: compute_bert_states(self.model, ids), self.tokenizer, usages)

    def find_nearest(self, usage: Usage, layer: int, k: int) -> list[tuple[Usage, float]]:
        """The `k` usages of other sentences whose vectors have the highest cosine with this one's."""
        cosines = self.vectors[layer] @ scale_to_unit(self.read([usage]))[layer, 0]
        order = [i for i in np.argsort(-cosines) if self.usages[i].text != usage.text]
        return [(self.usages[i], float(cosines[i])) for i in order[:k]]


def scale_to_unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1 along the last axis."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def word_neighbours_box(static: tuple[Sequence[str], np.ndarray], models: Mapping[str, tuple[Bert, WordPiece]],
                        usages: Sequence[Usage], text: str = "They sat on the bank of the river.",
                        k: int = 6) -> widgets.VBox:  # fmt: skip
    """A box for a sentence, a button for each word, a choice of the model and of its layer, and the nearest neighbours.

    `static` is (words, vectors (V, D)); `models` holds encoders with their tokenizers, and `usages` what they compare
    the word with. Each model reads all usages once, when the panel is made."""
    check_arguments(text=(text, str))
    k = check_number(k, "k", least=1, whole=True)
    words, vectors = static
    unit, index = scale_to_unit(np.asarray(vectors)), {word: i for i, word in enumerate(words)}
    indexes = {name: UsageIndex(model, tokenizer, usages) for name, (model, tokenizer) in models.items()}
    sentence = make_text_box(text)
    choice = widgets.ToggleButtons(options=list_word_options(text), layout=FULL_WIDTH)
    choice.style.button_width = "auto"
    model = widgets.ToggleButtons(options=[STATIC, *indexes], value=next(iter(indexes), STATIC))
    model.style.button_width = "auto"
    deepest = max((len(one.vectors) - 1 for one in indexes.values()), default=0)
    layer = widgets.IntSlider(value=deepest, min=0, max=deepest, description="layer")

    def render(number: int, name: str, depth: int) -> str:
        usage = find_numbered_word(sentence.value, number)
        if name == STATIC:
            return static_neighbours_html(usage, words, unit, index, k)
        return usage_neighbours_html(usage, indexes[name], min(depth, len(indexes[name].vectors) - 1), k)

    output = LiveHTML([choice, model, layer], render)

    def offer_words(change: dict) -> None:
        number = choice.value
        with output.render_once():
            choice.options = list_word_options(change["new"])
            choice.value = number if number < len(choice.options) else 0

    sentence.observe(offer_words, "value")
    named = [value for label, value in choice.options if label.split()[-1].lower() == "bank"]
    choice.value = named[0] if named else choice.value
    return widgets.VBox([sentence, choice, model, layer, output])


def list_word_options(text: str) -> list[tuple[str, int]]:
    """(label, number) of each word. Labels begin with a number, because ipywidgets needs them to differ."""
    return [(f"{i + 1} {match[0]}", i) for i, match in enumerate(WORD.finditer(text))][:24] or [("", 0)]


def find_numbered_word(text: str, number: int) -> Usage:
    """The usage of the word with this number. Raises ValueError for a text without a word."""
    found = list(WORD.finditer(text))
    if not found:
        raise ValueError("the sentence has no word; type some text")
    return Usage(text, *found[min(number, len(found) - 1)].span())


def static_neighbours_html(
    usage: Usage, words: Sequence[str], unit: np.ndarray, index: Mapping[str, int], k: int
) -> str:
    """The nearest words of a word, whatever stands around it. Raises ValueError for a word without a vector."""
    word = usage.text[usage.start : usage.end].lower()
    if word not in index:
        raise ValueError(f"{word!r} has no vector of its own")
    cosines = unit @ unit[index[word]]
    order = [i for i in np.argsort(-cosines) if i != index[word]][:k]
    rows = [(html.escape(words[i]), f"{cosines[i]:.2f}") for i in order]
    return f"<p>{mark_word(usage)}</p>{markup.format_table(rows, ('nearest word', 'cosine'))}"


def usage_neighbours_html(usage: Usage, index: UsageIndex, layer: int, k: int) -> str:
    """The nearest usages of a word in its sentence, after a layer of a model."""
    rows = [(mark_word(near), f"{cosine:.2f}") for near, cosine in index.find_nearest(usage, layer, k)]
    head = (f"nearest usages after layer {layer}" if layer else "nearest usages by the embeddings", "cosine")
    return f"<p>{mark_word(usage)}</p>{markup.format_table(rows, head)}"


def mark_word(usage: Usage) -> str:
    """The sentence as HTML with its word in bold."""
    before, word, after = usage.text[: usage.start], usage.text[usage.start : usage.end], usage.text[usage.end :]
    return f"{html.escape(before)}<b>{html.escape(word)}</b>{html.escape(after)}"
