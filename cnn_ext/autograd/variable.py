"""Variable: a Tensor that keeps its place while its value changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import budget, config
from cnn_ext.autograd.tensor import Tensor, as_array
from cnn_ext.naming import auto_name


class Variable(Tensor):
    """A weight or other state (`keras.Variable`).

    Args:
        initializer: the first value, or a callable `(shape, dtype) -> array`.
        shape: the shape, for a callable initializer.
        dtype: float dtype, `config.floatx()` for a callable that is given none.
        trainable: whether gradients are wanted; requires_grad follows it.
        name: the last part of its path; numbered automatically if None.
        path: `layer/name`, unique in a model.
        autocast, aggregation, synchronization, layout: accepted, without effect.

    >>> v = Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    __slots__ = ("_trainable", "constraint", "path", "regularizer")

    name: str

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str = "auto",
        name: str | None = None,
        layout: Any = None,
        *,
        path: str | None = None,
    ) -> None:
        name = name or auto_name("Variable")
        if callable(initializer):
            if shape is None:
                raise ValueError("a Variable with a callable initializer needs a shape")
            budget.take(
                shape, np.dtype(dtype or config.floatx()).itemsize, f"variable '{path or name}'"
            )
            if budget.is_limited() and getattr(initializer, "is_random", False):
                initializer = np.zeros(shape, dtype)  # what is read from a file takes its place
            else:
                initializer = initializer(shape, dtype=dtype)
        value = np.array(as_array(initializer, dtype), order="C")
        super().__init__(value, requires_grad=trainable and value.dtype.kind == "f", name=name)
        self._trainable = bool(trainable)
        self.path = path or name
        self.regularizer: Callable[..., Any] | None = None
        self.constraint: Callable[..., Any] | None = None

    @property
    def trainable(self) -> bool:
        """Whether an optimizer shall update it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        self.requires_grad = self._trainable and self.data.dtype.kind == "f"

    @property
    def value(self) -> np.ndarray:
        """The live value; a view that later assignments change."""
        return self.data

    def assign(self, value: Any) -> Variable:
        """Set the value, in place; shapes must agree."""
        array = as_array(value)
        if array.shape != self.shape:
            raise ValueError(
                f"variable '{self.path}' has shape {self.shape}; a value of that shape must be "
                f"assigned. Received: shape={array.shape}"
            )
        np.copyto(self.data, array, casting="same_kind")
        self.version += 1
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add to the value, in place."""
        return self.assign(self.data + as_array(value))

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value, in place."""
        return self.assign(self.data - as_array(value))

    def __format__(self, spec: str) -> str:
        return super().__format__(spec) if spec else str(self)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"
