"""Models in ONNX compute what they compute here, as ONNX Runtime says; what cannot be is named."""

import os
import sys
from collections import Counter

import numpy as np
import pytest

import cnn_ext
from cnn_ext import layers, ops
from cnn_ext.layers import Layer
from cnn_ext.tree import flatten
from exported_models import MODELS, OF_IMAGES, OPERATIONS, all_refused, squeeze_and_excite
from layer_rows import all_rows, fill
from planned_models import textbook

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from cnn_ext.export.tables import FUNCTIONS, LAYERS  # noqa: E402

ROWS = (*all_rows(), *all_rows("UNKNOWN"))
BATCHES = (1, 3)
UNKNOWN_SIZE = 8


@pytest.fixture(autouse=True)
def names():
    """Numbered from the start, as the names of drawn inputs are told by them."""
    cnn_ext.utils.clear_session()


def exported(model, tmp_path, **arguments):
    """The checked file's content."""
    path = tmp_path / "model.onnx"
    model.export(path, verbose=False, **arguments)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def session(proto):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(proto.SerializeToString(), options)


def inputs_for(model, count):
    """A batch for each input, by name."""
    rng = np.random.default_rng(count)
    given = {}
    for x in model.inputs:
        shape = (count, *(UNKNOWN_SIZE if n is None else n for n in x.shape[1:]))
        drawn = rng.standard_normal(shape) if x.dtype == "float32" else rng.integers(0, 9, shape)
        given[x.name] = drawn.astype(x.dtype)
    return given


def assert_same(model, proto, count, inputs=None):
    """ONNX Runtime's outputs are the model's, to 1e-5 of the largest."""
    inputs = inputs_for(model, count) if inputs is None else inputs
    by_order = [inputs[x.name] for x in model.inputs]
    given = inputs if isinstance(model.input, dict) else by_order
    expected = flatten([model.predict(given if len(by_order) > 1 else by_order[0], verbose=0)])
    got = session(proto).run(None, inputs)
    assert len(got) == len(expected)
    for y, reference in zip(got, map(np.asarray, expected), strict=True):
        assert (y.shape, y.dtype) == (reference.shape, reference.dtype)
        assert np.isfinite(y.astype("float64")).all()
        scale = np.abs(reference.astype("float64")).max()
        error = np.abs(y.astype("float64") - reference).max() if y.size else 0
        assert error <= 1e-5 * scale, f"{error} of {scale}"


# --- Everything that has words in ONNX --------------------------------------------------------


def model_of(row):
    """A layer's row as a model."""
    shapes = row.shape if row.several else (row.shape,)
    inputs = [layers.Input(shape[1:] if row in all_rows() else shape) for shape in shapes]
    outputs = row.make(cnn_ext)(inputs if row.several else inputs[0])
    model = cnn_ext.Model(inputs if row.several else inputs[0], outputs)
    fill(model)
    return model


CANNOT = {
    "RandomCrop": "its outputs' shape depends on whether it is in training",
    "AdaptiveMaxPooling2D(output_size=2)-NonexNonex3": "sizes",
    "CenterCrop(height=3,width=4)-NonexNonex3": "sizes",
    "TimeDistributed(layer=Dense)-Nonex5": "sizes",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_layers(row, tmp_path):
    model = model_of(row)
    if row.name in CANNOT or row.layer in CANNOT:
        with pytest.raises(NotImplementedError, match=row.layer):
            exported(model, tmp_path)
        return
    proto = exported(model, tmp_path)
    for count in BATCHES:
        assert_same(model, proto, count)


def test_each_class_of_layers_is_exported_or_not_for_a_reason():
    public = {getattr(layers, name) for name in layers.__all__}
    public = {c for c in public if isinstance(c, type) and issubclass(c, Layer)}
    without = {layers.Layer, layers.InputLayer, layers.Wrapper, layers.Lambda, layers.RandomCrop}
    assert public - set(LAYERS) == without
    drawn = {getattr(layers, row.layer) for row in ROWS} | {layers.CategoryEncoding}
    assert set(LAYERS) - drawn == set()


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_models(row, tmp_path):
    model = row.make()
    if model.weights:
        fill(model)
    proto = exported(model, tmp_path)
    for count in BATCHES:
        assert_same(model, proto, count)
    assert [x.name for x in proto.graph.input] == model.input_names
    for x in proto.graph.input:
        assert x.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_each_operation_is_in_a_model():
    used = set()
    for row in (*OPERATIONS, *OF_IMAGES):
        model = row.make()
        used |= {o.function for o in model.operations if not isinstance(o, Layer)}
    from cnn_ext import activations

    not_recorded = {getattr(activations, name) for name in activations.__all__}
    missing = set(FUNCTIONS) - used - not_recorded
    assert {f.__name__ for f in missing} == set()


def test_a_wrong_number_would_be_found(tmp_path):
    model = textbook()
    proto = exported(model, tmp_path)
    kernel = model.layers[0].kernel
    kernel.assign(kernel.numpy() * 1.001)
    with pytest.raises(AssertionError):
        assert_same(model, proto, 3)


@pytest.mark.parametrize("opset", [18, 19, 20, 22, 23])
def test_other_opsets(opset, tmp_path):
    model = squeeze_and_excite()
    proto = exported(model, tmp_path, opset_version=opset)
    assert proto.opset_import[0].version == opset
    assert_same(model, proto, 2)


# --- What the file is like --------------------------------------------------------------------


def operators(proto):
    return Counter(node.op_type for node in proto.graph.node)


def test_the_images_stay_as_keras_has_them_and_move_once(tmp_path):
    """One Transpose before the first convolution, one before Flatten, none between."""
    proto = exported(textbook(), tmp_path)
    sizes = [dims(x) for x in (*proto.graph.input, *proto.graph.output)]
    assert sizes == [["batch", 28, 28, 1], ["batch", 10]]
    assert operators(proto)["Transpose"] == 2
    assert operators(proto)["Conv"] == operators(proto)["MaxPool"] == 2


def dims(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_unknown_sizes_have_the_names_of_those_that_they_equal(tmp_path):
    inputs = layers.Input((None, 4), name="x")
    both = [layers.Dense(2)(inputs), ops.reshape(inputs, (-1, 4)), ops.sum(inputs, axis=0)]
    proto = exported(cnn_ext.Model(inputs, both), tmp_path)
    assert dims(proto.graph.input[0]) == ["batch", "x_1", 4]
    assert [dims(y) for y in proto.graph.output] == [["batch", "x_1", 2], [0, 4], ["x_1", 4]]


def test_channels_first_moves_nothing(tmp_path):
    row = next(row for row in MODELS if row.name == "channels_first")
    assert operators(exported(row.make(), tmp_path))["Transpose"] == 1  # Flatten's own


def test_weights_of_a_shared_layer_are_kept_once(tmp_path):
    inputs = layers.Input((3,))
    dense = layers.Dense(3, name="dense")
    model = cnn_ext.Model(inputs, dense(dense(inputs)))
    fill(model)
    proto = exported(model, tmp_path)
    assert len(proto.graph.initializer) == 2
    assert operators(proto) == {"Gemm": 2}


def test_names_and_notes(tmp_path):
    inputs = layers.Input((3,), name="flower")
    outputs = {"b": layers.Dense(2, name="size")(inputs), "a": layers.ReLU(name="kind")(inputs)}
    proto = exported(cnn_ext.Model(inputs, outputs, name="garden"), tmp_path)
    assert [x.name for x in proto.graph.input] == ["flower"]
    assert [x.name for x in proto.graph.output] == ["kind", "size"]
    assert (proto.producer_name, proto.producer_version) == ("cnn_ext", cnn_ext.__version__)
    assert proto.graph.name == "garden" and "garden" in proto.doc_string
    assert {node.name for node in proto.graph.node} == {"size/Gemm", "kind/Relu"}
    assert proto.opset_import[0].version == 21


def test_float64_stays_float64(tmp_path):
    inputs = layers.Input((3,), dtype="float64")
    model = cnn_ext.Model(inputs, layers.Dense(2, dtype="float64")(inputs))
    proto = exported(model, tmp_path)
    x = np.random.default_rng(0).standard_normal((4, 3))
    (y,) = session(proto).run(None, {model.input_names[0]: x})
    assert np.abs(y - model(x).numpy()).max() < 1e-14


def test_a_signature_fixes_sizes(tmp_path):
    model = next(row for row in MODELS if row.name == "u_net").make()
    signature = [layers.InputSpec(shape=(2, 8, None, 3))]
    proto = exported(model, tmp_path, input_signature=signature)
    assert dims(proto.graph.input[0]) == [2, 8, f"{model.input_names[0]}_2", 3]
    x = np.ones((2, 8, 6, 3), "float32")
    assert_same(model, proto, 2, {model.input_names[0]: x})
    with pytest.raises(ValueError, match="input_signature does not fit"):
        model.export(tmp_path / "x", input_signature=[layers.InputSpec(shape=(2, 8, 8, 1))])


def test_a_fixed_batch_stays_fixed(tmp_path):
    inputs = layers.Input(batch_shape=(3, 4, 2))
    model = cnn_ext.Model(inputs, layers.Reshape((-1,))(layers.ReLU()(inputs)))
    proto = exported(model, tmp_path)
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 3
    assert_same(model, proto, 3)


def test_it_says_where_the_file_is(tmp_path, capsys):
    textbook().export(tmp_path / "m.onnx")
    assert capsys.readouterr().out == f"Saved artifact at '{tmp_path / 'm.onnx'}'.\n"


# --- What cannot be ---------------------------------------------------------------------------


def test_all_that_is_refused_is_named_at_once(tmp_path):
    with pytest.raises(NotImplementedError) as error:
        all_refused().export(tmp_path / "m.onnx")
    lines = str(error.value).splitlines()[1:]
    places = [line.split("'")[1] for line in lines]
    assert places == [
        "wave", "inner/code", "own", "steps/crop", "own_operation", "python", "replaced", "always",
    ]  # fmt: skip
    assert not os.listdir(tmp_path)


class Subclass(cnn_ext.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    "make, arguments, says",
    [
        (Subclass, {}, "there is no graph of its layers"),
        (lambda: cnn_ext.Sequential([layers.Dense(2)]), {}, "give a Sequential an Input"),
        (textbook, {"format": "tf_saved_model"}, "Supported formats are: \\['onnx'\\]"),
        (textbook, {"opset_version": 9}, "must be from 18 to"),
    ],
)
def test_errors(make, arguments, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        make().export(tmp_path / "m.onnx", **arguments)
    assert not os.listdir(tmp_path)


def test_too_many_weights_for_a_file(tmp_path, monkeypatch):
    from cnn_ext.export import onnx_file

    monkeypatch.setattr(onnx_file, "_MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 2 GB"):
        textbook().export(tmp_path / "m.onnx")


def test_a_misspelt_argument_is_named(tmp_path):
    with pytest.raises(TypeError, match="did you mean 'opset_version'"):
        textbook().export(tmp_path / "m.onnx", opset_versoin=18)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        textbook().export(tmp_path / "m.onnx")


def test_a_failed_export_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    textbook().export(path, verbose=False)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        squeeze_and_excite().export(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.onnx"]
