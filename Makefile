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
# The packages as users get them: the way of a request is compiled (setup.py), where there is a C compiler.
BUILD  := build/compiled
STAMP_BUILD := build/.compiled
SOURCES := $(shell find supervisor worker sandbox configs -type f ! -name '*.pyc')
STAMP_BENCH := $(VENV)/.installed-bench

.PHONY: setup build serve test check bench bench-full setup-bench lock clean

setup: $(STAMP)

# The locked versions first, then the project itself in place, so that an edit needs no new installation.
$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pocker needs Python 3.11 or later, $(PYTHON) is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

build: $(STAMP_BUILD)

# After an edit, what it changes is compiled again.
$(STAMP_BUILD): $(STAMP) setup.py $(SOURCES)
	@echo 'compiling the way of a request (a minute or two)'
	@mkdir -p $(BUILD) && find $(BUILD) -type f ! -name '*.so' -delete
	@$(BIN)/python setup.py --quiet build --build-lib $(BUILD) --build-temp build/temp > build/log 2>&1 \
	  || { cat build/log; exit 1; }
	@$(BIN)/python -m compileall -q $(BUILD)
	@grep '^NOT COMPILED' build/log || true
	@touch $@

serve: build
	PYTHONPATH=$(CURDIR)/$(BUILD) $(BIN)/pocker serve --config configs/dev.yaml --demo

# Every server that is started runs the compiled packages, the tests themselves the tree.
test: build
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(RETRIES)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

# Beside a real PocketBase. The short one takes less than five minutes, the full one up to forty.
bench: $(STAMP_BENCH) build
	$(BIN)/python -m tests.bench --out build/bench

bench-full: $(STAMP_BENCH) build
	$(BIN)/python -m tests.bench --full --out docs/benchmarks

setup-bench: $(STAMP_BENCH) build

# What draws the pictures. Where it can't be installed, the report goes without them.
$(STAMP_BENCH): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[bench]' \
	  && touch $@ || echo 'matplotlib could not be installed: no pictures'

# Refreshes requirements.lock from pyproject.toml.
lock: setup
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --allow-unsafe --strip-extras --extra dev --no-emit-index-url --no-emit-find-links --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
