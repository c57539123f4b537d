"""Transposed convolutions: from the outputs' shape of a convolution to its inputs'."""

from __future__ import annotations

from typing import Any

from cnn_ext import ops
from cnn_ext.layers.checks import positive_filters
from cnn_ext.layers.convolution.base import Convolution
from cnn_ext.layers.described import arguments
from cnn_ext.ops.conv_transpose import transposed_size


class _ConvTranspose(Convolution):
    """What Conv1DTranspose, Conv2DTranspose and Conv3DTranspose share."""

    steps_or_dilation = True

    def __init__(self, *, filters: int, output_padding: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = positive_filters(filters)
        self.output_padding = None if output_padding is None else self._extra(output_padding)

    def _extra(self, given: Any) -> tuple[int, ...]:
        extra = (given,) * self.rank if isinstance(given, int) else given
        if (
            not isinstance(extra, tuple | list)
            or len(extra) != self.rank
            or not all(isinstance(n, int) and n >= 0 for n in extra)
        ):
            raise ValueError(
                f"The `output_padding` argument must be a tuple of {self.rank} integers of at "
                f"least 0, or one for all. Received: output_padding={given!r}"
            )
        for axis, (n, stride) in enumerate(zip(extra, self.strides, strict=True)):
            if n >= stride:
                raise ValueError(
                    "`output_padding` must be strictly less than `strides` for all dimensions. "
                    f"At dimension {axis}, `output_padding` is {n} but `strides` is {stride}. "
                    f"Received: output_padding={tuple(extra)}, strides={self.strides}"
                )
        return tuple(extra)

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def make_kernels(self, channels: int) -> None:
        self.kernel = self.make_weight("kernel", (*self.kernel_size, self.filters, channels))

    def convolve(self, inputs: Any) -> Any:
        return ops.conv_transpose(
            inputs, self.kernel, self.strides, self.padding, self.output_padding,
            self.data_format, self.dilation_rate,
        )  # fmt: skip

    def output_pixels(
        self, size: int, window: int, stride: int, dilation: int, axis: int, what: str
    ) -> int:
        extra = None if self.output_padding is None else self.output_padding[axis]
        return transposed_size(size, window, stride, self.padding, extra, dilation)


class Conv1DTranspose(_ConvTranspose):
    """Transposed 1-D convolution (`keras.layers.Conv1DTranspose`).

    Args: as for `Conv2DTranspose`, in steps.

    Input: (batch, steps, channels). Output: (batch, out_steps, filters).
    Weights: kernel (steps, filters, channels), bias (filters,).

    >>> import numpy as np
    >>> Conv1DTranspose(2, 3, strides=2, padding="same")(np.ones((1, 5, 1))).shape
    (1, 10, 2)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int],
        strides: int | tuple[int] = 1,
        padding: str = "valid",
        output_padding: int | tuple[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | tuple[int] = 1,
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


class Conv2DTranspose(_ConvTranspose):
    """Transposed 2-D convolution, also called deconvolution (`keras.layers.Conv2DTranspose`).

    Args:
        filters: number of output channels.
        kernel_size: window in pixels, one integer or (height, width).
        strides: how many output pixels there are to an input pixel.
        padding: `"valid"` or `"same"`: that of the convolution which is undone.
        output_padding: pixels beyond the smallest output that the convolution which is undone
            could have come from; less than strides. None: size * strides for `"same"`,
            (size - 1) * strides + max(window, strides) for `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        dilation_rate: step between the taps of a window; not together with strides.
        others: as for `Conv2D`.

    Input: (batch, height, width, channels). Output: (batch, out_height, out_width, filters).
    Weights: kernel (height, width, filters, channels), bias (filters,).

    >>> import numpy as np
    >>> Conv2DTranspose(2, 3, strides=2, padding="same")(np.ones((1, 5, 5, 1))).shape
    (1, 10, 10, 2)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        output_padding: int | tuple[int, int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int] = (1, 1),
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


class Conv3DTranspose(_ConvTranspose):
    """Transposed 3-D convolution (`keras.layers.Conv3DTranspose`).

    Args: as for `Conv2DTranspose`, with a depth in front; here `data_format` is before
        `output_padding`.

    Input: (batch, depth, height, width, channels).
    Output: (batch, out_depth, out_height, out_width, filters).
    Weights: kernel (depth, height, width, filters, channels), bias (filters,).

    >>> import numpy as np
    >>> Conv3DTranspose(2, 2, strides=2)(np.ones((1, 3, 3, 3, 1))).shape
    (1, 6, 6, 6, 2)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int, int],
        strides: int | tuple[int, int, int] = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: int | tuple[int, int, int] | None = None,
        dilation_rate: int | tuple[int, int, int] = (1, 1, 1),
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
