# Two commands do everything from a fresh clone: `make train` and `make test`.
# Both need gcc (or clang) and Python >= 3.11; they make a virtual environment in .venv.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(shell find src cnn_ext -type f -not -name '*.so' -not -name '*.pyc') \
           setup.py pyproject.toml README.md

.PHONY: train test lint wheel clean

train: .venv/installed-plot
	$(BIN)/python examples/fashion_mnist.py $(ARGS)

test: .venv/installed-test lint
	$(BIN)/pytest $(ARGS)

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(BIN):$$PATH" $(BIN)/cython-lint src/*.pyx src/*.pxi
	$(BIN)/clang-format --dry-run -Werror src/*.c src/*.h src/*.inl

wheel: .venv/installed-test
	$(BIN)/python -m build

# A stale build/lib would put files that are gone from the sources into the wheel.
.venv/installed-%: $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	rm -rf build/lib*
	$(BIN)/pip install --quiet '.[$*]'
	touch $@

clean:
	rm -rf .venv build dist output *.egg-info cnn_ext/*.so
