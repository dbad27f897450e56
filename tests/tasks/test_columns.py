"""Files of tagged words in columns: each layout is recognised by its content, and what is odd is said or refused."""

import os
import random
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bertlab import BertConfig, Pretraining, weights
from bertlab.__main__ import main
from bertlab.tasks import TASKS, BadRowsError, TaggedSentence, read_tagged_sentences, to_iob2
from bertlab.tasks.entity_tags import convert_tags

from ..conftest import ROOT
from .test_finetuning import PIECES

INPUTS = ROOT / "tests/inputs/columns"
FIRST_OF_GERMEVAL = "Er/O reist/O nach/O Jena/B-LOC"
MULTICONER = ["she/O sails/O to/O malmö/B-LOC", "#/O grace/B-PER hopper/I-PER"]
COMPANY = ["Ada/B-PER and/O New/B-LOC York/I-LOC City/I-LOC"]
ROME = ["Ada/B-PER and/O New/B-LOC York/I-LOC Rome/B-LOC"]
OSLO = ["Oslo/B-LOC sleeps/O", "Nora/B-PER waits/O"]

# file, columns by name, what is said of the layout, the sentences
READ = [
    ("conll2003.txt", {}, "CoNLL-2003 columns: word 1, tag 4; IOB1 turned into IOB2",
     ["Oslo/B-ORG blames/O Danish/B-MISC fog/O ./O", "Nora/B-PER Holm/I-PER Bergen/B-PER"]),
    ("conll2003.txt", {"tag": "2"}, "CoNLL-2003 columns: word 1, tag 2; plain tags, 5 different",
     ["Oslo/NNP blames/VBZ Danish/JJ fog/NN ./.", "Nora/NNP Holm/NNP Bergen/NNP"]),
    ("conll2003_phrases.txt", {}, "CoNLL-2003 columns: word 1, tag 4; IOB2", ["Nora/B-PER waits/O"]),
    ("german_conll2003.txt", {}, "5 columns: word 1, tag 5; IOB1 turned into IOB2", ["Ulm/B-LOC liegt/O"]),
    ("conllu_by_content.txt", {}, "CoNLL-U columns: word 2, tag 4; lines left out: comments (3), ranges and empty "
     "nodes (2); plain tags, 6 different", ["We/PRON ca/AUX n't/PART stay/VERB ./PUNCT", "New York/PROPN"]),
    ("conllu_by_content.txt", {"column": "xpos"}, "word 2, tag 5", ["We/PRP ca/MD n't/RB stay/VB ./.", "New York/NNP"]),
    ("conllu_by_content.txt", {"tag": "8"}, "word 2, tag 8",
     ["We/nsubj ca/aux n't/advmod stay/root ./punct", "New York/root"]),
    ("germeval.tsv", {}, "GermEval 2014 columns: word 2, tag 3; lines left out: comments (2); IOB2",
     [FIRST_OF_GERMEVAL, "Universität/B-ORG Ulm/I-ORG"]),
    ("germeval.tsv", {"tag": "4"}, "word 2, tag 4", ["Er/O reist/O nach/O Jena/O", "Universität/O Ulm/B-LOC"]),
    ("multiconer.conll", {}, "MultiCoNER columns: word 1, tag 4; lines left out: comments (2); IOB2", MULTICONER),
    ("multiconer_spaces.conll", {}, "MultiCoNER columns: word 1, tag 4; lines left out: comments (2)", MULTICONER),
    ("multiconer_spaces.conll", {"word": "1", "tag": "-1"}, "lines left out: comments (2)", MULTICONER),
    ("wnut.conll", {}, "WNUT columns: word 1, tag 2; IOB2",
     ["#/O visit/O #lund/B-location @ada/O", "the/O who/B-group"]),
    ("bioes.txt", {}, "2 columns: word 1, tag 2; BIOES turned into IOB2", COMPANY),
    ("bilou.txt", {}, "2 columns: word 1, tag 2; BILOU turned into IOB2", COMPANY),
    ("bmes.txt", {}, "2 columns: word 1, tag 2; BMES turned into IOB2", ["林/B-PER 小/I-PER 雨/I-PER 在/O 沪/B-LOC"]),
    ("iob1.txt", {}, "2 columns: word 1, tag 2; IOB1 turned into IOB2", ROME),
    ("iob2.txt", {}, "2 columns: word 1, tag 2; IOB2", ROME),
    ("numbered.conll", {}, "5 numbered columns: word 2, tag 5; IOB1 turned into IOB2",
     ["Oslo/B-ORG blames/O fog/O", "Nora/B-PER waits/O"]),
    ("numbered.conll", {"word": "2", "tag": "3"}, "word 2, tag 3",
     ["Oslo/NNP blames/VBZ fog/NN", "Nora/NNP waits/VBZ"]),
    ("numbered_on.tsv", {}, "3 numbered columns: word 2, tag 3; IOB2", OSLO),
    ("sentence_numbers.tsv", {}, "3 numbered columns: word 2, tag 3; IOB2", OSLO),
    ("document_numbered.tsv", {}, "3 numbered columns: word 2, tag 3; IOB2", OSLO[:1]),
    ("tag_first.bio", {}, "2 columns: word 2, tag 1; IOB2", ["apple/B-Dish pie/I-Dish near/O me/O"]),
    ("header.tsv", {}, "3 columns: word 1, tag 3; lines left out: names of columns (1); IOB2", ["Nora/B-PER waits/O"]),
    ("begin_document.tsv", {}, "3 columns: word 1, tag 3; lines left out: comments (2); IOB2", ["Nora/B-PER waits/O"]),
    ("runs_of_tabs.txt", {}, "2 columns: word 1, tag 2; IOB2", ["Nora/B-PER waits-for-long/O in/O Oslo/B-LOC"]),
    ("mixed.txt", {}, "columns: word 1, tag 2; IOB2", ["Nora/B-PER waits/O in/O Oslo/B-LOC"]),
    ("typo.conll", {}, "2 columns: word 1, tag 2; IOB1 and IOB2 mixed, turned into IOB2",
     ["Nora/B-PER Holm/I-PER waits/O in/O Oslo/B-LOC", "Ada/B-PER and/O Bergen/B-LOC Ulm/B-LOC 0/O"]),
    ("underscores.conll", {}, "IOB2", ["Nora/B-PER Holm/I-PER waits/O Ulm/B-LOC"]),
    ("lower_case.conll", {}, "IOB2", ["Nora/B-per Holm/I-per waits/O Ulm/B-loc"]),
    ("prefix_last.conll", {}, "IOB2", ["Nora/B-PER Holm/I-PER waits/O"]),
    ("no_prefix.conll", {}, "plain tags, 3 different", ["Nora/PER waits/O Ulm/LOC"]),
    ("pos.txt", {}, "plain tags, 5 different", ["Nora/NNP waits/VBZ ,/, #/# ./."]),
]  # fmt: skip

# file, columns by name, the error
REFUSED = [
    ("error_urls.tsv", {}, "'https://example.org/0' is an address. Read as 3 columns: word 1, tag 3:\n"
     "  line 1: word 'w0', tag 'https://example.org/0'\n"),
    ("error_urls.tsv", {}, "If the columns are others, or these are right after all, name the columns, counted from 1"),
    ("error_lemmas.tsv", {}, "the tags do not look like tags: 30 different ones for 30 words. Read as 3 columns"),
    ("error_hundreds.tsv", {}, "the tags do not look like tags: 320 different ones for 3,000 words"),
    ("error_same_word.tsv", {}, "the words do not look like words: all 12 are 'a'. Read as 5 columns"),
    ("error_shuffled_numbers.tsv", {}, "the words do not look like words: they are numbers"),
    ("error_prose.txt", {}, "the lines have from 2 to 12 columns:\n  line 1, 7 columns: 'The fog came down on the"),
    ("error_no_tag.tsv", {}, "error_no_tag.tsv, line 2: 1 columns; at least 2 are needed"),
    ("error_space_in_word.txt", {}, "error_space_in_word.txt, line 3: 3 columns, where most lines have 2"),
    ("error_commas.csv", {}, "line 1: 1 columns; at least 2 are needed; they part at tabs or spaces, not at commas"),
    ("error_underscore.conllu", {}, "line 1: 'Nora' has no tag"),
    ("error_no_word.tsv", {}, "line 2: there is no word"),
    ("error_number.tsv", {}, "line 3: 'x' is no number of a word"),
    ("error_conllu_width.txt", {}, "line 2: 4 columns; CoNLL-U has 10"),
    ("error_empty.conll", {}, "error_empty.conll holds no row that can be used"),
    ("iob2.txt", {"tag": "9"}, "line 1: 2 columns; there is no column 9"),
    ("iob2.txt", {"word": "-3"}, "line 1: 2 columns; there is no column -3"),
    ("iob2.txt", {"tag": "0"}, "tag is '0'; it is the number of a column: 1 is the first, -1 the last"),
    ("iob2.txt", {"word": "form"}, "word is 'form'; it is the number of a column"),
    ("iob2.txt", {"word": "2", "tag": "2"}, "column 2 cannot be both the word and the tag"),
    ("iob2.txt", {"column": "xpos"}, "column=xpos is for CoNLL-U; .*iob2.txt has 2 columns: word 1, tag 2"),
    ("conllu_by_content.txt", {"column": "lemma"}, "column is 'lemma'; of CoNLL-U it is upos or xpos"),
    ("conllu_by_content.txt", {"column": "upos", "tag": "5"}, "both say where the tag is"),
]  # fmt: skip


def format_sentences(sentences) -> list[str]:
    return [" ".join(f"{word}/{tag}" for word, tag in zip(*sentence, strict=True)) for sentence in sentences]


def read(path, **options):
    """(sentences as word/tag, what was said) by the path that the command takes."""
    said: list[str] = []
    return format_sentences(TASKS["tag"].read_file(path, say=said.append, **options)), said


@pytest.mark.parametrize(("name", "columns", "layout", "sentences"), READ)
def test_layouts(name, columns, layout, sentences):
    found, said = read(INPUTS / name, **columns)
    assert found == sentences
    assert said[-1].startswith(f"{INPUTS / name}: ")
    assert layout in said[-1]


@pytest.mark.parametrize(("name", "columns", "error"), REFUSED)
def test_refusals(name, columns, error):
    with pytest.raises(ValueError, match=error if ".*" in error else re.escape(error)):
        read(INPUTS / name, **columns)


def test_every_input_is_tested():
    assert {path.name for path in INPUTS.iterdir()} == {case[0] for case in READ + REFUSED}


def test_what_is_implausible_is_read_if_the_columns_are_named():
    found, said = read(INPUTS / "error_lemmas.tsv", tag="3")
    assert found[0].startswith("word0/lemma0 word1/lemma1")
    assert "30 different ones for 30 words" in said[0]


def test_cases_at_the_size_of_real_files(tmp_path):
    """A file with a few kinds of words and tags, over and over, is plausible."""
    for name, columns, _, sentences in READ:
        text = (INPUTS / name).read_text("utf-8").rstrip("\n")
        (tmp_path / name).write_text("\n\n".join([text] * 200), "utf-8")
        if name not in ("header.tsv", "numbered_on.tsv"):
            assert read(tmp_path / name, **columns)[0] == sentences * 200


def test_the_usual_case_says_nothing_to_python(capsys):
    """Notebooks record what is printed: only what differs from the usual is said there."""
    for name in ("conll2003.txt", "conllu_by_content.txt", "bioes.txt", "iob2.txt", "pos.txt", "wnut.conll"):
        read_tagged_sentences(INPUTS / name)
    read_tagged_sentences(INPUTS / "conllu_by_content.txt", "xpos")
    assert capsys.readouterr().out == ""
    read_tagged_sentences(INPUTS / "germeval.tsv")
    assert "GermEval 2014 columns: word 2, tag 3" in capsys.readouterr().out
    read_tagged_sentences(INPUTS / "header.tsv")
    assert "names of columns (1)" in capsys.readouterr().out


# ---- Odd tags --------------------------------------------------------------------------------------------------------


def test_odd_tags_are_named_with_their_lines():
    file = INPUTS / "typo.conll"
    said = read(file)[1]
    assert said[:-1] == [
        f"{file}: the tag 'B_PER' (line 1) is read as B-PER",
        f"{file}: the tag 'PER' (line 7) is read as I-PER",
        f"{file}: the tag 'I-' (line 8) means nothing; read as O",
        f"{file}: the tag 'b-loc' (line 9) is read as B-LOC",
        f"{file}: the tag 'B–LOC' (line 10) is read as B-LOC",
        f"{file}: the tag '0' (line 11) is read as O",
    ]


@pytest.mark.parametrize(
    ("tags", "expected", "said"),
    [
        ("B-A O Q-A", "B-A O B-A", "the tag 'Q-A' (row 1) is read as I-A"),
        ("B-A I-a O", "B-A B-a O", ""),  # two types as far as anybody knows
        ("B-A i:a O", "B-A I-A O", "the tag 'i:a' (row 1) is read as I-A"),
        ("B-A XYZ O", "B-A O O", "the tag 'XYZ' (row 1) means nothing; read as O"),
        ("B-A NN VB O", "B-A NN VB O", "all tags are taken as plain ones, not as names, because of 'NN' (row 1), 'VB'"),
        ("B-A NN", "B-A NN", ""),
        ("B-A I- O I- I- B", "B-A O O O O O", "the tag 'I-' (row 1 and 2 more) means nothing; read as O"),
        ("NN o b-x", "NN o b-x", ""),
        ("B I O", "B I O", ""),
        ("B M E S", "B M E S", ""),
        ("M-A E-A O", "B-A I-A O", ""),
        ("O O", "O O", ""),
        ("I-A I-A", "I-A I-A", ""),  # one tag is nothing to tell apart
    ],
)
def test_odd_tags(tags, expected, said):
    messages: list[str] = []
    found, _ = convert_tags([tags.split()], [[1] * len(tags.split())], "a", messages.append, "row")
    assert " ".join(found[0]) == expected
    assert said in messages[0] if said else not messages


def test_many_odd_tags_are_counted():
    messages: list[str] = []
    tags = [f"{prefix}_T{i}" for i in range(20) for prefix in "BI"] + ["O", "B_T0"]
    found, scheme = convert_tags([tags], [list(range(1, 43))], "a", messages.append)
    assert found[0] == [tag.replace("_", "-") for tag in tags]
    assert messages[0] == "a: the tag 'B_T0' (line 1 and 1 more) is read as B-T0"
    assert messages[10:] == ["a: ... and 30 more such tags"]
    assert scheme == "IOB2"


def test_odd_tags_of_json_lines(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"words": ["a", "b"], "tags": ["B-A", "O"]}\n{"words": ["c"], "tags": ["B_A"]}\n')
    found, said = read(file)
    assert found == ["a/B-A b/O", "c/B-A"]
    assert said == [f"{file}: the tag 'B_A' (line 2) is read as B-A", f"{file}: IOB2"]
    with pytest.raises(ValueError, match="has no columns to name; its lists are called words and tags"):
        read(file, tag="2")
    for tag in ("null", "false", "[]", "1.5", '" "'):
        file.write_text(f'{{"words": ["a"], "tags": [{tag}]}}\n')
        with pytest.raises(BadRowsError, match="a.jsonl, line 1: tag 1: label "):
            read(file)


# ---- Spaces and line ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "space", ["\xa0", "\u3000", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u2009", "\r"]
)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_spaces_of_unicode_belong_to_words(space, separator, tmp_path):
    words = [f"a{space}b", f"{space}c", f"d{space}", space, "e"]
    lines = [f"{word}{separator}{tag}" for word, tag in zip(words, ("B-A", "I-A", "O", "O", "B-B"), strict=True)]
    (tmp_path / "a.txt").write_bytes("\n".join(lines).encode())
    assert read_tagged_sentences(tmp_path / "a.txt") == [TaggedSentence(words, ["B-A", "I-A", "O", "O", "B-B"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end, tmp_path):
    for name in ("iob2.txt", "germeval.tsv", "conllu_by_content.txt", "multiconer.conll"):
        (tmp_path / name).write_bytes((INPUTS / name).read_bytes().replace(b"\n", end.encode()))
        assert read(tmp_path / name)[0] == read(INPUTS / name)[0]


# ---- What is written is read -----------------------------------------------------------------------------------------

TYPES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\n\t ")
WORDS = st.text(CHARACTERS, min_size=1, max_size=6).filter(lambda word: word != "-DOCSTART-")
SENTENCES = st.lists(st.lists(st.tuples(WORDS, st.sampled_from(TYPES)), min_size=1, max_size=5), min_size=1, max_size=5)
LAYOUTS = {
    "two": lambda i, word, tag: f"{word}\t{tag}",
    "spaces": lambda i, word, tag: f"{word}  {tag}",
    "conll2003": lambda i, word, tag: f"{word} NNP B-NP {tag}",
    "multiconer": lambda i, word, tag: f"{word} _ _ {tag}",
    "germeval": lambda i, word, tag: f"{i}\t{word}\t{tag}\tO",
    "numbered": lambda i, word, tag: f"{i} {word} {tag}",
    "conllu": lambda i, word, tag: f"{i}\t{word}\t_\t{tag}\tX\t_\t_\t_\t_\t_",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=60, deadline=None)
@given(SENTENCES)
def test_what_is_written_is_read_back(layout, tmp_path_factory, sentences):
    whole = [list(zip(["the", "tall", "Nora", "Holm", "saw", "Oslo"],
                      ["O", "O", "B-PER", "I-PER", "O", "B-LOC"], strict=True))] * 5  # fmt: skip
    examples = [TaggedSentence([word for word, _ in pairs], to_iob2([tag for _, tag in pairs]))
                for pairs in [*whole, *sentences]]  # fmt: skip
    blocks = ["\n".join(LAYOUTS[layout](i, word, tag) for i, (word, tag) in enumerate(zip(*example, strict=True), 1))
              for example in examples]  # fmt: skip
    path = tmp_path_factory.getbasetemp() / f"{layout}.txt"
    path.write_bytes(("\n\n".join(blocks) + "\n").encode())
    assert read_tagged_sentences(path, say=lambda text: None) == examples


# ---- Spoiled files ---------------------------------------------------------------------------------------------------

PARTS = (
    "\t| |\n|\n\n|\r|#|# id 1 domain=en\n|1|-DOCSTART- -X- O\n|B-|O|_|\u2028|\xa0|\ufeff|\0|http://a.b|I-PER|1-2|\x85"
)


def spoil(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to six faults: something put in, taken out, doubled or moved."""
    for _ in range(rng.randint(1, 6)):
        a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        b = min(b, a + rng.choice((1, 4, 40)))
        kind = rng.randrange(4)
        if kind == 0:
            data = data[:a] + rng.choice(PARTS.split("|")).encode() + data[a:]
        elif kind == 1:
            data = data[:a] + data[b:]
        elif kind == 2:
            data = data[:b] + data[a:b] + data[b:]
        else:
            data = data[:a] + bytes([rng.randrange(256)]) + data[a + 1 :]
    return data


def read_spoiled(count: int, path) -> dict[str, int]:
    """How many of so many spoiled files were read, and how many refused. What is read is whole."""
    rng, counts, messages = random.Random(count), {"read": 0}, []
    sources = [path.read_bytes() for path in sorted(INPUTS.iterdir())]
    choices = [{}, {}, {}, {}, {}, {}, {"tag": "-1"}, {"word": "2", "tag": "3"}, {"column": "xpos"}]
    for _ in range(count):
        data = spoil(rng.choice(sources), rng)
        path.write_bytes(data)
        options = rng.choice(choices) | {"skip_bad_rows": rng.random() < 0.5}
        try:
            sentences = TASKS["tag"].read_file(path, say=lambda text: None, **options)
        except (ValueError, OSError) as error:
            messages.append(str(error))
            continue
        counts["read"] += 1
        text = data.decode("utf-8-sig")
        assert sentences
        for words, tags in sentences:
            assert len(words) == len(tags) > 0
            assert all(word in text and word.strip(" ") == word and not set(word) & {"\n", "\t"} for word in words)
            assert all(tag.strip() == tag != "" for tag in tags)
        if len({tag for _, tags in sentences for tag in tags}) > 1:
            assert TASKS["tag"].list_labels(sentences)
    assert all(str(path) in message for message in messages)
    return counts | {"refused": len(messages)}


def test_spoiled_files(tmp_path):
    counts = read_spoiled(400, tmp_path / "spoiled.txt")
    assert min(counts.values()) > 50


@pytest.mark.skipif(not os.environ.get("BERTLAB_LONG"), reason="BERTLAB_LONG=1 reads 10,000 spoiled files")
def test_many_spoiled_files(tmp_path):
    counts = read_spoiled(10_000, tmp_path / "spoiled.txt")
    print(counts)
    assert min(counts.values()) > 1000


# ---- By command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A tiny BERT with random weights, in a folder."""
    config = BertConfig(vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=32, max_position_embeddings=64)  # fmt: skip
    torch.manual_seed(0)
    return weights.save(Pretraining(config), tmp_path_factory.mktemp("small") / "bert", PIECES)


def test_columns_by_command(small, tmp_path, capsys):
    file = tmp_path / "a.conll"
    file.write_text("".join(f"1 the{i} DT O\n2 cat NN {'B-A' if i % 2 else 'B_A'}\n\n" for i in range(60)))
    arguments = ["finetune", "tag", "--train", str(file), "--model", str(small), "--length", "32", "--epochs", "0.2",
                 "--evaluations", "0"]  # fmt: skip
    assert main([*arguments, "--out", str(tmp_path / "names")]) == 0
    said = capsys.readouterr().out
    assert f"{file}: the tag 'B_A' (line 2 and 29 more) is read as B-A\n" in said
    assert f"{file}: 4 numbered columns: word 2, tag 4; IOB2\n" in said
    assert "f1" in said.lower()
    assert main([*arguments, "--columns", "word=2", "tag=3", "--out", str(tmp_path / "parts")]) == 0
    assert f"{file}: 4 numbered columns: word 2, tag 3; plain tags, 2 different\n" in capsys.readouterr().out
    assert main([*arguments, "--columns", "tag=5", "--out", str(tmp_path / "none")]) == 2
    assert "a.conll, line 1: 4 columns; there is no column 5" in capsys.readouterr().err
    assert main([*arguments, "--columns", "words=2", "--out", str(tmp_path / "none")]) == 2
    assert "a tag has no columns words to name; there are column, word, tag" in capsys.readouterr().err
    urls = ["finetune", "tag", "--train", str(INPUTS / "error_urls.tsv"), "--model", str(small)]
    assert main([*urls, "--out", str(tmp_path / "none")]) == 2
    assert "is an address" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
