"""TensorBoard: the logs of a training as event files."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from cnn_ext.callbacks.base import Callback, Logs


class TensorBoard(Callback):
    """Writes what TensorBoard shows (`keras.callbacks.TensorBoard`); needs the package tensorboard.

    Args:
        log_dir: folder; training is in its `train`, validation in its `validation`.
        histogram_freq: epochs between histograms of the weights; 0 for none.
        write_steps_per_second: whether to write how fast training is.
        update_freq: `"epoch"`, `"batch"`, or batches between two values written.
        write_graph, write_images, profile_batch, embeddings_freq, embeddings_metadata: accepted,
            without effect.

    Raises:
        ImportError: when training begins, if tensorboard is not installed.

    >>> TensorBoard("logs", update_freq="batch").update_freq
    1
    """

    _not_kept = ("_batch_began", "_epoch_began", "_writers")

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        if update_freq not in ("epoch", "batch") and not (
            isinstance(update_freq, int) and update_freq > 0
        ):
            raise ValueError(
                "update_freq must be 'epoch', 'batch' or a positive number of batches. "
                f"Received: update_freq={update_freq!r}"
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq: Any = 1 if update_freq == "batch" else update_freq
        self.profile_batch = profile_batch
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._writers: dict[str, _Writer] = {}
        self._batches = 0
        self._batch_began = self._epoch_began = 0.0
        self._iterations = 0

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        _tensorboard()
        self._writers = {}

    def _writer(self, name: str) -> _Writer:
        if name not in self._writers:
            self._writers[name] = _Writer(os.path.join(self.log_dir, name))
        return self._writers[name]

    def on_train_begin(self, logs: Logs = None) -> None:
        self._batches = 0

    def on_train_end(self, logs: Logs = None) -> None:
        self._close()

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        self._batch_began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.update_freq == "epoch" or self._batches % self.update_freq:
            return
        writer = self._writer("train")
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._batch_began
            writer.scalar("batch_steps_per_second", 1 / seconds, self._batches)
        for name, value in (logs or {}).items():
            writer.scalar(f"batch_{name}", value, self._batches)

    def on_test_end(self, logs: Logs = None) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None:
            return
        for name, value in (logs or {}).items():
            self._writer("validation").scalar(
                f"evaluation_{name}_vs_iterations", value, int(optimizer.iterations)
            )
        self._writer("validation").flush()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch_began = time.perf_counter()
        self._iterations = int(self.model.optimizer.iterations)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs:
            self._write_epoch(epoch, dict(logs))
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for layer in self.model.layers:
                for weight in layer.weights:
                    self._writer("train").histogram(
                        f"{weight.path.replace(':', '_')}/histogram", weight.numpy(), epoch
                    )
        for writer in self._writers.values():
            writer.flush()

    def _write_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        validation = {name: logs.pop(name) for name in list(logs) if name.startswith("val_")}
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            steps = int(self.model.optimizer.iterations) - self._iterations
            logs["steps_per_second"] = steps / (time.perf_counter() - self._epoch_began)
        for name, value in logs.items():
            self._writer("train").scalar(f"epoch_{name}", value, epoch)
        for name, value in validation.items():
            self._writer("validation").scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _tensorboard() -> Any:
    try:
        import tensorboard
    except ImportError:
        raise ImportError(
            "the TensorBoard callback needs the package tensorboard: pip install tensorboard"
        ) from None
    return tensorboard


class _Writer:
    """An event file, written by the tensorboard package."""

    def __init__(self, folder: str) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._event, self._scalar, self._histogram = event_pb2.Event, scalar_pb, histogram_pb
        self._file = EventFileWriter(folder, filename_suffix=".v2")

    def _write(self, summary: Any, step: int) -> None:
        self._file.add_event(self._event(wall_time=time.time(), step=step, summary=summary))

    def scalar(self, tag: str, value: Any, step: int) -> None:
        self._write(self._scalar(tag, float(value)), step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        self._write(self._histogram(tag, values), step)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()
