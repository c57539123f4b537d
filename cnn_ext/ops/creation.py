"""Arrays made from sizes and numbers, and what tells about arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.ops.dtypes import common_dtype, tensor
from cnn_ext.ops.elementwise import where
from cnn_ext.ops.hints import Array, DType, Size
from cnn_ext.ops.indexing import getitem, scatter_add


def zeros(shape: Size, dtype: DType | None = None) -> np.ndarray:
    """An array of zeros, `config.floatx()` if no dtype is given (`keras.ops.zeros`)."""
    return np.zeros(_sizes(shape), dtype or config.floatx())


def ones(shape: Size, dtype: DType | None = None) -> np.ndarray:
    """An array of ones, `config.floatx()` if no dtype is given (`keras.ops.ones`)."""
    return np.ones(_sizes(shape), dtype or config.floatx())


def full(shape: Size, fill_value: Array, dtype: DType | None = None) -> np.ndarray:
    """An array of one number, `config.floatx()` if no dtype is given (`keras.ops.full`)."""
    return np.full(_sizes(shape), as_array(fill_value), dtype or config.floatx())


def empty(shape: Size, dtype: DType | None = None) -> np.ndarray:
    """An array of whatever the memory holds (`keras.ops.empty`)."""
    return np.empty(_sizes(shape), dtype or config.floatx())


def _sizes(shape):
    return tuple(int(n) for n in np.asarray(shape, dtype=int).reshape(-1))


def zeros_like(x: Array, dtype: DType | None = None) -> Array:
    """Zeros of x's shape and dtype (`keras.ops.zeros_like`)."""
    x = tensor(x)
    return np.zeros(x.shape, dtype or x.dtype)


def ones_like(x: Array, dtype: DType | None = None) -> Array:
    """Ones of x's shape and dtype (`keras.ops.ones_like`)."""
    x = tensor(x)
    return np.ones(x.shape, dtype or x.dtype)


def full_like(x: Array, fill_value: Array, dtype: DType | None = None) -> Array:
    """One number in x's shape and dtype (`keras.ops.full_like`)."""
    x = tensor(x)
    return np.full(x.shape, as_array(fill_value), dtype or x.dtype)


def empty_like(x: Array, dtype: DType | None = None) -> Array:
    """Whatever the memory holds, in x's shape and dtype (`keras.ops.empty_like`)."""
    x = tensor(x)
    return np.empty(x.shape, dtype or x.dtype)


def arange(
    start: Array, stop: Array | None = None, step: Array | None = None, dtype: DType | None = None
) -> np.ndarray:
    """Numbers from start (0 if it is all that is given) up to but without stop
    (`keras.ops.arange`); int32 or `config.floatx()` by default.

    >>> arange(2, 8, 2)
    array([2, 4, 6], dtype=int32)
    """
    if dtype is None:
        dtype = common_dtype(*(n for n in (start, stop, step) if n is not None))
    if stop is None:
        start, stop = 0, start
    return np.arange(start, stop, 1 if step is None else step, dtype=dtype)


def linspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DType | None = None,
    axis: int = 0,
) -> Any:
    """`num` numbers at equal steps from start to stop (`keras.ops.linspace`)."""
    if dtype is None:
        found = common_dtype(start, stop)
        dtype = found if found.kind == "f" else config.floatx()
    ends = as_array(start), as_array(stop)
    made, step = np.linspace(*ends, num, endpoint, retstep=True, axis=axis)
    return (made.astype(dtype), np.asarray(step, dtype)) if retstep else made.astype(dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: DType | None = None) -> np.ndarray:
    """Zeros, and ones on the k-th diagonal of (N, M), M = N if None (`keras.ops.eye`)."""
    return np.eye(int(N), M, k, dtype or config.floatx())


def identity(n: int, dtype: DType | None = None) -> np.ndarray:
    """The matrix (n, n) that changes nothing (`keras.ops.identity`)."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: DType | None = None) -> np.ndarray:
    """Ones on and below the k-th diagonal of (N, M), zeros above (`keras.ops.tri`)."""
    return np.tri(int(N), M, k, dtype or config.floatx())


def tril(x: Array, k: int = 0) -> Array:
    """x with zeros above the k-th diagonal of its last axes (`keras.ops.tril`)."""
    x = tensor(x)
    return where(np.tri(x.shape[-2], x.shape[-1], k, dtype=bool), x, np.zeros((), x.dtype))


def triu(x: Array, k: int = 0) -> Array:
    """x with zeros below the k-th diagonal of its last axes (`keras.ops.triu`)."""
    x = tensor(x)
    return where(np.tri(x.shape[-2], x.shape[-1], k - 1, dtype=bool), np.zeros((), x.dtype), x)


def diag(x: Array, k: int = 0) -> Array:
    """The k-th diagonal of a matrix, or zeros with x on it (`keras.ops.diag`)."""
    x = tensor(x)
    if len(x.shape) == 1:
        size, at = x.shape[0] + abs(k), np.arange(x.shape[0])
        return scatter_add(x, index=(at - min(k, 0), at + max(k, 0)), shape=(size, size))
    if len(x.shape) != 2:
        raise ValueError(f"diag: a vector or a matrix is expected. Received: shape={x.shape}")
    return diagonal(x, k)


def diagonal(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonals in the plane of two axes, as a last axis (`keras.ops.diagonal`)."""
    x = tensor(x)
    numbers = np.arange(int(np.prod(x.shape, dtype=int))).reshape(x.shape)
    return getitem(x.reshape((-1,)), index=np.diagonal(numbers, offset, axis1, axis2).copy())


def trace(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The sum of a diagonal (`keras.ops.trace`)."""
    return diagonal(x, offset, axis1, axis2).sum(axis=-1)


def array(x: Array, dtype: DType | None = None) -> Array:
    """x as an array or Tensor: Python floats become `config.floatx()`, integers int32
    (`keras.ops.array`)."""
    if hasattr(x, "shape"):
        return x if dtype is None or x.dtype == np.dtype(dtype) else x.astype(dtype)
    made = as_array(x, dtype)
    small = dtype is None and made.dtype == np.int64
    return made.astype(np.int32) if small else made


def convert_to_tensor(
    x: Array, dtype: DType | None = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """x as a Tensor; one stays what it is (`keras.ops.convert_to_tensor`)."""
    if sparse or ragged:
        raise ValueError(
            "sparse and ragged Tensors are not supported; leave it out. "
            f"Received: sparse={sparse}, ragged={ragged}"
        )
    made = array(x, dtype)
    return Tensor(made) if isinstance(made, np.ndarray | np.generic) else made


def convert_to_numpy(x: Array) -> np.ndarray:
    """x as a NumPy array (`keras.ops.convert_to_numpy`)."""
    return np.array(as_array(x))


def is_tensor(x: Any) -> bool:
    """Whether x is a Tensor (`keras.ops.is_tensor`)."""
    return isinstance(x, Tensor)


def copy(x: Array) -> Array:
    """x itself, in memory of its own (`keras.ops.copy`)."""
    x = tensor(x)
    return np.array(x) if isinstance(x, np.ndarray) else x.reshape(x.shape)


def stop_gradient(variable: Array) -> Array:
    """The same value, through which no gradient passes (`keras.ops.stop_gradient`)."""
    return variable.detach() if isinstance(variable, Tensor) else tensor(variable)


def shape(x: Array) -> tuple[int, ...]:
    """The shape of x, a tuple (`keras.ops.shape`)."""
    return tuple(tensor(x).shape)


def size(x: Array) -> int:
    """How many elements x has (`keras.ops.size`)."""
    return int(np.prod(tensor(x).shape, dtype=int))


def ndim(x: Array) -> int:
    """How many axes x has (`keras.ops.ndim`)."""
    return len(tensor(x).shape)


def dtype(x: Array) -> str:
    """The name of x's dtype (`keras.ops.dtype`)."""
    found: Any = tensor(x).dtype
    return np.dtype(found).name
