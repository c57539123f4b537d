"""Optimizers with the formulas, names and defaults of `keras.optimizers`.

`base` turns gradients into one step of the weights: checks, accumulation, clipping, decay,
averages. Each file in `formulas` is one optimizer. SGD, RMSprop and Adam are one pass of a
compiled kernel; the others are NumPy, in place, in blocks that stay in the cache.
"""

from typing import Any

from cnn_ext import registry
from cnn_ext._errors import did_you_mean
from cnn_ext.optimizers import legacy, schedules
from cnn_ext.optimizers.base import Optimizer
from cnn_ext.optimizers.formulas.adadelta import Adadelta
from cnn_ext.optimizers.formulas.adafactor import Adafactor
from cnn_ext.optimizers.formulas.adagrad import Adagrad
from cnn_ext.optimizers.formulas.adam import Adam, AdamW
from cnn_ext.optimizers.formulas.adamax import Adamax
from cnn_ext.optimizers.formulas.ftrl import Ftrl
from cnn_ext.optimizers.formulas.lamb import Lamb
from cnn_ext.optimizers.formulas.lion import Lion
from cnn_ext.optimizers.formulas.nadam import Nadam
from cnn_ext.optimizers.formulas.rmsprop import RMSprop
from cnn_ext.optimizers.formulas.sgd import SGD

_CLASSES: tuple[type[Optimizer], ...] = (
    Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Nadam, Optimizer, RMSprop,
    SGD,
)  # fmt: skip
_BY_NAME: dict[str, Any] = {cls.__name__.lower(): cls for cls in _CLASSES if cls is not Optimizer}
_family = registry.family(
    "optimizer", "keras.optimizers", _BY_NAME, {cls.__name__: cls for cls in _CLASSES}
)

serialize = _family.serialize


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The optimizer for what `serialize` returned, or for a name; case does not matter.

    >>> float(deserialize({"class_name": "sgd", "config": {"learning_rate": 0.5}}).learning_rate)
    0.5
    """
    if isinstance(config, str) and config.lower() in _BY_NAME:
        config = config.lower()
    elif isinstance(config, dict) and str(config.get("class_name")).lower() in _BY_NAME:
        known = _BY_NAME[config["class_name"].lower()].__name__
        config = config | {"class_name": known if "module" in config else known.lower()}
    found = _family.deserialize(config, custom_objects)
    return found() if isinstance(found, type) else found


def get(identifier: Any) -> Any:
    """The optimizer for a name, a config, an Optimizer or a class; None for None.

    >>> type(get("adam")).__name__
    'Adam'
    """
    given = identifier
    if isinstance(identifier, str | dict):
        identifier = deserialize(identifier)
    elif isinstance(identifier, type) and issubclass(identifier, Optimizer):
        identifier = identifier()  # type: ignore[call-arg]
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    raise ValueError(f"Could not interpret optimizer identifier: {given}. Received: {given!r}")


__all__ = [
    "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion",
    "Nadam", "Optimizer", "RMSprop", "deserialize", "get", "legacy", "schedules", "serialize",
]  # fmt: skip

_INSTEAD = {
    "LossScaleOptimizer": "it is for float16, and models compute in float32 or float64: use the "
    "optimizer that it would wrap, with loss_scale_factor if the loss shall be scaled",
    "MultiOptimizer": "use one optimizer for all weights",
    "Muon": "use AdamW",
    "OptimizerMap": "use one optimizer for all weights",
    "ScheduleFreeAdamW": "use AdamW with a schedule from optimizers.schedules",
}


def __getattr__(name: str) -> Any:
    why = f": {_INSTEAD[name]}" if name in _INSTEAD else did_you_mean(name, __all__)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'{why}")


def __dir__() -> list[str]:
    return sorted(__all__)
