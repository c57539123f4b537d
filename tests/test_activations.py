"""Activations: the values, gradients, names and nodes of keras.activations."""

import math
import warnings

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, same_parameters
from cnn_ext import activations
from cnn_ext.autograd import Tensor
from cnn_ext.registry import register_keras_serializable
from cnn_ext.testing import check_gradients

GRID = np.concatenate([np.linspace(-9, 9, 73), [-1e4, -100, -1e-3, 1e-3, 0.49, 80]])
TINY = np.concatenate([-np.logspace(-7, -1, 40), np.logspace(-7, -1, 40)])
NAMES = sorted(activations._BY_NAME)
NEEDED = {"threshold": {"threshold": 0.25, "default_value": -2.0}}  # no default
ACTIVATIONS = (
    *((name, NEEDED.get(name, {})) for name in NAMES),
    ("relu", {"negative_slope": 0.25}),
    ("relu", {"max_value": 3.0}),
    ("relu", {"max_value": 6}),
    ("relu", {"threshold": 1.25}),
    ("relu", {"negative_slope": 0.125, "max_value": 2.125, "threshold": 0.625}),
    ("leaky_relu", {"negative_slope": 0.5}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 0.5}),
    ("gelu", {"approximate": True}),
    ("glu", {"axis": 0}),
    ("hard_shrink", {"threshold": 1.0}),
    ("soft_shrink", {"threshold": 1.0}),
    ("squareplus", {"b": 0.25}),
    ("softmax", {"axis": 0}),
    ("softmax", {"axis": None}),
    ("log_softmax", {"axis": 0}),
    ("sparsemax", {"axis": 0}),
)
# Keras 3.15 has gradient 2 at 0, where its two halves meet.
WRONG_AT_0_IN_KERAS = ("celu",)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def arguments_of(name):
    return NEEDED.get(name, {})


def both(name, arguments, x, keras, tf):
    """Values and gradients, ours and Keras's."""
    given, leaf = tf.constant(x), Tensor(x, requires_grad=True)
    grad = np.random.default_rng(0).standard_normal(x.shape).astype(x.dtype)
    with tf.GradientTape() as tape:
        tape.watch(given)
        expected = getattr(keras.activations, name)(given, **arguments)
    found = getattr(activations, name)(leaf, **arguments)
    grad = np.resize(grad, found.shape)
    if found is leaf:
        return (found.numpy(), grad), (expected.numpy(), grad)
    found.backward(grad)
    by = tape.gradient(expected, given, output_gradients=tf.constant(grad))
    return (found.numpy(), leaf.grad), (expected.numpy(), by.numpy())


@dtypes
@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS)
def test_activation_equals_keras(name, arguments, dtype, keras, tf):
    """Each value and gradient, where functions are flat, steep, bent and far out."""
    x = np.stack([GRID, GRID[::-1]]).astype(dtype)
    if "softmax" in name:
        x = np.stack([x, x / 7])
    if name == "glu":
        x = np.concatenate([x, x[:, ::-1] / 3], axis=1)
    if name in WRONG_AT_0_IN_KERAS:
        x = np.where(x == 0, 0.125, x).astype(dtype)
    if name == "sparsemax":  # few of many are not 0
        x = np.moveaxis(x.reshape(-1, 2), -1, 1 + arguments.get("axis", -1))
    if name == "squareplus":
        x = np.maximum(x, -50).astype(dtype)  # far below, Keras's sum of x and its root cancels
    found, expected = both(name, arguments, x, keras, tf)
    # Absolute, because differences near 0 are not exact in Keras; functions are of size 1 there.
    small = {"float32": 1e-6, "float64": 1e-14}[dtype]
    relative = {"float32": 1e-5, "float64": 1e-10}[dtype]
    if name == "leaky_relu" and not arguments:
        relative = max(relative, 2e-8)  # TensorFlow keeps the slope, 0.2, in float32
    if name == "gelu":  # and here sqrt(2) and other numbers; and 1 + tanh(x) cancels
        relative, small = max(relative, 2e-6), max(small, 2e-6 if arguments else 1e-8)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=relative, atol=small)
        assert ours.dtype == dtype
    plain = getattr(activations, name)(x, **arguments)
    np.testing.assert_array_equal(plain, found[0])
    assert isinstance(plain, np.ndarray)


@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS)
def test_float32_is_as_good_as_float64(name, arguments):
    """Near 0 and far out, to the size of the value itself: nothing cancels."""
    if name == "tanh_shrink":
        pytest.skip("x - tanh(x), as Keras has it, cancels near 0")
    rest = {"axis"} & set(arguments) or name in ("softmax", "log_softmax", "sparsemax", "glu")
    far = {"exponential": 80, "sparsemax": 1e4}.get(name, 1e15)
    x = np.concatenate([TINY, [-30, -5, 5, 30, far / 1e4, far]]).astype(np.float32)
    x = x[-6:][None] if rest else x
    x = np.repeat(x, 2, axis=0) if arguments.get("axis") == 0 else x
    single, double = (getattr(activations, name)(x.astype(dtype), **arguments) for dtype in DTYPES)
    relative = 3e-6
    small = 1e-6 if name == "gelu" else 1e-30  # 1 + erf(x) or tanh(x) cancels far below 0
    np.testing.assert_allclose(single, double, rtol=relative, atol=small)


@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS)
def test_gradients_of_both_orders(name, arguments):
    x = np.random.default_rng(1).standard_normal((4, 6)) * 2 + 0.01
    x = x / 8 if name == "sparsemax" else x
    if activations._BY_NAME[name] is not activations.linear:
        check_gradients(lambda t: getattr(activations, name)(t, **arguments), x)


@pytest.mark.parametrize("name", NAMES)
def test_large_inputs_do_not_overflow(name):
    """Values and gradients of both orders stay numbers, without a warning."""
    far = 40 if name == "exponential" else 1e15
    x = Tensor(np.array([[1e4, -1e4, 1e15, -1e15]], np.float32).clip(None, far), requires_grad=True)
    y = activations.get(name)(x, **arguments_of(name))
    assert np.isfinite(y.numpy()).all()
    if name != "linear":
        y.sum().backward(create_graph=True)
        assert np.isfinite(x.grad.numpy()).all()
        first, x.grad = x.grad, None
        if first.requires_grad:
            (first * first).sum().backward()
            assert x.grad is None or np.isfinite(x.grad).all()


def test_gelu_in_float64():
    x = np.linspace(-30, 30, 601)
    expected = [0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x]
    np.testing.assert_allclose(activations.gelu(x), expected, rtol=1e-14, atol=1e-15)


# Keras's hard_shrink, threshold and relu with a threshold replace a NaN; here it stays.
@pytest.mark.parametrize("name", NAMES)
def test_activation_of_nan_is_nan(name):
    y = activations.get(name)(np.array([[np.nan, 1.0]], np.float32), **arguments_of(name))
    assert np.isnan(y[0, 0])


@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS)
def test_lists_and_symbolic_tensors(name, arguments):
    """A list is an array; on an Input a function is a step of the model."""
    x = np.array([[0.5, -1.0], [2.0, 0.25]], np.float32)
    function = getattr(activations, name)
    np.testing.assert_array_equal(function(x.tolist(), **arguments), function(x, **arguments))
    if arguments.get("axis", 1) == 1 and name != "linear":
        inputs = cnn_ext.Input((2,))
        model = cnn_ext.Model(inputs, function(inputs, **arguments))
        np.testing.assert_array_equal(model(x), function(x, **arguments))


# --- Names and configurations ------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_activation_by_name(name, keras):
    ours = activations.get(name)
    assert activations.get(ours) is ours
    assert activations.get(activations.serialize(ours)) is ours
    assert activations.deserialize(name) is ours
    node = {"module": "builtins", "class_name": "function", "config": name}
    assert activations.get({**node, "registered_name": "function"}) is ours
    # Keras has two names for one function too, and writes the one.
    assert activations.serialize(ours) == keras.activations.serialize(keras.activations.get(name))


def test_all_of_keras_is_there(keras):
    theirs = {n for n in dir(keras.activations) if not n.startswith("_")}
    assert set(activations.__all__) == theirs


@pytest.mark.parametrize("name", sorted(set(activations.__all__) - {"get", "serialize"}))
def test_activation_signature(name, keras):
    same_parameters(getattr(activations, name), getattr(keras.activations, name))


def test_no_activation_is_linear():
    assert activations.get(None) is activations.linear
    x = np.ones(3)
    assert activations.linear(x) is x


def cube(x):
    return x * x * x


def test_ones_own(keras):
    assert activations.get(cube) is cube
    assert activations.serialize(cube) == keras.activations.serialize(cube)
    assert activations.deserialize(activations.serialize(cube), {"cube": cube}) is cube
    register_keras_serializable("tests")(cube)
    keras.saving.register_keras_serializable("tests")(cube)
    node = activations.serialize(cube)
    assert node == keras.activations.serialize(cube)
    assert node["config"] == "tests>cube"
    assert activations.get(node) is activations.deserialize(node) is cube
    assert activations.get("tests>cube") is cube


ERRORS = (
    ("rleu", "did you mean 'relu'"),
    (3, "Could not interpret activation identifier: 3"),
    ({"module": "builtins", "class_name": "function", "config": "rleu"}, "did you mean 'relu'"),
)


@pytest.mark.parametrize(("identifier", "message"), ERRORS)
def test_errors(identifier, message):
    with pytest.raises((ValueError, TypeError), match=message):
        activations.get(identifier)


def test_an_odd_axis_cannot_be_halved(keras):
    for k in (keras, cnn_ext):
        with pytest.raises(
            ValueError, match=r"axis size must be divisible by 2. Received: x.shape"
        ):
            k.activations.glu(np.ones((2, 3)))


def test_a_lambda_is_not_written():
    with warnings.catch_warnings(), pytest.raises(ValueError, match="a lambda cannot be written"):
        activations.serialize(lambda x: x)
