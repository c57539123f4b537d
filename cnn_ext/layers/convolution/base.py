"""What all convolutions share: windows, channels, a bias and an activation."""

from __future__ import annotations

from typing import Any

from cnn_ext import activations, ops
from cnn_ext.layers.checks import incompatible
from cnn_ext.layers.described import Weighted
from cnn_ext.layers.spatial import Spatial
from cnn_ext.ops.geometry import PADDINGS, check_padding, output_size, sizes
from cnn_ext.symbolic import Shape

Sizes = int | tuple[int, ...] | list[int]


class Convolution(Weighted, Spatial):
    """Base of convolutions: `convolve` makes outputs of `output_channels` channels."""

    paddings: tuple[str, ...] = PADDINGS
    steps_or_dilation = False  # whether strides and a dilation rate exclude each other
    _input_channels: int | None = None

    def __init__(
        self,
        *,
        kernel_size: Sizes,
        strides: Sizes,
        padding: str,
        dilation_rate: Sizes,
        activation: Any,
        use_bias: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size = sizes("kernel_size", kernel_size, self.rank)
        self.strides = sizes("strides", strides, self.rank)
        self.dilation_rate = sizes("dilation_rate", dilation_rate, self.rank)
        self.padding = check_padding(padding, self.paddings)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        if self.steps_or_dilation and max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def output_channels(self, channels: int | None) -> int | None:
        """How many channels come of so many."""
        raise NotImplementedError

    def make_kernels(self, channels: int) -> None:
        """Make the weights, but for the bias, for so many input channels."""
        raise NotImplementedError

    def convolve(self, inputs: Any) -> Any:
        """The outputs before bias and activation."""
        raise NotImplementedError

    def check_input_shape(self, shape: Shape) -> None:
        super().check_input_shape(shape)
        channels = shape[self.channel_axis]
        if channels is not None and channels == self._input_channels:
            return
        if channels is None:
            raise ValueError(
                "The channel dimension of the inputs should be defined. "
                f"The input_shape received is {tuple(shape)}, where axis {self.channel_axis} is "
                "the channel dimension, which found to be `None`."
            )
        if self._input_channels is not None:
            axis = -1 if self.data_format == "channels_last" else 1
            raise incompatible(
                self,
                f"expected axis {axis} of input shape to have value {self._input_channels}, but "
                f"received input with shape {tuple(shape)}",
                shape,
            )
        self.check_channels(channels, shape)

    def check_channels(self, channels: int, shape: Shape) -> None:
        """An error if inputs of so many channels cannot be computed with."""

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[self.channel_axis]
        outputs = self.output_channels(channels)
        assert channels is not None and outputs is not None  # check_input_shape has seen to it
        self.compute_output_shape(input_shape)
        self.make_kernels(channels)
        self.bias = self.make_weight("bias", (outputs,)) if self.use_bias else None
        self._input_channels = channels

    def call(self, inputs: Any) -> Any:
        y = self.convolve(inputs)
        if self.bias is not None:
            if self.data_format == "channels_first":
                y = y + ops.reshape(self.bias, (-1, *(1,) * self.rank))
            else:
                y = ops.add_bias(y, self.bias)
        return self.activation(y)

    def output_pixels(
        self, size: int, window: int, stride: int, dilation: int, axis: int, what: str
    ) -> int:
        """Outputs along one axis of pixels, the first of which is number 0."""
        padding = "valid" if self.padding == "valid" else "same"
        return output_size(size, window, stride, padding, dilation, what)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        what = f"{type(self).__name__} '{self.name}'"
        windows = zip(self.kernel_size, self.strides, self.dilation_rate, strict=True)
        given = [input_shape[axis] for axis in self.pixel_axes]
        pixels = [
            None if size is None else self.output_pixels(size, *window, axis, what)
            for axis, (size, window) in enumerate(zip(given, windows, strict=True))
        ]
        channels = self.output_channels(input_shape[self.channel_axis])
        return self.with_pixels(input_shape[0], pixels, channels)
