"""Model: a layer of layers that can be trained, summed up and saved."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from cnn_ext._errors import did_you_mean
from cnn_ext.layers import Layer
from cnn_ext.saving import load_weights, save_weights
from cnn_ext.training import Trainer
from cnn_ext.utils.summary import print_summary


class Model(Trainer, Layer):
    """A layer that is made of layers (`keras.Model`): subclass it, or use Sequential.

    A subclass makes its layers in `__init__` and uses them in `call(inputs)`, which may take
    `training`. See `Trainer` for compile, fit, evaluate and predict.

    >>> import numpy as np
    >>> from cnn_ext import layers
    >>> class Twice(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = layers.Dense(3)
    ...     def call(self, inputs):
    ...         return self.dense(inputs) * 2
    >>> Twice()(np.ones((1, 2))).shape
    (1, 3)
    """

    def __init__(self, *, name: str | None = None, trainable: bool = True, dtype: Any = None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)

    @property
    def layers(self) -> list[Layer]:
        """The layers of the model."""
        return list(self._sublayers)

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

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to a `.weights.h5` file; see `saving.save_weights`."""
        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Read the weights from a `.weights.h5` file; see `saving.load_weights`."""
        load_weights(self, filepath, skip_mismatch)

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Not supported yet; use `save_weights`."""
        raise NotImplementedError(
            "saving whole models is not supported yet; use model.save_weights('name.weights.h5'). "
            f"Received: filepath={os.fspath(filepath)}"
        )
