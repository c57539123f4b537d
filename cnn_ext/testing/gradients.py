"""Gradient checking: derivatives by autograd against derivatives by differences, in float64.

Along a random direction v, the gradient g promises the slope <g, v>, and the fourth-order central
difference (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12 h measures it. One direction weighs every
element at once, so that one wrong element among thousands shows; when a check fails, the elements
are tried one by one to name the worst. Second order checks the slope of <g, u>, u random, in the
same way. (Keras's counterpart is none; `torch.autograd.gradcheck` is the nearest.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cnn_ext.autograd import Tensor, as_array, gradients, no_grad

STEPS = (1e-3, 1e-4, 1e-5, 1e-6)  # a smaller one is tried when a kink lies within the larger
TOLERANCE = 1e-7  # of the slope's natural size, ||g * v||
WORST_OF = 2000  # elements tried one by one, at most, to name the worst


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
    with no_grad():  # a layer makes its weights when first called
        if hasattr(fn, "trainable_variables"):
            fn(*(_in_default_dtype(a) for a in arrays))
    variables = list(getattr(fn, "trainable_variables", ()))
    rng = np.random.default_rng(seed)
    with _in_float64(fn):
        values = [*arrays, *(v.data.copy() for v in variables)]
        names = [f"input {i}" for i in range(len(arrays))]
        names += [f"variable '{v.path}'" for v in variables]
        scalar = _projected(_flat_function(fn, y, len(arrays), variables), values, rng)
        check = _Check(names, directions, tolerance, rng)
        check.first_order(scalar, values)
        if order == 2:
            check.second_order(scalar, values)


class _Check:
    """The comparison of slopes, for one function of a flat list of arrays."""

    def __init__(
        self, names: list[str], directions: int, tolerance: float, rng: np.random.Generator
    ) -> None:
        self.names = names
        self.directions = directions
        self.tolerance = tolerance
        self.rng = rng

    def first_order(self, scalar: Callable[..., Tensor], values: list[np.ndarray]) -> None:
        found = _gradients(scalar, values)
        if not found:
            raise ValueError("check_gradients needs at least one float input or variable")
        slopes = [self._compare(scalar, values, i, g, "gradient") for i, g in found.items()]
        if not any(slopes):
            raise ValueError(
                "nothing was checked: every derivative is zero at these inputs; choose others"
            )

    def second_order(self, scalar: Callable[..., Tensor], values: list[np.ndarray]) -> None:
        weights = {i: self.rng.standard_normal(v.shape) for i, v in _floats(values).items()}

        def slope(*tensors: Any) -> Tensor:
            by = [tensors[i] for i in weights]
            found = gradients(scalar(*tensors), by, create_graph=True)
            terms = [(g * u).sum() for g, u in zip(found, weights.values(), strict=True)]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            return total

        for i, g in _gradients(slope, values).items():
            self._compare(slope, values, i, g, "gradient of the gradient")

    def _compare(
        self, scalar: Callable[..., Tensor], values: list[np.ndarray], index: int,
        gradient: np.ndarray, what: str,
    ) -> bool:  # fmt: skip
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
            promised = float(np.sum(gradient * direction))
            measured, error = _slope(scalar, values, index, direction, promised)
            natural = max(float(np.linalg.norm(gradient * direction)), abs(measured))
            any_slope |= natural > 1e-9
            if not error <= self.tolerance * natural + 1e-10:
                raise GradientCheckError(self._worst(scalar, values, index, gradient, what, error))
        return any_slope

    def _worst(
        self, scalar: Callable[..., Tensor], values: list[np.ndarray], index: int,
        gradient: np.ndarray, what: str, error: float,
    ) -> str:  # fmt: skip
        """The message that names the element where both derivatives differ most."""
        elements = np.arange(gradient.size)
        if gradient.size > WORST_OF:
            elements = self.rng.choice(gradient.size, WORST_OF, replace=False)
        worst = (-1.0, 0, 0.0, 0.0)
        for element in elements:
            direction = np.zeros(gradient.size)
            direction[element] = 1
            promised = float(gradient.reshape(-1)[element])
            measured, off = _slope(
                scalar, values, index, direction.reshape(gradient.shape), promised
            )
            if not off <= worst[0]:
                worst = (off, int(element), promised, measured)
        at = [int(i) for i in np.unravel_index(worst[1], gradient.shape)]
        tried = "" if gradient.size <= WORST_OF else f" of {WORST_OF} elements tried"
        return (
            f"the {what} by {self.names[index]} is wrong: slope off by {error:.3g} along a random "
            f"direction. Worst element{tried}: {at}, by autograd {worst[2]:.9g}, "
            f"by differences {worst[3]:.9g}"
        )


def _slope(
    scalar: Callable[..., Tensor], values: list[np.ndarray], index: int, direction: np.ndarray,
    promised: float,
) -> tuple[float, float]:  # fmt: skip
    """The measured slope nearest to the promised one over STEPS, and how far off it is.

    A wrong gradient is off at every step; a right one only where a step crosses a kink or drowns
    in rounding.
    """
    best = (float("nan"), float("inf"))
    for step in STEPS:
        h = step * max(1.0, float(np.abs(values[index]).max(initial=0.0)))

        def at(shift: float, h: float = h) -> float:
            moved = list(values)
            moved[index] = values[index] + (shift * h) * direction
            return scalar(*(Tensor(m, requires_grad=m.dtype.kind == "f") for m in moved)).item()

        measured = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
        error = abs(measured - promised)
        if error < best[1] or not np.isfinite(best[0]):
            best = (measured, error if np.isfinite(error) else float("inf"))
    return best


def _gradients(
    scalar: Callable[..., Tensor], values: list[np.ndarray]
) -> dict[int, np.ndarray]:
    """Gradients of the scalar by each float among the values, by position."""
    tensors = [Tensor(v, requires_grad=v.dtype.kind == "f") for v in values]
    by = [i for i, tensor in enumerate(tensors) if tensor.requires_grad]
    found = gradients(scalar(*tensors), [tensors[i] for i in by])
    return dict(zip(by, found, strict=True))


def _floats(values: list[np.ndarray]) -> dict[int, np.ndarray]:
    return {i: v for i, v in enumerate(values) if v.dtype.kind == "f"}


def _flat_function(
    fn: Callable[..., Any], y: Any, n_inputs: int, variables: Sequence[Any]
) -> Callable[..., Any]:
    """fn, or the loss of a compiled model, as a function of its inputs and its variables."""

    def flat(*tensors: Any) -> Any:
        with _standing_in(variables, tensors[n_inputs:]):
            if y is None:
                return fn(*tensors[:n_inputs])
            x = tensors[0] if n_inputs == 1 else list(tensors[:n_inputs])
            return fn.compute_loss(x=x, y=y, y_pred=fn(x))  # type: ignore[attr-defined]

    return flat


def _projected(
    fn: Callable[..., Any], values: list[np.ndarray], rng: np.random.Generator
) -> Callable[..., Tensor]:
    """fn made a scalar: the sum of its outputs, each element with a random weight."""
    with no_grad():
        shapes = [np.shape(output) for output in _outputs(fn(*map(Tensor, values)))]
    weights = [rng.standard_normal(shape) for shape in shapes]

    def scalar(*tensors: Any) -> Tensor:
        terms = [
            (output * w).sum()
            for output, w in zip(_outputs(fn(*tensors)), weights, strict=True)
        ]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    return scalar


def _outputs(result: Any) -> list[Any]:
    outputs = list(result) if isinstance(result, list | tuple) else [result]
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(
                "the checked function must return Tensors, computed with cnn_ext.ops or Tensor "
                f"operators. Received: {type(output).__name__}"
            )
    return outputs


@contextlib.contextmanager
def _standing_in(variables: Sequence[Any], tensors: Sequence[Tensor]) -> Iterator[None]:
    """Let each variable be the given Tensor within the block: same value, same history."""
    before = [(v.data, v.node, v.requires_grad) for v in variables]
    for variable, tensor in zip(variables, tensors, strict=True):
        variable.data = tensor.data
        variable.node = None if tensor.node is None else tensor.node
        variable.requires_grad = tensor.requires_grad
    try:
        yield
    finally:
        for variable, (data, node, requires_grad) in zip(variables, before, strict=True):
            variable.data, variable.node, variable.requires_grad = data, node, requires_grad


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
