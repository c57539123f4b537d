"""Preprocessing, what is off outside of training, and layers around layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import config, layers, ops
from cnn_ext.export.builder import Refused
from cnn_ext.export.convolutions import channels_second
from cnn_ext.export.shapes import padded, resized
from cnn_ext.export.value import Value

Lower = Callable[..., Any]


def _same(low: Any, layer: Any, x: Any) -> Any:
    return x


def _rescaling(low: Any, layer: Any, x: Value) -> Value:
    scale, offset = (np.asarray(value, x.dtype) for value in (layer.scale, layer.offset))
    if scale.ndim and config.image_data_format() == "channels_first":
        scale = scale.reshape(*scale.shape, *(1,) * (3 - scale.ndim))
    return x * scale + offset


def _normalization(low: Any, layer: Any, x: Value) -> Value:
    deviation = np.maximum(np.sqrt(layer.variance), config.epsilon())
    return x * deviation + layer.mean if layer.invert else (x - layer.mean) / deviation


def _category_encoding(low: Any, layer: Any, x: Value) -> Value:
    numbers = low.plain(low.cast(x, np.int64))
    if layer.output_mode == "one_hot" and x.rank > 1 and x.shape[-1] == 1:
        numbers = low.without_axes(numbers, [-1])
    vectors = one_hot(low, numbers, layer.num_tokens, dtype=layer.compute_dtype)
    if layer.output_mode == "one_hot":
        return vectors
    operator = "ReduceMax" if layer.output_mode == "multi_hot" else "ReduceSum"
    return low.reduced(operator, vectors, [1 if x.rank > 1 else 0], keepdims=False)


def one_hot(low: Any, x: Value, num_classes: int, axis: int = -1, dtype: Any = None) -> Value:
    values = np.array([0, 1], dtype or config.floatx())
    numbers = low.plain(low.cast(x, np.int64))
    place = axis % (x.rank + 1)
    shape = (*x.shape[:place], num_classes, *x.shape[place:])
    return low.emit(
        "OneHot", numbers, np.int64(num_classes), values,
        shape=shape, dtype=values.dtype, axis=axis,
    )  # fmt: skip


def _masking(low: Any, layer: Any, x: Value) -> Value:
    kept = low.emit("Not", low.binary("Equal", x, layer.mask_value, dtype=bool))
    kept = low.reduced("ReduceMax", low.cast(kept, x.dtype), [-1], keepdims=True)
    return low.where(kept > 0, x, 0.0)


def _cropped(low: Any, x: Value, axes: tuple[int, int], kept: list[int]) -> Value:
    """The middle part of images."""
    cuts = {}
    for axis, size in zip(axes, kept, strict=True):
        first = (_known(x.shape[axis]) - size) // 2
        cuts[axis] = slice(first, first + size)
    return low.sliced(x, cuts)


def _known(size: int | None) -> int:
    if size is None:
        raise Refused("the sizes of its images must be known")
    return size


def _pixels(layer: Any, x: Value) -> tuple[int, int]:
    high, wide = layer._axes
    return high % x.rank, wide % x.rank


def _center_crop(low: Any, layer: Any, x: Value) -> Value:
    axes = _pixels(layer, x)
    height, width = (_known(x.shape[axis]) for axis in axes)
    if height >= layer.height and width >= layer.width:
        return _cropped(low, x, axes, [layer.height, layer.width])
    top, left, high, wide = layer._aspect_window(height, width)
    x = low.sliced(
        x, dict(zip(axes, (slice(top, top + high), slice(left, left + wide)), strict=True))
    )
    return resized(low, x, (layer.height, layer.width), "bilinear", layer.data_format)


def _resizing(low: Any, layer: Any, x: Value) -> Value:
    size, axes = (layer.height, layer.width), _pixels(layer, x)
    if layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        height, width = (_known(x.shape[axis]) for axis in axes)
        wanted = [int(width * size[0] / size[1]), int(height * size[1] / size[0])]
        if layer.crop_to_aspect_ratio:
            kept = [max(1, min(n, k)) for n, k in zip((height, width), wanted, strict=True)]
            x = _cropped(low, x, axes, kept)
        else:
            margins = [(0, 0)] * x.rank
            for axis, n, k in zip(axes, (height, width), wanted, strict=True):
                margins[axis] = (max(0, k - n) // 2,) * 2
            x = padded(low, x, margins, layer.fill_value)
    if layer.interpolation == "bilinear" and not layer.antialias and x.rank == 4:
        return _to_size(low, x, size, layer.data_format)
    return resized(low, x, size, layer.interpolation, layer.data_format, layer.antialias)


def _to_size(low: Any, x: Value, size: tuple[int, int], data_format: str) -> Value:
    """Bilinear, of images of any size."""
    x = low.turned(x, channels_second(4, data_format))
    shape = list(x.shape)
    shape[x.order[2]], shape[x.order[3]] = size
    kept = low.emit("Shape", x, shape=(2,), dtype=np.int64, start=0, end=2)
    sizes = low.emit("Concat", kept, np.array(size, np.int64), shape=(4,), axis=0)
    return low.emit(
        "Resize", x, None, None, sizes, shape=tuple(shape), order=x.order,
        mode="linear", coordinate_transformation_mode="half_pixel",
    )  # fmt: skip


def _time_distributed(low: Any, layer: Any, x: Value) -> Value:
    """All steps at once, as samples."""
    steps = x.shape[1]
    if steps is None:
        raise Refused("the number of steps must be known")
    batch = None if x.shape[0] is None else x.shape[0] * steps
    samples = low.reshaped(x, (batch, *x.shape[2:]), keeps_batch=False)
    y = low.call(layer.layer, samples)
    return low.reshaped(y, (x.shape[0], steps, *y.shape[1:]), keeps_batch=False)


_OFF = (
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise",
    "Identity", "RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation",
    "RandomTranslation", "RandomZoom", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
)  # fmt: skip

LAYERS: dict[type, Lower] = {
    layers.Rescaling: _rescaling,
    layers.Normalization: _normalization,
    layers.CategoryEncoding: _category_encoding,
    layers.Masking: _masking,
    layers.CenterCrop: _center_crop,
    layers.Resizing: _resizing,
    layers.TimeDistributed: _time_distributed,
    layers.SpectralNormalization: lambda low, layer, x: low.call(layer.layer, x),
    **{getattr(layers, name): _same for name in _OFF},
}
FUNCTIONS = {ops.one_hot: one_hot}
