"""Tensor: an array and, if it was computed from something that requires gradients, its origin."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_ext import config
from cnn_ext.registry import array_from, publish_special
from cnn_ext.tree import map_structure

if TYPE_CHECKING:
    from cnn_ext.autograd.primitives import Primitive


class _Recording(threading.local):
    on = True


_recording = _Recording()
_order = itertools.count()


def is_recording() -> bool:
    """Whether operations on Tensors are being recorded in this thread."""
    return _recording.on


@contextlib.contextmanager
def recording(on: bool) -> Iterator[None]:
    """Switch recording on or off in this thread, within the block."""
    before, _recording.on = _recording.on, on
    try:
        yield
    finally:
        _recording.on = before


def no_grad() -> contextlib.AbstractContextManager[None]:
    """A block in which nothing is recorded: results need no gradients and no memory.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    return recording(False)


class Node:
    """How a Tensor came about: the primitive, its inputs and its value."""

    __slots__ = ("inputs", "order", "primitive", "static", "value", "versions")

    def __init__(
        self, primitive: Primitive, inputs: tuple[Any, ...], static: dict[str, Any], value: Any
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.static = static
        self.value = value
        self.order = next(_order)  # an input is always older than what is made of it
        self.versions = tuple(i.version if isinstance(i, Tensor) else 0 for i in inputs)

    def free(self) -> None:
        """Forget the inputs and the value, and so the memory that they hold."""
        self.inputs, self.static, self.value = (), {}, None

    @property
    def freed(self) -> bool:
        return self.value is None


class Tensor:
    """An array that can be differentiated with respect to.

    Args:
        data: an array, number, nested list or Tensor. Python floats become `config.floatx()`;
            an array keeps its dtype.
        dtype: the dtype to convert to, if any.
        requires_grad: whether `backward` shall fill in `.grad`; float dtypes only.
        name: shown in messages.

    Operators, indexing and the methods below work as on NumPy arrays and are differentiable;
    more operations are in `cnn_ext.ops`.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.], dtype=float32)
    """

    __slots__ = ("__weakref__", "_keras_logits", "data", "grad", "name", "node", "requires_grad",
                 "version")  # fmt: skip

    __array_priority__ = 1000  # array * tensor asks the Tensor
    __hash__ = object.__hash__

    data: np.ndarray
    grad: np.ndarray | Tensor | None
    node: Node | None
    _keras_logits: Any  # what a softmax or sigmoid activation was computed from; else unset

    def __init__(
        self,
        data: Any,
        dtype: Any = None,
        requires_grad: bool = False,
        name: str | None = None,
    ) -> None:
        self.data = as_array(data, dtype)
        self.grad = None
        self.node = None
        self.name = name
        self.requires_grad = bool(requires_grad)
        self.version = 0
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(
                f"only float Tensors can require gradients; pass dtype='float32'. "
                f"Received: dtype={self.data.dtype}"
            )

    @classmethod
    def made_by(cls, node: Node) -> Tensor:
        """The Tensor that is the value of a node."""
        tensor = Tensor.holding(node.value)
        tensor.node = node
        tensor.requires_grad = True
        return tensor

    @staticmethod
    def holding(array: np.ndarray) -> Tensor:
        """The Tensor of an array of a dtype that Tensors have."""
        tensor = Tensor.__new__(Tensor)
        tensor.data = array
        tensor.grad = tensor.node = tensor.name = None
        tensor.requires_grad = False
        tensor.version = 0
        return tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    def numpy(self) -> Any:
        """The value as an array, without a copy: do not write to it; or as a NumPy number."""
        return self.data if self.data.ndim else self.data[()]

    def item(self) -> Any:
        """The value of a one-element Tensor as a Python number."""
        return self.data.item()

    def detach(self) -> Tensor:
        """The same value, without its history."""
        return Tensor(self.data)

    def backward(
        self, grad: Any = None, create_graph: bool = False, retain_graph: bool = False
    ) -> None:
        """Add the gradient of this Tensor to `.grad` of every leaf that it was computed from.

        Args:
            grad: gradient of what is minimised with respect to this Tensor, of its shape; may be
                left out for one element, where it is 1.
            create_graph: record the gradients themselves, so that they can be differentiated;
                `.grad` is then a Tensor.
            retain_graph: keep what the operations saved, for another `backward`.
        """
        from cnn_ext.autograd.engine import backward

        backward(self, grad, create_graph, retain_graph)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """NumPy's functions compute with the values and give arrays, as for Keras's tensors."""
        return function(*map_structure(_value, args), **map_structure(_value, kwargs))

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("a Tensor of shape () cannot be iterated over")
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __index__(self) -> int:
        return self.data.__index__()

    def __format__(self, spec: str) -> str:
        return format(self.data, spec)

    def __repr__(self) -> str:
        text = np.array2string(self.data, separator=", ", prefix=f"{type(self).__name__}(")
        extra = ", requires_grad=True" if self.requires_grad else ""
        return f"{type(self).__name__}({text}, shape={self.shape}, dtype={self.dtype}{extra})"

    if TYPE_CHECKING:  # operators and methods are given by cnn_ext.ops
        T: Tensor
        reshape: Callable[..., Tensor]
        transpose: Callable[..., Tensor]
        astype: Callable[..., Tensor]
        sum: Callable[..., Tensor]
        mean: Callable[..., Tensor]
        max: Callable[..., Tensor]
        min: Callable[..., Tensor]
        any: Callable[..., Tensor]
        all: Callable[..., Tensor]
        argmax: Callable[..., Tensor]
        argmin: Callable[..., Tensor]
        clip: Callable[..., Tensor]
        cumprod: Callable[..., Tensor]
        cumsum: Callable[..., Tensor]
        dot: Callable[..., Tensor]
        flatten: Callable[..., Tensor]
        prod: Callable[..., Tensor]
        ravel: Callable[..., Tensor]
        repeat: Callable[..., Tensor]
        round: Callable[..., Tensor]
        squeeze: Callable[..., Tensor]
        std: Callable[..., Tensor]
        swapaxes: Callable[..., Tensor]
        tolist: Callable[..., Any]
        var: Callable[..., Tensor]
        __getitem__: Callable[..., Tensor]
        __add__: Callable[..., Tensor]
        __radd__: Callable[..., Tensor]
        __sub__: Callable[..., Tensor]
        __rsub__: Callable[..., Tensor]
        __mul__: Callable[..., Tensor]
        __rmul__: Callable[..., Tensor]
        __truediv__: Callable[..., Tensor]
        __rtruediv__: Callable[..., Tensor]
        __pow__: Callable[..., Tensor]
        __rpow__: Callable[..., Tensor]
        __matmul__: Callable[..., Tensor]
        __rmatmul__: Callable[..., Tensor]
        __floordiv__: Callable[..., Tensor]
        __rfloordiv__: Callable[..., Tensor]
        __mod__: Callable[..., Tensor]
        __rmod__: Callable[..., Tensor]
        __and__: Callable[..., Tensor]
        __or__: Callable[..., Tensor]
        __xor__: Callable[..., Tensor]
        __invert__: Callable[..., Tensor]
        __neg__: Callable[..., Tensor]
        __abs__: Callable[..., Tensor]
        __lt__: Callable[..., Tensor]
        __le__: Callable[..., Tensor]
        __gt__: Callable[..., Tensor]
        __ge__: Callable[..., Tensor]


def _value(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def as_array(data: Any, dtype: Any = None) -> np.ndarray:
    """What a user passes as data, as an array: Python floats become `config.floatx()`."""
    if isinstance(data, Tensor):
        data = data.data
    array = np.asarray(data, dtype=dtype)
    if (
        dtype is None
        and array.dtype == np.float64
        and not isinstance(data, np.ndarray | np.generic)
    ):
        array = array.astype(config.floatx())
    if array.dtype == object:
        raise TypeError(
            "data must be numbers in a regular shape. Received rows of different lengths, or "
            f"objects: {type(data).__name__}"
        )
    return array


publish_special(
    "__tensor__",
    Tensor,
    lambda x: {"value": x.data.tolist(), "dtype": x.dtype.name},
    lambda config: Tensor(array_from(config)),
)
