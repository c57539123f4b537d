"""The picture of the kernels' speed beside the fastest of the peers."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from geometries import NETWORKS, OPERATIONS
from report import Results, Row

COLOURS = ("#0072b2", "#d55e00", "#009e73")  # told apart by colour-blind eyes too
TITLES = {
    "textbook": "textbook CNN",
    "alexnet": "AlexNet",
    "vgg16": "VGG-16",
    "resnet50": "ResNet-50",
    "mobilenet": "MobileNet",
    "small": "small nets",
    "odd": "odd sizes",
}
NAMES = {
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
    "jax": "JAX",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}
LANE = 0.24  # of the height of a network's band


def draw(results: Results, path: Path) -> None:
    """A dot for every row: how many times the fastest peer's speed; a bar for their mean."""
    from matplotlib.figure import Figure

    rows = [row for row in results.rows if row.best is not None]
    networks = [name for name in NETWORKS if any(row.network == name for row in rows)]
    if not networks:
        raise SystemExit("no picture: there is no peer in these results")
    figure = Figure(figsize=(9, 1.6 + 0.62 * len(networks)), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for lane, (operation, colour) in enumerate(zip(OPERATIONS, COLOURS, strict=True)):
        for place, network in enumerate(networks):
            group = [r for r in rows if (r.network, r.operation) == (network, operation)]
            draw_lane(axes, place + (lane - 1) * LANE, group, colour)
        axes.plot([], [], "o", color=colour, label=operation.replace("_", " "))
    axes.plot([], [], "|", color="0.25", markersize=11, markeredgewidth=3, label="geometric mean")
    draw_frame(axes, networks, [row.best for row in rows if row.best is not None])
    figure.suptitle(title(results), fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def draw_lane(axes: Any, y: float, rows: list[Row], colour: str) -> None:
    ratios = [row.best for row in rows if row.best is not None]
    axes.plot(ratios, [y] * len(ratios), "o", color=colour, alpha=0.45, markeredgewidth=0)
    if ratios:
        mean = statistics.geometric_mean(ratios)
        axes.plot([mean], [y], "|", color=colour, markersize=12, markeredgewidth=3.5)


def draw_frame(axes: Any, networks: list[str], ratios: list[float]) -> None:
    """The scale, the line of equal speed and the names."""
    low, high = min(0.4, *ratios) / 1.15, max(2.5, *ratios) * 1.15
    axes.set_xscale("log", base=2)
    axes.set(xlim=(low, high), ylim=(len(networks) - 0.45, -0.55))
    ticks = [2.0**power for power in range(-6, 10) if low <= 2.0**power <= high]
    axes.set_xticks(ticks, [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    axes.set_yticks(range(len(networks)), [TITLES[name] for name in networks])
    axes.axvspan(1, high, color="#009e73", alpha=0.07, linewidth=0)
    axes.axvline(1, color="0.25", linewidth=1.2)
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for place in range(1, len(networks)):
        axes.axhline(place - 0.5, color="0.85", linewidth=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.text(1.04, -0.5, "cnn_ext is faster", color="#00694d", fontsize=9, va="top")
    axes.set_xlabel("speed of cnn_ext / speed of the fastest peer")
    axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=4, frameon=False)


def title(results: Results) -> str:
    return f"Each dot: one layer at one batch size, beside {caption(results)}"


def caption(results: Results, more: str = "") -> str:
    """The peers, and on a second line the machine."""
    machine = results.machine
    names = [NAMES[name] for name in machine["versions"] if name in NAMES]
    peers = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)
    return (
        f"the fastest of {peers}{more}\n"
        f"{machine['cpu']}, {machine['isa']}, {machine['threads']} threads, float32"
    )
