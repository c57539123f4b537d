"""Boxes of text: a `Cell` is a line of text in a rectangle, a `Card` rows of cells."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

BLACK, WHITE, GREEN, RED = "black", "white", "forestgreen", "firebrick"
TITLE, TEXT = 14.0, 12.0  # font sizes
PAD = 9.0  # around a text, and around what a frame holds


class Box(Protocol):
    """Whatever has a size and can be drawn."""

    @property
    def width(self) -> float: ...

    @property
    def height(self) -> float: ...

    def draw(self, axes: Any, x: float, y: float) -> None:
        """Draw with the upper left corner at (x, y)."""


@dataclass(frozen=True)
class Cell:
    """A line of text in a rectangle; its pieces are plain, bold, plain, … in turn."""

    pieces: tuple[str, ...]
    fill: str = WHITE
    ink: str = BLACK
    size: float = TEXT

    @property
    def width(self) -> float:
        return sum(self.widths) + 2 * PAD

    @property
    def height(self) -> float:
        return 1.2 * self.size + 2 * PAD

    def draw(self, axes: Any, x: float, y: float, width: float) -> None:
        from matplotlib.patches import Rectangle

        axes.add_patch(
            Rectangle((x, y), width, self.height, facecolor=self.fill, edgecolor=BLACK, lw=1)
        )
        left = x + (width - sum(self.widths)) / 2
        for i, (piece, piece_width) in enumerate(zip(self.pieces, self.widths, strict=True)):
            write(axes, left, y + self.height / 2, piece, self.size, bool(i % 2), self.ink)
            left += piece_width

    @functools.cached_property
    def widths(self) -> list[float]:
        """Of the pieces."""
        return [text_width(text, self.size, bool(i % 2)) for i, text in enumerate(self.pieces)]


class Card:
    """The box of a layer: rows of cells, each row stretched to the width of the widest."""

    def __init__(self, rows: Sequence[Sequence[Cell]]) -> None:
        self.rows = rows
        self.width = max(sum(cell.width for cell in row) for row in rows)
        self.height = sum(row[0].height for row in rows)

    def draw(self, axes: Any, x: float, y: float) -> None:
        for row in self.rows:
            spare = (self.width - sum(cell.width for cell in row)) / len(row)
            left = x
            for cell in row:
                cell.draw(axes, left, y, cell.width + spare)
                left += cell.width + spare
            y += row[0].height


@functools.lru_cache(4096)
def text_width(text: str, size: float, bold: bool) -> float:
    """Of a text as it will be drawn, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return text_to_path.get_text_width_height_descent(text, font, False)[0] if text else 0.0


def write(axes: Any, x: float, y: float, text: str, size: float, bold: bool, ink: str) -> None:
    """Text that starts at x, its middle at y, as it is: `$` in a name is no formula."""
    axes.text(
        x,
        y,
        text,
        fontsize=size,
        fontweight="bold" if bold else "normal",
        color=ink,
        va="center_baseline",
        parse_math=False,
        usetex=False,
    )
