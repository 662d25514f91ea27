# Planted faults, and the stage that must refuse each.

##@ Prove the gates

.PHONY: drill
drill: setup ## Plant every fault and show that its gate refuses it: FULL=1 for the nightly ones too, ONLY=name
	@$(RUN) -m drills --build $(BUILD) $(if $(ONLY),--only "$(ONLY)") $(if $(FULL),--full) $(if $(TIMED),--timed "$(TIMED)")

.PHONY: drill-test
drill-test: setup #. Tests of the drills' runner and of the rates, which run the real stages
	@OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist loadfile tests/drills

.PHONY: drill-list
drill-list: setup #. Write the list of drills into docs/drills.md, and the project's limits into drills/pipeline.toml
	@$(RUN) -m drills --write
