"""Training by plans equals training by layers: losses, metrics, gradients, weights, bits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import cnn_ext as keras
from cnn_ext import _kernels, layers
from cnn_ext.autograd import gradients
from cnn_ext.training.batches import Rows
from cnn_ext.training.planned import Trained
from planned_models import (
    grouped,
    inception,
    lenet,
    mobilenet,
    nested,
    resnet,
    shared,
    textbook,
    vgg,
)
from test_plan import settled

GRADIENTS = 2e-5  # of the largest of a gradient: sums in another order
WEIGHTS = 1e-4  # after ten steps of an optimizer


class Row(NamedTuple):
    """A model with its loss; x and y are made of a generator and a number of samples.

    Where a bias is followed by batch normalization, its gradient is what rounding leaves of zero,
    which Adam and RMSprop would scale up to whole steps: such models are trained by SGD.
    """

    name: str
    make: Callable[[], Any]
    x: Callable[..., Any]
    y: Callable[..., Any]
    loss: Any
    metrics: Any = None
    optimizer: Any = "adam"


def normal(*shape: int) -> Callable[..., Any]:
    return lambda rng, n: rng.standard_normal((n, *shape)).astype("float32")


def numbers(*shape: int) -> Callable[..., Any]:
    return lambda rng, n: rng.random((n, *shape)).astype("float32")


def labels(classes: int) -> Callable[..., Any]:
    return lambda rng, n: rng.integers(0, classes, n)


def one_hot(classes: int) -> Callable[..., Any]:
    return lambda rng, n: np.eye(classes, dtype="float32")[rng.integers(0, classes, n)]


def truths(*shape: int) -> Callable[..., Any]:
    return lambda rng, n: rng.integers(0, 2, (n, *shape))


def in_bytes(*shape: int) -> Callable[..., Any]:
    return lambda rng, n: rng.integers(0, 256, (n, *shape), dtype="uint8")


def frozen() -> Any:
    """A model whose first part, batch normalization in it, does not move."""
    model = resnet()
    for layer in model.layers[:6]:
        layer.trainable = False
    return model


def branches() -> Any:
    """Sums of three, a layer that is used twice, an input that goes two ways, a gate."""
    x = layers.Input((8, 8, 4))
    layer = layers.Conv2D(4, 3, padding="same", activation="tanh")
    y = layers.Add()([layer(x), layer(layers.Activation("silu")(x)), x])
    y = layers.Multiply()([y, layers.Conv2D(4, 1, activation="sigmoid")(y)])
    y = layers.MaxPooling2D(3, 2, "same")(layers.BatchNormalization(center=False)(y))
    y = layers.Activation("hard_silu")(layers.LeakyReLU(0.2)(layers.Dense(5)(y)))
    return keras.Model(x, layers.Dense(3, "softmax")(layers.Flatten()(y)))


def several() -> Any:
    a, b = layers.Input((6, 6, 2), name="a"), layers.Input((5,), name="b")
    y = layers.Concatenate()([layers.Flatten()(layers.Conv2D(4, 3)(a)), b])
    y = layers.Dense(20, "relu")(y)
    return keras.Model(
        [a, b], {"p": layers.Dense(1, "sigmoid")(y), "q": layers.Dense(3, "softmax")(y)}
    )


def logits() -> Any:
    return keras.Sequential(
        [layers.Input((6,)), layers.Dense(8, "elu"), layers.Dropout(0.3), layers.Dense(4)]
    )


def binary() -> Any:
    return keras.Sequential(
        [layers.Input((6,)), layers.Dense(8, "relu"), layers.Dense(1, "sigmoid")]
    )


def of_pixels() -> Any:
    return keras.Sequential(
        [
            layers.Input((7, 5, 3)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2D(4, 1, activation="softmax"),
        ]
    )


CROSS = "sparse_categorical_crossentropy"
ROWS = [
    Row("textbook", textbook, normal(28, 28, 1), labels(10), CROSS, ["accuracy"]),
    Row("lenet", lenet, normal(28, 28, 1), one_hot(10), "categorical_crossentropy", ["accuracy"]),
    Row("vgg", vgg, lambda rng, n: 100 * normal(32, 32, 3)(rng, n), labels(10), CROSS,
        ["accuracy"], "sgd"),
    Row("resnet", resnet, normal(32, 32, 3), labels(10), CROSS, ["accuracy"], "sgd"),
    Row("frozen", frozen, normal(32, 32, 3), labels(10), CROSS, ["accuracy"], "sgd"),
    Row("mobilenet", mobilenet, in_bytes(33, 33, 3), labels(10), CROSS, None, "rmsprop"),
    Row("inception", inception, normal(15, 17, 8), normal(30), "mse", ["mae"], "sgd"),
    Row("grouped", grouped, normal(11, 9, 12), truths(2, 1, 7), "binary_crossentropy",
        ["accuracy"]),
    Row("nested", nested, normal(12, 12, 3), normal(3), "mae", ["mse"]),
    Row("shared", shared, normal(10, 10, 6),
        lambda rng, n: [normal(10, 10, 6)(rng, n), normal(600)(rng, n)], ["mse", "mae"],
        None, "sgd"),
    Row("several", several,
        lambda rng, n: {"a": normal(6, 6, 2)(rng, n), "b": normal(5)(rng, n)},
        lambda rng, n: {"p": truths(1)(rng, n), "q": labels(3)(rng, n)},
        {"p": "binary_crossentropy", "q": CROSS},
        {"p": ["accuracy", "AUC"], "q": ["accuracy"]}),
    Row("branches", branches, normal(8, 8, 4), labels(3), CROSS, ["accuracy"], "sgd"),
    Row("logits", logits, normal(6), labels(4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"]),
    Row("binary", binary, normal(6), truths(), "binary_crossentropy", ["accuracy"]),
    Row("summed", binary, normal(6), truths(1), keras.losses.BinaryCrossentropy(reduction="sum"),
        ["accuracy", "precision"], "sgd"),
    Row("pixels", of_pixels, normal(7, 5, 3), lambda rng, n: rng.integers(0, 4, (n, 7, 5)), CROSS,
        ["accuracy"]),
]  # fmt: skip


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request: Any) -> Row:
    return request.param


def compiled(row: Row, eager: bool = False, **changes: Any) -> Any:
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    model = settled(row.make())
    optimizer = changes.pop("optimizer", row.optimizer)
    model.compile(
        optimizer() if callable(optimizer) else optimizer, row.loss, metrics=row.metrics,
        run_eagerly=eager, **changes,
    )  # fmt: skip
    return model


def data(row: Row, n: int = 24) -> Any:
    """Drawn so that no maximum of a window is within rounding of another in ten steps: one that
    is may go to the other, as it also does when the layers' weights change by 1e-7 of themselves.
    """
    rng = np.random.default_rng(11)
    return row.x(rng, n), row.y(rng, n)


def plans(model: Any) -> list[Any]:
    return list(model._training_plans._known.values())


def assert_planned(model: Any) -> None:
    assert plans(model) and all(isinstance(p, Trained) for p in plans(model)), plans(model)


def assert_near(found: Any, wanted: Any, tolerance: float) -> None:
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape and np.isfinite(wanted).all()
    assert abs(found - wanted).max() <= tolerance * max(abs(wanted).max(), 1e-6)


def test_gradients_equal_those_of_the_layers(row: Row) -> None:
    x, y = data(row, 12)
    model, eager = compiled(row), compiled(row, eager=True)
    for one in (model, eager):  # losses and metrics learn what they are of
        one.test_on_batch(x, y)
    batch = Rows(x, y, None, np.arange(12))
    model._train_by_plan(batch)
    assert_planned(model)
    found = plans(model)[0].plan.gradients
    packed = batch.packed()
    y_pred = eager(packed[0], training=True)
    loss = eager.compute_loss(packed[0], packed[1], y_pred, None, training=True)
    wanted = gradients(loss, eager.trainable_variables)
    assert len(found) == len(wanted)
    scale = max(abs(g).max() for g in wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape and other.any()
        # that by a bias before a batch normalization is zero, but for what rounding leaves
        assert abs(one - other).max() <= GRADIENTS * max(abs(other).max(), 0.2 * scale)


@pytest.mark.parametrize("optimizer", [None, "sgd", "momentum"])
def test_ten_steps_equal_those_of_the_layers(row: Row, optimizer: Any) -> None:
    """Logs of each epoch, and all weights and statistics; the last batch is a short one."""
    x, y = data(row)
    how = {}
    if optimizer is not None:
        how["optimizer"] = lambda: keras.optimizers.SGD(
            0.001, momentum=0.9 * (optimizer == "momentum"), nesterov=True
        )
    found = compiled(row, **how)
    logs = [found.fit(x, y, batch_size=5, epochs=2, verbose=0).history]
    wanted = compiled(row, eager=True, **how)
    logs.append(wanted.fit(x, y, batch_size=5, epochs=2, verbose=0).history)
    assert_planned(found)
    assert not plans(wanted)
    assert logs[0].keys() == logs[1].keys()
    for name, values in logs[1].items():
        assert_near(logs[0][name], values, 1e-4)
    for one, other in zip(found.weights, wanted.weights, strict=True):
        assert_near(one.data, other.data, WEIGHTS)
    assert int(found.optimizer.iterations) == int(wanted.optimizer.iterations) == 10


def test_the_number_of_threads_does_not_show(row: Row) -> None:
    before, small = _kernels.get_num_threads(), _kernels._set_small(0)
    x, y = data(row)
    found = []
    try:
        for threads in (1, 2, 3):
            _kernels.set_num_threads(threads)
            model = compiled(row)
            model.fit(x, y, batch_size=10, verbose=0)
            assert_planned(model)
            found.append([w.tobytes() for w in model.get_weights()])
    finally:
        _kernels.set_num_threads(before)
        _kernels._set_small(small)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("isa", _kernels.isas())
def test_every_instruction_set(row: Row, isa: str) -> None:
    x, y = data(row, 10)
    before = _kernels.isa()
    wanted = compiled(row, eager=True)
    wanted.fit(x, y, batch_size=5, verbose=0)
    try:
        _kernels.set_isa(isa)
        found = compiled(row)
        found.fit(x, y, batch_size=5, verbose=0)
    finally:
        _kernels.set_isa(before)
    assert_planned(found)
    for one, other in zip(found.weights, wanted.weights, strict=True):
        assert_near(one.data, other.data, WEIGHTS)


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.05, momentum=0.5, nesterov=True, weight_decay=0.1),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01),
    "centered": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "amsgrad": lambda: keras.optimizers.Adam(0.01, beta_1=0.8, amsgrad=True),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "schedule": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.5)
    ),
    # whose step is the optimizer's own, on the gradients of the plan:
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "clipped": lambda: keras.optimizers.SGD(0.5, global_clipnorm=0.1),
    "average": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "accumulated": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "scaled": lambda: keras.optimizers.SGD(0.1, loss_scale_factor=8.0),
}  # fmt: skip


def small(optimizer: Any, eager: bool = False, **how: Any) -> Any:
    keras.utils.clear_session()
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            layers.Input((9, 9, 2)),
            layers.Conv2D(5, 3, activation="relu", kernel_constraint=how.pop("constraint", None)),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(how.pop("rate", 0.25)),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(optimizer, CROSS, metrics=["accuracy"], run_eagerly=eager, **how)
    return model


def small_data(n: int = 50) -> Any:
    rng = np.random.default_rng(11)
    return rng.standard_normal((n, 9, 9, 2)).astype("float32"), rng.integers(0, 4, n)


def assert_same_training(found: Any, wanted: Any) -> None:
    assert_planned(found)
    for name, values in wanted.history.history.items():
        assert_near(found.history.history[name], values, 1e-4)
    pairs = zip(found.weights, wanted.weights, strict=True)
    state = zip(found.optimizer.variables, wanted.optimizer.variables, strict=True)
    for one, other in [*pairs, *state]:
        assert_near(one.data, other.data, WEIGHTS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str) -> None:
    models = []
    for eager in (False, True):
        models.append(small(OPTIMIZERS[name](), eager))
        models[-1].fit(*small_data(), batch_size=8, epochs=2, verbose=0)
    assert_same_training(*models)


@pytest.mark.parametrize("how", ["class_weight", "sample_weight", "weighted_metrics", "constraint"])
def test_weights_and_constraints(how: str) -> None:
    x, y = small_data()
    weights = np.random.default_rng(1).random(len(x))
    given: dict[str, Any] = {"sample_weight": weights}
    made: dict[str, Any] = {}
    if how == "class_weight":
        given = {"class_weight": {0: 0.5, 1: 2.0}}
    elif how == "weighted_metrics":
        made = {"weighted_metrics": ["accuracy", "sparse_categorical_crossentropy"]}
    elif how == "constraint":
        given, made = {}, {"constraint": keras.constraints.MaxNorm(0.3)}
    models = []
    for eager in (False, True):
        models.append(small("adam", eager, **made))
        models[-1].fit(x, y, batch_size=8, epochs=2, verbose=0, **given)
    assert_same_training(*models)


def test_changes_between_epochs_show() -> None:
    """Batch size, learning rate, trainable layers, dropout's rate, loaded weights, compile."""
    x, y = small_data()
    models = []
    for eager in (False, True):
        model = small("adam", eager)
        model.fit(x, y, batch_size=8, verbose=0)
        model.optimizer.learning_rate = 0.01
        model.fit(x, y, batch_size=16, verbose=0)
        model.layers[0].trainable = False
        kept = model.layers[0].get_weights()
        model.compile("sgd", CROSS, metrics=["accuracy"], run_eagerly=eager)
        model.fit(x, y, batch_size=8, verbose=0)
        assert all((a == b).all() for a, b in zip(kept, model.layers[0].get_weights(), strict=True))
        model.layers[0].trainable = True
        model.layers[3].rate = 0.0
        model.compile("rmsprop", CROSS, metrics=["accuracy"], run_eagerly=eager)
        model.fit(x, y, batch_size=8, verbose=0)
        model.set_weights([0.5 * w for w in model.get_weights()])
        model.fit(x, y, batch_size=8, verbose=0)
        models.append(model)
    assert_same_training(*models)


def test_predictions_see_the_weights_that_training_has_moved() -> None:
    x, y = small_data()
    model = small("adam")
    for _ in range(3):
        before = model.predict(x, verbose=0)
        model.fit(x, y, verbose=0)
        after = model.predict(x, verbose=0)
        assert abs(after - before).max() > 1e-4
        wanted = layers.Layer.__call__(model, x, training=False)
        assert_near(after, wanted.numpy(), 1e-5)


@pytest.mark.parametrize("form", ["doubles", "strided", "without channels", "lists", "generator"])
def test_forms_of_data(form: str) -> None:
    x, y = small_data()
    models = []
    for eager in (False, True):
        model = small("adam", eager)
        if form == "generator":
            model.fit(((x[i : i + 10], y[i : i + 10]) for i in range(0, 50, 10)), verbose=0)
        else:
            xs = {
                "doubles": x.astype("float64"),
                "strided": np.stack([x, x], 1)[:, 0],
                "without channels": x,
                "lists": x,
            }[form]
            ys = y.reshape(-1, 1) if form == "without channels" else y.astype("int8")
            model.fit(xs, list(map(int, ys)) if form == "lists" else ys, batch_size=9, verbose=0)
        models.append(model)
    assert_same_training(*models)


def test_bad_labels_and_losses_raise_and_keep_the_weights() -> None:
    x, y = small_data()
    model = small("adam")
    model.fit(x, y, batch_size=8, verbose=0)
    before = model.get_weights()
    with pytest.raises(ValueError, match="label"):
        model.train_on_batch(x[:8], y[:8] + 3)
    broken = x[:8].copy()
    broken[3, 4, 4, 1] = np.nan
    with pytest.raises(FloatingPointError, match="inputs of this batch hold NaN"):
        model.train_on_batch(broken, y[:8])
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert_planned(model)


def test_training_goes_on_where_any_loss_will_do() -> None:
    x, y = small_data()
    x[40] = np.nan
    histories = []
    for eager in (False, True):
        model = small("sgd", eager)
        model.fit(x, y, batch_size=10, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
        histories.append(model.history.history)
        assert np.isnan(model.get_weights()[0]).any()
    assert np.isnan(histories[0]["loss"]).all() and np.isnan(histories[1]["loss"]).all()


class Doubling(keras.Sequential):
    """A loss of its own."""

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        return 2 * super().compute_loss(*args, **kwargs)


class Counting(keras.Sequential):
    """A step of its own, which is handed arrays."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        assert x.shape[0] == y.shape[0]
        return super().train_step((x, y))


def test_what_a_subclass_replaces_is_respected() -> None:
    x, y = small_data()
    rows = [layers.Input((9, 9, 2)), layers.Flatten(), layers.Dense(4, activation="softmax")]
    doubling, counting = Doubling(rows), Counting([*rows[:2], layers.Dense(4, "softmax")])
    for model in (doubling, counting):
        model.compile("sgd", CROSS)
        model.fit(x, y, verbose=0)
    assert not plans(doubling)
    assert_planned(counting)


REFUSED = {
    "regularizer": lambda: [layers.Dense(4, "softmax", kernel_regularizer="l2")],
    "noise": lambda: [layers.GaussianNoise(0.1), layers.Dense(4, "softmax")],
    "softmax within": lambda: [layers.Dense(5, "softmax"), layers.Dense(4, "softmax")],
    "activation": lambda: [layers.Dense(5, "gelu"), layers.Dense(4, "softmax")],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_plan_knows_is_trained_by_the_layers(name: str) -> None:
    x, y = small_data()
    model = keras.Sequential([layers.Input((9, 9, 2)), layers.Flatten(), *REFUSED[name]()])
    model.compile("sgd", CROSS)
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    assert not any(isinstance(p, Trained) for p in plans(model))
    assert abs(model.get_weights()[0] - before[0]).max() > 0


def test_explain_plan_of_training() -> None:
    told: list[str] = []
    model = small("adam")
    before = [w.copy() for w in model.get_weights()]
    model.explain_plan((8, 9, 9, 2), measure=True, print_fn=told.append, training=True)
    model.explain_plan((8, 9, 9, 2), print_fn=told.append, training=True)
    measured, plain = told
    assert 'Training plan of model "sequential" for (8, 9, 9, 2)' in plain
    assert all(text in plain for text in ("gather", "dropout backward", "all weights", "update"))
    assert "GFLOP/s" in measured and "GFLOP/s" not in plain
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    uncompiled = keras.Sequential([layers.Input((3,)), layers.Dense(2)])
    uncompiled.explain_plan(print_fn=told.append, training=True)
    assert "has no plan" in told[-1] and "compile()" in told[-1]


def test_threads_that_train_one_model_take_turns() -> None:
    x, y = small_data()
    model = small("adam")
    failures: list[BaseException] = []

    def train(size: int) -> None:
        try:
            for _ in range(20):
                model.train_on_batch(x[:size], y[:size])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=train, args=(size,)) for size in (3, 20, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures and not any(thread.is_alive() for thread in threads)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert int(model.optimizer.iterations) == 60
