"""Errors that teach: one table of slips, the type of their errors, and the words that must be said.

The last words of a row are what was received. Where Keras refuses a slip too, it does so with the
same type of error, or the row says why not.

Over 400 lines because it is a table.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import cnn_ext

RNG = np.random.default_rng(0)
X = RNG.random((8, 6, 6, 1), np.float32)
Y = np.array([0, 1, 2, 0, 1, 2, 0, 1])
ONES = np.ones((2, 3), np.float32)

# Why Keras does something else.
KEYWORDS = "every wrong keyword is a TypeError here; Keras collects some in **kwargs"
TENSORFLOW = "an error of TensorFlow's own"
ACCIDENT = "Keras does not check: what fails is a line that happens to come across it"
LATER = "Keras can do this, we cannot yet"
LENIENT = "Keras lets it pass"


class Row(NamedTuple):
    slip: str
    call: Callable[..., Any]
    error: type[Exception]
    says: tuple[str, ...]
    theirs: str | None


def row(slip, call, error, *says, theirs=None):
    return Row(slip, call, error, says, theirs)


def model(k):
    """A small compiled classifier of three classes."""
    layers = k.layers
    made = k.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="out"),
        ],
        name="net",
    )
    made.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    return made


def compiled(m, *args, **kwargs):
    m.compile(*args, **kwargs, run_eagerly=True)
    return m


def fit(m, x=X, y=Y, **how):
    return m.fit(x, y, **{"verbose": 0, **how})


def end_of_epoch(m, callback):
    callback.set_model(m)
    callback.on_epoch_begin(0, {})
    callback.on_epoch_end(0, {"loss": 1.0})


def with_value(array, index, value):
    array = array.astype(np.float64)
    array[index] = value
    return array


def without_super(k):
    class Bad(k.layers.Layer):
        def __init__(self):
            self.inner = k.layers.Dense(1)

    return Bad()(ONES)


def without_call(k):
    class Bad(k.layers.Layer):
        pass

    return Bad()(ONES)


MISSPELT = (
    row("a layer", lambda k: k.layers.ConvD, AttributeError, "did you mean 'Conv2D'", "'ConvD'"),
    row("a module", lambda k: k.util, AttributeError, "did you mean 'utils'", "'util'"),
    row("another module", lambda k: k.layer, AttributeError, "did you mean", "'layer'"),
    row("a loss class", lambda k: k.losses.MeanSquareError, AttributeError,
        "did you mean 'MeanSquaredError'", "'MeanSquareError'"),
    row("an optimizer class", lambda k: k.optimizers.adam, AttributeError, "did you mean 'Adam'",
        "'adam'"),
    row("a metric class", lambda k: k.metrics.CategoricalAcuracy, AttributeError,
        "did you mean 'CategoricalAccuracy'", "'CategoricalAcuracy'"),
    row("a callback class", lambda k: k.callbacks.EarlyStoping, AttributeError,
        "did you mean 'EarlyStopping'", "'EarlyStoping'"),
    row("a model class", lambda k: k.models.Sequental, AttributeError,
        "did you mean 'Sequential'", "'Sequental'"),
    row("an initializer class", lambda k: k.initializers.HeNorm, AttributeError,
        "did you mean 'HeNormal'", "'HeNorm'"),
    row("an activation function", lambda k: k.activations.rleu, AttributeError,
        "did you mean 'relu'", "'rleu'"),
    row("an operation", lambda k: k.ops.max_pol, AttributeError, "did you mean 'max_pool'",
        "'max_pol'"),
    row("something unlike anything", lambda k: k.layers.Xyzzy, AttributeError, "'Xyzzy'"),
    row("strides", lambda k: k.layers.Conv2D(8, 3, stride=1), ValueError,
        "Conv2D", "did you mean 'strides'", "'stride'"),
    row("pool size", lambda k: k.layers.MaxPooling2D(poolsize=2), ValueError,
        "did you mean 'pool_size'", "'poolsize'"),
    row("units", lambda k: k.layers.Dense(unit=8), TypeError, "did you mean 'units'", "'unit'"),
    row("of the base class", lambda k: k.layers.Dense(8, nam="a"), ValueError,
        "did you mean 'name'", "'nam'"),
    row("show_shapes", lambda k, m: k.utils.plot_model(m, show_shape=True), TypeError,
        "did you mean 'show_shapes'", "'show_shape'", theirs="Keras needs pydot first"),
    row("epochs", lambda k, m: m.fit(X, Y, epoch=3), TypeError, "fit", "did you mean 'epochs'",
        "'epoch'"),
    row("validation_split", lambda k, m: m.fit(X, Y, validation_spilt=0.1), TypeError,
        "did you mean 'validation_split'", "'validation_spilt'"),
    row("optimizer", lambda k, m: m.compile(optimzer="adam"), TypeError, "compile",
        "did you mean 'optimizer'", "'optimzer'"),
    row("batch_size", lambda k, m: m.evaluate(X, Y, batchsize=3), TypeError, "evaluate",
        "did you mean 'batch_size'", "'batchsize'", theirs=KEYWORDS),
    row("verbose", lambda k, m: m.predict(X, verbos=0), TypeError, "predict",
        "did you mean 'verbose'", "'verbos'"),
    row("sample_weight", lambda k, m: m.train_on_batch(X, Y, sample_weights=Y), TypeError,
        "did you mean 'sample_weight'", "'sample_weights'"),
    row("learning_rate", lambda k: k.optimizers.Adam(learningrate=0.1), TypeError,
        "did you mean 'learning_rate'", "'learningrate'", theirs=KEYWORDS),
    row("lr", lambda k: k.optimizers.Adam(lr=0.1), TypeError, "learning_rate", "'lr'",
        theirs=KEYWORDS),
    row("monitor", lambda k: k.callbacks.EarlyStopping(monitr="loss"), TypeError,
        "did you mean 'monitor'", "'monitr'"),
    row("from_logits", lambda k: k.losses.BinaryCrossentropy(from_logit=True), TypeError,
        "did you mean 'from_logits'", "'from_logit'"),
    row("layers", lambda k: k.Sequential(layer=[]), TypeError, "did you mean 'layers'", "'layer'"),
    row("shape", lambda k: k.Input(shap=(1,)), TypeError, "did you mean 'shape'", "'shap'"),
    row("a threshold", lambda k: k.metrics.BinaryAccuracy(treshold=0.1), TypeError,
        "did you mean 'threshold'", "'treshold'"),
    row("activation", lambda k: k.layers.Dense(3, activation="rleu"), ValueError,
        "did you mean 'relu'", "'rleu'"),
    row("loss", lambda k, m: fit(compiled(m, "sgd", "sparse_categorical_crossentrop")), ValueError,
        "did you mean 'sparse_categorical_crossentropy'", "'sparse_categorical_crossentrop'"),
    row("optimizer name", lambda k, m: m.compile("adm", "mse"), ValueError,
        "did you mean 'adam'", "Received: 'adm'"),
    row("initializer", lambda k: k.layers.Dense(3, kernel_initializer="he_norml"), ValueError,
        "did you mean 'he_normal'", "Received: 'he_norml'"),
    row("metric", lambda k, m: fit(compiled(
            m, "sgd", "sparse_categorical_crossentropy", metrics=["acuracy"])),
        ValueError, "did you mean 'accuracy'", "Received: 'acuracy'"),
    row("padding", lambda k: k.layers.Conv2D(3, 3, padding="smae"), ValueError,
        "'valid', 'same'", "did you mean 'same'", "Received: smae"),
    row("padding of a pool", lambda k: k.layers.MaxPooling2D(2, padding="vald")(X), ValueError,
        "did you mean 'valid'", "Received: vald", theirs=TENSORFLOW),
    row("data format", lambda k: k.layers.Conv2D(3, 3, data_format="channel_last"), ValueError,
        "did you mean 'channels_last'", "Received: 'channel_last'"),
    row("reduction", lambda k: k.losses.MeanSquaredError(reduction="avg"), ValueError,
        "'sum_over_batch_size'", "Received: 'avg'"),
    row("dtype", lambda k: k.layers.Dense(3, dtype="flaot32"), ValueError,
        "did you mean 'float32'", "Received: 'flaot32'"),
    row("a layer's name", lambda k, m: m.get_layer("con"), ValueError, "did you mean 'conv'",
        "No such layer: con"),
    row("fan", lambda k: k.initializers.VarianceScaling(mode="fan"), ValueError,
        "'fan_in', 'fan_out', 'fan_avg'", "Received: 'fan'"),
    row("distribution", lambda k: k.initializers.VarianceScaling(distribution="norml"), ValueError,
        "'truncated_normal'", "Received: 'norml'"),
)  # fmt: skip

SHAPES = (
    row("a convolution of such", lambda k: k.layers.Conv2D(2, 3)(X[..., 0]), ValueError,
        "ndim=4", "found ndim=3", "x[..., None]", "(8, 6, 6)"),
    row("a pool of such", lambda k: k.layers.MaxPooling2D(2)(X[..., 0]), ValueError,
        "ndim=4", "x[..., None]", "(8, 6, 6)"),
    row("a global pool of such", lambda k: k.layers.GlobalAveragePooling2D()(X[..., 0]),
        ValueError, "ndim=4", "x[..., None]", "(8, 6, 6)"),
    row("an Input without channels",
        lambda k: k.Sequential([k.layers.Input((28, 28)), k.layers.Conv2D(2, 3)]), ValueError,
        "ndim=4", "x[..., None]", "(None, 28, 28)"),
    row("other channels", lambda k, m: m.predict(np.ones((2, 6, 6, 3)), verbose=0), ValueError,
        "expected axis -1", "value 1", "shape (2, 6, 6, 3)"),
    row("images of another size", lambda k, m: m.predict(np.ones((2, 9, 9, 1)), verbose=0),
        ValueError, "expected axis -1 of input shape to have value 8", "shape (2, 18)"),
    row("a vector for a Dense", lambda k: k.layers.Dense(2)(np.ones(3, np.float32)), ValueError,
        "min_ndim=2", "found ndim=1", "(3,)"),
    row("other features", lambda k, m: m.layers[-1](np.ones((2, 5), np.float32)), ValueError,
        "axis -1", "value 8", "(2, 5)"),
    row("other channels for a layer", lambda k, m: m.layers[0](np.ones((2, 6, 6, 2))), ValueError,
        "value 1", "(2, 6, 6, 2)"),
    row("a layer built for channels unknown",
        lambda k: k.layers.Conv2D(2, 3).build((None, 5, 5, None)), ValueError,
        "should be defined", "(None, 5, 5, None)", theirs=ACCIDENT),
    row("a window too large", lambda k: k.layers.Conv2D(2, 5)(np.ones((1, 3, 3, 1))), ValueError,
        "(3 - (5 - 1) * 1 - 1) // 1 + 1 = -1", "padding='same'", "size=3, window=5"),
    row("in a model", lambda k: k.Sequential([k.layers.Input((3, 9, 1)), k.layers.Conv2D(2, 5)]),
        ValueError, "(3 - (5 - 1) * 1 - 1) // 1 + 1 = -1", "size=3, window=5"),
    row("dilated", lambda k: k.layers.Conv2D(2, 3, dilation_rate=2)(np.ones((1, 9, 4, 1))),
        ValueError, "(4 - (3 - 1) * 2 - 1) // 1 + 1 = 0", "dilation=2"),
    row("a pool too large", lambda k: k.layers.MaxPooling2D(5)(np.ones((1, 3, 3, 1))), ValueError,
        "(3 - (5 - 1) * 1 - 1) // 5 + 1 = 0", "size=3, window=5", theirs=TENSORFLOW),
    row("one pool too many", lambda k: k.Sequential(
            [k.layers.Input((3, 3, 1)), k.layers.MaxPooling2D(2), k.layers.MaxPooling2D(2)]),
        ValueError, "(1 - (2 - 1) * 1 - 1) // 2 + 1 = 0", "size=1, window=2"),
    row("another total size", lambda k: k.layers.Reshape((4, 4))(X), ValueError,
        "total size", "target_shape=(4, 4)"),
    row("a total that does not divide", lambda k: k.layers.Reshape((-1, 5))(X), ValueError,
        "total size", "target_shape=(-1, 5)"),
    row("two unknown sizes", lambda k: k.layers.Reshape((-1, -1)), ValueError, "at most one -1",
        "target_shape=(-1, -1)"),
    row("the noise's rank", lambda k: k.layers.Dropout(0.5, noise_shape=(None, 1))(
            X, training=True), ValueError, "as many axes", "noise_shape=(None, 1)",
        theirs=TENSORFLOW),
    row("the noise's size", lambda k: k.layers.Dropout(0.5, noise_shape=(3, 6, 6, 1))(
            X, training=True), ValueError, "None, 1 or the inputs' size",
        "noise_shape=(3, 6, 6, 1)", theirs=TENSORFLOW),
    row("targets of a regression", lambda k, m: fit(compiled(m, "sgd", "mse"), y=np.ones((8, 2))),
        ValueError, "the same shape", "2)", theirs=TENSORFLOW),
    row("targets of yes and no",
        lambda k, m: fit(compiled(m, "sgd", "binary_crossentropy"), y=np.ones((8, 2))), ValueError,
        "the same shape", "2)"),
)  # fmt: skip

TARGETS = (
    row("labels too large", lambda k, m: fit(m, y=Y + 1), ValueError,
        "integers from 0 to 2", "3 classes", "Received: 3 at [2]", theirs=TENSORFLOW),
    row("one in the last batch",
        lambda k, m: fit(m, y=with_value(Y, 7, 3), batch_size=2, shuffle=False), ValueError,
        "integers from 0 to 2", "Received: 3.0 at [7]", theirs=TENSORFLOW),
    row("negative", lambda k, m: fit(m, y=Y - 1), ValueError, "integers from 0 to 2",
        "Received: -1 at [0]", theirs=TENSORFLOW),
    row("fractions", lambda k, m: fit(m, y=Y * 0.5), ValueError, "integers from 0 to 2",
        "Received: 0.5 at [1]", theirs=LENIENT),
    row("NaN", lambda k, m: fit(m, y=with_value(Y, 3, np.nan)), ValueError,
        "integers from 0 to 2", "Received: nan at [3]", theirs=TENSORFLOW),
    row("of the validation", lambda k, m: fit(m, validation_data=(X, Y + 3)), ValueError,
        "integers from 0 to 2", "Received: 3 at [0]", theirs=TENSORFLOW),
    row("in evaluate", lambda k, m: m.evaluate(X, Y + 3, verbose=0), ValueError,
        "integers from 0 to 2", "Received: 3 at [0]", theirs=TENSORFLOW),
    row("one-hot for sparse", lambda k, m: fit(m, y=np.eye(3)[Y]), ValueError,
        "for one-hot rows use categorical_crossentropy", "3)"),
    row("sparse for one-hot", lambda k, m: fit(compiled(m, "sgd", "categorical_crossentropy")),
        ValueError, "use sparse_categorical_crossentropy", "to_categorical", "y_true.shape="),
    row("one-hot of more classes",
        lambda k, m: fit(compiled(m, "sgd", "categorical_crossentropy"), y=np.eye(4)[Y]),
        ValueError, "one-hot rows of y_pred's shape", "4)"),
    row("missing", lambda k, m: m.fit(X, verbose=0), ValueError, "The loss needs targets", "y"),
    row("missing in evaluate", lambda k, m: m.evaluate(X, verbose=0), ValueError,
        "The loss needs targets", "y"),
)  # fmt: skip

DATA = (
    row("fewer labels", lambda k, m: fit(m, y=Y[:5]), ValueError, "same number of samples",
        "(8, 6, 6, 1)", "(5,)"),
    row("fewer images", lambda k, m: m.evaluate(X[:5], Y, verbose=0), ValueError,
        "same number of samples", "(5, 6, 6, 1)", "(8,)"),
    row("fewer weights", lambda k, m: fit(m, sample_weight=np.ones(3)), ValueError,
        "same number of samples", "sample_weight of shape (3,)"),
    row("fewer in the validation", lambda k, m: fit(m, validation_data=(X, Y[:2])), ValueError,
        "same number of samples", "validation_data", "(2,)"),
    row("two weights a sample", lambda k, m: fit(m, sample_weight=np.ones((8, 2))), ValueError,
        "one factor a sample", "shape=(8, 2)", theirs=TENSORFLOW),
    row("no samples", lambda k, m: fit(m, X[:0], Y[:0]), ValueError, "at least one",
        "shape=(0, 6, 6, 1)", theirs=LENIENT),
    row("none to predict", lambda k, m: m.predict(X[:0], verbose=0), ValueError, "at least one",
        "shape=(0, 6, 6, 1)", theirs=ACCIDENT),
    row("none to evaluate", lambda k, m: m.evaluate(X[:0], Y[:0], verbose=0), ValueError,
        "at least one", "shape=(0, 6, 6, 1)", theirs=LENIENT),
    row("nothing", lambda k, m: fit(m, None), ValueError, "must be an array", "NoneType"),
    row("a number", lambda k, m: fit(m, 3.0), ValueError, "must be an array", "float"),
    row("words", lambda k, m: fit(m, np.array(["a"] * 8)), ValueError, "x must hold numbers",
        "dtype=<U1"),
    row("words as labels", lambda k, m: fit(m, y=np.array(["cat"] * 8)), ValueError,
        "targets", "must hold numbers", "dtype=<U3"),
    row("objects", lambda k, m: fit(m, np.array([{}] * 8)), ValueError, "numbers",
        "Received: ndarray of length 8"),
    row("rows of unlike lengths", lambda k, m: fit(m, [[1, 2], [1]] * 4), ValueError,
        "regular shape", "Received: list of length 8"),
    row("a dict", lambda k, m: fit(m, {"a": X}), ValueError, "doesn't match the expected structure",
        "{'a': "),
    row("complex numbers", lambda k, m: fit(m, X + 1j), ValueError, "numbers", "dtype=complex64",
        theirs=LENIENT),
    row("dates", lambda k, m: fit(m, np.zeros(8, "datetime64[s]")), ValueError, "numbers",
        "dtype=datetime64[s]"),
    row("a generator", lambda k, m: m.fit((i for i in range(3)), verbose=0), ValueError,
        "must return a tuple", "Received: int"),
    row("NaN", lambda k, m: fit(m, with_value(X, (3, 1, 1, 0), np.nan)), FloatingPointError,
        "hold NaN", "before this step", "the loss is nan", theirs=LENIENT),
    row("infinity", lambda k, m: m.train_on_batch(with_value(X, (3, 1, 1, 0), np.inf), Y),
        FloatingPointError, "infinity", "the loss is nan", theirs=LENIENT),
    row("a class's weights in a list", lambda k, m: fit(m, class_weight=[1, 2, 3]), TypeError,
        "a dict of factors by class", "[1, 2, 3]", theirs=ACCIDENT),
)  # fmt: skip

ORDER = (
    row("fit before compile", lambda k: fit(new(k)), ValueError, "compile()", "fit()"),
    row("evaluate", lambda k: new(k).evaluate(ONES, ONES, verbose=0), ValueError, "compile()",
        "evaluate()"),
    row("train_on_batch", lambda k: new(k).train_on_batch(ONES, ONES), ValueError, "compile()",
        "train_on_batch()"),
    row("test_on_batch", lambda k: new(k).test_on_batch(ONES, ONES), ValueError, "compile()",
        "test_on_batch()"),
    row("no loss", lambda k, m: fit(compiled(m, "sgd")), ValueError, "No loss", "compile()",
        theirs="Keras finds that no weight has a gradient, and only warns"),
    row("counting before building", lambda k: k.layers.Dense(2).count_params(), ValueError,
        "layer.build", "isn't built"),
    row("no input shape yet", lambda k: k.Sequential([k.layers.Dense(2)]).input_shape,
        AttributeError, "Input", "no defined inputs"),
    row("no layers", lambda k: k.Sequential().predict(ONES, verbose=0), ValueError, "no layers",
        "Sequential"),
    row("no inputs", lambda k: k.layers.Dense(2)(), TypeError, "inputs", "no positional argument"),
    row("no super().__init__()", without_super, RuntimeError, "super().__init__()", "Bad"),
    row("no call", without_call, NotImplementedError, "call", "Bad"),
)  # fmt: skip

ARGUMENTS = (
    row("no filters", lambda k: k.layers.Conv2D(0, 3), ValueError, "positive", "filters=0"),
    row("negative filters", lambda k: k.layers.Conv2D(-1, 3), ValueError, "positive",
        "filters=-1"),
    row("half a filter", lambda k: k.layers.Conv2D(2.5, 3), ValueError, "integer", "filters=2.5"),
    row("filters in words", lambda k: k.layers.Conv2D("8", 3), ValueError, "integer",
        "filters='8'", theirs=ACCIDENT),
    row("no units", lambda k: k.layers.Dense(0), ValueError, "positive integer", "units=0"),
    row("negative units", lambda k: k.layers.Dense(-2), ValueError, "positive", "units=-2"),
    row("units None", lambda k: k.layers.Dense(None), ValueError, "positive", "units=None"),
    row("units a float", lambda k: k.layers.Dense(2.0), ValueError, "integer", "units=2.0"),
    row("a window of nothing", lambda k: k.layers.Conv2D(2, 0), ValueError,
        "each at least 1", "Received: kernel_size=0"),
    row("a window in words", lambda k: k.layers.Conv2D(2, "3"), ValueError, "kernel_size",
        "Received: kernel_size='3'"),
    row("three sizes", lambda k: k.layers.Conv2D(2, (3, 3, 3)), ValueError, "2 integers",
        "Received: kernel_size=(3, 3, 3)"),
    row("half a pixel", lambda k: k.layers.Conv2D(2, 2.5), ValueError, "integer",
        "kernel_size=2.5"),
    row("no stride", lambda k: k.layers.Conv2D(2, 3, strides=0), ValueError, "strides",
        "Received: strides=0"),
    row("a stride back", lambda k: k.layers.Conv2D(2, 3, strides=(1, -1)), ValueError, "strides",
        "Received: strides=(1, -1)"),
    row("no dilation", lambda k: k.layers.Conv2D(2, 3, dilation_rate=0), ValueError,
        "dilation_rate", "Received: dilation_rate=0"),
    row("strides with dilation", lambda k: k.layers.Conv2D(2, 3, strides=2, dilation_rate=3),
        ValueError, "not supported in conjunction", "strides=(2, 2)", "dilation_rate=(3, 3)"),
    row("no pool", lambda k: k.layers.MaxPooling2D(0), ValueError, "pool_size",
        "Received: pool_size=0"),
    row("a negative pool", lambda k: k.layers.AveragePooling2D(-2), ValueError, "pool_size",
        "Received: pool_size=-2"),
    row("a pool without stride", lambda k: k.layers.MaxPooling2D(2, strides=0)(X), ValueError,
        "strides", "Received: strides=0", theirs=TENSORFLOW),
    row("groups that do not divide the filters", lambda k: k.layers.Conv2D(3, 3, groups=2),
        ValueError, "evenly divisible", "groups=2, filters=3"),
    row("groups that do not divide the channels", lambda k: k.layers.Conv2D(4, 3, groups=2)(X),
        ValueError, "evenly divisible", "groups=2", "1 channels"),
    row("no groups", lambda k: k.layers.Conv2D(4, 3, groups=0), ValueError, "positive",
        "groups=0"),
    row("a padding of sequences", lambda k: k.layers.Conv2D(2, 3, padding="causal"), ValueError,
        "'valid', 'same'", "Received: causal"),
    row("a negative rate", lambda k: k.layers.Dropout(-0.1), ValueError, "between 0 and 1",
        "rate=-0.1"),
    row("a rate above 1", lambda k: k.layers.Dropout(1.5), ValueError, "between 0 and 1",
        "rate=1.5"),
    row("a rate in words", lambda k: k.layers.Dropout("half"), ValueError, "between 0 and 1",
        "rate=half", theirs=ACCIDENT),
    row("noise of no size", lambda k: k.layers.Dropout(0.5, noise_shape=(0, 1)), ValueError,
        "positive integers", "noise_shape=(0, 1)"),
    row("noise in words", lambda k: k.layers.Dropout(0.5, noise_shape="all"), ValueError,
        "noise_shape must be a tuple", "noise_shape='all'"),
    row("a negative limit", lambda k: k.layers.ReLU(max_value=-1.0), ValueError, "max_value",
        "max_value=-1.0"),
    row("a negative slope", lambda k: k.layers.ReLU(negative_slope=-1.0), ValueError,
        "negative_slope", "negative_slope=-1.0"),
    row("no input shape", lambda k: k.Input(), ValueError, "shape", "shape=None"),
    row("an input shape of one number", lambda k: k.Input(28), ValueError, "a tuple",
        "Received: 28"),
    row("half a size", lambda k: k.Input((2.5,)), ValueError, "a tuple of sizes",
        "Received: (2.5,)"),
    row("a negative size", lambda k: k.Input((-1,)), ValueError, "a tuple of sizes",
        "Received: (-1,)"),
    row("two shapes", lambda k: k.Input((1,), batch_shape=(2, 1)), ValueError, "batch_shape",
        "batch_shape=(2, 1)"),
    row("no batch", lambda k, m: fit(m, batch_size=0), ValueError, "positive", "batch_size=0",
        theirs=LENIENT),
    row("a negative batch", lambda k, m: fit(m, batch_size=-1), ValueError, "positive",
        "batch_size=-1"),
    row("half a sample", lambda k, m: fit(m, batch_size=2.5), ValueError, "integer",
        "batch_size=2.5", theirs=ACCIDENT),
    row("a negative batch in evaluate", lambda k, m: m.evaluate(X, Y, batch_size=-4, verbose=0),
        ValueError, "positive", "batch_size=-4"),
    row("a batch in words", lambda k, m: m.predict(X, batch_size="4", verbose=0), ValueError,
        "integer", "batch_size='4'", theirs=ACCIDENT),
    row("no steps", lambda k, m: fit(m, steps_per_epoch=0), ValueError, "positive",
        "steps_per_epoch=0", theirs=LENIENT),
    row("negative steps", lambda k, m: fit(m, steps_per_epoch=-1), ValueError, "positive",
        "steps_per_epoch=-1"),
    row("half an epoch", lambda k, m: fit(m, epochs=2.5), TypeError, "integer", "epochs=2.5"),
    row("epochs in words", lambda k, m: fit(m, epochs="2"), TypeError, "integer", "epochs='2'"),
    row("verbose in words", lambda k, m: m.fit(X, Y, verbose="loud"), ValueError,
        "'auto', 0, 1 or 2", "verbose='loud'", theirs=LENIENT),
    row("validation every 0 epochs", lambda k, m: fit(m, validation_split=0.5, validation_freq=0),
        ValueError, "positive integer or a list", "validation_freq=0", theirs=ACCIDENT),
    row("a split above 1", lambda k, m: fit(m, validation_split=1.5), ValueError,
        "between 0 and 1", "Received: 1.5", theirs=LENIENT),
    row("a negative split", lambda k, m: fit(m, validation_split=-0.5), ValueError,
        "between 0 and 1", "Received: -0.5", theirs=LENIENT),
    row("all for validation", lambda k, m: fit(m, validation_split=1.0), ValueError,
        "between 0 and 1", "Received: 1.0"),
    row("too little to split", lambda k, m: fit(m, validation_split=0.999), ValueError,
        "use another fraction", "0.999 of 8 samples"),
    row("validation images only", lambda k, m: fit(m, validation_data=X), ValueError,
        "(x_val, y_val)", "Received: ndarray"),
    row("validation of one", lambda k, m: fit(m, validation_data=(X,)), ValueError,
        "(x_val, y_val)", "tuple of length 1"),
    row("validation of four", lambda k, m: fit(m, validation_data=(X, Y, Y, Y)), ValueError,
        "(x_val, y_val)", "tuple of length 4"),
    row("validation images of another size",
        lambda k, m: fit(m, validation_data=(np.ones((8, 9, 9, 1)), Y)), ValueError,
        "expected axis -1 of input shape to have value 8", "shape (1, 18)"),
    row("a callback that is none", lambda k, m: fit(m, callbacks=[print]), TypeError,
        "must be Callback objects", "print", theirs=ACCIDENT),
    row("a callback's class", lambda k, m: fit(m, callbacks=[k.callbacks.EarlyStopping]),
        TypeError, "must be Callback objects", "EarlyStopping"),
    row("a callback's name", lambda k, m: fit(m, callbacks="EarlyStopping"), TypeError,
        "must be Callback objects", "'EarlyStopping'", theirs=ACCIDENT),
    row("metrics in a string", lambda k, m: m.compile("sgd", "mse", metrics="accuracy"),
        ValueError, "['accuracy']", "metrics='accuracy'"),
    row("no optimizer", lambda k, m: fit(compiled(m, None, "mse"), y=np.ones((8, 3))), ValueError,
        "optimizer", "Received: None", theirs=ACCIDENT),
    row("too much momentum", lambda k: k.optimizers.SGD(momentum=2.0), ValueError,
        "between [0, 1]", "Received: 2.0"),
    row("a negative rate of learning", lambda k: k.optimizers.SGD(-1.0), ValueError, "at least 0",
        "Received: -1.0", theirs=LENIENT),
    row("two limits", lambda k: k.optimizers.SGD(clipnorm=1.0, clipvalue=2.0), ValueError,
        "Only one", "clipnorm=1.0, clipvalue=2.0"),
    row("a negative scale", lambda k: k.initializers.VarianceScaling(scale=-1), ValueError,
        "positive", "scale=-1"),
    row("too much smoothing", lambda k: k.losses.CategoricalCrossentropy(label_smoothing=2.0),
        ValueError, "in [0, 1]", "label_smoothing=2.0", theirs=LENIENT),
    row("a negative seed", lambda k: k.utils.set_random_seed(-1), ValueError, "2**32",
        "Received: -1"),
    row("a seed in words", lambda k: k.utils.set_random_seed("a"), ValueError, "integer",
        "Received: 'a'"),
    row("a float type", lambda k: k.config.set_floatx("float8"), ValueError, "'float32'",
        "Received: 'float8'"),
    row("an image format", lambda k: k.config.set_image_data_format("first"), ValueError,
        "'channels_first'", "Received: 'first'"),
    row("when to save", lambda k: k.callbacks.ModelCheckpoint(
            "x.weights.h5", save_weights_only=True, save_freq="day"), ValueError, "'epoch'",
        "save_freq: day"),
    row("where to save", lambda k: k.callbacks.ModelCheckpoint("x.h5", save_weights_only=True),
        ValueError, "`.weights.h5`", "filepath=x.h5"),
    row("a name in a path", lambda k, m: end_of_epoch(m, k.callbacks.ModelCheckpoint(
            "{val_los}.weights.h5", save_weights_only=True)), KeyError, "epoch, loss", "val_los"),
)  # fmt: skip

STRUCTURE = (
    row("a class for a layer", lambda k: k.Sequential([k.layers.Flatten]), ValueError,
        "instances of", "write it with parentheses", "Flatten"),
    row("a name for a layer", lambda k: k.Sequential(["relu"]), ValueError, "instances of",
        "Received: relu"),
    row("nothing for a layer", lambda k: k.Sequential([None]), ValueError, "instances of",
        "Received: None"),
    row("a name twice",
        lambda k: k.Sequential([k.layers.Dense(1, name="a"), k.layers.Dense(1, name="a")]),
        ValueError, "unique", "'a'"),
    row("a name again", lambda k, m: m.add(k.layers.Dense(1, name="out")), ValueError, "unique",
        "'out'"),
    row("a second Input", lambda k: k.Sequential([k.layers.Input((1,)), k.layers.Input((1,))]),
        ValueError, "already been configured", "(None, 1)"),
    row("an Input at the end", lambda k, m: m.add(k.layers.InputLayer((3,))), ValueError,
        "already been configured", "(None, 6, 6, 1)"),
    row("no layer of this name", lambda k, m: m.get_layer("zzz"), ValueError, "conv",
        "No such layer: zzz"),
    row("no layer at this index", lambda k, m: m.get_layer(index=9), ValueError, "4 layers",
        "index 9"),
    row("neither name nor index", lambda k, m: m.get_layer(), ValueError, "name or layer index",
        "name=None, index=None"),
    row("a summary of no layers", lambda k, m: m.summary(layer_range=["nope", "out"]), ValueError,
        "conv", "['nope', 'out']"),
    row("too few weights", lambda k, m: m.set_weights(m.get_weights()[:2]), ValueError,
        "expecting 4", "length 2"),
    row("weights of another shape",
        lambda k, m: m.set_weights([w.T if w.ndim == 2 else w + 1 for w in m.get_weights()]),
        ValueError, "(8, 3)", "(3, 8)"),
    row("no weights for a layer", lambda k, m: m.layers[0].set_weights([]), ValueError,
        "expecting 2", "length 0"),
    row("others for a layer", lambda k, m: m.layers[-1].set_weights([np.ones((3, 3)), np.ones(3)]),
        ValueError, "(8, 3)", "(3, 3)"),
    row("a value of another shape", lambda k, m: m.weights[0].assign(np.ones(3)), ValueError,
        "(3, 3, 1, 2)", "(3,)"),
    row("gradients of another number",
        lambda k, m: m.optimizer.apply([np.ones(3)], m.trainable_weights), ValueError,
        "each of 4 weights", "1 gradients", theirs=TENSORFLOW),
    row("a file that is not there", lambda k, m: m.load_weights("/nowhere/x.weights.h5"),
        FileNotFoundError, "/nowhere/x.weights.h5"),
    row("a file of another kind", lambda k, m: m.save_weights("x.hdf5"), ValueError,
        "`.weights.h5`", "filepath=x.hdf5"),
)  # fmt: skip

UNSUPPORTED = tuple(
    row(slip, call, error, *says, theirs=LATER)
    for slip, call, error, *says in (
        ("a low rank", lambda k: k.layers.Dense(2, lora_rank=2), ValueError,
         "not supported", "lora_rank=2"),
        ("sparse inputs", lambda k: k.Input((1,), sparse=True), ValueError,
         "not supported", "sparse=True"),
        ("integer layers", lambda k: k.layers.Dense(3, dtype="int32"), ValueError,
         "'float32', 'float64'", "Received: 'int32'"),
        ("half precision", lambda k: k.layers.Dense(3, dtype="float16"), ValueError,
         "'float32', 'float64'", "Received: 'float16'"),
        ("a loss that is not one number", lambda k, m: fit(compiled(
             m, "sgd", k.losses.MeanSquaredError(reduction="none")), y=np.ones((8, 3))),
         ValueError, "another reduction", "shape=(8,)"),
    )
)  # fmt: skip


def new(k):
    """A model that is not compiled."""
    return k.Sequential([k.layers.Input((3,)), k.layers.Dense(3)])


TABLES = {
    "misspelt": MISSPELT,
    "shapes": SHAPES,
    "targets": TARGETS,
    "data": DATA,
    "order": ORDER,
    "arguments": ARGUMENTS,
    "structure": STRUCTURE,
    "unsupported": UNSUPPORTED,
}
rows = pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=f"{table}: {row.slip}")
        for table, rows in TABLES.items()
        for row in rows
    ],
)


def make_slip(row, k):
    """Call it, on a model if it takes one; what was raised, and the model."""
    made = model(k) if row.call.__code__.co_argcount == 2 else None
    before = [] if made is None else made.get_weights()
    raised = None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            row.call(*([k] if made is None else [k, made]))
    except Exception as error:
        raised = error
    return raised, made, before


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@rows
def test_error_teaches(row, capsys):
    """Its type, its words, and that no weight has changed; nothing is printed besides."""
    error, made, before = make_slip(row, cnn_ext)
    assert type(error) is row.error, repr(error)
    message = str(error)
    for words in row.says:
        assert words in message
    assert "\n" not in message
    if made is not None:
        for weight, value in zip(made.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, value)
        assert made.optimizer is None or int(made.optimizer.iterations) == 0
    assert capsys.readouterr().err == ""


@rows
def test_keras_raises_the_same(row, keras, capsys):
    """Or the row says why not, and is right."""
    error, _, _ = make_slip(row, keras)
    assert (type(error) is row.error) == (row.theirs is None), repr(error)


def test_every_slip_has_its_own_name():
    for table in TABLES.values():
        names = [row.slip for row in table]
        assert len(names) == len(set(names))
