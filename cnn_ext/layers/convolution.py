"""Convolution layers."""

from __future__ import annotations

from typing import Any

from cnn_ext import activations, config, initializers, ops
from cnn_ext.layers.base import Layer
from cnn_ext.layers.checks import check_images, incompatible, positive_integer, unsupported
from cnn_ext.ops.geometry import check_padding, output_size, pair
from cnn_ext.symbolic import Shape


class Conv2D(Layer):
    """2-D convolution (`keras.layers.Conv2D`).

    Args:
        filters: number of output channels.
        kernel_size: window in pixels, one integer or (height, width).
        strides: step between windows.
        padding: `"valid"`, or `"same"` as TensorFlow places it.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        dilation_rate: step between the taps of a window; not together with strides.
        groups: the channels are split into so many groups, each with filters of its own.
        activation: name or function; None for none.
        use_bias: whether a number is added to each filter's outputs.
        kernel_initializer, bias_initializer: names, Initializers or callables.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
        bias_constraint: not supported yet; None.
        others: see `Layer`.

    Input: (batch, height, width, channels). Output: (batch, out_height, out_width, filters).
    Weights: kernel (height, width, channels / groups, filters), bias (filters,).

    >>> import numpy as np
    >>> Conv2D(2, 3)(np.ones((1, 5, 5, 1))).shape
    (1, 3, 3, 2)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int] = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        unsupported(
            self,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.filters = positive_integer(self, "filters", filters)
        self.groups = positive_integer(self, "groups", groups)
        self.kernel_size = pair("kernel_size", kernel_size)
        self.strides = pair("strides", strides)
        self.dilation_rate = pair("dilation_rate", dilation_rate)
        self.padding = check_padding(padding)
        self.data_format = config.data_format_or_default(data_format)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        if self.filters % self.groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    @property
    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else 3

    def check_input_shape(self, shape: Shape) -> None:
        check_images(self, shape)
        channels = shape[self._channel_axis]
        if channels is None:
            raise incompatible(self, "the number of channels must be known", shape)
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received: groups={self.groups}, but the input has {channels} channels "
                f"(full input shape is {tuple(shape)})."
            )
        if self.built and channels != self.kernel.shape[2] * self.groups:
            expected = self.kernel.shape[2] * self.groups
            raise incompatible(
                self,
                f"expected axis {self._channel_axis} of input shape to have value {expected}, "
                f"but received input with shape {tuple(shape)}",
                shape,
            )

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[self._channel_axis]
        assert channels is not None  # check_input_shape has seen to it
        self.compute_output_shape(input_shape)
        self.kernel = self.add_weight(
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.filters,), initializer=self.bias_initializer, name="bias"
            )

    def call(self, inputs: Any) -> Any:
        y = ops.conv(
            inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate
        )
        if self.bias is not None:
            if self.data_format == "channels_first":
                y = y + ops.reshape(self.bias, (-1, 1, 1))
            else:
                y = ops.add_bias(y, self.bias)
        return self.activation(y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = window_output_sizes(
            self, input_shape, self.kernel_size, self.strides, self.dilation_rate
        )
        if self.data_format == "channels_first":
            return (input_shape[0], self.filters, *sizes)
        return (input_shape[0], *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
        }


def window_output_sizes(
    layer: Any,
    shape: Shape,
    window: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int | None, ...]:
    """Height and width of a windowed layer's output; None where the input's is unknown."""
    sizes = shape[2:4] if layer.data_format == "channels_first" else shape[1:3]
    what = f"{type(layer).__name__} '{layer.name}'"
    return tuple(
        None if size is None else output_size(size, k, s, layer.padding, d, what)
        for size, k, s, d in zip(sizes, window, strides, dilation, strict=True)
    )
