"""The tables that tests run over: a row per geometry, per operation and per error.

CONV, POOL and GEMM are sizes, and KERNEL_CASES what the kernels' doors are given for them. CASES
has every operation of cnn_ext.ops, its arguments and its counterpart in Keras. A test is a property
of all rows of a table.

Over 400 lines because it is data, which is read a row at a time.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cnn_ext import _kernels
from cnn_ext._kernels import Geometry
from cnn_ext.ops.conv import conv_geometry
from cnn_ext.ops.pooling import pool_geometry

DTYPES = ("float32", "float64")


def assert_close(ours, expected, tolerance, constant=False):
    """`ours` is `expected` within `tolerance` of its largest value, and that says something.

    constant: whether several equal values are expected.
    """
    ours, expected = np.asarray(ours), np.asarray(expected)
    assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
    ours, expected = ours.astype(np.float64), expected.astype(np.float64)
    assert np.isfinite(ours).all() and np.isfinite(expected).all()
    assert expected.any(), "nothing but zeros: says nothing"
    assert np.ptp(expected) > 0 or expected.size == 1 or constant, "constant: says nothing"
    error, largest = np.abs(ours - expected).max(), np.abs(expected).max()
    assert error <= tolerance * largest, f"{error / largest:.3g} of the largest value"


# --- Sizes -----------------------------------------------------------------------------------

# One below, at and above vectors of 2, 4, 8 and 16 lanes and the panels that two of them make.
AROUND_VECTORS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48)
# Register blocks are up to 14 pixels tall: every block, and two or three of them in a row.
ROW_BLOCKS = (*range(1, 17), 28, 29)


class Conv(NamedTuple):
    """n images of h x w x c, met by kh x kw windows, give as many channels as filters."""

    n: int
    h: int
    w: int
    c: int
    kh: int
    kw: int
    filters: int
    padding: str = "valid"
    strides: Any = 1
    dilation: Any = 1
    groups: int = 1

    @property
    def name(self) -> str:
        text = f"{self.n}x{self.h}x{self.w}x{self.c}-{self.kh}x{self.kw}x{self.filters}"
        more = {"strides": self.strides, "dilation": self.dilation, "groups": self.groups}
        more = "".join(f"-{key}{value}" for key, value in more.items() if value != 1)
        return f"{text}-{self.padding}{more}".replace(", ", "x")

    @property
    def x_shape(self):
        return (self.n, self.h, self.w, self.c)

    @property
    def weight_shape(self):
        return (self.kh, self.kw, self.c // self.groups, self.filters)

    def geometry(self) -> Geometry:
        return conv_geometry(
            self.x_shape, self.weight_shape, self.strides, self.padding, self.dilation
        )


class Pool(NamedTuple):
    """n images of h x w x c, met by kh x kw windows; strides are the window if None."""

    n: int
    h: int
    w: int
    c: int
    kh: int
    kw: int
    padding: str = "valid"
    strides: Any = None

    @property
    def name(self) -> str:
        strides = "" if self.strides is None else f"-strides{self.strides}"
        text = f"{self.n}x{self.h}x{self.w}x{self.c}-{self.kh}x{self.kw}-{self.padding}{strides}"
        return text.replace(", ", "x")

    @property
    def x_shape(self):
        return (self.n, self.h, self.w, self.c)

    def geometry(self) -> Geometry:
        return pool_geometry(self.x_shape, (self.kh, self.kw), self.strides, self.padding)


class Gemm(NamedTuple):
    """(m, k) @ (k, n)."""

    m: int
    n: int
    k: int

    @property
    def name(self) -> str:
        return f"{self.m}x{self.n}x{self.k}"


# What networks are made of; each operation is checked in full on these.
CONV_KINDS = (
    Conv(2, 7, 6, 3, 3, 3, 5),
    Conv(2, 7, 6, 3, 3, 3, 5, "same"),
    Conv(1, 7, 5, 2, 2, 4, 3, "same"),  # odd sizes, even windows: padding is uneven
    Conv(2, 8, 7, 2, 3, 3, 4, "same", 2),
    Conv(1, 9, 8, 2, 2, 2, 3, "valid", (3, 4)),  # strides that leave pixels out
    Conv(2, 5, 4, 6, 1, 1, 7),
    Conv(1, 9, 8, 2, 3, 3, 3, "valid", 1, (2, 1)),
    Conv(1, 7, 8, 2, 3, 2, 3, "same", 1, (2, 3)),
    Conv(2, 5, 6, 4, 3, 3, 6, "same", 1, 1, 2),
    Conv(1, 6, 5, 4, 3, 3, 8, "valid", 2, 1, 4),  # depthwise, two filters a channel
)
CONV = (
    *CONV_KINDS,
    Conv(2, 28, 28, 1, 3, 3, 32, "same"),  # the textbook network
    Conv(2, 14, 14, 32, 3, 3, 64, "same"),
    Conv(2, 11, 13, 17, 3, 3, 33, "same"),  # Winograd's tiles: halves at the edges, odd channels
    Conv(3, 9, 8, 16, 3, 3, 20),
    Conv(1, 21, 23, 17, 3, 3, 33, "same"),  # the same for weight gradients
    Conv(2, 22, 23, 16, 3, 3, 18),
    Conv(1, 12, 11, 1, 10, 10, 3),  # large windows
    Conv(1, 12, 11, 3, 10, 10, 2, "same", (2, 3)),
    Conv(0, 5, 5, 2, 3, 3, 3, "same"),
    Conv(5, 4, 4, 2, 3, 3, 2),
    Conv(1, 3, 3, 2, 5, 5, 2, "same"),  # the window is larger than the image
    Conv(1, 3, 3, 2, 3, 3, 2),  # and just as large
    Conv(1, 1, 1, 1, 1, 1, 1),
    Conv(1, 4, 4, 3, 1, 1, 2, "same", 3),
    Conv(1, 6, 7, 2, 2, 3, 3, "same", (1, 2)),
    Conv(1, 13, 12, 3, 7, 7, 5, "same", 2),  # stems
    Conv(2, 23, 27, 3, 11, 11, 34, "valid", 4),
    Conv(2, 9, 11, 6, 3, 3, 32, "same"),
    Conv(1, 6, 6, 17, 3, 3, 17, "same", 1, 1, 17),  # depthwise
    Conv(2, 9, 10, 6, 3, 3, 6, "same", 2, 1, 6),
    Conv(1, 7, 5, 33, 2, 3, 33, "same", 1, 2, 33),
    Conv(1, 3, 3, 512, 3, 3, 512, "same", 1, 1, 512),
    Conv(2, 5, 7, 6, 3, 3, 18, "same", 1, 1, 6),  # three filters a channel
    Conv(1, 5, 7, 24, 3, 3, 24, "same", 1, 1, 8),  # small groups
    Conv(1, 4, 5, 32, 3, 3, 32, "same", 1, 1, 2),  # a vector in each group
    Conv(1, 4, 5, 34, 1, 2, 34, "same", 1, 1, 2),
    *(Conv(1, 2, w, 3, 1, 2, 5, "same") for w in ROW_BLOCKS),
    *(Conv(1, 2, w, 3, 1, 2, 18, "same") for w in ROW_BLOCKS),
    *(Conv(1, 4, 3, 2, 2, 2, c) for c in AROUND_VECTORS),
    *(Conv(1, 4, 3, c, 2, 2, 3) for c in AROUND_VECTORS if c != 2),
    *(Conv(1, 3, 3, c, 2, 1, 33, "same") for c in (15, 16, 17, 33)),
)
# TensorFlow refuses strides together with dilation, and pads in two ways only.
CONV_BEYOND_TENSORFLOW = (
    Conv(1, 11, 10, 2, 3, 3, 3, "same", 2, 3),
    Conv(1, 11, 10, 4, 2, 3, 6, "valid", (3, 2), (2, 3), 2),
)


def odd_padding(channels: int) -> dict[str, Geometry]:
    """Windows where neither SAME nor VALID places them."""
    geometries = {
        "padding in front only": Geometry(
            n=2, h=4, w=5, c_in=channels, c_out=3, kh=3, kw=3, oh=5, ow=6, pad_top=3, pad_left=3
        ),
        "a window in the padding": Geometry(
            n=3, h=5, w=1, c_in=channels, c_out=2, kh=3, kw=1, oh=5, ow=5, pad_top=1, pad_left=3
        ),
        "rows that no window meets": Geometry(
            n=2, h=9, w=8, c_in=channels, c_out=3, kh=2, kw=2, oh=2, ow=2, stride_h=2, stride_w=3
        ),
        "two zeros in front": Geometry(
            n=3, h=7, w=6, c_in=channels, c_out=18, kh=3, kw=3, oh=9, ow=7, pad_top=2, pad_left=2
        ),
        "far behind the image": Geometry(
            n=1, h=3, w=3, c_in=channels, c_out=3, kh=2, kw=2, oh=6, ow=7, stride_h=2, dilation_w=3
        ),
    }
    return {f"{name}, {channels} channels": g for name, g in geometries.items()}


POOL_KINDS = (
    Pool(2, 6, 6, 3, 2, 2),
    Pool(2, 7, 5, 2, 2, 2, "same"),  # odd sizes, even windows
    Pool(1, 6, 7, 3, 3, 3, "same", 1),  # windows overlap
    Pool(1, 7, 8, 2, 3, 2, "valid", (2, 1)),
    Pool(1, 8, 9, 2, 2, 2, "valid", (3, 4)),  # strides that leave pixels out
)
POOL = (
    *POOL_KINDS,
    Pool(2, 28, 28, 32, 2, 2),  # the textbook network
    Pool(2, 4, 4, 2, 1, 1),
    Pool(1, 5, 5, 2, 1, 1, "same", 3),
    Pool(1, 12, 13, 2, 10, 10),
    Pool(1, 12, 13, 2, 10, 10, "same", (2, 3)),
    Pool(1, 3, 4, 2, 5, 5, "same"),
    Pool(1, 4, 5, 2, 4, 5),  # global
    Pool(0, 4, 4, 2, 2, 2),
    Pool(5, 3, 3, 1, 2, 2, "same", 1),
    *(Pool(1, 4, 3, c, 2, 2, "same") for c in AROUND_VECTORS),
)

GEMM = (
    *(Gemm(17, n, 6) for n in (17, 33, 48, 65)),
    *(Gemm(4, 9, k) for k in (1, 2, 15, 511, 512, 513, 1100)),  # chunks are 512 long
    Gemm(33, 34, 1030),
    *(Gemm(m, 37, 1100) for m in (1, 2, 128, 129)),  # few rows are split along k
    Gemm(1, 1, 1),
    Gemm(1, 40, 600),
    Gemm(40, 1, 600),
    Gemm(2, 100, 3136),  # the textbook network's dense layer
)
# Every register block of every instruction set, its last vector full and not: a @ b runs those of
# convolution, a.T @ b those of the weights' gradient.
GEMM_BLOCKS = tuple(Gemm(m, n, 5) for m in ROW_BLOCKS for n in (1, 2, 3, 4, 7, 8, 15, 16, 31, 32))


# --- Kernels ---------------------------------------------------------------------------------


class KernelCase(NamedTuple):
    """What the door of one operation is called with: `(*arrays(rng, dtype), *sizes)`."""

    name: str
    sizes: tuple
    arrays: Callable[[np.random.Generator, str], tuple]


def argmax_of(geometry: Geometry, rng: np.random.Generator) -> np.ndarray:
    with _kernels.use_kernels("reference"):
        return _kernels.max_pool2d_forward(rng.standard_normal(geometry.x_shape), geometry)[1]


def _kernel_cases(geometries: Mapping[str, Geometry], *what: str) -> list[KernelCase]:
    """`what`: which shapes of the geometry the door's arrays have; "argmax" is one itself."""

    def arrays(geometry, rng, dtype):
        return tuple(
            argmax_of(geometry, rng)
            if shape == "argmax"
            else rng.standard_normal(getattr(geometry, shape)).astype(dtype)
            for shape in what
        )

    return [
        KernelCase(name, (geometry,), functools.partial(arrays, geometry))
        for name, geometry in geometries.items()
    ]


def _gemm_case(row: Gemm, transpose_a: bool, transpose_b: bool) -> KernelCase:
    def arrays(rng, dtype):
        a, b = rng.standard_normal((row.m, row.k)), rng.standard_normal((row.k, row.n))
        a, b = a.T if transpose_a else a, b.T if transpose_b else b
        return np.ascontiguousarray(a, dtype), np.ascontiguousarray(b, dtype)

    return KernelCase(
        f"{row.name}-{'nt'[transpose_a]}{'nt'[transpose_b]}", (transpose_a, transpose_b), arrays
    )


# What a fused convolution pools by: windows side by side, which leave pixels out or not.
_FUSED_CONVS = {
    row.name: row.geometry()
    for row in (
        Conv(2, 7, 6, 3, 3, 3, 5),
        Conv(2, 28, 28, 1, 3, 3, 32, "same"),
        Conv(2, 14, 14, 32, 3, 3, 64, "same"),
        Conv(2, 11, 13, 17, 3, 3, 33, "same"),
        Conv(1, 9, 8, 16, 5, 2, 20, "valid", (1, 2), (2, 1)),
        Conv(3, 10, 9, 35, 3, 3, 18, "same", 2),
        Conv(1, 8, 8, 16, 1, 1, 70),
        Conv(1, 8, 8, 6, 3, 3, 6, "same", 1, 1, 6),
    )
} | odd_padding(17)
_MANY_PARTS = (Conv(17, 14, 14, 32, 3, 3, 64, "same"), Conv(1, 40, 40, 20, 3, 3, 36))
_FUSED = {
    f"{name}-pool{h}x{w}": (g, h, w)
    for name, g in _FUSED_CONVS.items()
    for h, w in ((2, 2), (1, 2), (2, 1), (3, 2))
    if min(g.oh // h, g.ow // w) > 0
} | {f"{row.name}-pool2x2": (row.geometry(), 2, 2) for row in _MANY_PARTS}


def _fused_cases(*what: str) -> list[KernelCase]:
    """`what`: "x", "weight", "bias", "grad" or "code"."""

    def arrays(sizes, rng, dtype):
        g, h, w = sizes
        shapes = {
            "x": g.x_shape, "weight": g.weight_shape, "bias": (g.c_out,),
            "grad": (g.n, g.oh // h, g.ow // w, g.c_out),
        }  # fmt: skip
        codes = rng.choice([*range(h * w), 255], shapes["grad"]).astype(np.uint8)
        made = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
        return tuple({**made, "code": codes}[name] for name in what)

    return [
        KernelCase(name, sizes, functools.partial(arrays, sizes)) for name, sizes in _FUSED.items()
    ]


PASS_SHAPES = ((5, 1), (3, 7), (2, 5, 16), (40, 33), (3, 2, 2, 3), (700, 64), (40000, 1))


def _pass_cases(shapes: Iterable[tuple[int, ...]], what: str) -> list[KernelCase]:
    """Arrays of each shape: "x" of the shape itself, "b" of its last axis."""

    def arrays(shape, rng, dtype):
        return tuple(
            rng.standard_normal(shape if kind == "x" else shape[-1:]).astype(dtype) for kind in what
        )

    return [
        KernelCase("x".join(map(str, shape)), (), functools.partial(arrays, shape))
        for shape in shapes
    ]


_CONVS = {r.name: r.geometry() for r in (*CONV, *CONV_BEYOND_TENSORFLOW) if r.n}
_CONVS |= odd_padding(2) | odd_padding(17)
_POOLS = {r.name: r.geometry() for r in POOL if r.n}

KERNEL_CASES: dict[str, list[KernelCase]] = {
    "conv2d_forward": _kernel_cases(_CONVS, "x_shape", "weight_shape"),
    "conv2d_backward_input": _kernel_cases(_CONVS, "y_shape", "weight_shape"),
    "conv2d_backward_weight": _kernel_cases(_CONVS, "x_shape", "y_shape"),
    "conv2d_relu_pool_forward": _fused_cases("x", "weight", "bias"),
    "conv2d_relu_pool_backward_input": _fused_cases("grad", "code", "weight"),
    "conv2d_relu_pool_backward_weight": _fused_cases("x", "grad", "code"),
    "max_pool2d_forward": _kernel_cases(_POOLS, "x_shape"),
    "max_pool2d_backward": _kernel_cases(_POOLS, "y_shape", "argmax"),
    "max_pool2d_gather": _kernel_cases(_POOLS, "x_shape", "argmax"),
    "average_pool2d_forward": _kernel_cases(_POOLS, "x_shape"),
    "average_pool2d_backward": _kernel_cases(_POOLS, "y_shape"),
    "gemm": [
        _gemm_case(row, *transposed)
        for row in (*GEMM, *GEMM_BLOCKS)
        for transposed in itertools.product((False, True), repeat=2)
    ],
    "relu_forward": _pass_cases(PASS_SHAPES, "x"),
    "relu_backward": _pass_cases(PASS_SHAPES, "xx"),
    "add_bias": _pass_cases(PASS_SHAPES, "xb"),
    "column_sum": _pass_cases(PASS_SHAPES, "x"),
}

# Optimizer steps change their arrays: operation -> rows of (slots kept, settings).
UPDATE_CASES: dict[str, list[tuple[tuple[bool, ...], tuple]]] = {
    "sgd_update": [
        ((False,), (0.1, 0.0, False)),
        ((True,), (0.1, 0.9, False)),
        ((True,), (0.1, 0.9, True)),
    ],
    "rmsprop_update": [
        ((True, False, False), (0.01, 0.9, 0.0, 1e-7)),
        ((True, True, False), (0.01, 0.8, 0.5, 1e-3)),
        ((True, True, True), (0.01, 0.9, 0.5, 1e-7)),
    ],
    "adam_update": [
        ((True, True, False), (0.01, 0.9, 0.999, 1e-7)),
        ((True, True, True), (0.02, 0.8, 0.99, 1e-3)),
    ],
}


# --- Operations ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Case:
    """One call of one operation: `operation(*arrays, **static)`.

    arrays: made from a generator; floats in float64, which tests convert, the rest as it is.
    theirs: the counterpart, called as `theirs(keras.ops, *tensors)`; None is the function of the
        same name in keras.ops, with the same keywords.
    listed: whether the operation takes its arrays as one list.
    differentiable: whether gradients pass.
    smooth: whether differences may be taken there, with no kink and nothing saturated near.
    linear: "each" if linear in each float array while the others are held, "jointly" if in all.
    empty: whether it takes or gives no elements, and so has zeros for results and gradients.
    pick: which of several results is meant.
    their_gradient: whether Keras's gradient is the derivative, and so can be compared with.
    tolerance: of the comparison with Keras where the usual one is too narrow, for a reason given.
    """

    name: str
    arrays: Callable[[np.random.Generator], tuple]
    static: dict[str, Any] = dataclasses.field(default_factory=dict)
    theirs: Callable[..., Any] | None = None
    listed: bool = False
    differentiable: bool = True
    smooth: bool = True
    linear: str = ""
    empty: bool = False
    pick: int | None = None
    their_gradient: bool = True
    tolerance: float = 0.0

    def inputs(self, dtype: str, seed: int = 0) -> list[Any]:
        made = self.arrays(np.random.default_rng(seed))
        floats = [isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in made]
        return [a.astype(dtype) if f else a for a, f in zip(made, floats, strict=True)]

    def call(self, operation: Callable[..., Any], *arrays: Any) -> Any:
        result = operation(*([arrays] if self.listed else arrays), **self.static)
        return result if self.pick is None else result[self.pick]


def normal(*shapes):
    return lambda rng: tuple(rng.standard_normal(shape) for shape in shapes)


def positive(*shapes):
    return lambda rng: tuple(rng.uniform(0.5, 2, shape) for shape in shapes)


def off_zero(*shapes):
    return lambda rng: tuple(
        rng.choice([-1, 1], shape) * rng.uniform(0.1, 2, shape) for shape in shapes
    )


def distinct(*shapes):
    """No two elements of all the arrays are near each other: no maximum is in doubt."""

    def arrays(rng):
        sizes = [int(np.prod(shape)) for shape in shapes]
        values = rng.permutation(sum(sizes)) * (4 / max(1, sum(sizes))) - 2
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))

    return arrays


def ties(*shapes):
    return lambda rng: tuple(rng.integers(-1, 2, shape).astype(float) for shape in shapes)


def just(*arrays):
    return lambda rng: arrays


def both(first, second):
    """The arrays of two makers, one after the other."""
    return lambda rng: (*first(rng), *second(rng))


def probabilities(shape, axis=-1):
    """Away from 0 and 1; their sum is 1, which TensorFlow's gradients take for granted."""

    def arrays(rng):
        p = rng.uniform(0.1, 1, shape)
        return (p / p.sum(axis=axis, keepdims=True),)

    return arrays


def labels(shape, classes):
    return lambda rng: (rng.integers(0, classes, shape),)


WIDE = just(np.array([-1000.0, -90.0, -20.0, 0.0, 20.0, 90.0, 1000.0]))
KINKS = just(np.array([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0]))
NEAR = just(np.array([-1000.0, -90.0, 0.0, 998.0, 1000.0]))
SHARED = just(np.array([[3.0, 3.0, 1.0], [0.0, 2.0, 1.0], [-1.0, -1.0, -1.0]]))
DEAD = np.array([[1.0, 0.0, 2.0], [0.0, 0.5, 0.0]])  # what a ReLU gave
EQUALS = just(np.array([1.0, 2.0, 2.0, -1.0]), np.array([1.0, 0.0, 2.0, 3.0]))


def unary(arrays, **flags):
    return Case("plain", arrays, **flags)


def binary(make, **flags):
    """An operation of two arrays, and what broadcasting can do to them."""
    shapes = {"same": ((3, 4), (3, 4)), "row": ((3, 4), (4,)), "column": ((3, 1), (1, 4)),
              "number": ((), (2, 3)), "ranks": ((2, 1, 3), (4, 1))}  # fmt: skip
    return [Case(name, make(*pair), **flags) for name, pair in shapes.items()]


def reductions(make, **flags):
    statics = [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)},
               {"axis": None, "keepdims": True}]  # fmt: skip
    return [
        Case("-".join(f"{k}={v}" for k, v in static.items()) or "all", make, static, **flags)
        for static in statics
    ]


def conv_cases(rows):
    """conv in Keras's words."""

    def no_images(row, k, x, weight):  # for which Keras gives the wrong number of channels
        return k.conv(k.zeros((1, *x.shape[1:])), weight, row.strides, row.padding)[:0]

    return [
        Case(
            row.name,
            normal(row.x_shape, row.weight_shape),
            {"strides": row.strides, "padding": row.padding, "dilation_rate": row.dilation},
            None if row.n else functools.partial(no_images, row),
            linear="each",
            empty=row.n == 0,
        )
        for row in rows
    ]


def conv_channels_first():
    """Channels-first images; TensorFlow has no such convolution for CPUs, so it gets them last."""

    def theirs(k, x, weight):
        y = k.conv(k.transpose(x, (0, 2, 3, 1)), weight, 2, "same")
        return k.transpose(y, (0, 3, 1, 2))

    static = {"strides": 2, "padding": "same", "data_format": "channels_first"}
    arrays = normal((2, 3, 7, 6), (3, 3, 3, 5))
    return Case("channels_first", arrays, static, theirs, linear="each")


def gradient_by_tape(function, at, gradient):
    """TensorFlow's gradient of function at a tensor."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(at)
        y = function(at)
    return tape.gradient(y, at, output_gradients=gradient)


def conv2d_by_keras(row, k, **given):
    """Of x, weight and y the one that is not given: Keras's conv or a gradient of it."""

    def conv(x, weight):
        return k.conv(x, weight, row.strides, row.padding, dilation_rate=row.dilation)

    if "y" not in given:
        return conv(given["x"], given["weight"])
    if "x" not in given:
        at = k.zeros(row.x_shape, given["y"].dtype)
        return gradient_by_tape(lambda x: conv(x, given["weight"]), at, given["y"])
    at = k.zeros(row.weight_shape, given["y"].dtype)
    return gradient_by_tape(lambda weight: conv(given["x"], weight), at, given["y"])


def conv2d_cases(which):
    """The three bilinear operations on a Geometry.

    which: the names of the two arrays that the operation takes; the third is its result.
    """

    def theirs(row, k, first, second):
        return conv2d_by_keras(row, k, **dict(zip(which, (first, second), strict=True)))

    cases = []
    for row in CONV_KINDS:
        geometry = row.geometry()
        shapes = {"x": row.x_shape, "weight": row.weight_shape, "y": geometry.y_shape}
        arrays, counterpart = normal(*map(shapes.get, which)), functools.partial(theirs, row)
        cases.append(Case(row.name, arrays, {"geometry": geometry}, counterpart, linear="each"))
    return cases


FUSED_KINDS = (
    *((row, (2, 2)) for row in CONV_KINDS),
    (CONV_KINDS[0], (1, 2)),
    (CONV_KINDS[1], (3, 2)),
    (Conv(1, 12, 11, 16, 3, 3, 17, "same"), (2, 2)),  # Winograd's tiles, lists of what is alive
)


def relu_pool_by_keras(window, k, sums):
    return k.max_pool(k.relu(sums), window)


def conv_relu_max_pool_cases(in_words):
    """Convolution, bias, ReLU and max-pooling in one: in Keras's words, or on a Geometry."""

    def theirs(row, window, k, x, weight, bias):
        sums = conv2d_by_keras(row, k, x=x, weight=weight) + bias
        return relu_pool_by_keras(window, k, sums)

    def no_images(row, window, k, x, weight, bias):  # as in conv_cases
        return theirs(row, window, k, k.zeros((1, *x.shape[1:])), weight, bias)[:0]

    kinds = (*FUSED_KINDS, (Conv(0, 6, 7, 2, 3, 3, 3), (2, 2)))
    return [
        Case(
            f"{row.name}-pool{window}",
            normal(row.x_shape, row.weight_shape, (row.filters,)),
            {"pool_size": window, "strides": row.strides, "padding": row.padding,
             "dilation_rate": row.dilation}
            if in_words
            else {"geometry": row.geometry(), "window": window},
            functools.partial(theirs if row.n else no_images, row, window),
            empty=row.n == 0,
        )
        for row, window in kinds
    ]  # fmt: skip


def conv2d_relu_pool_backward_cases(which):
    """The gradients of conv2d_relu_pool, bilinear where the maxima are held.

    which: the names of the two arrays, as for conv2d_cases; y is after the pool.
    """

    def theirs(row, window, sums, k, first, second):
        given = dict(zip(which, (first, second), strict=True))
        at = k.convert_to_tensor(sums, given["y"].dtype)
        pool = functools.partial(relu_pool_by_keras, window, k)
        given["y"] = gradient_by_tape(pool, at, given["y"])
        return conv2d_by_keras(row, k, **given)

    cases = []
    for row, window in FUSED_KINDS:
        g = row.geometry()
        x, weight, bias = normal(row.x_shape, row.weight_shape, (row.filters,))(
            np.random.default_rng(7)
        )
        y, code = _kernels.conv2d_relu_pool_forward(x, weight, bias, g, *window)
        sums = _kernels.conv2d_forward(x, weight, g) + bias
        shapes = {"x": row.x_shape, "weight": row.weight_shape, "y": y.shape}
        static = {"code": code, "geometry": g, "window": window}
        arrays = normal(*map(shapes.get, which))
        counterpart = functools.partial(theirs, row, window, sums)
        cases.append(Case(f"{row.name}-pool{window}", arrays, static, counterpart, linear="each"))
    return cases


def pool_cases(make, rows=POOL, **flags):
    """Pooling in Keras's words."""
    return [
        Case(
            row.name,
            make(row.x_shape),
            {"pool_size": (row.kh, row.kw), "strides": row.strides, "padding": row.padding},
            empty=row.n == 0,
            **flags,
        )
        for row in rows
    ]


def pool2d_cases(name, order, make=normal, linear="each"):
    """Pooling on a Geometry, or a derivative of it.

    name: Keras's pooling; order: 0 for itself, 1 for its gradient, 2 for the gradient of that.
    """

    def theirs(row, image, k, given):
        def pool(x):
            return getattr(k, name)(x, (row.kh, row.kw), row.strides, row.padding)

        if order == 0:
            return pool(given)
        x = k.convert_to_tensor(image, given.dtype)
        if order == 1:
            return gradient_by_tape(pool, x, given)
        nothing = k.zeros(row.geometry().y_shape, given.dtype)
        return gradient_by_tape(lambda g: gradient_by_tape(pool, x, g), nothing, given)

    cases = []
    for row in POOL_KINDS:
        geometry, (image,) = row.geometry(), distinct(row.x_shape)(np.random.default_rng(7))
        static = {"geometry": geometry}
        if name == "max_pool" and order > 0:
            static["argmax"] = _kernels.max_pool2d_forward(image, geometry)[1]
        arrays = make(geometry.y_shape if order == 1 else row.x_shape)
        counterpart = functools.partial(theirs, row, image)
        cases.append(Case(row.name, arrays, static, counterpart, linear=linear))
    return cases


INDICES = {
    "slice": np.s_[1:3],
    "slices": np.s_[::-1, 1::2],
    "number": 2,
    "numbers": np.s_[1, -1],
    "new axis": np.s_[..., None, 0],
    "array with repeats": np.array([0, 2, 2, 0]),
    "list": [3, 3, 1],
    "pairs with repeats": (np.array([0, 1, 1]), np.array([2, 0, 0])),
    "slice and array": (slice(None), np.array([[2, 2], [0, 1]])),
    "mask": np.arange(20).reshape(4, 5) % 3 == 0,
    "mask of rows": np.array([True, False, True, True]),
    "nothing": np.s_[2:2],
}


def index_cases(operation):
    """Picking from a 4 x 5 array, or scatter_add into it; Keras's by the elements' numbers."""
    numbers = np.arange(20).reshape(4, 5)
    cases = []
    for name, index in INDICES.items():
        picked = numbers[index]
        flags = {"linear": "each", "empty": picked.size == 0}
        if operation != "scatter_add":

            def theirs(k, x, picked=picked):
                return k.take(k.reshape(x, (-1,)), picked)

            static = {"index" if operation == "getitem" else "key": index}
            cases.append(Case(name, normal((4, 5)), static, theirs, **flags))
        else:

            def theirs(k, x, picked=picked):
                total = k.segment_sum(k.reshape(x, (-1,)), picked.reshape(-1), 20)
                return k.reshape(total, (4, 5))

            static = {"index": index, "shape": (4, 5)}
            cases.append(Case(name, normal(picked.shape), static, theirs, **flags))
    return cases


def matmul_cases():
    pairs = [((3, 4), (4, 5)), ((1, 1), (1, 1)), ((4,), (4,)), ((4,), (4, 3)), ((3, 4), (4,)),
             ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 3, 4), (2, 4, 5)), ((4,), (2, 4, 3)),
             ((2, 1, 3, 4), (5, 4, 2)), ((2, 3, 4), (4,)), ((17, 520), (520, 33))]  # fmt: skip
    return [
        Case("@".join("x".join(map(str, shape)) for shape in pair), normal(*pair), linear="each")
        for pair in pairs
    ]


def crossentropy_cases(target, shape, what=""):
    """The target made by `target`, the output of `shape` as probabilities and as logits."""
    rows = {"probabilities": probabilities(shape), "logits": normal(shape)}
    return [
        Case(name + what, both(target, output), {"from_logits": name == "logits"})
        for name, output in rows.items()
    ]


def statics(make, rows, **flags):
    """One case per set of keywords."""
    return [Case(str(static), make, static, **flags) for static in rows]


COMPARISON = [unary(ties((4, 5), (5,)), differentiable=False)]
WHERE_MAXIMUM_IS = [
    *statics(distinct((3, 4)), [{}, {"axis": 0}, {"axis": -1, "keepdims": True}],
             differentiable=False),
    Case("ties", ties((5, 6)), {"axis": 1}, differentiable=False),
]  # fmt: skip
POOL_FIRST = {"pool_size": 2, "padding": "same", "data_format": "channels_first"}

CASES: dict[str, list[Case]] = {
    "absolute": [unary(off_zero((3, 4))), Case("kinks", KINKS, smooth=False)],
    "add": binary(normal, linear="jointly"),
    "add_bias": [
        Case("x".join(map(str, shape)), normal(shape, shape[-1:]), linear="jointly",
             theirs=lambda k, x, bias: x + bias)
        for shape in ((4,), (3, 4), (2, 3, 2, 5))
    ],
    "argmax": WHERE_MAXIMUM_IS,
    "argmin": WHERE_MAXIMUM_IS,
    "average_pool": [
        *pool_cases(normal, linear="each"),
        Case("channels_first", normal((2, 3, 6, 5)), POOL_FIRST, linear="each"),
    ],
    "average_pool2d": pool2d_cases("average_pool", 0),
    "average_pool2d_backward": pool2d_cases("average_pool", 1),
    "binary_crossentropy": crossentropy_cases(probabilities((3, 4)), (3, 4)),
    "broadcast_to": statics(
        normal((3, 1)), [{"shape": (3, 4)}, {"shape": (2, 3, 1)}], linear="each"
    ),
    "cast": [
        Case("to float64", normal((3, 4)), {"dtype": "float64"}, linear="each"),
        Case("to float32", normal((3, 4)), {"dtype": "float32"}, smooth=False),
        Case("to int32", ties((3, 4)), {"dtype": "int32"}, differentiable=False),
        Case("from bytes", just(np.arange(6, dtype=np.uint8)), {"dtype": "float32"},
             differentiable=False),
    ],
    "categorical_crossentropy": [
        *crossentropy_cases(probabilities((3, 4)), (3, 4)),
        Case("axis", both(probabilities((3, 4), axis=0), normal((3, 4))),
             {"from_logits": True, "axis": 0}),
    ],
    "clip": [
        Case("inside and out", distinct((3, 5)), {"x_min": -0.5, "x_max": 0.75}),
        Case("kinks", KINKS, {"x_min": -1.0, "x_max": 1.0}, smooth=False),
    ],
    "column_sum": [
        Case("x".join(map(str, shape)), normal(shape), linear="each",
             theirs=lambda k, x: k.sum(x, axis=tuple(range(len(x.shape) - 1))))
        for shape in ((4,), (3, 4), (2, 3, 2, 5))
    ],
    "concatenate": [
        *statics(normal((2, 3), (2, 3)), [{"axis": 0}, {"axis": -1}], listed=True,
                 linear="jointly"),
        Case("three", normal((2, 1), (2, 3), (2, 2)), {"axis": 1}, listed=True, linear="jointly"),
    ],
    "conv": [*conv_cases(CONV), conv_channels_first()],
    "conv2d": conv2d_cases(("x", "weight")),
    "conv2d_backward_input": conv2d_cases(("y", "weight")),
    "conv2d_backward_weight": conv2d_cases(("x", "y")),
    "conv2d_relu_pool": conv_relu_max_pool_cases(in_words=False),
    "conv2d_relu_pool_backward_input": conv2d_relu_pool_backward_cases(("y", "weight")),
    "conv2d_relu_pool_backward_weight": conv2d_relu_pool_backward_cases(("x", "y")),
    "conv_relu_max_pool": conv_relu_max_pool_cases(in_words=True),
    "divide": binary(off_zero),
    "elu": [
        unary(off_zero((3, 4))),
        Case("alpha", off_zero((3, 4)), {"alpha": 0.5}),
        Case("wide", WIDE, smooth=False),
    ],
    "equal": COMPARISON,
    "exp": [unary(normal((3, 4)))],
    "expand_dims": statics(
        normal((2, 3)), [{"axis": 0}, {"axis": 1}, {"axis": -1}], linear="each"
    ),
    "get_item": index_cases("get_item"),
    "getitem": index_cases("getitem"),
    "greater": COMPARISON,
    "greater_equal": COMPARISON,
    # TensorFlow keeps the slope in float32: 0.2 is not exact there, 0.25 is.
    "leaky_relu": [
        unary(off_zero((3, 4)), tolerance=1e-7),
        Case("slope", off_zero((3, 4)), {"negative_slope": 0.25}),
    ],
    "less": COMPARISON,
    "less_equal": COMPARISON,
    "log": [unary(positive((3, 4)))],
    "log1p": [
        unary(positive((3, 4))),
        Case("small", just(np.array([1e-9, -1e-9, 1e-3])), smooth=False),
    ],
    "log_softmax": [
        *statics(normal((3, 4)), [{}, {"axis": 0}]),
        Case("wide", NEAR, smooth=False),
    ],
    "logical_and": [
        unary(lambda rng: tuple(rng.integers(0, 2, (2, 3, 4)) > 0), differentiable=False)
    ],
    "logsumexp": [*reductions(normal((2, 3, 4))), Case("wide", WIDE, smooth=False)],
    "matmul": matmul_cases(),
    "max": [*reductions(distinct((2, 3, 4))), Case("ties", SHARED, {"axis": 1}, smooth=False)],
    "max_pool": [
        *pool_cases(distinct),
        *(dataclasses.replace(case, name=f"{case.name}-ties", smooth=False)
          for case in pool_cases(ties, POOL_KINDS)),
        Case("channels_first", distinct((2, 3, 6, 5)), POOL_FIRST),
    ],
    "max_pool2d": pool2d_cases("max_pool", 0, distinct, linear=""),
    "max_pool2d_backward": pool2d_cases("max_pool", 1),
    "max_pool2d_gather": pool2d_cases("max_pool", 2),
    "maximum": [*binary(distinct), Case("equals", EQUALS, smooth=False)],
    "mean": reductions(normal((2, 3, 4)), linear="each"),
    "min": [
        *reductions(distinct((2, 3, 4))),
        Case("ties", SHARED, {"axis": 1}, smooth=False),
        Case("bytes", just(np.array([[3, 0], [255, 2]], np.uint8)), {"axis": 1},
             differentiable=False),
    ],
    "minimum": [*binary(distinct), Case("equals", EQUALS, smooth=False)],
    "multiply": binary(normal, linear="each"),
    "negative": [unary(normal((3, 4)), linear="each")],
    "not_equal": COMPARISON,
    "one_hot": statics(
        labels((2, 3), 4), [{"num_classes": 4}, {"num_classes": 6}], differentiable=False
    ),
    "pad": statics(
        normal((2, 3)), [{"pad_width": ((1, 2), (0, 3))}, {"pad_width": ((0, 0), (1, 0))}],
        linear="each",
    ),
    "power": [
        *binary(positive),
        *(Case(f"to the {p}", both(make((3, 4)), just(p)))
          for p, make in ((2.0, off_zero), (3, normal), (-1.0, off_zero), (0.5, positive))),
    ],
    "relu": [unary(off_zero((3, 4))), Case("kinks", KINKS, smooth=False)],
    "relu_backward": [
        Case("plain", normal((2, 3)), {"y": DEAD},
             lambda k, g: g * k.cast(DEAD > 0, g.dtype), linear="each"),
    ],
    "reshape": statics(
        normal((2, 6)), [{"newshape": (3, 4)}, {"newshape": (-1,)}, {"newshape": (2, 1, -1)}],
        linear="each",
    ),
    "scatter_add": index_cases("scatter_add"),
    "sigmoid": [unary(normal((3, 4))), Case("wide", WIDE, smooth=False)],
    "sign": [
        unary(off_zero((3, 4)), differentiable=False),
        Case("kinks", KINKS, differentiable=False),
    ],
    "silu": [unary(normal((3, 4))), Case("wide", WIDE, smooth=False)],
    "softmax": [
        *statics(normal((2, 3, 4)), [{}, {"axis": 1}, {"axis": (1, 2)}]),
        Case("wide", NEAR, smooth=False),
    ],
    "softplus": [unary(normal((3, 4))), Case("wide", WIDE, smooth=False)],
    "sparse_categorical_crossentropy": [
        *crossentropy_cases(labels((3,), 4), (3, 4)),
        *crossentropy_cases(labels((2, 3, 1), 4), (2, 3, 4), " of a column of labels"),
    ],
    "sqrt": [unary(positive((3, 4)))],
    "square": [unary(normal((3, 4)))],
    "squeeze": statics(normal((1, 3, 1)), [{}, {"axis": 0}, {"axis": -1}], linear="each"),
    "stack": statics(
        normal((2, 3), (2, 3)), [{"axis": 0}, {"axis": 1}, {"axis": -1}], listed=True,
        linear="jointly",
    ),
    "std": reductions(normal((2, 3, 4))),
    "subtract": binary(normal, linear="jointly"),
    "sum": reductions(normal((2, 3, 4)), linear="each"),
    "swapaxes": statics(
        normal((2, 3, 4)), [{"axis1": 0, "axis2": 1}, {"axis1": -1, "axis2": 0}], linear="each"
    ),
    "take_along_axis": [
        Case("rows", both(normal((3, 4)), labels((3, 2), 4)), {"axis": -1}, linear="each"),
        Case("columns", both(normal((3, 4)), labels((5, 4), 3)), {"axis": 0}, linear="each"),
        Case("one axis", both(normal((4,)), labels((6,), 4)), {"axis": -1}, linear="each"),
    ],
    "tanh": [unary(normal((3, 4)))],
    "transpose": statics(
        normal((2, 3, 4)), [{}, {"axes": (2, 0, 1)}, {"axes": (0, -1, 1)}], linear="each"
    ),
    "var": reductions(normal((2, 3, 4))),
    "where": [
        Case(name, both(just(np.arange(12).reshape(3, 4) % 3 > 0), normal(*pair)),
             linear="jointly")
        for name, pair in {"same": ((3, 4), (3, 4)), "row": ((4,), (3, 1))}.items()
    ],
}  # fmt: skip


def same_parameters(ours, theirs, but=()):
    """The same names in the same order with the same defaults; `but` names what ours lack."""

    def parameters(function):
        return {
            p.name: (p.kind, p.default)
            for p in inspect.signature(function).parameters.values()
            if p.name not in but
        }

    assert list(parameters(ours).items()) == list(parameters(theirs).items())
