# `make demo` shows the main job, `make test` proves everything. Both set up what they need.

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q
UNIT := $(BIN)/python -m coverage run
APART := end_to_end windows natlab simulation fuzz
SQL := $(foreach name,gateway services storage test_app.py test_main.py,tests/server/$(name))
AS_ROOT := $(shell [ "$$(id -u)" -eq 0 ] || ! command -v sudo >/dev/null || echo sudo --preserve-env=CI)

.PHONY: help setup demo window check test static lint types unit page windows screens end_to_end laboratory natlab bench search fuzz long-fuzz format clean

help: ## say what there is
	@grep -hE '^[a-z_]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z_]+):.*## /\1\t/' | expand -t 14

setup: ## install system packages and build .venv; quick when it is there
	@scripts/setup

demo: setup ## show the main job: two people in two windows, or pictures of them where there is no screen
	@$(BIN)/python hatch_build.py || true
	@$(BIN)/floater demo

window: setup ## open the window
	@$(BIN)/python hatch_build.py
	@$(BIN)/floater

check: lint types unit ## the fast part: lint, format, types, unit tests and what they cover

test: ## everything; at the end, how long each part took
	@scripts/parts static unit +simulations end_to_end windows laboratory

static: setup ## page, lint and types, at once
	@$(MAKE) --no-print-directory -j 2 --output-sync page lint types

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

unit: setup ## unit tests, and whether they cover each room
	@$(BIN)/python hatch_build.py || true
	@rm -rf build/coverage && mkdir -p build/coverage
	$(UNIT) --concurrency=thread -m pytest -q -n 3 -m "not search" $(foreach folder,$(APART),--ignore=tests/$(folder)) \
		$(SQL:%=--ignore=%)   # greenlets are in the database alone, and to watch for them doubles the time
	$(UNIT) -m pytest -q -n 3 -m "not search" $(SQL)
	@$(BIN)/python -m tests.coverage_gate

simulations: setup ## short searches: simulated lives, fuzzing, NATs; `search` and `fuzz` are the long ones
	$(PYTEST) -n 4 -m search tests/floater tests/server
	$(PYTEST) -n 4 -m "not natlab" tests/simulation tests/fuzz tests/natlab

page: setup ## the window's page: lint, types and unit tests; built anew if it is stale
	@scripts/page lint check test
	@$(BIN)/python hatch_build.py

windows: setup ## two people in two real windows, without a screen
	@$(BIN)/python hatch_build.py
	$(PYTEST) -n 3 tests/windows

screens: setup ## take pictures of every screen and state anew, into docs/screens
	@$(BIN)/python hatch_build.py
	$(BIN)/python -m tests.windows.screens

end_to_end: setup
	$(PYTEST) -n 4 -m "not natlab" tests/end_to_end

laboratory: setup ## two people behind two NATs, in network namespaces; needs root or sudo
	$(AS_ROOT) env PYTHONDONTWRITEBYTECODE=1 $(PYTEST) -n 4 --dist loadfile -p no:cacheprovider -m natlab tests/natlab tests/end_to_end

natlab: setup ## measure every pair of NAT kinds, beside the textbook and others; hours, can be interrupted
	$(AS_ROOT) env PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m tests.natlab matrix --whole --lanes 2 \
		--out build/natlab.jsonl

bench: setup ## measure, each with its comparison in the same run
	@FLOATER_WITHOUT_PAGE=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]' || true
	@$(BIN)/python hatch_build.py || true
	$(BIN)/python -m benchmarks

search: setup ## live long in the simulations: 20,000 pairings, 10,000 runs of many talks, 100,000 histories of two nodes
	$(BIN)/python -m tests.simulation --seeds 20 --pairings 1000
	$(BIN)/python -m tests.simulation talks --runs 10000
	$(BIN)/python -m tests.simulation nodes --histories 100000 --jobs 2

fuzz: setup ## search for input that breaks a parser, one minute for each
	$(BIN)/python -m tests.fuzz all -max_total_time=60

long-fuzz: setup ## ten million cases over all targets, for hours, can be interrupted; found inputs stay in the repository
	$(BIN)/python -m tests.fuzz all --cases 10000000 --jobs 2
	$(BIN)/python -m tests.fuzz.keep

format: setup ## put every file into the one shape
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format -q .
	@scripts/page format

clean: ## remove what was built
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist web_ui/node_modules floater/desktop/page
