"""HDF5 as far as model files need it: groups, plain arrays of numbers, and text in attributes.

Whatever is read is checked first: that it lies in the file itself, and that it is of the kind and
shape that is expected. Links, external and virtual storage, chunks and filters are refused.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cnn_ext.autograd import Variable
from cnn_ext.saving.hdf5_file import Dataset, File, Group

_MAX_DEPTH = 100  # of groups in groups
_MAX_NAME = 4096  # characters


class ModelFileError(ValueError):
    """A model file that cannot be used: what is wrong with it, and where."""


class ModelFileMissing(ModelFileError, FileNotFoundError):
    """There is no such model file."""


class Mismatch(ValueError):
    """A part of the file that does not match the model."""


@contextlib.contextmanager
def opened(source: Path | bytes, where: str) -> Iterator[Group]:
    """The root of an HDF5 file; what goes wrong becomes a ModelFileError."""
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
        with contextlib.closing(File(content)) as file:
            yield file.root
    except Mismatch as error:
        raise ModelFileError(f"{where}: {error}") from None
    except (Warning, ModelFileError):
        raise
    except Exception as error:  # whatever the reader makes of a damaged file
        raise ModelFileError(f"{where} is not a readable HDF5 file: {error}") from None


def member(group: Group, place: str) -> Group | Dataset | None:
    """What lies at a path within the group, None if nothing; links elsewhere are refused."""
    steps = [step for step in place.split("/") if step not in ("", ".")]
    if len(steps) > _MAX_DEPTH:
        raise Mismatch(f"'{place[:99]}...' is deeper than {_MAX_DEPTH} groups")
    found: Group | Dataset | None = group
    for name in steps:
        if not isinstance(found, Group) or name not in found:
            return None
        if found.links[name] is None:
            raise Mismatch(f"'{place}' is a link, which is refused")
        found = found.get(name)
    return found


def subgroup(group: Group, place: str) -> Group | None:
    """The group at a path within the group, None if there is nothing."""
    found = member(group, place)
    if isinstance(found, Dataset):
        raise Mismatch(f"'{place}' is not a group")
    return found


def groups(
    group: Group, place: str = "", met: set[int] | None = None
) -> Iterator[tuple[str, Group]]:
    """All groups below, with their paths, each once; links are left out."""
    met = {group.address} if met is None else met
    if place.count("/") >= _MAX_DEPTH or len(place) > _MAX_NAME:
        raise Mismatch(
            f"'{place[:99]}...' is deeper than {_MAX_DEPTH} groups, or its path is longer than "
            f"{_MAX_NAME} characters"
        )
    for name in group.links:
        found = group.get(name)
        if isinstance(found, Group) and found.address not in met:
            met.add(found.address)
            path = f"{place}/{name}".lstrip("/")
            yield path, found
            yield from groups(found, path, met)


def dataset(group: Group, place: str) -> Dataset:
    """The array of numbers at a path within the group, not yet read."""
    found = member(group, place)
    if not isinstance(found, Dataset):
        raise Mismatch(f"'{place}' is not a dataset")
    if found.is_outside:
        raise Mismatch(f"'{place}' is stored outside the file, which is refused")
    return found


def value_for(variable: Variable, found: Dataset, place: str) -> np.ndarray:
    """A dataset's value, read only if it is what the variable takes."""
    if found.shape != variable.shape:
        raise Mismatch(
            f"'{place}' has shape {found.shape} where the model has {variable.shape} "
            f"('{variable.path}')"
        )
    wanted = "iu" if variable.data.dtype.kind in "iu" else "fiu"
    if found.type.dtype is None or found.type.dtype.kind not in wanted:
        raise Mismatch(f"'{place}' holds {found.type.name}, not numbers for {variable.dtype}")
    with np.errstate(over="ignore"):
        return numbers(found, place).astype(variable.dtype, copy=False)


def numbers(found: Dataset, place: str) -> np.ndarray:
    """A dataset's values, which cannot be written to."""
    if found.type.dtype is None:
        raise Mismatch(f"'{place}' holds {found.type.name}, not numbers")
    if found.is_chunked:
        raise Mismatch(f"'{place}' is compressed or in chunks, which is refused")
    return found.read()


def text(group: Group, name: str) -> str | None:
    """The text in an attribute, None if there is none of this name."""
    found = _texts(group, name)
    if found is None or len(found) == 1:
        return None if found is None else found[0]
    raise Mismatch(f"attribute '{name}' holds {len(found)} texts where one is expected")


def names(group: Group, name: str) -> list[str]:
    """The list of names in an attribute, or in several: `name0`, `name1`, ..."""
    found = _texts(group, name)
    if found is None:
        parts = (_texts(group, f"{name}{i}") for i in itertools.count())
        found = [item for part in iter(lambda: next(parts), None) for item in part]
    if any(len(item) > _MAX_NAME for item in found):
        raise Mismatch(f"attribute '{name}' holds a name of more than {_MAX_NAME} characters")
    return found


def _texts(group: Group, name: str) -> list[str] | None:
    """All texts in an attribute, None if there is none of this name."""
    found = group.attributes.get(name)
    if found is None:
        return None
    if found.shape is None or 0 in found.shape:
        return []
    if found.type.padding is None or len(found.shape) > 1:
        raise Mismatch(f"attribute '{name}' of {found.type.name}{[*found.shape]} holds no text")
    return found.texts()
