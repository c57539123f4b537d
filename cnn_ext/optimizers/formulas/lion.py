"""Lion: steps of one size, in the direction of the sign."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext.autograd import Variable
from cnn_ext.optimizers.base import Optimizer
from cnn_ext.optimizers.blocks import blocks


class Lion(Optimizer):
    """The sign of gradient and momentum (`keras.optimizers.Lion`).

    Args:
        learning_rate: step size; 3 to 10 times smaller than for Adam.
        beta_1: share of the momentum in the direction of the step, in (0, 1].
        beta_2: share of the old momentum that is kept.
        others: see `Optimizer`.

    Source: Chen et al. 2023.

    >>> Lion(1e-4).get_config()["beta_2"]
    0.99
    """

    hyperparameters = ("beta_1", "beta_2")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer "
                f"degenerates to SignSGD. Received: beta_1={beta_1}."
            )
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        weights = list(variables)
        super().build(weights)
        self._momentums = self.add_optimizer_variables(weights, "momentum")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        rate = float(learning_rate)
        momentum = self._momentums[self._get_variable_index(variable)].data
        for w, g, m in blocks(variable.data, gradient, momentum):
            w -= rate * np.sign(m * self.beta_1 + g * (1 - self.beta_1))
            m *= self.beta_2
            m += g * (1 - self.beta_2)
