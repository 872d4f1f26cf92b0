# Both 'make demo' and 'make test' do all of their own set-up, a second time at once.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo test test-full lint unit benchmarks reference clean

help:
	@echo "make demo        install, then run the whole loop on real data (kept in demo/)"
	@echo "make test        install, then linters, types and every test"
	@echo "make test-full   the same, with the tests that take longer"
	@echo "make benchmarks  print the paired ratios against plain runs, and who sees what"
	@echo "make reference   write docs/reference.md anew from the code"

install: $(VENV)/.installed

# The kernels' specifications are copied at installation, so they belong to what it depends on.
$(VENV)/.installed: pyproject.toml constraints.txt $(wildcard governed_kernel/kernel/kernelspec/*/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with 'make PYTHON=python3.11 …'"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[test]'
	@touch $@

demo: install
	$(BIN)/governed demo --keep demo

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not full"

test-full: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

benchmarks: install
	@for file in tests/benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done
	@echo "== tests/benchmarks/store"; $(BIN)/python -m tests.benchmarks.store
	@echo "== tests/benchmarks/corpus"; $(BIN)/python -m tests.benchmarks.corpus
	@echo "== tests/benchmarks/tpch"; $(BIN)/python -m tests.benchmarks.tpch

reference: install
	$(BIN)/python docs/reference.py > docs/reference.md

clean:
	chmod -R u+w demo 2>/dev/null || true
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache
