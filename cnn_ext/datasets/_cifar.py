"""CIFAR-10 and CIFAR-100 from their binary archives.

Their authors' other archives, and so Keras's cache, hold pickles. A pickle runs the code that it
names, so those are never read: the binary archives hold the same images, as bytes.
"""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from cnn_ext import config
from cnn_ext.datasets._places import folders, obtained

# The authors' addresses, old and new, and a mirror; a file that differs is refused.
_URLS = (
    "https://www.cs.toronto.edu/~kriz/",
    "https://cave.cs.toronto.edu/kriz/",
    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
)
_HINT = " (the pickled batches in a Keras cache are not read: a pickle can run code)"
_PIXELS = 32 * 32 * 3
Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class CifarDataset:
    """A gzipped tar of files of records: labels of a byte each, then red, green and blue planes."""

    name: str
    archive: str
    size: int
    sha256: str
    train: tuple[str, ...]  # members
    test: tuple[str, ...]
    images: int  # in each member of train
    test_images: int
    labels: int  # in each record
    urls: tuple[str, ...] = _URLS

    def load(self) -> tuple[Arrays, Arrays]:
        """`(x_train, labels), (x_test, labels)`, labels of shape (images, labels).

        OSError where the archive cannot be had.
        """
        cache, keras, system = folders(self.name)
        places = [cache, keras, keras.parent, system]
        return obtained(
            [folder / self.archive for folder in places],
            [url + self.archive for url in self.urls],
            self.read,
            limit=self.size,
            hint=_HINT,
        )

    def read(self, path: Path) -> tuple[Arrays, Arrays]:
        """The arrays in the archive at `path`, if it is the very one that was described."""
        with open(path, "rb") as file:
            self._check(file)
            file.seek(0)
            try:
                records = self._records(file)
            except (OSError, ValueError):
                raise
            except Exception as error:  # whatever a damaged archive comes to
                raise ValueError(f"it is not a readable archive: {error}") from error
        return self._arrays(records, self.train), self._arrays(records, self.test)

    def _check(self, file: IO[bytes]) -> None:
        digest, length = hashlib.sha256(), 0
        while length <= self.size and (chunk := file.read(1 << 20)):
            digest.update(chunk)
            length += len(chunk)
        if length != self.size:
            received = f"{length} bytes" if length < self.size else "more"
            raise ValueError(f"it must be {self.size} bytes long. Received: {received}")
        if digest.hexdigest() != self.sha256:
            raise ValueError(f"it must have SHA-256 {self.sha256}. Received: {digest.hexdigest()}")

    def _records(self, file: IO[bytes]) -> dict[str, np.ndarray]:
        """The members by name, a row a record; nothing is written to the disk."""
        counts = dict.fromkeys(self.train, self.images) | dict.fromkeys(self.test, self.test_images)
        found = {}
        with tarfile.open(fileobj=file, mode="r|gz") as archive:
            for member in archive:
                if member.name not in counts:
                    continue
                shape = counts[member.name], self.labels + _PIXELS
                stream = archive.extractfile(member) if member.isreg() else None
                if stream is None or member.size != shape[0] * shape[1]:
                    raise ValueError(f"{member.name} must be a file of {shape[0] * shape[1]} bytes")
                found[member.name] = np.frombuffer(stream.read(), np.uint8).reshape(shape)
        missing = [name for name in counts if name not in found]
        if missing:
            raise ValueError(f"it must hold {', '.join(counts)}. Received: no {missing[0]}")
        return found

    def _arrays(self, records: dict[str, np.ndarray], members: tuple[str, ...]) -> Arrays:
        rows = np.concatenate([records[name] for name in members])
        images = rows[:, self.labels :].reshape(-1, 3, 32, 32)
        if config.image_data_format() == "channels_last":
            images = images.transpose(0, 2, 3, 1)
        return np.array(images, order="C"), rows[:, : self.labels].copy()
