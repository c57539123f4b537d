"""Labels as numbers, and arrays of length one."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from cnn_ext import ops
from cnn_ext._errors import teaches_keywords
from cnn_ext.autograd import Tensor
from cnn_ext.config import epsilon, floatx


@teaches_keywords
def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """One-hot rows for class numbers, as `keras.utils.to_categorical` makes them.

    Args:
        x: Class numbers, 0 to `num_classes - 1`: an array or nested list of any shape. A last
            axis of size 1 is dropped.
        num_classes: How many classes there are; `max(x) + 1` when not given.

    Returns:
        float64 array of shape `(*x.shape, num_classes)`: 1 at the class, 0 elsewhere; for a
        Tensor a Tensor in `config.floatx()`.

    Raises:
        ValueError: A label is not an integer, is negative, or is not below `num_classes`.
            (Keras cuts fractions off and counts negative labels from the end.)

    >>> to_categorical([0, 1, 3], num_classes=4)
    array([[1., 0., 0., 0.],
           [0., 1., 0., 0.],
           [0., 0., 0., 1.]])
    """
    labels = _class_numbers(x.data if isinstance(x, Tensor) else x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    classes = _number_of_classes(labels, num_classes)
    one_hot = np.zeros((labels.size, classes))
    one_hot[np.arange(labels.size), labels.ravel()] = 1
    one_hot = one_hot.reshape(*labels.shape, classes)
    return Tensor(one_hot, dtype=floatx()) if isinstance(x, Tensor) else one_hot


@teaches_keywords
def normalize(x: Any, axis: int | None = -1, order: int = 2) -> Any:
    """`x` divided by its norms along an axis, as `keras.utils.normalize` does.

    Args:
        x: Array, nested list or Tensor; a Tensor gives a Tensor, which can be differentiated.
        axis: The axis along which a norm is taken; None for one norm of all, that of
            `numpy.linalg.norm`.
        order: Which norm: 2 the Euclidean, 1 the sum of magnitudes, `numpy.inf` the largest.

    Returns:
        What has norm 1 along the axis; zeros stay zeros; a vector becomes a row, as in Keras.
        (Keras fails or errs for `axis=0` of a matrix.)

    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if isinstance(x, Tensor):
        return _normalize_tensor(x, axis, order)
    x = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, -1 if axis is None or x.ndim == 1 else axis)


def _normalize_tensor(x: Tensor, axis: int | None, order: int) -> Tensor:
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    powers = ops.sum(ops.power(ops.absolute(x), order), axis=axis, keepdims=True)
    # The power is kept away from zero, where the root has no slope.
    norm = ops.power(ops.maximum(powers, epsilon() ** order), 1 / order)
    return x / norm


def _class_numbers(x: Any) -> np.ndarray:
    """`x` as int64, refusing whatever is not a whole number."""
    try:
        given = np.asarray(x)
        with np.errstate(invalid="ignore"):  # NaN is refused below
            labels = given.astype(np.int64)
    except (TypeError, ValueError):
        raise ValueError(f"to_categorical: labels must be integers. Received: {x!r}") from None
    if given.dtype.kind in "fO" and (wrong := given[labels != given]).size:
        raise ValueError(
            "to_categorical: labels must be integers; round or map them first. "
            f"Received: {wrong.flat[0]}"
        )
    return labels


def _number_of_classes(labels: np.ndarray, num_classes: int | None) -> int:
    integer = num_classes is None or isinstance(num_classes, numbers.Integral)
    if not integer or (num_classes or 0) < 0:
        raise ValueError(
            f"to_categorical: num_classes must be a positive integer. Received: {num_classes!r}"
        )
    if not num_classes and not labels.size:
        raise ValueError(
            "to_categorical: an empty x does not say how many classes there are; "
            f"give num_classes. Received: x of shape {labels.shape}"
        )
    classes = int(num_classes or labels.max() + 1)
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        wrong = labels[(labels < 0) | (labels >= classes)].flat[0]
        bounds = f"0 to num_classes - 1 = {classes - 1}" if num_classes else "0 or more"
        raise ValueError(f"to_categorical: labels must be {bounds}. Received: {wrong}")
    return classes
