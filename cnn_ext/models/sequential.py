"""Sequential: layers in a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnn_ext.layers import InputLayer, Layer
from cnn_ext.layers.base import KerasTensor, Shape
from cnn_ext.models.model import Model


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
        self._input_shape: Shape | None = None
        if isinstance(layers, Layer | KerasTensor):
            layers = [layers]
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Put a layer at the end."""
        if isinstance(layer, KerasTensor | InputLayer):
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
        if not self._sublayers and self._input_shape is None:
            self._input_shape = layer._batch_input_shape
        if self._input_shape is not None:
            layer_input = self.compute_output_shape(self._input_shape)
            if not layer.built:
                layer.build(layer_input)
            layer.compute_output_shape(layer_input)
        self._sublayers.append(layer)
        if not self.trainable:
            layer.trainable = False
        self.built = self._input_shape is not None

    def _add_input(self, given: KerasTensor | InputLayer) -> None:
        if self._sublayers or self._input_shape is not None:
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{self._input_shape}. You cannot add a different Input layer to it."
            )
        self._input_shape = given.shape if isinstance(given, KerasTensor) else given.batch_shape
        self.dtype = given.dtype

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off and return it."""
        if not self._sublayers:
            raise ValueError("there are no layers in the model to take off")
        return self._sublayers.pop()

    def check_input_shape(self, shape: Shape) -> None:
        known = self._input_shape
        if known is None:
            return
        fits = len(known) == len(shape) and all(
            k is None or s is None or k == s for k, s in zip(known[1:], shape[1:], strict=True)
        )
        if not fits:
            hint = (
                "; add the axis of channels with x[..., None]"
                if (known[-1] == 1 and len(shape) == len(known) - 1)
                else ""
            )
            raise ValueError(
                f"Input 0 of model '{self.name}' is incompatible with it: expected "
                f"shape={known}, found shape={tuple(shape)}{hint}"
            )

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers for inputs of this shape, the batch size first."""
        if input_shape is None:
            raise ValueError("build() needs input_shape, the batch size (None) first")
        if not self._sublayers:
            raise ValueError(
                f"Sequential model '{self.name}' cannot be built because it has no layers. Call "
                f"`model.add(layer)`. Received: input_shape={tuple(input_shape)}"
            )
        self._input_shape = (None, *tuple(input_shape)[1:])
        shape = self._input_shape
        for layer in self._sublayers:
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        for layer in self._sublayers:
            inputs = layer(inputs)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = tuple(input_shape)
        for layer in self._sublayers:
            shape = layer.compute_output_shape(shape)
        return shape

    @property
    def input_shape(self) -> Shape:
        """Shape of the inputs, the batch size None."""
        if self._input_shape is None:
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined input shape yet: give it an Input"
            )
        return self._input_shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the outputs, the batch size None."""
        return self.compute_output_shape(self.input_shape)
