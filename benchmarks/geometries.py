"""The layers that the benchmark of the kernels times, by network, and their arrays.

AlexNet's second layer is taken without its two groups. Padding is symmetric, as the networks'
authors had it: where a stride makes TensorFlow's "same" padding lopsided, every contestant is
told the padding in pixels. So no row needs a separate padding pass.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cnn_ext import _kernels

OPERATIONS = ("forward", "backward_input", "backward_weight")


class Layer(NamedTuple):
    """A convolution of one image; a dense layer is one of 1x1 windows on one pixel."""

    h: int
    w: int
    c_in: int
    c_out: int
    kh: int
    kw: int
    stride: int = 1
    pad_h: int = 0
    pad_w: int = 0
    dilation: int = 1
    groups: int = 1
    dense: bool = False

    @property
    def name(self) -> str:
        if self.dense:
            return f"dense {self.c_in}->{self.c_out}"
        name = f"{self.h}x{self.w}x{self.c_in}->{self.c_out} {self.kh}x{self.kw}"
        name += f" /{self.stride}" if self.stride > 1 else ""
        name += f" dilation {self.dilation}" if self.dilation > 1 else ""
        if self.depthwise:
            return f"{name} depthwise"
        return name + (f" groups {self.groups}" if self.groups > 1 else "")

    @property
    def depthwise(self) -> bool:
        return self.groups == self.c_in > 1

    @property
    def oh(self) -> int:
        return (self.h + 2 * self.pad_h - (self.kh - 1) * self.dilation - 1) // self.stride + 1

    @property
    def ow(self) -> int:
        return (self.w + 2 * self.pad_w - (self.kw - 1) * self.dilation - 1) // self.stride + 1

    def geometry(self, n: int) -> _kernels.Geometry:
        return _kernels.Geometry(
            n=n, h=self.h, w=self.w, c_in=self.c_in, c_out=self.c_out, kh=self.kh, kw=self.kw,
            oh=self.oh, ow=self.ow, stride_h=self.stride, stride_w=self.stride, groups=self.groups,
            pad_top=self.pad_h, pad_left=self.pad_w, dilation_h=self.dilation,
            dilation_w=self.dilation,
        )  # fmt: skip

    def bytes(self, n: int) -> int:
        """Size of n images and their outputs."""
        return 4 * n * (self.h * self.w * self.c_in + self.oh * self.ow * self.c_out)

    def terms(self, operation: str, n: int) -> int:
        """How many products one element of the result is the sum of."""
        window = self.kh * self.kw
        return {
            "forward": window * self.c_in // self.groups,
            "backward_input": window * self.c_out // self.groups,
            "backward_weight": n * self.oh * self.ow,
        }[operation]

    def flops(self, n: int) -> int:
        """Operations of the textbook's sum, the same for all three; a product and a sum are two."""
        return 2 * n * self.oh * self.ow * self.c_out * self.terms("forward", n)


def conv(size, c_in, c_out, window, stride=1, padding="same", dilation=1, groups=1) -> Layer:
    h, w = size if isinstance(size, tuple) else (size, size)
    kh, kw = window if isinstance(window, tuple) else (window, window)
    pad_h, pad_w = ((k - 1) * dilation // 2 if padding == "same" else 0 for k in (kh, kw))
    return Layer(h, w, c_in, c_out, kh, kw, stride, pad_h, pad_w, dilation, groups)


def depthwise(size, channels, stride=1) -> Layer:
    return conv(size, channels, channels, 3, stride, groups=channels)


def dense(c_in, c_out) -> Layer:
    return Layer(1, 1, c_in, c_out, 1, 1, dense=True)


NETWORKS = {
    "textbook": [conv(28, 1, 32, 3), conv(14, 32, 64, 3), dense(3136, 100), dense(100, 10)],
    "alexnet": [
        conv(227, 3, 96, 11, 4, "valid"), conv(27, 96, 256, 5), conv(13, 256, 384, 3),
        conv(13, 384, 384, 3), conv(13, 384, 256, 3),
    ],
    "vgg16": [
        conv(224, 3, 64, 3), conv(224, 64, 64, 3), conv(112, 64, 128, 3), conv(112, 128, 128, 3),
        conv(56, 128, 256, 3), conv(56, 256, 256, 3), conv(28, 256, 512, 3), conv(28, 512, 512, 3),
        conv(14, 512, 512, 3),
    ],
    "resnet50": [
        conv(224, 3, 64, 7, 2),
        conv(56, 64, 64, 1), conv(56, 64, 64, 3), conv(56, 64, 256, 1), conv(56, 256, 64, 1),
        conv(56, 256, 512, 1, 2), conv(56, 128, 128, 3, 2), conv(28, 128, 128, 3),
        conv(28, 512, 128, 1), conv(14, 256, 256, 3), conv(14, 1024, 256, 1),
        conv(14, 256, 1024, 1), conv(7, 512, 512, 3), conv(7, 2048, 512, 1),
    ],
    "mobilenet": [
        depthwise(112, 32), conv(112, 32, 64, 1), depthwise(112, 64, 2), depthwise(56, 128),
        conv(56, 128, 128, 1), depthwise(28, 256), conv(28, 256, 256, 1), depthwise(14, 512),
        conv(14, 512, 512, 1), depthwise(7, 1024), conv(7, 1024, 1024, 1),
    ],
    "small": [
        conv(32, 3, 6, 5, padding="valid"), conv(14, 6, 10, 5, padding="valid"),
        conv(256, 1, 16, 10, padding="valid"),
    ],
    "odd": [
        conv((13, 11), 5, 7, 3), conv((31, 29), 17, 33, 5, 2), conv(15, 24, 40, 3, dilation=2),
        conv(9, 12, 20, (2, 4), padding="valid", groups=2), conv(27, 32, 48, 5, 3, "valid"),
    ],
}  # fmt: skip

# A batch is left out where images and outputs together would take more bytes than this.
BATCHES = {1: 1e12, 32: 250e6, 256: 60e6}


class Problem:
    """A layer and a batch, with random arrays in cnn_ext's layouts: NHWC and HWIO."""

    def __init__(self, network: str, layer: Layer, n: int) -> None:
        self.network, self.layer, self.n = network, layer, n
        self.geometry = layer.geometry(n)

    def __str__(self) -> str:
        return f"{self.network} {self.layer.name}"

    def make_arrays(self) -> None:
        rng = np.random.default_rng(0)
        g = self.geometry
        self.x, self.weight, self.grad_y = (
            rng.random(shape, dtype=np.float32) - np.float32(0.5)
            for shape in (g.x_shape, g.weight_shape, g.y_shape)
        )

    def matrices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, weight and grad_y of a dense layer."""
        return self.x[:, 0, 0, :], self.weight[0, 0], self.grad_y[:, 0, 0, :]

    def result_shape(self, operation: str) -> tuple[int, ...]:
        g = self.geometry
        shapes = (g.y_shape, g.x_shape, g.weight_shape)
        return dict(zip(OPERATIONS, shapes, strict=True))[operation]


def problems(batches: list[int], wanted: str = "") -> list[Problem]:
    """The rows of the table whose name contains `wanted`."""
    table = [
        Problem(network, layer, n)
        for network, layers in NETWORKS.items()
        for layer in layers
        for n in batches
        if layer.bytes(n) <= BATCHES.get(n, 250e6)
    ]
    return [problem for problem in table if wanted in str(problem)]
