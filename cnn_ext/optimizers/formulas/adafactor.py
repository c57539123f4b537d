"""Adafactor: mean squares that are kept by row and column only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext.autograd import Variable
from cnn_ext.optimizers.base import Optimizer


class Adafactor(Optimizer):
    """Adam's scaling in little memory, for large models (`keras.optimizers.Adafactor`).

    Args:
        learning_rate: largest step, relative to the root mean square of the weight.
        beta_2_decay: exponent by which the share of new squares shrinks with the steps; negative.
        epsilon_1: added to the squares.
        epsilon_2: the least root mean square of a weight that is reckoned with.
        clip_threshold: steps of a larger root mean square are scaled down to it.
        relative_step: without effect, as in Keras: the step size is always at most 1 / sqrt(step).
        others: see `Optimizer`.

    Source: Shazeer & Stern 2018.

    >>> Adafactor().get_config()["beta_2_decay"]
    -0.8
    """

    hyperparameters = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name, **kwargs,
        )  # fmt: skip
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        weights = list(variables)
        super().build(weights)
        self._r, self._c, self._v = [], [], []
        for weight in weights:
            shape = weight.shape
            if len(shape) < 2:
                # Nothing to factor. Keras's files have a number in either's place.
                rows, columns = (
                    Variable(0, dtype="int32", trainable=False, name=weight.name) for _ in "rc"
                )
                self._track_variable(rows)
                self._track_variable(columns)
            else:
                rows, columns = (
                    self.add_variable(s, dtype=weight.dtype, name=weight.name)
                    for s in (shape[:-1], shape[:-2] + shape[-1:])
                )
            self._r.append(rows)
            self._c.append(columns)
            self._v.append(self.add_variable_from_reference(weight, "velocity"))

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        index, step = self._get_variable_index(variable), int(self.iterations) + 1
        r, c, v = self._r[index].data, self._c[index].data, self._v[index].data
        rate = min(float(learning_rate), step**-0.5)
        fresh = step**self.beta_2_decay  # share of the new squares
        squares = gradient * gradient + self.epsilon_1
        if variable.ndim >= 2:
            for kept, axis in ((r, -1), (c, -2)):
                kept *= 1 - fresh
                kept += fresh * squares.mean(axis)
            np.multiply((r / r.mean(-1, keepdims=True))[..., None], c[..., None, :], out=v)
        else:
            v *= 1 - fresh
            v += fresh * squares
        update = gradient / np.sqrt(v)
        size = max(self.epsilon_2, _rms(variable.data))
        limit = max(1.0, _rms(update) / self.clip_threshold)
        data = variable.data
        data -= rate * size / limit * update


def _rms(array: np.ndarray) -> float:
    """The root mean square."""
    return float(np.sqrt(np.mean(np.square(array))))
