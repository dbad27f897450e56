"""The project as a newcomer meets it: import, README, pins, wheel, Colab, badges."""

import ast
import json
import re
import shutil
import statistics
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bertlab
from bertlab.grammar.judging import average_counts, estimate_interval

from .conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = {"torch", "transformers", "datasets", "matplotlib", "accelerate", "numpy", "ipywidgets", "sklearn"}

# What the newest published freeze of Colab (August 2026, Python 3.13) holds of our dependencies.
COLAB = {
    "accelerate": "1.14.0",
    "datasets": "4.0.0",
    "filelock": "3.32.3",
    "huggingface-hub": "1.27.0",
    "ipywidgets": "7.7.1",
    "matplotlib": "3.10.0",
    "numpy": "2.1.3",
    "platformdirs": "4.11.3",
    "pyarrow": "18.1.0",
    "pyyaml": "6.0.3",
    "safetensors": "0.8.0",
    "scikit-learn": "1.6.1",
    "tokenizers": "0.22.2",
    "torch": "2.11.0",
    "tqdm": "4.67.3",
    "transformers": "5.15.0",
}


def python(code: str, **options) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- The import ------------------------------------------------------------------------------------------------


def test_import_is_light():
    loaded = python("import sys, bertlab; dir(bertlab); print(sorted(m for m in sys.modules if '.' not in m))")
    assert not HEAVY & set(ast.literal_eval(loaded))


def test_import_is_quick_beside_torch():
    clock = "import time; begun = time.process_time(); import {}; print(time.process_time() - begun)"
    seconds = {
        name: statistics.median(float(python(clock.format(name))) for _ in range(3)) for name in ("bertlab", "torch")
    }
    assert seconds["bertlab"] < 0.2 * seconds["torch"], seconds


@pytest.mark.parametrize("name", bertlab.__all__)
def test_every_public_name_is_there(name):
    assert name in dir(bertlab)
    assert getattr(bertlab, name) is getattr(bertlab, name)


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'bertlab' has no attribute 'Bort'"):
        _ = bertlab.Bort


def test_version_is_the_installed_one():
    assert bertlab.__version__ == version("bertlab-course")


# ---- README and pins -------------------------------------------------------------------------------------------


def test_readme_example_runs(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    said = python(example, cwd=tmp_path).splitlines()
    before, after = map(float, re.fullmatch(r"loss (\S+) -> (\S+)", said[-2]).groups())
    assert after < before - 0.5
    assert said[-1] == "(16, 2, 64, 64)"
    assert {"config.json", "model.safetensors", "vocab.txt"} <= {p.name for p in (tmp_path / "first-bert").iterdir()}


def test_readme_lists_the_notebooks_and_their_minutes():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| \[.*?\]\((notebooks/.*?)\) \|.*\| *([\d.]*) *\|$", readme, re.MULTILINE))
    said = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        first = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        said[f"notebooks/{path.name}"] = re.search(r"about ([\d.]+) minutes?\b", first)[1]
    if not said:
        pytest.skip("no notebooks are written yet")
    assert list(listed.items()) == list(said.items())


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = [re.match(r"([\w.-]+)==([\w.]+)", line) for line in lines]
    assert all(match or line.startswith(("#", "-e .")) or not line for match, line in zip(found, lines, strict=True))
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def test_pins_are_in_range_and_whole():
    wanted = [Requirement(text) for text in PROJECT["dependencies"]]
    extras = PROJECT["optional-dependencies"]  # TensorFlow, 1.5 GB for one command, is installed by who needs it
    wanted += [Requirement(text) for name, extra in extras.items() if name != "tensorflow" for text in extra]
    pinned = pins()
    for requirement in wanted:
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement
    assert (ROOT / "requirements.txt").read_text(encoding="utf-8").endswith("\n-e .\n")


def test_make_test_fetches_what_notebooks_and_tests_read():
    """A notebook that fetches shows a bar, which nbval does not expect; JupyterLab's kernels have no network at all."""
    recipe = re.search(r"\ntest: (.*?)\n\n", (ROOT / "Makefile").read_text(encoding="utf-8"), re.DOTALL)[1]
    named = set(" ".join(re.findall(r"bertlab data (.*)", recipe)).split())
    fetched = {source.name for source in bertlab.available() if source.name in named or source.small}
    assert "--small" in named
    assert {source.name for source in bertlab.available()} - fetched == {"tang"}  # a test fetches it


def test_only_what_belongs_at_the_top():
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = listed.strip("\0").split("\0")
    allowed = {"README.md", "requirements.txt", "notebooks", "bertlab", "tests", "data"}
    allowed |= {"pyproject.toml", "Makefile", "LICENSE", ".gitignore", ".ci"}
    assert {path.split("/")[0] for path in tracked} <= allowed
    stranger = re.compile(rb"pip3? install (-\S+ )*bertlab(?![-\w])")
    named = [path for path in tracked if (ROOT / path).is_file() and stranger.search((ROOT / path).read_bytes())]
    assert named == [], "that name on the package index is a stranger's"


# ---- The wheel, and Colab --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Our wheel, built as `pip install .` builds it. Its build tool comes from the package index."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and re.search(r"(find a version|matching distribution).*hatchling|[Cc]onnection", done.stderr):
        pytest.skip("the package index cannot be reached, and hatchling comes from there")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("bertlab_course-*.whl"))


@pytest.mark.network
def test_wheel_holds_code_and_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {f"bertlab/{p.relative_to(ROOT / 'bertlab').as_posix()}" for p in (ROOT / "bertlab").rglob("*.py")}
    assert code <= names
    assert "bertlab/data/sources.toml" in names
    assert {name.split("/")[0] for name in names} == {"bertlab", f"bertlab_course-{bertlab.__version__}.dist-info"}


@pytest.mark.network
def test_wheel_works_where_nothing_else_of_ours_is(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import sys; sys.path.insert(0, 'site'); import bertlab; print(bertlab.__file__, len(bertlab.available()))"
    place, sources = python(code, cwd=tmp_path).split()
    assert place.startswith("site") or str(tmp_path) in place
    assert int(sources) == len(bertlab.available()) >= 8


@pytest.mark.network
def test_colab_gets_our_package_alone(wheel, tmp_path):
    """pip's resolver, shown an environment with Colab's versions, adds nothing but our own package."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "colab"], check=True)
    (site,) = (tmp_path / "colab").rglob("site-packages")
    for name, number in COLAB.items():
        folder = site / f"{name.replace('-', '_')}-{number}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        (folder / "INSTALLER").write_text("pip\n")
        (folder / "RECORD").write_text("")
    inside = next(path for path in (tmp_path / "colab").rglob("python*") if path.stem == "python")
    command = [sys.executable, "-m", "pip", "--python", str(inside), "install", "--dry-run", "--quiet"]
    done = subprocess.run([*command, "--report", "-", str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    added = [item["metadata"]["name"] for item in json.loads(done.stdout)["install"]]
    assert added == ["bertlab-course"]


# ---- Badges ----------------------------------------------------------------------------------------------------


def script():
    spec = spec_from_file_location("badges", ROOT / ".ci" / "badges.py")
    badges = module_from_spec(spec)
    spec.loader.exec_module(badges)
    return badges


@pytest.fixture
def copy(tmp_path):
    """A copy of what carries the address, with a small notebook of its own beside those of the course."""
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, tmp_path / "notebooks")
    code = ["# In Colab: clone or upload the bertlab folder and so on.\n", "import torch\n", "\n", "print(torch.e)"]
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Title\n", "\n", "Text."]},
        {"cell_type": "code", "id": "b", "metadata": {"tags": ["setup"]}, "source": code, "outputs": [],
         "execution_count": 1},
    ]  # fmt: skip
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    book = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "notebooks" / "99_small.ipynb").write_text(json.dumps(book, indent=1, sort_keys=True) + "\n")
    return tmp_path


def contents(folder) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file()}


def test_badges(copy):
    badges = script()
    badges.main("someone/their.bertlab", copy)
    once = contents(copy)
    settings = tomllib.loads(once["pyproject.toml"])
    assert settings["project"]["urls"] == {"Repository": "https://github.com/someone/their.bertlab"}
    assert settings["tool"]["hatch"]
    start = "https://colab.research.google.com/github/someone/their.bertlab/blob/main/notebooks"
    assert f"({start}/00_start_here.ipynb)" in once["README.md"]
    assert "%pip install -q git+https://github.com/someone/their.bertlab\n" in once["README.md"]
    assert "upload" not in once["README.md"]
    for name, text in once.items():
        if name.endswith(".ipynb"):
            cells = json.loads(text)["cells"]
            first, setup = cells[0], next(c for c in cells if "setup" in c["metadata"].get("tags", []))
            assert f"({start}/{name.split('/')[-1]})" in "".join(first["source"])
            wanted = 'import sys\n\nif "google.colab" in sys.modules:\n'
            wanted += "    %pip install -q git+https://github.com/someone/their.bertlab\n"
            assert "".join(setup["source"]).startswith(wanted)
    assert once["notebooks/99_small.ipynb"].count("print(torch.e)") == 1

    badges.main("someone/their.bertlab", copy)
    assert contents(copy) == once, "a second time changes nothing"
    badges.main("another-one/bertlab", copy)
    assert not [name for name, text in contents(copy).items() if "someone" in text or "their.bertlab" in text]
    badges.main("someone/their.bertlab", copy)
    assert contents(copy) == once, "and back again"


def test_badged_notebooks_pass_ruff(copy):
    script().main("someone/bertlab", copy)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([*ruff, *command, "--no-cache", "."], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("repo", ["", "bertlab", "https://github.com/a/b", "a/b/c", "a b/c"])
def test_badges_refuse_what_is_no_address(copy, repo):
    before = contents(copy)
    with pytest.raises(SystemExit, match="Say: make badges REPO=owner/name"):
        script().main(repo, copy)
    assert contents(copy) == before


def test_badges_write_all_or_nothing(copy):
    odd = copy / "notebooks" / "98_odd.ipynb"
    odd.write_text((copy / "notebooks" / "99_small.ipynb").read_text().replace("In Colab", "Elsewhere"))
    before = contents(copy)
    with pytest.raises(SystemExit, match=r"98_odd.ipynb: its set-up cell has no line .* Nothing was written"):
        script().main("someone/bertlab", copy)
    assert contents(copy) == before


def test_readme_says_what_fine_tuning_recorded():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| .* \| ([\d.]+)%? \| ([\d.]+)%?, (.+) \|$", readme, re.MULTILINE)
    found = json.loads((ROOT / "data" / "finetune.json").read_text(encoding="utf-8"))
    tagging = json.loads((ROOT / "data" / "tagging.json").read_text(encoding="utf-8"))["all"]["scores"]
    perceptron, lower = (sum(tagging[name]["all words"]) / 3 for name in ("perceptron", "perceptron, lower case"))
    found["pos"]["baselines"]["structured perceptron"] = {"accuracy": perceptron}
    assert f"without them it gets {100 * lower:.1f}%" in " ".join(readme.split())
    assert {task for task, *_ in rows} == set(found)
    for task, ours, theirs, name in rows:
        unit = 1 if task == "bible" else 100
        scores = {metric: f"{unit * sum(seeds) / len(seeds):.1f}" for metric, seeds in found[task]["model"].items()}
        metric = next(metric for metric in (found[task]["metric"], "exact") if scores.get(metric) == ours)
        assert f"{unit * found[task]['baselines'][name][metric]:.1f}" == theirs
        assert name == max(found[task]["baselines"], key=lambda one: found[task]["baselines"][one][metric])


def test_readme_says_what_the_grammar_record_has():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    found = json.loads((ROOT / "data" / "grammar.json").read_text(encoding="utf-8"))
    (mean, half), (bigram, _), (unigram, _) = (
        average_counts(found[name]) for name in ("this BERT", "bigram", "unigram")
    )
    assert f"gets {100 * mean:.1f}% (95% interval {100 * (mean - half):.1f} to {100 * (mean + half):.1f})" in readme
    assert f"A bigram model of the texts that it read gets {100 * bigram:.1f}%" in readme
    assert unigram == 0.5
    reflexive, phrase = (found["this BERT"][name] for name in ("number of a reflexive", "agreement across a phrase"))
    assert f"it gets {100 * reflexive[0] / reflexive[1]:.1f}% where the number of a reflexive decides" in readme
    low, high = estimate_interval(*phrase)
    assert f"({100 * phrase[0] / phrase[1]:.1f}%, {100 * low:.0f} to {100 * high:.0f})" in readme
