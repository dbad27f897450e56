"""Symptom cards: after a guess the checks run, and the one that finds something is red; a new card asks anew."""

import pytest

from bertlab import explore

from .tables import read_rows

SOUND, CARDS = {"rate": 1.0, "seed": 0}, {
    "the rate is too high": {"rate": 9.0, "seed": 0},
    "nothing <is> wrong": {"rate": 1.0, "seed": 1},
}  # fmt: skip


def check_rate(training):
    if training["rate"] > 2:
        raise AssertionError("a rate of <9>")


def check_seed(training):
    if training["seed"] > 1:
        raise AssertionError


def measure(training):
    return {"loss": ([0, 1, 2], [4.0, 2.0, training["rate"]]), "right": ([0, 2], [0.0, 50.0])}


def open_cards(cards=CARDS):
    checks = {"check_rate": check_rate, "check_seed": check_seed}
    return explore.symptom_cards(cards, SOUND, measure, checks).children


def test_a_card_shows_its_curves_beside_the_sound_ones():
    card, curves, guess, verdict = open_cards()
    assert sorted(explore.mix_cards(CARDS)) == sorted(CARDS)
    card.value = 1 + explore.mix_cards(CARDS).index("the rate is too high")
    assert curves.value.count("<svg") == 2
    assert f"loss: card {card.value} (blue), sound training (dashed)" in curves.value
    assert ">9</text>" in curves.value, "the axis ends at the highest value of both"
    assert "260.0,10.0" in curves.value, "which is at its end, at the top"
    card.value = 3 - card.value
    assert ">4</text>" in curves.value
    assert "The checks run when you have guessed" in verdict.value
    assert not read_rows(verdict.value)
    assert guess.value == ""


def test_after_a_guess_the_check_that_finds_something_is_red():
    card, _, guess, verdict = open_cards()
    card.value = 1 + explore.mix_cards(CARDS).index("the rate is too high")
    guess.value = "nothing <is> wrong"
    assert "It is another cause" in verdict.value
    assert "1 of the 2 checks fails" in verdict.value
    assert read_rows(verdict.value) == [["fails", "check_rate", "a rate of &lt;9&gt;"], ["passes", "check_seed", ""]]
    guess.value = "the rate is too high"
    assert "Your guess is right" in verdict.value
    card.value = 3 - card.value
    assert guess.value == ""
    assert "The checks run when you have guessed" in verdict.value
    guess.value = "nothing <is> wrong"
    assert "Your guess is right" in verdict.value
    assert "None of the 2 checks fail." in verdict.value
    assert [row[0] for row in read_rows(verdict.value)] == ["passes", "passes"]


def test_different_curves_are_refused():
    with pytest.raises(ValueError, match=r"card 1 has the curves \['loss'\], and the sound training has \['right'\]"):
        explore.curves_html({"loss": ([0], [1.0])}, {"right": ([0], [1.0])}, "card 1")


def test_the_checks_wait_for_a_guess():
    seen = []
    card, _, guess, _ = explore.symptom_cards(CARDS, SOUND, measure, {"check": seen.append}).children
    guess.value = "nothing <is> wrong"
    assert seen == [CARDS[explore.mix_cards(CARDS)[0]]]
    card.value = 2
    assert len(seen) == 1, "a new card has no guess yet"
    guess.value = "nothing <is> wrong"
    assert seen[1:] == [CARDS[explore.mix_cards(CARDS)[1]]]


def test_a_check_without_a_message_fails_nevertheless():
    assert explore.run_checks({"check_seed": check_seed}, {"seed": 2}) == {"check_seed": "no message"}
    with pytest.raises(KeyError):
        explore.run_checks({"check_seed": check_seed}, {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({}, SOUND, measure, {"check": check_rate}), "0 cards and 1 checks"),
        ((CARDS, SOUND, measure, {}), "2 cards and 0 checks"),
        (([], SOUND, measure, {}), "cards"),
    ],
)
def test_without_cards_or_checks_there_is_nothing_to_play(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        explore.symptom_cards(*arguments)
