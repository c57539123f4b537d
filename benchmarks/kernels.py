"""Time of the convolution kernels on the layers of known networks, beside other libraries.

    python benchmarks/kernels.py --peers tensorflow,torch,onnxruntime --picture docs/kernels.png
    python benchmarks/kernels.py --filter resnet50 --batch 1,32 --ops forward --isa avx2
    python benchmarks/kernels.py --from output/kernels.json --picture docs/kernels.png

Every result is compared with the definition (single elements, in float64) and with every peer
before it is timed; a wrong one is reported instead of timed, and the exit status is 1. GFLOP/s
count the textbook's products and sums, whatever the algorithm, so Winograd's can pass the peak.
A ratio is the peer's time by ours: above 1, cnn_ext is faster.

All contestants run in one process on as many threads as cnn_ext, in turns, and medians count.
Idle thread pools spin for a while (ONNX Runtime's for 30 ms), which makes its owner's next call
faster and everyone else's slower. No pool's settings are touched; instead each turn waits until
the process has gone quiet, and starts with a call that is not timed and wakes the turn's own pool.
Other processes are not waited for: rows that they may have spoilt are marked with a star. PyTorch,
whose threads spin at every barrier, then looks far slower than it is.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from check import error_by_definition, relative_error, tolerance
from cnn_ext import __version__, _kernels
from geometries import BATCHES, OPERATIONS, Problem, problems
from machine import Bystanders, Machine
from peers import PEERS
from picture import draw
from report import Results, Row, heading, line, load, save, summary, table

MIN_ROUNDS, MAX_ROUNDS = 5, 50
TURN = 0.001  # seconds of repeating a short call; the clock adds 0.06 us to each
WAKE = 0.01  # seconds of calls before it: a core that has idled is slow at first
LONG = 0.02  # a call that takes longer needs no untimed one before it


def our_call(problem: Problem, operation: str) -> Callable[[], np.ndarray]:
    if problem.layer.dense:
        x, weight, grad_y = problem.matrices()
        return {
            "forward": lambda: _kernels.gemm(x, weight),
            "backward_input": lambda: _kernels.gemm(grad_y, weight, transpose_b=True),
            "backward_weight": lambda: _kernels.gemm(x, grad_y, transpose_a=True),
        }[operation]
    x, weight, grad_y, g = problem.x, problem.weight, problem.grad_y, problem.geometry
    return {
        "forward": lambda: _kernels.conv2d_forward(x, weight, g),
        "backward_input": lambda: _kernels.conv2d_backward_input(grad_y, weight, g),
        "backward_weight": lambda: _kernels.conv2d_backward_weight(x, grad_y, g),
    }[operation]


def settle() -> None:
    """Wait until no thread of this process spins, not even now and then."""
    while True:
        before = time.process_time()
        time.sleep(0.004)
        if time.process_time() - before < 0.0002:
            return


def repeat(run: Callable, seconds: float) -> float:
    """Seconds per call, over as many calls as last so long."""
    calls, start = 0, time.perf_counter()
    while True:
        run()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return elapsed / calls


def sample(run: Callable, wake: bool) -> float:
    """Seconds per call over a turn; wake: after calls that are not timed."""
    settle()
    if wake:
        repeat(run, WAKE)
    return repeat(run, TURN)


def fastest(runs: list[Callable]) -> tuple[Callable, float]:
    """The fastest of some calls that have run before, with its rough time."""
    return min(((run, estimate(run)) for run in runs), key=lambda timed: timed[1])


def estimate(run: Callable) -> float:
    first = sample(run, wake=False)
    return first if first > LONG else min(first, sample(run, wake=True))


def time_in_turns(runs: dict[str, tuple[Callable, float]], budget: float) -> dict[str, float]:
    """Median seconds per call of each; runs holds calls and their rough times."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + budget * len(runs)
    order = list(runs)
    for done in range(MAX_ROUNDS):
        if done >= MIN_ROUNDS and time.perf_counter() > end:
            break
        for name in order:
            run, rough = runs[name]
            times[name].append(sample(run, wake=rough < LONG))
        order.append(order.pop(0))  # no one always follows the same other
    return {name: statistics.median(taken) for name, taken in times.items()}


def check_ours(problem: Problem, operation: str) -> np.ndarray:
    """Our result, if it is that of the definition."""
    result = our_call(problem, operation)().reshape(problem.result_shape(operation))
    allow(error_by_definition(problem, operation, result), "the definition", problem, operation)
    return result


def allow(error: float, other: str, problem: Problem, operation: str) -> None:
    allowed = tolerance(problem, operation)
    if error > allowed:
        raise ArithmeticError(f"off from {other} by {error:.1e}, allowed {allowed:.1e}")


def measure(problem: Problem, operation: str, peers: dict[str, Any], budget: float) -> Row:
    """Check and time one row."""
    ours = check_ours(problem, operation)
    runs = {"cnn_ext": fastest([our_call(problem, operation)])}
    for name, peer in peers.items():
        candidates = peer.candidates(problem, operation)
        for candidate in candidates:
            result = candidate.read(candidate.run()).reshape(ours.shape)
            allow(relative_error(ours, result), name, problem, operation)
        if candidates:
            runs[name] = fastest([candidate.run for candidate in candidates])
    others = Bystanders()
    seconds = time_in_turns(runs, budget)
    layer, n = problem.layer, problem.n
    flops = layer.flops(n)
    return Row(problem.network, layer.name, n, operation, flops, seconds, others.share())


def load_peers(names: list[str], threads: int) -> dict[str, Any]:
    """The peers that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = PEERS[name](threads)
        except ImportError as error:
            print(f"{name} is left out: {error}")
    return found


def run(options: argparse.Namespace) -> Results:
    """Measure everything asked for, printing as it goes."""
    _kernels.set_isa(options.isa)
    threads = _kernels.get_num_threads()
    peers = load_peers(options.peers, threads)
    versions = {name: peer.version for name, peer in peers.items()}
    machine = Machine(_kernels.isa(), threads, {"cnn_ext": __version__, **versions})
    rows, wrong = [], []
    print(heading(peers))
    for problem in problems(options.batch, options.filter):
        problem.make_arrays()
        for operation in options.ops:
            try:
                rows.append(measure(problem, operation, peers, options.seconds))
                print(line(rows[-1], machine.peaks[0], peers), flush=True)
            except ArithmeticError as error:
                wrong.append(f"{problem}, batch {problem.n}, {operation}: {error}")
                print(f"WRONG: {wrong[-1]}", flush=True)
    return Results(machine.describe(), rows, wrong)


def names_among(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Reads a list like `a,b` on the command line."""

    def read(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"not among {', '.join(known)}: {unknown}")
        return names

    return read


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--peers", type=names_among(tuple(PEERS)), default=[], help=",".join(PEERS))
    add("--filter", default="", help="part of a name: vgg16, 3x3 …")
    add("--batch", type=lambda text: [int(n) for n in text.split(",")], default=list(BATCHES))
    add("--ops", type=names_among(OPERATIONS), default=list(OPERATIONS), help=",".join(OPERATIONS))
    add("--seconds", type=float, default=0.2, help="to spend per row and contestant")
    add(
        "--isa",
        choices=_kernels.isas(),
        help="force it on cnn_ext; the peers keep theirs",
    )
    add("--json", type=Path, default=Path("output/kernels.json"), help="where to write results")
    add("--from", type=Path, dest="saved", help="read these results instead of measuring")
    add("--picture", type=Path, help="draw the ratios to the fastest peer here")
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    if options.saved:
        results = load(options.saved)
        print(table(results))
    else:
        results = run(options)
        save(results, options.json)
    print(summary(results))
    if options.picture:
        draw(results, options.picture)
    return 1 if results.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
