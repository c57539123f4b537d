"""Focal crossentropies: samples that are already predicted well weigh less (Lin et al. 2017)."""

from __future__ import annotations

from typing import Any

from cnn_ext import config, ops
from cnn_ext.losses.base import Configurable, in_dtype, pair
from cnn_ext.losses.crossentropy import one_hot_pair, smoothed
from cnn_ext.ops.nn import logits_of


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Mean over an axis of (1 - p)^gamma times the crossentropy, p the target's probability.

    Counterpart of `keras.losses.binary_focal_crossentropy`.

    >>> import numpy as np
    >>> binary_focal_crossentropy(np.array([[1.0]]), np.array([[0.5]])).round(3)
    array([0.173])
    """
    output, from_logits = logits_of(y_pred, from_logits)
    y_true, output = pair("binary_focal_crossentropy", y_true, output)
    y_true = smoothed(y_true, label_smoothing, 2)
    losses = ops.binary_crossentropy(y_true, output, from_logits=from_logits)
    p = ops.sigmoid(output) if from_logits else output
    p = y_true * p + (1 - y_true) * (1 - p)
    losses = ops.power(1.0 - p, gamma) * losses
    if apply_class_balancing:
        losses = (y_true * alpha + (1 - y_true) * (1 - alpha)) * losses
    return ops.mean(losses, axis=axis)


class BinaryFocalCrossentropy(Configurable):
    """Binary crossentropy times (1 - p)^gamma (`keras.losses.BinaryFocalCrossentropy`).

    Args:
        apply_class_balancing: whether ones weigh alpha and zeros 1 - alpha.
        alpha: see there.
        gamma: how little samples weigh whose target has a probability p near 1; 0 for no focus.
        from_logits: whether y_pred are logits and not probabilities.
        label_smoothing: share of the target moved to one half, in [0, 1].
        axis: the axis that is averaged over.
        reduction, name, dtype: see `Loss`.

    >>> float(BinaryFocalCrossentropy()([[1.0]], [[0.5]])).__round__(3)
    0.173
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-sum(alpha (1 - y_pred)^gamma y_true log(y_pred)) over classes, both (.., classes).

    Counterpart of `keras.losses.categorical_focal_crossentropy`; alpha is one factor or one a
    class.

    >>> import numpy as np
    >>> categorical_focal_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])).round(3)
    array([0.043])
    """
    y_true, y_pred = one_hot_pair("categorical_focal_crossentropy", y_true, y_pred, axis)
    y_true = smoothed(y_true, label_smoothing, y_true.shape[axis])
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    epsilon = config.epsilon()
    p = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    p = ops.clip(p, x_min=epsilon, x_max=1.0 - epsilon)
    if not isinstance(alpha, int | float):
        alpha = in_dtype(alpha, p.dtype)
    return -ops.sum(ops.power(1.0 - p, gamma) * alpha * y_true * ops.log(p), axis=axis)


class CategoricalFocalCrossentropy(Configurable):
    """Crossentropy of one-hot rows times alpha (1 - p)^gamma.

    Counterpart of `keras.losses.CategoricalFocalCrossentropy`.

    Args:
        alpha: a factor, or one a class.
        gamma: how little classes weigh whose probability p is near 1; 0 for no focus.
        from_logits: whether y_pred are logits and not probabilities.
        label_smoothing: share of the target spread over all classes, in [0, 1].
        axis: the classes' axis.
        reduction, name, dtype: see `Loss`.

    >>> float(CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])).__round__(3)
    0.043
    """

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
