"""Cost against batch, number of images and size of images, for the textbook CNN.

    python benchmarks/scaling.py --picture docs/scaling.png
    python benchmarks/scaling.py --from output/scaling.json --picture docs/scaling.png

Three sweeps of `model.fit` (an epoch) and `model.predict`: one batch of 1 to 4,096 images; as many
images in batches of 32; eight images of 28x28 to 224x224 pixels. Times are medians, the fit's and
the predict's taken in turns. The last column is the time for an image, or for 784 pixels, by the
sweep's median of that: 1 where the cost is linear.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np

import cnn_ext
from architectures import compiled, textbook
from cnn_ext import _kernels
from kernels import fastest, time_in_turns
from machine import Bystanders, cpu_model
from picture import COLOURS

USES = ("fit", "predict")
SIZES = (28, 56, 84, 112, 168, 224)
TITLES = {
    "batch": ("one batch of n images", "images in the batch"),
    "images": ("n images, 32 a batch", "images"),
    "pixels": ("8 images of n pixels", "pixels of an image"),
}


def points(most: int, side: int) -> dict[str, list[tuple[int, int, int, int]]]:
    """For each sweep: n, images, batch size, rows and columns."""
    powers = [2**power for power in range(most.bit_length())]
    return {
        "batch": [(n, n, n, 28) for n in powers],
        "images": [(n, n, 32, 28) for n in powers if n >= 32],
        "pixels": [(size * size, 8, 8, size) for size in SIZES if size <= side],
    }


def timed(images: int, batch: int, size: int, budget: float) -> tuple[dict[str, float], float]:
    """Seconds of each use, and the share of the processors that others took."""
    cnn_ext.utils.set_random_seed(0)
    model = compiled(cnn_ext, textbook(cnn_ext, size))
    rng = np.random.default_rng(0)
    x = rng.random((images, size, size, 1), dtype=np.float32)
    y = rng.integers(0, 10, images)
    calls = {
        "fit": lambda: model.fit(x, y, batch_size=batch, verbose=0),
        "predict": lambda: model.predict(x, batch_size=batch, verbose=0),
    }
    for call in calls.values():
        call()
    others = Bystanders()
    seconds = time_in_turns({use: fastest([calls[use]]) for use in USES}, budget)
    return seconds, others.share()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cpu": cpu_model(), "isa": _kernels.isa(), "threads": _kernels.get_num_threads()
    }  # fmt: skip
    found["sweeps"] = {}
    for sweep, rows in points(options.most, options.side).items():
        found["sweeps"][sweep] = [
            (n, *timed(images, batch, size, options.seconds)) for n, images, batch, size in rows
        ]
        show(sweep, found["sweeps"][sweep])
    return found


def show(sweep: str, rows: list[Any]) -> None:
    heads = "".join(f"{use + ', ms':>14}{'us/' + ('784 px' if sweep == 'pixels' else 'image'):>12}"
                    f"{'ratio':>9}" for use in USES)  # fmt: skip
    print(f"{TITLES[sweep][0]:>24}{heads}")
    unit = 784 / 8 if sweep == "pixels" else 1.0  # eight images
    usual = usual_time(rows)
    for n, seconds, others in rows:
        cells = "".join(
            f"{1e3 * seconds[use]:14.3f}{1e6 * unit * seconds[use] / n:12.2f}"
            f"{seconds[use] / n / usual[use]:9.2f}"
            for use in USES
        )
        print(f"{n:24}{cells}{' *' if others > 0.1 else ''}", flush=True)


def usual_time(rows: list[Any]) -> dict[str, float]:
    """For each use, the median time of one of n."""
    return {use: statistics.median(row[1][use] / row[0] for row in rows) for use in USES}


def draw(found: dict[str, Any], path: Path) -> None:
    """Times on logarithmic axes, with lines of what linear cost would be."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.9), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(found["sweeps"]), sharey=True)
    for axes, (sweep, rows) in zip(panels, found["sweeps"].items(), strict=True):
        ns = np.array([row[0] for row in rows])
        for use, colour in zip(USES, COLOURS, strict=False):
            times = np.array([row[1][use] for row in rows])
            axes.plot(ns, times, "o-", color=colour, markersize=4, label=use)
            axes.plot(ns, usual_time(rows)[use] * ns, "--", color=colour, linewidth=1, alpha=0.7)
        axes.plot([], [], "--", color="0.4", linewidth=1, label="linear")
        axes.set_xscale("log", base=2 if sweep != "pixels" else 10)
        axes.set_yscale("log")
        if sweep == "pixels":
            shown = (28, 56, 112, 224)
            axes.set_xticks([n * n for n in shown], [f"{n}²" for n in shown])
            axes.set_xticks([], minor=True)
        else:
            ticks = [int(n) for n in ns[::-3][::-1]]
            axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
        title, label = TITLES[sweep]
        axes.set_title(title, fontsize=10.5)
        axes.set_xlabel(label)
        axes.grid(color="0.9", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("seconds of one call")
    panels[0].legend(frameon=False)
    machine = f"{found['cpu']}, {found['isa']}, {found['threads']} threads, float32"
    figure.suptitle(f"The textbook CNN: cost of an epoch of fit and of predict\n{machine}",
                    fontsize=9.5)  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--most", type=int, default=4096, help="images")
    add("--side", type=int, default=224, help="of the largest images, in pixels")
    add("--seconds", type=float, default=0.5, help="to spend per point and use, at least")
    add("--json", type=Path, default=Path("output/scaling.json"), help="where to write results")
    add("--from", type=Path, dest="saved", help="read these results instead of measuring")
    add("--picture", type=Path, help="draw the times here")
    options = parser.parse_args()
    if options.saved:
        found = json.loads(options.saved.read_text())
        for sweep, rows in found["sweeps"].items():
            show(sweep, rows)
    else:
        found = measure(options)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    print("* other processes took more than 10 % of the processors: do not trust")
    if options.picture:
        draw(found, options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
