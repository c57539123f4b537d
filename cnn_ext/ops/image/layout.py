"""One image or a batch of them, channels last or first: the axes of height, width and channels."""

from __future__ import annotations

from typing import Any

from cnn_ext.ops.layout import is_channels_first
from cnn_ext.ops.shapes import transpose


def check_rank(images: Any) -> None:
    """An error unless images are one image or a batch of them."""
    if len(images.shape) not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received: images.shape={tuple(images.shape)}"
        )


def axes_of_images(images: Any, data_format: str | None) -> tuple[int, int, int]:
    """The axes of height, width and channels."""
    first, rank = is_channels_first(data_format), len(images.shape)
    return (rank - 2, rank - 1, rank - 3) if first else (rank - 3, rank - 2, rank - 1)


def channels_to_last(images: Any, data_format: str | None) -> Any:
    """Images with the channels in the last axis."""
    if not is_channels_first(data_format):
        return images
    rank = len(images.shape)
    return transpose(images, axes=(*range(rank - 3), rank - 2, rank - 1, rank - 3))


def channels_back(images: Any, data_format: str | None) -> Any:
    """The inverse of `channels_to_last`."""
    if not is_channels_first(data_format):
        return images
    rank = len(images.shape)
    return transpose(images, axes=(*range(rank - 3), rank - 1, rank - 3, rank - 2))
