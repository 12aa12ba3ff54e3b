# Each target does its own set-up: a .venv with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup repro test lint bench proofs clean

help:
	@echo "make repro    set up, run the pipeline, name the report to open"
	@echo "make test     set up, run the tests"
	@echo "make lint     set up, run ruff and mypy"
	@echo "make bench    set up, measure speed against peers"
	@echo "make proofs   set up, run the long statistical proofs"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "mlcli needs Python 3.11 or newer; try make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(STAMP)

# FORCE=1 runs every stage again.
repro: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro $(if $(FORCE),--force)
	@echo "open reports/index.html"

test: setup
	$(BIN)/python -m pytest -n 2

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The peers are asked for only here, once per setup.
bench: setup
	@test $(STAMP)-bench -nt $(STAMP) || { $(BIN)/python -m pip install --quiet \
		--constraint constraints.txt --editable '.[bench]' && touch $(STAMP)-bench; }
	$(BIN)/python -m pytest tests/benchmarks --benchmark-disable-gc -s

proofs: setup
	$(BIN)/python -m pytest tests/proofs -s

clean:
	rm -rf $(VENV) runs .pytest_cache .hypothesis
