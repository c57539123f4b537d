"""A model of cnn_ext, computed by the functions of another library."""

from __future__ import annotations

from typing import Any

import numpy as np


class Interpreted:
    """Walks the model's graph; a subclass has a method for each class of layers.

    A method takes the layer, what goes in, and the layer's weights, and gives what comes out before
    the activation. `trained` and `fixed` are the weights by the layer's name, as the library
    likes them. In training, dropout drops, and normalization takes the batch's statistics.
    """

    def __init__(self, model: Any) -> None:
        self.graph = model._graph
        self.training = False
        self.trained: dict[str, list[Any]] = {}
        self.fixed: dict[str, list[Any]] = {}
        for node in self.graph.nodes:
            layer = node.operation
            for variable in getattr(layer, "weights", ()):
                kept = self.trained if variable.trainable else self.fixed
                kept.setdefault(layer.name, []).append(self.converted(layer, variable.data))

    def converted(self, layer: Any, weight: np.ndarray) -> Any:
        """A weight in the library's form and layout."""
        raise NotImplementedError

    def run(self, trained: dict, fixed: dict, x: Any, activate_last: bool = True) -> Any:
        """The model's output; its logits if the last activation is left out."""
        last = self.graph.outputs[0]

        def call(layer: Any, value: Any) -> Any:
            weights = [*trained.get(layer.name, ()), *fixed.get(layer.name, ())]
            y = getattr(self, "_" + type(layer).__name__.lower())(layer, value, *weights)
            name = getattr(getattr(layer, "activation", None), "__name__", "linear")
            if name == "linear" or (layer is final and not activate_last):
                return y
            return self.activated(name, y)

        final = next(n.operation for n in self.graph.nodes if n.output_tensors[0] is last)
        values = {id(self.graph.inputs[0]): x}
        for node in self.graph.nodes:
            if not node.is_input:
                node.run(values, call)
        return values[id(last)]

    def activated(self, name: str, x: Any) -> Any:
        raise NotImplementedError

    def _add(self, layer: Any, xs: Any) -> Any:
        return xs[0] + xs[1]


def same_padding(layer: Any, size: tuple[int, ...], window: tuple[int, ...]) -> list[list[int]]:
    """Pixels before and behind along both axes, as the layer's padding has them."""
    if layer.padding == "valid":
        return [[0, 0], [0, 0]]
    pads = []
    for axis in (0, 1):
        out = -(-size[axis] // layer.strides[axis])
        total = max(0, (out - 1) * layer.strides[axis] + window[axis] - size[axis])
        pads.append([total // 2, total - total // 2])
    return pads
