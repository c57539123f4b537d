"""Randomness that repeats: counter-based streams, all derived from one seed (`keras.random`).

Every consumer (an initializer, a dropout layer, a shuffle) owns a stream of Philox numbers, told
apart by its key; the n-th draw of a stream depends on the seed, the stream and n alone, so not on
threads or on what other streams drew. (Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3".)

The functions below draw arrays. Their `seed` is an integer (the same values at every call), a
`SeedGenerator` (new values at every call), or None (new values, repeatable after
`set_random_seed`).
"""

from __future__ import annotations

import os
import random as python_random
from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext._errors import missing_attribute
from cnn_ext.autograd import Variable, as_array
from cnn_ext.naming import auto_name
from cnn_ext.registry import publish

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

Shape = tuple[int, ...]


class _Global:
    seed = int.from_bytes(os.urandom(8), "little")
    streams = 0
    generator: SeedGenerator | None = None  # of draws that are given no seed


def set_random_seed(seed: int) -> None:
    """Make what follows repeatable: Python's, NumPy's and cnn_ext's randomness start at `seed`.

    Counterpart of `keras.utils.set_random_seed`. The same seed and script give the same bits.

    >>> set_random_seed(42)
    """
    if not _is_integer(seed) or not 0 <= seed < 2**32:
        raise ValueError(
            f"Expected `seed` argument to be an integer in [0, 2**32). Received: {seed!r}"
        )
    python_random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - the user's own code may draw from it
    _Global.seed = int(seed)
    _Global.streams = 0
    _Global.generator = None


def make_default_seed() -> int:
    """The seed of the next stream of the global seed, for what is given none."""
    _Global.streams += 1
    stream = np.random.Philox(key=(_Global.seed, _Global.streams))
    return int(stream.random_raw()) >> 1  # fits int64


def global_state() -> dict[str, Any]:
    """What `set_random_seed` sets, and how much was drawn since, as `set_global_state` takes it."""
    generator = _Global.generator
    return {
        "python": python_random.getstate(),
        "numpy": np.random.get_state(legacy=False),  # noqa: NPY002
        "seed": _Global.seed,
        "streams": _Global.streams,
        "draws": None if generator is None else generator.state.numpy().copy(),
    }


def set_global_state(state: dict[str, Any]) -> None:
    """Let draws that are given no seed go on as after `global_state`."""
    generator = None if state["draws"] is None else _global_generator()
    if generator is not None:
        generator.state.assign(state["draws"])
    python_random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    _Global.generator = generator
    _Global.seed, _Global.streams = int(state["seed"]), int(state["streams"])


def _global_generator() -> SeedGenerator:
    if _Global.generator is None:
        _Global.generator = SeedGenerator(name="global_seed_generator")
    return _Global.generator


class SeedGenerator:
    """A stream of random numbers, new ones at each draw (`keras.random.SeedGenerator`).

    Args:
        seed: names the stream: equal seeds give equal streams. None takes the next stream of the
            global seed.
        name: `seed_generator`, `seed_generator_1`, ... if None.

    Its `state`, a Variable of two integers, holds the seed and the number of draws so far.

    >>> seeds = SeedGenerator(7)
    >>> bool((normal((3,), seed=seeds) == normal((3,), seed=seeds)).any())
    False
    >>> seeds.state.numpy()
    array([7, 2])
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        kwargs.pop("backend", None)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
        if seed is not None and not _is_integer(seed):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed}")
        self.name = name or auto_name(type(self).__name__)
        self._initial_seed = seed
        self.state = Variable(
            _state(make_default_seed() if seed is None else int(seed)),
            trainable=False,
            name="seed_generator_state",
            path=f"{self.name}/seed_generator_state",
        )

    def next(self, ordered: bool = True) -> np.ndarray:
        """The state of the next draw, [seed, number of the draw], which is then counted.

        `ordered` is Keras's; draws are always counted in order here.
        """
        state = self.state.data.copy()
        self.state.assign_add(np.array([0, 1]))
        return state

    def generator(self) -> np.random.Generator:
        """The numbers of the stream's next draw."""
        return _numbers(self.next())

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as `from_config` takes them."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """A generator from what `get_config` returned."""
        return cls(**config)


publish("keras.random", {"SeedGenerator": SeedGenerator})


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _state(seed: int) -> np.ndarray:
    """The state before the first draw; seeds beyond int64 wrap around."""
    return np.array([seed % 2**64, 0], np.uint64).astype(np.int64)


def _numbers(state: np.ndarray) -> np.random.Generator:
    """The random numbers of a draw: a function of the seed and the number of the draw alone."""
    key = int(state[0]) % 2**64
    philox = np.random.Philox(key=(key, 0), counter=(0, 0, 0, int(state[1]) + 1))
    return np.random.Generator(philox)


def _draw(seed: Any) -> np.random.Generator:
    """The random numbers of one call of the functions below."""
    if isinstance(seed, SeedGenerator):
        return seed.generator()
    if seed is None:
        return _global_generator().generator()
    if _is_integer(seed):
        return _numbers(_state(int(seed)))
    raise ValueError(
        "Argument `seed` must be either an integer or an instance of `SeedGenerator`. "
        f"Received: seed={seed} (of type {type(seed)})"
    )


def _float_dtype(function: str, dtype: Any) -> str:
    if dtype is not None and not isinstance(dtype, str):
        dtype = np.dtype(dtype).name
    if dtype is not None and "float" not in dtype:
        raise ValueError(
            f"`keras.random.{function}` requires a floating point `dtype`. Received: dtype={dtype}"
        )
    return config.float_dtype(dtype)


def _exact(parameter: Any) -> np.ndarray:
    return as_array(parameter, np.float64)


def normal(
    shape: Shape, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> np.ndarray:
    """Numbers from a normal distribution (`keras.random.normal`).

    Args:
        shape: of the result; mean and stddev are broadcast to it.
        mean, stddev: of the distribution.
        dtype: float dtype, `config.floatx()` if None.
        seed: an integer, a `SeedGenerator` or None.

    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    dtype = _float_dtype("normal", dtype)
    values = _draw(seed).normal(_exact(mean), _exact(stddev), shape)
    return np.asarray(values).astype(dtype)


def uniform(
    shape: Shape, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> np.ndarray:
    """Numbers from the uniform distribution on [minval, maxval) (`keras.random.uniform`).

    Args:
        shape: of the result; minval and maxval are broadcast to it.
        minval, maxval: the limits; the upper one is not drawn.
        dtype: float dtype, `config.floatx()` if None; `randint` draws integers.
        seed: an integer, a `SeedGenerator` or None.

    >>> bool(uniform((100,), 2, 3, seed=1).min() >= 2)
    True
    """
    dtype = _float_dtype("uniform", dtype)
    low, high = (as_array(limit, dtype) for limit in (minval, maxval))
    values = np.asarray(low + _draw(seed).random(shape) * (high.astype(np.float64) - low))
    values = values.astype(dtype)
    return np.where(values == high, np.nextafter(high, low), values)  # rounding may reach it


def truncated_normal(
    shape: Shape, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> np.ndarray:
    """Normal numbers; beyond two standard deviations drawn anew (`keras.random`).

    Arguments as of `normal`.

    >>> bool(abs(truncated_normal((1000,), seed=1)).max() <= 2)
    True
    """
    dtype = _float_dtype("truncated_normal", dtype)
    numbers = _draw(seed)
    values = np.asarray(numbers.standard_normal(shape))
    while (outside := np.abs(values) > 2).any():
        values[outside] = numbers.standard_normal(int(outside.sum()))
    return np.asarray(values * _exact(stddev) + _exact(mean)).astype(dtype)


def randint(
    shape: Shape, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None
) -> np.ndarray:
    """Integers in [minval, maxval), each as likely as any other (`keras.random.randint`).

    Args:
        shape: of the result.
        minval, maxval: the limits; the upper one is not drawn.
        dtype: integer dtype.
        seed: an integer, a `SeedGenerator` or None.

    >>> sorted(set(randint((100,), 0, 3, seed=1).tolist()))
    [0, 1, 2]
    """
    if np.dtype(dtype).kind not in "iu":
        raise ValueError(
            f"`keras.random.randint` requires an integer `dtype`. Received: dtype={dtype}"
        )
    low, high = as_array(minval), as_array(maxval)
    if not (low < high).all():
        raise ValueError(
            "`keras.random.randint` requires minval < maxval. "
            f"Received: minval={minval}, maxval={maxval}"
        )
    return np.asarray(_draw(seed).integers(low, high, shape)).astype(dtype)


def categorical(
    logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None
) -> np.ndarray:
    """Class numbers, drawn with the probabilities softmax(logits) (`keras.random.categorical`).

    Args:
        logits: (batch, classes).
        num_samples: how many to draw for each row.
        dtype: integer dtype of the result.
        seed: an integer, a `SeedGenerator` or None.

    Returns:
        (batch, num_samples).

    >>> categorical([[0.0, float("-inf")]], 3, seed=1)
    array([[0, 0, 0]], dtype=int32)
    """
    array = _exact(logits)
    if array.ndim != 2:
        raise ValueError(
            "`logits` should be a 2-D tensor with shape [batch_size, num_classes]. "
            f"Received: logits={logits}"
        )
    chances = np.exp(array - array.max(axis=1, keepdims=True))
    below = np.cumsum(chances, axis=1)
    below /= below[:, -1:]
    drawn = _draw(seed).random((len(array), num_samples))
    rows = [np.searchsorted(*row, side="right") for row in zip(below, drawn, strict=True)]
    return np.array(rows, dtype).reshape(len(array), num_samples)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Inputs, of which a share is set to 0 and the others are scaled up by 1 / (1 - rate).

    Args:
        inputs: array or Tensor.
        rate: the share, in [0, 1] (`keras.random.dropout`).
        noise_shape: of the mask that is broadcast to inputs; None in it stands for inputs' size.
        seed: an integer, a `SeedGenerator` or None.

    >>> sorted(set(dropout(np.ones(100), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    if not 0 <= rate <= 1:
        raise ValueError(
            f"`rate` must be a scalar tensor or a float in the range [0, 1]. Received: rate={rate}"
        )
    if rate == 0:
        return inputs
    shape = tuple(inputs.shape)
    kept = _draw(seed).random(_noise_shape(noise_shape, shape), dtype=np.float32) >= rate
    scale = 0.0 if rate == 1 else 1 / (1 - rate)
    return inputs * (kept * inputs.dtype.type(scale))


def _noise_shape(noise_shape: Any, shape: Shape) -> Shape:
    if noise_shape is None:
        return shape
    if len(noise_shape) != len(shape) or any(
        n not in (None, 1, size) for n, size in zip(noise_shape, shape, strict=True)
    ):
        raise ValueError(
            "`noise_shape` must have as many axes as the inputs, each None, 1 or the inputs' "
            f"size. Received: noise_shape={noise_shape}, inputs of shape {shape}"
        )
    return tuple(size if n is None else n for n, size in zip(noise_shape, shape, strict=True))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """x with its parts along an axis in random order (`keras.random.shuffle`).

    Args:
        x: array or Tensor.
        axis: the axis whose order changes.
        seed: an integer, a `SeedGenerator` or None.

    >>> sorted(shuffle(np.arange(4), seed=1).tolist())
    [0, 1, 2, 3]
    """
    rank = len(x.shape)
    if not -rank <= axis < rank:
        raise ValueError(f"axis must be in [{-rank}, {rank}). Received: axis={axis}")
    order = _draw(seed).permutation(x.shape[axis])
    return x[(slice(None),) * (axis % rank) + (order,)]


def gamma(shape: Shape, alpha: Any, dtype: Any = None, seed: Any = None) -> np.ndarray:
    """Numbers from the gamma distribution with shape `alpha` and scale 1 (`keras.random.gamma`).

    Args:
        shape: of the result; alpha is broadcast to it.
        alpha: positive numbers.
        dtype: float dtype, `config.floatx()` if None.
        seed: an integer, a `SeedGenerator` or None.

    >>> bool(gamma((100,), 2.0, seed=1).min() > 0)
    True
    """
    dtype = _float_dtype("gamma", dtype)
    return np.asarray(_draw(seed).gamma(_positive("alpha", alpha), 1.0, shape)).astype(dtype)


def beta(shape: Shape, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> np.ndarray:
    """Numbers from the beta distribution, in [0, 1] (`keras.random.beta`).

    Args:
        shape: of the result; alpha and beta are broadcast to it.
        alpha, beta: positive numbers.
        dtype: float dtype, `config.floatx()` if None.
        seed: an integer, a `SeedGenerator` or None.

    >>> bool(beta((100,), 2.0, 2.0, seed=1).max() <= 1)
    True
    """
    dtype = _float_dtype("beta", dtype)
    parameters = _positive("alpha", alpha), _positive("beta", beta)
    return np.asarray(_draw(seed).beta(*parameters, shape)).astype(dtype)


def _positive(name: str, value: Any) -> np.ndarray:
    array = _exact(value)
    if not (array > 0).all():
        raise ValueError(f"`{name}` must be positive. Received: {name}={value}")
    return array


def binomial(
    shape: Shape, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> np.ndarray:
    """How many of `counts` trials succeed, each with its probability (`keras.random.binomial`).

    Args:
        shape: of the result; counts and probabilities are broadcast to it.
        counts: numbers of trials, 0 or more.
        probabilities: of a trial's success, in [0, 1].
        dtype: float dtype, `config.floatx()` if None.
        seed: an integer, a `SeedGenerator` or None.

    >>> bool(binomial((100,), 5, 0.5, seed=1).max() <= 5)
    True
    """
    dtype = _float_dtype("binomial", dtype)
    trials, chances = _exact(counts), _exact(probabilities)
    if (trials < 0).any() or not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError(
            "`counts` must be 0 or more, and `probabilities` in [0, 1]. "
            f"Received: counts={counts}, probabilities={probabilities}"
        )
    values = _draw(seed).binomial(trials.astype(np.int64), chances, shape)
    return np.asarray(values).astype(dtype)


__getattr__ = missing_attribute(__name__, __all__)
