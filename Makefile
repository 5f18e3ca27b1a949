# `make serve` and `make test` set everything up on a machine that has git, make and Python 3.11 or later.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Test files are spread over so many processes; each file stays in one.
TEST_PROCESSES ?= 2
STAMP  := $(VENV)/.installed

.PHONY: setup serve test check bench lock clean

setup: $(STAMP)

# The locked versions first, then the project itself in place, so that an edit needs no new installation.
$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pocker needs Python 3.11 or later, $(PYTHON) is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

serve: setup
	$(BIN)/pocker serve --config configs/dev.yaml --demo

test: setup
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

bench: setup
	$(BIN)/python -m tests.bench

# Refreshes requirements.lock from pyproject.toml.
lock: setup
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --extra dev --no-emit-index-url --no-emit-find-links --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
