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

from cnn_ext import budget, registry
from cnn_ext._errors import teaches_keywords
from cnn_ext.saving.replacing import replacing
from cnn_ext.saving.weights import (
    ModelFileError,
    ModelFileMissing,
    check_built,
    check_writable,
    read_weights,
    write_weights,
)

KERAS_VERSION = "3.15.0"  # whose format is written
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MAX_CONFIG = 2**25  # bytes
_MAX_DEPTH = 200  # of nested JSON
_MAX_MEMBERS = 10_000
_MAX_RATIO = 50  # uncompressed bytes for a byte of the file
_MAX_MEMORY = 8  # bytes of variables, the optimizer's and metrics' too, for a byte of weights
_FREE_MEMORY = 2**26  # bytes of variables that any file may declare


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
    return _load(io.BytesIO(data), len(data), "the bytes of a model", None)


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


@teaches_keywords
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Read a model from a `.keras` file, written here or by Keras 3.

    Args:
        filepath: the file.
        custom_objects: layers, losses and functions of one's own by name, besides those decorated
            with `saving.register_keras_serializable`.
        compile: whether to compile it as it was, the optimizer's state included.
        safe_mode: must be True: nothing in a file is ever executed.

    Raises:
        ModelFileError: for a file that is damaged or names what is not known.
        FileNotFoundError: if there is no such file; a ModelFileError too.
    """
    path = Path(filepath)
    if not safe_mode:
        registry.deserialize_keras_object(None, safe_mode=False)
    if not path.is_file():
        raise ModelFileMissing(
            f"File not found: filepath={path}. Please ensure the file is an accessible `.keras` "
            "zip file."
        )
    with open(path, "rb") as file:
        return _load(file, path.stat().st_size, str(path), custom_objects, compile)


def _load(
    file: BinaryIO,
    size: int,
    where: str,
    custom_objects: Mapping[str, Any] | None,
    compile: bool = True,
) -> Any:
    """The model in an open file of this many bytes; `where` names it in errors."""
    node, weights = _read_archive(file, size, where)
    if not compile:
        node.pop("compile_config", None)
    memory = len(weights) * _MAX_MEMORY + _FREE_MEMORY
    try:
        with registry.sharing(), budget.at_most(memory):
            registry.check_known(node, custom_objects)
            model = registry.deserialize_keras_object(node, custom_objects)
    except Warning:
        raise
    except Exception as error:  # whatever a constructor makes of bad arguments
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ModelFileError(f"{where}: its configuration cannot be used: {reason}") from error
    if not hasattr(model, "layers"):
        raise ModelFileError(f"{where} holds no model. Received: {type(model).__name__}")
    read_weights(model, io.BytesIO(weights), f"{where}: {_WEIGHTS}")
    return model


def _read_archive(file: BinaryIO, size: int, where: str) -> tuple[dict[str, Any], bytes]:
    """The model's node and the bytes of its weights."""
    limit = size * _MAX_RATIO
    try:
        with zipfile.ZipFile(file) as archive:
            _check_members([member.filename for member in archive.infolist()])
            config = _member(archive, _CONFIG, min(limit, _MAX_CONFIG))
            weights = _member(archive, _WEIGHTS, limit)
        return _parsed(config), weights
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


def check_depth(text: bytes, name: str) -> None:
    """An error for JSON that is nested too deeply."""
    depth = deepest = 0
    for byte in text.translate(None, _NO_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > _MAX_DEPTH:
        raise ModelFileError(f"{name} is nested deeper than {_MAX_DEPTH} levels")


def _parsed(config: bytes) -> dict[str, Any]:
    check_depth(config, _CONFIG)
    try:
        node = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{_CONFIG} is not JSON: {error}") from None
    if not isinstance(node, dict):
        raise ModelFileError(f"{_CONFIG} does not describe a model")
    return node


_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
