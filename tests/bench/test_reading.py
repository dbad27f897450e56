"""The exams of a reader: the loops train, every exam is taken, and the results are those of the runs."""

import json

import numpy as np
import pytest

from bertlab import weights
from bertlab.bench import reading
from bertlab.bench.reading import LOOPS, SEEDS, collect_results, cut_question, list_runs, run_exams, train_reader
from bertlab.heads import SpanFinder
from bertlab.model import Bert, BertConfig
from bertlab.tasks import Question, Reading
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = ["cat", "dog", "sat", "ran", "who", "what", "the", "a", "?", "."]
TOKENIZER = WordPiece([*SPECIAL_TOKENS, *WORDS])
SMALL = BertConfig(vocab_size=len(TOKENIZER), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=32, max_position_embeddings=32)  # fmt: skip


def make_questions(rule: str) -> list[Question]:
    texts = ["the cat sat .", "a dog sat ."] * 2
    starts = [4, 2] * 2
    return [Question(f"wiki-{i}-{rule}", "who sat ?", text, [(at, text[at : at + 3])])
            for i, (text, at) in enumerate(zip(texts, starts, strict=True))]  # fmt: skip


EXAMS = {name: make_questions(name) for name in ("0", "1", "written")}


@pytest.mark.parametrize("loop", LOOPS)
def test_every_loop_trains_a_reader_that_takes_its_exams(loop, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "FROZEN", 0)
    monkeypatch.setattr(reading, "BATCH_SIZE", 2)
    folder = weights.save(Bert(SMALL), tmp_path / "origin", TOKENIZER)
    task = Reading(TOKENIZER, 24, no_answer=True)
    rows = task.make_rows(make_questions("place"))
    model = train_reader(loop, folder, task, rows, steps=4, seed=0)
    assert type(model) is SpanFinder
    before = weights.load(folder).layers[0].feed_forward.expand.weight
    assert not before.equal(model.bert.layers[0].feed_forward.expand.weight)  # what was trained came back
    found = run_exams(model, task, EXAMS, 1, loop)
    assert set(found) == ({"0", "1", "written", "two words"} if loop == "bertlab" else {"1"})
    assert all(len(values) == 4 and 0 <= min(values) <= max(values) <= 1 for values in found.values())


def test_a_question_is_cut_to_its_first_words():
    assert cut_question(Question("", "When was Rome built?", "", [])).question == "When was?"
    assert cut_question(Question("", "Who?", "", [])).question == "Who?"


def test_the_results_are_those_of_the_runs():
    runs = {}
    for loop, half, seed in list_runs():
        f1 = {f"{half}": 0.8 + seed / 10, f"{1 - half}": 0.5, "two words": 0.25, "written": 0.1}
        runs[f"{loop} {half} {seed}"] = {name: [value] * 4 for name, value in f1.items()}
    assert len(runs) == 4 * len(SEEDS)
    found = collect_results(EXAMS, runs)
    expected = [0.8 + seed / 10 for seed in SEEDS]
    assert found["f1"]["known"]["seeds"] == pytest.approx(expected)
    assert found["f1"]["held out"]["seeds"] == [0.5] * len(SEEDS)
    difference = np.mean(expected) - 0.5
    assert found["f1"]["known minus held out"]["interval"] == pytest.approx([difference] * 2, abs=1e-3)
    assert found["f1"]["known minus two words"]["seeds"] == pytest.approx([one - 0.25 for one in expected])
    assert found["f1"]["written"]["interval"] == pytest.approx([0.1, 0.1])
    assert found["loops"] == {loop: pytest.approx(expected) for loop in LOOPS}
    assert found["word_overlap"]["silver"] == 1  # of "the cat sat" it says what is not in "who sat"
    assert found["questions"] == {"0": 4, "1": 4, "written": 4}


def test_the_rules_are_cut_into_two_halves():
    questions = [Question(f"wiki-{i}-{rule}", "", "", []) for i, rule in enumerate(["a"] * 3 + ["no b"] * 2 + ["c"])]
    from bertlab.tasks import draw_questions, split_rules

    assert split_rules(questions) == ({"a", "c"}, {"b"})
    some = [q._replace(context=f"{'word ' * (i + 1)}") for i, q in enumerate(questions)]
    some += [some[3]._replace(id="wiki-9-b")]
    drawn = draw_questions(some, {"b"}, (4, 5), 9)
    assert sorted(len(q.context.split()) for q in drawn) == [4, 5]  # one a context
    assert drawn == draw_questions(some, {"b"}, (4, 5), 9)
    assert len(draw_questions(some, {"a", "b"}, (1, 9), 3)) == 3


def test_what_was_recorded_is_whole(root):
    found = json.loads((root / "data" / "reading.json").read_text(encoding="utf-8"))
    assert found["steps"] == reading.STEPS
    assert found["seeds"] == list(SEEDS)
    assert set(found["loops"]) == set(LOOPS)
    for one in found["f1"].values():
        low, high = one["interval"]
        assert low <= np.mean(one["seeds"]) <= high
        assert len(one["seeds"]) == len(SEEDS)
