"""A model as a picture: a box a layer, an arrow where the output of one feeds another."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnn_ext._errors import did_you_mean, teaches_keywords
from cnn_ext.utils._diagram import (
    BLACK,
    GREEN,
    RED,
    TITLE,
    WHITE,
    Arrows,
    Box,
    Card,
    Cell,
    Diagram,
    Frame,
    save,
)
from cnn_ext.utils._shapes import input_shape, output_shape, show_shape

_FORMATS = ("png", "svg", "pdf")
_SPLINES = ("ortho", "line", "polyline", "spline", "curved")


@teaches_keywords
def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw the layers of a model into a file, as `keras.utils.plot_model`, with Matplotlib alone.

    Args:
        model: A built model.
        to_file: The file to write: .png, .svg or .pdf; PNG if it has no suffix.
        show_shapes: Whether to write the input and output shapes of each layer.
        show_dtype: Whether to write the dtype of its output.
        show_layer_names: Whether to write its name before its class.
        rankdir: `"TB"` draws from top to bottom, `"LR"` from left to right.
        expand_nested: Whether to draw the layers of models inside the model, in a frame.
        dpi: Pixels per inch of a PNG.
        show_layer_activations: Whether to write the activation of layers that have one.
        show_trainable: Whether to mark layers with weights as trainable or not.
        splines: `"ortho"` bends arrows at right angles; Graphviz's other words
            (`"line"`, `"polyline"`, `"spline"`, `"curved"`) draw them straight.

    Returns:
        In IPython the picture, which a notebook then shows; otherwise None.

    Raises:
        ValueError: The model is not built; `to_file`, `rankdir` or `splines` is none of those.
        ImportError: Matplotlib is not installed.

    >>> import cnn_ext as keras
    >>> model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/model.png"
    >>> plot_model(model, path, show_shapes=True)
    >>> os.path.getsize(path) > 1000
    True
    """
    path = os.fspath(to_file)
    suffix = os.path.splitext(path)[1][1:].lower() or "png"
    _check_choice("to_file's suffix", suffix, _FORMATS)
    _check_choice("rankdir", rankdir, ("TB", "LR"))
    _check_choice("splines", splines, _SPLINES)
    if not model.built:
        raise ValueError(
            "plot_model draws a built model: call model.build(input_shape), give the model an "
            f"Input, or call it on a batch first. Received: the unbuilt model '{model.name}'"
        )
    _require_matplotlib()
    shown = _Shown(
        show_shapes,
        show_dtype,
        show_layer_names,
        show_layer_activations,
        show_trainable,
        expand_nested,
    )
    arrows = Arrows(across=rankdir == "LR", square=splines == "ortho")
    save(_picture(model, shown, arrows), path, suffix, dpi)
    return _notebook_image(path, suffix)


@dataclass(frozen=True)
class _Shown:
    """What the boxes say."""

    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool
    nested: bool


def _picture(model: Any, shown: _Shown, arrows: Arrows) -> Diagram:
    """The layers of a model and which feeds which: in a Sequential, each feeds the next."""
    layers = list(model.layers)
    boxes = [_layer_box(layer, shown, arrows) for layer in layers]
    return Diagram(boxes, [(i, i + 1) for i in range(len(layers) - 1)], arrows)


def _layer_box(layer: Any, shown: _Shown, arrows: Arrows) -> Box:
    if shown.nested and getattr(layer, "layers", None):
        return Frame(layer.name, _picture(layer, shown, arrows))
    kind = type(layer).__name__
    title = ("", layer.name, f" ({kind})") if shown.names else ("", kind)
    rows = [[Cell(title, BLACK, WHITE, TITLE)]]
    activation = getattr(layer, "activation", None)
    if shown.activations and activation is not None:
        name = getattr(activation, "name", None) or getattr(activation, "__name__", activation)
        rows.append([Cell(("Activation: ", str(name)))])
    cells = _fact_cells(layer, shown)
    return Card([*rows, cells] if cells else rows)


def _fact_cells(layer: Any, shown: _Shown) -> list[Cell]:
    cells = []
    if shown.shapes:
        if type(layer).__name__ != "InputLayer":
            cells.append(Cell(("Input shape: ", show_shape(input_shape(layer)))))
        cells.append(Cell(("Output shape: ", show_shape(output_shape(layer)))))
    if shown.dtype:
        cells.append(Cell(("Output dtype: ", str(getattr(layer, "compute_dtype", "?")))))
    if shown.trainable and layer.weights:
        text, fill = ("Trainable", GREEN) if layer.trainable else ("Non-trainable", RED)
        cells.append(Cell(("", text), fill, WHITE))
    return cells


def _notebook_image(path: str, suffix: str) -> Any:
    """What a notebook shows of the file, as Keras returns it; None outside of IPython."""
    if "IPython" not in sys.modules or suffix == "pdf":
        return None
    display = importlib.import_module("IPython.display")
    return display.SVG(path) if suffix == "svg" else display.Image(path)


def _check_choice(name: str, given: str, choices: Sequence[str]) -> None:
    if given not in choices:
        raise ValueError(
            f"plot_model: {name} must be one of {', '.join(choices)}"
            f"{did_you_mean(given, choices)}. Received: {given!r}"
        )


def _require_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"plot_model draws with Matplotlib: pip install 'cnn_ext[plot]'. Received: {error}"
        ) from error
