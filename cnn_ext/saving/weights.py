"""The `.weights.h5` file of Keras 3; tensors.py has the safetensors file.

A group for each object that holds variables, with the datasets `vars/0`, `vars/1`, ...; the layers
of a model are named by their class, numbered within it (`layers/conv2d`, `layers/conv2d_1`), not by
their own names; the optimizer's state is in `optimizer`. Written to a temporary file in the same
folder, which then takes the old one's place. On reading, every shape is compared with the model's
before anything is read, links and storage outside the file are refused, and nothing is assigned
until everything was read.
"""

from __future__ import annotations

import io
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cnn_ext._errors import teaches_keywords
from cnn_ext.autograd import Variable
from cnn_ext.naming import numbered, snake_case
from cnn_ext.saving import hdf5
from cnn_ext.saving.hdf5 import Mismatch
from cnn_ext.saving.replacing import replacing

SUFFIX = ".weights.h5"
SUFFIXES = (SUFFIX, ".safetensors")
Values = dict[int, tuple[Variable, np.ndarray]]  # what variables are to be set to, by their id


@teaches_keywords
def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model's weights, and its optimizer's state, to a file.

    Args:
        model: a built model.
        filepath: ends in `.weights.h5`, which Keras reads, or in `.safetensors`.
        overwrite: whether a file that is there may be replaced.

    Raises:
        ValueError: for another suffix, or a model without weights yet.
        FileExistsError: if the file is there and may not be replaced.
        ImportError: for `.safetensors`, if the package safetensors is not installed.

    >>> import cnn_ext as keras
    >>> model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="end")])
    >>> save_weights(model, "model.safetensors")
    >>> from safetensors.numpy import load_file
    >>> sorted(load_file("model.safetensors"))
    ['layers/dense/vars/0', 'layers/dense/vars/1']
    """
    path = _checked_path(filepath)
    check_writable(path, overwrite)
    check_built(model)
    if path.name.endswith(SUFFIXES[1]):
        from cnn_ext.saving.tensors import write_tensors

        write_tensors(model, path)
        return
    write_hdf5(path, lambda file: write_weights(model, file))


def write_hdf5(path: Path, write: Callable[[Any], None]) -> None:
    """Make an HDF5 file, whole or not at all, of what a function writes into it.

    In memory first: where the disk is full, HDF5 ends the process.
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        write(file)
    with replacing(path) as opened:
        opened.write(content.getbuffer())


def check_writable(path: Path, overwrite: bool) -> None:
    """An error if there is a file that may not be replaced."""
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists; pass overwrite=True to replace it. Received: overwrite={overwrite}"
        )


def check_built(model: Any) -> None:
    """An error if a layer has no weights yet."""
    unbuilt = [layer.name for layer in (model, *model.layers) if not layer.built]
    if unbuilt:
        raise ValueError(
            f"model '{model.name}' has no weights yet: give it an Input, or call it on data, "
            f"before saving. Received: not built: {', '.join(unbuilt)}"
        )


def write_weights(model: Any, file: Any, include_optimizer: bool = True) -> None:
    """Write all variables of a model, and of its optimizer, into an open HDF5 file."""
    for place, holder, variables in holders(model):
        if place == "optimizer" and not include_optimizer:
            continue
        group = file.create_group(f"{place}/vars".lstrip("/"))
        group.attrs["name"] = holder.name
        for index, variable in enumerate(variables):
            group.create_dataset(str(index), data=variable.data)


def values_in(file: hdf5.Group, model: Any, skip_mismatch: bool = False) -> Values:
    """What an open HDF5 file holds for all variables of a model and its optimizer."""
    found: Values = {}
    places = []
    for place, holder, variables in holders(model):
        places.append(f"{place}/vars".lstrip("/"))
        try:
            values = _read_all(file, places[-1], variables)
        except Mismatch as error:
            if place != "optimizer" and not skip_mismatch:
                raise
            warnings.warn(f"'{holder.name}' was skipped: {error}", stacklevel=5)
        else:
            found |= {id(variable): (variable, value) for variable, value in values}
    left = None if skip_mismatch else _unread(file, {*places})
    if left is not None:
        raise Mismatch(f"'{left}' holds variables that the model has no place for")
    return found


def set_all(values: Values) -> None:
    """Set variables to what was read for them."""
    for variable, value in values.values():
        variable.assign(value)


def _checked_path(filepath: str | os.PathLike[str]) -> Path:
    path = Path(filepath)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(
            f"The filename must end in `{SUFFIX}` or `{SUFFIXES[1]}`; whole models are written by "
            f"model.save() and read by load_model(). Received: filepath={os.fspath(filepath)}"
        )
    return path


def holders(model: Any) -> Iterator[tuple[str, Any, list[Variable]]]:
    """(place in the file, object, its own variables) for all that a model's file holds."""
    yield from _layers_of("", model, set())
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        if not optimizer.built:
            yield "optimizer", optimizer, optimizer.variables[:2]
        else:
            yield "optimizer", optimizer, optimizer.variables


def _layers_of(place: str, layer: Any, seen: set[int]) -> Iterator[tuple[str, Any, list[Variable]]]:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield place, layer, layer.own_variables
    for name, value in _attributes_of(layer):
        yield from _layers_in(f"{place}/{name}".lstrip("/"), value, seen)


def _attributes_of(layer: Any) -> list[tuple[str, Any]]:
    """Names and values in Keras's order: private ones last, a Sequential's layers first."""
    hidden = ("_sublayers", "_constructor_arguments")
    attributes = {name: value for name, value in vars(layer).items() if name not in hidden}
    if hasattr(layer, "layers"):
        attributes["layers"] = layer.layers
    first = "layers" if getattr(layer, "saves_layers_first", False) else None

    def order(item: tuple[str, Any]) -> tuple[bool, bool, str]:
        name = item[0]
        return name != first, name.startswith("_"), name

    return sorted(attributes.items(), key=order)


def _layers_in(place: str, value: Any, seen: set[int]) -> Iterator[tuple[str, Any, list[Variable]]]:
    """What is kept in an attribute: a layer, or lists and dicts of layers."""
    if hasattr(value, "own_variables"):
        yield from _layers_of(place, value, seen)
    elif isinstance(value, list | tuple | dict):
        used: Counter[str] = Counter()
        for child in value.values() if isinstance(value, dict) else value:
            is_layer = hasattr(child, "own_variables")
            if is_layer or isinstance(child, list | tuple | dict):
                kind = snake_case(type(child).__name__) if is_layer else "container"
                yield from _layers_in(f"{place}/{numbered(kind, used)}", child, seen)


def _read_all(
    file: hdf5.Group, place: str, variables: list[Variable]
) -> list[tuple[Variable, np.ndarray]]:
    """As `_read`; an optimizer that had made no step was saved without what the first one makes."""
    group = hdf5.subgroup(file, place) if place == "optimizer/vars" else None
    if group is not None and 0 < len(group) < min(3, len(variables)):
        found = _read(file, place, variables[: len(group)])
        if found[0][1] == 0:
            return found
    return _read(file, place, variables)


def _read(
    file: hdf5.Group, place: str, variables: list[Variable]
) -> list[tuple[Variable, np.ndarray]]:
    """The values that the file holds for these variables, each checked before it is read."""
    count = len(hdf5.subgroup(file, place) or ())
    if count != len(variables):
        raise Mismatch(f"'{place}' holds {count} variables where the model has {len(variables)}")
    values = []
    for index, variable in enumerate(variables):
        path = f"{place}/{index}"
        values.append((variable, hdf5.value_for(variable, hdf5.dataset(file, path), path)))
    return values


def _unread(file: hdf5.Group, places: set[str]) -> str | None:
    """Where the file holds variables of a layer that were not asked for."""
    for place, group in hdf5.groups(file):
        asked_for = place in places or place.startswith("optimizer/")
        if place.endswith("/vars") and len(group) and not asked_for:
            return place
    return None
