"""Layers without weights that compute nothing, or what they are told: input, identity, lambda."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnn_ext import config, ops, registry
from cnn_ext._errors import teaches_keywords
from cnn_ext.autograd import as_array
from cnn_ext.layers.base import Layer
from cnn_ext.layers.checks import unsupported
from cnn_ext.layers.shapes import map_shapes
from cnn_ext.symbolic import KerasTensor, Node, Shape
from cnn_ext.tree import flatten, map_structure


class InputLayer(Layer):
    """Says what a model is fed with (`keras.layers.InputLayer`); see `Input`."""

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.dtype = np.dtype(dtype or config.floatx()).name
        unsupported(
            self, sparse=sparse or None, ragged=ragged or None, input_tensor=input_tensor,
            optional=optional or None,
        )  # fmt: skip
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                "You must pass a `shape` argument, the shape of one sample, or a `batch_shape`, "
                f"with the batch size in front. Received: shape={shape}, batch_shape={batch_shape}"
            )
        given: Any = batch_shape if shape is None else shape
        if isinstance(given, int) or not all(
            n is None or (isinstance(n, int | np.integer) and n >= 0) for n in given
        ):
            raise ValueError(
                f"Cannot convert '{given}' to a shape: it must be a tuple of sizes or None, such "
                f"as (28, 28, 1) or (784,). Received: {given!r}"
            )
        self.batch_shape: Shape = tuple(given) if shape is None else (batch_size, *given)
        self.built = True
        Node(self, (), {}, KerasTensor(self.batch_shape, self.dtype, self.name))

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


@teaches_keywords
def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """What a model is fed with (`keras.Input`), as the first of a Sequential's layers.

    Args:
        shape: shape of one sample.
        batch_size: size of every batch, if fixed.
        dtype: float dtype that data is converted to.
        batch_shape: the batch size and the shape, in place of both.
        name: of the input.
        sparse, ragged, tensor, optional: not supported.

    >>> Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    layer = InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    )
    return layer.output


class Identity(Layer):
    """Its inputs (`keras.layers.Identity`).

    >>> import numpy as np
    >>> Identity()(np.ones((2, 3))).shape
    (2, 3)
    """

    built_at_once = True

    supports_masking = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        return map_structure(lambda x: KerasTensor(x.shape, x.dtype), inputs)

    def get_config(self) -> dict[str, Any]:
        """Name, dtype and whether it is trainable."""
        return super().get_config()


class Masking(Layer):
    """Zeros for the steps of a sequence whose features are all `mask_value`
    (`keras.layers.Masking`); what follows is not told which.

    Args:
        mask_value: what such steps hold.
        others: see `Layer`.

    >>> import numpy as np
    >>> Masking(9.0)(np.array([[[9.0, 9.0], [9.0, 1.0]]])).numpy()
    array([[[0., 0.],
            [9., 1.]]], dtype=float32)
    """

    built_at_once = True

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def call(self, inputs: Any) -> Any:
        kept = (as_array(inputs) != self.mask_value).any(axis=-1, keepdims=True)
        return ops.where(kept, inputs, inputs.dtype.type(0))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}


class Lambda(Layer):
    """A function as a layer (`keras.layers.Lambda`).

    Args:
        function: called with the inputs, and with `training` and `mask` if it takes them.
        output_shape: shape of one sample, or a function of the inputs' shape; found out by a call
            on zeros if None.
        mask: accepted, without effect.
        arguments: more keywords for the function.
        others: see `Layer`.

    A model with a Lambda can be saved if the function has a name and is registered
    (`keras.saving.register_keras_serializable`); a `lambda` has none.

    >>> import numpy as np
    >>> Lambda(lambda x: x**2)(np.array([3.0])).numpy()
    array([9.], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: `function` must be callable. Received: function={function!r}")
        self.function = function
        self.mask = mask
        self.arguments = arguments or {}
        self._output_shape = output_shape
        self._taken = {"mask", "training"} & inspect.signature(function).parameters.keys()

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        offered = {"mask": mask, "training": training}
        more = {name: offered[name] for name in self._taken}
        return self.function(inputs, **{**self.arguments, **more})

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if self._output_shape is None:
            return self._probed(*args, **kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_shape is None:
            try:
                return super().compute_output_shape(input_shape)
            except Exception as error:
                raise NotImplementedError(
                    "We could not automatically infer the shape of the Lambda's output. Please "
                    "specify the `output_shape` argument for this Lambda layer. "
                    f"Received: input_shape={input_shape}, with {type(error).__name__}: {error}"
                ) from error
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch = flatten(input_shape)[0]
        return map_shapes(lambda shape: (batch, *shape), self._output_shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; an error for a lambda, which a file cannot hold."""
        given = {"output_shape": self._output_shape, "mask": self.mask}
        known = {name: value for name, value in given.items() if value is not None}
        written = {"function": self.function, **known, "arguments": dict(self.arguments)}
        return {**super().get_config(), **registry.serialize_keras_object(written)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from what `get_config` returned."""
        for part in ("function", "output_shape", "mask"):
            node = config.get(part)
            if isinstance(node, dict) and node.get("class_name") == "__lambda__":
                raise ValueError(
                    "Requested the deserialization of a `Lambda` layer whose `function` is a "
                    "Python lambda: its code would have to be run from the file, which cnn_ext "
                    "never does. Write a named function, and register it. "
                    f"Received: a lambda as {part}"
                )
        arguments = registry.deserialize_keras_object(dict(config))
        shape = arguments.get("output_shape")
        if isinstance(shape, list) and all(n is None or isinstance(n, int) for n in shape):
            arguments["output_shape"] = tuple(shape)
        return cls(**arguments)
