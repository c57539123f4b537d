"""SKLearnClassifier, SKLearnRegressor, SKLearnTransformer."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, TransformerMixin

from cnn_ext.wrappers.base import SKLBase


class SKLearnClassifier(ClassifierMixin, SKLBase):
    """A model as a classifier of scikit-learn (`keras.wrappers.SKLearnClassifier`).

    Args:
        model: a compiled model, which stays as it is: each `fit` trains a clone with new weights;
            or a function `build(X, y, **model_kwargs)` that returns a compiled model. Its `y`, and
            what the model learns, is one-hot, of shape (samples, classes).
        warm_start: whether `fit` goes on with the model of the fit before; the first fit then
            trains `model` itself.
        model_kwargs: keyword arguments for the function.
        fit_kwargs: keyword arguments for the model's `fit`.

    Fitted, it has `classes_`, `n_features_in_`, `model_` and `history_`.

    >>> import cnn_ext as keras
    >>> def build(X, y, units):
    ...     layers = keras.layers
    ...     model = keras.Sequential([layers.Input(X.shape[1:]), layers.Dense(units, "relu"),
    ...                               layers.Dense(y.shape[1], "softmax")])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> classifier = SKLearnClassifier(build, model_kwargs={"units": 8}, fit_kwargs={"verbose": 0})
    >>> X = np.random.default_rng(0).normal(size=(20, 4))
    >>> y = np.where(X[:, 0] > 0, "right", "left")
    >>> classifier.fit(X, y).predict(X).shape
    (20,)
    >>> classifier.classes_.tolist()
    ['left', 'right']
    """

    classes_: np.ndarray

    def decision_function(self, X: Any) -> np.ndarray:
        """What the model gives for each class: probabilities or logits, (samples, classes)."""
        return self._outputs(X)

    def _encoded(self, y: np.ndarray, kind: str) -> np.ndarray:
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"Only binary and multiclass target types are supported. Target type: {kind}"
            )
        if not (self.warm_start and hasattr(self, "model_")):
            self.classes_ = np.unique(y)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(
                f"with warm_start=True the classes must be those of the fit before, "
                f"{self.classes_.tolist()}. Received: {unknown.tolist()} among the targets"
            )
        return (y[:, None] == self.classes_).astype(np.float64)

    def _decoded(self, outputs: np.ndarray) -> np.ndarray:
        return self.classes_[outputs.argmax(axis=-1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, SKLBase):
    """A model as a regressor of scikit-learn (`keras.wrappers.SKLearnRegressor`).

    Args:
        model: a compiled model, which stays as it is: each `fit` trains a clone with new weights;
            or a function `build(X, y, **model_kwargs)` that returns a compiled model. Its `y`, and
            what the model learns, is of shape (samples, 1).
        warm_start: whether `fit` goes on with the model of the fit before; the first fit then
            trains `model` itself.
        model_kwargs: keyword arguments for the function.
        fit_kwargs: keyword arguments for the model's `fit`.

    Fitted, it has `n_features_in_`, `model_` and `history_`.

    >>> import cnn_ext as keras
    >>> model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> X = np.random.default_rng(0).normal(size=(20, 4))
    >>> regressor = SKLearnRegressor(model, fit_kwargs={"verbose": 0}).fit(X, X.sum(axis=1))
    >>> regressor.predict(X).shape
    (20,)
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, SKLBase):
    """A model as a transformer of scikit-learn (`keras.wrappers.SKLearnTransformer`).

    Args:
        model: a compiled model, which stays as it is: each `fit` trains a clone with new weights;
            or a function `build(X, y, **model_kwargs)` that returns a compiled model. Its `y`, and
            what the model learns, is of shape (samples, 1).
        warm_start: whether `fit` goes on with the model of the fit before; the first fit then
            trains `model` itself.
        model_kwargs: keyword arguments for the function.
        fit_kwargs: keyword arguments for the model's `fit`.

    Fitted, it has `n_features_in_`, `model_` and `history_`.

    >>> import cnn_ext as keras
    >>> model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> X = np.random.default_rng(0).normal(size=(20, 4))
    >>> transformer = SKLearnTransformer(model, fit_kwargs={"verbose": 0})
    >>> transformer.fit_transform(X, X.sum(axis=1)).shape
    (20, 1)
    """

    def transform(self, X: Any) -> np.ndarray:
        """The fitted model's outputs for samples."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
