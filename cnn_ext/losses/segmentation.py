"""Losses of overlap, for masks of images."""

from __future__ import annotations

from typing import Any

from cnn_ext import config, ops
from cnn_ext.losses.base import Configurable, pair


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """1 - 2 |y_true y_pred| / (|y_true| + |y_pred|), sums over axes (`keras.losses.dice`).

    >>> import numpy as np
    >>> float(dice(np.array([1.0, 1.0]), np.array([1.0, 0.0]))).__round__(3)
    0.333
    """
    y_true, y_pred = pair("dice", y_true, y_pred)
    common = 2.0 * ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1 - common / (total + config.epsilon())


class Dice(Configurable):
    """1 - Dice's coefficient of overlap (`keras.losses.Dice`).

    Args:
        reduction, name, dtype: see `Loss`.
        axis: axes that are summed over, such as (1, 2, 3) for a loss of each image; all if None.

    >>> float(Dice()([1.0, 1.0], [1.0, 0.0])).__round__(3)
    0.333
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction=reduction, name=name, dtype=dtype, axis=axis)


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """1 - both / (both + alpha * y_true alone + beta * y_pred alone) (`keras.losses.tversky`).

    >>> import numpy as np
    >>> float(tversky(np.array([1.0, 1.0]), np.array([1.0, 0.0]), alpha=1.0)).__round__(3)
    0.5
    """
    y_true, y_pred = pair("tversky", y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis=axis)
    true_alone = ops.sum((1 - y_pred) * y_true, axis=axis)
    pred_alone = ops.sum(y_pred * (1 - y_true), axis=axis)
    return 1 - both / (both + true_alone * alpha + pred_alone * beta + config.epsilon())


class Tversky(Configurable):
    """1 - Tversky's coefficient of overlap (`keras.losses.Tversky`); Dice's at its defaults.

    Args:
        alpha: weight of what only y_true has.
        beta: weight of what only y_pred has.
        reduction, name, dtype: see `Loss`.
        axis: axes that are summed over; all if None.

    >>> float(Tversky(alpha=1.0)([1.0, 1.0], [1.0, 0.0])).__round__(3)
    0.5
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            tversky, reduction=reduction, name=name, dtype=dtype, alpha=alpha, beta=beta, axis=axis
        )
