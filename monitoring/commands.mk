# What the stack reads of the chain.

.PHONY: drift-metrics
drift-metrics: setup #. Put the drift verdict where the stack's Prometheus reads it
	@$(RUN) -m monitoring.verdict_metrics $(BUILD)/drift/verdict.json monitoring/drift/drift.txt
