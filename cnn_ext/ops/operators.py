"""Gives Tensor its operators and methods."""

from __future__ import annotations

import types

import numpy as np

from cnn_ext.autograd import Tensor
from cnn_ext.ops import elementwise as e
from cnn_ext.ops import indexing, linalg, logic, reduction, rounding, shapes, sorting
from cnn_ext.symbolic import KerasTensor, accepts_symbols


def _shape_arguments(arguments):
    """(2, 3) for x.reshape(2, 3) and for x.reshape((2, 3)); None for x.transpose(None)."""
    one = len(arguments) == 1 and (arguments[0] is None or isinstance(arguments[0], tuple | list))
    return arguments[0] if one else arguments


def _beside(tensor, other):
    """NumPy's floats in the dtype of the float Tensor that they meet, as TensorFlow has them."""
    if (
        isinstance(other, np.ndarray | np.generic)
        and other.dtype.kind == tensor.dtype.kind == "f"
        and other.dtype != tensor.dtype
    ):
        return other.astype(tensor.dtype)
    return other


def _reversed(operation, fit):
    return lambda self, other: operation(fit(self, other), self)


def _plain(operation, fit):
    return lambda self, *others: operation(self, *(fit(self, other) for other in others))


_BINARY = {
    "add": e.add, "sub": e.subtract, "mul": e.multiply, "truediv": e.divide, "pow": e.power,
    "matmul": linalg.matmul, "floordiv": rounding.floor_divide, "mod": rounding.mod,
    "and": logic.logical_and, "or": logic.logical_or, "xor": logic.logical_xor,
}  # fmt: skip
_COMPARISONS = {"lt": logic.less, "le": logic.less_equal, "gt": logic.greater,
                "ge": logic.greater_equal, "eq": logic.equal, "ne": logic.not_equal}  # fmt: skip
_UNARY = {"neg": e.negative, "abs": e.absolute, "invert": logic.logical_not}

for _class, _fit in ((Tensor, _beside), (KerasTensor, lambda tensor, other: other)):
    for _name, _operation in _BINARY.items():
        if _class is KerasTensor and isinstance(_operation, types.FunctionType):
            _operation = accepts_symbols(_operation)
        setattr(_class, f"__{_name}__", _plain(_operation, _fit))
        setattr(_class, f"__r{_name}__", _reversed(_operation, _fit))
    for _name, _operation in (_COMPARISONS | _UNARY).items():
        if _class is Tensor or _name not in ("eq", "ne"):  # KerasTensors are kept in sets
            setattr(_class, f"__{_name}__", _plain(_operation, _fit))


def _reduction(operation, casts=True):
    """A reduction with the arguments of an array's method: `out` must be None."""

    def method(self, axis=None, dtype=None, out=None, keepdims=False, **more):
        _refuse(operation.__name__, out=out, **more)
        x = self if dtype is None or not casts else e.cast(self, dtype=dtype)
        return operation(x, axis=axis, keepdims=keepdims)

    return method


def _refuse(name, **more):
    """An error for what the methods of arrays take and these do not: out, where, ddof, initial."""
    for key, value in more.items():
        if value is not None and not (key == "ddof" and value == 0):
            raise TypeError(
                f"{name} of a Tensor does not take '{key}'; use np.asarray(tensor) to leave "
                f"the graph. Received: {key}={value!r}"
            )


def _spread(operation):
    """var and std, whose fifth argument is ddof."""
    plain = _reduction(operation)
    return lambda self, axis=None, dtype=None, out=None, ddof=0, keepdims=False: plain(
        self, axis, dtype, out, keepdims, ddof=ddof
    )


def _place(operation):
    """argmax and argmin, which have no dtype."""

    def method(self, axis=None, out=None, *, keepdims=False):
        _refuse(operation.__name__, out=out)
        return operation(self, axis=axis, keepdims=keepdims)

    return method


def _reshape(self, *newshape, order="C"):
    _refuse("reshape", order=None if order == "C" else order)
    return shapes.reshape(self, newshape=_shape_arguments(newshape))


def _clip(self, min=None, max=None, out=None):
    _refuse("clip", out=out)
    return e.clip(self, x_min=min, x_max=max)


def _round(self, decimals=0, out=None):
    _refuse("round", out=out)
    return rounding.round(self, decimals=decimals)


def _cumulative(operation):
    def method(self, axis=None, dtype=None, out=None):
        _refuse(operation.__name__, out=out)
        return operation(self, axis=axis, dtype=dtype)

    return method


_METHODS = {
    "__getitem__": lambda self, index: indexing.getitem(self, index=indexing.index_of(index)),
    "reshape": _reshape,
    "transpose": lambda self, *axes: shapes.transpose(self, axes=_shape_arguments(axes) or None),
    "T": property(lambda self: shapes.transpose(self)),
    "flatten": lambda self: shapes.ravel(self),
    "ravel": lambda self: shapes.ravel(self),
    "squeeze": lambda self, axis=None: shapes.squeeze(self, axis),
    "swapaxes": lambda self, axis1, axis2: shapes.swapaxes(self, axis1, axis2),
    "repeat": lambda self, repeats, axis=None: shapes.repeat(self, repeats, axis),
    "astype": lambda self, dtype, copy=True: e.cast(self, dtype=dtype),
    "round": _round,
    "clip": _clip,
    "dot": lambda self, other: linalg.dot(self, other),
    "sum": _reduction(reduction.sum),
    "prod": _reduction(reduction.prod),
    "mean": _reduction(reduction.mean),
    "var": _spread(reduction.var),
    "std": _spread(reduction.std),
    "max": _reduction(reduction.max),
    "min": _reduction(reduction.min),
    "any": _reduction(logic.any),
    "all": _reduction(logic.all),
    "argmax": _place(sorting.argmax),
    "argmin": _place(sorting.argmin),
    "cumsum": _cumulative(reduction.cumsum),
    "cumprod": _cumulative(reduction.cumprod),
    "tolist": lambda self: self.data.tolist(),
}
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
_true_divide = accepts_symbols(e.true_divide)
setattr(KerasTensor, "__truediv__", lambda self, other: _true_divide(self, other))  # noqa: B010
setattr(KerasTensor, "__rtruediv__", lambda self, other: _true_divide(other, self))  # noqa: B010
setattr(KerasTensor, "reshape", _reshape)  # noqa: B010
setattr(KerasTensor, "__getitem__", accepts_symbols(indexing.get_item))  # noqa: B010
