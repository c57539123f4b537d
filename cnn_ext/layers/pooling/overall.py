"""Pooling over all pixels: one number for each channel."""

from __future__ import annotations

from typing import Any

from cnn_ext import ops
from cnn_ext.layers.spatial import Spatial
from cnn_ext.symbolic import Shape


class _GlobalPooling(Spatial):
    """What pooling over all pixels shares: its arguments and its shape."""

    built_at_once = True

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, channels = input_shape[0], input_shape[self.channel_axis]
        if self.keepdims:
            return self.with_pixels(batch, (1,) * self.rank, channels)
        return (batch, channels)


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        return ops.mean(inputs, axis=self.pixel_axes, keepdims=self.keepdims)


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        return ops.max(inputs, axis=self.pixel_axes, keepdims=self.keepdims)


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """Mean over all steps (`keras.layers.GlobalAveragePooling1D`).

    Args: as for `GlobalAveragePooling2D`.

    Input: (batch, steps, channels). Output: (batch, channels). A call takes a `mask` (batch,
    steps) too: only steps where it is not 0 count.

    >>> import numpy as np
    >>> x = np.array([[[1.0], [3.0], [8.0]]])
    >>> GlobalAveragePooling1D()(x, mask=np.array([[True, True, False]])).item()
    2.0
    """

    rank = 1
    supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        counts = ops.expand_dims(ops.cast(mask, dtype="bool"), self.channel_axis)
        taken = ops.where(counts, inputs, 0)
        total = ops.sum(taken, axis=self.pixel_axes, keepdims=self.keepdims)
        number = ops.sum(
            ops.cast(counts, dtype=taken.dtype), axis=self.pixel_axes, keepdims=self.keepdims
        )
        return total / number


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """Mean over all pixels (`keras.layers.GlobalAveragePooling2D`).

    Args:
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        keepdims: keep height and width, as 1.
        others: see `Layer`.

    Input: (batch, height, width, channels). Output: (batch, channels).

    >>> import numpy as np
    >>> GlobalAveragePooling2D()(np.ones((1, 4, 4, 3))).shape
    (1, 3)
    """

    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """Mean over all pixels of volumes (`keras.layers.GlobalAveragePooling3D`).

    Args: as for `GlobalAveragePooling2D`.

    Input: (batch, depth, height, width, channels). Output: (batch, channels).

    >>> import numpy as np
    >>> GlobalAveragePooling3D()(np.ones((1, 4, 4, 4, 3))).shape
    (1, 3)
    """

    rank = 3


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """Maximum over all steps (`keras.layers.GlobalMaxPooling1D`).

    Args: as for `GlobalMaxPooling2D`.

    Input: (batch, steps, channels). Output: (batch, channels).

    >>> import numpy as np
    >>> GlobalMaxPooling1D()(np.ones((1, 4, 3))).shape
    (1, 3)
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """Maximum over all pixels (`keras.layers.GlobalMaxPooling2D`).

    Args:
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        keepdims: keep height and width, as 1.
        others: see `Layer`.

    Input: (batch, height, width, channels). Output: (batch, channels).

    >>> import numpy as np
    >>> GlobalMaxPooling2D(keepdims=True)(np.ones((1, 4, 4, 3))).shape
    (1, 1, 1, 3)
    """

    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """Maximum over all pixels of volumes (`keras.layers.GlobalMaxPooling3D`).

    Args: as for `GlobalMaxPooling2D`.

    Input: (batch, depth, height, width, channels). Output: (batch, channels).

    >>> import numpy as np
    >>> GlobalMaxPooling3D()(np.ones((1, 4, 4, 4, 3))).shape
    (1, 3)
    """

    rank = 3
