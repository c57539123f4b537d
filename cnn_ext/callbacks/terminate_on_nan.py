"""TerminateOnNaN: the end of a training whose loss is no number."""

from __future__ import annotations

import math

from cnn_ext.callbacks.base import Callback, Logs
from cnn_ext.utils.messages import message


class TerminateOnNaN(Callback):
    """Ends training when the loss is NaN or infinite (`keras.callbacks.TerminateOnNaN`).

    Without it `fit` raises a FloatingPointError before such a loss changes the weights; with it
    the weights change, and training ends as if it were over.

    Args:
        raise_error: raise a RuntimeError instead.

    >>> TerminateOnNaN().raise_error
    False
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating "
                "training immediately."
            )
        message(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
