"""Nested lists, tuples and dicts, with the names of `keras.tree`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cnn_ext._errors import missing_attribute

__all__ = ["flatten", "is_nested", "map_structure", "pack_sequence_as"]


def is_nested(structure: Any) -> bool:
    """Whether it is a list, a tuple or a dict (`keras.tree.is_nested`)."""
    return isinstance(structure, list | tuple | dict)


def flatten(structure: Any) -> list[Any]:
    """The leaves in order; those of a dict in the order of its sorted keys (`keras.tree.flatten`).

    >>> flatten({"b": [1, 2], "a": 3})
    [3, 1, 2]
    """
    leaves: list[Any] = []
    map_structure(leaves.append, structure)
    return leaves


def map_structure(function: Callable[..., Any], structure: Any, *others: Any) -> Any:
    """The same structure with `function` of each leaf (`keras.tree.map_structure`).

    >>> map_structure(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]})
    {'x': [11, 22]}
    """
    if isinstance(structure, dict):
        made = {
            key: map_structure(function, structure[key], *(other[key] for other in others))
            for key in sorted(structure)
        }
        return {key: made[key] for key in structure}
    if isinstance(structure, list | tuple):
        if any(len(other) != len(structure) for other in others):
            raise ValueError(
                "the structures must be alike. Received: lengths "
                f"{[len(structure), *(len(other) for other in others)]}"
            )
        items = [map_structure(function, *parts) for parts in zip(structure, *others, strict=True)]
        if hasattr(structure, "_fields"):
            return type(structure)(*items)
        return items if isinstance(structure, list) else tuple(items)
    return function(structure, *others)


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """A flat sequence in the form of a structure (`keras.tree.pack_sequence_as`).

    >>> pack_sequence_as({"b": [0, 0], "a": 0}, [3, 1, 2])
    {'b': [1, 2], 'a': 3}
    """
    leaves: Iterator[Any] = iter(flat_sequence)
    return map_structure(lambda _: next(leaves), structure)


__getattr__ = missing_attribute(__name__, __all__)
