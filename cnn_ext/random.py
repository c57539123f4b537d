"""Randomness that repeats: counter-based streams, all derived from one seed.

Every consumer (an initializer, a dropout layer, a shuffle) owns a stream of Philox numbers, told
apart by its key; the n-th draw of a stream depends on the seed, the stream and n alone, so not on
threads or on what other streams drew. (Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3".)
"""

from __future__ import annotations

import os
import random as python_random

import numpy as np

from cnn_ext._errors import missing_attribute

__all__ = ["SeedGenerator"]


class _Global:
    seed = int.from_bytes(os.urandom(8), "little")
    streams = 0


def set_random_seed(seed: int) -> None:
    """Make what follows repeatable: Python's, NumPy's and cnn_ext's randomness start at `seed`.

    Counterpart of `keras.utils.set_random_seed`. The same seed and script give the same bits.

    >>> set_random_seed(42)
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer in [0, 2**32). Received: {seed!r}")
    python_random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - the user's own code may draw from it
    _Global.seed = int(seed)
    _Global.streams = 0


class SeedGenerator:
    """A stream of random numbers (`keras.random.SeedGenerator`).

    Args:
        seed: names the stream: equal seeds give equal streams. None takes the next stream of the
            global seed.
    """

    def __init__(self, seed: int | None = None) -> None:
        if seed is None:
            _Global.streams += 1
            self.key = (_Global.seed, _Global.streams)
        else:
            self.key = (int(seed) % 2**64, 0)
        self.count = 0

    def next(self) -> np.random.Generator:
        """The generator of the stream's next draw."""
        self.count += 1
        philox = np.random.Philox(key=self.key, counter=(0, 0, 0, self.count))
        return np.random.Generator(philox)


__getattr__ = missing_attribute(__name__, __all__)
