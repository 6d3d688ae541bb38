# `make repro` and `make test` do everything, on a machine that has python3 (3.11 or later), make and git.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
BIN := $(VENV)/bin
# For what the commands below start themselves, `dvc` say. Make 3.81, of macOS, does not search it for a command.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help install repro verify check test test-all lint format bench imdb clean
.DEFAULT_GOAL := help

help:  ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

# The package itself is installed as a link to this folder, with the setuptools that requirements.txt pins.
$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; say which by PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(INSTALLED)  ## make .venv with all packages

repro: $(INSTALLED)  ## run the stages whose inputs have changed, then print the results
	@$(BIN)/sentiment repro

verify: $(INSTALLED)  ## rebuild the last commit in a fresh clone and compare every output's hash
	@$(BIN)/sentiment verify

check: $(INSTALLED)  ## validate params.yaml and run nothing
	@$(BIN)/sentiment check

test: $(INSTALLED)  ## the tests that need no network, no GPU and no IMDb
	$(BIN)/pytest --numprocesses auto --dist worksteal --quiet

$(INSTALLED)-all: requirements-s3.txt requirements-browser.txt $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-s3.txt --requirement requirements-browser.txt
	@touch $@

test-all: $(INSTALLED)-all  ## the same, and the slow ones, which kill, edit, share and rebuild real runs
	$(BIN)/pytest --numprocesses auto --dist worksteal --quiet -m 'not imdb and not cuda'

lint: $(INSTALLED)  ## ruff, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## put the code into ruff's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## measure again what the README says, on this corpus or on CORPUS=path/to/aclImdb_v1.tar.gz
	$(BIN)/python -m benchmarks.corpus
	$(BIN)/python -m benchmarks.data_stages $(CORPUS)
	$(BIN)/python -m benchmarks.training $(CORPUS)
	$(BIN)/python -m benchmarks.text $(CORPUS)
	$(BIN)/python -m benchmarks.pipeline $(CORPUS)
	$(BIN)/python -m benchmarks.tables
	$(BIN)/python -m benchmarks.learning_curve

imdb: $(INSTALLED)  ## fetch the IMDb reviews through DVC (84 MB) and check their md5
	@$(BIN)/sentiment download-imdb

clean:  ## remove the environment and all outputs; DVC's cache stays
	rm -rf $(VENV) build sentiment_pipeline.egg-info analysis comparison reports .dvc/tmp/training models \
	    data/reviews data/tokens data/ids data/vocab.csv data/params.checked data/baseline data/pretrained \
	    data/predictions.parquet data/stacked.parquet data/probe.csv
