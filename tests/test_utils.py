"""Tools around a model, beside those of Keras: same model, same text.

One file for four tools, each under its own rule: the summary and the picture are of the same
models, and most of the lines are these models and the tables of cases.
"""

import functools
import io
import subprocess
import sys
import types

import numpy as np
import pytest

from cnn_ext import utils
from cnn_ext.utils import _diagram
from cnn_ext.utils import progbar as _progbar_module
from cnn_ext.utils._diagram import Arrows, Card, Cell, Diagram
from cnn_ext.utils._shapes import input_shape, output_shape, show_shape
from cnn_ext.utils.summary import _bits, print_summary

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


# --- print_summary --------------------------------------------------------------------------


def textbook(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ]
    )


def unbuilt(keras):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)], name="later")


def trained(keras):
    model = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    model.compile("adam", "mse")
    model.train_on_batch(np.zeros((2, 4)), np.zeros((2, 2)))
    return model


def compiled(keras):
    model = textbook(keras)
    model.compile("adam", "mse")
    return model


def long_names(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((1000, 1000, 100)),
            layers.Conv2D(3, 3, name="name_" * 20 + "$x$"),
            keras.Sequential([layers.MaxPooling2D(2)], name="inner_" * 40),
            layers.Conv2D(3, 3, name="with spaces " * 8),
            layers.GlobalAveragePooling2D(name="[red]not markup[bold]"),
        ],
        name="[bold]model" * 8,
    )


def one_kilobyte(keras):
    layers = keras.layers
    return keras.Sequential([layers.Input((1,)), layers.Dense(256, use_bias=False)])


def several_outputs(keras):
    image = keras.layers.Input((5, 4))
    return keras.Model(image, keras.layers.LSTM(3, return_state=True)(image))


def nested(keras):
    layers = keras.layers
    inner = keras.Sequential([layers.Dense(3), layers.Dense(2)], name="inner")
    outer = keras.Sequential([inner, layers.Dense(2)], name="outer")
    return keras.Sequential([layers.Input((4,)), outer, layers.Dense(1)])


def frozen(keras):
    model = textbook(keras)
    model.layers[0].trainable = False
    return model


def float16(keras):
    layers = keras.layers
    return keras.Sequential([layers.Input((9,)), layers.Dense(300, dtype="bfloat16")])


def subclassed(keras):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Net()
    model(np.zeros((2, 4)))
    return model


@pytest.fixture(scope="module")
def model_of(keras):
    """The model that a function above makes, made once: nothing here changes it."""
    return functools.cache(lambda make: make(keras))


def layer_range(first, last):
    return {"layer_range": (first, last)}


MODELS = [
    textbook,
    unbuilt,
    trained,
    compiled,
    long_names,
    one_kilobyte,
    several_outputs,
    nested,
    frozen,
    float16,
    subclassed,
]
SUMMARIES = [
    *((model, {}) for model in MODELS),
    *((model, {"show_trainable": True}) for model in (textbook, frozen, unbuilt, nested)),
    (nested, {"expand_nested": True}),
    (nested, {"expand_nested": True, "show_trainable": True}),
    (textbook, {"line_length": 60}),
    (textbook, {"line_length": 120, "positions": [0.3, 0.6, 0.9]}),
    (textbook, layer_range("max_pool", "drop")),
    (textbook, layer_range("drop", "max_pool")),
    (textbook, layer_range("f", ".*")),
]
SUMMARY_IDS = [f"{model.__name__}-{'-'.join(how) or 'plain'}" for model, how in SUMMARIES]


def said(function, *args, **kwargs):
    texts = []
    function(*args, print_fn=texts.append, **kwargs)
    return texts


@pytest.mark.parametrize(("make", "how"), SUMMARIES, ids=SUMMARY_IDS)
@pytest.mark.parametrize("columns", [80, 200])
def test_summary_is_that_of_keras(model_of, monkeypatch, make, how, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    model = model_of(make)
    ours = said(print_summary, model, **how)
    assert ours == said(model.summary, **how)
    assert "Total params" in ours[0]


@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize("make", MODELS)
def test_summary_prints_as_keras(model_of, monkeypatch, capsys, make, colours):
    if colours:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
    model = model_of(make)
    model.summary(show_trainable=True)
    theirs = capsys.readouterr().out
    print_summary(model, show_trainable=True)
    assert capsys.readouterr().out == theirs
    assert ("\x1b" in theirs) == colours


WRONG_SUMMARIES = [
    ({"layer_range": ("conv",)}, r"two strings.*Received: \('conv',\)$"),
    ({"layer_range": (0, 1)}, r"two strings.*Received: \(0, 1\)$"),
    ({"layer_range": "ab"}, "two strings.*Received: 'ab'$"),
    ({"layer_range": ("conv", "nothing")}, "match names of layers of this model: conv2d"),
    ({"line_length": 8}, "widen `line_length`.*Received: line_length=8"),
    ({"positions": [0.5, 1.0]}, r"3 columns.*positions=\[0\.5, 1\.0\]$"),
]


@pytest.mark.parametrize(("how", "says"), WRONG_SUMMARIES)
def test_summary_refuses(model_of, how, says):
    with pytest.raises(ValueError, match=says):
        print_summary(model_of(textbook), **how)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int8", "uint16", "bool"])
def test_size_of_a_dtype_is_that_of_keras(keras, dtype):
    from keras.src.utils.dtype_utils import dtype_size

    assert _bits(dtype) == dtype_size(dtype)


def unknown_shape(_given):
    raise NotImplementedError


def built_with(shape, compute=unknown_shape):
    config = None if shape is None else {"input_shape": shape}
    return types.SimpleNamespace(
        get_build_config=lambda: config, compute_output_shape=compute, layers=[]
    )


SHAPES = [
    (built_with(None), "?", "?"),
    (built_with((None, 4)), "(None, 4)", "?"),
    (built_with((2, 4), lambda shape: (*shape, 1)), "(2, 4)", "(2, 4, 1)"),
    (built_with({"a": (1,), "b": [(2,), (3,)]}), "{a: (1), b: [(2), (3)]}", "?"),
    (built_with({"a": [(1, None)]}), "(1, None)", "?"),
    (built_with(((1,), (2,))), "((1), (2))", "?"),
    (built_with(()), "()", "?"),
    (object(), "?", "?"),
]


@pytest.mark.parametrize(("layer", "given", "made"), SHAPES)
def test_shapes_of_a_layer_never_called(layer, given, made):
    assert show_shape(input_shape(layer)) == given
    assert show_shape(output_shape(layer)) == made


# --- plot_model -----------------------------------------------------------------------------

EVERYTHING = {
    "show_shapes": True,
    "show_dtype": True,
    "show_layer_names": True,
    "show_layer_activations": True,
    "show_trainable": True,
    "expand_nested": True,
}


def drawing(monkeypatch, model, **how):
    """The texts and rectangles of plot_model's figure, as ((left, top, right, bottom), …)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = {}

    def look(figure, _path, dpi, **_how):
        figure.dpi = dpi
        renderer = FigureCanvasAgg(figure).get_renderer()
        (axes,) = figure.axes
        assert not any(t.get_parse_math() for t in axes.texts)
        extents = [(t.get_text(), t.get_window_extent(renderer).extents) for t in axes.texts]
        found["texts"] = [(text, extent) for text, extent in extents if text]
        patches = [(p, p.get_window_extent(renderer).extents) for p in axes.patches]
        found["boxes"] = [e for p, e in patches if type(p).__name__ == "Rectangle"]
        found["arrows"] = [e for p, e in patches if type(p).__name__ == "FancyArrowPatch"]
        found["paper"] = (0, 0, *figure.bbox.size)

    monkeypatch.setattr(Figure, "savefig", look)
    utils.plot_model(model, "unused.png", **how)
    return types.SimpleNamespace(**found)


def inside(a, b, slack=0.5):
    return all(a[:2] >= np.array(b[:2]) - slack) and all(a[2:] <= np.array(b[2:]) + slack)


def apart(a, b):
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("how", [{}, {"show_shapes": True}, EVERYTHING], ids=["", "shapes", "all"])
@pytest.mark.parametrize("rankdir", ["TB", "LR"])
@pytest.mark.parametrize("dpi", [50, 200])
@pytest.mark.parametrize("make", [textbook, long_names, nested])
def test_plot_texts_stay_in_their_boxes(model_of, monkeypatch, make, how, rankdir, dpi):
    drawn = drawing(monkeypatch, model_of(make), rankdir=rankdir, dpi=dpi, **how)
    assert drawn.texts and drawn.arrows
    for i, (text, extent) in enumerate(drawn.texts):
        assert any(inside(extent, box) for box in drawn.boxes), text
        assert inside(extent, drawn.paper), text
        for other, its_extent in drawn.texts[:i]:
            narrower = (extent[0] + 1, extent[1], extent[2] - 1, extent[3])  # pieces of one line
            assert apart(narrower, its_extent), (text, other)


def test_plot_says_what_is_asked(model_of, monkeypatch):
    model = model_of(frozen)
    words = " ".join(text for text, _ in drawing(monkeypatch, model, **EVERYTHING).texts)
    conv = model.layers[0].name
    for expected in [
        f"{conv}  (Conv2D) Activation:  relu",
        "Input shape:  (None, 28, 28, 1) Output shape:  (None, 28, 28, 32)",
        "Output dtype:  float32 Non-trainable",
        "(Dense) Activation:  softmax",
        "Output shape:  (None, 10) Output dtype:  float32 Trainable",
    ]:
        assert expected in words
    plain = [text for text, _ in drawing(monkeypatch, model).texts]
    assert plain == ["Conv2D", "MaxPooling2D", "Flatten", "Dropout", "Dense"]
    closed = [text for text, _ in drawing(monkeypatch, model_of(nested)).texts]
    assert closed == ["Sequential", "Dense"]


@pytest.mark.parametrize(("rankdir", "axis"), [("TB", 1), ("LR", 0)])
def test_plot_boxes_follow_each_other(model_of, monkeypatch, rankdir, axis):
    drawn = drawing(monkeypatch, model_of(textbook), rankdir=rankdir)
    middles = [(extent[axis] + extent[axis + 2]) / 2 for _, extent in drawn.texts]
    assert middles == sorted(middles, reverse=rankdir == "TB")  # pixels count from below
    assert len(drawn.arrows) == len(drawn.boxes) - 1


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF"), ("a", b"\x89PNG")],
)
def test_plot_writes(model_of, tmp_path, name, start):
    model = model_of(nested)
    assert utils.plot_model(model, tmp_path / name, **EVERYTHING) is None
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("splines", ["ortho", "line"])
@pytest.mark.parametrize("across", [True, False])
def test_diagram_of_a_graph_keeps_boxes_apart(across, splines):
    cards = [Card([[Cell(("", "x" * n))]] * n) for n in (3, 5, 1, 9, 2, 20)]
    edges = [(0, 1), (1, 2), (0, 3), (2, 4), (3, 4), (0, 4), (4, 5), (0, 5)]
    diagram = Diagram(cards, edges, Arrows(across, splines == "ortho"))
    boxes = [
        (x, y, x + box.width, y + box.height)
        for box, (x, y) in zip(diagram.boxes, diagram.corners, strict=True)
    ]
    for i, box in enumerate(boxes):
        assert inside(np.array(box), (0, 0, diagram.width, diagram.height))
        assert all(apart(box, other) for other in boxes[:i])
    assert _diagram._ranks(len(cards), edges) == [0, 1, 2, 1, 3, 4]
    axis = 0 if across else 1
    for start, end in diagram.edges:  # every arrow goes on, from one rank to the next
        gap = boxes[end][axis] - boxes[start][axis + 2]
        assert gap > 0
        points = diagram._bends(start, end)
        assert [p[axis] for p in points] == sorted(p[axis] for p in points)


def test_card_rows_are_stretched_to_one_width(monkeypatch):
    drawn = []
    monkeypatch.setattr(Cell, "draw", lambda cell, axes, x, y, width: drawn.append((x, y, width)))
    card = Card([[Cell(("", "a"))], [Cell(("wider than a", "b")), Cell(("", "c"))]])
    card.draw(None, 10.0, 20.0)
    (x, _, width), (left, _, first), (right, _, second) = drawn
    assert (x, width, left) == (10.0, card.width, 10.0)
    assert right == left + first and first + second == pytest.approx(card.width)


WRONG_PLOTS = [
    ({"to_file": "m.gif"}, r"to_file's suffix must be one of png, svg, pdf.*Received: 'gif'$"),
    ({"rankdir": "TD"}, "rankdir must be one of TB, LR.*Received: 'TD'$"),
    ({"splines": "orto"}, "splines .*; did you mean 'ortho'.*Received: 'orto'$"),
]


@pytest.mark.parametrize(("how", "says"), WRONG_PLOTS)
def test_plot_refuses(model_of, how, says):
    with pytest.raises(ValueError, match=says):
        utils.plot_model(model_of(textbook), **how)


def test_plot_refuses_an_unbuilt_model(model_of):
    with pytest.raises(ValueError, match=r"model\.build\(.*Received: the unbuilt model 'later'$"):
        utils.plot_model(model_of(unbuilt))


def test_plot_names_a_misspelt_argument(model_of):
    says = "plot_model: unexpected argument 'show_shape'; did you mean 'show_shapes'?"
    with pytest.raises(TypeError) as caught:
        utils.plot_model(model_of(textbook), show_shape=True)
    assert str(caught.value) == says


def test_plot_without_matplotlib_says_what_to_install(model_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'cnn_ext\[plot\]'"):
        utils.plot_model(model_of(textbook))


@pytest.mark.parametrize(
    ("name", "shown"), [("m.png", "Image m.png"), ("m.svg", "SVG m.svg"), ("m.pdf", None)]
)
def test_plot_returns_a_picture_in_ipython(model_of, monkeypatch, tmp_path, name, shown):
    display = types.ModuleType("IPython.display")
    display.Image = "Image {}".format
    display.SVG = "SVG {}".format
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.chdir(tmp_path)
    assert utils.plot_model(model_of(textbook), name) == shown


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
