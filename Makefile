# make lab   opens the course in JupyterLab        make lab PYTHON=python3.12 LAB_ARGS=--no-browser
# make test  checks everything that CI checks      make test TEST_ARGS="-k wordpiece"      make test BERTLAB_LONG=1
# For authors: make notebooks (run all again, in place), make badges REPO=owner/name (once the address is known).

PYTHON ?= python3
INSTALLED := .venv/.installed
ROOT_TOO := $(if $(filter 0,$(shell id -u)),--allow-root)

# One process a core takes whole files, one after the other, the longest first (tests/conftest.py). Each needs up to
# 2 GB of memory, so there are four at most. TEST_ARGS="-n 0" runs everything in one process.
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: lab test notebooks badges

lab: $(INSTALLED)
	@.venv/bin/python -m bertlab data --small || echo "Going on: a notebook fetches what it needs when it first needs it."
	.venv/bin/jupyter lab --ip=127.0.0.1 $(ROOT_TOO) $(LAB_ARGS) notebooks

# On a fresh machine, the first use of data shows a download bar, and the first figure may say that it builds the font
# cache. In a notebook's cell these are outputs that nbval does not expect, so both come first.
test: $(INSTALLED)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/python -m bertlab data --small
	.venv/bin/python -m bertlab data minilm pos glove wordnet
	.venv/bin/python -c "import matplotlib.font_manager"
	.venv/bin/python -m pytest $(SIDE_BY_SIDE) --nbval --nbval-current-env --nbval-cell-timeout=2700 \
		--nbval-sanitize-with=tests/sanitize.cfg tests $(wildcard notebooks) $(TEST_ARGS)

notebooks: $(INSTALLED)
	.venv/bin/python .ci/run_notebooks.py --in-place notebooks/*.ipynb

badges:
	@$(PYTHON) .ci/badges.py "$(REPO)"

# The environment is made once, and brought up to date when the pins change.
$(INSTALLED): requirements.txt pyproject.toml
	@command -v $(PYTHON) > /dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer," \
		"or name one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("bertlab needs Python 3.11 or newer, \
	and $(PYTHON) is %s. Name another: make PYTHON=python3.12" % sys.version.split()[0])'
	test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	.venv/bin/pip install -r requirements.txt
	@touch $@
