"""Pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import layers, ops
from cnn_ext.export.builder import Refused
from cnn_ext.export.convolutions import channels_second, pads
from cnn_ext.export.value import Value
from cnn_ext.ops.geometry import sizes
from cnn_ext.symbolic import Shape

Lower = Callable[..., Value]


def pooled(
    low: Any,
    operator: str,
    x: Value,
    shape: Shape,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Value:
    """The maximum or, of those pixels of a window that are there, the mean."""
    order = channels_second(x.rank, data_format)
    count = x.rank - 2
    windows = sizes("pool_size", pool_size, count)
    steps = windows if strides is None else sizes("strides", strides, count)
    pixels = [x.shape[axis] for axis in order[2:]]
    return low.emit(
        operator, low.turned(x, order), shape=shape, order=order, kernel_shape=list(windows),
        strides=list(steps), **pads(pixels, windows, steps, padding.lower(), (1,) * count),
    )  # fmt: skip


def _layer(operator: str) -> Lower:
    def lower(low: Any, layer: Any, x: Value) -> Value:
        how = layer.pool_size, layer.strides, layer.padding, layer.data_format
        return pooled(low, operator, x, layer.compute_output_shape(x.shape), *how)

    return lower


def _function(operator: str) -> Lower:
    def lower(low: Any, inputs: Value, pool_size: Any, strides: Any = None,
              padding: str = "valid", data_format: Any = None) -> Value:  # fmt: skip
        shape = low.spec().shape
        return pooled(low, operator, inputs, shape, pool_size, strides, padding, data_format)

    return lower


def _globally(operator: str) -> Lower:
    def lower(low: Any, layer: Any, x: Value) -> Value:
        return low.reduced(operator, x, layer.pixel_axes, layer.keepdims)

    return lower


def _adaptive(average: bool) -> Lower:
    """Windows of different lengths: a matrix for means, gathered windows for maxima."""

    def lower(low: Any, layer: Any, x: Value) -> Value:
        for axis, count in zip(layer.pixel_axes, layer.output_size, strict=True):
            size = x.shape[axis]
            if size is None:
                raise Refused("the sizes of its inputs must be known")
            windows = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
            pool = _mean_along if average else _max_along
            x = pool(low, x, axis, size, windows)
        return x

    return lower


def _mean_along(low: Any, x: Value, axis: int, size: int, windows: list[tuple[int, int]]) -> Value:
    matrix = np.zeros((len(windows), size))
    for row, (start, stop) in zip(matrix, windows, strict=True):
        row[start:stop] = 1 / (stop - start)
    return low.along(matrix, x, axis)


def _max_along(low: Any, x: Value, axis: int, size: int, windows: list[tuple[int, int]]) -> Value:
    longest = np.arange(max(stop - start for start, stop in windows))
    places = np.array([np.minimum(start + longest, stop - 1) for start, stop in windows])
    return low.reduced("ReduceMax", low.gathered(x, places, axis), [axis + 1], keepdims=False)


_KINDS = {
    "MaxPooling": _layer("MaxPool"),
    "AveragePooling": _layer("AveragePool"),
    "GlobalMaxPooling": _globally("ReduceMax"),
    "GlobalAveragePooling": _globally("ReduceMean"),
    "AdaptiveMaxPooling": _adaptive(average=False),
    "AdaptiveAveragePooling": _adaptive(average=True),
}
LAYERS = {
    getattr(layers, f"{kind}{rank}D"): lower for kind, lower in _KINDS.items() for rank in (1, 2, 3)
}
FUNCTIONS = {ops.max_pool: _function("MaxPool"), ops.average_pool: _function("AveragePool")}
