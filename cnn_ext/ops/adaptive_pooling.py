"""Pooling to a given size: window i of k covers from floor(i n / k) to ceil((i + 1) n / k)."""

from __future__ import annotations

import numpy as np

from cnn_ext.ops.dtypes import tensor
from cnn_ext.ops.geometry import sizes, spatial_rank
from cnn_ext.ops.hints import Array, Size
from cnn_ext.ops.indexing import getitem
from cnn_ext.ops.layout import is_channels_first, to_channels_first, to_channels_last
from cnn_ext.ops.linalg import along_axis
from cnn_ext.ops.reduction import max


def adaptive_average_pool(
    inputs: Array, output_size: Size, data_format: str | None = None
) -> Array:
    """Mean over windows that give `output_size` (`keras.ops.adaptive_average_pool`).

    Args:
        inputs: images (batch, height, width, channels), or channels first; sequences have one
            axis less, volumes one more.
        output_size: the result's pixels: one integer or one an axis.
        data_format: layout of inputs and result; None is `config.image_data_format()`.

    >>> import numpy as np
    >>> adaptive_average_pool(np.arange(5.0).reshape(1, 5, 1), 2)[0, :, 0]
    array([1., 3.])
    """
    return _adaptive(_average_along, inputs, output_size, data_format)


def adaptive_max_pool(inputs: Array, output_size: Size, data_format: str | None = None) -> Array:
    """Maximum over windows that give `output_size` (`keras.ops.adaptive_max_pool`).

    Arguments are those of `adaptive_average_pool`.

    >>> import numpy as np
    >>> adaptive_max_pool(np.arange(5.0).reshape(1, 5, 1), 2)[0, :, 0]
    array([2., 4.])
    """
    return _adaptive(_max_along, inputs, output_size, data_format)


def _adaptive(pool, inputs, output_size, data_format):
    inputs = tensor(inputs)
    rank = spatial_rank("adaptive pooling", inputs.shape)
    first = is_channels_first(data_format)
    x = to_channels_last(inputs) if first else inputs
    for axis, outputs in enumerate(sizes("output_size", output_size, rank), start=1):
        x = pool(x, axis, _windows(x.shape[axis], outputs))
    return to_channels_first(x) if first else x


def _windows(size: int, outputs: int) -> list[tuple[int, int]]:
    return [(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]


def _average_along(x, axis, windows):
    matrix = np.zeros((len(windows), x.shape[axis]), x.dtype)
    for row, (start, stop) in zip(matrix, windows, strict=True):
        row[start:stop] = 1 / (stop - start)
    return along_axis(matrix, x, axis)


def _max_along(x, axis, windows):
    """Windows are made as long as the longest by naming their last element again."""
    longest = np.arange(np.max([stop - start for start, stop in windows]))
    places = np.array([np.minimum(start + longest, stop - 1) for start, stop in windows])
    return max(getitem(x, index=(slice(None),) * axis + (places,)), axis=axis + 1)
