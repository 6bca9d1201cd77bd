# One door for people and CI. Needs git, make and Python; uv is installed beside the project where it is missing.
SHELL := /bin/bash
UV_VERSION := 0.13.8
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
# The scorer of the demo and the tests runs on the CPU. The demo has a chat page; the tests try the integrations.
EXTRAS := --extra score --extra train --extra chat --extra openai --extra langchain --extra opentelemetry
RUN := $(UV) run --frozen --all-packages $(EXTRAS)
CASES ?=
RECORD ?=
export SEED FAULTS CHATS FILE SNAPSHOT TEMPLATES TRAINERS_ENV LABEL_STUDIO_ENV
# Container images often set it; every process that is started would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE
DIST ?= dist
PYTEST_ARGS ?=
# Tests wait much for servers, so three processes keep two cores busy; each has servers of its own. Empty: one process.
TEST_PROCESSES ?= -n 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types docs format bench bench-smoke examples chaos trainers label-studio wheels clean

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

install: $(UV) ## install everything into .venv, at the versions of uv.lock; compile what is hot
	@$(UV) sync --frozen --all-packages $(EXTRAS) --quiet
	@$(RUN) python -m plaudit_schemas.compiled.build

.tools/uv/bin/uv:
	@echo "installing uv $(UV_VERSION) into .tools/uv"
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' || { echo "Python 3.8 or newer is needed as python3"; exit 1; }
	@{ python3 -m venv .tools/uv && .tools/uv/bin/python -m pip install --quiet uv==$(UV_VERSION); } 2>.tools.log \
	  || { rm -rf .tools/uv; python3 -m pip install --quiet --target .tools/uv uv==$(UV_VERSION); } 2>>.tools.log \
	  || { cat .tools.log; echo "uv could not be installed: install it yourself, or python3-venv or pip, then try again"; rm -f .tools.log; exit 1; }
	@rm -f .tools.log

demo: install ## run the main job on this machine
	@$(RUN) plaudit demo

test: install ## run the tests; CI=1 adds the long ones on real servers
	@$(RUN) pytest $(TEST_PROCESSES) $(PYTEST_ARGS)

check: lint types docs ## lint, format, types, the documentation and the house's rules
	@$(RUN) pytest -q tests/house

lint: install
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .

types: install
	@$(RUN) mypy schemas/plaudit_schemas producers/plaudit_producers stream_processors/plaudit_stream_processors consumers/plaudit_consumers infra/plaudit_infra harness tests benchmarks docs/generators

docs: install ## build the documentation site into build/docs
	@NO_MKDOCS_2_WARNING=1 LITELLM_LOCAL_MODEL_COST_MAP=True $(UV) run --isolated --frozen --all-packages $(EXTRAS) --group docs python -m mkdocs build --quiet
	@echo "built: build/docs/index.html"

format: install ## format the code and mend what ruff can
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

bench: install ## run the benchmarks; CASES=codec,worker picks some
	@$(RUN) python -m benchmarks $(CASES)

bench-smoke: install ## fail if a hot path became much slower than recorded (2 minutes); RECORD=1 records anew
	@$(RUN) python -m benchmarks.smoke $(if $(filter-out 0,$(RECORD)),--record)

examples: install ## bring the examples of the schemas up to date after a release
	@$(RUN) python -m plaudit_schemas.examples

chaos: install ## do harm to the whole line at random and audit what came of it; SEED=n repeats a round
	@$(RUN) python -m tests.chaos

trainers: install ## run TRL's trainers on snapshots, and exports of models (PyTorch: 7 GB and 20 minutes); SNAPSHOT=dir, TEMPLATES=qwen3,gptoss
	@$(RUN) python -m tests.trainers

label-studio: install ## send pairs to a real Label Studio and take its annotations back (1 GB)
	@$(RUN) python -m tests.label_studio

wheels: install ## build the five wheels into dist/
	@$(UV) build --all-packages --wheel --quiet --out-dir $(DIST)
	@ls $(DIST)/*.whl

clean: ## remove what was installed and built
	rm -rf .venv .tools dist build */*/_compiled
