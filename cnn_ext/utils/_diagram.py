"""Boxes of text in ranks, and the arrows between them, drawn by Matplotlib.

All lengths are points (1/72 inch), y downwards. A `Card` is a box of text; a `Diagram` lays
boxes out by who feeds whom; a `Frame` makes a diagram one box of a larger diagram. Whatever is
drawn was measured first, so no text runs out of its box and no box into another.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

BLACK, WHITE, GREEN, RED = "black", "white", "forestgreen", "firebrick"
TITLE, TEXT = 14.0, 12.0  # font sizes
_PAD = 9.0  # around a text, and around what a frame holds
_GAP = 30.0  # between boxes: room for an arrow
_MARGIN = 8.0  # around the picture

Point = tuple[float, float]
Edge = tuple[int, int]


@dataclass(frozen=True)
class Arrows:
    """Where the arrows go: across (from left to right) or down; in square bends or straight."""

    across: bool
    square: bool


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
        return sum(self.widths) + 2 * _PAD

    @property
    def height(self) -> float:
        return 1.2 * self.size + 2 * _PAD

    def draw(self, axes: Any, x: float, y: float, width: float) -> None:
        from matplotlib.patches import Rectangle

        axes.add_patch(
            Rectangle((x, y), width, self.height, facecolor=self.fill, edgecolor=BLACK, lw=1)
        )
        left = x + (width - sum(self.widths)) / 2
        for i, (piece, piece_width) in enumerate(zip(self.pieces, self.widths, strict=True)):
            _write(axes, left, y + self.height / 2, piece, self.size, bool(i % 2), self.ink)
            left += piece_width

    @functools.cached_property
    def widths(self) -> list[float]:
        """Of the pieces."""
        return [_text_width(text, self.size, bool(i % 2)) for i, text in enumerate(self.pieces)]


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


class Frame:
    """A diagram with a name and a dashed line around it, to stand in another as one box."""

    def __init__(self, title: str, inside: Diagram) -> None:
        self.title, self.inside = title, inside
        self.width = max(inside.width, _text_width(title, TEXT, True)) + 2 * _PAD
        self.height = inside.height + 3 * _PAD + TEXT

    def draw(self, axes: Any, x: float, y: float) -> None:
        from matplotlib.patches import Rectangle

        axes.add_patch(
            Rectangle((x, y), self.width, self.height, fill=False, edgecolor=BLACK, ls="--", lw=1)
        )
        _write(axes, x + _PAD, y + _PAD + TEXT / 2, self.title, TEXT, True, BLACK)
        left = x + (self.width - self.inside.width) / 2
        self.inside.draw(axes, left, y + 2 * _PAD + TEXT)


@dataclass(frozen=True)
class _Gap:
    """A line in the place of a box: how an arrow passes a rank between its two ends."""

    width: float
    height: float

    def draw(self, axes: Any, x: float, y: float) -> None:
        axes.plot([x, x + self.width], [y, y + self.height], lw=1.5, color=BLACK)


class Diagram:
    """Boxes in ranks, each after all that feed it, and the arrows between them.

    `corners[i]` is the upper left corner of box i; `edges` are pairs (from, to) of boxes, each
    from one rank to the next: a longer one was cut at a `_Gap` in every rank it passes.
    """

    def __init__(self, boxes: Sequence[Box], edges: Sequence[Edge], arrows: Arrows) -> None:
        self.boxes = list(boxes)
        self.arrows = arrows
        ranks = _ranks(len(boxes), edges)
        self.edges = self._cut(edges, ranks)
        self.corners = self._place(ranks)
        placed = list(zip(self.boxes, self.corners, strict=True))
        self.width = max((x + box.width for box, (x, _) in placed), default=0.0)
        self.height = max((y + box.height for box, (_, y) in placed), default=0.0)

    def draw(self, axes: Any, x: float, y: float) -> None:
        for start, end in self.edges:
            points = [(x + a, y + b) for a, b in self._bends(start, end)]
            _draw_arrow(axes, points, head=not isinstance(self.boxes[end], _Gap))
        for box, (left, top) in zip(self.boxes, self.corners, strict=True):
            box.draw(axes, x + left, y + top)

    def _cut(self, edges: Sequence[Edge], ranks: list[int]) -> list[Edge]:
        deepest = [
            max(self._depth(box) for box, its in zip(self.boxes, ranks, strict=True) if its == rank)
            for rank in range(max(ranks, default=-1) + 1)
        ]
        short = []
        for start, end in edges:
            for rank in range(ranks[start] + 1, ranks[end]):
                size = (deepest[rank], 0.0) if self.arrows.across else (0.0, deepest[rank])
                self.boxes.append(_Gap(*size))
                ranks.append(rank)
                short.append((start, len(self.boxes) - 1))
                start = len(self.boxes) - 1
            short.append((start, end))
        return short

    def _place(self, ranks: Sequence[int]) -> list[Point]:
        """Ranks one after another; in a rank, side by side, in the order of what feeds them."""
        middles: dict[int, float] = {}
        starts: dict[int, Point] = {}
        depth = 0.0
        for rank in range(max(ranks, default=-1) + 1):
            row = [i for i, its in enumerate(ranks) if its == rank]
            row.sort(key=lambda i: _mean([middles[a] for a, b in self.edges if b == i]))
            breadths = [self._breadth(self.boxes[i]) for i in row]
            at = -(sum(breadths) + _GAP * (len(row) - 1)) / 2
            for i, breadth in zip(row, breadths, strict=True):
                starts[i] = depth, at
                middles[i] = at + breadth / 2
                at += breadth + _GAP
            depth += max(self._depth(self.boxes[i]) for i in row) + _GAP
        least = min((at for _, at in starts.values()), default=0.0)
        places = [(starts[i][0], starts[i][1] - least) for i in range(len(self.boxes))]
        return places if self.arrows.across else [(at, depth) for depth, at in places]

    def _depth(self, box: Box) -> float:
        return box.width if self.arrows.across else box.height

    def _breadth(self, box: Box) -> float:
        return box.height if self.arrows.across else box.width

    def _bends(self, start: int, end: int) -> list[Point]:
        """The points of the arrow from one box to the next, square or straight."""
        (x, y), (to_x, to_y) = self.corners[start], self.corners[end]
        a, b = self.boxes[start], self.boxes[end]
        if self.arrows.across:
            first, last = (x + a.width, y + a.height / 2), (to_x, to_y + b.height / 2)
            turn = last[0] - _GAP / 2
            bends = [(turn, first[1]), (turn, last[1])]
        else:
            first, last = (x + a.width / 2, y + a.height), (to_x + b.width / 2, to_y)
            turn = last[1] - _GAP / 2
            bends = [(first[0], turn), (last[0], turn)]
        return [first, *(bends if self.arrows.square else []), last]


def _ranks(boxes: int, edges: Sequence[Edge]) -> list[int]:
    """For each box, how many others are on the longest way to it."""
    ranks = [0] * boxes
    for _ in range(boxes):  # each pass settles at least one more rank
        before = list(ranks)
        for start, end in edges:
            ranks[end] = max(ranks[end], ranks[start] + 1)
        if ranks == before:
            break
    return ranks


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _draw_arrow(axes: Any, points: list[Point], head: bool) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    style = "-|>" if head else "-"
    axes.add_patch(
        FancyArrowPatch(path=Path(points), arrowstyle=style, mutation_scale=14, lw=1.5, fc=BLACK)
    )


def _text_width(text: str, size: float, bold: bool) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return text_to_path.get_text_width_height_descent(text, font, False)[0] if text else 0.0


def _write(axes: Any, x: float, y: float, text: str, size: float, bold: bool, ink: str) -> None:
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


def save(diagram: Diagram, path: str, suffix: str, dpi: int) -> None:
    """Draw a diagram, with a margin, into the file at `path`: png, svg or pdf by `suffix`."""
    import matplotlib
    from matplotlib.figure import Figure

    width, height = diagram.width + 2 * _MARGIN, diagram.height + 2 * _MARGIN
    figure = Figure(figsize=(width / 72, height / 72), facecolor=WHITE)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    diagram.draw(axes, _MARGIN, _MARGIN)
    with matplotlib.rc_context({"text.hinting": "none"}):  # hinting widens the measured text
        figure.savefig(path, format=suffix, dpi=dpi)
