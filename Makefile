# `make run` and `make test` need Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
BASE := python:3.13-slim-trixie
LOCK = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'
RANDOM_TESTS := $(addprefix tests/store/,test_parity.py test_histories.py test_concurrency.py)

run: .venv/run
	@exec $(BIN)/diundashboard serve

test: .venv/test
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.html

bench: .venv/test
	$(BIN)/python -m tests.bench

screenshots: .venv/test
	$(BIN)/python -m tests.screenshots

torture: .venv/test
	TORTURE=25 $(BIN)/python -m pytest tests/faults $(RANDOM_TESTS) --durations=0

soak: .venv/test
	$(BIN)/python -m tests.soak

test-docker: .venv/test
	$(BIN)/python -m pytest tests/docker

# Renews what the image is built from: the packages with their hashes, and the digest of the base image.
lock: .venv/test
	$(BIN)/python -m pip install --quiet --editable '.[lock]'
	$(LOCK) setup.cfg --extra oidc --output-file requirements.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	| $(LOCK) - --output-file requirements-build.lock

base:
	digest=$$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' $(BASE)) \
	&& sed -i.old "s|^ARG BASE=.*|ARG BASE=$(BASE)@$$digest|" Dockerfile && rm Dockerfile.old

.venv/run: setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "DIUN Dashboard needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/test: .venv/run
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

.PHONY: run test lint bench torture soak screenshots test-docker lock base
