"""Tensor does what arrays do: operators and methods; NumPy's functions take its value."""

import numpy as np
import pytest

import cnn_ext
from cnn_ext import Tensor, ops

X = np.array([[0.5, -1.5, 2.5], [3.25, 4.5, -0.75]])

# The same expression of a Tensor and of an array.
EXPRESSIONS = {
    "floordiv": lambda x: x // 2,
    "rfloordiv": lambda x: 7 // x,
    "mod": lambda x: x % 2,
    "rmod": lambda x: 7 % x,
    "or": lambda x: (x > 2) | (x < 0),
    "xor": lambda x: (x > 2) ^ (x < 3),
    "and": lambda x: (x > 0) & (x < 3),
    "invert": lambda x: ~(x > 2),
    "sum": lambda x: x.sum(),
    "sum axis": lambda x: x.sum(axis=0, keepdims=True),
    "sum dtype": lambda x: x.sum(dtype="float32"),
    "mean": lambda x: x.mean(axis=1),
    "std": lambda x: x.std(),
    "var": lambda x: x.var(axis=0),
    "max": lambda x: x.max(),
    "min": lambda x: x.min(axis=1),
    "prod": lambda x: x.prod(),
    "any axis": lambda x: (x > 4).any(axis=0),
    "all axis": lambda x: (x > -1).all(axis=1),
    "cumsum": lambda x: x.cumsum(axis=1),
    "cumprod": lambda x: x.cumprod(axis=1),
    "clip": lambda x: x.clip(0, 2),
    "round": lambda x: x.round(1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "repeat": lambda x: x.repeat(2, axis=0),
    "reshape": lambda x: x.reshape(3, 2),
    "reshape -1": lambda x: x.reshape(-1),
    "transpose": lambda x: x.transpose(),
    "transpose axes": lambda x: x.transpose(1, 0),
    "flatten": lambda x: x.flatten(),
    "ravel": lambda x: x.ravel(),
    "squeeze": lambda x: x[:1].squeeze(0),
    "std axis": lambda x: x.std(axis=0),
    "item": lambda x: x.sum().item(),
    "any": lambda x: (x > 4).any(),
    "all": lambda x: (x > 4).all(),
    "dot": lambda x: x.dot(x.T),
    "tolist": lambda x: x.tolist(),
}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_as_numpy(expression):
    ours, right = (np.asarray(expression(x)) for x in (Tensor(X, requires_grad=True), X))
    assert (ours.shape, ours.dtype) == (right.shape, right.dtype)
    np.testing.assert_allclose(ours, right, rtol=1e-12)


# NumPy's functions leave the graph: they give what they give of the array.
NUMPYS = {
    "np.argmax": np.argmax,
    "np.argmin axis": lambda x: np.argmin(x, axis=1),
    "np.sum": np.sum,
    "np.sum where": lambda x: np.sum(x, where=X > 0),
    "np.std ddof": lambda x: np.std(x, ddof=1),
    "np.mean": lambda x: np.mean(x, axis=1),
    "np.reshape": lambda x: np.reshape(x, (3, 2)),
    "np.concatenate": lambda x: np.concatenate([x, X]),
    "np.where": lambda x: np.where(x > 0, x, 0),
    "np.ptp": np.ptp,
    "np.abs": np.abs,
    "np.exp": np.exp,
    "np.isnan": np.isnan,
    "np.maximum": lambda x: np.maximum(x, 1),
    "np.matmul": lambda x: np.matmul(x, X.T),
    "format": lambda x: np.array([f"{x}", f"{x[0, 0]}", f"{x[0, 0]:.3f}"]),
}


@pytest.mark.parametrize("expression", NUMPYS.values(), ids=NUMPYS)
def test_numpys_functions(expression):
    ours, right = expression(Tensor(X, requires_grad=True)), expression(X)
    assert (type(ours), ours.dtype) == (type(right), right.dtype)
    np.testing.assert_array_equal(ours, right)


@pytest.mark.parametrize("expression", [
    lambda x, y: x * y, lambda x, y: y * x, lambda x, y: y - x, lambda x, y: x / y[0, 0],
    lambda x, y: y[0, 0] ** x, lambda x, y: x @ y.T, lambda x, y: y @ x.T,
])  # fmt: skip
def test_numpys_floats_take_the_dtype_of_tensors(expression):
    found = expression(Tensor(X.astype("float32")), X)
    assert isinstance(found, Tensor)
    assert found.dtype == np.float32


@pytest.mark.parametrize("number", [0.0, -1.0, 1e30, np.inf, np.nan])
def test_what_is_not_finite_is_silent(number):
    for function in (ops.log, ops.exp, ops.sqrt, lambda x: 1 / x, lambda x: x - x * 2):
        x = Tensor(np.float32([number]), requires_grad=True)
        ops.sum(function(x)).backward()


# What scripts take the value of, in cnn_ext and in Keras.
VALUES = {
    "tensor": lambda k: k.ops.convert_to_tensor([1.0, 2.0]),
    "one number": lambda k: k.ops.mean(k.ops.convert_to_tensor([1.0, 2.0])),
    "variable": lambda k: k.Variable(1.5),
    "loss of arrays": lambda k: k.losses.MeanSquaredError()(X, X + 1),
    "losses of arrays": lambda k: k.losses.MeanSquaredError(reduction="none")(X, X + 1),
    "metric": lambda k: k.metrics.MeanSquaredError()(X, X + 1),
    "root": lambda k: k.metrics.RootMeanSquaredError()(X, X + 1),
    "learning rate": lambda k: k.optimizers.Adam().learning_rate,
}


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_numpy_of_what_is_computed(make, keras):
    ours, theirs = (make(module).numpy() for module in (cnn_ext, keras))
    assert (type(ours), ours.dtype) == (type(theirs), theirs.dtype)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


REFUSED = {
    "out": (lambda x: x.sum(out=np.zeros(())), "sum of a Tensor does not take 'out'"),
    "ddof": (lambda x: x.std(ddof=1), "std of a Tensor does not take 'ddof'"),
    "where": (lambda x: x.sum(where=X > 0), "sum of a Tensor does not take 'where'"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_recorded_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call(Tensor(X))


def test_a_gradient_of_ones_own():
    """Both orders: the pullback is recorded anew where gradients are."""

    @ops.custom_gradient
    def tripled(x):
        return ops.square(x), lambda upstream: upstream * 3 * x

    x = Tensor(2.0, dtype="float64", requires_grad=True)
    tripled(x).backward(create_graph=True)
    assert float(x.grad) == 6.0
    first, x.grad = x.grad, None
    first.backward()
    assert float(np.asarray(x.grad)) == 3.0


def test_integers_take_the_dtype_of_floats():
    x = Tensor(np.ones(3, "float32"))
    assert (x * np.arange(3)).dtype == np.float32
    assert (np.arange(3) / x).dtype == np.float32
    assert ops.where(np.arange(3) > 1, x, np.arange(3)).dtype == np.float32
    for number in (np.float64(0.5), np.float32(0.5)):  # which is a float in Python, or not
        assert ops.subtract(1, number) == ops.subtract(number, 0) == 0.5
