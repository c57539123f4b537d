"""Sums and means over batches, and the mean of a function of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import losses
from cnn_ext.autograd import as_array
from cnn_ext.losses.base import WrapsFunction, aligned
from cnn_ext.metrics.base import Metric, plain
from cnn_ext.registry import deserialize_keras_object, serialize_keras_object


def samplewise(
    values: Any, sample_weight: Any, reduce: Callable[..., Any]
) -> tuple[np.ndarray, np.ndarray | None]:
    """A weighed number a sample, and its weight: further axes are reduced by `np.mean` or so.

    Weights are one for all, one a sample or one a value.
    """
    values = as_array(values).astype(np.float64)
    weight = None
    if sample_weight is not None:
        values, weight = aligned(values, as_array(sample_weight))
        if values.ndim > weight.ndim:
            values = reduce(values, axis=tuple(range(weight.ndim, values.ndim)))
        weight = np.broadcast_to(weight, values.shape).astype(np.float64)
        values = values * weight
        if weight.ndim > 1:
            weight = reduce(weight, axis=tuple(range(1, weight.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, weight


class Sum(Metric):
    """The weighted sum of the values seen (`keras.metrics.Sum`).

    Args:
        name, dtype: see `Metric`.

    >>> total = Sum()
    >>> total([1.0, 3.0])
    4.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self._add_state("total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values; weights are one for all, one a sample or one a value."""
        values, _ = samplewise(values, sample_weight, np.sum)
        self.total.assign_add(np.sum(values))

    def result(self) -> Any:
        return plain(self.total.data)


class Mean(Metric):
    """The weighted mean of the values seen (`keras.metrics.Mean`).

    Args:
        name, dtype: see `Metric`.

    >>> mean = Mean()
    >>> mean([1.0, 3.0])
    2.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self._add_state("total")
        self.count = self._add_state("count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add each sample's mean value; weights are one for all, one a sample or one a value."""
        if isinstance(sample_weight, int) and np.ndim(values) == 0:  # a loss, in every step
            self.total.assign_add(np.float64(values) * sample_weight)
            self.count.assign_add(np.float64(sample_weight))
            return
        values, weight = samplewise(values, sample_weight, np.mean)
        self.total.assign_add(values.sum())
        self.count.assign_add(np.float64(values.size) if weight is None else weight.sum())

    def result(self) -> Any:
        count = self.count.item()
        return plain(self.total.item() / count if count else 0.0)


class MeanMetricWrapper(WrapsFunction, Mean):
    """The mean of a function (y_true, y_pred, **kwargs) -> value of each sample.

    Counterpart of `keras.metrics.MeanMetricWrapper`.

    Args:
        fn: the function, of arrays.
        name, dtype: see `Metric`.
        **kwargs: what the function is given besides.

    >>> import numpy as np
    >>> error = MeanMetricWrapper(lambda y_true, y_pred: abs(y_true - y_pred), name="error")
    >>> error(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
    1.5
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name, dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if fn in losses.FUNCTIONS.values():
            self._direction = "down"

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take a batch of targets and predictions into account."""
        values = self._fn(as_array(y_true), as_array(y_pred), **self._fn_kwargs)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        given = {"fn": self._fn, **self._fn_kwargs}
        return {**super().get_config(), **serialize_keras_object(given)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**(deserialize_keras_object(config) if "fn" in config else config))


class Configurable(MeanMetricWrapper):
    """Base of the package's own means: what the function is given are attributes and config."""

    # Arguments that Keras leaves out of its configs: here only if they are not these.
    unwritten: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def __init__(self, fn: Callable[..., Any], name: str, dtype: Any, **arguments: Any) -> None:
        super().__init__(fn, name, dtype, **arguments)
        for key, value in arguments.items():
            setattr(self, key, value)

    def get_config(self) -> dict[str, Any]:
        written = {
            key: value
            for key, value in self._fn_kwargs.items()
            if key not in self.unwritten or self.unwritten[key] != value
        }
        return {**Metric.get_config(self), **written}
