"""LambdaCallback: functions as a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext._errors import did_you_mean
from cnn_ext.callbacks.base import EVENTS, Callback

Function = Callable[..., Any] | None


class _TakesEvents(Callback):
    """The constructor's keywords are names of events."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in EVENTS:
                raise TypeError(
                    f"LambdaCallback: unexpected argument '{name}'"
                    f"{did_you_mean(name, EVENTS) or '; it takes ' + ', '.join(EVENTS)}"
                )
        return object.__new__(cls)


class LambdaCallback(_TakesEvents):
    """A callback of functions (`keras.callbacks.LambdaCallback`).

    Args:
        on_epoch_begin, on_epoch_end: functions (epoch, logs).
        on_train_begin, on_train_end: functions (logs).
        on_train_batch_begin, on_train_batch_end: functions (batch, logs).
        **kwargs: functions for the other events of `Callback`, by their names.

    >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs)).on_epoch_end(0, {"loss": 1.0})
    {'loss': 1.0}
    """

    def __init__(
        self,
        on_epoch_begin: Function = None,
        on_epoch_end: Function = None,
        on_train_begin: Function = None,
        on_train_end: Function = None,
        on_train_batch_begin: Function = None,
        on_train_batch_end: Function = None,
        **kwargs: Any,
    ) -> None:
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        self.__dict__.update({name: f for name, f in given.items() if f is not None})
