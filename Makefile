# Two promises: `make demo` and `make test`, on a fresh clone with Python 3.11+, g++ and make.
PYTHON ?= python3
BIN := .venv/bin
STUDY ?= studies/digits_zcu102.toml

.PHONY: demo test test-oldest coverage check docs bench verify-full clean

demo: .venv/installed
	$(BIN)/qnas run $(STUDY) --rtl

test: .venv/installed-dev
	$(BIN)/pytest -m "not slow" -n auto -q

# The same tests with the oldest versions that pyproject.toml allows, in a venv of their own. Tests
# of extras that are not installed there skip. timm's huggingface_hub wants a newer click from 1.0 on.
test-oldest:
	test -x build/oldest/bin/python || $(PYTHON) -m venv build/oldest
	build/oldest/bin/python tests/oldest.py > build/oldest/constraints.txt
	build/oldest/bin/pip install --quiet --disable-pip-version-check \
	  -c build/oldest/constraints.txt -e . "huggingface_hub<1" hypothesis markdown-it-py pytest \
	  pytest-xdist setuptools
	build/oldest/bin/pytest -m "not slow" -n auto -q

# Which lines of the package the fast tests execute, and which not.
coverage: .venv/installed-dev
	$(BIN)/pytest -m "not slow" -n auto -q --cov --cov-report=term:skip-covered

# Every side-by-side comparison, at small budgets, into docs/benchmarks/latest.md: a quarter of an
# hour on an idle machine. `make bench ARGUMENTS=--smallest` only shows that all of them run.
bench: .venv/installed-dev
	$(BIN)/python -m tests.bench $(ARGUMENTS)

# C++ against the integer reference on 60 random designs, and with Xilinx's headers 1,000 random
# vectors of every kind of stage and the corners of every format; 60 kills of a small run, each
# resumed; the RTL of 24 random designs and of a DeiT-T; the fast tests with new examples of
# hypothesis. Minutes: see CONTRIBUTING.md.
verify-full: .venv/installed-dev
	$(BIN)/python -m tests.accel.full
	$(BIN)/python -m tests.kills
	$(BIN)/pytest -q -m full --ignore tests/cli/test_disturbances.py
	HYPOTHESIS_PROFILE=explore $(BIN)/pytest -q -n auto -m "not slow"
	$(BIN)/pytest -q tests/cli/test_disturbances.py

# Types, style and the direction of imports.
check: .venv/installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation, into build/site: open build/site/index.html. Warnings are errors.
docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

# Xilinx's own ap_int headers, for the test that compares them with the stand-in, lie inside the
# hls4ml wheel; nothing else of hls4ml is used, so its dependencies stay out.
.venv/installed-dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps hls4ml==1.3.0
	touch .venv/installed $@

.venv/installed-docs: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	touch $@

clean:
	rm -rf .venv runs build dist *.egg-info
