"""Models made anew from other models, or from their configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cnn_ext import registry
from cnn_ext.layers import Input, InputLayer
from cnn_ext.models.model import Model
from cnn_ext.models.sequential import Sequential
from cnn_ext.symbolic import FunctionCall
from cnn_ext.tree import flatten, map_structure


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """A model of the same layers with new weights (`keras.models.clone_model`).

    Args:
        model: a Sequential, a functional model, or one whose `get_config` says all.
        input_tensors: symbolic tensors to build it on; new Inputs if None.
        clone_function: makes the new layer of a layer; from its configuration if None.
        call_function: makes the calls, as `call_function(layer, *args, **kwargs)`.
        recursive: whether `clone_function` sees the layers of models inside the model.

    >>> from cnn_ext.layers import Dense
    >>> model = Sequential([Input((2,)), Dense(3)])
    >>> clone_model(model).count_params()
    9
    """
    if kwargs:
        raise TypeError(f"clone_model: unexpected arguments {sorted(kwargs)}")
    if not isinstance(model, Sequential) and not model.functional:
        if clone_function or input_tensors is not None:
            raise ValueError(
                "Arguments clone_function and input_tensors are only supported for Sequential "
                f"models or Functional models. Received model of type '{type(model).__name__}'"
            )
        return _compiled_like(model, type(model).from_config(model.get_config()))

    def clone(layer: Any) -> Any:
        if recursive and isinstance(layer, Model):
            return clone_model(layer, None, clone_function, call_function, True)
        if clone_function is not None and not isinstance(layer, InputLayer):
            return clone_function(layer)
        return type(layer).from_config(layer.get_config())

    if isinstance(model, Sequential):
        made = _sequential(model, input_tensors, clone)
    else:
        made = _functional(model, input_tensors, clone, call_function)
    return _compiled_like(model, made)


def _compiled_like(model: Any, clone: Any) -> Any:
    """The clone, compiled as the model is, with an optimizer and metrics of its own."""
    if model.compiled and type(clone).compile is Model.compile:
        clone.compile(**map_structure(_made_anew, model._compile_config))
    elif model.compiled:
        clone.compile_from_config(model.get_compile_config())
    return clone


def _made_anew(value: Any) -> Any:
    """A new object of the same configuration, if there is one; functions and numbers are shared."""
    if isinstance(value, type) or not hasattr(value, "get_config"):
        return value
    return type(value).from_config(value.get_config())


def _sequential(model: Any, input_tensors: Any, clone: Callable[[Any], Any]) -> Any:
    first = flatten(input_tensors) if input_tensors is not None else []
    if not first and model._graph is not None:
        x = model.inputs[0]
        first = [Input(batch_shape=x.shape, dtype=x.dtype, name=x.name)]
    return type(model)([*first, *map(clone, model.layers)], name=model.name)


def _functional(
    model: Any,
    input_tensors: Any,
    clone: Callable[[Any], Any],
    call_function: Callable[..., Any] | None,
) -> Any:
    graph = model._graph
    inputs = input_tensors
    if inputs is None:
        inputs = map_structure(
            lambda x: Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), graph.input_structure
        )
    clones: dict[int, Any] = {}

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(operation, FunctionCall):
            return FunctionCall(operation.function, operation.static)(*args, **kwargs)
        if id(operation) not in clones:
            clones[id(operation)] = clone(operation)
        if call_function is not None:
            return call_function(clones[id(operation)], *args, **kwargs)
        return clones[id(operation)](*args, **kwargs)

    return Model(inputs, graph.run(flatten(inputs), call), name=model.name)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model that `model.to_json()` described, with new weights (`keras.models`)."""
    return registry.deserialize_keras_object(json.loads(json_string), custom_objects)
