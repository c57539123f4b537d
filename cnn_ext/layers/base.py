"""Layer: weights, and what is computed with them."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnn_ext import config, registry, regularizers
from cnn_ext.autograd import Tensor, as_array, no_grad
from cnn_ext.layers.input_spec import check_input_spec
from cnn_ext.layers.shapes import as_shapes, map_shapes, without_batch
from cnn_ext.layers.state import Stateful
from cnn_ext.naming import auto_name, checked_name
from cnn_ext.symbolic import KerasTensor, Node, Operation, Shape, any_symbolic, probe
from cnn_ext.tree import flatten, map_structure


class _Call(threading.local):
    """Whether the layer being called, in this thread, is called for training; how deep it is."""

    training: bool | None = None
    depth = 0


_call = _Call()


def called_for_training() -> bool:
    """Whether the layer that calls another, in this thread, was called for training."""
    return bool(_call.training)


def told_training(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call in a graph: what the graph was called for, `training` is too."""
    if "training" in kwargs and _call.training is not None:
        return kwargs | {"training": _call.training}
    return kwargs


def _checked_build(build: Callable[..., None]) -> Callable[..., None]:
    """A layer's `build` that checks the shapes first and leaves the layer built."""

    @functools.wraps(build)
    def checked(self: Layer, input_shape: Any = None, *more: Any, **shapes: Any) -> None:
        if input_shape is not None:
            input_shape = as_shapes(input_shape)
            self.check_input_shape(input_shape)
        if shapes:
            build(self, *(() if input_shape is None else (input_shape,)), *more, **shapes)
        else:
            build(self, input_shape, *more)
        self._build_config = {"shapes_dict": shapes} if shapes else {"input_shape": input_shape}
        self.built = True

    return checked


class Layer(Stateful, Operation):
    """Base of layers (`keras.layers.Layer`).

    Args:
        activity_regularizer: gives a loss for the outputs, divided by the batch size.
        trainable: whether its weights are trained.
        dtype: `"float32"` or `"float64"`; `config.floatx()` if None.
        autocast: accepted, without effect: inputs get the dtype of the weights.
        name: numbered automatically if None.
        input_shape: shape of one sample, for the first layer of a Sequential.
        batch_input_shape, batch_shape: the same with the batch size (or None) in front.
        input_dim: the same for one axis.

    A layer of one's own implements `call(inputs)`, which may take `training`, and, if it has
    weights, `build(input_shape)`, which makes them with `add_weight`. `compute_output_shape` is
    found out by a call on zeros where it is not given. Attributes that are layers or Variables,
    or lists or dicts of them, belong to it; also what is put into such a list or dict later.

    >>> import numpy as np
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(np.ones((2, 3))).shape
    (2, 3)
    """

    supports_masking = False
    built_at_once = False  # whether it is built as soon as it is made: it never has weights
    input_spec: Any = None

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
    ) -> None:
        if not isinstance(trainable, bool | np.bool_):
            raise ValueError(
                "Expected `trainable` to be a boolean. "
                f"Received: trainable={trainable} (of type {type(trainable)})"
            )
        self._start(trainable)
        self._inbound_nodes: list[Node] = []
        self.name = checked_name(name) or auto_name(type(self).__name__)
        self.dtype = config.float_dtype(dtype)
        self.autocast = autocast
        self.built = self.built_at_once
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._build_config: dict[str, Any] = {}
        parameters = inspect.signature(self.call).parameters
        self._takes_training = "training" in parameters
        self._training_default = parameters["training"].default if self._takes_training else None
        self._inputs_name = next(iter(parameters), "")
        given = batch_input_shape or batch_shape
        if given is None and input_shape is not None:
            given = (None, *((input_shape,) if isinstance(input_shape, int) else input_shape))
        if given is None and input_dim is not None:
            given = (None, input_dim)
        self._batch_input_shape: Shape | None = None if given is None else tuple(given)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        layer = super().__new__(cls, *args, **kwargs)
        object.__setattr__(layer, "_constructor_arguments", (args, kwargs))
        return layer

    @classmethod
    def _unexpected(
        cls, args: tuple[Any, ...], kwargs: dict[str, Any], wrong: dict[str, Any], told: str
    ) -> Exception:
        """As in Keras: a ValueError from the base class, if the class itself has all it needs."""
        signature = inspect.signature(cls)
        try:
            signature.bind(*args, **{k: v for k, v in kwargs.items() if k not in wrong})
        except TypeError:
            return TypeError(told)
        if not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
            return TypeError(told)
        return ValueError(
            f"Unrecognized keyword arguments passed to {cls.__name__}: {wrong}. {told}"
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _checked_build(vars(cls)["build"])  # type: ignore[method-assign]

    @_checked_build
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape, the batch size first and None."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(inputs)")

    def check_input_shape(self, shape: Any) -> None:
        """An error if inputs of this shape cannot be computed with; nothing by default."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The outputs' shape for inputs of this shape; found out by a call on zeros by default."""
        inputs = map_shapes(lambda shape: KerasTensor(shape, self.dtype), input_shape)
        return map_structure(lambda tensor: tensor.shape, self._probed(inputs))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """KerasTensors of the outputs' shapes and dtypes, for symbolic inputs."""
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return self._probed(*args, **kwargs)
        shapes = map_structure(lambda tensor: tensor.shape, args[0])
        found = self.compute_output_shape(shapes)
        return map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), found)

    def _probed(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs' spec, by calls on zeros."""

        def run(*arrays: Any, **keywords: Any) -> Any:
            with no_grad():
                outputs = self(*arrays, **keywords)
            return map_structure(lambda y: y.data if isinstance(y, Tensor) else y, outputs)

        try:
            return probe(run, args, kwargs)
        finally:
            self._clear_losses()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as `from_config` takes them.

        A class of one's own need not implement it where its arguments are plain values.
        """
        shared = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        if self.activity_regularizer is not None:
            shared["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is not Layer.get_config:
            return shared
        return {**shared, **self._constructor_config()}

    def _constructor_config(self) -> dict[str, Any]:
        """The arguments of a constructor of one's own, if a file can hold them."""
        if type(self).__init__ is Layer.__init__:
            return {}
        args, kwargs = self._constructor_arguments  # type: ignore[attr-defined]
        signature = inspect.signature(type(self).__init__)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                arguments |= arguments.pop(name, {})
        known = {k: v for k, v in arguments.items() if k not in ("trainable", "dtype", "name")}
        try:
            return registry.serialize_keras_object(known)
        except (TypeError, ValueError):
            raise NotImplementedError(
                f"Object {type(self).__name__} was created by passing non-serializable argument "
                "values in `__init__()`, and therefore the object must override `get_config()` "
                f"in order to be serializable. Received: {known}"
            ) from None

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from what `get_config` returned."""
        return cls._from_arguments(config) if cls.get_config is Layer.get_config else cls(**config)

    @classmethod
    def _from_arguments(cls, config: dict[str, Any]) -> Any:
        """A layer of what `get_config` found out about the constructor's arguments."""
        config = registry.deserialize_keras_object(config)
        if not _takes_keywords(cls):
            names = inspect.signature(cls).parameters
            config = {name: value for name, value in config.items() if name in names}
        return cls(**config)

    @property
    def path(self) -> str:
        """Where the layer stands in its model: its name."""
        return self.name

    @property
    def compute_dtype(self) -> str:
        """The dtype that is computed in, which is the weights'."""
        return self.dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return self.dtype

    @property
    def input_dtype(self) -> str:
        """The dtype that inputs are converted to."""
        return self.dtype

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not args and self._inputs_name in kwargs:
            args = (kwargs.pop(self._inputs_name),)
        if not args:
            raise TypeError(
                f"layer '{self.name}' must be called on its inputs. Received: no positional "
                f"argument and {list(kwargs)}"
            )
        if any_symbolic(*args, kwargs):
            return self._call_symbolically(*args, **kwargs)
        inputs = tuple(self._as_input(a) for a in args)
        self._ensure_built(inputs, kwargs)
        inputs = tuple(self._in_compute_dtype(i) for i in inputs)
        before = _call.training
        if self._takes_training:
            if kwargs.get("training") is None and before is not None:
                kwargs["training"] = before
            _call.training = kwargs.get("training", self._training_default)
        elif "training" in kwargs:
            _call.training = kwargs.pop("training")
        if _call.depth == 0:
            self._clear_losses()
        _call.depth += 1
        try:
            outputs = self.call(*inputs, **kwargs)
        finally:
            _call.training = before
            _call.depth -= 1
        if self.activity_regularizer is not None:
            self._regularize(outputs)
        return outputs

    def _regularize(self, outputs: Any) -> None:
        for y in flatten(outputs):
            if isinstance(y, Tensor):
                loss = self.activity_regularizer(y)
                self.add_loss(loss / y.shape[0] if y.ndim and y.shape[0] else loss)

    def _call_symbolically(self, *args: Any, **kwargs: Any) -> Any:
        for x in flatten(list(args)):
            _check_not_a_layer(x)
        self._ensure_built(args, kwargs)
        if any(not layer.built for layer in self._sublayers):
            self._probed(*args, **kwargs)
        return self.symbolic_call(*args, **kwargs)

    def _as_input(self, value: Any) -> Any:
        """Inputs as Tensors, floats in the layer's dtype; other things as they are."""
        if isinstance(value, Tensor) or value is None:
            return value
        if isinstance(value, dict) or (
            isinstance(value, list | tuple) and any(hasattr(v, "shape") for v in flatten(value))
        ):
            return map_structure(self._as_input, value)
        _check_not_a_layer(value)
        if not isinstance(value, np.ndarray | np.generic | int | float | list):
            return value
        array = as_array(value)
        return Tensor(array.astype(self.dtype, copy=False) if array.dtype.kind == "f" else array)

    def _in_compute_dtype(self, value: Any) -> Any:
        """Numbers in the dtype of the weights that they will meet, if there are any."""
        own = self._own_trainable or self._own_non_trainable
        if not own or not isinstance(value, Tensor) or value.data.dtype == own[0].data.dtype:
            return value
        return value.astype(own[0].dtype)

    def _ensure_built(self, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.input_spec is not None:
            check_input_spec(self.input_spec, inputs[0], self.name)
        shapes = map_structure(lambda x: getattr(x, "shape", None), inputs[0])
        if shapes is not None:
            self.check_input_shape(shapes)
        if self.built:
            return
        named = self._shapes_by_name(inputs, kwargs)
        self.build(**named) if named else self.build(without_batch(shapes))

    def _shapes_by_name(self, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """`{argument}_shape` of each argument, for a `build` that takes several shapes."""
        wanted = [n for n in inspect.signature(self.build).parameters if n != "input_shape"]
        if len(wanted) < 2:
            return {}
        arguments = dict(zip(inspect.signature(self.call).parameters, inputs, strict=False))
        shapes = {
            f"{name}_shape": without_batch(map_structure(lambda x: x.shape, value))
            for name, value in (arguments | kwargs).items()
            if all(hasattr(x, "shape") for x in flatten([value]))
        }
        return {name: shapes[name] for name in wanted if name in shapes}

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the weights were made for; None before."""
        return self._build_config or None

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Make the weights for what `get_build_config` returned."""
        if config.get("shapes_dict"):
            self.build(**as_shapes(config["shapes_dict"]))
        elif config.get("input_shape") is not None:
            self.build(as_shapes(config["input_shape"]))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _check_not_a_layer(value: Any) -> None:
    if isinstance(value, Layer):
        raise ValueError(
            "Only input tensors may be passed as positional arguments. The following argument "
            f"value should be passed as a keyword argument: {value} (of type {type(value)}). To "
            "connect two layers, call the second on what the first returned."
        )


def _takes_keywords(cls: type) -> bool:
    parameters = inspect.signature(cls).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)
