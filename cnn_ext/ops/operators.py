"""Gives Tensor its operators and methods."""

from __future__ import annotations

from cnn_ext.autograd import Tensor
from cnn_ext.ops import elementwise as e
from cnn_ext.ops import linalg, reduction, shape
from cnn_ext.symbolic import KerasTensor, accepts_symbols


def _shape_arguments(arguments):
    """(2, 3) for x.reshape(2, 3) and for x.reshape((2, 3))."""
    one = len(arguments) == 1 and isinstance(arguments[0], tuple | list)
    return tuple(arguments[0]) if one else arguments


def _reversed(operation):
    return lambda self, other: operation(other, self)


_BINARY = {
    "add": e.add, "sub": e.subtract, "mul": e.multiply, "truediv": e.divide, "pow": e.power,
    "matmul": linalg.matmul,
}  # fmt: skip
_COMPARISONS = {"lt": e.less, "le": e.less_equal, "gt": e.greater, "ge": e.greater_equal,
                "eq": e.equal, "ne": e.not_equal, "and": e.logical_and}  # fmt: skip


def _binary(operation):
    return lambda self, other: operation(self, other)


for _class in (Tensor, KerasTensor):
    for _name, _operation in _BINARY.items():
        setattr(_class, f"__{_name}__", _binary(_operation))
        setattr(_class, f"__r{_name}__", _reversed(_operation))
for _name, _operation in _COMPARISONS.items():
    setattr(Tensor, f"__{_name}__", _binary(_operation))
    if _name not in ("eq", "ne"):  # KerasTensors are kept in sets and looked for in lists
        setattr(KerasTensor, f"__{_name}__", _binary(_operation))

_METHODS = {
    "__neg__": lambda self: e.negative(self),
    "__abs__": lambda self: e.absolute(self),
    "__getitem__": lambda self, index: shape.getitem(self, index=shape.index_of(index)),
    "reshape": lambda self, *newshape: shape.reshape(self, newshape=_shape_arguments(newshape)),
    "transpose": lambda self, *axes: shape.transpose(self, axes=_shape_arguments(axes) or None),
    "T": property(lambda self: shape.transpose(self)),
    "astype": lambda self, dtype: e.cast(self, dtype=dtype),
    "sum": lambda self, axis=None, keepdims=False: reduction.sum(
        self, axis=axis, keepdims=keepdims
    ),
    "mean": lambda self, axis=None, keepdims=False: reduction.mean(self, axis, keepdims),
    "max": lambda self, axis=None, keepdims=False: reduction.max(
        self, axis=axis, keepdims=keepdims
    ),
    "min": lambda self, axis=None, keepdims=False: reduction.min(
        self, axis=axis, keepdims=keepdims
    ),
}
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
for _name in ("__neg__", "__abs__", "reshape"):
    setattr(KerasTensor, _name, _METHODS[_name])
setattr(KerasTensor, "__getitem__", accepts_symbols(shape.get_item))  # noqa: B010
