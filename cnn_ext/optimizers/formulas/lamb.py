"""Lamb: Adam's step of each weight, scaled to the weight's own length."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext.autograd import Variable
from cnn_ext.optimizers.base import Optimizer
from cnn_ext.optimizers.blocks import blocks, norm, sum_of_squares


class Lamb(Optimizer):
    """Adam for large batches: steps as long as the weights are large (`keras.optimizers.Lamb`).

    Args:
        learning_rate: length of the step as a fraction of the weight's.
        beta_1: share of the old mean gradient that is kept.
        beta_2: share of the old mean square that is kept.
        epsilon: added to the root of the mean square.
        others: see `Optimizer`.

    Source: You et al. 2020.

    >>> Lamb().get_config()["beta_2"]
    0.999
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

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        index, step = self._get_variable_index(variable), int(self.iterations) + 1
        scale_1, scale_2 = 1 - self.beta_1**step, 1 - self.beta_2**step
        arrays = self._momentums[index].data, self._velocities[index].data

        def adam_step(m: np.ndarray, v: np.ndarray) -> np.ndarray:
            return np.asarray((m / scale_1) / (np.sqrt(v / scale_2) + self.epsilon))

        total = 0.0
        for g, m, v in blocks(gradient, *arrays):
            m += (g - m) * (1 - self.beta_1)
            v += (g * g - v) * (1 - self.beta_2)
            total += sum_of_squares(adam_step(m, v))
        of_weight, of_step = norm([variable.data]), math.sqrt(total)
        ratio = of_weight / of_step if of_weight > 0 and of_step > 0 else 1.0
        rate = ratio * float(learning_rate)
        for w, m, v in blocks(variable.data, *arrays):
            w -= rate * adam_step(m, v)
