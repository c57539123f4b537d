"""Optimizers: the same steps from the same gradients as Keras's, and the same state to be saved."""

import copy
import inspect
import json
import math
import warnings

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, assert_close
from cnn_ext import optimizers
from cnn_ext.autograd import Tensor, Variable
from cnn_ext.optimizers import blocks, schedules

LIMITS = ({"clipnorm": 0.75}, {"clipvalue": 0.375}, {"global_clipnorm": 1.5})
STRENGTHS = {
    "l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2,
    "l2_shrinkage_regularization_strength": 0.3,
}  # fmt: skip
# Schedule: name, arguments, and steps at which something happens.
SCHEDULES = (
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5,
                          "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.7}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.7,
                          "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [2, 4], "values": [0.1, 0.03, 0.01]}),
    ("PiecewiseConstantDecay", {"boundaries": [2.5], "values": [0.1, 0.03]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 4}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 4, "power": 2.0,
                         "end_learning_rate": 0.01, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 4}),
    ("CosineDecay", {"initial_learning_rate": 0.02, "decay_steps": 4, "alpha": 0.25,
                     "warmup_target": 0.1, "warmup_steps": 3}),
    ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 40, "warmup_target": 0.1,
                     "warmup_steps": 2}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 3}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 3, "t_mul": 1.0,
                             "m_mul": 0.5, "alpha": 0.1}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 3, "t_mul": 1.5,
                             "m_mul": 0.9}),
)  # fmt: skip
# Optimizer: arguments. `exclude` is for exclude_from_weight_decay, `schedule` a row of SCHEDULES.
ROWS = (
    ("SGD", {}),
    ("SGD", {"momentum": 0.875}),
    ("SGD", {"momentum": 0.875, "nesterov": True}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"weight_decay": 0.125}),
    ("SGD", {"momentum": 0.5, "weight_decay": 0.0625, "clipnorm": 1.0}),
    *(("SGD", limit) for limit in LIMITS),
    ("SGD", {"clipnorm": 0.0}),
    ("SGD", {"use_ema": True}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
    ("SGD", {"loss_scale_factor": 8.0}),
    ("SGD", {"gradient_accumulation_steps": 2}),
    ("SGD", {"gradient_accumulation_steps": 3, "clipnorm": 0.75, "weight_decay": 0.1}),
    ("SGD", {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2}),
    ("SGD", {"weight_decay": 0.125, "exclude": {"var_names": ["1", "v3"]}}),
    ("SGD", {"weight_decay": 0.125, "exclude": {"var_list": [0, 4], "var_names": ["v1"]}}),
    *(("SGD", {"schedule": schedule}) for schedule in SCHEDULES),
    ("SGD", {"schedule": SCHEDULES[0], "gradient_accumulation_steps": 2, "weight_decay": 0.1}),
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
    ("Adam", {"schedule": SCHEDULES[0]}),
    ("Adam", {"gradient_accumulation_steps": 2, "use_ema": True, "amsgrad": True}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.5, "exclude": {"var_names": ["v0"]}}),
    ("AdamW", {"amsgrad": True, "use_ema": True, "ema_overwrite_frequency": 3}),
    ("Adamax", {}),
    ("Adamax", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.1}),
    ("Adamax", {"gradient_accumulation_steps": 2}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "epsilon": 0.25, "global_clipnorm": 1.0}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.5, "epsilon": 0.01}),
    ("Nadam", {}),
    ("Nadam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.01}),
    ("Nadam", {"gradient_accumulation_steps": 2}),
    ("Ftrl", {}),
    ("Ftrl", {**STRENGTHS, "beta": 0.5}),
    ("Ftrl", {"learning_rate_power": -0.75, "initial_accumulator_value": 0.5}),
    ("Ftrl", {"learning_rate_power": 0.0, "l1_regularization_strength": 2.0}),
    ("Lion", {}),
    ("Lion", {"beta_1": 0.5, "beta_2": 0.75, "weight_decay": 0.25}),
    ("Adafactor", {}),
    ("Adafactor", {"beta_2_decay": -0.5, "epsilon_1": 0.01, "epsilon_2": 2.0,
                   "clip_threshold": 0.5, "relative_step": False}),
    ("Adafactor", {"schedule": SCHEDULES[4]}),
    ("Lamb", {}),
    ("Lamb", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.01, "weight_decay": 0.1}),
)  # fmt: skip
# So that steps change weights a lot.
RATES = {
    "SGD": 0.1, "RMSprop": 0.05, "Adam": 0.1, "AdamW": 0.1, "Adamax": 0.1, "Adagrad": 0.5,
    "Adadelta": 50.0, "Nadam": 0.1, "Ftrl": 0.5, "Lion": 0.05, "Adafactor": 0.5, "Lamb": 0.1,
}  # fmt: skip
SHAPES = ((3, 4), (4,), (), (2, 2, 1, 3), (37, 11))
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of the largest weight
# Keras computes 1 - beta_2**step in float32, which cancels, and rounds the 0.96 in its formula.
NADAM = {"float32": 3e-5, "float64": 1e-7}
# Keras's schedules are float32, whatever the weights are.
SCHEDULED = {"float32": 1e-5, "float64": 1e-6}


def tolerance_of(name, arguments, dtype):
    if name == "Nadam":
        return NADAM[dtype]
    return (SCHEDULED if "schedule" in arguments else TOLERANCE)[dtype]


rows = pytest.mark.parametrize(("name", "arguments"), ROWS)
dtypes = pytest.mark.parametrize("dtype", DTYPES)
names = pytest.mark.parametrize("name", RATES)
schedule_rows = pytest.mark.parametrize(("name", "arguments"), SCHEDULES)


def rounded(value):
    """Numbers as float32 has them. Keras rounds its constants, 0.9 or 1e-7, whatever the dtype."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(rounded(item) for item in value)
    return float(np.float32(value)) if isinstance(value, float) else value


def defaults(cls):
    """The arguments that a constructor is called with if none are given."""
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if isinstance(p.default, float)}


@pytest.fixture
def floatx(keras):
    """Sets the float type of both packages."""
    before = keras.config.floatx()

    def choose(dtype):
        for module in (cnn_ext, keras):
            module.config.set_floatx(dtype)

    yield choose
    choose(before)


def weights_and_gradients(dtype, seed=0):
    """Weights, and the gradients of each step: of unlike sizes, some of them zero."""
    rng = np.random.default_rng(seed)

    def arrays(scale=1.0):
        return [np.asarray(scale * rng.standard_normal(s)).astype(dtype) for s in SHAPES]

    weights = arrays()
    steps = [arrays(10.0**-exponent) for exponent in (0, 2, 1, 0, 1, 0)]
    steps[1][1][:] = 0
    return weights, steps


def make(keras, name, arguments, dtype):
    """An optimizer, and variables for it."""
    weights, _ = weights_and_gradients(dtype)
    variables = [keras.Variable(w, dtype=dtype, name=f"v{i}") for i, w in enumerate(weights)]
    arguments = dict(arguments)
    exclude, schedule = arguments.pop("exclude", None), arguments.pop("schedule", None)
    arguments = {**defaults(getattr(optimizers, name)), "learning_rate": RATES[name], **arguments}
    if dtype == "float64":
        arguments, schedule = rounded((arguments, schedule))
    rate = arguments.pop("learning_rate")
    if schedule:
        rate = getattr(keras.optimizers.schedules, schedule[0])(**schedule[1])
    optimizer = getattr(keras.optimizers, name)(rate, **arguments)
    if exclude:
        chosen = [variables[i] for i in exclude.get("var_list", ())]
        optimizer.exclude_from_weight_decay(chosen, exclude["var_names"])
    return optimizer, variables


def state(optimizer):
    return [np.asarray(v) for v in optimizer.variables]


def same_values(ours, theirs, tolerance):
    for our, their in zip(ours, theirs, strict=True):
        our, their = np.asarray(our), np.asarray(their)
        assert our.dtype == their.dtype
        if their.any():
            assert_close(our, their, tolerance, constant=True)
        else:
            assert not our.any()


@dtypes
@rows
def test_steps_equal_keras(name, arguments, dtype, keras, tf):
    """After each of six steps: the weights, and all that the optimizer remembers."""
    tolerance = tolerance_of(name, arguments, dtype)
    ours, our_variables = make(cnn_ext, name, arguments, dtype)
    theirs, their_variables = make(keras, name, arguments, dtype)
    for gradients in weights_and_gradients(dtype)[1]:
        ours.apply(gradients, our_variables)
        theirs.apply([tf.constant(g) for g in gradients], their_variables)
        same_values(our_variables, their_variables, tolerance)
        same_values(state(ours), state(theirs), tolerance)
    for our, start in zip(our_variables, weights_and_gradients(dtype)[0], strict=True):
        assert np.abs(our.numpy() - start).max() > 0.0005
    assert int(ours.iterations) == int(theirs.iterations)
    if ours.use_ema:
        for optimizer, variables in ((ours, our_variables), (theirs, their_variables)):
            optimizer.finalize_variable_values(variables)
        same_values(our_variables, their_variables, tolerance)


@names
def test_a_large_weight_equals_keras(name, keras, tf):
    """One that is worth several threads and blocks, of a size that no vector divides."""
    rng = np.random.default_rng(0)
    start, *gradients = rng.standard_normal((3, 301, 1001)).astype(np.float32)
    found = []
    for module, number in ((cnn_ext, np.asarray), (keras, tf.constant)):
        weight = module.Variable(start)
        optimizer = getattr(module.optimizers, name)(
            RATES[name], weight_decay=0.1, use_ema=True, global_clipnorm=100.0
        )
        for gradient in gradients:
            optimizer.apply([number(gradient)], [weight])
        found.append([weight.numpy(), *(v.numpy() for v in optimizer.variables)])
    for our, their in zip(*found, strict=True):
        assert_close(our, their, tolerance_of(name, {}, "float32"), constant=True)
    assert (found[0][0] != start).mean() > 0.99


@rows
def test_state_is_that_of_keras(name, arguments, keras):
    """What is saved: the same variables in the same order, of the same shapes and types."""
    found = []
    for module in (cnn_ext, keras):
        optimizer, variables = make(module, name, arguments, "float32")
        before = len(optimizer.variables)
        assert not optimizer.built
        optimizer.build(variables)
        assert optimizer.built
        listed = [
            (v.name.partition("variable")[:2], v.path.split("/")[1:], tuple(v.shape), str(v.dtype))
            for v in optimizer.variables
        ]
        found.append((before, listed))
        optimizer.build(variables)
        assert len(optimizer.variables) == len(listed)
    assert found[0] == found[1]


def same_parameters(ours, theirs):
    def parameters(function):
        signature = inspect.signature(function)
        return [(p.name, p.kind, p.default) for p in signature.parameters.values()]

    assert parameters(ours) == parameters(theirs)


@pytest.mark.parametrize("where", ["optimizers", "optimizers.schedules"])
def test_signatures_are_those_of_keras(where, keras):
    """Of all classes, and of their methods."""
    ours, theirs = cnn_ext, keras
    for part in where.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    classes = [name for name in ours.__all__ if isinstance(getattr(ours, name), type)]
    assert len(classes) > 6
    for name in classes:
        our, their = getattr(ours, name), getattr(theirs, name)
        if name not in ("Optimizer", "LearningRateSchedule"):
            same_parameters(our, their)
    if where == "optimizers":
        for method in (
            "add_variable", "add_variable_from_reference", "add_optimizer_variables", "apply",
            "apply_gradients", "assign", "assign_add", "assign_sub", "build", "from_config",
            "exclude_from_weight_decay", "finalize_variable_values", "get_config",
            "load_own_variables", "save_own_variables", "scale_loss", "set_weights", "update_step",
        ):  # fmt: skip
            same_parameters(getattr(ours.Optimizer, method), getattr(theirs.Optimizer, method))


def without_names(node):
    """A node without the optimizer's numbered name."""
    return {**node, "config": {**node["config"], "name": None}}


@rows
def test_node_is_that_of_keras(name, arguments, keras):
    """Written alike, through JSON; and what either writes, ours reads."""
    (ours, _), (theirs, _) = (make(k, name, arguments, "float32") for k in (cnn_ext, keras))
    node, their_node = optimizers.serialize(ours), keras.optimizers.serialize(theirs)
    assert json.dumps(without_names(node)) == json.dumps(without_names(their_node))
    for written in (node, their_node):
        read = optimizers.deserialize(json.loads(json.dumps(written)))
        assert type(read) is type(ours)
        assert read.get_config() == written["config"]
    before = copy.deepcopy(node["config"])
    assert type(ours).from_config(node["config"]).get_config() == before == node["config"]


# --- Schedules ---------------------------------------------------------------------------------


@dtypes
@schedule_rows
def test_schedule_equals_keras(name, arguments, dtype, keras, floatx):
    """At each step, by number and by Variable; all at once, where Keras can."""
    floatx(dtype)
    arguments = rounded(arguments)
    ours, theirs = (getattr(k.optimizers.schedules, name)(**arguments) for k in (cnn_ext, keras))
    steps = [*range(50), 1000, 123_457]
    found = [ours(step) for step in steps]
    wanted = np.array([float(theirs(step)) for step in steps])
    assert {rate.dtype for rate in found} == {np.dtype(dtype)}
    # Keras computes in float32; its cos and pow are a few units off in the last place.
    np.testing.assert_allclose([float(r) for r in found], wanted, rtol=0, atol=3e-8)
    assert float(ours(Variable(7, dtype="int64", trainable=False))) == float(found[7])
    np.testing.assert_allclose(ours(np.array(steps)).numpy(), np.array(found), rtol=0, atol=3e-8)


@schedule_rows
def test_schedule_node_is_that_of_keras(name, arguments, keras):
    ours, theirs = (getattr(k.optimizers.schedules, name)(**arguments) for k in (cnn_ext, keras))
    node = schedules.serialize(ours)
    assert json.dumps(node) == json.dumps(keras.optimizers.schedules.serialize(theirs))
    for again in (
        schedules.deserialize(json.loads(json.dumps(node))),
        schedules.deserialize({"class_name": name, "config": ours.get_config()}),
        type(ours).from_config(ours.get_config()),
    ):
        assert type(again) is type(ours)
        assert again.get_config() == ours.get_config()


class OneOver(schedules.LearningRateSchedule):
    """A schedule of one's own, as Keras's documentation shows it."""

    def __init__(self, initial_learning_rate):
        self.initial_learning_rate = initial_learning_rate

    def __call__(self, step):
        return self.initial_learning_rate / (step + 1)

    def get_config(self):
        return {"initial_learning_rate": self.initial_learning_rate}


def test_a_schedule_of_ones_own():
    optimizer, weight = optimizers.SGD(OneOver(1.0)), Variable(np.zeros(2, np.float32))
    for _ in range(2):
        optimizer.apply([np.ones(2)], [weight])
    np.testing.assert_array_equal(weight.numpy(), [-1.5, -1.5])
    node = optimizers.serialize(optimizer)
    again = optimizers.deserialize(node, {"OneOver": OneOver})
    assert again.get_config() == optimizer.get_config()


def tenth():
    return 0.1


def test_a_function_as_learning_rate(keras, tf):
    """Asked at each step, written by its name."""
    rates = iter([0.5, 0.25])
    optimizer, weight = optimizers.SGD(lambda: next(rates)), Variable(np.zeros(1, np.float32))
    for total in (-0.5, -0.75):
        optimizer.apply([np.ones(1)], [weight])
        assert weight.numpy() == total
    with pytest.raises(ValueError, match="lambda"):
        optimizers.serialize(optimizer)
    node, theirs = (k.optimizers.serialize(k.optimizers.SGD(tenth)) for k in (cnn_ext, keras))
    assert node["config"]["learning_rate"] == theirs["config"]["learning_rate"]
    assert optimizers.deserialize(node, {"tenth": tenth}).learning_rate == 0.1


def test_learning_rate_and_schedule_change_places(keras):
    """The variable goes when a schedule comes, and a schedule stays."""
    for module in (cnn_ext, keras):
        optimizer = module.optimizers.SGD(0.25)
        optimizer.learning_rate = module.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
        assert [v.name for v in optimizer.variables] == ["iteration"]
        assert float(optimizer.learning_rate) == 0.5
        with pytest.raises(TypeError, match="created with a `LearningRateSchedule`"):
            optimizer.learning_rate = 0.1


# --- Learning rates, gradients, weights ---------------------------------------------------------


@names
def test_learning_rate_can_be_changed(name, keras, tf, floatx):
    """By assignment, and on the variable, which is of the package's float type."""
    floatx("float64")
    ours, our_variables = make(cnn_ext, name, {}, "float64")
    theirs, their_variables = make(keras, name, {}, "float64")
    changes = (
        lambda optimizer: setattr(optimizer, "learning_rate", 0.3),
        lambda optimizer: optimizer.learning_rate.assign(0.02),
        # Ftrl divides by it
        lambda optimizer: setattr(optimizer, "learning_rate", int(name == "Ftrl")),
    )
    for change, gradients in zip(changes, weights_and_gradients("float64")[1], strict=False):
        for optimizer in (ours, theirs):
            change(optimizer)
        assert float(ours.learning_rate) == float(theirs.learning_rate)
        before = our_variables[0].numpy().copy()
        ours.apply(gradients, our_variables)
        theirs.apply([tf.constant(g) for g in gradients], their_variables)
        same_values(our_variables, their_variables, tolerance_of(name, {}, "float64"))
        assert ours.learning_rate.dtype == theirs.learning_rate.dtype == "float64"
        assert (our_variables[0].numpy() != before).any() == (float(ours.learning_rate) > 0)
    assert int(ours.iterations) == int(theirs.iterations) == 3


@pytest.mark.parametrize(
    "arguments", [{}, {"use_ema": True}, {"gradient_accumulation_steps": 2}], ids=str
)
@names
def test_a_weight_without_a_gradient_stays(name, arguments, keras, tf):
    """Both name it in a warning."""
    ours, our_variables = make(cnn_ext, name, arguments, "float64")
    theirs, their_variables = make(keras, name, arguments, "float64")
    for step, gradients in enumerate(weights_and_gradients("float64")[1]):
        gradients[step % 5] = None
        says = rf"Gradients do not exist for variables \['v{step % 5}'\] when minimizing the loss"
        with pytest.warns(UserWarning, match=says):
            ours.apply(gradients, our_variables)
        with pytest.warns(UserWarning, match=says):
            given = [g if g is None else tf.constant(g) for g in gradients]
            theirs.apply(given, their_variables)
    tolerance = tolerance_of(name, arguments, "float64")
    same_values(our_variables, their_variables, tolerance)
    same_values(state(ours), state(theirs), tolerance)


@names
def test_constraints_hold_after_each_step(name):
    """A variable's `constraint` is applied to it last."""
    weight = Variable(np.full(4, 0.5, np.float32))
    weight.constraint = lambda w: np.clip(w.numpy(), 0.4, 0.6)
    optimizer = getattr(optimizers, name)(RATES[name])
    for _ in range(5):
        optimizer.apply([np.array([1, -1, 3, -3], np.float32)], [weight])
        assert (np.abs(weight.numpy() - 0.5) <= 0.1001).all()
    assert np.ptp(weight.numpy()) > 0.15


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
        lambda o, v: o.apply(tuple(g.astype(np.float64) for g in gradients), v),
        lambda o, v: o.apply([np.asarray(g, order="F") for g in gradients], v),
        lambda o, v: o.apply([every_second(g) for g in gradients], v),
        lambda o, v: o.apply_gradients(zip(gradients, v, strict=True)),
        lambda o, v: (o.apply([], []), o.apply(gradients, v)),
    ):
        for found, wanted in zip(after(way), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    for index, (found, wanted) in enumerate(zip(after(a_part), expected, strict=True)):
        assert (found == wanted).all() == (index >= 2)


@names
def test_gradients_and_the_arrays_of_weights_are_left_alone(name):
    """Gradients are not written to, and a weight keeps its array, so that views stay live."""
    for more in ({"clipnorm": 0.1}, {"use_ema": True}, {"gradient_accumulation_steps": 2}):
        optimizer, variables = make(cnn_ext, name, {"weight_decay": 0.1, **more}, "float32")
        gradients = weights_and_gradients("float32")[1][0]
        copies = [g.copy() for g in gradients]
        for gradient in gradients:
            gradient.flags.writeable = False
        arrays = [v.data for v in variables]
        for _ in range(2):
            optimizer.apply(gradients, variables)
        for gradient, before in zip(gradients, copies, strict=True):
            np.testing.assert_array_equal(gradient, before)
        assert all(v.data is a for v, a in zip(variables, arrays, strict=True))


@names
def test_same_bits_at_any_number_of_threads(name):
    rng = np.random.default_rng(0)
    start, gradient = rng.standard_normal((2, 300, 700)).astype(np.float32)
    before, found = cnn_ext.get_num_threads(), []
    try:
        for threads in (1, 4):
            cnn_ext.set_num_threads(threads)
            weight = Variable(start)
            optimizer = getattr(optimizers, name)(0.1, global_clipnorm=50.0, weight_decay=0.1)
            for _ in range(2):
                optimizer.apply([gradient], [weight])
            found.append(weight.numpy().tobytes())
    finally:
        cnn_ext.set_num_threads(before)
    assert found[0] == found[1]


def test_infinite_gradients_clip_as_in_keras(keras, tf):
    """To NaN where Keras does: nothing is hidden."""
    for limit in LIMITS:
        found = []
        for module, number in ((cnn_ext, np.asarray), (keras, tf.constant)):
            weights = [module.Variable(np.ones(2, np.float32)) for _ in range(2)]
            gradients = [np.array(g, np.float32) for g in ([np.inf, 1], [1, 2])]
            module.optimizers.SGD(0.1, **limit).apply([number(g) for g in gradients], weights)
            found.append([w.numpy() for w in weights])
        np.testing.assert_allclose(*found, rtol=1e-6)


def test_a_step_after_the_forward_pass_is_noticed():
    """A weight that was stepped cannot be differentiated any more: its old value is gone."""
    weight = Variable(np.ones(3, np.float32))
    loss = (weight * weight).sum()
    optimizers.SGD(0.1).apply([np.ones(3, np.float32)], [weight])
    with pytest.raises(RuntimeError):
        loss.backward()


def test_a_scaled_loss_trains_as_an_unscaled_one():
    """By a power of two, to the bit: the model multiplies the loss, the optimizer divides."""
    x, y = np.random.default_rng(0).random((2, 8, 3), np.float32)
    found = []
    for factor in (None, 1024.0):
        cnn_ext.utils.set_random_seed(0)
        model = cnn_ext.Sequential([cnn_ext.Input((3,)), cnn_ext.layers.Dense(3)])
        model.compile(optimizers.SGD(0.1, loss_scale_factor=factor), "mse")
        start = model.get_weights()[0]
        model.fit(x, y, epochs=2, verbose=0)
        found.append(model.get_weights()[0])
    np.testing.assert_array_equal(*found)
    assert (found[0] != start).any()


def test_fit_ends_with_the_averages():
    x, y = np.random.default_rng(0).random((2, 8, 3), np.float32)
    model = cnn_ext.Sequential([cnn_ext.Input((3,)), cnn_ext.layers.Dense(3)])
    model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    model.fit(x, y, epochs=3, verbose=0)
    for weight, average in zip(model.weights, model.optimizer.variables[2:], strict=True):
        np.testing.assert_array_equal(weight.numpy(), average.numpy())


@pytest.mark.parametrize("size", [0, 1, blocks.SIZE - 1, blocks.SIZE, 2 * blocks.SIZE + 1])
def test_blocks_cover_an_array(size):
    array = np.zeros(size)
    for number, (piece, also) in enumerate(blocks.blocks(array, np.ones(size))):
        piece += also * (number + 1)
    assert (array == 1 + np.arange(size) // blocks.SIZE).all()
    assert blocks.norm([array, array]) == pytest.approx(math.sqrt(2 * (array**2).sum()))


# --- State ---------------------------------------------------------------------------------------


@rows
def test_training_goes_on_from_saved_state(name, arguments, keras, tf):
    """To the same bits; and Keras's own state is read."""
    _, steps = weights_and_gradients("float32")
    saved, variables = make(cnn_ext, name, arguments, "float32")
    theirs, their_variables = make(keras, name, arguments, "float32")
    for gradients in steps[:3]:
        saved.apply(gradients, variables)
        theirs.apply([tf.constant(g) for g in gradients], their_variables)
    stores = {}, {}
    for optimizer, store in zip((saved, theirs), stores, strict=True):
        optimizer.save_own_variables(store)
    assert stores[0].keys() == stores[1].keys()
    values = [v.numpy().copy() for v in variables]
    store = {key: value.copy() for key, value in stores[0].items()}
    for gradients in steps[3:]:
        saved.apply(gradients, variables)
    for given, exact in ((store, True), (stores[1], False)):
        again, others = make(cnn_ext, name, arguments, "float32")
        for variable, value in zip(others, values, strict=True):
            variable.assign(value)
        again.build(others)
        again.load_own_variables(given)
        for gradients in steps[3:]:
            again.apply(gradients, others)
        for found, wanted in zip(others, variables, strict=True):
            if exact:
                np.testing.assert_array_equal(found.numpy(), wanted.numpy())
            else:  # Keras's rounding, and then ours
                same_values([found], [wanted], 2 * tolerance_of(name, arguments, "float32"))


def test_state_of_another_optimizer_is_refused():
    weight = Variable(np.ones(2, np.float32))
    adam, sgd = optimizers.Adam(), optimizers.SGD()
    with pytest.raises(ValueError, match="has not yet been built"):
        adam.set_weights([0, 0.1])
    store = {}
    for optimizer in (adam, sgd):
        optimizer.build([weight])
    adam.save_own_variables(store)
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'sgd"):
        sgd.load_own_variables(store)
    adam.set_weights([3, 0.5, np.ones(2), np.ones(2)])
    assert [v.numpy().tolist() for v in adam.variables] == [3, 0.5, [1, 1], [1, 1]]
    for wrong in ([4, 0.1, np.ones(2), np.ones(3)], [4]):
        with pytest.raises(ValueError, match="Received"):
            adam.set_weights(wrong)
    assert int(adam.iterations) == 3


def test_a_copy_is_of_its_own():
    """With its weights, as in a copied model."""
    _, (first, second, *_) = weights_and_gradients("float32")
    arguments = {"exclude": {"var_list": [0], "var_names": ["v1"]}, "weight_decay": 0.5}
    both = make(cnn_ext, "Adam", arguments, "float32")
    both[0].apply(first, both[1])
    copied = copy.deepcopy(both)
    for optimizer, variables in (both, copied):
        optimizer.apply(second, variables)
    for our, their in zip(both[1], copied[1], strict=True):
        assert our is not their
        np.testing.assert_array_equal(our.numpy(), their.numpy())


# --- Names, and optimizers of one's own ----------------------------------------------------------


@names
def test_optimizer_by_name(name, keras):
    for identifier in (name, name.lower(), name.upper()):
        ours = optimizers.get(identifier)
        assert type(ours).__name__ == name
        if name != "Lamb":  # which Keras does not know by name
            theirs = keras.optimizers.get(identifier)
            assert type(theirs).__name__ == name
            assert float(ours.learning_rate) == float(theirs.learning_rate)
    assert optimizers.get(ours) is ours
    assert type(optimizers.get(type(ours))) is type(ours)
    assert optimizers.get(getattr(optimizers, name)(name="mine")).name == "mine"
    node = optimizers.serialize(ours)
    for class_name in (name, name.lower(), name.upper()):
        for given in ({"class_name": class_name, "config": {"learning_rate": 0.5}},
                      node | {"class_name": class_name}):  # fmt: skip
            assert type(optimizers.get(given)) is type(ours)
    assert optimizers.get(None) is None


def momentum_optimizer(keras):
    """The example of Keras's documentation."""

    class Mine(keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, **kwargs):
            super().__init__(learning_rate, **kwargs)
            self.momentum = 0.75
            self.count = keras.Variable(0.0, trainable=False, name="count")

        def build(self, variables):
            super().build(variables)
            self.momentums = []
            for variable in variables:
                self.momentums.append(
                    self.add_variable_from_reference(reference_variable=variable, name="momentum")
                )
            self.total = self.add_variable((), name="total", dtype="float32")

        def update_step(self, gradient, variable, learning_rate):
            ops = keras.ops
            learning_rate = ops.cast(learning_rate, variable.dtype)
            gradient = ops.cast(gradient, variable.dtype)
            m = self.momentums[self._get_variable_index(variable)]
            self.assign(
                m,
                ops.subtract(
                    ops.multiply(m, ops.cast(self.momentum, variable.dtype)),
                    ops.multiply(gradient, learning_rate),
                ),
            )
            self.assign_add(variable, m)
            self.assign_sub(self.total, ops.sum(gradient))
            self.count.assign_add(1.0)

        def get_config(self):
            return {**super().get_config(), "momentum": self.momentum}

    return Mine


def test_one_optimizer_of_ones_own(keras, tf):
    """In Keras's words, with what the base class brings along."""
    found = []
    for module, number in ((cnn_ext, np.asarray), (keras, tf.constant)):
        weights, steps = weights_and_gradients("float32")
        variables = [module.Variable(w, name=f"v{i}") for i, w in enumerate(weights)]
        optimizer = momentum_optimizer(module)(use_ema=True, clipnorm=1.0, weight_decay=0.1)
        for gradients in steps:
            optimizer.apply([number(g) for g in gradients], variables)
        found.append((variables, optimizer))
        assert optimizer.get_config()["momentum"] == 0.75
    (our_variables, ours), (their_variables, theirs) = found
    same_values(our_variables, their_variables, 1e-5)
    same_values(state(ours), state(theirs), 1e-5)
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]


def test_decay_of_keras_2_is_ignored_with_a_warning(keras):
    for module in (cnn_ext, keras):
        with pytest.warns(UserWarning, match="`decay` is no longer supported"):
            module.optimizers.Adam(decay=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        momentum_optimizer(cnn_ext)(decay=None)


# --- Refusals ------------------------------------------------------------------------------------

# What is constructed, the error's type, and the beginning of its message, which is Keras's.
WRONG_ARGUMENTS = (
    (lambda o: o.SGD(1), ValueError, "Argument `learning_rate` should be float"),
    (lambda o: o.SGD("fast"), ValueError, "Argument `learning_rate` should be float"),
    (lambda o: o.SGD(momentum=2.0), ValueError, "`momentum` must be a float between"),
    (lambda o: o.SGD(momentum=1), ValueError, "`momentum` must be a float between"),
    (lambda o: o.SGD(clipnorm=1.0, clipvalue=1.0), ValueError, "Only one of `clipnorm`, `clipval"),
    (lambda o: o.SGD(use_ema=True, ema_momentum=1.5), ValueError, "`ema_momentum` must be in"),
    (lambda o: o.SGD(use_ema=True, ema_overwrite_frequency=0.5), ValueError,
     "`ema_overwrite_frequency` must be an integer >= 1"),
    (lambda o: o.SGD(gradient_accumulation_steps=1), ValueError,
     "`gradient_accumulation_steps` must be an integer >= 2"),
    (lambda o: o.AdamW(weight_decay=None), ValueError, "Argument `weight_decay` must be a float"),
    (lambda o: o.Lion(beta_1=0.0), ValueError, "Argument `beta_1` must be in the"),
    (lambda o: o.Ftrl(learning_rate_power=0.5), ValueError, "`learning_rate_power` needs to be"),
    *((lambda o, what=what: o.Ftrl(**{what: -0.5}), ValueError, f"`{what}` needs to be positive")
      for what in (*STRENGTHS, "initial_accumulator_value")),
    (lambda o: o.get(3), ValueError, "Could not interpret optimizer identifier: 3"),
    (lambda o: o.legacy.Adam(0.1), ImportError, "`keras.optimizers.legacy` is not supported"),
    (lambda o: o.legacy.Optimizer(), ImportError, "`keras.optimizers.legacy` is not supported"),
    (lambda o: o.schedules.ExponentialDecay(0.1, 0, 0.5), ValueError,
     "Argument `decay_steps` must be > 0"),
    (lambda o: o.schedules.CosineDecayRestarts(0.1, -1), ValueError,
     "Argument `first_decay_steps` must be > 0"),
    (lambda o: o.schedules.PiecewiseConstantDecay([1], [0.1]), ValueError,
     "The length of boundaries should be 1 less than"),
    (lambda o: o.schedules.LearningRateSchedule()(1), NotImplementedError,
     "Learning rate schedule 'LearningRateSchedule' must override `__call__"),
    (lambda o: o.schedules.LearningRateSchedule().get_config(), NotImplementedError,
     "Learning rate schedule 'LearningRateSchedule' must override `get_config()`"),
    (lambda o: type("Early", (o.Optimizer,), {"__init__": lambda self: setattr(self, "a", 1)})(),
     RuntimeError, "In optimizer 'Early', you forgot to call `super().__init__()`"),
    (lambda o: o.SGD().apply([np.ones(3)]), ValueError, "When passing `grads` without `variables`"),
)  # fmt: skip


@pytest.mark.parametrize("row", range(len(WRONG_ARGUMENTS)))
def test_wrong_arguments_are_refused_as_by_keras(row, keras):
    call, error, says = WRONG_ARGUMENTS[row]
    for module in (cnn_ext, keras):
        with pytest.raises(error) as caught:
            call(module.optimizers)
        assert type(caught.value) is error
        assert str(caught.value).startswith(says)


@pytest.mark.parametrize("name", ["LossScaleOptimizer", "Muon", "MultiOptimizer"])
def test_what_there_is_not_says_what_to_use(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}': .*use"):
        getattr(optimizers, name)


def refusals():
    """(what is done to an optimizer of two weights, the error, what it says)."""
    ones = np.ones(3, np.float32)
    stranger = Variable(ones, name="stranger")
    return {
        "too few gradients": (lambda o, v: o.apply([ones], v), ValueError, "Received: 1 gradient"),
        "too many": (lambda o, v: o.apply([ones] * 3, v), ValueError, "each of 2 weights"),
        "too few without weights": (
            lambda o, v: (o.build(v), o.apply([ones])), ValueError, "must match `optimizer.vari",
        ),
        "none at all": (
            lambda o, v: o.apply([None, None], v), ValueError, "No gradients provided for any",
        ),
        "wrong shape": (
            lambda o, v: o.apply([ones, ones[:2]], v), ValueError, r"shape \(3,\).*shape=\(2,\)",
        ),
        "a weight unknown to it": (
            lambda o, v: (o.build(v), o.apply([ones], [stranger])), ValueError,
            "Unknown variable: .*'stranger'",
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
        "averages for other weights": (
            lambda o, v: (o.build(v), o.finalize_variable_values(v[:1])), ValueError,
            "The length of model variables",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("what", refusals())
def test_refused_and_nothing_changed(what):
    action, error, says = refusals()[what]
    weights = [Variable(np.ones(3, np.float32), name=f"w{i}") for i in range(2)]
    optimizer = optimizers.SGD(0.1, momentum=0.9, use_ema=True)
    with pytest.raises(error, match=says):
        action(optimizer, weights)
    for weight in weights:
        np.testing.assert_array_equal(weight.numpy(), np.ones(3))
    assert int(optimizer.iterations) == 0
    assert float(optimizer.learning_rate) == np.float32(0.1)
    optimizer.apply([np.ones(3, np.float32)] * 2, weights)
    np.testing.assert_allclose(weights[0].numpy(), 0.9)


def test_a_rate_that_is_not_finite_stops_the_step():
    weight = Variable(np.ones(3, np.float32))
    optimizer = optimizers.Adam(lambda: float("nan"))
    with pytest.raises(ValueError, match="learning rate must be finite"):
        optimizer.apply([np.ones(3, np.float32)], [weight])
    np.testing.assert_array_equal(weight.numpy(), np.ones(3))
    assert int(optimizer.iterations) == 0
