"""Activation functions by Keras's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext import ops
from cnn_ext._errors import lookup, missing_attribute
from cnn_ext.autograd import Tensor

__all__ = [
    "elu",
    "exponential",
    "get",
    "leaky_relu",
    "linear",
    "log_softmax",
    "relu",
    "serialize",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "swish",
    "tanh",
]


def linear(x: Any) -> Any:
    """x itself (`keras.activations.linear`)."""
    return x


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """x above `threshold`, negative_slope * (x - threshold) below, at most `max_value`
    (`keras.activations.relu`)."""
    if threshold == 0 and negative_slope == 0:
        y = ops.relu(x)
    else:
        y = ops.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else ops.minimum(y, max_value)


def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """exp(x) / sum(exp(x)) along an axis (`keras.activations.softmax`).

    The result remembers x, so that a crossentropy can use the logits: exact where softmax
    saturates, as in Keras.
    """
    y = ops.softmax(x, axis=axis)
    if isinstance(y, Tensor):
        y._keras_logits = x
    return y


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) (`keras.activations.sigmoid`); remembers x as softmax does."""
    y = ops.sigmoid(x)
    if isinstance(y, Tensor):
        y._keras_logits = x
    return y


def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)) (`keras.activations.log_softmax`)."""
    return ops.log_softmax(x, axis=axis)


tanh = ops.tanh
exponential = ops.exp
elu = ops.elu
leaky_relu = ops.leaky_relu
silu = swish = ops.silu
softplus = ops.softplus

_BY_NAME: dict[str, Callable[..., Any]] = {
    "elu": elu,
    "exponential": exponential,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "log_softmax": log_softmax,
    "relu": relu,
    "sigmoid": sigmoid,
    "silu": silu,
    "softmax": softmax,
    "softplus": softplus,
    "swish": swish,
    "tanh": tanh,
}


def get(identifier: Any) -> Callable[..., Any]:
    """The activation for a name, a callable, or None (linear).

    >>> get("relu").__name__
    'relu'
    """
    if identifier is None:
        return linear
    if callable(identifier):
        return identifier
    return lookup("activation", identifier, _BY_NAME)


def serialize(activation: Callable[..., Any]) -> str:
    """The name of an activation, as configurations hold it."""
    for name, function in _BY_NAME.items():
        if function is activation:
            return name
    return getattr(activation, "__name__", type(activation).__name__)


__getattr__ = missing_attribute(__name__, __all__)
