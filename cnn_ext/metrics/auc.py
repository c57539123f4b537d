"""Area under a curve of two rates, over thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import config, ops
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.metrics.at import even_thresholds
from cnn_ext.metrics.base import no_nan_divide, plain
from cnn_ext.metrics.confusion import Counting, counts, prepared, spread_evenly
from cnn_ext.registry import deserialize_keras_object

CURVES = ("PR", "ROC", "PRGAIN")
SUMMATIONS = ("interpolation", "majoring", "minoring")


class AUC(Counting):
    """Area under the ROC or precision-recall curve, approximately (`keras.metrics.AUC`).

    Args:
        num_thresholds: how many thresholds the curve is known at, at least 2.
        curve: `"ROC"`, `"PR"` (precision over recall) or `"PRGAIN"`.
        summation_method: `"interpolation"`, or `"minoring"` and `"majoring"` for bounds.
        name, dtype: see `Metric`.
        thresholds: the thresholds themselves, in [0, 1]; -epsilon and 1 + epsilon are added.
        multi_label: whether each column of (batch, labels) has a curve, whose areas are averaged;
            all elements make one curve if not.
        num_labels: the number of columns, if known.
        label_weights: weights of the columns.
        from_logits: whether predictions are logits and not probabilities.

    >>> round(AUC()([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]), 3)
    0.75
    """

    _direction = "up"
    _kept = ("tp", "fp", "tn", "fn")

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        self._init_from_thresholds = thresholds is not None
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 1. "
                f"Received: num_thresholds={num_thresholds}"
            )
        if num_labels and not multi_label:
            raise ValueError(
                "`num_labels` is needed only when `multi_label` is True. "
                f"Received: num_labels={num_labels}"
            )
        inner = even_thresholds(num_thresholds)[1:-1] if thresholds is None else sorted(thresholds)
        self.num_thresholds = len(inner) + 2
        self.curve = _one_of("curve", curve, CURVES)
        self.summation_method = _one_of("summation method", summation_method, SUMMATIONS)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self._built = False
        epsilon = config.epsilon()
        super().__init__([-epsilon, *inner, 1.0 + epsilon], name, dtype)
        self._even = thresholds is None or spread_evenly([0.0, *inner, 1.0])
        self.label_weights = None if label_weights is None else Tensor(label_weights, self.dtype)
        self._from_logits = from_logits

    def _make_state(self, shape: tuple[int, ...]) -> None:
        if self.multi_label and self.num_labels:
            shape = (*shape, self.num_labels)
        if self._built or not self.multi_label or self.num_labels:
            super()._make_state(shape)
            self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of targets (0 or 1) and predictions into account."""
        y_pred = as_array(y_pred)
        if self.multi_label and y_pred.ndim != 2:
            raise ValueError(
                "`y_pred` must have rank 2 when `multi_label=True`. "
                f"Found rank {y_pred.ndim}. Full shape received for `y_pred`: {y_pred.shape}"
            )
        if not self._built:
            self._built = True
            self._make_state((self.num_thresholds, y_pred.shape[1]))
        if self._from_logits:
            y_pred = ops.sigmoid(y_pred.astype(config.floatx()))
        y_true, y_pred, weight = prepared(y_true, y_pred, sample_weight)
        if self.label_weights is not None and not self.multi_label:
            weight = weight * self.label_weights.data
        found = counts(y_true, y_pred, weight, self.thresholds, self._even, self.multi_label)
        for key, variable in self._state.items():
            variable.assign_add(getattr(found, key))

    def result(self) -> Any:
        if not self._built:
            return plain(0.0)
        interpolated = self.curve == "PR" and self.summation_method == "interpolation"
        areas = self._interpolated_pr() if interpolated else self._area()
        by_label = areas.sum(axis=0)
        if not self.multi_label:
            return plain(by_label)
        if self.label_weights is None:
            return plain(by_label.mean())
        weights = self.label_weights.data
        return plain(no_nan_divide((by_label * weights).sum(), weights.sum()))

    def _area(self) -> np.ndarray:
        """The curve's area between each two thresholds."""
        x, y = self._rates()
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2
        else:
            choose = np.minimum if self.summation_method == "minoring" else np.maximum
            heights = choose(y[:-1], y[1:])
        return (x[:-1] - x[1:]) * heights

    def _rates(self) -> tuple[np.ndarray, np.ndarray]:
        """The curve's two rates at each threshold."""
        recall = self._share("tp", "fn")
        if self.curve == "ROC":
            return self._share("fp", "tn"), recall
        if self.curve == "PR":
            return recall, self._share("tp", "fp")
        tp, fp, tn, fn = (self._state[key].data for key in self._kept)
        odds = no_nan_divide(tp + fn, tn + fp)
        recall_gain = np.where(tp == 0, 0.0, 1.0 - odds * no_nan_divide(fn, tp))
        precision_gain = np.where(tp == 0, 1.0, 1.0 - odds * no_nan_divide(fp, tp))
        return np.maximum(recall_gain, 0.0), precision_gain

    def _interpolated_pr(self) -> np.ndarray:
        """Areas under precision over recall, with the counts, not the precision, interpolated.

        Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves".
        """
        tp, fp, _, fn = (self._state[key].data for key in self._kept)
        p = tp + fp
        dtp, dp = tp[:-1] - tp[1:], p[:-1] - p[1:]
        slope = no_nan_divide(dtp, np.maximum(dp, 0))
        intercept = tp[1:] - slope * p[1:]
        both = (p[:-1] > 0) & (p[1:] > 0)
        ratio = np.where(both, no_nan_divide(p[:-1], np.maximum(p[1:], 0)), 1.0)
        area = slope * (dtp + intercept * np.log(ratio))
        return no_nan_divide(area, np.maximum(tp[1:] + fn[1:], 0))

    def get_config(self) -> dict[str, Any]:
        given = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        if self._init_from_thresholds:
            given["thresholds"] = self.thresholds[1:-1]
        return {**super().get_config(), **given}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**deserialize_keras_object(dict(config)))


def _one_of(kind: str, value: Any, known: tuple[str, ...]) -> str:
    """A known word for what a user wrote in other letters."""
    for word in known:
        if str(value).lower() == word.lower():
            return word
    raise ValueError(f'Invalid AUC {kind} value: "{value}". Expected values are {list(known)}')
