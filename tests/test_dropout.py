"""Dropout in training."""

import numpy as np
import pytest

import cnn_ext
from cnn_ext import layers
from cnn_ext.autograd import Tensor
from cnn_ext.utils import set_random_seed


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_a_share_and_scales_it_up(rate):
    x = np.full((200, 500), 3.0, np.float32)
    y = layers.Dropout(rate, seed=1)(x, training=True).numpy()
    kept = y != 0
    sigma = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(kept.mean() - (1 - rate)) < 4 * sigma
    np.testing.assert_allclose(y[kept], 3 / (1 - rate), rtol=1e-6)
    assert abs(kept.mean(axis=0).std() - np.sqrt(rate * (1 - rate) / 200)) < 0.1 * 0.5


def test_dropout_passes_gradients_where_it_passed_values():
    x = Tensor(np.ones((50, 20), np.float32), requires_grad=True)
    y = layers.Dropout(0.4, seed=1)(x, training=True)
    y.backward(np.ones(y.shape, np.float32))
    np.testing.assert_array_equal(x.grad, y.numpy())


def test_dropout_draws_anew_and_repeats_by_seed():
    x = np.ones((20, 20), np.float32)

    def two(layer):
        return [layer(x, training=True).numpy() for _ in range(2)]

    first, second = two(layers.Dropout(0.5, seed=7))
    assert (first != second).any()
    np.testing.assert_array_equal(two(layers.Dropout(0.5, seed=7)), [first, second])
    assert (two(layers.Dropout(0.5, seed=8))[0] != first).any()
    drawn = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        drawn.append(np.stack([*two(layers.Dropout(0.5)), *two(layers.Dropout(0.5))]))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    assert (drawn[0][0] != drawn[0][2]).any()  # two layers draw two streams


NOISE_SHAPES = [(None, 1, 1, None), (1, 6, 5, 4), (8, 1, 5, 1), (None, None, None, None)]


@pytest.mark.parametrize("noise_shape", NOISE_SHAPES)
def test_dropout_repeats_its_mask_along_axes_of_one(noise_shape):
    x = np.ones((8, 6, 5, 4), np.float32)
    kept = layers.Dropout(0.5, noise_shape=noise_shape, seed=1)(x, training=True).numpy() != 0
    for axis, size in enumerate(noise_shape):
        first = kept.take([0], axis=axis)
        assert (kept == first).all() == (size == 1)
    assert 0 < kept.mean() < 1


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.5, None), (0.0, True)])
def test_dropout_that_does_nothing(rate, training):
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    np.testing.assert_array_equal(layers.Dropout(rate)(x, training=training), x)


def test_dropout_of_everything(keras):
    x = np.ones((3, 4), np.float32)
    ours, theirs = (k.layers.Dropout(1.0)(x, training=True) for k in (cnn_ext, keras))
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(ours, np.zeros_like(x))
