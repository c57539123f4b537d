"""Layers around one other layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import initializers, ops, registry
from cnn_ext.layers.base import Layer
from cnn_ext.layers.input_spec import InputSpec
from cnn_ext.symbolic import Shape


class Wrapper(Layer):
    """Base of layers around another layer (`keras.layers.Wrapper`).

    Args:
        layer: the layer inside.
        others: see `Layer`.
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. Please ensure "
                f"wrapped layer is a valid Keras layer. Received: {layer!r}"
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        self._build_layer(input_shape)

    def _build_layer(self, shape: Any) -> None:
        if not self.layer.built:
            self.layer.build(shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": registry.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from what `get_config` returned."""
        return cls(**{**config, "layer": registry.deserialize_keras_object(config["layer"])})


class TimeDistributed(Wrapper):
    """A layer applied to each step of a sequence, of images for example
    (`keras.layers.TimeDistributed`).

    Args:
        layer: what is applied to (batch, ...), one step after the other.
        others: see `Layer`.

    Input: (batch, steps, ...). Output: (batch, steps, ...).

    >>> import numpy as np
    >>> from cnn_ext.layers import Dense
    >>> TimeDistributed(Dense(4))(np.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    supports_masking = True

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. "
                f"Received: {layer}"
            )
        super().__init__(layer, **kwargs)

    def check_input_shape(self, shape: Shape) -> None:
        if len(shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 "
                f"dimensions. Received: {tuple(shape)}"
            )

    def build(self, input_shape: Any = None) -> None:
        self._build_layer(_of_a_step(input_shape))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        steps = [self.layer(inputs[:, i]) for i in range(inputs.shape[1])]
        return ops.stack(steps, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self.check_input_shape(input_shape)
        of_step = self.layer.compute_output_shape(_of_a_step(input_shape))
        return (of_step[0], input_shape[1], *of_step[1:])


def _of_a_step(shape: Shape) -> Shape:
    return (shape[0], *shape[2:])


class SpectralNormalization(Wrapper):
    """A layer whose kernel has spectral norm 1: before each step of training it is divided by its
    largest singular value (`keras.layers.SpectralNormalization`).

    Args:
        layer: a layer with a `kernel`.
        power_iterations: how many steps of the power method approach that value.
        others: see `Layer`.

    Weights: besides the layer's vector_u, (1, filters), not trained. Source: Miyato et al. 2018.

    >>> import numpy as np
    >>> from cnn_ext.layers import Conv2D
    >>> SpectralNormalization(Conv2D(2, 2))(np.ones((1, 5, 5, 3))).shape
    (1, 4, 4, 2)
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                "`power_iterations` should be greater than zero. "
                f"Received: power_iterations={power_iterations}"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        self._build_layer(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        if not hasattr(self.layer, "kernel"):
            raise ValueError(
                f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'. "
                f"Received: layer={self.layer!r}"
            )
        self.kernel = self.layer.kernel
        self.vector_u = self.add_weight(
            shape=(1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
            dtype=self.kernel.dtype,
        )

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if training and self.kernel.data.any():
            self._normalize()
        return self.layer(inputs)

    def _normalize(self) -> None:
        matrix = self.kernel.data.reshape(-1, self.kernel.shape[-1])
        u = self.vector_u.data
        for _ in range(self.power_iterations):
            v = _unit(u @ matrix.T)
            u = _unit(v @ matrix)
        self.vector_u.assign(u)
        self.kernel.assign(self.kernel.data / (v @ matrix @ u.T).item())

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector), 1e-12)
