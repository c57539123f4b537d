"""Metric: the base of metrics, which keep what they have seen in variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import budget, config, initializers
from cnn_ext._errors import TeachesKeywords
from cnn_ext.autograd import Variable
from cnn_ext.naming import auto_name


class Metric(TeachesKeywords):
    """Base of metrics (`keras.metrics.Metric`): implement `update_state` and `result`.

    Args:
        dtype: of what is computed; `config.floatx()` if None.
        name: shown in logs; made of the class's name if None.

    A metric's own state is what `add_weight` returns; `reset_state` makes it zeros.

    >>> class Largest(Metric):
    ...     def __init__(self, name="largest", dtype=None):
    ...         super().__init__(name=name, dtype=dtype)
    ...         self.top = self.add_weight(name="top", initializer="zeros")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.top.assign(max(self.top, y_pred.max()))
    ...     def result(self):
    ...         return self.top.item()
    >>> import numpy as np
    >>> Largest()(np.zeros(2), np.array([1.0, 5.0]))
    5.0
    """

    _variables: list[Variable]
    _metrics: list[Metric]

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self._variables = []
        self._metrics = []
        self.name = name or auto_name(type(self).__name__)
        self._dtype = metric_dtype(dtype)

    @property
    def dtype(self) -> str:
        """What is computed in."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The state: that of the metric and that of metrics that it holds."""
        return [*self._variables, *(v for metric in self._metrics for v in metric.variables)]

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take a batch into account."""
        raise NotImplementedError(f"{type(self).__name__} must implement update_state()")

    def result(self) -> Any:
        """The value over what was seen since the last reset: a float, or an array of several."""
        raise NotImplementedError(f"{type(self).__name__} must implement result()")

    def reset_state(self) -> None:
        """Forget what was seen."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check_super_called()
        self.update_state(*args, **kwargs)
        return self.result()

    def add_variable(
        self,
        shape: tuple[int, ...],
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A variable of the metric's state.

        Args:
            shape: its shape.
            initializer: an initializer or its name; zeros if None.
            dtype: `config.floatx()` if None.
            aggregation: accepted for Keras's sake: there is one process.
            name: the last part of its path.
        """
        self._check_super_called()
        dtype = metric_dtype(dtype)
        budget.take(shape, np.dtype(dtype).itemsize, f"the state of metric '{self.name}'")
        make = initializers.get("zeros" if initializer is None else initializer)
        value = np.asarray(make(tuple(shape))).astype(dtype)
        name = name or auto_name("variable")
        path = f"{self.name.replace('/', '>')}/{name}"
        variable = Variable(value, trainable=False, name=name, path=path)
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: tuple[int, ...] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A variable of the metric's state; see `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def _add_state(self, name: str, shape: tuple[int, ...] = ()) -> Variable:
        """Zeros that the package's own metrics count in: float64, so that no count is too large."""
        return self.add_variable(shape, "zeros", "float64", name=name)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A metric from what `get_config` returned."""
        return cls(**config)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Metric) and value not in getattr(self, "_metrics", [value]):
            self._metrics.append(value)
        elif isinstance(value, Variable) and all(
            value is not known for known in getattr(self, "_variables", [value])
        ):
            self._variables.append(value)
        super().__setattr__(name, value)

    def _check_super_called(self) -> None:
        if not hasattr(self, "_variables"):
            raise RuntimeError(
                "You forgot to call `super().__init__()` in the `__init__()` method. Go add it!"
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def metric_dtype(dtype: Any) -> str:
    """The name of a float or integer dtype; `config.floatx()` for None."""
    if dtype is None:
        return config.floatx()
    try:
        known = np.dtype(dtype)
    except TypeError:
        return config.float_dtype(dtype)
    return known.name if known.kind in "iu" else config.float_dtype(known)


def no_nan_divide(a: Any, b: Any) -> np.ndarray:
    """a / b, 0 where b is 0."""
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return np.divide(a, b, out=np.zeros(a.shape), where=b != 0)


class Number(float):
    """A result: a float that answers `numpy()` too, as Keras's results do."""

    __slots__ = ()

    def numpy(self) -> Any:
        """The value as NumPy's number of `config.floatx()`."""
        return np.dtype(config.floatx()).type(self)


def plain(result: Any) -> Any:
    """A result as users get it: a number, or an array of `config.floatx()` if there are several."""
    result = np.asarray(result)
    return Number(result) if result.ndim == 0 else result.astype(config.floatx())
