"""Operations that move or repeat elements: shapes and the order of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cnn_ext.autograd import primitive
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.hints import Array, Axes, Size
from cnn_ext.ops.indexing import getitem, index_of


@primitive
def reshape(x: Array, *, newshape: Size) -> Array:
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
def transpose(x: Array, *, axes: Sequence[int] | None = None) -> Array:
    """The axes in another order, reversed for None (`keras.ops.transpose`)."""
    return np.transpose(x, axes)


transpose.gradients(
    lambda g, y, x, axes=None: transpose(g, axes=None if axes is None else _inverse(axes))
)


def _inverse(axes):
    order = [axis % len(axes) for axis in axes]
    return tuple(order.index(i) for i in range(len(order)))


@primitive
def broadcast_to(x: Array, *, shape: Size) -> Array:
    """x repeated along new and one-element axes (`keras.ops.broadcast_to`)."""
    return np.broadcast_to(x, shape)


broadcast_to.gradients(lambda g, y, x, shape: g)


def expand_dims(x: Array, axis: Axes) -> Array:
    """x with an axis, or several, of one element put in (`keras.ops.expand_dims`)."""
    x = tensor(x)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    rank = len(x.shape) + len(axes)
    if not all(-rank <= i < rank for i in axes):
        raise ValueError(f"axis must be in [{-rank}, {rank}). Received: axis={axis}")
    new, sizes = {i % rank for i in axes}, iter(x.shape)
    return reshape(x, newshape=tuple(1 if i in new else next(sizes) for i in range(rank)))


def squeeze(x: Array, axis: Axes | None = None) -> Array:
    """x without its axes, or the given one, of one element (`keras.ops.squeeze`)."""
    x = tensor(x)
    if axis is None:
        return reshape(x, newshape=tuple(size for size in x.shape if size != 1))
    axes = {i % len(x.shape) for i in ((axis,) if isinstance(axis, int) else axis)}
    if any(x.shape[i] != 1 for i in axes):
        raise ValueError(
            f"only axes of one element can be squeezed. Received: axis={axis}, shape={x.shape}"
        )
    return reshape(x, newshape=tuple(n for i, n in enumerate(x.shape) if i not in axes))


def ravel(x: Array) -> Array:
    """All elements in a row (`keras.ops.ravel`)."""
    return reshape(tensor(x), newshape=(-1,))


def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """x with two axes exchanged (`keras.ops.swapaxes`)."""
    x = tensor(x)
    axes = list(range(len(x.shape)))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(x, axes=tuple(axes))


def moveaxis(x: Array, source: Axes, destination: Axes) -> Array:
    """x with axes, one or several, moved to other places (`keras.ops.moveaxis`)."""
    x = tensor(x)
    rank = len(x.shape)
    froms, tos = (
        [i % rank for i in (axes if isinstance(axes, tuple | list) else (axes,))]
        for axes in (source, destination)
    )
    if len(froms) != len(tos):
        raise ValueError(
            "moveaxis: as many sources as destinations are expected. "
            f"Received: source={source}, destination={destination}"
        )
    order = [axis for axis in range(rank) if axis not in froms]
    for to, axis in sorted(zip(tos, froms, strict=True)):
        order.insert(to, axis)
    return transpose(x, axes=tuple(order))


def flip(x: Array, axis: Axes | None = None) -> Array:
    """x backwards along axes, all for None (`keras.ops.flip`)."""
    x = tensor(x)
    rank = len(x.shape)
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    turned = {i % rank for i in axes}
    return getitem(
        x, index=tuple(slice(None, None, -1) if i in turned else slice(None) for i in range(rank))
    )


def roll(x: Array, shift: Size, axis: Axes | None = None) -> Array:
    """x with what leaves it at one end put in at the other (`keras.ops.roll`).

    shift, axis: one number or several; axis None rolls all elements in a row.
    """
    x = tensor(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), newshape=x.shape)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    shifts = shift if isinstance(shift, tuple | list) else (shift,) * len(axes)
    for i, by in zip(axes, shifts, strict=True):
        places = np.roll(np.arange(x.shape[i]), by)
        x = getitem(x, index=(slice(None),) * (i % len(x.shape)) + (places,))
    return x


def rot90(array: Array, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """x turned by k quarters in the plane of two axes, from the first to the second
    (`keras.ops.rot90`)."""
    x = tensor(array)
    if len(x.shape) < 2:
        raise ValueError(
            f"Input array must have at least 2 dimensions. Received: array.ndim={len(x.shape)}"
        )
    first, second = axes
    if len(axes) != 2 or first % len(x.shape) == second % len(x.shape):
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    if k % 4 == 1:
        return swapaxes(flip(x, second), first, second)
    if k % 4 == 2:
        return flip(x, (first, second))
    return flip(swapaxes(x, first, second), second) if k % 4 == 3 else x


def repeat(x: Array, repeats: Array, axis: int | None = None) -> Array:
    """Each element repeated along an axis, of all in a row for None (`keras.ops.repeat`).

    repeats: how often, for all or for each place along the axis.

    >>> import numpy as np
    >>> repeat(np.array([1, 2]), [3, 1])
    array([1, 1, 1, 2])
    """
    x = ravel(x) if axis is None else tensor(x)
    place = 0 if axis is None else axis % len(x.shape)
    counts = np.asarray(index_of(repeats))
    if counts.size > 1:
        places = np.repeat(np.arange(x.shape[place]), counts)
        return getitem(x, index=(slice(None),) * place + (places,))
    often, shape = int(counts.reshape(-1)[0]), tuple(x.shape)
    apart = reshape(x, newshape=(*shape[: place + 1], 1, *shape[place + 1 :]))
    wide = broadcast_to(apart, shape=(*shape[: place + 1], often, *shape[place + 1 :]))
    return reshape(wide, newshape=(*shape[:place], shape[place] * often, *shape[place + 1 :]))


def tile(x: Array, repeats: Size) -> Array:
    """x repeated as a whole along each axis (`keras.ops.tile`)."""
    x = tensor(x)
    often = [int(n) for n in np.asarray(index_of(repeats)).reshape(-1)]
    rank = max(len(often), len(x.shape))
    shape = (1,) * (rank - len(x.shape)) + tuple(x.shape)
    often = [1] * (rank - len(often)) + often
    apart = reshape(x, newshape=tuple(n for size in shape for n in (1, size)))
    pairs = [n for pair in zip(often, shape, strict=True) for n in pair]
    wide = broadcast_to(apart, shape=tuple(pairs))
    return reshape(wide, newshape=tuple(a * b for a, b in zip(often, shape, strict=True)))
