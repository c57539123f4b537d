"""Optimizer: from gradients to one step of the weights, whatever the formula of the step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from cnn_ext import config as settings
from cnn_ext import registry
from cnn_ext.autograd import Tensor, Variable, no_grad
from cnn_ext.naming import auto_name
from cnn_ext.optimizers.blocks import limited, norm
from cnn_ext.optimizers.decay import MovingAverage, WeightDecay
from cnn_ext.optimizers.schedules import LearningRateSchedule


class Optimizer(WeightDecay, MovingAverage):
    """Base of optimizers; one of your own implements `build` and `update_step`.

    Args:
        learning_rate: step size: a float, a `LearningRateSchedule`, or a function of no arguments.
        weight_decay: fraction of each weight, times the learning rate, taken off a step.
        clipnorm: scale each gradient down to at most this norm.
        clipvalue: limit each element of a gradient to [-clipvalue, clipvalue].
        global_clipnorm: scale all gradients down together to at most this norm.
        use_ema: keep exponential moving averages of the weights, which they get after `fit`.
        ema_momentum: share of the old average that is kept, in [0, 1].
        ema_overwrite_frequency: steps after which the weights get their averages; None: never.
        loss_scale_factor: the loss is multiplied by this, the gradients are divided by it.
        gradient_accumulation_steps: calls of `apply` whose mean gradient makes one step.
        name: shown in files; numbered automatically if None.

    Counterpart: `keras.Optimizer`.

    >>> class Halving(Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         self.assign_sub(variable, variable * learning_rate)
    >>> weight = Variable([4.0, 2.0])
    >>> Halving(0.5).apply([np.ones(2)], [weight])
    >>> weight.numpy()
    array([2., 1.], dtype=float32)
    """

    hyperparameters: tuple[str, ...] = ()  # what a subclass adds to the configuration

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("decay", None)  # of Keras 2: a warning, no error
        return super().__new__(cls, *args, **kwargs)

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("decay", None) is not None:
            warnings.warn(
                "Argument `decay` is no longer supported and will be ignored.", stacklevel=3
            )
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        if gradient_accumulation_steps and not gradient_accumulation_steps >= 2:
            raise ValueError(
                "`gradient_accumulation_steps` must be an integer >= 2. Received: "
                f"gradient_accumulation_steps={gradient_accumulation_steps}"
            )
        if use_ema:
            _check_average(ema_momentum, ema_overwrite_frequency)
        if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                f"Received: clipnorm={clipnorm}, clipvalue={clipvalue}, "
                f"global_clipnorm={global_clipnorm}"
            )
        self._variables = []
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._trainable_variables: list[Variable] = []
        self._positions: dict[int, int] = {}
        self.exclude_from_weight_decay()
        self._iterations = self._scalar(0, "int64", "iteration")
        if not callable(learning_rate):
            if not isinstance(learning_rate, float | np.floating):
                raise ValueError(
                    "Argument `learning_rate` should be float, or an instance of "
                    "LearningRateSchedule, or a callable (that takes in the current iteration "
                    "value and returns the corresponding learning rate value). Received instead: "
                    f"learning_rate={learning_rate!r}"
                )
            rate = _checked_rate(learning_rate)
            learning_rate = self._scalar(rate, settings.floatx(), "learning_rate")
        self._learning_rate: Variable | Callable[..., Any] = learning_rate

    def _scalar(self, value: float, dtype: str, name: str) -> Variable:
        variable = Variable(
            value, dtype=dtype, trainable=False, name=name, path=f"{self.name}/{name}"
        )
        self._track_variable(variable)
        return variable

    # --- Learning rate and count ---------------------------------------------------------------

    @property
    def learning_rate(self) -> Any:
        """The step size: a live Variable, or what the schedule says now."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        return rate(self._iterations) if isinstance(rate, LearningRateSchedule) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        before = self._learning_rate
        if callable(value):
            self._learning_rate = value
            if isinstance(before, Variable):
                self._untrack_variable(before)
        elif not isinstance(before, Variable):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its "
                "`learning_rate` constructor argument, hence its learning rate is not settable. "
                "If you need the learning rate to be settable, you should instantiate the "
                "optimizer with a float `learning_rate` argument."
            )
        else:
            before.assign(np.asarray(_checked_rate(value), before.dtype))

    @property
    def iterations(self) -> Tensor:
        """How many steps were made; with accumulation, of those that moved the weights."""
        if self.gradient_accumulation_steps:
            return Tensor(self._iterations.data // self.gradient_accumulation_steps)
        return self._iterations

    # --- Variables -----------------------------------------------------------------------------

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the variables that go with these weights; `apply` does so when it is first called.

        Args:
            variables: the weights.
        """
        weights = list(variables)
        if self.use_ema:
            self._model_variables_moving_average = self.add_optimizer_variables(weights, "average")
        if self.gradient_accumulation_steps:
            self._accumulated = self.add_optimizer_variables(weights, "gradient_accumulator")
        self._trainable_variables = weights
        self._positions = {id(v): i for i, v in enumerate(weights)}
        self.built = True

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a weight among those that the optimizer was built on."""
        return self._positions[id(variable)]

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)  # a copy's variables are other objects
        self._positions = {id(v): i for i, v in enumerate(self._trainable_variables)}
        self._not_decayed = {id(v): v for v in self._not_decayed.values()}

    # --- A step --------------------------------------------------------------------------------

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Change one weight and what is remembered of it.

        Args:
            gradient: an array of the weight's shape and dtype.
            variable: the weight.
            learning_rate: the step size, a scalar.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement update_step()")

    def apply(
        self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None
    ) -> None:
        """Make one step. Nothing is changed if an argument is wrong.

        Args:
            grads: one gradient a weight, arrays or Tensors of the weights' shapes; None skips one.
            trainable_variables: the weights; may be left out after `build`.
        """
        grads = list(grads)
        if not grads:
            return
        known = trainable_variables is None
        variables = self._trainable_variables if known else list(trainable_variables or ())
        self._check_arguments(grads, variables, known)
        given = [_gradient_array(g, v) for g, v in zip(grads, variables, strict=True)]
        arrays, stepped = _without_missing(given, variables)
        with no_grad(), np.errstate(all="ignore"):  # infinity and NaN go on, as in the kernels
            rate = self.learning_rate
            if not math.isfinite(float(rate)):
                raise ValueError(f"the learning rate must be finite. Received: {float(rate)}")
            if not self.built:
                self.build(variables)
            if self.loss_scale_factor is not None:
                arrays = [np.asarray(g / self.loss_scale_factor, g.dtype) for g in arrays]
            self._apply(arrays, stepped, rate)
            for variable in stepped:
                if variable.constraint is not None:
                    variable.assign(variable.constraint(variable))
        self._iterations.assign(self._iterations.data + 1)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Make one step from pairs (gradient, weight); returns the number of steps."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def scale_loss(self, loss: Any) -> Any:
        """The loss to differentiate: times `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def _check_arguments(self, grads: list[Any], variables: list[Variable], known: bool) -> None:
        if known and not self.built:
            raise ValueError(
                "When passing `grads` without `variables`, the optimizer must already be built on "
                "a list of variables. Call `optimizer.build(trainable_variables)` first. "
                f"Received: {len(grads)} gradients"
            )
        if known and len(grads) != len(variables):
            raise ValueError(
                "When passing `grads` as a list of gradient tensors, the gradients must match "
                f"`optimizer.variables` one-to-on. Received a list of {len(grads)} gradients, but "
                f"the optimizer is tracking {len(variables)} trainable variables."
            )
        if len(grads) != len(variables):
            raise ValueError(
                f"apply() needs one gradient for each of {len(variables)} weights. "
                f"Received: {len(grads)} gradients"
            )
        for variable in variables:
            if self.built and id(variable) not in self._positions:
                raise ValueError(
                    f"Unknown variable: {variable}. This optimizer can only be called for the "
                    "variables it was originally built with. When working with a new set of "
                    "variables, you should recreate a new optimizer instance. "
                    f"Received: '{variable.path}'"
                )

    def _apply(self, grads: list[np.ndarray], variables: list[Variable], rate: Any) -> None:
        """Accumulate, or step; then move the averages."""
        steps = self.gradient_accumulation_steps
        due = not steps or (int(self._iterations) + 1) % steps == 0
        if steps:
            sums = [self._accumulated[self._get_variable_index(v)].data for v in variables]
            for total, gradient in zip(sums, grads, strict=True):
                total += gradient
                if due:
                    total /= steps
            grads = sums
        if due:
            grads = self._clipped(grads)
            self._apply_weight_decay(variables, float(rate))
            self._backend_update_step(grads, variables, rate)
            for accumulator in self._accumulated if steps else ():
                accumulator.data.fill(0)
        if self.use_ema:
            self._update_moving_average(self._trainable_variables)

    def _backend_update_step(
        self, grads: list[np.ndarray], variables: list[Variable], learning_rate: Any
    ) -> None:
        for gradient, variable in zip(grads, variables, strict=True):
            self.update_step(gradient, variable, learning_rate)
            variable.version += 1

    def _clipped(self, grads: list[np.ndarray]) -> list[np.ndarray]:
        if self.clipnorm and self.clipnorm > 0:
            return [limited(g, norm([g]), self.clipnorm) for g in grads]
        if self.global_clipnorm and self.global_clipnorm > 0:
            length = norm(grads)
            if not math.isfinite(length):
                return [np.full_like(g, np.nan) for g in grads]
            return [limited(g, length, self.global_clipnorm) for g in grads]
        if self.clipvalue and self.clipvalue > 0:
            return [np.asarray(np.clip(g, -self.clipvalue, self.clipvalue)) for g in grads]
        return grads

    # --- Configuration -------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as `from_config` takes them."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            learning_rate: Any = float(rate)
        else:
            learning_rate = registry.serialize_keras_object(rate)
        names = (
            "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum",
            "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps",
            *self.hyperparameters,
        )  # fmt: skip
        own = {name: getattr(self, name) for name in names}
        return {"name": self.name, "learning_rate": learning_rate, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """An optimizer from what `get_config` returned.

        Args:
            config: the constructor's arguments.
            custom_objects: classes and functions by name, for a learning rate of one's own.
        """
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = registry.deserialize_keras_object(
                config["learning_rate"], custom_objects
            )
        return cls(**config)


def _check_average(momentum: Any, frequency: Any) -> None:
    if not 0 <= momentum <= 1:
        raise ValueError(
            f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={momentum}"
        )
    if frequency and (not isinstance(frequency, int) or frequency < 1):
        raise ValueError(
            "`ema_overwrite_frequency` must be an integer >= 1 or None. Received: "
            f"ema_overwrite_frequency={frequency}"
        )


def _checked_rate(value: Any) -> float:
    """A learning rate, or an error."""
    if isinstance(value, str) or np.ndim(value) != 0:
        raise ValueError(f"learning_rate must be a number. Received: {value!r}")
    if not float(value) >= 0 or not math.isfinite(float(value)):
        raise ValueError(f"learning_rate must be finite and at least 0. Received: {value!r}")
    return float(value)


def _gradient_array(gradient: Any, variable: Variable) -> np.ndarray | None:
    if gradient is None:
        return None
    array = gradient.data if isinstance(gradient, Tensor) else np.asarray(gradient)
    if array.shape != variable.shape:
        raise ValueError(
            f"the gradient for '{variable.path}' must have its shape {variable.shape}. "
            f"Received: shape={array.shape}"
        )
    return np.asarray(array, variable.dtype, order="C")


def _without_missing(
    grads: Sequence[np.ndarray | None], variables: Sequence[Variable]
) -> tuple[list[np.ndarray], list[Variable]]:
    """The gradients that there are, and their weights; a warning names the others."""
    pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    if not pairs:
        raise ValueError("No gradients provided for any variable. Received: None for each")
    missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
    if missing:
        warnings.warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss. If using "
            "`model.compile()`, did you forget to provide a `loss` argument?",
            stacklevel=3,
        )
    return [g for g, _ in pairs], [v for _, v in pairs]
