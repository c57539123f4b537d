"""Layers that put margins of zeros around signals, images and volumes, or cut margins off."""

from __future__ import annotations

from typing import Any

from cnn_ext import config, ops
from cnn_ext.layers.described import Described
from cnn_ext.layers.input_spec import InputSpec
from cnn_ext.ops.geometry import sizes
from cnn_ext.symbolic import Shape

Pair = tuple[int, int]
Margins = int | tuple[int | Pair, ...]


def _pairs(name: str, value: Any, rank: int) -> tuple[tuple[int, ...], ...]:
    """(before, behind) for each of several axes, made from what the user may write."""
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"`{name}` cannot be negative. Received: {name}={value}")
        return ((value, value),) * rank
    if not hasattr(value, "__len__"):
        raise ValueError(
            f"`{name}` should be either an int, a tuple of {rank} ints, or a tuple of {rank} "
            f"tuples of 2 ints, (before, behind) of each axis. Received: {name}={value}"
        )
    if len(value) != rank:
        elements = "two" if rank == 2 else rank
        raise ValueError(f"`{name}` should have {elements} elements. Received: {name}={value}")
    entries = ("1st", "2nd", "3rd")
    return tuple(
        sizes(f"{entries[i]} entry of {name}", pair, 2, least=0) for i, pair in enumerate(value)
    )


class _Margins(Described):
    """What padding and cropping share: an amount before and behind each axis of pixels."""

    rank: int
    argument: str

    def _start_margins(self, value: Any, data_format: str | None) -> None:
        self.data_format = config.data_format_or_default(data_format)
        if self.rank == 1:
            amounts: Any = sizes(self.argument, value, 2, least=0)
        else:
            amounts = _pairs(self.argument, value, self.rank)
        setattr(self, self.argument, amounts)
        self._amounts = (amounts,) if self.rank == 1 else amounts
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _of_axes(self, around: Any) -> tuple[Any, ...]:
        """An entry for every axis: those of the pixels' axes, `around` for the others."""
        if self.data_format == "channels_first":
            return (around, around, *self._amounts)
        return (around, *self._amounts, around)


class _ZeroPadding(_Margins):
    argument = "padding"

    def call(self, inputs: Any) -> Any:
        return ops.pad(inputs, self._of_axes((0, 0)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        pairs = zip(input_shape, self._of_axes((0, 0)), strict=True)
        return tuple(None if n is None else n + sum(pair) for n, pair in pairs)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and behind signals (`keras.layers.ZeroPadding1D`).

    Args:
        padding: how many, one integer or (before, behind).
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    Input: (batch, steps, channels). Output: (batch, more steps, channels).

    >>> import numpy as np
    >>> ZeroPadding1D((1, 2))(np.ones((2, 5, 3))).shape
    (2, 8, 3)
    """

    rank = 1

    def __init__(
        self, padding: int | Pair = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._start_margins(padding, data_format)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images (`keras.layers.ZeroPadding2D`).

    Args:
        padding: how many rows and columns: one integer, (of height, of width), or
            ((top, bottom), (left, right)).
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    Input: (batch, height, width, channels). Output: the same with larger height and width.

    >>> import numpy as np
    >>> ZeroPadding2D(((1, 0), (2, 3)))(np.ones((2, 4, 4, 3))).shape
    (2, 5, 9, 3)
    """

    rank = 2

    def __init__(
        self, padding: Margins = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._start_margins(padding, data_format)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes (`keras.layers.ZeroPadding3D`).

    Args:
        padding: how many planes: one integer, one for each axis, or (before, behind) for each.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    Input: (batch, depth, height, width, channels). Output: the same with larger sizes.

    >>> import numpy as np
    >>> ZeroPadding3D((0, 1, 2))(np.ones((2, 4, 4, 4, 3))).shape
    (2, 4, 6, 8, 3)
    """

    rank = 3

    def __init__(
        self,
        padding: Margins = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._start_margins(padding, data_format)


class _Cropping(_Margins):
    argument = "cropping"
    cropping: Any

    def check_input_shape(self, shape: Shape) -> None:
        if len(shape) == self.rank + 2:
            self.compute_output_shape(shape)

    def call(self, inputs: Any) -> Any:
        sizes = zip(inputs.shape, self._of_axes((0, 0)), strict=True)
        return inputs[tuple(slice(before, n - behind) for n, (before, behind) in sizes)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        pairs = list(zip(input_shape, self._of_axes((0, 0)), strict=True))
        if any(n is not None and any(pair) and n <= sum(pair) for n, pair in pairs):
            what = (
                f"`cropping` parameter of `{type(self).__name__}` layer must be smaller than the "
                "input length" if self.rank == 1 else "Values in `cropping` argument should be "
                "smaller than the corresponding spatial dimension of the input"
            )  # fmt: skip
            raise ValueError(
                f"{what}. Received: input_shape={tuple(input_shape)}, cropping={self.cropping}"
            )
        return tuple(None if n is None else n - sum(pair) for n, pair in pairs)


class Cropping1D(_Cropping):
    """Signals without their ends (`keras.layers.Cropping1D`).

    Args:
        cropping: how many steps to cut off, one integer or (before, behind).
        others: see `Layer`.

    Input: (batch, steps, channels). Output: (batch, fewer steps, channels).

    >>> import numpy as np
    >>> Cropping1D((1, 2))(np.ones((2, 5, 3))).shape
    (2, 2, 3)
    """

    rank = 1

    def __init__(self, cropping: int | Pair = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._start_margins(cropping, "channels_last")


class Cropping2D(_Cropping):
    """Images without their margins (`keras.layers.Cropping2D`).

    Args:
        cropping: how many rows and columns to cut off: one integer, (of height, of width), or
            ((top, bottom), (left, right)).
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    Input: (batch, height, width, channels). Output: the same with smaller height and width.

    >>> import numpy as np
    >>> Cropping2D(((1, 0), (2, 1)))(np.ones((2, 4, 5, 3))).shape
    (2, 3, 2, 3)
    """

    rank = 2

    def __init__(
        self, cropping: Margins = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._start_margins(cropping, data_format)


class Cropping3D(_Cropping):
    """Volumes without their margins (`keras.layers.Cropping3D`).

    Args:
        cropping: how many planes to cut off: one integer, one for each axis, or (before, behind)
            for each.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    Input: (batch, depth, height, width, channels). Output: the same with smaller sizes.

    >>> import numpy as np
    >>> Cropping3D((0, 1, (1, 0)))(np.ones((2, 4, 4, 4, 3))).shape
    (2, 4, 2, 3, 3)
    """

    rank = 3

    def __init__(
        self,
        cropping: Margins = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._start_margins(cropping, data_format)
