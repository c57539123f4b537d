"""What is inside a network: its filters, what they make of an image, how its weights spread."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_ext._errors import did_you_mean, teaches_keywords
from cnn_ext.autograd import no_grad
from cnn_ext.models import Model, Sequential
from cnn_ext.plot._sheet import GREY, Mosaic, new_figure, place, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN, _HEADING = 0.25, 0.5  # inches


@teaches_keywords
def filters(
    layer_or_model: Any, layer: str | int | None = None, channel: int | None = None,
    max_filters: int = 64,
) -> Figure:  # fmt: skip
    """The kernels of a convolution layer, one picture a filter.

    Args:
        layer_or_model: a built convolution layer, or a model that has some.
        layer: name or index of the model's layer; its first convolution if None.
        channel: the input channel to show; if None the only one, all three of a colour image as
            red, green and blue, or else the mean over the channels.
        max_filters: most filters that are drawn.

    Returns:
        A Matplotlib Figure. Blue weights are negative, red ones positive, white is zero; colour
        kernels are stretched so that mid-grey is zero.

    >>> from cnn_ext import layers
    >>> conv = layers.Conv2D(4, 3)
    >>> conv.build((None, 8, 8, 1))
    >>> filters(conv).savefig("filters.png")
    """
    chosen = _convolution(layer_or_model, layer)
    kernel = _kernel_of(chosen)
    height, width, channels, count = kernel.shape
    if channel is not None and not -channels <= channel < channels:
        raise ValueError(
            f"layer '{chosen.name}' has {channels} input channels. Received: channel={channel}"
        )
    title = f"{chosen.name}: {count} filters of {height}x{width}x{channels}"
    shown = min(count, max(1, int(max_filters)))
    title += "" if shown == count else f", the first {shown}"
    kernel = kernel[..., :shown]
    limit = float(np.abs(kernel).max()) or 1.0
    if channels == 3 and channel is None:
        return _draw_filters(kernel.transpose(3, 0, 1, 2) / (2 * limit) + 0.5, title, None)
    if channel is None and channels > 1:
        planes, title = kernel.mean(axis=2), f"{title}\nmean over input channels"
    else:
        planes = kernel[:, :, channel or 0]
        title += "" if channels == 1 else f"\ninput channel {(channel or 0) % channels}"
    return _draw_filters(planes.transpose(2, 0, 1), title, float(np.abs(planes).max()) or 1.0)


def _convolution(layer_or_model: Any, layer: str | int | None) -> Any:
    if not isinstance(layer_or_model, Model):
        return layer_or_model
    if isinstance(layer, str):
        return layer_or_model.get_layer(layer)
    if layer is not None:
        return layer_or_model.get_layer(index=layer)
    for candidate in _inside(layer_or_model):
        kernel = getattr(candidate, "kernel", None)
        if "Conv" in type(candidate).__name__ and len(getattr(kernel, "shape", ())) == 4:
            return candidate
    raise ValueError(f"model '{layer_or_model.name}' has no 2-D convolution layer")


def _inside(model: Any) -> Iterable[Any]:
    """The layers of a model, and of models in it."""
    for layer in model.layers:
        yield from _inside(layer) if isinstance(layer, Model) else (layer,)


def _kernel_of(layer: Any) -> np.ndarray:
    """(height, width, input channels, filters)."""
    kernel = getattr(layer, "kernel", None)
    if kernel is None or len(kernel.shape) != 4:
        built = "" if getattr(layer, "built", True) else " and be built"
        raise ValueError(
            f"filters() needs a layer with a kernel of four axes, such as Conv2D{built}. "
            f"Received: {layer!r}"
        )
    array = np.asarray(kernel.numpy(), float)
    if "Depthwise" in type(layer).__name__:
        return array.reshape(*array.shape[:2], 1, -1)
    return array.swapaxes(2, 3) if "Transpose" in type(layer).__name__ else array


def _draw_filters(images: np.ndarray, title: str, limit: float | None) -> Figure:
    count = len(images)
    cell = 1.3 if count <= 8 else 0.85
    mosaic = Mosaic(images, columns=min(8, count) if count <= 8 else 8 if count <= 64 else 16)
    width, height = mosaic.inches(cell)
    lines = title.count("\n")
    bar = 0 if limit is None else 0.75
    total = max(width + bar, 0.085 * max(map(len, title.split("\n")))) + 2 * _MARGIN
    heading = _HEADING + 0.2 * lines
    figure = new_figure(total, heading + max(height, 1.0) + _MARGIN)
    write(figure, _MARGIN, 0.15, title, 10)
    axes = place(figure, _MARGIN, heading, width, height)
    if limit is None:
        mosaic.draw(axes, range(count))
        return figure
    drawn = mosaic.draw(axes, range(count), cmap="RdBu_r", vmin=-limit, vmax=limit)
    strip = place(figure, _MARGIN + width + 0.12, heading, 0.12, max(height, 1.0))
    figure.colorbar(drawn, cax=strip)
    strip.tick_params(labelsize=7)
    return figure


@teaches_keywords
def feature_maps(
    model: Any, image: Any, layers: Iterable[Any] | None = None, max_maps: int = 64
) -> Figure:
    """What every convolution and pooling layer makes of one image, one picture a channel.

    Args:
        model: a built Sequential or functional model.
        image: (height, width, channels), (height, width) for one channel, or a batch of one.
        layers: names, indices or layers, in place of all convolution and pooling layers.
        max_maps: most channels of a layer that are drawn.

    Returns:
        A Matplotlib Figure, the image on top. Bright is large; all maps of a layer have one
        scale, up to its 99th percentile; its least and greatest value are in the heading.

    >>> import cnn_ext as keras
    >>> model = keras.Sequential([
    ...     keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.MaxPooling2D(2)])
    >>> feature_maps(model, np.eye(8)).savefig("maps.png")
    """
    if not isinstance(model, Model):
        raise ValueError(f"model must be a Sequential or functional model. Received: {model!r}")
    chosen = _chosen(model, layers)
    batch = _one_image(model, image)
    outputs = _outputs(model, chosen, batch)
    panels = [("input", batch, getattr(chosen[0], "data_format", "channels_last"))]
    panels += [
        (f"{layer.name} ({type(layer).__name__})", value, getattr(layer, "data_format", None))
        for layer, value in zip(chosen, outputs, strict=True)
    ]
    return _draw_maps(panels, max(1, int(max_maps)))


def _chosen(model: Model, layers: Iterable[Any] | None) -> list[Any]:
    if layers is None:
        found = [x for x in model.layers if _makes_maps(x)]
        if not found:
            raise ValueError(f"model '{model.name}' has no convolution or pooling layer")
        return found
    if isinstance(layers, str | int) or not isinstance(layers, Iterable):
        layers = [layers]
    chosen = []
    for wanted in layers:
        if isinstance(wanted, str):
            wanted = model.get_layer(wanted)
        elif isinstance(wanted, int):
            wanted = model.get_layer(index=wanted)
        if not any(wanted is layer for layer in model.layers):
            raise ValueError(
                f"layers must be layers of model '{model.name}', their names or their indices"
                f"{did_you_mean(getattr(wanted, 'name', wanted), [x.name for x in model.layers])}. "
                f"Received: {wanted!r}"
            )
        chosen.append(wanted)
    if not chosen:
        raise ValueError("layers must name at least one layer. Received: none")
    return chosen


def _makes_maps(layer: Any) -> bool:
    name = type(layer).__name__
    return ("Conv" in name or "Pool" in name) and name.endswith("2D") and "Global" not in name


def _one_image(model: Model, image: Any) -> np.ndarray:
    """A batch of the one image, as the model takes it."""
    array = np.asarray(image)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or len(array) != 1:
        raise ValueError(
            "image must be one image: (height, width, channels), (height, width), or a batch of "
            f"one. Received: shape={np.shape(image)}"
        )
    return array


def _outputs(model: Model, chosen: list[Any], batch: np.ndarray) -> list[np.ndarray]:
    """What the layers give for the image."""
    with no_grad():
        if isinstance(model, Sequential):
            given: dict[int, Any] = {}
            value: Any = batch
            for layer in model.layers:
                value = layer(value, training=False)
                given[id(layer)] = value
            values = [given[id(layer)] for layer in chosen]
        else:
            inner = Model(model.inputs, [layer.output for layer in chosen])
            values = inner(batch, training=False)
            values = values if isinstance(values, list | tuple) else [values]
    arrays = [np.asarray(value) for value in values]
    for layer, array in zip(chosen, arrays, strict=True):
        if array.ndim != 4:
            raise ValueError(
                f"layer '{layer.name}' gives no maps of height and width. Received: an output of "
                f"shape {array.shape}"
            )
    return arrays


def _draw_maps(panels: list[tuple[str, np.ndarray, str | None]], max_maps: int) -> Figure:
    drawn = []
    for name, batch, data_format in panels:
        maps = batch[0] if data_format == "channels_first" else batch[0].transpose(2, 0, 1)
        count, height, width = maps.shape
        heading = f"{name}: {height}x{width}x{count}"
        if name == "input" and count == 3:
            low, high = float(maps.min()), float(maps.max())
            maps = ((maps - low) / ((high - low) or 1)).transpose(1, 2, 0)[None]
        heading += f", {batch.min():.3g} … {batch.max():.3g}"
        heading += f", the first {max_maps}" if len(maps) > max_maps else ""
        drawn.append((heading, Mosaic(np.asarray(maps[:max_maps], float), columns=16)))
    widest = max(mosaic.columns for _, mosaic in drawn)
    cell = 0.62 if widest > 8 else 1.0
    sizes = [mosaic.inches(cell if index else max(cell, 1.2)) for index, (_, mosaic) in
             enumerate(drawn)]  # fmt: skip
    longest = 0.078 * max(len(heading) for heading, _ in drawn)
    width = max(longest, *(size[0] for size in sizes)) + 2 * _MARGIN
    step = 0.32  # inches of a heading
    figure = new_figure(width, sum(size[1] + step + 0.15 for size in sizes) + 0.2)
    top = 0.15
    for index, ((heading, mosaic), size) in enumerate(zip(drawn, sizes, strict=True)):
        write(figure, _MARGIN, top, heading, 10)
        axes = place(figure, _MARGIN, top + step - 0.07, *size)
        low = np.nanmin(mosaic.pixels)
        high = np.nanpercentile(mosaic.pixels, 99) if index else np.nanmax(mosaic.pixels)
        high = high if high > low else np.nanmax(mosaic.pixels)
        mosaic.draw(axes, cmap="viridis" if index else "gray", vmin=low, vmax=high)
        top += step + size[1] + 0.15
    return figure


@teaches_keywords
def weight_histograms(model: Any, bins: int = 50) -> Figure:
    """How the values of each weight of a model spread.

    Args:
        model: a built model or layer.
        bins: bars of a histogram.

    Returns:
        A Matplotlib Figure with a panel for each weight: its shape, mean and standard deviation
        in the heading; weights that are not trained in grey.

    >>> from cnn_ext import layers
    >>> dense = layers.Dense(8)
    >>> dense.build((None, 4))
    >>> len(weight_histograms(dense).axes)
    2
    """
    weights = list(getattr(model, "weights", ()))
    if not weights:
        raise ValueError(
            f"the model must be built and have weights: call it, or build() it. Received: {model!r}"
        )
    columns = min(4 if len(weights) > 6 else 2, len(weights))
    rows = math.ceil(len(weights) / columns)
    width, height, gap_x, gap_y = 2.7, 1.35, 0.6, 0.85
    figure = new_figure(columns * (width + gap_x) + 0.2, rows * (height + gap_y) + 0.1)
    for index, weight in enumerate(weights):
        row, column = divmod(index, columns)
        left, top = gap_x + column * (width + gap_x) - 0.05, 0.55 + row * (height + gap_y)
        axes = place(figure, left, top, width, height)
        values = np.asarray(weight.numpy(), float).ravel()
        finite = values[np.isfinite(values)]
        axes.hist(finite, bins=bins, color="#1f77b4" if weight.trainable else GREY)
        axes.set_title(_described(weight, finite, len(values)), fontsize=8, loc="left")
        axes.tick_params(labelsize=7)
        axes.margins(x=0.02)
        axes.locator_params(axis="x", nbins=5)
        axes.locator_params(axis="y", nbins=4, integer=True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return figure


def _described(weight: Any, finite: np.ndarray, size: int) -> str:
    name = getattr(weight, "path", "") or weight.name
    shape = "x".join(map(str, weight.shape)) or "scalar"
    spread = f"mean {finite.mean():.3g}, std {finite.std():.3g}" if finite.size else "no value"
    odd = size - finite.size
    return f"{name}\n{shape}: {spread}" + (f", {odd} not finite" if odd else "")
