"""What each class of layers, and each operation, is in ONNX, all families together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext import layers
from cnn_ext.export import (
    activations,
    convolutions,
    functions,
    merging,
    normalizations,
    pooling,
    preprocessing,
    shapes,
)

Lower = Callable[..., Any]

FAMILIES = (
    activations, convolutions, functions, merging, normalizations, pooling, preprocessing, shapes,
)  # fmt: skip

LAYERS: dict[type, Lower] = {
    kind: lower for family in FAMILIES for kind, lower in getattr(family, "LAYERS", {}).items()
}
"""`lower(lowering, layer, inputs)` for each class of layers."""

FUNCTIONS: dict[Any, Lower] = {
    function: lower
    for family in FAMILIES
    for function, lower in getattr(family, "FUNCTIONS", {}).items()
}
"""`lower(lowering, *arguments)` for each operation, with the arguments of the operation."""

MOVES = {
    layers.Flatten, layers.Reshape, layers.Permute, layers.Identity, layers.CategoryEncoding,
}  # fmt: skip
"""Layers that leave the dtype as it is."""
