"""Configurations of legacy `.h5` files in the form that `.keras` files have.

Keras 2 wrote classes without their module, calls as lists of `[layer, call, output, arguments]`,
and some arguments under other names. All that is only rewritten here: nothing is built.
"""

from __future__ import annotations

from typing import Any

from cnn_ext import registry

_LAYERS = "keras.layers"
_MODELS = {
    "Sequential": "keras",
    "Functional": "keras.src.models.functional",
    "Model": "keras.src.models.functional",
}
_HOMES = {  # of a class, by the end of the argument's name
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
}
_NAMING = ("keras.losses", "keras.metrics")  # what may be there by name, also if it is one's own
_GONE = {  # arguments of Keras 2 that say nothing: always 1, or without effect
    "Conv2DTranspose": ("groups",),
    "DepthwiseConv2D": ("groups",),
    "SeparableConv2D": (
        "groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint",
    ),
}  # fmt: skip


_RENAMED = {("LeakyReLU", "alpha"): "negative_slope"}


def model_node(model: dict[str, Any], training: dict[str, Any] | None) -> dict[str, Any]:
    """The node of a model; to be called where one's own objects are known.

    Args:
        model: what the file has as `model_config`.
        training: what it has as `training_config`, if it is to be compiled.
    """
    node = _layer(model)
    if training is not None:
        node["compile_config"] = _compilation(training)
    return node


def _compilation(training: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `compile`."""
    optimizer = _node(training["optimizer_config"], "keras.optimizers")
    known = {name.lower(): name for name in registry.published("keras.optimizers")}
    optimizer["class_name"] = known.get(optimizer["class_name"].lower(), optimizer["class_name"])
    config = optimizer["config"] = dict(optimizer["config"])
    idle = () if config.get("decay") else ("decay",)
    for name in ("jit_compile", "is_legacy_optimizer", *idle):
        config.pop(name, None)
    rate = config.get("learning_rate")
    config["learning_rate"] = _modern(rate, "keras.optimizers.schedules")
    return {
        "optimizer": optimizer,
        "loss": _modern(training.get("loss"), "keras.losses"),
        "loss_weights": training.get("loss_weights"),
        "metrics": _modern(training.get("metrics"), "keras.metrics"),
        "weighted_metrics": _modern(training.get("weighted_metrics"), "keras.metrics"),
    }


def _modern(value: Any, home: str) -> Any:
    """A value of a configuration; the classes in it are of the module `home`, if none is said."""
    if isinstance(value, list):
        return [_modern(item, home) for item in value]
    if isinstance(value, str) and home in _NAMING:
        own = registry.get_registered_object(value)
        if isinstance(own, type):
            return _class_node(None, value, {})
        return value if own is None else _class_node("builtins", "function", value)
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape"):
        return _modern(value["items"], home)
    if value.get("class_name") == "Policy":  # of a layer's dtype
        return value["config"]["name"]
    if "class_name" not in value or "config" not in value:
        return {name: _modern(item, home) for name, item in value.items()}
    if "module" in value:
        return value
    return _layer(value) if home == _LAYERS else _node(value, home)


def _node(node: dict[str, Any], home: str) -> dict[str, Any]:
    """The node of an object that is no layer."""
    name, config = node["class_name"], node["config"]
    if isinstance(config, dict):
        config = {key: item for key, item in config.items() if (key, item) != ("reduction", "auto")}
        if isinstance(config.get("fn"), str):  # a loss or metric, with its function's name
            function = config.pop("fn")
            if name.endswith("Wrapper"):
                config["fn"] = _class_node("builtins", "function", function)
    return _class_node(home, name, config)


def _class_node(module: str | None, name: Any, config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


def _layer(node: dict[str, Any]) -> dict[str, Any]:
    """The node of a layer or model."""
    if "module" in node:
        return node
    name, config = node["class_name"], node["config"]
    if isinstance(config, list):  # of a Sequential
        config = {"layers": config}
    if name in _MODELS and "input_layers" in config:
        made = _class_node(_MODELS["Functional"], "Functional", _functional(config))
    elif name == "Sequential":
        made = _class_node("keras", name, _sequential(config))
    else:
        made = _class_node(_LAYERS, name, _arguments(name, config))
    kept = ("name", "shared_object_id")
    return made | {key: value for key, value in node.items() if key in kept}


def _arguments(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a layer."""
    found = {
        _RENAMED.get((name, key), key): _modern(value, _HOMES.get(key.rpartition("_")[2], _LAYERS))
        for key, value in config.items()
        if key not in _GONE.get(name, ())
    }
    shape = found.pop("batch_input_shape", None)
    if name == "InputLayer" and shape is not None:
        found["batch_shape"] = shape
    axis = found.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        found["axis"] = axis[0]
    return found


def _sequential(config: dict[str, Any]) -> dict[str, Any]:
    layers = [_layer(node) for node in config["layers"]]
    first = config["layers"][0]["config"] if layers else {}
    if layers and layers[0]["class_name"] != "InputLayer" and "batch_input_shape" in first:
        shape = _modern(first["batch_input_shape"], _LAYERS)
        given = {"batch_shape": shape, "name": f"{first.get('name')}_input"}
        layers.insert(0, _class_node(_LAYERS, "InputLayer", given))
    return {**_modern({**config, "layers": []}, _LAYERS), "layers": layers}


def _functional(config: dict[str, Any]) -> dict[str, Any]:
    layers = [
        {**_step(node), "name": node["name"], "inbound_nodes": node["inbound_nodes"]}
        for node in config["layers"]
    ]
    made = {**config, "layers": layers}
    if any(isinstance(call, list) for node in layers for call in node["inbound_nodes"]):
        _Calls(layers, config["output_layers"]).rewrite(made)
    return made


def _step(node: dict[str, Any]) -> dict[str, Any]:
    """The node of a layer or, which has no more than its name and arguments, of an operation."""
    calls, config = node["inbound_nodes"], node["config"]
    bare = "trainable" not in config
    if "dtype" in config and node["class_name"] in registry.published(_LAYERS):
        bare = False
    if bare and calls and isinstance(calls[0], dict):
        return _class_node("keras.src.ops.numpy", node["class_name"], node["config"])
    return _layer(node)


class _Calls:
    """The calls of a functional model of Keras 2.

    A model within, functional or Sequential, has there a call 0 of its own, that of its making.
    """

    def __init__(self, layers: list[dict[str, Any]], outputs: list[Any]) -> None:
        calls = {node["name"]: len(node["inbound_nodes"]) for node in layers}
        last = dict.fromkeys(calls, 0)
        used = [source for node in layers for call in node["inbound_nodes"] for source in call]
        for name, call, *_ in [*used, *_triples(outputs)]:
            last[name] = max(last.get(name, 0), call)
        self.first = {name: int(0 < calls.get(name, 0) <= last[name]) for name in last}
        self.functional = {node["name"] for node in layers if node["class_name"] == "Functional"}

    def rewrite(self, config: dict[str, Any]) -> None:
        """Put the calls in the form of Keras 3, in place."""
        for node in config["layers"]:
            node["inbound_nodes"] = [self._call(call) for call in node["inbound_nodes"]]
        outputs = [self._output(*triple) for triple in _triples(config["output_layers"])]
        inputs = _triples(config["input_layers"])
        config["output_layers"] = outputs[0] if len(outputs) == 1 else outputs
        config["input_layers"] = inputs[0] if len(inputs) == 1 else inputs

    def _call(self, sources: list[Any]) -> dict[str, Any]:
        tensors: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, call, output, *more in sources:
            place = [name, call - self.first[name], output]
            tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": place}}
            tensors.append(tensor)
            kwargs.update(*more)
        return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": kwargs}

    def _output(self, name: str, call: int, output: int) -> list[Any]:
        return [name, call - self.first[name] + (name in self.functional), output]


def _triples(places: list[Any]) -> list[Any]:
    """`[layer, call, output]` or a list of such, as a list."""
    return [places] if places and isinstance(places[0], str) else places
