"""Decisions and loops, which here are those of Python, and gradients of one's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnn_ext.autograd import Primitive, Tensor, as_array, remember
from cnn_ext.ops.hints import Array
from cnn_ext.ops.indexing import getitem
from cnn_ext.ops.joining import stack


def cond(pred: Array, true_fn: Callable[..., Any], false_fn: Callable[..., Any]) -> Any:
    """true_fn() if pred holds, else false_fn() (`keras.ops.cond`)."""
    return true_fn() if bool(as_array(pred)) else false_fn()


def switch(index: Array, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """branches[index](*operands), the index kept within the list (`keras.ops.switch`)."""
    return branches[min(max(int(as_array(index)), 0), len(branches) - 1)](*operands)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """body's results put into body as long as cond holds (`keras.ops.while_loop`).

    loop_vars: a tuple or list, or one value, which cond and body then take by itself.

    >>> while_loop(lambda i: i < 10, lambda i: i + 3, 0)
    12
    """
    single = not isinstance(loop_vars, tuple | list)
    state, steps = ((loop_vars,) if single else tuple(loop_vars)), 0
    while bool(as_array(cond(*state))) and steps != maximum_iterations:
        result = body(*state)
        state = tuple(result) if isinstance(result, tuple | list) else (result,)
        steps += 1
    return state[0] if single else state


def fori_loop(lower: Array, upper: Array, body_fun: Callable[..., Any], init_val: Any) -> Any:
    """body_fun(i, value) for each i from lower up to but without upper (`keras.ops.fori_loop`).

    >>> fori_loop(0, 4, lambda i, total: total + i, 10)
    16
    """
    value = init_val
    for i in range(int(as_array(lower)), int(as_array(upper))):
        value = body_fun(i, value)
    return value


def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """`carry, y = f(carry, x)` for each x along the first axis; the last carry and the stacked ys
    (`keras.ops.scan`). xs may be an array, or a tuple, list or dict of arrays."""
    leaves = _leaves(xs)
    if not leaves and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided. Received: xs=None")
    count = int(length) if length is not None else leaves[0].shape[0]
    carry, ys = init, []
    for i in reversed(range(count)) if reverse else range(count):
        carry, y = f(carry, _mapped(lambda x, i=i: getitem(x, index=i), xs))
        ys.append(y)
    return carry, _stacked(ys[::-1] if reverse else ys)


def map(f: Callable[..., Any], xs: Any) -> Any:
    """f of each part along the first axis, stacked (`keras.ops.map`).

    >>> import numpy as np
    >>> map(lambda x: x * x, np.arange(3.0))
    array([0., 1., 4.])
    """
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


def vectorized_map(function: Callable[..., Any], elements: Any) -> Any:
    """f of each part along the first axis, stacked (`keras.ops.vectorized_map`)."""
    return map(function, elements)


def _mapped(f, tree):
    if isinstance(tree, tuple | list):
        return type(tree)([_mapped(f, part) for part in tree])
    if isinstance(tree, dict):
        return {key: _mapped(f, part) for key, part in tree.items()}
    return None if tree is None else f(tree)


def _leaves(tree: Any) -> list[Any]:
    found: list[Any] = []
    _mapped(found.append, tree)
    return found


def _stacked(ys):
    """A list of trees as one tree of stacked arrays."""
    first = ys[0]
    if isinstance(first, tuple | list):
        return type(first)([_stacked([y[i] for y in ys]) for i in range(len(first))])
    if isinstance(first, dict):
        return {key: _stacked([y[key] for y in ys]) for key in first}
    return None if first is None else stack(ys)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: f returns its value and a function that turns the value's gradient into those of
    its arguments (`keras.ops.custom_gradient`).

    >>> @custom_gradient
    ... def doubled_gradient(x):
    ...     return x, lambda upstream: upstream * 2
    >>> x = Tensor(3.0, requires_grad=True)
    >>> doubled_gradient(x).backward()
    >>> float(x.grad)
    2.0
    """

    @functools.wraps(f)
    def differentiable(*args, **kwargs):
        call = functools.partial(f, **kwargs)

        def forward(*arrays):
            value, pullback = call(*arrays)
            return remember(as_array(value), pullback=pullback)

        operation = Primitive(forward)
        operation.gradient_of_each(functools.partial(_pulled_back, call))
        return operation(*args)

    return differentiable


def _pulled_back(call, index, g, y, *inputs, pullback):
    """The gradient of one argument; recorded ones are computed from recorded inputs."""
    if any(isinstance(i, Tensor) for i in inputs):
        pullback = call(*inputs)[1]
    found = pullback(g)
    gradient = found[index] if isinstance(found, tuple | list) else found
    return np.zeros(inputs[index].shape, y.dtype) if gradient is None else gradient
