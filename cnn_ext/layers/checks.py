"""What many layers check of their arguments and inputs, in Keras's words."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext.symbolic import Shape


def unsupported(layer: Any, **arguments: Any) -> None:
    """An error that names the arguments, of those that must be None, that are not."""
    given = [f"{name}={value!r}" for name, value in arguments.items() if value is not None]
    if given:
        names = ", ".join(name.split("=")[0] for name in given)
        raise ValueError(
            f"{type(layer).__name__}: {names} is not supported; leave it out. "
            f"Received: {', '.join(given)}"
        )


def positive_integer(layer: Any, name: str, value: Any) -> int:
    """`value` if it is a positive integer, else an error in Keras's words."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value <= 0:
        raise ValueError(
            f"Received an invalid value for `{name}` of {type(layer).__name__}, expected a "
            f"positive integer. Received: {name}={value!r}"
        )
    return int(value)


def check_axes(shape: Shape, axis: Any) -> None:
    """An error for an axis, or one of several, that inputs of this shape do not have."""
    for one in (axis,) if isinstance(axis, int) else axis:
        if not -len(shape) <= one < len(shape):
            raise ValueError(
                f"Axis {one} is out of bounds for input shape {tuple(shape)}. Received: axis={axis}"
            )


def floats_of(layer: Any, x: Any) -> Any:
    """Numbers that can be calculated with: integers and truth values in the layer's dtype."""
    return x if x.dtype.kind == "f" else x.astype(layer.compute_dtype)


def positive_filters(value: Any) -> int:
    """A number of filters, or the error of Keras's convolutions."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value <= 0:
        raise ValueError(
            "Invalid value for argument `filters`. Expected a strictly positive value, an integer. "
            f"Received filters={value!r}."
        )
    return int(value)


def incompatible(layer: Any, rule: str, shape: Shape) -> ValueError:
    """The error for an input that a layer cannot take, in Keras's words."""
    return ValueError(
        f"Input 0 with name 'None' of layer '{layer.name}' is incompatible with the layer: {rule}. "
        f"Full shape received: {tuple(shape)}"
    )


def check_rank(layer: Any, shape: Shape, rank: int) -> None:
    """An error unless the shape has so many axes; the batch's and the channels' count."""
    if len(shape) != rank:
        hint = "; add the axis of channels with x[..., None]" if len(shape) == rank - 1 else ""
        raise incompatible(layer, f"expected ndim={rank}, found ndim={len(shape)}{hint}", shape)


def check_images(layer: Any, shape: Shape) -> None:
    """An error unless the shape is that of a batch of images."""
    check_rank(layer, shape, 4)
