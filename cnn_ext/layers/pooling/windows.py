"""Pooling over windows that slide over the pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext import ops
from cnn_ext.layers.described import arguments
from cnn_ext.layers.spatial import Spatial
from cnn_ext.ops.geometry import check_padding, output_size, sizes
from cnn_ext.symbolic import Shape


class _Pooling(Spatial):
    """What max and average pooling share: an operation on windows."""

    built_at_once = True

    operation: Callable[..., Any]

    def __init__(
        self,
        *,
        pool_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] | None,
        padding: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = sizes("pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else sizes("strides", strides, self.rank)
        self.padding = check_padding(padding)

    def check_input_shape(self, shape: Shape) -> None:
        super().check_input_shape(shape)
        self.compute_output_shape(shape)

    def call(self, inputs: Any) -> Any:
        operation = type(self).operation
        return operation(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        what = f"{type(self).__name__} '{self.name}'"
        given = [input_shape[axis] for axis in self.pixel_axes]
        pixels = [
            None if size is None else output_size(size, window, stride, self.padding, 1, what)
            for size, window, stride in zip(given, self.pool_size, self.strides, strict=True)
        ]
        return self.with_pixels(input_shape[0], pixels, input_shape[self.channel_axis])


class MaxPooling1D(_Pooling):
    """Maximum over windows of steps (`keras.layers.MaxPooling1D`).

    Args: as for `MaxPooling2D`, in steps.

    Input: (batch, steps, channels). Output: (batch, out_steps, channels).

    >>> import numpy as np
    >>> MaxPooling1D(2)(np.ones((1, 4, 3))).shape
    (1, 2, 3)
    """

    rank = 1
    operation = staticmethod(ops.max_pool)

    def __init__(
        self,
        pool_size: int | tuple[int] = 2,
        strides: int | tuple[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))


class MaxPooling2D(_Pooling):
    """Maximum over windows of pixels (`keras.layers.MaxPooling2D`).

    Args:
        pool_size: window in pixels, one integer or (height, width).
        strides: step between windows; the pool size if None.
        padding: `"valid"` or `"same"`; padding never wins.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        name, others: see `Layer`.

    Input: (batch, height, width, channels). Output: (batch, out_height, out_width, channels).

    >>> import numpy as np
    >>> MaxPooling2D(2)(np.ones((1, 4, 4, 3))).shape
    (1, 2, 2, 3)
    """

    rank = 2
    operation = staticmethod(ops.max_pool)

    def __init__(
        self,
        pool_size: int | tuple[int, int] = (2, 2),
        strides: int | tuple[int, int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))


class MaxPooling3D(_Pooling):
    """Maximum over windows in volumes (`keras.layers.MaxPooling3D`).

    Args: as for `MaxPooling2D`, with a depth in front.

    Input: (batch, depth, height, width, channels).
    Output: (batch, out_depth, out_height, out_width, channels).

    >>> import numpy as np
    >>> MaxPooling3D(2)(np.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3
    operation = staticmethod(ops.max_pool)

    def __init__(
        self,
        pool_size: int | tuple[int, int, int] = (2, 2, 2),
        strides: int | tuple[int, int, int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))


class _AveragePooling(_Pooling):
    """What average poolings share: their pool size has no default."""

    operation = staticmethod(ops.average_pool)

    def __init__(
        self,
        pool_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))


class AveragePooling1D(_AveragePooling):
    """Mean over windows of steps (`keras.layers.AveragePooling1D`).

    Args: as for `AveragePooling2D`, in steps.

    Input: (batch, steps, channels). Output: (batch, out_steps, channels).

    >>> import numpy as np
    >>> AveragePooling1D(2)(np.ones((1, 4, 3))).shape
    (1, 2, 3)
    """

    rank = 1


class AveragePooling2D(_AveragePooling):
    """Mean over windows of pixels; padding does not count (`keras.layers.AveragePooling2D`).

    Args:
        pool_size: window in pixels, one integer or (height, width).
        strides: step between windows; the pool size if None.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        name, others: see `Layer`.

    Input: (batch, height, width, channels). Output: (batch, out_height, out_width, channels).

    >>> import numpy as np
    >>> AveragePooling2D(2)(np.ones((1, 4, 4, 3))).shape
    (1, 2, 2, 3)
    """

    rank = 2


class AveragePooling3D(_AveragePooling):
    """Mean over windows in volumes (`keras.layers.AveragePooling3D`).

    Args: as for `AveragePooling2D`, with a depth in front.

    Input: (batch, depth, height, width, channels).
    Output: (batch, out_depth, out_height, out_width, channels).

    >>> import numpy as np
    >>> AveragePooling3D(2)(np.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3
