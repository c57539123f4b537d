"""The sizes of convolutions and pooling: the one home of padding arithmetic.

SAME and VALID place the padding as TensorFlow does: SAME gives ceil(size / stride) outputs, and the
odd pixel of padding goes to the bottom and right.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

from cnn_ext._kernels import Geometry
from cnn_ext.config import one_of

PADDINGS = ("valid", "same")


def pair(name: str, value: Any) -> tuple[int, int]:
    """A size for height and width, from one integer or two, each at least 1."""
    try:
        if isinstance(value, tuple | list):
            height, width = map(operator.index, value)
        else:
            height = width = operator.index(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be an integer or a pair of integers. Received: {value!r}"
        ) from None
    if height < 1 or width < 1 or isinstance(value, bool):
        raise ValueError(f"{name} must be at least 1. Received: {value!r}")
    return height, width


def check_padding(padding: Any) -> str:
    """`"valid"` or `"same"`, in lower case, or an error."""
    return one_of("padding", padding.lower() if isinstance(padding, str) else padding, PADDINGS)


def output_size(size: int, window: int, stride: int, padding: str, dilation: int, what: str) -> int:
    """Outputs along one axis, or an error with the formula for a window that does not fit."""
    if padding == "same":
        return -(-size // stride)
    reach = (window - 1) * dilation + 1
    if reach > size:
        raise ValueError(
            f"{what}: the window does not fit its input: with padding='valid' the output size is "
            f"(size - (window - 1) * dilation - 1) // stride + 1 = ({size} - ({window} - 1) * "
            f"{dilation} - 1) // {stride} + 1 = {(size - reach) // stride + 1}, and must be at "
            f"least 1. Use a smaller window or padding='same'. Received: size={size}, "
            f"window={window}, strides={stride}, dilation={dilation}"
        )
    return (size - reach) // stride + 1


def padding_before(
    size: int, window: int, stride: int, padding: str, dilation: int, outputs: int
) -> int:
    """Zeros before the first pixel along one axis; SAME has the odd one behind the last."""
    if padding == "valid":
        return 0
    total = (outputs - 1) * stride + (window - 1) * dilation + 1 - size
    return total // 2 if total > 0 else 0


@functools.lru_cache(maxsize=1024)
def window_geometry(
    what: str,
    x_shape: tuple[int, int, int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
    dilation: tuple[int, int],
    c_out: int,
    groups: int,
) -> Geometry:
    """The Geometry of a window sliding over NHWC images; `what` names the operation in errors."""
    n, h, w, c_in = x_shape
    oh = output_size(h, window[0], strides[0], padding, dilation[0], what)
    ow = output_size(w, window[1], strides[1], padding, dilation[1], what)
    return Geometry(
        n=n, h=h, w=w, c_in=c_in, c_out=c_out, kh=window[0], kw=window[1], oh=oh, ow=ow,
        stride_h=strides[0], stride_w=strides[1],
        pad_top=padding_before(h, window[0], strides[0], padding, dilation[0], oh),
        pad_left=padding_before(w, window[1], strides[1], padding, dilation[1], ow),
        dilation_h=dilation[0], dilation_w=dilation[1], groups=groups,
    )  # fmt: skip


def check_images(what: str, shape: tuple[int, ...]) -> None:
    """An error unless the shape is that of a batch of images."""
    if len(shape) != 4:
        hint = " Add the axis of channels: x[..., None]." if len(shape) == 3 else ""
        raise ValueError(
            f"{what}: expected images of rank 4, (batch, height, width, channels).{hint} "
            f"Received: shape={tuple(shape)}"
        )
