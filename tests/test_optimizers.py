"""Optimizers: the same steps from the same gradients as Keras's, and the same state to be saved."""

import inspect
import warnings

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, assert_close
from cnn_ext import optimizers
from cnn_ext.autograd import Tensor, Variable

# Keras rounds its constants, 0.9 or 1e-7, to float32, whatever the weights' dtype is. So arguments
# are sums of few powers of two, and the defaults that are not are replaced where it matters.
EXACT = {
    "SGD": {},
    "RMSprop": {"rho": 0.875, "epsilon": 2.0**-20},
    "Adam": {"beta_1": 0.875, "beta_2": 0.984375, "epsilon": 2.0**-20},
}
LIMITS = ({"clipnorm": 0.75}, {"clipvalue": 0.375}, {"global_clipnorm": 1.5})
ROWS = (
    ("SGD", {}),
    ("SGD", {"momentum": 0.875}),
    ("SGD", {"momentum": 0.875, "nesterov": True}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"weight_decay": 0.125}),
    ("SGD", {"momentum": 0.5, "weight_decay": 0.0625, "clipnorm": 1.0}),
    *(("SGD", limit) for limit in LIMITS),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.75}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"rho": 0.5, "epsilon": 2.0**-8, "momentum": 0.5, "centered": True}),
    ("RMSprop", {"weight_decay": 0.125}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 2.0**-6}),
    ("Adam", {"weight_decay": 0.125}),
    ("Adam", {"global_clipnorm": 1.5, "amsgrad": True}),
    ("Adam", {"clipvalue": 0.125}),
)
RATES = {"SGD": 0.1, "RMSprop": 0.05, "Adam": 0.1}  # so that five steps change weights a lot
SHAPES = ((3, 4), (4,), (), (2, 2, 1, 3), (37, 11))
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of the largest weight

rows = pytest.mark.parametrize(("name", "arguments"), ROWS)
dtypes = pytest.mark.parametrize("dtype", DTYPES)
names = pytest.mark.parametrize("name", RATES)


def weights_and_gradients(dtype, seed=0):
    """Weights, and the gradients of each step: of unlike sizes, some of them zero."""
    rng = np.random.default_rng(seed)

    def arrays(scale=1.0):
        return [np.asarray(scale * rng.standard_normal(s)).astype(dtype) for s in SHAPES]

    weights = arrays()
    steps = [arrays(10.0**-exponent) for exponent in (0, 2, 1, 0, 1)]
    steps[1][1][:] = 0
    return weights, steps


def make(keras, name, arguments, dtype):
    """An optimizer, and variables for it."""
    weights, _ = weights_and_gradients(dtype)
    if dtype == "float64":
        arguments = EXACT[name] | arguments
    variables = [keras.Variable(w, dtype=dtype, name=f"v{i}") for i, w in enumerate(weights)]
    return getattr(keras.optimizers, name)(RATES[name], **arguments), variables


def state(optimizer):
    return [np.asarray(v) for v in optimizer.variables]


@dtypes
@rows
def test_steps_equal_keras(name, arguments, dtype, keras, tf):
    """After each of five steps: the weights, and all that the optimizer remembers."""
    ours, our_variables = make(cnn_ext, name, arguments, dtype)
    theirs, their_variables = make(keras, name, arguments, dtype)
    for gradients in weights_and_gradients(dtype)[1]:
        ours.apply(gradients, our_variables)
        theirs.apply([tf.constant(g) for g in gradients], their_variables)
        for our, their in zip(our_variables, their_variables, strict=True):
            assert_close(our, their.numpy(), TOLERANCE[dtype])
    for our, start in zip(our_variables, weights_and_gradients(dtype)[0], strict=True):
        assert np.abs(our.numpy() - start).max() > 0.002
    for our, their in zip(state(ours), state(theirs), strict=True):
        assert our.dtype == their.dtype or our.dtype == np.int64
        if their.any():
            assert_close(our, their.astype(our.dtype), TOLERANCE[dtype])
        else:
            assert not our.any()


@names
def test_a_large_weight_equals_keras(name, keras, tf):
    """One that is worth several threads, of a size that no vector divides."""
    rng = np.random.default_rng(0)
    start, gradient = rng.standard_normal((2, 301, 1001)).astype(np.float32)
    found = []
    for module, given in ((cnn_ext, gradient), (keras, tf.constant(gradient))):
        weight = module.Variable(start)
        getattr(module.optimizers, name)(RATES[name]).apply([given], [weight])
        found.append(weight.numpy())
    assert_close(*found, TOLERANCE["float32"])
    assert (found[0] != start).all()


@rows
def test_state_is_that_of_keras(name, arguments, keras):
    """What is saved: the same variables in the same order, told apart by their shapes and names."""
    found = []
    for module in (cnn_ext, keras):
        optimizer, variables = make(module, name, arguments, "float32")
        before = len(optimizer.variables)
        assert not optimizer.built
        optimizer.build(variables)
        assert optimizer.built
        found.append([(v.name.split("_")[-1], tuple(v.shape)) for v in optimizer.variables])
        assert before == 2
    ours, theirs = found
    assert ours == theirs


def same_parameters(ours, theirs):
    def parameters(function):
        signature = inspect.signature(function)
        return [(p.name, p.kind, p.default) for p in signature.parameters.values()]

    # Keras's **kwargs is only there to be refused.
    assert parameters(ours) == [p for p in parameters(theirs) if p[0] != "kwargs"]


@names
def test_constructor_is_that_of_keras(name, keras):
    same_parameters(getattr(optimizers, name), getattr(keras.optimizers, name))


@rows
def test_config_makes_the_same_optimizer(name, arguments, keras):
    ours, theirs = (getattr(k.optimizers, name)(0.25, **arguments) for k in (cnn_ext, keras))
    config = ours.get_config()
    again = type(ours).from_config(config)
    assert again.get_config() == config
    their_config = theirs.get_config()
    config.pop("name"), their_config.pop("name")
    assert config == {key: their_config[key] for key in config}
    # What is not supported is at its default.
    assert not any(
        value for key, value in their_config.items()
        if key not in config and key not in ("ema_momentum",)
    )  # fmt: skip


@names
def test_learning_rate_can_be_changed(name, keras, tf):
    """By assignment, and on the variable."""
    ours, our_variables = make(cnn_ext, name, {}, "float64")
    theirs, their_variables = make(keras, name, {}, "float64")
    changes = (
        lambda optimizer: setattr(optimizer, "learning_rate", 0.3),
        lambda optimizer: optimizer.learning_rate.assign(0.02),
        lambda optimizer: setattr(optimizer, "learning_rate", 0),
    )
    for change, gradients in zip(changes, weights_and_gradients("float64")[1], strict=False):
        for optimizer in (ours, theirs):
            change(optimizer)
        assert float(ours.learning_rate) == float(theirs.learning_rate)
        before = our_variables[0].numpy().copy()
        ours.apply(gradients, our_variables)
        theirs.apply([tf.constant(g) for g in gradients], their_variables)
        for our, their in zip(our_variables, their_variables, strict=True):
            assert_close(our, their.numpy(), 1e-10)
        assert (our_variables[0].numpy() != before).any() == (float(ours.learning_rate) > 0)
    assert int(ours.iterations) == int(theirs.iterations) == 3


@names
def test_a_weight_without_a_gradient_stays(name, keras, tf):
    ours, our_variables = make(cnn_ext, name, {}, "float64")
    theirs, their_variables = make(keras, name, {}, "float64")
    for step, gradients in enumerate(weights_and_gradients("float64")[1]):
        gradients[step % 5] = None
        ours.apply(gradients, our_variables)
        with warnings.catch_warnings():  # Keras names the weights without gradients
            warnings.simplefilter("ignore")
            given = [g if g is None else tf.constant(g) for g in gradients]
            theirs.apply(given, their_variables)
    for our, their in zip(our_variables, their_variables, strict=True):
        assert_close(our, their.numpy(), 1e-10)


def every_second(array):
    """The same numbers, with others between them."""
    return np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array


@names
def test_all_ways_to_apply_gradients(name):
    """`apply` with and without weights, with Tensors, of a part; and `apply_gradients`."""
    gradients = weights_and_gradients("float32")[1][0]

    def after(step):
        optimizer, variables = make(cnn_ext, name, {}, "float32")
        step(optimizer, variables)
        assert int(optimizer.iterations) == 1
        return [v.numpy() for v in variables]

    def built(optimizer, variables):
        optimizer.build(variables)
        optimizer.apply(gradients)

    def a_part(optimizer, variables):
        optimizer.build(variables)
        optimizer.apply(gradients[2:], variables[2:])

    expected = after(lambda o, v: o.apply(gradients, v))
    for way in (
        built,
        lambda o, v: o.apply([Tensor(g) for g in gradients], v),
        lambda o, v: o.apply([g.astype(np.float64) for g in gradients], v),
        lambda o, v: o.apply([np.asarray(g, order="F") for g in gradients], v),
        lambda o, v: o.apply([every_second(g) for g in gradients], v),
        lambda o, v: o.apply_gradients(zip(gradients, v, strict=True)),
    ):
        for found, wanted in zip(after(way), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    for index, (found, wanted) in enumerate(zip(after(a_part), expected, strict=True)):
        assert (found == wanted).all() == (index >= 2)


@names
def test_gradients_and_the_arrays_of_weights_are_left_alone(name):
    """Gradients are not written to, and a weight keeps its array, so that views stay live."""
    optimizer, variables = make(cnn_ext, name, {"clipnorm": 0.1, "weight_decay": 0.1}, "float32")
    gradients = weights_and_gradients("float32")[1][0]
    copies = [g.copy() for g in gradients]
    for gradient in gradients:
        gradient.flags.writeable = False
    arrays = [v.data for v in variables]
    optimizer.apply(gradients, variables)
    for gradient, copy in zip(gradients, copies, strict=True):
        np.testing.assert_array_equal(gradient, copy)
    assert all(v.data is a for v, a in zip(variables, arrays, strict=True))


def test_a_step_after_the_forward_pass_is_noticed():
    """A weight that was stepped cannot be differentiated by any more: its old value is gone."""
    weight = Variable(np.ones(3, np.float32))
    loss = (weight * weight).sum()
    optimizers.SGD(0.1).apply([np.ones(3, np.float32)], [weight])
    with pytest.raises(RuntimeError):
        loss.backward()


@names
def test_optimizer_by_name(name, keras):
    for identifier in (name, name.lower()):
        ours, theirs = optimizers.get(identifier), keras.optimizers.get(identifier)
        assert type(ours).__name__ == type(theirs).__name__ == name
        assert float(ours.learning_rate) == float(theirs.learning_rate)
    assert optimizers.get(ours) is ours
    assert type(optimizers.get(type(ours))) is type(ours)
    assert optimizers.get(getattr(optimizers, name)(name="mine")).name == "mine"


def test_one_optimizer_of_ones_own():
    class Sign(optimizers.Optimizer):
        slots = ("steps",)

        def update(self, gradient, value, slots, learning_rate):
            slots["steps"] += 1
            value -= learning_rate * np.sign(gradient)

    weight = Variable(np.zeros(2, np.float32))
    optimizer = Sign(0.5)
    optimizer.apply([np.array([3.0, -0.1])], [weight])
    np.testing.assert_array_equal(weight.numpy(), [-0.5, 0.5])
    assert [v.shape for v in optimizer.variables] == [(), (), (2,)]
    np.testing.assert_array_equal(optimizer.variables[2].numpy(), [1, 1])


def refusals():
    """(what is done to an optimizer of two weights, the error, what it says)."""
    ones = np.ones(3, np.float32)
    stranger = Variable(ones, name="stranger")
    return {
        "too few gradients": (lambda o, v: o.apply([ones], v), ValueError, "Received: 1 gradient"),
        "too many": (lambda o, v: o.apply([ones] * 3, v), ValueError, "each of 2 weights"),
        "wrong shape": (
            lambda o, v: o.apply([ones, ones[:2]], v), ValueError, r"shape \(3,\).*shape=\(2,\)",
        ),
        "a weight unknown to it": (
            lambda o, v: (o.build(v), o.apply([ones], [stranger])), ValueError, "'stranger'",
        ),
        "no weights known": (lambda o, v: o.apply([ones]), ValueError, "optimizer.build"),
        "a negative rate": (
            lambda o, v: setattr(o, "learning_rate", -1), ValueError, "Received: -1",
        ),
        "a rate that is no number": (
            lambda o, v: setattr(o, "learning_rate", "fast"), ValueError, "Received: 'fast'",
        ),
        "an infinite rate": (
            lambda o, v: setattr(o, "learning_rate", np.inf), ValueError, "Received: inf",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("what", refusals())
def test_refused_and_nothing_changed(what):
    action, error, says = refusals()[what]
    weights = [Variable(np.ones(3, np.float32), name=f"w{i}") for i in range(2)]
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    with pytest.raises(error, match=says):
        action(optimizer, weights)
    for weight in weights:
        np.testing.assert_array_equal(weight.numpy(), np.ones(3))
    assert int(optimizer.iterations) == 0
    assert float(optimizer.learning_rate) == np.float32(0.1)
    optimizer.apply([np.ones(3, np.float32)] * 2, weights)
    np.testing.assert_allclose(weights[0].numpy(), 0.9)
