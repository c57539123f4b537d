"""Copies and pickles of models, made of `.keras` bytes; and copies of their parts."""

import copy
import pickle
import pickletools
import subprocess
import sys

import joblib
import numpy as np
import pytest

import cnn_ext
from cnn_ext import layers, saving
from cnn_ext.naming import clear_session
from cnn_ext.saving import ModelFileError
from layer_rows import all_rows, fill, in_use


def dense(units=2):
    return cnn_ext.Sequential([layers.Input((4,)), layers.Dense(3, "relu"), layers.Dense(units)])


def branched():
    inputs = layers.Input((4,), name="first")
    shared = layers.Dense(4, kernel_regularizer="l2")
    x = layers.add([shared(inputs), layers.BatchNormalization()(shared(inputs))])
    return cnn_ext.Model(inputs, layers.Dense(2)(cnn_ext.ops.multiply(x, 2.0)))


def nested():
    return cnn_ext.Sequential([layers.Input((4,)), dense(4), layers.Dropout(0.5), branched()])


def frozen():
    model = dense()
    model.layers[0].trainable = False
    return model


@saving.register_keras_serializable("copies")
class Net(cnn_ext.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.parts = [layers.Dense(units), layers.Dense(2)]

    def call(self, inputs):
        return self.parts[1](self.parts[0](inputs))


def subclassed():
    model = Net(5)
    model(np.zeros((1, 4), np.float32))
    return model


def through_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


MODELS = (dense, branched, nested, frozen, subclassed)
WAYS = {
    "copy": lambda model, folder: copy.copy(model),
    "deepcopy": lambda model, folder: copy.deepcopy(model),
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "oldest pickle": lambda model, folder: pickle.loads(pickle.dumps(model, protocol=0)),
    "joblib": through_joblib,
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def trained(make, optimizer="adam"):
    clear_session()
    cnn_ext.utils.set_random_seed(1)
    model = make()
    model.compile(optimizer, "mse", metrics=["mae"])
    step(model, 3)
    return model


def step(model, count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        model.train_on_batch(rng.normal(size=(8, 4)), rng.normal(size=(8, 2)))


def state(model):
    optimizer = [] if model.optimizer is None else model.optimizer.variables
    return [np.array(v.numpy()) for v in (*model.weights, *optimizer)]


def assert_equal(found, wanted):
    for value, known in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(value, known)


@ways
@pytest.mark.parametrize("make", MODELS)
def test_a_copy_equals_and_is_its_own(make, way, tmp_path):
    model = trained(make)
    made = way(model, tmp_path)
    assert type(made) is type(model) and made.name == model.name
    if make is not subclassed:  # whose constructor names its layers anew
        paths = [v.path for v in model.trainable_variables]
        assert [v.path for v in made.trainable_variables] == paths
    assert_equal(state(made), state(model))
    x = np.random.default_rng(5).normal(size=(3, 4))
    assert_equal([made.predict(x, verbose=0)], [model.predict(x, verbose=0)])
    before = state(model)
    step(made, 2)
    assert_equal(state(model), before)
    assert any((a != b).any() for a, b in zip(state(made), before, strict=True))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_training_goes_on_as_if_nothing_had_happened(optimizer):
    model = trained(branched, optimizer)
    made = copy.deepcopy(model)
    for each in (model, made):
        step(each, 3)
    assert_equal(state(made), state(model))
    x, y = np.ones((2, 4)), np.ones((2, 2))
    assert made.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


@ways
def test_models_that_are_not_built_or_not_compiled(way, tmp_path):
    unbuilt = cnn_ext.Sequential([layers.Dense(3), layers.Dense(2)])
    made = way(unbuilt, tmp_path)
    assert not made.built and [layer.units for layer in made.layers] == [3, 2]
    unbuilt.compile("adam", "mse")
    made = way(unbuilt, tmp_path)
    assert made.compiled and not made.built
    step(made, 1)
    assert not unbuilt.built
    model = dense()
    made = way(model, tmp_path)
    assert not made.compiled
    assert_equal(state(made), state(model))
    assert not way(Net(), tmp_path).built


def test_a_pickle_holds_bytes_only():
    """Nothing of the model is pickled but its file: one function is named, and one argument."""
    data = pickle.dumps(trained(nested))
    names = [str(value) for code, value, _ in pickletools.genops(data) if code.name == "GLOBAL"]
    strings = [v for code, v, _ in pickletools.genops(data) if "UNICODE" in code.name]
    assert not names and strings == ["cnn_ext.saving.model_file", "model_from_bytes"]
    codes = {code.name for code, _, _ in pickletools.genops(data)}
    assert not codes & {"BUILD", "NEWOBJ", "INST", "OBJ"}


def test_a_pickle_is_read_in_another_process(tmp_path):
    model = trained(nested)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    code = (
        "import pickle, numpy as np\n"
        f"model = pickle.load(open({str(tmp_path / 'model.pickle')!r}, 'rb'))\n"
        "print(model.predict(np.ones((1, 4)), verbose=0).tolist())\n"
    )
    said = subprocess.check_output([sys.executable, "-W", "error", "-c", code], text=True)
    assert said.strip() == str(model.predict(np.ones((1, 4)), verbose=0).tolist())


def test_bytes_that_are_no_model():
    function, (data,) = dense().__reduce__()
    with pytest.raises(ModelFileError, match="the bytes of a model"):
        function(data[:-100])


class Own(layers.Layer):
    def call(self, inputs):
        return inputs


def own_loss(y_true, y_pred):
    return cnn_ext.ops.mean(cnn_ext.ops.square(y_true - y_pred), axis=-1)


@ways
def test_what_is_not_registered_is_named(way, tmp_path):
    model = cnn_ext.Sequential([layers.Input((4,)), Own(), layers.Dense(2)], name="mine")
    model.compile("sgd", own_loss)
    with pytest.raises(TypeError) as error:
        way(model, tmp_path)
    for part in ("model 'mine' cannot be copied or pickled", "class 'Own'", "config.layers[1]",
                 "function 'own_loss'", "@keras.saving.register_keras_serializable()"):  # fmt: skip
        assert part in str(error.value)
    with saving.custom_object_scope({"Own": Own, "own_loss": own_loss}):
        assert isinstance(way(model, tmp_path).layers[0], Own)


def test_a_lambda_is_refused():
    model = dense()
    model.compile("sgd", lambda y_true, y_pred: own_loss(y_true, y_pred))
    with pytest.raises(ValueError, match="a lambda cannot be written to a file"):
        copy.deepcopy(model)


# --- Parts of models --------------------------------------------------------------------------


LAYERS = {row.layer: row for row in all_rows() if not row.several}


@pytest.mark.parametrize("row", LAYERS.values(), ids=LAYERS)
def test_layers(row):
    """A copy of a layer has the same weights, its own, and no part in the models of the first."""
    layer = row.make(cnn_ext)
    layer(layers.Input(row.shape[1:]))
    fill(layer)
    made = copy.deepcopy(layer)
    assert made._inbound_nodes == [] and layer._inbound_nodes
    x = row.inputs("float32")
    for each in (layer, made):  # so that both draw the same random numbers, if any
        cnn_ext.utils.set_random_seed(0)
        each.result = in_use(each, x).numpy()
    np.testing.assert_array_equal(made.result, layer.result)
    before = layer.get_weights()
    made.set_weights([w + 1 for w in made.get_weights()])
    assert_equal(layer.get_weights(), before)
    assert made.get_config() == layer.get_config()


def test_lists_of_a_copied_layer_keep_account():
    net = Net()
    holder = layers.Layer()
    holder.parts, holder.named = [layers.Dense(2)], {"a": (layers.Dense(2), [layers.Dense(2)])}
    holder.net = net
    made = copy.deepcopy(holder)
    made.parts.append(layers.Dense(3))
    made.named["b"] = layers.Dense(3)
    assert len(made._sublayers) == len(holder._sublayers) + 2 == 6
    assert made.parts[0] is made._sublayers[0] and made.net is not net


OBJECTS = {
    "loss": lambda: cnn_ext.losses.Huber(2.0),
    "optimizer": lambda: cnn_ext.optimizers.Adam(0.1),
    "metric": lambda: cnn_ext.metrics.AUC(num_thresholds=7),
    "initializer": lambda: cnn_ext.initializers.GlorotUniform(3),
    "regularizer": lambda: cnn_ext.regularizers.L1L2(0.1, 0.2),
    "constraint": lambda: cnn_ext.constraints.MaxNorm(3),
    "schedule": lambda: cnn_ext.optimizers.schedules.CosineDecay(0.1, 10),
}


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_other_objects(make):
    item = make()
    made = copy.deepcopy(item)
    assert made is not item and made.get_config() == item.get_config()


def test_a_copied_metric_counts_for_itself():
    metric = cnn_ext.metrics.MeanSquaredError()
    metric.update_state([0.0], [2.0])
    made = copy.deepcopy(metric)
    made.update_state([0.0], [0.0])
    assert (metric.result(), made.result()) == (4.0, 2.0)
    made.reset_state()
    assert metric.result() == 4.0


def test_a_copied_optimizer_steps_its_copied_weights():
    weight = cnn_ext.Variable([1.0, 2.0])
    optimizer = cnn_ext.optimizers.SGD(0.5, momentum=0.9)
    optimizer.apply([np.ones(2, np.float32)], [weight])
    (copied,), made = copy.deepcopy(([weight], optimizer))
    made.apply([np.ones(2, np.float32)], [copied])
    np.testing.assert_allclose(weight.numpy(), [0.5, 1.5])
    np.testing.assert_allclose(copied.numpy(), [-0.45, 0.55], rtol=1e-6)


def test_clones_are_compiled_with_an_optimizer_of_their_own(keras):
    for module in (cnn_ext, keras):
        model = module.Sequential([module.layers.Input((4,)), module.layers.Dense(2)])
        model.compile(module.optimizers.SGD(0.25), "mse", metrics=["mae"])
        made = module.models.clone_model(model)
        assert made.compiled and made.loss == "mse"
        assert made.optimizer is not model.optimizer
        assert float(made.optimizer.learning_rate) == 0.25
    model = dense()
    model.compile("sgd", lambda y_true, y_pred: own_loss(y_true, y_pred))
    assert cnn_ext.models.clone_model(model).loss is model.loss
