"""Trainer: the loops fit, evaluate and predict, and the same for one batch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cnn_ext._errors import teaches_keywords
from cnn_ext.autograd import Tensor, no_grad
from cnn_ext.callbacks import CallbackList, History, TerminateOnNaN
from cnn_ext.callbacks.callback_list import Resumed, plain_logs
from cnn_ext.random import SeedGenerator
from cnn_ext.training.arguments import check_epochs, check_verbose, is_due, validation_parts
from cnn_ext.training.batches import Rows, unpack_x_y_sample_weight
from cnn_ext.training.compiled_metrics import CompiledMetrics
from cnn_ext.training.data import ArrayBatches, ArrayData, is_array_data
from cnn_ext.training.epochs import RAN_OUT, Epochs, epochs_of
from cnn_ext.training.interruption import Interruption
from cnn_ext.training.steps import Steps
from cnn_ext.tree import map_structure


class Trainer(Steps):
    """What a model can do besides being called; the model is a Layer."""

    history: History
    stop_evaluating = False
    stop_predicting = False

    _interrupted = False
    _initial_epoch: int | None = None

    @teaches_keywords
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
    ) -> History:
        """Train the model (`keras.Model.fit`).

        Args:
            x: inputs, one row a sample: an array, or a list or dict of arrays for several inputs;
                or a `utils.PyDataset`, a generator or another iterable of batches (x, y) or
                (x, y, sample_weight).
            y: targets, an array, or a list or dict of arrays for several outputs.
            batch_size: samples in a step; 32 if None.
            epochs: number of the last epoch.
            verbose: 0 silent, 1 (or `"auto"`) a progress bar, 2 a line an epoch.
            callbacks: Callback objects.
            validation_split: share of the last samples that is kept for validation.
            validation_data: (x_val, y_val) or (x_val, y_val, sample_weight), or batches.
            shuffle: whether each epoch sees the samples in a new order; `"batch"`: within batches.
            class_weight: factor for the loss of each class's samples.
            sample_weight: factor for each sample's loss, or one array an output.
            initial_epoch: epochs already done.
            steps_per_epoch, validation_steps: steps after which an epoch or validation ends.
            validation_batch_size: batch_size if None.
            validation_freq: epochs between validations, or a list of epochs, counted from 1.

        Returns:
            History: `.history` has a list of values for each name, the last epoch's last.

        Raises:
            ValueError: for data that do not fit the model or each other, before training.
            FloatingPointError: if the loss is not finite; the weights are then those before the
                step. With the callback TerminateOnNaN training ends instead.

        Ctrl-C ends the training after the batch, as if it were over; the epoch that it cuts short
        is not in the history. A second Ctrl-C raises KeyboardInterrupt at once.
        """
        self._check_compiled("fit()")
        check_epochs(epochs=epochs, initial_epoch=initial_epoch)
        check_verbose(verbose)
        is_due(1, validation_freq)  # an error now, not after an epoch
        if self._shuffle is None:
            self._shuffle = SeedGenerator()
        if validation_split and validation_data is None:
            x, validation_data = _split(x, y, sample_weight, validation_split)
            y = sample_weight = None
        batches = epochs_of(
            x, y, sample_weight, batch_size=batch_size, steps=steps_per_epoch, shuffle=shuffle,
            class_weight=class_weight, stream=self._shuffle, steps_name="steps_per_epoch",
        )  # fmt: skip
        self._check_arrays(batches)
        checks = None
        if validation_data is not None:
            checks = epochs_of(
                *validation_parts(validation_data, self._compile_loss is not None),
                batch_size=validation_batch_size or batch_size, steps=validation_steps,
                steps_name="validation_steps",
            )  # fmt: skip
            self._check_arrays(checks)
        if type(self).train_step is Steps.train_step and isinstance(batches.source, ArrayBatches):
            batches.source.gathers = False
        events = self._events(callbacks, verbose, epochs, batches.steps, add_history=True)
        self._any_loss_will_do = any(isinstance(c, TerminateOnNaN) for c in events.callbacks)
        self.stop_training = False
        try:
            return self._fit(batches, checks, events, initial_epoch, epochs, validation_freq)
        finally:
            self._any_loss_will_do = False
            events.epochs = None

    def _fit(
        self,
        batches: Epochs,
        checks: Epochs | None,
        events: CallbackList,
        initial_epoch: int,
        epochs: int,
        validation_freq: Any,
    ) -> History:
        """The epochs of `fit`."""
        with Interruption(self) as interruption:
            self._initial_epoch = None
            events.epochs, events.resumed = batches, None
            events.on_train_begin()
            resumed = events.resumed or Resumed(self._initial_epoch or initial_epoch)
            logs = resumed.logs
            try:
                for epoch in range(resumed.epoch, 0 if resumed.finished else epochs):
                    found = self._fit_epoch(
                        epoch, batches, checks, events, validation_freq,
                        resumed if epoch == resumed.epoch else None,
                    )  # fmt: skip
                    if found is None:
                        break
                    logs = found
                    if batches.exhausted and epoch + 1 < epochs and not self.stop_training:
                        warnings.warn(RAN_OUT, stacklevel=3)
                        break
                    if self.stop_training:
                        break
            except KeyboardInterrupt:
                if not interruption.take():
                    raise
        if self.optimizer is not None and epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_variables)
        events.on_train_end(logs)
        return self.history

    def _fit_epoch(
        self,
        epoch: int,
        batches: Epochs,
        checks: Epochs | None,
        events: CallbackList,
        validation_freq: Any,
        resumed: Resumed | None,
    ) -> dict[str, Any] | None:
        """The logs of one epoch; None if it was interrupted or there was no batch."""
        first = 0 if resumed is None else resumed.step
        self.reset_metrics()
        events.on_epoch_begin(epoch)
        logs: Any = resumed.logs if first and resumed is not None else None
        for step, batch in enumerate(() if first and self.stop_training else batches, first):
            events.on_train_batch_begin(step)
            logs = self.train_step(batch)
            events.on_train_batch_end(step, logs)
            if self.stop_training:
                break
        if logs is None or self._interrupted:
            return None
        logs = dict(self._own_or(logs))
        if checks is not None and is_due(epoch + 1, validation_freq):
            found = self._evaluate(checks, events)
            if self._interrupted:
                return None
            logs |= {f"val_{name}": value for name, value in found.items()}
        events.on_epoch_end(epoch, logs)
        return logs

    @teaches_keywords
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data (`keras.Model.evaluate`).

        Args are those of `fit`. Returns a list, loss first, or a number if there is only the loss;
        a dict by name if `return_dict`.
        """
        self._check_compiled("evaluate()")
        check_verbose(verbose)
        batches = epochs_of(x, y, sample_weight, batch_size=batch_size, steps=steps)
        logs = self._evaluate(batches, self._events(callbacks, verbose, 1, batches.steps))
        return logs if return_dict else self._in_order(logs)

    def _evaluate(self, batches: Epochs, events: CallbackList) -> dict[str, Any]:
        batches.restart()
        self.stop_evaluating = False
        events.on_test_begin()
        logs: Any = {}
        self.reset_metrics()
        for step, batch in enumerate(batches):
            events.on_test_batch_begin(step)
            with no_grad():
                logs = self.test_step(batch)
            events.on_test_batch_end(step, logs)
            if self.stop_evaluating or self._interrupted:
                break
        logs = plain_logs(self._own_or(logs))
        events.on_test_end(logs)
        return logs

    @teaches_keywords
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for inputs, as arrays in the model's structure (`keras.Model.predict`).

        Args are those of `fit`.
        """
        check_verbose(verbose)
        batches = epochs_of(x, batch_size=batch_size, steps=steps)
        events = self._events(callbacks, verbose, 1, batches.steps)
        self.stop_predicting = False
        events.on_predict_begin()
        outputs: list[Any] = []
        for step, batch in enumerate(batches):
            events.on_predict_batch_begin(step)
            with no_grad():
                outputs.append(map_structure(_as_array, self.predict_step(batch)))
            events.on_predict_batch_end(step, {"outputs": outputs[-1]})
            if self.stop_predicting:
                break
        events.on_predict_end()
        if not outputs:
            raise ValueError(f"there is nothing to predict: x gave no batch. Received: x={x!r}")
        return map_structure(lambda *parts: np.concatenate(parts), *outputs)

    @teaches_keywords
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training on one batch (`keras.Model.train_on_batch`).

        Returns the batch's loss and metrics: a list with the loss first, a number if there is only
        the loss, a dict if `return_dict`.
        """
        self._check_compiled("train_on_batch()")
        data = ArrayData(x, y, sample_weight)
        if class_weight is not None:
            data.weigh_classes(class_weight)
        self.reset_metrics()
        return self._returned(self.train_step(data[:]), return_dict)

    @teaches_keywords
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on one batch (`keras.Model.test_on_batch`)."""
        self._check_compiled("test_on_batch()")
        data = ArrayData(x, y, sample_weight)
        self.reset_metrics()
        with no_grad():
            logs = self.test_step(data[:])
        return self._returned(logs, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch (`keras.Model.predict_on_batch`)."""
        with no_grad():
            return map_structure(_as_array, self.predict_step((ArrayData(x)[:],)))

    def _own_or(self, logs: Any) -> Any:
        """The metrics' values now, if they are what a step has logged; else its logs."""
        if not isinstance(logs, dict):
            raise TypeError(
                "train_step() and test_step() must return a dict of logs by name. "
                f"Received: {type(logs).__name__}"
            )
        found = self.get_metrics_result()
        return found if set(found) == set(logs) else logs

    def _returned(self, logs: dict[str, Any], return_dict: bool) -> Any:
        logs = plain_logs(logs)
        return logs if return_dict else self._in_order(logs)

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """The values of logs: those that metrics are called by first, then by name."""
        names = []
        for metric in self.metrics:
            inside = metric.metrics if isinstance(metric, CompiledMetrics) else [metric]
            names += [one.name for one in inside]
        values = [logs[name] for name in names if name in logs]
        values += [logs[name] for name in sorted(logs) if name not in names]
        return values[0] if len(values) == 1 else values

    def _check_arrays(self, batches: Epochs) -> None:
        data = getattr(batches.source, "data", None)
        if data is not None:
            with no_grad():
                self._check_data(data)

    def _get_ready(self, batch: Any) -> None:
        """Make what the first batch of a training makes: the metrics that depend on shapes."""
        if type(self).train_step is Steps.train_step:
            packed = batch.packed() if isinstance(batch, Rows) else batch
            with no_grad():
                self._check_data(ArrayData(*unpack_x_y_sample_weight(packed)))

    def _events(
        self, callbacks: Any, verbose: Any, epochs: int, steps: int | None, **how: Any
    ) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks, add_progbar=verbose != 0, model=self, **how,
            verbose=verbose, epochs=epochs, steps=steps,
        )  # fmt: skip


def _as_array(value: Any) -> np.ndarray:
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def _split(x: Any, y: Any, sample_weight: Any, fraction: float) -> tuple[Any, Any]:
    """Arrays to train on, and the last of them for validation."""
    if not is_array_data(x):
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays. Found "
            f"incompatible type in the input: pass validation_data. Received: {type(x)}"
        )
    return ArrayData(x, y, sample_weight).split(fraction)
