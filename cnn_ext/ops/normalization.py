"""Means and variances, and what divides by them."""

from __future__ import annotations

import math
from typing import Any

from cnn_ext import config
from cnn_ext.autograd import as_array
from cnn_ext.ops.dtypes import floats, tensor
from cnn_ext.ops.elementwise import absolute, log, maximum, minimum, power, square
from cnn_ext.ops.functions import rsqrt
from cnn_ext.ops.hints import Array, Axes
from cnn_ext.ops.reduction import axes_of, mean, sum
from cnn_ext.ops.shapes import reshape, squeeze


def moments(
    x: Array, axes: Axes, keepdims: bool = False, synchronized: bool = False
) -> tuple[Array, Array]:
    """Mean and variance over axes (`keras.ops.moments`); `synchronized` has no effect on one
    machine.

    >>> import numpy as np
    >>> moments(np.array([[1.0, 3.0]]), axes=[1])
    (array([2.]), array([1.]))
    """
    x = tensor(x)
    axes = axes_of(tuple(axes) if isinstance(axes, list) else axes, len(x.shape))
    average = mean(x, axis=axes, keepdims=True)
    variance = mean(square(x - average), axis=axes, keepdims=True)
    if keepdims or not axes:
        return average, variance
    return squeeze(average, axes), squeeze(variance, axes)


def batch_normalization(
    x: Array,
    mean: Array,
    variance: Array,
    axis: int,
    offset: Array | None = None,
    scale: Array | None = None,
    epsilon: float = 1e-3,
) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset (`keras.ops.batch_normalization`).

    Args:
        x: any shape.
        mean, variance, offset, scale: one number for each place along the axis.
        axis: that of the channels.
        epsilon: keeps the divisor from being 0.

    >>> import numpy as np
    >>> batch_normalization(np.ones((1, 2)), np.zeros(2), np.full(2, 4.0), -1, epsilon=0.0)
    array([[0.5, 0.5]])
    """
    x = tensor(x)
    last = axis in (-1, len(x.shape) - 1)

    def spread(values):
        values = tensor(values)
        if last or len(values.shape) != 1:
            return values
        return reshape(values, newshape=_along(x.shape, [axis]))

    factor = rsqrt(spread(variance) + epsilon)
    if scale is not None:
        factor = factor * spread(scale)
    shift = spread(mean) * factor
    return x * factor + (-shift if offset is None else spread(offset) - shift)


def _along(shape, axes):
    """The shape with 1 for all but some axes."""
    axes = axes_of(tuple(axes), len(shape))
    return tuple(n if i in axes else 1 for i, n in enumerate(shape))


def layer_normalization(
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    axis: Axes = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Array:
    """x with mean 0 and variance 1 along axes, times gamma, plus beta
    (`keras.ops.layer_normalization`).

    gamma, beta: of the axes' shape. epsilon: `config.epsilon()` if None.
    """
    if kwargs.pop("rms_scaling", False):
        raise ValueError("rms_scaling=True is rms_normalization. Received: rms_scaling=True")
    if kwargs:
        raise TypeError(
            f"layer_normalization: unexpected argument '{next(iter(kwargs))}'; it takes x, gamma, "
            f"beta, axis, epsilon. Received: {kwargs}"
        )
    x = floats(x)
    axes: list[Any] = sorted(axis) if isinstance(axis, list | tuple) else [axis]
    average, variance = moments(x, axes=axes, keepdims=True)
    factor = rsqrt(variance + (config.epsilon() if epsilon is None else epsilon))
    if gamma is not None:
        factor = factor * _beside(x, gamma, axes)
    shift = average * factor
    return x * factor + (-shift if beta is None else _beside(x, beta, axes) - shift)


def _beside(x, values, axes):
    """What belongs to some axes of x, in a shape that broadcasts with it."""
    values = tensor(values)
    if len(values.shape) == len(x.shape) or axes in ([-1], [len(x.shape) - 1]):
        return values
    return reshape(values, newshape=_along(x.shape, axes))


def rms_normalization(
    x: Array, scale: Array | None = None, axis: Axes = -1, epsilon: float | None = None
) -> Array:
    """x divided by the root of its mean square along axes (`keras.ops.rms_normalization`).

    scale: of the axes' shape. epsilon: `config.epsilon()` if None.
    """
    x = floats(x)
    axes: list[Any] = sorted(axis) if isinstance(axis, list | tuple) else [axis]
    square_mean = mean(square(x), axis=tuple(axes), keepdims=True)
    y = x * rsqrt(square_mean + (config.epsilon() if epsilon is None else epsilon))
    return y if scale is None else y * _beside(x, scale, axes)


def normalize(x: Array, axis: Axes = -1, order: int = 2, epsilon: float | None = None) -> Array:
    """x divided by its norm along an axis, which is at least epsilon (`keras.ops.normalize`).

    order: p of the norm, (sum of |x|^p)^(1/p). epsilon: `config.epsilon()` if None.
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    x = floats(x)
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        total = sum(square(x), axis=axis, keepdims=True)
        return x * minimum(rsqrt(maximum(total, _tiny(total))), 1.0 / epsilon)
    total = sum(power(absolute(x), float(order)), axis=axis, keepdims=True)
    return x / maximum(power(total, 1.0 / order), epsilon)


def _tiny(x):
    """The least normal number of x's dtype, whose root's reciprocal is finite."""
    return 1.1754944e-38 if x.dtype.itemsize == 4 else 2.2250738585072014e-308


def psnr(x1: Array, x2: Array, max_val: float) -> Array:
    """Peak signal-to-noise ratio in decibels (`keras.ops.psnr`).

    x1, x2: of one shape. max_val: the largest value that a signal can have.
    """
    x1, x2 = tensor(x1), tensor(x2)
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(
            f"Input shapes {tuple(x1.shape)} and {tuple(x2.shape)} must match for PSNR "
            f"calculation. Received: x1.shape={tuple(x1.shape)}, x2.shape={tuple(x2.shape)}"
        )
    noise = log(mean(square(x1 - x2))) * (10 / math.log(10))
    return 20 * math.log10(float(as_array(max_val))) - noise
