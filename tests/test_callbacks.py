"""Callbacks: their events, and what they do, beside Keras's.

Over 400 lines because of its tables.
"""

import inspect
import re
import sys

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from twins import IMAGES, LABELS, final_lines, twins

# What Keras itself calls NumPy and h5py with.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

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


CALLBACKS = cnn_ext.callbacks.__all__


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


@pytest.mark.parametrize("name", ["EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau"])
def test_a_watched_name_that_is_not_logged_is_told(name, keras, tmp_path):
    """An error if it does not say which way is better; else a warning, and training goes on."""
    arguments = {"monitor": "val_acuracy"}
    if name == "ModelCheckpoint":
        arguments |= {
            "filepath": str(tmp_path / "x.weights.h5"), "save_weights_only": True,
            "save_best_only": True,
        }  # fmt: skip
    ours, theirs = twins(keras, metrics=["accuracy"])
    for module, model in ((cnn_ext, ours), (keras, theirs)):
        callback = getattr(module.callbacks, name)(**arguments)
        with pytest.raises(ValueError, match=f"^{name} callback received monitor=val_acuracy, "):
            model.fit(IMAGES, LABELS, validation_split=0.2, verbose=0, callbacks=[callback])
    callback = getattr(cnn_ext.callbacks, name)(**arguments, mode="max")
    with pytest.warns(UserWarning, match=r"val_acuracy.*did you mean 'val_accuracy'"):
        ours.fit(IMAGES, LABELS, validation_split=0.2, verbose=0, callbacks=[callback])


def test_a_mode_that_there_is_not_is_told(keras):
    for module in (cnn_ext, keras):
        with pytest.warns(UserWarning, match="EarlyStopping mode 'down' is unknown, fallback to"):
            assert module.callbacks.EarlyStopping(mode="down").mode == "auto"


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


# --- The learning rate ------------------------------------------------------------------------

PLATEAUS = {
    "patience 1": (DOWN, {"patience": 1}),
    "patience 2, told": (DOWN, {"patience": 2, "factor": 0.5, "verbose": 1}),
    "at least": (DOWN, {"patience": 1, "min_lr": 0.004, "verbose": 1}),
    "cooldown": (DOWN, {"patience": 1, "cooldown": 2}),
    "min delta": (DOWN, {"patience": 2, "min_delta": 0.15}),
    "upwards": (UP, {"monitor": "val_accuracy", "patience": 2}),
    "largest": (UP, {"mode": "max", "patience": 1}),
}


@pytest.mark.parametrize(("values", "how"), PLATEAUS.values(), ids=PLATEAUS)
def test_rates_on_a_plateau_equal_keras(values, how, keras, capsys):
    """The rate after every epoch, what is told of it, and what is logged."""
    found = []
    for module in (cnn_ext, keras):
        callback, model, rates = (
            module.callbacks.ReduceLROnPlateau(**how),
            watched_model(module),
            [],
        )
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, value in enumerate(values):
            logs = {callback.monitor: value}
            callback.on_epoch_end(epoch, logs)
            rates.append((float(model.optimizer.learning_rate), logs, callback.wait))
        found.append([rates, capsys.readouterr().out])
    assert found[0] == found[1]


SCHEDULES = {
    "of the rate": lambda epoch, rate: rate * 0.5,
    "of the epoch": lambda epoch: 0.1 / (epoch + 1),
    "NumPy": lambda epoch, rate: np.float32(rate) * np.float32(0.9),
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_scheduled_rates_equal_keras(schedule, keras, capsys):
    found = []
    for module, model in zip((cnn_ext, keras), twins(keras, optimizer="sgd"), strict=True):
        callback = module.callbacks.LearningRateScheduler(schedule, verbose=1)
        history = model.fit(IMAGES, LABELS, epochs=3, verbose=0, callbacks=[callback]).history
        found.append((history["learning_rate"], list(history), capsys.readouterr().out))
    assert found[0] == found[1]


def test_a_schedule_must_return_a_float(keras):
    for module, model in zip((cnn_ext, keras), twins(keras), strict=True):
        callback = module.callbacks.LearningRateScheduler(lambda epoch, rate: "fast")
        with pytest.raises(ValueError, match="The output of the `schedule` function should be a"):
            model.fit(IMAGES, LABELS, verbose=0, callbacks=[callback])


# --- Files ------------------------------------------------------------------------------------

TABLES = {
    "plain": {},
    "separator": {"separator": ";"},
    "appended": {"append": True},
}


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("how", TABLES.values(), ids=TABLES)
def test_tables_of_logs_equal_keras(how, validated, keras, tmp_path):
    """Two trainings; names in the first row, numbers that float32 cannot tell apart."""
    texts = []
    for module, model in zip((cnn_ext, keras), twins(keras, metrics=["accuracy"]), strict=True):
        path = tmp_path / f"{module.__name__}.csv"
        for _ in range(2):
            callback = module.callbacks.CSVLogger(path, **how)
            model.fit(
                IMAGES, LABELS, epochs=2, verbose=0, shuffle=False, callbacks=[callback],
                validation_split=0.3 * validated,
            )  # fmt: skip
        text = path.read_bytes().decode()
        assert text.count("\r\n") == text.count("\n") > 2
        texts.append(final_lines(text.replace("\r\n", "\n")))
    assert texts[0] == texts[1]
    assert all("epoch" in text[0] for text in texts)


def test_arrays_in_tables_are_as_in_keras(keras, tmp_path):
    texts = []
    for module in (cnn_ext, keras):
        path = tmp_path / f"{module.__name__}.csv"
        callback = module.callbacks.CSVLogger(path)
        callback.on_train_begin()
        callback.on_epoch_end(0, {"a": np.array([1.5, 2.0]), "b": "word", "c": np.array(3.0)})
        callback.on_epoch_end(1, {"a": [1, 2]})
        callback.on_train_end()
        texts.append(path.read_bytes())
    assert texts[0] == texts[1]


@pytest.mark.parametrize("frequency", ["epoch", 2])
def test_backups_are_gone_on_with_as_in_keras(frequency, keras, tmp_path):
    """A training that breaks in epoch 3, and the next: files, weights, and a history of both."""
    found = []
    for module, model in zip((cnn_ext, keras), twins(keras), strict=True):

        class Break(module.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 3:
                    raise RuntimeError("broken")

        folder = tmp_path / module.__name__
        how = {"batch_size": 8, "epochs": 5, "shuffle": False, "verbose": 0}
        backup = module.callbacks.BackupAndRestore(str(folder), save_freq=frequency)
        with pytest.raises(RuntimeError, match="broken"):
            model.fit(IMAGES, LABELS, callbacks=[backup, Break()], **how)
        files = {p.name: p.read_text() for p in folder.iterdir() if p.suffix == ".json"}
        names = sorted(p.name for p in folder.iterdir())
        again = module.callbacks.BackupAndRestore(str(folder), save_freq=frequency)
        history = model.fit(IMAGES, LABELS, callbacks=[again], **how)
        found.append((files, names, folder.exists(), history.epoch, model.get_weights()))
    assert found[0][:3] == found[1][:3]
    assert found[0][3] == [0, 1, 2, 3, 4]
    if frequency != "epoch":  # then Keras trains the epoch anew that had begun
        return
    for our, their in zip(found[0][4], found[1][4], strict=True):
        assert_close(our, their, 1e-4)


def test_a_damaged_backup_gives_way_to_the_one_before(tmp_path):
    model, _ = twins(cnn_ext)
    backup = cnn_ext.callbacks.BackupAndRestore(
        tmp_path, double_checkpoint=True, delete_checkpoint=False
    )
    model.fit(IMAGES, LABELS, epochs=3, verbose=0, callbacks=[backup])
    (tmp_path / "latest.weights.h5").write_bytes(b"damaged")
    again = cnn_ext.callbacks.BackupAndRestore(tmp_path)
    assert model.fit(IMAGES, LABELS, epochs=4, verbose=0, callbacks=[again]).epoch == [0, 1, 2, 3]


def test_checkpoints_of_whole_models_are_models(tmp_path):
    model, _ = twins(cnn_ext)
    path = tmp_path / "{epoch}.keras"
    callback = cnn_ext.callbacks.ModelCheckpoint(path)
    model.fit(IMAGES, LABELS, epochs=2, verbose=0, callbacks=[callback])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.keras", "2.keras"]
    read = cnn_ext.saving.load_model(tmp_path / "2.keras")
    np.testing.assert_array_equal(read.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


def test_tensorboard_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    model, _ = twins(cnn_ext)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        model.fit(IMAGES, LABELS, callbacks=[cnn_ext.callbacks.TensorBoard(tmp_path)], verbose=0)


BOARDS = {
    "epochs": {},
    "batches": {"update_freq": "batch"},
    "every second batch": {"update_freq": 2},
    "histograms": {"histogram_freq": 2},
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", BOARDS.values(), ids=BOARDS)
def test_events_for_tensorboard_equal_keras(how, keras, tmp_path):
    """Folders, names, steps and values.

    (Keras forgets an epoch's values if the number of its last batch is not one to be written.)
    """
    pytest.importorskip("tensorboard")
    found = []
    for module, model in zip((cnn_ext, keras), twins(keras, metrics=["accuracy"]), strict=True):
        folder = tmp_path / module.__name__
        callback = module.callbacks.TensorBoard(str(folder), write_graph=False, **how)
        model.fit(
            IMAGES, LABELS, 4, epochs=3, shuffle=False, verbose=0, callbacks=[callback],
            validation_split=0.3,
        )  # fmt: skip
        found.append({name: events(folder / name) for name in ("train", "validation")})
    assert found[0].keys() == found[1].keys()
    for name, ours in found[0].items():
        theirs = found[1][name]
        assert ours.keys() == theirs.keys()
        for tag, values in ours.items():
            assert [step for step, _ in values] == [step for step, _ in theirs[tag]]
            for (_, our), (_, their) in zip(values, theirs[tag], strict=True):
                np.testing.assert_allclose(our, their, rtol=1e-3, atol=1e-5)


def events(folder):
    """Steps and values by tag, weights' names without those of layers."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    found = {}
    for path in sorted(folder.iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                tag = "/".join(re.sub(r"_\d+/", "/", value.tag).split("/")[-3:])
                found.setdefault(tag, []).append((event.step, make_ndarray(value.tensor)))
    return found


# --- Others -----------------------------------------------------------------------------------


def test_functions_as_a_callback_are_called_as_in_keras(keras):
    found = []
    for module, model in zip((cnn_ext, keras), twins(keras), strict=True):
        seen = []
        callback = module.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, seen=seen: seen.append(("epoch", epoch, list(logs))),
            on_train_batch_begin=lambda batch, logs, seen=seen: seen.append(("batch", batch)),
            on_train_end=lambda logs, seen=seen: seen.append(("end", list(logs))),
            on_test_begin=lambda logs, seen=seen: seen.append(("test", logs)),
        )
        model.fit(IMAGES, LABELS, verbose=0, validation_split=0.2, callbacks=[callback])
        found.append(seen)
    assert found[0] == found[1]
    assert len(found[0]) == 4
    with pytest.raises(TypeError, match="did you mean 'on_epoch_end'"):
        cnn_ext.callbacks.LambdaCallback(on_epochend=print)


@pytest.mark.parametrize("raises", [False, True])
def test_a_loss_that_is_not_finite_ends_the_training_as_in_keras(raises, keras, capsys):
    """With TerminateOnNaN; without it fit raises before the weights change."""
    images = IMAGES.copy()
    images[13] = np.nan
    found = []
    for module, model in zip((cnn_ext, keras), twins(keras, optimizer="sgd"), strict=True):
        callback = module.callbacks.TerminateOnNaN(raise_error=raises)
        error = None
        try:
            with np.errstate(all="ignore"):
                history = model.fit(
                    images, LABELS, 4, epochs=3, shuffle=False, verbose=0, callbacks=[callback]
                )
        except RuntimeError as raised:
            error = str(raised).replace("nan", "inf")
        losses = None if raises else np.isfinite(history.history["loss"]).tolist()
        found.append((error, losses, capsys.readouterr().out))
        assert np.isnan(model.get_weights()[0]).any()
        if module is cnn_ext:
            with pytest.raises(FloatingPointError), np.errstate(all="ignore"):
                model.fit(images, LABELS, verbose=0)
    assert found[0] == found[1]
    assert (found[0][0] is not None) == raises


@pytest.mark.parametrize("on_epoch", [False, True])
def test_averages_are_evaluated_as_in_keras(on_epoch, keras):
    """Validation with moving averages; the weights during training and at the end."""
    found = []
    for module, model in zip((cnn_ext, keras), twins(keras), strict=True):
        optimizer = module.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8)
        model.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
        callback = module.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch)
        history = model.fit(
            IMAGES, LABELS, 8, epochs=3, shuffle=False, verbose=0, validation_split=0.3,
            callbacks=[callback],
        ).history  # fmt: skip
        found.append((history, model.get_weights()))
    for name, values in found[0][0].items():
        assert values == pytest.approx(found[1][0][name], rel=1e-4)
    for our, their in zip(found[0][1], found[1][1], strict=True):
        assert_close(our, their, 1e-4)


def test_averages_need_an_optimizer_that_has_them(keras):
    for module, model in zip((cnn_ext, keras), twins(keras), strict=True):
        callback = module.callbacks.SwapEMAWeights()
        with pytest.raises(ValueError, match="SwapEMAWeights must be used when `use_ema=True`"):
            model.evaluate(IMAGES, LABELS, verbose=0, callbacks=[callback])


def test_a_list_of_callbacks_serves_a_loop_of_ones_own(keras, capsys):
    """Of its own history and progress bar, which are given logs of any numbers."""
    found = []
    for module, model in zip((cnn_ext, keras), twins(keras), strict=True):
        events = module.callbacks.CallbackList(
            None, add_history=True, add_progbar=True, model=model, verbose=2, epochs=1, steps=2
        )
        events.on_train_begin()
        events.on_epoch_begin(0)
        for step in range(2):
            events.on_train_batch_begin(step)
            events.on_train_batch_end(step, {"b": np.float32(1.5), "a": 2})
        events.on_epoch_end(0, logs={"b": np.array(0.5), "a": {"c": 1}})
        events.on_train_end()
        found.append((model.history.history, final_lines(capsys.readouterr().out)))
    assert found[0] == found[1]
