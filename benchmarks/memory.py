"""Resident memory: what training takes in all, and whether long use keeps it flat.

    python benchmarks/memory.py --peers tensorflow,torch
    python benchmarks/memory.py --only models --trace

The first table is the training of the textbook CNN on 8,000 images in batches of 32, stage by stage
in a fresh process (footprint.py). The second repeats a use many times, in a process of its own, and
says how much memory grew. Held memory is looked at thrice, garbage collected and the allocator's
spare pages given back: after a warm-up of half as many rounds, half-way and at the end. The warm-up
makes plans and fills pools, and it is as long as the halves so that as much garbage piles up:
models are cycles of objects, as Keras's are, and wait for Python's collector, which counts objects
and not bytes. `peak` is the most that it ever was, with that pile, and `peak +` how much higher it
was in the second half than in the first. `--trace` prints the lines whose memory grew, as far as
Python allocates it. The exit status is 1 if a promise is broken: 150 MB in all, and held memory
that does not grow by 1 MB.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import cnn_ext
from architectures import compiled, textbook
from footprint import measured, megabytes
from kernels import names_among
from machine import cpu_model

PROMISED, FLAT = 150.0, 1.0  # megabytes
PEERS = ("tensorflow", "torch", "jax")


def data(images: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((images, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, images)


def model() -> Any:
    return compiled(cnn_ext, textbook(cnn_ext))


def predict() -> Callable[[], Any]:
    one, (x, _) = model(), data(8)
    return lambda: one.predict(x, verbose=0)


def fit() -> Callable[[], Any]:
    one, (x, y) = model(), data(256)
    return lambda: one.fit(x, y, verbose=0)


def models() -> Callable[[], Any]:
    x, y = data(32)
    return lambda: model().fit(x, y, verbose=0)


USES: dict[str, tuple[Callable[[], Callable[[], Any]], int, str]] = {
    "predict": (predict, 10_000, "calls of predict on 8 images"),
    "fit": (fit, 200, "epochs of fit on 256 images"),
    "models": (models, 1_000, "models made, trained for one step, dropped"),
}


def held() -> float:
    """Megabytes in memory without garbage and without what the allocator keeps for later."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)
    return megabytes()


def most(once: Callable[[], Any], times: int) -> float:
    """The most megabytes in memory while something is done so many times."""
    Path("/proc/self/clear_refs").write_text("5")
    for _ in range(times):
        once()
    return megabytes("VmHWM")


def growth(use: str, rounds: int, trace: bool) -> dict[str, float]:
    """Megabytes held after the warm-up, half-way and at the end; how far the peak rose."""
    once, part = USES[use][0](), max(1, rounds // 2)
    most(once, part)
    if trace:
        tracemalloc.start(12)
        most(once, 2)
        gc.collect()
        before = tracemalloc.take_snapshot()
    looks, peaks = [held()], []
    for _ in range(2):
        peaks.append(most(once, part))
        looks.append(held())
    if trace:
        after = tracemalloc.take_snapshot()
        for grown in after.compare_to(before, "lineno")[:12]:
            print(grown, file=sys.stderr)
    names = ("warm", "half-way", "end", "growth", "peak", "peak +")
    values = [*looks, looks[-1] - looks[0], max(peaks), peaks[1] - peaks[0]]
    return dict(zip(names, values, strict=True))


def fresh(use: str, rounds: int, trace: bool) -> dict[str, float]:
    """`growth` of a fresh process."""
    command = [sys.executable, __file__, "--inside", use, "--rounds", str(rounds)]
    return json.loads(subprocess.check_output(command + ["--trace"] * trace))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--peers", type=names_among(PEERS), default=[], help=",".join(PEERS))
    uses = ("training", *USES)
    add("--only", type=names_among(uses), default=list(uses), help=",".join(uses))
    add("--images", type=int, default=8000, help="to train on, for the first table")
    add("--rounds", type=int, help="of each use, instead of its own number")
    add("--trace", action="store_true", help="print where Python's memory grew")
    add("--inside", choices=USES, help=argparse.SUPPRESS)  # measure in this process
    add("--json", type=Path, default=Path("output/memory.json"), help="where to write results")
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(growth(options.inside, options.rounds, options.trace)))
        return 0

    results: dict[str, Any] = {"cpu": cpu_model(), "training": {}, "growth": {}}
    broken = False
    if "training" in options.only:
        for name in ("cnn_ext", *options.peers):
            row = measured(name, "training", "textbook", 32, options.images)
            if not results["training"]:
                print(f"{'training, batch 32, MB:':44}" + "".join(f"{s:>9}" for s in row))
            print(f"{name:44}" + "".join(f"{value:9.1f}" for value in row.values()), flush=True)
            results["training"][name] = row
        broken = results["training"]["cnn_ext"]["peak"] > PROMISED
        print(f"promised: at most {PROMISED:.0f} MB in all{': BROKEN' * broken}\n")
    for number, use in enumerate(use for use in USES if use in options.only):
        rounds = options.rounds or USES[use][1]
        row = fresh(use, rounds, options.trace)
        if number == 0:
            print(f"{'long use, MB:':50}" + "".join(f"{name:>9}" for name in row))
        flat = row["growth"] <= FLAT
        broken |= not flat
        print(f"{rounds:6} {USES[use][2]:43}" + "".join(f"{v:9.2f}" for v in row.values()), end="")
        print("" if flat else "  BROKEN", flush=True)
        results["growth"][use] = {"rounds": rounds, **row}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
