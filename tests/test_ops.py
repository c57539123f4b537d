"""Properties of every operation: a test runs over all rows of CASES."""

import inspect
import operator

import numpy as np
import pytest

from array_cases import CALLS
from cases import CONV_KINDS, DTYPES, assert_close
from cnn_ext import ops
from cnn_ext.autograd import PRIMITIVES, Primitive, Tensor, no_grad
from cnn_ext.ops import batch_norm
from cnn_ext.testing import check_gradients
from errors import OPERATION_ERRORS
from op_cases import CASES

OPERATIONS = {
    **ops.OPS,
    **{f"image.{name}": f for name, f in ops.image.OPS.items()},
    "batch_norm.normalize_batch": batch_norm.normalize_batch,  # what layers alone use
    "batch_norm.scale_and_shift": batch_norm.scale_and_shift,
}
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def rows(wanted=lambda case: True):
    """The cases that a property is about, as parameters."""
    return pytest.mark.parametrize(
        ("name", "case"),
        [
            pytest.param(name, case, id=f"{name}-{case.name}")
            for name, cases in CASES.items()
            for case in cases
            if wanted(case)
        ],
    )


def is_float(array):
    return isinstance(array, np.ndarray) and array.dtype.kind == "f"


def tensors(arrays):
    """Arrays as Tensors, of which gradients are wanted if they are floats."""
    return [
        Tensor(a, requires_grad=is_float(a)) if isinstance(a, np.ndarray) else a for a in arrays
    ]


def a_gradient(y, seed=5):
    """Something to begin a backward pass with: no two elements weigh the same."""
    return np.random.default_rng(seed).standard_normal(np.shape(y)).astype(np.asarray(y).dtype)


def gradients_of(case, operation, arrays, grad):
    """Gradients by autograd with respect to each float array."""
    leaves = tensors(arrays)
    case.call(operation, *leaves).backward(grad)
    return [leaf.grad for leaf, a in zip(leaves, arrays, strict=True) if is_float(a)]


def test_every_operation_has_cases():
    assert set(OPERATIONS) == {*CASES, *CALLS}
    for name, cases in CASES.items():
        assert cases and len({case.name for case in cases}) == len(cases), name


def test_every_gradient_rule_is_reached(monkeypatch):
    """Also the rules of what composites are made of, and the rules that are used in rules."""
    reached = set()
    rule = Primitive.rule
    monkeypatch.setattr(
        Primitive, "rule", lambda self, index: reached.add((self.name, index)) or rule(self, index)
    )
    for name, cases in CASES.items():
        for case in cases:
            if case.differentiable:
                arrays = case.inputs("float32")
                y = case.call(OPERATIONS[name], *arrays)
                gradients_of(case, OPERATIONS[name], arrays, a_gradient(y))
    stated = {
        (primitive.name, index)
        for primitive in PRIMITIVES.values()
        if primitive.__module__.startswith("cnn_ext.ops.")
        for index, rule in enumerate(primitive.rules)
        if rule is not None
    }
    assert len(stated) > 50
    assert stated <= reached


@pytest.mark.parametrize("dtype", DTYPES)
@rows()
def test_tensors_give_the_bits_that_arrays_give(name, case, dtype):
    arrays = case.inputs(dtype)
    plain = case.call(OPERATIONS[name], *arrays)
    recorded = case.call(OPERATIONS[name], *tensors(arrays))
    with no_grad():
        unrecorded = case.call(OPERATIONS[name], *tensors(arrays))
    assert isinstance(plain, np.ndarray | np.generic)
    for result in (recorded, unrecorded):
        value = np.asarray(result)
        assert (value.shape, value.dtype) == (plain.shape, plain.dtype)
        assert value.tobytes() == np.asarray(plain).tobytes()
    assert not case.differentiable or recorded.requires_grad
    assert not getattr(unrecorded, "requires_grad", False)


def counterpart(name, case, keras, arrays):
    """What Keras says to the same call, on its tensors."""
    if case.theirs is not None:
        return case.theirs(keras.ops, *arrays)
    return case.call(operator.attrgetter(name)(keras.ops), *arrays)


@pytest.mark.parametrize("dtype", DTYPES)
@rows(lambda case: not case.empty)
def test_equals_keras(name, case, dtype, keras, tf):
    arrays = case.inputs(dtype)
    ours = case.call(OPERATIONS[name], *arrays)
    given = [tf.constant(a) if isinstance(a, np.ndarray) else a for a in arrays]
    watched = [t for t, a in zip(given, arrays, strict=True) if is_float(a)]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        theirs = counterpart(name, case, keras, given)
    tolerance = max(TOLERANCE[dtype], case.tolerance)
    assert_close(ours, theirs, tolerance)
    if case.differentiable and case.their_gradient:
        grad = a_gradient(ours)
        expected = tape.gradient(theirs, watched, output_gradients=tf.constant(grad))
        found = gradients_of(case, OPERATIONS[name], arrays, grad)
        for our, their in zip(found, expected, strict=True):
            assert_close(our, tf.convert_to_tensor(their), tolerance, constant=grad.size == 1)


@pytest.mark.parametrize(
    ("name", "number"), [(name, i) for name, calls in CALLS.items() for i in range(len(calls))]
)
def test_calls_equal_kerass(name, number, keras, tf):
    """Values, shapes and dtypes, also of integers and truth values."""
    ours, theirs = (CALLS[name][number](k) for k in (ops, keras.ops))
    if not isinstance(theirs, str | np.dtype | tf.DType):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        if isinstance(CALLS[name][number](ops), int):  # Keras has a Tensor of 32 bits
            ours = ours.astype(theirs.dtype)
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    else:
        assert ours == theirs


# What is not Keras's, or is called otherwise there.
OWN = {
    "add_bias", "column_sum", "conv2d", "conv2d_backward_input", "conv2d_backward_weight",
    "conv2d_relu_pool", "conv2d_relu_pool_backward_input", "conv2d_relu_pool_backward_weight",
    "conv_relu_max_pool", "average_pool2d", "average_pool2d_backward", "max_pool2d",
    "max_pool2d_backward", "max_pool2d_gather", "relu_backward", "scatter_add",
    "getitem",  # get_item, with a static index
    "mish",  # an activation in Keras
}  # fmt: skip


def test_parameters_are_kerass(keras):
    """Names, order and defaults."""
    wrong = {}
    for name, operation in OPERATIONS.items():
        if name in OWN or name.startswith("batch_norm."):
            assert not hasattr(keras.ops, name)
            continue
        theirs = inspect.signature(operator.attrgetter(name)(keras.ops)).parameters
        ours = inspect.signature(operation).parameters
        a, b = ([(p.name, p.default) for p in found.values()] for found in (ours, theirs))
        if a != b:
            wrong[name] = (a, b)
    assert not wrong


def test_arrays_may_be_given_by_keyword():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    ops.sum(x=ops.multiply(x1=x, x2=x), axis=0).backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    np.testing.assert_array_equal(ops.subtract(x, x2=x), [0.0, 0.0])


@rows(lambda case: case.empty)
def test_nothing_gives_zeros(name, case, keras):
    arrays = case.inputs("float32")
    ours = case.call(OPERATIONS[name], *arrays)
    theirs = counterpart(name, case, keras, map(keras.ops.convert_to_tensor, arrays))
    assert (ours.shape, ours.dtype, ours.any()) == (theirs.shape, theirs.dtype, False)
    found = gradients_of(case, OPERATIONS[name], arrays, np.ones_like(ours))
    assert [(g.shape, g.any()) for g in found] == [(a.shape, False) for a in arrays]


@rows(lambda case: case.differentiable and case.smooth and not case.empty)
def test_gradients_are_derivatives(name, case):
    """First and second order, by differences in float64."""
    arrays = case.inputs("float64")
    varied = [a for a in arrays if isinstance(a, np.ndarray)]

    def function(*tensors):
        tensors = iter(tensors)
        given = [next(tensors) if isinstance(a, np.ndarray) else a for a in arrays]
        return case.call(OPERATIONS[name], *given)

    check_gradients(function, varied)


@rows(lambda case: case.linear == "each" and not case.empty)
def test_adjoint_of_what_is_linear_in_each(name, case):
    points, others = (case.inputs("float64", seed) for seed in (0, 1))
    for index, x in enumerate(others):
        if is_float(x):
            given = [x if i == index else p for i, p in enumerate(points)]
            y = case.call(OPERATIONS[name], *given)
            grad = a_gradient(y)
            found = gradients_of(case, OPERATIONS[name], points, grad)
            position = sum(map(is_float, points[:index]))
            assert_same_product((grad, y), (found[position], x))


@rows(lambda case: case.linear == "jointly")
def test_adjoint_of_what_is_linear_jointly(name, case):
    points, others = (case.inputs("float64", seed) for seed in (0, 1))
    y = case.call(OPERATIONS[name], *others)
    grad = a_gradient(y)
    found = gradients_of(case, OPERATIONS[name], points, grad)
    assert_same_product((grad, y), *zip(found, filter(is_float, others), strict=True))


def assert_same_product(pair, *pairs):
    """<g, f(x)> == <transpose of f (g), x>, the transpose taken at a point other than x."""
    left, right = np.vdot(*pair), sum(np.vdot(*p) for p in pairs)
    natural = np.linalg.norm(pair[0]) * np.linalg.norm(pair[1])
    assert natural > 0
    assert abs(left - right) <= 1e-12 * natural


@rows()
def test_arguments_may_be_read_only_and_are_left_alone(name, case):
    arrays = case.inputs("float32")
    copies = [np.copy(a) for a in arrays]
    for array in arrays:
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    y = case.call(OPERATIONS[name], *arrays)
    if case.differentiable:
        grad = a_gradient(y)
        grad.flags.writeable = False
        gradients_of(case, OPERATIONS[name], arrays, grad)
        np.testing.assert_array_equal(grad, a_gradient(y))
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@rows()
def test_arguments_need_not_be_contiguous(name, case):
    """Not the same bits: NumPy adds a transposed array up in another order."""
    arrays = case.inputs("float64")
    spread = []
    for a in arrays:
        if isinstance(a, np.ndarray) and a.ndim:
            wide = np.zeros((2, *a.shape), a.dtype, order="F")
            wide[1] = a
            a = wide[1]
            assert not a.flags.c_contiguous or a.size < 2
        spread.append(a)
    plain = case.call(OPERATIONS[name], *arrays)
    np.testing.assert_allclose(case.call(OPERATIONS[name], *spread), plain, rtol=1e-12, atol=1e-14)
    if case.differentiable:
        grad = a_gradient(plain)
        found = gradients_of(case, OPERATIONS[name], spread, np.array(grad, order="F"))
        expected = gradients_of(case, OPERATIONS[name], arrays, grad)
        for ours, right in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, right, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("error", OPERATION_ERRORS, ids=lambda error: error.name)
def test_refuses(error):
    error.check()


@pytest.mark.parametrize("row", CONV_KINDS, ids=lambda row: row.name)
def test_convolutions_are_closed_under_differentiation(row):
    """The gradient of conv's gradient is conv again: third derivatives cost no other kernel."""
    rng = np.random.default_rng(0)
    g = row.geometry()
    x, weight = (
        Tensor(rng.standard_normal(shape), requires_grad=True)
        for shape in (row.x_shape, row.weight_shape)
    )
    y = ops.conv2d(x, weight, geometry=g)
    y.backward(rng.standard_normal(g.y_shape), create_graph=True)
    (x.grad.sum() + weight.grad.sum()).backward(create_graph=True)
    names, stack = set(), [x.grad.node, weight.grad.node]
    while stack:
        node = stack.pop()
        names.add(node.primitive.name)
        stack += [i.node for i in node.inputs if isinstance(i, Tensor) and i.node is not None]
    convolutions = {"conv2d", "conv2d_backward_input", "conv2d_backward_weight"}
    assert names & convolutions and names <= convolutions | {"add", "broadcast_to", "reshape"}


def test_keywords_may_be_given_by_position():
    x = np.random.default_rng(0).standard_normal((2, 3))
    np.testing.assert_array_equal(ops.sum(x, 1, True), ops.sum(x, axis=1, keepdims=True))
    np.testing.assert_array_equal(ops.clip(x, 0, 1), ops.clip(x, x_min=0, x_max=1))
    np.testing.assert_array_equal(ops.reshape(x, (3, 2)), ops.reshape(x, newshape=(3, 2)))
