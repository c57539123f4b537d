"""Models that summaries and pictures are made of, by one function in cnn_ext and in Keras."""

import numpy as np

from test_models import MODELS as FUNCTIONAL
from test_models import branches, residual


def textbook(k):
    return k.Sequential(
        [
            k.layers.Input((28, 28, 1)),
            k.layers.Conv2D(32, 3, activation="relu", padding="same"),
            k.layers.MaxPooling2D(2),
            k.layers.Flatten(),
            k.layers.Dropout(0.4),
            k.layers.Dense(10, activation="softmax"),
        ]
    )


def unbuilt(k):
    return k.Sequential([k.layers.Flatten(), k.layers.Dense(3)], name="later")


def built_late(k):
    model = unbuilt(k)
    model.build((None, 2, 3))
    return model


def trained(k):
    layers = [k.layers.Input((4,)), k.layers.BatchNormalization(), k.layers.Dense(2)]
    model = k.Sequential(layers)
    model.compile("adam", "mse")
    model.train_on_batch(np.zeros((2, 4)), np.zeros((2, 2)))
    return model


def compiled(k):
    model = branches(k)
    model.compile("adam", "mse")
    return model


def trained_graph(k):
    model = branches(k)
    model.compile(k.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.train_on_batch(np.zeros((2, 6)), np.zeros((2, 2)))
    return model


def long_names(k):
    return k.Sequential(
        [
            k.layers.Input((1000, 1000, 100)),
            k.layers.Conv2D(3, 3, name="name_" * 20 + "$x$"),
            k.Sequential([k.layers.MaxPooling2D(2)], name="inner_" * 40),
            k.layers.Conv2D(3, 3, name="with spaces " * 8),
            k.layers.GlobalAveragePooling2D(name="[red]not markup[bold]"),
        ],
        name="[bold]model" * 8,
    )


def one_kilobyte(k):
    return k.Sequential([k.layers.Input((1,)), k.layers.Dense(256, use_bias=False)])


def two_outputs_layer(k):
    """A layer that gives two tensors, each used further on, and one that is given a dict."""

    class Halves(k.layers.Layer):
        def call(self, x):
            return x[:, :2], x[:, 2:]

        def compute_output_shape(self, shape):
            return (shape[0], 2), (shape[0], shape[1] - 2)

    inputs = k.Input((5,))
    left, right = Halves(name="halves")(inputs)
    return k.Model(inputs, [k.layers.Dense(2)(left), k.layers.ReLU()(right), right])


def models_in_a_row(k):
    inner = k.Sequential([k.layers.Dense(3), k.layers.Dense(2)], name="inner")
    outer = k.Sequential([inner, k.layers.Dense(2)], name="outer")
    return k.Sequential([k.layers.Input((4,)), outer, k.layers.Dense(1)])


def nested_graphs(k):
    """Models two deep, one with two inputs and two outputs, from a layer halfway too."""
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    both = k.layers.Add(name="both")([a, b])
    deep_in = k.Input((4,), name="deep_in")
    deep = k.Model(deep_in, k.layers.Dense(4, name="deepest")(deep_in), name="deep")
    inner = k.Model([a, b], [both, deep(both)], name="inner")
    x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
    first, second = inner([k.layers.Dense(4, name="before")(x), y])
    return k.Model([x, y], [k.layers.Dense(1, name="after")(first), second], name="outer")


def same_model_twice(k):
    """A model called on one input, then on its own output; a layer on its own output."""
    row = k.Sequential([k.layers.Input((3,)), k.layers.Dense(3, name="in_row")], name="row")
    again = k.layers.Dense(3, name="again")
    inputs = k.Input((3,))
    return k.Model(inputs, again(again(row(row(inputs)))))


def round_trip(k):
    """A layer that is called again on what came of it."""
    layer = k.layers.Dense(3, name="layer")
    inputs = k.Input((3,))
    x = k.layers.Dense(3, name="there")(layer(inputs))
    return k.Model(inputs, k.layers.Dense(3, name="end")(layer(x)))


def frozen(k):
    model = textbook(k)
    model.layers[0].trainable = False
    return model


def frozen_inside(k):
    model = residual(k)
    model.layers[1].trainable = False
    return model


def double_precision(k):
    return k.Sequential([k.layers.Input((9,)), k.layers.Dense(300, dtype="float64")])


def net(k):
    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(3)
            self.row = k.Sequential([k.layers.Dense(2), k.layers.Flatten()])

        def call(self, x):
            return self.row(self.dense(x))

    return Net()


def subclassed(k):
    model = net(k)
    model(k.Input((4,)))
    return model


def subclassed_inside(k):
    return k.Sequential([k.layers.Input((4,)), net(k), k.layers.Dense(1)])


def twins(k):
    """Two inputs, one layer for both, two outputs."""
    left, right = k.Input((8, 8, 1), name="left"), k.Input((8, 8, 1), name="right")
    conv = k.layers.Conv2D(4, 3, activation="relu", name="shared_conv")
    flat = k.layers.Flatten(name="flat")
    a, b = flat(conv(left)), flat(conv(right))
    both = k.layers.Concatenate()([a, b])
    kind = k.layers.Dense(2, name="kind")(both)
    distance = k.layers.Dense(1, name="distance")(k.ops.abs(a - b))
    return k.Model([left, right], [kind, distance])


def inception(k):
    """A block of four branches, between two convolutions."""
    conv, inputs = k.layers.Conv2D, k.Input((16, 16, 3))
    x = conv(8, 3, padding="same", activation="relu")(inputs)
    ways = [
        conv(4, 1, padding="same", activation="relu")(x),
        conv(4, 3, padding="same")(conv(4, 1, activation="relu")(x)),
        conv(4, 5, padding="same")(conv(4, 1, activation="relu")(x)),
        conv(4, 1)(k.layers.MaxPooling2D(3, strides=1, padding="same")(x)),
    ]
    x = k.layers.Concatenate(name="ways")(ways)
    return k.Model(inputs, conv(8, 3, activation="relu")(x))


def u_net(k):
    """Two levels down, two up, and what each level gives carried across."""
    conv, inputs = k.layers.Conv2D, k.Input((16, 16, 1))
    x, carried = inputs, []
    for level in range(2):
        x = conv(4, 3, padding="same", activation="relu", name=f"down_{level}")(x)
        carried.append(x)
        x = k.layers.MaxPooling2D(name=f"pool_{level}")(x)
    x = conv(8, 3, padding="same", activation="relu", name="bottom")(x)
    for level in reversed(range(2)):
        x = k.layers.UpSampling2D(name=f"grow_{level}")(x)
        x = k.layers.Concatenate(name=f"join_{level}")([carried[level], x])
        x = conv(4, 3, padding="same", activation="relu", name=f"up_{level}")(x)
    return k.Model(inputs, conv(1, 1, activation="sigmoid", name="mask")(x))


def residual_stages(k):
    """Blocks with a skip and blocks with a convolution on the way around."""
    conv, inputs = k.layers.Conv2D, k.Input((16, 16, 3))
    x = conv(4, 3, padding="same")(inputs)
    for filters in (4, 8):
        y = k.layers.BatchNormalization()(conv(filters, 3, padding="same")(x))
        y = conv(filters, 3, padding="same")(k.layers.ReLU()(y))
        if filters != x.shape[-1]:
            x = conv(filters, 1)(x)
        x = k.layers.ReLU()(k.layers.Add()([x, y]))
    return k.Model(inputs, k.layers.GlobalAveragePooling2D()(x))


MODELS = [
    *FUNCTIONAL,
    textbook,
    unbuilt,
    built_late,
    trained,
    compiled,
    trained_graph,
    long_names,
    one_kilobyte,
    two_outputs_layer,
    models_in_a_row,
    nested_graphs,
    same_model_twice,
    round_trip,
    frozen,
    frozen_inside,
    double_precision,
    subclassed,
    subclassed_inside,
    net,
    u_net,
]
DRAWN = [*MODELS, twins, inception, residual_stages]
