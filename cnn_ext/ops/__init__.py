"""Operations on arrays and Tensors, with the names of `keras.ops`.

Called on NumPy arrays they return arrays; called on Tensors they are recorded for `backward`. Each
stands next to its gradient, which is written in operations and so can be differentiated again.
"""

import types as _types

from cnn_ext import registry as _registry
from cnn_ext._errors import missing_attribute
from cnn_ext.ops import image
from cnn_ext.ops import operators as _operators
from cnn_ext.ops.activation import (
    celu,
    elu,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    silu,
    soft_shrink,
    softmax,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh_shrink,
    threshold,
)
from cnn_ext.ops.adaptive_pooling import adaptive_average_pool, adaptive_max_pool
from cnn_ext.ops.conv import (
    conv,
    conv2d,
    conv2d_backward_input,
    conv2d_backward_weight,
)
from cnn_ext.ops.conv_transpose import conv_transpose
from cnn_ext.ops.depthwise import depthwise_conv, separable_conv
from cnn_ext.ops.elementwise import (
    absolute,
    add,
    add_bias,
    cast,
    clip,
    column_sum,
    divide,
    equal,
    exp,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    power,
    relu,
    relu_backward,
    sigmoid,
    sign,
    softplus,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from cnn_ext.ops.functions import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cos,
    cosh,
    erf,
    exp2,
    expm1,
    log2,
    log10,
    reciprocal,
    rsqrt,
    sin,
    sinh,
    tan,
)
from cnn_ext.ops.fused import (
    conv2d_relu_pool,
    conv2d_relu_pool_backward_input,
    conv2d_relu_pool_backward_weight,
    conv_relu_max_pool,
)
from cnn_ext.ops.linalg import matmul, swapaxes
from cnn_ext.ops.nn import (
    binary_crossentropy,
    categorical_crossentropy,
    multi_hot,
    one_hot,
    sparse_categorical_crossentropy,
)
from cnn_ext.ops.normalization import (
    batch_normalization,
    layer_normalization,
    moments,
    normalize,
    psnr,
    rms_normalization,
)
from cnn_ext.ops.pooling import (
    average_pool,
    average_pool2d,
    average_pool2d_backward,
    max_pool,
    max_pool2d,
    max_pool2d_backward,
    max_pool2d_gather,
)
from cnn_ext.ops.reduction import argmax, argmin, logsumexp, max, mean, min, std, sum, var
from cnn_ext.ops.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    getitem,
    pad,
    reshape,
    scatter_add,
    squeeze,
    stack,
    take_along_axis,
    transpose,
)
from cnn_ext.symbolic import accepts_symbols as _accepts_symbols

for _name, _value in list(globals().items()):
    if isinstance(_value, _types.FunctionType) and _value is not missing_attribute:
        globals()[_name] = _accepts_symbols(_value)

OPS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and not name.startswith("_") and name != "missing_attribute"
}
"""Every public operation by name."""

_registry.publish("keras.ops", OPS)

__all__ = ["OPS", *OPS]

__getattr__ = missing_attribute(__name__, __all__)
