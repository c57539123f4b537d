"""A file's bytes, read within limits: nothing outside of them, and not without end."""

from __future__ import annotations

import math

import numpy as np

NOWHERE = 2**64 - 1  # as an address
_MOST_READS = 3  # bytes read for a byte of the file
_MOST_PARTS = 2**20  # which are a few for each variable of a model
_MAX_NAME = 2**16  # bytes


class DamagedError(ValueError):
    """Bytes that are not the HDF5 that can be read here."""


class LimitedBytes:
    """The bytes of a file, which count what is read of them."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._bytes_left, self._parts_left = _MOST_READS * len(content), _MOST_PARTS

    def __len__(self) -> int:
        return len(self._content)

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
