"""Languages other than English: capitals and accents of a vocabulary, what scripts lose, words of Chinese."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bertlab.__main__ import main
from bertlab.corpus import encode_documents, pair_rows
from bertlab.coverage import list_coverage_warnings, measure_coverage
from bertlab.masking import Masking, PretrainingCollate, load_segmenter
from bertlab.tasks import load_predictor
from bertlab.vocabulary import learn_vocabulary
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

# Sentences of ours, each with what its script needs: accents, final sigma, vowel signs, points, syllables, emoji.
SENTENCES = {
    "french": "Été comme hiver, Zoë aime la forêt et le café.",
    "russian": "Ёжик идёт в тёмный лес, а Йод остаётся дома.",
    "greek": "Ο Οδυσσέας γύρισε στην Ιθάκη, τόπος της καρδιάς.",
    "arabic": "ذَهَبَ الوَلَدُ إِلَى المَدْرَسَةِ، ثُمَّ رَجَعَ.",
    "hebrew": "הַיֶּלֶד הָלַךְ לְבֵית הַסֵּפֶר, וְאָז חָזַר.",
    "hindi": "लड़की किताब पढ़ती है, फिर सो जाती है।",
    "thai": "เด็กผู้หญิงไปโรงเรียนทุกวันแล้วกลับบ้านที่มีแมว",
    "chinese": "孩子們每天去學校，然後回家看書。",
    "japanese": "子どもがガラス窓のそばで本を読んでいます。",
    "korean": "아이가 학교에 가서 책을 읽고 집에 왔다.",
    "emoji": "Gut 👍🏽, sehr gut 👩‍🚀 und fertig ❤️!",
}
RULES = {"uncased": {}, "cased": {"lower": False}, "accents": {"strip_accents": False}}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """All of the sentences in each of forty documents, in another order, in one file."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("text") / "all.txt"
    texts = ["\n".join(rng.permutation(list(SENTENCES.values()))) for _ in range(40)]
    path.write_text("\n\n".join(texts), encoding="utf-8")
    return path


# ---- Capitals and accents --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_transformers_gives_the_same_ids(tmp_path, rules):
    from transformers import AutoTokenizer

    texts = list(SENTENCES.values())
    learned = learn_vocabulary(texts * 3, 900, **rules)
    learned.save(tmp_path)
    theirs, again = AutoTokenizer.from_pretrained(tmp_path), WordPiece.load(tmp_path)
    assert again.vocab == learned.vocab
    for text in texts:
        ids = learned.encode(text).input_ids
        assert theirs(text)["input_ids"] == ids == again.encode(text).input_ids
        assert learned.encode_bulk([text]) == [ids[1:-1]]
        assert learned.unk_id not in ids


def test_capitals_and_accents_are_kept_as_asked():
    tokens = {}
    for name, rules in RULES.items():
        tokens[name] = {
            language: "".join(learn_vocabulary([text], 500, **rules).tokenize(text)).replace("##", "")
            for language, text in SENTENCES.items()
        }
    assert tokens["uncased"]["french"] == "etecommehiver,zoeaimelaforetetlecafe."
    assert tokens["accents"]["french"] == "étécommehiver,zoëaimelaforêtetlecafé."
    assert tokens["cased"]["french"] == "Étécommehiver,Zoëaimelaforêtetlecafé."
    for name in ("cased", "accents"):  # nothing but spaces and capitals goes, vowel signs stay
        for language in ("arabic", "hebrew", "hindi", "thai", "chinese", "japanese", "korean"):
            assert tokens[name][language] == SENTENCES[language].replace(" ", "")
    assert tokens["uncased"]["hebrew"] == "הילדהלךלביתהספר,ואזחזר."  # as it is usually written
    assert "ガ" not in tokens["uncased"]["japanese"]


def test_pretrain_keeps_them_and_so_do_fill_finetune_and_predict(tmp_path, corpus, capsys):
    options = ["--vocab-size", "900", "--length", "24", "--batch-size", "8", "--steps", "2", "--held-out", "0.2"]
    for given, lower, strip in ((["--cased"], False, None), (["--keep-accents"], True, False)):
        out = tmp_path / given[0]
        assert main(["pretrain", "--text", str(corpus), "--out", str(out), *options, *given]) == 0
        tokenizer = WordPiece.load(out)
        assert (tokenizer.lower, tokenizer.strip_accents) == (lower, strip)
        assert "é" in tokenizer.index
        assert main(["fill", "Été comme [MASK]", "--model", str(out)]) == 0
        capsys.readouterr()
    rows = [f"text,label\n{word} aime {n},{label}" for n in range(20) for word, label in (("Zoë", "a"), ("Été", "b"))]
    (tmp_path / "a.csv").write_text("\n".join(dict.fromkeys("\n".join(rows).split("\n"))), encoding="utf-8")
    out = tmp_path / "task"
    arguments = ["finetune", "classify", "--train", str(tmp_path / "a.csv"), "--model", str(tmp_path / "--cased")]
    assert main([*arguments, "--out", str(out), "--length", "24", "--epochs", "1"]) == 0
    assert not load_predictor(out)[1].tokenizer.lower
    assert main(["predict", "--model", str(out), "Zoë aime"]) == 0


def test_keeping_twice_is_refused(tmp_path, corpus, capsys):
    arguments = ["pretrain", "--text", str(corpus), "--out", str(tmp_path / "x"), "--steps", "2", "--cased"]
    assert main([*arguments, "--keep-accents"]) == 2
    assert "--keep-accents changes nothing with --cased" in capsys.readouterr().err


# ---- What is lost ----------------------------------------------------------------------------------------------------


def measure(language, **rules):
    documents = [[SENTENCES[language]] * 4] * 4
    tokenizer = learn_vocabulary(documents[0], 500, **rules)
    text = encode_documents(documents, tokenizer)
    return measure_coverage(documents, text, pair_rows(text, 24, 0, overflow="keep"), tokenizer)


def test_what_a_script_loses_is_counted():
    lost = {language: measure(language) for language in SENTENCES}
    marks = {language: coverage["stripped_marks"] / 16 for language, coverage in lost.items()}
    assert marks["french"] == 5
    assert marks["hindi"] == 4  # two dots below a letter and two vowel signs; the others are no Mn to Unicode
    assert marks["chinese"] == marks["korean"] == 0
    assert marks["japanese"] == 6
    assert lost["korean"]["parted_syllables"] / 16 == 16
    said = {language: " ".join(list_coverage_warnings(coverage)) for language, coverage in lost.items()}
    assert "accents and vowel signs are dropped, one at every" in said["hindi"]
    assert "Korean syllables are taken apart" in said["korean"]
    assert "keep" not in said["chinese"]
    assert "16 control characters and invisible ones are dropped" in said["emoji"]  # the joiner of the astronaut
    for rules in (RULES["cased"], RULES["accents"]):
        for language in SENTENCES:
            said = list_coverage_warnings(measure(language, **rules))
            assert not any("keep" in warning for warning in said)


# ---- Words of Chinese ------------------------------------------------------------------------------------------------


def cut_in_twos(text):
    return [text[i : i + 2] for i in range(0, len(text), 2)]


@pytest.fixture
def segmenter(monkeypatch):
    """A stand-in for jieba that cuts a text into words of two characters."""
    module = SimpleNamespace(lcut=cut_in_twos, setLogLevel=lambda level: None, __spec__=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "jieba", module)
    load_segmenter.cache_clear()
    yield
    load_segmenter.cache_clear()


def mask_rows(texts, rows=200, **masking):
    tokenizer = learn_vocabulary(texts, 200)
    ids = np.concatenate([np.array(one) for one in tokenizer.encode_bulk(texts)])
    collate = PretrainingCollate(tokenizer, Masking(whole_words=True, **masking))
    return tokenizer, ids, collate([(ids, ids[:0], -1)] * rows, np.random.default_rng(0))["labels"].numpy() >= 0


def test_words_of_a_segmenter_are_masked_whole(segmenter):
    tokenizer, ids, masked = mask_rows(["孩子每天，回家ab看書 hugs hugs"], segmenter="jieba")
    tokens = tokenizer.decode(ids).split()
    assert "".join(tokens) == "孩子每天，回家ab看書hugshugs"
    masked = masked[:, 1:-1]
    place = {token: number for number, token in enumerate([tokenizer.vocab[i] for i in ids])}
    for pair in ("孩子", "每天", "回家", "看書"):
        assert (masked[:, place[pair[0]]] == masked[:, place[pair[1]]]).all(), pair
        assert 0.02 < masked[:, place[pair[0]]].mean() < 0.5
    assert (masked[:, place["子"]] != masked[:, place["每"]]).any()
    alone = mask_rows(["孩子每天，回家ab看書 hugs hugs"])[2][:, 1:-1]
    assert (alone[:, place["孩"]] != alone[:, place["子"]]).any()


def test_an_impossible_segmenter_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)  # as if it were not installed
    monkeypatch.setattr("bertlab.masking.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="the segmenter jieba is not installed: pip install jieba"):
        Masking(whole_words=True, segmenter="jieba")
    with pytest.raises(ValueError, match="segmenter jieba changes nothing without whole_words"):
        Masking(segmenter="jieba")
    with pytest.raises(ValueError, match="segmenter is 'x'; there is jieba"):
        Masking(whole_words=True, segmenter="x")


def test_jieba_itself_finds_words():
    pytest.importorskip("jieba")
    load_segmenter.cache_clear()
    assert load_segmenter("jieba")("我们在北京大学学习") == ["我们", "在", "北京大学", "学习"]


def test_chinese_is_trained_on_by_words_and_filled_in(tmp_path, segmenter, capsys):
    """From the text to a filled mask, with the words of a segmenter; without one, it is said."""
    rng = np.random.default_rng(0)
    words = ["孩子", "老師", "學校", "每天", "看書", "回家", "喝茶", "下雨"]
    texts = ["".join("".join(rng.choice(words, 5)) + "。" for _ in range(6)) for _ in range(60)]
    (tmp_path / "zh.txt").write_text("\n\n".join(texts), encoding="utf-8")
    arguments = ["--text", str(tmp_path / "zh.txt"), "--vocab-size", "100", "--length", "32", "--batch-size", "8"]
    arguments += ["--steps", "4", "--held-out", "0.2", "--whole-words"]
    assert main(["pretrain", *arguments, "--out", str(tmp_path / "a")]) == 0
    assert "each Chinese character is masked as a word of its own: --segmenter jieba" in capsys.readouterr().out
    assert main(["pretrain", *arguments, "--out", str(tmp_path / "b"), "--segmenter", "jieba"]) == 0
    printed = capsys.readouterr().out
    assert "Chinese character" not in printed
    assert "360 sentences" not in printed  # some are held out
    assert "0.00% [UNK]" in printed
    assert main(["fill", "孩子[MASK]天看書。", "--model", str(tmp_path / "b"), "--top", "3"]) == 0
    assert "[MASK] 1: " in capsys.readouterr().out
    assert WordPiece.load(tmp_path / "b").vocab[:5] == SPECIAL_TOKENS
