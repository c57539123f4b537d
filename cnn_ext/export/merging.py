"""Layers and operations that make one array of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnn_ext import layers, ops
from cnn_ext.export.builder import Refused
from cnn_ext.export.normalizations import normalize
from cnn_ext.export.value import Value

Lower = Callable[..., Value]


def _elementwise(operator: str) -> Lower:
    """A layer of arrays that broadcast, the shorter shapes with axes of one after the batch's."""

    def lower(low: Any, layer: Any, xs: Sequence[Value]) -> Value:
        rank = max(x.rank for x in xs)
        same = [
            low.with_axes(x, range(1, 1 + rank - x.rank)) if 0 < x.rank < rank else x for x in xs
        ]
        total = same[0]
        for x in same[1:]:
            total = low.binary(operator, total, x)
        return total

    return lower


def _average(low: Any, layer: Any, xs: Sequence[Value]) -> Value:
    return _elementwise("Add")(low, layer, xs) * (1 / len(xs))


def concatenated(low: Any, xs: Sequence[Value], axis: int = 0) -> Value:
    """Arrays one after the other along an axis."""
    if any(not isinstance(x, Value) for x in xs):
        raise Refused("one of its inputs is a constant")
    dtype = np.result_type(*(x.dtype for x in xs))
    xs = low.alike(*(low.cast(x, dtype) for x in xs))
    first, axis = xs[0], axis % xs[0].rank
    sizes = [x.shape[axis] for x in xs]
    whole = None if None in sizes else sum(n for n in sizes if n is not None)
    shape = (*first.shape[:axis], whole, *first.shape[axis + 1 :])
    return low.emit("Concat", *xs, shape=shape, order=first.order, axis=first.place(axis))


def _stacked(low: Any, x: Sequence[Value], axis: int = 0) -> Value:
    return concatenated(low, [low.with_axes(part, [axis]) for part in x], axis)


def _dot(low: Any, layer: Any, xs: Sequence[Value]) -> Value:
    x, y = xs
    a, b = [layer.axes] * 2 if isinstance(layer.axes, int) else layer.axes
    a, b = a % x.rank, b % y.rank
    if layer.normalize:
        x, y = normalize(low, x, axis=a), normalize(low, y, axis=b)
    left = [axis for axis in range(1, x.rank) if axis != a]
    right = [axis for axis in range(1, y.rank) if axis != b]
    x, y = low.transposed(x, (0, *left, a)), low.transposed(y, (0, b, *right))
    inner = x.shape[-1]
    rows = low.reshaped(x, (x.shape[0], _product(x.shape[1:-1]), inner))
    columns = low.reshaped(y, (y.shape[0], inner, _product(y.shape[2:])))
    shape = (rows.shape[0], rows.shape[1], columns.shape[2])
    product = low.emit("MatMul", rows, columns, shape=shape)
    return low.reshaped(product, layer.compute_output_shape([v.shape for v in xs]))


def _product(sizes: Sequence[int | None]) -> int | None:
    total = 1
    for n in sizes:
        if n is None:
            return None
        total *= n
    return total


LAYERS: dict[type, Lower] = {
    layers.Add: _elementwise("Add"),
    layers.Subtract: _elementwise("Sub"),
    layers.Multiply: _elementwise("Mul"),
    layers.Average: _average,
    layers.Maximum: _elementwise("Max"),
    layers.Minimum: _elementwise("Min"),
    layers.Concatenate: lambda low, layer, xs: concatenated(low, xs, layer.axis),
    layers.Dot: _dot,
}
FUNCTIONS = {
    ops.concatenate: concatenated,
    ops.stack: _stacked,
}
