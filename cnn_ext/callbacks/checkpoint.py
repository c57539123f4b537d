"""ModelCheckpoint: models, or their weights, in files while they are trained."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from cnn_ext.callbacks.base import Logs
from cnn_ext.callbacks.monitor import MonitorCallback
from cnn_ext.utils.messages import message


class ModelCheckpoint(MonitorCallback):
    """Saves the model or its weights after epochs or batches (`keras.callbacks.ModelCheckpoint`).

    Args:
        filepath: where to; ends in `.weights.h5` for weights, `.keras` for models; may
            contain `{epoch:02d}`, `{batch}` and logged names such as `{val_loss:.2f}`.
        monitor: name of the value that says which epoch is best.
        verbose: 1 prints a line when it saves.
        save_best_only: save only when the value improves.
        save_weights_only: save the weights, with the optimizer's state, and not the whole model.
        mode: `"min"`, `"max"`, or `"auto"`: down for the loss, else as the metric itself says.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: the best value so far.

    >>> ModelCheckpoint("best.weights.h5", save_best_only=True, save_weights_only=True).filepath
    'best.weights.h5'
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._batches = 0
        self._epoch = 0
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ValueError(
                f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer "
                "values"
            )
        if save_weights_only and not self.filepath.endswith(".weights.h5"):
            raise ValueError(
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided "
                f"must end in `.weights.h5` (Keras weights format). Received: "
                f"filepath={self.filepath}"
            )
        if not save_weights_only and not self.filepath.endswith(".keras"):
            raise ValueError(
                "The filepath provided must end in `.keras` (Keras model format). Received: "
                f"filepath={self.filepath}"
            )

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if isinstance(self.save_freq, int):
            self._batches += 1
            if self._batches >= self.save_freq:
                self._batches = 0
                self._save(self._epoch, logs, batch=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Logs, **names: Any) -> None:
        try:
            path = self.filepath.format(epoch=epoch + 1, **{**names, **(logs or {})})
        except KeyError as error:
            known = ["epoch", *names, *(logs or {})]
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". It may name '
                f"{', '.join(known)}. Reason: {error}"
            ) from None
        if not self._wanted(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise OSError(
                "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an "
                f"existing directory: {path}"
            )
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path, overwrite=True)
        self._say(epoch, f"finished saving model to {path}")

    def _wanted(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            return True
        value = self._monitored(logs, f"Can save best model only with {self.monitor} available.")
        if value is None:
            return True
        if np.ndim(value) > 0:
            warnings.warn(
                "Can save best model only when `monitor` is a scalar value. "
                f"Received: {value}. Falling back to `save_best_only=False`.",
                stacklevel=3,
            )
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(value, self.best):
            self._say(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._say(
            epoch, f"{self.monitor} improved from {best} to {value:.5f}, saving model to {path}"
        )
        self.best = value
        return True

    def _say(self, epoch: int, text: str) -> None:
        if self.verbose:
            message(f"\nEpoch {epoch + 1}: {text}")
