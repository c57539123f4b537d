"""Names of layers, models and optimizers: snake case, numbered, as Keras gives them."""

from __future__ import annotations

import contextlib
import gc
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

_used: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """A class name in Keras's snake case.

    >>> snake_case("MaxPooling2D"), snake_case("Conv2D"), snake_case("ReLU")
    ('max_pooling2d', 'conv2d', 're_lu')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name: str) -> str:
    """The next name for a class: `conv2d`, `conv2d_1`, ..."""
    return numbered(snake_case(class_name), _used)


def numbered(prefix: str, used: Counter[str]) -> str:
    """The next of prefix, prefix_1, prefix_2, ..., counted in `used`."""
    count = used[prefix]
    used[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def checked_name(name: Any) -> str | None:
    """A name that a layer, an operation or a model was given, or an error."""
    if name is not None and (not isinstance(name, str) or "/" in name):
        raise ValueError(
            "Argument `name` must be a string and cannot contain character `/`. "
            f"Received: name={name} (of type {type(name)})"
        )
    return name


def get_uid(prefix: str = "") -> int:
    """1, 2, 3, ... for each prefix (`keras.backend.get_uid`)."""
    _used[f"uid of {prefix}"] += 1
    return _used[f"uid of {prefix}"]


def clear_session(free_memory: bool = True) -> None:
    """Start the automatic numbering of names afresh (`keras.utils.clear_session`).

    Args:
        free_memory: whether to collect garbage, and so free models in reference cycles, now.
    """
    _used.clear()
    if free_memory:
        gc.collect()


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[None]:
    """A block that `keras.name_scope` names; nothing here depends on it."""
    yield
