"""Symbolic tensors: shape, dtype and name of values to come, and how they will be computed.

Calling an operation on a `KerasTensor` computes nothing; it leaves a `Node` that remembers the call
and gives new KerasTensors. A functional model runs the calls that lie between its inputs and its
outputs.
"""

from __future__ import annotations

import functools
import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cnn_ext import budget
from cnn_ext.naming import auto_name, checked_name
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
        return (
            f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse=False, ragged=False, "
            f"name={self.name}>"
        )


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
        outputs = map_structure(_new, self.compute_output_spec(*args, **kwargs))
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


def _new(tensor: Any) -> Any:
    """The spec of an output; another one for an input that is passed on as it is."""
    known = isinstance(tensor, KerasTensor) and tensor._keras_history is not None
    return KerasTensor(tensor.shape, tensor.dtype) if known else tensor


def _single(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


# Module and class by which Keras's model files name an operation; `ops` fills it.
class_names: dict[Callable[..., Any], tuple[str, str]] = {}


class FunctionCall(Operation):
    """A function of arrays, with its static arguments, as a step of a functional model.

    Args:
        function: an operation of `ops`.
        static: its arguments that are not arrays, by name.
        name: numbered automatically if None.
    """

    def __init__(
        self, function: Callable[..., Any], static: dict[str, Any], name: str | None = None
    ) -> None:
        self.function = function
        self.static = static
        self.name = checked_name(name) or auto_name(function.__name__.lstrip("_"))
        self._inbound_nodes = []

    def __call__(self, *args: Any) -> Any:
        return self.symbolic_call(*args) if any_symbolic(*args) else self._run(*args)

    def _run(self, *args: Any) -> Any:
        return self.function(*args, **self.static)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return probe(self._run, args, kwargs)

    @property
    def class_name(self) -> str:
        """What tables call it: Keras's class for an operation of `ops`, `"ExpandDims"`."""
        return class_names.get(self.function, ("", self.function.__name__))[1]

    def get_config(self) -> dict[str, Any]:
        """Name and static arguments."""
        return {"name": self.name, **self.static}

    def published_as(self) -> tuple[str, str]:
        """Keras's module and class for this operation, as model files have them."""
        if self.function not in class_names:
            raise ValueError(
                f"'{self.function.__name__}' is no operation of cnn_ext.ops, so that a file cannot "
                "name it: put the call into a layer of your own, and decorate that with "
                f"@keras.saving.register_keras_serializable(). Received: {self.function!r}"
            )
        return class_names[self.function]

    def __repr__(self) -> str:
        return f"<Operation name={self.name}>"


def recorded(function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """The symbolic outputs of a function of arrays, recorded as a step of a model.

    A primitive says which of its arguments are arrays; of other functions it is the first, and
    those that hold KerasTensors.
    """
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        return FunctionCall(function, kwargs).symbolic_call(*args)
    given = dict(zip(parameters, args, strict=False)) | kwargs
    arrays = getattr(function, "arity", 1)
    inputs, static = [], {}
    for position, name in enumerate(parameters):
        if name in given and (position < arrays or any_symbolic(given[name])):
            inputs.append(given[name])
        elif name in given:
            static[name] = given[name]
    return FunctionCall(function, static).symbolic_call(*inputs)


@functools.cache
def accepts_symbols(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a function of arrays that, called on KerasTensors, becomes a step of a model.

    It gives one and the same function for a function, by which files name the operation.
    """

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if any_symbolic(*args, kwargs):
            return recorded(either, args, kwargs)
        return function(*args, **kwargs)

    return either


_PROBES = ({0: 2, 1: 37}, {0: 3, 1: 41})  # sizes that stand for None: of a batch, and elsewhere


def probe(function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """KerasTensors for what a function gives: it is run on zeros of two sizes for every None.

    A size that comes out different is None.
    """
    if budget.is_limited():
        found = _without_samples(function, args, kwargs)
        if found is not None:
            return found
    runs = []
    for sizes in _PROBES:
        zeros = functools.partial(_zeros, sizes)
        runs.append(function(*map_structure(zeros, args), **map_structure(zeros, kwargs)))
        if not any(None in x.shape for x in flatten([list(args), kwargs]) if is_keras_tensor(x)):
            runs *= 2
            break

    def spec(first: Any, second: Any) -> Any:
        first, second = np.asarray(first), np.asarray(second)
        shape = [a if a == b else None for a, b in zip(first.shape, second.shape, strict=True)]
        return KerasTensor(shape, first.dtype)

    return map_structure(spec, *runs)


def _zeros(sizes: dict[int, int], x: Any) -> Any:
    if not isinstance(x, KerasTensor):
        return x
    shape = [sizes[min(i, 1)] if n is None else n for i, n in enumerate(x.shape)]
    size = np.dtype(x.dtype).itemsize
    budget.take(shape, size, "what a layer is tried on", keep=False, most=budget.TRIED)
    return np.zeros(shape, x.dtype)


def _without_samples(function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """What `probe` gives, for large inputs or outputs, found out with no sample.

    None if they are small, or the function cannot do without samples.
    """
    inputs = [x for x in flatten([list(args), kwargs]) if is_keras_tensor(x) and x.shape]
    batches = {x.shape[0] for x in inputs}
    largest = 0

    def empty(x: Any) -> Any:
        if not isinstance(x, KerasTensor) or not x.shape:
            return x
        few = _PROBES[1]
        shape = [few[min(i, 1)] if n is None else n for i, n in enumerate(x.shape)]
        note(shape, np.dtype(x.dtype).itemsize, "what a layer is tried on")
        return np.zeros((0, *shape[1:]), x.dtype)

    def note(shape: Any, itemsize: int, what: str) -> None:
        nonlocal largest
        budget.take(shape, itemsize, what, keep=False)
        largest = max(largest, math.prod(shape) * itemsize)

    given = map_structure(empty, args), map_structure(empty, kwargs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = function(*given[0], **given[1])
    except budget.BudgetError:
        raise
    except Exception:  # of what cannot do without samples, the outputs are no larger than inputs
        return None
    for output in flatten(found):
        shape = [n or _PROBES[1][0] for n in np.shape(output)]
        note(shape, np.asarray(output).itemsize, "an output")
    others = any(None in x.shape[1:] for x in inputs)
    if largest <= budget.TRIED // 4 or len(batches) > 1 or others:
        return None
    batch = next(iter(batches), None)
    return map_structure(
        lambda y: KerasTensor([n or batch for n in np.shape(y)], np.asarray(y).dtype), found
    )
