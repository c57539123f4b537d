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
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MOST_READS = 3  # bytes read for a byte of the file
_MOST_PARTS = 2**20  # which are a few for each variable of a model
_MAX_NAME = 2**16  # bytes
_NOWHERE = 2**64 - 1
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
_Record = TypeVar("_Record")


class DamagedError(ValueError):
    """Bytes that are not the HDF5 that can be read here."""


class File:
    """An HDF5 file's bytes, and the objects in them by their addresses."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._bytes_left, self._parts_left = _MOST_READS * len(content), _MOST_PARTS
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
        if start != 0 or end > len(self._content):
            raise DamagedError(f"it was {end - start} bytes long. Received: {len(self._content)}")
        return self.number(root, 8)

    def block(self, address: int, size: int) -> bytes:
        """Some bytes of the file."""
        self.check(address, size)
        return self._content[address : address + size]

    def array(self, address: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A part of the file as an array, which cannot be written to."""
        count = math.prod(shape)
        self.check(address, count * dtype.itemsize)
        return np.frombuffer(self._content, dtype, count, address).reshape(shape)

    def check(self, address: int, size: int) -> None:
        """An error if these bytes may not be read."""
        if address + size > len(self._content):
            raise DamagedError(f"{size} bytes at {address} are not in its {len(self._content)}")
        self.count(size)

    def count(self, size: int, parts: int = 1) -> None:
        """An error if more bytes or parts than these would be too many."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise DamagedError("its parts refer to the same bytes again and again")
        self._parts_left -= parts
        if self._parts_left < 0:
            raise DamagedError(f"it has more than {_MOST_PARTS} parts")

    def close(self) -> None:
        """Let go of the bytes, of which arrays that were read keep what they need."""
        self._content = b""
        self._objects.clear()

    def signed_block(self, address: int, signature: bytes, size: int) -> bytes:
        """Bytes that must begin with a signature."""
        found = self.block(address, size)
        if not found.startswith(signature):
            raise DamagedError(f"there is no {signature.decode()} at {address}")
        return found

    def number(self, address: int, size: int) -> int:
        """A number without sign."""
        return int.from_bytes(self.block(address, size), "little")

    def name(self, address: int, end: int) -> str:
        """The name that begins at an address and ends with a zero."""
        end = min(end, address + _MAX_NAME, len(self._content))
        place = self._content.find(b"\0", address, end)
        if place < 0:
            raise DamagedError(f"the name at {address} does not end")
        return self.block(address, place - address).decode()

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
            heap, tree = _dense(self._message(_ATTRIBUTE_INFO), has_wide_order=False)
            if heap != _NOWHERE:
                stored = _FractalHeap(self.file, heap)
                records = _records(self.file, tree, 8, lambda record: record[:8])
                found += map(stored.find, records)
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
        links = dict(map(_link, self._messages.get(_LINK, [])))
        if _LINK_INFO in self._messages:
            heap, tree = _dense(self._message(_LINK_INFO), has_wide_order=True)
            if heap != _NOWHERE:
                stored = _FractalHeap(self.file, heap)
                records = _records(self.file, tree, 5, lambda record: record[4:11])
                links.update(_link(stored.find(record)) for record in records)
        for message in self._messages.get(_SYMBOLS, []):
            links.update(_symbols(self.file, *struct.unpack("<2Q", message[:16])))
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
        if address == _NOWHERE:
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


def _symbols(file: File, tree: int, heap: int) -> Iterator[tuple[str, int | None]]:
    """Links of a group of the older kind: its B-tree leads to tables, and names are in a heap."""
    head = file.signed_block(heap, b"HEAP", 32)
    size, names = struct.unpack("<8xQ8xQ", head)
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        kind, level, count = struct.unpack("<4xBBH", file.signed_block(node, b"TREE", 8))
        if kind != 0:
            raise DamagedError(f"the tree at {node} is not one of groups")
        children = struct.unpack(f"<{2 * count}Q", file.block(node + 32, 16 * count))[::2]
        if level:
            waiting += children
            continue
        for child in children:
            (count,) = struct.unpack("<6xH", file.signed_block(child, b"SNOD", 8))
            entries = file.block(child + 8, 40 * count)
            for name, address in struct.iter_unpack("<QQ24x", entries):
                found = file.name(names + name, names + size)
                yield found, None if address == _NOWHERE else address


def _link(body: bytes) -> tuple[str, int | None]:
    """Name and address of a link of the newer kind."""
    version, flags = body[:2]
    if version != 1:
        raise DamagedError(f"a link is of version {version}")
    kind = body[2] if flags & 8 else 0
    place = 2 + bool(flags & 8) + 8 * bool(flags & 4) + bool(flags & 16)
    width = 1 << (flags & 3)
    end = place + width + int.from_bytes(body[place : place + width], "little")
    name = body[place + width : end].decode()
    return name, struct.unpack("<Q", body[end : end + 8])[0] if kind == 0 else None


def _dense(info: bytes, has_wide_order: bool) -> tuple[int, int]:
    """Addresses of the heap and the tree of names for links or attributes in great number."""
    order = (8 if has_wide_order else 2) * (info[1] & 1)
    return struct.unpack("<2Q", info[2 + order : 18 + order])


class _FractalHeap:
    """A heap: blocks in rows, each row's twice as large as the last one's."""

    def __init__(self, file: File, address: int) -> None:
        self._file = file
        head = file.signed_block(address, b"FRHP", 142)
        filters, most = struct.unpack("<HxI", head[7:14])
        self._columns, self._start, largest, bits = struct.unpack("<HQQH", head[110:130])
        self._root, self._rows = struct.unpack("<QH", head[132:142])
        if filters or not self._columns or not self._start or largest < self._start:
            raise DamagedError(f"the heap at {address} cannot be read")
        self._offset_size = (bits + 7) // 8
        self._length_size = min(((largest.bit_length() - 1) + 7) // 8, _bytes_for(most))
        self._direct_rows = (largest // self._start).bit_length() + 1
        self._tree_of_large = struct.unpack("<Q", head[22:30])[0]

    @functools.cached_property
    def _large(self) -> dict[int, tuple[int, int]]:
        """Address and size of each part too large for a block, by its number."""
        records = _records(self._file, self._tree_of_large, 1, struct.Struct("<3Q").unpack)
        return {number: (address, size) for address, size, number in records}

    def find(self, identity: bytes) -> bytes:
        """The part of this identity."""
        if identity[0] & 0x30 == 0x10:
            number = int.from_bytes(identity[1:], "little")
            if number not in self._large:
                raise DamagedError(f"a heap has no large part {number}")
            return self._file.block(*self._large[number])
        if identity[0] & 0x30:
            raise DamagedError("a part of a heap is of an unknown kind")
        middle = 1 + self._offset_size
        offset = int.from_bytes(identity[1:middle], "little")
        length = int.from_bytes(identity[middle : middle + self._length_size], "little")
        block, rows = self._root, self._rows
        while rows:
            self._file.signed_block(block, b"FHIB", 4)
            row = (offset // (self._columns * self._start)).bit_length()
            if row >= rows:
                raise DamagedError(f"the heap's block at {block} has no place {offset}")
            size = self._start << max(row - 1, 0)
            before = self._columns * (size if row else 0)
            column, offset = divmod(offset - before, size)
            entry = block + 13 + self._offset_size + 8 * (row * self._columns + column)
            block = self._file.number(entry, 8)
            rows = 0
            if row >= self._direct_rows:
                rows = (size // (self._columns * self._start)).bit_length()
                if rows == 0:
                    raise DamagedError("a heap has blocks within blocks that are too small")
        self._file.signed_block(block, b"FHDB", 4)
        return self._file.block(block + offset, length)


def _records(
    file: File, address: int, kind: int, take: Callable[[bytes], _Record]
) -> Iterator[_Record]:
    """What is taken of each record of a B-tree of version 2."""
    head = file.signed_block(address, b"BTHD", 26)
    found, node_size, size, depth = struct.unpack("<5xBIHH", head[:14])
    root, count = struct.unpack("<QH", head[16:26])
    if found != kind or size < 11 or depth > 20 or node_size < 10 + size:
        raise DamagedError(f"the tree at {address} cannot be read")
    most = (node_size - 10) // size  # records of a leaf
    width, total_widths, total = _bytes_for(most), [0], most
    for _ in range(depth):
        pointer = 8 + width + total_widths[-1]
        inner = max(0, node_size - 10 - pointer) // (size + pointer)
        total = (inner + 1) * total + inner
        total_widths.append(_bytes_for(total))
    waiting = [(root, count, depth)] if root != _NOWHERE else []
    while waiting:
        node, count, level = waiting.pop()
        file.signed_block(node, b"BTIN" if level else b"BTLF", 6)
        end = node + 6 + count * size
        data = file.block(node + 6, count * size)
        yield from (take(data[i : i + size]) for i in range(0, len(data), size))
        if level:
            pointer = 8 + width + total_widths[level - 1]
            pointers = range(end, end + (count + 1) * pointer, pointer)
            waiting += [(file.number(p, 8), file.number(p + 8, width), level - 1) for p in pointers]


def _bytes_for(limit: int) -> int:
    """Bytes of the numbers up to a limit."""
    return max(1, (limit.bit_length() + 7) // 8)
