"""Optimizers with the formulas, names and defaults of `keras.optimizers`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext._errors import TeachesKeywords, lookup, missing_attribute
from cnn_ext.autograd import Tensor, Variable
from cnn_ext.naming import auto_name


class Optimizer(TeachesKeywords):
    """Base of optimizers: implement `update(gradient, variable, slots, learning_rate)`.

    Args:
        learning_rate: step size, a number; assign `optimizer.learning_rate` to change it.
        weight_decay: fraction of each weight, times the learning rate, taken off a step.
        clipnorm: scale each gradient down to at most this norm.
        clipvalue: limit each element of a gradient to [-clipvalue, clipvalue].
        global_clipnorm: scale all gradients down together to at most this norm.
        use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
        gradient_accumulation_steps: not supported yet; leave at their defaults.
        name: shown in files; numbered automatically if None.
    """

    slots: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: float,
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
    ) -> None:
        if use_ema or loss_scale_factor is not None or gradient_accumulation_steps is not None:
            raise ValueError(
                "use_ema, loss_scale_factor and gradient_accumulation_steps are not supported yet; "
                f"leave them out. Received: use_ema={use_ema}, "
                f"loss_scale_factor={loss_scale_factor}, "
                f"gradient_accumulation_steps={gradient_accumulation_steps}"
            )
        if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                f"Received: clipnorm={clipnorm}, clipvalue={clipvalue}, "
                f"global_clipnorm={global_clipnorm}."
            )
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self._learning_rate = Variable(
            _positive_number(learning_rate), dtype="float32", trainable=False, name="learning_rate"
        )
        self._iterations = Variable(0, dtype="int64", trainable=False, name="iteration")
        self._trained: list[Variable] = []
        self._slots: list[dict[str, Variable]] = []

    @property
    def learning_rate(self) -> Variable:
        """The step size, a live Variable: `float(optimizer.learning_rate)`."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._learning_rate.assign(np.float32(_positive_number(value)))

    @property
    def iterations(self) -> Variable:
        """How many steps were made."""
        return self._iterations

    @property
    def built(self) -> bool:
        return bool(self._trained)

    @property
    def variables(self) -> list[Variable]:
        """The state: iterations, learning rate, then each weight's slots, in Keras's order."""
        slots = [slot[name] for slot in self._slots for name in self._interleaved()]
        late = [slot[name] for name in self._trailing() for slot in self._slots]
        return [self._iterations, self._learning_rate, *slots, *late]

    def _slot_names(self) -> tuple[str, ...]:
        return self.slots

    def _interleaved(self) -> tuple[str, ...]:
        """Slots that are kept weight by weight in files."""
        return self._slot_names()

    def _trailing(self) -> tuple[str, ...]:
        """Slots that come after all others in files."""
        return ()

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the slots for these weights; once."""
        if self.built:
            return
        self._trained = list(variables)
        self._slots = [
            {
                name: Variable(
                    np.zeros(v.shape, v.dtype),
                    trainable=False,
                    name=name,
                    path=f"{self.name}/{v.path}_{name}",
                )
                for name in self._slot_names()
            }
            for v in self._trained
        ]

    def apply(
        self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None
    ) -> None:
        """Make one step.

        Args:
            grads: one gradient a weight, arrays or Tensors of the weights' shapes; None skips one.
            trainable_variables: the weights; may be left out after `build`.
        """
        variables = self._trained if trainable_variables is None else list(trainable_variables)
        if not variables and grads:
            raise ValueError(
                "apply() without weights needs an optimizer built on them: call "
                "optimizer.build(trainable_variables), or pass them"
            )
        if len(grads) != len(variables):
            raise ValueError(
                f"apply() needs one gradient for each of {len(variables)} weights. "
                f"Received: {len(grads)} gradients"
            )
        self.build(variables)
        positions = {id(v): i for i, v in enumerate(self._trained)}
        arrays = [_gradient_array(g, v) for g, v in zip(grads, variables, strict=True)]
        for variable in variables:
            if id(variable) not in positions:
                raise ValueError(
                    f"variable '{variable.path}' is unknown to this optimizer, which was built on "
                    "other weights; compile the model again, or make a new optimizer"
                )
        for gradient, variable in zip(self._clipped(arrays), variables, strict=True):
            if gradient is not None:
                self._step(gradient, variable, self._slots[positions[id(variable)]])
        self._iterations.assign(self._iterations.data + 1)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """Make one step from pairs (gradient, weight)."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])

    def _step(self, gradient: np.ndarray, variable: Variable, slots: dict[str, Variable]) -> None:
        rate = variable.dtype.type(self._learning_rate.data)
        value = variable.data
        if self.weight_decay is not None:
            value -= value * variable.dtype.type(self.weight_decay) * rate
        self.update(gradient, value, {name: s.data for name, s in slots.items()}, rate)
        variable.version += 1

    def update(
        self,
        gradient: np.ndarray,
        value: np.ndarray,
        slots: dict[str, np.ndarray],
        learning_rate: Any,
    ) -> None:
        """Change a weight's `value`, and its slots, in place."""
        raise NotImplementedError(f"{type(self).__name__} must implement update()")

    def _clipped(self, grads: list[np.ndarray | None]) -> list[np.ndarray | None]:
        if self.clipnorm is not None:
            return [g if g is None else _limited(g, _norm([g]), self.clipnorm) for g in grads]
        if self.clipvalue is not None:
            limit = self.clipvalue
            return [g if g is None else np.asarray(np.clip(g, -limit, limit)) for g in grads]
        if self.global_clipnorm is not None:
            norm = _norm([g for g in grads if g is not None])
            return [g if g is None else _limited(g, norm, self.global_clipnorm) for g in grads]
        return grads

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "name": self.name,
            "learning_rate": float(self._learning_rate.data),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """An optimizer from what `get_config` returned."""
        return cls(**config)


def _positive_number(value: Any) -> float:
    """A learning rate, or an error."""
    if callable(value) or isinstance(value, str) or np.ndim(value) != 0:
        raise ValueError(
            f"learning_rate must be a number; schedules are not supported yet. Received: {value!r}"
        )
    if not float(value) >= 0 or not math.isfinite(float(value)):
        raise ValueError(f"learning_rate must be finite and at least 0. Received: {value!r}")
    return float(value)


def _gradient_array(gradient: Any, variable: Variable) -> np.ndarray | None:
    if gradient is None:
        return None
    array = gradient.data if isinstance(gradient, Tensor) else np.asarray(gradient)
    if array.shape != variable.shape:
        raise ValueError(
            f"the gradient for '{variable.path}' must have its shape {variable.shape}. "
            f"Received: shape={array.shape}"
        )
    return array.astype(variable.dtype, copy=False)


def _norm(grads: Iterable[np.ndarray]) -> float:
    return math.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in grads))


def _limited(gradient: np.ndarray, norm: float, limit: float) -> np.ndarray:
    return gradient if norm <= limit else np.asarray(gradient * gradient.dtype.type(limit / norm))


class SGD(Optimizer):
    """Gradient descent, with momentum if asked (`keras.optimizers.SGD`).

    Args:
        learning_rate: step size.
        momentum: share of the last step that is repeated, in [0, 1].
        nesterov: look ahead along the momentum (Nesterov 1983).
        others: see `Optimizer`.

    >>> SGD(learning_rate=0.1).get_config()["momentum"]
    0.0
    """

    slots = ("momentum",)

    def __init__(
        self,
        learning_rate: float = 0.01,
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
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name,
        )  # fmt: skip
        if not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: {momentum}")
        self.momentum = momentum
        self.nesterov = nesterov

    def _slot_names(self) -> tuple[str, ...]:
        return self.slots if self.momentum else ()

    def update(
        self,
        gradient: np.ndarray,
        value: np.ndarray,
        slots: dict[str, np.ndarray],
        learning_rate: Any,
    ) -> None:
        _kernels.sgd_update(
            value, gradient, slots.get("momentum"), learning_rate, self.momentum, self.nesterov
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of gradients (`keras.optimizers.RMSprop`).

    Args:
        learning_rate: step size.
        rho: share of the old mean square that is kept.
        momentum: share of the last step that is repeated.
        epsilon: added to the mean square, under the root.
        centered: subtract the squared mean gradient.
        others: see `Optimizer`.

    Source: Tieleman & Hinton 2012.
    """

    slots = ("velocity", "momentum", "average_gradient")

    def __init__(
        self,
        learning_rate: float = 0.001,
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
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name,
        )  # fmt: skip
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def _slot_names(self) -> tuple[str, ...]:
        return (
            ("velocity",)
            + ("momentum",) * (self.momentum > 0)
            + ("average_gradient",) * self.centered
        )

    def _interleaved(self) -> tuple[str, ...]:
        return ()

    def _trailing(self) -> tuple[str, ...]:
        return self._slot_names()

    def update(
        self,
        gradient: np.ndarray,
        value: np.ndarray,
        slots: dict[str, np.ndarray],
        learning_rate: Any,
    ) -> None:
        _kernels.rmsprop_update(
            value,
            gradient,
            slots["velocity"],
            slots.get("momentum"),
            slots.get("average_gradient"),
            learning_rate,
            self.rho,
            self.momentum,
            self.epsilon,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }


class Adam(Optimizer):
    """Steps from running means of gradients and their squares (`keras.optimizers.Adam`).

    Args:
        learning_rate: step size.
        beta_1: share of the old mean gradient that is kept.
        beta_2: share of the old mean square that is kept.
        epsilon: added to the root of the mean square ("epsilon hat" of Kingma & Ba).
        amsgrad: divide by the largest mean square seen (Reddi et al. 2018).
        others: see `Optimizer`.

    Source: Kingma & Ba 2015, section 2, the form before Algorithm 1's last line.
    """

    slots = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: float = 0.001,
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
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name,
        )  # fmt: skip
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def _slot_names(self) -> tuple[str, ...]:
        return self.slots + self._trailing()

    def _interleaved(self) -> tuple[str, ...]:
        return self.slots

    def _trailing(self) -> tuple[str, ...]:
        return ("velocity_hat",) * self.amsgrad

    def update(
        self,
        gradient: np.ndarray,
        value: np.ndarray,
        slots: dict[str, np.ndarray],
        learning_rate: Any,
    ) -> None:
        step = int(self._iterations.data) + 1
        alpha = learning_rate * math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        _kernels.adam_update(
            value,
            gradient,
            slots["momentum"],
            slots["velocity"],
            slots.get("velocity_hat"),
            alpha,
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


_BY_NAME: dict[str, type[Optimizer]] = {"adam": Adam, "rmsprop": RMSprop, "sgd": SGD}


def get(identifier: Any) -> Optimizer:
    """The optimizer for a name, an Optimizer or a class.

    >>> get("adam").name[:4]
    'adam'
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type):
        return identifier()
    name = identifier.lower() if isinstance(identifier, str) else identifier
    return lookup("optimizer", name, _BY_NAME)()


__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "get"]

__getattr__ = missing_attribute(__name__, __all__)
