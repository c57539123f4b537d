"""Losses of numbers: each a function, one loss a sample, and its class, which reduces them."""

from __future__ import annotations

import math
from typing import Any

from cnn_ext import config, ops
from cnn_ext.losses.base import Configurable, pair


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of (y_true - y_pred)^2 over the last axis (`keras.losses.mean_squared_error`).

    >>> import numpy as np
    >>> mean_squared_error(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    array([2.])
    """
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


class MeanSquaredError(Configurable):
    """Mean of (y_true - y_pred)^2 (`keras.losses.MeanSquaredError`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(MeanSquaredError()([[1.0, 2.0]], [[1.0, 4.0]]))
    2.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction=reduction, name=name, dtype=dtype)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of |y_true - y_pred| over the last axis (`keras.losses.mean_absolute_error`).

    >>> import numpy as np
    >>> mean_absolute_error(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    array([1.])
    """
    y_true, y_pred = pair("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


class MeanAbsoluteError(Configurable):
    """Mean of |y_true - y_pred| (`keras.losses.MeanAbsoluteError`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(MeanAbsoluteError()([[1.0, 2.0]], [[1.0, 4.0]]))
    1.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction=reduction, name=name, dtype=dtype)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 times the mean of |y_true - y_pred| / |y_true| over the last axis.

    Counterpart of `keras.losses.mean_absolute_percentage_error`; |y_true| counts as at least
    `config.epsilon()`.

    >>> import numpy as np
    >>> mean_absolute_percentage_error(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    array([50.])
    """
    y_true, y_pred = pair("mean_absolute_percentage_error", y_true, y_pred)
    size = ops.maximum(ops.absolute(y_true), config.epsilon())
    return 100.0 * ops.mean(ops.absolute((y_true - y_pred) / size), axis=-1)


class MeanAbsolutePercentageError(Configurable):
    """Mean error in per cent of y_true (`keras.losses.MeanAbsolutePercentageError`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.0, 4.0]]))
    50.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        fn = mean_absolute_percentage_error
        super().__init__(fn, reduction=reduction, name=name, dtype=dtype)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of (log(y_true + 1) - log(y_pred + 1))^2 over the last axis.

    Counterpart of `keras.losses.mean_squared_logarithmic_error`; values below `config.epsilon()`
    count as that.

    >>> import numpy as np
    >>> mean_squared_logarithmic_error(np.array([[0.0]]), np.array([[np.e - 1]])).round(3)
    array([1.])
    """
    y_true, y_pred = pair("mean_squared_logarithmic_error", y_true, y_pred)
    logs = (ops.log1p(ops.maximum(y, config.epsilon())) for y in (y_pred, y_true))
    return ops.mean(ops.square(next(logs) - next(logs)), axis=-1)


class MeanSquaredLogarithmicError(Configurable):
    """Mean of squared differences of logarithms (`keras.losses.MeanSquaredLogarithmicError`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(MeanSquaredLogarithmicError()([[1.0]], [[1.0]]))
    0.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        fn = mean_squared_logarithmic_error
        super().__init__(fn, reduction=reduction, name=name, dtype=dtype)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Mean over the last axis of e^2 / 2 for errors e up to delta, else delta (|e| - delta / 2).

    Counterpart of `keras.losses.huber`.

    >>> import numpy as np
    >>> huber(np.array([[0.0, 0.0]]), np.array([[1.0, 3.0]]))
    array([1.5])
    """
    y_true, y_pred = pair("huber", y_true, y_pred)
    error = y_pred - y_true
    size = ops.absolute(error)
    small = 0.5 * ops.square(error)
    return ops.mean(ops.where(size <= delta, small, delta * size - 0.5 * delta**2), axis=-1)


class Huber(Configurable):
    """Squared where small, absolute where large (`keras.losses.Huber`).

    Args:
        delta: the error from which on it grows linearly.
        reduction, name, dtype: see `Loss`.

    >>> float(Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
    1.5
    """

    unwritten = {"delta": 1.0}  # noqa: RUF012 - never changed

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, reduction=reduction, name=name, dtype=dtype, delta=delta)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Mean of log(cosh(y_pred - y_true)) over the last axis (`keras.losses.log_cosh`).

    >>> import numpy as np
    >>> log_cosh(np.array([[0.0]]), np.array([[1.0]])).round(3)
    array([0.434])
    """
    y_true, y_pred = pair("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(error * -2.0) - math.log(2.0), axis=-1)


class LogCosh(Configurable):
    """Mean of log(cosh(y_pred - y_true)) (`keras.losses.LogCosh`).

    Args:
        reduction, name, dtype: see `Loss`.

    >>> float(LogCosh()([[0.0]], [[1.0]])).__round__(3)
    0.434
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(log_cosh, reduction=reduction, name=name, dtype=dtype)


def normalised(x: Any, axis: int) -> Any:
    """x divided by its Euclidean length along an axis; what is shorter than epsilon stays short."""
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x / ops.sqrt(ops.maximum(square, config.epsilon() ** 2))


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between y_true and y_pred (`keras.losses.cosine_similarity`).

    >>> import numpy as np
    >>> cosine_similarity(np.array([[3.0, 4.0]]), np.array([[2.0, 0.0]]))
    array([-0.6])
    """
    y_true, y_pred = pair("cosine_similarity", y_true, y_pred)
    return -ops.sum(normalised(y_true, axis) * normalised(y_pred, axis), axis=axis)


class CosineSimilarity(Configurable):
    """Minus the cosine of the angle, from -1 (alike) to 1 (`keras.losses.CosineSimilarity`).

    Args:
        axis: the axis along which vectors lie.
        reduction, name, dtype: see `Loss`.

    >>> float(CosineSimilarity()([[3.0, 4.0]], [[2.0, 0.0]])).__round__(3)
    -0.6
    """

    unwritten = {"axis": -1}  # noqa: RUF012 - never changed

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction=reduction, name=name, dtype=dtype, axis=axis)
