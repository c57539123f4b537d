"""Models that are exported: a row is a name and what makes the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import cnn_ext as keras
import test_models
from cnn_ext import activations, autograd, layers, ops
from planned_models import PLANNED

KERNEL = np.random.default_rng(0).standard_normal((3, 3, 4, 4)).astype("float32")


class Row(NamedTuple):
    name: str
    make: Callable[[], Any]


def u_net() -> Any:
    inputs = layers.Input((None, None, 3))
    fine = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    coarse = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(fine))
    wide = layers.UpSampling2D(interpolation="bilinear")(coarse)
    wide = layers.Concatenate()([fine, wide])
    wide = layers.Conv2DTranspose(4, 2, 2)(wide)
    return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(wide))


def squeeze_and_excite() -> Any:
    inputs = layers.Input((8, 9, 6))
    x = layers.Conv2D(6, 3, padding="same")(inputs)
    weights = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = layers.Dense(6, activation="sigmoid")(layers.Dense(2, activation="relu")(weights))
    return keras.Model(inputs, layers.Add()([layers.Multiply()([x, weights]), inputs]))


def channels_first() -> Any:
    first = {"data_format": "channels_first"}
    model = keras.Sequential([layers.Input((3, 9, 8))])
    model.add(layers.Conv2D(4, 3, padding="same", **first))
    model.add(layers.BatchNormalization(axis=1))
    model.add(layers.MaxPooling2D(**first))
    model.add(layers.ReLU())
    model.add(layers.Flatten(**first))
    model.add(layers.Dense(3))
    return model


def volumes() -> Any:
    model = keras.Sequential([layers.Input((6, 7, 8, 2))])
    model.add(layers.ZeroPadding3D(((0, 1), (1, 0), (2, 1))))
    model.add(layers.Conv3D(3, 2, strides=2, padding="same", activation="selu"))
    model.add(layers.AveragePooling3D(2, 1, "same"))
    model.add(layers.Conv3D(3, 1, activation=layers.LeakyReLU(0.1)))
    model.add(layers.Cropping3D(((1, 0), (0, 0), (0, 1))))
    model.add(layers.GlobalMaxPooling3D())
    return model


def sequences() -> Any:
    inputs = layers.Input((None, 4))
    x = inputs
    for rate in (1, 2, 4):
        y = layers.Conv1D(4, 2, padding="causal", dilation_rate=rate, activation="gelu")(x)
        x = layers.LayerNormalization()(x + y)
    return keras.Model(inputs, layers.Conv1D(2, 3, strides=2, padding="same")(x))


def bytes_in() -> Any:
    inputs = layers.Input((8, 8, 3), dtype="uint8", name="photo")
    x = layers.Rescaling(1 / 255)(inputs)
    return keras.Model(inputs, layers.Conv2D(2, 3)(x))


def categories() -> Any:
    rows, single = layers.Input((3,), dtype="int32"), layers.Input((1,), dtype="int32")
    modes = [layers.CategoryEncoding(9, output_mode=mode) for mode in ("multi_hot", "count")]
    one_hot = layers.CategoryEncoding(9, output_mode="one_hot")
    outputs = [mode(rows) for mode in modes] + [one_hot(rows), one_hot(single)]
    return keras.Model([rows, single], outputs)


def dicts() -> Any:
    inputs = {"a": layers.Input((3,), name="a"), "b": layers.Input((3,), name="b")}
    inner = keras.Model(inputs, {"y": inputs["a"] - inputs["b"], "x": inputs["a"]})
    a, b = layers.Input((3,), name="p"), layers.Input((3,), name="q")
    outputs = inner({"a": a, "b": layers.Dense(3)(b)})
    return keras.Model([a, b], {"second": outputs["y"] * 2, "first": outputs["x"]})


def its_input_is_its_output() -> Any:
    inputs = layers.Input((3,), name="x")
    doubled = layers.Rescaling(2.0, name="doubled")(inputs)
    return keras.Model(inputs, [inputs, doubled, doubled])


def any_size_within() -> Any:
    """A model in a row that is called on images of another size than it was made for."""
    inner = keras.Sequential([layers.Input((5, 5, 2)), layers.Conv2D(2, 3, 2, "same")])
    return keras.Sequential([layers.Input((8, 9, 2)), inner, layers.Flatten()])


def long_chain() -> Any:
    x = inputs = layers.Input((4,))
    for _ in range(1000):
        x = layers.ReLU()(x)
    return keras.Model(inputs, x)


def of_operation(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Callable[[], Any]:
    def make() -> Any:
        inputs = [layers.Input(shape) for shape in shapes]
        return keras.Model(inputs, function(*inputs))

    return make


def operation(name: str, function: Callable[..., Any], *shapes: tuple[int, ...]) -> Row:
    return Row(name, of_operation(function, *(shapes or ((3, 4),))))


def positive(x: Any) -> Any:
    return ops.exp(x) + 1


def small(x: Any) -> Any:
    return ops.tanh(x) * 0.9


def after(first: Callable[..., Any], name: str) -> Callable[..., Any]:
    """An operation by name, of numbers that it is defined for."""
    return lambda x: getattr(ops, name)(first(x))


OF_ONE = (
    "abs arcsinh arctan ceil celu cos cosh elu erf exp exp2 expm1 floor gelu glu hard_shrink "
    "hard_sigmoid hard_silu hard_tanh isfinite isinf isnan leaky_relu log_sigmoid log_softmax "
    "mish negative normalize relu relu6 round selu sigmoid sign silu sin sinh soft_shrink "
    "softmax softplus softsign sparse_plus sparse_sigmoid sparsemax square squareplus "
    "stop_gradient tan tanh tanh_shrink trunc ravel copy layer_normalization "
    "rms_normalization transpose"
)
REDUCTIONS = "logsumexp mean min prod std var max sum amax amin"
OF_POSITIVE = "log log1p log2 log10 sqrt rsqrt reciprocal arccosh"
OF_TWO = (
    "add subtract multiply divide true_divide maximum minimum equal not_equal less less_equal "
    "greater greater_equal logical_and logical_or logical_xor mod floor_divide"
)
OF_IMAGES = (
    operation("ops.conv", lambda x: ops.conv(x, KERNEL, 2, padding="same"), (8, 9, 4)),
    operation("depthwise", lambda x: ops.depthwise_conv(x, KERNEL[..., :2]), (8, 9, 4)),
    operation(
        "separable", lambda x: ops.separable_conv(x, KERNEL[..., :1], KERNEL[:1, :1]), (8, 9, 4)
    ),
    operation("transposed", lambda x: ops.conv_transpose(x, KERNEL, 2, padding="same"), (4, 5, 4)),
    operation("max_pool", lambda x: ops.max_pool(x, 3, 2, "same"), (8, 9, 4)),
    operation("average_pool", lambda x: ops.average_pool(x, 2), (8, 9, 4)),
    operation("resize", lambda x: ops.image.resize(x, (5, 12)), (8, 9, 3)),
    operation("grey", lambda x: ops.image.rgb_to_grayscale(x), (8, 9, 3)),
)
OPERATIONS = (
    *(operation(name, getattr(ops, name)) for name in OF_ONE.split()),
    *(operation(name, after(positive, name)) for name in OF_POSITIVE.split()),
    *(operation(name, getattr(ops, name), (3, 4), (1, 4)) for name in OF_TWO.split()),
    *(operation(name, after(small, name)) for name in ("arcsin", "arccos", "arctanh")),
    operation("relu with a limit", lambda x: activations.relu(x, 0.1, 0.5, 0.25)),
    *(
        operation(name, lambda x, name=name: getattr(ops, name)(x, axis=1))
        for name in REDUCTIONS.split()
    ),
    operation("threshold", lambda x: ops.threshold(x, 0.5, -1.0)),
    operation("with numbers", lambda x: (2 - x) / 3 + 1 / (x * x + 1) - (x > 0.5) * 2),
    operation("power", lambda x: positive(x) ** 1.5),
    operation("minus", lambda x: -x),
    operation("add_bias", lambda x: ops.add_bias(x, np.ones(4, "float32"))),
    operation("clip", lambda x: ops.clip(x, -0.5, 1)),
    operation("where", lambda x: ops.where(x > 0, x, 1.0)),
    operation("logical_not", lambda x: ops.logical_not(x > 0)),
    operation("any", lambda x: [ops.any(x > 1, axis=-1), ops.all(x > -1, axis=(1, 2))]),
    operation("cast", lambda x: ops.cast(x * 10, "int32") + 1),
    operation("whole numbers", lambda x: ops.mean(ops.cast(x * 10, "int32"), axis=1)),
    operation("sums", lambda x: [ops.sum(x, axis=1), ops.sum(x, axis=(-1,), keepdims=True)]),
    operation("extremes", lambda x: [ops.amax(x, axis=1), ops.amin(x, axis=2), ops.max(x, -1)]),
    operation("argmax", lambda x: [ops.argmax(x, axis=1), ops.argmin(x, -1, keepdims=True)]),
    operation("spread", lambda x: [ops.var(x, 1), ops.std(x, axis=(1, 2)), ops.prod(x, axis=1)]),
    operation("cumsum", lambda x: ops.cumsum(x, axis=1)),
    operation("softmaxes", lambda x: [ops.softmax(x, 1), ops.log_softmax(x, (1, 2))]),
    operation("normalize", lambda x: [ops.normalize(x, 1), ops.normalize(x, -1, order=3)]),
    operation("moments", lambda x: ops.moments(x, [1, 2])),
    operation(
        "batch_normalization",
        lambda x: ops.batch_normalization(x, np.ones(4), np.full(4, 2.0), -1, scale=np.ones(4)),
    ),
    operation("of its moments", lambda x: ops.batch_normalization(x, *ops.moments(x, [0, 1]), 2)),
    operation("norm of the middle", lambda x: ops.layer_normalization(x, axis=1)),
    operation("matmul", lambda x, y: x @ y, (3, 4), (4, 2)),
    operation("by a matrix", lambda x: ops.matmul(x, np.ones((4, 2))) @ np.ones((2, 3))),
    operation("dot", lambda x: ops.dot(x, np.ones((4, 2), "float32")), (4,)),
    operation("einsum", lambda x, y: ops.einsum("bij,bkj->bik", x, y), (3, 4), (2, 4)),
    operation("reshape", lambda x: ops.reshape(x, (-1, 2, 6))),
    operation("in rows", lambda x: ops.softmax(ops.reshape(x, (-1, 4)))),
    operation("axes", lambda x: ops.swapaxes(ops.moveaxis(x, 1, -1), 1, 3), (2, 3, 4)),
    operation("new axes", lambda x: ops.squeeze(ops.expand_dims(x, (1, -1)), 1)),
    operation("flip", lambda x: ops.flip(x, axis=(1, 2))),
    operation("tile", lambda x: ops.tile(x, (1, 2, 1))),
    operation("repeat", lambda x: ops.repeat(x, 3, axis=1)),
    operation("broadcast_to", lambda x: ops.broadcast_to(ops.sum(x, axis=0), (5, 3, 4))),
    operation("pad", lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=3.0)),
    operation("mirrored", lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1)), mode="reflect")),
    operation("parts", lambda x: [x[:, 0], x[:, ::-2, 1:-1], x[..., None, -1], x[:, None, 1:]]),
    operation("picked", lambda x: [x[:, [2, 0, 0]], ops.take(x, [[1, 3], [0, 2]], axis=2)]),
    operation("split", lambda x: [*ops.split(x, 2, axis=2), *ops.split(x, [1], axis=1)]),
    operation("unstack", lambda x: ops.unstack(x, axis=1)),
    operation("stack", lambda x, y: ops.stack([x, y], axis=1), (3, 4), (3, 4)),
    operation("joined", lambda x, y: ops.append(ops.concatenate([x, y], 1), x, 1), (4,), (3,)),
    operation("one_hot", lambda x: ops.one_hot(ops.cast(ops.relu6(x), "int32"), 8)),
    operation("top_k", lambda x: ops.top_k(x, 2)),
)
MODELS = (
    *(Row(row.name, row.make) for row in PLANNED),
    *(Row(f"models.{make.__name__}", lambda make=make: make(keras)) for make in test_models.MODELS),
    *(
        Row(make.__name__, make)
        for make in (
            u_net, squeeze_and_excite, channels_first, volumes, sequences, bytes_in, categories,
            dicts, its_input_is_its_output, any_size_within, long_chain,
        )
    ),
    *OF_IMAGES,
    *OPERATIONS,
)  # fmt: skip


@autograd.primitive
def own_operation(x: Any) -> Any:
    return x * 2


class OwnLayer(layers.Layer):
    def call(self, x: Any) -> Any:
        return x


class OwnModel(keras.Model):
    def call(self, x: Any) -> Any:
        return x


def all_refused() -> Any:
    """A model with one of each kind that has no words in ONNX, and a good layer among them."""
    inputs = layers.Input((4, 4, 3))
    inner_in = layers.Input((4, 4, 3))
    inner = keras.Model(inner_in, layers.Lambda(lambda x: x, name="code")(inner_in), name="inner")
    x = layers.Conv2D(3, 3, padding="same", activation=lambda x: x * 2, name="wave")(inputs)
    x = OwnLayer(name="own")(layers.Dense(3, name="good")(inner(x)))
    x = layers.TimeDistributed(layers.RandomCrop(1, 3, name="crop"), name="steps")(x[..., None])
    x = OwnModel(name="python")(own_operation(x))
    replaced = layers.ReLU(name="replaced")
    replaced.call = lambda inputs: inputs
    return keras.Model(inputs, layers.Dropout(0.5, name="always")(replaced(x), training=True))
