# Every task of the project. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
export VAR_DIR ?= $(CURDIR)/var
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test drill lint format pipeline experiment lock bench bench-profile clean

help:  ## list every target
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/.run  ## train what has no live version yet, then serve: web, workers, scheduler
	@exec $(BIN)/python manage.py launch

test: $(VENV)/.dev  ## every test, in random order, with branch coverage: make test [TEST_PROCESSES=2]
	$(BIN)/pytest -n $(or $(TEST_PROCESSES),2) --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

drill: $(VENV)/.dev  ## break things under load and write docs/drills.md: make drill [DRILLS="promotions kills outages waiting_pages bad_versions full_disk training"]
	$(BIN)/python -m tests.drills $(DRILLS) --write docs/drills.md

lint: $(VENV)/.dev  ## style, types, layers, and each infrastructure file by its own tool
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy codesoft ml_pipeline predictions registry_ui
	$(BIN)/lint-imports
	.ci/lint-infrastructure

format: $(VENV)/.dev  ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pipeline: $(VENV)/.run  ## a developer's training: dvc repro in this checkout, then publish to MLflow
	$(BIN)/python -m ml_pipeline.running.repro $(MODEL)

experiment: $(VENV)/.run  ## search recipes: make experiment MODEL=spam [TRIALS=30] [FAMILIES="ridge voting"]
	@test -n "$(MODEL)" || { echo "Name a model: make experiment MODEL=spam"; exit 2; }
	$(BIN)/dvc repro --quiet preprocessing@$(MODEL)
	$(BIN)/python -m ml_pipeline.experiment $(MODEL) $(if $(TRIALS),--trials $(TRIALS)) $(if $(FAMILIES),--families $(FAMILIES))

lock: $(VENV)/.run  ## resolve pyproject.toml's ranges into the hashed, universal requirements files
	$(call compile,requirements-serving.txt,)
	$(call compile,requirements.txt,--extra pipeline)
	$(call compile,requirements-dev.txt,--extra pipeline --extra dev -c requirements.txt)

bench: $(VENV)/.run  ## our server against its peers: make bench [ROUNDS=5] [WINDOW=2] [PEERS="codesoft floor"]
	$(BIN)/python -m benchmarks.serving --rounds $(or $(ROUNDS),5) --seconds $(or $(WINDOW),2) --peers "$(PEERS)" \
	  $(if $(PEERS),,--document docs/benchmarks.md --raw benchmarks/results/serving.json)

bench-profile: $(VENV)/.run  ## where each microsecond of one prediction goes
	$(BIN)/python -m benchmarks.profile_request $(PROFILE_ARGS)

clean:  ## remove the environment and all local state (models, log, database)
	rm -rf $(VENV) var artifacts

define compile
$(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
  --no-header --no-emit-index-url --no-emit-find-links $(2) pyproject.toml -o $(1)
endef

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else f"Python 3.11 to 3.13 is needed, this is {sys.version.split()[0]}. Name another: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/.run: requirements.txt | $(VENV)/.uv
	@echo "Installing what the product needs (once) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(VENV)/.uv
	@echo "Installing what the tests need (once) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.run
