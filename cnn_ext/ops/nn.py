"""Activations and losses over a last axis of classes."""

from __future__ import annotations

import numpy as np

from cnn_ext import config
from cnn_ext.autograd import Tensor, as_array, primitive
from cnn_ext.ops.elementwise import clip, exp, log, negative, sigmoid, softplus, where
from cnn_ext.ops.reduction import sum
from cnn_ext.ops.shape import squeeze, take_along_axis


@primitive
def softmax(x, *, axis=-1):
    """exp(x) / sum(exp(x)) along an axis or several (`keras.ops.softmax`)."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


softmax.gradients(lambda g, y, x, axis=-1: y * (g - sum(g * y, axis=axis, keepdims=True)))


@primitive
def log_softmax(x, *, axis=-1):
    """log(softmax(x)), exact where the softmax vanishes (`keras.ops.log_softmax`)."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


log_softmax.gradients(lambda g, y, x, axis=-1: g - exp(y) * sum(g, axis=axis, keepdims=True))


def elu(x, alpha=1.0):
    """x for x > 0, else alpha * (exp(x) - 1) (`keras.ops.elu`)."""
    return where(x > 0, x, alpha * (exp(clip(x, x_min=-np.inf, x_max=0)) - 1))


def leaky_relu(x, negative_slope=0.2):
    """x for x > 0, else negative_slope * x (`keras.ops.leaky_relu`)."""
    return where(x > 0, x, negative_slope * x)


def silu(x):
    """x * sigmoid(x) (`keras.ops.silu`)."""
    return x * sigmoid(x)


def one_hot(x, num_classes, dtype=None):
    """Rows of zeros with a one at each label; labels out of range give zeros (`keras.ops.one_hot`).

    x: integers of any shape; returns (*x.shape, num_classes) in `dtype`, `config.floatx()` if None.
    """
    labels = as_array(x)
    return (labels[..., None] == np.arange(num_classes)).astype(dtype or config.floatx())


def _clipped(output):
    """Probabilities, kept away from 0 and 1 as Keras does, so that logarithms are finite."""
    epsilon = config.epsilon()
    return clip(output, x_min=epsilon, x_max=1 - epsilon)


def _check_shapes(name, target, output):
    if tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            f"{name}: target and output must have the same shape. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )


def check_labels(labels: np.ndarray, num_classes: int) -> None:
    """An error that names the first label outside 0 .. num_classes - 1."""
    wrong = (labels < 0) | (labels >= num_classes) | (labels != np.floor(labels))
    if wrong.any():
        where_wrong = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"labels must be integers from 0 to {num_classes - 1}, one less than the output's "
            f"{num_classes} classes. Received: {labels[tuple(where_wrong)]} at "
            f"{where_wrong}, and {int(wrong.sum()) - 1} more such labels"
        )


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-log of the probability of each label (`keras.ops.sparse_categorical_crossentropy`).

    Args:
        target: integer labels (...), or (..., 1), each from 0 to classes - 1.
        output: probabilities, or logits if `from_logits`, (..., classes).
        axis: the classes' axis, which must be the last.

    Returns:
        The loss of each sample, (...).
    """
    if axis not in (-1, len(output.shape) - 1):
        raise ValueError(f"only axis=-1 is supported. Received: axis={axis}")
    labels = as_array(target)
    if labels.ndim == len(output.shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != tuple(output.shape[:-1]):
        raise ValueError(
            "sparse_categorical_crossentropy: target must be integer labels with the shape of "
            "output without its last axis; for one-hot rows use categorical_crossentropy. "
            f"Received: target.shape={labels.shape}, output.shape={tuple(output.shape)}"
        )
    check_labels(labels, output.shape[-1])
    labels = labels.astype(np.int64)
    logits = output if from_logits else log(_clipped(output))
    chosen = take_along_axis(log_softmax(logits), labels[..., None], axis=-1)
    return negative(squeeze(chosen, -1))


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-sum(target * log(output)) along an axis (`keras.ops.categorical_crossentropy`).

    Args:
        target: probabilities of the classes, one-hot rows mostly, (..., classes).
        output: probabilities, or logits if `from_logits`, of target's shape.
        axis: the classes' axis.

    Returns:
        The loss of each sample, (...).
    """
    _check_shapes("categorical_crossentropy", target, output)
    if from_logits:
        return negative(sum(target * log_softmax(output, axis=axis), axis=axis))
    normalised = output / sum(output, axis=axis, keepdims=True)
    return negative(sum(target * log(_clipped(normalised)), axis=axis))


def binary_crossentropy(target, output, from_logits=False):
    """-target log(output) - (1 - target) log(1 - output) (`keras.ops.binary_crossentropy`).

    target and output (or logits) have the same shape, which is the result's.
    """
    _check_shapes("binary_crossentropy", target, output)
    if from_logits:
        return softplus(output) - target * output
    p = _clipped(output)
    return negative(target * log(p) + (1 - target) * log(1 - p))


def logits_of(output, from_logits):
    """The logits that a softmax or sigmoid activation was computed from, if it says so."""
    logits = getattr(output, "_keras_logits", None) if isinstance(output, Tensor) else None
    return (output, from_logits) if logits is None else (logits, True)
