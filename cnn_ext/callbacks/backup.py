"""BackupAndRestore: a training that goes on where it was interrupted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnn_ext.autograd import no_grad
from cnn_ext.callbacks.base import Callback, Logs
from cnn_ext.callbacks.callback_list import CallbackList, Resumed
from cnn_ext.callbacks.moment import Moment
from cnn_ext.saving import ModelFileError
from cnn_ext.saving.replacing import replacing
from cnn_ext.saving.training_state import load_training, save_training


class BackupAndRestore(Callback):
    """Keeps the state of a training, and goes on from it (`keras.callbacks.BackupAndRestore`).

    Args:
        backup_dir: folder for the state; for nothing else.
        save_freq: `"epoch"`, or a number of batches.
        double_checkpoint: also keep the state before the last, for when that is damaged.
        delete_checkpoint: remove the folder when the training is complete.

    The same script, started again after its process was killed, ends with the same weights, bit
    for bit, and the same history as if it had never been killed: weights, optimizer, the place in
    the epoch's order, running metrics, random generators and what the other callbacks know are
    kept, in one file that is replaced at once. A training that ends because of Ctrl-C is not
    complete: the folder stays.

    A generator is run to where it was; data sets and callbacks of one's own go on with those of
    their attributes that are numbers, lists of them, and random generators (see
    `Callback.backup_state`).

    >>> BackupAndRestore("backup").save_freq
    'epoch'
    """

    acts_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed")
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"Invalid value for argument `save_freq`. Received: save_freq={save_freq}. "
                "Expected either 'epoch' or an integer value."
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._weights = os.path.join(self.backup_dir, "latest.weights.h5")
        self._metadata = os.path.join(self.backup_dir, "training_metadata.json")
        self._batches_seen = 0
        self._last_batch = 0
        self._epoch = 0
        self._events = CallbackList()
        self._moment: Moment | None = None
        self._within: dict[str, Any] | None = None  # an epoch whose rest is trained next

    def set_list(self, events: CallbackList) -> None:
        """Be told which callbacks there are besides."""
        self._events = events

    # --- Going on ------------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs = None) -> None:
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, you model must be built before you call "
                f"`fit()`. Model {self.model} is unbuilt. You can build it beforehand by calling "
                "it on a batch of data."
            )
        self._moment = Moment(self.model, self._events)
        self._batches_seen = self._last_batch = self._epoch = 0
        if self._events.epochs is not None:
            self._events.epochs.watch()
        if not os.path.exists(self._weights):
            return
        try:
            state = self._load()
        except (OSError, ValueError):  # a damaged file; the one before may be whole
            if not os.path.exists(_previous(self._weights)):
                raise
            for path in (self._weights, self._metadata):
                if os.path.exists(_previous(path)):
                    _copy(_previous(path), path)
            state = self._load()
        if state is None:
            self._go_on_as_keras()
        else:
            self._go_on(state)

    def _load(self) -> dict[str, Any] | None:
        optimizer = self.model.optimizer
        if optimizer is not None and not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        return load_training(self.model, self._weights)

    def _go_on_as_keras(self) -> None:
        """From a folder that Keras has written, which knows the epoch alone."""
        if os.path.exists(self._metadata):
            with open(self._metadata, encoding="utf-8") as file:
                self._epoch = int(json.load(file)["epoch"])
            self._events.resumed = Resumed(self._epoch)

    def _go_on(self, state: dict[str, Any]) -> None:
        assert self._moment is not None
        with self._understood():
            self._moment.go_to_batch(state)
            self._moment.put_back(state)
            epoch, step = int(state["epoch"]), int(state["step"])
            over = state["stopped"] or (state["position"] or {}).get("exhausted")
            logs = dict(state["logs"]) or None
        self._epoch, self._last_batch = epoch, max(step - 1, 0)
        self._within = state if step else None
        self._events.resumed = Resumed(epoch, step, logs, bool(over and not step))

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """A block that puts back a state, which may be that of another training."""
        try:
            yield
        except Warning:
            raise
        except Exception as error:  # whatever a generator or a callback makes of it
            raise ModelFileError(
                f"{self._weights} does not belong to this training: {error}. "
                f"Remove the folder to begin anew. Received: backup_dir={self.backup_dir}"
            ) from error

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Within an epoch: undo what its beginning has changed once more."""
        state, self._within = self._within, None
        if state is None:
            return
        assert self._moment is not None
        with self._understood():
            whole = self._moment.put_back_metrics(state)
        batch = None if whole or self._events.epochs is None else self._events.epochs.sample()
        if batch is not None:
            with no_grad():
                self.model.test_step(batch)
            self.model.reset_metrics()
        with self._understood():
            self._moment.put_back_metrics(state)
            load_training(self.model, self._weights)
            self._moment.put_back(state)

    # --- Keeping -------------------------------------------------------------------------------

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch + 1
        self._last_batch = 0
        if self.save_freq == "epoch":
            self._save(0, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not isinstance(self.save_freq, int) or not self.save_freq:
            return
        new_epoch = batch <= self._last_batch
        self._batches_seen += batch + 1 if new_epoch else batch - self._last_batch
        self._last_batch = batch
        if self._batches_seen >= self.save_freq:
            self._batches_seen = 0
            self._save(batch + 1, logs)

    def _save(self, step: int, logs: Logs) -> None:
        assert self._moment is not None
        os.makedirs(self.backup_dir, exist_ok=True)
        for path in (self._weights, self._metadata) if self.double_checkpoint else ():
            if os.path.exists(path):
                _copy(path, _previous(path))
        save_training(self.model, self._weights, self._moment.state(self._epoch, step, logs))
        text = json.dumps({"epoch": self._epoch, "batch": self._last_batch})
        with replacing(Path(self._metadata)) as file:
            file.write(text.encode())

    def on_train_end(self, logs: Logs = None) -> None:
        complete = not getattr(self.model, "_interrupted", False)
        if self.delete_checkpoint and complete and os.path.exists(self.backup_dir):
            if os.path.exists(self._weights):
                os.unlink(self._weights)  # first: without it there is nothing to go on from
            shutil.rmtree(self.backup_dir)


def _previous(path: str) -> str:
    return f"{path}.bkp"


def _copy(path: str, to: str) -> None:
    with open(path, "rb") as old, replacing(Path(to)) as new:
        shutil.copyfileobj(old, new)
