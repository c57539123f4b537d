"""cnn_ext: small, fast convolutional networks on the CPU, in Keras's words.

    import cnn_ext as keras

The names are Keras's: `keras.Sequential`, `keras.layers`, `keras.losses`, ... Beside them are
`autograd` (Tensor, grad, value_and_grad) and `testing` (gradient checks).
"""

try:
    from cnn_ext import _kernels
except ImportError as error:
    raise ImportError(
        "cnn_ext's compiled kernels are missing. In a checkout, install the package with "
        "`pip install .` and run from another folder, or use `pip install -e .`"
    ) from error

from cnn_ext import (
    activations,
    autograd,
    callbacks,
    config,
    constraints,
    datasets,
    environment,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    testing,
    utils,
)
from cnn_ext._errors import missing_attribute
from cnn_ext._kernels import get_num_threads, set_num_threads
from cnn_ext.autograd import Tensor, Variable, grad, no_grad, value_and_grad
from cnn_ext.environment import __version__, show_config
from cnn_ext.initializers import Initializer
from cnn_ext.layers import Input, InputLayer, Layer
from cnn_ext.losses import Loss
from cnn_ext.metrics import Metric
from cnn_ext.models import Model, Sequential
from cnn_ext.optimizers import Optimizer
from cnn_ext.regularizers import Regularizer

__all__ = [
    "Initializer",
    "Input",
    "InputLayer",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Tensor",
    "Variable",
    "activations",
    "autograd",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "environment",
    "get_num_threads",
    "grad",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "show_config",
    "testing",
    "utils",
    "value_and_grad",
]

__getattr__ = missing_attribute(__name__, __all__)
