"""The table that `model.summary()` prints."""

from __future__ import annotations

import contextlib
import math
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from cnn_ext._errors import teaches_keywords
from cnn_ext.utils._shapes import class_name, last_output_shape, show_shape, steps_of

_NUMBER, _UNKNOWN_SIZE, _CLASS, _FROZEN = 34, 45, 33, 9  # colours of the 256-colour terminal
# Layers that count as built from the start, as in Keras; others without weights do not.


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

    A functional model whose layers are not in a row has a fourth column, "Connected to": what
    each layer is called on, as `layer[call][output]`.

    Args:
        model: A model, built or not; sizes not known yet are shown as `?`.
        line_length: Characters of a line; by default 88, or 108 with the fourth column, or what
            the terminal has.
        positions: Right ends of the columns as rising fractions of a line, without that of
            `show_trainable`; `[0.45, 0.8, 1.0]` or `[0.3, 0.56, 0.74, 1.0]` by default.
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

    look = _look(model, show_trainable)
    layers = _layers_between(steps_of(model), layer_range)
    table = _table(look, line_length, positions)
    for row in _rows(layers, look.columns, expand_nested):
        table.add_row(*row)
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


class _Column(NamedTuple):
    """The header, the side at which text stands, and what is said of a layer."""

    header: str
    justify: Any
    cell: Callable[[Any], str]


class _Look(NamedTuple):
    """The columns of a table, where they end by default, and the length of its lines."""

    columns: list[_Column]
    positions: Sequence[float]
    width: int


def _look(model: Any, show_trainable: bool) -> _Look:
    columns = [
        _Column("Layer (type)", "left", _name_and_class),
        _Column("Output Shape", "left", lambda layer: show_shape(last_output_shape(layer), _size)),
        _Column("Param #", "right", _parameters),
    ]
    look = _Look(columns, (0.45, 0.8, 1.0), 88)
    graph = model._graph if getattr(model, "functional", False) else None
    if graph is not None and not graph.is_chain:
        calls = set(graph.nodes)
        columns.append(_Column("Connected to", "left", lambda layer: _connections(layer, calls)))
        look = _Look(columns, (0.3, 0.56, 0.74, 1.0), 108)
    if show_trainable:
        columns.append(_Column("Trainable", "center", _trainable))
        look = look._replace(width=look.width + 12)
    return look


def _table(look: _Look, line_length: int | None, positions: Sequence[float] | None) -> Any:
    from rich.table import Column, Table

    positions = positions or look.positions
    if look.columns[-1].cell is _trainable:
        positions = [0.9 * position for position in positions] + [1.0]
    line_length = line_length or min(look.width, shutil.get_terminal_size().columns - 4)
    widths = _column_widths(positions, line_length, len(look.columns))
    columns = [
        Column(column.header, justify=column.justify, width=width)
        for column, width in zip(look.columns, widths, strict=False)
    ]
    return Table(*columns, width=line_length, show_lines=True)


def _column_widths(positions: Sequence[float], line_length: int, columns: int) -> list[int]:
    """Of at least as many columns; more positions than that are not used."""
    widths: list[int] = []
    for position in positions:
        widths.append(int(position * line_length) - sum(widths))
    if len(widths) < columns or min(widths) < 4:
        raise ValueError(
            f"Insufficient console width to print summary: it has {columns} columns of at least 4 "
            "characters; widen `line_length` or spread `positions`. Received: "
            f"line_length={line_length}, positions={list(positions)}"
        )
    return widths


def _rows(
    layers: Iterable[Any], columns: Sequence[_Column], expand_nested: bool, level: int = 0
) -> Iterable[list[str]]:
    """The cells of each layer, in rich's markup, a nested model's layers below it."""
    prefix = "   " * level + "└ " if level else ""
    for layer in layers:
        first, *others = [column.cell(layer) for column in columns]
        yield [prefix + first, *others]
        if expand_nested:
            yield from _rows(getattr(layer, "layers", ()), columns, True, level + 1)


def _name_and_class(layer: Any) -> str:
    return f"{_escape(layer.name)} ({_paint(_CLASS, _escape(class_name(layer)))})"


def _parameters(layer: Any) -> str:
    if not hasattr(layer, "weights"):
        return _paint(_NUMBER, 0)
    if not layer.built:
        return f"{_paint(_NUMBER, 0)} (unbuilt)"
    return _paint(_NUMBER, f"{layer.count_params():,}")


def _connections(layer: Any, calls: set[Any]) -> str:
    """The outputs, as `layer[call][output]`, that those calls of the layer get which count."""
    sources = [
        x._keras_history
        for node in layer._inbound_nodes if node in calls
        for x in node.input_tensors
    ]  # fmt: skip
    return ", ".join(
        f"{source.operation.name}[{_size(source.node_index)}][{_size(source.tensor_index)}]"
        for source in sources
    ) or "-"  # fmt: skip


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
    if isinstance(names, str) or len(names) != 2:
        raise ValueError(
            "layer_range must be a list or tuple of length 2, the first layer and the last. "
            f"Received: {names!r}"
        )
    if not all(isinstance(name, str) for name in names):
        raise ValueError(
            "layer_range should contain string type only, names of layers or regular expressions. "
            f"Received: {names!r}"
        )
    found = [[i for i, layer in enumerate(layers) if re.match(n, layer.name)] for n in names]
    if not all(found):
        raise ValueError(
            "Passed layer_names do not match the layer names in the model, which are "
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
