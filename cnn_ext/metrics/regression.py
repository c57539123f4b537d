"""Errors of numbers, averaged; and the coefficient of determination."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cnn_ext.autograd import as_array
from cnn_ext.losses import (
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from cnn_ext.losses.base import aligned, pair
from cnn_ext.losses.regression import cosine_similarity as minus_cosine
from cnn_ext.metrics.base import Metric, no_nan_divide, plain
from cnn_ext.metrics.reduction import Configurable, Mean


class MeanSquaredError(Configurable):
    """Mean of (y_true - y_pred)^2 (`keras.metrics.MeanSquaredError`).

    Args:
        name, dtype: see `Metric`.

    >>> MeanSquaredError()([[1.0, 2.0]], [[1.0, 4.0]])
    2.0
    """

    _direction = "down"

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(Configurable):
    """Mean of |y_true - y_pred| (`keras.metrics.MeanAbsoluteError`).

    Args:
        name, dtype: see `Metric`.

    >>> MeanAbsoluteError()([[1.0, 2.0]], [[1.0, 4.0]])
    1.0
    """

    _direction = "down"

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(Configurable):
    """Mean error in per cent of y_true (`keras.metrics.MeanAbsolutePercentageError`).

    Args:
        name, dtype: see `Metric`.

    >>> MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.0, 4.0]])
    50.0
    """

    _direction = "down"

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(Configurable):
    """Mean of (log(y_true + 1) - log(y_pred + 1))^2
    (`keras.metrics.MeanSquaredLogarithmicError`).

    Args:
        name, dtype: see `Metric`.

    >>> MeanSquaredLogarithmicError()([[1.0, 2.0]], [[1.0, 2.0]])
    0.0
    """

    _direction = "down"

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_logarithmic_error, name, dtype)


class LogCoshError(Configurable):
    """Mean of log(cosh(y_pred - y_true)) (`keras.metrics.LogCoshError`).

    Args:
        name, dtype: see `Metric`.

    >>> round(LogCoshError()([[0.0]], [[1.0]]), 3)
    0.434
    """

    _direction = "down"

    def __init__(self, name: str = "logcosh", dtype: Any = None) -> None:
        super().__init__(log_cosh, name, dtype)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between y_true and y_pred; minus `keras.losses.cosine_similarity`."""
    return -minus_cosine(y_true, y_pred, axis)


class CosineSimilarity(Configurable):
    """Mean cosine of the angle between y_true and y_pred (`keras.metrics.CosineSimilarity`).

    Args:
        name, dtype: see `Metric`.
        axis: the axis along which vectors lie.

    >>> round(CosineSimilarity()([[3.0, 4.0]], [[2.0, 0.0]]), 3)
    0.6
    """

    _direction = "up"
    unwritten = {"axis": -1}  # noqa: RUF012 - never changed

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class RootMeanSquaredError(Mean):
    """Root of the mean of (y_true - y_pred)^2 (`keras.metrics.RootMeanSquaredError`).

    Args:
        name, dtype: see `Metric`.

    >>> round(RootMeanSquaredError()([[1.0, 2.0]], [[1.0, 4.0]]), 3)
    1.414
    """

    _direction = "down"

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take a batch of targets and predictions into account."""
        y_true, y_pred = pair(
            "root_mean_squared_error", as_array(y_true, self.dtype), as_array(y_pred, self.dtype)
        )
        super().update_state(np.square(y_pred - y_true), sample_weight)

    def result(self) -> float:
        return plain(np.sqrt(super().result()))


class R2Score(Metric):
    """Coefficient of determination: 1 - squared error / variance (`keras.metrics.R2Score`).

    Args:
        class_aggregation: how the scores of the columns of (batch, outputs) are averaged:
            `"uniform_average"`, `"variance_weighted_average"`, or None for one score each.
        num_regressors: number of inputs, for the adjusted score; 0 for the standard one.
        name, dtype: see `Metric`.

    >>> round(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]), 3)
    0.571
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        known = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in known:
            raise ValueError(
                "Invalid value for argument `class_aggregation`. Expected one of "
                f"{known}. Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self._add_state("num_samples")
        self._built = False

    def _build(self, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> None:
        if len(y_true_shape) != 2 or len(y_pred_shape) != 2:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). Received input "
                f"shapes: y_pred.shape={y_pred_shape} and y_true.shape={y_true_shape}."
            )
        shape = y_pred_shape[1:]
        self.squared_sum = self._add_state("squared_sum", shape)
        self.sum = self._add_state("sum", shape)
        self.total_mse = self._add_state("residual", shape)
        self.count = self._add_state("count", shape)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of targets and predictions, (batch, outputs), into account."""
        y_true, y_pred = aligned(as_array(y_true, self.dtype), as_array(y_pred, self.dtype))
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        y_true, y_pred = pair("r2_score", y_true.astype(np.float64), y_pred.astype(np.float64))
        weight = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
        weight = weight[:, None] if weight.ndim == 1 else weight
        weight = np.broadcast_to(weight, y_true.shape)
        self.sum.assign_add((y_true * weight).sum(axis=0))
        self.squared_sum.assign_add((y_true * y_true * weight).sum(axis=0))
        self.total_mse.assign_add(((y_true - y_pred) ** 2 * weight).sum(axis=0))
        self.count.assign_add(weight.sum(axis=0))
        self.num_samples.assign_add(np.float64(y_true.size))

    def result(self) -> Any:
        if not self._built:
            return 0.0
        mean = no_nan_divide(self.sum.data, self.count.data)
        total = self.squared_sum.data - self.sum.data * mean
        with np.errstate(divide="ignore", invalid="ignore"):  # no variance has no score
            scores = 1 - self.total_mse.data / total
        scores = np.where(np.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = no_nan_divide((total * scores).sum(), total.sum())
        return plain(self._adjusted(scores))

    def _adjusted(self, scores: Any) -> Any:
        """The scores, lowered by what as many inputs explain by chance."""
        left = self.num_samples.item() - self.num_regressors - 1
        if self.num_regressors == 0:
            return scores
        if left <= 0:
            what = (
                "Division by zero in Adjusted R2 score."
                if left == 0
                else ("More independent predictors than datapoints in adjusted R2 score.")
            )
            warnings.warn(f"{what} Falling back to standard R2 score.", stacklevel=3)
            return scores
        return 1 - (1 - scores) * (self.num_samples.item() - 1) / left

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
