"""Builder: the nodes and constants of an ONNX graph in the making."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cnn_ext.autograd import as_array
from cnn_ext.export.value import Order, Value
from cnn_ext.symbolic import Shape


class Refused(Exception):
    """A layer or operation that is not exported; the message says why."""


class Node(NamedTuple):
    """A node: its operator, the names of its inputs and outputs, its attributes and its name."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    name: str


class Builder:
    """The nodes so far. `place` is the path of the layer that is being exported."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self.place = ""
        self._names: dict[str, int] = {}
        self._known: dict[Any, str] = {}
        self._turned: dict[tuple[str, tuple[int, ...]], str] = {}

    def unique(self, name: str) -> str:
        """The name, numbered if it is taken."""
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return self.unique(f"{name}_{count}") if count else name

    def constant(self, array: Any, hint: str = "constant") -> str:
        """The name of a constant; equal ones are kept once."""
        array = np.asarray(array, order="C")
        content = hashlib.sha256(array).digest()
        key = (array.dtype, array.shape, content)
        if key not in self._known:
            self._known[key] = self.unique(f"{self.place}/{hint}".lstrip("/"))
            self.constants[self._known[key]] = array
        return self._known[key]

    def emit(
        self,
        operator: str,
        *inputs: Any,
        shape: Shape | None = None,
        dtype: Any = None,
        order: Order | None = None,
        **attributes: Any,
    ) -> Value:
        """A node with one output.

        Args:
            operator: of ONNX.
            inputs: Values; arrays become constants; None is an input that is left out.
            shape, dtype, order: of the output; the first input's by default, the order Keras's
                if the shape is another one.
            attributes: of the node; a dtype may be NumPy's.
        """
        first = next((x for x in inputs if isinstance(x, Value)), None)
        if first is not None:
            order = first.order if order is None and shape is None else order
            shape = first.shape if shape is None else shape
            dtype = first.dtype if dtype is None else dtype
        assert shape is not None
        return self.emit_all(operator, inputs, [shape], dtype, order, **attributes)[0]

    def emit_all(
        self,
        operator: str,
        inputs: Sequence[Any],
        shapes: Sequence[Shape],
        dtype: Any,
        order: Order | None = None,
        **attributes: Any,
    ) -> list[Value]:
        """A node with an output for each shape."""
        name = self.unique(f"{self.place}/{operator}".lstrip("/"))
        names = [name if i == 0 else self.unique(f"{name}_output") for i in range(len(shapes))]
        self.nodes.append(
            Node(operator, [self._input_name(x) for x in inputs], names, attributes, name)
        )
        return [Value(self, n, s, dtype, order) for n, s in zip(names, shapes, strict=True)]

    def _input_name(self, x: Any) -> str:
        if x is None:
            return ""
        return x.name if isinstance(x, Value) else self.constant(x)

    # --- Orders of axes -----------------------------------------------------------------------

    def turned(self, x: Value, order: Order) -> Value:
        """The value, lying in this order."""
        if x.order == order:
            return x
        perm = tuple(x.place(axis) for axis in order)
        name = self._turned.get((x.name, perm))
        if name is None:
            name = self.emit("Transpose", x, order=order, perm=list(perm)).name
            self._turned[x.name, perm] = name
            self._turned[name, tuple(np.argsort(perm))] = x.name
        return Value(self, name, x.shape, x.dtype, order)

    def transposed(self, x: Value, axes: Sequence[int]) -> Value:
        """The axes in another order for Keras, for which nothing has to move."""
        axes = [axis % x.rank for axis in axes]
        order = tuple(axes.index(axis) for axis in x.order)
        return Value(self, x.name, tuple(x.shape[axis] for axis in axes), x.dtype, order)

    def plain(self, x: Value) -> Value:
        """The value, lying in Keras's order."""
        return self.turned(x, tuple(range(x.rank)))

    def alike(self, *xs: Any) -> list[Any]:
        """Values and arrays, lying so that the graph's broadcasting is Keras's."""
        values = [x for x in xs if isinstance(x, Value)]
        rank = max(len(x.shape) for x in xs)
        orders = [x.order for x in values if x.order != tuple(range(x.rank))]
        if not orders or any(x.rank < rank for x in values):
            return [self.plain(x) if isinstance(x, Value) else x for x in xs]
        order = orders[0]
        return [
            self.turned(x, order) if isinstance(x, Value) else _array_turned(x, order) for x in xs
        ]

    # --- Arithmetic ---------------------------------------------------------------------------

    def binary(self, operator: str, a: Any, b: Any, dtype: Any = None) -> Value:
        """An operator of two; numbers and arrays take the other's dtype."""
        like = (a if isinstance(a, Value) else b).dtype
        a, b = (x if isinstance(x, Value) else np.asarray(as_array(x), like) for x in (a, b))
        return self.broadcast(operator, a, b, dtype=dtype or like)

    def broadcast(self, operator: str, *xs: Any, dtype: Any) -> Value:
        """An operator of Values and arrays that broadcast."""
        shape = functools.reduce(together, [x.shape for x in xs])
        xs = tuple(self.alike(*xs))
        order = next(x.order for x in xs if isinstance(x, Value))
        order = order if len(order) == len(shape) else tuple(range(len(shape)))
        return self.emit(operator, *xs, shape=shape, dtype=dtype, order=order)

    def where(self, condition: Value, a: Any, b: Any) -> Value:
        """a where the condition holds, else b."""
        like = (a if isinstance(a, Value) else b).dtype
        a, b = (x if isinstance(x, Value) else np.asarray(x, like) for x in (a, b))
        return self.broadcast("Where", condition, a, b, dtype=like)

    def cast(self, x: Value, dtype: Any) -> Value:
        """The value in another dtype."""
        dtype = np.dtype(dtype)
        return x if x.dtype == dtype else self.emit("Cast", x, dtype=dtype, to=dtype)

    def number(self, x: Value, value: float) -> np.ndarray:
        """A number in the dtype of a value."""
        return np.asarray(value, x.dtype)

    def reduced(self, operator: str, x: Value, axes: Sequence[int], keepdims: bool) -> Value:
        """A reduction over axes."""
        axes = sorted({axis % x.rank for axis in axes})
        if not axes:
            return x
        places = np.array(sorted(x.place(axis) for axis in axes), np.int64)
        if keepdims:
            shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
            order = x.order
        else:
            left = [axis for axis in range(x.rank) if axis not in axes]
            shape = tuple(x.shape[axis] for axis in left)
            order = tuple(left.index(axis) for axis in x.order if axis in left)
        return self.emit(operator, x, places, shape=shape, order=order, keepdims=int(keepdims))

    def mean(self, x: Value, axes: Sequence[int]) -> Value:
        """The mean over axes, which stay."""
        return self.reduced("ReduceMean", x, axes, keepdims=True)

    # --- Shapes -------------------------------------------------------------------------------

    def reshaped(self, x: Value, shape: Shape, keeps_batch: bool = True) -> Value:
        """The elements in another shape, of which one size may be unknown beside the batch's.

        Without keeps_batch the first axis is no other than the rest.
        """
        target = [-1 if n is None else n for n in shape]
        if keeps_batch and shape and shape[0] is None:
            target[0] = 0  # as it was
        if target.count(-1) > 1 or 0 in shape:
            raise Refused(f"the sizes of its output must be known. Received: {shape}")
        return self.emit("Reshape", self.plain(x), np.array(target, np.int64), shape=shape)

    def with_axes(self, x: Value, axes: Sequence[int]) -> Value:
        """New axes of one element, at these places of the result."""
        rank = x.rank + len(axes)
        places = sorted(axis % rank for axis in axes)
        sizes = iter(x.shape)
        shape = tuple(1 if i in places else next(sizes) for i in range(rank))
        return self.emit("Unsqueeze", self.plain(x), np.array(places, np.int64), shape=shape)

    def without_axes(self, x: Value, axes: Sequence[int]) -> Value:
        """The value without these axes, of one element each."""
        gone = sorted(axis % x.rank for axis in axes)
        if any(x.shape[axis] not in (1, None) for axis in gone):
            raise Refused(f"only axes of one element can go. Received: {x.shape}, axes {gone}")
        if not gone:
            return x
        shape = tuple(n for i, n in enumerate(x.shape) if i not in gone)
        return self.emit("Squeeze", self.plain(x), np.array(gone, np.int64), shape=shape)

    def sliced(self, x: Value, slices: dict[int, slice]) -> Value:
        """A part: a slice for each axis that is cut."""
        cuts = {axis: cut for axis, cut in slices.items() if cut != slice(None)}
        if not cuts:
            return x
        shape, parts = list(x.shape), []
        for axis, cut in cuts.items():
            step = 1 if cut.step is None else int(cut.step)
            ends = (0, _FAR) if step > 0 else (_FAR, -_FAR)
            start, stop = (
                int(end if given is None else given)
                for given, end in zip((cut.start, cut.stop), ends, strict=True)
            )
            parts.append((start, stop, x.place(axis), step))
            size = x.shape[axis]
            shape[axis] = None if size is None else len(range(*cut.indices(size)))
        limits = np.array(parts, np.int64).T  # starts, stops, places and steps
        return self.emit("Slice", x, *limits, shape=tuple(shape), order=x.order)

    def gathered(self, x: Value, places: np.ndarray, axis: int) -> Value:
        """The elements at constant places of an axis, in the shape of the places."""
        axis %= x.rank
        places = np.asarray(places, np.int64)
        x = x if places.ndim == 1 else self.plain(x)
        order = x.order if places.ndim == 1 else None
        shape = (*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])
        return self.emit("Gather", x, places, shape=shape, order=order, axis=x.place(axis))

    def along(self, matrix: np.ndarray, x: Value, axis: int) -> Value:
        """A matrix times each column along an axis."""
        axis %= x.rank
        x = self.turned(x, (*(a for a in x.order if a != axis), axis))
        shape = (*x.shape[:axis], matrix.shape[0], *x.shape[axis + 1 :])
        columns = np.ascontiguousarray(matrix.T, x.dtype)
        return self.emit("MatMul", x, columns, shape=shape, order=x.order)


_FAR = 2**62  # beyond any size


def together(first: Shape, second: Shape) -> Shape:
    """The shape of what two shapes broadcast to."""
    if len(first) < len(second):
        first, second = second, first
    front = first[: len(first) - len(second)]
    pairs = zip(first[len(front) :], second, strict=True)
    return (*front, *(b if a == 1 else a if b in (1, None) else b for a, b in pairs))


def _array_turned(array: np.ndarray, order: Order) -> np.ndarray:
    if array.ndim == 0:
        return array
    return array.reshape((1,) * (len(order) - array.ndim) + array.shape).transpose(order)
