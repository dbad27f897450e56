"""The symptom cards of notebook 18: each fault is found by one check, and by no other; a training gives its curves."""

import pytest

from bertlab import explore
from bertlab.exercises.exhibits import FAULTY, READY
from bertlab.exercises.symptoms import CARDS, CHECKS, SOUND, Setup, measure_symptoms

FOUND_BY = {
    "collate": "check_collate",
    "choose_tokens": "check_masking",
    "mlm_loss": "check_ignored",
    "backward_in_parts": "check_accumulation",
    "load_run": "check_resume",
    "group_parameters": "check_decay",
    "init_weights": "check_norms",
    "adam_step": "check_first_step",
}


def test_each_card_but_one_has_one_fault():
    faults = [name for setup in CARDS.values() for name in READY if getattr(setup, name) is getattr(FAULTY, name)]
    assert sorted(faults) == sorted(FOUND_BY)
    assert len(CARDS) == 1 + len(FOUND_BY)
    with pytest.raises(ValueError, match="'colate' is no exhibit"):
        Setup("colate")


@pytest.mark.parametrize("faulty", ["", *FOUND_BY])
def test_one_check_finds_a_fault(faulty):
    found = explore.run_checks(CHECKS, Setup(faulty, seed=0 if faulty else 1))
    assert [name for name, said in found.items() if said] == ([FOUND_BY[faulty]] if faulty else [])


def test_a_training_gives_its_curves_and_is_not_repeated():
    curves = measure_symptoms(SOUND, 12)
    (steps, losses), (asked, right) = curves.values()
    assert steps == list(range(12))
    assert asked == [5, 11]
    assert losses[-1] < losses[0]
    assert all(0 <= share <= 100 for share in right)
    assert measure_symptoms(SOUND, 12) is curves
    again = measure_symptoms(Setup(), 12)
    assert again == curves
    assert measure_symptoms(Setup("load_run"), 12) != curves
