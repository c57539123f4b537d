"""A loss of `compile` that is known only when the first data are seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext.losses.base import Loss
from cnn_ext.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)


class Crossentropy(Loss):
    """What `compile` takes `"crossentropy"` for: which one is known by the shapes of the data."""

    _takes_labels = True

    def check_targets(self, y_true: np.ndarray, y_pred_shape: tuple[int, ...]) -> None:
        """An error for targets that no prediction of this shape can meet."""
        self._meant(y_true.shape, y_pred_shape).check_targets(y_true, y_pred_shape)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        return self._meant(y_true.shape, y_pred.shape).call(y_true, y_pred)

    @staticmethod
    def _meant(y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> Loss:
        if y_pred_shape[-1] == 1:
            return BinaryCrossentropy()
        if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
            return SparseCategoricalCrossentropy()
        return CategoricalCrossentropy()
