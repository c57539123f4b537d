"""Matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext.autograd import primitive
from cnn_ext.ops.dtypes import floats, tensor, together
from cnn_ext.ops.elementwise import absolute, is_float_array, power, sqrt, square
from cnn_ext.ops.hints import Array, Axes
from cnn_ext.ops.reduction import axes_of, max, min, sum
from cnn_ext.ops.shapes import expand_dims, reshape, squeeze, transpose


@primitive
def _matmul(x1, x2, *, transpose_x1=False, transpose_x2=False):
    """x1 @ x2 of stacks of matrices, either read transposed."""
    if x1.ndim == x2.ndim == 2 and is_float_array(x1, x2):
        return _kernels.gemm(x1, x2, transpose_x1, transpose_x2)
    x1, x2 = together(x1, x2)
    x1 = x1.swapaxes(-1, -2) if transpose_x1 else x1
    x2 = x2.swapaxes(-1, -2) if transpose_x2 else x2
    return np.matmul(x1, x2)


def _by_x1(g, y, x1, x2, transpose_x1=False, transpose_x2=False):
    if transpose_x1:
        return _matmul(x2, g, transpose_x1=transpose_x2, transpose_x2=True)
    return _matmul(g, x2, transpose_x2=not transpose_x2)


def _by_x2(g, y, x1, x2, transpose_x1=False, transpose_x2=False):
    if transpose_x2:
        return _matmul(g, x1, transpose_x1=True, transpose_x2=transpose_x1)
    return _matmul(x1, g, transpose_x1=not transpose_x1)


_matmul.gradients(_by_x1, _by_x2)


def matmul(x1: Array, x2: Array) -> Array:
    """Matrix product over the last two axes, the others broadcast (`keras.ops.matmul`).

    x1: (..., m, k) or (k,); x2: (..., k, n) or (k,). Returns (..., m, n) without the axes that a
    vector lacks.
    """
    x1, x2 = tensor(x1), tensor(x2)
    if not x1.shape or not x2.shape:
        raise ValueError(
            "matmul takes arrays of rank 1 or more; use multiply for numbers. "
            f"Received shapes: {x1.shape} and {x2.shape}"
        )
    inner = x2.shape[0] if len(x2.shape) == 1 else x2.shape[-2]
    if x1.shape[-1] != inner:
        raise ValueError(
            f"matmul: the inner sizes differ, {x1.shape[-1]} and {inner}. "
            f"Received shapes: {x1.shape} and {x2.shape}"
        )
    left = expand_dims(x1, 0) if len(x1.shape) == 1 else x1
    right = expand_dims(x2, 1) if len(x2.shape) == 1 else x2
    if len(left.shape) > 2 and len(right.shape) == 2:  # one large product
        rows = _matmul(reshape(left, newshape=(-1, inner)), right)
        y = reshape(rows, newshape=(*left.shape[:-1], right.shape[-1]))
    else:
        y = _matmul(left, right)
    lacking = (-2,) * (len(x1.shape) == 1) + (-1,) * (len(x2.shape) == 1)
    return squeeze(y, lacking) if lacking else y


def along_axis(matrix: np.ndarray, x: Array, axis: int) -> Array:
    """matrix (m, n) applied along an axis of x that has n elements, which then has m."""
    shape = x.shape
    before, behind = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    if behind == 1 and axis == len(shape) - 1:
        return matmul(x, np.ascontiguousarray(matrix.T))
    y = _matmul(matrix, reshape(x, newshape=(before, shape[axis], behind)))
    return reshape(y, newshape=(*shape[:axis], matrix.shape[0], *shape[axis + 1 :]))


def dot(x1: Array, x2: Array) -> Array:
    """Product over the last axis of x1 and the second last (or only) one of x2
    (`keras.ops.dot`)."""
    x1, x2 = tensor(x1), tensor(x2)
    if not x1.shape or not x2.shape:
        return x1 * x2
    return tensordot(x1, x2, axes=([-1], [-2 if len(x2.shape) > 1 else -1]))


def inner(x1: Array, x2: Array) -> Array:
    """Product over the last axes of both (`keras.ops.inner`)."""
    x1, x2 = tensor(x1), tensor(x2)
    return x1 * x2 if not x1.shape or not x2.shape else tensordot(x1, x2, axes=([-1], [-1]))


def outer(x1: Array, x2: Array) -> Array:
    """The product of each element of x1 with each of x2, (x1.size, x2.size)
    (`keras.ops.outer`)."""
    return reshape(tensor(x1), newshape=(-1, 1)) * reshape(tensor(x2), newshape=(1, -1))


def tensordot(x1: Array, x2: Array, axes: int | Sequence[Any] = 2) -> Array:
    """Product over several axes (`keras.ops.tensordot`).

    axes: how many at the end of x1 and the start of x2, or a list for each.
    """
    x1, x2 = tensor(x1), tensor(x2)
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if isinstance(axes, int):
        axes = (range(rank1 - axes, rank1), range(axes))
    over1, over2 = (
        [i % rank for i in (given if isinstance(given, list | tuple | range) else [given])]
        for given, rank in zip(axes, (rank1, rank2), strict=True)
    )
    if [x1.shape[i] for i in over1] != [x2.shape[i] for i in over2]:
        raise ValueError(
            "tensordot: the sizes of the axes that are summed over differ. Received shapes: "
            f"{tuple(x1.shape)} and {tuple(x2.shape)}, axes={over1} and {over2}"
        )
    kept1 = [i for i in range(rank1) if i not in over1]
    kept2 = [i for i in range(rank2) if i not in over2]
    shape = (*(x1.shape[i] for i in kept1), *(x2.shape[i] for i in kept2))
    count = math.prod(x1.shape[i] for i in over1)
    rows, columns = (math.prod(x.shape[i] for i in kept) for x, kept in ((x1, kept1), (x2, kept2)))
    left = reshape(transpose(x1, axes=(*kept1, *over1)), newshape=(rows, count))
    right = reshape(transpose(x2, axes=(*over2, *kept2)), newshape=(count, columns))
    return reshape(matmul(left, right), newshape=shape)


def norm(
    x: Array, ord: float | str | None = None, axis: Axes | None = None, keepdims: bool = False
) -> Array:
    """Norm of vectors, or of matrices for a pair of axes (`keras.ops.norm`).

    ord: None or 2 (vectors) for the root of the sum of squares, "fro" the same for matrices, 1,
        inf, -inf, 0 or another p; singular values ("nuc", 2 for matrices) are not supported.

    >>> import numpy as np
    >>> norm(np.array([3.0, 4.0])).item()
    5.0
    """
    x = floats(x)
    if axis is None and ord is None:
        axes = tuple(range(len(x.shape)))
        return sqrt(sum(square(x), axis=axes, keepdims=keepdims))
    axes = tuple(range(len(x.shape))) if axis is None else axes_of(axis, len(x.shape))
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError(f"norm: one axis or two are expected. Received: axis={axis}, ord={ord}")
    if ord in (None, "fro"):
        return sqrt(sum(square(x), axis=axes, keepdims=keepdims))
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(
            f"norm: ord of matrices must be None, 'fro', 1, -1, inf or -inf. Received: ord={ord!r}"
        )
    rows, columns = [i % len(x.shape) for i in axis] if isinstance(axis, tuple | list) else axes
    summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
    largest = max if ord > 0 else min
    y = largest(sum(absolute(x), axis=summed, keepdims=True), axis=other, keepdims=True)
    return y if keepdims else squeeze(y, axes)


def _vector_norm(x, ord, axes, keepdims):
    if ord == 2:
        return sqrt(sum(square(x), axis=axes, keepdims=keepdims))
    if ord == 1:
        return sum(absolute(x), axis=axes, keepdims=keepdims)
    if ord == 0:
        return sum((x != 0).astype(x.dtype), axis=axes, keepdims=keepdims)
    if ord in (math.inf, -math.inf):
        return (max if ord > 0 else min)(absolute(x), axis=axes, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: ord of vectors must be a number. Received: ord={ord!r}")
    return power(sum(power(absolute(x), float(ord)), axis=axes, keepdims=keepdims), 1.0 / ord)


for _function in (matmul, dot, inner, outer, tensordot):  # files have both as arguments of the call
    setattr(_function, "arity", 2)  # noqa: B010
