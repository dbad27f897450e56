"""HTML that follows its controls, and the building blocks of HTML."""

import ipywidgets as widgets
import pytest

from bertlab.explore.markup import format_bar, format_box, format_guesses, format_table, mix_with_white
from bertlab.explore.shared import LONGEST_TEXT, LiveHTML, make_panel, note_truncation

from .tables import read_rows


def count_characters(text: str, number: int) -> str:
    if number == 13:
        raise ValueError("no <13>")
    return f"{len(text)} characters, {number}"


def test_live_html_is_rendered_at_once_and_at_every_change():
    text, number = widgets.Text("ab"), widgets.IntText(1)
    output = LiveHTML([text, number], count_characters)
    assert output.value == "2 characters, 1"
    text.value = "abc"
    assert output.value == "3 characters, 1"
    number.value = 2
    assert output.value == "3 characters, 2"


def test_controls_that_change_together_are_rendered_once():
    controls, calls = [widgets.IntText(1), widgets.IntText(2)], []

    def render(a: int, b: int) -> str:
        calls.append((a, b))
        return f"{a} {b}"

    output = LiveHTML(controls, render)
    with output.render_once():
        controls[0].value, controls[1].value = 3, 4
        assert output.value == "1 2"
    assert calls == [(1, 2), (3, 4)]
    assert output.value == "3 4"
    with pytest.raises(RuntimeError), output.render_once():
        raise RuntimeError
    controls[0].value = 5
    assert output.value == "5 4"  # an error does not leave it paused


def test_a_value_error_is_shown_and_other_errors_are_raised():
    text, number = widgets.Text("ab"), widgets.IntText(13)
    output = LiveHTML([text, number], count_characters)
    assert output.value == "<p><b>Nothing to show:</b> no &lt;13&gt;</p>"
    number.value = 14
    assert output.value == "2 characters, 14"
    with pytest.raises(TypeError):
        LiveHTML([text], count_characters)


def test_a_long_text_is_truncated_and_that_is_said():
    panel = make_panel([widgets.Text("a" * (LONGEST_TEXT + 1)), widgets.IntText(1)], count_characters)
    text, _, output = panel.children
    assert output.value == "<p>Only the first 2,000 characters of a text are used.</p>2000 characters, 1"
    text.value = "a" * LONGEST_TEXT
    assert output.value == "2000 characters, 1"


def test_truncation_is_noted_only_where_something_is_truncated():
    assert note_truncation("The text", 3000, 2000) == "The text has 3,000 tokens; only the first 2,000 are used. "
    assert note_truncation("The text", 2000, 2000) == ""


def test_bars_boxes_and_tables():
    assert "width:40px" in format_bar(0.25)
    assert format_bar(0.25).endswith(" 25.0%</div>")
    assert format_bar(0.25, content="1 of 4").endswith(" 1 of 4</div>")
    assert 'title="&lt;b&gt; &quot;" ' in format_box("", "#fff", title='<b> "')
    assert [mix_with_white("#0072b2", share) for share in (0, 0.5, 1)] == ["#ffffff", "#80b8d8", "#0072b2"]
    table = format_table([("a", "b"), ("<b>c</b>", "d")], ("first", "second"))
    assert read_rows(table) == [[], ["a", "b"], ["c", "d"]]
    assert table.index("<th") < table.index("first") < table.index("<td")


def test_the_correct_guess_is_marked_by_a_word():
    assert read_rows(format_guesses([("<", 0.75), ("a", 0.25)], truth="a")) == [
        ["&lt;", "75.0%"],
        ["a", "25.0% correct"],
    ]
