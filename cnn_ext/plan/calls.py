"""What a plan for training is made of: calls of kernels, as the compiled part takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cnn_ext.plan.steps import Value


class Kept(Value):
    """A value that lies in an array of its own, which outlives the run: a weight's gradient.

    array: called for the array.
    """

    def __init__(self, array: Callable[[], Any]) -> None:
        super().__init__(array().shape, itemsize=array().itemsize)
        self.array = array


class Of(Kept):
    """The value of a Variable."""

    def __init__(self, variable: Any) -> None:
        self.variable = variable
        super().__init__(lambda: variable.data)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a kernel.

    kind: its name in the compiled part (`_kernels.TrainingPlan.add`).
    values: what it reads and writes, in the order there; None for what is not wanted.
    reads: how many of them it reads, which come first.
    details: sizes and settings.
    layers: names of the layers that it computes, or the gradients of.
    """

    kind: str
    values: tuple[Value | None, ...]
    reads: int
    layers: tuple[str, ...]
    flops: int = 0
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def touches(self) -> list[Value]:
        """The values that are read or written."""
        return [value.storage for value in self.values if value is not None]

    @property
    def y(self) -> Value:
        """What it is there for, of the values that it writes."""
        return next(value for value in self.values[self.reads :] if value is not None)

    @property
    def kernel(self) -> str:
        """What computes it."""
        return " ".join(filter(None, (self.kind.replace("_", " "), self.details.get("kernel"))))

    def add_to(self, plan: Any, number: Callable[[Value | None], int]) -> None:
        """Append it to a plan of the compiled part."""
        numbers = tuple(map(number, self.values))
        if self.kind == "copy":
            plan.add_copy(*numbers, **self.details)
        elif self.kind == "copy_from":
            plan.add_copy_from(*numbers, **self.details)
        elif self.kind == "update":
            plan.add_update(self.details["optimizer"], [
                (number(value), number(gradient), tuple(map(number, slots)), size, decays)
                for value, gradient, slots, size, decays in self.details["weights"]
            ])  # fmt: skip
        else:
            plan.add(self.kind, numbers, **self.details)
