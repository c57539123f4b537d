"""Legacy `.h5` files of strangers: nothing in them runs code, reads another file, takes more memory
than it may or hangs; and a model that is there stays as it was.

Every bad file is made here, from a good one. Over 400 lines because of its tables.
"""

import copy
import json
import struct
import time
import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnn_ext
from cnn_ext.saving import ModelFileError, load_model
from hostile import in_place_of, linked, paths_of, stored, survives, virtual
from test_legacy_h5 import (
    TRAINING_2,
    conv2d,
    dense_2,
    functional_2,
    initializer,
    input_2,
    node_2,
    plain,
    sequential_2,
    values_2,
    write_2,
)

KERNEL = "model_weights/dense/dense/kernel:0"
SHAPES = {"conv2d": [(3, 3, 1, 4), (4,)], "dense": [(4, 3), (3,)]}
ADAM_STATE = {"Adam/iter:0": np.int64(3)}
LAYERS = [
    input_2("i", [None, 8, 8, 1]), conv2d("conv2d", 4), plain("GlobalAveragePooling2D", "pool"),
    dense_2("dense", 3),
]  # fmt: skip


def good_model():
    model = cnn_ext.Sequential(
        [
            cnn_ext.layers.Input((8, 8, 1)),
            cnn_ext.layers.Conv2D(4, 3, activation="relu"),
            cnn_ext.layers.GlobalAveragePooling2D(),
            cnn_ext.layers.Dense(3, name="dense"),
        ]
    )
    model.compile("adam", "mse")
    return model


@pytest.fixture
def good(tmp_path):
    """The path of a good file."""
    path = tmp_path / "model.h5"
    empty = {layer["config"]["name"]: {} for layer in LAYERS}
    weights = empty | values_2(SHAPES)
    slots = {
        f"Adam/{name.removesuffix(':0')}/{slot}:0": value * 0.1
        for slot in "mv"
        for of_layer in weights.values()
        for name, value in of_layer.items()
    }
    write_2(path, sequential_2(LAYERS), weights, TRAINING_2, ADAM_STATE | slots)
    return path


def refused(path, says, memory=5e6):
    """As a model and as weights, with one error that names the file, in little memory and time."""
    model = good_model()
    before = model.get_weights()
    start = time.monotonic()
    for load in (load_model, model.load_weights):
        tracemalloc.start()
        with pytest.raises(ModelFileError, match=says) as error:
            load(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert str(path) in str(error.value)
        assert peak < memory
    assert time.monotonic() - start < 10
    for value, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, was)


def test_the_good_file_is_good(good):
    model = load_model(good)
    assert model.optimizer.iterations.numpy() == 3
    loaded = good_model()
    loaded.load_weights(good)
    for value, wanted in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, wanted)


# --- Weights --------------------------------------------------------------------------------------


def kernel(make):
    return in_place_of(KERNEL, make)


def group_linked(place, link):
    def change(file):
        file.move(place, "elsewhere")
        file[place] = link

    return change


def group_removed(place):
    return lambda file: file.__delitem__(place)


def attribute(place, name, value):
    def change(file):
        file[place].attrs[name] = value

    return change


def names(*values):
    return np.array([v.encode() for v in values])


def cycle(file):
    """A group in itself, and a name that goes round in it."""
    file["model_weights/dense/again"] = file["model_weights/dense"]
    attribute("model_weights/dense", "weight_names", names("again/" * 150 + "dense/kernel:0", "b"))(
        file
    )


def deep(file):
    place = "model_weights/dense"
    group = file[place]
    for _ in range(1500):
        group = group.create_group("a")
    group["kernel"] = np.zeros((4, 3), "float32")
    attribute(place, "weight_names", names("a/" * 1500 + "kernel", "dense/bias:0"))(file)


WEIGHTS = {  # what is done to a good file, and what is said of it
    "soft link": (kernel(linked(h5py.SoftLink("/model_weights/dense/dense/bias:0"))), "is a link"),
    "external link": (kernel(linked(h5py.ExternalLink("other.h5", "data"))), "is a link"),
    "soft link that leads nowhere": (kernel(linked(h5py.SoftLink("/nothing"))), "is a link"),
    "soft link to itself": (kernel(linked(h5py.SoftLink("/" + KERNEL))), "is a link"),
    "soft link to a layer": (
        group_linked("model_weights/dense", h5py.SoftLink("/elsewhere")), "is a link",
    ),
    "external link to a layer": (
        group_linked("model_weights/dense", h5py.ExternalLink("other.h5", "/")), "is a link",
    ),
    "soft link to all": (group_linked("model_weights", h5py.SoftLink("/elsewhere")), "is a link"),
    "external link to all": (
        group_linked("model_weights", h5py.ExternalLink("other.h5", "/")), "is a link",
    ),
    "cycle": (cycle, "is deeper than 100 groups"),
    "deep": (deep, "is deeper than 100 groups"),
    "external storage": (
        kernel(stored(external=[("/etc/hostname", 0, 48)])), "stored outside the file",
    ),
    "virtual": (kernel(virtual), "stored outside the file"),
    "shape bomb": (kernel(stored((10**6, 10**6), chunks=(1000, 1000))), r"\(1000000, 1000000\)"),
    "flat shape bomb": (kernel(stored((2**20, 2**20, 2**10))), r"\(1048576, 1048576, 1024\)"),
    "compressed shape bomb": (
        kernel(stored((10**6, 10**6), chunks=(10, 10), compression="gzip")),
        r"\(1000000, 1000000\)",
    ),
    "compressed": (kernel(stored(compression="gzip")), "compressed or in chunks"),
    "filtered": (kernel(stored(fletcher32=True)), "compressed or in chunks"),
    "resizable": (kernel(stored(maxshape=(None, None), chunks=(4, 3))), "compressed or in chunks"),
    "texts": (kernel(stored(dtype="S8")), "not numbers"),
    "texts of any length": (kernel(stored(dtype=h5py.string_dtype())), "not numbers"),
    "lists": (kernel(stored(dtype=h5py.vlen_dtype("float32"))), "not numbers"),
    "references": (kernel(stored(dtype=h5py.ref_dtype)), "not numbers"),
    "records": (kernel(stored(dtype=[("a", "f4")])), "not numbers"),
    "complex": (kernel(stored(dtype="complex64")), "not numbers"),
    "bytes without meaning": (kernel(stored(dtype="V4")), "not numbers"),
    "transposed": (
        kernel(stored((3, 4))), "Shape mismatch in layer #1 .named dense. for weight dense/",
    ),
    "group for a weight": (
        kernel(lambda f, name, shape: f.create_group(name)), "is not a dataset",
    ),
    "no weight": (group_removed(KERNEL), "is not a dataset"),
    "no layer": (group_removed("model_weights/dense"), "'dense' is not a group"),
    "weight for a layer": (
        lambda f: (f.__delitem__("model_weights/dense"),
                   f.create_dataset("model_weights/dense", data=[1.0])),
        "'dense' is not a group",
    ),
    "weight for all": (
        lambda f: (f.__delitem__("model_weights"), f.create_dataset("model_weights", data=[1.0])),
        "'model_weights' is not a group",
    ),
    "no names": (lambda f: f["model_weights"].attrs.__delitem__("layer_names"), "found 0 saved"),
    "numbers for names": (
        attribute("model_weights", "layer_names", np.arange(4)), "'layer_names'.*holds no text",
    ),
    "records for names": (
        attribute("model_weights", "layer_names", np.zeros(4, [("a", "f4")])), "holds no text",
    ),
    "table of names": (
        attribute("model_weights", "layer_names", np.array([[b"dense"]])), "holds no text",
    ),
    "names that are no text": (
        attribute("model_weights", "layer_names", np.array([b"\xff\xfe"])), "not a readable HDF5",
    ),
    "long name": (
        attribute("model_weights", "layer_names", names("n" * 5000)), "more than 4096 characters",
    ),
    "name of the root": (
        attribute("model_weights/dense", "weight_names", names("/", "//")), "not a",
    ),
    "absolute name": (
        attribute("model_weights/dense", "weight_names", names("/" + KERNEL, "dense/bias:0")),
        "not a dataset|not a readable",
    ),
    "name upwards": (
        attribute("model_weights/dense", "weight_names", names("../conv2d", "dense/bias:0")),
        "is not a dataset",
    ),
    "name of the group": (
        attribute("model_weights/dense", "weight_names", names(".", ".")), "not a dataset|readable",
    ),
    "more layers": (
        attribute("model_weights", "layer_names", names(*["dense"] * 3)),
        "Layer count mismatch when loading weights from file. Model expected 2 layers, found 3",
    ),
    "more weights": (
        attribute("model_weights/dense", "weight_names", names(*["dense/bias:0"] * 3)),
        r"Weight count mismatch for layer #1 \(named dense.*expects 2 weight.*Received 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), WEIGHTS.values(), ids=WEIGHTS)
def test_bad_weights_are_refused(change, says, good):
    with h5py.File(good.parent / "other.h5", "w") as file:
        file["data"] = np.ones((4, 3), np.float32)
    with h5py.File(good, "r+") as file:
        change(file)
    refused(good, says)


@pytest.mark.parametrize("name", ["shape bomb", "external storage", "soft link", "compressed"])
def test_a_bad_state_of_the_optimizer_is_left_out(name, good):
    """It is as if there were none, and it is not read."""
    change, _ = WEIGHTS[name]
    with h5py.File(good, "r+") as file:
        file["model_weights/dense"].move("dense/kernel:0", "kept")
        file[KERNEL] = np.zeros((4, 3), np.float32)
        change(file)
        file["optimizer_weights"].move("Adam/dense/kernel/m:0", "old")
        file.move(KERNEL, "optimizer_weights/Adam/dense/kernel/m:0")
        file["model_weights/dense"].move("kept", "dense/kernel:0")
    with pytest.warns(UserWarning, match="Error in loading the saved optimizer state"):
        model = load_model(good)
    assert model.optimizer.iterations.numpy() == 0
    assert all(not v.numpy().any() for v in model.optimizer.variables[2:])


def test_one_long_text_a_thousand_times(good):
    """Each name refers to the same text of a megabyte: a file of 1 MB that promises 4 GB."""
    long, count = "x" * 2**20, 4000
    with h5py.File(good, "r+") as file:
        file.attrs["long"] = long
        file["model_weights"].attrs["layer_names"] = ["seven77"] * count
    data = good.read_bytes()
    place = data.find(struct.pack("<I", len(long)))
    while data[(at := struct.unpack_from("<Q", data, place + 4)[0]) : at + 4] != b"GCOL":
        place = data.find(struct.pack("<I", len(long)), place + 1)
    reference = data[place : place + 16]
    start = data.find(struct.pack("<I", 7))
    changed = bytearray(data)
    replaced = 0
    while start >= 0:
        at = struct.unpack_from("<Q", data, start + 4)[0]
        if data[at : at + 4] == b"GCOL":
            changed[start : start + 16] = reference
            replaced += 1
        start = data.find(struct.pack("<I", 7), start + 1)
    assert replaced == count
    good.write_bytes(changed)
    refused(good, "its parts refer to the same bytes again and again")


def test_an_attribute_that_says_it_is_huge(good):
    """The number of names in the file changed to 2**40."""
    with h5py.File(good, "r+") as file:
        attribute("model_weights", "layer_names", names(*["dense"] * 77))(file)
    data = good.read_bytes()
    count = struct.pack("<Q", 77)
    assert data.count(count)
    good.write_bytes(data.replace(count, struct.pack("<Q", 2**40)))
    refused(good, "not a readable HDF5 file|may need|holds no text|expected")


def test_groups_within_groups_without_end(tmp_path):
    """In the file of weights of Keras 3, where no name asks for them."""
    path = tmp_path / "model.weights.h5"
    model = good_model()
    model.save_weights(path)
    before = path.read_bytes()
    with h5py.File(path, "r+") as file:
        group = file
        for _ in range(20_000):
            group = group.create_group("a")
    with pytest.raises(ModelFileError, match="is deeper than 100 groups"):
        model.load_weights(path)
    path.write_bytes(before)
    with h5py.File(path, "r+") as file:  # in a circle there are few
        file["layers/again"] = file["layers"]
    model.load_weights(path)


# --- Configurations -------------------------------------------------------------------------------


def layer(node):
    """The Dense layer replaced by another node."""
    return lambda config: config["config"]["layers"].__setitem__(3, node)


def dense(**arguments):
    return lambda config: config["config"]["layers"][3]["config"].update(arguments)


def of_module(module, class_name, config):
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


CODE = ["4wEAAAAAAAAAAAAAAAIAAABTAAAA\n", None, None]
NOT_FOUND, TOO_LARGE = "Could not locate", "would need .* bytes"
CONFIGS = {  # what is changed in a good configuration, and what is said of it
    # CVE-2025-9905: code in legacy files
    "Lambda": (
        layer(plain("Lambda", "l", function=CODE, function_type="lambda", module="os")), "Lambda",
    ),
    "Lambda of Keras 3": (
        layer(plain("Lambda", "l", function={"class_name": "__lambda__", "config": {}})),
        "Lambda|lambda|Could not locate",
    ),
    "function of another module": (
        dense(activation=of_module("os", "function", "system")), NOT_FOUND,
    ),
    "class of another module": (layer(of_module("os", "system", {"command": "true"})), NOT_FOUND),
    "module for the model": (lambda c: c.update(of_module("os", "system", {})), NOT_FOUND),
    "operation of TensorFlow": (
        layer(plain("TFOpLambda", "t", function="io.write_file")), "class 'TFOpLambda'",
    ),
    "loader": (layer(plain("TFSMLayer", "t", filepath="/x")), NOT_FOUND),
    "module of PyTorch": (layer(plain("TorchModuleWrapper", "t", module="x")), NOT_FOUND),
    "file of words": (layer(plain("StringLookup", "t", vocabulary="/etc/passwd")), NOT_FOUND),
    "initializer": (
        dense(kernel_initializer={"class_name": "system", "config": {"command": "true"}}),
        "class 'system' of module 'keras.initializers'.*kernel_initializer",
    ),
    "layer for an initializer": (dense(kernel_initializer=initializer("Dense")), NOT_FOUND),
    "misspelt": (layer(plain("Densee", "d", units=1)), "did you mean 'Dense'"),
    "huge layer": (dense(units=10**12), TOO_LARGE),
    "large layer": (dense(units=10**8), TOO_LARGE),
    "negative": (dense(units=-3), "units.*Received.*-3"),
    "text": (dense(units="3"), "units.*Received.*'3'"),
    "no config": (lambda c: c.pop("config"), "it lacks 'config'"),
    "no class": (lambda c: c.pop("class_name"), "it lacks 'class_name'"),
    "numbers for layers": (lambda c: c["config"].update(layers=[1, 2]), "cannot be used"),
    "number for layers": (lambda c: c["config"].update(layers=3), "cannot be used"),
    "number for a config": (lambda c: c.update(config=3), "cannot be used"),
    "layer for a model": (lambda c: c.update(dense_2("d")), "holds no model"),
    "list for a class": (lambda c: c.update(class_name=["Sequential"]), "cannot be used|locate"),
    "tuple without items": (dense(units={"class_name": "__tuple__"}), "it lacks 'items'"),
    "calls without end": (
        lambda c: c.update(functional_2(
            "m", "Functional", ["i"], [("a", 0)], node_2(input_2("i", [None, 4])),
            node_2(dense_2("a"), [["b", 0, 0, {}]]), node_2(dense_2("b"), [["a", 0, 0, {}]]))),
        "must be connected to its inputs, without cycles",
    ),
    "calls of nothing": (
        lambda c: c.update(functional_2(
            "m", "Functional", ["i"], [("a", 0)], node_2(input_2("i", [None, 4])),
            node_2(dense_2("a"), [["x", 0, 0, {}]]))),
        "must be on its own layers",
    ),
    "calls that are numbers": (
        lambda c: c.update(functional_2(
            "m", "Functional", ["i"], [("a", 0)], node_2(input_2("i", [None, 4])),
            node_2(dense_2("a"), [1, 2]))),
        "cannot be used",
    ),
    "calls far away": (
        lambda c: c.update(functional_2(
            "m", "Functional", ["i"], [("a", 10**9)], node_2(input_2("i", [None, 4])),
            node_2(dense_2("a"), [["i", -5, 10**9, {}]]))),
        "cannot be used",
    ),
}  # fmt: skip


def with_config(path, text, name="model_config"):
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
        file.attrs[name] = text


def config_refused(path, says):
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=f"(?s){says}") as error:
        load_model(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(path) in str(error.value)
    assert peak < 5e6


@pytest.mark.parametrize(("change", "says"), CONFIGS.values(), ids=CONFIGS)
def test_bad_configuration_is_refused(change, says, good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = copy.deepcopy(sequential_2(LAYERS))
    change(config)
    with_config(good, json.dumps(config))
    config_refused(good, says)
    assert [p.name for p in tmp_path.iterdir()] == ["model.h5"]


TRAININGS = {
    "optimizer": ({"optimizer_config": plain("system", "s")}, "class 'system'"),
    "no optimizer": ({"optimizer_config": None}, "cannot be used"),
    "optimizer of another module": (
        {"optimizer_config": of_module("os", "system", {})},
        "class 'system'",
    ),
    "schedule": (
        {"optimizer_config": plain("SGD", "s", learning_rate=plain("system", "s"))},
        "cannot be",
    ),
    "loss": ({"loss": plain("system", "s")}, "class 'system' of module 'keras.losses'"),
    "loss by name": ({"loss": "system"}, "Could not interpret loss identifier: system"),
    "loss of another module": ({"loss": of_module("os", "function", "system")}, "'system'"),
    "metric": ({"metrics": [plain("CSVLogger", "s")]}, "class 'CSVLogger'"),
    "metric of a function": (
        {"metrics": [plain("MeanMetricWrapper", "s", fn="system")]},
        "function 'system'",
    ),
    "huge metric": ({"metrics": [plain("AUC", "s", num_thresholds=10**10)]}, "cannot be used"),
}


@pytest.mark.parametrize(("change", "says"), TRAININGS.values(), ids=TRAININGS)
def test_bad_compilation_is_refused(change, says, good):
    with_config(good, json.dumps(TRAINING_2 | change), "training_config")
    config_refused(good, says)
    assert not load_model(good, compile=False).compiled


TEXTS = {
    "deep lists": ("[" * 100_000 + "]" * 100_000, "nested deeper than 200"),
    "deep objects": ('{"a":' * 1000 + "1" + "}" * 1000, "nested deeper than 200"),
    "half": ('{"class_name": "Sequ', "is not JSON"),
    "nothing": ("", "is not JSON"),
    "a list": ("[]", "does not describe a model"),
    "a number": (np.float32(3), "holds no text"),
    "texts": (["{}", "{}"], "holds 2 texts where one is expected"),
    "a number of many digits": ("1" * 10**5, "is not JSON"),
}


@pytest.mark.parametrize(("text", "says"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("name", ["model_config", "training_config"])
def test_bad_text_is_refused(name, text, says, good):
    with_config(good, text, name)
    config_refused(good, f"{name}.*{says}")


def test_a_large_layer_with_small_weights_takes_no_memory(good):
    """The configuration and the weights agree on a size that the file does not hold."""
    config = copy.deepcopy(sequential_2(LAYERS))
    dense(units=10**8)(config)
    with h5py.File(good, "r+") as file:
        kernel(stored((4, 10**8)))(file)
    with_config(good, json.dumps(config))
    config_refused(good, TOO_LARGE)


# --- Damage ------------------------------------------------------------------------------------


def test_a_truncated_file(good):
    data = good.read_bytes()
    assert survives(data, good)
    for size in [*range(0, len(data), len(data) // 40), len(data) - 1]:
        assert not survives(data[:size], good)


@settings(max_examples=200)
@given(st.data())
def test_flipped_bytes(tmp_path_factory, draw):
    path = tmp_path_factory.mktemp("flipped") / "m.h5"
    write_2(path, sequential_2(LAYERS), values_2(SHAPES), TRAINING_2)
    damaged = bytearray(path.read_bytes())
    for _ in range(draw.draw(st.integers(1, 4))):
        damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))
    survives(bytes(damaged), path)


REPLACEMENTS = (None, True, -1, 0, 10**9, 1e300, float("nan"), "", "x", [], {}, [[]], {"a": 1})


@pytest.mark.parametrize("name", ["model_config", "training_config"])
def test_any_value_replaced(name, good):
    config = {"model_config": sequential_2(LAYERS), "training_config": TRAINING_2}[name]
    places = list(paths_of(config))
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(100):
        changed = copy.deepcopy(config)
        holder, key = changed, places[rng.integers(len(places))]
        for step in key[:-1]:
            holder = holder[step]
        if rng.random() < 0.2:
            del holder[key[-1]]
        else:
            holder[key[-1]] = REPLACEMENTS[rng.integers(len(REPLACEMENTS))]
        with_config(good, json.dumps(changed), name)
        outcomes.add(survives(good.read_bytes(), good))
    assert outcomes == {True, False}
