"""Operations that are no layers: arithmetic, comparisons, reductions, products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import ops
from cnn_ext.autograd import as_array
from cnn_ext.export.activations import clipped, floats, plainly
from cnn_ext.export.builder import Refused
from cnn_ext.export.normalizations import moments
from cnn_ext.export.value import Value
from cnn_ext.ops.reduction import axes_of

Lower = Callable[..., Value]


def _two(operator: str) -> Lower:
    """An operator of two, in the dtype of the result."""

    def lower(low: Any, x1: Any, x2: Any) -> Value:
        a, b = _in_dtype(low, low.spec().dtype, x1, x2)
        return low.binary(operator, a, b)

    return lower


def _in_dtype(low: Any, dtype: Any, *xs: Any) -> list[Any]:
    return [
        low.cast(x, dtype) if isinstance(x, Value) else np.asarray(as_array(x), dtype) for x in xs
    ]


def _comparison(operator: str, negated: bool = False) -> Lower:
    def lower(low: Any, x1: Any, x2: Any) -> Value:
        dtypes = [x.dtype for x in (x1, x2) if isinstance(x, Value)]
        if not any(isinstance(x, Value) and x.is_float for x in (x1, x2)):
            dtypes += [as_array(x).dtype for x in (x1, x2) if not isinstance(x, Value)]
        a, b = _in_dtype(low, np.result_type(*dtypes), x1, x2)
        y = low.binary(operator, a, b, dtype=bool)
        return low.emit("Not", y) if negated else y

    return lower


def _logical(operator: str) -> Lower:
    def lower(low: Any, x1: Any, x2: Any) -> Value:
        return low.binary(operator, *_in_dtype(low, bool, x1, x2))

    return lower


def _reduction(operator: str) -> Lower:
    def lower(low: Any, x: Value, axis: Any = None, keepdims: bool = False) -> Value:
        dtype = np.dtype(low.spec().dtype)
        y = low.cast(x, dtype if dtype.kind != "b" else np.int32)
        return low.cast(low.reduced(operator, y, axes_of(axis, x.rank), keepdims), dtype)

    return lower


def _mean(low: Any, x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    return low.reduced("ReduceMean", floats(low, x), axes_of(axis, x.rank), keepdims)


def _variance(low: Any, x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    return moments(low, floats(low, x), axis, keepdims)[1]


def _deviation(low: Any, x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    return low.emit("Sqrt", _variance(low, x, axis, keepdims))


def _place_of(operator: str) -> Lower:
    def lower(low: Any, x: Value, axis: int | None = None, keepdims: bool = False) -> Value:
        if axis is None:
            raise Refused("it must be along an axis")
        y = low.reduced("ReduceMax", x, [axis], keepdims)  # for its shape and order
        low.nodes.pop()
        y = low.emit(
            operator, x, shape=y.shape, order=y.order, dtype=np.int64,
            axis=x.place(axis), keepdims=int(keepdims),
        )  # fmt: skip
        return low.cast(y, low.spec().dtype)

    return lower


def _cumsum(low: Any, x: Value, axis: int | None = None, dtype: Any = None) -> Value:
    if axis is None:
        raise Refused("it must be along an axis")
    return low.emit("CumSum", low.cast(x, low.spec().dtype), np.int64(x.place(axis)))


def _floor_divide(low: Any, x1: Any, x2: Any) -> Value:
    return low.emit("Floor", _two("Div")(low, x1, x2))


def _mod(low: Any, x1: Any, x2: Any) -> Value:
    a, b = _in_dtype(low, low.spec().dtype, x1, x2)
    return a - low.emit("Floor", low.binary("Div", a, b)) * b


def _trunc(low: Any, x: Value) -> Value:
    return low.emit("Sign", x) * low.emit("Floor", low.emit("Abs", x))


def _round(low: Any, x: Value, decimals: int = 0) -> Value:
    factor = 10.0**decimals
    return low.emit("Round", x) if decimals == 0 else low.emit("Round", x * factor) / factor


def _where(low: Any, condition: Any, x1: Any = None, x2: Any = None) -> Value:
    if not isinstance(condition, Value) or x1 is None or x2 is None:
        raise Refused("it needs a condition that is computed, and two values")
    a, b = _in_dtype(low, low.spec().dtype, x1, x2)
    return low.broadcast("Where", low.cast(condition, bool), a, b, dtype=low.spec().dtype)


def _matmul(low: Any, x1: Any, x2: Any) -> Value:
    dtype, shape = low.spec().dtype, low.spec().shape
    a, b = _in_dtype(low, dtype, x1, x2)
    a, b = (low.plain(x) if isinstance(x, Value) else x for x in (a, b))
    return low.emit("MatMul", a, b, shape=shape, dtype=dtype)


def _dot(low: Any, x1: Any, x2: Any) -> Value:
    if len(np.shape(x1)) > 2 or len(np.shape(x2)) > 2:
        raise Refused("there is no ONNX for it with more than two axes")
    return _matmul(low, x1, x2)


def _einsum(low: Any, subscripts: str, *operands: Any) -> Value:
    spec = low.spec()
    xs = _in_dtype(low, spec.dtype, *operands)
    xs = [low.plain(x) if isinstance(x, Value) else x for x in xs]
    return low.emit("Einsum", *xs, shape=spec.shape, dtype=spec.dtype, equation=subscripts)


def _finite(low: Any, x: Value) -> Value:
    return low.emit("Less", low.emit("Abs", x), low.number(x, np.inf), dtype=bool)


def _to_bool(operator: str) -> Lower:
    return lambda low, x: low.emit(operator, x, dtype=bool)


_ONE = {
    "absolute": "Abs", "negative": "Neg", "sign": "Sign", "floor": "Floor", "ceil": "Ceil",
}  # fmt: skip
_ONE_OF_FLOATS = {
    "log": "Log", "sqrt": "Sqrt", "reciprocal": "Reciprocal", "erf": "Erf", "sin": "Sin",
    "cos": "Cos", "tan": "Tan", "arcsin": "Asin", "arccos": "Acos", "arctan": "Atan",
    "sinh": "Sinh", "cosh": "Cosh", "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh",
}  # fmt: skip
_TWO = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "true_divide": "Div",
    "power": "Pow", "maximum": "Max", "minimum": "Min", "add_bias": "Add",
}  # fmt: skip
_COMPARISONS = {
    "equal": "Equal", "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
}  # fmt: skip
_LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
_REDUCTIONS = {
    "sum": "ReduceSum", "max": "ReduceMax", "amax": "ReduceMax", "min": "ReduceMin",
    "amin": "ReduceMin", "prod": "ReduceProd", "any": "ReduceMax", "all": "ReduceMin",
    "logsumexp": "ReduceLogSumExp",
}  # fmt: skip


def _by_name(table: dict[str, str], made: Callable[[str], Lower]) -> dict[Any, Lower]:
    return {getattr(ops, name): made(operator) for name, operator in table.items()}


FUNCTIONS: dict[Any, Lower] = {
    **_by_name(_ONE, lambda operator: lambda low, x: low.emit(operator, x)),
    **_by_name(_ONE_OF_FLOATS, plainly),
    **_by_name(_TWO, _two),
    **_by_name(_COMPARISONS, _comparison),
    **_by_name(_LOGICAL, _logical),
    **_by_name(_REDUCTIONS, _reduction),
    ops.not_equal: _comparison("Equal", negated=True),
    ops.logical_not: lambda low, x: low.emit("Not", low.cast(x, bool)),
    ops.isnan: _to_bool("IsNaN"),
    ops.isinf: _to_bool("IsInf"),
    ops.isfinite: _finite,
    ops.square: lambda low, x: x * x,
    ops.log1p: lambda low, x: low.emit("Log", floats(low, x) + 1.0),
    ops.expm1: lambda low, x: low.emit("Exp", floats(low, x)) - 1.0,
    ops.exp2: lambda low, x: low.emit("Exp", floats(low, x) * np.log(2)),
    ops.log2: lambda low, x: low.emit("Log", floats(low, x)) / np.log(2),
    ops.log10: lambda low, x: low.emit("Log", floats(low, x)) / np.log(10),
    ops.rsqrt: lambda low, x: low.emit("Reciprocal", low.emit("Sqrt", floats(low, x))),
    ops.trunc: _trunc,
    ops.round: _round,
    ops.floor_divide: _floor_divide,
    ops.mod: _mod,
    ops.clip: lambda low, x, x_min=None, x_max=None: clipped(low, x, x_min, x_max),
    ops.cast: lambda low, x, dtype: low.cast(x, dtype),
    ops.where: _where,
    ops.mean: _mean,
    ops.var: _variance,
    ops.std: _deviation,
    ops.argmax: _place_of("ArgMax"),
    ops.argmin: _place_of("ArgMin"),
    ops.cumsum: _cumsum,
    ops.matmul: _matmul,
    ops.dot: _dot,
    ops.einsum: _einsum,
    ops.stop_gradient: lambda low, x: x,
    ops.copy: lambda low, x: x,
}
