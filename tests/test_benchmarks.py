"""The benchmarks run, and time no wrong result."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cnn_ext
from cnn_ext import _kernels

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
OPERATIONS = ("forward", "backward_input", "backward_weight")


def ran(program: str, folder: Path, arguments: list[str]) -> str:
    """What a benchmark prints; its results are in out.json."""
    command = [sys.executable, str(BENCHMARKS / program), "--json", str(folder / "out.json")]
    path = os.pathsep.join([str(BENCHMARKS), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.check_output([*command, *arguments], text=True, env=environment)


def modules(monkeypatch: pytest.MonkeyPatch, *names: str) -> list:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return [importlib.import_module(name) for name in names]


def test_kernels_prints_and_saves_every_row(tmp_path: Path) -> None:
    arguments = ["--filter", "textbook", "--batch", "1", "--seconds", "0.01"]
    text = ran("kernels.py", tmp_path, arguments)
    saved = json.loads((tmp_path / "out.json").read_text())
    assert saved["wrong"] == []
    for operation in OPERATIONS:
        rows = [row for row in saved["rows"] if row["operation"] == operation]
        assert len(rows) == 4 == text.count(f" 1 {operation} ")
        assert all(row["flops"] > 0 and row["seconds"]["cnn_ext"] > 0 for row in rows)


def test_networks_are_timed_whole(tmp_path: Path) -> None:
    arguments = ["--batch", "2", "--seconds", "0.01", "--images", "4"]
    text = ran("networks.py", tmp_path, arguments)
    saved = json.loads((tmp_path / "out.json").read_text())
    assert saved["wrong"] == [] and len(saved["rows"]) == 10
    for row in saved["rows"]:
        assert row["network"] in text and row["operation"] in text
        assert row["flops"] > 0 and row["seconds"]["cnn_ext"] > 0
    assert list(saved["footprints"]) == [
        "textbook, batch 2, training", "textbook, batch 2, inference"
    ]  # fmt: skip
    for found in saved["footprints"].values():
        stages = list(found["cnn_ext"].values())
        assert min(stages) >= 0 and stages[-1] == pytest.approx(sum(stages[:-1]), abs=0.3)
    assert 0 < saved["imports"]["cnn_ext"] < 10


def test_a_peer_that_trains_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    networks, architectures = modules(monkeypatch, "networks", "architectures")
    bench = networks.Bench([], 0.01, 4)
    model = architectures.settled("lenet5")
    bench.check_training("lenet5", model)
    ours = bench.players["cnn_ext"]

    class Other(type(ours)):
        """With another learning rate."""

        def training(self, *arguments):
            monkeypatch.setattr(architectures, "RATE", 1e-2)
            return super().training(*arguments)

    bench.players["other"] = Other(2)
    with pytest.raises(ArithmeticError, match="losses of other are off by"):
        bench.check_training("lenet5", model)


def test_pictures_are_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report, picture, scaling = modules(monkeypatch, "report", "network_picture", "scaling")
    machine = {"cpu": "a", "isa": "b", "threads": 2, "versions": {"cnn_ext": "1", "torch": "2"}}
    seconds = {"cnn_ext": 1.0, "torch": 2.0}
    rows = [
        report.Row("vgg", "", batch, operation, 1, seconds, 0.0)
        for operation in ("training", "forward")
        for batch in (1, 32)
    ]
    picture.draw(report.Results(machine, rows, []), tmp_path / "networks.png")
    rows = [(n, {"fit": n * 2.0, "predict": n * 1.0}, 0.0) for n in (1, 2, 4, 8)]
    found = {**machine, "sweeps": {"batch": rows, "images": rows, "pixels": rows}}
    scaling.draw(found, tmp_path / "scaling.png")
    for name in ("networks.png", "scaling.png"):
        assert (tmp_path / name).stat().st_size > 10_000


@pytest.mark.parametrize(
    "program, arguments, says",
    [
        (
            "memory.py",
            ["--only", "training,fit", "--rounds", "20", "--images", "64"],
            "promised: at most 150 MB in all\n",
        ),
        (
            "scaling.py",
            ["--most", "32", "--side", "56", "--seconds", "0.01"],
            "8 images of n pixels",
        ),
    ],
)
def test_memory_and_scaling_run(program: str, arguments: list, says: str, tmp_path: Path) -> None:
    assert says in ran(program, tmp_path, arguments)
    assert json.loads((tmp_path / "out.json").read_text())["cpu"]


# What Keras's own saving calls h5py with.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_saving_is_timed_of_models_that_both_read(keras, monkeypatch, tmp_path) -> None:
    (saving,) = modules(monkeypatch, "saving")
    saving.check(keras, tmp_path)
    found = saving.measure(keras, tmp_path, 1)
    assert list(found) == list(saving.USES)
    assert all(seconds[one] > 0 for seconds in found.values() for one in ("cnn_ext", "keras"))

    right = cnn_ext.saving.load_model

    def off_by_a_thousandth(path):
        model = right(path)
        model.set_weights([weight * 1.001 for weight in model.get_weights()])
        return model

    monkeypatch.setattr(cnn_ext.saving, "load_model", off_by_a_thousandth)
    with pytest.raises(ArithmeticError, match="cnn_ext is off by"):
        saving.check(keras, tmp_path)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", ["31x29x17->33 5x5 /2", "dilation 2", "groups 2", "3x3 depthwise"])
def test_a_wrong_kernel_is_noticed(
    operation: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels, geometries = modules(monkeypatch, "kernels", "geometries")
    problem = next(p for p in geometries.problems([1], name) if p.layer.h < 32)
    problem.make_arrays()
    kernels.check_ours(problem, operation)

    door = f"conv2d_{operation}"
    right = getattr(_kernels, door)

    def off_by_a_thousandth(*arguments):
        return right(*arguments) * 1.001

    monkeypatch.setattr(_kernels, door, off_by_a_thousandth)
    with pytest.raises(ArithmeticError, match="off from the definition"):
        kernels.check_ours(problem, operation)
