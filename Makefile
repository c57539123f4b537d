# Two commands do everything from a fresh clone: `make train` and `make test`.
# Both need gcc (or clang) and Python >= 3.11; they make a virtual environment in .venv.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(shell find src cnn_ext -type f -not -name '*.so' -not -name '*.pyc') \
           setup.py pyproject.toml README.md

.PHONY: train test lint sanitize kills fuzz wheel clean

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

# The kernels and the thread pool under gcc's sanitizers, built into a place of their own: overruns,
# undefined behaviour, races. Leaks are not looked for: Python leaves memory to the system at its end.
SANITIZED := LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 \
             UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
             PYTHONPATH="$(CURDIR)/build/sanitize/lib"

sanitize: .venv/installed-test
	rm -rf build/sanitize
	CC=gcc CNN_EXT_SANITIZE=1 $(BIN)/python -m build --outdir build/sanitize
	$(BIN)/pip install --quiet --no-deps --target build/sanitize/lib build/sanitize/*.whl
	grep -q __asan_report build/sanitize/lib/cnn_ext/_kernels*.so
	$(SANITIZED) $(BIN)/pytest --capture=sys tests/test_kernels.py tests/test_threads.py $(ARGS)
	$(SANITIZED) $(BIN)/pytest --capture=sys tests/test_plan.py -k "not (fork or fit or memory or threads)"
	$(SANITIZED) $(BIN)/pytest --capture=sys tests/test_trained_plans.py -k "gradients or optimizers"
	gcc -std=gnu11 -O1 -g -fsanitize=thread -Isrc tests/threads_race.c src/threads.c -pthread \
		-o build/sanitize/threads_race
	build/sanitize/threads_race

# A thousand processes killed while they save, and while they train: nothing is lost.
KILLS ?= 1000

kills: .venv/installed-test
	$(BIN)/python tests/kills.py saves --kills $(KILLS)
	$(BIN)/python tests/kills.py training --kills $(KILLS)

# Every reader of files under atheris, one after the other, each for so many seconds. What is found
# lies in build/fuzz/TARGET, to be kept in fuzz/corpus/TARGET as found-... when it is mended.
SECONDS ?= 60
TARGETS ?= keras weights legacy backup idx npz cifar

fuzz: .venv/installed-test
	$(BIN)/pip install --quiet 'atheris>=3'
	for target in $(TARGETS); do \
		mkdir -p build/fuzz/$$target/inputs; \
		$(BIN)/python fuzz/run.py $$target -max_total_time=$(SECONDS) -print_final_stats=1 \
			-artifact_prefix=build/fuzz/$$target/ \
			build/fuzz/$$target/inputs fuzz/corpus/$$target || exit 1; \
	done

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
