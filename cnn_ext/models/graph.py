"""Graph: the calls between a functional model's inputs and its outputs, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext.symbolic import KerasTensor, Node, Operation, node_of
from cnn_ext.tree import flatten, pack_sequence_as


class Graph:
    """What computes `outputs` from `inputs`, both structures of KerasTensors.

    `operations` are in Keras's order, which model files rely on: by the longest way to an output,
    the farthest first, then in the order of a walk back from the outputs.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.input_structure, self.output_structure = inputs, outputs
        self.inputs = symbolic_leaves("inputs", inputs)
        self.outputs = symbolic_leaves("outputs", outputs)
        self.nodes, met = _walk(self.outputs)
        self._check_connected()
        depths = _depths(self.nodes)
        for x in self.inputs:  # an input that no output needs
            origin = node_of(x).operation
            if origin not in depths:
                depths[origin], met[origin] = 0, -1
        self.operations: list[Operation] = sorted(depths, key=lambda o: (-depths[o], met[o]))
        _check_names(self.operations)

    @property
    def is_chain(self) -> bool:
        """Whether each call takes what the call before it gave, and no operation comes twice."""
        sources = [node.parents for node in self.nodes]
        fed = [source for parents in sources for source in parents]
        return (
            len(self.inputs) == 1
            and all(len(parents) <= 1 for parents in sources)
            and len(set(fed)) == len(fed)
            and len({node.operation for node in self.nodes}) == len(self.nodes)
        )

    def run(self, inputs: list[Any], call: Callable[..., Any]) -> Any:
        """The outputs, in their structure, for flat inputs; `call(operation, *args, **kwargs)`."""
        values = {id(x): value for x, value in zip(self.inputs, inputs, strict=True)}
        for node in self.nodes:
            if not node.is_input:
                node.run(values, call)
        return pack_sequence_as(self.output_structure, [values[id(x)] for x in self.outputs])

    def _check_connected(self) -> None:
        known = {id(x) for x in self.inputs}
        for node in self.nodes:
            for x in node.output_tensors if node.is_input else ():
                if id(x) not in known:
                    raise ValueError(
                        f"Output with path `` is not connected to `inputs`: it needs {x}, which "
                        f"is not among them. Received: inputs={self.inputs}"
                    )


def symbolic_leaves(what: str, structure: Any) -> list[KerasTensor]:
    """The KerasTensors of a structure that must hold nothing else, and at least one."""
    tensors = flatten(structure)
    for x in tensors:
        if not isinstance(x, KerasTensor):
            raise ValueError(
                f"All `{what}` values must be KerasTensors. Received: {what}={structure} "
                f"including invalid value {x} of type {type(x)}"
            )
    if not tensors:
        raise ValueError(f"a model needs at least one of `{what}`. Received: {what}={structure}")
    return tensors


def _walk(outputs: list[KerasTensor]) -> tuple[list[Node], dict[Operation, int]]:
    """The nodes from inputs to outputs, and when a walk back first meets each operation."""
    ordered: list[Node] = []
    finished: set[Node] = set()
    met: dict[Operation, int] = {}
    for output in outputs:
        stack = [(node_of(output), False)]
        while stack:
            node, entered = stack.pop()
            if node in finished:
                continue
            if entered:
                finished.add(node)
                ordered.append(node)
                continue
            met.setdefault(node.operation, len(met))
            stack.append((node, True))
            stack += [(parent, False) for parent in reversed(node.parents)]
    return ordered, met


def _depths(nodes: list[Node]) -> dict[Operation, int]:
    """The longest way, in calls, from each operation to an output."""
    depth_of_node: dict[Node, int] = {}
    depths: dict[Operation, int] = {}
    for node in reversed(nodes):
        depth = max(depth_of_node.get(node, 0), depths.get(node.operation, 0))
        depths[node.operation] = depth_of_node[node] = depth
        for parent in node.parents:
            depth_of_node[parent] = max(depth + 1, depth_of_node.get(parent, 0))
    return depths


def _check_names(operations: list[Operation]) -> None:
    names = [operation.name for operation in operations]
    for name in names:
        if names.count(name) != 1:
            raise ValueError(
                f'The name "{name}" is used {names.count(name)} times in the model. All '
                "operation names should be unique."
            )
