"""What fuzzing begins with and has found: no file does more than end in the reader's own error."""

from __future__ import annotations

import gc
import importlib
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent.parent / "fuzz"
CORPUS = FUZZ / "corpus"
MUTATED = 60  # of each target, in each run of the tests


@pytest.fixture(scope="module")
def fuzz():
    """The modules of the folder `fuzz`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(FUZZ))
        targets, mutate = (importlib.import_module(name) for name in ("fuzzed", "mutate"))
        gc.collect()  # what other tests have left, graphs of TensorFlow above all, can take long
        yield targets, mutate
    shutil.rmtree(targets.FOLDER)


def inputs():
    return sorted(p for p in CORPUS.rglob("*") if p.is_file())


def within_limits(targets, name, data):
    began = time.perf_counter()
    taken = targets.try_on(name, data)
    assert time.perf_counter() - began < 10, "that takes too long"
    return taken


@pytest.mark.parametrize("path", inputs(), ids=lambda p: f"{p.parent.name}-{p.name}")
def test_kept_inputs(path, fuzz):
    targets, _ = fuzz
    taken = within_limits(targets, path.parent.name, path.read_bytes())
    assert taken or path.name.startswith("found")


def test_every_target_has_inputs(fuzz):
    targets, _ = fuzz
    assert {p.parent.name for p in inputs()} == set(targets.TARGETS)
    assert all(p.stat().st_size < 50_000 for p in inputs())


@pytest.mark.parametrize("name", sorted({p.parent.name for p in inputs()}))
def test_mutated_inputs(name, fuzz):
    targets, mutate = fuzz
    chance = random.Random(name)
    kept = [p.read_bytes() for p in inputs() if p.parent.name == name]
    for number in range(MUTATED):
        data = chance.choice(kept)
        for _ in range(1 + number % 3):
            data = mutate.mutated(name, data, chance)
        within_limits(targets, name, data)


def test_a_reader_that_breaks_is_noticed(fuzz, monkeypatch):
    targets, _ = fuzz

    def breaks(data):
        raise KeyError("x")

    def hides(data):
        try:
            raise MemoryError
        except MemoryError as error:
            raise targets.saving.ModelFileError("too large") from error

    monkeypatch.setitem(targets.TARGETS, "keras", breaks)
    with pytest.raises(KeyError):
        targets.try_on("keras", b"")
    monkeypatch.setitem(targets.TARGETS, "keras", hides)
    with pytest.raises(targets.Finding):
        targets.try_on("keras", b"")


MEASURED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
import fuzzed as targets
targets.try_on("keras", open(sys.argv[2], "rb").read())  # whatever is imported, is
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[3:]:
    targets.try_on(path.split("/")[-2], open(path, "rb").read())
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_memory_for_files_of_strangers(tmp_path):
    """The promise of the README, in a process of its own."""
    paths = [str(p) for p in inputs()]
    good = next(path for path in paths if path.endswith("keras/branched"))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(FUZZ), good, *paths],
        env={"PYTHONPATH": ":".join(sys.path)}, cwd=tmp_path, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert int(done.stdout) < 2**28 + 10 * max(Path(p).stat().st_size for p in paths)
