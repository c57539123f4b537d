"""Losses by Keras's names: the functions give one number a sample, the classes reduce them."""

from __future__ import annotations

from typing import Any

from cnn_ext import registry
from cnn_ext._errors import missing_attribute
from cnn_ext.losses.base import Loss, LossFunctionWrapper
from cnn_ext.losses.compiled import Crossentropy
from cnn_ext.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from cnn_ext.losses.divergence import KLDivergence, Poisson, kl_divergence, poisson
from cnn_ext.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from cnn_ext.losses.margins import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from cnn_ext.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from cnn_ext.losses.segmentation import Dice, Tversky, dice, tversky
from cnn_ext.losses.similarity import Circle, circle

# Each function with the class that reduces it.
_CLASS_OF = {
    binary_crossentropy: BinaryCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    categorical_generalized_cross_entropy: CategoricalGeneralizedCrossEntropy,
    categorical_hinge: CategoricalHinge,
    circle: Circle,
    cosine_similarity: CosineSimilarity,
    dice: Dice,
    hinge: Hinge,
    huber: Huber,
    kl_divergence: KLDivergence,
    log_cosh: LogCosh,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_error: MeanSquaredError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    poisson: Poisson,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    squared_hinge: SquaredHinge,
    tversky: Tversky,
}
FUNCTIONS = {function.__name__: function for function in _CLASS_OF}
"""The losses that are functions, by name."""

_SHORT = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
}
_PUBLISHED: dict[str, Any] = {
    "Loss": Loss,
    **{cls.__name__: cls for cls in _CLASS_OF.values()},
    **FUNCTIONS,
}
_KNOWN = {
    **_PUBLISHED,
    "LossFunctionWrapper": LossFunctionWrapper,
    **_SHORT,
    **{name.upper(): function for name, function in _SHORT.items()},
}

get, serialize, deserialize = registry.family("loss", "keras.losses", _KNOWN, _PUBLISHED)
registry.publish("keras.src.losses.losses", {"LossFunctionWrapper": LossFunctionWrapper})


def as_loss(identifier: Any) -> Loss | None:
    """What `compile(loss=...)` takes, as a Loss: a name, a Loss, a class, a config, a function.

    Names are those of `get`, and "crossentropy" or "ce"; None for None.

    >>> as_loss("mse").name
    'mean_squared_error'
    """
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        return Crossentropy(identifier)
    found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    if found in FUNCTIONS.values():
        return _CLASS_OF[found]()
    return LossFunctionWrapper(found, name=getattr(found, "__name__", None))


__all__ = ["deserialize", "get", "serialize", *_PUBLISHED]

__getattr__ = missing_attribute(__name__, __all__)
