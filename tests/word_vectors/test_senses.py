"""Pairs of senses: which examples are taken, that nothing gives the answer away, and that labels fit their text."""

import pytest

from bertlab import sources
from bertlab.sources import Synset
from bertlab.word_vectors import senses
from bertlab.word_vectors.senses import find_usage, inflect, load_labelled_usages, make_sense_pairs


def test_regular_forms():
    assert {"bank", "banks"} <= inflect("bank", "noun")
    assert {"try", "tries", "tried", "trying"} <= inflect("try", "verb")
    assert {"stop", "stopped", "stopping"} <= inflect("stop", "verb")
    assert {"bake", "baked", "baking"} <= inflect("bake", "verb")
    assert "banking" not in inflect("bank", "noun")


def test_a_usage_is_a_word_that_occurs_once_in_a_text_of_some_words():
    usage = find_usage("they sat on the Banks of a river", "bank", "noun")
    assert usage.text[usage.start : usage.end] == "Banks"
    assert find_usage("the bank is on the bank of it", "bank", "noun") is None
    assert find_usage("a bank of it", "bank", "noun") is None
    assert find_usage(" ".join(["bank"] + ["word"] * 30), "bank", "noun") is None


def make_synsets() -> list[Synset]:
    """Words with two senses: two examples in the first, one in the second. The last word is in one supersense only."""
    synsets = []
    for number in range(300):
        word = f"word{'abcdefghij'[number % 10]}{'klmnopqrst'[number // 10 % 10]}{'uvwxyz'[number // 100]}"
        examples = (f"this is the {word} number one", f"this is the {word} number two")
        synsets += [Synset("noun", f"{number:08}", 4, (word,), "", examples),
                    Synset("noun", f"{number + 500:08}", 6, (word,), "", (f"there is no {word} in here",))]  # fmt: skip
    synsets += [Synset("noun", "1", 4, ("lone",), "", ("this is the lone number one", "this is the lone number two")),
                Synset("noun", "2", 4, ("lone",), "", ("there is no lone in here",))]  # fmt: skip
    twice = ("it was a twin of it", "it was a twin of it")
    return [*synsets, Synset("noun", "3", 4, ("twin",), "", twice),
            Synset("noun", "4", 6, ("twin",), "", ("there is no twin in here",))]  # fmt: skip


def test_each_word_has_a_pair_of_each_kind_that_share_a_sentence(monkeypatch):
    monkeypatch.setattr(sources, "wordnet", make_synsets)
    dev, test = make_sense_pairs()
    assert make_sense_pairs() == (dev, test)
    assert len(dev) + len(test) == 600
    assert not {pair.word for pair in dev} & {pair.word for pair in test}
    assert "lone" not in {pair.word for pair in dev + test}, "both senses are in one supersense"
    assert "twin" not in {pair.word for pair in dev + test}, "both sentences are the same"
    for side in (dev, test):
        for same, different in zip(side[::2], side[1::2], strict=True):
            assert same.same
            assert not different.same
            assert same.first == different.first
            assert same.first != same.second
            assert "there is no" in different.second.text


def test_labelled_usages_are_found_in_the_text_or_refused(monkeypatch):
    text = "They sat on the Bank."
    entry = {"word": "bank", "sense": "river", "source": "wiki", "document": 0, "sentence": 1}
    digest = senses.sha256(text.encode()).hexdigest()[:16]
    monkeypatch.setattr(senses, "read_json", lambda path: {"usages": [entry | {"sha256": digest}]})
    monkeypatch.setattr(sources, "documents", lambda name: [["First.", text]])
    ((word, sense, usage),) = load_labelled_usages()
    assert (word, sense, usage.text[usage.start : usage.end]) == ("bank", "river", "Bank")
    monkeypatch.setattr(sources, "documents", lambda name: [["First.", "They sat on a bank."]])
    with pytest.raises(ValueError, match="sentence 1 of document 0 of wiki has changed"):
        load_labelled_usages()


def test_the_labels_are_twenty_words_of_two_senses_with_four_sentences():
    labels = senses.read_json(sources.data_folder() / "senses_labels.json")
    assert set(labels["pairs"].values()) == {"same", "different", "unclear"}
    counts: dict = {}
    for entry in labels["usages"]:
        counts.setdefault(entry["word"], {}).setdefault(entry["sense"], []).append(entry["sha256"])
    assert len(counts) == 20
    assert all([len(set(found)) for found in kinds.values()] == [4, 4] for kinds in counts.values())
