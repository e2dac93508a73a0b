# One door for people and CI. `make test` works in a fresh clone: it builds .venv first.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Two workers with one thread each suit the smallest machine we test on.
JOBS   ?= 2

.PHONY: install check test test-slow test-gpu docs demo benchmarks reproduce tables clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]' --constraint constraints.txt
	touch $@

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS)

# A file's tests stay in one process: some of them start servers and measure what is left of them.
test-slow: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow -n $(JOBS) --dist loadfile

# Where a GPU is; without one they fail.
test-gpu: install
	$(BIN)/pytest -m gpu

# Builds without a network; a warning is an error.
docs: install
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

demo: install
	$(BIN)/vidseg demo -o out/demo.mp4
	$(BIN)/vidseg demo --rendered -o out/rendered.mp4
	$(BIN)/vidseg segment src/vidseg/assets/sample/images/*.mp4 -o 'out/masks/{name}' --model cffm-b0-freedoom

# The page is made of committed measurements; `vidseg bench --json` makes new ones.
benchmarks: install
	$(BIN)/python -m vidseg.bench.page docs/runs/bench_*.json docs/benchmarks.md

# Renders the data, trains and scores everything on docs/results.md, and writes the page. Hours on two cores; what is
# finished is skipped and what was interrupted goes on. CamVid and DAVIS: see tools/reproduce.py.
reproduce: install
	$(BIN)/vidseg render data/freedoom --workers $(JOBS)
	$(BIN)/python tools/reproduce.py --jobs $(JOBS)
	$(MAKE) tables

# The page is made of the committed records of runs.
tables: install
	$(BIN)/python tools/results.py

clean:
	rm -rf $(VENV)
