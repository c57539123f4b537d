"""The fully connected layer."""

from __future__ import annotations

from typing import Any

from cnn_ext import activations, ops
from cnn_ext.layers.checks import incompatible, positive_integer, unsupported
from cnn_ext.layers.described import Weighted
from cnn_ext.symbolic import Shape


class Dense(Weighted):
    """Fully connected layer: activation(inputs @ kernel + bias) (`keras.layers.Dense`).

    Args:
        units: number of outputs.
        activation: name or function; None for none.
        use_bias: whether a number is added to each output.
        kernel_initializer, bias_initializer: first values: names, Initializers or callables.
        kernel_regularizer, bias_regularizer: losses of the weights; None for none.
        activity_regularizer: loss of the outputs; None for none.
        kernel_constraint, bias_constraint: what weights are projected by after each update.
        lora_rank, lora_alpha, quantization_config: not supported; None.
        others: see `Layer`.

    Input: (batch, .., features). Output: (batch, .., units).
    Weights: kernel (features, units), bias (units,).

    >>> import numpy as np
    >>> Dense(4)(np.ones((2, 3))).shape
    (2, 4)
    """

    unwritten = ("lora_rank", "lora_alpha", "activity_regularizer")
    _input_features: int | None = None

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
        super().__init__(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        unsupported(
            self,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        self.quantization_config = None
        self.units = positive_integer(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)

    def check_input_shape(self, shape: Shape) -> None:
        if len(shape) < 2:
            raise incompatible(self, f"expected min_ndim=2, found ndim={len(shape)}", shape)
        if self._input_features not in (None, shape[-1]):
            raise incompatible(
                self,
                f"expected axis -1 of input shape to have value {self._input_features}, but "
                f"received input with shape {tuple(shape)}",
                shape,
            )

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        self.kernel = self.make_weight("kernel", (features, self.units))
        self.bias = self.make_weight("bias", (self.units,)) if self.use_bias else None
        self._input_features = features

    def call(self, inputs: Any) -> Any:
        y = ops.matmul(inputs, self.kernel)
        return self.activation(y if self.bias is None else ops.add_bias(y, self.bias))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)
