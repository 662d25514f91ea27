# The situations that GitHub's own engine plays.

.PHONY: situations
situations: setup $(PARSER) #. Write the table of situations into docs/github.md
	@$(RUN) -m tests.situations.page
