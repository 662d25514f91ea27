# The run history, its site, and the scheduled drift check.

##@ Look back and ahead

.PHONY: history
history: setup #. Append this run to the folder HISTORY=history (or EVENT=drift alone), and prune it
	@$(RUN) -m reports history --build $(BUILD) --history "$${HISTORY:-}" --event "$${EVENT:-}"

.PHONY: site
site: setup #. The site, build/site/index.html, from build/ and, where given, HISTORY=history
	@$(RUN) -m reports site $(STAGE) --history "$${HISTORY:-}"

.PHONY: requests
requests: setup #. Fetch production's log: REQUESTS_URL (key in REQUESTS_KEY), or replay the next window
	@$(RUN) -m reports requests $(STAGE)

.PHONY: scheduled-drift
scheduled-drift: setup #. Compare that log with the champion; HISTORY=folder keeps earlier windows
	@$(RUN) -m reports scheduled-drift $(STAGE)

.PHONY: retrain
retrain: setup #. If a retrain is due, move data.as_of; HISTORY=folder as for scheduled-drift
	@$(RUN) -m reports retrain $(STAGE)
