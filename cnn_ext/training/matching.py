"""What a plan of training knows: losses, metrics and optimizers, as the compiled part has them."""

from __future__ import annotations

from typing import Any

from cnn_ext import losses, metrics, optimizers
from cnn_ext.losses.base import LossFunctionWrapper
from cnn_ext.metrics.reduction import MeanMetricWrapper
from cnn_ext.plan.lowering import NotPlanned
from cnn_ext.plan.trained import Head, Rule

# --- Losses ------------------------------------------------------------------------------------


_KINDS: dict[Any, tuple[str, str | None, dict[str, Any]]] = {
    losses.sparse_categorical_crossentropy: (
        "sparse_softmax", "softmax", {"ignore_class": None, "axis": -1},
    ),
    losses.categorical_crossentropy: (
        "dense_softmax", "softmax", {"label_smoothing": 0.0, "axis": -1},
    ),
    losses.binary_crossentropy: (
        "binary_sigmoid", "sigmoid", {"label_smoothing": 0.0, "axis": -1},
    ),
    losses.mean_squared_error: ("squared_error", None, {}),
    losses.mean_absolute_error: ("absolute_error", None, {}),
}  # fmt: skip


def head_of(part: Any, weighted: bool) -> Head:
    """The loss of a part of CompiledLoss, as the compiled part knows it."""
    loss = part.loss
    usual = isinstance(loss, LossFunctionWrapper) and type(loss).__module__.startswith("cnn_ext.")
    known = _KINDS.get(loss.fn) if usual and loss._given_dtype is None else None
    if known is None:
        raise NotPlanned(f"there is no step for the loss {loss.name}")
    kind, activation, needed = known
    given = dict(loss._fn_kwargs)
    if given.pop("from_logits", False):
        activation = None
    if any(given.get(name, value) != value for name, value in needed.items()):
        raise NotPlanned(f"there is no step for the loss {loss.name} with {given}")
    if loss.reduction not in ("sum_over_batch_size", "sum", "mean"):
        raise NotPlanned(f"there is no step for losses reduced to {loss.reduction}")
    factor = 1.0 if part.weight is None else float(part.weight)
    summed = loss.reduction == "sum"
    return Head(part.output, kind, activation, weighted,
                lambda count: factor if summed else factor / count)  # fmt: skip


def targets_fit(head: Head, y: Any, shape: tuple[int, ...]) -> bool:
    """Whether targets are those of an output of this shape, batches apart.

    Labels may have a last axis of one element; numbers may lack one.
    """
    if y is None:
        return False
    own = y.shape[1:]
    if head.kind == "sparse_softmax":
        return y.dtype.kind in "iub" and own in (shape[:-1], (*shape[:-1], 1))
    return y.dtype.kind in "iubf" and (own == shape or (*own, 1) == shape)


# --- Metrics -----------------------------------------------------------------------------------

_MATCHES = {
    metrics.sparse_categorical_accuracy: "sparse_softmax",
    metrics.categorical_accuracy: "dense_softmax",
    metrics.binary_accuracy: "binary_sigmoid",
}


def is_counted(metric: Any, head: Head) -> bool:
    """Whether the loss counts what the metric means."""
    if not isinstance(metric, MeanMetricWrapper):
        return False
    if type(metric).update_state is not MeanMetricWrapper.update_state:
        return False
    if head.kind == "binary_sigmoid" and head.activation is None:  # it compares logits with 0.5
        return False
    usual = metric._fn_kwargs.get("threshold", 0.5) == 0.5
    return usual and _MATCHES.get(metric._fn) == head.kind


# --- Optimizers --------------------------------------------------------------------------------

_IN_ONE_PASS = optimizers.SGD, optimizers.RMSprop, optimizers.Adam, optimizers.AdamW


def rule_of(optimizer: Any) -> Rule | None:
    """How the compiled part moves the weights; None if the optimizer does more than that."""
    more = (
        optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm, optimizer.use_ema,
        optimizer.gradient_accumulation_steps, optimizer.loss_scale_factor is not None,
    )  # fmt: skip
    if type(optimizer) not in _IN_ONE_PASS or any(more):
        return None
    decays = optimizer.weight_decay is not None
    return Rule(
        optimizer.formula,
        optimizer.update_slots,
        lambda v: decays and optimizer._use_weight_decay(v),
    )
