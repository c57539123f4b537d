"""Reading model files: which format one has is told from its first bytes, not from its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnn_ext import registry
from cnn_ext._errors import teaches_keywords
from cnn_ext.saving import hdf5, legacy, model_file, tensors, weights
from cnn_ext.saving.hdf5 import ModelFileMissing
from cnn_ext.saving.hdf5_file import SIGNATURE


@teaches_keywords
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Read a model from a `.keras` file, written here or by Keras 3, or a legacy `.h5` file.

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
    if _begins_with(path, SIGNATURE):
        return legacy.model_in(path, custom_objects, compile)
    with open(path, "rb") as file:
        return model_file.model_in(file, path.stat().st_size, str(path), custom_objects, compile)


@teaches_keywords
def load_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool | None = None,
) -> None:
    """Read the weights in a model file, written here or by Keras, into a model of the same layers.

    Args:
        model: a built model.
        filepath: a `.weights.h5`, `.keras` or safetensors file, or a legacy `.h5` file of weights
            or a model.
        skip_mismatch: leave layers whose variables do not match as they are, with a warning; for
            legacy files, variables.
        by_name: for legacy files: read the layers whose names are the model's, and no others.

    Raises:
        ModelFileError: if the file is damaged, unsafe or does not match; the model is unchanged.
        FileNotFoundError: if there is no such file.
    """
    path = Path(filepath)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}. Received: filepath={path}")
    if not model.built:
        raise ValueError(
            f"model '{model.name}' has no weights yet to load into: give it an Input, call it on "
            "data or build(input_shape) it before loading"
        )
    if tensors.is_tensors_file(path):
        _refuse_by_name(by_name, path)
        tensors.read_tensors(model, path, skip_mismatch)
        return
    source = model_file.weights_of(path) if _begins_with(path, b"PK\x03\x04") else path
    with hdf5.opened(source, str(path)) as file:
        if source is path and legacy.is_legacy(file):
            values = legacy.values_in(file, model, skip_mismatch, by_name)
        else:
            _refuse_by_name(by_name, path)
            values = weights.values_in(file, model, skip_mismatch)
    weights.set_all(values)


def _refuse_by_name(by_name: bool | None, path: Path) -> None:
    if by_name is not None:
        raise hdf5.ModelFileError(
            f"`by_name` only supports loading legacy '.h5' or '.hdf5' files. Received: {path}"
        )


def _begins_with(path: Path, signature: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read(len(signature)) == signature
