"""Properties of every layer: a test runs over the rows of all `rows_*.py`; the judge is Keras."""

import copy
import functools
import inspect
import json

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, assert_close
from cnn_ext import layers
from cnn_ext.autograd import Tensor, no_grad
from cnn_ext.layers.shapes import map_shapes
from cnn_ext.testing import check_gradients
from cnn_ext.tree import flatten, map_structure
from layer_rows import FIRST, all_rows, fill, in_use

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of the largest value
IN_FLOAT32 = ("leaky_relu", "gelu", "LeakyReLU")  # TensorFlow keeps a constant of theirs in float32
FLOAT32_CONSTANT = 2e-8
RESIZE = ("CenterCrop", "Resizing", "UpSampling2D")  # TensorFlow computes them in float32
RESIZE_FLOAT32 = 1e-6

LAYERS = all_rows()
UNKNOWN = all_rows("UNKNOWN")
CLASSES = sorted(
    name
    for name in layers.__all__
    if isinstance(getattr(layers, name), type) and name not in ("Layer", "InputSpec")
)
OF_THEIR_OWN = ("CategoryEncoding", "InputLayer", "Lambda", "Wrapper")  # tested elsewhere

rows = pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.name)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def laid_out(rank, channels_first):
    """The permutation of axes from the other layout to this one."""
    if channels_first:
        return (0, rank - 1, *range(1, rank - 1))
    return (0, *range(2, rank), 1)


def images_of_channels(row):
    """Whether another layout would be of other inputs, and of nothing else."""
    names = inspect.signature(getattr(layers, row.layer)).parameters
    along_last = row.arguments.get("activation") == "softmax"
    return "data_format" in names and len(row.shape) > 2 and not along_last


def keras_computes(row, ours, x, grad, tf, keras):
    """The output, and the gradients by the input and the weights, of Keras's layer."""
    theirs, x = row.make(keras, dtype=grad.dtype.name), tf.nest.map_structure(tf.constant, x)
    in_use(theirs, x)
    theirs.set_weights(ours.get_weights())
    if row.layer == "Normalization":
        theirs.finalize_state()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = in_use(theirs, x)
    by = [*tf.nest.flatten(x), *(w.value for w in theirs.weights)]
    return y, tape.gradient(y, by, tf.constant(grad))


def judged_by_keras(row, ours, x, grad, tf, keras):
    """The same and a tolerance, also where TensorFlow on a CPU lacks the layout or float64.

    There the judge is the same layer of channels_last inputs, or of float32.
    """
    try:
        return *keras_computes(row, ours, x, grad, tf, keras), TOLERANCE[grad.dtype.name]
    except tf.errors.OpError:
        if row.arguments.get("data_format") != FIRST:
            if grad.dtype == np.float32:
                raise
            single = (map_structure(lambda a: a.astype(np.float32), given) for given in (x, grad))
            y, by, tolerance = judged_by_keras(row, ours, *single, tf, keras)
            return tf.cast(y, grad.dtype), [tf.cast(b, grad.dtype) for b in by], tolerance
    row = row._replace(arguments={**row.arguments, "data_format": "channels_last"})
    into, back = laid_out(x.ndim, False), laid_out(x.ndim, True)
    images = grad.ndim == x.ndim
    given = x.transpose(into), grad.transpose(into) if images else grad
    y, (by_x, *by_weights), tolerance = judged_by_keras(row, ours, *given, tf, keras)
    y = tf.transpose(y, back) if images else y
    return y, [tf.transpose(by_x, back), *by_weights], tolerance


def test_every_layer_has_rows():
    covered = {getattr(layers, name) for name in (*OF_THEIR_OWN, *(r.layer for r in LAYERS))}
    assert covered == {getattr(layers, name) for name in CLASSES}


def test_every_name_of_keras_stands_for_the_same_layer(keras):
    """All aliases of the classes that there are."""
    for name in dir(keras.layers):
        their = getattr(keras.layers, name)
        if isinstance(their, type) and their.__name__ in CLASSES:
            assert getattr(layers, name) is getattr(layers, their.__name__)
    for name in CLASSES:
        assert getattr(layers, name).__name__ == getattr(keras.layers, name).__name__


@dtypes
@rows
def test_equals_keras(row, dtype, keras, tf):
    """The output, and the gradients by the input and by all weights."""
    x = row.inputs(dtype)
    ours = row.make(cnn_ext, dtype=dtype)
    in_use(ours, x)
    fill(ours)
    leaves = map_structure(lambda array: Tensor(array, requires_grad=True), x)
    y = in_use(ours, leaves)
    grad = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
    their_y, theirs_by, tolerance = judged_by_keras(row, ours, x, grad, tf, keras)
    if row.arguments.get("activation") in IN_FLOAT32 or row.layer in IN_FLOAT32:
        tolerance = max(tolerance, FLOAT32_CONSTANT)
    if row.layer in RESIZE:
        tolerance = max(tolerance, RESIZE_FLOAT32)
    assert_close(y, their_y, tolerance)
    y.backward(grad)
    for leaf, by in zip([*flatten(leaves), *ours.weights], theirs_by, strict=True):
        assert (leaf.grad is None) == (by is None)
        if by is not None:
            assert_close(leaf.grad, by, tolerance)


@pytest.mark.parametrize(
    "row", [row for row in LAYERS if "regularizer" in str(row.arguments)], ids=lambda row: row.name
)
def test_losses_are_those_of_keras(row, keras):
    """Of the outputs, then of the weights."""
    ours, theirs = row.make(cnn_ext), row.make(keras)
    x = row.inputs("float32")
    for layer in (ours, theirs):
        layer(x)
    fill(ours)
    theirs.set_weights(ours.get_weights())
    for layer in (ours, theirs):
        layer(x)
    assert len(ours.losses) == len(theirs.losses) > 0
    for our, their in zip(ours.losses, theirs.losses, strict=True):
        assert_close(our, their, 1e-5)


@pytest.mark.parametrize(
    "row", [row for row in LAYERS if images_of_channels(row)], ids=lambda row: row.name
)
def test_layouts_give_the_same(row):
    """channels_first of transposed inputs is channels_last, transposed."""
    first = row.arguments.get("data_format") == FIRST
    ours = row.make(cnn_ext)
    other = row.make(cnn_ext, data_format="channels_last" if first else FIRST)
    x = row.inputs("float32")
    y = in_use(ours, x)
    fill(ours)
    y = in_use(ours, x).numpy()
    transposed = x.transpose(laid_out(x.ndim, not first))
    in_use(other, transposed)
    other.set_weights(ours.get_weights())
    other_y = in_use(other, transposed).numpy()
    back = laid_out(y.ndim, first) if y.ndim > 2 else (0, 1)
    assert_close(other_y.transpose(back), y, 1e-6)


@rows
def test_output_shape(row, keras):
    """Equal to Keras's for an unknown batch size, symbolically too, and true."""
    ours, theirs = row.make(cnn_ext), row.make(keras)
    expected = theirs.compute_output_shape(row.batch_shape)
    assert ours.compute_output_shape(row.batch_shape) == tuple(expected)
    symbolic = map_shapes(lambda shape: layers.Input(shape[1:]), row.batch_shape)
    assert row.make(cnn_ext)(symbolic).shape == tuple(expected)
    with no_grad():
        x = row.inputs("float32")
        assert in_use(ours, x).shape == (len(x[0] if row.several else x), *expected[1:])


@pytest.mark.parametrize("row", UNKNOWN, ids=lambda row: row.name)
def test_output_shape_where_sizes_are_unknown(row, keras):
    shape = (None, *row.shape)
    expected = tuple(row.make(keras).compute_output_shape(shape))
    assert row.make(cnn_ext).compute_output_shape(shape) == expected


@pytest.mark.parametrize("name", [*CLASSES, "Input"])
def test_constructor_is_that_of_keras(name, keras):
    """The same names in the same order with the same defaults."""

    def parameters(module):
        signature = inspect.signature(getattr(module.layers, name))
        return [(p.name, p.kind, p.default) for p in signature.parameters.values()]

    assert parameters(cnn_ext) == parameters(keras)


@rows
def test_config_makes_the_same_layer(row, keras):
    """Also after it has been a file's text."""
    frozen = {} if row.layer.startswith("SpatialDropout") else {"trainable": False}
    layer = row.make(cnn_ext, name="mine", dtype="float64", **frozen)
    config = layer.get_config()
    for given in (config, json.loads(json.dumps(config))):
        twin = type(layer).from_config(given)
        assert type(twin) is type(layer)
        assert twin.get_config() == config
        assert (twin.name, twin.dtype, twin.trainable) == ("mine", "float64", not frozen)


@rows
def test_config_is_that_of_keras(row, keras):
    """But for the dtype, which is its name here."""
    ours = row.make(cnn_ext, name="mine").get_config()
    theirs = row.make(keras, name="mine").get_config()
    assert ours == dtypes_by_name(theirs)


def dtypes_by_name(config):
    """A configuration with plain strings for the nodes of dtypes."""
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return config["config"]["name"]
    return {key: dtypes_by_name(value) for key, value in config.items()}


@rows
def test_gradients_are_derivatives(row):
    """First and second order, by the inputs and the weights, in float64."""
    layer = row.make(cnn_ext)
    x = row.inputs("float64")
    in_use(layer, x)
    fill(layer)
    subject = layer
    if row.several:
        subject = lambda *inputs: layer(list(inputs))  # noqa: E731
    elif not layer.weights:
        subject = functools.partial(in_use, layer)
    check_gradients(subject, x, directions=1, seed=3)


@rows
def test_weights_are_those_of_keras(row, keras):
    ours, theirs = (row.make(k, name="mine") for k in (cnn_ext, keras))
    for layer in (ours, theirs):
        layer.build(row.batch_shape)

    def described(variables):
        named = [(v.name, v.path, tuple(v.shape)) for v in variables]
        if "layer" in row.arguments:  # Keras puts the name of the layer around in front
            named = [(name, path.removeprefix("mine/"), shape) for name, path, shape in named]
        return [v for v in named if v[0] != "seed_generator_state"]  # that is no variable here

    for which in ("weights", "trainable_weights", "non_trainable_weights", "variables"):
        assert described(getattr(ours, which)) == described(getattr(theirs, which))
    assert ours.count_params() == theirs.count_params()
    for our, their in zip(ours.weights, theirs.weights, strict=True):
        assert (our.shape, our.dtype) == (tuple(their.shape), their.dtype)
        for what in ("regularizer", "constraint"):
            held = getattr(our, what), getattr(their, what)
            assert type(held[0]).__name__ == type(held[1]).__name__


@rows
def test_inputs_stay_as_they_are(row):
    x = row.inputs("float32")
    before = copy.deepcopy(x)
    for array in flatten(x):
        array.flags.writeable = False
    y = row.make(cnn_ext)(map_structure(lambda array: Tensor(array, requires_grad=True), x))
    y.backward(np.ones(y.shape, np.float32))
    for array, copied in zip(flatten(x), flatten(before), strict=True):
        np.testing.assert_array_equal(array, copied)


@rows
def test_initial_weights(row, keras):
    """Constants are Keras's; kernels lie within Glorot's bounds, if nothing else is said."""
    ours, theirs = (row.make(k) for k in (cnn_ext, keras))
    for layer in (ours, theirs):
        layer.build(row.batch_shape)
    if "initializer" in str(row.arguments):
        return
    for weight, their in zip(ours.weights, theirs.weights, strict=True):
        values = weight.numpy()
        if weight.name != "vector_u" and (values.ndim < 2 or np.ptp(their.numpy()) == 0):
            np.testing.assert_array_equal(values, their.numpy())
        else:
            *window, inside, outside = (1, *values.shape)
            limit = np.sqrt(6 / (np.prod(window) * (inside + outside)))
            assert 0 < np.abs(values).max() <= limit
            assert values.size < 10 or np.abs(values).max() > 0.5 * limit
            assert np.abs(their.numpy()).max() <= limit
