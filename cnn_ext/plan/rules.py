"""Rules that make one step of two, one of which alone reads what the other writes.

Each rule takes both steps and returns the one for both, or None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cnn_ext.plan.steps import (
    Convolution,
    Finish,
    Normalization,
    Pooling,
    Step,
    Value,
    Weighted,
)
from cnn_ext.plan.weights import Scaling


def fold_scaling(step: Step, following: Step) -> Step | None:
    """Batch normalization in use goes into the weights before it."""
    if not isinstance(step, Weighted) or not isinstance(following, Finish):
        return None
    if following.scaling is None or following.other is not None or not _is_bare(step):
        return None
    if following.x.shape[-1] != step.y.shape[-1]:
        return None
    weights = step.weights
    for scaling in following.scaling.after:
        weights = weights.then(scaling)
    return step.changed(following, weights=weights, activation=following.activation)


def fold_scaling_before(step: Step, following: Step) -> Step | None:
    """A factor of the inputs goes into the weights after it."""
    if not isinstance(step, Finish) or not isinstance(following, Weighted):
        return None
    if step.scaling is None or step.other is not None or not step.activation.is_linear:
        return None
    scalings = step.scaling.after
    if any(s.variables or _shifts(s) for s in scalings) or following.x.shape != step.y.shape:
        return None
    if following.other is not None and following.other.storage is step.y.storage:
        return None
    if isinstance(following, Convolution) and following.geometry.groups != 1:
        return None
    weights = following.weights
    for scaling in reversed(scalings):
        weights = weights.preceded_by(scaling)
    layers = (*step.layers, *following.layers)
    return replace(following, x=step.x, layers=layers, weights=weights)


def _shifts(scaling: Scaling) -> bool:
    shift = scaling.values()[1]
    return bool((shift != 0).any()) if hasattr(shift, "any") else shift != 0


def _is_bare(step: Step) -> bool:
    """Whether a sum with its bias, or what is normalized, is the result."""
    if not isinstance(step, Weighted | Normalization):
        return False
    pooled = isinstance(step, Convolution) and step.window != (0, 0)
    return step.activation.is_linear and step.other is None and not pooled


def activate(step: Step, following: Step) -> Step | None:
    """An activation goes to what it follows."""
    if type(following) is not Finish or not isinstance(step, Weighted | Finish):
        return None
    alone = following.scaling is None and following.other is None
    if not alone or not step.activation.is_linear or following.activation.name == "softmax":
        return None
    pooled = isinstance(step, Convolution) and step.window != (0, 0)
    if pooled and not following.activation.is_monotone:
        return None
    return step.changed(following, activation=following.activation)


def add(step: Step, following: Step) -> Step | None:
    """A sum with another array, a residual, goes to what it follows."""
    if type(following) is not Finish or not _is_bare(step):
        return None
    other = following.other
    if following.scaling is not None or other is None or following.multiplies:
        return None
    if other.storage is step.y.storage:
        other = following.x
    if other.storage is step.y.storage or following.activation.name == "softmax":
        return None
    return step.changed(following, other=other, activation=following.activation)


def pool(step: Step, following: Step) -> Step | None:
    """A max-pooling by windows side by side goes to the convolution that it follows."""
    if not isinstance(step, Convolution) or not isinstance(following, Pooling):
        return None
    g, p = step.geometry, following.geometry
    side_by_side = (
        not following.average
        and (p.kh, p.kw) == (p.stride_h, p.stride_w)
        and (p.pad_top, p.pad_left) == (0, 0)
        and (p.oh, p.ow) == (g.oh // p.kh, g.ow // p.kw)
    )
    if following.x.shape != step.y.shape:
        return None
    if not side_by_side or step.other is not None or step.window != (0, 0):
        return None
    if not step.activation.is_monotone:
        return None
    return step.changed(following, window=(p.kh, p.kw))


def activate_in_training(step: Step, following: Step) -> Step | None:
    """An activation whose gradient is known from its result goes to what it follows."""
    if not isinstance(following, Finish) or not following.activation.tells_its_slope:
        return None
    return activate(step, following)


def add_in_training(step: Step, following: Step) -> Step | None:
    """A sum with another array, if the activation behind it may go with it."""
    if not isinstance(following, Finish) or not following.activation.tells_its_slope:
        return None
    return add(step, following)


def pool_in_training(step: Step, following: Step) -> Step | None:
    """A max-pooling goes to a convolution with bias and ReLU, which then keeps its maxima."""
    if not isinstance(step, Convolution) or step.activation.name != "relu":
        return None
    return None if step.weights.bias is None else pool(step, following)


Rule = Callable[[Step, Step], Step | None]

RULES: tuple[Rule, ...] = (fold_scaling, fold_scaling_before, activate, add, pool)
IN_TRAINING: tuple[Rule, ...] = (activate_in_training, add_in_training, pool_in_training)


def fused(steps: list[Step], outputs: list[Value], rules: tuple[Rule, ...] = RULES) -> list[Step]:
    """The steps after all rules, as often as they apply; outputs are read by someone outside."""
    while True:
        found = _next(steps, {value.storage for value in outputs}, rules)
        if found is None:
            return steps
        first, second, merged = found
        steps = [merged if s is second else s for s in steps if s is not first]


def _next(
    steps: list[Step], outputs: set[Value], rules: tuple[Rule, ...]
) -> tuple[Step, Step, Step] | None:
    readers: dict[Value, list[Step]] = {}
    for step in steps:
        for value in step.reads:
            readers.setdefault(value, []).append(step)
    writers: dict[Value, int] = {}
    for step in steps:
        writers[step.y.storage] = writers.get(step.y.storage, 0) + 1
    for step in steps:
        y = step.y.storage
        following = readers.get(y, [])
        if y in outputs or len(following) != 1 or writers[y] != 1:
            continue
        for rule in rules:
            merged = rule(step, following[0])
            if merged is not None:
                return step, following[0], merged
    return None
