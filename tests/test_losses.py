"""Losses: each is Keras's, by name, by number and by configuration.

Over 400 lines because of its tables.
"""

import inspect
import itertools

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, assert_close
from cnn_ext import activations, losses
from cnn_ext.autograd import Tensor
from cnn_ext.naming import snake_case
from cnn_ext.testing import check_gradients
from targets import CLASSES, Case, N, draw, same_parameters

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of the largest value
SPARSE, CATEGORICAL = "SparseCategoricalCrossentropy", "CategoricalCrossentropy"
BINARY, SQUARED = "BinaryCrossentropy", "MeanSquaredError"
BINARY_FOCAL, CATEGORICAL_FOCAL = "BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"
LOGITS = {"from_logits": True}
SMOOTH = {"label_smoothing": 0.1}
ALPHAS = {"alpha": [0.1, 0.4, 0.2, 0.5, 0.3]}
NUMBERS = ("numbers", N, 4), ("numbers", N, 4)
SIZES = ("sizes", N, 4), ("sizes", N, 4)
CUBES = ("numbers", N, 3, 2), ("numbers", N, 3, 2)
ONE_HOT = ("one-hot", N, CLASSES), ("probabilities", N, CLASSES)
LOGITS_OF = ("one-hot", N, CLASSES), ("logits", N, CLASSES)
YES_NO = ("yes-no", N, 4), ("chances", N, 4)
YES_NO_LOGITS = ("yes-no", N, 4), ("logits", N, 4)
CHANCES = ("chances", N, 3, 2), ("chances", N, 3, 2)
IDENTITIES = ("few labels", N), ("directions", N, 3)
LOSSES = (
    Case(SQUARED, *NUMBERS),
    Case(SQUARED, ("numbers", N), ("numbers", N, 1)),
    Case(SQUARED, ("numbers", N, 1), ("numbers", N)),
    Case(SQUARED, ("yes-no", N, 3, 2), ("numbers", N, 3, 2)),
    Case("MeanAbsoluteError", *NUMBERS),
    Case("MeanAbsoluteError", ("numbers", N, 1), ("numbers", N)),
    Case("MeanAbsoluteError", *CUBES),
    Case("MeanAbsolutePercentageError", *NUMBERS),
    Case("MeanAbsolutePercentageError", ("counts", N, 4), ("sizes", N, 4)),  # zeros among them
    Case("MeanSquaredLogarithmicError", *SIZES),
    Case("MeanSquaredLogarithmicError", ("counts", N, 4), ("numbers", N, 4)),  # negative ones
    Case("Huber", *NUMBERS),
    Case("Huber", ("numbers", N), ("numbers", N, 1), {"delta": 0.5}),
    Case("LogCosh", *NUMBERS),
    Case("LogCosh", *CUBES),
    Case("CosineSimilarity", *NUMBERS),
    Case("CosineSimilarity", *CUBES, {"axis": 1}),
    Case("Hinge", ("signs", N, 4), ("numbers", N, 4)),
    Case("Hinge", ("yes-no", N), ("numbers", N, 1)),
    Case("SquaredHinge", ("yes-no", N, 4), ("numbers", N, 4)),
    Case("SquaredHinge", ("signs", N, 3, 2), ("numbers", N, 3, 2)),
    Case("CategoricalHinge", ("one-hot", N, CLASSES), ("numbers", N, CLASSES)),
    Case("CategoricalHinge", ("one-hot", N, 3, CLASSES), ("chances", N, 3, CLASSES)),
    Case("KLDivergence", ("probabilities", N, CLASSES), ("probabilities", N, CLASSES)),
    Case("KLDivergence", *ONE_HOT),
    Case("Poisson", ("counts", N, 4), ("sizes", N, 4)),
    Case("Poisson", ("counts", N), ("sizes", N, 1)),
    Case("Dice", *YES_NO),
    Case("Dice", *CHANCES, {"axis": (1, 2)}),
    Case("Tversky", *YES_NO),
    Case("Tversky", *CHANCES, {"alpha": 0.3, "beta": 0.8, "axis": (1, 2)}),
    Case("Circle", *IDENTITIES),
    Case("Circle", ("few labels", N, 1), ("directions", N, 3), {"gamma": 2.0, "margin": 0.2}),
    Case("Circle", *IDENTITIES, {"gamma": 4.0, "remove_diagonal": False}),
    Case("CategoricalGeneralizedCrossEntropy", ("labels", N), ("probabilities", N, CLASSES)),
    Case("CategoricalGeneralizedCrossEntropy", ("labels", N, 3), ("probabilities", N, 3, CLASSES),
         {"q": 0.7}),
    Case(BINARY_FOCAL, *YES_NO),
    Case(BINARY_FOCAL, *YES_NO_LOGITS, LOGITS | {"gamma": 3.0} | SMOOTH),
    Case(BINARY_FOCAL, *CHANCES, {"apply_class_balancing": True, "alpha": 0.4, "axis": 1}),
    Case(CATEGORICAL_FOCAL, *ONE_HOT),
    Case(CATEGORICAL_FOCAL, *LOGITS_OF, LOGITS | {"gamma": 1.5} | SMOOTH),
    Case(CATEGORICAL_FOCAL, ("one-hot", N, 3, CLASSES), ("chances", N, 3, CLASSES), ALPHAS),
    Case(CATEGORICAL_FOCAL, ("one-hot first", N, CLASSES, 3), ("logits", N, CLASSES, 3),
         LOGITS | {"axis": 1}),
    Case(SPARSE, ("labels", N), ("probabilities", N, CLASSES)),
    Case(SPARSE, ("labels", N, 1), ("probabilities", N, CLASSES)),
    Case(SPARSE, ("labels", N, 3), ("probabilities", N, 3, CLASSES)),
    Case(SPARSE, ("labels", N), ("logits", N, CLASSES), LOGITS),
    Case(SPARSE, ("labels", N, 1), ("logits", N, CLASSES), LOGITS),
    Case(SPARSE, ("labels", N, 3, 1), ("logits", N, 3, CLASSES), LOGITS),
    Case(SPARSE, ("labels", N), ("probabilities", N, CLASSES), {"ignore_class": 2}),
    Case(SPARSE, ("labels", N, 3), ("logits", N, 3, CLASSES), LOGITS | {"ignore_class": 0}),
    Case(CATEGORICAL, *ONE_HOT),
    Case(CATEGORICAL, *ONE_HOT, SMOOTH),
    Case(CATEGORICAL, ("probabilities", N, CLASSES), ("probabilities", N, CLASSES)),
    Case(CATEGORICAL, ("one-hot", N, CLASSES), ("chances", N, CLASSES)),  # do not sum to 1
    Case(CATEGORICAL, *LOGITS_OF, LOGITS),
    Case(CATEGORICAL, *LOGITS_OF, LOGITS | SMOOTH),
    Case(CATEGORICAL, ("one-hot", N, 3, CLASSES), ("probabilities", N, 3, CLASSES)),
    Case(CATEGORICAL, ("one-hot first", N, CLASSES, 3), ("logits", N, CLASSES, 3),
         LOGITS | {"axis": 1}),
    Case(BINARY, ("yes-no", N, 1), ("chances", N, 1)),
    Case(BINARY, ("yes-no", N), ("chances", N, 1)),
    Case(BINARY, ("yes-no", N, 1), ("logits", N), LOGITS),
    Case(BINARY, *YES_NO, SMOOTH),
    Case(BINARY, *YES_NO_LOGITS, LOGITS | SMOOTH),
    Case(BINARY, *CHANCES),
    Case(BINARY, ("yes-no", N, 3, 2), ("logits", N, 3, 2), LOGITS | {"axis": 1}),
)  # fmt: skip
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
WEIGHTS = {
    "no weights": None,
    "weights": np.array([0.5, 2, 0, 1, 1, 3], np.float32),
    "integer weights": [1, 2, 0, 1, 1, 3],
    "column of weights": np.array([[0.5], [2], [0], [1], [1], [3]], np.float32),
}
all_losses = pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
LEFT_OUT = {"CTC", "ctc"}
# Arguments that Keras's configs forget: a loss that is read back would be another.
FORGOTTEN = {"Huber": "delta", "CosineSimilarity": "axis", SPARSE: "axis"}


def make(keras, case, **arguments):
    return getattr(keras.losses, case.name)(**case.arguments, **arguments)


def their_loss(loss, y_true, y_pred, weight, tf):
    """Keras's value, its gradient by y_pred, and what the value's gradient was."""
    given = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = loss(y_true, given, sample_weight=weight)
    grad = np.random.default_rng(1).standard_normal(value.shape).astype(y_pred.dtype)
    return value, tape.gradient(value, given, output_gradients=tf.constant(grad)), grad


HOW = [
    *(("sum_over_batch_size", weights, "float32") for weights in WEIGHTS),
    *((r, weights, "float32") for r in REDUCTIONS[1:] for weights in ("no weights", "weights")),
    ("mean_with_sample_weight", "column of weights", "float32"),
    ("none", "column of weights", "float32"),
    *(("sum_over_batch_size", weights, "float64") for weights in ("no weights", "weights")),
]
# Keras computes log(2) in float32.
TOLERANCES = {("LogCosh", "float64"): 1e-7}


@pytest.mark.parametrize(("reduction", "weights", "dtype"), HOW)
@all_losses
def test_loss_equals_keras(case, reduction, weights, dtype, keras, tf):
    """The value and its gradient, for every reduction with and without weights."""
    ours, theirs = (make(k, case, reduction=reduction, dtype=dtype) for k in (cnn_ext, keras))
    y_true, y_pred = case.draw(dtype)
    values = make(cnn_ext, case, reduction="none")(y_true, y_pred)
    weight = their_weight = WEIGHTS[weights]
    if weight is not None and values.ndim == 2:
        # Keras takes weights of the losses' rank.
        their_weight = np.broadcast_to(np.reshape(weight, (N, 1)), values.shape)
        weight = np.ravel(weight)
    value, by, grad = their_loss(theirs, y_true, y_pred, their_weight, tf)
    leaf = Tensor(y_pred, requires_grad=True)
    found = ours(y_true, leaf, sample_weight=weight)
    # Unreduced losses, each weighed by a column's number, are a column in Keras.
    tolerance = TOLERANCES.get((case.name, dtype), TOLERANCE[dtype])
    assert_close(found, np.reshape(value, found.shape), tolerance)
    found.backward(np.reshape(grad, found.shape))
    assert_close(leaf.grad, by, TOLERANCE[dtype])


# Keras's functions broadcast (n,) with (n, 1) to (n, n); their classes, and all of ours, do not.
BROADCAST = (BINARY, "Hinge", "Poisson")


@pytest.mark.parametrize(
    "case",
    [c for c in LOSSES if c.name not in BROADCAST or len(c.y_true) == len(c.y_pred)],
    ids=lambda case: case.id,
)
def test_loss_function_equals_keras(case, keras):
    """The function of the same name: a number a sample, on arrays."""
    name = {"KLDivergence": "kl_divergence"}.get(case.name, snake_case(case.name))
    y_true, y_pred = case.draw()
    arguments = dict(case.arguments)
    if name == "categorical_generalized_cross_entropy":
        arguments = {"q": 0.5} | arguments
    found = getattr(losses, name)(y_true, y_pred, **arguments)
    assert isinstance(found, np.ndarray | np.generic)
    expected = getattr(keras.losses, name)(y_true, y_pred, **arguments)
    assert_close(found, expected, TOLERANCE["float32"])
    assert_close(getattr(losses, name)(y_true.tolist(), y_pred.tolist(), **arguments), found, 1e-6)


@all_losses
def test_loss_has_the_gradients_it_should(case):
    y_true, y_pred = case.draw("float64")
    loss = make(cnn_ext, case)
    check_gradients(lambda p: loss(y_true, p), y_pred)


OF_TARGETS = [case for case in LOSSES if case.y_true[0] in ("numbers", "sizes", "chances")]


@pytest.mark.parametrize("case", OF_TARGETS, ids=lambda case: case.id)
def test_loss_has_gradients_by_its_targets(case):
    check_gradients(make(cnn_ext, case), list(case.draw("float64")))


@all_losses
def test_loss_configuration_equals_keras(case, keras):
    """What is written is what Keras writes; what either writes, both read."""
    ours, theirs = (make(k, case, reduction="sum", name="mine") for k in (cnn_ext, keras))
    node, expected = losses.serialize(ours), keras.losses.serialize(theirs)
    forgotten = FORGOTTEN.get(case.name)
    if forgotten in case.arguments:
        assert node["config"][forgotten] == case.arguments[forgotten]
        expected["config"][forgotten] = case.arguments[forgotten]
    assert node == expected
    assert losses.serialize(losses.deserialize(expected)) == node
    assert losses.get(node).get_config() == ours.get_config()
    y_true, y_pred = case.draw()
    value = losses.deserialize(node)(y_true, y_pred)
    np.testing.assert_array_equal(value, ours(y_true, y_pred))
    read = keras.saving.deserialize_keras_object(node)(y_true, y_pred)
    np.testing.assert_allclose(value, read, rtol=1e-5)
    assert ours.dtype == theirs.dtype == "float32"


def test_every_loss_is_there_and_has_a_row(keras):
    names = {name for name in dir(keras.losses) if not name.startswith("_")} - LEFT_OUT
    assert set(losses.__all__) == names
    classes = {name for name in names if inspect.isclass(getattr(losses, name))}
    assert {case.name for case in LOSSES} == classes - {"Loss"}


def test_losses_by_every_name_that_keras_knows(keras):
    from keras.src.losses import ALL_OBJECTS_DICT

    base = {"Loss", "LossFunctionWrapper"}
    for name, theirs in ALL_OBJECTS_DICT.items():
        if name in LEFT_OUT | base:
            continue
        ours = losses.get(name)
        assert type(ours).__name__ == type(keras.losses.get(name)).__name__
        if inspect.isfunction(theirs):
            assert ours.__name__ == theirs.__name__
            node = losses.serialize(ours)
            assert node == keras.losses.serialize(theirs)
            assert losses.deserialize(node) is losses.get(node) is ours
            assert losses.deserialize(name) is ours
            loss = losses.as_loss(name)
            assert loss.name == keras.losses.get(type(loss).__name__).name
        else:
            assert ours.name == keras.losses.get(name).name
            assert losses.as_loss(ours) is ours
    assert losses.get(None) is losses.as_loss(None) is None


@pytest.mark.parametrize("name", sorted(set(losses.__all__) - {"get", "serialize", "deserialize"}))
def test_loss_signature(name, keras):
    same_parameters(getattr(losses, name), getattr(keras.losses, name))


def test_loss_of_ones_own(keras):
    """A function of Tensors, and a class; targets come in the predictions' dtype and rank."""

    def cubed(y_true, y_pred):
        assert y_true.shape == y_pred.shape and y_true.dtype == y_pred.dtype
        return abs(y_true - y_pred) ** 3

    class Cubed(losses.Loss):
        def call(self, y_true, y_pred):
            return cubed(y_true, y_pred)

    class Named(losses.Loss):
        pass

    y_true, y_pred = np.zeros((2, 2), int), np.array([[1, 2], [0, 1]], np.float32)
    assert losses.as_loss(cubed).name == "cubed"
    assert losses.get(cubed) is cubed
    for loss in (losses.as_loss(cubed), Cubed(), losses.get(Cubed), Cubed(dtype="float64")):
        found = loss(y_true, Tensor(y_pred))
        assert float(found) == 10 / 4
        assert found.dtype == loss.dtype
        assert float(loss(y_true, Tensor(y_pred), sample_weight=[1, 0])) == 9 / 4
    assert float(losses.as_loss(cubed)(np.zeros(2), Tensor([[1.0], [2.0]]))) == 4.5
    for module in (keras, cnn_ext):
        module.utils.clear_session()
        mine = type("Mine", (module.losses.Loss,), {})
        assert [mine().name, mine().name] == ["mine", "mine_1"]
    with pytest.raises(NotImplementedError, match="Named must implement call"):
        Named()(y_true, y_pred)


BY_SHAPE = (
    (BINARY, ("yes-no", N, 1), ("chances", N, 1)),
    (SPARSE, ("labels", N), ("probabilities", N, CLASSES)),
    (SPARSE, ("labels", N, 1), ("probabilities", N, CLASSES)),
    (CATEGORICAL, ("one-hot", N, CLASSES), ("probabilities", N, CLASSES)),
)


@pytest.mark.parametrize("name", ["crossentropy", "ce"])
@pytest.mark.parametrize(("meant", "y_true", "y_pred"), BY_SHAPE)
def test_crossentropy_by_shape(meant, y_true, y_pred, name, keras):
    """Of compile only, as in Keras."""
    x, y = draw(*y_pred), draw(*y_true)
    found = losses.as_loss(name)(y, x)
    assert_close(found, getattr(losses, meant)()(y, x), 1e-7)
    model = keras.Sequential([keras.layers.Input(x.shape[1:]), keras.layers.Activation("linear")])
    model.compile("sgd", name, run_eagerly=True)
    assert float(found) == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)


def test_labels_by_shape_are_checked():
    with pytest.raises(ValueError, match=r"Received: 5 at \[0\]"):
        losses.as_loss("crossentropy").check_targets(np.array([5]), (1, CLASSES))


def test_wrapped_function(keras):
    """Its arguments are written with it, and read back."""
    from keras.src.losses import LossFunctionWrapper as Theirs

    from cnn_ext.losses.base import LossFunctionWrapper as Ours

    y_true, y_pred = draw("numbers", N, 4), draw("numbers", N, 4, seed=1)
    ours = Ours(losses.huber, name="mine", delta=0.5)
    theirs = Theirs(keras.losses.huber, name="mine", delta=0.5)
    node = losses.serialize(ours)
    assert node["config"] == keras.losses.serialize(theirs)["config"]
    for loss in (ours, losses.deserialize(node)):
        assert_close(loss(y_true, y_pred), theirs(y_true, y_pred), 1e-5)
    assert repr(ours).startswith("<LossFunctionWrapper(<function huber")
    assert Ours.from_config(ours.get_config()).get_config() == ours.get_config()


# Losses of several numbers a sample, and weights that Keras broadcasts.
ODD_WEIGHTS = (
    (SQUARED, ("numbers", N, 3, 2), np.arange(18).reshape(6, 3)),
    (SQUARED, ("numbers", N, 3, 2), np.arange(6).reshape(6, 1)),
    (SQUARED, ("numbers", N, 3, 2), np.arange(18).reshape(6, 3, 1)),
    (SQUARED, ("numbers", N, 4), 2.5),
    ("Dice", ("chances", N, 4), np.arange(6)),
)


# With "mean_with_sample_weight" Keras divides the sum of all losses by the one weight of all.
@pytest.mark.parametrize(
    ("row", "reduction"),
    [
        (row, reduction)
        for row in ODD_WEIGHTS
        for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "none")
        if np.ndim(row[2]) or reduction != "mean_with_sample_weight"
    ],
)
def test_weights_of_other_shapes(row, reduction, keras):
    name, kind, weight = row
    y_true, y_pred = draw(*kind), draw(*kind, seed=1)
    ours, theirs = (getattr(k.losses, name)(reduction=reduction) for k in (cnn_ext, keras))
    value = ours(y_true, y_pred, sample_weight=weight)
    assert_close(value, theirs(y_true, y_pred, sample_weight=weight), 1e-5)


@pytest.mark.parametrize("shape", [(5,), (1,), (6, 2), (3, 1), (6, 3, 2)])
def test_weights_that_fit_no_sample(shape):
    y = draw("numbers", N, 3, 2)
    with pytest.raises(ValueError, match=r"one factor a sample, shape \(6, 3\)\. Received: shape="):
        losses.MeanSquaredError()(y, y, sample_weight=np.ones(shape))


def test_ignored_samples_do_not_count():
    """Their labels may be no class; where none is left the loss is 0."""
    y_pred = draw("probabilities", N, CLASSES)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    labels = np.array([0, -1, 3, -1, -1, 4])
    kept = labels >= 0
    plain = losses.SparseCategoricalCrossentropy()(labels[kept], y_pred[kept])
    assert_close(loss(labels, y_pred), plain, 1e-6)
    assert loss(np.full(N, -1), y_pred) == 0
    loss.check_targets(labels, y_pred.shape)
    with pytest.raises(ValueError, match=r"Received: -1 at \[1\]"):
        losses.SparseCategoricalCrossentropy().check_targets(labels, y_pred.shape)


def test_classes_on_another_axis():
    y_pred = draw("probabilities", N, 3, CLASSES)
    labels = draw("labels", N, 3)
    for made in (labels, labels[:, None]):
        found = losses.SparseCategoricalCrossentropy(axis=1)(made, np.moveaxis(y_pred, -1, 1))
        assert_close(found, losses.SparseCategoricalCrossentropy()(labels, y_pred), 1e-6)


# Where logarithms, quotients and roots end.
EDGES = (
    ("KLDivergence", [[0, 1, 0]], [[0, 1, 0]], 0),
    ("Poisson", [[0, 2]], [[0, 1]], 0.5),
    ("MeanAbsolutePercentageError", [[0, 1]], [[0, 2]], 50),
    ("MeanSquaredLogarithmicError", [[0, 0]], [[-1, 0]], 0),
    ("CosineSimilarity", [[0, 0]], [[1, 0]], 0),
    ("LogCosh", [[0, 0]], [[1e4, -1e4]], 1e4 - np.log(2)),
    ("BinaryFocalCrossentropy", [[0, 1]], [[0, 1]], 0),
    ("CategoricalFocalCrossentropy", [[0, 1]], [[0, 1]], 0),
    ("Dice", [0, 0], [0, 0], 1),
    ("Tversky", [0, 0], [0, 0], 1),
    ("Circle", [0, 1], [[1, 0], [0, 1]], 0),  # none is like another
    ("Circle", [0, 0], [[1, 0], [1, 0]], 0),  # none is unlike another
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "y_true", "y_pred", "expected"), EDGES)
def test_loss_at_the_edge_of_its_domain(name, y_true, y_pred, expected, dtype):
    """The value is that of the limit, and the gradients are finite."""
    leaf = Tensor(np.array(y_pred, dtype), requires_grad=True)
    loss = getattr(losses, name)()(np.array(y_true), leaf)
    assert float(loss) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    loss.backward()
    assert np.isfinite(leaf.grad).all()


def test_one_class_is_warned_of(keras):
    for module in (cnn_ext, keras):
        for name in ("categorical_crossentropy", "categorical_focal_crossentropy"):
            with pytest.warns(SyntaxWarning, match=f"In loss {name}, expected y_pred.shape"):
                getattr(module.losses, name)(np.ones((2, 1), "float32"), np.ones((2, 1), "float32"))


ERRORS = (
    (lambda k: k.losses.Huber(1.0, "avg"), ValueError, "Received: 'avg'"),
    (lambda k: k.losses.CategoricalGeneralizedCrossEntropy(q=1), ValueError,
     r"q must be in the interval \(0, 1\)"),
    (lambda k: k.losses.get("mean_squared_eror"), ValueError, "mean_squared_eror"),
    (lambda k: k.losses.get(3), ValueError, "Could not interpret loss identifier: 3"),
    (lambda k: k.losses.categorical_crossentropy(np.eye(2), np.eye(2), axis=True), ValueError,
     "`axis` must be of type `int`. Received: axis=True"),
    (lambda k: k.losses.Huber(epsilon=1.0), TypeError, "unexpected .*argument 'epsilon'"),
)  # fmt: skip


@pytest.mark.parametrize(("call", "error", "says"), ERRORS)
def test_loss_errors(call, error, says, keras):
    with pytest.raises(error, match=says):
        call(cnn_ext)
    with pytest.raises(error):
        call(keras)


@pytest.mark.parametrize("name", ["hinge", "dice", "poisson", "huber", "kl_divergence"])
def test_shapes_that_differ(name):
    with pytest.raises(ValueError, match=f"{name}: y_true and y_pred must have the same"):
        getattr(losses, name)(np.ones((6, 2)), np.ones((6, 3)))


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
            (BINARY_FOCAL, "sigmoid", ("yes-no", N, CLASSES), {}),
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
