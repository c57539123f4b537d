"""A limit on the memory that is taken while what a file declares is made.

A few bytes of a file can declare a layer of any size. Within `at_most`, whoever makes arrays of a
declared size says so with `take`, before they are made.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator

PASSING = 2**30  # bytes that an array may take which is not kept, or only declared
TRIED = 2**26  # bytes of an array that an operation is tried on, to learn the shapes it gives


class _Limit(threading.local):
    left: int | None = None


_limit = _Limit()


class BudgetError(ValueError):
    """More memory would be needed than there may be."""


@contextlib.contextmanager
def at_most(size: int) -> Iterator[None]:
    """A block, in this thread, in which `take` may be asked for this many bytes altogether."""
    before, _limit.left = _limit.left, size
    try:
        yield
    finally:
        _limit.left = before


def is_limited() -> bool:
    """Whether there is a limit in this thread."""
    return _limit.left is not None


def take(
    shape: Iterable[int], itemsize: int, what: str, keep: bool = True, most: int = PASSING
) -> None:
    """Count an array that is about to be made.

    Args:
        shape: its shape.
        itemsize: bytes of an element.
        what: its name in the error.
        keep: whether it stays; if not, it uses nothing up.
        most: what one that does not stay may take in any case.

    Raises:
        BudgetError: if it is too large.

    >>> with at_most(100):
    ...     take((5, 5), 4, "a")
    ...     take((1,), 4, "b")
    Traceback (most recent call last):
    cnn_ext.budget.BudgetError: b of shape (1,) would need 4 bytes, where 0 are left for all
    """
    if _limit.left is None:
        return
    size, shape = itemsize, tuple(shape)
    for n in shape:
        size *= int(n)
    left = _limit.left if keep else max(_limit.left, most)
    if size > left:
        raise BudgetError(
            f"{what} of shape {shape} would need {size} bytes, where {left} are left for all"
        )
    if keep:
        _limit.left -= max(size, 0)
