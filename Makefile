# `make repro` and `make test` do everything, on a machine that has python3 (3.11 or later), make and git.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help repro verify check test test-all lint format bench imdb clean
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; say which by PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

repro: $(INSTALLED)  ## run what has changed of the pipeline, then say what it found
	@python -m sentiment.repro

verify: $(INSTALLED)  ## rebuild the last commit from nothing and compare every output with dvc.lock
	@python -m sentiment.verify

check: $(INSTALLED)  ## say whether params.yaml is valid, and run nothing
	@python -m stages.check && echo "params.yaml is valid"

test: $(INSTALLED)  ## the tests that need no network, no GPU and no IMDb
	pytest --numprocesses auto --dist worksteal --quiet

$(INSTALLED)-s3: requirements-s3.txt $(INSTALLED)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-s3.txt
	@touch $@

test-all: $(INSTALLED)-s3  ## the same, and those that kill, edit, share and rebuild real runs (minutes more)
	pytest --numprocesses auto --dist worksteal --quiet -m 'not imdb and not cuda'

lint: $(INSTALLED)  ## ruff, formatting and types
	ruff check .
	ruff format --check .
	mypy

format: $(INSTALLED)  ## put the code into ruff's format
	ruff check --fix .
	ruff format .

bench: $(INSTALLED)  ## measure again what the README says, on this corpus or on CORPUS=path/to/aclImdb_v1.tar.gz
	python -m benchmarks.corpus
	python -m benchmarks.data_stages $(CORPUS)
	python -m benchmarks.training $(CORPUS)
	python -m benchmarks.text $(CORPUS)
	python -m benchmarks.pipeline $(CORPUS)
	python -m benchmarks.readme

imdb: $(INSTALLED)  ## fetch the IMDb reviews through DVC (84 MB) and check their md5
	@python -m sentiment.imdb

clean:  ## remove the environment and all outputs; DVC's cache stays
	rm -rf $(VENV) data/reviews data/tokens data/ids data/vocab.csv data/params.checked data/*.parquet data/vectors.txt \
	    data/recurrence.safetensors models
