"""Steps: what a model is trained with, and what happens to one batch."""

from __future__ import annotations

import inspect
import math
import warnings
from typing import Any

import numpy as np

from cnn_ext import metrics, optimizers, registry
from cnn_ext._errors import teaches_keywords
from cnn_ext.autograd import Tensor, gradients, is_recording
from cnn_ext.random import SeedGenerator
from cnn_ext.training.batches import Rows, sample_count, unpack_x_y_sample_weight
from cnn_ext.training.compiled_loss import CompiledLoss
from cnn_ext.training.compiled_metrics import CompiledMetrics
from cnn_ext.training.planned import TrainingPlans
from cnn_ext.tree import flatten


class Steps:
    """What a model does with one batch; the model is a Layer.

    A model with a way of its own to train overrides `train_step(data)`, `test_step(data)`,
    `predict_step(data)`, or `compute_loss` or `compute_metrics`, which those steps call.
    """

    built: bool
    trainable_variables: list[Any]

    compiled = False
    stop_training = False
    optimizer: optimizers.Optimizer | None = None
    loss: Any = None
    run_eagerly: Any = False
    jit_compile: Any = False
    steps_per_execution = 1

    _compile_loss: CompiledLoss | None = None
    _compile_metrics: CompiledMetrics | None = None
    _loss_tracker: Any
    _compile_config: dict[str, Any]
    _loss_takes_training = True
    _any_loss_will_do = False

    @teaches_keywords
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how the model is trained (`keras.Model.compile`).

        Args:
            optimizer: name or Optimizer.
            loss: name, Loss, or function (y_true, y_pred) -> loss of each sample; or one for each
                output, None among them: a list, or a dict by the outputs' names.
            loss_weights: factors of the losses in their sum, as a list or dict like `loss`.
            metrics: list of names, Metrics or functions; `"accuracy"` becomes the binary,
                categorical or sparse one by the shapes of the data. For several outputs: a list
                with one entry an output, or a dict by the outputs' names.
            weighted_metrics: the same; these are given the sample weights.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: accepted, without
                effect.
        """
        self.optimizer = optimizers.get(optimizer)
        names = self._output_names()
        self.loss = loss
        self._compile_loss = None if loss is None else CompiledLoss(loss, loss_weights, names)
        given = metrics is not None or weighted_metrics is not None
        self._set_metrics(CompiledMetrics(metrics, weighted_metrics, names) if given else None)
        if jit_compile is True and run_eagerly:
            jit_compile = False
            warnings.warn(
                "If `run_eagerly` is True, then `jit_compile` cannot also be True. Disabling "
                "`jit_compile`.",
                stacklevel=2,
            )
        self.run_eagerly = run_eagerly
        self.jit_compile = jit_compile is True
        self.steps_per_execution = steps_per_execution
        self.stop_training = False
        self._shuffle: SeedGenerator | None = None
        self._training_plans = TrainingPlans()
        self._loss_takes_training = "training" in inspect.signature(self.compute_loss).parameters
        self.compiled = True
        object.__setattr__(
            self,
            "_compile_config",
            {
                "optimizer": self.optimizer,
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
                "run_eagerly": run_eagerly,
                "steps_per_execution": steps_per_execution,
                "jit_compile": self.jit_compile,
            },
        )

    def _set_metrics(self, compiled: CompiledMetrics | None) -> None:
        # Past `__setattr__`: they are not among the metrics that the model has as attributes.
        object.__setattr__(self, "_compile_metrics", compiled)
        object.__setattr__(self, "_loss_tracker", metrics.Mean(name="loss"))

    def _output_names(self) -> list[str] | None:
        """Names of the outputs in flat order, of a model that knows them."""
        try:
            return list(self.output_names)  # type: ignore[attr-defined]
        except AttributeError:
            return None

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of `compile`, as `compile_from_config` takes them; {} before."""
        if not self.compiled:
            return {}
        return registry.serialize_keras_object(self._compile_config)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with what `get_compile_config` returned."""
        if type(self).compile is not Steps.compile:
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's "
                "`compile()` method is custom. All subclassed Models that have `compile()` "
                "overridden should also override `get_compile_config()` and "
                "`compile_from_config(config)`. Alternatively, you can call `compile()` manually "
                "after loading.",
                stacklevel=2,
            )
            return
        self.compile(**registry.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self) -> list[Any]:
        """The mean loss, the metrics of compile as one, the losses of outputs; then the model's."""
        found: list[Any] = []
        if self.compiled:
            found.append(self._loss_tracker)
            if self._compile_metrics is not None:
                found.append(self._compile_metrics)
            if self._compile_loss is not None:
                found += self._compile_loss.metrics
        return [*found, *self._tracked_metrics()]  # type: ignore[attr-defined]

    @property
    def metrics_names(self) -> list[str]:
        """Their names."""
        return [metric.name for metric in self.metrics]

    @property
    def metrics_variables(self) -> list[Any]:
        """The state of the metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def reset_metrics(self) -> None:
        """Start the means of loss and metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def zero_grad(self) -> None:
        """Forget the gradients that `backward()` has left in the weights' `.grad`."""
        for variable in self.trainable_variables:
            variable.grad = None

    def train_step(self, data: Any) -> dict[str, Any]:
        """Predict, compare, step on one batch, packed as (x, y, sample_weight) or less of it.

        Returns the logs. Raises FloatingPointError before the weights change if the loss is not
        finite. Threads that train one model take turns.
        """
        if not is_recording():
            raise RuntimeError("training inside no_grad() is impossible: no gradients are recorded")
        self._check_compiled("train_step()")
        with self._training_plans.turns.lock:
            return self._trained_on(data)

    def _trained_on(self, data: Any) -> dict[str, Any]:
        if self._train_by_plan(data):
            return self.get_metrics_result()
        if isinstance(data, Rows):
            data = data.packed()
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)  # type: ignore[operator]
        loss = self._compute_loss(x, y, y_pred, sample_weight, True)
        self._check_loss(loss, x)
        self._loss_tracker.update_state(loss.data, sample_weight=sample_count(x))
        variables = self.trainable_variables
        if variables:
            optimizer = self._known_optimizer
            found = gradients(optimizer.scale_loss(loss), variables, allow_unused=True)
            optimizer.apply(found, variables)
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _train_by_plan(self, data: Any) -> bool:
        """One step by a plan, if there is one for this batch; the metrics then know of it."""
        graph = self._graph_to_train()
        batch = data if isinstance(data, Rows) or graph is None else _as_rows(data)
        if graph is None or batch is None:
            return False
        found = self._training_plans.found(self, graph, batch)
        loss = None if found is None else found.step(self, batch)
        if found is None or loss is None:
            return False
        if not (self._any_loss_will_do or math.isfinite(loss)):
            if not found.labels_fit(self, batch):
                return False  # the layers' way tells which labels do not
            self._check_loss(Tensor(np.float32(loss)), batch.packed()[0])
        self._loss_tracker.update_state(np.float64(loss), sample_weight=len(batch.rows))
        return True

    def _training_plan(self, graph: Any, shapes: Any) -> Any:
        """A plan for a step of training on inputs of these shapes, for who explains it."""
        return self._training_plans.example(self, graph, shapes)

    def _graph_to_train(self) -> Any:
        """The graph of a model that trains in the usual way, and is asked to do no more."""
        cls = type(self)
        own = (cls.compute_loss, cls.compute_metrics, cls._compute_loss, cls._added_losses)
        if own != _USUAL or self.run_eagerly or self._compile_loss is None:
            return None
        return self._static_graph()  # type: ignore[attr-defined]

    @property
    def _known_optimizer(self) -> optimizers.Optimizer:
        if self.optimizer is None:
            raise ValueError("training needs an optimizer: pass one to compile(). Received: None")
        return self.optimizer

    def _check_compiled(self, caller: str) -> None:
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{caller}`.")

    def test_step(self, data: Any) -> dict[str, Any]:
        """Predict and compare on one batch; returns the logs."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        loss = self._compute_loss(x, y, y_pred, sample_weight, False)
        value = loss.data if isinstance(loss, Tensor) else loss
        self._loss_tracker.update_state(value, sample_weight=sample_count(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch, of which only the inputs count."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)  # type: ignore[operator]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The compiled loss of predictions y_pred for targets y, and the losses that layers add."""
        self._check_compiled("compute_loss()")
        found = []
        if self._compile_loss is not None:
            if y is None:
                raise ValueError(
                    "None values not supported. The loss needs targets: pass y, as in fit(x, y). "
                    "Received: y=None"
                )
            total = self._compile_loss(y, y_pred, sample_weight)
            if total is not None:
                found.append(total)
        found += [loss.sum() if loss.ndim else loss for loss in self._added_losses()]
        if not found:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        total = found[0]
        for loss in found[1:]:
            total = total + loss
        return total

    def _added_losses(self) -> list[Any]:
        return self.losses  # type: ignore[attr-defined]

    def _compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """`compute_loss`, which a subclass may have written without `training`."""
        if self._loss_takes_training:
            return self.compute_loss(x, y, y_pred, sample_weight, training=training)
        return self.compute_loss(x, y, y_pred, sample_weight)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Take a batch into account in the compiled metrics; returns the values of all metrics."""
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The values of all metrics by name."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            if isinstance(result, dict):
                results.update(result)
            else:
                results[metric.name] = result
        return results

    def _check_loss(self, loss: Any, x: Any) -> None:
        """An error for a loss that cannot be trained on."""
        if not isinstance(loss, Tensor):
            raise ValueError(
                "the loss has no gradient: compute it with the operations of keras.ops, or the "
                f"operators of tensors, and not with NumPy's functions. Received: {loss!r}"
            )
        if loss.size != 1:
            raise ValueError(
                "the loss must be reduced to one number to train on; use another reduction. "
                f"Received: shape={loss.shape}"
            )
        if self._any_loss_will_do or math.isfinite(loss.item()):
            return
        finite = all(np.isfinite(leaf).all() for leaf in flatten(x) if leaf is not None)
        cause = (
            "training diverged: use a smaller learning rate, or scale the inputs to [0, 1]"
            if finite
            else "the inputs of this batch hold NaN or infinity: clean them"
        )
        raise FloatingPointError(
            f"the loss is {loss.item()}; {cause}. The weights are still those before this step "
            f"(step {int(self._known_optimizer.iterations) + 1})."
        )

    def _check_data(self, data: Any) -> None:
        """See that arrays fit the model and the loss, before a weight is changed.

        Only for models that train in the usual way.
        """
        own = (Steps.train_step, Steps.compute_loss)
        if (type(self).train_step, type(self).compute_loss) != own:
            return
        x, y, _ = unpack_x_y_sample_weight(data[:1])
        y_pred = self(x, training=False)  # type: ignore[operator]
        if data.y is None:
            return
        if self._compile_metrics is not None and not self._compile_metrics.built:
            self._compile_metrics.build(y, y_pred)
        if self._compile_loss is not None:
            self._compile_loss.check_targets(data.y, y_pred)
            self._compile_loss(y, y_pred)
            for metric in self._compile_loss.metrics:
                metric.reset_state()


_USUAL = (Steps.compute_loss, Steps.compute_metrics, Steps._compute_loss, Steps._added_losses)


def _as_rows(data: Any) -> Rows | None:
    """A batch of arrays as all rows of it; None for what is not arrays."""
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    leaves = [leaf for leaf in flatten([x, y, sample_weight]) if leaf is not None]
    if not leaves or not all(isinstance(leaf, np.ndarray) and leaf.ndim for leaf in leaves):
        return None
    return Rows(x, y, sample_weight, np.arange(len(leaves[0])))
