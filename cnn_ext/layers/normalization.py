"""Layers that normalize each sample by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnn_ext import ops
from cnn_ext.layers.checks import check_axes, floats_of
from cnn_ext.layers.described import Described
from cnn_ext.layers.input_spec import InputSpec
from cnn_ext.layers.scaling import Scaled
from cnn_ext.symbolic import Shape


def _axis_or_axes(axis: Any) -> Any:
    if isinstance(axis, list | tuple):
        return list(axis)
    if isinstance(axis, int):
        return axis
    raise TypeError(
        "Invalid value for `axis` argument: expected an int or a list/tuple of ints. "
        f"Received: axis={axis}"
    )


def _sizes_along(shape: Shape, axis: Any) -> Any:
    """The axes as a sorted list, and the inputs' sizes along them."""
    axes = sorted(axis) if isinstance(axis, list | tuple) else [axis]
    return axes, tuple(shape[i] for i in axes)


class LayerNormalization(Scaled):
    """Each sample with mean 0 and variance 1 along axes, times gamma, plus beta
    (`keras.layers.LayerNormalization`).

    Args:
        axis: the axis, or several, that mean and variance are taken along.
        epsilon: added to the variance.
        center: whether beta is added.
        scale: whether gamma is a factor.
        beta_initializer, gamma_initializer: names, Initializers or callables.
        beta_regularizer, gamma_regularizer: give losses for beta and gamma.
        beta_constraint, gamma_constraint: applied after updates.
        others: see `Layer`.

    Weights: gamma, beta, with the sizes of the axes. Source: Ba et al. 2016.

    >>> import numpy as np
    >>> LayerNormalization()(np.array([[1.0, 3.0]])).numpy().round(2)
    array([[-1.,  1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.axis = _axis_or_axes(axis)
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        self.axis, sizes = _sizes_along(input_shape, self.axis)
        self.make_scale(sizes)

    def call(self, inputs: Any) -> Any:
        x = floats_of(self, inputs)
        return ops.layer_normalization(x, self.gamma, self.beta, list(self.axis), self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rms_scaling": False}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from what `get_config` returned."""
        arguments = dict(config)
        if arguments.pop("rms_scaling", False):
            raise ValueError(
                "rms_scaling=True scales by the variance, not by the root mean square: use "
                "RMSNormalization. Received: rms_scaling=True"
            )
        return cls(**arguments)


class GroupNormalization(Scaled):
    """Each sample with mean 0 and variance 1 in every group of channels, times gamma, plus beta
    (`keras.layers.GroupNormalization`).

    Args:
        groups: number of groups; -1 for as many as there are channels (instance normalization).
        axis: the axis of the channels.
        epsilon: added to the variance.
        center: whether beta is added.
        scale: whether gamma is a factor.
        beta_initializer, gamma_initializer: names, Initializers or callables.
        beta_regularizer, gamma_regularizer: give losses for beta and gamma.
        beta_constraint, gamma_constraint: applied after updates.
        others: see `Layer`.

    Weights: gamma, beta, (channels,). Source: Wu & He 2018.

    >>> import numpy as np
    >>> GroupNormalization(2)(np.array([[1.0, 3.0, 5.0, 7.0]])).numpy().round(2)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or "
                f"`-1` for instance normalization). Received: groups={groups}"
            )
        super().__init__(
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.groups = groups
        self.axis = axis
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        channels: Any = input_shape[self.axis]
        if self.groups == -1:
            self.groups = channels
        if channels < self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) cannot be more than the number of channels "
                f"({channels}). Received: groups={self.groups}, input_shape={input_shape}"
            )
        if channels % self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) must be a multiple of the number of channels "
                f"({channels}): the channels must divide into the groups. "
                f"Received: groups={self.groups}, input_shape={input_shape}"
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self.make_scale((channels,))

    def call(self, inputs: Any) -> Any:
        inputs = floats_of(self, inputs)
        rank = len(inputs.shape)
        axis = self.axis % rank
        split = (self.groups, inputs.shape[axis] // self.groups)
        x = ops.reshape(inputs, (*inputs.shape[:axis], *split, *inputs.shape[axis + 1 :]))
        axes = tuple(i for i in range(1, rank + 1) if i != axis)
        mean, variance = ops.moments(x, axes, keepdims=True)
        beside = (*(1,) * axis, *split, *(1,) * (rank - axis - 1))
        factor = 1 / ops.sqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * ops.reshape(self.gamma, beside)
        y = (x - mean) * factor
        if self.beta is not None:
            y = y + ops.reshape(self.beta, beside)
        return ops.reshape(y, inputs.shape)


class UnitNormalization(Described):
    """Each sample divided by its length along axes, so that it has length 1
    (`keras.layers.UnitNormalization`).

    Args:
        axis: the axis, or several, along which the length is taken.
        others: see `Layer`.

    >>> import numpy as np
    >>> UnitNormalization()(np.array([[3.0, 4.0]])).numpy()
    array([[0.6, 0.8]], dtype=float32)
    """

    built_at_once = True

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _axis_or_axes(axis)

    def check_input_shape(self, shape: Shape) -> None:
        check_axes(shape, self.axis)

    def call(self, inputs: Any) -> Any:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(floats_of(self, inputs), axis=axis, order=2, epsilon=1e-12)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_axes(input_shape, self.axis)
        return tuple(input_shape)


class RMSNormalization(Described):
    """Each sample divided by the root of its mean square along axes, times a learned scale
    (`keras.layers.RMSNormalization`).

    Args:
        axis: the axis, or several, along which the mean is taken.
        epsilon: added to the mean square.
        others: see `Layer`.

    Weights: scale, with the sizes of the axes. Source: Zhang & Sennrich 2019.

    >>> import numpy as np
    >>> RMSNormalization()(np.array([[3.0, -3.0]])).numpy().round(4)
    array([[ 1., -1.]], dtype=float32)
    """

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis: Any = axis
        self.epsilon = epsilon

    def check_input_shape(self, shape: Shape) -> None:
        check_axes(shape, self.axis)

    def build(self, input_shape: Shape) -> None:
        self.axis, sizes = _sizes_along(input_shape, self.axis)
        self.scale = self.add_weight(shape=sizes, initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        return ops.rms_normalization(
            floats_of(self, x), scale=self.scale, axis=list(self.axis), epsilon=self.epsilon
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_axes(input_shape, self.axis)
        return tuple(input_shape)
