"""Operations on each element, with NumPy's broadcasting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext.autograd import as_array, primitive
from cnn_ext.ops.dtypes import floats, is_whole, together
from cnn_ext.ops.hints import Array, DType


def is_float_array(*values: Any) -> bool:
    """Whether the kernels can take these values: arrays of one float dtype."""
    dtype = getattr(values[0], "dtype", None)
    return dtype in (np.float32, np.float64) and all(
        isinstance(value, np.ndarray) and value.dtype == dtype for value in values
    )


@primitive
def add(x1: Array, x2: Array) -> Array:
    """x1 + x2 (`keras.ops.add`)."""
    return np.add(*together(x1, x2))


add.gradients(lambda g, y, x1, x2: g, lambda g, y, x1, x2: g)


@primitive
def subtract(x1: Array, x2: Array) -> Array:
    """x1 - x2 (`keras.ops.subtract`)."""
    return np.subtract(*together(x1, x2))


subtract.gradients(lambda g, y, x1, x2: g, lambda g, y, x1, x2: negative(g))


@primitive
def multiply(x1: Array, x2: Array) -> Array:
    """x1 * x2 (`keras.ops.multiply`)."""
    return np.multiply(*together(x1, x2))


multiply.gradients(lambda g, y, x1, x2: g * x2, lambda g, y, x1, x2: g * x1)


@primitive
def divide(x1: Array, x2: Array) -> Array:
    """x1 / x2 (`keras.ops.divide`)."""
    x1, x2 = together(x1, x2)
    if is_whole(x1) and is_whole(x2):
        x1, x2 = floats(x1), floats(x2)
    return np.true_divide(x1, x2)


divide.gradients(lambda g, y, x1, x2: g / x2, lambda g, y, x1, x2: negative(g * y / x2))


@primitive
def power(x1: Array, x2: Array) -> Array:
    """x1 to the power x2 (`keras.ops.power`); the gradient by x2 needs x1 >= 0."""
    return np.power(*together(x1, x2))


power.gradients(
    lambda g, y, x1, x2: g * x2 * power(x1, x2 - 1),
    lambda g, y, x1, x2: g * y * _log_of_base(x1, y.dtype),
)


def _log_of_base(x, dtype):
    """log(x), of integers in the dtype of the power, 0 where x is not positive."""
    if not hasattr(x, "dtype"):
        return math.log(x) if x > 0 else 0.0
    return log(where(x > 0, cast(x, dtype=dtype) if is_whole(x) else x, 1.0))


@primitive
def negative(x: Array) -> Array:
    """-x (`keras.ops.negative`)."""
    return np.negative(x)


negative.gradients(lambda g, y, x: negative(g))


@primitive
def exp(x: Array) -> Array:
    """e to the power x (`keras.ops.exp`)."""
    return np.exp(floats(x))


exp.gradients(lambda g, y, x: g * y)


@primitive
def log(x: Array) -> Array:
    """Natural logarithm (`keras.ops.log`)."""
    return np.log(floats(x))


log.gradients(lambda g, y, x: g / x)


@primitive
def log1p(x: Array) -> Array:
    """log(1 + x), exact for small x (`keras.ops.log1p`)."""
    return np.log1p(floats(x))


log1p.gradients(lambda g, y, x: g / (x + 1))


@primitive
def sqrt(x: Array) -> Array:
    """Square root (`keras.ops.sqrt`)."""
    return np.sqrt(floats(x))


sqrt.gradients(lambda g, y, x: g * 0.5 / y)


@primitive
def square(x: Array) -> Array:
    """x * x (`keras.ops.square`)."""
    return np.square(x)


square.gradients(lambda g, y, x: g * (x * 2))


@primitive
def absolute(x: Array) -> Array:
    """Absolute value (`keras.ops.absolute`); gradient 0 at 0."""
    return np.absolute(x)


absolute.gradients(lambda g, y, x: g * sign(x))


@primitive
def sign(x: Array) -> Array:
    """-1, 0 or 1 (`keras.ops.sign`); no gradient passes."""
    return np.sign(x)


sign.gradients(None)


@primitive
def tanh(x: Array) -> Array:
    """Hyperbolic tangent (`keras.ops.tanh`)."""
    return np.tanh(floats(x))


tanh.gradients(lambda g, y, x: g * (1 - y * y))


@primitive
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow (`keras.ops.sigmoid`)."""
    x = floats(x)
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, z).astype(z.dtype) / (1 + z)


sigmoid.gradients(lambda g, y, x: g * (y * (1 - y)))


@primitive
def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow (`keras.ops.softplus`)."""
    x = floats(x)
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


softplus.gradients(lambda g, y, x: g * sigmoid(x))


@primitive
def relu(x: Array) -> Array:
    """max(x, 0) (`keras.ops.relu`); gradient 0 at 0. A NaN stays a NaN."""
    return _kernels.relu_forward(x) if is_float_array(x) else np.maximum(x, 0)


relu.gradients(lambda g, y, x: relu_backward(g, y=as_array(y)))


@primitive
def relu_backward(grad_y: Array, *, y: Array) -> Array:
    """grad_y where the array y > 0, else 0: the gradient by x of y = relu(x)."""
    grad_y = np.asarray(grad_y)
    return _kernels.relu_backward(grad_y, np.asarray(y, grad_y.dtype))


relu_backward.gradients(lambda g, result, grad_y, y: relu_backward(g, y=y))


@primitive
def add_bias(x: Array, bias: Array) -> Array:
    """x (.., channels) + bias (channels,)."""
    return _kernels.add_bias(x, bias) if is_float_array(x, bias) else np.add(x, bias)


add_bias.gradients(lambda g, y, x, bias: g, lambda g, y, x, bias: column_sum(g))


@primitive
def column_sum(x: Array) -> Array:
    """The sum of x (.., channels) over all axes but the last: the gradient by a bias."""
    return _kernels.column_sum(x)


column_sum.gradients(lambda g, y, x: g + np.zeros(x.shape, x.dtype))


@primitive
def maximum(x1: Array, x2: Array) -> Array:
    """The larger of each pair (`keras.ops.maximum`); the gradient of equals goes to x1."""
    return np.maximum(*together(x1, x2))


maximum.gradients(lambda g, y, x1, x2: g * (x1 >= x2), lambda g, y, x1, x2: g * (x1 < x2))


@primitive
def minimum(x1: Array, x2: Array) -> Array:
    """The smaller of each pair (`keras.ops.minimum`); the gradient of equals goes to x1."""
    return np.minimum(*together(x1, x2))


minimum.gradients(lambda g, y, x1, x2: g * (x1 <= x2), lambda g, y, x1, x2: g * (x1 > x2))


@primitive
def clip(x: Array, *, x_min: Array, x_max: Array) -> Array:
    """x within [x_min, x_max] (`keras.ops.clip`); gradient 1 inside and at the limits, else 0."""
    return np.clip(x, x_min, x_max)


clip.gradients(lambda g, y, x, x_min, x_max: g * ((x >= x_min) & (x <= x_max)))


@primitive
def where(condition: Array, x1: Array | None = None, x2: Array | None = None) -> Array:
    """x1 where the condition holds, else x2 (`keras.ops.where`).

    With the condition alone: the indices where it holds, an array for each axis.
    """
    if x1 is None and x2 is None:
        return np.stack(np.nonzero(condition)).astype(np.int32)
    return np.where(condition, *together(x1, x2))


where.gradients(
    None,
    lambda g, y, condition, x1, x2: where(condition, g, 0.0),
    lambda g, y, condition, x1, x2: where(condition, 0.0, g),
)


@primitive
def cast(x: Array, *, dtype: DType) -> Array:
    """x in another dtype (`keras.ops.cast`)."""
    return np.asarray(x).astype(dtype)


cast.gradients(lambda g, y, x, dtype: g)


@primitive
def nan_to_num(
    x: Array, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Array:
    """x with numbers for NaN and infinity, the largest ones for None (`keras.ops.nan_to_num`)."""
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


nan_to_num.gradients(lambda g, y, x, **_: where(np.isfinite(as_array(x)), g, 0.0))


def divide_no_nan(x1: Array, x2: Array) -> Array:
    """x1 / x2, and 0 where x2 is 0 (`keras.ops.divide_no_nan`)."""
    zero = equal_to_zero(x2)
    return where(zero, 0.0, divide(x1, where(zero, 1.0, x2)))


def equal_to_zero(x: Array) -> np.ndarray:
    """Whether each element is 0, as an array."""
    return as_array(x) == 0


def true_divide(x1: Array, x2: Array) -> Array:
    """x1 / x2 (`keras.ops.true_divide`): what `/` is called in models."""
    return divide(x1, x2)


setattr(true_divide, "arity", 2)  # noqa: B010 - both are written as arguments of the call

abs = fabs = absolute
