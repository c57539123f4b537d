"""Operations that put arrays together, take them apart, and put margins around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnn_ext.autograd import as_array, primitive
from cnn_ext.config import one_of
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.hints import Array, Size
from cnn_ext.ops.indexing import getitem
from cnn_ext.ops.shapes import expand_dims, reshape, squeeze


@primitive
def _concatenate(*xs, axis):
    return np.concatenate(xs, axis=axis)


def _part_of(index, g, y, *xs, axis):
    start = sum(x.shape[axis] for x in xs[:index])
    part = [slice(None)] * len(g.shape)
    part[axis] = slice(start, start + xs[index].shape[axis])
    return getitem(g, index=tuple(part))


_concatenate.gradient_of_each(_part_of)


def concatenate(xs: Sequence[Array], axis: int = 0) -> Array:
    """Arrays joined along an axis that they have (`keras.ops.concatenate`)."""
    return _concatenate(*map(tensor, xs), axis=axis)


def append(x1: Array, x2: Array, axis: int | None = None) -> Array:
    """x2 behind x1 along an axis, all in a row for None (`keras.ops.append`)."""
    if axis is None:
        return concatenate([reshape(tensor(x), newshape=(-1,)) for x in (x1, x2)])
    return concatenate([x1, x2], axis)


def stack(x: Sequence[Array], axis: int = 0) -> Array:
    """Arrays of one shape joined along a new axis (`keras.ops.stack`)."""
    parts = [tensor(part) for part in x]
    rank = len(parts[0].shape) + 1
    return _concatenate(*(expand_dims(part, axis % rank) for part in parts), axis=axis % rank)


def hstack(xs: Sequence[Array]) -> Array:
    """Arrays side by side: along the second axis, vectors in a row (`keras.ops.hstack`)."""
    parts = [_at_least(tensor(x), 1) for x in xs]
    return concatenate(parts, axis=0 if len(parts[0].shape) == 1 else 1)


def vstack(xs: Sequence[Array]) -> Array:
    """Arrays below each other: along the first axis, vectors as rows (`keras.ops.vstack`)."""
    return concatenate([_at_least(tensor(x), 2) for x in xs], axis=0)


def _at_least(x, rank):
    missing = rank - len(x.shape)
    return reshape(x, newshape=(1,) * missing + tuple(x.shape)) if missing > 0 else x


def split(x: Array, indices_or_sections: Size, axis: int = 0) -> list[Array]:
    """x in equal parts, or cut before each index (`keras.ops.split`); a list.

    >>> import numpy as np
    >>> split(np.arange(5), [2, 3])
    [array([0, 1]), array([2]), array([3, 4])]
    """
    x = tensor(x)
    size = x.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        count = int(indices_or_sections)
        if count < 1 or size % count:
            raise ValueError(
                "split: the number of sections must divide the axis. "
                f"Received: indices_or_sections={count}, x.shape={tuple(x.shape)}, axis={axis}"
            )
        cuts = [i * size // count for i in range(1, count)]
    else:
        cuts = [int(i) for i in as_array(indices_or_sections).reshape(-1)]
    before = (slice(None),) * (axis % len(x.shape))
    ends = zip([None, *cuts], [*cuts, None], strict=True)
    return [getitem(x, index=(*before, slice(*pair))) for pair in ends]


def unstack(x: Array, num: int | None = None, axis: int = 0) -> list[Array]:
    """The parts of x along an axis, which they lack (`keras.ops.unstack`); a list."""
    x = tensor(x)
    size = x.shape[axis]
    if num is not None and num != size:
        raise ValueError(
            "unstack: num must be the axis's length, or None. "
            f"Received: num={num}, x.shape={tuple(x.shape)}, axis={axis}"
        )
    return [squeeze(part, axis) for part in split(x, size, axis)] if size else []


def meshgrid(*x: Array, indexing: str = "xy") -> list[Array]:
    """The coordinates of a grid's points from those along its axes (`keras.ops.meshgrid`).

    indexing: `"xy"`, the second axis of the result for the first vector, or `"ij"`.
    """
    one_of("indexing", indexing, ("xy", "ij"))
    vectors = [reshape(tensor(part), newshape=(-1,)) for part in x]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        order[0], order[1] = 1, 0
    shape = [0] * len(vectors)
    for axis, vector in zip(order, vectors, strict=True):
        shape[axis] = vector.shape[0]
    grids = []
    for axis, vector in zip(order, vectors, strict=True):
        along = [1] * len(vectors)
        along[axis] = vector.shape[0]
        ones = np.ones(shape, vector.dtype)
        grids.append(reshape(vector, newshape=tuple(along)) * ones)
    return grids


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


def pad(
    x: Array,
    pad_width: Size | Sequence[Size],
    mode: str = "constant",
    constant_values: float | None = None,
) -> Array:
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
            places = np.arange(x.shape[axis])
            places = np.pad(places, (before, behind), mode)  # type: ignore[call-overload]
            x = getitem(x, index=(slice(None),) * axis + (places,))
    return x


def _check_mirror(mode, size, width, axis):
    most = {"reflect": size - 1, "symmetric": size}.get(mode, width if size else 0)
    if width > most:
        raise ValueError(
            f"pad: mode={mode!r} can add at most {most} elements on each side of {size}. "
            f"Received: {width} along axis {axis}"
        )
