"""Two models alike, ours and Keras's, and what is the same about them."""

import re

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from cnn_ext.utils import set_random_seed

SAMPLES, CLASSES = 22, 3
_RNG = np.random.default_rng(0)
IMAGES = _RNG.random((SAMPLES, 6, 6, 1), np.float32)
LABELS = _RNG.integers(0, CLASSES, SAMPLES)
WEIGHTS = _RNG.random(SAMPLES).astype(np.float32)


def small(keras, units=CLASSES, activation="softmax"):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(units, activation),
        ]
    )


def twins(keras, make=small, optimizer="adam", loss="sparse_categorical_crossentropy", **how):
    """Our model and Keras's, with the same weights, compiled alike."""
    set_random_seed(1)
    ours, theirs = make(cnn_ext), make(keras)
    rng = np.random.default_rng(1)
    weights = [w + 0.05 * rng.standard_normal(w.shape) * (w.ndim == 1) for w in ours.get_weights()]
    for model in (ours, theirs):
        model.set_weights(weights)
    ours.compile(optimizer, loss, **how)
    theirs.compile(optimizer, loss, **how, run_eagerly=True)
    return ours, theirs


def assert_same_weights(ours, theirs, tolerance=1e-5):
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(our, their, tolerance)


def assert_same_logs(ours, theirs):
    """The same names in the same order, and numbers that float32 cannot tell apart."""
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert type(value) is type(theirs[name])
        assert value == pytest.approx(theirs[name], rel=1e-4, abs=1e-6)


MASKS = (
    (r"\x1b\[\d+m", ""),
    (r"\d+(s|ms|us)/step", "?/step"),
    (r"(?<= )\d+s(?= )", "?s"),
    (r"\d+\.\d+(e[+-]\d+)?", lambda found: f"{float(found[0]):.3g}"),
)


def final_lines(text):
    """What is left on the screen: of lines that are redrawn the last state, times masked."""
    lines = []
    for line in text.split("\n"):
        line = line.split("\r")[-1].replace("\b", "")
        for pattern, mask in MASKS:
            line = re.sub(pattern, mask, line)
        lines.append(line.rstrip())
    return lines
