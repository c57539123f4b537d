"""Metrics by Keras's names: what is averaged or counted over batches, on arrays.

Results are Python floats, or arrays where a metric has several numbers.
"""

from __future__ import annotations

from typing import Any

from cnn_ext import losses, registry
from cnn_ext._errors import missing_attribute
from cnn_ext.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from cnn_ext.metrics.accuracies import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from cnn_ext.metrics.at import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from cnn_ext.metrics.auc import AUC
from cnn_ext.metrics.base import Metric
from cnn_ext.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from cnn_ext.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    concordance_correlation,
    pearson_correlation,
)
from cnn_ext.metrics.f_score import F1Score, FBetaScore
from cnn_ext.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from cnn_ext.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from cnn_ext.metrics.reduction import Mean, MeanMetricWrapper, Sum
from cnn_ext.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    R2Score,
    RootMeanSquaredError,
)
from cnn_ext.naming import snake_case

_CLASSES = {
    name: item
    for name, item in list(globals().items())
    if isinstance(item, type) and issubclass(item, Metric)
}
_SHORT = {
    "bce": BinaryCrossentropy,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
}
_KNOWN: dict[str, Any] = {
    **_CLASSES,
    **{snake_case(name): cls for name, cls in _CLASSES.items()},
    **_SHORT,
    **{name.upper(): cls for name, cls in _SHORT.items()},
}
_OWN_FUNCTIONS = {
    function.__name__: function
    for function in (
        binary_accuracy,
        categorical_accuracy,
        concordance_correlation,
        pearson_correlation,
        sparse_categorical_accuracy,
        sparse_top_k_categorical_accuracy,
        top_k_categorical_accuracy,
    )
}
_FUNCTIONS = _OWN_FUNCTIONS | {
    name: function for name, function in losses.FUNCTIONS.items() if globals().get(name) is function
}

get, serialize, deserialize = registry.family(
    "metric", "keras.metrics", _KNOWN, {**_CLASSES, **_FUNCTIONS, "accuracy": accuracy}
)


__all__ = ["deserialize", "get", "serialize", *_CLASSES, *_FUNCTIONS]

__getattr__ = missing_attribute(__name__, __all__)
