"""Convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import config, layers, ops
from cnn_ext.export.activations import activated
from cnn_ext.export.builder import Refused
from cnn_ext.export.value import Order, Value
from cnn_ext.ops.conv_transpose import transposed_size
from cnn_ext.ops.geometry import padding_before, sizes, slide
from cnn_ext.symbolic import Shape


def channels_second(rank: int, data_format: str | None) -> Order:
    """The order of axes in which windows of ONNX slide: samples, channels, pixels."""
    if config.data_format_or_default(data_format) == "channels_first":
        return tuple(range(rank))
    return (0, rank - 1, *range(1, rank - 1))


def pads(
    pixels: Sequence[int | None],
    windows: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
) -> dict[str, Any]:
    """The attribute for Keras's padding, which depends on the sizes if windows leave pixels out."""
    if padding == "valid":
        return {}
    begins, ends = [], []
    for size, window, stride, dilation in zip(pixels, windows, strides, dilations, strict=True):
        reach = (window - 1) * dilation + 1
        if padding == "causal":
            before, behind = reach - 1, 0
        elif size is None and stride > 1:
            if max(dilations) > 1:
                raise Refused("padding='same' with strides and dilation needs known sizes")
            return {"auto_pad": "SAME_UPPER"}
        else:
            _, before, behind = slide("", size or reach, window, stride, "same", dilation)
        begins.append(before)
        ends.append(behind)
    return {"pads": begins + ends}


def convolved(
    low: Any,
    x: Value,
    kernel: np.ndarray,
    bias: Any,
    shape: Shape,
    *,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Value:
    """A convolution by a kernel (.., channels in a group, filters)."""
    order = channels_second(x.rank, data_format)
    count = x.rank - 2
    strides, dilations = sizes("strides", strides, count), sizes("", dilation_rate, count)
    channels = x.shape[order[1]]
    assert channels is not None  # a layer with weights has seen to it
    pixels = [x.shape[axis] for axis in order[2:]]
    windows = kernel.shape[:-2]
    weights = np.moveaxis(kernel, (-1, -2), (0, 1)).astype(x.dtype)
    return low.emit(
        "Conv", low.turned(x, order), weights, *_given(bias, x),
        shape=shape, order=order, kernel_shape=list(windows), strides=list(strides),
        dilations=list(dilations), group=channels // kernel.shape[-2],
        **pads(pixels, windows, strides, padding.lower(), dilations),
    )  # fmt: skip


def _given(bias: Any, x: Value) -> list[np.ndarray]:
    return [] if bias is None else [np.asarray(bias.data, x.dtype)]


def grouped(kernel: np.ndarray) -> np.ndarray:
    """A depthwise kernel (.., channels, multiplier) as that of groups of one channel."""
    return kernel.reshape(*kernel.shape[:-2], 1, -1)


def transposed(
    low: Any,
    x: Value,
    kernel: np.ndarray,
    bias: Any,
    shape: Shape,
    *,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Value:
    """A transposed convolution by a kernel (.., filters, channels).

    How much is cut off its ends does not depend on the size of the inputs.
    """
    order, count = channels_second(x.rank, data_format), x.rank - 2
    strides, dilations = sizes("strides", strides, count), sizes("", dilation_rate, count)
    extras = output_padding
    if not isinstance(extras, tuple | list):
        extras = [extras] * count
    begins, ends, added = [], [], []
    for axis, (window, stride, dilation, extra) in enumerate(
        zip(kernel.shape[:-2], strides, dilations, extras, strict=True)
    ):
        size = x.shape[order[2 + axis]] or 1
        result = transposed_size(size, window, stride, padding, extra, dilation)
        before = padding_before(result, window, stride, padding, dilation, size)
        behind = (size - 1) * stride + (window - 1) * dilation + 1 - before - result
        begins.append(before)
        ends.append(max(behind, 0))
        added.append(max(-behind, 0))
    weights = np.moveaxis(kernel, (-1, -2), (0, 1)).astype(x.dtype)
    return low.emit(
        "ConvTranspose", low.turned(x, order), weights, *_given(bias, x),
        shape=shape, order=order, kernel_shape=list(kernel.shape[:-2]), strides=list(strides),
        dilations=list(dilations), pads=begins + ends, output_padding=added,
    )  # fmt: skip


def _windows(layer: Any) -> dict[str, Any]:
    names = ("strides", "padding", "data_format", "dilation_rate")
    return {name: getattr(layer, name) for name in names}


def _plain(low: Any, layer: Any, x: Value) -> Value:
    shape = layer.compute_output_shape(x.shape)
    y = convolved(low, x, layer.kernel.data, layer.bias, shape, **_windows(layer))
    return activated(low, y, layer.activation)


def _depthwise(low: Any, layer: Any, x: Value) -> Value:
    shape = layer.compute_output_shape(x.shape)
    y = convolved(low, x, grouped(layer.kernel.data), layer.bias, shape, **_windows(layer))
    return activated(low, y, layer.activation)


def separated(low: Any, x: Value, depthwise: Any, pointwise: Any, bias: Any, shape: Shape,
              **windows: Any) -> Value:  # fmt: skip
    """A depthwise convolution, then one by windows of one pixel."""
    order = channels_second(x.rank, windows.get("data_format"))
    between = list(shape)
    between[order[1]] = pointwise.shape[-2]
    x = convolved(low, x, grouped(depthwise), None, tuple(between), **windows)
    return convolved(low, x, pointwise, bias, shape, data_format=windows.get("data_format"))


def _separable(low: Any, layer: Any, x: Value) -> Value:
    shape = layer.compute_output_shape(x.shape)
    kernels = layer.depthwise_kernel.data, layer.pointwise_kernel.data
    y = separated(low, x, *kernels, layer.bias, shape, **_windows(layer))
    return activated(low, y, layer.activation)


def _transposed(low: Any, layer: Any, x: Value) -> Value:
    y = transposed(
        low, x, layer.kernel.data, layer.bias, layer.compute_output_shape(x.shape),
        output_padding=layer.output_padding, **_windows(layer),
    )  # fmt: skip
    return activated(low, y, layer.activation)


def _dense(low: Any, layer: Any, x: Value) -> Value:
    x, shape = low.plain(x), (*x.shape[:-1], layer.units)
    if x.rank == 2:
        y = low.emit("Gemm", x, layer.kernel.data, *_given(layer.bias, x), shape=shape)
    else:
        y = low.emit("MatMul", x, layer.kernel.data, shape=shape)
        y = y if layer.bias is None else y + layer.bias.data
    return activated(low, y, layer.activation)


def _constant(kernel: Any) -> np.ndarray:
    if isinstance(kernel, Value):
        raise Refused("its kernel must be a constant or a Variable")
    return np.asarray(getattr(kernel, "data", kernel))


def _conv(low: Any, inputs: Value, kernel: Any, strides: Any = 1, padding: str = "valid",
          data_format: Any = None, dilation_rate: Any = 1) -> Value:  # fmt: skip
    return convolved(
        low, inputs, _constant(kernel), None, low.spec().shape, strides=strides, padding=padding,
        data_format=data_format, dilation_rate=dilation_rate,
    )  # fmt: skip


def _depthwise_conv(low: Any, inputs: Value, kernel: Any, *windows: Any, **named: Any) -> Value:
    return _conv(low, inputs, grouped(_constant(kernel)), *windows, **named)


def _separable_conv(low: Any, inputs: Value, depthwise_kernel: Any, pointwise_kernel: Any,
                    **windows: Any) -> Value:  # fmt: skip
    kernels = _constant(depthwise_kernel), _constant(pointwise_kernel)
    return separated(low, inputs, *kernels, None, low.spec().shape, **windows)


def _conv_transpose(low: Any, inputs: Value, kernel: Any, **windows: Any) -> Value:
    return transposed(low, inputs, _constant(kernel), None, low.spec().shape, **windows)


LAYERS = {
    layers.Conv1D: _plain,
    layers.Conv2D: _plain,
    layers.Conv3D: _plain,
    layers.DepthwiseConv1D: _depthwise,
    layers.DepthwiseConv2D: _depthwise,
    layers.SeparableConv1D: _separable,
    layers.SeparableConv2D: _separable,
    layers.Conv1DTranspose: _transposed,
    layers.Conv2DTranspose: _transposed,
    layers.Conv3DTranspose: _transposed,
    layers.Dense: _dense,
}
FUNCTIONS = {
    ops.conv: _conv,
    ops.depthwise_conv: _depthwise_conv,
    ops.separable_conv: _separable_conv,
    ops.conv_transpose: _conv_transpose,
}
