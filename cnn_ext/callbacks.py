"""Callbacks: what happens between the batches and epochs of `fit`, by Keras's names."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_ext._errors import TeachesKeywords, did_you_mean, missing_attribute
from cnn_ext.config import one_of
from cnn_ext.utils.progbar import Progbar

Logs = dict[str, float] | None


class Callback(TeachesKeywords):
    """Base of callbacks (`keras.callbacks.Callback`): override the methods you want.

    `self.model` is the model, `self.params` what `fit` was called with. Setting
    `self.model.stop_training = True` ends the training after the epoch.
    """

    model: Any = None
    params: dict[str, Any]

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

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


class CallbackList:
    """Several callbacks, called as one; only those that override a method are called for it."""

    def __init__(self, callbacks: Iterable[Callback], model: Any, params: dict[str, Any]) -> None:
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(
                    "callbacks must be Callback objects, such as EarlyStopping(). "
                    f"Received: {callback!r}"
                )
            callback.set_model(model)
            callback.set_params(params)

    def __getattr__(self, event: str) -> Any:
        if not event.startswith("on_"):
            raise AttributeError(event)
        names = {event, event.replace("train_batch", "batch")}
        methods = [
            getattr(callback, event)
            for callback in self.callbacks
            if any(_overrides(callback, name) for name in names)
        ]

        def call(*args: Any) -> None:
            for method in methods:
                method(*args)

        self.__dict__[event] = call
        return call


def _overrides(callback: Callback, name: str) -> bool:
    return getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)


class History(Callback):
    """Keeps the logs of every epoch; what `fit` returns (`keras.callbacks.History`).

    Attributes: `history`, name -> list of values; `epoch`, the numbers of the epochs.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        model.history = self

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class ProgbarLogger(Callback):
    """Prints the progress bar (`keras.callbacks.ProgbarLogger`)."""

    def __init__(self, verbose: int = 1) -> None:
        self.verbose = verbose
        self.epochs = 1
        self.bar: Progbar | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epochs = self.params["epochs"]

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.verbose and self.epochs > 1:
            print(f"Epoch {epoch + 1}/{self.epochs}")
        self._start()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._update(batch, logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._update(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._update(batch, None)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    def _start(self) -> None:
        self.bar = Progbar(target=self.params["steps"], verbose=self.verbose)

    def _update(self, batch: int, logs: Logs) -> None:
        if self.bar is not None and self.verbose == 1:
            self.bar.update(batch + 1, list((logs or {}).items()), finalize=False)

    def _finish(self, logs: Logs) -> None:
        if self.bar is not None:
            self.bar.update(self.params["steps"], list((logs or {}).items()), finalize=True)


class _MonitorCallback(Callback):
    """What callbacks that watch one logged value share: which way is better, and the best."""

    def __init__(self, monitor: str, mode: str, best: float | None, min_delta: float = 0) -> None:
        self.monitor = monitor
        self.mode = one_of("mode", mode, ("auto", "min", "max"))
        self.min_delta = abs(min_delta)
        self.best = best

    def improves(self, value: float, on: float | None) -> bool:
        """Whether a value is better than another by more than min_delta."""
        if on is None:
            return not np.isnan(value)
        if self._upwards():
            return value - self.min_delta > on
        return value + self.min_delta < on

    def _upwards(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        return "acc" in self.monitor or "auc" in self.monitor

    def monitored(self, logs: Logs, message: str) -> float | None:
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


class EarlyStopping(_MonitorCallback):
    """Ends training when a logged value stops improving (`keras.callbacks.EarlyStopping`).

    Args:
        monitor: name of the value.
        min_delta: smallest change that counts as an improvement.
        patience: epochs without improvement after which training ends.
        verbose: 1 prints a line when it acts.
        mode: `"min"`, `"max"`, or `"auto"`: up for accuracies, down for others.
        baseline: value that must be beaten for patience to start anew.
        restore_best_weights: whether to end with the best epoch's weights, not the last's.
        start_from_epoch: epochs that are waited before watching starts.

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
        super().__init__(monitor, mode, None, min_delta)
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
        value = self.monitored(
            logs,
            f"Early stopping conditioned on metric `{self.monitor}` which is not available.",
        )
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.improves(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self.improves(value, self.baseline):
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
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(_MonitorCallback):
    """Saves the weights after epochs or batches (`keras.callbacks.ModelCheckpoint`).

    Args:
        filepath: where to; ends in `.weights.h5`, may contain `{epoch:02d}` and logged names such
            as `{val_loss:.2f}`.
        monitor: name of the value that says which epoch is best.
        verbose: 1 prints a line when it saves.
        save_best_only: save only when the value improves.
        save_weights_only: True; saving whole models is not supported yet.
        mode: `"min"`, `"max"`, or `"auto"`: up for accuracies, down for others.
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
        if not save_weights_only:
            raise ValueError(
                "ModelCheckpoint saves weights only for now: pass save_weights_only=True and a "
                f"filepath that ends in '.weights.h5'. Received: filepath={self.filepath}, "
                f"save_weights_only={save_weights_only}"
            )
        if not self.filepath.endswith(".weights.h5"):
            raise ValueError(
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided "
                f"must end in `.weights.h5` (Keras weights format). Received: "
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
        if self._wanted(epoch, logs, path):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            self.model.save_weights(path, overwrite=True)
            self._say(epoch, f"finished saving model to {path}")

    def _wanted(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            return True
        value = self.monitored(logs, f"Can save best model only with {self.monitor} available.")
        if value is None:
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self.improves(value, self.best):
            self._say(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._say(
            epoch, f"{self.monitor} improved from {best} to {value:.5f}, saving model to {path}"
        )
        self.best = value
        return True

    def _say(self, epoch: int, text: str) -> None:
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: {text}")


__all__ = ["Callback", "EarlyStopping", "History", "ModelCheckpoint", "ProgbarLogger"]

__getattr__ = missing_attribute(__name__, __all__)
