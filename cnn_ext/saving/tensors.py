"""Weights as a safetensors file: a header of JSON, then the bytes of all arrays, one by one.

The names are those of `.weights.h5`: `layers/dense/vars/0`, `optimizer/vars/1`. The package
safetensors, imported on first use, reads and writes; it sees to it that each array lies within the
file, where no other lies. What it lets through is refused here: long headers, names that come
twice, and arrays that are not those of the model, all of which an error names.
"""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cnn_ext.autograd import Variable
from cnn_ext.saving.hdf5 import ModelFileError
from cnn_ext.saving.replacing import replacing
from cnn_ext.saving.weights import holders

SUFFIX = ".safetensors"
_MAX_HEADER = 2**25  # bytes
_INTEGERS = {"I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64"}
_NUMBERS = {"F16", "F32", "F64"} | _INTEGERS


def is_tensors_file(path: Path) -> bool:
    """Whether a file begins as a safetensors file does: eight bytes of length, then JSON."""
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"


def write_tensors(model: Any, path: Path) -> None:
    """Write all variables of a model, and of its optimizer."""
    save = _package().numpy.save
    arrays = {
        key: np.asarray(variable.data, order="C")
        for place, _, variables in holders(model)
        for key, variable in _named(place, variables)
    }
    with replacing(path) as file:
        file.write(save(arrays))


def read_tensors(model: Any, path: Path, skip_mismatch: bool = False) -> None:
    """Read all variables of a model and its optimizer; none is set before all are read."""
    package = _package()
    try:
        _check_header_size(path)
        with package.safe_open(str(path), framework="np") as file:
            _check_names(path)
            found = _values(model, file, str(path), skip_mismatch)
    except (Warning, ModelFileError):
        raise
    except Exception as error:  # whatever the package makes of a damaged file
        raise ModelFileError(f"{path} is not a readable safetensors file: {error}") from None
    for variable, value in found:
        variable.assign(value)


def _package() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            "weights in a `.safetensors` file need the package safetensors: pip install safetensors"
        ) from None
    return safetensors


def _named(place: str, variables: list[Variable]) -> Iterator[tuple[str, Variable]]:
    for index, variable in enumerate(variables):
        yield f"{place}/vars/{index}".lstrip("/"), variable


def _check_header_size(path: Path) -> None:
    with open(path, "rb") as file:
        start = file.read(8)
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if size > min(_MAX_HEADER, path.stat().st_size - 8):
        raise ModelFileError(
            f"{path} cannot be a safetensors file: its header would have {size} bytes, where "
            f"there may be {_MAX_HEADER} and the file has {path.stat().st_size}"
        )


def _check_names(path: Path) -> None:
    """An error for a name that comes twice, which the package overlooks."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ModelFileError(f"{path}: its header holds '{twice}' more than once")
        return made

    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        json.loads(file.read(size), object_pairs_hook=unique)


def _values(
    model: Any, file: Any, where: str, skip_mismatch: bool
) -> list[tuple[Variable, np.ndarray]]:
    """The values for the model's variables, all of which are checked before one is read."""
    left, wanted, problems = set(file.keys()), [], []
    for place, holder, variables in holders(model):
        if place == "optimizer":
            variables = _saved_state(file, variables)
        named = list(_named(place, variables))
        wrong = [text for key, variable in named if (text := _mismatch(file, key, variable))]
        left -= {key for key, _ in named}
        if not wrong:
            wanted += named
        elif place == "optimizer" or skip_mismatch:
            warnings.warn(f"'{holder.name}' was skipped: {'; '.join(wrong)}", stacklevel=5)
        else:
            problems += wrong
    if not skip_mismatch:
        problems += [
            f"'{name}' has no place in the model"
            for name in sorted(left)
            if not name.startswith("optimizer/")
        ]
    if problems:
        listed = "\n  ".join(problems)
        raise ModelFileError(f"{where} does not match the model:\n  {listed}")
    with np.errstate(over="ignore"):
        return [(variable, file.get_tensor(key).astype(variable.dtype)) for key, variable in wanted]


def _saved_state(file: Any, variables: list[Variable]) -> list[Variable]:
    """Those of an optimizer's that it had: before its first step it lacks what that one makes."""
    count = sum(key.startswith("optimizer/vars/") for key in file.keys())  # noqa: SIM118
    if not 0 < count < min(3, len(variables)):
        return variables
    fits = not _mismatch(file, "optimizer/vars/0", variables[0])
    return variables[:count] if fits and file.get_tensor("optimizer/vars/0") == 0 else variables


def _mismatch(file: Any, key: str, variable: Variable) -> str:
    """What is wrong with an array of the file, for a variable; "" if nothing is."""
    if key not in file.keys():  # noqa: SIM118
        return f"'{key}' is missing, for '{variable.path}'"
    array = file.get_slice(key)
    shape, dtype = tuple(array.get_shape()), array.get_dtype()
    if shape != variable.shape:
        return f"'{key}' has shape {shape} where the model has {variable.shape} ('{variable.path}')"
    if dtype not in (_INTEGERS if variable.data.dtype.kind in "iu" else _NUMBERS):
        return f"'{key}' holds {dtype}, not numbers for {variable.dtype} ('{variable.path}')"
    return ""
