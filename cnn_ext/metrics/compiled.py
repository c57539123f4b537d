"""The metrics of `compile`, some of which are known only when the first data are seen."""

from __future__ import annotations

from typing import Any

from cnn_ext.metrics.accuracies import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
)
from cnn_ext.metrics.base import Metric
from cnn_ext.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from cnn_ext.metrics.reduction import MeanMetricWrapper
from cnn_ext.naming import snake_case


def _chosen(kinds: tuple[Any, Any, Any], name: str, y_true: Any, y_pred: Any) -> Metric:
    """The binary, the sparse or the one-hot metric, by the shapes of targets and predictions."""
    binary, sparse, one_hot = kinds
    if y_pred.shape[-1] == 1:
        return binary(name=name)
    is_sparse = len(y_true.shape) < len(y_pred.shape) or y_true.shape[-1] == 1
    return (sparse if is_sparse else one_hot)(name=name)


def accuracy_for(name: str, y_true: Any, y_pred: Any) -> Metric:
    """What Keras takes `"accuracy"` for: by the shapes of the first targets and predictions."""
    kinds = BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy
    return _chosen(kinds, name, y_true, y_pred)


def crossentropy_for(name: str, y_true: Any, y_pred: Any) -> Metric:
    """What Keras takes `"crossentropy"` for."""
    kinds = BinaryCrossentropy, SparseCategoricalCrossentropy, CategoricalCrossentropy
    return _chosen(kinds, name, y_true, y_pred)


def named(found: Any, identifier: Any) -> Metric:
    """What `metrics.get` has found, as a Metric with the name that logs show."""
    if not isinstance(found, Metric):
        name = getattr(found, "__name__", type(found).__name__)
        found = MeanMetricWrapper(found, name=snake_case(name))
    if isinstance(identifier, str):
        found.name = identifier
    return found
