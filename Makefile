# Two promises: `make demo` and `make test`, on a fresh clone with Python 3.11+, g++ and make.
PYTHON ?= python3
BIN := .venv/bin
STUDY ?= studies/digits_zcu102.toml

.PHONY: demo test check docs verify-full clean

demo: .venv/installed
	$(BIN)/qnas run $(STUDY)

test: .venv/installed-dev
	$(BIN)/pytest -m "not slow and not demo" -n auto -q

# C++ against the integer reference on 60 random designs, and with Xilinx's headers 1,000 random
# vectors of every kind of stage and the corners of every format. Minutes: see CONTRIBUTING.md.
verify-full: .venv/installed-dev
	$(BIN)/python -m tests.accel.full

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
.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps hls4ml==1.3.0
	touch $@

.venv/installed-docs: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	touch $@

clean:
	rm -rf .venv runs build dist *.egg-info
