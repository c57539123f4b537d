"""Layer: weights, and what is computed with them."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnn_ext import config, initializers
from cnn_ext._errors import TeachesKeywords
from cnn_ext.autograd import Tensor, Variable, as_array
from cnn_ext.layers.owned import OwnedDict, OwnedList
from cnn_ext.naming import auto_name

Shape = tuple[int | None, ...]


class _Call(threading.local):
    """Whether the layer being called, in this thread, is called for training."""

    training: bool | None = None


_call = _Call()


def _checked_build(build: Callable[..., None]) -> Callable[..., None]:
    """A layer's `build` that checks the shape first and leaves the layer built."""

    @functools.wraps(build)
    def checked(self: Layer, input_shape: Any = None) -> None:
        if input_shape is not None:
            self.check_input_shape(tuple(input_shape))
        build(self, input_shape)
        self._build_shape = None if input_shape is None else tuple(input_shape)
        self.built = True

    return checked


class Layer(TeachesKeywords):
    """Base of layers (`keras.layers.Layer`).

    Args:
        activity_regularizer: not supported yet; None.
        trainable: whether its weights are trained.
        dtype: `"float32"` or `"float64"`; `config.floatx()` if None.
        name: numbered automatically if None.
        input_shape: shape of one sample, for the first layer of a Sequential.
        batch_input_shape: the same with the batch size (or None) in front.

    A layer of one's own implements `call(inputs)`, which may take `training`, and, if it has
    weights, `build(input_shape)`, which makes them with `add_weight`; `compute_output_shape` is
    needed only where the shape changes. Attributes that are layers or Variables, or lists or
    dicts of them, belong to it; also what is put into such a list or dict later.

    >>> import numpy as np
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(np.ones((2, 3))).shape
    (2, 3)
    """

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
    ) -> None:
        unsupported(self, activity_regularizer=activity_regularizer)
        self.name = name or auto_name(type(self).__name__)
        self.dtype = config.float_dtype(dtype)
        self.built = False
        self._build_shape: Shape | None = None
        self._trainable = bool(trainable)
        self._own_trainable: list[Variable] = []
        self._own_non_trainable: list[Variable] = []
        self._sublayers: list[Layer] = []
        parameters = inspect.signature(self.call).parameters
        self._takes_training = "training" in parameters
        self._inputs_name = next(iter(parameters), "")
        if batch_input_shape is not None:
            self._batch_input_shape: Shape | None = tuple(batch_input_shape)
        else:
            self._batch_input_shape = None if input_shape is None else (None, *input_shape)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _checked_build(vars(cls)["build"])  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep account of the Variables and layers among the attributes."""
        if name not in ("_own_trainable", "_own_non_trainable", "_sublayers"):
            value = self._owned(value)
        object.__setattr__(self, name, value)

    def _owned(self, value: Any) -> Any:
        """The value, kept account of; lists and dicts become ones that keep account of theirs."""
        if isinstance(value, Variable | Layer):
            self._track(value)
        elif type(value) is tuple:
            return tuple(map(self._owned, value))
        elif type(value) is list:
            return OwnedList(self._owned, value)
        elif type(value) is dict:
            return OwnedDict(self._owned, value)
        return value

    def _track(self, item: Variable | Layer) -> None:
        if "_sublayers" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}.__init__ must call super().__init__() before it sets "
                "layers or Variables"
            )
        owned: list[Any] = self._sublayers
        if isinstance(item, Variable):
            owned = self._own_trainable if item.trainable else self._own_non_trainable
        if not any(known is item for known in owned):
            owned.append(item)

    @_checked_build
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape, the batch size first and None."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(inputs)")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The outputs' shape for inputs of this shape; unchanged unless a layer says otherwise."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as `from_config` takes them."""
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """A layer from what `get_config` returned."""
        return cls(**config)

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "glorot_uniform",
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> Variable:
        """Make a weight of this layer.

        Args:
            shape: its shape.
            initializer: name, `Initializer` or callable `(shape, dtype) -> array`.
            dtype: the layer's if None.
            trainable: whether an optimizer shall update it.
            name: last part of its path.
        """
        name = name or f"variable_{len(self._own_trainable) + len(self._own_non_trainable)}"
        variable = Variable(
            initializers.get(initializer),
            shape=tuple(shape),
            dtype=dtype or self.dtype,
            trainable=trainable,
            name=name,
            path=f"{self.name}/{name}",
        )
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
    def compute_dtype(self) -> str:
        """The dtype that is computed in, which is the weights'."""
        return self.dtype

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
        return [v for v in self.weights if v.trainable and self.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if not (v.trainable and self.trainable)]

    @property
    def trainable_variables(self) -> list[Variable]:
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
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
                    f"Layer '{self.name}' weight '{variable.path}' has shape {variable.shape}. "
                    f"Received: a weight of shape {array.shape}"
                )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array.astype(variable.dtype, copy=False))

    def check_input_shape(self, shape: Shape) -> None:
        """An error if inputs of this shape cannot be computed with; nothing by default."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not args and self._inputs_name in kwargs:
            args = (kwargs.pop(self._inputs_name),)
        if not args:
            raise TypeError(
                f"layer '{self.name}' must be called on its inputs. Received: no positional "
                f"argument and {list(kwargs)}"
            )
        inputs = tuple(self._as_input(a) for a in args)
        self._ensure_built(inputs)
        inputs = tuple(self._in_compute_dtype(i) for i in inputs)
        before = _call.training
        if self._takes_training:
            kwargs["training"] = before if kwargs.get("training") is None else kwargs["training"]
            _call.training = kwargs["training"]
        elif "training" in kwargs:
            _call.training = kwargs.pop("training")
        try:
            return self.call(*inputs, **kwargs)
        finally:
            _call.training = before

    def _as_input(self, value: Any) -> Any:
        """Inputs as Tensors, floats in the layer's dtype; other things as they are."""
        if isinstance(value, KerasTensor):
            raise TypeError(
                f"layer '{self.name}' was called on an Input; the functional API is not "
                "supported yet: put the Input and the layers into a Sequential"
            )
        if isinstance(value, list | tuple) and any(isinstance(v, Tensor) for v in value):
            return type(value)(map(self._as_input, value))
        if not isinstance(value, np.ndarray | np.generic | int | float | list):
            return value
        array = as_array(value)
        return Tensor(array.astype(self.dtype, copy=False) if array.dtype.kind == "f" else array)

    def _in_compute_dtype(self, value: Any) -> Any:
        """Numbers in the dtype of the weights that they will meet, if there are any."""
        own = self.own_variables
        if not own or not isinstance(value, Tensor) or value.dtype == own[0].dtype:
            return value
        return value.astype(own[0].dtype)

    def _ensure_built(self, inputs: tuple[Any, ...]) -> None:
        shapes = [tuple(i.shape) for i in inputs if isinstance(i, Tensor)]
        if shapes:
            self.check_input_shape(shapes[0])
        if not self.built:
            self.build((None, *shapes[0][1:]) if shapes else ())

    def get_build_config(self) -> dict[str, Any]:
        """The shape that the weights were made for."""
        return {"input_shape": self._build_shape}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


class KerasTensor:
    """What `Input` returns: the shape, dtype and name of data to come."""

    def __init__(self, shape: Shape, dtype: str, name: str) -> None:
        self.shape = shape
        self.dtype = dtype
        self.name = name

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


def unsupported(layer: Any, **arguments: Any) -> None:
    """An error that names the arguments, of those that must be None, that are not."""
    given = [f"{name}={value!r}" for name, value in arguments.items() if value is not None]
    if given:
        names = ", ".join(name.split("=")[0] for name in given)
        raise ValueError(
            f"{type(layer).__name__}: {names} is not supported yet; leave it out. "
            f"Received: {', '.join(given)}"
        )


def positive_integer(layer: Any, name: str, value: Any) -> int:
    """`value` if it is a positive integer, else an error in Keras's words."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value <= 0:
        raise ValueError(
            f"Received an invalid value for `{name}` of {type(layer).__name__}, expected a "
            f"positive integer. Received: {name}={value!r}"
        )
    return int(value)


def incompatible(layer: Layer, rule: str, shape: Shape) -> ValueError:
    """The error for an input that a layer cannot take, in Keras's words."""
    return ValueError(
        f"Input 0 of layer '{layer.name}' is incompatible with the layer: {rule}. "
        f"Full shape received: {tuple(shape)}"
    )


def check_images(layer: Layer, shape: Shape) -> None:
    """An error unless the shape is that of a batch of images."""
    if len(shape) != 4:
        hint = "; add the axis of channels with x[..., None]" if len(shape) == 3 else ""
        raise incompatible(layer, f"expected ndim=4, found ndim={len(shape)}{hint}", shape)
