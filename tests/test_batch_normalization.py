"""BatchNormalization in training: the batch's statistics, and the moving ones that follow them."""

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, assert_close
from cnn_ext import _kernels, layers
from cnn_ext.autograd import Tensor
from cnn_ext.ops import batch_norm
from cnn_ext.ops.batch_norm import normalize_batch, scale_and_shift
from cnn_ext.testing import GradientCheckError, check_gradients
from layer_rows import fill, row

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
BN = "BatchNormalization"
ROWS = (
    row(BN, 4, 5, 6, 3),
    row(BN, 16, 5),
    row(BN, 2, 3, 4, 5, 2),
    row(BN, 4, 3, 5, 6, axis=1),
    row(BN, 4, 5, 6, 3, axis=2, momentum=0.8, epsilon=0.1),
    row(BN, 4, 5, 6, 3, center=False),
    row(BN, 4, 5, 6, 3, scale=False),
    row(BN, 4, 3, 6, center=False, scale=False, axis=1),
    row(BN, 4, 5, 3, renorm=True, momentum=0.5),
    row(BN, 4, 5, 3, renorm=True, renorm_momentum=0.5,
        renorm_clipping={"rmax": 1.5, "rmin": 0.7, "dmax": 0.4}),
    row(BN, 4, 5, 3, renorm=True, center=False, scale=False),
    row(BN, 3, 40, 40, 17),  # several parts, of several pixels in a row or not
    row(BN, 1, 257, 1, 130),
)  # fmt: skip

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def pair(row, dtype, keras):
    """Our layer and Keras's, with the same weights, and a batch that is not of mean 0."""
    x = row.inputs(dtype) * 2 + 3
    ours, theirs = row.make(cnn_ext, dtype=dtype), row.make(keras, dtype=dtype)
    for layer in (ours, theirs):
        layer.build((None, *row.shape[1:]))
    fill(ours)
    theirs.set_weights(ours.get_weights())
    return ours, theirs, x


def train_both(ours, theirs, x, tf, **how):
    """Outputs, gradients by the inputs and the trained weights, and all weights afterwards."""
    leaf = Tensor(x, requires_grad=True)
    for weight in ours.weights:
        weight.grad = None
    y = ours(leaf, training=True, **how)
    grad = np.random.default_rng(2).standard_normal(y.shape).astype(x.dtype)
    y.backward(grad)
    by = [leaf.grad, *(w.grad for w in ours.trainable_weights)]
    their_x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(their_x)
        their_y = theirs(their_x, training=True, **how)
    weights = [w.value for w in theirs.trainable_weights]
    their_by = tape.gradient(their_y, [their_x, *weights], tf.constant(grad))
    return [y, *by, *ours.get_weights()], [their_y, *their_by, *theirs.get_weights()]


@pytest.mark.parametrize("dtype", DTYPES)
@rows
def test_training_equals_keras(row, dtype, keras, tf):
    """Twice, so that what the first batch left counts."""
    ours, theirs, x = pair(row, dtype, keras)
    for batch in (x, x[::-1] * 0.5 + 1):
        for our, their in zip(*train_both(ours, theirs, batch, tf), strict=True):
            assert_close(our, their, TOLERANCE[dtype] * 10)  # sums of cancelling numbers


def test_a_frozen_layer_uses_what_it_has_seen(keras, tf):
    ours, theirs, x = pair(ROWS[0], "float32", keras)
    before = ours.get_weights()
    ours.trainable = theirs.trainable = False
    assert not ours.trainable_weights
    found, expected = train_both(ours, theirs, x, tf)
    for our, their in zip(found, expected, strict=True):
        assert_close(our, their, 1e-5)
    for weight, value in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)
    ours.trainable = True
    ours(x, training=True)
    assert (ours.moving_mean.numpy() != before[2]).all()


def test_only_training_moves_the_statistics():
    layer = layers.BatchNormalization()
    x = np.random.default_rng(0).random((4, 5, 3), np.float32) + 2
    for training in (None, False):
        layer(x, training=training)
        np.testing.assert_array_equal(layer.moving_mean, np.zeros(3))
    layer(x, training=True)
    mean, variance = x.mean((0, 1), dtype=np.float64), x.var((0, 1), dtype=np.float64)
    np.testing.assert_allclose(layer.moving_mean, 0.01 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.99 + 0.01 * variance, rtol=1e-6)


def test_in_a_model_fit_trains_it_and_predict_uses_it():
    model = cnn_ext.Sequential([layers.Input((4, 4, 2)), layers.BatchNormalization(),
                                layers.Flatten(), layers.Dense(1)])  # fmt: skip
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((16, 4, 4, 2), np.float32)
    model.predict(x, verbose=0)
    mean = model.layers[0].moving_mean
    assert not mean.numpy().any()
    model.fit(x, x.sum((1, 2, 3))[:, None], epochs=1, verbose=0)
    assert mean.numpy().all()


def test_masked_steps_do_not_count(keras, tf):
    ours, theirs, x = pair(row(BN, 4, 5, 3), "float32", keras)
    mask = np.random.default_rng(1).random((4, 5)) > 0.4
    leaf, found = Tensor(x), []
    found = [ours(leaf, training=True, mask=mask).numpy(), *ours.get_weights()]
    y = theirs(tf.constant(x), training=True, mask=tf.constant(mask))
    for our, their in zip(found, [y, *theirs.get_weights()], strict=True):
        assert_close(our, their, 1e-5)
    with pytest.raises(ValueError, match="mask provided should be one dimension less"):
        ours(leaf, training=True, mask=mask[0])


# --- The fused operation ----------------------------------------------------------------------

SHAPES = ((7, 3), (4, 5, 6, 3), (2, 3, 1), (3, 1100), (5, 2, 2, 33))


def arrays(shape, dtype="float64"):
    rng = np.random.default_rng(0)
    made = (rng.standard_normal(s) + 1 for s in (shape, shape[-1:], shape[-1:]))
    return [a.astype(dtype) for a in made]


def normalized(x, gamma, beta):
    return normalize_batch(x, gamma, beta, epsilon=1e-2, statistics={})


@pytest.mark.parametrize("operation", [normalized, scale_and_shift])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_derivatives_in_training(shape, operation, monkeypatch):
    monkeypatch.setattr(batch_norm, "PART", 8)
    check_gradients(operation, arrays(shape), directions=1, seed=3)


def test_a_wrong_gradient_would_be_found(monkeypatch):
    sums = batch_norm._sums
    monkeypatch.setattr(batch_norm, "_sums", lambda *a: [s * 1.001 for s in sums(*a)])
    with pytest.raises(GradientCheckError):
        check_gradients(normalized, arrays((7, 3)), order=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES, (40, 30, 20, 5), (50000, 1), (9, 40000)])
def test_parts_give_the_whole(shape, dtype):
    x, gamma, beta = arrays(shape, dtype)
    x = x * 3 + 100  # far from 0
    found = {}
    y = normalize_batch(x, gamma, beta, epsilon=1e-3, statistics=found)
    exact, axes = x.astype(np.float64), tuple(range(len(shape) - 1))
    mean, variance = exact.mean(axes), exact.var(axes)
    expected = (exact - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    tolerance = {"float32": 2e-6, "float64": 1e-12}[dtype]
    assert_close(found["mean"], mean.astype(dtype), tolerance, constant=True)
    assert_close(found["variance"], variance.astype(dtype), tolerance * 5, constant=True)
    assert_close(y, expected.astype(dtype), tolerance * 50)  # 100 / 3 deviations from 0
    scaled = scale_and_shift(x, gamma, beta)
    assert_close(scaled, x * gamma + beta, tolerance)


def test_the_bits_do_not_depend_on_threads():
    x, gamma, beta = arrays((16, 30, 30, 17), "float32")
    found = []
    before = _kernels.get_num_threads()
    try:
        for threads in (1, 2):
            _kernels.set_num_threads(threads)
            leaf = Tensor(x, requires_grad=True)
            y = normalized(leaf, Tensor(gamma), Tensor(beta))
            y.backward(x)
            found.append((y.numpy().tobytes(), leaf.grad.tobytes()))
    finally:
        _kernels.set_num_threads(before)
    assert found[0] == found[1]


def test_gradients_of_two_backward_passes_are_not_mixed_up():
    """The sums that the rules share belong to one gradient."""
    x, gamma, beta = (Tensor(a, requires_grad=True) for a in arrays((7, 3)))
    y = normalized(x, gamma, beta)
    rng = np.random.default_rng(1)
    for _ in range(3):
        grad = rng.standard_normal(y.shape)
        beta.grad = gamma.grad = None
        y.backward(grad, retain_graph=True)
        np.testing.assert_allclose(beta.grad, grad.sum(0))
        np.testing.assert_allclose(gamma.grad, (grad * (y - beta).numpy()).sum(0) / gamma.numpy())
