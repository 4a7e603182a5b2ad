# Every target sets up what it needs: Python 3.11 or later with venv and pip is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check bench docs clean

$(STAMP): pyproject.toml requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-dev.txt -e '.[demo]'
	touch $@

demo: $(STAMP)  ## Simulate payments, log them, write a report
	$(BIN)/pellucid demo

test: $(STAMP)  ## Run every test
	$(BIN)/python -m pytest

check: $(STAMP)  ## Lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(STAMP)  ## Run the benchmarks, or one: make bench ONLY=query
	$(BIN)/python benchmarks/run.py $(ONLY)

docs: $(STAMP)  ## Write the generated reference pages anew
	COLUMNS=100 $(BIN)/python scripts/write_reference.py

clean:
	rm -rf $(VENV) demo-lake pellucid-report.html
