"""Layers that change their inputs at random in training: what they draw, and that it repeats."""

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from cnn_ext import layers
from cnn_ext.autograd import Tensor
from cnn_ext.utils import set_random_seed

X = np.random.default_rng(0).standard_normal((200, 50)).astype(np.float32)
NOISE = {
    "GaussianNoise": {"stddev": 0.5},
    "GaussianDropout": {"rate": 0.3},
    "AlphaDropout": {"rate": 0.3},
}
noisy = pytest.mark.parametrize(("name", "arguments"), NOISE.items(), ids=NOISE)


def made(name, arguments, **more):
    return getattr(layers, name)(**arguments, **more)


@noisy
def test_repeats_by_seed_and_draws_anew(name, arguments):
    def two(**seed):
        layer = made(name, arguments, **seed)
        return [layer(X, training=True).numpy() for _ in range(2)]

    first, second = two(seed=7)
    assert (first != second).any()
    np.testing.assert_array_equal(two(seed=7), [first, second])
    assert (two(seed=8)[0] != first).any()
    drawn = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        drawn.append(np.stack([*two(), *two()]))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    assert (drawn[0][0] != drawn[0][2]).any()


@noisy
@pytest.mark.parametrize("training", [False, None])
def test_nothing_happens_outside_training(name, arguments, training):
    np.testing.assert_array_equal(made(name, arguments)(X, training=training), X)
    off = dict.fromkeys(arguments, 0)
    np.testing.assert_array_equal(made(name, off)(X, training=True), X)


@noisy
def test_keeps_dtype_and_takes_integers(name, arguments):
    for dtype in ("float32", "float64"):
        y = made(name, arguments, dtype=dtype)(X.astype(dtype), training=True)
        assert (y.dtype, y.shape) == (dtype, X.shape)
        assert (
            made(name, arguments, dtype=dtype)(np.ones((2, 3), int), training=True).dtype == dtype
        )


def test_gaussian_noise_is_added():
    layer = layers.GaussianNoise(0.5, seed=1)
    leaf = Tensor(X, requires_grad=True)
    y = layer(leaf, training=True)
    noise = y.numpy() - X
    assert abs(noise.mean()) < 4 * 0.5 / 100
    assert abs(noise.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * X.size)
    y.backward(X)
    np.testing.assert_array_equal(leaf.grad, X)


def test_gaussian_dropout_multiplies():
    layer = layers.GaussianDropout(0.3, seed=1)
    leaf = Tensor(X, requires_grad=True)
    y = layer(leaf, training=True)
    factor, sigma = y.numpy() / X, np.sqrt(0.3 / 0.7)
    assert abs(factor.mean() - 1) < 4 * sigma / 100
    assert abs(factor.std() - sigma) < 4 * sigma / np.sqrt(2 * X.size)
    y.backward(np.ones_like(X))
    assert_close(leaf.grad, factor, 1e-5)


def test_alpha_dropout_keeps_mean_and_variance(keras):
    leaf = Tensor(X, requires_grad=True)
    y = layers.AlphaDropout(0.3, seed=1)(leaf, training=True)
    values = y.numpy()
    y.backward(np.ones_like(X))
    dropped = leaf.grad == 0
    assert abs(dropped.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / X.size)
    assert abs(values.mean()) < 0.05
    assert abs(values.std() - 1) < 0.05
    np.testing.assert_allclose(leaf.grad, np.where(dropped, 0, leaf.grad.max()))
    ones = np.ones_like(X)
    ours, theirs = (
        np.unique(np.asarray(k.layers.AlphaDropout(0.3)(ones, training=True)))
        for k in (cnn_ext, keras)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)  # what is dropped, and what is kept


def test_alpha_dropout_repeats_its_mask_along_axes_of_one():
    y = layers.AlphaDropout(0.5, noise_shape=(None, 1), seed=1)(np.ones_like(X), training=True)
    rows = y.numpy()
    assert (rows == rows[:, :1]).all()
    assert len(np.unique(rows)) == 2


SPATIAL = (
    ("SpatialDropout1D", (40, 6, 30), (1,), {}),
    ("SpatialDropout2D", (40, 6, 5, 30), (1, 2), {}),
    ("SpatialDropout2D", (40, 30, 6, 5), (2, 3), {"data_format": "channels_first"}),
    ("SpatialDropout3D", (40, 3, 2, 5, 30), (1, 2, 3), {}),
    ("SpatialDropout3D", (40, 30, 3, 2, 5), (2, 3, 4), {"data_format": "channels_first"}),
)


@pytest.mark.parametrize(("name", "shape", "axes", "more"), SPATIAL)
def test_spatial_dropout_drops_whole_channels(name, shape, axes, more):
    y = getattr(layers, name)(0.25, seed=1, **more)(np.ones(shape, np.float32), training=True)
    values = y.numpy()
    assert set(np.unique(values)) == {0, np.float32(1 / 0.75)}
    assert (values.max(axis=axes) == values.min(axis=axes)).all()
    share = (values.max(axis=axes) == 0).mean()
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / (40 * 30))


def test_activity_regularization_adds_its_loss(keras):
    x = X[:4, :5]
    ours, theirs = (k.layers.ActivityRegularization(l1=0.1, l2=0.2) for k in (cnn_ext, keras))
    leaf = Tensor(x, requires_grad=True)
    ours(leaf), theirs(x)
    assert_close(ours.losses[0], theirs.losses[0], 1e-6)
    ours.losses[0].backward()
    assert_close(leaf.grad, (0.1 * np.sign(x) + 0.4 * x) / 4, 1e-6)
