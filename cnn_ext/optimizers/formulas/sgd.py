"""SGD: the gradient itself, with momentum if asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnn_ext.autograd import Variable
from cnn_ext.optimizers.compiled import Compiled


class SGD(Compiled):
    """Gradient descent, with momentum if asked (`keras.optimizers.SGD`).

    Args:
        learning_rate: step size.
        momentum: share of the last step that is repeated, in [0, 1].
        nesterov: look ahead along the momentum (Nesterov 1983).
        others: see `Optimizer`.

    >>> SGD(learning_rate=0.1).get_config()["momentum"]
    0.0
    """

    formula = "sgd"
    hyperparameters = ("momentum", "nesterov")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        if not isinstance(momentum, float) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: {momentum}")
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        weights = list(variables)
        super().build(weights)
        self.momentums: list[Variable] = []
        if self.momentum:
            self.momentums = self.add_optimizer_variables(weights, "momentum")

    def update_slots(self, variable: Variable) -> tuple[Variable | None, ...]:
        return (self._slot(self.momentums, variable),)

    def update_settings(self, learning_rate: float) -> tuple[float, ...]:
        return learning_rate, self.momentum, self.nesterov
