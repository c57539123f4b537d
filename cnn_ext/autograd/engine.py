"""The backward engine: what every gradient rule would otherwise repeat.

Order, accumulation, un-broadcasting, dtypes, freeing, and errors about wrong gradients.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from cnn_ext.autograd.tensor import Node, Tensor, _order, recording

# What gradients are kept under: the node of a computed Tensor, the Tensor itself if a leaf.
Origin = Node | Tensor


def backward(
    output: Tensor, grad: Any = None, create_graph: bool = False, retain_graph: bool = False
) -> None:
    """Add the gradient of `output` to `.grad` of every leaf; see `Tensor.backward`."""
    if not output.requires_grad:
        raise ValueError(
            "backward() needs a Tensor that was computed from one with requires_grad=True, "
            f"outside no_grad(). Received: {output!r}"
        )
    nodes = _history(output)
    leaves = {
        id(i): i for node in nodes for i in node.inputs
        if isinstance(i, Tensor) and i.requires_grad and i.node is None
    }  # fmt: skip
    if output.node is None:
        leaves[id(output)] = output
    found = _propagate(output, grad, nodes, list(leaves.values()), create_graph)
    for leaf, gradient in zip(leaves.values(), found, strict=True):
        if gradient is None:
            continue
        if leaf.grad is not None:
            leaf.grad = leaf.grad + gradient
        else:  # an array of its own: what rules return may be a view, or shared by two leaves
            leaf.grad = gradient if create_graph else np.array(gradient)
    if not (create_graph or retain_graph):
        for node in nodes:
            node.free()


def gradients(
    output: Tensor,
    inputs: Sequence[Tensor],
    create_graph: bool = False,
    retain_graph: bool = False,
    allow_unused: bool = False,
) -> list[Any]:
    """Gradients of a one-element `output` with respect to `inputs`, without touching `.grad`.

    Args:
        output: a Tensor of one element.
        inputs: Tensors that it was computed from.
        create_graph: return Tensors that can be differentiated again, not arrays.
        retain_graph: keep what the operations saved, for another call.
        allow_unused: return None, not zeros, for an input that it does not depend on.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> gradients(x * x, [x])
    [np.float32(6.0)]
    """
    nodes = _history(output)
    found = _propagate(output, None, nodes, inputs, create_graph)
    if not (create_graph or retain_graph):
        for node in nodes:
            node.free()
    if allow_unused:
        return found
    return [
        _zeros_like(i, create_graph) if gradient is None else gradient
        for i, gradient in zip(inputs, found, strict=True)
    ]


class _Depth(threading.local):
    """How many grad() calls this thread is inside of: within one, gradients are recorded."""

    value = 0


_depth = _Depth()


def value_and_grad(
    fn: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    variables: Sequence[Tensor] | None = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that returns fn's value and its gradients.

    Args:
        fn: takes arrays or Tensors, returns a one-element Tensor; a pair (Tensor, anything) if
            `has_aux`.
        argnums: which positional arguments to differentiate by, one or several.
        variables: differentiate by these (a model's `trainable_variables`, say) instead.
        has_aux: whether fn returns a second value, handed back as it is.

    Returns:
        A function of fn's arguments, with the result `(value, gradient)`, where the gradient is a
        list if `variables` or several `argnums` were given. Arrays, or Tensors when it is itself
        being differentiated: `grad(grad(f))` is the second derivative.

    >>> value_and_grad(lambda x: x**3)(2.0)
    (Tensor(8., shape=(), dtype=float32), np.float32(12.0))
    """

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        positions = [argnums] if isinstance(argnums, int) else list(argnums)
        start = next(_order)
        nested = _depth.value > 0 or any(isinstance(a, Tensor) and a.requires_grad for a in args)
        arguments = list(args)
        if variables is None:
            for p in positions:
                arguments[p] = _differentiable(args[p])
        wanted = [arguments[p] for p in positions] if variables is None else list(variables)
        _depth.value += 1
        try:
            with recording(True):
                result = fn(*arguments, **kwargs)
        finally:
            _depth.value -= 1
        value = result[0] if has_aux else result
        if not isinstance(value, Tensor) or value.size != 1:
            raise ValueError(
                "the differentiated function must return a Tensor of one element (sum or average "
                f"it). Received: {value!r}"
            )
        found = gradients(value, wanted, create_graph=nested, retain_graph=True)
        if not nested:
            for node in _history(value, newer_than=start):
                node.free()
            value = value.detach()
            result = (value, result[1]) if has_aux else value
        single = variables is None and isinstance(argnums, int)
        return result, (found[0] if single else found)

    return differentiated


def grad(
    fn: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    variables: Sequence[Tensor] | None = None,
) -> Callable[..., Any]:
    """A function that returns fn's gradients; see `value_and_grad`.

    >>> second = grad(grad(lambda x: x**3))
    >>> float(second(2.0))
    12.0
    """
    both = value_and_grad(fn, argnums, variables)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def _differentiable(argument: Any) -> Tensor:
    """A Tensor of its own for an argument, so that only uses of the argument count."""
    from cnn_ext.autograd.primitives import Primitive

    if isinstance(argument, Tensor) and argument.requires_grad:
        itself = Primitive(lambda x: x)
        itself.gradients(lambda g, y, x: g)
        return Tensor.made_by(Node(itself, (argument,), {}, argument.data))
    return Tensor(argument, requires_grad=True)


def _history(output: Tensor, newer_than: int = -1) -> list[Node]:
    """The nodes that `output` was computed through, newest first."""
    found: dict[int, Node] = {}
    stack = [output.node] if output.node is not None else []
    while stack:
        node = stack.pop()
        if id(node) in found or node.order <= newer_than:
            continue
        if node.freed:
            raise RuntimeError(
                f"the result of '{node.primitive.name}' was freed by an earlier backward(); "
                "call that one with retain_graph=True to use its graph again"
            )
        found[id(node)] = node
        stack += [i.node for i in node.inputs if isinstance(i, Tensor) and i.node is not None]
    return sorted(found.values(), key=lambda node: node.order, reverse=True)


def _propagate(
    output: Tensor, grad: Any, nodes: list[Node], wanted: Iterable[Tensor], create_graph: bool
) -> list[Any]:
    """The gradient with respect to each of `wanted`; None where there is no path to it."""
    targets = [id(_origin(tensor)) for tensor in wanted]
    needed = set(targets)
    for node in reversed(nodes):  # oldest first: what leads to a wanted Tensor is needed
        if any(id(_origin(i)) in needed for i in node.inputs if isinstance(i, Tensor)):
            needed.add(id(node))
    pending = {id(_origin(output)): _seed(output, grad, create_graph)}
    with recording(create_graph), np.errstate(all="ignore"):
        for node in nodes:
            if id(node) not in needed or id(node) not in pending:
                continue
            g = pending[id(node)] if id(node) in targets else pending.pop(id(node))
            for origin, gradient in _step(node, g, needed, create_graph):
                earlier = pending.get(id(origin))
                pending[id(origin)] = gradient if earlier is None else earlier + gradient
    return [pending.get(target) for target in targets]


def _step(node: Node, g: Any, needed: set[int], create_graph: bool) -> list[tuple[Origin, Any]]:
    """The gradients that one node hands to the inputs that are needed."""
    _check_unmodified(node)
    if create_graph:
        inputs, y = node.inputs, Tensor.made_by(node)
    else:
        inputs, y = tuple(i.data if isinstance(i, Tensor) else i for i in node.inputs), node.value
    handed = []
    for index, i in enumerate(node.inputs):
        if not isinstance(i, Tensor) or not i.requires_grad or id(_origin(i)) not in needed:
            continue
        rule = node.primitive.rule(index)
        if rule is not None:
            gradient = _fitted(rule(g, y, *inputs, **node.static), i, node, index)
            if create_graph and not isinstance(gradient, Tensor):
                gradient = Tensor(gradient)  # a rule that left the graph: a constant
            handed.append((_origin(i), gradient))
    return handed


def _origin(tensor: Tensor) -> Origin:
    return tensor if tensor.node is None else tensor.node


def _check_unmodified(node: Node) -> None:
    for i, version in zip(node.inputs, node.versions, strict=True):
        if isinstance(i, Tensor) and i.version != version:
            raise RuntimeError(
                f"'{i.name or 'a Variable'}' was assigned to after '{node.primitive.name}' used "
                "it; compute gradients before assigning, or the values again after it"
            )


def _seed(output: Tensor, grad: Any, create_graph: bool) -> Any:
    """The gradient that backward starts with, of the output's shape."""
    if grad is None:
        if output.size != 1:
            raise ValueError(
                "backward() without an argument needs a Tensor of one element; sum or average it, "
                f"or pass the gradient. Received: shape={output.shape}"
            )
        grad = np.ones(output.shape, output.dtype)
    value = np.asarray(grad.data if isinstance(grad, Tensor) else grad, dtype=output.dtype)
    if value.shape != output.shape:
        raise ValueError(
            f"the gradient must have the Tensor's shape {output.shape}. "
            f"Received: shape={value.shape}"
        )
    if create_graph:
        return grad if isinstance(grad, Tensor) else Tensor(value)
    return value


def _fitted(gradient: Any, tensor: Tensor, node: Node, index: int) -> Any:
    """A rule's gradient in its input's shape and dtype, summed over what was broadcast."""
    if not isinstance(gradient, np.ndarray | np.generic | Tensor):
        raise TypeError(
            f"the gradient rule of '{node.primitive.name}' for its argument {index} must return "
            f"an array of shape {tensor.shape}. Received: {gradient!r}"
        )
    if gradient.shape != tensor.shape:
        gradient = _unbroadcast(gradient, tensor.shape, node, index)
    return gradient if gradient.dtype == tensor.dtype else gradient.astype(tensor.dtype)


def _unbroadcast(gradient: Any, shape: tuple[int, ...], node: Node, index: int) -> Any:
    try:
        fits = np.broadcast_shapes(gradient.shape, shape) == gradient.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"the gradient rule of '{node.primitive.name}' for its argument {index} must return "
            f"shape {shape}. Received: shape={gradient.shape}"
        )
    leading = gradient.ndim - len(shape)
    if leading:  # as rows: a sum over one axis is much faster than over several
        rows = math.prod(gradient.shape[:leading])
        gradient = gradient.reshape((rows, *gradient.shape[leading:])).sum(axis=0)
    axes = tuple(i for i, size in enumerate(shape) if size == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=axes, keepdims=True) if axes else gradient


def _zeros_like(tensor: Tensor, create_graph: bool) -> Any:
    zeros = np.zeros(tensor.shape, tensor.dtype)
    return Tensor(zeros) if create_graph else zeros
