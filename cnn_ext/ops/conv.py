"""Convolution: three bilinear operations, closed under differentiation.

With y = conv2d(x, w), its gradients conv2d_backward_input(grad_y, w) and
conv2d_backward_weight(x, grad_y) are bilinear too, and each one's gradients are the other two.
"""

from __future__ import annotations

from typing import Any

from cnn_ext import _kernels
from cnn_ext.autograd import primitive
from cnn_ext.config import data_format_or_default
from cnn_ext.ops.geometry import check_images, check_padding, pair, window_geometry
from cnn_ext.ops.shape import transpose

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


@primitive
def conv2d(x, weight, *, geometry):
    """y of x (n, h, w, c_in) and weight (kh, kw, c_in / groups, c_out); see `conv`."""
    return _kernels.conv2d_forward(x, weight, geometry)


conv2d.gradients(
    lambda g, y, x, weight, geometry: conv2d_backward_input(g, weight, geometry=geometry),
    lambda g, y, x, weight, geometry: conv2d_backward_weight(x, g, geometry=geometry),
)


@primitive
def conv2d_backward_input(grad_y, weight, *, geometry):
    """The gradient by x of a conv2d, for the gradient grad_y (n, oh, ow, c_out) by its y."""
    return _kernels.conv2d_backward_input(grad_y, weight, geometry)


conv2d_backward_input.gradients(
    lambda g, y, grad_y, weight, geometry: conv2d(g, weight, geometry=geometry),
    lambda g, y, grad_y, weight, geometry: conv2d_backward_weight(g, grad_y, geometry=geometry),
)


@primitive
def conv2d_backward_weight(x, grad_y, *, geometry):
    """The gradient by weight of a conv2d, for the gradient grad_y (n, oh, ow, c_out) by its y."""
    return _kernels.conv2d_backward_weight(x, grad_y, geometry)


conv2d_backward_weight.gradients(
    lambda g, y, x, grad_y, geometry: conv2d_backward_input(grad_y, g, geometry=geometry),
    lambda g, y, x, grad_y, geometry: conv2d(x, g, geometry=geometry),
)


def conv_geometry(
    x_shape: Any, weight_shape: Any, strides: Any = 1, padding: str = "valid", dilation: Any = 1
) -> _kernels.Geometry:
    """The Geometry of a convolution of NHWC images by HWIO weights; groups follow from both."""
    check_images("conv", x_shape)
    if len(weight_shape) != 4:
        raise ValueError(
            "conv: expected a kernel of rank 4, (height, width, channels_in / groups, "
            f"channels_out). Received: shape={tuple(weight_shape)}"
        )
    kh, kw, c_group, c_out = weight_shape
    groups = x_shape[-1] // c_group if c_group else 0
    if groups < 1 or groups * c_group != x_shape[-1] or c_out % groups:
        raise ValueError(
            "conv: the input's channels must be a multiple of the kernel's, and the number of "
            "groups they make must divide the filters. "
            f"Received: input shape={tuple(x_shape)}, kernel shape={tuple(weight_shape)}"
        )
    return window_geometry(
        "conv", tuple(x_shape), (kh, kw), pair("strides", strides), check_padding(padding),
        pair("dilation_rate", dilation), c_out, groups,
    )  # fmt: skip


def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """2-D convolution, with groups if the kernel has fewer input channels (`keras.ops.conv`).

    Args:
        inputs: images (batch, height, width, channels), or (batch, channels, height, width) for
            `data_format="channels_first"`.
        kernel: (height, width, channels / groups, filters), of the inputs' dtype.
        strides: step between windows, in pixels: one integer or (height, width).
        padding: `"valid"`, or `"same"` as TensorFlow places it.
        data_format: layout of inputs and result; None is `config.image_data_format()`.
        dilation_rate: step between the taps of a window, in pixels.

    Returns:
        Array or Tensor (batch, out_height, out_width, filters), in the same layout.

    Raises:
        ValueError: for wrong ranks, channels that do not match, or a window that does not fit.

    >>> import numpy as np
    >>> conv(np.ones((1, 5, 5, 1), "float32"), np.ones((3, 3, 1, 2), "float32")).shape
    (1, 3, 3, 2)
    """
    first = data_format_or_default(data_format) == "channels_first"
    if first:
        check_images("conv", inputs.shape)
        inputs = transpose(inputs, axes=TO_LAST)
    geometry = conv_geometry(inputs.shape, kernel.shape, strides, padding, dilation_rate)
    y = conv2d(inputs, kernel, geometry=geometry)
    return transpose(y, axes=TO_FIRST) if first else y
