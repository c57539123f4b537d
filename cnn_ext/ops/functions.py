"""Functions of one number, applied to each element: roots, exponentials, angles, the error
function."""

from __future__ import annotations

import functools
import math

import numpy as np

from cnn_ext.autograd import primitive
from cnn_ext.ops.dtypes import floats, together
from cnn_ext.ops.elementwise import exp, negative, square
from cnn_ext.ops.hints import Array


@primitive
def expm1(x: Array) -> Array:
    """exp(x) - 1, exact for small x (`keras.ops.expm1`)."""
    return np.expm1(floats(x))


expm1.gradients(lambda g, y, x: g * (y + 1))


@primitive
def exp2(x: Array) -> Array:
    """2 to the power x (`keras.ops.exp2`)."""
    return np.exp2(floats(x))


exp2.gradients(lambda g, y, x: g * y * math.log(2))


@primitive
def log2(x: Array) -> Array:
    """Logarithm to base 2 (`keras.ops.log2`)."""
    return np.log2(floats(x))


log2.gradients(lambda g, y, x: g / (x * math.log(2)))


@primitive
def log10(x: Array) -> Array:
    """Logarithm to base 10 (`keras.ops.log10`)."""
    return np.log10(floats(x))


log10.gradients(lambda g, y, x: g / (x * math.log(10)))


@primitive
def rsqrt(x: Array) -> Array:
    """1 / sqrt(x) (`keras.ops.rsqrt`)."""
    return 1 / np.sqrt(floats(x))


rsqrt.gradients(lambda g, y, x: g * (y * y * y * -0.5))


@primitive
def reciprocal(x: Array) -> Array:
    """1 / x (`keras.ops.reciprocal`)."""
    return np.reciprocal(floats(x))


reciprocal.gradients(lambda g, y, x: negative(g * square(y)))


@primitive
def sin(x: Array) -> Array:
    """Sine of x in radians (`keras.ops.sin`)."""
    return np.sin(floats(x))


sin.gradients(lambda g, y, x: g * cos(x))


@primitive
def cos(x: Array) -> Array:
    """Cosine of x in radians (`keras.ops.cos`)."""
    return np.cos(floats(x))


cos.gradients(lambda g, y, x: negative(g * sin(x)))


@primitive
def tan(x: Array) -> Array:
    """Tangent of x in radians (`keras.ops.tan`)."""
    return np.tan(floats(x))


tan.gradients(lambda g, y, x: g * (1 + y * y))


@primitive
def arcsin(x: Array) -> Array:
    """The angle with this sine, in radians (`keras.ops.arcsin`)."""
    return np.arcsin(floats(x))


arcsin.gradients(lambda g, y, x: g * rsqrt(1 - x * x))


@primitive
def arccos(x: Array) -> Array:
    """The angle with this cosine, in radians (`keras.ops.arccos`)."""
    return np.arccos(floats(x))


arccos.gradients(lambda g, y, x: negative(g * rsqrt(1 - x * x)))


@primitive
def arctan(x: Array) -> Array:
    """The angle with this tangent, in radians (`keras.ops.arctan`)."""
    return np.arctan(floats(x))


arctan.gradients(lambda g, y, x: g / (1 + x * x))


@primitive
def arctan2(x1: Array, x2: Array) -> Array:
    """The angle of the point (x2, x1), in radians (`keras.ops.arctan2`)."""
    return np.arctan2(*map(floats, together(x1, x2)))


arctan2.gradients(
    lambda g, y, x1, x2: g * x2 / (x1 * x1 + x2 * x2),
    lambda g, y, x1, x2: negative(g * x1 / (x1 * x1 + x2 * x2)),
)


@primitive
def sinh(x: Array) -> Array:
    """Hyperbolic sine (`keras.ops.sinh`)."""
    return np.sinh(floats(x))


sinh.gradients(lambda g, y, x: g * cosh(x))


@primitive
def cosh(x: Array) -> Array:
    """Hyperbolic cosine (`keras.ops.cosh`)."""
    return np.cosh(floats(x))


cosh.gradients(lambda g, y, x: g * sinh(x))


@primitive
def arcsinh(x: Array) -> Array:
    """Inverse of sinh (`keras.ops.arcsinh`)."""
    return np.arcsinh(floats(x))


arcsinh.gradients(lambda g, y, x: g * rsqrt(x * x + 1))


@primitive
def arccosh(x: Array) -> Array:
    """Inverse of cosh, for x >= 1 (`keras.ops.arccosh`)."""
    return np.arccosh(floats(x))


arccosh.gradients(lambda g, y, x: g * rsqrt(x * x - 1))


@primitive
def arctanh(x: Array) -> Array:
    """Inverse of tanh (`keras.ops.arctanh`)."""
    return np.arctanh(floats(x))


arctanh.gradients(lambda g, y, x: g / (1 - x * x))


@primitive
def erf(x: Array) -> Array:
    """Error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x (`keras.ops.erf`).

    By Taylor's series around the nearest of nodes 1/16 apart, which 9 terms of float64 (5 of
    float32) sum up to the last digit; 1 or -1 beyond 6, where float64 can hold nothing else.
    """
    x = floats(x)
    near = np.clip(x, -_LAST, _LAST)
    node = np.rint(near * _PER_UNIT)
    step = near - node / _PER_UNIT
    table = _erf_table(x.dtype.name)
    rows = np.nan_to_num(node + _LAST * _PER_UNIT).astype(np.int32)
    total = np.zeros_like(step)
    for coefficients in table[:0:-1]:
        total = (total + coefficients[rows]) * step
    return total + table[0][rows]


erf.gradients(lambda g, y, x: g * (exp(negative(x * x)) * (2 / math.sqrt(math.pi))))

_LAST, _PER_UNIT = 6, 16


@functools.lru_cache(maxsize=4)
def _erf_table(dtype: str) -> list[np.ndarray]:
    """The coefficients of erf's series around each node, those of the lowest power first.

    The derivatives of exp(-x^2) are Hermite's polynomials times it: H_0 = 1, H_1 = 2x,
    H_(k+1) = 2x H_k - 2k H_(k-1), with alternating signs.
    """
    nodes = np.arange(-_LAST * _PER_UNIT, _LAST * _PER_UNIT + 1) / _PER_UNIT
    bell = np.exp(-nodes * nodes) * (2 / math.sqrt(math.pi))
    table = [np.array([math.erf(node) for node in nodes])]
    before, hermite = np.zeros_like(nodes), np.ones_like(nodes)
    for power in range(1, 6 if dtype == "float32" else 10):
        sign = 1 if power % 2 else -1
        table.append(sign * hermite * bell / math.factorial(power))
        before, hermite = hermite, 2 * nodes * hermite - 2 * (power - 1) * before
    return [coefficients.astype(dtype) for coefficients in table]
