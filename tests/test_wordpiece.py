"""WordPiece against Hugging Face's tokenizers, id by id, and against what can be worked out by hand."""

import json
import os
import re
import subprocess
import sys
import unicodedata
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from bertlab import sources
from bertlab.unicode_tables import accent_class
from bertlab.vocabulary import count_words, learn_slowly, learn_vocabulary
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece, normalize_text, split_words

SMALL = [
    *SPECIAL_TOKENS,
    *"abcdehilnopstuwx.,!?'中",
    "the",
    "##s",
    "##able",
    "un",
    "##un",
    "##want",
    "##ed",
    "[unused1]",
]


@pytest.fixture(scope="module")
def small() -> WordPiece:
    return WordPiece(SMALL)


@pytest.fixture(scope="module")
def real() -> tuple[list[str], WordPiece]:
    """All speeches and Wikipedia summaries, with the titles, and a vocabulary learned from a tenth of them."""
    texts = sources.texts("sotu") + [f"{row['title']}\n{row['summary']}" for row in sources.wiki()]
    return texts, learn_vocabulary(texts[::10], 4000)


def hugging_face(tokenizer: WordPiece):
    from transformers import BertTokenizer

    return BertTokenizer(dict(tokenizer.index), do_lower_case=tokenizer.lower)


# ---- Characters and words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cased", "uncased"),
    [
        ("Été", "Été", "ete"),
        ("e\u0301", "e\u0301", "e"),  # an accent written by itself
        ("İI\u0307", "İI\u0307", "ii"),  # the Turkish dotted I
        ("ΟΔΟΣ", "ΟΔΟΣ", "οδοσ"),  # no final sigma
        ("한", "한", "\u1112\u1161\u11ab"),  # a syllable comes apart into its letters
        ("a\0b\u200dc\ufffdd\x85e\ue000", "abcde", "abcde"),
        ("a\tb\nc\rd\xa0e\u3000f\u2028g", "a b c d e f g", "a b c d e f g"),
        ("x中文y", "x 中  文 y", "x 中  文 y"),
        ("ひらハン", "ひらハン", "ひらハン"),
        ("\U00020000\U0002b820", " \U00020000 \U0002b820", " \U00020000 \U0002b820"),
        ("ﬁ ß Å", "ﬁ ß Å", "ﬁ ß a"),  # compatibility forms stay
        ("\U0001d158\U0001d165\U0001d16d\U0001d16e", None, "\U0001d158\U0001d165\U0001d16e\U0001d16d"),
    ],
)
def test_cleaning(text, cased, uncased):
    assert normalize_text(text, lower=True)[0] == uncased
    assert normalize_text(text, lower=False)[0] == (text if cased is None else cased)


def test_origin_points_at_the_source():
    cleaned, origin = normalize_text("É\0中e\u0301İ")
    assert cleaned == "e 中 ei"
    assert origin == [0, 2, 2, 2, 3, 5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("   ", []),
        ("a", ["a"]),
        (" don't  stop...", ["don", "'", "t", "stop", ".", ".", "."]),
        ("$5+7=12^_`|~", ["$", "5", "+", "7", "=", "12", "^", "_", "`", "|", "~"]),
        ("€5 a—b «c»", ["€5", "a", "—", "b", "«", "c", "»"]),  # a currency sign beyond ASCII is no punctuation
    ],
)
def test_words(text, words):
    assert [text[start:end] for start, end in split_words(text)] == words


def too_new(text: str) -> bool:
    """Whether it has capitals that Python and Rust do not both know, the difference that is documented."""
    return normalizers.Lowercase().normalize_str(text) != "".join(char.lower() for char in text)


def code_points() -> list[str]:
    """Every character, but of letters, gaps and private ones only each 200th and the ends of each stretch."""
    kinds = [unicodedata.category(chr(code)) for code in range(0x110000)]
    plain = ("Lo", "Cn", "Co")
    return [
        chr(code)
        for code, kind in enumerate(kinds)
        if kind != "Cs" and (kind not in plain or code % 200 == 0 or {kind} != {*kinds[code - 1 : code + 2]})
    ]


@pytest.mark.parametrize("lower", [True, False])
def test_every_kind_of_character(lower):
    # Capitals that only one of Python and Rust knows yet are the one difference that the tables leave.
    rust, cut = normalizers.BertNormalizer(lowercase=lower), pre_tokenizers.BertPreTokenizer()
    chars = code_points()
    assert len(chars) > 20_000
    odd = []
    for first in range(0, len(chars), 100):
        some = [f"x{char}y" for char in chars[first : first + 100]]
        cleaned, _ = normalize_text(" ".join(some), lower)
        if cleaned != rust.normalize_str(" ".join(some)):
            odd += [text[1] for text in some if normalize_text(text, lower)[0] != rust.normalize_str(text)]
        assert [cleaned[a:b] for a, b in split_words(cleaned)] == [w for w, _ in cut.pre_tokenize_str(cleaned)]
    assert all(lower and too_new(char) for char in odd)
    assert len(odd) < 100
    assert not any(char < "\u1c89" for char in odd)


def test_order_of_accents_that_stay():
    rust = normalizers.BertNormalizer()
    marks = [chr(c) for c in range(0x110000) if unicodedata.combining(chr(c)) and rust.normalize_str(chr(c))]
    classes = {accent_class(mark) for mark in marks}
    assert len(classes) > 5
    for left, right in product(marks[::2], marks):
        assert normalize_text("x" + left + right)[0] == rust.normalize_str("x" + left + right)


# ---- Ids -------------------------------------------------------------------------------------------------


def test_longest_match_by_hand(small):
    assert repr(small) == "WordPiece(35 tokens, lower=True)"
    assert small.tokenize("unwanted") == ["un", "##want", "##ed"]
    assert small.tokenize("ununable") == ["un", "##un", "##able"]
    assert small.tokenize("Thes the, x") == ["the", "##s", "the", ",", "x"]
    assert small.tokenize("theq") == ["[UNK]"]  # a cut that fails half-way keeps nothing
    assert small.tokenize("a" + "s" * 99) == ["a"] + ["##s"] * 99
    assert small.tokenize("a" + "s" * 100) == ["[UNK]"]
    assert small.convert_tokens_to_ids(["a", "nowhere"]) == [5, small.unk_id]


def test_special_tokens_in_text(small):
    assert small.tokenize("a[MASK]s [CLS]") == ["a", "[MASK]", "s", "[CLS]"]
    assert small.tokenize("[mask]") == ["[UNK]"] * 3
    assert small.tokenize("[unused1]") == ["[UNK]"] * 3  # in the vocabulary, but not special
    assert small.tokenize("[MA\0SK]") == ["[UNK]"] * 3
    assert small.tokenize("[[PAD]]") == ["[UNK]", "[PAD]", "[UNK]"]


def test_encoding(small):
    one = small.encode("The s!")
    assert one.tokens == ["[CLS]", "the", "s", "!", "[SEP]"]
    assert one.input_ids == [2, small.index["the"], small.index["s"], small.index["!"], 3]
    assert one.offsets == [(0, 0), (0, 3), (4, 5), (5, 6), (0, 0)]
    two = small.encode("a", "b c")
    assert two.tokens == ["[CLS]", "a", "[SEP]", "b", "c", "[SEP]"]
    assert two.token_type_ids == [0, 0, 0, 1, 1, 1]
    assert small.encode("").tokens == ["[CLS]", "[SEP]"]
    assert small.encode("", "").token_type_ids == [0, 0, 1]


FRAGMENTS = [
    *SPECIAL_TOKENS, "[mask]", "[MASK", "MASK]", "[CLS][SEP]", "[[UNK]]", "the", "ununable", "un", "able", "s", " ",
    "  ", "\n", "İ", "ı", "I\u0307", "ß", "Σ", "ΟΔΟΣ", "ﬀ", "한글", "각\u0301", "ᄀ", "ᅡ", "ᆨ", "中", "\U0002b820",
    "\U0002b920", "\U0002f800", "豈", "か\u3099", "e\u0301\u0323", "\u0323\u0307", "\u093f", "\u302e", "\U0001d15e",
    "\u200d", "\xad", "\x00", "\ufffd", "\ufeff", "\x85", "\x1c", "\u2029", "👩\u200d🚀", "a" * 100, "b" * 101,
    "#", "##s", "don't", "…", "€",
]  # fmt: skip
MARKS = [chr(c) for c in range(0x20000) if unicodedata.category(chr(c))[0] == "M"]
ANY_CHAR = st.one_of(st.sampled_from(FRAGMENTS), st.sampled_from(MARKS), st.characters(max_codepoint=0x2FF))
ANY_TEXT = st.lists(st.one_of(st.text(max_size=6), ANY_CHAR), max_size=12).map("".join)


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT, st.booleans(), st.randoms(use_true_random=False))
def test_any_text_as_in_rust(text, lower, rng):
    if too_new(text):
        return
    # A vocabulary in which nearly all of the text can be cut, or differences would hide behind [UNK].
    chars = {*normalize_text(text, lower)[0], *normalizers.BertNormalizer(lowercase=lower).normalize_str(text)} - {" "}
    chars = sorted(chars)
    kept = [prefix + char for prefix in ("", "##") for char in chars if rng.random() < 0.98]
    tokenizer = WordPiece(
        [*SPECIAL_TOKENS, *kept, *{a + b for a, b in pairwise(chars)} - set(kept) - set(SPECIAL_TOKENS)], lower
    )
    ours, rust = tokenizer.encode(text), tokenizer.to_rust().encode(text)
    assert ours.tokens == rust.tokens
    assert ours.input_ids == rust.ids
    assert tokenizer.encode_bulk([text, text]) == [ours.input_ids[1:-1]] * 2
    known: dict = {}
    assert [tokenizer.encode_bulk([text], known) for _ in range(2)] == [[ours.input_ids[1:-1]]] * 2
    if not any(
        accent_class(char) for char in normalize_text(text, lower)[0]
    ):  # Rust loses track where it sorts accents
        assert ours.offsets == rust.offsets


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT, st.one_of(st.none(), ANY_TEXT), st.booleans())
def test_any_text_as_in_transformers(small_both, text, pair, lower):
    ours, theirs = small_both[lower]
    if too_new(text + (pair or "")):
        return
    pair = pair or None  # transformers drops an empty pair
    mine, other = ours.encode(text, pair), theirs(text, pair)
    assert mine.input_ids == other["input_ids"]
    assert mine.token_type_ids == other["token_type_ids"]
    assert ours.decode(mine.input_ids) == theirs.decode(mine.input_ids, skip_special_tokens=True)
    assert ours.decode(mine.input_ids, keep_special=True) == theirs.decode(mine.input_ids)


@pytest.fixture(scope="module")
def small_both() -> dict:
    chars = [*"ABCDEFGHIİ", *(f"##{c}" for c in "abcdefghi\u0307"), "豈", *"ßσς", "\u1112", "##\u1161"]
    both = {}
    for lower in (True, False):
        ours = WordPiece(SMALL + chars, lower)
        both[lower] = ours, hugging_face(ours)
    return both


def test_all_speeches_and_wikipedia(real):
    # White space cuts words and nothing else, so equal on every chunk between spaces is equal on every text.
    texts, tokenizer = real
    chunks = sorted({chunk for text in texts for chunk in re.findall(r"\S+", text)})
    assert len(chunks) > 100_000
    for chunk, ids in zip(chunks, tokenizer.encode_bulk(chunks), strict=True):
        assert tokenizer.convert_tokens_to_ids(tokenizer.tokenize(chunk)) == ids


def test_whole_texts_as_in_transformers(real):
    texts, tokenizer = real
    slice_ = [text[:20_000] for text in texts[:240:12]] + texts[250::50]
    theirs = hugging_face(tokenizer)(slice_, return_offsets_mapping=True)
    for text, ids, offsets in zip(slice_, theirs["input_ids"], theirs["offset_mapping"], strict=True):
        ours = tokenizer.encode(text)
        assert ours.input_ids == ids
        assert ours.offsets == offsets


def test_offsets_spell_the_text(real):
    texts, tokenizer = real
    text = texts[0][:5000]
    for token, start, end in tokenizer.tokenize_with_offsets(text):
        assert token == "[UNK]" or normalize_text(text[start:end])[0] == token.removeprefix("##")


def test_bulk_is_the_tokenizer_of_transformers(small):
    for lower in (True, False):
        ours = WordPiece(small.vocab, lower)
        assert json.loads(ours.to_rust().to_str()) == json.loads(hugging_face(ours).backend_tokenizer.to_str())


# ---- Length, decoding, bad input -------------------------------------------------------------------------


def test_truncation_as_in_hugging_face(small):
    theirs = hugging_face(small)
    for first, second, room in product(range(6), [None, *range(1, 6)], range(3, 14)):
        text, pair = "a " * first, None if second is None else "b " * second
        ours = small.encode(text, pair, max_length=room, truncate=True)
        other = theirs(text, pair, max_length=room, truncation="longest_first")
        assert ours.input_ids == other["input_ids"]
        assert ours.token_type_ids == other["token_type_ids"]


def test_too_long(small):
    assert len(small.encode("a b c", max_length=5).input_ids) == 5
    with pytest.raises(ValueError, match=r"6 tokens long .* max_length is 5\. Shorten"):
        small.encode("a b c d", max_length=5)
    with pytest.raises(ValueError, match="at least 3"):
        small.encode("a", "b", max_length=2, truncate=True)
    assert small.encode("a", "b", max_length=3, truncate=True).tokens == ["[CLS]", "[SEP]", "[SEP]"]


def test_decode(small):
    ids = small.encode("Un wanted, the unwanted!").input_ids
    tokens = ["un", "##want", "##ed", ",", "the", "s", "!"]
    assert small.decode(small.convert_tokens_to_ids(tokens)) == "unwanted, the s!"
    assert small.decode(ids, keep_special=True).startswith("[CLS] un [UNK], the unwanted! [SEP]")
    assert small.decode([]) == ""
    for wrong in (-1, len(small)):
        with pytest.raises(ValueError, match=f"id {wrong}: .* 0 to {len(small) - 1}"):
            small.decode([0, wrong])


@pytest.mark.parametrize(
    ("vocab", "message"),
    [
        ([], "is empty"),
        ([*SPECIAL_TOKENS, "a", "b", "a"], "'a' 2 times"),
        (["[PAD]", "[UNK]", "a"], r"lacks \[CLS\] \[SEP\] \[MASK\]"),
    ],
)
def test_bad_vocabularies(tmp_path, vocab, message):
    with pytest.raises(ValueError, match=message):
        WordPiece(vocab)
    (tmp_path / "vocab.txt").write_text("\n".join(vocab))
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path))}.*{message}"):
        WordPiece.load(tmp_path)


def test_one_text_is_no_list(small):
    for take in (
        small.encode_bulk,
        count_words,
        lambda text: learn_slowly(text, 50),
        lambda text: learn_vocabulary(text, 50),
    ):
        with pytest.raises(TypeError, match="list of texts"):
            take("one text")
    with pytest.raises(TypeError, match="Text 1 is a NoneType"):
        small.encode_bulk(["a", None])
    with pytest.raises(ValueError, match="Text 1, character 2: half a character"):
        small.encode_bulk(["a", "ab\ud800"])
    assert small.encode_bulk([]) == []
    assert small.encode_bulk(["", "a"] * 1001) == [[], [5]] * 1001


# ---- Files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lower", [True, False])
def test_transformers_opens_what_we_save(tmp_path, capfd, lower):
    from transformers import AutoTokenizer, BertTokenizer

    texts = ["The Héllo of [MASK] unwanted 中文", "", "the s, İ!"]
    ours = WordPiece(SMALL[::-1], lower)
    ours.save(tmp_path, max_length=77)
    assert sorted(os.listdir(tmp_path)) == ["tokenizer.json", "tokenizer_config.json", "vocab.txt"]
    capfd.readouterr()
    for kind in (AutoTokenizer, BertTokenizer):
        theirs = kind.from_pretrained(tmp_path)
        assert isinstance(theirs, BertTokenizer)
        assert theirs.model_max_length == 77
        assert theirs.get_vocab() == ours.index
        assert theirs(texts)["input_ids"] == [ours.encode(text).input_ids for text in texts]
        assert (theirs.pad_token_id, theirs.mask_token_id) == (ours.pad_id, ours.mask_id)
    assert capfd.readouterr() == ("", "")
    again = WordPiece.load(tmp_path)
    assert (again.vocab, again.lower) == (ours.vocab, lower)


@pytest.mark.parametrize("lower", [True, False])
def test_we_load_what_transformers_saves(tmp_path, lower):
    ours = WordPiece(SMALL[3:] + SMALL[:3], lower)
    hugging_face(ours).save_pretrained(tmp_path)
    assert not (tmp_path / "vocab.txt").exists()
    for name in ("neither", "tokenizer_config.json"):  # without the second, tokenizer.json alone says the case
        (tmp_path / name).unlink(missing_ok=True)
        again = WordPiece.load(tmp_path)
        assert (again.vocab, again.lower) == (ours.vocab, lower)
    assert WordPiece.load(tmp_path / "tokenizer.json").vocab == ours.vocab


def test_load_a_vocab_file(tmp_path):
    file = tmp_path / "words.txt"
    file.write_bytes("\r\n".join([*SPECIAL_TOKENS, "a", "\u2028", "\x85"]).encode())
    assert WordPiece.load(file).vocab == [*SPECIAL_TOKENS, "a", "\u2028", "\x85"]
    assert WordPiece.load(str(file)).lower
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert not WordPiece.load(file).lower


def test_an_old_model_loads():
    # The vocabulary of bert-base-uncased, special tokens in the middle, in a folder of 2021.
    from transformers import BertTokenizer

    folder = sources.minilm()
    ours = WordPiece.load(folder)
    assert (len(ours), ours.pad_id, ours.unk_id, ours.cls_id, ours.sep_id, ours.mask_id) == (
        30522,
        0,
        100,
        101,
        102,
        103,
    )
    text = "Tokenization of the Überraschung isn't [MASK]: 5.3% naïve 漢字."
    assert ours.encode(text).input_ids == BertTokenizer(str(folder / "vocab.txt"))(text)["input_ids"]


def test_bad_files(tmp_path, small):
    with pytest.raises(FileNotFoundError, match=r"is not a vocab\.txt"):
        WordPiece.load(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"is not a vocab\.txt"):
        WordPiece.load(tmp_path)
    vocab, whole = tmp_path / "vocab.txt", tmp_path / "tokenizer.json"
    vocab.write_bytes("\n".join(SPECIAL_TOKENS).encode() + b"\nna\xefve\n")
    with pytest.raises(ValueError, match="byte 33 .* is not UTF-8"):
        WordPiece.load(vocab)
    vocab.write_text("\n".join(SPECIAL_TOKENS) + "\n\na\n")
    with pytest.raises(ValueError, match="line 6 is empty"):
        WordPiece.load(vocab)

    good = json.loads(small.to_rust().to_str())

    def broken(change, message):
        copy = json.loads(json.dumps(good))
        change(copy)
        whole.write_text(json.dumps(copy))
        with pytest.raises(ValueError, match=message):
            WordPiece.load(tmp_path)

    broken(lambda file: file["model"].update(type="BPE"), "not a BERT tokenizer")
    broken(lambda file: file.update(normalizer=None), "not a BERT tokenizer")
    broken(lambda file: file["normalizer"].update(strip_accents=0), "strip_accents is 0; it must be true or false")
    broken(lambda file: file["normalizer"].update(handle_chinese_chars="no"), "handle_chinese_chars is 'no'; it must")
    broken(lambda file: file["model"]["vocab"].update(a=7000), "each once")
    broken(lambda file: file["added_tokens"].append({"id": 99, "content": "[E1]"}), r"added tokens .* \[E1\]")
    whole.write_text(json.dumps(good)[:-10])
    with pytest.raises(ValueError, match="not complete JSON"):
        WordPiece.load(tmp_path)
    whole.write_text("[]")
    with pytest.raises(ValueError, match="not a JSON object"):
        WordPiece.load(tmp_path)


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_save_is_whole_or_nothing(tmp_path, small, monkeypatch, step):
    small.save(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    assert len(before) == 3
    other = WordPiece([*SPECIAL_TOKENS, "z"])

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="no space"):
        other.save(tmp_path)
    monkeypatch.undo()
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before
    with pytest.raises(ValueError, match="cannot be a line"):
        WordPiece([*SPECIAL_TOKENS, "a\nb"]).save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


# ---- Processes -------------------------------------------------------------------------------------------


def test_bulk_work_after_a_fork():
    code = (
        "import os; from bertlab.wordpiece import *; w = WordPiece([*SPECIAL_TOKENS, 'a']); t = ['a a'] * 50;"
        "assert w.encode_bulk(t) == [[5, 5]] * 50; child = os.fork();"
        "assert w.encode_bulk(t) == [[5, 5]] * 50; child and os.waitpid(child, 0); print('ok')"
    )
    env = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\nok\n", "")


def test_import_is_light():
    code = "import sys, bertlab.wordpiece; print({'tokenizers', 'transformers', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
