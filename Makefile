# Every target sets up what it needs: Python 3.11 or later with venv and pip is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo serve test check bench truth docs screenshots clean

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.demo: $(BIN)/uv pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/.demo requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-dev.txt
	touch $@

demo: $(VENV)/.demo  ## Simulate payments, log them, write a report
	$(BIN)/pellucid demo

serve: $(VENV)/.demo  ## The same, a week of checks, and the pages
	$(BIN)/pellucid demo --serve

test: $(VENV)/.dev  ## Run every test
	$(BIN)/python -m pytest

check: $(VENV)/.dev  ## Lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.dev  ## Run the benchmarks, or one: make bench ONLY=query
	$(BIN)/python benchmarks/run.py $(ONLY)

truth: $(VENV)/.dev  ## Ask worlds whose truth is known; about an hour
	$(BIN)/python benchmarks/truth_learned.py --seeds 20 --jobs 2
	$(BIN)/python benchmarks/truth_rca.py
	$(BIN)/python benchmarks/truth_performance.py
	$(BIN)/python benchmarks/truth_anomalies.py
	$(BIN)/python benchmarks/truth_incidents.py --seeds 20 --jobs 2

docs: $(VENV)/.dev  ## Write the generated pages anew
	COLUMNS=100 $(BIN)/python scripts/write_reference.py
	$(BIN)/python scripts/write_benchmarks.py

screenshots: $(VENV)/.dev  ## Take pictures of every page; needs chromium and a lake of make serve
	$(BIN)/python scripts/screenshots.py --lake demo-lake
	$(BIN)/python scripts/screenshots.py --lake demo-lake --dark
	$(BIN)/python scripts/screenshots.py --lake demo-lake --docs

clean:
	rm -rf $(VENV) demo-lake pellucid-report.html
