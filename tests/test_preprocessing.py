"""Preprocessing: what is random is on; the judge is Keras where the draw can be handed to it."""

import itertools

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, assert_close
from cnn_ext import layers
from cnn_ext.autograd import Tensor
from cnn_ext.testing import check_gradients
from cnn_ext.utils import set_random_seed
from layer_rows import FIRST, row

TOLERANCE = {"float32": 1e-5, "float64": 1e-5}  # places of pixels are float32, as in Keras
SHAPE, SHAPE_FIRST = (3, 8, 11, 2), (3, 2, 8, 11)
FILL = {"fill_mode": "constant", "fill_value": 0.5}
RANDOM = (
    row("RandomFlip", *SHAPE, seed=1),
    row("RandomFlip", *SHAPE, mode="horizontal", seed=1),
    row("RandomFlip", *SHAPE_FIRST, mode="vertical", data_format=FIRST, seed=1),
    row("RandomRotation", *SHAPE, factor=0.4),
    row("RandomRotation", *SHAPE, factor=(0.1, 0.2), interpolation="nearest", **FILL),
    row("RandomRotation", *SHAPE, factor=0.4, fill_mode="wrap"),
    row("RandomRotation", *SHAPE_FIRST, factor=0.4, fill_mode="nearest", data_format=FIRST),
    row("RandomTranslation", *SHAPE, height_factor=0.4, width_factor=0.5),
    row("RandomTranslation", *SHAPE, height_factor=(0.1, 0.3), width_factor=0, **FILL),
    row("RandomTranslation", *SHAPE_FIRST, height_factor=0.4, width_factor=(-0.5, -0.2),
        fill_mode="wrap", data_format=FIRST),
    row("RandomZoom", *SHAPE, height_factor=0.5),
    row("RandomZoom", *SHAPE, height_factor=(-0.5, -0.2), width_factor=0.7, **FILL),
    row("RandomZoom", *SHAPE_FIRST, height_factor=0.5, interpolation="nearest",
        fill_mode="nearest", data_format=FIRST),
    row("RandomCrop", *SHAPE, height=5, width=4),
    row("RandomCrop", *SHAPE, height=9, width=12),
    row("RandomCrop", *SHAPE_FIRST, height=5, width=4, data_format=FIRST),
    row("RandomContrast", *SHAPE, factor=0.5, value_range=(-1.0, 1.0)),
    row("RandomContrast", *SHAPE_FIRST, factor=(0.5, 0.2), value_range=(-9, 9), data_format=FIRST),
    row("RandomBrightness", *SHAPE, factor=0.5, value_range=(-1.0, 1.0)),
    row("RandomBrightness", *SHAPE, factor=(0.1, 0.2), value_range=(-9.0, 9.0)),
)  # fmt: skip
rows = pytest.mark.parametrize("row", RANDOM, ids=lambda row: row.name)


@pytest.mark.parametrize("dtype", DTYPES)
@rows
def test_equals_what_keras_makes_of_the_same_draw(row, dtype, keras, tf):
    """Also for one image, and backwards."""
    x = row.inputs(dtype)
    ours, theirs = row.make(cnn_ext, dtype=dtype), row.make(keras, dtype=dtype)
    for images in (x, x[0]):
        leaf, their_x = Tensor(images, requires_grad=True), tf.constant(images)
        drawn = ours.get_random_transformation(leaf)
        given = drawn
        if isinstance(drawn, dict):
            given = {"input_shape": images.shape, **{k: tf.constant(v) for k, v in drawn.items()}}
        if images.ndim == 3 and "rotation_matrix" in drawn:
            given["rotation_matrix"] = given["rotation_matrix"][0]
        y = ours.transform_images(leaf, drawn)
        with tf.GradientTape() as tape:
            tape.watch(their_x)
            their_y = theirs.transform_images(their_x, given)
        assert_close(y, their_y, TOLERANCE[dtype])
        if "interpolation" in ours.get_config():
            continue  # TensorFlow's gradient is the images moved back, which is no derivative
        grad = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
        y.backward(grad)
        assert_close(leaf.grad, tape.gradient(their_y, their_x, tf.constant(grad)),
                     TOLERANCE[dtype])  # fmt: skip


@rows
def test_the_draw_has_the_size_and_limits_of_keras(row, keras):
    """Of many images, each has its own number, but for crops."""
    many = np.zeros((500, *row.shape[1:]), np.float32)
    ours = row.make(cnn_ext).get_random_transformation(Tensor(many))
    theirs = row.make(keras).get_random_transformation(many)
    if row.layer == "RandomCrop":
        return
    for name, our in ours.items():
        our, their = our.astype(float), np.asarray(theirs[name]).astype(float)
        assert our.shape == their.shape
        for limit in (np.min, np.max, np.mean):
            spread = np.ptp(their) + 1e-6
            assert abs(limit(our) - limit(their)) < 0.12 * spread


@rows
def test_acts_in_training_only(row, keras):
    """And in training if nothing is said, as Keras's do."""
    x = row.inputs("float32")
    layer = row.make(cnn_ext)
    np.testing.assert_array_equal(layer(x, training=False), x)
    assert any((layer(x).numpy().shape != x.shape) or (layer(x).numpy() != x).any() for _ in "abc")
    model = cnn_ext.Sequential([layers.Input(row.shape[1:]), layer])
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)


@rows
def test_repeats_by_seed(row):
    x = row.inputs("float32")

    def drawn(seed):
        layer = row.make(cnn_ext, seed=seed)
        return [layer(x, training=True).numpy() for _ in range(6)]

    first = drawn(7)
    np.testing.assert_array_equal(drawn(7), first)
    constant = {"height", "width"} <= set(row.arguments) and row.arguments["height"] > 8
    assert constant or any((a != b).any() for a, b in itertools.pairwise(first))
    found = []
    for _ in range(2):
        set_random_seed(3)
        found.append(row.make(cnn_ext, seed=None)(x, training=True).numpy())
    np.testing.assert_array_equal(*found)


@rows
def test_gradients_are_derivatives(row):
    layer = row.make(cnn_ext)
    x = row.inputs("float64") * 0.1  # within the range of values
    drawn = layer.get_random_transformation(Tensor(x))
    check_gradients(lambda x: layer.transform_images(x, drawn), x, directions=1, seed=3)


@rows
def test_takes_bytes(row):
    x = np.random.default_rng(0).integers(0, 200, row.shape, np.uint8)
    layer = row.make(cnn_ext)
    y = layer(x, training=True)
    assert y.dtype == np.float32
    if "value_range" not in row.arguments:
        assert 0 <= y.numpy().min() < y.numpy().max() <= 200.01


@rows
def test_a_dict_of_images_and_labels(row):
    x, labels = row.inputs("float32"), np.arange(3)
    layer, twin = (row.make(cnn_ext, seed=2) for _ in "ab")
    found = layer({"images": x, "labels": labels}, training=True)
    np.testing.assert_array_equal(found["images"], twin(x, training=True))
    np.testing.assert_array_equal(found["labels"], labels)


# --- Invariants -------------------------------------------------------------------------------

X = np.random.default_rng(0).standard_normal((200, 5, 6, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("mode", "axes"), [("horizontal", 1), ("vertical", 0), ("horizontal_and_vertical", (0, 1))]
)
def test_half_of_the_images_are_flipped_exactly(mode, axes):
    y = layers.RandomFlip(mode, seed=1)(X).numpy()
    flipped = [(a != b).any() for a, b in zip(y, X, strict=True)]
    for image, original, changed in zip(y, X, flipped, strict=True):
        np.testing.assert_array_equal(image, np.flip(original, axes) if changed else original)
    assert abs(np.mean(flipped) - 0.5) < 4 * np.sqrt(0.25 / len(X))


def test_a_move_by_whole_pixels_is_a_shift():
    x = X[:4]
    move = layers.RandomTranslation((0.4, 0.4), (-0.5, -0.5), fill_mode="constant", fill_value=9.0)
    y = move(x).numpy()
    np.testing.assert_allclose(y[:, 2:, :-3], x[:, :-2, 3:], rtol=1e-6)
    assert (y[:, :2] == 9).all()
    assert (y[:, :, -3:] == 9).all()
    wrapped = layers.RandomTranslation((0.4, 0.4), 0, fill_mode="wrap", interpolation="nearest")
    assert (wrapped(x).numpy() != x).any()


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomZoom(0), layers.RandomZoom(0.0, 0.0), layers.RandomRotation(0),
        layers.RandomTranslation(0, 0), layers.RandomContrast(0, (-99, 99)),
        layers.RandomBrightness(0, (-99, 99)),
    ],
    ids=lambda layer: layer.name,
)  # fmt: skip
def test_a_factor_of_0_changes_nothing(layer):
    np.testing.assert_allclose(layer(X[:5]), X[:5], rtol=1e-5, atol=1e-6)


def test_a_quarter_turn_is_exact():
    x = X[:3, :5, :5]
    turned = layers.RandomRotation((0.25, 0.25))(x).numpy()
    np.testing.assert_allclose(turned, np.rot90(x, 1, (1, 2)), atol=1e-5)


def test_a_crop_is_a_part():
    y = layers.RandomCrop(2, 3, seed=1)(X).numpy()
    places = [
        (i, j) for i in range(4) for j in range(4)
        if np.array_equal(y, X[:, i : i + 2, j : j + 3])
    ]  # fmt: skip
    assert len(places) == 1
    layer, drawn = layers.RandomCrop(2, 3, seed=1), set()
    for _ in range(300):
        drawn.add(layer.get_random_transformation(Tensor(X)))
    assert drawn == {(i, j) for i in range(4) for j in range(4)}


# --- Numbers ----------------------------------------------------------------------------------

DATA = np.random.default_rng(1).standard_normal((20, 3, 4)).astype(np.float32) * 3 + 5
AXES = (-1, None, 1, (1, 2), (1, -1), (0,))


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("invert", [False, True])
def test_adapted_to_an_array(axis, invert, keras):
    ours, theirs = (k.layers.Normalization(axis, invert=invert) for k in (cnn_ext, keras))
    for layer in (ours, theirs):
        layer.adapt(DATA)
    for our, their in zip(ours.weights, theirs.weights, strict=True):
        assert (our.name, our.shape, our.dtype) == (their.name, tuple(their.shape), their.dtype)
    assert_close(ours(DATA), theirs(DATA), 1e-5)
    assert_close(ours.mean, theirs.mean, 1e-5, constant=True)
    assert_close(ours.variance, theirs.variance, 1e-5, constant=True)


class Batches:
    """What a dataset has at least: a length and items."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return DATA[8 * index : 8 * index + 8], np.zeros(8)


@pytest.mark.parametrize(
    "data",
    [
        lambda: Tensor(DATA),
        lambda: [DATA[:8], DATA[8:16], DATA[16:]],
        lambda: ((DATA[i : i + 7], None) for i in range(0, 20, 7)),
        lambda: DATA.astype(np.float64),
        Batches,
    ],
    ids=["Tensor", "list", "generator of pairs", "float64", "items"],
)
def test_adapted_to_batches(data):
    layer, whole = layers.Normalization(), layers.Normalization()
    whole.adapt(DATA)
    layer.adapt(data())
    for ours, expected in zip(layer.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5)
    y = layer(DATA).numpy()
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1)), 1, rtol=1e-4)


def test_adapting_again_forgets():
    layer = layers.Normalization()
    layer.adapt(DATA)
    layer.adapt(DATA * 2)
    np.testing.assert_allclose(layer.mean[0, 0], 2 * DATA.mean((0, 1)), rtol=1e-5)


@pytest.mark.parametrize("layout", ["channels_last", FIRST])
def test_rescaling_of_channels(layout, keras):
    x = np.random.default_rng(0).integers(0, 255, (2, 3, 3, 4), np.uint8)
    arguments = ([1.0, 2.0, 3.0, 4.0] if layout == "channels_last" else [1.0, 2.0, 3.0], 0.5)
    found = []
    for k in (cnn_ext, keras):
        k.config.set_image_data_format(layout)
        try:
            found.append(k.layers.Rescaling(*arguments)(x))
        finally:
            k.config.set_image_data_format("channels_last")
    assert_close(*found, 1e-6)


BYTES = np.random.default_rng(0).integers(0, 255, (2, 6, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Resizing", (9, 4)), ("Resizing", (3, 4, "nearest")), ("Resizing", (3, 4, "bicubic")),
        ("CenterCrop", (3, 4)), ("CenterCrop", (9, 4)), ("Rescaling", (1 / 255,)),
        ("UpSampling2D", (2,)), ("ZeroPadding2D", (1,)), ("Cropping2D", (1,)),
    ],
)  # fmt: skip
def test_bytes_give_what_keras_gives(name, arguments, keras):
    ours, theirs = (getattr(k.layers, name)(*arguments)(BYTES) for k in (cnn_ext, keras))
    assert ours.dtype == theirs.numpy().dtype
    limit = 1.01 if ours.dtype == np.uint8 else 1e-4  # half of a unit may round either way
    assert np.abs(ours.numpy().astype(float) - theirs.numpy()).max() <= limit


@pytest.mark.parametrize("name", ["CenterCrop", "Resizing"])
@pytest.mark.parametrize("size", [(3, 4), (9, 4), (6, 7)])
def test_one_image(name, size, keras):
    ours, theirs = (getattr(k.layers, name)(*size)(X[0]) for k in (cnn_ext, keras))
    assert_close(ours, theirs, 1e-5)
    assert getattr(layers, name)(*size).compute_output_shape((5, 6, 2)) == (*size, 2)


CATEGORIES = (
    ("one_hot", [3, 0, 1]), ("one_hot", [[3], [0]]), ("one_hot", [[3, 1], [0, 2]]),
    ("multi_hot", [3, 0, 3]), ("multi_hot", [[3, 1], [0, 0]]), ("count", [3, 0, 3]),
    ("count", [[3, 1], [0, 0]]), ("multi_hot", [[[0, 1], [2, 3]]]),
)  # fmt: skip


@pytest.mark.parametrize(("mode", "numbers"), CATEGORIES)
def test_categories_are_encoded_as_keras_does(mode, numbers, keras):
    ours, theirs = (k.layers.CategoryEncoding(4, mode, name="mine") for k in (cnn_ext, keras))
    for given in (numbers, np.array(numbers), np.array(numbers, np.float32)):
        y, expected = ours(given), np.asarray(theirs(np.array(numbers)))
        assert (y.dtype, y.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(y, expected)
    shape = np.shape(numbers)
    assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
    config = ours.get_config()
    assert set(config) == set(theirs.get_config())
    assert layers.CategoryEncoding.from_config(config).get_config() == config


def test_weighted_counts(keras):
    ours, theirs = (k.layers.CategoryEncoding(4, "count") for k in (cnn_ext, keras))
    numbers, weights = np.array([[3, 1, 3], [0, 0, 1]]), np.array([[1, 2, 0.5], [1, 1, 4]])
    found = ours(numbers, count_weights=weights)
    np.testing.assert_array_equal(found, theirs(numbers, count_weights=weights))
    with pytest.raises(ValueError, match="`count_weights` is not used"):
        layers.CategoryEncoding(4)(numbers, count_weights=weights)
