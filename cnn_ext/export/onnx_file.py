"""The ONNX file of a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from cnn_ext.environment import __version__
from cnn_ext.export.lowering import Lowering
from cnn_ext.export.value import Value
from cnn_ext.saving.replacing import replacing
from cnn_ext.tree import flatten
from cnn_ext.utils.messages import message

OPSET = 21  # that is written if none is asked for
OLDEST = 18  # which has all that is written
_MOST_BYTES = 2**31 - 2**24  # of constants: what a protobuf message can hold


def export_onnx(
    model: Any,
    filepath: str | os.PathLike[str],
    verbose: bool | None = None,
    input_signature: Any = None,
    opset_version: int | None = None,
) -> None:
    """Write what a model computes outside of training to an ONNX file.

    Args:
        model: a functional model or a Sequential that knows its input's shape.
        filepath: the file, which is replaced if it is there.
        verbose: whether to say so; None is True.
        input_signature: shapes of the inputs (`InputSpec`, `KerasTensor` or arrays) in place of
            the model's own.
        opset_version: the version of ONNX's operators, at least 18; 21 if None.

    Raises:
        ImportError: the package onnx is not installed.
        ValueError: the model is no graph of layers, or the arguments do not fit it.
        NotImplementedError: ONNX has no words for some layers, all of which are named.

    >>> import cnn_ext as keras
    >>> inputs = keras.Input((28, 28, 1), name="image")
    >>> outputs = keras.layers.Dense(10, name="digit")(keras.layers.Flatten()(inputs))
    >>> export_onnx(keras.Model(inputs, outputs), "model.onnx")
    Saved artifact at 'model.onnx'.
    >>> import onnx
    >>> [node.op_type for node in onnx.load("model.onnx").graph.node]
    ['Reshape', 'Gemm']
    """
    onnx = _onnx()
    opset = OPSET if opset_version is None else opset_version
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST <= opset <= newest:
        raise ValueError(
            f"opset_version must be from {OLDEST} to {newest}. Received: "
            f"opset_version={opset_version}"
        )
    low, inputs, outputs = _lowered(model, input_signature)
    proto = _proto(onnx, model.name, low, inputs, outputs, opset)
    onnx.checker.check_model(proto)
    path = Path(filepath)
    with replacing(path) as file:
        file.write(proto.SerializeToString())
    if verbose is None or verbose:
        message(f"Saved artifact at '{path}'.")


def _onnx() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError:
        raise ImportError("export to ONNX needs the package onnx: pip install onnx") from None
    return onnx


def _lowered(model: Any, signature: Any) -> tuple[Lowering, list[Value], list[tuple[str, Value]]]:
    """The nodes of a model, its inputs, and its outputs with their names."""
    graph = model._static_graph()
    if graph is None:
        raise ValueError(
            f"model '{model.name}' cannot be exported: there is no graph of its layers. Make it "
            "with keras.Model(inputs, outputs), or give a Sequential an Input; the call() of a "
            f"subclass is Python code. Received: {model!r}"
        )
    low = Lowering()
    shapes = _shapes(graph.inputs, signature)
    inputs = [
        Value(low, low.unique(x.name), shape, x.dtype)
        for x, shape in zip(graph.inputs, shapes, strict=True)
    ]
    names = [low.unique(name) for name in model.output_names]
    found = [low.plain(y) for y in low.graph(graph, inputs)]
    if low.refused:
        listed = "\n  ".join(low.refused)
        raise NotImplementedError(
            f"model '{model.name}' cannot be exported to ONNX because of\n  {listed}"
        )
    return low, inputs, list(zip(names, found, strict=True))


def _shapes(inputs: list[Any], signature: Any) -> list[tuple[int | None, ...]]:
    """The inputs' shapes, from a signature if there is one."""
    own = [x.shape for x in inputs]
    given = own if signature is None else [tuple(spec.shape) for spec in flatten(signature)]
    fits = len(given) == len(own) and all(
        len(a) == len(b) and all(n in (m, None) or m is None for n, m in zip(a, b, strict=True))
        for a, b in zip(own, given, strict=True)
    )
    if not fits:
        raise ValueError(
            f"input_signature does not fit the model's inputs, of shapes {own}. "
            f"Received: input_signature={signature}"
        )
    return [
        tuple(m if n is None else n for n, m in zip(a, b, strict=True))
        for a, b in zip(own, given, strict=True)
    ]


def _proto(
    onnx: Any,
    name: str,
    low: Lowering,
    inputs: list[Value],
    outputs: list[tuple[str, Value]],
    opset: int,
) -> Any:
    """The ONNX model."""
    size = sum(array.nbytes for array in low.constants.values())
    if size > _MOST_BYTES:
        raise ValueError(
            f"the weights do not fit an ONNX file, which holds at most 2 GB. Received: {size} bytes"
        )
    helper = onnx.helper
    graph = helper.make_graph(
        _nodes(helper, low, outputs),
        name,
        [_information(helper, x.name, x, named=True) for x in inputs],
        [_information(helper, given, value, named=False) for given, value in outputs],
        [onnx.numpy_helper.from_array(array, key) for key, array in low.constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    proto = helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="cnn_ext",
        producer_version=__version__,
        model_version=1,
        doc_string=f"Keras model '{name}', for inference. Images are as Keras has them.",
    )
    _name_sizes(proto, onnx.shape_inference.infer_shapes(proto, data_prop=True))
    return proto


def _nodes(helper: Any, low: Lowering, outputs: list[tuple[str, Value]]) -> list[Any]:
    """The nodes, which give the outputs under their names."""
    renamed: dict[str, str] = {}
    made = {name for node in low.nodes for name in node.outputs}
    for given, value in outputs:  # an input, or what has a name already, goes through a node
        passed_on = value.name in renamed or value.name not in made
        source = low.emit("Identity", value) if passed_on else value
        renamed[source.name] = given
    return [
        helper.make_node(
            node.operator,
            [renamed.get(x, x) for x in node.inputs],
            [renamed.get(y, y) for y in node.outputs],
            name=node.name,
            **{key: _attribute(helper, value) for key, value in node.attributes.items()},
        )
        for node in low.nodes
    ]


def _name_sizes(proto: Any, inferred: Any) -> None:
    """The outputs' unknown sizes by the names of those inputs' sizes that they equal."""
    known = {size.dim_param for x in proto.graph.input for size in x.type.tensor_type.shape.dim}
    known.discard("")
    for y, found in zip(proto.graph.output, inferred.graph.output, strict=True):
        sizes = y.type.tensor_type.shape.dim, found.type.tensor_type.shape.dim
        for size, equal in zip(*sizes, strict=True):
            if equal.dim_param in known:
                size.dim_param = equal.dim_param


def _attribute(helper: Any, value: Any) -> Any:
    return helper.np_dtype_to_tensor_dtype(value) if isinstance(value, np.dtype) else value


def _information(helper: Any, name: str, value: Value, named: bool) -> Any:
    sizes: list[Any] = list(value.shape)
    if named:
        names = ["batch", *(f"{name}_{axis}" for axis in range(1, value.rank))]
        sizes = [own if n is None else n for own, n in zip(names, sizes, strict=False)]
    dtype = helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_value_info(name, dtype, sizes)
