"""Where Keras's model files say that an operation is: its module and its class there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cnn_ext.symbolic import class_names

_MODULES = {
    "core": "cast cond convert_to_tensor fori_loop map scan scatter scatter_update slice "
    "slice_update stop_gradient switch unstack vectorized_map while_loop",
    "linalg": "norm",
    "math": "erf in_top_k logsumexp rsqrt top_k",
    "nn": "adaptive_average_pool adaptive_max_pool average_pool batch_normalization "
    "binary_crossentropy categorical_crossentropy celu conv conv_transpose depthwise_conv elu gelu "
    "glu hard_shrink hard_sigmoid hard_silu hard_tanh layer_normalization leaky_relu log_sigmoid "
    "log_softmax max_pool moments multi_hot normalize one_hot psnr relu relu6 rms_normalization "
    "selu separable_conv sigmoid silu soft_shrink softmax softplus softsign "
    "sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink "
    "threshold",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}
_CLASSES = {
    "allclose": "AllClose",
    "hsv_to_rgb": "HSVToRGB",
    "psnr": "PSNR",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
}  # the others are the operation's name in capitals: expand_dims is ExpandDims


def place(operations: Mapping[str, Callable[..., Any]], module: str | None = None) -> None:
    """Let models with these operations be written and read; `module` is theirs if it is one."""
    for name, operation in operations.items():
        own = getattr(operation, "__name__", name)
        where = module or _MODULE_OF.get(own, "numpy")
        written = _CLASSES.get(own) or "".join(part.capitalize() for part in own.split("_"))
        class_names[operation] = f"keras.src.ops.{where}", written
