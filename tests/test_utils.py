"""Tools beside those of Keras: the progress bar, labels as vectors."""

import io
import subprocess
import sys
import types

import numpy as np
import pytest

from cnn_ext import utils
from cnn_ext.utils import progbar as _progbar_module

# --- to_categorical -------------------------------------------------------------------------

LABELS = {
    "list": ([0, 2, 1], None),
    "more classes": ([0, 2, 1], 5),
    "column": ([[0], [3]], None),
    "matrix": ([[0, 1], [2, 0]], 3),
    "cube with last axis 1": (np.arange(6).reshape(2, 3, 1), 6),
    "one label": ([[1]], 2),
    "scalar": (2, None),
    "whole floats": ([0.0, 1.0], None),
    "bytes": (np.array([255, 3], np.uint8), 256),
    "bool": ([True, False], 2),
    "digits": (["1", "0"], 2),
    "empty": ([], 3),
    "no classes means not given": ([0, 1], 0),
}
WRONG_LABELS = {
    "too large": ([0, 3], 3, r"labels must be 0 to num_classes - 1 = 2\. Received: 3$"),
    "negative": ([0, -1], 3, r"labels must be 0 to num_classes - 1 = 2\. Received: -1$"),
    "negative, classes unknown": ([0, -1], None, r"labels must be 0 or more\. Received: -1$"),
    "all negative": ([-5], None, "Received: -5$"),
    "fraction": ([0, 1.5], 3, r"must be integers; .*Received: 1\.5$"),
    "fraction among objects": (np.array([0, 1.5], object), 3, r"Received: 1\.5$"),
    "nan": ([0, float("nan")], 3, "Received: nan$"),
    "word": (["cat"], None, r"must be integers\. Received: \['cat'\]$"),
    "none": (None, 3, "Received: None$"),
    "ragged": ([[0], [0, 1]], 3, r"Received: \[\[0\], \[0, 1\]\]$"),
    "empty, classes unknown": ([], None, r"give num_classes\. Received: x of shape \(0,\)$"),
    "classes a float": ([0], 3.0, r"num_classes must be a positive integer\. Received: 3\.0$"),
    "classes negative": ([0], -3, "num_classes must be a positive integer. Received: -3$"),
}


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


@pytest.mark.parametrize(("x", "num_classes"), LABELS.values(), ids=LABELS)
def test_to_categorical_is_that_of_keras(keras, x, num_classes):
    ours, theirs = (f(x, num_classes) for f in (utils.to_categorical, keras.utils.to_categorical))
    np.testing.assert_array_equal(ours, theirs)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)


@pytest.mark.parametrize(("x", "num_classes", "says"), WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_to_categorical_refuses(x, num_classes, says):
    with pytest.raises(ValueError, match=says):
        utils.to_categorical(x, num_classes)


# --- Progbar --------------------------------------------------------------------------------


class Screen(io.StringIO):
    def __init__(self, terminal, encoding="utf-8"):
        super().__init__()
        self.terminal = terminal
        self.told = encoding

    @property
    def encoding(self):
        return self.told

    def isatty(self):
        return self.terminal


@pytest.fixture
def clock(keras, monkeypatch):
    """Time, for both progress bars, moves when a test moves it."""
    now = types.SimpleNamespace(seconds=1000.0)
    fake = types.SimpleNamespace(time=lambda: now.seconds, monotonic=lambda: now.seconds)
    monkeypatch.setattr("keras.src.utils.progbar.time", fake)
    monkeypatch.setattr(_progbar_module, "time", fake)
    return now


LOGS = [("accuracy", 0.8), ("loss", 0.5), ("val_loss", 0.0004), ("mae", np.float32(-12.34567))]
ODD = [
    ("small", 0.0015),
    ("edge", 0.001),
    ("nan", float("nan")),
    ("zero", 0),
    ("inf", float("inf")),
    ("mean", np.array([1.0, 2.0])),
]
# target, seconds a step, pairs shown, other arguments
BARS = {
    "book": (1500, 0.008, LOGS, {}),
    "one step": (1, 0.3, LOGS, {}),
    "slow": (12, 61.0, LOGS, {}),
    "hours": (9, 4000.0, [], {}),
    "fast": (40, 3e-6, ODD, {}),
    "no time": (3, 0.0, [], {}),
    "narrow": (7, 0.2, LOGS, {"width": 3}),
    "samples": (100, 0.02, LOGS, {"unit_name": "sample"}),
    "no target": (None, 0.06, LOGS, {}),
    "no steps": (0, 0.06, LOGS, {}),
    "drawn seldom": (100, 0.02, LOGS, {"interval": 0.5}),
}


def run(monkeypatch, clock, make, bar, terminal, verbose=1, encoding="utf-8"):
    """What a progress bar writes during an epoch."""
    target, seconds, pairs, how = bar
    screen = Screen(terminal, encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    clock.seconds = 1000.0
    names = [name for name, _ in pairs]
    progress = make(target, verbose=verbose, stateful_metrics=names, **how)
    steps = 10 if target is None else target
    for step in range(1, steps + 1):
        clock.seconds += seconds * (3 if step == 1 else 1)
        progress.update(step, pairs[: min(step, 2)], finalize=False)
    clock.seconds += 0.3
    progress.update(steps, pairs, finalize=True)
    return screen.getvalue()


@pytest.mark.parametrize("bar", BARS.values(), ids=BARS)
def test_progbar_on_a_terminal_is_that_of_keras(keras, monkeypatch, clock, bar):
    theirs = run(monkeypatch, clock, keras.utils.Progbar, bar, terminal=True)
    ours = run(monkeypatch, clock, utils.Progbar, bar, terminal=True)
    assert ours == theirs.replace("\b", "")


@pytest.mark.parametrize("bar", BARS.values(), ids=BARS)
def test_progbar_in_a_file_is_the_last_line_of_keras(keras, monkeypatch, clock, bar):
    theirs = run(monkeypatch, clock, keras.utils.Progbar, bar, terminal=True)
    last = _progbar_module._CODES.sub("", theirs.split("\r")[-1])
    ours = run(monkeypatch, clock, utils.Progbar, bar, terminal=False)
    assert ours == last.rstrip() + "\n"


@pytest.mark.parametrize("bar", [BARS[name] for name in BARS if name != "book"])
def test_progbar_of_verbose_2_is_that_of_keras(keras, monkeypatch, clock, bar):
    pairs = [pair for pair in bar[2] if pair[0] != "mae"]  # Keras writes negative ones as 1e+00
    bar = (*bar[:2], pairs, bar[3])
    theirs = run(monkeypatch, clock, keras.utils.Progbar, bar, terminal=True, verbose=2)
    assert run(monkeypatch, clock, utils.Progbar, bar, terminal=False, verbose=2) == theirs


def test_progbar_line(monkeypatch, clock):
    line = run(monkeypatch, clock, utils.Progbar, BARS["book"], terminal=False)
    assert line == (
        "1500/1500 ━━━━━━━━━━━━━━━━━━━━ 12s 8ms/step - accuracy: 0.8000 - loss: 0.5000"
        " - val_loss: 4.0000e-04 - mae: -12.3457\n"
    )


def test_progbar_silent(monkeypatch, clock):
    assert run(monkeypatch, clock, utils.Progbar, BARS["book"], True, verbose=0) == ""


def test_progbar_without_bar_characters_draws_equals_signs(monkeypatch, clock):
    bar = (2, 0.1, [("손실", 0.5)], {})
    line = run(monkeypatch, clock, utils.Progbar, bar, terminal=False, encoding="ascii")
    assert line == "2/2 ==================== 1s 400ms/step - ??: 0.5000\n"


def test_progbar_without_stdout_is_silent(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    utils.Progbar(1).update(1, [("loss", 0.5)])


@pytest.mark.parametrize(("module", "variable"), [("ipykernel", None), (None, "PYCHARM_HOSTED")])
def test_progbar_is_redrawn_in_a_notebook(monkeypatch, clock, module, variable):
    if module:
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    if variable:
        monkeypatch.setenv(variable, "1")
    assert "\r" in run(monkeypatch, clock, utils.Progbar, BARS["book"], terminal=False)


def test_progbar_formats_only_what_it_draws(monkeypatch, clock):
    lines = []
    monkeypatch.setattr(utils.Progbar, "_metrics", lambda self: lines.append(1) or "")
    run(monkeypatch, clock, utils.Progbar, BARS["book"], terminal=False)
    assert len(lines) == 1
    run(monkeypatch, clock, utils.Progbar, BARS["book"], terminal=True)
    assert 100 < len(lines) < 12 / 0.05 + 3  # 12 seconds, a line each 0.05


def test_progbar_adds_steps_and_finishes_at_the_target(capsys):
    bar = utils.Progbar(4)
    bar.add(3, [("loss", 1.0)])
    assert capsys.readouterr().out == ""
    bar.add(1)
    finished = capsys.readouterr().out
    assert finished.startswith("4/4 ━") and finished.endswith("/step - loss: 1.0000\n")


def test_progbar_names_a_misspelt_argument():
    with pytest.raises(TypeError, match="unexpected argument 'unitname'; did you mean 'unit_name'"):
        utils.Progbar(4, unitname="batch")


def test_unknown_tool_suggests_one():
    with pytest.raises(AttributeError, match="did you mean 'to_categorical'"):
        utils.to_categorial  # noqa: B018


def test_heavy_modules_are_imported_on_first_use():
    heavy = {"rich", "matplotlib", "pooch", "h5py"}
    code = f"import cnn_ext.utils, cnn_ext.datasets, sys; print(sorted({heavy} & {{*sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
