"""Labels as rows of ones and zeros, and crossentropies over an axis of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.ops.activation import log_softmax
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.elementwise import clip, log, negative, softplus
from cnn_ext.ops.hints import Array, DType
from cnn_ext.ops.indexing import take_along_axis
from cnn_ext.ops.reduction import sum
from cnn_ext.ops.shapes import squeeze


def one_hot(
    x: Array, num_classes: int, axis: int = -1, dtype: DType | None = None, sparse: bool = False
) -> Array:
    """Zeros with a one at each label; labels out of range give zeros (`keras.ops.one_hot`).

    x: integers of any shape; returns their shape with an axis of num_classes put in at `axis`, in
    `dtype`, `config.floatx()` if None.

    >>> import numpy as np
    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    if sparse:
        raise ValueError("sparse arrays are not supported; leave it out. Received: sparse=True")
    labels = as_array(x)
    places = np.arange(num_classes).reshape((-1,) + (1,) * (labels.ndim - axis % (labels.ndim + 1)))
    return (np.expand_dims(labels, axis) == places).astype(dtype or config.floatx())


def multi_hot(
    inputs: Array,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DType | None = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Array:
    """Zeros with ones at all labels of a sample (`keras.ops.multi_hot`).

    inputs: integers (labels,) or (batch, labels); returns (num_classes,) or (batch, num_classes).

    >>> import numpy as np
    >>> multi_hot(np.array([[0, 2], [1, 1]]), 3)
    array([[1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    num_classes = kwargs.pop("num_tokens", None) if num_classes is None else num_classes
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified. Received: num_classes=None")
    labels = as_array(inputs)
    hot = one_hot(labels, num_classes, axis, dtype, sparse)
    return np.max(hot, axis=1 if labels.ndim > 1 else 0)


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


def sparse_categorical_crossentropy(
    target: Array, output: Array, from_logits: bool = False, axis: int = -1
) -> Array:
    """-log of the probability of each label (`keras.ops.sparse_categorical_crossentropy`).

    Args:
        target: integer labels (...), or (..., 1), each from 0 to classes - 1.
        output: probabilities, or logits if `from_logits`, (..., classes).
        axis: the classes' axis, which must be the last.

    Returns:
        The loss of each sample, (...).
    """
    output = tensor(output)
    if axis not in (-1, len(output.shape) - 1):
        raise ValueError(f"only axis=-1 is supported. Received: axis={axis}")
    labels = as_array(target)
    if labels.ndim == len(output.shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != tuple(output.shape[:-1]):
        raise ValueError(
            "Argument `output` must have rank (ndim) `target.ndim - 1`: in "
            "sparse_categorical_crossentropy, target must be integer labels with the shape of "
            "output without its last axis; for one-hot rows use categorical_crossentropy. "
            f"Received: target.shape={labels.shape}, output.shape={tuple(output.shape)}"
        )
    check_labels(labels, output.shape[-1])
    labels = labels.astype(np.int64)
    logits = output if from_logits else log(_clipped(output))
    chosen = take_along_axis(log_softmax(logits), labels[..., None], axis=-1)
    return negative(squeeze(chosen, -1))


def categorical_crossentropy(
    target: Array, output: Array, from_logits: bool = False, axis: int = -1
) -> Array:
    """-sum(target * log(output)) along an axis (`keras.ops.categorical_crossentropy`).

    Args:
        target: probabilities of the classes, one-hot rows mostly, (..., classes).
        output: probabilities, or logits if `from_logits`, of target's shape.
        axis: the classes' axis.

    Returns:
        The loss of each sample, (...).
    """
    target, output = tensor(target), tensor(output)
    _check_shapes("categorical_crossentropy", target, output)
    if from_logits:
        return negative(sum(target * log_softmax(output, axis=axis), axis=axis))
    normalised = output / sum(output, axis=axis, keepdims=True)
    return negative(sum(target * log(_clipped(normalised)), axis=axis))


def binary_crossentropy(target: Array, output: Array, from_logits: bool = False) -> Array:
    """-target log(output) - (1 - target) log(1 - output) (`keras.ops.binary_crossentropy`).

    target and output (or logits) have the same shape, which is the result's.
    """
    target, output = tensor(target), tensor(output)
    _check_shapes("binary_crossentropy", target, output)
    if from_logits:
        return softplus(output) - target * output
    p = _clipped(output)
    return negative(target * log(p) + (1 - target) * log(1 - p))


def logits_of(output: Array, from_logits: bool) -> tuple[Array, bool]:
    """The logits that a softmax or sigmoid activation was computed from, if it says so."""
    logits = getattr(output, "_keras_logits", None) if isinstance(output, Tensor) else None
    return (output, from_logits) if logits is None else (logits, True)
