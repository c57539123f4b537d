"""Images of another size: cut out, or scaled."""

from __future__ import annotations

from typing import Any

from cnn_ext import ops, random
from cnn_ext.layers.checks import floats_of, positive_integer
from cnn_ext.layers.preprocessing.image import ImageLayer
from cnn_ext.symbolic import Shape


class _Framed(ImageLayer):
    """A layer whose images have one height and one width."""

    height: int
    width: int

    def _start_size(self, height: Any, width: Any) -> None:
        self.height = positive_integer(self, "height", height)
        self.width = positive_integer(self, "width", width)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self.check_input_shape(input_shape)
        shape = list(input_shape)
        high, wide = self._axes
        shape[high], shape[wide] = self.height, self.width
        return tuple(shape)

    def _window(self, images: Any, top: int, left: int, height: int, width: int) -> Any:
        index = [slice(None)] * len(images.shape)
        high, wide = self._axes
        index[high], index[wide] = slice(top, top + height), slice(left, left + width)
        return images[tuple(index)]

    def _aspect_window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of the largest middle part with the shape of the result."""
        high = max(min(height, int(width * self.height / self.width)), 1)
        wide = max(min(width, int(height * self.width / self.height)), 1)
        return int((height - high) / 2), int((width - wide) / 2), high, wide

    def _resized(self, images: Any) -> Any:
        return ops.image.resize(images, (self.height, self.width), data_format=self.data_format)


class CenterCrop(_Framed):
    """The middle of each image (`keras.layers.CenterCrop`); smaller images are scaled up.

    Args:
        height, width: of the result, in pixels.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    >>> import numpy as np
    >>> CenterCrop(2, 3)(np.ones((5, 6, 7, 3))).shape
    (5, 2, 3, 3)
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._start_size(height, width)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        images = floats_of(self, images)
        _, height, width = self._size(images)
        if height >= self.height and width >= self.width:
            top, left = (height - self.height) // 2, (width - self.width) // 2
            return self._window(images, top, left, self.height, self.width)
        return self._resized(self._window(images, *self._aspect_window(height, width)))


class Resizing(_Framed):
    """Images scaled to one size (`keras.layers.Resizing`).

    Args:
        height, width: of the result, in pixels.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"`,
            `"area"`.
        crop_to_aspect_ratio: cut off what does not fit the new shape, so that nothing is distorted.
        pad_to_aspect_ratio: put margins around instead.
        fill_mode: of the margins: `"constant"`.
        fill_value: the number in the margins.
        antialias: whether pixels that are made smaller are averaged.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    Integers stay integers, rounded.

    >>> import numpy as np
    >>> Resizing(2, 3)(np.ones((5, 6, 7, 3))).shape
    (5, 2, 3, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._start_size(height, width)
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=self.interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )


class RandomCrop(_Framed):
    """In training, a random part of the images, the same of all in a batch
    (`keras.layers.RandomCrop`); smaller images are cut and scaled.

    Otherwise the images stay as they are, as in Keras: put a `CenterCrop` or `Resizing` where
    their size must be the same there.

    Args:
        height, width: of the result, in pixels.
        seed: of the place; None takes the next stream of the global seed.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        others: see `Layer`.

    >>> import numpy as np
    >>> RandomCrop(2, 3, seed=1)(np.ones((5, 6, 7, 3))).shape
    (5, 2, 3, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, name=name, **kwargs)
        self._start_size(height, width)
        self._start_random(random.make_default_seed() if seed is None else seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        _, height, width = self._size(data)
        if not (training and height > self.height and width > self.width):
            top, left, _, _ = self._aspect_window(height, width)
            return top, left
        seed = seed or self.generator
        return tuple(
            int(random.uniform((), 0, size - cut + 1, "float32", seed))
            for size, cut in ((height, self.height), (width, self.width))
        )

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        images = floats_of(self, images)
        if not training:
            return images
        top, left = transformation
        images = self._window(images, top, left, self.height, self.width)
        fits = self._size(images)[1:] == (self.height, self.width)
        return images if fits else self._resized(images)
