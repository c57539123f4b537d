"""Operations that sum, average or multiply along axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cnn_ext.autograd import as_array, primitive
from cnn_ext.ops.dtypes import floats, sum_dtype, tensor
from cnn_ext.ops.elementwise import divide_no_nan, exp, log, maximum, sqrt, square, where
from cnn_ext.ops.hints import Array, Axes, DType
from cnn_ext.ops.shapes import broadcast_to, flip, reshape, transpose


def axes_of(axis: Axes | None, rank: int) -> tuple[int, ...]:
    """The axes that a reduction runs over, none negative; all for None."""
    if axis is None:
        return tuple(range(rank))
    axes = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    for i in axes:
        if not -rank <= i < rank:
            raise ValueError(f"axis must be in [{-rank}, {rank}). Received: axis={axis}")
    return tuple(sorted({i % rank for i in axes}))


def _kept(shape: Sequence[int], axis: Axes | None) -> tuple[int, ...]:
    """The shape of a reduction with keepdims."""
    axes = axes_of(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _dropped(shape: Sequence[int], axis: Axes | None) -> tuple[int, ...]:
    """The shape of a reduction without keepdims."""
    axes = axes_of(axis, len(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _spread(g, x, axis):
    """What belongs to each reduction, at each of the elements that went into it."""
    return broadcast_to(reshape(g, newshape=_kept(x.shape, axis)), shape=x.shape)


@primitive
def sum(x: Array, *, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Sum over axes, all for None (`keras.ops.sum`)."""
    x = tensor(x)
    dtype = None if x.dtype.kind == "f" else sum_dtype(x)
    return np.sum(x, axis=axes_of(axis, x.ndim), keepdims=keepdims, dtype=dtype)


sum.gradients(lambda g, y, x, axis=None, keepdims=False: _spread(g, x, axis))


@primitive
def max(
    x: Array, *, axis: Axes | None = None, keepdims: bool = False, initial: float | None = None
) -> Array:
    """Maximum over axes, all for None, and `initial` (`keras.ops.max`); equals share the
    gradient."""
    x = tensor(x)
    y = np.max(x, axis=axes_of(axis, x.ndim), keepdims=keepdims)
    return y if initial is None else np.maximum(y, initial)


@primitive
def min(
    x: Array, *, axis: Axes | None = None, keepdims: bool = False, initial: float | None = None
) -> Array:
    """Minimum over axes, all for None, and `initial` (`keras.ops.min`); equals share the
    gradient."""
    x = tensor(x)
    y = np.min(x, axis=axes_of(axis, x.ndim), keepdims=keepdims)
    return y if initial is None else np.minimum(y, initial)


def _share_among_equals(g, y, x, axis=None, keepdims=False, initial=None):
    hits = (x == reshape(y, newshape=_kept(x.shape, axis))).astype(x.dtype)
    found = sum(hits, axis=axis, keepdims=True)
    if initial is not None:
        found = maximum(found, 1.0)
    return _spread(g, x, axis) * (hits / found)


max.gradients(_share_among_equals)
min.gradients(_share_among_equals)


def amax(x: Array, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Maximum over axes, all for None (`keras.ops.amax`)."""
    return max(x, axis=axis, keepdims=keepdims)


def amin(x: Array, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Minimum over axes, all for None (`keras.ops.amin`)."""
    return min(x, axis=axis, keepdims=keepdims)


def mean(x: Array, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Mean over axes, all for None (`keras.ops.mean`)."""
    x = floats(x)
    count = math.prod(x.shape[i] for i in axes_of(axis, len(x.shape)))
    return sum(x, axis=axis, keepdims=keepdims) / count


def average(x: Array, axis: int | None = None, weights: Array | None = None) -> Array:
    """Mean over an axis, all for None, each element by its weight (`keras.ops.average`)."""
    if weights is None:
        return mean(x, axis)
    x, weights = floats(x), floats(weights)
    if tuple(weights.shape) != tuple(x.shape):
        if axis is None or weights.shape != (x.shape[axis],):
            raise ValueError(
                "average: weights must have x's shape, or be a vector along the axis. Received: "
                f"x.shape={tuple(x.shape)}, weights.shape={tuple(weights.shape)}, axis={axis}"
            )
        place = axis % len(x.shape)
        along = tuple(n if i == place else 1 for i, n in enumerate(x.shape))
        weights = broadcast_to(reshape(weights, newshape=along), shape=x.shape)
    return sum(x * weights, axis=axis) / sum(weights, axis=axis)


def var(x: Array, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Variance over axes, all for None: the mean square of the deviations (`keras.ops.var`)."""
    x = floats(x)
    return mean(square(x - mean(x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims)


def std(x: Array, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """Standard deviation over axes, all for None (`keras.ops.std`)."""
    return sqrt(var(x, axis=axis, keepdims=keepdims))


def logsumexp(x: Array, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) without overflow (`keras.ops.logsumexp`)."""
    x = floats(x)
    top = np.max(as_array(x), axis=axes_of(axis, len(x.shape)), keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = log(sum(exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else reshape(total, newshape=_dropped(x.shape, axis))


@primitive
def cumsum(x: Array, *, axis: int | None = None, dtype: DType | None = None) -> Array:
    """The sum up to each element along an axis, of all in a row for None (`keras.ops.cumsum`)."""
    x = tensor(x)
    if dtype is None:
        dtype = np.int32 if x.dtype == bool else x.dtype
    return np.cumsum(x, axis=axis, dtype=dtype)


def _sum_from_the_end(g, axis):
    return flip(cumsum(flip(g, axis), axis=axis), axis)


def _cumsum_gradient(g, y, x, axis=None, dtype=None):
    return reshape(_sum_from_the_end(g, 0 if axis is None else axis), newshape=x.shape)


cumsum.gradients(_cumsum_gradient)


@primitive
def _cumprod(x, *, axis):
    return np.cumprod(x, axis=axis, dtype=x.dtype)


_cumprod.gradients(lambda g, y, x, axis: divide_no_nan(_sum_from_the_end(g * y, axis), x))


def cumprod(x: Array, axis: int | None = None, dtype: DType | None = None) -> Array:
    """The product up to each element along an axis, of all in a row for None
    (`keras.ops.cumprod`). As in TensorFlow, an element that is 0 gets no gradient."""
    x = tensor(x)
    x = x.astype(np.int32 if x.dtype == bool else x.dtype) if dtype is None else x.astype(dtype)
    return _cumprod(reshape(x, newshape=(-1,)), axis=0) if axis is None else _cumprod(x, axis=axis)


@primitive
def _product(x):
    """The product along the last axis."""
    return np.prod(x, axis=-1, dtype=x.dtype)


def _product_of_others(y, x):
    """For each element along the last axis the product of the others, right where one is 0."""
    if not (as_array(x) == 0).any():
        return reshape(y, newshape=(*x.shape[:-1], 1)) / x
    count = x.shape[-1]
    rows = reshape(x, newshape=(*x.shape[:-1], 1, count))
    return _product(where(np.eye(count, dtype=bool), 1.0, rows))


_product.gradients(
    lambda g, y, x: reshape(g, newshape=(*x.shape[:-1], 1)) * _product_of_others(y, x)
)


def prod(
    x: Array, axis: Axes | None = None, keepdims: bool = False, dtype: DType | None = None
) -> Array:
    """Product over axes, all for None (`keras.ops.prod`)."""
    x = tensor(x)
    x = x.astype(sum_dtype(x)) if dtype is None else x.astype(dtype)
    axes = axes_of(axis, len(x.shape))
    kept = [i for i in range(len(x.shape)) if i not in axes]
    count = math.prod(x.shape[i] for i in axes)
    rows = reshape(transpose(x, axes=(*kept, *axes)), newshape=(*(x.shape[i] for i in kept), count))
    y = _product(rows)
    return reshape(y, newshape=_kept(x.shape, axis)) if keepdims else y
