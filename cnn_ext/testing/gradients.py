"""Gradient checking: derivatives by autograd against derivatives by differences, in float64.

Along a random direction v, the gradient g promises the slope <g, v>, and the fourth-order central
difference (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12 h measures it. One direction weighs every
element at once, so that one wrong element among thousands shows; when a check fails, halves of the
elements are tried until the worst can be named. Second order checks the slope of <g, u>, u random,
in the same way. (Keras has no counterpart; `torch.autograd.gradcheck` is the nearest.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cnn_ext.autograd import Tensor, as_array, gradients, no_grad

STEPS = (1e-3, 1e-4, 1e-5, 1e-6)  # a smaller one is tried when a kink lies within the larger
TOLERANCE = 1e-7  # of the slope's natural size, ||g * v||
FEW = 64  # suspects left when each is tried by itself, to name the worst element


class GradientCheckError(AssertionError):
    """The gradient of a function is not its derivative."""


def check_gradients(
    fn: Callable[..., Any],
    inputs: Any,
    *,
    y: Any = None,
    order: int = 2,
    directions: int = 3,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> None:
    """Check that the gradients of a function, layer or model are its derivatives.

    Args:
        fn: a function of Tensors that returns a Tensor (or several); a layer; or a model. Layers
            and models are checked by their trainable weights too.
        inputs: its inputs: an array, or a list of one array per argument. Floats are converted to
            float64 and differentiated by; integers (labels, indices) are passed as they are.
        y: targets; with a compiled model, what is checked is its loss at (inputs, y).
        order: 1 for gradients, 2 for gradients of gradients as well.
        directions: how many random directions to try for each input.
        tolerance: largest error allowed, relative to the slope's natural size.
        seed: of the random directions.

    Raises:
        GradientCheckError: naming the input, the worst element, and both values there.
        ValueError: if nothing can be learned: the inputs hold no floats, or every derivative is
            zero there.

    The function is called many times and must give the same result each time: layers run with
    training off. Choose inputs away from kinks (a ReLU at 0, equal values in a max-pool window).

    >>> import numpy as np
    >>> check_gradients(lambda x: (x * x).sum(), np.array([1.0, 2.0]))
    """
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2. Received: order={order}")
    arrays = [_as_float64(a) for a in (inputs if isinstance(inputs, list | tuple) else [inputs])]
    if hasattr(fn, "trainable_variables"):
        with no_grad():  # a layer makes its weights when first called
            fn(*map(_in_default_dtype, arrays))
    variables = list(getattr(fn, "trainable_variables", ()))
    rng = np.random.default_rng(seed)
    with _in_float64(fn):
        values = [*arrays, *(v.data for v in variables)]
        names = [f"input {i}" for i in range(len(arrays))]
        names += [f"variable '{v.path}'" for v in variables]
        scalar = _projected(_Subject(fn, y, variables), values, rng)
        check = _Check(names, directions, tolerance, rng)
        check.first_order(scalar, values)
        if order == 2:
            check.second_order(scalar, values)


# A function of arrays: its value, and the leaves in it that stand for the arrays.
Scalar = Callable[[list[np.ndarray]], tuple[Tensor, list[Tensor]]]


class _Subject:
    """What is checked, as a function of one flat list of arrays: inputs, then variables."""

    def __init__(self, fn: Callable[..., Any], y: Any, variables: Sequence[Any]) -> None:
        self.fn = fn
        self.y = y
        self.variables = variables

    def __call__(self, values: list[np.ndarray]) -> tuple[list[Tensor], list[Tensor]]:
        count = len(values) - len(self.variables)
        inputs = [Tensor(v, requires_grad=v.dtype.kind == "f") for v in values[:count]]
        for variable, value in zip(self.variables, values[count:], strict=True):
            variable.data = value
        outputs = self.fn(*inputs)
        if self.y is not None:
            x = inputs[0] if count == 1 else inputs
            outputs = self.fn.compute_loss(x=x, y=self.y, y_pred=outputs)  # type: ignore[attr-defined]
        return _tensors(outputs), [*inputs, *self.variables]


def _projected(subject: _Subject, values: list[np.ndarray], rng: np.random.Generator) -> Scalar:
    """The subject made a scalar: the sum of its outputs, each element with a random weight."""
    with no_grad():
        weights = [rng.standard_normal(output.shape) for output in subject(values)[0]]

    def scalar(values: list[np.ndarray]) -> tuple[Tensor, list[Tensor]]:
        outputs, leaves = subject(values)
        return _inner(outputs, weights), leaves

    return scalar


def _inner(tensors: Sequence[Any], weights: Sequence[np.ndarray]) -> Tensor:
    """The sum of all elements, each times its weight."""
    total = (tensors[0] * weights[0]).sum()
    for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
        total = total + (tensor * weight).sum()
    return total


def _tensors(result: Any) -> list[Tensor]:
    outputs = list(result) if isinstance(result, list | tuple) else [result]
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(
                "the checked function must return Tensors, computed with cnn_ext.ops or Tensor "
                f"operators. Received: {type(output).__name__}"
            )
    return outputs


class _Check:
    """The comparison of slopes, for one function of a flat list of arrays."""

    def __init__(
        self, names: list[str], directions: int, tolerance: float, rng: np.random.Generator
    ) -> None:
        self.names = names
        self.directions = directions
        self.tolerance = tolerance
        self.rng = rng

    def first_order(self, scalar: Scalar, values: list[np.ndarray]) -> None:
        found = _gradients(scalar, values)
        if not found:
            raise ValueError("check_gradients needs at least one float input or variable")
        slopes = [self._compare(scalar, values, i, g, "gradient") for i, g in found.items()]
        if not any(slopes):
            raise ValueError(
                "nothing was checked: every derivative is zero at these inputs; choose others"
            )

    def second_order(self, scalar: Scalar, values: list[np.ndarray]) -> None:
        floats = [i for i, v in enumerate(values) if v.dtype.kind == "f"]
        weights = [self.rng.standard_normal(values[i].shape) for i in floats]

        def slope(values: list[np.ndarray]) -> tuple[Tensor, list[Tensor]]:
            value, leaves = scalar(values)
            found = gradients(value, [leaves[i] for i in floats], create_graph=True)
            return _inner(found, weights), leaves

        for i, g in _gradients(slope, values).items():
            self._compare(slope, values, i, g, "gradient of the gradient")

    def _compare(
        self, scalar: Scalar, values: list[np.ndarray], index: int, gradient: np.ndarray, what: str
    ) -> bool:
        """Compare slopes by one input; whether any was other than zero."""
        if not np.isfinite(gradient).all():
            element = np.argwhere(~np.isfinite(gradient))[0].tolist()
            raise GradientCheckError(
                f"the {what} by {self.names[index]} is not finite at element {element}: "
                f"{gradient[tuple(element)]}"
            )
        any_slope = False
        for _ in range(self.directions):
            direction = self.rng.standard_normal(gradient.shape)
            measured, error = _slope(scalar, values, index, direction, gradient)
            natural = max(float(np.linalg.norm(gradient * direction)), abs(measured))
            any_slope |= natural > 1e-9
            if not error <= self.tolerance * natural + 1e-10:
                raise GradientCheckError(self._worst(scalar, values, index, gradient, what, error))
        return any_slope

    def _worst(
        self, scalar: Scalar, values: list[np.ndarray], index: int, gradient: np.ndarray,
        what: str, error: float,
    ) -> str:  # fmt: skip
        """The message that names the element where both derivatives differ most."""

        def off(elements: np.ndarray) -> tuple[float, float]:
            direction = np.zeros(gradient.size)
            direction[elements] = self.rng.choice([-1.0, 1.0], elements.size)
            shaped = direction.reshape(gradient.shape)
            return _slope(scalar, values, index, shaped, gradient)

        suspects = np.arange(gradient.size)
        while suspects.size > FEW:  # halve, and keep the half whose slope is further off
            suspects = max(np.array_split(suspects, 2), key=lambda half: off(half)[1])
        worst = max(suspects, key=lambda element: off(np.array([element]))[1])
        one = np.zeros(gradient.size)
        one[worst] = 1
        by_differences, _ = _slope(scalar, values, index, one.reshape(gradient.shape), gradient)
        return (
            f"the {what} by {self.names[index]} is wrong: slope off by {error:.3g} along a random "
            f"direction. Worst element: {[int(i) for i in np.unravel_index(worst, gradient.shape)]}"
            f", by autograd {gradient.reshape(-1)[worst]:.9g}, "
            f"by differences {by_differences:.9g}"
        )


def _slope(
    scalar: Scalar, values: list[np.ndarray], index: int, direction: np.ndarray,
    gradient: np.ndarray,
) -> tuple[float, float]:  # fmt: skip
    """The measured slope nearest to the gradient's over STEPS, and how far off it is.

    A wrong gradient is off at every step; a right one only where a step crosses a kink or drowns
    in rounding.
    """
    promised = float(np.sum(gradient * direction))
    best = (float("nan"), float("inf"))
    for step in STEPS:
        h = step * max(1.0, float(np.abs(values[index]).max(initial=0.0)))

        def at(shift: float, h: float = h) -> float:
            moved = list(values)
            moved[index] = values[index] + (shift * h) * direction
            return scalar(moved)[0].item()

        measured = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
        error = abs(measured - promised)
        if error < best[1]:
            best = (measured, error)
    return best


def _gradients(scalar: Scalar, values: list[np.ndarray]) -> dict[int, np.ndarray]:
    """Gradients of the scalar by each float among the values, by position."""
    value, leaves = scalar(values)
    floats = [i for i, v in enumerate(values) if v.dtype.kind == "f"]
    return dict(zip(floats, gradients(value, [leaves[i] for i in floats]), strict=True))


@contextlib.contextmanager
def _in_float64(fn: Any) -> Iterator[None]:
    """Hold the weights of a layer in float64 within the block."""
    variables = list(getattr(fn, "variables", ()))
    before = [v.data for v in variables]
    for variable in variables:
        if variable.data.dtype.kind == "f":
            variable.data = variable.data.astype(np.float64)
    try:
        yield
    finally:
        for variable, data in zip(variables, before, strict=True):
            variable.data = data


def _as_float64(value: Any) -> np.ndarray:
    array = as_array(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _in_default_dtype(array: np.ndarray) -> Tensor:
    return Tensor(array.astype(np.float32) if array.dtype.kind == "f" else array)
