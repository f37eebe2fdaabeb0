# Every target builds the virtual environment that it needs from nothing but Python 3.11 and PyPI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/.ready
SHARE ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test campaign check format protocol rules freeze lock score bench clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Scaffold an S3 connector, start a real S3 server, and verify the one against the other
	@rm -rf build/demo && mkdir -p build/demo
	cd build/demo && ../../$(BIN)/dsync-new connector --scheme s3 --defaults
	cd build/demo && ../../$(BIN)/dsync-kit verify connectors/s3 --profile quick --report html=report.html
	@echo "The report as a page: build/demo/report.html"

# More workers than cores: many tests wait for what a broken stream never sends.
test: $(READY) browser redis ## The tests
	$(BIN)/pytest -n 4 --dist worksteal -q

campaign: $(READY) ## The long campaigns; SHARE=8 runs one test of eight
	$(BIN)/pytest -n 4 --dist worksteal -q -m campaign --campaign-share $(SHARE)

check: $(READY) ## Formatting, lint, types, and that what is generated is up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/generate_protocol.py --check
	$(BIN)/python tools/generate_rules.py --check
	$(BIN)/python tools/editions.py --check

format: $(READY) ## Format the code, and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

protocol: $(READY) ## Generate the protocol's code from its .proto files
	$(BIN)/python tools/generate_protocol.py

rules: $(READY) ## Generate docs/rules.md, and what the commands know of the rules
	$(BIN)/python tools/generate_rules.py

freeze: $(READY) ## Freeze the newest edition of the rules: rules that come later need a newer one
	$(BIN)/python tools/editions.py --freeze

score: $(READY) ## Measure how many broken connectors the rules catch
	$(BIN)/python benchmarks/score.py

bench: $(READY) ## Measure the kit side by side with others; ONLY=SECTION, DSYNC_BIN=/path/to/dsync
	$(BIN)/python benchmarks/bench.py $(if $(ONLY),--only $(ONLY))

lock: $(READY) ## Renew requirements.lock from pyproject.toml
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		--all-extras --group dev pyproject.toml --output-file requirements.lock

clean: ## Remove what the targets have made
	rm -rf $(VENV) build dist .dsync-kit .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "uv>=0.9"
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(READY)

# The HTML report is looked at in a real browser; where none can be installed, those tests skip and say so.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; } \
		|| echo "no chromium, and it cannot be installed here: the tests of the HTML report skip"

# The tutorial ends on a real Redis server. The tests start their own: Debian's service must not start with the package.
.PHONY: redis
redis:
	@command -v redis-server >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && policy=/usr/sbin/policy-rc.d && { test -e $$policy \
		|| { trap 'rm -f /usr/sbin/policy-rc.d' EXIT && printf '#!/bin/sh\nexit 101\n' >$$policy && chmod +x $$policy; }; } \
		&& apt-get install -y -qq --no-install-recommends redis-server >/dev/null; } \
		|| echo "no redis-server, and it cannot be installed here: the test of the tutorial's connector skips"
