"""What layers that change images share: one image or a batch of them, channels last or first."""

from __future__ import annotations

from typing import Any

from cnn_ext import config, ops
from cnn_ext.layers.checks import floats_of, unsupported
from cnn_ext.layers.described import Described
from cnn_ext.layers.shapes import is_shape
from cnn_ext.random import SeedGenerator
from cnn_ext.symbolic import Shape

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


class ImageLayer(Described):
    """A layer of (height, width, channels) or (batch, height, width, channels).

    It is called on images, or on a dict with `"images"` and perhaps `"labels"`, which stay. A
    subclass says what it draws at random, and what it does to images with what it drew.
    """

    generator: SeedGenerator

    def __init__(
        self, data_format: str | None = None, bounding_box_format: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        unsupported(self, bounding_box_format=bounding_box_format)
        self.data_format = config.data_format_or_default(data_format)

    def _start_random(self, seed: int | None) -> None:
        self.seed = seed
        self.generator = SeedGenerator(seed)

    def check_input_shape(self, shape: Any) -> None:
        if isinstance(shape, dict):
            shape = shape.get("images", ())
        if not is_shape(shape) or len(shape) not in (3, 4):
            raise ValueError(
                "Expected image tensor to have rank 3 (single image) or 4 (batch of images). "
                f"Received: data.shape={shape}"
            )

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """What is drawn at random for the images; None if nothing is."""
        return None

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """The images, changed by what was drawn."""
        raise NotImplementedError

    def call(self, data: Any, training: bool | None = True) -> Any:
        transformation = self.get_random_transformation(data, training=bool(training))
        if not isinstance(data, dict):
            return self.transform_images(data, transformation, training=bool(training))
        if "images" not in data or set(data) - {"images", "labels"}:
            raise ValueError(
                f"{type(self).__name__} takes images, or a dict with 'images' and perhaps "
                f"'labels'. Received: a dict with {list(data)}"
            )
        images = self.transform_images(data["images"], transformation, training=bool(training))
        return {**data, "images": images}

    def _size(self, data: Any) -> tuple[int, int, int]:
        """Number of images, height and width."""
        shape = _images(data).shape
        count = shape[0] if len(shape) == 4 else 1
        high, wide = self._axes
        return count, shape[high], shape[wide]

    @property
    def _axes(self) -> tuple[int, int]:
        """The axes of height and width, counted from behind."""
        return (-2, -1) if self.data_format == "channels_first" else (-3, -2)

    def _each(self, data: Any) -> tuple[int, ...]:
        """The shape of one number for each image, which broadcasts with them."""
        shape = _images(data).shape
        return (shape[0], 1, 1, 1) if len(shape) == 4 else (1, 1, 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


def _images(data: Any) -> Any:
    return data["images"] if isinstance(data, dict) else data


class Sampled(ImageLayer):
    """A layer whose new pixels are read from other places, beyond the edges too."""

    fill_mode: str
    interpolation: str
    fill_value: float

    def _start_sampling(self, fill_mode: str, interpolation: str, fill_value: float) -> None:
        choices = {
            "fill_mode": (fill_mode, FILL_MODES), "interpolation": (interpolation, INTERPOLATIONS),
        }  # fmt: skip
        for name, (value, known) in choices.items():
            if value not in known:
                raise NotImplementedError(
                    f"Unknown `{name}` {value}. Expected of one {known}. Received: {name}={value}"
                )
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value

    def _matrices(self, images: Any, transformation: Any) -> Any:
        """Eight numbers for each image, as `ops.image.affine_transform` takes them."""
        raise NotImplementedError

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        images = floats_of(self, images)
        if not training or transformation is None:
            return images
        matrices = self._matrices(images, transformation)
        return ops.image.affine_transform(
            images,
            matrices if len(images.shape) == 4 else matrices[0],
            interpolation=self.interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )


def limits(rule: str, name: str, factor: Any, least: float, most: float) -> tuple[float, float]:
    """The limits that a factor stands for: itself if there are two, else those around 0."""
    pair = factor if isinstance(factor, tuple | list) else (factor,)
    if not all(isinstance(f, int | float) for f in pair) or (
        isinstance(factor, tuple | list) and len(factor) != 2
    ):
        raise ValueError(f"{rule}Received: {name}={factor}")
    if any(f > most or f < least for f in pair):
        raise ValueError(f"{rule}Received: {name}={factor}")
    if len(pair) == 2:
        lower, upper = sorted(pair)
        return lower, upper
    return -abs(factor), abs(factor)
