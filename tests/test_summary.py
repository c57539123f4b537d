"""The summary of a model of cnn_ext is, character by character, that of the same Keras model."""

import contextlib
import functools
import gc
import types

import pytest

import cnn_ext
import drawn_models as models
from cnn_ext.utils._shapes import input_shape, output_shape, show_shape
from cnn_ext.utils.summary import _bits, print_summary
from drawn_models import MODELS
from test_models import functions, made, nested, residual, shared


@pytest.fixture(scope="module")
def pair_of(keras):
    """The model that a function makes and Keras's, made once: nothing here changes them."""
    gc.freeze()  # Keras collects garbage before each model: TensorFlow need not be searched
    yield functools.cache(lambda make: (made(make, cnn_ext), made(make, keras)))
    gc.unfreeze()


def layer_range(first, last):
    return {"layer_range": (first, last)}


BOTH = {"expand_nested": True, "show_trainable": True}
SUMMARIES = [
    *((make, how) for make in MODELS for how in ({}, BOTH)),
    (nested, {"expand_nested": True}),
    (models.frozen, {"show_trainable": True}),
    *(
        (make, {"line_length": length})
        for make in (models.textbook, shared, models.nested_graphs, functions)
        for length in (41, 60, 77, 132)
    ),
    (models.textbook, {"line_length": 120, "positions": [0.3, 0.6, 0.9]}),
    (models.textbook, {"positions": [0.3, 0.6, 0.7, 1.0]}),
    (models.textbook, {"positions": [33, 55, 67, 100]}),
    (residual, {"line_length": 120, "positions": [0.2, 0.4, 0.6, 1.0]}),
    (residual, {"positions": [0.3, 0.5, 0.6, 0.8], "show_trainable": True}),
    (models.textbook, layer_range("max_pool", "drop")),
    (models.textbook, layer_range("drop", "max_pool")),
    (models.textbook, layer_range("f", ".*")),
    (models.u_net, layer_range("pool_0", "grow")),
    (functions, layer_range("mean", "get_item")),
    (models.nested_graphs, layer_range("inner", "after") | BOTH),
]
SUMMARY_IDS = [f"{make.__name__}-{'-'.join(how) or 'plain'}" for make, how in SUMMARIES]


def said(function, *args, **kwargs):
    texts = []
    function(*args, print_fn=texts.append, **kwargs)
    return texts


@pytest.mark.parametrize(("make", "how"), SUMMARIES, ids=SUMMARY_IDS)
@pytest.mark.parametrize("columns", [80, 200])
def test_summary_is_that_of_keras(pair_of, monkeypatch, make, how, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    ours, theirs = pair_of(make)
    expected = said(theirs.summary, **how)
    assert said(ours.summary, **how) == expected == said(print_summary, ours, **how)
    assert "Total params" in expected[0]


@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize("make", MODELS)
def test_summary_prints_as_keras(pair_of, monkeypatch, capsys, make, colours):
    if colours:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = pair_of(make)
    theirs.summary(show_trainable=True)
    expected = capsys.readouterr().out
    ours.summary(show_trainable=True)
    assert capsys.readouterr().out == expected
    assert ("\x1b" in expected) == colours


ARGUMENTS = [(), (2,), ("relu",), ((2, 2),), (2, 3)]  # the first that suits makes a layer


def rows_of_layers(k, made_by):
    """Which parameters a summary notes for layers of all kinds that met no data."""
    rows = {}
    for name, arguments in made_by.items():
        model = k.Sequential([getattr(k.layers, name)(*arguments, name="layer")])
        (text,) = said(model.summary)
        rows[name] = text.splitlines()[4]
    return rows


def test_layers_that_met_no_data_are_those_of_keras(keras):
    made_by = {}
    for name in cnn_ext.layers.__all__:
        for arguments in ARGUMENTS:
            with contextlib.suppress(TypeError, ValueError, AttributeError):
                for k in (cnn_ext, keras):
                    k.Sequential([getattr(k.layers, name)(*arguments, name="layer")])
                made_by[name] = arguments
                break
    assert len(made_by) > 60
    assert rows_of_layers(cnn_ext, made_by) == rows_of_layers(keras, made_by)


def test_a_graph_says_what_is_connected(pair_of, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    (text,) = said(pair_of(shared)[0].summary)
    assert "Connected to" in text and "left[0][0], right[0][0]," in text
    (text,) = said(pair_of(models.textbook)[0].summary)
    assert "Connected to" not in text


# arguments, how Keras's message begins, what ours says too
WRONG_SUMMARIES = [
    ({"layer_range": ("conv",)}, "layer_range must be a list or tuple of length 2", "('conv',)"),
    ({"layer_range": (0, 1)}, "layer_range should contain string type only", "(0, 1)"),
    ({"layer_range": ("conv", "no")}, "Passed layer_names do not match the layer", "flatten, drop"),
    ({"line_length": 8}, "Insufficient console width to print summary", "line_length=8"),
]


@pytest.mark.parametrize(("how", "begins", "says"), WRONG_SUMMARIES)
def test_summary_refuses_as_keras(pair_of, how, begins, says):
    messages = []
    for model in pair_of(models.textbook):
        with pytest.raises(ValueError, match=f"^{begins}") as caught:
            model.summary(**how)
        messages.append(str(caught.value))
    assert says in messages[0] and "Received: " in messages[0]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"layer_range": "ab"}, "a list or tuple of length 2.*Received: 'ab'$"),
        ({"positions": [0.5, 1.0]}, r"3 columns.*positions=\[0\.5, 1\.0\]$"),
    ],
)
def test_summary_refuses_what_keras_stumbles_over(pair_of, how, says):
    with pytest.raises(ValueError, match=says):
        pair_of(models.textbook)[0].summary(**how)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int8", "uint16", "bool"])
def test_size_of_a_dtype_is_that_of_keras(keras, dtype):
    from keras.src.utils.dtype_utils import dtype_size

    assert _bits(dtype) == dtype_size(dtype)


def unknown_shape(_given):
    raise NotImplementedError


def built_with(shape, compute=unknown_shape):
    config = None if shape is None else {"input_shape": shape}
    return types.SimpleNamespace(
        get_build_config=lambda: config, compute_output_shape=compute, layers=[]
    )


SHAPES = [
    (built_with(None), "?", "?"),
    (built_with((None, 4)), "(None, 4)", "?"),
    (built_with((2, 4), lambda shape: (*shape, 1)), "(2, 4)", "(2, 4, 1)"),
    (built_with({"a": (1,), "b": [(2,), (3,)]}), "{a: (1), b: [(2), (3)]}", "?"),
    (built_with({"a": [(1, None)]}), "(1, None)", "?"),
    (built_with(((1,), (2,))), "((1), (2))", "?"),
    (built_with(()), "()", "?"),
    (object(), "?", "?"),
]


@pytest.mark.parametrize(("layer", "given", "made"), SHAPES)
def test_shapes_of_a_layer_never_called(layer, given, made):
    assert show_shape(input_shape(layer)) == given
    assert show_shape(output_shape(layer)) == made
