"""Losses of distributions and counts."""

from __future__ import annotations

from typing import Any

from cnn_ext import config, ops
from cnn_ext.losses.base import Configurable, pair


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """sum(y_true * log(y_true / y_pred)) over the last axis (`keras.losses.kl_divergence`).

    Both are kept within [`config.epsilon()`, 1].

    >>> import numpy as np
    >>> kl_divergence(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])).round(3)
    array([0.693])
    """
    y_true, y_pred = (
        ops.clip(y, x_min=config.epsilon(), x_max=1) for y in pair("kl_divergence", y_true, y_pred)
    )
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


class KLDivergence(Configurable):
    """Kullback and Leibler's divergence of distributions (`keras.losses.KLDivergence`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]])).__round__(3)
    0.693
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(kl_divergence, reduction=reduction, name=name, dtype=dtype)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Mean of y_pred - y_true * log(y_pred) over the last axis (`keras.losses.poisson`).

    >>> import numpy as np
    >>> poisson(np.array([[2.0]]), np.array([[1.0]])).round(3)
    array([1.])
    """
    y_true, y_pred = pair("poisson", y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


class Poisson(Configurable):
    """Mean of y_pred - y_true * log(y_pred), for counts (`keras.losses.Poisson`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(Poisson()([[2.0]], [[1.0]])).__round__(3)
    1.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(poisson, reduction=reduction, name=name, dtype=dtype)
