"""Rounding, and division without a remainder."""

from __future__ import annotations

import numpy as np

from cnn_ext.autograd import primitive
from cnn_ext.ops.dtypes import floats, tensor, together
from cnn_ext.ops.elementwise import negative
from cnn_ext.ops.hints import Array


@primitive
def floor(x: Array) -> Array:
    """The next integer below (`keras.ops.floor`); no gradient passes."""
    return np.floor(floats(x))


@primitive
def ceil(x: Array) -> Array:
    """The next integer above (`keras.ops.ceil`); no gradient passes."""
    return np.ceil(floats(x))


@primitive
def trunc(x: Array) -> Array:
    """The next integer towards 0 (`keras.ops.trunc`); no gradient passes."""
    return np.trunc(tensor(x))


@primitive
def round(x: Array, *, decimals: int = 0) -> Array:
    """The nearest number of so many decimals, halves to even (`keras.ops.round`); no gradient."""
    return np.round(tensor(x), decimals)


@primitive
def floor_divide(x1: Array, x2: Array) -> Array:
    """x1 / x2 rounded down (`keras.ops.floor_divide`); no gradient passes."""
    return np.floor_divide(*together(x1, x2))


@primitive
def mod(x1: Array, x2: Array) -> Array:
    """The rest of x1 / x2 rounded down, of x2's sign (`keras.ops.mod`)."""
    return np.mod(*together(x1, x2))


mod.gradients(lambda g, y, x1, x2: g, lambda g, y, x1, x2: negative(g * floor_divide(x1, x2)))

for _operation in (floor, ceil, trunc, round, floor_divide):
    _operation.gradients(None, None)
