"""The table that `model.explain_plan()` prints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from cnn_ext.plan.calls import Call
from cnn_ext.plan.steps import Convolution, Finish, Step, Weighted

PrintFn = Callable[[str], Any] | None


def print_refusal(name: str, why: str, print_fn: PrintFn) -> None:
    """Say that a model runs layer by layer, and why."""
    _print([f'Model "{name}" has no plan and runs layer by layer: {why}.'], print_fn)


def print_plan(
    name: str, shapes: Any, planned: Any, seconds: list[float] | None, print_fn: PrintFn
) -> None:
    """Print the steps of a plan, with the seconds that each took if they are known."""
    from rich.table import Column, Table

    headers = [Column("#", justify="right"), *map(Column, ("Step", "Kernel", "Output"))]
    headers += [Column(text, justify="right") for text in ("MFLOPs", "KB")]
    if seconds is not None:
        headers += [Column(text, justify="right") for text in ("us", "GFLOP/s")]
    table = Table(*headers)
    for number, step in enumerate(planned.steps):
        cells = [str(number + 1), described(step), step.kernel, _output(step)]
        cells += [f"{step.flops / 1e6:,.3f}", f"{_bytes(step) / 1024:,.1f}"]
        if seconds is not None:
            cells += [f"{1e6 * seconds[number]:,.1f}", f"{step.flops / seconds[number] / 1e9:,.1f}"]
        table.add_row(*cells)
    count = len(planned.steps)
    shown = ", ".join(map(str, shapes))
    flops = sum(step.flops for step in planned.steps) / 1e6
    below = f"Total: {flops:,.3f} MFLOPs; arena {planned.arena / 1024:,.1f} KB, {planned.beside}"
    if seconds is not None:
        below += f"; {1e6 * sum(seconds):,.1f} us"
    title = f'{planned.kind} of model "{name}" for {shown}: {count} step{"s"[: count != 1]}'
    _print([title, table, below], print_fn)


def described(step: Step | Call) -> str:
    """What a step computes: its layers, and what else happens in it."""
    parts = list(dict.fromkeys(step.layers))
    text = " + ".join(parts)
    activation, window = "linear", (0, 0)
    if isinstance(step, Call):
        activation = step.details.get("activation", "linear")
        window = step.details.get("window", window)
    elif isinstance(step, Weighted | Finish):
        activation = step.activation.name
        window = step.window if isinstance(step, Convolution) else window
    more = [] if activation == "linear" else [activation.replace("_", " ")]
    if window != (0, 0):
        more.append(f"max-pool {window[0]}x{window[1]}")
    return f"{text} ({', '.join(more)})" if more else text


def _bytes(step: Step | Call) -> int:
    """What a step reads and writes."""
    if isinstance(step, Call):
        return sum(value.nbytes for value in step.touches)
    weights = 0
    if isinstance(step, Weighted):
        weights = sum(v.size for v in (step.weights.kernel, step.weights.bias) if v is not None)
    return 4 * (sum(value.size for value in step.reads) + step.y.size + weights)


def _output(step: Step | Call) -> str:
    if isinstance(step, Call) and step.kind == "update":
        return "all weights"
    return "x".join(map(str, step.y.shape))


def _print(parts: list[Any], print_fn: PrintFn) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, width=None if print_fn is None else 120)
    with console.capture() if print_fn is not None else contextlib.nullcontext() as captured:
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, str))
    if print_fn is not None and captured is not None:
        print_fn(captured.get())
