# `make serve` and `make test` set everything up on a machine that has git, make and Python 3.11 or later.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Test files are spread over so many processes; each file stays in one. They come in the order of their names, which has
# the long ones first, and are more than there are cores, since many wait most of the time.
TEST_PROCESSES ?= 3
# Many tests race with real servers, and a busy machine can make one of them late: it is tried again, with what its
# servers did until then in place, and named at the end. Whatever stands there has a defect, in the test or in Pocker.
# Not tried again: what hung, and anything once so many tests failed that the reason is another one.
RETRIES ?= --reruns 2 --reruns-delay 1 --max-suite-reruns 20 --rerun-except 'Timeout \(?>' -rR --rerun-show-tracebacks
STAMP  := $(VENV)/.installed
STAMP_BENCH := $(VENV)/.installed-bench

.PHONY: setup serve test check bench bench-full setup-bench lock clean

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
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(RETRIES)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

# Beside a real PocketBase. The short one takes less than five minutes, the full one up to forty.
bench: $(STAMP_BENCH)
	$(BIN)/python -m tests.bench --out build/bench

bench-full: $(STAMP_BENCH)
	$(BIN)/python -m tests.bench --full --out docs/benchmarks

setup-bench: $(STAMP_BENCH)

# What draws the pictures. Where it can't be installed, the report goes without them.
$(STAMP_BENCH): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[bench]' \
	  && touch $@ || echo 'matplotlib could not be installed: no pictures'

# Refreshes requirements.lock from pyproject.toml.
lock: setup
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --extra dev --no-emit-index-url --no-emit-find-links --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
