"""The `.keras` file: what a stranger's file cannot do, and what one's own must not lose.

Every bad file is made here, from a good one. Over 400 lines because of its tables.
"""

import copy
import io
import json
import os
import struct
import tracemalloc
import warnings
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnn_ext
from cnn_ext import layers, registry, saving
from cnn_ext.naming import clear_session
from cnn_ext.saving import ModelFileError, load_model
from hostile import in_place_of, linked, paths_of, stored, survives, virtual
from layer_rows import all_rows

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
KERNEL = "layers/dense/vars/0"


def model_for_files():
    """A branched model with several inputs of each kind of thing that a file holds."""
    clear_session()
    inputs = layers.Input((6, 6, 1))
    x = layers.Conv2D(3, 3, activation="relu", kernel_regularizer="l2")(inputs)
    x = layers.BatchNormalization()(x)
    x = cnn_ext.ops.multiply(x, 2.0)
    x = layers.concatenate([layers.Flatten()(x), layers.GlobalAveragePooling2D()(x)])
    x = cnn_ext.Sequential([layers.Dense(4, kernel_constraint="max_norm"), layers.ReLU()])(x)
    model = cnn_ext.Model(inputs, layers.Dense(2, activation="softmax")(layers.Dropout(0.5)(x)))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy", cnn_ext.metrics.AUC()])
    return model


def dense_model(units=3):
    clear_session()
    model = cnn_ext.Sequential([layers.Input((4,)), layers.Dense(units)])
    model.compile("sgd", "mse")
    return model


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "model.keras"
    dense_model().save(path)
    return path


def refused(path, says, **arguments):
    """The error of a file that cannot be used; it names the file."""
    with pytest.raises(ModelFileError, match=says) as error:
        load_model(path, **arguments)
    assert str(path) in str(error.value)
    return str(error.value)


# --- Configurations that are refused ----------------------------------------------------------


def node(module, class_name, config, registered_name=None):
    return {
        "module": module, "class_name": class_name, "config": config,
        "registered_name": registered_name,
    }  # fmt: skip


LAMBDA = {"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAA", "defaults": None}}
FUNCTION = node("os", "function", "system", "system")


def layer(*arguments):
    """The Dense layer replaced by another node."""
    made = node(*arguments)

    def change(config):
        config["config"]["layers"][1] = made

    return change


def dense(**arguments):
    """Arguments of the Dense layer changed."""

    def change(config):
        config["config"]["layers"][1]["config"].update(arguments)

    return change


def top(**keys):
    return lambda config: config.update(keys)


def inputs(shape):
    def change(config):
        config["config"]["layers"][0]["config"]["batch_shape"] = shape
        config["config"]["build_input_shape"] = shape
        config["config"]["layers"][1]["build_config"] = {"input_shape": shape}
        config["build_config"] = {"input_shape": shape}

    return change


def compilation(**arguments):
    return lambda config: config["compile_config"].update(arguments)


def operation(module, class_name, arguments, static=None):
    """A functional model with one call of an operation."""

    def change(config):
        source = node("keras.layers", "InputLayer", {"batch_shape": [None, 4], "name": "a"})
        tensor = {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 4], "dtype": "float32", "keras_history": ["a", 0, 0]},
        }
        call = node(module, class_name, {"name": "call", **(static or {})})
        args = [tensor if item == "x" else item for item in arguments]
        config.clear()
        config.update(
            node("keras.src.models.functional", "Functional", {
                "name": "m", "trainable": True,
                "layers": [
                    {**source, "name": "a", "inbound_nodes": []},
                    {**call, "name": "call", "inbound_nodes": [{"args": args, "kwargs": {}}]},
                ],
                "input_layers": [["a", 0, 0]], "output_layers": [["call", 0, 0]],
            }, "Functional")
        )  # fmt: skip

    return change


NAN, INFINITY = float("nan"), float("inf")
TOO_LARGE = "would need .* bytes"
NOT_FOUND = "Could not locate"
CONFIGS = {  # what is changed in a good configuration, and what is said of it
    # Code in files: CVE-2024-3660, CVE-2025-12481
    "Lambda": (layer("keras.layers", "Lambda", {"function": LAMBDA}), "would have to be run"),
    "lambda for an activation": (dense(activation=LAMBDA), "activation.*__lambda__"),
    "lambda for a loss": (compilation(loss=LAMBDA), "Could not locate.*__lambda__"),
    # Names of any module: CVE-2025-1550
    "class of another module": (
        layer("os", "system", {"command": "true"}), r"class 'system' of module 'os'.*layers\[1\]"
    ),
    "function of another module": (dense(activation=FUNCTION), "function 'system' of module 'os'"),
    "function of Python": (
        dense(activation=node("builtins", "function", "eval", "function")), "function 'eval'",
    ),
    "function for a model": (lambda c: (c.clear(), c.update(FUNCTION)), "function 'system'"),
    "loss of another module": (compilation(loss=FUNCTION), "'system'.*at compile_config.loss"),
    "module that is no text": (layer(["os"], "Dense", {"units": 1}), NOT_FOUND),
    "class that is no text": (layer("keras.layers", ["Dense"], {"units": 1}), NOT_FOUND),
    "class of no module": (layer(None, "Dense", {"units": 1}), NOT_FOUND),
    # Gadgets among the package's own: CVE-2025-8747, CVE-2025-9906
    "loading within": (
        layer("keras.saving", "load_model", {"filepath": "x", "safe_mode": False}), NOT_FOUND,
    ),
    "downloading": (layer("keras.utils", "get_file", {"origin": "http://x"}), NOT_FOUND),
    "unsafe switch": (
        dense(activation=node("keras.config", "function", "enable_unsafe_deserialization")),
        NOT_FOUND,
    ),
    "callback for a layer": (
        layer("keras.callbacks", "CSVLogger", {"filename": "written"}), "CSVLogger",
    ),
    "operation for an activation": (
        dense(activation=node("keras.src.ops.numpy", "function", "zeros")), NOT_FOUND,
    ),
    # Other loaders: CVE-2025-49655, CVE-2026-1462
    "PyTorch module": (layer("keras.layers", "TorchModuleWrapper", {"module": "x"}), NOT_FOUND),
    "SavedModel": (layer("keras.layers", "TFSMLayer", {"filepath": "/x"}), NOT_FOUND),
    # Files named in a configuration: CVE-2025-12058
    "vocabulary in a file": (
        layer("keras.layers", "StringLookup", {"vocabulary": "/etc/passwd"}), NOT_FOUND,
    ),
    # Sizes
    "huge layer": (dense(units=10**12), f"dense/kernel.*{TOO_LARGE}"),
    "large layer": (dense(units=10**8), f"dense/kernel.*{TOO_LARGE}"),
    "number past int64": (dense(units=10**40), TOO_LARGE),
    "negative": (dense(units=-3), "units.*Received.*-3"),
    "zero": (dense(units=0), "units.*Received.*0"),
    "fraction": (dense(units=2.5), "units.*Received.*2.5"),
    "NaN": (dense(units=NAN), "units.*Received.*nan"),
    "infinity": (dense(units=INFINITY), "units.*Received.*inf"),
    "text": (dense(units="3"), "units.*Received.*'3'"),
    "null": (dense(units=None), "units.*Received.*None"),
    "huge input": (inputs([None, 10**12]), TOO_LARGE),
    "negative input": (inputs([None, -4]), "-4"),
    "NaN input": (inputs([None, NAN]), "nan"),
    "no input": (inputs("a shape"), "shape"),
    "huge convolution": (
        lambda c: (inputs([None, 8, 8, 1])(c), layer(
            "keras.layers", "Conv2D",
            {"filters": 10**6, "kernel_size": [8, 8], "padding": "same"})(c)),
        TOO_LARGE,
    ),
    "huge metric": (
        compilation(metrics=[node("keras.metrics", "AUC", {"num_thresholds": 10**10})]), TOO_LARGE,
    ),
    "huge matrix of a metric": (
        compilation(metrics=[node("keras.metrics", "MeanIoU", {"num_classes": 10**6})]), TOO_LARGE,
    ),
    "huge repetition": (
        operation("keras.src.ops.numpy", "Repeat", ["x"], {"repeats": 10**9, "axis": 1}), TOO_LARGE,
    ),
    "huge tile": (operation("keras.src.ops.numpy", "Tile", ["x", [1, 10**10]]), TOO_LARGE),
    "huge array out of nothing": (
        operation("keras.src.ops.numpy", "Ones", [[10**5, 10**6]]), "must be on a tensor of it",
    ),
    "function for an operation": (
        operation("keras.src.ops.core", "Map",
                  [node("builtins", "function", "relu", "function"), "x"]),
        "takes tensors, arrays, numbers",
    ),
    "unknown operation": (operation("keras.src.ops.numpy", "System", ["x"]), "operation 'System'"),
    # Structure
    "no config": (lambda c: c.pop("config"), "holds no model"),
    "no class": (lambda c: c.pop("class_name"), "holds no model"),
    "config that is a list": (top(config=[1]), "Sequential needs .* a dict"),
    "layers that are a number": (lambda c: c["config"].update(layers=3), "cannot be used"),
    "layers that are numbers": (lambda c: c["config"].update(layers=[3]), "Only instances of"),
    "no layers": (lambda c: c["config"].pop("layers"), "it lacks 'layers'"),
    "layer for a model": (lambda c: (c.update(c["config"]["layers"][1])), "holds no model"),
    "unknown argument": (dense(unit=3), "unexpected argument 'unit'; did you mean 'units'"),
    "keys without end": (
        operation("keras.layers", "Dense", ["x"], {"units": 2, "name": "a"}), "cannot be used",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), CONFIGS.values(), ids=CONFIGS)
def test_bad_configuration_is_refused(change, says, good, tmp_path, monkeypatch):
    """With one error, in little memory, without a trace."""
    monkeypatch.chdir(tmp_path)
    content = members(good)
    config = json.loads(content[CONFIG])
    change(config)
    write(good, {**content, CONFIG: json.dumps(config)})
    tracemalloc.start()
    refused(good, f"(?s){says}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6
    assert [p.name for p in tmp_path.iterdir()] == ["model.keras"]


def test_all_that_is_unknown_is_listed_with_its_place(good):
    content = members(good)
    config = json.loads(content[CONFIG])
    layer("mine", "Gate", {})(config)
    config["config"]["layers"].append(node("keras.layers", "Densee", {"units": 1}))
    config["compile_config"]["loss"] = node("builtins", "function", "my_loss", "function")
    write(good, {**content, CONFIG: json.dumps(config)})
    said = refused(good, "Could not locate")
    for line in (
        "- class 'Gate' of module 'mine' (at config.layers[1])",
        "- class 'Densee' of module 'keras.layers'; did you mean 'Dense'? (at config.layers[2])",
        "- function 'my_loss' of module 'builtins' (at compile_config.loss)",
    ):
        assert line in said
    assert "register_keras_serializable" in said and "custom_objects" in said


def test_only_what_is_meant_for_files_can_be_built():
    """The closed table: no module but these, and of no class without a configuration."""
    modules = {module for module, _ in registry.table.objects_by_name}
    assert modules <= {
        "keras", "keras.activations", "keras.callbacks", "keras.constraints", "keras.initializers",
        "keras.layers", "keras.losses", "keras.metrics", "keras.ops", "keras.optimizers",
        "keras.optimizers.schedules", "keras.random", "keras.regularizers",
        "keras.src.losses.losses", "keras.src.models.functional",
    }  # fmt: skip
    for cls in registry.published("keras.callbacks").values():
        assert not hasattr(cls, "from_config")


def test_safe_mode_cannot_be_switched_off(good):
    with pytest.raises(ValueError, match="would run code that a file holds"):
        load_model(good, safe_mode=False)
    load_model(good, safe_mode=True)
    assert not hasattr(cnn_ext.config, "enable_unsafe_deserialization")


ROWS = {row.layer: row for row in all_rows() if not row.several}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_no_argument_of_a_layer_can_take_the_memory(row, tmp_path):
    """Each whole number of each layer's configuration, one by one, is made a billion."""
    clear_session()
    path = tmp_path / "model.keras"
    model = cnn_ext.Sequential([layers.Input(row.shape[1:]), row.make(cnn_ext)])
    model.save(path)
    content = members(path)
    config = json.loads(content[CONFIG])
    whole = config["config"]["layers"][1]["config"]
    for place in list(paths_of(whole)):
        changed = copy.deepcopy(config)
        holder = changed["config"]["layers"][1]["config"]
        for step in place[:-1]:
            holder = holder[step]
        if type(holder[place[-1]]) is int:
            holder[place[-1]] = 10**9
            file = io.BytesIO()
            write(file, {**content, CONFIG: json.dumps(changed)})
            tracemalloc.start()
            survives(file.getvalue(), path)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 2**27, place


# --- Archives that are refused ----------------------------------------------------------------


def deep(text):
    return lambda content: {**content, CONFIG: text}


def renamed(name):
    return lambda content: {**content, name: b"x"}


def without(name):
    return lambda content: {k: v for k, v in content.items() if k != name}


def bomb(name):
    return lambda content: {**content, name: content[name] + bytes(2**26)}


MEMBERS = {  # other content of an archive, and what is said of it
    "no config": (without(CONFIG), r"must hold 'config.json'"),
    "no weights": (without(WEIGHTS), r"must hold 'model.weights.h5'"),
    "absolute": (renamed("/etc/cron.d/x"), "outside its own folder: '/etc/cron.d/x'"),
    "upwards": (renamed("assets/../../x"), "outside its own folder"),
    "backwards": (renamed("..\\x"), "outside its own folder"),
    "drive": (renamed("C:\\x"), "outside its own folder"),
    "many members": (
        lambda content: content | {f"assets/{i}": b"" for i in range(10_001)}, "10004 members",
    ),
    "deep lists": (deep("[" * 100_000 + "]" * 100_000), "nested deeper than 200"),
    "deep objects": (deep('{"a":' * 1000 + "1" + "}" * 1000), "nested deeper than 200"),
    "half of a config": (deep('{"module": "keras", "class_na'), "is not JSON"),
    "empty config": (deep(""), "is not JSON"),
    "not text": (deep(b"\xff\xfe\x00"), "is not JSON"),
    "number of a million digits": (deep("1" * 10**6), "is not JSON"),
    "list for a config": (deep("[]"), "does not describe a model"),
    "null": (deep("null"), "does not describe a model"),
    "bomb of a config": (bomb(CONFIG), "would need .* bytes, more than"),
    "bomb of weights": (bomb(WEIGHTS), "would need .* bytes, more than"),
    "empty weights": (lambda content: {**content, WEIGHTS: b""}, "not a readable HDF5 file"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), MEMBERS.values(), ids=MEMBERS)
def test_bad_archive_is_refused(change, says, good):
    compression = zipfile.ZIP_DEFLATED if "would need" in says else zipfile.ZIP_STORED
    write(good, change(members(good)), compression)
    tracemalloc.start()
    refused(good, says)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * good.stat().st_size + 1e6


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_take_memory_as_they_declare_are_refused(method, good):
    write(good, members(good), method)
    refused(good, "must be stored or deflated. Received: method")


def patched(data, signature, offset, fmt, value):
    """The header fields of all members changed, in a ZIP's bytes."""
    data = bytearray(data)
    start = data.find(signature)
    while start >= 0:
        struct.pack_into(fmt, data, start + offset, value)
        start = data.find(signature, start + 4)
    return bytes(data)


def both(data, local, central, fmt, value):
    data = patched(data, b"PK\x03\x04", local, fmt, value)
    return patched(data, b"PK\x01\x02", central, fmt, value)


def twice(data):
    file = io.BytesIO(data)
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(CONFIG, "{}")
    return file.getvalue()


BYTES = {  # what is done to the bytes of a good file, and what is said of it
    "duplicate": (twice, "holds 'config.json' more than once"),
    "encrypted": (lambda d: both(d, 6, 8, "<H", 1), "is encrypted"),
    "unknown compression": (lambda d: both(d, 8, 10, "<H", 99), "Received: method 99"),
    "compressed, it says": (lambda d: both(d, 8, 10, "<H", 8), "not a readable"),
    "bzip2, it says": (lambda d: both(d, 8, 10, "<H", 12), "must be stored or deflated"),
    "LZMA, it says": (lambda d: both(d, 8, 10, "<H", 14), "must be stored or deflated"),
    "larger, it says": (lambda d: both(d, 22, 24, "<I", 2**31), "would need 2147483648 bytes"),
    "smaller, it says": (lambda d: both(d, 22, 24, "<I", 10), "not a readable|size"),
    "other checksum": (lambda d: both(d, 14, 16, "<I", 12345), "not a readable.*CRC"),
    "text": (lambda d: b"these are no weights\n" * 99, "not a readable"),
    "empty": (lambda d: b"", "not a readable"),
    "HDF5": (lambda d: d[d.index(b"\x89HDF"):], "No model config found in the file"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), BYTES.values(), ids=BYTES)
def test_bad_bytes_are_refused(change, says, good):
    good.write_bytes(change(good.read_bytes()))
    refused(good, says)


# --- Weights that are refused -----------------------------------------------------------------


DATASETS = {  # what stands in the place of the kernel, and what is said of it
    "external storage": (stored(external=[("/etc/hostname", 0, 48)]), "stored outside the file"),
    "virtual": (virtual, "stored outside the file"),
    "external link": (linked(h5py.ExternalLink("other.h5", "data")), "is a link"),
    "soft link": (linked(h5py.SoftLink("/layers/dense/vars/1")), "is a link"),
    "shape bomb": (stored((10**6, 10**6), chunks=(1000, 1000)), r"has shape \(1000000, 1000000\)"),
    "compressed shape bomb": (
        stored((10**6, 10**6), chunks=(10, 10), compression="gzip"), "has shape",
    ),
    "resizable": (stored(maxshape=(None, None), chunks=(4, 3)), "compressed or in chunks"),
    "compressed": (stored(compression="gzip"), "compressed or in chunks"),
    "filtered": (stored(fletcher32=True), "compressed or in chunks"),
    "text": (stored(dtype="S8"), "not numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "says"), DATASETS.values(), ids=DATASETS)
def test_bad_weights_are_refused(make, says, good):
    content = members(good)
    weights = io.BytesIO(content[WEIGHTS])
    with h5py.File(weights, "r+") as file:
        in_place_of(KERNEL, make)(file)
    write(good, {**content, WEIGHTS: weights.getvalue()})
    refused(good, says)


def test_a_large_layer_with_small_weights_takes_no_memory(good):
    """The configuration and the weights agree on a size that the file does not hold."""
    content = members(good)
    config = json.loads(content[CONFIG])
    dense(units=10**8)(config)
    weights = io.BytesIO(content[WEIGHTS])
    with h5py.File(weights, "r+") as file:
        in_place_of(KERNEL, stored((4, 10**8), chunks=(4, 1000)))(file)
    write(good, {**content, CONFIG: json.dumps(config), WEIGHTS: weights.getvalue()})
    refused(good, TOO_LARGE)


@pytest.mark.parametrize("operation", ["gelu", "softmax", "sort", "multiply"])
@pytest.mark.parametrize("batch", [None, 3])
def test_an_operation_on_a_large_input_is_not_tried_on_numbers(operation, batch, tmp_path):
    """A few bytes may declare an input of any size; the shapes are found out without one."""
    arguments = (2.0,) if operation == "multiply" else ()
    clear_session()
    x = layers.Input((7, 9, 1), batch_size=batch)
    model = cnn_ext.Model(x, getattr(cnn_ext.ops, operation)(x, *arguments))
    path = tmp_path / "model.keras"
    model.save(path)
    content = members(path)
    changed = content[CONFIG].replace(b"7, 9, 1", b"9000, 9001, 1")
    write(path, {**content, CONFIG: changed})
    tracemalloc.start()
    assert load_model(path).output_shape == (batch, 9000, 9001, 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**22


def test_a_model_that_is_read_draws_no_random_weights(tmp_path):
    """The orthogonal matrix of the largest layer that a small file may declare takes a minute."""
    clear_session()
    model = cnn_ext.Sequential(
        [layers.Input((7,)), layers.Dense(9, kernel_initializer="orthogonal")]
    )
    path = tmp_path / "model.keras"
    model.save(path)
    content = members(path)
    changed = content[CONFIG].replace(b"[null, 7]", b"[null, 3900]")
    write(path, {**content, CONFIG: changed.replace(b'"units": 9', b'"units": 3900')})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cnn_ext.initializers.Orthogonal, "__call__", failing(AssertionError))
        refused(path, r"has shape \(7, 9\) where the model has \(3900, 3900\)")


# --- Damage -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """The path of a file and the bytes of a model with many parts."""
    path = tmp_path_factory.mktemp("rich") / "model.keras"
    model_for_files().save(path)
    return path, path.read_bytes()


def test_a_truncated_file(rich):
    path, data = rich
    assert survives(data, path)
    for size in [*range(0, len(data), len(data) // 50), len(data) - 1]:
        assert not survives(data[:size], path)


@settings(max_examples=150)
@given(st.data())
def test_flipped_bytes_of_the_file(rich, draw):
    path, data = rich
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        damaged[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    survives(bytes(damaged), path)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_flipped_bytes_of_a_member(name, rich):
    """With the archive's checksums right."""
    path, data = rich
    path.write_bytes(data)
    content = members(path)
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(250):
        damaged = bytearray(content[name])
        limit = len(damaged) if rng.random() < 0.5 else min(len(damaged), 3000)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(limit)] = rng.integers(256)
        file = io.BytesIO()
        write(file, {**content, name: bytes(damaged)})
        outcomes.add(survives(file.getvalue(), path))
    assert outcomes == {True, False}


REPLACEMENTS = (None, True, -1, 0, 10**9, 1e300, NAN, "", "x", [], {}, [[]], FUNCTION, {"a": 1})


def test_any_value_in_the_configuration_replaced(rich):
    path, data = rich
    path.write_bytes(data)
    content = members(path)
    config = json.loads(content[CONFIG])
    places = list(paths_of(config))
    rng = np.random.default_rng(0)
    for _ in range(250):
        changed = copy.deepcopy(config)
        holder, key = changed, places[rng.integers(len(places))]
        for step in key[:-1]:
            holder = holder[step]
        if rng.random() < 0.2:
            del holder[key[-1]]
        else:
            holder[key[-1]] = REPLACEMENTS[rng.integers(len(REPLACEMENTS))]
        file = io.BytesIO()
        write(file, {**content, CONFIG: json.dumps(changed)})
        survives(file.getvalue(), path)


# --- What one's own file holds ----------------------------------------------------------------


def trained(model, steps=3):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, *model.input_shape[1:])).astype("float32")
    y = np.eye(model.output_shape[-1])[rng.integers(model.output_shape[-1], size=8)]
    for _ in range(steps):
        model.train_on_batch(x, y)
    return x, y


def assert_same(found, wanted):
    for value, known in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.asarray(value), np.asarray(known))


def test_everything_comes_back(tmp_path):
    model = model_for_files()
    x, y = trained(model)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert_same(loaded.get_weights(), model.get_weights())
    assert_same(loaded.optimizer.variables, model.optimizer.variables)
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert loaded.get_config() == model.get_config()
    assert members(tmp_path / "model.keras").keys() == {CONFIG, METADATA, WEIGHTS}


def test_without_compilation(tmp_path):
    model = model_for_files()
    x, _ = trained(model)
    model.save(tmp_path / "full.keras")
    model.save(tmp_path / "less.keras", include_optimizer=False)
    for name, arguments in (("full", {"compile": False}), ("less", {})):
        loaded = load_model(tmp_path / f"{name}.keras", **arguments)
        assert not loaded.compiled
        assert_same(loaded.get_weights(), model.get_weights())
        assert_same([loaded.predict(x, verbose=0)], [model.predict(x, verbose=0)])
    with h5py.File(io.BytesIO(members(tmp_path / "less.keras")[WEIGHTS])) as file:
        assert "optimizer" not in file
    assert "compile_config" not in json.loads(members(tmp_path / "less.keras")[CONFIG])


def test_an_optimizer_that_made_no_step(tmp_path):
    """As right after compile, without a warning."""
    for optimizer in (
        "adam",
        cnn_ext.optimizers.SGD(cnn_ext.optimizers.schedules.CosineDecay(0.1, 9)),
    ):
        model = dense_model()
        model.compile(optimizer, "mse")
        model.save(tmp_path / "model.keras")
        trained(load_model(tmp_path / "model.keras"))


def test_overwriting(tmp_path):
    path = tmp_path / "model.keras"
    model = dense_model()
    model.save(path, overwrite=False)
    before = path.read_bytes()
    trained(model)
    with pytest.raises(FileExistsError, match="overwrite=True to replace it"):
        model.save(path, overwrite=False)
    assert path.read_bytes() == before
    model.save(path)
    assert path.read_bytes() != before


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


FAILURES = {
    "disk full, weights": (h5py.Group, "create_dataset", OSError(28, "No space left")),
    "disk full, archive": (zipfile.ZipFile, "writestr", OSError(28, "No space left")),
    "Ctrl-C": (zipfile.ZipFile, "writestr", KeyboardInterrupt()),
    "not flushed": (os, "fsync", OSError(5, "Input/output error")),
    "not replaced": (os, "replace", PermissionError(13, "Permission denied")),
    "no configuration": (layers.Dense, "get_config", NotImplementedError("none")),
}


@pytest.mark.parametrize(("owner", "name", "error"), FAILURES.values(), ids=FAILURES)
def test_a_failed_save_leaves_the_old_file_and_no_litter(owner, name, error, good, monkeypatch):
    before = good.read_bytes()
    model = dense_model()
    with monkeypatch.context() as broken:
        broken.setattr(owner, name, failing(error))
        for path in (good, good.parent / "new.keras"):
            with pytest.raises(type(error)):
                model.save(path)
    assert [p.name for p in good.parent.iterdir()] == ["model.keras"]
    assert good.read_bytes() == before


PATHS = {
    "another suffix": ("model.zip", "Invalid filepath extension for saving"),
    "none": ("model", "Invalid filepath extension for saving"),
    "weights": ("model.weights.h5", r"Invalid filepath extension"),
}


@pytest.mark.parametrize(("name", "says"), PATHS.values(), ids=PATHS)
def test_bad_path(name, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        dense_model().save(tmp_path / name)
    with pytest.raises(ValueError, match="Invalid filepath extension"):
        dense_model().save(tmp_path / "a.keras", zipped=False)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "missing.keras", tmp_path):
        with pytest.raises(FileNotFoundError, match="File not found: filepath="):
            load_model(path)


# --- Classes of one's own ---------------------------------------------------------------------


@saving.register_keras_serializable("tests")
class Gate(layers.Layer):
    """A layer that holds another, and a function."""

    def __init__(self, inner, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
        self.activation = cnn_ext.activations.get(activation)

    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        if not self.inner.built:
            self.inner.build(input_shape)

    def call(self, inputs):
        return self.activation(self.inner(inputs * self.factor))

    def get_config(self):
        return super().get_config() | {
            "inner": saving.serialize_keras_object(self.inner),
            "activation": cnn_ext.activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config):
        config["inner"] = saving.deserialize_keras_object(config["inner"])
        return cls(**config)


@saving.register_keras_serializable("tests")
class Net(cnn_ext.Model):
    """A model that is a class."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.gates = [Gate(layers.Dense(units)), layers.Dense(3)]

    def call(self, inputs, training=None):
        for gate in self.gates:
            inputs = gate(inputs)
        return inputs

    def get_config(self):
        return {"units": self.units}


@saving.register_keras_serializable("tests")
def doubled(x):
    return x * 2


class Plain(layers.Layer):
    """Not registered; its arguments are its configuration."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)


def plain_loss(y_true, y_pred):
    return cnn_ext.ops.mean((y_true - y_pred) ** 2, axis=-1)


def test_registered_classes(tmp_path):
    path = tmp_path / "model.keras"
    clear_session()
    shared = Gate(layers.Dense(4), doubled)
    model = cnn_ext.Sequential([layers.Input((4,)), shared, Gate(layers.Dense(3))])
    model.compile("adam", "mse")
    trained(model)
    model.save(path)
    loaded = load_model(path)
    assert loaded.layers[0].activation is doubled
    assert_same(loaded.get_weights(), model.get_weights())


def test_a_registered_model(tmp_path):
    path = tmp_path / "net.keras"
    model = Net(5)
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    model.fit(x, np.ones((8, 3)), verbose=0)
    model.save(path)
    loaded = load_model(path)
    assert type(loaded) is Net and loaded.compiled
    assert_same([loaded.predict(x, verbose=0)], [model.predict(x, verbose=0)])
    assert_same(loaded.optimizer.variables, model.optimizer.variables)


def test_custom_objects(tmp_path):
    path = tmp_path / "model.keras"
    clear_session()
    model = cnn_ext.Sequential([layers.Input((4,)), Plain(3)])
    model.compile("sgd", plain_loss)
    trained(model)
    model.save(path)
    known = {"Plain": Plain, "plain_loss": plain_loss}
    said = refused(path, "Could not locate")
    assert all(f"'{name}'" in said for name in known)
    refused(path, "'plain_loss'", custom_objects={"Plain": Plain})
    loaded = load_model(path, custom_objects=known)
    with saving.custom_object_scope(known):
        again = load_model(path)
    for found in (loaded, again):
        assert found.loss is plain_loss
        assert_same(found.get_weights(), model.get_weights())
    assert not load_model(path, {"Plain": Plain}, compile=False).compiled


def test_shared_objects_stay_shared(tmp_path):
    path = tmp_path / "model.keras"
    clear_session()
    shared = layers.Dense(4)
    inputs = layers.Input((4,))
    inner = cnn_ext.Sequential([shared])
    model = cnn_ext.Model(
        inputs, layers.add([shared(inputs), inner(inputs), shared(inner(inputs))])
    )
    model.save(path)
    loaded = load_model(path)
    dense, inside = (loaded.get_layer(layer.name) for layer in (shared, inner))
    assert inside.layers[0] is dense
    assert len(loaded.weights) == len(model.weights) == 2
    x = np.ones((2, 4))
    assert_same([loaded(x).numpy()], [model(x).numpy()])
