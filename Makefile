# Everything a person does from a clone. The first run of a target sets up what it needs, later ones start at once.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# Every process would compile everything anew: seconds for each of the tests' workers.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Stamps: newer than pyproject.toml means installed from it, and pip is not asked again.
RUN := .venv/.installed-run
DEV := .venv/.installed-dev

# Units share nothing, so every core takes some, and one more while others wait. The rest start servers: in turn.
SLOW := live or client or browser or database
UNITS := $(BIN)/pytest -n $(shell echo $$(($$(nproc) + 1))) --ignore tests/live --ignore tests/client --ignore tests/browser -m "not ($(SLOW))"

.PHONY: help demo up test unit soak lint bench catalogs
help:  ## Print this list.
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

demo: $(RUN)  ## Grow the example network, let sample members in, raise an alert, and say how it went.
	@$(BIN)/banyan demo --home .banyan/demo

up: $(RUN)  ## Start the network and stay up until Ctrl-C.
	@$(BIN)/banyan up

test: $(DEV)  ## Run every test; those whose tool is missing are skipped and named.
	@BANYAN_REQUIRE= $(UNITS) $(ARGS) || [ $$? = 5 ]
	@$(BIN)/pytest -m "$(SLOW)" $(ARGS)

unit: $(DEV)  ## Run what needs no other program: seconds.
	@$(UNITS) $(ARGS)

soak: $(DEV)  ## Run every test with its full figures: hours, not minutes.
	@BANYAN_SOAK=1 BANYAN_REQUIRE= $(UNITS) $(ARGS) || [ $$? = 5 ]
	@BANYAN_SOAK=1 $(BIN)/pytest -m "$(SLOW)" $(ARGS)

lint: $(DEV)  ## Check style, types and the import direction.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(DEV)  ## Measure the budgets against a bare homeserver.
	@$(BIN)/python -m benchmarks $(ARGS)

catalogs: $(DEV)  ## Bring the translation catalogs up to date with the marked texts.
	@$(BIN)/python -m banyan.locales

$(RUN): pyproject.toml | $(BIN)/python
	@if [[ -e $(DEV) ]]; then $(MAKE) $(DEV); else \
	  echo "Installing Banyan into .venv (once, about a minute) ..."; $(PIP) install --editable .; fi
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	@echo "Installing Banyan and its tests' tools into .venv (once, about two minutes) ..."
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(RUN)

# A version manager's shim may exist for a version that is not installed, so each candidate is asked.
$(BIN)/python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then found=$$python; break; fi; \
	done; \
	if [[ -z $${found:-} ]]; then echo "Banyan needs Python 3.11 or newer; none was found." >&2; exit 1; fi; \
	"$$found" -m venv .venv || { rm -rf .venv; \
	  echo "Python could not make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
