# make setup    .venv with everything, pinned by constraints.txt
# make repro    the whole experiment on the embedded data set, or as params.yaml says
# make test     the test suite
# make lint     ruff
PYTHON ?= python3.11
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: setup repro test lint

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

repro: setup
	dvc repro

test: setup
	ruff check
	python -m pytest

lint: setup
	ruff check
