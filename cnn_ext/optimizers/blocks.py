"""Arithmetic on weights in blocks that stay in the cache, so that no array of a weight's size is
made for what lies between."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

SIZE = 16384  # elements: a temporary of them is 64 KB in float32


def blocks(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Flat pieces of arrays of one shape, in turn; those of contiguous arrays can be written to.

    >>> weight = np.ones((2, 3))
    >>> for piece, gradient in blocks(weight, np.eye(2, 3)):
    ...     piece -= gradient
    >>> weight.sum()
    np.float64(4.0)
    """
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, SIZE):
        yield tuple(array[start : start + SIZE] for array in flat)


def sum_of_squares(array: np.ndarray) -> float:
    """Summed in float64 and in one order, whatever the number of threads."""
    flat = array.reshape(-1)
    return float(np.einsum("i,i->", flat, flat, dtype=np.float64))


def norm(arrays: Iterable[np.ndarray]) -> float:
    """The Euclidean norm of all elements together."""
    return math.sqrt(sum(sum_of_squares(array) for array in arrays))


def limited(array: np.ndarray, length: float, limit: float) -> np.ndarray:
    """An array that is part of something of this length, scaled so that this is within the limit;
    a length that is not a number stays one."""
    return array if length <= limit else np.asarray(array * array.dtype.type(limit / length))
