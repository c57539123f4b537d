"""The line that shows how far an epoch is."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cnn_ext._errors import TeachesKeywords
from cnn_ext.utils.messages import write

_BOLD, _GREEN, _WHITE, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"
_CODES = re.compile(r"\x1b\[\d+m")
Values = Mapping[str, Any] | Iterable[tuple[str, Any]]


class Progbar(TeachesKeywords):
    """A progress bar with metrics, as `keras.utils.Progbar` draws it.

    On a terminal or in a notebook the line is redrawn as it grows; elsewhere (a file, a pipe)
    only the finished line is written, without colours.

    Args:
        target: Number of steps; None if unknown.
        width: Characters of the bar.
        verbose: 0 silent, 1 a bar, 2 one line when finished.
        interval: Least seconds between two drawings.
        stateful_metrics, stateless_metrics: Accepted for Keras's sake. Every value is shown as
            it was last given: averaging is the metric's work.
        unit_name: What a step is called.

    >>> bar = Progbar(3)
    >>> for step in range(3):
    ...     bar.update(step + 1, [("loss", 0.5)])  # doctest: +ELLIPSIS
    3/3 ━━━━━━━━━━━━━━━━━━━━ 0s .../step - loss: 0.5000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self._redraws = verbose == 1 and _can_redraw()
        self._values: dict[str, Any] = {}
        self._seen = 0
        self._start = time.monotonic()
        self._first_step_at: float | None = None
        self._drawn_at = -math.inf
        self._drawn_width = 0

    def update(
        self, current: int, values: Values | None = None, finalize: bool | None = None
    ) -> None:
        """Show that `current` steps are done.

        Args:
            current: Steps done so far.
            values: Pairs (name, value) to show after the bar; a name not given again keeps its
                last value, an array is shown by its mean.
            finalize: Whether this is the last update; by default, whether `target` is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._values.update(values or ())
        self._seen = current
        now = time.monotonic()
        if current == 1 and not finalize:
            self._first_step_at = now
        due = self._redraws and now - self._drawn_at >= self.interval
        if not (finalize or due):
            return
        if self.verbose == 1:
            self._draw(self._bar_line(current, now, finalize), finalize)
            self._drawn_at = now
        elif self.verbose == 2 and self.target:
            write(self._plain_line(current, now))

    def add(self, n: int, values: Values | None = None) -> None:
        """Show that `n` more steps are done: see `update`."""
        self.update(self._seen + n, values)

    def _draw(self, line: str, finalize: bool) -> None:
        plain = _CODES.sub("", line)
        if self._redraws:
            line = "\r" + line + " " * (self._drawn_width - len(plain))
            self._drawn_width = len(plain)
        else:
            line = plain
        write(line + "\n" * finalize)

    def _bar_line(self, current: int, now: float, finalize: bool) -> str:
        step = self._seconds_per_step(current, now)
        if self.target:
            filled = min(int(self.width * current / self.target), self.width)
            bar = f"{_GREEN}{'━' * filled}{_PLAIN}" if filled else ""
            bar += f"{_WHITE}{'━' * (self.width - filled)}{_PLAIN}"
            count = f"{_BOLD}{self._count(current)}{_PLAIN} {bar}"
        else:
            count = f"{current:7d}/Unknown"
        if self.target and not finalize:
            clock = _countdown(step * (self.target - current))
        else:
            clock = f"{now - self._start:.0f}s"
        return f"{count} {_BOLD}{clock}{_PLAIN} {self._pace(step)}{self._metrics()}"

    def _plain_line(self, current: int, now: float) -> str:
        pace = self._pace(self._seconds_per_step(current, now))
        return f"{self._count(current)} - {now - self._start:.0f}s - {pace}{self._metrics()}\n"

    def _count(self, current: int) -> str:
        return f"{current:>{len(str(self.target))}}/{self.target}"

    def _metrics(self) -> str:
        return "".join(f" - {name}: {_number(value)}" for name, value in self._values.items())

    def _pace(self, seconds: float) -> str:
        if seconds >= 1 or seconds == 0:
            return f"{seconds:.0f}s/{self.unit_name}"
        if seconds >= 1e-3:
            return f"{seconds * 1e3:.0f}ms/{self.unit_name}"
        return f"{seconds * 1e6:.0f}us/{self.unit_name}"

    def _seconds_per_step(self, current: int, now: float) -> float:
        """Mean time of a step; the first, which also prepares, counts only while it is alone."""
        if self._first_step_at is not None and current > 1:
            return (now - self._first_step_at) / (current - 1)
        return (now - self._start) / current if current else 0.0


def _can_redraw() -> bool:
    """Whether stdout shows a line written over another: a terminal, a notebook, PyCharm."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return terminal or "ipykernel" in sys.modules or "PYCHARM_HOSTED" in os.environ


def _countdown(seconds: float) -> str:
    if seconds > 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


def _number(value: Any) -> str:
    mean = float(np.mean(value))
    return f"{mean:.4f}" if abs(mean) > 1e-3 else f"{mean:.4e}"
