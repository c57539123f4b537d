"""Small files made to cost much: each is refused in little time and memory."""

import gc
import json
import time
import tracemalloc
import weakref

import h5py
import numpy as np
import pytest

import cnn_ext
from cnn_ext.saving import ModelFileError, hdf5, load_model
from cnn_ext.saving.training_state import is_plain, load_training, save_training


def small_model():
    model = cnn_ext.Sequential([cnn_ext.layers.Input((3,)), cnn_ext.layers.Dense(2, name="a")])
    model.compile("sgd", "mse")
    return model


def refused(load, says):
    start = time.monotonic()
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=says):
        load()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**28  # as README promises
    assert time.monotonic() - start < 30


def names(count, letters=b"a"):
    return np.array([letters] * count)


def legacy(path, layers, weights):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = layers
        file.create_group("a").attrs["weight_names"] = weights


@pytest.mark.parametrize("how", [{}, {"by_name": True, "skip_mismatch": True}])
@pytest.mark.filterwarnings("ignore:Skipping loading of weights")
def test_names_times_names(how, tmp_path):
    """A layer of 30,000 weights, listed 30,000 times."""
    legacy(tmp_path / "m.h5", names(30_000), names(30_000, b"wx"))
    refused(lambda: small_model().load_weights(tmp_path / "m.h5", **how), "again and again")


def test_names_without_number(tmp_path):
    legacy(tmp_path / "m.h5", names(1), names(1))
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        del file.attrs["layer_names"]
        for index in range(300):
            file.attrs[f"layer_names{index}"] = names(16_000, b"aa")
    refused(lambda: small_model().load_weights(tmp_path / "m.h5"), "has more than 1048576 parts")


def test_long_paths_of_many_groups(tmp_path):
    path = tmp_path / "m.weights.h5"
    small_model().save_weights(path)
    with h5py.File(path, "r+", libver="latest") as file:
        group = file
        for _ in range(20):
            group = group.create_group("y" * 60_000)
        for index in range(2000):
            group.create_group(str(index))
    refused(lambda: small_model().load_weights(path), "path is longer than 4096 characters")


def with_state(path, text, compact=False):
    """A training's file with another state; its array 0 may be kept in its own header."""
    save_training(small_model(), path, {"x": np.zeros(3000)})
    with h5py.File(path, "r+") as file:
        group = file["training"]
        del group["state"]
        group["state"] = np.frombuffer(text.encode(), np.uint8)
        if compact:
            del group["0"]
            how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            how.set_layout(h5py.h5d.COMPACT)
            space = h5py.h5s.create_simple((60_000,))
            made = h5py.h5d.create(group.id, b"0", h5py.h5t.NATIVE_UINT8, space, how)
            h5py.Dataset(made)[:] = 1


def state_of(items, kind="{}"):
    return '{"dict":[["k",' + kind.format("[" + ",".join(items) + "]") + "]]}"


@pytest.mark.parametrize("compact", [False, True])
def test_one_array_again_and_again(compact, tmp_path):
    with_state(tmp_path / "s.h5", state_of(['{"array":[0,false]}'] * 40_000), compact)
    refused(
        lambda: load_training(small_model(), tmp_path / "s.h5"), "the same bytes again and again"
    )


COLLIDE = [str(i * (2**61 - 1)) for i in range(1, 30_000)]  # the hash of each is 0


@pytest.mark.parametrize(
    "text",
    [
        state_of(COLLIDE, '{{"set":{}}}'),
        state_of([f'{{"tuple":[{n}]}}' for n in COLLIDE], '{{"set":{}}}'),
        state_of([f"[{n},0]" for n in COLLIDE], '{{"dict":{}}}'),
        state_of([f"[-{n},0]" for n in COLLIDE], '{{"dict":{}}}'),
    ],
    ids=["set", "tuples", "dict", "negative"],
)
def test_values_of_one_hash(text, tmp_path):
    with_state(tmp_path / "s.h5", text)
    refused(lambda: load_training(small_model(), tmp_path / "s.h5"), "too large to be looked up")


def test_numbers_as_keys_are_kept(tmp_path):
    state = {"a": {3: "x", (1, -2): 2**59, 0.5: None}, "b": {2**59, "x"}, "c": 2**70}
    save_training(small_model(), tmp_path / "s.h5", state)
    assert load_training(small_model(), tmp_path / "s.h5") == state


@pytest.mark.parametrize("value", [{2**60: 1}, {-(2**60)}, {(1, 2**70): 1}, {np.int64(2**61): 1}])
def test_what_could_not_be_read_is_not_written(value):
    assert not is_plain(value)


def test_values_without_number(tmp_path):
    """Three bytes for an empty list, which takes 64."""
    with_state(tmp_path / "s.h5", state_of(["[]"] * 3_000_000))
    says = "more than 1000000 lists and objects"
    refused(lambda: load_training(small_model(), tmp_path / "s.h5"), says)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        config = {"class_name": "Sequential", "config": {"layers": [[]] * 2_000_000}}
        file.attrs["model_config"] = json.dumps(config)
    refused(lambda: load_model(tmp_path / "m.h5"), says)


def test_a_million_numbers_are_kept(tmp_path):
    """As a callback may have them that keeps one for each batch."""
    state = {"losses": [0.5] * 10**6}
    save_training(small_model(), tmp_path / "s.h5", state)
    assert load_training(small_model(), tmp_path / "s.h5") == state


def test_a_file_is_let_go_of(tmp_path):
    """At once, not when the collector of cycles comes."""
    path = tmp_path / "m.weights.h5"
    small_model().save_weights(path)
    gc.disable()
    try:
        with hdf5.opened(path, "x") as root:
            file = root.file
            found = hdf5.dataset(root, "layers/dense/vars/0").read()
        kept = weakref.ref(file)
        del file, root
        assert kept() is None
        assert found.shape == (3, 2)
    finally:
        gc.enable()
