"""What `fit` is told, checked."""

from __future__ import annotations

from typing import Any

import numpy as np


def listed(callbacks: Any) -> list[Any]:
    """Callbacks as a list, also if there is one or none."""
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]


def check_epochs(**numbers: Any) -> None:
    """An error that names the argument that is no integer."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name} must be an integer. Received: {name}={value!r}")


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
