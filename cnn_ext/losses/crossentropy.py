"""Crossentropies: of classes by number, of classes by one-hot rows, of yes and no.

Where y_pred is what a softmax or sigmoid activation has returned, they compute with what that was
computed from, which is exact where probabilities are all 0 and 1.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cnn_ext import ops
from cnn_ext.autograd import as_array
from cnn_ext.losses.base import Configurable, as_floats, in_dtype, pair
from cnn_ext.ops.nn import check_labels, logits_of


def smoothed(y_true: Any, label_smoothing: float, classes: int) -> Any:
    """Targets of which a share is spread evenly over the classes."""
    if not label_smoothing:
        return y_true
    return y_true * (1 - label_smoothing) + label_smoothing / classes


def one_hot_pair(name: str, y_true: Any, y_pred: Any, axis: int) -> tuple[Any, Any]:
    """One-hot rows and predictions of one shape and dtype, or an error."""
    if isinstance(axis, bool):
        raise ValueError(
            f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}"
        )
    y_pred = as_floats(y_pred)
    y_true = in_dtype(y_true, y_pred.dtype)
    shape = tuple(y_pred.shape)
    if tuple(y_true.shape) != shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same rank (ndim). "
            f"{name} takes one-hot rows of y_pred's shape; for integer labels use "
            "sparse_categorical_crossentropy, or utils.to_categorical. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={shape}"
        )
    if shape[axis] == 1:
        warnings.warn(
            f"In loss {name}, expected y_pred.shape to be (batch_size, num_classes) with "
            f"num_classes > 1. Received: y_pred.shape={shape}. Consider using "
            "'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
            stacklevel=3,
        )
    return y_true, y_pred


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-sum(y_true * log(y_pred)) over classes, both (.., classes).

    Counterpart of `keras.losses.categorical_crossentropy`. label_smoothing s replaces y_true by
    y_true * (1 - s) + s / classes.

    >>> import numpy as np
    >>> categorical_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
    array([0.69314718])
    """
    output, from_logits = logits_of(y_pred, from_logits)
    y_true, output = one_hot_pair("categorical_crossentropy", y_true, output, axis)
    y_true = smoothed(y_true, label_smoothing, y_true.shape[axis])
    return ops.categorical_crossentropy(y_true, output, from_logits=from_logits, axis=axis)


class CategoricalCrossentropy(Configurable):
    """Crossentropy with one-hot rows (`keras.losses.CategoricalCrossentropy`).

    Args:
        from_logits: whether y_pred are logits and not probabilities.
        label_smoothing: share of the target spread over all classes, in [0, 1].
        axis: the classes' axis.
        reduction, name, dtype: see `Loss`.

    >>> float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])).__round__(3)
    0.693
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


def labels_of(y_true: Any, y_pred_shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Labels without an axis of one element in the classes' place."""
    labels = as_array(y_true)
    if labels.ndim == len(y_pred_shape) and labels.shape[axis] == 1:
        return np.squeeze(labels, axis)
    return labels


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """-log of the probability that y_pred (.., classes) gives to each integer label of y_true.

    Counterpart of `keras.losses.sparse_categorical_crossentropy`. The loss of samples whose label
    is `ignore_class` is 0.

    >>> import numpy as np
    >>> sparse_categorical_crossentropy(np.array([1]), np.array([[0.5, 0.5]]))
    array([0.69314718])
    """
    output, from_logits = logits_of(y_pred, from_logits)
    output = as_floats(output)
    rank = len(output.shape)
    labels = labels_of(y_true, output.shape, axis)
    if labels.shape == tuple(output.shape) and output.shape[axis] > 1:
        raise ValueError(
            "Argument `output` must have rank (ndim) `target.ndim - 1`: "
            "sparse_categorical_crossentropy takes integer labels, one a sample; for one-hot rows "
            "use categorical_crossentropy. "
            f"Received: y_true.shape={labels.shape}, y_pred.shape={tuple(output.shape)}"
        )
    if axis % rank != rank - 1:
        others = [i for i in range(rank) if i != axis % rank]
        output = ops.transpose(output, axes=(*others, axis % rank))
    counted = None
    if ignore_class is not None:
        counted = labels != ignore_class
        labels = np.where(counted, labels, 0)
    values = ops.sparse_categorical_crossentropy(labels, output, from_logits=from_logits)
    return values if counted is None else ops.where(counted, values, 0.0)


class SparseCategoricalCrossentropy(Configurable):
    """Crossentropy with integer labels (`keras.losses.SparseCategoricalCrossentropy`).

    Args:
        from_logits: whether y_pred are logits and not probabilities.
        ignore_class: label of samples that do not count.
        reduction, name, dtype: see `Loss`.
        axis: the classes' axis.

    >>> import numpy as np
    >>> loss = SparseCategoricalCrossentropy(from_logits=True)
    >>> float(loss(np.array([0]), np.array([[0.0, 0.0]]))).__round__(3)
    0.693
    """

    unwritten = {"axis": -1}  # noqa: RUF012 - never changed
    _takes_labels = True
    ignore_class: int | None
    axis: int

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )

    def check_targets(self, y_true: np.ndarray, y_pred_shape: tuple[int, ...]) -> None:
        """An error for labels that are no class."""
        labels = y_true if self.ignore_class is None else y_true[y_true != self.ignore_class]
        check_labels(labels, y_pred_shape[self.axis])

    def _counted(self, y_true: Any, values: Any) -> np.ndarray | None:
        return counted_labels(y_true, values, self.ignore_class)


def counted_labels(y_true: Any, values: Any, ignore_class: int | None) -> np.ndarray | None:
    """Which labels are not the class to ignore, in the shape of the losses; None for all."""
    if ignore_class is None:
        return None
    return (as_array(y_true) != ignore_class).reshape(values.shape)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Mean over an axis of -y_true log(y_pred) - (1 - y_true) log(1 - y_pred).

    Counterpart of `keras.losses.binary_crossentropy`. label_smoothing s replaces y_true by
    y_true * (1 - s) + s / 2.

    >>> import numpy as np
    >>> binary_crossentropy(np.array([[1.0]]), np.array([[0.5]])).round(3)
    array([0.693])
    """
    output, from_logits = logits_of(y_pred, from_logits)
    y_true, output = pair("binary_crossentropy", y_true, output)
    y_true = smoothed(y_true, label_smoothing, 2)
    return ops.mean(ops.binary_crossentropy(y_true, output, from_logits=from_logits), axis=axis)


class BinaryCrossentropy(Configurable):
    """Crossentropy of yes-or-no probabilities (`keras.losses.BinaryCrossentropy`).

    Args:
        from_logits: whether y_pred are logits and not probabilities.
        label_smoothing: share of the target moved to one half, in [0, 1].
        axis: the axis that is averaged over.
        reduction, name, dtype: see `Loss`.

    >>> float(BinaryCrossentropy()([[1.0]], [[0.5]])).__round__(3)
    0.693
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """(1 - p^q) / q for the probability p of each integer label.

    Counterpart of `keras.losses.categorical_generalized_cross_entropy`.

    >>> import numpy as np
    >>> categorical_generalized_cross_entropy(np.array([1]), np.array([[0.75, 0.25]]), q=0.5)
    array([1.])
    """
    y_pred = as_floats(y_pred)
    labels = labels_of(y_true, y_pred.shape, -1)
    check_labels(labels, y_pred.shape[-1])
    index = labels.astype(np.int64)[..., None]
    p = ops.squeeze(ops.take_along_axis(y_pred, index, axis=-1), -1)
    return (1 - ops.power(p, q)) / q


class CategoricalGeneralizedCrossEntropy(Configurable):
    """(1 - p^q) / q for the probability p of each integer label: noisy labels weigh less.

    Counterpart of `keras.losses.CategoricalGeneralizedCrossEntropy` (Zhang and Sabuncu 2018).

    Args:
        q: between 0, where it is the crossentropy, and 1, where it is the absolute error.
        reduction, name, dtype: see `Loss`.

    >>> float(CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]))
    1.0
    """

    _takes_labels = True

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        fn = categorical_generalized_cross_entropy
        super().__init__(fn, reduction=reduction, name=name, dtype=dtype, q=q)

    def check_targets(self, y_true: np.ndarray, y_pred_shape: tuple[int, ...]) -> None:
        """An error for labels that are no class."""
        check_labels(y_true, y_pred_shape[-1])
