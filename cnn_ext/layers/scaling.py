"""gamma and beta: the scale and the offset that normalizations learn."""

from __future__ import annotations

from typing import Any

from cnn_ext.layers.checks import check_axes
from cnn_ext.layers.described import Weighted
from cnn_ext.symbolic import Shape


class Scaled(Weighted):
    """A layer that multiplies by gamma and adds beta, if it shall."""

    prefixes = ("beta", "gamma")
    axis: Any
    gamma: Any = None
    beta: Any = None

    def __init__(self, center: bool, scale: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.center = center
        self.scale = scale

    def make_scale(self, shape: tuple[int, ...]) -> None:
        """Make the weights: gamma first."""
        self.gamma = self.make_weight("gamma", shape) if self.scale else None
        self.beta = self.make_weight("beta", shape) if self.center else None

    def check_input_shape(self, shape: Shape) -> None:
        check_axes(shape, self.axis)
        for axis in (self.axis,) if isinstance(self.axis, int) else self.axis:
            if shape[axis] is None:
                raise ValueError(
                    f"Axis {axis} of input tensor should have a defined dimension but the layer "
                    f"received an input with shape {tuple(shape)}. Received: axis={self.axis}"
                )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_axes(input_shape, self.axis)
        return tuple(input_shape)
