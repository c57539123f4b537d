"""The best of one rate at the thresholds where another is good enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import budget
from cnn_ext.metrics.base import plain
from cnn_ext.metrics.confusion import Counting


def even_thresholds(num_thresholds: int) -> list[float]:
    """0, 1/(n-1), .. 1; for one threshold, 0.5."""
    budget.take((num_thresholds,), 64, "the list of thresholds")
    if num_thresholds == 1:
        return [0.5]
    return [i / (num_thresholds - 1) for i in range(num_thresholds)]


class _BestAt(Counting):
    """Base: subclasses name the rate that is asked for and the rate that must reach a value."""

    _direction = "up"
    _kept = ("tp", "fp", "tn", "fn")
    _required: str  # argument of the constructor
    _reaches: tuple[str, str]
    _best: tuple[str, str]

    def __init__(
        self, value: float, num_thresholds: int, class_id: int | None, name: Any, dtype: Any
    ) -> None:
        required = self._required
        if value < 0 or value > 1:
            raise ValueError(
                f"Argument `{required}` must be in the range [0, 1]. Received: {required}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 0. "
                f"Received: num_thresholds={num_thresholds}"
            )
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        setattr(self, required, value)
        super().__init__(even_thresholds(num_thresholds), name, dtype)

    def result(self) -> float:
        enough = self._share(*self._reaches) >= self.value
        return plain(np.where(enough, self._share(*self._best), 0.0).max())

    def get_config(self) -> dict[str, Any]:
        given = {
            "num_thresholds": self.num_thresholds,
            self._required: self.value,
            "class_id": self.class_id,
        }
        return {**super().get_config(), **given}


class SensitivityAtSpecificity(_BestAt):
    """Best sensitivity where the specificity is enough (`keras.metrics.SensitivityAtSpecificity`).

    Args:
        specificity: the share of negatives predicted as such that is asked for, in [0, 1].
        num_thresholds: how many thresholds are tried.
        class_id: count only this column of (batch, classes).
        name, dtype: see `Metric`.

    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    _required, _reaches, _best = "specificity", ("tn", "fp"), ("tp", "fn")

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_BestAt):
    """Best specificity where the sensitivity is enough (`keras.metrics.SpecificityAtSensitivity`).

    Args:
        sensitivity: the share of positives predicted as such that is asked for, in [0, 1].
        num_thresholds: how many thresholds are tried.
        class_id: count only this column of (batch, classes).
        name, dtype: see `Metric`.

    >>> round(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]), 3)
    0.667
    """

    _required, _reaches, _best = "sensitivity", ("tp", "fn"), ("tn", "fp")

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_BestAt):
    """Best precision where the recall is enough (`keras.metrics.PrecisionAtRecall`).

    Args:
        recall: the share of positives predicted as such that is asked for, in [0, 1].
        num_thresholds: how many thresholds are tried.
        class_id: count only this column of (batch, classes).
        name, dtype: see `Metric`.

    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    _required, _reaches, _best = "recall", ("tp", "fn"), ("tp", "fp")

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_BestAt):
    """Best recall where the precision is enough (`keras.metrics.RecallAtPrecision`).

    Args:
        precision: the share of predicted positives that are positive that is asked for, in [0, 1].
        num_thresholds: how many thresholds are tried.
        class_id: count only this column of (batch, classes).
        name, dtype: see `Metric`.

    >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.5
    """

    _required, _reaches, _best = "precision", ("tp", "fp"), ("tp", "fn")

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
