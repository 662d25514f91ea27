# What workflows do beside the chain (docs/github.md). Texts from outside are read from the environment, because make
# would expand them and a shell run them. Commands with $(PYTHON) need no package, so their jobs install none.

.PHONY: scope
scope: #. Say whether anything but documents changed since BASE, or since what production runs
	@$(PYTHON) -m publishing scope --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: note-attempt
note-attempt: #. Write the number of this run's attempt into build/attempts/NAME
	@mkdir -p "$(BUILD)/attempts" && echo "$${GITHUB_RUN_ATTEMPT:-1}" >"$(BUILD)/attempts/$${NAME:?}"

.PHONY: fetch-history
fetch-history: #. The history branch as the folder HISTORY=build/history
	@$(PYTHON) -m publishing history-branch fetch --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: push-history
push-history: #. The folder HISTORY=build/history as a commit on the history branch
	@$(PYTHON) -m publishing history-branch push --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: count-evaluations
count-evaluations: setup #. Add this run's evaluation on the holdout to the history's count
	@$(RUN) -m publishing count-evaluations --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: job-summary
job-summary: #. Show the metric diff, or the table of drills, on the run's page
	@$(PYTHON) -m publishing job-summary --build $(BUILD)

.PHONY: comment
comment: setup #. The metric diff as one comment on the pull request
	@$(RUN) -m publishing comment --build $(BUILD)

.PHONY: drift-issue
drift-issue: setup #. Update the tracking issue about drift: found, clean, could not run
	@$(RUN) -m publishing drift-issue --build $(BUILD)

.PHONY: security-issue
security-issue: setup #. Update the tracking issue about the audits: found, clean, could not run
	@$(RUN) -m publishing security-issue --build $(BUILD)

.PHONY: retrain-pr
retrain-pr: setup #. If a retrain is due, open the pull request that moves data.as_of
	@$(RUN) -m publishing retrain-pr --config $(CONFIG) --build $(BUILD)

.PHONY: as-of
as-of: #. Move data.as_of to AS_OF=YYYY-MM-DD
	@$(PYTHON) -m publishing as-of --config $(CONFIG)

.PHONY: recorded-releases
recorded-releases: setup #. List the releases in the history, newest first
	@$(RUN) -m publishing recorded-releases --history "$${HISTORY:-$(BUILD)/history}"

.PHONY: outcome
outcome: #. Did every job in NEEDS pass? A workflow's last job asks
	@$(PYTHON) -m publishing outcome

.PHONY: audit-workflows
audit-workflows: setup #. zizmor on the workflows; with GH_TOKEN also the audits that need the network
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m publishing audit workflows --build $(BUILD)

.PHONY: audit-dependencies
audit-dependencies: setup $(TOOLS)/osv-scanner #. Known vulnerabilities in the pinned dependencies
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(RUN) -m publishing audit dependencies --build $(BUILD)

.PHONY: audit-image
audit-image: setup $(TOOLS)/osv-scanner #. Known vulnerabilities in the image that production runs
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(RUN) -m publishing audit image --build $(BUILD) --history "$${HISTORY:-$(BUILD)/history}"
