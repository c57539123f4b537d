"""cnn_ext.random: exact distributions, seeds that repeat, Keras's signatures and errors."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

import cnn_ext
from cases import same_parameters
from cnn_ext import random
from cnn_ext.autograd import Tensor
from cnn_ext.random import SeedGenerator
from cnn_ext.testing import check_gradients
from cnn_ext.utils import set_random_seed

N = 20_000
FUNCTIONS = sorted(set(random.__all__) - {"SeedGenerator"})


def normal_below(x):
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in np.ravel(x)])


def truncated_below(x):
    low, high = normal_below([-2, 2])
    return np.clip((normal_below(x) - low) / (high - low), 0, 1)


class Draw(NamedTuple):
    """A distribution: its function, arguments, mean, variance, support, and P(values <= x)."""

    name: str
    arguments: dict[str, Any]
    mean: float
    variance: float
    support: tuple[float, float] = (-math.inf, math.inf)
    below: Any = None


DRAWS = (
    Draw("normal", {}, 0, 1, below=normal_below),
    Draw("normal", {"mean": -3.0, "stddev": 0.1}, -3, 0.01,
         below=lambda x: normal_below((x + 3) / 0.1)),
    Draw("uniform", {}, 0.5, 1 / 12, (0, 1), lambda x: x),
    Draw("uniform", {"minval": -1, "maxval": 3}, 1, 16 / 12, (-1, 3), lambda x: (x + 1) / 4),
    Draw("truncated_normal", {}, 0, 0.87962566103423978**2, (-2, 2), truncated_below),
    Draw("truncated_normal", {"mean": 5.0, "stddev": 2.0}, 5, 4 * 0.87962566103423978**2, (1, 9),
         lambda x: truncated_below((x - 5) / 2)),
    Draw("randint", {"minval": -2, "maxval": 5}, 1, 4, (-2, 4)),
    Draw("gamma", {"alpha": 1.0}, 1, 1, (0, math.inf), lambda x: 1 - np.exp(-x)),
    Draw("gamma", {"alpha": 2.5}, 2.5, 2.5, (0, math.inf)),
    Draw("beta", {"alpha": 3.0, "beta": 1.0}, 0.75, 3 / 80, (0, 1), lambda x: x**3),
    Draw("beta", {"alpha": 2.0, "beta": 2.0}, 0.5, 0.05, (0, 1), lambda x: x * x * (3 - 2 * x)),
    Draw("binomial", {"counts": 10, "probabilities": 0.3}, 3, 2.1, (0, 10)),
)  # fmt: skip
draws = pytest.mark.parametrize("row", DRAWS, ids=lambda r: f"{r.name}-{r.arguments}")


def distance(values, below):
    """Kolmogorov and Smirnov's: between the share of values up to x and its expectation."""
    values = np.sort(np.ravel(values).astype(np.float64))
    expected = below(values)
    steps = np.arange(values.size + 1) / values.size
    return max((steps[1:] - expected).max(), (expected - steps[:-1]).max())


@draws
def test_distribution(row):
    """By the distance that one sample in 10,000 exceeds, and by the moments."""
    values = getattr(random, row.name)((N // 10, 10), **row.arguments, seed=11)
    assert values.shape == (N // 10, 10)
    low, high = row.support
    assert (values >= low).all() and (values <= high).all()
    assert abs(values.mean(dtype=np.float64) - row.mean) < 4 * math.sqrt(row.variance / N)
    fourth = ((values.astype(np.float64) - row.mean) ** 4).mean()
    spread = math.sqrt((fourth - row.variance**2) / N)
    assert abs(values.astype(np.float64).var() - row.variance) < 4 * spread
    if row.below is not None:
        assert distance(values, row.below) < 2.23 / math.sqrt(N)


def test_a_wrong_distribution_would_be_found():
    for arguments in ({"stddev": 1.1}, {"mean": 0.1}):
        values = random.normal((N,), **arguments, seed=11)
        assert distance(values, normal_below) > 2.23 / math.sqrt(N)


@draws
def test_seeds(row):
    """An integer repeats, a generator goes on, none follows set_random_seed."""

    def draw(seed=None):
        return getattr(random, row.name)((40,), **row.arguments, seed=seed)

    def same(a, b):
        return bool((a == b).all())

    assert same(draw(3), draw(3)) and not same(draw(3), draw(4))
    assert same(draw(2**40), draw(2**40)) and not same(draw(2**40), draw(2**41))
    seeds, again = SeedGenerator(3), SeedGenerator(3)
    first, second = draw(seeds), draw(seeds)
    assert same(first, draw(3)) and not same(first, second)
    assert same(draw(again), first) and same(draw(again), second)
    drawn = []
    for seed in (5, 5, 6):
        set_random_seed(seed)
        drawn.append((draw(), draw(), draw(SeedGenerator())))
    for one, other, different in zip(*drawn, strict=True):
        assert same(one, other) and not same(one, different)
    assert not any(same(a, b) for a, b in zip(drawn[0], drawn[0][1:], strict=False))


@draws
def test_types_and_shapes(row):
    draw = getattr(random, row.name)
    wanted = ("int32", "int64") if row.name == "randint" else ("float32", "float64")
    for dtype in wanted:
        for shape in ((), (0,), (2, 3), [4]):
            values = draw(shape, **row.arguments, dtype=dtype, seed=1)
            assert isinstance(values, np.ndarray)
            assert (values.shape, values.dtype) == (tuple(shape), dtype)
    assert draw((2,), **row.arguments).dtype == wanted[0]
    with pytest.raises(ValueError, match="requires a"):
        draw((2,), **row.arguments, dtype="float32" if row.name == "randint" else "int32")
    with pytest.raises(ValueError, match="must be either an integer or an instance of"):
        draw((2,), **row.arguments, seed=1.5)


def test_parameters_are_broadcast():
    mean = np.array([0.0, 100.0])
    assert (random.normal((50, 2), mean=mean, seed=1).mean(axis=0) > [-1, 99]).all()
    assert (random.uniform((50, 2), mean, mean + 1, seed=1) >= mean).all()
    assert random.gamma((3, 2), mean + 1).shape == (3, 2)
    assert (random.binomial((9, 2), mean, 1.0) == mean).all()


def test_the_upper_limit_of_uniform_is_never_reached():
    """Of the few float32 numbers between limits this near, rounding would reach the upper."""
    high = 1 + 2**-22
    assert set(random.uniform((1000,), 1, high, seed=1).tolist()) == {1, 1 + 2**-23}
    assert (random.uniform((10,), 2, 2, seed=1) == 2).all()


def test_float64_parameters_are_exact():
    assert (random.normal((3,), 0.1, 0.0, dtype="float64") == 0.1).all()
    assert (random.truncated_normal((3,), 0.1, 0.0, dtype="float64") == 0.1).all()


def test_categorical_draws_by_softmax():
    chances = np.array([[0.1, 0.2, 0.7, 1e-30], [1e-30, 0.5, 1e-30, 0.5]])
    logits = np.log(chances) + np.array([[100], [-1000]])  # far from 0
    drawn = random.categorical(logits, N, seed=2)
    assert (drawn.shape, drawn.dtype) == ((2, N), np.int32)
    shares = np.array([np.bincount(row, minlength=4) / N for row in drawn])
    assert np.abs(shares - [[0.1, 0.2, 0.7, 0], [0, 0.5, 0, 0.5]]).max() < 4 * 0.5 / math.sqrt(N)
    assert not shares[[0, 1, 1], [3, 0, 2]].any()
    assert random.categorical(Tensor(logits), 3, dtype="int64").dtype == np.int64
    assert random.categorical(np.zeros((0, 4)), 3).shape == (0, 3)


@pytest.mark.parametrize("noise_shape", [None, (None, 1), (1, 6), (200, 6)])
def test_dropout(noise_shape):
    x = np.random.default_rng(0).random((200, 6)) + 1
    y = random.dropout(x, 0.25, noise_shape, seed=1)
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / 0.75, rtol=1e-12)
    numbers = np.prod([s if n is None else n for n, s in zip(noise_shape, x.shape, strict=True)]
                      if noise_shape else x.shape)  # fmt: skip
    assert abs(kept.mean() - 0.75) < 4 * math.sqrt(0.25 * 0.75 / numbers)
    if noise_shape == (None, 1):
        assert (kept == kept[:, :1]).all()
    assert random.dropout(x.astype(np.float32), 0.5).dtype == np.float32
    assert random.dropout(x, 0) is x
    assert not random.dropout(x, 1.0).any()
    check_gradients(lambda t: random.dropout(t, 0.25, noise_shape, seed=1), x)


def test_shuffle():
    x = np.arange(60).reshape(3, 20)
    for axis in (0, 1, -1):
        y = random.shuffle(x, axis=axis, seed=4)
        assert (np.sort(y, axis=axis) == x).all() and (y != x).any()
        other = 1 - axis % 2
        order = np.take(y, 0, axis=other)
        assert (y - np.expand_dims(order, other)).std(axis=axis).max() == 0  # rows stay whole
    check_gradients(lambda t: random.shuffle(t, axis=1, seed=4), x[:2, :5] / 7)
    with pytest.raises(ValueError, match="axis must be in"):
        random.shuffle(x, axis=2)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signature(name, keras):
    same_parameters(getattr(random, name), getattr(keras.random, name))
    assert getattr(cnn_ext.random, name) is getattr(random, name)


def test_all_of_keras_is_there(keras):
    assert sorted(random.__all__) == [n for n in dir(keras.random) if not n.startswith("_")]


def test_seed_generator_equals_keras(keras):
    for seed in (0, 7, -1, 2**40):
        ours, theirs = SeedGenerator(seed, "g"), keras.random.SeedGenerator(seed, "g")
        for _ in range(3):
            np.testing.assert_array_equal(ours.next(), theirs.next())
        np.testing.assert_array_equal(ours.state.numpy(), theirs.state.numpy())
        assert ours.get_config() == theirs.get_config() == {"seed": seed, "name": "g"}
    same_parameters(SeedGenerator, keras.random.SeedGenerator)
    same_parameters(ours.next, theirs.next)


def test_seed_generator():
    named = SeedGenerator(2), SeedGenerator(2)
    assert named[0].name.startswith("seed_generator") and named[0].name != named[1].name
    restored = SeedGenerator.from_config(named[0].get_config())
    assert (random.normal((3,), seed=restored) == random.normal((3,), seed=named[0])).all()
    drawn = random.normal((3,), seed=restored)
    restored.state.assign([2, 1])
    assert (random.normal((3,), seed=restored) == drawn).all()
    assert (SeedGenerator().next() != SeedGenerator().next()).any()
    with pytest.raises(ValueError, match=r"Unrecognized keyword arguments: {'sede': 1}"):
        SeedGenerator(sede=1)
    for wrong in ("a", 1.5, True):
        with pytest.raises(ValueError, match=f"must be an integer. Received: seed={wrong}"):
            SeedGenerator(wrong)


ERRORS = (
    ("categorical", ([1.0, 2.0], 3), "`logits` should be a 2-D tensor"),
    ("dropout", (np.ones(3), 1.5), "Received: rate=1.5"),
    ("dropout", (np.ones((3, 2)), 0.5, (2, 2)), r"Received: noise_shape=\(2, 2\)"),
    ("randint", ((2,), 5, 0), "Received: minval=5, maxval=0"),
    ("gamma", ((2,), -1.0), "Received: alpha=-1.0"),
    ("beta", ((2,), 1.0, 0.0), "Received: beta=0.0"),
    ("binomial", ((2,), 3, 1.5), "Received: counts=3, probabilities=1.5"),
)


@pytest.mark.parametrize(("name", "arguments", "message"), ERRORS)
def test_errors(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(random, name)(*arguments)
