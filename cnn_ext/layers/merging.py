"""Layers of several inputs: their sum, product, mean, extremes, concatenation, dot product."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from cnn_ext import ops
from cnn_ext.layers.base import Layer
from cnn_ext.layers.described import Described
from cnn_ext.layers.shapes import is_shape
from cnn_ext.symbolic import Shape


class _Merge(Described):
    """A layer that is called on a list of inputs."""

    supports_masking = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def check_input_shape(self, shape: Any) -> None:
        if is_shape(shape):
            raise ValueError(
                f"{_article(self)} layer should be called on a list of inputs, such as "
                f"[x, y]. Received: input_shape={shape} (not a list of shapes)"
            )
        if not shape:
            raise ValueError(
                f"{_article(self)} layer should be called on a list of at least 1 input. "
                f"Received: input_shape={shape}"
            )
        self.check_shapes([tuple(s) for s in shape])

    def check_shapes(self, shapes: list[Shape]) -> None:
        """An error if inputs of these shapes cannot be merged."""


def _article(layer: Layer) -> str:
    name = type(layer).__name__
    return f"An `{name}`" if name[0] in "AEIOU" else f"A `{name}`"


class _Elementwise(_Merge):
    """Inputs of one shape, or of shapes that broadcast after the batch."""

    operation: Callable[[Any, Any], Any]

    def check_shapes(self, shapes: list[Shape]) -> None:
        if len({shape[0] for shape in shapes if shape} - {None}) > 1:
            raise ValueError(
                "Cannot merge tensors with different batch sizes. "
                f"Received: tensors with shapes {shapes}"
            )
        self.compute_output_shape(shapes)

    def call(self, inputs: Any) -> Any:
        rank = max(len(x.shape) for x in inputs)
        same = [
            ops.reshape(x, (x.shape[0], *(1,) * (rank - len(x.shape)), *x.shape[1:]))
            if 0 < len(x.shape) < rank else x
            for x in inputs
        ]  # fmt: skip
        return functools.reduce(type(self).operation, same)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batches = {shape[0] for shape in input_shape} - {None}
        batch = batches.pop() if len(batches) == 1 else None
        return (batch, *functools.reduce(_together, [shape[1:] for shape in input_shape]))


def _together(first: Shape, second: Shape) -> Shape:
    """The shape that two shapes broadcast to."""
    if len(first) < len(second):
        first, second = second, first
    front = first[: len(first) - len(second)]
    sizes: list[int | None] = []
    for a, b in zip(first[len(front) :], second, strict=True):
        if a is None or b is None:
            sizes.append(None)
        elif a != b and 1 not in (a, b):
            raise ValueError(
                f"Inputs have incompatible shapes. Received: shapes {first} and {second}"
            )
        else:
            sizes.append(b if a == 1 else a)
    return (*front, *sizes)


class Add(_Elementwise):
    """The sum of the inputs (`keras.layers.Add`).

    >>> import numpy as np
    >>> Add()([np.array([[1.0]]), np.array([[2.0]])]).numpy()
    array([[3.]], dtype=float32)
    """

    operation = ops.add


class Subtract(_Elementwise):
    """The first input less the second (`keras.layers.Subtract`).

    >>> import numpy as np
    >>> Subtract()([np.array([[3.0]]), np.array([[2.0]])]).numpy()
    array([[1.]], dtype=float32)
    """

    operation = ops.subtract

    def check_shapes(self, shapes: list[Shape]) -> None:
        if len(shapes) != 2:
            raise ValueError(
                "A `Subtract` layer should be called on exactly 2 inputs. "
                f"Received: input_shape={shapes}"
            )
        super().check_shapes(shapes)


class Multiply(_Elementwise):
    """The product of the inputs, element by element (`keras.layers.Multiply`).

    >>> import numpy as np
    >>> Multiply()([np.array([[3.0]]), np.array([[2.0]])]).numpy()
    array([[6.]], dtype=float32)
    """

    operation = ops.multiply


class Average(_Elementwise):
    """The mean of the inputs (`keras.layers.Average`).

    >>> import numpy as np
    >>> Average()([np.array([[3.0]]), np.array([[2.0]])]).numpy()
    array([[2.5]], dtype=float32)
    """

    operation = ops.add

    def call(self, inputs: Any) -> Any:
        return super().call(inputs) / len(inputs)


class Maximum(_Elementwise):
    """The largest of the inputs, element by element (`keras.layers.Maximum`).

    >>> import numpy as np
    >>> Maximum()([np.array([[3.0]]), np.array([[2.0]])]).numpy()
    array([[3.]], dtype=float32)
    """

    operation = ops.maximum


class Minimum(_Elementwise):
    """The smallest of the inputs, element by element (`keras.layers.Minimum`).

    >>> import numpy as np
    >>> Minimum()([np.array([[3.0]]), np.array([[2.0]])]).numpy()
    array([[2.]], dtype=float32)
    """

    operation = ops.minimum


class Concatenate(_Merge):
    """The inputs side by side along an axis (`keras.layers.Concatenate`).

    Args:
        axis: the axis along which their sizes may differ.
        others: see `Layer`.

    >>> import numpy as np
    >>> Concatenate()([np.ones((2, 3)), np.ones((2, 4))]).shape
    (2, 7)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def check_shapes(self, shapes: list[Shape]) -> None:
        ranks = {len(shape) for shape in shapes}
        rank = ranks.pop()
        good = not ranks and -rank <= self.axis < rank
        for axis in range(rank if good else 0):
            sizes = {shape[axis] for shape in shapes} - {None}
            good = good and (len(sizes) < 2 or axis == self.axis % rank)
        if not good:
            raise ValueError(
                "A `Concatenate` layer requires inputs with matching shapes except for the "
                f"concatenation axis. Received: input_shape={shapes}, axis={self.axis}"
            )

    def call(self, inputs: Any) -> Any:
        return ops.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        sizes = [shape[self.axis] for shape in input_shape]
        joined = list(input_shape[0])
        joined[self.axis] = None if None in sizes else sum(sizes)
        return tuple(joined)


class Dot(_Merge):
    """The products of two inputs, summed along an axis of each, for each sample
    (`keras.layers.Dot`).

    Args:
        axes: the axis in both, or the axes in the first and in the second.
        normalize: whether the inputs are divided by their lengths along the axes, which makes the
            result the cosine of an angle.
        others: see `Layer`.

    >>> import numpy as np
    >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).numpy()
    array([[11.]], dtype=float32)
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, list | tuple):
                raise TypeError(
                    "Invalid type for argument `axes`: it should be a list or an int. "
                    f"Received: axes={axes}"
                )
            if len(axes) != 2 or not all(isinstance(axis, int) for axis in axes):
                raise ValueError(
                    "Invalid format for argument `axes`: it should contain two elements, which "
                    f"should be integers. Received: axes={axes}"
                )
        self.axes: Any = axes if isinstance(axes, int) else tuple(axes)
        self.normalize = normalize

    def _axes_of(self, shapes: list[Shape]) -> tuple[int, int]:
        first, second = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
        return first % len(shapes[0]), second % len(shapes[1])

    def check_shapes(self, shapes: list[Shape]) -> None:
        if len(shapes) != 2:
            raise ValueError(
                "A `Dot` layer should be called on a list of 2 inputs. "
                f"Received: input_shape={shapes}"
            )
        (a, b), (first, second) = self._axes_of(shapes), shapes
        if min(len(first), len(second)) < 2 or 0 in (a, b):
            raise ValueError(
                "Cannot perform batch_dot over axis 0, that of the batch, or on inputs with "
                f"rank < 2. Received: axes={self.axes}, shapes {first} and {second}"
            )
        if first[a] != second[b]:
            raise ValueError(
                f"Incompatible input shapes: axis values {first[a]} (at axis {a}) != {second[b]} "
                f"(at axis {b}). Received: full input shapes {first}, {second}"
            )

    def call(self, inputs: Any) -> Any:
        x, y = inputs
        a, b = self._axes_of([x.shape, y.shape])
        if self.normalize:
            x, y = ops.normalize(x, axis=a), ops.normalize(y, axis=b)
        left = [axis for axis in range(1, len(x.shape)) if axis != a]
        right = [axis for axis in range(1, len(y.shape)) if axis != b]
        sizes = [*(x.shape[axis] for axis in left), *(y.shape[axis] for axis in right)]
        batch, inner = x.shape[0], x.shape[a]
        rows = ops.reshape(ops.transpose(x, (0, *left, a)), (batch, -1, inner))
        columns = ops.reshape(ops.transpose(y, (0, b, *right)), (batch, inner, -1))
        return ops.reshape(ops.matmul(rows, columns), (batch, *(sizes or [1])))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        first, second = input_shape
        a, b = self._axes_of(input_shape)
        sizes = [n for axis, n in enumerate(first) if axis not in (0, a)]
        sizes += [n for axis, n in enumerate(second) if axis not in (0, b)]
        return (first[0], *(sizes or [1]))


def add(inputs: Any, **kwargs: Any) -> Any:
    """`Add(**kwargs)(inputs)` (`keras.layers.add`)."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """`Subtract(**kwargs)(inputs)` (`keras.layers.subtract`)."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """`Multiply(**kwargs)(inputs)` (`keras.layers.multiply`)."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """`Average(**kwargs)(inputs)` (`keras.layers.average`)."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """`Maximum(**kwargs)(inputs)` (`keras.layers.maximum`)."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """`Minimum(**kwargs)(inputs)` (`keras.layers.minimum`)."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate(axis, **kwargs)(inputs)` (`keras.layers.concatenate`)."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """`Dot(axes, **kwargs)(inputs)` (`keras.layers.dot`)."""
    return Dot(axes=axes, **kwargs)(inputs)
