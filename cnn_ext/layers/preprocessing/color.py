"""Images made brighter or darker, and of more contrast, at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnn_ext import ops, random
from cnn_ext.layers.checks import floats_of
from cnn_ext.layers.preprocessing.image import ImageLayer, limits

Factor = float | tuple[float, float]


class RandomContrast(ImageLayer):
    """In training, moves the pixels of each image away from their mean
    (`keras.layers.RandomContrast`).

    Args:
        factor: (lower, upper) in [0, 1], or one number for (0, factor): the distances from the
            mean of each channel are multiplied by a number between 1 - lower and 1 + upper.
        value_range: (least, greatest) value of a pixel, to which results are clipped.
        seed: of the factors; None takes the next stream of the global seed.
        others: see `Layer`.

    Integers become floats, which Keras refuses.

    >>> import numpy as np
    >>> RandomContrast(0.5, (0, 1), seed=1)(np.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        rule = (
            "The `factor` argument should be a number (or a list of two numbers) in the range "
            "[0, 1]. "
        )
        lower, upper = limits(rule, "factor", factor, 0, 1)
        self.factor = max(lower, 0), upper
        self.value_range = _value_range(value_range)
        self._start_random(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        lower, upper = self.factor
        drawn = random.uniform(
            self._each(data), 1 - lower, 1 + upper, self.compute_dtype, seed or self.generator
        )
        return {"contrast_factor": drawn}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        images = floats_of(self, images)
        if not training or transformation is None:
            return images
        mean = ops.mean(images, axis=self._axes, keepdims=True)
        factor = transformation["contrast_factor"].astype(images.dtype)
        least, greatest = self.value_range
        return ops.clip((images - mean) * factor + mean, x_min=least, x_max=greatest)


class RandomBrightness(ImageLayer):
    """In training, adds a random number to each image (`keras.layers.RandomBrightness`).

    Args:
        factor: limits of the number as shares of the range of values, (lower, upper) in [-1, 1],
            or one number for (-factor, factor).
        value_range: (least, greatest) value of a pixel, to which results are clipped.
        seed: of the numbers; None takes the next stream of the global seed.
        others: see `Layer`.

    Integers become floats; in Keras they stay and negative numbers wrap around.

    >>> import numpy as np
    >>> bright = RandomBrightness((0.5, 0.5), (0, 1))
    >>> bright(np.full((1, 1, 1), 0.25)).numpy().item()
    0.75
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        rule = (
            "The `factor` argument should be a number (or a list of two numbers) in the range "
            "[-1, 1]. "
        )
        self.factor = limits(rule, "factor", factor or 0.0, -1, 1)
        self.value_range = sorted(_value_range(value_range))
        self._start_random(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        drawn = random.uniform(self._each(data), *self.factor, "float32", seed or self.generator)
        return {"rgb_delta": drawn * (self.value_range[1] - self.value_range[0])}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        images = floats_of(self, images)
        if not training or transformation is None:
            return images
        delta = transformation["rgb_delta"].astype(images.dtype)
        least, greatest = self.value_range
        return ops.clip(images + delta, x_min=least, x_max=greatest)


def _value_range(value_range: Any) -> Any:
    if not isinstance(value_range, tuple | list) or len(value_range) != 2:
        raise ValueError(
            "The `value_range` argument should be a list of two numbers. "
            f"Received: value_range={value_range}"
        )
    return tuple(value_range)
