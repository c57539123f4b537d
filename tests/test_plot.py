"""Pictures of training and of networks: every one readable, and true to its numbers."""

import io
import subprocess
import sys
import types

import numpy as np
import pytest

import cnn_ext as keras
from cnn_ext import layers, plot

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure
from matplotlib.text import Text

RANDOM = np.random.default_rng(0)
LOGS = {
    "accuracy": [0.5, 0.7, 0.8, 0.75],
    "loss": [2.0, 1.0, 0.6, 0.5],
    "val_accuracy": [0.6, 0.65, 0.62, 0.6],
    "val_loss": [1.9, 1.1, 1.2, 1.3],
    "learning_rate": [1e-3, 1e-3, 1e-4, 1e-4],
}
NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker"]
NAMES += ["Bag", "Ankle boot"]


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def conv(filters=4, window=3, channels=1, **kwargs):
    layer = layers.Conv2D(filters, window, **kwargs)
    layer.build((None, 16, 16, channels))
    return layer


def textbook():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def functional():
    x = keras.Input((12, 10, 3))
    a = layers.Conv2D(2, 3, padding="same", name="first")(x)
    b = layers.AveragePooling2D(2, name="second")(a)
    return keras.Model(x, layers.Flatten()(b))


def labels(classes, samples=400):
    true = RANDOM.integers(0, classes, samples)
    return true, np.where(RANDOM.random(samples) < 0.8, true, RANDOM.integers(0, classes, samples))


FIGURES = {
    "history": lambda: plot.history(LOGS),
    "history, one epoch": lambda: plot.history({"loss": [1.0], "val_loss": [2.0]}),
    "history, nan": lambda: plot.history({"loss": [np.nan, np.nan], "val_loss": [2.0, np.nan]}),
    "history, 300 epochs": lambda: plot.history({"loss": RANDOM.random(300).tolist()}),
    "history, all": lambda: plot.history({f"metric_{i}": [1.0, i] for i in range(7)}),
    "1 filter": lambda: plot.filters(conv(1)),
    "2 filters": lambda: plot.filters(conv(2)),
    "64 filters": lambda: plot.filters(conv(64)),
    "64 filters of a colour image": lambda: plot.filters(conv(64, 5, 3)),
    "100 filters": lambda: plot.filters(conv(100), max_filters=100),
    "large windows": lambda: plot.filters(conv(6, (11, 3), 2)),
    "filters of a model": lambda: plot.filters(textbook(), layer=2, channel=5),
    "zero filters": lambda: plot.filters(conv(2, kernel_initializer="zeros")),
    "maps": lambda: plot.feature_maps(textbook(), RANDOM.random((28, 28))),
    "maps of a functional model": lambda: plot.feature_maps(
        functional(), RANDOM.random((12, 10, 3))
    ),
    "maps of a constant": lambda: plot.feature_maps(functional(), np.zeros((12, 10, 3))),
    "2 classes": lambda: plot.confusion_matrix(*labels(2), class_names=["cat", "dog"]),
    "10 classes": lambda: plot.confusion_matrix(*labels(10), class_names=NAMES),
    "10 classes, many samples": lambda: plot.confusion_matrix(*labels(10, 2_000_000)),
    "10 classes, shares": lambda: plot.confusion_matrix(*labels(10), NAMES, normalize=True),
    "100 classes": lambda: plot.confusion_matrix(*labels(100)),
    "100 names": lambda: plot.confusion_matrix(*labels(100), [f"class {i}" for i in range(100)]),
    "weights of a layer": lambda: plot.weight_histograms(conv()),
    "weights": lambda: plot.weight_histograms(textbook()),
}


def ticks(axis):
    return [*axis.get_major_ticks(), *axis.get_minor_ticks()]


def texts(figure):
    """The texts that are seen, with their places in pixels."""
    figure.canvas.draw()
    every, seen = set(), set()  # labels of ticks: those out of the axes' limits are not drawn
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            every |= {t for tick in ticks(axis) for t in (tick.label1, tick.label2)}
            drawn = axis._update_ticks() if axes.axison else []
            seen |= {t for tick in drawn for t in (tick.label1, tick.label2)}
    shown = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return [(t, t.get_window_extent()) for t in shown if t not in every or t in seen]


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_pictures_are_readable(make):
    figure = make()
    assert isinstance(figure, Figure)
    width, height = figure.get_size_inches()
    assert 2 <= width <= 18 and 1.5 <= height <= 18
    found = texts(figure)
    for text, box in found:
        inside = box.x0 > -1 and box.y0 > -1
        inside = inside and box.x1 < figure.bbox.width + 1 and box.y1 < figure.bbox.height + 1
        assert inside, f"{text.get_text()!r} leaves the picture"
        assert text.get_fontsize() >= 4
    headings = [box for text, box in found if text in figure.texts or is_title(text)]
    for index, one in enumerate(headings):
        for other in headings[index + 1 :]:
            assert not one.overlaps(other), "two headings overlap"


def is_title(text):
    return text.axes is not None and text in (text.axes.title, text.axes._left_title)


def test_pictures_are_shown_by_notebooks_and_written():
    figure = plot.history(LOGS)
    assert figure._repr_png_().startswith(b"\x89PNG")
    written = io.BytesIO()
    figure.savefig(written, format="svg")
    assert b"<svg" in written.getvalue()


def test_pyplot_is_not_needed():
    code = (
        "import cnn_ext as keras, sys\n"
        "assert 'matplotlib' not in sys.modules\n"
        "figure = keras.plot.history({'loss': [1.0, 0.5]})\n"
        "figure._repr_png_()\n"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


def test_a_missing_matplotlib_is_named():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from cnn_ext import plot\n"
        "plot.history({'loss': [1.0]})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "cnn_ext.plot draws with Matplotlib: pip install 'cnn_ext[plot]'" in done.stderr


# --- history ------------------------------------------------------------------------------------


def test_history_draws_the_logs():
    figure = plot.history(LOGS)
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert list(panels) == ["loss", "accuracy", "learning_rate"]
    training, validation, best = panels["loss"].lines
    np.testing.assert_array_equal(training.get_xydata(), list(enumerate(LOGS["loss"], 1)))
    np.testing.assert_array_equal(validation.get_ydata(), LOGS["val_loss"])
    np.testing.assert_array_equal(best.get_xydata(), [[2, 1.1]])
    np.testing.assert_array_equal(panels["accuracy"].lines[-1].get_xydata(), [[2, 0.65]])
    assert len(panels["learning_rate"].lines) == 1
    legend = [t.get_text() for t in panels["loss"].get_legend().get_texts()]
    assert legend == ["training", "validation", "best: 1.1, epoch 2"]


def test_history_of_a_training():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = RANDOM.random((8, 2))
    log = model.fit(
        x, x[:, :1], epochs=5, initial_epoch=2, verbose=0, validation_data=(x, x[:, 1:])
    )
    (axes,) = plot.history(log).axes
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [3, 4, 5])
    assert len(plot.history(log, metrics="loss").axes) == 1


def test_rarer_validation_ends_with_the_last_epoch():
    figure = plot.history({"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [3.5, 2.5]})
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_xdata(), [2, 4])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (({},), "history must be what fit"),
        (([1.0],), "history must be what fit"),
        ((LOGS, ["los"]), "history has no 'los'; did you mean 'loss'"),
        ((LOGS, []), "at least one curve"),
    ],
)
def test_history_refuses(arguments, says):
    with pytest.raises(ValueError, match=says):
        plot.history(*arguments)


# --- filters, maps --------------------------------------------------------------------------------


def cells(axes, columns, height, width):
    """The images of a mosaic, one pixel of each repeated block."""
    pixels = np.asarray(axes.images[0].get_array())
    times = -(-48 // max(height, width))
    gap = max(1, round(0.06 * max(height, width) * times))
    found = []
    row_step, column_step = height * times + gap, width * times + gap
    for top in range(0, pixels.shape[0], row_step):
        for left in range(0, pixels.shape[1], column_step)[:columns]:
            block = pixels[top : top + height * times, left : left + width * times]
            found.append(block[::times, ::times])
    return found


def test_filters_are_the_kernels():
    layer = conv(5, (3, 2))
    kernel = layer.kernel.numpy()
    drawn = cells(plot.filters(layer).axes[0], 5, 3, 2)
    for index, picture in enumerate(drawn):
        np.testing.assert_allclose(picture, kernel[:, :, 0, index])
    image = plot.filters(layer).axes[0].images[0]
    assert image.norm.vmax == -image.norm.vmin == np.abs(kernel).max()


@pytest.mark.parametrize(("channel", "expected"), [(None, "mean"), (1, 1), (-1, 3)])
def test_filters_of_many_channels(channel, expected):
    layer = conv(2, 3, 4)
    kernel = layer.kernel.numpy()
    planes = kernel.mean(axis=2) if expected == "mean" else kernel[:, :, expected]
    drawn = cells(plot.filters(layer, channel=channel).axes[0], 2, 3, 3)
    np.testing.assert_allclose(drawn, planes.transpose(2, 0, 1), atol=1e-6)


def test_filters_of_a_colour_image_are_colours():
    layer = conv(2, 3, 3)
    kernel = layer.kernel.numpy().transpose(3, 0, 1, 2)
    drawn = cells(plot.filters(layer).axes[0], 2, 3, 3)
    np.testing.assert_allclose(drawn, kernel / (2 * np.abs(kernel).max()) + 0.5, atol=1e-6)


@pytest.mark.parametrize("layer", [None, "second", 1])
def test_filters_finds_the_layer(layer):
    model = keras.Sequential(
        [
            keras.Input((9, 9, 1)),
            layers.Conv2D(2, 3, name="one"),
            layers.Conv2D(3, 2, name="second"),
        ]
    )
    title = plot.filters(model, layer).texts[0].get_text()
    assert title.startswith("one: 2 filters of 3x3x1" if layer is None else "second: 3 filters of")


def test_feature_maps_are_the_outputs():
    model = textbook()
    image = RANDOM.random((28, 28, 1)).astype(np.float32)
    for given in (image, image[..., 0], image[None]):
        figure = plot.feature_maps(model, given)
        assert [t.get_text().split(":")[0] for t in figure.texts] == ["input"] + [
            f"{layer.name} ({type(layer).__name__})" for layer in model.layers[:4]
        ]
        first = model.layers[0](image[None])
        drawn = cells(figure.axes[1], 16, 26, 26)
        np.testing.assert_allclose(drawn, np.asarray(first)[0].transpose(2, 0, 1), atol=1e-6)


def test_feature_maps_of_a_graph():
    model = functional()
    image = RANDOM.random((12, 10, 3)).astype(np.float32)
    figure = plot.feature_maps(model, image, layers=["second"])
    assert len(figure.axes) == 2
    first, second = model.get_layer("first"), model.get_layer("second")
    expected = np.asarray(second(first(image[None])))[0].transpose(2, 0, 1)
    np.testing.assert_allclose(cells(figure.axes[1], 2, 6, 5), expected, atol=1e-6)
    assert len(plot.feature_maps(model, image, layers=[first, -2]).axes) == 3
    assert len(plot.feature_maps(model, image, max_maps=1).axes[1].images) == 1


def test_feature_maps_of_channels_first():
    model = keras.Sequential(
        [keras.Input((2, 7, 8)), layers.Conv2D(3, 2, data_format="channels_first")]
    )
    image = RANDOM.random((2, 7, 8)).astype(np.float32)
    drawn = cells(plot.feature_maps(model, image).axes[1], 3, 6, 7)
    np.testing.assert_allclose(drawn, np.asarray(model(image[None]))[0], atol=1e-6)


dense = keras.Sequential([keras.Input((4,)), layers.Dense(2)])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plot.filters(dense), "has no 2-D convolution layer"),
        (lambda: plot.filters(dense.layers[0]), "a kernel of four axes"),
        (lambda: plot.filters(layers.Conv2D(2, 3)), "and be built"),
        (lambda: plot.filters(conv(), channel=1), "has 1 input channels. Received: channel=1"),
        (lambda: plot.feature_maps(dense, np.ones((4, 4))), "has no convolution or pooling layer"),
        (lambda: plot.feature_maps(3, np.ones((4, 4))), "must be a Sequential or functional"),
        (lambda: plot.feature_maps(textbook(), np.ones((2, 28, 28, 1))), "must be one image"),
        (lambda: plot.feature_maps(textbook(), np.ones((28, 28)), [conv()]), "must be layers of"),
        (lambda: plot.feature_maps(textbook(), np.ones((28, 28)), []), "at least one layer"),
        (lambda: plot.feature_maps(textbook(), np.ones((28, 28)), [4]), "no maps of height and"),
        (lambda: plot.weight_histograms(layers.Dense(2)), "must be built and have weights"),
    ],
)
def test_pictures_of_networks_refuse(call, says):
    with pytest.raises(ValueError, match=says):
        call()


# --- confusion_matrix ---------------------------------------------------------------------------

TRUE, PREDICTED = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
COUNTS = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 2]])
GIVEN = {
    "numbers": (TRUE, PREDICTED),
    "lists": (TRUE.tolist(), PREDICTED.tolist()),
    "columns": (TRUE[:, None], PREDICTED[:, None]),
    "probabilities": (TRUE, np.eye(3)[PREDICTED] * 0.9 + 0.05),
    "one-hot": (np.eye(3)[TRUE], np.eye(3)[PREDICTED]),
    "floats": (TRUE.astype(float), PREDICTED.astype(float)),
}


def matrix(figure):
    return np.asarray(figure.axes[0].images[0].get_array())


@pytest.mark.parametrize(("true", "predicted"), GIVEN.values(), ids=GIVEN)
def test_confusion_matrix_counts(true, predicted):
    figure = plot.confusion_matrix(true, predicted)
    np.testing.assert_array_equal(matrix(figure), COUNTS)
    assert [t.get_text() for t in figure.axes[0].texts] == [str(n) for n in COUNTS.ravel()]
    assert figure.axes[0].get_title() == "accuracy 66.67 % of 6 samples"


@pytest.mark.parametrize("normalize", [True, "true", "pred", "all"])
def test_confusion_matrix_shares(normalize):
    axis = {"pred": 0, "all": None}.get(normalize, 1)
    expected = COUNTS / COUNTS.sum(axis, keepdims=True)
    np.testing.assert_allclose(
        matrix(plot.confusion_matrix(TRUE, PREDICTED, None, normalize)), expected
    )


def test_confusion_matrix_of_one_probability_and_absent_classes():
    figure = plot.confusion_matrix([0, 1, 1], np.array([[0.2], [0.9], [0.4]]))
    np.testing.assert_array_equal(matrix(figure), [[1, 0], [1, 1]])
    figure = plot.confusion_matrix([0, 1], [0, 1], class_names="abc", normalize="true")
    np.testing.assert_array_equal(matrix(figure), np.diag([1, 1, 0]))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([0, 1], [0]), "same number of samples, at least one. Received: 2 and 1"),
        (([], []), "at least one. Received: 0 and 0"),
        (([0, 3], [0, 1], ["a", "b"]), "a name for each of 4 classes. Received: 2"),
        (([0, 1], [0, 1], None, "rows"), "normalize must be one of .*Received: 'rows'"),
        (([0, -1], [0, 1]), "whole numbers, 0 or more"),
        (([0.5, 1], [0, 1]), "whole numbers, 0 or more"),
        ((["cat"], ["dog"]), "must be class numbers"),
        ((np.zeros((2, 2, 2)), [0, 1]), "must be class numbers"),
    ],
)
def test_confusion_matrix_refuses(arguments, says):
    with pytest.raises(ValueError, match=says):
        plot.confusion_matrix(*arguments)


# --- weight_histograms --------------------------------------------------------------------------


def test_weight_histograms_count_the_weights():
    model = textbook()
    model.layers[0].trainable = False
    figure = plot.weight_histograms(model, bins=20)
    for axes, weight in zip(figure.axes, model.weights, strict=True):
        assert sum(bar.get_height() for bar in axes.patches) == weight.numpy().size
        assert len(axes.patches) == 20
        assert axes.get_title(loc="left").startswith(f"{weight.path}\n")
    colours = [axes.patches[0].get_facecolor() for axes in figure.axes]
    assert colours[0] == colours[1] != colours[2] == colours[3]


def test_weight_histograms_of_what_is_not_finite():
    weight = types.SimpleNamespace(
        numpy=lambda: np.array([1.0, np.nan, np.inf]), path="w", shape=(3,), trainable=True
    )
    figure = plot.weight_histograms(types.SimpleNamespace(weights=[weight]))
    assert figure.axes[0].get_title(loc="left") == "w\n3: mean 1, std 0, 2 not finite"
