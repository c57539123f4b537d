"""Data sets kept as four idx files: found on this machine or downloaded once, always checked.

One checksum serves every source: it is taken over the uncompressed content, since mirrors and
distributions compress the same bytes differently.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import tempfile
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SYSTEM_FOLDER = Path("/usr/share/datasets")  # where Debian's packages dataset-* put them
Split = tuple[np.ndarray, np.ndarray]
_UINT8 = 0x08
_DAMAGED = (OSError, EOFError, ValueError, zlib.error)


@dataclass(frozen=True)
class IdxFile:
    """A gzipped idx file of uint8: its name, and what its uncompressed content must be."""

    name: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True)
class IdxDataset:
    """Images and labels for training and testing; `urls` are the folders to download from."""

    name: str
    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile
    urls: tuple[str, ...]

    def load(self) -> tuple[Split, Split]:
        """`(x_train, y_train), (x_test, y_test)`; OSError where a file cannot be had."""
        train = self._array(self.train_images), self._array(self.train_labels)
        return train, (self._array(self.test_images), self._array(self.test_labels))

    def _array(self, file: IdxFile) -> np.ndarray:
        places = folders(self.name)
        for folder in places:
            try:
                return read_idx(folder / file.name, file)
            except FileNotFoundError:
                continue
            except _DAMAGED as error:
                warnings.warn(f"Skipped {folder / file.name}: {error}", stacklevel=4)
        failures = []
        for url in self.urls:
            try:
                return download(url + file.name, places[0], file)
            except _DAMAGED as error:
                failures.append(f"{url + file.name}: {type(error).__name__}: {error}")
        raise FileNotFoundError(_not_found(self.name, file.name, places, failures))


def folders(name: str) -> list[Path]:
    """Where the files of data set `name` may be, first choice first: the cache of cnn_ext, of
    Keras, the system's folder."""
    import pooch

    keras_home = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))
    return [
        Path(pooch.os_cache("cnn_ext")) / name,
        keras_home / "datasets" / name,
        SYSTEM_FOLDER / name,
    ]


def read_idx(path: str | os.PathLike[str], file: IdxFile) -> np.ndarray:
    """The array in the gzipped idx file at `path`, if it is exactly what `file` says.

    An idx file is 0, 0, the dtype's code, the number of axes, the axes' sizes as big-endian
    32-bit integers, then the elements. No more than the expected content is ever
    uncompressed, so a small file cannot fill the memory.

    Raises ValueError on other content, and what `gzip` raises on a damaged stream.
    """
    header = 4 + 4 * len(file.shape)
    size = header + math.prod(file.shape)
    with gzip.open(path) as stream:
        content = stream.read(size + 1)
    if len(content) != size:
        received = f"{len(content)} bytes" if len(content) < size else "more"
        raise ValueError(f"uncompressed, it must be {size} bytes long. Received: {received}")
    magic = bytes((0, 0, _UINT8, len(file.shape)))
    if not content.startswith(magic):
        raise ValueError(f"it must start with {magic.hex(' ')}. Received: {content[:4].hex(' ')}")
    shape = struct.unpack_from(f">{len(file.shape)}I", content, 4)
    if shape != file.shape:
        raise ValueError(f"it must hold an array of shape {file.shape}. Received: {shape}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ValueError(f"its content must have SHA-256 {file.sha256}. Received: {digest}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()


def download(url: str, folder: Path, file: IdxFile) -> np.ndarray:
    """Download, check, and only then put into `folder`: a cache never holds half a file."""
    import pooch

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        part = Path(scratch, file.name)
        print(f"Downloading data from {url}", flush=True)
        pooch.HTTPDownloader(timeout=30)(url, str(part), None)
        array = read_idx(part, file)
        part.replace(folder / file.name)
    return array


def _not_found(name: str, file_name: str, places: list[Path], failures: list[str]) -> str:
    return (
        f"Data set {name}: {file_name} is not on this machine and could not be downloaded. "
        f"Connect to the network and try again; or put the .gz files of {name} into {places[0]}; "
        f"or, on Debian and Ubuntu, run `apt install dataset-{name}`. "
        f"Looked in: {', '.join(map(str, places))}. Received: {'; '.join(failures)}"
    )
