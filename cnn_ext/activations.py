"""Activation functions by Keras's names (`keras.activations`): operations of `ops`, mostly."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cnn_ext import ops, registry
from cnn_ext._errors import missing_attribute
from cnn_ext.autograd import Tensor, as_array

Activation = Callable[..., Any]

celu = ops.celu
elu = ops.elu
glu = ops.glu
hard_shrink = ops.hard_shrink
hard_sigmoid = ops.hard_sigmoid
hard_silu = hard_swish = ops.hard_silu
hard_tanh = ops.hard_tanh
leaky_relu = ops.leaky_relu
log_sigmoid = ops.log_sigmoid
mish = ops.mish
selu = ops.selu
silu = swish = ops.silu
soft_shrink = ops.soft_shrink
softsign = ops.softsign
sparse_plus = ops.sparse_plus
sparse_sigmoid = ops.sparse_sigmoid
sparsemax = ops.sparsemax
squareplus = ops.squareplus
tanh_shrink = ops.tanh_shrink
threshold = ops.threshold


def _takes_lists(function: Activation) -> Activation:
    """Decorator: lists and numbers become arrays."""

    @functools.wraps(function)
    def activation(x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, list | tuple | int | float):
            x = as_array(x)
        return function(x, *args, **kwargs)

    return activation


def linear(x: Any) -> Any:
    """x itself (`keras.activations.linear`)."""
    return x


@_takes_lists
def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """x above `threshold`, negative_slope * (x - threshold) below, at most `max_value`
    (`keras.activations.relu`).

    >>> relu([-10.0, -5.0, 0.0, 5.0, 10.0], negative_slope=0.5, max_value=5.0)
    array([-5. , -2.5,  0. ,  5. ,  5. ], dtype=float32)
    """
    if negative_slope == 0 and threshold == 0:
        if max_value == 6:
            return ops.relu6(x)
        y = ops.relu(x)
    elif negative_slope == 0:
        y = ops.where(x <= threshold, 0.0, x)
    else:
        y = ops.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else ops.minimum(y, max_value)


@_takes_lists
def relu6(x: Any) -> Any:
    """x within [0, 6] (`keras.activations.relu6`); gradient 0 at both limits."""
    return ops.relu6(x)


@_takes_lists
def exponential(x: Any) -> Any:
    """e to the power x (`keras.activations.exponential`)."""
    return ops.exp(x)


@_takes_lists
def tanh(x: Any) -> Any:
    """Hyperbolic tangent (`keras.activations.tanh`)."""
    return ops.tanh(x)


@_takes_lists
def softplus(x: Any) -> Any:
    """log(1 + exp(x)), a smooth relu (`keras.activations.softplus`)."""
    return ops.softplus(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x * P(N <= x) for a standard normal N (`keras.activations.gelu`, Hendrycks & Gimpel 2016).

    approximate: with tanh instead of the error function; `ops.gelu` does so by default.
    """
    return ops.gelu(x, approximate=approximate)


@_takes_lists
def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """exp(x) / sum(exp(x)) along an axis (`keras.activations.softmax`).

    The result remembers x, so that a crossentropy can use the logits: exact where softmax
    saturates, as in Keras.
    """
    return _remember_logits(ops.softmax(x, axis=axis), x)


@_takes_lists
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) (`keras.activations.sigmoid`); remembers x as softmax does."""
    return _remember_logits(ops.sigmoid(x), x)


@_takes_lists
def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)), exact where the softmax vanishes (`keras.activations.log_softmax`)."""
    return ops.log_softmax(x, axis=axis)


def _remember_logits(y: Any, x: Any) -> Any:
    if isinstance(y, Tensor):
        y._keras_logits = x
    return y


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
