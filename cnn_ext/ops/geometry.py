"""The sizes of convolutions and pooling: the one home of padding arithmetic.

SAME and VALID place the padding as TensorFlow does: SAME gives ceil(size / stride) outputs, and the
odd pixel of padding goes to the bottom and right.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

from cnn_ext._errors import did_you_mean
from cnn_ext._kernels import Geometry

PADDINGS = ("valid", "same")


def sizes(name: str, value: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """A size for each axis, from one integer or a tuple of `count`, each at least `least`."""
    try:
        if isinstance(value, tuple | list):
            numbers = tuple(map(operator.index, value))
            if len(numbers) != count:
                raise ValueError
        else:
            numbers = (operator.index(value),) * count
    except (TypeError, ValueError):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {count} integers, or one integer for all. "
            f"Received: {name}={value!r}"
        ) from None
    if min(numbers) < least or isinstance(value, bool):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {count} integers, each at least "
            f"{least}. Received: {name}={value!r}"
        )
    return numbers


def pair(name: str, value: Any) -> tuple[int, int]:
    """A size for height and width, from one integer or two, each at least 1."""
    height, width = sizes(name, value, 2)
    return height, width


def check_padding(padding: Any, choices: tuple[str, ...] = PADDINGS) -> str:
    """One of the choices, in lower case, or an error."""
    given = padding.lower() if isinstance(padding, str) else padding
    if given not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(
            f"The `padding` argument must be a list/tuple or one of {{{known}}}"
            f"{did_you_mean(given, choices) or '.'} Received: {padding}"
        )
    return given


def output_size(size: int, window: int, stride: int, padding: str, dilation: int, what: str) -> int:
    """Outputs along one axis, or an error with the formula for a window that does not fit."""
    if padding == "same":
        return -(-size // stride)
    reach = (window - 1) * dilation + 1
    if reach > size:
        raise ValueError(
            "Computed output size would be zero or negative. "
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


_AXES = {
    1: ("sequences", "(batch, steps, channels)"),
    2: ("images", "(batch, height, width, channels)"),
    3: ("volumes", "(batch, depth, height, width, channels)"),
}


def check_images(what: str, shape: tuple[int, ...], rank: int = 2) -> None:
    """An error unless the shape is that of a batch of sequences, images or volumes."""
    if len(shape) != rank + 2:
        noun, axes = _AXES[rank]
        hint = " Add the axis of channels: x[..., None]." if len(shape) == rank + 1 else ""
        raise ValueError(
            f"{what}: expected {noun} of rank {rank + 2}, {axes}.{hint} "
            f"Received: shape={tuple(shape)}"
        )


def spatial_rank(what: str, shape: tuple[int, ...]) -> int:
    """1, 2 or 3 for a batch of sequences, images or volumes."""
    if not 3 <= len(shape) <= 5:
        raise ValueError(
            f"{what}: expected inputs of rank 3, 4 or 5: sequences, images or volumes, with an "
            f"axis of samples and one of channels. Received: shape={tuple(shape)}"
        )
    return len(shape) - 2


def slide(
    what: str, size: int, window: int, stride: int, padding: str, dilation: int
) -> tuple[int, int, int]:
    """Outputs along one axis, and the padding before and behind it."""
    outputs = output_size(size, window, stride, padding, dilation, what)
    before = padding_before(size, window, stride, padding, dilation, outputs)
    reach = (outputs - 1) * stride + (window - 1) * dilation + 1
    return outputs, before, max(0, reach - size - before)
