# docs/adopting.md: what its recipes call, and the test that plays them.

##@ Make it yours

.PHONY: forget
forget: #. After you removed a room: take out every line that names what is gone; JOBS="name" also takes jobs of workflows
	@$(PYTHON) -m tests.adopting.forget

.PHONY: adopt-test
adopt-test: setup #. Play the recipes of docs/adopting.md in copies: the one that takes out all, or each with FULL=1
	@FULL=$(FULL) OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n0 -rs tests/adopting
