# The two commands that a newcomer needs are `make serve` and `make test`; both need only Python 3.11+ and make.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST_ARGS ?= -n 2 --dist loadfile -q
# The published suites of CQL, FHIRPath and $$apply, where they lie beside the checkout; else the project's own cases.
CONFORMANCE_DIR ?= $(wildcard ../shared/conformance)

.PHONY: help serve test check bench lock wheel clean tools

help:
	@echo 'make serve   answer calls on http://127.0.0.1:8080 (settings: docs/settings.md)'
	@echo 'make test    everything that must hold: style, types, layers, tests, content'
	@echo 'make bench   what a call costs, beside the least it could cost'
	@echo 'make check   compile and lint the content, and run its cases'
	@echo 'make wheel   the package, with the content in it, in dist/'
	@echo 'make lock    choose the versions of all dependencies anew'

serve: $(VENV)/.serve
	$(BIN)/cds-service serve

test: $(VENV)/.dev tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	CONFORMANCE_DIR='$(abspath $(CONFORMANCE_DIR))' $(BIN)/pytest $(PYTEST_ARGS)
	$(BIN)/cds-service check

check: $(VENV)/.serve
	$(BIN)/cds-service check

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.hooks

wheel: $(VENV)/.dev
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

lock: $(VENV)/.python
	$(PIP) install 'uv>=0.5'
	echo 'setuptools>=77' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--extra postgres --extra quality pyproject.toml - --output-file requirements.lock
	echo 'setuptools>=77' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--extra dev --constraint requirements.lock pyproject.toml - --output-file requirements-dev.lock

# The environment: the locked versions with their hashes, then this project itself, editable.
$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed.' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
		echo 'Python cannot make a virtual environment; on Debian: apt-get install python3-venv' >&2; exit 1; }
	@touch $@

$(VENV)/.serve: $(VENV)/.python requirements.lock pyproject.toml
	$(PIP) install --require-hashes --requirement requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.python requirements-dev.lock pyproject.toml
	$(PIP) install --require-hashes --requirement requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.serve

# Tests drive a browser and a PostgreSQL server. Where they cannot be had, those tests are skipped and say so.
tools:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { test "$$(id -u)" = 0 && \
		command -v apt-get >/dev/null && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; } || \
		echo 'No Chromium: tests of the workbench in a browser are skipped.'
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { test "$$(id -u)" = 0 && \
		command -v apt-get >/dev/null && mkdir -p /etc/postgresql-common && \
		echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends postgresql >/dev/null; } || \
		echo 'No PostgreSQL: tests of the memory on it are skipped.'

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
