"""Layers of sequences, images and volumes: where the channels are, and where the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnn_ext import config
from cnn_ext.layers.checks import check_rank
from cnn_ext.layers.described import Described
from cnn_ext.symbolic import Shape


class Spatial(Described):
    """Base of layers for inputs of a batch, of `rank` axes of pixels, and of channels."""

    rank: int

    def __init__(self, *, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.data_format_or_default(data_format)
        first = self.data_format == "channels_first"
        start = 2 if first else 1
        self.channel_axis = 1 if first else self.rank + 1
        self.pixel_axes = tuple(range(start, start + self.rank))

    def check_input_shape(self, shape: Shape) -> None:
        check_rank(self, shape, self.rank + 2)

    def with_pixels(
        self, batch: int | None, pixels: Sequence[int | None], channels: int | None
    ) -> Shape:
        """A shape in the layer's layout."""
        if self.data_format == "channels_first":
            return (batch, channels, *pixels)
        return (batch, *pixels, channels)
