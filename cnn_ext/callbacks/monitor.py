"""What callbacks that watch one logged value share: which way is better, and the best."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext._errors import did_you_mean
from cnn_ext.callbacks.base import Callback, Logs


class MonitorCallback(Callback):
    """A callback that watches a logged value.

    Args:
        monitor: name of the value.
        mode: `"min"`, `"max"`, or `"auto"`: down for the loss, else as the metric itself says.
        baseline: the best value so far.
        min_delta: smallest change that counts as an improvement.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode. Known: "
                f"'auto', 'min', 'max'{did_you_mean(mode, ('auto', 'min', 'max'))}",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable[[Any, Any], Any] | None = None

    def _set_monitor_op(self) -> None:
        """Find out which way is better, which metrics know once they have seen data."""
        mode = self._direction() if self.mode == "auto" else self.mode
        if mode == "max":
            self.monitor_op = np.greater
        else:
            self.monitor_op = np.less
            self.min_delta *= -1

    def _direction(self) -> str:
        name = self.monitor.removeprefix("val_")
        mode = "min" if name == "loss" else None
        known: list[Any] = []
        for metric in getattr(self.model, "metrics", ()):
            known += metric.metrics if hasattr(metric, "metrics") else [metric]
        for metric in known:
            if metric.name == name and hasattr(metric, "_direction"):
                mode = "max" if metric._direction == "up" else "min"
        if mode is None:
            raise ValueError(
                f"{type(self).__name__} callback received monitor={self.monitor}, but Keras isn't "
                "able to automatically determine whether that metric should be maximized or "
                "minimized. Pass `mode='max'` in order to monitor based on the highest metric "
                "value, or pass `mode='min'` in order to use the lowest value. "
                f"Received: monitor={self.monitor!r}"
                f"{did_you_mean(name, [m.name for m in known])}"
            )
        return mode

    def _is_improvement(self, monitor_value: Any, reference_value: Any) -> bool:
        """Whether a value is better than another by more than min_delta; NaN never is."""
        if self.monitor_op is None:
            self._set_monitor_op()
        if reference_value is None:
            return not np.isnan(monitor_value)
        assert self.monitor_op is not None
        return bool(self.monitor_op(monitor_value - self.min_delta, reference_value))

    def _monitored(self, logs: Logs, message: str) -> Any:
        """The watched value; a warning if it is not there."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            names = list(logs or {})
            warnings.warn(
                f"{message} Available metrics are: {','.join(names)}"
                f"{did_you_mean(self.monitor, names)}",
                stacklevel=3,
            )
        return value
