"""Activation functions."""

from __future__ import annotations

import math

import numpy as np

from cnn_ext.autograd import as_array, primitive
from cnn_ext.ops.dtypes import floats, tensor
from cnn_ext.ops.elementwise import (
    absolute,
    clip,
    exp,
    maximum,
    minimum,
    negative,
    sigmoid,
    softplus,
    sqrt,
    square,
    tanh,
    where,
)
from cnn_ext.ops.functions import erf, expm1
from cnn_ext.ops.hints import Array, Axes
from cnn_ext.ops.indexing import getitem
from cnn_ext.ops.reduction import sum

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@primitive
def softmax(x: Array, *, axis: Axes | None = -1) -> Array:
    """exp(x) / sum(exp(x)) along an axis, several, or all for None (`keras.ops.softmax`)."""
    x, axis = floats(x), tuple(axis) if isinstance(axis, list) else axis
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


softmax.gradients(lambda g, y, x, axis=-1: y * (g - sum(g * y, axis=axis, keepdims=True)))


@primitive
def log_softmax(x: Array, *, axis: Axes | None = -1) -> Array:
    """log(softmax(x)), exact where the softmax vanishes (`keras.ops.log_softmax`)."""
    x, axis = floats(x), tuple(axis) if isinstance(axis, list) else axis
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


log_softmax.gradients(lambda g, y, x, axis=-1: g - exp(y) * sum(g, axis=axis, keepdims=True))


@primitive
def relu6(x: Array) -> Array:
    """x within [0, 6] (`keras.ops.relu6`); gradient 0 at both limits."""
    return np.clip(x, 0, 6)


relu6.gradients(lambda g, y, x: g * ((x > 0) & (x < 6)))


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x for x > 0, else alpha * (exp(x) - 1) (`keras.ops.elu`)."""
    x = tensor(x)
    return where(x > 0, x, alpha * expm1(minimum(x, 0.0)))


def selu(x: Array) -> Array:
    """elu, scaled so that networks keep their mean and variance (`keras.ops.selu`)."""
    x = tensor(x)
    below = (SELU_SCALE * SELU_ALPHA) * expm1(minimum(x, 0.0))
    return where(x >= 0, SELU_SCALE * x, below)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """x for x > 0, else alpha * (exp(x / alpha) - 1) (`keras.ops.celu`)."""
    x = tensor(x)
    return where(x > 0, x, alpha * expm1(minimum(x, 0.0) / alpha))


def leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    """x for x > 0, else negative_slope * x (`keras.ops.leaky_relu`)."""
    x = tensor(x)
    return where(x > 0, x, negative_slope * x)


def gelu(x: Array, approximate: bool = True) -> Array:
    """x times the normal distribution's part below x (`keras.ops.gelu`).

    approximate: by a tanh, or by the error function.

    >>> import numpy as np
    >>> gelu(np.array([1.0]), approximate=False).round(6)
    array([0.841345])
    """
    x = tensor(x)
    if approximate:
        near = clip(x, x_min=-10.0, x_max=10.0)  # tanh is 1 there, and the cube may overflow
        inner = math.sqrt(2 / math.pi) * (near + 0.044715 * (near * near * near))
        return 0.5 * x * (1.0 + tanh(inner))
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


def silu(x: Array) -> Array:
    """x * sigmoid(x) (`keras.ops.silu`)."""
    x = tensor(x)
    return x * sigmoid(x)


swish = silu


def mish(x: Array) -> Array:
    """x * tanh(softplus(x)) (`keras.activations.mish`)."""
    x = tensor(x)
    return x * tanh(softplus(x))


def softsign(x: Array) -> Array:
    """x / (1 + |x|) (`keras.ops.softsign`)."""
    x = tensor(x)
    return x / (absolute(x) + 1.0)


def log_sigmoid(x: Array) -> Array:
    """log(sigmoid(x)), without overflow (`keras.ops.log_sigmoid`)."""
    return negative(softplus(negative(tensor(x))))


def hard_sigmoid(x: Array) -> Array:
    """relu6(x + 3) / 6 (`keras.ops.hard_sigmoid`)."""
    return relu6(tensor(x) + 3.0) / 6.0


def hard_silu(x: Array) -> Array:
    """x * hard_sigmoid(x) (`keras.ops.hard_silu`)."""
    x = tensor(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def hard_tanh(x: Array) -> Array:
    """x within [-1, 1] (`keras.ops.hard_tanh`)."""
    return clip(x, x_min=-1.0, x_max=1.0)


def tanh_shrink(x: Array) -> Array:
    """x - tanh(x) (`keras.ops.tanh_shrink`)."""
    x = tensor(x)
    return x - tanh(x)


def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """x where |x| > threshold, else 0 (`keras.ops.hard_shrink`); a NaN stays a NaN."""
    x = tensor(x)
    return where(absolute(x) <= threshold, 0.0, x)


def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """x moved towards 0 by the threshold, as far as 0 (`keras.ops.soft_shrink`)."""
    x = tensor(x)
    return x - clip(x, x_min=-threshold, x_max=threshold)


def threshold(x: Array, threshold: float, default_value: float) -> Array:
    """x above the threshold, else default_value (`keras.ops.threshold`); a NaN stays a NaN."""
    x = tensor(x)
    return where(x <= threshold, default_value, x)


def squareplus(x: Array, b: float = 4) -> Array:
    """(x + sqrt(x^2 + b)) / 2, for x < 0 without the sum's cancellation (`keras.ops.squareplus`).

    b must be positive there.
    """
    x = tensor(x)
    above, below = maximum(x, 0.0), minimum(x, 0.0)
    large = (above + sqrt(square(above) + float(b))) / 2.0
    small = 0.5 * b / (sqrt(square(below) + float(b)) - below)
    return where(x > 0, large, small)


def sparse_plus(x: Array) -> Array:
    """0 up to -1, x from 1, and (x + 1)^2 / 4 between (`keras.ops.sparse_plus`)."""
    x = tensor(x)
    return where(x <= -1, 0.0, where(x < 1, square(x + 1.0) * 0.25, x))


def sparse_sigmoid(x: Array) -> Array:
    """0 up to -1, 1 from 1, and (x + 1) / 2 between (`keras.ops.sparse_sigmoid`)."""
    x = tensor(x)
    return where(x <= -1, 0.0, where(x >= 1, 1.0, (x + 1.0) * 0.5))


def glu(x: Array, axis: int = -1) -> Array:
    """The first half of x along an axis, times the sigmoid of the second (`keras.ops.glu`)."""
    x = tensor(x)
    if x.shape[axis] % 2:
        raise ValueError(
            f"axis size must be divisible by 2. Received: x.shape={tuple(x.shape)} with axis={axis}"
        )
    half, before = x.shape[axis] // 2, (slice(None),) * (axis % len(x.shape))
    first = getitem(x, index=(*before, slice(0, half)))
    return first * sigmoid(getitem(x, index=(*before, slice(half, None))))


def sparsemax(x: Array, axis: int = -1) -> Array:
    """x above a threshold that rises with the largest of x, 0 below (`keras.ops.sparsemax`).

    As Keras computes it: the threshold is (the sum of the running sums of the elements held - 1) /
    their number, where the paper has the sum of the elements, so that results need not sum to 1.
    """
    x = tensor(x)
    order = np.argsort(-as_array(x), axis=axis, kind="stable")
    ranks = np.argsort(order, axis=axis) + 1
    falling = np.take_along_axis(as_array(x), order, axis=axis)
    nth = np.take_along_axis(ranks, order, axis=axis)
    held = falling - (np.cumsum(falling, axis=axis) - 1) / nth.astype(falling.dtype) > 0
    count = np.maximum(np.sum(held, axis=axis, keepdims=True), 1)  # 0 where x is vast
    weights = np.maximum(count - ranks + 1, 0).astype(falling.dtype)
    least = (sum(x * weights, axis=axis, keepdims=True) - 1.0) / count.astype(falling.dtype)
    return maximum(x - least, 0.0)
