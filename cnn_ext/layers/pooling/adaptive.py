"""Pooling to outputs of a given size, whatever the inputs' size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext import ops
from cnn_ext.layers.spatial import Spatial
from cnn_ext.ops.geometry import sizes
from cnn_ext.symbolic import Shape


class _AdaptivePooling(Spatial):
    """What adaptive poolings share: an operation and the size that it gives."""

    operation: Callable[..., Any]

    def __init__(
        self, output_size: int | tuple[int, ...], data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        several = isinstance(output_size, tuple | list)
        if not isinstance(output_size, int) and not (several and len(output_size) == self.rank):
            kind = ValueError if several and self.rank == 1 else TypeError
            raise kind(
                f"`output_size` must be an integer or a tuple of {self.rank}, one for each axis "
                f"of pixels. Received: {output_size} of type {type(output_size)}"
            )
        self.output_size = sizes("output_size", output_size, self.rank)

    def call(self, inputs: Any) -> Any:
        return type(self).operation(inputs, self.output_size, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.with_pixels(input_shape[0], self.output_size, input_shape[self.channel_axis])


class _AdaptiveAveragePooling(_AdaptivePooling):
    operation = staticmethod(ops.adaptive_average_pool)


class _AdaptiveMaxPooling(_AdaptivePooling):
    operation = staticmethod(ops.adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptiveAveragePooling):
    """Mean over as many windows of steps as asked for (`keras.layers.AdaptiveAveragePooling1D`).

    Args: as for `AdaptiveAveragePooling2D`.

    Input: (batch, steps, channels). Output: (batch, output_size, channels).

    >>> import numpy as np
    >>> AdaptiveAveragePooling1D(2)(np.ones((1, 5, 3))).shape
    (1, 2, 3)
    """

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAveragePooling):
    """Mean over as many windows as asked for (`keras.layers.AdaptiveAveragePooling2D`).

    Args:
        output_size: pixels of the outputs, one integer or (height, width).
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    Input: (batch, height, width, channels). Output: (batch, out_height, out_width, channels).
    Window i of k covers the pixels from floor(i * size / k) to ceil((i + 1) * size / k).

    >>> import numpy as np
    >>> AdaptiveAveragePooling2D((2, 3))(np.ones((1, 5, 7, 3))).shape
    (1, 2, 3, 3)
    """

    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAveragePooling):
    """Mean over as many windows in volumes as asked for.

    Counterpart of `keras.layers.AdaptiveAveragePooling3D`. Args: as for
    `AdaptiveAveragePooling2D`, with a depth in front.

    Input: (batch, depth, height, width, channels).
    Output: (batch, out_depth, out_height, out_width, channels).

    >>> import numpy as np
    >>> AdaptiveAveragePooling3D(2)(np.ones((1, 5, 5, 7, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """Maximum over as many windows of steps as asked for (`keras.layers.AdaptiveMaxPooling1D`).

    Args: as for `AdaptiveAveragePooling2D`.

    Input: (batch, steps, channels). Output: (batch, output_size, channels).

    >>> import numpy as np
    >>> AdaptiveMaxPooling1D(2)(np.ones((1, 5, 3))).shape
    (1, 2, 3)
    """

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """Maximum over as many windows as asked for (`keras.layers.AdaptiveMaxPooling2D`).

    Args: as for `AdaptiveAveragePooling2D`.

    Input: (batch, height, width, channels). Output: (batch, out_height, out_width, channels).

    >>> import numpy as np
    >>> AdaptiveMaxPooling2D(2)(np.ones((1, 5, 7, 3))).shape
    (1, 2, 2, 3)
    """

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling):
    """Maximum over as many windows in volumes as asked for (`keras.layers.AdaptiveMaxPooling3D`).

    Args: as for `AdaptiveAveragePooling2D`, with a depth in front.

    Input: (batch, depth, height, width, channels).
    Output: (batch, out_depth, out_height, out_width, channels).

    >>> import numpy as np
    >>> AdaptiveMaxPooling3D(2)(np.ones((1, 5, 5, 7, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3
