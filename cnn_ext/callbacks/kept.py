"""What an object has come to know in a training, as plain data: numbers, arrays, lists, dicts."""

from __future__ import annotations

import copy
import hashlib
import inspect
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext.random import SeedGenerator
from cnn_ext.saving.training_state import is_plain, plain_bytes

Knowledge = dict[str, Any]


def knowledge(holder: Any, wanted: Callable[[Any], bool] = is_plain) -> Knowledge:
    """The attributes of an object that are plain data or random generators, by name.

    Strings are left out, since they may be paths, and so are the arguments of this package's
    constructors, since the caller has just given them.

    Args:
        holder: the object.
        wanted: which plain data count.
    """
    settings = _settings(type(holder))
    found = {}
    for name, value in vars(holder).items():
        if name in settings or isinstance(value, str | bytes):
            continue
        if is_generator(value):
            found[name] = generator_state(value)
        elif wanted(value):
            found[name] = value
    return found


def put_back(holder: Any, known: Knowledge) -> None:
    """Give an object again what `knowledge` found; only what it has attributes for."""
    settings = _settings(type(holder))
    for name, value in known.items():
        before = vars(holder).get(name, "")
        if name in settings or isinstance(before, str | bytes):
            continue
        if is_generator(before):
            set_generator(before, value)
        elif is_plain(before):
            setattr(holder, name, copy.deepcopy(value))


def fingerprints(known: Knowledge) -> dict[str, bytes]:
    """Of each value, something that changes when it does."""
    return {
        name: hashlib.blake2b(plain_bytes(value), digest_size=16).digest()
        for name, value in known.items()
    }


def without(known: Knowledge, before: dict[str, bytes]) -> Knowledge:
    """What has changed since `fingerprints` were taken."""
    now = fingerprints(known)
    return {name: value for name, value in known.items() if now[name] != before.get(name)}


def is_small(value: Any) -> bool:
    """Whether it is plain data, and surely none that a network is trained on."""
    if isinstance(value, np.ndarray):
        return value.ndim <= 1 and value.dtype.kind in "iu"
    if isinstance(value, list | tuple | set | dict):
        return len(value) <= 10**6 and all(not np.ndim(one) for one in value) and is_plain(value)
    return is_plain(value)


def is_generator(value: Any) -> bool:
    """Whether it makes random numbers from a state."""
    kinds = (SeedGenerator, random.Random, np.random.RandomState, np.random.Generator)
    return isinstance(value, kinds) and not isinstance(value, random.SystemRandom)


def generator_state(generator: Any) -> Any:
    """The state of a random generator, of Python, NumPy or cnn_ext, as plain data."""
    if isinstance(generator, SeedGenerator):
        return generator.state.numpy().copy()
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.bit_generator.state


def set_generator(generator: Any, state: Any) -> None:
    """Let a random generator go on from `generator_state`."""
    if isinstance(generator, SeedGenerator):
        generator.state.assign(state)
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state


def _settings(kind: type) -> set[str]:
    """Names of what this package's constructors of a class set, and it says changes for itself."""
    names = {"model", "params"}
    for base in kind.__mro__:
        names.update(vars(base).get("_not_kept", ()))
        if base.__module__.startswith("cnn_ext.") and "__init__" in vars(base):
            names.update(inspect.signature(vars(base)["__init__"]).parameters)
    return names
