"""Tensor does what arrays do: operators, methods, and NumPy's functions of it."""

import numpy as np
import pytest

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
    "np.sum": np.sum,
    "np.sum axis": lambda x: np.sum(x, axis=0, keepdims=True),
    "np.sum dtype": lambda x: np.sum(x, dtype="float32"),
    "np.mean": lambda x: np.mean(x, axis=1),
    "np.std": np.std,
    "np.var": lambda x: np.var(x, axis=0),
    "np.max": np.max,
    "np.min": lambda x: np.min(x, axis=1),
    "np.prod": np.prod,
    "np.any": lambda x: np.any(x > 4, axis=0),
    "np.all": lambda x: np.all(x > -1, axis=1),
    "np.cumsum": lambda x: np.cumsum(x, axis=1),
    "np.cumprod": lambda x: np.cumprod(x, axis=1),
    "np.clip": lambda x: np.clip(x, 0, 2),
    "np.round": lambda x: np.round(x, 1),
    "np.reshape": lambda x: np.reshape(x, (3, 2)),
    "np.transpose": np.transpose,
    "np.transpose axes": lambda x: np.transpose(x, (1, 0)),
    "np.squeeze": lambda x: np.squeeze(x[None]),
    "np.swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "np.repeat": lambda x: np.repeat(x, 2, axis=0),
    "np.concatenate": lambda x: np.concatenate([x, x]),
    "reshape": lambda x: x.reshape(3, 2),
    "reshape -1": lambda x: x.reshape(-1),
    "transpose": lambda x: x.transpose(),
    "transpose axes": lambda x: x.transpose(1, 0),
    "flatten": lambda x: x.flatten(),
    "ravel": lambda x: x.ravel(),
    "squeeze": lambda x: x[:1].squeeze(0),
    "std": lambda x: x.std(axis=0),
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


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("function", [np.argmax, np.argmin])
def test_places(function, axis):
    found = function(Tensor(X), axis=axis)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, function(X, axis=axis))


def test_numpys_sum_is_differentiated():
    x = Tensor(X, requires_grad=True)
    np.sum(x * x, axis=0).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * X)


REFUSED = {
    "out": (lambda x: np.sum(x, out=np.zeros(())), "sum of a Tensor does not take 'out'"),
    "ddof": (lambda x: np.std(x, ddof=1), "std of a Tensor does not take 'ddof'"),
    "where": (lambda x: np.sum(x, where=X > 0), "sum of a Tensor does not take 'where'"),
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
