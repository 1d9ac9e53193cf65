# make run: train on the embedded sample. All set up .venv first if it is missing or out of date.
# make test: run the tests but for the long ones. make test-long: run those (marked `long`) and each property test with five times
# the examples; tests/README.md says what is long. make test PYTEST="-x": what pytest is to be told besides.
# make pages: type what the pages tell their readers to type, each command and recipe of docs/; half an hour or more.
# make coverage: make test, with the lines and branches that it runs; it fails below 85%. It takes half as long again.
# make check: style, types and imports.
# make torchtext: set up .venv-torchtext, with the archived torchtext and the old libraries it needs, and run the tests there.
# make faults: try to break every promise of docs/RELIABILITY.md. ROW=14 chooses one, ARGS=--resume goes on; see --help.
# make fuzz: throw thousands of odd inputs at every parser. EXAMPLES=20000 for how many, ARGS="-k feeds" chooses.
# make audit: compare the lock with the floors of SECURITY.md, and with an advisory database, for which it needs a network.
# make bench: measure textmill and its peers on real data, see benchmarks/. ARGS="--only imdb" chooses, ARGS=--resume goes on,
#   WEIGHTS=FOLDER has the weights of an encoder for the rows that need some.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TORCHTEXT := .venv-torchtext
DATA ?= ../shared/data
WEIGHTS ?=
ARGS ?=
ROW ?=
EXAMPLES ?= 5000
AUDIT := .venv-audit
PYTEST ?=
# A process takes one room after the other, in the order of tests/conftest.py. Three keep two cores busy, and each has to collect all
# tests; the long ones often wait for servers, so there are four.
PROCESSES := 4
test: PROCESSES := 3
PARALLEL = -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

.PHONY: run test test-long pages coverage check torchtext bench faults fuzz audit format lock lock-torchtext clean

run: $(READY)
	$(BIN)/textmill train

# Where the environment forbids it, each of the hundreds of programs that the tests start would compile the checkout anew.
test test-long pages: export PYTHONDONTWRITEBYTECODE =

test: $(READY)
	$(BIN)/python -m pytest -q $(PARALLEL) -m "not long and not pages" --hypothesis-profile quick $(PYTEST)

test-long: $(READY)
	$(BIN)/python -m pytest -q $(PARALLEL) -m "(long or hypothesis) and not pages" $(PYTEST)

pages: $(READY)
	$(BIN)/python -m pytest -q $(PARALLEL) -m pages $(PYTEST)

coverage:
	$(MAKE) test PYTEST="--cov --cov-report=term --cov-fail-under=85"

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

torchtext: $(TORCHTEXT)/.ready
	$(TORCHTEXT)/bin/python -m pytest -q $(PARALLEL) $(PYTEST)

bench: $(READY)
	$(BIN)/python -m benchmarks --data $(DATA) $(if $(WEIGHTS),--weights $(WEIGHTS)) $(ARGS)

faults: $(READY)
	$(BIN)/python -m tests.faults $(if $(ROW),--row $(ROW)) $(ARGS)

fuzz: $(READY)
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q --timeout 0 --hypothesis-profile fuzz --durations 0 tests/fuzz $(ARGS)

audit: $(READY)
	$(BIN)/python -m pytest -q tests/test_security.py
	test -x $(AUDIT)/bin/python || $(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet 'pip-audit>=2.10'
	$(AUDIT)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "textmill needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,encoder]'
	touch $(READY)

$(TORCHTEXT)/.ready: pyproject.toml constraints-torchtext.txt
	test -x $(TORCHTEXT)/bin/python || $(PYTHON) -m venv $(TORCHTEXT)
	$(TORCHTEXT)/bin/python -m pip install --quiet --constraint constraints-torchtext.txt --editable '.[dev,torchtext]'
	touch $@

# Resolve anew and write the lock: run it when a requirement of pyproject.toml changes, then read the diff. torch is named
# because an open range takes the newest build with gigabytes of CUDA; raise it here on purpose.
lock:
	$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[dev,encoder]' 'torch==2.13.0'
	{ echo "# Versions that were tested together; applied with pip --constraint. Made by: make lock"; \
	  $(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt

# The same versions as constraints.txt but for what torchtext is tied to: run it after lock, then read the diff.
lock-torchtext:
	test -x $(TORCHTEXT)/bin/python || $(PYTHON) -m venv $(TORCHTEXT)
	grep -vE '^(torch|numpy|pandas)==' constraints.txt > $(TORCHTEXT)/constraints.txt
	$(TORCHTEXT)/bin/python -m pip install --quiet --constraint $(TORCHTEXT)/constraints.txt --editable '.[dev,torchtext]'
	{ echo "# As constraints.txt, with torchtext and what it is tied to. Made by: make lock-torchtext"; \
	  $(TORCHTEXT)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints-torchtext.txt

clean:
	rm -rf .venv $(TORCHTEXT) $(AUDIT) .mypy_cache .ruff_cache .pytest_cache .coverage*
