# Everything that a person or a build server does with this repository. The targets need Python 3.11+, make, and a
# package index; nothing else is downloaded.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
JOBS ?= 2
EXAMPLE ?= order-pricing
OUT ?= out/$(EXAMPLE)
UV_VERSION := 0.13.9

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
SCHEMA := docs/task-specification.schema.json

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup sandbox browser demo test slow faults attacks test-vllm serve-tiny soak bench lint format types schema cli-docs docs \
  wheel lock lock-vllm ci clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) sandbox ## Make .venv with everything, and see to the sandbox; quick when nothing changed

$(STAMP): pyproject.toml requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1): name another one," \
	    "for instance: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv module is not complete: run apt-get install python3-venv (as root), then make setup" >&2; \
	  exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	$(BIN)/python -m pip check
	@touch $@

sandbox:
	@if ! command -v bwrap >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing bubblewrap, the sandbox"; \
	    { apt-get install -qq -y --no-install-recommends bubblewrap || \
	      { apt-get update -qq && apt-get install -qq -y --no-install-recommends bubblewrap; }; } >/dev/null; \
	  elif command -v apt-get >/dev/null; then \
	    echo "the sandbox is missing, and no candidate runs without it: sudo apt-get install bubblewrap" >&2; \
	  else \
	    echo "the sandbox is missing, and no candidate runs without it: install the package bubblewrap" >&2; \
	  fi; \
	fi

browser: ## See to Chromium, in which the slow tests look at Temporal's Web UI
	@if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing chromium, in which tests look at the Web UI"; \
	    { apt-get install -qq -y --no-install-recommends chromium || \
	      { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; }; } >/dev/null; \
	  else \
	    echo "chromium is missing, and the tests of the Web UI are skipped: install the package chromium" >&2; \
	  fi; \
	fi

demo: setup ## Build a bundled example with the demo model: EXAMPLE (order-pricing), into OUT (out/EXAMPLE)
	$(BIN)/millwright demo $(EXAMPLE) --out $(OUT)

test: setup ## Run the tests, JOBS (2) at once; what takes minutes is run by slow, attacks and wheel
	$(BIN)/pytest -m "not slow" -n $(JOBS) --dist loadfile

slow: setup browser ## Run what takes minutes: whole builds, killed workers, every answer of every example
	$(BIN)/pytest -m slow --ignore tests/packaging -n $(JOBS) --dist loadfile

faults: setup ## Build a sample at endpoints that fail in every way, and hold each build against one without faults
	$(BIN)/pytest tests/faults -n $(JOBS) --dist load

attacks: setup ## Attack both sandboxes, each attack first shown to work without one
	$(BIN)/pytest tests/attacks -n $(JOBS) --dist loadfile

test-vllm: setup ## Run the model client against a real vLLM with a tiny model made on the spot; minutes, and 2.5 GB of disk
	$(BIN)/python -m tests.vllm.environment
	$(BIN)/pytest tests/vllm --durations 5

serve-tiny: setup ## Serve the tiny model of test-vllm at http://127.0.0.1:8000/v1 until interrupted
	$(BIN)/python -m tests.vllm.server

soak: setup ## Verify 20,000 candidates, a tenth hostile, while the verifier's children are killed; DATA names the tasks
	@test -n "$(DATA)" || echo "skipped: soak (give DATA=FOLDER with specs.yaml)"
	@test -z "$(DATA)" || $(BIN)/python -m benchmarks.verification.soak --data "$(DATA)"

BENCHMARKS := verification.speed verification.keeping verification.typing_agreement voting

bench: setup ## Print the figures of verification, voting, model calls and builds; DATA names the recorded HumanEval answers
	$(BIN)/python -m benchmarks.verification.sandbox_start
	$(BIN)/python -m benchmarks.model_client.clients
	$(BIN)/python -m benchmarks.model_client.pipeline
	@test -n "$(DATA)" || echo "skipped: $(BENCHMARKS) (give DATA=FOLDER with specs.yaml and completions.jsonl)"
	@test -z "$(DATA)" || for name in $(BENCHMARKS); do \
	  $(BIN)/python -m benchmarks.$$name --data "$(DATA)" || exit 1; done

lint: setup ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## Put style and formatting right, where a program can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## Check the types of source and tests, strictly
	$(BIN)/mypy .

schema: setup ## Write the JSON Schema of task specifications
	$(BIN)/python -m millwright.adapters.documents.published_schema > $(SCHEMA).new
	mv $(SCHEMA).new $(SCHEMA)

cli-docs: setup ## Write the reference of the command line
	$(BIN)/python -m millwright.commandline.reference > docs/cli.md.new
	mv docs/cli.md.new docs/cli.md

docs: schema cli-docs ## Write the generated pages of docs/

wheel: setup ## Build the wheel into dist/, install it elsewhere, and run it there
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .
	$(BIN)/pytest tests/packaging

lock: ## Pin what pyproject.toml asks for; UPGRADE=--upgrade takes newer versions
	scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(PYTHON) -m venv "$$scratch"; \
	"$$scratch/bin/pip" install --quiet uv==$(UV_VERSION); \
	pin() { "$$scratch/bin/uv" pip compile pyproject.toml --no-config --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --quiet \
	  --custom-compile-command "make lock" $(UPGRADE) "$$@"; }; \
	pin --output-file requirements.lock; \
	pin --group dev --constraint requirements.lock --output-file requirements-dev.lock

# What PyTorch, Triton and the media libraries need on a GPU, or for images and sound, is left out.
lock-vllm: ## Pin what the vLLM of test-vllm needs; TORCH names a folder or page with PyTorch's CPU builds
	@test -n "$(TORCH)" || { echo "give TORCH=FOLDER-OR-PAGE with PyTorch's builds for the CPU" >&2; exit 2; }
	scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(PYTHON) -m venv "$$scratch"; \
	"$$scratch/bin/pip" install --quiet uv==$(UV_VERSION); \
	"$$scratch/bin/uv" pip compile requirements-vllm.in --no-config --python-version 3.11 --find-links "$(TORCH)" \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --quiet \
	  $(addprefix --no-emit-package ,torchvision torchaudio torchcodec triton) \
	  --custom-compile-command "make lock-vllm" $(UPGRADE) --output-file requirements-vllm.lock

ci: ## Run all that the build server runs
	.ci/run

clean: ## Remove what was made here, the virtual environment apart
	rm -rf dist build out .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)*' -prune -exec rm -rf {} +
