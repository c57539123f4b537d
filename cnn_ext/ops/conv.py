"""Convolution: three bilinear operations, closed under differentiation.

With y = conv2d(x, w), its gradients conv2d_backward_input(grad_y, w) and
conv2d_backward_weight(x, grad_y) are bilinear too, and each one's gradients are the other two.
"""

from __future__ import annotations

from typing import Any

from cnn_ext import _kernels
from cnn_ext._kernels import Geometry
from cnn_ext.autograd import primitive
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.geometry import (
    check_images,
    check_padding,
    pair,
    sizes,
    slide,
    window_geometry,
)
from cnn_ext.ops.hints import Array, Size
from cnn_ext.ops.indexing import getitem
from cnn_ext.ops.joining import pad
from cnn_ext.ops.layout import is_channels_first, to_channels_first, to_channels_last
from cnn_ext.ops.shapes import expand_dims, reshape, squeeze


@primitive
def conv2d(x: Array, weight: Array, *, geometry: Geometry) -> Array:
    """y of x (n, h, w, c_in) and weight (kh, kw, c_in / groups, c_out); see `conv`."""
    return _kernels.conv2d_forward(x, weight, geometry)


conv2d.gradients(
    lambda g, y, x, weight, geometry: conv2d_backward_input(g, weight, geometry=geometry),
    lambda g, y, x, weight, geometry: conv2d_backward_weight(x, g, geometry=geometry),
)


@primitive
def conv2d_backward_input(grad_y: Array, weight: Array, *, geometry: Geometry) -> Array:
    """The gradient by x of a conv2d, for the gradient grad_y (n, oh, ow, c_out) by its y."""
    return _kernels.conv2d_backward_input(grad_y, weight, geometry)


conv2d_backward_input.gradients(
    lambda g, y, grad_y, weight, geometry: conv2d(g, weight, geometry=geometry),
    lambda g, y, grad_y, weight, geometry: conv2d_backward_weight(g, grad_y, geometry=geometry),
)


@primitive
def conv2d_backward_weight(x: Array, grad_y: Array, *, geometry: Geometry) -> Array:
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
    check_kernel("conv", x_shape, weight_shape)
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


def check_kernel(what: str, x_shape: Any, weight_shape: Any, rank: int = 2) -> None:
    """An error unless the ranks are those of a convolution of sequences, images or volumes."""
    check_images(what, x_shape, rank)
    if len(weight_shape) != rank + 2:
        axes = "(height, width, " if rank == 2 else f"({rank} axes of the window, "
        raise ValueError(
            f"{what}: expected a kernel of rank {rank + 2}, {axes}channels_in / groups, "
            f"channels_out). Received: shape={tuple(weight_shape)}"
        )


def kernel_rank(x_shape: Any, weight_shape: Any) -> int:
    """1, 2 or 3: how many axes a window slides along, which the ranks of both must agree on."""
    larger = max(len(x_shape), len(weight_shape)) - 2
    return larger if 1 <= larger <= 3 else 2


def conv(
    inputs: Array,
    kernel: Array,
    strides: Size = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Size = 1,
) -> Array:
    """Convolution of sequences, images or volumes, with groups if the kernel has fewer input
    channels (`keras.ops.conv`).

    Args:
        inputs: images (batch, height, width, channels), or (batch, channels, height, width) for
            `data_format="channels_first"`; sequences have one axis less, volumes one more.
        kernel: (height, width, channels / groups, filters), of the inputs' dtype.
        strides: step between windows, in pixels: one integer or one an axis.
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
    inputs, kernel = tensor(inputs), tensor(kernel)
    rank = kernel_rank(inputs.shape, kernel.shape)
    check_kernel("conv", inputs.shape, kernel.shape, rank)
    first = is_channels_first(data_format)
    x = to_channels_last(inputs) if first else inputs
    y = _OF_RANK[rank](
        x, kernel, sizes("strides", strides, rank), check_padding(padding),
        sizes("dilation_rate", dilation_rate, rank),
    )  # fmt: skip
    return to_channels_first(y) if first else y


def _conv_images(x, kernel, strides, padding, dilation):
    geometry = conv_geometry(x.shape, kernel.shape, strides, padding, dilation)
    return conv2d(x, kernel, geometry=geometry)


def _conv_sequences(x, kernel, strides, padding, dilation):
    """As images one pixel high."""
    x, kernel = expand_dims(x, 1), expand_dims(kernel, 0)
    return squeeze(_conv_images(x, kernel, (1, *strides), padding, (1, *dilation)), 1)


def _conv_volumes(x, kernel, strides, padding, dilation):
    """The sum over the window's taps in depth, each a convolution of all slices as images."""
    n, depth, *size = x.shape
    taps, (stride, *strides), (step, *dilation) = kernel.shape[0], strides, dilation
    outputs, before, behind = slide("conv", depth, taps, stride, padding, step)
    if before or behind:
        x = pad(x, pad_width=((0, 0), (before, behind), (0, 0), (0, 0), (0, 0)))
    total: Any = None
    for tap in range(taps):
        slices = slice(tap * step, tap * step + (outputs - 1) * stride + 1, stride)
        images = reshape(getitem(x, index=(slice(None), slices)), (n * outputs, *size))
        y = _conv_images(images, getitem(kernel, index=tap), strides, padding, dilation)
        total = y if total is None else total + y
    return reshape(total, (n, outputs, *total.shape[1:]))


_OF_RANK = {1: _conv_sequences, 2: _conv_images, 3: _conv_volumes}
