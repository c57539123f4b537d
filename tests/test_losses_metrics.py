"""Initializers and activations: each is Keras's, by name and by number."""

import itertools

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES
from cnn_ext import activations, initializers
from cnn_ext.autograd import Tensor
from cnn_ext.utils import set_random_seed
from targets import same_parameters

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of the largest value
dtypes = pytest.mark.parametrize("dtype", DTYPES)

# --- Initializers -----------------------------------------------------------------------------

INITIALIZERS = (
    ("GlorotUniform", {}),
    ("GlorotNormal", {}),
    ("HeUniform", {}),
    ("HeNormal", {}),
    ("LecunUniform", {}),
    ("LecunNormal", {}),
    ("RandomUniform", {}),
    ("RandomUniform", {"minval": -2.0, "maxval": 1.0}),
    ("RandomNormal", {}),
    ("RandomNormal", {"mean": 1.0, "stddev": 0.5}),
    ("TruncatedNormal", {"mean": -1.0, "stddev": 0.3}),
    *(
        ("VarianceScaling", {"scale": 3.0, "mode": mode, "distribution": distribution})
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform")
    ),
)
CONSTANTS = (("Zeros", {}), ("Ones", {}), ("Constant", {}), ("Constant", {"value": 2.5}))
SHAPES = ((400, 250), (3, 3, 60, 185), (100_000,))


def distance(a, b):
    """Kolmogorov and Smirnov's distance of two samples: that of their distribution functions."""
    points = np.sort(np.concatenate([a, b]))
    below = (np.searchsorted(np.sort(s), points, side="right") / s.size for s in (a, b))
    return np.abs(next(below) - next(below)).max()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "arguments"), INITIALIZERS)
def test_initializer_has_the_distribution_of_keras(name, arguments, shape, keras):
    """By the distance that one pair in 10,000 of one distribution exceeds, and by the moments."""
    ours, theirs = (
        np.asarray(getattr(k.initializers, name)(seed=5, **arguments)(shape)).astype(np.float64)
        for k in (cnn_ext, keras)
    )
    assert ours.shape == theirs.shape == shape
    ours, theirs = ours.ravel(), theirs.ravel()
    assert distance(ours, theirs) < 2.23 * np.sqrt(2 / ours.size)
    spread = theirs.std()
    assert abs(ours.mean() - theirs.mean()) < 4 * spread * np.sqrt(2 / ours.size)
    # The deviation of a normal's standard deviation is spread / sqrt(2 n); others' is smaller.
    assert abs(ours.std() - spread) < 4 * spread / np.sqrt(ours.size)
    if name != "RandomNormal" and arguments.get("distribution") != "untruncated_normal":
        limit = np.abs(theirs - theirs.mean()).max()
        assert np.abs(ours - theirs.mean()).max() == pytest.approx(limit, rel=0.02)


@pytest.mark.parametrize(("name", "arguments"), CONSTANTS)
def test_constant_initializer_equals_keras(name, arguments, keras):
    for shape, dtype in itertools.product(((), (3,), (2, 3)), DTYPES):
        ours, theirs = (
            np.asarray(getattr(k.initializers, name)(**arguments)(shape, dtype=dtype))
            for k in (cnn_ext, keras)
        )
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize(("name", "arguments"), INITIALIZERS)
def test_initializer_repeats_by_seed(name, arguments):
    make = getattr(initializers, name)
    first = make(seed=3, **arguments)
    values = first((4, 5))
    np.testing.assert_array_equal(values, first((4, 5)))
    np.testing.assert_array_equal(values, make(seed=3, **arguments)((4, 5)))
    assert (values != make(seed=4, **arguments)((4, 5))).all()
    drawn = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        unseeded = make(**arguments)
        drawn.append(np.stack([unseeded((4, 5)), unseeded((4, 5))]))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).all()
    assert (drawn[0][0] != drawn[0][1]).all()
    assert make(**arguments)((2, 3), dtype="float64").dtype == np.float64


# Keras 3.15 fails to look up "constant".
@pytest.mark.parametrize("name", sorted(set(initializers._BY_NAME) - {"constant"}))
def test_initializer_by_name(name, keras):
    ours, theirs = initializers.get(name), keras.initializers.get(name)
    class_name = type(theirs).__name__
    assert type(ours).__name__ == class_name
    assert type(initializers.get(class_name)) is type(ours)
    assert type(initializers.get(type(ours))) is type(ours)
    config = ours.get_config()
    assert config == {key: theirs.get_config()[key] for key in config}
    assert type(ours).from_config(config).get_config() == config
    serialized = keras.initializers.serialize(theirs)
    mine = initializers.serialize(ours)
    assert mine == serialized | {"config": config}


@pytest.mark.parametrize("name", sorted(set(initializers.__all__) - {"get", "serialize"}))
def test_initializer_signature(name, keras):
    theirs = getattr(keras.initializers, name)
    if "__init__" in vars(theirs):  # others take nothing
        # Which axes are inputs and which outputs is fixed here: the last two.
        same_parameters(getattr(initializers, name), theirs, but=("input_axes", "output_axes"))


# --- Activations ------------------------------------------------------------------------------

GRID = np.concatenate([np.linspace(-9, 9, 73), [-1e4, -100, -1e-3, 1e-3, 0.49, 80]])
ACTIVATIONS = (
    *((name, {}) for name in sorted(activations._BY_NAME)),
    ("relu", {"negative_slope": 0.25}),
    ("relu", {"max_value": 3.0}),
    ("relu", {"threshold": 1.125}),
    ("relu", {"negative_slope": 0.125, "max_value": 2.125, "threshold": 0.625}),
    ("leaky_relu", {"negative_slope": 0.5}),
    ("elu", {"alpha": 0.5}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {"axis": 0}),
)


@dtypes
@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS)
def test_activation_equals_keras(name, arguments, dtype, keras, tf):
    """Each value and gradient, where functions are flat, steep, bent and far out."""
    x = np.stack([GRID, GRID[::-1]]).astype(dtype)
    if "softmax" in name:
        x = np.stack([x, x / 7])
    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = getattr(keras.activations, name)(given, **arguments)
    leaf = Tensor(x, requires_grad=True)
    found = getattr(activations, name)(leaf, **arguments)
    grad = np.random.default_rng(0).standard_normal(x.shape).astype(dtype)
    if found is not leaf:
        found.backward(grad)
    # Absolute, because exp(x) - 1 near 0 has no relative exactness; functions are of size 1 there.
    small = {"float32": 1e-6, "float64": 1e-14}[dtype]
    relative = TOLERANCE[dtype]
    if name == "leaky_relu" and not arguments:
        relative = max(relative, 2e-8)  # TensorFlow keeps the slope, 0.2, in float32
    np.testing.assert_allclose(found.numpy(), value, rtol=relative, atol=small)
    if found is not leaf:
        by = tape.gradient(value, given, output_gradients=tf.constant(grad))
        np.testing.assert_allclose(leaf.grad, by, rtol=relative, atol=small)
    plain = getattr(activations, name)(x, **arguments)
    np.testing.assert_array_equal(plain, found.numpy())
    assert plain.dtype == dtype


@pytest.mark.parametrize("name", sorted(activations._BY_NAME))
def test_activation_of_nan_is_nan(name):
    y = activations.get(name)(np.array([[np.nan, 1.0]], np.float32))
    assert np.isnan(y[0, 0])


@pytest.mark.parametrize("name", sorted(activations._BY_NAME))
def test_activation_by_name(name, keras):
    ours = activations.get(name)
    assert activations.get(ours) is ours
    assert activations.get(activations.serialize(ours)) is ours
    # Keras has two names for one function too, and writes the one.
    assert activations.serialize(ours) == keras.activations.serialize(keras.activations.get(name))


def test_no_activation_is_linear():
    assert activations.get(None) is activations.linear
    x = np.ones(3)
    assert activations.linear(x) is x


@pytest.mark.parametrize("name", sorted(set(activations.__all__) - {"get", "serialize"}))
def test_activation_signature(name, keras):
    same_parameters(getattr(activations, name), getattr(keras.activations, name))
