"""Comparisons and truth values: no gradient passes."""

from __future__ import annotations

import numpy as np

from cnn_ext.autograd import primitive
from cnn_ext.ops.dtypes import tensor, together
from cnn_ext.ops.hints import Array, Axes


@primitive
def equal(x1: Array, x2: Array) -> Array:
    """Whether each pair is equal (`keras.ops.equal`)."""
    return np.equal(*together(x1, x2))


@primitive
def not_equal(x1: Array, x2: Array) -> Array:
    """Whether each pair differs (`keras.ops.not_equal`)."""
    return np.not_equal(*together(x1, x2))


@primitive
def less(x1: Array, x2: Array) -> Array:
    """Whether x1 < x2 (`keras.ops.less`)."""
    return np.less(*together(x1, x2))


@primitive
def less_equal(x1: Array, x2: Array) -> Array:
    """Whether x1 <= x2 (`keras.ops.less_equal`)."""
    return np.less_equal(*together(x1, x2))


@primitive
def greater(x1: Array, x2: Array) -> Array:
    """Whether x1 > x2 (`keras.ops.greater`)."""
    return np.greater(*together(x1, x2))


@primitive
def greater_equal(x1: Array, x2: Array) -> Array:
    """Whether x1 >= x2 (`keras.ops.greater_equal`)."""
    return np.greater_equal(*together(x1, x2))


@primitive
def logical_and(x1: Array, x2: Array) -> Array:
    """Whether both hold (`keras.ops.logical_and`)."""
    return np.logical_and(x1, x2)


@primitive
def logical_or(x1: Array, x2: Array) -> Array:
    """Whether one of them holds (`keras.ops.logical_or`)."""
    return np.logical_or(x1, x2)


@primitive
def logical_xor(x1: Array, x2: Array) -> Array:
    """Whether just one of them holds (`keras.ops.logical_xor`)."""
    return np.logical_xor(x1, x2)


@primitive
def logical_not(x: Array) -> Array:
    """Whether it does not hold (`keras.ops.logical_not`)."""
    return np.logical_not(x)


@primitive
def isnan(x: Array) -> Array:
    """Whether each element is not a number (`keras.ops.isnan`)."""
    return np.isnan(tensor(x))


@primitive
def isinf(x: Array) -> Array:
    """Whether each element is infinite (`keras.ops.isinf`)."""
    return np.isinf(tensor(x))


@primitive
def isfinite(x: Array) -> Array:
    """Whether each element is a finite number (`keras.ops.isfinite`)."""
    return np.isfinite(tensor(x))


@primitive
def isclose(
    x1: Array, x2: Array, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Array:
    """Whether |x1 - x2| <= atol + rtol |x2| (`keras.ops.isclose`)."""
    return np.isclose(*together(x1, x2), rtol=rtol, atol=atol, equal_nan=equal_nan)


@primitive
def allclose(
    x1: Array, x2: Array, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Array:
    """Whether all pairs are close, as `isclose` says (`keras.ops.allclose`)."""
    return np.all(isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan))


@primitive
def any(x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Whether one element along axes, all for None, holds (`keras.ops.any`)."""
    return np.any(x, axis=_axes(axis), keepdims=keepdims)


@primitive
def all(x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Whether all elements along axes, all for None, hold (`keras.ops.all`)."""
    return np.all(x, axis=_axes(axis), keepdims=keepdims)


@primitive
def count_nonzero(x: Array, *, axis: Axes | None = None) -> Array:
    """How many elements along axes, all for None, are not 0 (`keras.ops.count_nonzero`)."""
    return np.asarray(np.count_nonzero(x, axis=_axes(axis)), dtype=np.int32)


def _axes(axis):
    return tuple(axis) if isinstance(axis, list) else axis


for _operation in (
    equal, not_equal, less, less_equal, greater, greater_equal, logical_and, logical_or,
    logical_xor, logical_not, isnan, isinf, isfinite, isclose, allclose, any, all, count_nonzero,
):  # fmt: skip
    _operation.gradients(None, None)
