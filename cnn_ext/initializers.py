"""First values of weights, with the distributions of `keras.initializers`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnn_ext import config, random
from cnn_ext._errors import TeachesKeywords, missing_attribute
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.naming import snake_case
from cnn_ext.random import SeedGenerator
from cnn_ext.registry import Configured, deserialize_keras_object, family, serialize_keras_object

Shape = tuple[int, ...]
Axes = list[int] | tuple[int, ...] | None

# A normal distribution cut at two standard deviations has this standard deviation.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(TeachesKeywords):
    """Base of initializers: `initializer(shape, dtype)` gives an array (`keras.Initializer`).

    Subclasses implement `__call__`; `get_config` returns the constructor's arguments.

    >>> class Ramp(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.arange(math.prod(shape), dtype=dtype or "float32").reshape(shape)
    >>> Ramp()((3,))
    array([0., 1., 2.], dtype=float32)
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        raise NotImplementedError(
            "Initializer subclasses must implement the `__call__()` method. "
            f"Received: {type(self).__name__}"
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """An initializer from what `get_config` returned."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Another of the same configuration; without a seed it draws other values."""
        return type(self).from_config(self.get_config())

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def _dtype(dtype: Any) -> Any:
    """The dtype of numbers or truth values that a user names; None is floatx()."""
    try:
        numbers = dtype is not None and np.dtype(dtype).kind in "iub"
    except TypeError:
        numbers = False
    return np.dtype(dtype) if numbers else config.float_dtype(dtype)


class Constant(Configured, Initializer):
    """Every element `value`, or an array that is broadcast (`keras.initializers.Constant`).

    >>> Constant(2.5)((2,))
    array([2.5, 2.5], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return np.full(shape, as_array(self.value, _dtype(dtype)))

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}


class Zeros(Initializer):
    """Every element 0 (`keras.initializers.Zeros`)."""

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return np.zeros(shape, _dtype(dtype))


class Ones(Initializer):
    """Every element 1 (`keras.initializers.Ones`)."""

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return np.ones(shape, _dtype(dtype))


class Identity(Configured, Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere (`keras.initializers.Identity`).

    >>> Identity(2.0)((2, 3))
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        return (self.gain * np.eye(*shape)).astype(_dtype(dtype))


class RandomInitializer(Configured, Initializer):
    """Base of random initializers.

    An integer `seed`, or None, gives the same values at each call; None draws a seed of its own
    when it is constructed, repeatable after `set_random_seed`. A `SeedGenerator` gives new values
    at each call.
    """

    is_random = True  # nobody counts on the values: a model that is read does without them

    def __init__(self, seed: Any = None) -> None:
        self._given_seed = seed
        if seed is None:
            seed = random.make_default_seed()
        elif isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        elif not isinstance(seed, int | np.integer | SeedGenerator):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an "
                f"integer. Received: seed={seed}"
            )
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"seed": serialize_keras_object(self._given_seed)}


class RandomUniform(RandomInitializer):
    """Uniform in [minval, maxval) (`keras.initializers.RandomUniform`)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        draw = random.randint if np.dtype(_dtype(dtype)).kind in "iu" else random.uniform
        return draw(shape, self.minval, self.maxval, _dtype(dtype), self.seed)


class RandomNormal(RandomInitializer):
    """Normal with the given mean and standard deviation (`keras.initializers.RandomNormal`)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)


class TruncatedNormal(RandomInitializer):
    """Normal, with values beyond two standard deviations drawn anew (`keras.initializers`)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class VarianceScaling(RandomInitializer):
    """Variance scale / n, where n is the inputs or outputs of a unit, or their mean.

    Args:
        scale: positive factor.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`.
        distribution: `"truncated_normal"`, `"untruncated_normal"` or `"uniform"`.
        seed: an integer, a `SeedGenerator` or None.
        input_axes, output_axes: the axes whose sizes multiply to a unit's inputs and outputs; if
            not both are given, the last two and the window before them.

    Glorot & Bengio 2010 use the mean of both (fan_avg), He et al. 2015 twice the inputs' (fan_in);
    `keras.initializers.VarianceScaling`.

    >>> VarianceScaling(mode="fan_out", distribution="uniform", seed=1)((3, 3, 8, 16)).shape
    (3, 3, 8, 16)
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(seed)
        if not scale > 0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        distribution = str(distribution).lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        self.scale = scale
        self.mode = config.one_of("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        choices = ("truncated_normal", "untruncated_normal", "uniform")
        self.distribution = config.one_of("distribution", distribution, choices)
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * stddev
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, stddev, dtype, self.seed)
        return random.truncated_normal(shape, 0.0, stddev / _TRUNCATED_STDDEV, dtype, self.seed)


def compute_fans(
    shape: Shape, input_axes: Axes = None, output_axes: Axes = None
) -> tuple[int, int]:
    """Inputs and outputs of a unit whose weights have this shape: (window.., in, out).

    >>> compute_fans((3, 3, 8, 16))
    (72, 144)
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return (
            math.prod(shape[axis] for axis in input_axes),
            math.prod(shape[axis] for axis in output_axes),
        )
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


class _Named(VarianceScaling):
    """A VarianceScaling whose scale, mode and distribution have a name of their own."""

    settings: tuple[float, str, str]

    def __init__(self, seed: Any = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(*self.settings, seed, input_axes, output_axes)


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


class Orthogonal(RandomInitializer):
    """A matrix of orthogonal rows or columns of length `gain` (Saxe et al. 2014).

    Rows if they are fewer than columns, else columns; weights of higher rank are taken as the
    matrix (all axes but the last, last); `keras.initializers.Orthogonal`.

    >>> q = Orthogonal(seed=1)((4, 3), dtype="float64")
    >>> bool(np.allclose(q.T @ q, np.eye(3)))
    True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = max(rows, columns), min(rows, columns)
        q, r = np.linalg.qr(random.normal(tall, dtype="float64", seed=self.seed))
        q = q * np.where(np.diagonal(r) < 0, -1, 1)  # so that every rotation is as likely
        q = q.T if rows < columns else q
        return (self.gain * q.reshape(shape)).astype(config.float_dtype(dtype))


_CLASSES = (
    Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity, LecunNormal,
    LecunUniform, Ones, Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling,
    Zeros,
)  # fmt: skip
_PUBLIC = {cls.__name__: cls for cls in (Initializer, *_CLASSES)}
_PUBLIC |= {snake_case(cls.__name__): cls for cls in _CLASSES}
_PUBLIC |= {"IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal}
_BY_NAME = _PUBLIC | {
    "normal": RandomNormal,
    "one": Ones,
    "uniform": RandomUniform,
    "zero": Zeros,
}
_family = family("initializer", "keras.initializers", _BY_NAME, _PUBLIC)
serialize, deserialize = _family.serialize, _family.deserialize

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = IdentityInitializer = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

__all__ = ["deserialize", "get", "serialize", *sorted(_PUBLIC)]


def get(identifier: Any) -> Any:
    """The initializer for a name, a config, a class, a callable or an array; None for None.

    An array becomes a callable that gives its values, for weights of the array's shape.

    >>> get("zeros")((2,))
    array([0., 0.], dtype=float32)
    """
    if not isinstance(identifier, np.ndarray | np.generic | Tensor):
        return _family.get(identifier)

    def values_of(shape: Shape, dtype: Any = None) -> np.ndarray:
        expected = tuple(identifier.shape)
        if tuple(shape) != expected:
            raise ValueError(
                f"Expected `shape` to be {expected} for direct tensor as initializer. "
                f"Received shape={shape}"
            )
        return as_array(identifier).astype(_dtype(dtype))

    return values_of


__getattr__ = missing_attribute(__name__, __all__)
