"""Ctrl-C while a model is trained."""

import os
import signal
import threading

import numpy as np
import pytest

import cnn_ext

X, Y = np.ones((20, 2), np.float32), np.ones((20, 1), np.float32)


def model():
    made = cnn_ext.Sequential([cnn_ext.Input((2,)), cnn_ext.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


class Press(cnn_ext.callbacks.Callback):
    """Presses Ctrl-C at the beginning of some batches, counted from 0 over all epochs."""

    def __init__(self, *steps, how=None):
        self.steps, self.how = steps, how or (lambda: os.kill(os.getpid(), signal.SIGINT))
        self.seen, self.ended, self.tested = 0, 0, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.seen += 1
        if self.seen - 1 in self.steps:
            self.how()

    def on_test_batch_begin(self, batch, logs=None):
        self.tested += 1
        if "test" in self.steps:
            self.how()

    def on_train_end(self, logs=None):
        self.ended += 1


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _handler_is_restored():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


WHEN = {  # batch; epochs in the history, steps that were made
    "first batch": (0, 0, 1),
    "in the second epoch": (6, 1, 7),
    "last batch of an epoch": (9, 1, 10),
}


@pytest.mark.parametrize(("step", "epochs", "steps"), WHEN.values(), ids=WHEN)
def test_the_first_ends_the_training_after_its_batch(step, epochs, steps, capsys):
    """Whole epochs are kept, the end is told to callbacks, one line to the user; fit returns."""
    press, net = Press(step), model()
    history = net.fit(X, Y, batch_size=4, epochs=5, verbose=0, callbacks=[press])
    assert len(history.epoch) == len(history.history.get("loss", [])) == epochs
    assert int(net.optimizer.iterations) == steps
    assert press.ended == 1
    assert net.history is history
    lines = capsys.readouterr().out.split("\n")
    assert [line for line in lines if line] == [
        "Interrupted: training ends after this batch; Ctrl-C once more ends it at once."
    ]
    assert net.fit(X, Y, batch_size=4, verbose=0).epoch == [0]


def test_a_second_one_is_raised_at_once():
    press = Press(0, how=lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)])
    with pytest.raises(KeyboardInterrupt):
        model().fit(X, Y, batch_size=4, verbose=0, callbacks=[press])
    assert press.ended == 0


def test_validation_is_cut_short_too():
    press, net = Press("test"), model()
    history = net.fit(
        X, Y, batch_size=4, epochs=3, verbose=0, validation_data=(X, Y), callbacks=[press]
    )
    assert press.tested == 1
    assert history.history == {}


def test_one_that_a_callback_raises_counts():
    press = Press(3, how=raise_interrupt)
    history = model().fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[press])
    assert history.epoch == []
    assert press.ended == 1


def test_a_handler_of_ones_own_is_kept():
    pressed = []

    def own(number, frame):
        pressed.append(number)

    signal.signal(signal.SIGINT, own)
    history = model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[Press(1)])
    assert signal.getsignal(signal.SIGINT) is own
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert pressed == [signal.SIGINT]
    assert len(history.epoch) == 2


def test_threads_train_without_a_handler():
    done = []
    thread = threading.Thread(target=lambda: done.append(model().fit(X, Y, verbose=0)))
    thread.start()
    thread.join()
    assert done[0].epoch == [0]


def test_a_backup_outlives_an_interruption(tmp_path):
    """And the next training goes on from it, and removes it."""
    folder = tmp_path / "backup"
    net = model()
    callbacks = [cnn_ext.callbacks.BackupAndRestore(folder), Press(12)]
    assert net.fit(X, Y, batch_size=4, epochs=4, verbose=0, callbacks=callbacks).epoch == [0, 1]
    assert folder.is_dir()
    again = cnn_ext.callbacks.BackupAndRestore(folder)
    assert net.fit(X, Y, batch_size=4, epochs=4, verbose=0, callbacks=again).epoch == [0, 1, 2, 3]
    assert not folder.exists()
