"""The table that `model.summary()` prints."""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cnn_ext._errors import teaches_keywords
from cnn_ext.utils._shapes import class_name, output_shape, show_shape, steps_of

_NUMBER, _UNKNOWN_SIZE, _CLASS, _FROZEN = 34, 45, 33, 9  # colours of the 256-colour terminal


@teaches_keywords
def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print the layers of a model and its numbers of parameters, as Keras's `model.summary`.

    Args:
        model: A model, built or not; sizes not known yet are shown as `?`.
        line_length: Characters of a line; by default 88 or what the terminal has.
        positions: Right ends of the columns as rising fractions of a line, one a column;
            `[0.45, 0.8, 1.0]` by default.
        print_fn: Called once with the whole text, without colours; prints by default.
        expand_nested: Whether to list the layers of models inside the model.
        show_trainable: Whether to add a column that says if a layer is trained.
        layer_range: Two names or regular expressions, of the first and the last layer shown.

    Raises:
        ValueError: `layer_range` is not two strings that match layers, or the line is too
            short for the columns.

    >>> import cnn_ext as keras
    >>> model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="out")])
    >>> print_summary(model, print_fn=lambda text: print(text.splitlines()[-3]))
     Total params: 15 (60.00 B)
    """
    from rich.console import Console

    layers = _layers_between(steps_of(model), layer_range)
    table = _table(layers, line_length, positions, expand_nested, show_trainable)
    if print_fn is None:
        console = Console(highlight=False)
    else:
        console = Console(highlight=False, force_terminal=False, color_system=None)
    with console.capture() if print_fn is not None else contextlib.nullcontext() as captured:
        console.print(f'[bold]Model: "{_escape(model.name)}"[/]')
        console.print(table)
        for line in _totals(model):
            console.print(line)
    if print_fn is not None and captured is not None:
        print_fn(captured.get())


def _table(
    layers: Sequence[Any],
    line_length: int | None,
    positions: Sequence[float] | None,
    expand_nested: bool,
    show_trainable: bool,
) -> Any:
    from rich.table import Column, Table

    headers = [("Layer (type)", "left"), ("Output Shape", "left"), ("Param #", "right")]
    positions = positions or [0.45, 0.80, 1.0]
    width = 88
    if show_trainable:
        headers.append(("Trainable", "center"))
        positions = [0.9 * position for position in positions] + [1.0]
        width += 12
    line_length = line_length or min(width, shutil.get_terminal_size().columns - 4)
    widths = _column_widths(positions, line_length, len(headers))
    columns = [
        Column(name, justify=justify, width=width)  # type: ignore[arg-type]
        for (name, justify), width in zip(headers, widths, strict=True)
    ]
    table = Table(*columns, width=line_length, show_lines=True)
    for row in _rows(layers, expand_nested, show_trainable):
        table.add_row(*row)
    return table


def _column_widths(positions: Sequence[float], line_length: int, columns: int) -> list[int]:
    ends = [0, *(int(position * line_length) for position in positions)]
    widths = [end - start for start, end in itertools.pairwise(ends)]
    if len(widths) != columns or min(widths) < 4:
        raise ValueError(
            f"summary needs {columns} columns of at least 4 characters; widen `line_length` or "
            f"spread `positions`. Received: line_length={line_length}, "
            f"positions={list(positions)}"
        )
    return widths


def _rows(
    layers: Iterable[Any], expand_nested: bool, show_trainable: bool, level: int = 0
) -> Iterable[list[str]]:
    """The cells of each layer, in rich's markup, a nested model's layers below it."""
    prefix = "   " * level + "└ " if level else ""
    for layer in layers:
        row = [
            f"{_escape(prefix + layer.name)} ({_paint(_CLASS, _escape(class_name(layer)))})",
            show_shape(output_shape(layer), _size),
            _parameters(layer),
        ]
        yield [*row, _trainable(layer)] if show_trainable else row
        if expand_nested:
            yield from _rows(steps_of(layer), True, show_trainable, level + 1)


def _parameters(layer: Any) -> str:
    if not hasattr(layer, "weights"):
        return _paint(_NUMBER, 0)
    if not layer.built:
        return f"{_paint(_NUMBER, 0)} (unbuilt)"
    return _paint(_NUMBER, f"{layer.count_params():,}")


def _trainable(layer: Any) -> str:
    if not getattr(layer, "weights", ()):
        return "[bold]-[/]"
    return f"[bold]{_paint(_NUMBER, 'Y') if layer.trainable else _paint(_FROZEN, 'N')}[/]"


def _totals(model: Any) -> Iterable[str]:
    """The lines under the table. The total counts the optimizer's variables too, as Keras's."""
    groups = {
        "Trainable": list(model.trainable_weights),
        "Non-trainable": list(model.non_trainable_weights),
    }
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        groups["Optimizer"] = list(optimizer.variables)
    groups = {"Total": [v for group in groups.values() for v in group], **groups}
    for name, variables in groups.items():
        count = sum(math.prod(v.shape) for v in variables)
        size = sum(math.prod(v.shape) * _bits(v.dtype) for v in variables) / 8
        yield f"[bold] {name} params: [/]{_paint(_NUMBER, f'{count:,}')} ({_readable(size)})"


def _bits(dtype: Any) -> int:
    """Bits of one element: the number in the name of its dtype; 1 for bool, as in Keras."""
    number = re.search(r"\d+", str(dtype))
    return int(number.group()) if number else 1


def _readable(size: float) -> str:
    """
    >>> _readable(1_335_080)
    '1.27 MB'
    """
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def _layers_between(layers: Sequence[Any], names: Sequence[str] | None) -> Sequence[Any]:
    """The layers from the first that matches one pattern to the last that matches the other."""
    if names is None:
        return layers
    if isinstance(names, str) or len(names) != 2 or not all(isinstance(n, str) for n in names):
        raise ValueError(
            f"layer_range must be two strings: the first layer and the last. Received: {names!r}"
        )
    found = [[i for i, layer in enumerate(layers) if re.match(n, layer.name)] for n in names]
    if not all(found):
        raise ValueError(
            "layer_range must match names of layers of this model: "
            f"{', '.join(layer.name for layer in layers)}. Received: {names!r}"
        )
    first, last = found if found[0][0] <= found[1][-1] else reversed(found)
    return layers[first[0] : last[-1] + 1]


def _size(n: int | None) -> str:
    return _paint(_UNKNOWN_SIZE if n is None else _NUMBER, n)


def _paint(colour: int, text: object) -> str:
    return f"[color({colour})]{text}[/]"


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
