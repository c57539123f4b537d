"""Adamax: the mean gradient by the largest gradient seen, of which old ones fade."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext.autograd import Variable
from cnn_ext.optimizers.base import Optimizer
from cnn_ext.optimizers.blocks import blocks


class Adamax(Optimizer):
    """Adam with the infinity norm in place of the root mean square (`keras.optimizers.Adamax`).

    Args:
        learning_rate: step size.
        beta_1: share of the old mean gradient that is kept.
        beta_2: share of the old largest gradient that is kept.
        epsilon: added to the largest gradient.
        others: see `Optimizer`.

    Source: Kingma & Ba 2015, section 7.

    >>> Adamax().get_config()["beta_2"]
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
        self._m, self._u = self.add_optimizer_variables(weights, ["momentum", "norm"])

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        rate = float(learning_rate) / (1 - self.beta_1 ** (int(self.iterations) + 1))
        arrays = variable.data, gradient, self._m[index].data, self._u[index].data
        for w, g, m, u in blocks(*arrays):
            m += (g - m) * (1 - self.beta_1)
            np.maximum(u * self.beta_2, np.abs(g), out=u)
            w -= rate * m / (u + self.epsilon)
