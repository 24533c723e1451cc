# The commands of this repository. Each sets up .venv by itself and says so; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
ENGINES := .venv-engines/bin/python
IMAGE ?= coefficient-scorer
STANDIN ?= standin
DIST ?= dist
ARCHIVE ?= $(DIST)/coefficient-scorer-$(VERSION)-source.tar.gz
URL ?= http://127.0.0.1:1313
BASE ?= HEAD
COVERED = scorer export $(if $(shell command -v wrk),bench)  # little of bench/ can run without wrk
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' scorer/version.py)
REVISION = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PINNED := $(INSTALL) --require-hashes --only-binary :all:
PROJECT := $(INSTALL) --no-deps --no-build-isolation --editable .
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--only-binary :all: --no-binary sniffpy --custom-compile-command 'make lock'
# Where git would know what is ignored; an unpacked archive is linted without it
NOT_OURS = .git .venv .venv-engines .venv-peers .mypy_cache .ruff_cache .hypothesis kubectl build dist standin
MANIFESTS = deploy/kubernetes/overlays/production/namespace.yaml $(filter-out %/kustomization.yaml, \
	$(wildcard deploy/kubernetes/base/*.yaml deploy/kubernetes/components/*/*.yaml))

.DEFAULT_GOAL := help
.PHONY: help run test test-engines lint format export standin bench bench-quick bench-engines instructions compare load capacity accuracy suite writeup newest lock image image-test dist archive clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is not. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Making the virtual environment .venv"
	@$(PYTHON) -m venv .venv

.venv/.build: tests/requirements-build.txt | .venv/bin/python
	@$(PINNED) --requirement $<
	@touch $@

.venv/.service: deploy/image/requirements-service.txt pyproject.toml .venv/.build
	@echo "Installing the scorer with its service into .venv"
	@$(PINNED) --requirement $<
	@$(PROJECT)
	@touch $@

.venv/.dev: tests/requirements.txt pyproject.toml .venv/.build
	@echo "Installing the scorer, its service, export and the development tools into .venv (about a minute)"
	@$(PINNED) --no-binary sniffpy --no-build-isolation --requirement $<
	@$(PROJECT)
	@touch $@ .venv/.service

newest: | .venv/bin/python ## put the newest libraries that pyproject.toml allows into .venv, in place of the pinned ones
	@$(INSTALL) --upgrade --upgrade-strategy eager --editable '.[service,export,dev]'
	@touch .venv/.build .venv/.service .venv/.dev

run: .venv/.service ## serve the shipped model on port 1313
	@$(BIN)/python -m scorer serve

test suite: export OPENBLAS_NUM_THREADS := 1  # several processes share the CPUs
test: .venv/.dev ## all tests, with the coverage gate
	$(BIN)/python -m pytest --numprocesses=auto $(addprefix --cov=,$(COVERED)) --cov-report=term

.venv-engines/.done: tests/engines/requirements.txt tests/requirements-build.txt pyproject.toml
	@echo "Installing the engines (Spark, Ray, Dask, MLflow, 2 GB) into .venv-engines (two minutes)"
	@$(PYTHON) -m venv .venv-engines
	@$(ENGINES) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--requirement tests/requirements-build.txt
	@$(ENGINES) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--no-binary pyspark --no-build-isolation --requirement $<
	@$(ENGINES) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

test-engines: .venv-engines/.done ## the tests on Spark, MLflow, Ray, Dask and the recipes of docs/engines.md; Spark needs Java 17
	$(ENGINES) -m pytest tests/engines

lint: .venv/.dev ## ruff, mypy, shellcheck, hadolint, the schemas of manifests and workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/shellcheck $$(grep -rlIE $(addprefix --exclude-dir=,$(NOT_OURS)) '^#!.*[ /](ba)?sh$$' .)
	$(BIN)/hadolint Dockerfile
	$(BIN)/kubernetes-validate --strict --quiet $(MANIFESTS)
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

format: .venv/.dev ## let ruff format and mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

export: .venv/.dev ## write coefficients/glm-26/1.0.1.json from the published figures
	$(BIN)/python -m export publish

standin: .venv/.dev ## stand-in data: standin/train.csv and standin/test.csv
	$(BIN)/python -m export standin --rows 40000 --seed 13 --out $(STANDIN)

bench/.venv-peers/.done: bench/peers/requirements.txt
	@echo "Installing the benchmark's peers into bench/.venv-peers (a few minutes)"
	@$(PYTHON) -m venv bench/.venv-peers
	@bench/.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--requirement $<
	@touch $@

bench: .venv/.dev bench/.venv-peers/.done ## measure everything: bench/results.json and what the docs show of it (25 minutes)
	$(BIN)/python -m bench

bench-quick: .venv/.dev bench/.venv-peers/.done ## the main figures in a minute; writes nothing
	$(BIN)/python -m bench --quick

bench-engines: .venv-engines/.done ## measure Spark, polars and files of millions of rows: bench/engines.json and docs/engines.md (10 minutes)
	$(ENGINES) -m bench.engines

instructions: .venv/.dev ## instructions of a single row, counted by valgrind: no other work on the machine changes them
	$(BIN)/python -m bench.instructions

compare: .venv/.dev ## CPU time of this tree's server beside another revision's: make compare BASE=HEAD~1
	$(BIN)/python -m bench.compare $(BASE)

load: .venv/.dev ## stress a running server: make load URL=http://host:1313 LOAD="parallel --rate 500"
	$(BIN)/python -m bench.load --url $(URL) $(LOAD)

capacity: .venv/.dev ## latencies against load, measured and simulated: docs/performance.md and its plot (two minutes)
	$(BIN)/python -m bench.capacity

accuracy: .venv/.dev ## parity with statsmodels and what rounding costs: bench/accuracy.json
	$(BIN)/python -m bench.accuracy

suite: .venv/.dev ## run all tests, and write how many there are and what they cover: bench/suite.json
	$(BIN)/python -m bench.suite

writeup: .venv/.dev ## docs/writeup.pdf, of docs/writeup.typ and the figures that the commands above have written
	$(BIN)/python -m bench.writeup

lock: .venv/.dev ## pin what the commands above and the image install, with hashes: the newest that fits pyproject.toml
	@$(LOCK) pyproject.toml $(addprefix --extra ,service store export arrow dev) --output-file tests/requirements.txt
	@$(LOCK) --group build --constraint tests/requirements.txt --output-file tests/requirements-build.txt
	@$(LOCK) pyproject.toml --extra service --constraint tests/requirements.txt \
		--output-file deploy/image/requirements-service.txt
	@$(LOCK) pyproject.toml --extra service --extra store --constraint tests/requirements.txt \
		--output-file deploy/image/requirements-service-store.txt
	@$(LOCK) pyproject.toml --extra service --extra arrow --constraint tests/requirements.txt \
		--output-file deploy/image/requirements-service-arrow.txt
	@$(LOCK) pyproject.toml $(addprefix --extra ,service store export spark) tests/engines/requirements.in --no-binary pyspark \
		--output-file tests/engines/requirements.txt
	@$(LOCK) bench/peers/requirements.in --constraint tests/requirements.txt --output-file bench/peers/requirements.txt

image: ## build the Docker image
	@docker info >/dev/null 2>&1 || { echo "make $@: no Docker engine can be reached: is Docker installed, and running?" >&2; exit 1; }
	docker build $(DOCKER_BUILD_OPTIONS) --tag $(IMAGE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) .

image-test: image .venv/.dev ## build the Docker image, run it with no rights and hold its answers to the library's
	IMAGE=$(IMAGE) $(BIN)/python -m pytest tests/deploy/image.py --capture=no

dist: .venv/.dev ## what a release has: wheel, sdist, coefficient files and SHA256SUMS, in dist/
	rm -rf $(DIST)
	$(BIN)/python -m hatchling build -d $(DIST)
	set -e; for file in coefficients/*/*.json; do \
		cp "$$file" "$(DIST)/$$(basename "$$(dirname "$$file")")-$$(basename "$$file")"; \
	done
	cd $(DIST) && sha256sum -- * > SHA256SUMS

archive: ## everything that is tracked, at the last commit, as one .tar.gz: make archive ARCHIVE=/tmp/scorer.tar.gz
	@test -z "$$(git rev-parse --show-cdup 2>&1)" || \
		{ echo "make $@: needs git, and the top directory of a clone" >&2; exit 1; }
	@changes=$$(git status --porcelain) && test -z "$$changes" || \
		{ printf 'make $@: not in the last commit; commit or remove:\n%s\n' "$$changes" >&2; exit 1; }
	@mkdir -p $(dir $(ARCHIVE))
	@git -c tar.umask=0022 archive --prefix=coefficient-scorer-$(VERSION)/ --format=tar.gz --output=$(ARCHIVE) HEAD
	@echo "$(ARCHIVE)"

clean: ## remove what the commands above made
	rm -rf .venv .ci/kubectl bench/.venv-peers .venv-engines build $(DIST) .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache bench/load-results $(STANDIN)
