"""State of a layer: the Variables and layers among its attributes, and the losses it adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import constraints, initializers, regularizers
from cnn_ext._errors import TeachesKeywords
from cnn_ext.autograd import Tensor, Variable, as_array
from cnn_ext.layers.owned import OwnedDict, OwnedList
from cnn_ext.tree import flatten

_UNTRACKED = (
    "_own_trainable", "_own_non_trainable", "_sublayers", "_metrics", "_losses", "_inbound_nodes",
)  # fmt: skip
_NOT_OWNED = (*_UNTRACKED, "_constructor_arguments")


class Stateful(TeachesKeywords):
    """What a Layer has: weights of its own and those of the layers inside it."""

    name: str
    dtype: str
    built: bool

    _changes = 0  # how often a public attribute has been set, which a plan is not to miss

    def _start(self, trainable: bool) -> None:
        self._trainable = bool(trainable)
        self._own_trainable: list[Variable] = []
        self._own_non_trainable: list[Variable] = []
        self._sublayers: list[Any] = []
        self._metrics: list[Any] = []
        self._losses: list[Tensor] = []

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: all but the symbolic calls, which lead to other layers."""
        return {**vars(self), "_inbound_nodes": [], "_losses": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        for name, value in state.items():  # copied lists and dicts are plain ones
            if type(value) in (list, dict, tuple) and name not in _NOT_OWNED:
                object.__setattr__(self, name, self._owned(value))

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep account of the Variables and layers among the attributes."""
        if name not in _UNTRACKED:
            value = self._owned(value)
        if name[0] != "_":
            object.__setattr__(self, "_changes", self._changes + 1)
        object.__setattr__(self, name, value)

    def _owned(self, value: Any) -> Any:
        """The value, kept account of; lists and dicts become ones that keep account of theirs."""
        if isinstance(value, Variable | Stateful):
            self._track(value)
        elif hasattr(value, "update_state") and hasattr(value, "reset_state"):
            self._track_metric(value)
        elif type(value) is tuple:
            return tuple(map(self._owned, value))
        elif type(value) is list:
            return OwnedList(self._owned, value)
        elif type(value) is dict:
            return OwnedDict(self._owned, value)
        return value

    def _track(self, item: Variable | Stateful) -> None:
        if "_sublayers" not in self.__dict__:
            raise RuntimeError(
                f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` as "
                "the first statement in the `__init__()` method. Go add it!"
            )
        owned: list[Any] = self._sublayers
        if isinstance(item, Variable):
            owned = self._own_trainable if item.trainable else self._own_non_trainable
        tracked = (*self._sublayers, *self._own_trainable, *self._own_non_trainable)
        if not any(known is item for known in tracked):
            owned.append(item)

    def _track_metric(self, metric: Any) -> None:
        if not any(known is metric for known in self._metrics):
            self._metrics.append(metric)

    def _tracked_metrics(self) -> list[Any]:
        """The metrics among the attributes, here and in layers inside."""
        inside = [metric for layer in self._sublayers for metric in layer._tracked_metrics()]
        return [*self._metrics, *inside]

    @property
    def metrics(self) -> list[Any]:
        """The metrics that the layer keeps account of in its attributes."""
        return self._tracked_metrics()

    def add_weight(
        self,
        shape: Sequence[int | None] | int | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a weight of this layer (`keras.layers.Layer.add_weight`).

        Args:
            shape: its shape; () if None.
            initializer: name, `Initializer` or callable `(shape, dtype) -> array`; None is
                `"glorot_uniform"`, zeros for a dtype that is not a float's.
            dtype: the layer's if None.
            trainable: whether an optimizer shall update it.
            regularizer: gives a loss for its value, which `losses` then holds.
            constraint: applied to its value after each update.
            name: last part of its path.
            autocast, aggregation, overwrite_with_gradient: accepted, without effect.
        """
        if isinstance(shape, str):
            raise ValueError(
                "`name` must be passed as a keyword argument. "
                f"Use: add_weight(shape=..., name='{shape}'). Received: add_weight('{shape}', ...)"
            )
        dtype = np.dtype(dtype or self.dtype).name
        if initializer is None:
            initializer = "glorot_uniform" if dtype.startswith("float") else "zeros"
        name = name or f"variable_{len(self.own_variables)}"
        if isinstance(shape, list | tuple) and None in shape:
            raise ValueError(
                "Shapes used to initialize variables must be fully-defined (no `None` "
                "dimensions): give the Input all its sizes. "
                f"Received: shape={tuple(shape)} for variable path='{self.name}/{name}'"
            )
        variable = Variable(
            initializers.get(initializer),
            shape=(shape,) if isinstance(shape, int) else tuple(shape or ()),  # type: ignore[arg-type]
            dtype=dtype,
            trainable=trainable,
            name=name,
            path=f"{self.name}/{name}",
        )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self._track(variable)
        variable.trainable = trainable and self.trainable
        return variable

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained; setting it freezes or thaws those of sublayers too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for variable in self._own_trainable:
            variable.trainable = self._trainable
        for layer in self._sublayers:
            layer.trainable = value

    @property
    def own_variables(self) -> list[Variable]:
        """The Variables of this layer itself, trainable ones first."""
        return [*self._own_trainable, *self._own_non_trainable]

    @property
    def weights(self) -> list[Variable]:
        """All weights: trainable ones of each layer first, in order of creation."""
        inside = [v for layer in self._sublayers for v in layer.weights]
        both = [*self.own_variables, *inside]
        return list({id(v): v for v in both}.values())

    @property
    def variables(self) -> list[Variable]:
        """All state, which is the weights."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that an optimizer updates."""
        return [v for v in self.weights if v.trainable and self.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that no optimizer updates."""
        return [v for v in self.weights if not (v.trainable and self.trainable)]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    def count_params(self) -> int:
        """Number of elements in the weights."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                f"built. You can build it manually via: `layer.build(input_shape)`."
            )
        return sum(v.size for v in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights, in the order of `weights`."""
        return [v.data.copy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the weights to arrays of the same shapes; all or, on an error, none."""
        variables, arrays = self.weights, [as_array(w) for w in weights]
        if len(variables) != len(arrays):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                f"length {len(arrays)}, but the layer was expecting {len(variables)} weights."
            )
        for variable, array in zip(variables, arrays, strict=True):
            if variable.shape != array.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with "
                    f"provided weight shape {array.shape}. Received: for '{variable.path}'"
                )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array.astype(variable.dtype, copy=False))

    def add_loss(self, loss: Any) -> None:
        """Add a scalar, or several, to the loss of the model (in `build` or `call`)."""
        for value in flatten(loss):
            if not isinstance(value, Tensor):
                raise ValueError(
                    "`add_loss()` can only be called from inside `build()` or `call()`, on a "
                    f"tensor input. Received invalid value: {value}"
                )
            self._losses = [*self._losses, value]

    def _own_losses(self) -> list[Tensor]:
        inside = [loss for layer in self._sublayers for loss in layer._own_losses()]
        return [*self._losses, *inside]

    @property
    def losses(self) -> list[Tensor]:
        """Scalars that the model's loss gets besides: by `add_loss`, and of regularizers."""
        of_weights = [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]
        return [*self._own_losses(), *of_weights]

    def _clear_losses(self) -> None:
        if self._losses:
            self._losses = []
        for layer in self._sublayers:
            layer._clear_losses()
