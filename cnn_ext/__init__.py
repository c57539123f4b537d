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

import importlib as _importlib
from typing import Any as _Any

from cnn_ext import (
    activations,
    autograd,
    backend,
    callbacks,
    config,
    constraints,
    environment,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    plot,
    preprocessing,
    random,
    regularizers,
    saving,
    testing,
    tree,
    utils,
)
from cnn_ext._errors import missing_attribute
from cnn_ext._kernels import get_num_threads, set_num_threads
from cnn_ext.autograd import Tensor, Variable, grad, no_grad, value_and_grad
from cnn_ext.environment import __version__, show_config
from cnn_ext.initializers import Initializer
from cnn_ext.layers import Input, InputLayer, InputSpec, Layer
from cnn_ext.losses import Loss
from cnn_ext.metrics import Metric
from cnn_ext.models import Model, Sequential
from cnn_ext.naming import name_scope
from cnn_ext.optimizers import Optimizer
from cnn_ext.regularizers import Regularizer
from cnn_ext.symbolic import KerasTensor, Operation

_ON_FIRST_USE = ("datasets", "plot", "wrappers")  # modules

__all__ = [
    "Initializer",
    "Input",
    "InputLayer",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Tensor",
    "Variable",
    "activations",
    "autograd",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "environment",
    "get_num_threads",
    "grad",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "name_scope",
    "no_grad",
    "ops",
    "optimizers",
    "plot",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "show_config",
    "testing",
    "tree",
    "utils",
    "value_and_grad",
    "version",
]


def version() -> str:
    """The version of cnn_ext (`keras.version`)."""
    return __version__


def __getattr__(name: str) -> _Any:
    if name in _ON_FIRST_USE:
        return _importlib.import_module(f"cnn_ext.{name}")
    return missing_attribute(__name__, [*__all__, *_ON_FIRST_USE])(name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_ON_FIRST_USE])
