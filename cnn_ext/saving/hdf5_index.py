"""Where HDF5 keeps a group's links, and attributes in great number: tables, trees and heaps."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterator
from typing import TypeVar

from cnn_ext.saving.hdf5_bytes import NOWHERE, DamagedError, LimitedBytes

_Record = TypeVar("_Record")


def symbols(file: LimitedBytes, tree: int, heap: int) -> Iterator[tuple[str, int | None]]:
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
                yield found, None if address == NOWHERE else address


def link(body: bytes) -> tuple[str, int | None]:
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


def links_in_heap(file: LimitedBytes, info: bytes) -> Iterator[tuple[str, int | None]]:
    """Links in great number, of the newer kind, that a message tells of."""
    return map(link, _in_heap(file, info, 8, 5, lambda record: record[4:11]))


def attributes_in_heap(file: LimitedBytes, info: bytes) -> Iterator[bytes]:
    """Messages of attributes in great number, that a message tells of."""
    return _in_heap(file, info, 2, 8, lambda record: record[:8])


def _in_heap(
    file: LimitedBytes, info: bytes, order_size: int, kind: int, identity: Callable[[bytes], bytes]
) -> Iterator[bytes]:
    """The parts of a heap that are the records of a tree, in which each has its identity."""
    place = 2 + order_size * (info[1] & 1)
    heap, tree = struct.unpack("<2Q", info[place : place + 16])
    if heap != NOWHERE:
        yield from map(_FractalHeap(file, heap).find, _records(file, tree, kind, identity))


class _FractalHeap:
    """A heap: blocks in rows, each row's twice as large as the last one's."""

    def __init__(self, file: LimitedBytes, address: int) -> None:
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
    file: LimitedBytes, address: int, kind: int, take: Callable[[bytes], _Record]
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
    waiting = [(root, count, depth)] if root != NOWHERE else []
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
