"""Layers that prepare data, of numbers and of images; random ones act in training only."""

from cnn_ext.layers.preprocessing.color import RandomBrightness, RandomContrast
from cnn_ext.layers.preprocessing.features import CategoryEncoding, Normalization, Rescaling
from cnn_ext.layers.preprocessing.frame import CenterCrop, RandomCrop, Resizing
from cnn_ext.layers.preprocessing.geometry import (
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)

__all__ = [
    "CategoryEncoding",
    "CenterCrop",
    "Normalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
]
