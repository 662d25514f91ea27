# Benchmarks of chain and service, and fault injection.

##@ Measure

.PHONY: bench
bench: setup ## Measure the service side by side with two others, and the chain; PART=serving, chain, boosters, minutes, statistics or capacity for one part; writes docs/benchmarks.md, capacity docs/scale.md
	@for part in $(or $(PART),serving chain); do $(RUN) -m "benchmarks.$$part"; done

.PHONY: torture
torture: setup #. Try to break the service: kills, full disks, overload …; writes docs/faults.md. One family: ONLY=kills
	@$(RUN) -m benchmarks.faults --only "$(ONLY)"
