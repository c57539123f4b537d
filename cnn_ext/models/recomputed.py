"""Outputs of plans that can be differentiated: the layers compute them again when that is asked.

A plan keeps nothing of what lies between inputs and outputs. So a call in use costs what the plan
costs, and only who calls `backward` pays for what the layers would have recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext.autograd import Tensor, gradients
from cnn_ext.autograd.primitives import Primitive
from cnn_ext.autograd.tensor import Node, recording


def recorded(
    y: Tensor, x: Any, weights: list[Any], again: Callable[[Any], Tensor]
) -> Tensor:  # fmt: skip
    """The output of a plan, as if its layers had been recorded.

    Args:
        y: the output, and the logits that a softmax or sigmoid was applied to, if it has them.
        x: the input, an array or a Tensor.
        weights: the Variables that gradients may be wanted by.
        again: called with the input, computes the output by the layers.
    """
    source = x if isinstance(x, Tensor) else Tensor(x)
    made = _node(y, source, weights, again)
    logits = getattr(y, "_keras_logits", None)
    if logits is not None:
        made._keras_logits = _node(logits, source, weights, lambda x: again(x)._keras_logits)
    return made


def _node(y: Tensor, x: Tensor, weights: list[Any], again: Callable[[Any], Tensor]) -> Tensor:
    static = {"weights": weights, "again": again, "memo": {}}
    return Tensor.made_by(Node(_by_plan, (x, *weights), static, y.data))


_by_plan = Primitive(lambda x, *weights, again, memo: again(x))


def _gradient(
    index: int, g: Any, y: Any, x: Any, *inputs: Any, weights: list[Any],
    again: Callable[[Any], Tensor], memo: dict[str, Any],
) -> Any:  # fmt: skip
    """All gradients are found at once, for the first that is asked for."""
    if memo.get("of") is not g:
        graph = isinstance(g, Tensor)
        source = x if isinstance(x, Tensor) else Tensor(x, requires_grad=x.dtype.kind == "f")
        with recording(True):
            total = (again(source) * g).sum()
        found = gradients(total, [source, *weights], create_graph=graph, retain_graph=graph)
        memo |= {"of": g, "found": found}
    return memo["found"][index]


_by_plan.gradient_of_each(_gradient)
