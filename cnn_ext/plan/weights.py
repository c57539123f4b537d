"""Weights of a step: Variables, with what was folded into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Scaling:
    """x * factor + shift, one pair a channel or for all: `values()` gives both, in float64.

    variables: what the values are made of.
    """

    values: Callable[[], tuple[Any, Any]]
    variables: tuple[Any, ...] = ()
    owner: Any = None  # whose scaling it is: two with one owner are the same

    @property
    def key(self) -> Any:
        return id(self.owner)


@dataclass(frozen=True)
class Weights:
    """kernel and bias, after scalings of the inputs (factors only) and of the sums.

    kernel: a Variable; None for ones.
    bias: a Variable; None for zeros.
    shape: that the kernel is read in, channels of the sums last.
    """

    kernel: Any
    bias: Any
    shape: tuple[int, ...]
    before: tuple[Scaling, ...] = ()
    after: tuple[Scaling, ...] = ()

    def then(self, scaling: Scaling) -> Weights:
        """With a scaling of the sums."""
        return replace(self, after=(*self.after, scaling))

    def preceded_by(self, scaling: Scaling) -> Weights:
        """With a scaling of the inputs, whose shift must be zero."""
        return replace(self, before=(scaling, *self.before))

    @property
    def variables(self) -> tuple[Any, ...]:
        """Everything that the values are made of."""
        own = [v for v in (self.kernel, self.bias) if v is not None]
        return (*own, *(v for s in (*self.before, *self.after) for v in s.variables))

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for weights that are made of the same in the same way."""
        scalings = [tuple(s.key for s in part) for part in (self.before, self.after)]
        return (id(self.kernel), id(self.bias), self.shape, *scalings)

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel and bias as they are now, in float32."""
        channels = self.shape[-1]
        kernel = np.ones(self.shape) if self.kernel is None else self.kernel.data
        bias = np.zeros(channels) if self.bias is None else self.bias.data
        kernel = kernel.reshape(self.shape)
        for scaling in self.before:
            factor = np.asarray(scaling.values()[0], np.float64)
            kernel = kernel * (factor.reshape(-1, 1) if factor.ndim else factor)
        for scaling in self.after:
            factor, shift = scaling.values()
            kernel, bias = kernel * factor, bias * factor + shift
        return _float32(kernel), _float32(np.broadcast_to(bias, (channels,)))


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32)
