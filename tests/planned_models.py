"""Models that plans are tested on: a row is a name, what makes the model, and one sample's shape.

`EAGER` are those that have no plan, with a word of the reason that explain_plan gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cnn_ext as keras
from cnn_ext import layers


class Row(NamedTuple):
    name: str
    make: Callable[[], Any]
    shape: tuple[int, ...]
    steps: int  # how many the plan has


def textbook() -> Any:
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def lenet() -> Any:
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
            layers.Dense(10),
            layers.Softmax(),
        ]
    )


def vgg() -> Any:
    model = keras.Sequential([layers.Input((32, 32, 3)), layers.Rescaling(1 / 255)])
    for filters in (16, 32):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(64))
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())
    model.add(layers.Dense(10, activation="softmax"))
    return model


def resnet() -> Any:
    def block(x: Any, filters: int, strides: int) -> Any:
        y = layers.Conv2D(filters, 3, strides, "same", use_bias=False)(x)
        y = layers.BatchNormalization()(y)
        y = layers.Activation("relu")(y)
        y = layers.Conv2D(filters, 3, 1, "same", use_bias=False)(y)
        y = layers.BatchNormalization()(y)
        if strides != 1:
            x = layers.BatchNormalization()(layers.Conv2D(filters, 1, strides)(x))
        return layers.ReLU()(layers.Add()([y, x]))

    x = layers.Input((32, 32, 3))
    y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(x)))
    for filters, strides in ((16, 1), (32, 2), (32, 1)):
        y = block(y, filters, strides)
    y = layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, layers.Dense(10, activation="softmax")(y))


def mobilenet() -> Any:
    x = layers.Input((33, 33, 3))
    y = layers.Rescaling(1 / 127.5, -1)(x)
    y = layers.ZeroPadding2D(((0, 1), (0, 1)))(y)
    y = layers.Conv2D(16, 3, 2)(y)
    y = layers.ReLU(6)(layers.BatchNormalization()(y))
    for filters, strides in ((24, 1), (40, 2)):
        y = layers.DepthwiseConv2D(3, strides, "same", use_bias=False)(y)
        y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
        y = layers.Conv2D(filters, 1, use_bias=False)(y)
        y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
    y = layers.SeparableConv2D(20, 3, activation="silu")(y)
    y = layers.GlobalAveragePooling2D(keepdims=True)(y)
    y = layers.Conv2D(10, 1)(layers.Dropout(0.1)(y))
    return keras.Model(x, layers.Activation("softmax")(layers.Reshape((10,))(y)))


def inception() -> Any:
    x = layers.Input((15, 17, 8))
    one = layers.Conv2D(6, 1, activation="relu")(x)
    three = layers.Conv2D(16, 3, padding="same")(layers.Conv2D(20, 1, activation="elu")(x))
    five = layers.Conv2D(5, 5, padding="same", activation="leaky_relu", dilation_rate=2)(x)
    pooled = layers.Conv2D(3, 1)(layers.MaxPooling2D(3, 1, "same")(x))
    y = layers.Concatenate()([one, three, five, pooled])
    y = layers.LeakyReLU(0.1)(layers.BatchNormalization(scale=False)(y))
    y = layers.Concatenate(axis=1)([y, layers.AveragePooling2D(3, 1, "same")(y)])
    gate = layers.Activation("hard_sigmoid")(y)
    y = layers.Multiply()([y, gate])
    y = layers.MaxPooling2D((2, 3), 2)(y)
    return keras.Model(x, layers.GlobalMaxPooling2D()(y))


def grouped() -> Any:
    return keras.Sequential(
        [
            layers.Input((11, 9, 12)),
            layers.Conv2D(36, 3, groups=3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(24, (2, 3), strides=(2, 1), groups=12, activation="sigmoid"),
            layers.DepthwiseConv2D(1, depth_multiplier=2),
            layers.ELU(0.7),
            layers.Activation("hard_silu"),
            layers.Dense(7, activation="sigmoid"),
        ]
    )


def nested() -> Any:
    inner = keras.Sequential([layers.Input((12, 12, 3)), layers.Conv2D(8, 3, activation="relu")])
    x = layers.Input((12, 12, 3))
    y = keras.Model(x, layers.MaxPooling2D()(inner(x)))(x)
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(layers.Identity()(y))))


def shared() -> Any:
    layer, norm = layers.Conv2D(6, 3, padding="same"), layers.BatchNormalization()
    x = layers.Input((10, 10, 6))
    y = norm(layer(norm(layer(x))))
    return keras.Model(
        x, [y, layers.Flatten()(y) * layers.Flatten()(layer(x)) + layers.Flatten()(x)]
    )


def several() -> Any:
    a, b = layers.Input((6, 6, 2), name="a"), layers.Input((5,), name="b")
    y = layers.Concatenate()([layers.Flatten()(layers.Conv2D(4, 3)(a)), b])
    y = layers.Dense(20, "relu")(y)
    outputs = {"p": layers.Dense(1, "sigmoid")(y), "q": layers.Dense(3, "softmax")(y)}
    return keras.Model([a, b], {**outputs, "same": layers.Identity()(b)})


PLANNED = [
    Row("textbook", textbook, (28, 28, 1), 5),
    Row("lenet", lenet, (28, 28, 1), 8),
    Row("vgg", vgg, (32, 32, 3), 7),
    Row("resnet", resnet, (32, 32, 3), 11),
    Row("mobilenet", mobilenet, (33, 33, 3), 12),
    Row("inception", inception, (15, 17, 8), 18),
    Row("grouped", grouped, (11, 9, 12), 6),
    Row("nested", nested, (12, 12, 3), 2),
    Row("shared", shared, (10, 10, 6), 5),
]


def _of(*rows: Any) -> Callable[[], Any]:
    return lambda: keras.Sequential([layer() for layer in rows])


class Lines(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


def replaced() -> Any:
    """A layer whose method someone has replaced in place."""
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3)])
    before = model.layers[0].call
    model.layers[0].call = lambda inputs: before(inputs) + 1
    return model


EAGER = [
    ("replaced", replaced, (4,), "methods have been replaced"),
    ("subclassed", Lines, (3,), "call() of its own"),
    (
        "sequences",
        _of(lambda: layers.Input((9, 2)), lambda: layers.Conv1D(3, 2)),
        (9, 2),
        "no step for a Conv1D",
    ),
    (
        "channels first",
        _of(
            lambda: layers.Input((3, 8, 8)),
            lambda: layers.MaxPooling2D(2, data_format="channels_first"),
        ),
        (3, 8, 8),
        "channels first",
    ),
    (
        "activation",
        _of(lambda: layers.Input((4,)), lambda: layers.Dense(3, activation="gelu")),
        (4,),
        "activation gelu",
    ),
    (
        "activity",
        _of(lambda: layers.Input((4,)), lambda: layers.Dense(3, activity_regularizer="l2")),
        (4,),
        "activity regularizer",
    ),
    (
        "doubles",
        _of(lambda: layers.Input((4,)), lambda: layers.Dense(3, dtype="float64")),
        (4,),
        "float64",
    ),
]
