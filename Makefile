# One place for what people do with this project. `make` alone lists it.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
WORKERS ?= 2
STAMP  := $(VENV)/.installed
RUNS   := $(VENV)/.runs
SERVICES := feed registry membership inventory
# Where modules are not kept compiled, each process of a stack compiles all of them again: half of what its start costs.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status test unit coverage py-matrix integration e2e stress fuzz fuzz-records upgrade runbooks chaos simulate attacks bench screenshots sbom bundle scorecard compose-up compose-down compose-ps compose-logs compose-watch test-compose first-day check lint types imports contracts migrations docs rows testnames dead alerts fmt generate lock clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything into .venv (done by itself when needed)

NEW_ENOUGH = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "Lutong needs Python 3.11 or newer, and $(PYTHON) is older: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
PACKAGES := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/local/pyproject.toml)

$(STAMP): tools/bootstrap.py requirements.lock $(PACKAGES)
	@$(NEW_ENOUGH)
	@$(PYTHON) tools/bootstrap.py $(VENV) requirements.lock
	@touch $@ $(RUNS)

# What the suite runs on, without what it is developed with: enough to see it, and there sooner.
$(RUNS): tools/bootstrap.py deploy/requirements/local.lock $(PACKAGES)
	@$(NEW_ENOUGH)
	@$(PYTHON) tools/bootstrap.py $(VENV) deploy/requirements/local.lock
	@touch $@

demo: $(RUNS) ## Play eight roads on a local Kafka and PostgreSQL, then tear down (ARGS=--keep leaves them up)
	@$(BIN)/lutong demo $(ARGS)

up: $(RUNS) ## Start the whole suite on this machine
	@$(BIN)/lutong up $(ARGS)

down: $(RUNS) ## Stop it
	@$(BIN)/lutong down $(ARGS)

status: $(RUNS) ## Show what runs, and whether it is ready
	@$(BIN)/lutong status $(ARGS)

test: setup ## All tests: unit, model, integration, end to end (WORKERS=1: one after the other)
	@$(BIN)/python -m pytest $(if $(filter-out 1,$(WORKERS)),-n $(WORKERS) --dist loadfile --no-loadscope-reorder) $(ARGS)

unit: setup ## Pure tests, in seconds
	@$(BIN)/python -m pytest tests/unit $(ARGS)

coverage: setup ## Branch coverage of the rules (domain): at least 98 %, by unit tests alone
	@$(BIN)/python -m pytest -q --no-header $(RULES) --cov --cov-report=term $(ARGS)

RULES := tests/unit/feed tests/unit/registry tests/unit/inventory tests/unit/membership --ignore tests/unit/membership/test_uplift.py

py-matrix: setup ## Unit tests on every Python from 3.11 to 3.14 that is here (PYTHONS="python3.12 python3.13" names them)
	@$(BIN)/python -m tools.pymatrix $(PYTHONS)

integration: setup ## Tests on a real Kafka and PostgreSQL
	@$(BIN)/python -m pytest tests/integration $(ARGS)

e2e: setup ## The story of the README as a test
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

stress: setup ## Crowds that want the same credit and the same stock at once
	@$(BIN)/python -m pytest tests/stress --timeout 600 $(ARGS)

fuzz: setup ## Try every operation of the four OpenAPI documents with odd requests (EXAMPLES=10)
	@EXAMPLES=$(or $(EXAMPLES),10) $(BIN)/python -m pytest tests/fuzz $(ARGS)

fuzz-records: setup ## Put odd records between good ones on a topic, and see what becomes of each (RECORDS=1000000 SEED=1)
	@RECORDS=$(or $(RECORDS),100000) SEED=$(or $(SEED),1) $(BIN)/python -m pytest -s --timeout 0 \
		tests/integration/chassis/test_every_record.py $(ARGS)

upgrade: setup ## From the release before to this one, replica by replica, back and forth, while orders flow (ORDERS=1200 PER_S=2)
	@ORDERS=$(or $(ORDERS),1200) PER_S=$(or $(PER_S),2) $(BIN)/python -m pytest tests/upgrade $(ARGS)

runbooks: setup ## Have each alert fire on a running suite, and follow its runbook to the cause (a third of an hour; those of exporters in containers, as long again)
	@$(BIN)/python -m pytest tests/runbooks --timeout 1800 $(ARGS)

chaos: setup ## Kill everything under load, heal, verify (SEED=1 KILLS=60 ORDERS=5000 MINUTES=4)
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --kills $(or $(KILLS),60) --orders $(or $(ORDERS),5000) \
		--minutes $(or $(MINUTES),4)

drills: setup ## Full, slow and dead disks, clocks, failovers, networks, memory: one line of figures each (ONLY="slow-disk packet-loss"; some need root)
	@$(BIN)/python -m tests.drills $(ONLY) $(ARGS)

simulate: setup ## Run the chassis under schedules that a seed decides (SEED=1 SCHEDULES=10000; REPLAY=a seed, MUTANT=all: old bugs put back)
	@$(BIN)/python -m tests.simulator --seed $(or $(SEED),1) --schedules $(or $(SCHEDULES),10000) --workers $(WORKERS) \
		$(if $(REPLAY),--replay $(REPLAY)) $(if $(MUTANT),--mutant $(MUTANT))

attacks: setup ## Try every way to make money out of nothing against a running stack (STACK=default)
	@$(BIN)/python -m tests.attacks $(or $(STACK),default)

bench: setup ## The order chain beside its peers (QUICK=1; PART=curves, fanout, timelines, search, soak, hot, rows, road with BASE=a commit, or peers in Go and Java)
	@BASE=$(BASE) $(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(if $(PART),--part $(PART)) $(ARGS)

screenshots: setup ## Take the screenshots of the README from the seeded demo, with Chromium (ARGS="--all DIR": every page, to look at)
	@$(BIN)/python -m tools.screenshots $(ARGS)

sbom: setup ## A CycloneDX bill of materials for each image, from the files it is built from (dist/sbom; ARGS=DIR)
	@$(BIN)/python -m tools.sbom $(ARGS)

bundle: setup ## Images, wheels, deployment and checksums in a folder, for a machine without a network (dist/bundle; ARGS=DIR)
	@$(BIN)/python -m tools.bundle $(ARGS)

scorecard: setup ## Fit the credit scorecard anew and write docs/scorecard.md (DATA=../shared/data/credit)
	@$(BIN)/python -m tools.scorecard $(or $(DATA),../shared/data/credit) $(ARGS)

# `up` and `down` are the local stack; these are the containers of deploy/compose.yaml. What is chosen stands in deploy/.env,
# where `lutong` and `docker compose` by hand find it as well.
# PROFILE=ha, observability or tools (several with a comma); OVERRIDE=production or development; none takes it back.
COMPOSE = cd deploy && docker compose --profile '*'

compose-up: $(RUNS) ## Start the suite in containers, and wait until all is healthy (PROFILE=ha, OVERRIDE=production, ARGS=--build)
	@$(BIN)/lutong up --target compose $(if $(PROFILE),--profile $(PROFILE)) $(if $(OVERRIDE),--override $(OVERRIDE)) $(ARGS)

compose-down: $(RUNS) ## Stop it; its data stays (ARGS=--volumes removes it)
	@$(BIN)/lutong down --target compose $(ARGS)

compose-ps: ## Show which containers run, and how they are
	@$(COMPOSE) ps --all $(ARGS)

compose-logs: ## Show their logs (ARGS="-f feed")
	@$(COMPOSE) logs --tail 50 $(ARGS)

compose-watch: ## Rebuild and restart a service when its code changes
	@$(MAKE) --no-print-directory OVERRIDE=development compose-up ARGS=--build
	@cd deploy && docker compose watch --no-up

test-compose: setup ## The containers for real: upgrade, roads, kills, backup, restore (needs a Docker engine; ELSEWHERE=1: three brokers, your own servers)
	@$(BIN)/python -m pytest $(if $(ELSEWHERE),tests/compose/test_elsewhere.py,tests/compose/test_configuration.py tests/compose/test_compose.py) --timeout 900 $(ARGS)

first-day: setup ## Run every command of docs/first-day.md in containers (needs a Docker engine)
	@$(BIN)/python -m pytest tests/compose/test_first_day.py --timeout 1800 $(ARGS)

check: setup ## Everything that needs no running system: must be clean before a commit
	@$(MAKE) --no-print-directory --jobs 3 lint types imports contracts migrations docs rows testnames dead alerts

lint: setup
	@$(BIN)/ruff format --check --quiet . || { echo "run: make fmt" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .

types: setup
	@$(BIN)/mypy libs services deploy/local deploy/healthcheck.py tools tests

imports: setup
	@$(BIN)/lint-imports --no-logo --no-cache > $(VENV)/imports.log 2>&1 || { cat $(VENV)/imports.log; exit 1; }

contracts: setup ## Generated documents are up to date, contracts compatible (AGAINST=a revision or a folder of schemas)
	@$(BIN)/python -m tools.docgen check $(if $(AGAINST),--against $(AGAINST))

migrations: setup ## No migration breaks the release before it, which still runs (docs/versioning.md)
	@$(BIN)/squawk --config .squawk.toml libs/*/*/migrations/*.sql services/*/*/migrations/*.sql > $(VENV)/migrations.log 2>&1 \
		|| { cat $(VENV)/migrations.log; exit 1; }

docs: setup ## What documents name exists, and retired names are gone
	@$(BIN)/python -m tools.docscheck

rows: setup ## Rows have names: no parameter or result is a list of anonymous tuples
	@$(BIN)/python -m tools.rows

testnames: setup ## Names of tests are short sentences: at most twelve words
	@$(BIN)/python -m tools.testnames

dead: setup
	@$(BIN)/python -m tools.deadcode

alerts: setup ## Dashboards and alert rules ask only for metrics that exist
	@$(BIN)/python -m pytest -q --no-header --no-summary tests/unit/deploy/test_observability.py > $(VENV)/alerts.log 2>&1 || { cat $(VENV)/alerts.log; exit 1; }

fmt: setup ## Format and fix what can be fixed
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

generate: setup ## Write every generated document: schemas, pages, tables, dashboards
	@$(BIN)/python -m tools.docgen generate

# Each lock pins what a place needs, from the packages' own lists and the groups of pyproject.toml. None holds an address.
OWN     := contracts client chassis local $(SERVICES) console
LOCK     = uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet \
	$(OWN:%=--no-emit-package lutong-%) $(if $(UPGRADE),--upgrade)
SERVED  := libs/contracts/pyproject.toml libs/chassis/pyproject.toml $(SERVICES:%=services/%/pyproject.toml)
LOCALLY := $(SERVED) libs/client/pyproject.toml services/console/pyproject.toml deploy/local/pyproject.toml

lock: ## Pin all dependencies with hashes (needs uv; UPGRADE=1 takes newer versions)
	@$(LOCK) $(LOCALLY) --group dev --group installer -o requirements.lock
	@$(LOCK) -c requirements.lock $(SERVED) -o deploy/requirements/service.lock
	@$(LOCK) -c requirements.lock $(SERVED) services/console/pyproject.toml -o deploy/requirements/console.lock
	@$(LOCK) -c requirements.lock $(LOCALLY) --group editable -o deploy/requirements/local.lock
	@$(LOCK) -c requirements.lock --group build -o deploy/requirements/build.lock
	@$(LOCK) -c requirements.lock --group installer -o deploy/requirements/installer.lock

clean: ## Remove what was installed or cached here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
