"""Sequential: layers in a row."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from cnn_ext import registry
from cnn_ext.layers import Input, InputLayer, Layer
from cnn_ext.models.configuration import sequential_config, sequential_from_config
from cnn_ext.models.graph import Graph
from cnn_ext.models.model import Model
from cnn_ext.naming import auto_name
from cnn_ext.symbolic import KerasTensor, node_of


class Sequential(Model):
    """A model of layers in a row (`keras.Sequential`).

    Args:
        layers: the layers, the first of which may be an `Input`.
        trainable: whether the weights are trained.
        name: numbered automatically if None.

    With an `Input`, or an `input_shape` in the first layer, the weights are made as layers are
    added; else when the model first sees data.

    >>> from cnn_ext import layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])
    >>> model.count_params()
    23
    """

    saves_layers_first = True

    def __init__(
        self,
        layers: Iterable[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        if isinstance(layers, Layer | KerasTensor):
            layers = [layers]
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._count()

    def _count(self) -> None:
        """Take a number as Keras does, which makes a functional model of a Sequential."""
        if self._graph is not None and self._sublayers:
            auto_name("Functional")

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer at the end."""
        self._append(layer)
        if rebuild:
            self._count()

    def _append(self, layer: Any) -> None:
        if isinstance(layer, KerasTensor):
            layer = node_of(layer).operation
        if isinstance(layer, InputLayer):
            self._add_input(layer)
            return
        if not isinstance(layer, Layer):
            written = " (write it with parentheses)" if isinstance(layer, type) else ""
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model"
                f"{written}. Received: {layer} (of type {type(layer)})"
            )
        if any(layer.name == known.name for known in self._sublayers):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` "
                "argument to pass a unique name."
            )
        if not self._sublayers and self._graph is None:
            shape = _shape_wanted_by(layer)
            if shape is not None:
                self._graph = _identity(Input(batch_shape=shape, dtype=layer.input_dtype))
        if self._graph is not None:
            self._graph = Graph(self.inputs[0], _called(layer, self.output))
        self._sublayers.append(layer)
        if not self.trainable:
            layer.trainable = False
        self.built = self._graph is not None

    def _add_input(self, layer: InputLayer) -> None:
        if self._sublayers or self._graph is not None:
            known = self.input_shape if self._graph is not None else "that of its data"
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{known}. You cannot add a different Input layer to it."
            )
        self._graph = _identity(layer.output)

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off and return it."""
        if not self._sublayers:
            raise ValueError("there are no layers in the model to take off")
        if self._graph is not None:
            self._graph = Graph(self.inputs[0], node_of(self.outputs[0]).input_tensors[0])
        return self._sublayers.pop()

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers for inputs of this shape, the batch size first."""
        if input_shape is None:
            raise ValueError("build() needs input_shape, the batch size (None) first")
        if not self._sublayers:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call "
                f"`model.add(layer)`. Received: input_shape={tuple(input_shape)}"
            )
        if self._graph is not None:
            if not _agree(self.input_shape, input_shape):
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input "
                    f"shape {self.input_shape}. You cannot build it with input_shape "
                    f"{tuple(input_shape)}"
                )
            return
        first = Input(batch_shape=tuple(input_shape), dtype=self._sublayers[0].input_dtype)
        last = first
        for layer in self._sublayers:
            last = _called(layer, last)
        self._graph = Graph(first, last)
        self._count()

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the model of: its layers."""
        return sequential_config(self)

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """A model from what `get_config` returned, with new weights."""
        return sequential_from_config(cls, config, custom_objects)

    def get_build_config(self) -> dict[str, Any] | None:
        """The input's shape, once it is known."""
        return None if self._graph is None else {"input_shape": self.input_shape}

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input's."""
        return list(self._sublayers)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._graph is not None:
            return super().compute_output_shape(input_shape)
        shape = tuple(input_shape)
        for layer in self._sublayers:
            shape = layer.compute_output_shape(shape)
        return shape


def _shape_wanted_by(layer: Layer) -> Any:
    """The input shape that a first layer was told, or that a model in its place has."""
    if isinstance(layer, Model) and layer._graph is not None and len(layer.inputs) == 1:
        return layer.input_shape
    return layer._batch_input_shape


def _identity(tensor: KerasTensor) -> Graph:
    return Graph(tensor, tensor)


def _called(layer: Layer, tensor: Any) -> Any:
    """The layer's symbolic output; the error says what a row of layers needs."""
    parameters = inspect.signature(layer.call).parameters.values()
    required = [
        p.name for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    if len(required) > 1:
        raise ValueError(
            "Layers added to a Sequential model can only have a single required positional "
            f"argument, the input tensor. Layer {type(layer).__name__} has multiple required "
            f"positional arguments: {required}"
        )
    return layer(tensor)


def _agree(known: Any, given: Any) -> bool:
    return len(known) == len(given) and all(
        a is None or b is None or a == b for a, b in zip(known, given, strict=True)
    )


registry.publish("keras", {"Sequential": Sequential})
