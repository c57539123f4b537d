"""Functional models, Sequentials and subclasses, made by one function in cnn_ext and in Keras."""

import importlib
import json

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from cnn_ext import ops
from cnn_ext.autograd import no_grad, primitive
from cnn_ext.symbolic import class_names
from cnn_ext.utils import clear_session


def sequential(k):
    return k.Sequential(
        [
            k.layers.Input((8, 8, 1)),
            k.layers.Conv2D(4, 3, activation="relu"),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.Dense(3, activation="softmax"),
        ]
    )


def branches(k):
    """Two ways of different lengths, whose layers have weights of one shape."""
    inputs = k.Input((6,), name="start")
    long = k.layers.Dense(6, name="first")(inputs)
    long = k.layers.Dense(6, name="second", activation="tanh")(long)
    short = k.layers.Dense(6, name="aside")(inputs)
    return k.Model(inputs, k.layers.Dense(2, name="end")(k.ops.add(short, long)))


def residual(k):
    inputs = k.Input((6, 6, 2))
    x = k.layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    y = k.layers.Conv2D(4, 3, padding="same")(x)
    x = k.layers.ReLU()(x + y)
    return k.Model(inputs, k.layers.GlobalAveragePooling2D()(x), name="residual")


def shared(k):
    left, right = k.Input((4,), name="left"), k.Input((4,), name="right")
    dense = k.layers.Dense(3, name="shared", activation="tanh")
    both = k.ops.concatenate([dense(left), dense(right)], axis=-1)
    once_more = dense(k.layers.Dense(4)(both))
    return k.Model([left, right], [both, once_more], name="twins")


def nested(k):
    inside = k.Input((3,), name="inside")
    inner = k.Model(inside, k.layers.Dense(3, name="within")(inside), name="inner")
    row = k.Sequential([k.layers.Input((3,)), k.layers.Dense(3)], name="row")
    outer = k.Input((3,), name="outside")
    x = inner(outer)
    return k.Model(outer, {"once": x, "twice": row(inner(x))}, name="outer")


def of_dicts(k):
    inputs = {"b": k.Input((2,), name="b"), "a": k.Input((3,), name="a")}
    made = k.layers.Dense(2, name="d")(inputs["a"])
    return k.Model(inputs, {"sum": made + inputs["b"], "double": made * 2.0})


def functions(k):
    """Operations between the layers, with arguments of each kind."""
    inputs = k.Input((5, 4))
    x = k.ops.mean(inputs * 2 + 1, axis=1, keepdims=True)
    x = k.ops.transpose(k.ops.reshape(x, (-1, 2, 2)), (0, 2, 1))
    return k.Model(inputs, [k.ops.softmax(x, axis=-1), k.ops.expand_dims(x[:, 0], 1)])


def images(k):
    inputs = k.Input((6, 6, 3))
    gray = k.ops.image.rgb_to_grayscale(inputs, data_format=None)
    small = k.ops.image.resize(
        gray, (3, 4), interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False, fill_mode="constant", fill_value=0.0, data_format=None,
    )  # fmt: skip
    return k.Model(inputs, small)


def part_of_a_sequential(k):
    """As one looks at feature maps."""
    whole = sequential(k)
    return k.Model(whole.inputs, [layer.output for layer in whole.layers[:2]])


def from_the_middle(k):
    whole = branches(k)
    second = whole.get_layer("second")
    return k.Model(second.output, k.layers.Dense(2, name="own")(second.output * 2))


def sequence_of_models(k):
    front = k.Sequential([k.layers.Input((6,)), k.layers.Dense(4)], name="front")
    return k.Sequential([front, k.layers.Dense(2)])


def unused_input(k):
    used, unused = k.Input((2,), name="used"), k.Input((3,), name="unused")
    return k.Model([unused, used], k.layers.Dense(2)(used))


def passes_an_input_on(k):
    inside = k.Input((3,), name="inside")
    inner = k.Model(inside, [inside, k.layers.Dense(3, name="within")(inside)], name="inner")
    outside = k.Input((3,), name="outside")
    same, made = inner(outside)
    return k.Model(outside, k.layers.Add(name="both")([same, made]))


def products(k):
    a, b = k.Input((2, 3), name="a"), k.Input((3, 4), name="b")
    return k.Model([a, b], (a @ b) @ k.layers.Permute((2, 1))(b))


MODELS = (
    sequential,
    branches,
    residual,
    shared,
    nested,
    of_dicts,
    functions,
    images,
    part_of_a_sequential,
    from_the_middle,
    sequence_of_models,
    unused_input,
    passes_an_input_on,
    products,
)
models = pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)


def made(make, k):
    """The model, its layers numbered from the start."""
    (clear_session if k is cnn_ext else k.backend.clear_session)()
    return make(k)


def inputs_for(model, seed=0):
    """A batch of three, in the structure of the model's inputs."""
    rng = np.random.default_rng(seed)

    def batch(x):
        return rng.standard_normal((3, *x.shape[1:])).astype("float32")

    if isinstance(model.input, dict):
        return {name: batch(x) for name, x in model.input.items()}
    flat = [batch(x) for x in model.inputs]
    return flat if isinstance(model.input, list) else flat[0]


def fill(model):
    rng = np.random.default_rng(1)
    model.set_weights([rng.standard_normal(w.shape) * 0.5 for w in model.weights])


def leaves(outputs):
    if isinstance(outputs, dict):
        return [outputs[key] for key in sorted(outputs)]
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def assert_same(ours, theirs):
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        assert_close(a, b, 1e-5)


@pytest.fixture
def pair(make, keras):
    """The model and Keras's, with the same weights."""
    ours, theirs = made(make, cnn_ext), made(make, keras)
    fill(ours)
    theirs.set_weights(ours.get_weights())
    return ours, theirs


@models
def test_outputs_equal_keras(pair):
    ours, theirs = pair
    x = inputs_for(ours)
    with no_grad():
        assert_same(ours(x), theirs(x))


@models
def test_anatomy_equals_keras(pair):
    """Layers in their order, shapes, names, numbers of weights."""
    ours, theirs = pair
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.name == theirs.name
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert ours.count_params() == theirs.count_params()
    assert [x.shape for x in ours.inputs] == [tuple(x.shape) for x in theirs.inputs]
    assert ours.input_shape == theirs.input_shape
    assert ours.output_shape == theirs.output_shape
    assert ours.output_names == (
        theirs.output_names if hasattr(theirs, "output_names") else theirs._functional.output_names
    )


def plain(node):
    """A configuration without what the two libraries write differently: dtypes, compilation."""
    if isinstance(node, dict):
        left = ("dtype", "compile_config", "build_config", "kwargs", "build_input_shape")
        return {key: plain(value) for key, value in node.items() if key not in left}
    return [plain(item) for item in node] if isinstance(node, list | tuple) else node


@models
def test_configuration_is_that_of_keras(pair, keras):
    ours, theirs = pair
    node = json.loads(json.dumps(cnn_ext.saving.serialize_keras_object(ours)))
    expected = json.loads(json.dumps(keras.saving.serialize_keras_object(theirs)))
    assert plain(node) == plain(expected)


@models
def test_configuration_makes_the_same_model(pair):
    model, _ = pair
    twin = cnn_ext.models.model_from_json(model.to_json())
    twin.set_weights(model.get_weights())
    assert twin.to_json() == model.to_json()
    x = inputs_for(model)
    with no_grad():
        assert_same(twin(x), model(x))


@models
def test_clone_is_equal_and_apart(pair):
    model, _ = pair
    clone = cnn_ext.models.clone_model(model)
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}
    clone.set_weights(model.get_weights())
    x = inputs_for(model)
    with no_grad():
        assert_same(clone(x), model(x))


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras, as it writes
@models
def test_files_are_read_by_both(pair, keras, tmp_path):
    """Ours by Keras, Keras's by us, ours by us: the same bits of weights, the same outputs."""
    ours, theirs = pair
    x = inputs_for(ours)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    with no_grad():
        expected = ours(x)
        for name in ("ours", "theirs"):
            loaded = cnn_ext.models.load_model(tmp_path / f"{name}.keras")
            for a, b in zip(loaded.get_weights(), ours.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
            assert_same(loaded(x), expected)
    assert_same(keras.models.load_model(tmp_path / "ours.keras")(x), expected)


@models
def test_shapes_follow_the_inputs(pair):
    """A model called on other symbolic inputs gives symbolic outputs of the right shapes."""
    model, _ = pair
    structure = model.input
    again = (
        {name: cnn_ext.Input(x.shape[1:]) for name, x in structure.items()}
        if isinstance(structure, dict)
        else [cnn_ext.Input(x.shape[1:]) for x in model.inputs]
    )
    found = model(again if isinstance(structure, dict | list) else again[0])
    assert [x.shape for x in leaves(found)] == [x.shape for x in leaves(model.output)]


@models
def test_gradients_equal_keras(pair, tf):
    ours, theirs = pair
    x = inputs_for(ours)
    factors = np.random.default_rng(2)
    outputs = leaves(ours(x))
    factors = [factors.standard_normal(y.shape).astype("float32") for y in outputs]
    if not ours.trainable_weights:
        return
    with tf.GradientTape() as tape:
        both = zip(leaves(theirs(x)), factors, strict=True)
        loss = tf.add_n([tf.reduce_sum(y * factor) for y, factor in both])
    expected = tape.gradient(loss, [w.value for w in theirs.trainable_weights])
    total = sum((y * factor).sum() for y, factor in zip(outputs, factors, strict=True))
    total.backward()
    for weight, gradient in zip(ours.trainable_weights, expected, strict=True):
        if gradient is not None:
            assert_close(weight.grad, gradient, 1e-5)


def test_files_name_operations_as_keras_does(keras):
    """Every operation that Keras has as a class is written as that class."""
    without = (  # made of others in Keras, or no step of a model
        "batch_normalization convert_to_numpy custom_gradient dtype empty eye identity is_tensor "
        "layer_normalization ones rms_normalization shape tri zeros"
    )
    for face, theirs in ((ops, keras.ops), (ops.image, keras.ops.image)):
        for name, operation in face.OPS.items():
            if hasattr(theirs, name) and name not in without.split():
                module, written = class_names[operation]
                assert hasattr(importlib.import_module(module), written), name


def test_an_operation_of_ones_own_is_not_written(tmp_path):
    """Nor lost: a file that could not be read again is not made."""

    @primitive
    def cube(x):
        return x**3

    inputs = cnn_ext.Input((2,))
    model = cnn_ext.Model(inputs, cube(inputs))
    assert model.output_shape == (None, 2)
    with pytest.raises(ValueError, match=r"'cube' is no operation of cnn_ext.ops.*layer of your"):
        model.save(tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())


def test_inputs_come_by_position_and_by_name():
    model = made(shared, cnn_ext)
    left, right = inputs_for(model)
    with no_grad():
        expected = model([left, right])[0].numpy()
        np.testing.assert_array_equal(model((left, right))[0].numpy(), expected)
        np.testing.assert_array_equal(model({"right": right, "left": left})[0].numpy(), expected)


def test_the_axis_of_channels_is_added_and_removed():
    model = made(sequential, cnn_ext)
    x = inputs_for(model)
    with no_grad():
        np.testing.assert_array_equal(model(x[..., 0]).numpy(), model(x).numpy())


def test_freezing_a_layer_keeps_its_weights():
    model = made(branches, cnn_ext)
    model.get_layer("first").trainable = False
    model.compile("sgd", "mse")
    before = {w.path: w.numpy().copy() for w in model.weights}
    model.fit(inputs_for(model), np.ones((3, 2)), verbose=0)
    changed = {w.path for w in model.weights if not np.array_equal(w.numpy(), before[w.path])}
    assert changed == {w.path for w in model.weights if not w.path.startswith("first/")}
    assert len(model.trainable_weights) == len(model.weights) - 2


def test_build_of_a_subclass_makes_its_weights(keras):
    def net(k):
        class Net(k.Model):
            def __init__(self):
                super().__init__()
                self.dense = k.layers.Dense(3)

            def call(self, inputs, training=False):
                return self.dense(inputs)

        return Net()

    ours, theirs = net(cnn_ext), net(keras)
    ours.build((None, 5))
    theirs(np.ones((1, 5)))  # Keras's build makes none
    assert ours.count_params() == theirs.count_params() == 18


def test_a_subclass_may_be_functional(keras):
    def net(k):
        class Net(k.Model):
            def __init__(self, units):
                inputs = k.Input((4,))
                super().__init__(inputs=inputs, outputs=k.layers.Dense(units)(inputs))
                self.units = units

        return Net(3)

    ours, theirs = net(cnn_ext), net(keras)
    assert ours.output_shape == theirs.output_shape == (None, 3)
    assert len(ours.layers) == len(theirs.layers) == 2


def test_a_layer_of_ones_own_in_a_graph():
    """Its shape is found out, its inner layers are built, and it is written without get_config."""

    @cnn_ext.saving.register_keras_serializable("tests")
    class Halves(cnn_ext.layers.Layer):
        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.dense = cnn_ext.layers.Dense(units)

        def call(self, inputs):
            return self.dense(inputs)[:, None, :]

    inputs = cnn_ext.Input((3,))
    model = cnn_ext.Model(inputs, Halves(units=5)(inputs))
    assert model.output_shape == (None, 1, 5)
    assert model.count_params() == 20
    twin = cnn_ext.models.model_from_json(model.to_json())
    assert twin.output_shape == (None, 1, 5)


def one_name_twice(k):
    inputs = k.Input((2,))
    return k.Model(inputs, k.layers.Dense(2, name="d")(k.layers.Dense(2, name="d")(inputs)))


WRONG = (
    ("an output that is no tensor", lambda k: k.Model(k.Input((2,)), np.ones(2)), ValueError,
     "All `outputs` values must be KerasTensors. Received: outputs="),
    ("an input that is none", lambda k: k.Model(3, k.Input((2,))), ValueError,
     "All `inputs` values must be KerasTensors. Received: inputs=3"),
    ("not connected", lambda k: k.Model(k.Input((2,)), k.layers.Dense(2)(k.Input((2,)))),
     ValueError, "Output with path `` is not connected to `inputs`"),
    ("one name twice", one_name_twice, ValueError,
     'The name "d" is used 2 times in the model. All operation names should be unique.'),
    ("a layer for a tensor", lambda k: k.layers.Dense(2)(k.layers.Dense(2)), ValueError, ""),
    ("never called", lambda k: k.layers.Dense(2).output, AttributeError,
     "The layer dense has never been called and thus has no defined output."),
    ("NumPy on a symbol", lambda k: np.asarray(k.Input((2,))), ValueError,
     "A KerasTensor is symbolic: it's a placeholder for a shape an"),
    ("if on a symbol", lambda k: bool(k.Input((2,)) > 1), TypeError, ""),
    ("a loop on a symbol", lambda k: list(k.Input((2,))), NotImplementedError,
     "Iterating over a symbolic KerasTensor is not supported."),
    ("no such layer", lambda k: sequential(k).get_layer("conv"), ValueError,
     "No such layer: conv"),
    ("a name with a slash", lambda k: k.layers.Dense(2, name="a/b"), ValueError,
     "Argument `name` must be a string and cannot contain character `/`. "),
    ("trainable as a word", lambda k: k.layers.Dense(2, trainable="no"), ValueError,
     "Expected `trainable` to be a boolean. Received: trainable=no"),
    ("a wrong shape", lambda k: sequential(k).build((None, 4, 4, 1)), ValueError,
     "Sequential model 'sequential' has already been configured to use input shape"),
    ("inputs of another structure", lambda k: shared(k)(np.ones((1, 4))), ValueError, ""),
)  # fmt: skip


@pytest.mark.parametrize("slip", WRONG, ids=lambda slip: slip[0])
def test_slips_are_told_as_keras_does(slip, keras):
    _, call, error, begins = slip
    for k in (cnn_ext, keras):
        (clear_session if k is cnn_ext else k.backend.clear_session)()
        with pytest.raises(error) as caught:
            call(k)
        assert str(caught.value).startswith(begins), (k.__name__, str(caught.value))


@pytest.mark.parametrize("told", ["nothing", None, True, False])
def test_what_a_model_is_called_for_comes_before_what_a_layer_was_told(told, keras, tmp_path):
    """In models made here, and in those of files, which say False where nothing was said."""
    x = np.ones((4, 50), np.float32)
    paths, outcomes = [], []
    for module in (cnn_ext, keras):
        inputs = module.layers.Input((50,))
        how = {} if told == "nothing" else {"training": told}
        model = module.Model(inputs, module.layers.Dropout(0.5)(inputs, **how))
        paths.append(tmp_path / f"{module.__name__}.keras")
        model.save(paths[-1])
        outcomes.append(model)
    outcomes += [cnn_ext.models.load_model(path) for path in paths]
    ours, theirs, *read = (
        [
            (np.asarray(y) == 0).any()
            for y in (
                model(x), model.predict(x, verbose=0), model(x, training=True),
                model(x, training=False),
            )
        ]
        for model in outcomes
    )  # fmt: skip
    assert ours == theirs
    assert read == [theirs, theirs]
