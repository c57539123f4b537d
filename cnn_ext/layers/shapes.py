"""Structures of shapes: one shape, or lists, tuples and dicts of shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def is_shape(value: Any) -> bool:
    """Whether it is one shape, and not a list, tuple or dict of shapes."""
    return isinstance(value, list | tuple) and all(
        n is None or isinstance(n, int | np.integer) for n in value
    )


def as_shapes(value: Any) -> Any:
    """Shapes as tuples, in the structure that they came in."""
    if value is None or is_shape(value):
        return None if value is None else tuple(value)
    if isinstance(value, dict):
        return {key: as_shapes(item) for key, item in value.items()}
    return type(value)(as_shapes(item) for item in value)


def map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    """`function` of each shape in a structure of shapes."""
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: map_shapes(function, shape) for key, shape in shapes.items()}
    return type(shapes)(map_shapes(function, shape) for shape in shapes)


def without_batch(shapes: Any) -> Any:
    """Shapes with None for the batch size."""
    if shapes is None:
        return ()
    return map_shapes(lambda shape: (None, *shape[1:]) if shape else (), shapes)
