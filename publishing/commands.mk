# What workflows do beside the chain (docs/github.md). Texts from outside come in the environment and are read there:
# make would expand them, and a shell run them. Those with $(PYTHON) need no package, so a job that does nothing else installs none.

.PHONY: scope
scope: #. Say whether anything but documents changed since BASE, or since what production runs
	@$(PYTHON) -m publishing scope --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: note-attempt
note-attempt: #. Note in build/attempts/NAME which attempt of the run this is
	@mkdir -p "$(BUILD)/attempts" && echo "$${GITHUB_RUN_ATTEMPT:-1}" >"$(BUILD)/attempts/$${NAME:?}"

.PHONY: fetch-history
fetch-history: #. The history branch as the folder HISTORY=build/history
	@$(PYTHON) -m publishing history-branch fetch --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: push-history
push-history: #. The folder HISTORY=build/history as a commit on the history branch
	@$(PYTHON) -m publishing history-branch push --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: count-evaluations
count-evaluations: setup #. Put this run's look at the holdout into the history's count
	@$(RUN) -m publishing count-evaluations --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: job-summary
job-summary: #. Show the metric diff, or the table of drills, on the run's page
	@$(PYTHON) -m publishing job-summary --build $(BUILD)

.PHONY: comment
comment: setup #. The metric diff as one comment on the pull request
	@$(RUN) -m publishing comment --build $(BUILD)

.PHONY: drift-issue
drift-issue: setup #. One issue that follows drift: found, clean, could not run
	@$(RUN) -m publishing drift-issue --build $(BUILD)

.PHONY: security-issue
security-issue: setup #. One issue that follows the audits: found, clean, could not run
	@$(RUN) -m publishing security-issue --build $(BUILD)

.PHONY: retrain-pr
retrain-pr: setup #. Where a retrain is due: the pull request that moves data.as_of, and its run
	@$(RUN) -m publishing retrain-pr --config $(CONFIG) --build $(BUILD)

.PHONY: as-of
as-of: #. Move data.as_of to AS_OF=YYYY-MM-DD
	@$(PYTHON) -m publishing as-of --config $(CONFIG)

.PHONY: recorded-releases
recorded-releases: setup #. What the history says was put into production, newest first
	@$(RUN) -m publishing recorded-releases --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: outcome
outcome: #. The last job's question: did every job in NEEDS pass?
	@$(PYTHON) -m publishing outcome

.PHONY: audit-workflows
audit-workflows: setup #. zizmor on the workflows; with GH_TOKEN also the audits that need the network
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m publishing audit workflows --build $(BUILD)

.PHONY: audit-dependencies
audit-dependencies: setup $(TOOLS)/osv-scanner #. What is known against the pinned dependencies
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(RUN) -m publishing audit dependencies --build $(BUILD)

.PHONY: audit-image
audit-image: setup $(TOOLS)/osv-scanner #. What is known against the image that production runs
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(RUN) -m publishing audit image --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"
