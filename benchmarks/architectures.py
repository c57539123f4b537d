"""The networks that are timed whole, written once for cnn_ext and for Keras."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

RATE = 1e-3  # of Adam, wherever a network is trained
EPSILON = 1e-7  # of Adam, Keras's


def textbook(keras: Any, size: int = 28) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((size, size, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ]
    )


def lenet5(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def vgg(keras: Any) -> Any:
    """Three pairs of 3x3 convolutions on 32x32 images."""
    layers = keras.layers
    model = keras.Sequential([layers.Input((32, 32, 3))])
    for filters in (32, 64, 128):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def resnet20(keras: Any) -> Any:
    """He et al. 2015, for 32x32 images, with 1x1 convolutions where the size changes."""
    layers = keras.layers

    def normalized(x: Any, filters: int, window: int, strides: int) -> Any:
        y = layers.Conv2D(filters, window, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(y)

    x = layers.Input((32, 32, 3))
    y = layers.ReLU()(normalized(x, 16, 3, 1))
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if filters > 16 and block == 0 else 1
            z = layers.ReLU()(normalized(y, filters, 3, strides))
            z = normalized(z, filters, 3, 1)
            if strides > 1:
                y = normalized(y, filters, 1, strides)
            y = layers.ReLU()(layers.Add()([z, y]))
    y = layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, layers.Dense(10, activation="softmax")(y))


def mobilenet(keras: Any) -> Any:
    """Howard et al. 2017, a quarter as wide, for 96x96 images."""
    layers = keras.layers

    def finished(y: Any) -> Any:
        return layers.ReLU(6.0)(layers.BatchNormalization()(y))

    x = layers.Input((96, 96, 3))
    y = finished(layers.Conv2D(8, 3, 2, padding="same", use_bias=False)(x))
    steps = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2)]
    for filters, strides in [*steps, (256, 1)]:
        y = finished(layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(y))
        y = finished(layers.Conv2D(filters, 1, use_bias=False)(y))
    y = layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, layers.Dense(100, activation="softmax")(y))


NETWORKS: dict[str, Callable[[Any], Any]] = {
    "textbook": textbook,
    "lenet5": lenet5,
    "vgg": vgg,
    "resnet20": resnet20,
    "mobilenet": mobilenet,
}


def settled(name: str) -> Any:
    """The network, always the same, with moving statistics that are not 0 and 1."""
    import cnn_ext

    cnn_ext.utils.set_random_seed(0)
    model = NETWORKS[name](cnn_ext)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(0.5 + rng.random(variable.shape).astype("float32"))
        elif variable.name in ("beta", "moving_mean", "bias"):
            variable.assign(0.1 * rng.standard_normal(variable.shape).astype("float32"))
    return model


def compiled(keras: Any, model: Any) -> Any:
    """The model, made ready to be trained as all contestants train it."""
    model.compile(
        optimizer=keras.optimizers.Adam(RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def flops_of(model: Any) -> int:
    """The products and sums for one image, of the layers that have a kernel."""
    flops = 0
    for node in model._graph.nodes:
        if (kernel := getattr(node.operation, "kernel", None)) is not None:
            pixels = node.output_tensors[0].shape[1:-1]
            flops += 2 * math.prod(kernel.shape) * math.prod(pixels)
    return flops
