"""From the calls of a model's graph to the nodes of an ONNX graph.

`LAYERS` and `FUNCTIONS` of the tables say for each class of layers, and each operation, what it is.
What is in no table is noted and stood in for by a value of the same shape, so that an error can
name all of it at once.
"""

from __future__ import annotations

import inspect
from typing import Any

from cnn_ext.export import tables
from cnn_ext.export.builder import Builder, Refused
from cnn_ext.export.value import Value
from cnn_ext.layers import Layer
from cnn_ext.symbolic import FunctionCall, KerasTensor
from cnn_ext.tree import flatten, map_structure, pack_sequence_as

_REPLACEABLE = {"call", "convolve", "convolution_op", "compute_output_shape"}


class Lowering(Builder):
    """The nodes of a model.

    refused: for each call that could not be exported its place, and why.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []
        self._calls: list[tuple[Any, Any, Any]] = []

    def graph(self, graph: Any, inputs: list[Value]) -> list[Value]:
        """The outputs of a model's graph, flat."""
        values = {id(x): value for x, value in zip(graph.inputs, inputs, strict=True)}
        for node in graph.nodes:
            if not node.is_input:
                node.run(values, self.call)
        return [values[id(x)] for x in graph.outputs]

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """What a layer or operation gives for Values; stand-ins if it is refused."""
        outer, self.place = self.place, f"{self.place}/{operation.name}".lstrip("/")
        self._calls.append((operation, args, kwargs))
        try:
            if isinstance(operation, FunctionCall):
                return self._function(operation, *args, **kwargs)
            return self._layer(operation, *args, **kwargs)
        except Refused as why:
            kind = getattr(operation, "class_name", type(operation).__name__)
            self.refused.append(f"'{self.place}' ({kind}): {why}")
            return map_structure(lambda x: Value(self, x.name, x.shape, x.dtype), self.spec())
        finally:
            self.place = outer
            self._calls.pop()

    def spec(self) -> Any:
        """KerasTensors like the outputs of the call that is being exported."""
        operation, args, kwargs = self._calls[-1]
        symbols = map_structure(_symbol, [list(args), kwargs])
        return operation.compute_output_spec(*symbols[0], **symbols[1])

    def _layer(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        given = {name: value for name, value in kwargs.items() if value is not None}
        if given.pop("training", False) or given or len(args) != 1:
            raise Refused("it is called with more than its inputs")
        graph = getattr(layer, "_static_graph", lambda: None)()
        if graph is not None:
            return self._nested(layer, graph, args[0])
        lower = tables.LAYERS.get(type(layer))
        if lower is None:
            raise Refused(_why_not(layer))
        if _REPLACEABLE & vars(layer).keys():
            raise Refused("its methods have been replaced")
        if any(not isinstance(x, Value) for x in flatten(args[0])):
            raise Refused("one of its inputs is a constant")
        if type(layer) in tables.MOVES:
            return lower(self, layer, args[0])
        return lower(self, layer, map_structure(lambda x: self._in_dtype_of(layer, x), args[0]))

    def _in_dtype_of(self, layer: Any, x: Value) -> Value:
        """An input as a layer takes it: numbers in the dtype of its weights, else floats."""
        own = layer.own_variables
        return self.cast(x, own[0].dtype if own else x.dtype if x.is_float else layer.dtype)

    def _nested(self, model: Any, graph: Any, inputs: Any) -> Any:
        flat = [
            self._fitted(x, reference)
            for x, reference in zip(model._flat(inputs), graph.inputs, strict=True)
        ]
        return pack_sequence_as(graph.output_structure, self.graph(graph, flat))

    def _fitted(self, x: Value, reference: KerasTensor) -> Value:
        """An input as a nested model takes it."""
        rank, expected = x.rank, reference.shape
        if rank == len(expected) + 1 and x.shape[-1] == 1:
            x = self.without_axes(x, [-1])
        elif rank == len(expected) - 1 and expected[-1] == 1:
            x = self.with_axes(x, [-1])
        return x if x.is_float else self.cast(x, reference.dtype)

    def _function(self, operation: FunctionCall, *args: Any, **kwargs: Any) -> Any:
        lower = tables.FUNCTIONS.get(operation.function)
        if lower is None:
            raise Refused("there is no ONNX for this operation")
        arguments = {**operation.static, **kwargs}
        try:
            inspect.signature(lower).bind(self, *args, **arguments)
        except TypeError as error:
            raise Refused(f"there is no ONNX for these arguments: {error}") from None
        return lower(self, *args, **arguments)


def _symbol(x: Any) -> Any:
    return x.symbol() if isinstance(x, Value) else x


def _why_not(layer: Layer) -> str:
    if hasattr(layer, "layers"):
        return "its call() is Python code, of which there is no graph"
    if type(layer).__module__.startswith("cnn_ext."):
        return f"there is no ONNX for {type(layer).__name__}"
    return f"{type(layer).__name__} is a class of your own, whose call() is Python code"
