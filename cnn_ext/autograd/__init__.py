"""Reverse-mode automatic differentiation: Tensor, primitives, the backward engine.

An operation on Tensors computes at once and leaves a `Node` that remembers its inputs. `backward`
walks the nodes from the newest to the oldest and asks each primitive's gradient rules for what is
wanted. Rules are written in operations: on arrays they just compute; on Tensors (with
`create_graph=True`) they are recorded, and so can be differentiated again.

This package knows no operation by name; `cnn_ext.ops` defines them.
"""

from cnn_ext.autograd.engine import backward, grad, gradients, value_and_grad
from cnn_ext.autograd.primitives import PRIMITIVES, Primitive, primitive, remember
from cnn_ext.autograd.tensor import Tensor, as_array, is_recording, no_grad
from cnn_ext.autograd.variable import Variable

__all__ = [
    "PRIMITIVES",
    "Primitive",
    "Tensor",
    "Variable",
    "as_array",
    "backward",
    "grad",
    "gradients",
    "is_recording",
    "no_grad",
    "primitive",
    "remember",
    "value_and_grad",
]
