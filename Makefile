# `make run` and `make test` are the README's two commands: each sets up all that it needs, once.
# Options of the command: make run ARGS="--role answerer". Another Python: make run PYTHON=python3.12
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: run test test-devices lint bench soak fuzz clean

# Ctrl-C is the usual end of it, and no failure of make's.
run: $(VENV)/.run
	@trap : INT; $(BIN)/python -m peer $(ARGS); code=$$?; [ $$code -eq 130 ] || exit $$code

# Most tests wait for browsers, networks and clocks: two at a time take half as long.
test: $(VENV)/.test lint
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/devices
	$(BIN)/python -m pytest tests/devices

# In a virtual machine with a camera and a sound card, which takes two minutes.
test-devices: $(VENV)/.test
	$(BIN)/python -m pytest tests/devices

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every figure that the project claims, beside its references: a quarter of an hour, on a machine that does nothing
# else. Part of it: make bench ARGS="--only calls"
bench: $(VENV)/.bench
	@trap : INT; $(BIN)/python -m benchmarks $(ARGS)

# A long call with a program that reads too slowly, whose memory must not grow: make soak MINUTES=30
MINUTES ?= 30
soak: $(VENV)/.test
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

# Hostile input, found by coverage, until Ctrl-C: make fuzz ARGS=-max_total_time=600
fuzz: $(VENV)/.test
	@$(PIP) install 'atheris>=2.3'
	$(BIN)/python -m tests.fuzz.fuzz_negotiation $(ARGS)

$(VENV)/.run: pyproject.toml $(BIN)/python
	@echo "Setting up $(VENV): this takes a moment, once."
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.test: pyproject.toml tests/install-programs.sh $(BIN)/python
	@echo "Setting up $(VENV) and the programs that the tests drive: this takes a moment, once."
	@$(PIP) install --editable '.[test]'
	sh tests/install-programs.sh
	@touch $@ $(VENV)/.run

$(VENV)/.bench: $(VENV)/.test benchmarks/node/package.json benchmarks/node/install.sh
	@$(PIP) install --editable '.[test,bench]'
	sh benchmarks/node/install.sh
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "This needs Python 3.11 or newer, and $(PYTHON) is not: name another, such as make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	    exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) can't make virtual environments here: on Debian or Ubuntu, apt install python3-venv" >&2; \
	    exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
