"""The beam box: it shows the search of the writer step by step, and answers bad input in words."""

from itertools import pairwise

import ipywidgets as widgets
import pytest
import torch

from bertlab import explore, plots
from bertlab.explore.beam_box import beam_html, find_fates
from bertlab.model import BertConfig
from bertlab.tasks import TextPair, Writing
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece
from bertlab.writing import Writer

from .tables import read_rows

WORDS = WordPiece([*SPECIAL_TOKENS, "the", "cat", "<b>", "sat", "ran", "mat", "<", ">", "b"])
CONFIG = BertConfig(vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=32, max_position_embeddings=12, initializer_range=0.6)  # fmt: skip


@pytest.fixture
def task():
    return Writing(WORDS, length=12)


@pytest.fixture
def model():
    torch.manual_seed(1)
    return Writer(CONFIG).train()


def test_steps_are_those_of_the_search(model, task):
    """The best of the finished texts is what the task writes; each text continues one of the step before."""
    steps, finished = explore.record_beam_steps(model, task, "the cat", beams=3)
    assert model.training
    [prediction] = task.predict(model, [TextPair("the cat", "")], beams=3)
    assert (WORDS.decode(finished[0][1]), finished[0][0]) == (prediction["text"], pytest.approx(prediction["score"]))
    assert len(steps) > 1
    for before, after in pairwise(steps):
        assert len(after) <= 3
        assert all(ids[:-1] in [shorter for _, shorter in before] for _, ids in after)
        assert [log_p for log_p, _ in after] == sorted((log_p for log_p, _ in after), reverse=True)


def test_log_p_of_the_steps_is_that_of_the_words(model, task):
    """By hand, for one beam: the sum of log p of each word, given the source and the words before it."""
    steps, _ = explore.record_beam_steps(model, task, "cat sat", beams=1)
    model.eval()
    [source] = task.encode_sources([TextPair("cat sat", "")])
    log_p, written = 0.0, steps[-1][0][1]
    for number, word in enumerate(written):
        ids = torch.tensor([source + written[:number]])
        types = torch.tensor([[0] * len(source) + [1] * number])
        with torch.no_grad():
            logits = model(ids, types).logits[0, -1].double()
        logits[task.never] = -torch.inf
        log_p += float(logits.log_softmax(-1)[word])
        assert steps[number][0][0] == pytest.approx(log_p, abs=1e-5)


STEPS = [[(-0.5, [5]), (-0.9, [6]), (-1.5, [8])], [(-0.8, [5, 8]), (-1.1, [5, 9]), (-1.9, [8, 9])],
         [(-1.2, [5, 8, 10])]]  # fmt: skip
FINISHED = [(-0.3, [5, 8]), (-0.45, [6]), (-0.6, [])]


def test_fates_of_texts():
    assert find_fates(STEPS, FINISHED, 0) == [(2, None), (0, -0.45), (1, None)]
    assert find_fates(STEPS, FINISHED, 1) == [(1, -0.3), (0, None), (0, None)]
    assert find_fates(STEPS, FINISHED, 2) == [(0, None)]


def test_a_step_as_html(task):
    one = beam_html(task, STEPS, FINISHED, 1)
    assert "After word 1 of 3" in one
    assert read_rows(one)[1:4] == [
        ["-0.50", "the", "continues as 2 texts"],
        ["-0.90", "cat", "ends here, score -0.45"],
        ["-1.50", "sat", "continues"],
    ]
    two = beam_html(task, STEPS, FINISHED, 2)
    assert "continues and ends here, score -0.30" in two
    assert two.count("is dropped") == 2
    assert "(nothing)" in two
    assert "After word 3 of 3" in beam_html(task, STEPS, FINISHED, 7)
    assert "Nothing was written" in beam_html(task, [], [(-0.1, [])], 1)
    page = beam_html(task, [[(-1.0, [7])]], [(-1.0, [7])], 1)
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_the_box_follows_its_controls(model, task):
    panel = explore.beam_box(model, task, ["the cat", "mat ran sat"], beams=2)
    menu, source, beams, word, output = panel.children
    assert isinstance(output, widgets.HTML)
    steps, finished = explore.record_beam_steps(model, task, "the cat", beams=2)
    assert output.value == beam_html(task, steps, finished, 1)
    assert word.max == len(steps)
    word.value = 2
    assert output.value == beam_html(task, steps, finished, 2)
    menu.value = "mat ran sat"
    assert (source.value, word.value) == ("mat ran sat", 1)
    beams.value = 4
    assert output.value == beam_html(task, *explore.record_beam_steps(model, task, "mat ran sat", 4), 1)
    source.value = "the " * 90  # too long for the model: truncated
    source.value = ""
    assert "After word 1" in output.value or "Nothing was written" in output.value
    with pytest.raises(ValueError, match="no source"):
        explore.beam_box(model, task, [])


def test_the_beam_as_a_figure():
    ax = plots.draw_beam(STEPS, [*"abcdefghijk"], best=[5, 8])
    words = [text.get_text() for text in ax.texts]
    assert words == ["f", "g", "i", "i", "j", "j", "k"]
    bold = [text.get_text() for text in ax.texts if text.get_fontweight() == "bold"]
    assert bold == ["f", "i"]
    assert [text.get_color() for text in ax.texts if text.get_text() in "gj"] == ["0.6"] * 3  # they were dropped
    assert len(ax.lines) == 4  # from each text to those that continue it
