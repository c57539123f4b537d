"""The model that a configuration in a file describes: JSON within limits, then a closed table."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from cnn_ext import budget, registry
from cnn_ext.saving.hdf5 import ModelFileError

MAX_BYTES = 2**25
_MAX_CONTAINERS = 10**6  # lists and objects
_MAX_DEPTH = 200  # of nested JSON
_MAX_MEMORY = 8  # bytes of variables, the optimizer's and metrics' too, for a byte of weights
_FREE_MEMORY = 2**26  # bytes of variables that any file may declare
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parsed(config: bytes, name: str) -> dict[str, Any]:
    """The object that JSON describes; `name` is the JSON's, for errors."""
    if len(config) > MAX_BYTES:
        raise ModelFileError(f"{name} has {len(config)} bytes, more than {MAX_BYTES}")
    if config.count(b"[") + config.count(b"{") > _MAX_CONTAINERS:
        raise ModelFileError(f"{name} has more than {_MAX_CONTAINERS} lists and objects")
    depth = deepest = 0
    for byte in config.translate(None, _NO_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > _MAX_DEPTH:
        raise ModelFileError(f"{name} is nested deeper than {_MAX_DEPTH} levels")
    try:
        node = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{name} is not JSON: {error}") from None
    if not isinstance(node, dict):
        raise ModelFileError(f"{name} does not describe a model")
    return node


def model_of(
    node: dict[str, Any],
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
    size: int,
    where: str,
) -> Any:
    """The model of a node, which may take memory in proportion to the size of the weights.

    Args:
        node: see `registry`.
        custom_objects: what else the node may name.
        compile: whether to compile it as it was.
        size: bytes of the file, or of the part of it that holds the weights.
        where: names the file in errors.
    """
    if not compile:
        node.pop("compile_config", None)
    memory = size * _MAX_MEMORY + _FREE_MEMORY
    with usable(where), registry.sharing(), budget.at_most(memory):
        registry.check_known(node, custom_objects)
        model = registry.deserialize_keras_object(node, custom_objects)
    if not hasattr(model, "layers"):
        raise ModelFileError(f"{where} holds no model. Received: {type(model).__name__}")
    return model


@contextlib.contextmanager
def usable(where: str) -> Iterator[None]:
    """A block that uses a configuration; what goes wrong becomes a ModelFileError."""
    try:
        yield
    except Warning:
        raise
    except Exception as error:  # whatever a constructor makes of bad arguments
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ModelFileError(f"{where}: its configuration cannot be used: {reason}") from error
