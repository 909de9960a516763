# sanihub: everything goes through here. `make demo` and `make test` need nothing but Python >= 3.11, git and make
# (and the registries of Python and Node packages).
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8080
ONLY ?=

.PHONY: help install demo test check faults bench docs wheel lock clean

help:
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

install: .venv/.done ## Make the environment (.venv) from the lock file, and build the live board
	@sh tools/board.sh

.venv/.done: requirements.lock pyproject.toml
	sh tools/make-environment.sh $(PYTHON)
	touch $@

demo: install ## Run the hub with everything embedded and a simulated city; ctrl-C ends it (PORT=8080)
	@exec $(BIN)/sanihub demo --port $(PORT)

test: install ## Run the tests against real servers (installs mosquitto and Chromium with apt where it may)
	sh tools/test-servers.sh
	sh tools/node.sh npm test --prefix api/board --silent
	$(BIN)/python -m pytest -n 3 --dist loadfile

check: install ## Lint, types, import rules, audit of the dependencies
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	sh tools/node.sh npm run check --prefix api/board --silent
	$(BIN)/python tools/audit.py

faults: install ## Every fault with several seeds, and the table of docs/faults.md; every case of the API's contract
	$(BIN)/python -m tests.faults.harness.outcome --clear
	SANIHUB_TEST_FULL=1 $(BIN)/python -m pytest tests/faults tests/api/test_contract.py; found=$$?; \
	$(BIN)/python -m tests.faults.harness.outcome; $(BIN)/python -m tests.faults.harness.soak_page; exit $$found

bench: install ## Measure, and make the tables of docs/benchmarks.md anew: about 50 minutes (ONLY=ingest,compare for some)
	@sh benchmarks/peers/install.sh
	$(BIN)/python -m benchmarks run --only "$(ONLY)"

docs: install ## Build the documentation as a site, into site/
	$(BIN)/python -P docs/build_site.py

wheel: install ## Build the wheel and try it in a clean environment
	sh tools/try-wheel.sh $(PYTHON)

lock: install ## Resolve the dependencies anew into requirements.lock
	sh tools/lock.sh

clean: ## Remove what was built here (never data)
	rm -rf .venv dist build site tests/timescale/node_modules tests/grafana/node_modules benchmarks/peers/nodered/node_modules api/board/node_modules api/pages/board .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
