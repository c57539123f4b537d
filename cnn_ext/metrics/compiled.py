"""The metrics of `compile`, some of which are known only when the first data are seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext.metrics.accuracies import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
)
from cnn_ext.metrics.base import Metric
from cnn_ext.metrics.reduction import MeanMetricWrapper
from cnn_ext.naming import snake_case


def accuracy_for(name: str, y_true: Any, y_pred: Any) -> Metric:
    """What Keras takes `"accuracy"` for: by the shapes of the first targets and predictions."""
    if y_pred.shape[-1] == 1:
        return BinaryAccuracy(name=name)
    sparse = len(y_true.shape) < len(y_pred.shape) or y_true.shape[-1] == 1
    return (SparseCategoricalAccuracy if sparse else CategoricalAccuracy)(name=name)


def named(found: Any, identifier: Any) -> Metric:
    """What `metrics.get` has found, as a Metric with the name that logs show."""
    if not isinstance(found, Metric):
        name = getattr(found, "__name__", type(found).__name__)
        found = MeanMetricWrapper(found, name=snake_case(name))
    if isinstance(identifier, str):
        found.name = identifier
    return found


class WatchedMetric:
    """A metric of compile: made at once, or when the first data show what its name stands for."""

    def __init__(self, identifier: Any, get: Callable[[Any], Any]) -> None:
        self.name = identifier
        self.metric: Metric | None = None
        if not (isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc")):
            self.metric = named(get(identifier), identifier)
            self.name = self.metric.name

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        if self.metric is None:
            self.metric = accuracy_for(self.name, y_true, y_pred)
        if sample_weight is None:  # metrics of one's own need not take weights
            self.metric.update_state(y_true, y_pred)
        else:
            self.metric.update_state(y_true, y_pred, sample_weight=sample_weight)
