# Everything below sets up what it needs: python3 (3.11 or newer), make, a package registry; Go for the API server.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
PACKAGES := jethook_contract jethook_processing jethook_operator jethook_dispatcher jethook_gateway jethook_storage jethook_cli

WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-kubernetes test check format generate verify bench lock tools clean chaos image e2e scale

help: ## show this list
	@grep -hE '^[a-z0-9 -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(READY) ## make the virtual environment from the lock

$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Jethook needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + "; name another with PYTHON=")'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/uv pip sync --quiet --require-hashes requirements/dev.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## standalone: 100 events to a healthy, a flaky and a broken endpoint, counted at the receivers
	@$(PY) -m hack.demo standalone

demo-kubernetes: $(READY) tools ## the same on a real Kubernetes API server, with two dispatchers and least privilege
	@$(PY) -m hack.demo kubernetes

test: $(READY) ## all layers: unit, component (nats-server, HTTP), api (kube-apiserver); WORKERS=n files at a time
	@$(PY) -m hack.tools --optional kube-apiserver etcd kubectl helm
	$(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile $(PYTEST_ARGS)

check: $(READY) ## format, lint, types, import contracts, generated files current
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	@$(MAKE) --no-print-directory verify

format: $(READY) ## rewrite the sources in the house format
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

generate: $(READY) ## write crds/ from the models, the chart's CRDs and README, and the tables of the docs from the code
	$(PY) -m jethook_operator.api.crdgen --write crds
	$(PY) -m hack.engine_pages
	$(PY) -m hack.chart_crds --write
	$(PY) -m hack.chart_readme --write

verify: $(READY) ## fail when crds/ is not what the models say, or the chart not what it is made from
	$(PY) -m jethook_operator.api.crdgen --check crds
	$(PY) -m hack.chart_crds --check
	$(PY) -m hack.chart_readme --check

bench: $(READY) ## a line of JSON for each scenario; SCENARIO=name for one, QUICK=1 for short runs
	@$(PY) -m bench $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(QUICK),--quick)

tools: $(READY) ## find or build kube-apiserver, etcd and kubectl, cached by version
	@$(PY) -m hack.tools kube-apiserver etcd kubectl

COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links

lock: $(READY) ## write requirements/ anew from pyproject.toml (names, versions, hashes; no address)
	$(COMPILE) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	grep -E -A 99 '^uv==' requirements/dev.txt | awk 'NR > 1 && /^[^ ]/ {exit} {print}' > requirements/uv.txt
	for part in dispatcher operator; do $(COMPILE) --extra $$part --extra cli --extra tracing --constraint requirements/dev.txt pyproject.toml -o requirements/$$part.txt; done
	echo 'hatchling' | $(COMPILE) --constraint requirements/dev.txt - -o requirements/build.txt

SEED ?= 1
EVENTS ?= 20000

chaos: $(READY) ## kills, cuts and stops under load, counted at the receivers; SEED=n EVENTS=n
	@$(PY) -m hack.chaos --seed $(SEED) --events $(EVENTS)

scale: $(READY) tools ## 1,000 endpoints and 10,000 Subscriptions on a real Kubernetes API server; QUICK=1 for a tenth
	@$(PY) -m bench.scale $(if $(QUICK),--quick)

image: $(READY) ## build the images, with their bills of materials in dist/; TAG=name, BASE_IMAGE=name
	@$(PY) -m hack.image $(if $(TAG),--tag $(TAG))

e2e: $(READY) ## install the chart into a real cluster: $$KUBECONFIG_UNDER_TEST, kind, or a node of its own (root)
	@$(PY) -m hack.node_cluster
	$(PY) -m pytest -m e2e tests/e2e $(PYTEST_ARGS)

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
