"""Nadam: Adam that looks ahead along its momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext.autograd import Variable
from cnn_ext.optimizers.base import Optimizer
from cnn_ext.optimizers.blocks import blocks


class Nadam(Optimizer):
    """Adam with Nesterov momentum (`keras.optimizers.Nadam`).

    Args:
        learning_rate: step size.
        beta_1: share of the old mean gradient that is kept, in the end.
        beta_2: share of the old mean square that is kept.
        epsilon: added to the root of the mean square.
        others: see `Optimizer`.

    Source: Dozat 2016.

    >>> Nadam().get_config()["beta_1"]
    0.9
    """

    hyperparameters = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        weights = list(variables)
        super().build(weights)
        self._momentums, self._velocities = self.add_optimizer_variables(
            weights, ["momentum", "velocity"]
        )
        dtype = weights[0].dtype if weights else config.floatx()
        self._u_product = Variable(1.0, dtype=dtype, trainable=False)

    def _momentum_at(self, step: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**step)

    def _backend_update_step(
        self, grads: list[np.ndarray], variables: list[Variable], learning_rate: Any
    ) -> None:
        momentum = self._momentum_at(int(self.iterations) + 1)
        self._u_product.assign(self._u_product.data * momentum)
        super()._backend_update_step(grads, variables, learning_rate)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        index, rate = self._get_variable_index(variable), float(learning_rate)
        step = int(self.iterations) + 1
        product, now, ahead = (
            float(self._u_product), self._momentum_at(step), self._momentum_at(step + 1)
        )  # fmt: skip
        of_mean = ahead / (1 - product * ahead)
        of_gradient = (1 - now) / (1 - product)
        arrays = self._momentums[index].data, self._velocities[index].data
        for w, g, m, v in blocks(variable.data, gradient, *arrays):
            m += (g - m) * (1 - self.beta_1)
            v += (g * g - v) * (1 - self.beta_2)
            mean = of_mean * m + of_gradient * g
            w -= rate * mean / (np.sqrt(v / (1 - self.beta_2**step)) + self.epsilon)
