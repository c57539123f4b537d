"""Transposed convolution: the gradient by its input of the convolution that it undoes."""

from __future__ import annotations

from typing import Any

from cnn_ext._kernels import Geometry
from cnn_ext.ops.conv import check_kernel, conv2d_backward_input, kernel_rank
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.geometry import check_padding, padding_before, sizes
from cnn_ext.ops.hints import Array, Size
from cnn_ext.ops.indexing import getitem, scatter_add
from cnn_ext.ops.layout import is_channels_first, to_channels_first, to_channels_last
from cnn_ext.ops.shapes import expand_dims, reshape, squeeze


def conv_transpose(
    inputs: Array,
    kernel: Array,
    strides: Size = 1,
    padding: str = "valid",
    output_padding: Size | None = None,
    data_format: str | None = None,
    dilation_rate: Size = 1,
) -> Array:
    """Transposed convolution of sequences, images or volumes (`keras.ops.conv_transpose`).

    Args:
        inputs: images (batch, height, width, channels), or channels first; sequences have one
            axis less, volumes one more.
        kernel: (height, width, filters, channels).
        strides: how many pixels of the result there are to one of the inputs.
        padding: that of the convolution which is undone, `"valid"` or `"same"`.
        output_padding: how much longer than the shortest possible the result is, in pixels: one
            integer or one an axis, less than the strides; None gives size * strides for "same"
            and (size - 1) * strides + max(window, strides) for "valid".
        data_format: layout of inputs and result; None is `config.image_data_format()`.
        dilation_rate: step between the taps of a window, in pixels.

    Returns:
        Array or Tensor (batch, out_height, out_width, filters), in the same layout.

    >>> import numpy as np
    >>> x, kernel = np.ones((1, 3, 3, 2), "float32"), np.ones((2, 2, 5, 2), "float32")
    >>> conv_transpose(x, kernel, strides=2).shape
    (1, 6, 6, 5)
    """
    inputs, kernel = tensor(inputs), tensor(kernel)
    rank = kernel_rank(inputs.shape, kernel.shape)
    check_kernel("conv_transpose", inputs.shape, kernel.shape, rank)
    first = is_channels_first(data_format)
    x = to_channels_last(inputs) if first else inputs
    if x.shape[-1] != kernel.shape[-1]:
        raise ValueError(
            "The number of input channels must match the kernel's input channels, its last axis. "
            f"Received: input shape={tuple(inputs.shape)}, kernel shape={tuple(kernel.shape)}"
        )
    axes = _axes(
        x.shape[1:-1], kernel.shape[:-2], sizes("strides", strides, rank), check_padding(padding),
        _extra(output_padding, rank), sizes("dilation_rate", dilation_rate, rank),
    )  # fmt: skip
    y = _OF_RANK[rank](x, kernel, axes)
    return to_channels_first(y) if first else y


def transposed_size(
    size: int, window: int, stride: int, padding: str, extra: int | None, dilation: int = 1
) -> int:
    """The length of the result along one axis; `extra` is the output padding."""
    reach = (window - 1) * dilation + 1
    if padding == "valid":
        extra = max(stride - reach, 0) if extra is None else extra
        return (size - 1) * stride + reach + extra
    return size * stride if extra is None else (size - 1) * stride + reach % 2 + extra


def _extra(output_padding: Any, rank: int) -> tuple[int | None, ...]:
    if output_padding is None or isinstance(output_padding, int):
        return (output_padding,) * rank
    if len(output_padding) != rank:
        raise ValueError(
            f"output_padding must be an integer or {rank} integers. Received: {output_padding!r}"
        )
    return tuple(output_padding)


def _axes(lengths, windows, strides, padding, extras, dilations):
    """Along each axis: the result's size, the inputs' number, the window, and how it slides."""
    found = []
    for size, window, stride, extra, dilation in zip(
        lengths, windows, strides, extras, dilations, strict=True
    ):
        result = transposed_size(size, window, stride, padding, extra, dilation)
        reach = (window - 1) * dilation + 1
        fitting = -(-result // stride) if padding == "same" else (result - reach) // stride + 1
        if fitting != size:
            raise ValueError(
                "conv_transpose: output_padding does not fit: a convolution of the result, "
                f"{result} pixels, would give {fitting} pixels and not the {size} of the inputs. "
                f"Received: output_padding={extra}, strides={stride}, window={window}, "
                f"dilation_rate={dilation}, padding={padding!r}"
            )
        before = padding_before(result, window, stride, padding, dilation, size)
        found.append({"size": result, "inputs": size, "window": window, "stride": stride,
                      "before": before, "dilation": dilation})  # fmt: skip
    return found


def _transpose_images(x, kernel, axes):
    high, wide = axes
    geometry = Geometry(
        n=x.shape[0], h=high["size"], w=wide["size"], c_in=kernel.shape[-2], c_out=x.shape[-1],
        kh=high["window"], kw=wide["window"], oh=high["inputs"], ow=wide["inputs"],
        stride_h=high["stride"], stride_w=wide["stride"], pad_top=high["before"],
        pad_left=wide["before"], dilation_h=high["dilation"], dilation_w=wide["dilation"],
    )  # fmt: skip
    return conv2d_backward_input(x, kernel, geometry=geometry)


def _transpose_sequences(x, kernel, axes):
    """As images one pixel high."""
    one = {"size": 1, "inputs": 1, "window": 1, "stride": 1, "before": 0, "dilation": 1}
    y = _transpose_images(expand_dims(x, 1), expand_dims(kernel, 0), [one, *axes])
    return squeeze(y, 1)


def _transpose_volumes(x, kernel, axes):
    """The sum over the window's taps in depth, each laid where it meets the result."""
    n, depth, *size = x.shape
    deep, *flat = axes
    images = reshape(x, newshape=(n * depth, *size))
    stride, step = deep["stride"], deep["dilation"]
    reach = (depth - 1) * stride + (deep["window"] - 1) * step + 1
    length = max(reach, deep["before"] + deep["size"])
    total = None
    for tap in range(deep["window"]):
        y = _transpose_images(images, getitem(kernel, index=tap), flat)
        y = reshape(y, newshape=(n, depth, *y.shape[1:]))
        slices = slice(tap * step, tap * step + (depth - 1) * stride + 1, stride)
        y = scatter_add(y, index=(slice(None), slices), shape=(n, length, *y.shape[2:]))
        total = y if total is None else total + y
    kept = slice(deep["before"], deep["before"] + deep["size"])
    return getitem(total, index=(slice(None), kept))


_OF_RANK = {1: _transpose_sequences, 2: _transpose_images, 3: _transpose_volumes}
