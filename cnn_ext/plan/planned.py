"""The plans of one model: made for a shape when it first comes, used again, thrown away in time.

A plan computes what the model's layers compute outside of training, in one call of the compiled
part. It stands for the model as it is: other layers, or another argument of a layer, and it is made
anew; other weights, and they are packed anew.

All plans of a model share one memory and their packed weights, so that one lock guards them:
threads that predict at once take turns, each turn on all the cores. Two plans at a time would need
the memory twice and gain nothing, as the thread pool serves one job at a time.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext.autograd import Tensor
from cnn_ext.plan.arena import arranged
from cnn_ext.plan.lowering import Lowering, NotPlanned
from cnn_ext.plan.rules import fused
from cnn_ext.plan.steps import Finish, Value
from cnn_ext.plan.turns import Turns
from cnn_ext.plan.weights import Weights

Shapes = tuple[tuple[int, ...], ...]

KEPT = 8  # shapes whose plans are kept; the oldest goes
MOST_ARRAYS = 16  # that go into a run and come out of it


class Plans:
    """The plans of one model, by the shapes of its inputs."""

    def __init__(self) -> None:
        self._turns = Turns()
        self._forget()

    def __reduce__(self) -> tuple[Any, ...]:
        return Plans, ()  # a copy of a model makes plans of its own

    def _forget(self) -> None:
        self._by_shape: dict[Shapes, Planned | NotPlanned] = {}
        self._packed: dict[Any, Packed] = {}
        self._memory = _kernels.Memory()
        self.variables: list[Any] = []  # of the model
        self._layers: list[Any] = []
        self._graphs: list[tuple[Any, Any]] = []
        self._changes = -1

    def outputs(self, model: Any, graph: Any, arrays: list[np.ndarray]) -> list[Tensor] | None:
        """The model's flat outputs for float32 arrays, or None if there is no plan for them."""
        if _kernels.chosen_kernels() is not None:
            return None
        with self._turns.lock:
            found = self._found(model, graph, tuple([a.shape for a in arrays]))
            return None if isinstance(found, NotPlanned) else found.run(arrays)

    def found(self, model: Any, graph: Any, shapes: Shapes) -> Planned:
        """The plan for these shapes; NotPlanned if there is none."""
        with self._turns.lock:
            found = self._found(model, graph, shapes)
        if isinstance(found, NotPlanned):
            raise found
        return found

    def measured(self, planned: Planned, arrays: list[np.ndarray]) -> list[float]:
        """The seconds that each step takes in a run."""
        with self._turns.lock:
            return planned.plan.measure(*arrays)

    def _found(self, model: Any, graph: Any, shapes: Shapes) -> Planned | NotPlanned:
        if not self._is_current(model, graph):
            self._forget()
        found = self._by_shape.get(shapes)
        if isinstance(found, Planned) and not found.plan.is_current:
            self._forget()
            found = None
        if found is None:
            if not _are_fit(graph, shapes):
                return NotPlanned("the model's inputs have other sizes")
            found = self._made(model, graph, shapes)
            while len(self._by_shape) >= KEPT:
                del self._by_shape[next(iter(self._by_shape))]
            self._by_shape[shapes] = found
        return found

    def _is_current(self, model: Any, graph: Any) -> bool:
        """Whether graphs and layers are those that the plans were made of."""
        if not self._graphs or self._graphs[0][1] is not graph:
            return False
        if len(self._graphs) > 1 and any(m._graph is not g for m, g in self._graphs[1:]):
            return False
        return _kernels.total(self._layers, "_changes") == self._changes

    def _made(self, model: Any, graph: Any, shapes: Shapes) -> Planned | NotPlanned:
        lowering = Lowering()
        try:
            inputs = [Value(shape) for shape in shapes]
            outputs = lowering.graph(model, graph, inputs)
            made: Planned | NotPlanned = Planned(lowering, inputs, outputs, self)
        except NotPlanned as refused:
            made = refused
        except (TypeError, ValueError) as error:  # which the eager call will raise and explain
            made = NotPlanned(f"{type(error).__name__}: {error}")
        self._layers, self._graphs = lowering.layers, lowering.graphs
        self.variables = list(model.weights)
        self._changes = _kernels.total(self._layers, "_changes")
        if isinstance(made, Planned) and os.environ.get("CNN_EXT_VERBOSE", "0") not in ("", "0"):
            print(made.brief(model.name), file=sys.stderr)
        return made

    @property
    def memory(self) -> _kernels.Memory:
        """Where all plans compute."""
        return self._memory

    def packed(self, weights: Weights, geometry: _kernels.Geometry, kernel: str) -> Packed:
        """Packed weights, shared by all plans that read them in the same way."""
        key = (weights.key, kernel, geometry.groups)
        if key not in self._packed:
            self._packed[key] = Packed(weights, _kernels.PackedWeights(geometry, kernel))
        return self._packed[key]


def _are_fit(graph: Any, shapes: Shapes) -> bool:
    """Whether the sizes are those of the inputs."""
    return all(
        len(x.shape) == len(shape)
        and all(a in (None, b) for a, b in zip(x.shape[1:], shape[1:], strict=True))
        for x, shape in zip(graph.inputs, shapes, strict=True)
    )


class Packed:
    """Packed weights, and the state of the Variables that they were packed from."""

    def __init__(self, weights: Weights, memory: _kernels.PackedWeights) -> None:
        self.weights, self.memory = weights, memory
        self.variables = list(weights.variables)
        self.version = -1

    def refresh(self) -> None:
        """Pack anew if a Variable has changed."""
        version = _kernels.total(self.variables, "version")
        if version != self.version:
            kernel, bias = self.weights.values()
            if self.memory.kernel != "scale":  # a matrix is a 1x1 window
                kernel = kernel.reshape(self.memory.geometry.weight_shape)
            self.memory.fill(kernel, bias)
            self.version = version


class Planned:
    """One plan: its steps, and how it is run."""

    kind = "Plan"

    def __init__(
        self, lowering: Lowering, inputs: list[Value], outputs: list[Value], plans: Plans
    ) -> None:
        wanted = list(dict.fromkeys(outputs))
        logits = {y: lowering.logits[y] for y in wanted if y in lowering.logits}
        steps = list(lowering.steps)
        given = {value.storage for value in inputs}
        copies: dict[Value, Value] = {}
        for value in dict.fromkeys([*wanted, *logits.values()]):
            if value.storage in given:  # a result must be an array of its own
                copies[value] = Value(value.shape)
                steps.append(Finish(value, copies[value], ("copy",)))
        produced = [copies.get(value, value) for value in outputs]
        remembered = {copies.get(y, y): copies.get(x, x) for y, x in logits.items()}
        results = [*produced, *remembered.values()]
        self.steps = fused(steps, results)
        self._results = list(dict.fromkeys(value.storage for value in results))
        if not self.steps or len(inputs) + len(self._results) > MOST_ARRAYS:
            raise NotPlanned("there is nothing to compute, or too many inputs and outputs")
        places = {storage: i for i, storage in enumerate(self._results)}
        self._read = [(places[y.storage], _other_shape(y)) for y in produced]
        self._remembered = [
            (output, places[remembered[y].storage], _other_shape(remembered[y]))
            for output, y in enumerate(produced) if y in remembered
        ]  # fmt: skip
        self._packed: list[Packed] = []
        self._place(inputs, plans)

    def _place(self, inputs: list[Value], plans: Plans) -> None:
        storages = [value.storage for value in inputs]
        offsets, self.arena = arranged(self.steps, {*storages, *self._results})
        values = list(dict.fromkeys([*storages, *self._results, *offsets]))
        numbers = {value: number for number, value in enumerate(values)}
        self.plan = _kernels.Plan(
            plans.memory, [offsets.get(value, 0) for value in values], self.arena,
            [(numbers[value], value.nbytes) for value in storages],
            [(numbers[value], value.shape) for value in self._results],
        )  # fmt: skip

        def number(value: Value | None) -> int:
            return -1 if value is None else numbers[value.storage]

        def packed(weights: Weights, geometry: _kernels.Geometry, kernel: str) -> Any:
            found = plans.packed(weights, geometry, kernel)
            self._packed.append(found)
            return found.memory

        for step in self.steps:
            step.add_to(self.plan, number, packed)
        variables = {id(v): v for one in self._packed for v in one.variables}
        self._variables, self._version = list(variables.values()), -1

    def run(self, arrays: list[np.ndarray]) -> list[Tensor]:
        """The outputs for arrays of the plan's shapes."""
        version = _kernels.total(self._variables, "version")
        if version != self._version:
            for packed in self._packed:
                packed.refresh()
            self._version = version
        results = self.plan.run(*arrays)
        found = [_shaped(results[i], shape) for i, shape in self._read]
        for output, i, shape in self._remembered:
            found[output]._keras_logits = _shaped(results[i], shape)
        return found

    @property
    def nbytes(self) -> int:
        """Of all packed weights."""
        return sum(packed.memory.nbytes for packed in {id(p): p for p in self._packed}.values())

    @property
    def beside(self) -> str:
        """What memory it takes beside the arena."""
        return f"packed weights {self.nbytes / 1024:,.1f} KB"

    def brief(self, name: str) -> str:
        """One line: how many steps, and what memory they take."""
        inside = sum(4 * v.size for v in {s.y.storage for s in self.steps})
        return (
            f"cnn_ext: plan of '{name}': {len(self.steps)} steps, arena {self.arena} bytes for "
            f"{inside} bytes of values, scratch {self.plan.scratch} bytes, packed weights "
            f"{self.nbytes} bytes"
        )


def _other_shape(value: Value) -> tuple[int, ...] | None:
    """The shape of a value, if its storage has another."""
    return None if value.shape == value.storage.shape else value.shape


def _shaped(array: np.ndarray, shape: tuple[int, ...] | None) -> Tensor:
    return Tensor.holding(array if shape is None else array.reshape(shape))
