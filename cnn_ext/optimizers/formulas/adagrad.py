"""Adagrad: the gradient by the root of the sum of all squares so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext.autograd import Variable
from cnn_ext.initializers import Constant
from cnn_ext.optimizers.base import Optimizer
from cnn_ext.optimizers.blocks import blocks


class Adagrad(Optimizer):
    """Steps that shrink with the gradients already seen (`keras.optimizers.Adagrad`).

    Args:
        learning_rate: step size.
        initial_accumulator_value: what the sums of squares start from.
        epsilon: added to the sum, under the root.
        others: see `Optimizer`.

    Source: Duchi, Hazan & Singer 2011.

    >>> Adagrad().get_config()["initial_accumulator_value"]
    0.1
    """

    hyperparameters = ("initial_accumulator_value", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
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
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        weights = list(variables)
        super().build(weights)
        self._accumulators = self.add_optimizer_variables(
            weights, "accumulator", Constant(self.initial_accumulator_value)
        )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        rate = float(learning_rate)
        accumulator = self._accumulators[self._get_variable_index(variable)].data
        for w, g, total in blocks(variable.data, gradient, accumulator):
            total += g * g
            w -= rate * g / np.sqrt(total + self.epsilon)
