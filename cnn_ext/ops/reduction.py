"""Operations that sum, average or pick along axes."""

from __future__ import annotations

import math

import numpy as np

from cnn_ext.autograd import primitive
from cnn_ext.ops.elementwise import exp, log, sqrt, square
from cnn_ext.ops.shape import broadcast_to, reshape


def axes_of(axis, rank: int) -> tuple[int, ...]:
    """The axes that a reduction runs over, none negative; all for None."""
    if axis is None:
        return tuple(range(rank))
    axes = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    for i in axes:
        if not -rank <= i < rank:
            raise ValueError(f"axis must be in [{-rank}, {rank}). Received: axis={axis}")
    return tuple(sorted({i % rank for i in axes}))


def _kept(shape, axis) -> tuple[int, ...]:
    """The shape of a reduction with keepdims."""
    axes = axes_of(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _spread(g, x, axis):
    """What belongs to each reduction, at each of the elements that went into it."""
    return broadcast_to(reshape(g, newshape=_kept(x.shape, axis)), shape=x.shape)


@primitive
def sum(x, *, axis=None, keepdims=False):
    """Sum over axes, all for None (`keras.ops.sum`)."""
    return np.sum(x, axis=axes_of(axis, np.ndim(x)), keepdims=keepdims)


sum.gradients(lambda g, y, x, axis=None, keepdims=False: _spread(g, x, axis))


@primitive
def max(x, *, axis=None, keepdims=False):
    """Maximum over axes, all for None (`keras.ops.max`); equals share the gradient."""
    return np.max(x, axis=axes_of(axis, np.ndim(x)), keepdims=keepdims)


@primitive
def min(x, *, axis=None, keepdims=False):
    """Minimum over axes, all for None (`keras.ops.min`); equals share the gradient."""
    return np.min(x, axis=axes_of(axis, np.ndim(x)), keepdims=keepdims)


def _share_among_equals(g, y, x, axis=None, keepdims=False):
    hits = (x == reshape(y, newshape=_kept(x.shape, axis))).astype(x.dtype)
    return _spread(g, x, axis) * (hits / sum(hits, axis=axis, keepdims=True))


max.gradients(_share_among_equals)
min.gradients(_share_among_equals)


def mean(x, axis=None, keepdims=False):
    """Mean over axes, all for None (`keras.ops.mean`)."""
    count = math.prod(x.shape[i] for i in axes_of(axis, len(x.shape)))
    return sum(x, axis=axis, keepdims=keepdims) / count


def var(x, axis=None, keepdims=False):
    """Variance over axes, all for None: the mean square of the deviations (`keras.ops.var`)."""
    return mean(square(x - mean(x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims)


def std(x, axis=None, keepdims=False):
    """Standard deviation over axes, all for None (`keras.ops.std`)."""
    return sqrt(var(x, axis=axis, keepdims=keepdims))


def logsumexp(x, axis=None, keepdims=False):
    """log(sum(exp(x))) without overflow (`keras.ops.logsumexp`)."""
    top = np.max(np.asarray(x), axis=axes_of(axis, len(x.shape)), keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = log(sum(exp(x - top), axis=axis, keepdims=True)) + top
    if keepdims:
        return total
    axes = axes_of(axis, len(x.shape))
    return reshape(total, newshape=tuple(n for i, n in enumerate(x.shape) if i not in axes))


def argmax(x, axis=None, keepdims=False):
    """Where the first maximum is, as int32 (`keras.ops.argmax`)."""
    return np.asarray(np.argmax(np.asarray(x), axis=axis, keepdims=keepdims), dtype=np.int32)


def argmin(x, axis=None, keepdims=False):
    """Where the first minimum is, as int32 (`keras.ops.argmin`)."""
    return np.asarray(np.argmin(np.asarray(x), axis=axis, keepdims=keepdims), dtype=np.int32)
