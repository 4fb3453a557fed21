# make demo   the main job on a fresh machine: makes .venv, installs, runs `quiverdb demo`
# make test   format, lint, types and tests
# make go     Go programs with official clients in front of a server; needs Go, and the network the first time
#
# Needs Python >= 3.11 and pip. Another interpreter: make PYTHON=... Arguments for the program that runs: make demo ARGS=...

VENV := .venv
BIN := $(VENV)/bin
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
PYTEST ?= -n 2 --dist loadfile --durations=10
EXAMPLES ?= 2000
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint format bench soak fuzz go clean

demo: $(VENV)/.installed
	$(BIN)/quiverdb demo $(ARGS)

test: lint
	$(BIN)/python -m pytest $(PYTEST) $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench
	$(BIN)/python bench/compare.py $(ARGS)

# The random tests with many more examples, new ones on each run.
soak: $(VENV)/.test
	QUIVERDB_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest $(PYTEST) --timeout=0 tests $(ARGS)

go: $(VENV)/.test
	$(BIN)/python tests/go/run.py

# The server: many requests that are almost right, or made up by its description; kills, crowds of clients, long work.
FUZZED := $(wildcard $(addprefix tests/server/,test_fuzz.py test_openapi.py test_bodies.py */test_fuzz.py */test_openapi.py))
fuzz: $(VENV)/.test
	QUIVERDB_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest $(PYTEST) --dist load --timeout=0 $(FUZZED) $(ARGS)

hardship: $(VENV)/.test
	QUIVERDB_HARDSHIP=10 $(BIN)/python -m pytest --durations=10 --timeout=0 tests/server/test_hardship.py $(ARGS)

clean:
	rm -rf $(VENV) .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is younger than what it was made from, so that nothing is installed twice.
# Groups of dependencies need pip >= 25.1. Some systems ship venv without the pip to put into it.
$(VENV)/.pip:
	@test -n "$(PYTHON)" || { echo "Python >= 3.11 with its venv module is needed." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	touch $@

$(VENV)/.installed: $(VENV)/.pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: $(VENV)/.installed tests/support/cosdata_wheels.py
	$(BIN)/python -m pip install --quiet --group test
	$(BIN)/python tests/support/cosdata_wheels.py
	touch $@

$(VENV)/.bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group bench
	touch $@
