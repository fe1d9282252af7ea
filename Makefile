# install: a .venv with everything, from hashed requirements.
# demo: the hub on an embedded Kafka, one sample year, audited.
# bundle: wheels of the publisher, to be installed without a network.
# sbom, licences, wheel, vulnerabilities: what a deployment is made of (deploy/supply).
# test: every gate (lint, types, contracts, unit, property and end-to-end tests).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test lint check docs lock bundle clean \
  sbom licences wheel vulnerabilities

install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Kerwen needs Python 3.11 or newer: make PYTHON=python3.11 install"; exit 3; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: install
	$(BIN)/kerwen demo

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy hub agents tests
	$(BIN)/lint-imports

check: install
	$(BIN)/kerwen catalogue check
	if command -v docker-compose >/dev/null; \
	  then docker-compose -f docker-compose.yml config -q; \
	  else echo "docker-compose is not here: apt-get install docker-compose, then make check"; exit 3; fi

test: lint check
	$(BIN)/pytest

docs: install
	$(BIN)/kerwen catalogue docs
	$(BIN)/python deploy/grafana/boards.py

lock: install
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --no-annotate --no-header \
	  --strip-extras --allow-unsafe --all-extras -o requirements.lock pyproject.toml

bundle: install
	$(BIN)/python deploy/ministry/bundle.py dist/publisher $(PLATFORM:%=--platform %)

sbom licences wheel vulnerabilities: install
	$(BIN)/python deploy/supply/check.py $@

clean:
	rm -rf dist $(VENV) .kerwen .mypy_cache .pytest_cache .ruff_cache .hypothesis
