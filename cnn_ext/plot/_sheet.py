"""Figures without pyplot, and pictures of many small images.

Places on a figure are given in inches from its upper left corner, so that text and pictures keep
their sizes however many there are.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#555555"
_GAP = 0.06  # between two images, as a share of their size
_PIXELS = 48  # of an image in a mosaic, at least


def new_figure(width: float, height: float, **kwargs: Any) -> Figure:
    """An empty white Figure of so many inches, which notebooks can show."""
    return _figure_class()(figsize=(width, height), facecolor="white", **kwargs)


@functools.cache
def _figure_class() -> type[Figure]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"cnn_ext.plot draws with Matplotlib: pip install 'cnn_ext[plot]'. Received: {error}"
        ) from error

    class Picture(Figure):
        """A Figure that shows itself in a notebook, whether or not pyplot is used there."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            FigureCanvasAgg(self)

        def _repr_png_(self) -> bytes:
            written = io.BytesIO()
            self.savefig(written, format="png", dpi=self.dpi)
            return written.getvalue()

    return Picture


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place on the figure."""
    whole_width, whole_height = figure.get_size_inches()
    bottom = whole_height - top - height
    return figure.add_axes(
        (left / whole_width, bottom / whole_height, width / whole_width, height / whole_height)
    )


def write(figure: Figure, left: float, top: float, text: str, size: float, **kwargs: Any) -> None:
    """Text whose upper left corner is at a place on the figure."""
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - top / height, text, fontsize=size, va="top", **kwargs)


class Mosaic:
    """Images of one size in rows, with gaps, as one image.

    Args:
        images: (number, height, width) or (number, height, width, 3); no NaN where there are gaps.
        columns: images in a row.
    """

    def __init__(self, images: np.ndarray, columns: int) -> None:
        self.count = len(images)
        self.columns = min(columns, self.count)
        self.rows = math.ceil(self.count / self.columns)
        # Pixels are repeated, so that the gap can be thinner than one.
        times = math.ceil(_PIXELS / max(images.shape[1:3]))
        images = images.repeat(times, axis=1).repeat(times, axis=2)
        self.height, self.width = images.shape[1:3]
        self.gap = max(1, round(_GAP * max(self.height, self.width)))
        fill = 1.0 if images.ndim == 4 else np.nan
        shape = (self._end(self.rows, self.height), self._end(self.columns, self.width))
        self.pixels = np.full((*shape, *images.shape[3:]), fill)
        for index, image in enumerate(images):
            top, left = self.corner(index)
            self.pixels[top : top + self.height, left : left + self.width] = image

    def _end(self, count: int, size: int) -> int:
        return count * size + (count - 1) * self.gap

    def corner(self, index: int) -> tuple[int, int]:
        """Row and column of an image's first pixel."""
        row, column = divmod(index, self.columns)
        return row * (self.height + self.gap), column * (self.width + self.gap)

    def inches(self, cell: float) -> tuple[float, float]:
        """(width, height), where an image's longer side is `cell` inches."""
        longer = max(self.height, self.width)
        gaps = self.columns - 1, self.rows - 1
        width = (self.columns * self.width / longer + gaps[0] * _GAP) * cell
        return width, (self.rows * self.height / longer + gaps[1] * _GAP) * cell

    def draw(self, axes: Axes, numbers: Sequence[int] | None = None, **kwargs: Any) -> Any:
        """Draw it; `numbers` are written into the corners of the images."""
        axes.set_axis_off()
        drawn = axes.imshow(self.pixels, interpolation="nearest", aspect="auto", **kwargs)
        for index, number in enumerate(numbers or ()):
            top, left = self.corner(index)
            axes.text(
                left + self.width * 0.04,
                top + self.height * 0.04,
                str(number),
                fontsize=6,
                va="top",
                color="black",
                bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.6},
            )
        return drawn
