"""Layers and operations that move elements: shapes, margins, parts, larger images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import layers, ops
from cnn_ext.export.builder import Refused
from cnn_ext.export.convolutions import channels_second
from cnn_ext.export.merging import concatenated
from cnn_ext.export.value import Value
from cnn_ext.ops.image.color import GREY


def padded(low: Any, x: Value, widths: Sequence[Sequence[int]], value: Any = 0) -> Value:
    """Margins of a number around each axis."""
    shape = tuple(None if n is None else n + sum(w) for n, w in zip(x.shape, widths, strict=True))
    ends = [widths[axis][side] for side in (0, 1) for axis in x.order]
    number = low.number(x, 0 if value is None else value)
    return low.emit("Pad", x, np.array(ends, np.int64), number, shape=shape, order=x.order)


def enlarged(low: Any, x: Value, factors: dict[int, int], linear: bool = False) -> Value:
    """Each element repeated along axes, or pixels between the pixels."""
    shape = tuple(None if n is None else n * factors.get(axis, 1) for axis, n in enumerate(x.shape))
    scales = np.array([factors.get(axis, 1) for axis in x.order], np.float32)
    how: dict[str, Any] = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    if not linear:
        how = {
            "mode": "nearest", "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }  # fmt: skip
    return low.emit("Resize", x, None, scales, shape=shape, order=x.order, **how)


def _flatten(low: Any, layer: Any, x: Value) -> Value:
    if layer.data_format == "channels_first" and x.rank > 2:
        x = low.transposed(x, (0, *range(2, x.rank), 1))
    return low.reshaped(x, layer.compute_output_shape(x.shape))


def _repeat_vector(low: Any, layer: Any, x: Value) -> Value:
    shape = (x.shape[0], layer.n, x.shape[1])
    return low.emit("Tile", low.with_axes(x, [1]), np.array([1, layer.n, 1]), shape=shape)


def _zero_padding(low: Any, layer: Any, x: Value) -> Value:
    return padded(low, x, layer._of_axes((0, 0)))


def _cropping(low: Any, layer: Any, x: Value) -> Value:
    pairs = enumerate(layer._of_axes((0, 0)))
    return low.sliced(
        x, {axis: slice(before or None, -behind or None) for axis, (before, behind) in pairs}
    )


def _upsampling(low: Any, layer: Any, x: Value) -> Value:
    x = low.turned(x, channels_second(x.rank, layer.data_format))
    factors = layer._factors(layer._sizes())
    interpolation = getattr(layer, "interpolation", "nearest")
    if interpolation in ("nearest", "bilinear"):
        return enlarged(low, x, factors, linear=interpolation == "bilinear")
    target = layer.compute_output_shape(x.shape)
    size = [target[axis] for axis in factors]
    return resized(low, x, size, interpolation, layer.data_format)


def resized(
    low: Any,
    x: Value,
    size: Sequence[int | None],
    interpolation: str,
    data_format: str | None,
    antialias: bool = False,
) -> Value:
    """Images of another size, by the matrices of `ops.image.resize`."""
    order = channels_second(x.rank, data_format) if x.rank == 4 else (2, 0, 1)
    for axis, target in zip(order[-2:], size, strict=True):
        given = x.shape[axis]
        if given is None or target is None:
            raise Refused("the sizes of its images must be known")
        if given != target:
            x = low.along(_matrix(given, target, interpolation, antialias), x, axis)
    return low.turned(x, order)


def _matrix(given: int, target: int, interpolation: str, antialias: bool) -> np.ndarray:
    """What a resizing along an axis multiplies by: how it treats each pixel alone."""
    pixels = np.eye(given).reshape(given, 1, given)
    found = ops.image.resize(
        pixels, (target, 1), interpolation, antialias, data_format="channels_last"
    )
    return found.reshape(target, given)


def _reshape(low: Any, x: Value, newshape: Any) -> Value:
    sizes = [newshape] if isinstance(newshape, int) else [int(n) for n in newshape]
    shape = tuple(
        known if size == -1 else size for size, known in zip(sizes, low.spec().shape, strict=True)
    )
    return low.emit("Reshape", low.plain(x), np.array(sizes, np.int64), shape=shape)


def _transpose(low: Any, x: Value, axes: Sequence[int] | None = None) -> Value:
    return low.transposed(x, range(x.rank)[::-1] if axes is None else axes)


def _swapaxes(low: Any, x: Value, axis1: int, axis2: int) -> Value:
    axes = list(range(x.rank))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return low.transposed(x, axes)


def _moveaxis(low: Any, x: Value, source: Any, destination: Any) -> Value:
    order = [axis for axis in range(x.rank) if axis not in _axes(source, x.rank)]
    for to, axis in sorted(zip(_axes(destination, x.rank), _axes(source, x.rank), strict=True)):
        order.insert(to, axis)
    return low.transposed(x, order)


def _axes(axes: Any, rank: int) -> list[int]:
    return [axis % rank for axis in (axes if isinstance(axes, tuple | list) else (axes,))]


def _expand_dims(low: Any, x: Value, axis: Any) -> Value:
    return low.with_axes(x, axis if isinstance(axis, tuple | list) else [axis])


def _squeeze(low: Any, x: Value, axis: Any = None) -> Value:
    if axis is None:
        return low.without_axes(x, [i for i, n in enumerate(x.shape) if n == 1])
    return low.without_axes(x, _axes(axis, x.rank))


def _ravel(low: Any, x: Value) -> Value:
    return low.reshaped(x, low.spec().shape, keeps_batch=False)


def _flip(low: Any, x: Value, axis: Any = None) -> Value:
    axes = range(x.rank) if axis is None else _axes(axis, x.rank)
    return low.sliced(x, {i: slice(None, None, -1) for i in axes})


def _tile(low: Any, x: Value, repeats: Any) -> Value:
    counts = [repeats] if isinstance(repeats, int) else list(repeats)
    x = low.with_axes(x, range(max(len(counts) - x.rank, 0)))
    counts = [1] * (x.rank - len(counts)) + counts
    return low.emit("Tile", low.plain(x), np.array(counts, np.int64), shape=low.spec().shape)


def _repeat(low: Any, x: Value, repeats: int, axis: int | None = None) -> Value:
    if axis is None or not isinstance(repeats, int):
        raise Refused("repeats must be one number, along an axis")
    wide = low.with_axes(x, [axis % x.rank + 1])
    shape = tuple(n * repeats if i == axis % x.rank + 1 else n for i, n in enumerate(wide.shape))
    counts = np.array([repeats if i == axis % x.rank + 1 else 1 for i in range(wide.rank)])
    wide = low.emit("Tile", wide, counts, shape=shape)
    return low.reshaped(wide, low.spec().shape)


def _pad(
    low: Any, x: Value, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Value:
    if mode not in ("constant", "reflect", "edge"):
        raise Refused(f"there is no ONNX for mode={mode!r}")
    widths = np.broadcast_to(np.asarray(pad_width, int), (x.rank, 2)).tolist()
    if mode == "constant":
        return padded(low, x, widths, constant_values)
    shape = tuple(None if n is None else n + sum(w) for n, w in zip(x.shape, widths, strict=True))
    ends = np.array([widths[axis][side] for side in (0, 1) for axis in x.order], np.int64)
    return low.emit("Pad", x, ends, shape=shape, order=x.order, mode=mode)


def _get_item(low: Any, x: Value, key: Any) -> Value:
    """Slices first, then the axes that numbers and arrays are of, then new ones."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if sum(isinstance(part, np.ndarray | list) for part in parts) > 1:
        raise Refused("at most one array can be an index")
    if any(isinstance(p, Value) or getattr(p, "dtype", None) == np.bool_ for p in parts):
        raise Refused("an index must be constant, and no mask")
    used = sum(part is not None and part is not Ellipsis for part in parts)
    everything = [slice(None)] * (x.rank - used)
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[at : at + 1] = everything
    of_axes = [part for part in parts if part is not None]
    x = low.sliced(x, {i: part for i, part in enumerate(of_axes) if isinstance(part, slice)})
    for axis, part in reversed(list(enumerate(of_axes))):
        if not isinstance(part, slice):
            x = low.gathered(x, np.asarray(part), axis)
    left = [part for part in parts if part is None or not _is_number(part)]
    new = [i for i, part in enumerate(left) if part is None]
    return low.with_axes(x, new) if new else x


def _is_number(part: Any) -> bool:
    return isinstance(part, int | np.integer)


def _take(low: Any, x: Value, indices: Any, axis: int | None = None) -> Value:
    if axis is None or isinstance(indices, Value):
        raise Refused("its indices must be constant, along an axis")
    return low.gathered(x, np.asarray(getattr(indices, "data", indices)), axis)


def _split(low: Any, x: Value, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    size, axis = x.shape[axis], axis % x.rank
    if size is None:
        raise Refused("the size along its axis must be known")
    if isinstance(indices_or_sections, int):
        cuts = [i * size // indices_or_sections for i in range(1, indices_or_sections)]
    else:
        cuts = [int(i) for i in indices_or_sections]
    sizes = np.diff([0, *cuts, size]).astype(np.int64)
    shapes = [(*x.shape[:axis], int(n), *x.shape[axis + 1 :]) for n in sizes]
    return low.emit_all("Split", (x, sizes), shapes, x.dtype, x.order, axis=x.place(axis))


def _unstack(low: Any, x: Value, num: int | None = None, axis: int = 0) -> list[Value]:
    count = x.shape[axis]
    if count is None:
        raise Refused("the size along its axis must be known")
    return [low.without_axes(part, [axis]) for part in _split(low, x, count, axis)]


def _append(low: Any, x1: Value, x2: Value, axis: int | None = None) -> Value:
    if axis is None:
        raise Refused("it must be along an axis")
    return concatenated(low, [x1, x2], axis)


def _broadcast_to(low: Any, x: Value, shape: Sequence[int]) -> Value:
    return low.emit("Expand", low.plain(x), np.array(shape, np.int64), shape=tuple(shape))


def _top_k(low: Any, x: Value, k: int, sorted: bool = True) -> list[Value]:
    x = low.plain(x)
    shape, count = (*x.shape[:-1], k), np.array([k], np.int64)
    values, places = low.emit_all("TopK", (x, count), [shape] * 2, x.dtype, sorted=int(sorted))
    places.dtype = np.dtype(np.int64)
    return [values, low.cast(places, np.int32)]


def _resize(
    low: Any,
    images: Value,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: Any = 0.0,
    data_format: str | None = None,
) -> Value:
    if crop_to_aspect_ratio or pad_to_aspect_ratio or not images.is_float or images.rank != 4:
        raise Refused("there is no ONNX for these arguments")
    return resized(low, images, size, interpolation, data_format, antialias)


def _rgb_to_grayscale(low: Any, images: Value, data_format: str | None = None) -> Value:
    axis = channels_second(images.rank, data_format)[1]
    if images.shape[axis] != 3 or images.rank != 4 or not images.is_float:
        raise Refused("its inputs must be a batch of images of three channels, and floats")
    return low.along(np.array([GREY]), images, axis)


LAYERS = {
    layers.Flatten: _flatten,
    layers.Reshape: lambda low, layer, x: low.reshaped(x, layer.compute_output_shape(x.shape)),
    layers.Permute: lambda low, layer, x: low.transposed(x, (0, *layer.dims)),
    layers.RepeatVector: _repeat_vector,
    **{getattr(layers, f"ZeroPadding{rank}D"): _zero_padding for rank in (1, 2, 3)},
    **{getattr(layers, f"Cropping{rank}D"): _cropping for rank in (1, 2, 3)},
    **{getattr(layers, f"UpSampling{rank}D"): _upsampling for rank in (1, 2, 3)},
}
FUNCTIONS = {
    ops.reshape: _reshape,
    ops.transpose: _transpose,
    ops.swapaxes: _swapaxes,
    ops.moveaxis: _moveaxis,
    ops.expand_dims: _expand_dims,
    ops.squeeze: _squeeze,
    ops.ravel: _ravel,
    ops.flip: _flip,
    ops.tile: _tile,
    ops.repeat: _repeat,
    ops.pad: _pad,
    ops.get_item: _get_item,
    ops.take: _take,
    ops.split: _split,
    ops.unstack: _unstack,
    ops.append: _append,
    ops.broadcast_to: _broadcast_to,
    ops.top_k: _top_k,
    ops.image.resize: _resize,
    ops.image.rgb_to_grayscale: _rgb_to_grayscale,
}
