# GitHub's own parser and expression engine, an npm package; its lock file has hashes and names no registry.

ENGINE := tests/workflows/engine
PARSER := $(ENGINE)/node_modules

$(PARSER): $(ENGINE)/package-lock.json
	@command -v npm >/dev/null || { echo "Node 20.6 or newer with npm is required for GitHub's own parser: https://nodejs.org" >&2; exit 2; }
	@npm ci --silent --no-audit --no-fund --prefix $(ENGINE)
	@touch $@
