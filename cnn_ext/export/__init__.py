"""Models in other formats: ONNX.

value.py has the arrays of a graph and builder.py its nodes; lowering.py walks a model and asks the
tables of convolutions.py, activations.py, ... what each layer and operation is in ONNX;
onnx_file.py writes the file. The package onnx is imported there, on first use.
"""

from cnn_ext.export.onnx_file import export_onnx

__all__ = ["export_onnx"]
