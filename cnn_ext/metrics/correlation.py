"""How predictions and targets go together."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext.losses.base import pair
from cnn_ext.metrics.reduction import Configurable


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Pearson's correlation along an axis, from -1 to 1 (`keras.metrics.pearson_correlation`).

    >>> import numpy as np
    >>> pearson_correlation(np.array([[0.0, 1.0, 2.0]]), np.array([[1.0, 3.0, 5.0]])).round(3)
    array([1.])
    """
    pairs = pair("pearson_correlation", y_true, y_pred)
    t, p = (np.asarray(y) - np.mean(np.asarray(y), axis=axis, keepdims=True) for y in pairs)
    spread = np.std(t, axis=axis) * np.std(p, axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):  # no spread, no correlation: NaN
        return np.mean(t * p, axis=axis) / spread


class PearsonCorrelation(Configurable):
    """Mean of Pearson's correlation of each sample (`keras.metrics.PearsonCorrelation`).

    Args:
        name, dtype: see `Metric`.
        axis: the axis along which to compare.

    >>> round(PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]]), 3)
    1.0
    """

    _direction = "up"

    def __init__(
        self, name: str = "pearson_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Lin's concordance along an axis, from -1 to 1 (`keras.metrics.concordance_correlation`).

    >>> import numpy as np
    >>> concordance_correlation(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])).round(3)
    array([1.])
    """
    t, p = map(np.asarray, pair("concordance_correlation", y_true, y_pred))
    t_mean, p_mean = (np.mean(y, axis=axis, keepdims=True) for y in (t, p))
    spread = np.var(t, axis=axis, keepdims=True) + np.var(p, axis=axis, keepdims=True)
    together = (t - p_mean) * (p - p_mean)
    apart = spread + np.square(t_mean - p_mean) + config.epsilon()
    return np.mean(2 * together / apart, axis=axis)


class ConcordanceCorrelation(Configurable):
    """Mean of Lin's concordance of each sample (`keras.metrics.ConcordanceCorrelation`).

    Args:
        name, dtype: see `Metric`.
        axis: the axis along which to compare.

    >>> round(ConcordanceCorrelation()([[0.0, 1.0]], [[0.0, 1.0]]), 3)
    1.0
    """

    _direction = "up"

    def __init__(
        self, name: str = "concordance_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
