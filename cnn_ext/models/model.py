"""Model: a layer of layers that can be trained, summed up and saved."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from cnn_ext import registry
from cnn_ext._errors import check_keywords, did_you_mean
from cnn_ext.layers import Layer
from cnn_ext.layers.shapes import map_shapes, without_batch
from cnn_ext.models.configuration import functional_config, functional_from_config
from cnn_ext.models.functional import GraphOwner, graph_between
from cnn_ext.models.graph import Graph
from cnn_ext.models.planning import PlanOwner
from cnn_ext.saving import load_weights, save_model, save_weights
from cnn_ext.saving.model_file import model_from_bytes, model_to_bytes
from cnn_ext.symbolic import KerasTensor
from cnn_ext.training import Trainer
from cnn_ext.tree import map_structure
from cnn_ext.utils.summary import print_summary


class Model(PlanOwner, GraphOwner, Trainer, Layer):
    """A layer that is made of layers (`keras.Model`): functional, subclassed, or a Sequential.

    Args:
        inputs: symbolic tensors from `Input`: one, or a list or dict of them.
        outputs: what layers made of them.
        name: numbered automatically if None.
        trainable: whether the weights are trained.
        dtype: as in `Layer`.

    A subclass makes its layers in `__init__` and uses them in `call(inputs)`, which may take
    `training`. See `Trainer` for compile, fit, evaluate and predict.

    >>> import numpy as np
    >>> from cnn_ext import layers
    >>> inputs = layers.Input((2,))
    >>> model = Model(inputs, layers.Dense(3)(inputs))
    >>> model(np.ones((1, 2))).shape
    (1, 3)
    >>> class Twice(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = layers.Dense(3)
    ...     def call(self, inputs):
    ...         return self.dense(inputs) * 2
    >>> Twice()(np.ones((1, 2))).shape
    (1, 3)
    """

    functional = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        functional = len(args) >= 2 or {"inputs", "outputs"} <= kwargs.keys() | (
            {"inputs"} if args else set()
        )
        return super().__new__(Functional if cls is Model and functional else cls, *args, **kwargs)

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        *,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self._graph: Graph | None = None
        if (inputs is None) != (outputs is None):
            raise ValueError(
                "A functional model needs `inputs` and `outputs`. "
                f"Received: inputs={inputs}, outputs={outputs}"
            )
        if inputs is not None:
            self._graph = graph_between(inputs, outputs)
            for operation in self._graph.operations:
                self._owned(operation)
            self.built = True
            if not trainable:
                self.trainable = False

    def _static_graph(self) -> Graph | None:
        """The graph that a call runs; None if a subclass has a `call` of its own, or none yet."""
        cls = type(self)
        usual = cls.call is Model.call and cls.__call__ is Model.__call__
        return self._graph if usual and "call" not in vars(self) else None

    @property
    def layers(self) -> list[Layer]:
        """The layers of the model."""
        if self._graph is None:
            return list(self._sublayers)
        return [o for o in self._graph.operations if isinstance(o, Layer)]

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Compute the outputs; a subclass that is not functional implements it."""
        if self._graph is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} does not have a `call()` method implemented."
            )
        return self._run_graph(inputs)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers for inputs of this shape, the batch size first."""
        if self._graph is None and type(self).call is not Model.call:
            self.built = True
            self._probed(_symbols(input_shape, self.dtype))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if self._graph is None:
            return super().compute_output_spec(*args, **kwargs)
        return self._graph_spec(args[0])

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._graph is None:
            return Layer.compute_output_shape(self, input_shape)
        found = self._graph_spec(_symbols(input_shape, self.dtype))
        return map_structure(lambda x: x.shape, found)

    def _as_input(self, value: Any) -> Any:
        """Inputs as Tensors; a graph's are left to it, which knows their dtypes."""
        return super()._as_input(value) if self._graph is None else value

    def _ensure_built(self, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A subclass without `build` makes its weights in its first call."""
        if self._graph is not None or type(self).build is not Model.build:
            super()._ensure_built(inputs, kwargs)
        elif not self.built:
            shapes = map_structure(lambda x: getattr(x, "shape", None), inputs[0])
            self._build_config = {"input_shape": without_batch(shapes)}
            self.built = True

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer with this name, or at this index."""
        layers = self.layers
        if (name is None) == (index is None):
            raise ValueError(
                f"Provide either a layer name or layer index. Received: name={name}, index={index}"
            )
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in layers]
        raise ValueError(
            f"No such layer: {name}{did_you_mean(name, names)}. Existing layers are: {names}."
        )

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the model of: its layers and calls, if it is functional."""
        if self.functional:
            return functional_config(self)
        own = self._constructor_config() if type(self).get_config is Model.get_config else {}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """A model from what `get_config` returned, with new weights."""
        needed = {"layers", "input_layers", "output_layers"}
        if needed <= config.keys():
            return functional_from_config(cls, config, custom_objects)
        if cls in (Model, Functional):
            raise ValueError(
                f"the configuration of a functional model needs {sorted(needed)}. "
                f"Received: {sorted(map(str, config))}"
            )
        if cls.get_config is Model.get_config:
            return cls._from_arguments(config)
        return super().from_config(config)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are made of what a `.keras` file would hold, and as safely read."""
        return model_from_bytes, (model_to_bytes(self),)

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as JSON, for `models.model_from_json`; keywords go to `json.dumps`."""
        return json.dumps(registry.serialize_keras_object(self), **kwargs)

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: list[str] | None = None,
    ) -> None:
        """Print the table of layers, output shapes and parameters (`keras.Model.summary`).

        Args:
            line_length: width of the table in characters.
            positions: where its columns end, as shares of the width or as characters.
            print_fn: called with the text in place of `print`.
            expand_nested: show the layers of nested models.
            show_trainable: add a column that says which layers are trained.
            layer_range: names of the first and last layer to show.
        """
        print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )

    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        max_shard_size: None = None,
    ) -> None:
        """Write the weights to a file of them; see `saving.save_weights`."""
        if max_shard_size is not None:
            raise ValueError(
                "weights are written to one file; leave max_shard_size out. "
                f"Received: max_shard_size={max_shard_size}"
            )
        save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any
    ) -> None:
        """Read the weights in a model file; see `saving.load_weights`, also for the keywords."""
        load_weights(self, filepath, skip_mismatch, **kwargs)

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Write the whole model to a `.keras` file; see `saving.save_model`."""
        save_model(self, filepath, overwrite, zipped, **kwargs)

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "onnx",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write what the model computes outside of training to a file for other programs.

        Args:
            filepath: the file.
            format: must be `"onnx"`.
            others: see `export.export_onnx`, which takes `opset_version` too.

        The counterpart of `keras.Model.export`, whose default format is another one.

        >>> from cnn_ext import layers
        >>> inputs = layers.Input((4,))
        >>> Model(inputs, layers.Dense(2)(inputs)).export("model.onnx")
        Saved artifact at 'model.onnx'.
        """
        if format != "onnx":
            raise ValueError(
                f"Unrecognized format={format}. Supported formats are: ['onnx']; a model that "
                "Keras shall load and export itself is written by model.save('name.keras'). "
                f"Received: format={format!r}"
            )
        from cnn_ext.export import export_onnx

        check_keywords(export_onnx, "export", kwargs)
        export_onnx(self, filepath, verbose, input_signature, **kwargs)


class Functional(Model):
    """What `Model(inputs, outputs)` makes."""

    saves_layers_first = True
    functional = True

    def published_as(self) -> tuple[str, str]:
        """Keras's module and class name for such models in files."""
        return "keras.src.models.functional", "Functional"


def _symbols(shapes: Any, dtype: str) -> Any:
    return map_shapes(lambda shape: KerasTensor(shape, dtype), shapes)


registry.publish("keras", {"Model": Model})
registry.publish("keras.src.models.functional", {"Functional": Functional})
