"""What is done to weights besides the step itself: decay, and averages over the steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from cnn_ext.autograd import Tensor, Variable
from cnn_ext.optimizers.blocks import blocks
from cnn_ext.optimizers.state import State


class WeightDecay(State):
    """A share of each weight is taken off before the step, apart from the gradient
    (Loshchilov & Hutter 2019)."""

    weight_decay: float | None
    _not_decayed: dict[int, Variable]
    _not_decayed_names: re.Pattern[str] | None

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Spare some weights the decay.

        Args:
            var_list: these weights.
            var_names: weights in whose names one of these regular expressions is found:
                `["bias"]`.
        """
        self._not_decayed = {id(v): v for v in var_list or ()}
        names = sorted(set(var_names or ()))
        self._not_decayed_names = re.compile("|".join(names)) if names else None

    def _use_weight_decay(self, variable: Variable) -> bool:
        pattern = self._not_decayed_names
        return id(variable) not in self._not_decayed and not (
            pattern and pattern.search(variable.name)
        )

    def _apply_weight_decay(self, variables: Sequence[Variable], learning_rate: float) -> None:
        if self.weight_decay is None:
            return
        share = self.weight_decay * learning_rate
        for variable in variables:
            if self._use_weight_decay(variable):
                for (value,) in blocks(variable.data):
                    value -= value * share
                variable.version += 1


class MovingAverage(State):
    """Exponential moving averages of the weights (`use_ema`)."""

    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    _model_variables_moving_average: list[Variable]

    @property
    def iterations(self) -> Tensor:
        """How many steps were made."""
        raise NotImplementedError

    def _update_moving_average(self, variables: Sequence[Variable]) -> None:
        """Move the averages towards the weights, and the weights onto them when that is due."""
        steps = int(self.iterations)
        momentum = self.ema_momentum if steps else 0.0
        for variable, average in zip(variables, self._model_variables_moving_average, strict=True):
            for mean, value in blocks(average.data, variable.data):
                mean *= momentum
                mean += (1 - momentum) * value
        if self.ema_overwrite_frequency and (steps + 1) % self.ema_overwrite_frequency == 0:
            self._overwrite_with_average(variables)

    def _overwrite_with_average(self, variables: Sequence[Variable]) -> None:
        averages = self._model_variables_moving_average
        if len(variables) != len(averages):
            raise ValueError(
                f"The length of model variables ({len(variables)}) to override does not match the "
                f"length of model variables stored in the optimizer ({len(averages)}). Please "
                "check if the optimizer was called on your model."
            )
        for variable, average in zip(variables, averages, strict=True):
            variable.assign(average)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Give the weights their final values: with `use_ema` their averages; `fit` calls this."""
        if self.use_ema:
            self._overwrite_with_average(list(var_list))
