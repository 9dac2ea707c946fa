# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
BIN := .venv/bin
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1
export BENTOML_DO_NOT_TRACK := True
export NUMBA_CACHE_DIR ?= $(CURDIR)/build/numba

# over all cores; whatever shares costly fixtures stays in one process
SPREAD := --numprocesses=auto --dist=loadfile
AS_SERVED := tests/behaviour tests/reliability tests/browser tests/contract/test_detector_pages.py
AS_COMPILED := $(addprefix tests/unit/test_,compiler.py oracle.py sweep.py replay.py parity.py live.py)

.PHONY: help setup console system demo real test lint fmt bench bench-features bench-models bench-scenarios drill clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.venv/.ready: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is missing: install it or set PYTHON="; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: .venv/.ready  ## the environment, from requirements.lock

serving/console/node_modules/.package-lock.json: serving/console/package-lock.json
	@.ci/system npm
	cd serving/console && npm ci --no-audit --no-fund --loglevel=error

console: setup serving/console/node_modules/.package-lock.json  ## the console's JavaScript, by its lock file
	$(BIN)/python -m serving.console.vendor

demo: setup console  ## the main job on simulated histories, from end to end
	$(BIN)/lianjing demo $(if $(KEEP),--keep)

real: setup console  ## the main job on the real files beside the project
	$(BIN)/lianjing real $(if $(KEEP),--keep)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: setup console lint  ## every check and test
	@.ci/system chromium java postgres
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$(CURDIR)/build/numba-checked $(BIN)/python -m pytest $(SPREAD) $(addprefix --ignore=,$(AS_SERVED))
	$(BIN)/python -m pytest $(SPREAD) $(AS_SERVED) $(AS_COMPILED)  # without bounds checks, as the service runs

fmt: setup  ## mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m features.document.notes

bench: setup  ## benchmarks; figures go to build/bench
	$(BIN)/python -m tests.bench.score

bench-features: setup  ## the feature engine against its bars and peers; ARGS="--quick", "--only KEY ..."
	$(BIN)/python -m tests.bench.features $(ARGS)

bench-models: setup  ## detectors against their bars and peers; ARGS as above
	$(BIN)/python -m tests.bench.models $(ARGS)

bench-scenarios: setup  ## what model and fixed rules find in simulated cities; ARGS="--quick", "--seeds 1"
	$(BIN)/python -m tests.bench.scenarios $(ARGS)
	$(BIN)/python -m tests.bench.simulator

drill: setup  ## slow drills: poisoned labels, the gate before them, what labels are worth
	$(BIN)/python -m training.poison_drill
	$(BIN)/python -m training.champion_drill
	$(BIN)/python -m training.learning_curve

clean:  ## remove what was built (not the environment)
	rm -rf build .lianjing
