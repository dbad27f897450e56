"""The tag box: words, tags and probabilities are those of the task, and bad input is answered in words."""

import pytest

from bertlab import explore, tasks
from bertlab.heads import Tagger
from bertlab.model import BertConfig
from bertlab.tasks import TaggedSentence
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = WordPiece([*SPECIAL_TOKENS, "marie", "cur", "##ie", "saw", "paris", "<", ">", "##s"])
CONFIG = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=16, max_position_embeddings=30, initializer_range=0.8)  # fmt: skip
TEXT = "Marie Curie saw Paris"


@pytest.fixture
def model():
    return Tagger(CONFIG, num_labels=3).train()


def tagger(label_on="first", length=20):
    return tasks.Tagging(WORDS, ["O", "B-PER", "B-LOC"], length, label_on)


@pytest.mark.parametrize("label_on", ["first", "last", "all"])
@pytest.mark.parametrize("length", [5, 20])
def test_tags_of_are_those_of_the_task(model, label_on, length):
    task = tagger(label_on, length)
    found = explore.tag_pieces(model, task, TEXT)
    assert model.training
    (said,) = task.predict(model, [TaggedSentence(TEXT.split(), [""] * 4)])
    assert [word for word, _, _ in found] == said["words"]
    assert [pieces[speaks][1] for _, pieces, speaks in found] == said["tags"]
    assert [pieces[speaks][2] for _, pieces, speaks in found] == pytest.approx(said["probability"])
    assert [[piece for piece, _, _ in pieces] for _, pieces, _ in found] == [
        ["marie"],
        ["cur", "##ie"],
        ["saw"],
        ["paris"],
    ]
    assert found[1][2] == (label_on == "last")


def test_tag_box_follows_typing_and_the_menu(model):
    other = Tagger(CONFIG, num_labels=3)
    panel = explore.tag_box({"names": (model, tagger()), "others": (other, tagger())}, TEXT)
    box, menu, shown = panel.children
    assert shown.value == explore.tags_html(model, tagger(), TEXT)
    assert "<b>Curie</b>" in shown.value
    assert "##ie" in shown.value
    box.value = "Paris"
    assert shown.value == explore.tags_html(model, tagger(), "Paris")
    menu.value = "others"
    assert shown.value == explore.tags_html(other, tagger(), "Paris")
    assert len(explore.tag_box({"names": (model, tagger())}).children) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  ", "Nothing to tag yet"),
        ("saw " * 60, "has 60 words: the first 40 are read"),
        ("zebra", "[UNK]"),
        ("<b>", "&lt;"),
    ],
)
def test_tag_box_answers_bad_input_in_words(model, text, said):
    shown = explore.tags_html(model, tagger(), text)
    assert said in shown
    assert "<b><</b>" not in shown


def test_a_tag_box_needs_a_tagger():
    with pytest.raises(ValueError, match="at least one tagger"):
        explore.tag_box({})


def test_colours():
    assert explore.choose_tag_colour("O", 1.0) == "#fff"
    assert explore.choose_tag_colour("B-PER", 1.0) == "rgba(204,121,167,0.60)"
    assert explore.choose_tag_colour("I-PER", 0.5) == "rgba(204,121,167,0.30)"
    assert (
        explore.choose_tag_colour("NNS", 1.0)
        == explore.choose_tag_colour("NN", 1.0)
        != explore.choose_tag_colour("VB", 1.0)
    )
    assert explore.choose_tag_colour("RBR", 1.0) == explore.choose_tag_colour("JJ", 1.0)
    assert explore.choose_tag_colour("RP", 1.0) == explore.choose_tag_colour("DT", 1.0) == "#fff"
