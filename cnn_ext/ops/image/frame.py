"""Margins put around images, and cut off them."""

from __future__ import annotations

from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.hints import Array
from cnn_ext.ops.image.layout import axes_of_images, check_rank
from cnn_ext.ops.indexing import getitem
from cnn_ext.ops.joining import pad


def pad_images(
    images: Array,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Images with zeros around them (`keras.ops.image.pad_images`).

    Two each of top, bottom and target_height and of left, right and target_width must be given,
    in pixels.

    >>> import numpy as np
    >>> pad_images(np.ones((4, 5, 3)), 1, 2, target_height=8, target_width=8).shape
    (8, 8, 3)
    """
    images = tensor(images)
    check_rank(images)
    high, wide, _ = axes_of_images(images, data_format)
    width = [(0, 0)] * len(images.shape)
    width[high] = _ends("padding", ("top", "bottom", "height"), images.shape[high],
                        top_padding, bottom_padding, target_height)  # fmt: skip
    width[wide] = _ends("padding", ("left", "right", "width"), images.shape[wide],
                        left_padding, right_padding, target_width)  # fmt: skip
    return pad(images, width)


def crop_images(
    images: Array,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Images without their margins (`keras.ops.image.crop_images`).

    Two each of top, bottom and target_height and of left, right and target_width must be given,
    in pixels.

    >>> import numpy as np
    >>> crop_images(np.ones((4, 5, 3)), 1, 2, target_height=2, target_width=3).shape
    (2, 3, 3)
    """
    images = tensor(images)
    check_rank(images)
    high, wide, _ = axes_of_images(images, data_format)
    index = [slice(None)] * len(images.shape)
    top, bottom = _ends("cropping", ("top", "bottom", "height"), images.shape[high],
                        top_cropping, bottom_cropping, target_height)  # fmt: skip
    left, right = _ends("cropping", ("left", "right", "width"), images.shape[wide],
                        left_cropping, right_cropping, target_width)  # fmt: skip
    index[high] = slice(top, images.shape[high] - bottom)
    index[wide] = slice(left, images.shape[wide] - right)
    return getitem(images, index=tuple(index))


def _ends(what, names, size, before, behind, target):
    """How many pixels at both ends of an axis, two of three numbers being given."""
    labels = (f"{names[0]}_{what}", f"{names[1]}_{what}", f"target_{names[2]}")
    given = dict(zip(labels, (before, behind, target), strict=True))
    received = ", ".join(f"{name}={value}" for name, value in given.items())
    if list(given.values()).count(None) != 1:
        raise ValueError(f"Must specify exactly two of {', '.join(labels)}. Received: {received}")
    if target is not None:
        rest = target - size if what == "padding" else size - target
        before = rest - behind if before is None else before
        behind = rest - before if behind is None else behind
    elif what == "cropping":
        given[labels[2]] = size - before - behind
    given[labels[0]], given[labels[1]] = before, behind
    for name, value in given.items():
        if value is not None and value < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value} of size={size}")
    return before, behind
