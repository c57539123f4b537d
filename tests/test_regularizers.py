"""Regularizers and constraints: values, gradients, names, nodes and errors of Keras's."""

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, assert_close, same_parameters
from cnn_ext import constraints, ops, regularizers
from cnn_ext.autograd import Tensor, Variable
from cnn_ext.testing import check_gradients

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of the largest value
REGULARIZERS = (
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L1", {"l1": None}),
    ("L2", {}),
    ("L2", {"l2": 2}),
    ("L2", {"l2": None}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.2}),
    ("L1L2", {"l1": None, "l2": 0.1}),
    ("L1L2", {"l1": 0.5, "l2": 0.25}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.7, "mode": "columns"}),
)
CONSTRAINTS = (
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.8}),
    ("MaxNorm", {"max_value": 1.5, "axis": [0, 1]}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": 1}),
    ("UnitNorm", {"axis": (0, 1)}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 1.2, "max_value": 1.5, "rate": 0.25, "axis": -1}),
)
MODULES = {"regularizers": REGULARIZERS, "constraints": CONSTRAINTS}
ROWS = [(module, *row) for module, rows in MODULES.items() for row in rows]
PUBLIC = [
    (module.__name__.split(".")[1], name)
    for module in (regularizers, constraints)
    for name in module.__all__
    if name not in ("get", "serialize", "deserialize")
]


def made(k, module, name, arguments):
    """The object of cnn_ext or of Keras."""
    return getattr(getattr(k, module), name)(**arguments)


def weights(dtype="float32", shape=(4, 3)):
    return np.random.default_rng(7).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("module", "name", "arguments"), ROWS)
def test_values_and_gradients_are_those_of_keras(module, name, arguments, dtype, keras, tf):
    w = weights(dtype, (4, 3) if name == "OrthogonalRegularizer" else (4, 3, 2))
    leaf, given = Tensor(w, requires_grad=True), tf.Variable(w)
    ours, theirs = (made(k, module, name, arguments) for k in (cnn_ext, keras))
    if name.startswith("Orthogonal") and dtype == "float64":
        theirs.factor = tf.cast(
            theirs.factor, dtype
        )  # else Keras multiplies float64 with float32, and fails
    value = ours(leaf)
    with tf.GradientTape() as tape:
        expected = theirs(given)
    # Keras rounds the factors of float64 to float32.
    tolerance = 1e-7 if dtype == "float64" and module == "regularizers" else TOLERANCE[dtype]
    plain = np.asarray(ours(w))
    np.testing.assert_array_equal(plain, value.numpy() if isinstance(value, Tensor) else value)
    if (name, arguments) == ("L1L2", {}):
        assert (plain, plain.dtype, float(expected)) == (0, dtype, 0)
        return
    assert_close(plain, expected, tolerance)
    grad = np.random.default_rng(1).standard_normal(plain.shape).astype(dtype)
    value.backward(grad)
    by = tape.gradient(expected, given, output_gradients=tf.constant(grad))
    assert_close(leaf.grad, by, tolerance)


@pytest.mark.parametrize(("module", "name", "arguments"), ROWS)
def test_gradients_of_gradients(module, name, arguments):
    if (name, arguments) != ("L1L2", {}):
        check_gradients(made(cnn_ext, module, name, arguments), weights("float64"))


@pytest.mark.parametrize(("module", "name", "arguments"), ROWS)
def test_nodes_are_those_of_keras(module, name, arguments, keras):
    ours, theirs = (
        getattr(k, module).serialize(made(k, module, name, arguments)) for k in (cnn_ext, keras)
    )
    assert ours == theirs
    family = getattr(cnn_ext, module)
    for again in (family.deserialize(ours), family.get(ours), family.get(theirs)):
        assert type(again).__name__ == name
    assert family.serialize(family.deserialize(ours)) == ours


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_names(module, name, keras):
    family, theirs = (getattr(k, module) for k in (cnn_ext, keras))
    cls = getattr(family, name)
    assert cls.__name__ == getattr(theirs, name).__name__
    assert type(family.get(name)) is type(family.get(cls)) is cls
    made = family.get(name)
    assert family.get(made) is made
    if name not in ("Regularizer", "Constraint", "NonNeg", "non_neg"):
        same_parameters(cls, getattr(theirs, name))


@pytest.mark.parametrize("module", MODULES)
def test_all_of_keras_is_there(module, keras):
    theirs = {n for n in dir(getattr(keras, module)) if not n.startswith("_")}
    assert set(getattr(cnn_ext, module).__all__) == theirs
    assert getattr(cnn_ext, module).get(None) is None
    assert regularizers.get("l1l2").get_config() == {"l1": 0.0, "l2": 0.0}
    assert cnn_ext.Regularizer is regularizers.Regularizer


def test_an_orthogonal_matrix_has_no_penalty():
    q = cnn_ext.initializers.Orthogonal(seed=1)((5, 5), "float64")
    assert regularizers.OrthogonalRegularizer()(q * 3) < 1e-15
    one = regularizers.OrthogonalRegularizer()(np.ones((1, 3)))
    assert one == 0  # Keras: 0 / 0
    zero_row = Tensor([[0.0, 0.0], [1.0, 2.0], [1.0, 0.0]], requires_grad=True)
    regularizers.OrthogonalRegularizer()(zero_row).backward()
    assert np.isfinite(zero_row.grad).all() and not zero_row.grad[0].any()


def test_constraints_hold():
    w = weights(shape=(3, 3, 4, 5)) * 3
    norms = {
        constraint: np.sqrt((constraint(w) ** 2).sum(axis=(0, 1, 2)))
        for constraint in (
            constraints.MaxNorm(2.0, axis=[0, 1, 2]),
            constraints.UnitNorm(axis=[0, 1, 2]),
            constraints.MinMaxNorm(20.0, 30.0, axis=[0, 1, 2]),
        )
    }
    for found, (low, high) in zip(norms.values(), [(0, 2), (1, 1), (20, 30)], strict=True):
        assert (low * (1 - 1e-6) <= found).all() and (found <= high * (1 + 1e-6)).all()
    assert (constraints.NonNeg()(w) == np.where(w > 0, w, 0)).all()
    zeros = np.zeros((2, 3), np.float32)
    for name, arguments in CONSTRAINTS:
        assert not getattr(constraints, name)(**arguments)(zeros).any()
    variable = Variable(w)
    variable.assign(constraints.UnitNorm()(variable))
    np.testing.assert_array_equal(variable.numpy(), constraints.UnitNorm()(w))


def test_ones_own():
    class Cubes(regularizers.Regularizer):
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, x):
            return self.factor * ops.sum(x * x * x)

        def get_config(self):
            return {"factor": self.factor}

    node = regularizers.serialize(Cubes(2.0))
    assert regularizers.deserialize(node, {"Cubes": Cubes})(np.ones(3)) == 6
    assert regularizers.get(abs) is abs
    assert regularizers.Regularizer()(np.ones(3)) == 0
    with pytest.raises(NotImplementedError, match=r"does not implement get_config\(\)"):
        regularizers.Regularizer().get_config()
    assert constraints.Constraint().get_config() == {}
    assert constraints.Constraint()(node) is node


ERRORS = (
    (lambda k: k.regularizers.L1(-1), "argument l1: expected a non-negative float.*l1=-1"),
    (lambda k: k.regularizers.L2(float("nan")), "argument l2: expected.*Received: l2=nan"),
    (lambda k: k.regularizers.L1L2("a"), "Received: l1=a"),
    (lambda k: k.regularizers.L1L2(l2=float("inf")), "Received: l2=inf"),
    (lambda k: k.regularizers.OrthogonalRegularizer(-1.0), "Received: factor=-1.0"),
    (lambda k: k.regularizers.OrthogonalRegularizer(mode="x"), 'one of {"rows", "columns"}.*=x'),
    (lambda k: k.regularizers.OrthogonalRegularizer()(np.ones(3)), r"must have rank 2.*\(3,\)"),
    (lambda k: k.regularizers.get("l3"), "l3"),
    (lambda k: k.regularizers.get(3), "Could not interpret regularizer identifier: 3"),
    (lambda k: k.constraints.get("max_nrm"), "max_nrm"),
    (lambda k: k.constraints.get(3), "Could not interpret constraint identifier: 3"),
)


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors_are_those_of_keras(call, message, keras):
    for k in (keras, cnn_ext):
        with pytest.raises(ValueError, match=message):
            call(k)
