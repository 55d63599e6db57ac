# Two commands: `make demo` replays a mixed workload and leaves a report; `make test` runs the tests.
# Each makes the virtual environment it needs, with every package pinned in constraints.txt.
# A candidate is run, not looked up: version managers leave shims that exist and fail.
PYTHON ?= $(shell for p in python3.11 python3 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-sdk test-targets check format benchmarks pins clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found; install one, or say PYTHON=/its/path" >&2; exit 2; }
	@echo "Setting up $(VENV) (about a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(READY)  ## about a minute of mixed load on simulated pools, then a report
	@$(BIN)/bench run scenarios/mixed.yaml

test: $(READY)  ## the tests
	@$(BIN)/python -m pytest

test-sdk: $(READY)  ## the simulated gateway under the real SDKs; skipped without a Python 3.12
	@tests/sdk/run.sh

test-targets: $(READY)  ## runs against real servers, by hand; see tests/targets/run.sh
	@tests/targets/run.sh

check: $(READY)  ## style, types, and which room imports which
	@$(BIN)/ruff format --check bench tests
	@$(BIN)/ruff check bench tests
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(READY)  ## lay the code out
	@$(BIN)/ruff format bench tests
	@$(BIN)/ruff check --fix bench tests

benchmarks: $(READY)  ## figures finer than a test may assert, each beside a reference
	@$(BIN)/python -m pytest tests/benchmarks --override-ini addopts= -s

pins:  ## renew constraints.txt from pyproject.toml
	@rm -rf .venv-pins && $(PYTHON) -m venv .venv-pins
	@.venv-pins/bin/python -m pip install --quiet hatchling editables ".[dev]"
	@{ head -n 1 constraints.txt; .venv-pins/bin/python -m pip freeze --exclude poolbench; } > constraints.new
	@mv constraints.new constraints.txt && rm -rf .venv-pins

clean:  ## remove what the commands made, except results
	@rm -rf $(VENV) .mypy_cache .ruff_cache dist
