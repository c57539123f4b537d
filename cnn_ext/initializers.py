"""First values of weights, with the distributions of `keras.initializers`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext._errors import TeachesKeywords, lookup, missing_attribute
from cnn_ext.random import SeedGenerator

# A normal distribution cut at two standard deviations has this standard deviation.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(TeachesKeywords):
    """Base of initializers: `initializer(shape, dtype)` gives an array.

    Subclasses implement `__call__`; `get_config` returns the constructor's arguments.
    """

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(shape, dtype)")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """An initializer from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class Constant(Initializer):
    """Every element `value`."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.full(shape, self.value, config.float_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Zeros(Initializer):
    """Every element 0."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.zeros(shape, config.float_dtype(dtype))


class Ones(Initializer):
    """Every element 1."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.ones(shape, config.float_dtype(dtype))


class RandomInitializer(Initializer):
    """Base of random initializers.

    With an integer `seed` every call gives the same values; with None each call gives new ones,
    repeatable after `set_random_seed`.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def generator(self) -> np.random.Generator:
        """The random numbers of one call."""
        return SeedGenerator(self.seed).next()

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class RandomUniform(RandomInitializer):
    """Uniform in [minval, maxval)."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        values = self.generator().uniform(self.minval, self.maxval, shape)
        return values.astype(config.float_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class RandomNormal(RandomInitializer):
    """Normal with the given mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        values = self.generator().normal(self.mean, self.stddev, shape)
        return values.astype(config.float_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normal, with values beyond two standard deviations drawn anew."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        values = _truncated_normal(self.generator(), shape) * self.stddev + self.mean
        return values.astype(config.float_dtype(dtype))


def _truncated_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = generator.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = generator.standard_normal(int(outside.sum()))
    return values


class VarianceScaling(RandomInitializer):
    """Variance scale / n, where n is the inputs or outputs of a unit, or their mean.

    Args:
        scale: positive factor.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`.
        distribution: `"truncated_normal"`, `"untruncated_normal"` or `"uniform"`.
        seed: see `RandomInitializer`.

    Glorot & Bengio 2010 use the mean of both (fan_avg), He et al. 2015 twice the inputs' (fan_in).
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        if not scale > 0:
            raise ValueError(f"scale must be positive. Received: scale={scale}")
        self.scale = scale
        self.mode = config.one_of("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        choices = ("truncated_normal", "untruncated_normal", "uniform")
        self.distribution = config.one_of("distribution", distribution, choices)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        fan_in, fan_out = _fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        generator = self.generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            values = generator.uniform(-limit, limit, shape)
        elif self.distribution == "untruncated_normal":
            values = generator.normal(0, math.sqrt(variance), shape)
        else:
            values = _truncated_normal(generator, shape) * (math.sqrt(variance) / _TRUNCATED_STDDEV)
        return values.astype(config.float_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **super().get_config(),
        }


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs of a unit whose weights have this shape: (.., in, out)."""
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    window = math.prod(shape[:-2])
    return float(shape[-2] * window), float(shape[-1] * window)


class _Named(VarianceScaling):
    """A VarianceScaling whose scale, mode and distribution have a name of their own."""

    settings: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.settings, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class GlorotUniform(_Named):
    """Uniform with variance 2 / (inputs + outputs) (Glorot & Bengio 2010): Keras's default."""

    settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    """Truncated normal with variance 2 / (inputs + outputs) (Glorot & Bengio 2010)."""

    settings = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Named):
    """Uniform with variance 2 / inputs, for ReLU (He et al. 2015)."""

    settings = (2.0, "fan_in", "uniform")


class HeNormal(_Named):
    """Truncated normal with variance 2 / inputs, for ReLU (He et al. 2015)."""

    settings = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Named):
    """Uniform with variance 1 / inputs (LeCun et al. 1998)."""

    settings = (1.0, "fan_in", "uniform")


class LecunNormal(_Named):
    """Truncated normal with variance 1 / inputs (LeCun et al. 1998)."""

    settings = (1.0, "fan_in", "truncated_normal")


_BY_NAME: dict[str, type[Initializer]] = {
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "normal": RandomNormal,
    "one": Ones,
    "ones": Ones,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "uniform": RandomUniform,
    "variance_scaling": VarianceScaling,
    "zero": Zeros,
    "zeros": Zeros,
}

__all__ = [
    "Initializer",
    "get",
    "serialize",
    *sorted({cls.__name__ for cls in _BY_NAME.values()}),
]


def get(identifier: Any) -> Any:
    """The initializer for a name (`"he_normal"` or `"HeNormal"`), a class, or a callable.

    >>> get("zeros")((2,))
    array([0., 0.], dtype=float32)
    """
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    by_class = {cls.__name__: cls for cls in _BY_NAME.values()}
    return lookup("initializer", identifier, {**_BY_NAME, **by_class})()


def serialize(initializer: Any) -> dict[str, Any]:
    """An initializer as configurations hold it, in Keras's form."""
    return {
        "module": "keras.initializers",
        "class_name": type(initializer).__name__,
        "config": initializer.get_config() if isinstance(initializer, Initializer) else {},
        "registered_name": None,
    }


__getattr__ = missing_attribute(__name__, __all__)
