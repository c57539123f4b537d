"""Convolution of each channel by windows of its own, and what mixes the channels afterwards."""

from __future__ import annotations

from cnn_ext.ops.conv import conv
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.geometry import check_images
from cnn_ext.ops.hints import Array, Size
from cnn_ext.ops.layout import is_channels_first
from cnn_ext.ops.shapes import reshape


def depthwise_conv(
    inputs: Array,
    kernel: Array,
    strides: Size = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Size = 1,
) -> Array:
    """Convolution of each channel by itself (`keras.ops.depthwise_conv`).

    Args:
        inputs: images (batch, height, width, channels), or channels first; sequences have one
            axis less.
        kernel: (height, width, channels, multiplier): the windows of each channel.
        strides, padding, data_format, dilation_rate: as for `conv`.

    Returns:
        Array or Tensor with channels * multiplier channels, those of each channel together.

    >>> import numpy as np
    >>> depthwise_conv(np.ones((1, 4, 4, 2), "float32"), np.ones((3, 3, 2, 3), "float32")).shape
    (1, 2, 2, 6)
    """
    inputs, kernel = tensor(inputs), tensor(kernel)
    _check("depthwise_conv", inputs, kernel, data_format)
    *window, channels, multiplier = kernel.shape
    grouped = reshape(kernel, newshape=(*window, 1, channels * multiplier))
    return conv(inputs, grouped, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Array,
    depthwise_kernel: Array,
    pointwise_kernel: Array,
    strides: Size = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Size = 1,
) -> Array:
    """A depthwise convolution, then one of single pixels (`keras.ops.separable_conv`).

    Args:
        inputs: images (batch, height, width, channels), or channels first; sequences have one
            axis less.
        depthwise_kernel: (height, width, channels, multiplier).
        pointwise_kernel: (1, 1, channels * multiplier, filters).
        strides, padding, data_format, dilation_rate: those of the depthwise convolution.

    >>> import numpy as np
    >>> x, depthwise = np.ones((1, 4, 4, 2), "float32"), np.ones((3, 3, 2, 3), "float32")
    >>> separable_conv(x, depthwise, np.ones((1, 1, 6, 5), "float32")).shape
    (1, 2, 2, 5)
    """
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, "valid", data_format)


def _check(what, inputs, kernel, data_format):
    rank = len(kernel.shape) - 2
    if rank not in (1, 2):
        raise ValueError(
            f"{what}: expected a kernel of rank 3 (sequences) or 4 (images). "
            f"Received: shape={tuple(kernel.shape)}"
        )
    check_images(what, inputs.shape, rank)
    channels = inputs.shape[1 if is_channels_first(data_format) else -1]
    if channels != kernel.shape[-2]:
        raise ValueError(
            "The number of input channels must match the kernel's input channels. Received: "
            f"input channels={channels}, kernel input channels={kernel.shape[-2]}, "
            f"input shape={tuple(inputs.shape)}, kernel shape={tuple(kernel.shape)}"
        )
