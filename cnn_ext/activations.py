"""Activation functions by Keras's names (`keras.activations`).

Where a function is bent, each branch sees only arguments of its own side (clipped), so that no
branch that is not taken overflows into the gradient.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import ops, registry
from cnn_ext._errors import missing_attribute
from cnn_ext.autograd import Tensor, as_array, primitive
from cnn_ext.symbolic import accepts_symbols

Activation = Callable[..., Any]


def _activation(function: Activation) -> Activation:
    """Decorator: lists and numbers become arrays; on a KerasTensor, it is a step of the model."""

    @accepts_symbols
    @functools.wraps(function)
    def activation(x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, list | tuple | int | float):
            x = as_array(x)
        return function(x, *args, **kwargs)

    return activation


def linear(x: Any) -> Any:
    """x itself (`keras.activations.linear`)."""
    return x


@_activation
def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """x above `threshold`, negative_slope * (x - threshold) below, at most `max_value`
    (`keras.activations.relu`).

    >>> relu([-10.0, -5.0, 0.0, 5.0, 10.0], negative_slope=0.5, max_value=5.0)
    array([-5. , -2.5,  0. ,  5. ,  5. ], dtype=float32)
    """
    if negative_slope == 0 and threshold == 0:
        y = relu6(x) if max_value == 6 else ops.relu(x)
    elif negative_slope == 0:
        y = ops.where(x <= threshold, 0.0, x)
    else:
        y = ops.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else ops.minimum(y, max_value)


@_activation
def relu6(x: Any) -> Any:
    """max(x, 0), at most 6 (`keras.activations.relu6`); gradient 0 at 6, as at 0."""
    return ops.minimum(6.0, ops.relu(x))


@_activation
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x for x > 0, else negative_slope * x (`keras.activations.leaky_relu`)."""
    return ops.leaky_relu(x, negative_slope)


@_activation
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x above the threshold, else `default_value` (`keras.activations.threshold`).

    >>> threshold([0.0, 1.0, 2.0], 1.0, -5.0)
    array([-5., -5.,  2.], dtype=float32)
    """
    return ops.where(x <= threshold, default_value, x)


@_activation
def hard_tanh(x: Any) -> Any:
    """x within [-1, 1] (`keras.activations.hard_tanh`)."""
    return ops.clip(x, x_min=-1.0, x_max=1.0)


@_activation
def hard_sigmoid(x: Any) -> Any:
    """x / 6 + 1 / 2 within [0, 1] (`keras.activations.hard_sigmoid`)."""
    return relu6(x + 3.0) / 6.0


@_activation
def hard_silu(x: Any) -> Any:
    """x * hard_sigmoid(x) (`keras.activations.hard_silu`, Howard et al. 2019)."""
    return x * hard_sigmoid(x)


@_activation
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x, but 0 within [-threshold, threshold] (`keras.activations.hard_shrink`)."""
    return ops.where(ops.absolute(x) <= threshold, 0.0, x)


@_activation
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x moved towards 0 by `threshold`, as far as 0 (`keras.activations.soft_shrink`)."""
    return x - ops.clip(x, x_min=-threshold, x_max=threshold)


@_activation
def tanh_shrink(x: Any) -> Any:
    """x - tanh(x) (`keras.activations.tanh_shrink`)."""
    return x - ops.tanh(x)


def _expm1(x: Any) -> Any:
    """exp(x) - 1 for x <= 0, exact near 0."""
    half = ops.tanh(x * 0.5)
    return 2.0 * half / (1.0 - half)


@_activation
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x for x > 0, else alpha * (exp(x) - 1) (`keras.activations.elu`)."""
    return ops.where(x > 0, x, alpha * _expm1(ops.minimum(x, 0.0)))


_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


@_activation
def selu(x: Any) -> Any:
    """1.0507 x for x >= 0, else 1.7581 (exp(x) - 1) (`keras.activations.selu`).

    Keeps mean 0 and variance 1 from layer to layer (Klambauer et al. 2017).
    """
    below = _SELU_SCALE * _SELU_ALPHA * _expm1(ops.minimum(x, 0.0))
    return ops.where(x < 0, below, _SELU_SCALE * x)


@_activation
def celu(x: Any, alpha: float = 1.0) -> Any:
    """x for x > 0, else alpha * (exp(x / alpha) - 1) (`keras.activations.celu`, Barron 2017)."""
    return ops.where(x > 0, x, alpha * _expm1(ops.minimum(x, 0.0) / alpha))


@primitive
def _erf(x):
    values = np.fromiter(map(math.erf, x.ravel().tolist()), np.float64, x.size)
    return values.reshape(x.shape).astype(x.dtype)


_erf.gradients(lambda g, y, x: g * (2 / math.sqrt(math.pi) * ops.exp(ops.negative(x * x))))


@_activation
def gelu(x: Any, approximate: bool = False) -> Any:
    """x * P(N <= x) for a standard normal N (`keras.activations.gelu`, Hendrycks & Gimpel 2016).

    approximate: with tanh instead of the error function.
    """
    if not approximate:
        return 0.5 * x * (1.0 + _erf(x * math.sqrt(0.5)))
    within = ops.clip(x, x_min=-10.0, x_max=10.0)  # tanh is 1 there: no overflow of the cube
    inner = math.sqrt(2 / math.pi) * (within + 0.044715 * within * within * within)
    return 0.5 * x * (1.0 + ops.tanh(inner))


@_activation
def glu(x: Any, axis: int = -1) -> Any:
    """a * sigmoid(b) of the halves a and b of x along an axis (`keras.activations.glu`).

    >>> glu([[3.0, 0.0]])
    array([[1.5]], dtype=float32)
    """
    if x.shape[axis] % 2:
        raise ValueError(
            f"axis size must be divisible by 2. Received: x.shape={x.shape} with axis={axis}"
        )
    before = (slice(None),) * (axis % len(x.shape))
    half = x.shape[axis] // 2
    return x[(*before, slice(half))] * ops.sigmoid(x[(*before, slice(half, None))])


@_activation
def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """exp(x) / sum(exp(x)) along an axis (`keras.activations.softmax`).

    The result remembers x, so that a crossentropy can use the logits: exact where softmax
    saturates, as in Keras.
    """
    y = ops.softmax(x, axis=axis)
    if isinstance(y, Tensor):
        y._keras_logits = x
    return y


@_activation
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) (`keras.activations.sigmoid`); remembers x as softmax does."""
    y = ops.sigmoid(x)
    if isinstance(y, Tensor):
        y._keras_logits = x
    return y


@_activation
def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)) (`keras.activations.log_softmax`)."""
    return ops.log_softmax(x, axis=axis)


@_activation
def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)), exact where the sigmoid vanishes (`keras.activations.log_sigmoid`)."""
    return ops.negative(ops.softplus(ops.negative(x)))


@_activation
def mish(x: Any) -> Any:
    """x * tanh(softplus(x)) (`keras.activations.mish`, Misra 2019)."""
    return x * ops.tanh(ops.softplus(x))


@_activation
def softsign(x: Any) -> Any:
    """x / (1 + |x|) (`keras.activations.softsign`)."""
    return x / (1.0 + ops.absolute(x))


@_activation
def squareplus(x: Any, b: float = 4) -> Any:
    """(x + sqrt(x^2 + b)) / 2, a smooth relu (`keras.activations.squareplus`, Barron 2021)."""
    above, below = ops.maximum(x, 0.0), ops.minimum(x, 0.0)
    large = (above + ops.sqrt(ops.square(above) + b)) / 2.0
    small = 0.5 * b / (ops.sqrt(ops.square(below) + b) - below)  # the same, without cancellation
    return ops.where(x > 0, large, small)


@_activation
def sparse_plus(x: Any) -> Any:
    """0 up to -1, (x + 1)^2 / 4 up to 1, then x (`keras.activations.sparse_plus`)."""
    parabola = 0.25 * ops.square(ops.clip(x, x_min=-1.0, x_max=1.0) + 1.0)
    return ops.where(x < 1, parabola, x)


@_activation
def sparse_sigmoid(x: Any) -> Any:
    """(x + 1) / 2 within [0, 1] (`keras.activations.sparse_sigmoid`, Blondel et al. 2019)."""
    return 0.5 * (ops.minimum(1.0, ops.maximum(-1.0, x)) + 1.0)


@_activation
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The probabilities nearest to x: max(x - t, 0) with the t that makes their sum 1.

    Martins & Astudillo 2016. `keras.activations.sparsemax` means the same, but in Keras 3.15 its
    sums fall short of 1 where more than one probability is positive.

    >>> sparsemax([[1.0, 0.5, -1.0]])
    array([[0.75, 0.25, 0.  ]], dtype=float32)
    """
    values = as_array(x)
    descending = -np.sort(-values, axis=axis)
    ranks = np.arange(1, values.shape[axis] + 1, dtype=values.dtype)
    ranks = ranks.reshape([-1 if i == axis % values.ndim else 1 for i in range(values.ndim)])
    positive = 1 + ranks * descending > np.cumsum(descending, axis=axis)
    count = positive.sum(axis=axis, keepdims=True)
    least = np.take_along_axis(descending, np.maximum(count - 1, 0), axis=axis)
    support = (values >= least).astype(values.dtype)
    excess = ops.sum(x * support, axis=axis, keepdims=True) - 1.0
    return ops.relu(x - excess / support.sum(axis=axis, keepdims=True))


tanh = ops.tanh
exponential = ops.exp
silu = swish = ops.silu
softplus = ops.softplus
hard_swish = hard_silu

_BY_NAME: dict[str, Activation] = {
    "celu": celu,
    "elu": elu,
    "exponential": exponential,
    "gelu": gelu,
    "glu": glu,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "hard_swish": hard_swish,
    "hard_tanh": hard_tanh,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "log_sigmoid": log_sigmoid,
    "log_softmax": log_softmax,
    "mish": mish,
    "relu": relu,
    "relu6": relu6,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "soft_shrink": soft_shrink,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": softsign,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": sparse_sigmoid,
    "sparsemax": sparsemax,
    "squareplus": squareplus,
    "swish": swish,
    "tanh": tanh,
    "tanh_shrink": tanh_shrink,
    "threshold": threshold,
}
_family = registry.family("activation", "keras.activations", _BY_NAME)
deserialize = _family.deserialize

__all__ = ["deserialize", "get", "serialize", *sorted(_BY_NAME)]


def get(identifier: Any) -> Activation:
    """The activation for a name, a config, a callable, or None (linear).

    >>> get("relu").__name__
    'relu'
    """
    return linear if identifier is None else _family.get(identifier)


def serialize(activation: Any) -> Any:
    """An activation as configurations hold it: a name, or a node for one's own.

    >>> serialize(get("swish"))
    'silu'
    """
    for name, function in _BY_NAME.items():
        if function is activation:
            return name
    return registry.serialize_keras_object(activation)


__getattr__ = missing_attribute(__name__, __all__)
