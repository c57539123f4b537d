"""Saving and loading the textbook CNN with its optimizer's state, beside Keras.

    python benchmarks/saving.py
    python benchmarks/saving.py --rounds 50 --folder /mnt/disk --json output/saving.json

Both libraries have the network, compiled with Adam and trained for one step, in one process; first
each must load what the other saved and predict the same. They take turns, each with a file of its
own in the same folder, and medians count. What is garbage, and what is not yet on the disk, is seen
to before every turn and not timed. A save of cnn_ext ends when the file is on the disk, Keras's
when the system has it. The exit status is 1 if anything is slower than in Keras.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import cnn_ext
from architectures import compiled, textbook
from check import relative_error
from kernels import settle
from machine import Bystanders, cpu_model

USES = ("save", "load", "save_weights", "load_weights")
ALLOWED = 1e-5  # of the largest probability
BATCH = 32


def trained(keras: Any) -> Any:
    """The network after one step."""
    model = compiled(keras, textbook(keras))
    rng = np.random.default_rng(0)
    model.train_on_batch(rng.random((BATCH, 28, 28, 1), np.float32), rng.integers(0, 10, BATCH))
    return model


def calls(keras: Any, folder: Path) -> dict[str, Callable[[], Any]]:
    model = trained(keras)
    whole = str(folder / f"{keras.__name__}.keras")
    weights = str(folder / f"{keras.__name__}.weights.h5")
    return {
        "save": lambda: model.save(whole),
        "load": lambda: keras.saving.load_model(whole),
        "save_weights": lambda: model.save_weights(weights),
        "load_weights": lambda: model.load_weights(weights),
    }


def check(keras: Any, folder: Path) -> None:
    """An error unless each library predicts as the other does whose file it has loaded."""
    x = np.random.default_rng(1).random((BATCH, 28, 28, 1), np.float32)
    path = folder / "checked.keras"
    for writer, reader in ((cnn_ext, keras), (keras, cnn_ext)):
        model = trained(writer)
        model.save(path)
        expected = model.predict(x, verbose=0)
        error = relative_error(reader.saving.load_model(path).predict(x, verbose=0), expected)
        if not error <= ALLOWED:
            raise ArithmeticError(f"{reader.__name__} is off by {error:.1e} from the file's model")


def timed(call: Callable[[], Any]) -> float:
    gc.collect()
    os.sync()
    settle()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(keras: Any, folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of each use, by library; the first round is not counted."""
    players = {library.__name__: calls(library, folder) for library in (cnn_ext, keras)}
    taken: dict[str, dict[str, list[float]]] = {use: {one: [] for one in players} for use in USES}
    order = list(players)
    for _ in range(rounds + 1):
        for use in USES:
            for one in order:
                taken[use][one].append(timed(players[one][use]))
        order.reverse()
    return {
        use: {one: statistics.median(times[1:]) for one, times in each.items()}
        for use, each in taken.items()
    }


def show(found: dict[str, dict[str, float]]) -> None:
    print(f"{'textbook CNN, medians in ms':30}{'cnn_ext':>9}{'keras':>9}{'ratio':>8}")
    for use, seconds in found.items():
        ours, theirs = seconds["cnn_ext"], seconds["keras"]
        print(f"{use:30}{1e3 * ours:9.2f}{1e3 * theirs:9.2f}{theirs / ours:8.2f}")


def peer() -> Any:
    """Keras, on TensorFlow."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import keras

    return keras


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--rounds", type=int, default=15)
    add("--folder", type=Path, help="where the files are written; a temporary folder otherwise")
    add("--json", type=Path, default=Path("output/saving.json"), help="where to write results")
    options = parser.parse_args()
    keras, others = peer(), Bystanders()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        check(keras, Path(folder))
        found = measure(keras, Path(folder), options.rounds)
    show(found)
    if (share := others.share()) > 0.1:
        print(f"other processes took {share:.0%} of the processors: do not trust")
    versions = {"cnn_ext": cnn_ext.__version__, "keras": keras.__version__}
    results = {"cpu": cpu_model(), "versions": versions, "rounds": options.rounds, "seconds": found}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    return int(any(seconds["keras"] < seconds["cnn_ext"] for seconds in found.values()))


if __name__ == "__main__":
    sys.exit(main())
