"""Models of several inputs and outputs: losses, weights and metrics of each, as in Keras."""

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from twins import assert_same_logs, assert_same_weights

pytestmark = pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")
RNG = np.random.default_rng(5)
SAMPLES = 24
LEFT, RIGHT = (RNG.random((SAMPLES, 6, 6, 2), np.float32) for _ in range(2))
LABELS = RNG.integers(0, 3, SAMPLES)
VALUES = RNG.standard_normal((SAMPLES, 1)).astype(np.float32)
WEIGHTS, MORE_WEIGHTS = (RNG.random(SAMPLES).astype(np.float32) for _ in range(2))


def two_by_two(keras, outputs=list):
    """Two inputs, a shared convolution, a residual block, two outputs."""
    layers, ops = keras.layers, keras.ops
    left, right = (keras.Input((6, 6, 2), name=name) for name in ("left", "right"))
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    x = ops.concatenate([shared(left), shared(right)], axis=-1)
    y = layers.Conv2D(8, 3, padding="same", activation="relu", name="inner")(x)
    x = ops.add(x, layers.Conv2D(8, 3, padding="same", name="residual")(y))
    x = layers.Flatten(name="flat")(layers.MaxPooling2D(2, name="pool")(x))
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    size = layers.Dense(1, name="size")(x)
    if outputs is dict:
        return keras.Model([left, right], {"size": size, "kind": kind})
    return keras.Model([left, right], outputs([kind, size]))


def nested(keras):
    """An output in a dict, and two in a list in it."""
    x = keras.Input((4,))
    parts = [keras.layers.Dense(1, name=f"d{i}")(x) for i in range(3)]
    return keras.Model(x, {"one": parts[0], "more": [parts[1], parts[2]]})


def twins(keras, make=two_by_two, **how):
    cnn_ext.utils.set_random_seed(2)
    ours, theirs = make(cnn_ext), make(keras)
    rng = np.random.default_rng(1)
    weights = [w + 0.05 * rng.standard_normal(w.shape) * (w.ndim == 1) for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    for module, model in ((cnn_ext, ours), (keras, theirs)):
        given = {"optimizer": "sgd", **how}
        given = {k: v(module) if callable(v) else v for k, v in given.items()}
        model.compile(**given, run_eagerly=True)
    return ours, theirs


def fit(model, x, y, **how):
    return model.fit(x, y, **{"batch_size": 12, "shuffle": False, "verbose": 0, **how}).history


BOTH = ["sparse_categorical_crossentropy", "mse"]
NAMED = {"kind": BOTH[0], "size": BOTH[1]}


def test_five_steps_of_two_inputs_and_two_outputs_equal_keras(keras):
    """Weights, losses and metrics after five steps of Adam with losses and weights by output."""
    ours, theirs = twins(
        keras, optimizer="adam", loss=NAMED, loss_weights={"kind": 1.0, "size": 0.3},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )  # fmt: skip
    for step in range(5):
        rows = slice(4 * step, 4 * step + 4)
        x, y = [LEFT[rows], RIGHT[rows]], [LABELS[rows], VALUES[rows]]
        logs = [model.train_on_batch(x, y, return_dict=True) for model in (ours, theirs)]
        assert list(logs[0]) == ["kind_accuracy", "kind_loss", "loss", "size_loss", "size_mae"]
        assert_same_logs(*logs)
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(our, their, rtol=0, atol=1e-4)
    for our, their in zip(
        ours.predict([LEFT, RIGHT], verbose=0), theirs.predict([LEFT, RIGHT], verbose=0),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(our, their, rtol=0, atol=1e-4)


COMPILED = {
    "lists": {"loss": BOTH},
    "weights": {"loss": BOTH, "loss_weights": [0.2, 2.0]},
    "weights, dict": {"loss": NAMED, "loss_weights": {"size": 0.1, "kind": 1.5}},
    "one loss for all": {"loss": "mse"},
    "a loss for one": {"loss": [None, "mse"]},
    "a loss for the first": {"loss": {"kind": BOTH[0], "size": None}},
    "a loss for one, weights": {"loss": [None, "mse"], "loss_weights": [1.0, 0.5]},
    "metrics, lists": {"loss": BOTH, "metrics": [["accuracy"], ["mse", "mae"]]},
    "metrics, names": {"loss": BOTH, "metrics": ["acc", "mae"]},
    "metrics of one": {"loss": BOTH, "metrics": [None, ["mae"]]},
    "metrics, dict": {"loss": NAMED, "metrics": {"size": "mae", "kind": ["accuracy"]}},
    "metrics, part of a dict": {"loss": NAMED, "metrics": {"size": ["mae"]}},
    "weighted": {"loss": BOTH, "weighted_metrics": [["accuracy"], ["mse"]]},
    "both kinds": {
        "loss": BOTH, "metrics": [["accuracy"], ["mse"]], "weighted_metrics": [["accuracy"], None],
    },
    "the same twice": {"loss": BOTH, "metrics": [["acc", "acc"], ["mae", "mae"]]},
    "objects": {
        "loss": lambda k: [k.losses.SparseCategoricalCrossentropy(), k.losses.MeanSquaredError()],
        "metrics": lambda k: [[k.metrics.SparseCategoricalAccuracy(name="hits")],
                              [k.metrics.MeanAbsoluteError()]],
    },
    "nothing": {"loss": BOTH, "metrics": []},
}  # fmt: skip


@pytest.mark.parametrize("outputs", [list, dict])
@pytest.mark.parametrize("how", COMPILED.values(), ids=COMPILED)
def test_compile_of_two_outputs_equals_keras(how, outputs, keras):
    """Names, order and values of logs, what evaluate and test_on_batch return, the weights."""
    y = {"kind": LABELS, "size": VALUES}
    if outputs is not dict:
        y = [LABELS, VALUES]
    elif not isinstance(how["loss"], str | dict) or not isinstance(how.get("metrics", {}), dict):
        how = {key: by_name(value) for key, value in how.items()}
    if how["loss"] == "mse":
        y = (
            {"kind": np.eye(3)[LABELS], "size": VALUES}
            if outputs is dict
            else [np.eye(3)[LABELS], VALUES]
        )
    ours, theirs = twins(keras, lambda k: two_by_two(k, outputs), **how)
    x, weights = [LEFT, RIGHT], None
    if "weighted_metrics" in how:
        weights = WEIGHTS
    logs = [fit(m, x, y, sample_weight=weights) for m in (ours, theirs)]
    assert list(logs[0]) == list(logs[1])
    for name, values in logs[0].items():
        assert values == pytest.approx(logs[1][name], rel=1e-4, abs=1e-6)
    assert_same_weights(ours, theirs, 1e-4)
    calls = (
        lambda m: m.evaluate(x, y, verbose=0),
        lambda m: m.evaluate(x, y, verbose=0, return_dict=True),
        lambda m: m.test_on_batch(x, y),
    )
    for call in calls:
        assert call(ours) == pytest.approx(call(theirs), rel=1e-4, abs=1e-6)
    assert ours.metrics_names == theirs.metrics_names


def by_name(value):
    """A list with an entry an output as a dict by their names, functions of modules too."""
    if callable(value):
        return lambda k: by_name(value(k))
    return dict(zip(("kind", "size"), value, strict=True)) if len(value) == 2 else value


TARGETS = {
    "list": [LABELS, VALUES],
    "tuple": (LABELS, VALUES),
    "dict": {"size": VALUES, "kind": LABELS},
}
INPUTS = {
    "list": [LEFT, RIGHT],
    "tuple": (LEFT, RIGHT),
    "dict": {"right": RIGHT, "left": LEFT},
}
FACTORS = {
    "none": None,
    "for all": WEIGHTS,
    "for each": [WEIGHTS, MORE_WEIGHTS],
}


FORMS = [  # of inputs, targets and weights
    ("list", "list", "none"), ("tuple", "tuple", "for all"), ("dict", "dict", "for each"),
    ("list", "dict", "for all"), ("dict", "list", "for each"), ("tuple", "dict", "none"),
    ("list", "tuple", "for each"),
]  # fmt: skip


@pytest.mark.parametrize(("x", "y", "weights"), FORMS, ids=map("-".join, FORMS))
def test_structures_of_data_are_all_the_same(x, y, weights, keras):
    """Inputs, targets and weights as lists, tuples and dicts give what lists give in Keras."""
    x, y, weights = INPUTS[x], TARGETS[y], FACTORS[weights]
    how = {"loss": BOTH, "weighted_metrics": [["accuracy"], ["mae"]]}
    ours, theirs = twins(keras, **how)
    if isinstance(y, dict) and isinstance(weights, list):
        weights = {"kind": weights[0], "size": weights[1]}
    if isinstance(y, tuple) and isinstance(weights, list):
        weights = tuple(weights)
    logs = fit(ours, x, y, sample_weight=weights, validation_split=0.25)
    plain = [weights[k] for k in ("kind", "size")] if isinstance(weights, dict) else weights
    plain = list(plain) if isinstance(plain, tuple) else plain
    wanted = fit(
        theirs, [LEFT, RIGHT], [LABELS, VALUES], sample_weight=plain, validation_split=0.25
    )  # fmt: skip
    assert list(logs) == list(wanted)
    for name, values in logs.items():
        assert values == pytest.approx(wanted[name], rel=1e-4, abs=1e-6)
    assert_same_weights(ours, theirs, 1e-4)


NESTED = {
    "one loss": {"loss": "mse"},
    "nested losses": {"loss": {"one": "mse", "more": ["mae", "mse"]}},
    "a part": {"loss": {"one": "mse"}},
    "nested metrics": {
        "loss": "mse", "metrics": {"one": ["mae"], "more": [["mse"], ["mae", "mse"]]},
    },
}  # fmt: skip


@pytest.mark.parametrize("how", NESTED.values(), ids=NESTED)
def test_nested_outputs_equal_keras(how, keras):
    x = RNG.random((8, 4), np.float32)
    y = [RNG.random((8, 1), np.float32) for _ in range(3)]
    y = {"one": y[0], "more": [y[1], y[2]]}
    ours, theirs = twins(keras, nested, **how)
    logs = [m.train_on_batch(x, y, return_dict=True) for m in (ours, theirs)]
    assert_same_logs(*logs)
    assert_same_weights(ours, theirs)
    found, wanted = ours.predict(x, verbose=0), theirs.predict(x, verbose=0)
    assert_close(found["one"], wanted["one"], 1e-5)
    assert type(found["more"]) is list
    assert_close(found["more"][1], wanted["more"][1], 1e-5)


PREDICTED = {
    "predict": lambda m: m.predict([LEFT, RIGHT], batch_size=7, verbose=0),
    "predict, dict": lambda m: m.predict({"left": LEFT, "right": RIGHT}, verbose=0),
    "predict, steps": lambda m: m.predict([LEFT, RIGHT], batch_size=5, steps=2, verbose=0),
    "batch": lambda m: m.predict_on_batch([LEFT, RIGHT]),
}


@pytest.mark.parametrize("outputs", [list, dict])
@pytest.mark.parametrize("call", PREDICTED.values(), ids=PREDICTED)
def test_predictions_have_the_structure_of_the_outputs(call, outputs, keras):
    ours, theirs = map(call, twins(keras, lambda k: two_by_two(k, outputs), loss="mse"))
    assert type(ours) is type(theirs)
    pairs = zip(ours, theirs, strict=True)
    if outputs is dict:
        assert set(ours) == set(theirs)
        pairs = [(ours[name], theirs[name]) for name in theirs]
    for our, their in pairs:
        assert type(our) is np.ndarray
        assert_close(our, their, 1e-5)


def test_a_subclass_of_two_outputs_names_losses_as_keras(keras):
    """It knows no output names: losses are called by their own."""

    def make(keras):
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.one, self.two = keras.layers.Dense(1), keras.layers.Dense(2)

            def call(self, inputs):
                return self.one(inputs), self.two(inputs)

        model = Net()
        model(np.ones((1, 4), np.float32))
        return model

    x, y = RNG.random((8, 4), np.float32), [RNG.random((8, n), np.float32) for n in (1, 2)]
    ours, theirs = twins(keras, make, loss=["mse", "mae"], metrics=[["mae"], ["mse"]])
    for call in (
        lambda m: m.train_on_batch(x, y, return_dict=True), lambda m: m.evaluate(x, y, verbose=0),
    ):  # fmt: skip
        found, wanted = call(ours), call(theirs)
        assert found == pytest.approx(wanted, rel=1e-4)
    assert_same_weights(ours, theirs)


# --- Mistakes ---------------------------------------------------------------------------------

X = [LEFT, RIGHT]
WRONG = {  # what is compiled, what is called, the error and how its message begins
    "names of losses": (
        {"loss": {"kind": "mse", "sise": "mse"}}, None, ValueError, "Expected keys ",
    ),
    "number of weights": (
        {"loss": BOTH, "loss_weights": [1.0]}, None, ValueError,
        "`loss_weights` must match the number of losses, got 2 losses and 1 weights.",
    ),
    "weights in a string": (
        {"loss": BOTH, "loss_weights": "half"}, None, ValueError,
        "Expected `loss_weights` argument to be a float",
    ),
    "one list of metrics": (
        {"loss": BOTH, "metrics": ["accuracy"]}, None, ValueError, None,
    ),
    "names of metrics": ({"loss": BOTH, "metrics": {"sise": ["mae"]}}, None, ValueError, None),
    "metrics in a string": (
        {"loss": BOTH, "metrics": "mae"}, None, ValueError, "Expected `metrics` argument to be a",
    ),
    "weighted metrics in a string": (
        {"loss": BOTH, "weighted_metrics": "mae"}, None, ValueError,
        "Expected `weighted_metrics` argument to be a",
    ),
    "one target": (
        {"loss": BOTH}, lambda m: fit(m, X, LABELS), ValueError,
        "y_true and y_pred have different structures.",
    ),
    "three targets": (
        {"loss": BOTH}, lambda m: fit(m, X, [LABELS, VALUES, VALUES]), ValueError,
        "y_true and y_pred have different structures.",
    ),
    "rows": (
        {"loss": BOTH}, lambda m: fit(m, X, [LABELS, VALUES[:5]]), ValueError,
        "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples.",
    ),
    "inputs": ({"loss": BOTH}, lambda m: fit(m, [LEFT], [LABELS, VALUES]), ValueError, None),
    "weights of samples": (
        {"loss": BOTH}, lambda m: fit(m, X, [LABELS, VALUES], sample_weight=[WEIGHTS]), ValueError,
        "You should provide one `sample_weight` array per output in `y`.",
    ),
    "weights of steps": (
        {"loss": BOTH},
        lambda m: fit(m, X, [LABELS, VALUES], sample_weight=np.ones((SAMPLES, 3))), ValueError,
        "For a model with multiple outputs, when providing a single `sample_weight` array, it",
    ),
    "class weights": (
        {"loss": BOTH}, lambda m: fit(m, X, [LABELS, VALUES], class_weight={0: 2.0}), ValueError,
        "`class_weight` is only supported for Models with a single output.",
    ),
    "both weights": (
        {"loss": [BOTH[0], None]},
        lambda m: fit(m, X, LABELS, class_weight={0: 2.0}, sample_weight=WEIGHTS), ValueError,
        "You cannot `class_weight` and `sample_weight` at the same time.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("how", "call", "error", "begins"), WRONG.values(), ids=WRONG)
def test_mistakes_are_errors_as_in_keras(how, call, error, begins, keras):
    """Of the same type; ours in one line, and before a weight has changed."""
    call = call or (lambda m: fit(m, X, [LABELS, VALUES]))
    messages = []
    for module in (cnn_ext, keras):
        model = two_by_two(module)
        before = model.get_weights()
        with pytest.raises(error) as raised:
            model.compile("sgd", **how)
            call(model)
        messages.append(str(raised.value))
        for weight, value in zip(model.get_weights(), before, strict=True):
            if module is cnn_ext:
                np.testing.assert_array_equal(weight, value)
    assert "\n" not in messages[0]
    assert "Received" in messages[0] or "y_true:" in messages[0] or "found" in messages[0]
    for message in messages if begins else ():
        assert message.startswith(begins)
