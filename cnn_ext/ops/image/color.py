"""Colours: grey, and hue, saturation and value."""

from __future__ import annotations

from cnn_ext.ops.dtypes import floats, tensor
from cnn_ext.ops.elementwise import absolute, cast, clip, where
from cnn_ext.ops.hints import Array
from cnn_ext.ops.image.layout import (
    axes_of_images,
    channels_back,
    channels_to_last,
    check_rank,
)
from cnn_ext.ops.indexing import getitem
from cnn_ext.ops.joining import stack
from cnn_ext.ops.reduction import max, min
from cnn_ext.ops.shapes import reshape

GREY = (0.2989, 0.5870, 0.1140)  # how bright red, green and blue seem


def rgb_to_grayscale(images: Array, data_format: str | None = None) -> Array:
    """The brightness of colours (`keras.ops.image.rgb_to_grayscale`).

    images: (height, width, 3) or a batch, or channels first; grey ones stay as they are. Returns
    the same shape with one channel.

    >>> import numpy as np
    >>> rgb_to_grayscale(np.ones((2, 2, 3), "float32")).shape
    (2, 2, 1)
    """
    images = tensor(images)
    check_rank(images)
    axis = axes_of_images(images, data_format)[2]
    if images.shape[axis] not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received: images.shape={tuple(images.shape)}"
        )
    if images.shape[axis] == 1:
        return reshape(images, newshape=images.shape)
    colours = floats(images)
    before = (slice(None),) * axis
    parts = [getitem(colours, index=(*before, slice(i, i + 1))) * GREY[i] for i in range(3)]
    return cast(parts[0] + parts[1] + parts[2], dtype=images.dtype)


def _channels(images, data_format):
    images = tensor(images)
    check_rank(images)
    if images.dtype.kind != "f":
        raise ValueError(
            f"Invalid images dtype: expected float dtype. Received: images.dtype={images.dtype}"
        )
    last = channels_to_last(images, data_format)
    if last.shape[-1] != 3:
        raise ValueError(
            f"Invalid channel size: expected 3. Received: images.shape={tuple(images.shape)}"
        )
    return [getitem(last, index=(..., i)) for i in range(3)]


def rgb_to_hsv(images: Array, data_format: str | None = None) -> Array:
    """Hue, saturation and value of colours from 0 to 1 (`keras.ops.image.rgb_to_hsv`).

    >>> import numpy as np
    >>> rgb_to_hsv(np.array([[[0.0, 1.0, 0.0]]])).round(4)
    array([[[0.3333, 1.    , 1.    ]]])
    """
    red, green, blue = _channels(images, data_format)
    colours = stack([red, green, blue], axis=-1)
    value = max(colours, axis=-1)
    span = value - min(colours, axis=-1)
    saturation = where(value > 0, span / where(value > 0, value, 1.0), 0.0)
    part = 1.0 / (where(span > 0, span, 1.0) * 6.0)
    from_green = (blue - red) * part + 2 / 6
    from_blue = (red - green) * part + 4 / 6
    hue = where(red == value, (green - blue) * part, where(green == value, from_green, from_blue))
    hue = where(span > 0, hue, 0.0)
    hue = where(hue < 0, hue + 1.0, hue)
    return channels_back(stack([hue, saturation, value], axis=-1), data_format)


def hsv_to_rgb(images: Array, data_format: str | None = None) -> Array:
    """Red, green and blue of hue, saturation and value from 0 to 1 (`keras.ops.image.hsv_to_rgb`).

    >>> import numpy as np
    >>> hsv_to_rgb(np.array([[[0.5, 1.0, 0.8]]]))
    array([[[0. , 0.8, 0.8]]])
    """
    hue, saturation, value = _channels(images, data_format)
    sixths = hue * 6.0
    shares = [
        absolute(sixths - 3.0) - 1.0, 2.0 - absolute(sixths - 2.0), 2.0 - absolute(sixths - 4.0)
    ]  # fmt: skip
    colours = [
        (1.0 - saturation + saturation * clip(share, x_min=0.0, x_max=1.0)) * value
        for share in shares
    ]
    return channels_back(stack(colours, axis=-1), data_format)
