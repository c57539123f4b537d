"""Types of the compiled kernels; their documentation is in src/table.pxi and src/geometry.pxi."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

class Geometry:
    def __init__(
        self,
        *,
        n: int,
        h: int,
        w: int,
        c_in: int,
        c_out: int,
        kh: int,
        kw: int,
        oh: int,
        ow: int,
        stride_h: int = 1,
        stride_w: int = 1,
        pad_top: int = 0,
        pad_left: int = 0,
        dilation_h: int = 1,
        dilation_w: int = 1,
        groups: int = 1,
    ) -> None: ...
    n: int
    h: int
    w: int
    c_in: int
    c_out: int
    kh: int
    kw: int
    oh: int
    ow: int
    stride_h: int
    stride_w: int
    pad_top: int
    pad_left: int
    dilation_h: int
    dilation_w: int
    groups: int
    @property
    def x_shape(self) -> tuple[int, int, int, int]: ...
    @property
    def y_shape(self) -> tuple[int, int, int, int]: ...
    @property
    def weight_shape(self) -> tuple[int, int, int, int]: ...

class Kernel(NamedTuple):
    operation: str
    name: str
    serves: Callable[..., bool]
    run: dict[str, Callable[..., None]]

KERNELS: tuple[Kernel, ...]

def isas() -> list[str]: ...
def isa() -> str: ...
def compiler() -> str: ...
def set_isa(name: str | None = None) -> None: ...
def get_num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def num_threads_from() -> str: ...
def use_kernels(name: str) -> contextlib.AbstractContextManager[None]: ...
def conv2d_forward(x: np.ndarray, weight: np.ndarray, g: Geometry) -> np.ndarray: ...
def conv2d_backward_input(grad_y: np.ndarray, weight: np.ndarray, g: Geometry) -> np.ndarray: ...
def conv2d_backward_weight(x: np.ndarray, grad_y: np.ndarray, g: Geometry) -> np.ndarray: ...
def conv2d_relu_pool_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    g: Geometry,
    window_h: int,
    window_w: int,
) -> tuple[np.ndarray, np.ndarray]: ...
def conv2d_relu_pool_backward_input(
    grad_y: np.ndarray,
    code: np.ndarray,
    weight: np.ndarray,
    g: Geometry,
    window_h: int,
    window_w: int,
) -> np.ndarray: ...
def conv2d_relu_pool_backward_weight(
    x: np.ndarray,
    grad_y: np.ndarray,
    code: np.ndarray,
    g: Geometry,
    window_h: int,
    window_w: int,
) -> np.ndarray: ...
def max_pool2d_forward(x: np.ndarray, g: Geometry) -> tuple[np.ndarray, np.ndarray]: ...
def max_pool2d_backward(grad_y: np.ndarray, argmax: np.ndarray, g: Geometry) -> np.ndarray: ...
def max_pool2d_gather(x: np.ndarray, argmax: np.ndarray, g: Geometry) -> np.ndarray: ...
def average_pool2d_forward(x: np.ndarray, g: Geometry) -> np.ndarray: ...
def average_pool2d_backward(grad_y: np.ndarray, g: Geometry) -> np.ndarray: ...
def relu_forward(x: np.ndarray) -> np.ndarray: ...
def relu_backward(grad_y: np.ndarray, y: np.ndarray) -> np.ndarray: ...
def add_bias(x: np.ndarray, bias: np.ndarray) -> np.ndarray: ...
def column_sum(x: np.ndarray) -> np.ndarray: ...
def sgd_update(
    value: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray | None,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
) -> None: ...
def rmsprop_update(
    value: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
    momentum_slot: np.ndarray | None,
    average: np.ndarray | None,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
) -> None: ...
def adam_update(
    value: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    v_hat: np.ndarray | None,
    alpha: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None: ...
def gemm(
    a: np.ndarray, b: np.ndarray, transpose_a: bool = False, transpose_b: bool = False
) -> np.ndarray: ...

class PackedWeights:
    geometry: Geometry
    kernel: str
    nbytes: int
    def __init__(self, geometry: Geometry, kernel: str) -> None: ...
    def fill(self, weight: np.ndarray, bias: np.ndarray) -> None: ...

class Memory:
    nbytes: int
    def reserve(self, nbytes: int) -> None: ...

class Plan:
    n_steps: int
    memory: Memory
    arena: int
    scratch: int
    def __init__(
        self,
        memory: Memory,
        offsets: list[int],
        arena: int,
        inputs: list[tuple[int, int | None]],
        outputs: list[tuple[int, tuple[int, ...]]],
        kept: list[tuple[int, np.ndarray]] | None = None,
    ) -> None: ...
    @property
    def is_current(self) -> bool: ...
    def add_convolution(
        self,
        x: int,
        other: int,
        y: int,
        weights: PackedWeights,
        g: Geometry,
        window_h: int,
        window_w: int,
        activation: str,
        setting: float,
    ) -> None: ...
    def add_product(
        self,
        x: int,
        other: int,
        y: int,
        weights: PackedWeights,
        rows: int,
        activation: str,
        setting: float,
    ) -> None: ...
    def add_pooling(self, x: int, y: int, g: Geometry, average: bool) -> None: ...
    def add_finish(
        self,
        x: int,
        other: int,
        y: int,
        weights: PackedWeights | None,
        pixels: int,
        channels: int,
        activation: str,
        setting: float,
        multiplies: bool = False,
    ) -> None: ...
    def add_copy(
        self,
        x: int,
        y: int,
        outer: int,
        inner: int,
        length: int,
        x_strides: tuple[int, int],
        y_strides: tuple[int, int],
        y_first: int = 0,
        zeros: int = 0,
    ) -> None: ...
    def run(self, *arrays: np.ndarray) -> list[np.ndarray]: ...
    def measure(self, *arrays: np.ndarray) -> list[float]: ...

class TrainingPlan(Plan):
    results: list[tuple[float, float, float]]
    def add(
        self,
        kind: str,
        values: tuple[int, ...],
        geometry: Geometry | None = None,
        kernel: str = "direct",
        window: tuple[int, int] = (0, 0),
        activation: str = "linear",
        settings: tuple[float, ...] = (),
        pixels: int = 0,
        channels: int = 0,
        size: int = 0,
        multiplies: bool = False,
    ) -> None: ...
    def add_copy_from(
        self,
        x: int,
        y: int,
        outer: int,
        inner: int,
        length: int,
        x_strides: tuple[int, int],
        y_strides: tuple[int, int],
        x_first: int,
    ) -> None: ...
    def add_update(
        self, optimizer: str, weights: list[tuple[int, int, tuple[int, ...], int, bool]]
    ) -> None: ...
    def train(
        self,
        arrays: tuple[np.ndarray, ...],
        settings: tuple[float, ...],
        kept: float,
        any_loss: bool,
    ) -> list[np.ndarray]: ...

PLAN_ACTIVATIONS: tuple[str, ...]

def total(objects: list[object], attribute: str) -> int: ...
def same(objects: list[Any], attribute: str, values: list[Any]) -> bool: ...
def serving(operation: str, *sizes: Any) -> str: ...
def chosen_kernels() -> str | None: ...
def serving_convolution(g: Geometry, window_h: int = 0, window_w: int = 0) -> str: ...
