# sanihub: everything goes through here. `make demo` and `make test` need nothing but Python >= 3.11, git and make
# (and the registries of Python and Node packages).
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8080

.PHONY: help install demo test check faults bench wheel lock clean

help: ## Show these targets
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

check: install ## Lint, types, import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	sh tools/node.sh npm run check --prefix api/board --silent

faults: install ## Every fault with several seeds, and the table of docs/faults.md; every case of the API's contract
	$(BIN)/python -m tests.faults.harness.outcome --clear
	SANIHUB_TEST_FULL=1 $(BIN)/python -m pytest tests/faults tests/api/test_contract.py; found=$$?; \
	$(BIN)/python -m tests.faults.harness.outcome; $(BIN)/python -m tests.faults.harness.soak_page; exit $$found

bench: install ## Measure ingest and print the table of docs/benchmarks.md
	$(BIN)/sanihub bench ingest

wheel: install ## Build the wheel and try it in a clean environment
	sh tools/try-wheel.sh $(PYTHON)

lock: install ## Resolve the dependencies anew into requirements.lock
	sh tools/lock.sh

clean: ## Remove what was built here (never data)
	rm -rf .venv dist build tests/timescale/node_modules tests/grafana/node_modules api/board/node_modules api/pages/board .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
