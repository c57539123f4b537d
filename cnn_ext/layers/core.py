"""Layers that are not about images: dense, shapes, activations, input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import activations, config, initializers, ops
from cnn_ext._errors import teaches_keywords
from cnn_ext.layers.base import Layer
from cnn_ext.layers.checks import incompatible, positive_integer, unsupported
from cnn_ext.symbolic import KerasTensor, Node, Shape


class InputLayer(Layer):
    """Says what a model is fed with (`keras.layers.InputLayer`); see `Input`."""

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.dtype = np.dtype(dtype or config.floatx()).name
        unsupported(
            self, sparse=sparse or None, ragged=ragged or None, input_tensor=input_tensor,
            optional=optional or None,
        )  # fmt: skip
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                "Input needs `shape`, the shape of one sample, or `batch_shape`, with the batch "
                f"size in front. Received: shape={shape}, batch_shape={batch_shape}"
            )
        given: Any = batch_shape if shape is None else shape
        if isinstance(given, int) or not all(
            n is None or (isinstance(n, int | np.integer) and n >= 0) for n in given
        ):
            raise ValueError(
                "a shape must be a tuple of sizes or None, such as (28, 28, 1) or (784,). "
                f"Received: {given!r}"
            )
        self.batch_shape: Shape = tuple(given) if shape is None else (batch_size, *given)
        self.built = True
        Node(self, (), {}, KerasTensor(self.batch_shape, self.dtype, self.name))

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


@teaches_keywords
def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """What a model is fed with (`keras.Input`), as the first of a Sequential's layers.

    Args:
        shape: shape of one sample.
        batch_size: size of every batch, if fixed.
        dtype: float dtype that data is converted to.
        batch_shape: the batch size and the shape, in place of both.
        name: of the input.
        sparse, ragged, tensor, optional: not supported.

    >>> Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    layer = InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    )
    return layer.output


class Dense(Layer):
    """Fully connected layer: activation(inputs @ kernel + bias) (`keras.layers.Dense`).

    Args:
        units: number of outputs.
        activation: name or function; None for none.
        use_bias: whether a number is added to each output.
        kernel_initializer, bias_initializer: names, Initializers or callables.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
        bias_constraint, lora_rank, lora_alpha, quantization_config: not supported yet; None.
        others: see `Layer`.

    Input: (batch, .., features). Output: (batch, .., units).
    Weights: kernel (features, units), bias (units,).

    >>> import numpy as np
    >>> Dense(4)(np.ones((2, 3))).shape
    (2, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: Any = None,
        lora_alpha: Any = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        unsupported(
            self,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        self.units = positive_integer(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    def check_input_shape(self, shape: Shape) -> None:
        if len(shape) < 2:
            raise incompatible(self, f"expected min_ndim=2, found ndim={len(shape)}", shape)
        if shape[-1] is None:
            raise incompatible(self, "the number of features must be known", shape)
        if self.built and shape[-1] != self.kernel.shape[0]:
            raise incompatible(
                self,
                f"expected axis -1 of input shape to have value {self.kernel.shape[0]}, but "
                f"received input with shape {tuple(shape)}",
                shape,
            )

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        assert features is not None  # check_input_shape has seen to it
        self.kernel = self.add_weight(
            shape=(features, self.units), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,), initializer=self.bias_initializer, name="bias"
            )

    def call(self, inputs: Any) -> Any:
        y = ops.matmul(inputs, self.kernel)
        return self.activation(y if self.bias is None else ops.add_bias(y, self.bias))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
        }


class Flatten(Layer):
    """Each sample as one row (`keras.layers.Flatten`).

    Args:
        data_format: `"channels_first"` puts the channels last before flattening.
        others: see `Layer`.

    Input: (batch, ...). Output: (batch, product of the other sizes).

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.data_format_or_default(data_format)

    def check_input_shape(self, shape: Shape) -> None:
        if len(shape) < 1:
            raise incompatible(self, "expected min_ndim=1, found ndim=0", shape)

    def call(self, inputs: Any) -> Any:
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], _product(input_shape[1:]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


def _product(sizes: Sequence[int | None]) -> int | None:
    known = [n for n in sizes if n is not None]
    return math.prod(known) if len(known) == len(sizes) else None


class Reshape(Layer):
    """Each sample in another shape (`keras.layers.Reshape`).

    Args:
        target_shape: shape of one sample; one -1 stands for what is left.
        others: see `Layer`.

    >>> import numpy as np
    >>> Reshape((2, -1))(np.ones((5, 6))).shape
    (5, 2, 3)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        target = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if target.count(-1) > 1 or any(n != -1 and n < 0 for n in target):
            raise ValueError(
                "target_shape must hold sizes of at least 0, and at most one -1. "
                f"Received: target_shape={target_shape}"
            )
        self.target_shape = target

    def check_input_shape(self, shape: Shape) -> None:
        self.compute_output_shape(shape)

    def call(self, inputs: Any) -> Any:
        sizes = self.compute_output_shape(inputs.shape)[1:]
        return ops.reshape(inputs, (inputs.shape[0], *sizes))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        total = _product(input_shape[1:])
        known = math.prod(n for n in self.target_shape if n != -1)
        if total is None:
            return (input_shape[0], *(None if n == -1 else n for n in self.target_shape))
        left = total // known if -1 in self.target_shape and known else 1
        if known * left != total:
            raise ValueError(
                f"Reshape '{self.name}': the total size of a sample must be unchanged. "
                f"Received: input_shape={tuple(input_shape)}, target_shape={self.target_shape}"
            )
        return (input_shape[0], *(left if n == -1 else n for n in self.target_shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


class Activation(Layer):
    """An activation function as a layer (`keras.layers.Activation`).

    Args:
        activation: name or function.
        others: see `Layer`.

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0])).numpy()
    array([0., 2.], dtype=float32)
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class ReLU(Layer):
    """max(x, 0) and its variants (`keras.layers.ReLU`).

    Args:
        max_value: largest output; None for no limit.
        negative_slope: slope below the threshold.
        threshold: where the slope changes.
        others: see `Layer`.

    >>> import numpy as np
    >>> ReLU(max_value=6)(np.array([-1.0, 8.0])).numpy()
    array([0., 6.], dtype=float32)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        limits = {"max_value": max_value, "negative_slope": negative_slope, "threshold": threshold}
        for name, value in limits.items():
            if (value is None and name != "max_value") or (value is not None and value < 0):
                raise ValueError(
                    f"{name} of a ReLU layer must be a number of at least 0. "
                    f"Received: {name}={value}"
                )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def call(self, inputs: Any) -> Any:
        return activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class Softmax(Layer):
    """exp(x) / sum(exp(x)) along an axis (`keras.layers.Softmax`).

    Args:
        axis: the classes' axis, or several.
        others: see `Layer`.

    >>> import numpy as np
    >>> Softmax()(np.zeros((1, 2))).numpy()
    array([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis: Any = axis if isinstance(axis, int) else tuple(axis)

    def call(self, inputs: Any) -> Any:
        return activations.softmax(inputs, axis=self.axis)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
