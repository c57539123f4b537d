"""Penalties on weights or outputs that are added to the loss (`keras.regularizers`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnn_ext import config, ops
from cnn_ext._errors import TeachesKeywords, missing_attribute
from cnn_ext.registry import Configured, family


class Regularizer(TeachesKeywords):
    """Base of regularizers: `regularizer(x)` gives one number (`keras.Regularizer`).

    >>> class Mean(Regularizer):
    ...     def __call__(self, x):
    ...         return ops.mean(x)
    >>> float(Mean()(np.array([1.0, 3.0])))
    2.0
    """

    def __call__(self, x: Any) -> Any:
        """The penalty for an array or Tensor; 0 unless a subclass says otherwise."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; subclasses implement it."""
        raise NotImplementedError(f"{self} does not implement get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """A regularizer from what `get_config` returned."""
        return cls(**config)


def _factor(value: Any, name: str) -> float:
    if (
        not isinstance(value, float | int | np.floating | np.integer)
        or not math.isfinite(value)
        or value < 0
    ):
        raise ValueError(
            f"Invalid value for argument {name}: expected a non-negative float. "
            f"Received: {name}={value}"
        )
    return float(value)


def _rounded(factor: float) -> float:
    """The factor in `config.floatx()`, as Keras keeps and writes some."""
    return float(np.dtype(config.floatx()).type(factor))


class L1L2(Configured, Regularizer):
    """l1 * sum(|x|) + l2 * sum(x * x) (`keras.regularizers.L1L2`).

    Args:
        l1, l2: factors, 0 or more; None is 0.

    >>> float(L1L2(l1=0.5, l2=2.0)(np.array([1.0, -2.0])))
    11.5
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(0.0 if l1 is None else l1, "l1")
        self.l2 = _factor(0.0 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> Any:
        if not self.l2:
            return self.l1 * ops.sum(ops.absolute(x)) if self.l1 else np.zeros((), x.dtype)
        squares = self.l2 * ops.sum(ops.square(x))
        return self.l1 * ops.sum(ops.absolute(x)) + squares if self.l1 else squares


class L1(Configured, Regularizer):
    """l1 * sum(|x|): draws weights to exactly 0 (`keras.regularizers.L1`).

    Args:
        l1: factor, 0 or more; None is 0.01.

    >>> float(L1(0.5)(np.array([1.0, -2.0])))
    1.5
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _rounded(_factor(0.01 if l1 is None else l1, "l1"))

    def __call__(self, x: Any) -> Any:
        return self.l1 * ops.sum(ops.absolute(x))


class L2(Configured, Regularizer):
    """l2 * sum(x * x): draws large weights most, also known as weight decay (`keras.regularizers`).

    Args:
        l2: factor, 0 or more; None is 0.01.

    >>> float(L2(0.5)(np.array([1.0, -2.0])))
    2.5
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor(0.01 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> Any:
        return self.l2 * ops.sum(ops.square(x))


class OrthogonalRegularizer(Configured, Regularizer):
    """factor times the mean |cosine| of the angles between a matrix's rows, or its columns.

    Args:
        factor: 0 or more.
        mode: `"rows"` or `"columns"`.

    Without a pair of rows the penalty is 0, where `keras.regularizers.OrthogonalRegularizer` gives
    NaN.

    >>> float(OrthogonalRegularizer(1.0)(np.array([[1.0, 0.0], [0.0, 3.0], [0.0, 2.0]]))) * 3
    1.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _rounded(_factor(factor, "factor"))
        if mode not in ("rows", "columns"):
            raise ValueError(
                'Invalid value for argument `mode`. Expected one of {"rows", "columns"}. '
                f"Received: mode={mode}"
            )
        self.mode = mode

    def __call__(self, inputs: Any) -> Any:
        if len(inputs.shape) != 2:
            raise ValueError(
                "Inputs to OrthogonalRegularizer must have rank 2. Received: "
                f"inputs.shape={inputs.shape}"
            )
        rows = inputs if self.mode == "rows" else ops.transpose(inputs)
        size = rows.shape[0]
        squares = ops.sum(ops.square(rows), axis=1, keepdims=True)
        unit = rows / ops.sqrt(ops.maximum(squares, config.epsilon() ** 2))
        cosines = ops.matmul(unit, ops.transpose(unit)) * (1 - np.eye(size, dtype=unit.dtype))
        pairs = max(size * (size - 1) / 2, 1)
        return self.factor * 0.5 / pairs * ops.sum(ops.absolute(cosines))


_PUBLIC = {
    "Regularizer": Regularizer,
    "L1": L1,
    "L1L2": L1L2,
    "L2": L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "l1": L1,
    "l1_l2": L1L2,
    "l2": L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}
get, serialize, deserialize = family(
    "regularizer", "keras.regularizers", _PUBLIC | {"l1l2": L1L2}, _PUBLIC
)

l1 = L1
l1_l2 = L1L2
l2 = L2
orthogonal_regularizer = OrthogonalRegularizer

__all__ = ["deserialize", "get", "serialize", *sorted(_PUBLIC)]

__getattr__ = missing_attribute(__name__, __all__)
