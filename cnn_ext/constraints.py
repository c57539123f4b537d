"""Projections of weights that follow each step of an optimizer (`keras.constraints`).

For the weights of a dense layer, (inputs, units), `axis=0` constrains each unit's; for those of a
2-D convolution, (height, width, inputs, filters), `axis=[0, 1, 2]` each filter's.
"""

from __future__ import annotations

from typing import Any

from cnn_ext import config, ops
from cnn_ext._errors import TeachesKeywords, missing_attribute
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.registry import Configured, family

Axis = int | list[int] | tuple[int, ...] | None


class Constraint(TeachesKeywords):
    """Base of constraints: `constraint(w)` gives the projected weights.

    Counterpart of `keras.constraints.Constraint`.

    >>> class Halve(Constraint):
    ...     def __call__(self, w):
    ...         return w / 2
    >>> Halve()(3.0)
    1.5
    """

    def __call__(self, w: Any) -> Any:
        """The projection of weights, an array or Tensor; itself unless a subclass says more."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """A constraint from what `get_config` returned."""
        return cls(**config)


def _weights(w: Any) -> Any:
    return w if isinstance(w, Tensor) else as_array(w)


def _norms(w: Any, axis: Axis) -> Any:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Configured, Constraint):
    """Norms of at most `max_value`: longer weights are scaled down (`keras.constraints.MaxNorm`).

    Args:
        max_value: the largest norm.
        axis: axis or axes along which norms are taken.

    >>> MaxNorm(max_value=5)([6.0, 8.0]).round(4)
    array([3., 4.], dtype=float32)
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = _weights(w)
        norms = _norms(w, self.axis)
        wanted = ops.clip(norms, x_min=0, x_max=self.max_value)
        return w * (wanted / (config.epsilon() + norms))


class NonNeg(Constraint):
    """No negative weights: they become 0 (`keras.constraints.NonNeg`).

    >>> NonNeg()([-1.0, 2.0])
    array([0., 2.], dtype=float32)
    """

    def __call__(self, w: Any) -> Any:
        return ops.maximum(_weights(w), 0)


class UnitNorm(Configured, Constraint):
    """Norms of 1 (`keras.constraints.UnitNorm`).

    Args:
        axis: axis or axes along which norms are taken.

    >>> UnitNorm()([6.0, 8.0]).round(4)
    array([0.6, 0.8], dtype=float32)
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = _weights(w)
        return w / (config.epsilon() + _norms(w, self.axis))


class MinMaxNorm(Configured, Constraint):
    """Norms between two values (`keras.constraints.MinMaxNorm`).

    Args:
        min_value, max_value: the smallest and the largest norm.
        rate: how far weights move there: 1 all the way, 0.1 a tenth.
        axis: axis or axes along which norms are taken.

    >>> MinMaxNorm(1.0, 5.0)([6.0, 8.0]).round(4)
    array([3., 4.], dtype=float32)
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: Axis = 0,
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = _weights(w)
        norms = _norms(w, self.axis)
        within = ops.clip(norms, x_min=self.min_value, x_max=self.max_value)
        wanted = self.rate * within + (1 - self.rate) * norms
        return w * (wanted / (config.epsilon() + norms))


_PUBLIC = {
    "Constraint": Constraint,
    "MaxNorm": MaxNorm,
    "MinMaxNorm": MinMaxNorm,
    "NonNeg": NonNeg,
    "UnitNorm": UnitNorm,
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}
get, serialize, deserialize = family("constraint", "keras.constraints", _PUBLIC)

max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

__all__ = ["deserialize", "get", "serialize", *sorted(_PUBLIC)]

__getattr__ = missing_attribute(__name__, __all__)
