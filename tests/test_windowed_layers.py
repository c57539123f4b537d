"""Convolution and pooling layers: errors, and what only some of them do."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from cnn_ext import layers
from cnn_ext.autograd import Tensor
from cnn_ext.testing import check_gradients
from layer_rows import fill

# Why Keras does something else.
TENSORFLOW = "an error of TensorFlow's own"
ACCIDENT = "Keras does not check: what fails is a line that happens to come across it"
LENIENT = "Keras lets it pass"


class Slip(NamedTuple):
    what: str
    call: Callable[..., Any]
    error: type[Exception]
    says: tuple[str, ...]
    theirs: str | None


def slip(what, call, error, *says, theirs=None):
    return Slip(what, call, error, says, theirs)


def ones(*shape):
    return np.ones(shape, np.float32)


def two_calls(layer, first, second):
    layer(first)
    layer(second)


FILTERS = ("Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D", "Conv1DTranspose",
           "Conv2DTranspose", "Conv3DTranspose")  # fmt: skip
WINDOWS = (*FILTERS, "DepthwiseConv1D", "DepthwiseConv2D")
POOLS = tuple(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3))
GLOBAL = tuple(f"Global{pool}" for pool in POOLS)


def rank_in(name):
    return next(int(c) for c in name if c.isdigit())


def made(k, name, window=3, **arguments):
    first = {"filters": 4} if name in FILTERS else {}
    size = {"pool_size": window} if name in POOLS else {"kernel_size": window}
    return getattr(k.layers, name)(**{**first, **size, **arguments})


def images(name, size=6, channels=3):
    return ones(2, *(size,) * rank_in(name), channels)


SLIPS = (
    *(slip(f"{name} of one axis less", lambda k, name=name: made(k, name)(images(name)[..., 0]),
           ValueError, "is incompatible with the layer: expected ndim=", "x[..., None]",
           "Full shape received: (2, 6")
      for name in (*WINDOWS, *POOLS)),
    *(slip(f"{name} of one axis less",
           lambda k, name=name: getattr(k.layers, name)()(images(name)[..., 0]),
           ValueError, "is incompatible with the layer: expected ndim=", "Full shape received")
      for name in GLOBAL),
    *(slip(f"{name} of other channels later",
           lambda k, name=name: two_calls(made(k, name), images(name), images(name, channels=5)),
           ValueError, "is incompatible with the layer: expected axis -1 of input shape to have "
           "value 3, but received input with shape (2, 6", "Full shape received: (2, 6")
      for name in WINDOWS),
    *(slip(f"{name} of a window larger than the input",
           lambda k, name=name: made(k, name)(images(name, 2)),
           ValueError, "the window does not fit its input", "padding='same'",
           "Received: size=2, window=3", theirs=TENSORFLOW if name in POOLS else None)
      for name in (*WINDOWS, *POOLS) if "Transpose" not in name),
    *(slip(f"{name} of a window of nothing", lambda k, name=name: made(k, name, 0), ValueError,
           "each at least 1", "_size=0")
      for name in (*WINDOWS, *POOLS)),
    *(slip(f"{name} of too many sizes", lambda k, name=name: made(k, name, (2, 2, 2, 2)),
           ValueError, "must be a tuple of", "_size=(2, 2, 2, 2)")
      for name in (*WINDOWS, *POOLS)),
    *(slip(f"{name} of no filters", lambda k, name=name: made(k, name, filters=0), ValueError,
           "strictly positive value", "Received filters=0")
      for name in FILTERS),
    *(slip(f"{name} of an unknown padding", lambda k, name=name: made(k, name, padding="smae"),
           ValueError, "did you mean 'same'", "Received: smae")
      for name in WINDOWS),
    *(slip(f"{name} of strides and dilation",
           lambda k, name=name: made(k, name, strides=2, dilation_rate=3), ValueError,
           "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
           "strides=(2,")
      for name in WINDOWS if "wise" not in name and "Separable" not in name),
    *(slip(f"{name} of groups that do not divide the channels",
           lambda k, name=name: made(k, name, groups=2)(images(name)), ValueError,
           "The number of input channels must be evenly divisible by the number of groups. "
           "Received", "groups=2, but the input has 3 channels (full input shape is (")
      for name in ("Conv1D", "Conv2D", "Conv3D")),
    *(slip(f"{name} of groups that do not divide the filters",
           lambda k, name=name: made(k, name, groups=3), ValueError,
           "The number of filters must be evenly divisible by the number of groups. Received: "
           "groups=3, filters=4.")
      for name in ("Conv1D", "Conv2D", "Conv3D")),
    *(slip(f"{name} of no multiplier", lambda k, name=name: made(k, name, depth_multiplier=0),
           ValueError, "positive integer", "depth_multiplier=0")
      for name in WINDOWS if "wise" in name or "Separable" in name),
    *(slip(f"{name} padded as far as its strides",
           lambda k, name=name: made(k, name, strides=2, output_padding=2), ValueError,
           "`output_padding` must be strictly less than `strides` for all dimensions. At "
           "dimension 0, `output_padding` is 2 but `strides` is 2. Received: output_padding=(2,")
      for name in WINDOWS if "Transpose" in name),
    slip("output padding below 0", lambda k: made(k, "Conv2DTranspose", output_padding=-1),
         ValueError, "The `output_padding` argument must be a tuple of 2 integers",
         "Received: output_padding=-1"),
    slip("output padding of one axis", lambda k: made(k, "Conv2DTranspose", output_padding=(0,)),
         ValueError, "The `output_padding` argument must be a tuple of 2 integers",
         "Received: output_padding=(0,)"),
    slip("a causal image", lambda k: made(k, "Conv2D", padding="causal"), ValueError,
         "'valid', 'same'", "Received: causal"),
    slip("a causal transposition", lambda k: made(k, "Conv1DTranspose", padding="causal"),
         ValueError, "'valid', 'same'", "Received: causal"),
    slip("a low rank", lambda k: made(k, "Conv2D", lora_rank=2), ValueError,
         "not supported", "lora_rank=2", theirs="Keras can do this, we cannot"),
    slip("an adaptive size of two axes for one", lambda k: k.layers.AdaptiveMaxPooling1D((2, 2)),
         ValueError, "`output_size` must be an integer or a tuple of 1", "Received: (2, 2)"),
    slip("an adaptive size of one axis for two",
         lambda k: k.layers.AdaptiveAveragePooling2D((2,)), TypeError,
         "`output_size` must be an integer or", "Received: (2,) of type"),
    slip("an adaptive size in words", lambda k: k.layers.AdaptiveMaxPooling3D("2"), TypeError,
         "`output_size` must be an integer or", "Received: 2 of type"),
    slip("an adaptive size of nothing", lambda k: k.layers.AdaptiveMaxPooling2D(0), ValueError,
         "each at least 1", "Received: output_size=0", theirs=LENIENT),
    slip("an adaptive pool of one axis less",
         lambda k: k.layers.AdaptiveMaxPooling2D(2)(ones(2, 6, 6)), ValueError, "expected ndim=4",
         theirs=ACCIDENT),
)  # fmt: skip
slips = pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.what)


def raised_by(slip, k):
    try:
        slip.call(k)
    except Exception as error:
        return error
    return None


@slips
def test_error_teaches(slip):
    error = raised_by(slip, cnn_ext)
    assert type(error) is slip.error, repr(error)
    for words in slip.says:
        assert words in str(error)


@slips
def test_keras_raises_the_same(slip, keras):
    """Or the row says why not, and is right."""
    error = raised_by(slip, keras)
    assert (type(error) is slip.error) == (slip.theirs is None), repr(error)


def test_a_convolution_by_another_kernel(keras):
    """`convolution_op` is there to be overridden: here, weights of mean 0."""

    def of(k):
        class Standardized(k.layers.Conv2D):
            def convolution_op(self, inputs, kernel):
                mean = k.ops.mean(kernel, axis=(0, 1, 2), keepdims=True)
                return super().convolution_op(inputs, kernel - mean)

        return Standardized(4, 3)

    x = np.random.default_rng(0).standard_normal((2, 6, 6, 3)).astype(np.float32)
    ours, theirs = of(cnn_ext), of(keras)
    for layer in (ours, theirs):
        layer(x)
    fill(ours)
    theirs.set_weights(ours.get_weights())
    assert_close(ours(x), theirs(x), 1e-5)
    check_gradients(ours, x.astype(np.float64))


class Blur(layers.Conv2D):
    """A layer of one's own with a constructor of its own."""

    def __init__(self, width, **kwargs):
        super().__init__(1, (width, width), use_bias=False, **kwargs)
        self.width = width

    def get_config(self):
        config = super().get_config()
        given = {name: config[name] for name in ("name", "trainable", "dtype", "padding")}
        return {**given, "width": self.width}


def test_a_convolution_of_ones_own():
    layer = Blur(3, padding="same", name="blur")
    assert layer(ones(1, 5, 5, 1)).shape == (1, 5, 5, 1)
    config = layer.get_config()
    assert config["width"] == 3
    assert Blur.from_config(config).get_config() == config
    assert set(layers.Conv2D.get_config(layer)) == set(layers.Conv2D(1, 1).get_config())


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_mean_of_the_steps_that_count(data_format, keepdims, keras):
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    x[0, 4] = np.nan  # what a mask hides has no say
    mask = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool)
    if data_format == "channels_first":
        x = x.transpose(0, 2, 1)
    ours, theirs = (
        k.layers.GlobalAveragePooling1D(data_format, keepdims)(x, mask=mask)
        for k in (cnn_ext, keras)
    )
    assert_close(ours, theirs, 1e-6)
    leaf = Tensor(np.nan_to_num(x), requires_grad=True)
    layers.GlobalAveragePooling1D(data_format, keepdims)(leaf, mask=mask).backward(
        np.ones(ours.shape, np.float32)
    )
    hidden = ~mask[:, None, :] if data_format == "channels_first" else ~mask[..., None]
    assert not (leaf.grad * hidden).any()


def test_a_causal_output_sees_no_later_step():
    x = np.random.default_rng(0).standard_normal((1, 9, 2)).astype(np.float32)
    layer = layers.Conv1D(3, 3, padding="causal", dilation_rate=2)
    before = layer(x).numpy()
    x[:, 5:] += 1
    after = layer(x).numpy()
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert (after[:, 5:] != before[:, 5:]).any(axis=-1).all()


def test_steps_unlike_along_height_and_width():
    """TensorFlow's depthwise convolution has no such steps: the judge is one with groups."""
    x = np.random.default_rng(0).standard_normal((2, 9, 8, 3)).astype(np.float32)
    depthwise = layers.DepthwiseConv2D(3, strides=(2, 3), padding="same", depth_multiplier=2)
    grouped = layers.Conv2D(6, 3, strides=(2, 3), padding="same", groups=3)
    for layer in (depthwise, grouped):
        layer(x)
    fill(depthwise)
    kernel, bias = depthwise.get_weights()
    grouped.set_weights([kernel.reshape(3, 3, 1, 6), bias])
    assert_close(depthwise(x), grouped(x), 1e-6)
    check_gradients(depthwise, x.astype(np.float64))


def test_constructors_name_their_arguments():
    """A helper that takes `locals()` would take a forgotten name too."""
    for name in (*WINDOWS, *POOLS, *GLOBAL):
        layer = made(cnn_ext, name) if name not in GLOBAL else getattr(layers, name)()
        for argument in inspect.signature(type(layer)).parameters:
            assert argument == "kwargs" or hasattr(layer, argument)
