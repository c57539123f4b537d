"""Trainer: compile, fit, evaluate, predict, and the same for one batch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import losses, optimizers
from cnn_ext._errors import teaches_keywords
from cnn_ext.autograd import gradients, is_recording, no_grad
from cnn_ext.callbacks import Callback, CallbackList, History, ProgbarLogger
from cnn_ext.metrics import Mean, Watched
from cnn_ext.random import SeedGenerator
from cnn_ext.training.arguments import check_epochs, is_due, listed
from cnn_ext.training.data import ArrayData, Batch, Epochs, unpack_validation


class Trainer:
    """What a model can do besides being called; the model is a Layer."""

    name: str
    dtype: str
    trainable_variables: list[Any]

    compiled = False
    stop_training = False
    optimizer: optimizers.Optimizer | None = None
    loss: Any = None

    @teaches_keywords
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Sequence[Any] | None = None,
        weighted_metrics: Sequence[Any] | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how the model is trained (`keras.Model.compile`).

        Args:
            optimizer: name or Optimizer.
            loss: name, Loss, or function (y_true, y_pred) -> loss of each sample.
            metrics: list of names, Metrics or functions; `"accuracy"` becomes the binary,
                categorical or sparse one by the shapes of the data.
            loss_weights, weighted_metrics: not supported yet; None.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: accepted, without
                effect.
        """
        if loss_weights is not None or weighted_metrics is not None:
            raise ValueError(
                "loss_weights and weighted_metrics are not supported yet; leave them out. "
                f"Received: loss_weights={loss_weights!r}, weighted_metrics={weighted_metrics!r}"
            )
        if isinstance(metrics, str) or (metrics is not None and not isinstance(metrics, Sequence)):
            raise ValueError(
                f"metrics must be a list, such as ['accuracy']. Received: metrics={metrics!r}"
            )
        self.loss = loss
        self._loss = losses.as_loss(loss)
        self.optimizer = optimizers.get(optimizer)
        self._metrics = [Watched(m) for m in metrics or ()]
        self._loss_mean = Mean(name="loss")
        self._shuffle: SeedGenerator | None = None
        self.compiled = True

    @property
    def metrics(self) -> list[Any]:
        """The mean loss and the metrics, as far as they are known."""
        if not self.compiled:
            return []
        return [self._loss_mean, *(m.metric for m in self._metrics if m.metric is not None)]

    @property
    def metrics_names(self) -> list[str]:
        """Their names."""
        return [metric.name for metric in self.metrics]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The compiled loss of predictions y_pred for targets y."""
        self._check_compiled("compute_loss()")
        if self._loss is None:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        if y is None:
            raise ValueError("the loss needs targets: pass y")
        return self._loss(y, y_pred, sample_weight)

    @teaches_keywords
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
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
            x: inputs, one row a sample.
            y: targets.
            batch_size: samples in a step; 32 if None.
            epochs: number of the last epoch.
            verbose: 0 silent, 1 (or `"auto"`) a progress bar, 2 a line an epoch.
            callbacks: Callback objects.
            validation_split: share of the last samples that is kept for validation.
            validation_data: (x_val, y_val) or (x_val, y_val, sample_weight).
            shuffle: whether each epoch sees the samples in a new order.
            class_weight: factor for the loss of each class's samples.
            sample_weight: factor for each sample's loss.
            initial_epoch: epochs already done.
            steps_per_epoch, validation_steps: steps after which an epoch or validation ends.
            validation_batch_size: batch_size if None.
            validation_freq: epochs between validations, or a list of epochs, counted from 1.

        Returns:
            History: `.history` has a list of values for each name, the last epoch's last.

        Raises:
            ValueError: for data that do not fit the model or each other, before training.
            FloatingPointError: if the loss is not finite; the weights are then those before the
                step.
        """
        self._check_compiled("fit()")
        check_epochs(epochs=epochs, initial_epoch=initial_epoch)
        is_due(1, validation_freq)  # an error now, not after an epoch
        data = ArrayData(x, y, sample_weight)
        validation = None
        if validation_data is not None:
            validation = unpack_validation(validation_data)
        elif validation_split:
            data, validation = data.split(validation_split)
        if class_weight is not None:
            data.weigh_classes(class_weight)
        if self._shuffle is None:
            self._shuffle = SeedGenerator()
        stream = self._shuffle if shuffle else None
        batches = Epochs(data, batch_size, steps_per_epoch, stream, "steps_per_epoch")
        self._check_data(data)
        checks = None
        if validation is not None:
            size = validation_batch_size or batch_size
            checks = Epochs(validation, size, validation_steps, None, "validation_steps")
            self._check_data(validation)
        given = listed(callbacks)
        history = next((c for c in given if isinstance(c, History)), None)
        if history is None:
            history = History()
            given.append(history)
        params = {"epochs": epochs, "steps": batches.steps}
        events = self._callbacks(given, verbose, params)
        validation_events = self._callbacks(given, 0, params)
        self.stop_training = False
        events.on_train_begin({})
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            events.on_epoch_begin(epoch, {})
            logs = self._fit_epoch(batches, events)
            if checks is not None and is_due(epoch + 1, validation_freq):
                found = self._evaluate(checks, validation_events)
                logs |= {f"val_{name}": value for name, value in found.items()}
            events.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        events.on_train_end(logs)
        return history

    def _fit_epoch(self, batches: Epochs, events: Any) -> dict[str, float]:
        self.reset_metrics()
        for step, batch in enumerate(batches):
            events.on_train_batch_begin(step, {})
            self._train_step(batch)
            events.on_train_batch_end(step, self._logs())
            if self.stop_training:
                break
        return self._logs()

    @teaches_keywords
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data (`keras.Model.evaluate`).

        Args are those of `fit`. Returns a list, loss first, or a number if there is only the loss;
        a dict by name if `return_dict`.
        """
        self._check_compiled("evaluate()")
        batches = Epochs(ArrayData(x, y, sample_weight), batch_size, steps)
        params = {"epochs": 1, "steps": batches.steps}
        logs = self._evaluate(batches, self._callbacks(listed(callbacks), verbose, params))
        if return_dict:
            return logs
        values = [logs[name] for name in self.metrics_names]
        return values if len(values) > 1 else values[0]

    def _evaluate(self, batches: Epochs, events: Any) -> dict[str, float]:
        batches.restart()
        events.on_test_begin({})
        self.reset_metrics()
        for step, batch in enumerate(batches):
            events.on_test_batch_begin(step, {})
            self._test_step(batch)
            events.on_test_batch_end(step, self._logs())
        logs = self._logs()
        events.on_test_end(logs)
        return logs

    @teaches_keywords
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> np.ndarray:
        """The outputs for inputs, as one array (`keras.Model.predict`).

        Args are those of `fit`.
        """
        batches = Epochs(ArrayData(x), batch_size, steps)
        params = {"epochs": 1, "steps": batches.steps}
        events = self._callbacks(listed(callbacks), verbose, params)
        events.on_predict_begin({})
        outputs = []
        for step, batch in enumerate(batches):
            events.on_predict_batch_begin(step, {})
            outputs.append(self.predict_on_batch(batch.x))
            events.on_predict_batch_end(step, {"outputs": outputs[-1]})
        events.on_predict_end({})
        return np.concatenate(outputs)

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
        self._train_step(data[:])
        return self._result(return_dict)

    @teaches_keywords
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on one batch (`keras.Model.test_on_batch`)."""
        self._check_compiled("test_on_batch()")
        data = ArrayData(x, y, sample_weight)
        self.reset_metrics()
        self._test_step(data[:])
        return self._result(return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """The outputs for one batch (`keras.Model.predict_on_batch`)."""
        with no_grad():
            return self(x, training=False).numpy()  # type: ignore[operator]

    def reset_metrics(self) -> None:
        """Start the means of loss and metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def _train_step(self, batch: Batch) -> None:
        """Predict, compare, step. The weights change only if the loss is finite."""
        assert self.optimizer is not None
        if not is_recording():
            raise RuntimeError("training inside no_grad() is impossible: no gradients are recorded")
        y_pred = self(batch.x, training=True)  # type: ignore[operator]
        loss = self.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight)
        self._check_finite(loss, batch)
        variables = self.trainable_variables
        if not variables:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        found = gradients(loss, variables)
        self.optimizer.apply(found, variables)
        self._update_metrics(loss, batch, y_pred)

    def _test_step(self, batch: Batch) -> None:
        with no_grad():
            y_pred = self(batch.x, training=False)  # type: ignore[operator]
            loss = self.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight)
        self._update_metrics(loss, batch, y_pred)

    def _check_finite(self, loss: Any, batch: Batch) -> None:
        if loss.size != 1:
            raise ValueError(
                "the loss must be reduced to one number to train on; use another reduction. "
                f"Received: shape={loss.shape}"
            )
        if math.isfinite(loss.item()):
            return
        cause = (
            "the inputs of this batch hold NaN or infinity: clean them"
            if not np.isfinite(batch.x).all()
            else "training diverged: use a smaller learning rate, or scale the inputs to [0, 1]"
        )
        raise FloatingPointError(
            f"the loss is {loss.item()}; {cause}. The weights are still those before this step "
            f"(step {int(self.optimizer.iterations) + 1})."  # type: ignore[union-attr]
        )

    def _update_metrics(self, loss: Any, batch: Batch, y_pred: Any) -> None:
        self._loss_mean.update_state(loss.data, sample_weight=len(batch.x))
        for watched in self._metrics:
            watched.update(batch.y, y_pred.data)

    def _logs(self) -> dict[str, float]:
        """Names and values, sorted by name as Keras prints them."""
        return dict(sorted((metric.name, metric.result()) for metric in self.metrics))

    def _result(self, return_dict: bool) -> Any:
        if return_dict:
            return self._logs()
        values = [metric.result() for metric in self.metrics]
        return values if len(values) > 1 else values[0]

    def _check_compiled(self, caller: str) -> None:
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{caller}`.")

    def _check_data(self, data: ArrayData) -> None:
        """See that the data fit the model and the loss, before a weight is changed."""
        if self.built:  # type: ignore[attr-defined]
            self.check_input_shape(data.x.shape)  # type: ignore[attr-defined]
        with no_grad():
            y_pred = self(data.x[:1], training=False)  # type: ignore[operator]
            if data.y is not None and self._loss is not None:
                self._loss.check_targets(data.y, tuple(y_pred.shape))
                self._loss(data.y[:1], y_pred)

    def _callbacks(
        self, callbacks: Sequence[Callback], verbose: Any, params: dict[str, Any]
    ) -> CallbackList:
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(f"verbose must be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")
        level = 1 if verbose == "auto" else int(verbose)
        given = any(isinstance(callback, ProgbarLogger) for callback in callbacks)
        bar = [ProgbarLogger(level)] if level and not given else []
        return CallbackList([*callbacks, *bar], self, {"verbose": verbose, **params})
