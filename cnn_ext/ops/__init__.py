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
from cnn_ext.ops.adaptive_pooling import (
    adaptive_average_pool,
    adaptive_max_pool,
)
from cnn_ext.ops.control import (
    cond,
    custom_gradient,
    fori_loop,
    map,
    scan,
    switch,
    vectorized_map,
    while_loop,
)
from cnn_ext.ops.conv import (
    conv,
    conv2d,
    conv2d_backward_input,
    conv2d_backward_weight,
)
from cnn_ext.ops.conv_transpose import (
    conv_transpose,
)
from cnn_ext.ops.creation import (
    arange,
    array,
    convert_to_numpy,
    convert_to_tensor,
    copy,
    diag,
    diagonal,
    dtype,
    empty,
    empty_like,
    eye,
    full,
    full_like,
    identity,
    is_tensor,
    linspace,
    ndim,
    ones,
    ones_like,
    shape,
    size,
    stop_gradient,
    trace,
    tri,
    tril,
    triu,
    zeros,
    zeros_like,
)
from cnn_ext.ops.depthwise import (
    depthwise_conv,
    separable_conv,
)
from cnn_ext.ops.einsum import (
    einsum,
)
from cnn_ext.ops.elementwise import (
    abs,
    absolute,
    add,
    add_bias,
    cast,
    clip,
    column_sum,
    divide,
    divide_no_nan,
    exp,
    fabs,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    nan_to_num,
    negative,
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
    true_divide,
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
from cnn_ext.ops.indexing import (
    get_item,
    getitem,
    scatter,
    scatter_add,
    scatter_update,
    slice,
    slice_update,
    take,
    take_along_axis,
)
from cnn_ext.ops.joining import (
    append,
    concatenate,
    hstack,
    meshgrid,
    pad,
    split,
    stack,
    unstack,
    vstack,
)
from cnn_ext.ops.linalg import (
    dot,
    inner,
    matmul,
    norm,
    outer,
    tensordot,
)
from cnn_ext.ops.logic import (
    all,
    allclose,
    any,
    count_nonzero,
    equal,
    greater,
    greater_equal,
    isclose,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
)
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
from cnn_ext.ops.places import place as _place
from cnn_ext.ops.pooling import (
    average_pool,
    average_pool2d,
    average_pool2d_backward,
    max_pool,
    max_pool2d,
    max_pool2d_backward,
    max_pool2d_gather,
)
from cnn_ext.ops.reduction import (
    amax,
    amin,
    average,
    cumprod,
    cumsum,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from cnn_ext.ops.rounding import (
    ceil,
    floor,
    floor_divide,
    mod,
    round,
    trunc,
)
from cnn_ext.ops.shapes import (
    broadcast_to,
    expand_dims,
    flip,
    moveaxis,
    ravel,
    repeat,
    reshape,
    roll,
    rot90,
    squeeze,
    swapaxes,
    tile,
    transpose,
)
from cnn_ext.ops.sorting import (
    argmax,
    argmin,
    argsort,
    in_top_k,
    nonzero,
    sort,
    top_k,
)
from cnn_ext.symbolic import accepts_symbols as _accepts_symbols

# What a KerasTensor knows without being computed.
_OF_SYMBOLS_TOO = ("missing_attribute", "dtype", "is_tensor", "ndim", "shape")

for _name, _value in list(globals().items()):
    if isinstance(_value, _types.FunctionType) and _name not in _OF_SYMBOLS_TOO:
        globals()[_name] = _accepts_symbols(_value)

OPS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and not name.startswith("_") and name != "missing_attribute"
}
"""Every public operation by name."""

_registry.publish("keras.ops", OPS)
_place(OPS)

__all__ = ["OPS", *OPS]

__getattr__ = missing_attribute(__name__, __all__)
