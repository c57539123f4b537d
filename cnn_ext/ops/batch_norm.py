"""Batch normalization over all axes but the last, fused: few passes over memory, forth and back.

Arrays are worked through in parts that stay in the processor's cache from one step to the next. The
parts depend on the sizes alone, and so do the bits.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext.autograd import Tensor, as_array, primitive, remember
from cnn_ext.ops.elementwise import is_float_array, square
from cnn_ext.ops.functions import rsqrt
from cnn_ext.ops.hints import Array
from cnn_ext.ops.reduction import mean, sum

PART = 1 << 15  # elements that are worked on at a time: 128 KB of float32
WIDTH = 1024  # NumPy's inner loops run along at least so many elements where sizes allow it


class _Rows:
    """Arrays (.., channels) seen as rows of several pixels, so that NumPy's loops are long."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.channels = shape[-1]
        pixels = int(np.prod(shape[:-1]))
        fits = max(1, WIDTH // self.channels)
        self.pixels = max(n for n in range(1, fits + 1) if pixels % n == 0)  # in a row
        self.count = pixels // self.pixels
        self.step = max(1, PART // (self.pixels * self.channels))
        self.scratch: Any = None

    def of(self, x: np.ndarray) -> np.ndarray:
        """The array as rows."""
        return x.reshape(self.count, self.pixels * self.channels)

    def wide(self, values: np.ndarray) -> np.ndarray:
        """One number a channel, for each element of a row."""
        return np.tile(values, self.pixels)

    def parts(self, dtype: Any) -> Iterator[tuple[slice, np.ndarray]]:
        """Parts of the rows, each with room for results."""
        if self.scratch is None:
            self.scratch = np.empty((self.step, self.pixels * self.channels), dtype)
        for start in range(0, self.count, self.step):
            stop = min(start + self.step, self.count)
            yield slice(start, stop), self.scratch[: stop - start]

    def total(self, part: np.ndarray) -> np.ndarray:
        """The sum of each channel in a part, in float64 over the pixels of a row."""
        row = _kernels.column_sum(part).astype(np.float64)
        return row.reshape(self.pixels, self.channels).sum(axis=0)


def _fusible(x: Any) -> bool:
    return is_float_array(x) and x.ndim > 1 and x.size > 0


@primitive
def normalize_batch(
    x: Array, gamma: Array, beta: Array, *, epsilon: float, statistics: dict[str, Any]
) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta with x's own mean and variance.

    Args:
        x: (.., channels); the mean and the variance are over all axes but the last.
        gamma, beta: (channels,).
        epsilon: keeps the divisor from being 0.
        statistics: a dict, which is handed "mean" and "variance", (channels,).
    """
    x = np.ascontiguousarray(x)
    rows = _Rows(x.shape)
    count = rows.count * rows.pixels
    middle = (_kernels.column_sum(x) / count).astype(x.dtype)
    y = _kernels.add_bias(x, -middle)
    flat, squares, rest = rows.of(y), np.zeros(rows.channels), np.zeros(rows.channels)
    for part, room in rows.parts(x.dtype):
        np.multiply(flat[part], flat[part], out=room)
        squares += rows.total(room)
        rest += rows.total(flat[part])
    rest /= count  # what rounding has left of the mean
    variance = np.maximum(squares / count - rest * rest, 0)
    inverse = 1 / np.sqrt(variance + epsilon)
    factor = inverse * gamma
    by, plus = (rows.wide(v.astype(x.dtype)) for v in (factor, beta - rest * factor))
    for part, _ in rows.parts(x.dtype):
        flat[part] *= by
        flat[part] += plus
    middle = middle + rest
    statistics |= {"mean": middle.astype(x.dtype), "variance": variance.astype(x.dtype)}
    return remember(y, middle=middle, inverse=inverse, memo={})


def _sums(g, x, middle, inverse, memo):
    """The sums over pixels of g, and of g times the normalized x."""
    known = memo.get("of")
    if known is not None and known() is g:
        return memo["sums"]
    g, x = np.ascontiguousarray(g), np.ascontiguousarray(x)
    rows = _Rows(x.shape)
    shift = rows.wide(middle.astype(x.dtype))
    flat_g, flat_x = rows.of(g), rows.of(x)
    total, product = np.zeros(rows.channels), np.zeros(rows.channels)
    for part, room in rows.parts(x.dtype):
        np.subtract(flat_x[part], shift, out=room)
        np.multiply(room, flat_g[part], out=room)
        total += rows.total(flat_g[part])
        product += rows.total(room)
    sums = total, product * inverse
    memo |= {"of": weakref.ref(g), "sums": sums}
    return sums


def _by_x(g, y, x, gamma, beta, epsilon, middle, inverse, memo, **_):
    if any(isinstance(value, Tensor) for value in (g, x, gamma)):
        return _composed(g, x, gamma, epsilon)
    total, product = _sums(g, x, middle, inverse, memo)
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    rows = _Rows(x.shape)
    count, factor = rows.count * rows.pixels, inverse * as_array(gamma)
    result = _kernels.add_bias(x, -middle.astype(x.dtype))
    steps = (factor, -factor * inverse * product / count, -factor * total / count)
    of_g, of_x, plus = (rows.wide(v.astype(x.dtype)) for v in steps)
    flat, flat_g = rows.of(result), rows.of(g)
    for part, room in rows.parts(x.dtype):
        flat[part] *= of_x
        np.multiply(flat_g[part], of_g, out=room)
        room += plus
        flat[part] += room
    return result


def _normalized(x, epsilon):
    """The normalized x and the reciprocal of its deviation, which can be differentiated."""
    axes = tuple(range(len(x.shape) - 1))
    centred = x - mean(x, axis=axes, keepdims=True)
    inverse = rsqrt(mean(square(centred), axis=axes, keepdims=True) + epsilon)
    return centred * inverse, inverse


def _composed(g, x, gamma, epsilon):
    axes = tuple(range(len(x.shape) - 1))
    normal, inverse = _normalized(x, epsilon)
    along = mean(g * normal, axis=axes, keepdims=True)
    return (g - mean(g, axis=axes, keepdims=True) - normal * along) * (inverse * gamma)


def _by_gamma(g, y, x, gamma, beta, epsilon, middle, inverse, memo, **_):
    if any(isinstance(value, Tensor) for value in (g, x)):
        return sum(g * _normalized(x, epsilon)[0], axis=tuple(range(len(x.shape) - 1)))
    return _sums(g, x, middle, inverse, memo)[1].astype(x.dtype)


def _by_beta(g, y, x, gamma, beta, epsilon, middle, inverse, memo, **_):
    if any(isinstance(value, Tensor) for value in (g, x)):
        return sum(g, axis=tuple(range(len(x.shape) - 1)))
    return _sums(g, x, middle, inverse, memo)[0].astype(x.dtype)


normalize_batch.gradients(_by_x, _by_gamma, _by_beta)


@primitive
def scale_and_shift(x: Array, factor: Array, shift: Array) -> Array:
    """x * factor + shift, where x is (.., channels), the others (channels,), in one pass."""
    if not _fusible(x) or np.shape(factor) != x.shape[-1:] or np.shape(shift) != x.shape[-1:]:
        return x * factor + shift
    x = np.ascontiguousarray(x)
    y, rows = np.empty_like(x), _Rows(x.shape)
    flat_x, flat_y = rows.of(x), rows.of(y)
    by, plus = rows.wide(np.asarray(factor, x.dtype)), rows.wide(np.asarray(shift, x.dtype))
    for part, _ in rows.parts(x.dtype):
        np.multiply(flat_x[part], by, out=flat_y[part])
        flat_y[part] += plus
    return y


scale_and_shift.gradients(
    lambda g, y, x, factor, shift: g * factor,
    lambda g, y, x, factor, shift: g * x,
    lambda g, y, x, factor, shift: g,
)
