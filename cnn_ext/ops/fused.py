"""Convolution, bias, ReLU and max-pooling in one: what lies between them is never written.

Of each window a byte is kept, `code`: which pixel was its maximum, or that it is dead, not
positive. With it held, the gradients by x and weight are bilinear, as those of conv2d are.
"""

from __future__ import annotations

import numpy as np

from cnn_ext import _kernels
from cnn_ext._kernels import Geometry
from cnn_ext.autograd import as_array, primitive, remember
from cnn_ext.ops.conv import conv2d, conv_geometry
from cnn_ext.ops.elementwise import column_sum, relu_backward
from cnn_ext.ops.geometry import pair
from cnn_ext.ops.hints import Array, Size
from cnn_ext.ops.pooling import max_pool2d_gather, pool_geometry

DEAD = 255


@primitive
def conv2d_relu_pool(
    x: Array, weight: Array, bias: Array, *, geometry: Geometry, window: tuple[int, int]
) -> Array:
    """max_pool2d of relu(conv2d(x, weight) + bias), windows side by side; `conv_relu_max_pool`."""
    y, code = _kernels.conv2d_relu_pool_forward(x, weight, bias, geometry, *window)
    return remember(y, code=code)


conv2d_relu_pool.gradients(
    lambda g, y, x, weight, bias, **held: conv2d_relu_pool_backward_input(g, weight, **held),
    lambda g, y, x, weight, bias, **held: conv2d_relu_pool_backward_weight(x, g, **held),
    lambda g, y, x, weight, bias, **held: column_sum(relu_backward(g, y=as_array(y))),
)


@primitive
def conv2d_relu_pool_backward_input(
    grad_y: Array, weight: Array, *, code: np.ndarray, geometry: Geometry, window: tuple[int, int]
) -> Array:
    """The gradient by x of a conv2d_relu_pool, for the gradient grad_y by its y."""
    return _kernels.conv2d_relu_pool_backward_input(grad_y, code, weight, geometry, *window)


conv2d_relu_pool_backward_input.gradients(
    lambda g, y, grad_y, weight, **held: _conv2d_at_maxima(g, weight, **held),
    lambda g, y, grad_y, weight, **held: conv2d_relu_pool_backward_weight(g, grad_y, **held),
)


@primitive
def conv2d_relu_pool_backward_weight(
    x: Array, grad_y: Array, *, code: np.ndarray, geometry: Geometry, window: tuple[int, int]
) -> Array:
    """The gradient by weight of a conv2d_relu_pool, for the gradient grad_y by its y."""
    return _kernels.conv2d_relu_pool_backward_weight(x, grad_y, code, geometry, *window)


conv2d_relu_pool_backward_weight.gradients(
    lambda g, y, x, grad_y, **held: conv2d_relu_pool_backward_input(grad_y, g, **held),
    lambda g, y, x, grad_y, **held: _conv2d_at_maxima(x, g, **held),
)


def _conv2d_at_maxima(x, weight, *, code, geometry, window):
    """conv2d where each window's maximum was, 0 where that was dead."""
    alive = code != DEAD
    y = max_pool2d_gather(
        conv2d(x, weight, geometry=geometry),
        argmax=np.where(alive, code, 0).astype(np.int32),
        geometry=pool_geometry(geometry.y_shape, window),
    )
    return relu_backward(y, y=alive)


def conv_relu_max_pool(
    inputs: Array,
    kernel: Array,
    bias: Array,
    pool_size: Size = 2,
    strides: Size = 1,
    padding: str = "valid",
    dilation_rate: Size = 1,
) -> Array:
    """`max_pool(relu(conv(inputs, kernel, strides, padding) + bias), pool_size)` in one.

    The same numbers, forward and backward, in less time and memory than the parts take.

    Args:
        inputs: images (batch, height, width, channels).
        kernel: (height, width, channels / groups, filters), of the inputs' dtype.
        bias: (filters,), of the same dtype.
        pool_size: the pooling window, and the step between windows, in pixels of the convolution:
            one integer or (height, width), of at most 255 pixels in all. Pixels at the bottom and
            right that fill no window are left out.
        strides: step between the convolution's windows, in pixels: one integer or (height, width).
        padding: the convolution's, `"valid"` or `"same"`.
        dilation_rate: step between the taps of the convolution's window, in pixels.

    Returns:
        Array or Tensor (batch, out_height // pool_height, out_width // pool_width, filters), where
        (out_height, out_width) is the size of the convolution's result.

    Raises:
        ValueError: for wrong ranks and shapes, channels that do not match, or a window that does
            not fit.
        TypeError: for two dtypes.

    >>> import numpy as np
    >>> x, kernel = np.ones((1, 6, 6, 1), "float32"), np.ones((3, 3, 1, 2), "float32")
    >>> conv_relu_max_pool(x, kernel, np.array([1, -10], "float32"))[0, 0]
    array([[10.,  0.],
           [10.,  0.]], dtype=float32)
    """
    geometry = conv_geometry(inputs.shape, kernel.shape, strides, padding, dilation_rate)
    window = pair("pool_size", pool_size)
    pool_geometry(geometry.y_shape, window)  # which says, if the window does not fit, what would
    return conv2d_relu_pool(inputs, kernel, bias, geometry=geometry, window=window)
