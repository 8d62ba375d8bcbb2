# Everything runs from a virtual environment of the checkout's own; a stamp remembers what it was made of.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# For what needs settings but no running service: lint, types, migrations check.
LINT_ENV := SECRET_KEY=lint-only-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789 DEBUG=false HTTPS=true

# More than the cores: tests of real processes wait more than they compute. A module's tests stay in one process.
PYTEST := $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

# Most of its time is recovering. Each of the two processes has servers of its own.
FAULTS := $(BIN)/pytest tests/faults -n 2 --dist loadfile

# The packages of the clients' tests.
CLIENTS := tests/clients/node_modules/.package-lock.json

.PHONY: run test coverage check lint docs bench faults mutants clean audit requirements licences build

run: $(VENV)/.run .env frontend/.assets
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py collectstatic --no-input --verbosity 0
	@exec $(BIN)/python manage.py up

test: $(VENV)/.dev frontend/.assets
	$(PYTEST) -m "not slow"

# The tests of `make test`, with the coverage of lines and branches; less than pyproject.toml asks for is a failure.
# It takes four fifths more processor time than the tests alone, so CI runs it beside `check` and not within it.
coverage: $(VENV)/.dev frontend/.assets
	$(PYTEST) -m "not slow" --cov

# All that CI runs beside lint and coverage: the slow tests, the faults (nothing else runs meanwhile), PostgreSQL.
check: test $(CLIENTS)
	$(PYTEST) -m "slow and not faults and not long"
	$(FAULTS)
	TEST_DATABASE=postgresql $(PYTEST) -m "not long"

# Beside `check`, before a release: the package, the upgrade from the version before, a soak, the long forms of others.
long: $(VENV)/.dev frontend/.assets
	$(PYTEST) -m long

docs: $(VENV)/.dev frontend/.assets
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# FAULTS_ROUNDS=n for the long form, see docs/faults.md.
faults: $(VENV)/.dev
	$(FAULTS)

mutants: $(VENV)/.dev
	$(BIN)/python -m tests.faults.seeded_bugs

# Wheel and sdist in dist/, with the pages' files that npm brought.
build: $(VENV)/.dev frontend/.assets
	$(BIN)/python -m build --no-isolation

bench: $(VENV)/.dev
	$(BIN)/python -m bench

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml project schema watchtime broker
	$(LINT_ENV) $(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pip-licenses --summary
	$(LINT_ENV) $(BIN)/python manage.py makemigrations --check --dry-run
	$(LINT_ENV) $(BIN)/python manage.py check --deploy --fail-level WARNING

# Write the versions that are installed, from the dependencies in pyproject.toml. They stay as they are where they can;
# `make requirements UPGRADE=--upgrade` takes the newest. Renovate runs the command that each file's first lines name.
COMPILE = $(BIN)/uv pip compile --quiet $(UPGRADE) pyproject.toml --universal
PINNED = $(BIN)/uv pip compile --quiet pyproject.toml --universal --constraint=constraints.txt
requirements: $(VENV)/.dev
	$(COMPILE) --all-extras --group=dev --output-file=constraints.txt
	$(PINNED) --output-file=requirements.txt
	$(PINNED) --extra=tracing --output-file=requirements-tracing.txt
	$(PINNED) --extra=tracing --generate-hashes --output-file=requirements-hashed.txt

# What is installed under which licence, and a failure for one that pyproject.toml does not allow.
licences: $(VENV)/.dev
	$(BIN)/pip-licenses

# Known vulnerabilities in what is installed; says "not checked" where an index does not answer. Fails then, too, with
# AUDIT=--strict, for a release.
audit: $(VENV)/bin/python
	@.ci/audit $(AUDIT)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	@echo "installing what the service needs"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt constraints.txt | $(VENV)/bin/python
	@echo "installing what the tests need"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.run

.env: | .env.example $(VENV)/.run
	@echo "writing .env with fresh secrets, open to anonymous callers of this machine"
	@umask 077 && $(BIN)/python -c "import pathlib, secrets; \
	example = pathlib.Path('.env.example').read_text(); \
	fresh = lambda text, name: text.replace('\n' + name + '=', '\n' + name + '=' + secrets.token_urlsafe(50), 1); \
	filled = fresh(fresh(example, 'SECRET_KEY'), 'JWT_SECRET'); \
	pathlib.Path('.env').write_text(filled.replace('ALLOW_ANONYMOUS=false', 'ALLOW_ANONYMOUS=true'))"

# The explorer's scripts. Without npm the explorer takes them from a public server instead.
frontend/.assets: frontend/package.json frontend/package-lock.json frontend/copy.js frontend/.npmrc
	@if command -v npm >/dev/null && npm ci --prefix frontend --silent --no-audit --no-fund; then touch $@; \
	else echo "No npm, or it failed: GraphiQL will load its scripts from the internet."; fi

$(CLIENTS): tests/clients/package.json tests/clients/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix tests/clients --silent --no-audit --no-fund && touch $@; \
	else echo "No npm: the tests of the clients are skipped."; fi

clean:
	rm -rf $(VENV) staticfiles schema/static/*/vendor frontend/node_modules frontend/.assets
