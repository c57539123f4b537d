"""Value: an array of an ONNX graph, which may lie there with its axes in another order.

Keras has the channels last, ONNX's windows want them first. A value knows in which order its axes
lie, so that one convolution takes what another gave as it lies, and axes are moved only where an
operation needs them as Keras has them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext.symbolic import KerasTensor, Shape

Order = tuple[int, ...]


class Value:
    """An array of the graph that `builder` makes.

    Args:
        builder: makes the nodes of what is computed with the value.
        name: in the ONNX graph.
        shape: in Keras's order of axes; None where a size is not known.
        dtype: of the elements.
        order: the axis of Keras's at each place in the ONNX graph's array; None for Keras's order.
    """

    __array_ufunc__ = None  # array + value asks the value

    def __init__(
        self, builder: Any, name: str, shape: Shape, dtype: Any, order: Order | None = None
    ) -> None:
        self.builder, self.name, self.shape = builder, name, tuple(shape)
        self.dtype = np.dtype(dtype)
        self.order = tuple(range(len(self.shape))) if order is None else order

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether the elements are floats."""
        return self.dtype.kind == "f"

    def place(self, axis: int) -> int:
        """Where one of Keras's axes lies."""
        return self.order.index(axis % self.rank)

    def symbol(self) -> KerasTensor:
        """A KerasTensor of the same shape and dtype."""
        return KerasTensor(self.shape, self.dtype, self.name)

    def __add__(self, other: Any) -> Value:
        return self.builder.binary("Add", self, other)

    def __radd__(self, other: Any) -> Value:
        return self.builder.binary("Add", other, self)

    def __sub__(self, other: Any) -> Value:
        return self.builder.binary("Sub", self, other)

    def __rsub__(self, other: Any) -> Value:
        return self.builder.binary("Sub", other, self)

    def __mul__(self, other: Any) -> Value:
        return self.builder.binary("Mul", self, other)

    def __rmul__(self, other: Any) -> Value:
        return self.builder.binary("Mul", other, self)

    def __truediv__(self, other: Any) -> Value:
        return self.builder.binary("Div", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.builder.binary("Div", other, self)

    def __gt__(self, other: Any) -> Value:
        return self.builder.binary("Greater", self, other, dtype=bool)

    def __le__(self, other: Any) -> Value:
        return self.builder.binary("LessOrEqual", self, other, dtype=bool)

    def __repr__(self) -> str:
        return f"<Value {self.name} {self.shape} {self.dtype} lying {self.order}>"
