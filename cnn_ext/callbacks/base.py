"""Callback: the events of training, evaluation and prediction."""

from __future__ import annotations

from typing import Any

from cnn_ext._errors import TeachesKeywords
from cnn_ext.callbacks.kept import knowledge, put_back

Logs = dict[str, Any] | None


class Callback(TeachesKeywords):
    """Base of callbacks (`keras.callbacks.Callback`): override the methods you want.

    `self.model` is the model, `self.params` what `fit` was called with. Setting
    `self.model.stop_training = True` ends the training after the epoch.

    >>> class Shout(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch}!")
    >>> Shout().on_epoch_end(3)
    epoch 3!
    """

    model: Any = None
    params: Any = None
    acts_last = False  # whether it is called after the callbacks behind it in the list
    _not_kept: tuple[str, ...] = ()  # attributes that a training does not go on with

    def __init__(self) -> None:
        pass

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def backup_state(self) -> dict[str, Any]:
        """What `BackupAndRestore` keeps of this callback: plain data by name.

        These are the attributes that are numbers, arrays, and lists, tuples and dicts of them;
        override both methods for others.
        """
        return knowledge(self)

    def restore_state(self, state: dict[str, Any]) -> None:
        """Go on with what `backup_state` returned, or what of it had changed in the training."""
        put_back(self, state)

    def on_train_begin(self, logs: Logs = None) -> None: ...
    def on_train_end(self, logs: Logs = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Logs = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Logs = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs = None) -> None: ...
    def on_test_end(self, logs: Logs = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None: ...
    def on_predict_begin(self, logs: Logs = None) -> None: ...
    def on_predict_end(self, logs: Logs = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None: ...


EVENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))
