"""Data sets and models by their name on the hub, through the real clients, from a hub on loopback."""

import json
import os
import subprocess
import sys

import pytest

from bertlab.__main__ import main
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.weights import save
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

from ..conftest import ROOT
from .hub import Hub

datasets = pytest.importorskip("datasets")
GOOD, BAD = ["a good film", "good , good", "the good cat"], ["a bad film", "bad , bad", "the bad dog"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    home = tmp_path_factory.mktemp("hub")
    sets = home / "datasets" / "we"

    def keep(name: str, rows: list[dict], features: dict | None = None) -> None:
        (sets / name).parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_list(rows, datasets.Features(features) if features else None).to_parquet(sets / name)

    # As stanfordnlp/sst2 is laid out: parquet in data/, the labels' names in the file, -1 where there is none.
    text = {"idx": datasets.Value("int32"), "sentence": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["negative", "positive"])}  # fmt: skip
    films = [{"sentence": f"{t} {i}", "label": label} for i in range(8) for label in (0, 1) for t in (BAD, GOOD)[label]]
    films = [{"idx": i} | film for i, film in enumerate(films)]
    keep("films/data/train-00000-of-00001.parquet", films[:40], text)
    keep("films/data/test-00000-of-00001.parquet", [*films[40:], {"idx": 99, "sentence": "x", "label": -1}], text)
    keep("films/data/validation-00000-of-00001.parquet", [{"idx": 99, "sentence": "x", "label": -1}], text)
    # As nyu-mll/glue: a configuration is a folder of its own, named in the card.
    card = "---\nconfigs:\n"
    for config in ("one", "two"):
        card += f"- config_name: {config}\n  data_files:\n  - split: train\n    path: {config}/train-*\n"
        keep(f"pairs/{config}/train-00000-of-00001.parquet",
             [{"sentence1": "a", "sentence2": config, "label": 1}])  # fmt: skip
    (sets / "pairs" / "README.md").write_text(card + "---\n")
    # As rajpurkar/squad, in a folder plain_text; as conll2003 in parquet; as wmt.
    answers = {"text": ["cat"], "answer_start": [4]}
    keep("squad/plain_text/train-00000-of-00001.parquet",
         [{"id": "1", "title": "t", "context": "the cat", "question": "who ?", "answers": answers}])  # fmt: skip
    keep("names/data/train-00000-of-00001.parquet", [{"tokens": ["EU", "Peter"], "ner_tags": [1, 0]}],
         {"tokens": datasets.Sequence(datasets.Value("string")),
          "ner_tags": datasets.Sequence(datasets.ClassLabel(names=["O", "I-ORG"]))})  # fmt: skip
    keep("wmt/de-en/train-00000-of-00001.parquet", [{"translation": {"de": "die Katze", "en": "the cat"}}])
    (sets / "script").mkdir()
    (sets / "script" / "script.py").write_text("raise SystemExit('this must never run')")

    words = "the a cat dog good bad film , 0 1 2 3 4 5 6 7"
    pieces = WordPiece([*SPECIAL_TOKENS, *words.split()])
    config = BertConfig(vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=64, max_position_embeddings=64)  # fmt: skip
    save(Pretraining(config), home / "models" / "we" / "small-bert", pieces)
    with Hub(home) as served:
        yield served


def python(hub: Hub, cache, *command: str, succeeds: bool = True) -> str:
    """What a process says that takes `hub` for the real one."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT, timeout=300,
                          env=os.environ | hub.environment(cache))  # fmt: skip
    assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
    return done.stdout if succeeds else done.stderr


def test_every_kind_of_data_set_is_read_from_a_hub(hub, tmp_path):
    code = """
import json
from bertlab.__main__ import main
from bertlab.tasks import TASKS, read_hub_examples
asked = [("classify", "we/films", "test", None, {}), ("classify", "we/pairs", "train", "two", {}),
         ("read", "we/squad", "train", None, {}), ("tag", "we/names", "train", None, {}),
         ("write", "we/wmt", "train", None, {}), ("write", "we/wmt", "train", None, {"source": "en", "target": "de"})]
found = [read_hub_examples(TASKS[kind], name, split, config, **columns) for kind, name, split, config, columns in asked]
for name, split in (("we/script", "train"), ("we/nothing", "train"), ("we/films", "dev"), ("we/pairs", "train")):
    try:
        read_hub_examples(TASKS["classify"], name, split)
    except OSError as error:
        found.append(str(error))
print(json.dumps(found))
"""
    *said, answer = python(hub, tmp_path, "-c", code).splitlines()
    assert said == ["1 of 9 rows of 'we/films' (split 'test') have no label (-1): left out",
                    "'we/wmt' (split 'train'): from de into en (others: --columns source=... target=...)"]  # fmt: skip
    films, pairs, squad, names, german, english, *errors = json.loads(answer)
    assert films[0] == ["good , good 6", None, "positive"]
    assert "x" not in [text for text, *_ in films], "a row without a label"
    assert pairs == [["a", "two", "1"]]
    assert squad == [["1", "who ?", "the cat", [[4, "cat"]]]]
    assert names == [[["EU", "Peter"], ["B-ORG", "O"]]]
    assert german == [["die Katze", "the cat"]]
    assert english == [["the cat", "die Katze"]]
    assert "scripts are no longer supported" in errors[0]
    assert "we/nothing" in errors[1]
    assert "Unknown split" in errors[2]
    assert "Config name is missing" in errors[3]
    assert "['one', 'two']" in errors[3]
    assert any("resolve" in request and "films/data" in request.replace("resolve/" + "c" * 40 + "/", "")
               for request in hub.asked), "the file came over the wire"  # fmt: skip


def test_the_command_takes_data_and_model_from_a_hub(hub, tmp_path):
    said = python(hub, tmp_path / "cache", "-m", "bertlab", "finetune", "classify", "--train", "hub:we/films",
                  "--eval", "hub:we/films", "--model", "we/small-bert", "--length", "16", "--epochs", "2",
                  "--out", str(tmp_path / "run"))  # fmt: skip
    assert "TF-IDF + logistic regression" in said
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["rows"]["test"] == 8
    assert python(hub, tmp_path / "cache", "-m", "bertlab", "predict", "--model", str(tmp_path / "run"), "a good film")


def test_what_the_hub_does_not_hold_is_told(hub, tmp_path):
    said = python(hub, tmp_path / "cache", "-m", "bertlab", "finetune", "classify", "--train", "hub:we/nothing",
                  "--out", str(tmp_path / "run"), succeeds=False)  # fmt: skip
    assert "we/nothing" in said
    assert "Traceback" not in said
    said = python(hub, tmp_path, "-m", "bertlab", "finetune", "classify", "--train", "hub:we/films@validation",
                  "--out", str(tmp_path / "run"), succeeds=False)  # fmt: skip
    assert "no row of 'we/films' (split 'validation') has a label" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["hub:", "hub: ", "hub::config@split"])
def test_a_data_set_without_a_name_is_refused(name, tmp_path, capsys):
    for command in (
        ["finetune", "classify", "--train", name, "--out", str(tmp_path / "run")],
        ["prepare", "--text", name, "--out", str(tmp_path / "shards")],
    ):
        assert main(command) == 2
        assert "the data set has no name: write hub:NAME" in capsys.readouterr().err
