"""Images flipped, turned, moved and zoomed at random."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnn_ext import config, ops, random
from cnn_ext.layers.checks import floats_of
from cnn_ext.layers.preprocessing.image import ImageLayer, Sampled, limits

Factor = float | tuple[float, float]

MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(ImageLayer):
    """In training, mirrors half of the images (`keras.layers.RandomFlip`).

    Args:
        mode: `"horizontal"` exchanges left and right, `"vertical"` top and bottom,
            `"horizontal_and_vertical"` both.
        seed: of the choice; None takes the next stream of the global seed.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    >>> import numpy as np
    >>> RandomFlip("horizontal", seed=1)(np.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.mode = config.one_of("mode", mode, MODES)
        self._start_random(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        drawn = random.uniform(self._each(data), seed=seed or self.generator)
        return {"flips": drawn <= 0.5}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        images = floats_of(self, images)
        if not training or transformation is None:
            return images
        index = [slice(None)] * len(images.shape)
        for axis, name in zip(self._axes, ("vertical", "horizontal"), strict=True):
            if name in self.mode:
                index[axis] = slice(None, None, -1)
        return ops.where(transformation["flips"], images[tuple(index)], images)


class RandomRotation(Sampled):
    """In training, turns each image by a random angle (`keras.layers.RandomRotation`).

    Args:
        factor: limits of the angle as shares of a full turn, (lower, upper), or one number for
            (-factor, factor); positive angles turn counter-clockwise.
        fill_mode: what is seen beyond the edges: `"reflect"`, `"wrap"`, `"constant"` or
            `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: of the angles; None takes the next stream of the global seed.
        fill_value: the number beyond the edges for `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    >>> import numpy as np
    >>> RandomRotation(0.1, seed=1)(np.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        rule = (
            "The `factor` argument should be a number (or a list of two numbers) in the range "
            "[-1, 1]. "
        )
        self.factor = limits(rule, "factor", factor or 0.0, -1, 1)
        self._start_random(seed)
        self._start_sampling(fill_mode, interpolation, fill_value)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        count, height, width = self._size(data)
        lower, upper = (share * 360.0 for share in self.factor)
        angle = random.uniform((count,), lower, upper, "float32", seed or self.generator)
        return {"angle": angle, "rotation_matrix": _rotation(angle, height, width)}

    def _matrices(self, images: Any, transformation: Any) -> Any:
        return np.atleast_2d(transformation["rotation_matrix"])


def _rotation(degrees: np.ndarray, height: int, width: int) -> np.ndarray:
    """The eight numbers that turn images around their middles, (count, 8)."""
    angle = degrees * np.float32(math.pi / 180)
    x, y = np.float32((width - 1) * 0.5), np.float32((height - 1) * 0.5)
    cos, sin, none = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    columns = (cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos, none, none)
    return np.stack(columns, axis=1)


class RandomTranslation(Sampled):
    """In training, moves each image at random (`keras.layers.RandomTranslation`).

    Args:
        height_factor: limits of the way down as shares of the height, (lower, upper), or one
            number for (-factor, factor).
        width_factor: the same for the way to the right and the width.
        fill_mode: what is seen beyond the edges: `"reflect"`, `"wrap"`, `"constant"` or
            `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: of the ways; None takes the next stream of the global seed.
        fill_value: the number beyond the edges for `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    >>> import numpy as np
    >>> move = RandomTranslation(0, (0.5, 0.5), fill_mode="constant")
    >>> move(np.array([[[1.0], [2.0], [3.0], [4.0]]])).numpy().ravel()
    array([0., 0., 1., 2.], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        rule = (
            "The `factor` argument should be a number (or a list of two numbers) in the range "
            "[-1.0, 1.0]. "
        )
        self.height_factor, self.width_factor = _kept(height_factor), _kept(width_factor)
        self._height = limits(rule, "height_factor", height_factor, -1, 1)
        self._width = limits(rule, "width_factor", width_factor, -1, 1)
        self._start_sampling(fill_mode, interpolation, fill_value)
        self._start_random(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        count, height, width = self._size(data)
        seed = seed or self.generator
        down = random.uniform((count, 1), *self._height, "float32", seed) * np.float32(height)
        right = random.uniform((count, 1), *self._width, "float32", seed) * np.float32(width)
        return {"translations": np.concatenate([right, down], axis=1)}

    def _matrices(self, images: Any, transformation: Any) -> Any:
        right, down = np.asarray(transformation["translations"]).T
        one, none = np.ones_like(right), np.zeros_like(right)
        return np.stack((one, none, -right, none, one, -down, none, none), axis=1)


def _kept(factor: Any) -> Any:
    return tuple(factor) if isinstance(factor, list) else factor


class RandomZoom(Sampled):
    """In training, zooms each image at random (`keras.layers.RandomZoom`).

    Args:
        height_factor: limits of the zoom of the height, (lower, upper), or one number for
            (-factor, factor): 0.2 shows 20 % more (zooms out), -0.2 shows 20 % less.
        width_factor: the same for the width; None zooms both alike.
        fill_mode: what is seen beyond the edges: `"reflect"`, `"wrap"`, `"constant"` or
            `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: of the factors; None takes the next stream of the global seed.
        fill_value: the number beyond the edges for `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    >>> import numpy as np
    >>> RandomZoom(0.2, seed=1)(np.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        rule = (
            "The `height_factor` and `width_factor` arguments should be a number (or a list of "
            "two numbers) in the range (-1.0, 1.0]. "
        )
        above = np.nextafter(-1.0, 0.0)
        self.height_factor, self.width_factor = _kept(height_factor), _kept(width_factor)
        self._height = _zoom_limits(rule, "height_factor", height_factor, above)
        self._width = (
            None if width_factor is None
            else _zoom_limits(rule, "width_factor", width_factor, above)
        )  # fmt: skip
        self._start_sampling(fill_mode, interpolation, fill_value)
        self._start_random(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        count, _, _ = self._size(data)
        seed = seed or self.generator
        height = random.uniform((count, 1), *self._height, "float32", seed)
        width = height
        if self._width is not None:
            width = random.uniform((count, 1), *self._width, "float32", seed)
        return {"height_zoom": height, "width_zoom": width}

    def _matrices(self, images: Any, transformation: Any) -> Any:
        _, height, width = self._size(images)
        high, wide = (
            np.asarray(transformation[name]).astype(np.float32)[:, 0]
            for name in ("height_zoom", "width_zoom")
        )
        none = np.zeros_like(high)
        x = np.float32((width - 1) / 2) * (1 - wide)
        y = np.float32((height - 1) / 2) * (1 - high)
        return np.stack((wide, none, x, none, high, y, none, none), axis=1)


def _zoom_limits(rule: str, name: str, factor: Any, least: float) -> tuple[float, float]:
    lower, upper = limits(rule, name, factor, least, 1)
    return 1 + lower, 1 + upper
