# Two commands are the whole set-up: `make repro` and `make test`.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
# DVC asks for the user's name, and in a container a user may have none.
export LOGNAME ?= $(or $(USER),$(shell id -u))
INSTALLED := .venv/.installed
MIN_FREE_MB := 6000

.DEFAULT_GOAL := help
.PHONY: help setup clone repro test lint format ui bench verify-repro clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## set up the environment only; then `. .venv/bin/activate` for dvc and inkbench

repro: clone $(INSTALLED) ## set up and rebuild whatever is stale: data, models, metrics, figures, report
	@inkbench repro

clone:
	@reason=$$(LC_ALL=C git rev-parse --git-dir 2>&1 > /dev/null | head -n 1); test -z "$$reason" || \
	{ echo "inkbench: error: $(CURDIR): $$reason. DVC needs a git clone, not a zip download; without git, only \`make setup\` and \`inkbench denoise --model FILE\` work" >&2; exit 2; }

test: $(INSTALLED) ## set up and run the tests
	@pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder  # three workers on two cores: some wait for servers

lint: $(INSTALLED) ## check style, formatting and types
	@ruff check .
	@ruff format --check .
	@mypy

format: $(INSTALLED) ## fix style and formatting
	@ruff check --fix .
	@ruff format .

ui: $(INSTALLED) ## open the MLflow UI on loopback (PORT=5000)
	@inkbench ui --port $(or $(PORT),5000)

bench: $(INSTALLED) ## measure speed, memory and how well synthetic data transfers to real data (INKBENCH_MIRROR)
	@python benchmarks/preprocess.py
	@python benchmarks/synthetic.py
	@python benchmarks/train.py
	@python benchmarks/denoise.py
	@python benchmarks/ocr.py

verify-repro: $(INSTALLED) ## train and evaluate VARIANT twice and compare every byte
	@python benchmarks/verify_repro.py $(or $(VARIANT),notmnist-dense-ae)

clean: ## delete the environment, all data, also files that you added, models, the DVC cache and the MLflow store
	rm -rf .venv .*_cache .hypothesis .checkpoints .tracking .dvc/cache .dvc/tmp dvc_plots mlflow.db* mlartifacts
	git clean -fdqX data models evaluations plots reports submission

$(INSTALLED): requirements.lock pyproject.toml tools/install.py
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); sys.exit(0 if ok else f"inkbench needs Python 3.11, 3.12 or 3.13; {sys.executable} is {sys.version.split()[0]}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@$(PYTHON) -c 'import shutil, sys; free = shutil.disk_usage(".").free // 10**6; sys.exit(0 if free > $(MIN_FREE_MB) else f"inkbench needs $(MIN_FREE_MB) MB of free disk for its environment, data and models; here are {free} MB")'
	@echo "Setting up .venv (a few minutes, once) …"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python tools/install.py --no-compile --require-hashes -r requirements.lock
	@.venv/bin/python tools/install.py --no-deps --no-build-isolation -e .
	@.venv/bin/python -m compileall -qq -j 0 -x '/tests?/' .venv/lib src || true  # on all cores; pip would take one
	@touch $@
