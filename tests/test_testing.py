"""The gradient checker: it must pass what is right and catch each way of being wrong."""

import re

import numpy as np
import pytest

from cnn_ext import ops
from cnn_ext.autograd import Tensor, Variable, primitive
from cnn_ext.testing import GradientCheckError, check_gradients
from errors import TESTING_ERRORS


def at(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("error", TESTING_ERRORS, ids=lambda error: error.name)
def test_refuses(error):
    error.check()


# --- Right rules pass ------------------------------------------------------------------------

RIGHT = {
    "linear": (lambda x: x * 3.0, at(4)),
    "several outputs": (lambda x: (x * x, ops.exp(x)), at(2, 3)),
    "several inputs": (lambda x, y: x @ y, [at(2, 3), at(3, 2)]),
    "an input that is not used": (lambda x, y: x * x, [at(3), at(3)]),
    "a number": (lambda x: x * x, 3.0),
    "a nested list": (lambda x: ops.tanh(x).sum(), [[[1.0, 2.0], [3.0, 4.0]]]),
    "float32": (ops.tanh, at(3).astype(np.float32)),
    "labels": (lambda x, y: x[y], [at(4), np.array([3, 0, 0])]),
    "large values": (lambda x: x * x * 1e-3, at(5) * 1e6),
    "a large value": (lambda x: x * x + 1e4, at(5)),
    "small gradients": (lambda x: x * x * 1e-6, at(5)),
    "gradients of many sizes": (lambda x: (x * np.logspace(-6, 6, 13)) ** 2, at(13)),
    "a long vector": (lambda x: ops.tanh(x).sum(), at(10_000)),
}


@pytest.mark.parametrize(("function", "inputs"), RIGHT.values(), ids=RIGHT)
@pytest.mark.parametrize("seed", range(3))
def test_right_rules_pass(function, inputs, seed):
    check_gradients(function, inputs, seed=seed)


KINKS = {
    "relu near zero": (ops.relu, np.array([1e-3, -1e-3, 3e-4, -3e-4, 1.0, -1.0])),
    "abs near zero": (ops.absolute, np.array([5e-4, -5e-4, 1.0])),
    "maximum of near equals": (ops.maximum, [np.array([1.0, 2.0]), np.array([1.0005, 1.9995])]),
    "clip near its limits": (lambda x: ops.clip(x, x_min=-1, x_max=1), np.array([0.9995, -1.0005])),
    "max of near equals": (lambda x: x.max(), np.array([1.0, 1.0005, 0.9])),
    "one of many at random": (ops.relu, at(2000)),
}


@pytest.mark.parametrize(("function", "inputs"), KINKS.values(), ids=KINKS)
def test_kinks_near_the_point_are_no_false_alarm(function, inputs):
    check_gradients(function, inputs)


def test_integers_are_passed_as_they_are():
    seen = []

    def function(x, indices, flags):
        seen.append((x.dtype.name, indices.dtype.name, flags.dtype.name, indices.requires_grad))
        return ops.where(flags, x[indices], 0.0)

    check_gradients(function, [at(4), np.array([1, 2], np.int32), np.array([True, False])])
    assert set(seen) == {("float64", "int32", "bool", False)}


# --- Wrong rules are caught ------------------------------------------------------------------


def square_with(rule, value=np.square):
    """x * x with a gradient rule of one's own."""

    @primitive
    def wrong(x):
        return value(x)

    wrong.gradients(rule)
    return wrong


def one_of_many(element, by):
    def rule(g, y, x):
        wrong = np.zeros(x.shape)
        wrong[element] = by
        return g * (2 * x + wrong)

    return rule


WRONG = {
    "off by 0.1 %": lambda g, y, x: g * (x * 2.002),
    "off by 0.001 %": lambda g, y, x: g * (x * 2.00002),
    "sign": lambda g, y, x: g * (x * -2),
    "all zero": lambda g, y, x: g * 0.0,
    "one constant too many": lambda g, y, x: g * (x * 2 + 1e-3),
    "forgets what comes after": lambda g, y, x: x * 2 + 0 * g,
    "in another place": lambda g, y, x: (g * (x * 2))[::-1],
    "in another order": lambda g, y, x: (g * (x * 2)).reshape(-1)[::-1].reshape(x.shape),
}


@pytest.mark.parametrize("rule", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_wrong_rules_are_caught(rule, order, seed):
    with pytest.raises(GradientCheckError, match=r"^the gradient by input 0 is wrong: slope off"):
        check_gradients(square_with(rule), at(5, 4), order=order, seed=seed)


def test_all_zero_beside_a_right_one_is_caught():
    """Not vacuous: the other input's derivatives are there."""
    zero = square_with(lambda g, y, x: g * 0.0)
    with pytest.raises(GradientCheckError, match="by input 1 is wrong"):
        check_gradients(lambda x, y: x * x + zero(y), [at(3), at(3)])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_caught(bad):
    rule = one_of_many((1, 2), bad)
    with pytest.raises(
        GradientCheckError, match=rf"by input 0 is not finite at element \[1, 2\]: {bad}"
    ):
        check_gradients(square_with(rule), at(3, 4))


def test_a_value_that_is_not_finite_is_caught():
    """The derivative by differences is NaN; nothing compared with it may pass."""
    function = square_with(lambda g, y, x: g * (x * 2), lambda x: np.square(x) * np.nan)
    with pytest.raises(GradientCheckError):
        check_gradients(function, at(3))


@pytest.mark.parametrize("shape", [(10_000,), (100, 100), (3, 10, 10, 34)])
@pytest.mark.parametrize("off", [1.0, -0.1])
@pytest.mark.parametrize("seed", range(3))
def test_one_wrong_element_among_thousands_is_named(shape, off, seed):
    element = tuple(int(i) for i in np.random.default_rng(seed).integers(0, shape))
    inputs = at(*shape, seed=seed)
    with pytest.raises(GradientCheckError) as caught:
        check_gradients(square_with(one_of_many(element, off)), inputs, order=1, seed=seed)
    message = str(caught.value)
    assert f"Worst element: {list(element)}," in message
    by_autograd, by_differences = (
        float(re.search(rf"by {who} (\S+?)(,|$)", message).group(1))
        for who in ("autograd", "differences")
    )
    ratio = by_autograd / by_differences
    assert ratio == pytest.approx(1 + off / (2 * inputs[element]), rel=1e-4)


def test_the_right_input_is_named():
    right = square_with(lambda g, y, x: g * (x * 2))
    wrong = square_with(lambda g, y, x: g * (x * 2.002))
    for place in range(3):
        functions = [wrong if i == place else right for i in range(3)]
        with pytest.raises(GradientCheckError, match=f"by input {place} is wrong"):
            check_gradients(
                lambda *xs, functions=functions: sum(f(x) for f, x in zip(functions, xs)),  # noqa: B905
                [at(3), at(4, 3), at(1)],
            )


def detour(x):
    """2 * x as a number: right now, but a constant to whoever differentiates it."""
    return np.asarray(x) * 2


SECOND_ORDER = {
    "a detour that stops the gradient": lambda g, y, x: g * detour(x),
    "an array": lambda g, y, x: np.asarray(g) * detour(x),
    "a rule of a rule off by 0.1 %": lambda g, y, x: g * square_with_wrong_rule(x),
}


@primitive
def square_with_wrong_rule(x):
    return x * 2


square_with_wrong_rule.gradients(lambda g, y, x: g * 2.002)


@pytest.mark.parametrize("rule", SECOND_ORDER.values(), ids=SECOND_ORDER)
def test_what_is_wrong_in_second_order_only_is_caught_there(rule):
    function = square_with(rule)
    check_gradients(function, at(5), order=1)
    with pytest.raises(GradientCheckError, match="the gradient of the gradient by input 0"):
        check_gradients(function, at(5), order=2)


def test_tolerance_decides():
    function = square_with(lambda g, y, x: g * (x * 2.00002))
    check_gradients(function, at(5), order=1, tolerance=1e-3)
    with pytest.raises(GradientCheckError):
        check_gradients(function, at(5), order=1)


# --- Layers ----------------------------------------------------------------------------------


class Affine:
    """The least that counts as a layer: makes its weights when first called."""

    def __init__(self, wrong=False):
        self.variables = []
        self.wrong = wrong

    @property
    def trainable_variables(self):
        return [v for v in self.variables if v.trainable]

    def __call__(self, x):
        if not self.variables:
            assert x.dtype == np.float32
            weight = at(x.shape[-1], 2).astype(np.float32)
            self.variables = [
                Variable(weight, path="affine/weight"),
                Variable(np.zeros(2, np.float32), path="affine/bias"),
                Variable(np.ones(2, np.float32), trainable=False, path="affine/scale"),
            ]
        weight, bias, scale = self.variables
        if self.wrong:
            bias = square_with(lambda g, y, x: g * 1.001, lambda x: x)(bias)
        return (x @ weight + bias) * scale


def test_layers_are_checked_by_their_weights_too():
    layer = Affine()
    check_gradients(layer, at(4, 3))
    before = [v.numpy().copy() for v in layer.variables]
    check_gradients(layer, at(4, 3))
    assert [v.dtype for v in layer.variables] == [np.float32] * 3
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    with pytest.raises(GradientCheckError, match="by variable 'affine/bias' is wrong"):
        check_gradients(Affine(wrong=True), at(4, 3))


def test_a_layer_keeps_its_weights_when_a_check_fails():
    layer = Affine(wrong=True)
    layer(Tensor(at(4, 3).astype(np.float32)))
    before = [v.data for v in layer.variables]
    with pytest.raises(GradientCheckError):
        check_gradients(layer, at(4, 3))
    assert all(v.data is data for v, data in zip(layer.variables, before, strict=True))


def test_a_loss_is_checked_with_targets():
    class Model(Affine):
        def compute_loss(self, x, y, y_pred):
            return ops.square(y_pred - y).sum()

    check_gradients(Model(), at(4, 3), y=at(4, 2))
    with pytest.raises(GradientCheckError):
        check_gradients(Model(wrong=True), at(4, 3), y=at(4, 2))
