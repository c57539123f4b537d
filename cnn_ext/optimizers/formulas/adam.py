"""Adam, and AdamW with its decay: the mean gradient by its root mean square."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from cnn_ext.autograd import Variable
from cnn_ext.optimizers.compiled import Compiled


class Adam(Compiled):
    """Steps from running means of gradients and their squares (`keras.optimizers.Adam`).

    Args:
        learning_rate: step size.
        beta_1: share of the old mean gradient that is kept.
        beta_2: share of the old mean square that is kept.
        epsilon: added to the root of the mean square ("epsilon hat" of Kingma & Ba).
        amsgrad: divide by the largest mean square seen (Reddi et al. 2018).
        others: see `Optimizer`.

    Source: Kingma & Ba 2015, section 2, the form before Algorithm 1's last line.

    >>> Adam(amsgrad=True).get_config()["beta_2"]
    0.999
    """

    formula = "adam"
    hyperparameters = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self.amsgrad = amsgrad

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        weights = list(variables)
        super().build(weights)
        self._momentums, self._velocities = self.add_optimizer_variables(
            weights, ["momentum", "velocity"]
        )
        self._velocity_hats: list[Variable] = []
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(weights, "velocity_hat")

    def update_slots(self, variable: Variable) -> tuple[Variable | None, ...]:
        kept = self._momentums, self._velocities, self._velocity_hats
        return tuple(self._slot(slots, variable) for slots in kept)

    def update_settings(self, learning_rate: float) -> tuple[float, ...]:
        step = int(self.iterations) + 1
        corrected = learning_rate * math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        return corrected, self.beta_1, self.beta_2, self.epsilon


class AdamW(Adam):
    """Adam with weight decay (`keras.optimizers.AdamW`).

    Args:
        learning_rate: step size.
        weight_decay: fraction of each weight, times the learning rate, taken off a step.
        beta_1, beta_2, epsilon, amsgrad: see `Adam`.
        others: see `Optimizer`.

    Source: Loshchilov & Hutter 2019.

    >>> AdamW().get_config()["weight_decay"]
    0.004
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")
