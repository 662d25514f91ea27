# The chain, one command for each stage; workflows run the same commands. `make help` lists them.
# A stage exits 0 pass, 3 finding, 2 wrong usage, 1 crash; make shows that code, but itself always fails with 2.

# macOS comes with make 3.81, which has no .SHELLFLAGS: a recipe would continue after one of its commands failed.
ifeq ($(filter oneshell,$(.FEATURES)),)
$(error This is GNU make $(MAKE_VERSION); required: 4 or newer. On macOS: `brew install make`, then `gmake` in place of `make`)
endif

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

PYTHON      ?= python3
BUILD       ?= build
CONFIG      ?= pipeline.toml
VENV        := .venv
RUN         := $(VENV)/bin/python
STAGE       := --config $(CONFIG) --build $(BUILD)
# uv from the PATH, or the version pinned in requirements/uv.txt.
UV          := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
TOOLS       := .tools
# The groups in .venv: those installed last, or everything.
GROUPS      ?= $(or $(subst +, ,$(patsubst $(VENV)/.has-%,%,$(wildcard $(VENV)/.has-*))),dev)
SPACE       := $(subst ,, )
# Groups that train also get those of these libraries that training.candidates names.
EVERY_BOOSTER := lightgbm xgboost catboost
BOOSTERS    := $(shell grep -v '^ *\#' $(CONFIG) 2>/dev/null | grep -oE "[\"']($(subst $(SPACE),|,$(EVERY_BOOSTER)))[\"']" | tr -d "\"'")
WANTED      := $(sort $(GROUPS) $(if $(filter train dev,$(GROUPS)),$(BOOSTERS)))
INSTALLED   := $(VENV)/.has-$(subst $(SPACE),+,$(WANTED))
# The runbook's address in alerts (docs/compose.md). `value`: make must not expand the variables' texts.
ifdef GITHUB_REPOSITORY
export RUNBOOK_URL ?= $(value GITHUB_SERVER_URL)/$(value GITHUB_REPOSITORY)/blob/$(value GITHUB_SHA)/docs/runbook.md
endif
# contracts/stage.py has its order.
CHAIN       := $(shell sed -n 's/^CHAIN.*= (\(.*\))/\1/p' contracts/stage.py | tr -d '",')
# What the load test loads: image, process, or auto (the image if a container engine answers, else a process).
TARGET      ?= auto

export PYTHONPATH := $(CURDIR)
export TARGET
# No telemetry from Evidently and ONNX Runtime.
export DO_NOT_TRACK := 1
export ORT_DISABLE_TELEMETRY := 1
export PYTHONDONTWRITEBYTECODE ?=
export UV_PYTHON_DOWNLOADS := never

##@ The chain, in its order

.PHONY: pipeline
pipeline: setup ## The whole chain, from data to report
	@for stage in $(CHAIN) image report; do rm -rf "$(BUILD)/$$stage"; done
	@code=0; for stage in $(CHAIN); do \
	    printf '\n== %s\n' "$$stage"; $(MAKE) "$$stage" TARGET="$(TARGET)" || { code=$$?; break; }; \
	done; \
	printf '\n== report\n'; $(MAKE) report; exit "$$code"

.PHONY: data
data: setup ## Read the table and cut it into train, holdout and replay
	@$(RUN) -m training data $(STAGE)

.PHONY: train
train: setup ## Search, fit, export to ONNX and prove the export
	@$(RUN) -m training train $(STAGE)

.PHONY: evaluate
evaluate: setup ## The gate: challenger against champion on the holdout
	@$(RUN) -m training evaluate $(STAGE)

.PHONY: build
# Called by itself it fails without an engine; in the chain TARGET decides.
build: TARGET = image
build: setup ## Build the image that serves the challenger, measure it and prove it (needs a container engine)
	@$(RUN) -m deploy build $(STAGE)

.PHONY: load-test
load-test: setup ## Serve challenger and champion, replay the next window with Locust, compare
	@$(RUN) load-tests/run.py $(STAGE)

.PHONY: load-worker
# epoll's timers have whole milliseconds.
load-worker: setup #. Send a share of the load test that waits at LOAD_MASTER=10.0.0.5 (LOAD_WORKERS=3 LOAD_LISTEN=10.0.0.5 make load-test)
	@GEVENT_BACKEND=select $(RUN) load-tests/load_worker.py

.PHONY: drift
drift: setup ## Compare the served requests with the model's reference
	@$(RUN) -m reports drift $(STAGE)

.PHONY: report
report: setup ## One page and one summary of all stages
	@$(RUN) -m reports report $(STAGE)

.PHONY: serve
serve: setup ## Serve the challenger on http://127.0.0.1:8000/docs
	@MODEL_DIR=$(BUILD)/train/model REQUEST_LOG_DIR=$(BUILD)/served $(RUN) -m service

.PHONY: pin
pin: setup #. Write the sha256 of data.source into pipeline.toml
	@$(RUN) -m training pin --config $(CONFIG)

# Each room has its own commands, which go with the room.
include $(foreach room,deploy deploy/kubernetes/load deploy/kubernetes/training reports drills tests/workflows tests/situations tests benchmarks monitoring publishing exercises tests/adopting,$(wildcard $(room)/commands.mk))

##@ Work on it

.PHONY: check
check: setup ## Formatting, lint, strict types, and the repository's own promises
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/hadolint Dockerfile
	@$(VENV)/bin/pytest -q tests/repository

.PHONY: format
format: setup ## Format, and fix what can be fixed
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

.PHONY: setup
setup: $(INSTALLED) ## Install what is pinned into .venv: everything, or GROUPS="service train" as requirements/ has them

$(INSTALLED): $(WANTED:%=requirements/%.txt) | $(UV)
	@[ -n "$(ANY_PLATFORM)" ] || $(PYTHON) requirements/supported_machine.py
	@$(UV) venv --quiet --clear --python $(PYTHON) $(VENV)
	@$(UV) pip install --quiet --python $(RUN) --require-hashes $(WANTED:%=-r requirements/%.txt)
	@touch $@

# Only if there is no uv on the PATH: installed into the checkout, with plain pip.
.uv/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is required; $(PYTHON) is older. Try: make PYTHON=python3.13" >&2; exit 2; }
	@$(PYTHON) -m venv --clear .uv || \
	    { echo "$(PYTHON) cannot make a venv. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@.uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.PHONY: lock
lock: | $(UV) #. Pin all dependencies anew from pyproject.toml
	@UV=$(UV) requirements/lock

.PHONY: clean
clean: #. Remove what the chain wrote, but not the champion and the count of evaluations
	@for stage in $(CHAIN) image report deploy site; do rm -rf "$(BUILD)/$$stage"; done

.PHONY: help
help: ## This list; ALL=1 also shows what workflows and maintainers call
	@awk 'BEGIN {FS = ":.*#" (ENVIRON["ALL"] ? "[#.]" : "#") " "} \
	    /^##@/ {heading = "\n" substr($$0, 5) "\n"} \
	    /^[a-z-]+:/ && NF > 1 {printf "%s  make %-18s %s\n", heading, $$1, $$2; heading = ""} END {print ""}' $(MAKEFILE_LIST)
