"""Layers that put each sample in another shape; what is in it stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import config, ops
from cnn_ext.layers.checks import incompatible
from cnn_ext.layers.described import Described
from cnn_ext.layers.input_spec import InputSpec
from cnn_ext.symbolic import KerasTensor, Shape


class _Moves(Described):
    """A layer that only moves elements, and so keeps the dtype of its inputs."""

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)


class Flatten(_Moves):
    """Each sample as one row (`keras.layers.Flatten`).

    Args:
        data_format: `"channels_first"` puts the channels last before flattening.
        others: see `Layer`.

    Input: (batch, ...). Output: (batch, product of the other sizes).

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.data_format_or_default(data_format)

    def check_input_shape(self, shape: Shape) -> None:
        if len(shape) < 1:
            raise incompatible(self, "expected min_ndim=1, found ndim=0", shape)

    def call(self, inputs: Any) -> Any:
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], _product(input_shape[1:]))


def _product(sizes: Sequence[int | None]) -> int | None:
    known = [n for n in sizes if n is not None]
    return math.prod(known) if len(known) == len(sizes) else None


class Reshape(_Moves):
    """Each sample in another shape (`keras.layers.Reshape`).

    Args:
        target_shape: shape of one sample; one -1 stands for what is left.
        others: see `Layer`.

    >>> import numpy as np
    >>> Reshape((2, -1))(np.ones((5, 6))).shape
    (5, 2, 3)
    """

    built_at_once = True

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        target = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if target.count(-1) > 1 or any(n != -1 and n < 0 for n in target):
            raise ValueError(
                "target_shape must hold sizes of at least 0, and at most one -1. "
                f"Received: target_shape={target_shape}"
            )
        self.target_shape = target

    def check_input_shape(self, shape: Shape) -> None:
        self.compute_output_shape(shape)

    def call(self, inputs: Any) -> Any:
        sizes = self.compute_output_shape(inputs.shape)[1:]
        return ops.reshape(inputs, (inputs.shape[0], *sizes))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        total = _product(input_shape[1:])
        known = math.prod(n for n in self.target_shape if n != -1)
        if total is None:
            return (input_shape[0], *(None if n == -1 else n for n in self.target_shape))
        left = total // known if -1 in self.target_shape and known else 1
        if known * left != total:
            raise ValueError(
                "The total size of the tensor must be unchanged. "
                f"Received: input_shape={tuple(input_shape[1:])}, "
                f"target_shape={self.target_shape} of Reshape '{self.name}'"
            )
        return (input_shape[0], *(left if n == -1 else n for n in self.target_shape))


class Permute(_Moves):
    """The axes of each sample in another order (`keras.layers.Permute`).

    Args:
        dims: the axes in their new order, counted from 1: (2, 1) exchanges the first two.
        others: see `Layer`.

    >>> import numpy as np
    >>> Permute((2, 1))(np.ones((5, 10, 64))).shape
    (5, 64, 10)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in "
                f"`dims` must be consecutive and start from 1. Received: dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


class RepeatVector(Described):
    """Each vector so many times, one under the other (`keras.layers.RepeatVector`).

    Args:
        n: how many times.
        others: see `Layer`.

    Input: (batch, features). Output: (batch, n, features).

    >>> import numpy as np
    >>> RepeatVector(3)(np.ones((2, 5))).shape
    (2, 3, 5)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = count("n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        batch, features = inputs.shape
        rows = ops.reshape(inputs, (batch, 1, features))
        return ops.broadcast_to(rows, (batch, self.n, features))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.n, input_shape[1])


def count(name: str, value: Any) -> int:
    """A positive integer, or Keras's two errors."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(
            f"Expected an integer value for `{name}`, got {type(value)}. Received: {name}={value}"
        )
    if value <= 0:
        raise ValueError(
            f"Argument `{name}` should be a positive integer. Received: {name}={value}"
        )
    return int(value)
