"""Operations that move elements: shapes, axes, indexing, joining, padding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnn_ext.autograd import Tensor, primitive
from cnn_ext.config import one_of
from cnn_ext.ops.dtypes import tensor


@primitive
def reshape(x, *, newshape):
    """The same elements in another shape (`keras.ops.reshape`); -1 stands for what is left."""
    try:
        return np.reshape(x, newshape)
    except ValueError:
        raise ValueError(
            f"reshape: {math.prod(np.shape(x))} elements of shape {np.shape(x)} do not fit the "
            f"new shape. Received: newshape={newshape}"
        ) from None


reshape.gradients(lambda g, y, x, newshape: reshape(g, newshape=x.shape))


@primitive
def transpose(x, *, axes=None):
    """The axes in another order, reversed for None (`keras.ops.transpose`)."""
    return np.transpose(x, axes)


transpose.gradients(
    lambda g, y, x, axes=None: transpose(g, axes=None if axes is None else _inverse(axes))
)


def _inverse(axes):
    order = [axis % len(axes) for axis in axes]
    return tuple(order.index(i) for i in range(len(order)))


@primitive
def broadcast_to(x, *, shape):
    """x repeated along new and one-element axes (`keras.ops.broadcast_to`)."""
    return np.broadcast_to(x, shape)


broadcast_to.gradients(lambda g, y, x, shape: g)


def expand_dims(x, axis):
    """x with an axis of one element put in (`keras.ops.expand_dims`)."""
    rank = len(x.shape) + 1
    if not -rank <= axis < rank:
        raise ValueError(f"axis must be in [{-rank}, {rank}). Received: axis={axis}")
    axis %= rank
    return reshape(x, newshape=(*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x, axis=None):
    """x without its axes, or the given one, of one element (`keras.ops.squeeze`)."""
    if axis is None:
        return reshape(x, newshape=tuple(size for size in x.shape if size != 1))
    axes = {i % len(x.shape) for i in ((axis,) if isinstance(axis, int) else axis)}
    if any(x.shape[i] != 1 for i in axes):
        raise ValueError(
            f"only axes of one element can be squeezed. Received: axis={axis}, shape={x.shape}"
        )
    return reshape(x, newshape=tuple(n for i, n in enumerate(x.shape) if i not in axes))


@primitive
def getitem(x, *, index):
    """x[index], with slices, numbers, masks and arrays of numbers."""
    return x[index]


getitem.gradients(lambda g, y, x, index: scatter_add(g, index=index, shape=x.shape))


@primitive
def scatter_add(x, *, index, shape):
    """Zeros of `shape` with x added at `index`, repeatedly where an element is named repeatedly."""
    result = np.zeros(shape, x.dtype)
    if _is_basic(index):
        result[index] = x
    else:
        np.add.at(result, index, x)
    return result


scatter_add.gradients(lambda g, y, x, index, shape: getitem(g, index=index))


def _is_basic(index) -> bool:
    """Whether no element can be named twice: numbers, slices, None and ..., but no arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is ... or isinstance(part, int | slice) for part in parts)


def index_of(index: Any) -> Any:
    """An index as NumPy takes it: Tensors in it become arrays."""
    if isinstance(index, tuple):
        return tuple(index_of(part) for part in index)
    return index.data if isinstance(index, Tensor) else index


def take_along_axis(x, indices, axis=-1):
    """The elements of x at `indices` along an axis (`keras.ops.take_along_axis`).

    x: any shape; indices: integers, of x's shape but for the length of the axis.
    """
    indices = np.asarray(index_of(indices))
    expected = list(x.shape)
    if indices.ndim == len(x.shape):
        expected[axis] = indices.shape[axis]
    if indices.shape != tuple(expected):
        raise ValueError(
            "take_along_axis: indices must have x's shape but for the length of the axis. "
            f"Received: x.shape={tuple(x.shape)}, indices.shape={indices.shape}, axis={axis}"
        )
    index = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    index[axis] = indices
    return getitem(x, index=tuple(index))


@primitive
def _concatenate(*xs, axis):
    return np.concatenate(xs, axis=axis)


def _part_of(index, g, y, *xs, axis):
    start = sum(x.shape[axis] for x in xs[:index])
    part = [slice(None)] * len(g.shape)
    part[axis] = slice(start, start + xs[index].shape[axis])
    return getitem(g, index=tuple(part))


_concatenate.gradient_of_each(_part_of)


def concatenate(xs, axis=-1):
    """Arrays joined along an axis that they have (`keras.ops.concatenate`)."""
    return _concatenate(*xs, axis=axis)


def stack(xs, axis=0):
    """Arrays of one shape joined along a new axis (`keras.ops.stack`)."""
    rank = len(xs[0].shape) + 1
    return _concatenate(*(expand_dims(x, axis % rank) for x in xs), axis=axis % rank)


PAD_MODES = ("constant", "reflect", "symmetric", "edge")


@primitive
def _pad(x, *, pad_width, value):
    shape = [n + before + behind for n, (before, behind) in zip(x.shape, pad_width, strict=True)]
    result = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    result[_inside(x.shape, pad_width)] = x
    return result


_pad.gradients(lambda g, y, x, pad_width, value: getitem(g, index=_inside(x.shape, pad_width)))


def _inside(shape, pad_width):
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, pad_width, strict=True))


def pad(x, pad_width, mode="constant", constant_values=None):
    """x with more elements before and behind along each axis (`keras.ops.pad`).

    Args:
        x: any shape.
        pad_width: ((before, behind), ...) for each axis, one pair for all, or one number.
        mode: `"constant"`, `"reflect"` (mirrored, the edge once), `"symmetric"` (the edge twice)
            or `"edge"` (the edge repeated).
        constant_values: what to put there for `"constant"`; 0 if None.

    >>> import numpy as np
    >>> pad(np.array([1, 2, 3]), (1, 2), mode="reflect")
    array([2, 1, 2, 3, 2, 1])
    """
    x, mode = tensor(x), one_of("mode", mode, PAD_MODES)
    pairs = np.broadcast_to(np.asarray(pad_width, dtype=int), (len(x.shape), 2))
    width = tuple((int(before), int(behind)) for before, behind in pairs)
    if mode == "constant":
        return _pad(x, pad_width=width, value=0 if constant_values is None else constant_values)
    if constant_values is not None:
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    for axis, (before, behind) in enumerate(width):
        if before or behind:
            _check_mirror(mode, x.shape[axis], max(before, behind), axis)
            places = np.pad(np.arange(x.shape[axis]), (before, behind), mode)
            x = getitem(x, index=(slice(None),) * axis + (places,))
    return x


def _check_mirror(mode, size, width, axis):
    most = {"reflect": size - 1, "symmetric": size}.get(mode, width if size else 0)
    if width > most:
        raise ValueError(
            f"pad: mode={mode!r} can add at most {most} elements on each side of {size}. "
            f"Received: {width} along axis {axis}"
        )
