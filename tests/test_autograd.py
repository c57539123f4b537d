"""The engine: recording, order, accumulation, un-broadcasting, freeing; Tensor and Variable."""

import contextlib
import gc
import operator
import threading
import weakref

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from cases import INDICES
from cnn_ext import ops
from cnn_ext.autograd import (
    Tensor,
    Variable,
    grad,
    gradients,
    is_recording,
    no_grad,
    primitive,
    value_and_grad,
)
from errors import AUTOGRAD_ERRORS


def leaf(value, dtype="float64"):
    return Tensor(np.asarray(value, dtype), requires_grad=True)


def assert_equal(found, expected, tolerance=1e-12):
    """Equal in shape, and in value within a tolerance of the largest."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    assert np.abs(found - expected).max(initial=0) <= tolerance * np.abs(expected).max(initial=1)


@pytest.mark.parametrize("error", AUTOGRAD_ERRORS, ids=lambda error: error.name)
def test_refuses(error):
    error.check()


# --- Un-broadcasting and operators -----------------------------------------------------------

BINARY = {  # operator, its derivatives by either side
    "add": (operator.add, lambda a, b: 1 + 0 * a, lambda a, b: 1 + 0 * a),
    "sub": (operator.sub, lambda a, b: 1 + 0 * a, lambda a, b: -1 + 0 * a),
    "mul": (operator.mul, lambda a, b: b, lambda a, b: a),
    "truediv": (operator.truediv, lambda a, b: 1 / b, lambda a, b: -a / b**2),
    "pow": (operator.pow, lambda a, b: b * a ** (b - 1), lambda a, b: a**b * np.log(a)),
}


def summed_back(gradient, shape):
    """What each element receives from all the places that it was broadcast to."""
    numbers = np.broadcast_to(np.arange(np.prod(shape, dtype=int)).reshape(shape), gradient.shape)
    sums = np.bincount(numbers.ravel(), gradient.ravel(), minlength=np.prod(shape, dtype=int))
    return sums.reshape(shape)


@pytest.mark.parametrize(("op", "by_a", "by_b"), BINARY.values(), ids=BINARY)
@hypothesis.given(
    mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=4),
    st.integers(0, 2**31),
)
@hypothesis.settings(max_examples=60)
def test_broadcasting_is_undone(op, by_a, by_b, shapes, seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(0.5, 2, shape) for shape in shapes.input_shapes)
    weight = rng.standard_normal(shapes.result_shape)
    full_a, full_b = np.broadcast_arrays(a, b)
    expected = [
        summed_back(weight * by_a(full_a, full_b), a.shape),
        summed_back(weight * by_b(full_a, full_b), b.shape),
    ]
    x, y = leaf(a), leaf(b)
    op(x, y).backward(weight)
    assert_equal(x.grad, expected[0])
    assert_equal(y.grad, expected[1])
    x, y = leaf(a), leaf(b)
    op(x, b).backward(weight)  # Tensor and array
    op(a, y).backward(weight)  # array and Tensor
    assert_equal(x.grad, expected[0])
    assert_equal(y.grad, expected[1])


@pytest.mark.parametrize(("op", "by_a", "by_b"), BINARY.values(), ids=BINARY)
@pytest.mark.parametrize("number", [3, 0.5, np.float32(0.5), np.int64(2), np.array(1.5)])
def test_operators_take_numbers_on_either_side(op, by_a, by_b, number):
    array = np.random.default_rng(0).uniform(0.5, 2, (2, 3))
    right, left = leaf(array), leaf(array)
    op(right, number).sum().backward()
    op(number, left).sum().backward()
    number = np.float64(number)  # the dtype of the Tensors, which numbers of NumPy's take
    assert_equal(right.grad, np.broadcast_to(by_a(array, number), (2, 3)))
    assert_equal(left.grad, np.broadcast_to(by_b(number, array), (2, 3)))


def test_matmul_operator():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    for x, y in ((leaf(a), leaf(b)), (leaf(a), b), (a, leaf(b))):
        product = x @ y
        assert_equal(product.numpy(), a @ b)
        product.sum().backward()
        if isinstance(x, Tensor):
            assert_equal(x.grad, np.ones((2, 4)) @ b.T)
        if isinstance(y, Tensor):
            assert_equal(y.grad, a.T @ np.ones((2, 4)))


METHODS = {
    "neg": lambda t: -t,
    "abs": abs,
    "reshape": lambda t: t.reshape(3, 2),
    "reshape tuple": lambda t: t.reshape((-1,)),
    "transpose": lambda t: t.transpose(1, 0),
    "transpose none": lambda t: t.transpose(),
    "T": lambda t: t.T,
    "sum": lambda t: t.sum(axis=1, keepdims=True),
    "mean": lambda t: t.mean(axis=0),
    "max": lambda t: t.max(axis=1),
    "min": lambda t: t.min(axis=(0, 1)),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_methods_are_those_of_arrays(method):
    array = np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, 0.5]])
    x = leaf(array)
    y = method(x)
    np.testing.assert_array_equal(y.numpy(), method(array))
    y.backward(np.full(y.shape, 2.0))
    assert x.grad.shape == x.shape and x.grad.any()


# --- Order and accumulation ------------------------------------------------------------------

STEPS = {  # a value and its slope along a direction, of (value, slope) pairs
    "add": (lambda a, b: a + b, lambda a, b: (a[0] + b[0], a[1] + b[1])),
    "mul": (lambda a, b: a * b, lambda a, b: (a[0] * b[0], a[1] * b[0] + a[0] * b[1])),
    "sub": (lambda a, b: a - b, lambda a, b: (a[0] - b[0], a[1] - b[1])),
    "tanh": (
        lambda a, b: ops.tanh(a),
        lambda a, b: (np.tanh(a[0]), (1 - np.tanh(a[0]) ** 2) * a[1]),
    ),
}


@hypothesis.given(
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0), st.integers(0)), max_size=30)
)
@hypothesis.settings(max_examples=100)
def test_any_graph_has_the_slope_of_forward_mode(steps):
    """Values used many times, never, or as both sides of one operation."""
    rng = np.random.default_rng(len(steps))
    points, directions = rng.uniform(-1, 1, (3, 4)), rng.uniform(-1, 1, (3, 4))
    leaves = [leaf(p) for p in points]
    tensors, duals = list(leaves), list(zip(points, directions, strict=True))
    for name, first, second in steps:
        ours, dual = STEPS[name]
        i, j = first % len(tensors), second % len(tensors)
        hypothesis.assume(np.abs(duals[i][0]).max() < 1e3)
        tensors.append(ours(tensors[i], tensors[j]))
        duals.append(dual(duals[i], duals[j]))
    tensors[-1].sum().backward()
    slope = sum(
        np.vdot(x.grad, v) for x, v in zip(leaves, directions, strict=True) if x.grad is not None
    )
    expected = duals[-1][1].sum()
    assert abs(slope - expected) <= 1e-9 * max(1, np.abs(duals[-1][1]).max())


def test_a_tensor_used_twice_receives_both_gradients():
    x = leaf([1.0, 2.0])
    (x * x + x).sum().backward()
    assert_equal(x.grad, [3.0, 5.0])
    y = leaf([1.0, 2.0])
    z = y * 3.0
    (z * z).sum().backward()
    assert_equal(y.grad, [18.0, 36.0])


def test_backward_adds_to_what_is_there():
    x = leaf([1.0, 2.0])
    (x * 2.0).sum().backward()
    first = x.grad
    (x * 3.0).sum().backward()
    assert_equal(x.grad, [5.0, 5.0])
    assert_equal(first, [2.0, 2.0])


def test_only_leaves_keep_gradients():
    x, constant = leaf([1.0, 2.0]), Tensor([3.0, 4.0])
    middle = x * constant
    loss = middle.sum()
    loss.backward()
    assert (middle.grad, loss.grad, constant.grad) == (None, None, None)
    assert_equal(x.grad, [3.0, 4.0])


def test_a_leaf_is_its_own_gradient():
    x = leaf(3.0)
    x.backward()
    assert_equal(x.grad, 1.0)


def test_gradients_of_two_leaves_share_no_memory():
    given = np.ones((2, 3))
    x, y = leaf(np.ones((2, 3))), leaf(np.ones((2, 3)))
    (x + y).backward(given)
    z = leaf(np.ones((2, 3)))
    z.sum().backward()
    x.grad *= 2.0
    z.grad *= 2.0
    assert_equal(x.grad, np.full((2, 3), 2.0))
    assert_equal(y.grad, np.ones((2, 3)))
    assert_equal(z.grad, np.full((2, 3), 2.0))
    assert_equal(given, np.ones((2, 3)))


def test_gradients_leave_dot_grad_alone_and_give_zeros_without_a_path():
    x, y = leaf([1.0, 2.0]), leaf([[1.0]])
    found = gradients((x * 2.0).sum(), [x, y])
    assert_equal(found[0], [2.0, 2.0])
    assert_equal(found[1], [[0.0]])
    assert (x.grad, y.grad) == (None, None)


def test_gradients_by_what_was_computed():
    x = leaf([1.0, 2.0])
    middle = x * 3.0
    loss = (middle * middle).sum()
    found = gradients(loss, [middle, x, loss])
    assert_equal(found[0], [6.0, 12.0])
    assert_equal(found[1], [18.0, 36.0])
    assert_equal(found[2], 1.0)


LENGTH = 10_000


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_long_chain(create_graph):
    """Forward, backward and deletion, none of them recursive."""
    x = leaf(1.0)
    y = x
    for _ in range(LENGTH):
        y = y * 1.0001
    y.backward(create_graph=create_graph)
    assert_equal(x.grad, 1.0001**LENGTH, 1e-10)
    del y
    x.grad = None
    gc.collect()


def test_a_long_chain_is_deleted_without_backward():
    x = leaf(1.0)
    y = x
    for _ in range(LENGTH):
        y = ops.tanh(y) + x
    last = weakref.ref(y.node.inputs[0])
    del y
    assert last() is None


def test_a_deep_diamond_is_walked_once():
    """2 ** 60 paths, 60 nodes."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


# --- Freeing and keeping ---------------------------------------------------------------------


def test_backward_frees_what_was_saved():
    x = leaf(np.ones(1000))
    middle = ops.exp(x)
    saved = weakref.ref(middle.data)
    loss = (middle * middle).sum()
    del middle
    assert saved() is not None
    loss.backward()
    assert saved() is None


def test_retain_graph_keeps_it_for_another_backward():
    x = leaf([1.0, 2.0])
    middle = ops.exp(x)
    saved = weakref.ref(middle.data)
    loss = (middle * middle).sum()
    del middle
    loss.backward(retain_graph=True)
    assert saved() is not None
    first = x.grad
    loss.backward()
    assert saved() is None
    assert_equal(x.grad, 2 * first)


def test_a_graph_that_is_dropped_is_freed_at_once():
    """No reference cycles: memory does not wait for the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        x = leaf(np.ones(1000))
        y = ops.relu(x.reshape(10, 100) @ np.ones((100, 3))).sum()
        saved = weakref.ref(y.node.inputs[0].data)
        y.backward(create_graph=True)
        second = weakref.ref(x.grad)
        x.grad = None
        assert second() is None
        del y
        assert saved() is None
    finally:
        gc.enable()


def test_value_and_grad_frees_what_it_recorded():
    """Also what a second value that is still held was computed from."""
    saved = []

    def loss(x):
        middle = ops.exp(x)
        saved.append(weakref.ref(middle.data))
        result = ops.exp(middle)
        return result.sum(), result

    (value, result), gradient = value_and_grad(loss, has_aux=True)(np.ones(3))
    assert saved[0]() is None
    assert_equal(result.numpy(), np.exp(np.exp(np.ones(3))))
    assert not value.requires_grad and isinstance(gradient, np.ndarray)


def test_value_and_grad_leaves_other_graphs_alone():
    w = leaf([1.0, 2.0])
    shared = w * 3.0
    assert_equal(grad(lambda x: (x * shared).sum())(np.ones(2)), [3.0, 6.0])
    shared.sum().backward()
    assert_equal(w.grad, [3.0, 3.0])


# --- What is recorded ------------------------------------------------------------------------


def test_no_grad_records_nothing():
    x = leaf([1.0])
    with no_grad():
        assert not is_recording()
        y = x * 2.0
        with contextlib.suppress(KeyError), no_grad():
            raise KeyError
        assert not is_recording()
    assert is_recording()
    assert (y.requires_grad, y.node) == (False, None)

    @no_grad()
    def double(t):
        return t * 2.0

    assert not double(x).requires_grad
    assert (x * 2.0).requires_grad


def test_no_grad_is_of_one_thread():
    x, recorded, ready, done = leaf([1.0]), [], threading.Event(), threading.Event()

    def other():
        ready.wait(10)
        recorded.append((x * 2.0).requires_grad)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        ready.set()
        assert done.wait(10)
        assert not (x * 2.0).requires_grad
    thread.join()
    assert recorded == [True]


def test_threads_differentiate_at_once():
    found = {}

    def work(number):
        f = lambda x: (ops.tanh(x * number) * x).sum()  # noqa: E731
        found[number] = [grad(f)(np.ones(50)) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, results in found.items():
        right = np.tanh(number) + number * (1 - np.tanh(number) ** 2)
        for result in results:
            assert_equal(result, np.full(50, right), 1e-12)
    assert len(found) == 4


def test_nothing_is_recorded_that_needs_no_gradient():
    assert (Tensor([1.0]) * Tensor([2.0])).node is None
    assert (leaf([1.0]) > 0.0).node is None
    assert ops.cast(leaf([1.0]), dtype="int32").node is None
    assert leaf([1.0]).detach().requires_grad is False


COUNTED = {
    "input is data": (False, None, [0, 1]),
    "input is a leaf": (True, None, [1, 1]),
    "only the weight is asked for": (True, "weight", [0, 1]),
    "only the input is asked for": (True, "x", [1, 0]),
}


@pytest.mark.parametrize(("requires", "asked", "expected"), COUNTED.values(), ids=COUNTED)
def test_rules_run_only_for_gradients_that_are_wanted(requires, asked, expected, monkeypatch):
    """The first layer of a network never computes the gradient of its input."""
    calls = [0, 0]

    def counting(index, rule):
        def counted(*args, **static):
            calls[index] += 1
            return rule(*args, **static)

        return counted

    counted = tuple(counting(i, rule) for i, rule in enumerate(ops.conv2d.rules))
    monkeypatch.setattr(ops.conv2d, "rules", counted)
    x = Tensor(np.ones((1, 4, 4, 1)), requires_grad=requires)
    weight = leaf(np.ones((2, 2, 1, 3)))
    loss = ops.conv(x, weight).sum()
    if asked is None:
        loss.backward()
    else:
        gradients(loss, [{"x": x, "weight": weight}[asked]])
    assert calls == expected


def test_rules_of_branches_that_lead_nowhere_do_not_run():
    def refuse(g, y, x):
        raise AssertionError("not on the way to what is wanted")

    @primitive
    def branch(x):
        return x * 2

    branch.gradients(refuse)
    x, w = leaf([1.0]), leaf([2.0])
    assert_equal(gradients((branch(x) * w).sum(), [w])[0], [2.0])


# --- Gradients of gradients ------------------------------------------------------------------


def test_grad_of_grad():
    cube = lambda x: x**3.0  # noqa: E731
    assert_equal(grad(cube)(2.0), 12.0)
    assert_equal(grad(grad(cube))(2.0), 12.0)
    assert_equal(grad(grad(grad(cube)))(2.0), 6.0)


def test_create_graph_gives_tensors_that_can_be_differentiated():
    x = leaf([1.0, 2.0])
    (x * x * x).sum().backward(create_graph=True)
    first = x.grad
    assert isinstance(first, Tensor) and first.requires_grad
    assert_equal(first.numpy(), [3.0, 12.0])
    x.grad = None
    first.sum().backward()
    assert_equal(x.grad, [6.0, 12.0])


CONFUSIONS = {  # a function of x whose inner derivative holds x still, its derivative at 2
    "x + z": (lambda x: x * grad(lambda z: x + z)(1.0), 1.0),
    "x * z": (lambda x: x * grad(lambda z: x * z)(1.0), 4.0),
    "x * x * z * z": (lambda x: x * grad(lambda z: x * x * z * z)(3.0), 72.0),
    "inner at x": (lambda x: grad(lambda z: z * z * x)(x), 8.0),
    "same tensor": (lambda x: x * grad(lambda z: z * x)(x), 4.0),
    "three deep": (
        lambda x: x * grad(lambda y: y * grad(lambda z: x * y * z)(1.0))(1.0),
        8.0,
    ),
}


@pytest.mark.parametrize(("function", "expected"), CONFUSIONS.values(), ids=CONFUSIONS)
def test_no_confusion_of_perturbations(function, expected):
    assert_equal(grad(function)(2.0), expected)


def test_gradient_penalty():
    """A loss of gradients, as in WGAN-GP: by the weights, through the input's gradient."""
    rng = np.random.default_rng(0)
    w, at = rng.standard_normal((3, 2)), rng.standard_normal((4, 3))

    def penalty(weight):
        inner = grad(lambda x: ops.tanh(x @ weight).sum())(at)
        return (inner * inner).sum()

    found, step = grad(penalty)(w), np.zeros((3, 2))
    step[1, 0] = 1e-6
    plain = [float(penalty(Tensor(w + s))) for s in (step, -step)]
    assert abs(found[1, 0] - (plain[0] - plain[1]) / 2e-6) < 1e-6


# --- value_and_grad --------------------------------------------------------------------------


def test_value_and_grad_by_one_and_by_several_arguments():
    f = lambda x, y: (x * x * y).sum()  # noqa: E731
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    value, by_x = value_and_grad(f)(x, y)
    assert_equal(value, 19.0)
    assert_equal(by_x, 2 * x * y)
    assert_equal(grad(f, argnums=1)(x, y), x * x)
    both = grad(f, argnums=(1, 0))(x, y)
    assert isinstance(both, list)
    assert_equal(both[0], x * x)
    assert_equal(both[1], 2 * x * y)
    assert_equal(grad(lambda x, *, scale: (x * scale).sum())(x, scale=3.0), [3.0, 3.0])


def test_value_and_grad_by_variables():
    w, b = Variable(np.array([2.0, 3.0])), Variable(np.array(1.0))
    value, found = value_and_grad(lambda x: (x * w + b).sum(), variables=[w, b])([1.0, 2.0])
    assert_equal(value, 10.0)
    assert_equal(found[0], [1.0, 2.0])
    assert_equal(found[1], 2.0)
    assert (w.grad, b.grad) == (None, None)


def test_value_and_grad_hands_back_what_else_the_function_returns():
    f = lambda x: ((x * x).sum(), {"twice": x * 2.0})  # noqa: E731
    (value, extra), found = value_and_grad(f, has_aux=True)(np.array([1.0, 2.0]))
    assert_equal(value, 5.0)
    assert_equal(extra["twice"].numpy(), [2.0, 4.0])
    assert_equal(found, [2.0, 4.0])


def test_value_and_grad_records_inside_no_grad():
    with no_grad():
        assert_equal(grad(lambda x: (x * x).sum())(np.array([3.0])), [6.0])
        assert not is_recording()


# --- Variable --------------------------------------------------------------------------------


def test_variable_keeps_its_memory_and_counts_assignments():
    v = Variable(np.ones(3, np.float32), name="v")
    memory = v.value
    assert v.assign([1, 2, 3]).assign_add(np.ones(3)).assign_sub([0.5, 0.5, 0.5]) is v
    assert v.value is memory
    assert_equal(memory, [1.5, 2.5, 3.5])
    assert (v.version, v.dtype) == (3, np.float32)


def test_variable_owns_its_value():
    given = np.ones(3)
    v = Variable(given)
    v.assign([2.0, 2.0, 2.0])
    assert_equal(given, np.ones(3))


def test_variable_by_initializer():
    calls = []

    def initializer(shape, dtype):
        calls.append((shape, dtype))
        return np.full(shape, 2.0, dtype)

    v = Variable(initializer, shape=(2, 1), dtype="float64", name="kernel", path="conv/kernel")
    assert calls == [((2, 1), "float64")]
    assert (v.shape, v.dtype, v.name, v.path) == ((2, 1), np.float64, "kernel", "conv/kernel")


def test_variable_trainable_is_requires_grad():
    v, count = Variable(np.ones(2)), Variable(np.zeros(2, int))
    assert (v.requires_grad, count.requires_grad, count.trainable) == (True, False, True)
    v.trainable = False
    assert not v.requires_grad
    assert (v * 2.0).node is None
    assert not Variable(np.ones(2), trainable=False).requires_grad


def test_assignment_after_backward_is_no_error():
    w = Variable(np.ones(2))
    for _ in range(3):
        (w * w).sum().backward()
        w.assign_sub(0.1 * w.grad)
        w.grad = None
    assert_equal(w, np.full(2, 0.8**3))


def test_a_stale_value_that_no_wanted_gradient_needs_is_no_error():
    w, x = Variable(np.ones(2)), leaf([1.0, 2.0])
    loss = (w * w).sum() + (x * x).sum()
    w.assign([5.0, 5.0])
    assert_equal(gradients(loss, [x])[0], [2.0, 4.0])


# --- Indexing --------------------------------------------------------------------------------


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_indexing(index):
    array = np.arange(20.0).reshape(4, 5)
    x = leaf(array)
    y = x[index]
    np.testing.assert_array_equal(y.numpy(), array[index])
    y.backward(np.full(y.shape, 3.0))
    picked = np.bincount(np.arange(20).reshape(4, 5)[index].ravel(), minlength=20)
    assert_equal(x.grad, 3.0 * picked.reshape(4, 5))


def test_indexing_by_tensors():
    x = leaf(np.arange(20.0).reshape(4, 5))
    rows = Tensor(np.array([1, 1, 3]))
    np.testing.assert_array_equal(x[rows].numpy(), x.numpy()[[1, 1, 3]])
    np.testing.assert_array_equal(x[rows, 1:3].numpy(), x.numpy()[[1, 1, 3], 1:3])
    np.testing.assert_array_equal(x[x > 10.0].numpy(), x.numpy()[x.numpy() > 10])
    np.testing.assert_array_equal(x[rows[0]].numpy(), x.numpy()[1])


# --- Tensor and NumPy ------------------------------------------------------------------------


def test_numpy_sees_the_array():
    x = leaf([[1.0, 2.0]], "float32")
    assert np.asarray(x) is x.data
    assert np.asarray(x, "float64").dtype == np.float64
    assert np.array(x) is not x.data
    with pytest.raises(ValueError, match="copy"):
        np.array(x, dtype="float64", copy=False)
    assert_equal(np.stack([x, x]), [[[1.0, 2.0]], [[1.0, 2.0]]])
    assert_equal(np.array([leaf(1.0), leaf(2.0)]), [1.0, 2.0])
    assert np.allclose(x, [[1.0, 2.0]])


@pytest.mark.parametrize("left", [np.ones((2, 1)), np.float32(1.0), np.float64(1.0), 1, 1.0])
def test_numpy_on_the_left_gives_a_tensor(left):
    x = leaf([[2.0, 4.0]])
    for op in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
        y = op(left, x)
        assert isinstance(y, Tensor) and y.requires_grad
        assert_equal(y.numpy(), op(left, x.numpy()))


@pytest.mark.parametrize(
    "op", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
)
def test_comparisons_are_by_element(op):
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    for left, right in ((Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b)), (Tensor(a), 2.0)):
        result = op(left, right)
        assert isinstance(result, Tensor) and result.dtype == bool
        np.testing.assert_array_equal(result.numpy(), op(a, b))


def test_python_sees_numbers_and_lengths():
    x = Tensor([[1.5, 2.0]])
    assert (len(x), x.ndim, x.size, x.shape, x.dtype) == (1, 2, 2, (1, 2), np.float32)
    assert [row.shape for row in x] == [(2,)]
    assert (float(Tensor(1.5)), int(Tensor(2)), bool(Tensor(0.0)), Tensor(1.5).item()) == (
        1.5, 2, False, 1.5,
    )  # fmt: skip
    assert [10, 20, 30][Tensor(1)] == 20
    assert f"{Tensor(1.5):.2f}" == "1.50"
    assert len({x, x, Tensor([[1.5, 2.0]])}) == 2  # hashed by identity
    assert "requires_grad" not in repr(x)
    assert repr(leaf([1.0])) == "Tensor([1.], shape=(1,), dtype=float64, requires_grad=True)"


def test_augmented_assignment_makes_a_new_tensor():
    x = leaf([1.0, 2.0])
    y = x
    y += 1.0
    y *= x
    y.sum().backward()
    assert_equal(x.numpy(), [1.0, 2.0])
    assert_equal(x.grad, [3.0, 5.0])


DTYPE_KEPT = {
    "python float": lambda x: x * 2.5,
    "python int": lambda x: 3 - x,
    "power": lambda x: x**2,
    "float to the power": lambda x: 2.0**x,
    "division": lambda x: 1 / x,
    "mean": lambda x: x.mean(axis=0),
    "comparison as a mask": lambda x: x * (x > 0),
    "where": lambda x: ops.where(x > 0, x, 0.0),
    "elu": ops.elu,
    "leaky_relu": ops.leaky_relu,
    "clip": lambda x: ops.clip(x, x_min=-1, x_max=0.5),
    "logsumexp": lambda x: ops.logsumexp(x, axis=1),
    "std": lambda x: ops.std(x, axis=0),
    "crossentropy": lambda x: ops.categorical_crossentropy(np.eye(3, dtype="f4")[:2], x, True),
    "sparse": lambda x: ops.sparse_categorical_crossentropy([0, 2], x, True),
    "binary": lambda x: ops.binary_crossentropy(np.ones((2, 3), "f4"), ops.sigmoid(x)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", DTYPE_KEPT.values(), ids=DTYPE_KEPT)
def test_dtype_is_kept(function, dtype):
    x = leaf(np.array([[0.5, 1.0, 2.0], [1.5, 0.25, 3.0]]), dtype)
    y = function(x)
    y.backward(np.ones(y.shape, dtype))
    assert (y.dtype, x.grad.dtype) == (dtype, dtype)


def test_mixed_dtypes_give_each_leaf_its_own():
    x, y = leaf([1.0, 2.0], "float32"), leaf([3.0, 4.0], "float64")
    z = x * y
    z.sum().backward()
    assert (z.dtype, x.grad.dtype, y.grad.dtype) == (np.float64, np.float32, np.float64)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([1.0, 2.0], "float32"),
        (2, "int64"),
        (True, "bool"),
        (np.float64(1.5), "float64"),
        (np.ones(2, "float16"), "float16"),
        (Tensor(np.ones(2)), "float64"),
    ],
)
def test_what_tensors_are_made_of(data, dtype):
    assert Tensor(data).dtype == dtype
    assert Tensor(data, dtype="float64").dtype == "float64"


# --- Primitives of one's own -----------------------------------------------------------------


def test_a_rule_may_return_the_broadcast_shape():
    @primitive
    def shifted(x, offset):
        return x + offset

    shifted.gradients(lambda g, y, x, offset: g, lambda g, y, x, offset: g)
    x, offset = leaf(np.ones((2, 3))), leaf(np.ones((1, 3)))
    shifted(x, offset).sum().backward()
    assert_equal(x.grad, np.ones((2, 3)))
    assert_equal(offset.grad, np.full((1, 3), 2.0))


def test_a_rule_that_is_none_passes_nothing():
    x = leaf([1.0, -2.0])
    (ops.sign(x) * x).sum().backward()
    assert_equal(x.grad, [1.0, -1.0])
