# What the stack reads from the chain.

.PHONY: drift-metrics
drift-metrics: setup #. Write the drift verdict to where the stack's Prometheus scrapes it
	@$(RUN) -m monitoring.verdict_metrics $(BUILD)/drift/verdict.json monitoring/drift/drift.txt
