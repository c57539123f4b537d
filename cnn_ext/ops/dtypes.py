"""What operations take and in which dtype they compute: Keras's rules, where NumPy has others."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext.autograd import as_array


def tensor(x: Any) -> Any:
    """x itself if it has a shape, else an array: Python floats become `config.floatx()`."""
    return x if hasattr(x, "shape") else as_array(x)


def floats(x: Any) -> Any:
    """An array of floats: integers and truth values become `config.floatx()`."""
    x = tensor(x)
    return x if x.dtype.kind in "fc" else x.astype(config.floatx())


def together(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Two arrays or numbers, so that NumPy gives the dtype that Keras gives.

    Integers take the dtype of the floats that they meet, which in NumPy may be a wider one.
    """
    first: Any = getattr(x1, "dtype", None)
    second: Any = getattr(x2, "dtype", None)
    if first is second:
        return (x1, x2) if first is not None else together(_small(x1), _small(x2))
    if second is None and type(x2) in (int, float) and first.kind == "f":
        return x1, x2
    if first is None or second is None:
        return _with_number(x1, x2)
    if first.kind == "f" and second.kind in "iub":
        return x1, np.asarray(x2).astype(first)
    if second.kind == "f" and first.kind in "iub":
        return np.asarray(x1).astype(second), x2
    return x1, x2


def _with_number(x1: Any, x2: Any) -> tuple[Any, Any]:
    """An array and a Python number or list: the number is as wide as it has to be."""
    x1, x2 = (x if hasattr(x, "dtype") or _is_number(x) else as_array(x) for x in (x1, x2))
    if hasattr(x1, "dtype") and hasattr(x2, "dtype"):
        return together(x1, x2)
    if not hasattr(x2, "dtype") and isinstance(x2, float) and x1.dtype.kind in "iub":
        return x1.astype(config.floatx()), x2
    if not hasattr(x1, "dtype") and isinstance(x1, float) and x2.dtype.kind in "iub":
        return x1, x2.astype(config.floatx())
    return x1, x2


def _small(x: Any) -> Any:
    """A Python number or list as an array: integers have 32 bits."""
    made = as_array(x)
    return made.astype(np.int32) if made.dtype == np.int64 else made


def is_whole(x: Any) -> bool:
    """Whether x holds integers or truth values."""
    return x.dtype.kind in "iub" if hasattr(x, "dtype") else not isinstance(x, float)


def common_dtype(*numbers: Any) -> Any:
    """The dtype of what is made from numbers: int32 or `config.floatx()` from Python's."""
    given = [_small(n) if not hasattr(n, "dtype") else as_array(n) for n in numbers]
    inexact = [n.dtype for n in given if n.dtype.kind == "f"]
    return np.result_type(*(inexact or [n.dtype for n in given]))


def _is_number(x: Any) -> bool:
    return isinstance(x, bool | int | float)


def sum_dtype(x: Any) -> Any:
    """The dtype of a sum or product of x's elements: small integers have 32 bits in it."""
    kind, size = x.dtype.kind, x.dtype.itemsize
    if kind == "b" or (kind == "i" and size < 4):
        return np.int32
    return np.uint32 if kind == "u" and size < 4 else x.dtype
