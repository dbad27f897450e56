"""The chart of decisions: every combination has an answer, the answers follow from the questions, the panel renders."""

from itertools import product

import pytest

from bertlab import explore
from bertlab.explore.decision_chart import (
    CHECKPOINTS,
    DOMAINS,
    LABELS,
    LANGUAGES,
    LENGTHS,
    MACHINES,
    OUTPUTS,
    recommend_models,
)

USUAL = ["a label for a text", "English", "sentences", "hundreds", "everyday", "a CPU, overnight"]


def ask(**changes) -> dict[str, str]:
    names = ("output", "language", "length", "labels", "domain", "machine")
    return recommend_models(**(dict(zip(names, USUAL, strict=True)) | changes))


def test_every_combination_is_answered_and_every_checkpoint_is_used():
    found = [recommend_models(*answers) for answers in product(OUTPUTS, LANGUAGES, LENGTHS, LABELS, DOMAINS, MACHINES)]
    assert all(set(advice) == {"first", "compare", "mind"} and all(advice.values()) for advice in found)
    assert {one.name for one in CHECKPOINTS} - {"FacebookAI/xlm-roberta-base"} == {
        advice["first"].split(" ")[0] for advice in found if "/" in advice["first"].split(" ")[0]
    }


def test_answers_follow_the_questions():
    assert "bert-base-uncased" in ask()["first"]
    assert "TF-IDF" in ask()["compare"]
    assert "decoder" in ask(output="new text")["first"]
    assert "decoder" in ask(labels="none")["first"]
    assert "MiniLM" in ask(labels="none", output="a vector to search with")["first"]
    assert "ModernBERT" in ask(length="many pages")["first"]
    assert "chinese" in ask(language="Chinese")["first"]
    assert "share-alike" in ask(domain="law")["mind"]
    assert "slow on a CPU" in ask(language="several languages")["mind"]
    assert "MiniLM" in ask(machine="a CPU, fast answers")["first"]
    assert "as a BERT" in ask(language="Chinese")["mind"]
    assert "pairs of texts" in ask(language="Chinese", output="a vector to search with")["mind"]
    assert "passages" in ask(length="many pages", output="a vector to search with")["mind"]
    assert "passages" not in ask(output="a vector to search with")["mind"]
    with pytest.raises(ValueError, match="'Latin' is not one of English"):
        ask(language="Latin")


def test_panel_follows_its_controls():
    box = explore.decision_chart()
    *controls, output = box.children
    assert len(controls) == 6
    assert "bert-base-uncased" in output.value
    controls[1].value = "Chinese"
    assert "hfl/chinese-roberta-wwm-ext" in output.value
    controls[0].value = "new text"
    assert "decoder" in output.value
