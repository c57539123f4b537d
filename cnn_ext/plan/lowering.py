"""From the layers of a graph to steps, for one shape of its inputs.

`LAYERS` says for each class of layers what its steps are. A layer that is not there, or has an
argument that no step knows, raises `NotPlanned`: the model then runs eagerly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import activations, layers, ops
from cnn_ext.ops.conv import conv_geometry
from cnn_ext.ops.pooling import pool_geometry
from cnn_ext.plan.steps import (
    LINEAR,
    Activation,
    Convolution,
    Copy,
    Dropping,
    Finish,
    Normalization,
    Pooling,
    Product,
    Step,
    Value,
)
from cnn_ext.plan.weights import Scaling, Weights
from cnn_ext.symbolic import FunctionCall
from cnn_ext.tree import flatten


class NotPlanned(Exception):
    """A model, or a call of it, that no plan serves; the message says why."""


_ACTIVATIONS: dict[Any, Activation] = {
    activations.linear: LINEAR,
    activations.relu: Activation("relu"),
    activations.relu6: Activation("limited_relu", 6.0),
    activations.leaky_relu: Activation("leaky_relu", 0.2),
    activations.sigmoid: Activation("sigmoid"),
    activations.tanh: Activation("tanh"),
    activations.silu: Activation("silu"),
    activations.hard_sigmoid: Activation("hard_sigmoid"),
    activations.hard_silu: Activation("hard_silu"),
    activations.elu: Activation("elu", 1.0),
    activations.softmax: Activation("softmax"),
}
_REPLACEABLE = {"call", "convolve", "convolution_op", "compute_output_shape"}
_REMEMBERED = ("softmax", "sigmoid")  # results of which keep their logits for a loss


class Lowering:
    """The steps of a graph so far, and what is known by the way.

    training: whether the steps are those of a call for training.
    logits: for a value that a softmax or sigmoid made, what that was applied to.
    """

    def __init__(self, training: bool = False) -> None:
        self.training = training
        self.steps: list[Step] = []
        self.layers: list[Any] = []
        self.graphs: list[tuple[Any, Any]] = []
        self.logits: dict[Value, Value] = {}
        self._named = ""

    def graph(self, owner: Any, graph: Any, inputs: list[Value]) -> list[Value]:
        """Lower the graph of a model; its outputs, flat."""
        self.graphs.append((owner, graph))
        values: dict[int, Any] = {}
        for x, value in zip(graph.inputs, inputs, strict=True):
            if len(x.shape) != len(value.shape) or np.dtype(x.dtype) != np.float32:
                raise NotPlanned(f"input '{x.name}' is {x.dtype} of shape {x.shape}")
            values[id(x)] = value
        for node in graph.nodes:
            if not node.is_input:
                node.run(values, self._call)
        return [values[id(x)] for x in graph.outputs]

    def _call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        self._named = operation.name
        if isinstance(operation, FunctionCall):
            return self._function(operation, *args, **kwargs)
        told = not self.training and kwargs.get("training")
        if set(kwargs) - {"training"} or told or len(args) != 1:
            raise self.refused("it is called with more than its inputs")
        inner = getattr(operation, "_static_graph", lambda: None)()
        if inner is not None:
            flat = flatten(args[0])
            if len(flat) != len(inner.inputs) or isinstance(args[0], dict):
                raise self.refused("its inputs are not a flat list")
            found = self.graph(operation, inner, flat)
            return found[0] if len(found) == 1 else found
        self.layers.append(operation)
        lower = LAYERS.get(type(operation))
        if self.training:
            lower = IN_TRAINING.get(type(operation), lower)
        if lower is None:
            raise self.refused(f"there is no step for a {type(operation).__name__}")
        if _REPLACEABLE & vars(operation).keys():
            raise self.refused("its methods have been replaced")
        if operation.dtype != "float32":
            raise self.refused(f"its dtype is {operation.dtype}")
        if operation.activity_regularizer is not None:
            raise self.refused("it has an activity regularizer, which adds a loss")
        if getattr(operation, "data_format", "channels_last") == "channels_first":
            raise self.refused("its images have their channels first")
        if not operation.built:
            raise self.refused("it has no weights yet")
        for value in flatten(args[0]):
            if 0 in value.shape:
                raise self.refused("there is nothing in its inputs")
        return lower(self, operation, args[0])

    def refused(self, why: str) -> NotPlanned:
        """The exception that says which layer, and why."""
        return NotPlanned(f"layer '{self._named}': {why}")

    def _function(self, operation: FunctionCall, *args: Any, **kwargs: Any) -> Value:
        lower = _FUNCTIONS.get(operation.function)
        if lower is None or kwargs or operation.static:
            raise self.refused("there is no step for this function")
        if not all(isinstance(x, Value) for x in args):
            raise self.refused("one of its arguments is a constant")
        return lower(self, *args)

    def emit(self, kind: Callable[..., Step], x: Value, shape: tuple[int, ...], **more: Any) -> Any:
        """Append a step; its result."""
        y = Value(shape)
        self.steps.append(kind(x, y, (self._named,), **more))
        return y

    def activate(self, x: Value, function: Any) -> Value:
        """An activation of Keras's, as a function."""
        known = _ACTIVATIONS.get(function)
        if known is None:
            name = getattr(function, "__name__", type(function).__name__)
            raise self.refused(f"there is no step for the activation {name}")
        return self.activated(x, known)

    def activated(self, x: Value, activation: Activation) -> Value:
        """A step for an activation, but for none."""
        if activation.is_linear:
            return x
        y = self.emit(Finish, x, x.shape, activation=activation)
        if activation.name in _REMEMBERED:
            self.logits[y] = x
        return y

    def convolved(self, x: Value, weights: Weights, layer: Any, single: bool = False) -> Value:
        """A convolution with a layer's strides and padding; with windows of one pixel if single."""
        how = (1, "valid", 1) if single else (layer.strides, layer.padding, layer.dilation_rate)
        geometry = conv_geometry(x.shape, weights.shape, *how)
        return self.emit(Convolution, x, geometry.y_shape, weights=weights, geometry=geometry)

    def scaled(self, x: Value, scaling: Scaling) -> Value:
        """A factor and a summand for each channel, which are last."""
        weights = Weights(None, None, (x.shape[-1],)).then(scaling)
        return self.emit(Finish, x, x.shape, scaling=weights)


def _conv2d(low: Lowering, layer: Any, x: Value) -> Value:
    weights = Weights(layer.kernel, layer.bias, layer.kernel.shape)
    return low.activate(low.convolved(x, weights, layer), layer.activation)


def _depthwise_conv2d(low: Lowering, layer: Any, x: Value) -> Value:
    weights = Weights(layer.kernel, layer.bias, _as_groups(layer.kernel.shape))
    return low.activate(low.convolved(x, weights, layer), layer.activation)


def _separable_conv2d(low: Lowering, layer: Any, x: Value) -> Value:
    first = Weights(layer.depthwise_kernel, None, _as_groups(layer.depthwise_kernel.shape))
    second = Weights(layer.pointwise_kernel, layer.bias, layer.pointwise_kernel.shape)
    y = low.convolved(low.convolved(x, first, layer), second, layer, single=True)
    return low.activate(y, layer.activation)


def _as_groups(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of depthwise windows (.., channels, multiplier), as a convolution in groups has them."""
    return (*shape[:-2], 1, shape[-2] * shape[-1])


def _dense(low: Lowering, layer: Any, x: Value) -> Value:
    weights = Weights(layer.kernel, layer.bias, layer.kernel.shape)
    y = low.emit(Product, x, (*x.shape[:-1], layer.units), weights=weights)
    return low.activate(y, layer.activation)


def _pooled(average: bool) -> Callable[..., Value]:
    def lower(low: Lowering, layer: Any, x: Value) -> Value:
        geometry = pool_geometry(x.shape, layer.pool_size, layer.strides, layer.padding)
        return low.emit(Pooling, x, geometry.y_shape, geometry=geometry, average=average)

    return lower


def _globally_pooled(average: bool) -> Callable[..., Value]:
    def lower(low: Lowering, layer: Any, x: Value) -> Value:
        geometry = pool_geometry(x.shape, x.shape[1:3])
        y = low.emit(Pooling, x, geometry.y_shape, geometry=geometry, average=average)
        return y if layer.keepdims else y.view((x.shape[0], x.shape[-1]))

    return lower


def _same(low: Lowering, layer: Any, x: Any) -> Any:
    return x


def _reshaped(low: Lowering, layer: Any, x: Value) -> Value:
    return x.view(tuple(layer.compute_output_shape(x.shape)))


def _activation(low: Lowering, layer: Any, x: Value) -> Value:
    return low.activate(x, layer.activation)


def _relu(low: Lowering, layer: Any, x: Value) -> Value:
    slope, limit = float(layer.negative_slope), layer.max_value
    if layer.threshold != 0 or (slope and limit is not None):
        raise low.refused("it has a threshold, or both a slope and a limit")
    if slope:
        return low.activated(x, Activation("leaky_relu", slope))
    known = Activation("relu") if limit is None else Activation("limited_relu", float(limit))
    return low.activated(x, known)


def _leaky_relu(low: Lowering, layer: Any, x: Value) -> Value:
    return low.activated(x, Activation("leaky_relu", float(layer.negative_slope)))


def _elu(low: Lowering, layer: Any, x: Value) -> Value:
    return low.activated(x, Activation("elu", float(layer.alpha)))


def _softmax(low: Lowering, layer: Any, x: Value) -> Value:
    if layer.axis not in (-1, len(x.shape) - 1):
        raise low.refused("its softmax is not along the last axis")
    return low.activated(x, Activation("softmax"))


def _batch_normalization(low: Lowering, layer: Any, x: Value) -> Value:
    if layer.axis not in (-1, len(x.shape) - 1):
        raise low.refused("its channels are not the last axis")

    def values() -> tuple[Any, Any]:
        mean, variance = (
            v.data.astype(np.float64) for v in (layer.moving_mean, layer.moving_variance)
        )
        factor = 1 / np.sqrt(variance + layer.epsilon)
        if layer.gamma is not None:
            factor = layer.gamma.data * factor
        return factor, (0 if layer.beta is None else layer.beta.data) - factor * mean

    variables = (layer.moving_mean, layer.moving_variance, layer.gamma, layer.beta)
    known = tuple(v for v in variables if v is not None)
    return low.scaled(x, Scaling(values, known, layer))


def _rescaling(low: Lowering, layer: Any, x: Value) -> Value:
    scale, offset = (np.asarray(v, np.float64) for v in (layer.scale, layer.offset))
    if any(v.shape not in ((), (1,), (x.shape[-1],)) for v in (scale, offset)):
        raise low.refused("its scale and offset are not numbers, or one a channel")
    return low.scaled(x, Scaling(lambda: (scale, offset), (), layer))


def _merged(multiplies: bool) -> Callable[..., Value]:
    def lower(low: Lowering, layer: Any, xs: list[Value]) -> Value:
        if not isinstance(xs, list | tuple) or len({x.shape for x in xs}) != 1:
            raise low.refused("its inputs have different shapes")
        y = xs[0]
        for x in xs[1:]:
            y = low.emit(Finish, y, y.shape, other=x, multiplies=multiplies)
        return y

    return lower


def _concatenate(low: Lowering, layer: Any, xs: list[Value]) -> Value:
    axis = layer.axis % len(xs[0].shape)
    shape = tuple(layer.compute_output_shape([x.shape for x in xs]))
    outer, behind = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    y, at, width = Value(shape), 0, shape[axis] * behind
    for x in xs:
        length = x.shape[axis] * behind
        low.steps.append(
            Copy(x, y, (layer.name,), outer=outer if axis else 1, inner=1, length=length,
                 x_strides=(length, 0), y_strides=(width, 0), at=at)
        )  # fmt: skip
        at += length
    return y


def _zero_padding2d(low: Lowering, layer: Any, x: Value) -> Value:
    (top, _), (left, _) = layer.padding
    n, h, w, channels = x.shape
    shape = tuple(layer.compute_output_shape(x.shape))
    row, image = shape[2] * channels, shape[1] * shape[2] * channels
    return low.emit(
        Copy, x, shape, outer=n, inner=h, length=w * channels,
        x_strides=(h * w * channels, w * channels), y_strides=(image, row),
        at=top * row + left * channels, zeros=image,
    )  # fmt: skip


Lower = Callable[[Lowering, Any, Any], Any]

LAYERS: dict[type, Lower] = {
    layers.Conv2D: _conv2d,
    layers.DepthwiseConv2D: _depthwise_conv2d,
    layers.SeparableConv2D: _separable_conv2d,
    layers.Dense: _dense,
    layers.MaxPooling2D: _pooled(average=False),
    layers.AveragePooling2D: _pooled(average=True),
    layers.GlobalMaxPooling2D: _globally_pooled(average=False),
    layers.GlobalAveragePooling2D: _globally_pooled(average=True),
    layers.Flatten: _reshaped,
    layers.Reshape: _reshaped,
    layers.Activation: _activation,
    layers.ReLU: _relu,
    layers.LeakyReLU: _leaky_relu,
    layers.ELU: _elu,
    layers.Softmax: _softmax,
    layers.BatchNormalization: _batch_normalization,
    layers.Rescaling: _rescaling,
    layers.Add: _merged(multiplies=False),
    layers.Multiply: _merged(multiplies=True),
    layers.Concatenate: _concatenate,
    layers.ZeroPadding2D: _zero_padding2d,
    layers.Identity: _same,
    layers.Dropout: _same,
    layers.SpatialDropout1D: _same,
    layers.SpatialDropout2D: _same,
    layers.AlphaDropout: _same,
    layers.GaussianDropout: _same,
    layers.GaussianNoise: _same,
}


def _normalized(low: Lowering, layer: Any, x: Value) -> Value:
    if not layer.trainable:
        return _batch_normalization(low, layer, x)
    if layer.axis not in (-1, len(x.shape) - 1) or layer.renorm:
        raise low.refused("its channels are not the last axis, or it renormalizes")
    return low.emit(Normalization, x, x.shape, layer=layer)


def _dropped(low: Lowering, layer: Any, x: Value) -> Value:
    if layer.rate == 0:
        return x
    if layer.noise_shape is not None or layer.rate == 1:
        raise low.refused("its mask has a shape of its own, or leaves nothing")
    return low.emit(Dropping, x, x.shape, layer=layer)


def _only_in_use(low: Lowering, layer: Any, x: Value) -> Value:
    raise low.refused(f"there is no step for the training of a {type(layer).__name__}")


IN_TRAINING: dict[type, Lower] = {
    layers.BatchNormalization: _normalized,
    layers.Dropout: _dropped,
    layers.SpatialDropout1D: _only_in_use,
    layers.SpatialDropout2D: _only_in_use,
    layers.AlphaDropout: _only_in_use,
    layers.GaussianDropout: _only_in_use,
    layers.GaussianNoise: _only_in_use,
}

_FUNCTIONS: dict[Any, Callable[..., Value]] = {
    ops.relu: lambda low, x: low.activated(x, Activation("relu")),
    ops.relu6: lambda low, x: low.activated(x, Activation("limited_relu", 6.0)),
    ops.add: lambda low, *xs: _merged(multiplies=False)(low, None, list(xs)),
    ops.multiply: lambda low, *xs: _merged(multiplies=True)(low, None, list(xs)),
}
