"""F-scores: the harmonic mean of precision and recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext.autograd import as_array
from cnn_ext.losses.base import pair
from cnn_ext.metrics.base import Metric, plain

AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """(1 + beta^2) precision recall / (beta^2 precision + recall) (`keras.metrics.FBetaScore`).

    Args:
        average: how the classes' scores become one: `"micro"` (of all counts), `"macro"` (mean),
            `"weighted"` (by how many samples a class has), or None for one score each.
        beta: how much more the recall weighs, a float.
        threshold: what positives are above, in (0, 1]; the largest of each row if None.
        name, dtype: see `Metric`.

    >>> round(FBetaScore(average="micro", beta=2.0)([[1, 0], [0, 1]], [[0.9, 0.1], [0.8, 0.2]]), 3)
    0.5
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in AVERAGES:
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', "
                f"'weighted'}}. Received: average={average}"
            )
        _check_float("beta", beta)
        if beta <= 0.0:
            raise ValueError(
                f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}"
            )
        if threshold is not None:
            _check_float("threshold", threshold)
            if not 0.0 < threshold <= 1.0:
                raise ValueError(
                    "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                    f"Received: threshold={threshold}"
                )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self._built = False

    def _build(self, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> None:
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim). Received input "
                f"shapes: y_pred.shape={y_pred_shape} and y_true.shape={y_true_shape}."
            )
        shape = () if self.average == "micro" else y_pred_shape[1:]
        self.true_positives = self._add_state("true_positives", shape)
        self.false_positives = self._add_state("false_positives", shape)
        self.false_negatives = self._add_state("false_negatives", shape)
        self.intermediate_weights = self._add_state("intermediate_weights", shape)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of targets and predictions, (batch, classes), into account."""
        y_true, y_pred = as_array(y_true, self.dtype), as_array(y_pred, self.dtype)
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        y_true, y_pred = pair("fbeta_score", y_true, y_pred)
        if self.threshold is None:
            top = y_pred.max(axis=-1, keepdims=True)
            positive = (y_pred >= top) & (np.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        weight = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)[..., None]
        axis = None if self.average == "micro" else 0
        for variable, share in (
            (self.true_positives, positive * y_true),
            (self.false_positives, positive * (1 - y_true)),
            (self.false_negatives, (1 - positive) * y_true),
            (self.intermediate_weights, y_true),
        ):
            variable.assign_add(np.sum(share * weight, axis=axis))

    def result(self) -> Any:
        if not self._built:
            return plain(0.0)
        epsilon = config.epsilon()
        tp = self.true_positives.data
        precision = tp / (tp + self.false_positives.data + epsilon)
        recall = tp / (tp + self.false_negatives.data + epsilon)
        mean = precision * recall / (self.beta**2 * precision + recall + epsilon)
        scores = mean * (1 + self.beta**2)
        if self.average == "weighted":
            weights = self.intermediate_weights.data
            scores = (scores * weights / (weights.sum() + epsilon)).sum()
        elif self.average is not None:
            scores = scores.mean()
        return plain(scores)

    def get_config(self) -> dict[str, Any]:
        given = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **given}


def _check_float(name: str, value: Any) -> None:
    if not isinstance(value, float):
        raise ValueError(
            f"Invalid `{name}` argument value. It should be a Python float. "
            f"Received: {name}={value} of type '{type(value)}'"
        )


class F1Score(FBetaScore):
    """2 precision recall / (precision + recall) (`keras.metrics.F1Score`).

    Args:
        average, threshold: see `FBetaScore`.
        name, dtype: see `Metric`.

    >>> F1Score(threshold=0.5)([[1, 1], [1, 0]], [[0.9, 0.1], [0.8, 0.7]]).round(3)
    array([1., 0.], dtype=float32)
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
