"""Losses of margins: targets are -1 and 1; where all of them are 0 or 1, 0 stands for -1."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import ops
from cnn_ext.losses.base import Configurable, pair


def _margins(name: str, y_true: Any, y_pred: Any) -> Any:
    """How far each prediction is from being on its target's side by 1."""
    y_true, y_pred = pair(name, y_true, y_pred)
    values = np.asarray(y_true)
    if ((values == 0) | (values == 1)).all():
        y_true = 2.0 * y_true - 1.0
    return ops.maximum(1.0 - y_true * y_pred, 0.0)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Mean of max(1 - y_true y_pred, 0) over the last axis (`keras.losses.hinge`).

    >>> import numpy as np
    >>> hinge(np.array([[0.0, 1.0]]), np.array([[-3.0, 0.5]]))
    array([0.25])
    """
    return ops.mean(_margins("hinge", y_true, y_pred), axis=-1)


class Hinge(Configurable):
    """Mean of max(1 - y_true y_pred, 0) (`keras.losses.Hinge`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(Hinge()([[0.0, 1.0]], [[-3.0, 0.5]]))
    0.25
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(hinge, reduction=reduction, name=name, dtype=dtype)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Mean of max(1 - y_true y_pred, 0)^2 over the last axis (`keras.losses.squared_hinge`).

    >>> import numpy as np
    >>> squared_hinge(np.array([[0.0, 1.0]]), np.array([[-3.0, 0.5]]))
    array([0.125])
    """
    return ops.mean(ops.square(_margins("squared_hinge", y_true, y_pred)), axis=-1)


class SquaredHinge(Configurable):
    """Mean of max(1 - y_true y_pred, 0)^2 (`keras.losses.SquaredHinge`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(SquaredHinge()([[0.0, 1.0]], [[-3.0, 0.5]]))
    0.125
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(squared_hinge, reduction=reduction, name=name, dtype=dtype)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """By how much the right class fails to lead the others by 1 (`keras.losses.categorical_hinge`).

    y_true holds one-hot rows of y_pred's shape, (.., classes).

    >>> import numpy as np
    >>> categorical_hinge(np.array([[0.0, 1.0]]), np.array([[0.25, 0.5]]))
    array([0.75])
    """
    y_true, y_pred = pair("categorical_hinge", y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


class CategoricalHinge(Configurable):
    """By how much the right class fails to lead by 1 (`keras.losses.CategoricalHinge`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.5]]))
    0.75
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(categorical_hinge, reduction=reduction, name=name, dtype=dtype)
