"""Steps of training by plans: one is found for a batch, made if there is none, and run.

A plan computes what `Steps.train_step` computes, in one call of the compiled part. What it does not
know (a loss of one's own, a layer without a step, clipped gradients) leaves the step, or what
follows the gradients, to the way of the layers; nothing else changes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext.plan.lowering import NotPlanned
from cnn_ext.plan.trained import Head, Source, TrainedPlan
from cnn_ext.plan.turns import Turns
from cnn_ext.training.batches import Rows, in_floatx
from cnn_ext.training.matching import head_of, is_counted, rule_of, targets_fit
from cnn_ext.training.outputs import aligned_targets
from cnn_ext.tree import flatten, is_nested, map_structure

MOST = 8  # plans of one model, for batch sizes and forms of the data; the oldest goes

_FLOAT32, _BYTES = np.dtype(np.float32), np.dtype(np.uint8)


class TrainingPlans:
    """The plans for the training of one model, as it is compiled now.

    They share one memory: `turns.lock` is held by whoever trains.
    """

    def __init__(self) -> None:
        self.turns = Turns()
        self._forget()

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainingPlans, ()  # a copy of a model makes plans of its own

    def _forget(self) -> None:
        self._known: dict[Any, Trained | NotPlanned] = {}
        self._memory = _kernels.Memory()
        self._state: _State | None = None

    def found(self, model: Any, graph: Any, batch: Rows) -> Trained | None:
        """What trains on batches like this one; None if the layers must."""
        if _kernels.chosen_kernels() is not None:
            return None
        if self._state is None or not self._state.holds(model, graph):
            self._forget()
            self._state = _State(model, graph)
        form = _form(batch)
        found = self._known.get(form)
        if isinstance(found, Trained) and not found.plan.is_current:
            found = None
        if found is None:
            found = self._made(model, graph, batch)
            while len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[form] = found
        return found if isinstance(found, Trained) else None

    def example(self, model: Any, graph: Any, shapes: Any) -> TrainedPlan:
        """A plan for inputs of these shapes, for who explains it; NotPlanned if there is none."""
        y_pred = map_structure(
            lambda y: np.zeros([n or 1 for n in y.shape]), graph.output_structure
        )
        parts = model._compile_loss._parts or model._compile_loss._resolved(y_pred, y_pred)
        heads = [head_of(part, weighted=False) for part in parts]
        sources = [Source(shape, in_bytes=False) for shape in shapes]
        weights = _moved_weights(model)
        rule = rule_of(model._known_optimizer)
        return TrainedPlan(model, graph, sources, heads, [], weights, rule, _kernels.Memory())

    def _made(self, model: Any, graph: Any, batch: Rows) -> Trained | NotPlanned:
        try:
            return Trained(model, graph, batch, self._memory)
        except NotPlanned as refused:
            return refused
        except (KeyError, TypeError, ValueError) as error:  # which the layers' way will raise
            return NotPlanned(f"{type(error).__name__}: {error}")


class _State:
    """What the plans of a model depend on, besides the batches."""

    def __init__(self, model: Any, graph: Any) -> None:
        self._graphs: list[tuple[Any, Any]] = [(model, graph)]
        self._layers = list(_all_layers(model))
        self._graphs += [(m, m._graph) for m in self._layers if hasattr(m, "_graph")]
        self._variables = list(model.weights)
        self._trainable = [v._trainable for v in self._variables]
        self._changes = _kernels.total(self._layers, "_changes")
        self._compiled = _compiled(model)

    def holds(self, model: Any, graph: Any) -> bool:
        """Whether it is still so."""
        return (
            self._graphs[0][1] is graph
            and all(m._graph is g for m, g in self._graphs)
            and _kernels.total(self._layers, "_changes") == self._changes
            and [v._trainable for v in self._variables] == self._trainable
            and all(a is b for a, b in zip(_compiled(model), self._compiled, strict=True))
        )


def _compiled(model: Any) -> tuple[Any, ...]:
    metrics = model._compile_metrics
    watches = None if metrics is None or not metrics.built else metrics._watches
    return model.optimizer, model._compile_loss, metrics, watches, model._compile_loss._parts


def _all_layers(model: Any) -> Any:
    for layer in model._sublayers:
        yield layer
        yield from _all_layers(layer)


def _form(batch: Rows) -> Any:
    """What batches have in common that one plan serves."""
    leaves = [batch.x, batch.y, batch.sample_weight]
    if not all(leaf is None or isinstance(leaf, np.ndarray) for leaf in leaves):
        leaves = flatten(leaves)
    return len(batch.rows), *(
        None if leaf is None else (leaf.shape[1:], leaf.dtype, leaf.flags.c_contiguous)
        for leaf in leaves
    )


def _moved_weights(model: Any) -> list[Any]:
    """The weights that move, known to the optimizer."""
    weights = list(model.trainable_variables)
    if any(v.regularizer is not None for v in weights) or model.losses:
        raise NotPlanned("layers or weights add to the loss")
    optimizer = model._known_optimizer
    if not optimizer.built:
        optimizer.build(weights)
    if any(id(v) not in optimizer._positions for v in weights):
        raise NotPlanned("the optimizer was built on other weights")
    return weights


class Trained:
    """Steps of training for batches of one form.

    Args:
        model, graph: what is trained.
        batch: one of the batches.
        memory: where the plan computes.
    """

    def __init__(self, model: Any, graph: Any, batch: Rows, memory: Any) -> None:
        self._graph, self._several = graph, is_nested(batch.x)
        parts = model._compile_loss._parts
        compiled = model._compile_metrics
        if parts is None or batch.y is None or (compiled is not None and not compiled.built):
            raise NotPlanned("losses and metrics are known once a batch was seen")
        xs = self._inputs(model, batch)
        count = len(batch.rows)
        self._in_place = all(
            x.dtype in (_FLOAT32, _BYTES) and x.flags.c_contiguous and x.flags.aligned for x in xs
        )
        shapes = [
            tuple(model._fitted(np.empty((count, *x.shape[1:]), np.float32), ref).shape)
            for x, ref in zip(xs, graph.inputs, strict=True)
        ]
        sources = [
            Source(shape, self._in_place and x.dtype == _BYTES)
            for shape, x in zip(shapes, xs, strict=True)
        ]
        weighted = batch.sample_weight is not None
        self._heads = [head_of(part, weighted) for part in parts]
        self._factors = [1.0 if part.weight is None else float(part.weight) for part in parts]
        self._watches = compiled._watches if compiled is not None else []
        self._counted = [self._head_of(watch) for watch in self._watches]
        shown = sorted({
            watch.output
            for watch, head in zip(self._watches, self._counted, strict=True) if head is None
        })  # fmt: skip
        self._weights = _moved_weights(model)
        self._optimizer = model._known_optimizer
        self._rule = rule_of(self._optimizer)
        self._constrained = [v for v in self._weights if v.constraint is not None]
        self._all_rows = np.arange(count)
        self.plan = TrainedPlan(
            model, graph, sources, self._heads, shown, self._weights, self._rule, memory
        )
        self._check(model, batch)

    def _head_of(self, watch: Any) -> int | None:
        """The loss that counts what a metric means."""
        for number, head in enumerate(self._heads):
            if head.output == watch.output and is_counted(watch.metric, head):
                return number
        return None

    def _inputs(self, model: Any, batch: Rows) -> list[np.ndarray]:
        """The data of the inputs in the graph's order."""
        return model._flat(batch.x) if self._several else [batch.x]

    def _by_output(self, model: Any, structure: Any) -> list[np.ndarray]:
        """Targets, or weights, of the heads."""
        if not is_nested(structure) and len(self._graph.outputs) == 1:
            return [structure]
        wanted: list[Any] = [None] * len(self._graph.outputs)
        for head in self._heads:
            wanted[head.output] = head
        names = model._output_names()
        found = aligned_targets(structure, self._graph.output_structure, names, wanted)
        return [found[head.output] for head in self._heads]

    def _check(self, model: Any, batch: Rows) -> None:
        """See that targets and weights fit the outputs."""
        count = len(batch.rows)
        for head, y in zip(self._heads, self._by_output(model, batch.y), strict=True):
            shape = tuple(self._graph.outputs[head.output].shape[1:])
            if None in shape or not targets_fit(head, y, shape):
                raise NotPlanned(f"the targets of output {head.output} have another form")
        if batch.sample_weight is not None:
            weights = self._sample_weights(model, batch)
            if any(w is None or w.size != count for w in weights) or any(
                size != count for size in self.plan.sizes
            ):
                raise NotPlanned("there is not one weight for each sample's loss")

    def _sample_weights(self, model: Any, batch: Rows) -> list[Any]:
        if batch.sample_weight is None:
            return []
        if is_nested(batch.sample_weight):
            found = self._by_output(model, batch.sample_weight)
        else:
            found = [batch.sample_weight] * len(self._heads)
        return [
            None if w is None else np.ascontiguousarray(w[batch.rows], np.float32) for w in found
        ]

    def step(self, model: Any, batch: Rows) -> float | None:
        """One step: the loss; metrics have taken the batch into account.

        None, and nothing was changed, if the layers' way has an error to raise.
        """
        rows, xs = batch.rows, self._inputs(model, batch)
        if not self._in_place:
            xs = [np.ascontiguousarray(x[rows], np.float32) for x in xs]
            rows = self._all_rows
        ys = self._by_output(model, batch.y)
        targets = [_as_target(head, y, batch.rows) for head, y in zip(self._heads, ys, strict=True)]
        weights = self._sample_weights(model, batch)
        optimizer = self._optimizer
        rate = float(optimizer.learning_rate)
        if not math.isfinite(rate):
            return None
        settings: tuple[float, ...] = ()
        kept = 1.0
        if self._rule is not None:
            settings = optimizer.update_settings(rate)
            if optimizer.weight_decay is not None:
                kept = 1 - optimizer.weight_decay * rate
        any_loss = model._any_loss_will_do
        results = self.plan.run(xs, rows, targets, weights, settings, kept, any_loss)
        loss = math.fsum(result[0] for result in results)
        if not (any_loss or math.isfinite(loss)):
            return loss
        self._move_weights(optimizer)
        self._tell(model, batch, results, weights, ys)
        return loss

    def labels_fit(self, model: Any, batch: Rows) -> bool:
        """Whether all labels are classes, so that they are not why a loss is not finite."""
        for head, y in zip(self._heads, self._by_output(model, batch.y), strict=True):
            classes = self._graph.outputs[head.output].shape[-1]
            labels = y[batch.rows]
            if head.kind == "sparse_softmax" and not ((labels >= 0) & (labels < classes)).all():
                return False
        return True

    def _move_weights(self, optimizer: Any) -> None:
        """What follows the plan for the weights' sake."""
        if self._rule is None:
            found = self.plan.gradients
            if optimizer.loss_scale_factor is not None:
                found = [optimizer.scale_loss(gradient) for gradient in found]
            optimizer.apply(found, self._weights)
        else:
            for variable in self._constrained:
                variable.assign(variable.constraint(variable))
            optimizer._iterations.assign(optimizer._iterations.data + 1)
        for variable in self.plan.changed:
            variable.version += 1

    def _tell(
        self, model: Any, batch: Rows, results: list[Any], weights: list[Any], ys: list[Any]
    ) -> None:
        """Let metrics take the batch into account."""
        count = len(batch.rows)
        for metric, result, factor in zip(
            model._compile_loss.metrics, results, self._factors, strict=False
        ):
            metric.update_state(result[0] / factor, sample_weight=count)
        for watch, number in zip(self._watches, self._counted, strict=True):
            if number is None:
                self._show(watch, batch, weights, ys)
                continue
            weighted = watch.weighted and bool(weights)
            matched = results[number][2 if weighted else 1] * count / self.plan.sizes[number]
            watch.metric.total.assign_add(np.float64(matched))
            seen = weights[number].sum(dtype=np.float64) if weighted else np.float64(count)
            watch.metric.count.assign_add(seen)

    def _show(self, watch: Any, batch: Rows, weights: list[Any], ys: list[Any]) -> None:
        """Update a metric that the plan does not know."""
        for number, head in enumerate(self._heads):
            if head.output == watch.output:
                y = in_floatx(ys[number][batch.rows])
                shown = self.plan.output(watch.output)
                if watch.weighted and weights:
                    watch.metric.update_state(y, shown, weights[number])
                else:
                    watch.metric.update_state(y, shown)


def _as_target(head: Head, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The targets of a batch, as the compiled part takes them."""
    if head.kind != "sparse_softmax":
        return np.ascontiguousarray(y[rows], np.float32)
    labels = y[rows]
    if labels.dtype.itemsize > 4:
        labels = labels.clip(-1, 2**31 - 1)  # which are no classes either
    return np.ascontiguousarray(labels, np.int32)
