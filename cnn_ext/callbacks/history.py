"""History: what `fit` returns."""

from __future__ import annotations

from typing import Any

from cnn_ext.callbacks.base import Callback, Logs


class History(Callback):
    """Keeps the logs of every epoch; what `fit` returns (`keras.callbacks.History`).

    Attributes: `history`, name -> list of values; `epoch`, the numbers of the epochs.

    >>> history = History()
    >>> history.on_train_begin()
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> history.epoch, history.history
    ([0], {'loss': [0.5]})
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self
