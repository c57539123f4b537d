"""Ftrl: follow the regularized leader, which keeps weights at exactly zero."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext.autograd import Variable
from cnn_ext.initializers import Constant
from cnn_ext.optimizers.base import Optimizer
from cnn_ext.optimizers.blocks import blocks


class Ftrl(Optimizer):
    """For large sparse models, with L1 and L2 penalties of its own (`keras.optimizers.Ftrl`).

    Args:
        learning_rate: step size.
        learning_rate_power: how the step shrinks with the gradients seen; at most 0.
        initial_accumulator_value: what the sums of squares start from.
        l1_regularization_strength: pulls weights to exactly 0.
        l2_regularization_strength: pulls weights towards 0.
        l2_shrinkage_regularization_strength: adds this times twice the weight to the gradient.
        beta: adds beta / (2 * learning_rate) to the L2 strength.
        others: see `Optimizer`.

    Source: McMahan et al. 2013.

    >>> Ftrl(l1_regularization_strength=0.1).get_config()["learning_rate_power"]
    -0.5
    """

    hyperparameters = (
        "learning_rate_power", "initial_accumulator_value", "l1_regularization_strength",
        "l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta",
    )  # fmt: skip

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        if learning_rate_power > 0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. Received: "
                f"learning_rate_power={learning_rate_power}."
            )
        for what, value in {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }.items():
            if value < 0:
                raise ValueError(
                    f"`{what}` needs to be positive or zero. Received: {what}={value}."
                )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        weights = list(variables)
        super().build(weights)
        self._accumulators, self._linears = self.add_optimizer_variables(
            weights,
            ["accumulator", "linear"],
            [Constant(self.initial_accumulator_value), "zeros"],
        )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        index, rate = self._get_variable_index(variable), float(learning_rate)
        power = -self.learning_rate_power
        l1 = self.l1_regularization_strength
        l2 = 2 * self.l2_regularization_strength + self.beta / rate
        shrinkage = 2 * self.l2_shrinkage_regularization_strength
        arrays = self._accumulators[index].data, self._linears[index].data
        for w, g, total, linear in blocks(variable.data, gradient, *arrays):
            before = total**power
            total += g * g
            after = total**power
            linear += g + shrinkage * w - (after - before) / rate * w
            w[:] = (np.clip(linear, -l1, l1) - linear) / (after / rate + l2)
