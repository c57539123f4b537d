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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnn_ext import registry
from cnn_ext._errors import teaches_keywords
from cnn_ext.saving.weights import (
    ModelFileError,
    ModelFileMissing,
    check_built,
    check_writable,
    read_weights,
    replacing,
    write_weights,
)

KERAS_VERSION = "3.15.0"  # whose format is written
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MAX_CONFIG = 2**25  # bytes
_MAX_DEPTH = 200  # of nested JSON
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
    import h5py

    path = Path(filepath)
    if path.suffix != ".keras" or zipped is False:
        raise ValueError(
            "Invalid filepath extension for saving. Please add a `.keras` extension; weights "
            "alone are written by model.save_weights('name.weights.h5'). "
            f"Received: filepath={os.fspath(filepath)}."
        )
    check_writable(path, overwrite)
    check_built(model)
    with registry.sharing():
        node = registry.serialize_keras_object(model)
    if not include_optimizer:
        node.pop("compile_config", None)
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        write_weights(model, file, include_optimizer)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
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
    node, weights = _read_archive(path)
    if not compile:
        node.pop("compile_config", None)
    try:
        with registry.sharing():
            model = registry.deserialize_keras_object(node, custom_objects)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ModelFileError(f"{path}: its configuration cannot be used: {reason}") from error
    if not hasattr(model, "layers"):
        raise ModelFileError(f"{path} holds no model. Received: {type(model).__name__}")
    read_weights(model, io.BytesIO(weights), f"{path}: {_WEIGHTS}")
    return model


def _read_archive(path: Path) -> tuple[dict[str, Any], bytes]:
    """The model's node and the bytes of its weights."""
    limit = path.stat().st_size * _MAX_RATIO
    try:
        with zipfile.ZipFile(path) as archive:
            config = _member(archive, _CONFIG, min(limit, _MAX_CONFIG))
            weights = _member(archive, _WEIGHTS, limit)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise ModelFileError(f"{path}: {error}") from None
        raise ModelFileError(f"{path} is not a readable `.keras` file: {error}") from None
    return _parsed(path, config), weights


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    found = [member for member in archive.infolist() if member.filename == name]
    if len(found) != 1:
        raise ModelFileError(f"it must hold '{name}' once. Received: {len(found)} times")
    if found[0].file_size > limit:
        raise ModelFileError(
            f"'{name}' would need {found[0].file_size} bytes, more than the {limit} that a file "
            "of this size may need"
        )
    with archive.open(found[0]) as member:
        data = member.read(found[0].file_size + 1)
    if len(data) != found[0].file_size:
        raise ModelFileError(f"'{name}' does not have the size that the archive states")
    return data


def _parsed(path: Path, config: bytes) -> dict[str, Any]:
    depth = deepest = 0
    for byte in config:
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    if deepest > _MAX_DEPTH:
        raise ModelFileError(f"{path}: {_CONFIG} is nested deeper than {_MAX_DEPTH} levels")
    try:
        node = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: {_CONFIG} is not JSON: {error}") from None
    if not isinstance(node, dict):
        raise ModelFileError(f"{path}: {_CONFIG} does not describe a model")
    return node
