"""Time of convolution, bias, ReLU and max-pooling in one, and of the gradients that skip zeros.

    python benchmarks/fused.py --batch 1,32,256 --alive 0.55

Forward is compared with the same kernels one after the other; the gradients by weight and input,
which sum over lists of the gradients that ReLU and the pooling let pass, with the dense kernels:
the direct sums, and whatever serves the size (Winograd's algorithm, often). Alive is the part of
the pooling windows that pass a gradient: 0.52 to 0.62 in the second layer of the textbook network
through its first epochs. All contestants take turns; medians count.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from cnn_ext import _kernels
from cnn_ext.ops.conv import conv_geometry
from cnn_ext.ops.pooling import pool_geometry

LAYERS = {  # height and width, channels in, filters; windows 3x3, same, then 2x2 pooling
    "textbook conv1": (28, 1, 32),
    "textbook conv2": (14, 32, 64),
    "32x32x32 -> 64": (32, 32, 64),
    "16x16x64 -> 128": (16, 64, 128),
}
ROUNDS, TURN = 15, 0.004


def sample(run: Callable) -> float:
    """Seconds per call over one turn, after a call that is not timed."""
    run()
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < TURN:
        run()
        calls += 1
    return elapsed / calls


def in_turns(runs: dict[str, Callable]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            times[name].append(sample(run))
    return {name: statistics.median(taken) for name, taken in times.items()}


def served_by(name: str, run: Callable) -> Callable:
    def restricted():
        with _kernels.use_kernels(name):
            run()

    return restricted


def contestants(size: int, c_in: int, filters: int, n: int, alive: float) -> dict[str, dict]:
    """What to time, by operation."""
    rng = np.random.default_rng(0)
    k, g = _kernels, conv_geometry((n, size, size, c_in), (3, 3, c_in, filters), 1, "same")
    pooling = pool_geometry(g.y_shape, 2)
    x, weight, dense = (
        rng.standard_normal(shape, dtype=np.float32)
        for shape in (g.x_shape, g.weight_shape, g.y_shape)
    )
    bias = np.zeros(filters, np.float32)
    code = rng.integers(0, 4, pooling.y_shape).astype(np.uint8)
    code[rng.random(code.shape) > alive] = 255
    grad = rng.standard_normal(code.shape, dtype=np.float32)

    def one_by_one():
        y = k.relu_forward(k.add_bias(k.conv2d_forward(x, weight, g), bias))
        k.max_pool2d_forward(y, pooling)

    def by_weight():
        k.conv2d_backward_weight(x, dense, g)

    def by_input():
        k.conv2d_backward_input(dense, weight, g)

    return {
        "forward": {
            "fused": lambda: k.conv2d_relu_pool_forward(x, weight, bias, g, 2, 2),
            "one by one": one_by_one,
        },
        "backward_weight": {
            "fused": lambda: k.conv2d_relu_pool_backward_weight(x, grad, code, g, 2, 2),
            "direct": served_by("direct", by_weight),
            "dense": by_weight,
        },
        "backward_input": {
            "fused": lambda: k.conv2d_relu_pool_backward_input(grad, code, weight, g, 2, 2),
            "direct": served_by("direct", by_input),
            "dense": by_input,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", default="1,32,256", help="batch sizes, by commas")
    parser.add_argument("--alive", type=float, default=0.55, help="part of the windows (0 to 1)")
    options = parser.parse_args()
    print(f"{_kernels.isa()}, {_kernels.get_num_threads()} threads, alive {options.alive:.2f}")
    print(f"{'':16} {'batch':>5} {'operation':16} {'us/image':>9}   times as fast as")
    for name, sizes in LAYERS.items():
        for n in map(int, options.batch.split(",")):
            for operation, runs in contestants(*sizes, n, options.alive).items():
                times = in_turns(runs)
                ours = times.pop("fused")
                ratios = ", ".join(f"{other} {t / ours:.2f}" for other, t in times.items())
                print(f"{name:16} {n:5} {operation:16} {ours / n * 1e6:9.2f}   {ratios}")


if __name__ == "__main__":
    main()
