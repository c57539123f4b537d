"""Normalizations, as they are outside of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import config, layers, ops
from cnn_ext.export.activations import floats
from cnn_ext.export.value import Value
from cnn_ext.ops.reduction import axes_of


def spread(values: Any, x: Value, axes: Sequence[int]) -> np.ndarray:
    """Numbers for the elements along axes, in an array that broadcasts to the value."""
    places = sorted(axis % x.rank for axis in axes)
    values = np.asarray(getattr(values, "data", values))
    sizes = iter(values.shape)
    return values.reshape([next(sizes) if i in places else 1 for i in range(x.rank)])


def _batch(low: Any, layer: Any, x: Value) -> Value:
    """One node where the channels lie second, which runtimes fuse; else a product and a sum."""
    size, dtype = layer.moving_mean.shape, x.dtype
    gamma = np.ones(size) if layer.gamma is None else layer.gamma.data
    beta = np.zeros(size) if layer.beta is None else layer.beta.data
    mean, variance = layer.moving_mean.data, layer.moving_variance.data
    if x.rank > 1 and x.place(layer.axis) == 1:
        numbers = [np.asarray(v, dtype) for v in (gamma, beta, mean, variance)]
        return low.emit("BatchNormalization", x, *numbers, epsilon=float(layer.epsilon))
    factor = gamma / np.sqrt(variance.astype(np.float64) + layer.epsilon)
    shift = beta - factor * mean
    return x * spread(factor, x, [layer.axis]) + spread(shift, x, [layer.axis])


def standardized(low: Any, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """The value less its mean along axes, divided by its standard deviation."""
    centred = x - low.mean(x, axes)
    return centred / low.emit("Sqrt", low.mean(centred * centred, axes) + epsilon)


def layer_normalization(
    low: Any, x: Value, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: Any = None
) -> Value:
    x, axes = floats(low, x), axes_of(axis, x.rank)
    epsilon = config.epsilon() if epsilon is None else epsilon
    if axes == tuple(range(axes[0], x.rank)) and not any(x.shape[i] is None for i in axes):
        x, sizes = low.plain(x), [x.shape[i] for i in axes]
        gamma = np.ones(sizes) if gamma is None else getattr(gamma, "data", gamma)
        numbers = [gamma] if beta is None else [gamma, getattr(beta, "data", beta)]
        numbers = [np.asarray(n, x.dtype).reshape(sizes) for n in numbers]
        return low.emit("LayerNormalization", x, *numbers, axis=axes[0], epsilon=float(epsilon))
    y = standardized(low, x, axes, epsilon)
    y = y if gamma is None else y * spread(gamma, x, axes)
    return y if beta is None else y + spread(beta, x, axes)


def rms_normalization(
    low: Any, x: Value, scale: Any = None, axis: Any = -1, epsilon: Any = None
) -> Value:
    x, axes = floats(low, x), axes_of(axis, x.rank)
    epsilon = config.epsilon() if epsilon is None else epsilon
    y = x / low.emit("Sqrt", low.mean(x * x, axes) + epsilon)
    return y if scale is None else y * spread(scale, x, axes)


def _group(low: Any, layer: Any, x: Value) -> Value:
    """The channels of a group, and all pixels, in a row: an instance normalization."""
    axis, groups = layer.axis % x.rank, layer.groups
    order = (0, axis, *(i for i in range(1, x.rank) if i != axis))
    x = low.turned(x, order)
    whole = low.emit("Shape", x, shape=(x.rank,), dtype=np.int64)
    rows = low.emit(
        "Reshape", x, np.array([0, groups, -1], np.int64), shape=(x.shape[0], groups, None)
    )
    ones, zeros = np.ones(groups, x.dtype), np.zeros(groups, x.dtype)
    rows = low.emit("InstanceNormalization", rows, ones, zeros, epsilon=float(layer.epsilon))
    y = low.emit("Reshape", rows, whole, shape=x.shape, order=order)
    y = y if layer.gamma is None else y * spread(layer.gamma, x, [axis])
    return y if layer.beta is None else y + spread(layer.beta, x, [axis])


def normalize(low: Any, x: Value, axis: Any = -1, order: int = 2, epsilon: Any = None) -> Value:
    x, axes = floats(low, x), axes_of(axis, x.rank)
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        length = low.reduced("ReduceL2", x, axes, keepdims=True)
    else:
        power = low.binary("Pow", low.emit("Abs", x), order)
        length = low.binary("Pow", low.reduced("ReduceSum", power, axes, True), 1 / order)
    return x / low.emit("Max", length, low.number(x, epsilon))


def moments(low: Any, x: Value, axes: Any, keepdims: bool = False) -> tuple[Value, Value]:
    axes = axes_of(axes, x.rank)
    mean = low.mean(x, axes)
    centred = x - mean
    both = mean, low.mean(centred * centred, axes)
    if keepdims:
        return both
    return low.without_axes(both[0], axes), low.without_axes(both[1], axes)


def _batch_function(
    low: Any,
    x: Value,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 0.001,
) -> Value:
    def beside(values: Any) -> Any:
        if not isinstance(values, Value):
            return spread(values, x, [axis])
        return low.with_axes(values, [i for i in range(x.rank) if i != axis % x.rank])

    variance = beside(variance) + epsilon
    if isinstance(variance, Value):
        y = (x - beside(mean)) / low.emit("Sqrt", variance)
    else:
        y = (x - beside(mean)) / np.sqrt(variance)
    y = y if scale is None else y * beside(scale)
    return y if offset is None else y + beside(offset)


def _layer(low: Any, layer: Any, x: Value) -> Value:
    return layer_normalization(low, x, layer.gamma, layer.beta, layer.axis, layer.epsilon)


LAYERS = {
    layers.BatchNormalization: _batch,
    layers.LayerNormalization: _layer,
    layers.GroupNormalization: _group,
    layers.RMSNormalization: lambda low, layer, x: rms_normalization(
        low, x, layer.scale, layer.axis, layer.epsilon
    ),
    layers.UnitNormalization: lambda low, layer, x: normalize(low, x, layer.axis, 2, 1e-12),
}
FUNCTIONS = {
    ops.layer_normalization: layer_normalization,
    ops.rms_normalization: rms_normalization,
    ops.normalize: normalize,
    ops.moments: moments,
    ops.batch_normalization: _batch_function,
}
