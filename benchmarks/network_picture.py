"""The picture of whole networks' speed beside the fastest of the peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from architectures import NETWORKS
from picture import COLOURS, caption
from report import Results, Row

OPERATIONS = {
    "training": "Training: a step of model.fit",
    "forward": "Inference: one call of model(x)",
}
TITLES = {
    "textbook": "textbook CNN\n28x28x1",
    "lenet5": "LeNet-5\n28x28x1",
    "vgg": "VGG-like\n32x32x3",
    "resnet20": "ResNet-20\n32x32x3",
    "mobilenet": "MobileNet ¼\n96x96x3",
}
BAR = 0.26  # of the width of a network's place


def draw(results: Results, path: Path) -> None:
    """A bar for every network and batch: how many times the fastest peer's speed."""
    from matplotlib.figure import Figure

    rows = [row for row in results.rows if row.best is not None and row.operation in OPERATIONS]
    shown = [name for name in OPERATIONS if any(row.operation == name for row in rows)]
    if not shown:
        raise SystemExit("no picture: there is no peer in these results")
    figure = Figure(figsize=(9, 0.9 + 2.9 * len(shown)), dpi=150, layout="constrained")
    panels = figure.subplots(len(shown), squeeze=False)[:, 0]
    for axes, operation in zip(panels, shown, strict=True):
        draw_panel(axes, [row for row in rows if row.operation == operation])
        axes.set_title(OPERATIONS[operation], fontsize=11, loc="left")
    panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False)
    figure.supylabel("speed of cnn_ext / speed of the fastest peer", fontsize=10)
    what = "cnn_ext beside " + caption(results, "; above 1, cnn_ext is faster")
    figure.suptitle(what, fontsize=9.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def draw_panel(axes: Any, rows: list[Row]) -> None:
    networks = [name for name in NETWORKS if any(row.network == name for row in rows)]
    batches = sorted({row.batch for row in rows})
    for lane, batch in enumerate(batches):
        for row in (row for row in rows if row.batch == batch):
            x = networks.index(row.network) + (lane - (len(batches) - 1) / 2) * BAR
            ratio = row.best or 0.0
            colour = COLOURS[lane % len(COLOURS)]
            axes.bar(x, ratio, 0.9 * BAR, color=colour, alpha=0.85)
            label = f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"
            axes.annotate(
                label, (x, ratio), (0, 3), textcoords="offset points", ha="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip
        axes.bar([0], [0], color=COLOURS[lane % len(COLOURS)], alpha=0.85, label=f"batch {batch}")
    axes.axhline(1, color="0.2", linewidth=1.3)
    axes.set_xticks(range(len(networks)), [TITLES[name] for name in networks], fontsize=10)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(networks) - 0.45)
    axes.set_ylim(0, 1.12 * max(1.2, *(row.best or 0.0 for row in rows)))
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
