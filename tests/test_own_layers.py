"""What every layer does: inputs, weights and layers that it owns, names, defaults; one's own."""

import copy

import numpy as np
import pytest

import cnn_ext
import rows_convolution
import rows_core
from cases import DTYPES
from cnn_ext import initializers, layers, ops
from cnn_ext.autograd import Tensor, Variable
from cnn_ext.testing import GradientCheckError, check_gradients
from layer_rows import fill

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
    for row in (rows_convolution.ROWS[0], rows_core.ROWS[0]):
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
