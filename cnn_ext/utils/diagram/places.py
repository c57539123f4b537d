"""Where in its rank a spot stands: near what it is connected to, in order, with room between."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cnn_ext.utils.diagram.graph import End, Ranked, Spot

BETWEEN_BOXES, BESIDE_A_LINE = 30.0, 18.0
_LIGHT = 1e-6  # the pull of a skip connection, beside which others pull with 1
_IDLE = 1e-9  # the pull of its own place on a spot that nothing else pulls
_UNSEEN = 0.5  # a step in a line so small that it looks like a mistake
_SWEEPS = 6


def place(graph: Ranked) -> None:
    """Set `at` of every spot; the smallest is 0."""
    pulls = _pulls(graph)
    for rank in graph.ranks:
        _settle(rank, [0.0] * len(rank), [1.0] * len(rank))
    for sweep in range(2 * _SWEEPS + 1):
        down = sweep % 2 == 0
        for rank in graph.ranks if down else reversed(graph.ranks):
            _pull(rank, pulls, down)
    _follow(graph, pulls)
    _straighten(graph)
    spots = [spot for rank in graph.ranks for spot in rank]
    least = min((spot.at for spot in spots), default=0.0)
    for spot in spots:
        spot.at -= least


Pulls = dict[Spot, list[tuple[End, End, float]]]


def _pulls(graph: Ranked) -> Pulls:
    """For every spot: its end of a piece, the other end, and how strongly that pulls."""
    pulls: Pulls = {spot: [] for rank in graph.ranks for spot in rank}
    for piece in graph.pieces:
        strength = _LIGHT if piece.light else 1.0
        pulls[piece.first.spot].append((piece.first, piece.last, strength))
        pulls[piece.last.spot].append((piece.last, piece.first, strength))
    return pulls


def _pull(rank: Sequence[Spot], pulls: Pulls, down: bool) -> None:
    wanted, strengths = [], []
    for spot in rank:
        near = [(spot.at, _IDLE)] + [
            (other.at - own.offset, strength)
            for own, other, strength in pulls[spot]
            if own.after != down and own.after != other.after
        ]
        total = sum(strength for _, strength in near)
        wanted.append(sum(at * strength for at, strength in near) / total)
        strengths.append(total)
    _settle(rank, wanted, strengths)


def _follow(graph: Ranked, pulls: Pulls) -> None:
    """Move what feeds nothing but one spot, and is fed by such only, over that spot."""
    rows: set[Spot] = set()
    for rank in graph.ranks:
        for spot in rank:
            fed = [other.spot for own, other, _ in pulls[spot] if not own.after]
            leaving = [own for own, _, _ in pulls[spot] if own.after]
            if len(leaving) == 1 and len(fed) <= 1 and rows.issuperset(fed):
                rows.add(spot)
    for rank in reversed(graph.ranks):
        wanted = []
        for spot in rank:
            ways = [(own, other) for own, other, _ in pulls[spot] if own.after > other.after]
            follows = spot in rows and ways
            wanted.append(ways[0][1].at - ways[0][0].offset if follows else spot.at)
        _settle(rank, wanted, [1.0 if spot in rows else 1 / _LIGHT for spot in rank])


def _straighten(graph: Ranked) -> None:
    """Give passing arrows one place in all ranks that they pass, where there is room."""
    chains: dict[Spot, list[Spot]] = {}
    for piece in graph.pieces:
        a, b = piece.first.spot, piece.last.spot
        for spot in (a, b):
            if spot.passing:
                chains.setdefault(spot, [spot])
        if a.passing and b.passing:
            chains[a].extend(chains[b])
            for spot in chains[b]:
                chains[spot] = chains[a]
    several = {id(chain): chain for chain in chains.values() if len(chain) > 1}
    inner_first = sorted(several.values(), key=lambda chain: max(s.at for s in chain))
    for chain in inner_first:
        _align(graph, chain)
    for chain in reversed(inner_first):
        _align(graph, chain)
    for rank in graph.ranks:
        _settle(rank, [spot.at for spot in rank], [1.0] * len(rank))
    for _, first, last, _, _ in graph.pieces:
        if last.spot.passing and abs(first.at - last.at) < _UNSEEN:
            last.spot.at = first.at


def _align(graph: Ranked, chain: list[Spot]) -> None:
    """To the middle of their places, where boxes leave room; lines farther out make room."""
    low, high, left, right = -math.inf, math.inf, True, True
    for spot in chain:
        rank = graph.ranks[spot.rank]
        i, rooms = rank.index(spot), _rooms(rank)
        left = left and all(other.passing for other in rank[:i])
        right = right and all(other.passing for other in rank[i:])
        if i:
            low = max(low, rank[i - 1].at + rooms[i] - rooms[i - 1])
        if i + 1 < len(rank):
            high = min(high, rank[i + 1].at - rooms[i + 1] + rooms[i])
    at = sorted(spot.at for spot in chain)[len(chain) // 2]
    if right:
        at = max(at, low)
    elif left:
        at = min(at, high)
    elif low <= high:
        at = min(max(at, low), high)
    else:
        return
    for spot in chain:
        spot.at = at


def _settle(rank: Sequence[Spot], wanted: Sequence[float], strengths: Sequence[float]) -> None:
    """The places nearest to the wanted ones (least squares) that keep the order and the room.

    Less the room that those before it need, the places must not fall: neighbours that would are
    pooled at their mean.
    """
    pools: list[tuple[float, float, int]] = []  # place, strength, number of spots
    rooms = _rooms(rank)
    for want, strength, room in zip(wanted, strengths, rooms, strict=True):
        pools.append((want - room, strength, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, v, m), (b, w, n) = pools[-2:]
            pools[-2:] = [((a * v + b * w) / (v + w), v + w, m + n)]
    places = [at for at, _, number in pools for _ in range(number)]
    for spot, at, room in zip(rank, places, rooms, strict=True):
        spot.at = at + room


def _rooms(rank: Sequence[Spot]) -> list[float]:
    """How far from the first in the rank each can be at least."""
    rooms = [0.0] * len(rank)
    for i in range(1, len(rank)):
        line = rank[i - 1].passing or rank[i].passing
        between = BESIDE_A_LINE if line else BETWEEN_BOXES
        rooms[i] = rooms[i - 1] + rank[i - 1].across + between
    return rooms
