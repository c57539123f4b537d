"""What the three kinds of estimator share: a model that is made anew for each fit."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from cnn_ext._errors import TeachesKeywords
from cnn_ext.callbacks import History
from cnn_ext.models import Model, clone_model


class SKLBase(TeachesKeywords, BaseEstimator):
    """Base of the estimators; the arguments are those of each.

    Args:
        model: a compiled model, which stays as it is: each `fit` trains a clone with new weights;
            or a function `build(X, y, **model_kwargs)` that returns a compiled model. `y` is what
            the model shall learn: of shape (samples, outputs), for a classifier one-hot.
        warm_start: whether `fit` goes on with the model of the fit before; the first fit then
            trains `model` itself.
        model_kwargs: keyword arguments for the function.
        fit_kwargs: keyword arguments for the model's `fit`; `verbose` holds for predictions too.

    Attributes:
        model_: the fitted model.
        history_: the History that the model's `fit` returned.
    """

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        tags.input_tags.three_d_array = True
        return tags

    def __sklearn_clone__(self) -> Any:
        """An estimator with the same arguments, not fitted; of the model only if it is trained."""
        arguments = self.get_params(deep=False)
        shared = {} if self.warm_start else {"model": arguments.pop("model")}
        made = type(self)(**copy.deepcopy(arguments), **shared)
        for name in ("_metadata_request", "_sklearn_output_config"):
            if name in vars(self):
                setattr(made, name, copy.deepcopy(getattr(self, name)))
        return made

    @property
    def epoch_(self) -> int:
        """How many epochs the last `fit` trained for."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def set_fit_request(self, **kwargs: Any) -> Any:
        """Say which arguments of `fit` other estimators shall hand on to this one.

        Args:
            kwargs: True, False, None or an alias for each argument's name, as in scikit-learn's
                metadata routing.
        """
        if not sklearn.get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "This method is only available when metadata routing is enabled. You can enable "
                "it using sklearn.set_config(enable_metadata_routing=True)."
            )
        self._metadata_request = self._get_metadata_request()
        for param, alias in kwargs.items():
            self._metadata_request.fit.add_request(param=param, alias=alias)
        return self

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Train a new model.

        Args:
            X: samples: of shape (samples, features), or more axes for images.
            y: targets, of shape (samples,).
            kwargs: for the model's `fit`; they go before `fit_kwargs`.
        """
        X, y = validate_data(self, X, y, allow_nd=True)
        kind = type_of_target(y)
        if kind == "unknown":
            raise ValueError(f"Unknown label type for data: {y!r}")
        y = self._encoded(y, kind)
        model = self._model_for(X, y)
        self.history_: History = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _model_for(self, X: np.ndarray, y: np.ndarray) -> Any:
        """The model to train on these data."""
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            model = self.model if self.warm_start else clone_model(self.model)
        elif callable(self.model):
            model = self.model(X=X, y=y, **(self.model_kwargs or {}))
        else:
            model = self.model
        if not isinstance(model, Model):
            raise TypeError(
                "model must be a compiled cnn_ext model, or a function (X, y, **model_kwargs) that "
                f"returns one. Received: model={self.model!r}"
                + (f", which returned {model!r}" if model is not self.model else "")
            )
        if not model.compiled or not model.loss or not model.optimizer:
            raise RuntimeError(
                "Given model needs to be compiled, and have a loss and an optimizer. "
                f"Received: model '{model.name}'"
            )
        return model

    def _outputs(self, X: Any) -> np.ndarray:
        """What the fitted model gives for samples."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, allow_nd=True)
        return self.model_.predict(X, verbose=(self.fit_kwargs or {}).get("verbose", "auto"))

    def predict(self, X: Any) -> np.ndarray:
        """The fitted model's predictions, in the form of the targets."""
        return self._decoded(self._outputs(X))

    def _encoded(self, y: np.ndarray, kind: str) -> np.ndarray:
        """Targets as the model learns them; `kind` is scikit-learn's word for what they are."""
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _decoded(self, outputs: np.ndarray) -> np.ndarray:
        """The model's outputs in the form of the targets."""
        return outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs
