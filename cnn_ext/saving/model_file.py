"""The `.keras` file of Keras 3: a ZIP archive of a configuration and the weights.

Members, all stored uncompressed: `metadata.json`, `config.json` (the model's node, see `registry`)
and `model.weights.h5`. Reading never unpacks to disk and never imports or runs what a file names;
the sizes that a file declares are compared with its own size before anything is read.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from cnn_ext import registry
from cnn_ext._errors import teaches_keywords
from cnn_ext.saving.configuration import MAX_BYTES, model_of, parsed
from cnn_ext.saving.hdf5 import ModelFileError, opened
from cnn_ext.saving.replacing import replacing
from cnn_ext.saving.weights import (
    check_built,
    check_writable,
    set_all,
    values_in,
    write_weights,
)

KERAS_VERSION = "3.15.0"  # whose format is written
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_MEMBERS = 10_000
_MAX_RATIO = 50  # uncompressed bytes for a byte of the file


@teaches_keywords
def save_model(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
) -> None:
    """Write a model, its weights and how it was compiled to a `.keras` file.

    Args:
        model: a built model.
        filepath: ends in `.keras`.
        overwrite: whether a file that is there may be replaced.
        zipped: must not be False.
        include_optimizer: whether the compilation and the optimizer's state are written too.

    The counterpart of `keras.saving.save_model`, which can read the file.
    """
    path = Path(filepath)
    if path.suffix != ".keras" or zipped is False:
        raise ValueError(
            "Invalid filepath extension for saving. Please add a `.keras` extension; weights "
            "alone are written by model.save_weights('name.weights.h5'). "
            f"Received: filepath={os.fspath(filepath)}."
        )
    check_writable(path, overwrite)
    check_built(model)
    node = _node_of(model, include_optimizer)
    with replacing(path) as file:
        _write(file, node, model, include_optimizer)


def model_to_bytes(model: Any) -> bytes:
    """What a `.keras` file of the model would hold, for copies and pickles.

    The model need not be built. Raises a TypeError if a class or function of it is not registered.
    """
    node = _node_of(model)
    try:
        registry.check_known(node)
    except TypeError as error:
        raise TypeError(f"model '{model.name}' cannot be copied or pickled. {error}") from None
    file = io.BytesIO()
    _write(file, node, model)
    return file.getvalue()


def model_from_bytes(data: bytes) -> Any:
    """The model of what `model_to_bytes` returned; what is loaded is as safe as a file's."""
    return model_in(io.BytesIO(data), len(data), "the bytes of a model")


def _node_of(model: Any, include_optimizer: bool = True) -> dict[str, Any]:
    node = registry.serialize_shared(model)
    if not include_optimizer:
        node.pop("compile_config", None)
    return node


def _write(file: Any, node: dict[str, Any], model: Any, include_optimizer: bool = True) -> None:
    """Write the archive to an open file."""
    import h5py

    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    weights = io.BytesIO()
    with h5py.File(weights, "w") as store:
        write_weights(model, store, include_optimizer)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_METADATA, json.dumps(metadata))
        archive.writestr(_CONFIG, json.dumps(node))
        archive.writestr(_WEIGHTS, weights.getbuffer())


def model_in(
    file: BinaryIO,
    size: int,
    where: str,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Any:
    """The model in an open file of this many bytes; `where` names it in errors."""
    node, weights = _read_archive(file, size, where)
    model = model_of(node, custom_objects, compile, len(weights), where)
    with opened(weights, f"{where}: {_WEIGHTS}") as store:
        set_all(values_in(store, model))
    return model


def weights_of(path: Path) -> bytes:
    """The `.weights.h5` file within a `.keras` file."""
    with open(path, "rb") as file:
        return _read_archive(file, path.stat().st_size, str(path))[1]


def _read_archive(file: BinaryIO, size: int, where: str) -> tuple[dict[str, Any], bytes]:
    """The model's node and the bytes of its weights."""
    limit = size * _MAX_RATIO
    try:
        with zipfile.ZipFile(file) as archive:
            _check_members([member.filename for member in archive.infolist()])
            config = _member(archive, _CONFIG, min(limit, MAX_BYTES))
            weights = _member(archive, _WEIGHTS, limit)
        return parsed(config, _CONFIG), weights
    except ModelFileError as error:
        raise ModelFileError(f"{where}: {error}") from None
    except Exception as error:  # whatever zipfile and its decompressors make of a damaged file
        raise ModelFileError(f"{where} is not a readable `.keras` file: {error}") from None


def _check_members(names: list[str]) -> None:
    """An error for names that no writer of models gives."""
    if len(names) > _MAX_MEMBERS:
        raise ModelFileError(f"it holds {len(names)} members, more than {_MAX_MEMBERS}")
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ModelFileError(f"it holds '{twice}' more than once")
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if parts[0] == "" or ".." in parts or ":" in parts[0]:
            raise ModelFileError(f"it holds a member outside its own folder: '{name}'")


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    if name not in archive.namelist():
        raise ModelFileError(f"it must hold '{name}'. Received: {archive.namelist()[:9]}")
    member = archive.getinfo(name)
    if member.compress_type not in _METHODS:  # others take memory that they declare themselves
        raise ModelFileError(
            f"'{name}' must be stored or deflated. Received: method {member.compress_type}"
        )
    if member.file_size > limit:
        raise ModelFileError(
            f"'{name}' would need {member.file_size} bytes, more than the {limit} that a file "
            "of this size may need"
        )
    with archive.open(member) as opened:
        data = opened.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise ModelFileError(f"'{name}' does not have the size that the archive states")
    return data
