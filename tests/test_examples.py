"""The example scripts run; the textbook's run with Keras too, but for their import."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
TEXTBOOK = EXAMPLES / "textbook"
PICTURES = {
    "dense_networks.py": [
        "samples.png",
        "loss_without_dropout.png",
        "loss_with_dropout.png",
        "loss_early_stopping.png",
    ],
    "convolutional_network.py": [
        "cnn.png",
        "cnn-architecture.png",
        "cnn_loss.png",
        "first_image.png",
        "first_prediction.png",
    ],
    "feature_maps.py": [
        "weights_trained.png",
        "filters_trained.png",
        "filters_untrained.png",
        "feature_maps_first.png",
        "feature_maps_second.png",
    ],
}

# Runs a script on a few images of the data set, with another library in place of cnn_ext if told.
RUN = """
import sys, warnings
import matplotlib; matplotlib.use("Agg")
import numpy as np
script, library, data = sys.argv[1:]
keras = __import__(library)
with np.load(data) as small:
    x, y = small["x_train"][:400], small["y_train"][:400]
keras.datasets.fashion_mnist.load_data = lambda: ((x, y), (x[:100], y[:100]))
if library == "keras":
    keras.utils.plot_model = lambda *args, **kwargs: None  # it needs the graphviz program
source = open(script, encoding="utf-8").read()
assert "import cnn_ext as keras" in source
exec(compile(source.replace("import cnn_ext as", f"import {library} as"), script, "exec"))
"""


def run(script, library, folder):
    data = EXAMPLES / "data" / "fashion_mnist_small.npz"
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(TEXTBOOK / script), library, str(data)],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """The folder, and what each script has printed there, in the order of the chapters."""
    folder = tmp_path_factory.mktemp("ours")
    return folder, {script: run(script, "cnn_ext", folder) for script in PICTURES}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    return {script: run(script, "keras", folder) for script in PICTURES}


@pytest.mark.parametrize("script", PICTURES)
def test_textbook_runs(script, ours):
    """Without a word on stderr; every picture is there, and is one."""
    folder, done = ours
    assert done[script].stderr == ""
    for name in PICTURES[script]:
        data = (folder / "output" / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) > 2000


@pytest.mark.parametrize("script", PICTURES)
def test_textbook_is_what_keras_users_write(script, ours, theirs):
    """With Keras imported the same script prints the same shapes and tables."""
    mine, their = (
        [line for line in done[script].stdout.splitlines() if _is_fact(line)]
        for done in (ours[1], theirs)
    )
    assert len(mine) > 2
    assert mine == their


def _is_fact(line):
    """Rows of summaries, and printed shapes: what does not depend on random numbers."""
    table = line.startswith(("│", "┃", "Model:", " Total", " Trainable", " Non-trainable"))
    return table or (line.startswith("(") and "array" not in line)


def test_the_scripts_hold_no_other_library():
    for script in PICTURES:
        source = (TEXTBOOK / script).read_text(encoding="utf-8")
        assert "tensorflow" not in source
    assert sorted(PICTURES) == sorted(path.name for path in TEXTBOOK.glob("*.py"))
