"""BackupAndRestore: a training that goes on where it was interrupted."""

from __future__ import annotations

import json
import os
import shutil

from cnn_ext.callbacks.base import Callback, Logs


class BackupAndRestore(Callback):
    """Keeps the state of a training, and goes on from it (`keras.callbacks.BackupAndRestore`).

    Args:
        backup_dir: folder for the state; for nothing else.
        save_freq: `"epoch"`, or a number of batches.
        double_checkpoint: also keep the state before the last, for when that is damaged.
        delete_checkpoint: remove the folder when the training is complete.

    A training that ends because of Ctrl-C is not complete: the folder stays.

    >>> BackupAndRestore("backup").save_freq
    'epoch'
    """

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

    def on_train_begin(self, logs: Logs = None) -> None:
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, you model must be built before you call "
                f"`fit()`. Model {self.model} is unbuilt. You can build it beforehand by calling "
                "it on a batch of data."
            )
        try:
            self._load()
        except (OSError, ValueError):  # a damaged file; the one before may be whole
            if not os.path.exists(_previous(self._weights)):
                raise
            os.replace(_previous(self._weights), self._weights)
            if os.path.exists(_previous(self._metadata)):
                os.replace(_previous(self._metadata), self._metadata)
            self._load()

    def _load(self) -> None:
        if os.path.exists(self._weights):
            optimizer = self.model.optimizer
            if optimizer is not None and not optimizer.built:
                optimizer.build(self.model.trainable_variables)
            self.model.load_weights(self._weights)
        if os.path.exists(self._metadata):
            with open(self._metadata, encoding="utf-8") as file:
                self.model._initial_epoch = self._epoch = int(json.load(file)["epoch"])

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch + 1
        self._last_batch = 0
        if self.save_freq == "epoch":
            self._save()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not isinstance(self.save_freq, int) or not self.save_freq:
            return
        new_epoch = batch <= self._last_batch
        self._batches_seen += batch + 1 if new_epoch else batch - self._last_batch
        self._last_batch = batch
        if self._batches_seen >= self.save_freq:
            self._batches_seen = 0
            self._save()

    def _save(self) -> None:
        os.makedirs(self.backup_dir, exist_ok=True)
        for path in (self._weights, self._metadata) if self.double_checkpoint else ():
            if os.path.exists(path):
                shutil.copy(path, _previous(path))
        self.model.save_weights(self._weights, overwrite=True)
        state = json.dumps({"epoch": self._epoch, "batch": self._last_batch})
        temporary = f"{self._metadata}.new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(state)
        os.replace(temporary, self._metadata)

    def on_train_end(self, logs: Logs = None) -> None:
        complete = not getattr(self.model, "_interrupted", False)
        if self.delete_checkpoint and complete and os.path.exists(self.backup_dir):
            shutil.rmtree(self.backup_dir)


def _previous(path: str) -> str:
    return f"{path}.bkp"
