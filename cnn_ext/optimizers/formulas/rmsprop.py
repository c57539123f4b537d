"""RMSprop: the gradient by its running root mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnn_ext.autograd import Variable
from cnn_ext.optimizers.compiled import Compiled


class RMSprop(Compiled):
    """Steps divided by a running root mean square of gradients (`keras.optimizers.RMSprop`).

    Args:
        learning_rate: step size.
        rho: share of the old mean square that is kept.
        momentum: share of the last step that is repeated.
        epsilon: added to the mean square, under the root.
        centered: subtract the squared mean gradient.
        others: see `Optimizer`.

    Source: Tieleman & Hinton 2012.

    >>> RMSprop(centered=True).get_config()["rho"]
    0.9
    """

    formula = "rmsprop"
    hyperparameters = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        weights = list(variables)
        super().build(weights)
        self._velocities = self.add_optimizer_variables(weights, "velocity")
        self._momentums: list[Variable] = []
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(weights, "momentum")
        self._average_gradients: list[Variable] = []
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(weights, "average_gradient")

    def update_slots(self, variable: Variable) -> tuple[Variable | None, ...]:
        kept = self._velocities, self._momentums, self._average_gradients
        return tuple(self._slot(slots, variable) for slots in kept)

    def update_settings(self, learning_rate: float) -> tuple[float, ...]:
        return learning_rate, self.rho, self.momentum, self.epsilon
