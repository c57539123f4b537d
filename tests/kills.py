"""Processes that are killed at random moments: nothing that was saved may be lost.

`saves`: a process writes a model's file again and again, with two sets of weights in turn; after
each kill the file is one of the two, and what else is in the folder is bounded. `training`: a
training is killed and gone on with until it ends; the result is that of one that was never killed.
Each process is a fork of this one, which has made no threads, so that a kill takes milliseconds.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import cnn_ext as keras
from cnn_ext import layers
from killed_training import ROWS, Training

NAMES = ("model.keras", "model.weights.h5")
LITTER = 2  # files besides that a killed save may leave: one, and one that a save was removing


def two_models() -> list:
    models = []
    for value in (1.0, 2.0):
        model = keras.Sequential(
            [keras.Input((8,)), layers.Dense(500, name="a"), layers.Dense(40, name="b")]
        )
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        model.set_weights([np.full(w.shape, value, "float32") for w in model.get_weights()])
        models.append(model)
    return models


def save(model: Any, path: Path) -> None:
    (model.save if path.suffix == ".keras" else model.save_weights)(path)


def save_for_ever(path: Path, models: list) -> None:
    while True:
        for model in models:
            save(model, path)


def killed(work: Callable[[], None], delay: float) -> bool:
    """Run work in a process of its own, killed after a while; whether it was not yet done."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    end = time.perf_counter() + delay
    while time.perf_counter() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, "the process failed"
            return False
        time.sleep(min(0.0005, max(0.0, end - time.perf_counter())))
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def kill_saves(kills: int, folder: Path, chance: random.Random) -> str:
    models = two_models()
    seen = {1.0: 0, 2.0: 0}
    litter = most = 0
    for number in range(kills):
        path = folder / NAMES[number % 2]
        if not path.exists():
            save(models[0], path)
        order = chance.sample(models, 2)
        assert killed(
            lambda path=path, order=order: save_for_ever(path, order), chance.uniform(0, 0.06)
        )
        if path.suffix == ".keras":
            found = keras.saving.load_model(path).get_weights()
        else:
            found = two_models()[0]
            found.load_weights(path)
            found = found.get_weights()
        values = {float(v) for w in found for v in np.unique(w)}
        assert len(values) == 1, f"kill {number}: {path.name} holds half of each: {values}"
        seen[values.pop()] += 1
        left = [p.name for p in folder.iterdir() if p.name not in NAMES]
        assert all(name.startswith(".model.") and name.endswith(".saving") for name in left), left
        litter, most = litter + bool(left), max(most, len(left))
        assert most <= LITTER, left
    for name in NAMES:
        save(models[0], folder / name)
    assert sorted(p.name for p in folder.iterdir()) == sorted(NAMES)
    return (
        f"{kills} kills of saves: the file was old or new each time ({seen[1.0]} and {seen[2.0]}); "
        f"{litter} left a temporary file, at most {most} at once, none after the next save"
    )


def kill_trainings(kills: int, folder: Path, chance: random.Random) -> str:
    done = runs = 0
    while done < kills:
        row = ROWS[runs % len(ROWS)]
        wanted = repr(row.run(new(folder / f"{runs} whole")))
        where = new(folder / f"{runs} killed")

        def train(row: Training = row, where: Path = where) -> None:
            (where / "result").write_text(repr(row.run(where)))

        while killed(train, chance.uniform(0, 0.3) if done < kills else 60):
            done += 1
        assert (where / "result").read_text() == wanted, f"{row} ended otherwise"
        runs += 1
    return f"{done} kills in {runs} trainings: each ended as if it had never been killed"


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["saves", "training"])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    keras.set_num_threads(1)
    kill = kill_saves if arguments.what == "saves" else kill_trainings
    with tempfile.TemporaryDirectory() as folder:
        print(kill(arguments.kills, Path(folder), random.Random(arguments.seed)))


if __name__ == "__main__":
    sys.exit(main())
