"""Callbacks: their events, and what they do, beside Keras's.

Over 400 lines because of its tables.
"""

import inspect

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from twins import IMAGES, LABELS, final_lines, twins

# --- Callbacks: the order of events -----------------------------------------------------------

EVENTS = [
    f"on_{what}_{when}"
    for what in ("train", "epoch", "train_batch", "test", "test_batch", "predict",
                 "predict_batch", "batch")
    for when in ("begin", "end")
]  # fmt: skip


def recorder(keras, seen, stop_at=None):
    """A callback that notes every event, its number and the names in its logs."""

    def note(event):
        def method(self, *number, logs=None):
            if logs is None:
                *number, logs = number
            seen.append((event, *number, sorted(logs), type(self.model).__name__))
            if event == stop_at:
                self.model.stop_training = True

        return method

    methods = {event: note(event) for event in EVENTS}
    if stop_at is None:
        # The two old names are called by what the new ones inherit.
        methods = {n: m for n, m in methods.items() if "train_batch" not in n}
    return type("Recorder", (keras.callbacks.Callback,), methods)()


EVENTFUL = {
    "fit": lambda m, c: m.fit(IMAGES, LABELS, 10, epochs=2, verbose=0, callbacks=[c]),
    "validated": lambda m, c: m.fit(
        IMAGES, LABELS, 6, epochs=2, verbose=0, validation_split=0.3, callbacks=[c]
    ),
    "evaluate": lambda m, c: m.evaluate(IMAGES, LABELS, 10, verbose=0, callbacks=[c]),
    "predict": lambda m, c: m.predict(IMAGES, 10, verbose=0, callbacks=[c]),
}


@pytest.mark.parametrize("stop_at", [None, "on_epoch_end", "on_train_batch_end", "on_epoch_begin"])
@pytest.mark.parametrize("call", EVENTFUL.values(), ids=EVENTFUL)
def test_events_are_those_of_keras(call, stop_at, keras):
    """In the same order, also if a callback ends the training."""
    found = []
    for module, model in zip((cnn_ext, keras), twins(keras, metrics=["acc"]), strict=True):
        seen = []
        call(model, recorder(module, seen, stop_at))
        found.append(seen)
    assert found[0] == found[1]
    assert len(found[0]) > 3


def test_what_a_callback_is_given(keras):
    """Parameters, model, and logs that it may add to for the callbacks after it."""

    def run(keras, model):
        class Adds(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs):
                assert self.model is model
                logs["extra"] = float(epoch)

        callback = Adds()
        history = model.fit(IMAGES, LABELS, 5, epochs=2, verbose=0, callbacks=[callback])
        return callback.params, history.history["extra"], list(history.history)

    ours, theirs = twins(keras)
    assert run(cnn_ext, ours) == run(keras, theirs)


def test_one_callback_needs_no_list(keras):
    for module, model in zip((cnn_ext, keras), twins(keras), strict=True):
        stop = module.callbacks.EarlyStopping("loss", min_delta=9.0)
        assert len(model.fit(IMAGES, LABELS, epochs=5, verbose=0, callbacks=stop).epoch) == 2


def test_a_history_of_ones_own_is_used(keras):
    for module, model in zip((cnn_ext, keras), twins(keras), strict=True):
        mine = module.callbacks.History()
        assert model.fit(IMAGES, LABELS, verbose=0, callbacks=[mine]) is mine
        model.fit(IMAGES, LABELS, epochs=2, verbose=0, callbacks=[mine])
        assert len(mine.history["loss"]) == 3
        assert mine.epoch == [0, 1]


CALLBACKS = ("EarlyStopping", "ModelCheckpoint", "History")


@pytest.mark.parametrize("name", CALLBACKS)
def test_callback_takes_what_that_of_keras_takes(name, keras):
    def parameters(keras):
        found = inspect.signature(getattr(keras.callbacks, name)).parameters.values()
        return [(p.name, p.default) for p in found]

    assert parameters(cnn_ext) == parameters(keras)


# --- Callbacks that watch a value -------------------------------------------------------------

DOWN = [1.0, 0.8, 0.9, 0.7, 0.75, 0.74, 0.73, 0.72, 0.71]
UP = [0.1, 0.3, 0.2, 0.5, 0.4, 0.45, 0.5, 0.5, 0.1]
STOPPING = {
    "patience 0": (DOWN, {}),
    "patience 2": (DOWN, {"patience": 2}),
    "never": (DOWN, {"patience": 20}),
    "restored": (DOWN, {"patience": 2, "restore_best_weights": True}),
    "restored, told": (DOWN, {"patience": 2, "restore_best_weights": True, "verbose": 1}),
    "told": (DOWN, {"patience": 1, "verbose": 1}),
    "restored without stopping": (
        DOWN, {"patience": 20, "restore_best_weights": True, "verbose": 1},
    ),
    "min delta": (DOWN, {"min_delta": 0.15, "patience": 3}),
    "negative min delta": (DOWN, {"min_delta": -0.15, "patience": 3}),
    "maximum": (UP, {"mode": "max", "patience": 2}),
    "minimum of what rises": (UP, {"mode": "min", "patience": 2}),
    "accuracy": (UP, {"monitor": "val_accuracy", "patience": 2, "restore_best_weights": True}),
    "accuracy, min delta": (UP, {"monitor": "accuracy", "patience": 2, "min_delta": 0.1}),
    "mse": (DOWN, {"monitor": "mse", "patience": 2}),
    "baseline missed": (DOWN, {"baseline": 0.5, "patience": 3}),
    "baseline reached": (DOWN, {"baseline": 0.95, "patience": 3}),
    "baseline missed, restored": (
        DOWN, {"baseline": 0.1, "patience": 3, "restore_best_weights": True},
    ),
    "start later": (DOWN, {"start_from_epoch": 4, "patience": 1}),
    "start later, restored": (
        DOWN, {"start_from_epoch": 2, "patience": 3, "restore_best_weights": True, "verbose": 1},
    ),
    "equal values": ([1.0] * 6, {"patience": 2}),
    "infinite at first": ([np.inf, 2.0, 1.0, 1.5, 1.5], {"patience": 1}),
    "NaN in between": ([1.0, np.nan, 0.9, 1.0, 1.0], {"patience": 2}),
}  # fmt: skip


def watched_model(keras):
    """A model of one weight that knows the metrics that are watched."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse", metrics=["accuracy", "mse"], run_eagerly=True)
    model.evaluate(np.ones((1, 1)), np.ones((1, 1)), verbose=0)
    return model


def watch(callback, model, values, monitor):
    """Feed made-up logs to a callback; the weight is the epoch. How many epochs it lets pass."""
    callback.set_model(model)
    callback.set_params({"verbose": 1, "epochs": len(values), "steps": 1})
    model.stop_training = False
    callback.on_train_begin({})
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch, {})
        model.set_weights([np.full((1, 1), epoch, np.float32)])
        callback.on_train_batch_end(0, {monitor: value})
        callback.on_epoch_end(epoch, {monitor: value})
        if model.stop_training:
            break
    callback.on_train_end({})
    return epoch


@pytest.mark.parametrize(("values", "how"), STOPPING.values(), ids=STOPPING)
def test_early_stopping_equals_keras(values, how, keras, capsys):
    found = []
    for module in (cnn_ext, keras):
        callback = module.callbacks.EarlyStopping(**how)
        model = watched_model(module)
        for _ in range(2):  # a second training starts afresh
            last = watch(callback, model, values, callback.monitor)
        found.append(
            [last, callback.stopped_epoch, callback.best_epoch, callback.wait, callback.best,
             float(model.get_weights()[0][0, 0]), capsys.readouterr().out]
        )  # fmt: skip
    assert found[0] == found[1]


def test_early_stopping_does_not_take_nan_for_the_best(keras):
    """Keras does if it comes first, and then nothing improves on it: here this is mended."""
    values = [np.nan, 1.0, 0.9, 0.8, 0.7, 0.6]
    ours = cnn_ext.callbacks.EarlyStopping(patience=2)
    assert watch(ours, watched_model(cnn_ext), values, "val_loss") == 5
    assert ours.best == 0.6
    theirs = keras.callbacks.EarlyStopping(patience=2)
    assert watch(theirs, watched_model(keras), values, "val_loss") == 2


KEPT = {
    "every epoch": (DOWN, "{epoch:02d}.weights.h5", {}),
    "told": (DOWN[:3], "{epoch:02d}.weights.h5", {"verbose": 1}),
    "logs in the name": (DOWN[:3], "sub/{epoch}-{val_loss:.2f}.weights.h5", {"verbose": 1}),
    "one file": (DOWN, "last.weights.h5", {}),
    "best": (DOWN, "{epoch}.weights.h5", {"save_best_only": True}),
    "best, told": (DOWN, "best.weights.h5", {"save_best_only": True, "verbose": 1}),
    "best accuracy": (
        UP, "{epoch}.weights.h5", {"save_best_only": True, "monitor": "val_accuracy"},
    ),
    "largest": (UP, "{epoch}.weights.h5", {"save_best_only": True, "mode": "max"}),
    "better than a threshold": (
        DOWN, "{epoch}.weights.h5",
        {"save_best_only": True, "initial_value_threshold": 0.75, "verbose": 1},
    ),
    "every second batch": (
        DOWN, "{epoch}-{batch}.weights.h5", {"save_freq": 2, "verbose": 1},
    ),
    "best of batches": (
        DOWN, "{epoch}.weights.h5", {"save_freq": 3, "save_best_only": True, "mode": "min"},
    ),
}  # fmt: skip


# What Keras's own saving calls h5py with.
keras_saves = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@keras_saves
@pytest.mark.parametrize(("values", "name", "how"), KEPT.values(), ids=KEPT)
def test_checkpoint_equals_keras(values, name, how, keras, capsys, tmp_path, monkeypatch):
    """The files, what they hold, and what is told of them."""
    found = []
    for module in (cnn_ext, keras):
        folder = tmp_path / module.__name__
        folder.mkdir()
        monkeypatch.chdir(folder)
        callback = module.callbacks.ModelCheckpoint(name, save_weights_only=True, **how)
        model = watched_model(module)
        if isinstance(how.get("save_freq"), int):
            # Keras finds out only at the end of an epoch which way is better.
            callback.on_epoch_begin(0, {})
            if module is keras:
                callback.set_model(model)
                callback._set_monitor_op()
        watch(callback, model, values, callback.monitor)
        saved = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                model.load_weights(path)
                saved[str(path.relative_to(folder))] = float(model.get_weights()[0][0, 0])
        found.append([saved, callback.best, capsys.readouterr().out])
    assert found[0] == found[1]
    assert found[0][0]


@pytest.mark.parametrize("name", ["EarlyStopping", "ModelCheckpoint"])
def test_a_watched_name_that_is_not_logged_is_told(name, keras, tmp_path):
    """A warning with what there is, at the user's own line or ours; training goes on."""
    arguments = {"monitor": "val_acuracy"}
    if name == "ModelCheckpoint":
        arguments |= {
            "filepath": tmp_path / "x.weights.h5", "save_weights_only": True,
            "save_best_only": True,
        }  # fmt: skip
    callback = getattr(cnn_ext.callbacks, name)(**arguments)
    model, _ = twins(cnn_ext, metrics=["accuracy"])
    with pytest.warns(UserWarning, match=r"val_acuracy.*did you mean 'val_accuracy'"):
        model.fit(IMAGES, LABELS, validation_split=0.2, verbose=0, callbacks=[callback])


@keras_saves
def test_callbacks_in_a_real_training_equal_keras(keras, tmp_path, capsys):
    """Early stopping and checkpoints of one training, told between the lines of its progress."""
    texts, weights = [], []
    for module, model in zip((cnn_ext, keras), twins(keras, optimizer="sgd"), strict=True):
        path = tmp_path / f"{module.__name__}.weights.h5"
        callbacks = [
            module.callbacks.ModelCheckpoint(
                path, save_best_only=True, save_weights_only=True, verbose=1
            ),
            module.callbacks.EarlyStopping(
                patience=1, min_delta=0.01, restore_best_weights=True, verbose=1
            ),
        ]
        model.fit(
            IMAGES, LABELS, 8, epochs=9, shuffle=False, validation_split=0.3,
            callbacks=callbacks, verbose=2,
        )  # fmt: skip
        texts.append(final_lines(capsys.readouterr().out.replace(str(path), "path")))
        weights.append(model.get_weights())
    assert texts[0] == texts[1]
    assert any("early stopping" in line for line in texts[0])
    for our, their in zip(*weights, strict=True):
        assert_close(our, their, 1e-5)
