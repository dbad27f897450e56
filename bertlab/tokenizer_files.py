"""The files of a tokenizer, as transformers writes them: what each setting means here, and which are refused.

vocab.txt or tokenizer.json has the vocabulary; tokenizer_config.json, special_tokens_map.json and added_tokens.json
have settings. `WordPiece.load` calls `read_tokenizer`.
"""

from collections.abc import Collection
from pathlib import Path

from .files import finish_replacement, read_json, read_text
from .unicode_tables import is_punctuation
from .wordpiece import MAX_WORD_LENGTH, SPECIAL_TOKENS

ROLES = {f"{token.strip('[]').lower()}_token": token for token in SPECIAL_TOKENS}  # "mask_token": "[MASK]"
OWN_CLASSES = ("BertTokenizer", "BertTokenizerFast")
GENERIC_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")  # all of their rules are in tokenizer.json
RULES = {"do_lower_case": "lower", "strip_accents": "strip_accents", "tokenize_chinese_chars": "chinese"}
JSON_RULES = {"lowercase": "lower", "strip_accents": "strip_accents", "handle_chinese_chars": "chinese"}

# The values that bertlab supports of settings that change ids. The first one is BERT's own.
ONLY_SETTINGS = {
    "do_basic_tokenize": (True, None),
    "never_split": (None, []),
    "clean_text": (True,),
    "split_special_tokens": (False, None),
    "wordpieces_prefix": ("##",),
    "add_bos_token": (False, None),
    "add_eos_token": (False, None),
    "padding_side": ("right", None),
    "truncation_side": ("right", None),
    "auto_map": (None, {}),
}


def read_tokenizer(path: Path) -> tuple[list[str], dict]:
    """The vocabulary and the settings of a `WordPiece` from a folder, a vocab.txt or a tokenizer.json.

    Raises FileNotFoundError, and ValueError that names the file and the setting.
    """
    folder = path if path.is_dir() else path.parent
    finish_replacement(folder)
    tokenizer_file = path if path.suffix == ".json" else path / "tokenizer.json"
    vocab_file = path / "vocab.txt" if path.is_dir() else path
    config_file = folder / "tokenizer_config.json"
    config = read_object(config_file) if config_file.exists() else {}
    generic = find_class(folder, config_file, config, tokenizer_file.exists() or path.is_file()) in GENERIC_CLASSES
    names = read_special_tokens(folder, config_file, config)
    if tokenizer_file.exists():
        index, settings = read_tokenizer_file(tokenizer_file, names, generic)
    elif vocab_file.exists():
        vocab = read_vocab_file(vocab_file)
        index, settings = {token: i for i, token in enumerate(vocab)}, {"lower": True}
    else:
        raise FileNotFoundError(f"{path} is not a vocab.txt, or a folder with a vocab.txt or tokenizer.json.")
    check_settings(config_file, config)
    rules = read_rules(config_file, config, RULES)
    settings |= {} if generic else rules
    check_added_tokens(folder, config_file, config, names, index)
    vocab = list(index) if tokenizer_file.exists() else vocab
    return rename_special_tokens(path, vocab, names), settings | {"names": names}


def find_class(folder: Path, config_file: Path, config: dict, has_rules: bool) -> str:
    """The class of the tokenizer, as AutoTokenizer finds it. Raises ValueError for one with other rules than BERT's."""
    model_file, field = folder / "config.json", "tokenizer_class"
    file, name = config_file, config.get(field)
    if name is None and model_file.exists():
        model_settings = read_object(model_file)
        file, name = model_file, model_settings.get(field)
    if name is None:
        return OWN_CLASSES[0]
    if name not in (*OWN_CLASSES, *GENERIC_CLASSES):
        raise ValueError(
            f"{file}: {field} is {name!r:.60}; bertlab has only the rules of BertTokenizer. Use transformers for this "
            "model, or write BertTokenizer there if its text is cut by the same rules"
        )
    if name in GENERIC_CLASSES and not has_rules:
        raise ValueError(f"{file}: {field} is {name}, whose rules are in tokenizer.json: the folder needs that file")
    return name


# ---- Settings --------------------------------------------------------------------------------------------------------


def check_settings(file: Path, config: dict) -> None:
    """Raise ValueError for a setting that changes ids and that BERT's rules do not have."""
    for name, values in ONLY_SETTINGS.items():
        value = config.get(name)
        special = name == "never_split" and isinstance(value, list) and all(token in SPECIAL_TOKENS for token in value)
        if name in config and not special and not any(value is only or value == only for only in values):
            raise ValueError(
                f"{file}: {name} is {value!r:.60}; bertlab's WordPiece has only {values[0]!r}. Use transformers for "
                "this model, or remove the setting and mind that ids change"
            )
    inputs = config.get("model_input_names", ["token_type_ids"])
    if not isinstance(inputs, list) or "token_type_ids" not in inputs:
        raise ValueError(
            f"{file}: model_input_names is {inputs!r:.60}, without token_type_ids; BERT tells two texts apart by them"
        )


def read_rules(file: Path, rules: dict, table: dict[str, str]) -> dict:
    """Those of `rules` that `WordPiece` takes, under its names by the `table`. Raises ValueError for another type."""
    settings = {}
    for theirs, ours in table.items():
        value = rules.get(theirs)
        if theirs not in rules:
            continue
        if not isinstance(value, bool) and not (value is None and ours == "strip_accents"):
            raise ValueError(f"{file}: {theirs} is {value!r:.60}; it must be true or false")
        settings[ours] = value
    return settings


def read_special_tokens(folder: Path, config_file: Path, config: dict) -> dict[str, str]:
    """The name of each special token in the files: {"[MASK]": "<mask>", ...}.

    Raises ValueError for a special token that BERT does not have, and for files that contradict each other.
    """
    map_file = folder / "special_tokens_map.json"
    files = {config_file: config} | ({map_file: read_object(map_file)} if map_file.exists() else {})
    names: dict[str, str] = {}
    for file, settings in files.items():
        for field, value in settings.items():
            if field in ROLES:
                name = read_token(file, field, value)
                if not any(is_punctuation(char) for char in name):  # it would also be a piece of a word
                    raise ValueError(f"{file}: {field} is {name!r:.60}; it must have a sign, as {ROLES[field]} has")
                if names.setdefault(ROLES[field], name) != name:
                    raise ValueError(f"{file}: {field} is {name!r:.60}, and in {config_file.name} it is another one")
    names = {token: names.get(token, token) for token in SPECIAL_TOKENS}
    if len(set(names.values())) < len(names):
        raise ValueError(f"{config_file}: two of {', '.join(ROLES)} are the same token; BERT needs five different ones")
    for file, settings in files.items():
        for field, value in settings.items():
            if field in ("additional_special_tokens", "extra_special_tokens"):
                values = list(value.values()) if isinstance(value, dict) else value or []
                if not isinstance(values, list):
                    raise ValueError(f"{file}: {field} is {value!r:.60}; it must be a list of tokens")
            elif field.endswith("_token") and field not in ROLES and isinstance(value, str | dict):
                values = [value]
            else:
                continue
            check_known_tokens(file, [read_token(file, field, token, names.values()) for token in values], names)
    return names


def read_token(file: Path, field: str, value: object, names: Collection[str] = ()) -> str:
    """The text of a token, which is written as a text or as an object. Raises ValueError for anything else, and for a
    special token (of the `names`, or whose field says so) that is not recognised everywhere in a text."""
    content = value.get("content") if isinstance(value, dict) else value
    if not isinstance(content, str) or not content:
        raise ValueError(
            f"{file}: {field} is {value!r:.60}; it must be a token, such as {ROLES.get(field, '[MASK]')!r}"
        )
    if isinstance(value, dict) and (field in ROLES or content in names):
        for name in ("single_word", "normalized"):
            if value.get(name, False) is not False:
                raise ValueError(f"{file}: {field} {content!r} has {name} {value[name]!r:.20}; bertlab has only false")
    return content


def check_known_tokens(file: Path, tokens: list[str], names: dict[str, str]) -> None:
    """Raise ValueError for tokens other than the special ones."""
    if added := [token for token in tokens if token not in names.values()]:
        raise ValueError(f"{file} has added tokens that BERT does not know: {' '.join(added):.200}. Remove them.")


def check_added_tokens(folder: Path, config_file: Path, config: dict, names: dict, index: dict[str, int]) -> None:
    """Raise ValueError for added tokens that are not special ones with their own ids."""
    added_file = folder / "added_tokens.json"
    by_id = config.get("added_tokens_decoder", {})
    by_token = read_object(added_file) if added_file.exists() else {}
    if not isinstance(by_id, dict):
        raise ValueError(f'{config_file}: added_tokens_decoder is {by_id!r:.60}; it must be an object {{"103": token}}')
    found = [(added_file, token, id_) for token, id_ in by_token.items()]
    for key, value in by_id.items():
        token = read_token(config_file, f"added_tokens_decoder[{key!r:.20}]", value, names.values())
        found.append((config_file, token, int(key) if key.isascii() and key.isdigit() and len(key) < 10 else key))
    for file, token, id_ in found:
        check_known_tokens(file, [token], names)
        check_id(file, token, id_)
        if index.get(token) != id_:
            raise ValueError(f"{file}: the token {token!r} has the id {id_}, and in the vocabulary {index.get(token)}")


def check_id(file: Path, token: str, id_: object) -> None:
    """Raise ValueError for an id that is not a whole number."""
    if not isinstance(id_, int) or isinstance(id_, bool):
        raise ValueError(f"{file}: the id of {token!r:.60} is {id_!r:.60}; it must be a whole number")


def rename_special_tokens(path: Path, vocab: list[str], names: dict[str, str]) -> list[str]:
    """The vocabulary with bertlab's names of the special tokens. Raises ValueError if it has both names of one,
    or only bertlab's."""
    ours = {name: token for token, name in names.items() if name != token}
    if missing := [name for name in ours if name not in vocab]:
        raise ValueError(f"{path}: the vocabulary lacks {missing[0]}, the {ours[missing[0]]} of the settings. Add it")
    if both := [token for name, token in ours.items() if token in vocab and name in vocab]:
        raise ValueError(f"{path}: the vocabulary has {both[0]} and {names[both[0]]}, which has its part. Remove one")
    return [ours.get(token, token) for token in vocab]


# ---- The vocabulary --------------------------------------------------------------------------------------------------


def read_vocab_file(path: Path) -> list[str]:
    """The tokens of a vocab.txt. Only \\n and \\r end a line: other line breaks of Unicode are tokens. Blanks behind a
    token are none of it, as in transformers: no word of a text would be equal to it."""
    lines = [line.rstrip(" \t") for line in read_text(path).removesuffix("\n").split("\n")]
    if lines == [""]:
        return []
    if "" in lines:
        raise ValueError(f"{path}: line {lines.index('') + 1} is empty. Each line must hold one token.")
    return lines


def read_tokenizer_file(path: Path, names: dict[str, str], generic: bool) -> tuple[dict[str, int], dict]:
    """The id of each token of a tokenizer.json, in order, and its rules for text.

    A `generic` class cuts by this file alone, so that its template must be BERT's; BertTokenizer has its own.
    """
    content = read_object(path)
    model, rules = read_part(path, content, "model"), read_part(path, content, "normalizer")
    kinds = model.get("type"), rules.get("type"), model.get("continuing_subword_prefix")
    if kinds != ("WordPiece", "BertNormalizer", "##"):
        raise ValueError(f"{path} is not a BERT tokenizer: model, normalizer and prefix are {kinds!r:.100}.")
    pre_tokenizer = read_part(path, content, "pre_tokenizer").get("type", "BertPreTokenizer")
    for field, value, only in (
        ("model.unk_token", model.get("unk_token", names["[UNK]"]), names["[UNK]"]),
        ("model.max_input_chars_per_word", model.get("max_input_chars_per_word", MAX_WORD_LENGTH), MAX_WORD_LENGTH),
        ("normalizer.clean_text", rules.get("clean_text", True), True),
        ("pre_tokenizer.type", pre_tokenizer, "BertPreTokenizer"),
        *list_template_checks(read_part(path, content, "post_processor"), names, generic),
    ):
        if value != only:
            raise ValueError(f"{path}: {field} is {value!r:.100}; bertlab's WordPiece has only {only!r}")
    for field in ("truncation", "padding"):
        if (side := read_part(path, content, field).get("direction", "Right")) != "Right":
            raise ValueError(f"{path}: {field}.direction is {side!r:.60}; bertlab's WordPiece has only 'Right'")
    vocab = model.get("vocab")
    if not isinstance(vocab, dict):
        raise ValueError(f"{path}: model.vocab is {vocab!r:.60}; it must be an object of tokens and their ids")
    for token, id_ in vocab.items():
        check_id(path, token, id_)
    index = dict(sorted(vocab.items(), key=lambda item: item[1]))
    if list(index.values()) != list(range(len(index))):
        raise ValueError(f"{path}: the ids of {len(index)} tokens must be 0 to {len(index) - 1}, each once.")
    check_listed_tokens(path, content.get("added_tokens") or [], names, index, generic)
    return index, {"lower": True} | read_rules(path, rules, JSON_RULES)


def check_listed_tokens(path: Path, added: object, names: dict, index: dict[str, int], generic: bool) -> None:
    """Raise ValueError if the added_tokens of a tokenizer.json are not special tokens with their own ids."""
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise ValueError(f"{path}: added_tokens is {added!r:.60}; it must be a list of objects with id and content")
    tokens = {
        read_token(path, f"added_tokens[{number}]", token, names.values()): token for number, token in enumerate(added)
    }
    check_known_tokens(path, list(tokens), names)
    for token, entry in tokens.items():
        if token in index:
            check_id(path, token, entry.get("id", index[token]))
            if entry.get("id", index[token]) != index[token]:
                raise ValueError(
                    f"{path}: added_tokens give {token!r} the id {entry['id']}, model.vocab {index[token]}"
                )
    if generic and (missing := [name for name in names.values() if name not in tokens]):
        raise ValueError(f"{path}: added_tokens lack {' '.join(missing)}, which are not recognised in a text then")


def list_template_checks(template: dict, names: dict[str, str], generic: bool) -> list[tuple]:
    """(field, value, only value) of a post_processor that puts [CLS] and [SEP] around texts."""
    if not generic:
        return []
    cls, sep = names["[CLS]"], names["[SEP]"]
    if template.get("type") == "BertProcessing":
        parts = {field: template.get(field) for field in ("cls", "sep")}
        first = {field: part[0] if isinstance(part, list) and part else part for field, part in parts.items()}
        return [(f"post_processor.{field}", first[field], name) for field, name in (("cls", cls), ("sep", sep))]
    first = [{"SpecialToken": {"id": cls, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
             {"SpecialToken": {"id": sep, "type_id": 0}}]  # fmt: skip
    second = [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": sep, "type_id": 1}}]
    return [
        ("post_processor.type", template.get("type"), "TemplateProcessing"),
        ("post_processor.single", template.get("single"), first),
        ("post_processor.pair", template.get("pair"), first + second),
    ]


# ---- JSON ------------------------------------------------------------------------------------------------------------


def read_object(path: Path) -> dict:
    """The object in a JSON file. Raises ValueError for any other content."""
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path} is not complete JSON ({error}). Save or download it again.") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a JSON object. Save or download it again.")
    return content


def read_part(path: Path, content: dict, name: str) -> dict:
    """An object within a file, {} where it is missing or null. Raises ValueError for anything else."""
    value = content.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{path}: {name} is {value!r:.60}; it must be an object")
    return value or {}
