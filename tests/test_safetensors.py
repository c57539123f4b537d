"""Weights as safetensors: nothing is lost, the package reads them, bad files are refused."""

import json
import os
import struct
import sys
import tracemalloc
import warnings

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnn_ext
from cnn_ext import layers
from cnn_ext.saving import ModelFileError, load_weights, save_weights
from layer_rows import fill
from test_saving import MODELS

tensors = pytest.importorskip("safetensors.numpy")

models = pytest.mark.parametrize("make", MODELS)
KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"


def dense_model(units=3, optimizer=None):
    model = cnn_ext.Sequential([layers.Input((4,)), layers.Dense(units)])
    if optimizer is not None:
        model.compile(optimizer, "mse")
    return model


def trained(model):
    x = np.random.default_rng(0).standard_normal((8, 4)).astype("float32")
    model.fit(x, np.ones((8, model.output_shape[-1])), epochs=2, shuffle=False, verbose=0)
    return model


@pytest.fixture(autouse=True)
def names():
    """Numbered from the start."""
    cnn_ext.utils.clear_session()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.safetensors"


@pytest.fixture
def good(path):
    model = dense_model()
    fill(model)
    model.save_weights(path)
    return path


# --- What is written, and read again ----------------------------------------------------------


@models
def test_nothing_is_lost(make, path):
    saved, other = make(cnn_ext), make(cnn_ext)
    fill(saved)
    saved.save_weights(path)
    other.load_weights(path)
    for a, b in zip(saved.weights, other.weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy())


@models
def test_the_package_reads_what_the_other_format_has(make, path, tmp_path):
    """The same names and values as in `.weights.h5`."""
    model = make(cnn_ext)
    fill(model)
    model.save_weights(path)
    model.save_weights(tmp_path / "m.weights.h5")
    found = tensors.load_file(path)
    expected = {}
    with h5py.File(tmp_path / "m.weights.h5") as file:
        file.visititems(
            lambda name, x: expected.update({name: x[()]}) if isinstance(x, h5py.Dataset) else None
        )
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert all(found[name].dtype == expected[name].dtype for name in expected)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_training_goes_on(optimizer, path):
    saved, other = trained(dense_model(optimizer=optimizer)), dense_model(optimizer=optimizer)
    saved.save_weights(path)
    trained(other).load_weights(path)
    for a, b in zip(trained(saved).weights, trained(other).weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy())


def test_an_optimizer_before_its_first_step(path):
    dense_model(optimizer="adam").save_weights(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = trained(dense_model(optimizer="adam"))
        other.load_weights(path)
    assert other.optimizer.iterations.numpy() == 0


def test_an_optimizer_that_does_not_fit_is_left_with_a_warning(path):
    trained(dense_model(optimizer="adam")).save_weights(path)
    dense_model().load_weights(path)
    other = trained(dense_model(optimizer=cnn_ext.optimizers.SGD(momentum=0.9)))
    with pytest.warns(UserWarning, match="was skipped"):
        tensors.save_file(
            {k: v for k, v in tensors.load_file(path).items() if k != "optimizer/vars/2"},
            path,
        )
        other.load_weights(path)


def test_what_is_in_a_file_tells_its_format(good, tmp_path):
    renamed = tmp_path / "m.weights.h5"
    os.rename(good, renamed)
    dense_model().load_weights(renamed)
    dense_model().save_weights(renamed)
    os.rename(renamed, good)
    dense_model().load_weights(good)


def test_other_floats_are_converted(path):
    model = dense_model()
    values = {KERNEL: np.ones((4, 3), "float64"), BIAS: np.full(3, 0.5, "float16")}
    tensors.save_file(values, path)
    model.load_weights(path)
    assert [w.dtype for w in model.get_weights()] == ["float32", "float32"]
    assert model.get_weights()[1].tolist() == [0.5, 0.5, 0.5]


def test_a_failed_save_leaves_the_old_file(good, monkeypatch):
    before = good.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        dense_model(5).save_weights(good)
    assert good.read_bytes() == before
    assert os.listdir(good.parent) == [good.name]


def test_what_is_there_may_be_kept(good):
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_weights(dense_model(), good, overwrite=False)


def test_without_the_package(good, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (dense_model().save_weights, dense_model().load_weights):
        with pytest.raises(ImportError, match="pip install safetensors"):
            call(good)


# --- What does not match ----------------------------------------------------------------------


def test_all_that_does_not_match_is_listed(path):
    values = {KERNEL: np.ones((3, 4), "float32"), "b": np.ones(2), "a/vars/0": np.ones(2)}
    tensors.save_file(values, path)
    with pytest.raises(ModelFileError) as error:
        dense_model().load_weights(path)
    assert str(path) in str(error.value)
    assert [line.strip() for line in str(error.value).splitlines()[1:]] == [
        f"'{KERNEL}' has shape (3, 4) where the model has (4, 3) ('dense/kernel')",
        f"'{BIAS}' is missing, for 'dense/bias'",
        "'a/vars/0' has no place in the model",
        "'b' has no place in the model",
    ]


def test_layers_that_do_not_match_can_be_skipped(path):
    def model(units):
        last = layers.Dense(units, name="last")
        return cnn_ext.Sequential([layers.Input((4,)), layers.Dense(3), last])

    saved, other = model(2), model(5)
    fill(saved)
    kept = other.get_weights()[2:]
    saved.save_weights(path)
    with pytest.warns(UserWarning, match="'last' was skipped: .*has shape"):
        other.load_weights(path, skip_mismatch=True)
    for a, b in zip(other.get_weights(), saved.get_weights()[:2] + kept, strict=True):
        assert np.array_equal(a, b)


# --- Bad files --------------------------------------------------------------------------------


def entry(dtype="F32", shape=(3,), offsets=(0, 12)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def file_of(header, data, size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


WHOLE = {KERNEL: entry(shape=(4, 3), offsets=(0, 48)), BIAS: entry(offsets=(48, 60))}
DATA = bytes(60)
TWICE = json.dumps(WHOLE).replace("}}", f'}}, "{BIAS}": {json.dumps(WHOLE[BIAS])}}}').encode()
BAD = {
    "truncated": file_of(WHOLE, DATA[:-1]),
    "of its header alone": file_of(WHOLE, b""),
    "with more at its end": file_of(WHOLE, DATA + b"x"),
    "with a header of exabytes": file_of(WHOLE, DATA, 2**62),
    "with a header longer than any": file_of(WHOLE, DATA, 2**64 - 1),
    "with a header longer than itself": file_of(WHOLE, DATA, 4096),
    "with a header of 40 MB": file_of(json.dumps(WHOLE).encode() + b" " * 40_000_000, DATA),
    "of overlapping arrays": file_of({**WHOLE, BIAS: entry(offsets=(36, 48))}, DATA[:48]),
    "of arrays beyond its end": file_of({**WHOLE, BIAS: entry(offsets=(480, 492))}, DATA),
    "of terabytes": file_of({**WHOLE, BIAS: entry(shape=(2**40,), offsets=(48, 2**42))}, DATA),
    "of an overflowing shape": file_of({**WHOLE, BIAS: entry(shape=(2**63, 2))}, DATA),
    "of negative sizes": file_of({**WHOLE, BIAS: entry(shape=(-3,))}, DATA),
    "with a name that comes twice": file_of(TWICE, DATA),
    "of an unknown dtype": file_of({**WHOLE, BIAS: entry("O", offsets=(48, 60))}, DATA),
    "of truth values": file_of({**WHOLE, BIAS: entry("BOOL", offsets=(48, 51))}, DATA[:51]),
    "of brain floats": file_of({**WHOLE, BIAS: entry("BF16", offsets=(48, 54))}, DATA[:54]),
    "of complex numbers": file_of({**WHOLE, BIAS: entry("C64", offsets=(48, 72))}, bytes(72)),
    "of another shape": file_of({**WHOLE, BIAS: entry(shape=(1, 3), offsets=(48, 60))}, DATA),
    "of nested lists": file_of(b'{"a":' + b"[" * 100_000, b""),
    "of nothing": file_of({}, b""),
    "of bad text": file_of(b'{"\xff": 1}', b""),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused(what, path):
    path.write_bytes(BAD[what])
    model = dense_model()
    before = model.get_weights()
    tracemalloc.start()
    with pytest.raises(ModelFileError):
        load_weights(model, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_the_good_file_that_they_were_made_of_is_not(path):
    path.write_bytes(file_of(WHOLE, DATA))
    load_weights(dense_model(), path)


def test_an_integer_is_no_place_for_a_float(path):
    model = trained(dense_model(optimizer="sgd"))
    model.save_weights(path)
    values = tensors.load_file(path)
    values["optimizer/vars/0"] = np.asarray(0.5, "float32")
    tensors.save_file(values, path)
    with pytest.warns(UserWarning, match="holds F32, not numbers for int"):
        model.load_weights(path)


@settings(max_examples=300)
@given(st.integers(0, 300), st.integers(0, 255), st.integers(0, 3))
def test_any_byte_may_be_wrong(tmp_path_factory, place, value, cut):
    whole = bytearray(file_of(WHOLE, DATA))
    whole[place % len(whole)] = value
    path = tmp_path_factory.getbasetemp() / "wrong.safetensors"
    path.write_bytes(whole[: len(whole) - cut])
    try:
        load_weights(dense_model(), path)
    except ModelFileError:
        return
    assert path.read_bytes()[8:9] == b"{"
