"""Labels as numbers."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from cnn_ext._errors import teaches_keywords


@teaches_keywords
def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows for class numbers, as `keras.utils.to_categorical` makes them.

    Args:
        x: Class numbers, 0 to `num_classes - 1`: an array or nested list of any shape. A last
            axis of size 1 is dropped.
        num_classes: How many classes there are; `max(x) + 1` when not given.

    Returns:
        float64 array of shape `(*x.shape, num_classes)`: 1 at the class, 0 elsewhere.

    Raises:
        ValueError: A label is not an integer, is negative, or is not below `num_classes`.
            (Keras cuts fractions off and counts negative labels from the end.)

    >>> to_categorical([0, 1, 3], num_classes=4)
    array([[1., 0., 0., 0.],
           [0., 1., 0., 0.],
           [0., 0., 0., 1.]])
    """
    labels = _class_numbers(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    classes = _number_of_classes(labels, num_classes)
    one_hot = np.zeros((labels.size, classes))
    one_hot[np.arange(labels.size), labels.ravel()] = 1
    return one_hot.reshape(*labels.shape, classes)


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
