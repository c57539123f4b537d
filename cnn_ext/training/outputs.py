"""Which target belongs to which output, and what the outputs are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cnn_ext.tree import flatten, is_nested, map_structure


def is_flat(structure: Any) -> bool:
    """Whether it is a list or dict of leaves."""
    return is_nested(structure) and len(flatten(structure)) == len(structure)


Path = tuple[str | int, ...]


def paths(structure: Any, start: Path = ()) -> Iterator[Path]:
    """The keys and positions on the way to each leaf, in flat order."""
    if isinstance(structure, dict):
        for key in sorted(structure):
            yield from paths(structure[key], (*start, key))
    elif isinstance(structure, list | tuple):
        for position, item in enumerate(structure):
            yield from paths(item, (*start, position))
    else:
        yield start


def names_of(y_pred: Any, output_names: list[str] | None) -> list[str | None]:
    """The model's name for each leaf of y_pred, in flat order; keys for a dict of leaves."""
    found = list(paths(y_pred))
    if isinstance(y_pred, dict) and is_flat(y_pred):
        return [str(key) for (key,) in found]
    known = output_names is not None and len(output_names) == len(found)
    return list(output_names) if known else [None] * len(found)  # type: ignore[arg-type]


def aligned_targets(
    y_true: Any, y_pred: Any, output_names: list[str] | None, wanted: list[Any]
) -> list[Any]:
    """The leaves of y_true in the flat order of y_pred's leaves.

    Args:
        y_true: targets in the structure of y_pred, as a flat list, or as a dict by output names.
        y_pred: predictions.
        output_names: names of the outputs in flat order, if they are known.
        wanted: None for outputs that need no target; those may be missing in y_true.
    """
    count = len(wanted)
    if isinstance(y_true, dict) and not isinstance(y_pred, dict) and output_names:
        if count == len(output_names) and set(y_true) <= set(output_names):
            found = [y_true.get(name) for name in output_names]
            if all(w is None or f is not None for f, w in zip(found, wanted, strict=True)):
                return found
    elif alike(y_true, y_pred):
        return flatten(y_true)
    flat = flatten(y_true)
    if len(flat) == count and not (isinstance(y_true, dict) and isinstance(y_pred, dict)):
        return flat
    needed = [index for index, one in enumerate(wanted) if one is not None]
    if isinstance(y_true, dict) and isinstance(y_pred, dict) and set(y_true) <= set(y_pred):
        partial = {key: y_true.get(key) for key in y_pred}
        if is_flat(y_pred) and all(flatten(partial)[index] is not None for index in needed):
            return flatten(partial)
    elif len(flat) == len(needed):
        places = dict(zip(needed, flat, strict=True))
        return [places.get(index) for index in range(count)]
    raise ValueError(
        "y_true and y_pred have different structures. "
        f"y_true: {map_structure(lambda _: '*', y_true)}, "
        f"y_pred: {map_structure(lambda _: '*', y_pred)}"
        + (f"; the outputs are {output_names}" if output_names else "")
    )


def alike(one: Any, other: Any) -> bool:
    """Whether two structures have the same keys and lengths; lists and tuples are alike."""
    if isinstance(one, dict) or isinstance(other, dict):
        return (
            isinstance(one, dict)
            and isinstance(other, dict)
            and set(one) == set(other)
            and all(alike(one[key], other[key]) for key in one)
        )
    if is_nested(one) != is_nested(other):
        return False
    if not is_nested(one):
        return True
    return len(one) == len(other) and all(map(alike, one, other))


def is_binary(y_pred: Any) -> bool:
    """Whether predictions are one number a sample."""
    return y_pred.shape[-1] == 1


def is_sparse(y_true: Any, y_pred: Any) -> bool:
    """Whether targets are labels, and not one-hot rows as the predictions are."""
    fewer = len(y_true.shape) < len(y_pred.shape)
    return fewer or (y_true.shape[-1] == 1 and y_pred.shape[-1] > 1)
