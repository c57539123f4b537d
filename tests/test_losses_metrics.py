"""Losses and metrics: each is Keras's, by name and by number.

Over 400 lines because of its tables.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, assert_close, same_parameters
from cnn_ext import activations, losses, metrics
from cnn_ext.autograd import Tensor
from cnn_ext.testing import check_gradients

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of the largest value
N, CLASSES = 6, 5


def draw(kind, *shape, dtype="float32", seed=0):
    """Targets or predictions of a kind, for N samples unless a shape is given."""
    rng = np.random.default_rng([seed, *map(ord, kind)])
    if kind == "labels":
        return rng.integers(0, CLASSES, shape)
    if kind == "one-hot":
        return np.eye(CLASSES, dtype=dtype)[rng.integers(0, CLASSES, shape[:-1])]
    if kind == "one-hot first":
        return np.moveaxis(draw("one-hot", N, shape[2], CLASSES, dtype=dtype, seed=seed), -1, 1)
    if kind == "yes-no":
        return rng.integers(0, 2, shape)
    if kind == "numbers":
        return rng.standard_normal(shape).astype(dtype)
    logits = rng.standard_normal(shape)
    if kind == "probabilities":
        e = np.exp(logits)
        return (e / e.sum(axis=-1, keepdims=True)).astype(dtype)
    if kind == "chances":
        return (1 / (1 + np.exp(-logits))).astype(dtype)
    assert kind == "logits"
    return logits.astype(dtype)


class Case(NamedTuple):
    """A loss or metric by name, the kinds and shapes of what it compares, and its arguments."""

    name: str
    y_true: tuple
    y_pred: tuple
    arguments: dict[str, Any] = {}  # noqa: RUF012 - never changed

    @property
    def id(self) -> str:
        shapes = ["x".join(map(str, shape)) for _, *shape in (self.y_true, self.y_pred)]
        arguments = [f"{k}={v}" for k, v in self.arguments.items()]
        return "-".join([self.name, self.y_pred[0], *shapes, *arguments])

    def draw(self, dtype="float32", seed=0):
        return (
            draw(*self.y_true, dtype=dtype, seed=2 * seed),
            draw(*self.y_pred, dtype=dtype, seed=2 * seed + 1),
        )


SPARSE, CATEGORICAL = "SparseCategoricalCrossentropy", "CategoricalCrossentropy"
BINARY, SQUARED = "BinaryCrossentropy", "MeanSquaredError"
LOGITS = {"from_logits": True}
SMOOTH = {"label_smoothing": 0.1}
LOSSES = (
    Case(SQUARED, ("numbers", N, 4), ("numbers", N, 4)),
    Case(SQUARED, ("numbers", N), ("numbers", N, 1)),
    Case(SQUARED, ("numbers", N, 1), ("numbers", N)),
    Case(SQUARED, ("yes-no", N, 3, 2), ("numbers", N, 3, 2)),
    Case(SPARSE, ("labels", N), ("probabilities", N, CLASSES)),
    Case(SPARSE, ("labels", N, 1), ("probabilities", N, CLASSES)),
    Case(SPARSE, ("labels", N, 3), ("probabilities", N, 3, CLASSES)),
    Case(SPARSE, ("labels", N), ("logits", N, CLASSES), LOGITS),
    Case(SPARSE, ("labels", N, 1), ("logits", N, CLASSES), LOGITS),
    Case(SPARSE, ("labels", N, 3, 1), ("logits", N, 3, CLASSES), LOGITS),
    Case(CATEGORICAL, ("one-hot", N, CLASSES), ("probabilities", N, CLASSES)),
    Case(CATEGORICAL, ("one-hot", N, CLASSES), ("probabilities", N, CLASSES), SMOOTH),
    Case(CATEGORICAL, ("probabilities", N, CLASSES), ("probabilities", N, CLASSES)),
    Case(CATEGORICAL, ("one-hot", N, CLASSES), ("chances", N, CLASSES)),  # do not sum to 1
    Case(CATEGORICAL, ("one-hot", N, CLASSES), ("logits", N, CLASSES), LOGITS),
    Case(CATEGORICAL, ("one-hot", N, CLASSES), ("logits", N, CLASSES), LOGITS | SMOOTH),
    Case(CATEGORICAL, ("one-hot", N, 3, CLASSES), ("probabilities", N, 3, CLASSES)),
    Case(
        CATEGORICAL,
        ("one-hot first", N, CLASSES, 3),
        ("logits", N, CLASSES, 3),
        LOGITS | {"axis": 1},
    ),
    Case(BINARY, ("yes-no", N, 1), ("chances", N, 1)),
    Case(BINARY, ("yes-no", N), ("chances", N, 1)),
    Case(BINARY, ("yes-no", N, 1), ("logits", N), LOGITS),
    Case(BINARY, ("yes-no", N, 4), ("chances", N, 4), SMOOTH),
    Case(BINARY, ("yes-no", N, 4), ("logits", N, 4), LOGITS | SMOOTH),
    Case(BINARY, ("chances", N, 3, 2), ("chances", N, 3, 2)),
    Case(BINARY, ("yes-no", N, 3, 2), ("logits", N, 3, 2), LOGITS | {"axis": 1}),
)
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
WEIGHTS = {
    "no weights": None,
    "weights": np.array([0.5, 2, 0, 1, 1, 3], np.float32),
    "integer weights": [1, 2, 0, 1, 1, 3],
    "column of weights": np.array([[0.5], [2], [0], [1], [1], [3]], np.float32),
}
all_losses = pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def their_loss(loss, y_true, y_pred, weight, tf):
    """Keras's value, its gradient by y_pred, and what the value's gradient was."""
    given = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = loss(y_true, given, sample_weight=weight)
    grad = np.random.default_rng(1).standard_normal(value.shape).astype(y_pred.dtype)
    return value, tape.gradient(value, given, output_gradients=tf.constant(grad)), grad


HOW = [
    *((reduction, weights, "float32") for reduction in REDUCTIONS for weights in WEIGHTS),
    *(("sum_over_batch_size", weights, "float64") for weights in WEIGHTS),
]


@pytest.mark.parametrize(("reduction", "weights", "dtype"), HOW)
@all_losses
def test_loss_equals_keras(case, reduction, weights, dtype, keras, tf):
    """The value and its gradient, for every reduction with and without weights."""
    ours, theirs = (
        getattr(k.losses, case.name)(**case.arguments, reduction=reduction, dtype=dtype)
        for k in (cnn_ext, keras)
    )
    y_true, y_pred = case.draw(dtype)
    weight = WEIGHTS[weights]
    their_weight = weight
    if weight is not None and len(case.y_pred) > 3 and "axis" not in case.arguments:
        # Keras takes weights of the losses' rank, which is 2 here.
        their_weight = np.broadcast_to(np.reshape(weight, (N, 1)), (N, 3))
        weight = np.ravel(weight)
    elif weight is not None and "axis" in case.arguments:
        shape = (N, case.y_pred[3])
        their_weight = np.broadcast_to(np.reshape(weight, (N, 1)), shape)
        weight = np.ravel(weight)
    value, by, grad = their_loss(theirs, y_true, y_pred, their_weight, tf)
    leaf = Tensor(y_pred, requires_grad=True)
    found = ours(y_true, leaf, sample_weight=weight)
    # Unreduced losses, each weighed by a column's number, are a column in Keras.
    assert_close(found, np.reshape(value, found.shape), TOLERANCE[dtype])
    found.backward(np.reshape(grad, found.shape))
    assert_close(leaf.grad, by, TOLERANCE[dtype])


# Keras's function broadcasts (n,) with (n, 1) to (n, n); its class, and all of ours, do not.
@pytest.mark.parametrize(
    "case",
    [c for c in LOSSES if c.name != BINARY or len(c.y_true) == len(c.y_pred)],
    ids=lambda case: case.id,
)
def test_loss_function_equals_keras(case, keras):
    """The function of the same name: a number a sample, on arrays."""
    name = cnn_ext.naming.snake_case(case.name)
    y_true, y_pred = case.draw()
    found = getattr(losses, name)(y_true, y_pred, **case.arguments)
    assert isinstance(found, np.ndarray)
    expected = getattr(keras.losses, name)(y_true, y_pred, **case.arguments)
    assert_close(found, expected, TOLERANCE["float32"])


@all_losses
def test_loss_has_the_gradients_it_should(case):
    y_true, y_pred = case.draw("float64")
    loss = getattr(losses, case.name)(**case.arguments)
    check_gradients(lambda p: loss(y_true, p), y_pred)


@pytest.mark.parametrize("name", sorted(losses._KNOWN))
def test_loss_by_name(name, keras):
    ours, theirs = losses.get(name), keras.losses.get(name)
    assert ours.name == losses.get(type(ours).__name__).name == theirs.__name__
    assert losses.get(ours) is ours
    assert type(losses.get(type(ours))) is type(ours)
    again = type(ours).from_config(ours.get_config())
    assert again.get_config() == ours.get_config()


def test_loss_of_ones_own():
    """A function of Tensors, and a class."""

    def cubed(y_true, y_pred):
        return abs(y_true - y_pred) ** 3

    class Cubed(losses.Loss):
        def call(self, y_true, y_pred):
            return cubed(y_true, y_pred)

    y_true, y_pred = np.zeros((2, 2), np.float32), np.array([[1, 2], [0, 1]], np.float32)
    assert losses.get(cubed).name == "cubed"
    for loss in (losses.get(cubed), Cubed(), losses.get(Cubed)):
        assert float(loss(y_true, Tensor(y_pred))) == 10 / 4
        assert float(loss(y_true, Tensor(y_pred), sample_weight=[1, 0])) == 9 / 4


# --- softmax or sigmoid, then crossentropy ----------------------------------------------------

SATURATED = tuple(
    itertools.product(
        ("activation", "layer", "dense"),
        (
            (SPARSE, "softmax", ("labels", N), {}),
            (CATEGORICAL, "softmax", ("one-hot", N, CLASSES), {}),
            (CATEGORICAL, "softmax", ("one-hot", N, CLASSES), SMOOTH),
            (BINARY, "sigmoid", ("yes-no", N, CLASSES), {}),
            (BINARY, "sigmoid", ("yes-no", N, CLASSES), SMOOTH),
        ),
        (1, 40, 1000),
    )
)


@pytest.mark.parametrize(("where", "what", "scale"), SATURATED)
def test_crossentropy_uses_the_logits_of_an_activation(where, what, scale, keras, tf):
    """Finite and exact where softmax and sigmoid have only zeros and ones, as in Keras."""
    name, activation, target, arguments = what
    x = draw("numbers", N, CLASSES) * np.float32(scale)
    y_true = draw(*target)

    def end(keras):
        if where == "activation":
            return getattr(keras.activations, activation)
        if where == "layer":
            return keras.layers.Activation(activation)
        return keras.layers.Dense(CLASSES, activation, kernel_initializer=identity(keras))

    def identity(keras):
        return lambda shape, dtype=None, **_: keras.ops.where(np.eye(*shape) > 0, 1.0, 0.0)

    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = getattr(keras.losses, name)(**arguments)(y_true, end(keras)(given))
    leaf = Tensor(x, requires_grad=True)
    found = getattr(losses, name)(**arguments)(y_true, end(cnn_ext)(leaf))
    found.backward()
    assert_close(found, value, 1e-5)
    assert_close(leaf.grad, tape.gradient(value, given), 1e-5)
    assert np.abs(leaf.grad).max() > 1e-3


def test_crossentropy_of_what_only_looks_like_an_activation(keras, tf):
    """A softmax that something was done to is a probability like any other."""
    x = draw("numbers", N, CLASSES)
    y_true = draw("labels", N)
    ours = losses.SparseCategoricalCrossentropy()(y_true, activations.softmax(Tensor(x)) * 0.5)
    theirs = keras.losses.SparseCategoricalCrossentropy()(
        y_true, keras.activations.softmax(tf.constant(x)) * 0.5
    )
    assert_close(ours, theirs, 1e-5)


# --- Metrics ----------------------------------------------------------------------------------

METRICS = (
    Case("Accuracy", ("labels", N), ("labels", N)),
    Case("Accuracy", ("labels", N, 1), ("labels", N)),
    Case("BinaryAccuracy", ("yes-no", N), ("chances", N)),
    Case("BinaryAccuracy", ("yes-no", N), ("chances", N, 1)),
    Case("BinaryAccuracy", ("yes-no", N, 1), ("chances", N)),
    Case("BinaryAccuracy", ("yes-no", N, 4), ("chances", N, 4), {"threshold": 0.3}),
    Case("CategoricalAccuracy", ("one-hot", N, CLASSES), ("probabilities", N, CLASSES)),
    Case("CategoricalAccuracy", ("one-hot", N, 3, CLASSES), ("logits", N, 3, CLASSES)),
    Case("SparseCategoricalAccuracy", ("labels", N), ("probabilities", N, CLASSES)),
    Case("SparseCategoricalAccuracy", ("labels", N, 1), ("logits", N, CLASSES)),
    Case("SparseCategoricalAccuracy", ("labels", N, 3), ("logits", N, 3, CLASSES)),
    Case("MeanSquaredError", ("numbers", N, 4), ("numbers", N, 4)),
    Case("MeanSquaredError", ("numbers", N), ("numbers", N, 1)),
    Case("MeanSquaredError", ("numbers", N, 3, 2), ("numbers", N, 3, 2)),
    Case("binary_accuracy", ("yes-no", N, 1), ("chances", N, 1)),
    Case("categorical_accuracy", ("one-hot", N, CLASSES), ("probabilities", N, CLASSES)),
    Case("sparse_categorical_accuracy", ("labels", N), ("probabilities", N, CLASSES)),
    Case("mse", ("numbers", N, 4), ("numbers", N, 4)),
    Case("mean_squared_error", ("numbers", N, 4), ("numbers", N, 4)),
    Case("binary_crossentropy", ("yes-no", N, 4), ("chances", N, 4)),
    Case("categorical_crossentropy", ("one-hot", N, CLASSES), ("probabilities", N, CLASSES)),
    Case("sparse_categorical_crossentropy", ("labels", N), ("probabilities", N, CLASSES)),
)


def make_metric(keras, case):
    if case.name.islower():
        metric = keras.metrics.get(case.name)
        is_function = not isinstance(metric, keras.metrics.Metric)
        return keras.metrics.MeanMetricWrapper(metric) if is_function else metric
    return getattr(keras.metrics, case.name)(**case.arguments)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("case", METRICS, ids=lambda case: case.id)
def test_metric_equals_keras(case, weights, keras):
    """After every one of several batches of unlike sizes, and again after a reset."""
    ours, theirs = (make_metric(k, case) for k in (cnn_ext, keras))
    weight = WEIGHTS[weights]
    found = []
    for seed, size in enumerate((N, 2, 4, N)):
        y_true, y_pred = (a[:size] for a in case.draw(seed=seed))
        some = None if weight is None else weight[:size]
        if seed == 3:
            ours.reset_state()
            theirs.reset_state()
            assert ours.result() == float(theirs.result()) == 0
        ours.update_state(y_true, y_pred, sample_weight=some)
        theirs.update_state(y_true, y_pred, sample_weight=some)
        # Keras counts in float32.
        assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-6)
        found.append(ours.result())
    assert isinstance(found[0], float)
    assert len(set(found)) > 1


MEANS = (
    ([1.0, 3.0], None),
    ([1.0, 3.0], [1, 0]),
    ([[1.0, 3.0], [5.0, 8.0]], [1, 3]),
    ([[1.0, 3.0], [5.0, 8.0]], [[1, 0], [2, 1]]),
    ([1.0, 3.0], [[1], [3]]),
    (2.5, None),
    (2.5, 4),
    ([1.0, 2.0], [0, 0]),
)


@pytest.mark.parametrize(("values", "weight"), MEANS)
def test_mean_equals_keras(values, weight, keras):
    ours, theirs = cnn_ext.metrics.Mean(), keras.metrics.Mean()
    for metric in (ours, theirs):
        metric.update_state(values, sample_weight=weight)
        metric.update_state(7.0)
    assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-6)
    assert ours.name == theirs.name == "mean"


# Targets, predictions, and what "accuracy" then means.
ACCURACIES = (
    (("yes-no", N), ("chances", N, 1)),
    (("yes-no", N, 1), ("chances", N, 1)),
    (("labels", N), ("logits", N, CLASSES)),
    (("labels", N, 1), ("logits", N, CLASSES)),
    (("one-hot", N, CLASSES), ("logits", N, CLASSES)),
    (("yes-no", N, 2), ("chances", N, 2)),
    (("labels", N, 3), ("logits", N, 3, CLASSES)),
    (("one-hot", N, 3, CLASSES), ("logits", N, 3, CLASSES)),
)


@pytest.mark.parametrize("name", ["accuracy", "acc"])
@pytest.mark.parametrize(("y_true", "y_pred"), ACCURACIES)
def test_accuracy_is_what_keras_takes_it_for(name, y_true, y_pred, keras):
    y, x = draw(*y_true), draw(*y_pred)

    def logs(keras):
        def mean(y_true, y_pred):
            return keras.ops.mean(y_pred, axis=-1)

        model = keras.Sequential(
            [keras.layers.Input(x.shape[1:]), keras.layers.Activation("linear")]
        )
        model.compile("sgd", mean, metrics=[name], run_eagerly=True)
        return model.evaluate(x, y, verbose=0, return_dict=True)

    ours, theirs = logs(cnn_ext), logs(keras)
    assert list(ours) == list(theirs) == sorted([name, "loss"])
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert 0 < ours[name] < 1


def test_metric_of_ones_own():
    """A function, and a class that keeps the largest value."""

    def share(y_true, y_pred):
        return np.asarray(y_true) * np.asarray(y_pred)

    class Largest(metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.reset_state()

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value = max(self.value, float(np.max(y_pred)))

        def result(self):
            return self.value

        def reset_state(self):
            self.value = 0.0

    model = cnn_ext.Sequential([cnn_ext.layers.Input((1,)), cnn_ext.layers.Activation("linear")])
    model.compile("sgd", "mse", metrics=[share, Largest(), Largest(name="again")])
    x = np.array([[1.0], [4.0], [2.0]])
    logs = model.evaluate(x, np.ones((3, 1)), batch_size=2, verbose=0, return_dict=True)
    assert logs == {"again": 4.0, "largest": 4.0, "loss": 10 / 3, "share": 7 / 3}


@pytest.mark.parametrize("name", sorted(set(metrics.__all__) - {"get", "Metric"}))
def test_metric_signature(name, keras):
    # A wrapped function's own arguments: here functools.partial is for them.
    same_parameters(getattr(metrics, name), getattr(keras.metrics, name), but=("kwargs",))


@pytest.mark.parametrize("name", sorted(set(losses.__all__) - {"get"}))
def test_loss_signature(name, keras):
    same_parameters(getattr(losses, name), getattr(keras.losses, name))
