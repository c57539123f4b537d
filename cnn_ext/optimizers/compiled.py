"""Optimizers whose formula the compiled part has: for one weight, and for all in a plan."""

from __future__ import annotations

from typing import Any

from cnn_ext import _kernels
from cnn_ext.autograd import Variable
from cnn_ext.optimizers.base import Optimizer


class Compiled(Optimizer):
    """Base of optimizers that say what the formula takes, and leave it to the compiled part."""

    formula: str

    def update_slots(self, variable: Variable) -> tuple[Variable | None, ...]:
        """What is kept of a weight; None for what these arguments do without."""
        raise NotImplementedError

    def update_settings(self, learning_rate: float) -> tuple[float, ...]:
        """The numbers of the formula for the next step."""
        raise NotImplementedError

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        update = getattr(_kernels, f"{self.formula}_update")
        slots = [None if slot is None else slot.data for slot in self.update_slots(variable)]
        update(variable.data, gradient, *slots, *self.update_settings(float(learning_rate)))

    def _slot(self, slots: list[Variable], variable: Variable) -> Variable | None:
        """The one of a weight; None if there are none."""
        return slots[self._get_variable_index(variable)] if slots else None
