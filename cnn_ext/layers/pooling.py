"""Pooling layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext import config, ops
from cnn_ext.layers.base import Layer
from cnn_ext.layers.checks import check_images
from cnn_ext.layers.convolution import window_output_sizes
from cnn_ext.ops.geometry import check_padding, pair
from cnn_ext.symbolic import Shape


class _Pooling2D(Layer):
    """What max and average pooling share."""

    operation: Callable[..., Any]

    def __init__(
        self,
        pool_size: int | tuple[int, int],
        strides: int | tuple[int, int] | None,
        padding: str,
        data_format: str | None,
        name: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = pair("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair("strides", strides)
        self.padding = check_padding(padding)
        self.data_format = config.data_format_or_default(data_format)

    def check_input_shape(self, shape: Shape) -> None:
        check_images(self, shape)
        self.compute_output_shape(shape)

    def call(self, inputs: Any) -> Any:
        operation = type(self).operation
        return operation(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = window_output_sizes(self, input_shape, self.pool_size, self.strides)
        if self.data_format == "channels_first":
            return (input_shape[0], input_shape[1], *sizes)
        return (input_shape[0], *sizes, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


class MaxPooling2D(_Pooling2D):
    """Maximum over windows (`keras.layers.MaxPooling2D`).

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
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling2D(_Pooling2D):
    """Mean over windows (`keras.layers.AveragePooling2D`); padding does not count.

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

    operation = staticmethod(ops.average_pool)

    def __init__(
        self,
        pool_size: int | tuple[int, int],
        strides: int | tuple[int, int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class GlobalAveragePooling2D(Layer):
    """Mean over all pixels (`keras.layers.GlobalAveragePooling2D`).

    Args:
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        keepdims: keep height and width, as 1.
        others: see `Layer`.

    Input: (batch, height, width, channels). Output: (batch, channels).

    >>> import numpy as np
    >>> GlobalAveragePooling2D()(np.ones((1, 4, 4, 3))).shape
    (1, 3)
    """

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.data_format_or_default(data_format)
        self.keepdims = bool(keepdims)

    @property
    def _axes(self) -> tuple[int, int]:
        return (2, 3) if self.data_format == "channels_first" else (1, 2)

    def check_input_shape(self, shape: Shape) -> None:
        check_images(self, shape)

    def call(self, inputs: Any) -> Any:
        return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.keepdims:
            return tuple(1 if i in self._axes else n for i, n in enumerate(input_shape))
        return tuple(n for i, n in enumerate(input_shape) if i not in self._axes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "data_format": self.data_format,
            "keepdims": self.keepdims,
        }
