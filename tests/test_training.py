"""compile, fit, evaluate, predict: from the same weights and data, what Keras does.

Over 400 lines because of its tables.
"""

import hashlib
import inspect
import subprocess
import sys
import warnings

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from cnn_ext.autograd import no_grad
from cnn_ext.testing import check_gradients
from twins import (
    CLASSES,
    IMAGES,
    LABELS,
    SAMPLES,
    WEIGHTS,
    assert_same_logs,
    assert_same_weights,
    final_lines,
    small,
    twins,
)

RNG = np.random.default_rng(0)
X_VAL, Y_VAL, W_VAL = IMAGES[::-2] * 0.9, LABELS[::-2], WEIGHTS[:11]


def textbook(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dropout(0.0),
            layers.Dense(10, activation="softmax"),
        ]
    )


# --- fit --------------------------------------------------------------------------------------


def test_textbook_network_trains_as_keras(keras):
    """Five steps of Adam on batches of 32: the logs of every step, and the weights at the end."""
    rng = np.random.default_rng(3)
    x, y = rng.random((160, 28, 28, 1), np.float32), rng.integers(0, 10, 160)
    ours, theirs = twins(keras, textbook, metrics=["accuracy"])
    assert [layer.count_params() for layer in ours.layers if layer.weights] == [
        320, 18_496, 313_700, 1_010,
    ]  # fmt: skip
    start = ours.get_weights()
    for batch in range(0, 160, 32):
        rows = slice(batch, batch + 32)
        logs = [m.train_on_batch(x[rows], y[rows], return_dict=True) for m in (ours, theirs)]
        assert_same_logs(*logs)
    # Adam's first steps are as large for the smallest gradients, where rounding shows, as for all.
    for our, their, before in zip(ours.get_weights(), theirs.get_weights(), start, strict=True):
        assert np.abs(our - before).max() > 1e-3
        np.testing.assert_allclose(our, their, rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=0, atol=1e-5
    )


FITS = {
    "plain": {},
    "batch size": {"batch_size": 5},
    "batch larger than the data": {"batch_size": 100},
    "three epochs": {"epochs": 3},
    "no epochs": {"epochs": 0},
    "epochs from 2": {"initial_epoch": 2, "epochs": 4},
    "split": {"validation_split": 0.25, "epochs": 2},
    "split and batch size": {"validation_split": 0.4, "batch_size": 4},
    "validation": {"validation_data": (X_VAL, Y_VAL), "epochs": 2},
    "validation in a list": {"validation_data": [X_VAL, Y_VAL]},
    "weighed validation": {"validation_data": (X_VAL, Y_VAL, W_VAL)},
    "both validations": {"validation_data": (X_VAL, Y_VAL), "validation_split": 0.5},
    "validation batch": {"validation_data": (X_VAL, Y_VAL), "validation_batch_size": 4},
    "validation steps": {
        "validation_data": (X_VAL, Y_VAL), "validation_batch_size": 4, "validation_steps": 2,
        "epochs": 2,
    },
    "validation steps, no batch size": {
        "validation_data": (X_VAL, Y_VAL), "validation_steps": 2, "epochs": 2,
    },
    "every second": {"validation_data": (X_VAL, Y_VAL), "validation_freq": 2, "epochs": 5},
    "some epochs": {"validation_data": (X_VAL, Y_VAL), "validation_freq": [1, 4], "epochs": 4},
    "steps": {"batch_size": 4, "steps_per_epoch": 3, "epochs": 4},
    "steps that run out": {"batch_size": 4, "steps_per_epoch": 4, "epochs": 3},
    "steps, no batch size": {"steps_per_epoch": 4, "epochs": 2},
    "all steps": {"batch_size": 4, "steps_per_epoch": 6, "epochs": 2},
    "steps of a split": {"steps_per_epoch": 3, "validation_split": 0.5, "epochs": 2},
    "class weights": {"class_weight": {0: 0.5, 2: 3.0}},
    "class weights and validation": {
        "class_weight": {0: 0.5, 1: 2.0, 2: 3.0}, "validation_split": 0.25,
    },
    "sample weights": {"sample_weight": WEIGHTS, "epochs": 2},
    "sample weights and split": {"sample_weight": WEIGHTS, "validation_split": 0.25},
    "a column of weights": {"sample_weight": WEIGHTS[:, None]},
}  # fmt: skip


@pytest.mark.parametrize("how", FITS.values(), ids=FITS)
def test_fit_equals_keras(how, keras):
    """History, its parameters, and the weights, without shuffling."""
    ours, theirs = twins(keras, metrics=["accuracy"])
    histories = []
    for model in (ours, theirs):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            histories.append(model.fit(IMAGES, LABELS, shuffle=False, verbose=0, **how))
        histories[-1].ran_out = sum("ran out of data" in str(w.message) for w in warned)
    our, their = histories
    assert our.params == their.params
    assert our.epoch == their.epoch
    assert our.ran_out == their.ran_out == (how is FITS["steps that run out"])
    assert list(our.history) == list(their.history)
    for name, values in our.history.items():
        assert values == pytest.approx(their.history[name], rel=1e-5, abs=1e-6)
        assert {type(value) for value in values} == {float}
    assert_same_weights(ours, theirs, 1e-5)
    assert ours.history is our


COMPILED = {  # what is compiled, the last layer, and targets
    "sparse": ({"loss": "sparse_categorical_crossentropy"}, (3, "softmax"), LABELS),
    "column of labels": (
        {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
        (3, "softmax"), LABELS[:, None],
    ),
    "float labels": (
        {"loss": "sparse_categorical_crossentropy", "metrics": ["acc"]},
        (3, "softmax"), LABELS.astype("float32"),
    ),
    "one-hot": (
        {"loss": "categorical_crossentropy", "metrics": ["accuracy", "mse"]},
        (3, "softmax"), np.eye(3)[LABELS],
    ),
    "binary": (
        {"loss": "binary_crossentropy", "metrics": ["Accuracy", "binary_accuracy"]},
        (1, "sigmoid"), LABELS > 1,
    ),
    "several chances": (
        {"loss": "binary_crossentropy", "metrics": ["accuracy"]},
        (3, "sigmoid"), np.eye(3, dtype=int)[LABELS],
    ),
    "squared": (
        {"loss": "mse", "metrics": ["mean_squared_error", "MSE"]}, (1, None), WEIGHTS,
    ),
    "momentum": (
        {"loss": "mse", "optimizer": "sgd", "metrics": ["MeanSquaredError"]}, (3, None),
        np.eye(3)[LABELS],
    ),
    "defaults": ({"optimizer": "rmsprop", "loss": "mse"}, (1, "linear"), WEIGHTS[:, None]),
}  # fmt: skip


@pytest.mark.parametrize(("how", "last", "y"), COMPILED.values(), ids=COMPILED)
def test_compile_equals_keras(how, last, y, keras):
    ours, theirs = twins(keras, lambda keras: small(keras, *last), **how)
    logs = [
        model.fit(IMAGES, y, epochs=2, batch_size=8, shuffle=False, verbose=0).history
        for model in (ours, theirs)
    ]
    assert list(logs[0]) == list(logs[1])
    for name, values in logs[0].items():
        assert values == pytest.approx(logs[1][name], rel=1e-5, abs=1e-6)
    assert_same_weights(ours, theirs)


def test_weights_of_time_steps_equal_keras(keras):
    """A weight for each step of each sample."""

    def make(keras):
        layers = keras.layers
        return keras.Sequential([layers.Input((5, 4)), layers.Dense(3, activation="softmax")])

    rng = np.random.default_rng(4)
    x, weights = rng.random((12, 5, 4), np.float32), rng.random((12, 5)).astype(np.float32)
    y = rng.integers(0, 3, (12, 5))
    ours, theirs = twins(keras, make, weighted_metrics=["accuracy"])
    logs = [
        m.fit(x, y, batch_size=5, sample_weight=weights, shuffle=False, verbose=0).history
        for m in (ours, theirs)
    ]
    assert list(logs[0]) == list(logs[1])
    for name, values in logs[0].items():
        assert values == pytest.approx(logs[1][name], rel=1e-5)
    assert_same_weights(ours, theirs)


def test_losses_and_metrics_as_objects(keras):
    def make(keras):
        model = small(keras, 3, None)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metrics = [keras.metrics.SparseCategoricalAccuracy(name="hits")]
        model.compile(
            keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=metrics, run_eagerly=True
        )
        return model

    ours, theirs = make(cnn_ext), make(keras)
    theirs.set_weights(ours.get_weights())
    logs = [m.fit(IMAGES, LABELS, verbose=0, shuffle=False).history for m in (ours, theirs)]
    assert list(logs[0]) == list(logs[1]) == ["hits", "loss"]
    assert logs[0]["loss"] == pytest.approx(logs[1]["loss"], rel=1e-5)
    assert_same_weights(ours, theirs)


METHODS = ("compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch",
           "predict_on_batch", "reset_metrics", "summary", "get_layer", "compute_loss",
           "load_weights", "save_weights")  # fmt: skip
# Keras takes **kwargs for what it uses itself, and may cut weights into files of max_shard_size.
LACKING = {"evaluate": {"kwargs"}, "load_weights": {"kwargs"}, "save_weights": {"max_shard_size"}}


@pytest.mark.parametrize("method", METHODS)
def test_method_takes_what_that_of_keras_takes(method, keras):
    def parameters(model):
        found = inspect.signature(getattr(model, method)).parameters.values()
        return [(p.name, p.kind, p.default) for p in found if p.name not in LACKING.get(method, ())]

    assert parameters(cnn_ext.Sequential) == parameters(keras.Sequential)


# --- What is returned -------------------------------------------------------------------------

CALLS = {
    "evaluate": lambda m: m.evaluate(IMAGES, LABELS, verbose=0),
    "evaluate, dict": lambda m: m.evaluate(IMAGES, LABELS, verbose=0, return_dict=True),
    "evaluate, batches": lambda m: m.evaluate(IMAGES, LABELS, batch_size=4, verbose=0),
    "evaluate, steps": lambda m: m.evaluate(IMAGES, LABELS, batch_size=4, steps=2, verbose=0),
    "evaluate, steps only": lambda m: m.evaluate(IMAGES, LABELS, steps=1, verbose=0),
    "evaluate, weights": lambda m: m.evaluate(IMAGES, LABELS, sample_weight=WEIGHTS, verbose=0),
    "test": lambda m: m.test_on_batch(IMAGES, LABELS),
    "test, dict": lambda m: m.test_on_batch(IMAGES, LABELS, return_dict=True),
    "test, weights": lambda m: m.test_on_batch(IMAGES, LABELS, sample_weight=WEIGHTS),
    "train": lambda m: m.train_on_batch(IMAGES, LABELS),
    "train, dict": lambda m: m.train_on_batch(IMAGES, LABELS, return_dict=True),
    "train, weights": lambda m: m.train_on_batch(IMAGES, LABELS, sample_weight=WEIGHTS),
    "train, classes": lambda m: m.train_on_batch(IMAGES, LABELS, class_weight={1: 5.0}),
    "train twice": lambda m: [m.train_on_batch(IMAGES[:5], LABELS[:5]) for _ in range(2)][1],
    "train, then test": lambda m: [
        m.train_on_batch(IMAGES[:5], LABELS[:5]),
        m.test_on_batch(IMAGES[5:], LABELS[5:]),
    ][1],
    "predict": lambda m: m.predict(IMAGES, verbose=0),
    "predict, batches": lambda m: m.predict(IMAGES, batch_size=4, verbose=0),
    "predict, steps": lambda m: m.predict(IMAGES, batch_size=4, steps=3, verbose=0),
    "predict batch": lambda m: m.predict_on_batch(IMAGES),
}


@pytest.mark.parametrize("metrics", [[], ["accuracy"], ["accuracy", "sparse_categorical_accuracy"]])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_return_value_equals_keras(call, metrics, keras):
    """The type, what is inside, and the numbers."""
    ours, theirs = map(call, twins(keras, metrics=metrics))
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert_same_logs(ours, theirs)
    elif isinstance(ours, np.ndarray):
        assert_close(ours, theirs, 1e-5)
    else:
        assert ours == pytest.approx(theirs, rel=1e-5)
        assert [type(v) for v in np.atleast_1d(ours)] == [type(v) for v in np.atleast_1d(theirs)]


def test_evaluate_and_predict_change_nothing():
    model, _ = twins(cnn_ext, metrics=["accuracy"])
    model.fit(IMAGES, LABELS, verbose=0)
    before = [w.copy() for w in model.get_weights()], int(model.optimizer.iterations)
    model.evaluate(IMAGES, LABELS, verbose=0)
    model.predict(IMAGES, verbose=0)
    model.test_on_batch(IMAGES, LABELS)
    for weight, value in zip(model.get_weights(), before[0], strict=True):
        np.testing.assert_array_equal(weight, value)
    assert int(model.optimizer.iterations) == before[1]


def test_evaluation_is_without_dropout():
    layers = cnn_ext.layers
    model = cnn_ext.Sequential([layers.Input((6, 6, 1)), layers.Dropout(0.9), layers.Flatten()])
    model.compile("sgd", "mse", metrics=["mse"])
    y = IMAGES.reshape(SAMPLES, -1)
    assert model.evaluate(IMAGES, y, verbose=0) == model.test_on_batch(IMAGES, y) == [0.0, 0.0]
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), y)


def test_predictions_do_not_depend_on_the_batch():
    model = small(cnn_ext)
    whole = model.predict(IMAGES, batch_size=SAMPLES, verbose=0)
    for size in (1, 4, 7):
        np.testing.assert_allclose(model.predict(IMAGES, size, verbose=0), whole, rtol=1e-6)
    assert whole.shape == (SAMPLES, CLASSES)
    assert whole.dtype == np.float32


# --- What data may be -------------------------------------------------------------------------

NUMBERS = {
    "bytes": (IMAGES * 255).astype(np.uint8),
    "int8": (IMAGES * 100).astype(np.int8),
    "int64": (IMAGES * 9).astype(np.int64),
    "booleans": IMAGES > 0.5,
    "float64": IMAGES.astype(np.float64),
    "float16": IMAGES.astype(np.float16),
    "big-endian": IMAGES.astype(">f4"),
    "Fortran order": np.asfortranarray(IMAGES),
    "reversed": IMAGES[:, ::-1, ::-1],
}


@pytest.mark.parametrize("x", NUMBERS.values(), ids=NUMBERS)
def test_training_on_all_sorts_of_numbers(x, keras):
    ours, theirs = twins(keras, optimizer="sgd")
    before = x.copy()
    ours.fit(x, LABELS, batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_array_equal(x, before)
    native = np.ascontiguousarray(x.astype(x.dtype.newbyteorder("=")))
    theirs.fit(native, LABELS, batch_size=8, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs)
    assert {w.dtype.name for w in ours.get_weights()} == {"float32"}


def test_nested_lists_are_data():
    x, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1]
    model = cnn_ext.Sequential([cnn_ext.layers.Input((2,)), cnn_ext.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert len(model.fit(x, y, verbose=0).history["loss"]) == 1
    assert model.predict(x, verbose=0).shape == (3, 2)


def test_shuffling_uses_every_sample_once_an_epoch():
    seen = []

    class Note(cnn_ext.layers.Layer):
        def call(self, inputs):
            seen.extend(np.asarray(inputs)[:, 0].astype(int).tolist())
            return inputs

    model = cnn_ext.Sequential([cnn_ext.layers.Input((1,)), Note(), cnn_ext.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(20.0)[:, None]
    model.fit(x, x / 20, batch_size=6, epochs=1, verbose=0)
    seen.clear()
    model.fit(x, x / 20, batch_size=6, epochs=2, verbose=0)
    first, second = seen[-40:-20], seen[-20:]
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert first != sorted(first)


# --- Training a part --------------------------------------------------------------------------


def freeze_first(model):
    model.layers[0].trainable = False


def freeze_all_but_last(model):
    for layer in model.layers[:-1]:
        layer.trainable = False


def freeze_one_weight(model):
    model.layers[-1].bias.trainable = False


def thaw(model):
    model.trainable = False
    model.trainable = True


@pytest.mark.parametrize("change", [freeze_first, freeze_all_but_last, freeze_one_weight, thaw])
def test_frozen_layers_stay_as_keras_keeps_them(change, keras):
    ours, theirs = small(cnn_ext), small(keras)
    before = [RNG.standard_normal(w.shape).astype(np.float32) for w in ours.weights]
    for model in (ours, theirs):
        model.set_weights(before)
        change(model)
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
        model.fit(IMAGES, LABELS, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs)
    for which in ("trainable_weights", "non_trainable_weights"):
        found = [[tuple(w.shape) for w in getattr(model, which)] for model in (ours, theirs)]
        assert found[0] == found[1]
    trained = {id(w) for w in ours.trainable_weights}
    for weight, value in zip(ours.weights, before, strict=True):
        assert (weight.numpy() != value).any() == (id(weight) in trained)
    assert len(ours.optimizer.variables) == len(theirs.optimizer.variables)


def test_a_frozen_model_tells_that_it_learns_nothing(keras):
    """Even if a layer in it is thawed again."""
    for model in (small(cnn_ext), small(keras)):
        before = model.get_weights()
        model.trainable = False
        model.layers[-1].trainable = True
        assert not model.trainable_weights
        model.compile("sgd", "sparse_categorical_crossentropy")
        with pytest.warns(UserWarning, match="does not have any trainable weights"):
            model.fit(IMAGES, LABELS, verbose=0)
        for weight, value in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, value)


def test_a_layer_made_with_trainable_false(keras):
    def make(keras):
        model = keras.Sequential(
            [
                keras.layers.Input((4,)),
                keras.layers.Dense(3, trainable=False),
                keras.layers.Dense(2),
            ]
        )
        return [(tuple(w.shape), w.trainable) for w in model.weights]

    assert make(cnn_ext) == make(keras)


# --- The gradients of a whole model -----------------------------------------------------------


def test_a_compiled_model_has_the_gradients_it_should():
    """First and second order, of its loss, by the images and all weights; max-pooling included."""
    layers = cnn_ext.layers
    model = cnn_ext.Sequential(
        [
            layers.Input((7, 6, 2)),
            layers.Conv2D(3, 3, activation="tanh", padding="same"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 2, activation="relu", strides=2),
            layers.AveragePooling2D(1),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).standard_normal((4, 7, 6, 2))
    before = model.get_weights()
    check_gradients(model, x, y=np.array([0, 2, 1, 1]))
    check_gradients(model, x)
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_a_model_of_ones_own_trains_as_in_keras(keras):
    def make(keras):
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.convolutions = [
                    keras.layers.Conv2D(3, 3, activation="tanh"), keras.layers.Conv2D(2, 2),
                ]  # fmt: skip
                self.drop = keras.layers.Dropout(0.0)
                self.out = keras.layers.Dense(CLASSES)

            def call(self, inputs, training=False):
                for convolution in self.convolutions:
                    inputs = convolution(inputs)
                flat = keras.ops.reshape(inputs, (-1, 18))
                return self.out(self.drop(flat, training=training))

        model = Net()
        model(IMAGES[:1])
        return model

    loss = "mse"
    y = np.eye(CLASSES)[LABELS]
    ours, theirs = make(cnn_ext), make(keras)
    theirs.set_weights(ours.get_weights())
    for model in (ours, theirs):
        model.compile("adam", loss, run_eagerly=True)
        model.fit(IMAGES, y, batch_size=7, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs)


# --- Seeds ------------------------------------------------------------------------------------

TRAIN = """
import hashlib, sys
import numpy as np
import cnn_ext as keras

keras.utils.set_random_seed(int(sys.argv[1]))
layers = keras.layers
model = keras.Sequential([
    layers.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu", padding="same"),
    layers.MaxPooling2D(2), layers.Dropout(0.3), layers.Flatten(), layers.Dense(4, "softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")
x, y = np.random.rand(64, 8, 8, 1), np.random.randint(0, 4, 64)
model.fit(x, y, epochs=2, verbose=0)
bits = b"".join(w.tobytes() for w in model.get_weights()) + model.predict(x, verbose=0).tobytes()
print(hashlib.sha256(bits).hexdigest())
"""


def test_the_same_seed_gives_the_same_bits():
    """In another process, and at another number of threads."""

    def bits(seed, threads):
        code = f"import os; os.environ['CNN_EXT_NUM_THREADS'] = '{threads}'\n{TRAIN}"
        command = [sys.executable, "-W", "error", "-c", code, str(seed)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    first = bits(1, 2)
    assert len(first) == 2 * hashlib.sha256().digest_size + 1
    assert bits(1, 1) == first
    assert bits(2, 2) != first


# --- When training fails ----------------------------------------------------------------------


def everything(model):
    return [v.numpy().copy() for v in (*model.weights, *model.optimizer.variables)]


def with_nan(x):
    x = x.copy()
    x[13, 2, 2, 0] = np.nan
    return x


BROKEN = {
    "NaN in the inputs": (with_nan(IMAGES), "the inputs of this batch hold NaN"),
    "diverged": (IMAGES * 1e30, "training diverged"),
}


@pytest.mark.parametrize(("x", "says"), BROKEN.values(), ids=BROKEN)
def test_a_loss_that_is_not_finite_changes_nothing(x, says):
    model = small(cnn_ext, 3, None)
    model.compile("adam", "mse")
    y = np.eye(3)[LABELS]
    model.fit(IMAGES, y, verbose=0)
    before = everything(model)
    with pytest.raises(FloatingPointError, match=says), np.errstate(all="ignore"):
        model.fit(x, y, batch_size=SAMPLES, verbose=0)
    for found, wanted in zip(everything(model), before, strict=True):
        np.testing.assert_array_equal(found, wanted)
    with pytest.raises(FloatingPointError, match="step 2"), np.errstate(all="ignore"):
        model.train_on_batch(x, y)
    for found, wanted in zip(everything(model), before, strict=True):
        np.testing.assert_array_equal(found, wanted)
    model.fit(IMAGES, y, verbose=0)
    assert int(model.optimizer.iterations) == 2


def test_training_inside_no_grad_is_refused():
    model, _ = twins(cnn_ext)
    with no_grad(), pytest.raises(RuntimeError, match="no_grad"):
        model.fit(IMAGES, LABELS, verbose=0)


# --- What is printed --------------------------------------------------------------------------

PRINTED = {
    "one epoch": lambda m, v: m.fit(IMAGES, LABELS, shuffle=False, verbose=v),
    "epochs": lambda m, v: m.fit(IMAGES, LABELS, 4, epochs=2, shuffle=False, verbose=v),
    "validation": lambda m, v: m.fit(
        IMAGES, LABELS, 4, epochs=2, shuffle=False, validation_split=0.3, verbose=v
    ),
    "later epochs": lambda m, v: m.fit(
        IMAGES, LABELS, initial_epoch=1, epochs=3, shuffle=False, verbose=v
    ),
    "evaluate": lambda m, v: m.evaluate(IMAGES, LABELS, 4, verbose=v),
    "predict": lambda m, v: m.predict(IMAGES, 4, verbose=v),
}


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
@pytest.mark.parametrize("call", PRINTED.values(), ids=PRINTED)
def test_printed_lines_are_those_of_keras(call, verbose, keras, capsys):
    texts = []
    for model in twins(keras, metrics=["accuracy"]):
        call(model, verbose)
        texts.append(capsys.readouterr())
    assert final_lines(texts[0].out) == final_lines(texts[1].out)
    assert bool(texts[0].out) == (verbose != 0)
    assert texts[0].err == ""
