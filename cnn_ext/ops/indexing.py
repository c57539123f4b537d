"""Operations that pick elements out of an array, or put them into one."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from cnn_ext.autograd import Tensor, as_array, primitive
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.hints import Array, Size


@primitive
def getitem(x: Array, *, index: Any) -> Array:
    """x[index], with slices, numbers, masks and arrays of numbers."""
    return x[index]


getitem.gradients(lambda g, y, x, index: scatter_add(g, index=index, shape=x.shape))


@primitive
def scatter_add(x: Array, *, index: Any, shape: Size) -> Array:
    """Zeros of `shape` with x added at `index`, repeatedly where an element is named repeatedly."""
    result = np.zeros(shape, x.dtype)
    if _is_basic(index):
        result[index] = x
    else:
        np.add.at(result, index, x)
    return result


scatter_add.gradients(lambda g, y, x, index, shape: getitem(g, index=index))


def _is_basic(index: Any) -> bool:
    """Whether no element can be named twice: numbers, slices, None and ..., but no arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return builtins.all(
        part is None or part is ... or isinstance(part, int | builtins.slice) for part in parts
    )


def index_of(index: Any) -> Any:
    """An index as NumPy takes it: Tensors in it become arrays."""
    if isinstance(index, tuple):
        return tuple(index_of(part) for part in index)
    return index.data if isinstance(index, Tensor) else index


def get_item(x: Array, key: Any) -> Array:
    """x[key] (`keras.ops.get_item`)."""
    return getitem(tensor(x), index=index_of(key))


setattr(get_item, "arity", 2)  # noqa: B010 - the key is written as an argument of the call


@primitive
def _put(x, updates, *, index):
    """x with the updates at `index` instead of what was there."""
    result = np.array(x)
    result[index] = updates
    return result


_put.gradients(
    lambda g, y, x, updates, index: _put(g, np.zeros(updates.shape, updates.dtype), index=index),
    lambda g, y, x, updates, index: getitem(g, index=index),
)


def take(x: Array, indices: Array, axis: int | None = None) -> Array:
    """The elements of x at `indices` along an axis, of all in a row for None (`keras.ops.take`).

    >>> import numpy as np
    >>> take(np.array([[1, 2], [3, 4]]), [1, 1, 0], axis=0)
    array([[3, 4],
           [3, 4],
           [1, 2]])
    """
    x, places = tensor(x), np.asarray(index_of(indices))
    if axis is None:
        return getitem(x.reshape((-1,)), index=places)
    if not -len(x.shape) <= axis < len(x.shape):
        raise ValueError(
            f"axis must be in [{-len(x.shape)}, {len(x.shape)}). Received: axis={axis}"
        )
    return getitem(x, index=(builtins.slice(None),) * (axis % len(x.shape)) + (places,))


def take_along_axis(x: Array, indices: Array, axis: int | None = None) -> Array:
    """The elements of x at `indices` along an axis, of all in a row for None
    (`keras.ops.take_along_axis`).

    x: any shape; indices: integers, of x's shape but for the length of the axis.
    """
    x, indices = tensor(x), np.asarray(index_of(indices))
    if axis is None:
        return getitem(x.reshape((-1,)), index=indices.reshape(-1))
    expected = list(x.shape)
    if indices.ndim == len(x.shape):
        expected[axis] = indices.shape[axis]
    if indices.shape != tuple(expected):
        raise ValueError(
            "take_along_axis: indices must have x's shape but for the length of the axis. "
            f"Received: x.shape={tuple(x.shape)}, indices.shape={indices.shape}, axis={axis}"
        )
    index = list(np.ogrid[tuple(builtins.slice(n) for n in indices.shape)])
    index[axis] = indices
    return getitem(x, index=tuple(index))


def slice(inputs: Array, start_indices: Array, shape: Size) -> Array:
    """The part of `shape` that begins at `start_indices` (`keras.ops.slice`); -1 is the rest.

    >>> import numpy as np
    >>> slice(np.arange(6).reshape(2, 3), (0, 1), (2, -1))
    array([[1, 2],
           [4, 5]])
    """
    inputs = tensor(inputs)
    return getitem(inputs, index=_box("slice", inputs.shape, start_indices, shape))


def slice_update(inputs: Array, start_indices: Array, updates: Array) -> Array:
    """inputs with the updates at `start_indices` (`keras.ops.slice_update`)."""
    inputs, updates = tensor(inputs), tensor(updates)
    index = _box("slice_update", inputs.shape, start_indices, updates.shape)
    return _put(inputs, updates, index=index)


def _box(what, outer, start_indices, shape):
    starts = [int(i) for i in as_array(start_indices).reshape(-1)]
    lengths = [int(n) for n in as_array(shape).reshape(-1)]
    if not len(starts) == len(lengths) == len(outer):
        raise ValueError(
            f"{what}: a start and a length for each axis are expected. Received: "
            f"start_indices={starts}, shape={lengths} for an array of shape {tuple(outer)}"
        )
    stops = [
        size if length == -1 else start + length
        for start, length, size in zip(starts, lengths, outer, strict=True)
    ]
    for start, stop, size in zip(starts, stops, outer, strict=True):
        if not 0 <= start <= stop <= size:
            raise ValueError(
                f"{what}: the part must lie inside of the array. Received: "
                f"start_indices={starts}, shape={lengths} for an array of shape {tuple(outer)}"
            )
    return tuple(builtins.slice(*ends) for ends in zip(starts, stops, strict=True))


def _points(indices):
    """(n, k) integers as an index: k arrays of n."""
    return tuple(np.moveaxis(as_array(indices), -1, 0))


def scatter(indices: Array, values: Array, shape: Size) -> Array:
    """Zeros of `shape` with values added at indices (..., axes) (`keras.ops.scatter`).

    >>> import numpy as np
    >>> scatter([[0, 1], [1, 0]], np.array([5.0, 6.0]), (2, 2))
    array([[0., 5.],
           [6., 0.]])
    """
    sizes = tuple(int(n) for n in as_array(shape).reshape(-1))
    return scatter_add(tensor(values), index=_points(indices), shape=sizes)


def scatter_update(
    inputs: Array, indices: Array, updates: Array, reduction: str | None = None
) -> Array:
    """inputs with updates at indices (n, axes), or added there for reduction="add"
    (`keras.ops.scatter_update`)."""
    inputs, updates, index = tensor(inputs), tensor(updates), _points(indices)
    if reduction is None:
        return _put(inputs, updates, index=index)
    if reduction == "add":
        return inputs + scatter_add(updates, index=index, shape=tuple(inputs.shape))
    raise ValueError(f"reduction must be None or 'add'. Received: reduction={reduction!r}")
