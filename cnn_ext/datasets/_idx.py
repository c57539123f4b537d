"""Data sets kept as four idx files, or as the same arrays in one .npz file.

One checksum serves every source: it is taken over the uncompressed content of the idx file, since
mirrors and distributions compress the same bytes differently.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from cnn_ext.datasets._places import folders, found, obtained

Split = tuple[np.ndarray, np.ndarray]
_UINT8 = 0x08


@dataclass(frozen=True)
class IdxFile:
    """A gzipped idx file of uint8: its name, and what its uncompressed content must be."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def header(self) -> bytes:
        """0, 0, the dtype's code, the number of axes, their sizes as big-endian 32-bit integers."""
        axes = len(self.shape)
        return bytes((0, 0, _UINT8, axes)) + struct.pack(f">{axes}I", *self.shape)

    @property
    def size(self) -> int:
        """Bytes of the uncompressed content."""
        return len(self.header) + math.prod(self.shape)


@dataclass(frozen=True)
class IdxDataset:
    """Images and labels for training and testing; `urls` are the folders to download from."""

    name: str
    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile
    urls: tuple[str, ...]
    hint: str = ""

    def load(self, npz: str | None = None) -> tuple[Split, Split]:
        """`(x_train, y_train), (x_test, y_test)`; OSError where a file cannot be had.

        Args:
            npz: name of a file in Keras's cache that may hold the four arrays.
        """
        if npz is not None:
            cache, keras, _ = folders(self.name)
            arrays = found([cache / npz, keras.parent / npz], self.read_npz)
            if arrays is not None:
                return arrays
        train = self._array(self.train_images), self._array(self.train_labels)
        return train, (self._array(self.test_images), self._array(self.test_labels))

    def _array(self, file: IdxFile) -> np.ndarray:
        return obtained(
            [folder / file.name for folder in folders(self.name)],
            [url + file.name for url in self.urls],
            lambda path: read_idx(path, file),
            # Deflate and gzip add little to what they cannot make smaller.
            limit=file.size + file.size // 100 + 1024,
            hint=self.hint,
        )

    def read_npz(self, path: Path) -> tuple[Split, Split]:
        """The arrays in Keras's mnist.npz, each exactly what its idx file would hold."""
        with open(path, "rb") as opened:
            try:
                x_train, y_train, x_test, y_test = self._arrays_in(opened)
            except ValueError:
                raise
            except Exception as error:  # whatever a damaged archive or header comes to
                raise ValueError(f"it is not a readable .npz file: {error}") from error
        return (x_train, y_train), (x_test, y_test)

    def _arrays_in(self, opened: IO[bytes]) -> list[np.ndarray]:
        named = {
            "x_train": self.train_images,
            "y_train": self.train_labels,
            "x_test": self.test_images,
            "y_test": self.test_labels,
        }
        with zipfile.ZipFile(opened) as archive:
            return [_read_npy(archive, name, file) for name, file in named.items()]


def read_idx(path: str | os.PathLike[str], file: IdxFile) -> np.ndarray:
    """The array in the gzipped idx file at `path`, if it is exactly what `file` says.

    No more than the expected content is ever uncompressed, so a small file cannot fill the
    memory. Raises ValueError on other content, and what `gzip` raises on a damaged stream.
    """
    with gzip.open(path) as stream:
        content = _read_exactly(stream, file.size)
    if not content.startswith(file.header[:4]):
        raise ValueError(
            f"it must start with {file.header[:4].hex(' ')}. Received: {content[:4].hex(' ')}"
        )
    shape = struct.unpack_from(f">{len(file.shape)}I", content, 4)
    if shape != file.shape:
        raise ValueError(f"it must hold an array of shape {file.shape}. Received: {shape}")
    return _checked(content, file)


def _read_npy(archive: zipfile.ZipFile, name: str, file: IdxFile) -> np.ndarray:
    """One array of an .npz file, which may be plain uint8 only: nothing is unpickled."""
    with archive.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{name}.npy must be of version (1, 0). Received: {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if (shape, fortran, dtype) != (file.shape, False, np.dtype(np.uint8)):
            raise ValueError(
                f"{name} must be a uint8 array of shape {file.shape}. "
                f"Received: {dtype} of shape {shape}"
            )
        return _checked(file.header + _read_exactly(stream, math.prod(shape)), file)


def _read_exactly(stream: IO[bytes] | gzip.GzipFile, size: int) -> bytes:
    content = stream.read(size + 1)
    if len(content) != size:
        received = f"{len(content)} bytes" if len(content) < size else "more"
        raise ValueError(f"uncompressed, it must be {size} bytes long. Received: {received}")
    return content


def _checked(content: bytes, file: IdxFile) -> np.ndarray:
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ValueError(f"its content must have SHA-256 {file.sha256}. Received: {digest}")
    return np.frombuffer(content, np.uint8, offset=len(file.header)).reshape(file.shape).copy()
