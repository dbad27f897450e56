"""The files of a tokenizer: every setting that transformers writes is honoured, refused by name, or without effect on
the ids, and whatever else stands there is an error that names the file and the field."""

import inspect
import json
import random
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers

from bertlab.__main__ import main
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece, normalize_text
from tests.test_wordpiece import ANY_TEXT, too_new

VOCAB = [
    *SPECIAL_TOKENS,
    *"abcdeABCé中,.-",
    *(f"##{char}" for char in "abcdeéç文"),
    "中文",
    "<mask>",
    "[unused1]",
    "foo",
    "<pad>",
    "<unk>",
    "</s>",
]
TEXTS = ["a [MASK] bad Éc, ABC", "中文 a中b é e\u0301", "<mask>a [mask] foo-bar [unused1]", "", "[CLS] a [SEP][PAD]"]

# Each setting -> what bertlab does with it, and a value other than transformers' own to prove it by.
HONOURED, REFUSED, NO_EFFECT = "honoured", "refused", "no effect"
TOKENIZER_FIELDS = {
    "tokenizer_class": (HONOURED, "BertTokenizerFast"),
    "do_lower_case": (HONOURED, False),
    "strip_accents": (HONOURED, False),
    "tokenize_chinese_chars": (HONOURED, False),
    "mask_token": (HONOURED, "<mask>"),
    "pad_token": (HONOURED, "<pad>"),
    "unk_token": (HONOURED, "<unk>"),
    "cls_token": (HONOURED, "."),
    "sep_token": (HONOURED, "</s>"),
    "bos_token": (REFUSED, "[unused1]"),
    "eos_token": (REFUSED, "foo"),
    "image_token": (REFUSED, "foo"),
    "extra_special_tokens": (REFUSED, ["[unused1]"]),
    "additional_special_tokens": (REFUSED, ["<e>"]),
    "added_tokens_decoder": (REFUSED, {"99": {"content": "[E1]", "special": True}}),
    "split_special_tokens": (REFUSED, True),
    "padding_side": (REFUSED, "left"),
    "truncation_side": (REFUSED, "left"),
    "model_input_names": (REFUSED, ["input_ids", "attention_mask"]),
    "model_max_length": (NO_EFFECT, 3),  # the model's own number of positions counts
    "backend": (NO_EFFECT, "tokenizers"),
    "name_or_path": (NO_EFFECT, "someone/some-bert"),
    "is_local": (NO_EFFECT, True),
    "local_files_only": (NO_EFFECT, True),
    "clean_up_tokenization_spaces": (NO_EFFECT, True),
    "add_prefix_space": (NO_EFFECT, True),
    "vocab": (NO_EFFECT, None),
    "vocab_file": (NO_EFFECT, None),
    "tokenizer_file": (NO_EFFECT, None),
    "special_tokens_map_file": (NO_EFFECT, "special_tokens_map.json"),
    "max_length": (NO_EFFECT, 4),
    "stride": (NO_EFFECT, 1),
    "truncation_strategy": (NO_EFFECT, "longest_first"),
    "pad_to_multiple_of": (NO_EFFECT, 8),
    "pad_token_type_id": (NO_EFFECT, 1),
    "chat_template": (NO_EFFECT, "{{ messages }}"),
    "response_template": (NO_EFFECT, None),
    "use_fast": (NO_EFFECT, False),
    # Older versions wrote or heeded these.
    "never_split": (REFUSED, ["foo-bar"]),
    "do_basic_tokenize": (REFUSED, False),
    "clean_text": (REFUSED, False),
    "wordpieces_prefix": (REFUSED, "@@"),
    "add_bos_token": (REFUSED, True),
    "add_eos_token": (REFUSED, True),
    "auto_map": (REFUSED, {"AutoTokenizer": ["tokenizer.py", None]}),
}


def open_theirs(folder: Path):
    import transformers

    return transformers.AutoTokenizer.from_pretrained(folder)


def write_folder(folder: Path, tokenizer_config: object = None, vocab=VOCAB, **files: object) -> Path:
    """A folder as older versions of transformers wrote it, with vocab.txt, and with more JSON `files`."""
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in vocab), "utf-8")
    for name, content in {
        "config": {"model_type": "bert"},
        "tokenizer_config": tokenizer_config or {},
        **files,
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def with_fast_file(folder: Path) -> Path:
    """The same folder with the tokenizer.json that transformers writes for it, and its tokenizer_config.json."""
    open_theirs(folder).save_pretrained(folder)
    (folder / "vocab.txt").unlink()
    return folder


def compare(folder: Path, texts=TEXTS) -> WordPiece:
    """Ours has the ids of theirs for all texts and pairs, one by one, in bulk, and after saving and loading."""
    ours = WordPiece.load(folder)
    ours.save(folder / "ours")
    for usual in [token for token, name in ours.names.items() if name != token]:
        texts = [text.replace(usual, "") for text in texts]  # we understand the usual name too
    for place in (folder, folder / "ours"):
        tokenizer, theirs = WordPiece.load(place), open_theirs(place)
        for text in texts:
            assert tokenizer.encode(text).input_ids == theirs(text)["input_ids"]
        for text, pair in pairwise([text for text in texts if text]):
            mine, other = tokenizer.encode(text, pair), theirs(text, pair)
            assert mine.input_ids == other["input_ids"]
            assert mine.token_type_ids == other.get("token_type_ids", mine.token_type_ids)  # a class may give none
        assert tokenizer.encode_bulk(texts) == theirs(texts, add_special_tokens=False)["input_ids"]
        assert (tokenizer.pad_id, tokenizer.mask_id) == (theirs.pad_token_id, theirs.mask_token_id)
    return ours


def test_the_table_knows_every_setting_that_transformers_writes(tmp_path):
    """When a new version of transformers adds a setting, this fails: then decide what it means here."""
    import transformers
    from tokenizers import AddedToken

    tokenizer = transformers.BertTokenizer({token: i for i, token in enumerate(VOCAB)}, model_max_length=9)
    names = {name for name in inspect.signature(transformers.BertTokenizer).parameters if name != "kwargs"}
    names |= set(transformers.BertTokenizer.SPECIAL_TOKENS_ATTRIBUTES)
    for step in ("plain", "added"):
        for how in (transformers.AutoTokenizer, transformers.BertTokenizer):
            tokenizer.save_pretrained(tmp_path / step)
            names |= set(json.loads((tmp_path / step / "tokenizer_config.json").read_text()))
            how.from_pretrained(tmp_path / step).save_pretrained(tmp_path / step)
            names |= set(json.loads((tmp_path / step / "tokenizer_config.json").read_text()))
        tokenizer.add_tokens(["zz", AddedToken("yy", lstrip=True)])
        tokenizer.add_special_tokens({"extra_special_tokens": ["<e>"]})
        tokenizer("a b", padding="max_length", truncation=True, max_length=4)
    names |= set(json.loads((write_ours(tmp_path / "ours") / "tokenizer_config.json").read_text()))
    assert names - set(TOKENIZER_FIELDS) == set()
    assert not {path.name for path in (tmp_path / "plain").iterdir()} - {"tokenizer.json", "tokenizer_config.json"}


def write_ours(folder: Path) -> Path:
    WordPiece(VOCAB).save(folder)
    return folder


@pytest.mark.parametrize("name", [name for name, (verdict, _) in TOKENIZER_FIELDS.items() if verdict == HONOURED])
def test_honoured_settings(name, tmp_path):
    value = TOKENIZER_FIELDS[name][1]
    vocab = [token for token in VOCAB if token != f"[{name[:-6].upper()}]"] if value in VOCAB else VOCAB
    folder = write_folder(tmp_path, {name: value}, vocab)
    ours = compare(folder)
    if name.endswith("_token"):
        assert f"[{name[:-6].upper()}]" in ours.vocab
        assert value not in ours.vocab
        assert (folder / "ours" / "vocab.txt").read_text("utf-8") == (folder / "vocab.txt").read_text("utf-8")
    elif name != "tokenizer_class":
        plain = WordPiece(VOCAB)
        assert any(plain.encode(text) != ours.encode(text) for text in TEXTS)
    compare(with_fast_file(folder))


@pytest.mark.parametrize("name", [name for name, (verdict, _) in TOKENIZER_FIELDS.items() if verdict == REFUSED])
def test_refused_settings(name, tmp_path, capsys):
    folder = write_folder(tmp_path, {name: TOKENIZER_FIELDS[name][1]})
    known = f"{name} is .*(bertlab's WordPiece has only .*: |BERT tells two texts apart|Use transformers)"
    with pytest.raises(ValueError, match=rf"tokenizer_config.json(: {known}| has added tokens .* Remove them)"):
        WordPiece.load(folder)


@pytest.mark.parametrize("name", [name for name, (verdict, _) in TOKENIZER_FIELDS.items() if verdict == NO_EFFECT])
def test_settings_without_effect(name, tmp_path):
    ours = compare(write_folder(tmp_path, {name: TOKENIZER_FIELDS[name][1]}))
    assert all(WordPiece(VOCAB).encode(text) == ours.encode(text) for text in TEXTS)


@pytest.mark.parametrize(
    ("config", "files"),
    [
        ({"never_split": None, "do_basic_tokenize": True, "extra_special_tokens": {}, "bos_token": None}, {}),
        ({"never_split": ["[MASK]"], "bos_token": "[CLS]", "eos_token": "[SEP]", "additional_special_tokens": []}, {}),
        ({"additional_special_tokens": ["[CLS]"], "added_tokens_decoder": {"4": {"content": "[MASK]"}}}, {}),
        ({"mask_token": {"content": "[MASK]", "lstrip": True, "normalized": False, "__type": "AddedToken"}}, {}),
        ({}, {"special_tokens_map": {"mask_token": "[MASK]", "pad_token": {"content": "[PAD]"}}}),
        ({}, {"special_tokens_map": {"mask_token": "[MASK]"}, "added_tokens": {"[MASK]": 4}}),
        ({}, {"config": {"model_type": "bert", "tokenizer_class": "BertTokenizer"}}),
    ],
)
def test_usual_settings_of_older_files(config, files, tmp_path):
    compare(write_folder(tmp_path, config, **files))


def test_names_in_special_tokens_map(tmp_path):
    vocab = [token for token in VOCAB if token != "[MASK]"]
    ours = compare(write_folder(tmp_path, {}, vocab, special_tokens_map={"mask_token": "<mask>"}))
    assert ours.tokenize("a <mask>[MASK]") == ["a", "[MASK]", "[MASK]"]  # the usual name is understood too
    assert ours.encode_bulk(["a <mask>[MASK]"]) == [[ours.index["a"], ours.mask_id, ours.mask_id]]
    assert ours.decode([ours.mask_id], keep_special=True) == "[MASK]"


@pytest.mark.parametrize("kind", ["PreTrainedTokenizerFast", "TokenizersBackend"])
def test_a_class_whose_rules_are_in_tokenizer_json(kind, tmp_path):
    """Then that file alone counts: transformers does not read do_lower_case."""
    write_folder(tmp_path, {"do_lower_case": False, "strip_accents": True})
    config = json.loads((with_fast_file(tmp_path) / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": kind, "do_lower_case": True, "strip_accents": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    ours = compare(tmp_path)
    assert (ours.lower, ours.strip_accents) == (False, True)
    file = tmp_path / "tokenizer.json"
    good = json.loads(file.read_text())
    for change, message in (
        ({"post_processor": None}, "post_processor.type is None; bertlab's WordPiece has only 'TemplateProcessing'"),
        ({"post_processor": {"type": "BertProcessing", "sep": 5, "cls": []}}, r"post_processor.cls is \[\]; bertlab"),
        ({"added_tokens": good["added_tokens"][:3]}, r"added_tokens lack \[SEP\] \[MASK\], which are not recognised"),
    ):
        file.write_text(json.dumps(good | change))
        with pytest.raises(ValueError, match=f"tokenizer.json: {message}"):
            WordPiece.load(tmp_path)
    file.unlink()
    with pytest.raises(ValueError, match=f"tokenizer_class is {kind}, whose rules are in tokenizer.json: the folder"):
        WordPiece.load(tmp_path)


@pytest.mark.parametrize(
    "kind", ["BertJapaneseTokenizer", "RobertaTokenizer", "DistilBertTokenizer", "Mine", 7, [], {}]
)
def test_another_class(kind, tmp_path, capsys):
    """Whichever of the two files says it."""
    for folder, content in (("tokenizer_config", "tokenizer_config"), ("config", "config")):
        files = {"config": {"model_type": "bert"}} | {content: {"model_type": "bert", "tokenizer_class": kind}}
        write_folder(tmp_path / folder, files.pop("tokenizer_config", {}), **files)
        with pytest.raises(
            ValueError, match=rf"{folder}.json: tokenizer_class is .*; bertlab has only the rules of Bert"
        ):
            WordPiece.load(tmp_path / folder)


def test_the_command_line_says_it(tmp_path, capsys):
    import torch

    from bertlab.heads import Pretraining
    from bertlab.model import BertConfig
    from bertlab.weights import save

    config = BertConfig(vocab_size=len(VOCAB), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=8, max_position_embeddings=16)  # fmt: skip
    torch.manual_seed(0)
    folder = save(Pretraining(config), tmp_path / "model", WordPiece(VOCAB))
    assert main(["fill", "a [MASK]", "--model", str(folder)]) == 0
    file = folder / "tokenizer_config.json"
    good = json.loads(file.read_text())
    for change, message in (
        ({"tokenizer_class": "BertJapaneseTokenizer"}, "tokenizer_class is 'BertJapaneseTokenizer'; bertlab has only"),
        ({"never_split": ["x"]}, "never_split is ['x']; bertlab's WordPiece has only None."),
    ):
        capsys.readouterr()
        file.write_text(json.dumps(good | change))
        for command in (["fill", "a [MASK]"], ["attention", "a", "--out", str(tmp_path / "page.html")]):
            assert main([*command, "--model", str(folder)]) == 2
            assert f"bertlab: {file}: {message}" in capsys.readouterr().err


# ---- Any text, any rules ---------------------------------------------------------------------------------------------

RULES = list(product((True, False), (None, True, False), (True, False)))


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT, st.sampled_from(RULES), st.sampled_from([None, {"[MASK]": "<mask>", "[PAD]": "[PA", "[UNK]": "[PA]"}]))
def test_any_text_by_any_rules(text, rules, names):
    """The ids of Rust's BertNormalizer, letters and [UNK] alike, for the lower case, accents and Chinese characters."""
    lower, strip, chinese = rules
    if too_new(text):
        return
    rust = normalizers.BertNormalizer(lowercase=lower, strip_accents=strip, handle_chinese_chars=chinese)
    assert normalize_text(text, lower, strip, chinese)[0] == rust.normalize_str(text)
    chars = sorted({*normalize_text(text, lower, strip, chinese)[0]} - {" "})
    kept = [prefix + char for prefix in ("", "##") for char in chars]
    tokenizer = WordPiece([*SPECIAL_TOKENS, *kept], lower, strip_accents=strip, chinese=chinese, names=names)
    if names:
        text = "".join(text.split("["))  # the usual names are understood too, but not by Rust
    assert tokenizer.encode(text).input_ids == tokenizer.to_rust().encode(text).ids
    assert tokenizer.encode_bulk([text]) == [tokenizer.encode(text).input_ids[1:-1]]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(RULES), st.lists(st.text(min_size=1, max_size=5), max_size=9), st.booleans(), st.booleans())
def test_what_is_saved_is_loaded_equal(tmp_path_factory, rules, words, renamed, fast):
    lower, strip, chinese = rules
    names = {"[MASK]": "<mask>"} if renamed else {}
    words = [
        word
        for word in dict.fromkeys(words)
        if word not in (*SPECIAL_TOKENS, "<mask>") and {*word}.isdisjoint("\r\n\ufeff") and word[-1] not in " \t"
    ]
    ours = WordPiece([*words, *SPECIAL_TOKENS], lower, strip_accents=strip, chinese=chinese, names=names)
    folder = tmp_path_factory.mktemp("saved")
    ours.save(folder)
    (folder / ("vocab.txt" if fast else "tokenizer.json")).unlink()
    again = WordPiece.load(folder)
    for name in ("vocab", "lower", "strip_accents", "chinese", "names", "index"):
        assert getattr(again, name) == getattr(ours, name)


@pytest.mark.parametrize("token", ["a ", " ", "a\t", "a\nb", "a\r"])
def test_a_token_that_a_line_would_lose_is_not_saved(tmp_path, token):
    with pytest.raises(ValueError, match="cannot be a line of vocab.txt"):
        WordPiece([*SPECIAL_TOKENS, token]).save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


# ---- Files of another form -------------------------------------------------------------------------------------------


def make_good() -> dict:
    return json.loads(WordPiece(VOCAB).to_rust().to_str())


def change_part(*path, value):
    """A tokenizer.json with another value at the path."""
    content = make_good()
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return {"tokenizer": content}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            change_part("model", "vocab", value=[["[PAD]", 0]]),
            r"tokenizer.json: model.vocab is \[\['\[PAD\]', 0\]\]; it",
        ),
        (change_part("model", "vocab", value=None), "tokenizer.json: model.vocab is None; it must be an object"),
        (change_part("model", "vocab", "a", value="5"), "tokenizer.json: the id of 'a' is '5'; it must be a whole num"),
        (change_part("model", "vocab", "a", value=5.0), "tokenizer.json: the id of 'a' is 5.0; it must be a whole num"),
        (change_part("model", "vocab", "a", value=None), "tokenizer.json: the id of 'a' is None; it must be a whole"),
        (change_part("model", "vocab", "a", value=True), "tokenizer.json: the id of 'a' is True; it must be a whole"),
        (
            change_part("model", "vocab", "a", value=6),
            r"tokenizer.json: the ids of 3\d tokens must be 0 to 3\d, each once",
        ),
        (
            change_part("model", "unk_token", value="a"),
            "tokenizer.json: model.unk_token is 'a'; bertlab's WordPiece has",
        ),
        (change_part("model", "max_input_chars_per_word", value=9), "max_input_chars_per_word is 9; bertlab's Word"),
        (change_part("model", value=[1]), r"tokenizer.json: model is \[1\]; it must be an object"),
        (change_part("normalizer", value="Bert"), "tokenizer.json: normalizer is 'Bert'; it must be an object"),
        (change_part("normalizer", "clean_text", value=False), "normalizer.clean_text is False; bertlab's WordPiece"),
        (change_part("pre_tokenizer", "type", value="Whitespace"), "pre_tokenizer.type is 'Whitespace'; bertlab's"),
        (change_part("truncation", value={"direction": "Left"}), "truncation.direction is 'Left'; bertlab's"),
        (
            change_part("added_tokens", value={"[PAD]": 0}),
            r"tokenizer.json: added_tokens is {'\[PAD\]': 0}; it must be a",
        ),
        (change_part("added_tokens", value=["[PAD]"]), r"added_tokens is \['\[PAD\]'\]; it must be a list of objects"),
        (change_part("added_tokens", 0, "content", value=None), r"added_tokens\[0\] is {.*; it must be a token"),
        (change_part("added_tokens", 0, "id", value="0"), r"the id of '\[PAD\]' is '0'; it must be a whole number"),
        (change_part("added_tokens", 0, "id", value=3), r"added_tokens give '\[PAD\]' the id 3, model.vocab 0"),
        (
            change_part("added_tokens", 4, "normalized", value=True),
            r"'\[MASK\]' has normalized True; bertlab has only fal",
        ),
        (
            change_part("added_tokens", 4, "single_word", value=True),
            r"'\[MASK\]' has single_word True; bertlab has only",
        ),
        (change_part("added_tokens", 4, "content", value="[E1]"), r"added tokens that BERT does not know: \[E1\]"),
        ({"tokenizer_config": {"do_lower_case": None}}, "do_lower_case is None; it must be true or false"),
        ({"tokenizer_config": {"do_lower_case": "false"}}, "do_lower_case is 'false'; it must be true or false"),
        ({"tokenizer_config": {"strip_accents": 1}}, "strip_accents is 1; it must be true or false"),
        ({"tokenizer_config": {"mask_token": "a"}}, r"mask_token is 'a'; it must have a sign, as \[MASK\] has"),
        ({"tokenizer_config": {"mask_token": None}}, r"mask_token is None; it must be a token, such as '\[MASK\]'"),
        ({"tokenizer_config": {"mask_token": "[CLS]"}}, "two of .* are the same token; BERT needs five different ones"),
        ({"tokenizer_config": {"mask_token": "<mask>"}}, r"the vocabulary has \[MASK\] and <mask>, which has its part"),
        (
            {"tokenizer_config": {"pad_token": "<p>"}},
            r"the vocabulary lacks <p>, the \[PAD\] of the settings. Add it",
        ),
        ({"tokenizer_config": {"extra_special_tokens": 7}}, "extra_special_tokens is 7; it must be a list of tokens"),
        ({"tokenizer_config": {"extra_special_tokens": [7]}}, "extra_special_tokens is 7; it must be a token"),
        ({"tokenizer_config": {"added_tokens_decoder": ["[PAD]"]}}, "added_tokens_decoder is .*; it must be an object"),
        (
            {"tokenizer_config": {"added_tokens_decoder": {"0": 7}}},
            r"added_tokens_decoder\['0'\] is 7; it must be a tok",
        ),
        ({"tokenizer_config": {"added_tokens_decoder": {"x": "[PAD]"}}}, r"the id of '\[PAD\]' is 'x'; it must be a"),
        ({"tokenizer_config": {"added_tokens_decoder": {"3": "[PAD]"}}}, r"'\[PAD\]' has the id 3, and in the vocabu"),
        ({"tokenizer_config": [1]}, "tokenizer_config.json is not a JSON object"),
        ({"added_tokens": {"<new>": 40}}, "added_tokens.json has added tokens that BERT does not know: <new>. Remove"),
        ({"added_tokens": {"[PAD]": "0"}}, r"added_tokens.json: the id of '\[PAD\]' is '0'; it must be a whole number"),
        ({"special_tokens_map": {"pad_token": 5}}, "special_tokens_map.json: pad_token is 5; it must be a token"),
        (
            {"special_tokens_map": {"pad_token": "."}, "tokenizer_config": {"pad_token": "[PAD]"}},
            "special_tokens_map.json: pad_token is '.', and in tokenizer_config.json it is another one",
        ),
        ({"config": {"tokenizer_class": "AlbertTokenizer"}}, "config.json: tokenizer_class is 'AlbertTokenizer'"),
    ],
)
def test_files_of_another_form(files, message, tmp_path):
    write_folder(tmp_path, **files)
    with pytest.raises(ValueError, match=message):
        WordPiece.load(tmp_path)


def test_json_that_is_nested_deeply(tmp_path):
    for name in ("tokenizer_config", "tokenizer", "special_tokens_map", "added_tokens", "config"):
        folder = write_folder(tmp_path / name, {})
        (folder / f"{name}.json").write_text("[" * 100_000)
        with pytest.raises(ValueError, match=f"{name}.json is not complete JSON .it is nested too deeply"):
            WordPiece.load(folder)


def test_entries_that_are_no_texts():
    with pytest.raises(ValueError, match="Entry 5 of the vocabulary is 7, not a text"):
        WordPiece([*SPECIAL_TOKENS, 7])
    with pytest.raises(ValueError, match="Entry 6 of the vocabulary is None, not a text"):
        WordPiece([*SPECIAL_TOKENS, "a", None])
    with pytest.raises(ValueError, match="The vocabulary holds '.ud800', half a character"):
        WordPiece([*SPECIAL_TOKENS, "\ud800"])


def test_a_vocabulary_in_any_order(tmp_path):
    """The ids count, not the order of the lines in the JSON."""
    content = make_good()
    items = list(content["model"]["vocab"].items())
    random.Random(0).shuffle(items)
    content["model"]["vocab"] = dict(items)
    assert WordPiece.load(write_folder(tmp_path, {}, tokenizer=content)).vocab == VOCAB


def test_blanks_behind_a_token_are_none_of_it(tmp_path):
    """An editor leaves them, and Rust's reader of a vocab.txt trims them."""
    folder = write_folder(tmp_path, {}, [token + " \t" * (i % 3) for i, token in enumerate(VOCAB)])
    assert WordPiece.load(folder).vocab == list(VOCAB)
    compare(folder)
