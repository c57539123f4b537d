"""What feeds what in a model, as its picture shows it: each layer once, however often called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnn_ext.utils.diagram import Edge


@dataclass(frozen=True)
class ModelGraph:
    """Steps of a model, and edges from an output of one (`exit`) to an input of another (`entry`).

    `entries[i]` is the step, and which of its inputs, that gets input i of the model; `exits[i]` is
    the step, and which of its outputs, that gives output i.
    """

    steps: list[Any]
    edges: list[Edge]
    entries: list[tuple[int, int]]
    exits: list[tuple[int, int]]

    @classmethod
    def of(cls, model: Any) -> ModelGraph | None:
        """The graph of a functional model or a Sequential; None for anything else."""
        graph = getattr(model, "_graph", None)
        if graph is None:
            return None
        if not model.functional:
            return cls._row(list(model.layers))
        steps = list(graph.operations)
        number = {step: i for i, step in enumerate(steps)}

        def source(tensor: Any) -> tuple[int, int]:
            history = tensor._keras_history
            return number[history.operation], history.tensor_index

        edges = []
        for node in graph.nodes:
            for entry, tensor in enumerate(node.input_tensors):
                start, exit_ = source(tensor)
                edges.append(Edge(start, number[node.operation], exit_, entry))
        entries = [source(x) for x in graph.inputs]
        return cls(steps, edges, entries, [source(x) for x in graph.outputs])

    @classmethod
    def _row(cls, layers: list[Any]) -> ModelGraph | None:
        edges = [Edge(i, i + 1) for i in range(len(layers) - 1)]
        return cls(layers, edges, [(0, 0)], [(len(layers) - 1, 0)]) if layers else None
