"""Depthwise convolutions: each channel has windows of its own."""

from __future__ import annotations

from typing import Any

from cnn_ext import ops
from cnn_ext.layers.checks import positive_integer
from cnn_ext.layers.convolution.base import Convolution
from cnn_ext.layers.described import arguments


class _DepthwiseConv(Convolution):
    """What DepthwiseConv1D and DepthwiseConv2D share."""

    prefixes = ("depthwise", "bias")

    def __init__(self, *, depth_multiplier: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth_multiplier = positive_integer(self, "depth_multiplier", depth_multiplier)

    def output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier

    def make_kernels(self, channels: int) -> None:
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.make_weight("kernel", shape, "depthwise")

    def convolve(self, inputs: Any) -> Any:
        return ops.depthwise_conv(
            inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate
        )


class DepthwiseConv1D(_DepthwiseConv):
    """Depthwise 1-D convolution (`keras.layers.DepthwiseConv1D`).

    Args: as for `DepthwiseConv2D`, in steps.

    Input: (batch, steps, channels). Output: (batch, out_steps, channels * depth_multiplier).
    Weights: kernel (steps, channels, depth_multiplier), bias (channels * depth_multiplier,).

    >>> import numpy as np
    >>> DepthwiseConv1D(3)(np.ones((1, 5, 4))).shape
    (1, 3, 4)
    """

    rank = 1

    def __init__(
        self,
        kernel_size: int | tuple[int],
        strides: int | tuple[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | tuple[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))


class DepthwiseConv2D(_DepthwiseConv):
    """Depthwise 2-D convolution: each channel by itself (`keras.layers.DepthwiseConv2D`).

    Args:
        kernel_size: window in pixels, one integer or (height, width).
        strides: step between windows.
        padding: `"valid"`, or `"same"` as TensorFlow places it.
        depth_multiplier: how many output channels each input channel has.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        dilation_rate: step between the taps of a window.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel.
        others: as for `Conv2D`.

    Input: (batch, height, width, channels).
    Output: (batch, out_height, out_width, channels * depth_multiplier).
    Weights: kernel (height, width, channels, depth_multiplier), bias.

    >>> import numpy as np
    >>> DepthwiseConv2D(3, depth_multiplier=2)(np.ones((1, 5, 5, 4))).shape
    (1, 3, 3, 8)
    """

    rank = 2

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int] = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))
