"""Adadelta: the gradient in units of the steps that were made before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext.autograd import Variable
from cnn_ext.optimizers.base import Optimizer
from cnn_ext.optimizers.blocks import blocks


class Adadelta(Optimizer):
    """Steps from running mean squares of gradients and of steps (`keras.optimizers.Adadelta`).

    Args:
        learning_rate: factor of the step; 1.0 is that of the paper.
        rho: share of the old mean squares that is kept.
        epsilon: added to the mean squares, under the roots.
        others: see `Optimizer`.

    Source: Zeiler 2012.

    >>> Adadelta(1.0).get_config()["rho"]
    0.95
    """

    hyperparameters = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
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
        self.rho = rho
        self.epsilon = epsilon

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        weights = list(variables)
        super().build(weights)
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            weights, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        index, rate = self._get_variable_index(variable), float(learning_rate)
        arrays = self._accumulated_grads[index].data, self._accumulated_delta_vars[index].data
        for w, g, grads, steps in blocks(variable.data, gradient, *arrays):
            grads *= self.rho
            grads += (1 - self.rho) * (g * g)
            step = np.sqrt(steps + self.epsilon) * g / np.sqrt(grads + self.epsilon)
            steps *= self.rho
            steps += (1 - self.rho) * (step * step)
            w -= rate * step
