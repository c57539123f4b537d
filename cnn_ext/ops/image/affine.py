"""Images turned, moved, sheared and zoomed: each new pixel is read where it came from."""

from __future__ import annotations

import numpy as np

from cnn_ext.autograd import as_array
from cnn_ext.config import one_of
from cnn_ext.ops.dtypes import floats, tensor
from cnn_ext.ops.elementwise import cast, where
from cnn_ext.ops.hints import Array
from cnn_ext.ops.image.layout import channels_back, channels_to_last, check_rank
from cnn_ext.ops.indexing import getitem
from cnn_ext.ops.shapes import reshape

INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "nearest", "wrap", "reflect")


def affine_transform(
    images: Array,
    transform: Array,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: Array = 0,
    data_format: str | None = None,
) -> Array:
    """Images whose pixel (x, y) comes from another place (`keras.ops.image.affine_transform`).

    Args:
        images: (height, width, channels) or a batch, or channels first. Gradients pass to them.
        transform: eight numbers a0, a1, a2, b0, b1, b2, c0, c1, or eight for each image: pixel
            (x, y) comes from ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k), where
            k = c0 x + c1 y + 1, in pixels.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what lies outside: `"constant"` (fill_value), `"nearest"` (the edge),
            `"reflect"` (the image mirrored) or `"wrap"` (the image again).
        fill_value: the number outside for `"constant"`.
        data_format: layout of images and result; None is `config.image_data_format()`.

    >>> import numpy as np
    >>> left = np.array([1.0, 0, 1, 0, 1, 0, 0, 0])
    >>> affine_transform(np.arange(3.0).reshape(1, 3, 1), left)[0, :, 0]
    array([1., 2., 0.])
    """
    one_of("interpolation", interpolation, INTERPOLATIONS)
    one_of("fill_mode", fill_mode, FILL_MODES)
    images, numbers = tensor(images), as_array(transform).astype(np.float32)
    check_rank(images)
    if numbers.ndim not in (1, 2) or numbers.shape[-1] != 8:
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of "
            f"transforms), of 8 numbers each. Received: transform.shape={numbers.shape}"
        )
    x = channels_to_last(images, data_format)
    single = len(x.shape) == 3
    if single:
        x = reshape(x, newshape=(1, *x.shape))
    if numbers.ndim == 2 and numbers.shape[0] not in (1, x.shape[0]):
        raise ValueError(
            "affine_transform: one transform for all images or one for each is expected. "
            f"Received: transform.shape={numbers.shape} for {x.shape[0]} images"
        )
    columns, rows = (
        _inside(places, size, fill_mode)
        for places, size in zip(_places(numbers, x.shape), (x.shape[2], x.shape[1]), strict=True)
    )
    y = _READERS[interpolation](x, rows, columns, fill_value)
    y = cast(reshape(y, newshape=y.shape[1:]) if single else y, dtype=images.dtype)
    return channels_back(y, data_format)


def _places(numbers, shape):
    """Where each pixel comes from: columns and rows, (batch or 1, height, width)."""
    a0, a1, a2, b0, b1, b2, c0, c1 = numbers.reshape(-1, 8).T[:, :, None, None]
    y, x = np.mgrid[: shape[1], : shape[2]].astype(np.float32)
    k = c0 * x + c1 * y + np.float32(1)
    with np.errstate(divide="ignore", invalid="ignore"):  # k = 0 comes from nowhere
        found = (a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k
    return tuple(np.nan_to_num(f, nan=-1e9, posinf=1e9, neginf=-1e9) for f in found)


def _inside(places, size, fill_mode):
    """Places outside, moved to where the fill mode finds their colour."""
    if fill_mode == "constant":
        return places
    if size > 1 and fill_mode == "reflect":
        places = np.mod(places, np.float32(2 * size))
        places = np.where(places > size - 1, _mirrored(places, size), places)
    elif size > 1 and fill_mode == "wrap":
        around = np.float32(size)
        back = places + around * (np.trunc(-places / np.float32(size - 1)) + 1)
        forth = places - around * np.trunc(places / np.float32(size - 1))
        places = np.where(places < 0, back, np.where(places > size - 1, forth, places))
    return np.clip(places, 0, size - 1)


def _mirrored(places, size):
    return np.where(places >= size, np.float32(2 * size - 1) - places, places)


def _read(x, rows, columns, fill_value):
    """The colours of whole pixels, fill_value outside."""
    n, height, width, channels = x.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    image = np.arange(n)[:, None, None] * (height * width)
    safe = np.where(inside, rows * width + columns, 0).astype(np.int64)
    y = getitem(reshape(x, newshape=(n * height * width, channels)), index=image + safe)
    return where(inside[..., None], y, fill_value)


def _read_nearest(x, rows, columns, fill_value):
    half = np.float32(0.5)
    row, column = (np.copysign(np.floor(np.abs(p) + half), p) for p in (rows, columns))
    return _read(x, row, column, fill_value)


def _read_bilinear(x, rows, columns, fill_value):
    x = floats(x)
    top, left = np.floor(rows), np.floor(columns)
    total = None
    for down in (0, 1):
        high = (rows - top) if down else (top + 1 - rows)
        for right in (0, 1):
            wide = (columns - left) if right else (left + 1 - columns)
            share = (high * wide).astype(x.dtype)[..., None]
            part = _read(x, top + down, left + right, fill_value) * share
            total = part if total is None else total + part
    return total


_READERS = {"nearest": _read_nearest, "bilinear": _read_bilinear}
