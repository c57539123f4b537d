"""Pooling: the gradient of a maximum is a scatter, whose gradient is a gather."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext._kernels import Geometry
from cnn_ext.autograd import primitive, remember
from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.geometry import (
    check_images,
    check_padding,
    pair,
    sizes,
    spatial_rank,
    window_geometry,
)
from cnn_ext.ops.hints import Array, Size
from cnn_ext.ops.layout import is_channels_first, to_channels_first, to_channels_last
from cnn_ext.ops.shapes import expand_dims, reshape, squeeze


@primitive
def max_pool2d(x: Array, *, geometry: Geometry) -> Array:
    """The maximum over each window of x (n, h, w, c); see `max_pool`."""
    y, argmax = _kernels.max_pool2d_forward(x, geometry)
    return remember(y, argmax=argmax)


max_pool2d.gradients(
    lambda g, y, x, geometry, argmax: max_pool2d_backward(g, argmax=argmax, geometry=geometry)
)


@primitive
def max_pool2d_backward(grad_y: Array, *, argmax: np.ndarray, geometry: Geometry) -> Array:
    """Scatter: each element of grad_y (n, oh, ow, c) added where its window's maximum was."""
    return _kernels.max_pool2d_backward(grad_y, argmax, geometry)


max_pool2d_backward.gradients(
    lambda g, y, grad_y, argmax, geometry: max_pool2d_gather(g, argmax=argmax, geometry=geometry)
)


@primitive
def max_pool2d_gather(x: Array, *, argmax: np.ndarray, geometry: Geometry) -> Array:
    """Gather: the elements of x (n, h, w, c) where each window's maximum was."""
    return _kernels.max_pool2d_gather(x, argmax, geometry)


max_pool2d_gather.gradients(
    lambda g, y, x, argmax, geometry: max_pool2d_backward(g, argmax=argmax, geometry=geometry)
)


@primitive
def average_pool2d(x: Array, *, geometry: Geometry) -> Array:
    """The mean over each window of x (n, h, w, c); see `average_pool`."""
    return _kernels.average_pool2d_forward(x, geometry)


average_pool2d.gradients(lambda g, y, x, geometry: average_pool2d_backward(g, geometry=geometry))


@primitive
def average_pool2d_backward(grad_y: Array, *, geometry: Geometry) -> Array:
    """Each element of grad_y (n, oh, ow, c) spread evenly over its window."""
    return _kernels.average_pool2d_backward(grad_y, geometry)


average_pool2d_backward.gradients(
    lambda g, y, grad_y, geometry: average_pool2d(g, geometry=geometry)
)


def pool_geometry(
    x_shape: Any, pool_size: Any, strides: Any = None, padding: str = "valid"
) -> _kernels.Geometry:
    """The Geometry of pooling NHWC images; strides are the pool size if None."""
    check_images("pooling", x_shape)
    window = pair("pool_size", pool_size)
    steps = window if strides is None else pair("strides", strides)
    channels = x_shape[-1]
    return window_geometry(
        "pooling", tuple(x_shape), window, steps, check_padding(padding), (1, 1), channels,
        max(channels, 1),
    )  # fmt: skip


def _pool(operation, inputs, pool_size, strides, padding, data_format):
    inputs = tensor(inputs)
    rank = spatial_rank("pooling", inputs.shape)
    window = sizes("pool_size", pool_size, rank)
    steps = window if strides is None else sizes("strides", strides, rank)
    first = is_channels_first(data_format)
    x = to_channels_last(inputs) if first else inputs
    y = _OF_RANK[rank](operation, x, window, steps, padding)
    return to_channels_first(y) if first else y


def _pool_images(operation, x, window, strides, padding):
    return operation(x, geometry=pool_geometry(x.shape, window, strides, padding))


def _pool_sequences(operation, x, window, strides, padding):
    """As images one pixel high."""
    y = _pool_images(operation, expand_dims(x, 1), (1, *window), (1, *strides), padding)
    return squeeze(y, 1)


def _pool_volumes(operation, x, window, strides, padding):
    """First each slice, then along depth; of what is padding, neither step counts any."""
    n, depth, *size = x.shape
    slices = reshape(x, newshape=(n * depth, *size))
    y = _pool_images(operation, slices, window[1:], strides[1:], padding)
    _, height, width, channels = y.shape
    columns = reshape(y, newshape=(n, depth, height * width, channels))
    y = _pool_images(operation, columns, (window[0], 1), (strides[0], 1), padding)
    return reshape(y, newshape=(n, y.shape[1], height, width, channels))


_OF_RANK = {1: _pool_sequences, 2: _pool_images, 3: _pool_volumes}


def max_pool(
    inputs: Array,
    pool_size: Size,
    strides: Size | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Maximum over windows (`keras.ops.max_pool`); padding never wins, the first of equals does.

    Args:
        inputs: images (batch, height, width, channels), or (batch, channels, height, width) for
            `data_format="channels_first"`; sequences have one axis less, volumes one more.
        pool_size: the window in pixels: one integer or one an axis.
        strides: step between windows; the pool size if None.
        padding: `"valid"` or `"same"`.
        data_format: layout of inputs and result; None is `config.image_data_format()`.

    Returns:
        Array or Tensor (batch, out_height, out_width, channels), in the same layout.

    >>> import numpy as np
    >>> max_pool(np.arange(4.0).reshape(1, 2, 2, 1), 2).item()
    3.0
    """
    return _pool(max_pool2d, inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Array,
    pool_size: Size,
    strides: Size | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Mean over windows (`keras.ops.average_pool`); padding does not count.

    Arguments and result are those of `max_pool`.

    >>> import numpy as np
    >>> average_pool(np.arange(4.0).reshape(1, 2, 2, 1), 2).item()
    1.5
    """
    return _pool(average_pool2d, inputs, pool_size, strides, padding, data_format)
