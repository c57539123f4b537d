"""Primitive: an operation's value, and its gradient rules."""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cnn_ext.autograd.tensor import Node, Tensor, as_array, is_recording
from cnn_ext.symbolic import KerasTensor, recorded

Rule = Callable[..., Any]

PRIMITIVES: dict[str, Primitive] = {}


class Remembered(NamedTuple):
    """A value together with what its gradient rules will want to know."""

    value: Any
    saved: dict[str, Any]


def remember(value: Any, **saved: Any) -> Remembered:
    """Return this from a primitive to hand its rules more keywords: a mask, an argmax."""
    return Remembered(value, saved)


class Primitive:
    """An operation that Tensors can be differentiated through; see `primitive`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._compute = np.errstate(all="ignore")(function)  # log(0) is -inf, and no warning
        self.rules: tuple[Rule | None, ...] = ()
        self.rule_for_each: Rule | None = None
        self.__name__ = self.name = function.__name__
        parameters = inspect.signature(function).parameters.values()
        self.static_names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        self.array_names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.arity = sys.maxsize if variadic else len(parameters) - len(self.static_names)
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self.__module__ = function.__module__

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def gradients(self, *rules: Rule | None) -> None:
        """State the gradient with respect to each positional argument.

        A rule is called as `rule(g, y, *inputs, **static)` with the gradient g of the value y, the
        operation's inputs, its keywords and what it remembered, and returns the gradient with
        respect to its input: of that input's shape, or of one that it was broadcast to. It must
        use operations only. None says that no gradient passes.
        """
        self.rules = rules

    def gradient_of_each(self, rule: Rule) -> None:
        """State one rule for any number of arguments: `rule(index, g, y, *inputs, **static)`."""
        self.rule_for_each = rule

    def rule(self, index: int) -> Rule | None:
        """The rule for the argument at `index`."""
        if self.rule_for_each is not None:
            each = self.rule_for_each
            return lambda *args, **static: each(index, *args, **static)
        if index >= len(self.rules):
            raise NotImplementedError(
                f"'{self.name}' has no gradient rule for its argument {index}; "
                f"give it one with {self.name}.gradients(...)"
            )
        return self.rules[index]

    def _named(
        self, inputs: tuple[Any, ...], static: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs, and the keywords with those among them that were given by position."""
        given = inputs[self.arity :]
        named = dict(zip(self.static_names, given, strict=False))
        if len(named) < len(given):
            raise TypeError(
                f"{self.name} takes at most {self.arity + len(self.static_names)} positional "
                f"arguments. Received: {len(inputs)}"
            )
        if twice := sorted(named.keys() & static.keys()):
            raise TypeError(f"{self.name}: '{twice[0]}' was given by position and by keyword")
        return inputs[: self.arity], {**named, **static}

    def _placed(
        self, inputs: tuple[Any, ...], static: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs with those among them that were given by keyword, and the other keywords."""
        following = itertools.takewhile(static.__contains__, self.array_names[len(inputs) :])
        named = {name: static[name] for name in following}
        rest = {name: value for name, value in static.items() if name not in named}
        return (*inputs, *named.values()), rest

    def __call__(self, *inputs: Any, **static: Any) -> Any:
        if len(inputs) > self.arity:  # sum(x, 1) for sum(x, axis=1)
            inputs, static = self._named(inputs, static)
        elif static and len(inputs) < len(self.array_names):  # add(x1=a, x2=b) for add(a, b)
            inputs, static = self._placed(inputs, static)
        for i in inputs:
            if type(i) is list or type(i) is tuple:
                inputs = tuple(as_array(i) if type(i) in (list, tuple) else i for i in inputs)
                break
        if any(isinstance(i, KerasTensor) for i in inputs):
            return recorded(self, inputs, static)
        if not any(isinstance(i, Tensor) for i in inputs):
            result = self._compute(*inputs, **static)
            return result.value if isinstance(result, Remembered) else result
        values = [i.data if isinstance(i, Tensor) else i for i in inputs]
        result = self._compute(*values, **static)
        if isinstance(result, Remembered):
            static = {**static, **result.saved}
            result = result.value
        value = np.asarray(result)
        wanted = any(isinstance(i, Tensor) and i.requires_grad for i in inputs)
        if wanted and is_recording() and value.dtype.kind == "f":
            return Tensor.made_by(Node(self, inputs, static, value))
        return Tensor(value)


def primitive(function: Callable[..., Any]) -> Primitive:
    """Decorator: make a function of arrays an operation on arrays and Tensors.

    Positional arguments are the arrays, keywords are static. State the gradient right below:

    >>> import numpy as np
    >>> @primitive
    ... def cube(x):
    ...     return x * x * x
    >>> cube.gradients(lambda g, y, x: g * (3 * x * x))
    >>> x = Tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> float(x.grad)
    12.0
    """
    operation = Primitive(function)
    PRIMITIVES[operation.name] = operation
    return operation
