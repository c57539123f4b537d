"""Learning rates that change with the steps made, by the formulas of Keras's schedules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import config, registry
from cnn_ext._errors import TeachesKeywords, missing_attribute
from cnn_ext.autograd import Tensor


class LearningRateSchedule(TeachesKeywords):
    """Base of schedules: one of your own implements `__call__(step)`, and `get_config` to be saved.

    Counterpart: `keras.optimizers.schedules.LearningRateSchedule`.
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate after so many steps."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order "
            "to be serializable."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A schedule from what `get_config` returned."""
        return cls(**config)


class _Formula(registry.Configured, LearningRateSchedule):
    """A schedule that is a formula in `config.floatx()`, for one step or an array of steps."""

    def __call__(self, step: Any) -> Tensor:
        dtype = np.dtype(config.floatx())
        rate = self.at(np.asarray(step, dtype), dtype.type)
        return Tensor(np.asarray(rate, dtype))

    def at(self, step: Any, number: Any) -> Any:
        """The rate; `number` makes constants of the dtype."""
        raise NotImplementedError


def _check_steps(**steps: float) -> None:
    for name, value in steps.items():
        if value <= 0:
            raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")


class ExponentialDecay(_Formula):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps in which the rate is multiplied by decay_rate once.
        decay_rate: this factor.
        staircase: whether the exponent is rounded down, so that the rate falls in steps.
        name: kept in the configuration.

    Counterpart: `keras.optimizers.schedules.ExponentialDecay`.

    >>> schedule = ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)
    >>> float(schedule(20))
    0.125
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        _check_steps(decay_steps=decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def at(self, step: Any, number: Any) -> Any:
        exponent = step / number(self.decay_steps)
        if self.staircase:
            exponent = np.floor(exponent)
        return number(self.initial_learning_rate) * number(self.decay_rate) ** exponent


class InverseTimeDecay(_Formula):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps after which the denominator has grown by decay_rate.
        decay_rate: how fast the rate falls.
        staircase: whether `step / decay_steps` is rounded down, so that the rate falls in steps.
        name: kept in the configuration.

    Counterpart: `keras.optimizers.schedules.InverseTimeDecay`.

    >>> float(InverseTimeDecay(0.5, decay_steps=10, decay_rate=1.0)(10))
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        _check_steps(decay_steps=decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def at(self, step: Any, number: Any) -> Any:
        times = step / number(self.decay_steps)
        if self.staircase:
            times = np.floor(times)
        return number(self.initial_learning_rate) / (1 + number(self.decay_rate) * times)


class PiecewiseConstantDecay(_Formula):
    """`values[0]` up to and with step `boundaries[0]`, then `values[1]`, and so on.

    Args:
        boundaries: the last steps of all values but the last, increasing.
        values: the rates, one more than boundaries.
        name: kept in the configuration.

    Counterpart: `keras.optimizers.schedules.PiecewiseConstantDecay`.

    >>> schedule = PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.25])
    >>> [float(schedule(step)) for step in (100, 101, 1000)]
    [1.0, 0.5, 0.25]
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of "
                f"length {len(values)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        place = np.searchsorted(np.asarray(self.boundaries), np.asarray(step), side="left")
        return Tensor(np.asarray(self.values, config.floatx())[place])


class PolynomialDecay(_Formula):
    """From initial to end rate as `(1 - step / decay_steps) ** power`.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: the step at which the end rate is reached.
        end_learning_rate: the rate from then on.
        power: 1 is a straight line.
        cycle: whether, instead of ending, the decay is stretched to twice, three times, ...
            decay_steps.
        name: kept in the configuration.

    Counterpart: `keras.optimizers.schedules.PolynomialDecay`.

    >>> float(PolynomialDecay(1.0, decay_steps=10, end_learning_rate=0.5)(5))
    0.75
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        _check_steps(decay_steps=decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def at(self, step: Any, number: Any) -> Any:
        first, last = number(self.initial_learning_rate), number(self.end_learning_rate)
        steps = number(self.decay_steps)
        if self.cycle:
            steps = steps * np.maximum(np.ceil(step / steps), 1)
        else:
            step = np.minimum(step, steps)
        return (first - last) * (1 - step / steps) ** number(self.power) + last


class CosineDecay(_Formula):
    """Half a cosine wave from the initial rate to alpha times it, after a linear warmup if asked.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps that the decay takes.
        alpha: the smallest rate, as a fraction of that which the decay starts from.
        name: kept in the configuration.
        warmup_target: the rate that the warmup leads to; None: no warmup.
        warmup_steps: steps that the warmup takes.

    Counterpart: `keras.optimizers.schedules.CosineDecay` (Loshchilov & Hutter 2017; the warmup is
    that of Goyal et al. 2017).

    >>> schedule = CosineDecay(0.0, decay_steps=10, warmup_target=0.5, warmup_steps=4)
    >>> [float(schedule(step)) for step in (0, 2, 4, 14)]
    [0.0, 0.25, 0.5, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        _check_steps(decay_steps=decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def at(self, step: Any, number: Any) -> Any:
        first, steps = number(self.initial_learning_rate), number(self.decay_steps)
        if self.warmup_target is None:
            return first * self._share(np.minimum(step / steps, 1), number)
        top, warmup = number(self.warmup_target), number(self.warmup_steps)
        decayed = top * self._share(np.clip((step - warmup) / steps, 0, 1), number)
        if not self.warmup_steps:
            return decayed
        return np.where(step < warmup, (top - first) * (step / warmup) + first, decayed)

    def _share(self, done: Any, number: Any) -> Any:
        """What is left when this fraction of the decay is done."""
        wave = number(0.5) * (1 + np.cos(number(math.pi) * done))
        return (1 - self.alpha) * wave + number(self.alpha)


class CosineDecayRestarts(_Formula):
    """Cosine decays from the initial rate, one after the other (warm restarts).

    Args:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: steps of the first decay.
        t_mul: how many times longer each decay is than the one before.
        m_mul: how many times larger the rate is that each decay starts from.
        alpha: the smallest rate, as a fraction of initial_learning_rate.
        name: kept in the configuration.

    Counterpart: `keras.optimizers.schedules.CosineDecayRestarts` (Loshchilov & Hutter 2017).

    >>> schedule = CosineDecayRestarts(0.5, first_decay_steps=10)
    >>> [f"{schedule(step):.2f}" for step in (0, 5, 10, 20)]
    ['0.50', '0.25', '0.50', '0.25']
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        _check_steps(first_decay_steps=first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def at(self, step: Any, number: Any) -> Any:
        t_mul, alpha = number(self.t_mul), number(self.alpha)
        done = step / number(self.first_decay_steps)
        if self.t_mul == 1:
            restarts = np.floor(done)
            done = done - restarts
        else:
            restarts = np.floor(np.log(1 - done * (1 - t_mul)) / np.log(t_mul))
            before = (1 - t_mul**restarts) / (1 - t_mul)
            done = (done - before) / t_mul**restarts
        wave = number(0.5) * number(self.m_mul) ** restarts * (1 + np.cos(number(math.pi) * done))
        return number(self.initial_learning_rate) * ((1 - alpha) * wave + alpha)


_CLASSES: tuple[type[LearningRateSchedule], ...] = (
    LearningRateSchedule,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    CosineDecay,
    CosineDecayRestarts,
)
_, serialize, deserialize = registry.family(
    "learning rate schedule",
    "keras.optimizers.schedules",
    {cls.__name__: cls for cls in _CLASSES},
)

__all__ = ["deserialize", "serialize", *sorted(cls.__name__ for cls in _CLASSES)]

__getattr__ = missing_attribute(__name__, __all__)
