"""Invented words in real sentences: where they are put, and what is kept."""

from bertlab.tasks import TaggedSentence
from bertlab.tasks.invented_names import INVENTED, get_planted_tags, plant_names, plant_nouns, shuffle_context

SENTENCES = [
    TaggedSentence(list(line), tags)
    for line, tags in (
        (("The", "Danish", "painter", "saw", "New", "York", "City", "today", "."),
         ["O", "B-MISC", "O", "O", "B-LOC", "I-LOC", "I-LOC", "O", "O"]),
        (("It", "is", "the", "largest", "star", "of", "a", "kind", "."), ["O"] * 9),
        (("A", "Swiss", "prize", "."), ["O", "B-MISC", "O", "O"]),
    )
]  # fmt: skip


def test_a_person_or_place_becomes_one_invented_word():
    (one,) = plant_names(SENTENCES)
    assert one.sentence.words[4] in INVENTED
    assert one.sentence.words[:4] == SENTENCES[0].words[:4]
    assert one.sentence.words[5:] == ["today", "."]
    assert one.sentence.tags == ["O", "B-MISC", "O", "O", "B-LOC", "O", "O"]
    assert (one.position, one.origin, one.replaced) == (4, 0, 4)


def test_a_word_after_a_determiner_becomes_the_same_words_in_lower_case():
    found = plant_nouns(SENTENCES)
    assert {(one.origin, one.position) for one in found} <= {(1, 3), (1, 7)}  # "Danish" and "Swiss" are in names
    assert len(found) == 1
    assert found[0].sentence.words[found[0].position].capitalize() in INVENTED
    assert len({one.sentence.words[one.position] for seed in range(20) for one in plant_nouns(SENTENCES, seed)}) > 5


def test_the_context_is_shuffled_and_the_invented_word_stays():
    planted = plant_names(SENTENCES)
    (one,) = shuffle_context(planted, seed=1)
    before = planted[0].sentence
    assert one.sentence.words[4] == before.words[4]
    assert one.sentence.words != before.words
    assert sorted(zip(*one.sentence)) == sorted(zip(*before))  # noqa: B905


def test_the_tags_of_the_invented_words():
    planted = plant_names(SENTENCES)
    assert get_planted_tags(planted, [{"tags": ["O"] * 4 + ["B-PER"] + ["O"] * 2}]) == ["B-PER"]
