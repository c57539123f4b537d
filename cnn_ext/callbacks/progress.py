"""ProgbarLogger: the lines that `fit` prints."""

from __future__ import annotations

from typing import Any

from cnn_ext.callbacks.base import Callback, Logs
from cnn_ext.utils.messages import message
from cnn_ext.utils.progbar import Progbar


class ProgbarLogger(Callback):
    """Prints the progress bar (`keras.callbacks.ProgbarLogger`); `verbose` says how.

    >>> ProgbarLogger().verbose
    1
    """

    _not_kept = ("verbose", "epochs", "target", "seen", "_in_fit")

    def __init__(self) -> None:
        self.verbose: Any = 1
        self.epochs = 1
        self.target: int | None = None
        self.seen = 0
        self.bar: Progbar | None = None
        self._in_fit = False

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        self.verbose = 1 if params["verbose"] == "auto" else params["verbose"]
        self.epochs = params["epochs"]
        self.target = params["steps"]

    def on_train_begin(self, logs: Logs = None) -> None:
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._start()
        if self.verbose and self.epochs > 1:
            message(f"Epoch {epoch + 1}/{self.epochs}")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._update(batch, logs)

    def on_train_end(self, logs: Logs = None) -> None:
        self._in_fit = False

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._in_fit:
            self._update(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._update(batch, None)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    def _start(self) -> None:
        self.seen = 0
        self.bar = Progbar(target=self.target, verbose=self.verbose, stateless_metrics=())

    def _update(self, batch: int, logs: Logs) -> None:
        self.seen = batch + 1
        if self.bar is None:
            self._start()
        if self.verbose == 1 and self.bar is not None:
            self.bar.update(self.seen, list((logs or {}).items()), finalize=False)

    def _finish(self, logs: Logs) -> None:
        if self.bar is not None:
            if self.target is None:
                self.target = self.bar.target = self.seen
            self.bar.update(self.target, list((logs or {}).items()), finalize=True)
