"""The HDF5 format, read in Python alone: groups, plain arrays, and text in attributes.

HDF5's own library believes what a file says of itself; damaged files end the process. Here a file
is a string of bytes: nothing is read that lies outside of it, all that is read together is at most
three times as long, and there is a limit to the number of its parts, so that no file, however it is
made, leads far, or round and round.

Source: HDF5 File Format Specification, version 3.0. What the library writes for such content can be
read in all versions of the format. Chunks, filters, links and storage elsewhere are reported and
not followed. Checksums, which newer versions have for all but the arrays, are not compared.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cnn_ext.saving.hdf5_bytes import NOWHERE, DamagedError, LimitedBytes
from cnn_ext.saving.hdf5_index import attributes_in_heap, link, links_in_heap, symbols

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _OUTSIDE, _LAYOUT = 0x1, 0x2, 0x3, 0x6, 0x7, 0x8
_ATTRIBUTE, _CONTINUATION, _SYMBOLS, _ATTRIBUTE_INFO = 0xC, 0x10, 0x11, 0x15
_USED = {
    _DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _OUTSIDE, _LAYOUT, _ATTRIBUTE, _SYMBOLS,
    _ATTRIBUTE_INFO,
}  # fmt: skip
_SHARED, _ELSEWHERE = 2, b""  # flag of a message that is kept elsewhere, and what is here of it
_FLOATS = {  # size: exponent's place and bits, mantissa's place and bits, exponent's bias
    2: (10, 5, 0, 10, 15),
    4: (23, 8, 0, 23, 127),
    8: (52, 11, 0, 52, 1023),
}
_CLASSES = (
    "integers of another size", "floats of another format", "times", "texts", "bit fields",
    "opaque bytes", "records", "references", "enumerated values", "lists or texts of any length",
    "arrays",
)  # fmt: skip


class File(LimitedBytes):
    """An HDF5 file's bytes, and the objects in them by their addresses."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._objects: dict[int, Group | Dataset | None] = {}
        self._texts: dict[int, dict[int, tuple[int, int]]] = {}

    @property
    def root(self) -> Group:
        """The group in which all others are."""
        root = self.object_at(self._root_address())
        if not isinstance(root, Group):
            raise DamagedError("it has no root group")
        return root

    def _root_address(self) -> int:
        if self.block(0, 8) != SIGNATURE:
            raise DamagedError("its first bytes are not HDF5's")
        version = self.block(8, 1)[0]
        if version > 3:
            raise DamagedError(f"its superblock is of version {version}, later than 3")
        sizes, base, root = {0: (13, 24, 64), 1: (13, 28, 68)}.get(version, (9, 12, 36))
        if self.block(sizes, 2) != b"\x08\x08":
            raise DamagedError("its addresses and sizes are not of 8 bytes")
        start, *_, end = struct.unpack("<3Q", self.block(base, 24))
        if start:
            raise DamagedError(f"its addresses begin at {start}, not at its first byte")
        if end > len(self):
            raise DamagedError(f"it was {end} bytes long. Received: {len(self)}")
        return self.number(root, 8)

    def close(self) -> None:
        """Let go of the bytes, of which arrays that were read keep what they need."""
        self._content = b""
        self._objects.clear()

    def text(self, address: int, index: int, length: int) -> bytes:
        """A text of any length, kept in a global heap."""
        if length == 0:
            return b""
        if address not in self._texts:
            self._texts[address] = self._texts_of(address)
        place, size = self._texts[address].get(index, (0, 0))
        if length > size:
            raise DamagedError(f"the heap at {address} has no text {index} of {length} bytes")
        return self.block(place, length)

    def _texts_of(self, address: int) -> dict[int, tuple[int, int]]:
        """Place and size of each text in a global heap."""
        head = self.signed_block(address, b"GCOL", 16)
        end = address + int.from_bytes(head[8:], "little")
        place, found = address + 16, {}
        while place + 16 <= end:
            index, size = struct.unpack("<H6xQ", self.block(place, 16))
            if index == 0:  # the rest is free
                break
            found[index] = place + 16, size
            place += 16 + (size + 7) // 8 * 8
        return found

    def object_at(self, address: int) -> Group | Dataset | None:
        """What has its header at an address; None for what is neither a group nor a dataset."""
        if address not in self._objects:
            self._objects[address] = self._read_object(address)
        return self._objects[address]

    def _read_object(self, address: int) -> Group | Dataset | None:
        messages: dict[int, list[bytes]] = {}
        for kind, flags, body in self._messages(address):
            messages.setdefault(kind, []).append(_ELSEWHERE if flags & _SHARED else body)
        if _LAYOUT in messages:
            return Dataset(self, address, messages)
        if messages.keys() & {_SYMBOLS, _LINK_INFO, _LINK}:
            return Group(self, address, messages)
        return None

    def _messages(self, address: int) -> Iterator[tuple[int, int, bytes]]:
        """Kind, flags and content of the messages in an object's header that are of use."""
        head = self.block(address, 16)
        if head.startswith(b"OHDR"):
            flags = head[5]
            start = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            blocks = [(start + width, self.number(start, width))]
            layout = struct.Struct("<BHB2x" if flags & 4 else "<BHB")
            signature = b"OCHK"
        else:
            if head[0] != 1:
                raise DamagedError(f"there is no object at {address}")
            blocks = [(address + 16, int.from_bytes(head[8:12], "little"))]
            layout = struct.Struct("<HHB3x")
            signature = b""
        for start, size in blocks:  # which grow
            data, place = self.block(start, size), 0
            while place + layout.size <= size:
                kind, length, flags = layout.unpack_from(data, place)
                start_of_body = place + layout.size
                place = start_of_body + length
                body = data[start_of_body:place]
                self.count(0)
                if place > size:
                    raise DamagedError(f"the header at {address} has a message without end")
                if kind == _CONTINUATION:
                    at, length = struct.unpack("<2Q", body[:16])
                    self.signed_block(at, signature, len(signature))
                    around = len(signature)  # and a checksum of the same length
                    blocks.append((at + around, max(0, length - 2 * around)))
                elif kind in _USED:
                    yield kind, flags, body


class _Object:
    """A group or a dataset; its parts are read when they are asked for."""

    def __init__(self, file: File, address: int, messages: dict[int, list[bytes]]) -> None:
        self.file, self.address = file, address
        self._messages = messages

    def _message(self, kind: int) -> bytes:
        if kind not in self._messages:
            raise DamagedError(f"the object at {self.address} lacks a message of kind {kind}")
        if self._messages[kind][0] == _ELSEWHERE:
            raise DamagedError(f"the object at {self.address} shares what it is with others")
        return self._messages[kind][0]

    @functools.cached_property
    def attributes(self) -> dict[str, Attribute]:
        found = [*self._messages.get(_ATTRIBUTE, [])]
        if _ATTRIBUTE_INFO in self._messages:
            found += attributes_in_heap(self.file, self._message(_ATTRIBUTE_INFO))
        return {a.name: a for a in (Attribute(self.file, body) for body in found)}


class Group(_Object):
    """A group: its links, and its attributes."""

    def __contains__(self, name: str) -> bool:
        return name in self.links

    def __len__(self) -> int:
        return len(self.links)

    @functools.cached_property
    def links(self) -> dict[str, int | None]:
        """The address of each object in the group; None for a link to somewhere else."""
        links = dict(map(link, self._messages.get(_LINK, [])))
        if _LINK_INFO in self._messages:
            links.update(links_in_heap(self.file, self._message(_LINK_INFO)))
        for message in self._messages.get(_SYMBOLS, []):
            links.update(symbols(self.file, *struct.unpack("<2Q", message[:16])))
        return links

    def get(self, name: str) -> Group | Dataset | None:
        """What a link leads to."""
        address = self.links.get(name)
        return None if address is None else self.file.object_at(address)


class Dataset(_Object):
    """An array of numbers, or what cannot be read as such."""

    @functools.cached_property
    def shape(self) -> tuple[int, ...] | None:
        """None if it holds nothing at all."""
        return _shape(self._message(_DATASPACE))

    @functools.cached_property
    def type(self) -> Datatype:
        return _datatype(self._message(_DATATYPE))

    @property
    def is_outside(self) -> bool:
        """Whether its values are in other files, or parts of other datasets."""
        return _OUTSIDE in self._messages or self._layout[0] == 3

    @property
    def is_chunked(self) -> bool:
        """As all is that is compressed or can grow."""
        return self._layout[0] == 2

    @functools.cached_property
    def _layout(self) -> tuple[int, bytes]:
        """Class of the layout, and what it says."""
        message = self._message(_LAYOUT)
        if message[0] not in (3, 4) or message[1] > 3:
            raise DamagedError(f"the layout of the dataset at {self.address} is unknown")
        return message[1], message[2:]

    def read(self) -> np.ndarray:
        """The numbers, which cannot be written to."""
        kind, said = self._layout
        if self.type.dtype is None or self.shape is None or kind > 1:
            raise DamagedError(f"the dataset at {self.address} holds no plain numbers")
        if kind == 0:  # in the header itself
            size = math.prod(self.shape) * self.type.size
            if len(said) < 2 + size:
                raise DamagedError(f"the dataset at {self.address} is shorter than its shape")
            self.file.count(size)
            return np.frombuffer(said[2 : 2 + size], self.type.dtype).reshape(self.shape)
        if 0 in self.shape:
            return np.zeros(self.shape, self.type.dtype)
        address = struct.unpack("<Q", said[:8])[0]
        if address == NOWHERE:
            raise DamagedError(f"the dataset at {self.address} was never written")
        return self.file.array(address, self.shape, self.type.dtype)


class Datatype(NamedTuple):
    """What an element is."""

    name: str  # for people
    size: int  # bytes
    dtype: np.dtype | None = None  # of numbers
    padding: int | None = None  # of texts
    is_of_any_length: bool = False


class Attribute:
    """An attribute, of which only the name is read at once."""

    def __init__(self, file: File, body: bytes) -> None:
        self._file = file
        version, self._is_shared, *sizes = struct.unpack("<BB3H", body[:8])
        if version not in (1, 2, 3):
            raise DamagedError(f"an attribute is of version {version}")
        place, self._parts = 9 if version == 3 else 8, []
        for size in sizes:
            self._parts.append(body[place : place + size])
            place += (size + 7) // 8 * 8 if version == 1 else size
        self.name = self._parts[0].partition(b"\0")[0].decode()
        self._data = body[place:]

    @property
    def type(self) -> Datatype:
        if self._is_shared:
            raise DamagedError(f"attribute '{self.name}' shares what it is with others")
        return _datatype(self._parts[1])

    @property
    def shape(self) -> tuple[int, ...] | None:
        """None if it holds nothing at all."""
        return _shape(self._parts[2])

    def texts(self) -> list[str]:
        """The texts in an attribute of such."""
        kind, count = self.type, math.prod(self.shape or ())
        if kind.padding is None or kind.size == 0 or count * kind.size > len(self._data):
            raise DamagedError(f"attribute '{self.name}' does not hold {count} texts")
        self._file.count(count * kind.size, count)
        found = [self._data[i : i + kind.size] for i in range(0, count * kind.size, kind.size)]
        if kind.is_of_any_length:
            found = [self._in_heap(element) for element in found]
        elif kind.padding:
            return [text.rstrip(b" " if kind.padding == 2 else b"\0").decode() for text in found]
        return [text.partition(b"\0")[0].decode() for text in found]

    def _in_heap(self, element: bytes) -> bytes:
        length, address, index = struct.unpack("<IQI", element)
        return self._file.text(address, index, length)


def _shape(body: bytes) -> tuple[int, ...] | None:
    version, rank = body[:2]
    if version not in (1, 2):
        raise DamagedError(f"a dataspace is of version {version}")
    if version == 2 and body[3] == 2:
        return None
    return struct.unpack_from(f"<{rank}Q", body, 8 if version == 1 else 4)


def _datatype(body: bytes) -> Datatype:
    kind, low, high, size = struct.unpack("<3BxI", body[:8])
    kind &= 15
    name = _CLASSES[kind] if kind < len(_CLASSES) else "unknown values"
    order = ">" if low & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8) and struct.unpack("<2H", body[8:12]) == (0, 8 * size):
        dtype = np.dtype(f"{order}{'i' if low & 8 else 'u'}{size}")
        return Datatype(dtype.name, size, dtype)
    if kind == 1 and size in _FLOATS:
        said = (low & 0x70, high, *struct.unpack("<2H4BI", body[8:20]))
        if said == (0x20, 8 * size - 1, 0, 8 * size, *_FLOATS[size]):
            dtype = np.dtype(f"{order}f{size}")
            return Datatype(dtype.name, size, dtype)
    if kind == 3:
        return Datatype(name, size, padding=low & 15)
    if kind == 9 and low & 15 == 1 and size == 16:
        return Datatype(name, size, padding=0, is_of_any_length=True)
    return Datatype(name, size)
