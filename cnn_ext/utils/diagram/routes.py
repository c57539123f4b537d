"""The lines of arrows through the gaps between ranks.

In a gap a line runs along, then across on a track, then along again. Lines that leave one box, or
that all lead to the same boxes, share a track; others have tracks of their own, so that what
overlaps also belongs together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cnn_ext.utils.diagram.graph import End, Piece, Ranked, Spot

_BEFORE, _BETWEEN, _AFTER = 13.0, 9.0, 20.0  # from rank to track, track to track, track to rank
_STEM = 12.0  # before a box, where the head of its arrow is
_STRAIGHT = 0.5  # lines that go aside by less do not
_CLOSE = 7.0  # lines that are nearer would be taken for one

Point = tuple[float, float]
"""(along, across)"""


class Line(NamedTuple):
    points: list[Point]
    head: bool


class Net(NamedTuple):
    """Pieces that share a track."""

    pieces: list[Piece]

    @property
    def ends(self) -> set[End]:
        return {end for piece in self.pieces for end in (piece.first, piece.last)}

    @property
    def span(self) -> tuple[float, float]:
        places = [end.at for end in self.ends]
        return min(places), max(places)

    @property
    def straight(self) -> bool:
        low, high = self.span
        return high - low < _STRAIGHT and all(p.first.after != p.last.after for p in self.pieces)


class Routes:
    """Where ranks start along the arrows, and the lines of the arrows.

    Args:
        graph: spots that have their places.
        square: whether lines go aside at right angles, or straight from rank to rank.
    """

    def __init__(self, graph: Ranked, square: bool) -> None:
        self.graph, self.square = graph, square
        self.depths = [max(spot.along for spot in rank) for rank in graph.ranks]
        gaps = range(len(graph.ranks) + 1)
        self.tracks = [_tracks(_nets([p for p in graph.pieces if p.gap == gap])) for gap in gaps]
        self.starts: list[float] = []
        self.gap_starts: list[float] = []
        along = 0.0
        for gap, depth in zip(gaps, [*self.depths, 0.0], strict=True):
            self.gap_starts.append(along)
            along += self._room(gap)
            self.starts.append(along)
            along += depth
        self.along = self.starts.pop()

    def _room(self, gap: int) -> float:
        nets = self.tracks[gap]
        tracks = max((track + 1 for _, track in nets if track is not None), default=0)
        if not tracks and not any(piece.head for net, _ in nets for piece in net.pieces):
            return _BEFORE if 0 < gap < len(self.depths) else 0.0
        return _BEFORE + max(0, tracks - 1) * _BETWEEN + _AFTER

    def start(self, spot: Spot) -> float:
        """Where a spot starts, along: it is in the middle of its rank."""
        return self.starts[spot.rank] + (self.depths[spot.rank] - spot.along) / 2

    def lines(self) -> Iterable[Line]:
        """A line a piece, from spot to spot."""
        for gap, nets in enumerate(self.tracks):
            for net, track in nets:
                turn = self.gap_starts[gap] + _BEFORE + (track or 0) * _BETWEEN
                for piece in net.pieces:
                    yield self._line(piece, None if track is None else turn)

    def _line(self, piece: Piece, turn: float | None) -> Line:
        first, last = piece.first, piece.last
        points = [self._touch(first), self._edge(first)]
        if turn is not None and (self.square or first.after == last.after):
            points += [(turn, first.at), (turn, last.at)]
        elif piece.head:
            points.append((self._edge(last)[0] - _STEM, last.at))
        points += [self._edge(last), self._touch(last)]
        return Line([p for p, _ in itertools.groupby(points)], piece.head)

    def _touch(self, end: End) -> Point:
        """Where a line meets its spot; a passing one, halfway through its rank."""
        if end.spot.passing:
            return self.starts[end.spot.rank] + self.depths[end.spot.rank] / 2, end.at
        return self.start(end.spot) + (end.spot.along if end.after else 0.0), end.at

    def _edge(self, end: End) -> Point:
        """Where a line meets the edge of the gap."""
        rank = end.spot.rank
        return self.starts[rank] + (self.depths[rank] if end.after else 0.0), end.at


def _nets(pieces: Sequence[Piece]) -> list[Net]:
    """Groups of the pieces of a gap: all from one end, or all from these ends to those."""
    nets = [Net([p]) for p in pieces if p.first.after == p.last.after]
    plain = [p for p in pieces if p.first.after != p.last.after]
    for group in _connected(plain):
        uppers = {_upper(p) for p in group}
        lowers = {_lower(p) for p in group}
        if len(group) == len(uppers) * len(lowers):
            nets.append(Net(group))
        else:
            nets += [Net([p for p in group if _upper(p) == upper]) for upper in uppers]
    return sorted(nets, key=lambda net: net.span)


def _upper(piece: Piece) -> End:
    return piece.first if piece.first.after else piece.last


def _lower(piece: Piece) -> End:
    return piece.last if piece.first.after else piece.first


def _connected(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces that meet at an end, or through others, together."""
    groups: list[tuple[set[End], list[Piece]]] = []
    for piece in pieces:
        ends, members = {piece.first, piece.last}, [piece]
        for group in [group for group in groups if group[0] & ends]:
            groups.remove(group)
            ends, members = ends | group[0], group[1] + members
        groups.append((ends, members))
    return [members for _, members in groups]


def _tracks(nets: list[Net]) -> list[tuple[Net, int | None]]:
    """The track of each net, counted from the rank before; None for a line that needs none.

    Where a line comes from above at the place where another goes on below, it must turn first.
    Nets that wait for each other in a circle run straight from rank to rank.
    """
    found: list[tuple[Net, int | None]] = [(net, None) for net in nets if net.straight]
    waiting = [net for net in nets if not net.straight]
    placed: list[tuple[Net, int]] = []
    while waiting:
        free = [net for net in waiting if not any(_before(o, net) for o in waiting if o is not net)]
        if not free:
            blocked = [n for n in waiting if all(p.first.after != p.last.after for p in n.pieces)]
            if blocked:
                waiting.remove(blocked[0])
                found.append((blocked[0], None))
                continue
            free = waiting
        net = free[0]
        waiting.remove(net)
        least = max([0, *(track + 1 for other, track in placed if _before(other, net))])
        taken = {track for other, track in placed if _overlap(other, net)}
        track = next(track for track in itertools.count(least) if track not in taken)
        placed.append((net, track))
    return found + [(net, track) for net, track in placed]


def _before(a: Net, b: Net) -> bool:
    """Whether a comes from above where b goes on below."""
    return any(abs(x.at - y.at) < _CLOSE for x in a.ends if x.after for y in b.ends if not y.after)


def _overlap(a: Net, b: Net) -> bool:
    (a_low, a_high), (b_low, b_high) = a.span, b.span
    return a_low < b_high + _CLOSE and b_low < a_high + _CLOSE
