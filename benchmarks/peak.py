"""The most multiply-adds that this machine does per second, with one instruction set."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("fma_peak.c")
FLAGS = {"avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx512f", "-mfma"]}


def fma_peak(isa: str, threads: int) -> float | None:
    """GFLOP/s of fma_peak.c, or None without a C compiler."""
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "fma_peak")
        flags = ["-O3", "-pthread", *FLAGS.get(isa, [])]
        subprocess.run([compiler, *flags, str(SOURCE), "-o", program], check=True)
        return float(subprocess.check_output([program, str(threads)]))
