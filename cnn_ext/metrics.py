"""Metrics by Keras's names: averages kept over batches, on arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import losses
from cnn_ext._errors import TeachesKeywords, lookup, missing_attribute
from cnn_ext.autograd import as_array
from cnn_ext.losses.base import aligned
from cnn_ext.naming import auto_name


class Metric(TeachesKeywords):
    """Base of metrics (`keras.metrics.Metric`): implement update_state, result, reset_state."""

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take a batch into account."""
        raise NotImplementedError(f"{type(self).__name__} must implement update_state()")

    def result(self) -> float:
        """The value over what was seen since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} must implement result()")

    def reset_state(self) -> None:
        """Forget what was seen."""
        raise NotImplementedError(f"{type(self).__name__} must implement reset_state()")

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        self.update_state(*args, **kwargs)
        return self.result()


class Mean(Metric):
    """The weighted mean of the values seen (`keras.metrics.Mean`).

    >>> mean = Mean()
    >>> mean([1.0, 3.0])
    2.0
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.reset_state()

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add each sample's mean value; weights are one for all, one a sample or one a value."""
        values = as_array(values).astype(np.float64)
        weight = np.ones(values.shape[:1]) if sample_weight is None else as_array(sample_weight)
        values, weight = aligned(values, weight)
        values = values.mean(axis=tuple(range(weight.ndim, values.ndim)))
        weight = np.broadcast_to(weight, values.shape).astype(np.float64)
        beyond = tuple(range(1, values.ndim))
        self.total += float((values * weight).mean(axis=beyond).sum())
        self.weight += float(weight.mean(axis=beyond).sum())

    def result(self) -> float:
        return self.total / self.weight if self.weight else 0.0

    def reset_state(self) -> None:
        self.total = 0.0
        self.weight = 0.0


class MeanMetricWrapper(Mean):
    """The mean of a function (y_true, y_pred) -> value of each sample."""

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name or fn.__name__, dtype)
        self.fn = fn

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take a batch of targets and predictions into account."""
        super().update_state(self.fn(as_array(y_true), as_array(y_pred)), sample_weight)


def accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 where y_true equals y_pred, else 0."""
    y_true, y_pred = aligned(as_array(y_true), as_array(y_pred))
    return (y_true == y_pred).astype(np.float32)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """1 where y_pred is on y_true's side of the threshold, else 0."""
    y_true, y_pred = aligned(as_array(y_true), as_array(y_pred))
    return (y_true == (y_pred > threshold)).astype(np.float32)


def categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 where the largest of y_pred is the largest of the one-hot y_true, else 0."""
    labels = as_array(y_true).argmax(axis=-1)
    return (labels == as_array(y_pred).argmax(axis=-1)).astype(np.float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 where the largest of y_pred is at the integer label y_true, else 0."""
    labels, y_pred = as_array(y_true), as_array(y_pred)
    if labels.ndim == y_pred.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    return (labels == y_pred.argmax(axis=-1)).astype(np.float32)


class Accuracy(MeanMetricWrapper):
    """How often y_pred equals y_true (`keras.metrics.Accuracy`)."""

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often y_pred is on the right side of a threshold (`keras.metrics.BinaryAccuracy`)."""

    def __init__(
        self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(lambda t, p: binary_accuracy(t, p, threshold), name, dtype)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is right, one-hot (`keras.metrics.CategoricalAccuracy`)."""

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the integer label
    (`keras.metrics.SparseCategoricalAccuracy`).

    >>> import numpy as np
    >>> SparseCategoricalAccuracy()(np.array([1, 0]), np.array([[0.1, 0.9], [0.2, 0.8]]))
    0.5
    """

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class MeanSquaredError(MeanMetricWrapper):
    """Mean of (y_true - y_pred)^2 (`keras.metrics.MeanSquaredError`)."""

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


_BY_NAME: dict[str, Callable[[], Metric]] = {
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "binary_crossentropy": lambda: MeanMetricWrapper(losses.binary_crossentropy),
    "bce": lambda: MeanMetricWrapper(losses.binary_crossentropy),
    "BCE": lambda: MeanMetricWrapper(losses.binary_crossentropy),
    "categorical_crossentropy": lambda: MeanMetricWrapper(losses.categorical_crossentropy),
    "sparse_categorical_crossentropy": lambda: MeanMetricWrapper(
        losses.sparse_categorical_crossentropy
    ),
    **{
        cls.__name__: cls
        for cls in (
            Accuracy,
            BinaryAccuracy,
            CategoricalAccuracy,
            MeanSquaredError,
            SparseCategoricalAccuracy,
        )
    },
}


def get(identifier: Any) -> Metric:
    """The metric for a name, a Metric, a class or a function (y_true, y_pred) -> values."""
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return MeanMetricWrapper(identifier)
    known = {**_BY_NAME, "accuracy": Accuracy, "acc": Accuracy}
    return lookup("metric", identifier, known)()


def accuracy_for(name: str, y_true: Any, y_pred: Any) -> Metric:
    """What Keras takes `"accuracy"` for: by the shapes of the first targets and predictions."""
    if y_pred.shape[-1] == 1:
        return BinaryAccuracy(name=name)
    sparse = len(y_true.shape) < len(y_pred.shape) or y_true.shape[-1] == 1
    return (SparseCategoricalAccuracy if sparse else CategoricalAccuracy)(name=name)


class Watched:
    """A metric of compile; which accuracy is meant is known when the first data are seen."""

    def __init__(self, identifier: Any) -> None:
        self.name = identifier
        self.metric = None
        named = isinstance(identifier, str)
        if not (named and identifier.lower() in ("accuracy", "acc")):
            self.metric = get(identifier)
            self.metric.name = identifier if named else self.metric.name

    def update(self, y_true: Any, y_pred: Any) -> None:
        if self.metric is None:
            self.metric = accuracy_for(self.name, y_true, y_pred)
        self.metric.update_state(y_true, y_pred)


__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "get",
    "sparse_categorical_accuracy",
]

__getattr__ = missing_attribute(__name__, __all__)
