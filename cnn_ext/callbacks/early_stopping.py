"""EarlyStopping: the end of a training that no longer improves."""

from __future__ import annotations

import numpy as np

from cnn_ext.callbacks.base import Logs
from cnn_ext.callbacks.monitor import MonitorCallback
from cnn_ext.utils.messages import message


class EarlyStopping(MonitorCallback):
    """Ends training when a logged value stops improving (`keras.callbacks.EarlyStopping`).

    Args:
        monitor: name of the value.
        min_delta: smallest change that counts as an improvement.
        patience: epochs without improvement after which training ends.
        verbose: 1 prints a line when it acts.
        mode: `"min"`, `"max"`, or `"auto"`: down for the loss, else as the metric itself says.
        baseline: value that must be beaten for patience to start anew.
        restore_best_weights: whether to end with the best epoch's weights, not the last's.
        start_from_epoch: epochs that are waited before watching starts.

    Raises:
        ValueError: with mode `"auto"`, for a metric that does not say which way is better.

    >>> EarlyStopping(patience=2, restore_best_weights=True).patience
    2
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._is_improvement(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self._is_improvement(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs: Logs = None) -> None:
        if self.stopped_epoch and self.verbose:
            message(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                message(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Logs) -> float | None:
        """The watched value of an epoch's logs; None, and a warning, if it is not there."""
        return self._monitored(
            logs, f"Early stopping conditioned on metric `{self.monitor}` which is not available."
        )
