"""Memory and time of import of a contestant, each in a fresh process (Linux: reads /proc).

    python benchmarks/footprint.py cnn_ext training textbook 32 8000

prints as JSON the megabytes (of 10^6 bytes) that stay in memory after each stage, and the peak.
What the benchmark itself needs beside the library (a model in cnn_ext whose weights a peer takes)
is left out. The peak is VmHWM: `ru_maxrss` would begin with that of the process that started this.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

MODULES = {
    "cnn_ext": ["cnn_ext"],
    "tensorflow": ["tensorflow", "keras"],
    "torch": ["torch"],
    "jax": ["jax.numpy"],
    "onnxruntime": ["onnxruntime"],
    "openvino": ["openvino"],
}
STAGES = ("python", "numpy", "import", "data", "work")  # the sum of their growth is the peak


def megabytes(field: str = "VmRSS") -> float:
    """A field of the kernel's account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


def stages(contestant: str, mode: str, network: str, batch: int, images: int) -> dict[str, float]:
    """What each stage adds, in a process that has imported nothing yet, and the peak of all."""
    marks = [0.0, megabytes()]
    import numpy as np

    marks.append(megabytes())
    for module in MODULES[contestant]:
        importlib.import_module(module)
    marks.append(megabytes())

    from architectures import settled
    from network_peers import CONTESTANTS

    model = settled(network)
    player = CONTESTANTS[contestant](len(os.sched_getaffinity(0)))
    ready = megabytes()
    rng = np.random.default_rng(0)
    x = rng.random((images, *model.input_shape[1:]), dtype=np.float32)
    y = rng.integers(0, model.output_shape[-1], images)
    marks.append(marks[-1] + megabytes() - ready)
    before = megabytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    if mode == "training":
        next(player.training(network, model, x, y, batch))()
    elif hasattr(player, "predict"):
        player.predict(model, x, batch)()
    else:
        calls = player.network(network, model, x[:batch])
        for _ in range(0, images, batch):
            calls[0].run()
    marks.append(marks[-1] + max(0.0, megabytes("VmHWM") - before))
    grown = dict(zip(STAGES, np.diff(marks).round(1).tolist(), strict=True))
    return {**grown, "peak": round(marks[-1], 1)}


def measured(contestant: str, mode: str, network: str, batch: int, images: int) -> dict[str, float]:
    """`stages` of a fresh process."""
    command = [sys.executable, __file__, contestant, mode, network, str(batch), str(images)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    output = subprocess.check_output(command, env=environment, stderr=subprocess.DEVNULL)
    return json.loads(output)


def import_seconds(contestant: str, times: int = 5) -> float:
    """Median time of importing the library, NumPy included, measured inside fresh interpreters."""
    statement = "import " + ", ".join(["numpy", *MODULES.get(contestant, [])])
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    taken = [
        float(subprocess.check_output(command, stderr=subprocess.DEVNULL)) for _ in range(times)
    ]
    return statistics.median(taken)


if __name__ == "__main__":
    contestant, mode, network, *numbers = sys.argv[1:]
    print(json.dumps(stages(contestant, mode, network, *map(int, numbers))))
