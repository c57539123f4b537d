"""Intersection over union of predicted and true classes, for masks of images."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import budget, config
from cnn_ext.autograd import as_array
from cnn_ext.metrics.base import Metric, plain


class IoU(Metric):
    """Mean over some classes of |both| / |either| (`keras.metrics.IoU`).

    Args:
        num_classes: how many classes there are.
        target_class_ids: the classes that are averaged over.
        name: see `Metric`.
        dtype: what is counted in, `"int64"` if None: weights lose their fractions then.
        ignore_class: label of elements that do not count.
        sparse_y_true, sparse_y_pred: whether targets and predictions are integers; if not, they
            have an axis of classes, the largest of which counts.
        axis: that axis.

    >>> round(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]), 3)
    0.333
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype or "int64", name)
        budget.take((num_classes, num_classes), 8, "the matrix of classes", keep=False)
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"Target class id {max(target_class_ids)} is out of range, which is "
                f"[0, {num_classes}). Received: target_class_ids={list(target_class_ids)}"
            )
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        shape = (num_classes, num_classes)
        name = "total_confusion_matrix"
        self.total_cm = self.add_variable(shape, "zeros", self.dtype, name=name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of targets and predictions into account; classes out of range are left out.

        sample_weight: one factor, or one an element.
        """
        true = self._classes(y_true, self.sparse_y_true)
        predicted = self._classes(y_pred, self.sparse_y_pred)
        weight = self._weight(sample_weight, true.shape)
        n = self.num_classes
        counted = (true >= 0) & (true < n) & (predicted >= 0) & (predicted < n)
        if self.ignore_class is not None:
            counted &= true != self.ignore_class
        place = true[counted] * n + predicted[counted]
        found = np.bincount(place, weight[counted], n * n).reshape(n, n)
        self.total_cm.assign_add(found.astype(self.dtype))

    def _classes(self, y: Any, sparse: bool) -> np.ndarray:
        y = as_array(y)
        return np.ravel(y if sparse else y.argmax(axis=self.axis)).astype(np.int64)

    def _weight(self, sample_weight: Any, shape: tuple[int, ...]) -> np.ndarray:
        weight = np.asarray(1 if sample_weight is None else sample_weight)
        if weight.dtype.kind == "f" and self._dtype.startswith(("int", "uint")):
            warnings.warn(
                "You are passing weight as `float`, but dtype is `int`. This may result in an "
                "incorrect weight due to type casting Consider using integer weights.",
                stacklevel=3,
            )
        weight = weight.astype(self.dtype)
        return np.broadcast_to(weight.ravel() if weight.ndim > 1 else weight, shape)

    def result(self) -> float:
        matrix = self.total_cm.data.astype(np.float64)
        both = np.diag(matrix)[self.target_class_ids]
        either = (matrix.sum(axis=0) + matrix.sum(axis=1))[self.target_class_ids] - both
        seen = either > 1e-9
        share = np.where(seen, both / (either + config.epsilon()), 0.0)
        return plain(share.sum() / (seen.sum() + config.epsilon()))

    _written: tuple[str, ...] = (
        "num_classes",
        "target_class_ids",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{key: getattr(self, key) for key in self._written}}


class BinaryIoU(IoU):
    """Intersection over union of predictions on either side of a threshold.

    Counterpart of `keras.metrics.BinaryIoU`.

    Args:
        target_class_ids: (0, 1), or one of them: what is averaged over.
        threshold: predictions from it on count as 1.
        name, dtype: see `IoU`.

    >>> round(BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 3)
    0.333
    """

    _written = ("target_class_ids", "threshold")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of targets and predictions into account."""
        above = as_array(y_pred, "float32") >= self.threshold
        super().update_state(y_true, above, sample_weight)


class MeanIoU(IoU):
    """Mean over all classes of |both| / |either| (`keras.metrics.MeanIoU`).

    Args:
        num_classes: how many classes there are.
        name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: see `IoU`.

    >>> round(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]), 3)
    0.333
    """

    _written: tuple[str, ...] = (
        "num_classes",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        targets = range(num_classes)
        super().__init__(
            num_classes, targets, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )


class OneHotIoU(IoU):
    """`IoU` of one-hot targets and of scores of the classes (`keras.metrics.OneHotIoU`).

    Args:
        num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis: see `IoU`.

    >>> truth, scores = [[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]
    >>> round(OneHotIoU(num_classes=2, target_class_ids=[1])(truth, scores), 3)
    0.5
    """

    _written = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot targets and of scores of the classes (`keras.metrics.OneHotMeanIoU`).

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_pred, axis: see `IoU`.

    >>> round(OneHotMeanIoU(num_classes=2)([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]), 3)
    0.25
    """

    _written = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
