"""Rows of preprocessing; what is random is off."""

from layer_rows import FIRST, row

IMAGES = (2, 6, 7, 3)
CHANNELS_FIRST = (2, 3, 6, 7)
ROWS = (
    row("Rescaling", 3, 4, scale=0.5),
    row("Rescaling", *IMAGES, scale=[0.5, 2.0, 3.0], offset=[-1.0, 0.0, 1.0]),
    row("Normalization", 3, 4),
    row("Normalization", *IMAGES, axis=None),
    row("Normalization", *IMAGES, axis=(1, -1), mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0]),
    row("Normalization", *IMAGES, mean=1.5, variance=4.0, invert=True),
    row("Normalization", *IMAGES, axis=(1, 2, 3), invert=True),
    row("CenterCrop", *IMAGES, height=3, width=4),
    row("CenterCrop", *IMAGES, height=6, width=7),
    row("CenterCrop", *IMAGES, height=8, width=4),
    row("CenterCrop", *CHANNELS_FIRST, height=3, width=2, data_format=FIRST),
    row("Resizing", *IMAGES, height=9, width=4),
    row("Resizing", *IMAGES, height=3, width=10, interpolation="nearest"),
    row("Resizing", *IMAGES, height=9, width=4, interpolation="bicubic"),
    row("Resizing", *IMAGES, height=4, width=3, antialias=True),
    row("Resizing", *IMAGES, height=4, width=8, crop_to_aspect_ratio=True),
    row("Resizing", *IMAGES, height=4, width=8, pad_to_aspect_ratio=True, fill_value=0.5),
    row("Resizing", *CHANNELS_FIRST, height=9, width=4, data_format=FIRST),
    row("RandomFlip", *IMAGES),
    row("RandomFlip", *CHANNELS_FIRST, mode="vertical", seed=2, data_format=FIRST),
    row("RandomRotation", *IMAGES, factor=0.2),
    row("RandomRotation", *IMAGES, factor=(-0.2, 0.3), fill_mode="nearest", seed=1),
    row("RandomTranslation", *IMAGES, height_factor=0.2, width_factor=(-0.3, 0.1)),
    row("RandomZoom", *IMAGES, height_factor=0.2),
    row("RandomZoom", *IMAGES, height_factor=(-0.5, 0.1), width_factor=0.3, fill_value=1.0),
    row("RandomCrop", *IMAGES, height=6, width=7, seed=1),
    row("RandomContrast", *IMAGES, factor=0.2),
    row("RandomContrast", *IMAGES, factor=(0.1, 0.3), value_range=(0, 1)),
    row("RandomBrightness", *IMAGES, factor=0.2),
    row("RandomBrightness", *IMAGES, factor=(-0.1, 0.3), value_range=(0, 1), seed=4),
)
UNKNOWN = (
    row("Normalization", None, 3),
    row("CenterCrop", None, None, 3, height=3, width=4),
    row("Resizing", None, None, 3, height=3, width=4),
    row("RandomCrop", None, None, 3, height=3, width=4),
    row("RandomFlip", None, None, 3),
)
