"""Layers by Keras's names."""

from cnn_ext import registry as _registry
from cnn_ext._errors import missing_attribute
from cnn_ext.layers.base import Layer
from cnn_ext.layers.convolution import Conv2D
from cnn_ext.layers.core import (
    Activation,
    Dense,
    Flatten,
    Input,
    InputLayer,
    ReLU,
    Reshape,
    Softmax,
)
from cnn_ext.layers.pooling import AveragePooling2D, GlobalAveragePooling2D, MaxPooling2D
from cnn_ext.layers.regularization import Dropout

Convolution2D = Conv2D
MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalAvgPool2D = GlobalAveragePooling2D

__all__ = [
    "Activation",
    "AveragePooling2D",
    "AvgPool2D",
    "Conv2D",
    "Convolution2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "Input",
    "InputLayer",
    "Layer",
    "MaxPool2D",
    "MaxPooling2D",
    "ReLU",
    "Reshape",
    "Softmax",
]

_classes = {name: globals()[name] for name in __all__ if isinstance(globals()[name], type)}
_registry.publish("keras.layers", {cls.__name__: cls for cls in _classes.values()})
_registry.publish("keras.layers", _classes)

__getattr__ = missing_attribute(__name__, __all__)
