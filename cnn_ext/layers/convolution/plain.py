"""Convolutions: windows that slide over all channels, or over those of a group."""

from __future__ import annotations

from typing import Any

from cnn_ext import ops
from cnn_ext.layers.checks import positive_filters, positive_integer, unsupported
from cnn_ext.layers.convolution.base import Convolution
from cnn_ext.layers.described import arguments
from cnn_ext.ops.geometry import PADDINGS
from cnn_ext.symbolic import Shape


class _Conv(Convolution):
    """What Conv1D, Conv2D and Conv3D share."""

    steps_or_dilation = True

    def __init__(
        self,
        *,
        filters: int,
        groups: int,
        lora_rank: None = None,
        lora_alpha: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        unsupported(self, lora_rank=lora_rank, lora_alpha=lora_alpha)
        self.filters = positive_filters(filters)
        self.groups = positive_integer(self, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )

    def check_channels(self, channels: int, shape: Shape) -> None:
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received: groups={self.groups}, but the input has {channels} channels "
                f"(full input shape is {tuple(shape)})."
            )

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def make_kernels(self, channels: int) -> None:
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.make_weight("kernel", shape)

    def convolve(self, inputs: Any) -> Any:
        return self.convolution_op(inputs, self.kernel)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution by a kernel: to be overridden where it is to be another one."""
        return ops.conv(
            inputs, kernel, self.strides, self.padding, self.data_format, self.dilation_rate
        )


class Conv1D(_Conv):
    """1-D convolution, of sequences (`keras.layers.Conv1D`).

    Args:
        padding: `"valid"`, `"same"`, or `"causal"`: an output sees no step after its own.
        kernel_size, strides, dilation_rate: in steps.
        others: as for `Conv2D`.

    Input: (batch, steps, channels). Output: (batch, out_steps, filters).
    Weights: kernel (steps, channels / groups, filters), bias (filters,).

    >>> import numpy as np
    >>> Conv1D(2, 3, padding="causal")(np.ones((1, 5, 1))).shape
    (1, 5, 2)
    """

    rank = 1
    paddings = (*PADDINGS, "causal")

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int],
        strides: int | tuple[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int] = 1,
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
        super().__init__(**arguments(locals()))

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution by a kernel: to be overridden where it is to be another one."""
        if self.padding != "causal":
            return super().convolution_op(inputs, kernel)
        widths = [(0, 0), (0, 0), (0, 0)]
        widths[self.pixel_axes[0]] = ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0)
        inputs = ops.pad(inputs, pad_width=tuple(widths))
        return ops.conv(inputs, kernel, self.strides, "valid", self.data_format, self.dilation_rate)


class Conv2D(_Conv):
    """2-D convolution, of images (`keras.layers.Conv2D`).

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
        kernel_initializer, bias_initializer: first values: names, Initializers or callables.
        kernel_regularizer, bias_regularizer: losses of the weights; None for none.
        activity_regularizer: loss of the outputs; None for none.
        kernel_constraint, bias_constraint: what weights are projected by after each update.
        others: see `Layer`.

    Input: (batch, height, width, channels). Output: (batch, out_height, out_width, filters).
    Weights: kernel (height, width, channels / groups, filters), bias (filters,).

    >>> import numpy as np
    >>> Conv2D(2, 3)(np.ones((1, 5, 5, 1))).shape
    (1, 3, 3, 2)
    """

    rank = 2

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
        super().__init__(**arguments(locals()))


class Conv3D(_Conv):
    """3-D convolution, of volumes or films (`keras.layers.Conv3D`).

    Args:
        kernel_size, strides, dilation_rate: one integer or (depth, height, width).
        others: as for `Conv2D`.

    Input: (batch, depth, height, width, channels).
    Output: (batch, out_depth, out_height, out_width, filters).
    Weights: kernel (depth, height, width, channels / groups, filters), bias (filters,).

    >>> import numpy as np
    >>> Conv3D(2, 3)(np.ones((1, 5, 5, 5, 1))).shape
    (1, 3, 3, 3, 2)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int, int],
        strides: int | tuple[int, int, int] = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int, int] = (1, 1, 1),
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
        super().__init__(**arguments(locals()))
