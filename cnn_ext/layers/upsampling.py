"""Layers that make signals, images and volumes larger by a whole factor."""

from __future__ import annotations

from typing import Any

from cnn_ext import config, ops
from cnn_ext.layers.described import Described
from cnn_ext.layers.input_spec import InputSpec
from cnn_ext.layers.reshaping import count
from cnn_ext.ops.geometry import sizes
from cnn_ext.symbolic import Shape


def repeat_along(x: Any, factors: dict[int, int]) -> Any:
    """x with each element so many times side by side along axes."""
    shape = list(x.shape)
    apart, spread, joined = [], [], []
    for axis, n in enumerate(shape):
        factor = factors.get(axis, 1)
        apart += [n, 1] if factor > 1 else [n]
        spread += [n, factor] if factor > 1 else [n]
        joined.append(n * factor)
    wide = ops.broadcast_to(ops.reshape(x, tuple(apart)), tuple(spread))
    return ops.reshape(wide, tuple(joined))


class _UpSampling(Described):
    """What they share: a factor for each axis of pixels."""

    data_format = "channels_last"

    def _factors(self, sizes: tuple[int, ...]) -> dict[int, int]:
        first = 2 if self.data_format == "channels_first" else 1
        return {first + i: factor for i, factor in enumerate(sizes)}

    def _sizes(self) -> tuple[int, ...]:
        size: Any = self.size  # type: ignore[attr-defined]
        return (size,) if isinstance(size, int) else size

    def call(self, inputs: Any) -> Any:
        return repeat_along(inputs, self._factors(self._sizes()))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        factors = self._factors(self._sizes())
        return tuple(
            None if n is None else n * factors.get(axis, 1) for axis, n in enumerate(input_shape)
        )


class UpSampling1D(_UpSampling):
    """Each step several times (`keras.layers.UpSampling1D`).

    Args:
        size: how many times.
        others: see `Layer`.

    Input: (batch, steps, channels). Output: (batch, size * steps, channels).

    >>> import numpy as np
    >>> UpSampling1D(2)(np.array([[[1.0], [2.0]]])).numpy().ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = count("size", size)
        self.input_spec = InputSpec(ndim=3)


class UpSampling2D(_UpSampling):
    """Larger images (`keras.layers.UpSampling2D`).

    Args:
        size: factors of height and width, or one for both.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        interpolation: `"nearest"` repeats pixels; others are those of `ops.image.resize`:
            `"bilinear"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"`, `"area"`.
        others: see `Layer`.

    Input: (batch, height, width, channels). Output: the same with larger height and width.

    >>> import numpy as np
    >>> UpSampling2D((2, 3))(np.ones((1, 4, 4, 3))).shape
    (1, 8, 12, 3)
    """

    def __init__(
        self,
        size: int | tuple[int, int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.data_format_or_default(data_format)
        self.size = sizes("size", size, 2)
        known = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")
        self.interpolation = config.one_of("interpolation", str(interpolation).lower(), known)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return super().call(inputs)
        first = 2 if self.data_format == "channels_first" else 1
        height, width = inputs.shape[first : first + 2]
        return ops.image.resize(
            inputs,
            (height * self.size[0], width * self.size[1]),
            interpolation=self.interpolation,
            data_format=self.data_format,
        )


class UpSampling3D(_UpSampling):
    """Larger volumes, whose points are repeated (`keras.layers.UpSampling3D`).

    Args:
        size: factors of the three axes, or one for all.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    Input: (batch, depth, height, width, channels). Output: the same with larger sizes.

    >>> import numpy as np
    >>> UpSampling3D((1, 2, 2))(np.ones((1, 4, 4, 4, 3))).shape
    (1, 4, 8, 8, 3)
    """

    def __init__(
        self,
        size: int | tuple[int, int, int] = (2, 2, 2),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.data_format_or_default(data_format)
        self.size = sizes("size", size, 3)
        self.input_spec = InputSpec(ndim=5)
