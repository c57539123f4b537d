"""A `Diagram` lays boxes out by who feeds whom; a `Frame` makes a diagram a box of a larger one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnn_ext.utils.diagram.boxes import BLACK, PAD, TEXT, WHITE, Box, text_width, write
from cnn_ext.utils.diagram.graph import Edge, Spot, ranked
from cnn_ext.utils.diagram.places import place
from cnn_ext.utils.diagram.routes import Routes

_MARGIN = 8.0  # around the picture
_LINE = 1.5
_HEAD_LENGTH, _HEAD_BREADTH = 10.0, 8.0
_LARGEST = 32_000  # pixels of a side: more than that few programs can show

Point = tuple[float, float]


@dataclass(frozen=True)
class Arrows:
    """Where the arrows go: across (from left to right) or down; in square bends or straight."""

    across: bool
    square: bool


class Diagram:
    """Boxes in ranks, each after all that feed it, and the arrows between them.

    Args:
        boxes: what is drawn.
        edges: the arrows, by the numbers of their boxes.
        arrows: their direction and form.
        entries: to which box, by which of its entries, an arrow leads from outside.
        exits: from which box, by which of its exits, an arrow leads outside.

    `corners[i]` is the upper left corner of box i; `lines` are the parts of arrows, and `heads`
    where an arrow ends; `entries` and `exits` are how far across the arrows from and to outside
    meet the edge. In a TB diagram that is x, in an LR diagram y.
    """

    def __init__(
        self,
        boxes: Sequence[Box],
        edges: Sequence[Edge],
        arrows: Arrows,
        entries: Sequence[tuple[int, int]] = (),
        exits: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.boxes, self.arrows = list(boxes), arrows
        own = [self._spot(box) for box in boxes]
        doors = [Spot() for _ in (*entries, *exits)]
        first = range(len(own), len(own) + len(entries))
        last = range(first.stop, len(own) + len(doors))
        edges = [
            *edges,
            *(Edge(i, box, 0, entry) for i, (box, entry) in zip(first, entries, strict=True)),
            *(Edge(box, i, out, 0) for i, (box, out) in zip(last, exits, strict=True)),
        ]
        graph = ranked([*own, *doors], edges, first, last)
        place(graph)
        routes = Routes(graph, arrows.square)
        breadth = max((s.at + s.across for rank in graph.ranks for s in rank), default=0.0)
        self.corners = [self._point(routes.start(spot), spot.at) for spot in own]
        lines = list(routes.lines())
        self.lines = [[self._point(*point) for point in line.points] for line in lines]
        self.heads = sorted({self._point(*line.points[-1]) for line in lines if line.head})
        self.width, self.height = self._point(routes.along, breadth)
        self.entries = [spot.at for spot in doors[: len(entries)]]
        self.exits = [spot.at for spot in doors[len(entries) :]]

    def _point(self, along: float, across: float) -> Point:
        return (along, across) if self.arrows.across else (across, along)

    def _spot(self, box: Box) -> Spot:
        along, across = self._point(box.width, box.height)
        if isinstance(box, Frame):
            return Spot(along, across, box.entries, box.exits, hollow=True)
        return Spot(along, across, (across / 2,), (across / 2,))

    def draw(self, axes: Any, x: float, y: float) -> None:
        for line in self.lines:
            _draw_line(axes, [(x + a, y + b) for a, b in line])
        for a, b in self.heads:
            _draw_head(axes, x + a, y + b, self.arrows.across)
        for box, (left, top) in zip(self.boxes, self.corners, strict=True):
            box.draw(axes, x + left, y + top)


class Frame:
    """A diagram with a name and a dashed line around it, to stand in another as one box.

    The title is above what is inside; arrows that come from above go past it.
    """

    def __init__(self, title: str, inside: Diagram) -> None:
        self.title, self.inside = title, inside
        text = text_width(title, TEXT, True)
        down = not inside.arrows.across
        past = text + 2 * PAD - min(inside.entries) if down and inside.entries else 0.0
        spare = max(text, inside.width) - inside.width
        self.left = PAD + max(spare / 2, past)
        self.top = 2 * PAD + TEXT
        self.width = max(self.left + inside.width + PAD, text + 2 * PAD)
        self.height = self.top + inside.height + PAD
        offset = self.left if down else self.top
        self.entries = [offset + entry for entry in inside.entries]
        self.exits = [offset + out for out in inside.exits]

    def draw(self, axes: Any, x: float, y: float) -> None:
        from matplotlib.patches import Rectangle

        axes.add_patch(
            Rectangle((x, y), self.width, self.height, fill=False, edgecolor=BLACK, ls="--", lw=1)
        )
        write(axes, x + PAD, y + PAD + TEXT / 2, self.title, TEXT, True, BLACK)
        for line in self.lines:
            _draw_line(axes, [(x + a, y + b) for a, b in line])
        self.inside.draw(axes, x + self.left, y + self.top)

    @property
    def lines(self) -> list[list[Point]]:
        """From the frame to the diagram inside, where arrows enter and leave."""
        if self.inside.arrows.across:
            right = self.left + self.inside.width
            ways = [(self.entries, 0.0, self.left), (self.exits, right, self.width)]
            return [[(a, at), (b, at)] for doors, a, b in ways for at in doors]
        bottom = self.top + self.inside.height
        ways = [(self.entries, 0.0, self.top), (self.exits, bottom, self.height)]
        return [[(at, a), (at, b)] for doors, a, b in ways for at in doors]


def _draw_line(axes: Any, points: Sequence[Point]) -> None:
    xs, ys = zip(*points, strict=True)
    axes.plot(
        xs, ys, lw=_LINE, color=BLACK, solid_capstyle="round", solid_joinstyle="round", zorder=0.5
    )


def _draw_head(axes: Any, x: float, y: float, across: bool) -> None:
    from matplotlib.patches import Polygon

    back, side = _HEAD_LENGTH, _HEAD_BREADTH / 2
    if across:
        corners = [(x, y), (x - back, y - side), (x - back, y + side)]
    else:
        corners = [(x, y), (x - side, y - back), (x + side, y - back)]
    axes.add_patch(Polygon(corners, closed=True, facecolor=BLACK, edgecolor=BLACK, lw=0))


def save(diagram: Diagram, path: str, suffix: str, dpi: float) -> None:
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
    dpi = min(dpi, _LARGEST * 72 / max(width, height))
    with matplotlib.rc_context({"text.hinting": "none"}):  # hinting widens the measured text
        figure.savefig(path, format=suffix, dpi=dpi)
