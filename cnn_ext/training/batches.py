"""Batches as `(x, y, sample_weight)`, and what may be in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.tree import flatten, is_nested, map_structure
from cnn_ext.utils import pack_x_y_sample_weight, unpack_x_y_sample_weight

__all__ = [
    "Rows",
    "arrays",
    "is_array",
    "numbers",
    "pack_x_y_sample_weight",
    "rows_of",
    "sample_count",
    "unpack_x_y_sample_weight",
    "weights_of_classes",
]


@dataclass(frozen=True)
class Rows:
    """A batch that is not gathered yet: some rows of arrays, or of structures of them.

    >>> Rows(np.eye(3), np.arange(3), None, np.array([2, 0])).packed()[1]
    array([2, 0])
    """

    x: Any
    y: Any
    sample_weight: Any
    rows: np.ndarray

    def packed(self) -> Any:
        """The batch as `train_step` gets it."""
        parts = (self.x, self.y, self.sample_weight)
        return pack_x_y_sample_weight(*(rows_of(part, self.rows) for part in parts))


def rows_of(part: Any, rows: Any) -> Any:
    """Some rows of each array, floats in the default dtype."""
    if part is None:
        return None
    if isinstance(part, np.ndarray):
        return in_floatx(part[rows])
    return map_structure(lambda array: None if array is None else in_floatx(array[rows]), part)


def is_array(value: Any) -> bool:
    """Whether it is data as one array: an array, a table, or numbers in nested lists."""
    if hasattr(value, "__array__") or hasattr(value, "to_numpy"):
        return True
    if isinstance(value, list | tuple):
        return all(not hasattr(leaf, "__array__") and np.isscalar(leaf) for leaf in flatten(value))
    return False


def arrays(name: str, structure: Any) -> Any:
    """A structure of a user's data with arrays for leaves; None stays None."""
    if structure is None or is_array(structure) or not is_nested(structure):
        return None if structure is None else numbers(name, structure)
    if isinstance(structure, dict):
        return {key: arrays(f"{name}[{key!r}]", item) for key, item in structure.items()}
    made = [arrays(f"{name}[{i}]", item) for i, item in enumerate(structure)]
    return made if isinstance(structure, list) else tuple(made)


def numbers(name: str, value: Any) -> np.ndarray:
    """A user's data as an array of numbers, or an error that says what was given."""
    if isinstance(value, Tensor):
        value = value.data
    elif hasattr(value, "to_numpy") and not isinstance(value, np.ndarray):
        value = value.to_numpy()
    try:
        array = as_array(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold numbers in a regular shape, each row as long as the others. "
            f"Received: {type(value).__name__}"
            + (f" of length {len(value)}" if hasattr(value, "__len__") else "")
        ) from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold numbers. Received: dtype={array.dtype}")
    return array


def in_floatx(array: Any) -> Any:
    """Floats in the default dtype."""
    if array is None or array.dtype.kind != "f" or array.dtype == config.floatx():
        return array
    return array.astype(config.floatx())


def as_batch(batch: Any) -> Any:
    """What a user's generator or data set has made, with arrays for leaves."""
    x, y, sample_weight = unpack_x_y_sample_weight(batch)
    found = [
        map_structure(in_floatx, arrays(name, part))
        for name, part in (("x", x), ("y", y), ("sample_weight", sample_weight))
    ]
    return pack_x_y_sample_weight(*found)


def sample_count(x: Any) -> int:
    """Number of samples in a batch's inputs."""
    for leaf in flatten(x):
        if leaf is not None:
            return int(leaf.shape[0])
    return 0


def weights_of_classes(y: Any, class_weight: Any) -> np.ndarray:
    """A factor for each sample by its class: targets are labels, or one-hot rows."""
    if not isinstance(class_weight, dict):
        raise TypeError(
            "class_weight must be a dict of factors by class, such as {0: 1.0, 1: 2.5}. "
            f"Received: {class_weight!r}"
        )
    if y is None:
        raise ValueError("class_weight needs targets: pass y")
    if is_nested(y):
        raise ValueError(
            "`class_weight` is only supported for Models with a single output. "
            f"Received: class_weight={class_weight} and {len(flatten(y))} targets"
        )
    one_hot = y.ndim > 1 and y.shape[-1] != 1
    labels = y.argmax(axis=-1) if one_hot else np.rint(y).astype(np.int64)
    labels = labels[..., 0] if not one_hot and y.ndim > 1 else labels
    weights = np.ones(labels.shape, config.floatx())
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights
