"""Layouts of sequences, images and volumes: channels last inside, first on request."""

from __future__ import annotations

from typing import Any

from cnn_ext.config import data_format_or_default
from cnn_ext.ops.shapes import transpose


def is_channels_first(data_format: str | None) -> bool:
    """Whether channels come before the pixels; None is `config.image_data_format()`."""
    return data_format_or_default(data_format) == "channels_first"


def to_channels_last(x: Any) -> Any:
    """(batch, channels, ...) as (batch, ..., channels)."""
    return transpose(x, axes=(0, *range(2, len(x.shape)), 1))


def to_channels_first(x: Any) -> Any:
    """(batch, ..., channels) as (batch, channels, ...)."""
    rank = len(x.shape)
    return transpose(x, axes=(0, rank - 1, *range(1, rank - 1)))
