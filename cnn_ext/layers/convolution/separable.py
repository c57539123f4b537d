"""Separable convolutions: a depthwise one, then one of single pixels that mixes the channels."""

from __future__ import annotations

from typing import Any

from cnn_ext import ops
from cnn_ext.layers.checks import positive_filters, positive_integer
from cnn_ext.layers.convolution.base import Convolution
from cnn_ext.layers.described import arguments


class _SeparableConv(Convolution):
    """What SeparableConv1D and SeparableConv2D share."""

    prefixes = ("depthwise", "pointwise", "bias")

    def __init__(self, *, filters: int, depth_multiplier: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth_multiplier = positive_integer(self, "depth_multiplier", depth_multiplier)
        self.filters = positive_filters(filters)

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def make_kernels(self, channels: int) -> None:
        window, single = self.kernel_size, (1,) * self.rank
        self.depthwise_kernel = self.make_weight(
            "depthwise_kernel", (*window, channels, self.depth_multiplier), "depthwise"
        )
        self.pointwise_kernel = self.make_weight(
            "pointwise_kernel", (*single, channels * self.depth_multiplier, self.filters),
            "pointwise",
        )  # fmt: skip

    def convolve(self, inputs: Any) -> Any:
        return ops.separable_conv(
            inputs, self.depthwise_kernel, self.pointwise_kernel, self.strides, self.padding,
            self.data_format, self.dilation_rate,
        )  # fmt: skip


class SeparableConv1D(_SeparableConv):
    """Separable 1-D convolution (`keras.layers.SeparableConv1D`).

    Args: as for `SeparableConv2D`, in steps.

    Input: (batch, steps, channels). Output: (batch, out_steps, filters).
    Weights: depthwise_kernel (steps, channels, depth_multiplier), pointwise_kernel (1, channels *
    depth_multiplier, filters), bias (filters,).

    >>> import numpy as np
    >>> SeparableConv1D(2, 3)(np.ones((1, 5, 4))).shape
    (1, 3, 2)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int],
        strides: int | tuple[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))


class SeparableConv2D(_SeparableConv):
    """Separable 2-D convolution (`keras.layers.SeparableConv2D`).

    Args:
        filters: number of output channels.
        kernel_size: window in pixels, one integer or (height, width).
        strides: step between windows.
        padding: `"valid"`, or `"same"` as TensorFlow places it.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        dilation_rate: step between the taps of a window.
        depth_multiplier: how many channels the depthwise step makes of each.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the first kernel.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: of the second.
        others: as for `Conv2D`.

    Input: (batch, height, width, channels). Output: (batch, out_height, out_width, filters).
    Weights: depthwise_kernel (height, width, channels, depth_multiplier), pointwise_kernel (1, 1,
    channels * depth_multiplier, filters), bias (filters,).

    >>> import numpy as np
    >>> SeparableConv2D(2, 3)(np.ones((1, 5, 5, 4))).shape
    (1, 3, 3, 2)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int] = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))
