"""Resizing: along each axis a matrix, whose rows say what each new pixel is made of."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from cnn_ext.config import one_of
from cnn_ext.ops.dtypes import floats, tensor
from cnn_ext.ops.elementwise import clip
from cnn_ext.ops.hints import Array
from cnn_ext.ops.image.layout import channels_back, channels_to_last, check_rank
from cnn_ext.ops.indexing import getitem
from cnn_ext.ops.joining import pad
from cnn_ext.ops.linalg import along_axis
from cnn_ext.ops.rounding import round
from cnn_ext.ops.shapes import reshape

INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic", "area")


def resize(
    images: Array,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: Array = 0.0,
    data_format: str | None = None,
) -> Array:
    """Images of another size (`keras.ops.image.resize`).

    Args:
        images: (height, width, channels) or a batch, or channels first.
        size: the new (height, width) in pixels.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5" or "area".
        antialias: whether pixels that are made smaller are averaged.
        crop_to_aspect_ratio: cut off what does not fit the new shape, so that nothing is distorted.
        pad_to_aspect_ratio: put margins of `fill_value` around instead.
        fill_mode: `"constant"`.
        data_format: layout of images and result; None is `config.image_data_format()`.

    Returns:
        Array or Tensor of the images' dtype and layout; integers are rounded.

    >>> import numpy as np
    >>> resize(np.arange(4.0).reshape(2, 2, 1), (2, 4))[0, :, 0]
    array([0.  , 0.25, 0.75, 1.  ])
    """
    images, interpolation = tensor(images), one_of("interpolation", interpolation, INTERPOLATIONS)
    _check(images, size, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode)
    x = channels_to_last(images, data_format)
    high = len(x.shape) - 3
    if crop_to_aspect_ratio:
        x = _cropped(x, size)
    elif pad_to_aspect_ratio:
        x = _framed(x, size, fill_value)
    if interpolation == "nearest":
        for axis, target in zip((high, high + 1), size, strict=True):
            x = getitem(x, index=(slice(None),) * axis + (_nearest(x.shape[axis], target),))
        return channels_back(x, data_format)
    x = floats(x)
    for axis, target in zip((high, high + 1), size, strict=True):
        if x.shape[axis] != target:
            matrix = _matrix(x.shape[axis], int(target), interpolation, bool(antialias))
            x = along_axis(matrix.astype(x.dtype), x, axis)
    x = reshape(x, newshape=x.shape) if x is images else x
    if images.dtype.kind in "iu":
        limits = np.iinfo(images.dtype)
        x = clip(round(x), x_min=limits.min, x_max=limits.max).astype(images.dtype)
    return channels_back(x, data_format)


def _check(images, size, crop, frame, fill_mode):
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers. Received: size={size}")
    if min(size) <= 0:
        raise ValueError(f"`size` must have positive height and width. Received: size={size}")
    check_rank(images)
    if crop and frame:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`. "
            "Received: True for both"
        )
    if fill_mode != "constant":
        raise ValueError(
            "Invalid value for argument `fill_mode`. Only `'constant'` is supported. "
            f"Received: fill_mode={fill_mode}"
        )


def _cropped(x, size):
    """The largest middle part of images with the shape of `size`."""
    height, width = x.shape[-3:-1]
    kept = (int(width * size[0] / size[1]), int(height * size[1] / size[0]))
    index = [slice(None)] * len(x.shape)
    for axis, n, k in zip((-3, -2), (height, width), kept, strict=True):
        k = max(1, min(n, k))
        index[axis] = slice((n - k) // 2, (n - k) // 2 + k)
    return getitem(x, index=tuple(index))


def _framed(x, size, fill_value):
    """Images with margins, as many pixels on each side, so that they have the shape of `size`."""
    height, width = x.shape[-3:-1]
    wanted = (int(width * size[0] / size[1]), int(height * size[1] / size[0]))
    margins = [max(0, k - n) // 2 for n, k in zip((height, width), wanted, strict=True)]
    around = [(0, 0)] * (len(x.shape) - 3) + [(m, m) for m in margins] + [(0, 0)]
    return pad(x, around, constant_values=fill_value)


def _nearest(size: int, target: int) -> np.ndarray:
    """The pixel that each new pixel's middle lies in; in float32, whose rounding decides ties."""
    scale = np.float32(size) / np.float32(target)
    middles = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * scale
    return np.minimum(np.floor(middles).astype(np.int64), size - 1)


@functools.lru_cache(maxsize=64)
def _matrix(size: int, target: int, interpolation: str, antialias: bool) -> np.ndarray:
    """(target, size): the weights of the pixels in each new pixel."""
    if interpolation == "area":
        return _overlaps(size, target)
    if interpolation == "bicubic" and not antialias:
        return _table_cubic(size, target)
    reach, kernel = _KERNELS[interpolation]
    scale = size / target
    wider = max(scale, 1.0) if antialias else 1.0
    middles = (np.arange(target) + 0.5) * scale
    distance = np.abs(np.arange(size) + 0.5 - middles[:, None]) / wider
    if interpolation == "bilinear" and not antialias:  # the edge goes on beyond the image
        distance = np.abs(np.arange(size) + 0.5 - np.clip(middles, 0.5, size - 0.5)[:, None])
    weights = np.where(distance <= reach, kernel(distance), 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


def _overlaps(size: int, target: int) -> np.ndarray:
    """The part of each new pixel that lies in each pixel."""
    edges, pixels = np.arange(target + 1) * (size / target), np.arange(size)
    start, stop = edges[:-1, None], edges[1:, None]
    overlaps = np.minimum(stop, pixels + 1) - np.maximum(start, pixels)
    return np.maximum(overlaps, 0.0) * (target / size)


def _table_cubic(size: int, target: int) -> np.ndarray:
    """As TensorFlow: distances rounded to 1/1024, pixels outside left out."""
    scale, half = np.float32(size) / np.float32(target), np.float32(0.5)
    places = (np.arange(target, dtype=np.float32) + half) * scale - half
    first = np.floor(places)
    part = np.rint((places - first) * 1024) / 1024
    matrix = np.zeros((target, size))
    for tap in (-1, 0, 1, 2):
        pixel = first.astype(np.int64) + tap
        inside = (pixel >= 0) & (pixel < size)
        weights = _cubic(np.abs(part.astype(np.float64) - tap))
        matrix[np.flatnonzero(inside), pixel[inside]] = weights[inside]
    return matrix / matrix.sum(axis=1, keepdims=True)


def _cubic(x):
    """Keys's cubic, which is exact for parabolas."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(reach):
    return lambda x: np.sinc(x) * np.sinc(x / reach)


_KERNELS: dict[str, tuple[float, Callable[..., np.ndarray]]] = {
    "bilinear": (1, lambda x: 1 - x),
    "bicubic": (2, _cubic),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
}
