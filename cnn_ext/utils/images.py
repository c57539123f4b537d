"""Pictures in files and as arrays. Pillow reads and writes them; it is imported on first use."""

from __future__ import annotations

import io
import os
import pathlib
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext._errors import did_you_mean, teaches_keywords
from cnn_ext.autograd import Tensor
from cnn_ext.utils._resize import TAPS, resize

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_GREY = ("L", "I;16", "I")


def pillow(user: str) -> ModuleType:
    """PIL.Image, or an ImportError that says who needs it and where it comes from."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            f"Could not import PIL.Image. The use of `{user}` requires PIL: install it with "
            "`pip install pillow` or `pip install 'cnn_ext[images]'`"
        ) from error
    return Image


@teaches_keywords
def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A picture file as a PIL image (`keras.utils.load_img`).

    Args:
        path: the file, or its content in an `io.BytesIO`.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        target_size: (height, width) in pixels to resize to; None leaves the size.
        interpolation: how: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos"`, `"box"` or
            `"hamming"`.
        keep_aspect_ratio: cut the middle of the picture out, in the target's proportions,
            before it is resized; else the picture is distorted.

    >>> save_img("dot.png", np.full((2, 2, 3), 255.0), scale=False)
    >>> load_img("dot.png", target_size=(4, 6)).size
    (6, 4)
    """
    pil = pillow("load_img")
    if color_mode not in _MODES:
        raise ValueError(
            'color_mode must be "grayscale", "rgb", or "rgba"'
            f"{did_you_mean(color_mode, _MODES)}. Received: {color_mode!r}"
        )
    if isinstance(path, io.BytesIO):
        image = pil.open(path)
    elif isinstance(path, str | bytes | os.PathLike):
        image = pil.open(io.BytesIO(pathlib.Path(os.fsdecode(path)).read_bytes()))
    else:
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path)}")
    fits = image.mode in _GREY if color_mode == "grayscale" else image.mode == _MODES[color_mode]
    if not fits:
        image = image.convert(_MODES[color_mode])
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"Invalid interpolation method {interpolation} specified. Supported methods are "
            f"{', '.join(INTERPOLATIONS)}"
        )
    height, width = target_size
    box = _middle(image.size, (width, height)) if keep_aspect_ratio else None
    return image.resize((width, height), pil.Resampling[interpolation.upper()], box=box)


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest box (left, top, right, bottom) in the middle with the target's proportions."""
    width = min(size[0], size[1] * target[0] // target[1])
    height = min(size[1], size[0] * target[1] // target[0])
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


@teaches_keywords
def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A PIL image as an array (`keras.utils.img_to_array`).

    Args:
        img: the image, grey or in colour.
        data_format: `"channels_last"` for (height, width, channels), `"channels_first"` for
            (channels, height, width); None is the package's default.
        dtype: `config.floatx()` if None. Pixels are 0 to 255 in any.
    """
    data_format = config.data_format_or_default(data_format)
    array = np.asarray(img, dtype=dtype or config.floatx())
    if array.ndim not in (2, 3):
        raise ValueError(f"Unsupported image shape: {array.shape}")
    if array.ndim == 2:
        array = array[..., None]
    return array.transpose(2, 0, 1) if data_format == "channels_first" else array


@teaches_keywords
def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """An array as a PIL image (`keras.utils.array_to_img`).

    Args:
        x: (height, width, channels) with 1, 3 or 4 channels; channels first, if so said.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        scale: stretch the values, so that the least becomes 0 and the greatest 255; else they
            must be 0 to 255.
        dtype: what is computed in; `config.floatx()` if None.

    >>> array_to_img(np.zeros((2, 3, 1))).size
    (3, 2)
    """
    data_format = config.data_format_or_default(data_format)
    pil = pillow("array_to_img")
    array = np.asarray(x, dtype=dtype or config.floatx())
    if array.ndim != 3:
        raise ValueError(
            "Expected image array to have rank 3 (single image). "
            f"Got array with shape: {array.shape}"
        )
    if data_format == "channels_first":
        array = array.transpose(1, 2, 0)
    if scale:
        array = array - array.min()
        top = array.max()
        array = array / (top if top != 0 else 1) * 255
    channels = array.shape[2]
    if channels not in (1, 3, 4):
        raise ValueError(f"Unsupported channel number: {channels}")
    if channels > 1:
        return pil.fromarray(array.astype("uint8"))
    wide = array.max() > 255  # a grey picture of 32 bits
    return pil.fromarray(array[:, :, 0].astype("int32" if wide else "uint8"))


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as a picture file (`keras.utils.save_img`).

    Args:
        path: the file, or a file object.
        x, data_format, scale: see `array_to_img`.
        file_format: `"png"`, `"jpeg"`, ...; by the file's suffix if None.
        kwargs: for `PIL.Image.Image.save`.
    """
    if file_format is None and isinstance(path, str | pathlib.Path):
        file_format = pathlib.Path(path).suffix[1:].lower()
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and file_format == "jpeg":
        warnings.warn(
            "The JPEG format does not support RGBA images, converting to RGB.", stacklevel=2
        )
        image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
    **kwargs: Any,
) -> Any:
    """The middle of images in another size, undistorted (`keras.preprocessing.image.smart_resize`).

    Args:
        x: (height, width, channels) or a batch of such; channels first, if so said.
        size: (height, width) to resize to.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"`, ...
        data_format: `"channels_last"` or `"channels_first"`.

    The largest part with the proportions of `size` is cut out of the middle and resized, without
    antialiasing. A Tensor gives a Tensor, which cannot be differentiated.

    >>> smart_resize(np.ones((4, 8, 1)), (2, 2)).shape
    (2, 2, 1)
    """
    if kwargs:
        raise TypeError(f"smart_resize() got unexpected keyword arguments: {list(kwargs)}")
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers, but got: {size}.")
    images = np.asarray(x)
    if images.ndim not in (3, 4):
        raise ValueError(
            "Expected an image array with shape `(height, width, channels)`, or `(batch_size, "
            "height, width, channels)`, but got input with incorrect rank, of shape "
            f"{images.shape}."
        )
    if interpolation not in TAPS:
        raise ValueError(
            f"interpolation must be one of {', '.join(TAPS)}. Received: {interpolation!r}"
        )
    first = config.data_format_or_default(data_format) == "channels_first"
    images = np.moveaxis(images, -3, -1) if first else images
    images = resize(cropped(images, size), size, interpolation)
    images = np.moveaxis(images, -1, -3) if first else images
    return Tensor(images) if isinstance(x, Tensor) else images


def cropped(images: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """The largest part in the middle of images (..., height, width, channels) with the proportions
    of `size`."""
    height, width = images.shape[-3:-1]
    crop_height = max(min(height, int(width * size[0] / size[1])), 1)
    crop_width = max(min(width, int(height * size[1] / size[0])), 1)
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return images[..., top : top + crop_height, left : left + crop_width, :]


def padded(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """The whole image (height, width, channels), resized into the middle of zeros of this size."""
    height, width = image.shape[:2]
    ratio = max(np.float32(width) / np.float32(size[1]), np.float32(height) / np.float32(size[0]))
    inner = np.float32(height) / ratio, np.float32(width) / ratio
    small = resize(image, (int(inner[0]), int(inner[1])), interpolation)
    top, left = (max(0, int((out - wide) / 2)) for out, wide in zip(size, inner, strict=True))
    result = np.zeros((*size, image.shape[2]), np.float32)
    result[top : top + small.shape[0], left : left + small.shape[1]] = small
    return result
