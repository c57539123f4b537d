"""Matrix products."""

from __future__ import annotations

import math

import numpy as np

from cnn_ext import _kernels
from cnn_ext.autograd import primitive
from cnn_ext.ops.elementwise import is_float_array
from cnn_ext.ops.shape import expand_dims, reshape, squeeze, transpose


@primitive
def _matmul(x1, x2, *, transpose_x1=False, transpose_x2=False):
    """x1 @ x2 of stacks of matrices, either read transposed."""
    if x1.ndim == x2.ndim == 2 and is_float_array(x1, x2):
        return _kernels.gemm(x1, x2, transpose_x1, transpose_x2)
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


def matmul(x1, x2):
    """Matrix product over the last two axes, the others broadcast (`keras.ops.matmul`).

    x1: (..., m, k) or (k,); x2: (..., k, n) or (k,). Returns (..., m, n) without the axes that a
    vector lacks.
    """
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


def swapaxes(x, axis1, axis2):
    """x with two axes exchanged (`keras.ops.swapaxes`)."""
    axes = list(range(len(x.shape)))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(x, axes=tuple(axes))


def along_axis(matrix, x, axis):
    """matrix (m, n) applied along an axis of x that has n elements, which then has m."""
    shape = x.shape
    before, behind = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    if behind == 1 and axis == len(shape) - 1:
        return matmul(x, np.ascontiguousarray(matrix.T))
    y = _matmul(matrix, reshape(x, newshape=(before, shape[axis], behind)))
    return reshape(y, newshape=(*shape[:axis], matrix.shape[0], *shape[axis + 1 :]))
