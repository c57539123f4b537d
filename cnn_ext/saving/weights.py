"""The `.weights.h5` file of Keras 3.

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
from cnn_ext.saving.replacing import replacing

SUFFIX = ".weights.h5"


class ModelFileError(ValueError):
    """A model file that cannot be used: what is wrong with it, and where."""


class ModelFileMissing(ModelFileError, FileNotFoundError):
    """There is no such model file."""


@teaches_keywords
def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model's weights, and its optimizer's state, to a `.weights.h5` file.

    Args:
        model: a built model.
        filepath: ends in `.weights.h5`.
        overwrite: whether a file that is there may be replaced.

    Raises:
        ValueError: for another suffix, or a model without weights yet.
        FileExistsError: if the file is there and may not be replaced.
    """
    path = _checked_path(filepath)
    check_writable(path, overwrite)
    check_built(model)
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
    for place, holder, variables in _holders(model):
        if place == "optimizer" and not include_optimizer:
            continue
        group = file.create_group(f"{place}/vars".lstrip("/"))
        group.attrs["name"] = holder.name
        for index, variable in enumerate(variables):
            group.create_dataset(str(index), data=variable.data)


@teaches_keywords
def load_weights(model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
    """Read a `.weights.h5` file, written here or by Keras 3, into a model of the same layers.

    Args:
        model: a built model.
        filepath: the file.
        skip_mismatch: leave layers whose variables do not match as they are, with a warning.

    Raises:
        ModelFileError: if the file is damaged, unsafe or does not match; the model is unchanged.
        FileNotFoundError: if there is no such file.
    """
    path = _checked_path(filepath)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}. Received: filepath={path}")
    if not model.built:
        raise ValueError(
            f"model '{model.name}' has no weights yet to load into: give it an Input, call it on "
            "data or build(input_shape) it before loading"
        )
    read_weights(model, path, str(path), skip_mismatch)


def read_weights(model: Any, source: Any, where: str, skip_mismatch: bool = False) -> None:
    """Read all variables of a model and its optimizer from an HDF5 file: a path or its bytes."""
    import h5py

    found: list[tuple[Variable, np.ndarray]] = []
    try:
        with h5py.File(source, "r") as file:
            places = []
            for place, holder, variables in _holders(model):
                places.append(f"{place}/vars".lstrip("/"))
                try:
                    found += _read_all(file, places[-1], variables)
                except _Mismatch as error:
                    if place != "optimizer" and not skip_mismatch:
                        raise
                    warnings.warn(f"'{holder.name}' was skipped: {error}", stacklevel=4)
            left = _unread(file, places)
            if left and not skip_mismatch:
                raise _Mismatch(f"'{left[0]}' holds variables that the model has no place for")
    except _Mismatch as error:
        raise ModelFileError(f"{where}: {error}") from None
    except Warning:
        raise
    except Exception as error:  # whatever HDF5 makes of a damaged file
        raise ModelFileError(f"{where} is not a readable HDF5 file: {error}") from None
    for variable, value in found:
        variable.assign(value)


class _Mismatch(ValueError):
    """A part of the file that does not match the model."""


def _checked_path(filepath: str | os.PathLike[str]) -> Path:
    path = Path(filepath)
    if not path.name.endswith(SUFFIX):
        raise ValueError(
            f"The filename must end in `{SUFFIX}`; whole models are written by "
            f"model.save() and read by load_model(). Received: filepath={os.fspath(filepath)}"
        )
    return path


def _holders(model: Any) -> Iterator[tuple[str, Any, list[Variable]]]:
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
    file: Any, place: str, variables: list[Variable]
) -> list[tuple[Variable, np.ndarray]]:
    """As `_read`; an optimizer that had made no step was saved without what the first one makes."""
    group = _member(file, place) if place == "optimizer/vars" else None
    if group is not None and 0 < len(group) < min(3, len(variables)):
        found = _read(file, place, variables[: len(group)])
        if found[0][1] == 0:
            return found
    return _read(file, place, variables)


def _read(file: Any, place: str, variables: list[Variable]) -> list[tuple[Variable, np.ndarray]]:
    """The values that the file holds for these variables, each checked before it is read."""
    import h5py

    group = _member(file, place)
    if group is not None and not isinstance(group, h5py.Group):
        raise _Mismatch(f"'{place}' is not a group")
    count = 0 if group is None else len(group)
    if count != len(variables):
        raise _Mismatch(f"'{place}' holds {count} variables where the model has {len(variables)}")
    values = []
    for index, variable in enumerate(variables):
        dataset = dataset_in(group, str(index), place)
        where = f"'{place}/{index}'"
        if dataset.shape != variable.shape:
            raise _Mismatch(
                f"{where} has shape {dataset.shape} where the model has {variable.shape} "
                f"('{variable.path}')"
            )
        if dataset.dtype.kind not in ("iu" if variable.data.dtype.kind in "iu" else "fiu"):
            raise _Mismatch(f"{where} holds {dataset.dtype}, not numbers for {variable.dtype}")
        if dataset.chunks is not None:  # as all that is compressed
            raise _Mismatch(f"{where} is compressed or in chunks, which is refused")
        with np.errstate(over="ignore"):
            values.append((variable, dataset[()].astype(variable.dtype)))
    return values


def dataset_in(group: Any, name: str, place: str) -> Any:
    """The dataset of this name in a group, where it must lie plainly; `place` is the group's."""
    import h5py

    dataset = _member(group, name, place)
    where = "'" + f"{place}/{name}".lstrip("/") + "'"
    if not isinstance(dataset, h5py.Dataset):
        raise _Mismatch(f"{where} is not a dataset")
    if dataset.is_virtual or dataset.external:
        raise _Mismatch(f"{where} is stored outside the file, which is refused")
    return dataset


def _unread(file: Any, places: list[str]) -> list[str]:
    """Where the file holds variables of layers that were not asked for."""
    import h5py

    found = []

    def visit(name: str, item: Any) -> None:
        if name.endswith("/vars") and isinstance(item, h5py.Group) and len(item):
            found.append(name)

    file.visititems(visit)
    return [n for n in found if n not in places and not n.startswith("optimizer/")]


def _member(group: Any, place: str, within: str = "") -> Any:
    """What lies at a path within a group, None if nothing; links elsewhere are refused."""
    import h5py

    for name in place.split("/"):
        link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            full = f"{within}/{place}".lstrip("/")
            raise _Mismatch(f"'{full}' is a link, which is refused")
        group = group[name]
    return group
