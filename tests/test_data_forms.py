"""Where data may come from: each form gives what arrays give in Keras."""

import threading

import numpy as np
import pytest

import cnn_ext
from twins import IMAGES, LABELS, WEIGHTS, assert_same_weights, twins

STEPS, SIZE = 5, 4
X, Y, W = IMAGES[:20], LABELS[:20], WEIGHTS[:20]


def batch(index, parts=(X, Y)):
    index %= STEPS
    return tuple(part[SIZE * index : SIZE * index + SIZE] for part in parts)


def generator(parts=(X, Y), forever=False):
    for _ in range(100 if forever else 1):
        for index in range(STEPS):
            yield batch(index, parts)


class Iterable:
    """Not an iterator: each pass begins anew."""

    def __init__(self, parts=(X, Y)):
        self.parts = parts

    def __iter__(self):
        return generator(self.parts)


class Sized(Iterable):
    def __len__(self):
        return STEPS


class Table:
    """What pandas has."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def to_numpy(self):
        return self.array

    def __len__(self):
        return len(self.array)


def dataset(parts=(X, Y), events=None, **how):
    class Batches(cnn_ext.utils.PyDataset):
        def __len__(self):
            return STEPS

        def __getitem__(self, index):
            return batch(index, parts)

        def on_epoch_begin(self):
            if events is not None:
                events.append("begin")

        def on_epoch_end(self):
            if events is not None:
                events.append("end")

    return Batches(**how)


def endless():
    class Batches(cnn_ext.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return batch(index)

    return Batches()


FORMS = {  # data, and arguments of fit
    "generator": (lambda: generator(), {}),
    "generator without end": (lambda: generator(forever=True), {"steps_per_epoch": 5, "epochs": 2}),
    "generator, steps": (lambda: generator(forever=True), {"steps_per_epoch": 5}),
    "iterable": (Iterable, {"epochs": 2}),
    "sized": (Sized, {"epochs": 2}),
    "sized, steps": (Sized, {"epochs": 2, "steps_per_epoch": 5}),
    "list of batches": (lambda: iter([batch(i) for i in range(5)]), {}),
    "lists in batches": (lambda: iter([list(batch(i)) for i in range(5)]), {}),
    "data set": (dataset, {"epochs": 2}),
    "data set of threads": (lambda: dataset(workers=3), {"epochs": 2}),
    "data set without end": (endless, {"steps_per_epoch": 5, "epochs": 1}),
    "tables": (lambda: (Table(X), Table(Y)), {"batch_size": SIZE, "epochs": 2}),
    "Tensors": (
        lambda: (cnn_ext.Tensor(X), cnn_ext.Tensor(Y)), {"batch_size": SIZE, "epochs": 2},
    ),
    "a list of one": (lambda: ([X], [Y]), {"batch_size": SIZE, "epochs": 2}),
    "a dict": (lambda: ({"images": X}, Y), {"batch_size": SIZE, "epochs": 2}),
    "nested lists": (lambda: (X.tolist(), Y.tolist()), {"batch_size": SIZE}),
}  # fmt: skip


def named(keras):
    layers = keras.layers
    images = keras.Input((6, 6, 1), name="images")
    return keras.Model(images, layers.Dense(3, "softmax")(layers.Flatten()(images)))


@pytest.fixture(scope="module")
def wanted(keras):
    """What Keras learns from arrays: histories of one and of two epochs, and weights."""
    found = {}
    for epochs in (1, 2):
        _, theirs = twins(keras, named, "sgd", metrics=["accuracy"])
        history = theirs.fit(X, Y, batch_size=SIZE, epochs=epochs, shuffle=False, verbose=0)
        found[epochs] = history.history, theirs
    return found


@pytest.mark.parametrize(("make", "how"), FORMS.values(), ids=FORMS)
def test_every_form_of_data_gives_what_arrays_give(make, how, wanted):
    ours, _ = twins(cnn_ext, named, "sgd", metrics=["accuracy"])
    data = make()
    x, y = data if isinstance(data, tuple) else (data, None)
    history = ours.fit(x, y, shuffle=False, verbose=0, **how).history
    logs, theirs = wanted[how.get("epochs", 1)]
    assert list(history) == list(logs)
    for name, values in history.items():
        assert values == pytest.approx(logs[name], rel=1e-5, abs=1e-6)
    assert_same_weights(ours, theirs)


@pytest.mark.parametrize("make", [generator, Iterable, Sized, dataset], ids=lambda m: m.__name__)
def test_weights_in_batches_and_validation_of_every_form(make, keras):
    """(x, y, w), evaluated and validated on, as arrays are in Keras."""
    parts = (X, Y, W)
    ours, theirs = twins(keras, named, "sgd", weighted_metrics=["accuracy"])
    found = ours.fit(
        make(parts), validation_data=make(parts), shuffle=False, verbose=0
    ).history  # fmt: skip
    logs = theirs.fit(
        X, Y, sample_weight=W, validation_data=parts, shuffle=False, verbose=0, batch_size=SIZE
    ).history
    assert list(found) == list(logs)
    for name, values in found.items():
        assert values == pytest.approx(logs[name], rel=1e-5, abs=1e-6)
    assert ours.evaluate(make(parts), verbose=0) == pytest.approx(
        theirs.evaluate(X, Y, sample_weight=W, batch_size=SIZE, verbose=0), rel=1e-5
    )
    np.testing.assert_allclose(
        ours.predict(make((X,)), verbose=0), theirs.predict(X, verbose=0), rtol=1e-4
    )


def test_class_weights_of_a_data_set_are_those_of_arrays(keras):
    ours, theirs = twins(keras, named, "sgd")
    factors = {0: 0.5, 2: 3.0}
    ours.fit(dataset(), class_weight=factors, shuffle=False, verbose=0)
    theirs.fit(X, Y, batch_size=SIZE, class_weight=factors, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs)


def test_a_data_set_is_told_of_its_epochs():
    events = []
    ours, _ = twins(cnn_ext, named)
    ours.fit(dataset(events=events), epochs=3, verbose=0)
    assert events == ["begin", "end"] * 3


def test_batches_of_a_data_set_are_shuffled_whole():
    seen = []

    class Noted(cnn_ext.utils.PyDataset):
        def __len__(self):
            return 20

        def __getitem__(self, index):
            seen.append(index)
            return X[index : index + 1], Y[index : index + 1]

    ours, _ = twins(cnn_ext, named)
    ours.fit(Noted(), epochs=2, verbose=0)
    assert sorted(seen[:20]) == sorted(seen[20:]) == list(range(20))
    assert seen[:20] != seen[20:]


def test_shuffling_within_batches_keeps_them():
    seen = []

    class Note(cnn_ext.layers.Layer):
        def call(self, inputs):
            seen.append(np.asarray(inputs)[:, 0].astype(int).tolist())
            return inputs

    model = cnn_ext.Sequential([cnn_ext.Input((1,)), Note(), cnn_ext.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(23.0)[:, None]
    model.fit(x, x / 20, batch_size=10, shuffle="batch", verbose=0)
    rows = seen[-3:]
    assert [sorted(batch) for batch in rows] == [[*range(10)], [*range(10, 20)], [20, 21, 22]]
    assert rows[0] != sorted(rows[0])


RUN_OUT = {  # batches of the generator, steps, epochs; epochs that are left
    "no steps": (None, 3, 1),
    "whole epochs": (5, 2, 1),
    "a part of an epoch": (3, 3, 2),
}


@pytest.mark.parametrize(("steps", "epochs", "left"), RUN_OUT.values(), ids=RUN_OUT)
def test_a_generator_that_runs_out_ends_the_training(steps, epochs, left):
    """With a warning. (Keras goes on with the generator's first two batches.)"""
    ours, _ = twins(cnn_ext, named)
    with pytest.warns(UserWarning, match="Your input ran out of data; interrupting training"):
        history = ours.fit(generator(), steps_per_epoch=steps, epochs=epochs, verbose=0)
    assert len(history.epoch) == left
    assert int(ours.optimizer.iterations) == STEPS + 0


def test_what_a_worker_raises_comes_out_of_fit():
    class Broken(cnn_ext.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            raise OSError("no such image")

    ours, _ = twins(cnn_ext, named)
    threads = threading.active_count()
    with pytest.raises(OSError, match="no such image"):
        ours.fit(Broken(workers=2), verbose=0)
    assert threading.active_count() == threads


WRONG = {
    "targets of a generator": (
        lambda m, g, d: m.fit(g, Y), "When providing `x` as a generator, `y` should not be passed.",
    ),
    "weights of a generator": (
        lambda m, g, d: m.fit(g, sample_weight=W),
        "When providing `x` as a generator, `sample_weight",
    ),
    "targets of a data set": (
        lambda m, g, d: m.fit(d, Y), "When providing `x` as a PyDataset, `y` should not be passed.",
    ),
    "class weights of a generator": (
        lambda m, g, d: m.fit(g, class_weight={0: 1.0}),
        "Argument `class_weight` is not supported for Python generator inputs.",
    ),
    "a part of a generator": (
        lambda m, g, d: m.fit(g, validation_split=0.5),
        "Argument `validation_split` is only supported for tensors or NumPy arrays.",
    ),
    "a generator of arrays": (
        lambda m, g, d: m.fit(x for x in X),
        "When passing a Python generator to a Keras model, the generator must return a tuple",
    ),
    "a function": (lambda m, g, d: m.fit(len), "Unrecognized data type: x"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed:UserWarning")
@pytest.mark.parametrize(("call", "begins"), WRONG.values(), ids=WRONG)
def test_mistakes_are_errors_as_in_keras(call, begins, keras):
    for module, model in zip((cnn_ext, keras), twins(keras, named), strict=True):
        data = type("Set", (module.utils.PyDataset,), {"__len__": lambda self: 1})()
        with pytest.raises(ValueError) as raised:
            call(model, generator(), data)
        assert str(raised.value).startswith(begins)
        if module is cnn_ext:
            assert "Received" in str(raised.value)
            assert "\n" not in str(raised.value)
