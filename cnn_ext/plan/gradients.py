"""From the steps of a model to those of its training: each step forth, and each step back.

`FORTH` says for each kind of step which kernels compute it so that its gradients can be found, and
`BACK` which kernels find them. A gradient that nothing needs, as that by the model's inputs, is
never computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext import _kernels
from cnn_ext.plan.calls import Call, Kept, Of
from cnn_ext.plan.lowering import NotPlanned
from cnn_ext.plan.steps import (
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
    Weighted,
)
from cnn_ext.plan.weights import Weights

_SLOPE_BY_INPUT = ("silu", "hard_silu")
KEPT_ROWS = 5  # of channels, that batch normalization keeps for its way back


class Tape:
    """Calls forth and back, and the values that they leave for one another.

    Args:
        gradient: called with a Variable, the value that its gradient goes to; None if unwanted.
            Called with `writing=True` when a call that writes it follows.
        layers: what the first calls are said to be of.
    """

    def __init__(self, gradient: Callable[..., Value | None], layers: tuple[str, ...]) -> None:
        self.calls: list[Call] = []
        self.changed: list[Any] = []  # Variables that a run changes, weights apart
        self._kept: dict[int, Kept] = {}
        self.held: dict[tuple[Step, str], Value] = {}  # what a step has left for its way back
        self._gradient = gradient
        self._gradients: dict[Value, Value] = {}
        self._shared: set[Value] = set()  # gradients of several values
        self._moving: set[Value] = set()  # values that depend on a weight that moves
        self._layers = layers

    def call(
        self, kind: str, reads: list[Value | None], writes: list[Value | None], flops: int = 0,
        **details: Any,
    ) -> None:  # fmt: skip
        """Append a call."""
        values = (*reads, *writes)
        self.calls.append(Call(kind, values, len(reads), self._layers, flops, details))

    # --- Weights -------------------------------------------------------------------------------

    def keep(self, variable: Any) -> Kept | None:
        """The value of a Variable."""
        if variable is None:
            return None
        if id(variable) not in self._kept:
            self._kept[id(variable)] = Of(variable)
        return self._kept[id(variable)]

    def gradient_of(self, variable: Any) -> Value | None:
        """Where the next call puts the gradient by a weight; None if it is not wanted."""
        return None if variable is None else self._gradient(variable, writing=True)

    # --- Forth ---------------------------------------------------------------------------------

    def forth(self, step: Step) -> None:
        """Append what computes a step."""
        self._layers = step.layers
        variables = _variables(step)
        if any(self._gradient(v) is not None for v in variables) or any(
            value in self._moving for value in step.reads
        ):
            self._moving.add(step.y.storage)
        FORTH[type(step)](self, step)

    # --- Back ----------------------------------------------------------------------------------

    def back(self, step: Step) -> None:
        """Append what finds the gradients of a step, if something needs them."""
        g = self._gradients.get(step.y.storage)
        if g is not None and step.y.storage in self._moving:
            self._layers = step.layers
            BACK[type(step)](self, step, g)

    def wants(self, x: Value) -> bool:
        """Whether the gradient by a value leads to a weight that moves."""
        return x.storage in self._moving

    def find(self, x: Value, call: Callable[[Value], None]) -> None:
        """Find the gradient by x, or a part of it: `call` appends what writes it."""
        if not self.wants(x):
            return
        found = Value(x.shape)
        call(found)
        known = self._gradients.get(x.storage)
        if known is not None:
            self.finish(found, found, other=known)
        self._gradients[x.storage] = found

    def pass_on(self, x: Value, g: Value) -> None:
        """The gradient by x, or a part of it, is g as it is."""
        if not self.wants(x):
            return
        known = self._gradients.get(x.storage)
        if known is None:
            self._gradients[x.storage] = g
            self._shared.add(g.storage)
            return
        total = Value(x.shape)
        self.finish(known, total, other=g)
        self._gradients[x.storage] = total

    def start(self, y: Value, g: Value) -> None:
        """The gradient by an output."""
        if y.storage in self._gradients:
            raise NotPlanned("two losses are of one value")
        self._gradients[y.storage] = g

    def place_for(self, g: Value) -> Value:
        """Where something of the size of g goes that takes its place."""
        return Value(g.shape) if g.storage in self._shared else g

    # --- Passes --------------------------------------------------------------------------------

    def finish(
        self, x: Value, y: Value, *, other: Value | None = None, scale: Value | None = None,
        **details: Any,
    ) -> None:  # fmt: skip
        """y = x * scale + other, or x * other."""
        pixels, channels = _rows(x)
        self.call("finish", [x, other, scale, None], [y], x.size, pixels=pixels,
                  channels=channels, **details)  # fmt: skip

    def before_activation(
        self, g: Value, y: Value, activation: Activation, bias: Any = None, wanted: bool = True
    ) -> Value:
        """The gradient before an activation, and by a bias that was added there."""
        sums = self.gradient_of(bias)
        if activation.is_linear:
            found, target = g, None
        else:
            found = self.place_for(g) if wanted else g
            target = found if wanted else None
        if target is not None or sums is not None:
            pixels, channels = _rows(y)
            self.call(
                "finish_backward", [g, None if activation.is_linear else y], [target, sums], g.size,
                activation=activation.name, settings=(activation.setting,), pixels=pixels,
                channels=channels,
            )  # fmt: skip
        return found


def _rows(x: Value) -> tuple[int, int]:
    """Pixels and channels."""
    return x.size // x.shape[-1], x.shape[-1]


def _variables(step: Step) -> tuple[Any, ...]:
    if isinstance(step, Weighted):
        return step.weights.variables
    if isinstance(step, Normalization):
        return tuple(v for v in (step.layer.gamma, step.layer.beta) if v is not None)
    return ()


def _activated(activation: Activation, alone: bool = False) -> dict[str, Any]:
    """An activation as a call takes it; alone, it may be one whose slope its input tells."""
    if not (activation.tells_its_slope or (alone and activation.name in _SLOPE_BY_INPUT)):
        raise NotPlanned(f"there is no step back through the activation {activation.name}")
    return {"activation": activation.name, "settings": (activation.setting,)}


# --- Convolution -------------------------------------------------------------------------------


def _convolution(tape: Tape, step: Convolution) -> None:
    g, weights = step.geometry, step.weights
    code, kernel = None, _kernels.serving("conv2d_forward", g)
    if step.window != (0, 0):
        kernel = _kernels.serving("conv2d_relu_pool_forward", g, *step.window)
        code = tape.held[step, "code"] = Value(step.y.shape, itemsize=1)
    tape.call(
        "conv", [step.x, tape.keep(weights.kernel), tape.keep(weights.bias), step.other],
        [step.y, code], step.flops, geometry=g, kernel=kernel, window=step.window,
        **_activated(step.activation),
    )  # fmt: skip


def _convolution_back(tape: Tape, step: Convolution, grad: Value) -> None:
    if step.window != (0, 0):
        _pooled_convolution_back(tape, step, grad)
        return
    grad = tape.before_activation(grad, step.y, step.activation, step.weights.bias)
    _convolution_gradients(tape, step, grad)
    if step.other is not None:
        tape.pass_on(step.other, grad)


def _convolution_gradients(tape: Tape, step: Convolution, grad: Value) -> None:
    g, kernel = step.geometry, step.weights.kernel
    by_weight = tape.gradient_of(kernel)
    if by_weight is not None:
        tape.call("conv_weight", [step.x, grad], [by_weight], step.flops, geometry=g,
                  kernel=_kernels.serving("conv2d_backward_weight", g))  # fmt: skip
    tape.find(step.x, lambda y: tape.call(
        "conv_input", [grad, tape.keep(kernel)], [y], step.flops, geometry=g,
        kernel=_kernels.serving("conv2d_backward_input", g),
    ))  # fmt: skip


def _pooled_convolution_back(tape: Tape, step: Convolution, grad: Value) -> None:
    """Through a max-pooling most gradients are zero: sums over lists of the others, if it pays."""
    g, window, kernel = step.geometry, step.window, step.weights.kernel
    tape.before_activation(grad, step.y, step.activation, step.weights.bias, wanted=False)
    code = tape.held[step, "code"]
    sparse = _kernels.serving("conv2d_relu_pool_backward_weight", g, *window) == "sparse"
    if not sparse and tape.wants(step.x):
        dense = Value(g.y_shape)
        tape.call("spread", [grad, code], [dense], dense.size, geometry=g, window=window)
        _convolution_gradients(tape, step, dense)
        return
    by_weight = tape.gradient_of(kernel)
    if by_weight is not None:
        kind = "sparse_weight" if sparse else "pooled_weight"
        tape.call(kind, [step.x, grad, code], [by_weight], step.flops, geometry=g,
                  window=window)  # fmt: skip
    tape.find(step.x, lambda y: tape.call(
        "sparse_input", [grad, code, tape.keep(kernel)], [y], step.flops, geometry=g,
        window=window,
    ))  # fmt: skip


# --- Matrix product ----------------------------------------------------------------------------


def _product(tape: Tape, step: Product) -> None:
    weights = step.weights
    tape.call(
        "gemm", [step.x, tape.keep(weights.kernel), tape.keep(weights.bias), step.other], [step.y],
        step.flops, **_sizes(step), **_activated(step.activation),
    )  # fmt: skip


def _product_back(tape: Tape, step: Product, grad: Value) -> None:
    kernel = step.weights.kernel
    grad = tape.before_activation(grad, step.y, step.activation, step.weights.bias)
    by_weight = tape.gradient_of(kernel)
    if by_weight is not None:
        tape.call("gemm_weight", [step.x, grad], [by_weight], step.flops, **_sizes(step))
    tape.find(step.x, lambda y: tape.call(
        "gemm_input", [grad, tape.keep(kernel)], [y], step.flops, **_sizes(step)
    ))  # fmt: skip
    if step.other is not None:
        tape.pass_on(step.other, grad)


def _sizes(step: Product) -> dict[str, int]:
    inner, outer = step.weights.shape
    return {"pixels": step.x.size // inner, "size": inner, "channels": outer}


# --- Pooling -----------------------------------------------------------------------------------


def _pooling(tape: Tape, step: Pooling) -> None:
    if step.average:
        tape.call("average_pool", [step.x], [step.y, None], step.flops, geometry=step.geometry)
        return
    argmax = tape.held[step, "argmax"] = Value(step.y.shape)
    tape.call("max_pool", [step.x], [step.y, argmax], step.flops, geometry=step.geometry)


def _pooling_back(tape: Tape, step: Pooling, grad: Value) -> None:
    kind = "average_pool_backward" if step.average else "max_pool_backward"
    argmax = tape.held.get((step, "argmax"))
    tape.find(step.x, lambda y: tape.call(
        kind, [grad, argmax], [y], step.flops, geometry=step.geometry
    ))  # fmt: skip


# --- Passes ------------------------------------------------------------------------------------


def _finish(tape: Tape, step: Finish) -> None:
    scale, shift = None, None
    if step.scaling is not None:
        scale, shift = Kept(Scaled(step.scaling, 0)), Kept(Scaled(step.scaling, 1))
        tape.held[step, "scale"] = scale
    pixels, channels = _rows(step.x)
    tape.call(
        "finish", [step.x, step.other, scale, shift], [step.y], step.flops, pixels=pixels,
        channels=channels, multiplies=step.multiplies,
        **_activated(step.activation, alone=step.scaling is None and step.other is None),
    )  # fmt: skip


class Scaled:
    """The factors (part 0) or the summands (1) of a scaling, one a channel, as the Variables that
    they are made of are now."""

    def __init__(self, weights: Weights, part: int) -> None:
        self._weights, self._part = weights, part
        self._array = weights.values()[part].copy()

    def __call__(self) -> Any:
        return self._array

    def refresh(self) -> None:
        """Take the Variables as they are now."""
        self._array[...] = self._weights.values()[self._part]


def _finish_back(tape: Tape, step: Finish, grad: Value) -> None:
    by_input = step.activation.name in _SLOPE_BY_INPUT
    grad = tape.before_activation(grad, step.x if by_input else step.y, step.activation)
    if step.scaling is not None:
        scale = tape.held[step, "scale"]
        tape.find(step.x, lambda y: tape.finish(grad, y, scale=scale))
    elif step.multiplies:
        assert step.other is not None
        x, other = step.x, step.other
        tape.find(x, lambda y: tape.finish(grad, y, other=other, multiplies=True))
        tape.find(other, lambda y: tape.finish(grad, y, other=x, multiplies=True))
    else:
        tape.pass_on(step.x, grad)
        if step.other is not None:
            tape.pass_on(step.other, grad)


def _copy(tape: Tape, step: Copy) -> None:
    tape.call("copy", [step.x], [step.y], outer=step.outer, inner=step.inner, length=step.length,
              x_strides=step.x_strides, y_strides=step.y_strides, y_first=step.at,
              zeros=step.zeros)  # fmt: skip


def _copy_back(tape: Tape, step: Copy, grad: Value) -> None:
    tape.find(step.x, lambda y: tape.call(
        "copy_from", [grad], [y], outer=step.outer, inner=step.inner, length=step.length,
        x_strides=step.y_strides, y_strides=step.x_strides, x_first=step.at,
    ))  # fmt: skip


def _normalization(tape: Tape, step: Normalization) -> None:
    layer = step.layer
    pixels, channels = _rows(step.x)
    kept = tape.held[step, "kept"] = Value((KEPT_ROWS, channels))
    tape.call(
        "normalize", [step.x, tape.keep(layer.gamma), tape.keep(layer.beta), step.other],
        [step.y, kept, tape.keep(layer.moving_mean), tape.keep(layer.moving_variance)],
        8 * step.x.size, pixels=pixels, channels=channels, activation=step.activation.name,
        settings=(step.activation.setting, layer.epsilon, layer.momentum),
    )  # fmt: skip
    tape.changed += [layer.moving_mean, layer.moving_variance]
    _activated(step.activation)


def _normalization_back(tape: Tape, step: Normalization, grad: Value) -> None:
    layer = step.layer
    pixels, channels = _rows(step.x)
    linear = step.activation.is_linear
    before = grad if linear else tape.place_for(grad)

    def call(by_x: Value | None) -> None:
        tape.call(
            "normalize_backward",
            [grad, None if linear else step.y, step.x, tape.keep(layer.gamma),
             tape.held[step, "kept"]],
            [None if linear else before, by_x, tape.gradient_of(layer.gamma),
             tape.gradient_of(layer.beta)],
            12 * step.x.size, pixels=pixels, channels=channels, activation=step.activation.name,
            settings=(step.activation.setting,),
        )  # fmt: skip

    if tape.wants(step.x):
        tape.find(step.x, call)
    else:
        call(None)
    if step.other is not None:
        tape.pass_on(step.other, before)


def _dropping(tape: Tape, step: Dropping) -> None:
    mask = tape.held[step, "mask"] = Value(step.x.shape, itemsize=1)
    state = step.layer.seed_generator.state
    rate = step.layer.rate
    tape.call("dropout", [step.x, tape.keep(state)], [step.y, mask], step.x.size,
              size=step.x.size, settings=(rate, 1 / (1 - rate)))  # fmt: skip
    tape.changed.append(state)


def _dropping_back(tape: Tape, step: Dropping, grad: Value) -> None:
    mask, rate = tape.held[step, "mask"], step.layer.rate
    tape.find(step.x, lambda y: tape.call(
        "dropout_backward", [grad, mask], [y], step.x.size, size=step.x.size,
        settings=(rate, 1 / (1 - rate)),
    ))  # fmt: skip


FORTH: dict[type, Callable[[Tape, Any], None]] = {
    Convolution: _convolution,
    Product: _product,
    Pooling: _pooling,
    Finish: _finish,
    Copy: _copy,
    Normalization: _normalization,
    Dropping: _dropping,
}
BACK: dict[type, Callable[[Tape, Any, Value], None]] = {
    Convolution: _convolution_back,
    Product: _product_back,
    Pooling: _pooling_back,
    Finish: _finish_back,
    Copy: _copy_back,
    Normalization: _normalization_back,
    Dropping: _dropping_back,
}
