"""Loss: the base of losses; how the losses of samples are weighed and reduced to one number."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import config, ops
from cnn_ext._errors import TeachesKeywords
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.naming import auto_name
from cnn_ext.registry import deserialize_keras_object, serialize_keras_object

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


def in_dtype(values: Any, dtype: Any) -> Any:
    """A Tensor or array in a dtype; what is neither becomes an array."""
    values = values if isinstance(values, Tensor) else as_array(values)
    return values if values.dtype == dtype else values.astype(dtype)


def as_floats(y_pred: Any, dtype: Any = None) -> Any:
    """Predictions as a Tensor or array of floats: of their own dtype unless one is given."""
    y_pred = y_pred if isinstance(y_pred, Tensor) else as_array(y_pred)
    own = y_pred.dtype if y_pred.dtype.kind == "f" else config.floatx()
    return in_dtype(y_pred, dtype or own)


def pair(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions, aligned, of the predictions' dtype and of one shape, or an error."""
    y_pred = as_floats(y_pred)
    y_true, y_pred = aligned(in_dtype(y_true, y_pred.dtype), y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"{name}: y_true and y_pred must have the same shape. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    return y_true, y_pred


class Loss(TeachesKeywords):
    """Base of losses (`keras.losses.Loss`): implement `call(y_true, y_pred)`.

    Args:
        name: shown in logs; made of the class's name if None.
        reduction: `"sum_over_batch_size"` or `"mean"` (the mean over all elements), `"sum"`,
            `"mean_with_sample_weight"` (divided by the weights' sum), or `"none"` / None.
        dtype: what is computed in; the predictions' own if None.

    >>> class Cubed(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return abs(y_true - y_pred) ** 3
    >>> float(Cubed()([0.0, 0.0], [1.0, 2.0]))
    4.5
    """

    _takes_labels = False  # whether targets are labels, which stay the integers that they are

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or auto_name(type(self).__name__)
        config.one_of("reduction", reduction or "none", REDUCTIONS)
        self.reduction = reduction
        self._given_dtype = None if dtype is None else config.float_dtype(dtype)

    @property
    def dtype(self) -> str:
        """The dtype that it was given, or else `config.floatx()`."""
        return self._given_dtype or config.floatx()

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred)")

    def check_targets(self, y_true: np.ndarray, y_pred_shape: tuple[int, ...]) -> None:
        """An error for targets that no prediction of this shape can meet; `fit` asks first."""

    def _counted(self, y_true: Any, values: Any) -> np.ndarray | None:
        """Which of the samples' losses count, as truth values; None for all."""
        return None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss, a Tensor.

        Args:
            y_true: targets, an array or Tensor; made of the predictions' dtype.
            y_pred: predictions, a Tensor or array.
            sample_weight: factors for the samples' losses, of their shape or (batch,).
        """
        y_pred = as_floats(y_pred, self._given_dtype)
        y_true = as_array(y_true) if self._takes_labels else in_dtype(y_true, y_pred.dtype)
        values = self.call(y_true, y_pred)
        values = values if isinstance(values, Tensor) else as_array(values)
        reduction = self.reduction or "none"
        counted = self._counted(y_true, values)
        weight = None if sample_weight is None else _weights_like(as_array(sample_weight), values)
        if counted is not None:
            factor = _counting_factors(counted, reduction).astype(values.dtype)
            weight = factor if weight is None else weight * factor
        total = _reduced(values, weight, reduction)
        return total if isinstance(total, Tensor) else Tensor(total)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A loss from what `get_config` returned."""
        return cls(**config)


def _weights_like(weight: np.ndarray, values: Any) -> np.ndarray:
    """Sample weights of the rank and dtype of the losses that they weigh."""
    if weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if values.ndim == 0:  # one loss for the whole batch
        return weight.astype(values.dtype)
    fits = (
        weight.ndim <= values.ndim
        and weight.shape[:1] == values.shape[:1][: weight.ndim]
        and all(w in (1, n) for w, n in zip(weight.shape, values.shape, strict=False))
    )
    if not fits:
        raise ValueError(
            f"sample_weight must have one factor a sample, shape {tuple(values.shape)}. "
            f"Received: shape={weight.shape}"
        )
    if weight.ndim < values.ndim:
        weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
        weight = np.broadcast_to(weight, values.shape)
    return weight.astype(values.dtype)


def _counting_factors(counted: np.ndarray, reduction: str) -> np.ndarray:
    """Weights that leave out samples; a mean is then taken over those that are left."""
    if reduction not in ("mean", "sum_over_batch_size"):
        return counted
    left = np.count_nonzero(counted)
    return counted * (counted.size / left if left else 0.0)


def _reduced(values: Any, weight: np.ndarray | None, reduction: str) -> Any:
    if weight is not None:
        values = values * weight
    if reduction == "none":
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    by_weight = reduction == "mean_with_sample_weight" and weight is not None
    count = float(weight.sum()) if by_weight else values.size  # type: ignore[union-attr]
    return total / count if count else total * 0


class WrapsFunction(TeachesKeywords):
    """A constructor whose `**kwargs` are handed to a function: any keyword may be right."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        parameters = inspect.signature(cls).parameters.values()
        if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            return object.__new__(cls)
        return super().__new__(cls, *args, **kwargs)


class LossFunctionWrapper(WrapsFunction, Loss):
    """A function (y_true, y_pred, **kwargs) -> loss of each sample, as a Loss.

    Args:
        fn: the function, of Tensors or arrays.
        reduction, name, dtype: see `Loss`.
        **kwargs: what the function is given besides.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """What the function returns for targets and predictions of one rank."""
        return self.fn(*aligned(y_true, y_pred), **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        given = {"fn": self.fn, **self._fn_kwargs}
        return {**super().get_config(), **serialize_keras_object(given)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**(deserialize_keras_object(config) if "fn" in config else config))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.fn}, kwargs={self._fn_kwargs})>"


class Configurable(LossFunctionWrapper):
    """Base of the package's own losses: what the function is given are attributes and config."""

    # Arguments that Keras leaves out of its configs: here only if they are not these.
    unwritten: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def __init__(self, fn: Callable[..., Any], **arguments: Any) -> None:
        super().__init__(fn, **arguments)
        smoothing = self._fn_kwargs.get("label_smoothing", 0)
        if not 0 <= smoothing <= 1:
            raise ValueError(
                f"label_smoothing must be in [0, 1]. Received: label_smoothing={smoothing}"
            )
        vars(self).update(self._fn_kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """What the function returns, which aligns targets and predictions itself."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        written = {
            key: value
            for key, value in self._fn_kwargs.items()
            if key not in self.unwritten or self.unwritten[key] != value
        }
        return {**Loss.get_config(self), **written}
