"""What a plan is made of: values, and steps that read some and write one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from cnn_ext import _kernels
from cnn_ext.plan.weights import Weights

Shape = tuple[int, ...]


class Value:
    """An array of a run; a view has the storage of another value."""

    def __init__(self, shape: Shape, storage: Value | None = None, itemsize: int = 4) -> None:
        self.shape = shape
        self.itemsize = itemsize
        self.storage: Value = self if storage is None else storage.storage

    def view(self, shape: Shape) -> Value:
        """The same elements in another shape."""
        return Value(shape, self)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize


@dataclass(frozen=True)
class Activation:
    """An activation that the kernels know, and its setting; see `_kernels.PLAN_ACTIVATIONS`."""

    name: str = "linear"
    setting: float = 0.0

    @property
    def is_linear(self) -> bool:
        return self.name == "linear"

    @property
    def is_monotone(self) -> bool:
        """Whether the maximum of its values is its value at the maximum."""
        return self.name not in ("softmax", "silu", "hard_silu") and self.setting >= 0

    @property
    def tells_its_slope(self) -> bool:
        """Whether its gradient is known from its result."""
        return self.is_monotone and (self.name != "leaky_relu" or self.setting > 0)


LINEAR = Activation()


@dataclass(frozen=True, eq=False)
class Step:
    """One call of a kernel: reads x, and `other` if there is one; writes y.

    layers: names of the layers that it computes. other is added to what comes before the
    activation.
    """

    x: Value
    y: Value
    layers: tuple[str, ...]
    other: Value | None = field(default=None, kw_only=True)

    @property
    def reads(self) -> list[Value]:
        """The values that must be there."""
        return [value.storage for value in (self.x, self.other) if value is not None]

    @property
    def touches(self) -> list[Value]:
        """The values that are read or written."""
        return [*self.reads, self.y.storage]

    def changed(self, following: Step, **changes: Any) -> Any:
        """This step with another one, which follows it, in it."""
        layers = (*self.layers, *following.layers)
        return replace(self, y=following.y, layers=layers, **changes)

    @property
    def flops(self) -> int:
        """Multiplications and additions, by the textbook."""
        return self.y.size

    @property
    def kernel(self) -> str:
        """What computes it."""
        return ""

    def add_to(self, plan: Any, number: Any, packed: Any) -> None:
        """Append it; `number(value)` and `packed(weights, geometry, kernel)` know the rest."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Weighted(Step):
    """A sum with weights, a bias and an activation."""

    weights: Weights
    activation: Activation = LINEAR


@dataclass(frozen=True, eq=False)
class Convolution(Weighted):
    """activation(conv(x) + bias + other), or, with a window, the max-pool of that."""

    geometry: _kernels.Geometry = field(kw_only=True)
    window: tuple[int, int] = (0, 0)

    @property
    def flops(self) -> int:
        g = self.geometry
        return 2 * math.prod(g.y_shape) * g.kh * g.kw * (g.c_in // g.groups)

    @property
    def algorithm(self) -> str:
        return _kernels.serving_convolution(self.geometry, *self.window)

    @property
    def kernel(self) -> str:
        return f"conv2d {self.algorithm}"

    def add_to(self, plan: Any, number: Any, packed: Any) -> None:
        plan.add_convolution(
            number(self.x), number(self.other), number(self.y),
            packed(self.weights, self.geometry, self.algorithm), self.geometry, *self.window,
            self.activation.name, self.activation.setting,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Product(Weighted):
    """activation(x @ weights + bias + other)."""

    @property
    def flops(self) -> int:
        return 2 * self.x.size * self.weights.shape[-1]

    @property
    def kernel(self) -> str:
        return "gemm packed"

    def add_to(self, plan: Any, number: Any, packed: Any) -> None:
        inner, outer = self.weights.shape
        geometry = _kernels.Geometry(n=1, h=1, w=1, c_in=inner, c_out=outer, kh=1, kw=1, oh=1, ow=1)
        plan.add_product(
            number(self.x), number(self.other), number(self.y),
            packed(self.weights, geometry, "direct"), self.x.size // inner,
            self.activation.name, self.activation.setting,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Finish(Step):
    """activation(x * scale + bias, then + or * other), each channel with its scale and bias."""

    scaling: Weights | None = None
    activation: Activation = LINEAR
    multiplies: bool = False

    @property
    def kernel(self) -> str:
        return "softmax" if self.activation.name == "softmax" else "pass"

    def add_to(self, plan: Any, number: Any, packed: Any) -> None:
        channels = self.x.shape[-1]
        weights = None
        if self.scaling is not None:
            geometry = _kernels.Geometry(
                n=1, h=1, w=1, c_in=channels, c_out=channels, kh=1, kw=1, oh=1, ow=1,
                groups=channels,
            )  # fmt: skip
            weights = packed(self.scaling, geometry, "scale")
        plan.add_finish(
            number(self.x), number(self.other), number(self.y), weights,
            self.x.size // channels, channels, self.activation.name, self.activation.setting,
            self.multiplies,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Normalization(Finish):
    """activation(batch normalization by the batch's own mean and variance, then + other)."""

    layer: Any = None


@dataclass(frozen=True, eq=False)
class Dropping(Step):
    """Dropout as in training."""

    layer: Any = None


@dataclass(frozen=True, eq=False)
class Pooling(Step):
    """The maximum or the mean over windows."""

    geometry: _kernels.Geometry = field(kw_only=True)
    average: bool = False

    @property
    def flops(self) -> int:
        return self.y.size * self.geometry.kh * self.geometry.kw

    @property
    def kernel(self) -> str:
        return "average_pool2d" if self.average else "max_pool2d"

    def add_to(self, plan: Any, number: Any, packed: Any) -> None:
        plan.add_pooling(number(self.x), number(self.y), self.geometry, self.average)


@dataclass(frozen=True, eq=False)
class Copy(Step):
    """`outer` times `inner` stretches of `length` elements of x, put into y.

    strides: elements between outer and between inner stretches, of x and of y; at: where in y the
    first goes; zeros: elements of y that are cleared first, for each outer.
    """

    outer: int = field(kw_only=True)
    inner: int = field(kw_only=True)
    length: int = field(kw_only=True)
    x_strides: tuple[int, int] = field(kw_only=True)
    y_strides: tuple[int, int] = field(kw_only=True)
    at: int = 0
    zeros: int = 0

    @property
    def flops(self) -> int:
        return 0

    @property
    def kernel(self) -> str:
        return "copy"

    def add_to(self, plan: Any, number: Any, packed: Any) -> None:
        plan.add_copy(
            number(self.x), number(self.y), self.outer, self.inner, self.length, self.x_strides,
            self.y_strides, self.at, self.zeros,
        )  # fmt: skip
