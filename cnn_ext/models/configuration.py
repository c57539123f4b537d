"""Models as configurations that JSON can hold, in Keras's form, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnn_ext import registry
from cnn_ext._errors import did_you_mean
from cnn_ext.models.graph import Graph
from cnn_ext.symbolic import (
    FunctionCall,
    KerasTensor,
    Node,
    any_symbolic,
    class_names,
    node_of,
)
from cnn_ext.tree import flatten, map_structure

_OPERATIONS = "keras.src.ops."


def functional_config(model: Any) -> dict[str, Any]:
    """Name, layers, the calls between them, and which tensors go in and come out."""
    graph: Graph = model._graph
    place = _places(graph)

    def triple(x: KerasTensor) -> list[Any]:
        history = x._keras_history
        assert history is not None  # the graph was checked
        offset = 1 if getattr(history.operation, "functional", False) else 0
        return [history.operation.name, place[node_of(x)] + offset, history.tensor_index]

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": [_step_config(step, graph, place) for step in graph.operations],
        "input_layers": map_structure(triple, graph.input_structure),
        "output_layers": map_structure(triple, graph.output_structure),
    }


def _places(graph: Graph) -> dict[Node, int]:
    """The number of each call among the calls of its layer within the graph."""
    within = set(graph.nodes) | {node_of(x) for x in graph.inputs}
    return {
        node: place
        for step in graph.operations
        for place, node in enumerate(n for n in step._inbound_nodes if n in within)
    }


def _step_config(step: Any, graph: Graph, place: dict[Node, int]) -> dict[str, Any]:
    calls = [node for node in step._inbound_nodes if node in place and not node.is_input]
    config = registry.serialize_keras_object(step)
    config["name"] = step.name
    config["inbound_nodes"] = [_call_config(node, place) for node in calls]
    return config


def _call_config(node: Node, place: dict[Node, int]) -> dict[str, Any]:
    def written(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return registry.serialize_keras_object(x)
        history = x._keras_history
        assert history is not None
        origin = [history.operation.name, place[node_of(x)], history.tensor_index]
        config = {"shape": list(x.shape), "dtype": x.dtype, "keras_history": origin}
        return {"class_name": "__keras_tensor__", "config": config}

    args, kwargs = map_structure(written, node.args), map_structure(written, node.kwargs)
    return {"args": list(args), "kwargs": kwargs}


def functional_from_config(
    cls: type, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The model that `functional_config` described."""
    steps: dict[str, Any] = {}
    calls: list[tuple[Any, dict[str, Any]]] = []
    for node in config["layers"]:
        steps[node["name"]] = step = _step(node, custom_objects)
        calls += [(step, call) for call in node["inbound_nodes"]]
    first = {name: _calls_elsewhere(step) for name, step in steps.items()}
    while calls:
        left: list[tuple[Any, dict[str, Any]]] = []
        for step, call in calls:
            waiting = any(step is other for other, _ in left)
            if waiting or not _made(step, call, (steps, first), custom_objects):
                left.append((step, call))
        if len(left) == len(calls):
            names = sorted({step.name for step, _ in left})
            raise ValueError(
                "a model's layers must be connected to its inputs, without cycles. "
                f"Received: layers that nothing leads to: {', '.join(names)}"
            )
        calls = left
    places = (steps, first)
    ends = {which: _tensors(config[f"{which}_layers"], places) for which in ("input", "output")}
    return cls(
        inputs=ends["input"], outputs=ends["output"], name=config.get("name"),
        trainable=config.get("trainable", True),
    )  # fmt: skip


def _step(node: dict[str, Any], custom_objects: Mapping[str, Any] | None) -> Any:
    """The layer, or function of `ops`, of a node."""
    module = node.get("module")
    if isinstance(module, str) and module.startswith(_OPERATIONS):
        static = registry.deserialize_keras_object(node["config"])
        _check_data(node["class_name"], static)
        return FunctionCall(_operation(node["class_name"]), static, static.pop("name", None))
    return registry.deserialize_keras_object(node, custom_objects)


def _check_data(name: str, arguments: Any) -> None:
    """An error if there is something among the arguments that could be called."""
    for value in flatten(arguments):
        if callable(value):
            raise TypeError(
                f"operation '{name}' in a configuration takes tensors, arrays, numbers and "
                f"strings. Received: {value!r}"
            )


def _operation(class_name: str) -> Any:
    """The function of `ops` for Keras's class name: `"ExpandDims"`."""
    known = {name: function for function, (_, name) in class_names.items()}
    if class_name not in known:
        raise TypeError(
            f"Could not locate operation '{class_name}'{did_you_mean(class_name, known)}. "
            f"Received: {class_name!r}"
        )
    return known[class_name]


def _calls_elsewhere(step: Any) -> int:
    """How often a layer was called already, in models inside this one that share it."""
    return sum(not node.is_input for node in step._inbound_nodes)


_Steps = tuple[dict[str, Any], dict[str, int]]  # layers by name, and their calls elsewhere


class _NotYet(Exception):
    """A tensor that a call needs is not there yet."""


def _made(step: Any, call: dict[str, Any], steps: _Steps, custom: Mapping[str, Any] | None) -> bool:
    """Whether the call could be made."""

    def value(x: Any) -> Any:
        if isinstance(x, dict) and x.get("class_name") == "__keras_tensor__":
            return _tensor(x["config"]["keras_history"], steps)
        if isinstance(x, list):
            return [value(item) for item in x]
        if isinstance(x, dict) and "class_name" not in x:
            return {key: value(item) for key, item in x.items()}
        return registry.deserialize_keras_object(x, custom)

    try:
        args, kwargs = value(list(call["args"])), value(dict(call["kwargs"]))
    except _NotYet:
        return False
    if isinstance(step, FunctionCall):  # JSON knows no tuples
        args = [x if any_symbolic(x) or not isinstance(x, list) else tuple(x) for x in args]
    if kwargs.get("mask", 0) is None:  # which Keras writes for models inside models
        del kwargs["mask"]
    if not any_symbolic(args, kwargs):
        raise ValueError(
            f"each call in a model must be on a tensor of it. Received: '{step.name}' called on "
            f"{args} {kwargs}"
        )
    if isinstance(step, FunctionCall):
        _check_data(step.name, args)
    step(*args, **kwargs)
    return True


def _tensor(place: Any, steps: _Steps) -> KerasTensor:
    """The output of a layer's call: `[layer's name, number of the call, which output]`."""
    name, call, output = place
    known, first = steps
    if name not in known:
        raise ValueError(f"a model's calls must be on its own layers. Received: {place}")
    nodes = known[name]._inbound_nodes[first[name] :]
    if not 0 <= call < len(nodes):
        raise _NotYet
    return nodes[call].output_tensors[output]


def _tensors(places: Any, steps: _Steps) -> Any:
    if isinstance(places, dict):
        return {key: _tensors(item, steps) for key, item in places.items()}
    if isinstance(places, list | tuple) and places and isinstance(places[0], str):
        name, call, output = places
        offset = 1 if getattr(steps[0].get(name), "functional", False) else 0
        try:
            return _tensor((name, call - offset, output), steps)
        except _NotYet:
            raise ValueError(
                f"a model's inputs and outputs must be tensors of it. Received: {places}"
            ) from None
    if not isinstance(places, list | tuple):
        raise ValueError(f"a model's inputs and outputs must be tensors of it. Received: {places}")
    return [_tensors(item, steps) for item in places]


def sequential_config(model: Any) -> dict[str, Any]:
    """Name and layers, the input's first if it is known."""
    layers = list(model.layers)
    config = {"name": model.name, "trainable": model.trainable, "dtype": model.dtype}
    if model._graph is not None:
        layers.insert(0, node_of(model.inputs[0]).operation)
    config["layers"] = [registry.serialize_keras_object(layer) for layer in layers]
    if model._graph is not None:
        config["build_input_shape"] = model.input_shape
    return config


def sequential_from_config(
    cls: type, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The model that `sequential_config` described."""
    model = cls(name=config.get("name"))
    for node in config["layers"]:
        model.add(registry.deserialize_keras_object(node, custom_objects))
    shape = config.get("build_input_shape")
    if model._graph is None and shape and model.layers:
        model.build(tuple(shape))
    if not config.get("trainable", True):
        model._trainable = False
    return model
