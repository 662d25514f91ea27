# GitHub's own parser, and the situations that it plays.

ENGINE := tests/situations/engine
PARSER := $(ENGINE)/node_modules

.PHONY: situations
situations: setup $(PARSER) #. Write the table of situations into docs/github.md
	@$(RUN) -m tests.situations.page

# GitHub's parser is an npm package; its lock file has hashes and no registry's name.
$(PARSER): $(ENGINE)/package-lock.json
	@command -v npm >/dev/null || { echo "Node 20.6 or newer with npm is required for GitHub's own parser: https://nodejs.org" >&2; exit 2; }
	@npm ci --silent --no-audit --no-fund --prefix $(ENGINE)
	@touch $@
