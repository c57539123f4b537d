"""Time of whole networks in use, beside other libraries.

    python benchmarks/networks.py --peers tensorflow,torch,onnxruntime
    python benchmarks/networks.py --filter textbook --batch 1 --peers onnxruntime

A call is `model(x)` without recording, on images in memory; batch 256 is also timed as
`model.predict` of 1024 images, for which a peer makes four calls. Results are compared with every
peer's before they are timed. How contestants take turns: see kernels.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import cnn_ext
from architectures import NETWORKS
from check import relative_error
from cnn_ext import _kernels
from cnn_ext.autograd import no_grad
from kernels import fastest, names_among, time_in_turns
from machine import Bystanders, Machine
from network_peers import NETWORK_PEERS
from report import Results, Row, heading, line, save, summary

ALLOWED = 1e-4  # of the largest probability
PREDICTED = 4  # batches


def settled(name: str) -> Any:
    """The network, with moving statistics that are not 0 and 1."""
    cnn_ext.utils.set_random_seed(0)
    model = NETWORKS[name](cnn_ext)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(0.5 + rng.random(variable.shape).astype("float32"))
        elif variable.name in ("beta", "moving_mean", "bias"):
            variable.assign(0.1 * rng.standard_normal(variable.shape).astype("float32"))
    return model


def flops_of(model: Any, x: np.ndarray) -> int:
    plan = model._plans.found(model, model._graph, (x.shape,))
    return sum(step.flops for step in plan.steps)


def measure(name: str, model: Any, batch: int, peers: dict[str, Any], budget: float) -> list[Row]:
    """Check and time one network at one batch size."""
    shape = (batch, *model.input_shape[1:])
    x = np.random.default_rng(1).random(shape, dtype=np.float32)
    ours = model(x).data
    calls: dict[str, list[Callable[[], Any]]] = {"cnn_ext": [lambda: model(x)]}
    for peer_name, peer in peers.items():
        calls[peer_name] = []
        for candidate in peer.network(name, model, NETWORKS[name], x):
            error = relative_error(ours, candidate.read(candidate.run()))
            if error > ALLOWED:
                raise ArithmeticError(f"off from {peer_name} by {error:.1e}, allowed {ALLOWED}")
            calls[peer_name].append(candidate.run)
    flops = flops_of(model, x)
    runs = {one: fastest(candidates) for one, candidates in calls.items() if candidates}
    others = Bystanders()
    seconds = time_in_turns(runs, budget)
    rows = [Row(name, "", batch, "forward", flops, seconds, others.share())]
    if batch == 256:
        many = np.concatenate([x] * PREDICTED)
        predict = {"cnn_ext": lambda: model.predict(many, batch_size=batch, verbose=0)}
        for peer_name, (run, _) in list(runs.items())[1:]:
            predict[peer_name] = lambda run=run: [run() for _ in range(PREDICTED)]
        others = Bystanders()
        seconds = time_in_turns({one: fastest([run]) for one, run in predict.items()}, budget)
        rows.append(
            Row(name, "", batch * PREDICTED, "predict", flops * PREDICTED, seconds, others.share())
        )
    return rows


def run(options: argparse.Namespace) -> Results:
    """Measure everything asked for, printing as it goes."""
    threads = _kernels.get_num_threads()
    peers = {}
    for name in options.peers:
        try:
            peers[name] = NETWORK_PEERS[name](threads)
        except ImportError as error:
            print(f"{name} is left out: {error}")
    versions = {name: peer.version for name, peer in peers.items()}
    machine = Machine(_kernels.isa(), threads, {"cnn_ext": cnn_ext.__version__, **versions})
    rows, wrong = [], []
    print(heading(peers))
    for name in NETWORKS:
        if options.filter not in name:
            continue
        model = settled(name)
        for batch in options.batch:
            try:
                found = measure(name, model, batch, peers, options.seconds)
            except ArithmeticError as error:
                wrong.append(f"{name}, batch {batch}: {error}")
                print(f"WRONG: {wrong[-1]}", flush=True)
                continue
            for row in found:
                print(line(row, machine.peaks[0], peers), flush=True)
            rows += found
    return Results(machine.describe(), rows, wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    known = tuple(NETWORK_PEERS)
    add("--peers", type=names_among(known), default=[], help=",".join(known))
    add("--filter", default="", help=f"part of a name: {', '.join(NETWORKS)}")
    add("--batch", type=lambda text: [int(n) for n in text.split(",")], default=[1, 32, 256])
    add("--seconds", type=float, default=0.5, help="to spend per row and contestant")
    add("--json", type=Path, default=Path("output/networks.json"), help="where to write results")
    options = parser.parse_args()
    with no_grad():
        results = run(options)
    save(results, options.json)
    print(summary(results))
    return 1 if results.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
