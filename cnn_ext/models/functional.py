"""Functional: a model that is a graph of calls."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cnn_ext import ops
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.layers import Input
from cnn_ext.layers.base import told_training
from cnn_ext.layers.shapes import is_shape
from cnn_ext.models.graph import Graph, symbolic_leaves
from cnn_ext.symbolic import KerasTensor, Operation, is_keras_tensor, node_of
from cnn_ext.tree import flatten, is_nested, map_structure


def graph_between(inputs: Any, outputs: Any) -> Graph:
    """The graph between KerasTensors; inputs that layers computed become inputs of their own."""
    symbolic_leaves("outputs", outputs)
    given = symbolic_leaves("inputs", inputs)
    if isinstance(inputs, dict):
        for key, x in inputs.items():
            if is_keras_tensor(x) and key != x.name:
                warnings.warn(
                    "When providing `inputs` as a dict, all keys in the dict must match the names "
                    f"of the corresponding tensors. Received key '{key}' mapping to value {x} "
                    f"which has name '{x.name}'. Change the tensor name to '{key}' (via "
                    f"`Input(..., name='{key}')`)",
                    stacklevel=4,
                )
    if not all(node_of(x).is_input for x in given):
        inputs, outputs = _restarted(inputs, outputs)
    return Graph(inputs, outputs)


def _restarted(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """The same calls once more, from new inputs in place of computed ones."""

    def started(x: KerasTensor) -> KerasTensor:
        if node_of(x).is_input:
            return x
        return Input(batch_shape=x.shape, dtype=x.dtype, name=f"{x.name}CLONE")

    fresh = map_structure(started, inputs)
    values = {id(x): new for x, new in zip(flatten(inputs), flatten(fresh), strict=True)}

    def value_of(x: KerasTensor) -> KerasTensor:
        stack = [x]
        while stack:
            node = node_of(stack[-1])
            missing = [p for p in node.input_tensors if id(p) not in values]
            if id(stack[-1]) in values:
                stack.pop()
            elif node.is_input:
                values[id(stack.pop())] = x  # found to be disconnected later
            elif missing:
                stack += missing
            else:
                node.run(values, lambda operation, *args, **kwargs: operation(*args, **kwargs))
        return values[id(x)]

    return fresh, map_structure(value_of, outputs)


class GraphOwner:
    """What a model has that was made from symbolic inputs and outputs."""

    name: str
    functional: bool  # whether the sizes of inputs are fixed, as the layers' are in a Sequential
    _graph: Graph | None

    @property
    def _known_graph(self) -> Graph:
        if self._graph is None:
            raise AttributeError(
                f"Model '{self.name}' has no defined inputs and outputs: it was not made from "
                "keras.Input(), nor is it a Sequential whose input shape is known. Add an Input, "
                "or call the model on data."
            )
        return self._graph

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, as a flat list."""
        return self._known_graph.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, as a flat list."""
        return self._known_graph.outputs

    @property
    def input(self) -> Any:
        """The symbolic inputs in the structure that the model was made with."""
        return self._known_graph.input_structure

    @property
    def output(self) -> Any:
        """The symbolic outputs in the structure that the model was made with."""
        return self._known_graph.output_structure

    @property
    def input_shape(self) -> Any:
        """Shape of the input, or of each of several."""
        return _one_or_all([x.shape for x in self.inputs])

    @property
    def output_shape(self) -> Any:
        """Shape of the output, or of each of several."""
        return _one_or_all([x.shape for x in self.outputs])

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        return [x.name for x in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that give the outputs."""
        return [node_of(x).operation.name for x in self.outputs]

    @property
    def operations(self) -> list[Operation]:
        """The layers, and the functions of `ops`, of the graph."""
        return self._known_graph.operations

    def _run_graph(self, inputs: Any) -> Any:
        """The outputs for Tensors, arrays or KerasTensors."""
        graph = self._known_graph
        flat = [
            self._fitted(x, ref) for x, ref in zip(self._flat(inputs), graph.inputs, strict=True)
        ]
        return graph.run(
            flat, lambda operation, *args, **kwargs: operation(*args, **told_training(kwargs))
        )

    def _flat(self, inputs: Any) -> list[Any]:
        """Inputs as a flat list in the order of the model's."""
        graph = self._known_graph
        structure, names = graph.input_structure, [x.name for x in graph.inputs]
        if isinstance(inputs, dict) and not isinstance(structure, dict):
            missing = [name for name in names if name not in inputs]
            if missing:
                raise ValueError(self._mismatch(inputs))
            return [inputs[name] for name in names]
        if isinstance(inputs, dict):
            if set(structure) - set(inputs):
                raise ValueError(self._mismatch(inputs))
            inputs = {key: inputs[key] for key in structure}
        flat = flatten(inputs) if is_nested(inputs) and not is_shape(inputs) else [inputs]
        if len(flat) != len(names):
            raise ValueError(self._mismatch(inputs))
        return flat

    def _mismatch(self, inputs: Any) -> str:
        expected = map_structure(lambda x: x.name, self._known_graph.input_structure)
        received = map_structure(
            lambda x: f"Tensor(shape={tuple(getattr(x, 'shape', ()))})", inputs
        )
        return (
            f"The structure of `inputs` doesn't match the expected structure. Expected: "
            f"{expected}. Received: inputs={received}"
        )

    def _fitted(self, x: Any, reference: KerasTensor) -> Any:
        """An input as the model wants it: dtype, and a last axis of 1 added or removed."""
        if not isinstance(x, Tensor) and not is_keras_tensor(x):
            x = Tensor(as_array(x).astype(reference.dtype, copy=False))
        elif x.dtype != reference.dtype and np.dtype(x.dtype).kind != "f":
            x = ops.cast(x, dtype=reference.dtype)
        rank, expected = len(x.shape), reference.shape
        if rank == len(expected) + 1 and x.shape[-1] == 1:
            x = ops.squeeze(x, axis=-1)
        elif rank == len(expected) - 1 and expected and expected[-1] == 1:
            x = ops.expand_dims(x, axis=-1)
        shape = tuple(x.shape)
        if len(shape) != len(expected):
            raise ValueError(
                f"Invalid input shape for input with name '{reference.name}' of model "
                f"'{self.name}'. Expected shape {expected}, but input has incompatible shape "
                f"{shape}. Received: an input of {len(shape)} axes"
            )
        for size, wanted in zip(shape[1:], expected[1:], strict=True):
            if self.functional and None not in (size, wanted) and size != wanted:
                raise ValueError(
                    f"Input {self.inputs.index(reference)} with name '{reference.name}' of layer "
                    f"'{self.name}' is incompatible with the layer: expected shape={expected}, "
                    f"found shape={shape}"
                )
        return x

    def _graph_spec(self, inputs: Any) -> Any:
        """KerasTensors like the outputs, for symbolic inputs."""
        graph = self._known_graph
        flat = [
            self._fitted(x, ref) for x, ref in zip(self._flat(inputs), graph.inputs, strict=True)
        ]
        return graph.run(
            flat, lambda operation, *args, **kwargs: operation.compute_output_spec(*args, **kwargs)
        )


def _one_or_all(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items
