"""A model as a picture: a box a layer, an arrow where the output of one feeds another."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnn_ext._errors import did_you_mean, teaches_keywords
from cnn_ext.utils._model_graph import ModelGraph
from cnn_ext.utils._shapes import class_name, input_shape, output_dtype, output_shape, written
from cnn_ext.utils.diagram import (
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
    Edge,
    Frame,
    save,
)

_FORMATS = ("png", "svg", "pdf", "jpg", "jpeg")
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

    A layer is one box, however often the model calls it. A model that is neither functional nor
    a Sequential is one box too: nothing says what feeds what in it.

    Args:
        model: A built model.
        to_file: The file to write: .png, .svg, .pdf or .jpg; PNG if it has no suffix.
        show_shapes: Whether to write the input and output shapes of each layer.
        show_dtype: Whether to write the dtype of its output.
        show_layer_names: Whether to write its name before its class.
        rankdir: `"TB"` draws from top to bottom, `"LR"` from left to right.
        expand_nested: Whether to draw the layers of models inside the model, in a frame.
        dpi: Pixels per inch of a PNG; less where a side would have more than 32,000 pixels.
        show_layer_activations: Whether to write the activation of layers that have one.
        show_trainable: Whether to mark layers with weights as trainable or not.
        splines: `"ortho"` bends arrows at right angles; Graphviz's other words
            (`"line"`, `"polyline"`, `"spline"`, `"curved"`) draw them straight.

    Returns:
        The picture, which a notebook then shows, where IPython is installed; otherwise None.

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
            "This model has not yet been built. Build the model first by calling `build()` or by "
            "calling the model on a batch of data, or give it an Input. Received: the unbuilt "
            f"model '{model.name}'"
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


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Not there: pictures are drawn without Graphviz, by `plot_model`.

    >>> model_to_dot(None)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    NotImplementedError: model_to_dot describes a model to the Graphviz program, which cnn_ext...
    """
    raise NotImplementedError(
        "model_to_dot describes a model to the Graphviz program, which cnn_ext does not use: write "
        "plot_model(model, to_file='model.png', ...), which draws "
        f"PNG, SVG and PDF files. Received: model={model!r}"
    )


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
    steps = ModelGraph.of(model)
    return _diagram(steps, shown, arrows, [], []) if steps else _alone(model, shown, arrows)


def _alone(model: Any, shown: _Shown, arrows: Arrows) -> Diagram:
    """A model that is no graph, as one box."""
    return Diagram([_card(model, shown)], [], arrows)


def _diagram(
    graph: ModelGraph, shown: _Shown, arrows: Arrows, inputs: list[int], outputs: list[int]
) -> Diagram:
    """The steps of a model and what feeds what; its `inputs` and `outputs` lead outside."""
    insides = [ModelGraph.of(step) if shown.nested else None for step in graph.steps]
    used_in: list[dict[int, int]] = [{} for _ in insides]
    used_out: list[dict[int, int]] = [{} for _ in insides]

    def door(used: list[dict[int, int]], step: int, number: int) -> int:
        """Which door of its box an input or output of a step goes through: a card has one."""
        return used[step].setdefault(number, len(used[step])) if insides[step] else 0

    edges = [
        Edge(a, b, door(used_out, a, exit_), door(used_in, b, entry))
        for a, b, exit_, entry in graph.edges
    ]
    entries = [(i, door(used_in, i, k)) for i, k in (graph.entries[n] for n in inputs)]
    exits = [(i, door(used_out, i, k)) for i, k in (graph.exits[n] for n in outputs)]
    boxes: list[Box] = [
        Frame(step.name, _diagram(inside, shown, arrows, list(ins), list(outs)))
        if inside
        else _card(step, shown)
        for step, inside, ins, outs in zip(graph.steps, insides, used_in, used_out, strict=True)
    ]
    return Diagram(boxes, edges, arrows, entries, exits)


def _card(layer: Any, shown: _Shown) -> Card:
    kind = class_name(layer)
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
        if class_name(layer) != "InputLayer":
            cells.append(Cell(("Input shape: ", written(input_shape(layer)))))
        cells.append(Cell(("Output shape: ", written(output_shape(layer)))))
    if shown.dtype:
        cells.append(Cell(("Output dtype: ", output_dtype(layer))))
    if shown.trainable and getattr(layer, "weights", None):
        text, fill = ("Trainable", GREEN) if layer.trainable else ("Non-trainable", RED)
        cells.append(Cell(("", text), fill, WHITE))
    return cells


def _notebook_image(path: str, suffix: str) -> Any:
    """What a notebook shows of the file, as Keras returns it; None without IPython."""
    if suffix == "pdf":
        return None
    try:
        display = importlib.import_module("IPython.display")
    except ImportError:
        return None
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
