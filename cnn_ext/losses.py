"""Losses by Keras's names: the functions give one number a sample, the classes reduce them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import config, ops
from cnn_ext._errors import TeachesKeywords, lookup, missing_attribute
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.ops.nn import check_labels, logits_of

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


def aligned(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both of one rank where one has a last axis of 1 too many: (n,) and (n, 1) are pairs."""
    if len(y_true.shape) == len(y_pred.shape) + 1 and y_true.shape[-1] == 1:
        if len(y_pred.shape) == 1:
            return y_true, ops.expand_dims(y_pred, -1)
        return ops.squeeze(y_true, -1), y_pred
    if len(y_pred.shape) == len(y_true.shape) + 1 and y_pred.shape[-1] == 1:
        if len(y_true.shape) == 1:
            return ops.expand_dims(y_true, -1), y_pred
        return y_true, ops.squeeze(y_pred, -1)
    return y_true, y_pred


def _targets(name: str, y_true: Any, y_pred: Any) -> tuple[np.ndarray, Any]:
    """Targets as an array of the predictions' dtype and shape, or an error."""
    y_true, y_pred = aligned(as_array(y_true), y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"{name}: y_true and y_pred must have the same shape. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    return y_true.astype(y_pred.dtype), y_pred


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of (y_true - y_pred)^2 over the last axis (`keras.losses.mean_squared_error`).

    >>> import numpy as np
    >>> mean_squared_error(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    array([2.])
    """
    y_true, y_pred = _targets("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """-log of the probability that y_pred (.., classes) gives to each integer label of y_true.

    >>> import numpy as np
    >>> sparse_categorical_crossentropy(np.array([1]), np.array([[0.5, 0.5]]))
    array([0.69314718])
    """
    _no_ignored_class(ignore_class)
    if as_array(y_true).shape == tuple(y_pred.shape) and y_pred.shape[-1] > 1:
        raise ValueError(
            "sparse_categorical_crossentropy takes integer labels, one a sample; for one-hot rows "
            "use categorical_crossentropy. "
            f"Received: y_true.shape={as_array(y_true).shape}, y_pred.shape={tuple(y_pred.shape)}"
        )
    output, from_logits = logits_of(y_pred, from_logits)
    return ops.sparse_categorical_crossentropy(y_true, output, from_logits=from_logits, axis=axis)


def _no_ignored_class(ignore_class: int | None) -> None:
    if ignore_class is not None:
        raise ValueError(
            "ignore_class is not supported yet; give those samples a sample_weight of 0. "
            f"Received: ignore_class={ignore_class}"
        )


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-sum(y_true * log(y_pred)) over classes, both (.., classes).

    label_smoothing s replaces y_true by y_true * (1 - s) + s / classes.

    >>> import numpy as np
    >>> categorical_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
    array([0.69314718])
    """
    if as_array(y_true).shape != tuple(y_pred.shape):
        raise ValueError(
            "categorical_crossentropy takes one-hot rows of y_pred's shape; for integer labels "
            "use sparse_categorical_crossentropy, or utils.to_categorical. "
            f"Received: y_true.shape={as_array(y_true).shape}, y_pred.shape={tuple(y_pred.shape)}"
        )
    y_true = as_array(y_true).astype(y_pred.dtype)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / y_true.shape[axis]
    output, from_logits = logits_of(y_pred, from_logits)
    return ops.categorical_crossentropy(
        y_true.astype(y_pred.dtype), output, from_logits=from_logits, axis=axis
    )


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Mean over an axis of -y_true log(y_pred) - (1 - y_true) log(1 - y_pred).

    label_smoothing s replaces y_true by y_true * (1 - s) + s / 2.

    >>> import numpy as np
    >>> binary_crossentropy(np.array([[1.0]]), np.array([[0.5]])).round(3)
    array([0.693])
    """
    output, from_logits = logits_of(y_pred, from_logits)
    y_true, output = _targets("binary_crossentropy", y_true, output)
    if label_smoothing:
        y_true = (y_true * (1 - label_smoothing) + label_smoothing / 2).astype(y_true.dtype)
    return ops.mean(ops.binary_crossentropy(y_true, output, from_logits=from_logits), axis=axis)


class Loss(TeachesKeywords):
    """Base of losses (`keras.losses.Loss`): implement `call(y_true, y_pred)`.

    Args:
        name: shown in logs.
        reduction: `"sum_over_batch_size"` (the mean over all elements), `"sum"`, `"mean"`,
            `"mean_with_sample_weight"` (divided by the weights' sum), or `"none"` / None.
        dtype: not used beyond its check; the predictions' dtype is computed in.
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or type(self).__name__
        self.reduction = config.one_of("reduction", reduction or "none", REDUCTIONS)
        self.dtype = config.float_dtype(dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred)")

    def check_targets(self, y_true: np.ndarray, y_pred_shape: tuple[int, ...]) -> None:
        """An error for targets that no prediction of this shape can meet; `fit` asks first."""

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss.

        Args:
            y_true: targets, an array.
            y_pred: predictions, a Tensor or array.
            sample_weight: factors for the samples' losses, of their shape or (batch,).
        """
        y_pred = y_pred if isinstance(y_pred, Tensor | np.ndarray) else as_array(y_pred)
        values = self.call(as_array(y_true), y_pred)
        weight = None
        if sample_weight is not None:
            weight = _weights_like(as_array(sample_weight), values)
            values = values * weight
        if self.reduction == "none":
            return values
        total = ops.sum(values)
        if self.reduction == "sum":
            return total
        count = values.size if self.reduction != "mean_with_sample_weight" else None
        if count is None:
            count = values.size if weight is None else float(weight.sum())
        return total / count if count else total * 0

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """A loss from what `get_config` returned."""
        return cls(**config)


def _weights_like(weight: np.ndarray, values: Any) -> np.ndarray:
    """Sample weights in the shape and dtype of the losses that they weigh."""
    if weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.shape != tuple(values.shape)[: weight.ndim]:
        raise ValueError(
            f"sample_weight must have one factor a sample, shape {tuple(values.shape)}. "
            f"Received: shape={weight.shape}"
        )
    weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
    return np.broadcast_to(weight, values.shape).astype(values.dtype)


class MeanSquaredError(Loss):
    """Mean of (y_true - y_pred)^2 (`keras.losses.MeanSquaredError`)."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return mean_squared_error(y_true, y_pred)


class SparseCategoricalCrossentropy(Loss):
    """Crossentropy with integer labels (`keras.losses.SparseCategoricalCrossentropy`).

    Args:
        from_logits: whether y_pred are logits and not probabilities.
        ignore_class: not supported yet; None.
        reduction, name, dtype: see `Loss`.
        axis: the classes' axis, the last.

    >>> import numpy as np
    >>> loss = SparseCategoricalCrossentropy(from_logits=True)
    >>> float(loss(np.array([0]), np.array([[0.0, 0.0]]))).__round__(3)
    0.693
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        _no_ignored_class(ignore_class)
        self.from_logits = from_logits
        self.axis = axis

    def check_targets(self, y_true: np.ndarray, y_pred_shape: tuple[int, ...]) -> None:
        check_labels(y_true, y_pred_shape[-1])

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, axis=self.axis)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits, "axis": self.axis}


class _Smoothed(Loss):
    """What the crossentropies of probabilities share."""

    function: Callable[..., Any]

    def __init__(
        self,
        from_logits: bool,
        label_smoothing: float,
        axis: int,
        reduction: str | None,
        name: str,
        dtype: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"label_smoothing must be in [0, 1]. Received: label_smoothing={label_smoothing}"
            )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        function = type(self).function
        return function(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


class CategoricalCrossentropy(_Smoothed):
    """Crossentropy with one-hot rows (`keras.losses.CategoricalCrossentropy`).

    Args:
        from_logits: whether y_pred are logits and not probabilities.
        label_smoothing: share of the target spread over all classes, in [0, 1].
        axis: the classes' axis.
        reduction, name, dtype: see `Loss`.
    """

    function = staticmethod(categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)


class BinaryCrossentropy(_Smoothed):
    """Crossentropy of yes-or-no probabilities (`keras.losses.BinaryCrossentropy`).

    Args:
        from_logits: whether y_pred are logits and not probabilities.
        label_smoothing: share of the target moved to one half, in [0, 1].
        axis: the axis that is averaged over.
        reduction, name, dtype: see `Loss`.
    """

    function = staticmethod(binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)


class LossFunction(Loss):
    """A user's function (y_true, y_pred) -> loss of each sample, as a Loss."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(getattr(function, "__name__", "loss"))
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.function(y_true, y_pred)


_BY_NAME: dict[str, type[Loss]] = {
    "BCE": BinaryCrossentropy,
    "MSE": MeanSquaredError,
    "bce": BinaryCrossentropy,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}


def get(identifier: Any) -> Loss | None:
    """The loss for a name, a Loss, a class or a function; None for None.

    >>> get("mse").name
    'mean_squared_error'
    """
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return LossFunction(identifier)
    by_class = {cls.__name__: cls for cls in _BY_NAME.values()}
    return lookup("loss", identifier, {**_BY_NAME, **by_class})()


__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]

__getattr__ = missing_attribute(__name__, __all__)
