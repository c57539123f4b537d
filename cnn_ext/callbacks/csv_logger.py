"""CSVLogger: the logs of epochs in a table."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    """Writes the logs of every epoch to a CSV file (`keras.callbacks.CSVLogger`).

    Args:
        filename: where to.
        separator: between the values of a row.
        append: add to a file that is there, in place of a new one.

    >>> CSVLogger("log.csv", separator=";").sep
    ';'
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self.append_header = True
        self.csv_file: Any = None
        self._size: int | None = None  # of what is kept of the file, until the first epoch

    def on_train_begin(self, logs: Logs = None) -> None:
        self._close()
        if self.append and os.path.exists(self.filename):
            self.append_header = os.path.getsize(self.filename) == 0
        self.csv_file = open(  # noqa: SIM115 - closed when training ends
            self.filename, "a", newline="", encoding="utf-8"
        )
        self._size = None if self.append else 0
        self.keys = None

    def backup_state(self) -> dict[str, Any]:
        return {"file": (os.path.getsize(self.filename), self.keys)}

    def restore_state(self, state: dict[str, Any]) -> None:
        """Go on with the file as it was, without the rows of epochs that are trained anew."""
        size, self.keys = state["file"]
        self._size = min(int(size), os.path.getsize(self.filename))
        self.append_header = self._size == 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._cut()

    def _cut(self) -> None:
        if self._size is not None:
            self.csv_file.truncate(self._size)
            self._size = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._cut()
        logs = logs or {}
        writer = csv.writer(self.csv_file, delimiter=self.sep)
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            if self.append_header:
                writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self.csv_file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        self._close()

    def _close(self) -> None:
        if self.csv_file is not None:
            self._cut()
            self.csv_file.close()
            self.csv_file = None


def _cell(value: Any) -> Any:
    single = isinstance(value, np.ndarray) and value.ndim == 0
    if single or isinstance(value, str) or not isinstance(value, Iterable):
        return value
    return f'"[{", ".join(map(str, value))}]"'
