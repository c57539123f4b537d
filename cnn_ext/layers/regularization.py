"""Layers that keep a network from learning its data by heart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cnn_ext import config, random, regularizers
from cnn_ext.layers.checks import floats_of
from cnn_ext.layers.described import Described, argument_names
from cnn_ext.layers.input_spec import InputSpec
from cnn_ext.random import SeedGenerator
from cnn_ext.symbolic import Shape

NoiseShape = Sequence[int | None] | None


def _share(name: str, value: Any) -> Any:
    """A number in [0, 1], or Keras's error."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 "
            f"and 1. Received: {name}={value}"
        )
    return value


def _noise_shape(noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    if isinstance(noise_shape, str | int) or not all(
        n is None or (isinstance(n, int) and n > 0) for n in noise_shape
    ):
        raise ValueError(
            "Invalid value received for argument `noise_shape`: noise_shape must be a tuple of "
            f"positive integers or None. Received: noise_shape={noise_shape!r}"
        )
    return tuple(noise_shape)


class _Noise(Described):
    """What changes its inputs at random in training, and passes them on otherwise."""

    built_at_once = True

    supports_masking = True
    seed: int | None

    def _start_noise(self, seed: int | None) -> None:
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


class Dropout(_Noise):
    """In training, zeros a share of the inputs and scales up the rest (`keras.layers.Dropout`).

    Args:
        rate: share that is zeroed, in [0, 1]; the rest is multiplied by 1 / (1 - rate).
        noise_shape: shape of the mask, 1 where it is to be repeated; the inputs' if None.
        seed: of the mask; None takes the next stream of the global seed.
        others: see `Layer`.

    Source: Srivastava et al. 2014.

    >>> import numpy as np
    >>> Dropout(0.5)(np.ones((1, 3)), training=False).numpy()
    array([[1., 1., 1.]], dtype=float32)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: NoiseShape = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = _share("rate", rate)
        self.noise_shape = _noise_shape(noise_shape)
        self._start_noise(seed)

    def _shape_of_noise(self, shape: tuple[int, ...]) -> Any:
        """The mask's shape for inputs of a shape; None in it stands for the inputs' size."""
        noise: Any = self.noise_shape
        if noise is not None and (
            len(noise) != len(shape)
            or any(n not in (None, 1, size) for n, size in zip(noise, shape, strict=True))
        ):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': noise_shape must have as many axes as the "
                "inputs, each None, 1 or the inputs' size. "
                f"Received: noise_shape={noise}, inputs of shape {shape}"
            )
        return noise

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        noise_shape = self._shape_of_noise(inputs.shape)
        inputs = floats_of(self, inputs)
        return random.dropout(inputs, self.rate, noise_shape, self.seed_generator)


class _SpatialDropout(Dropout):
    """Dropout of whole channels."""

    rank: int
    data_format = "channels_last"

    def _shape_of_noise(self, shape: tuple[int, ...]) -> Any:
        if self.data_format == "channels_first":
            return (None, None, *(1,) * self.rank)
        return (None, *(1,) * self.rank, None)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {name: config[name] for name in argument_names(type(self))}


class SpatialDropout1D(_SpatialDropout):
    """In training, zeros a share of the channels of each signal (`keras.layers.SpatialDropout1D`).

    Args:
        rate: share that is zeroed, in [0, 1]; the rest is multiplied by 1 / (1 - rate).
        seed: of the choice; None takes the next stream of the global seed.
        name, dtype: see `Layer`.

    Input and output: (batch, steps, channels). Source: Tompson et al. 2014.

    >>> import numpy as np
    >>> SpatialDropout1D(0.5)(np.ones((1, 2, 3))).shape
    (1, 2, 3)
    """

    rank = 1

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=3)


class SpatialDropout2D(_SpatialDropout):
    """In training, zeros a share of the channels of each image (`keras.layers.SpatialDropout2D`).

    Args:
        rate: share that is zeroed, in [0, 1]; the rest is multiplied by 1 / (1 - rate).
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        seed: of the choice; None takes the next stream of the global seed.
        name, dtype: see `Layer`.

    Input and output: (batch, height, width, channels). Source: Tompson et al. 2014.

    >>> import numpy as np
    >>> SpatialDropout2D(0.5)(np.ones((1, 2, 2, 3))).shape
    (1, 2, 2, 3)
    """

    rank = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = config.data_format_or_default(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)


class SpatialDropout3D(SpatialDropout2D):
    """In training, zeros a share of the channels of each volume (`keras.layers.SpatialDropout3D`).

    Args:
        rate: share that is zeroed, in [0, 1]; the rest is multiplied by 1 / (1 - rate).
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        seed: of the choice; None takes the next stream of the global seed.
        name, dtype: see `Layer`.

    Input and output: (batch, depth, height, width, channels). Source: Tompson et al. 2014.

    >>> import numpy as np
    >>> SpatialDropout3D(0.5)(np.ones((1, 2, 2, 2, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3


class GaussianNoise(_Noise):
    """In training, adds normal noise of mean 0 (`keras.layers.GaussianNoise`).

    Args:
        stddev: standard deviation of the noise, in [0, 1].
        seed: of the noise; None takes the next stream of the global seed.
        others: see `Layer`.

    >>> import numpy as np
    >>> GaussianNoise(0.1)(np.ones((1, 3))).numpy()
    array([[1., 1., 1.]], dtype=float32)
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = _share("stddev", stddev)
        self._start_noise(seed)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not training or self.stddev == 0:
            return inputs
        x = floats_of(self, inputs)
        return x + random.normal(x.shape, 0.0, self.stddev, x.dtype, self.seed_generator)


class GaussianDropout(_Noise):
    """In training, multiplies by normal noise of mean 1 (`keras.layers.GaussianDropout`).

    Args:
        rate: in [0, 1); the noise's standard deviation is sqrt(rate / (1 - rate)).
        seed: of the noise; None takes the next stream of the global seed.
        others: see `Layer`.

    Source: Srivastava et al. 2014.

    >>> import numpy as np
    >>> GaussianDropout(0.1)(np.ones((1, 3))).numpy()
    array([[1., 1., 1.]], dtype=float32)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _share("rate", rate)
        self._start_noise(seed)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            raise ValueError(
                "GaussianDropout: the noise of rate=1 would be infinite; the rate must be below "
                f"1 in training. Received: rate={self.rate}"
            )
        x = floats_of(self, inputs)
        stddev = math.sqrt(self.rate / (1 - self.rate))
        return x * random.normal(x.shape, 1.0, stddev, x.dtype, self.seed_generator)


class AlphaDropout(Dropout):
    """Dropout that keeps mean 0 and variance 1, for networks of `selu` units
    (`keras.layers.AlphaDropout`).

    Args:
        rate: share that is set to selu's least value, in [0, 1).
        noise_shape: shape of the mask, 1 where it is to be repeated; the inputs' if None.
        seed: of the mask; None takes the next stream of the global seed.
        others: see `Layer`.

    Source: Klambauer et al. 2017.

    >>> import numpy as np
    >>> AlphaDropout(0.1)(np.ones((1, 3))).numpy()
    array([[1., 1., 1.]], dtype=float32)
    """

    _LEAST = -1.6732632423543772 * 1.0507009873554805

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            raise ValueError(
                "AlphaDropout: nothing would be left to scale; the rate must be below 1 in "
                f"training. Received: rate={self.rate}"
            )
        x = floats_of(self, inputs)
        given = self._shape_of_noise(x.shape) or (None,) * len(x.shape)
        shape = tuple(n if g is None else g for g, n in zip(given, x.shape, strict=True))
        drawn = random.uniform(shape, seed=self.seed_generator)
        kept = (drawn >= self.rate).astype(x.dtype)
        factor = ((1 - self.rate) * (1 + self.rate * self._LEAST**2)) ** -0.5
        shift = -factor * self._LEAST * self.rate
        return x * (kept * factor) + (self._LEAST * factor * (1 - kept) + shift).astype(x.dtype)


class ActivityRegularization(Described):
    """Passes its inputs on, and adds a loss for their size (`keras.layers.ActivityRegularization`).

    Args:
        l1: factor of the sum of absolute values.
        l2: factor of the sum of squares.
        others: see `Layer`.

    >>> import numpy as np
    >>> layer = ActivityRegularization(l2=0.5)
    >>> y = layer(np.array([[2.0]]))
    >>> float(layer.losses[0])
    2.0
    """

    built_at_once = True

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return {**config, "l1": self.l1, "l2": self.l2}
