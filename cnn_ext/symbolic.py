"""Symbolic tensors: shape, dtype and name of values to come, and how they will be computed.

Calling an operation on a `KerasTensor` computes nothing; it leaves a `Node` that remembers the call
and gives new KerasTensors. A functional model runs the calls that lie between its inputs and its
outputs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cnn_ext import registry
from cnn_ext.naming import auto_name
from cnn_ext.tree import flatten, map_structure

Shape = tuple[int | None, ...]


class History(NamedTuple):
    """Which call made a KerasTensor, and which of its outputs it is."""

    operation: Any
    node_index: int
    tensor_index: int


class KerasTensor:
    """A value to come: its shape, dtype and name (`keras.KerasTensor`).

    Args:
        shape: sizes, None where not known yet: the batch size mostly.
        dtype: of the values.
        name: numbered automatically if None.
    """

    __array_ufunc__ = None  # array + keras_tensor asks the KerasTensor

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        name: str | None = None,
        record_history: bool = True,
    ) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = np.dtype(dtype).name
        self.name = name or auto_name("KerasTensor")
        self.record_history = record_history
        self._keras_history: History | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def _no_value(self, wanted: str) -> ValueError:
        return ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape and a dtype. It doesn't "
            f"have any actual numerical value. You cannot convert it to {wanted}. Use operations "
            f"of cnn_ext.ops or a layer on it. Received: {self!r}"
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise self._no_value("a NumPy array")

    def __int__(self) -> int:
        raise self._no_value("an int")

    def __float__(self) -> float:
        raise self._no_value("a float")

    def __bool__(self) -> bool:
        raise TypeError(
            "A symbolic KerasTensor cannot be used as a boolean: its values are not known while "
            f"the model is being made. Received: {self!r}"
        )

    def __iter__(self) -> Any:
        raise NotImplementedError("Iterating over a symbolic KerasTensor is not supported.")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


def is_keras_tensor(x: Any) -> bool:
    """Whether x is symbolic (`keras.utils.is_keras_tensor`).

    >>> is_keras_tensor(KerasTensor((None, 3)))
    True
    """
    return isinstance(x, KerasTensor)


def any_symbolic(*structures: Any) -> bool:
    """Whether there is a KerasTensor among values and nested lists, tuples and dicts of them."""
    for item in structures:
        if isinstance(item, KerasTensor):
            return True
        if isinstance(item, list | tuple) and any_symbolic(*item):
            return True
        if isinstance(item, dict) and any_symbolic(*item.values()):
            return True
    return False


class Node:
    """One call of an operation: its arguments and its symbolic outputs.

    The node without arguments is an input's.
    """

    def __init__(self, operation: Operation, args: tuple, kwargs: dict, outputs: Any) -> None:
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        self.input_tensors = [
            x for x in flatten([list(args), kwargs]) if isinstance(x, KerasTensor)
        ]
        self.output_tensors: list[KerasTensor] = flatten(outputs)
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for position, tensor in enumerate(self.output_tensors):
            tensor._keras_history = History(operation, index, position)

    @property
    def is_input(self) -> bool:
        return not self.input_tensors

    @property
    def parents(self) -> list[Node]:
        """The nodes that made the inputs."""
        return [node_of(x) for x in self.input_tensors]

    def run(self, values: dict[int, Any], call: Callable[..., Any]) -> None:
        """Make the call with the values known by id, and add its outputs to them."""

        def filled(x: Any) -> Any:
            return values[id(x)] if isinstance(x, KerasTensor) else x

        found = call(self.operation, *map_structure(filled, self.args),
                     **map_structure(filled, self.kwargs))  # fmt: skip
        for tensor, value in zip(self.output_tensors, flatten(found), strict=True):
            values[id(tensor)] = value


def node_of(tensor: KerasTensor) -> Node:
    """The call that made a symbolic tensor."""
    history = tensor._keras_history
    if history is None:
        raise ValueError(
            "a model's tensors must come from keras.Input() through layers and operations. "
            f"Received: {tensor!r}, which has no history"
        )
    return history.operation._inbound_nodes[history.node_index]


class Operation:
    """What can be called on symbolic tensors: a layer, or a function of `ops`."""

    name: str
    _inbound_nodes: list[Node]

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Record a call; returns its symbolic outputs."""
        outputs = self.compute_output_spec(*args, **kwargs)
        return Node(self, args, kwargs, outputs).outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """KerasTensors of the shapes and dtypes that a call will give."""
        raise NotImplementedError

    @property
    def input(self) -> Any:
        """The symbolic input of the first call, or several as a list."""
        return _single(self._first_node("input").input_tensors)

    @property
    def output(self) -> Any:
        """The symbolic output of the first call, or several as a list."""
        return self._first_node("output").outputs

    def _first_node(self, wanted: str) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {wanted}. "
                "Call it on an Input, or give the model an Input as its first layer."
            )
        return self._inbound_nodes[0]


def _single(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


class FunctionCall(Operation):
    """A function of arrays as a step of a functional model."""

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.name = name or auto_name(function.__name__)
        self._inbound_nodes = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any_symbolic(*args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.function(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return probe(self.function, args, kwargs)

    def get_config(self) -> dict[str, Any]:
        """Name and function, which is known by its own name."""
        return {"name": self.name, "function": registry.serialize_keras_object(self.function)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionCall:
        """A step from what `get_config` returned."""
        return cls(registry.deserialize_keras_object(config["function"]), config["name"])


registry.publish("cnn_ext.symbolic", {"FunctionCall": FunctionCall})


def accepts_symbols(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a function of arrays that, called on KerasTensors, becomes a step of a model."""

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if any_symbolic(*args, kwargs):
            return FunctionCall(either).symbolic_call(*args, **kwargs)
        return function(*args, **kwargs)

    return either


_PROBES = ({0: 2, 1: 37}, {0: 3, 1: 41})  # sizes that stand for None: of a batch, and elsewhere


def probe(function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """KerasTensors for what a function gives: it is run on zeros of two sizes for every None.

    A size that comes out different is None.
    """
    runs = []
    for sizes in _PROBES:

        def zeros(x: Any, sizes: dict[int, int] = sizes) -> Any:
            if not isinstance(x, KerasTensor):
                return x
            shape = [sizes[min(i, 1)] if n is None else n for i, n in enumerate(x.shape)]
            return np.zeros(shape, x.dtype)

        runs.append(function(*map_structure(zeros, args), **map_structure(zeros, kwargs)))
        if not any(None in x.shape for x in flatten([list(args), kwargs]) if is_keras_tensor(x)):
            runs *= 2
            break

    def spec(first: Any, second: Any) -> Any:
        first, second = np.asarray(first), np.asarray(second)
        shape = [a if a == b else None for a, b in zip(first.shape, second.shape, strict=True)]
        return KerasTensor(shape, first.dtype)

    return map_structure(spec, *runs)


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of this name."""
    return name in inspect.signature(function).parameters
