"""What a benchmark ran on: the processor, its arithmetic limit and its other users."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("fma_peak.c")
FLAGS = {"avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx512f", "-mfma"]}


class Machine:
    """Made before a run and described after it; peaks are GFLOP/s before and after."""

    def __init__(self, isa: str, threads: int, versions: dict[str, str]) -> None:
        self.isa, self.threads, self.versions = isa, threads, versions
        self.peaks = [fma_peak(isa, threads)]

    def describe(self) -> dict[str, Any]:
        return {
            "cpu": cpu_model(),
            "isa": self.isa,
            "threads": self.threads,
            "versions": self.versions,
            "peaks": [*self.peaks, fma_peak(self.isa, self.threads)],
        }


def fma_peak(isa: str, threads: int) -> float | None:
    """GFLOP/s of fma_peak.c with this instruction set, or None without a C compiler."""
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "fma_peak")
        flags = ["-O3", "-pthread", *FLAGS.get(isa, [])]
        subprocess.run([compiler, *flags, str(SOURCE), "-o", program], check=True)
        return float(subprocess.check_output([program, str(threads)]))


class Bystanders:
    """Other processes, from now on."""

    def __init__(self) -> None:
        self.start, self.before = time.perf_counter(), self.seconds()

    def share(self) -> float:
        """The part of the processors that they took."""
        elapsed = (time.perf_counter() - self.start) * (os.cpu_count() or 1)
        return max(0.0, (self.seconds() - self.before) / elapsed)

    @staticmethod
    def seconds() -> float:
        """Processor time of all processes but this one; constant where it is not known."""
        stat = Path("/proc/stat")
        if not stat.exists():
            return 0.0
        user, nice, system = map(int, stat.read_text().split()[1:4])
        return (user + nice + system) / os.sysconf("SC_CLK_TCK") - time.process_time()


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
