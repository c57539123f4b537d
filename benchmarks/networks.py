"""Whole networks, trained and in use, beside other libraries: time, memory, time of import.

    python benchmarks/networks.py --peers tensorflow,torch,jax,onnxruntime,openvino
    python benchmarks/networks.py --filter textbook --batch 32 --mode training --peers torch
    python benchmarks/networks.py --from output/networks.json --picture docs/networks.png

`training` is `model.fit`: epochs over images in memory, shuffled, with Adam, dropout, loss and
accuracy, and the time is that of a step. `forward` is a call `model(x)` without recording, and
`predict` is `model.predict`, of one image or of four batches of 256, for which a peer makes calls.
GFLOP/s count the products and sums of the layers, three times over for training.

Every peer is checked before it is timed: same outputs; same loss at the first two training steps
(without dropout), which then falls. How contestants take turns: see kernels.py. Memory is measured
apart, in a process for each contestant (footprint.py), on the networks that --footprint names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from architectures import NETWORKS, flops_of, settled
from check import relative_error
from cnn_ext import _kernels
from cnn_ext.autograd import no_grad
from footprint import import_seconds, measured
from kernels import fastest, names_among, time_in_turns
from machine import Bystanders, Machine
from network_peers import CONTESTANTS, NETWORK_PEERS, Epoch
from network_picture import draw
from report import Results, Row, footprints_table, heading, line, load, save, summary, table

MODES = ("training", "inference")
ALLOWED = 1e-4  # of the largest probability; of the first loss
ALLOWED_LATER = 1e-2  # of the second: Adam's first step follows the sign of tiny gradients too
PREDICTED = {1: 1, 256: 4}  # batches of a predict, by their size
CHECKED = 16  # images on which training is compared
TURN = 66e9  # FLOPs forward of an epoch that is timed, at most: 8,000 images of the textbook CNN
STEPS = 1000  # of it, at most


class Bench:
    """The contestants of a run, cnn_ext first, and how long each row may take."""

    def __init__(self, peers: list[str], seconds: float, images: int) -> None:
        self.seconds, self.images = seconds, images
        self.threads = _kernels.get_num_threads()
        self.players: dict[str, Any] = {}
        self.checked: set[str] = set()  # networks whose training is that of cnn_ext in all peers
        for name in ("cnn_ext", *peers):
            try:
                self.players[name] = CONTESTANTS[name](self.threads)
            except ImportError as error:
                print(f"{name} is left out: {error}")
        self.peers = list(self.players)[1:]
        self.versions = {name: player.version for name, player in self.players.items()}

    def row(
        self,
        name: str,
        batch: int,
        operation: str,
        flops: int,
        runs: dict[str, Any],
        calls: int = 1,
    ) -> Row:
        """Time runs, of several calls each, in turns; a row has the time of one call."""
        others = Bystanders()
        seconds = time_in_turns(runs, self.seconds)
        each = {one: taken / calls for one, taken in seconds.items()}
        return Row(name, "", batch, operation, flops, each, others.share())

    def inference(self, name: str, batch: int) -> list[Row]:
        model = settled(name)
        x = np.random.default_rng(1).random((batch, *model.input_shape[1:]), dtype=np.float32)
        flops, expected = batch * flops_of(model), model(x).data
        runs: dict[str, tuple[Callable, float]] = {}
        for one, player in self.players.items():
            found = player.network(name, model, x)
            for candidate in found:
                error = relative_error(expected, candidate.read(candidate.run()))
                allow(error, ALLOWED, f"outputs of {one}")
            runs[one] = fastest([candidate.run for candidate in found])
        rows = [self.row(name, batch, "forward", flops, runs)]
        if count := PREDICTED.get(batch):
            ours = self.players["cnn_ext"].predict(model, np.concatenate([x] * count), batch)
            runs["cnn_ext"] = (ours, 0.0)
            several = {
                one: fastest([run if one == "cnn_ext" else repeated(run, count)])
                for one, (run, _) in runs.items()
            }
            rows.append(self.row(name, batch, "predict", flops, several, count))
        return rows

    def training(self, name: str, batch: int) -> list[Row]:
        model = settled(name)
        if name not in self.checked:
            self.check_training(name, model)
            self.checked.add(name)
        per_image = flops_of(model)
        images = min(self.images, int(TURN / per_image), STEPS * batch)
        steps = max(1, images // batch)
        x, y = labelled(model, steps * batch)
        runs = {}
        for one, epochs in self.epochs(name, model, x, y, batch).items():
            for epoch in epochs:
                epoch()  # traces, compiles
            runs[one] = fastest(epochs)
        return [self.row(name, batch, "training", 3 * batch * per_image, runs, steps)]

    def epochs(self, name: str, model: Any, x: Any, y: Any, batch: int) -> dict[str, list[Epoch]]:
        return {
            one: list(player.training(name, model, x, y, batch))
            for one, player in self.players.items()
            if hasattr(player, "training")
        }

    def check_training(self, name: str, model: Any) -> None:
        """One batch again and again, without dropout: same losses, and they fall."""
        rates = {layer: layer.rate for layer in model.layers if hasattr(layer, "rate")}
        for layer in rates:
            layer.rate = 0.0
        expected: list[float] = []
        for one, epochs in self.epochs(name, model, *labelled(model, CHECKED), CHECKED).items():
            for epoch in epochs:
                losses = [epoch() for _ in range(6)]
                expected = expected or losses
                for (found, right), most in zip(
                    zip(losses, expected, strict=True), (ALLOWED, ALLOWED_LATER), strict=False
                ):
                    allow(abs(found - right) / right, most, f"losses of {one}")
                if not losses[-1] < losses[0]:
                    raise ArithmeticError(f"losses of {one} do not fall: {losses}")
        for layer, rate in rates.items():
            layer.rate = rate


def labelled(model: Any, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Random images and labels: the values do not change the time."""
    rng = np.random.default_rng(2)
    x = rng.random((images, *model.input_shape[1:]), dtype=np.float32)
    return x, rng.integers(0, model.output_shape[-1], images)


def allow(error: float, most: float, what: str) -> None:
    if not error <= most:
        raise ArithmeticError(f"{what} are off by {error:.1e}, allowed {most:.0e}")


def repeated(run: Callable, times: int) -> Callable[[], Any]:
    return lambda: [run() for _ in range(times)]


def run(options: argparse.Namespace) -> Results:
    """Measure everything asked for, printing as it goes."""
    bench = Bench(options.peers, options.seconds, options.images)
    machine = Machine(_kernels.isa(), bench.threads, bench.versions)
    rows, wrong = [], []
    names = [name for name in NETWORKS if options.filter in name]
    print(heading(bench.peers))
    for name, mode, batch in (
        (name, mode, batch) for name in names for mode in options.mode for batch in options.batch
    ):
        try:
            if mode == "training":
                found = bench.training(name, batch)
            else:
                with no_grad():
                    found = bench.inference(name, batch)
        except ArithmeticError as error:
            wrong.append(f"{name}, batch {batch}, {mode}: {error}")
            print(f"WRONG: {wrong[-1]}", flush=True)
            continue
        for row in found:
            print(line(row, machine.peaks[0], bench.peers), flush=True)
        rows += found
    footprints = {
        f"{name}, batch {max(options.batch)}, {mode}": {
            one: measured(one, mode, name, max(options.batch), options.images)
            for one, player in bench.players.items()
            if mode == "inference" or hasattr(player, "training")
        }
        for name in options.footprint
        for mode in options.mode
    }
    imports = {one: import_seconds(one) for one in bench.players} if options.footprint else {}
    return Results(machine.describe(), rows, wrong, footprints, imports)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    listed = ",".join
    add("--peers", type=names_among(NETWORK_PEERS), default=[], help=listed(NETWORK_PEERS))
    add("--mode", type=names_among(MODES), default=list(MODES), help=listed(MODES))
    add("--filter", default="", help=f"part of a name: {', '.join(NETWORKS)}")
    add("--batch", type=lambda text: [int(n) for n in text.split(",")], default=[1, 32, 256])
    add("--seconds", type=float, default=0.5, help="to spend per row and contestant, at least")
    add("--images", type=int, default=8000, help="of an epoch that is timed, at most")
    add("--footprint", type=names_among(tuple(NETWORKS)), default=["textbook"],
        help="networks whose memory is measured; '' for none, and no time of import")  # fmt: skip
    add("--json", type=Path, default=Path("output/networks.json"), help="where to write results")
    add("--from", type=Path, dest="saved", help="read these results instead of measuring")
    add("--picture", type=Path, help="draw the ratios to the fastest peer here")
    options = parser.parse_args()
    if options.saved:
        results = load(options.saved)
        print(table(results))
    else:
        results = run(options)
        save(results, options.json)
    print(footprints_table(results))
    print(summary(results))
    if options.picture:
        draw(results, options.picture)
    return 1 if results.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
