# Each target does its own set-up: a .venv with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup repro test portable lint bench load scaling gpu browser proofs soak coverage mutants clean

help:
	@echo "make repro    set up, run the pipeline, name the report to open"
	@echo "make test     set up, run the tests"
	@echo "make portable set up, run the tests with the kernels of five other processors"
	@echo "make lint     set up, run ruff and mypy"
	@echo "make bench    set up, measure speed against peers"
	@echo "make load     set up, measure every command alone and beside busy processes"
	@echo "make scaling  set up, measure cost against size and draw it in reports/scaling"
	@echo "make gpu      set up, compare a GPU with the CPU and measure it (at most 8 minutes)"
	@echo "make browser  set up, look at the report in a headless Chromium"
	@echo "make proofs   set up, run the long proofs: statistics, determinism, the wheel"
	@echo "make soak     set up, kill commands 200 times, read more than 20,000 damaged files"
	@echo "make coverage set up, run the tests, show which branches they miss"
	@echo "make mutants  set up, count the small faults in the program that tests notice"

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

# PROCESSORS=avx2 runs only under that one.
portable: setup
	$(BIN)/python -m tests.proofs.portable $(PROCESSORS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The peers are asked for only here, once per setup.
bench: setup
	@test $(STAMP)-bench -nt $(STAMP) || { $(BIN)/python -m pip install --quiet \
		--constraint constraints.txt --editable '.[bench]' && touch $(STAMP)-bench; }
	mkdir -p .benchmarks
	rm -f .benchmarks/last.json
	status=0; $(BIN)/python -m pytest tests/benchmarks --benchmark-disable-gc \
		--benchmark-columns=rounds --benchmark-json=.benchmarks/last.json -s || status=$$?; \
	test $$status -lt 2 || exit $$status; \
	$(BIN)/python -m tests.benchmarks.page .benchmarks/last.json reports/benchmarks.md \
		&& echo "written to reports/benchmarks.md" && exit $$status

load: setup
	$(BIN)/python -m tests.benchmarks.load --spinning

scaling: setup
	$(BIN)/python -m tests.benchmarks.scaling

# Without a GPU it says so and ends with code 2.
gpu: setup
	$(BIN)/python -m tests.proofs.gpu

# The tests of the page in a browser. axe-core, which looks for what keeps people out, is fetched
# in one fixed version and never part of this repository.
AXE := axe-core-4.14.1
AXE_SHA256 := e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745

.browser/package/axe.min.js:
	@command -v npm >/dev/null || { echo "axe-core comes from npm; try installing npm" >&2; exit 2; }
	mkdir -p .browser
	cd .browser && npm pack --silent $(subst core-,core@,$(AXE)) >/dev/null
	@$(PYTHON) -c 'import hashlib, sys; sys.exit(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest() != sys.argv[2])' \
		.browser/$(AXE).tgz $(AXE_SHA256) || { echo "$(AXE).tgz is not the file that was looked at" >&2; exit 1; }
	cd .browser && tar -xzf $(AXE).tgz package/axe.min.js && touch package/axe.min.js

browser: setup .browser/package/axe.min.js
	@test $(STAMP)-browser -nt $(STAMP) || { $(BIN)/python -m pip install --quiet \
		--constraint constraints.txt --editable '.[browser]' && touch $(STAMP)-browser; }
	$(BIN)/python -m pytest tests/report/test_browser.py -rs

proofs: setup
	$(BIN)/python -m pytest tests/proofs -s

soak: setup
	MLCLI_SOAK=1 $(BIN)/python -m pytest tests/faults
	$(BIN)/python -m pytest tests/faults/soak -s
	$(BIN)/python -m pytest tests/faults/fuzz -o python_files='soak_*.py' -s

coverage: setup
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered --cov-report=json:.coverage.json
	$(BIN)/python -m tests.proofs.branches .coverage.json

# N=1000 draws more of them, GROUPS="neural figures" from some parts of the program only.
mutants: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.proofs.mutants $(N) --groups $(GROUPS)

clean:
	rm -rf $(VENV) .browser .coverage* runs .pytest_cache .hypothesis
