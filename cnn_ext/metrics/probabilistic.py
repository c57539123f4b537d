"""Losses of classes and of margins, averaged."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import losses
from cnn_ext.autograd import as_array
from cnn_ext.losses.base import aligned
from cnn_ext.losses.crossentropy import labels_of
from cnn_ext.metrics.reduction import Configurable


class KLDivergence(Configurable):
    """Mean of Kullback and Leibler's divergence (`keras.metrics.KLDivergence`).

    Args:
        name, dtype: see `Metric`.

    >>> round(KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]]), 3)
    0.693
    """

    def __init__(self, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(Configurable):
    """Mean of y_pred - y_true * log(y_pred) (`keras.metrics.Poisson`).

    Args:
        name, dtype: see `Metric`.

    >>> round(Poisson()([[2.0]], [[1.0]]), 3)
    1.0
    """

    def __init__(self, name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)


class Hinge(Configurable):
    """Mean of max(1 - y_true y_pred, 0) (`keras.metrics.Hinge`).

    Args:
        name, dtype: see `Metric`.

    >>> Hinge()([[0.0, 1.0]], [[-3.0, 0.5]])
    0.25
    """

    _direction = "down"

    def __init__(self, name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(Configurable):
    """Mean of max(1 - y_true y_pred, 0)^2 (`keras.metrics.SquaredHinge`).

    Args:
        name, dtype: see `Metric`.

    >>> SquaredHinge()([[0.0, 1.0]], [[-3.0, 0.5]])
    0.125
    """

    _direction = "down"

    def __init__(self, name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(Configurable):
    """By how much the right class fails to lead by 1 (`keras.metrics.CategoricalHinge`).

    Args:
        name, dtype: see `Metric`.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.5]])
    0.75
    """

    _direction = "down"

    def __init__(self, name: str = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)


class BinaryCrossentropy(Configurable):
    """Mean crossentropy of yes-or-no probabilities (`keras.metrics.BinaryCrossentropy`).

    Args:
        name, dtype: see `Metric`.
        from_logits: whether y_pred are logits and not probabilities.
        label_smoothing: share of the target moved to one half.

    >>> round(BinaryCrossentropy()([[1.0]], [[0.5]]), 3)
    0.693
    """

    _direction = "down"

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        fn = losses.binary_crossentropy
        super().__init__(fn, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(Configurable):
    """Mean crossentropy with one-hot rows (`keras.metrics.CategoricalCrossentropy`).

    Args:
        name, dtype: see `Metric`.
        from_logits: whether y_pred are logits and not probabilities.
        label_smoothing: share of the target spread over all classes.
        axis: the classes' axis.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 3)
    0.693
    """

    _direction = "down"

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        fn = losses.categorical_crossentropy
        super().__init__(
            fn, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(Configurable):
    """Mean crossentropy with integer labels (`keras.metrics.SparseCategoricalCrossentropy`).

    Args:
        name, dtype: see `Metric`.
        from_logits: whether y_pred are logits and not probabilities.
        ignore_class: label of samples whose loss counts as 0, and whose weight, if samples have
            weights, as 0 too.
        axis: the classes' axis.

    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 3)
    0.693
    """

    _direction = "down"
    ignore_class: int | None
    axis: int

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        fn = losses.sparse_categorical_crossentropy
        super().__init__(
            fn, name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take a batch of labels and predictions into account."""
        if sample_weight is not None and self.ignore_class is not None:
            counted = _counted(as_array(y_true), as_array(y_pred), self.ignore_class, self.axis)
            counted, weight = aligned(counted, as_array(sample_weight))
            sample_weight = weight.reshape(weight.shape + (1,) * (counted.ndim - weight.ndim))
            sample_weight = sample_weight * counted
        super().update_state(y_true, y_pred, sample_weight)


def _counted(y_true: np.ndarray, y_pred: np.ndarray, ignore_class: int, axis: int) -> np.ndarray:
    """1 for each sample whose label counts, else 0."""
    return (labels_of(y_true, y_pred.shape, axis) != ignore_class).astype(np.float64)
