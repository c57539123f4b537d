"""What single layers do besides the properties of all: functions as layers, wrappers, merging's
functions, masks, dtypes of symbolic outputs, and errors."""

import warnings

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from cnn_ext import layers, ops, registry
from cnn_ext.autograd import Tensor
from cnn_ext.testing import check_gradients
from layer_rows import fill

RNG = np.random.default_rng(0)
A, B = (RNG.standard_normal((2, 4, 5)).astype(np.float32) for _ in "ab")


# --- Functions of inputs ----------------------------------------------------------------------

MERGING = ("add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate")


@pytest.mark.parametrize("name", MERGING)
def test_functions_merge_as_their_layers_do(name, keras):
    ours, theirs = (getattr(k.layers, name)([A, B]) for k in (cnn_ext, keras))
    assert_close(ours, theirs, 1e-6)
    x, y = layers.Input((4, 5)), layers.Input((4, 5))
    merged = getattr(layers, name)([x, y], name="merged")
    model = cnn_ext.Model([x, y], merged)
    np.testing.assert_array_equal(model([A, B]), ours)


def test_functions_take_the_arguments_of_their_layers(keras):
    for name, more in (("concatenate", {"axis": 1}), ("dot", {"axes": 2}), ("dot", {})):
        ours, theirs = (getattr(k.layers, name)([A, B], **more) for k in (cnn_ext, keras))
        assert_close(ours, theirs, 1e-6)


# --- Lambda -----------------------------------------------------------------------------------


@(
    cnn_ext.saving.register_keras_serializable("test")
    if hasattr(cnn_ext.saving, "register_keras_serializable")
    else registry.register_keras_serializable("test")
)
def halved(x, by=2):
    return x / by


def test_lambda_computes_and_has_gradients(keras):
    layer = layers.Lambda(lambda x: x**2 + 1)
    np.testing.assert_allclose(layer(A), A**2 + 1, rtol=1e-6)
    check_gradients(layer, A.astype(np.float64), seed=3)
    merged = layers.Lambda(lambda xs: xs[0] * xs[1])([A, B])
    np.testing.assert_array_equal(merged, A * B)
    assert layers.Lambda(halved, arguments={"by": 4})(A).numpy()[0, 0, 0] == A[0, 0, 0] / 4


def test_lambda_is_told_of_training():
    layer = layers.Lambda(lambda x, training=None: x * (2 if training else 1))
    np.testing.assert_array_equal(layer(A), A)
    np.testing.assert_array_equal(layer(A, training=True), A * 2)


def test_shapes_of_a_lambda(keras):
    for arguments in ({}, {"output_shape": (9,)}, {"output_shape": lambda s: (s[0], 7)}):
        ours, theirs = (k.layers.Lambda(lambda x: x[:, 0], **arguments) for k in (cnn_ext, keras))
        expected = tuple(theirs.compute_output_shape((None, 4, 5)))
        assert ours.compute_output_shape((None, 4, 5)) == expected
        assert ours(layers.Input((4, 5))).shape == expected
    with pytest.raises(NotImplementedError, match="specify the `output_shape`"):
        layers.Lambda(lambda x: x[:, 0, 0, 0]).compute_output_shape((None, 4))


def test_a_named_function_is_written_and_read():
    layer = layers.Lambda(halved, output_shape=(4, 5), arguments={"by": 4}, name="mine")
    config = layer.get_config()
    assert config["function"]["config"] in ("halved", "test>halved")
    twin = layers.Lambda.from_config(config)
    assert twin.get_config() == config
    np.testing.assert_array_equal(twin(A), layer(A))
    known = layers.Lambda(ops.absolute)
    np.testing.assert_array_equal(layers.Lambda.from_config(known.get_config())(A), np.abs(A))


def test_a_lambda_is_neither_written_nor_read(keras):
    with pytest.raises(ValueError, match=r"a lambda cannot be written to a file.*named function"):
        layers.Lambda(lambda x: x).get_config()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = keras.layers.Lambda(lambda x: x).get_config()
    with pytest.raises(ValueError, match=r"Python lambda.*never does.*Received: a lambda"):
        layers.Lambda.from_config(config)


# --- Wrappers ---------------------------------------------------------------------------------


def test_time_distributed_hands_training_on(keras, tf):
    x = RNG.standard_normal((6, 3, 5)).astype(np.float32)
    ours, theirs = (
        k.layers.TimeDistributed(k.layers.BatchNormalization()) for k in (cnn_ext, keras)
    )
    ours(x), theirs(x)
    fill(ours)
    theirs.set_weights(ours.get_weights())
    assert_close(ours(x, training=True), theirs(tf.constant(x), training=True), 1e-5)
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(our, their, 1e-5)
    x[0, 0, 0] = 9
    model = cnn_ext.Sequential([layers.Input((3, 5)), layers.TimeDistributed(layers.Dropout(0.5))])
    assert (model(x, training=True).numpy() == 0).any()
    np.testing.assert_array_equal(model(x), x)


@pytest.mark.parametrize("iterations", [1, 4])
def test_spectral_normalization_divides_by_the_largest_singular_value(iterations, keras, tf):
    x = RNG.standard_normal((2, 6, 6, 3)).astype(np.float32)
    ours, theirs = (
        k.layers.SpectralNormalization(k.layers.Conv2D(4, 3), iterations) for k in (cnn_ext, keras)
    )
    ours(x), theirs(x)
    fill(ours)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
    for _ in range(2):
        assert_close(ours(x, training=True), theirs(tf.constant(x), training=True), 1e-5)
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(our, their, 1e-5)
    for _ in range(60):
        ours(x, training=True)
    largest = np.linalg.svd(ours.kernel.numpy().reshape(-1, 4), compute_uv=False)[0]
    np.testing.assert_allclose(largest, 1, rtol=1e-4)


def test_a_wrapper_of_ones_own(keras):
    class Doubled(layers.Wrapper):
        def call(self, inputs):
            return self.layer(inputs) * 2

    inner = layers.Dense(3)
    outer = Doubled(inner)
    np.testing.assert_array_equal(outer(A), inner(A) * 2)
    assert [w.name for w in outer.weights] == ["kernel", "bias"]
    twin = Doubled.from_config(outer.get_config())
    assert type(twin.layer) is layers.Dense
    assert twin.layer is not inner


# --- Masks, dtypes ----------------------------------------------------------------------------


def test_softmax_leaves_out_what_is_masked(keras, tf):
    mask = RNG.random((2, 4, 5)) > 0.4
    mask[0, 0] = False
    for given in (mask, mask[:, :, :1], mask.astype(np.float32)):
        ours = layers.Softmax()(A, mask=given)
        assert_close(ours, keras.layers.Softmax()(tf.constant(A), mask=tf.constant(given)), 1e-5)
    with pytest.raises(ValueError, match="`mask` must be broadcastable"):
        layers.Softmax()(A, mask=mask[:, :3])


MOVES = (
    layers.Flatten(), layers.Reshape((5, 4)), layers.Permute((2, 1)), layers.Identity(),
)  # fmt: skip


@pytest.mark.parametrize("layer", MOVES, ids=lambda layer: layer.name)
def test_what_only_moves_keeps_the_dtype(layer):
    assert layer(layers.Input((4, 5), dtype="uint8")).dtype == "uint8"
    assert layer(np.ones((2, 4, 5), np.uint8)).dtype == np.uint8


def test_canonical_names_are_written_and_aliases_read():
    layer = layers.MaxPool2D()
    node = registry.serialize_keras_object(layer)
    assert (node["module"], node["class_name"]) == ("keras.layers", "MaxPooling2D")
    for name in ("MaxPooling2D", "MaxPool2D"):
        twin = registry.deserialize_keras_object({**node, "class_name": name})
        assert type(twin) is layers.MaxPooling2D
    for layer in (layers.BatchNormalization(axis=1), layers.TimeDistributed(layers.Dense(2))):
        node = registry.serialize_keras_object(layer)
        twin = registry.deserialize_keras_object(node)
        assert twin.get_config() == layer.get_config()


def test_a_training_argument_has_the_default_of_its_layer():
    """Where nothing is said, and no layer around is told anything."""

    class Shown(layers.Layer):
        def call(self, inputs, training=True):
            self.told = training
            return inputs

    class Around(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Shown()

        def call(self, inputs, training=None):
            return self.inner(inputs)

    shown, around = Shown(), Around()
    for given, told in (({}, True), ({"training": False}, False), ({"training": None}, None)):
        shown(A, **given)
        assert shown.told is told
    for given, told in (({}, True), ({"training": False}, False), ({"training": None}, True)):
        around(A, **given)
        assert around.inner.told is told

    class AroundInTraining(Around):
        def call(self, inputs, training=True):
            return self.inner(inputs)

    around = AroundInTraining()
    around.inner.call(A, training=False)
    around(A)
    assert around.inner.told is True
    noisy = AroundInTraining()
    noisy.inner = layers.GaussianNoise(0.5)
    assert (noisy(A).numpy() != A).any()
    np.testing.assert_array_equal(noisy(A, training=False), A)


# --- Errors -----------------------------------------------------------------------------------

IMAGES = np.ones((2, 4, 4, 3), np.float32)
ERRORS = (  # the call, what is raised, words of the message; Keras raises the same type
    ("Permute((1, 3))", ValueError, "Invalid permutation argument `dims`"),
    ("Permute((2, 1))(A[0])", ValueError, "expected ndim=3, found ndim=2"),
    ("RepeatVector(2.0)", TypeError, "Expected an integer value for `n`"),
    ("RepeatVector(0)", ValueError, "`n` should be a positive integer"),
    ("ZeroPadding1D((1, 2, 3))", ValueError, "The `padding` argument must be a tuple of 2"),
    ("ZeroPadding1D(-1)", ValueError, "The `padding` argument must be a tuple of 2"),
    ("ZeroPadding2D((1, 2, 3))", ValueError, "`padding` should have two elements"),
    ("ZeroPadding2D(1.5)", ValueError, "`padding` should be either an int"),
    ("ZeroPadding2D(((1, -1), (0, 0)))", ValueError, "1st entry of padding"),
    ("ZeroPadding3D((1, 2))", ValueError, "`padding` should have 3 elements"),
    ("Cropping1D((3, 1))(A)", ValueError, "must be smaller than the input length"),
    ("Cropping2D(2)(IMAGES)", ValueError, "Values in `cropping` argument should be smaller"),
    ("Cropping2D(-1)", ValueError, "`cropping` cannot be negative"),
    ("Cropping3D((1, 2))", ValueError, "`cropping` should have 3 elements"),
    ("UpSampling1D(1.5)", TypeError, "Expected an integer value for `size`"),
    ("UpSampling1D(0)", ValueError, "`size` should be a positive integer"),
    ("UpSampling2D((1, 2, 3))", ValueError, "The `size` argument must be a tuple of 2"),
    ("UpSampling2D(0)", ValueError, "The `size` argument must be a tuple of 2"),
    ("UpSampling2D(2)(A)", ValueError, "expected ndim=4, found ndim=3"),
    ("BatchNormalization(renorm=True, renorm_clipping={'rmx': 1})", ValueError, "invalid keys"),
    ("BatchNormalization(renorm=True, renorm_clipping={'rmax': 1, 'rmin': 2})", ValueError,
     "rmax should be greater than rmin"),
    ("BatchNormalization(renorm=True, renorm_clipping={'dmax': -1})", ValueError, "non-negative"),
    ("BatchNormalization(axis=3).compute_output_shape((None, 3))", ValueError, "out of bounds"),
    ("LayerNormalization(axis='last')", TypeError, "int or a list/tuple of ints"),
    ("LayerNormalization(axis=3).compute_output_shape((None, 3))", ValueError, "out of bounds"),
    ("GroupNormalization(0)", ValueError, "invalid value for argument `groups`"),
    ("GroupNormalization(8)(IMAGES)", ValueError, "cannot be more than the number of channels"),
    ("GroupNormalization(2)(IMAGES)", ValueError, "must be a multiple"),
    ("GroupNormalization(2).build((None, None))", ValueError, "should have a defined dimension"),
    ("UnitNormalization('last')", TypeError, "Invalid value for `axis` argument"),
    ("SpectralNormalization(layers.Dense(2), 0)", ValueError, "greater than zero"),
    ("SpectralNormalization(layers.ReLU())(A)", ValueError, "no attribute 'kernel'"),
    ("TimeDistributed(3)", ValueError, "Please initialize `TimeDistributed` layer with a"),
    ("TimeDistributed(layers.Dense(2))(A[0])", ValueError, "at least 3 dimensions"),
    ("Wrapper('Dense')", ValueError, "supplied to Wrapper isn't a supported layer type"),
    ("GaussianNoise(2.0)", ValueError, "argument `stddev`. Expected a float value between 0 and 1"),
    ("GaussianDropout(-1)", ValueError, "argument `rate`. Expected a float value between 0 and 1"),
    ("AlphaDropout(1.5)", ValueError, "argument `rate`. Expected a float value between 0 and 1"),
    ("SpatialDropout2D(0.5)(A, training=True)", ValueError, "expected ndim=4, found ndim=3"),
    ("LeakyReLU(-0.1)", ValueError, "negative_slope value of a Leaky ReLU layer cannot be None"),
    ("ReLU(max_value=-1)", ValueError, "max_value of a ReLU layer"),
    ("Activation('rleu')", ValueError, "rleu"),
    ("Add()(A)", ValueError, "should be called on a list of"),
    ("Add()([A, A[:1]])", ValueError, "Cannot merge tensors with different batch sizes"),
    ("Add()([A, A[:, :3]])", ValueError, "Inputs have incompatible shapes"),
    ("Subtract()([A, A, A])", ValueError, "should be called on exactly 2 inputs"),
    ("Concatenate()([A, A[:, :3]])", ValueError, "requires inputs with matching shapes"),
    ("Concatenate()([A, A[0]])", ValueError, "requires inputs with matching shapes"),
    ("Dot('last')", TypeError, "Invalid type for argument `axes`"),
    ("Dot((1, 2, 3))", ValueError, "Invalid format for argument `axes`"),
    ("Dot((1, 2.0))", ValueError, "Invalid format for argument `axes`"),
    ("Dot(1)([A, A[:, :3]])", ValueError, "Incompatible input shapes: axis values 4"),
    ("Dot(1)([A])", ValueError, "list of 2 inputs"),
    ("Normalization(mean=1.0)", ValueError, "both `mean` and `variance` must be set"),
    ("Normalization(mean=[1.0, 2.0], variance=[1.0])", ValueError, "must have the same shape"),
    ("Normalization(mean=[[1.0]], variance=[[1.0]])", ValueError, "rank of `mean` must be less"),
    ("Normalization(axis=4).build((None, 3))", ValueError, r"in the range \[-ndim, ndim\)"),
    ("Normalization().build((None, None))", ValueError, "must have a known shape"),
    ("Normalization().adapt(3)", TypeError, "Unsupported data type"),
    ("Normalization().adapt([])", ValueError, "received an empty iterable"),
    ("Normalization().adapt([3])", TypeError, "yields arrays or tensors"),
    ("CategoryEncoding()", ValueError, "num_tokens must be set"),
    ("CategoryEncoding(0)", ValueError, "`num_tokens` must be >= 1"),
    ("CategoryEncoding(3, 'hot')", ValueError, "Unknown arg for output_mode"),
    ("CenterCrop(2, 2).compute_output_shape((3,))", ValueError, "3"),
    ("RandomFlip()(A[0])", ValueError, "Expected image tensor to have rank 3"),
    ("RandomRotation(2.0)", ValueError, r"in the range \[-1, 1\]"),
    ("RandomRotation((0.1, 0.2, 0.3))", ValueError, r"in the range \[-1, 1\]"),
    ("RandomRotation(0.1, fill_mode='mirror')", NotImplementedError, "Unknown `fill_mode` mirror"),
    ("RandomZoom(0.1, interpolation='cubic')", NotImplementedError, "Unknown `interpolation`"),
    ("RandomZoom(-1.0)", ValueError, r"in the range \(-1.0, 1.0\]"),
    ("RandomTranslation(1.5, 0)", ValueError, r"in the range \[-1.0, 1.0\]"),
    ("RandomTranslation('much', 0)", ValueError, r"in the range \[-1.0, 1.0\]"),
    ("RandomContrast(-0.5)", ValueError, r"in the range \[0, 1\]"),
    ("RandomBrightness(0.5, 3)", ValueError, "`value_range` argument should be a list of two"),
    ("RandomBrightness(0.5, (1, 2, 3))", ValueError, "`value_range` argument should be a list"),
)  # fmt: skip
OURS_ONLY = (  # Keras does it, or fails otherwise
    ("BatchNormalization(synchronized=True)", ValueError, "several machines"),
    ("BatchNormalization().build((None, None))", ValueError, "should have a defined dimension"),
    ("PReLU().build((None, None, 3))", ValueError, "shared_axes"),
    ("CenterCrop(0, 2)", ValueError, "positive integer"),
    ("RandomFlip('sideways')", ValueError, "mode must be one of"),
    ("RandomFlip()({'images': IMAGES, 'bounding_boxes': A})", ValueError, "'labels'"),
    ("UpSampling2D(2, interpolation='cubic')", ValueError, "interpolation must be one of"),
    ("GaussianDropout(1.0)(A, training=True)", ValueError, "must be below 1"),
    ("AlphaDropout(1.0)(A, training=True)", ValueError, "must be below 1"),
    ("Normalization(mean=1.0, variance=1.0).adapt(A)", ValueError, "nothing to find"),
    ("CategoryEncoding(3, sparse=True)", ValueError, "sparse=True is not supported"),
    ("Lambda(3)", TypeError, "`function` must be callable"),
    ("Dot(0)([A, A])", ValueError, "Cannot perform batch_dot over axis 0"),
    ("RandomFlip(bounding_box_format='xyxy')", ValueError, "not supported"),
)


def called(code, k):
    return eval(f"layers.{code}", {"layers": k.layers, "A": A, "IMAGES": IMAGES})


@pytest.mark.parametrize(("code", "error", "words"), [*ERRORS, *OURS_ONLY])
def test_errors_teach(code, error, words):
    with pytest.raises(error, match=words) as caught:
        called(code, cnn_ext)
    assert type(caught.value) is error
    assert "eceived" in str(caught.value)


@pytest.mark.parametrize(("code", "error"), [row[:2] for row in ERRORS])
def test_keras_raises_the_same(code, error, keras):
    with pytest.raises(error):
        called(code, keras)


def test_a_tensor_that_is_not_listed_is_named():
    with pytest.raises(ValueError, match="not a list of shapes"):
        layers.Concatenate()(Tensor(A))
