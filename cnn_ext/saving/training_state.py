"""A training's state in one file: a `.weights.h5` file that also holds plain data.

Keras reads the file as weights. What it lacks lies in the group `training`: the dataset `state`,
JSON, and the arrays that this names by their number. One file, so that weights and state can never
be of different moments.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from cnn_ext.saving import hdf5
from cnn_ext.saving.configuration import parsed
from cnn_ext.saving.hdf5 import ModelFileError
from cnn_ext.saving.weights import set_all, values_in, write_hdf5, write_weights

_GROUP = "training"
_KINDS = "biuf"  # of dtypes
_MAX_KEY = 2**60


class NotPlainError(TypeError):
    """A value that is not made of numbers, strings, arrays, lists, tuples, sets and dicts."""


def save_training(model: Any, path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write the weights, the optimizer's state and plain data, whole or not at all."""

    def write(file: Any) -> None:
        write_weights(model, file)
        arrays: list[np.ndarray] = []
        text = json.dumps(_encoded(state, arrays)).encode()
        group = file.create_group(_GROUP)
        group.create_dataset("state", data=np.frombuffer(text, np.uint8))
        for index, array in enumerate(arrays):
            group.create_dataset(
                str(index), data=array.view(np.uint8) if _is_bool(array) else array
            )

    write_hdf5(Path(path), write)


def load_training(model: Any, path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read what `save_training` wrote; None for a file that holds weights alone.

    Raises a ModelFileError, before anything is changed, if the file cannot be used.
    """
    with hdf5.opened(Path(path), str(path)) as file:
        state = _state_in(file)
        values = values_in(file, model)
    set_all(values)
    return state


def is_plain(value: Any) -> bool:
    """Whether a value can be kept in such a file."""
    try:
        _encoded(value, [])
    except (NotPlainError, RecursionError):
        return False
    return True


def plain_bytes(value: Any) -> bytes:
    """Bytes that are equal for equal values that `is_plain`."""
    arrays: list[np.ndarray] = []
    text = json.dumps(_encoded(value, arrays))
    shapes = [(array.dtype.str, array.shape) for array in arrays]
    return b"".join([f"{text}{shapes}".encode(), *(array.tobytes() for array in arrays)])


def _state_in(file: hdf5.Group) -> dict[str, Any] | None:
    if _GROUP not in file:
        return None
    try:
        text = _array(file, "state").tobytes()
        state = _decoded(parsed(text, f"{_GROUP}/state"), file)
    except hdf5.Mismatch:
        raise
    except ModelFileError as error:
        raise hdf5.Mismatch(str(error)) from None
    except Exception as error:  # whatever the decoder makes of other JSON
        raise hdf5.Mismatch(f"'{_GROUP}' holds no state of a training: {error}") from None
    if not isinstance(state, dict):
        raise hdf5.Mismatch(f"'{_GROUP}' holds no state of a training")
    return state


def _array(file: hdf5.Group, name: str) -> np.ndarray:
    place = f"{_GROUP}/{name}"
    return hdf5.numbers(hdf5.dataset(file, place), place).copy()


def _is_bool(value: np.ndarray) -> bool:
    return value.dtype.kind == "b"


def _encoded(value: Any, arrays: list[np.ndarray]) -> Any:
    """The value as JSON: lists and scalars as they are, all else as an object of one key."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        array = np.asarray(value, order="C")
        if array.dtype.kind not in _KINDS or array.dtype.itemsize > 8:
            raise NotPlainError(f"an array of {array.dtype}")
        arrays.append(array)
        kind = "bools" if _is_bool(array) else "array"
        return {kind: [len(arrays) - 1, isinstance(value, np.generic)]}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, list):
        return [_encoded(v, arrays) for v in value]
    if isinstance(value, tuple):
        return {"tuple": [_encoded(v, arrays) for v in value]}
    if isinstance(value, set | frozenset):
        return {"set": [_encoded(_key(v), arrays) for v in value]}
    if isinstance(value, dict):
        return {
            "dict": [[_encoded(_key(k), arrays), _encoded(v, arrays)] for k, v in value.items()]
        }
    raise NotPlainError(f"an object of type {type(value).__name__}")


def _decoded(value: Any, file: hdf5.Group) -> Any:
    if isinstance(value, list):
        return [_decoded(v, file) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, inside),) = value.items()
    if kind in ("array", "bools"):
        index, is_scalar = inside
        array = _array(file, str(int(index)))
        array = array.view(np.bool_) if kind == "bools" else array
        return array[()] if is_scalar else array
    if kind == "dict":
        return {_key(_decoded(k, file)): _decoded(v, file) for k, v in inside}
    if kind == "set":
        return {_key(_decoded(v, file)) for v in inside}
    if kind != "tuple":
        raise ValueError(f"a value of kind {kind}")
    return tuple(_decoded(v, file) for v in inside)


def _key(value: Any) -> Any:
    """A value to be looked up; of larger integers any number can be of one hash."""
    if isinstance(value, int | np.integer) and not -_MAX_KEY < value < _MAX_KEY:
        raise NotPlainError(f"{value}, too large to be looked up")
    if isinstance(value, tuple):
        for item in value:
            _key(item)
    return value
