"""What each task feeds a model, says, and is scored by."""

import json
import math
import re

import numpy as np
import pytest
import torch

from bertlab import tasks
from bertlab.batches import IGNORE, Batches
from bertlab.heads import Classifier, Output, SpanFinder, Tagger
from bertlab.model import BertConfig
from bertlab.tasks import (
    Classification,
    LabelledText,
    PaddingCollate,
    Question,
    Reading,
    ReplyChoice,
    TaggedSentence,
    Tagging,
    TextPair,
    Writing,
    compute_class_weights,
    count_row_tokens,
    find_answer_tokens,
    find_best_spans,
    find_best_threshold,
    run_model,
    split_examples,
)
from bertlab.tasks.reading import encode_contexts, score_answers
from bertlab.tasks.replies import group_replies
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece
from bertlab.writing import Writer

WORDS = "the cat sat on a mat dog ran good bad film ##s ##ing . ? who 1 9 ##9 play"
PIECES = WordPiece([*SPECIAL_TOKENS, *WORDS.split()])
CLS, SEP = PIECES.cls_id, PIECES.sep_id
SMALL = BertConfig(vocab_size=len(PIECES), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                   intermediate_size=64, max_position_embeddings=64)  # fmt: skip


def ids(text: str) -> list[int]:
    return PIECES.convert_tokens_to_ids(text.split())


# ---- Batches ---------------------------------------------------------------------------------------------------------


def test_collate_literally():
    collate = PaddingCollate(0)
    rows = [
        {"input_ids": [2, 5, 3], "labels": [IGNORE, 1, IGNORE], "words": 1},
        {"input_ids": [2, 3], "labels": [0, 1]},
    ]
    batch = collate(rows)
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[2, 5, 3], [2, 3, 0]], "labels": [[-100, 1, -100], [0, 1, -100]],
        "attention_mask": [[1, 1, 1], [1, 1, 0]]}  # fmt: skip
    batch = collate([{"input_ids": [2, 3], "labels": 1, "token_type_ids": [0, 1], "start_positions": 1}])
    assert set(batch) == {"input_ids", "labels", "token_type_ids", "start_positions"}
    assert batch["labels"].tolist() == [1]


def test_outputs_reads_every_row_once_and_like_lengths_together():
    rows = [{"input_ids": [2] * n, "labels": 0} for n in (9, 3, 5, 3, 9, 1, 7)]
    seen, shapes = [], []

    class Model(torch.nn.Linear):
        def forward(self, input_ids, attention_mask=None):
            assert not self.training
            shapes.append(tuple(input_ids.shape))
            return Output(logits=input_ids)

    model = Model(1, 1).train()
    for chosen, output in run_model(model, rows, PaddingCollate(0), tokens=18):
        assert len(chosen) == len(output.logits)
        seen += chosen
    assert sorted(seen) == list(range(7))
    assert [len(rows[i]["input_ids"]) for i in seen] == [1, 3, 3, 5, 7, 9, 9]
    assert all(b * t <= 18 for b, t in shapes)
    assert model.training


def test_the_same_text_is_always_on_the_same_side():
    examples = [LabelledText(f"text {i}", None, "x") for i in range(1000)]
    split = split_examples(examples, lambda e: e.text)
    assert [len(side) for side in split] == [795, 99, 106]
    again = split_examples([LabelledText(e.text.upper() + "  ", None, "y") for e in split.test], lambda e: e.text)
    assert len(again.test) == 106


# ---- Classify --------------------------------------------------------------------------------------------------------

FILMS = [
    LabelledText("good film", None, "pos"),
    LabelledText("bad film", None, "neg"),
    LabelledText("a dog", None, "neg"),
]


def test_classify_rows_literally():
    task = Classification(PIECES, ["neg", "pos"], length=6)
    assert task.make_rows(FILMS[:1]) == [{"input_ids": [CLS, *ids("good film"), SEP], "number": 0, "labels": 1}]
    rows = task.make_rows([LabelledText("the cat sat on", "a dog ran", "?"), LabelledText("", None, "neg")])
    assert rows[0] == {
        "input_ids": [CLS, *ids("the cat"), SEP, *ids("a"), SEP], "token_type_ids": [0, 0, 0, 0, 1, 1],
        "number": 0, "labels": IGNORE}  # fmt: skip
    assert rows[1] == {"input_ids": [CLS, SEP], "token_type_ids": [0, 0], "number": 1, "labels": 0}
    assert task.truncated == 1
    assert count_row_tokens(rows) == [6, 2]


def test_classes_of_the_data():
    assert Classification.list_labels([LabelledText("", None, label) for label in ("10", "9", "2")]) == ["2", "9", "10"]
    assert Classification.list_labels([LabelledText("", None, label) for label in ("b", "a", "b")]) == ["a", "b"]
    with pytest.raises(ValueError, match="all 2 texts have the label 'a': there is nothing to tell apart"):
        Classification.list_labels([LabelledText("x", None, "a"), LabelledText("y", None, "a")])
    weights = compute_class_weights(["neg", "pos"], [film.label for film in FILMS])
    assert weights.tolist() == pytest.approx([3 / (2 * 2), 3 / (2 * 1)])


def test_classify_predicts_in_order_and_scores():
    model = Classifier(SMALL, 2).eval()
    task = Classification(PIECES, ["neg", "pos"])
    said = task.predict(model, FILMS)
    for example, one in zip(FILMS, said, strict=True):
        shares = model(torch.tensor([[CLS, *ids(example.text), SEP]])).logits.softmax(-1)[0].tolist()
        assert one["probabilities"] == pytest.approx({"neg": shares[0], "pos": shares[1]}, abs=1e-5)
        assert one["label"] == max(one["probabilities"], key=one["probabilities"].get)
    said = [{"label": label} for label in ("pos", "pos", "neg", "neg")]
    scores = task.score([*FILMS, LabelledText("x", None, "new")], said)
    assert scores["accuracy"] == 0.5
    assert task.score(FILMS, [{"label": e.label} for e in FILMS]) == {"accuracy": 1.0, "macro_f1": 1.0}


def test_baselines_of_classification():
    train = [
        LabelledText("good film", None, "pos"),
        LabelledText("bad film", None, "neg"),
        LabelledText("bad cat", None, "neg"),
    ] * 5
    found = Classification(PIECES, ["neg", "pos"]).score_baselines(train, FILMS)
    assert found["most frequent label"]["accuracy"] == pytest.approx(2 / 3)
    assert found["TF-IDF + logistic regression"]["accuracy"] == 1


# ---- Tag -------------------------------------------------------------------------------------------------------------

PLAYS = TaggedSentence(["cats", "playing", "\u200b", "."], ["N", "V", "X", "P"])


@pytest.mark.parametrize(
    ("label_on", "labels"),
    [("first", [0, IGNORE, 2, IGNORE, 3, 1]), ("last", [IGNORE, 0, IGNORE, 2, 3, 1]), ("all", [0, 0, 2, 2, 3, 1])],
)
def test_tag_rows_literally(label_on, labels):
    """Pieces of one word; a word that is invisible is [UNK]; labels sorted N, P, V, X."""
    task = Tagging(PIECES, Tagging.list_labels([PLAYS]), label_on=label_on)
    [row] = task.make_rows([PLAYS])
    assert row["input_ids"] == [CLS, *ids("cat ##s play ##ing [UNK] ."), SEP]
    assert row["labels"] == [IGNORE, *labels, IGNORE]
    at = [2, 4, 5, 6] if label_on == "last" else [1, 3, 5, 6]
    assert row["words"] == (0, 0, at)


def test_a_long_sentence_is_read_in_parts():
    task = Tagging(PIECES, ["N", "V"], length=5)
    long = TaggedSentence(["cat", "cats", "playing", "dog"], ["N", "V", "N", "V"])
    rows = task.make_rows([TaggedSentence(["dog"], ["N"]), long])
    assert [row["input_ids"] for row in rows] == [[CLS, *ids(text), SEP] for text in
                                                  ("dog", "cat cat ##s", "play ##ing dog")]  # fmt: skip
    assert [row["words"] for row in rows] == [(0, 0, [1]), (1, 0, [1, 2]), (1, 2, [1, 3])]
    assert (task.windowed, task.truncated) == (1, 0)
    said = task.predict(Tagger(SMALL, 2), [TaggedSentence(["dog"], ["N"]), long])
    assert [len(one["tags"]) for one in said] == [1, 4]
    assert all(0.5 <= p <= 1 for one in said for p in one["probability"])


def test_tag_predicts_what_the_labelled_piece_says():
    model = Tagger(SMALL, 4).eval()
    task = Tagging(PIECES, Tagging.list_labels([PLAYS]), label_on="last")
    [row] = task.make_rows([PLAYS])
    logits = model(torch.tensor([row["input_ids"]])).logits[0]
    expected = [task.labels[i] for i in logits[row["words"][2]].argmax(-1).tolist()]
    assert task.predict(model, [PLAYS])[0]["tags"] == expected
    with pytest.raises(ValueError, match="label_on is 'middle'"):
        Tagging(PIECES, ["a", "b"], label_on="middle")


def test_the_perceptron_says_if_it_has_read_a_part_of_the_sentences(monkeypatch):
    train = [TaggedSentence(["cat", "ran"], ["N", "V"]), TaggedSentence(["sat", "dog"], ["V", "N"])]
    monkeypatch.setattr(tasks.tagging, "MOST_BASELINE_SENTENCES", 1)
    found = Tagging(PIECES, ["N", "V"]).score_baselines(train, train)
    assert "structured perceptron, 1 sentences" in found
    assert "structured perceptron" not in found


def test_baselines_of_tagging():
    train = [TaggedSentence(["Cat", "ran"], ["N", "V"]), TaggedSentence(["cat", "sat", "dog"], ["N", "V", "N"])]
    test = [TaggedSentence(["CAT", "dog", "mat"], ["N", "N", "N"]), TaggedSentence(["ran", "sat"], ["V", "V"])]
    found = Tagging(PIECES, ["N", "V"]).score_baselines(train, test)
    assert found["most frequent tag"] == {"accuracy": 3 / 5}
    assert found["dictionary of words"] == {"accuracy": 1.0}  # CAT as cat; mat as most words that were seen once
    assert found["structured perceptron"]["accuracy"] >= 4 / 5  # "ran" and "sat" after the start are new to it
    many = [TaggedSentence(["a"], [f"T{number}"]) for number in range(101)]
    assert "structured perceptron" not in Tagging(PIECES, ["T0", "T1"]).score_baselines(many, many[:1])
    train = [TaggedSentence(["Ada", "Byron", "ran"], ["B-P", "I-P", "O"])]
    test = [TaggedSentence(["Byron", "Ada", "sat"], ["B-P", "O", "O"])]
    found = Tagging(PIECES, Tagging.list_labels(train)).score_baselines(train, test)["dictionary of words"]
    assert found == {"f1": pytest.approx(2 / 3), "precision": 0.5, "recall": 1.0, "accuracy": 2 / 3}


# ---- Read ------------------------------------------------------------------------------------------------------------

CONTEXT = "The cat sat on a mat. The  DOG ran 1999."
#          0   4   8   12  15 17  20 22   27  31  35


def test_read_rows_map_to_characters_exactly():
    task = Reading(PIECES, length=64)
    [row] = task.make_rows([Question("1", "who?", CONTEXT, [(27, "DOG ran")])])
    first = row["first"]
    assert row["input_ids"][:first] == [CLS, *ids("who ?"), SEP]
    span = row["offsets"][row["start_positions"] - first : row["end_positions"] - first + 1]
    assert CONTEXT[span[0][0] : span[-1][1]] == "DOG ran"
    assert sum(row["token_type_ids"]) == len(row["input_ids"]) - first
    assert find_answer_tokens([(0, 3), (4, 7), (7, 9)], 5, "at") == (1, 1)  # half of a token is that token
    assert find_answer_tokens([(0, 3), (4, 7), (7, 9)], 6, "ts") == (1, 2)
    assert find_answer_tokens([(0, 3)], 3, " ") is None


def test_windows_overlap_and_hold_the_answer_or_say_that_there_is_none():
    task = Reading(PIECES, length=10, stride=3)  # [CLS] who ? [SEP], 5 of the context, [SEP]
    context = "a cat sat on the mat . a dog ran"
    example = Question("1", "who?", context, [(context.index("the mat"), "the mat")])
    rows = task.make_rows([example])
    texts = [PIECES.decode(row["input_ids"][4:-1]) for row in rows]
    assert texts == ["a cat sat on the", "on the mat. a", ". a dog ran"]
    assert [(row["start_positions"], row["end_positions"]) for row in rows] == [(0, 0), (5, 6), (0, 0)]
    assert all(len(row["input_ids"]) <= 10 for row in rows)
    assert task.lost == 0
    task.make_rows([example._replace(answers=[(0, "a cat sat on the mat")])])
    assert task.lost == 1  # longer than any window
    task.make_rows([example._replace(question="who who who who who who ?")])
    assert task.truncated == 1


def test_a_question_of_any_length_and_an_empty_context():
    task = Reading(PIECES, length=16, no_answer=True)
    rows = task.make_rows([Question("1", "who " * 50, "a cat", []), Question("2", "who?", "", [])])
    assert [len(row["input_ids"]) for row in rows] == [11, 5]
    said = task.predict(SpanFinder(SMALL), [Question("2", "who?", "", [])])
    assert said[0]["answer"] == ""


@pytest.mark.parametrize("longest", [1, 2, 9])
def test_best_spans_equal_all_pairs(longest):
    start, end = torch.randn(7), torch.randn(7)
    found = find_best_spans(start, end, longest, most=5)
    every = sorted(((start[a] + end[b]).item(), a, b) for a in range(7) for b in range(a, min(7, a + longest)))[::-1]
    assert [(a, b) for _, a, b in found] == [(a, b) for _, a, b in every[:5]]
    assert find_best_spans(start[:0], end[:0], 3) == []


def test_a_long_context_is_encoded_in_parts_without_a_difference(monkeypatch):
    text = "the cat, [MASK] saw who\u00e9\u0301? in rome.\n\u4e2d\u6587 \x1ca cat\u3000was\tthere  " * 30
    rust = PIECES.to_rust().encode(text, add_special_tokens=False)
    for size in (1, 7, 100):
        monkeypatch.setattr("bertlab.tasks.reading.PART", re.compile(f"(?s:.){{1,{size}}}[^ \\n]*"))
        assert encode_contexts(PIECES, [text, ""]) == {text: (rust.ids, rust.offsets), "": ([], [])}


class CountingRust:
    """A tokenizer in Rust that counts how often a list of its encodings is made."""

    def __init__(self, rust, made: list[str]):
        self.rust, self.made = rust, made

    def encode(self, *arguments, **options):
        self.encoding = self.rust.encode(*arguments, **options)
        return self

    def __getattr__(self, name: str):
        self.made.append(name)
        return getattr(self.encoding, name)


def test_the_windows_of_a_context_are_cut_from_lists_that_are_made_once(monkeypatch):
    """Else the time grows with the square of the context: each access to such a list makes it anew."""
    made, rust = [], PIECES.to_rust()
    monkeypatch.setattr(WordPiece, "to_rust", lambda self: CountingRust(rust, made))
    monkeypatch.setattr(WordPiece, "encode_bulk", lambda self, texts: [[9] for _ in texts])
    rows = Reading(PIECES, length=16).make_rows([Question("1", "who?", "the cat saw a dog " * 100, [])])
    assert len(rows) > 50
    assert sorted(made) == ["ids", "offsets"]


def test_the_best_threshold_is_that_of_all_of_them():
    rng = np.random.default_rng(0)
    asked = [Question(str(n), "?", "a", [(0, "a")] if rng.random() < 0.5 else []) for n in range(40)]
    spans = ["a" if rng.random() < 0.6 else "b" for _ in asked]
    said = [{"gap": float(rng.integers(9))} for _ in asked]

    def sum_f1(threshold: float) -> float:
        chosen = [span if one["gap"] <= threshold else "" for one, span in zip(said, spans, strict=True)]
        return score_answers(asked, chosen)["f1"]

    best = find_best_threshold(asked, said, spans)
    assert sum_f1(best) == max(map(sum_f1, [-math.inf, *range(9)]))


def test_candidates_are_drawn_from_all_replies_that_are_not_known_to_fit():
    pairs = [TextPair(f"s{n % 7}", f"R{n}" if n % 3 else f"r{n - 1}") for n in range(30)]
    task = ReplyChoice(PIECES, candidates=5)
    known, replies = group_replies(pairs), sorted({pair.target for pair in pairs})
    for number, (pair, drawn) in enumerate(zip(pairs, task.list_candidates(pairs), strict=True)):
        others = [reply for reply in replies if reply.lower() not in known[pair.source]]
        rng = np.random.default_rng((0, number))
        expected = [others[i] for i in rng.choice(len(others), 4, replace=False)]
        expected.insert(int(rng.integers(5)), pair.target)
        assert drawn == expected


class Oracle(torch.nn.Linear):
    """Scores 5 at the first and last token of a word, and `null` at [CLS]."""

    def __init__(self, word: str, null: float):
        super().__init__(1, 1)
        self.word, self.null = PIECES.index[word], null

    def forward(self, input_ids, token_type_ids=None, attention_mask=None):
        scores = 5.0 * ((input_ids == self.word) & (token_type_ids == 1))
        scores[:, 0] = self.null
        return Output(start_logits=scores, end_logits=scores)


def test_read_predicts_over_windows_with_characters():
    example = Question("1", "who?", "a cat sat on the mat. A  Dog ran", [])
    task = Reading(PIECES, length=10, stride=3, no_answer=True)
    [said] = task.predict(Oracle("dog", null=1.0), [example])
    assert (said["answer"], said["start"]) == ("Dog", 25)
    assert said["gap"] == pytest.approx(2 - 10)
    [said] = task.predict(Oracle("dog", null=6.0), [example])
    assert (said["answer"], said["start"], said["gap"]) == ("", -1, pytest.approx(2))
    assert task.predict(Oracle("dog", null=6.0), [example], threshold=3)[0]["answer"] == "Dog"
    always = Reading(PIECES, length=10, stride=3)
    assert always.predict(Oracle("dog", null=6.0), [example])[0]["answer"] == "Dog"


def test_what_is_said_of_an_empty_context_is_json():
    torch.manual_seed(0)
    (said,) = Reading(PIECES, length=32, no_answer=True).predict(SpanFinder(SMALL), [Question("1", "who ?", "", [])])
    assert (said["answer"], said["start"]) == ("", -1)
    json.dumps(said, allow_nan=False)


def test_best_threshold_by_hand():
    asked = [Question(str(i), "", "", answers) for i, answers in enumerate([[(0, "cat")], [], [(0, "dog")], []])]
    said = [{"gap": gap} for gap in (-3.0, 4.0, 1.0, 2.0)]
    assert find_best_threshold(asked, said, ["cat", "x", "dog", "y"]) == 1.0
    assert find_best_threshold(asked, said, ["x", "x", "x", "x"]) == -math.inf


def test_scores_and_baselines_of_reading():
    asked = [Question("1", "who sat on a mat?", CONTEXT, [(4, "cat")]), Question("2", "who?", CONTEXT, [])]
    task = Reading(PIECES, no_answer=True)
    found = task.score(asked, [{"answer": "the cat"}, {"answer": "dog"}])
    assert found == {"exact": 0.5, "f1": 0.5, "f1_answer": 1.0, "f1_no_answer": 0.0}
    found = task.score_baselines(asked, asked)
    assert found["always no answer"]["exact"] == 0.5
    assert found["word overlap"]["f1_answer"] == 1.0  # "The cat"


# ---- Reply -----------------------------------------------------------------------------------------------------------

TALK = [
    TextPair("who sat?", "the cat."),
    TextPair("who sat?", "a dog."),
    TextPair("who ran?", "a film."),
    TextPair("good?", "bad."),
]


def test_reply_draws_wrong_ones_that_are_wrong():
    task = ReplyChoice(PIECES, wrong=5)
    rows = task.make_rows(TALK)
    batch = task.collate(rows, np.random.default_rng(0))
    assert batch["labels"].tolist() == [1, 0, 0, 0, 0, 0] * 4
    texts = [PIECES.decode(row) for row in batch["input_ids"].tolist()]
    assert texts[0] == "who sat? the cat."
    assert all("cat" not in text and "dog" not in text for text in [*texts[1:6], *texts[7:12]])
    again = task.collate(rows, np.random.default_rng(0))
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    batches = Batches(rows, task.collate, 2, lengths=count_row_tokens(rows))
    assert len(batches[0]["input_ids"]) == 12


def test_choices_are_fixed_and_hold_the_right_one():
    task = ReplyChoice(PIECES, candidates=3)
    some = task.list_candidates(TALK)
    assert some == task.list_candidates(TALK)
    assert all(len(one) == len(set(one)) == 3 and pair.target in one for one, pair in zip(some, TALK, strict=True))
    assert "a dog." not in some[0]  # it fits as well
    with pytest.raises(ValueError, match="2 other replies are too few to judge among 10"):
        ReplyChoice(PIECES).list_candidates(TALK)


def test_ranks():
    assert tasks.find_rank(np.array([0.5, 0.9, 0.1]), 0) == 1
    assert tasks.find_rank(np.array([0.5, 0.5, 0.5]), 0) == 2  # who says the same of all has found nothing
    task = ReplyChoice(PIECES, candidates=3)
    said = task.predict(Classifier(SMALL, 2), TALK)
    assert all(0 <= one["rank"] < 3 for one in said)
    for pair, one, some in zip(TALK, said, task.list_candidates(TALK), strict=True):
        torch.manual_seed(0)
        ranked = task.rank_replies(Classifier(SMALL, 2), pair.source, some)
        assert len(ranked) == 3 and ranked[0][0] >= ranked[1][0], one  # noqa: PT018
    assert task.score(TALK, [{"rank": 0}, {"rank": 4}, {"rank": 5}, {"rank": 0}]) == {"recall@1": 0.5, "recall@5": 0.75}
    assert task.score_baselines(TALK, TALK)["chance"] == {"recall@1": 1 / 3, "recall@5": 1.0}


# ---- Write -----------------------------------------------------------------------------------------------------------


def test_write_rows_literally():
    task = Writing(PIECES, length=10)
    [row] = task.make_rows([TextPair("the cat", "a dog")])
    target = [*ids("a dog"), SEP]
    assert row["input_ids"] == [CLS, *ids("the cat"), SEP, *target]
    assert row["token_type_ids"] == [0, 0, 0, 0, 1, 1, 1]
    assert row["labels"] == [IGNORE] * 4 + target
    assert task.truncated == 0
    [row] = task.make_rows([TextPair("the cat sat on", "a dog ran on a mat")])
    assert row["input_ids"] == [CLS, *ids("the cat sat"), SEP, *ids("a dog ran on"), SEP]
    assert task.truncated == 1


def test_whole_pairs_are_those_that_are_not_cut():
    task = Writing(PIECES, length=10)
    fits = [TextPair("the cat sat", "a dog ran on"), TextPair("a", "")]
    pairs = [fits[0], TextPair("the cat sat on", "a"), TextPair("a", "a dog ran on a"), fits[1]]
    assert task.keep_whole(pairs) == fits
    task.make_rows(task.keep_whole(pairs))
    assert task.truncated == 0
    task.make_rows(pairs)
    assert task.truncated == 2


def test_a_writer_learns_to_copy():
    """Two hundred steps on single words: the loss falls, and what is written is what stood there, in any order."""
    torch.manual_seed(0)
    task, model = Writing(PIECES, length=12), Writer(SMALL)
    pairs = [TextPair(word, word) for word in ("cat", "dog", "mat", "film")]
    rows = task.make_rows(pairs)
    before = task.validate(model, pairs)["dev_loss"]
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(60):
        model(**task.collate(rows)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert task.validate(model, pairs)["dev_loss"] < before / 4
    said = task.predict(model, [TextPair("dog", ""), TextPair("cat", ""), TextPair("film", "")], beams=2)
    assert [one["text"] for one in said] == ["dog", "cat", "film"]
    assert model.training
    assert task.score(pairs, task.predict(model, pairs))["chrf"] == pytest.approx(100)


def test_scores_of_writing_do_not_count_case_that_is_not_there():
    task = Writing(PIECES)
    assert task.score_texts([TextPair("", "The CAT sat on a mat.")], ["the cat sat on a mat ."])[
        "bleu"
    ] == pytest.approx(100)
    found = task.score_baselines([TextPair("x", "a b")], [TextPair("the cat sat", "the cat")])
    assert found["its first 2 words"]["chrf"] == pytest.approx(100)
    assert found["copy of the source"]["chrf"] < 100
