"""InputSpec: what a layer expects of its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext.registry import Configured
from cnn_ext.tree import flatten


class InputSpec(Configured):
    """Rank, sizes and dtype that a layer's input must have (`keras.InputSpec`).

    Args:
        dtype: the dtype.
        shape: sizes, None where any will do.
        ndim: number of axes.
        max_ndim, min_ndim: its limits.
        axes: sizes by axis.
        allow_last_axis_squeeze: whether a last axis of 1 may be there or not.
        name: key of the input in a dict.
        optional: whether None may be passed.

    >>> InputSpec(ndim=4, axes={-1: 3})
    InputSpec(ndim=4, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else np.dtype(dtype).name
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional
        rank = self.ndim or max_ndim
        if rank is not None and any(axis >= rank for axis in self.axes):
            raise ValueError(
                f"Axis {max(self.axes)} is greater than the maximum allowed value: {rank - 1}. "
                f"Received: axes={axes}"
            )

    def __repr__(self) -> str:
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        said = [f"{name}={getattr(self, name)}" for name in names if getattr(self, name)]
        return f"InputSpec({', '.join(said)})"

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments that Keras writes."""
        written = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in written}


def check_input_spec(input_spec: Any, inputs: Any, layer_name: str) -> None:
    """An error if inputs, Tensors or symbolic, are not what an InputSpec, or several, expects."""
    specs, values = flatten(input_spec), _by_name(flatten(input_spec), inputs)
    if len(specs) != len(values):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(values)} '
            f"input tensors. Inputs received: {inputs}"
        )
    for index, (spec, value) in enumerate(zip(specs, values, strict=True)):
        if spec is None or (value is None and spec.optional):
            continue
        rule = _broken_rule(spec, tuple(value.shape), np.dtype(value.dtype).name)
        if rule:
            raise ValueError(
                f"Input {index} with name '{spec.name}' of layer '{layer_name}' is incompatible "
                f"with the layer: {rule}. Full shape received: {tuple(value.shape)}"
            )


def _by_name(specs: list[Any], inputs: Any) -> list[Any]:
    names = [spec.name for spec in specs if spec is not None]
    if not isinstance(inputs, dict) or len(names) != len(specs) or not all(names):
        return flatten(inputs)
    for name in names:
        if name not in inputs:
            raise ValueError(
                f'Missing data for input "{name}". You passed a data dictionary with keys '
                f"{list(inputs)}. Expected the following keys: {names}"
            )
    return [inputs[name] for name in names]


def _broken_rule(spec: InputSpec, shape: tuple[int | None, ...], dtype: str) -> str:
    """What a shape or dtype breaks, in Keras's words; `""` if nothing."""
    rank = len(shape)
    if spec.ndim is not None and rank != spec.ndim and not spec.allow_last_axis_squeeze:
        return f"expected ndim={spec.ndim}, found ndim={rank}"
    if spec.max_ndim is not None and rank > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={rank}"
    if spec.min_ndim is not None and rank < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={rank}"
    if spec.dtype is not None and dtype != spec.dtype:
        return f"expected dtype={spec.dtype}, found dtype={dtype}"
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] not in (size, None):
            return (
                f"expected axis {axis} of input shape to have value {size}, but received input "
                f"with shape {shape}"
            )
    if spec.shape is not None:
        wanted, found = spec.shape, shape
        if spec.allow_last_axis_squeeze:
            wanted, found = _squeezed(wanted), _squeezed(found)
        for size, given in zip(wanted, found, strict=False):
            if size is not None and given is not None and size != given:
                return f"expected shape={spec.shape}, found shape={shape}"
    return ""


def _squeezed(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return shape[:-1] if shape and shape[-1] == 1 else shape
