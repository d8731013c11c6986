# Every target sets up what it needs in .venv; PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# What .venv takes (7 GB, most of it torch's CUDA libraries), and what its archives take while they are unpacked.
SETUP_GB := 10

.PHONY: help setup demo test check fmt clean

help:            ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: $(STAMP)  ## create .venv with everything the tests and the demo use

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "need Python 3.11 or newer, got $$($(PYTHON) --version); try make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -c 'import shutil, sys; free = shutil.disk_usage(".").free / 1e9; sys.exit(f"need $(SETUP_GB) GB of disk for .venv, {free:.1f} GB are free here; make room, or set less aside with make SETUP_GB=1" if free < $(SETUP_GB) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[all,dev]'
	@touch $(STAMP)

demo: setup      ## raw footage -> dataset -> model -> videos -> scores -> demo/report.html
	$(BIN)/droplet demo --out demo

test: setup check  ## the checks and the whole test suite
	$(BIN)/python -m pytest

check: setup     ## style, types, layers, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src docs tests README.md CONTRIBUTING.md CHANGELOG.md

fmt: setup       ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:           ## remove build leftovers, not .venv
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache demo
