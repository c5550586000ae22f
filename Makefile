# `make dev` and `make test` set up all they need. Override the interpreter with PYTHON=….

# Debian's interpreter is optimised and runs 1.5 times as fast as an unoptimised build.
PYTHON ?= $(shell for p in /usr/bin/python3 python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help dev test lint types check bench lock clean peers

help:  ## Show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): requirements/dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Keystead needs Python 3.11 or newer with venv: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

dev: $(READY)  ## Start a development server on 127.0.0.1:8200
	@$(BIN)/keystead dev $(ARGS)

peers:  ## Install the Debian packages that the tests' third-party peers need (as root)
	@scripts/install-peers

test: $(READY) peers  ## Run every test
	@$(BIN)/python -m pytest --numprocesses=$(JOBS) $(ARGS)

lint: $(READY)  ## Check style, formatting and import contracts
	@$(BIN)/ruff check src tests bench tools
	@$(BIN)/ruff format --check src tests bench tools
	@$(BIN)/lint-imports

types: $(READY)  ## Check types
	@$(BIN)/mypy

check: lint types test  ## All that CI does

bench: $(READY) peers  ## Measure beside OpenBao; writes bench/RESULTS.md
	@$(BIN)/python -m bench $(ARGS)

lock: $(READY)  ## Resolve the locked dependencies anew
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group dev --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --upgrade -o requirements/dev.lock

clean:  ## Remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache
