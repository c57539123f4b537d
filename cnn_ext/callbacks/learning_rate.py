"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext._errors import did_you_mean
from cnn_ext.callbacks.base import Callback, Logs
from cnn_ext.callbacks.monitor import MonitorCallback
from cnn_ext.utils.messages import message


def _rate_of(model: Any) -> float:
    return float(model.optimizer.learning_rate)


class LearningRateScheduler(Callback):
    """Sets the learning rate of every epoch (`keras.callbacks.LearningRateScheduler`).

    Args:
        schedule: a function (epoch, rate) -> rate, or (epoch) -> rate; epochs count from 0.
        verbose: 1 prints a line when it acts.

    >>> LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch > 3 else rate).verbose
    0
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if not hasattr(self.model.optimizer, "learning_rate"):
            raise ValueError('Optimizer must have a "learning_rate" attribute.')
        if _takes_one(self.schedule):
            rate = self.schedule(epoch)
        else:
            rate = self.schedule(epoch, _rate_of(self.model))
        if not isinstance(rate, float | np.float32 | np.float64):
            raise ValueError(
                "The output of the `schedule` function should be a float. "
                f"Got: {rate}, of type {type(rate).__name__}"
            )
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            message(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _rate_of(self.model)


def _takes_one(function: Callable[..., Any]) -> bool:
    """Whether a function cannot be called with two positional arguments."""
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return True
    except ValueError:  # written in C: unknown
        return False
    return False


class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate when a logged value stops improving
    (`keras.callbacks.ReduceLROnPlateau`).

    Args:
        monitor: name of the value.
        factor: what the rate is multiplied by, below 1.
        patience: epochs without improvement after which it is.
        verbose: 1 prints a line when it acts.
        mode: `"min"`, `"max"`, or `"auto"`: down for the loss, else as the metric itself says.
        min_delta: smallest change that counts as an improvement.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the rate never gets lower.

    >>> ReduceLROnPlateau(factor=0.2, patience=5).factor
    0.2
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(
                f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}"
            )
        self.factor = factor
        self.min_lr = min_lr
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self._reset()

    def in_cooldown(self) -> bool:
        """Whether the epochs after a reduction are not over yet."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        logs = {} if logs is None else logs
        logs["learning_rate"] = _rate_of(self.model)
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not "
                f"available. Available metrics are: {','.join(logs)}"
                f"{did_you_mean(self.monitor, logs) or '.'}",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        old = _rate_of(self.model)
        if old <= np.float32(self.min_lr):
            return
        rate = max(old * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            message(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0
