"""Trainings that are killed and gone on with: the same bits as if they had never been."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import cnn_ext
import killed_training
from cnn_ext import callbacks, layers
from cnn_ext.callbacks.base import EVENTS
from killed_training import ROWS, Training, X, Y

EVERY = 13  # events from one kill to the next; `make kills` and the rows below leave none out
DENSE = [Training("sgd", "epoch", epochs=2), Training("adamw ema", 4, epochs=2)]


class Killed(BaseException):
    """What stands for the end of the process."""


class Kill(callbacks.Callback):
    """Ends the process at the event of this number."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen = 0


def dying(event):
    def method(self, *args, **kwargs):
        self.seen += 1
        if self.seen > self.at:
            raise Killed(event)

    return method


for event in EVENTS:
    setattr(Kill, event, dying(event))


def assert_goes_on(row, numbers, folder):
    """Killed at these events, in turn, and gone on with: as the training that was not."""
    (folder / "whole").mkdir()
    wanted = row.run(folder / "whole", resume=False)
    kills = 0
    for at in numbers:
        where = folder / f"{at}"
        where.mkdir()
        try:
            row.run(where, Kill(at))
        except Killed as event:
            kills += 1
            found = row.run(where)
            differ = [name for name in wanted if found[name] != wanted[name]]
            assert not differ, f"killed at event {at}, {event}: other {differ}"
            assert not (where / "backup").exists()
        else:
            return kills
    return kills


@pytest.mark.parametrize("row", DENSE, ids=str)
def test_killed_at_every_event(row, tmp_path):
    assert assert_goes_on(row, range(1000), tmp_path) >= 30


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_killed_and_gone_on_with(row, tmp_path):
    assert assert_goes_on(row, range(5 + ROWS.index(row) % EVERY, 1000, EVERY), tmp_path) >= 2


@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_killed_again_and_again(save_freq, tmp_path):
    row = Training("adam", save_freq, watch="rate")
    (tmp_path / "whole").mkdir()
    wanted = row.run(tmp_path / "whole", resume=False)
    for _ in range(3):
        with pytest.raises(Killed):
            row.run(tmp_path, Kill(16))
    assert row.run(tmp_path) == wanted


def test_a_kill_that_is_not_undone_is_noticed(tmp_path):
    """The comparison sees one wrong bit, a lost epoch, a callback that starts anew."""
    row = Training("adam", 3)
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    wanted = row.run(tmp_path / "whole", resume=False)
    with pytest.raises(Killed):
        row.run(tmp_path / "killed", Kill(30))
    found = row.run(tmp_path / "killed", resume=False)
    assert found == wanted  # anew from the first epoch: right, but only without a backup
    shutil.copytree(tmp_path / "killed" / "backup", tmp_path / "again" / "backup")
    with h5py.File(tmp_path / "again" / "backup" / "latest.weights.h5", "r+") as file:
        del file["training"]
    (tmp_path / "again" / "backup" / "training_metadata.json").write_text('{"epoch": 1}')
    found = row.run(tmp_path / "again")
    differ = {name for name in wanted if found[name] != wanted[name]}
    assert {"weights", "optimizer", "history", "epochs", "known", "csv"} <= differ


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.parametrize(("what", "kills"), [("training", 25), ("saves", 50)])
def test_processes_killed_at_random(what, kills):
    script = Path(killed_training.__file__).parent / "kills.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), what, "--kills", str(kills)],
        env={**os.environ, "PYTHONSAFEPATH": "", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert " kills " in done.stdout


# --- The folder -----------------------------------------------------------------------------


def small_model():
    model = cnn_ext.Sequential(
        [cnn_ext.Input((4, 4, 1)), layers.Flatten(), layers.Dropout(0.5), layers.Dense(3)]
    )
    model.compile("adam", cnn_ext.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def fit(model, folder, epochs, **how):
    backup = callbacks.BackupAndRestore(folder, delete_checkpoint=False, **how)
    return model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[backup])


def test_files_are_those_of_keras_and_one_more_group(tmp_path, keras):
    model = small_model()
    fit(model, tmp_path, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "latest.weights.h5", "training_metadata.json",
    ]  # fmt: skip
    metadata = json.loads((tmp_path / "training_metadata.json").read_text())
    assert metadata == {"epoch": 2, "batch": 0}
    theirs = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3),
        ]
    )
    theirs.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    theirs.optimizer.build(theirs.trainable_variables)
    theirs.load_weights(tmp_path / "latest.weights.h5")
    for ours, read in zip(model.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, read)
    assert int(theirs.optimizer.iterations) == int(model.optimizer.iterations)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_folder_of_keras_is_gone_on_with(tmp_path, keras):
    theirs = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    theirs.add(keras.layers.Dropout(0.5))
    theirs.add(keras.layers.Dense(3))
    theirs.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    backup = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    theirs.fit(X, Y, epochs=2, verbose=0, callbacks=[backup])
    model = small_model()
    assert fit(model, tmp_path, 3).epoch == [2]
    assert int(model.optimizer.iterations) == 3


def test_a_longer_training_goes_on_from_a_complete_one(tmp_path):
    fit(small_model(), tmp_path, 2)
    history = fit(small_model(), tmp_path, 5)
    assert history.epoch == [0, 1, 2, 3, 4]
    assert len(history.history["loss"]) == 5


def damage(what, path):
    content = path.read_bytes()
    if what == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif what == "flipped":
        path.write_bytes(content[:100] + bytes(255 - b for b in content[100:200]) + content[200:])
    else:
        with h5py.File(path, "r+") as file:
            text = {"no json": b"{", "no state": b"[]", "deep": b"[" * 10**5, "odd": b'{"x": 1}'}
            if what == "bomb":
                del file["training/0"]
                file["training"].create_dataset("0", shape=(10**10,), dtype="f8")
            elif what == "link":
                del file["training/0"]
                file["training"]["0"] = h5py.ExternalLink("other.h5", "/x")
            elif what == "other model":
                file["training/state"][...] = np.frombuffer(
                    file["training/state"][()].tobytes().replace(b'"step"', b'"stop"'), np.uint8
                )
            else:
                del file["training/state"]
                file["training"]["state"] = np.frombuffer(text[what], np.uint8)


DAMAGES = ["cut", "flipped", "no json", "no state", "deep", "odd", "bomb", "link", "other model"]


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_state_is_refused_or_gives_way_to_the_one_before(what, tmp_path):
    fit(small_model(), tmp_path, 3, double_checkpoint=True)
    (tmp_path / "other").mkdir()
    for name in ("latest.weights.h5", "training_metadata.json"):
        shutil.copy(tmp_path / name, tmp_path / "other" / name)
        damage(what, tmp_path / "latest.weights.h5") if "h5" in name else None
        damage(what, tmp_path / "other" / name) if "h5" in name else None
    with pytest.raises(cnn_ext.saving.ModelFileError, match=r"latest\.weights\.h5"):
        fit(small_model(), tmp_path / "other", 4)
    if what != "other model":
        assert fit(small_model(), tmp_path, 4).epoch == [0, 1, 2, 3]


def test_a_state_changes_no_path(tmp_path):
    """Not even one that a stranger has written into it."""

    class Writes(callbacks.Callback):
        def __init__(self):
            self.place = "here"
            self.places = 1

    def backup(place):
        watching = Writes(), callbacks.ModelCheckpoint(tmp_path / "m.keras")
        how = {"epochs": 3, "verbose": 0}
        keep = callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
        change = callbacks.LambdaCallback(on_epoch_end=lambda e, logs: change_all(place, *watching))
        small_model().fit(X, Y, callbacks=[change, keep, *watching], **how)
        return watching

    def change_all(place, own, checkpoint):
        if place:
            own.place, own.places, checkpoint.filepath = place, 2, place

    backup(str(tmp_path / "there.keras"))
    own, checkpoint = backup(None)
    assert own.place == "here" and own.places == 2
    assert checkpoint.filepath == str(tmp_path / "m.keras")


def test_a_generator_that_has_begun_goes_on(tmp_path):
    """As in a notebook, where the same object is passed again."""
    drawn = []

    def batches():
        while True:
            drawn.append(len(drawn))
            yield X[:4], Y[:4]

    data, model = batches(), small_model()
    for epochs in (2, 3):
        backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        model.fit(data, steps_per_epoch=4, epochs=epochs, verbose=0, callbacks=[backup])
    assert len(drawn) == 12


def test_own_state_by_own_methods(tmp_path):
    class Words(callbacks.Callback):
        def __init__(self):
            self.words = "begin"

        def on_epoch_end(self, epoch, logs=None):
            self.words += f" {epoch}"

        def backup_state(self):
            return {"words": self.words}

        def restore_state(self, state):
            self.words = state["words"]

    for epochs in (2, 4):
        words = Words()
        backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        small_model().fit(X, Y, epochs=epochs, verbose=0, callbacks=[backup, words])
    assert words.words == "begin 0 1 2 3"


def test_a_model_holds_nothing_of_the_data_after_fit(tmp_path):
    model = small_model()
    backup = callbacks.BackupAndRestore(tmp_path)
    model.fit(X, Y, verbose=0, callbacks=[backup])
    assert backup._events.epochs is None
