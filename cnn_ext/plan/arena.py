"""Where values lie in memory: those whose lifetimes do not meet share it."""

from __future__ import annotations

from typing import Any

from cnn_ext.plan.steps import Value

_LINE = 64  # bytes
_BEHIND = 256  # bytes that a kernel may read, not use, behind a value


def arranged(steps: list[Any], outside: set[Value]) -> tuple[dict[Value, int], int]:
    """The offset in bytes of each value that is not outside, and the bytes of all.

    A value lives from the first step that touches it to the last. The largest is placed first,
    each as low as those placed before it and alive with it allow.
    """
    first: dict[Value, int] = {}
    last: dict[Value, int] = {}
    for position, step in enumerate(steps):
        for value in step.touches:
            first.setdefault(value, position)
            last[value] = position
    offsets: dict[Value, int] = {}
    total = 0
    inside = [value for value in first if value not in outside]
    for value in sorted(inside, key=lambda v: -v.nbytes):
        alive = sorted(
            (offsets[v], offsets[v] + _bytes(v))
            for v in offsets
            if first[v] <= last[value] and first[value] <= last[v]
        )
        offset = 0
        for start, end in alive:
            if start - offset >= _bytes(value):
                break
            offset = max(offset, end)
        offsets[value] = offset
        total = max(total, offset + _bytes(value))
    return offsets, total


def _bytes(value: Value) -> int:
    return (value.nbytes + _BEHIND + _LINE - 1) // _LINE * _LINE
