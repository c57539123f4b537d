"""CallbackList: several callbacks, called as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnn_ext.callbacks.base import EVENTS, Callback, Logs
from cnn_ext.callbacks.history import History
from cnn_ext.callbacks.progress import ProgbarLogger
from cnn_ext.tree import flatten


@dataclass(frozen=True)
class Resumed:
    """Where an earlier training is gone on with.

    Args:
        epoch: the first epoch.
        step: its batches that were already trained on.
        logs: the last that there were.
        finished: whether nothing but the end of training is left.
    """

    epoch: int
    step: int = 0
    logs: dict[str, Any] | None = None
    finished: bool = False


class _TakesParameters(Callback):
    """Every keyword of the constructor may be right."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls)


class CallbackList(_TakesParameters):
    """Several callbacks as one (`keras.callbacks.CallbackList`).

    Args:
        callbacks: a Callback, or several in a list.
        add_history: add a History if there is none.
        add_progbar: add a ProgbarLogger if there is none.
        model: the model that they are for.
        **params: what they get as `params`.

    Only callbacks that override a method are called for its event, in the order of the list; those
    that must see what the others have done (`BackupAndRestore`) come last. Logs are handed on as
    floats, sorted by name, in one dict that callbacks may add to for those after them.

    Attributes, for `fit` and such a callback: `epochs`, the batches that are trained on; `resumed`,
    where an earlier training is gone on with, None for a new one.

    >>> CallbackList([History()], add_progbar=True, verbose=0, epochs=1, steps=1).callbacks[1:]
    ... # doctest: +ELLIPSIS
    [<cnn_ext.callbacks.progress.ProgbarLogger object at ...>]
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks: list[Any] = flatten(callbacks) if callbacks else []
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(
                    "callbacks must be Callback objects, such as EarlyStopping(). "
                    f"Received: {callback!r}"
                )
        self._history = self._added(History, add_history)
        self._added(ProgbarLogger, add_progbar)
        self.epochs: Any = None
        self.resumed: Resumed | None = None
        self._listeners: dict[str, list[Callable[..., None]]] = {}
        self.set_model(model)
        self.set_params(params)

    def _added(self, kind: type[Callback], wanted: bool) -> Any:
        """The last callback of a kind, which is added if it is wanted and not there."""
        known = [callback for callback in self.callbacks if isinstance(callback, kind)]
        if not known and wanted:
            known = [kind()]
            self.callbacks += known
        return known[-1] if known else None

    def set_model(self, model: Any) -> None:
        if model is None:
            return
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)
            if callback.acts_last:
                callback.set_list(self)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks if params else ():
            callback.set_params(params)

    def listeners(self, event: str) -> list[Callable[..., None]]:
        """The methods that the callbacks have for an event."""
        if event not in self._listeners:
            names = {event, event.replace("train_batch", "batch")}
            self._listeners[event] = [
                getattr(callback, event)
                for callback in sorted(self.callbacks, key=lambda callback: callback.acts_last)
                if any(_overrides(callback, name) for name in names)
            ]
        return self._listeners[event]


def _overrides(callback: Callback, name: str) -> bool:
    return getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)


def plain_logs(logs: Logs) -> dict[str, Any]:
    """Logs sorted by name, numbers as floats, dicts in them laid out flat."""
    found: dict[str, Any] = {}
    for name, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            found.update(plain_logs(value))
            continue
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            found[name] = value
    return found


def _calls(event: str) -> Callable[..., None]:
    def tell(callbacks: CallbackList, number: tuple[int, ...], logs: Logs) -> None:
        methods = callbacks.listeners(event)
        if methods:
            logs = plain_logs(logs)
            for method in methods:
                method(*number, logs)

    def numbered(self: CallbackList, number: int, logs: Logs = None) -> None:
        tell(self, (number,), logs)

    def whole(self: CallbackList, logs: Logs = None) -> None:
        tell(self, (), logs)

    return numbered if "batch" in event or "epoch" in event else whole


for _event in EVENTS:
    setattr(CallbackList, _event, _calls(_event))
