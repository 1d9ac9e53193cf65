# make run: train on the embedded sample. make test: run the tests. All set up .venv first if it is missing or out of date.
# make check: style, types and imports. make test PYTEST="--cov": what pytest is to be told besides.
# make faults: try to break every promise of docs/RELIABILITY.md. ROW=14 chooses one, ARGS=--resume goes on.
# make bench: measure textmill and its peers on real data, see benchmarks/. ARGS="--only imdb" chooses, ARGS=--resume goes on.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DATA ?= ../shared/data
ARGS ?=
ROW ?=
PYTEST ?=

.PHONY: run test check bench faults format lock clean

run: $(READY)
	$(BIN)/textmill train

test: $(READY)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile $(PYTEST)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m benchmarks --data $(DATA) $(ARGS)

faults: $(READY)
	$(BIN)/python -m tests.faults $(if $(ROW),--row $(ROW)) $(ARGS)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "textmill needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

# Resolve anew and write the lock: run it when a requirement of pyproject.toml changes, then read the diff. torch is named
# because an open range takes the newest build with gigabytes of CUDA; raise it here on purpose.
lock:
	$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[dev]' 'torch==2.13.0'
	{ echo "# Versions that were tested together; applied with pip --constraint. Made by: make lock"; \
	  $(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .coverage*
