"""How often predictions are right: functions give 1 or 0 a sample, classes average them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext.autograd import as_array
from cnn_ext.losses.base import aligned
from cnn_ext.metrics.reduction import Configurable


def _hits(right: Any) -> np.ndarray:
    return np.asarray(right).astype(config.floatx())


def accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 where y_true equals y_pred, else 0."""
    y_true, y_pred = aligned(as_array(y_true), as_array(y_pred))
    return _hits(y_true == y_pred)


class Accuracy(Configurable):
    """How often y_pred equals y_true (`keras.metrics.Accuracy`).

    Args:
        name, dtype: see `Metric`.

    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    _direction = "up"

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """1 where y_pred is on y_true's side of the threshold, else 0.

    Counterpart of `keras.metrics.binary_accuracy`.
    """
    y_true, y_pred = aligned(as_array(y_true), as_array(y_pred))
    return _hits(y_true == (y_pred > threshold))


class BinaryAccuracy(Configurable):
    """How often y_pred is on the right side of a threshold (`keras.metrics.BinaryAccuracy`).

    Args:
        name, dtype: see `Metric`.
        threshold: what is above counts as 1.

    >>> BinaryAccuracy()([1, 1, 0, 0], [0.9, 0.2, 0.1, 0.3])
    0.75
    """

    _direction = "up"

    def __init__(
        self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


def categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 where the largest of y_pred is the largest of the one-hot y_true, else 0.

    Counterpart of `keras.metrics.categorical_accuracy`.
    """
    return _hits(as_array(y_true).argmax(axis=-1) == as_array(y_pred).argmax(axis=-1))


class CategoricalAccuracy(Configurable):
    """How often the largest prediction is right, one-hot (`keras.metrics.CategoricalAccuracy`).

    Args:
        name, dtype: see `Metric`.

    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]])
    0.5
    """

    _direction = "up"

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


def _labels(y_true: Any, y_pred: np.ndarray) -> np.ndarray:
    """Labels without a last axis of one element."""
    labels = as_array(y_true)
    return labels[..., 0] if labels.ndim == y_pred.ndim and labels.shape[-1] == 1 else labels


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 where the largest of y_pred is at the integer label y_true, else 0.

    Counterpart of `keras.metrics.sparse_categorical_accuracy`.
    """
    y_pred = as_array(y_pred)
    return _hits(_labels(y_true, y_pred) == y_pred.argmax(axis=-1))


class SparseCategoricalAccuracy(Configurable):
    """How often the largest prediction is at the integer label
    (`keras.metrics.SparseCategoricalAccuracy`).

    Args:
        name, dtype: see `Metric`.

    >>> import numpy as np
    >>> SparseCategoricalAccuracy()(np.array([1, 0]), np.array([[0.1, 0.9], [0.2, 0.8]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


def _in_top_k(labels: np.ndarray, y_pred: np.ndarray, k: int) -> np.ndarray:
    """Whether fewer than k predictions are larger than the label's."""
    index = labels.astype(np.int64)[..., None]
    if index.shape[:-1] != y_pred.shape[:-1]:
        raise ValueError(
            "top-k accuracy: y_true must have one label for each row of y_pred. "
            f"Received: y_true.shape={labels.shape}, y_pred.shape={y_pred.shape}"
        )
    known = (index >= 0) & (index < y_pred.shape[-1])
    own = np.take_along_axis(y_pred, np.where(known, index, 0), axis=-1)
    ahead = (y_pred > own).sum(axis=-1) < k
    return ahead & known[..., 0] & np.isfinite(own[..., 0])


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """1 where the one-hot y_true's class is among the k largest of y_pred, else 0.

    Counterpart of `keras.metrics.top_k_categorical_accuracy`.
    """
    return _hits(_in_top_k(as_array(y_true).argmax(axis=-1), as_array(y_pred), k))


class TopKCategoricalAccuracy(Configurable):
    """How often the one-hot target is among the k largest predictions.

    Counterpart of `keras.metrics.TopKCategoricalAccuracy`.

    Args:
        k: how many predictions count.
        name, dtype: see `Metric`.

    >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [1, 0, 0]], [[0.1, 0.7, 0.2], [0.1, 0.5, 0.4]])
    0.5
    """

    _direction = "up"

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> np.ndarray:
    """1 where the integer label is among the k largest of y_pred, else 0.

    Counterpart of `keras.metrics.sparse_top_k_categorical_accuracy`. With from_sorted_ids y_pred
    holds the classes themselves, the likeliest first.
    """
    y_pred = as_array(y_pred)
    labels = _labels(y_true, y_pred)
    if from_sorted_ids:
        return _hits((labels[..., None] == y_pred[..., :k]).any(axis=-1))
    return _hits(_in_top_k(labels, y_pred, k))


class SparseTopKCategoricalAccuracy(Configurable):
    """How often the integer label is among the k largest predictions.

    Counterpart of `keras.metrics.SparseTopKCategoricalAccuracy`.

    Args:
        k: how many predictions count.
        name, dtype: see `Metric`.
        from_sorted_ids: whether y_pred holds classes, the likeliest first.

    >>> SparseTopKCategoricalAccuracy(k=2)([2, 0], [[0.1, 0.7, 0.2], [0.1, 0.5, 0.4]])
    0.5
    """

    _direction = "up"
    unwritten = {"from_sorted_ids": False}  # noqa: RUF012 - never changed

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        fn = sparse_top_k_categorical_accuracy
        super().__init__(fn, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
