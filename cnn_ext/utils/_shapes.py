"""What shapes go into and come out of a layer, and how they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnn_ext.tree import map_structure


def input_shape(layer: Any) -> Any:
    """Shape (or list, tuple, dict of shapes) of the first input of `layer`; None if unknown."""
    shapes = _tensor_shapes(layer, "input")
    return _built_with(layer) if shapes is None else shapes


def output_shape(layer: Any) -> Any:
    """Shape (or list, tuple, dict of shapes) of the first output of `layer`; None if unknown."""
    shapes = _tensor_shapes(layer, "output")
    return _computed_shape(layer) if shapes is None else shapes


def last_output_shape(layer: Any) -> Any:
    """Shape, or list of shapes, of what the last call of `layer` gave; None if unknown."""
    nodes = getattr(layer, "_inbound_nodes", ())
    return _shapes_of(nodes[-1].output_tensors) if nodes else _computed_shape(layer)


def _computed_shape(layer: Any) -> Any:
    """The output shape of a layer that was built and never called."""
    given = _built_with(layer)
    try:
        return None if given is None else layer.compute_output_shape(given)
    except NotImplementedError:
        return None


def show_shape(shape: Any, size: Callable[[Any], str] = str) -> str:
    """`"(None, 28, 28, 1)"`: a shape, or several, in Keras's words; `size` writes one number.

    >>> show_shape((None, 10)), show_shape([(None, 3), (None, 4)]), show_shape(None)
    ('(None, 10)', '[(None, 3), (None, 4)]', '?')
    """
    if shape is None:
        return "?"
    if _is_one(shape):
        return f"({', '.join(size(n) for n in shape)})"
    if len(shape) == 1:
        return show_shape(next(iter(shape.values() if isinstance(shape, dict) else shape)), size)
    if isinstance(shape, dict):
        inner = ", ".join(f"{key}: {show_shape(value, size)}" for key, value in shape.items())
        return f"{{{inner}}}"
    inner = ", ".join(show_shape(value, size) for value in shape)
    return f"[{inner}]" if isinstance(shape, list) else f"({inner})"


def written(shape: Any) -> str:
    """A shape, or several, as pictures of models show them: in Python's words, dicts bare.

    >>> written((None,)), written({"a": (None, 3)}), written(None)
    ('(None,)', 'a: (None, 3)', '?')
    """
    if shape is None:
        return "?"
    if isinstance(shape, dict):
        shape = ", ".join(f"{key}: {value}" for key, value in shape.items())
    return str(shape).replace("{", "").replace("}", "")


def output_dtype(layer: Any) -> str:
    """Of the first output of a layer, or of each of several."""
    tensors = _tensors(layer, "output")
    if tensors is None:
        return str(getattr(layer, "compute_dtype", "?"))
    return str(map_structure(lambda x: x.dtype, tensors))


def _tensors(layer: Any, side: str) -> Any:
    """What a graph goes from or to, else what the first call got or gave; None if neither is."""
    if getattr(layer, "_graph", None) is not None:
        return getattr(layer, side)
    nodes = getattr(layer, "_inbound_nodes", ())
    if not nodes:
        return None
    tensors = getattr(nodes[0], f"{side}_tensors")
    return tensors[0] if len(tensors) == 1 else tensors


def _tensor_shapes(layer: Any, side: str) -> Any:
    tensors = _tensors(layer, side)
    return None if tensors is None else _shapes_of(tensors)


def _shapes_of(tensors: Any) -> Any:
    return map_structure(lambda x: tuple(x.shape), tensors)


def _built_with(layer: Any) -> Any:
    """The input shape that `layer` was built with, when it was built and never called."""
    config = getattr(layer, "get_build_config", lambda: None)()
    return (config or {}).get("input_shape")


def _is_one(shape: Any) -> bool:
    several = isinstance(shape, dict) or any(isinstance(n, list | tuple | dict) for n in shape)
    return not several


def steps_of(model: Any) -> list[Any]:
    """The layers of a model, and the functions of `ops` between them if it is functional."""
    layers = list(getattr(model, "layers", ()))
    if not getattr(model, "functional", False):
        return layers
    return model.operations


def class_name(step: Any) -> str:
    """What a layer or function is called in tables: `"Dense"`, `"Add"`."""
    return getattr(step, "class_name", type(step).__name__)
