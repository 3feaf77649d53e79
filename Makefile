PYTHON ?= python3.11
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export NO_MKDOCS_2_WARNING := 1

.DEFAULT_GOAL := help
.PHONY: help setup repro test lint coverage docs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## .venv with everything, pinned by constraints.txt

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,docs]'
	touch $@

repro: setup ## the whole experiment, on the embedded data set or as params.yaml says
	augment sweep

test: setup ## ruff, then the test suite
	ruff check
	ruff format --check
	python -m pytest --numprocesses auto --dist loadfile

lint: setup ## ruff and pyright
	ruff check
	ruff format --check
	pyright

coverage: setup ## line coverage of the two libraries by their own tests
	python -m pytest --numprocesses auto --dist loadfile tests/reid tests/generators --cov=reid --cov=generators --cov-report=term

docs: setup ## the documentation as a site: site/index.html
	mkdocs build
