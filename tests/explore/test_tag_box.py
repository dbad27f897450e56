"""The tag box: words, tags and probabilities are those of the task, and bad input is answered in words."""

import pytest

from bertlab import explore, tasks
from bertlab.explore.tag_box import choose_tag_colour
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


def make_task(label_on="first", length=20):
    return tasks.Tagging(WORDS, ["O", "B-PER", "B-LOC"], length, label_on)


@pytest.mark.parametrize("label_on", ["first", "last", "all"])
@pytest.mark.parametrize("length", [5, 20])
def test_tags_of_pieces_are_those_of_the_task(model, label_on, length):
    task = make_task(label_on, length)
    tagged = explore.tag_pieces(model, task, TEXT)
    assert model.training
    (prediction,) = task.predict(model, [TaggedSentence(TEXT.split(), [""] * 4)])
    assert [word for word, _, _ in tagged] == prediction["words"]
    assert [pieces[labelled][1] for _, pieces, labelled in tagged] == prediction["tags"]
    assert [pieces[labelled][2] for _, pieces, labelled in tagged] == pytest.approx(prediction["probability"])
    pieces_of_words = [[piece for piece, _, _ in pieces] for _, pieces, _ in tagged]
    assert pieces_of_words == [["marie"], ["cur", "##ie"], ["saw"], ["paris"]]
    assert tagged[1][2] == (label_on == "last")


def test_tag_box_follows_typing_and_the_menu(model):
    other = Tagger(CONFIG, num_labels=3)
    panel = explore.tag_box({"names": (model, make_task()), "others": (other, make_task())}, TEXT)
    sentence, menu, output = panel.children
    assert output.value == explore.tags_html(model, make_task(), TEXT)
    assert "<b>Curie</b>" in output.value
    assert "##ie" in output.value
    sentence.value = "Paris"
    assert output.value == explore.tags_html(model, make_task(), "Paris")
    menu.value = "others"
    assert output.value == explore.tags_html(other, make_task(), "Paris")
    assert len(explore.tag_box({"names": (model, make_task())}).children) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  ", "the sentence has no word"),
        ("saw " * 60, "has 60 words; only the first 40 are used"),
        ("zebra", "[UNK]"),
        ("<b>", "&lt;"),
    ],
)
def test_tag_box_answers_bad_input_in_words(model, text, expected):
    output = explore.tag_box({"names": (model, make_task())}, text).children[-1]
    assert expected in output.value
    assert "<b><</b>" not in output.value


def test_a_tag_box_needs_a_make_task():
    with pytest.raises(ValueError, match="at least one tagger"):
        explore.tag_box({})


def test_a_tag_has_the_colour_of_its_kind():
    assert choose_tag_colour("O", 1.0) == "#fff"
    assert choose_tag_colour("B-PER", 1.0) == "#e0afca"
    assert choose_tag_colour("I-PER", 0.5) == "#f0d7e5"
    assert choose_tag_colour("NNS", 1.0) == choose_tag_colour("NN", 1.0) != choose_tag_colour("VB", 1.0)
    assert choose_tag_colour("RBR", 1.0) == choose_tag_colour("JJ", 1.0)
    assert choose_tag_colour("RP", 1.0) == choose_tag_colour("DT", 1.0) == "#fff"
