"""What is shipped: an sdist and a small wheel that run alone, in an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MEGABYTE = 2**20

PROGRAM = """
import sys
import numpy as np
import cnn_ext as keras
assert "site-packages" in keras.__file__, keras.__file__
keras.utils.set_random_seed(1)
model = keras.Sequential([
    keras.layers.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.Flatten(),
    keras.layers.Dense(2, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
x = np.random.default_rng(0).normal(size=(64, 8, 8, 1))
y = (x.mean(axis=(1, 2, 3)) > 0).astype(int)
losses = model.fit(x, y, epochs=60, verbose=0).history["loss"]
assert losses[-1] < losses[0] / 2, losses
model.save_weights("model.weights.h5")
model.load_weights("model.weights.h5")
model.summary()
"""


def run(*command: str, cwd: Path) -> None:
    """Run a command that sees nothing of this process's Python."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, and the wheel built from it, as `python -m build` makes them."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT), cwd=folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return {"sdist": sdist, "wheel": wheel}


def test_the_wheel_is_small_and_complete(distributions: dict[str, Path]) -> None:
    wheel = distributions["wheel"]
    assert wheel.stat().st_size <= 2 * MEGABYTE
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("cnn_ext/_kernels") and name.endswith(".so") for name in names)
    assert {"cnn_ext/py.typed", "cnn_ext/_kernels.pyi"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"cnn_ext"}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_it_runs_alone(kind: str, distributions: dict[str, Path], tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "env", cwd=tmp_path)
    python = str(tmp_path / "env" / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", str(distributions[kind]), cwd=tmp_path)
    run(python, "-W", "error", "-c", PROGRAM, cwd=tmp_path)
