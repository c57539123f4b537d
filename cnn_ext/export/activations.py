"""Activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import activations, config, layers, ops
from cnn_ext.export.builder import Refused
from cnn_ext.export.value import Value
from cnn_ext.layers import Layer
from cnn_ext.ops.activation import SELU_ALPHA, SELU_SCALE
from cnn_ext.ops.reduction import axes_of


def activated(low: Any, x: Value, activation: Any) -> Value:
    """A layer's `activation`."""
    if isinstance(activation, Layer):
        return low.call(activation, x)
    lower = ACTIVATIONS.get(activation)
    if lower is None:
        name = getattr(activation, "__name__", type(activation).__name__)
        raise Refused(f"there is no ONNX for the activation '{name}'")
    return lower(low, x)


def plainly(operator: str, **attributes: Any) -> Callable[[Any, Value], Value]:
    """A function that is one operator of ONNX, for floats."""
    return lambda low, x: low.emit(operator, floats(low, x), **attributes)


def floats(low: Any, x: Value) -> Value:
    """The value; whole numbers as floats."""
    return x if x.is_float else low.cast(x, config.floatx())


def relu(
    low: Any,
    x: Value,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Value:
    if threshold == 0 and negative_slope == 0:
        return low.emit("Relu", x) if max_value is None else clipped(low, x, 0, max_value)
    if threshold == 0:
        y = low.emit("LeakyRelu", x, alpha=float(negative_slope))
    elif negative_slope == 0:
        y = low.where(x > threshold, x, 0.0)
    else:
        y = low.where(x > threshold, x, (x - threshold) * negative_slope)
    return y if max_value is None else clipped(low, y, None, max_value)


def clipped(low: Any, x: Value, least: Any, most: Any) -> Value:
    """Between two numbers, each of which may be None."""
    limits = [None if n is None else low.number(x, n) for n in (least, most)]
    return low.emit("Clip", x, *limits)


def leaky_relu(low: Any, x: Value, negative_slope: float = 0.2) -> Value:
    return low.emit("LeakyRelu", x, alpha=float(negative_slope))


def elu(low: Any, x: Value, alpha: float = 1.0) -> Value:
    return low.emit("Elu", x, alpha=float(alpha))


def celu(low: Any, x: Value, alpha: float = 1.0) -> Value:
    return low.emit("Celu", x, alpha=float(alpha))


def gelu(low: Any, x: Value, approximate: bool = True) -> Value:
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return 0.5 * x * (1.0 + low.emit("Tanh", inner))
    return 0.5 * x * (1.0 + low.emit("Erf", x * math.sqrt(0.5)))


def glu(low: Any, x: Value, axis: int = -1) -> Value:
    size = x.shape[axis]
    if size is None:
        raise Refused("the size along its axis must be known")
    axis %= x.rank
    first, gate = (
        low.sliced(x, {axis: slice(start, start + size // 2)}) for start in (0, size // 2)
    )
    return first * low.emit("Sigmoid", gate)


def silu(low: Any, x: Value) -> Value:
    return x * low.emit("Sigmoid", x)


def log_sigmoid(low: Any, x: Value) -> Value:
    return low.emit("Neg", low.emit("Softplus", low.emit("Neg", x)))


def softmax(low: Any, x: Value, axis: Any = -1) -> Value:
    x, axes = floats(low, x), axes_of(axis, x.rank)
    if len(axes) == 1:
        return low.emit("Softmax", x, axis=x.place(axes[0]))
    e = low.emit("Exp", x - low.reduced("ReduceMax", x, axes, keepdims=True))
    return e / low.reduced("ReduceSum", e, axes, keepdims=True)


def log_softmax(low: Any, x: Value, axis: Any = -1) -> Value:
    x, axes = floats(low, x), axes_of(axis, x.rank)
    if len(axes) == 1:
        return low.emit("LogSoftmax", x, axis=x.place(axes[0]))
    return x - low.reduced("ReduceLogSumExp", x, axes, keepdims=True)


def hard_shrink(low: Any, x: Value, threshold: float = 0.5) -> Value:
    return low.emit("Shrink", x, lambd=float(threshold), bias=0.0)


def soft_shrink(low: Any, x: Value, threshold: float = 0.5) -> Value:
    return low.emit("Shrink", x, lambd=float(threshold), bias=float(threshold))


def threshold(low: Any, x: Value, threshold: float, default_value: float) -> Value:
    return low.where(x > threshold, x, default_value)


def squareplus(low: Any, x: Value, b: float = 4) -> Value:
    above = (low.emit("Abs", x) + low.emit("Sqrt", x * x + b)) * 0.5
    return low.where(x > 0, above, b / 4 / above)


def sparse_plus(low: Any, x: Value) -> Value:
    bent = clipped(low, x, -1, 1) + 1.0
    return bent * bent * 0.25 + low.emit("Relu", x - 1.0)


def sparse_sigmoid(low: Any, x: Value) -> Value:
    return clipped(low, (x + 1.0) * 0.5, 0, 1)


def sparsemax(low: Any, x: Value, axis: int = -1) -> Value:
    """As Keras has it, where the sums of all the largest elements add up."""
    axis %= x.rank
    size, x = x.shape[axis], low.turned(x, (*(a for a in x.order if a != axis % x.rank), axis))
    if size is None:
        raise Refused("the size along its axis must be known")
    falling, _ = low.emit_all(
        "TopK", (x, np.array([size], np.int64)), [x.shape] * 2, x.dtype, x.order, axis=x.rank - 1
    )
    ranks = np.arange(1, size + 1, dtype=x.dtype).reshape(size, *(1,) * (x.rank - 1 - axis))
    total = low.emit("CumSum", falling, np.int64(x.rank - 1))
    held = low.cast(falling * ranks > total - 1.0, x.dtype)
    count = low.reduced("ReduceSum", held, [axis], keepdims=True)
    least = (low.reduced("ReduceSum", total * held, [axis], keepdims=True) - 1.0) / count
    return low.emit("Relu", x - least)


# By function, as layers keep them and as calls name them.
ACTIVATIONS: dict[Any, Callable[..., Value]] = {
    activations.linear: lambda low, x: x,
    activations.relu: relu,
    ops.relu: plainly("Relu"),
    ops.relu6: lambda low, x: clipped(low, x, 0, 6),
    ops.leaky_relu: leaky_relu,
    ops.elu: elu,
    ops.celu: celu,
    ops.selu: plainly("Selu", alpha=SELU_ALPHA, gamma=SELU_SCALE),
    ops.gelu: gelu,
    activations.gelu: lambda low, x: gelu(low, x, approximate=False),
    ops.glu: glu,
    ops.silu: silu,
    ops.mish: plainly("Mish"),
    ops.sigmoid: plainly("Sigmoid"),
    ops.log_sigmoid: log_sigmoid,
    ops.hard_sigmoid: plainly("HardSigmoid", alpha=1 / 6, beta=0.5),
    ops.hard_silu: plainly("HardSwish"),
    ops.hard_tanh: lambda low, x: clipped(low, x, -1, 1),
    ops.tanh: plainly("Tanh"),
    ops.tanh_shrink: lambda low, x: x - low.emit("Tanh", x),
    ops.hard_shrink: hard_shrink,
    ops.soft_shrink: soft_shrink,
    ops.threshold: threshold,
    ops.exp: plainly("Exp"),
    ops.softplus: plainly("Softplus"),
    ops.softsign: plainly("Softsign"),
    ops.softmax: softmax,
    ops.log_softmax: log_softmax,
    ops.squareplus: squareplus,
    ops.sparse_plus: sparse_plus,
    ops.sparse_sigmoid: sparse_sigmoid,
    ops.sparsemax: sparsemax,
}
ACTIVATIONS |= {
    getattr(activations, name): ACTIVATIONS[getattr(ops, name)]
    for name in ("relu6", "tanh", "softplus", "softmax", "sigmoid", "log_softmax")
}
ACTIVATIONS[activations.exponential] = ACTIVATIONS[ops.exp]
FUNCTIONS = ACTIVATIONS


def _prelu(low: Any, layer: Any, x: Value) -> Value:
    return low.broadcast("PRelu", x, layer.alpha.data, dtype=x.dtype)


LAYERS = {
    layers.Activation: lambda low, layer, x: activated(low, x, layer.activation),
    layers.ReLU: lambda low, layer, x: relu(
        low, x, layer.negative_slope, layer.max_value, layer.threshold
    ),
    layers.LeakyReLU: lambda low, layer, x: leaky_relu(low, x, layer.negative_slope),
    layers.ELU: lambda low, layer, x: elu(low, x, layer.alpha),
    layers.PReLU: _prelu,
    layers.Softmax: lambda low, layer, x: softmax(low, x, layer.axis),
}
