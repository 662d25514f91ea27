# Workflow situations, evaluated by GitHub's own expression engine.

.PHONY: situations
situations: setup $(PARSER) #. Write the table of situations into docs/github.md
	@$(RUN) -m tests.situations.page
