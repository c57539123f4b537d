"""What the benchmark of the kernels found: as lines of a table, as a summary and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SLOW = 0.8
BUSY = 0.1
SHORT = {"tensorflow": "TF", "onnxruntime": "ORT", "openvino": "OV"}


@dataclass
class Row:
    """One geometry, batch and operation, with each contestant's seconds per call."""

    network: str
    layer: str
    batch: int
    operation: str
    flops: int
    seconds: dict[str, float]
    others: float  # share of the processors that other processes took meanwhile

    @property
    def gflops(self) -> float:
        return self.flops / self.seconds["cnn_ext"] * 1e-9

    def ratio(self, peer: str) -> float | None:
        """The peer's time by ours; None if it cannot do this row."""
        return self.seconds[peer] / self.seconds["cnn_ext"] if peer in self.seconds else None

    @property
    def best(self) -> float | None:
        """The ratio to the fastest peer."""
        return min((self.ratio(peer) for peer in self.seconds if peer != "cnn_ext"), default=None)


@dataclass
class Results:
    """All rows of a run, the wrong ones as text, and what it ran on.

    footprints: megabytes by what was done, contestant and stage, as footprint.py has them.
    """

    machine: dict[str, Any]
    rows: list[Row]
    wrong: list[str]
    footprints: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    imports: dict[str, float] = field(default_factory=dict)  # seconds


def save(results: Results, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(results), indent=1) + "\n")


def load(path: Path) -> Results:
    saved = json.loads(path.read_text())
    return Results(**(saved | {"rows": [Row(**row) for row in saved["rows"]]}))


def heading(peers: Iterable[str]) -> str:
    columns = [f"{'layer':42}", "batch", f"{'operation':15}", " us/image", "GFLOP/s", "% peak"]
    return " ".join([*columns, *(f"{SHORT.get(peer, peer):>6}" for peer in peers), "  best"])


def line(row: Row, peak: float | None, peers: Iterable[str]) -> str:
    time = row.seconds["cnn_ext"] / row.batch * 1e6
    percent = f"{100 * row.gflops / peak:6.0f}" if peak else f"{'-':>6}"
    name = f"{row.network} {row.layer}"
    columns = [f"{name:42}", f"{row.batch:5}", f"{row.operation:15}", f"{time:9.2f}"]
    columns += [f"{row.gflops:7.1f}", percent]
    ratios = [f"{number(row.ratio(peer)):>6}" for peer in peers]
    busy = "*" if row.others > BUSY else ""
    return " ".join([*columns, *ratios, f"{number(row.best):>6}{busy}"])


def table(results: Results) -> str:
    peers = [name for name in results.machine["versions"] if name != "cnn_ext"]
    peak = results.machine["peaks"][0]
    return "\n".join([heading(peers), *(line(row, peak, peers) for row in results.rows)])


def footprints_table(results: Results) -> str:
    """Megabytes that each stage adds, and seconds of import."""
    lines = []
    for what, contestants in results.footprints.items():
        stages = list(next(iter(contestants.values())))
        lines += ["", f"{what}, MB:".ljust(42) + "".join(f"{stage:>9}" for stage in stages)]
        for name, grown in contestants.items():
            lines.append(f"{name:42}" + "".join(f"{grown[stage]:9.1f}" for stage in stages))
    if results.imports:
        lines += ["", f"{'import, NumPy included:':42}{'s':>9}"]
        lines += [f"{name:42}{seconds:9.3f}" for name, seconds in results.imports.items()]
    return "\n".join(lines)


def number(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def summary(results: Results) -> str:
    """Means over all rows, the slow rows and the wrong ones, and the machine."""
    lines = [""]
    for operation in dict.fromkeys(row.operation for row in results.rows):
        rows = [row for row in results.rows if row.operation == operation]
        if ratios := [row.best for row in rows if row.best is not None]:
            mean = statistics.geometric_mean(ratios)
            lines.append(f"{operation:15} {mean:6.2f} x the fastest peer, {len(ratios)} rows")
    compared = [row for row in results.rows if row.best is not None]
    slow = [row for row in compared if row.best is not None and row.best < SLOW]
    if compared:
        lines.append(f"{len(slow)} of {len(compared)} rows are below {SLOW} of the fastest peer")
    for row in sorted(slow, key=lambda row: row.best or 0):
        name = f"{row.network} {row.layer}, batch {row.batch}, {row.operation}"
        lines.append(f"  {number(row.best)}  {name}")
    if busy := sum(row.others > BUSY for row in results.rows):
        share = f"more than {100 * BUSY:.0f} % of the processors"
        lines.append(f"* {busy} rows were timed while other processes took {share}: do not trust")
    lines += [f"WRONG: {text}" for text in results.wrong]
    return "\n".join([*lines, machine_line(results.machine)])


def machine_line(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    peaks = " and ".join(f"{peak:.0f}" for peak in machine["peaks"] if peak) or "-"
    return (
        f"{machine['cpu']}, {machine['isa']}, {machine['threads']} threads; {versions}; "
        f"peak {peaks} GFLOP/s before and after"
    )
