"""Rows for losses and metrics: a name, its arguments, and what is compared with what."""

import inspect
from typing import Any, NamedTuple

import numpy as np

N, CLASSES = 6, 5


def draw(kind, *shape, dtype="float32", seed=0):
    """Targets or predictions of a kind, of N samples mostly."""
    rng = np.random.default_rng([seed, *map(ord, kind)])
    if kind == "labels":
        return rng.integers(0, CLASSES, shape)
    if kind == "few labels":  # of which circle loss finds two alike
        return rng.permutation(np.arange(np.prod(shape)) % 3).reshape(shape)
    if kind == "one-hot":
        return np.eye(CLASSES, dtype=dtype)[rng.integers(0, CLASSES, shape[:-1])]
    if kind == "one-hot first":
        return np.moveaxis(draw("one-hot", N, shape[2], CLASSES, dtype=dtype, seed=seed), -1, 1)
    if kind == "yes-no":
        return rng.integers(0, 2, shape)
    if kind == "signs":
        return rng.choice([-1, 1], shape)
    if kind == "counts":
        return rng.poisson(2.0, shape)
    if kind == "sizes":
        return rng.uniform(0.1, 4.0, shape).astype(dtype)
    if kind == "numbers":
        return rng.standard_normal(shape).astype(dtype)
    if kind == "directions":
        vectors = rng.standard_normal(shape)
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
        return (0.9 * vectors).astype(dtype)  # at 1 the distance to itself has a kink
    logits = rng.standard_normal(shape)
    if kind == "probabilities":
        e = np.exp(logits)
        return (e / e.sum(axis=-1, keepdims=True)).astype(dtype)
    if kind == "chances":
        return (1 / (1 + np.exp(-logits))).astype(dtype)
    if kind == "tenths":  # often on a threshold
        return (rng.integers(0, 11, shape) / 10).astype(dtype)
    assert kind == "logits"
    return logits.astype(dtype)


class Case(NamedTuple):
    """A loss or metric by name, the kinds and shapes of what it compares, and its arguments."""

    name: str
    y_true: tuple
    y_pred: tuple
    arguments: dict[str, Any] = {}  # noqa: RUF012 - never changed

    @property
    def id(self) -> str:
        shapes = ["x".join(map(str, shape)) for _, *shape in (self.y_true, self.y_pred)]
        arguments = [f"{k}={v}" for k, v in self.arguments.items()]
        return "-".join([self.name, self.y_pred[0], *shapes, *arguments])

    def draw(self, dtype="float32", seed=0):
        return (
            draw(*self.y_true, dtype=dtype, seed=2 * seed),
            draw(*self.y_pred, dtype=dtype, seed=2 * seed + 1),
        )


def same_parameters(ours, theirs, but=()):
    """The same names in the same order with the same defaults; `but` names what ours lack."""

    def parameters(function):
        return {
            p.name: (p.kind, p.default)
            for p in inspect.signature(function).parameters.values()
            if p.name not in but
        }

    assert list(parameters(ours).items()) == list(parameters(theirs).items())
