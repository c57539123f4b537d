"""What is fuzzed: each target reads bytes as a stranger's file, and only its own errors may come.

Used by `run.py` (atheris), by `make_corpus.py` and by tests/test_fuzz_corpus.py.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnn_ext
from cnn_ext import callbacks, layers, saving
from cnn_ext.datasets import _cifar, _idx, _places
from cnn_ext.naming import clear_session

_SHARED = "/dev/shm"  # memory, so that the disk is spared
FOLDER = Path(
    tempfile.mkdtemp(prefix="cnn_ext-fuzz-", dir=_SHARED if os.path.isdir(_SHARED) else None)
)
IMAGES = bytes((0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 4)) + bytes(12)  # as an idx file holds them
LABELS = bytes((0, 0, 8, 1, 0, 0, 0, 3)) + bytes(3)
IDX = _idx.IdxFile("x", (3, 4), hashlib.sha256(IMAGES).hexdigest())
IDX_LABELS = _idx.IdxFile("y", (3,), hashlib.sha256(LABELS).hexdigest())


class Finding(AssertionError):
    """A file that did what no file may do."""


def small_model() -> Any:
    clear_session()
    model = cnn_ext.Sequential(
        [layers.Input((5, 5, 1)), layers.Conv2D(2, 3), layers.BatchNormalization()]
    )
    model.add(layers.Flatten())
    model.add(layers.Dense(2, name="dense"))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


kept_model = functools.cache(small_model)


def _model(suffix: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        clear_session()
        model = saving.load_model(_written(data, suffix))
        model.summary(print_fn=lambda *_, **__: None)

    return read


def _weights(suffix: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        kept_model().load_weights(_written(data, suffix))

    return read


def _legacy(data: bytes) -> None:
    """As a whole model, and as weights alone."""
    try:
        _model(".h5")(data)
    except saving.ModelFileError:
        try:
            kept_model().load_weights(_written(data, ".h5"))
        except ValueError as error:  # where such weights are not read at all: the path's error
            if "filename must end" not in str(error):
                raise


def _backup(data: bytes) -> None:
    folder = FOLDER / "backup"
    folder.mkdir(exist_ok=True)
    (folder / "latest.weights.h5").write_bytes(data)
    backup = callbacks.BackupAndRestore(folder)
    stopping = callbacks.EarlyStopping("loss", patience=1)
    events = callbacks.CallbackList([backup, stopping], model=kept_model(), add_history=True)
    events.on_train_begin()
    events.on_epoch_begin(0)


def _idx_gz(data: bytes) -> None:
    path = _written(data, ".gz")
    for file in (IDX, IDX_LABELS):
        _places.found([path], lambda path, file=file: _idx.read_idx(path, file))


def _npz(data: bytes) -> None:
    known = _idx.IdxDataset("x", IDX, IDX_LABELS, IDX, IDX_LABELS, ())
    _places.found([_written(data, ".npz")], known.read_npz)


class _Unchecked(_cifar.CifarDataset):
    """Without the archive's checksum, which keeps all else out."""

    def _check(self, file: Any) -> None:
        pass


CIFAR = _Unchecked("c", "c.tar.gz", 0, "", ("a/1.bin", "a/2.bin"), ("a/t.bin",), 1, 1, 1)


def _cifar_tar(data: bytes) -> None:
    _places.found([_written(data, ".tar.gz")], CIFAR.read)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "keras": _model(".keras"),
    "weights": _weights(".weights.h5"),
    "legacy": _legacy,
    "backup": _backup,
    "idx": _idx_gz,
    "npz": _npz,
    "cifar": _cifar_tar,
}


def try_on(name: str, data: bytes) -> bool:
    """Whether the target takes the bytes; raises whatever it may not raise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            TARGETS[name](data)
        except saving.ModelFileError as error:
            _check_cause(error)
            return False
    return True


def _check_cause(error: BaseException | None) -> None:
    while error is not None:
        if isinstance(error, MemoryError | RecursionError | AssertionError | SystemError):
            raise Finding(f"a file that costs too much: {error!r}") from error
        error = error.__context__


def _written(data: bytes, suffix: str) -> Path:
    path = FOLDER / f"file{suffix}"
    path.write_bytes(data)
    return path


def checksum_of(data: bytes) -> str:
    """A short name for an input."""
    return f"{zlib.crc32(data):08x}"
