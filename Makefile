# The chain, one command a stage; workflows run these same commands. `make help` lists them.
# A stage exits 0 pass, 3 finding, 2 wrong usage, 1 crash; make shows that code and itself always fails with 2.

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
# The one place with uv's version; requirements/uv.txt has its hashes.
UV          := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
TOOLS       := .tools
CHAIN       := data train evaluate build load-test drift
# What the load test loads: image, process, or auto: the image where a container engine answers, else a process.
TARGET      ?= auto

export PYTHONPATH := $(CURDIR)
export TARGET
# Neither Evidently nor ONNX Runtime shall call home.
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
	@$(RUN) -m training.data $(STAGE)

.PHONY: train
train: setup ## Search, fit, export to ONNX and prove the export
	@$(RUN) -m training.train $(STAGE)

.PHONY: evaluate
evaluate: setup ## The gate: challenger against champion on the holdout
	@$(RUN) -m training.evaluate $(STAGE)

.PHONY: build
# By itself it is asked for, so that no engine is an error; the chain passes its own TARGET.
build: TARGET = image
build: setup ## Build the image that serves the challenger, measure it and prove it (needs a container engine)
	@$(RUN) -m deploy.image.build $(STAGE)

.PHONY: load-test
load-test: setup ## Serve challenger and champion, replay the next window with Locust, compare
	@$(RUN) load-tests/run.py $(STAGE)

.PHONY: drift
drift: setup ## Compare the served requests with the model's reference
	@$(RUN) -m reports.drift.stage $(STAGE)

.PHONY: deploy
deploy: setup ## Make the challenger the champion; with IMAGE=name@sha256:…, put that image into production on DOCKER_HOST
	@if [ -n "$${IMAGE:-}" ]; then $(RUN) -m deploy.rollout deploy --image "$$IMAGE" $(STAGE); \
	else $(RUN) -m deploy.champion.promote $(STAGE); fi

.PHONY: report
report: setup ## One page and one summary of all stages
	@$(RUN) -m reports.page.stage $(STAGE)

.PHONY: history
history: setup ## Append this run to the folder HISTORY=history (or EVENT=drift alone), and prune it
	@$(RUN) -m reports.site.history.append --build $(BUILD) --history "$${HISTORY:-}" --event "$${EVENT:-}"

.PHONY: site
site: setup ## The site, build/site/index.html, from build/ and, where given, HISTORY=history
	@$(RUN) -m reports.site.build $(STAGE) --history "$${HISTORY:-}"

##@ The scheduled drift job

.PHONY: requests
requests: setup ## Bring production's log: REQUESTS_URL (key in REQUESTS_KEY), or replay the next window
	@$(RUN) -m reports.scheduled.requests $(STAGE)

.PHONY: watch
watch: setup ## That log against the champion; HISTORY=folder remembers earlier windows
	@$(RUN) -m reports.scheduled.check $(STAGE)

.PHONY: retrain
retrain: setup ## Is a retrain due? Then move data.as_of; HISTORY=folder as for watch
	@$(RUN) -m reports.scheduled.retrain $(STAGE)

##@ Around it

.PHONY: champion
champion: setup ## Fetch the champion: CHAMPION=docker://user/name:champion, a folder, production, or none
	@champion="$${CHAMPION:-}"; if [ "$$champion" = production ]; then \
	    $(MAKE) fetch-history; champion="$$($(RUN) -m deploy.champion.production print --history "$${HISTORY:-$(BUILD)/history}")"; fi; \
	$(RUN) -m deploy.champion.fetch --champion "$$champion" --build $(BUILD)

.PHONY: push
push: setup ## Push the built image to REPOSITORY=user/name; prints its digest
	@$(RUN) -m deploy.registry.push --repository "$${REPOSITORY:-}" --build $(BUILD)

.PHONY: rollback
rollback: setup ## Put the previous release, or IMAGE=name@sha256:…, back into production without the registry
	@$(RUN) -m deploy.rollout rollback --image "$${IMAGE:-}" $(STAGE)

.PHONY: releases
releases: setup ## What ran in production, when, why, with its figures
	@$(RUN) -m deploy.rollout releases

.PHONY: rehearse
rehearse: setup ## Play the deploy of build/image on the engine at hand: champion to new image and back, under load
	@case "$${CHAMPION:-}" in docker://*) champion="$$CHAMPION";; *) champion="";; esac; \
	$(RUN) -m deploy.rollout.rehearse --champion "$$champion" $(STAGE)

.PHONY: serve
serve: setup ## Serve the challenger on http://127.0.0.1:8000/docs
	@MODEL_DIR=$(BUILD)/train/model REQUEST_LOG_DIR=$(BUILD)/served $(RUN) -m service

.PHONY: drift-metrics
drift-metrics: setup ## Put the drift verdict where the stack's Prometheus reads it
	@$(RUN) -m monitoring.verdict_metrics $(BUILD)/drift/verdict.json monitoring/drift/drift.txt

.PHONY: pin
pin: setup ## Write the sha256 of data.source into pipeline.toml
	@$(RUN) -m training.pin --config $(CONFIG)

.PHONY: test
# Two workers a core, because half of the tests wait for a process; one OpenMP thread each, because four would fight.
test: setup ## The tests that need no engine, browser, drill or whole chain: in random order, on all cores
	@OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist loadfile --no-loadscope-reorder \
	    tests $(addprefix --ignore tests/,containers monitoring browser drills chain)

.PHONY: chain-test
chain-test: setup ## The whole chain by its real commands, on three small tables
	@OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n $$(getconf _NPROCESSORS_ONLN) tests/chain

.PHONY: container-test
container-test: setup ## Tests of the image on a real container engine and registry
	@$(VENV)/bin/pytest -n0 -rs tests/containers --ignore tests/containers/test_stack.py

.PHONY: stack-test
stack-test: setup ## Tests of edge, rules, alerts and dashboards on real ones, and of the whole compose stack
	@$(VENV)/bin/pytest -n0 -rs tests/monitoring tests/containers/test_stack.py

.PHONY: browser-test
browser-test: setup ## Tests of the report and the site in a real Chromium
	@$(VENV)/bin/pytest -n0 -rs tests/browser

.PHONY: deploy-test
deploy-test: setup ## Deploy under load with every failure there is, some ten minutes; PARTS="good lock" plays some
	@$(RUN) -m tests.rollouts.run --build $(BUILD) $(PARTS)

.PHONY: check
check: setup ## Formatting, lint, strict types, and the repository's own promises
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/hadolint Dockerfile
	@$(VENV)/bin/pytest -q tests/repository

.PHONY: drill
drill: setup ## Plant every fault and show that its gate refuses it: FULL=1 for the nightly ones too, ONLY=name
	@$(RUN) -m drills --build $(BUILD) $(if $(ONLY),--only "$(ONLY)") $(if $(FULL),--full)

.PHONY: drill-test
drill-test: setup ## Tests of the drills' runner and of the rates, which run the real stages
	@OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist loadfile tests/drills

.PHONY: drill-list
drill-list: setup ## Write the list of drills into docs/drills.md, and the project's limits into drills/pipeline.toml
	@$(RUN) -m drills --write

.PHONY: bench
bench: setup ## Measure the service beside its like, and the chain; PART=serving or chain does one; writes docs/benchmarks.md
	@for part in $(or $(PART),serving chain); do $(RUN) -m "benchmarks.$$part"; done

.PHONY: torture
torture: setup ## Try to break the service: kills, full disks, overload …; writes docs/faults.md. One family: ONLY=kills
	@$(RUN) -m benchmarks.faults --only "$(ONLY)"

.PHONY: endpoints
endpoints: setup ## Write docs/endpoints.md from the service's OpenAPI document
	@$(RUN) -m tests.service.endpoints_page

##@ What workflows do beside the chain (docs/github.md)

# Texts from outside come in the environment and are read there: make would expand them, and a shell run them.
# Those with $(PYTHON) need no package, so a job that does nothing else installs none.

.PHONY: scope
scope: ## Say whether anything but documents changed since BASE, or since what production runs
	@$(PYTHON) -m publishing.scope --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: fetch-history
fetch-history: ## The history branch as the folder HISTORY=build/history
	@$(PYTHON) -m publishing.history_branch fetch --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: push-history
push-history: ## The folder HISTORY=build/history as a commit on the history branch
	@$(PYTHON) -m publishing.history_branch push --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: count-tries
count-tries: setup ## Put this run's look at the holdout into the history's count
	@$(RUN) -m publishing.tries --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: publish-image
publish-image: setup ## Pass the built image on: to the registry that PUSH_TO=user/name names, or as a file
	@$(RUN) -m deploy.registry.publish_image --build $(BUILD)

.PHONY: fetch-image
fetch-image: setup ## Have the very image that an earlier job built
	@$(RUN) -m deploy.registry.fetch_image --build $(BUILD)

.PHONY: release
release: setup ## Deploy to DEPLOY_HOST=ssh://user@host; where none is named, rehearse the same rollout here
	@if [ -n "$${DEPLOY_HOST:-}" ]; then \
	    IMAGE="$$($(RUN) -m deploy.registry.pushed_image --build $(BUILD))" $(RUN) -m deploy.rollout.with_target $(MAKE) deploy; \
	else \
	    echo "release: no target. The variable DEPLOY_HOST names one (docs/github.md); this is a rehearsal."; \
	    $(MAKE) rehearse; \
	fi

.PHONY: put-back
put-back: setup ## Roll DEPLOY_HOST back to IMAGE=name@sha256:…; where no host is named, only the champion moves
	@if [ -n "$${DEPLOY_HOST:-}" ]; then $(RUN) -m deploy.rollout.with_target $(MAKE) rollback; \
	else echo "put-back: no target. The variable DEPLOY_HOST names one (docs/github.md); the champion moves."; fi
	@$(RUN) -m deploy.champion.move --image "$${IMAGE:?name@sha256:… is required}" --build $(BUILD)

.PHONY: move-champion
move-champion: setup ## After a deploy: this run's model is the champion, in the registry too
	@$(RUN) -m deploy.champion.move --build $(BUILD)

.PHONY: record-champion
record-champion: setup ## Put what this run deployed into HISTORY, for the next run to compare with
	@$(RUN) -m deploy.champion.production record --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: job-summary
job-summary: ## Show the metric diff, or the table of drills, on the run's page
	@$(PYTHON) -m publishing.job_summary --build $(BUILD)

.PHONY: comment
comment: setup ## The metric diff as one comment on the pull request
	@$(RUN) -m publishing.comment --build $(BUILD)

.PHONY: drift-issue
drift-issue: setup ## One issue that follows drift: found, clean, could not run
	@$(RUN) -m publishing.issues.drift_issue --build $(BUILD)

.PHONY: security-issue
security-issue: setup ## One issue that follows the audits: found, clean, could not run
	@$(RUN) -m publishing.issues.security_issue --build $(BUILD)

.PHONY: retrain-pr
retrain-pr: setup ## Where a retrain is due: the pull request that moves data.as_of, and its run
	@$(RUN) -m publishing.retrain_pull_request --config $(CONFIG) --build $(BUILD)

.PHONY: as-of
as-of: setup ## Move data.as_of to AS_OF=YYYY-MM-DD
	@$(RUN) -m publishing.as_of --config $(CONFIG)

.PHONY: recorded-releases
recorded-releases: setup ## What the history says was put into production, newest first
	@$(RUN) -m publishing.recorded_releases --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: outcome
outcome: ## The last job's question: did every job in NEEDS pass?
	@$(PYTHON) -m publishing.outcome

.PHONY: audit-workflows
audit-workflows: setup ## zizmor on the workflows; with GH_TOKEN also the audits that need the network
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m publishing.audit workflows --build $(BUILD)

.PHONY: audit-dependencies
audit-dependencies: setup $(TOOLS)/osv-scanner ## What is known against the pinned dependencies
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(RUN) -m publishing.audit dependencies --build $(BUILD)

.PHONY: audit-image
audit-image: setup $(TOOLS)/osv-scanner ## What is known against the image that production runs
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(RUN) -m publishing.audit image --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: workflow-check
workflow-check: setup $(TOOLS)/actionlint ## actionlint, zizmor, the schemas and our own rules, on .github
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(VENV)/bin/pytest -q -rs tests/repository/test_workflows.py

.PHONY: programs
programs: ## The programs that the tests of the stack run (Debian and Ubuntu; asks for sudo where you are not root)
	@$$(test $$(id -u) = 0 || echo sudo) apt-get update --quiet=2
	@$$(test $$(id -u) = 0 || echo sudo) env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes \
	    --no-install-recommends prometheus prometheus-alertmanager haproxy nginx-light openssl docker-registry

# Linters that no package index has: built from source by Go, which checks what it downloads against its checksum database.
GO = command -v go >/dev/null || { echo "Go is required to build $$(basename $@): https://go.dev/dl/" >&2; exit 2; };

$(TOOLS)/actionlint:
	@$(GO) GOBIN="$(CURDIR)/$(TOOLS)" go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

$(TOOLS)/osv-scanner:
	@$(GO) GOBIN="$(CURDIR)/$(TOOLS)" go install github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.3.5

.PHONY: format
format: setup ## Format and mend what can be mended
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

.PHONY: setup
setup: $(VENV)/.complete ## Install everything, pinned, into .venv

$(VENV)/.complete: requirements/dev.txt | $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) $(VENV)
	@$(UV) pip install --quiet --python $(RUN) --require-hashes -r requirements/dev.txt
	@touch $@

# Only where no uv is on the PATH: into the checkout, with plain pip.
.uv/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is required; $(PYTHON) is older. Try: make PYTHON=python3.13" >&2; exit 2; }
	@$(PYTHON) -m venv --clear .uv || \
	    { echo "$(PYTHON) cannot make a venv. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@.uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.PHONY: lock
lock: | $(UV) ## Pin all dependencies anew from pyproject.toml
	@UV=$(UV) requirements/lock

.PHONY: clean
clean: ## Remove what the chain wrote, but not the champion and the count of tries
	@for stage in $(CHAIN) image report deploy site; do rm -rf "$(BUILD)/$$stage"; done

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
	    /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	    /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2} END {print ""}' $(firstword $(MAKEFILE_LIST))
