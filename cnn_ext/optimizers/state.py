"""What an optimizer remembers: its variables, in the order in which they are saved."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from cnn_ext import budget, config, initializers
from cnn_ext._errors import TeachesKeywords
from cnn_ext.autograd import Variable


class State(TeachesKeywords):
    """Base of Optimizer: makes variables, keeps their order, writes and reads them."""

    name: str
    built: bool
    _variables: list[Variable]

    @property
    def variables(self) -> list[Variable]:
        """The state in Keras's order: iterations, learning rate, averages, then the slots."""
        return self._variables[:]

    def __setattr__(self, name: str, value: Any) -> None:
        if "_variables" not in vars(self) and name != "_variables":
            raise RuntimeError(
                f"In optimizer '{type(self).__name__}', you forgot to call `super().__init__()` "
                "as the first statement in the `__init__()` method. Go add it!"
            )
        super().__setattr__(name, value)
        if isinstance(value, Variable):
            self._track_variable(value)

    def _track_variable(self, variable: Variable) -> None:
        if not any(variable is known for known in self._variables):
            self._variables.append(variable)

    def _untrack_variable(self, variable: Variable) -> None:
        self._variables[:] = [known for known in self._variables if known is not variable]

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that is saved with the optimizer.

        Args:
            shape: its shape.
            initializer: name, Initializer or `(shape, dtype) -> array`.
            dtype: `config.floatx()` if None.
            aggregation, layout: accepted, without effect: there is one process.
            name: shown in messages.
        """
        made = np.dtype(dtype or config.floatx())
        budget.take(shape, made.itemsize, f"the state of optimizer '{self.name}'")
        value = initializers.get(initializer)(
            tuple(shape), dtype=made.name if made.kind == "f" else None
        )
        name = name or "variable"
        variable = Variable(
            np.asarray(value, dtype=made), trainable=False, name=name, path=f"{self.name}/{name}"
        )
        self._track_variable(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable of a weight's shape and dtype, named after it: `dense_kernel_momentum`.

        Args:
            reference_variable: the weight.
            name: the last part of the name; "var" if None.
            initializer: see `add_variable`.
        """
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            name=f"{reference_variable.path.replace('/', '_')}_{name or 'var'}",
        )

    def add_optimizer_variables(
        self,
        trainable_variables: Iterable[Variable],
        name: str | Sequence[str],
        initializer: Any = "zeros",
    ) -> Any:
        """Make variables for all weights: a list, or for several names a tuple of lists.

        Args:
            trainable_variables: the weights.
            name: one name or several; all of one weight's variables come before the next's.
            initializer: one for all names, or as many as names.
        """
        names = [name] if isinstance(name, str) else list(name)
        makers = list(initializer) if isinstance(initializer, list | tuple) else [initializer]
        if len(makers) == 1:
            makers *= len(names)
        if len(names) != len(makers):
            raise ValueError(
                "The number of provided names must match the number of provided initializers.  "
                f"Received name='{name}', initializer='{initializer}'"
            )
        rows = [
            [self.add_variable_from_reference(v, n, m) for n, m in zip(names, makers, strict=True)]
            for v in trainable_variables
        ]
        lists = tuple([row[i] for row in rows] for i in range(len(names)))
        return lists[0] if isinstance(name, str) else lists

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a variable; converts the value to its dtype."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign_sub(value)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all variables, in the order of `variables`."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. "
                "Please call `optimizer.build(trainable_variables)` to create the optimizer "
                "weights before calling `set_weights()`."
            )
        self._set_all([np.asarray(weight) for weight in weights])

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the variables to a mapping, under "0", "1", ..."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set the variables to what `save_own_variables` wrote; warns if their number differs."""
        if len(store) != len(self._variables):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has "
                f"{len(self._variables)} variables whereas the saved optimizer has {len(store)} "
                "variables. ",
                stacklevel=2,
            )
            return
        self._set_all([np.asarray(store[str(i)]) for i in range(len(store))])

    def _set_all(self, values: Sequence[np.ndarray]) -> None:
        if len(values) != len(self._variables):
            raise ValueError(
                f"optimizer '{self.name}' has {len(self._variables)} variables and needs a value "
                f"for each. Received: {len(values)} values"
            )
        for variable, value in zip(self._variables, values, strict=True):
            if variable.shape != value.shape:
                raise ValueError(
                    f"Optimizer variable {variable.path} has shape {variable.shape} not compatible "
                    f"with provided weight shape {value.shape}. Received: shape={value.shape}"
                )
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value.astype(variable.dtype, copy=False))
