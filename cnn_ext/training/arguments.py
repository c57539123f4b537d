"""What `fit` is told, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext.training.data import ArrayData, is_array_data
from cnn_ext.tree import is_nested


def check_epochs(**numbers: Any) -> None:
    """An error that names the argument that is no integer."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name} must be an integer. Received: {name}={value!r}")


def check_verbose(verbose: Any) -> None:
    """An error for a level that there is not."""
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose must be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")


def is_due(epoch: int, frequency: Any) -> bool:
    """Whether to validate after this epoch, counted from 1."""
    if isinstance(frequency, list):
        return epoch in frequency
    if isinstance(frequency, bool) or not isinstance(frequency, int) or frequency < 1:
        raise ValueError(
            "validation_freq must be a positive integer or a list of epochs. "
            f"Received: validation_freq={frequency!r}"
        )
    return epoch % frequency == 0


def validation_parts(data: Any, needs_targets: bool) -> tuple[Any, ...]:
    """validation_data as arrays with one row a sample, or as batches.

    Args:
        data: (x, y), (x, y, sample_weight), or batches; (x,) or x without a loss that needs y.
        needs_targets: whether there is one.
    """
    if isinstance(data, ArrayData) or not (is_array_data(data) or is_nested(data)):
        return (data,)
    parts = tuple(data) if isinstance(data, list | tuple) else (data,)
    if not 1 <= len(parts) <= 3 or (len(parts) == 1 and needs_targets):
        raise ValueError(
            "validation_data must be a tuple (x_val, y_val) or (x_val, y_val, sample_weights). "
            f"Received: {type(data).__name__}"
            + (f" of length {len(data)}" if isinstance(data, tuple | list) else "")
        )
    if not is_array_data(parts[0]) and len(parts) == 1:
        return parts
    x, y, sample_weight = (*parts, None, None)[:3]
    return (ArrayData(x, y, sample_weight, "validation_data"),)
