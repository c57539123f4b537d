"""Layers that keep a network from learning its data by heart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext.layers.base import Layer
from cnn_ext.random import SeedGenerator


class Dropout(Layer):
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
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ValueError(
                f"Invalid value received for argument `rate`. Expected a float value between 0 "
                f"and 1. Received: rate={rate}"
            )
        given = () if noise_shape is None else noise_shape
        if isinstance(given, str) or not all(
            n is None or (isinstance(n, int) and n > 0) for n in given
        ):
            raise ValueError(
                "noise_shape must be a tuple of positive integers or None. "
                f"Received: noise_shape={noise_shape!r}"
            )
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        shape = inputs.shape
        if self.noise_shape is not None:
            shape = self._mask_shape(shape)
        kept = self.seed_generator.generator().random(shape, dtype=np.float32) >= self.rate
        scale = 0.0 if self.rate == 1 else 1 / (1 - self.rate)
        return inputs * (kept * inputs.dtype.type(scale))

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        noise: Any = self.noise_shape
        if len(noise) != len(shape) or any(
            n not in (None, 1, size) for n, size in zip(noise, shape, strict=True)
        ):
            raise ValueError(
                f"Dropout '{self.name}': noise_shape must have as many axes as the inputs, each "
                f"None, 1 or the inputs' size. Received: noise_shape={noise}, inputs of shape "
                f"{shape}"
            )
        return tuple(size if n is None else n for n, size in zip(noise, shape, strict=True))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }
