# Needs Python 3.11 or newer with its venv module, and nothing else.
#
#   make maze        set up, then the main job: meta-train, freeze, test on unseen mazes, figures, report
#                    (options of `lsnn maze` in ARGS, as in: make maze ARGS="--minutes 5 --seed 2")
#   make test        set up, then the tests; `make test-long` runs the long variants of the slow ones
#   make lint        set up, then ruff and mypy
#   make docs        set up, then build the documentation into docs/_build/html; a warning is an error
#   make bench       set up .venv-bench/ with the peers, then time them beside this engine (ARGS="--quick": does it run?)
#   make setup       only set up: .venv/ in this folder, with the `lsnn` command in it
#   make clean       remove .venv/, .venv-bench/ and the caches

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/installed
BENCH_VENV := .venv-bench
BENCH_INSTALLED := $(BENCH_VENV)/installed
ARGS ?=

.PHONY: setup test test-long lint docs maze bench clean
.DELETE_ON_ERROR:

setup: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("needs Python 3.11 or newer, got " + sys.version.split()[0] + "; name another one: make PYTHON=/path/to/python")'
	@echo "setting up $(VENV)/ (the first time it takes some minutes)"
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# A process a core, four at most; the tests of a file stay together, as they share what they compile and train.
IN_PARALLEL := -n logical --maxprocesses 4 --dist loadfile

test: setup
	$(VENV)/bin/python -m pytest $(IN_PARALLEL) $(ARGS)

test-long: setup
	$(VENV)/bin/python -m pytest $(IN_PARALLEL) -m long $(ARGS)

lint: setup
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check --quiet .
	$(VENV)/bin/python -m mypy lsnn tasks agents runs analysis benchmarks docs/*.py

docs: setup
	$(VENV)/bin/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html

maze: setup
	$(VENV)/bin/lsnn maze $(ARGS)

# The peers come without their own requirements, most of which (torchvision, tensorboard, ...) nothing here uses.
$(BENCH_INSTALLED): requirements.lock requirements-bench.lock pyproject.toml
	@echo "setting up $(BENCH_VENV)/ (the first time it takes some minutes)"
	@test -x $(BENCH_VENV)/bin/pip || $(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check $$(grep '^torch==' requirements-bench.lock)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-bench.lock
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

bench: $(BENCH_INSTALLED)
	$(BENCH_VENV)/bin/python -m benchmarks.run $(ARGS)

clean:
	rm -rf $(VENV) $(BENCH_VENV) build docs/_build *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find lsnn tasks agents runs analysis benchmarks tests -name __pycache__ -prune -exec rm -rf {} +
