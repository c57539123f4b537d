"""Properties of every layer: a test runs over all rows of LAYERS; the judge is Keras.

Over 400 lines because of its tables.
"""

import copy
import inspect
import re
from typing import Any, NamedTuple

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, assert_close
from cnn_ext import activations, initializers, layers, ops
from cnn_ext.autograd import Tensor, Variable, no_grad
from cnn_ext.testing import GradientCheckError, check_gradients
from cnn_ext.utils import set_random_seed

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of the largest value
FLOAT32_SLOPE = 2e-8  # TensorFlow's leaky_relu keeps its slope, 0.2, in float32


class Row(NamedTuple):
    """A layer by name, its arguments, and the shape of a batch for it."""

    layer: str
    shape: tuple[int, ...]
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        arguments = ",".join(f"{k}={v}" for k, v in self.arguments.items())
        return f"{self.layer}({re.sub('[ ()]', '', arguments)})-{'x'.join(map(str, self.shape))}"

    def make(self, keras, **more):
        return getattr(keras.layers, self.layer)(**self.arguments, **more)

    def inputs(self, dtype, seed=0):
        return np.random.default_rng(seed).standard_normal(self.shape).astype(dtype)


def row(layer, *shape, **arguments):
    return Row(layer, shape, arguments)


FIRST = "channels_first"
CONV = (
    row("Conv2D", 2, 7, 6, 3, filters=5, kernel_size=3),
    row("Conv2D", 2, 7, 6, 3, filters=5, kernel_size=3, padding="same"),
    row("Conv2D", 2, 7, 6, 3, filters=4, kernel_size=(2, 3), use_bias=False),
    row("Conv2D", 2, 8, 7, 2, filters=3, kernel_size=3, strides=2, padding="same"),
    row("Conv2D", 2, 9, 8, 2, filters=3, kernel_size=2, strides=(3, 2)),
    row("Conv2D", 2, 9, 8, 2, filters=3, kernel_size=3, dilation_rate=(2, 1)),
    row("Conv2D", 2, 9, 8, 2, filters=3, kernel_size=3, dilation_rate=2, padding="same"),
    row("Conv2D", 2, 7, 6, 4, filters=6, kernel_size=3, groups=2),
    row("Conv2D", 2, 7, 6, 4, filters=8, kernel_size=3, groups=4, strides=2, padding="SAME"),
    row("Conv2D", 2, 5, 5, 3, filters=1, kernel_size=1),
    row("Conv2D", 2, 4, 4, 1, filters=2, kernel_size=(4, 4)),
    row("Conv2D", 1, 3, 2, 2, filters=2, kernel_size=5, padding="same"),  # window > image
    # Keras adds the bias along the width if filters equal it: here they do not.
    row("Conv2D", 2, 3, 7, 6, filters=5, kernel_size=3, data_format=FIRST, activation="tanh"),
    row("Conv2D", 2, 3, 8, 6, filters=5, kernel_size=3, strides=2, padding="same",
        data_format=FIRST),
    row("Conv2D", 2, 4, 7, 6, filters=6, kernel_size=3, groups=2, activation="tanh",
        data_format=FIRST),
    row("Conv2D", 2, 28, 28, 1, filters=32, kernel_size=3, padding="same"),
)  # fmt: skip
POOL = (
    row("MaxPooling2D", 2, 6, 8, 3),
    row("MaxPooling2D", 2, 7, 9, 3, pool_size=2),
    row("MaxPooling2D", 2, 7, 5, 3, pool_size=2, padding="same"),
    row("MaxPooling2D", 2, 7, 8, 3, pool_size=(3, 2), strides=(2, 1)),
    row("MaxPooling2D", 2, 9, 8, 3, pool_size=2, strides=3),
    row("MaxPooling2D", 2, 3, 7, 5, pool_size=3, strides=2, padding="same", data_format=FIRST),
    row("MaxPool2D", 2, 4, 4, 3),
    row("AveragePooling2D", 2, 6, 8, 3, pool_size=2),
    row("AveragePooling2D", 2, 7, 5, 3, pool_size=(2, 3), strides=2, padding="same"),
    row("AveragePooling2D", 2, 3, 7, 6, pool_size=3, strides=1, padding="same", data_format=FIRST),
    row("AvgPool2D", 2, 4, 4, 3, pool_size=4),
    row("GlobalAveragePooling2D", 2, 6, 5, 3),
    row("GlobalAveragePooling2D", 2, 6, 5, 3, keepdims=True),
    row("GlobalAveragePooling2D", 2, 3, 6, 5, data_format=FIRST),
    row("GlobalAvgPool2D", 2, 3, 6, 5, data_format=FIRST, keepdims=True),
)
DENSE = (
    row("Dense", 3, 7, units=4),
    row("Dense", 3, 7, units=4, use_bias=False, activation="relu"),
    row("Dense", 3, 5, 7, units=4),
    row("Dense", 2, 3, 4, 5, units=1, activation="tanh"),
    row("Dense", 1, 1, units=2),
)
# Those that take an input of any size and are Keras's to the last bit of their definition; all are
# in test_activations.py.
NAMES = [
    name for name in activations._BY_NAME if name not in ("glu", "threshold", "sparsemax", "gelu")
]
ACTIVATIONS = (
    *(row("Dense", 4, 6, units=5, activation=name) for name in NAMES),
    *(row("Conv2D", 2, 5, 5, 2, filters=3, kernel_size=2, activation=name) for name in NAMES),
    *(row("Activation", 3, 4, activation=name) for name in NAMES),
)
OTHERS = (
    row("Flatten", 2, 3, 4, 5),
    row("Flatten", 3, 4),
    row("Flatten", 3),
    row("Flatten", 2, 3, 4, 5, data_format=FIRST),
    row("Dropout", 3, 4, rate=0.5),
    row("Dropout", 3, 4, rate=0),
    row("Dropout", 3, 4, rate=0.25, noise_shape=(None, 1), seed=3),
    row("ReLU", 3, 4),
    row("ReLU", 3, 4, max_value=0.5),
    row("ReLU", 3, 4, negative_slope=0.125),
    row("ReLU", 3, 4, threshold=0.3),
    row("ReLU", 3, 40, max_value=0.75, negative_slope=0.25, threshold=0.125),
    row("Softmax", 3, 4),
    row("Softmax", 3, 4, 5, axis=1),
    row("Softmax", 3, 4, 5, axis=(1, 2)),
    row("Reshape", 2, 6, target_shape=(2, 3)),
    row("Reshape", 2, 3, 4, target_shape=(-1,)),
    row("Reshape", 2, 3, 4, target_shape=(2, -1, 3)),
)
LAYERS = (*CONV, *POOL, *DENSE, *ACTIVATIONS, *OTHERS)
CLASSES = sorted(name for name in layers.__all__ if name not in ("Layer", "Input"))

rows = pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.name)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def fill(layer):
    """Give a built layer weights that say something: no zeros, no two alike."""
    rng = np.random.default_rng(1)
    layer.set_weights([rng.standard_normal(w.shape) * 0.5 for w in layer.weights])


def their_layer(row, dtype, keras):
    """Keras's layer, and the permutations of axes that its inputs and outputs need.

    TensorFlow on a CPU has no float64 convolution of channels_first images, but with groups: there
    the judge is the same convolution of channels_last images.
    """
    first = row.arguments.get("data_format") == FIRST and "groups" not in row.arguments
    if row.layer == "Conv2D" and first and dtype == "float64":
        row = row._replace(arguments={**row.arguments, "data_format": "channels_last"})
        return row.make(keras, dtype=dtype), (0, 2, 3, 1), (0, 3, 1, 2)
    unchanged = tuple(range(len(row.shape)))
    return row.make(keras, dtype=dtype), unchanged, None


def test_every_layer_has_rows():
    assert {row.layer for row in LAYERS} | {"InputLayer", "Convolution2D"} == set(CLASSES)
    assert layers.Convolution2D is layers.Conv2D


@dtypes
@rows
def test_equals_keras(row, dtype, keras, tf):
    """The output, and the gradients by the input and by all weights."""
    x = row.inputs(dtype)
    ours = row.make(cnn_ext, dtype=dtype)
    ours(x)
    fill(ours)
    theirs, into, back = their_layer(row, dtype, keras)
    their_x = tf.constant(x.transpose(into))
    theirs(their_x)
    theirs.set_weights(ours.get_weights())
    with tf.GradientTape() as tape:
        tape.watch(their_x)
        their_y = theirs(their_x)
        their_y = their_y if back is None else tf.transpose(their_y, back)
    leaf = Tensor(x, requires_grad=True)
    y = ours(leaf)
    tolerance = TOLERANCE[dtype]
    if row.arguments.get("activation") == "leaky_relu":
        tolerance = max(tolerance, FLOAT32_SLOPE)
    assert_close(y, their_y, tolerance)
    grad = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
    y.backward(grad)
    theirs_by = tape.gradient(
        their_y, [their_x, *(w.value for w in theirs.weights)], output_gradients=tf.constant(grad)
    )
    assert_close(leaf.grad.transpose(into), theirs_by[0], tolerance)
    for weight, by in zip(ours.weights, theirs_by[1:], strict=True):
        assert_close(weight.grad, by, tolerance)


@rows
def test_output_shape(row, keras):
    """Equal to Keras's for an unknown batch size, and true."""
    ours, theirs = row.make(cnn_ext), row.make(keras)
    expected = theirs.compute_output_shape((None, *row.shape[1:]))
    assert ours.compute_output_shape((None, *row.shape[1:])) == tuple(expected)
    with no_grad():
        assert ours(row.inputs("float32")).shape == (row.shape[0], *expected[1:])


UNKNOWN = (  # height and width are not known until the data come
    row("Conv2D", None, None, 3, filters=2, kernel_size=3, padding="same", strides=2),
    row("Conv2D", 3, None, None, filters=2, kernel_size=3, data_format=FIRST),
    row("MaxPooling2D", None, 8, 3),
    row("GlobalAveragePooling2D", None, None, 3),
    row("Flatten", None, 3),
    row("Reshape", None, 6, target_shape=(-1, 3)),
    row("Dense", None, 4, units=3),
)


@pytest.mark.parametrize("row", UNKNOWN, ids=lambda row: row.layer)
def test_output_shape_where_sizes_are_unknown(row, keras):
    shape = (None, *row.shape)
    ours = row.make(cnn_ext).compute_output_shape(shape)
    assert ours == tuple(row.make(keras).compute_output_shape(shape))


@pytest.mark.parametrize("name", [*CLASSES, "Input"])
def test_constructor_is_that_of_keras(name, keras):
    """The same names in the same order with the same defaults."""

    def parameters(module):
        signature = inspect.signature(getattr(module.layers, name))
        return [(p.name, p.kind, p.default) for p in signature.parameters.values()]

    assert parameters(cnn_ext) == parameters(keras)


@rows
def test_config_makes_the_same_layer(row, keras):
    layer = row.make(cnn_ext, name="mine", dtype="float64", trainable=False)
    config = layer.get_config()
    twin = type(layer).from_config(config)
    assert type(twin) is type(layer)
    assert twin.get_config() == config
    assert (twin.name, twin.dtype, twin.trainable) == ("mine", "float64", False)


@rows
def test_config_holds_what_keras_holds(row, keras):
    """Every key of ours is a key of Keras's, and what is plain is equal."""
    ours = row.make(cnn_ext, name="mine").get_config()
    theirs = row.make(keras, name="mine").get_config()
    assert set(ours) <= set(theirs)
    unsupported = {k for k in set(theirs) - set(ours) if theirs[k] is not None}
    assert not unsupported
    plain = {k: v for k, v in ours.items() if k != "dtype" and not k.endswith("initializer")}
    assert plain == {k: theirs[k] for k in plain}
    for key in set(ours) - set(plain) - {"dtype"}:
        assert type(ours[key]).__name__ == theirs[key]["class_name"]


@rows
def test_gradients_are_derivatives(row):
    """First and second order, by the inputs and the weights, in float64."""
    layer = row.make(cnn_ext)
    x = row.inputs("float64")
    layer(x)
    fill(layer)
    check_gradients(layer, x, directions=1)


@rows
def test_weights_are_those_of_keras(row, keras):
    ours, theirs = (row.make(k, name="mine") for k in (cnn_ext, keras))
    for layer in (ours, theirs):
        layer.build((None, *row.shape[1:]))

    def described(variables):
        return [(v.name, v.path, tuple(v.shape)) for v in variables]

    for which in ("weights", "trainable_weights", "non_trainable_weights", "variables"):
        if not (which == "variables" and row.layer == "Dropout"):  # a seed's state is no weight
            assert described(getattr(ours, which)) == described(getattr(theirs, which))
    assert ours.count_params() == theirs.count_params()
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert (our.shape, our.dtype) == (their.shape, their.dtype)


@rows
def test_inputs_stay_as_they_are(row):
    x = row.inputs("float32")
    before = x.copy()
    x.flags.writeable = False
    leaf = Tensor(x, requires_grad=True)
    y = row.make(cnn_ext)(leaf)
    y.backward(np.ones(y.shape, np.float32))
    np.testing.assert_array_equal(x, before)


@rows
def test_initial_weights(row, keras):
    """Biases begin at 0, kernels within Glorot's bounds as Keras's do."""
    ours, theirs = (row.make(k) for k in (cnn_ext, keras))
    for layer in (ours, theirs):
        layer.build((None, *row.shape[1:]))
    for weight in ours.weights:
        values = weight.numpy()
        if weight.name == "bias":
            assert not values.any()
        else:
            *window, inside, outside = values.shape
            limit = np.sqrt(6 / (np.prod(window) * (inside + outside)))
            assert 0 < np.abs(values).max() <= limit
            assert values.size < 10 or np.abs(values).max() > 0.5 * limit
            their = theirs.weights[0].numpy()
            assert np.abs(their).max() <= limit


# --- What a layer does with other inputs ------------------------------------------------------

INPUTS = {
    "float64 array": (np.ones((2, 3)), "float32"),
    "integers": (np.arange(6).reshape(2, 3), "float32"),
    "bytes": (np.arange(6, dtype=np.uint8).reshape(2, 3), "float32"),
    "booleans": (np.eye(2, 3, dtype=bool), "float32"),
    "list": ([[1.0, 2.0, 3.0]], "float32"),
    "Tensor": (Tensor(np.ones((2, 3), np.float32)), "float32"),
    "not contiguous": (np.ones((3, 4), np.float32).T[::2], "float32"),
    "no samples": (np.ones((0, 3), np.float32), "float32"),
}


@pytest.mark.parametrize(("x", "dtype"), INPUTS.values(), ids=INPUTS)
def test_dense_takes_all_sorts_of_numbers(x, dtype, keras, tf):
    layer = layers.Dense(2)
    y = layer(x)
    assert y.dtype == dtype
    theirs = keras.layers.Dense(2)
    theirs.build((None, 3))
    theirs.set_weights(layer.get_weights())
    expected = theirs(tf.constant(np.asarray(x), tf.float32))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("x", "dtype"), INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("layer_dtype", DTYPES)
def test_a_layer_without_weights_has_its_dtype_too(x, dtype, layer_dtype, keras, tf):
    """Floats are converted; whole numbers stay whole.

    But a Tensor of floats stays as it is, where Keras converts it too: so a model of float32 can
    be checked in float64.
    """
    if isinstance(x, Tensor):
        dtype = layer_dtype = "float64"
        x = x.astype(dtype)
    ours, theirs = (k.layers.Activation("linear", dtype=layer_dtype) for k in (cnn_ext, keras))
    their_x = np.asarray(x)
    if their_x.dtype == np.float64 and isinstance(x, list):
        their_x = their_x.astype(np.float32)
    y, expected = np.asarray(ours(x)), np.asarray(theirs(tf.constant(their_x)))
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(y, expected)


def test_images_of_sizes_unlike_the_first():
    """The weights are made for the channels, not for height and width."""
    layer = layers.Conv2D(2, 3)
    assert layer(np.ones((1, 5, 5, 3))).shape == (1, 3, 3, 2)
    assert layer(np.ones((2, 9, 4, 3))).shape == (2, 7, 2, 2)


# --- Dropout in training ----------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_a_share_and_scales_it_up(rate):
    x = np.full((200, 500), 3.0, np.float32)
    y = layers.Dropout(rate, seed=1)(x, training=True).numpy()
    kept = y != 0
    sigma = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(kept.mean() - (1 - rate)) < 4 * sigma
    np.testing.assert_allclose(y[kept], 3 / (1 - rate), rtol=1e-6)
    assert abs(kept.mean(axis=0).std() - np.sqrt(rate * (1 - rate) / 200)) < 0.1 * 0.5


def test_dropout_passes_gradients_where_it_passed_values():
    x = Tensor(np.ones((50, 20), np.float32), requires_grad=True)
    y = layers.Dropout(0.4, seed=1)(x, training=True)
    y.backward(np.ones(y.shape, np.float32))
    np.testing.assert_array_equal(x.grad, y.numpy())


def test_dropout_draws_anew_and_repeats_by_seed():
    x = np.ones((20, 20), np.float32)

    def two(layer):
        return [layer(x, training=True).numpy() for _ in range(2)]

    first, second = two(layers.Dropout(0.5, seed=7))
    assert (first != second).any()
    np.testing.assert_array_equal(two(layers.Dropout(0.5, seed=7)), [first, second])
    assert (two(layers.Dropout(0.5, seed=8))[0] != first).any()
    drawn = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        drawn.append(np.stack([*two(layers.Dropout(0.5)), *two(layers.Dropout(0.5))]))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    assert (drawn[0][0] != drawn[0][2]).any()  # two layers draw two streams


NOISE_SHAPES = [(None, 1, 1, None), (1, 6, 5, 4), (8, 1, 5, 1), (None, None, None, None)]


@pytest.mark.parametrize("noise_shape", NOISE_SHAPES)
def test_dropout_repeats_its_mask_along_axes_of_one(noise_shape):
    x = np.ones((8, 6, 5, 4), np.float32)
    kept = layers.Dropout(0.5, noise_shape=noise_shape, seed=1)(x, training=True).numpy() != 0
    for axis, size in enumerate(noise_shape):
        first = kept.take([0], axis=axis)
        assert (kept == first).all() == (size == 1)
    assert 0 < kept.mean() < 1


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.5, None), (0.0, True)])
def test_dropout_that_does_nothing(rate, training):
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    np.testing.assert_array_equal(layers.Dropout(rate)(x, training=training), x)


def test_dropout_of_everything(keras):
    x = np.ones((3, 4), np.float32)
    ours, theirs = (k.layers.Dropout(1.0)(x, training=True) for k in (cnn_ext, keras))
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(ours, np.zeros_like(x))


def test_training_reaches_the_layers_inside():
    """As an argument, and as what the layer around was called with."""

    class Twice(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = [layers.Dropout(0.5, seed=1), layers.Dropout(0.5, seed=2)]

        def call(self, inputs):
            return self.inner[1](self.inner[0](inputs))

    x = np.ones((40, 10), np.float32)
    twice = Twice()
    assert set(np.unique(twice(x, training=True))) == {0.0, 4.0}
    for training in (False, None):
        np.testing.assert_array_equal(twice(x, training=training), x)
    model = cnn_ext.Sequential([layers.Input((10,)), Twice()])
    assert (model(x, training=True).numpy() == 0).any()
    np.testing.assert_array_equal(model(x), x)
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)


# --- A layer of one's own ---------------------------------------------------------------------


class Gate(layers.Layer):
    """Has weights of its own and layers in attributes, in a list and in a tuple."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inside = layers.Dense(units, activation="tanh")
        self.stack = [layers.Dense(units), layers.Dense(units, use_bias=False)]
        self.pair = (layers.Dense(units), "not a layer")

    def build(self, input_shape):
        self.factor = self.add_weight(shape=(self.units,), initializer="ones", name="factor")
        self.offset = self.add_weight(shape=(), initializer="zeros", name="offset")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count", trainable=False)

    def call(self, inputs):
        y = self.inside(inputs) * self.factor + self.offset
        for layer in self.stack:
            y = layer(y)
        return self.pair[0](y) * ops.sigmoid(y)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_own_layer_keeps_account_of_what_it_owns():
    layer = Gate(3, name="gate")
    layer(np.ones((2, 4), np.float32))
    assert [w.name for w in layer.own_variables] == ["factor", "offset", "count"]
    assert [w.path for w in layer.own_variables] == ["gate/factor", "gate/offset", "gate/count"]
    assert len(layer.weights) == 3 + 2 + 2 + 1 + 2
    assert [w.name for w in layer.non_trainable_weights] == ["count"]
    assert layer.count_params() == 3 + 1 + 1 + (4 * 3 + 3) + (9 + 3) + 9 + (9 + 3)
    layer.trainable = False
    assert not layer.trainable_weights
    layer.trainable = True
    assert [w.name for w in layer.non_trainable_weights] == ["count"]
    twin = Gate.from_config(layer.get_config())
    twin(np.ones((2, 4), np.float32))
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(twin(np.ones((1, 4))), layer(np.ones((1, 4))))


def test_own_layer_has_the_gradients_it_should():
    x = np.random.default_rng(0).standard_normal((5, 4))
    layer = Gate(3)
    layer(x)
    fill(layer)
    before = layer.get_weights()
    check_gradients(layer, x)
    for weight, value in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)
        assert weight.dtype == np.float32


def test_own_layer_with_a_wrong_gradient_is_caught():
    """A factor taken out of the history by mistake: its weight gets no gradient."""

    class Wrong(Gate):
        def call(self, inputs):
            return super().call(inputs) * self.factor.numpy()

    with pytest.raises(GradientCheckError, match=r"variable 'wrong.*factor"):
        check_gradients(Wrong(3), np.random.default_rng(0).standard_normal((5, 4)))


def test_own_layer_of_two_inputs():
    class Blend(layers.Layer):
        def build(self, input_shape):
            self.share = self.add_weight(shape=(), initializer=initializers.Constant(0.3))

        def call(self, a, b):
            return a * self.share + b * (1 - self.share)

    a, b = np.random.default_rng(0).standard_normal((2, 3, 4))
    check_gradients(Blend(), [a, b])


def put_in_later(keras):
    """A layer whose lists and dicts get their layers after they became attributes."""

    class Later(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.stack = []
            self.named = {"first": keras.layers.Dense(2)}
            self.deep = [[]]
            self.last = keras.layers.Dense(3)
            self.stack.append(keras.layers.Dense(4))
            self.stack += [keras.layers.Dense(5)]
            self.stack.extend([keras.layers.Dense(6)])
            self.stack.insert(0, keras.layers.Dense(7))
            self.named["second"] = keras.layers.Dense(8)
            self.named.update({"third": keras.layers.Dense(9)})
            self.deep[0].append(keras.layers.Dense(10))

        def build(self, input_shape):
            self.count = self.add_weight(shape=(11,), initializer="zeros", trainable=False)
            self.factor = self.add_weight(shape=(1,), initializer="ones")
            for layer in self.parts():
                layer.build(input_shape)

        def parts(self):
            return [*self.stack, *self.named.values(), *self.deep[0], self.last]

        def call(self, inputs):
            total = 0
            for layer in self.parts():
                total = total + keras.ops.sum(layer(inputs), axis=-1, keepdims=True)
            return total * self.factor

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 1)

    return Later()


def test_layers_put_into_lists_and_dicts_later_belong_to_it(keras):
    """In Keras's order, so that optimizers and files agree."""
    x = np.random.default_rng(0).standard_normal((5, 3))
    ours, theirs = put_in_later(cnn_ext), put_in_later(keras)
    for layer in (ours, theirs):
        layer(x)
    for which in ("weights", "trainable_weights", "non_trainable_weights"):
        shapes = [tuple(w.shape) for w in getattr(ours, which)]
        assert shapes == [tuple(w.shape) for w in getattr(theirs, which)]
    assert len(ours.weights) == 2 * 9 + 2
    check_gradients(ours, x)
    ours.trainable = False
    assert not any(layer.trainable for layer in ours.parts())
    plain = copy.deepcopy(ours.stack)
    assert type(plain) is list
    assert len(plain) == 4


def test_a_layer_is_built_once_by_hand_or_by_its_inputs():
    for row in (CONV[0], DENSE[0], POOL[0]):
        layer = row.make(cnn_ext)
        assert not layer.built
        layer.build((None, *row.shape[1:]))
        assert layer.built
        before = [id(w) for w in layer.weights]
        y = layer(row.inputs("float32"))
        assert [id(w) for w in layer.weights] == before
        np.testing.assert_array_equal(layer(inputs=row.inputs("float32")), y)
        assert layer.get_build_config() == {"input_shape": (None, *row.shape[1:])}


def test_default_layout(keras):
    def made(keras):
        keras.config.set_image_data_format("channels_first")
        try:
            layer = keras.layers.Conv2D(2, 3)
            y = layer(np.ones((1, 4, 6, 5), np.float32))
            return layer.data_format, tuple(y.shape), layer.compute_output_shape((None, 4, 6, 5))
        finally:
            keras.config.set_image_data_format("channels_last")

    assert made(cnn_ext) == made(keras)


def test_default_dtype():
    """Keras 3.15 keeps the one that was set when it made its first layer."""
    cnn_ext.config.set_floatx("float64")
    try:
        layer = layers.Dense(2)
        assert layer([[1.0, 2.0]]).dtype == layer.kernel.dtype == np.float64
    finally:
        cnn_ext.config.set_floatx("float32")
    assert layers.Dense(2)([[1.0, 2.0]]).dtype == np.float32


def test_a_variable_as_attribute_is_a_weight():
    class Shift(layers.Layer):
        def __init__(self):
            super().__init__()
            self.by = Variable(np.ones(3, np.float32), name="by")
            self.step = Variable(np.zeros(()), trainable=False, name="step")

        def call(self, inputs):
            return inputs + self.by

    layer = Shift()
    assert [w.name for w in layer.weights] == ["by", "step"]
    assert [w.name for w in layer.trainable_weights] == ["by"]
    layer.by = layer.by  # set again, counted once
    assert len(layer.weights) == 2


def test_a_layer_used_twice_has_its_weights_once():
    class Siamese(layers.Layer):
        def __init__(self):
            super().__init__()
            self.shared = layers.Dense(4)
            self.also = self.shared

        def call(self, inputs):
            return self.shared(self.also(inputs))

    layer = Siamese()
    x = np.random.default_rng(0).standard_normal((2, 4))
    check_gradients(layer, x)
    assert len(layer.weights) == 2


def test_automatic_names_are_those_of_keras(keras):
    def named(keras):
        keras.utils.clear_session()
        made = [
            keras.layers.Conv2D(1, 1), keras.layers.Conv2D(1, 1), keras.layers.MaxPooling2D(),
            keras.layers.ReLU(), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1),
            keras.Sequential(), keras.Sequential(), keras.layers.Dense(1), keras.layers.Flatten(),
            keras.layers.AveragePooling2D(2), keras.layers.Softmax(), keras.layers.InputLayer((1,)),
        ]  # fmt: skip
        others = ("MyLayer", "HTTPServer2DBlock", "ABTest", "lower", "A", "X2Y", "Res_Block")
        made += [type(name, (keras.layers.Layer,), {})() for name in others]
        return [layer.name for layer in made]

    assert named(cnn_ext) == named(keras)
