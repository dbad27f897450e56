"""Texts as users bring them: how each layout and script is read, and what `pretrain` says, warns of and refuses."""

import json
import os
import random
import re
from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from bertlab import sources
from bertlab.__main__ import main
from bertlab.corpus import encode_documents, hash_to_fraction, pair_rows
from bertlab.coverage import check_coverage, list_coverage_warnings, measure_coverage
from bertlab.plan_texts import choose_overflow
from bertlab.pretrain import PretrainPlan, pretrain
from bertlab.sources.blocks import read_blocks
from bertlab.sources.layouts import part_unspaced_words, recognise_layout
from bertlab.sources.registry import SourceError
from bertlab.sources.sentences import OTHER, OTHER_MARKS
from bertlab.vocabulary import learn_slowly, learn_vocabulary, list_first_tokens
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

from .conftest import ROOT
from .number_corpus import encode, encode_random

INPUTS = ROOT / "tests/inputs/texts"

# file -> layout, and its documents: "|" ends a sentence
READ = {
    "arabic": ("marks", ["هل تأتي اليوم؟|نعم.|الجو جميل۔|ذهبنا", "قال إنه لن يأتي.|لماذا؟"]),
    "armenian": ("marks", ["Բարև։|Ինչպես ես։", "Լավ եմ։|Շնորհակալ եմ։"]),
    "burmese": ("marks", ["မင်္ဂလာပါ။|နေကောင်းလား။", "မလာဘူး။"]),
    "chinese": ("marks", ["今天天气很好。|我们去公园散步。|孩子们在玩球。", "他说他不来。|她很失望。|我们都走了。"]),
    "chinese_ascii_marks": ("marks", ["真的吗?|我不知道!|走吧。", "价格是３．５元。|好（很好。）|走……我"]),
    "clause_a_line": ("marks", ["When the river rose, the bridge was closed.|Nobody went out, and the baker waited for "
                                "the ferryman.", "In spring, when it fell, he left."]),
    "crlf_and_bom": ("lines", ["one line .|another line .", "a third one .|a fourth ."]),
    "cyrillic": ("marks", ["Привет.|Это т. е. дом.|«Да!»|Он ушёл.", "И. С. Бах жил там.|Где?"]),
    "devanagari": ("marks", ["यह घर है।|वह गया।|क्या वह आया?|हाँ॥", "मौसम अच्छा है।|चलो।"]),
    "ethiopic": ("marks", ["ሰላም።|እንዴት ነህ፧|ደህና።", "መጣ።|ሄደ።"]),
    "french": ("marks", ["« Quoi ? »|Oui.|Été…|Hiver.", "Ça va.|Non"]),
    "georgian": ("marks", ["მე ვარ.|ის არის აქ.", "კარგი.|წავედი."]),
    "german": ("marks", ["„Komm!“|Er kam.|Das ist z.B. gut.|Übermut tut selten gut.", "Äpfel?|Ja."]),
    "greek": ("marks", ["Τι κάνεις;|Καλά είμαι.|Εσύ;", "Η γάτα κοιμάται.|Το λ.χ. είναι εδώ."]),
    "hard_wrapped": ("marks", ["The river was high that year, and the old bridge had to be closed.|Nobody went to the "
                               "market.|The baker sold his bread to the ferryman.", "In spring the water fell.|The "
                               "bridge was opened again, and the children ran across it."]),
    "hard_wrapped_lower": ("marks", ["the river was high that year , and the old bridge had to be closed .|nobody went "
                                     "to the market .", "in spring the water fell .|the bridge was opened again ."]),
    "hebrew": ("marks", ["מה שלומך?|טוב.|היום יפה!", "הוא לא בא.|היא הלכה."]),
    "japanese": ("marks", ["「そうですか？」|彼は言った。|雨だ！|駅まで歩いた。", "猫が好き｡|犬も。"]),
    "khmer": ("marks", ["សួស្តី។|សុខសប្បាយទេ?", "គាត់មិនមក។"]),
    "korean": ("marks", ["오늘은 날씨가 좋습니다.|우리는 걷습니다.|아이들이 놉니까?", "그는 오지 않습니다.|네."]),
    "lines_with_capitals": ("lines", ["Title|Mr. Poe came home.|He slept, e.g. well.|Did he?",
                                      "Another title|It rained.|It stopped."]),
    "lines_without_marks": ("lines", ["my aunt finds some bread|a dog|the cat sees him near the old house",
                                      "our train waits for the baker on a sunday|the baker runs"]),
    "lower_case": ("marks", ["my aunt slept .|a dog ran !|is it late ?|yes , e.g. now .",
                             "mr. smith met j. s. bach .|they left ."]),
    "mixed_scripts": ("marks", ["He said 你好。|Then he left.|Она пришла।|Fin.", "今天 is fine。|好。"]),
    "one_sentence_a_line": ("lines", ["my aunt finds some bread .|a dog carries it home .|the cat sees him .",
                                      "our train waits .|the baker runs ."]),
    "paragraph_a_line": ("marks", ["One came.|Two left.|Three stayed.|Four slept.|Five woke.|Six ran away.",
                                   "Seven.|Eight.|Nine."]),
    "pictures": ("marks", ["I love it. 😀|My aunt too! 🎉🎉|Yes.", "Was it (no). 👩\u200d🚀|Then he left."]),
    "spanish": ("marks", ["Hola.|¿Qué tal?|¡Bien!|«Ya.»|Fin.", "Él no viene.|Ella sí."]),
    "thai": ("marks", ["วันนี้อากาศดี เราไปเดินเล่น", "เขาไม่มา เธอเสียใจ"]),
    "tibetan": ("marks", ["བཀྲ་ཤིས།|བདེ་ལེགས།", "ཡིན༎"]),
}  # fmt: skip


# ---- Reading ---------------------------------------------------------------------------------------------------------


def test_every_input_is_read():
    assert {path.stem for path in INPUTS.glob("*.txt")} == READ.keys()


@pytest.mark.parametrize("name", READ)
def test_each_layout_and_script_is_read(name):
    layout, documents = READ[name]
    said = []
    assert sources.documents(INPUTS / f"{name}.txt", say=said.append) == [text.split("|") for text in documents]
    (line,) = said
    what, other = {"lines": ("one sentence a line", "marks"), "marks": ("running prose", "lines")}[layout]
    assert f"{name}.txt: {what}" in line
    assert f"{len(documents)} document" in line
    assert f"(--sentences {other} reads it otherwise)" in line


def test_the_layout_can_be_given():
    path = INPUTS / "paragraph_a_line.txt"
    said = []
    lines = sources.documents(path, "lines", said.append)
    assert lines == [["One came. Two left. Three stayed.", "Four slept. Five woke. Six ran away."],
                     ["Seven. Eight. Nine."]]  # fmt: skip
    assert said == [f"{path}: one sentence a line; blank lines separate documents: 2 documents"]
    prose = sources.documents(INPUTS / "lines_without_marks.txt", "marks")
    assert [len(document) for document in prose] == [1, 1]
    with pytest.raises(ValueError, match="sentences is 'rows'; it is auto, lines or marks"):
        sources.documents(path, "rows")


def fill_lines(words, width):
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["lines", "wrapped", "paragraphs"]),
    st.sampled_from([".", " .", ""]),
    st.booleans(),
)
def test_any_layout_is_recognised(seed, layout, mark, cased):
    """Sentences of 3 to 25 words, laid out in one of three ways, with and without marks and capitals."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefghijklmnoprstuw", k=rng.randint(1, 9))) for _ in range(200)]
    texts, width = [], rng.choice([60, 72, 100])
    for _ in range(30):
        sentences = [" ".join(rng.choices(words, k=rng.randint(3, 25))) + mark for _ in range(rng.randint(4, 9))]
        sentences = [one[0].upper() + one[1:] if cased else one for one in sentences]
        if layout == "lines":
            texts.append("\n".join(sentences))
        elif layout == "wrapped":
            texts.append(fill_lines(" ".join(sentences).split(), width))
        else:
            texts.append("\n".join(" ".join(sentences[i : i + 3]) for i in range(0, len(sentences) - 2, 3)))
    found, reason = recognise_layout("\n\n".join(texts))
    if layout == "paragraphs" and not mark:
        return  # nothing tells these from lines
    assert found == ("lines" if layout == "lines" else "marks"), reason


def test_a_folder_of_one_file_is_read_as_the_file(tmp_path):
    for name in ("chinese", "one_sentence_a_line", "hard_wrapped"):
        folder = tmp_path / name
        folder.mkdir()
        text = (INPUTS / f"{name}.txt").read_text(encoding="utf-8")
        (folder / "only.txt").write_text(text, encoding="utf-8")
        (folder / "empty.txt").write_text("\n")
        expected = sources.documents(INPUTS / f"{name}.txt")
        assert sources.documents(folder) == expected
        assert len(sources.texts(folder)) == len(expected) == 2
        (folder / "second.txt").write_text("Another. Text.\n", encoding="utf-8")
        said = []
        found = sources.documents(folder, say=said.append)
        assert found[-1] == ["Another.", "Text."]
        assert len(found) == (3 if name == "one_sentence_a_line" else 2)  # of prose, each file is a document
        assert "each file is a document" in said[0]
        assert said[0].endswith("; files left out: 1 that is empty")


def test_what_a_folder_holds_beside_text_is_counted_or_refused(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "b.txt").write_text("One. Two.")
    (tmp_path / "a.txt").write_text("Three. Four.")
    for name in ("c.md", "d.pdf", ".hidden"):
        (tmp_path / name).write_text("x")
    said = []
    assert sources.documents(tmp_path, say=said.append) == [["Three.", "Four."], ["One.", "Two."]]
    assert said[0].endswith("; files left out: 2 that are not .txt")
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(OSError, match=r"pipe\.txt is a pipe: give a regular file"):
        sources.documents(tmp_path)


def test_the_case_of_an_ending_does_not_matter(tmp_path):
    (tmp_path / "a.TXT").write_text("One. Two.\n\nThree.")
    (tmp_path / "b.Txt").write_text("Four. Five.")
    assert len(sources.documents(tmp_path)) == 2
    (tmp_path / "c.JSONL").write_text('{"text": "Six."}')
    assert [block.form for block in read_blocks(str(tmp_path))] == ["rows", "files"]


@pytest.mark.parametrize(
    ("name", "advice"),
    [("a.csv", "blank line after each document"), ("a.TSV", "blank line"), ("a.json", "as .jsonl to `prepare`"),
     ("a.jsonl", "give it to `prepare`"), ("a.parquet", "`prepare`"), ("a.txt.gz", "`prepare`")],
)  # fmt: skip
def test_rows_are_no_running_text(tmp_path, capsys, name, advice):
    """Their signs and names of columns would be learned as if they were prose."""
    file = tmp_path / name
    file.write_text("text,label\nOne. Two.,x\n\nThree. Four.,y\n\nFive. Six.,y\n\nSeven. Eight.,x\n\nNine.,y\n")
    assert main(["pretrain", "--text", str(file), "--out", str(tmp_path / "run"), "--steps", "2"]) == 2
    error = capsys.readouterr().err
    assert f"{file} holds rows or is packed" in error
    assert advice in error
    assert not (tmp_path / "run").exists()
    if name in ("a.csv", "a.TSV", "a.json"):
        with pytest.raises(SourceError, match="holds rows, which would be read as running text: write them as .jsonl"):
            list(read_blocks(str(file)))


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("One. Two.")
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        sources.documents(tmp_path)


# ---- Sentences -------------------------------------------------------------------------------------------------------


def test_the_marks_are_those_of_unicode():
    everything = "".join(map(chr, range(0x110000)))
    listed = set(re.findall(f"[{OTHER}]", everything))
    terminal = set(regex.findall(r"\p{Sentence_Terminal}", everything))
    assert listed - terminal == {"\u0f0d", "\u0f0e"}
    assert terminal - listed <= {*".!?", "\u2024"}
    assert OTHER_MARKS.count("-") > 30


@given(st.text(alphabet="。！？!?.।؟ ა\u2009aAб漢か\n」“»1．;Σ", max_size=60))
def test_no_character_is_lost_between_sentences(text):
    sentences = sources.split_sentences(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence == " ".join(sentence.split()) != "" for sentence in sentences)


def test_capitals_count_where_the_text_has_some():
    assert sources.split_sentences("one came. two left.") == ["one came.", "two left."]
    assert sources.split_sentences("One came. two left.") == ["One came. two left."]
    assert sources.split_sentences("one came. two left.", cased=True) == ["one came. two left."]


@settings(deadline=None)
@given(st.text(alphabet="กาเโิ่ะำ ", min_size=90, max_size=400))
def test_runs_without_spaces_are_parted(text):
    parted, count = part_unspaced_words(text)
    assert parted.replace(" ", "") == text.replace(" ", "")
    assert max(map(len, parted.split()), default=0) <= 100
    assert (parted == text) == (count == 0)
    assert part_unspaced_words("x" * 500) == ("x" * 500, 0)


# ---- Rows ------------------------------------------------------------------------------------------------------------


def find_covered(encoded, rows):
    covered = np.zeros(len(encoded.ids), bool)
    for spans in (rows.a, rows.b):
        for start, end in spans:
            covered[start:end] = True
    return covered


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=6), min_size=2, max_size=8),
    st.integers(5, 30),
    st.sampled_from(["next", "order", "none"]),
    st.integers(0, 1000),
)
def test_every_token_is_in_some_row(documents, length, pairs, seed):
    encoded = encode([[" ".join(["10"] * tokens) for tokens in document] for document in documents])
    rows = pair_rows(encoded, length, seed, pairs=pairs, overflow="keep")
    assert find_covered(encoded, rows).all()
    assert rows.lengths.max() <= length
    assert (np.diff(rows.a) > 0).all()
    edges = encoded.sentences[encoded.documents]
    of_a, of_b = (np.searchsorted(edges, spans[:, 0], "right") for spans in (rows.a, rows.b))
    has_b = np.diff(rows.b)[:, 0] > 0
    if pairs == "next":
        assert has_b.all()
        follows = rows.label == 0
        assert (rows.b[follows, 0] == rows.a[follows, 1]).all()
        assert (of_a[follows] == of_b[follows]).all()
        assert (of_a[~follows] != of_b[~follows]).all()


@pytest.mark.parametrize(("sentences", "tokens", "length"), [(1, 3000, 64), (40, 20, 24), (10, 70, 64), (12, 10, 64)])
def test_kept_rows_have_balanced_labels_and_are_full(sentences, tokens, length):
    encoded = encode_random(60, sentences, tokens)
    rows = pair_rows(encoded, length, seed=0, overflow="keep", short=0.0)
    assert abs(rows.label.mean() - 0.5) < 0.08
    assert rows.lengths.mean() > 0.7 * length
    lost = ~find_covered(encoded, pair_rows(encoded, length, seed=0))
    assert lost.mean() > 0.03  # what Google's rows lose


def test_a_random_b_of_one_kind_is_kept_too():
    encoded = encode_random(8, 1, 100)
    rows = pair_rows(encoded, 24, 0, kinds=["a"] * 4 + ["b"] * 4, overflow="keep")
    assert ((rows.a[:, 0] < 400) == (rows.b[:, 0] < 400)).all()
    starts = rows.b[rows.label == 1, 0] % 100
    assert len(set(starts.tolist())) > 10  # as a true B, it begins anywhere in an endless sentence


def test_overflow_has_two_values():
    with pytest.raises(ValueError, match="overflow is 'x'"):
        pair_rows(encode(), 12, 0, overflow="x")
    with pytest.raises(ValueError, match='except with pairs="sentences"'):
        pair_rows(encode(), 12, 0, pairs="sentences", overflow="keep")


# ---- Vocabulary ------------------------------------------------------------------------------------------------------


def make_chinese(documents=60, sentences=8, kinds=1200, seed=0):
    rng = random.Random(seed)
    chars = [chr(0x4E00 + number) for number in range(kinds)]
    weights = [1 / (number + 3) for number in range(kinds)]
    return ["".join("".join(rng.choices(chars, weights, k=rng.randint(8, 25))) + "。" for _ in range(sentences))
            for _ in range(documents)]  # fmt: skip


def test_the_alphabet_follows_the_text():
    texts = make_chinese()
    tokenizer = learn_vocabulary(texts, 4000)
    unknown = Counter(number == tokenizer.unk_id for ids in tokenizer.encode_bulk(texts) for number in ids)
    assert unknown[True] / unknown.total() < 0.0011  # 99.95% of the characters, and a few more of equal frequency
    assert learn_slowly(texts[:5], 4000).vocab[5:] == sorted(set("".join(texts[:5])))
    few = learn_vocabulary(texts, 400)
    assert len(few) <= 400
    assert len([token for token in few.vocab if len(token) == 1]) == 355  # nine tenths of 400, without special tokens
    assert len(learn_vocabulary(texts, 4000, alphabet=256)) == 261


def test_latin_text_keeps_its_256_characters():
    words = Counter({chr(0x100 + number) * 2: 1 + number % 3 for number in range(300)} | {"ab": 10**6})
    for size in (700, 10_000):
        assert list_first_tokens(words, size) == list_first_tokens(words, size, 256)
    assert len(list_first_tokens(words, 10_000, 300)) == 604


# ---- Coverage --------------------------------------------------------------------------------------------------------


def cover(documents, tokenizer=None, length=24, **more):
    tokenizer = tokenizer or WordPiece([*SPECIAL_TOKENS, *"abc."])
    text = encode_documents(documents, tokenizer)
    return measure_coverage(documents, text, pair_rows(text, length, 0, **more), tokenizer)


GOOD = [[f"{'a b c ' * 3}."] * 6] * 10


def test_coverage_by_hand():
    coverage = cover([["a b", "c x"], ["a"], ["\x07"]], overflow="keep")
    rows, labels = coverage["rows"], (coverage["next"], coverage["random"])
    assert sum(labels) == rows
    assert coverage | {"rows": 0, "next": 0, "random": 0} == {
        "documents": 3, "empty_documents": 1, "sentences": 3, "long_sentences": 0, "tokens": 5, "in_rows": 1.0,
        "unknown": 0.2, "rows": 0, "next": 0, "random": 0, "long_words": 0, "characters": 8, "dropped_characters": 1,
        "undecoded": 0, "stripped_marks": 0, "parted_syllables": 0,
    }  # fmt: skip
    assert json.loads(json.dumps(coverage)) == coverage


def test_a_good_text_is_not_warned_of():
    coverage = cover(GOOD, overflow="keep")
    check_coverage(coverage)
    assert list_coverage_warnings(coverage) == []


@pytest.mark.parametrize(
    ("documents", "warning"),
    [
        ([["a b c " * 40] * 3] * 4, r"^\d+\.\d% of the wordpieces are in no row.*: --overflow keep puts all"),
        (
            [["a b c x " * 3] * 6] * 10,
            r"^25.0% of the wordpieces are \[UNK\].*--vocab-size\), or give more text .*than that$",
        ),
        ([["a " * 10 + "z" * 101] * 2] * 10, r"9.1% of .*than that; 20 are words of more than 100 characters"),
        ([*[["a b c " * 9 + "."] * 9] * 10, ["a " * 9 + "z" * 101]], "^1 words of more than 100 characters are"),
        ([*[["a b"]] * 40, *[["a b", "c a"]] * 6], r"^in \d+% of the rows the second part is random.*more sentences$"),
        ([*GOOD, ["\x01"], ["\u200d"]], "^2 documents hold nothing that the tokenizer reads; they are left out"),
        ([*GOOD, ["a\ufffdb", "a"]], r"^1 characters are U\+FFFD.*make the text anew from its original"),
        ([*GOOD, ["a\x00\xad\x7fb", "a"]], "^3 control characters and invisible ones are dropped"),
    ],
)
def test_each_warning(documents, warning):
    assert any(re.search(warning, one) for one in list_coverage_warnings(cover(documents)))


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([["x y"], ["z"]], r"every wordpiece of the text is \[UNK\], so there is nothing to predict"),
        ([["z" * 101, "z" * 102], ["z" * 300]], "3 are words of more than 100 characters, which need spaces"),
        ([["a b c"]] * 30, "all 30 rows have the same NSP label.*30 documents have 30 sentences"),
    ],
)
def test_what_teaches_nothing_is_refused(documents, message):
    with pytest.raises(ValueError, match=message):
        check_coverage(cover(documents))


def test_no_row_is_refused():
    with pytest.raises(ValueError, match="the text gives no row"):
        check_coverage(cover(GOOD) | {"rows": 0})


# ---- The command -----------------------------------------------------------------------------------------------------

TINY = ["--vocab-size", "400", "--length", "24", "--batch-size", "8", "--steps", "2", "--held-out", "0.2"]


def run(capsys, out, *arguments):
    status = main(["pretrain", *TINY, "--out", str(out), *map(str, arguments)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err.strip().split("\n")[-1]


def make_google_text(documents=300, mark=" .", seed=0):
    """The layout of the case that lost 95% of its tokens: lower case, a sentence a line, 3,000 lines."""
    rng = random.Random(seed)
    who, does, what, when = (text.split(",") for text in (
        "my aunt,a dog,a tall man,the cat,the baker,our train,the river,the teacher",
        "forgets,carries,finds,follows,sees,paints",
        "a red ball,two letters,some bread,the morning,a small boat,the old house",
        "after lunch,on a sunday,near the hill,in the rain,before noon,with great care",
    ))  # fmt: skip
    return "\n\n".join(
        "\n".join(" ".join(map(rng.choice, (who, does, what, when))) + mark for _ in range(10))
        for _ in range(documents)
    )


def grow(name, copies=12):
    """A small input repeated: each document three times over, with a number in front, so that they differ."""
    documents = (INPUTS / f"{name}.txt").read_text(encoding="utf-8").strip().split("\n\n")
    return "\n\n".join(f"{number} {document} {document} {document}" for number in range(copies)
                       for document in documents)  # fmt: skip


@pytest.mark.parametrize("mark", [" .", ""])
@pytest.mark.parametrize("length", [24, 64, 128])
def test_a_sentence_a_line_reaches_training(tmp_path, mark, length):
    path = tmp_path / "lines.txt"
    path.write_text(make_google_text(mark=mark))
    documents = sources.documents(path)
    assert sum(map(len, documents)) == 3000
    tokenizer = learn_vocabulary((line for document in documents for line in document), 300)
    coverage = cover(documents, tokenizer, length, overflow=choose_overflow(PretrainPlan(text=(str(path),))))
    assert coverage["in_rows"] == 1
    assert 0.4 < coverage["next"] / coverage["rows"] < 0.6
    assert list_coverage_warnings(coverage) == []


def test_the_command_says_what_reaches_training(tmp_path, capsys):
    path = tmp_path / "lines.txt"
    path.write_text(make_google_text(60))
    status, printed, _ = run(capsys, tmp_path / "out", "--text", path)
    assert status == 0
    assert (
        "lines.txt: one sentence a line (100% of the lines end with a sentence mark); blank lines separate" in printed
    )
    assert re.search(r"to learn from: 4\d documents, 4\d0 sentences, [\d,]+ wordpieces; 100.0% of them in some of the "
                     r"\d+ rows, 0.00% \[UNK\]; NSP labels: \d+ next, \d+ random", printed)  # fmt: skip
    assert "held out: 1" in printed
    assert "warning: to learn" not in printed
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["text"]["training"]["in_rows"] == results["text"]["held_out"]["in_rows"] == 1
    assert json.loads((tmp_path / "out" / "run.json").read_text())["plan"]["sentences"] == "auto"


SCRIPTS = "chinese japanese korean arabic hebrew devanagari cyrillic greek german spanish tibetan ethiopic georgian"


@pytest.mark.parametrize("name", SCRIPTS.split())
def test_each_script_is_trained_on(tmp_path, capsys, name):
    path = tmp_path / f"{name}.txt"
    path.write_text(grow(name), encoding="utf-8")
    status, printed, error = run(capsys, tmp_path / "out", "--text", path)
    assert status == 0, error
    training = json.loads((tmp_path / "out" / "results.json").read_text())["text"]["training"]
    assert training["in_rows"] == 1
    assert training["unknown"] < 0.01
    assert min(training["next"], training["random"]) > 0.25 * training["rows"]
    per_document = sum(text.count("|") + 1 for text in READ[name][1]) / 2
    assert training["sentences"] > 0.75 * 3 * per_document * training["documents"]
    assert re.search(r"a vocabulary of \d+ wordpieces \(not 400: no other occurs twice\)", printed)  # a small text


def make_endless_text(kind, characters):
    """Letters without a sentence mark or a line break."""
    rng = random.Random(0)
    words = {
        "chinese": [char for text in make_chinese(4) for char in text.replace("。", "")],
        "thai": ["".join(rng.choice("กขคงจชดตทนบปพมยรลวสหอ") + rng.choice("าิีุ") for _ in range(2)) for _ in range(60)],
        "english": [f"{word} " for word in make_google_text(9, "").split()],
    }[kind]
    return "".join(rng.choices(words, k=characters))[:characters]


@pytest.mark.parametrize("kind", ["chinese", "thai", "english"])
def test_fifty_thousand_characters_in_one_line_are_cut_into_rows(tmp_path, kind):
    path = tmp_path / "long.txt"
    path.write_text(f"{make_endless_text(kind, 50_000)}\n\nshort one", encoding="utf-8")
    documents = sources.documents(path)
    assert [len(document) for document in documents] == [1, 1]
    texts = [text for document in documents for text in document]
    tokenizer = learn_vocabulary(texts, 1200, strip_accents=False)
    coverage = cover(documents, tokenizer, 64, overflow="keep")
    assert coverage["long_sentences"] == 1
    assert coverage["in_rows"] == 1
    assert coverage["tokens"] > 9000
    assert coverage["unknown"] < 0.01
    assert list_coverage_warnings(coverage) == []


def test_endless_thai_is_trained_on(tmp_path, capsys):
    text = make_endless_text("thai", 12_000)
    path = tmp_path / "thai.txt"
    path.write_text("\n\n".join(text[first : first + 1500] for first in range(0, 12_000, 1500)), encoding="utf-8")
    status, printed, error = run(capsys, tmp_path / "out", "--text", path)
    assert status == 0, error
    assert re.search(r"to learn from: (\d) documents, \1 sentences \(\1 longer than a row\)", printed)
    assert "spaces were put into 8 runs of more than 100 letters" in printed
    training = json.loads((tmp_path / "out" / "results.json").read_text())["text"]["training"]
    assert training["in_rows"] == 1
    assert training["unknown"] < 0.02
    assert abs(training["next"] / training["rows"] - 0.5) < 0.15


def test_what_is_wrong_is_said_before_the_training(tmp_path, capsys):
    path = tmp_path / "text.txt"
    path.write_text(make_google_text(60))
    out = tmp_path / "out"
    status, printed, _ = run(capsys, out, "--text", path, "--overflow", "drop", "--sentences", "marks")
    assert status == 0
    assert re.search(r"warning: to learn from: \d+.\d% of the wordpieces are in no row", printed)
    for text, message in (
        (
            "One.\n\nTwo.\n\nThree",
            "3 documents, 3 different: holding some out needs 4. In a text file a blank line ends",
        ),
        ("One endless document.", "1 document, 1 different"),
        ("\n\n".join("x" * (101 + n) for n in range(40)), r"every wordpiece of the text is [UNK]"),
    ):
        path.write_text(text)
        status, _, error = run(capsys, tmp_path / "other", "--text", path)
        assert status == 2
        assert message in error
        assert not (tmp_path / "other" / "results.json").exists()
    path.write_text("\n\n".join(f"a single sentence, number {n}." for n in range(90)))
    status, _, error = run(capsys, tmp_path / "other", "--text", path, "--overflow", "drop")
    assert (status, "rows have the same NSP label" in error) == (2, True)
    status, printed, _ = run(capsys, tmp_path / "other", "--text", path)
    assert status == 0
    assert re.search(r"warning: to learn from: in 9\d% of the rows the second part is random", printed)


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_length_without_room_for_words_is_refused(tmp_path, capsys, length):
    (tmp_path / "text.txt").write_text(make_google_text(10))
    status, _, error = run(capsys, tmp_path / "out", "--text", tmp_path / "text.txt", "--length", length)
    assert (status, "length" in error) == (2, True)
    assert not (tmp_path / "out" / "results.json").exists()


def test_one_document_is_said_before_a_vocabulary_is_learned(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bertlab.pretrain.learn_vocabulary", lambda *_: pytest.fail("it was learned"))
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "only.txt").write_text("One. " * 50)
    status, printed, error = run(capsys, tmp_path / "out", "--text", texts)
    assert status == 2
    assert "1 document (" in printed
    assert "1 document, 1 different" in error
    (texts / "only.txt").write_text("\n\n".join(f"{n}. One. Two." for n in range(40)))
    (texts / "b.txt").write_text("Alone. Here.")


def test_a_text_of_one_document_shares_its_random_bs(tmp_path, capsys):
    """By default a random B comes from the text of A; where there is no other document, from its neighbour's."""
    (tmp_path / "many.txt").write_text("\n\n".join(f"{n}. One. Two." for n in range(40)))
    (tmp_path / "b.txt").write_text("Alone. Here.")
    options = ["--vocab-size", 60, "--steps", 2, "--batch-size", 8, "--length", 16]
    for more, said in (([], True), (["--no-same-source"], False)):
        status, printed, _ = run(capsys, tmp_path / f"out{said}", "--text", tmp_path / "many.txt", tmp_path / "b.txt",
                                 *options, *more)  # fmt: skip
        assert status == 0
        assert ("b.txt: one training document, so that its random Bs come from the text beside it" in printed) == said


def test_held_out_text_of_unknown_words_is_refused(tmp_path):
    """Two of 30 documents are in a script that the vocabulary lacks, and it is them that are held out."""
    latin = make_google_text(28).split("\n\n")
    variants = [f"{letter} {'ζ' * (number % 60 + 1)}\n{letter * (number // 60 + 1)}" for letter in "βγδ"
                for number in range(600)]  # fmt: skip
    greek = sorted(variants, key=lambda text: hash_to_fraction(f"0\n{text}"))[:2]  # the lowest are held out
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join([*latin, *greek]), encoding="utf-8")
    said = []
    plan = PretrainPlan(text=(str(path),), vocab_size=300, length=24, batch_size=8, steps=2, held_out=0.01)
    with pytest.raises(ValueError, match=r"every wordpiece of the text is \[UNK\]"):
        pretrain(plan, tmp_path / "out", say=said.append)
    assert any("held out: 2 documents" in line and "100.00% [UNK]" in line for line in said)
    assert not (tmp_path / "out" / "log.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sentences", "line"], "sentences is 'line'; it is one of auto, lines, marks"),
        (["--overflow", "cut"], "overflow is 'cut'; it is one of auto, drop, keep"),
        (["--sentences", "lines", "--text", "sotu", "wiki"], "the named sources have their own sentences"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_read(tmp_path, capsys, arguments, message):
    status, printed, error = run(capsys, tmp_path / "out", *arguments)
    assert (status, printed) == (2, "")
    assert message in error
    assert not (tmp_path / "out").exists()


def test_named_sources_keep_googles_rows():
    assert choose_overflow(PretrainPlan()) == "drop"
    assert choose_overflow(PretrainPlan(text=("kjv", "web", "mine.txt"))) == "keep"
    assert choose_overflow(PretrainPlan(overflow="keep")) == "keep"


def test_a_run_of_before_these_options_goes_on(tmp_path):
    """Its run.json names neither `sentences` nor `overflow`: its text was prose, in Google's rows."""
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join(text.replace("\n", " ").replace(" .", ".").title() for text in
                                make_google_text(40).split("\n\n")))  # fmt: skip
    plan = PretrainPlan(text=(str(path),), vocab_size=300, length=24, batch_size=8, steps=2, held_out=0.2,
                        sentences="marks", overflow="drop", precision="no")  # fmt: skip
    first = pretrain(plan, tmp_path / "run", say=lambda _: None)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["plan"] == json.loads(json.dumps(asdict(plan)))
    del record["plan"]["sentences"], record["plan"]["overflow"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert pretrain(plan, tmp_path / "run", resume=True, say=lambda _: None) == first
