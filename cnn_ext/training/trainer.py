"""Trainer: compile, fit, evaluate, predict, and the same for one batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import losses, metrics, optimizers
from cnn_ext._errors import teaches_keywords
from cnn_ext.autograd import Tensor, gradients, is_recording, no_grad
from cnn_ext.callbacks import Callback, CallbackList, History, ProgbarLogger
from cnn_ext.random import SeedGenerator
from cnn_ext.training.data import ArrayData, Batch, class_weights_of, unpack_validation


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
        self._loss = losses.get(loss)
        self.optimizer = optimizers.get(optimizer)
        self._metrics = [_Watched(m) for m in metrics or ()]
        self._loss_mean = _loss_mean()
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
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
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
        validation_freq: int = 1,
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
            validation_freq: epochs between validations.

        Returns:
            History: `.history` has a list of values for each name, the last epoch's last.

        Raises:
            ValueError: for data that do not fit the model or each other, before training.
            FloatingPointError: if the loss is not finite; the weights are then those before the
                step.
        """
        self._check_compiled("fit()")
        data = ArrayData(x, y, sample_weight, batch_size)
        if class_weight is not None:
            data.sample_weight = _combined(data, class_weight)
        validation = None
        if validation_data is not None:
            validation = unpack_validation(validation_data, validation_batch_size or batch_size)
        elif validation_split:
            data, validation = data.split(validation_split)
            validation.batch_size = validation_batch_size or data.batch_size
        self._check_data(data)
        if validation is not None:
            self._check_data(validation)
        steps = min(data.steps, steps_per_epoch or data.steps)
        history = History()
        params = {"epochs": epochs, "steps": steps}
        events = self._callbacks([history, *(callbacks or ())], verbose, params)
        validation_events = self._callbacks(callbacks or (), 0, params)
        self.stop_training = False
        if self._shuffle is None:
            self._shuffle = SeedGenerator()
        events.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            events.on_epoch_begin(epoch)
            logs = self._fit_epoch(data, steps, self._shuffle if shuffle else None, events)
            if validation is not None and (epoch + 1) % validation_freq == 0:
                found = self._evaluate(validation, validation_steps, validation_events)
                logs |= {f"val_{name}": value for name, value in found.items()}
            events.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        events.on_train_end(logs)
        return history

    def _fit_epoch(
        self, data: ArrayData, steps: int, shuffle: SeedGenerator | None, events: Any
    ) -> dict[str, float]:
        self.reset_metrics()
        logs: dict[str, float] = {}
        for step, batch in zip(range(steps), data.batches(shuffle), strict=False):
            events.on_train_batch_begin(step)
            self._train_step(batch)
            logs = self._logs()
            events.on_train_batch_end(step, logs)
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
        callbacks: Sequence[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data (`keras.Model.evaluate`).

        Args are those of `fit`. Returns a list, loss first, or a number if there is only the loss;
        a dict by name if `return_dict`.
        """
        self._check_compiled("evaluate()")
        data = ArrayData(x, y, sample_weight, batch_size)
        params = {"epochs": 1, "steps": min(data.steps, steps or data.steps)}
        logs = self._evaluate(data, steps, self._callbacks(callbacks or (), verbose, params))
        if return_dict:
            return logs
        values = [logs[name] for name in self.metrics_names]
        return values if len(values) > 1 else values[0]

    def _evaluate(self, data: ArrayData, steps: int | None, events: Any) -> dict[str, float]:
        self.reset_metrics()
        events.on_test_begin()
        logs: dict[str, float] = {}
        count = min(data.steps, steps or data.steps)
        for step, batch in zip(range(count), data.batches(), strict=False):
            events.on_test_batch_begin(step)
            self._test_step(batch)
            logs = self._logs()
            events.on_test_batch_end(step, logs)
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
        data = ArrayData(x, batch_size=batch_size)
        count = min(data.steps, steps or data.steps)
        events = self._callbacks(callbacks or (), verbose, {"epochs": 1, "steps": count})
        events.on_predict_begin()
        outputs = []
        for step, batch in zip(range(count), data.batches(), strict=False):
            events.on_predict_batch_begin(step)
            outputs.append(self.predict_on_batch(batch.x))
            events.on_predict_batch_end(step)
        events.on_predict_end()
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

        Returns the means since the metrics were last reset: a list with the loss first, a number
        if there is only the loss, a dict if `return_dict`.
        """
        self._check_compiled("train_on_batch()")
        data = ArrayData(x, y, sample_weight)
        if class_weight is not None:
            data.sample_weight = _combined(data, class_weight)
        self._train_step(data[:])
        return self._result(return_dict)

    @teaches_keywords
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on one batch (`keras.Model.test_on_batch`)."""
        self._check_compiled("test_on_batch()")
        data = ArrayData(x, y, sample_weight)
        self._test_step(data[:])
        return self._result(return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """The outputs for one batch (`keras.Model.predict_on_batch`)."""
        with no_grad():
            return self(self._as_model_input(x), training=False).numpy()  # type: ignore[operator]

    def reset_metrics(self) -> None:
        """Start the means of loss and metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def _train_step(self, batch: Batch) -> None:
        """Predict, compare, step. The weights change only if the loss is finite."""
        assert self.optimizer is not None
        if not is_recording():
            raise RuntimeError("training inside no_grad() is impossible: no gradients are recorded")
        y_pred = self(self._as_model_input(batch.x), training=True)  # type: ignore[operator]
        loss = self.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight)
        self._check_finite(loss, batch)
        variables = self.trainable_variables
        found = gradients(loss, variables)
        self.optimizer.apply(found, variables)
        self._update_metrics(loss, batch, y_pred)

    def _test_step(self, batch: Batch) -> None:
        with no_grad():
            y_pred = self(self._as_model_input(batch.x), training=False)  # type: ignore[operator]
            loss = self.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight)
        self._update_metrics(loss, batch, y_pred)

    def _as_model_input(self, x: Any) -> Tensor:
        return Tensor(np.asarray(x).astype(self.dtype, copy=False))

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
        with no_grad():
            y_pred = self(self._as_model_input(data.x[:1]), training=False)  # type: ignore[operator]
            if data.y is not None and self._loss is not None:
                self._loss.check_targets(data.y, tuple(y_pred.shape))
                self._loss(data.y[:1], y_pred)

    def _callbacks(
        self, callbacks: Sequence[Callback], verbose: Any, params: dict[str, Any]
    ) -> CallbackList:
        level = 1 if verbose == "auto" else int(verbose)
        bar = [ProgbarLogger(level)] if level else []
        return CallbackList([*callbacks, *bar], self, {"verbose": verbose, **params})


class _Watched:
    """A metric of compile; which accuracy is meant is known when the first data are seen."""

    def __init__(self, identifier: Any) -> None:
        self.name = identifier if identifier in ("accuracy", "acc") else None
        self.metric = None if self.name else metrics.get(identifier)

    def update(self, y_true: Any, y_pred: Any) -> None:
        if self.metric is None:
            self.metric = metrics.accuracy_for(str(self.name), y_true, y_pred)
        self.metric.update_state(y_true, y_pred)


def _loss_mean() -> metrics.Mean:
    return metrics.Mean(name="loss")


def _combined(data: ArrayData, class_weight: dict[int, float]) -> np.ndarray:
    """Sample weights times class weights."""
    if data.y is None:
        raise ValueError("class_weight needs targets: pass y")
    weights = class_weights_of(data.y, class_weight)
    return weights if data.sample_weight is None else weights * data.sample_weight
