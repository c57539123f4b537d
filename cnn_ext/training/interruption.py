"""Ctrl-C in `fit`: the first ends the training after the batch, the second at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from cnn_ext.utils.messages import message


class Interruption:
    """A block in which Ctrl-C asks a model to stop training.

    Only in the main thread, and only in place of Python's own handler, which is put back at the
    end of the block: a program with a handler of its own keeps it.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._installed = False

    def __enter__(self) -> Interruption:
        self.model._interrupted = False
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(self, *error: Any) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.model._interrupted:
            signal.default_int_handler(number, frame)
        self._note()

    def take(self) -> bool:
        """Whether a KeyboardInterrupt that was raised between batches counts as the first."""
        if not self._installed or self.model._interrupted:
            return False
        self._note()
        return True

    def _note(self) -> None:
        self.model._interrupted = self.model.stop_training = True
        message("\nInterrupted: training ends after this batch; Ctrl-C once more ends it at once.")
