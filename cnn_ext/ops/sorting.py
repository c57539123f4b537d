"""Operations that order elements, or say where they are."""

from __future__ import annotations

import numpy as np

from cnn_ext.autograd import as_array, primitive
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.hints import Array
from cnn_ext.ops.indexing import take_along_axis


@primitive
def argmax(x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the first maximum is, as int32 (`keras.ops.argmax`)."""
    return np.asarray(np.argmax(x, axis=axis, keepdims=keepdims), dtype=np.int32)


@primitive
def argmin(x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the first minimum is, as int32 (`keras.ops.argmin`)."""
    return np.asarray(np.argmin(x, axis=axis, keepdims=keepdims), dtype=np.int32)


@primitive
def argsort(x: Array, *, axis: int | None = -1) -> Array:
    """The places of the elements in rising order, equals as they come, as int32
    (`keras.ops.argsort`); axis None orders all in a row."""
    return np.argsort(x, axis=axis, kind="stable").astype(np.int32)


@primitive
def _falling(x):
    """The places of the elements along the last axis in falling order, equals as they come."""
    backwards = np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    return (x.shape[-1] - 1 - backwards).astype(np.int32)


for _operation in (argmax, argmin, argsort, _falling):
    _operation.gradients(None)


def sort(x: Array, axis: int | None = -1) -> Array:
    """The elements along an axis in rising order (`keras.ops.sort`)."""
    x = tensor(x)
    return take_along_axis(x, argsort(x, axis=axis), axis)


def top_k(x: Array, k: int, sorted: bool = True) -> tuple[Array, Array]:
    """The k largest along the last axis, largest first, and where they are (`keras.ops.top_k`).

    >>> import numpy as np
    >>> top_k(np.array([3.0, 1.0, 7.0]), 2)
    (array([7., 3.]), array([2, 0], dtype=int32))
    """
    x = tensor(x)
    if not 0 <= k <= x.shape[-1]:
        raise ValueError(
            f"top_k: k must be from 0 to the last axis's length, {x.shape[-1]}. Received: k={k}"
        )
    places = _falling(x)[..., :k]
    return take_along_axis(x, places, -1), places


@primitive
def in_top_k(targets: Array, predictions: Array, *, k: int) -> Array:
    """Whether the target class is among the k largest predictions (`keras.ops.in_top_k`).

    targets: (batch,) integers; predictions: (batch, classes). Equals count as within.
    """
    targets, predictions = as_array(targets), as_array(predictions)
    rows, classes = predictions.shape
    valid = (targets >= 0) & (targets < classes)
    chosen = predictions[np.arange(rows), np.where(valid, targets, 0)]
    above = np.sum(predictions > chosen[:, None], axis=1)
    return valid & np.isfinite(chosen) & (above < k)


in_top_k.gradients(None, None)


def nonzero(x: Array) -> list[np.ndarray]:
    """The indices of what is not 0, an int32 array for each axis (`keras.ops.nonzero`)."""
    return [places.astype(np.int32) for places in np.nonzero(as_array(x))]
