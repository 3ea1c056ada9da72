# One target per thing a person wants; `make` alone lists them.
# Needs only make, Python >= 3.11 and a package index; pip's own settings (environment, pip.conf) are honoured.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PYTHON
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements/dev.txt
# The environment of `make bench`: the peers it measures beside the product never enter the product's own.
BENCH_VENV ?= .venv-bench
BENCH_BIN := $(BENCH_VENV)/bin
BENCH_STAMP := $(BENCH_VENV)/.installed
BENCH_LOCK := benchmarks/requirements.txt
SOURCES := schemas services examples benchmarks tests

# Choices of `make test`; empty means: take the best that is there (README, "Testing").
KAFKA ?=
POSTGRES ?=
RECORDED ?=
PYTEST ?=
# Of `make mutate`: only the rows whose name holds one of these words.
MUTATE ?=
# Of `make fuzz`: for how long, and which providers.
FUZZ ?=
# Of `make chaos`: for how long faults happen, and which; without a seed chance says, and it is printed.
SECONDS ?= 1200
SEED ?=
CHAOS ?=
# Of `make bench`: more arguments of its runner.
BENCH ?=
# Of `make bench-full`: more arguments of its runner.
FULL ?=

.PHONY: help env lock run test check format schemas docs bench bench-env scaling bench-fold bench-full bench-webhooks \
  properties fuzz cover mutate chaos faults clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/' \
	  | while IFS=$$'\t' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

env: $(STAMP) ## Make .venv from the lock (cheap when nothing changed)
	@:

# The project itself is installed editable and without asking the index again: everything it needs is in the lock.
$(STAMP): $(LOCK) pyproject.toml
	@python="$$(.ci/find-python)"; \
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -c '' 2>/dev/null; then \
	  echo "env: $(VENV) with $$("$$python" --version)"; rm -rf $(VENV); "$$python" -m venv $(VENV); fi
	@echo "env: installing the lock, $(LOCK)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

lock: env ## Pin every dependency again from pyproject.toml (add UPGRADE=1 to move versions)
	@compile="$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header"; \
	$$compile pyproject.toml $(if $(UPGRADE),--upgrade) --all-extras --output-file requirements/dev.txt; \
	pinned="--constraint requirements/dev.txt --output-file"; \
	$$compile pyproject.toml --extra local $$pinned requirements/local.txt; \
	$$compile pyproject.toml $$pinned requirements/runtime.txt; \
	$$compile pyproject.toml --extra local benchmarks/requirements.in --override benchmarks/requirements.in \
	  $(if $(UPGRADE),--upgrade) --constraint requirements/local.txt --output-file $(BENCH_LOCK); \
	echo hatchling | $$compile - $$pinned requirements/build.txt; \
		if grep -n '://' requirements/*.txt $(BENCH_LOCK); then echo "lock: an index address got into the lock" >&2; exit 1; fi

run: env ## The whole of Trackfold on this machine: database, broker, services, a simulated shop and carriers
	@exec $(BIN)/python -m services.local

test: env ## All tests: KAFKA=docker|apache|embedded POSTGRES=docker|url|embedded RECORDED="DIR ..." PYTEST="more arguments"
	@exec $(BIN)/python -m pytest $(if $(KAFKA),--kafka=$(KAFKA)) $(if $(POSTGRES),--postgres=$(POSTGRES)) \
	  $(foreach folder,$(RECORDED),--recorded=$(folder)) $(PYTEST)

check: env ## Everything that can be said without running the program: style, types, import law, generated files, deploy files
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.export --check
	$(BIN)/python -m services.local.settings_table --check
	$(BIN)/python -m services.local.state_document --check
	@if [ -d deploy ]; then files="$$(find deploy .ci -name '*.yaml' -o -name '*.yml')"; \
	  if [ -n "$$files" ]; then echo "$(BIN)/yamllint"; $(BIN)/yamllint --strict $$files; fi; \
	  for file in $$(find deploy -name Containerfile); do echo "$(BIN)/hadolint $$file"; $(BIN)/hadolint "$$file"; done; fi

bench-env: $(BENCH_STAMP) ## Make .venv-bench, the environment of the comparison with other designs, from its own lock
	@:

# Without asking what each package wants of the others: the lock is whole, and where it goes over a peer's own limits
# benchmarks/requirements.in says why.
$(BENCH_STAMP): $(BENCH_LOCK)
	@python="$$(.ci/find-python)"; \
	if [ ! -x $(BENCH_BIN)/python ] || ! $(BENCH_BIN)/python -c '' 2>/dev/null; then \
	  echo "bench-env: $(BENCH_VENV) with $$("$$python" --version)"; rm -rf $(BENCH_VENV); \
	  "$$python" -m venv $(BENCH_VENV); fi
	@echo "bench-env: installing the lock, $(BENCH_LOCK)"
	@$(BENCH_BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --only-binary :all: -r $(BENCH_LOCK)
	@touch $@

# All designs in one run of at most 20 minutes; BENCH="--rounds 3 --designs naive,trackfold_1" for less.
bench: bench-env ## The status engine beside other ways to build it, each judged; writes benchmarks/results/latest.json
	@exec $(BENCH_BIN)/python -m benchmarks.engine.run $(BENCH)

scaling: env ## Write the tables of docs/scaling.md: what so many parcels a day take, from what an event costs
	@exec $(BIN)/python -m benchmarks.scaling.page

# Each part is written when it is done; the same command goes on with what is missing.
bench-full: env ## What an hour shows: latency, growth, memory and more (FULL="--parts latency,growth --scale 0.1")
	@exec $(BIN)/python -m benchmarks.full.run $(FULL)

bench-fold: env ## What folding one event costs, beside reading it from its bytes
	@exec $(BIN)/python -m benchmarks.fold

bench-webhooks: env ## Webhooks a second beside a naive FastAPI route, on Apache Kafka; KAFKA=host:port for another broker
	@exec $(BIN)/python -m benchmarks.webhooks $(if $(KAFKA),--kafka=$(KAFKA))

properties: env ## The property tests, 2,000 examples each, in two processes; HYPOTHESIS_PROFILE=thorough for 20,000
	@.ci/properties

# Atheris is no part of the lock: it has wheels for few machines, and nothing else needs it.
fuzz: env ## Broken bodies into every provider's parser and verifier, guided by coverage (FUZZ="--seconds 300 PROVIDER ...")
	@[ -d $(VENV)/fuzz/atheris ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --only-binary :all: --target $(VENV)/fuzz atheris==3.0.0
	@PYTHONPATH=$(VENV)/fuzz exec $(BIN)/python -m tests.fuzz $(FUZZ)

# Without made-up inputs and whole stories: what a rule does is shown by a test that names it. `make mutate` the same.
cover: env ## Every branch of the pure files is run by a test of the unit level, or this fails
	@$(BIN)/coverage run --branch --source=services.status -m pytest -q -p no:cacheprovider -m "not hypothesis" \
	  --ignore-glob="*permutations.py" --ignore-glob="*windows.py" tests/unit/status
	@$(BIN)/coverage report --include="$$($(BIN)/python -m tests.mutation.mutants)" --show-missing --skip-covered \
	  --fail-under=100

mutate: env ## Each row of the rule tables removed or swapped in turn: a test must notice (MUTATE="words of rows")
	@exec $(BIN)/python -m tests.mutation $(MUTATE)

chaos: env ## All faults mixed at random under load on three brokers, the oracle at the end (SECONDS=1200 SEED=n)
	@exec $(BIN)/python -m tests.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(CHAOS)

# In full length; what came of each goes into the table of docs/guarantees.md, whether all of them held or not.
faults: env ## Every fault alone, in full length, and the table of docs/guarantees.md from it
	@results="$$(mktemp)"; trap 'rm -f "$$results"' EXIT; held=0; \
	FAULTS=full FAULT_RESULTS="$$results" $(BIN)/python -m pytest -q -p no:cacheprovider --kafka=apache \
	  $(if $(POSTGRES),--postgres=$(POSTGRES)) tests/nemesis $(PYTEST) || held=$$?; \
	$(BIN)/python -m tests.nemesis.table "$$results"; exit $$held

format: env ## Put the code into the one format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

schemas: env ## Write the JSON Schema files again from the models
	$(BIN)/python -m schemas.export

docs: env ## Write .env.example, the settings table of deploy/README.md and docs/state-machine.md again from the code
	$(BIN)/python -m services.local.settings_table
	$(BIN)/python -m services.local.state_document

clean: ## Remove everything that was built here
	rm -rf $(VENV) $(BENCH_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
