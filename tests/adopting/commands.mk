# For docs/adopting.md: the command that its recipes call, and their test.

##@ Make it yours

.PHONY: forget
forget: #. After you removed a room: delete every line that names it; JOBS="name" also deletes workflow jobs
	@$(PYTHON) -m tests.adopting.forget

.PHONY: adopt-test
adopt-test: setup #. Run the recipes of docs/adopting.md in copies: the one that removes all, or each with FULL=1
	@FULL=$(FULL) OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n0 -rs tests/adopting
