"""Asking a text: the panel shows what the task predicts, follows typing, and answers bad input in words."""

import pytest
import torch

from bertlab import explore
from bertlab.explore.ask_box import ask_html
from bertlab.heads import SpanFinder
from bertlab.model import BertConfig
from bertlab.tasks import Question, Reading
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = WordPiece([*SPECIAL_TOKENS, "who", "wrote", "it", "ann", "bob", "did", "not", "<", ">", "b", "##n"])
CONFIG = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=16, max_position_embeddings=40, initializer_range=0.5)  # fmt: skip
CONTEXT = "Ann did not, Bob wrote it."


@pytest.fixture
def model():
    torch.manual_seed(3)
    return SpanFinder(CONFIG).train()


@pytest.fixture
def task():
    return Reading(WORDS, length=24, no_answer=True)


def test_answer_is_marked_where_the_task_finds_it(model, task):
    (prediction,) = task.predict(model, [Question("", "Who wrote it", CONTEXT, [])], threshold=1e9)
    page = ask_html(model, task, "Who wrote it", CONTEXT, threshold=1e9)
    assert model.training
    answer = prediction["answer"]
    assert f"{CONTEXT[: prediction['start']]}<mark><b>{answer}</b></mark>" in page
    assert f"{prediction['gap']:+.1f}" in page
    page = ask_html(model, task, "Who wrote it", CONTEXT, threshold=-1e9)
    assert "<mark>" not in page
    assert "finds no answer" in page


def test_probabilities_are_those_of_the_head(model, task):
    tokens, starts, ends = explore.find_answer_ends(model, task, "who", "ann wrote it", character=4)
    assert tokens == ["[CLS]", "ann", "wrote", "it"]
    model.eval()
    ids = torch.tensor([WORDS.convert_tokens_to_ids(["[CLS]", "who", "[SEP]", "ann", "wrote", "it", "[SEP]"])])
    types = torch.tensor([[0, 0, 0, 1, 1, 1, 1]])
    with torch.no_grad():
        output = model(ids, token_type_ids=types)
    positions = [0, 3, 4, 5]  # the question and [SEP] cannot be an answer
    assert starts == pytest.approx(output.start_logits[0, positions].softmax(0).tolist(), abs=1e-6)
    assert ends == pytest.approx(output.end_logits[0, positions].softmax(0).tolist(), abs=1e-6)


def test_long_context_shows_the_window_around_the_answer(model):
    task = Reading(WORDS, length=12, stride=4)
    context = "ann " * 20 + "bob wrote it"
    character = context.index("bob")
    tokens, starts, _ = explore.find_answer_ends(model, task, "who", context, character)
    assert "bob" in tokens
    assert len(tokens) == len(starts) <= 10
    assert "bob" not in explore.find_answer_ends(model, task, "who", context, character=8)[0]


def test_markup_in_the_text_is_text(model, task):
    page = ask_html(model, task, "who", "<b>bob</b> wrote it", threshold=1e9)
    assert "<b>bob" not in page
    assert "&lt;" in page


@pytest.mark.parametrize(
    ("question", "context", "expected"),
    [("", CONTEXT, "the question has no letter"), ("who", "  ", "the text has no letter")],
)
def test_ask_box_answers_an_empty_text_in_words(model, task, question, context, expected):
    assert expected in explore.ask_box(model, task, context, question).children[-1].value


def test_box_follows_typing_and_threshold(model, task):
    panel = explore.ask_box(model, task, CONTEXT, "who wrote it")
    text, question, threshold, output = panel.children
    threshold.value = 20.0
    before = output.value
    assert "<mark>" in before
    text.value = "Bob did it."
    assert output.value != before
    before = output.value
    question.value = "did it"
    assert output.value != before
    threshold.value = -20.0
    assert "finds no answer" in output.value
    without = explore.ask_box(model, Reading(WORDS, length=24), CONTEXT, "who")
    assert len(without.children) == 3
