# The history of runs, the site made of it, and the scheduled drift check.

##@ Look back and ahead

.PHONY: history
history: setup #. Append this run to the folder HISTORY=history (or EVENT=drift alone), and prune it
	@$(RUN) -m reports history --build $(BUILD) --history "$${HISTORY:-}" --event "$${EVENT:-}"

.PHONY: site
site: setup #. The site, build/site/index.html, from build/ and, where given, HISTORY=history
	@$(RUN) -m reports site $(STAGE) --history "$${HISTORY:-}"

.PHONY: requests
requests: setup #. Bring production's log: REQUESTS_URL (key in REQUESTS_KEY), or replay the next window
	@$(RUN) -m reports requests $(STAGE)

.PHONY: scheduled-drift
scheduled-drift: setup #. That log against the champion; HISTORY=folder remembers earlier windows
	@$(RUN) -m reports scheduled-drift $(STAGE)

.PHONY: retrain
retrain: setup #. Is a retrain due? Then move data.as_of; HISTORY=folder as for scheduled-drift
	@$(RUN) -m reports retrain $(STAGE)
