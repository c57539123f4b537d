"""Which box is in which rank, in which order, and what passes through a rank.

An arrow that passes ranks between its two ends gets a `Spot` without breadth in each of them, so
that what remains are pieces from a rank to the next. An arrow that would lead back (a layer called
on what came of it) leaves its box like any other, turns, passes the ranks upwards, and enters its
box like any other. Sizes are `along` the arrows and `across` them, whatever the direction.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Edge(NamedTuple):
    """An arrow from a box to a box: from which of its exits, to which of its entries."""

    start: int
    end: int
    exit: int = 0
    entry: int = 0


@dataclass(eq=False)
class Spot:
    """A box, or the place of a passing arrow, in a rank."""

    along: float = 0.0
    across: float = 0.0
    entries: Sequence[float] = (0.0,)
    exits: Sequence[float] = (0.0,)
    """How far across, from its start, arrows enter and leave."""
    passing: bool = False
    hollow: bool = False
    """Whether arrows to it go on inside, to a box there."""
    rank: int = 0
    at: float = 0.0
    """Where it starts, across."""


class End(NamedTuple):
    """Where a piece of an arrow meets a spot: after it (leaving), or before it, how far across."""

    spot: Spot
    after: bool
    offset: float

    @property
    def at(self) -> float:
        return self.spot.at + self.offset


class Piece(NamedTuple):
    """A part of an arrow, in the gap before rank `gap`; `light` ones give way to others."""

    gap: int
    first: End
    last: End
    head: bool
    light: bool


@dataclass
class Ranked:
    """Spots in their ranks, each rank in order, and the pieces of the arrows between."""

    ranks: list[list[Spot]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)


def ranked(
    spots: Sequence[Spot], edges: Sequence[Edge], first: Sequence[int], last: Sequence[int]
) -> Ranked:
    """Spots in ranks, those of `first` in the first and those of `last` in the last."""
    edges = list(dict.fromkeys(edges))
    back = _leading_back(len(spots), edges)
    forward = [edge for edge in edges if edge not in back]
    depths = longest_ways(len(spots), forward)
    _nearer_to_use(depths, forward, first)
    deepest = max((depths[i] for i in range(len(spots)) if i not in last), default=-1)
    for i in last:
        depths[i] = deepest + 1
    for spot, rank in zip(spots, depths, strict=True):
        spot.rank = rank
    graph = Ranked([[] for _ in range(max(depths, default=-1) + 1)])
    for spot in spots:
        graph.ranks[spot.rank].append(spot)
    shortcuts = _shortcuts(len(spots), forward)
    heads = {i for i in range(len(spots)) if i not in last and not spots[i].hollow}
    for edge in edges:
        if edge in back:
            _add_back(graph, spots, edge, edge.end in heads)
        else:
            _add_forward(graph, spots, edge, edge.end in heads, edge in shortcuts)
    _untangle(graph)
    return graph


def _leading_back(count: int, edges: Sequence[Edge]) -> set[Edge]:
    """Edges that close a circle, as a walk from the first boxes on finds them."""
    leaving: list[list[Edge]] = [[] for _ in range(count)]
    for edge in edges:
        leaving[edge.start].append(edge)
    back: set[Edge] = set()
    open_, done = set(), set()
    fed = {edge.end for edge in edges if edge.start != edge.end}
    for root in sorted(range(count), key=lambda i: i in fed):
        stack: list[tuple[int, int]] = [(root, 0)] if root not in done else []
        while stack:
            i, k = stack.pop()
            open_.add(i)
            if k == len(leaving[i]):
                open_.discard(i)
                done.add(i)
                continue
            stack.append((i, k + 1))
            edge = leaving[i][k]
            if edge.end in open_:
                back.add(edge)
            elif edge.end not in done:
                stack.append((edge.end, 0))
    return back


def longest_ways(count: int, edges: Sequence[Edge]) -> list[int]:
    """For each box, how many others are on the longest way to it; there are no circles."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for edge in edges:
        leaving[edge.start].append(edge.end)
        waiting[edge.end] += 1
    ways = [0] * count
    ready = [i for i in range(count) if not waiting[i]]
    for i in ready:
        for j in leaving[i]:
            ways[j] = max(ways[j], ways[i] + 1)
            waiting[j] -= 1
            if not waiting[j]:
                ready.append(j)
    return ways


def _nearer_to_use(depths: list[int], edges: Sequence[Edge], fixed: Sequence[int]) -> None:
    """Boxes that nothing feeds move to the rank before the first that they feed."""
    fed = {edge.end for edge in edges}
    uses: dict[int, int] = {}
    for edge in edges:
        uses[edge.start] = min(uses.get(edge.start, depths[edge.end]), depths[edge.end])
    for i, rank in uses.items():
        if i not in fed and i not in fixed:
            depths[i] = rank - 1


def _shortcuts(count: int, edges: Sequence[Edge]) -> set[Edge]:
    """Edges between two boxes that a longer way connects too: skip connections."""
    following: list[set[int]] = [set() for _ in range(count)]
    for edge in edges:
        following[edge.start].add(edge.end)
    depths = longest_ways(count, edges)
    reached = [0] * count  # sets of boxes, as bits
    for i in sorted(range(count), key=lambda i: -depths[i]):
        for j in following[i]:
            reached[i] |= 1 << j | reached[j]
    return {
        edge
        for edge in edges
        if any(reached[j] >> edge.end & 1 for j in following[edge.start] if j != edge.end)
    }


def _passing(graph: Ranked, rank: int) -> Spot:
    spot = Spot(passing=True, rank=rank)
    graph.ranks[rank].append(spot)
    return spot


def _add_forward(graph: Ranked, spots: Sequence[Spot], edge: Edge, head: bool, light: bool) -> None:
    start, end = spots[edge.start], spots[edge.end]
    here = End(start, True, start.exits[edge.exit])
    for rank in range(start.rank + 1, end.rank):
        spot = _passing(graph, rank)
        graph.pieces.append(Piece(rank, here, End(spot, False, 0.0), False, light))
        here = End(spot, True, 0.0)
    there = End(end, False, end.entries[edge.entry])
    graph.pieces.append(Piece(end.rank, here, there, head, light))


def _add_back(graph: Ranked, spots: Sequence[Spot], edge: Edge, head: bool) -> None:
    start, end = spots[edge.start], spots[edge.end]
    here = End(start, True, start.exits[edge.exit])
    for rank in range(start.rank, end.rank - 1, -1):
        spot = _passing(graph, rank)
        graph.pieces.append(Piece(rank + 1, here, End(spot, True, 0.0), False, True))
        here = End(spot, False, 0.0)
    there = End(end, False, end.entries[edge.entry])
    graph.pieces.append(Piece(end.rank, here, there, head, True))


def _untangle(graph: Ranked, sweeps: int = 12) -> None:
    """Order every rank by the middle of the neighbours, there and back; the best order stays."""
    best, fewest = [list(rank) for rank in graph.ranks], crossings(graph)
    for sweep in range(sweeps):
        if not fewest:
            break
        down = sweep % 2 == 0
        for rank in graph.ranks if down else reversed(graph.ranks):
            _sort(graph, rank, down)
        found = crossings(graph)
        if found < fewest:
            best, fewest = [list(rank) for rank in graph.ranks], found
    graph.ranks = best


def _sort(graph: Ranked, rank: list[Spot], down: bool) -> None:
    order = _order(graph)
    middles: dict[Spot, list[float]] = {spot: [] for spot in rank}
    for piece in graph.pieces:
        for own, other in ((piece.first, piece.last), (piece.last, piece.first)):
            if own.spot in middles and own.after != down and other.after == down:
                middles[own.spot].append(_fraction(order, other))
    keys = {spot: sum(near) / len(near) if near else order[spot] for spot, near in middles.items()}
    rank.sort(key=keys.__getitem__)


def _order(graph: Ranked) -> dict[Spot, int]:
    return {spot: i for rank in graph.ranks for i, spot in enumerate(rank)}


def _fraction(order: dict[Spot, int], end: End) -> float:
    return order[end.spot] + (end.offset / end.spot.across if end.spot.across else 0.5)


def crossings(graph: Ranked) -> int:
    """How many pairs of pieces cross between neighbouring ranks."""
    order = _order(graph)
    gaps: dict[int, list[tuple[float, float]]] = {}
    for piece in graph.pieces:
        if piece.first.after != piece.last.after:
            upper, lower = sorted(piece[1:3], key=lambda end: not end.after)
            pair = _fraction(order, upper), _fraction(order, lower)
            gaps.setdefault(piece.gap, []).append(pair)
    count = 0
    for pairs in gaps.values():
        lows: list[float] = []
        for _, low in sorted(pairs):
            count += len(lows) - bisect.bisect_right(lows, low)
            bisect.insort(lows, low)
    return count
