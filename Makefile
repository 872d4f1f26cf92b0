# Both 'make demo' and 'make test' do all of their own set-up, a second time at once.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One more than the two processors that the suite is made for: each worker also waits for disks,
# browsers and kernels.
WORKERS ?= 3
# Where it is set, each of the hundreds of processes of a test run compiles this checkout anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install extension packages demo lab test test-full check lint lint-python \
  lint-extension benchmarks reference screens reports clean

help:
	@echo "make demo        install, then run the whole loop on real data (kept in demo/)"
	@echo "make lab         install, build the extension of JupyterLab, open it on the example"
	@echo "make test        install, then linters, types and every test"
	@echo "make test-full   the same, with the tests that take longer"
	@echo "make benchmarks  print the paired ratios against plain runs, and who sees what"
	@echo "make reference   write docs/reference.md and docs/refused.md anew from the code"
	@echo "make reports     take the pictures of the report's pages anew, of what 'make demo' left"
	@echo "make screens     take the pictures of docs/jupyterlab.md anew, from a real workspace"

install: $(VENV)/.installed

# npm's packages take minutes from nowhere, so they come while pip installs; 'make demo' needs none.
$(BIN)/jlpm:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with 'make PYTHON=python3.11 …'"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt jupyter-builder

packages: $(BIN)/jlpm
	@$(BIN)/python extension/build.py --packages-only

# Does nothing when it was built from these very sources before.
extension: install
	@$(BIN)/python extension/build.py

# The kernels' specifications are copied at installation, so they belong to what it depends on.
$(VENV)/.installed: pyproject.toml constraints.txt $(wildcard governed_kernel/kernel/kernelspec/*/*) | $(BIN)/jlpm
	SKIP_JUPYTER_BUILDER=1 $(BIN)/python -m pip install --disable-pip-version-check -q \
	  -c constraints.txt -e '.[test]'
	@touch $@

demo: install
	$(BIN)/governed demo --keep demo

lab: extension
	test -d demo/workspace || $(MAKE) demo
	GOVERNED_HOME=demo/people $(BIN)/governed --workspace demo/workspace lab

lint: lint-python lint-extension

lint-python: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lint-extension: extension
	cd extension && PATH="$(abspath $(BIN)):$$PATH" jlpm lint && PATH="$(abspath $(BIN)):$$PATH" jlpm test

# What waits for the network goes on beside what waits for the processor.
check:
	@$(MAKE) --no-print-directory -j3 -Otarget packages install
	@$(MAKE) --no-print-directory -j2 -Otarget lint

test: check
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not full"

test-full: check
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

benchmarks: install
	@for file in tests/benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done
	@echo "== tests/benchmarks/store"; $(BIN)/python -m tests.benchmarks.store
	@echo "== tests/benchmarks/corpus"; $(BIN)/python -m tests.benchmarks.corpus
	@echo "== tests/benchmarks/tpch"; $(BIN)/python -m tests.benchmarks.tpch
	@echo "== tests/benchmarks/programs"; $(BIN)/python -m tests.benchmarks.programs
	@echo "== tests/benchmarks/influence"; $(BIN)/python -m tests.benchmarks.influence || true  # says itself what is missing

reference: install
	$(BIN)/python docs/reference.py > docs/reference.md
	$(BIN)/python -m tests.cli.bad_inputs > docs/refused.md

screens: extension
	$(BIN)/python -m tests.ui.screens docs/screens

# Of the workspace that 'make demo' leaves.
reports: install
	$(BIN)/python -m tests.ui.reports docs/reports demo/workspace demo/people biopsy-triage

clean:
	chmod -R u+w demo 2>/dev/null || true
	rm -rf $(VENV) demo build dist extension/node_modules extension/lib .mypy_cache .ruff_cache .pytest_cache
