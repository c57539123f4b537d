"""HDF5 as far as model files need it: groups, plain arrays of numbers, and text in attributes.

Whatever is read is checked first: that it lies in the file itself, that it is of the kind and shape
that is expected, and that it takes no more memory than it may. Links, external and virtual storage,
chunks and filters are refused.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

from cnn_ext import budget
from cnn_ext.autograd import Variable

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAP = b"GCOL\1\0\0\0"  # what a heap of texts of any length begins with
_MAX_DEPTH = 100  # of groups in groups
_MAX_NAME = 4096  # characters


class ModelFileError(ValueError):
    """A model file that cannot be used: what is wrong with it, and where."""


class ModelFileMissing(ModelFileError, FileNotFoundError):
    """There is no such model file."""


class Mismatch(ValueError):
    """A part of the file that does not match the model."""


@contextlib.contextmanager
def opened(source: Any, where: str) -> Iterator[Any]:
    """The HDF5 file of a path or an open file; what goes wrong becomes a ModelFileError."""
    import h5py

    try:
        with h5py.File(source, "r") as file:
            yield file
    except Mismatch as error:
        raise ModelFileError(f"{where}: {error}") from None
    except (Warning, ModelFileError):
        raise
    except Exception as error:  # whatever HDF5 makes of a damaged file
        raise ModelFileError(f"{where} is not a readable HDF5 file: {error}") from None


def member(group: Any, place: str) -> Any:
    """What lies at a path within the group, None if nothing; links elsewhere are refused."""
    import h5py

    steps = place.split("/")
    if len(steps) > _MAX_DEPTH:
        raise Mismatch(f"'{place[:99]}...' is deeper than {_MAX_DEPTH} groups")
    for name in steps:
        link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise Mismatch(f"'{place}' is a link, which is refused")
        group = group[name]
    return group


def subgroup(group: Any, place: str) -> Any:
    """The group at a path within the group, None if there is nothing."""
    import h5py

    found = member(group, place)
    if found is not None and not isinstance(found, h5py.Group):
        raise Mismatch(f"'{place}' is not a group")
    return found


def groups(file: Any) -> Iterator[tuple[str, Any]]:
    """All groups below, with their paths, each once; links are left out."""
    from h5py import Group, h5l, h5o

    waiting, met = [("", file.id)], {h5o.get_info(file.id).addr}
    while waiting:
        place, group = waiting.pop()
        if place.count("/") >= _MAX_DEPTH:
            raise Mismatch(f"'{place[:99]}...' is deeper than {_MAX_DEPTH} groups")
        for name in group:
            if group.links.get_info(name).type != h5l.TYPE_HARD:
                continue
            info = h5o.get_info(group, name)
            if info.type == h5o.TYPE_GROUP and info.addr not in met:
                met.add(info.addr)
                path = f"{place}/{name.decode()}".lstrip("/")
                waiting.append((path, h5o.open(group, name)))
                yield path, Group(waiting[-1][1])


def dataset(group: Any, name: str, where: str) -> Any:
    """The array of numbers at a path within the group, not yet read."""
    import h5py

    found = member(group, name)
    if not isinstance(found, h5py.Dataset):
        raise Mismatch(f"{where} is not a dataset")
    if found.is_virtual or found.external:
        raise Mismatch(f"{where} is stored outside the file, which is refused")
    return found


def value_for(variable: Variable, found: Any, where: str) -> np.ndarray:
    """A dataset's value, read only if it is what the variable takes."""
    if found.shape != variable.shape:
        raise Mismatch(
            f"{where} has shape {found.shape} where the model has {variable.shape} "
            f"('{variable.path}')"
        )
    if found.dtype.kind not in ("iu" if variable.data.dtype.kind in "iu" else "fiu"):
        raise Mismatch(f"{where} holds {found.dtype}, not numbers for {variable.dtype}")
    if found.chunks is not None:  # as all that is compressed
        raise Mismatch(f"{where} is compressed or in chunks, which is refused")
    with np.errstate(over="ignore"):
        return found[()].astype(variable.dtype, copy=False)


def text(group: Any, name: str) -> str | None:
    """The text in an attribute, None if there is none of this name."""
    found = _texts(group, name)
    if found is None or len(found) == 1:
        return None if found is None else found[0]
    raise Mismatch(f"attribute '{name}' holds {len(found)} texts where one is expected")


def names(group: Any, name: str) -> list[str]:
    """The list of names in an attribute, or in several: `name0`, `name1`, ..."""
    found = _texts(group, name)
    if found is None:
        parts = (_texts(group, f"{name}{i}") for i in itertools.count())
        found = [item for part in iter(lambda: next(parts), None) for item in part]
    if any(len(item) > _MAX_NAME for item in found):
        raise Mismatch(f"attribute '{name}' holds a name of more than {_MAX_NAME} characters")
    return found


def _texts(group: Any, name: str) -> list[str] | None:
    """All texts in an attribute, None if there is none of this name."""
    import h5py

    if name not in group.attrs:
        return None
    attribute = group.attrs.get_id(name)
    shape = attribute.shape
    if shape is None or 0 in shape:
        return []
    kind = h5py.check_string_dtype(attribute.dtype)
    if kind is None or len(shape) > 1:
        raise Mismatch(f"attribute '{name}' of {attribute.dtype}{list(shape)} holds no text")
    size = group.file.id.get_filesize()
    limit, taken = size, attribute.get_storage_size()
    if kind.length is None:
        _check_heaps(group.file)
    if kind.length is None and taken <= size:  # each is a reference, and all may be to one text
        limit, taken = budget.PASSING, math.prod(shape) * size
        if taken > limit:
            taken = math.prod(shape) * _longest_text(group.file)
    if taken > limit:
        raise Mismatch(f"attribute '{name}' may need {taken} bytes, more than {limit}")
    found = group.attrs[name]
    flat = found.tolist() if isinstance(found, np.ndarray) else [found]
    return [item.decode("utf8") if isinstance(item, bytes) else str(item) for item in flat]


def _check_heaps(file: Any) -> None:
    if file.id.get_create_plist().get_sizes()[1] != 8:
        raise Mismatch("its sizes are not of 8 bytes, as those of all writers are")
    with open(file.filename, "rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as m:
        check_heaps(m)


def check_heaps(content: bytes | mmap.mmap) -> None:
    """An error for a heap of texts whose parts do not fill it, over which HDF5 loops for ever."""
    place = content.find(_HEAP)
    while place >= 0:
        end = place + int.from_bytes(content[place + 8 : place + 16], "little")
        part = place + 16
        while part + 16 <= end:
            size = int.from_bytes(content[part + 8 : part + 16], "little")
            is_rest = content[part : part + 2] == b"\0\0"
            part += size if is_rest else 16 + (size + 7) // 8 * 8
            if part > end or end > len(content) or (is_rest and size < 16):
                raise Mismatch("a heap of texts is damaged")
        place = content.find(_HEAP, place + 4)


def _longest_text(file: Any) -> int:
    """A bound on the bytes of a text of any length: the largest heap in which such are kept."""
    longest = 0
    with open(file.filename, "rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as m:
        place = m.find(b"GCOL")
        while place >= 0:
            stated = int.from_bytes(m[place + 8 : place + 16], "little")
            longest = max(longest, min(stated, len(m) - place))
            place = m.find(b"GCOL", place + 4)
    return longest
