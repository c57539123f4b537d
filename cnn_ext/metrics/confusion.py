"""Counts of true and false positives and negatives, and what is made of them.

Predictions above a threshold are positives. The counts at all thresholds come from one pass over
the predictions: of each it is found how many thresholds it exceeds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cnn_ext import config
from cnn_ext.autograd import Variable, as_array
from cnn_ext.losses.base import aligned
from cnn_ext.metrics.base import Metric, no_nan_divide, plain

LOWEST = -1e10  # what predictions that are not among the top k count as


class Counts(NamedTuple):
    """Weights of the true and false positives and negatives, at each threshold (thresholds, ..)."""

    tp: np.ndarray
    fp: np.ndarray
    tn: np.ndarray
    fn: np.ndarray


def parsed_thresholds(thresholds: Any, default: float = 0.5) -> list[float]:
    """A list of thresholds for one, for several or for None."""
    if thresholds is None:
        return [default]
    listed = list(thresholds) if isinstance(thresholds, list | tuple | np.ndarray) else [thresholds]
    wrong = [t for t in listed if t is None or t < 0 or t > 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return listed


def spread_evenly(thresholds: Any) -> bool:
    """Whether thresholds are 0, 1/(n-1), 2/(n-1), .. 1."""
    n = len(thresholds)
    return n >= 3 and np.allclose(thresholds, np.arange(n) / (n - 1), atol=config.epsilon())


def _exceeded(y_pred: np.ndarray, thresholds: np.ndarray, even: bool) -> np.ndarray:
    """How many of the sorted thresholds each prediction is above; none for NaN."""
    known = np.where(np.isnan(y_pred), thresholds[0], y_pred)
    if not even:
        return np.searchsorted(thresholds, known.ravel(), side="left").reshape(y_pred.shape)
    number = np.ceil(np.clip(known, 0, 1) * (len(thresholds) - 1)).astype(np.int64)
    return np.maximum(number, 1) if thresholds[0] < 0 else number


def counts(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    weight: np.ndarray,
    thresholds: Any,
    even: bool = False,
    by_label: bool = False,
) -> Counts:
    """Confusion at each threshold.

    Args:
        y_true: truth values, of y_pred's shape.
        y_pred: predictions.
        weight: factors, of y_pred's shape.
        thresholds: what positives are above, in any order.
        even: whether thresholds are those of `spread_evenly`; found by division then.
        by_label: whether to count each column of (batch, labels) on its own.

    Returns:
        Counts of shape (thresholds,), or (thresholds, labels).
    """
    order = np.argsort(thresholds, kind="stable")
    levels = np.asarray(thresholds, dtype=y_pred.dtype)[order]
    labels = y_pred.shape[1] if by_label else 1
    place = _exceeded(y_pred, levels, even).reshape(-1, labels) * labels + np.arange(labels)
    size = (len(levels) + 1) * labels

    def positives(share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = np.bincount(place.ravel(), share.ravel(), size).reshape(-1, labels)
        above = np.cumsum(found[::-1], axis=0)[::-1][1:]
        at = np.empty_like(above)
        at[order] = above
        total = found.sum(axis=0)
        return (at, total - at) if by_label else (at[:, 0], (total - at)[:, 0])

    (tp, fn), (fp, tn) = positives(weight * y_true), positives(weight * ~y_true)
    return Counts(tp, fp, tn, fn)


def _of_top_k(y_pred: np.ndarray, k: int) -> np.ndarray:
    """Predictions of which all but the k largest of each row are the lowest."""
    top = np.argsort(-y_pred, axis=-1, kind="stable")[..., :k]
    kept = np.full_like(y_pred, LOWEST)
    np.put_along_axis(kept, top, np.take_along_axis(y_pred, top, axis=-1), axis=-1)
    return kept


def prepared(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    top_k: int | None = None,
    class_id: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth values, predictions and weights of one shape."""
    y_pred, y_true = as_array(y_pred), as_array(y_true)
    y_pred = y_pred.astype(config.floatx())
    y_true, y_pred = aligned(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            "y_true and y_pred must have the same shape. "
            f"Received: y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}"
        )
    weight = np.asarray(1.0)
    if sample_weight is not None:
        weight = np.asarray(sample_weight, np.float64)[..., None]
        while weight.ndim > y_true.ndim and weight.shape[-1] == 1:
            weight = weight[..., 0]
    if top_k is not None:
        y_pred = _of_top_k(y_pred, top_k)
    if class_id is not None:
        if y_pred.ndim == 1:
            raise ValueError(
                "When class_id is provided, y_pred must be a 2D array with shape (num_samples, "
                f"num_classes), found shape: {y_pred.shape}"
            )
        y_true, y_pred = y_true[..., class_id, None], y_pred[..., class_id, None]
        if weight.ndim and weight.shape[-1] > 1:
            weight = weight[..., class_id, None]
    return y_true.astype(bool), y_pred, np.broadcast_to(weight, y_pred.shape)


class Counting(Metric):
    """Base of metrics that keep some of the four counts at thresholds."""

    _kept: tuple[str, ...]
    names = {  # noqa: RUF012 - never changed
        "tp": "true_positives",
        "fp": "false_positives",
        "tn": "true_negatives",
        "fn": "false_negatives",
    }

    def __init__(self, thresholds: list[float], name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name)
        self.thresholds = thresholds
        self._even = spread_evenly(thresholds)
        self._make_state((len(thresholds),))

    def _make_state(self, shape: tuple[int, ...]) -> None:
        self._state = {}
        for key in self._kept:
            variable = self._add_state(self.names[key], shape)
            self._state[key] = variable
            setattr(self, self.names[key], variable)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of targets (0 or 1) and predictions into account."""
        top_k, class_id = getattr(self, "top_k", None), getattr(self, "class_id", None)
        found = counts(
            *prepared(y_true, y_pred, sample_weight, top_k, class_id), self.thresholds, self._even
        )
        for key, variable in self._state.items():
            variable.assign_add(getattr(found, key))

    def _share(self, part: str, rest: str) -> np.ndarray:
        """A count's share of itself and another, 0 of nothing."""
        a, b = self._state[part].data, self._state[rest].data
        return no_nan_divide(a, a + b)

    _state: dict[str, Variable]


class _Count(Counting):
    """One of the four counts."""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        self.init_thresholds = thresholds
        super().__init__(parsed_thresholds(thresholds), name, dtype)

    def result(self) -> Any:
        return plain(_one_or_all(self._state[self._kept[0]].data))

    def _make_state(self, shape: tuple[int, ...]) -> None:
        self.accumulator = self._add_state("accumulator", shape)
        self._state = {self._kept[0]: self.accumulator}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


def _one_or_all(values: np.ndarray) -> np.ndarray:
    return values[0] if len(values) == 1 else values


class TruePositives(_Count):
    """How many positives are predicted as such (`keras.metrics.TruePositives`).

    Args:
        thresholds: what predicted positives are above, or a list of such; 0.5 if None.
        name, dtype: see `Metric`.

    >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
    2.0
    """

    _kept = ("tp",)


class FalsePositives(_Count):
    """How many negatives are predicted to be positive (`keras.metrics.FalsePositives`).

    Args:
        thresholds: what predicted positives are above, or a list of such; 0.5 if None.
        name, dtype: see `Metric`.

    >>> FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1])
    2.0
    """

    _kept = ("fp",)


class TrueNegatives(_Count):
    """How many negatives are predicted as such (`keras.metrics.TrueNegatives`).

    Args:
        thresholds: what predicted positives are above, or a list of such; 0.5 if None.
        name, dtype: see `Metric`.

    >>> TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
    2.0
    """

    _kept = ("tn",)


class FalseNegatives(_Count):
    """How many positives are predicted to be negative (`keras.metrics.FalseNegatives`).

    Args:
        thresholds: what predicted positives are above, or a list of such; 0.5 if None.
        name, dtype: see `Metric`.

    >>> FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
    2.0
    """

    _kept = ("fn",)


class _Ratio(Counting):
    """True positives, as a share of them and another count."""

    _direction = "up"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        default = 0.5 if top_k is None else LOWEST
        super().__init__(parsed_thresholds(thresholds, default), name, dtype)

    def result(self) -> Any:
        return plain(_one_or_all(self._share(*self._kept)))

    def get_config(self) -> dict[str, Any]:
        given = {
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }
        return {**super().get_config(), **given}


class Precision(_Ratio):
    """Share of the predicted positives that are positive (`keras.metrics.Precision`).

    Args:
        thresholds: what predicted positives are above, or a list of such; 0.5 if None.
        top_k: count only the k largest predictions of each row as positives.
        class_id: count only this column of (batch, classes).
        name, dtype: see `Metric`.

    >>> round(Precision()([0, 1, 1, 1], [1, 0, 1, 1]), 3)
    0.667
    """

    _kept = ("tp", "fp")


class Recall(_Ratio):
    """Share of the positives that are predicted as such (`keras.metrics.Recall`).

    Args:
        thresholds: what predicted positives are above, or a list of such; 0.5 if None.
        top_k: count only the k largest predictions of each row as positives.
        class_id: count only this column of (batch, classes).
        name, dtype: see `Metric`.

    >>> round(Recall()([0, 1, 1, 1], [1, 0, 1, 1]), 3)
    0.667
    """

    _kept = ("tp", "fn")
