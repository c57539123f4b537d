"""The benchmark of the kernels runs, and times no wrong result."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnn_ext import _kernels

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
OPERATIONS = ("forward", "backward_input", "backward_weight")


def test_kernels_prints_and_saves_every_row(tmp_path: Path) -> None:
    program = [sys.executable, str(BENCHMARKS / "kernels.py"), "--json", str(tmp_path / "out.json")]
    arguments = ["--filter", "textbook", "--batch", "1", "--seconds", "0.01"]
    path = os.pathsep.join([str(BENCHMARKS), *filter(None, sys.path)])
    text = subprocess.check_output(
        [*program, *arguments], text=True, env=os.environ | {"PYTHONPATH": path}
    )
    saved = json.loads((tmp_path / "out.json").read_text())
    assert saved["wrong"] == []
    for operation in OPERATIONS:
        rows = [row for row in saved["rows"] if row["operation"] == operation]
        assert len(rows) == 4 == text.count(f" 1 {operation} ")
        assert all(row["flops"] > 0 and row["seconds"]["cnn_ext"] > 0 for row in rows)


def test_networks_are_timed_whole(tmp_path: Path) -> None:
    program = [
        sys.executable,
        str(BENCHMARKS / "networks.py"),
        "--json",
        str(tmp_path / "out.json"),
    ]
    path = os.pathsep.join([str(BENCHMARKS), *filter(None, sys.path)])
    text = subprocess.check_output(
        [*program, "--batch", "2", "--seconds", "0.01"],
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    saved = json.loads((tmp_path / "out.json").read_text())
    assert saved["wrong"] == [] and len(saved["rows"]) == 5
    for row in saved["rows"]:
        assert row["network"] in text
        assert row["flops"] > 0 and row["seconds"]["cnn_ext"] > 0


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", ["31x29x17->33 5x5 /2", "dilation 2", "groups 2", "3x3 depthwise"])
def test_a_wrong_kernel_is_noticed(
    operation: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    kernels, geometries = (importlib.import_module(m) for m in ("kernels", "geometries"))
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
