"""Legacy `.h5` files, as Keras writes them and as Keras 2 wrote them: the same predictions, the
same weights, and training that goes on as if nothing had happened.

Over 400 lines because of its tables.
"""

import json
import logging
import warnings

import h5py
import numpy as np
import pytest

import cnn_ext
from cnn_ext import saving
from cnn_ext.saving import ModelFileError, load_model
from layer_rows import all_rows, fill
from saved_models import (
    MODELS,
    RANDOM,
    assert_goes_on,
    assert_same_outputs,
    assert_same_weights,
    brightened,
    data,
    dense,
    filled,
    nested,
    textbook,
    two_ends,
)

pytestmark = [
    # What Keras's own saving and loading call h5py and its layers with.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning"),
]


@pytest.fixture(autouse=True)
def quiet():
    """Keras says at each saving that the format is old."""
    logging.getLogger("absl").setLevel("ERROR")


OPTIMIZERS = {  # each of another kind of state; Adafactor's Keras cannot write to such files
    "SGD": {}, "SGD momentum": {"momentum": 0.9, "nesterov": True}, "AdamW": {"weight_decay": 0.01},
    "RMSprop centered": {"centered": True, "momentum": 0.5}, "Adam amsgrad": {"amsgrad": True},
    "Adagrad": {}, "Adadelta": {"learning_rate": 1.0}, "Nadam": {}, "Ftrl": {}, "Lion": {},
    "Adam averages": {"use_ema": True, "ema_momentum": 0.9},
    "Adam accumulating": {"gradient_accumulation_steps": 2},
}  # fmt: skip


def written(keras, make, path, optimizer=None, steps=2):
    """Keras's model, after some steps of training, in a file."""
    model = filled(make(keras))
    if optimizer is not None:
        model.compile(optimizer, "mse", run_eagerly=True)
        for x, y in data(model, steps):
            model.train_on_batch(x, y)
    model.save(path)
    return model


# --- Files of Keras 3 -------------------------------------------------------------------------


UNWRITTEN = {"RandomBrightness"}  # Keras cannot write it to such a file


@pytest.mark.parametrize(
    "make", [m for m in MODELS if m is not brightened], ids=lambda m: m.__name__
)
def test_a_model_comes_over_and_training_goes_on(make, keras, tmp_path):
    path = tmp_path / "model.h5"
    theirs = written(keras, make, path, keras.optimizers.Adam(0.01))
    ours = load_model(path)
    assert ours.name == theirs.name
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert_same_weights(ours.get_weights(), theirs.get_weights())
    assert_same_weights(ours.optimizer.variables, theirs.optimizer.variables)
    x, _ = data(theirs, 1, seed=9)[0]
    assert_same_outputs(ours.predict(x, verbose=0), theirs.predict(x, verbose=0))
    if make not in RANDOM:
        assert_goes_on(ours, theirs)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_goes_on(name, keras, tmp_path):
    path = tmp_path / "model.h5"
    make = getattr(keras.optimizers, name.split()[0])
    theirs = written(keras, dense, path, make(**{"learning_rate": 0.01} | OPTIMIZERS[name]))
    ours = load_model(path)
    assert_same_weights(ours.optimizer.variables, theirs.optimizer.variables)
    assert_goes_on(ours, theirs)


ROWS = {row.layer: row for row in reversed(all_rows())}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_each_layer_comes_over(row, keras, tmp_path):
    """With its configuration and weights; what is not random, with its outputs."""
    if row.layer in UNWRITTEN:
        pytest.skip("Keras cannot write it")
    path = tmp_path / "model.h5"
    shapes = row.shape if row.several else [row.shape]
    inputs = [keras.layers.Input(shape[1:]) for shape in shapes]
    theirs = keras.Model(inputs, row.make(keras)(inputs if row.several else inputs[0]))
    fill(theirs)
    for layer in theirs.layers:
        getattr(layer, "finalize_state", lambda: None)()
    theirs.save(path)
    ours = load_model(path)
    assert_same_weights(ours.get_weights(), theirs.get_weights())
    x = row.inputs("float32")
    if not row.layer.startswith("Random"):
        assert_same_outputs(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), 1e-5)


def test_compilation_comes_over(keras, tmp_path):
    """Losses, metrics and schedules: names, objects, functions, for several outputs."""
    path = tmp_path / "model.h5"
    theirs = filled(two_ends(keras))
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    theirs.compile(
        keras.optimizers.SGD(schedule, momentum=0.9),
        loss=[keras.losses.Huber(name="h"), "mae"],
        loss_weights=[0.3, 2.0],
        metrics=[
            ["mse", keras.metrics.CosineSimilarity(name="angle")],
            [keras.metrics.mean_absolute_error],
        ],
        run_eagerly=True,
    )
    for x, y in data(theirs, 3):
        theirs.train_on_batch(x, y)
    theirs.save(path)
    ours = load_model(path)
    assert_goes_on(ours, theirs)
    x, y = data(theirs, 1, seed=3)[0]
    our, their = (m.evaluate(x, y, verbose=0, return_dict=True) for m in (ours, theirs))
    assert our == pytest.approx(their, rel=1e-4)


def test_as_right_after_compile_and_without(keras, tmp_path):
    path = tmp_path / "model.h5"
    for optimizer in (keras.optimizers.Adam(), keras.optimizers.SGD()):
        theirs = written(keras, dense, path, optimizer, steps=0)
        assert_goes_on(load_model(path), theirs)
        assert not load_model(path, compile=False).compiled
        theirs.save(path, include_optimizer=False)
        assert not load_model(path).compiled
        written(keras, dense, path)
        assert not load_model(path).compiled


def test_long_lists_of_names_are_in_several_attributes(keras, tmp_path):
    path = tmp_path / "model.h5"
    names = [f"{i}{'n' * 1700}" for i in range(40)]

    def make(k):
        return k.Sequential([k.layers.Input((6,)), *(k.layers.Dense(6, name=n) for n in names)])

    theirs = written(keras, make, path)
    with h5py.File(path) as file:
        assert "layer_names1" in file["model_weights"].attrs
        assert "layer_names" not in file["model_weights"].attrs
    assert_same_weights(load_model(path).get_weights(), theirs.get_weights())
    theirs.load_weights(path)
    ours = make(cnn_ext)
    ours.load_weights(path)
    assert_same_weights(ours.get_weights(), theirs.get_weights())


# --- Files of Keras 2 -------------------------------------------------------------------------


def initializer(name):
    return {"class_name": name, "config": {"seed": None} if name == "GlorotUniform" else {}}


def weighted(class_name, name, activation, **arguments):
    """A layer's node as TensorFlow 2.3 wrote it."""
    config = {
        "name": name, "trainable": True, "dtype": "float32", **arguments, "activation": activation,
        "use_bias": True, "kernel_initializer": initializer("GlorotUniform"),
        "bias_initializer": initializer("Zeros"), "kernel_regularizer": None,
        "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None,
        "bias_constraint": None,
    }  # fmt: skip
    return {"class_name": class_name, "config": config}


def conv2d(name, filters, **more):
    return weighted(
        "Conv2D", name, "relu", **more, filters=filters, kernel_size=[3, 3], strides=[1, 1],
        padding="valid", data_format="channels_last", dilation_rate=[1, 1], groups=1,
    )  # fmt: skip


def plain(class_name, name, **arguments):
    config = {"name": name, "trainable": True, "dtype": "float32", **arguments}
    return {"class_name": class_name, "config": config}


def pooling(name):
    return plain(
        "MaxPooling2D", name, pool_size=[2, 2], padding="valid", strides=[2, 2],
        data_format="channels_last",
    )  # fmt: skip


def input_2(name, shape):
    config = {"batch_input_shape": shape, "dtype": "float32", "sparse": False, "ragged": False}
    return {"class_name": "InputLayer", "config": {**config, "name": name}}


SHAPE = [None, 10, 10, 1]
LAYERS_2 = [
    conv2d("conv2d", 4, batch_input_shape=SHAPE),
    pooling("max_pooling2d"),
    conv2d("conv2d_1", 6),
    pooling("max_pooling2d_1"),
    plain("Flatten", "flatten", data_format="channels_last"),
    plain("Dropout", "dropout", rate=0.0, noise_shape=None, seed=None),
    weighted("Dense", "dense", "relu", units=5),
    weighted("Dense", "dense_1", "softmax", units=3),
]
WEIGHTS_2 = {  # of the layers that have some
    "conv2d": [(3, 3, 1, 4), (4,)], "conv2d_1": [(3, 3, 4, 6), (6,)], "dense": [(6, 5), (5,)],
    "dense_1": [(5, 3), (3,)],
}  # fmt: skip
ADAM_2 = {
    "class_name": "Adam",
    "config": {
        "name": "Adam", "learning_rate": 0.01, "decay": 0.0, "beta_1": 0.9, "beta_2": 0.999,
        "epsilon": 1e-07, "amsgrad": False,
    },
}  # fmt: skip
TRAINING_2 = {
    "loss": "mse", "metrics": ["mae"], "weighted_metrics": None, "loss_weights": None,
    "optimizer_config": ADAM_2,
}  # fmt: skip


def sequential_2(layers, **more):
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers, **more}}


def values_2(shapes=WEIGHTS_2, seed=0):
    """Weights by layer and name: `conv2d/kernel:0`."""
    rng = np.random.default_rng(seed)
    return {
        layer: {
            f"{layer}/{name}:0": 0.4 * rng.standard_normal(shape).astype("float32")
            for name, shape in zip(("kernel", "bias"), of_layer, strict=False)
        }
        for layer, of_layer in shapes.items()
    }


def write_group(group, weights):
    group.attrs["weight_names"] = np.array([name.encode() for name in weights] or [], "S")
    for name, value in weights.items():
        group[name] = value


def write_2(path, config, weights, training=None, optimizer=None):
    """A file as Keras 2 wrote it: `weights` by layer and name, all layers in order."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = np.bytes_("2.4.0")
        file.attrs["backend"] = np.bytes_("tensorflow")
        file.attrs["model_config"] = np.bytes_(json.dumps(config))
        if training is not None:
            file.attrs["training_config"] = np.bytes_(json.dumps(training))
        if optimizer is not None:
            write_group(file.create_group("optimizer_weights"), optimizer)
        write_weights_2(file.create_group("model_weights"), weights)


def write_weights_2(group, weights):
    group.attrs["layer_names"] = np.array([name.encode() for name in weights])
    group.attrs["backend"] = np.bytes_("tensorflow")
    group.attrs["keras_version"] = np.bytes_("2.4.0")
    for name, of_layer in weights.items():
        write_group(group.create_group(name), of_layer)


def with_empty(weights, layers):
    return {layer["config"]["name"]: weights.get(layer["config"]["name"], {}) for layer in layers}


def flat(weights):
    return [value for of_layer in weights.values() for value in of_layer.values()]


def tuples(config):
    """Lists of numbers as TensorFlow 2.5 wrote tuples."""
    if isinstance(config, dict):
        return {key: tuples(value) for key, value in config.items()}
    if isinstance(config, list):
        if config and all(isinstance(item, int | None) for item in config):
            return {"class_name": "__tuple__", "items": config}
        return [tuples(item) for item in config]
    return config


SEQUENTIALS_2 = {
    "with an InputLayer": sequential_2([input_2("conv2d_input", SHAPE), *LAYERS_2]),
    "with the first layer's shape": sequential_2(LAYERS_2),
    "with a shape to build": sequential_2(LAYERS_2, build_input_shape=SHAPE),
    "as a list": {"class_name": "Sequential", "config": LAYERS_2},
    "with tuples": tuples(sequential_2([input_2("conv2d_input", SHAPE), *LAYERS_2])),
}


@pytest.mark.parametrize("config", SEQUENTIALS_2.values(), ids=SEQUENTIALS_2)
def test_the_textbook_network_of_keras_2(config, keras, tmp_path):
    path = tmp_path / "best-cnn-model.h5"
    weights = values_2()
    write_2(path, config, with_empty(weights, LAYERS_2), TRAINING_2)
    ours = load_model(path)
    assert_same_weights(ours.get_weights(), flat(weights))
    theirs = textbook(keras)
    theirs.set_weights(flat(weights))
    theirs.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"], run_eagerly=True)
    x, _ = data(theirs, 1)[0]
    assert_same_outputs(ours.predict(x, verbose=0), theirs.predict(x, verbose=0))
    if "InputLayer" in str(config) and "__tuple__" not in str(config):  # which Keras can read
        assert_same_outputs(keras.models.load_model(path, compile=False)(x), theirs(x))
    assert_goes_on(ours, theirs)


def optimizer_2(name, **arguments):
    config = {"name": name, "learning_rate": 0.01, "decay": 0.0, **arguments}
    return {"class_name": name, "config": config}


DECAY_2 = {
    "class_name": "ExponentialDecay",
    "config": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
}
SLOTS_2 = {  # name of the iterations, and the names of a weight's slots: all of one kind, then ...
    "Adam": (ADAM_2, "Adam/iter:0", lambda w: [f"Adam/{w}/m:0"], lambda w: [f"Adam/{w}/v:0"]),
    "Adam, schedule": (
        optimizer_2("Adam", learning_rate=DECAY_2),
        "Adam/iter:0", lambda w: [f"Adam/{w}/m:0"], lambda w: [f"Adam/{w}/v:0"],
    ),
    "Adam, amsgrad": (
        optimizer_2("Adam", amsgrad=True), "Adam/iter:0", lambda w: [f"Adam/{w}/m:0"],
        lambda w: [f"Adam/{w}/v:0"], lambda w: [f"Adam/{w}/vhat:0"],
    ),
    "Adam of TensorFlow 2.11": (
        ADAM_2, "iteration:0", lambda w: [f"Adam/m/{w}:0", f"Adam/v/{w}:0"],
    ),
    "SGD": (
        optimizer_2("SGD", momentum=0.9, nesterov=False),
        "SGD/iter:0", lambda w: [f"SGD/{w}/momentum:0"],
    ),
    "RMSprop": (
        optimizer_2("RMSprop", rho=0.9, momentum=0.5),
        "RMSprop/iter:0", lambda w: [f"RMSprop/{w}/rms:0", f"RMSprop/{w}/momentum:0"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOTS_2)
def test_the_optimizer_of_keras_2_goes_on(name, keras, tmp_path):
    """Better than Keras 3, which starts it anew."""
    path = tmp_path / "model.h5"
    optimizer, iterations, *kinds = SLOTS_2[name]
    arguments = {k: v for k, v in optimizer["config"].items() if k not in ("name", "decay")}
    if isinstance(arguments["learning_rate"], dict):
        schedule = keras.optimizers.schedules.ExponentialDecay
        arguments["learning_rate"] = schedule(**DECAY_2["config"])
    theirs = textbook(keras)
    theirs.set_weights(flat(values_2()))
    made = getattr(keras.optimizers, optimizer["class_name"])(**arguments)
    theirs.compile(made, "mse", run_eagerly=True)
    for x, y in data(theirs, 3):
        theirs.train_on_batch(x, y)
    layers = with_empty(values_2(), LAYERS_2)
    trained = iter(theirs.get_weights())
    layers = {n: {w: next(trained) for w in of_layer} for n, of_layer in layers.items()}
    weights = [w.removesuffix(":0") for of_layer in layers.values() for w in of_layer]
    slots = [v.numpy() for v in made.variables if v.numpy().ndim]
    per_weight = sum(len(kind("")) for kind in kinds)
    apart = len(weights) if "amsgrad" in name else 0  # which come last with Keras 3 too
    paired = len(slots) - apart
    state = {iterations: np.int64(3)}
    for number, kind in enumerate(kinds):
        for index, weight in enumerate(weights):
            for within, slot in enumerate(kind(weight)):
                place = index * (per_weight - bool(apart)) + number + within
                state[slot] = slots[paired + index if "vhat" in slot else place]
    training = {**TRAINING_2, "optimizer_config": optimizer, "metrics": None}
    write_2(path, SEQUENTIALS_2["with an InputLayer"], layers, training, state)
    assert_goes_on(load_model(path), theirs)


def call_2(*names, index=0):
    return [[name, index, 0, {}] for name in names]


def node_2(layer, *calls):
    return {**layer, "name": layer["config"]["name"], "inbound_nodes": list(calls)}


def functional_2(name, class_name, inputs, outputs, *layers):
    config = {
        "name": name, "layers": list(layers), "input_layers": [[n, 0, 0] for n in inputs],
        "output_layers": [[n, index, 0] for n, index in outputs],
    }  # fmt: skip
    return {"class_name": class_name, "config": config}


def dense_2(name, units=4):
    return weighted("Dense", name, "linear", units=units)


@pytest.mark.parametrize("class_name", ["Functional", "Model"])
def test_functional_models_of_keras_2(class_name, tmp_path):
    """A shared layer, a model and a Sequential within, whose calls Keras 2 counted from 1."""
    path = tmp_path / "model.h5"
    inner = functional_2(
        "inner", class_name, ["b"], [("e", 0)],
        node_2(input_2("b", [None, 4])), node_2(dense_2("e"), call_2("b")),
    )  # fmt: skip
    row = sequential_2([input_2("c", [None, 4]), dense_2("g")])
    config = functional_2(
        "model", class_name, ["a"], [("h", 0), ("inner", 1)],
        node_2(input_2("a", [None, 4])),
        node_2(dense_2("d"), call_2("a"), call_2("sequential", index=1)),
        node_2(inner, call_2("d"), call_2("inner", index=1)),
        node_2(row, call_2("inner", index=2)),
        node_2(plain("Add", "add"), [["d", 0, 0, {}], ["d", 1, 0, {}]]),
        node_2(dense_2("h", 3), call_2("add")),
    )  # fmt: skip
    shapes = {name: [(4, 4), (4,)] for name in "degh"} | {"h": [(4, 3), (3,)]}
    w = values_2(shapes)
    write_2(
        path, config, {"a": {}, "d": w["d"], "inner": w["e"], "sequential": w["g"], "h": w["h"]}
    )
    model = load_model(path)
    x = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")

    def apply(name, x):
        kernel, bias = w[name].values()
        return x @ kernel + bias

    first = apply("d", x)
    middle = apply("e", first)
    last = apply("d", apply("g", apply("e", middle)))
    assert_same_outputs(model.predict(x, verbose=0), [apply("h", first + last), middle])


ARGUMENTS_2 = {  # a layer's arguments as Keras 2 wrote them, and as they are now
    "DepthwiseConv2D": (
        {"kernel_size": [2, 2], "groups": 1, "depth_multiplier": 2},
        {"kernel_size": 2, "depth_multiplier": 2},
    ),
    "Conv2DTranspose": (
        {"filters": 2, "kernel_size": [2, 2], "groups": 1}, {"filters": 2, "kernel_size": 2},
    ),
    "SeparableConv2D": (
        {"filters": 2, "kernel_size": [2, 2], "groups": 1, "kernel_regularizer": None,
         "kernel_initializer": initializer("GlorotUniform"), "kernel_constraint": None,
         "depthwise_initializer": initializer("GlorotUniform")},
        {"filters": 2, "kernel_size": 2},
    ),
    "BatchNormalization": (
        {"axis": [3], "momentum": 0.9, "epsilon": 0.01}, {"momentum": 0.9, "epsilon": 0.01},
    ),
    "LayerNormalization": ({"axis": [3]}, {}),
    "LeakyReLU": ({"alpha": 0.25}, {"negative_slope": 0.25}),
    "Flatten": ({"dtype": {"class_name": "Policy", "config": {"name": "float32"}}}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", ARGUMENTS_2)
def test_arguments_of_keras_2(name, tmp_path):
    given, meant = ARGUMENTS_2[name]
    made = getattr(cnn_ext.layers, name)(**meant)
    made.build((None, 6, 6, 2))
    layers = [input_2("i", [None, 6, 6, 2]), plain(name, "layer", **given)]
    weights = {f"layer/{i}:0": w for i, w in enumerate(made.get_weights())}
    write_2(tmp_path / "m.h5", sequential_2(layers), {"layer": weights})
    loaded = load_model(tmp_path / "m.h5")
    x = np.random.default_rng(0).standard_normal((2, 6, 6, 2)).astype("float32")
    assert_same_outputs(loaded(x).numpy(), made(x).numpy())


def wrapper(fn):
    return {
        "class_name": "MeanMetricWrapper",
        "config": {"name": "accuracy", "dtype": "float32", "fn": fn},
    }


def loss_2(name, **config):
    return {"class_name": name, "config": {"reduction": "auto", "name": "loss", **config}}


COMPILATIONS_2 = {  # what training_config says, and how Keras 3 would have it said
    "metric of a function": (
        {"metrics": [[wrapper("categorical_accuracy")]]}, {"metrics": ["accuracy"]},
    ),
    "loss": (
        {"loss": loss_2("CategoricalCrossentropy", from_logits=True, label_smoothing=0.1)},
        {"loss": cnn_ext.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)},
    ),
    "loss with its function": (
        {"loss": loss_2("MeanSquaredError", fn="mean_squared_error")}, {"loss": "mse"},
    ),
    "losses by name": ({"loss": {"dense_1": "mae"}}, {"loss": "mae"}),
    "optimizer in lower case": (
        {"optimizer_config": {**ADAM_2, "class_name": "adam"}}, {},
    ),
    "optimizer of TensorFlow 2.11": (
        {"optimizer_config": {"class_name": "Adam", "config": {
            **ADAM_2["config"], "is_legacy_optimizer": False, "jit_compile": True,
            "weight_decay": None, "clipnorm": None, "use_ema": False,
        }}}, {},
    ),
    "schedule": (
        {"optimizer_config": {"class_name": "SGD", "config": {
            "name": "SGD", "decay": 0.0, "momentum": 0.0, "learning_rate": {
                "class_name": "ExponentialDecay", "config": {
                    "initial_learning_rate": 0.1, "decay_steps": 1, "decay_rate": 0.5,
                    "staircase": False, "name": None}},
        }}},
        {"optimizer": cnn_ext.optimizers.SGD(
            cnn_ext.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5))},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPILATIONS_2)
def test_compilations_of_keras_2(name, tmp_path):
    said, meant = COMPILATIONS_2[name]
    path = tmp_path / "model.h5"
    weights = values_2()
    write_2(path, SEQUENTIALS_2["as a list"], with_empty(weights, LAYERS_2), TRAINING_2 | said)
    loaded, wanted = load_model(path), textbook(cnn_ext)
    wanted.set_weights(flat(weights))
    usual = {"optimizer": cnn_ext.optimizers.Adam(0.01), "loss": "mse", "metrics": ["mae"]}
    wanted.compile(**usual | meant)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 10, 10, 1)), np.eye(3)[rng.integers(3, size=6)]
    for _ in range(3):
        found = loaded.train_on_batch(x, y, return_dict=True)
        assert found == pytest.approx(wanted.train_on_batch(x, y, return_dict=True))


# --- Weights into a model that is there ---------------------------------------------------------


@pytest.fixture
def files(keras, tmp_path):
    """The same weights as a whole model, as legacy weights alone, and in the newer formats."""
    from keras.src.legacy.saving import legacy_h5_format

    theirs = written(keras, nested, tmp_path / "model.h5")
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, theirs)
    theirs.save(tmp_path / "model.keras")
    theirs.save_weights(tmp_path / "model.weights.h5")
    for name in ("model.h5", "weights.h5", "model.keras", "model.weights.h5"):
        (tmp_path / name).rename(tmp_path / f"{name}.unnamed")
    return theirs, sorted(tmp_path.iterdir())


def test_the_format_is_told_from_the_bytes(files):
    theirs, paths = files
    assert len(paths) == 4
    for path in paths:
        ours = nested(cnn_ext)
        ours.load_weights(path)
        assert_same_weights(ours.get_weights(), theirs.get_weights())
        if "weights" in path.name:
            with pytest.raises(ModelFileError, match="No model config found in the file at"):
                load_model(path)
        else:
            assert_same_weights(load_model(path).get_weights(), theirs.get_weights())


def test_by_name_is_for_legacy_files(files):
    _, paths = files
    for path in paths:
        if "keras" in path.name or "model.weights" in path.name:
            with pytest.raises(ValueError, match="`by_name` only supports loading legacy"):
                nested(cnn_ext).load_weights(path, by_name=True)
    with pytest.raises(TypeError, match="unexpected argument 'by_nam'; did you mean 'by_name'"):
        nested(cnn_ext).load_weights(paths[0], by_nam=True)


def row_of(*layers):
    """A maker of a Sequential of Dense layers, each (name, units) or (name, units, no bias)."""

    def make(k):
        return k.Sequential(
            [k.layers.Input((4,), name="inputs"),
             *(k.layers.Dense(n, name=name, use_bias=not more) for name, n, *more in layers)]
        )  # fmt: skip

    return make


SAVED = row_of(("a", 4), ("b", 4), ("c", 3))
LOADS = {  # the model that is there, and how it is loaded into
    "in order": (row_of(("x", 4), ("y", 4), ("z", 3)), {}),
    "other order of names": (row_of(("b", 4), ("a", 4), ("c", 3)), {}),
    "by name": (row_of(("b", 4), ("a", 4), ("c", 3)), {"by_name": True}),
    "by name, some": (row_of(("b", 4), ("other", 5), ("c", 3, "no bias")),
                      {"by_name": True, "skip_mismatch": True}),
    "by name, none": (row_of(("x", 4)), {"by_name": True}),
    "by name, other shape": (row_of(("a", 5)), {"by_name": True}),
    "by name, other shape, skipped": (row_of(("a", 5)), {"by_name": True, "skip_mismatch": True}),
    "by name, other count": (row_of(("a", 4, "no bias")), {"by_name": True}),
    "other shape": (row_of(("a", 4), ("b", 5), ("c", 3)), {}),
    "other shape, skipped": (row_of(("a", 4), ("b", 5), ("c", 3)), {"skip_mismatch": True}),
    "fewer layers": (row_of(("a", 4), ("b", 4)), {"skip_mismatch": True}),
    "fewer weights": (row_of(("a", 4), ("b", 4, "no bias"), ("c", 3)), {"skip_mismatch": True}),
}  # fmt: skip


@pytest.mark.parametrize("whole", [True, False], ids=["model", "weights"])
@pytest.mark.parametrize("name", LOADS)
def test_loading_is_that_of_keras(name, whole, keras, tmp_path):
    """The same weights, warnings and errors; but an error leaves the model as it was."""
    from keras.src.legacy.saving import legacy_h5_format

    path = tmp_path / "saved.h5"
    saved = written(keras, SAVED, path)
    if not whole:
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, saved)
    make, how = LOADS[name]
    outcomes = []
    for k in (cnn_ext, keras):
        model = make(k)
        rng = np.random.default_rng(5)
        before = [rng.standard_normal(w.shape).astype("float32") for w in model.get_weights()]
        model.set_weights(before)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                model.load_weights(path, **how)
                error = None
            except ValueError as caught:
                error = str(caught).removeprefix(f"{path}: ")
        said = [str(w.message) for w in told if w.category is UserWarning]
        outcomes.append((model.get_weights(), [text[:34] for text in said], error))
        if k is cnn_ext and error:
            assert_same_weights(model.get_weights(), before)
    (our, our_told, our_error), (their, their_told, their_error) = outcomes
    assert our_told == their_told
    assert (our_error or "")[:28] == (their_error or "")[:28]
    if not their_error:
        assert_same_weights(our, their)


# --- Classes of one's own, and what is not written ------------------------------------------------


@saving.register_keras_serializable("legacy tests")
class Scaled(cnn_ext.layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.scale = self.add_weight(shape=input_shape[-1:], name="scale")

    def call(self, inputs):
        return inputs * self.scale * self.factor


def own_loss(y_true, y_pred):
    return cnn_ext.ops.mean(cnn_ext.ops.abs(y_true - y_pred), axis=-1)


@pytest.mark.parametrize("class_name", ["legacy tests>Scaled", "Mine"])
def test_classes_of_ones_own(class_name, tmp_path):
    path = tmp_path / "model.h5"
    layers = [input_2("i", [None, 3]), plain(class_name, "own", factor=2.0)]
    training = {**TRAINING_2, "loss": "own_loss"}
    weights = {"own": {"own/scale:0": np.array([1, 2, 3], "float32")}}
    write_2(path, sequential_2(layers), weights, training)
    known = {"own_loss": own_loss, "Mine": Scaled}
    loaded = load_model(path, known)
    assert loaded(np.ones((1, 3))).numpy().tolist() == [[2, 4, 6]]
    assert loaded.loss is own_loss
    if class_name == "Mine":
        with pytest.raises(ModelFileError, match=r"class 'Mine'.*layers"):
            load_model(path)
    else:
        with pytest.raises(ModelFileError, match="own_loss"):
            load_model(path)


def test_legacy_files_are_not_written(tmp_path):
    model = textbook(cnn_ext)
    for path in ("m.h5", "m.hdf5"):
        with pytest.raises(ValueError, match=r"Please add a `\.keras` extension"):
            model.save(tmp_path / path)
    with pytest.raises(ValueError, match=r"must end in `\.keras`"):
        cnn_ext.callbacks.ModelCheckpoint(tmp_path / "m.h5")
    assert not list(tmp_path.iterdir())
