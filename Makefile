# `make` alone lists what there is. Everything runs in .venv, which `setup` makes.

VENV_PYTHON := .venv/bin/python
SANDBOX := $(VENV_PYTHON) -m tidegate.sandbox
PROGRAMS := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/usr/bin

.DEFAULT_GOAL := help
.PHONY: help setup assets demo sandbox test check audit bench fleet chaos judge clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the other commands need, into .venv and .tools
	@scripts/setup

assets: ## obtain a real kube-apiserver and etcd for the sandbox; print their folder, for KUBEBUILDER_ASSETS
	@scripts/assets

demo: setup ## release podinfo in a sandbox: a good version, then a broken one (KEEP=1 stays up)
	@$(SANDBOX) demo --end-with-parent $(if $(KEEP),--keep)

sandbox: setup ## start a sandbox with a worker, and keep it up until Ctrl-C (FURTHER=1: with mesh03, too)
	@$(SANDBOX) up --end-with-parent $(if $(FURTHER),--further)

test: setup ## run the tests; with KUBEBUILDER_ASSETS, the end-to-end tests on a real control plane too
	@PATH="$(PROGRAMS):$$PATH" $(VENV_PYTHON) -m pytest -q --numprocesses 2

check: setup ## lint, check the format, the types and the layers
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet || { echo 'run: .venv/bin/ruff format'; exit 1; }
	@.venv/bin/mypy
	@.venv/bin/lint-imports

audit: ## ask OSV for known vulnerabilities of the pinned packages (needs the internet)
	@scripts/audit

bench: setup ## measure a release: overhead, time to abort, history, failed requests
	@$(VENV_PYTHON) -m benchmarks.release

fleet: setup ## measure many releases at once on one worker: throughput, delay, memory, the knee
	@$(VENV_PYTHON) -m benchmarks.fleet

chaos: setup ## inject faults into releases under traffic, and see what is survived (ALL=1 for every case)
	@$(VENV_PYTHON) -m benchmarks.chaos $(if $(ALL),--all)

judge: setup ## compare judges on synthetic traffic: wrong rollbacks and missed faults, in a minute
	@$(VENV_PYTHON) -m benchmarks.judge

clean: ## remove all that these commands made
	@rm -rf .venv .tools .sandbox .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@rm -rf dist build benchmarks/out
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
